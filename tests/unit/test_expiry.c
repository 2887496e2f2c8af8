#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/expiry.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW          INT64_C(1795428000) /* 2026-11-23T10:00:00Z */

/* Calendar forms; the numbers are Python's calendar.timegm(). */
static const struct {
        const char *text;
        int64_t when;
} calendar[] = {
        {"1970-01-01", 0},
        {"1970-01-01T00:00:00Z", 0},
        {"1969-12-31T23:59:59Z", -1},
        {"2000-02-29", 951782400},
        {"2024-02-29", 1709164800},
        {"2026-11-23T10:00:00Z", NOW},
        {"2026-11-23t10:00:00z", NOW},
        {"2026-11-23 10:00:00Z", NOW},
        {"2026-11-23T10:00:00.0Z", NOW},
        {"2026-11-23T10:00:00.999999999999999999999999Z", NOW},
        {"2026-11-23T10:00:00+00:00", NOW},
        {"2026-11-23T10:00:00-00:00", NOW},
        {"2026-11-23T11:00:00+01:00", NOW},
        {"2026-11-23T04:30:00-05:30", NOW},
        {"2026-11-24T09:59:00.5+23:59", NOW},
        {"2026-11-22T10:01:00-23:59", NOW},
        {"2038-01-19T03:14:08Z", INT64_C(2147483648)},
        {"2100-02-28T23:59:59Z", INT64_C(4107542399)},
        {"2100-03-01", INT64_C(4107542400)},
        {"2400-02-29", INT64_C(13574563200)},
        {"9999-12-31T23:59:59Z", EXPIRY_MAX},
        {"9999-12-31", INT64_C(253402214400)},
        {"0001-01-01", INT64_C(-62135596800)},
        {"0000-01-01", INT64_C(-62167219200)},
        {"@0", 0},
        {"@1", 1},
        {"@1795428000", NOW},
        {"@253402300799", EXPIRY_MAX},
};

static void test_calendar_both_ways(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(calendar); i++) {
                struct view text = view_of(calendar[i].text);
                int64_t when = calendar[i].when, got = -77;

                assert_int_equal(expiry_parse(text, when - 1, &got), 0);
                assert_true(got == when);
                /* The second itself is too late for one and early enough for the other. */
                got = -77;
                assert_int_equal(expiry_parse(text, when, &got), -ETIME);
                assert_int_equal(expiry_parse(text, when + 1, &got), -ETIME);
                assert_int_equal(expiry_parse_past(text, when - 1, &got), -ETIME);
                assert_true(got == -77);
                assert_int_equal(expiry_parse_past(text, when, &got), 0);
                assert_true(got == when);
        }
}

static void test_presets(void **state)
{
        char text[16];
        int64_t got;

        (void)state;
        for (int days = 1; days <= 365; days++) {
                (void)snprintf(text, sizeof(text), "%dd", days);
                assert_int_equal(expiry_parse(view_of(text), NOW, &got), 0);
                assert_true(got == NOW + days * INT64_C(86400));
                assert_int_equal(expiry_parse_past(view_of(text), NOW, &got), 0);
                assert_true(got == NOW - days * INT64_C(86400));
        }
        got = 5;
        assert_int_equal(expiry_parse(VIEW("never"), NOW, &got), 0);
        assert_true(got == EXPIRY_NEVER);
        assert_int_equal(expiry_parse_past(VIEW("never"), NOW, &got), -EINVAL);
}

static void test_out_of_range(void **state)
{
        static const char *const far[] = {
                "366d",
                "1000d",
                "99999999999999999999999d",
                "@253402300800",
                "@9223372036854775807",
                "@9223372036854775808",
                "@99999999999999999999999999999",
                "9999-12-31T23:59:59-00:01",
                "9999-12-31T12:00:00-23:59",
        };
        int64_t got = 5;

        (void)state;
        for (size_t i = 0; i < COUNT(far); i++) {
                assert_int_equal(expiry_parse(view_of(far[i]), NOW, &got), -ERANGE);
                assert_int_equal(expiry_parse_past(view_of(far[i]), NOW, &got), -ERANGE);
        }
        assert_int_equal(expiry_parse(VIEW("1d"), EXPIRY_MAX, &got), -ERANGE);
        assert_int_equal(expiry_parse(VIEW("1d"), EXPIRY_MAX - EXPIRY_DAY + 1, &got), -ERANGE);
        assert_int_equal(expiry_parse(VIEW("365d"), INT64_MAX, &got), -ERANGE);
        assert_int_equal(expiry_parse_past(VIEW("365d"), INT64_MIN, &got), -ERANGE);
        assert_true(got == 5);
        assert_int_equal(expiry_parse(VIEW("1d"), EXPIRY_MAX - EXPIRY_DAY, &got), 0);
        assert_true(got == EXPIRY_MAX);
}

static const struct view bad_when[] = {
        {NULL, 0},
        VIEW(""),
        VIEW(" "),
        VIEW("d"),
        VIEW("@"),
        VIEW("0d"),
        VIEW("00d"),
        VIEW("01d"),
        VIEW("-1d"),
        VIEW("+1d"),
        VIEW("1.5d"),
        VIEW("1 d"),
        VIEW(" 1d"),
        VIEW("1d "),
        VIEW("1D"),
        VIEW("1dd"),
        VIEW("1d\n"),
        VIEW("1d\0"),
        VIEW("1\0d"),
        VIEW("1"),
        VIEW("30"),
        VIEW("1h"),
        VIEW("1w"),
        VIEW("1y"),
        VIEW("12h"),
        VIEW("0x1d"),
        VIEW("1e1d"),
        VIEW("\xd9\xa1"
             "d"),
        VIEW("Never"),
        VIEW("NEVER"),
        VIEW("never "),
        VIEW("never\0"),
        VIEW("neve"),
        VIEW("forever"),
        VIEW("now"),
        VIEW("tomorrow"),
        VIEW("@-1"),
        VIEW("@+1"),
        VIEW("@ 1"),
        VIEW("@1 "),
        VIEW("@01"),
        VIEW("@00"),
        VIEW("@1.5"),
        VIEW("@1\0"),
        VIEW("@1d"),
        VIEW("@@1"),
        VIEW("@0x10"),
        VIEW("2027"),
        VIEW("2027-01"),
        VIEW("2027-1-1"),
        VIEW("2027-01-1"),
        VIEW("27-01-01"),
        VIEW("20270101"),
        VIEW("2027/01/01"),
        VIEW("01.01.2027"),
        VIEW("2027-01-01 "),
        VIEW(" 2027-01-01"),
        VIEW("2027-01-01\n"),
        VIEW("2027-01-01\0"),
        VIEW("+2027-01-01"),
        VIEW("-2027-01-01"),
        VIEW("12027-01-01"),
        VIEW("2027-00-01"),
        VIEW("2027-13-01"),
        VIEW("2027-01-00"),
        VIEW("2027-01-32"),
        VIEW("2027-02-29"),
        VIEW("2100-02-29"),
        VIEW("2028-02-30"),
        VIEW("2027-04-31"),
        VIEW("2027-06-31"),
        VIEW("2027-09-31"),
        VIEW("2027-11-31"),
        VIEW("2027-12-32"),
        VIEW("2027-W01-1"),
        VIEW("2027-001"),
        VIEW("2027-01-01T"),
        VIEW("2027-01-01Z"),
        VIEW("2027-01-01T12"),
        VIEW("2027-01-01T12:00"),
        VIEW("2027-01-01T12:00Z"),
        VIEW("2027-01-01T12:00:00"),
        VIEW("2027-01-01 12:00:00"),
        VIEW("2027-01-01T12:00:00 Z"),
        VIEW("2027-01-01  12:00:00Z"),
        VIEW("2027-01-01_12:00:00Z"),
        VIEW("2027-01-01T24:00:00Z"),
        VIEW("2027-01-01T12:60:00Z"),
        VIEW("2027-01-01T12:00:60Z"),
        VIEW("2027-06-30T23:59:60Z"),
        VIEW("2027-01-01T12:00:61Z"),
        VIEW("2027-01-01T1:00:00Z"),
        VIEW("2027-01-01T12:0:00Z"),
        VIEW("2027-01-01T12:00:0Z"),
        VIEW("2027-01-01T12.00.00Z"),
        VIEW("2027-01-01T120000Z"),
        VIEW("2027-01-01T12:00:00.Z"),
        VIEW("2027-01-01T12:00:00,5Z"),
        VIEW("2027-01-01T12:00:00.5"),
        VIEW("2027-01-01T12:00:00.5.5Z"),
        VIEW("2027-01-01T12:00:00ZZ"),
        VIEW("2027-01-01T12:00:00Z+01:00"),
        VIEW("2027-01-01T12:00:00+1:00"),
        VIEW("2027-01-01T12:00:00+01"),
        VIEW("2027-01-01T12:00:00+0100"),
        VIEW("2027-01-01T12:00:00+24:00"),
        VIEW("2027-01-01T12:00:00+01:60"),
        VIEW("2027-01-01T12:00:00+01:00:00"),
        VIEW("2027-01-01T12:00:00+"),
        VIEW("2027-01-01T12:00:00UTC"),
        VIEW("2027-01-01T12:00:00\0Z"),
        VIEW("2027-01-01\0T12:00:00Z"),
        VIEW("2027-01-01T-1:00:00Z"),
        VIEW("2027-01-01T12:00:00\xe2\x88\x92"
             "01:00"),
};

static void test_refused(void **state)
{
        int64_t got = 5;

        (void)state;
        for (size_t i = 0; i < COUNT(bad_when); i++) {
                assert_int_equal(expiry_parse(bad_when[i], NOW, &got), -EINVAL);
                assert_int_equal(expiry_parse_past(bad_when[i], NOW, &got), -EINVAL);
        }
        assert_true(got == 5);
}

/* One good time, each byte of it changed to every other: what is still accepted is a digit or one
   of the few letters that RFC 3339 leaves free, and the C library reads the same second. */
static void test_every_single_change(void **state)
{
        static const char good[] = "2027-10-21T12:31:21Z";

        (void)state;
        for (size_t at = 0; at < sizeof(good) - 1; at++) {
                for (unsigned c = 0; c < 256; c++) {
                        char text[sizeof(good)];
                        struct tm tm = {0};
                        int64_t got;
                        int r;

                        memcpy(text, good, sizeof(good));
                        text[at] = (char)c;
                        r = expiry_parse(view_of_bytes(text, sizeof(good) - 1), INT64_MIN, &got);
                        if (r < 0) {
                                assert_int_equal(r, -EINVAL);
                                continue;
                        }
                        assert_true(good[at] >= '0' && good[at] <= '9'
                                            ? c >= '0' && c <= '9'
                                            : strchr("TtZz -:", (int)c) != NULL);
                        text[10] = 'T';
                        text[19] = 'Z';
                        assert_non_null(strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm));
                        assert_true(got == timegm(&tm));
                }
        }
}

/* Every day of ten thousand years, against a count of days and, in part, the C library. */
static void test_every_day(void **state)
{
        static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        int64_t day = INT64_C(-62167219200) / 86400;

        (void)state;
        for (int year = 0; year <= 9999; year++) {
                bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

                for (int month = 1; month <= 12; month++) {
                        int length = lengths[month - 1] + (month == 2 && leap);

                        for (int d = 1; d <= length; d++, day++) {
                                char text[EXPIRY_TEXT_SIZE], made[EXPIRY_TEXT_SIZE];
                                int64_t got;

                                if (d > 1 && d < 27 && year % 97 != 0)
                                        continue;
                                (void)snprintf(text, sizeof(text), "%04d-%02d-%02d", year, month,
                                               d);
                                assert_int_equal(expiry_parse(view_of(text), INT64_MIN, &got), 0);
                                assert_true(got == day * 86400);
                                expiry_format(got + 86399, made);
                                assert_memory_equal(made, text, 10);
                                assert_string_equal(made + 10, "T23:59:59Z");
                        }
                }
        }
        assert_true(day * 86400 == EXPIRY_MAX + 1);
}

static void test_format(void **state)
{
        static const struct {
                int64_t when;
                const char *text;
        } cases[] = {
                {0, "1970-01-01T00:00:00Z"},
                {-1, "1969-12-31T23:59:59Z"},
                {NOW, "2026-11-23T10:00:00Z"},
                {INT64_C(951782399), "2000-02-28T23:59:59Z"},
                {INT64_C(951827696), "2000-02-29T12:34:56Z"},
                {EXPIRY_MAX, "9999-12-31T23:59:59Z"},
                {EXPIRY_MAX + 1, "@253402300800"},
                {INT64_C(-62167219200), "0000-01-01T00:00:00Z"},
                {INT64_C(-62167219201), "@-62167219201"},
                {EXPIRY_NEVER, "never"},
                {INT64_MAX - 1, "@9223372036854775806"},
                {INT64_MIN, "@-9223372036854775808"},
        };
        char text[EXPIRY_TEXT_SIZE];

        (void)state;
        for (size_t i = 0; i < COUNT(cases); i++) {
                expiry_format(cases[i].when, text);
                assert_string_equal(text, cases[i].text);
        }
        for (int64_t when = -30000000000; when < 30000000000; when += 7654321) {
                time_t t = (time_t)when;
                char other[EXPIRY_TEXT_SIZE];
                struct tm tm;

                expiry_format(when, text);
                assert_non_null(gmtime_r(&t, &tm));
                assert_int_not_equal(strftime(other, sizeof(other), "%Y-%m-%dT%H:%M:%SZ", &tm), 0);
                assert_string_equal(text, other);
        }
}

static void test_durations(void **state)
{
        static const struct {
                struct view text;
                int result;
                int64_t seconds;
        } cases[] = {
                {VIEW("0s"), 0, 0},
                {VIEW("0d"), 0, 0},
                {VIEW("1s"), 0, 1},
                {VIEW("30s"), 0, 30},
                {VIEW("10m"), 0, 600},
                {VIEW("2h"), 0, 7200},
                {VIEW("7d"), 0, 604800},
                {VIEW("90d"), 0, 7776000},
                {VIEW("2160h"), 0, 7776000},
                {VIEW("129600m"), 0, 7776000},
                {VIEW("7776000s"), 0, 7776000},
                {VIEW("91d"), -ERANGE, 0},
                {VIEW("2161h"), -ERANGE, 0},
                {VIEW("129601m"), -ERANGE, 0},
                {VIEW("7776001s"), -ERANGE, 0},
                {VIEW("9223372036854775807d"), -ERANGE, 0},
                {VIEW("106751991167301d"), -ERANGE, 0},
                {VIEW("99999999999999999999999999999s"), -ERANGE, 0},
                {{NULL, 0}, -EINVAL, 0},
                {VIEW(""), -EINVAL, 0},
                {VIEW("s"), -EINVAL, 0},
                {VIEW("0"), -EINVAL, 0},
                {VIEW("30"), -EINVAL, 0},
                {VIEW("030s"), -EINVAL, 0},
                {VIEW("00s"), -EINVAL, 0},
                {VIEW("-1s"), -EINVAL, 0},
                {VIEW("+1s"), -EINVAL, 0},
                {VIEW("1.5h"), -EINVAL, 0},
                {VIEW("1h30m"), -EINVAL, 0},
                {VIEW("1 h"), -EINVAL, 0},
                {VIEW(" 1h"), -EINVAL, 0},
                {VIEW("1h "), -EINVAL, 0},
                {VIEW("1h\n"), -EINVAL, 0},
                {VIEW("1h\0"), -EINVAL, 0},
                {VIEW("1\0h"), -EINVAL, 0},
                {VIEW("1H"), -EINVAL, 0},
                {VIEW("1w"), -EINVAL, 0},
                {VIEW("1ms"), -EINVAL, 0},
                {VIEW("never"), -EINVAL, 0},
                {VIEW("0x1s"), -EINVAL, 0},
        };

        (void)state;
        for (size_t i = 0; i < COUNT(cases); i++) {
                int64_t got = -77;

                assert_int_equal(duration_parse(cases[i].text, &got), cases[i].result);
                assert_true(got == (cases[i].result < 0 ? -77 : cases[i].seconds));
        }
}

static void test_is_past(void **state)
{
        (void)state;
        assert_false(expiry_is_past(NOW, NOW - 1));
        assert_true(expiry_is_past(NOW, NOW));
        assert_true(expiry_is_past(NOW, NOW + 1));
        assert_true(expiry_is_past(0, 0));
        assert_true(expiry_is_past(-1, 0));
        assert_true(expiry_is_past(INT64_MIN, INT64_MIN));
        assert_false(expiry_is_past(EXPIRY_NEVER, NOW));
        assert_false(expiry_is_past(EXPIRY_NEVER, INT64_MAX));
        assert_true(expiry_is_past(INT64_MAX - 1, INT64_MAX));
}

static void test_rules(void **state)
{
        static const char *const forms[] = {"365d", "YYYY-MM-DD", "RFC 3339", "@EPOCH"};

        (void)state;
        for (size_t i = 0; i < COUNT(forms); i++) {
                assert_non_null(strstr(expiry_rule(), forms[i]));
                assert_non_null(strstr(expiry_past_rule(), forms[i]));
        }
        assert_non_null(strstr(expiry_rule(), "never"));
        assert_null(strstr(expiry_past_rule(), "never"));
        assert_non_null(strstr(duration_rule(), "90d"));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_calendar_both_ways),
                cmocka_unit_test(test_presets),
                cmocka_unit_test(test_out_of_range),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_every_single_change),
                cmocka_unit_test(test_every_day),
                cmocka_unit_test(test_format),
                cmocka_unit_test(test_durations),
                cmocka_unit_test(test_is_past),
                cmocka_unit_test(test_rules),
        };

        return cmocka_run_group_tests_name("expiry", tests, NULL, NULL);
}
