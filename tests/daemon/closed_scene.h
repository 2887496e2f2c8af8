/*
 * What the tests of opening a store and of damage to it begin with. Static, as each test program
 * includes it once; a program need not use all of it.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "tests/support/files.h"
#include "tests/support/store_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PAGE         4096

/* Which system calls a child is killed at: all, or a sample where the sanitizers make each fork
 * slow. */
#ifdef __SANITIZE_ADDRESS__
#define STRIDE 7
#else
#define STRIDE 1
#endif

/* A closed store with an org, a user, a member, an account and a token, and the bytes of its file.
 */
struct closed {
        struct store_fixture *f;
        char path[FILES_PATH_SIZE];
        char token_text[TOKEN_TEXT_MAX + 1];
        int64_t token;
        unsigned char *bytes;
        size_t len;
};

static _unused_ void path_in(const struct closed *c, const char *name,
                             char ret[static FILES_PATH_SIZE])
{
        files_path(c->f->dir, name, ret);
}

static _unused_ int setup(void **state)
{
        struct closed *c = calloc(1, sizeof(*c));
        int64_t org, user;

        assert_non_null(c);
        c->f = fixture_new();
        org = fixture_org(c->f, "acme");
        user = fixture_user(c->f, "alice", 1000);
        fixture_member(c->f, org, user, ROLE_ADMIN);
        fixture_account(c->f, "acme-deploy", org, ROLE_NONE, NULL);
        c->token = fixture_token(c->f, TOKEN_PAT, user, NULL, c->token_text);
        fixture_close(c->f);
        path_in(c, STORE_FILE, c->path);
        c->bytes = files_read(c->path, &c->len);
        *state = c;
        return 0;
}

static _unused_ int teardown(void **state)
{
        struct closed *c = *state;

        c->f = fixture_free(c->f);
        free(c->bytes);
        free(c);
        return 0;
}

/* The file is just as it was, and nothing was made beside it. */
static _unused_ void assert_untouched(const struct closed *c, const void *bytes, size_t len)
{
        size_t now_len;
        unsigned char *now = files_read(c->path, &now_len);

        assert_int_equal(now_len, len);
        if (len > 0)
                assert_memory_equal(now, bytes, len);
        free(now);
}
