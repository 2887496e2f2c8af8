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

/* ---- the end of a delivery ---- */

/* Ends the token that was replaced. Refused where it was ended otherwise in the meantime: a leak
   that was stopped in this second must not live on in a successor. */
static int end_replaced(struct manage_op *op, const struct manage_reply *created)
{
        struct record_token old;
        int64_t now = op->call->now;
        int r = store_find_token(op->s.reader, created->replaced, &old);

        if (r < 0)
                return r;
        if (old.revoked_at != 0 || old.ends_at != EXPIRY_NEVER)
                return manage_refuse(
                        op, MANAGE_NOT_DELIVERED,
                        "the old token was ended by somebody else meanwhile: the new one is "
                        "revoked");
        r = sealed_end_token(&op->s, &old, created->replace_end > now ? created->replace_end : now,
                             "rotated", created->new_token);
        if (r == 0 && created->replace_end <= now)
                r = sealed_revoke_token(&op->s, &old, op->call->clock, "rotated");
        if (r == 0)
                r = manage_key_id(op, old.kind, old.id, op->note.key_id);
        if (r < 0)
                return r;
        op->changed = true;
        op->reply->changed_rights = true;
        (void)snprintf(op->note.text, sizeof(op->note.text), "rotated out");
        return 0;
}

static int revoke_undelivered(struct manage_op *op, const struct manage_reply *created)
{
        struct record_token token;
        int r = store_find_token(op->s.reader, created->new_token, &token);

        if (r == 0)
                r = manage_key_id(op, token.kind, token.id, op->note.key_id);
        if (r < 0 || token.revoked_at != 0)
                return r;
        (void)snprintf(op->note.text, sizeof(op->note.text), "not delivered, revoked");
        return manage_revoke(op, &token, "not-delivered");
}

/* One of the two above, in a transaction. */
static int settle(struct manage_op *op, const struct manage_reply *created,
                  int (*step)(struct manage_op *op, const struct manage_reply *created))
{
        int64_t revision = 0;
        int r;

        op->changed = false;
        if (!op->s.writer)
                return -EROFS;
        r = store_write_begin(op->s.writer);
        if (r < 0)
                return r;
        op->s.reader = store_writer_reader(op->s.writer);
        r = step(op, created);
        if (r == 0)
                r = store_write_commit(op->s.writer, &revision);
        if (r != 0)
                store_write_rollback(op->s.writer);
        op->s.reader = op->m->sealed.reader;
        if (r == 0 && op->changed)
                op->reply->revision = revision;
        return r;
}

/* 0: delivered; MANAGE_REFUSED: it was not, and the new token is revoked; an errno where even that
 * failed. */
static int deliver(struct manage_op *op, const struct manage_reply *created, bool accepted)
{
        int ended = 0, r;

        if (accepted && created->replaced >= 0)
                ended = settle(op, created, end_replaced);
        if (accepted && ended == 0)
                return 0;
        /* The old one could not be ended: then there is no new one either, or a rotation would be
           half done. */
        r = settle(op, created, revoke_undelivered);
        if (r < 0)
                return r;
        if (ended < 0)
                return ended;
        return ended > 0 ? ended
                         : manage_refuse(
                                   op, MANAGE_NOT_DELIVERED,
                                   "the token was not acknowledged in time and is revoked: make "
                                   "another one");
}

/* What the client itself gave back is not refused: that is what it asked for. */
static bool was_given_back(const struct manage_op *op)
{
        return op->request.magic == WIRE_REQUEST &&
               wire_number(&op->request, WIRE_F_ACCEPTED, 1) == 0;
}

static int answer_delivery(struct manage_op *op, int result)
{
        struct wire_message m;

        /* A connection that went away has sent nothing, and gets nothing. */
        if (op->request.magic != WIRE_REQUEST)
                return 0;
        if (result < 0) {
                manage_answer(op, WIRE_UNAVAILABLE, &m);
                return manage_reply_add(op->reply, &m);
        }
        if (result == 0 || was_given_back(op))
                return manage_done(op, WIRE_DONE);
        manage_answer(op, WIRE_REFUSED, &m);
        manage_put(&m, WIRE_F_REASON, manage_reason_to_string(op->reason));
        manage_put(&m, WIRE_F_MESSAGE, op->message);
        return manage_reply_add(op->reply, &m);
}

int manage_acknowledge(struct manage *m, const struct manage_call *call,
                       const struct manage_reply *created, bool accepted, struct manage_reply *ret)
{
        struct manage_op op = {.m = m, .call = call, .reply = ret, .s = m->sealed};
        int r;

        manage_reply_init(ret);
        if (wire_decode(call->packet.ptr, call->packet.len, &op.request) < 0 ||
            op.request.magic != WIRE_REQUEST || op.request.verb != WIRE_V_ACK)
                op.request = (struct wire_message){.verb = WIRE_V_ACK};
        r = created->new_token >= 0
                    ? deliver(&op, created, accepted)
                    : manage_refuse(&op, MANAGE_BAD_REQUEST, "there is no token to acknowledge");
        if (r < 0)
                manage_audit_failure(&op, r);
        else if (op.changed)
                manage_audit_change(&op);
        return answer_delivery(&op, r);
}
