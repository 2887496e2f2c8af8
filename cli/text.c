#include "cli/text.h"

#include <locale.h>
#include <stddef.h>
#include <string.h>
#include <wchar.h>

#include "common/name.h"

#define CHARACTER_MAX 4

void text_init(void)
{
        /* Never the user's own locale: what we get and print is UTF-8, whatever LANG says. Where
           there is no such locale every character counts as one column, and only the alignment
           suffers. */
        (void)setlocale(LC_CTYPE, "C.UTF-8");
}

/* Length of the sequence that the first byte announces. */
static size_t announced_length(unsigned char byte)
{
        if (byte < 0xc0)
                return 1;
        return byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
}

/* The rule for labels is the rule for what can be shown; the letter before the character lets
   blanks pass, which alone are no label. */
static bool is_printable(struct view character)
{
        char probe[1 + CHARACTER_MAX] = "x";

        memcpy(probe + 1, character.ptr, character.len);
        return name_is_label((struct view){probe, 1 + character.len});
}

bool text_next(struct view *rest, struct view *ret_bytes, bool *ret_printable)
{
        size_t len;

        if (rest->len == 0)
                return false;
        if (rest->ptr[0] >= 0x20 && rest->ptr[0] < 0x7f) {
                /* Nearly every character of a list of a million rows. */
                *ret_bytes = (struct view){rest->ptr++, 1};
                rest->len--;
                *ret_printable = true;
                return true;
        }
        len = announced_length((unsigned char)rest->ptr[0]);
        if (len > rest->len)
                len = 1;
        *ret_printable = is_printable((struct view){rest->ptr, len});
        /* A byte at a time out of a bad sequence: what follows may be a character of its own. */
        if (!*ret_printable)
                len = 1;
        *ret_bytes = (struct view){rest->ptr, len};
        rest->ptr += len;
        rest->len -= len;
        return true;
}

void text_put_safe(struct buffer *b, struct view text)
{
        struct view character;
        bool printable;

        while (text_next(&text, &character, &printable)) {
                if (printable)
                        buffer_put_view(b, character);
                else
                        buffer_printf(b, "\\x%02x", (unsigned char)character.ptr[0]);
        }
}

/* The code point of a printable, hence well-formed, character. */
static wchar_t code_point(struct view character)
{
        static const unsigned char mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
        unsigned c = (unsigned char)character.ptr[0] & mask[character.len];

        for (size_t i = 1; i < character.len; i++)
                c = c << 6 | ((unsigned char)character.ptr[i] & 0x3fu);
        return (wchar_t)c;
}

static unsigned character_width(struct view character)
{
        int width;

        if (character.len == 1)
                return 1;
        width = wcwidth(code_point(character));
        /* Not in the C library's table yet: most likely one. */
        return width < 0 ? 1 : (unsigned)width;
}

unsigned text_width(struct view safe)
{
        struct view character;
        bool printable;
        unsigned width = 0;

        while (text_next(&safe, &character, &printable))
                width += printable ? character_width(character) : 1;
        return width;
}

/* The longest front of safe text that takes at most `columns`. */
static struct view front_of(struct view safe, unsigned columns)
{
        struct view rest = safe, character;
        bool printable;
        unsigned width = 0;

        while (text_next(&rest, &character, &printable)) {
                width += printable ? character_width(character) : 1;
                if (width > columns)
                        return (struct view){safe.ptr, (size_t)(character.ptr - safe.ptr)};
        }
        return safe;
}

void text_put_cut(struct buffer *b, struct view safe, unsigned columns)
{
        if (text_width(safe) <= columns) {
                buffer_put_view(b, safe);
                return;
        }
        if (columns == 0)
                return;
        buffer_put_view(b, front_of(safe, columns - 1));
        buffer_puts(b, "…");
}

/* The next word and the blanks before it. */
static struct view next_word(struct view rest)
{
        size_t end = 0;

        while (end < rest.len && rest.ptr[end] == ' ')
                end++;
        while (end < rest.len && rest.ptr[end] != ' ')
                end++;
        return (struct view){rest.ptr, end};
}

void text_put_wrapped(struct buffer *b, struct view safe, unsigned indent, unsigned columns)
{
        unsigned used = 0;

        while (safe.len > 0) {
                struct view word = next_word(safe);
                unsigned width = text_width(word);

                safe.ptr += word.len;
                safe.len -= word.len;
                if (columns > 0 && used > 0 && used + width > columns) {
                        buffer_puts(b, "\n");
                        buffer_fill(b, ' ', indent);
                        used = 0;
                        while (word.len > 0 && word.ptr[0] == ' ') {
                                word.ptr++;
                                word.len--;
                        }
                        width = text_width(word);
                }
                buffer_put_view(b, word);
                used += width;
        }
}
