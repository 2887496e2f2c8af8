#include "daemon/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <syslog.h>

#define LOG_LINE_SIZE 2048
/* How long a reader of standard error may keep the daemon waiting: longer, and the line is lost. */
#define LOG_WAIT_MS 20

static bool stderr_is_journal(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        uintmax_t device, inode;
        struct stat st;

        if (!stream || sscanf(stream, "%ju:%ju", &device, &inode) != 2)
                return false;
        /* Compared, because the variable is inherited by what redirects its own output elsewhere.
         */
        return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

bool log_has_journal(void)
{
        return access(LOG_JOURNAL_SOCKET, F_OK) == 0;
}

bool log_is_journal(void)
{
        static atomic_int known; /* 0: not looked yet; it does not change while we run */
        int is = atomic_load(&known);

        if (is == 0) {
                is = stderr_is_journal() ? 1 : -1;
                atomic_store(&known, is);
        }
        return is > 0;
}

/* A full pipe whose reader sleeps must not stop logins. */
static bool stderr_is_ready(void)
{
        struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};

        return poll(&p, 1, LOG_WAIT_MS) == 1 && (p.revents & POLLOUT);
}

void log_line(int priority, const char *format, ...)
{
        char line[LOG_LINE_SIZE], prefix[32] = "orgtokend: ";
        int saved = errno, start, n;
        va_list ap;

        if (log_is_journal())
                (void)snprintf(prefix, sizeof(prefix), "<%d>", priority & LOG_PRIMASK);
        start = snprintf(line, sizeof(line), "%s", prefix);
        va_start(ap, format);
        n = vsnprintf(line + start, sizeof(line) - (size_t)start - 1, format, ap);
        va_end(ap);
        if (n >= 0) {
                size_t len = (size_t)start + (size_t)n;

                if (len > sizeof(line) - 2)
                        len = sizeof(line) - 2;
                line[len++] = '\n';
                /* One write a line, so that lines of two threads do not mix. What is lost here is
                   lost: there is nobody left to tell. */
                if (stderr_is_ready() && write(STDERR_FILENO, line, len) < 0)
                        errno = saved;
        }
        errno = saved;
}
