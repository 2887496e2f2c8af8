#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cidr.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_accepted(void **state)
{
        static const struct {
                const char *text, *canonical;
                int family, bits;
        } cases[] = {
                {"10.0.0.0/8", "10.0.0.0/8", 4, 8},
                {"0.0.0.0/0", "0.0.0.0/0", 4, 0},
                {"192.0.2.7", "192.0.2.7", 4, 32},
                {"192.0.2.7/32", "192.0.2.7", 4, 32},
                {"255.255.255.254/31", "255.255.255.254/31", 4, 31},
                {"128.0.0.0/1", "128.0.0.0/1", 4, 1},
                {"::/0", "::/0", 6, 0},
                {"::", "::", 6, 128},
                {"::1", "::1", 6, 128},
                {"fd00::/8", "fd00::/8", 6, 8},
                {"FD00:0:0::/8", "fd00::/8", 6, 8},
                {"2001:DB8::1/128", "2001:db8::1", 6, 128},
                {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", 6, 128},
                {"fe80::/10", "fe80::/10", 6, 10},
                {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127",
                 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127", 6, 127},
                {"::ffff:10.1.2.3", "10.1.2.3", 4, 32},
                {"::ffff:a01:203", "10.1.2.3", 4, 32},
                {"::ffff:10.0.0.0/104", "10.0.0.0/8", 4, 8},
                {"::ffff:0:0/96", "0.0.0.0/0", 4, 0},
                {"::FFFF:192.0.2.7/128", "192.0.2.7", 4, 32},
        };
        char text[CIDR_TEXT_SIZE];
        struct cidr c, again;

        (void)state;
        for (size_t i = 0; i < COUNT(cases); i++) {
                assert_int_equal(cidr_parse(view_of(cases[i].text), &c), 0);
                assert_int_equal(c.family, cases[i].family);
                assert_int_equal(c.bits, cases[i].bits);
                cidr_format(&c, text);
                assert_string_equal(text, cases[i].canonical);
                /* Equal networks are equal bytes, also behind a v4 address. */
                assert_int_equal(cidr_parse(view_of(text), &again), 0);
                assert_memory_equal(&c, &again, sizeof(c));
                assert_int_equal(cidr_parse_address(view_of(cases[i].text), &again),
                                 strchr(cases[i].text, '/') ? -EINVAL : 0);
        }
}

static const struct {
        struct view text;
        int result;
} refused[] = {
        {{NULL, 0}, -EINVAL},
        {VIEW(""), -EINVAL},
        {VIEW("/"), -EINVAL},
        {VIEW("/8"), -EINVAL},
        {VIEW("10.0.0.0/"), -EINVAL},
        {VIEW("10.0.0.0/8/8"), -EINVAL},
        {VIEW("10.0.0.0/-1"), -EINVAL},
        {VIEW("10.0.0.0/+8"), -EINVAL},
        {VIEW("10.0.0.0/08"), -EINVAL},
        {VIEW("10.0.0.0/ 8"), -EINVAL},
        {VIEW("10.0.0.0/8 "), -EINVAL},
        {VIEW("10.0.0.0/8\n"), -EINVAL},
        {VIEW("10.0.0.0/8\0"), -EINVAL},
        {VIEW("10.0.0.0\0/8"), -EINVAL},
        {VIEW("10.0.0.0/0x8"), -EINVAL},
        {VIEW("10.0.0.0/255.0.0.0"), -EINVAL},
        {VIEW("10.0.0.0/a"), -EINVAL},
        {VIEW(" 10.0.0.0/8"), -EINVAL},
        {VIEW("10.0.0/8"), -EINVAL},
        {VIEW("10/8"), -EINVAL},
        {VIEW("167772160"), -EINVAL},
        {VIEW("0xa.0.0.0"), -EINVAL},
        {VIEW("010.0.0.0/8"), -EINVAL},
        {VIEW("10.0.0.256"), -EINVAL},
        {VIEW("10.0.0.0."), -EINVAL},
        {VIEW("1.2.3.4.5"), -EINVAL},
        {VIEW("fe80::1%eth0"), -EINVAL},
        {VIEW("fe80::%eth0/64"), -EINVAL},
        {VIEW("[::1]"), -EINVAL},
        {VIEW("::1::"), -EINVAL},
        {VIEW("12345::"), -EINVAL},
        {VIEW(":::"), -EINVAL},
        {VIEW("localhost"), -EINVAL},
        {VIEW("acme.example"), -EINVAL},
        {VIEW("\xd9\xa1.0.0.0"), -EINVAL},
        {VIEW("0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"), -EINVAL},
        {VIEW("10.0.0.0/33"), -ERANGE},
        {VIEW("10.0.0.0/128"), -ERANGE},
        {VIEW("10.0.0.0/4294967304"), -ERANGE},
        {VIEW("10.0.0.0/99999999999999999999999999"), -ERANGE},
        {VIEW("10.0.0.0/264"), -ERANGE},
        {VIEW("fd00::/129"), -ERANGE},
        {VIEW("::ffff:10.0.0.0/129"), -ERANGE},
        {VIEW("10.0.0.1/8"), -EDOM},
        {VIEW("10.0.0.1/31"), -EDOM},
        {VIEW("0.0.0.1/0"), -EDOM},
        {VIEW("128.0.0.0/0"), -EDOM},
        {VIEW("fd00::1/8"), -EDOM},
        {VIEW("fd00::1/127"), -EDOM},
        {VIEW("::ffff:10.0.0.1/104"), -EDOM},
        {VIEW("::ffff:0:0/95"), -EDOM},
        {VIEW("::ffff:0:0/80"), -EDOM},
        {VIEW("::ffff:10.0.0.0/8"), -EDOM},
};

static void test_refused(void **state)
{
        struct cidr c, untouched;

        (void)state;
        memset(&c, 0x77, sizeof(c));
        untouched = c;
        for (size_t i = 0; i < COUNT(refused); i++) {
                assert_int_equal(cidr_parse(refused[i].text, &c), refused[i].result);
                if (refused[i].result == -EINVAL)
                        assert_int_equal(cidr_parse_address(refused[i].text, &c), -EINVAL);
        }
        assert_memory_equal(&c, &untouched, sizeof(c));
}

static void test_contains(void **state)
{
        static const struct {
                const char *network, *address;
                bool inside;
        } cases[] = {
                {"10.0.0.0/8", "10.0.0.0", true},
                {"10.0.0.0/8", "10.255.255.255", true},
                {"10.0.0.0/8", "11.0.0.0", false},
                {"10.0.0.0/8", "9.255.255.255", false},
                {"10.0.0.0/8", "::ffff:10.1.2.3", true},
                {"::ffff:10.0.0.0/104", "10.1.2.3", true},
                {"10.0.0.0/9", "10.127.255.255", true},
                {"10.0.0.0/9", "10.128.0.0", false},
                {"192.0.2.6/31", "192.0.2.7", true},
                {"192.0.2.6/31", "192.0.2.8", false},
                {"192.0.2.7", "192.0.2.7", true},
                {"192.0.2.7", "192.0.2.6", false},
                {"0.0.0.0/0", "255.255.255.255", true},
                {"0.0.0.0/0", "::1", false},
                {"::/0", "1.2.3.4", false},
                {"::/0", "::ffff:1.2.3.4", false},
                {"::/0", "ffff::1", true},
                {"fd00::/8", "fdff:ffff::1", true},
                {"fd00::/8", "fc00::1", false},
                {"fe80::/10", "febf::1", true},
                {"fe80::/10", "fec0::1", false},
                {"2001:db8::/127", "2001:db8::1", true},
                {"2001:db8::/127", "2001:db8::2", false},
                {"::1", "::1", true},
                {"::1", "::2", false},
        };

        (void)state;
        for (size_t i = 0; i < COUNT(cases); i++) {
                struct cidr network, address;

                assert_int_equal(cidr_parse(view_of(cases[i].network), &network), 0);
                assert_int_equal(cidr_parse_address(view_of(cases[i].address), &address), 0);
                assert_int_equal(cidr_contains(&network, &address), cases[i].inside);
        }
}

/* Every prefix length: the last bit inside decides, the first one behind does not. */
static void test_every_prefix(void **state)
{
        (void)state;
        for (unsigned family = 4; family <= 6; family += 2) {
                unsigned all = family == 4 ? 32 : 128;

                for (unsigned bits = 0; bits <= all; bits++) {
                        struct cidr network = {.family = (uint8_t)family, .bits = (uint8_t)bits};

                        for (unsigned bit = 0; bit < all; bit++) {
                                struct cidr address = {.family = (uint8_t)family,
                                                       .bits = (uint8_t)all};

                                address.addr[bit / 8] = (uint8_t)(0x80 >> bit % 8);
                                assert_int_equal(cidr_contains(&network, &address), bit >= bits);
                        }
                }
        }
}

/* Values that no parser made contain nothing, and are formatted without harm. */
static void test_damaged_values(void **state)
{
        struct cidr good = {.family = 4, .bits = 32}, any = {.family = 4};
        static const struct cidr damaged[] = {
                {.family = 4, .bits = 33},  {.family = 4, .bits = 255}, {.family = 6, .bits = 129},
                {.family = 6, .bits = 255}, {.family = 0, .bits = 0},   {.family = 0, .bits = 128},
                {.family = 255, .bits = 0},
        };
        char text[CIDR_TEXT_SIZE];

        (void)state;
        for (size_t i = 0; i < COUNT(damaged); i++) {
                assert_false(cidr_contains(&damaged[i], &good));
                assert_false(cidr_contains(&any, &damaged[i]));
                assert_false(cidr_contains(&damaged[i], &damaged[i]));
                cidr_format(&damaged[i], text);
                assert_true(strlen(text) < sizeof(text));
        }
        /* A network is no address. */
        assert_false(cidr_contains(&any, &any));
        assert_true(cidr_contains(&any, &good));
}

static void test_rule(void **state)
{
        (void)state;
        assert_non_null(strstr(cidr_rule(), "10.0.0.0/8"));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_accepted),       cmocka_unit_test(test_refused),
                cmocka_unit_test(test_contains),       cmocka_unit_test(test_every_prefix),
                cmocka_unit_test(test_damaged_values), cmocka_unit_test(test_rule),
        };

        return cmocka_run_group_tests_name("cidr", tests, NULL, NULL);
}
