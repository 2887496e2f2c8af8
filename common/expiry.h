/*
 * Times that people type: WHEN (orgtoken(1), "Values"), DURATION, and is it past. Seconds since the
 * epoch, UTC; `now` is always passed in. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/view.h"

#define EXPIRY_NEVER    INT64_MAX
#define EXPIRY_MAX      INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define EXPIRY_DAY      INT64_C(86400)
#define EXPIRY_DAYS_MAX 365
#define DURATION_MAX    (90 * EXPIRY_DAY)

/* WHEN in the future: 1d … 365d · never · YYYY-MM-DD (its start, UTC) · RFC 3339 · @EPOCH.
   0 and the second from which the token is expired, or EXPIRY_NEVER. -EINVAL: not a WHEN;
   -ERANGE: a preset over 365d, or a time after the year 9999; -ETIME: not after now. */
int expiry_parse(struct view text, int64_t now, int64_t *ret);

/* WHEN in the past, for --used-since: 1d … 365d (ago) · date · RFC 3339 · @EPOCH; not after now.
   0, -EINVAL, -ERANGE, or -ETIME where it lies after now. */
int expiry_parse_past(struct view text, int64_t now, int64_t *ret);

/* DURATION: 30s 10m 2h 7d, at most 90d; "0s" is allowed. 0, -EINVAL, -ERANGE. */
int duration_parse(struct view text, int64_t *ret);

/* What is accepted, for messages. Static storage. */
const char *expiry_rule(void);
const char *expiry_past_rule(void);
const char *duration_rule(void);

/* now >= expires_at; never for EXPIRY_NEVER. */
bool expiry_is_past(int64_t expires_at, int64_t now);

/* "2026-11-23T10:00:00Z" and a NUL; "never" for EXPIRY_NEVER. */
#define EXPIRY_TEXT_SIZE 32
void expiry_format(int64_t when, char ret[static EXPIRY_TEXT_SIZE]);
