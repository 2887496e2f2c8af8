#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "common/cleanup.h"
#include "daemon/store_sqlite.h"

/* A cursor moves when its row was taken: one that the visitor ended the walk with comes again. */

static int64_t behind(const struct store_cursor *cursor, int64_t value)
{
        return cursor->started ? value : INT64_MIN;
}

static void move_to(struct store_cursor *cursor, int64_t made, int64_t id, const char *name)
{
        cursor->made = made;
        cursor->id = id;
        (void)view_copy(view_of(name), cursor->name, sizeof(cursor->name));
        cursor->started = true;
}

/* The end of a walk: an error, what the visitor said, or whether the page was full. */
static int result_of(int e, unsigned visited, unsigned max)
{
        if (e != 0)
                return e;
        return visited == max ? 1 : 0;
}

int store_list_orgs(struct store_reader *r, struct store_cursor *cursor, unsigned max,
                    store_org_visitor visit, void *context)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_LIST_ORGS);
        struct record_org org;
        unsigned visited = 0;
        int e;

        query_bind_number(&q, behind(cursor, cursor->id));
        query_bind_number(&q, max);
        while ((e = query_step(&q)) > 0) {
                e = query_load_org(&q, &org);
                if (e == 0)
                        e = visit(context, &org);
                if (e != 0)
                        break;
                move_to(cursor, 0, org.id, org.name);
                visited++;
        }
        return result_of(e, visited, max);
}

int store_list_users(struct store_reader *r, struct store_cursor *cursor, unsigned max,
                     store_user_visitor visit, void *context)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_LIST_USERS);
        struct record_user user;
        unsigned visited = 0;
        int e;

        query_bind_number(&q, behind(cursor, cursor->id));
        query_bind_number(&q, max);
        while ((e = query_step(&q)) > 0) {
                e = query_load_user(&q, &user);
                if (e == 0)
                        e = visit(context, &user);
                if (e != 0)
                        break;
                move_to(cursor, 0, user.id, user.name);
                visited++;
        }
        return result_of(e, visited, max);
}

static int list_members(struct store_reader *r, enum store_sql sql, int64_t key,
                        struct store_cursor *cursor, unsigned max, store_member_visitor visit,
                        void *context)
{
        _cleanup_(query_end) struct query q = query_begin(r, sql);
        struct record_member member;
        unsigned visited = 0;
        int e;

        query_bind_number(&q, key);
        query_bind_number(&q, behind(cursor, cursor->made));
        query_bind_number(&q, behind(cursor, cursor->id));
        query_bind_number(&q, max);
        while ((e = query_step(&q)) > 0) {
                int64_t other;

                e = query_load_member(&q, &member);
                if (e == 0)
                        e = visit(context, &member);
                if (e != 0)
                        break;
                other = sql == SQL_LIST_MEMBERS ? member.user_id : member.org_id;
                move_to(cursor, member.made, other, "");
                visited++;
        }
        return result_of(e, visited, max);
}

int store_list_members(struct store_reader *r, int64_t org_id, struct store_cursor *cursor,
                       unsigned max, store_member_visitor visit, void *context)
{
        return list_members(r, SQL_LIST_MEMBERS, org_id, cursor, max, visit, context);
}

int store_list_memberships(struct store_reader *r, int64_t user_id, struct store_cursor *cursor,
                           unsigned max, store_member_visitor visit, void *context)
{
        return list_members(r, SQL_LIST_MEMBERSHIPS, user_id, cursor, max, visit, context);
}

int store_list_accounts(struct store_reader *r, int64_t org_id, struct store_cursor *cursor,
                        unsigned max, store_account_visitor visit, void *context)
{
        _cleanup_(query_end) struct query q =
                query_begin(r, org_id == 0 ? SQL_LIST_ACCOUNTS : SQL_LIST_ORG_ACCOUNTS);
        struct view name = view_of(cursor->started ? cursor->name : "");
        struct record_account account;
        unsigned visited = 0;
        char start[sizeof(cursor->name)];
        int e;

        /* Bound without a copy, and the cursor moves. */
        (void)view_copy(name, start, sizeof(start));
        if (org_id != 0)
                query_bind_number(&q, org_id);
        query_bind_number(&q, behind(cursor, cursor->made));
        query_bind_text(&q, view_of(start));
        if (org_id == 0)
                query_bind_number(&q, behind(cursor, cursor->id));
        query_bind_number(&q, max);
        while ((e = query_step(&q)) > 0) {
                e = query_load_account(&q, &account);
                if (e == 0)
                        e = visit(context, &account);
                if (e != 0)
                        break;
                move_to(cursor, account.made, account.org_id, account.name);
                visited++;
        }
        return result_of(e, visited, max);
}

int store_list_bindings(struct store_reader *r, struct view name, store_account_visitor visit,
                        void *context)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_LIST_BINDINGS);
        struct record_account account;
        int e;

        query_bind_text(&q, name);
        while ((e = query_step(&q)) > 0) {
                e = query_load_account(&q, &account);
                /* As in a look-up: an index may lead to a good row of another name. */
                if (e == 0 && !view_equal_str(name, account.name))
                        e = -EUCLEAN;
                if (e == 0)
                        e = visit(context, &account);
                if (e != 0)
                        return e;
        }
        return e;
}

int store_list_guarded(struct store_reader *r, struct store_cursor *cursor, unsigned max,
                       store_guarded_visitor visit, void *context)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_LIST_GUARDED);
        struct record_guarded guarded;
        char start[sizeof(cursor->name)];
        unsigned visited = 0;
        int e;

        (void)view_copy(view_of(cursor->started ? cursor->name : ""), start, sizeof(start));
        query_bind_text(&q, view_of(start));
        query_bind_number(&q, max);
        while ((e = query_step(&q)) > 0) {
                e = query_load_guarded(&q, &guarded);
                if (e == 0)
                        e = visit(context, &guarded);
                if (e != 0)
                        break;
                move_to(cursor, 0, 0, guarded.name);
                visited++;
        }
        return result_of(e, visited, max);
}

int store_list_tokens(struct store_reader *r, enum token_kind kind, int64_t owner,
                      struct store_cursor *cursor, unsigned max, store_token_visitor visit,
                      void *context)
{
        enum store_sql sql = owner == 0         ? SQL_LIST_KIND_TOKENS
                             : kind == TOKEN_AK ? SQL_LIST_ORG_TOKENS
                                                : SQL_LIST_USER_TOKENS;
        _cleanup_(query_end) struct query q = query_begin(r, sql);
        struct record_token token;
        unsigned visited = 0;
        int e;

        query_bind_number(&q, owner == 0 ? (int64_t)kind : owner);
        query_bind_number(&q, behind(cursor, cursor->made));
        query_bind_number(&q, behind(cursor, cursor->id));
        query_bind_number(&q, max);
        while ((e = query_step(&q)) > 0) {
                e = query_load_token(&q, &token);
                if (e == 0)
                        e = visit(context, &token);
                if (e != 0)
                        break;
                move_to(cursor, token.made, token.id, "");
                visited++;
        }
        return result_of(e, visited, max);
}

int store_list_token_range(struct store_reader *r, enum token_kind kind, int64_t first,
                           int64_t last, store_token_visitor visit, void *context)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_LIST_TOKEN_RANGE);
        struct record_token token;
        int e;

        query_bind_number(&q, kind);
        query_bind_number(&q, first);
        query_bind_number(&q, last);
        while ((e = query_step(&q)) > 0) {
                e = query_load_token(&q, &token);
                if (e == 0)
                        e = visit(context, &token);
                if (e != 0)
                        return e;
        }
        return e;
}

int store_list_grants(struct store_reader *r, store_grant_visitor visit, void *context)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_LIST_GRANTS);
        struct record_grant grant;
        int e;

        while ((e = query_step(&q)) > 0) {
                e = query_load_grant(&q, &grant);
                if (e == 0)
                        e = visit(context, &grant);
                if (e != 0)
                        return e;
        }
        return e;
}

int store_list_undelivered(struct store_reader *r, store_id_visitor visit, void *context)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_LIST_UNDELIVERED);
        int64_t id;
        int e;

        while ((e = query_step(&q)) > 0) {
                id = query_number(&q, 0, TOKEN_ID_LIMIT - 1);
                e = q.error < 0 ? q.error : visit(context, id);
                if (e != 0)
                        return e;
        }
        return e;
}

int store_list_sessions(struct store_reader *r, store_session_visitor visit, void *context)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_LIST_SESSIONS);
        struct record_session session;
        int e;

        while ((e = query_step(&q)) > 0) {
                e = query_load_session(&q, &session);
                if (e == 0)
                        e = visit(context, &session);
                if (e != 0)
                        return e;
        }
        return e;
}

int store_count_sessions(struct store_reader *r, int64_t *ret)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_COUNT_SESSIONS);
        int e = query_row(&q);

        if (e < 0)
                return e;
        *ret = query_number(&q, 0, INT64_MAX);
        return q.error;
}

/* A change's key is a number or a text; as text both. */
static int load_change(struct query *q, int64_t *ret_revision, char *ret_kind, struct view *ret_key)
{
        char kind[2];
        const char *key;

        *ret_revision = query_number(q, 1, INT64_MAX);
        query_text(q, kind, sizeof(kind));
        if (q->error < 0)
                return q->error;
        key = (const char *)sqlite3_column_text(q->statement, 2);
        if (!key)
                return -EUCLEAN;
        *ret_kind = kind[0];
        *ret_key = view_of_bytes(key, (size_t)sqlite3_column_bytes(q->statement, 2));
        return 0;
}

int store_list_changes(struct store_reader *r, int64_t after, unsigned max,
                       store_change_visitor visit, void *context)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_LIST_CHANGES);
        int64_t revision = 0, last = 0;
        unsigned visited = 0;
        struct view key;
        char kind;
        int e;

        query_bind_number(&q, after);
        while ((e = query_step(&q)) > 0) {
                e = load_change(&q, &revision, &kind, &key);
                if (e < 0)
                        return e;
                /* Never cut inside a revision: who asks again for what came after it would lose the
                 * rest. */
                if (visited >= max && revision != last)
                        return 1;
                e = visit(context, revision, kind, key);
                if (e != 0)
                        return e;
                last = revision;
                visited++;
        }
        return e;
}
