#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/token.h"
#include "daemon/keyhash.h"

/* Expected values were computed with Python's hmac and hashlib. */

static struct keyhash *new_key(uint8_t first)
{
        uint8_t key[KEYHASH_KEY_LEN];
        struct keyhash *k = NULL;

        for (unsigned i = 0; i < sizeof(key); i++)
                key[i] = (uint8_t)(first + i);
        assert_int_equal(keyhash_new(key, &k), 0);
        return k;
}

static void assert_hex(const uint8_t *bytes, const char *hex)
{
        static const char digits[] = "0123456789abcdef";

        for (unsigned i = 0; i < KEYHASH_LEN; i++) {
                assert_int_equal(digits[bytes[i] >> 4], hex[2 * i]);
                assert_int_equal(digits[bytes[i] & 15], hex[2 * i + 1]);
        }
}

static void test_init(void **state)
{
        (void)state;
        assert_int_equal(keyhash_init(), 0);
        assert_int_equal(keyhash_init(), 0);
        assert_null(keyhash_free(NULL));
}

static void test_fingerprint(void **state)
{
        struct keyhash *a = new_key(0), *b = new_key(0), *other = new_key(1);

        (void)state;
        assert_true(keyhash_fingerprint(a) == INT64_C(6055871128255267532));
        assert_true(keyhash_fingerprint(a) == keyhash_fingerprint(b));
        assert_true(keyhash_fingerprint(a) != keyhash_fingerprint(other));
        for (uint8_t i = 0; i < 200; i++) {
                struct keyhash *k = new_key(i);

                assert_true(keyhash_fingerprint(k) > 0);
                (void)keyhash_free(k);
        }
        (void)keyhash_free(a);
        (void)keyhash_free(b);
        (void)keyhash_free(other);
}

static void test_mac(void **state)
{
        struct keyhash *k = new_key(0), *other = new_key(1);
        uint8_t a[KEYHASH_LEN], b[KEYHASH_LEN];

        (void)state;
        keyhash_mac(k, "row-org", VIEW("hello"), a);
        assert_hex(a, "a3d585c8ce1880f8efe0e41167a606f5f909b78184d1599b50efaea8703249ff");
        keyhash_mac(k, "", VIEW_ABSENT, b);
        assert_hex(b, "8983906fb499ae8f20fb38ec558a569075d585cc49ad4b18023c14f3149dbe0d");
        keyhash_mac(other, "row-org", VIEW("hello"), b);
        assert_memory_not_equal(a, b, sizeof(a));
        keyhash_mac(k, "row-orgh", VIEW("ello"), b);
        assert_memory_not_equal(a, b, sizeof(a));
        keyhash_mac(k, "row-or", VIEW("ghello"), b);
        assert_memory_not_equal(a, b, sizeof(a));
        keyhash_mac(k, "row-org", VIEW("hello\0"), b);
        assert_memory_not_equal(a, b, sizeof(a));
        (void)keyhash_free(k);
        (void)keyhash_free(other);
}

/* Made with Python's hashlib. */
static void test_ticket(void **state)
{
        struct keyhash *k = new_key(0), *other = new_key(1);
        uint8_t a[KEYHASH_LEN], b[KEYHASH_LEN];

        (void)state;
        keyhash_ticket(k, VIEW("hello"), a);
        assert_hex(a, "171ec36bf0164b1520a3092940f5d2ea1072f8130f53662f6399d75cbf957b5a");
        keyhash_ticket(k, VIEW_ABSENT, b);
        assert_hex(b, "fb4321a88ae73f0d5640c6622e80b8fa54fa84f226a848cb7aec7ffb9509560b");
        keyhash_ticket(other, VIEW("hello"), b);
        assert_memory_not_equal(a, b, sizeof(a));
        keyhash_ticket(k, VIEW("hello\0"), b);
        assert_memory_not_equal(a, b, sizeof(a));
        (void)keyhash_free(k);
        (void)keyhash_free(other);
}

static void test_proof(void **state)
{
        uint8_t a[KEYHASH_LEN], b[KEYHASH_LEN];

        (void)state;
        keyhash_proof(VIEW("claims"), VIEW("secret"), a);
        assert_hex(a, "b6ac1efb32847f2c580b1b5288ff19edf16f4494e68ede61e9e9f75bd569d891");
        keyhash_proof(VIEW("claimss"), VIEW("ecret"), b);
        assert_memory_not_equal(a, b, sizeof(a));
        keyhash_proof(VIEW_ABSENT, VIEW(""), b);
        assert_hex(b, "e02b510209125b31e66542567f753ca618732108a1516af2c126e84b3b1d123a");
}

/* Once made, a key is never written to: who tries does not come back. */
static void test_read_only(void **state)
{
        struct keyhash *k = new_key(0);
        int status = 0;
        pid_t child = fork();

        (void)state;
        assert_true(child >= 0);
        if (child == 0) {
                /* cmocka's handler would go on with the next test, in the child. */
                (void)signal(SIGSEGV, SIG_DFL);
                *(volatile uint8_t *)k = 1;
                _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        (void)keyhash_free(k);
}

static void test_copied(void **state)
{
        uint8_t key[KEYHASH_KEY_LEN] = {1, 2, 3};
        struct keyhash *k = NULL;
        int64_t before;

        (void)state;
        assert_int_equal(keyhash_new(key, &k), 0);
        before = keyhash_fingerprint(k);
        memset(key, 0, sizeof(key));
        assert_true(keyhash_fingerprint(k) == before);
        (void)keyhash_free(k);
}

static void test_random_below(void **state)
{
        unsigned seen[10] = {0}, high = 0;

        (void)state;
        assert_true(keyhash_random_below(0) == 0);
        assert_true(keyhash_random_below(1) == 0);
        for (unsigned i = 0; i < 100000; i++) {
                uint64_t n = keyhash_random_below(10);

                assert_true(n < 10);
                seen[n]++;
        }
        /* Ten standard deviations: a good source fails once in 10^22 runs. */
        for (unsigned i = 0; i < 10; i++)
                assert_in_range(seen[i], 9000, 11000);
        /* Where a plain modulo would take the lower half twice as often. */
        for (unsigned i = 0; i < 100000; i++) {
                uint64_t n = keyhash_random_below((UINT64_MAX / 3) * 2 + 1);

                assert_true(n < (UINT64_MAX / 3) * 2 + 1);
                high += n >= UINT64_MAX / 3;
        }
        assert_in_range(high, 48400, 51600);
        for (unsigned i = 0; i < 1000; i++)
                assert_true(keyhash_random_below(TOKEN_ID_LIMIT) < (uint64_t)TOKEN_ID_LIMIT);
}

static void test_random_text(void **state)
{
        static char text[620000];
        unsigned seen[TOKEN_BASE] = {0};
        char exact[12];

        (void)state;
        keyhash_random_text(text, sizeof(text));
        for (size_t i = 0; i < sizeof(text); i++) {
                int value = token_digit(text[i]);

                assert_true(value >= 0);
                seen[value]++;
        }
        for (unsigned i = 0; i < TOKEN_BASE; i++)
                assert_in_range(seen[i], 9000, 11000);
        memset(exact, '!', sizeof(exact));
        keyhash_random_text(exact + 1, 10);
        assert_int_equal(exact[0], '!');
        assert_int_equal(exact[11], '!');
        assert_null(memchr(exact + 1, '!', 10));
        keyhash_random_text(exact, 0);
        assert_int_equal(exact[0], '!');
}

static void test_random(void **state)
{
        uint8_t a[32] = {0}, b[32] = {0};

        (void)state;
        keyhash_random(a, sizeof(a));
        keyhash_random(b, sizeof(b));
        assert_memory_not_equal(a, b, sizeof(a));
        keyhash_random(a, 0);
}

static int init(void **state)
{
        (void)state;
        return keyhash_init();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_init),        cmocka_unit_test(test_fingerprint),
                cmocka_unit_test(test_mac),         cmocka_unit_test(test_ticket),
                cmocka_unit_test(test_proof),       cmocka_unit_test(test_read_only),
                cmocka_unit_test(test_copied),      cmocka_unit_test(test_random_below),
                cmocka_unit_test(test_random_text), cmocka_unit_test(test_random),
        };

        return cmocka_run_group_tests_name("keyhash", tests, init, NULL);
}
