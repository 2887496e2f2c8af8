/*
 * A borrowed stretch of bytes: pointer and length, no ownership, no terminator. Parsers return
 * views into what they were given, so that a token's bytes are never copied. A view with ptr NULL
 * is "absent"; one with len 0 and a pointer is "empty".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct view {
        const char *ptr;
        size_t len;
};

#define VIEW_ABSENT ((struct view){NULL, 0})
/* A view of a string literal. */
#define VIEW(literal) ((struct view){("" literal), sizeof(literal) - 1})

/* A view of a NUL-terminated string; absent for NULL. */
static inline struct view view_of(const char *s)
{
        return s ? (struct view){s, strlen(s)} : VIEW_ABSENT;
}

static inline struct view view_of_bytes(const void *p, size_t len)
{
        return (struct view){p, len};
}

/* True where there is nothing in it, absent or empty. */
static inline bool view_is_empty(struct view v)
{
        return !v.ptr || v.len == 0;
}

/* Byte equality. Never for secrets: see secret_equal(). Two empty views are equal. */
static inline bool view_equal(struct view a, struct view b)
{
        return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool view_equal_str(struct view a, const char *s)
{
        return view_equal(a, view_of(s));
}

/* Copies v and a NUL into buf. False, and buf an empty string, where it does not fit or v holds a
   NUL byte itself. */
static inline bool view_copy(struct view v, char *buf, size_t size)
{
        if (size == 0)
                return false;
        buf[0] = '\0';
        if (v.len >= size || (v.len > 0 && memchr(v.ptr, '\0', v.len)))
                return false;
        if (v.len > 0)
                memcpy(buf, v.ptr, v.len);
        buf[v.len] = '\0';
        return true;
}
