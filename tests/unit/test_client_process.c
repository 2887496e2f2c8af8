/* The client inside a foreign process: its signals, descriptors and uids, and its patience. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/client.h"
#include "tests/support/fake_daemon.h"
#include "tests/support/valgrind.h"
#include "tests/unit/client_fixture.h"

/* The peer is gone: an error, not a signal. (Linux sends none for this type of socket as it is; the
   module doesn't rely on it.) */
static void test_no_sigpipe(void **state)
{
        static const struct fake_script script = {.steps = {{.behaviour = FAKE_CLOSE}}};
        struct client c = CLIENT_INIT;
        struct wire_message request;
        struct pollfd closed = {.events = POLLIN};

        (void)state;
        assert_ptr_not_equal(signal(SIGPIPE, SIG_DFL), SIG_ERR);
        fake = fake_daemon_start(path, &script);
        make_request(&request);
        assert_int_equal(client_connect(&c, path, ENOUGH_MS), 0);
        closed.fd = c.fd;
        assert_int_equal(poll(&closed, 1, ENOUGH_MS), 1);
        assert_int_equal(client_send(&c, &request), -EPIPE);
        assert_true(is_wiped(&c));
        client_close(&c);
}

/* A peer that reads nothing fills its queue in the end. */
static void test_send_keeps_the_deadline(void **state)
{
        static const struct fake_script script = {.steps = {{.behaviour = FAKE_SILENT}}};
        struct client c = CLIENT_INIT;
        struct wire_message request;
        int64_t start;
        int r = 0;

        (void)state;
        fake = fake_daemon_start(path, &script);
        make_request(&request);
        assert_int_equal(client_connect(&c, path, ENOUGH_MS), 0);
        client_set_timeout(&c, SHORT_MS);
        start = now_ms();
        while (r == 0)
                r = client_send(&c, &request);
        assert_int_equal(r, -ETIMEDOUT);
        assert_true(now_ms() - start < LATE_MS);
        assert_true(is_wiped(&c));
        client_close(&c);
}

static volatile sig_atomic_t alarms;

static void count_alarm(int number)
{
        (void)number;
        alarms++;
}

/* Signals every few milliseconds, as in a busy application: neither an early end nor a late one. */
static void test_interrupted(void **state)
{
        static const struct {
                struct fake_step step;
                int r;
        } cases[] = {
                {{.behaviour = FAKE_SILENT}, -ETIMEDOUT},
                {{.behaviour = FAKE_NO_ACCEPT}, -ETIMEDOUT},
                {{.behaviour = FAKE_LATE, .delay_ms = 40}, 0},
        };
        const struct itimerval often = {{0, 3000}, {0, 3000}}, never = {{0, 0}, {0, 0}};
        struct sigaction action = {.sa_handler = count_alarm};

        (void)state;
        /* It stays: the last of the signals may still be on its way, under valgrind for a while. */
        assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct fake_script script = {.steps = {cases[i].step}};
                struct client c = CLIENT_INIT;
                struct wire_message request, reply;
                int64_t start;
                int r;

                fake = fake_daemon_stop(fake);
                fake = fake_daemon_start(path, &script);
                make_request(&request);
                alarms = 0;
                start = now_ms();
                assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
                r = client_exchange(&c, path, cases[i].r ? SHORT_MS : ENOUGH_MS, &request, &reply);
                assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
                assert_int_equal(r, cases[i].r);
                assert_true(alarms > 0);
                assert_true(r == 0 || now_ms() - start >= SHORT_MS - 1);
                assert_true(r == 0 || now_ms() - start < LATE_MS);
                client_close(&c);
        }
}

/* Runs body in a child, for what would disturb the test program. Its result, or -1 for a death. */
static int in_child(int (*body)(void))
{
        pid_t child = fork();
        int status;

        assert_true(child >= 0);
        if (child == 0)
                _exit(body());
        assert_int_equal(waitpid(child, &status, 0), child);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int exchange_without_standard_streams(void)
{
        struct client c = CLIENT_INIT;

        for (int fd = 0; fd <= 2; fd++)
                (void)close(fd);
        if (client_connect(&c, path, ENOUGH_MS) < 0)
                return 1;
        if (c.fd <= 2 || !(fcntl(c.fd, F_GETFD) & FD_CLOEXEC))
                return 2;
        /* Not as a second one beside the one asked for either. */
        for (int fd = 0; fd <= 2; fd++)
                if (fcntl(fd, F_GETFD) >= 0)
                        return 3;
        client_close(&c);
        return 0;
}

static int exchange_above_fd_setsize(void)
{
        const struct rlimit many = {4096, 4096};
        struct client c = CLIENT_INIT;
        struct wire_message request, reply;

        if (setrlimit(RLIMIT_NOFILE, &many) < 0)
                return 77;
        for (int fd = 0; fd < FD_SETSIZE + 10;)
                fd = dup(0);
        make_request(&request);
        if (client_connect(&c, path, ENOUGH_MS) < 0 || c.fd < FD_SETSIZE)
                return 1;
        if (client_send(&c, &request) < 0 || client_receive(&c, &reply) < 0)
                return 2;
        return 0;
}

static int connect_without_descriptors(void)
{
        const struct rlimit none = {0, 0};
        struct client c = CLIENT_INIT;

        if (setrlimit(RLIMIT_NOFILE, &none) < 0)
                return 77;
        return client_connect(&c, path, ENOUGH_MS) == -EMFILE && c.fd == -1 ? 0 : 1;
}

static void test_descriptors(void **state)
{
        int r;

        (void)state;
        fake = fake_daemon_start(path, NULL);
        assert_int_equal(in_child(exchange_without_standard_streams), 0);
        /* valgrind keeps this limit for itself. */
        assert_int_equal(in_child(connect_without_descriptors), valgrind_is_here() ? 77 : 0);
        r = in_child(exchange_above_fd_setsize);
        assert_true(r == 0 || r == 77);
}

#define NOBODY  65534
#define SOMEONE 12345

static int connect_as_nobody(void)
{
        struct client c = CLIENT_INIT;
        int r;

        /* The effective uid is what counts, as in a program that gave up its privileges for a
         * while. */
        if (seteuid(NOBODY) < 0)
                return 77;
        r = client_connect(&c, path, ENOUGH_MS);
        return r == 0 ? 0 : r == -EPERM && c.fd == -1 ? 1 : 2;
}

/* Who listens, and what becomes of a client of root's and one of nobody's. */
static void test_impostor(void **state)
{
        static const struct {
                uid_t listener;
                int root, nobody;
        } cases[] = {
                {0, 0, 0},
                {NOBODY, -EPERM, 0},
                {SOMEONE, -EPERM, 1},
        };

        (void)state;
        if (geteuid() != 0)
                skip();
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct client c = CLIENT_INIT;
                struct wire_message reply;

                fake = fake_daemon_stop(fake);
                fake = fake_daemon_start_as(path, NULL, cases[i].listener);
                assert_int_equal(exchange(&c, ENOUGH_MS, &reply), cases[i].root);
                client_close(&c);
                assert_int_equal(fake_daemon_requests(fake), cases[i].root == 0);
                assert_int_equal(in_child(connect_as_nobody), cases[i].nobody);
                assert_int_equal(fake_daemon_requests(fake), cases[i].root == 0);
        }
}

/* As a unit's SystemCallFilter= with SystemCallErrorNumber=EPERM does. The number is looked at and
   not the architecture: the test makes no call of another one. */
static bool forbid(long call)
{
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};

        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
               prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

static long forbidden;

static int exchange_forbidden(void)
{
        struct client c = CLIENT_INIT;
        struct wire_message reply;

        if (!forbid(forbidden))
                return 77;
        return exchange(&c, ENOUGH_MS, &reply) == -EACCES ? 0 : 1;
}

/* A call that is not permitted is no impostor: nobody is to be alarmed. */
static void test_filtered(void **state)
{
        static const long calls[] = {SYS_socket, SYS_connect, SYS_getsockopt, SYS_recvmsg};

        (void)state;
        fake = fake_daemon_start(path, NULL);
        for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
                forbidden = calls[i];
                assert_int_equal(in_child(exchange_forbidden), 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_no_sigpipe),  TEST(test_send_keeps_the_deadline),
                TEST(test_interrupted), TEST(test_descriptors),
                TEST(test_impostor),    TEST(test_filtered),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests_name("client_process", tests, make_directory,
                                           remove_directory);
}
