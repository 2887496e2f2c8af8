/*
 * Rows as one reader found them in one state of the store, their seals checked, so that what every
 * login asks for (its org, its account, the host's policy) is neither looked up nor checked again
 * while nobody writes. Nothing is ever told of another state than the one that is asked about: the
 * state is part of what an entry is found by.
 *
 * Of fixed size; a newer entry takes the place of an older one. For one reader, one key and one
 * thread. Holds no secret.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/view.h"

struct rowcache;
int rowcache_new(struct rowcache **ret);
struct rowcache *rowcache_free(struct rowcache *c);

enum rowcache_kind {
        ROWCACHE_ORG = 1,
        ROWCACHE_ORG_NAME,
        ROWCACHE_USER,
        ROWCACHE_MEMBER,
        ROWCACHE_ACCOUNT,
        ROWCACHE_BINDINGS,
        ROWCACHE_GUARDED,
        ROWCACHE_HOST_POLICY,
        /* of tokens */
        ROWCACHE_TOKEN,
        ROWCACHE_KEY_ID,
        ROWCACHE_LIVE,
};

/* What a row is found by: its kind, and of the rest what that kind has. */
struct rowcache_key {
        enum rowcache_kind kind;
        int64_t first, second;
        struct view name, other;
};

/* What is kept: a value, or the two ends of a record around the bytes that it does not use. */
struct rowcache_value {
        void *head;
        size_t head_len;
        void *tail; /* NULL: there is none */
        size_t tail_len;
};

/* Fills the value in. state is store_state()'s; 0, of which nothing is known, finds nothing.
   head_len is the room there is: less may have been kept, and then the rest is left as it was. */
bool rowcache_find(const struct rowcache *c, int64_t state, const struct rowcache_key *key,
                   const struct rowcache_value *ret);
/* Keeps a copy. Does nothing where it is too long, or the state 0. */
void rowcache_keep(struct rowcache *c, int64_t state, const struct rowcache_key *key,
                   const struct rowcache_value *value);
