/*
 * What common/secret.c must never be: a comparison that stops at the first difference. Linked in
 * its place into the controls of the timing measurement, which have to see it. LEAK in the
 * environment: how much slower than need be each equal byte is, in rounds of a loop.
 */
#include "common/secret.h"

#include <stdlib.h>
#include <string.h>

void secret_wipe(void *p, size_t len)
{
        if (len > 0)
                explicit_bzero(p, len);
}

char *secret_free_string(char *s)
{
        free(s);
        return NULL;
}

static int leak_rounds(void)
{
        static int rounds = -1;

        if (rounds < 0)
                rounds = getenv("LEAK") ? atoi(getenv("LEAK")) : 0;
        return rounds;
}

bool secret_equal(const void *a, const void *b, size_t len)
{
        const volatile unsigned char *x = a, *y = b;
        const int rounds = leak_rounds();

        for (size_t i = 0; i < len; i++) {
                if (x[i] != y[i])
                        return false;
                for (volatile int n = 0; n < rounds; n++)
                        continue;
        }
        return true;
}

void secret_buffer_wipe(struct secret_buffer *b)
{
        secret_wipe(b, sizeof(*b));
}
