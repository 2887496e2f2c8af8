#include <errno.h>

#include "daemon/manage_internal.h"

/* Removed ones are kept for the ids in their tokens, and are no users. */
static int take_user(struct manage_op *op, const struct manage_list *list _unused_,
                     const void *item)
{
        const struct record_user *user = item;
        int64_t orgs, pats;
        struct wire_message m;
        int r;

        if (user->removed_at != 0)
                return 0;
        r = manage_count_memberships(op, user->id, &orgs);
        if (r == 0)
                r = store_count_tokens(op->s.reader, TOKEN_PAT, user->id, op->call->now, &pats);
        if (r < 0)
                return r;
        manage_answer(op, WIRE_ROW, &m);
        manage_put(&m, WIRE_F_USER, user->name);
        if (user->uid >= 0)
                wire_put_number(&m, WIRE_F_UID, user->uid);
        wire_put_number(&m, WIRE_F_SUSPENDED, user->suspended);
        wire_put_number(&m, WIRE_F_CREATED_AT, user->created_at);
        wire_put_number(&m, WIRE_F_COUNT, orgs);
        wire_put_number(&m, WIRE_F_PATS, pats);
        return manage_row(op, &m);
}

static int add_user(void *context, const struct record_user *user)
{
        return manage_batch_add(context, user);
}

static int fetch_users(struct manage_op *op, const struct manage_list *list _unused_,
                       struct store_cursor *cursor, struct manage_batch *batch)
{
        return store_list_users(op->s.reader, cursor, MANAGE_BATCH, add_user, batch);
}

int manage_user_list(struct manage_op *op)
{
        struct manage_list list = {
                .item_size = sizeof(struct record_user), .fetch = fetch_users, .take = take_user};

        return manage_page(op, &list);
}

/* As an org's: what is suspended already is done. */
static int set_suspended(struct manage_op *op, bool suspended)
{
        struct record_user user;
        int64_t pats = 0;
        int r = manage_find_user(op, &user);

        if (r == 0)
                r = store_count_tokens(op->s.reader, TOKEN_PAT, user.id, op->call->now, &pats);
        if (r != 0)
                return r;
        if (user.suspended != suspended) {
                user.suspended = suspended;
                r = sealed_put_user(&op->s, &user);
                if (r < 0)
                        return r;
                op->changed = true;
                op->reply->changed_rights = true;
        }
        return manage_done_count(op, pats);
}

int manage_user_suspend(struct manage_op *op)
{
        return set_suspended(op, true);
}

/* PATs that were live are live again. */
int manage_user_resume(struct manage_op *op)
{
        return set_suspended(op, false);
}

/* Root's word that the name and its uid belong together now: memberships and tokens stay. Who is
   somebody new is for `user remove`. */
int manage_user_reassign(struct manage_op *op)
{
        struct record_user user;
        int r = manage_find_user(op, &user);

        if (r != 0)
                return r;
        /* To no uid at all: whoever gets the name next would come into its rights unasked. */
        if (!op->passwd.exists)
                return manage_refuse(
                        op, MANAGE_NO_ACCOUNT,
                        "this host has no account '%s' whose uid could be recorded; 'orgtoken "
                        "user remove %s' ends what the name has here",
                        user.name, user.name);
        if (user.uid == op->passwd.uid)
                return manage_done(op, WIRE_DONE);
        user.uid = op->passwd.uid;
        r = sealed_put_user(&op->s, &user);
        if (r < 0)
                return r;
        op->changed = true;
        op->reply->changed_rights = true;
        return manage_done(op, WIRE_DONE);
}

static int drop_membership(struct manage_op *op, const struct manage_list *list _unused_,
                           const void *item)
{
        const struct record_member *member = item;

        return store_delete_member(op->s.writer, member->org_id, member->user_id);
}

/* The tokens are revoked by now. The record stays, for its id is in them; the name is free. */
static int bury(struct manage_op *op, struct record_user *user)
{
        struct manage_list memberships = {.item_size = sizeof(struct record_member),
                                          .fetch = manage_fetch_memberships,
                                          .take = drop_membership,
                                          .owner = user->id};
        int r = manage_walk(op, &memberships);

        if (r < 0)
                return r;
        user->removed_at = op->call->clock;
        r = sealed_put_user(&op->s, user);
        if (r < 0)
                return r;
        op->changed = true;
        op->reply->changed_rights = true;
        return 0;
}

/* Root's alone, so it may be the last admin of an org. */
int manage_user_remove(struct manage_op *op)
{
        struct manage_sweep sweep = {.kind = TOKEN_PAT,
                                     .dry_run = wire_number(&op->request, WIRE_F_DRY_RUN, 0) != 0,
                                     .reason = "user-removed"};
        struct record_user user;
        int r = manage_find_user(op, &user);

        if (r != 0)
                return r;
        sweep.owner = user.id;
        r = manage_sweep(op, &sweep);
        if (r == 0 && !sweep.dry_run)
                r = bury(op, &user);
        return r < 0 ? r : manage_done_count(op, sweep.count);
}
