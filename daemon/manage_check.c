#include <errno.h>

#include "daemon/manage_internal.h"

/* Explanations go on only as long as the whole answer fits its packet. */
#define EXPLANATION_ROOM 3000

/* May the caller know anything of this token? Its own user, an admin of its org, root. */
static int may_check(struct manage_op *op, const struct record_token *token, bool *ret)
{
        unsigned roles = ACCESS_CALLER;
        int r = 0;

        if (token->kind == TOKEN_AK)
                r = manage_roles(op, token->owner, &roles);
        else if (op->has_user && token->owner == op->user.id)
                roles |= ACCESS_OWNER;
        if (r == 0)
                *ret = access_is_allowed(WIRE_V_CHECK, roles | (op->is_root ? ACCESS_ROOT : 0u));
        return r;
}

/* Not there, and not yours, end the same way: in *ret_may. */
static int find_checked(struct manage_op *op, int64_t id, struct record_token *ret, bool *ret_may)
{
        int r = store_find_token(op->s.reader, id, ret);

        *ret_may = op->is_root;
        if (r == -ENOENT)
                return 0;
        return r < 0 ? r : may_check(op, ret, ret_may);
}

/* No explanation, no key id, nothing. */
static int answer_verdict(struct manage_op *op, enum verdict verdict)
{
        struct wire_message m;

        manage_answer(op, WIRE_DONE, &m);
        wire_put_number(&m, WIRE_F_VERDICT, verdict);
        return manage_reply_add(op->reply, &m);
}

static int remember_account(void *context, const struct record_account *account)
{
        struct record_account *only = context;

        *only = *account;
        return 0;
}

/* The account where none is named: a person's own, or a key's where its org has exactly one. */
static int guess_account(struct manage_op *op, const struct token *token,
                         struct record_account *only, struct record_user *user, struct view *ret)
{
        struct store_cursor cursor = {0};
        struct record_token record;
        int r = store_find_token(op->s.reader, token->id, &record);

        if (r == -ENOENT)
                return 0;
        if (r == 0 && record.kind == TOKEN_PAT) {
                r = sealed_find_user(&op->s, record.owner, user);
                if (r == 0)
                        *ret = view_of(user->name);
                return r == -ENOENT ? 0 : r;
        }
        only->name[0] = '\0';
        if (r == 0)
                r = store_list_accounts(op->s.reader, record.owner, &cursor, 2, remember_account,
                                        only);
        /* 1 where there are two or more: which of them is meant cannot be guessed. */
        if (r == 0 && only->name[0])
                *ret = view_of(only->name);
        return r < 0 ? r : 0;
}

static void put_explanation(struct wire_message *m, const struct verify_trace *trace)
{
        size_t used = 0;

        for (unsigned i = 0; i < trace->count && i < WIRE_LIST_MAX; i++) {
                struct view step = view_of(trace->step[i]);

                used += step.len + 4;
                if (used > EXPLANATION_ROOM)
                        return;
                if (step.len > 0)
                        (void)wire_put_list(m, WIRE_F_EXPLANATION, step);
        }
}

static int answer_check(struct manage_op *op, const struct verify_trace *trace,
                        const struct verify_output *out)
{
        struct wire_message m;

        manage_answer(op, WIRE_DONE, &m);
        wire_put_number(&m, WIRE_F_VERDICT, out->verdict);
        put_explanation(&m, trace);
        manage_put(&m, WIRE_F_REASON, out->reason);
        manage_put(&m, WIRE_F_MESSAGE, verify_advice(out->reason));
        manage_put(&m, WIRE_F_ORG, out->org);
        manage_put(&m, WIRE_F_ORG_NAMED_BY, out->org_named_by);
        manage_put(&m, WIRE_F_KEY_ID, out->key_id);
        manage_put(&m, WIRE_F_USER, out->user);
        manage_put(&m, WIRE_F_ENDED_REASON, out->ended_reason);
        if (out->ended_at > 0)
                wire_put_number(&m, WIRE_F_ENDED_AT, out->ended_at);
        if (out->expires_at > 0 && out->expires_at != EXPIRY_NEVER)
                wire_put_number(&m, WIRE_F_EXPIRES_AT, out->expires_at);
        return manage_reply_add(op->reply, &m);
}

/* Of an organisation that one is not in nothing is told, its name included. */
static bool may_name(void *context, int64_t org_id)
{
        struct manage_op *op = context;
        unsigned roles;

        return op->is_root || (manage_roles(op, org_id, &roles) == 0 && (roles & ACCESS_MEMBER));
}

/* The token goes on as the view into the packet: it is copied nowhere. */
static int run_check(struct manage_op *op, struct view account)
{
        struct verify_input in = {
                .token = wire_text(&op->request, WIRE_F_TOKEN),
                .account = account,
                .actor = wire_text(&op->request, WIRE_F_ACTOR),
                .service = wire_text(&op->request, WIRE_F_SERVICE),
                .source = wire_text(&op->request, WIRE_F_SOURCE),
                .org_option = wire_text(&op->request, WIRE_F_ORG),
        };
        struct verify_trace trace = {.may_name = may_name, .context = op};
        struct verify_output out = {0};
        int r = verify_token(&op->s, &in, op->call->now, &trace, &out);

        return r < 0 ? r : answer_check(op, &trace, &out);
}

/* The same code as a real verification, with a trace; no use is recorded. A token is no authority
   here: who holds somebody else's learns no more than from a rubbish one. */
int manage_check(struct manage_op *op)
{
        struct view account = wire_text(&op->request, WIRE_F_ACCOUNT);
        struct record_account only;
        struct record_token record;
        struct record_user user;
        struct token token;
        bool may = false;
        int r = token_parse(wire_text(&op->request, WIRE_F_TOKEN), &token);

        if (r == -ENOMSG)
                return manage_refuse(
                        op, MANAGE_NOT_A_TOKEN,
                        "that is no token, and a password is sent nowhere: a token begins "
                        "with ak_ or pat_");
        if (r < 0)
                return run_check(op, account);
        r = find_checked(op, token.id, &record, &may);
        if (r < 0)
                return r;
        if (!may)
                return answer_verdict(op, VERDICT_UNKNOWN);
        if (!account.ptr)
                r = guess_account(op, &token, &only, &user, &account);
        return r < 0 ? r : run_check(op, account);
}
