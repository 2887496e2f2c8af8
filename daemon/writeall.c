#include "daemon/writeall.h"

#include <errno.h>
#include <unistd.h>

int writeall(int fd, const void *bytes, size_t len)
{
        const char *next = bytes;

        while (len > 0) {
                ssize_t n = write(fd, next, len);

                if (n < 0)
                        return -errno;
                next += n;
                len -= (size_t)n;
        }
        return 0;
}
