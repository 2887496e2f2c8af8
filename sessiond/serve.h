/*
 * One question of the daemon's after the other: who asks, which session, what logind says, the
 * answer. Owns the sessions that were told to end and have not yet: what is still there after
 * SERVE_PATIENCE_SECONDS is killed, so that no process stays by not listening.
 */
#pragma once

#include <stdint.h>

#define SERVE_PATIENCE_SECONDS 3
#define SERVE_IDLE_SECONDS     30
#define SERVE_REQUEST_MS       1000

/* Answers on the listening socket until nobody has asked for SERVE_IDLE_SECONDS and nothing is left
   to be done. Only uid is listened to: a caller of another gets no answer. 0, or a negative errno:
   the socket is no good. */
int serve(int listener, int64_t uid);
