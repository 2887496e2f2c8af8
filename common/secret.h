/*
 * The only wiping and the only constant-time comparison in the tree. Compilers delete a memset()
 * that precedes a free() or a return; explicit_bzero() in secret.c is what stays. Nothing else may
 * wipe.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Overwrites len bytes at p so that the compiler cannot leave it out. p may be NULL with len 0. */
void secret_wipe(void *p, size_t len);

/* Wipes and frees a heap string; NULL is fine; returns NULL. */
char *secret_free_string(char *s);

/* Compares two buffers of len bytes in a time that depends on len alone. */
bool secret_equal(const void *a, const void *b, size_t len);

/* A buffer that wipes itself at the end of its scope:
   _cleanup_(secret_buffer_wipe) struct secret_buffer b = {0}; */
#define SECRET_BUFFER_SIZE 4096
struct secret_buffer {
        size_t len;
        unsigned char bytes[SECRET_BUFFER_SIZE];
};
void secret_buffer_wipe(struct secret_buffer *b);
