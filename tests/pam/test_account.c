/* pam_acct_mgmt and pam_setcred: with a memo of an authentication by token, and without one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <cmocka.h>

#include "common/name.h"
#include "tests/support/pam_harness.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* libpam makes PAM_PERM_DENIED of a lone PAM_IGNORE. Here it jumps to a module of its own code. */
#define IGNORED PAM_ACCT_EXPIRED
#define STACK                                                                                      \
        "auth required @M %s\n"                                                                    \
        "account [success=done ignore=1 default=die] @M %s\n"                                      \
        "account required pam_permit.so\n"                                                         \
        "account required pam_debug.so acct=acct_expired\n"

static void start(struct harness *h, const char *on_auth, const char *on_account)
{
        char lines[512];

        (void)snprintf(lines, sizeof(lines), STACK, on_auth, on_account);
        harness_stack(h, lines);
        harness_start(h, "alice");
        h->password = harness_token(TOKEN_PAT, "acme");
}

/* An authentication that is allowed, and the account phase by this step. */
static int account_after(struct harness *h, const struct fake_step *step)
{
        const struct fake_script script = {.verify = {.behaviour = FAKE_ALLOW},
                                           .account_check = *step};

        harness_script(h, &script);
        start(h, "", fake_timeout(step->behaviour));
        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_SUCCESS);
        return pam_acct_mgmt(h->pamh, 0);
}

static void test_without_a_token(void **state)
{
        struct harness *h = harness_new(NULL);

        (void)state;
        /* An ssh key, cron: never authenticated. */
        start(h, "", "");
        assert_int_equal(pam_acct_mgmt(h->pamh, 0), IGNORED);
        start(h, "", "require_token");
        assert_int_equal(pam_acct_mgmt(h->pamh, 0), PAM_PERM_DENIED);
        assert_int_equal(harness_log_lines(LOG_NOTICE), 1);
        /* An ordinary password. */
        start(h, "", "");
        h->password = "hunter2";
        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_USER_UNKNOWN);
        assert_int_equal(pam_acct_mgmt(h->pamh, 0), IGNORED);
        assert_int_equal(harness_connections(h), 0);
        (void)harness_free(h);
}

static void test_allowed(void **state)
{
        struct harness *h = harness_new(NULL);
        struct wire_message m;

        (void)state;
        start(h, "", "require_token");
        harness_item(h, PAM_RUSER, "carol");
        harness_item(h, PAM_RHOST, "192.0.2.7");
        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_SUCCESS);
        assert_int_equal(pam_acct_mgmt(h->pamh, 0), PAM_SUCCESS);
        harness_request(h, &m);
        assert_int_equal(m.verb, WIRE_V_ACCOUNT_CHECK);
        assert_true(view_equal_str(wire_text(&m, WIRE_F_TICKET), "ticket-of-the-fake"));
        assert_true(view_equal_str(wire_text(&m, WIRE_F_ORG), "acme"));
        assert_true(view_equal_str(wire_text(&m, WIRE_F_ACCOUNT), "alice"));
        assert_true(view_equal_str(wire_text(&m, WIRE_F_SERVICE), "svc"));
        assert_true(view_equal_str(wire_text(&m, WIRE_F_ACTOR), "carol"));
        assert_true(view_equal_str(wire_text(&m, WIRE_F_SOURCE), "192.0.2.7"));
        assert_false(wire_has(&m, WIRE_F_TOKEN));
        assert_false(wire_has(&m, WIRE_F_ROLE));
        /* Asked each time, and still there. */
        assert_int_equal(pam_acct_mgmt(h->pamh, 0), PAM_SUCCESS);
        assert_int_equal(harness_connections(h), 3);
        (void)harness_free(h);
}

static void test_every_verdict(void **state)
{
        struct harness *h = harness_new_alone();

        (void)state;
        for (enum verdict v = VERDICT_MALFORMED; v < VERDICT_ALLOW; v++) {
                const struct fake_step step = {FAKE_VERDICT, .verdict = v};

                assert_int_equal(account_after(h, &step), PAM_PERM_DENIED);
                /* Nobody is told here. */
                assert_int_equal(h->messages, 0);
        }
        assert_non_null(strstr(harness_log(), "no longer allowed: revoked"));
        (void)harness_free(h);
}

static void test_no_answer(void **state)
{
        static const struct {
                struct fake_step step;
                int code;
        } rows[] = {
                {{.behaviour = FAKE_UNAVAILABLE}, PAM_AUTHINFO_UNAVAIL},
                {{.behaviour = FAKE_REFUSED}, PAM_AUTHINFO_UNAVAIL},
                {{.behaviour = FAKE_SILENT}, PAM_AUTHINFO_UNAVAIL},
                {{.behaviour = FAKE_CLOSE_AFTER}, PAM_AUTHINFO_UNAVAIL},
                {{.behaviour = FAKE_WRONG_NONCE}, PAM_SYSTEM_ERR},
                {{.behaviour = FAKE_WRONG_VERB}, PAM_SYSTEM_ERR},
                {{.behaviour = FAKE_NOT_GUARDED}, PAM_SYSTEM_ERR},
                {{.behaviour = FAKE_ALLOW_BARE}, PAM_SYSTEM_ERR},
                {{.behaviour = FAKE_VERDICT_ALLOW}, PAM_SYSTEM_ERR},
                {{.behaviour = FAKE_GARBAGE}, PAM_SYSTEM_ERR},
        };
        struct harness *h = harness_new_alone();

        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++)
                assert_int_equal(account_after(h, &rows[i].step), rows[i].code);
        assert_int_equal(account_after(h, &(struct fake_step){.behaviour = FAKE_ALLOW}),
                         PAM_SUCCESS);
        harness_stop_daemon(h);
        assert_int_equal(pam_acct_mgmt(h->pamh, 0), PAM_AUTHINFO_UNAVAIL);
        (void)harness_free(h);
}

/* A refusal, or a password, takes an earlier success with it. */
static void test_later_failure_clears(void **state)
{
        const struct fake_script script = {
                .steps = {{.behaviour = FAKE_ALLOW}, {.behaviour = FAKE_VERDICT}}, .user = "alice"};
        static const char *const names[] = {"ORGTOKEN_ORG", "ORGTOKEN_KEY_ID", "ORGTOKEN_USER"};
        struct harness *h = harness_new_alone();

        (void)state;
        for (int with_token = 0; with_token < 2; with_token++) {
                harness_script(h, &script);
                start(h, "", "");
                assert_int_equal(pam_authenticate(h->pamh, 0), PAM_SUCCESS);
                assert_non_null(pam_getenv(h->pamh, "ORGTOKEN_USER"));
                if (!with_token)
                        h->password = "hunter2";
                assert_int_not_equal(pam_authenticate(h->pamh, 0), PAM_SUCCESS);
                for (size_t i = 0; i < COUNT(names); i++)
                        assert_null(pam_getenv(h->pamh, names[i]));
                assert_int_equal(pam_acct_mgmt(h->pamh, 0), IGNORED);
        }
        (void)harness_free(h);
}

/* A key after a PAT: no user stays behind. */
static void test_later_success_replaces(void **state)
{
        const struct fake_script with_user = {.user = "alice", .key_id = "pat_4fK9aQ"};
        const struct fake_script without = {.org = "globex", .ticket = "t2"};
        struct harness *h = harness_new(&with_user);
        struct wire_message m;

        (void)state;
        start(h, "", "");
        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_SUCCESS);
        harness_script(h, &without);
        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_SUCCESS);
        assert_null(pam_getenv(h->pamh, "ORGTOKEN_USER"));
        assert_string_equal(pam_getenv(h->pamh, "ORGTOKEN_ORG"), "globex");
        assert_int_equal(pam_acct_mgmt(h->pamh, 0), PAM_SUCCESS);
        harness_request(h, &m);
        assert_true(view_equal_str(wire_text(&m, WIRE_F_TICKET), "t2"));
        assert_true(view_equal_str(wire_text(&m, WIRE_F_ORG), "globex"));
        (void)harness_free(h);
}

static void test_org_of_the_line(void **state)
{
        struct harness *h = harness_new(NULL);

        (void)state;
        start(h, "", "org=acme");
        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_SUCCESS);
        assert_int_equal(pam_acct_mgmt(h->pamh, 0), PAM_SUCCESS);
        start(h, "", "org=globex");
        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_SUCCESS);
        assert_int_equal(pam_acct_mgmt(h->pamh, 0), PAM_PERM_DENIED);
        assert_int_equal(harness_connections(h), 3);
        (void)harness_free(h);
}

/* The stricter of the two lines; the actor as the ticket has it. */
static void test_demands_of_both_lines(void **state)
{
        static const struct {
                const char *on_auth, *on_account;
                int role, bound_only;
                bool actor;
        } rows[] = {
                {"role=admin", "", ROLE_ADMIN, 0, true},
                {"", "role=admin", ROLE_ADMIN, 0, true},
                {"role=member", "role=admin", ROLE_ADMIN, 0, true},
                {"role=admin", "role=member", ROLE_ADMIN, 0, true},
                {"bound_only", "", 0, 1, true},
                {"", "bound_only", 0, 1, true},
                {"any_ruser", "", 0, 0, false},
                {"any_ruser", "any_ruser", 0, 0, false},
                {"", "any_ruser", 0, 0, true},
        };
        struct harness *h = harness_new(NULL);

        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                struct wire_message m;

                start(h, rows[i].on_auth, rows[i].on_account);
                harness_item(h, PAM_RUSER, "carol");
                assert_int_equal(pam_authenticate(h->pamh, 0), PAM_SUCCESS);
                assert_int_equal(pam_acct_mgmt(h->pamh, 0), PAM_SUCCESS);
                harness_request(h, &m);
                assert_int_equal(wire_number(&m, WIRE_F_ROLE, 0), rows[i].role);
                assert_int_equal(wire_number(&m, WIRE_F_BOUND_ONLY, 0), rows[i].bound_only);
                assert_int_equal(wire_has(&m, WIRE_F_ACTOR), rows[i].actor);
        }
        (void)harness_free(h);
}

/* The facts are PAM's of this moment: who became somebody else since, is asked for as that. */
static void test_facts_taken_again(void **state)
{
        struct harness *h = harness_new(NULL);
        struct wire_message m;

        (void)state;
        start(h, "", "");
        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_SUCCESS);
        harness_item(h, PAM_USER, "bob");
        assert_int_equal(pam_acct_mgmt(h->pamh, 0), PAM_SUCCESS);
        harness_request(h, &m);
        assert_true(view_equal_str(wire_text(&m, WIRE_F_ACCOUNT), "bob"));
        harness_item(h, PAM_USER, "bob\n");
        assert_int_equal(pam_acct_mgmt(h->pamh, 0), PAM_PERM_DENIED);
        harness_item(h, PAM_USER, NULL);
        assert_int_equal(pam_acct_mgmt(h->pamh, 0), PAM_PERM_DENIED);
        assert_int_equal(harness_connections(h), 2);
        (void)harness_free(h);
}

static void test_options_refused(void **state)
{
        struct harness *h = harness_new(NULL);

        (void)state;
        start(h, "", "requiretoken");
        assert_int_equal(pam_acct_mgmt(h->pamh, 0), PAM_SERVICE_ERR);
        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_SUCCESS);
        assert_int_equal(pam_acct_mgmt(h->pamh, 0), PAM_SERVICE_ERR);
        (void)harness_free(h);
}

/* Whatever came before, and whatever the line says: anything else locks ssh keys out. */
static void test_setcred(void **state)
{
        static const int flags[] = {PAM_ESTABLISH_CRED, PAM_DELETE_CRED, PAM_REINITIALIZE_CRED,
                                    PAM_REFRESH_CRED | PAM_SILENT};
        static const char *const lines[] = {"auth required @M", "auth required @M nonsense",
                                            "auth [success=ok default=die] @M"};
        struct harness *h = harness_new_alone();

        (void)state;
        for (size_t i = 0; i < COUNT(lines); i++)
                for (size_t k = 0; k < COUNT(flags); k++) {
                        harness_stack(h, lines[i]);
                        harness_start(h, "alice");
                        assert_int_equal(pam_setcred(h->pamh, flags[k]), PAM_SUCCESS);
                        h->password = harness_token(TOKEN_PAT, NULL);
                        assert_int_not_equal(pam_authenticate(h->pamh, 0), PAM_SUCCESS);
                        harness_start(h, "alice");
                        assert_int_equal(pam_setcred(h->pamh, flags[k]), PAM_SUCCESS);
                }
        (void)harness_free(h);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_without_a_token),
                cmocka_unit_test(test_allowed),
                cmocka_unit_test(test_every_verdict),
                cmocka_unit_test(test_no_answer),
                cmocka_unit_test(test_later_failure_clears),
                cmocka_unit_test(test_later_success_replaces),
                cmocka_unit_test(test_org_of_the_line),
                cmocka_unit_test(test_demands_of_both_lines),
                cmocka_unit_test(test_facts_taken_again),
                cmocka_unit_test(test_options_refused),
                cmocka_unit_test(test_setcred),
        };

        return cmocka_run_group_tests_name("pam_account", tests, NULL, NULL);
}
