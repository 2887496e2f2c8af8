/* pam_authenticate through the real libpam: each row of pam_orgtoken(8), RETURN CODES, and what is
 * logged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <cmocka.h>

#include "tests/support/pam_harness.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LINE     "auth required @M"

static const char *pat(void)
{
        return harness_token(TOKEN_PAT, NULL);
}

static void assert_env(struct harness *h, const char *org, const char *key, const char *user)
{
        static const char *const names[] = {"ORGTOKEN_ORG", "ORGTOKEN_KEY_ID", "ORGTOKEN_USER"};
        const char *const values[] = {org, key, user};

        for (size_t i = 0; i < COUNT(names); i++) {
                const char *value = pam_getenv(h->pamh, names[i]);

                if (values[i]) {
                        assert_non_null(value);
                        assert_string_equal(value, values[i]);
                } else {
                        assert_null(value);
                }
        }
}

static void test_allow(void **state)
{
        struct harness *h = harness_new(NULL);

        (void)state;
        assert_int_equal(harness_login(h, LINE, harness_token(TOKEN_AK, NULL)), PAM_SUCCESS);
        assert_int_equal(harness_connections(h), 1);
        assert_int_equal(h->passwords_asked, 1);
        assert_int_equal(h->messages, 0);
        assert_string_equal(h->prompt, "Password: ");
        assert_env(h, "acme", "ak_0A1b2C", NULL);
        (void)harness_free(h);
}

static void test_allow_of_a_pat(void **state)
{
        const struct fake_script script = {
                .user = "alice", .key_id = "pat_4fK9aQ", .org = "globex"};
        struct harness *h = harness_new(&script);

        (void)state;
        assert_int_equal(harness_login(h, LINE, harness_token(TOKEN_PAT, "globex")), PAM_SUCCESS);
        assert_env(h, "globex", "pat_4fK9aQ", "alice");
        (void)harness_free(h);
}

static void test_every_verdict(void **state)
{
        struct harness *h = harness_new_alone();

        (void)state;
        for (enum verdict v = VERDICT_MALFORMED; v < VERDICT_ALLOW; v++) {
                const struct fake_script script = {.steps = {{FAKE_VERDICT, .verdict = v}}};

                harness_script(h, &script);
                h->messages = 0;
                assert_int_equal(harness_login(h, LINE, pat()), PAM_AUTH_ERR);
                assert_int_equal(harness_connections(h), 1);
                assert_env(h, NULL, NULL, NULL);
                /* Nothing is ever told but this. */
                assert_int_equal(h->messages, v == VERDICT_ORG_REQUIRED);
        }
        assert_string_equal(h->message, "organisation required: append @org");
        assert_int_equal(h->message_style, PAM_TEXT_INFO);
        (void)harness_free(h);
}

static void test_quiet_tells_nothing(void **state)
{
        const struct fake_script script = {
                .steps = {{FAKE_VERDICT, .verdict = VERDICT_ORG_REQUIRED}}};
        struct harness *h = harness_new(&script);

        (void)state;
        assert_int_equal(harness_login(h, LINE " quiet", pat()), PAM_AUTH_ERR);
        assert_int_equal(h->messages, 0);
        harness_stack(h, LINE);
        harness_start(h, "alice");
        assert_int_equal(pam_authenticate(h->pamh, PAM_SILENT), PAM_AUTH_ERR);
        assert_int_equal(h->messages, 0);
        harness_start(h, "alice");
        assert_int_equal(pam_authenticate(h->pamh, PAM_DISALLOW_NULL_AUTHTOK), PAM_AUTH_ERR);
        assert_int_equal(h->messages, 1);
        (void)harness_free(h);
}

static char *repeated(char c, size_t len, const char *tail)
{
        char *s = malloc(len + strlen(tail) + 1);

        assert_non_null(s);
        memset(s, c, len);
        memcpy(s + len, tail, strlen(tail) + 1);
        return s;
}

static void test_not_a_token(void **state)
{
        char *longest = repeated('a', 100000, "");
        const char *const passwords[] = {
                "",
                "hunter2",
                "ak_",
                "pat_0123456789",
                "ak_012345678.",
                "AK_0123456789.",
                "pk_0123456789.x",
                "\b\n\r\177INCORRECT",
                "@acme",
                " ",
                "\xff\xfe",
                longest,
        };
        struct harness *h = harness_new(NULL);

        (void)state;
        for (size_t i = 0; i < COUNT(passwords); i++) {
                assert_int_equal(harness_login(h, LINE, passwords[i]), PAM_USER_UNKNOWN);
                assert_int_equal(harness_login(h, LINE " token_only", passwords[i]), PAM_AUTH_ERR);
        }
        assert_int_equal(harness_connections(h), 0);
        /* psql -w logs in with nothing at all: no line for it, and none for any password. */
        assert_string_equal(harness_log(), "");
        free(longest);
        (void)harness_free(h);
}

static void test_malformed(void **state)
{
        struct harness *h = harness_new(NULL);
        char *longest = repeated('a', 100000, pat());
        char texts[10][160];

        (void)state;
        (void)snprintf(texts[0], sizeof(texts[0]), "%s ", pat());
        (void)snprintf(texts[1], sizeof(texts[1]), " %s", pat());
        (void)snprintf(texts[2], sizeof(texts[2]), "Bearer %s", pat());
        (void)snprintf(texts[3], sizeof(texts[3]), "\"%s\"", pat());
        (void)snprintf(texts[4], sizeof(texts[4]), "%s@", pat());
        (void)snprintf(texts[5], sizeof(texts[5]), "%s@Acme", pat());
        (void)snprintf(texts[6], sizeof(texts[6]), "%s@a23456789012345678901234567890123", pat());
        (void)snprintf(texts[7], sizeof(texts[7]), "%.63s", pat());
        (void)snprintf(texts[8], sizeof(texts[8]), "%.14s.", pat());
        (void)snprintf(texts[9], sizeof(texts[9]), "%.63s%c", pat(), pat()[63] == '0' ? '1' : '0');
        for (size_t i = 0; i < COUNT(texts); i++)
                assert_int_equal(harness_login(h, LINE, texts[i]), PAM_AUTH_ERR);
        assert_int_equal(harness_login(h, LINE, longest), PAM_AUTH_ERR);
        assert_int_equal(harness_connections(h), 0);
        assert_int_equal(harness_log_lines(LOG_NOTICE), COUNT(texts) + 1);
        assert_non_null(strstr(harness_log(), "token rejected: malformed"));
        free(longest);
        (void)harness_free(h);
}

/* The longest token that there is. */
static void test_97_bytes(void **state)
{
        struct harness *h = harness_new(NULL);
        char text[128];

        (void)state;
        (void)snprintf(text, sizeof(text), "%s@a2345678901234567890123456789012", pat());
        assert_int_equal(strlen(text), TOKEN_INPUT_MAX);
        assert_int_equal(harness_login(h, LINE, text), PAM_SUCCESS);
        (void)harness_free(h);
}

static void test_conversation_refused(void **state)
{
        struct harness *h = harness_new(NULL);

        (void)state;
        assert_int_equal(harness_login(h, LINE, NULL), PAM_AUTHTOK_ERR);
        /* An application that says "success" or "ignore" by mistake makes neither of us. */
        h->conv_code = PAM_IGNORE;
        assert_int_equal(harness_login(h, LINE, NULL), PAM_AUTHTOK_ERR);
        assert_int_equal(harness_connections(h), 0);
        (void)harness_free(h);
}

/* login and OpenVPN: the name is asked for, and before the password. */
static void test_user_is_asked_for(void **state)
{
        struct harness *h = harness_new(NULL);
        struct wire_message m;

        (void)state;
        harness_stack(h, LINE);
        harness_start(h, NULL);
        h->password = pat();
        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_CONV_ERR);
        assert_int_equal(h->logins_asked, 1);
        assert_int_equal(h->passwords_asked, 0);
        harness_start(h, NULL);
        h->conv_code = PAM_IGNORE;
        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_CONV_ERR);
        assert_int_equal(harness_connections(h), 0);
        harness_start(h, NULL);
        h->login = "bob";
        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_SUCCESS);
        harness_request(h, &m);
        assert_true(view_equal_str(wire_text(&m, WIRE_F_ACCOUNT), "bob"));
        (void)harness_free(h);
}

/* Unfit items stop a token, and never a password: that one goes on to the module that can read it.
 */
static void test_unfit_items(void **state)
{
        static const int items[] = {PAM_USER, PAM_RUSER};
        char *at_most = repeated('u', 255, ""), *too_long = repeated('u', 256, "");
        const char *const unfit[] = {too_long, "a\nb", "\x01", "tab\there", "del\x7f"};
        struct harness *h = harness_new(NULL);

        (void)state;
        harness_stack(h, LINE);
        for (size_t i = 0; i < COUNT(items); i++)
                for (size_t k = 0; k < COUNT(unfit); k++) {
                        harness_start(h, "alice");
                        harness_item(h, items[i], unfit[k]);
                        h->password = pat();
                        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_AUTH_ERR);
                        h->password = "hunter2";
                        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_USER_UNKNOWN);
                }
        harness_start(h, "");
        h->password = pat();
        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_AUTH_ERR);
        assert_int_equal(harness_connections(h), 0);
        assert_non_null(strstr(harness_log(), "account=a\\x0ab"));
        for (size_t i = 0; i < COUNT(items); i++) {
                harness_start(h, "alice");
                harness_item(h, items[i], at_most);
                assert_int_equal(pam_authenticate(h->pamh, 0), PAM_SUCCESS);
        }
        free(at_most);
        free(too_long);
        (void)harness_free(h);
}

static void test_unfit_service(void **state)
{
        struct harness *h = harness_new(NULL);

        (void)state;
        (void)snprintf(h->service, sizeof(h->service), "s\tvc");
        assert_int_equal(harness_login(h, LINE, pat()), PAM_AUTH_ERR);
        assert_int_equal(harness_login(h, LINE, "hunter2"), PAM_USER_UNKNOWN);
        assert_int_equal(harness_connections(h), 0);
        assert_non_null(strstr(harness_log(), "PAM_SERVICE"));
        (void)harness_free(h);
}

static void test_options_refused(void **state)
{
        static const char *const wrong[] = {"orgs=acme", "org=Acme",  "timeout=0",  "socket=rel",
                                            "role=root", "tokenonly", "org=a org=b"};
        struct harness *h = harness_new(NULL);
        char line[256];

        (void)state;
        for (size_t i = 0; i < COUNT(wrong); i++) {
                (void)snprintf(line, sizeof(line), "auth required @RAW %s", wrong[i]);
                harness_log_clear();
                assert_int_equal(harness_login(h, line, pat()), PAM_SERVICE_ERR);
                assert_int_equal(harness_log_lines(LOG_ERR), 1);
        }
        assert_non_null(strstr(harness_log(), "\"org=b\""));
        assert_int_equal(harness_connections(h), 0);
        /* Not even the password was asked for. */
        assert_int_equal(h->passwords_asked, 0);
        (void)harness_free(h);
}

/* Nobody listens at the compiled-in place in these tests; that one is asked shows in the log. */
static void test_default_socket(void **state)
{
        struct harness *h = harness_new(NULL);
        int code = harness_login(h, "auth required @RAW timeout=200", pat());

        (void)state;
        assert_int_not_equal(code, PAM_SUCCESS);
        assert_non_null(strstr(harness_log(), ORGTOKEN_VERIFY_SOCKET));
        assert_int_equal(harness_connections(h), 0);
        (void)harness_free(h);
}

static void test_first_pass(void **state)
{
        struct harness *h = harness_new(NULL);
        char lines[512];

        (void)state;
        assert_int_equal(harness_login(h, LINE " use_first_pass", pat()), PAM_AUTH_ERR);
        assert_int_equal(h->passwords_asked, 0);
        (void)snprintf(lines, sizeof(lines),
                       "auth optional @SPY authtok=%s\nauth required @M use_first_pass", pat());
        assert_int_equal(harness_login(h, lines, NULL), PAM_SUCCESS);
        (void)snprintf(lines, sizeof(lines),
                       "auth optional @SPY authtok=%s\nauth required @M try_first_pass", pat());
        assert_int_equal(harness_login(h, lines, NULL), PAM_SUCCESS);
        assert_int_equal(h->passwords_asked, 0);
        assert_int_equal(harness_login(h, LINE " try_first_pass", pat()), PAM_SUCCESS);
        assert_int_equal(h->passwords_asked, 1);
        (void)harness_free(h);
}

/* One line a decision, with the reference of the daemon's record, and of the token its key id. */
static void test_log(void **state)
{
        const struct fake_script refused = {.steps = {{FAKE_VERDICT, .verdict = VERDICT_EXPIRED}}};
        struct harness *h = harness_new(NULL);
        char reference[WIRE_REFERENCE_SIZE];
        struct wire_message m;

        (void)state;
        assert_int_equal(harness_login(h, LINE, pat()), PAM_SUCCESS);
        harness_request(h, &m);
        wire_reference(m.nonce, reference);
        assert_int_equal(harness_log_lines(LOG_INFO), 1);
        assert_non_null(strstr(harness_log(), "token accepted"));
        assert_non_null(strstr(harness_log(), reference));
        assert_non_null(strstr(harness_log(), "account=alice actor=- source=- key=pat_97Qs0B "));
        harness_log_clear();
        assert_int_equal(harness_login(h, LINE " quiet", pat()), PAM_SUCCESS);
        assert_string_equal(harness_log(), "");
        harness_script(h, &refused);
        assert_int_equal(harness_login(h, LINE " quiet", pat()), PAM_AUTH_ERR);
        assert_int_equal(harness_log_lines(LOG_NOTICE), 1);
        assert_non_null(strstr(harness_log(), "token rejected: expired"));
        (void)harness_free(h);
}

/* People paste tokens at the user-name prompt, and other names are made to look like a line. */
static void test_log_holds_no_secret(void **state)
{
        const struct fake_script script = {
                .steps = {{FAKE_VERDICT, .verdict = VERDICT_ORG_REQUIRED}}};
        struct harness *h = harness_new(&script);

        (void)state;
        harness_stack(h, LINE " debug prompt_org");
        harness_start(h, pat());
        harness_item(h, PAM_RUSER, harness_token(TOKEN_AK, "acme"));
        harness_item(h, PAM_RHOST, harness_token(TOKEN_PAT, "acme"));
        h->password = pat();
        h->org = harness_token(TOKEN_AK, NULL);
        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_AUTH_ERR);
        h->password = "hunter2-secret";
        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_USER_UNKNOWN);
        assert_int_equal(harness_log_lines(LOG_DEBUG), 1);
        assert_non_null(strstr(harness_log(), "account=pat_"));
        assert_null(strstr(harness_log(), "abcdefghijABCDEFGHIJ"));
        assert_null(strstr(harness_log(), "hunter2"));
        (void)harness_free(h);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_allow),
                cmocka_unit_test(test_allow_of_a_pat),
                cmocka_unit_test(test_every_verdict),
                cmocka_unit_test(test_quiet_tells_nothing),
                cmocka_unit_test(test_not_a_token),
                cmocka_unit_test(test_malformed),
                cmocka_unit_test(test_97_bytes),
                cmocka_unit_test(test_conversation_refused),
                cmocka_unit_test(test_user_is_asked_for),
                cmocka_unit_test(test_unfit_items),
                cmocka_unit_test(test_unfit_service),
                cmocka_unit_test(test_options_refused),
                cmocka_unit_test(test_default_socket),
                cmocka_unit_test(test_first_pass),
                cmocka_unit_test(test_log),
                cmocka_unit_test(test_log_holds_no_secret),
        };

        return cmocka_run_group_tests_name("pam_auth", tests, NULL, NULL);
}
