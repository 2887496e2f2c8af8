/* pam_open_session, where sudo's target is decided again (doc/ELEVATION.md), and
 * pam_close_session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/name.h"
#include "tests/support/pam_harness.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* libpam makes PAM_PERM_DENIED of a lone PAM_IGNORE. Here it jumps to a module of its own code. */
#define IGNORED PAM_SESSION_ERR
#define STACK                                                                                      \
        "auth required @M\n"                                                                       \
        "session [success=done ignore=1 default=die] @M %s\n"                                      \
        "session required pam_permit.so\n"                                                         \
        "session required pam_debug.so open_session=session_err\n"

static int open_for(struct harness *h, const char *options, const char *user, const char *ruser)
{
        char lines[512];

        (void)snprintf(lines, sizeof(lines), STACK, options);
        harness_stack(h, lines);
        harness_start(h, user);
        harness_item(h, PAM_RUSER, ruser);
        return pam_open_session(h->pamh, 0);
}

static void test_nobody_is_asked(void **state)
{
        static const struct {
                const char *user, *ruser;
        } rows[] = {
                {"root", "alice"}, {"root", "root"},
                {"root", NULL},    {"alice", "alice"},
                {"alice", NULL},   {"alice", ""},
                {NULL, NULL},      {"acme-deploy", NULL},
                {"", ""},          {"acme-deploy", "acme-deploy"},
        };
        struct harness *h = harness_new(NULL);

        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++)
                assert_int_equal(open_for(h, "", rows[i].user, rows[i].ruser), IGNORED);
        assert_int_equal(harness_connections(h), 0);
        (void)harness_free(h);
}

/* Root's own su, sudo and runuser. Somebody else's program that says "root" is asked about. */
static void test_root_as_actor(void **state)
{
        const struct fake_script script = {.steps = {{.behaviour = FAKE_VERDICT}}};
        struct harness *h = harness_new(&script);
        bool is_root = getuid() == 0;

        (void)state;
        assert_int_equal(open_for(h, "", "acme-deploy", "root"),
                         is_root ? IGNORED : PAM_PERM_DENIED);
        assert_int_equal(harness_connections(h), is_root ? 0 : 1);
        if (is_root) {
                assert_int_equal(setresuid(12345, 0, 0), 0);
                assert_int_equal(open_for(h, "", "acme-deploy", "root"), PAM_PERM_DENIED);
                assert_int_equal(setresuid(0, 0, 0), 0);
                assert_int_equal(harness_connections(h), 1);
        }
        (void)harness_free(h);
}

static void test_not_guarded(void **state)
{
        const struct fake_script script = {.steps = {{.behaviour = FAKE_NOT_GUARDED}}};
        struct harness *h = harness_new(&script);

        (void)state;
        assert_int_equal(open_for(h, "", "bob", "alice"), IGNORED);
        assert_int_equal(harness_connections(h), 1);
        assert_null(pam_getenv(h->pamh, "ORGTOKEN_ORG"));
        assert_null(strstr(harness_log(), "pam_orgtoken"));
        assert_int_equal(open_for(h, "debug", "bob", "alice"), IGNORED);
        assert_non_null(strstr(harness_log(), "not guarded"));
        (void)harness_free(h);
}

static void test_allowed(void **state)
{
        const struct fake_script script = {.user = "alice", .key_id = "pat_4fK9aQ"};
        struct harness *h = harness_new(&script);
        struct wire_message m;

        (void)state;
        harness_stack(h, "session required @M org=acme role=admin bound_only");
        harness_start(h, "acme-deploy");
        harness_item(h, PAM_RUSER, "alice");
        harness_item(h, PAM_TTY, "/dev/pts/1");
        assert_int_equal(pam_open_session(h->pamh, 0), PAM_SUCCESS);
        assert_string_equal(pam_getenv(h->pamh, "ORGTOKEN_ORG"), "acme");
        assert_string_equal(pam_getenv(h->pamh, "ORGTOKEN_KEY_ID"), "pat_4fK9aQ");
        assert_string_equal(pam_getenv(h->pamh, "ORGTOKEN_USER"), "alice");
        harness_request(h, &m);
        assert_int_equal(m.verb, WIRE_V_SESSION_CHECK);
        assert_true(view_equal_str(wire_text(&m, WIRE_F_ACCOUNT), "acme-deploy"));
        assert_true(view_equal_str(wire_text(&m, WIRE_F_ACTOR), "alice"));
        assert_true(view_equal_str(wire_text(&m, WIRE_F_SERVICE), "svc"));
        assert_true(view_equal_str(wire_text(&m, WIRE_F_ORG), "acme"));
        assert_true(view_equal_str(wire_text(&m, WIRE_F_TTY), "/dev/pts/1"));
        assert_int_equal(wire_number(&m, WIRE_F_ROLE, 0), ROLE_ADMIN);
        assert_int_equal(wire_number(&m, WIRE_F_REAL_UID, -1), getuid());
        (void)harness_free(h);
}

static void test_every_verdict(void **state)
{
        struct harness *h = harness_new_alone();

        (void)state;
        for (enum verdict v = VERDICT_MALFORMED; v < VERDICT_ALLOW; v++) {
                const struct fake_script script = {.steps = {{FAKE_VERDICT, .verdict = v}}};

                harness_script(h, &script);
                assert_int_equal(open_for(h, "", "acme-deploy", "alice"), PAM_PERM_DENIED);
        }
        assert_non_null(strstr(harness_log(), "session refused: unknown"));
        (void)harness_free(h);
}

/* sudo goes on after PAM_SESSION_ERR, so whatever is wrong is PAM_PERM_DENIED. */
static void test_no_answer(void **state)
{
        static const struct fake_step steps[] = {
                {.behaviour = FAKE_UNAVAILABLE},  {.behaviour = FAKE_REFUSED},
                {.behaviour = FAKE_DONE_GUARDED}, {.behaviour = FAKE_DONE},
                {.behaviour = FAKE_SILENT},       {.behaviour = FAKE_CLOSE},
                {.behaviour = FAKE_CLOSE_AFTER},  {.behaviour = FAKE_WRONG_NONCE},
                {.behaviour = FAKE_WRONG_VERB},   {FAKE_SHORT, .length = 24},
                {.behaviour = FAKE_LONG},         {.behaviour = FAKE_TRAILING},
                {.behaviour = FAKE_GARBAGE},      {.behaviour = FAKE_EMPTY},
                {.behaviour = FAKE_ECHO},         {.behaviour = FAKE_ALLOW_BAD_VERDICT},
                {.behaviour = FAKE_ALLOW_BARE},   {.behaviour = FAKE_VERDICT_ALLOW},
                {.behaviour = FAKE_NOT_UNARY},    {.behaviour = FAKE_UNKNOWN_FIELD},
                {.behaviour = FAKE_DESCRIPTOR},
        };
        struct harness *h = harness_new_alone();

        (void)state;
        for (size_t i = 0; i < COUNT(steps); i++) {
                const struct fake_script script = {.steps = {steps[i]}};

                harness_script(h, &script);
                assert_int_equal(
                        open_for(h, fake_timeout(steps[i].behaviour), "acme-deploy", "alice"),
                        PAM_PERM_DENIED);
                assert_null(pam_getenv(h->pamh, "ORGTOKEN_ORG"));
        }
        harness_stop_daemon(h);
        assert_int_equal(open_for(h, "", "acme-deploy", "alice"), PAM_PERM_DENIED);
        (void)harness_free(h);
}

static void test_options_refused(void **state)
{
        struct harness *h = harness_new(NULL);

        (void)state;
        assert_int_equal(open_for(h, "any_ruser", "acme-deploy", "alice"), PAM_SERVICE_ERR);
        assert_int_equal(open_for(h, "nonsense", "acme-deploy", "alice"), PAM_SERVICE_ERR);
        assert_int_equal(open_for(h, "org=", "root", NULL), PAM_SERVICE_ERR);
        assert_int_equal(harness_connections(h), 0);
        (void)harness_free(h);
}

static void test_unfit_items(void **state)
{
        struct harness *h = harness_new(NULL);
        char too_long[257] = {0};

        (void)state;
        memset(too_long, 'u', 256);
        assert_int_equal(open_for(h, "", too_long, "alice"), PAM_PERM_DENIED);
        assert_int_equal(open_for(h, "", "a\nb", "alice"), PAM_PERM_DENIED);
        assert_int_equal(open_for(h, "", NULL, "alice"), PAM_PERM_DENIED);
        assert_int_equal(open_for(h, "", "acme-deploy", too_long), PAM_PERM_DENIED);
        assert_int_equal(open_for(h, "", "acme-deploy", "al\x1bice"), PAM_PERM_DENIED);
        assert_int_equal(harness_connections(h), 0);
        (void)harness_free(h);
}

/* su: authenticated for the account in this very handle, and asked all the same. */
static void test_memo_changes_nothing(void **state)
{
        const struct fake_script script = {.verify = {.behaviour = FAKE_ALLOW},
                                           .session_check = {.behaviour = FAKE_VERDICT},
                                           .user = "alice"};
        struct harness *h = harness_new(&script);

        (void)state;
        harness_stack(h, "auth required @M\nsession required @M");
        harness_start(h, "acme-deploy");
        harness_item(h, PAM_RUSER, "alice");
        h->password = harness_token(TOKEN_PAT, "acme");
        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_SUCCESS);
        assert_int_equal(pam_open_session(h->pamh, 0), PAM_PERM_DENIED);
        assert_int_equal(harness_connections(h), 2);
        /* The session's own organisation and user, not those of the authentication. */
        harness_script(h, &(struct fake_script){.org = "globex"});
        assert_int_equal(pam_open_session(h->pamh, 0), PAM_SUCCESS);
        assert_string_equal(pam_getenv(h->pamh, "ORGTOKEN_ORG"), "globex");
        assert_null(pam_getenv(h->pamh, "ORGTOKEN_USER"));
        (void)harness_free(h);
}

static void test_close(void **state)
{
        struct harness *h = harness_new(NULL);

        (void)state;
        harness_stack(h, "session required @M nonsense");
        harness_start(h, "acme-deploy");
        assert_int_equal(pam_close_session(h->pamh, 0), PAM_SUCCESS);
        harness_item(h, PAM_RUSER, "alice");
        assert_int_equal(pam_close_session(h->pamh, 0), PAM_SUCCESS);
        assert_int_equal(harness_connections(h), 0);
        (void)harness_free(h);
}

/* ---- telling of logind's session ---- */

/* A login with a token, up to and with the session; the id is pam_systemd's. */
static void log_in(struct harness *h, const char *id, const char *password)
{
        char variable[64];

        assert_int_equal(harness_login(h,
                                       "auth required @M\nsession optional @M\n"
                                       "session required pam_permit.so",
                                       password),
                         PAM_SUCCESS);
        (void)snprintf(variable, sizeof(variable), "XDG_SESSION_ID=%s", id);
        if (id)
                assert_int_equal(pam_putenv(h->pamh, variable), PAM_SUCCESS);
        assert_int_equal(pam_setcred(h->pamh, PAM_ESTABLISH_CRED), PAM_SUCCESS);
        assert_int_equal(pam_open_session(h->pamh, 0), PAM_SUCCESS);
}

static void test_told(void **state)
{
        const struct fake_script script = {.user = "alice", .key_id = "pat_4fK9aQ"};
        struct harness *h = harness_new(&script);
        bool is_root = geteuid() == 0;
        struct wire_message m;

        (void)state;
        log_in(h, "c7", harness_token(TOKEN_PAT, "acme"));
        assert_int_equal(harness_connections(h), is_root ? 2 : 1);
        if (is_root) {
                harness_request(h, &m);
                assert_int_equal(m.verb, WIRE_V_SESSION);
                assert_true(view_equal_str(wire_text(&m, WIRE_F_SESSION), "c7"));
                assert_true(view_equal_str(wire_text(&m, WIRE_F_ACCOUNT), "alice"));
                assert_true(view_equal_str(wire_text(&m, WIRE_F_KEY_ID), "pat_4fK9aQ"));
                assert_true(view_equal_str(wire_text(&m, WIRE_F_ORG), "acme"));
                assert_true(view_equal_str(wire_text(&m, WIRE_F_SERVICE), "svc"));
        }
        /* Where there is no logind, and what is no id, is nothing to tell. */
        harness_script(h, &script);
        log_in(h, NULL, harness_token(TOKEN_PAT, "acme"));
        assert_int_equal(harness_connections(h), 1);
        harness_script(h, &script);
        log_in(h, "a\nb", harness_token(TOKEN_PAT, "acme"));
        assert_int_equal(harness_connections(h), 1);
        /* The daemon would not listen to another. */
        if (is_root) {
                log_in(h, "c7", harness_token(TOKEN_PAT, "acme"));
                harness_script(h, &script);
                assert_int_equal(setresuid(0, 12345, 0), 0);
                assert_int_equal(pam_open_session(h->pamh, 0), PAM_SUCCESS);
                assert_int_equal(setresuid(0, 0, 0), 0);
                assert_int_equal(harness_connections(h), 0);
        }
        (void)harness_free(h);
}

/* As sshd does for keyboard-interactive: the variables come from a child, and setcred is first. */
static void test_told_from_variables(void **state)
{
        struct harness *h = harness_new(NULL);
        struct wire_message m;

        (void)state;
        harness_stack(h, "auth required @M\nsession optional @M\nsession required pam_permit.so");
        harness_start(h, "alice");
        assert_int_equal(pam_putenv(h->pamh, "ORGTOKEN_ORG=acme"), PAM_SUCCESS);
        assert_int_equal(pam_putenv(h->pamh, "ORGTOKEN_KEY_ID=pat_4fK9aQ"), PAM_SUCCESS);
        assert_int_equal(pam_setcred(h->pamh, PAM_ESTABLISH_CRED), PAM_SUCCESS);
        /* What a session module lets a person write comes too late. */
        assert_int_equal(pam_putenv(h->pamh, "ORGTOKEN_KEY_ID=pat_000000"), PAM_SUCCESS);
        assert_int_equal(pam_putenv(h->pamh, "XDG_SESSION_ID=3"), PAM_SUCCESS);
        assert_int_equal(pam_setcred(h->pamh, PAM_ESTABLISH_CRED), PAM_SUCCESS);
        assert_int_equal(pam_open_session(h->pamh, 0), PAM_SUCCESS);
        assert_int_equal(harness_connections(h), geteuid() == 0 ? 1 : 0);
        if (geteuid() == 0) {
                harness_request(h, &m);
                assert_true(view_equal_str(wire_text(&m, WIRE_F_KEY_ID), "pat_4fK9aQ"));
        }
        /* Written without a setcred before: nobody's. */
        harness_script(h, NULL);
        harness_start(h, "alice");
        assert_int_equal(pam_putenv(h->pamh, "ORGTOKEN_ORG=acme"), PAM_SUCCESS);
        assert_int_equal(pam_putenv(h->pamh, "ORGTOKEN_KEY_ID=pat_000000"), PAM_SUCCESS);
        assert_int_equal(pam_putenv(h->pamh, "XDG_SESSION_ID=3"), PAM_SUCCESS);
        assert_int_equal(pam_open_session(h->pamh, 0), PAM_SUCCESS);
        assert_int_equal(harness_connections(h), 0);
        (void)harness_free(h);
}

/* It is no question: whatever comes back, or nothing, the session is opened. */
static void test_telling_decides_nothing(void **state)
{
        static const enum fake_behaviour answers[] = {
                FAKE_UNAVAILABLE, FAKE_REFUSED, FAKE_VERDICT,    FAKE_DONE,
                FAKE_CLOSE_AFTER, FAKE_GARBAGE, FAKE_WRONG_NONCE};

        (void)state;
        for (size_t i = 0; i < COUNT(answers); i++) {
                struct fake_script script = {.verify = {.behaviour = FAKE_ALLOW}};
                struct harness *h;

                script.steps[0].behaviour = answers[i];
                h = harness_new(&script);
                harness_log_clear();
                log_in(h, "1", harness_token(TOKEN_PAT, "acme"));
                if (geteuid() == 0)
                        assert_non_null(strstr(harness_log(), "session 1 is not noted"));
                (void)harness_free(h);
        }
}

/* With an elevation it is the token of the grant. */
static void test_told_of_elevation(void **state)
{
        const struct fake_script script = {.user = "alice", .key_id = "pat_4fK9aQ"};
        struct harness *h = harness_new(&script);
        struct wire_message m;

        (void)state;
        harness_stack(h, "session required @M");
        harness_start(h, "acme-deploy");
        harness_item(h, PAM_RUSER, "alice");
        assert_int_equal(pam_putenv(h->pamh, "XDG_SESSION_ID=9"), PAM_SUCCESS);
        assert_int_equal(pam_open_session(h->pamh, 0), PAM_SUCCESS);
        assert_int_equal(harness_connections(h), geteuid() == 0 ? 2 : 1);
        harness_request(h, &m);
        assert_int_equal(m.verb, geteuid() == 0 ? WIRE_V_SESSION : WIRE_V_SESSION_CHECK);
        (void)harness_free(h);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nobody_is_asked),
                cmocka_unit_test(test_root_as_actor),
                cmocka_unit_test(test_not_guarded),
                cmocka_unit_test(test_allowed),
                cmocka_unit_test(test_every_verdict),
                cmocka_unit_test(test_no_answer),
                cmocka_unit_test(test_options_refused),
                cmocka_unit_test(test_unfit_items),
                cmocka_unit_test(test_memo_changes_nothing),
                cmocka_unit_test(test_close),
                cmocka_unit_test(test_told),
                cmocka_unit_test(test_told_from_variables),
                cmocka_unit_test(test_telling_decides_nothing),
                cmocka_unit_test(test_told_of_elevation),
        };

        return cmocka_run_group_tests_name("pam_session", tests, NULL, NULL);
}
