/*
 * Who may do what (doc/PROTOCOL.md, "Who may"): the total table of verb and role. Knows nothing of
 * the store and asks nobody: the caller of access_is_allowed() has found out what the peer is to
 * the thing that the verb names.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/wire.h"

/* What a caller is to the object of a verb. Bits: an admin is a member too, and root may be both.
 */
enum access_role {
        ACCESS_CALLER = 1, /* anybody with a uid of this host */
        ACCESS_OWNER = 2,  /* the token's, or the record's, own user */
        ACCESS_MEMBER = 4, /* of the organisation */
        ACCESS_ADMIN = 8,  /* of the organisation */
        ACCESS_ROOT = 16,
};

/* The roles of which one is enough for this verb on manage.sock. 0: nobody, it is no verb of that
 * socket. */
unsigned access_roles(enum wire_verb verb);

/* True where one of the roles that the caller has is enough. No role at all: never. */
bool access_is_allowed(enum wire_verb verb, unsigned roles);

/* True for the uids that are nobody: -1 (and its unsigned forms), and 65534, which is what every
   uid that has no number in our namespace becomes. They are refused before anything else is looked
   at. */
bool access_uid_is_nobody(int64_t uid);
