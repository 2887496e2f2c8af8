/*
 * Bounds-checked cursors over a packet, one for reading and one for writing, with a sticky error: a
 * failed step makes every later one fail too, so that a parser checks once at its end. No pointer
 * arithmetic on packets happens anywhere else.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/view.h"

struct wirebuf_reader {
        const uint8_t *next;
        size_t left;
        bool failed;
};

struct wirebuf_writer {
        uint8_t *start;
        size_t size;
        size_t used;
        bool failed;
};

void wirebuf_reader_init(struct wirebuf_reader *r, const void *bytes, size_t len);
/* Each takes from the front; on too few bytes the result is 0 (or absent) and failed is set.
   Integers are little-endian. */
uint8_t wirebuf_get_u8(struct wirebuf_reader *r);
uint16_t wirebuf_get_u16(struct wirebuf_reader *r);
uint32_t wirebuf_get_u32(struct wirebuf_reader *r);
uint64_t wirebuf_get_u64(struct wirebuf_reader *r);
/* A view of the next len bytes. */
struct view wirebuf_get_bytes(struct wirebuf_reader *r, size_t len);
/* True where nothing failed and nothing is left. */
bool wirebuf_reader_is_done(const struct wirebuf_reader *r);

void wirebuf_writer_init(struct wirebuf_writer *w, void *bytes, size_t size);
/* Each appends; where it does not fit, nothing is written and failed is set. */
void wirebuf_put_u8(struct wirebuf_writer *w, uint8_t v);
void wirebuf_put_u16(struct wirebuf_writer *w, uint16_t v);
void wirebuf_put_u32(struct wirebuf_writer *w, uint32_t v);
void wirebuf_put_u64(struct wirebuf_writer *w, uint64_t v);
void wirebuf_put_bytes(struct wirebuf_writer *w, const void *bytes, size_t len);
