/* What an ssh login is told about a token that ends soon, and who is told nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/support/pam_harness.h"

#define DAY 86400

static struct harness *login_with_life(int64_t seconds, const char *options, const char *tty)
{
        const struct fake_script script = {.user = "alice",
                                           .expires_at = seconds ? time(NULL) + seconds : 0};
        struct harness *h = harness_new(&script);
        char lines[256];

        (void)snprintf(lines, sizeof(lines), "auth required @M\nsession optional @M %s\n%s",
                       options, "session required pam_permit.so");
        harness_stack(h, lines);
        harness_start(h, "alice");
        if (tty)
                harness_item(h, PAM_TTY, tty);
        h->password = harness_token(TOKEN_PAT, "acme");
        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_SUCCESS);
        assert_int_equal(h->messages, 0);
        return h;
}

static void test_told(void **state)
{
        static const struct {
                int64_t life;
                const char *words;
        } cases[] = {
                {13 * DAY + 100, "ends in 13 days"}, {2 * DAY + 100, "ends in 2 days"},
                {2 * DAY - 100, "ends in 47 hours"}, {3 * 3600 + 100, "ends in 3 hours"},
                {1000, "ends within two hours"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct harness *h = login_with_life(cases[i].life, "", "ssh");

                assert_int_equal(pam_open_session(h->pamh, 0), PAM_SUCCESS);
                assert_int_equal(h->messages, 1);
                assert_int_equal(h->message_style, PAM_TEXT_INFO);
                assert_non_null(strstr(h->message, cases[i].words));
                assert_non_null(strstr(h->message, pam_getenv(h->pamh, "ORGTOKEN_KEY_ID")));
                (void)harness_free(h);
        }
}

static void test_not_told(void **state)
{
        static const struct {
                int64_t life;
                const char *options, *tty;
                int flags;
        } cases[] = {
                {15 * DAY, "", "ssh", 0},          /* not soon */
                {0, "", "ssh", 0},                 /* never */
                {DAY, "quiet", "ssh", 0},          /* the line says so */
                {DAY, "", "ssh", (int)PAM_SILENT}, /* the application says so */
                {DAY, "", "/dev/pts/3", 0},        /* sudo, su, login */
                {DAY, "", NULL, 0},                /* anything else */
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct harness *h = login_with_life(cases[i].life, cases[i].options, cases[i].tty);

                assert_int_equal(pam_open_session(h->pamh, cases[i].flags), PAM_SUCCESS);
                assert_int_equal(h->messages, 0);
                (void)harness_free(h);
        }
}

/* The variable is in an environment that others can write. */
static void test_odd_variables(void **state)
{
        static const char *const values[] = {
                "ORGTOKEN_EXPIRES_AT=",    "ORGTOKEN_EXPIRES_AT=-5",
                "ORGTOKEN_EXPIRES_AT=1x",  "ORGTOKEN_EXPIRES_AT=99999999999999999999",
                "ORGTOKEN_KEY_ID=\x1b[2J",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
                struct harness *h = login_with_life(DAY, "", "ssh");

                assert_int_equal(pam_putenv(h->pamh, values[i]), PAM_SUCCESS);
                assert_int_equal(pam_open_session(h->pamh, 0), PAM_SUCCESS);
                assert_int_equal(h->messages, 0);
                (void)harness_free(h);
        }
}

/* What an earlier authentication in the handle left is not told of a later token. */
static void test_variable_goes(void **state)
{
        struct harness *h = login_with_life(DAY, "", "ssh");

        (void)state;
        assert_non_null(pam_getenv(h->pamh, "ORGTOKEN_EXPIRES_AT"));
        harness_script(h, &(struct fake_script){.user = "alice"});
        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_SUCCESS);
        assert_null(pam_getenv(h->pamh, "ORGTOKEN_EXPIRES_AT"));
        (void)harness_free(h);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_told),
                cmocka_unit_test(test_not_told),
                cmocka_unit_test(test_odd_variables),
                cmocka_unit_test(test_variable_goes),
        };

        return cmocka_run_group_tests_name("pam_notice", tests, NULL, NULL);
}
