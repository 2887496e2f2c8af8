/*
 * The scene that the tests of the decision play in: two orgs, a user who is in both, a bound
 * account. Static, as each test program includes it once; a program need not use all of it.
 */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "daemon/limits.h"
#include "daemon/resolve.h"
#include "daemon/verify.h"
#include "tests/support/world.h"

#define NOW          WORLD_NOW
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* acme and globex; alice, a member of both; deploy bound to acme. */
struct scene {
        struct world *w;
        int64_t acme, globex, alice, bob;
        struct world_token pat, key;
};

static _unused_ int setup(void **state)
{
        static struct scene s;

        s.w = world_new();
        s.acme = world_org(s.w, "acme");
        s.globex = world_org(s.w, "globex");
        s.alice = world_user(s.w, "alice");
        s.bob = world_user(s.w, "bob");
        world_member(s.w, s.acme, s.alice, ROLE_MEMBER);
        world_member(s.w, s.globex, s.alice, ROLE_ADMIN);
        world_bind(s.w, "deploy", s.acme, ROLE_NONE, NULL);
        s.pat = world_pat(s.w, s.alice);
        s.key = world_key(s.w, s.acme);
        *state = &s;
        return 0;
}

static _unused_ int teardown(void **state)
{
        struct scene *s = *state;

        s->w = world_free(s->w);
        return 0;
}

/* alice's own login, org by suffix. */
static _unused_ struct verify_input own(const struct scene *s)
{
        return (struct verify_input){.token = world_type(&s->pat, "@acme"),
                                     .account = VIEW("alice"),
                                     .service = VIEW("sshd")};
}

/* alice becomes deploy. */
static _unused_ struct verify_input elevation(const struct scene *s)
{
        struct verify_input in = own(s);

        in.account = VIEW("deploy");
        in.actor = VIEW("alice");
        in.service = VIEW("su");
        return in;
}

static _unused_ struct verify_input by_key(const struct scene *s)
{
        return (struct verify_input){.token = world_type(&s->key, ""),
                                     .account = VIEW("deploy"),
                                     .service = VIEW("sshd"),
                                     .source = VIEW("10.0.0.7")};
}

static _unused_ struct verify_output decide_at(const struct scene *s, const struct verify_input *in,
                                               int64_t now)
{
        struct verify_output out;

        memset(&out, 0x5a, sizeof(out));
        assert_int_equal(verify_token(&s->w->sealed, in, now, NULL, &out), 0);
        /* Whatever refuses can be told what it would take. */
        assert_int_equal(verify_advice(out.reason)[0] != '\0', out.verdict != VERDICT_ALLOW);
        return out;
}

static _unused_ struct verify_output decide(const struct scene *s, const struct verify_input *in)
{
        return decide_at(s, in, NOW);
}

static _unused_ void expect_at(const struct scene *s, const struct verify_input *in, int64_t now,
                               enum verdict verdict, const char *reason)
{
        struct verify_output out = decide_at(s, in, now);

        assert_string_equal(verdict_to_string(out.verdict), verdict_to_string(verdict));
        assert_string_equal(out.reason, reason);
}

static _unused_ void expect(const struct scene *s, const struct verify_input *in,
                            enum verdict verdict, const char *reason)
{
        expect_at(s, in, NOW, verdict, reason);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
