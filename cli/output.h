/*
 * The command's ends: standard output, written whole or not at all; the terminal's width and
 * colours; and the error of a run, set where it happens and printed once, by main. Notes for people
 * go to standard error and are left out with --json.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cli/buffer.h"
#include "common/cleanup.h"
#include "common/view.h"

/* Exit statuses, as in orgtoken(1). */
enum status {
        STATUS_DONE = 0,
        STATUS_REFUSED = 1,
        STATUS_USAGE = 2,
        STATUS_UNAVAILABLE = 3,
};

/* Why a run failed; status STATUS_DONE: it did not. */
struct error {
        int status;
        char reason[64];    /* a word for scripts */
        char message[1400]; /* the sentence for people; may hold foreign text, made safe when
                               printed */
        char hint[700];     /* what to type next; "" for none */
};

/* Sets the error; an earlier one stays. Returns status, so that a function can end with it. */
int error_set(struct error *e, int status, const char *reason, const char *format, ...)
        _format_(4, 5);
/* Says what to do about it. Returns e->status. */
int error_hint(struct error *e, const char *format, ...) _format_(2, 3);
/* "no memory" */
int error_memory(struct error *e);

struct output {
        bool json;
        bool colour;    /* standard output is a terminal that shows some, and NO_COLOR is not set */
        unsigned width; /* of the terminal; 0: a pipe or a file, nothing is cut */
        struct buffer to; /* what will be written next */
};

/* Makes sure that 0, 1 and 2 are open, so that no socket or file becomes one of them (a closed
   standard output stays one that cannot be written), and that a closed pipe is an error and no
   signal. */
void output_prepare(void);

/* Looks at the terminal. */
void output_init(struct output *o, bool json);

/* Writes all of it to standard output. 0 or negative errno. */
int output_write(struct view bytes);

/* Writes what was gathered and empties it. 0, or STATUS_REFUSED with the error set. */
int output_flush(struct output *o, struct error *e);
/* The same, but only where there is enough of it to be worth a write: within long lists. */
int output_flush_long(struct output *o, struct error *e);

/* A line for people on standard error; nothing with --json. */
void output_note(const struct output *o, const char *format, ...) _format_(2, 3);

/* Prints the error as a line, or with json as a document, on standard error; one without a message
   stays silent. */
void output_error(const struct error *e, bool json);
