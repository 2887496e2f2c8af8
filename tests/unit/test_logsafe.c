#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/logsafe.h"
#include "common/name.h"
#include "common/token.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BIG          100000
#define PAT          "pat_4fK9aQ7bX2.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0OWGbm"
#define AK           "ak_K9e4XM3V2Q.45Qp7DcwZOy2rH87JoBadNX33CgQJaSInhFZWsjHy7P3mS7bf"
#define SECRET       "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0OWGbm"

static uint64_t random_state = 0x853c49e6748fea9b;

static unsigned draw(unsigned below)
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (unsigned)(random_state >> 33) % below;
}

static const struct {
        struct view text;
        const char *safe;
} cases[] = {
        {{NULL, 0}, "-"},
        {VIEW(""), ""},
        {VIEW("-"), "-"},
        {VIEW("alice"), "alice"},
        {VIEW("alice smith"), "alice smith"},
        {VIEW("a\nb\r\tc"), "a\\x0ab\\x0d\\x09c"},
        {VIEW("a\0b\0"), "a\\x00b\\x00"},
        {VIEW("\x1b[31m\x7f"), "\\x1b[31m\\x7f"},
        {VIEW("DOM\\user"), "DOM\\\\user"},
        {VIEW("\\x0a"), "\\\\x0a"},
        {VIEW("J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x94\x91"),
         "J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x94\x91"},
        {VIEW("\xc3"), "\\xc3"},
        {VIEW("\xff\xfe"), "\\xff\\xfe"},
        {VIEW("\xc0\xaf"), "\\xc0\\xaf"},
        {VIEW("\xed\xa0\x80"), "\\xed\\xa0\\x80"},
        {VIEW("\xc2\x85"), "\\xc2\\x85"},
        {VIEW("\xe2\x80\xae"
              "evil"),
         "\\xe2\\x80\\xaeevil"},
        {VIEW("\xe2\x80\xa8"), "\\xe2\\x80\\xa8"},
        {VIEW("\xef\xbb\xbf"), "\\xef\\xbb\\xbf"},
        {VIEW("\xe2\x82"
              "a"),
         "\\xe2\\x82a"},
        {VIEW("%s%n"), "%s%n"},
        /* tokens, whole and otherwise */
        {VIEW(PAT), "pat_4fK9aQ..."},
        {VIEW(AK), "ak_K9e4XM..."},
        {VIEW(PAT "@acme-corp"), "pat_4fK9aQ..."},
        {VIEW("x " PAT " y"), "x pat_4fK9aQ... y"},
        {VIEW("user " AK "@acme, host"), "user ak_K9e4XM..., host"},
        {VIEW(AK " " PAT), "ak_K9e4XM... pat_4fK9aQ..."},
        {VIEW(AK AK), "ak_K9e4XM...ak_K9e4XM..."},
        {VIEW("Bearer " PAT "\n"), "Bearer pat_4fK9aQ...\\x0a"},
        {VIEW("\xc2\xa0" AK), "\\xc2\\xa0ak_K9e4XM..."},
        {VIEW("\xc3" PAT), "\\xc3pat_4fK9aQ..."},
        {VIEW("x" AK), "xak_K9e4XM..."},
        {VIEW("pat_4fK9aQ7bX2."), "pat_4fK9aQ..."},
        {VIEW("pat_4fK9aQ7bX2.0123"), "pat_4fK9aQ..."},
        {VIEW("pat_4fK9aQ7bX2.0123 4567 89AB"), "pat_4fK9aQ..."},
        {VIEW("pat_4fK9aQ7bX2.01\n23\0\xff"
              "45@67"),
         "pat_4fK9aQ..."},
        {VIEW(PAT "MoreOfIt.and_more"), "pat_4fK9aQ..."},
        {VIEW("pat_4fK9aQ7bX20123456789ABCDEF"), "pat_4fK9aQ..."},
        {VIEW("pat_4fK9aQ7bX2x.0123456789ABCDEF"), "pat_4fK9aQ..."},
        {VIEW("pat_4fK9aQ7bX2"), "pat_4fK9aQ7bX2"},
        {VIEW("pat_4fK9aQ7bX2 and so on"), "pat_4fK9aQ7bX2 and so on"},
        {VIEW("pat_4fK9aQ"), "pat_4fK9aQ"},
        {VIEW("pat_me"), "pat_me"},
        {VIEW("ak_"), "ak_"},
        {VIEW("pat_4fK9aQ7bXak_K9e4XM3V2Q.0123"), "pat_4fK9aQ...ak_K9e4XM..."},
        /* a secret alone */
        {VIEW(SECRET), "[redacted]"},
        {VIEW("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"), "[redacted]"},
        {VIEW("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"),
         "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"},
        {VIEW("pw=" SECRET "!"), "pw=[redacted]!"},
        {VIEW(SECRET "pat_4fK9aQ7bX2.0123"), "[redacted]pat_4fK9aQ..."},
        {VIEW("pat4fK9aQ7bX2." SECRET), "pat4fK9aQ7bX2.[redacted]"},
        {VIEW("pat_4fK9aQ7bX." SECRET), "pat_4fK9aQ7bX.[redacted]"},
};

static void test_table(void **state)
{
        char buf[LOGSAFE_SIZE];

        (void)state;
        for (size_t i = 0; i < COUNT(cases); i++) {
                memset(buf, '#', sizeof(buf));
                assert_ptr_equal(logsafe(cases[i].text, buf, sizeof(buf)), buf);
                assert_string_equal(buf, cases[i].safe);
        }
}

/* Whole pieces only: an output is what fits of the long one at the end of a piece, and "...". */
static void test_every_size(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(cases); i++) {
                size_t whole = strlen(cases[i].safe);

                for (size_t size = 1; size < LOGSAFE_SIZE; size++) {
                        _cleanup_(freep) char *buf = malloc(size); /* to the byte, for ASan */
                        size_t len;

                        assert_non_null(buf);
                        logsafe(cases[i].text, buf, size);
                        len = strlen(buf);
                        assert_true(len < size);
                        assert_true(name_is_utf8(view_of(buf)));
                        /* The dots behind a whole key id would make it one. */
                        assert_false(token_is_shaped(view_of(buf)) && !strchr(buf, '\\'));
                        if (whole < size) {
                                assert_string_equal(buf, cases[i].safe);
                                continue;
                        }
                        if (size < 4) {
                                assert_int_equal(len, size - 1);
                                continue;
                        }
                        assert_string_equal(buf + len - 3, "...");
                        assert_memory_equal(buf, cases[i].safe, len - 3);
                }
        }
        assert_string_equal(logsafe(VIEW("x"), NULL, 0), "");
}

static void test_cuts(void **state)
{
        char buf[16];

        (void)state;
        assert_string_equal(logsafe(VIEW("123456789012345"), buf, 16), "123456789012345");
        assert_string_equal(logsafe(VIEW("1234567890123456"), buf, 16), "123456789012...");
        assert_string_equal(logsafe(VIEW("12345678901\n"), buf, 16), "12345678901\\x0a");
        assert_string_equal(logsafe(VIEW("12345678901\n"), buf, 15), "12345678901...");
        assert_string_equal(logsafe(VIEW("1234567890\xe2\x82\xac"
                                         "123"),
                                    buf, 16),
                            "1234567890...");
        assert_string_equal(logsafe(VIEW("123456 " PAT), buf, 16), "123456 ...");
        assert_string_equal(logsafe(VIEW(PAT), buf, 14), "pat_4fK9aQ...");
        assert_string_equal(logsafe(VIEW(PAT " x"), buf, 14), "pat_4fK9aQ...");
        assert_string_equal(logsafe(VIEW(PAT), buf, 13), "...");
}

/* No eight characters of the secret in a row, and only what is fit for a log. */
static void check_output(const char *buf, struct view secret)
{
        size_t len = strlen(buf);

        for (size_t i = 0; i + 8 <= secret.len; i++)
                assert_null(memmem(buf, len, secret.ptr + i, 8));
        assert_true(name_is_utf8(view_of(buf)));
        for (size_t i = 0; i < len; i++)
                assert_true((unsigned char)buf[i] >= 0x20 && buf[i] != 0x7f);
}

/* Rubbish for the surroundings. Without letters that could complete a prefix by chance it would
   prove less, so there are plenty. */
static size_t put_noise(char *to, unsigned max)
{
        static const char spice[] = "akpt_. @-\\\"\n\0\xff\xc3\xa9\xe2\x80\xae";
        size_t len = draw(max);

        for (size_t i = 0; i < len; i++)
                to[i] = draw(4) ? spice[draw(sizeof(spice) - 1)] : (char)draw(256);
        return len;
}

static size_t put_token(char *to)
{
        char random[TOKEN_RANDOM_LEN];
        int64_t id = ((int64_t)draw(1u << 30) << 30 | draw(1u << 30)) % TOKEN_ID_LIMIT;

        for (size_t i = 0; i < sizeof(random); i++)
                random[i] = token_character(draw(62));
        token_format(draw(2) ? TOKEN_AK : TOKEN_PAT, id, random, to);
        return strlen(to);
}

/* A token in rubbish, its secret cut, interrupted, lengthened: as long as the shape stands, nothing
   of the secret may come through, in any size of buffer. */
static void test_random_tokens(void **state)
{
        (void)state;
        for (unsigned round = 0; round < 100000; round++) {
                char text[400], token[TOKEN_TEXT_MAX + 1], buf[LOGSAFE_SIZE];
                size_t len = put_noise(text, 40), token_len = put_token(token);
                struct view secret = {strchr(token, '.') + 1, TOKEN_SECRET_LEN};
                size_t at = (size_t)(secret.ptr - token);

                memcpy(text + len, token, at);
                len += at;
                for (size_t end = draw(8) ? token_len : at + draw(49); at < end; at++) {
                        if (draw(30) == 0)
                                len += put_noise(text + len, 3);
                        text[len++] = token[at];
                }
                len += put_noise(text + len, 40);
                logsafe((struct view){text, len}, buf, round % 2 ? sizeof(buf) : 1 + draw(100));
                check_output(buf, secret);
        }
}

/* One edit anywhere in a token, the prefix and the id too: then the secret is whole, and long. */
static void test_single_edits(void **state)
{
        (void)state;
        for (unsigned round = 0; round < 100000; round++) {
                char text[100], token[TOKEN_TEXT_MAX + 1], buf[LOGSAFE_SIZE];
                size_t len = put_token(token), at = draw((unsigned)len);
                struct view secret = {strchr(token, '.') + 1, TOKEN_SECRET_LEN};

                memcpy(text, token, len);
                switch (draw(3)) {
                case 0: text[at] = (char)draw(256); break;
                case 1: memmove(text + at, text + at + 1, --len - at); break;
                default:
                        memmove(text + at + 1, text + at, len++ - at);
                        text[at] = (char)draw(256);
                        break;
                }
                logsafe((struct view){text, len}, buf, sizeof(buf));
                check_output(buf, secret);
        }
}

static void test_big_inputs(void **state)
{
        static const char *const patterns[] = {
                "ak_", "pat_",  "a",  "pat_0123456789.", "_", "\xff", "pat_ak_",
                PAT,   PAT " ", "\n", "ak_0123456789x"};
        _cleanup_(freep) char *text = malloc(BIG), *out = malloc(4 * BIG + 1);
        char buf[LOGSAFE_SIZE];
        clock_t begin = clock();

        (void)state;
        assert_true(text && out);
        for (size_t i = 0; i < COUNT(patterns); i++) {
                size_t step = strlen(patterns[i]);

                for (size_t at = 0; at < BIG; at++)
                        text[at] = patterns[i][at % step];
                check_output(logsafe(view_of_bytes(text, BIG), buf, sizeof(buf)), VIEW(SECRET));
                check_output(logsafe(view_of_bytes(text, BIG), out, 4 * BIG + 1), VIEW(SECRET));
        }
        assert_true(clock() - begin < 2 * CLOCKS_PER_SEC);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_table),        cmocka_unit_test(test_every_size),
                cmocka_unit_test(test_cuts),         cmocka_unit_test(test_random_tokens),
                cmocka_unit_test(test_single_edits), cmocka_unit_test(test_big_inputs),
        };

        return cmocka_run_group_tests_name("logsafe", tests, NULL, NULL);
}
