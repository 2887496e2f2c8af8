#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "cli/timewords.h"
#include "common/expiry.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW          INT64_C(1795428000)
#define HOUR         INT64_C(3600)

static void test_relative(void **state)
{
        static const struct {
                int64_t offset;
                const char *words;
        } rows[] = {
                {0, "just now"},
                {-1, "1 s ago"},
                {-59, "59 s ago"},
                {-60, "1 min ago"},
                {-119, "1 min ago"},
                {-89 * 60 - 59, "89 min ago"},
                {-90 * 60, "1 h ago"},
                {-47 * HOUR - 3599, "47 h ago"},
                {-48 * HOUR, "2 days ago"},
                {-89 * EXPIRY_DAY, "89 days ago"},
                {-90 * EXPIRY_DAY, "3 months ago"},
                {-729 * EXPIRY_DAY, "24 months ago"},
                {-730 * EXPIRY_DAY, "2 years ago"},
                {1, "in 1 s"},
                {59, "in 59 s"},
                {60, "in 1 min"},
                {90, "in 2 min"},
                {89 * 60 + 29, "in 89 min"},
                {89 * 60 + 30, "in 90 min"},
                {47 * HOUR + 1799, "in 47 h"},
                {47 * HOUR + 1800, "in 48 h"},
                {48 * HOUR, "in 2 days"},
                {90 * EXPIRY_DAY - 5, "in 90 days"},
                {30 * EXPIRY_DAY, "in 30 days"},
                {30 * EXPIRY_DAY - 5, "in 30 days"},
                {365 * EXPIRY_DAY, "in 12 months"},
                {800 * EXPIRY_DAY, "in 2 years"},
        };
        char words[TIMEWORDS_SIZE];

        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++)
                assert_string_equal(timewords_relative(NOW + rows[i].offset, NOW, words),
                                    rows[i].words);
        assert_string_equal(timewords_relative(EXPIRY_NEVER, NOW, words), "never");
}

/* Numbers that only a damaged row holds: some words, and no overflow (UBSan looks on). */
static void test_relative_extremes(void **state)
{
        char words[TIMEWORDS_SIZE];

        (void)state;
        assert_int_equal(strncmp(timewords_relative(EXPIRY_NEVER - 1, INT64_MIN, words), "in ", 3),
                         0);
        assert_non_null(strstr(timewords_relative(INT64_MIN, INT64_MAX - 1, words), " years ago"));
        assert_non_null(strstr(timewords_relative(INT64_MIN, NOW, words), " years ago"));
}

static void test_span(void **state)
{
        static const struct {
                int64_t seconds;
                const char *words;
        } rows[] = {{0, "0 s"},
                    {1, "1 s"},
                    {90, "90 s"},
                    {60, "1 min"},
                    {HOUR, "1 h"},
                    {36 * HOUR, "36 h"},
                    {EXPIRY_DAY, "1 day"},
                    {90 * EXPIRY_DAY, "90 days"}};
        char words[TIMEWORDS_SIZE];

        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++)
                assert_string_equal(timewords_span(rows[i].seconds, words), rows[i].words);
}

static void test_about(void **state)
{
        static const struct {
                int64_t seconds;
                const char *words;
        } rows[] = {{0, "0 s"},
                    {59, "59 s"},
                    {61, "1 min 1 s"},
                    {3600, "1 h"},
                    {3 * EXPIRY_DAY + 4 * HOUR + 59, "3 days 4 h"},
                    {EXPIRY_DAY, "1 day"},
                    {1000 * EXPIRY_DAY + HOUR, "1000 days 1 h"}};
        char words[TIMEWORDS_SIZE];

        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++)
                assert_string_equal(timewords_about(rows[i].seconds, words), rows[i].words);
}

static void test_parse_span(void **state)
{
        static const struct {
                const char *text;
                int result;
                int64_t seconds;
        } rows[] = {
                {"1s", 0, 1},
                {"10m", 0, 600},
                {"36h", 0, 36 * HOUR},
                {"400d", 0, 400 * EXPIRY_DAY},
                {"3650d", 0, 3650 * EXPIRY_DAY},
                {"3651d", -ERANGE, 0},
                {"0d", -ERANGE, 0},
                {"99999999999999999999999999d", -ERANGE, 0},
                {"", -EINVAL, 0},
                {"d", -EINVAL, 0},
                {"1", -EINVAL, 0},
                {"1w", -EINVAL, 0},
                {"-1d", -EINVAL, 0},
                {"1 d", -EINVAL, 0},
                {"1d ", -EINVAL, 0},
        };

        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                int64_t seconds = -7;

                assert_int_equal(timewords_parse_span(view_of(rows[i].text), &seconds),
                                 rows[i].result);
                assert_int_equal(seconds, rows[i].result == 0 ? rows[i].seconds : -7);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_relative),   cmocka_unit_test(test_relative_extremes),
                cmocka_unit_test(test_span),       cmocka_unit_test(test_about),
                cmocka_unit_test(test_parse_span),
        };

        return cmocka_run_group_tests_name("cli_timewords", tests, NULL, NULL);
}
