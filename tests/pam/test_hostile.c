/* What listens instead of the daemon, and what a daemon can answer: never a success, never a hang.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/pam_harness.h"

#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))
#define LINE        "auth required @M timeout=20000"
#define HEADER_BITS (WIRE_HEADER_LEN * 8)
#define NOBODY      65534

static int login_with(struct harness *h, struct fake_step step)
{
        const struct fake_script script = {.steps = {step}};
        char line[64];

        (void)snprintf(line, sizeof(line), "auth required @M %s", fake_timeout(step.behaviour));
        harness_script(h, &script);
        harness_log_clear();
        return harness_login(h, line, harness_token(TOKEN_PAT, "acme"));
}

static void test_no_answer_to_this_request(void **state)
{
        static const struct fake_step steps[] = {
                {.behaviour = FAKE_NOT_GUARDED},
                {.behaviour = FAKE_DONE_GUARDED},
                {.behaviour = FAKE_DONE},
                {.behaviour = FAKE_WRONG_NONCE},
                {.behaviour = FAKE_WRONG_VERB},
                {.behaviour = FAKE_SHORT, .length = 1},
                {.behaviour = FAKE_SHORT, .length = 4},
                {.behaviour = FAKE_SHORT, .length = 23},
                {.behaviour = FAKE_SHORT, .length = 24},
                {.behaviour = FAKE_SHORT, .length = 40},
                {.behaviour = FAKE_LONG},
                {.behaviour = FAKE_TRAILING},
                {.behaviour = FAKE_GARBAGE},
                {.behaviour = FAKE_ECHO},
                {.behaviour = FAKE_ALLOW_BAD_VERDICT, .verdict = VERDICT_EXPIRED},
                {.behaviour = FAKE_ALLOW_BAD_VERDICT, .verdict = (enum verdict)99},
                {.behaviour = FAKE_ALLOW_BARE},
                {.behaviour = FAKE_VERDICT_ALLOW},
                {.behaviour = FAKE_NOT_UNARY},
                {.behaviour = FAKE_UNKNOWN_FIELD},
                {.behaviour = FAKE_DESCRIPTOR},
        };
        struct harness *h = harness_new_alone();

        (void)state;
        for (size_t i = 0; i < COUNT(steps); i++) {
                int code = login_with(h, steps[i]);

                if (code != PAM_SYSTEM_ERR)
                        fail_msg("behaviour %d: %d", (int)steps[i].behaviour, code);
                assert_int_equal(harness_log_lines(LOG_ALERT), 1);
                assert_null(pam_getenv(h->pamh, "ORGTOKEN_ORG"));
        }
        (void)harness_free(h);
}

static void test_no_answer_at_all(void **state)
{
        static const struct fake_step steps[] = {
                {.behaviour = FAKE_UNAVAILABLE}, {.behaviour = FAKE_REFUSED},
                {.behaviour = FAKE_SILENT},      {.behaviour = FAKE_CLOSE},
                {.behaviour = FAKE_CLOSE_AFTER}, {.behaviour = FAKE_EMPTY},
                {.behaviour = FAKE_NO_ACCEPT},   {.behaviour = FAKE_LATE, .delay_ms = 400},
        };
        struct harness *h = harness_new_alone();

        (void)state;
        for (size_t i = 0; i < COUNT(steps); i++) {
                int code = login_with(h, steps[i]);

                if (code != PAM_AUTHINFO_UNAVAIL)
                        fail_msg("behaviour %d: %d", (int)steps[i].behaviour, code);
                assert_int_equal(harness_log_lines(LOG_ERR), 1);
                assert_int_equal(harness_log_lines(LOG_ALERT), 0);
        }
        (void)harness_free(h);
}

/* One bit of the header wrong, any bit: it is not the answer. */
static void test_every_bit_of_the_header(void **state)
{
        struct harness *h = harness_new_alone();

        (void)state;
        for (unsigned bit = 0; bit < HEADER_BITS; bit++)
                assert_int_equal(
                        login_with(h, (struct fake_step){.behaviour = FAKE_BIT_FLIP, .bit = bit}),
                        PAM_SYSTEM_ERR);
        (void)harness_free(h);
}

/* What was the right answer a moment ago, to the very same question, is none to this one. */
static void test_replay(void **state)
{
        const struct fake_script script = {
                .steps = {{.behaviour = FAKE_ALLOW}, {.behaviour = FAKE_REPLAY}}};
        struct harness *h = harness_new(&script);
        const char *const token = harness_token(TOKEN_PAT, "acme");

        (void)state;
        assert_int_equal(harness_login(h, LINE, token), PAM_SUCCESS);
        harness_log_clear();
        assert_int_equal(harness_login(h, LINE, token), PAM_SYSTEM_ERR);
        assert_int_equal(harness_log_lines(LOG_ALERT), 1);
        assert_null(pam_getenv(h->pamh, "ORGTOKEN_ORG"));
        (void)harness_free(h);
}

/* The first answer counts, and a second one is not waited for: here the first says no. */
static void test_twice(void **state)
{
        struct harness *h = harness_new_alone();

        (void)state;
        assert_int_equal(login_with(h, (struct fake_step){.behaviour = FAKE_TWICE}), PAM_SUCCESS);
        assert_int_equal(login_with(h, (struct fake_step){.behaviour = FAKE_NO_THEN_YES}),
                         PAM_AUTH_ERR);
        assert_null(pam_getenv(h->pamh, "ORGTOKEN_ORG"));
        (void)harness_free(h);
}

/* A daemon that is being replaced drops a connection once; one that goes on doing so is not there.
 */
static void test_reset_once(void **state)
{
        const struct fake_script once = {
                .steps = {{.behaviour = FAKE_CLOSE_AFTER}, {.behaviour = FAKE_ALLOW}}};
        struct harness *h = harness_new(&once);

        (void)state;
        assert_int_equal(harness_login(h, LINE, harness_token(TOKEN_PAT, "acme")), PAM_SUCCESS);
        assert_int_equal(harness_connections(h), 2);
        (void)harness_free(h);
}

/* Forms that the wire allows and the session's environment must not get. */
static void test_forms(void **state)
{
        static const struct fake_script scripts[] = {
                {.org = "Acme"},    {.org = "acme org"},
                {.key_id = "acme"}, {.key_id = "ak_0A1b2C3d4E5"},
                {.user = "-alice"}, {.user = "a b"},
                {.user = "1000"},
        };
        struct harness *h = harness_new_alone();

        (void)state;
        for (size_t i = 0; i < COUNT(scripts); i++) {
                harness_script(h, &scripts[i]);
                assert_int_equal(harness_login(h, LINE, harness_token(TOKEN_PAT, "acme")),
                                 PAM_SYSTEM_ERR);
        }
        (void)harness_free(h);
}

/* A socket at path; its descriptor, for the caller to close. */
static int bind_socket(const char *path, int type)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
        return fd;
}

static void test_no_socket_of_ours(void **state)
{
        struct harness *h = harness_new_alone();
        const char *const token = harness_token(TOKEN_PAT, "acme");
        struct timespec before, after;
        int fd;

        (void)state;
        (void)clock_gettime(CLOCK_MONOTONIC, &before);
        assert_int_equal(harness_login(h, LINE, token), PAM_AUTHINFO_UNAVAIL);
        assert_non_null(strstr(harness_log(), strerror(ENOENT)));
        assert_int_equal(mkfifo(h->socket, 0666), 0);
        assert_int_equal(harness_login(h, LINE, token), PAM_AUTHINFO_UNAVAIL);
        assert_int_equal(unlink(h->socket), 0);
        assert_int_equal(mkdir(h->socket, 0777), 0);
        assert_int_equal(harness_login(h, LINE, token), PAM_AUTHINFO_UNAVAIL);
        assert_int_equal(rmdir(h->socket), 0);
        assert_int_equal(symlink("/nonexistent/s", h->socket), 0);
        assert_int_equal(harness_login(h, LINE, token), PAM_AUTHINFO_UNAVAIL);
        assert_int_equal(unlink(h->socket), 0);
        assert_int_equal(symlink("s", h->socket), 0);
        assert_int_equal(harness_login(h, LINE, token), PAM_AUTHINFO_UNAVAIL);
        assert_int_equal(unlink(h->socket), 0);
        assert_int_equal(mknod(h->socket, S_IFREG | 0666, 0), 0);
        assert_int_equal(harness_login(h, LINE, token), PAM_AUTHINFO_UNAVAIL);
        assert_int_equal(unlink(h->socket), 0);
        fd = bind_socket(h->socket, SOCK_SEQPACKET);
        assert_int_equal(harness_login(h, LINE, token), PAM_AUTHINFO_UNAVAIL);
        assert_int_equal(close(fd), 0);
        assert_int_equal(unlink(h->socket), 0);
        fd = bind_socket(h->socket, SOCK_STREAM);
        assert_int_equal(listen(fd, 1), 0);
        assert_int_equal(harness_login(h, LINE, token), PAM_AUTHINFO_UNAVAIL);
        assert_int_equal(close(fd), 0);
        (void)clock_gettime(CLOCK_MONOTONIC, &after);
        assert_true(after.tv_sec - before.tv_sec < 5);
        assert_non_null(strstr(harness_log(), h->socket));
        (void)harness_free(h);
}

/* Within the deadline, and not before it: a slow daemon gets all of it. */
static void test_deadline(void **state)
{
        struct harness *h = harness_new_alone();
        struct timespec before, after;
        int64_t ms;

        (void)state;
        (void)clock_gettime(CLOCK_MONOTONIC, &before);
        assert_int_equal(login_with(h, (struct fake_step){.behaviour = FAKE_SILENT}),
                         PAM_AUTHINFO_UNAVAIL);
        (void)clock_gettime(CLOCK_MONOTONIC, &after);
        ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
        assert_in_range(ms, 99, 2000);
        (void)harness_free(h);
}

/* Somebody else's listener in the daemon's place gets not one byte. */
static void test_impostor(void **state)
{
        struct harness *h;

        (void)state;
        if (geteuid() != 0)
                skip();
        h = harness_new_alone();
        h->daemon = fake_daemon_start_as(h->socket, NULL, NOBODY);
        assert_int_equal(harness_login(h, LINE, harness_token(TOKEN_PAT, "acme")), PAM_SYSTEM_ERR);
        assert_int_equal(harness_log_lines(LOG_ALERT), 1);
        assert_int_equal(fake_daemon_requests(h->daemon), 0);
        assert_int_equal(harness_login(h, "auth required @M", "hunter2"), PAM_USER_UNKNOWN);
        (void)harness_free(h);
}

/* So that a checker of leaks finds the child's harness in use when it ends. */
static struct harness *volatile in_use;

/* A service whose user may not ask, as in a child: it cannot become root again. */
static int login_as_nobody(struct harness *h)
{
        int code;

        harness_stack(h, "auth required @M");
        harness_start(h, "alice");
        h->password = harness_token(TOKEN_PAT, "acme");
        /* Loads the module while the files can be read. */
        (void)pam_setcred(h->pamh, PAM_ESTABLISH_CRED);
        if (setresuid(NOBODY, NOBODY, NOBODY) < 0)
                return 1;
        code = pam_authenticate(h->pamh, 0);
        if (!strstr(harness_log(), "group orgtoken-verify") || !strstr(harness_log(), "uid 65534"))
                return 2;
        return code == PAM_AUTHINFO_UNAVAIL ? 0 : 3;
}

static void test_may_not_ask(void **state)
{
        struct harness *h;
        int status = 0;
        pid_t child;

        (void)state;
        if (geteuid() != 0)
                skip();
        h = harness_new(NULL);
        in_use = h;
        child = fork();
        if (child == 0)
                _exit(login_as_nobody(h));
        assert_true(child > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_int_equal(harness_connections(h), 0);
        (void)harness_free(h);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_answer_to_this_request),
                cmocka_unit_test(test_no_answer_at_all),
                cmocka_unit_test(test_every_bit_of_the_header),
                cmocka_unit_test(test_replay),
                cmocka_unit_test(test_twice),
                cmocka_unit_test(test_reset_once),
                cmocka_unit_test(test_forms),
                cmocka_unit_test(test_no_socket_of_ours),
                cmocka_unit_test(test_deadline),
                cmocka_unit_test(test_impostor),
                cmocka_unit_test(test_may_not_ask),
        };

        return cmocka_run_group_tests_name("pam_hostile", tests, NULL, NULL);
}
