/* Notes of last use: coalesced, in order, bounded. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "daemon/usage.h"

static int setup(void **state)
{
        return usage_new((struct usage **)state);
}

static int teardown(void **state)
{
        *state = usage_free(*state);
        return *state != NULL;
}

static void note(struct usage *u, int64_t id, int64_t at, const char *service)
{
        struct record_last_use use = {.token_id = id, .at = at};

        (void)snprintf(use.service, sizeof(use.service), "%s", service);
        usage_note(u, &use);
}

static void test_empty(void **state)
{
        struct record_last_use use[1];

        assert_int_equal(usage_count(*state), 0);
        assert_int_equal(usage_oldest(*state), 0);
        assert_int_equal(usage_lost(*state), 0);
        assert_int_equal(usage_take(*state, use, 1), 0);
        assert_int_equal(usage_find(*state, 1, use), -ENOENT);
        assert_null(usage_free(NULL));
}

static void test_coalesces(void **state)
{
        struct record_last_use use;

        note(*state, 7, 100, "sshd");
        note(*state, 7, 200, "su");
        note(*state, 7, 150, "sudo");
        assert_int_equal(usage_count(*state), 1);
        assert_int_equal(usage_find(*state, 7, &use), 0);
        assert_int_equal(use.at, 200);
        assert_string_equal(use.service, "su");
        /* It waits since the first of them. */
        assert_int_equal(usage_oldest(*state), 100);
        /* Of two in one second the later one counts. */
        note(*state, 7, 200, "doas");
        assert_int_equal(usage_find(*state, 7, &use), 0);
        assert_string_equal(use.service, "doas");
}

static void test_oldest_first(void **state)
{
        struct record_last_use use[4];

        for (int64_t id = 1; id <= 5; id++)
                note(*state, id, 100 + id, "sshd");
        /* In constant use, and written in its turn all the same. */
        note(*state, 1, 900, "sshd");
        assert_int_equal(usage_take(*state, use, 2), 2);
        assert_int_equal(use[0].token_id, 1);
        assert_int_equal(use[0].at, 900);
        assert_int_equal(use[1].token_id, 2);
        assert_int_equal(usage_count(*state), 3);
        assert_int_equal(usage_find(*state, 1, use), -ENOENT);
        assert_int_equal(usage_take(*state, use, 4), 3);
        assert_int_equal(use[2].token_id, 5);
        assert_int_equal(usage_count(*state), 0);
        note(*state, 9, 5, "sshd");
        assert_int_equal(usage_take(*state, use, 4), 1);
        assert_int_equal(use[0].token_id, 9);
}

static void test_put_back(void **state)
{
        struct record_last_use use[2];

        note(*state, 1, 100, "sshd");
        note(*state, 2, 110, "sshd");
        assert_int_equal(usage_take(*state, use, 2), 2);
        note(*state, 1, 300, "su");
        usage_note(*state, &use[0]);
        usage_note(*state, &use[1]);
        assert_int_equal(usage_count(*state), 2);
        assert_int_equal(usage_oldest(*state), 100);
        assert_int_equal(usage_find(*state, 1, use), 0);
        assert_int_equal(use[0].at, 300);
        assert_int_equal(usage_find(*state, 2, use), 0);
        assert_int_equal(use[0].at, 110);
}

/* Ids that share a bucket, taken and found in every order. */
static void test_chains(void **state)
{
        struct record_last_use use[3];

        for (int64_t i = 0; i < 6; i++)
                note(*state, 5 + i * 2048, i + 1, "sshd");
        assert_int_equal(usage_take(*state, use, 3), 3);
        for (int64_t i = 0; i < 6; i++)
                assert_int_equal(usage_find(*state, 5 + i * 2048, use), i < 3 ? -ENOENT : 0);
        note(*state, 5, 50, "sshd");
        assert_int_equal(usage_find(*state, 5, use), 0);
        assert_int_equal(usage_count(*state), 4);
}

static void test_full(void **state)
{
        struct record_last_use use;

        for (int64_t id = 0; id < USAGE_MAX + 10; id++)
                note(*state, id * 2048 % 4096 + id / 2, id + 1, "sshd");
        assert_true(usage_count(*state) <= USAGE_MAX);
        for (int64_t id = 0; id < USAGE_MAX; id++)
                note(*state, 1000000 + id, 50000 + id, "su");
        assert_int_equal(usage_count(*state), USAGE_MAX);
        assert_true(usage_lost(*state) >= 10);
        for (int64_t id = 0; id < USAGE_MAX; id++)
                assert_int_equal(usage_find(*state, 1000000 + id, &use), 0);
        assert_int_equal(usage_find(*state, 0, &use), -ENOENT);
        assert_int_equal(usage_oldest(*state), 50000);
        int64_t lost = usage_lost(*state);
        note(*state, 1, 99999, "su");
        assert_int_equal(usage_lost(*state), lost + 1);
        assert_int_equal(usage_find(*state, 1000000, &use), -ENOENT);
        assert_int_equal(usage_find(*state, 1000001, &use), 0);
        /* What is there already takes no more room. */
        note(*state, 1, 100000, "su");
        assert_int_equal(usage_lost(*state), lost + 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
                cmocka_unit_test_setup_teardown(test_coalesces, setup, teardown),
                cmocka_unit_test_setup_teardown(test_oldest_first, setup, teardown),
                cmocka_unit_test_setup_teardown(test_put_back, setup, teardown),
                cmocka_unit_test_setup_teardown(test_chains, setup, teardown),
                cmocka_unit_test_setup_teardown(test_full, setup, teardown),
        };

        return cmocka_run_group_tests_name("usage", tests, NULL, NULL);
}
