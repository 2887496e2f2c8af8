/* The records of tokens that end soon: which, when, and each only once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/daemon/manage_scene.h"

static unsigned told;
static char last_message[300], last_key_id[TOKEN_KEY_ID_SIZE];

void audit_write(const struct audit_record *record)
{
        if (strcmp(record->message_id, AUDIT_ID_EXPIRING) == 0) {
                told++;
                (void)view_copy(record->message, last_message, sizeof(last_message));
                (void)view_copy(record->key_id, last_key_id, sizeof(last_key_id));
                return;
        }
        manage_fixture_record(record);
}

/* How many were told of, by the answer and by the journal alike. */
static unsigned notify(struct manage_fixture *f)
{
        told = 0;
        ask(f, WIRE_V_NOTIFY);
        assert_true(is_done(f, PERSON_ROOT));
        assert_int_equal(wire_number(answer(f), WIRE_F_COUNT, -1), told);
        return told;
}

static void test_each_day_once(void **state)
{
        struct manage_fixture *f = *state;
        int64_t before = revision(f), start = f->now;
        char id[TOKEN_KEY_ID_SIZE];
        unsigned all = 0;

        (void)make_key(f, PERSON_ROOT, "acme", "ci", 30 * EXPIRY_DAY, id);
        before = revision(f);
        for (int day = 0; day < 40; day++) {
                unsigned n;

                f->now = start + day * EXPIRY_DAY + 3600;
                n = notify(f);
                /* 14, 7 and 1 days before the thirtieth, at the first run after it. */
                assert_int_equal(n, day == 16 || day == 23 || day == 29);
                if (n > 0)
                        assert_string_equal(last_key_id, id);
                all += n;
                assert_int_equal(notify(f), 0);
        }
        assert_int_equal(all, 3);
        /* A local fact: no copy of the store has to hear of it. */
        assert_int_equal(revision(f), before);
}

static void test_words(void **state)
{
        struct manage_fixture *f = *state;
        char id[TOKEN_KEY_ID_SIZE];

        (void)make_pat(f, PERSON_ALICE, "laptop", 7 * EXPIRY_DAY - 1, id);
        assert_int_equal(notify(f), 1);
        assert_non_null(strstr(last_message, id));
        assert_non_null(strstr(last_message, "of alice ends in 6 days"));
}

static void test_missed_days(void **state)
{
        struct manage_fixture *f = *state;
        char id[TOKEN_KEY_ID_SIZE];

        (void)make_key(f, PERSON_ROOT, "acme", "ci", 30 * EXPIRY_DAY, id);
        assert_int_equal(notify(f), 0);
        /* The host was off for three weeks and a half: one record, not two. */
        f->now += 25 * EXPIRY_DAY;
        assert_int_equal(notify(f), 1);
        assert_int_equal(notify(f), 0);
}

/* An end that only a policy sets is one as well: the organisation's for its keys, the host's for
 * all. */
static void test_ends_by_policy(void **state)
{
        struct manage_fixture *f = *state;
        char key[TOKEN_KEY_ID_SIZE], pat[TOKEN_KEY_ID_SIZE];

        make_org(f, "globex");
        (void)make_key(f, PERSON_ROOT, "acme", "for ever", 0, key);
        (void)make_key(f, PERSON_ROOT, "globex", "theirs", 0, pat);
        (void)make_pat(f, PERSON_ALICE, "laptop", 0, pat);
        assert_int_equal(notify(f), 0);
        ask(f, WIRE_V_ORG_SET);
        set_text(f, WIRE_F_ORG, "acme");
        set_number(f, WIRE_F_MAX_LIFE, 14 * EXPIRY_DAY + 100);
        assert_true(is_done(f, PERSON_ROOT));
        f->now += 200;
        assert_int_equal(notify(f), 1);
        assert_string_equal(last_key_id, key);
        ask(f, WIRE_V_HOST_SET);
        set_number(f, WIRE_F_MAX_LIFE, 14 * EXPIRY_DAY + 300);
        assert_true(is_done(f, PERSON_ROOT));
        f->now += 200;
        assert_int_equal(notify(f), 2);
        ask(f, WIRE_V_HOST_SET);
        set_number(f, WIRE_F_MAX_LIFE, 0);
        set_number(f, WIRE_F_MAX_UNUSED, 14 * EXPIRY_DAY + 500);
        assert_true(is_done(f, PERSON_ROOT));
        f->now += 200;
        assert_int_equal(notify(f), 2);
}

static void test_not_of_these(void **state)
{
        struct manage_fixture *f = *state;
        char id[TOKEN_KEY_ID_SIZE];

        (void)make_key(f, PERSON_ROOT, "acme", "for ever", 0, id);
        (void)make_key(f, PERSON_ROOT, "acme", "gone", 7 * EXPIRY_DAY - 1, id);
        ask(f, WIRE_V_KEY_REVOKE);
        set_text(f, WIRE_F_KEY_ID, id);
        assert_true(is_done(f, PERSON_ROOT));
        (void)make_key(f, PERSON_ROOT, "acme", "over", 10, id);
        f->now += 20;
        assert_int_equal(notify(f), 0);
}

static void test_root_only(void **state)
{
        struct manage_fixture *f = *state;

        ask(f, WIRE_V_NOTIFY);
        assert_true(is_refused(f, PERSON_ALICE, "not-allowed"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_each_day_once, setup, teardown),
                cmocka_unit_test_setup_teardown(test_words, setup, teardown),
                cmocka_unit_test_setup_teardown(test_missed_days, setup, teardown),
                cmocka_unit_test_setup_teardown(test_ends_by_policy, setup, teardown),
                cmocka_unit_test_setup_teardown(test_not_of_these, setup, teardown),
                cmocka_unit_test_setup_teardown(test_root_only, setup, teardown),
        };

        return cmocka_run_group_tests_name("manage_notify", tests, NULL, NULL);
}
