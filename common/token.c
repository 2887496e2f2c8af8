#include "common/token.h"

#include <errno.h>
#include <string.h>

#include "common/name.h"

#define CRC32_POLYNOMIAL 0xedb88320u /* zlib's, reflected */

/* In the order of ASCII, so that ids sort alike as text and as numbers. */
static const char alphabet[TOKEN_BASE + 1] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

int token_digit(char c)
{
        /* Comparisons, not <ctype.h>: the application's locale must not move the grammar. */
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'A' && c <= 'Z')
                return c - 'A' + 10;
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 36;
        return -1;
}

char token_character(unsigned value)
{
        /* The remainder keeps a mistake inside the array; it is no way to draw at random. */
        return alphabet[value % TOKEN_BASE];
}

/* Without a branch or a table that is indexed by what is summed: by a table the secret's characters
   would choose cache lines, which can be watched from outside the process. */
static uint32_t crc_byte(uint32_t crc, unsigned char byte)
{
        crc ^= byte;
        for (unsigned bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ (CRC32_POLYNOMIAL & (0u - (crc & 1u)));
        return crc;
}

/* What four bytes make of each bit of the word that they and the sum so far come to, which is all
   there is to know: a CRC is linear. All of it is read for every word, four bits at a time. */
typedef uint32_t four __attribute__((vector_size(16)));
static const four crc_of_bits[8] = {
        {0xb8bc6765u, 0xaa09c88bu, 0x8f629757u, 0xc5b428efu},
        {0x5019579fu, 0xa032af3eu, 0x9b14583du, 0xed59b63bu},
        {0x01c26a37u, 0x0384d46eu, 0x0709a8dcu, 0x0e1351b8u},
        {0x1c26a370u, 0x384d46e0u, 0x709a8dc0u, 0xe1351b80u},
        {0x191b3141u, 0x32366282u, 0x646cc504u, 0xc8d98a08u},
        {0x4ac21251u, 0x958424a2u, 0xf0794f05u, 0x3b83984bu},
        {0x77073096u, 0xee0e612cu, 0x076dc419u, 0x0edb8832u},
        {0x1db71064u, 0x3b6e20c8u, 0x76dc4190u, 0xedb88320u},
};

static uint32_t crc_word(uint32_t crc, const unsigned char bytes[static 4])
{
        uint32_t word = crc ^ ((uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 |
                               (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24);
        four whole = {word, word, word, word};
        four bit = {1, 2, 4, 8};
        four sum = {0};

        for (unsigned i = 0; i < 8; i++, bit <<= 4)
                sum ^= crc_of_bits[i] & (four)((whole & bit) == bit);
        return sum[0] ^ sum[1] ^ sum[2] ^ sum[3];
}

uint32_t token_crc32(const void *bytes, size_t len)
{
        const unsigned char *p = bytes;
        uint32_t crc = UINT32_MAX;

        for (; len % 4 != 0; len--)
                crc = crc_byte(crc, *p++);
        for (; len > 0; len -= 4, p += 4)
                crc = crc_word(crc, p);
        return crc ^ UINT32_MAX;
}

const char *token_kind_prefix(enum token_kind kind)
{
        switch (kind) {
        case TOKEN_AK: return "ak_";
        case TOKEN_PAT: return "pat_";
        }
        /* Not NULL: the callers here take its length. */
        return "";
}

/* The length of the leading base-62 run, counted no further than max. */
static size_t count_digits(struct view v, size_t max)
{
        size_t n = 0;

        while (n < v.len && n < max && token_digit(v.ptr[n]) >= 0)
                n++;
        return n;
}

/* Takes len characters from the front. The caller has made sure that they are there. */
static struct view take(struct view *v, size_t len)
{
        struct view front = {v->ptr, len};

        v->ptr += len;
        v->len -= len;
        return front;
}

/* Takes a token's or a key id's prefix from the front. */
static bool take_prefix(struct view *v, enum token_kind *ret)
{
        static const enum token_kind kinds[] = {TOKEN_AK, TOKEN_PAT};

        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                struct view prefix = view_of(token_kind_prefix(kinds[i]));

                if (v->len < prefix.len || memcmp(v->ptr, prefix.ptr, prefix.len) != 0)
                        continue;
                (void)take(v, prefix.len);
                *ret = kinds[i];
                return true;
        }
        return false;
}

/* The value of some digits, most significant first. Ten of them stay below 2^63. */
static int64_t parse_digits(struct view digits)
{
        int64_t value = 0;

        for (size_t i = 0; i < digits.len; i++)
                value = value * TOKEN_BASE + token_digit(digits.ptr[i]);
        return value;
}

/* Exactly `count` digits, padded with zeros: the format has no variable parts. */
static void format_digits(uint64_t value, char *to, size_t count)
{
        /* From the last one forward, since the last is the remainder. */
        while (count-- > 0) {
                to[count] = alphabet[value % TOKEN_BASE];
                value /= TOKEN_BASE;
        }
}

/* True where the '_' at position `at` ends a prefix that an id and a dot follow. */
static bool is_shape_at(struct view text, size_t at)
{
        struct view rest = {text.ptr + at + 1, text.len - at - 1};

        /* Nothing is asked about what stands before: "xak_" is a token that was pasted badly. */
        if (at < 2)
                return false;
        if (memcmp(text.ptr + at - 2, "ak", 2) != 0 &&
            (at < 3 || memcmp(text.ptr + at - 3, "pat", 3) != 0))
                return false;
        /* The dot is the cheaper question, and the answer is nearly always no. */
        return rest.len > TOKEN_ID_LEN && rest.ptr[TOKEN_ID_LEN] == '.' &&
               count_digits(rest, TOKEN_ID_LEN) == TOKEN_ID_LEN;
}

bool token_is_shaped(struct view text)
{
        /* From underscore to underscore, with a bounded look around each: linear in any input. */
        for (size_t at = 0; at < text.len; at++) {
                const char *underscore = memchr(text.ptr + at, '_', text.len - at);

                if (!underscore)
                        return false;
                at = (size_t)(underscore - text.ptr);
                if (is_shape_at(text, at))
                        return true;
        }
        return false;
}

/* The checksum is compared as a number, so that no copy of the secret's end comes to be. It is no
   authentication: a comparison that stops early tells only what the sender can compute himself. */
static bool has_right_checksum(struct view text)
{
        size_t covered = text.len - TOKEN_CHECKSUM_LEN;
        struct view digits = {text.ptr + covered, TOKEN_CHECKSUM_LEN};

        return parse_digits(digits) == (int64_t)token_crc32(text.ptr, covered);
}

/* The whole grammar in reading order. False where anything is not as it should be. */
static bool parse_whole(struct view text, struct token *ret)
{
        struct view rest = text;
        struct token t = {.org = VIEW_ABSENT};

        if (!take_prefix(&rest, &t.kind) || count_digits(rest, TOKEN_ID_LEN) != TOKEN_ID_LEN)
                return false;
        t.id = parse_digits(take(&rest, TOKEN_ID_LEN));
        if (rest.len == 0 || *take(&rest, 1).ptr != '.')
                return false;
        /* A longer run is refused further down: its next character is no '@'. */
        if (count_digits(rest, TOKEN_SECRET_LEN) != TOKEN_SECRET_LEN)
                return false;
        t.secret = take(&rest, TOKEN_SECRET_LEN);
        /* Nothing is taken that the count did not see, so no step reads behind the text.
           Views, all of them: the secret stays where PAM has it, which is where it is wiped. */
        t.text = (struct view){text.ptr, text.len - rest.len};
        if (!has_right_checksum(t.text))
                return false;
        if (rest.len > 0) {
                if (*take(&rest, 1).ptr != '@' || !name_is_org(rest))
                        return false;
                t.org = rest;
        }
        /* Only now: a caller that forgets to look at the result has nothing half-parsed. */
        *ret = t;
        return true;
}

int token_parse(struct view text, struct token *ret)
{
        /* Shape first: what has none is a password, about which nothing more may be found out. */
        if (!token_is_shaped(text))
                return -ENOMSG;
        return parse_whole(text, ret) ? 0 : -EBADMSG;
}

void token_id_to_text(int64_t id, char ret[static TOKEN_ID_LEN + 1])
{
        /* Unsigned, so that a negative id indexes nothing before the alphabet. */
        format_digits((uint64_t)id, ret, TOKEN_ID_LEN);
        ret[TOKEN_ID_LEN] = '\0';
}

void token_format(enum token_kind kind, int64_t id, const char random[static TOKEN_RANDOM_LEN],
                  char ret[static TOKEN_TEXT_MAX + 1])
{
        struct view prefix = view_of(token_kind_prefix(kind));
        char *p = ret;

        memcpy(p, prefix.ptr, prefix.len);
        p += prefix.len;
        token_id_to_text(id, p);
        p += TOKEN_ID_LEN;
        *p++ = '.';
        memcpy(p, random, TOKEN_RANDOM_LEN);
        p += TOKEN_RANDOM_LEN;
        /* Over the prefix and the id too, so that a secret under another id is caught offline. */
        format_digits(token_crc32(ret, (size_t)(p - ret)), p, TOKEN_CHECKSUM_LEN);
        p[TOKEN_CHECKSUM_LEN] = '\0';
}

void token_key_id(enum token_kind kind, int64_t id, unsigned shown,
                  char ret[static TOKEN_KEY_ID_SIZE])
{
        struct view prefix = view_of(token_kind_prefix(kind));

        /* Out of bounds is the caller's mistake; it must not become a write behind the array. */
        if (shown < TOKEN_KEY_ID_MIN)
                shown = TOKEN_KEY_ID_MIN;
        if (shown > TOKEN_ID_LEN)
                shown = TOKEN_ID_LEN;
        memcpy(ret, prefix.ptr, prefix.len);
        token_id_to_text(id, ret + prefix.len);
        ret[prefix.len + shown] = '\0';
}

int token_parse_key_id(struct view text, enum token_kind *ret_kind, int64_t *ret_first,
                       int64_t *ret_last)
{
        enum token_kind kind;
        int64_t width = 1;

        /* The kind is needed: ids of the two kinds are drawn from the same numbers. */
        if (!take_prefix(&text, &kind))
                return -EINVAL;
        /* A prefix alone is refused: it would mean every token there is. */
        if (text.len < 1 || text.len > TOKEN_ID_LEN || count_digits(text, TOKEN_ID_LEN) != text.len)
                return -EINVAL;
        /* Each digit that is not given widens the range, as the ids sort by their first digits. */
        for (size_t i = text.len; i < TOKEN_ID_LEN; i++)
                width *= TOKEN_BASE;
        *ret_kind = kind;
        *ret_first = parse_digits(text) * width;
        *ret_last = *ret_first + width - 1;
        return 0;
}
