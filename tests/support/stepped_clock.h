/*
 * Clocks that a test sets: linked into a daemon of its own (tests/support/stepped_orgtokend), where
 * it stands before libc's. How far each clock is from the kernel's is in a file that the test maps
 * too; STEPPED_CLOCK in the environment is its path. Timers follow the stepped monotonic clock.
 */
#pragma once

#include <stdint.h>

/* Seconds that are added to the kernel's. */
struct stepped_clock {
        _Atomic int64_t real;
        _Atomic int64_t monotonic;
        _Atomic int64_t boot;
};
