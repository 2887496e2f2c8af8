/* Grants: who is found, for how long, and who gives way. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "daemon/grant.h"

#define NOW INT64_C(1800000000)

static int setup(void **state)
{
        return grant_table_new(GRANT_LIFE_SECONDS, (struct grant_table **)state);
}

static int teardown(void **state)
{
        *state = grant_table_free(*state);
        return *state != NULL;
}

static struct record_grant make(const char *actor, int64_t uid, int64_t org, int64_t token,
                                const char *account, int64_t at)
{
        struct record_grant g = {.real_uid = uid,
                                 .org_id = org,
                                 .token_id = token,
                                 .first_at = at,
                                 .renewed_at = at};

        (void)snprintf(g.actor, sizeof(g.actor), "%s", actor);
        (void)snprintf(g.account, sizeof(g.account), "%s", account);
        return g;
}

static void add(struct grant_table *t, const struct record_grant *g)
{
        struct record_grant written;

        assert_int_equal(grant_add(t, g, &written), 0);
        assert_memory_equal(&written, g, sizeof(*g));
}

static size_t count(const struct grant_table *t, const char *actor, int64_t uid, int64_t now)
{
        size_t index = 0, n = 0;

        while (grant_next(t, view_of(actor), uid, now, &index))
                n++;
        return n;
}

static void test_services(void **state)
{
        static const char *const no[] = {"sshd", "sud", "sudo-", "su-", "su-l ", "SU", "login", ""};

        (void)state;
        assert_true(grant_service_is_eligible(VIEW("sudo")));
        assert_true(grant_service_is_eligible(VIEW("sudo-i")));
        assert_true(grant_service_is_eligible(VIEW("su")));
        assert_true(grant_service_is_eligible(VIEW("su-l")));
        assert_true(grant_service_is_eligible(VIEW("doas")));
        for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
                assert_false(grant_service_is_eligible(view_of(no[i])));
        assert_false(grant_service_is_eligible(VIEW_ABSENT));
}

static void test_found_by_actor_and_uid(void **state)
{
        struct record_grant g = make("alice", 1000, 1, 5, "", NOW);

        assert_null(grant_table_free(NULL));
        assert_int_equal(count(*state, "alice", 1000, NOW), 0);
        add(*state, &g);
        assert_int_equal(count(*state, "alice", 1000, NOW), 1);
        assert_int_equal(count(*state, "alice", 1001, NOW), 0);
        assert_int_equal(count(*state, "alice", 0, NOW), 1);
        assert_int_equal(count(*state, "bob", 1000, NOW), 0);
        assert_int_equal(count(*state, "alic", 1000, NOW), 0);
        assert_int_equal(count(*state, "", 1000, NOW), 0);
}

static void test_keyed_by_all_five(void **state)
{
        const struct record_grant some[] = {
                make("alice", 1000, 1, 5, "", NOW), make("bob", 1000, 1, 5, "", NOW),
                make("alice", 1001, 1, 5, "", NOW), make("alice", 1000, 2, 5, "", NOW),
                make("alice", 1000, 1, 6, "", NOW), make("alice", 1000, 1, 5, "dba", NOW),
                make("alice", 1000, 1, 5, "", NOW),
        };

        for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
                add(*state, &some[i]);
        assert_int_equal(grant_count(*state), 6);
        assert_int_equal(count(*state, "alice", 0, NOW), 5);
        for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
                grant_drop(*state, &some[i]);
        assert_int_equal(grant_count(*state), 0);
}

static void test_life(void **state)
{
        struct record_grant g = make("alice", 1000, 1, 5, "", NOW);

        add(*state, &g);
        assert_int_equal(count(*state, "alice", 1000, NOW + GRANT_LIFE_SECONDS - 1), 1);
        assert_int_equal(count(*state, "alice", 1000, NOW + GRANT_LIFE_SECONDS), 0);
        assert_int_equal(count(*state, "alice", 1000, NOW - 1), 0);
        assert_int_equal(grant_expire(*state, NOW + GRANT_LIFE_SECONDS - 1), 1);
        assert_int_equal(grant_expire(*state, NOW + GRANT_LIFE_SECONDS), 0);
        assert_int_equal(grant_count(*state), 0);
}

static void test_renewal(void **state)
{
        struct record_grant g = make("alice", 1000, 1, 5, "", NOW), r;
        int64_t now = NOW;

        add(*state, &g);
        while (now + 800 < NOW + GRANT_TOTAL) {
                now += 800;
                assert_int_equal(grant_renew(*state, &g, now, &r), 0);
                assert_int_equal(r.first_at, NOW);
                assert_int_equal(r.renewed_at, now);
        }
        assert_int_equal(count(*state, "alice", 1000, NOW + GRANT_TOTAL - 1), 1);
        assert_int_equal(count(*state, "alice", 1000, NOW + GRANT_TOTAL), 0);
        assert_int_equal(grant_renew(*state, &g, NOW + GRANT_TOTAL, &r), -ENOENT);
        /* A token given anew begins anew. */
        g.first_at = g.renewed_at = NOW + GRANT_TOTAL;
        add(*state, &g);
        assert_int_equal(grant_count(*state), 1);
        assert_int_equal(count(*state, "alice", 1000, NOW + GRANT_TOTAL + 10), 1);
}

static void test_what_is_over_is_not_renewed(void **state)
{
        struct record_grant g = make("alice", 1000, 1, 5, "", NOW), r;
        struct record_grant other = make("alice", 1000, 1, 6, "", NOW);

        add(*state, &g);
        assert_int_equal(grant_renew(*state, &g, NOW + GRANT_LIFE_SECONDS, &r), -ENOENT);
        assert_int_equal(grant_renew(*state, &g, NOW - 1, &r), -ENOENT);
        assert_int_equal(grant_renew(*state, &other, NOW, &r), -ENOENT);
        assert_int_equal(grant_renew(*state, &g, NOW + GRANT_LIFE_SECONDS - 1, &r), 0);
}

/* The clock went back between the first proof and a renewal: neither may lie in the future. */
static void test_future_is_not_live(void **state)
{
        struct record_grant g = make("alice", 1000, 1, 5, "", NOW);

        g.first_at = NOW + 50;
        assert_int_equal(grant_load(*state, &g), 0);
        assert_int_equal(count(*state, "alice", 1000, NOW + 10), 0);
        assert_int_equal(count(*state, "alice", 1000, NOW + 50), 1);
        assert_int_equal(grant_expire(*state, NOW + 10), 1);
        assert_int_equal(grant_expire(*state, NOW + 50 - GRANT_LIFE_SECONDS + 1), 1);
        assert_int_equal(grant_expire(*state, NOW + 50 - GRANT_LIFE_SECONDS), 0);
}

static void test_per_actor(void **state)
{
        struct record_grant bob = make("bob", 1001, 1, 1, "", NOW - 10);
        size_t index = 0;

        add(*state, &bob);
        for (int i = 0; i < GRANT_PER_ACTOR + 3; i++) {
                struct record_grant g = make("alice", 1000, 1, i, "", NOW + i);

                add(*state, &g);
        }
        assert_int_equal(grant_count(*state), GRANT_PER_ACTOR + 1);
        assert_int_equal(count(*state, "bob", 1001, NOW + 40), 1);
        for (;;) {
                const struct record_grant *g =
                        grant_next(*state, VIEW("alice"), 1000, NOW + 40, &index);

                if (!g)
                        break;
                assert_true(g->token_id >= 3);
        }
}

static void test_in_all(void **state)
{
        for (int i = 0; i < GRANT_MAX; i++) {
                char actor[20];
                struct record_grant g;

                (void)snprintf(actor, sizeof(actor), "u%d", i / 16);
                g = make(actor, 1000, 1, i, "", NOW + (i == 77 ? -5 : 0));
                add(*state, &g);
        }
        assert_int_equal(grant_count(*state), GRANT_MAX);
        struct record_grant late = make("late", 1000, 1, 1, "", NOW + 1);
        add(*state, &late);
        assert_int_equal(grant_count(*state), GRANT_MAX);
        assert_int_equal(count(*state, "late", 1000, NOW + 1), 1);
        assert_int_equal(count(*state, "u4", 1000, NOW + 1), 15);
        /* Where most are over, they give way first. */
        struct record_grant later = make("later", 1000, 1, 1, "", NOW + GRANT_LIFE_SECONDS);
        add(*state, &later);
        assert_int_equal(grant_count(*state), 2);
}

/* Those that are over go, wherever they stand, and the others stay. */
static void test_expire_among_others(void **state)
{
        for (int i = 0; i < 12; i++) {
                struct record_grant g =
                        make("alice", 1000, 1, i, "", i % 3 ? NOW : NOW - GRANT_LIFE_SECONDS + 1);

                assert_int_equal(grant_load(*state, &g), 0);
        }
        assert_int_equal(grant_expire(*state, NOW + 1), 8);
        for (int i = 0; i < 12; i++) {
                struct record_grant g = make("alice", 1000, 1, i, "", NOW), r;

                assert_int_equal(grant_renew(*state, &g, NOW + 1, &r), i % 3 ? 0 : -ENOENT);
        }
}

static void test_drop_while_walking(void **state)
{
        size_t index = 0, seen = 0;
        const struct record_grant *g;

        for (int i = 0; i < 9; i++) {
                struct record_grant n = make("alice", 1000, 1, i, "", NOW);

                add(*state, &n);
        }
        while ((g = grant_next(*state, VIEW("alice"), 1000, NOW, &index))) {
                seen++;
                if (g->token_id % 2)
                        continue;
                struct record_grant copy = *g;
                grant_drop(*state, &copy);
                grant_drop(*state, &copy);
                index--;
        }
        assert_int_equal(seen, 9);
        assert_int_equal(grant_count(*state), 4);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_services),
                cmocka_unit_test_setup_teardown(test_found_by_actor_and_uid, setup, teardown),
                cmocka_unit_test_setup_teardown(test_keyed_by_all_five, setup, teardown),
                cmocka_unit_test_setup_teardown(test_life, setup, teardown),
                cmocka_unit_test_setup_teardown(test_renewal, setup, teardown),
                cmocka_unit_test_setup_teardown(test_what_is_over_is_not_renewed, setup, teardown),
                cmocka_unit_test_setup_teardown(test_future_is_not_live, setup, teardown),
                cmocka_unit_test_setup_teardown(test_per_actor, setup, teardown),
                cmocka_unit_test_setup_teardown(test_in_all, setup, teardown),
                cmocka_unit_test_setup_teardown(test_expire_among_others, setup, teardown),
                cmocka_unit_test_setup_teardown(test_drop_while_walking, setup, teardown),
        };

        return cmocka_run_group_tests_name("grant", tests, NULL, NULL);
}
