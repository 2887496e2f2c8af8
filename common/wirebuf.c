#include "common/wirebuf.h"

#include <string.h>

void wirebuf_reader_init(struct wirebuf_reader *r, const void *bytes, size_t len)
{
        *r = (struct wirebuf_reader){.next = bytes, .left = len};
}

/* The one place that takes bytes from a packet: NULL, and nothing from then on, where there are too
 * few. */
static const uint8_t *take(struct wirebuf_reader *r, size_t len)
{
        const uint8_t *taken = r->next;

        if (r->failed || len > r->left) {
                r->failed = true;
                return NULL;
        }
        if (len > 0) {
                r->next += len;
                r->left -= len;
        }
        return taken;
}

static uint64_t take_number(struct wirebuf_reader *r, size_t len)
{
        const uint8_t *bytes = take(r, len);
        uint64_t v = 0;

        if (!bytes)
                return 0;
        for (size_t i = len; i > 0; i--)
                v = v << 8 | bytes[i - 1];
        return v;
}

uint8_t wirebuf_get_u8(struct wirebuf_reader *r)
{
        return (uint8_t)take_number(r, sizeof(uint8_t));
}

uint16_t wirebuf_get_u16(struct wirebuf_reader *r)
{
        return (uint16_t)take_number(r, sizeof(uint16_t));
}

uint32_t wirebuf_get_u32(struct wirebuf_reader *r)
{
        return (uint32_t)take_number(r, sizeof(uint32_t));
}

uint64_t wirebuf_get_u64(struct wirebuf_reader *r)
{
        return take_number(r, sizeof(uint64_t));
}

struct view wirebuf_get_bytes(struct wirebuf_reader *r, size_t len)
{
        const uint8_t *bytes = take(r, len);

        return bytes ? view_of_bytes(bytes, len) : VIEW_ABSENT;
}

bool wirebuf_reader_is_done(const struct wirebuf_reader *r)
{
        return !r->failed && r->left == 0;
}

void wirebuf_writer_init(struct wirebuf_writer *w, void *bytes, size_t size)
{
        *w = (struct wirebuf_writer){.start = bytes, .size = size};
}

/* The one place that appends to a packet: room for len bytes, or NULL from then on. */
static uint8_t *make_room(struct wirebuf_writer *w, size_t len)
{
        uint8_t *room;

        if (w->failed || len > w->size - w->used) {
                w->failed = true;
                return NULL;
        }
        room = w->start + w->used;
        w->used += len;
        return room;
}

static void put_number(struct wirebuf_writer *w, uint64_t v, size_t len)
{
        uint8_t *room = make_room(w, len);

        for (size_t i = 0; room && i < len; i++)
                room[i] = (uint8_t)(v >> (8 * i));
}

void wirebuf_put_u8(struct wirebuf_writer *w, uint8_t v)
{
        put_number(w, v, sizeof(v));
}

void wirebuf_put_u16(struct wirebuf_writer *w, uint16_t v)
{
        put_number(w, v, sizeof(v));
}

void wirebuf_put_u32(struct wirebuf_writer *w, uint32_t v)
{
        put_number(w, v, sizeof(v));
}

void wirebuf_put_u64(struct wirebuf_writer *w, uint64_t v)
{
        put_number(w, v, sizeof(v));
}

void wirebuf_put_bytes(struct wirebuf_writer *w, const void *bytes, size_t len)
{
        uint8_t *room;

        /* memcpy() may not be given NULL, not even for no bytes. */
        if (len == 0)
                return;
        room = make_room(w, len);
        if (room)
                memcpy(room, bytes, len);
}
