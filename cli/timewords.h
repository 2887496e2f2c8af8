/*
 * Times and spans in the words of a terminal: "in 12 days", "3 min ago", "90 days". Pure; `now` is
 * passed in. What a script should read is the number, in --json.
 */
#pragma once

#include <stdint.h>

#include "common/view.h"

#define TIMEWORDS_SIZE 32

/* "in 12 days", "3 min ago", "now"; "never" for EXPIRY_NEVER. A time to come is rounded to the
   nearest unit and a past one down, so that what was just made for 30 days reads "in 30 days".
   Returns ret. */
const char *timewords_relative(int64_t when, int64_t now, char ret[static TIMEWORDS_SIZE]);

/* A span exactly, in the largest unit that divides it: "90 days", "36 h". Returns ret. */
const char *timewords_span(int64_t seconds, char ret[static TIMEWORDS_SIZE]);

/* A span roughly, in its two largest units: "3 days 4 h". Returns ret. */
const char *timewords_about(int64_t seconds, char ret[static TIMEWORDS_SIZE]);

/* A span as people type it for filters and policies: a number and s, m, h or d, from 1 s to 3650 d.
   0; -EINVAL: none; -ERANGE: outside. */
int timewords_parse_span(struct view text, int64_t *ret);
const char *timewords_span_rule(void);
