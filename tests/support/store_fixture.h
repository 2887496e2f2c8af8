/*
 * A store in a temporary directory, with a key, a reader and a writer, and helpers that put sealed
 * rows into it, each in a transaction of its own. Test code only: whatever fails here ends the test
 * program.
 */
#pragma once

#include "daemon/sealed.h"

#define FIXTURE_NOW INT64_C(1700000000) /* when every row was created */

struct store_fixture {
        char *dir; /* 0700, removed with all that is in it */
        struct keyhash *key;
        uint8_t key_bytes[KEYHASH_KEY_LEN];
        struct store_reader *reader; /* a connection of its own, as verification has */
        struct store_writer *writer;
        struct sealed sealed;  /* that reader, and the writer */
        struct sealed managed; /* the writer and its own reader, as the worker has */
};

/* For tests of thousands of transactions: from here on directories are made where a sync costs
   nothing, if there is a file system in memory and TMPDIR says nothing else. */
void fixture_in_memory(void);

struct store_fixture *fixture_new(void);
/* Returns NULL; NULL is fine. */
struct store_fixture *fixture_free(struct store_fixture *f);

/* Closes reader and writer, or opens them again. */
void fixture_close(struct store_fixture *f);
void fixture_open(struct store_fixture *f);

/* Puts the host key into the store's directory, where a daemon looks for it. */
void fixture_write_key(const struct store_fixture *f);

/* Each gives the new row's id. Policy of an org: no bounds, `never` allowed. */
int64_t fixture_org(struct store_fixture *f, const char *name);
int64_t fixture_user(struct store_fixture *f, const char *name, int64_t uid);
void fixture_member(struct store_fixture *f, int64_t org_id, int64_t user_id, enum role role);
/* Binds and guards the account. services: names with a blank between, in any order; NULL: every
 * service. */
void fixture_account(struct store_fixture *f, const char *name, int64_t org_id, enum role role,
                     const char *services);

/* What may differ between tokens; zeroed: the default of each. */
struct fixture_token_options {
        int64_t id;                                /* 0: random */
        const char *name;                          /* "token" */
        int64_t created_at;                        /* FIXTURE_NOW */
        int64_t expires_at;                        /* EXPIRY_NEVER */
        const char *services, *sources, *accounts; /* limits, with a blank between; NULL: none */
};

/* Makes a token and writes its whole text. options may be NULL. Gives its id. */
int64_t fixture_token(struct store_fixture *f, enum token_kind kind, int64_t owner,
                      const struct fixture_token_options *options,
                      char ret_text[static TOKEN_TEXT_MAX + 1]);
void fixture_revoke(struct store_fixture *f, int64_t token_id, int64_t at, const char *reason);
void fixture_end(struct store_fixture *f, int64_t token_id, int64_t ends_at, const char *reason,
                 int64_t successor);

/* Reads a token's row; ends the test where there is none. */
void fixture_find_token(struct store_fixture *f, int64_t token_id, struct record_token *ret);

/* The daemon's back: SQL on a connection of its own, with every check and trigger of the schema
   switched off. Seen by the open reader from its next look-up on. */
void fixture_tamper(struct store_fixture *f, const char *sql);
