/*
 * The real daemon while calls fail: its own, those of its libraries, and their requests for memory,
 * once and for ever, from its first start on. It is asked for everything that it is there for.
 * Whatever fails: it ends or answers, a yes is due, what it said it had done is still done for an
 * unharmed daemon on the same files, and that one starts. ORGTOKEN_FAULT_STEP says how far the
 * numbers are apart that are tried; with ORGTOKEN_LONG all are. Of the requests for memory, of
 * which there are a hundred thousand, one for each way of functions that they come through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/daemon_fixture.h"

#define PATIENT_MS   10000 /* with an unharmed daemon */
#define TIMEOUT_MS   2000
#define IMPATIENT_MS 200 /* with one that has left a question unanswered */

static unsigned timeout_ms;

/* What the harmed daemon acknowledged. */
struct told {
        bool org, bound, key, revoked;
        char token[TOKEN_TEXT_MAX + 1];
        char key_id[TOKEN_KEY_ID_SIZE];
};

/* The magic, or 0 where there was no answer, which is allowed here. */
static uint32_t ask(const char *path, const struct wire_message *request, struct client *c,
                    struct wire_message *reply)
{
        if (client_exchange(c, path, timeout_ms, request, reply) == 0)
                return reply->magic;
        timeout_ms = IMPATIENT_MS;
        return 0;
}

static uint32_t ask_only(const char *path, const struct wire_message *request)
{
        struct client c = CLIENT_INIT;
        struct wire_message reply;
        uint32_t magic = ask(path, request, &c, &reply);

        client_close(&c);
        return magic;
}

static void make_key(const struct daemon_fixture *f, struct told *told)
{
        struct client c = CLIENT_INIT;
        struct wire_message m, reply;

        daemon_fixture_request(&m, WIRE_V_KEY_CREATE);
        wire_put_text(&m, WIRE_F_ORG, VIEW("acme"));
        wire_put_text(&m, WIRE_F_NAME, VIEW("ci"));
        if (client_connect(&c, f->manage, timeout_ms) < 0 || client_send(&c, &m) < 0 ||
            client_receive(&c, &reply) < 0 || reply.magic != WIRE_NEW_TOKEN) {
                timeout_ms = IMPATIENT_MS;
                client_close(&c);
                return;
        }
        assert_true(view_copy(wire_text(&reply, WIRE_F_TOKEN), told->token, sizeof(told->token)));
        assert_true(
                view_copy(wire_text(&reply, WIRE_F_KEY_ID), told->key_id, sizeof(told->key_id)));
        daemon_fixture_request(&m, WIRE_V_ACK);
        wire_put_number(&m, WIRE_F_ACCEPTED, 1);
        told->key = client_send(&c, &m) == 0 && client_receive(&c, &reply) == 0 &&
                    reply.magic == WIRE_DONE;
        client_close(&c);
}

static uint32_t verify(const struct daemon_fixture *f, const char *token, const char *account)
{
        struct wire_message m;

        daemon_fixture_request(&m, WIRE_V_VERIFY);
        wire_put_text(&m, WIRE_F_TOKEN, view_of(token));
        wire_put_text(&m, WIRE_F_ACCOUNT, view_of(account));
        wire_put_text(&m, WIRE_F_SERVICE, VIEW("sshd"));
        wire_put_number(&m, WIRE_F_REAL_UID, 0);
        return ask_only(f->verify, &m);
}

static void list(const struct daemon_fixture *f, enum wire_verb verb)
{
        struct client c = CLIENT_INIT;
        struct wire_message m, row;

        daemon_fixture_request(&m, verb);
        if (verb == WIRE_V_KEY_LIST)
                wire_put_text(&m, WIRE_F_ORG, VIEW("acme"));
        row.magic = 0;
        if (client_connect(&c, f->manage, timeout_ms) == 0 && client_send(&c, &m) == 0)
                while (client_receive(&c, &row) == 0 && row.magic == WIRE_ROW)
                        continue;
        client_close(&c);
        if (row.magic != WIRE_END)
                timeout_ms = IMPATIENT_MS;
}

static bool revoke_key(const struct daemon_fixture *f, const char *key_id)
{
        struct wire_message m;

        daemon_fixture_request(&m, WIRE_V_KEY_REVOKE);
        wire_put_text(&m, WIRE_F_KEY_ID, view_of(key_id));
        return ask_only(f->manage, &m) == WIRE_DONE;
}

static void live(const struct daemon_fixture *f, const char *account, struct told *told)
{
        struct wire_message m;
        char other[TOKEN_TEXT_MAX + 1];

        daemon_fixture_request(&m, WIRE_V_ORG_CREATE);
        wire_put_text(&m, WIRE_F_ORG, VIEW("acme"));
        told->org = ask_only(f->manage, &m) == WIRE_DONE;
        daemon_fixture_request(&m, WIRE_V_ACCOUNT_BIND);
        wire_put_text(&m, WIRE_F_ORG, VIEW("acme"));
        wire_put_text(&m, WIRE_F_ACCOUNT, view_of(account));
        wire_put_number(&m, WIRE_F_ALLOW_SYSTEM, 1);
        told->bound = ask_only(f->manage, &m) == WIRE_DONE;
        make_key(f, told);
        if (!told->token[0])
                return;
        (void)verify(f, told->token, account);
        /* Another's account, and another secret behind a good checksum: never. */
        assert_int_not_equal(verify(f, told->token, "somebody"), WIRE_ALLOW);
        token_format(TOKEN_AK, 4711, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg", other);
        assert_int_not_equal(verify(f, other, account), WIRE_ALLOW);
        list(f, WIRE_V_KEY_LIST);
        list(f, WIRE_V_STATUS);
        told->revoked = revoke_key(f, told->key_id);
        if (told->revoked)
                assert_int_not_equal(verify(f, told->token, account), WIRE_ALLOW);
}

/* An unharmed daemon on what is left. */
static void check_after(struct daemon_fixture *f, const char *account, const struct told *told)
{
        struct wire_message m;

        timeout_ms = PATIENT_MS;
        (void)unsetenv("ORGTOKEN_FAULT");
        daemon_fixture_start(f);
        daemon_fixture_request(&m, WIRE_V_ORG_CREATE);
        wire_put_text(&m, WIRE_F_ORG, VIEW("acme"));
        if (told->org)
                assert_int_equal(ask_only(f->manage, &m), WIRE_REFUSED);
        if (told->key && told->bound && !told->revoked && told->token[0]) {
                /* What was not acknowledged may be done or not; a lost answer to the revocation,
                   either. */
                uint32_t magic = verify(f, told->token, account);

                assert_true(magic == WIRE_ALLOW || magic == WIRE_VERDICT);
        }
        if (told->revoked)
                assert_int_equal(verify(f, told->token, account), WIRE_VERDICT);
        assert_int_equal(daemon_fixture_stop(f, SIGTERM), 0);
}

/* It ends by itself: no crash, no hang, no leak that a sanitizer would tell. The loader ends a
   process that cannot have its thread-local data, with words and a status of its own. */
static bool is_orderly(const struct daemon_fixture *f, int status)
{
        if (!WIFEXITED(status) || daemon_fixture_has_logged(f, "Sanitizer"))
                return false;
        return WEXITSTATUS(status) <= 1 ||
               (WEXITSTATUS(status) == 127 &&
                daemon_fixture_has_logged(f, "cannot allocate memory for thread-local data"));
}

/* False where nothing failed any more. */
static bool run(const char *account, const char *kind, unsigned at, bool ever)
{
        struct daemon_fixture *f = daemon_fixture_new();
        struct told told = {0};
        static unsigned slow;
        char fault[64];
        int status;
        bool failed;

        timeout_ms = TIMEOUT_MS;
        (void)snprintf(fault, sizeof(fault), "%s %u %s", kind, at, ever ? "ever" : "once");
        (void)setenv("ORGTOKEN_FAULT", fault, 1);

        if (daemon_fixture_try_start(f)) {
                live(f, account, &told);
                status = daemon_fixture_stop(f, SIGTERM);
        } else {
                status = daemon_fixture_stop(f, SIGTERM);
        }
        failed = daemon_fixture_has_logged(f, "fault: ");
        if (!is_orderly(f, status))
                fail_msg("%s: status %x, see %s", fault, (unsigned)status, f->log);
        /* Nothing failed and yet not all was done: too slow for our timeout, once is no finding. */
        slow = !failed && !(told.org && told.bound && told.key && told.revoked) ? slow + 1 : 0;
        assert_true(slow < 3);
        check_after(f, account, &told);
        daemon_fixture_free(f);
        return failed || slow > 0;
}

static unsigned step_of(unsigned otherwise)
{
        const char *text = getenv("ORGTOKEN_FAULT_STEP");

        if (!text && getenv("ORGTOKEN_LONG"))
                return 1;
        return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

/* One alone: ORGTOKEN_FAULT_ONLY="own 17 ever"; or one kind: "theirs". True: that is all. */
static bool run_only(const char *kind)
{
        const char *only = getenv("ORGTOKEN_FAULT_ONLY");
        char its_kind[16], how[16];
        unsigned at;

        if (!only)
                return false;
        if (sscanf(only, "%15s %u %15s", its_kind, &at, how) != 3)
                return strcmp(kind, only) != 0;
        if (strcmp(kind, its_kind) == 0)
                assert_true(run(daemon_fixture_account(), kind, at, strcmp(how, "ever") == 0));
        return true;
}

static void run_all(const char *kind, unsigned step)
{
        const char *account = daemon_fixture_account();
        unsigned runs = 0;

        if (run_only(kind))
                return;
        for (unsigned ever = 0; ever < 2; ever++)
                /* One that has failed for ever leaves questions to time out: fewer of these. */
                for (unsigned at = 1; run(account, kind, at, ever);
                     at += ever && step > 1 ? 5 * step : step)
                        runs++;
        print_message("# %s: %u runs, each with a call that failed\n", kind, runs);
        assert_true(runs > 0);
}

static void test_own_calls(void **state)
{
        (void)state;
        run_all("own", step_of(31));
}

static void test_their_calls(void **state)
{
        (void)state;
        run_all("theirs", step_of(37));
}

#ifndef __SANITIZE_ADDRESS__
/* The numbers of the requests for memory that come from a new place each, in a life where none
   fails. */
static size_t find_places(const char *account, unsigned *numbers, size_t size)
{
        struct daemon_fixture *f = daemon_fixture_new();
        struct told told = {0};
        char path[sizeof(f->root) + 16];
        size_t n = 0;
        FILE *file;

        timeout_ms = PATIENT_MS;
        (void)snprintf(path, sizeof(path), "%s/places", f->root);
        (void)setenv("ORGTOKEN_FAULT_PLACES", path, 1);
        (void)setenv("ORGTOKEN_FAULT", "memory 0 once", 1);
        daemon_fixture_start(f);
        live(f, account, &told);
        assert_true(told.revoked);
        assert_int_equal(daemon_fixture_stop(f, SIGTERM), 0);
        (void)unsetenv("ORGTOKEN_FAULT_PLACES");
        file = fopen(path, "re");
        assert_non_null(file);
        while (n < size && fscanf(file, "%u", &numbers[n]) == 1)
                n++;
        (void)fclose(file);
        daemon_fixture_free(f);
        return n;
}

/* Each place once, and for ever from each tenth on. */
static void test_memory(void **state)
{
        static unsigned numbers[8192];
        const char *account = daemon_fixture_account();
        unsigned step, runs = 0, failed = 0;
        size_t count;

        (void)state;
        if (run_only("memory"))
                return;
        count = find_places(account, numbers, sizeof(numbers) / sizeof(numbers[0]));
        assert_true(count > 100);
        step = step_of((unsigned)count / 20);
        for (unsigned ever = 0; ever < 2; ever++)
                for (size_t i = 0; i < count; i += ever ? 10 * step : step) {
                        runs++;
                        failed += run(account, "memory", numbers[i], ever);
                }
        print_message("# memory: %u of %u runs had a request that failed, of %zu places\n", failed,
                      runs, count);
        /* Threads change the order a little, so that a last one may not come again. */
        assert_true(failed > runs * 9 / 10);
}
#endif

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_own_calls),
                cmocka_unit_test(test_their_calls),
#ifndef __SANITIZE_ADDRESS__ /* it brings its own malloc() */
                cmocka_unit_test(test_memory),
#endif
        };
        const char *top = getenv("top_builddir");
        char path[4096];

        (void)snprintf(path, sizeof(path), "%s/tests/support/faulty_orgtokend", top ? top : ".");
        (void)setenv("ORGTOKEND", path, 1);
        daemon_fixture_drop_root();
        return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
