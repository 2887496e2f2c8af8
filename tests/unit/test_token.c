#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/name.h"
#include "common/token.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BIG          100000

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* Made with Python's zlib.crc32, independently of this code. The last one's checksum begins with
 * 0s. */
static const struct {
        enum token_kind kind;
        const char *text;
        int64_t id;
} golden[] = {
        {TOKEN_AK, "ak_0000000000.00000000000000000000000000000000000000000003g7z59", 0},
        {TOKEN_PAT, "pat_zzzzzzzzzz.zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz3qfbdy",
         INT64_C(839299365868340223)},
        {TOKEN_PAT, "pat_4fK9aQ7bX2.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0OWGbm",
         INT64_C(63171267375058620)},
        {TOKEN_AK, "ak_0000000001.Zk3QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ1b9CQa", 1},
        {TOKEN_AK, "ak_K9e4XM3V2Q.45Qp7DcwZOy2rH87JoBadNX33CgQJaSInhFZWsjHy7P3mS7bf",
         INT64_C(272847914219022906)},
        {TOKEN_PAT, "pat_k9U2flZsJh.aZSqwTf3hezoHNf1SA73l8FOs4RYsorHPMsx9AEEUaG0I477y",
         INT64_C(624776842381529045)},
        {TOKEN_AK, "ak_0PMZxgVcf3.tmsnOO6d34CAL3096M1sc9FLM7qzST56LGpA1wW9X1W4NigQG",
         INT64_C(5538020849184401)},
        {TOKEN_PAT, "pat_yrhGMAlXmK.DozqnojEWM11HGgxRwzxMDECCctqTen5eumkTBmKnyO1Ca64t",
         INT64_C(823949576917665824)},
        {TOKEN_AK, "ak_9zR0bT1cY2.PwRSi9tKt87aERCijg82a5iXvoepVI3hfdVSuN8wltz00z4hL",
         INT64_C(135247643277233278)},
};

static uint64_t random_state = 0x9e3779b97f4a7c15;

static unsigned draw(unsigned below)
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (unsigned)(random_state >> 33) % below;
}

static void test_crc_vectors(void **state)
{
        unsigned char all[256], zeros[32] = {0}, ones[32];

        (void)state;
        for (unsigned i = 0; i < 256; i++)
                all[i] = (unsigned char)i;
        memset(ones, 0xff, sizeof(ones));
        assert_int_equal(token_crc32("", 0), 0);
        assert_int_equal(token_crc32("a", 1), 0xe8b7be43);
        assert_int_equal(token_crc32("123456789", 9), 0xcbf43926);
        assert_int_equal(token_crc32(all, sizeof(all)), 0x29058c73);
        assert_int_equal(token_crc32(zeros, sizeof(zeros)), 0x190a55ad);
        assert_int_equal(token_crc32(ones, sizeof(ones)), 0xff6cab0b);
}

/* By the definition, a bit at a time. */
static uint32_t crc_by_bits(const unsigned char *bytes, size_t len)
{
        uint32_t crc = UINT32_MAX;

        for (size_t i = 0; i < len * 8; i++) {
                bool odd = (crc ^ (uint32_t)bytes[i / 8] >> i % 8) & 1u;

                crc = crc >> 1 ^ (odd ? 0xedb88320u : 0);
        }
        return ~crc;
}

/* Every bit of four bytes, at every place in a word, and every length. */
static void test_crc_bits(void **state)
{
        unsigned char bytes[70] = {0};

        (void)state;
        for (size_t i = 0; i < 64; i++) {
                bytes[i / 8] = (unsigned char)(1u << i % 8);
                for (size_t len = 0; len <= 12; len++)
                        assert_int_equal(token_crc32(bytes, len), crc_by_bits(bytes, len));
                bytes[i / 8] = 0;
        }
        for (unsigned n = 0; n < 2000; n++) {
                size_t len = n % sizeof(bytes);

                for (size_t i = 0; i < len; i++)
                        bytes[i] = (unsigned char)draw(256);
                assert_int_equal(token_crc32(bytes, len), crc_by_bits(bytes, len));
        }
}

static void test_digits(void **state)
{
        (void)state;
        assert_int_equal(strlen(alphabet), TOKEN_BASE);
        for (int c = 0; c < 256; c++) {
                const char *at = c ? strchr(alphabet, c) : NULL;

                assert_int_equal(token_digit((char)c), at ? (int)(at - alphabet) : -1);
        }
        for (unsigned i = 0; i < TOKEN_BASE; i++)
                assert_int_equal(token_character(i), alphabet[i]);
}

static void test_golden(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(golden); i++) {
                const char *text = golden[i].text, *dot = strchr(text, '.');
                char made[TOKEN_TEXT_MAX + 1], id[TOKEN_ID_LEN + 1];
                struct token t;

                assert_int_equal(strlen(text), golden[i].kind == TOKEN_AK ? 63 : 64);
                assert_int_equal(token_parse(view_of(text), &t), 0);
                assert_int_equal(t.kind, golden[i].kind);
                assert_true(t.id == golden[i].id);
                /* Views into the text and nothing else: a copy of the secret would be no view. */
                assert_ptr_equal(t.text.ptr, text);
                assert_int_equal(t.text.len, strlen(text));
                assert_ptr_equal(t.secret.ptr, dot + 1);
                assert_int_equal(t.secret.len, TOKEN_SECRET_LEN);
                assert_null(t.org.ptr);
                token_format(t.kind, t.id, dot + 1, made);
                assert_string_equal(made, text);
                token_id_to_text(t.id, id);
                assert_memory_equal(id, dot - TOKEN_ID_LEN, TOKEN_ID_LEN);
        }
}

static void test_suffix(void **state)
{
        static const struct {
                struct view suffix;
                int result;
        } cases[] = {
                {VIEW("@a"), 0},
                {VIEW("@acme"), 0},
                {VIEW("@a-b--c9"), 0},
                {VIEW("@abcdefghijklmnopqrstuvwxyz012345"), 0},
                {VIEW("@abcdefghijklmnopqrstuvwxyz0123456"), -EBADMSG},
                {VIEW("@"), -EBADMSG},
                {VIEW("@@acme"), -EBADMSG},
                {VIEW("@acme@"), -EBADMSG},
                {VIEW("@acme-"), -EBADMSG},
                {VIEW("@-acme"), -EBADMSG},
                {VIEW("@9acme"), -EBADMSG},
                {VIEW("@Acme"), -EBADMSG},
                {VIEW("@acMe"), -EBADMSG},
                {VIEW("@acme_x"), -EBADMSG},
                {VIEW("@acme.x"), -EBADMSG},
                {VIEW("@acme x"), -EBADMSG},
                {VIEW("@acme\n"), -EBADMSG},
                {VIEW("@acme\0"), -EBADMSG},
                {VIEW("@ac\0me"), -EBADMSG},
                {VIEW("@acm\xc3\xa9"), -EBADMSG},
                {VIEW("acme"), -EBADMSG},
                {VIEW(".acme"), -EBADMSG},
                {VIEW(" @acme"), -EBADMSG},
                {VIEW("\n"), -EBADMSG},
                {VIEW("\0"), -EBADMSG},
                {VIEW(" "), -EBADMSG},
        };

        (void)state;
        for (size_t i = 0; i < COUNT(cases); i++) {
                for (size_t g = 0; g < COUNT(golden); g++) {
                        size_t len = strlen(golden[g].text);
                        char text[128];
                        struct token t = {.id = -7};

                        memcpy(text, golden[g].text, len);
                        memcpy(text + len, cases[i].suffix.ptr, cases[i].suffix.len);
                        assert_int_equal(
                                token_parse((struct view){text, len + cases[i].suffix.len}, &t),
                                cases[i].result);
                        if (cases[i].result < 0) {
                                assert_true(t.id == -7);
                                continue;
                        }
                        assert_ptr_equal(t.org.ptr, text + len + 1);
                        assert_int_equal(t.org.len, cases[i].suffix.len - 1);
                        assert_int_equal(t.text.len, len);
                }
        }
}

/* Every byte at every position: a checksum of 32 bits sees each change of one character. */
static void test_every_single_change(void **state)
{
        (void)state;
        for (size_t g = 0; g < COUNT(golden); g++) {
                size_t len = strlen(golden[g].text), dot = len - TOKEN_SECRET_LEN - 1;
                char text[TOKEN_TEXT_MAX + 1];
                struct token t = {.id = -7};

                memcpy(text, golden[g].text, len + 1);
                for (size_t at = 0; at < len; at++) {
                        for (unsigned c = 0; c < 256; c++) {
                                text[at] = (char)c;
                                if (text[at] == golden[g].text[at])
                                        continue;
                                /* Behind the dot the shape stays whatever becomes of the secret. */
                                if (at > dot)
                                        assert_int_equal(token_parse(view_of_bytes(text, len), &t),
                                                         -EBADMSG);
                                else
                                        assert_int_not_equal(
                                                token_parse(view_of_bytes(text, len), &t), 0);
                        }
                        text[at] = golden[g].text[at];
                }
                assert_true(t.id == -7);
        }
}

/* Cut at either end, with one character too much at every place, and doubled. */
static void test_every_length(void **state)
{
        (void)state;
        for (size_t g = 0; g < COUNT(golden); g++) {
                const char *whole = golden[g].text;
                size_t len = strlen(whole), dot = len - TOKEN_SECRET_LEN - 1;
                char text[2 * TOKEN_TEXT_MAX];
                struct token t;

                for (size_t n = 0; n < len; n++)
                        assert_int_equal(token_parse((struct view){whole, n}, &t),
                                         n > dot ? -EBADMSG : -ENOMSG);
                for (size_t n = 1; n < len; n++)
                        assert_int_not_equal(token_parse((struct view){whole + n, len - n}, &t), 0);
                for (size_t at = 0; at <= len; at++) {
                        for (unsigned c = 0; c < 256; c++) {
                                memcpy(text, whole, at);
                                text[at] = (char)c;
                                memcpy(text + at + 1, whole + at, len - at);
                                assert_int_not_equal(token_parse(view_of_bytes(text, len + 1), &t),
                                                     0);
                        }
                }
                memcpy(text, whole, len);
                memcpy(text + len, whole, len);
                assert_int_equal(token_parse(view_of_bytes(text, 2 * len), &t), -EBADMSG);
        }
}

static const struct {
        struct view text;
        bool shaped;
} shapes[] = {
        {VIEW("ak_0123456789."), true},
        {VIEW("pat_0123456789."), true},
        {VIEW("xak_0123456789."), true},
        {VIEW("xpat_0123456789."), true},
        {VIEW("Bearer pat_AZaz09AZaz.rubbish\n"), true},
        {VIEW("\"ak_AZaz09AZaz.\""), true},
        {VIEW(" ak_AZaz09AZaz. "), true},
        {VIEW("\0\0ak_AZaz09AZaz.\0"), true},
        {VIEW("\xff\xfe"
              "ak_AZaz09AZaz."),
         true},
        {VIEW("\xe2\x80\xae"
              "pat_AZaz09AZaz."),
         true},
        {VIEW("ak_ak_0123456789."), true},
        {VIEW("pat_pat_0123456789."), true},
        {VIEW("pak_0123456789."), true},
        {VIEW("____ak_0123456789."), true},
        {VIEW("ak_0123456789_ak_0123456789."), true},
        {VIEW("ak_012345678.ak_0123456789.x"), true},
        {VIEW("pat_012345pat_0123456789."), true},
        {VIEW(""), false},
        {VIEW("_"), false},
        {VIEW("ak_"), false},
        {VIEW("k_0123456789."), false},
        {VIEW("_0123456789."), false},
        {VIEW("at_0123456789."), false},
        {VIEW("a_0123456789."), false},
        {VIEW("ak_0123456789"), false},
        {VIEW("ak_012345678."), false},
        {VIEW("ak_0123456789a."), false},
        {VIEW("ak_01234 6789."), false},
        {VIEW("ak_01234\0"
              "6789."),
         false},
        {VIEW("ak_0123456789\0."), false},
        {VIEW("ak_012345678\xc3\xa9."), false},
        {VIEW("ak_012345678_."), false},
        {VIEW("ak_0123456789,"), false},
        {VIEW("ak-0123456789."), false},
        {VIEW("AK_0123456789."), false},
        {VIEW("Pat_0123456789."), false},
        {VIEW("PAT_0123456789."), false},
        {VIEW("pa_0123456789."), false},
        {VIEW("p\0at_0123456789."), false},
        {VIEW("ak__0123456789."), false},
        {VIEW("correct horse battery staple"), false},
};

static void test_shape(void **state)
{
        struct token t;

        (void)state;
        for (size_t i = 0; i < COUNT(shapes); i++) {
                assert_int_equal(token_is_shaped(shapes[i].text), shapes[i].shaped);
                assert_int_equal(token_parse(shapes[i].text, &t),
                                 shapes[i].shaped ? -EBADMSG : -ENOMSG);
        }
        assert_false(token_is_shaped(VIEW_ABSENT));
        assert_int_equal(token_parse(VIEW_ABSENT, &t), -ENOMSG);
}

/* Each filled with its pattern; a search that looks back or starts over would take seconds. */
static void test_big_inputs(void **state)
{
        static const char *const patterns[] = {"_",  "ak_",           "pat_",       "a",
                                               "ak", "ak_0123456789", "pat_012345", "\xff",
                                               "",   "pat_ak_",       "ak_........"};
        _cleanup_(freep) char *text = malloc(BIG);
        struct token t;
        clock_t begin = clock();

        (void)state;
        assert_non_null(text);
        for (size_t i = 0; i < COUNT(patterns); i++) {
                size_t step = strlen(patterns[i]);

                for (size_t at = 0; at < BIG; at++)
                        text[at] = step ? patterns[i][at % step] : '\0';
                assert_int_equal(token_parse(view_of_bytes(text, BIG), &t), -ENOMSG);
                memcpy(text + BIG - 14, "ak_0123456789.", 14);
                assert_int_equal(token_parse(view_of_bytes(text, BIG), &t), -EBADMSG);
        }
        memset(text, '0', BIG);
        memcpy(text, golden[0].text, 63);
        assert_int_equal(token_parse(view_of_bytes(text, BIG), &t), -EBADMSG);
        assert_true(clock() - begin < CLOCKS_PER_SEC);
}

/* A character that is no digit counts as -1. Where a checksum ends in "z" (61), the digit before it
   raised by one and a bad character in its place would make the same number. */
static void test_checksum_of_bad_digits(void **state)
{
        unsigned found = 0;

        (void)state;
        for (unsigned round = 0; round < 5000; round++) {
                char random[TOKEN_RANDOM_LEN], text[TOKEN_TEXT_MAX + 1];
                struct token t;

                for (size_t i = 0; i < sizeof(random); i++)
                        random[i] = alphabet[draw(62)];
                token_format(TOKEN_PAT, draw(1000), random, text);
                if (text[63] != 'z' || text[62] == 'z')
                        continue;
                text[62] = alphabet[token_digit(text[62]) + 1];
                text[63] = '!';
                assert_int_equal(token_parse((struct view){text, 64}, &t), -EBADMSG);
                found++;
        }
        assert_true(found > 20);
}

static bool matches(const regex_t *regex, struct view v)
{
        regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)v.len};
        char copy[256] = ""; /* ended by a NUL, which AddressSanitizer's regexec() looks for */

        assert_true(v.len < sizeof(copy));
        memcpy(copy, v.ptr, v.len);
        return regexec(regex, copy, 1, &range, REG_STARTEND) == 0;
}

/* The checksum in text form, the other way round: what it should read. */
static bool has_checksum(struct view token)
{
        char expected[7] = "000000";
        uint32_t crc = 0;

        for (size_t i = 0; i < token.len - 6; i++) {
                uint32_t entry = (crc ^ UINT32_MAX ^ (unsigned char)token.ptr[i]) & 0xff;

                for (int bit = 0; bit < 8; bit++)
                        entry = entry & 1 ? entry >> 1 ^ 0xedb88320 : entry >> 1;
                crc = ~(entry ^ (~crc >> 8));
        }
        for (int i = 5; i >= 0; i--, crc /= 62)
                expected[i] = alphabet[crc % 62];
        return memcmp(expected, token.ptr + token.len - 6, 6) == 0;
}

/* Some edits of a valid token: change, delete, insert, double, swap, cut. */
static size_t mutate(char *text, size_t len)
{
        static const char spice[] = "ak_pat_.@-_ \n\0\xff"
                                    "0Zz9";

        for (unsigned edits = draw(4); edits > 0; edits--) {
                size_t at = draw((unsigned)len + 1);
                char c = draw(2) ? spice[draw(sizeof(spice))] : (char)draw(256);

                if (draw(2) && at < len) {
                        text[at] = c;
                } else if (draw(2) && at < len) {
                        memmove(text + at, text + at + 1, len - at - 1);
                        len--;
                } else if (draw(8) == 0) {
                        len = at;
                } else {
                        memmove(text + at + 1, text + at, len - at);
                        text[at] = c;
                        len++;
                }
        }
        return len;
}

static void test_random_against_reference(void **state)
{
        static const char *const suffixes[] = {"", "", "@acme", "@a-1", "@a-", "@A", "@9"};
        regex_t whole, shape;
        unsigned valid = 0, shaped = 0;

        (void)state;
        assert_int_equal(regcomp(&whole,
                                 "^(ak|pat)_[0-9A-Za-z]{10}\\.([0-9A-Za-z]{49})"
                                 "(@[a-z]([a-z0-9-]{0,30}[a-z0-9])?)?$",
                                 REG_EXTENDED),
                         0);
        assert_int_equal(regcomp(&shape, "(ak|pat)_[0-9A-Za-z]{10}\\.", REG_EXTENDED), 0);
        for (unsigned round = 0; round < 200000; round++) {
                char text[160];
                int len = snprintf(text, sizeof(text), "%s%s", golden[draw(COUNT(golden))].text,
                                   suffixes[draw(COUNT(suffixes))]);
                struct view v = {text, mutate(text, (size_t)len)};
                const char *dot = v.len ? memchr(text, '.', v.len) : NULL;
                struct token t;
                int expected = matches(&shape, v) ? -EBADMSG : -ENOMSG;

                if (matches(&whole, v) &&
                    has_checksum((struct view){text, (size_t)(dot - text) + 50}))
                        expected = 0;
                assert_int_equal(token_parse(v, &t), expected);
                assert_int_equal(token_is_shaped(v), expected != -ENOMSG);
                valid += expected == 0;
                shaped += expected == -EBADMSG;
        }
        /* The draw must have reached each of the three answers often. */
        assert_true(valid > 10000 && shaped > 10000 && valid + shaped < 190000);
        regfree(&whole);
        regfree(&shape);
}

static void test_key_ids(void **state)
{
        struct {
                char text[TOKEN_KEY_ID_SIZE];
                char behind;
        } guarded;
        char text[TOKEN_KEY_ID_SIZE];

        (void)state;
        token_key_id(TOKEN_PAT, INT64_C(63171267375058620), 6, text);
        assert_string_equal(text, "pat_4fK9aQ");
        token_key_id(TOKEN_PAT, INT64_C(63171267375058620), 8, text);
        assert_string_equal(text, "pat_4fK9aQ7b");
        token_key_id(TOKEN_PAT, INT64_C(63171267375058620), 10, text);
        assert_string_equal(text, "pat_4fK9aQ7bX2");
        /* Out of bounds is brought back, and nothing is written behind the array. */
        memset(&guarded, 0x55, sizeof(guarded));
        token_key_id(TOKEN_PAT, INT64_C(63171267375058620), 11, guarded.text);
        assert_string_equal(guarded.text, "pat_4fK9aQ7bX2");
        assert_int_equal(guarded.behind, 0x55);
        token_key_id(TOKEN_AK, 1, 0, text);
        assert_string_equal(text, "ak_000000");
        token_key_id(TOKEN_AK, TOKEN_ID_LIMIT - 1, 99, text);
        assert_string_equal(text, "ak_zzzzzzzzzz");
        assert_string_equal(token_kind_prefix(TOKEN_AK), "ak_");
        assert_string_equal(token_kind_prefix(TOKEN_PAT), "pat_");
        assert_string_equal(token_kind_prefix((enum token_kind)0), "");
}

static void test_key_id_ranges(void **state)
{
        enum token_kind kind = 0;
        int64_t first, last, id = INT64_C(63171267375058620), width = 1;

        (void)state;
        for (size_t n = 10; n >= 1; n--, width *= 62) {
                char text[TOKEN_KEY_ID_SIZE] = "pat_4fK9aQ7bX2";

                assert_int_equal(
                        token_parse_key_id((struct view){text, 4 + n}, &kind, &first, &last), 0);
                assert_int_equal(kind, TOKEN_PAT);
                assert_true(first == id / width * width && last == first + width - 1);
        }
        assert_int_equal(token_parse_key_id(VIEW("ak_0"), &kind, &first, &last), 0);
        assert_int_equal(kind, TOKEN_AK);
        assert_true(first == 0 && last == TOKEN_ID_LIMIT / 62 - 1);
        assert_int_equal(token_parse_key_id(VIEW("ak_z"), &kind, &first, &last), 0);
        assert_true(first == TOKEN_ID_LIMIT / 62 * 61 && last == TOKEN_ID_LIMIT - 1);
        assert_int_equal(token_parse_key_id(VIEW("ak_zzzzzzzzzz"), &kind, &first, &last), 0);
        assert_true(first == TOKEN_ID_LIMIT - 1 && last == first);
}

static void test_key_ids_refused(void **state)
{
        static const struct view bad[] = {
                VIEW(""),       VIEW("ak_"),         VIEW("pat_"),     VIEW("ak"),
                VIEW("_"),      VIEW("4fK9aQ"),      VIEW("AK_4fK9"),  VIEW("ak_4fK9aQ7bX2Z"),
                VIEW("ak_ 4f"), VIEW("ak_4f "),      VIEW("ak_4f\n"),  VIEW("ak_4f\0"),
                VIEW("ak_\0"),  VIEW("ak_4f."),      VIEW(" ak_4f"),   VIEW("pat_4fK9aQ7bX2."),
                VIEW("ak_-1"),  VIEW("ak_\xc3\xa9"), VIEW("ak_pat_4"), {NULL, 0},
        };
        enum token_kind kind = 0;
        int64_t first = -5, last = -6;

        (void)state;
        for (size_t i = 0; i < COUNT(bad); i++)
                assert_int_equal(token_parse_key_id(bad[i], &kind, &first, &last), -EINVAL);
        assert_int_equal(token_parse_key_id(view_of(golden[0].text), &kind, &first, &last),
                         -EINVAL);
        assert_true(kind == 0 && first == -5 && last == -6);
}

/* Ids sort alike as numbers and as text, or a prefix would not be a range. */
static void test_ids_round_trip(void **state)
{
        char before[TOKEN_ID_LEN + 1] = "", text[TOKEN_ID_LEN + 1];
        enum token_kind kind;
        int64_t first, last, step = TOKEN_ID_LIMIT / 9973;

        (void)state;
        for (int64_t id = 0; id < TOKEN_ID_LIMIT; id += step) {
                char key_id[TOKEN_KEY_ID_SIZE];

                token_id_to_text(id, text);
                assert_true(strcmp(before, text) < 0);
                memcpy(before, text, sizeof(text));
                token_key_id(TOKEN_AK, id, 10, key_id);
                assert_int_equal(token_parse_key_id(view_of(key_id), &kind, &first, &last), 0);
                assert_true(first == id && last == id);
        }
        assert_true(TOKEN_ID_LIMIT / 62 / 62 / 62 / 62 / 62 == INT64_C(916132832));
        token_id_to_text(TOKEN_ID_LIMIT - 1, text);
        assert_string_equal(text, "zzzzzzzzzz");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_crc_vectors),
                cmocka_unit_test(test_crc_bits),
                cmocka_unit_test(test_digits),
                cmocka_unit_test(test_golden),
                cmocka_unit_test(test_suffix),
                cmocka_unit_test(test_every_single_change),
                cmocka_unit_test(test_every_length),
                cmocka_unit_test(test_shape),
                cmocka_unit_test(test_big_inputs),
                cmocka_unit_test(test_checksum_of_bad_digits),
                cmocka_unit_test(test_random_against_reference),
                cmocka_unit_test(test_key_ids),
                cmocka_unit_test(test_key_id_ranges),
                cmocka_unit_test(test_key_ids_refused),
                cmocka_unit_test(test_ids_round_trip),
        };

        return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
