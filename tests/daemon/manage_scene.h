/*
 * What tests of the management verbs begin with: acme, and alice, who administers it. Static, as
 * each test program includes it once.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/manage_fixture.h"

static int setup(void **state)
{
        struct manage_fixture *f = manage_fixture_new();

        make_org(f, "acme");
        make_member(f, "acme", "alice", ROLE_ADMIN);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        *state = manage_fixture_free(*state);
        return 0;
}
