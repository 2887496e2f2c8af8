#include <stdio.h>
#include <stdlib.h>

#include "daemon/manage_internal.h"

/* The time is the clock's, for people; what counts is that the proof is gone. */
int manage_revoke(struct manage_op *op, struct record_token *token, const char *reason)
{
        int r = sealed_revoke_token(&op->s, token, op->call->clock, reason);

        if (r < 0)
                return r;
        op->changed = true;
        op->reply->changed_rights = true;
        return 0;
}

static int compare_use(const void *a, const void *b)
{
        const struct manage_use *x = a, *y = b;

        return x->token_id < y->token_id ? -1 : x->token_id > y->token_id;
}

/* In the store, or noted and not written yet: who is using a stolen token just now is whom this is
   for. */
static int was_used_since(struct manage_op *op, int64_t token_id, int64_t since, bool *ret)
{
        const struct manage_uses *waiting = op->call->uses;
        const struct manage_use key = {.token_id = token_id}, *noted = NULL;
        struct record_last_use use;
        int r = store_find_last_use(op->s.reader, token_id, &use);

        if (r < 0)
                return r;
        if (waiting && waiting->count > 0)
                noted = bsearch(&key, waiting->uses, waiting->count, sizeof(key), compare_use);
        *ret = use.at >= since || (noted && noted->at >= since);
        return 0;
}

/* Expired ones too: a reset of the clock, or a policy that is lifted, could bring them back to
 * life. */
static int take_token(struct manage_op *op, const struct manage_list *list, const void *item)
{
        struct manage_sweep *sweep = list->context;
        const struct record_token *token = item;
        struct record_token mine;
        bool meant = true;
        int r = 0;

        if (sweep->used_since > 0)
                r = was_used_since(op, token->id, sweep->used_since, &meant);
        if (r < 0 || !meant)
                return r;
        r = manage_mark_sessions(op, token->id);
        if (r < 0 || token->revoked_at != 0)
                return r;
        sweep->count++;
        if (sweep->dry_run)
                return 0;
        mine = *token;
        return manage_revoke(op, &mine, sweep->reason);
}

int manage_sweep(struct manage_op *op, struct manage_sweep *sweep)
{
        struct manage_list list = {.item_size = sizeof(struct record_token),
                                   .fetch = manage_fetch_tokens,
                                   .take = take_token,
                                   .owner = sweep->owner,
                                   .kind = sweep->kind,
                                   .context = sweep};

        return manage_walk(op, &list);
}

/* With an org its keys, with a user their PATs, with both both; with neither every token of the
 * host. */
static int sweep_all(struct manage_op *op, struct manage_sweep *keys, struct manage_sweep *pats)
{
        bool has_org = wire_has(&op->request, WIRE_F_ORG);
        bool has_user = wire_has(&op->request, WIRE_F_USER);
        struct record_user user;
        struct record_org org;
        int r = 0;

        if (has_org) {
                r = manage_find_org(op, &org);
                keys->owner = org.id;
        }
        if (r == 0 && has_user) {
                r = manage_find_user(op, &user);
                pats->owner = user.id;
        }
        if (r == 0 && (has_org || !has_user))
                r = manage_sweep(op, keys);
        if (r == 0 && (has_user || !has_org))
                r = manage_sweep(op, pats);
        return r;
}

/* For three in the morning: one transaction, so that it is all of them or none. */
int manage_revoke_all(struct manage_op *op)
{
        struct manage_sweep keys = {.kind = TOKEN_AK, .reason = "revoked-all"};
        struct manage_sweep pats = {.kind = TOKEN_PAT, .reason = "revoked-all"};
        struct wire_message m;
        int r = 0;

        keys.dry_run = pats.dry_run = wire_number(&op->request, WIRE_F_DRY_RUN, 0) != 0;
        keys.used_since = pats.used_since = wire_number(&op->request, WIRE_F_USED_SINCE, 0);
        /* A time that is none must not read as "whenever". */
        if (r == 0 && wire_has(&op->request, WIRE_F_USED_SINCE) && keys.used_since <= 0)
                return manage_refuse(op, MANAGE_BAD_FILTER, "--used-since is a time after 1970: %s",
                                     expiry_past_rule());
        if (r == 0)
                r = sweep_all(op, &keys, &pats);
        if (r != 0)
                return r;
        (void)snprintf(op->note.text, sizeof(op->note.text), "%lld keys and %lld tokens revoked",
                       (long long)keys.count, (long long)pats.count);
        manage_answer(op, WIRE_DONE, &m);
        wire_put_number(&m, WIRE_F_COUNT, keys.count + pats.count);
        wire_put_number(&m, WIRE_F_KEYS, keys.count);
        wire_put_number(&m, WIRE_F_PATS, pats.count);
        return manage_reply_add(op->reply, &m);
}
