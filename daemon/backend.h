/*
 * What the daemon serves from: host key, store and everything that stands on them. Owns the three
 * connections to the store (the event loop's, the worker's, the writer's) and the tables in memory.
 * A part that cannot be opened is absent, answered as "unavailable", and tried again; nothing is
 * ever made anew beside what is there.
 */
#pragma once

#include "daemon/clockmark.h"
#include "daemon/manage.h"
#include "daemon/options.h"
#include "daemon/verifier.h"

struct backend {
        const char *state_dir;       /* borrowed */
        const char *credentials_dir; /* borrowed; NULL: none */
        char *session_socket;        /* of orgtoken-sessiond */
        struct keyhash *key;
        struct seal_memo *memo;      /* of the event loop's thread, for this key; NULL: without */
        struct rowcache *rows;       /* likewise, for `reader` */
        struct store_reader *reader; /* of the event loop's thread */
        struct store_reader *worker_reader; /* of the worker's */
        struct store_writer *writer;        /* NULL: nothing can be written now */
        int writer_error;                   /* why not; 0 */
        struct grant_table *grants;
        struct usage *usage;
        struct clockmark clock;
        struct verifier verifier;
        struct manage manage;
        bool can_verify;
        bool can_manage;
        bool is_recovered; /* no token of an earlier daemon waits to be acknowledged */
};

/* The tables, empty; nothing is opened yet. 0 or -ENOMEM. */
int backend_init(struct backend *b, const struct options *options, const char *credentials_dir,
                 int64_t private_uid);
void backend_close(struct backend *b);

/* Opens whatever is not open yet. 0: everything is; or a negative errno, and in *ret_why a sentence
   that says what is wrong and what to do (static storage). Changes what the worker uses: only while
   it has no job. */
int backend_open(struct backend *b, const char **ret_why);

/* The judging time, and in *ret_clock the clock itself. Seconds. */
int64_t backend_now(struct backend *b, int64_t *ret_clock);
/* The mark, where it is time to save it. */
bool backend_wants_mark(struct backend *b, int64_t *ret_mark);
/* After `clock reset`: forgets the mark, and serves again where its seal was what was wrong. */
void backend_reset_clock(struct backend *b);
