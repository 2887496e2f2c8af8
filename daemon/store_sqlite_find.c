#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "daemon/store_sqlite.h"

/* Each look-up asks once more whether the row is the one asked for: the index of a damaged file may
   lead to another, which is a good row by itself, seal and all. */
static int is_asked_for(bool same)
{
        return same ? 0 : -EUCLEAN;
}

int store_find_org(struct store_reader *r, int64_t id, struct record_org *ret)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_FIND_ORG);
        struct record_org org;
        int e;

        query_bind_number(&q, id);
        e = query_row(&q);
        if (e == 0)
                e = query_load_org(&q, &org);
        if (e == 0)
                e = is_asked_for(org.id == id);
        if (e == 0)
                *ret = org;
        return e;
}

int store_find_org_by_name(struct store_reader *r, struct view name, struct record_org *ret)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_FIND_ORG_BY_NAME);
        struct record_org org;
        int e;

        query_bind_text(&q, name);
        e = query_row(&q);
        if (e == 0)
                e = query_load_org(&q, &org);
        if (e == 0)
                e = is_asked_for(view_equal_str(name, org.name) && org.deleted_at == 0);
        if (e == 0)
                *ret = org;
        return e;
}

int store_find_user(struct store_reader *r, int64_t id, struct record_user *ret)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_FIND_USER);
        struct record_user user;
        int e;

        query_bind_number(&q, id);
        e = query_row(&q);
        if (e == 0)
                e = query_load_user(&q, &user);
        if (e == 0)
                e = is_asked_for(user.id == id);
        if (e == 0)
                *ret = user;
        return e;
}

int store_find_user_by_name(struct store_reader *r, struct view name, struct record_user *ret)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_FIND_USER_BY_NAME);
        struct record_user user;
        int e;

        query_bind_text(&q, name);
        e = query_row(&q);
        if (e == 0)
                e = query_load_user(&q, &user);
        if (e == 0)
                e = is_asked_for(view_equal_str(name, user.name) && user.removed_at == 0);
        if (e == 0)
                *ret = user;
        return e;
}

int store_find_member(struct store_reader *r, int64_t org_id, int64_t user_id,
                      struct record_member *ret)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_FIND_MEMBER);
        struct record_member member;
        int e;

        query_bind_number(&q, org_id);
        query_bind_number(&q, user_id);
        e = query_row(&q);
        if (e == 0)
                e = query_load_member(&q, &member);
        if (e == 0)
                e = is_asked_for(member.org_id == org_id && member.user_id == user_id);
        if (e == 0)
                *ret = member;
        return e;
}

int store_find_token(struct store_reader *r, int64_t id, struct record_token *ret)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_FIND_TOKEN);
        struct record_token token;
        int e;

        query_bind_number(&q, id);
        e = query_row(&q);
        if (e == 0)
                e = query_load_token(&q, &token);
        if (e == 0)
                e = is_asked_for(token.id == id);
        if (e == 0)
                *ret = token;
        return e;
}

int store_find_account(struct store_reader *r, struct view name, int64_t org_id,
                       struct record_account *ret)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_FIND_ACCOUNT);
        struct record_account account;
        int e;

        query_bind_text(&q, name);
        query_bind_number(&q, org_id);
        e = query_row(&q);
        if (e == 0)
                e = query_load_account(&q, &account);
        if (e == 0)
                e = is_asked_for(view_equal_str(name, account.name) && account.org_id == org_id);
        if (e == 0)
                *ret = account;
        return e;
}

int store_find_guarded(struct store_reader *r, struct view name, struct record_guarded *ret)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_FIND_GUARDED);
        struct record_guarded guarded;
        int e;

        query_bind_text(&q, name);
        e = query_row(&q);
        if (e == 0)
                e = query_load_guarded(&q, &guarded);
        if (e == 0)
                e = is_asked_for(view_equal_str(name, guarded.name));
        if (e == 0)
                *ret = guarded;
        return e;
}

int store_find_host_policy(struct store_reader *r, struct policy *ret,
                           uint8_t ret_mac[static RECORD_MAC_LEN])
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_FIND_HOST_POLICY);
        struct policy policy = {0};
        uint8_t mac[RECORD_MAC_LEN];
        int e = query_row(&q);

        if (e < 0)
                return e;
        policy.max_life = query_number(&q, 0, INT64_MAX);
        policy.max_unused = query_number(&q, 0, INT64_MAX);
        policy.never_ok = query_bool(&q);
        policy.end_sessions = query_bool(&q);
        policy.self_service = (int)query_number(&q, SELF_SERVICE_FULL, SELF_SERVICE_OFF);
        if (!query_bytes(&q, mac, sizeof(mac)))
                return q.error < 0 ? q.error : -EUCLEAN;
        *ret = policy;
        memcpy(ret_mac, mac, sizeof(mac));
        return 0;
}

int store_find_last_use(struct store_reader *r, int64_t token_id, struct record_last_use *ret)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_FIND_LAST_USE);
        struct record_last_use use = {.token_id = token_id};
        int e;

        query_bind_number(&q, token_id);
        e = query_row(&q);
        if (e == 0) {
                use.at = query_number(&q, 1, INT64_MAX);
                query_text(&q, use.source, sizeof(use.source));
                query_text(&q, use.service, sizeof(use.service));
                query_text(&q, use.account, sizeof(use.account));
                query_text(&q, use.org, sizeof(use.org));
                e = q.error;
        }
        if (e < 0 && e != -ENOENT)
                return e;
        *ret = use;
        return 0;
}

int store_find_notified(struct store_reader *r, int64_t *ret)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_FIND_NOTIFIED);
        int64_t at = 0;
        int e = query_row(&q);

        if (e == 0) {
                at = query_number(&q, 0, INT64_MAX);
                e = q.error;
        }
        if (e < 0 && e != -ENOENT)
                return e;
        *ret = at;
        return 0;
}

int store_find_clock_mark(struct store_reader *r, int64_t *ret,
                          uint8_t ret_mac[static RECORD_MAC_LEN])
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_FIND_CLOCK_MARK);
        uint8_t mac[RECORD_MAC_LEN] = {0};
        int64_t mark = 0;
        int e = query_row(&q);

        if (e == 0) {
                mark = query_number(&q, 0, INT64_MAX);
                if (!query_bytes(&q, mac, sizeof(mac)))
                        e = q.error < 0 ? q.error : -EUCLEAN;
        }
        if (e < 0 && e != -ENOENT)
                return e;
        *ret = mark;
        memcpy(ret_mac, mac, sizeof(mac));
        return 0;
}

/* How many leading characters two ids share. */
static unsigned shared_characters(int64_t a, int64_t b)
{
        char x[TOKEN_ID_LEN + 1], y[TOKEN_ID_LEN + 1];
        unsigned n = 0;

        token_id_to_text(a, x);
        token_id_to_text(b, y);
        while (n < TOKEN_ID_LEN && x[n] == y[n])
                n++;
        return n;
}

int store_key_id_length(struct store_reader *r, int64_t id, unsigned *ret)
{
        /* The nearest other ids, on both sides: no other shares more characters. */
        _cleanup_(query_end) struct query q = query_begin(r, SQL_TOKEN_NEIGHBOURS);
        unsigned length = TOKEN_KEY_ID_MIN;
        int e;

        query_bind_number(&q, id);
        e = query_row(&q);
        for (int side = 0; e == 0 && side < 2; side++) {
                int64_t other = query_optional(&q, 0, TOKEN_ID_LIMIT - 1, -1);
                unsigned needed = other < 0 ? 0 : shared_characters(id, other) + 1;

                e = q.error;
                if (needed > length)
                        length = needed;
        }
        if (e < 0)
                return e;
        *ret = length < TOKEN_ID_LEN ? length : TOKEN_ID_LEN;
        return 0;
}

static int64_t file_size(const char *path, const char *suffix)
{
        _cleanup_(freep) char *whole = NULL;
        struct stat st;

        if (asprintf(&whole, "%s%s", path, suffix) < 0) {
                whole = NULL;
                return 0;
        }
        return lstat(whole, &st) == 0 ? (int64_t)st.st_size : 0;
}

static int count_tokens(struct store_reader *r, int64_t now, struct store_counts *counts)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_COUNT_TOKENS);
        int e;

        query_bind_number(&q, now);
        e = query_row(&q);
        if (e < 0)
                return e;
        for (int kind = TOKEN_AK; kind <= TOKEN_PAT; kind++) {
                int64_t all = query_number(&q, 0, INT64_MAX);
                int64_t expired = query_number(&q, 0, INT64_MAX);
                int64_t revoked = query_number(&q, 0, INT64_MAX);

                counts->tokens[kind][WIRE_STATE_EXPIRED] = expired;
                counts->tokens[kind][WIRE_STATE_REVOKED] = revoked;
                counts->tokens[kind][WIRE_STATE_LIVE] = all - expired - revoked;
        }
        return q.error;
}

static int count_rows(struct store_reader *r, struct store_counts *counts)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_COUNT_ROWS);
        int e = query_row(&q);

        if (e < 0)
                return e;
        counts->orgs = query_number(&q, 0, INT64_MAX);
        counts->users = query_number(&q, 0, INT64_MAX);
        counts->members = query_number(&q, 0, INT64_MAX);
        counts->accounts = query_number(&q, 0, INT64_MAX);
        return q.error;
}

int store_count(struct store_reader *r, int64_t now, struct store_counts *ret)
{
        struct store_counts counts = {0};
        int e = count_rows(r, &counts);

        if (e == 0)
                e = count_tokens(r, now, &counts);
        if (e < 0)
                return e;
        counts.bytes =
                file_size(r->path, "") + file_size(r->path, "-wal") + file_size(r->path, "-shm");
        *ret = counts;
        return 0;
}

int store_count_members(struct store_reader *r, int64_t org_id, int64_t *ret_all,
                        int64_t *ret_admins)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_COUNT_MEMBERS);
        int64_t all, admins;
        int e;

        query_bind_number(&q, org_id);
        e = query_row(&q);
        if (e < 0)
                return e;
        all = query_number(&q, 0, INT64_MAX);
        admins = query_number(&q, 0, INT64_MAX);
        if (q.error < 0)
                return q.error;
        *ret_all = all;
        *ret_admins = admins;
        return 0;
}

int store_count_tokens(struct store_reader *r, enum token_kind kind, int64_t owner, int64_t now,
                       int64_t *ret_live)
{
        enum store_sql sql = owner == 0         ? SQL_COUNT_KIND_TOKENS
                             : kind == TOKEN_AK ? SQL_COUNT_ORG_TOKENS
                                                : SQL_COUNT_USER_TOKENS;
        _cleanup_(query_end) struct query q = query_begin(r, sql);
        int64_t live;
        int e;

        query_bind_number(&q, owner == 0 ? (int64_t)kind : owner);
        query_bind_number(&q, now);
        e = query_row(&q);
        if (e < 0)
                return e;
        live = query_number(&q, 0, INT64_MAX);
        if (q.error < 0)
                return q.error;
        *ret_live = live;
        return 0;
}

int store_last_ids(struct store_reader *r, int64_t *ret_org, int64_t *ret_user)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_LAST_IDS);
        int64_t org, user;
        int e = query_row(&q);

        if (e < 0)
                return e == -ENOENT ? -EUCLEAN : e;
        org = query_number(&q, 0, INT64_MAX);
        user = query_number(&q, 0, INT64_MAX);
        if (q.error < 0)
                return q.error;
        *ret_org = org;
        *ret_user = user;
        return 0;
}
