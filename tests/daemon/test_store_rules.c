#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/store_sqlite.h"
#include "tests/daemon/store_scene.h"

/* ---- what holds without the program ---- */

/* SQL on a connection of its own, with the schema's checks and triggers: SQLite's extended result.
 */
static int run_sql(struct store_fixture *f, const char *sql)
{
        sqlite3 *db = NULL;
        char path[512];
        int result;

        (void)snprintf(path, sizeof(path), "%s/%s", f->dir, STORE_FILE);
        assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, "PRAGMA foreign_keys = ON", NULL, NULL, NULL), SQLITE_OK);
        (void)sqlite3_exec(db, sql, NULL, NULL, NULL);
        result = sqlite3_extended_errcode(db);
        (void)sqlite3_close(db);
        return result;
}

static const struct {
        int result;
        const char *sql;
} refused[] = {
        {SQLITE_CONSTRAINT_TRIGGER, "DELETE FROM token"},
        {SQLITE_CONSTRAINT_TRIGGER, "DELETE FROM org"},
        {SQLITE_CONSTRAINT_TRIGGER, "DELETE FROM user"},
        {SQLITE_CONSTRAINT_TRIGGER, "DELETE FROM change"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE change SET revision = 99"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE meta SET revision = revision"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE meta SET revision = revision - 1"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE meta SET revision = revision + 2"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET revoked_at = NULL WHERE id = 2"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET proof = zeroblob(32) WHERE id = 2"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET mac = zeroblob(32) WHERE id = 2"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET name = 'x' WHERE id = 2"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET ends_at = ends_at + 1 WHERE id = 3"},
        {SQLITE_CONSTRAINT_TRIGGER,
         "UPDATE token SET ends_at = NULL, end_mac = NULL, end_reason = NULL WHERE id = 3"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET expires_at = NULL"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET id = 9 WHERE id = 1"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET kind = 1"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET user_id = 1"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET org_id = 1"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET created_at = 1"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET limits = NULL"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET made = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE member SET made = 0"},
        {SQLITE_CONSTRAINT_NOTNULL, "UPDATE account SET made = NULL"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET key_fingerprint = 1"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE org SET deleted_at = NULL WHERE id = 2"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE user SET removed_at = NULL WHERE id = 2"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE token SET mac = zeroblob(31) WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE token SET proof = zeroblob(33) WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE token SET proof = NULL WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE token SET revoked_at = 1 WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK,
         "UPDATE token SET revoked_at = 0, proof = NULL, end_reason = 'x' WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE token SET revoked_at = 1, proof = NULL WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE token SET end_reason = 'x' WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE token SET ends_at = 5, end_reason = 'x' WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE token SET name = '' WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE token SET name = printf('%101s', '') WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE token SET successor = 1 WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE token SET successor = -1 WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "INSERT INTO token SELECT 839299365868340224, kind, org_id,"
                                  " user_id, name, 1, 2, NULL, proof, mac, 1, NULL, NULL, NULL,"
                                  " NULL, NULL, made FROM token WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK,
         "INSERT INTO token SELECT -1, kind, org_id, user_id, name, 1, 2,"
         " NULL, proof, mac, 1, NULL, NULL, NULL, NULL, NULL, made FROM token"
         " WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK,
         "INSERT INTO token SELECT 8, kind, org_id, user_id, name, 1, 0,"
         " NULL, proof, mac, 1, NULL, NULL, NULL, NULL, NULL, made FROM token"
         " WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK,
         "INSERT INTO token SELECT 8, kind, 1, user_id, name, 1, NULL,"
         " NULL, proof, mac, 1, NULL, NULL, NULL, NULL, NULL, made FROM token"
         " WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK,
         "INSERT INTO token SELECT 8, 1, org_id, user_id, name, 1, NULL,"
         " NULL, proof, mac, 1, NULL, NULL, NULL, NULL, NULL, made FROM token"
         " WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "INSERT INTO token SELECT 8, 3, NULL, NULL, name, 1, NULL, NULL,"
                                  " proof, mac, 1, NULL, NULL, NULL, NULL, NULL, made FROM token"
                                  " WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "INSERT INTO token SELECT 8, kind, org_id, user_id, name, 1,"
                                  " NULL, X'', proof, mac, 1, NULL, NULL, NULL, NULL, NULL,"
                                  " made FROM token WHERE id = 1"},
        {SQLITE_CONSTRAINT_DATATYPE, "UPDATE token SET mac = 'x' WHERE id = 1"},
        {SQLITE_CONSTRAINT_DATATYPE, "UPDATE org SET created_at = 'soon'"},
        {SQLITE_CONSTRAINT_NOTNULL, "UPDATE token SET mac = NULL WHERE id = 1"},
        {SQLITE_CONSTRAINT_NOTNULL, "UPDATE member SET mac = NULL"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE member SET role = 0"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE member SET mac = zeroblob(16)"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE account SET role = 3"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE account SET services = X''"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE account SET name = 'a/b'"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE guarded SET mac = X''"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE org SET name = 'Acme' WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE org SET name = '' WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE org SET name = 'a-' WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE org SET name = '1a' WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE org SET suspended = 2"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE org SET deleted_at = 0 WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE org SET max_life = -1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE user SET uid = -1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE user SET name = 'a b' WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE meta SET fingerprint = 0"},
        {SQLITE_CONSTRAINT_CHECK, "INSERT INTO change VALUES (1, 'x', 1)"},
        {SQLITE_CONSTRAINT_CHECK, "INSERT INTO change VALUES (1, 'o', X'00')"},
        {SQLITE_CONSTRAINT_CHECK,
         "INSERT INTO host_policy VALUES (2, 0, 0, 1, 0, 1, zeroblob(32))"},
        {SQLITE_CONSTRAINT_CHECK,
         "INSERT INTO host_policy VALUES (1, 0, 0, 1, 0, 0, zeroblob(32))"},
        {SQLITE_CONSTRAINT_FOREIGNKEY, "INSERT INTO member VALUES (9, 1, 1, 1, zeroblob(32), 1)"},
        {SQLITE_CONSTRAINT_FOREIGNKEY, "INSERT INTO member VALUES (1, 9, 1, 1, zeroblob(32), 1)"},
        {SQLITE_CONSTRAINT_FOREIGNKEY,
         "INSERT INTO account VALUES ('x', 9, 0, NULL, 1, zeroblob(32), 1)"},
        {SQLITE_CONSTRAINT_UNIQUE, "UPDATE org SET name = 'third' WHERE id = 1"},
        {SQLITE_CONSTRAINT_UNIQUE, "UPDATE user SET name = 'carol' WHERE id = 1"},
};

static void test_constraints(void **state)
{
        struct store_fixture *f = *state;
        static const struct fixture_token_options options[] = {{.id = 1}, {.id = 2}, {.id = 3}};
        char text[TOKEN_TEXT_MAX + 1];
        struct record_org org;
        struct record_user user;

        fixture_org(f, "acme");
        fixture_org(f, "gone");
        fixture_org(f, "third");
        fixture_user(f, "alice", 1);
        fixture_user(f, "bob", 2);
        fixture_user(f, "carol", 3);
        fixture_member(f, 1, 1, ROLE_MEMBER);
        fixture_account(f, "x", 1, ROLE_NONE, NULL);
        for (size_t i = 0; i < COUNT(options); i++)
                fixture_token(f, TOKEN_PAT, 1, &options[i], text);
        fixture_revoke(f, 2, NOW, "x");
        fixture_end(f, 3, NOW, "rotated", 1);
        assert_int_equal(store_find_org(f->reader, 2, &org), 0);
        assert_int_equal(store_find_user(f->reader, 2, &user), 0);
        org.deleted_at = user.removed_at = NOW;
        begin(f);
        assert_int_equal(store_put_org(f->writer, &org), 0);
        assert_int_equal(store_put_user(f->writer, &user), 0);
        commit(f);
        for (size_t i = 0; i < COUNT(refused); i++) {
                int result = run_sql(f, refused[i].sql);

                if (result != refused[i].result)
                        print_error("%s: %d\n", refused[i].sql, result);
                assert_int_equal(result, refused[i].result);
        }
        assert_int_equal(store_integrity(f->reader), 0);
}

/* ---- two connections ---- */

static void test_one_moment(void **state)
{
        struct store_fixture *f = *state;
        struct record_org org;

        fixture_org(f, "acme");
        assert_int_equal(store_read_begin(f->reader), 0);
        assert_int_equal(store_read_begin(f->reader), -EINVAL);
        assert_int_equal(revision_of(f->reader), 1);
        fixture_org(f, "globex");
        assert_int_equal(revision_of(f->reader), 1);
        assert_int_equal(store_find_org_by_name(f->reader, VIEW("globex"), &org), -ENOENT);
        store_read_end(f->reader);
        store_read_end(f->reader);
        assert_int_equal(store_find_org_by_name(f->reader, VIEW("globex"), &org), 0);
        /* The writer's own reader sees what is not committed; the other does not. */
        begin(f);
        org.suspended = true;
        assert_int_equal(store_put_org(f->writer, &org), 0);
        assert_int_equal(store_find_org(f->reader, 2, &org), 0);
        assert_false(org.suspended);
        assert_int_equal(store_find_org(store_writer_reader(f->writer), 2, &org), 0);
        assert_true(org.suspended);
        store_write_rollback(f->writer);
        assert_int_equal(store_find_org(store_writer_reader(f->writer), 2, &org), 0);
        assert_false(org.suspended);
}

static void test_reader_cannot_write(void **state)
{
        struct store_fixture *f = *state;

        assert_int_equal(store_sqlite_run(f->reader->db, "DELETE FROM last_use"), -EROFS);
        assert_int_equal(store_sqlite_run(f->reader->db, "PRAGMA query_only = OFF;"
                                                         "DELETE FROM last_use"),
                         -EROFS);
        assert_int_equal(store_sqlite_run(f->reader->db, "ATTACH ':memory:' AS other"), -EUCLEAN);
        /* Nor can the writer do what no program of ours needs. */
        assert_int_not_equal(store_sqlite_run(f->writer->reader.db, "PRAGMA writable_schema = ON;"
                                                                    "DELETE FROM sqlite_schema"),
                             0);
        assert_int_not_equal(
                store_sqlite_run(f->writer->reader.db, "SELECT load_extension('libm.so.6')"), 0);
}

static void test_settings(void **state)
{
        static const struct {
                const char *sql;
                int value;
        } cases[] = {
                {"PRAGMA foreign_keys", 1},
                {"PRAGMA trusted_schema", 0},
                {"PRAGMA cell_size_check", 1},
                {"PRAGMA secure_delete", 1},
                {"PRAGMA mmap_size", 0},
                {"PRAGMA cache_size", -2048},
                {"PRAGMA temp_store", 2},
                {"PRAGMA user_version", STORE_SQLITE_VERSION},
                {"PRAGMA application_id", STORE_SQLITE_APPLICATION},
        };
        struct store_fixture *f = *state;
        sqlite3 *const connections[] = {f->reader->db, f->writer->reader.db};

        for (size_t i = 0; i < 2 * COUNT(cases); i++) {
                sqlite3_stmt *statement;

                assert_int_equal(sqlite3_prepare_v2(connections[i % 2], cases[i / 2].sql, -1,
                                                    &statement, NULL),
                                 SQLITE_OK);
                assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
                assert_int_equal(sqlite3_column_int(statement, 0), cases[i / 2].value);
                assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
        }
}

/* So many tokens in one transaction, all over the file. */
static void insert_scattered(struct store_fixture *f, int64_t org, int first, int count)
{
        begin(f);
        for (int i = first; i < first + count; i++) {
                struct record_token token = token_of((int64_t)i * 7919 % 1000003, TOKEN_AK, org);

                assert_int_equal(store_insert_token(f->writer, &token), 0);
        }
        commit(f);
}

static int64_t size_of_log(struct store_fixture *f)
{
        char path[512];
        struct stat st;

        (void)snprintf(path, sizeof(path), "%s/%s-wal", f->dir, STORE_FILE);
        assert_int_equal(stat(path, &st), 0);
        return st.st_size;
}

/* The log does not grow without end, however much is written beside an idle reader, and one that
   grew by a large transaction becomes small again. */
static void test_log_is_bounded(void **state)
{
        struct store_fixture *f = *state;
        int64_t org = fixture_org(f, "acme");

        for (int i = 0; i < 100; i++)
                insert_scattered(f, org, i * 200, 200);
        assert_in_range(size_of_log(f), 1, 6 << 20);
        insert_scattered(f, org, 20000, 20000);
        assert_true(size_of_log(f) > 6 << 20);
        for (int i = 0; i < 3; i++)
                insert_scattered(f, org, 40000 + i, 1);
        assert_in_range(size_of_log(f), 1, 5 << 20);
        assert_int_equal(store_integrity(f->reader), 0);
}

/* What was acknowledged is there, and nothing half: a writer is killed at any moment. */
static void run_until_killed(const char *dir, int acknowledge)
{
        struct store_writer *w;

        if (store_writer_open(dir, &w) < 0)
                _exit(1);
        for (int64_t i = 1;; i++) {
                struct record_org org = org_named(0, "x");
                int64_t revision;

                if (store_write_begin(w) < 0 || store_next_org_id(w, &org.id) < 0)
                        _exit(2);
                (void)snprintf(org.name, sizeof(org.name), "o%lld", (long long)org.id);
                if (store_put_org(w, &org) < 0 || store_write_commit(w, &revision) < 0 ||
                    revision != org.id ||
                    write(acknowledge, &revision, sizeof(revision)) != sizeof(revision))
                        _exit(3);
        }
}

static void test_killed(void **state)
{
        struct store_fixture *f = *state;

        fixture_close(f);
        for (unsigned i = 0; i < 12; i++) {
                int64_t acknowledged = 0, revision;
                int pipes[2], status;
                struct store_counts counts;
                pid_t child;

                assert_int_equal(pipe(pipes), 0);
                child = fork();
                assert_true(child >= 0);
                if (child == 0)
                        run_until_killed(f->dir, pipes[1]);
                (void)close(pipes[1]);
                /* After so many acknowledgements, with the next transaction somewhere under way. */
                for (unsigned n = 0; n < 1 + i; n++)
                        assert_int_equal(read(pipes[0], &acknowledged, sizeof(acknowledged)),
                                         sizeof(acknowledged));
                (void)usleep(i * 37);
                assert_int_equal(kill(child, SIGKILL), 0);
                while (read(pipes[0], &revision, sizeof(revision)) == sizeof(revision))
                        acknowledged = revision;
                (void)close(pipes[0]);
                assert_int_equal(waitpid(child, &status, 0), child);
                assert_true(WIFSIGNALED(status));
                /* A reader comes first at a start, and may have to read the log again by itself. */
                {
                        struct store_reader *r = NULL;

                        assert_int_equal(store_reader_open(f->dir, &r), 0);
                        assert_true(revision_of(r) >= acknowledged);
                        (void)store_reader_close(r);
                }
                fixture_open(f);
                assert_int_equal(store_integrity(f->reader), 0);
                revision = revision_of(f->reader);
                assert_true(revision >= acknowledged);
                assert_int_equal(store_count(f->reader, NOW, &counts), 0);
                assert_int_equal(counts.orgs, revision);
                fixture_close(f);
        }
}

static void test_results(void **state)
{
        static const struct {
                int result, e;
        } cases[] = {
                {SQLITE_OK, 0},
                {SQLITE_ROW, 0},
                {SQLITE_DONE, 0},
                {SQLITE_NOMEM, -ENOMEM},
                {SQLITE_IOERR_NOMEM, -ENOMEM},
                {SQLITE_BUSY, -EBUSY},
                {SQLITE_BUSY_SNAPSHOT, -EBUSY},
                {SQLITE_LOCKED, -EBUSY},
                {SQLITE_FULL, -ENOSPC},
                {SQLITE_READONLY, -EROFS},
                {SQLITE_READONLY_DBMOVED, -EROFS},
                {SQLITE_PERM, -EACCES},
                {SQLITE_ERROR, -EUCLEAN},
                {SQLITE_CORRUPT, -EUCLEAN},
                {SQLITE_CORRUPT_INDEX, -EUCLEAN},
                {SQLITE_NOTADB, -EUCLEAN},
                {SQLITE_IOERR_CORRUPTFS, -EUCLEAN},
                {SQLITE_CANTOPEN_SYMLINK, -EUCLEAN},
                {SQLITE_IOERR_READ, -EIO},
                {SQLITE_IOERR_FSYNC, -EIO},
                {SQLITE_CANTOPEN, -EIO},
                {SQLITE_INTERNAL, -EIO},
                {SQLITE_CONSTRAINT_UNIQUE, -EEXIST},
                {SQLITE_CONSTRAINT_PRIMARYKEY, -EEXIST},
                {SQLITE_CONSTRAINT_ROWID, -EEXIST},
                {SQLITE_CONSTRAINT_TRIGGER, -EPERM},
                {SQLITE_CONSTRAINT_FOREIGNKEY, -ENOENT},
                {SQLITE_CONSTRAINT_CHECK, -EINVAL},
                {SQLITE_CONSTRAINT_NOTNULL, -EINVAL},
        };

        (void)state;
        for (size_t i = 0; i < COUNT(cases); i++)
                assert_int_equal(store_sqlite_errno(NULL, cases[i].result), cases[i].e);
}

static void test_integrity(void **state)
{
        struct store_fixture *f = *state;

        fixture_org(f, "acme");
        assert_int_equal(store_integrity(f->reader), 0);
        assert_int_equal(store_integrity(store_writer_reader(f->writer)), 0);
        /* Constraints are known to a connection that may write; see store_sqlite_open.c. */
        fixture_tamper(f, "UPDATE org SET mac = zeroblob(3)");
        assert_int_equal(store_integrity(store_writer_reader(f->writer)), -EUCLEAN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_constraints),         TEST(test_one_moment),
                TEST(test_reader_cannot_write), TEST(test_settings),
                TEST(test_log_is_bounded),      TEST(test_killed),
                cmocka_unit_test(test_results), TEST(test_integrity),
        };

        return cmocka_run_group_tests_name("store rules", tests, NULL, NULL);
}
