/*
 * What `orgtoken doctor` found: each with a word for scripts, a sentence for people, the place, and
 * what to type. Owns the list; finds nothing itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cli/pamstack.h"
#include "common/cleanup.h"

enum finding_level {
        FINDING_GOOD,
        FINDING_BEWARE, /* as it may be meant, with a consequence that one should know */
        FINDING_WRONG,  /* fails open, leaks, or does not work */
};

struct finding {
        enum finding_level level;
        char subject[64]; /* the service, or "host", "accounts" */
        char code[32];
        char file[160]; /* "" for none */
        unsigned line;  /* 0: none */
        char message[640];
        char mend[400]; /* "" for none */
};

struct findings {
        const char *subject; /* of those that are added next */
        struct finding *list;
        size_t count, size;
        bool failed;          /* no memory: something is missing */
        struct finding spare; /* what is handed out then */
};

/* Adds one. The pointer is good until the next; never NULL. */
struct finding *findings_add(struct findings *f, enum finding_level level, const char *code,
                             const char *format, ...) _format_(4, 5);
/* Says where: a line of a stack (NULL: nowhere), or a file. Both return x. */
struct finding *finding_at(struct finding *x, const struct pamstack_line *l);
struct finding *finding_in(struct finding *x, const char *file);
void finding_mend(struct finding *x, const char *format, ...) _format_(2, 3);

size_t findings_count(const struct findings *f, enum finding_level level);
/* Whether one of that code is there; subject NULL: of any. */
bool findings_has(const struct findings *f, const char *subject, const char *code);
void findings_free(struct findings *f);
