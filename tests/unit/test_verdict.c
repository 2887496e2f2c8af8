#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <limits.h>

#include "common/verdict.h"

/* The names are an interface: journals and scripts match them. */
static const struct {
        enum verdict verdict;
        int number; /* on the wire, for ever */
        const char *name;
} known[] = {
        {VERDICT_MALFORMED, 1, "malformed"},       {VERDICT_UNKNOWN, 2, "unknown"},
        {VERDICT_REVOKED, 3, "revoked"},           {VERDICT_EXPIRED, 4, "expired"},
        {VERDICT_ORG_REQUIRED, 5, "org-required"}, {VERDICT_ORG_MISMATCH, 6, "org-mismatch"},
        {VERDICT_NOT_MEMBER, 7, "not-member"},     {VERDICT_ACCOUNT_DENIED, 8, "account-denied"},
        {VERDICT_LIMITED, 9, "limited"},           {VERDICT_ALLOW, 10, "allow"},
};
#define KNOWN_COUNT (sizeof(known) / sizeof(known[0]))

static void test_names_and_numbers(void **state)
{
        enum verdict v;

        (void)state;
        assert_int_equal(KNOWN_COUNT + 1, VERDICT_COUNT);
        for (size_t i = 0; i < KNOWN_COUNT; i++) {
                assert_int_equal(known[i].verdict, known[i].number);
                assert_string_equal(verdict_to_string(known[i].verdict), known[i].name);
                v = 0;
                assert_int_equal(verdict_from_string(view_of(known[i].name), &v), 0);
                assert_int_equal(v, known[i].verdict);
        }
}

static void test_invalid_values_are_named_so(void **state)
{
        static const int bad[] = {0, -1, 11, 12, 255, INT_MAX, INT_MIN};

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_string_equal(verdict_to_string((enum verdict)bad[i]), "invalid");
}

static void test_unknown_names(void **state)
{
        static const struct view bad[] = {
                VIEW(""),       VIEW("invalid"),      VIEW("Allow"),     VIEW("allow "),
                VIEW(" allow"), VIEW("allow\0"),      VIEW("allo"),      VIEW("unavailable"),
                VIEW("10"),     VIEW("org_required"), VIEW("limited\n"), {NULL, 0},
        };
        enum verdict v = VERDICT_LIMITED;

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_int_equal(verdict_from_string(bad[i], &v), -EINVAL);
        assert_int_equal(v, VERDICT_LIMITED);
}

static void test_valid_numbers(void **state)
{
        static const long long bad[] = {0,         -1,        11,      1LL << 32, (1LL << 32) + 10,
                                        LLONG_MIN, LLONG_MAX, 256 + 10};

        (void)state;
        for (int n = 1; n <= 10; n++)
                assert_true(verdict_is_valid(n));
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_false(verdict_is_valid(bad[i]));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names_and_numbers),
                cmocka_unit_test(test_invalid_values_are_named_so),
                cmocka_unit_test(test_unknown_names),
                cmocka_unit_test(test_valid_numbers),
        };

        return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
