/* Every allocation fails once, libpam's own among them: never a success that is not one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/pam_harness.h"

#define MOST 2000

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

/* Allocations until one fails; none does where it is 0 or below. */
static atomic_long left;

static bool fails(void)
{
        return atomic_load(&left) > 0 && atomic_fetch_sub(&left, 1) == 1;
}

__attribute__((visibility("default"))) void *malloc(size_t size)
{
        return fails() ? NULL : __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t size)
{
        return fails() ? NULL : __libc_calloc(n, size);
}

__attribute__((visibility("default"))) void *realloc(void *p, size_t size)
{
        return fails() ? NULL : __libc_realloc(p, size);
}

/* Authenticates with the n-th allocation failing. True where all of them were had. */
static bool login_with_failing(struct harness *h, long n, int *ret_code)
{
        bool all;

        harness_start(h, "alice");
        h->password = harness_token(TOKEN_PAT, "acme");
        atomic_store(&left, n);
        *ret_code = pam_authenticate(h->pamh, 0);
        all = atomic_load(&left) > 0;
        atomic_store(&left, 0);
        return all;
}

/* Beside a module that says yes, where a PAM_IGNORE of ours would be a way in. */
static void test_refused(void **state)
{
        const struct fake_script script = {.steps = {{.behaviour = FAKE_VERDICT}}};
        struct harness *h = harness_new(&script);
        bool all = false;
        int code;

        (void)state;
        harness_stack(h, "auth required pam_permit.so\nauth required @M");
        for (long n = 1; n < MOST && !all; n++) {
                all = login_with_failing(h, n, &code);
                assert_int_not_equal(code, PAM_SUCCESS);
        }
        assert_true(all);
        assert_int_equal(code, PAM_AUTH_ERR);
        (void)harness_free(h);
}

/* A success with one of them missing is a whole one: with its memo and its variables. */
static void test_allowed(void **state)
{
        struct harness *h = harness_new(&(struct fake_script){.user = "alice"});
        bool all = false;
        unsigned asked;
        int code;

        (void)state;
        harness_stack(h, "auth required @M\naccount required @M");
        for (long n = 1; n < MOST && !all; n++) {
                harness_log_clear();
                all = login_with_failing(h, n, &code);
                asked = harness_connections(h);
                if (code == PAM_SUCCESS) {
                        assert_non_null(pam_getenv(h->pamh, "ORGTOKEN_ORG"));
                        assert_non_null(pam_getenv(h->pamh, "ORGTOKEN_KEY_ID"));
                        assert_non_null(pam_getenv(h->pamh, "ORGTOKEN_USER"));
                        assert_int_equal(pam_acct_mgmt(h->pamh, 0), PAM_SUCCESS);
                        assert_int_equal(harness_connections(h), asked + 1);
                } else if (!strstr(harness_log(), "token accepted")) {
                        /* The module's own failure, and not libpam's behind it. */
                        assert_null(pam_getenv(h->pamh, "ORGTOKEN_USER"));
                        assert_int_equal(pam_acct_mgmt(h->pamh, 0), PAM_PERM_DENIED);
                        assert_int_equal(harness_connections(h), asked);
                }
        }
        assert_true(all);
        assert_int_equal(code, PAM_SUCCESS);
        (void)harness_free(h);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_allowed),
        };

        return cmocka_run_group_tests_name("pam_memory", tests, NULL, NULL);
}
