/* The daemon's side of the wire: any bytes as a request. What is accepted must have one form
   (encoding it gives the same bytes) and views that stay inside the packet. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
        if (!holds)
                abort();
}

static void check_inside(struct view v, const uint8_t *data, size_t size)
{
        uintptr_t at = (uintptr_t)v.ptr, start = (uintptr_t)data;

        if (v.ptr)
                must(v.len > 0 && at >= start && at - start <= size &&
                     v.len <= size - (at - start));
}

static void check_fields(const struct wire_message *m, const uint8_t *data, size_t size)
{
        for (unsigned f = 0; f < WIRE_FIELD_COUNT; f++) {
                const struct view *entries;
                size_t len;

                check_inside(wire_text(m, (enum wire_field)f), data, size);
                entries = wire_list(m, (enum wire_field)f, &len);
                must(len <= WIRE_LIST_MAX);
                for (size_t i = 0; i < len; i++)
                        check_inside(entries[i], data, size);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t again[WIRE_PACKET_MAX];
        struct wire_message m;
        size_t len;

        if (wire_decode(data, size, &m) < 0)
                return 0;
        check_fields(&m, data, size);
        must(wire_encode(&m, again, sizeof(again), &len) == 0);
        must(len == size && memcmp(again, data, size) == 0);
        return 0;
}
