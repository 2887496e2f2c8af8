/* The module among others: the documented stack, and stacks that people write instead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/pam_harness.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The stack of pam_orgtoken(8), EXAMPLES. pam_spy.so looks on where the password modules stand, and
   in the shared tail; pam_debug.so stands for pam_unix, which takes or refuses the password. */
#define DOCUMENTED(unix)                                                                           \
        "auth [success=3 user_unknown=ignore default=die] @M timeout=20000\n"                      \
        "auth optional @SPY\n"                                                                     \
        "auth [success=1 default=ignore] pam_debug.so auth=" unix "\n"                             \
        "auth requisite pam_deny.so\n"                                                             \
        "auth required pam_permit.so\n"                                                            \
        "auth optional @SPY succeed\n"                                                             \
        "account required @M timeout=20000\n"                                                      \
        "account required pam_permit.so\n"

static int count_of(const char *text, const char *word)
{
        int n = 0;

        while ((text = strstr(text, word))) {
                text += strlen(word);
                n++;
        }
        return n;
}

/* How often pam_spy.so found this, and what it wrote is forgotten. */
static int spied(struct harness *h, const char *what)
{
        char *text = harness_spied(h);
        int n = count_of(text, what);

        free(text);
        (void)remove(h->spied);
        return n;
}

static void test_token(void **state)
{
        struct harness *h = harness_new(NULL);

        (void)state;
        assert_int_equal(harness_login(h, DOCUMENTED("auth_err"), harness_token(TOKEN_AK, NULL)),
                         PAM_SUCCESS);
        /* Only the tail ran, and found no token but the variables. */
        assert_int_equal(spied(h, "auth authtok=(none) org=acme key=ak_0A1b2C user=(none)"), 1);
        assert_int_equal(pam_acct_mgmt(h->pamh, 0), PAM_SUCCESS);
        /* Every module's setcred still runs: libpam replays the jump. */
        assert_int_equal(pam_setcred(h->pamh, PAM_ESTABLISH_CRED), PAM_SUCCESS);
        assert_int_equal(spied(h, "setcred"), 1);
        (void)harness_free(h);
}

static void test_refused_token_goes_nowhere(void **state)
{
        const struct fake_script script = {.steps = {{.behaviour = FAKE_VERDICT}}};
        struct harness *h = harness_new(&script);

        (void)state;
        assert_int_equal(harness_login(h, DOCUMENTED("success"), harness_token(TOKEN_AK, NULL)),
                         PAM_AUTH_ERR);
        assert_int_equal(spied(h, "auth"), 0);
        assert_int_equal(harness_login(h, DOCUMENTED("success"), " pat_0123456789.secret"),
                         PAM_AUTH_ERR);
        assert_int_equal(spied(h, "auth"), 0);
        harness_stop_daemon(h);
        assert_int_equal(harness_login(h, DOCUMENTED("success"), harness_token(TOKEN_AK, NULL)),
                         PAM_AUTHINFO_UNAVAIL);
        assert_int_equal(spied(h, "auth"), 0);
        (void)harness_free(h);
}

/* With the daemon dead, a password user does not notice. */
static void test_password_with_a_dead_daemon(void **state)
{
        struct harness *h = harness_new_alone();

        (void)state;
        assert_int_equal(harness_login(h, DOCUMENTED("success"), "hunter2"), PAM_SUCCESS);
        assert_int_equal(spied(h, "auth authtok=hunter2"), 2);
        assert_int_equal(h->passwords_asked, 1);
        assert_int_equal(pam_acct_mgmt(h->pamh, 0), PAM_SUCCESS);
        assert_int_equal(pam_setcred(h->pamh, PAM_ESTABLISH_CRED), PAM_SUCCESS);
        assert_int_not_equal(harness_login(h, DOCUMENTED("auth_err"), "hunter3"), PAM_SUCCESS);
        (void)harness_free(h);
}

/* An ssh key, cron, a cached sudo ticket. */
static void test_without_authentication(void **state)
{
        struct harness *h = harness_new(NULL);

        (void)state;
        harness_stack(h, DOCUMENTED("auth_err"));
        harness_start(h, "alice");
        assert_int_equal(pam_acct_mgmt(h->pamh, 0), PAM_SUCCESS);
        assert_int_equal(pam_setcred(h->pamh, PAM_ESTABLISH_CRED), PAM_SUCCESS);
        assert_int_equal(harness_connections(h), 0);
        (void)harness_free(h);
}

/* A token never reaches a later module even where the stack would go on, and a password always
 * does. */
static void test_what_a_later_module_finds(void **state)
{
        static const struct fake_step steps[] = {
                {.behaviour = FAKE_ALLOW},
                {.behaviour = FAKE_VERDICT},
                {.behaviour = FAKE_VERDICT, .verdict = VERDICT_ORG_REQUIRED},
                {.behaviour = FAKE_UNAVAILABLE},
                {.behaviour = FAKE_WRONG_NONCE},
                {.behaviour = FAKE_CLOSE},
        };
        static const char stack[] = "auth optional @M prompt_org\nauth optional @SPY";
        struct harness *h = harness_new_alone();

        (void)state;
        for (size_t i = 0; i < COUNT(steps); i++) {
                const struct fake_script script = {.steps = {steps[i]}};

                harness_script(h, &script);
                h->org = i % 2 ? "acme" : NULL;
                (void)harness_login(h, stack, harness_token(TOKEN_PAT, NULL));
                assert_int_equal(spied(h, "auth authtok=(none)"), 1);
        }
        harness_stop_daemon(h);
        (void)harness_login(h, stack, harness_token(TOKEN_PAT, NULL));
        assert_int_equal(spied(h, "auth authtok=(none)"), 1);
        (void)harness_login(h, stack, "x pat_0123456789.");
        assert_int_equal(spied(h, "auth authtok=(none)"), 1);
        /* Unfit items. */
        harness_start(h, "a\nb");
        h->password = harness_token(TOKEN_PAT, NULL);
        (void)pam_authenticate(h->pamh, 0);
        assert_int_equal(spied(h, "auth authtok=(none)"), 1);
        (void)harness_login(h, stack, "hunter2");
        assert_int_equal(spied(h, "auth authtok=hunter2"), 1);
        (void)harness_free(h);
}

/* A line that is wrong judges nothing, and the token that an earlier module asked for goes no
   further all the same. */
static void test_token_before_a_wrong_line(void **state)
{
        struct harness *h = harness_new(NULL);
        char stack[512];

        (void)state;
        (void)snprintf(stack, sizeof(stack),
                       "auth optional @SPY authtok=%s\nauth optional @M orgs=acme\n"
                       "auth optional @SPY",
                       harness_token(TOKEN_PAT, NULL));
        (void)harness_login(h, stack, NULL);
        assert_int_equal(spied(h, "auth authtok=(none)"), 2);
        (void)harness_login(h,
                            "auth optional @SPY authtok=hunter2\nauth optional @M orgs=acme\n"
                            "auth optional @SPY",
                            NULL);
        assert_int_equal(spied(h, "auth authtok=hunter2"), 1);
        assert_int_equal(harness_connections(h), 0);
        (void)harness_free(h);
}

/* CVE-2025-23013: a failure that is PAM_IGNORE, beside a module that said yes, lets anybody in. */
static void test_no_failure_is_ignore(void **state)
{
        static const struct fake_step steps[] = {
                {.behaviour = FAKE_VERDICT},       {.behaviour = FAKE_UNAVAILABLE},
                {.behaviour = FAKE_REFUSED},       {.behaviour = FAKE_NOT_GUARDED},
                {.behaviour = FAKE_DONE},          {.behaviour = FAKE_WRONG_NONCE},
                {.behaviour = FAKE_SILENT},        {.behaviour = FAKE_CLOSE},
                {.behaviour = FAKE_EMPTY},         {.behaviour = FAKE_ALLOW_BARE},
                {.behaviour = FAKE_VERDICT_ALLOW},
        };
        static const char stack[] = "auth required pam_permit.so\nauth required @M";
        struct harness *h = harness_new_alone();

        (void)state;
        for (size_t i = 0; i < COUNT(steps); i++) {
                const struct fake_script script = {.steps = {steps[i]}};

                char line[96];

                (void)snprintf(line, sizeof(line), "%s %s", stack,
                               fake_timeout(steps[i].behaviour));
                harness_script(h, &script);
                assert_int_not_equal(harness_login(h, line, harness_token(TOKEN_PAT, NULL)),
                                     PAM_SUCCESS);
        }
        assert_int_not_equal(harness_login(h, stack, "hunter2"), PAM_SUCCESS);
        assert_int_not_equal(harness_login(h, stack, ""), PAM_SUCCESS);
        assert_int_not_equal(harness_login(h, stack, NULL), PAM_SUCCESS);
        assert_int_not_equal(harness_login(h,
                                           "auth required pam_permit.so\n"
                                           "auth required @M nonsense",
                                           harness_token(TOKEN_PAT, NULL)),
                             PAM_SUCCESS);
        harness_script(h, NULL);
        assert_int_equal(harness_login(h, stack, harness_token(TOKEN_PAT, NULL)), PAM_SUCCESS);
        (void)harness_free(h);
}

/* A module behind us that changes PAM_USER: the account phase asks for who it is then. */
static void test_user_changed_behind_us(void **state)
{
        struct harness *h = harness_new(NULL);
        struct wire_message m;

        (void)state;
        assert_int_equal(harness_login(h,
                                       "auth required @M\nauth optional @SPY user=mallory\n"
                                       "account required @M",
                                       harness_token(TOKEN_PAT, "acme")),
                         PAM_SUCCESS);
        (void)pam_acct_mgmt(h->pamh, 0);
        harness_request(h, &m);
        assert_int_equal(m.verb, WIRE_V_ACCOUNT_CHECK);
        assert_true(view_equal_str(wire_text(&m, WIRE_F_ACCOUNT), "mallory"));
        (void)harness_free(h);
}

/* chauthtok is not offered, and nothing else is exported that libpam could call. */
static void test_no_password_change(void **state)
{
        struct harness *h = harness_new(NULL);

        (void)state;
        harness_stack(h, "password required @M");
        harness_start(h, "alice");
        assert_int_equal(pam_chauthtok(h->pamh, 0), PAM_MODULE_UNKNOWN);
        assert_int_equal(harness_connections(h), 0);
        (void)harness_free(h);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_token),
                cmocka_unit_test(test_refused_token_goes_nowhere),
                cmocka_unit_test(test_password_with_a_dead_daemon),
                cmocka_unit_test(test_without_authentication),
                cmocka_unit_test(test_what_a_later_module_finds),
                cmocka_unit_test(test_token_before_a_wrong_line),
                cmocka_unit_test(test_no_failure_is_ignore),
                cmocka_unit_test(test_user_changed_behind_us),
                cmocka_unit_test(test_no_password_change),
        };

        return cmocka_run_group_tests_name("pam_stack", tests, NULL, NULL);
}
