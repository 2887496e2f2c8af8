#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/name.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BIG          100000

/* The ASCII kinds, each with the same rule in another language, and one name that is too good. */
static const struct {
        bool (*accepts)(struct view v);
        const char *regex;
        const char *refused; /* matches the expression and is refused all the same, or NULL */
        size_t max;
        char sample;
} kinds[] = {
        {name_is_org, "^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$", NULL, 32, 'x'},
        {name_is_user, "^[A-Za-z0-9._@$][A-Za-z0-9._@+$-]{0,63}$", "^([0-9]+|[.]|[.][.])$", 64,
         'x'},
        {name_is_service, "^[A-Za-z0-9_@+][A-Za-z0-9._@+-]{0,63}$", NULL, 64, 'x'},
};

static uint64_t random_state = 0x2545f4914f6cdd1d;

static unsigned draw(unsigned below)
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (unsigned)(random_state >> 33) % below;
}

static bool matches(const regex_t *regex, struct view v)
{
        regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)v.len};
        char copy[256] = ""; /* ended by a NUL, which AddressSanitizer's regexec() looks for */

        assert_true(v.len < sizeof(copy));
        memcpy(copy, v.ptr, v.len);
        return regexec(regex, copy, 1, &range, REG_STARTEND) == 0;
}

static void check_against(size_t kind, const regex_t *good, const regex_t *bad, struct view v)
{
        bool expected = matches(good, v) && !(bad && matches(bad, v));

        assert_int_equal(kinds[kind].accepts(v), expected);
}

/* Every byte in first, middle and last place of names of one to five bytes, every length, and
   random names of the characters that matter. */
static void check_kind(size_t kind)
{
        static const char spice[] = "aZz09.._@+$---/ \n\0\x7f\xc3\xa9:";
        regex_t good, bad, *refused = kinds[kind].refused ? &bad : NULL;
        char text[200];

        assert_int_equal(regcomp(&good, kinds[kind].regex, REG_EXTENDED | REG_NOSUB), 0);
        if (refused)
                assert_int_equal(regcomp(&bad, kinds[kind].refused, REG_EXTENDED | REG_NOSUB), 0);
        for (size_t len = 1; len <= 5; len++) {
                for (size_t at = 0; at < len; at++) {
                        for (unsigned c = 0; c < 256; c++) {
                                memset(text, kinds[kind].sample, len);
                                text[at] = (char)c;
                                check_against(kind, &good, refused, (struct view){text, len});
                                memset(text, '5', len);
                                text[at] = (char)c;
                                check_against(kind, &good, refused, (struct view){text, len});
                        }
                }
        }
        memset(text, kinds[kind].sample, sizeof(text));
        for (size_t len = 0; len <= sizeof(text); len++)
                assert_int_equal(kinds[kind].accepts((struct view){text, len}),
                                 len >= 1 && len <= kinds[kind].max);
        for (unsigned round = 0; round < 100000; round++) {
                size_t len = draw(round % 16 ? 6 : 80);

                for (size_t i = 0; i < len; i++)
                        text[i] = draw(3) ? spice[draw(sizeof(spice) - 1)] : (char)draw(256);
                check_against(kind, &good, refused, (struct view){text, len});
        }
        assert_false(kinds[kind].accepts(VIEW_ABSENT));
        regfree(&good);
        if (refused)
                regfree(refused);
}

static void test_ascii_kinds(void **state)
{
        (void)state;
        for (size_t kind = 0; kind < COUNT(kinds); kind++)
                check_kind(kind);
}

static void test_examples(void **state)
{
        (void)state;
        assert_true(name_is_org(VIEW("a")) && name_is_org(VIEW("acme")));
        assert_true(name_is_org(VIEW("a--b-9")) && name_is_org(VIEW("x1")));
        assert_false(name_is_org(VIEW("acme-")) || name_is_org(VIEW("9x")));
        assert_false(name_is_org(VIEW("Acme")) || name_is_org(VIEW("-a")));
        assert_true(name_is_user(VIEW("alice")) && name_is_user(VIEW("host$")));
        assert_true(name_is_user(VIEW("alice@example.org")) && name_is_user(VIEW("a+b")));
        assert_true(name_is_user(VIEW("1a")) && name_is_user(VIEW("...")));
        assert_false(name_is_user(VIEW("1000")) || name_is_user(VIEW("-x")));
        assert_false(name_is_user(VIEW("..")) || name_is_user(VIEW(".")));
        assert_false(name_is_user(VIEW("+x")) || name_is_user(VIEW("a b")));
        assert_false(name_is_user(VIEW("DOM\\user")) || name_is_user(VIEW("a/b")));
        assert_true(name_is_service(VIEW("sudo-i")) && name_is_service(VIEW("systemd-user")));
        assert_false(name_is_service(VIEW("../sshd")) || name_is_service(VIEW(".x")));
        assert_false(name_is_service(VIEW("-x")) || name_is_service(VIEW("a$")));
}

static void test_items(void **state)
{
        char text[300];

        (void)state;
        for (unsigned c = 0; c < 256; c++) {
                bool good = c >= 0x20 && c != 0x7f;

                for (size_t at = 0; at < 3; at++) {
                        memset(text, 'x', 3);
                        text[at] = (char)c;
                        assert_int_equal(name_is_item((struct view){text, 3}), good);
                }
        }
        memset(text, 'x', sizeof(text));
        for (size_t len = 0; len <= sizeof(text); len++)
                assert_int_equal(name_is_item((struct view){text, len}), len >= 1 && len <= 255);
        assert_false(name_is_item(VIEW_ABSENT));
}

static const struct {
        struct view text;
        bool good;
} labels[] = {
        {VIEW("ci"), true},
        {VIEW(" ci deploy "), true},
        {VIEW("\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87 \xe2\x84\x96 1"), true},
        {VIEW("\xf0\x9f\x94\x91"), true},
        {VIEW("e\xcc\x81"), true},
        {VIEW("<script>\"'&;$(rm -rf)"), true},
        {VIEW("\xc2\xa0x"), true},
        {VIEW("\xee\x80\x80"), true},
        {VIEW(""), false},
        {VIEW(" "), false},
        {VIEW("   "), false},
        {VIEW("\xc2\xa0"), false},
        {VIEW("\xe3\x80\x80 \xe2\x80\x83"), false},
        {VIEW("\xe2\xa0\x80"), false},
        {VIEW("a\tb"), false},
        {VIEW("a\nb"), false},
        {VIEW("a\r"), false},
        {VIEW("a\0b"), false},
        {VIEW("a\0"), false},
        {VIEW("a\x1b[31m"), false},
        {VIEW("a\x7f"), false},
        {VIEW("a\xc2\x85"), false},
        {VIEW("a\xc2\xad"), false},
        {VIEW("a\xe2\x80\x8b"), false},
        {VIEW("a\xe2\x80\x8d"), false},
        {VIEW("a\xe2\x80\x8e"), false},
        {VIEW("a\xe2\x80\xa8"), false},
        {VIEW("a\xe2\x80\xa9"), false},
        {VIEW("a\xe2\x80\xae"), false},
        {VIEW("a\xe2\x81\xa6"), false},
        {VIEW("a\xd8\x9c"), false},
        {VIEW("a\xef\xbb\xbf"), false},
        {VIEW("\xef\xbb\xbf"
              "a"),
         false},
        {VIEW("a\xe3\x85\xa4"), false},
        {VIEW("a\xf3\xa0\x81\x81"), false},
        {VIEW("a\xef\xbf\xbe"), false},
        {VIEW("a\xef\xb7\x90"), false},
        {VIEW("a\xf4\x8f\xbf\xbf"), false},
        {VIEW("a\xed\xa0\x80"), false},
        {VIEW("a\xed\xbf\xbf"), false},
        {VIEW("a\xc0\xaf"), false},
        {VIEW("a\xe0\x80\xaf"), false},
        {VIEW("a\xf0\x80\x80\xaf"), false},
        {VIEW("a\xf4\x90\x80\x80"), false},
        {VIEW("a\xf8\x88\x80\x80\x80"), false},
        {VIEW("a\xff"), false},
        {VIEW("a\x80"), false},
        {VIEW("a\xc3"), false},
        {VIEW("a\xe2\x82"), false},
        {VIEW("a\xf0\x9f\x94"), false},
        {VIEW("\xc3"
              "a"),
         false},
};

static void test_labels(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(labels); i++)
                assert_int_equal(name_is_label(labels[i].text), labels[i].good);
        assert_false(name_is_label(VIEW_ABSENT));
}

/* Characters are counted, not bytes: a hundred of each length, and one more. */
static void test_label_length(void **state)
{
        static const struct view characters[] = {
                VIEW("x"),
                VIEW("\xc3\xa9"),
                VIEW("\xe2\x82\xac"),
                VIEW("\xf0\x9f\x94\x91"),
        };
        _cleanup_(freep) char *text = malloc(BIG);

        (void)state;
        assert_non_null(text);
        for (size_t i = 0; i < COUNT(characters); i++) {
                size_t len = characters[i].len;

                for (size_t at = 0; at + len <= BIG; at += len)
                        memcpy(text + at, characters[i].ptr, len);
                assert_true(name_is_label((struct view){text, 100 * len}));
                assert_false(name_is_label((struct view){text, 101 * len}));
                assert_false(name_is_label((struct view){text, BIG - BIG % len}));
                if (len > 1)
                        assert_false(name_is_label((struct view){text, 100 * len - 1}));
        }
        memset(text, ' ', 101);
        assert_false(name_is_label((struct view){text, 100}));
        text[99] = 'x';
        assert_true(name_is_label((struct view){text, 100}));
}

static size_t encode(uint32_t c, char *to)
{
        if (c < 0x80) {
                to[0] = (char)c;
                return 1;
        }
        if (c < 0x800) {
                to[0] = (char)(0xc0 | c >> 6);
                to[1] = (char)(0x80 | (c & 63));
                return 2;
        }
        if (c < 0x10000) {
                to[0] = (char)(0xe0 | c >> 12);
                to[1] = (char)(0x80 | (c >> 6 & 63));
                to[2] = (char)(0x80 | (c & 63));
                return 3;
        }
        to[0] = (char)(0xf0 | c >> 18);
        to[1] = (char)(0x80 | (c >> 12 & 63));
        to[2] = (char)(0x80 | (c >> 6 & 63));
        to[3] = (char)(0x80 | (c & 63));
        return 4;
}

/* All of Unicode. Number and hash were made with Python's unicodedata: not Cc, Cf, Cs, Zl, Zp, no
   Default_Ignorable_Code_Point, no non-character. */
static void test_every_code_point(void **state)
{
        uint32_t hash = 0, accepted = 0, well_formed = 0;

        (void)state;
        for (uint32_t c = 0; c < 0x110000; c++) {
                char text[5] = "x";
                struct view v = {text, 1 + encode(c, text + 1)};

                well_formed += name_is_utf8(v);
                if (!name_is_label(v))
                        continue;
                hash = hash * 31 + c;
                accepted++;
        }
        assert_int_equal(accepted, 1107725);
        assert_int_equal(hash, 0x846d118e);
        /* Without NUL and the 2048 surrogates. */
        assert_int_equal(well_formed, 0x110000 - 1 - 2048);
}

/* All sequences of up to three bytes and all beginnings of four: as many are right as there are
   code points of that length, so no other spelling is. */
static void test_every_short_sequence(void **state)
{
        uint32_t right[5] = {0};

        (void)state;
        for (uint32_t n = 0; n < 1u << 24; n++) {
                char text[4] = {(char)(n >> 16), (char)(n >> 8), (char)n, (char)0xbf};
                unsigned char lead = (unsigned char)text[0];

                if ((n & 0xffff) == 0)
                        right[1] += name_is_utf8((struct view){text, 1});
                if ((n & 0xff) == 0 && lead >= 0x80)
                        right[2] += name_is_utf8((struct view){text, 2});
                if (lead >= 0xe0)
                        right[3] += name_is_utf8((struct view){text, 3});
                if (lead >= 0xf0)
                        right[4] += name_is_utf8((struct view){text, 4});
        }
        assert_int_equal(right[1], 127);
        assert_int_equal(right[2], 0x780);
        assert_int_equal(right[3], 0x10000 - 0x800 - 2048);
        assert_int_equal(right[4], 0x100000 / 64);
        assert_true(name_is_utf8(VIEW("")) && name_is_utf8(VIEW_ABSENT));
        assert_false(name_is_utf8(VIEW("ab\0")));
}

static void test_roles(void **state)
{
        static const struct view bad[] = {
                VIEW(""),        VIEW("none"),    VIEW("Admin"),    VIEW("admin "),
                VIEW("members"), VIEW("admin\0"), VIEW("memberx"),  VIEW("root"),
                VIEW("1"),       {NULL, 0},       VIEW("member\n"),
        };
        enum role role = ROLE_NONE;

        (void)state;
        assert_int_equal(role_parse(VIEW("member"), &role), 0);
        assert_int_equal(role, ROLE_MEMBER);
        assert_int_equal(role_parse(VIEW("admin"), &role), 0);
        assert_int_equal(role, ROLE_ADMIN);
        for (size_t i = 0; i < COUNT(bad); i++)
                assert_int_equal(role_parse(bad[i], &role), -EINVAL);
        assert_int_equal(role, ROLE_ADMIN);
        assert_string_equal(role_to_string(ROLE_MEMBER), "member");
        assert_string_equal(role_to_string(ROLE_ADMIN), "admin");
        assert_string_equal(role_to_string(ROLE_NONE), "none");
        assert_string_equal(role_to_string((enum role)7), "none");
}

static void test_distance(void **state)
{
        static const struct {
                const char *a, *b;
                unsigned distance;
        } cases[] = {
                {"", "", 0},          {"", "abc", 3},           {"acme", "acme", 0},
                {"acme", "acmee", 1}, {"acme", "cme", 1},       {"acme", "acne", 1},
                {"acme", "amce", 2},  {"kitten", "sitting", 3}, {"revoke", "rotate", 4},
                {"flaw", "lawn", 2},  {"abc", "xyz", 3},
        };
        char a[200], b[200];

        (void)state;
        for (size_t i = 0; i < COUNT(cases); i++) {
                struct view x = view_of(cases[i].a), y = view_of(cases[i].b);

                assert_int_equal(name_distance(x, y), cases[i].distance);
                assert_int_equal(name_distance(y, x), cases[i].distance);
        }
        memset(a, 'a', sizeof(a));
        memset(b, 'b', sizeof(b));
        for (size_t i = 0; i <= sizeof(a); i++) {
                unsigned capped = i < 64 ? (unsigned)i : 64;

                assert_int_equal(name_distance((struct view){a, i}, (struct view){b, i}), capped);
                assert_int_equal(name_distance((struct view){a, i}, VIEW_ABSENT), capped);
        }
}

static void test_rules(void **state)
{
        (void)state;
        assert_non_null(strstr(name_org_rule(), "1 to 32"));
        assert_non_null(strstr(name_user_rule(), "1 to 64"));
        assert_non_null(strstr(name_service_rule(), "1 to 64"));
        assert_non_null(strstr(name_label_rule(), "1 to 100"));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ascii_kinds),
                cmocka_unit_test(test_examples),
                cmocka_unit_test(test_items),
                cmocka_unit_test(test_labels),
                cmocka_unit_test(test_label_length),
                cmocka_unit_test(test_every_code_point),
                cmocka_unit_test(test_every_short_sequence),
                cmocka_unit_test(test_roles),
                cmocka_unit_test(test_distance),
                cmocka_unit_test(test_rules),
        };

        return cmocka_run_group_tests_name("name", tests, NULL, NULL);
}
