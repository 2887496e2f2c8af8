#include "cli/json.h"

#include <inttypes.h>
#include <stddef.h>

#include "cli/text.h"
#include "common/expiry.h"
#include "common/name.h"

/* Appends a code point as UTF-16 escapes, which is how JSON spells what it cannot or should not
 * hold. */
static void put_escape(struct buffer *out, uint32_t c)
{
        if (c == '\n' || c == '\t') {
                buffer_puts(out, c == '\n' ? "\\n" : "\\t");
        } else if (c >= 0x10000) {
                c -= 0x10000;
                buffer_printf(out, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd800 + (c >> 10),
                              0xdc00 + (c & 0x3ff));
        } else {
                buffer_printf(out, "\\u%04" PRIx32, c);
        }
}

/* A well-formed character that is not printable, at the front of rest: its code point and length. 0
   where the front is no UTF-8. */
static size_t decode(struct view rest, uint32_t *ret)
{
        static const unsigned char mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};

        for (size_t len = 1; len <= 4 && len <= rest.len; len++) {
                struct view bytes = {rest.ptr, len};
                uint32_t c = (unsigned char)rest.ptr[0] & mask[len];

                /* A NUL is well-formed here, though no C string could hold it. */
                if (rest.ptr[0] != '\0' && !name_is_utf8(bytes))
                        continue;
                for (size_t i = 1; i < len; i++)
                        c = c << 6 | ((unsigned char)rest.ptr[i] & 0x3fu);
                *ret = c;
                return len;
        }
        return 0;
}

static void put_unprintable(struct buffer *out, struct view *rest)
{
        uint32_t c = 0;
        size_t len = decode(*rest, &c);

        /* RFC 8259 section 8.1: a document is UTF-8. What is not gets the replacement character. */
        put_escape(out, len > 0 ? c : 0xfffd);
        rest->ptr += len > 0 ? len : 1;
        rest->len -= len > 0 ? len : 1;
}

static void put_string(struct buffer *out, struct view text)
{
        buffer_puts(out, "\"");
        while (text.len > 0) {
                struct view rest = text, character;
                bool printable;

                (void)text_next(&rest, &character, &printable);
                if (!printable) {
                        put_unprintable(out, &text);
                        continue;
                }
                if (character.ptr[0] == '"' || character.ptr[0] == '\\')
                        buffer_puts(out, "\\");
                buffer_put_view(out, character);
                text = rest;
        }
        buffer_puts(out, "\"");
}

/* The comma and the name before a value. Elements of the document's lists get a line each, so that
   a long one can be read and searched. */
static void begin_value(struct json *j, const char *name)
{
        if (j->comma)
                buffer_puts(j->out, ",");
        if (!name && j->depth == 2)
                buffer_puts(j->out, "\n");
        else if (j->comma)
                buffer_puts(j->out, " ");
        if (name) {
                put_string(j->out, view_of(name));
                buffer_puts(j->out, ": ");
        }
        j->comma = true;
}

static void begin_level(struct json *j, const char *name, const char *bracket)
{
        begin_value(j, name);
        buffer_puts(j->out, bracket);
        j->depth++;
        j->comma = false;
}

static void end_level(struct json *j, const char *bracket)
{
        j->depth--;
        j->comma = true;
        buffer_puts(j->out, bracket);
        if (j->depth == 0)
                buffer_puts(j->out, "\n");
}

void json_begin_object(struct json *j, const char *name)
{
        begin_level(j, name, "{");
}

void json_end_object(struct json *j)
{
        end_level(j, "}");
}

void json_begin_list(struct json *j, const char *name)
{
        begin_level(j, name, "[");
}

void json_end_list(struct json *j)
{
        end_level(j, "]");
}

void json_text(struct json *j, const char *name, struct view text)
{
        if (!text.ptr) {
                json_null(j, name);
                return;
        }
        begin_value(j, name);
        put_string(j->out, text);
}

void json_number(struct json *j, const char *name, int64_t number)
{
        begin_value(j, name);
        buffer_printf(j->out, "%" PRId64, number);
}

void json_bool(struct json *j, const char *name, bool value)
{
        begin_value(j, name);
        buffer_puts(j->out, value ? "true" : "false");
}

void json_null(struct json *j, const char *name)
{
        begin_value(j, name);
        buffer_puts(j->out, "null");
}

void json_time(struct json *j, const char *name, int64_t when)
{
        if (when == EXPIRY_NEVER)
                json_null(j, name);
        else
                json_number(j, name, when);
}
