/* The module in a process that has next to nothing: a small stack, no memory to be had, no process,
 * no file to be written (SECURITY: FD). It says no where it must, and never falls over. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/pam_harness.h"

#define LINE        "auth required @M"
#define SMALL_STACK (64 * 1024)
#define STEP        (64 * 1024)
#define STEPS       24

static const char *token(void)
{
        return harness_token(TOKEN_PAT, "acme");
}

/* A login with that limit in force, in a child: PAM's answer. What came before it, loading and
   parsing the stack, is the application's own need. */
static int login_under(struct harness *h, unsigned int resource, rlim_t soft)
{
        struct rlimit limit = {soft, soft};
        int status = 0;
        pid_t child = fork();

        if (child == 0) {
                harness_stack(h, LINE);
                h->password = token();
                harness_start(h, "alice");
                /* Loaded, and its symbols found. */
                if (pam_authenticate(h->pamh, 0) != PAM_SUCCESS || setrlimit(resource, &limit) < 0)
                        _exit(100);
                _exit(pam_authenticate(h->pamh, 0));
        }
        assert_true(child > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void test_limits_of_no_concern(void **state)
{
        static const unsigned int resources[] = {
                RLIMIT_NPROC,      RLIMIT_FSIZE,    RLIMIT_CORE,  RLIMIT_MEMLOCK, RLIMIT_NICE,
                RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE, RLIMIT_STACK, RLIMIT_LOCKS,   RLIMIT_RTPRIO};
        struct harness *h = harness_new(NULL);

        (void)state;
        for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++)
                assert_int_equal(login_under(h, resources[i],
                                             resources[i] == RLIMIT_STACK ? SMALL_STACK : 0),
                                 PAM_SUCCESS);
        (void)harness_free(h);
}

#ifndef __SANITIZE_ADDRESS__
static rlim_t address_space(void)
{
        unsigned long pages = 0;
        FILE *f = fopen("/proc/self/statm", "re");

        assert_non_null(f);
        assert_int_equal(fscanf(f, "%lu", &pages), 1);
        (void)fclose(f);
        return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* Whatever the amount that is left: a yes, or a no. */
static void test_no_memory(void **state)
{
        struct harness *h = harness_new(NULL);
        unsigned yes = 0;

        (void)state;
        for (int i = 0; i < STEPS; i++) {
                int r = login_under(h, RLIMIT_AS, address_space() + (rlim_t)i * STEP);

                assert_int_not_equal(r, PAM_IGNORE);
                yes += r == PAM_SUCCESS;
        }
        assert_true(yes > 0);
        (void)harness_free(h);
}

static void *login_here(void *data)
{
        struct harness *h = data;

        return (void *)(intptr_t)harness_login(h, LINE, token());
}

/* A thread of an application that is thrifty with stacks; libpam's own share is in it. */
static void test_small_stack(void **state)
{
        struct harness *h = harness_new(NULL);
        pthread_attr_t attributes;
        pthread_t thread;
        void *r = NULL;

        (void)state;
        assert_int_equal(pthread_attr_init(&attributes), 0);
        assert_int_equal(pthread_attr_setstacksize(&attributes, SMALL_STACK), 0);
        assert_int_equal(pthread_create(&thread, &attributes, login_here, h), 0);
        assert_int_equal(pthread_join(thread, &r), 0);
        assert_int_equal((int)(intptr_t)r, PAM_SUCCESS);
        (void)pthread_attr_destroy(&attributes);
        (void)harness_free(h);
}
#endif

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_limits_of_no_concern),
#ifndef __SANITIZE_ADDRESS__
                cmocka_unit_test(test_no_memory),
                cmocka_unit_test(test_small_stack),
#endif
        };
        const char *preload = getenv("LD_PRELOAD");

        /* valgrind needs memory and stacks of its own. */
        if (preload && strstr(preload, "vgpreload"))
                return 0;
        return cmocka_run_group_tests_name("pam_resources", tests, NULL, NULL);
}
