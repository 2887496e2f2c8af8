/*
 * Where records go: to a journal that is played (--wrap), which is there or not, reads or does not,
 * was restarted; and to standard error where there is none. A login waits for it once at the most,
 * and what was lost is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "common/view.h"
#include "daemon/audit.h"
#include "daemon/log.h"
#include "tests/support/captured.h"

static struct {
        int connects; /* errno of connect(); 0: there is a journal */
        int sends[4]; /* errno of each send(), in turn; 0: taken */
        unsigned connected, sent, waited;
        bool makes_room; /* while it is waited for */
        char record[16384];
        time_t now;
} journal;

int __real_connect(int fd, const struct sockaddr *address, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len)
{
        (void)fd;
        (void)len;
        assert_string_equal(((const struct sockaddr_un *)address)->sun_path, LOG_JOURNAL_SOCKET);
        journal.connected++;
        errno = journal.connects;
        return journal.connects == 0 ? 0 : -1;
}

ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags)
{
        int error = journal.sends[journal.sent++ % 4];

        assert_true(fd >= 0);
        assert_true((flags & MSG_DONTWAIT) && (flags & MSG_NOSIGNAL));
        errno = error;
        if (error != 0)
                return -1;
        assert_true(len < sizeof(journal.record));
        memcpy(journal.record, bytes, len);
        journal.record[len] = '\0';
        return (ssize_t)len;
}

int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
        if (fds->fd == STDERR_FILENO)
                return __real_poll(fds, n, timeout);
        assert_in_range(timeout, 1, 100);
        journal.waited++;
        return journal.makes_room ? 1 : 0;
}

time_t __wrap_time(time_t *ret);
time_t __wrap_time(time_t *ret)
{
        (void)ret;
        return journal.now;
}

/* What it sends: NULL where it was not taken. What it says on standard error is in *ret_said. */
static const char *write_record(const char **ret_said)
{
        const struct audit_record record = {
                .message_id = AUDIT_ID_DECISION,
                .priority = LOG_NOTICE,
                .message = VIEW("let in\nas nobody"),
                .verdict = VIEW("allow"),
                .key_id = VIEW("org_ak_123456"),
                .caller_uid = 33,
                .caller_pid = 4,
        };

        journal.sent = journal.waited = journal.connected = 0;
        journal.record[0] = '\0';
        captured_begin();
        audit_write(&record);
        *ret_said = captured_end();
        return journal.record[0] ? journal.record : NULL;
}

static void assert_sent(const char *record)
{
        assert_non_null(record);
        assert_non_null(strstr(record, "MESSAGE_ID=" AUDIT_ID_DECISION "\nPRIORITY=5\n"));
        assert_non_null(
                strstr(record, "\nORGTOKEN_VERDICT=allow\nORGTOKEN_KEY_ID=org_ak_123456\n"));
        assert_non_null(strstr(record, "\nORGTOKEN_CALLER_UID=33\nORGTOKEN_CALLER_PID=4\n"));
        /* One line: nobody's text begins a field of its own. */
        assert_null(strstr(record, "\nas nobody"));
}

static int setup(void **state)
{
        (void)state;
        memset(&journal, 0, sizeof(journal));
        return 0;
}

/* In this order: the connection is one for the process. */

static void test_absent(void **state)
{
        const char *said;

        (void)state;
        journal.now = 1000;
        journal.connects = ENOENT;
        assert_null(write_record(&said));
        assert_int_equal(journal.connected, 1);
        assert_non_null(strstr(said, "verdict=allow key_id=org_ak_123456 caller_uid=33]"));
        /* Not looked for again in the same second. */
        assert_null(write_record(&said));
        assert_int_equal(journal.connected, 0);
        assert_non_null(strstr(said, "verdict=allow"));
        journal.now++;
        assert_null(write_record(&said));
        assert_int_equal(journal.connected, 1);
}

static void test_there(void **state)
{
        const char *said, *record;

        (void)state;
        journal.now = 2000;
        record = write_record(&said);
        assert_sent(record);
        assert_null(strstr(record, "LOST"));
        assert_string_equal(said, "");
        assert_int_equal(journal.connected, 1);
        assert_sent(write_record(&said));
        assert_int_equal(journal.connected, 0);
}

/* It does not read for a moment. */
static void test_busy(void **state)
{
        const char *said;

        (void)state;
        journal.sends[0] = EAGAIN;
        journal.makes_room = true;
        assert_sent(write_record(&said));
        assert_int_equal(journal.waited, 1);
        assert_string_equal(said, "");
}

/* It does not read at all: waited for once, not by each login; and told once it does. */
static void test_stuck(void **state)
{
        const char *said, *record;

        (void)state;
        for (size_t i = 0; i < 4; i++)
                journal.sends[i] = EAGAIN;
        assert_null(write_record(&said));
        assert_int_equal(journal.waited, 1);
        assert_string_equal(said, "");
        assert_null(write_record(&said));
        assert_int_equal(journal.waited, 0);
        /* Room for a moment, taken by somebody else. */
        journal.makes_room = true;
        memset(journal.sends, 0, sizeof(journal.sends));
        record = write_record(&said);
        assert_sent(record);
        assert_non_null(strstr(record, "\nORGTOKEN_LOST_RECORDS=2\n"));
        record = write_record(&said);
        assert_sent(record);
        assert_null(strstr(record, "LOST"));
        journal.sends[0] = journal.sends[1] = EAGAIN;
        assert_null(write_record(&said));
        journal.sends[0] = journal.sends[1] = 0;
        assert_non_null(strstr(write_record(&said), "\nORGTOKEN_LOST_RECORDS=1\n"));
        /* One that it never takes. */
        journal.sends[0] = EMSGSIZE;
        assert_null(write_record(&said));
        assert_string_equal(said, "");
        journal.sends[0] = 0;
        assert_non_null(strstr(write_record(&said), "\nORGTOKEN_LOST_RECORDS=1\n"));
}

/* It listens on a new socket: connected anew, and the record is not lost. */
static void test_restarted(void **state)
{
        const char *said;

        (void)state;
        journal.now = 3000;
        journal.sends[0] = ECONNREFUSED;
        assert_sent(write_record(&said));
        assert_int_equal(journal.connected, 1);
        assert_string_equal(said, "");
        /* It is gone: the record goes to standard error. */
        journal.sends[0] = ECONNREFUSED;
        journal.connects = ENOENT;
        assert_null(write_record(&said));
        assert_non_null(strstr(said, "verdict=allow"));
}

/* Texts are cut, and every field is there. */
static void test_too_long(void **state)
{
        static char text[9000];
        const char *said;
        struct audit_record record;

        (void)state;
        /* Words: a long one would be taken for a secret. */
        for (size_t i = 0; i < sizeof(text) - 1; i++)
                text[i] = i % 2 ? ' ' : 'x';
        record = (struct audit_record){.priority = LOG_ERR,
                                       .caller_uid = -1,
                                       .message = view_of(text),
                                       .org = view_of(text),
                                       .user = view_of(text),
                                       .account = view_of(text),
                                       .service = view_of(text),
                                       .source = view_of(text),
                                       .actor = view_of(text),
                                       .reason = view_of(text),
                                       .reference = view_of(text),
                                       .tty = view_of(text)};
        journal.now = 4000;
        audit_write(&record);
        assert_true(strlen(journal.record) < 8192);
        assert_int_equal(journal.record[strlen(journal.record) - 1], '\n');
        assert_non_null(strstr(journal.record, "MESSAGE_ID=" AUDIT_ID_STORE "\n"));
        assert_non_null(strstr(journal.record, "\nORGTOKEN_TTY=x"));
        journal.sends[1] = ECONNREFUSED;
        journal.sends[2] = ECONNREFUSED;
        captured_begin();
        audit_write(&record);
        said = captured_end();
        assert_non_null(strstr(said, "org=x"));
        assert_int_equal(strlen(said), 2047);
}

/* A line for standard error is never longer than one write, and never waits for its reader. */
static void test_line(void **state)
{
        static char text[4000];
        const char *said;
        int pipes[2], saved = dup(STDERR_FILENO);
        size_t full = 0;

        (void)state;
        memset(text, 'y', sizeof(text) - 1);
        captured_begin();
        log_line(LOG_ERR, "%s", text);
        said = captured_end();
        assert_int_equal(strlen(said), 2047);
        assert_int_equal(said[2046], '\n');
        assert_int_equal(pipe(pipes), 0);
        assert_true(saved >= 0);
        assert_true(dup2(pipes[1], STDERR_FILENO) >= 0);
        errno = 77;
        for (; full < 40; full++)
                log_line(LOG_ERR, "%s", text);
        assert_true(dup2(saved, STDERR_FILENO) >= 0);
        assert_int_equal(errno, 77);
        (void)close(saved);
        (void)close(pipes[0]);
        (void)close(pipes[1]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
        const struct CMUnitTest tests[] = {
                TEST(test_absent),    TEST(test_there),    TEST(test_busy), TEST(test_stuck),
                TEST(test_restarted), TEST(test_too_long), TEST(test_line),
        };

        return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
