/*
 * A growing buffer of bytes: what the command is about to print. It may hold a token, so it is
 * wiped wherever it moves or ends. A failed allocation is remembered and told once, at the end.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/cleanup.h"
#include "common/view.h"

struct buffer {
        char *bytes;
        size_t len;
        size_t size;
        bool failed; /* out of memory: something is missing, so nothing of it may be used */
};

void buffer_put(struct buffer *b, const void *bytes, size_t len);
void buffer_puts(struct buffer *b, const char *s);
void buffer_put_view(struct buffer *b, struct view v);
/* count times the character c. */
void buffer_fill(struct buffer *b, char c, size_t count);
void buffer_printf(struct buffer *b, const char *format, ...) _format_(2, 3);
void buffer_vprintf(struct buffer *b, const char *format, va_list arguments) _format_(2, 0);

/* What is in it, valid until the next change. Never absent. */
struct view buffer_view(const struct buffer *b);

/* Empties it without giving the memory back; for scratch that holds no secret. */
void buffer_clear(struct buffer *b);

/* Wipes, frees, and makes it empty again. */
void buffer_wipe(struct buffer *b);
