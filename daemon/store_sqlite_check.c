/* Everything about a store that can be checked without its key. */
#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "common/cleanup.h"
#include "daemon/store_sqlite.h"

static inline void sqlite3_closep(sqlite3 **db)
{
        (void)sqlite3_close(*db);
}

static inline void sqlite3_finalizep(sqlite3_stmt **statement)
{
        (void)sqlite3_finalize(*statement);
}

/* 0 where the query finds nothing: each of its rows is something wrong. */
static int check_none(struct store_reader *r, enum store_sql sql)
{
        _cleanup_(query_end) struct query q = query_begin(r, sql);
        int e = query_row(&q);

        if (e == -ENOENT)
                return 0;
        return e < 0 ? e : -EUCLEAN;
}

/* ---- tables, indexes and triggers ---- */

/* What there is, in a fixed order. A table by its name alone, since a migration may leave other
   blanks in its text than the schema has; its columns show when they are used. */
static const char list_schema[] =
        "SELECT type, name, tbl_name, CASE type WHEN 'table' THEN '' ELSE ifnull(sql, '') END"
        " FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name";
#define SCHEMA_COLUMNS 4

static int open_reference(sqlite3 **ret)
{
        _cleanup_(sqlite3_closep) sqlite3 *db = NULL;
        int result = sqlite3_open_v2(
                ":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY,
                NULL);
        int e = store_sqlite_errno(db, result);

        if (e == 0)
                e = store_sqlite_run(db, store_sqlite_schema());
        if (e == 0)
                *ret = steal_ptr(db);
        return e;
}

static int is_same_row(sqlite3_stmt *a, sqlite3_stmt *b)
{
        for (int i = 0; i < SCHEMA_COLUMNS; i++) {
                const char *x = (const char *)sqlite3_column_text(a, i);
                const char *y = (const char *)sqlite3_column_text(b, i);

                if (!x || !y || strcmp(x, y) != 0)
                        return -EUCLEAN;
        }
        return 0;
}

/* A trigger less would undo what it keeps; one more could do anything. */
static int check_schema(struct store_reader *r)
{
        _cleanup_(sqlite3_closep) sqlite3 *reference = NULL;
        _cleanup_(sqlite3_finalizep) sqlite3_stmt *is = NULL;
        _cleanup_(sqlite3_finalizep) sqlite3_stmt *should = NULL;
        int e = open_reference(&reference), a, b;

        if (e < 0)
                return e;
        a = sqlite3_prepare_v2(r->db, list_schema, -1, &is, NULL);
        if (a != SQLITE_OK)
                return store_sqlite_errno(r->db, a);
        b = sqlite3_prepare_v2(reference, list_schema, -1, &should, NULL);
        if (b != SQLITE_OK)
                return store_sqlite_errno(reference, b);
        for (;;) {
                a = sqlite3_step(is);
                b = sqlite3_step(should);
                if (a != SQLITE_ROW && a != SQLITE_DONE)
                        return store_sqlite_errno(r->db, a);
                if (a != b)
                        return -EUCLEAN;
                if (a == SQLITE_DONE)
                        return 0;
                e = is_same_row(is, should);
                if (e < 0)
                        return e;
        }
}

int store_check(struct store_reader *r)
{
        int e = query_integrity(r, SQL_INTEGRITY_WHOLE);

        if (e == 0)
                e = check_schema(r);
        if (e == 0)
                e = check_none(r, SQL_REFERENCES);
        return e < 0 ? e : check_none(r, SQL_CHANGES_WHOLE);
}
