/* From an answer, or the want of one, to a PAM code: the whole table, and every half-right answer.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pam/outcome.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const uint8_t nonce[WIRE_NONCE_LEN] = {1, 2, 3};
static const enum phase phases[] = {PHASE_AUTH, PHASE_ACCOUNT, PHASE_SESSION};

static const enum wire_verb verb_of[] = {
        [PHASE_AUTH] = WIRE_V_VERIFY,
        [PHASE_ACCOUNT] = WIRE_V_ACCOUNT_CHECK,
        [PHASE_SESSION] = WIRE_V_SESSION_CHECK,
};

static struct wire_message message(uint32_t magic, enum phase phase)
{
        struct wire_message m;

        memset(&m, 0, sizeof(m));
        wire_init(&m, magic, verb_of[phase], nonce);
        return m;
}

static struct wire_message allow(enum phase phase)
{
        struct wire_message m = message(WIRE_ALLOW, phase);

        wire_put_number(&m, WIRE_F_VERDICT, VERDICT_ALLOW);
        wire_put_text(&m, WIRE_F_ORG, VIEW("acme"));
        wire_put_text(&m, WIRE_F_KEY_ID, VIEW("pat_4fK9aQ"));
        if (phase == PHASE_AUTH)
                wire_put_text(&m, WIRE_F_TICKET, VIEW("t"));
        return m;
}

static int code_of(enum phase phase, const struct wire_message *reply)
{
        struct wire_message request = message(WIRE_REQUEST, phase);
        struct outcome o = outcome_of(0, &request, reply);

        return outcome_to_pam(phase, &o);
}

static int code_of_error(enum phase phase, int error)
{
        struct wire_message request = message(WIRE_REQUEST, phase);
        struct outcome o = outcome_of(error, &request, NULL);

        assert_false(outcome_is_allow(&o));
        return outcome_to_pam(phase, &o);
}

static int denied(enum phase phase)
{
        return phase == PHASE_AUTH ? PAM_AUTH_ERR : PAM_PERM_DENIED;
}

static void test_every_verdict(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(phases); i++)
                for (enum verdict v = VERDICT_MALFORMED; v < VERDICT_ALLOW; v++) {
                        struct wire_message m = message(WIRE_VERDICT, phases[i]);

                        wire_put_number(&m, WIRE_F_VERDICT, v);
                        assert_int_equal(code_of(phases[i], &m), denied(phases[i]));
                }
}

static void test_allow(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(phases); i++) {
                struct wire_message m = allow(phases[i]);

                assert_int_equal(code_of(phases[i], &m), PAM_SUCCESS);
                wire_put_text(&m, WIRE_F_USER, VIEW("alice"));
                assert_int_equal(code_of(phases[i], &m), PAM_SUCCESS);
        }
}

/* What is not a whole ALLOW is no answer: PAM_SYSTEM_ERR, and PAM_PERM_DENIED in a session. */
static void assert_no_answer(enum phase phase, const struct wire_message *m)
{
        assert_int_equal(code_of(phase, m),
                         phase == PHASE_SESSION ? PAM_PERM_DENIED : PAM_SYSTEM_ERR);
}

static void test_half_an_allow(void **state)
{
        static const enum wire_field needed[] = {WIRE_F_VERDICT, WIRE_F_ORG, WIRE_F_KEY_ID};

        (void)state;
        for (size_t i = 0; i < COUNT(phases); i++) {
                for (size_t k = 0; k < COUNT(needed); k++) {
                        struct wire_message m = allow(phases[i]);

                        m.present[needed[k] / 64] &= ~(UINT64_C(1) << (needed[k] % 64));
                        assert_no_answer(phases[i], &m);
                }
                for (int64_t v = -1; v < 70; v++) {
                        struct wire_message m = allow(phases[i]);

                        wire_put_number(&m, WIRE_F_VERDICT, v);
                        if (v != VERDICT_ALLOW)
                                assert_no_answer(phases[i], &m);
                }
        }
}

static void test_ticket_only_of_verify(void **state)
{
        struct wire_message m = allow(PHASE_ACCOUNT);

        (void)state;
        m.verb = WIRE_V_VERIFY;
        assert_no_answer(PHASE_AUTH, &m);
        wire_put_text(&m, WIRE_F_TICKET, VIEW(""));
        assert_no_answer(PHASE_AUTH, &m);
}

/* They go into the environment of the session. */
static void test_forms_in_an_allow(void **state)
{
        static const struct {
                enum wire_field field;
                const char *value;
        } wrong[] = {
                {WIRE_F_ORG, "Acme"},
                {WIRE_F_ORG, "a\nb"},
                {WIRE_F_ORG, ""},
                {WIRE_F_KEY_ID, ""},
                {WIRE_F_KEY_ID, "xx_123456"},
                {WIRE_F_KEY_ID, "pat_12345678901"},
                {WIRE_F_KEY_ID, "pat_12 456"},
                {WIRE_F_USER, ""},
                {WIRE_F_USER, "-rf"},
                {WIRE_F_USER, "a b"},
                {WIRE_F_KEY_ID, "pat_4fK9aQ00000000000000000000000000"},
        };

        (void)state;
        for (size_t i = 0; i < COUNT(phases); i++)
                for (size_t k = 0; k < COUNT(wrong); k++) {
                        struct wire_message m = allow(phases[i]);

                        wire_put_text(&m, wrong[k].field, view_of(wrong[k].value));
                        assert_no_answer(phases[i], &m);
                }
}

static void test_other_answers(void **state)
{
        static const uint32_t others[] = {WIRE_REQUEST,  WIRE_ROW, WIRE_END, WIRE_NEW_TOKEN,
                                          WIRE_DONE,     0,        1,        UINT32_MAX,
                                          WIRE_ALLOW ^ 1};

        (void)state;
        for (size_t i = 0; i < COUNT(phases); i++) {
                struct wire_message m = allow(phases[i]);

                for (size_t k = 0; k < COUNT(others); k++) {
                        m.magic = others[k];
                        assert_no_answer(phases[i], &m);
                }
                /* ALLOW and VERDICT, each with the other's contents. */
                m.magic = WIRE_VERDICT;
                assert_no_answer(phases[i], &m);
                m = message(WIRE_VERDICT, phases[i]);
                assert_no_answer(phases[i], &m);
                wire_put_number(&m, WIRE_F_VERDICT, VERDICT_COUNT);
                assert_no_answer(phases[i], &m);
                wire_put_number(&m, WIRE_F_VERDICT, 0);
                assert_no_answer(phases[i], &m);
                wire_put_number(&m, WIRE_F_VERDICT, INT64_C(1) << 32 | VERDICT_UNKNOWN);
                assert_no_answer(phases[i], &m);
        }
}

static void test_another_request_s_answer(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(phases); i++) {
                struct wire_message m = allow(phases[i]);

                m.nonce[15] ^= 1;
                assert_no_answer(phases[i], &m);
                m = allow(phases[i]);
                m.verb = WIRE_V_STATUS;
                assert_no_answer(phases[i], &m);
        }
}

static void test_unavailable_and_refused(void **state)
{
        static const uint32_t magics[] = {WIRE_UNAVAILABLE, WIRE_REFUSED};

        (void)state;
        for (size_t k = 0; k < COUNT(magics); k++)
                for (size_t i = 0; i < COUNT(phases); i++) {
                        struct wire_message m = message(magics[k], phases[i]);

                        assert_int_equal(code_of(phases[i], &m), phases[i] == PHASE_SESSION
                                                                         ? PAM_PERM_DENIED
                                                                         : PAM_AUTHINFO_UNAVAIL);
                }
}

static void test_unguarded_is_of_sessions_only(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(phases); i++)
                for (int64_t guarded = -1; guarded < 3; guarded++) {
                        struct wire_message m = message(WIRE_DONE, phases[i]);

                        wire_put_number(&m, WIRE_F_GUARDED, guarded);
                        if (phases[i] == PHASE_SESSION && guarded == 0)
                                assert_int_equal(code_of(phases[i], &m), PAM_IGNORE);
                        else
                                assert_no_answer(phases[i], &m);
                }
}

/* Nor of any other answer that says it. */
static void test_unguarded_is_of_done_only(void **state)
{
        static const uint32_t others[] = {WIRE_REQUEST,   WIRE_ROW,     WIRE_END,
                                          WIRE_NEW_TOKEN, WIRE_VERDICT, WIRE_ALLOW};

        (void)state;
        for (size_t k = 0; k < COUNT(others); k++) {
                struct wire_message m = message(others[k], PHASE_SESSION);

                wire_put_number(&m, WIRE_F_GUARDED, 0);
                assert_no_answer(PHASE_SESSION, &m);
        }
}

/* Not even where somebody says so: PAM_IGNORE is of sessions only. */
static void test_unguarded_elsewhere(void **state)
{
        const struct outcome o = {.unguarded = true, .verdict = VERDICT_ALLOW};

        (void)state;
        assert_false(outcome_is_allow(&o));
        assert_int_equal(outcome_to_pam(PHASE_AUTH, &o), PAM_AUTH_ERR);
        assert_int_equal(outcome_to_pam(PHASE_ACCOUNT, &o), PAM_PERM_DENIED);
        assert_int_equal(outcome_to_pam(PHASE_SESSION, &o), PAM_IGNORE);
}

/* Every errno there is, and some that are none. */
static void test_every_error(void **state)
{
        (void)state;
        for (int e = 1; e < 4096; e++) {
                int code = PAM_AUTHINFO_UNAVAIL;

                if (e == EPERM || e == EPROTO || e == EBADMSG)
                        code = PAM_SYSTEM_ERR;
                else if (e == ENOMEM)
                        code = PAM_BUF_ERR;
                assert_int_equal(code_of_error(PHASE_AUTH, -e), code);
                assert_int_equal(code_of_error(PHASE_ACCOUNT, -e), code);
                assert_int_equal(code_of_error(PHASE_SESSION, -e), PAM_PERM_DENIED);
        }
}

/* A memo that could not be kept takes the success back. */
static void test_error_after_allow(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(phases); i++) {
                struct outcome o = {.error = -ENOMEM, .verdict = VERDICT_ALLOW};

                assert_false(outcome_is_allow(&o));
                assert_int_equal(outcome_to_pam(phases[i], &o),
                                 phases[i] == PHASE_SESSION ? PAM_PERM_DENIED : PAM_BUF_ERR);
        }
}

/* What nobody filled in is a failure, whichever way it was not filled in. */
static void test_nothing_is_no_success(void **state)
{
        const struct outcome initial = OUTCOME_INIT, zero = {0};

        (void)state;
        for (size_t i = 0; i < COUNT(phases); i++) {
                assert_int_not_equal(outcome_to_pam(phases[i], &initial), PAM_SUCCESS);
                assert_int_not_equal(outcome_to_pam(phases[i], &initial), PAM_IGNORE);
                assert_int_equal(outcome_to_pam(phases[i], &zero), denied(phases[i]));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_verdict),
                cmocka_unit_test(test_allow),
                cmocka_unit_test(test_half_an_allow),
                cmocka_unit_test(test_ticket_only_of_verify),
                cmocka_unit_test(test_forms_in_an_allow),
                cmocka_unit_test(test_other_answers),
                cmocka_unit_test(test_another_request_s_answer),
                cmocka_unit_test(test_unavailable_and_refused),
                cmocka_unit_test(test_unguarded_is_of_sessions_only),
                cmocka_unit_test(test_unguarded_is_of_done_only),
                cmocka_unit_test(test_unguarded_elsewhere),
                cmocka_unit_test(test_every_error),
                cmocka_unit_test(test_error_after_allow),
                cmocka_unit_test(test_nothing_is_no_success),
        };

        return cmocka_run_group_tests_name("pam_outcome", tests, NULL, NULL);
}
