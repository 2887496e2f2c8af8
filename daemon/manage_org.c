#include <errno.h>

#include "daemon/manage_internal.h"

/* No policy yet, so `never` is allowed: the host's policy holds from the first token on. */
int manage_org_create(struct manage_op *op)
{
        struct view name = wire_text(&op->request, WIRE_F_ORG);
        struct record_org org = {.created_at = op->call->clock, .policy = {.never_ok = true}};
        char safe[MANAGE_SAFE_SIZE];
        int r;

        if (!name_is_org(name))
                return manage_refuse(op, MANAGE_BAD_ORG, "'%s' is no organisation name: it is %s",
                                     manage_safe(name, safe), name_org_rule());
        (void)view_copy(name, org.name, sizeof(org.name));
        (void)view_copy(name, op->note.org, sizeof(op->note.org));
        r = store_next_org_id(op->s.writer, &org.id);
        if (r == 0)
                r = sealed_put_org(&op->s, &org);
        if (r == -EEXIST)
                return manage_refuse(
                        op, MANAGE_EXISTS,
                        "there is an organisation '%s' already; 'orgtoken org show %s'", org.name,
                        org.name);
        if (r < 0)
                return r;
        op->changed = true;
        return manage_done(op, WIRE_DONE);
}

/* Counts as they are at this moment: they are no columns, so they cannot be wrong. */
static int put_org_fields(struct manage_op *op, const struct record_org *org,
                          struct wire_message *m)
{
        int64_t members, admins, keys, accounts;
        int r = store_count_members(op->s.reader, org->id, &members, &admins);

        if (r == 0)
                r = store_count_tokens(op->s.reader, TOKEN_AK, org->id, op->call->now, &keys);
        if (r == 0)
                r = manage_count_accounts(op, org->id, &accounts);
        if (r < 0)
                return r;
        manage_put(m, WIRE_F_ORG, org->name);
        wire_put_number(m, WIRE_F_CREATED_AT, org->created_at);
        wire_put_number(m, WIRE_F_SUSPENDED, org->suspended);
        wire_put_number(m, WIRE_F_MEMBERS, members);
        wire_put_number(m, WIRE_F_KEYS, keys);
        wire_put_number(m, WIRE_F_ACCOUNTS, accounts);
        return 0;
}

static int put_org_row(struct manage_op *op, const struct record_org *org, enum role role)
{
        struct wire_message m;
        int r;

        if (org->deleted_at != 0)
                return 0;
        manage_answer(op, WIRE_ROW, &m);
        r = put_org_fields(op, org, &m);
        if (r < 0)
                return r;
        if (role != ROLE_NONE)
                wire_put_number(&m, WIRE_F_ROLE, role);
        return manage_row(op, &m);
}

/* For root, with root's own role where it has one. */
static int take_org(struct manage_op *op, const struct manage_list *list _unused_, const void *item)
{
        const struct record_org *org = item;

        return put_org_row(op, org, manage_role_in(op, org->id));
}

/* One of the caller's own orgs, by its membership. */
static int take_own(struct manage_op *op, const struct manage_list *list _unused_, const void *item)
{
        const struct record_member *member = item;
        struct record_org org;
        int r = sealed_check_member(&op->s, member);

        if (r == 0)
                r = sealed_find_org(&op->s, member->org_id, &org);
        return r < 0 ? r : put_org_row(op, &org, member->role);
}

int manage_org_list(struct manage_op *op)
{
        struct manage_list all = {.item_size = sizeof(struct record_org),
                                  .fetch = manage_fetch_orgs,
                                  .take = take_org};
        struct manage_list own = {.item_size = sizeof(struct record_member),
                                  .fetch = manage_fetch_memberships,
                                  .take = take_own,
                                  .owner = op->user.id};
        int r;

        if (op->is_root) {
                r = manage_load_memberships(op);
                return r < 0 ? r : manage_page(op, &all);
        }
        /* Who is no user yet has the id 0 here, and nobody's memberships. */
        return manage_page(op, &own);
}

/* For every member: a policy binds them, so they may read it. */
int manage_org_show(struct manage_op *op)
{
        struct record_member member;
        struct record_org org;
        struct wire_message m;
        int r = manage_find_org(op, &org);

        if (r != 0)
                return r;
        manage_answer(op, WIRE_DONE, &m);
        r = put_org_fields(op, &org, &m);
        if (r < 0)
                return r;
        if (op->has_user && sealed_find_member(&op->s, org.id, op->user.id, &member) == 0)
                wire_put_number(&m, WIRE_F_ROLE, member.role);
        manage_put_policy(&m, &org.policy);
        wire_put_number(&m, WIRE_F_END_SESSIONS, org.policy.end_sessions);
        return manage_reply_add(op->reply, &m);
}

/* Enforced at creation and at use: a shorter life ends tokens that exist, so grants are looked at
 * again. */
int manage_org_set(struct manage_op *op)
{
        struct record_org org;
        int r = manage_find_org(op, &org);

        if (r == 0)
                r = manage_read_policy(op, &org.policy);
        if (r == 0)
                r = sealed_put_org(&op->s, &org);
        if (r != 0)
                return r;
        op->changed = true;
        op->reply->changed_rights = true;
        return manage_done(op, WIRE_DONE);
}

/* Suspending what is suspended is done already: no error at three in the morning, and no revision
 * either. */
static int set_suspended(struct manage_op *op, bool suspended)
{
        struct record_org org;
        int64_t keys = 0;
        int r = manage_find_org(op, &org);

        if (r == 0)
                r = store_count_tokens(op->s.reader, TOKEN_AK, org.id, op->call->now, &keys);
        if (r != 0)
                return r;
        if (org.suspended != suspended) {
                org.suspended = suspended;
                r = sealed_put_org(&op->s, &org);
                if (r < 0)
                        return r;
                op->changed = true;
                op->reply->changed_rights = true;
        }
        return manage_done_count(op, keys);
}

int manage_org_suspend(struct manage_op *op)
{
        return set_suspended(op, true);
}

/* Keys that were live are live again: nothing was taken from them. */
int manage_org_resume(struct manage_op *op)
{
        return set_suspended(op, false);
}

static int drop_member(struct manage_op *op, const struct manage_list *list _unused_,
                       const void *item)
{
        const struct record_member *member = item;

        return store_delete_member(op->s.writer, member->org_id, member->user_id);
}

/* The keys are revoked by now: what is left are the members and the name. */
static int bury(struct manage_op *op, struct record_org *org)
{
        struct manage_list members = {.item_size = sizeof(struct record_member),
                                      .fetch = manage_fetch_members,
                                      .take = drop_member,
                                      .owner = org->id};
        int r = manage_walk(op, &members);

        if (r < 0)
                return r;
        org->deleted_at = op->call->clock;
        r = sealed_put_org(&op->s, org);
        if (r < 0)
                return r;
        op->changed = true;
        op->reply->changed_rights = true;
        return 0;
}

/* Refused while accounts are bound, for somebody must decide what becomes of them. The id is never
   used again, so nothing of the old org can come to belong to a new one of its name. */
int manage_org_delete(struct manage_op *op)
{
        struct manage_sweep sweep = {.kind = TOKEN_AK,
                                     .dry_run = wire_number(&op->request, WIRE_F_DRY_RUN, 0) != 0,
                                     .reason = "org-deleted"};
        struct record_org org;
        int64_t accounts = 0;
        int r = manage_find_org(op, &org);

        if (r == 0)
                r = manage_count_accounts(op, org.id, &accounts);
        if (r != 0)
                return r;
        if (accounts > 0)
                return manage_refuse(
                        op, MANAGE_ACCOUNTS_BOUND,
                        "%lld account%s bound to %s: 'orgtoken account list %s' shows them, "
                        "'orgtoken account unbind %s ACCOUNT' unbinds one",
                        (long long)accounts, accounts == 1 ? " is" : "s are", org.name, org.name,
                        org.name);
        sweep.owner = org.id;
        r = manage_sweep(op, &sweep);
        if (r == 0 && !sweep.dry_run)
                r = bury(op, &org);
        return r < 0 ? r : manage_done_count(op, sweep.count);
}
