/* The real daemon and its callers: honest ones, and those that it has to survive. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/verdict.h"
#include "daemon/hostkey.h"
#include "daemon/sealed.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/valgrind.h"

#define PATIENCE_MS 20000

static int setup(void **state)
{
        struct daemon_fixture *f = daemon_fixture_new();

        daemon_fixture_start(f);
        daemon_fixture_make_org(f, "acme");
        *state = f;
        return 0;
}

/* Whatever was done to it: it is alive, decides, and ends in order. */
static int teardown(void **state)
{
        struct daemon_fixture *f = *state;
        struct wire_message m;

        daemon_fixture_request(&m, WIRE_V_ORG_SHOW);
        wire_put_text(&m, WIRE_F_ORG, VIEW("acme"));
        assert_int_equal(daemon_fixture_do(f, &m), WIRE_DONE);
        assert_int_equal(daemon_fixture_stop(f, SIGTERM), 0);
        assert_false(daemon_fixture_has_logged(f, "Sanitizer"));
        daemon_fixture_free(f);
        return 0;
}

static void make_key(struct daemon_fixture *f, char token[static TOKEN_TEXT_MAX + 1])
{
        assert_int_equal(daemon_fixture_make_key(f, "acme", ACK_YES, token), WIRE_DONE);
}

static int connect_to(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_true(view_copy(view_of(path), address.sun_path, sizeof(address.sun_path)));
        assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
        return fd;
}

/* The daemon closes the connection without having sent anything. */
static void check_closed(int fd)
{
        struct pollfd p = {.fd = fd, .events = POLLIN};
        char byte;

        assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
        assert_true(recv(fd, &byte, 1, MSG_DONTWAIT) <= 0);
        (void)close(fd);
}

static int64_t now_ms(void)
{
        struct timespec t;

        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t metric(const struct daemon_fixture *f, const char *name)
{
        struct client c = CLIENT_INIT;
        struct wire_message m, row;
        int64_t value = -1;

        daemon_fixture_request(&m, WIRE_V_STATUS);
        assert_int_equal(client_connect(&c, f->manage, PATIENCE_MS), 0);
        assert_int_equal(client_send(&c, &m), 0);
        while (client_receive(&c, &row) == 0 && row.magic == WIRE_ROW)
                if (view_equal_str(wire_text(&row, WIRE_F_METRIC), name))
                        value = wire_number(&row, WIRE_F_VALUE, -1);
        assert_int_equal(row.magic, WIRE_END);
        client_close(&c);
        return value;
}

/* ---- what it is for ---- */

static void test_verify(void **state)
{
        struct daemon_fixture *f = *state;
        char token[TOKEN_TEXT_MAX + 1];
        struct client c = CLIENT_INIT;
        struct wire_message m, reply;

        make_key(f, token);
        daemon_fixture_request(&m, WIRE_V_VERIFY);
        wire_put_text(&m, WIRE_F_TOKEN, view_of(token));
        wire_put_text(&m, WIRE_F_ACCOUNT, view_of(daemon_fixture_account()));
        wire_put_text(&m, WIRE_F_SERVICE, VIEW("sshd"));
        wire_put_number(&m, WIRE_F_REAL_UID, 0);
        assert_int_equal(daemon_fixture_ask(f, &m, &c, &reply), WIRE_ALLOW);
        assert_int_equal(wire_number(&reply, WIRE_F_VERDICT, 0), VERDICT_ALLOW);
        assert_true(view_equal(wire_text(&reply, WIRE_F_ORG), VIEW("acme")));
        client_close(&c);
        /* Another secret, then the right one for somebody else's account. */
        token[20] = token[20] == 'x' ? 'y' : 'x';
        assert_int_equal(daemon_fixture_verify(f, token), WIRE_VERDICT);
        wire_put_text(&m, WIRE_F_ACCOUNT, VIEW("somebody"));
        assert_int_equal(daemon_fixture_ask(f, &m, &c, &reply), WIRE_VERDICT);
        client_close(&c);
        assert_int_equal(metric(f, "verifications_allow"), 1);
        assert_int_equal(metric(f, "verifications_malformed"), 2);
}

/* Allowed, and still allowed; then revoked, and no longer. */
static void test_account_check(void **state)
{
        struct daemon_fixture *f = *state;
        char token[TOKEN_TEXT_MAX + 1], key_id[TOKEN_KEY_ID_SIZE];
        struct client c = CLIENT_INIT;
        struct wire_message m, reply, check;
        uint8_t ticket[256];
        struct view v;

        make_key(f, token);
        daemon_fixture_request(&m, WIRE_V_VERIFY);
        wire_put_text(&m, WIRE_F_TOKEN, view_of(token));
        wire_put_text(&m, WIRE_F_ACCOUNT, view_of(daemon_fixture_account()));
        wire_put_text(&m, WIRE_F_SERVICE, VIEW("sshd"));
        wire_put_number(&m, WIRE_F_REAL_UID, 0);
        assert_int_equal(daemon_fixture_ask(f, &m, &c, &reply), WIRE_ALLOW);
        v = wire_text(&reply, WIRE_F_TICKET);
        assert_in_range(v.len, 1, sizeof(ticket));
        memcpy(ticket, v.ptr, v.len);
        assert_true(view_copy(wire_text(&reply, WIRE_F_KEY_ID), key_id, sizeof(key_id)));
        client_close(&c);

        daemon_fixture_request(&check, WIRE_V_ACCOUNT_CHECK);
        wire_put_text(&check, WIRE_F_TICKET, view_of_bytes(ticket, v.len));
        wire_put_text(&check, WIRE_F_ACCOUNT, view_of(daemon_fixture_account()));
        wire_put_text(&check, WIRE_F_SERVICE, VIEW("sshd"));
        wire_put_text(&check, WIRE_F_ORG, VIEW("acme"));
        assert_int_equal(daemon_fixture_do(f, &check), WIRE_ALLOW);
        daemon_fixture_request(&m, WIRE_V_KEY_REVOKE);
        wire_put_text(&m, WIRE_F_KEY_ID, view_of(key_id));
        assert_int_equal(daemon_fixture_do(f, &m), WIRE_DONE);
        assert_int_equal(daemon_fixture_do(f, &check), WIRE_VERDICT);
        assert_int_equal(daemon_fixture_verify(f, token), WIRE_VERDICT);
}

/* What sudo does, and again after a restart: the grant was written. */
static void test_grant_survives(void **state)
{
        struct daemon_fixture *f = *state;
        char token[TOKEN_TEXT_MAX + 1];
        struct wire_message m, session;

        make_key(f, token);
        daemon_fixture_request(&session, WIRE_V_SESSION_CHECK);
        wire_put_text(&session, WIRE_F_ACCOUNT, view_of(daemon_fixture_account()));
        wire_put_text(&session, WIRE_F_ACTOR, VIEW("alice"));
        wire_put_text(&session, WIRE_F_SERVICE, VIEW("sudo"));
        wire_put_number(&session, WIRE_F_REAL_UID, 1001);
        assert_int_equal(daemon_fixture_do(f, &session), WIRE_VERDICT);
        daemon_fixture_request(&m, WIRE_V_VERIFY);
        wire_put_text(&m, WIRE_F_TOKEN, view_of(token));
        wire_put_text(&m, WIRE_F_ACCOUNT, view_of(daemon_fixture_account()));
        wire_put_text(&m, WIRE_F_ACTOR, VIEW("alice"));
        wire_put_text(&m, WIRE_F_SERVICE, VIEW("sudo"));
        wire_put_number(&m, WIRE_F_REAL_UID, 1001);
        assert_int_equal(daemon_fixture_do(f, &m), WIRE_ALLOW);
        assert_int_equal(daemon_fixture_do(f, &session), WIRE_ALLOW);
        assert_int_equal(metric(f, "grants"), 1);
        assert_int_equal(daemon_fixture_stop(f, SIGTERM), 0);
        daemon_fixture_start(f);
        assert_int_equal(metric(f, "grants"), 1);
        assert_int_equal(daemon_fixture_do(f, &session), WIRE_ALLOW);
        wire_put_number(&session, WIRE_F_REAL_UID, 1002);
        assert_int_equal(daemon_fixture_do(f, &session), WIRE_VERDICT);
}

/* A person's token: the kernel's uid, the user database, a membership, an org that must be named.
 */
static void test_pat(void **state)
{
        struct daemon_fixture *f = *state;
        const struct passwd *pw = getpwuid(geteuid());
        char token[TOKEN_TEXT_MAX + 1];
        struct client c = CLIENT_INIT;
        struct wire_message m, reply;

        if (!pw)
                skip();
        daemon_fixture_request(&m, WIRE_V_MEMBER_ADD);
        wire_put_text(&m, WIRE_F_ORG, VIEW("acme"));
        wire_put_text(&m, WIRE_F_USER, view_of(pw->pw_name));
        assert_int_equal(daemon_fixture_do(f, &m), WIRE_DONE);
        daemon_fixture_request(&m, WIRE_V_PAT_CREATE);
        wire_put_text(&m, WIRE_F_NAME, VIEW("laptop"));
        assert_int_equal(client_connect(&c, f->manage, PATIENCE_MS), 0);
        assert_int_equal(client_send(&c, &m), 0);
        assert_int_equal(client_receive(&c, &reply), 0);
        assert_int_equal(reply.magic, WIRE_NEW_TOKEN);
        assert_true(view_copy(wire_text(&reply, WIRE_F_TOKEN), token, sizeof(token)));
        daemon_fixture_request(&m, WIRE_V_ACK);
        wire_put_number(&m, WIRE_F_ACCEPTED, 1);
        assert_int_equal(client_send(&c, &m), 0);
        assert_int_equal(client_receive(&c, &reply), 0);
        assert_int_equal(reply.magic, WIRE_DONE);
        client_close(&c);

        daemon_fixture_request(&m, WIRE_V_VERIFY);
        wire_put_text(&m, WIRE_F_TOKEN, view_of(token));
        wire_put_text(&m, WIRE_F_ACCOUNT, view_of(pw->pw_name));
        wire_put_text(&m, WIRE_F_SERVICE, VIEW("sshd"));
        wire_put_number(&m, WIRE_F_REAL_UID, 0);
        assert_int_equal(daemon_fixture_ask(f, &m, &c, &reply), WIRE_VERDICT);
        assert_int_equal(wire_number(&reply, WIRE_F_VERDICT, 0), VERDICT_ORG_REQUIRED);
        client_close(&c);
        wire_put_text(&m, WIRE_F_ORG, VIEW("acme"));
        assert_int_equal(daemon_fixture_ask(f, &m, &c, &reply), WIRE_ALLOW);
        assert_true(view_equal_str(wire_text(&reply, WIRE_F_USER), pw->pw_name));
        client_close(&c);
}

static void test_clock_reset(void **state)
{
        struct wire_message m;

        daemon_fixture_request(&m, WIRE_V_CLOCK_RESET);
        assert_int_equal(daemon_fixture_do(*state, &m), WIRE_DONE);
}

/* ---- delivery ---- */

/* Revoked, though not before the daemon has noticed: nothing but that is waited for. */
static void check_revoked(struct daemon_fixture *f, const char *token)
{
        int64_t end = now_ms() + PATIENCE_MS;

        while (daemon_fixture_verify(f, token) == WIRE_ALLOW)
                assert_true(now_ms() < end);
        assert_int_equal(daemon_fixture_verify(f, token), WIRE_VERDICT);
}

static void test_delivery(void **state)
{
        static const enum daemon_fixture_ack refusals[] = {ACK_NO, ACK_CLOSE, ACK_SILENCE,
                                                           ACK_GARBAGE};
        struct daemon_fixture *f = *state;
        char token[TOKEN_TEXT_MAX + 1];

        make_key(f, token);
        assert_int_equal(daemon_fixture_verify(f, token), WIRE_ALLOW);
        for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
                uint32_t magic = daemon_fixture_make_key(f, "acme", refusals[i], token);

                /* Only who said no in so many words is told that it was heard. */
                assert_int_equal(magic, refusals[i] == ACK_NO ? WIRE_DONE : 0);
                check_revoked(f, token);
        }
        assert_int_equal(metric(f, "keys_live"), 1);
        assert_int_equal(metric(f, "keys_revoked"), 4);
}

/* A second, and not much more. */
static void test_delivery_too_late(void **state)
{
        struct daemon_fixture *f = *state;
        char token[TOKEN_TEXT_MAX + 1];
        int64_t start = now_ms();

        assert_int_equal(daemon_fixture_make_key(f, "acme", ACK_SILENCE, token), 0);
        assert_true(now_ms() - start >= 900);
        check_revoked(f, token);
}

/* ---- what is no request ---- */

static void encode(const struct wire_message *m, unsigned char ret[static WIRE_PACKET_MAX],
                   size_t *ret_len)
{
        assert_int_equal(wire_encode(m, ret, WIRE_PACKET_MAX, ret_len), 0);
}

static void check_refused(const char *path, const void *bytes, size_t len)
{
        int fd = connect_to(path);

        assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
        check_closed(fd);
}

/* Each closes its own connection, on either socket, and nothing else. */
static void test_garbage(void **state)
{
        static const size_t lengths[] = {1, 4, 23, 24, 25, 100, 4095, 4096, 4097, 5000, 65536};
        struct daemon_fixture *f = *state;
        unsigned char bytes[65536], token[TOKEN_TEXT_MAX + 1];

        make_key(f, (char *)token);
        for (unsigned fill = 0; fill <= 0xff; fill += 0x55) {
                for (size_t i = 0; i < sizeof(bytes); i++)
                        bytes[i] = (unsigned char)fill;
                for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
                        check_refused(f->verify, bytes, lengths[i]);
                        check_refused(f->manage, bytes, lengths[i]);
                }
        }
        check_refused(f->verify, bytes, 0);
        check_refused(f->manage, bytes, 0);
        assert_int_equal(daemon_fixture_verify(f, (char *)token), WIRE_ALLOW);
}

/* A good request with every single length cut off, and with something behind it. */
static void test_half_a_frame(void **state)
{
        struct daemon_fixture *f = *state;
        char token[TOKEN_TEXT_MAX + 1];
        unsigned char bytes[WIRE_PACKET_MAX + 1] = {0};
        struct wire_message m;
        size_t len;

        make_key(f, token);
        daemon_fixture_request(&m, WIRE_V_VERIFY);
        wire_put_text(&m, WIRE_F_TOKEN, view_of(token));
        wire_put_text(&m, WIRE_F_ACCOUNT, view_of(daemon_fixture_account()));
        wire_put_text(&m, WIRE_F_SERVICE, VIEW("sshd"));
        wire_put_number(&m, WIRE_F_REAL_UID, 0);
        encode(&m, bytes, &len);
        for (size_t cut = 0; cut < len; cut++)
                check_refused(f->verify, bytes, cut);
        check_refused(f->verify, bytes, len + 1);
        check_refused(f->verify, bytes, sizeof(bytes));
        assert_int_equal(metric(f, "verifications_allow"), 0);
        assert_int_equal(daemon_fixture_verify(f, token), WIRE_ALLOW);
}

/* A verb on the other socket, an acknowledgement of nothing, an answer: well-formed, and nobody's.
 */
static void test_wrong_socket(void **state)
{
        struct daemon_fixture *f = *state;
        unsigned char bytes[WIRE_PACKET_MAX];
        struct wire_message m;
        size_t len;

        daemon_fixture_request(&m, WIRE_V_ORG_LIST);
        encode(&m, bytes, &len);
        check_refused(f->verify, bytes, len);
        daemon_fixture_request(&m, WIRE_V_VERIFY);
        wire_put_text(&m, WIRE_F_TOKEN, VIEW("x"));
        wire_put_text(&m, WIRE_F_ACCOUNT, VIEW("alice"));
        wire_put_text(&m, WIRE_F_SERVICE, VIEW("sshd"));
        wire_put_number(&m, WIRE_F_REAL_UID, 0);
        encode(&m, bytes, &len);
        check_refused(f->manage, bytes, len);
        daemon_fixture_request(&m, WIRE_V_ACK);
        wire_put_number(&m, WIRE_F_ACCEPTED, 1);
        encode(&m, bytes, &len);
        check_refused(f->verify, bytes, len);
        check_refused(f->manage, bytes, len);
        daemon_fixture_request(&m, WIRE_V_STATUS);
        m.magic = WIRE_UNAVAILABLE;
        encode(&m, bytes, &len);
        check_refused(f->verify, bytes, len);
        check_refused(f->manage, bytes, len);
}

/* One request a connection: what comes behind it is not looked at. */
static void test_second_request(void **state)
{
        struct daemon_fixture *f = *state;
        unsigned char bytes[WIRE_PACKET_MAX];
        struct pollfd p = {.events = 0};
        struct wire_message m;
        size_t len;
        int fd;

        daemon_fixture_request(&m, WIRE_V_ORG_CREATE);
        wire_put_text(&m, WIRE_F_ORG, VIEW("globex"));
        encode(&m, bytes, &len);
        fd = connect_to(f->manage);
        assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
        wire_put_text(&m, WIRE_F_ORG, VIEW("initech"));
        encode(&m, bytes, &len);
        assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
        p.fd = fd;
        assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
        (void)close(fd);
        assert_int_equal(metric(f, "orgs"), 2);
}

/* ---- who does not behave ---- */

#define MANY 600

/* Silent, on both sockets, many of them: each is given its second, and nobody waits for it. */
static void test_silence(void **state)
{
        static int fds[MANY];
        struct daemon_fixture *f = *state;
        char token[TOKEN_TEXT_MAX + 1];
        int64_t start;

        make_key(f, token);
        start = now_ms();
        for (unsigned i = 0; i < MANY; i++)
                fds[i] = connect_to(i % 2 ? f->verify : f->manage);
        for (unsigned i = 0; i < 50; i++)
                assert_int_equal(daemon_fixture_verify(f, token), WIRE_ALLOW);
        for (unsigned i = 0; i < MANY; i++)
                check_closed(fds[i]);
        assert_true(now_ms() - start >= 900);
        /* The one that asks. */
        assert_int_equal(metric(f, "connections"), 1);
}

/* Gone before the answer, or before the request: nothing is left of them. */
static void test_gone(void **state)
{
        struct daemon_fixture *f = *state;
        unsigned char bytes[WIRE_PACKET_MAX];
        struct wire_message m;
        size_t len;

        for (unsigned i = 0; i < MANY; i++) {
                int fd = connect_to(i % 2 ? f->verify : f->manage);

                daemon_fixture_request(&m, WIRE_V_ORG_LIST);
                encode(&m, bytes, &len);
                if (i % 3 == 0)
                        assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
                if (i % 5 == 0)
                        (void)shutdown(fd, SHUT_RDWR);
                (void)close(fd);
        }
        while (metric(f, "connections") > 1)
                continue;
}

static int64_t cpu_ticks(pid_t pid)
{
        char path[64], text[1024];
        unsigned long long user, system;
        const char *p;
        FILE *file;

        (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        file = fopen(path, "re");
        assert_non_null(file);
        assert_non_null(fgets(text, sizeof(text), file));
        (void)fclose(file);
        p = strrchr(text, ')');
        assert_non_null(p);
        assert_int_equal(sscanf(p, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
                                &system),
                         2);
        return (int64_t)(user + system);
}

/* More connections than descriptors: the daemon takes what it can, does not spin, and recovers. */
static void test_descriptors(void **state)
{
        struct daemon_fixture *f = *state;
        char token[TOKEN_TEXT_MAX + 1];
        int fds[90];
        int64_t ticks;

        if (valgrind_is_here())
                return; /* it keeps the limit for itself */
        make_key(f, token);
        assert_int_equal(daemon_fixture_stop(f, SIGTERM), 0);
        f->nofile = 60;
        daemon_fixture_start(f);
        ticks = cpu_ticks(f->pid);
        for (unsigned i = 0; i < 90; i++)
                fds[i] = connect_to(f->verify);
        /* Whoever cannot be taken waits in the socket, and is not refused. */
        assert_int_equal(poll(&(struct pollfd){.fd = fds[89], .events = POLLIN}, 1, 300), 0);
        assert_int_equal(daemon_fixture_verify(f, token), WIRE_ALLOW);
        for (unsigned i = 0; i < 90; i++)
                check_closed(fds[i]);
        assert_int_equal(daemon_fixture_verify(f, token), WIRE_ALLOW);
        assert_true(cpu_ticks(f->pid) - ticks < sysconf(_SC_CLK_TCK));
}

/* Descriptors that come with a request are nobody's, and do not stay. */
static void test_descriptors_passed(void **state)
{
        struct daemon_fixture *f = *state;
        unsigned char bytes[WIRE_PACKET_MAX];
        struct wire_message m;
        size_t len;

        if (valgrind_is_here())
                return; /* likewise */
        assert_int_equal(daemon_fixture_stop(f, SIGTERM), 0);
        f->nofile = 60;
        daemon_fixture_start(f);
        daemon_fixture_request(&m, WIRE_V_ORG_SHOW);
        wire_put_text(&m, WIRE_F_ORG, VIEW("acme"));
        encode(&m, bytes, &len);
        for (unsigned i = 0; i < 100; i++) {
                struct iovec iov = {.iov_base = bytes, .iov_len = len};
                union {
                        struct cmsghdr header;
                        char space[CMSG_SPACE(sizeof(int))];
                } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                                        .cmsg_level = SOL_SOCKET,
                                        .cmsg_type = SCM_RIGHTS}};
                struct msghdr message = {.msg_iov = &iov,
                                         .msg_iovlen = 1,
                                         .msg_control = &control,
                                         .msg_controllen = sizeof(control)};
                unsigned char answer[WIRE_PACKET_MAX];
                int fd = connect_to(f->manage);

                memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
                assert_int_equal(sendmsg(fd, &message, MSG_NOSIGNAL), len);
                assert_true(recv(fd, answer, sizeof(answer), 0) > 0);
                (void)close(fd);
        }
}

/* ---- long lists ---- */

#define TOKENS 3000

/* Puts tokens into the store of a daemon that is not running, in one transaction. */
static void fill_store(const struct daemon_fixture *f)
{
        struct keyhash *key = NULL;
        struct store_writer *writer = NULL;
        const char *why = "";
        struct record_org org;
        struct sealed s;
        int64_t revision;

        assert_int_equal(keyhash_init(), 0);
        assert_int_equal(hostkey_load(f->state, NULL, 1, &key, &why), 0);
        assert_int_equal(store_writer_open(f->state, &writer), 0);
        s = (struct sealed){.reader = store_writer_reader(writer),
                            .writer = writer,
                            .key = key,
                            .fingerprint = keyhash_fingerprint(key)};
        assert_int_equal(store_write_begin(writer), 0);
        assert_int_equal(sealed_find_org_by_name(&s, VIEW("acme"), &org), 0);
        for (int64_t i = 0; i < TOKENS; i++) {
                struct record_token t = {.id = 1000 + i,
                                         .kind = TOKEN_AK,
                                         .owner = org.id,
                                         .created_at = 1000000 + i,
                                         .expires_at = EXPIRY_NEVER,
                                         .ends_at = EXPIRY_NEVER,
                                         .successor = -1};
                char secret[TOKEN_SECRET_LEN + 1];

                keyhash_random_text(secret, TOKEN_SECRET_LEN);
                (void)snprintf(t.name, sizeof(t.name), "token %090d", (int)i);
                assert_int_equal(
                        sealed_insert_token(&s, &t, view_of_bytes(secret, TOKEN_SECRET_LEN)), 0);
        }
        assert_int_equal(store_write_commit(writer, &revision), 0);
        store_writer_close(writer);
        keyhash_free(key);
}

static void ask_for_list(const struct daemon_fixture *f, struct client *c)
{
        struct wire_message m;

        daemon_fixture_request(&m, WIRE_V_KEY_LIST);
        wire_put_text(&m, WIRE_F_ORG, VIEW("acme"));
        assert_int_equal(client_connect(c, f->manage, 2 * PATIENCE_MS), 0);
        assert_int_equal(client_send(c, &m), 0);
}

/* One caller takes its time over 3000 rows, one never reads any; verification and management go on,
   the first gets every row in order, and the second is let go. */
static void test_long_list(void **state)
{
        struct daemon_fixture *f = *state;
        struct client slow = CLIENT_INIT, never = CLIENT_INIT;
        char token[TOKEN_TEXT_MAX + 1];
        struct wire_message row;
        int64_t rows = 0;
        struct pollfd p = {.events = POLLHUP};

        make_key(f, token);
        assert_int_equal(daemon_fixture_stop(f, SIGTERM), 0);
        fill_store(f);
        daemon_fixture_start(f);
        ask_for_list(f, &never);
        ask_for_list(f, &slow);
        for (;;) {
                assert_int_equal(client_receive(&slow, &row), 0);
                if (row.magic != WIRE_ROW)
                        break;
                /* In the order of their making; the key that the daemon made was the first. */
                if (rows > 0)
                        assert_int_equal(wire_number(&row, WIRE_F_CREATED_AT, 0), 999999 + rows);
                if (rows % 50 == 0)
                        assert_int_equal(daemon_fixture_verify(f, token), WIRE_ALLOW);
                if (rows++ % 500 == 0)
                        assert_int_equal(metric(f, "keys_live"), TOKENS + 1);
        }
        assert_int_equal(row.magic, WIRE_END);
        assert_int_equal(rows, TOKENS + 1);
        client_close(&slow);
        p.fd = never.fd;
        assert_int_equal(poll(&p, 1, 2 * PATIENCE_MS), 1);
        client_close(&never);
        assert_int_equal(metric(f, "connections"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_verify),
                TEST(test_account_check),
                TEST(test_grant_survives),
                TEST(test_pat),
                TEST(test_clock_reset),
                TEST(test_delivery),
                TEST(test_delivery_too_late),
                TEST(test_garbage),
                TEST(test_half_a_frame),
                TEST(test_wrong_socket),
                TEST(test_second_request),
                TEST(test_silence),
                TEST(test_gone),
                TEST(test_descriptors),
                TEST(test_descriptors_passed),
                TEST(test_long_list),
        };

        daemon_fixture_drop_root();
        return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
