/*
 * What the protocol allows, as tables that wire.c reads in both directions: the kind and the
 * longest form of every field, what every verb takes and is answered with, and what an answer
 * holds. doc/PROTOCOL.md is the same for people. Data only: nothing is encoded or decided here. For
 * wire.c and its tests.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/wire.h"

enum wire_kind {
        WIRE_KIND_NONE = 0, /* no such field */
        WIRE_KIND_TEXT,     /* 1 to max bytes, no control characters */
        WIRE_KIND_SECRET,   /* the same; never to be shown */
        WIRE_KIND_BYTES,    /* 1 to max bytes, any */
        WIRE_KIND_NUMBER,   /* 8 bytes */
        WIRE_KIND_LIST,     /* texts under one tag, 1 to WIRE_LIST_MAX of them */
};

struct wire_field_rule {
        enum wire_kind kind;
        uint16_t max; /* bytes; of one entry, for a list */
        uint8_t list; /* which of a message's lists */
};

/* Answers that a verb may get, besides UNAVAILABLE and REFUSED, which any may. */
enum wire_answers {
        WIRE_ANSWER_VERDICT = 1, /* ALLOW, VERDICT */
        WIRE_ANSWER_DONE = 2,
        WIRE_ANSWER_ROWS = 4, /* ROW, END */
        WIRE_ANSWER_TOKEN = 8,
};

#define WIRE_NEEDS_MAX 6
#define WIRE_TAKES_MAX 8

/* The fields of one kind of message; 0 ends a shorter list. */
struct wire_fields {
        uint8_t needs[WIRE_NEEDS_MAX];
        uint8_t takes[WIRE_TAKES_MAX]; /* may be there as well */
        bool open;                     /* any other may too, but a token or a ticket */
};

struct wire_verb_rule {
        const char *name; /* NULL: no such verb */
        unsigned answers; /* enum wire_answers */
        struct wire_fields request;
};

struct wire_answer_rule {
        uint32_t magic;
        unsigned answers; /* which of a verb's answers it is; 0: any verb may get it */
        struct wire_fields fields;
};

/* The rule of a field or verb; one of kind NONE, or without a name, for a number that is none. */
const struct wire_field_rule *wire_field_rule(unsigned field);
const struct wire_verb_rule *wire_verb_rule(unsigned verb);
/* The rule of an answer by its magic; NULL for what is no answer's. */
const struct wire_answer_rule *wire_answer_rule(uint32_t magic);
