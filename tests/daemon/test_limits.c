#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/limits.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint8_t nonce[WIRE_NONCE_LEN];

static void put_all(struct wire_message *m, enum wire_field field, const char *const *entries)
{
        for (; *entries; entries++)
                assert_int_equal(wire_put_list(m, field, view_of(*entries)), 0);
}

/* Lists end with NULL. */
static int make(const char *const *services, const char *const *sources,
                const char *const *accounts, struct record_limits *ret, struct view *ret_bad,
                enum limits_kind *ret_kind)
{
        struct wire_message m;

        wire_init(&m, WIRE_REQUEST, WIRE_V_KEY_CREATE, nonce);
        put_all(&m, WIRE_F_LIMIT_SERVICE, services);
        put_all(&m, WIRE_F_LIMIT_SOURCE, sources);
        put_all(&m, WIRE_F_LIMIT_ACCOUNT, accounts);
        return limits_from_request(&m, ret, ret_bad, ret_kind);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_LIST   ((const char *const[]){NULL})

static struct record_limits made(const char *const *services, const char *const *sources,
                                 const char *const *accounts)
{
        struct record_limits l;
        struct view bad;
        enum limits_kind kind;

        assert_int_equal(make(services, sources, accounts, &l, &bad, &kind), 0);
        assert_true(limits_is_valid(&l));
        return l;
}

static void test_none(void **state)
{
        struct record_limits l = made(NO_LIST, NO_LIST, NO_LIST);

        (void)state;
        assert_int_equal(l.len, 0);
        for (unsigned kind = 0; kind < LIMITS_KINDS; kind++) {
                assert_int_equal(limits_count(&l, (enum limits_kind)kind), 0);
                assert_null(limits_entry(&l, (enum limits_kind)kind, 0).ptr);
                assert_true(limits_allow(&l, (enum limits_kind)kind, VIEW("anything")));
                assert_true(limits_allow(&l, (enum limits_kind)kind, VIEW_ABSENT));
        }
}

static void test_golden(void **state)
{
        static const uint8_t golden[] = "\2\0\4\0sshd\2\0su"
                                        "\1\0\12\0"
                                        "10.0.0.0/8"
                                        "\0\0";
        struct record_limits l = made(LIST("su", "sshd", "su"), LIST("10.0.0.0/8"), NO_LIST);

        (void)state;
        assert_int_equal(l.len, sizeof(golden) - 1);
        assert_memory_equal(l.bytes, golden, sizeof(golden) - 1);
}

/* The order and the number of times things were named make no difference. */
static void test_canonical(void **state)
{
        struct record_limits a =
                made(LIST("b", "a", "ab"), LIST("::1", "10.0.0.0/8", "192.0.2.1"), LIST("z", "Y"));
        struct record_limits b =
                made(LIST("ab", "b", "a", "a", "b"),
                     LIST("192.0.2.1/32", "::ffff:10.0.0.0/104", "0::1", "10.0.0.0/8"),
                     LIST("Y", "z", "Y"));

        (void)state;
        assert_int_equal(a.len, b.len);
        assert_memory_equal(a.bytes, b.bytes, sizeof(a.bytes));
        assert_int_equal(limits_count(&a, LIMITS_SERVICE), 3);
        assert_true(view_equal_str(limits_entry(&a, LIMITS_SERVICE, 0), "a"));
        assert_true(view_equal_str(limits_entry(&a, LIMITS_SERVICE, 1), "ab"));
        assert_true(view_equal_str(limits_entry(&a, LIMITS_SERVICE, 2), "b"));
        assert_null(limits_entry(&a, LIMITS_SERVICE, 3).ptr);
        assert_true(view_equal_str(limits_entry(&a, LIMITS_SOURCE, 2), "::1"));
        assert_true(view_equal_str(limits_entry(&a, LIMITS_ACCOUNT, 0), "Y"));
}

static void test_refused(void **state)
{
        static const struct {
                enum limits_kind kind;
                const char *bad;
        } cases[] = {
                {LIMITS_SERVICE, "a b"},        {LIMITS_SERVICE, "-su"},
                {LIMITS_SERVICE, "../passwd"},  {LIMITS_SERVICE, "*"},
                {LIMITS_SOURCE, "10.0.0.1/8"},  {LIMITS_SOURCE, "example.org"},
                {LIMITS_SOURCE, "10.0.0.0/33"}, {LIMITS_SOURCE, "fe80::1%eth0"},
                {LIMITS_SOURCE, "10.0.0.0/"},   {LIMITS_ACCOUNT, "-x"},
                {LIMITS_ACCOUNT, "a:b"},        {LIMITS_ACCOUNT, "12345"},
        };

        (void)state;
        for (size_t i = 0; i < COUNT(cases); i++) {
                struct record_limits l = {.len = 4711};
                struct view bad = VIEW_ABSENT;
                enum limits_kind kind = LIMITS_KINDS;
                int e = make(cases[i].kind == LIMITS_SERVICE ? LIST("sshd", cases[i].bad) : NO_LIST,
                             cases[i].kind == LIMITS_SOURCE ? LIST("::1", cases[i].bad) : NO_LIST,
                             cases[i].kind == LIMITS_ACCOUNT ? LIST("a", cases[i].bad) : NO_LIST,
                             &l, &bad, &kind);

                assert_int_equal(e, -EINVAL);
                assert_int_equal(kind, cases[i].kind);
                assert_true(view_equal_str(bad, cases[i].bad));
                assert_int_equal(l.len, 4711);
        }
        /* Empty never means any. */
        {
                struct record_limits l;
                struct view bad;
                enum limits_kind kind;

                assert_int_equal(make(LIST(""), NO_LIST, NO_LIST, &l, &bad, &kind), -EINVAL);
                assert_int_equal(kind, LIMITS_SERVICE);
        }
}

static void test_allow(void **state)
{
        struct record_limits l =
                made(LIST("sshd", "su"), LIST("10.0.0.0/8", "2001:db8::/32", "192.0.2.7"), NO_LIST);

        (void)state;
        assert_true(limits_allow(&l, LIMITS_SERVICE, VIEW("su")));
        assert_false(limits_allow(&l, LIMITS_SERVICE, VIEW("su-l")));
        assert_false(limits_allow(&l, LIMITS_SERVICE, VIEW("s")));
        assert_false(limits_allow(&l, LIMITS_SERVICE, VIEW("SU")));
        assert_false(limits_allow(&l, LIMITS_SERVICE, VIEW("")));
        assert_false(limits_allow(&l, LIMITS_SERVICE, VIEW_ABSENT));
        assert_true(limits_allow(&l, LIMITS_SOURCE, VIEW("10.255.0.1")));
        assert_true(limits_allow(&l, LIMITS_SOURCE, VIEW("::ffff:10.0.0.1")));
        assert_true(limits_allow(&l, LIMITS_SOURCE, VIEW("2001:db8:1::1")));
        assert_true(limits_allow(&l, LIMITS_SOURCE, VIEW("192.0.2.7")));
        assert_false(limits_allow(&l, LIMITS_SOURCE, VIEW("192.0.2.8")));
        assert_false(limits_allow(&l, LIMITS_SOURCE, VIEW("11.0.0.1")));
        assert_false(limits_allow(&l, LIMITS_SOURCE, VIEW("localhost")));
        assert_false(limits_allow(&l, LIMITS_SOURCE, VIEW("10.0.0.0/8")));
        assert_false(limits_allow(&l, LIMITS_SOURCE, VIEW("fe80::1%eth0")));
        assert_false(limits_allow(&l, LIMITS_SOURCE, VIEW("")));
        assert_false(limits_allow(&l, LIMITS_SOURCE, VIEW_ABSENT));
        /* A kind without a list is not limited. */
        assert_true(limits_allow(&l, LIMITS_ACCOUNT, VIEW("anybody")));
        assert_true(limits_allow(&l, LIMITS_ACCOUNT, VIEW_ABSENT));
}

/* What came out is what goes in again: one row's limits are another's request. */
static void assert_same_after_put(const struct record_limits *l)
{
        struct wire_message m;
        struct record_limits again;
        struct view bad;
        enum limits_kind kind;

        wire_init(&m, WIRE_ROW, WIRE_V_KEY_LIST, nonce);
        limits_put(l, &m);
        assert_int_equal(limits_from_request(&m, &again, &bad, &kind), 0);
        assert_int_equal(again.len, l->len);
        assert_memory_equal(again.bytes, l->bytes, l->len);
}

static void test_longest(void **state)
{
        static char service[WIRE_LIST_MAX][NAME_SERVICE_MAX + 1];
        static char account[WIRE_LIST_MAX][NAME_USER_MAX + 1];
        static char source[WIRE_LIST_MAX][64];
        struct wire_message m;
        struct record_limits l;
        struct view bad;
        enum limits_kind kind;

        (void)state;
        wire_init(&m, WIRE_REQUEST, WIRE_V_KEY_CREATE, nonce);
        for (unsigned i = 0; i < WIRE_LIST_MAX; i++) {
                memset(service[i], 'a', NAME_SERVICE_MAX);
                memset(account[i], 'b', NAME_USER_MAX);
                service[i][NAME_SERVICE_MAX - 1] = account[i][NAME_USER_MAX - 1] =
                        (char)('p' - (char)i);
                (void)snprintf(source[i], sizeof(source[i]),
                               "1111:1111:1111:1111:1111:1111:1111:11%x0/124", i);
                assert_int_equal(wire_put_list(&m, WIRE_F_LIMIT_SERVICE, view_of(service[i])), 0);
                assert_int_equal(wire_put_list(&m, WIRE_F_LIMIT_SOURCE, view_of(source[i])), 0);
                assert_int_equal(wire_put_list(&m, WIRE_F_LIMIT_ACCOUNT, view_of(account[i])), 0);
        }
        assert_int_equal(limits_from_request(&m, &l, &bad, &kind), 0);
        assert_true(limits_is_valid(&l));
        for (unsigned k = 0; k < LIMITS_KINDS; k++)
                assert_int_equal(limits_count(&l, (enum limits_kind)k), WIRE_LIST_MAX);
        for (unsigned i = 0; i < WIRE_LIST_MAX; i++) {
                assert_true(limits_allow(&l, LIMITS_SERVICE, view_of(service[i])));
                assert_true(limits_allow(&l, LIMITS_ACCOUNT, view_of(account[i])));
        }
        assert_same_after_put(&l);
}

static void assert_invalid(const void *bytes, size_t len)
{
        struct record_limits l = {.len = (uint16_t)len};

        memcpy(l.bytes, bytes, len);
        assert_false(limits_is_valid(&l));
        assert_false(limits_allow(&l, LIMITS_SERVICE, VIEW("sshd")));
        assert_false(limits_allow(&l, LIMITS_SOURCE, VIEW("10.0.0.1")));
        assert_false(limits_allow(&l, LIMITS_ACCOUNT, VIEW("alice")));
}

#define ASSERT_INVALID(literal) assert_invalid(literal, sizeof(literal) - 1)

static void test_invalid(void **state)
{
        struct record_limits l = {.len = RECORD_LIMITS_MAX + 1};

        (void)state;
        assert_false(limits_is_valid(&l));
        assert_false(limits_allow(&l, LIMITS_SERVICE, VIEW("sshd")));
        assert_int_equal(limits_count(&l, LIMITS_SERVICE), 0);
        ASSERT_INVALID("\0\0\0\0\0\0");               /* lists, and nothing in them */
        ASSERT_INVALID("\0");                         /* half a count */
        ASSERT_INVALID("\1\0\4\0sshd");               /* the others are not there */
        ASSERT_INVALID("\1\0\4\0sshd\0\0\0");         /* half of the last */
        ASSERT_INVALID("\1\0\4\0sshd\0\0\0\0\0");     /* one byte behind the end */
        ASSERT_INVALID("\1\0\5\0sshd\0\0\0\0");       /* reaches into the next count */
        ASSERT_INVALID("\2\0\2\0su\4\0sshd\0\0\0\0"); /* not sorted */
        ASSERT_INVALID("\2\0\2\0su\2\0su\0\0\0\0");   /* twice */
        ASSERT_INVALID("\1\0\0\0\0\0\0\0");           /* an empty entry */
        ASSERT_INVALID("\1\0\3\0s d\0\0\0\0");        /* no service */
        ASSERT_INVALID("\0\0\1\0\014\0"
                       "192.0.2.7/32\0\0"); /* not as it is written */
        ASSERT_INVALID("\0\0\1\0\012\0"
                       "10.0.0.1/8\0\0");    /* no network */
        ASSERT_INVALID("\0\0\0\0\1\0\1\0:"); /* no account */
        ASSERT_INVALID("\21\0\1\0a\1\0b\1\0c\1\0d\1\0e\1\0f\1\0g\1\0h\1\0i\1\0j\1\0k\1\0l\1\0m\1\0n"
                       "\1\0o\1\0p\1\0q\0\0\0\0"); /* seventeen */
}

/* Every byte changed to every value, and every length: refused, or another good set of limits with
   one encoding only. */
static void test_mutated(void **state)
{
        struct record_limits l =
                made(LIST("sshd", "su"), LIST("10.0.0.0/8", "fd00::/8"), LIST("a"));

        (void)state;
        for (uint16_t i = 0; i < l.len; i++) {
                for (unsigned value = 0; value < 256; value++) {
                        struct record_limits m = l;

                        m.bytes[i] = (uint8_t)value;
                        if (limits_is_valid(&m))
                                assert_same_after_put(&m);
                        else
                                assert_false(limits_allow(&m, LIMITS_ACCOUNT, VIEW("a")));
                }
        }
        for (uint16_t len = 1; len < l.len; len++)
                assert_invalid(l.bytes, len);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_none),      cmocka_unit_test(test_golden),
                cmocka_unit_test(test_canonical), cmocka_unit_test(test_refused),
                cmocka_unit_test(test_allow),     cmocka_unit_test(test_longest),
                cmocka_unit_test(test_invalid),   cmocka_unit_test(test_mutated),
        };

        return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
