#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "daemon/manage_internal.h"

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

/* It is kept. Not where it is on the list no more: somebody has revoked it as undelivered. */
static int keep(struct manage_op *op, const struct manage_reply *created)
{
        int r = store_delete_undelivered(op->s.writer, created->new_token);

        if (r == -ENOENT)
                return manage_refuse(op, MANAGE_NOT_DELIVERED,
                                     "the token was not acknowledged in time and is revoked: make "
                                     "another one");
        if (r < 0 || created->replaced < 0)
                return r;
        return end_replaced(op, created);
}

static int revoke_undelivered(struct manage_op *op, const struct manage_reply *created)
{
        struct record_token token;
        int r = store_delete_undelivered(op->s.writer, created->new_token);

        if (r == 0 || r == -ENOENT)
                r = store_find_token(op->s.reader, created->new_token, &token);
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
        int kept, r;

        if (created->kept)
                return 0;
        kept = accepted ? settle(op, created, keep) : MANAGE_REFUSED;
        if (kept == 0)
                return 0;
        /* Where the old one could not be ended there is no new one either, or a rotation would be
           half done. */
        r = settle(op, created, revoke_undelivered);
        if (r < 0)
                return r;
        if (accepted)
                return kept;
        return manage_refuse(op, MANAGE_NOT_DELIVERED,
                             "the token was not acknowledged in time and is revoked: make another "
                             "one");
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

/* ---- several at once ---- */

static int keep_each(struct store_writer *w, struct manage_reply *const created[], size_t count,
                     bool kept[])
{
        for (size_t i = 0; i < count; i++) {
                int r;

                if (created[i]->new_token < 0 || created[i]->replaced >= 0)
                        continue;
                r = store_delete_undelivered(w, created[i]->new_token);
                if (r < 0 && r != -ENOENT)
                        return r;
                kept[i] = r == 0;
        }
        return 0;
}

void manage_keep_together(struct manage *m, struct manage_reply *const created[], size_t count)
{
        struct store_writer *w = m->sealed.writer;
        _cleanup_(freep) bool *kept = calloc(count, sizeof(*kept));
        int64_t revision;
        int r;

        if (!kept || !w || store_write_begin(w) < 0)
                return;
        r = keep_each(w, created, count, kept);
        if (r == 0)
                r = store_write_commit(w, &revision);
        if (r < 0) {
                /* Each by itself again: the one that cannot be done is not everybody's. */
                store_write_rollback(w);
                return;
        }
        for (size_t i = 0; i < count; i++)
                created[i]->kept = kept[i];
}

/* ---- after a crash ---- */

#define RECOVER_BATCH 64

struct undelivered {
        int64_t ids[RECOVER_BATCH];
        size_t count;
};

static int find_undelivered(void *context, int64_t id)
{
        struct undelivered *u = context;

        if (u->count < RECOVER_BATCH)
                u->ids[u->count++] = id;
        return 0;
}

static int recover_batch(struct manage_op *op, size_t *ret_count)
{
        struct undelivered u = {.count = 0};
        struct manage_reply created = {.replaced = -1};
        int r = store_list_undelivered(op->s.reader, find_undelivered, &u);

        for (size_t i = 0; r == 0 && i < u.count; i++) {
                created.new_token = u.ids[i];
                r = settle(op, &created, revoke_undelivered);
                if (r == 0 && op->changed)
                        manage_audit_change(op);
        }
        *ret_count = u.count;
        return r;
}

int manage_recover(struct manage *m, int64_t now, int64_t clock)
{
        const struct manage_call call = {.uid = -1, .pid = 0, .now = now, .clock = clock};
        struct manage_reply reply = {.new_token = -1, .replaced = -1};
        struct manage_op op = {.m = m,
                               .call = &call,
                               .reply = &reply,
                               .s = m->sealed,
                               .request = {.verb = WIRE_V_ACK}};
        size_t count = RECOVER_BATCH;
        int r = 0;

        while (r == 0 && count == RECOVER_BATCH)
                r = recover_batch(&op, &count);
        if (r < 0)
                manage_audit_failure(&op, r);
        return r;
}
