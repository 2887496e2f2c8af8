/*
 * Cleanup attributes and the handing-on of ownership. Every constructor in the tree releases
 * through these, so that a half-built object never leaks. Owns nothing at run time.
 */
#pragma once

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _unused_     __attribute__((unused))
/* For a large buffer of which only what was written is read: kilobytes of pattern for each of a
   request's rows cost more than the row. Never for anything that is a status or becomes one. */
#define _unfilled_     __attribute__((uninitialized))
#define _format_(f, a) __attribute__((format(printf, f, a)))

/* Takes the value out of *p and leaves NULL: the caller owns it now and no cleanup runs on it. */
#define steal_ptr(p)                                                                               \
        ({                                                                                         \
                __typeof__(p) steal_p_ = (p);                                                      \
                (p) = NULL;                                                                        \
                steal_p_;                                                                          \
        })

/* Takes the descriptor out of *fd and leaves -1. */
static inline int steal_fd(int *fd)
{
        int r = *fd;

        *fd = -1;
        return r;
}

/* Closes *fd unless it is negative; errno is kept, so it may run on an error path. */
static inline void close_fdp(int *fd)
{
        int saved = errno;

        if (*fd >= 0)
                (void)close(*fd);
        *fd = -1;
        errno = saved;
}

/* free() for a pointer variable of any type. */
static inline void freep(void *p)
{
        free(*(void **)p);
}

/* Defines name##p(), which applies free_func to a pointer variable; free_func takes NULL. */
#define DEFINE_CLEANUP(type, free_func)                                                            \
        static inline void free_func##p(type *p)                                                   \
        {                                                                                          \
                (void)free_func(*p);                                                               \
        }                                                                                          \
        struct cleanup_semicolon_
