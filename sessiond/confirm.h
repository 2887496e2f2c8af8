/*
 * Is this session of logind the one that the daemon remembers? The one rule of orgtoken-sessiond:
 * nothing is ended that does not fit it. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/name.h"

/* Longer than pam_systemd and the modules behind it take, shorter than a host reboots and counts
   its processes up to the same number again. */
#define CONFIRM_SECONDS 120

/* What the daemon asks for. */
struct wanted {
        char id[33]; /* logind's, as PAM's environment had it */
        int64_t leader;
        int64_t opened_at;               /* of the clock */
        char account[NAME_USER_MAX + 1]; /* whose it has to be */
        int64_t uid;                     /* of the account; -1: the host has no such account now */
};

/* What logind says of one. */
struct session {
        char id[33];
        int64_t uid;
        char name[NAME_USER_MAX + 1]; /* of the user, as it was when the session began */
        int64_t leader;
        int64_t since_us; /* of the clock */
};

/* True where uid (or, for an account that was deleted, the name), leader and time all agree. The id
   is not asked for: a person can write their own into the environment, and the leader is the
   kernel's word. */
bool confirm_is_same(const struct wanted *wanted, const struct session *session);
