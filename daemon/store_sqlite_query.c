#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "common/cleanup.h"
#include "daemon/store_sqlite.h"

/* In the order in which store_sqlite_row.c reads them. */
#define ORG_COLUMNS                                                                                \
        "id, name, created_at, deleted_at, suspended, max_life, max_unused, never_ok, "            \
        "end_sessions, mac"
#define USER_COLUMNS    "id, name, uid, created_at, removed_at, suspended, mac"
#define MEMBER_COLUMNS  "org_id, user_id, role, created_at, mac, made"
#define ACCOUNT_COLUMNS "name, org_id, role, services, created_at, mac, made"
#define TOKEN_COLUMNS                                                                              \
        "id, kind, org_id, user_id, name, created_at, expires_at, limits, proof, mac,"             \
        " key_fingerprint, ends_at, end_mac, revoked_at, end_reason, successor, made"
/* What the transaction that is open will be, once it is committed. */
#define THIS_REVISION   "(SELECT revision + 1 FROM meta WHERE id = 1)"
#define GRANT_COLUMNS   "actor, real_uid, org_id, token_id, account, source, first_at, renewed_at"
#define SESSION_COLUMNS "id, leader, account, service, org_id, token_id, opened_at"

/* Behind (made, id) in two searches, since SQLite uses the id behind an index for equality alone: a
   bulk import's tokens of one revision would be read again for every page. It merges the two in
   order. */
#define TOKENS_BEHIND(owner)                                                                       \
        "SELECT " TOKEN_COLUMNS " FROM token WHERE " owner " = ?1 AND made = ?2 AND id > ?3"       \
        " UNION ALL "                                                                              \
        "SELECT " TOKEN_COLUMNS " FROM token WHERE " owner " = ?1 AND made > ?2"                   \
        " ORDER BY 17, 1 LIMIT ?4"

/* A token that has ended before its expiry counts as revoked, as its verdict says. */
#define IS_ENDED   "(revoked_at IS NOT NULL OR ends_at <= ?1)"
#define IS_EXPIRED "(NOT ifnull(" IS_ENDED ", 0) AND expires_at <= ?1)"
#define IS_LIVE                                                                                    \
        "revoked_at IS NULL AND (ends_at IS NULL OR ends_at > ?2)"                                 \
        " AND (expires_at IS NULL OR expires_at > ?2)"

static const char *const text[SQL_STATEMENTS] = {
        [SQL_BEGIN] = "BEGIN",
        [SQL_BEGIN_IMMEDIATE] = "BEGIN IMMEDIATE",
        [SQL_COMMIT] = "COMMIT",
        [SQL_ROLLBACK] = "ROLLBACK",
        [SQL_DATA_VERSION] = "PRAGMA data_version",
        [SQL_META] = "SELECT revision, fingerprint FROM meta WHERE id = 1",

        [SQL_FIND_ORG] = "SELECT " ORG_COLUMNS " FROM org WHERE id = ?",
        [SQL_FIND_ORG_BY_NAME] =
                "SELECT " ORG_COLUMNS " FROM org WHERE name = ? AND deleted_at IS NULL",
        [SQL_FIND_USER] = "SELECT " USER_COLUMNS " FROM user WHERE id = ?",
        [SQL_FIND_USER_BY_NAME] =
                "SELECT " USER_COLUMNS " FROM user WHERE name = ? AND removed_at IS NULL",
        [SQL_FIND_MEMBER] =
                "SELECT " MEMBER_COLUMNS " FROM member WHERE org_id = ? AND user_id = ?",
        [SQL_FIND_TOKEN] = "SELECT " TOKEN_COLUMNS " FROM token WHERE id = ?",
        [SQL_FIND_ACCOUNT] =
                "SELECT " ACCOUNT_COLUMNS " FROM account WHERE name = ? AND org_id = ?",
        [SQL_FIND_GUARDED] = "SELECT name, since, mac FROM guarded WHERE name = ?",
        [SQL_FIND_HOST_POLICY] = "SELECT max_life, max_unused, never_ok, end_sessions,"
                                 " self_service, mac FROM host_policy WHERE id = 1",
        [SQL_FIND_LAST_USE] =
                "SELECT at, source, service, account, org FROM last_use WHERE token_id = ?",
        [SQL_FIND_NOTIFIED] = "SELECT at FROM notified WHERE id = 1",
        [SQL_LIST_UNDELIVERED] = "SELECT token_id FROM undelivered ORDER BY 1",
        [SQL_FIND_CLOCK_MARK] = "SELECT mark, mac FROM clock_mark WHERE id = 1",
        [SQL_TOKEN_NEIGHBOURS] =
                "SELECT (SELECT id FROM token WHERE id < ?1 ORDER BY id DESC LIMIT 1),"
                " (SELECT id FROM token WHERE id > ?1 ORDER BY id LIMIT 1)",

        /* Ids of orgs and users grow, so that theirs is the order of creation. */
        [SQL_LIST_ORGS] = "SELECT " ORG_COLUMNS
                          " FROM org WHERE id > ? AND deleted_at IS NULL ORDER BY id LIMIT ?",
        [SQL_LIST_USERS] = "SELECT " USER_COLUMNS
                           " FROM user WHERE id > ? AND removed_at IS NULL ORDER BY id LIMIT ?",
        [SQL_LIST_MEMBERS] = "SELECT " MEMBER_COLUMNS " FROM member WHERE org_id = ?"
                             " AND (made, user_id) > (?, ?)"
                             " ORDER BY made, user_id LIMIT ?",
        [SQL_LIST_MEMBERSHIPS] = "SELECT " MEMBER_COLUMNS " FROM member WHERE user_id = ?"
                                 " AND (made, org_id) > (?, ?)"
                                 " ORDER BY made, org_id LIMIT ?",
        [SQL_LIST_ACCOUNTS] = "SELECT " ACCOUNT_COLUMNS " FROM account"
                              " WHERE (made, name, org_id) > (?, ?, ?)"
                              " ORDER BY made, name, org_id LIMIT ?",
        [SQL_LIST_ORG_ACCOUNTS] = "SELECT " ACCOUNT_COLUMNS " FROM account"
                                  " WHERE org_id = ? AND (made, name) > (?, ?)"
                                  " ORDER BY made, name LIMIT ?",
        [SQL_LIST_BINDINGS] =
                "SELECT " ACCOUNT_COLUMNS " FROM account WHERE name = ? ORDER BY org_id",
        [SQL_LIST_GUARDED] =
                "SELECT name, since, mac FROM guarded WHERE name > ? ORDER BY name LIMIT ?",
        [SQL_LIST_ORG_TOKENS] = TOKENS_BEHIND("org_id"),
        [SQL_LIST_USER_TOKENS] = TOKENS_BEHIND("user_id"),
        [SQL_LIST_KIND_TOKENS] = TOKENS_BEHIND("kind"),
        [SQL_LIST_TOKEN_RANGE] = "SELECT " TOKEN_COLUMNS " FROM token"
                                 " WHERE kind = ? AND id BETWEEN ? AND ? ORDER BY id",
        [SQL_LIST_GRANTS] = "SELECT " GRANT_COLUMNS " FROM grants",
        [SQL_LIST_CHANGES] =
                "SELECT revision, kind, key FROM change WHERE revision > ? ORDER BY 1, 2, 3",

        [SQL_COUNT_ROWS] = "SELECT (SELECT count(*) FROM org WHERE deleted_at IS NULL),"
                           " (SELECT count(*) FROM user WHERE removed_at IS NULL),"
                           " (SELECT count(*) FROM member), (SELECT count(*) FROM account)",
        /* One pass, whatever their number; a GROUP BY would sort them. */
        [SQL_COUNT_TOKENS] = "SELECT count(*) FILTER (WHERE kind = 1),"
                             " count(*) FILTER (WHERE kind = 1 AND " IS_EXPIRED "),"
                             " count(*) FILTER (WHERE kind = 1 AND " IS_ENDED "),"
                             " count(*) FILTER (WHERE kind = 2),"
                             " count(*) FILTER (WHERE kind = 2 AND " IS_EXPIRED "),"
                             " count(*) FILTER (WHERE kind = 2 AND " IS_ENDED ") FROM token",
        [SQL_COUNT_MEMBERS] =
                "SELECT count(*), count(*) FILTER (WHERE role = 2) FROM member WHERE org_id = ?",
        [SQL_COUNT_ORG_TOKENS] = "SELECT count(*) FROM token WHERE org_id = ?1 AND " IS_LIVE,
        [SQL_COUNT_USER_TOKENS] = "SELECT count(*) FROM token WHERE user_id = ?1 AND " IS_LIVE,
        /* +: through the table and not through the index, which would look up every row. */
        [SQL_COUNT_KIND_TOKENS] = "SELECT count(*) FROM token WHERE +kind = ?1 AND " IS_LIVE,
        [SQL_INTEGRITY] = "PRAGMA quick_check(1)",
        [SQL_INTEGRITY_WHOLE] = "PRAGMA integrity_check(1)",
        [SQL_REFERENCES] = "PRAGMA foreign_key_check",
        /* A row for each thing that is wrong with them. */
        [SQL_CHANGES_WHOLE] =
                "SELECT 1 FROM meta WHERE id = 1 AND (revision <> (SELECT ifnull(max(revision), 0)"
                " FROM change) OR revision <> (SELECT count(DISTINCT revision) FROM change))",
        [SQL_LAST_IDS] = "SELECT max(last_org_id, (SELECT ifnull(max(id), 0) FROM org)),"
                         " max(last_user_id, (SELECT ifnull(max(id), 0) FROM user))"
                         " FROM meta WHERE id = 1",

        [SQL_NEXT_REVISION] =
                "UPDATE meta SET revision = revision + 1 WHERE id = 1 RETURNING revision",
        [SQL_APPEND_CHANGE] = "INSERT INTO change (revision, kind, key)"
                              " SELECT revision + 1, ?, ? FROM meta WHERE id = 1"
                              " ON CONFLICT DO NOTHING",
        [SQL_NEXT_ORG_ID] = "UPDATE meta SET last_org_id ="
                            " max(last_org_id, (SELECT ifnull(max(id), 0) FROM org)) + 1"
                            " WHERE id = 1 RETURNING last_org_id",
        [SQL_NEXT_USER_ID] = "UPDATE meta SET last_user_id ="
                             " max(last_user_id, (SELECT ifnull(max(id), 0) FROM user)) + 1"
                             " WHERE id = 1 RETURNING last_user_id",
        [SQL_PUT_ORG] = "INSERT INTO org (" ORG_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                        " ON CONFLICT (id) DO UPDATE SET name = excluded.name,"
                        " created_at = excluded.created_at, deleted_at = excluded.deleted_at,"
                        " suspended = excluded.suspended, max_life = excluded.max_life,"
                        " max_unused = excluded.max_unused, never_ok = excluded.never_ok,"
                        " end_sessions = excluded.end_sessions, mac = excluded.mac",
        [SQL_PUT_USER] = "INSERT INTO user (" USER_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?)"
                         " ON CONFLICT (id) DO UPDATE SET name = excluded.name,"
                         " uid = excluded.uid, created_at = excluded.created_at,"
                         " removed_at = excluded.removed_at, suspended = excluded.suspended,"
                         " mac = excluded.mac",
        [SQL_PUT_MEMBER] =
                "INSERT INTO member (" MEMBER_COLUMNS ") VALUES (?, ?, ?, ?, ?, " THIS_REVISION ")"
                " ON CONFLICT (org_id, user_id) DO UPDATE SET role = excluded.role,"
                " created_at = excluded.created_at, mac = excluded.mac",
        [SQL_DELETE_MEMBER] = "DELETE FROM member WHERE org_id = ? AND user_id = ?",
        [SQL_PUT_ACCOUNT] = "INSERT INTO account (" ACCOUNT_COLUMNS
                            ") VALUES (?, ?, ?, ?, ?, ?, " THIS_REVISION ")"
                            " ON CONFLICT (name, org_id) DO UPDATE SET role = excluded.role,"
                            " services = excluded.services, created_at = excluded.created_at,"
                            " mac = excluded.mac, made = excluded.made",
        [SQL_DELETE_ACCOUNT] = "DELETE FROM account WHERE name = ? AND org_id = ?",
        [SQL_PUT_GUARDED] = "INSERT INTO guarded (name, since, mac) VALUES (?, ?, ?)"
                            " ON CONFLICT (name) DO UPDATE SET since = excluded.since,"
                            " mac = excluded.mac",
        [SQL_DELETE_GUARDED] = "DELETE FROM guarded WHERE name = ?",
        [SQL_PUT_HOST_POLICY] =
                "INSERT INTO host_policy (id, max_life, max_unused, never_ok, end_sessions,"
                " self_service, mac) VALUES (1, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET max_life = excluded.max_life,"
                " max_unused = excluded.max_unused, never_ok = excluded.never_ok,"
                " end_sessions = excluded.end_sessions, self_service = excluded.self_service,"
                " mac = excluded.mac",
        [SQL_INSERT_TOKEN] =
                "INSERT INTO token (" TOKEN_COLUMNS
                ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, " THIS_REVISION ")",
        [SQL_UPDATE_TOKEN] = "UPDATE token SET name = ?2, proof = ?3, mac = ?4, ends_at = ?5,"
                             " end_mac = ?6, revoked_at = ?7, end_reason = ?8, successor = ?9"
                             " WHERE id = ?1 RETURNING id",

        [SQL_PUT_LAST_USE] = "INSERT INTO last_use (token_id, at, source, service, account, org)"
                             " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (token_id) DO UPDATE SET"
                             " at = excluded.at, source = excluded.source,"
                             " service = excluded.service, account = excluded.account,"
                             " org = excluded.org WHERE excluded.at >= at",
        [SQL_PUT_UNDELIVERED] = "INSERT INTO undelivered (token_id) VALUES (?)",
        [SQL_DELETE_UNDELIVERED] = "DELETE FROM undelivered WHERE token_id = ?",
        [SQL_PUT_NOTIFIED] = "INSERT INTO notified (id, at) VALUES (1, ?)"
                             " ON CONFLICT (id) DO UPDATE SET at = excluded.at",
        [SQL_PUT_CLOCK_MARK] = "INSERT INTO clock_mark (id, mark, mac) VALUES (1, ?, ?)"
                               " ON CONFLICT (id) DO UPDATE SET mark = excluded.mark,"
                               " mac = excluded.mac",
        [SQL_PUT_GRANT] = "INSERT INTO grants (" GRANT_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                          " ON CONFLICT (actor, real_uid, org_id, token_id, account)"
                          " DO UPDATE SET source = excluded.source, first_at = excluded.first_at,"
                          " renewed_at = excluded.renewed_at",
        [SQL_DELETE_GRANT] = "DELETE FROM grants WHERE actor = ? AND real_uid = ? AND org_id = ?"
                             " AND token_id = ? AND account = ?",
        [SQL_DELETE_GRANTS] = "DELETE FROM grants",
        [SQL_PUT_FINGERPRINT] = "UPDATE meta SET fingerprint = ? WHERE id = 1 RETURNING 1",
        [SQL_REMAKE_TOKEN] = "UPDATE token SET mac = ?2, key_fingerprint = ?3, end_mac = ?4"
                             " WHERE id = ?1 RETURNING id",

        [SQL_LIST_SESSIONS] =
                "SELECT " SESSION_COLUMNS " FROM session ORDER BY opened_at, leader, id",
        [SQL_COUNT_SESSIONS] = "SELECT count(*) FROM session",
        [SQL_PUT_SESSION] =
                "INSERT OR REPLACE INTO session (" SESSION_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?)",
        [SQL_TRIM_SESSIONS] = "DELETE FROM session WHERE (leader, id) IN (SELECT leader, id"
                              " FROM session ORDER BY opened_at DESC, leader DESC, id DESC"
                              " LIMIT -1 OFFSET ?)",
        [SQL_DELETE_SESSION] = "DELETE FROM session WHERE id = ? AND leader = ? AND account = ?",
};

struct query query_begin(struct store_reader *r, enum store_sql sql)
{
        struct query q = {.reader = r};
        sqlite3_stmt **kept = &r->statement[sql];
        int result;

        if (!*kept) {
                result = sqlite3_prepare_v3(r->db, text[sql], -1, SQLITE_PREPARE_PERSISTENT, kept,
                                            NULL);
                if (result != SQLITE_OK) {
                        q.error = store_sqlite_errno(r->db, result);
                        return q;
                }
        }
        if (sqlite3_stmt_busy(*kept)) {
                /* Not taken: query_end() must not reset what somebody else is walking. */
                q.error = -EBUSY;
                return q;
        }
        q.statement = *kept;
        return q;
}

void query_end(struct query *q)
{
        if (!q->statement)
                return;
        /* The reset ends the read; the bindings point into memory that is about to go. */
        (void)sqlite3_reset(q->statement);
        (void)sqlite3_clear_bindings(q->statement);
        q->statement = NULL;
}

static void note_bind(struct query *q, int result)
{
        if (result != SQLITE_OK)
                q->error = store_sqlite_errno(q->reader->db, result);
}

void query_bind_number(struct query *q, int64_t number)
{
        if (q->error == 0)
                note_bind(q, sqlite3_bind_int64(q->statement, ++q->bound, number));
}

void query_bind_optional(struct query *q, int64_t number, int64_t null)
{
        if (number != null)
                query_bind_number(q, number);
        else if (q->error == 0)
                note_bind(q, sqlite3_bind_null(q->statement, ++q->bound));
}

void query_bind_text(struct query *q, struct view v)
{
        /* Bound without a copy; an absent text is an empty one, never NULL. */
        if (q->error == 0)
                note_bind(q, sqlite3_bind_text64(q->statement, ++q->bound, v.ptr ? v.ptr : "",
                                                 v.len, SQLITE_STATIC, SQLITE_UTF8));
}

void query_bind_bytes(struct query *q, const void *bytes, size_t len)
{
        if (q->error == 0)
                note_bind(q, sqlite3_bind_blob64(q->statement, ++q->bound, len > 0 ? bytes : NULL,
                                                 len, SQLITE_STATIC));
}

int query_step(struct query *q)
{
        int result;

        if (q->error < 0)
                return q->error;
        q->column = 0;
        result = sqlite3_step(q->statement);
        if (result == SQLITE_ROW)
                return 1;
        q->error = store_sqlite_errno(q->reader->db, result);
        return q->error;
}

int query_row(struct query *q)
{
        int e = query_step(q);

        if (e < 0)
                return e;
        return e == 0 ? -ENOENT : 0;
}

int query_run(struct query *q)
{
        int e;

        do
                e = query_step(q);
        while (e > 0);
        return e;
}

/* The next column where it has that type, or -1. NULL is allowed where it stands for something. */
static int next_column(struct query *q, int type, bool may_be_null)
{
        int column = q->column++, is;

        if (q->error < 0)
                return -1;
        is = sqlite3_column_type(q->statement, column);
        if (is == type)
                return column;
        if (is != SQLITE_NULL || !may_be_null)
                q->error = -EUCLEAN;
        return -1;
}

static int64_t number_within(struct query *q, int column, int64_t least, int64_t most)
{
        int64_t number = sqlite3_column_int64(q->statement, column);

        if (number < least || number > most) {
                q->error = -EUCLEAN;
                return least;
        }
        return number;
}

int64_t query_number(struct query *q, int64_t least, int64_t most)
{
        int column = next_column(q, SQLITE_INTEGER, false);

        return column < 0 ? least : number_within(q, column, least, most);
}

int64_t query_optional(struct query *q, int64_t least, int64_t most, int64_t null)
{
        int column = next_column(q, SQLITE_INTEGER, true);

        return column < 0 ? null : number_within(q, column, least, most);
}

bool query_bool(struct query *q)
{
        return query_number(q, 0, 1) == 1;
}

void query_text(struct query *q, char *buf, size_t size)
{
        int column = next_column(q, SQLITE_TEXT, true);
        const char *bytes;

        buf[0] = '\0';
        if (column < 0)
                return;
        bytes = (const char *)sqlite3_column_text(q->statement, column);
        if (!bytes)
                q->error = -ENOMEM;
        else if (!view_copy(
                         view_of_bytes(bytes, (size_t)sqlite3_column_bytes(q->statement, column)),
                         buf, size))
                q->error = -EUCLEAN; /* too long, or a NUL in it */
}

bool query_bytes(struct query *q, void *bytes, size_t len)
{
        int column = next_column(q, SQLITE_BLOB, true);

        if (column < 0)
                return false;
        if ((size_t)sqlite3_column_bytes(q->statement, column) != len) {
                q->error = -EUCLEAN;
                return false;
        }
        memcpy(bytes, sqlite3_column_blob(q->statement, column), len);
        return true;
}

void query_limits(struct query *q, struct record_limits *ret)
{
        int column = next_column(q, SQLITE_BLOB, true);
        int len;

        *ret = (struct record_limits){0};
        if (column < 0)
                return;
        len = sqlite3_column_bytes(q->statement, column);
        /* No limits at all are NULL, and never a blob of no bytes. */
        if (len < 1 || len > RECORD_LIMITS_MAX) {
                q->error = -EUCLEAN;
                return;
        }
        memcpy(ret->bytes, sqlite3_column_blob(q->statement, column), (size_t)len);
        ret->len = (uint16_t)len;
}

int query_integrity(struct store_reader *r, enum store_sql check)
{
        _cleanup_(query_end) struct query q = query_begin(r, check);
        char answer[8];
        int e = query_row(&q);

        if (e < 0)
                return e == -ENOENT ? -EUCLEAN : e;
        /* Longer than the buffer is a complaint, and so a failure of query_text() too. */
        query_text(&q, answer, sizeof(answer));
        if (q.error < 0)
                return q.error;
        return strcmp(answer, "ok") == 0 ? 0 : -EUCLEAN;
}
