/*
 * A store engine in memory, for tests of the rules: the look-ups and puts of daemon/store.h that
 * seals, decision and verifier use. Being a second engine it also proves that the interface is one.
 * Rows are open to the test, which plays the one who writes the database behind the daemon's back,
 * and any look-up can be made to fail. One thread.
 */
#pragma once

#include <stddef.h>

#include "daemon/store.h"

/* Rows of one type, contiguous. */
struct memory_table {
        unsigned char *rows;
        size_t row_size;
        size_t count;
        size_t size;
};

enum memory_kind {
        MEMORY_ORG,
        MEMORY_USER,
        MEMORY_MEMBER,
        MEMORY_TOKEN,
        MEMORY_ACCOUNT,
        MEMORY_GUARDED,
        MEMORY_USE,
        MEMORY_KINDS,
};

struct store_reader {
        struct memory_table table[MEMORY_KINDS];
        struct policy host;
        uint8_t host_mac[RECORD_MAC_LEN];
        bool has_host;
        int64_t mark;
        uint8_t mark_mac[RECORD_MAC_LEN];
        int64_t fingerprint;
        int64_t state; /* what store_state() tells: 0 until a test says otherwise */
        bool in_transaction;
        unsigned begun;   /* read transactions so far */
        unsigned lookups; /* so far, outside a read transaction as well */
        unsigned outside; /* of these, outside one */
        unsigned fail_at; /* the look-up of this number fails; 0: none */
        int fail_with;
        unsigned misplace; /* bit per table: look-ups but by id find its first row, whatever is
                              asked */
        struct store_writer *writer;
};

/* Makes an empty store. Aborts where there is no memory. */
struct store_reader *memory_store_new(int64_t fingerprint);
struct store_reader *memory_store_free(struct store_reader *r);

/* Row number i of a table, to look at or to change. */
void *memory_store_row(struct store_reader *r, enum memory_kind kind, size_t i);
struct record_token *memory_store_token(struct store_reader *r, int64_t id);

/* Forgets all rows. */
void memory_store_clear(struct store_reader *r);
/* Lets the look-up `nth` from here (1: the next) fail with this errno; 0: none. */
void memory_store_fail(struct store_reader *r, unsigned nth, int error);
