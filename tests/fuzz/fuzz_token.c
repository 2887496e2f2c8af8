/*
 * token_parse() and token_is_shaped() against the published regular expression and a checksum that
 * is computed in another way. Whatever is accepted must also come out of token_format() again.
 */
#include <errno.h>
#include <regex.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static void require(bool holds)
{
        if (!holds)
                abort();
}

/* REG_STARTEND, since the text may hold NULs. */
static bool matches(const char *pattern, struct view v)
{
        regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)v.len};
        static regex_t regexes[8]; /* compiled once: that is what takes the time */
        static const char *patterns[8];
        size_t slot = 0;
        char *copy;
        bool found;

        while (patterns[slot] && strcmp(patterns[slot], pattern) != 0)
                require(++slot < sizeof(patterns) / sizeof(patterns[0]));
        if (!patterns[slot])
                require(regcomp(&regexes[slot], pattern, REG_EXTENDED) == 0);
        patterns[slot] = pattern;
        /* Ended by a NUL, which AddressSanitizer's regexec() looks for. */
        copy = calloc(1, v.len + 1);
        require(copy != NULL);
        if (v.len > 0)
                memcpy(copy, v.ptr, v.len);
        found = regexec(&regexes[slot], copy, 1, &range, REG_STARTEND) == 0;
        free(copy);
        return found;
}

/* Polynomial division from the most significant bit on, each byte turned around: the textbook's
 * form. */
static uint32_t reference_crc(struct view v)
{
        uint32_t crc = UINT32_MAX, turned = 0;

        for (size_t i = 0; i < v.len * 8; i++) {
                uint32_t bit = (unsigned char)v.ptr[i / 8] >> (i % 8) & 1;

                crc = (crc >> 31) ^ bit ? crc << 1 ^ 0x04c11db7 : crc << 1;
        }
        for (unsigned i = 0; i < 32; i++)
                turned |= (crc >> i & 1) << (31 - i);
        return ~turned;
}

static int expected_result(struct view v)
{
        struct view token = v;
        uint32_t crc;

        if (!matches("(ak|pat)_[0-9A-Za-z]{10}\\.", v))
                return -ENOMSG;
        if (!matches("^(ak|pat)_([0-9A-Za-z]{10})\\.([0-9A-Za-z]{49})"
                     "(@[a-z]([a-z0-9-]{0,30}[a-z0-9])?)?$",
                     v))
                return -EBADMSG;
        token.len = v.ptr[0] == 'a' ? 63 : 64;
        crc = reference_crc((struct view){v.ptr, token.len - 6});
        for (size_t i = 1; i <= 6; i++, crc /= 62)
                if (v.ptr[token.len - i] != alphabet[crc % 62])
                        return -EBADMSG;
        return 0;
}

static void check(struct view v)
{
        char made[TOKEN_TEXT_MAX + 1];
        struct token t;
        int r = token_parse(v, &t);

        require(r == expected_result(v));
        require(token_is_shaped(v) == (r != -ENOMSG));
        if (r < 0)
                return;
        require(v.len <= TOKEN_INPUT_MAX && t.id >= 0 && t.id < TOKEN_ID_LIMIT);
        token_format(t.kind, t.id, t.secret.ptr, made);
        require(view_equal(t.text, view_of(made)));
        require(t.secret.ptr + t.secret.len == t.text.ptr + t.text.len);
        require(!t.org.ptr || t.org.ptr + t.org.len == v.ptr + v.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct view v = view_of_bytes(data, size);
        enum token_kind kind;
        int64_t first, last;
        char *fixed;

        check(v);
        if (token_parse_key_id(v, &kind, &first, &last) == 0)
                require(0 <= first && first <= last && last < TOKEN_ID_LIMIT);
        /* The same with its checksum put right, which no fuzzer finds by chance. */
        if (size < 63)
                return 0;
        fixed = malloc(size);
        require(fixed != NULL);
        memcpy(fixed, data, size);
        {
                size_t end = fixed[0] == 'a' || size < 64 ? 57 : 58;
                uint32_t crc = reference_crc((struct view){fixed, end});

                for (size_t i = 6; i > 0; i--, crc /= 62)
                        fixed[end + i - 1] = alphabet[crc % 62];
        }
        check((struct view){fixed, size});
        free(fixed);
        return 0;
}
