#include "tests/support/captured.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static char text[64 * 1024];
static int file = -1, shown = -1;

static void must(int r, const char *what)
{
        if (r >= 0)
                return;
        perror(what);
        abort();
}

void captured_begin(void)
{
        must(file = memfd_create("stderr", MFD_CLOEXEC), "memfd_create");
        must(shown = dup(STDERR_FILENO), "dup");
        must(dup2(file, STDERR_FILENO), "dup2");
}

const char *captured_end(void)
{
        ssize_t n;

        must(dup2(shown, STDERR_FILENO), "dup2");
        must(close(shown), "close");
        n = pread(file, text, sizeof(text) - 1, 0);
        must((int)n, "pread");
        text[n] = '\0';
        must(close(file), "close");
        return text;
}
