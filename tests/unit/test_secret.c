#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/secret.h"

static void test_wipe(void **state)
{
        unsigned char bytes[64];

        (void)state;
        for (size_t len = 0; len <= 48; len++) {
                memset(bytes, 0xa5, sizeof(bytes));
                secret_wipe(bytes + 8, len);
                for (size_t i = 0; i < sizeof(bytes); i++)
                        assert_int_equal(bytes[i], i >= 8 && i < 8 + len ? 0 : 0xa5);
        }
        secret_wipe(NULL, 0);
}

static void test_free_string_takes_null(void **state)
{
        (void)state;
        assert_null(secret_free_string(NULL));
        assert_null(secret_free_string(strdup("")));
}

/* What free() gave back is read through /proc, since a pointer to it may not be used any more. */
static void test_free_string_wipes(void **state)
{
        static const char sample[] = "pat_4fK9aQ7bX2.sample-of-a-secret-that-must-not-stay";
        _cleanup_(close_fdp) int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
        char *s = malloc(sizeof(sample)), after[sizeof(sample)];
        uintptr_t where = (uintptr_t)s;

        (void)state;
        assert_non_null(s);
        memcpy(s, sample, sizeof(sample));
        if (fd < 0) {
                free(s);
                skip();
        }
        assert_null(secret_free_string(s));
        assert_int_equal(pread(fd, after, sizeof(after), (off_t)where), sizeof(after));
        for (size_t i = 0; i + 8 <= sizeof(sample); i++)
                assert_null(memmem(after, sizeof(after), sample + i, 8));
}

static void test_equal_sees_every_bit(void **state)
{
        unsigned char a[40], b[40];

        (void)state;
        for (size_t i = 0; i < sizeof(a); i++)
                a[i] = (unsigned char)(i * 37 + 11);
        memcpy(b, a, sizeof(a));
        for (size_t len = 0; len <= sizeof(a); len++)
                assert_true(secret_equal(a, b, len));
        for (size_t i = 0; i < sizeof(a); i++) {
                for (unsigned bit = 0; bit < 8; bit++) {
                        b[i] = (unsigned char)(a[i] ^ (1u << bit));
                        assert_false(secret_equal(a, b, sizeof(a)));
                        assert_false(secret_equal(a, b, i + 1));
                        assert_true(secret_equal(a, b, i));
                }
                b[i] = a[i];
        }
}

/* Two differences must not cancel out. */
static void test_equal_sees_pairs(void **state)
{
        unsigned char a[16] = {0}, b[16];

        (void)state;
        for (size_t i = 0; i < sizeof(a); i++) {
                for (size_t j = 0; j < sizeof(a); j++) {
                        memset(b, 0, sizeof(b));
                        b[i] = 0x55;
                        b[j] = 0x55;
                        assert_false(secret_equal(a, b, sizeof(a)));
                }
        }
        assert_true(secret_equal(NULL, NULL, 0));
}

static void test_buffer_wipes_itself(void **state)
{
        struct secret_buffer b = {.len = 3};

        (void)state;
        memset(b.bytes, 0x5a, sizeof(b.bytes));
        secret_buffer_wipe(&b);
        assert_int_equal(b.len, 0);
        for (size_t i = 0; i < sizeof(b.bytes); i++)
                assert_int_equal(b.bytes[i], 0);
        {
                _cleanup_(secret_buffer_wipe) struct secret_buffer scoped = {0};

                scoped.bytes[0] = 1;
                assert_int_equal(scoped.len, 0);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_wipe),
                cmocka_unit_test(test_free_string_takes_null),
                cmocka_unit_test(test_free_string_wipes),
                cmocka_unit_test(test_equal_sees_every_bit),
                cmocka_unit_test(test_equal_sees_pairs),
                cmocka_unit_test(test_buffer_wipes_itself),
        };

        return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
