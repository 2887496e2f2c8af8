#include "cli/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/secret.h"

#define FIRST_SIZE 512

/* No realloc(): it leaves the old bytes behind in freed memory, and there may be a token among
 * them. */
static bool grow(struct buffer *b, size_t need)
{
        size_t size = b->size > 0 ? b->size : FIRST_SIZE;
        char *bytes;

        while (size < need) {
                if (size > (size_t)-1 / 2)
                        return false;
                size *= 2;
        }
        bytes = malloc(size);
        if (!bytes)
                return false;
        if (b->len > 0)
                memcpy(bytes, b->bytes, b->len);
        secret_wipe(b->bytes, b->size);
        free(b->bytes);
        b->bytes = bytes;
        b->size = size;
        return true;
}

/* Room for len more bytes, or NULL from the first failure on. */
static char *make_room(struct buffer *b, size_t len)
{
        if (b->failed || len > (size_t)-1 - b->len ||
            (b->len + len > b->size && !grow(b, b->len + len))) {
                b->failed = true;
                return NULL;
        }
        return b->bytes + b->len;
}

void buffer_put(struct buffer *b, const void *bytes, size_t len)
{
        char *room;

        if (len == 0)
                return;
        room = make_room(b, len);
        if (!room)
                return;
        memcpy(room, bytes, len);
        b->len += len;
}

void buffer_puts(struct buffer *b, const char *s)
{
        buffer_put(b, s, strlen(s));
}

void buffer_put_view(struct buffer *b, struct view v)
{
        buffer_put(b, v.ptr, v.len);
}

void buffer_fill(struct buffer *b, char c, size_t count)
{
        for (size_t i = 0; i < count; i++)
                buffer_put(b, &c, 1);
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        buffer_vprintf(b, format, arguments);
        va_end(arguments);
}

void buffer_vprintf(struct buffer *b, const char *format, va_list arguments)
{
        va_list again;
        char *room;
        int len;

        va_copy(again, arguments);
        len = vsnprintf(NULL, 0, format, again);
        va_end(again);
        room = len < 0 ? NULL : make_room(b, (size_t)len + 1);
        if (!room) {
                b->failed = true;
                return;
        }
        (void)vsnprintf(room, (size_t)len + 1, format, arguments);
        b->len += (size_t)len;
}

struct view buffer_view(const struct buffer *b)
{
        return b->bytes ? (struct view){b->bytes, b->len} : VIEW("");
}

void buffer_clear(struct buffer *b)
{
        b->len = 0;
}

void buffer_wipe(struct buffer *b)
{
        secret_wipe(b->bytes, b->size);
        free(b->bytes);
        *b = (struct buffer){0};
}
