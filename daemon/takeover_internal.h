/*
 * What the two files of takeover.h share: the tokens' in takeover.c, all other rows' in
 * takeover_rights.c.
 */
#pragma once

#include "daemon/takeover.h"

#define TAKEOVER_PAGE 64 /* rows read before the first of them is written */

struct takeover {
        struct sealed to;
        struct sealed from; /* the store in place, read only */
        int64_t now;
        struct takeover_report report;
};

struct takeover_page {
        size_t count;
        union {
                struct record_member member[TAKEOVER_PAGE];
                struct record_account account[TAKEOVER_PAGE];
                struct record_guarded guarded[TAKEOVER_PAGE];
                struct record_token token[TAKEOVER_PAGE];
        };
};

/* Do all numbers of the backup's orgs and users mean the same in the store in place? The changes,
   by which histories are told apart, have keys and no contents. */
bool takeover_is_of_same(const struct takeover *t);

/* Orgs, users, members, accounts, guards, the host's policy and the clock mark. Of one history
   only. */
int takeover_rights(struct takeover *t);
