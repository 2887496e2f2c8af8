#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "tests/support/fake_daemon.h"

static char directory[] = "/tmp/orgtoken-cli-XXXXXX";
static char path[sizeof(directory) + 8];
static struct call call;

static int setup(void **state)
{
        (void)state;
        if (!mkdtemp(directory))
                return -1;
        (void)snprintf(path, sizeof(path), "%s/m.sock", directory);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        args_free(&call.args);
        (void)unlink(path);
        return rmdir(directory);
}

/* A run of these words against the socket. */
static void start_call(char *const *words, int count)
{
        args_free(&call.args);
        call = (struct call){.socket = path, .now = 1795428000, .patience_ms = 300};
        assert_int_equal(args_parse(count, words, call.now, &call.args, &call.error), STATUS_DONE);
}

static void start_read(void)
{
        static char org[] = "org", list[] = "list";
        static char *const words[] = {org, list};

        start_call(words, 2);
}

static void start_write(void)
{
        static char org[] = "org", create[] = "create", acme[] = "acme";
        static char *const words[] = {org, create, acme};

        start_call(words, 3);
}

/* One question to a daemon that behaves so; how many connections that took. */
static int ask(enum fake_behaviour behaviour, unsigned *ret_connections)
{
        const struct fake_script script = {.steps = {{.behaviour = behaviour}}};
        struct fake_daemon *daemon = fake_daemon_start(path, &script);
        struct session s = SESSION_INIT;
        int status = session_begin_with_args(&s, &call);

        if (status == STATUS_DONE)
                status = session_ask(&s);
        session_end(&s);
        if (ret_connections)
                *ret_connections = fake_daemon_connections(daemon);
        (void)fake_daemon_stop(daemon);
        assert_int_equal(status, call.error.status);
        return status;
}

/* A daemon that hung up before the acknowledgement was sent has not kept the token. */
static void test_acknowledgement(void **state)
{
        const struct fake_script script = {.steps = {{.behaviour = FAKE_DONE}}};
        struct fake_daemon *daemon = fake_daemon_start(path, &script);
        struct session s = SESSION_INIT;

        (void)state;
        start_write();
        assert_int_equal(session_begin_with_args(&s, &call), STATUS_DONE);
        assert_int_equal(session_ask(&s), STATUS_DONE);
        daemon = fake_daemon_stop(daemon);
        assert_null(daemon);
        assert_int_equal(session_acknowledge(&s, true), STATUS_REFUSED);
        session_end(&s);
        assert_string_equal(call.error.reason, "not-delivered");
        assert_non_null(strstr(call.error.message, "revoked"));
}

static void test_statuses(void **state)
{
        static const struct {
                enum fake_behaviour behaviour;
                int status;
                const char *reason;
        } rows[] = {
                {FAKE_DONE, STATUS_DONE, ""},
                {FAKE_UNAVAILABLE, STATUS_UNAVAILABLE, "unavailable"},
                {FAKE_SILENT, STATUS_UNAVAILABLE, "timeout"},
                {FAKE_CLOSE, STATUS_UNAVAILABLE, "connection-lost"},
                {FAKE_CLOSE_AFTER, STATUS_UNAVAILABLE, "connection-lost"},
                {FAKE_GARBAGE, STATUS_UNAVAILABLE, "bad-answer"},
                {FAKE_ECHO, STATUS_UNAVAILABLE, "bad-answer"},
                {FAKE_LONG, STATUS_UNAVAILABLE, "bad-answer"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                start_write();
                assert_int_equal(ask(rows[i].behaviour, NULL), rows[i].status);
                assert_string_equal(call.error.reason, rows[i].reason);
        }
}

static void test_refusal_is_passed_on(void **state)
{
        (void)state;
        start_write();
        assert_int_equal(ask(FAKE_REFUSED, NULL), STATUS_REFUSED);
        assert_true(call.error.reason[0] != '\0' && call.error.message[0] != '\0');
}

/* A read is asked once more where the connection was lost; a change never. */
static void test_only_reads_are_repeated(void **state)
{
        unsigned connections = 0;

        (void)state;
        start_read();
        assert_int_equal(ask(FAKE_CLOSE_AFTER, &connections), STATUS_UNAVAILABLE);
        assert_int_equal(connections, 2);
        assert_string_equal(call.error.hint, "");
        start_write();
        assert_int_equal(ask(FAKE_CLOSE_AFTER, &connections), STATUS_UNAVAILABLE);
        assert_int_equal(connections, 1);
        assert_non_null(strstr(call.error.hint, "look before you repeat it"));
}

static void test_nobody_there(void **state)
{
        struct session s = SESSION_INIT;

        (void)state;
        start_read();
        assert_int_equal(session_begin_with_args(&s, &call), STATUS_DONE);
        assert_int_equal(session_ask(&s), STATUS_UNAVAILABLE);
        assert_string_equal(call.error.reason, "not-reachable");
        assert_non_null(strstr(call.error.message, path));
        session_end(&s);
        session_end(&s);
}

static void test_impostor(void **state)
{
        struct session s = SESSION_INIT;
        struct fake_daemon *daemon;

        (void)state;
        if (geteuid() != 0)
                skip();
        daemon = fake_daemon_start_as(path, NULL, 65533);
        start_write();
        assert_int_equal(session_begin_with_args(&s, &call), STATUS_DONE);
        assert_int_equal(session_ask(&s), STATUS_UNAVAILABLE);
        assert_string_equal(call.error.reason, "impostor");
        assert_int_equal(fake_daemon_requests(daemon), 0);
        session_end(&s);
        (void)fake_daemon_stop(daemon);
}

static int count_row(void *context, const struct wire_message *row)
{
        (void)row;
        ++*(unsigned *)context;
        return STATUS_DONE;
}

static int stop_at_row(void *context, const struct wire_message *row)
{
        (void)context;
        (void)row;
        return STATUS_USAGE;
}

static void test_rows(void **state)
{
        const struct fake_script list = {.steps = {{.behaviour = FAKE_NOT_UNARY}}};
        const struct fake_script none = {.steps = {{.behaviour = FAKE_DONE}}};
        struct fake_daemon *daemon = fake_daemon_start(path, &list);
        unsigned count = 0;

        (void)state;
        start_read();
        assert_int_equal(session_list(&call, count_row, &count), STATUS_DONE);
        assert_int_equal(count, 1);
        assert_int_equal(session_list(&call, stop_at_row, NULL), STATUS_USAGE);
        (void)fake_daemon_stop(daemon);
        /* An answer that is no list is none. */
        daemon = fake_daemon_start(path, &none);
        assert_int_equal(session_list(&call, count_row, &count), STATUS_UNAVAILABLE);
        assert_int_equal(count, 1);
        (void)fake_daemon_stop(daemon);
}

/* What is refused here is not sent. */
static void test_nothing_bad_is_sent(void **state)
{
        static char org[] = "org", create[] = "create", bad[] = "a\nb";
        static char *const words[] = {org, create, bad};
        struct fake_daemon *daemon = fake_daemon_start(path, NULL);
        struct session s = SESSION_INIT;

        (void)state;
        start_call(words, 3);
        assert_int_equal(session_begin_with_args(&s, &call), STATUS_REFUSED);
        assert_int_equal(fake_daemon_connections(daemon), 0);
        session_end(&s);
        (void)fake_daemon_stop(daemon);
}

static void expand(const char *sentence, const struct wire_message *answer,
                   const struct wire_message *request, const char *expected)
{
        struct buffer b = {0};

        cmd_expand(&b, sentence, answer, request);
        buffer_put(&b, "", 1);
        assert_string_equal(b.bytes, expected);
        buffer_wipe(&b);
}

static void test_sentences(void **state)
{
        static const uint8_t nonce[WIRE_NONCE_LEN];
        struct wire_message request, answer;

        (void)state;
        wire_init(&request, WIRE_REQUEST, WIRE_V_KEY_REVOKE, nonce);
        wire_init(&answer, WIRE_DONE, WIRE_V_KEY_REVOKE, nonce);
        wire_put_text(&request, WIRE_F_KEY_ID, VIEW("ak_1"));
        wire_put_text(&request, WIRE_F_ORG, VIEW("acme"));
        expand("{key_id} of {org}", &answer, &request, "ak_1 of acme");
        wire_put_text(&answer, WIRE_F_KEY_ID, VIEW("ak_1234"));
        expand("{key_id}{nosuch}", &answer, &request, "ak_1234");
        expand("{count key keys}", &answer, &request, "0 keys");
        wire_put_number(&answer, WIRE_F_COUNT, 1);
        expand("{count key keys} {count}", &answer, &request, "1 key 1");
        wire_put_number(&answer, WIRE_F_COUNT, 2);
        expand("{count key keys}", &answer, &request, "2 keys");
        expand("{role}", &answer, &request, "member");
        expand("no { end", &answer, &request, "no { end");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_statuses),
                cmocka_unit_test(test_acknowledgement),
                cmocka_unit_test(test_refusal_is_passed_on),
                cmocka_unit_test(test_only_reads_are_repeated),
                cmocka_unit_test(test_nobody_there),
                cmocka_unit_test(test_impostor),
                cmocka_unit_test(test_rows),
                cmocka_unit_test(test_nothing_bad_is_sent),
                cmocka_unit_test(test_sentences),
        };

        return cmocka_run_group_tests_name("cli_session", tests, setup, teardown);
}
