#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>

#include "common/cleanup.h"
#include "daemon/store_sqlite.h"

/* "name/id", the longest key of a change */
#define KEY_SIZE (NAME_USER_MAX + 24)

static int run_fixed(struct store_writer *w, enum store_sql sql)
{
        _cleanup_(query_end) struct query q = query_begin(&w->reader, sql);

        return query_run(&q);
}

/* One number that a statement gives back. -EUCLEAN where it found no row to change. */
static int run_for_number(struct store_writer *w, enum store_sql sql, int64_t *ret)
{
        _cleanup_(query_end) struct query q = query_begin(&w->reader, sql);
        int64_t number;
        int e = query_row(&q);

        if (e < 0)
                return e == -ENOENT ? -EUCLEAN : e;
        number = query_number(&q, 1, INT64_MAX);
        e = query_run(&q);
        if (e == 0)
                *ret = number;
        return e;
}

/* A statement that gives a row back where it found one to change: -ENOENT where it did not. */
static int run_update(struct query *q)
{
        int e = query_row(q);

        return e < 0 ? e : query_run(q);
}

static int begin(struct store_writer *w, enum store_transaction kind)
{
        int e;

        if (w->open != TRANSACTION_NONE)
                return -EINVAL;
        /* One that could not be rolled back is, before it is in the way of every later change. */
        if (!sqlite3_get_autocommit(w->reader.db))
                (void)run_fixed(w, SQL_ROLLBACK);
        e = run_fixed(w, SQL_BEGIN_IMMEDIATE);
        if (e < 0)
                return e;
        w->open = kind;
        w->changed = false;
        w->broken = false;
        return 0;
}

/* Every change is synced before it is acknowledged; local facts reach the disk with the next change
   or checkpoint, and lost with the power they are merely lost. Only outside a transaction. */
static int set_strict(struct store_writer *w)
{
        int e = 0;

        if (w->relaxed)
                e = store_sqlite_run(w->reader.db, "PRAGMA synchronous = FULL");
        if (e == 0)
                w->relaxed = false;
        return e;
}

/* Off for the one transaction that changes what the triggers keep: which key a row is under. */
static int set_triggers(struct store_writer *w, bool on)
{
        int is = -1, result = sqlite3_db_config(w->reader.db, SQLITE_DBCONFIG_ENABLE_TRIGGER,
                                                on ? 1 : 0, &is);

        if (result != SQLITE_OK || is != (on ? 1 : 0))
                return -EIO;
        w->remaking = !on;
        return 0;
}

static void end(struct store_writer *w)
{
        if (w->open != TRANSACTION_NONE && !sqlite3_get_autocommit(w->reader.db))
                (void)run_fixed(w, SQL_ROLLBACK);
        w->open = TRANSACTION_NONE;
        if (w->remaking)
                (void)set_triggers(w, true);
        /* Where it fails, the next store_write_begin() tries again and answers for it. */
        (void)set_strict(w);
}

/* May something be put now? After some errors SQLite has rolled back by itself, and what came next
   would be a transaction of its own. */
static int check_open(const struct store_writer *w, bool local)
{
        if (w->open != TRANSACTION_CHANGE && !(local && w->open == TRANSACTION_LOCAL))
                return -EINVAL;
        return w->broken || sqlite3_get_autocommit(w->reader.db) ? -EIO : 0;
}

/* A statement that puts something. Where nothing may be put now, that is its error from the start:
   what is bound to it goes nowhere, and running it says so. */
static struct query put_begin(struct store_writer *w, enum store_sql sql, bool local)
{
        struct query q = query_begin(&w->reader, sql);
        int e = check_open(w, local);

        if (e < 0)
                q.error = e;
        return q;
}

static struct query change_begin(struct store_writer *w, enum store_sql sql)
{
        return put_begin(w, sql, false);
}

static struct query local_begin(struct store_writer *w, enum store_sql sql)
{
        return put_begin(w, sql, true);
}

int store_write_begin(struct store_writer *w)
{
        int e = w->open == TRANSACTION_NONE ? set_strict(w) : 0;

        return e < 0 ? e : begin(w, TRANSACTION_CHANGE);
}

static int put_fingerprint(struct store_writer *w, int64_t fingerprint)
{
        _cleanup_(query_end) struct query q = query_begin(&w->reader, SQL_PUT_FINGERPRINT);
        int e;

        query_bind_number(&q, fingerprint);
        e = run_update(&q);
        return e == -ENOENT ? -EUCLEAN : e;
}

int store_remake_begin(struct store_writer *w, int64_t fingerprint)
{
        int e = w->open == TRANSACTION_NONE ? set_triggers(w, false) : -EINVAL;

        if (e == 0)
                e = store_write_begin(w);
        if (e == 0)
                e = put_fingerprint(w, fingerprint);
        if (e < 0)
                end(w);
        return e;
}

static int take_revision(struct store_writer *w, int64_t *ret)
{
        struct store_freshness freshness;
        int e;

        if (w->changed)
                return run_for_number(w, SQL_NEXT_REVISION, ret);
        e = store_freshness(&w->reader, &freshness);
        if (e == 0)
                *ret = freshness.revision;
        return e;
}

int store_write_commit(struct store_writer *w, int64_t *ret_revision)
{
        int64_t revision = 0;
        int e;

        if (w->open != TRANSACTION_CHANGE)
                return -EINVAL;
        e = check_open(w, false);
        if (e == 0)
                e = take_revision(w, &revision);
        if (e == 0)
                e = run_fixed(w, SQL_COMMIT);
        /* Rolls back what failed, so that the writer is never left inside half of it. */
        end(w);
        if (e == 0)
                *ret_revision = revision;
        return e;
}

void store_write_rollback(struct store_writer *w)
{
        end(w);
}

static int begin_relaxed(struct store_writer *w, enum store_transaction kind)
{
        int e;

        if (w->open != TRANSACTION_NONE)
                return -EINVAL;
        w->relaxed = true;
        e = store_sqlite_run(w->reader.db, "PRAGMA synchronous = NORMAL");
        if (e == 0)
                e = begin(w, kind);
        if (e < 0)
                end(w);
        return e;
}

int store_write_begin_unsynced(struct store_writer *w)
{
        return begin_relaxed(w, TRANSACTION_CHANGE);
}

int store_local_begin(struct store_writer *w)
{
        return begin_relaxed(w, TRANSACTION_LOCAL);
}

int store_local_commit(struct store_writer *w)
{
        int e;

        if (w->open != TRANSACTION_LOCAL)
                return -EINVAL;
        e = check_open(w, true);
        if (e == 0)
                e = run_fixed(w, SQL_COMMIT);
        end(w);
        return e;
}

int store_next_org_id(struct store_writer *w, int64_t *ret)
{
        int e = check_open(w, false);

        return e < 0 ? e : run_for_number(w, SQL_NEXT_ORG_ID, ret);
}

int store_next_user_id(struct store_writer *w, int64_t *ret)
{
        int e = check_open(w, false);

        return e < 0 ? e : run_for_number(w, SQL_NEXT_USER_ID, ret);
}

/* ---- the change table: the row was put, so a failure here leaves a transaction that must not
 * commit ---- */

static int note_change(struct store_writer *w, const char *kind, int64_t number, const char *name)
{
        _cleanup_(query_end) struct query q = query_begin(&w->reader, SQL_APPEND_CHANGE);
        int e;

        query_bind_text(&q, view_of(kind));
        if (name)
                query_bind_text(&q, view_of(name));
        else
                query_bind_number(&q, number);
        e = query_run(&q);
        if (e < 0)
                w->broken = true;
        else
                w->changed = true;
        return e;
}

static int note_pair(struct store_writer *w, const char *kind, struct view name, int64_t id)
{
        char key[KEY_SIZE];
        int len = snprintf(key, sizeof(key), "%.*s/%lld", (int)name.len, name.ptr, (long long)id);

        if ((size_t)len >= sizeof(key)) {
                w->broken = true;
                return -EINVAL;
        }
        return note_change(w, kind, 0, key);
}

static int note_member(struct store_writer *w, int64_t org_id, int64_t user_id)
{
        char org[24];

        (void)snprintf(org, sizeof(org), "%lld", (long long)org_id);
        return note_pair(w, "m", view_of(org), user_id);
}

/* ---- rows; the binds are in the order of the columns ---- */

int store_put_org(struct store_writer *w, const struct record_org *org)
{
        _cleanup_(query_end) struct query q = change_begin(w, SQL_PUT_ORG);
        int e;

        query_bind_number(&q, org->id);
        query_bind_text(&q, view_of(org->name));
        query_bind_number(&q, org->created_at);
        query_bind_optional(&q, org->deleted_at, 0);
        query_bind_number(&q, org->suspended);
        query_bind_number(&q, org->policy.max_life);
        query_bind_number(&q, org->policy.max_unused);
        query_bind_number(&q, org->policy.never_ok);
        query_bind_number(&q, org->policy.end_sessions);
        query_bind_bytes(&q, org->mac, sizeof(org->mac));
        e = query_run(&q);
        return e < 0 ? e : note_change(w, "o", org->id, NULL);
}

int store_put_user(struct store_writer *w, const struct record_user *user)
{
        _cleanup_(query_end) struct query q = change_begin(w, SQL_PUT_USER);
        int e;

        query_bind_number(&q, user->id);
        query_bind_text(&q, view_of(user->name));
        query_bind_optional(&q, user->uid, -1);
        query_bind_number(&q, user->created_at);
        query_bind_optional(&q, user->removed_at, 0);
        query_bind_number(&q, user->suspended);
        query_bind_bytes(&q, user->mac, sizeof(user->mac));
        e = query_run(&q);
        return e < 0 ? e : note_change(w, "u", user->id, NULL);
}

int store_put_member(struct store_writer *w, const struct record_member *member)
{
        _cleanup_(query_end) struct query q = change_begin(w, SQL_PUT_MEMBER);
        int e;

        query_bind_number(&q, member->org_id);
        query_bind_number(&q, member->user_id);
        query_bind_number(&q, member->role);
        query_bind_number(&q, member->created_at);
        query_bind_bytes(&q, member->mac, sizeof(member->mac));
        e = query_run(&q);
        return e < 0 ? e : note_member(w, member->org_id, member->user_id);
}

int store_put_account(struct store_writer *w, const struct record_account *account)
{
        _cleanup_(query_end) struct query q = change_begin(w, SQL_PUT_ACCOUNT);
        int e;

        query_bind_text(&q, view_of(account->name));
        query_bind_number(&q, account->org_id);
        query_bind_number(&q, account->role);
        query_bind_bytes(&q, account->services.bytes, account->services.len);
        query_bind_number(&q, account->created_at);
        query_bind_bytes(&q, account->mac, sizeof(account->mac));
        e = query_run(&q);
        return e < 0 ? e : note_pair(w, "a", view_of(account->name), account->org_id);
}

int store_put_guarded(struct store_writer *w, const struct record_guarded *guarded)
{
        _cleanup_(query_end) struct query q = change_begin(w, SQL_PUT_GUARDED);
        int e;

        query_bind_text(&q, view_of(guarded->name));
        query_bind_number(&q, guarded->since);
        query_bind_bytes(&q, guarded->mac, sizeof(guarded->mac));
        e = query_run(&q);
        return e < 0 ? e : note_change(w, "g", 0, guarded->name);
}

/* A deletion: -ENOENT, and no change, where there was no such row. */
static int run_delete(struct store_writer *w, struct query *q)
{
        int e = query_run(q);

        if (e < 0)
                return e;
        return sqlite3_changes64(w->reader.db) == 0 ? -ENOENT : 0;
}

int store_delete_member(struct store_writer *w, int64_t org_id, int64_t user_id)
{
        _cleanup_(query_end) struct query q = change_begin(w, SQL_DELETE_MEMBER);
        int e;

        query_bind_number(&q, org_id);
        query_bind_number(&q, user_id);
        e = run_delete(w, &q);
        return e < 0 ? e : note_member(w, org_id, user_id);
}

int store_delete_account(struct store_writer *w, struct view name, int64_t org_id)
{
        _cleanup_(query_end) struct query q = change_begin(w, SQL_DELETE_ACCOUNT);
        int e;

        query_bind_text(&q, name);
        query_bind_number(&q, org_id);
        e = run_delete(w, &q);
        return e < 0 ? e : note_pair(w, "a", name, org_id);
}

int store_delete_guarded(struct store_writer *w, struct view name)
{
        _cleanup_(query_end) struct query q = change_begin(w, SQL_DELETE_GUARDED);
        char key[KEY_SIZE];
        int e;

        query_bind_text(&q, name);
        e = run_delete(w, &q);
        if (e < 0)
                return e;
        (void)view_copy(name, key, sizeof(key));
        return note_change(w, "g", 0, key);
}

int store_put_host_policy(struct store_writer *w, const struct policy *policy,
                          const uint8_t mac[static RECORD_MAC_LEN])
{
        _cleanup_(query_end) struct query q = change_begin(w, SQL_PUT_HOST_POLICY);
        int e;

        query_bind_number(&q, policy->max_life);
        query_bind_number(&q, policy->max_unused);
        query_bind_number(&q, policy->never_ok);
        query_bind_number(&q, policy->end_sessions);
        query_bind_number(&q, policy->self_service);
        query_bind_bytes(&q, mac, RECORD_MAC_LEN);
        e = query_run(&q);
        return e < 0 ? e : note_change(w, "p", 0, "host");
}

static void bind_end(struct query *q, const struct record_token *token)
{
        bool ends = token->ends_at != EXPIRY_NEVER;

        query_bind_optional(q, token->ends_at, EXPIRY_NEVER);
        query_bind_bytes(q, token->end_mac, ends ? sizeof(token->end_mac) : 0);
        query_bind_optional(q, token->revoked_at, 0);
        if (token->end_reason[0] != '\0')
                query_bind_text(q, view_of(token->end_reason));
        else
                query_bind_optional(q, 0, 0);
        query_bind_optional(q, token->successor, -1);
}

int store_insert_token(struct store_writer *w, const struct record_token *token)
{
        _cleanup_(query_end) struct query q = change_begin(w, SQL_INSERT_TOKEN);
        int e;

        query_bind_number(&q, token->id);
        query_bind_number(&q, token->kind);
        query_bind_optional(&q, token->kind == TOKEN_AK ? token->owner : 0, 0);
        query_bind_optional(&q, token->kind == TOKEN_PAT ? token->owner : 0, 0);
        query_bind_text(&q, view_of(token->name));
        query_bind_number(&q, token->created_at);
        query_bind_optional(&q, token->expires_at, EXPIRY_NEVER);
        query_bind_bytes(&q, token->limits.bytes, token->limits.len);
        query_bind_bytes(&q, token->proof, token->has_proof ? sizeof(token->proof) : 0);
        query_bind_bytes(&q, token->mac, sizeof(token->mac));
        query_bind_number(&q, token->key_fingerprint);
        bind_end(&q, token);
        e = query_run(&q);
        return e < 0 ? e : note_change(w, "t", token->id, NULL);
}

int store_update_token(struct store_writer *w, const struct record_token *token)
{
        _cleanup_(query_end) struct query q = change_begin(w, SQL_UPDATE_TOKEN);
        int e;

        query_bind_number(&q, token->id);
        query_bind_text(&q, view_of(token->name));
        query_bind_bytes(&q, token->proof, token->has_proof ? sizeof(token->proof) : 0);
        query_bind_bytes(&q, token->mac, sizeof(token->mac));
        bind_end(&q, token);
        e = run_update(&q);
        return e < 0 ? e : note_change(w, "t", token->id, NULL);
}

int store_remake_token(struct store_writer *w, const struct record_token *token)
{
        _cleanup_(query_end) struct query q = change_begin(w, SQL_REMAKE_TOKEN);
        bool ends = token->ends_at != EXPIRY_NEVER;
        int e;

        if (!w->remaking)
                return -EINVAL;
        query_bind_number(&q, token->id);
        query_bind_bytes(&q, token->mac, sizeof(token->mac));
        query_bind_number(&q, token->key_fingerprint);
        query_bind_bytes(&q, token->end_mac, ends ? sizeof(token->end_mac) : 0);
        e = run_update(&q);
        return e < 0 ? e : note_change(w, "t", token->id, NULL);
}

/* ---- local facts ---- */

int store_put_last_use(struct store_writer *w, const struct record_last_use *use)
{
        _cleanup_(query_end) struct query q = local_begin(w, SQL_PUT_LAST_USE);

        query_bind_number(&q, use->token_id);
        query_bind_number(&q, use->at);
        query_bind_text(&q, view_of(use->source));
        query_bind_text(&q, view_of(use->service));
        query_bind_text(&q, view_of(use->account));
        query_bind_text(&q, view_of(use->org));
        return query_run(&q);
}

int store_put_notified(struct store_writer *w, int64_t at)
{
        _cleanup_(query_end) struct query q = local_begin(w, SQL_PUT_NOTIFIED);

        query_bind_number(&q, at);
        return query_run(&q);
}

int store_put_undelivered(struct store_writer *w, int64_t token_id)
{
        _cleanup_(query_end) struct query q = local_begin(w, SQL_PUT_UNDELIVERED);

        query_bind_number(&q, token_id);
        return query_run(&q);
}

int store_delete_undelivered(struct store_writer *w, int64_t token_id)
{
        _cleanup_(query_end) struct query q = local_begin(w, SQL_DELETE_UNDELIVERED);

        query_bind_number(&q, token_id);
        return run_delete(w, &q);
}

int store_put_clock_mark(struct store_writer *w, int64_t mark,
                         const uint8_t mac[static RECORD_MAC_LEN])
{
        _cleanup_(query_end) struct query q = local_begin(w, SQL_PUT_CLOCK_MARK);

        query_bind_number(&q, mark);
        query_bind_bytes(&q, mac, RECORD_MAC_LEN);
        return query_run(&q);
}

int store_put_grant(struct store_writer *w, const struct record_grant *grant)
{
        _cleanup_(query_end) struct query q = local_begin(w, SQL_PUT_GRANT);

        query_bind_text(&q, view_of(grant->actor));
        query_bind_number(&q, grant->real_uid);
        query_bind_number(&q, grant->org_id);
        query_bind_number(&q, grant->token_id);
        query_bind_text(&q, view_of(grant->account));
        query_bind_text(&q, view_of(grant->source));
        query_bind_number(&q, grant->first_at);
        query_bind_number(&q, grant->renewed_at);
        return query_run(&q);
}

int store_delete_grant(struct store_writer *w, const struct record_grant *grant)
{
        _cleanup_(query_end) struct query q = local_begin(w, SQL_DELETE_GRANT);

        query_bind_text(&q, view_of(grant->actor));
        query_bind_number(&q, grant->real_uid);
        query_bind_number(&q, grant->org_id);
        query_bind_number(&q, grant->token_id);
        query_bind_text(&q, view_of(grant->account));
        return run_delete(w, &q);
}

int store_delete_grants(struct store_writer *w)
{
        int e = check_open(w, true);

        return e < 0 ? e : run_fixed(w, SQL_DELETE_GRANTS);
}

static int trim_sessions(struct store_writer *w, int64_t max)
{
        _cleanup_(query_end) struct query q = query_begin(&w->reader, SQL_TRIM_SESSIONS);

        query_bind_number(&q, max);
        return query_run(&q);
}

int store_put_session(struct store_writer *w, const struct record_session *session, int64_t max)
{
        _cleanup_(query_end) struct query q = local_begin(w, SQL_PUT_SESSION);
        int e;

        query_bind_text(&q, view_of(session->id));
        query_bind_number(&q, session->leader);
        query_bind_text(&q, view_of(session->account));
        query_bind_text(&q, view_of(session->service));
        query_bind_number(&q, session->org_id);
        query_bind_number(&q, session->token_id);
        query_bind_number(&q, session->opened_at);
        e = query_run(&q);
        return e < 0 ? e : trim_sessions(w, max);
}

int store_delete_session(struct store_writer *w, const struct record_session *session)
{
        _cleanup_(query_end) struct query q = local_begin(w, SQL_DELETE_SESSION);

        query_bind_text(&q, view_of(session->id));
        query_bind_number(&q, session->leader);
        query_bind_text(&q, view_of(session->account));
        return run_delete(w, &q);
}
