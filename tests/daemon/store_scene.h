/*
 * What the tests of the store begin with: an empty one, and rows for it. Static, as each test
 * program includes it once; a program need not use all of it.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "tests/support/store_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW          FIXTURE_NOW

static _unused_ int setup(void **state)
{
        *state = fixture_new();
        return 0;
}

static _unused_ int teardown(void **state)
{
        *state = fixture_free(*state);
        return 0;
}

static _unused_ int64_t revision_of(struct store_reader *r)
{
        struct store_freshness freshness = {0};

        assert_int_equal(store_freshness(r, &freshness), 0);
        assert_true(freshness.authoritative);
        return freshness.revision;
}

static _unused_ void begin(struct store_fixture *f)
{
        assert_int_equal(store_write_begin(f->writer), 0);
}

static _unused_ int64_t commit(struct store_fixture *f)
{
        int64_t revision = -1;

        assert_int_equal(store_write_commit(f->writer, &revision), 0);
        return revision;
}

static _unused_ struct record_org org_named(int64_t id, const char *name)
{
        struct record_org org = {.id = id, .created_at = NOW};

        (void)view_copy(view_of(name), org.name, sizeof(org.name));
        return org;
}

/* A row for the store alone: its seal is none. */
static _unused_ struct record_token token_of(int64_t id, enum token_kind kind, int64_t owner)
{
        struct record_token token = {.id = id,
                                     .kind = kind,
                                     .owner = owner,
                                     .name = "a name",
                                     .created_at = NOW,
                                     .expires_at = EXPIRY_NEVER,
                                     .has_proof = true,
                                     .key_fingerprint = 1,
                                     .ends_at = EXPIRY_NEVER,
                                     .successor = -1};

        return token;
}
