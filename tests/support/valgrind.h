/*
 * Whether valgrind runs this program. It takes thirty times as long, so what a test repeats for the
 * sake of numbers it repeats less often there: the lines are the same.
 */
#pragma once

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool valgrind_is_here(void)
{
        const char *preloaded = getenv("LD_PRELOAD");

        return preloaded && strstr(preloaded, "vgpreload");
}
