/* The client against a fake daemon that plays every answer, honest and hostile: what it accepts,
   what it refuses with which error, that it keeps its deadline, and that it sends nothing to an
   impostor. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/client.h"
#include "common/verdict.h"
#include "tests/support/fake_daemon.h"
#include "tests/unit/client_fixture.h"

static void test_allow(void **state)
{
        static const struct fake_script script = {.org = "globex",
                                                  .key_id = "pat_000001",
                                                  .user = "alice",
                                                  .ticket = "T",
                                                  .expires_at = 77};
        struct client c = CLIENT_INIT;
        struct wire_message reply, seen;

        (void)state;
        assert_int_equal(play(&script, ENOUGH_MS, &c, &reply), 0);
        assert_int_equal(reply.magic, WIRE_ALLOW);
        assert_int_equal(wire_number(&reply, WIRE_F_VERDICT, 0), VERDICT_ALLOW);
        assert_true(view_equal_str(wire_text(&reply, WIRE_F_ORG), "globex"));
        assert_true(view_equal_str(wire_text(&reply, WIRE_F_KEY_ID), "pat_000001"));
        assert_true(view_equal_str(wire_text(&reply, WIRE_F_USER), "alice"));
        assert_true(view_equal_str(wire_text(&reply, WIRE_F_TICKET), "T"));
        assert_int_equal(wire_number(&reply, WIRE_F_EXPIRES_AT, 0), 77);
        client_close(&c);
        assert_true(is_wiped(&c));
        client_close(&c);

        assert_int_equal(fake_daemon_connections(fake), 1);
        assert_int_equal(fake_daemon_requests(fake), 1);
        assert_int_equal(fake_daemon_last_request(fake, &seen), 0);
        assert_int_equal(seen.verb, WIRE_V_VERIFY);
        assert_true(view_equal_str(wire_text(&seen, WIRE_F_TOKEN), SECRET));
        assert_int_equal(fake_daemon_request(fake, 1, &seen), -ENOENT);
}

static const struct {
        const char *what;
        struct fake_step step;
        int r;
        uint32_t magic; /* where r is 0 */
        unsigned connections;
} plays[] = {
        {"allow", {.behaviour = FAKE_ALLOW}, 0, WIRE_ALLOW, 1},
        {"verdict", {.behaviour = FAKE_VERDICT}, 0, WIRE_VERDICT, 1},
        {"unavailable", {.behaviour = FAKE_UNAVAILABLE}, 0, WIRE_UNAVAILABLE, 1},
        {"refused", {.behaviour = FAKE_REFUSED}, 0, WIRE_REFUSED, 1},
        {"two answers", {.behaviour = FAKE_TWICE}, 0, WIRE_ALLOW, 1},
        {"done", {.behaviour = FAKE_DONE}, -EPROTO, 0, 1},
        {"not guarded", {.behaviour = FAKE_NOT_GUARDED}, -EPROTO, 0, 1},
        {"no answer", {.behaviour = FAKE_SILENT}, -ETIMEDOUT, 0, 1},
        {"never accepted", {.behaviour = FAKE_NO_ACCEPT}, -ETIMEDOUT, 0, 0},
        {"too late", {.behaviour = FAKE_LATE, .delay_ms = LATE_MS}, -ETIMEDOUT, 0, 1},
        {"closed", {.behaviour = FAKE_CLOSE}, -ECONNRESET, 0, 2},
        {"closed after reading", {.behaviour = FAKE_CLOSE_AFTER}, -ECONNRESET, 0, 2},
        {"nothing", {.behaviour = FAKE_EMPTY}, -ECONNRESET, 0, 2},
        {"wrong nonce", {.behaviour = FAKE_WRONG_NONCE}, -EBADMSG, 0, 1},
        {"wrong verb", {.behaviour = FAKE_WRONG_VERB}, -EBADMSG, 0, 1},
        {"the request", {.behaviour = FAKE_ECHO}, -EBADMSG, 0, 1},
        {"too long", {.behaviour = FAKE_LONG}, -EPROTO, 0, 1},
        {"trailing", {.behaviour = FAKE_TRAILING}, -EPROTO, 0, 1},
        {"garbage", {.behaviour = FAKE_GARBAGE}, -EPROTO, 0, 1},
        {"bare allow", {.behaviour = FAKE_ALLOW_BARE}, -EPROTO, 0, 1},
        {"allow, unknown", {.behaviour = FAKE_ALLOW_BAD_VERDICT}, -EPROTO, 0, 1},
        {"verdict, allow", {.behaviour = FAKE_VERDICT_ALLOW}, -EPROTO, 0, 1},
        {"a list", {.behaviour = FAKE_NOT_UNARY}, -EPROTO, 0, 1},
        {"unknown field", {.behaviour = FAKE_UNKNOWN_FIELD}, -EPROTO, 0, 1},
        {"a descriptor", {.behaviour = FAKE_DESCRIPTOR}, -EPROTO, 0, 1},
};

static void test_plays(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(plays) / sizeof(plays[0]); i++) {
                struct fake_script script = {.steps = {plays[i].step}};
                unsigned timeout_ms = plays[i].r == -ETIMEDOUT ? SHORT_MS : ENOUGH_MS;
                struct client c = CLIENT_INIT;
                struct wire_message reply;
                int64_t start = now_ms(), took;
                int r = play(&script, timeout_ms, &c, &reply);

                took = now_ms() - start;
                /* Which of the two depends on whether the peer had gone before the sending. */
                r = r == -EPIPE ? -ECONNRESET : r;
                if (r != plays[i].r || (r == 0 && reply.magic != plays[i].magic))
                        fail_msg("%s: %d, magic %x", plays[i].what, r, reply.magic);
                if (r == -ETIMEDOUT && (took < SHORT_MS || took >= LATE_MS))
                        fail_msg("%s: %d ms", plays[i].what, (int)took);
                if (fake_daemon_connections(fake) != plays[i].connections)
                        fail_msg("%s: %u connections", plays[i].what,
                                 fake_daemon_connections(fake));
                client_close(&c);
        }
}

/* An ALLOW, whole but for one bit: only a flip in the texts, which mean nothing here, may pass. */
static void test_bit_flips(void **state)
{
        const unsigned header_bits = 8 * WIRE_HEADER_LEN;

        (void)state;
        for (unsigned bit = 0; bit < header_bits; bit++) {
                struct fake_script script = {.steps = {{.behaviour = FAKE_BIT_FLIP, .bit = bit}}};
                struct client c = CLIENT_INIT;
                struct wire_message reply;
                int r = play(&script, ENOUGH_MS, &c, &reply);

                assert_true(r == -EPROTO || r == -EBADMSG);
                assert_true(bit < 64 || r == -EBADMSG);
        }
}

/* The fake's ALLOW: header, org, ticket, key id, verdict. */
#define ALLOW_LEN (WIRE_HEADER_LEN + (4 + 4) + (4 + 18) + (4 + 9) + (4 + 8))

static void test_every_shorter_packet(void **state)
{
        struct fake_script whole = {.steps = {{.behaviour = FAKE_SHORT, .length = ALLOW_LEN}}};
        struct client c = CLIENT_INIT;
        struct wire_message reply;

        (void)state;
        assert_int_equal(play(&whole, ENOUGH_MS, &c, &reply), 0);
        for (size_t len = 1; len < ALLOW_LEN; len++) {
                struct fake_script script = {.steps = {{.behaviour = FAKE_SHORT, .length = len}}};

                assert_int_equal(play(&script, ENOUGH_MS, &c, &reply), -EPROTO);
        }
}

/* The longest packet, of which a byte more is too many: whole but for that, so that only the
   kernel's word about its length tells. */
static void test_longest_packet(void **state)
{
        uint8_t packet[WIRE_PACKET_MAX + 1] = {0};
        const uint8_t nonce[WIRE_NONCE_LEN] = {1};
        char text[255];
        struct wire_message m;
        size_t len;

        (void)state;
        memset(text, 'x', sizeof(text));
        wire_init(&m, WIRE_DONE, WIRE_V_CHECK, nonce);
        for (size_t left = WIRE_PACKET_MAX - WIRE_HEADER_LEN; left > 0; left -= len + 4) {
                len = left - 4 < sizeof(text) ? left - 4 : sizeof(text);
                assert_int_equal(wire_put_list(&m, WIRE_F_EXPLANATION, view_of_bytes(text, len)),
                                 0);
        }
        assert_int_equal(wire_encode(&m, packet, sizeof(packet), &len), 0);
        assert_int_equal(len, WIRE_PACKET_MAX);
        for (size_t more = 0; more <= 1; more++) {
                struct client c = CLIENT_INIT;
                int pair[2];

                assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
                assert_int_equal(send(pair[1], packet, len + more, 0), len + more);
                c.fd = pair[0];
                client_set_timeout(&c, ENOUGH_MS);
                assert_int_equal(client_receive(&c, &m), more ? -EPROTO : 0);
                assert_int_equal(is_wiped(&c), more);
                client_close(&c);
                assert_int_equal(close(pair[1]), 0);
        }
}

static void test_reset_is_tried_once_more(void **state)
{
        static const enum fake_behaviour resets[] = {FAKE_CLOSE, FAKE_CLOSE_AFTER, FAKE_EMPTY};

        (void)state;
        for (size_t i = 0; i < sizeof(resets) / sizeof(resets[0]); i++) {
                struct fake_script script = {
                        .steps = {{.behaviour = resets[i]}, {.behaviour = FAKE_ALLOW}}};
                struct client c = CLIENT_INIT;
                struct wire_message reply;

                assert_int_equal(play(&script, ENOUGH_MS, &c, &reply), 0);
                assert_int_equal(reply.magic, WIRE_ALLOW);
                assert_int_equal(fake_daemon_connections(fake), 2);
                client_close(&c);
        }
}

/* The second try has what the first one left of the time. */
static void test_second_try_keeps_the_deadline(void **state)
{
        static const struct fake_script script = {
                .steps = {{.behaviour = FAKE_CLOSE}, {.behaviour = FAKE_SILENT}}};
        struct client c = CLIENT_INIT;
        struct wire_message reply;
        int64_t start = now_ms();

        (void)state;
        assert_int_equal(play(&script, SHORT_MS, &c, &reply), -ETIMEDOUT);
        assert_true(now_ms() - start < LATE_MS);
        assert_int_equal(fake_daemon_connections(fake), 2);
}

static void test_full_backlog_empties(void **state)
{
        static const struct fake_script script = {
                .steps = {{.behaviour = FAKE_NO_ACCEPT, .delay_ms = 50}}};
        struct client c = CLIENT_INIT;
        struct wire_message reply;

        (void)state;
        assert_int_equal(play(&script, ENOUGH_MS, &c, &reply), 0);
        assert_int_equal(reply.magic, WIRE_ALLOW);
        client_close(&c);
}

static void test_not_reachable(void **state)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char long_path[sizeof(address.sun_path) + 1];
        struct client c = CLIENT_INIT;
        struct wire_message m;
        int listener;

        (void)state;
        /* To the kernel an empty path is an abstract name, of zeros, that anybody can listen at. */
        listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
        assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(client_connect(&c, "", ENOUGH_MS), -ENOENT);
        assert_int_equal(client_connect(&c, NULL, ENOUGH_MS), -ENOENT);
        assert_int_equal(close(listener), 0);

        assert_int_equal(client_connect(&c, path, ENOUGH_MS), -ENOENT);
        assert_int_equal(client_connect(&c, "/etc/passwd/x", ENOUGH_MS), -ENOTDIR);
        memset(long_path, 'x', sizeof(long_path));
        long_path[sizeof(long_path) - 1] = '\0';
        assert_int_equal(client_connect(&c, long_path, ENOUGH_MS), -ENAMETOOLONG);
        long_path[sizeof(long_path) - 2] = '\0';
        assert_int_equal(client_connect(&c, long_path, ENOUGH_MS), -ENOENT);

        /* There, but nobody listens; and a socket of another type. */
        memcpy(address.sun_path, path, sizeof(path));
        listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
        assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(client_connect(&c, path, ENOUGH_MS), -ECONNREFUSED);
        assert_int_equal(close(listener), 0);
        assert_int_equal(client_connect(&c, path, ENOUGH_MS), -ECONNREFUSED);
        assert_int_equal(unlink(path), 0);
        listener = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(client_connect(&c, path, ENOUGH_MS), -EPROTOTYPE);
        assert_int_equal(close(listener), 0);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(c.fd, -1);
        make_request(&m);
        assert_int_equal(client_send(&c, &m), -EPIPE);
        assert_int_equal(client_receive(&c, &m), -ECONNRESET);
}

/* No time is no time, even where the answer would be there at once. */
static void test_no_time(void **state)
{
        struct client c = CLIENT_INIT;
        struct wire_message request, reply;

        (void)state;
        assert_int_equal(play(NULL, 0, &c, &reply), -ETIMEDOUT);
        assert_int_equal(fake_daemon_requests(fake), 0);
        assert_int_equal(client_connect(&c, path, ENOUGH_MS), 0);
        make_request(&request);
        client_set_timeout(&c, 0);
        assert_int_equal(client_send(&c, &request), -ETIMEDOUT);
        client_set_timeout(&c, ENOUGH_MS);
        assert_int_equal(client_send(&c, &request), 0);
        assert_true(is_wiped(&c));
        client_set_timeout(&c, 0);
        assert_int_equal(client_receive(&c, &reply), -ETIMEDOUT);
        client_set_timeout(&c, ENOUGH_MS);
        assert_int_equal(client_receive(&c, &reply), 0);
        client_close(&c);
}

static void test_message_that_may_not_be_sent(void **state)
{
        struct client c = CLIENT_INIT;
        struct wire_message request, reply;

        (void)state;
        assert_int_equal(play(NULL, ENOUGH_MS, &c, &reply), 0);
        make_request(&request);
        wire_put_text(&request, WIRE_F_NAME, VIEW("no field of VERIFY"));
        assert_int_equal(client_exchange(&c, path, ENOUGH_MS, &request, &reply), -EINVAL);
        assert_true(is_wiped(&c));
        assert_int_equal(fake_daemon_requests(fake), 1);
}

static void test_script_by_verb(void **state)
{
        static const struct fake_script script = {.session_check = {.behaviour = FAKE_NOT_GUARDED}};
        struct wire_message request, reply;
        struct client c = CLIENT_INIT;

        (void)state;
        assert_int_equal(play(&script, ENOUGH_MS, &c, &reply), 0);
        assert_int_equal(reply.magic, WIRE_ALLOW);

        start_request(&request, WIRE_V_SESSION_CHECK);
        wire_put_text(&request, WIRE_F_ACCOUNT, VIEW("deploy"));
        wire_put_text(&request, WIRE_F_ACTOR, VIEW("alice"));
        wire_put_text(&request, WIRE_F_SERVICE, VIEW("sudo"));
        wire_put_number(&request, WIRE_F_REAL_UID, 1000);
        assert_int_equal(client_exchange(&c, path, ENOUGH_MS, &request, &reply), 0);
        assert_int_equal(reply.magic, WIRE_DONE);
        assert_int_equal(wire_number(&reply, WIRE_F_GUARDED, 1), 0);
        assert_int_equal(fake_daemon_connections(fake), 2);
        client_close(&c);
}

static void test_nonces_differ(void **state)
{
        uint8_t a[WIRE_NONCE_LEN] = {0}, b[WIRE_NONCE_LEN] = {0};

        (void)state;
        assert_int_equal(client_nonce(a), 0);
        assert_int_equal(client_nonce(b), 0);
        assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_allow),
                TEST(test_plays),
                TEST(test_bit_flips),
                TEST(test_every_shorter_packet),
                TEST(test_longest_packet),
                TEST(test_reset_is_tried_once_more),
                TEST(test_second_try_keeps_the_deadline),
                TEST(test_full_backlog_empties),
                TEST(test_not_reachable),
                TEST(test_no_time),
                TEST(test_message_that_may_not_be_sent),
                TEST(test_script_by_verb),
                TEST(test_nonces_differ),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests_name("client", tests, make_directory, remove_directory);
}
