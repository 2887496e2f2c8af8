/*
 * The ticket of an ALLOW: an opaque proof, under the host key, of what was allowed, so that the
 * account phase can ask "still?" without the token. It opens nothing by itself. Pure.
 */
#pragma once

#include "daemon/keyhash.h"
#include "daemon/verify.h"

#define TICKET_LEN     48
#define TICKET_SECONDS 3600 /* how long it can be asked with */

/* Over token id, org, account, service, actor, source and the time. */
void ticket_make(const struct keyhash *key, int64_t token_id, const struct verify_input *in,
                 struct view org, int64_t now, uint8_t ret[static TICKET_LEN]);

/* 0 and the token's id; -EBADMSG where it was not made by us for exactly these facts; -ETIME. The
   org is in->org_option. */
int ticket_check(const struct keyhash *key, struct view ticket, const struct verify_input *in,
                 int64_t now, int64_t *ret_token_id);
