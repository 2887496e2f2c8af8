/*
 * The command line: which row of the table it means, and the values given for the row's arguments.
 * Whatever is wrong is told with what is accepted and what is near. Pure, but for the table.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/command.h"
#include "cli/output.h"

struct arg_given {
        const struct arg *arg;
        const char *text;      /* "" for a flag */
        enum wire_field field; /* of the argument; for a policy, of its word */
        int64_t number;        /* what the text was parsed to, where its kind is parsed */
};

struct args {
        const struct command *command; /* NULL: help about everything, or about a noun */
        const char *noun;              /* for help; NULL: none was given */
        const char *socket;            /* --socket, or NULL */
        bool json;
        bool help;
        bool version;
        struct arg_given *given; /* in the order of the line */
        size_t count;
};

/* Parses the words behind the program's name. now is for WHEN. STATUS_DONE, or STATUS_USAGE with
   the error set (STATUS_UNAVAILABLE without memory). *ret may be freed, and its json holds, in
   either case. */
int args_parse(int count, char *const *words, int64_t now, struct args *ret, struct error *e);
void args_free(struct args *a);
#define _cleanup_args_ _cleanup_(args_free)

/* The text of an argument by its field or name; NULL where it was not given. */
const char *args_text(const struct args *a, enum wire_field field);
const char *args_text_of(const struct args *a, const char *name);
bool args_has(const struct args *a, const char *name);
/* The number-th text given for an argument of that name, from 0; NULL behind the last. */
const char *args_nth_text(const struct args *a, const char *name, size_t number);

/* Puts the values into a request. Text that cannot travel (empty, control characters, too long,
   more entries than a list holds) is refused here, as the daemon would: STATUS_REFUSED with the
   error set. */
int args_put(const struct args *a, struct wire_message *request, struct error *e);
