#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "daemon/limits.h"
#include "daemon/manage_internal.h"

#define SYSTEM_UID_MAX 999

/* The rule of user names: an account is a login name, of the host or of a service like PostgreSQL.
 */
static int read_account_name(struct manage_op *op, struct view *ret)
{
        struct view name = wire_text(&op->request, WIRE_F_ACCOUNT);
        char safe[MANAGE_SAFE_SIZE];

        if (!manage_is_user_name(name))
                return manage_refuse(op, MANAGE_BAD_ACCOUNT, "'%s' is no account name: it is %s",
                                     manage_safe(name, safe), name_user_rule());
        (void)view_copy(name, op->note.account, sizeof(op->note.account));
        *ret = name;
        return 0;
}

/* What the host's user database says against it. A name that it does not know is fine: a PostgreSQL
   role need not be an account of the system. */
static int check_host_account(struct manage_op *op, const char *name)
{
        const struct manage_passwd *p = &op->passwd;

        if (view_equal_str(VIEW("root"), name) || (p->exists && p->uid == 0))
                return manage_refuse(
                        op, MANAGE_ROOT_ACCOUNT,
                        "root can never be bound, under any name: who could become it could "
                        "become everybody");
        if (!p->exists)
                return 0;
        if (p->uid_is_shared)
                return manage_refuse(
                        op, MANAGE_SHARED_UID,
                        "the uid of '%s' (%lld) has another name too, and whoever is one is "
                        "both: give the account a uid of its own",
                        name, (long long)p->uid);
        if (p->uid <= SYSTEM_UID_MAX && wire_number(&op->request, WIRE_F_ALLOW_SYSTEM, 0) == 0)
                return manage_refuse(op, MANAGE_SYSTEM_ACCOUNT,
                                     "'%s' is a system account (uid %lld, below 1000): add "
                                     "--allow-system where that is what you want",
                                     name, (long long)p->uid);
        return 0;
}

/* A person's login must not become an org's: every member could be that person. */
static int check_is_no_user(struct manage_op *op, struct view name)
{
        int64_t memberships = 0, pats = 0;
        struct record_user user;
        int r = sealed_find_user_by_name(&op->s, name, &user);

        if (r == -ENOENT)
                return 0;
        if (r == 0)
                r = manage_count_memberships(op, user.id, &memberships);
        if (r == 0)
                r = store_count_tokens(op->s.reader, TOKEN_PAT, user.id, op->call->now, &pats);
        if (r < 0 || (memberships == 0 && pats == 0))
                return r;
        return manage_refuse(
                op, MANAGE_IS_USER,
                "'%s' is a user with %lld membership(s) and %lld token(s), and an account is "
                "nobody's user: 'orgtoken user remove %s' comes first",
                user.name, (long long)memberships, (long long)pats, user.name);
}

/* Role and services as the request says; absent, there is no bound. */
static int read_binding(struct manage_op *op, struct record_account *account)
{
        int64_t role = wire_number(&op->request, WIRE_F_ROLE, ROLE_NONE);

        if (role != ROLE_MEMBER && role != ROLE_ADMIN && wire_has(&op->request, WIRE_F_ROLE))
                return manage_refuse(op, MANAGE_BAD_ROLE, "a role is member or admin");
        account->role = (enum role)role;
        return manage_read_limits(op, &account->services);
}

/* Once bound, always guarded, until root releases it: an unbound account may still hold what its
   org left there. The first time is kept. */
static int put_guard(struct manage_op *op, struct view name)
{
        struct record_guarded guarded = {.since = op->call->clock};
        int r = sealed_find_guarded(&op->s, name, &guarded);

        if (r != -ENOENT)
                return r;
        guarded = (struct record_guarded){.since = op->call->clock};
        (void)view_copy(name, guarded.name, sizeof(guarded.name));
        return sealed_put_guarded(&op->s, &guarded);
}

/* A new binding, or the one that is there with its beginning kept. */
static int load_binding(struct manage_op *op, struct view name, int64_t org_id,
                        struct record_account *ret)
{
        int r = sealed_find_account(&op->s, name, org_id, ret);

        if (r != -ENOENT)
                return r;
        *ret = (struct record_account){.org_id = org_id, .created_at = op->call->clock};
        (void)view_copy(name, ret->name, sizeof(ret->name));
        return 0;
}

/* Asked again for the same pair, it replaces services and role: what the command line says is what
 * holds. */
int manage_account_bind(struct manage_op *op)
{
        struct record_account account;
        struct record_org org;
        struct view name;
        int r = manage_find_org(op, &org);

        if (r == 0)
                r = read_account_name(op, &name);
        if (r == 0)
                r = check_host_account(op, op->note.account);
        if (r == 0)
                r = check_is_no_user(op, name);
        if (r == 0)
                r = load_binding(op, name, org.id, &account);
        if (r == 0)
                r = read_binding(op, &account);
        if (r == 0)
                r = sealed_put_account(&op->s, &account);
        if (r == 0)
                r = put_guard(op, name);
        if (r != 0)
                return r;
        op->changed = true;
        op->reply->changed_rights = true;
        return manage_done(op, WIRE_DONE);
}

int manage_account_unbind(struct manage_op *op)
{
        struct record_org org;
        char safe[MANAGE_SAFE_SIZE];
        struct view name;
        int r = manage_find_org(op, &org);

        if (r == 0)
                r = read_account_name(op, &name);
        if (r != 0)
                return r;
        /* The raw delete: a binding whose seal is broken must be possible to take away. */
        r = store_delete_account(op->s.writer, name, org.id);
        if (r == -ENOENT)
                return manage_refuse(
                        op, MANAGE_NOT_FOUND,
                        "'%s' is not bound to %s; 'orgtoken account list %s' shows what is",
                        manage_safe(name, safe), org.name, org.name);
        if (r < 0)
                return r;
        op->changed = true;
        op->reply->changed_rights = true;
        return manage_done(op, WIRE_DONE);
}

/* One is enough to refuse. */
static int remember_binding(void *context, const struct record_account *account)
{
        struct record_account *first = context;

        *first = *account;
        return 1;
}

/* The only way back to an ordinary login name, so only where no org is left that could become it.
 */
int manage_account_release(struct manage_op *op)
{
        struct record_account binding;
        struct record_org org;
        char safe[MANAGE_SAFE_SIZE];
        struct view name;
        int r = read_account_name(op, &name);

        if (r != 0)
                return r;
        r = store_list_bindings(op->s.reader, name, remember_binding, &binding);
        if (r < 0)
                return r;
        (void)manage_safe(name, safe);
        if (r > 0) {
                r = sealed_find_org(&op->s, binding.org_id, &org);
                return r < 0 ? r
                             : manage_refuse(
                                       op, MANAGE_STILL_BOUND,
                                       "'%s' is bound to %s: 'orgtoken account unbind %s %s' comes "
                                       "first",
                                       safe, org.name, org.name, safe);
        }
        r = store_delete_guarded(op->s.writer, name);
        if (r == -ENOENT)
                return manage_refuse(op, MANAGE_NOT_FOUND,
                                     "'%s' is not guarded: it was never bound, or it was released",
                                     safe);
        if (r < 0)
                return r;
        op->changed = true;
        op->reply->changed_rights = true;
        return manage_done(op, WIRE_DONE);
}

static int take_account(struct manage_op *op, const struct manage_list *list _unused_,
                        const void *item)
{
        const struct record_account *account = item;
        struct record_org org;
        struct wire_message m;
        int r;

        /* The list of every org's: each row by what the caller is to its org. */
        if (!op->is_root && manage_role_in(op, account->org_id) == ROLE_NONE)
                return 0;
        r = sealed_check_account(&op->s, account);
        if (r == 0)
                r = sealed_find_org(&op->s, account->org_id, &org);
        if (r < 0)
                return r;
        manage_answer(op, WIRE_ROW, &m);
        manage_put(&m, WIRE_F_ORG, org.name);
        manage_put(&m, WIRE_F_ACCOUNT, account->name);
        limits_put(&account->services, &m);
        if (account->role != ROLE_NONE)
                wire_put_number(&m, WIRE_F_ROLE, account->role);
        wire_put_number(&m, WIRE_F_CREATED_AT, account->created_at);
        return manage_row(op, &m);
}

/* Without an org, the rows of every org that the caller may see. */
int manage_account_list(struct manage_op *op)
{
        struct manage_list list = {.item_size = sizeof(struct record_account),
                                   .fetch = manage_fetch_accounts,
                                   .take = take_account};
        struct record_org org;
        int r = manage_load_memberships(op);

        if (r == 0 && wire_has(&op->request, WIRE_F_ORG)) {
                r = manage_find_org(op, &org);
                list.owner = org.id;
        }
        return r != 0 ? r : manage_page(op, &list);
}

/* One row a binding; one without an org where there is none. */
static int put_guarded_row(struct manage_op *op, const char *account, int64_t org_id, int64_t at)
{
        struct record_org org;
        struct wire_message m;
        int r;

        manage_answer(op, WIRE_ROW, &m);
        manage_put(&m, WIRE_F_ACCOUNT, account);
        if (org_id > 0) {
                r = sealed_find_org(&op->s, org_id, &org);
                if (r < 0)
                        return r;
                manage_put(&m, WIRE_F_ORG, org.name);
        }
        wire_put_number(&m, WIRE_F_CREATED_AT, at);
        return manage_row(op, &m);
}

struct binding {
        int64_t org_id, created_at;
};

struct bindings {
        size_t count;
        struct binding *entries;
};

static void bindings_release(struct bindings *b)
{
        free(b->entries);
}

/* Collected first: a look-up in the middle of a walk would be one statement inside another. */
static int collect_binding(void *context, const struct record_account *account)
{
        struct bindings *b = context;
        struct binding *grown = realloc(b->entries, (b->count + 1) * sizeof(*grown));

        if (!grown)
                return -ENOMEM;
        b->entries = grown;
        grown[b->count++] = (struct binding){account->org_id, account->created_at};
        return 0;
}

static int take_guarded(struct manage_op *op, const struct manage_list *list _unused_,
                        const void *item)
{
        const struct record_guarded *guarded = item;
        _cleanup_(bindings_release) struct bindings bindings = {0};
        int r = store_list_bindings(op->s.reader, view_of(guarded->name), collect_binding,
                                    &bindings);

        if (r == 0 && bindings.count == 0)
                r = put_guarded_row(op, guarded->name, 0, guarded->since);
        for (size_t i = 0; r == 0 && i < bindings.count; i++)
                r = put_guarded_row(op, guarded->name, bindings.entries[i].org_id,
                                    bindings.entries[i].created_at);
        return r;
}

static int add_guarded(void *context, const struct record_guarded *guarded)
{
        return manage_batch_add(context, guarded);
}

/* For `sudoers`: what was ever bound, since the session check asks about all of these. */
static int fetch_guarded(struct manage_op *op, const struct manage_list *list _unused_,
                         struct store_cursor *cursor, struct manage_batch *batch)
{
        return store_list_guarded(op->s.reader, cursor, MANAGE_BATCH, add_guarded, batch);
}

int manage_guarded_list(struct manage_op *op)
{
        struct manage_list list = {.item_size = sizeof(struct record_guarded),
                                   .fetch = fetch_guarded,
                                   .take = take_guarded};

        return manage_page(op, &list);
}
