#include <errno.h>

#include "daemon/store_sqlite.h"

/* A mac is never NULL; query_bytes() allows it for the columns where it means something. */
static void load_mac(struct query *q, uint8_t ret[static RECORD_MAC_LEN])
{
        if (!query_bytes(q, ret, RECORD_MAC_LEN) && q->error == 0)
                q->error = -EUCLEAN;
}

int query_load_org(struct query *q, struct record_org *ret)
{
        *ret = (struct record_org){.id = query_number(q, 1, INT64_MAX)};
        query_text(q, ret->name, sizeof(ret->name));
        ret->created_at = query_number(q, 1, INT64_MAX);
        ret->deleted_at = query_optional(q, 1, INT64_MAX, 0);
        ret->suspended = query_bool(q);
        ret->policy.max_life = query_number(q, 0, INT64_MAX);
        ret->policy.max_unused = query_number(q, 0, INT64_MAX);
        ret->policy.never_ok = query_bool(q);
        ret->policy.end_sessions = query_bool(q);
        load_mac(q, ret->mac);
        return q->error;
}

int query_load_user(struct query *q, struct record_user *ret)
{
        *ret = (struct record_user){.id = query_number(q, 1, INT64_MAX)};
        query_text(q, ret->name, sizeof(ret->name));
        ret->uid = query_optional(q, 0, INT64_MAX, -1);
        ret->created_at = query_number(q, 1, INT64_MAX);
        ret->removed_at = query_optional(q, 1, INT64_MAX, 0);
        ret->suspended = query_bool(q);
        load_mac(q, ret->mac);
        return q->error;
}

int query_load_member(struct query *q, struct record_member *ret)
{
        *ret = (struct record_member){.org_id = query_number(q, 1, INT64_MAX)};
        ret->user_id = query_number(q, 1, INT64_MAX);
        ret->role = (enum role)query_number(q, ROLE_MEMBER, ROLE_ADMIN);
        ret->created_at = query_number(q, 1, INT64_MAX);
        load_mac(q, ret->mac);
        ret->made = query_number(q, 1, INT64_MAX);
        return q->error;
}

int query_load_account(struct query *q, struct record_account *ret)
{
        *ret = (struct record_account){0};
        query_text(q, ret->name, sizeof(ret->name));
        ret->org_id = query_number(q, 1, INT64_MAX);
        ret->role = (enum role)query_number(q, ROLE_NONE, ROLE_ADMIN);
        query_limits(q, &ret->services);
        ret->created_at = query_number(q, 1, INT64_MAX);
        load_mac(q, ret->mac);
        ret->made = query_number(q, 1, INT64_MAX);
        return q->error;
}

int query_load_guarded(struct query *q, struct record_guarded *ret)
{
        *ret = (struct record_guarded){0};
        query_text(q, ret->name, sizeof(ret->name));
        ret->since = query_number(q, 1, INT64_MAX);
        load_mac(q, ret->mac);
        return q->error;
}

/* The owner is in the column of its kind, and the other one is empty. */
static int64_t load_owner(struct query *q, enum token_kind kind)
{
        int64_t org = query_optional(q, 1, INT64_MAX, 0);
        int64_t user = query_optional(q, 1, INT64_MAX, 0);

        if (q->error == 0 &&
            ((org != 0) != (kind == TOKEN_AK) || (user != 0) != (kind == TOKEN_PAT)))
                q->error = -EUCLEAN;
        return kind == TOKEN_AK ? org : user;
}

int query_load_token(struct query *q, struct record_token *ret)
{
        bool has_end_mac;

        *ret = (struct record_token){.id = query_number(q, 0, TOKEN_ID_LIMIT - 1)};
        ret->kind = (enum token_kind)query_number(q, TOKEN_AK, TOKEN_PAT);
        ret->owner = load_owner(q, ret->kind);
        query_text(q, ret->name, sizeof(ret->name));
        ret->created_at = query_number(q, 1, INT64_MAX);
        ret->expires_at = query_optional(q, 1, EXPIRY_MAX, EXPIRY_NEVER);
        query_limits(q, &ret->limits);
        ret->has_proof = query_bytes(q, ret->proof, sizeof(ret->proof));
        load_mac(q, ret->mac);
        ret->key_fingerprint = query_number(q, 1, INT64_MAX);
        ret->ends_at = query_optional(q, 1, EXPIRY_MAX, EXPIRY_NEVER);
        has_end_mac = query_bytes(q, ret->end_mac, sizeof(ret->end_mac));
        ret->revoked_at = query_optional(q, 1, INT64_MAX, 0);
        query_text(q, ret->end_reason, sizeof(ret->end_reason));
        ret->successor = query_optional(q, 0, TOKEN_ID_LIMIT - 1, -1);
        ret->made = query_number(q, 1, INT64_MAX);
        if (q->error == 0 && has_end_mac != (ret->ends_at != EXPIRY_NEVER))
                q->error = -EUCLEAN;
        return q->error;
}

int query_load_grant(struct query *q, struct record_grant *ret)
{
        *ret = (struct record_grant){0};
        query_text(q, ret->actor, sizeof(ret->actor));
        ret->real_uid = query_number(q, 0, INT64_MAX);
        ret->org_id = query_number(q, 1, INT64_MAX);
        ret->token_id = query_number(q, 0, TOKEN_ID_LIMIT - 1);
        query_text(q, ret->account, sizeof(ret->account));
        query_text(q, ret->source, sizeof(ret->source));
        ret->first_at = query_number(q, 1, INT64_MAX);
        ret->renewed_at = query_number(q, 1, INT64_MAX);
        return q->error;
}

int query_load_session(struct query *q, struct record_session *ret)
{
        *ret = (struct record_session){0};
        query_text(q, ret->id, sizeof(ret->id));
        ret->leader = query_number(q, 1, INT64_MAX);
        query_text(q, ret->account, sizeof(ret->account));
        query_text(q, ret->service, sizeof(ret->service));
        ret->org_id = query_number(q, 1, INT64_MAX);
        ret->token_id = query_number(q, 0, TOKEN_ID_LIMIT - 1);
        ret->opened_at = query_number(q, 1, INT64_MAX);
        return q->error;
}
