/* The one rule of orgtoken-sessiond: which session may be ended, condition by condition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sessiond/confirm.h"

#define NOW INT64_C(1700000000)

static const struct wanted wanted = {
        .id = "5", .leader = 4711, .opened_at = NOW, .account = "acme-deploy", .uid = 1003};
static const struct session same = {
        .id = "5", .uid = 1003, .name = "acme-deploy", .leader = 4711, .since_us = NOW * 1000000};

static void test_same(void **state)
{
        struct session s = same;

        (void)state;
        assert_true(confirm_is_same(&wanted, &s));
        /* Another name of the uid, and another id: the kernel's word counts. */
        (void)strcpy(s.name, "twin");
        (void)strcpy(s.id, "6");
        assert_true(confirm_is_same(&wanted, &s));
}

static void test_each_condition(void **state)
{
        struct session s = same;

        (void)state;
        s.uid = 1004;
        assert_false(confirm_is_same(&wanted, &s));
        s = same;
        s.leader = 4712;
        assert_false(confirm_is_same(&wanted, &s));
        for (int64_t off = -CONFIRM_SECONDS - 3; off <= CONFIRM_SECONDS + 3; off++) {
                s = same;
                s.since_us += off * 1000000;
                assert_int_equal(confirm_is_same(&wanted, &s),
                                 off >= -CONFIRM_SECONDS && off <= CONFIRM_SECONDS);
        }
}

static void test_deleted_account(void **state)
{
        struct wanted gone = wanted;
        struct session s = same;

        (void)state;
        gone.uid = -1;
        assert_true(confirm_is_same(&gone, &s));
        (void)strcpy(s.name, "bob");
        assert_false(confirm_is_same(&gone, &s));
        /* No name fits no name. */
        s.name[0] = gone.account[0] = '\0';
        assert_false(confirm_is_same(&gone, &s));
}

/* What is not known is not the same as what is not known. */
static void test_never(void **state)
{
        struct wanted w = wanted;
        struct session s = same;

        (void)state;
        w.uid = s.uid = 0;
        assert_false(confirm_is_same(&w, &s));
        s = same;
        s.uid = -1;
        w.uid = -1;
        assert_false(confirm_is_same(&w, &s));
        w = wanted;
        s = same;
        w.leader = s.leader = 0;
        assert_false(confirm_is_same(&w, &s));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_same),
                cmocka_unit_test(test_each_condition),
                cmocka_unit_test(test_deleted_account),
                cmocka_unit_test(test_never),
        };

        return cmocka_run_group_tests_name("confirm", tests, NULL, NULL);
}
