#include "tests/support/stepped_clock.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

/* A daemon whose clock is not the one that was asked for proves nothing. */
static const struct stepped_clock *find_steps(void)
{
        static const struct stepped_clock *_Atomic steps;

        if (!steps) {
                const char *path = getenv("STEPPED_CLOCK");
                int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
                void *p = mmap(NULL, sizeof(*steps), PROT_READ, MAP_SHARED, fd, 0);

                if (p == MAP_FAILED)
                        abort();
                (void)close(fd);
                steps = p;
        }
        return steps;
}

EXPORTED int clock_gettime(clockid_t clock, struct timespec *ret)
{
        int r = (int)syscall(SYS_clock_gettime, clock, ret);

        if (r < 0)
                return r;
        if (clock == CLOCK_REALTIME)
                ret->tv_sec += find_steps()->real;
        else if (clock == CLOCK_MONOTONIC)
                ret->tv_sec += find_steps()->monotonic;
        else if (clock == CLOCK_BOOTTIME)
                ret->tv_sec += find_steps()->boot;
        return 0;
}

/* The event loop sets its timers by the monotonic clock, to a moment on it. */
EXPORTED int timerfd_settime(int fd, int flags, const struct itimerspec *new_value,
                             struct itimerspec *old_value)
{
        struct itimerspec value = *new_value;

        if ((flags & TFD_TIMER_ABSTIME) && value.it_value.tv_sec > find_steps()->monotonic)
                value.it_value.tv_sec -= find_steps()->monotonic;
        return (int)syscall(SYS_timerfd_settime, fd, flags, &value, old_value);
}
