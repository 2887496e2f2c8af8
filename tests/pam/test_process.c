/* The module as a guest in somebody else's process: descriptors, signals, threads, memory, errno.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_modules.h>

#include "tests/support/pam_harness.h"

#define LINE           "auth required @M"
#define THREADS        27
#define LOGINS         50
#define SIGNALLED      100
#define LOADS          1000
#define FDS_BELOW      1100
#define FDS_WANTED     2048
#define DESCRIPTORS    4096
#define MAPS_LINE_ROOM 512

static const char *token(void)
{
        return harness_token(TOKEN_PAT, "acme");
}

/* So that a checker of leaks finds the child's harness in use when it ends. */
static struct harness *volatile in_use;

/* Runs it in a child, which may do to itself what it likes; it returns 0 for success. */
static void in_child(struct harness *h, int (*run)(struct harness *h))
{
        int status = 0;
        pid_t child;

        in_use = h;
        child = fork();
        if (child == 0)
                _exit(run(h));
        assert_true(child > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
}

/* A handle whose modules are loaded, so that what follows is the module's own doing. */
static void start_loaded(struct harness *h)
{
        harness_stack(h, LINE);
        harness_start(h, "alice");
        h->password = token();
        (void)pam_setcred(h->pamh, PAM_ESTABLISH_CRED);
}

/* valgrind keeps descriptors and a stack of its own, which these tests would take for the module's.
 */
static bool is_under_valgrind(void)
{
        const char *preloaded = getenv("LD_PRELOAD");

        return preloaded && strstr(preloaded, "vgpreload");
}

static int with_stdio_closed(struct harness *h)
{
        start_loaded(h);
        for (int fd = 0; fd <= STDERR_FILENO; fd++)
                (void)close(fd);
        if (pam_authenticate(h->pamh, 0) != PAM_SUCCESS)
                return 1;
        for (int fd = 0; fd <= STDERR_FILENO; fd++)
                if (fcntl(fd, F_GETFD) >= 0)
                        return 2;
        return 0;
}

static void test_closed_stdio(void **state)
{
        struct harness *h = harness_new(NULL);

        (void)state;
        in_child(h, with_stdio_closed);
        assert_int_equal(fake_daemon_requests(h->daemon), 1);
        (void)harness_free(h);
}

static int with_no_descriptor_left(struct harness *h)
{
        const struct rlimit limit = {32, 32};

        start_loaded(h);
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
                return 1;
        while (dup(STDERR_FILENO) >= 0)
                ;
        /* libpam makes a code of its own of it, for want of a descriptor for the audit. */
        if (pam_authenticate(h->pamh, 0) == PAM_SUCCESS)
                return 2;
        if (!strstr(harness_log(), strerror(EMFILE)))
                return 4;
        (void)close(31);
        return pam_authenticate(h->pamh, 0) == PAM_SUCCESS ? 0 : 3;
}

static void test_no_descriptor_left(void **state)
{
        struct harness *h;

        (void)state;
        if (is_under_valgrind())
                skip();
        h = harness_new(NULL);
        in_child(h, with_no_descriptor_left);
        (void)harness_free(h);
}

static int with_high_descriptors(struct harness *h)
{
        const struct rlimit limit = {FDS_WANTED, FDS_WANTED};

        start_loaded(h);
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
                return 1;
        while (dup(STDERR_FILENO) < FDS_BELOW)
                ;
        return pam_authenticate(h->pamh, 0) == PAM_SUCCESS ? 0 : 2;
}

/* select() would write past its set here. */
static void test_descriptor_over_1024(void **state)
{
        struct rlimit now;
        struct harness *h;

        (void)state;
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
        if (now.rlim_max < FDS_WANTED || is_under_valgrind())
                skip();
        h = harness_new(NULL);
        in_child(h, with_high_descriptors);
        (void)harness_free(h);
}

static void on_alarm(int number)
{
        (void)number;
}

static int with_alarms(struct harness *h)
{
        const struct itimerval every_ms = {{0, 1000}, {0, 1000}};
        struct sigaction action = {.sa_handler = on_alarm}, after;

        (void)sigaction(SIGALRM, &action, NULL);
        (void)setitimer(ITIMER_REAL, &every_ms, NULL);
        for (int i = 0; i < SIGNALLED; i++)
                if (harness_login(h, LINE, token()) != PAM_SUCCESS)
                        return 1;
        if (sigaction(SIGALRM, NULL, &after) < 0 || after.sa_handler != on_alarm)
                return 2;
        return 0;
}

static void test_alarm_every_millisecond(void **state)
{
        const struct fake_script script = {.steps = {{.behaviour = FAKE_LATE, .delay_ms = 3}}};
        struct harness *h = harness_new(&script);

        (void)state;
        in_child(h, with_alarms);
        (void)harness_free(h);
}

static int without_random(struct harness *h)
{
        struct sock_filter filter[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        const struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

        harness_stack(h, LINE "\naccount required @M\nsession required @M");
        harness_start(h, "acme-deploy");
        harness_item(h, PAM_RUSER, "alice");
        h->password = token();
        if (pam_authenticate(h->pamh, 0) != PAM_SUCCESS)
                return 1;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
                return 0; /* a kernel without it */
        if (pam_acct_mgmt(h->pamh, 0) != PAM_AUTHINFO_UNAVAIL)
                return 2;
        if (pam_open_session(h->pamh, 0) != PAM_PERM_DENIED)
                return 3;
        return pam_authenticate(h->pamh, 0) == PAM_AUTHINFO_UNAVAIL ? 0 : 4;
}

/* Without a nonce of its own no request goes out. */
static void test_no_random_bytes(void **state)
{
        struct harness *h = harness_new(NULL);

        (void)state;
        in_child(h, without_random);
        assert_int_equal(harness_connections(h), 1);
        (void)harness_free(h);
}

/* Apache's event MPM: 27 of them. Returns the number of logins that went wrong. */
static void *log_in_often(void *data)
{
        struct harness mine = *(const struct harness *)data;
        /* Made before: harness_token() writes it anew at each call. */
        const char *typed = mine.password;
        uintptr_t wrong = 0;

        for (int i = 0; i < LOGINS; i++) {
                harness_start(&mine, "alice");
                mine.password = i % 5 == 4 ? "hunter2" : typed;
                wrong += pam_authenticate(mine.pamh, 0) !=
                         (i % 5 == 4 ? PAM_USER_UNKNOWN : PAM_SUCCESS);
                harness_end(&mine);
        }
        return (void *)wrong;
}

static void test_threads(void **state)
{
        struct harness *h = harness_new(NULL);
        pthread_t threads[THREADS];

        (void)state;
        harness_stack(h, LINE);
        h->password = token();
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, log_in_often, h), 0);
        for (int i = 0; i < THREADS; i++) {
                void *wrong = NULL;

                assert_int_equal(pthread_join(threads[i], &wrong), 0);
                assert_null(wrong);
        }
        (void)harness_free(h);
}

static int count_descriptors(void)
{
        int n = 0;

        for (int fd = 0; fd < DESCRIPTORS; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

/* Lines of /proc/self/maps with this word in them. */
static int count_maps(const char *word)
{
        char line[MAPS_LINE_ROOM];
        FILE *f = fopen("/proc/self/maps", "re");
        int n = 0;

        assert_non_null(f);
        while (fgets(line, sizeof(line), f))
                n += strstr(line, word) != NULL;
        (void)fclose(f);
        return n;
}

static void test_nothing_is_left_behind(void **state)
{
        struct harness *h = harness_new(NULL);
        int descriptors;

        (void)state;
        assert_int_equal(harness_login(h, LINE, token()), PAM_SUCCESS);
        assert_true(count_maps("pam_orgtoken") > 0);
        harness_end(h);
        descriptors = count_descriptors();
        for (int i = 0; i < LOADS; i++) {
                h->password = i % 10 ? "hunter2" : token();
                harness_start(h, "alice");
                (void)pam_authenticate(h->pamh, 0);
                harness_end(h);
        }
        assert_int_equal(count_descriptors(), descriptors);
        assert_int_equal(count_maps("pam_orgtoken"), 0);
        (void)harness_free(h);
}

static void test_loading_alone(void **state)
{
        int descriptors = count_descriptors();

        (void)state;
        for (int i = 0; i < LOADS; i++) {
                void *module = dlopen(harness_module(), RTLD_NOW | RTLD_LOCAL);

                assert_non_null(module);
                assert_int_equal(dlclose(module), 0);
        }
        assert_int_equal(count_descriptors(), descriptors);
        assert_int_equal(count_maps("pam_orgtoken"), 0);
}

typedef int entry_point(pam_handle_t *, int, int, const char **);

/* Called without libpam, which has an errno of its own doing. */
static void test_errno_is_kept(void **state)
{
        struct harness *h = harness_new_alone();
        void *module = dlopen(harness_module(), RTLD_NOW | RTLD_LOCAL);
        char socket[64];
        const char *argv[] = {socket, "timeout=100"};
        union {
                void *object;
                entry_point *function;
        } open_session;

        (void)state;
        assert_non_null(module);
        open_session.object = dlsym(module, "pam_sm_open_session");
        assert_non_null(open_session.object);
        (void)snprintf(socket, sizeof(socket), "socket=%s", h->socket);
        harness_stack(h, "session required pam_permit.so");
        harness_start(h, "acme-deploy");
        harness_item(h, PAM_RUSER, "alice");
        errno = 77;
        assert_int_equal(open_session.function(h->pamh, 0, 2, argv), PAM_PERM_DENIED);
        assert_int_equal(errno, 77);
        (void)harness_free(h);
        (void)dlclose(module);
}

#ifndef __SANITIZE_ADDRESS__

/* The token is typed from this, so that the program itself holds no copy. */
#define MASK 0x55
static char masked[TOKEN_INPUT_MAX + 1];

static int type_masked(int n, const struct pam_message **m, struct pam_response **ret, void *data)
{
        struct pam_response *r = calloc((size_t)n, sizeof(*r));

        (void)m;
        (void)data;
        if (!r)
                return PAM_BUF_ERR;
        r->resp = strdup(masked);
        for (char *c = r->resp; *c; c++)
                *c ^= MASK;
        *ret = r;
        return PAM_SUCCESS;
}

/* How often the masked bytes stand unmasked in [from, to). */
static int count_in(const char *from, const char *to, size_t offset, size_t len)
{
        int n = 0;

        for (; from + len <= to; from++) {
                size_t i = 0;

                while (i < len && (from[i] ^ MASK) == masked[offset + i])
                        i++;
                n += i == len;
        }
        return n;
}

/* In all of this process's own memory. Shared mappings are the fake daemon's record. */
static int count_in_memory(size_t offset, size_t len)
{
        char line[MAPS_LINE_ROOM], flags[8];
        FILE *f = fopen("/proc/self/maps", "re");
        unsigned long from, to;
        int n = 0;

        assert_non_null(f);
        while (fgets(line, sizeof(line), f))
                if (sscanf(line, "%lx-%lx %7s", &from, &to, flags) == 3 &&
                    strncmp(flags, "rw-p", 4) == 0 && !strstr(line, "[v"))
                        n += count_in((const char *)from, (const char *)to, offset, len);
        (void)fclose(f);
        return n;
}

static int leaves_a_token(struct harness *h)
{
        const struct pam_conv conv = {type_masked, NULL};
        const char *clear = token();
        int before;

        for (size_t i = 0; clear[i]; i++)
                masked[i] = clear[i] ^ MASK;
        harness_stack(h, LINE " debug");
        /* The harness's own copy, which is also the positive control. */
        before = count_in_memory(20, 30);
        memset((void *)(uintptr_t)clear, 'x', strlen(clear));
        if (before != 1 || count_in_memory(20, 30) != 0)
                return 1;
        if (pam_start_confdir(h->service, "alice", &conv, h->dir, &h->pamh) != PAM_SUCCESS)
                return 2;
        if (pam_authenticate(h->pamh, 0) != PAM_SUCCESS)
                return 3;
        return count_in_memory(20, 30) == 0 ? 0 : 4;
}

/* Behind an authentication no copy of the secret is anywhere, the freed heap and the stack
 * included. */
static void test_no_token_left_in_memory(void **state)
{
        struct harness *h;

        (void)state;
        if (is_under_valgrind())
                skip();
        h = harness_new(NULL);
        in_child(h, leaves_a_token);
        (void)harness_free(h);
}

#endif

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_closed_stdio),
                cmocka_unit_test(test_no_descriptor_left),
                cmocka_unit_test(test_descriptor_over_1024),
                cmocka_unit_test(test_alarm_every_millisecond),
                cmocka_unit_test(test_no_random_bytes),
                cmocka_unit_test(test_threads),
                cmocka_unit_test(test_nothing_is_left_behind),
                cmocka_unit_test(test_loading_alone),
                cmocka_unit_test(test_errno_is_kept),
#ifndef __SANITIZE_ADDRESS__
                cmocka_unit_test(test_no_token_left_in_memory),
#endif
        };

        return cmocka_run_group_tests_name("pam_process", tests, NULL, NULL);
}
