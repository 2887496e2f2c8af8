#include "common/logsafe.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "common/name.h"
#include "common/token.h"

#define ELLIPSIS "..."

/* Output in pieces that are never split: a character, an escape, a key id. */
struct line {
        char *buf;
        size_t size; /* at least 1 */
        size_t used;
        size_t cut; /* the last end of a piece behind which an ellipsis still fits */
        bool full;
};

static void put(struct line *l, const char *piece, size_t len)
{
        size_t room = l->size - 1;

        /* Once full, nothing more: a shorter piece that fits would stand in the wrong place. */
        if (l->full || len > room - l->used) {
                l->full = true;
                return;
        }
        memcpy(l->buf + l->used, piece, len);
        l->used += len;
        if (l->used + strlen(ELLIPSIS) <= room)
                l->cut = l->used;
}

/* One after the other, so that as many stay as there is room for; at once where all fit. */
static void put_letters(struct line *l, const char *letters, size_t len)
{
        if (l->used + len + strlen(ELLIPSIS) < l->size) {
                put(l, letters, len);
                return;
        }
        for (size_t i = 0; i < len; i++)
                put(l, letters + i, 1);
}

/* Ends the line, and where something was left out, says so in the place of the last pieces: a
   reader must be able to tell a whole name from the beginning of one. */
static void finish(struct line *l)
{
        size_t dots = strlen(ELLIPSIS);

        if (l->full) {
                if (dots > l->size - 1 - l->cut)
                        dots = l->size - 1 - l->cut;
                memcpy(l->buf + l->cut, ELLIPSIS, dots);
                l->used = l->cut + dots;
                /* A whole key id and a dot of ours would have the shape of a token: a letter less.
                 */
                if (token_is_shaped((struct view){l->buf, l->used}) &&
                    !token_is_shaped((struct view){l->buf, l->cut})) {
                        memcpy(l->buf + l->cut - 1, ELLIPSIS, dots);
                        l->used--;
                }
        }
        l->buf[l->used] = '\0';
}

/* A base-62 digit, of which ids and secrets are made. */
static bool is_digit(char c)
{
        return (unsigned char)(c - '0') < 10 || (unsigned char)((c | 0x20) - 'a') < 26;
}

static bool is_digit_at(struct view text, size_t at)
{
        return at < text.len && is_digit(text.ptr[at]);
}

/* The length of the prefix of a token that begins here, or 0. Wider than token_is_shaped(): an id
   that is too long, or runs into the secret for want of the dot, is taken for a token as well. */
static size_t token_prefix_at(struct view text, size_t at)
{
        size_t prefix, n = 0;

        if (text.len - at >= 3 && memcmp(text.ptr + at, "ak_", 3) == 0)
                prefix = 3;
        else if (text.len - at >= 4 && memcmp(text.ptr + at, "pat_", 4) == 0)
                prefix = 4;
        else
                return 0;
        at += prefix;
        while (n <= TOKEN_ID_LEN && is_digit_at(text, at + n))
                n++;
        if (n > TOKEN_ID_LEN)
                return prefix;
        return n == TOKEN_ID_LEN && at + n < text.len && text.ptr[at + n] == '.' ? prefix : 0;
}

/* Writes the key id for the token at `at` and returns the position behind all that may be secret in
   it: until an id's and a secret's worth of characters has gone by, whatever stands between them (a
   pasted token may hold line ends and blanks), and then on to the end of the word. */
static size_t put_token(struct line *l, struct view text, size_t at, size_t prefix)
{
        size_t owed = TOKEN_ID_LEN + TOKEN_SECRET_LEN;

        put(l, text.ptr + at, prefix + TOKEN_KEY_ID_MIN);
        put(l, ELLIPSIS, strlen(ELLIPSIS));
        at += prefix;
        for (; at < text.len && token_prefix_at(text, at) == 0; at++) {
                if (is_digit_at(text, at))
                        owed -= owed > 0;
                else if (owed == 0 && (text.ptr[at] == '\0' || !strchr("@._-", text.ptr[at])))
                        break;
        }
        return at;
}

/* Writes the run of base-62 characters that begins at `at`, or, where it is long enough to be a
   secret that lost its prefix, a word in its place. Returns the position behind what was taken: a
   token that begins within the run's last letters is left for the next step. */
static size_t put_run(struct line *l, struct view text, size_t at)
{
        size_t start = at, len = 0;

        while (is_digit_at(text, start + len))
                len++;
        if (len >= TOKEN_RANDOM_LEN)
                put(l, "[redacted]", strlen("[redacted]"));
        while (at < start + len && token_prefix_at(text, at) == 0)
                at++;
        if (len < TOKEN_RANDOM_LEN)
                put_letters(l, text.ptr + start, at - start);
        return at;
}

static void put_escaped(struct line *l, unsigned char byte)
{
        static const char hex[] = "0123456789abcdef";
        char escape[4] = {'\\', 'x', hex[byte >> 4], hex[byte & 15]};

        put(l, escape, sizeof(escape));
}

/* Any other character, as it is or escaped. A backslash is doubled, so that nobody can write what
   looks like an escape of ours. Returns the position behind it. */
static size_t put_other(struct line *l, struct view text, size_t at)
{
        unsigned char byte = (unsigned char)text.ptr[at];
        size_t len = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;

        if (byte == '\\') {
                put(l, "\\\\", 2);
                return at + 1;
        }
        if (byte >= 0x20 && byte < 0x7f) {
                put(l, text.ptr + at, 1);
                return at + 1;
        }
        /* What may stand alone as a label is printable. The length is the first byte's word for it,
           so that this is one character and the beginning of a token behind it is not swallowed. */
        if (len <= text.len - at && name_is_label((struct view){text.ptr + at, len})) {
                put(l, text.ptr + at, len);
                return at + len;
        }
        /* One byte, not the whole bad sequence: what follows it may be a character, or a token. */
        put_escaped(l, byte);
        return at + 1;
}

/* Does a token begin so shortly before the '_' at `at` that this ends its prefix? */
static bool ends_prefix(struct view text, size_t at)
{
        return (at >= 2 && token_prefix_at(text, at - 2) == 3) ||
               (at >= 3 && token_prefix_at(text, at - 3) == 4);
}

/* Nothing in it would be changed: printable ASCII, no token, no run as long as a secret. True of
   nearly all names, which are then copied in one piece. */
static bool is_harmless(struct view text)
{
        size_t run = 0;

        for (size_t at = 0; at < text.len; at++) {
                char c = text.ptr[at];

                if (is_digit(c)) {
                        if (++run >= TOKEN_RANDOM_LEN)
                                return false;
                        continue;
                }
                run = 0;
                if (c < 0x20 || c > 0x7e || c == '\\' || (c == '_' && ends_prefix(text, at)))
                        return false;
        }
        return true;
}

const char *logsafe(struct view text, char *buf, size_t size)
{
        struct line l = {.buf = buf, .size = size};
        size_t at = 0;

        if (size == 0)
                return "";
        /* A dash, and not nothing: that somebody sent an empty name looks different. */
        if (!text.ptr)
                text = VIEW("-");
        if (text.len < size && is_harmless(text)) {
                memcpy(buf, text.ptr, text.len);
                buf[text.len] = '\0';
                return buf;
        }
        while (at < text.len && !l.full) {
                size_t prefix = token_prefix_at(text, at);

                if (prefix > 0)
                        at = put_token(&l, text, at, prefix);
                else if (is_digit_at(text, at))
                        at = put_run(&l, text, at);
                else
                        at = put_other(&l, text, at);
        }
        finish(&l);
        return buf;
}
