/*
 * Names against regular expressions, labels and UTF-8 against the C library's own decoder.
 */
#include <regex.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
        if (!holds)
                abort();
}

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

/* The table of the Unicode standard (3-7, well-formed byte sequences), as a regular expression
   would have it: by the bounds of the second byte, and no arithmetic on code points. */
static bool reference_utf8(struct view v, size_t *ret_count)
{
        const uint8_t *p = (const uint8_t *)v.ptr, *end = p + v.len;

        for (*ret_count = 0; p < end; (*ret_count)++) {
                uint8_t lead = *p++, low = 0x80, high = 0xbf;
                int more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;

                if (lead == 0 || (lead >= 0x80 && lead < 0xc2) || lead > 0xf4)
                        return false;
                if (lead == 0xe0)
                        low = 0xa0;
                if (lead == 0xed)
                        high = 0x9f;
                if (lead == 0xf0)
                        low = 0x90;
                if (lead == 0xf4)
                        high = 0x8f;
                for (; more > 0; more--, low = 0x80, high = 0xbf)
                        if (p == end || *p < low || *p++ > high)
                                return false;
        }
        return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct view v = view_of_bytes(data, size), half = {v.ptr, size / 2};
        struct view rest = size ? (struct view){v.ptr + half.len, size - half.len} : VIEW_ABSENT;
        enum role role = ROLE_NONE;
        size_t count = 0;
        bool utf8 = size == 0 || reference_utf8(v, &count);

        require(name_is_org(v) == matches("^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$", v));
        require(name_is_user(v) == (matches("^[A-Za-z0-9._@$][A-Za-z0-9._@+$-]{0,63}$", v) &&
                                    !matches("^([0-9]+|[.]|[.][.])$", v)));
        require(name_is_service(v) == matches("^[A-Za-z0-9_@+][A-Za-z0-9._@+-]{0,63}$", v));
        require(name_is_utf8(v) == utf8);
        if (name_is_label(v))
                require(utf8 && count >= 1 && count <= NAME_LABEL_MAX && size <= NAME_LABEL_BYTES);
        if (matches("^[!-~]{1,100}$", v))
                require(name_is_label(v));
        if (name_is_item(v))
                require(size >= 1 && size <= NAME_ITEM_MAX && !memchr(data, 0, size));
        if (role_parse(v, &role) == 0)
                require(view_equal_str(v, role_to_string(role)));
        require(name_distance(half, rest) == name_distance(rest, half));
        require(name_distance(half, rest) <= 64 && name_distance(v, v) == 0);
        return 0;
}
