/*
 * The daemon's command line (orgtokend(8)). Reads arguments and nothing else; what it gives back
 * points into them. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPTIONS_USER "orgtoken" /* whom a daemon started by root becomes */

struct options {
        const char *state_dir;
        const char *runtime_dir;
        const char *user; /* where root starts it; who else names one must be it */
        bool has_user;
        int64_t grant_life; /* seconds */
        /* Work on the store instead of serving; NULL or false: not asked for. */
        const char *restore;    /* a backup */
        const char *backup_key; /* the key that one was made under */
        const char *older_than; /* WHEN in the past, unparsed: it depends on the time */
        const char *new_key;
        bool accept_lost;
        bool rotate_key;
        bool has_runtime_dir;
        bool help;
        bool version;
};

/* 0 and *ret; -EINVAL, and in error a sentence that says what is wrong. "--option VALUE" and
   "--option=VALUE" are the same; each at most once; a directory must be an absolute path. */
int options_parse(int argc, char *const *argv, struct options *ret, char *error, size_t size);

/* The text of --help. Static storage. */
const char *options_help(void);
