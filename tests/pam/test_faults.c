/*
 * Every call of the module fails in turn, in every way that it can, once and for ever:
 * authenticate, account and session against a daemon that says yes, no, nothing or rubbish.
 * Whatever fails: no success without the daemon's yes to this very request, never PAM_IGNORE from
 * an authentication, no descriptor and no memory left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/token.h"
#include "common/verdict.h"
#include "tests/support/fake_host.h"

static struct {
        unsigned at, way; /* the call that fails, from 1, and how; 0: none */
        bool forever;
        unsigned calls;
        bool failed;
} fault;

static unsigned choose(struct fake_host *h, enum fake_call call)
{
        (void)h;
        (void)call;
        fault.calls++;
        if (fault.at == 0 || fault.calls < fault.at || (!fault.forever && fault.calls > fault.at))
                return 0;
        fault.failed = true;
        return fault.way;
}

static size_t say_yes(struct fake_host *h, const uint8_t *request, size_t len,
                      uint8_t packet[static WIRE_PACKET_MAX + 1])
{
        (void)h;
        return fake_host_answer(request, len, VERDICT_ALLOW, packet);
}

static size_t say_no(struct fake_host *h, const uint8_t *request, size_t len,
                     uint8_t packet[static WIRE_PACKET_MAX + 1])
{
        (void)h;
        return fake_host_answer(request, len, VERDICT_REVOKED, packet);
}

static size_t ask_for_org(struct fake_host *h, const uint8_t *request, size_t len,
                          uint8_t packet[static WIRE_PACKET_MAX + 1])
{
        return fake_host_answer(request, len,
                                h->requests > 1 ? VERDICT_ALLOW : VERDICT_ORG_REQUIRED, packet);
}

static size_t say_nothing(struct fake_host *h, const uint8_t *request, size_t len,
                          uint8_t packet[static WIRE_PACKET_MAX + 1])
{
        (void)h;
        (void)request;
        (void)len;
        (void)packet;
        return 0;
}

/* Yes to somebody else. */
static size_t say_other(struct fake_host *h, const uint8_t *request, size_t len,
                        uint8_t packet[static WIRE_PACKET_MAX + 1])
{
        (void)h;
        len = fake_host_answer(request, len, VERDICT_ALLOW, packet);
        packet[8] ^= 1;
        return len;
}

static size_t say_too_much(struct fake_host *h, const uint8_t *request, size_t len,
                           uint8_t packet[static WIRE_PACKET_MAX + 1])
{
        (void)h;
        memset(packet, 0, WIRE_PACKET_MAX + 1);
        (void)fake_host_answer(request, len, VERDICT_ALLOW, packet);
        return WIRE_PACKET_MAX + 1;
}

static const struct scene {
        const char *name;
        size_t (*reply)(struct fake_host *h, const uint8_t *request, size_t len,
                        uint8_t packet[static WIRE_PACKET_MAX + 1]);
        const char *arguments[4];
        bool is_password;
        int clean[3]; /* the codes where nothing fails */
} scenes[] = {
        {.name = "yes", .reply = say_yes, .clean = {PAM_SUCCESS, PAM_SUCCESS, PAM_SUCCESS}},
        {.name = "yes, with demands",
         .reply = say_yes,
         .arguments = {"org=acme", "require_token", "debug"},
         .clean = {PAM_SUCCESS, PAM_SUCCESS, PAM_SUCCESS}},
        {.name = "no", .reply = say_no, .clean = {PAM_AUTH_ERR, PAM_IGNORE, PAM_PERM_DENIED}},
        {.name = "which org",
         .reply = ask_for_org,
         .arguments = {"prompt_org"},
         .clean = {PAM_SUCCESS, PAM_SUCCESS, PAM_SUCCESS}},
        {.name = "which org, and no prompt",
         .reply = ask_for_org,
         .clean = {PAM_AUTH_ERR, PAM_IGNORE, PAM_SUCCESS}},
        {.name = "silence",
         .reply = say_nothing,
         .clean = {PAM_AUTHINFO_UNAVAIL, PAM_IGNORE, PAM_PERM_DENIED}},
        {.name = "another's answer",
         .reply = say_other,
         .clean = {PAM_SYSTEM_ERR, PAM_IGNORE, PAM_PERM_DENIED}},
        {.name = "too much",
         .reply = say_too_much,
         .clean = {PAM_SYSTEM_ERR, PAM_IGNORE, PAM_PERM_DENIED}},
        {.name = "password",
         .reply = say_yes,
         .is_password = true,
         .clean = {PAM_USER_UNKNOWN, PAM_IGNORE, PAM_SUCCESS}},
};

static void check_authenticate(const struct fake_host *h, const struct scene *scene, int code)
{
        assert_int_not_equal(code, PAM_IGNORE);
        if (code == PAM_SUCCESS) {
                assert_true(h->allowed && !scene->is_password);
                assert_non_null(fake_host_memo(h));
        } else {
                assert_null(fake_host_memo(h));
                for (size_t i = 0; i < FAKE_ENV; i++)
                        assert_true(!h->env[i] || fault.failed);
        }
        /* A password reaches the next module, a token none. */
        if (scene->is_password)
                assert_true(h->has_authtok && h->requests == 0);
}

static void check_later(const struct fake_host *h, bool was_allowed, int account, bool account_yes,
                        int session, bool session_yes)
{
        assert_true(account != PAM_SUCCESS || (account_yes && was_allowed));
        assert_true(account != PAM_IGNORE || !was_allowed);
        assert_true(session != PAM_SUCCESS || session_yes);
        /* Where PAM says no actor, there is nobody to ask about. */
        assert_true(session != PAM_IGNORE || fault.failed);
        assert_int_equal(h->descriptors, 0);
}

/* The three phases in one handle; the fault is somewhere in them. False past the last call. */
static bool run(const struct scene *scene, unsigned at, unsigned way, bool forever)
{
        struct fake_host h = {.user = "acme-deploy",
                              .ruser = "alice",
                              .service = "sudo",
                              .tty = "ssh",
                              .rhost = "host.example",
                              .org = "acme",
                              .has_authtok = true,
                              .reply = scene->reply,
                              .choose = choose};
        int codes[3];
        bool yes[3], allowed;

        if (scene->is_password)
                (void)strcpy(h.authtok, "correct horse");
        else
                token_format(TOKEN_PAT, 4711, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg",
                             h.authtok);
        h.env[0] = strdup("SSH_CONNECTION=192.0.2.7 1 2 3");
        memset(&fault, 0, sizeof(fault));
        fault.at = at;
        fault.way = way;
        fault.forever = forever;
        codes[0] = fake_host_enter(&h, FAKE_AUTHENTICATE, scene->arguments);
        yes[0] = h.allowed;
        free(h.env[0]); /* SSH_CONNECTION is the application's; the rest is ours */
        h.env[0] = NULL;
        check_authenticate(&h, scene, codes[0]);
        allowed = fake_host_memo(&h) != NULL;
        assert_int_equal(fake_host_enter(&h, FAKE_SETCRED, scene->arguments), PAM_SUCCESS);
        codes[1] = fake_host_enter(&h, FAKE_ACCT_MGMT,
                                   scene->arguments[0] && !scene->arguments[1] ? scenes[0].arguments
                                                                               : scene->arguments);
        yes[1] = h.allowed;
        codes[2] = fake_host_enter(&h, FAKE_OPEN_SESSION, scenes[0].arguments);
        yes[2] = h.allowed;
        check_later(&h, allowed, codes[1], yes[1], codes[2], yes[2]);
        fake_host_end(&h);
        assert_true(!h.allocated && h.unwiped == 0);
        if (at == 0)
                for (size_t i = 0; i < 3; i++)
                        assert_int_equal(codes[i], scene->clean[i]);
        return fault.failed;
}

/* What a failure is called: the first call of that kind fails in that way. */
static struct {
        enum fake_call call;
        unsigned way, skip;
} one;

static unsigned choose_one(struct fake_host *h, enum fake_call call)
{
        (void)h;
        if (call != one.call || one.way == 0)
                return 0;
        if (one.skip > 0) {
                one.skip--;
                return 0;
        }
        return one.way;
}

static void test_codes(void **state)
{
        static const struct {
                enum fake_call call;
                unsigned way, skip;
                int code;
                const char *log;
        } cases[] = {
                {CALL_CALLOC, 0, 0, PAM_SUCCESS, "accepted"},
                {CALL_CALLOC, 1, 0, PAM_BUF_ERR, "out of memory"},
                {CALL_SET_DATA, 1, 0, PAM_BUF_ERR, "out of memory"},
                {CALL_PUTENV, 1, 0, PAM_BUF_ERR, "out of memory"},
                {CALL_PUTENV, 1, 1, PAM_BUF_ERR, "out of memory"},
                {CALL_PUTENV, 1, 2, PAM_BUF_ERR, "out of memory"},
                {CALL_CLOCK, 1, 0, PAM_AUTHINFO_UNAVAIL, "timed out"},
                {CALL_CLOCK, 1, 1, PAM_AUTHINFO_UNAVAIL, "timed out"},
                {CALL_SOCKET, 1, 0, PAM_AUTHINFO_UNAVAIL, "Too many open files"},
                {CALL_CONNECT, 1, 0, PAM_AUTHINFO_UNAVAIL, "Connection refused"},
                {CALL_CONNECT, 2, 0, PAM_AUTHINFO_UNAVAIL, "timed out"},
                {CALL_CONNECT, 4, 0, PAM_AUTHINFO_UNAVAIL, "may not use"},
                {CALL_GETSOCKOPT, 1, 0, PAM_AUTHINFO_UNAVAIL, "no answer"},
                {CALL_GETSOCKOPT, 2, 0, PAM_SYSTEM_ERR, "listened on by neither"},
                {CALL_GETSOCKOPT, 3, 0, PAM_SYSTEM_ERR, "listened on by neither"},
                {CALL_GETSOCKOPT, 4, 0, PAM_SUCCESS, "accepted"},
                {CALL_GETRANDOM, 1, 0, PAM_AUTHINFO_UNAVAIL, "temporarily unavailable"},
                {CALL_GETRANDOM, 2, 0, PAM_SUCCESS, "accepted"},
                {CALL_GETRANDOM, 3, 0, PAM_AUTHINFO_UNAVAIL, "Input/output error"},
                {CALL_SEND, 1, 0, PAM_AUTHINFO_UNAVAIL, "Broken pipe"},
                {CALL_RECVMSG, 3, 0, PAM_AUTHINFO_UNAVAIL, "reset"},
                {CALL_RECVMSG, 4, 0, PAM_SYSTEM_ERR, "no answer to this request"},
                {CALL_PPOLL, 1, 0, PAM_BUF_ERR, "out of memory"},
                {CALL_GET_USER, 1, 0, PAM_CONV_ERR, ""},
                {CALL_GET_USER, 2, 0, PAM_CONV_ERR, ""},
                {CALL_GET_AUTHTOK, 1, 0, PAM_AUTHTOK_ERR, ""},
                {CALL_GET_AUTHTOK, 2, 0, PAM_CONV_ERR, ""},
                {CALL_GET_AUTHTOK, 3, 0, PAM_AUTHTOK_ERR, ""},
                {CALL_GET_ITEM, 1, 0, PAM_AUTH_ERR, "nobody asked"},
                {CALL_GET_ITEM, 2, 0, PAM_AUTH_ERR, "nobody asked"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct fake_host h = {.user = "acme-deploy",
                                      .service = "sudo",
                                      .has_authtok = true,
                                      .reply = say_yes,
                                      .choose = choose_one};
                int code;

                token_format(TOKEN_PAT, 4711, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg",
                             h.authtok);
                one.call = cases[i].call;
                one.way = cases[i].way;
                one.skip = cases[i].skip;
                code = fake_host_enter(&h, FAKE_AUTHENTICATE, scenes[0].arguments);
                if (code != cases[i].code || !strstr(h.log, cases[i].log))
                        fail_msg("case %zu: %d, \"%s\"", i, code, h.log);
                assert_true((fake_host_memo(&h) != NULL) == (code == PAM_SUCCESS) &&
                            h.unwiped == 0);
                fake_host_end(&h);
        }
}

/* What the log says of a session, and of items that cannot be sent. */
static void test_session_log(void **state)
{
        struct fake_host h = {
                .user = "acme-deploy", .ruser = "alice", .service = "sudo", .reply = say_yes};
        const char *const other_org[] = {"org=globex", NULL}, *const strict[] = {"require_token",
                                                                                 NULL};
        unsigned asked;

        (void)state;
        assert_int_equal(fake_host_enter(&h, FAKE_ACCT_MGMT, strict), PAM_PERM_DENIED);
        assert_non_null(strstr(h.log, "no token was given"));
        assert_int_equal(fake_host_enter(&h, FAKE_OPEN_SESSION, scenes[0].arguments), PAM_SUCCESS);
        assert_non_null(strstr(h.log, "session allowed; account=acme-deploy actor=alice"));
        assert_non_null(strstr(h.log, "key=pat_4fK9aQ"));
        h.user = "acme\ndeploy";
        assert_int_equal(fake_host_enter(&h, FAKE_OPEN_SESSION, scenes[0].arguments),
                         PAM_PERM_DENIED);
        assert_non_null(strstr(h.log, "PAM_USER is absent"));
        fake_host_end(&h);

        /* Between the phases the application can have changed the name. */
        h = (struct fake_host){
                .user = "acme-deploy", .service = "sudo", .has_authtok = true, .reply = say_yes};
        token_format(TOKEN_PAT, 4711, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg", h.authtok);
        assert_int_equal(fake_host_enter(&h, FAKE_AUTHENTICATE, scenes[0].arguments), PAM_SUCCESS);
        h.user = "acme\ndeploy";
        assert_int_equal(fake_host_enter(&h, FAKE_ACCT_MGMT, scenes[0].arguments), PAM_PERM_DENIED);
        assert_non_null(strstr(h.log, "PAM_USER is absent"));
        h.user = "acme-deploy";
        assert_int_equal(fake_host_enter(&h, FAKE_ACCT_MGMT, other_org), PAM_PERM_DENIED);
        assert_non_null(strstr(h.log, "a token for acme, and this line has another org="));
        h.user = "acme\ndeploy";
        /* A login that is no elevation is told about, but not one of such a name. */
        h.env[FAKE_ENV - 1] = strdup("XDG_SESSION_ID=c1");
        h.reply = say_nothing;
        asked = h.requests;
        assert_int_equal(fake_host_enter(&h, FAKE_OPEN_SESSION, scenes[0].arguments), PAM_IGNORE);
        assert_int_equal(h.requests, asked);
        h.user = "acme-deploy";
        assert_int_equal(fake_host_enter(&h, FAKE_OPEN_SESSION, scenes[0].arguments), PAM_IGNORE);
        assert_int_equal(h.requests, asked + (geteuid() == 0));
        fake_host_end(&h);
}

static void test_every_call(void **state)
{
        unsigned runs = 0;

        (void)state;
        for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
                (void)run(&scenes[i], 0, 0, false);
                for (unsigned way = 1; way < FAKE_FAULTS; way++)
                        for (unsigned forever = 0; forever < 2; forever++)
                                for (unsigned at = 1; run(&scenes[i], at, way, forever); at++)
                                        runs++;
        }
        print_message("# %u runs, each with a call that failed\n", runs);
        assert_true(runs > 1000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_codes),
                cmocka_unit_test(test_session_log),
                cmocka_unit_test(test_every_call),
        };

        return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
