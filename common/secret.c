#include "common/secret.h"

#include <stdlib.h>
#include <string.h>

void secret_wipe(void *p, size_t len)
{
        /* NULL with 0 is allowed here, and passing it on would not be. */
        if (len > 0)
                explicit_bzero(p, len);
}

char *secret_free_string(char *s)
{
        /* Before free(), which does not clear what it gives to the next malloc(). */
        if (s)
                secret_wipe(s, strlen(s));
        free(s);
        return NULL;
}

bool secret_equal(const void *a, const void *b, size_t len)
{
        /* volatile: the compiler may neither stop at the first difference nor call memcmp(). */
        const volatile unsigned char *x = a, *y = b;
        unsigned difference = 0;

        for (size_t i = 0; i < len; i++)
                difference |= (unsigned)(x[i] ^ y[i]);
        /* One answer at the end: where they differ is not for anybody to measure. */
        return difference == 0;
}

void secret_buffer_wipe(struct secret_buffer *b)
{
        /* All of it, not only len bytes: a shorter packet may have followed a longer one. */
        secret_wipe(b, sizeof(*b));
}
