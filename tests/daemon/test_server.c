/* The real daemon: how it starts, refuses to start, stays up without a store, ends, and what
 * survives that. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/daemon_fixture.h"

static int setup(void **state)
{
        *state = daemon_fixture_new();
        return 0;
}

static int teardown(void **state)
{
        daemon_fixture_free(*state);
        return 0;
}

static int run(struct daemon_fixture *f)
{
        const char *const arguments[] = {"--state-dir", f->state, "--runtime-dir", f->runtime,
                                         NULL};

        return daemon_fixture_run(f, arguments);
}

static mode_t mode_of(const char *dir, const char *name)
{
        char path[256];
        struct stat st;

        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        assert_int_equal(lstat(path, &st), 0);
        assert_int_equal(st.st_uid, geteuid());
        return st.st_mode;
}

static void in_state(const struct daemon_fixture *f, const char *name, char ret[static 256])
{
        (void)snprintf(ret, 256, "%s/%s", f->state, name);
}

/* ---- starting ---- */

static void test_makes_what_is_missing(void **state)
{
        struct daemon_fixture *f = *state;

        daemon_fixture_start(f);
        assert_int_equal(mode_of(f->state, "") & 07777, 0700);
        assert_int_equal(mode_of(f->state, "key"), S_IFREG | 0600);
        assert_int_equal(mode_of(f->state, "orgtoken.db"), S_IFREG | 0600);
        assert_int_equal(mode_of(f->runtime, "") & 07777, 0755);
        assert_int_equal(mode_of(f->runtime, "verify.sock"), S_IFSOCK | 0600);
        assert_int_equal(mode_of(f->runtime, "manage.sock"), S_IFSOCK | 0600);
        assert_int_equal(daemon_fixture_stop(f, SIGTERM), 0);
        /* What it made for itself it takes away; what it keeps it keeps. */
        assert_int_equal(access(f->verify, F_OK), -1);
        assert_int_equal(access(f->manage, F_OK), -1);
        assert_int_equal(mode_of(f->state, "key"), S_IFREG | 0600);
}

static void test_command_line(void **state)
{
        struct daemon_fixture *f = *state;

        assert_int_equal(daemon_fixture_run(f, (const char *[]){"--help", NULL}), 0);
        assert_true(daemon_fixture_has_logged(f, "--runtime-dir"));
        assert_int_equal(daemon_fixture_run(f, (const char *[]){"--version", NULL}), 0);
        assert_true(daemon_fixture_has_logged(f, "orgtokend 0."));
        assert_int_equal(daemon_fixture_run(f, (const char *[]){"--stat-dir", "/x", NULL}), 2);
        assert_true(daemon_fixture_has_logged(f, "--stat-dir: no such option"));
        assert_int_equal(daemon_fixture_run(f, (const char *[]){"--grant-life", "9h", NULL}), 2);
}

static void test_state_is_locked(void **state)
{
        struct daemon_fixture *f = *state;
        char other[128];
        const char *arguments[] = {"--state-dir", f->state, "--runtime-dir", other, NULL};

        (void)snprintf(other, sizeof(other), "%s/other", f->root);
        daemon_fixture_start(f);
        assert_int_equal(daemon_fixture_run(f, arguments), 1);
        assert_true(daemon_fixture_has_logged(f, "another orgtokend is using"));
        daemon_fixture_make_org(f, "acme");
}

static void test_state_of_others(void **state)
{
        struct daemon_fixture *f = *state;

        assert_int_equal(mkdir(f->state, 0700), 0);
        assert_int_equal(chmod(f->state, 0770), 0);
        assert_int_equal(run(f), 1);
        assert_true(daemon_fixture_has_logged(f, "must be our own, and 0700"));
        assert_int_equal(access(f->verify, F_OK), -1);
}

/* As mkdir(1) makes one, with the usual umask. */
static void test_state_is_readable(void **state)
{
        struct daemon_fixture *f = *state;
        char path[256];
        int fd;

        assert_int_equal(mkdir(f->state, 0700), 0);
        assert_int_equal(chmod(f->state, 0755), 0);
        in_state(f, "notes", path);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        (void)close(fd);
        /* With something else in it, it may be any directory. */
        assert_int_equal(run(f), 1);
        assert_int_equal(mode_of(f->state, "") & 07777, 0755);
        assert_int_equal(unlink(path), 0);
        daemon_fixture_start(f);
        assert_int_equal(mode_of(f->state, "") & 07777, 0700);
}

static void test_runtime_of_others(void **state)
{
        static const mode_t modes[] = {0777, 01777, 0775};
        struct daemon_fixture *f = *state;

        assert_int_equal(mkdir(f->runtime, 0755), 0);
        for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
                assert_int_equal(chmod(f->runtime, modes[i]), 0);
                assert_int_equal(run(f), 1);
                assert_int_equal(access(f->verify, F_OK), -1);
        }
        assert_true(daemon_fixture_has_logged(f, "others can write"));
        assert_int_equal(chmod(f->runtime, 0755), 0);
        daemon_fixture_start(f);
}

static int bind_at(const char *path, int type)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_true(view_copy(view_of(path), address.sun_path, sizeof(address.sun_path)));
        assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
        return fd;
}

/* What a crash has left is replaced; what somebody listens on, or is no socket, is not. */
static void test_stale_socket(void **state)
{
        struct daemon_fixture *f = *state;

        daemon_fixture_start(f);
        daemon_fixture_make_org(f, "acme");
        (void)daemon_fixture_stop(f, SIGKILL);
        assert_int_equal(mode_of(f->runtime, "verify.sock"), S_IFSOCK | 0600);
        daemon_fixture_start(f);
        daemon_fixture_make_org(f, "globex");
}

static void test_live_socket(void **state)
{
        static const int types[] = {SOCK_SEQPACKET, SOCK_STREAM};
        struct daemon_fixture *f = *state;

        assert_int_equal(mkdir(f->runtime, 0755), 0);
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
                int fd = bind_at(f->manage, types[i]);

                assert_int_equal(listen(fd, 1), 0);
                assert_int_equal(run(f), 1);
                assert_true(daemon_fixture_has_logged(f, "another program listens there"));
                /* Left alone, and the other socket is taken away again. */
                assert_int_equal(mode_of(f->runtime, "manage.sock") & S_IFMT, S_IFSOCK);
                assert_int_equal(access(f->verify, F_OK), -1);
                (void)close(fd);
                assert_int_equal(unlink(f->manage), 0);
        }
}

static void test_no_socket_in_the_way(void **state)
{
        struct daemon_fixture *f = *state;
        int fd;

        assert_int_equal(mkdir(f->runtime, 0755), 0);
        fd = open(f->verify, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        (void)close(fd);
        assert_int_equal(run(f), 1);
        assert_true(daemon_fixture_has_logged(f, "not a socket"));
        assert_int_equal(mode_of(f->runtime, "verify.sock"), S_IFREG | 0600);
        assert_int_equal(unlink(f->verify), 0);
        assert_int_equal(symlink("/dev/null", f->verify), 0);
        assert_int_equal(run(f), 1);
}

static void test_long_path(void **state)
{
        struct daemon_fixture *f = *state;
        char dir[300];
        const char *arguments[] = {"--state-dir", f->state, "--runtime-dir", dir, NULL};

        (void)snprintf(dir, sizeof(dir), "%s/%0120d", f->root, 0);
        assert_int_equal(daemon_fixture_run(f, arguments), 1);
        assert_true(daemon_fixture_has_logged(f, "the socket cannot be made"));
}

/* ---- without a store ---- */

static void fill(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        (void)close(fd);
}

static void read_whole(const char *path, char ret[static 4096], size_t *ret_len)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = read(fd, ret, 4096);

        assert_true(fd >= 0 && n >= 0);
        (void)close(fd);
        *ret_len = (size_t)n;
}

/* Up, and unavailable for everything. */
static void check_unavailable(struct daemon_fixture *f, const char *token)
{
        struct wire_message m;

        daemon_fixture_start(f);
        assert_int_equal(daemon_fixture_verify(f, token), WIRE_UNAVAILABLE);
        daemon_fixture_request(&m, WIRE_V_STATUS);
        assert_int_equal(daemon_fixture_do(f, &m), WIRE_UNAVAILABLE);
        daemon_fixture_request(&m, WIRE_V_ORG_CREATE);
        wire_put_text(&m, WIRE_F_ORG, VIEW("initech"));
        assert_int_equal(daemon_fixture_do(f, &m), WIRE_UNAVAILABLE);
        assert_int_equal(daemon_fixture_stop(f, SIGTERM), 0);
}

static void make_store(struct daemon_fixture *f, char token[static TOKEN_TEXT_MAX + 1])
{
        daemon_fixture_start(f);
        daemon_fixture_make_org(f, "acme");
        assert_int_equal(daemon_fixture_make_key(f, "acme", ACK_YES, token), WIRE_DONE);
        assert_int_equal(daemon_fixture_verify(f, token), WIRE_ALLOW);
        assert_int_equal(daemon_fixture_stop(f, SIGTERM), 0);
}

/* Nothing is made anew, and once the store is back so are its tokens. */
static void check_without(struct daemon_fixture *f, const char *name, const char *instead)
{
        char token[TOKEN_TEXT_MAX + 1], path[256], away[256], bytes[4096];
        size_t len;

        make_store(f, token);
        in_state(f, name, path);
        (void)snprintf(away, sizeof(away), "%s/away", f->root);
        assert_int_equal(rename(path, away), 0);
        if (instead)
                fill(path, instead);
        check_unavailable(f, token);
        if (instead) {
                read_whole(path, bytes, &len);
                assert_int_equal(len, strlen(instead));
                assert_memory_equal(bytes, instead, len);
                assert_int_equal(unlink(path), 0);
        }
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(rename(away, path), 0);
        daemon_fixture_start(f);
        assert_int_equal(daemon_fixture_verify(f, token), WIRE_ALLOW);
}

static void test_store_corrupt(void **state)
{
        check_without(*state, "orgtoken.db", "this is not a database, whatever its name is");
}

static void test_store_empty(void **state)
{
        check_without(*state, "orgtoken.db", "");
}

static void test_store_missing(void **state)
{
        struct daemon_fixture *f = *state;
        char token[TOKEN_TEXT_MAX + 1], path[256], stray[256];

        /* A key alone is an interrupted first start; a key and something else is a store that is
         * gone. */
        make_store(f, token);
        in_state(f, "orgtoken.db", path);
        in_state(f, "orgtoken.db.bak", stray);
        assert_int_equal(rename(path, stray), 0);
        check_unavailable(f, token);
        assert_int_equal(access(path, F_OK), -1);
}

static void test_key_missing(void **state)
{
        check_without(*state, "key", NULL);
}

static void test_key_of_another_store(void **state)
{
        check_without(*state, "key", "0123456789abcdef0123456789abcdef");
}

/* A store that cannot be written still serves logins. */
static void test_store_read_only(void **state)
{
        struct daemon_fixture *f = *state;
        char token[TOKEN_TEXT_MAX + 1], path[256];
        struct wire_message m;
        int64_t last;

        make_store(f, token);
        in_state(f, "orgtoken.db", path);
        assert_int_equal(chmod(path, 0400), 0);
        daemon_fixture_start(f);
        if (daemon_fixture_verify(f, token) == WIRE_UNAVAILABLE)
                skip(); /* SQLite reads a WAL only where it may write beside it */
        assert_int_equal(daemon_fixture_verify(f, token), WIRE_ALLOW);
        daemon_fixture_request(&m, WIRE_V_ORG_CREATE);
        wire_put_text(&m, WIRE_F_ORG, VIEW("initech"));
        assert_int_equal(daemon_fixture_do(f, &m), WIRE_REFUSED);
        daemon_fixture_request(&m, WIRE_V_ORG_LIST);
        assert_int_equal(daemon_fixture_count(f, &m, WIRE_F_KEYS, &last), 1);
        assert_int_equal(daemon_fixture_stop(f, SIGTERM), 0);
}

/* ---- ending ---- */

static int64_t last_used(struct daemon_fixture *f, unsigned expected)
{
        struct wire_message m;
        int64_t at = 0;

        daemon_fixture_request(&m, WIRE_V_KEY_LIST);
        wire_put_text(&m, WIRE_F_ORG, VIEW("acme"));
        assert_int_equal(daemon_fixture_count(f, &m, WIRE_F_LAST_USED_AT, &at), expected);
        return at;
}

/* The use was noted a moment ago and written by nothing but the end. */
static void test_sigterm_writes_uses(void **state)
{
        struct daemon_fixture *f = *state;
        char token[TOKEN_TEXT_MAX + 1];

        daemon_fixture_start(f);
        daemon_fixture_make_org(f, "acme");
        assert_int_equal(daemon_fixture_make_key(f, "acme", ACK_YES, token), WIRE_DONE);
        assert_int_equal(last_used(f, 1), 0);
        assert_int_equal(daemon_fixture_verify(f, token), WIRE_ALLOW);
        assert_int_equal(daemon_fixture_stop(f, SIGTERM), 0);
        daemon_fixture_start(f);
        assert_true(last_used(f, 1) > 0);
        assert_int_equal(daemon_fixture_stop(f, SIGINT), 0);
}

static void wait_for_use(struct daemon_fixture *f, unsigned keys)
{
        for (unsigned i = 0; last_used(f, keys) == 0; i++) {
                assert_in_range(i, 0, 1000);
                (void)poll(NULL, 0, 20);
        }
}

/* Nor does it wait for the end; and not only the first time. */
static void test_use_is_written(void **state)
{
        struct daemon_fixture *f = *state;
        char token[TOKEN_TEXT_MAX + 1];

        daemon_fixture_start(f);
        daemon_fixture_make_org(f, "acme");
        for (unsigned keys = 1; keys <= 2; keys++) {
                assert_int_equal(daemon_fixture_make_key(f, "acme", ACK_YES, token), WIRE_DONE);
                assert_int_equal(daemon_fixture_verify(f, token), WIRE_ALLOW);
                wait_for_use(f, keys);
        }
        (void)daemon_fixture_stop(f, SIGKILL);
        daemon_fixture_start(f);
        assert_true(last_used(f, 2) > 0);
}

/* Everything that was acknowledged is there, whenever the power goes. */
static void test_kill(void **state)
{
        struct daemon_fixture *f = *state;
        char tokens[8][TOKEN_TEXT_MAX + 1];

        daemon_fixture_start(f);
        daemon_fixture_make_org(f, "acme");
        for (unsigned i = 0; i < 8; i++) {
                assert_int_equal(daemon_fixture_make_key(f, "acme", ACK_YES, tokens[i]), WIRE_DONE);
                assert_true(WIFSIGNALED(daemon_fixture_stop(f, SIGKILL)));
                daemon_fixture_start(f);
                for (unsigned k = 0; k <= i; k++)
                        assert_int_equal(daemon_fixture_verify(f, tokens[k]), WIRE_ALLOW);
        }
}

/* A token that is on its way when the daemon ends is not left behind as one that nobody has. */
static void end_during_delivery(struct daemon_fixture *f, bool signal_again)
{
        char token[TOKEN_TEXT_MAX + 1];
        struct client c = CLIENT_INIT;
        struct wire_message m, reply;

        daemon_fixture_start(f);
        daemon_fixture_make_org(f, "acme");
        daemon_fixture_request(&m, WIRE_V_KEY_CREATE);
        wire_put_text(&m, WIRE_F_ORG, VIEW("acme"));
        wire_put_text(&m, WIRE_F_NAME, VIEW("late"));
        assert_int_equal(client_connect(&c, f->manage, 10000), 0);
        assert_int_equal(client_send(&c, &m), 0);
        assert_int_equal(client_receive(&c, &reply), 0);
        assert_int_equal(reply.magic, WIRE_NEW_TOKEN);
        assert_true(view_copy(wire_text(&reply, WIRE_F_TOKEN), token, sizeof(token)));
        /* Of two signals the second says: now, and not in a second. */
        if (signal_again)
                assert_int_equal(kill(f->pid, SIGINT), 0);
        assert_int_equal(daemon_fixture_stop(f, SIGTERM), 0);
        client_close(&c);
        daemon_fixture_start(f);
        assert_int_equal(daemon_fixture_verify(f, token), WIRE_VERDICT);
}

static void test_sigterm_during_delivery(void **state)
{
        end_during_delivery(*state, false);
}

static void test_two_signals_during_delivery(void **state)
{
        end_during_delivery(*state, true);
}

/* In hand when the signal comes: still answered. */
static void test_sigterm_finishes_requests(void **state)
{
        struct daemon_fixture *f = *state;
        struct client c = CLIENT_INIT;
        struct wire_message m, reply;
        int status;

        daemon_fixture_start(f);
        assert_int_equal(client_connect(&c, f->manage, 10000), 0);
        /* An exchange of another connection behind ours: ours is accepted now, and has not asked.
         */
        daemon_fixture_make_org(f, "acme");
        assert_int_equal(kill(f->pid, SIGTERM), 0);
        daemon_fixture_request(&m, WIRE_V_ORG_CREATE);
        wire_put_text(&m, WIRE_F_ORG, VIEW("globex"));
        assert_int_equal(client_send(&c, &m), 0);
        assert_int_equal(client_receive(&c, &reply), 0);
        assert_int_equal(reply.magic, WIRE_DONE);
        client_close(&c);
        status = daemon_fixture_stop(f, SIGTERM);
        assert_int_equal(status, 0);
        daemon_fixture_start(f);
        daemon_fixture_request(&m, WIRE_V_ORG_SHOW);
        wire_put_text(&m, WIRE_F_ORG, VIEW("globex"));
        assert_int_equal(daemon_fixture_do(f, &m), WIRE_DONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_makes_what_is_missing),
                TEST(test_command_line),
                TEST(test_state_is_locked),
                TEST(test_state_of_others),
                TEST(test_state_is_readable),
                TEST(test_runtime_of_others),
                TEST(test_stale_socket),
                TEST(test_live_socket),
                TEST(test_no_socket_in_the_way),
                TEST(test_long_path),
                TEST(test_store_corrupt),
                TEST(test_store_empty),
                TEST(test_store_missing),
                TEST(test_key_missing),
                TEST(test_key_of_another_store),
                TEST(test_store_read_only),
                TEST(test_sigterm_writes_uses),
                TEST(test_use_is_written),
                TEST(test_kill),
                TEST(test_sigterm_during_delivery),
                TEST(test_two_signals_during_delivery),
                TEST(test_sigterm_finishes_requests),
        };

        daemon_fixture_drop_root();
        return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
