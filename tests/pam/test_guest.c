/* The module as a guest that stays for long: whatever it did, and however often, its host is as it
   was. ORGTOKEN_TRANSACTIONS says how many logins; make check-guest takes a million. */
#include <dirent.h>
#include <dlfcn.h>
#include <locale.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_modules.h>

#include "tests/support/pam_harness.h"
#include "tests/support/valgrind.h"

#define STACK                                                                                      \
        "auth required @M timeout=2000\naccount required @M timeout=2000\n"                        \
        "session required @M timeout=2000"
#define TRANSACTIONS 20000
#define WARM_UP      500
#define LOADS        1000
#define SIGNALLED    200
/* Of the whole process; what one leaked byte in each of 20000 logins would be a third of. */
#define GROWTH_KB 64
#define TEXT_ROOM 65536

extern char **environ;

/* All of a process that a module can touch. */
struct snapshot {
        char files[TEXT_ROOM];    /* each descriptor, and what it is */
        char mappings[TEXT_ROOM]; /* the files that are mapped */
        char environment[TEXT_ROOM];
        char cwd[4096], locale[256];
        struct sigaction actions[65];
        sigset_t mask;
        struct itimerval timer;
        mode_t umask;
        long threads, resident_kb;
};

static void put(char *to, const char *text)
{
        size_t len = strlen(to);

        (void)snprintf(to + len, TEXT_ROOM - len, "%s\n", text);
}

static void list_files(char *to)
{
        DIR *dir = opendir("/proc/self/fd");
        struct dirent *e;

        assert_non_null(dir);
        while ((e = readdir(dir))) {
                char target[512], line[1024];
                ssize_t n = readlinkat(dirfd(dir), e->d_name, target, sizeof(target) - 1);

                if (n < 0 || atoi(e->d_name) == dirfd(dir))
                        continue;
                target[n] = '\0';
                (void)snprintf(line, sizeof(line), "%s %s", e->d_name, target);
                put(to, line);
        }
        (void)closedir(dir);
}

/* The value behind this word in /proc/self/status. */
static long status_of(const char *word)
{
        char line[256];
        FILE *f = fopen("/proc/self/status", "re");
        long value = -1;

        assert_non_null(f);
        while (fgets(line, sizeof(line), f))
                if (strncmp(line, word, strlen(word)) == 0)
                        value = strtol(line + strlen(word), NULL, 10);
        (void)fclose(f);
        return value;
}

/* Where they lie changes with every dlopen(), which files they are does not. */
static void list_mappings(char *to)
{
        char line[1024];
        FILE *f = fopen("/proc/self/maps", "re");

        assert_non_null(f);
        while (fgets(line, sizeof(line), f)) {
                char *path = strchr(line, '/');

                if (path) {
                        path[strcspn(path, "\n")] = '\0';
                        put(to, path);
                }
        }
        (void)fclose(f);
}

/* Room for two, so that taking one takes no memory. */
static struct snapshot before, after;

static void take_snapshot(struct snapshot *s)
{
        memset(s, 0, sizeof(*s));
        list_files(s->files);
        list_mappings(s->mappings);
        for (char **e = environ; *e; e++)
                put(s->environment, *e);
        assert_non_null(getcwd(s->cwd, sizeof(s->cwd)));
        (void)snprintf(s->locale, sizeof(s->locale), "%s", setlocale(LC_ALL, NULL));
        for (int i = 1; i <= 64; i++)
                (void)sigaction(i, NULL, &s->actions[i]);
        (void)sigprocmask(SIG_BLOCK, NULL, &s->mask);
        (void)getitimer(ITIMER_REAL, &s->timer);
        s->umask = umask(0);
        (void)umask(s->umask);
        s->threads = status_of("Threads:");
        s->resident_kb = status_of("VmRSS:");
}

/* Everything but the memory. */
static void assert_same(void)
{
        assert_string_equal(before.files, after.files);
        assert_string_equal(before.mappings, after.mappings);
        assert_null(strstr(after.mappings, "pam_orgtoken"));
        assert_string_equal(before.environment, after.environment);
        assert_string_equal(before.cwd, after.cwd);
        assert_string_equal(before.locale, after.locale);
        for (int i = 1; i <= 64; i++) {
                assert_true(before.actions[i].sa_handler == after.actions[i].sa_handler);
                assert_int_equal(before.actions[i].sa_flags, after.actions[i].sa_flags);
                assert_int_equal(sigismember(&before.mask, i), sigismember(&after.mask, i));
        }
        assert_int_equal(before.timer.it_interval.tv_sec, after.timer.it_interval.tv_sec);
        assert_int_equal(before.umask, after.umask);
        assert_int_equal(before.threads, after.threads);
}

/* valgrind and the sanitizers keep memory and files of their own. */
static bool is_watched(void)
{
#ifdef __SANITIZE_ADDRESS__
        return true;
#endif
        return valgrind_is_here();
}

/* How often: under valgrind a thirtieth, where each time takes as much longer. */
static long times(long often)
{
        return valgrind_is_here() ? often / 30 : often;
}

static long transactions(void)
{
        const char *given = getenv("ORGTOKEN_TRANSACTIONS");

        return given ? strtol(given, NULL, 10) : TRANSACTIONS;
}

/* One login from its start to its end, and what must come of it. */
static void log_in(struct harness *h, const char *password, int wanted)
{
        int code;

        harness_start(h, "acme-deploy");
        harness_item(h, PAM_RUSER, "alice");
        h->password = password;
        code = pam_authenticate(h->pamh, 0);
        assert_int_equal(code, wanted);
        (void)pam_setcred(h->pamh, PAM_ESTABLISH_CRED);
        code = pam_acct_mgmt(h->pamh, 0);
        if (wanted == PAM_SUCCESS)
                assert_int_equal(code, PAM_SUCCESS);
        (void)pam_open_session(h->pamh, 0);
        (void)pam_close_session(h->pamh, 0);
        harness_end(h);
}

/* Each kind of end that a login has, in turn; every tenth is an ordinary password. */
static void log_in_often(const char *token, long count)
{
        static const struct {
                enum fake_behaviour behaviour;
                int code;
        } ends[] = {
                {FAKE_ALLOW, PAM_SUCCESS},
                {FAKE_VERDICT, PAM_AUTH_ERR},
                {FAKE_UNAVAILABLE, PAM_AUTHINFO_UNAVAIL},
                {FAKE_CLOSE_AFTER, PAM_AUTHINFO_UNAVAIL},
                {FAKE_WRONG_NONCE, PAM_SYSTEM_ERR},
        };
        const size_t kinds = sizeof(ends) / sizeof(ends[0]);

        for (size_t k = 0; k < kinds; k++) {
                const struct fake_script script = {.steps = {{.behaviour = ends[k].behaviour}}};
                struct harness *h = harness_new(&script);

                harness_stack(h, STACK);
                for (long i = 0; i < count / (long)kinds; i++) {
                        bool ordinary = i % 10 == 9;

                        if (i % 50 == 0)
                                harness_log_clear();
                        log_in(h, ordinary ? "hunter2" : token,
                               ordinary ? PAM_USER_UNKNOWN : ends[k].code);
                }
                (void)harness_free(h);
        }
}

static void test_many_logins(void **state)
{
        const char *token = harness_token(TOKEN_PAT, "acme");
        long count = is_watched() ? times(WARM_UP) : transactions();
        long grown;
        time_t started;

        (void)state;
        log_in_often(token, times(WARM_UP));
        take_snapshot(&after);
        take_snapshot(&before);
        started = time(NULL);
        log_in_often(token, count);
        take_snapshot(&after);
        grown = after.resident_kb - before.resident_kb;
        (void)printf("# %ld logins in %lld s: resident %ld kB before, %ld kB behind\n", count,
                     (long long)(time(NULL) - started), before.resident_kb, after.resident_kb);
        assert_same();
        if (!is_watched())
                assert_in_range(grown < 0 ? 0 : grown, 0, GROWTH_KB);
}

static void test_loading(void **state)
{
        void *module = dlopen(harness_module(), RTLD_NOW | RTLD_LOCAL);

        (void)state;
        assert_non_null(module);
        assert_int_equal(dlclose(module), 0);
        take_snapshot(&before);
        for (long i = times(LOADS); i > 0; i--) {
                module = dlopen(harness_module(), RTLD_NOW | RTLD_LOCAL);
                assert_non_null(module);
                assert_non_null(dlsym(module, "pam_sm_authenticate"));
                assert_int_equal(dlclose(module), 0);
        }
        take_snapshot(&after);
        if (!is_watched())
                assert_in_range(after.resident_kb - before.resident_kb + GROWTH_KB, 0,
                                2 * GROWTH_KB);
        assert_same();
}

static void on_alarm(int number)
{
        (void)number;
}

/* In a child, which a signal may end. Returns 0 where all went well. */
static int log_in_under_signals(struct harness *h, int flags)
{
        const struct itimerval every_ms = {{0, 1000}, {0, 1000}};
        struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags}, now;
        const char *token = harness_token(TOKEN_PAT, "acme");

        (void)signal(SIGPIPE, SIG_DFL);
        (void)signal(SIGCHLD, SIG_IGN);
        (void)sigaction(SIGALRM, &action, NULL);
        (void)setitimer(ITIMER_REAL, &every_ms, NULL);
        for (long i = times(SIGNALLED); i > 0; i--) {
                int code;

                harness_start(h, "alice");
                h->password = token;
                code = pam_authenticate(h->pamh, 0);
                harness_end(h);
                /* Every third connection is closed in the middle of it. */
                if (code != PAM_SUCCESS && code != PAM_AUTHINFO_UNAVAIL)
                        return 1;
        }
        if (sigaction(SIGALRM, NULL, &now) < 0 || now.sa_handler != on_alarm ||
            now.sa_flags != (flags | (now.sa_flags & ~SA_RESTART)))
                return 2;
        if (sigaction(SIGPIPE, NULL, &now) < 0 || now.sa_handler != SIG_DFL)
                return 3;
        return 0;
}

static void test_signals(void **state)
{
        static const struct fake_script scripts[] = {
                {.steps = {{.behaviour = FAKE_LATE, .delay_ms = 2}}},
                {.steps = {{.behaviour = FAKE_CLOSE}}},
                {.steps = {{.behaviour = FAKE_CLOSE_AFTER}}},
        };

        (void)state;
        for (int i = 0; i < 6; i++) {
                struct harness *h = harness_new(&scripts[i / 2]);
                int status = -1;
                pid_t child;

                harness_stack(h, "auth required @M");
                child = fork();
                if (child == 0)
                        _exit(log_in_under_signals(h, i % 2 ? SA_RESTART : 0));
                assert_true(child > 0);
                assert_int_equal(waitpid(child, &status, 0), child);
                assert_int_equal(status, 0);
                (void)harness_free(h);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_many_logins),
                cmocka_unit_test(test_loading),
                cmocka_unit_test(test_signals),
        };

        return cmocka_run_group_tests_name("pam_guest", tests, NULL, NULL);
}
