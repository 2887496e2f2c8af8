#include <errno.h>

#include "daemon/limits.h"
#include "daemon/manage_internal.h"

/* The rows of `whoami` say in WIRE_F_REASON which section they belong to: "user", "org", "account",
   "token", "recent". The first page has the first three; tokens go on over pages. */

static int put_user(struct manage_op *op)
{
        struct wire_message m;

        manage_answer(op, WIRE_ROW, &m);
        manage_put(&m, WIRE_F_REASON, "user");
        manage_put(&m, WIRE_F_USER, op->name);
        wire_put_number(&m, WIRE_F_UID, op->call->uid);
        wire_put_number(&m, WIRE_F_SUSPENDED, op->has_user && op->user.suspended);
        return manage_row(op, &m);
}

static int put_org(struct manage_op *op, const struct record_org *org, enum role role)
{
        struct wire_message m;

        manage_answer(op, WIRE_ROW, &m);
        manage_put(&m, WIRE_F_REASON, "org");
        manage_put(&m, WIRE_F_ORG, org->name);
        wire_put_number(&m, WIRE_F_ROLE, role);
        wire_put_number(&m, WIRE_F_SUSPENDED, org->suspended);
        manage_put_policy(&m, &org->policy);
        return manage_row(op, &m);
}

struct context {
        const struct record_org *org;
        enum role role;
};

static int take_account(struct manage_op *op, const struct manage_list *list, const void *item)
{
        const struct context *c = list->context;
        const struct record_account *account = item;
        struct wire_message m;
        int r = sealed_check_account(&op->s, account);

        if (r < 0 || account->role > c->role)
                return r;
        manage_answer(op, WIRE_ROW, &m);
        manage_put(&m, WIRE_F_REASON, "account");
        manage_put(&m, WIRE_F_ORG, c->org->name);
        manage_put(&m, WIRE_F_ACCOUNT, account->name);
        limits_put(&account->services, &m);
        return manage_row(op, &m);
}

/* The org's row and what one may become there, member by member. */
static int put_memberships(struct manage_op *op)
{
        struct record_org org;
        struct context context = {.org = &org};
        struct manage_list accounts = {.item_size = sizeof(struct record_account),
                                       .fetch = manage_fetch_accounts,
                                       .take = take_account,
                                       .context = &context};
        int r = manage_load_memberships(op);

        for (size_t i = 0; r == 0 && i < op->membership_count; i++) {
                context.role = op->memberships[i].role;
                accounts.owner = op->memberships[i].org_id;
                r = sealed_find_org(&op->s, accounts.owner, &org);
                if (r == 0)
                        r = put_org(op, &org, context.role);
                if (r == 0)
                        r = manage_walk(op, &accounts);
        }
        return r;
}

/* Everything that was ever made in this name, the dead too. */
static int take_token(struct manage_op *op, const struct manage_list *list _unused_,
                      const void *item)
{
        const struct record_token *token = item;
        struct manage_token_row row;
        int r = manage_token_row(op, token, &row);

        if (r < 0)
                return r;
        manage_put(&row.message, WIRE_F_REASON, "token");
        r = manage_row(op, &row.message);
        if (r < 0 || op->call->clock - token->created_at > MANAGE_RECENT)
                return r;
        /* Said again on its own: a token that its user does not remember making is the sign of a
         * thief. */
        manage_put(&row.message, WIRE_F_REASON, "recent");
        return manage_row(op, &row.message);
}

int manage_whoami(struct manage_op *op)
{
        struct manage_list tokens = {.item_size = sizeof(struct record_token),
                                     .fetch = manage_fetch_tokens,
                                     .take = take_token,
                                     .owner = op->user.id,
                                     .kind = TOKEN_PAT};
        int r = 0;

        if (!op->call->cursor.started) {
                r = put_user(op);
                if (r == 0)
                        r = put_memberships(op);
        }
        if (r < 0)
                return r;
        /* Owner 0 would mean everybody's tokens. */
        return op->has_user ? manage_page(op, &tokens) : manage_done(op, WIRE_END);
}
