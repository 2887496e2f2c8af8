/* The organisation prompt: who is asked, when, and what counts as no answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/support/pam_harness.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LINE     "auth required @M prompt_org"

#define REQUIRED                                                                                   \
        {                                                                                          \
                FAKE_VERDICT, .verdict = VERDICT_ORG_REQUIRED                                      \
        }

static const struct fake_script then_allow = {.steps = {REQUIRED, {.behaviour = FAKE_ALLOW}},
                                              .user = "alice"};

static int login_naming(struct harness *h, const char *org)
{
        h->org = org;
        return harness_login(h, LINE, harness_token(TOKEN_PAT, NULL));
}

static void test_answered(void **state)
{
        struct harness *h = harness_new(&then_allow);
        struct wire_message first, second;

        (void)state;
        assert_int_equal(login_naming(h, "acme"), PAM_SUCCESS);
        assert_int_equal(h->orgs_asked, 1);
        assert_int_equal(h->passwords_asked, 1);
        assert_int_equal(h->messages, 0);
        assert_int_equal(fake_daemon_requests(h->daemon), 2);
        assert_int_equal(fake_daemon_request(h->daemon, 0, &first), 0);
        assert_int_equal(fake_daemon_request(h->daemon, 1, &second), 0);
        assert_false(wire_has(&first, WIRE_F_ORG_ANSWER));
        assert_true(view_equal_str(wire_text(&second, WIRE_F_ORG_ANSWER), "acme"));
        assert_false(wire_has(&second, WIRE_F_ORG));
        assert_true(view_equal(wire_text(&first, WIRE_F_TOKEN), wire_text(&second, WIRE_F_TOKEN)));
        assert_memory_not_equal(first.nonce, second.nonce, WIRE_NONCE_LEN);
        (void)harness_free(h);
}

/* Only where the line says so, and only for a token that lacks nothing else. */
static void test_not_asked(void **state)
{
        struct harness *h = harness_new(&then_allow);

        (void)state;
        h->org = "acme";
        assert_int_equal(harness_login(h, "auth required @M", harness_token(TOKEN_PAT, NULL)),
                         PAM_AUTH_ERR);
        assert_int_equal(h->messages, 1);
        for (enum verdict v = VERDICT_MALFORMED; v < VERDICT_ALLOW; v++) {
                const struct fake_script script = {.steps = {{FAKE_VERDICT, .verdict = v}}};

                if (v == VERDICT_ORG_REQUIRED)
                        continue;
                harness_script(h, &script);
                assert_int_equal(login_naming(h, "acme"), PAM_AUTH_ERR);
        }
        harness_script(h, NULL);
        assert_int_equal(login_naming(h, "acme"), PAM_SUCCESS);
        assert_int_equal(harness_login(h, LINE, "hunter2"), PAM_USER_UNKNOWN);
        assert_int_equal(h->orgs_asked, 0);
        (void)harness_free(h);
}

static void test_no_answer(void **state)
{
        char too_long[257] = {0};
        const char *const answers[] = {
                NULL,
                "",
                "alice", /* nginx, dovecot: the name of the user to everything */
                "ac\nme",
                "\x7f",
                too_long,
                harness_token(TOKEN_PAT, NULL),
                harness_token(TOKEN_AK, "acme"),
        };
        struct harness *h = harness_new_alone();

        (void)state;
        memset(too_long, 'a', 256);
        for (size_t i = 0; i < COUNT(answers); i++) {
                harness_script(h, &then_allow);
                h->messages = 0;
                assert_int_equal(login_naming(h, answers[i]), PAM_AUTH_ERR);
                assert_int_equal(harness_connections(h), 1);
                assert_int_equal(h->messages, 1);
                assert_string_equal(h->message, "organisation required: append @org");
        }
        /* What is no name of an organisation, but could have been meant as one, is the daemon's. */
        too_long[255] = '\0';
        harness_script(h, &then_allow);
        assert_int_equal(login_naming(h, too_long), PAM_SUCCESS);
        (void)harness_free(h);
}

static void test_second_answer_counts(void **state)
{
        static const struct {
                struct fake_step second;
                int code;
                unsigned messages;
        } rows[] = {
                {{FAKE_VERDICT, .verdict = VERDICT_ORG_MISMATCH}, PAM_AUTH_ERR, 0},
                {{FAKE_VERDICT, .verdict = VERDICT_NOT_MEMBER}, PAM_AUTH_ERR, 0},
                {REQUIRED, PAM_AUTH_ERR, 1},
                {{.behaviour = FAKE_UNAVAILABLE}, PAM_AUTHINFO_UNAVAIL, 0},
                {{.behaviour = FAKE_WRONG_NONCE}, PAM_SYSTEM_ERR, 0},
        };
        struct harness *h = harness_new_alone();

        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                const struct fake_script script = {.steps = {REQUIRED, rows[i].second}};

                harness_script(h, &script);
                h->orgs_asked = h->messages = 0;
                assert_int_equal(login_naming(h, "acme"), rows[i].code);
                assert_int_equal(h->orgs_asked, 1);
                assert_int_equal(h->messages, rows[i].messages);
                assert_int_equal(fake_daemon_requests(h->daemon), 2);
        }
        (void)harness_free(h);
}

static void change_ruser(struct harness *h)
{
        /* libpam frees the old one. */
        harness_item(h, PAM_RUSER, "somebody-else");
}

static void spoil_user(struct harness *h)
{
        harness_item(h, PAM_USER, "bob\n");
}

/* Nothing that was read before the prompt is used behind it. */
static void test_items_change_in_the_prompt(void **state)
{
        struct harness *h = harness_new(&then_allow);
        struct wire_message m;

        (void)state;
        harness_stack(h, LINE);
        harness_start(h, "alice");
        harness_item(h, PAM_RUSER, "alice-at-her-desk");
        h->password = harness_token(TOKEN_PAT, NULL);
        h->org = "acme";
        h->on_org = change_ruser;
        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_SUCCESS);
        harness_request(h, &m);
        assert_true(view_equal_str(wire_text(&m, WIRE_F_ACTOR), "somebody-else"));

        harness_script(h, &then_allow);
        harness_start(h, "alice");
        h->on_org = spoil_user;
        h->messages = 0;
        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_AUTH_ERR);
        assert_int_equal(harness_connections(h), 1);
        /* Nor is the first verdict, which would have them told what is missing. */
        assert_int_equal(h->messages, 0);
        (void)harness_free(h);
}

static void take_a_while(struct harness *h)
{
        const struct timespec t = {.tv_sec = 2};

        (void)h;
        (void)nanosleep(&t, NULL);
}

/* People are slower than the deadline, which is the daemon's and not theirs. */
static void test_deadline_is_not_the_person_s(void **state)
{
        struct harness *h = harness_new(&then_allow);

        (void)state;
        h->org = "acme";
        h->on_org = take_a_while;
        assert_int_equal(harness_login(h, LINE " timeout=1900", harness_token(TOKEN_PAT, NULL)),
                         PAM_SUCCESS);
        (void)harness_free(h);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_answered),
                cmocka_unit_test(test_not_asked),
                cmocka_unit_test(test_no_answer),
                cmocka_unit_test(test_second_answer_counts),
                cmocka_unit_test(test_items_change_in_the_prompt),
                cmocka_unit_test(test_deadline_is_not_the_person_s),
        };

        return cmocka_run_group_tests_name("pam_org", tests, NULL, NULL);
}
