/*
 * Calls that fail, for a test program that is linked with faulty_calls.c: those into libc, SQLite,
 * libsodium and libsystemd that come from the program itself. Test code only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* From here on the n-th fails; 0: none, and it is noted which come from a new place: through a way
   of functions that no call before came through. */
void faulty_calls_begin(unsigned n);
/* Off: calls are not counted meanwhile, and do not fail. */
void faulty_calls_turn(bool on);
/* Nothing fails from here on. Returns whether something did. */
bool faulty_calls_end(void);
/* After the noting: the number of places, and the number of the first call from each. */
size_t faulty_calls_places(const unsigned **ret);
/* Each how-manieth place a test takes: 1, or more where calls take many times as long. */
unsigned faulty_calls_step(void);
