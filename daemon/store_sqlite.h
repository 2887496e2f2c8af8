/*
 * What the files of the SQLite engine share: the two handles, the table of prepared statements, one
 * query at work, and how rows become records. Private to store_sqlite_*.c, the only files that may
 * know SQLite; it names SQLite's types without its header, so that this one can be included alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store.h"

struct sqlite3;
struct sqlite3_stmt;

#define STORE_SQLITE_APPLICATION 0x6f726774 /* "orgt" */
#define STORE_SQLITE_VERSION     1

/* Every statement there is; the texts are in store_sqlite_query.c. */
enum store_sql {
        SQL_BEGIN = 0,
        SQL_BEGIN_IMMEDIATE,
        SQL_COMMIT,
        SQL_ROLLBACK,
        SQL_META,
        SQL_DATA_VERSION,
        SQL_FIND_ORG,
        SQL_FIND_ORG_BY_NAME,
        SQL_FIND_USER,
        SQL_FIND_USER_BY_NAME,
        SQL_FIND_MEMBER,
        SQL_FIND_TOKEN,
        SQL_FIND_ACCOUNT,
        SQL_FIND_GUARDED,
        SQL_FIND_HOST_POLICY,
        SQL_FIND_LAST_USE,
        SQL_FIND_CLOCK_MARK,
        SQL_FIND_NOTIFIED,
        SQL_LIST_UNDELIVERED,
        SQL_TOKEN_NEIGHBOURS,
        SQL_LIST_ORGS,
        SQL_LIST_USERS,
        SQL_LIST_MEMBERS,
        SQL_LIST_MEMBERSHIPS,
        SQL_LIST_ACCOUNTS,
        SQL_LIST_ORG_ACCOUNTS,
        SQL_LIST_BINDINGS,
        SQL_LIST_GUARDED,
        SQL_LIST_ORG_TOKENS,
        SQL_LIST_USER_TOKENS,
        SQL_LIST_KIND_TOKENS,
        SQL_LIST_TOKEN_RANGE,
        SQL_LIST_GRANTS,
        SQL_LIST_CHANGES,
        SQL_COUNT_ROWS,
        SQL_COUNT_TOKENS,
        SQL_COUNT_MEMBERS,
        SQL_COUNT_ORG_TOKENS,
        SQL_COUNT_USER_TOKENS,
        SQL_COUNT_KIND_TOKENS,
        SQL_INTEGRITY,
        SQL_INTEGRITY_WHOLE,
        SQL_REFERENCES,
        SQL_CHANGES_WHOLE,
        SQL_LAST_IDS,
        SQL_NEXT_REVISION,
        SQL_APPEND_CHANGE,
        SQL_NEXT_ORG_ID,
        SQL_NEXT_USER_ID,
        SQL_PUT_ORG,
        SQL_PUT_USER,
        SQL_PUT_MEMBER,
        SQL_DELETE_MEMBER,
        SQL_PUT_ACCOUNT,
        SQL_DELETE_ACCOUNT,
        SQL_PUT_GUARDED,
        SQL_DELETE_GUARDED,
        SQL_PUT_HOST_POLICY,
        SQL_INSERT_TOKEN,
        SQL_UPDATE_TOKEN,
        SQL_PUT_LAST_USE,
        SQL_PUT_CLOCK_MARK,
        SQL_PUT_NOTIFIED,
        SQL_PUT_UNDELIVERED,
        SQL_DELETE_UNDELIVERED,
        SQL_PUT_GRANT,
        SQL_DELETE_GRANT,
        SQL_DELETE_GRANTS,
        SQL_PUT_FINGERPRINT,
        SQL_REMAKE_TOKEN,
        SQL_LIST_SESSIONS,
        SQL_COUNT_SESSIONS,
        SQL_PUT_SESSION,
        SQL_TRIM_SESSIONS,
        SQL_DELETE_SESSION,
        SQL_STATEMENTS,
};

struct store_reader {
        struct sqlite3 *db;
        struct sqlite3_stmt *statement[SQL_STATEMENTS]; /* prepared at first use, kept */
        char *path;
        bool left_open; /* a read transaction that could not be ended: to be, before the next */
        bool is_writers;
        bool is_begun;    /* by store_read_begin() */
        unsigned version; /* SQLite's, of the last state that was asked about */
        int64_t state;    /* and our number for it; 0: none was */
        bool is_told;     /* it is that of the transaction which is open */
};

enum store_transaction { TRANSACTION_NONE = 1, TRANSACTION_CHANGE, TRANSACTION_LOCAL };

struct store_writer {
        struct store_reader reader;
        enum store_transaction open;
        bool changed;  /* something was put: the commit takes a revision */
        bool broken;   /* a step failed half-way: the transaction can only be rolled back */
        bool relaxed;  /* commits are not synced now, as local facts want it */
        bool remaking; /* the triggers are off: rows go over to another key */
};

/* ---- store_sqlite_errno.c ---- */

/* The one place where SQLite's results become ours. db may be NULL. */
int store_sqlite_errno(struct sqlite3 *db, int result);

/* ---- store_sqlite_open.c ---- */

/* Runs statements without parameters or results. sql is a constant of the program. */
int store_sqlite_run(struct sqlite3 *db, const char *sql);
/* Opens the file at a path without symbolic links and makes the connection safe; looks at nothing
   in it. Never creates a file. */
int store_sqlite_connect(const char *path, bool writable, struct sqlite3 **ret);
/* "DIR/name" with the links in DIR resolved. The caller frees it. -ENOMEM, -ENOENT, -ENOTDIR, …. */
int store_sqlite_path(const char *dir, const char *name, char **ret);
/* store_writer_open() for a file of another name. */
int store_sqlite_writer_open(const char *dir, const char *name, struct store_writer **ret);

/* ---- store_sqlite_file.c ---- */

/* What SQLite may leave beside a database file, the file itself ("") first. */
#define STORE_SQLITE_BESIDE 4
extern const char *const store_sqlite_beside[STORE_SQLITE_BESIDE];
/* The tables and triggers of this version. Static storage. */
const char *store_sqlite_schema(void);
/* 0; -EIO where something is beside the file, which would be its own log. */
int store_sqlite_check_alone(const char *path);
int store_sqlite_remove(const char *path);
/* Renames, and never over something that is there: -EEXIST. */
int store_sqlite_rename_new(const char *from, const char *to);
/* Brings a file, or (with O_DIRECTORY in flags) a directory's entries, to the disk. */
int store_sqlite_sync(const char *path, int flags);

/* ---- store_sqlite_query.c ---- */

/* One statement at work: bound front to back, then read front to back. A failed step makes every
   later one fail too; the end of its scope, query_end(), frees the statement for the next. */
struct query {
        struct store_reader *reader;
        struct sqlite3_stmt *statement;
        int bound;  /* parameters bound so far */
        int column; /* columns of this row read so far */
        int error;
};

/* -EBUSY (at the first step) where the same statement is at work already: a visitor walked its own
 * list. */
struct query query_begin(struct store_reader *r, enum store_sql sql);
void query_end(struct query *q);

void query_bind_number(struct query *q, int64_t number);
/* NULL where the number is `null`. */
void query_bind_optional(struct query *q, int64_t number, int64_t null);
void query_bind_text(struct query *q, struct view text);
/* NULL for no bytes. */
void query_bind_bytes(struct query *q, const void *bytes, size_t len);

/* 1 a row, 0 no more, or an error. */
int query_step(struct query *q);
/* 0 a row, -ENOENT none, or an error. */
int query_row(struct query *q);
/* Steps a statement that has no rows to its end. */
int query_run(struct query *q);

/* The next column. What has another type, length or range than the schema allows is -EUCLEAN from
   then on: the file may have been written by anybody. */
int64_t query_number(struct query *q, int64_t least, int64_t most);
int64_t query_optional(struct query *q, int64_t least, int64_t most, int64_t null);
bool query_bool(struct query *q);
void query_text(struct query *q, char *buf, size_t size); /* NULL gives "" */
/* Exactly len bytes. False, and nothing written, for NULL. */
bool query_bytes(struct query *q, void *bytes, size_t len);
void query_limits(struct query *q, struct record_limits *ret);

/* One of SQLite's own checks of the file. 0: it is whole; -EUCLEAN; or an error. */
int query_integrity(struct store_reader *r, enum store_sql check);

/* ---- store_sqlite_row.c: a row, in the order of the columns in store_sqlite_query.c ---- */

int query_load_org(struct query *q, struct record_org *ret);
int query_load_user(struct query *q, struct record_user *ret);
int query_load_member(struct query *q, struct record_member *ret);
int query_load_account(struct query *q, struct record_account *ret);
int query_load_guarded(struct query *q, struct record_guarded *ret);
int query_load_token(struct query *q, struct record_token *ret);
int query_load_grant(struct query *q, struct record_grant *ret);
int query_load_session(struct query *q, struct record_session *ret);
