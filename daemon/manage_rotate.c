#include <errno.h>
#include <stdio.h>

#include "daemon/manage_internal.h"

/* A rotated token has its successor already; a second one would be a second secret that nobody
 * asked for. */
static int check_can_rotate(struct manage_op *op, const struct record_token *old)
{
        enum sealed_token_state state;
        char successor[TOKEN_KEY_ID_SIZE] = "";
        int r = manage_check_not_revoked(op, old);

        if (r != 0)
                return r;
        if (old->ends_at != EXPIRY_NEVER) {
                if (old->successor >= 0)
                        r = manage_key_id(op, old->kind, old->successor, successor);
                return r < 0 ? r
                             : manage_refuse(
                                       op, MANAGE_ROTATED,
                                       "%s was rotated already: rotate its successor %s instead",
                                       op->note.key_id, successor);
        }
        /* Owner and limits are about to be copied under a new seal: an edited row must not be made
           a true one by rotating it. */
        r = sealed_judge_stored(&op->s, old, &state);
        if (r < 0)
                return r;
        return state == SEALED_LIVE ? 0 : -EBADMSG;
}

/* The successor's end: what was asked for, or a life as long as the old one's. */
static int read_new_expiry(struct manage_op *op, const struct record_token *old, int64_t *ret)
{
        bool never = wire_number(&op->request, WIRE_F_NEVER, 0) != 0;
        int64_t at = wire_number(&op->request, WIRE_F_EXPIRES_AT, EXPIRY_NEVER);

        if (wire_has(&op->request, WIRE_F_EXPIRES_AT) && (never || at > EXPIRY_MAX))
                return manage_refuse(op, MANAGE_BAD_EXPIRY,
                                     never ? "two ends were given: a time, and never"
                                           : "the end is after the year 9999");
        if (!never && !wire_has(&op->request, WIRE_F_EXPIRES_AT) &&
            old->expires_at != EXPIRY_NEVER) {
                at = old->expires_at - old->created_at;
                at = at > EXPIRY_MAX - op->call->clock ? EXPIRY_MAX : op->call->clock + at;
        }
        if (expiry_is_past(at, op->call->now))
                return manage_refuse(
                        op, MANAGE_EXPIRED_ALREADY,
                        "the successor's end would not be in the future: give --expires %s",
                        expiry_rule());
        *ret = at;
        return 0;
}

static int read_overlap(struct manage_op *op, int64_t *ret)
{
        int64_t overlap = wire_number(&op->request, WIRE_F_OVERLAP, 0);

        if (overlap < 0 || overlap > DURATION_MAX)
                return manage_refuse(op, MANAGE_BAD_OVERLAP, "an overlap is 0s to 90d: %s",
                                     duration_rule());
        *ret = overlap;
        return 0;
}

/* Whoever it belongs to must still be one that gets tokens. */
static int check_owner(struct manage_op *op, const struct record_token *old, int64_t expires_at)
{
        struct manage_passwd unknown = {.uid = -1};
        struct record_user user;
        struct record_org org;
        int r;

        if (old->kind == TOKEN_AK) {
                r = sealed_find_org(&op->s, old->owner, &org);
                if (r == 0)
                        r = manage_check_org_is_active(op, &org);
                if (r == 0)
                        (void)view_copy(view_of(org.name), op->note.org, sizeof(op->note.org));
                return r != 0 ? r : manage_check_creation(op, &org, expires_at);
        }
        r = sealed_find_user(&op->s, old->owner, &user);
        /* The name may have become an account since the old one expired. */
        if (r == 0)
                r = manage_make_user(op, view_of(user.name), &unknown, &user);
        return r != 0 ? r : manage_check_creation(op, NULL, expires_at);
}

int manage_rotate(struct manage_op *op)
{
        char old_key_id[TOKEN_KEY_ID_SIZE];
        struct record_token old, token;
        int64_t overlap = 0, expires_at = 0;
        int r = read_overlap(op, &overlap);

        if (r == 0)
                r = manage_find_token(op, 0, &old);
        if (r == 0)
                r = check_can_rotate(op, &old);
        if (r == 0)
                r = read_new_expiry(op, &old, &expires_at);
        if (r == 0)
                r = check_owner(op, &old, expires_at);
        if (r != 0)
                return r;
        (void)view_copy(view_of(op->note.key_id), old_key_id, sizeof(old_key_id));
        token = (struct record_token){
                .kind = old.kind, .owner = old.owner, .expires_at = expires_at};
        (void)view_copy(view_of(old.name), token.name, sizeof(token.name));
        token.limits = old.limits;
        r = manage_mint(op, &token, old_key_id);
        if (r != 0)
                return r;
        /* Only remembered: the old one ends when the new one has arrived. */
        op->reply->replaced = old.id;
        op->reply->replace_end = op->call->now + overlap;
        return 0;
}
