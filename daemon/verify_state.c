#include "daemon/verify.h"

#include <errno.h>

#include "daemon/resolve.h"

/* For a key, the org whose policy bounds it; NULL for a PAT and for a key without one. */
static int find_key_org(const struct sealed *s, const struct record_token *token,
                        struct record_org *org, const struct record_org **ret)
{
        int r = token->kind == TOKEN_AK ? sealed_find_org(s, token->owner, org) : -ENOENT;

        if (r < 0 && r != -ENOENT)
                return r;
        *ret = r == 0 ? org : NULL;
        return 0;
}

/* The same order as the decision's: what was ended by hand is not called expired. */
int verify_token_state(const struct sealed *s, const struct record_token *token, int64_t now,
                       enum wire_state *ret_state, int64_t *ret_end, const char **ret_reason)
{
        const struct record_org *key_org;
        struct resolve_end end = {token->revoked_at, token->end_reason};
        enum wire_state state = WIRE_STATE_REVOKED;
        struct record_org org;
        struct resolve_sign sign = {.token = token};
        int r;

        if (token->revoked_at == 0 && expiry_is_past(token->ends_at, now)) {
                end.at = token->ends_at;
        } else if (token->revoked_at == 0) {
                r = find_key_org(s, token, &org, &key_org);
                if (r < 0)
                        return r;
                r = resolve_find_end(s, &sign, key_org, now, &end);
                if (r < 0)
                        return r;
                state = expiry_is_past(end.at, now) ? WIRE_STATE_EXPIRED : WIRE_STATE_LIVE;
        }
        *ret_state = state;
        *ret_end = end.at;
        *ret_reason = end.reason;
        return 0;
}
