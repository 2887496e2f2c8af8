/*
 * Parts of the module by themselves, on a played host: what is kept in the handle and what of it is
 * left, and what a person is told and when, to the second.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/expiry.h"
#include "common/token.h"
#include "pam/memo.h"
#include "pam/notice.h"
#include "pam/tell.h"
#include "tests/support/fake_host.h"

#define NOW INT64_C(1800000000) /* of the played host */

static const uint8_t nonce[WIRE_NONCE_LEN] = {1};
static const struct pamoptions no_options = {.timeout_ms = 1};

static struct wire_message allow(const char *org, const char *key_id, const char *user)
{
        struct wire_message m;

        memset(&m, 0, sizeof(m));
        wire_init(&m, WIRE_ALLOW, WIRE_V_VERIFY, nonce);
        wire_put_text(&m, WIRE_F_TICKET, VIEW("a ticket"));
        wire_put_text(&m, WIRE_F_ORG, view_of(org));
        wire_put_text(&m, WIRE_F_KEY_ID, view_of(key_id));
        if (user)
                wire_put_text(&m, WIRE_F_USER, view_of(user));
        wire_put_number(&m, WIRE_F_EXPIRES_AT, NOW + 5);
        return m;
}

static const char *find(const struct fake_host *h, const char *name)
{
        for (size_t i = 0; i < FAKE_ENV; i++)
                if (h->env[i] && strncmp(h->env[i], name, strlen(name)) == 0)
                        return h->env[i] + strlen(name);
        return NULL;
}

static size_t count_variables(const struct fake_host *h)
{
        size_t n = 0;

        for (size_t i = 0; i < FAKE_ENV; i++)
                n += h->env[i] != NULL;
        return n;
}

static void test_kept(void **state)
{
        struct fake_host h = {0};
        pam_handle_t *pamh = fake_host_open(&h);
        struct pamoptions options = {.role = ROLE_ADMIN, .bound_only = true, .any_ruser = true};
        struct wire_message m = allow("acme", "pat_4fK9aQ", "alice");
        const struct memo *memo;

        (void)state;
        assert_int_equal(memo_save(pamh, &options, &m), 0);
        memo = memo_find(pamh);
        assert_non_null(memo);
        assert_string_equal(memo->org, "acme");
        assert_string_equal(memo->key_id, "pat_4fK9aQ");
        assert_true(memo->role == ROLE_ADMIN && memo->bound_only && memo->any_ruser);
        assert_true(view_equal_str(memo_ticket(memo), "a ticket"));
        assert_string_equal(find(&h, "ORGTOKEN_ORG="), "acme");
        assert_string_equal(find(&h, "ORGTOKEN_KEY_ID="), "pat_4fK9aQ");
        assert_string_equal(find(&h, "ORGTOKEN_USER="), "alice");
        assert_string_equal(find(&h, "ORGTOKEN_EXPIRES_AT="), "1800000005");

        memo_clear(pamh);
        assert_null(memo_find(pamh));
        assert_int_equal(count_variables(&h), 0);
        /* Freed, with nothing left in it. */
        assert_true(!h.allocated && h.unwiped == 0);
        fake_host_end(&h);
}

/* At the end of the handle, too. */
static void test_freed_at_the_end(void **state)
{
        struct fake_host h = {0};
        struct wire_message m = allow("acme", "pat_4fK9aQ", NULL);

        (void)state;
        assert_int_equal(memo_save(fake_host_open(&h), &no_options, &m), 0);
        assert_non_null(h.allocated);
        assert_null(find(&h, "ORGTOKEN_USER="));
        fake_host_end(&h);
        assert_true(!h.allocated && h.unwiped == 0);
}

/* A password makes no entry in the handle. */
static void test_nothing_for_nothing(void **state)
{
        struct fake_host h = {0};

        (void)state;
        memo_clear(fake_host_open(&h));
        assert_int_equal(h.kept, 0);
        fake_host_end(&h);
}

/* Longer than what has been looked at may be: nothing is kept, and nothing of it is left. */
static void test_too_long(void **state)
{
        char long_text[NAME_ITEM_MAX + 20];
        struct wire_message cases[3];

        (void)state;
        memset(long_text, 'a', sizeof(long_text) - 1);
        long_text[sizeof(long_text) - 1] = '\0';
        cases[0] = allow(long_text, "pat_4fK9aQ", "alice");
        cases[1] = allow("acme", long_text, "alice");
        cases[2] = allow("acme", "pat_4fK9aQ", long_text);
        for (size_t i = 0; i < 3; i++) {
                struct fake_host h = {0};
                pam_handle_t *pamh = fake_host_open(&h);

                assert_int_equal(memo_save(pamh, &no_options, &cases[i]),
                                 i < 2 ? -EBADMSG : -ENOMEM);
                assert_null(memo_find(pamh));
                assert_int_equal(count_variables(&h), 0);
                assert_true(!h.allocated && h.unwiped == 0);
                fake_host_end(&h);
        }
}

/* ---- what another process of the login left in the environment ---- */

static unsigned failing; /* enum fake_call + 1 */

static unsigned fail_one(struct fake_host *h, enum fake_call call)
{
        (void)h;
        return failing == (unsigned)call + 1 ? 1 : 0;
}

static bool is_origin(pam_handle_t *pamh, const char *expected_org, const char *expected_key_id)
{
        struct view org, key_id;

        memo_origin(pamh, &org, &key_id);
        if (!expected_org)
                return !org.ptr && !key_id.ptr;
        return view_equal_str(org, expected_org) && view_equal_str(key_id, expected_key_id);
}

static void test_adopted(void **state)
{
        struct fake_host h = {.choose = fail_one};
        pam_handle_t *pamh = fake_host_open(&h);

        (void)state;
        h.env[0] = strdup("ORGTOKEN_ORG=acme");
        memo_adopt(pamh);
        assert_true(is_origin(pamh, NULL, NULL)); /* half of it is nothing */
        h.env[1] = strdup("ORGTOKEN_KEY_ID=ak_4fK9aQ");
        failing = CALL_CALLOC + 1;
        memo_adopt(pamh);
        assert_true(is_origin(pamh, NULL, NULL));
        failing = CALL_SET_DATA + 1;
        memo_adopt(pamh);
        assert_true(is_origin(pamh, NULL, NULL) && !h.allocated);
        failing = 0;
        memo_adopt(pamh);
        assert_true(is_origin(pamh, "acme", "ak_4fK9aQ"));
        /* Once: what is written into the environment later does not count. */
        h.env[0][strlen("ORGTOKEN_ORG=")] = 'x';
        memo_adopt(pamh);
        assert_true(is_origin(pamh, "acme", "ak_4fK9aQ"));
        memo_clear(pamh);
        assert_true(is_origin(pamh, NULL, NULL) && !h.allocated);
        fake_host_end(&h);
}

/* A memo of our own says more, and strange values nothing. */
static void test_adopted_not(void **state)
{
        struct fake_host h = {0};
        pam_handle_t *pamh = fake_host_open(&h);
        struct wire_message m = allow("acme", "pat_4fK9aQ", NULL);
        char text[300];

        (void)state;
        assert_int_equal(memo_save(pamh, &no_options, &m), 0);
        memo_adopt(pamh);
        assert_int_equal(h.kept, 1);
        assert_true(is_origin(pamh, "acme", "pat_4fK9aQ"));
        memo_clear(pamh);
        for (unsigned i = 0; i < 2; i++) {
                (void)snprintf(text, sizeof(text), "ORGTOKEN_ORG=%0*d", i == 0 ? 200 : 1, 1);
                h.env[0] = strdup(text);
                (void)snprintf(text, sizeof(text), "ORGTOKEN_KEY_ID=%0*d", i == 0 ? 1 : 200, 1);
                h.env[1] = strdup(text);
                memo_adopt(pamh);
                assert_true(is_origin(pamh, NULL, NULL) && !h.allocated);
                free(h.env[0]);
                free(h.env[1]);
                h.env[0] = h.env[1] = NULL;
        }
        fake_host_end(&h);
}

/* sshd alone may say by a variable who connected. */
static void test_source(void **state)
{
        static const struct {
                const char *tty, *rhost, *variable, *source;
        } cases[] = {
                {"ssh", "host.example", "SSH_CONNECTION=192.0.2.7 1 2 3", "192.0.2.7"},
                {"ssh", "198.51.100.1", "SSH_CONNECTION=192.0.2.7 1 2 3", "198.51.100.1"},
                {"ssh", "host.example", "SSH_CONNECTION=nonsense", NULL},
                {"pts/0", "host.example", "SSH_CONNECTION=192.0.2.7 1 2 3", NULL},
                {NULL, "host.example", "SSH_CONNECTION=192.0.2.7 1 2 3", NULL},
                {"ssh", "host.example", "OTHER=1", NULL},
                {"pts/0", NULL, "OTHER=1", NULL},
                {"pts/0", "", "OTHER=1", NULL},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct fake_host h = {.user = "alice",
                                      .service = "sshd",
                                      .tty = cases[i].tty,
                                      .rhost = cases[i].rhost};
                struct request_facts facts;
                struct wire_message m;

                h.env[0] = strdup(cases[i].variable);
                assert_null(request_facts_from_pam(fake_host_open(&h), &facts));
                assert_int_equal(facts.remote, cases[i].rhost && cases[i].rhost[0]);
                /* And so it is sent. */
                assert_int_equal(request_verify(&facts, &no_options, VIEW("t"), VIEW_ABSENT, &m),
                                 0);
                assert_int_equal(wire_number(&m, WIRE_F_REMOTE, 0), facts.remote);
                assert_int_equal(wire_has(&m, WIRE_F_REMOTE), facts.remote);
                assert_int_equal(wire_has(&m, WIRE_F_TTY), cases[i].tty != NULL);
                assert_true(!cases[i].tty ||
                            view_equal_str(wire_text(&m, WIRE_F_TTY), cases[i].tty));
                if (cases[i].source)
                        assert_true(view_equal_str(facts.source, cases[i].source));
                else
                        assert_null(facts.source.ptr);
                fake_host_end(&h);
        }
}

/* ---- a session that a revocation is to end ---- */

static int64_t accepted;
static enum wire_verb answered;

static size_t answer_session(struct fake_host *h, const uint8_t *request, size_t len,
                             uint8_t packet[static WIRE_PACKET_MAX + 1])
{
        struct wire_message asked, m;
        size_t used;

        (void)h;
        assert_int_equal(wire_decode(request, len, &asked), 0);
        answered = asked.verb;
        if (accepted < 0) {
                wire_init(&m, WIRE_UNAVAILABLE, asked.verb, asked.nonce);
        } else {
                wire_init(&m, WIRE_DONE, asked.verb, asked.nonce);
                wire_put_number(&m, WIRE_F_ACCEPTED, accepted);
        }
        assert_int_equal(wire_encode(&m, packet, WIRE_PACKET_MAX, &used), 0);
        return used;
}

static const char *note(const char *org, const char *key_id, const char *id, bool debug)
{
        static struct fake_host h;
        const struct pamoptions options = {.socket = "/s", .timeout_ms = 100, .debug = debug};
        const struct request_facts facts = {.account = VIEW("alice"), .service = VIEW("sshd")};
        pam_handle_t *pamh;
        char text[64];

        memset(&h, 0, sizeof(h));
        h.choose = fail_one;
        h.reply = answer_session;
        pamh = fake_host_open(&h);
        if (id) {
                (void)snprintf(text, sizeof(text), "XDG_SESSION_ID=%s", id);
                h.env[0] = strdup(text);
        }
        tell_session(pamh, &options, &facts, view_of(org), view_of(key_id));
        assert_int_equal(h.descriptors, 0);
        fake_host_end(&h);
        return h.log;
}

static void test_session_noted(void **state)
{
        (void)state;
        if (geteuid() != 0) {
                assert_string_equal(note("acme", "ak_4fK9aQ", "c1", true), "");
                skip();
        }
        failing = 0;
        accepted = 1;
        assert_string_equal(note("acme", "ak_4fK9aQ", "c1", false), "");
        assert_int_equal(answered, WIRE_V_SESSION);
        assert_string_equal(note("acme", "ak_4fK9aQ", "c1", true), "session c1 noted");
        assert_string_equal(note(NULL, "ak_4fK9aQ", "c1", true), "");
        assert_string_equal(note("acme", NULL, "c1", true), "");
        assert_string_equal(note("acme", "ak_4fK9aQ", NULL, true), "");
        assert_string_equal(note("acme", "ak_4fK9aQ", "c\n1", true), "");
        for (accepted = 0; accepted >= -1; accepted--)
                assert_non_null(strstr(note("acme", "ak_4fK9aQ", "c1", true),
                                       "is not noted, no revocation will end it: the daemon"));
        failing = CALL_SOCKET + 1;
        assert_non_null(strstr(note("acme", "ak_4fK9aQ", "c1", true), "Too many open files"));
        failing = CALL_GETRANDOM + 1;
        assert_non_null(strstr(note("acme", "ak_4fK9aQ", "c1", true), "no random number"));
        failing = 0;
}

static const char *tell(const char *tty, const char *key_id, const char *expires_at)
{
        static struct fake_host h;
        struct request_facts facts = {.tty = view_of(tty)};
        char text[300];
        pam_handle_t *pamh;

        memset(&h, 0, sizeof(h));
        pamh = fake_host_open(&h);
        if (key_id) {
                (void)snprintf(text, sizeof(text), "ORGTOKEN_KEY_ID=%s", key_id);
                h.env[0] = strdup(text);
        }
        if (expires_at) {
                (void)snprintf(text, sizeof(text), "ORGTOKEN_EXPIRES_AT=%s", expires_at);
                h.env[1] = strdup(text);
        }
        notice_expiry(pamh, &facts);
        fake_host_end(&h);
        return h.said;
}

static const char *tell_in(int64_t seconds)
{
        char text[32];

        (void)snprintf(text, sizeof(text), "%lld", (long long)(NOW + seconds));
        return tell("ssh", "pat_4fK9aQ", text);
}

static void test_told_to_the_second(void **state)
{
        static const struct {
                int64_t left;
                const char *words;
        } cases[] = {
                {-1, ""},
                {0, ""},
                {1, "within two hours"},
                {2 * 3600 - 1, "within two hours"},
                {2 * 3600, "in 2 hours"},
                {2 * EXPIRY_DAY - 1, "in 47 hours"},
                {2 * EXPIRY_DAY, "in 2 days"},
                {NOTICE_DAYS * EXPIRY_DAY, "in 14 days"},
                {NOTICE_DAYS * EXPIRY_DAY + 1, ""},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char expected[128] = "";

                if (cases[i].words[0])
                        (void)snprintf(expected, sizeof(expected), "orgtoken: pat_4fK9aQ ends %s",
                                       cases[i].words);
                assert_string_equal(tell_in(cases[i].left), expected);
        }
}

static void test_told_of_nothing_odd(void **state)
{
        static const char *const values[] = {
                "",
                "-1800000005",
                "+1800000005",
                " 1800000005",
                "1800000005x",
                "/",
                ":1800000005",
                "99999999999999999999",
                "253402300800",
                "0",
                "1800000005\n",
                NULL,
        };

        (void)state;
        assert_string_not_equal(tell("ssh", "ak_4fK9aQ", "1800000005"), "");
        assert_string_not_equal(tell("ssh", "ak_4fK9aQ", "01800000005"), "");
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
                assert_string_equal(tell("ssh", "ak_4fK9aQ", values[i]), "");
        assert_string_equal(tell("pts/0", "ak_4fK9aQ", "1800000005"), "");
        assert_string_equal(tell(NULL, "ak_4fK9aQ", "1800000005"), "");
        assert_string_equal(tell("ssh", NULL, "1800000005"), "");
        assert_string_equal(tell("ssh", "alice", "1800000005"), "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_kept),
                cmocka_unit_test(test_freed_at_the_end),
                cmocka_unit_test(test_nothing_for_nothing),
                cmocka_unit_test(test_too_long),
                cmocka_unit_test(test_adopted),
                cmocka_unit_test(test_adopted_not),
                cmocka_unit_test(test_source),
                cmocka_unit_test(test_session_noted),
                cmocka_unit_test(test_told_to_the_second),
                cmocka_unit_test(test_told_of_nothing_odd),
        };

        return cmocka_run_group_tests_name("pam_memo", tests, NULL, NULL);
}
