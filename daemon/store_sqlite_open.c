#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "daemon/store_sqlite.h"

#define READER_WAIT_MS 1000 /* only recovery after a crash makes a reader wait at all */
#define WRITER_WAIT_MS 10000

static inline void sqlite3_closep(sqlite3 **db)
{
        (void)sqlite3_close(*db);
}

/* Statement by statement, and never through sqlite3_exec(), which takes whatever text it is given.
 */
int store_sqlite_run(sqlite3 *db, const char *sql)
{
        while (*sql) {
                sqlite3_stmt *statement = NULL;
                int result = sqlite3_prepare_v2(db, sql, -1, &statement, &sql);

                if (result != SQLITE_OK)
                        return store_sqlite_errno(db, result);
                /* NULL for blanks and comments behind the last one. */
                while (statement && result != SQLITE_DONE) {
                        result = sqlite3_step(statement);
                        if (result != SQLITE_ROW && result != SQLITE_DONE)
                                break;
                }
                (void)sqlite3_finalize(statement);
                if (result != SQLITE_OK && result != SQLITE_DONE)
                        return store_sqlite_errno(db, result);
        }
        return 0;
}

/* Switches off what a hostile file could use, and what we do not need. */
static int configure(sqlite3 *db, bool writable)
{
        static const struct {
                int option, value;
        } settings[] = {
                {SQLITE_DBCONFIG_DEFENSIVE, 1},       {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
                {SQLITE_DBCONFIG_ENABLE_FKEY, 1},     {SQLITE_DBCONFIG_ENABLE_TRIGGER, 1},
                {SQLITE_DBCONFIG_ENABLE_VIEW, 0},     {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
                {SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0}, {SQLITE_DBCONFIG_DQS_DML, 0},
        };

        for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
                int is = -1;

                if (sqlite3_db_config(db, settings[i].option, settings[i].value, &is) !=
                            SQLITE_OK ||
                    is != settings[i].value)
                        return -ENOSYS;
        }
        (void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
        (void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 1 << 20);
        (void)sqlite3_limit(db, SQLITE_LIMIT_TRIGGER_DEPTH, 4);
        /* Before the first pragma, which may have to wait for another process's recovery. */
        (void)sqlite3_busy_timeout(db, writable ? WRITER_WAIT_MS : READER_WAIT_MS);
        return 0;
}

int store_sqlite_connect(const char *path, bool writable, sqlite3 **ret)
{
        _cleanup_(sqlite3_closep) sqlite3 *db = NULL;
        int flags = SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    SQLITE_OPEN_PRIVATECACHE;
        int result, e;

        flags |= writable ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
        result = sqlite3_open_v2(path, &db, flags, NULL);
        if (result != SQLITE_OK)
                return store_sqlite_errno(db, result);
        /* A file that may not be written is opened for reading instead, and without a word. */
        if (writable && sqlite3_db_readonly(db, "main") != 0)
                return -EROFS;
        e = configure(db, writable);
        if (e < 0)
                return e;
        e = store_sqlite_run(db, "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;"
                                 "PRAGMA cache_size = -2048; PRAGMA temp_store = MEMORY;"
                                 "PRAGMA secure_delete = ON;");
        if (e < 0)
                return e;
        *ret = steal_ptr(db);
        return 0;
}

int store_sqlite_path(const char *dir, const char *name, char **ret)
{
        /* SQLite is told to follow no link at all, and /var may well be one. */
        _cleanup_(freep) char *real = realpath(dir, NULL);
        char *path = NULL;

        if (!real)
                return -errno;
        if (asprintf(&path, "%s/%s", real, name) < 0)
                return -ENOMEM;
        *ret = path;
        return 0;
}

/* Regular files only. By lstat() and never by opening: to close any descriptor of the file would
   drop the locks that SQLite holds on it in this process. -ENOENT where there is none. */
static int check_is_file(const char *path, const char *suffix)
{
        char whole[PATH_MAX];
        struct stat st;
        int len = snprintf(whole, sizeof(whole), "%s%s", path, suffix);

        if (len < 0 || (size_t)len >= sizeof(whole))
                return -ENAMETOOLONG;
        if (lstat(whole, &st) < 0)
                return -errno;
        return S_ISREG(st.st_mode) ? 0 : -EUCLEAN;
}

static int check_files(const char *path)
{
        static const char *const beside[] = {"-wal", "-shm", "-journal"};
        int e = check_is_file(path, "");

        for (size_t i = 0; e == 0 && i < sizeof(beside) / sizeof(beside[0]); i++) {
                e = check_is_file(path, beside[i]);
                if (e == -ENOENT)
                        e = 0;
        }
        return e;
}

static int pragma_number(sqlite3 *db, const char *sql, int64_t *ret)
{
        sqlite3_stmt *statement = NULL;
        int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

        if (result == SQLITE_OK)
                result = sqlite3_step(statement);
        if (result == SQLITE_ROW)
                *ret = sqlite3_column_int64(statement, 0);
        (void)sqlite3_finalize(statement);
        if (result == SQLITE_DONE)
                return -EUCLEAN;
        return store_sqlite_errno(db, result);
}

/* Ours, and not from the future. Version 1 is the first there is, so nothing is older than this
 * program. */
static int check_identity(sqlite3 *db)
{
        int64_t application = 0, version = 0;
        int e;

        e = pragma_number(db, "PRAGMA application_id", &application);
        if (e == 0)
                e = pragma_number(db, "PRAGMA user_version", &version);
        if (e < 0)
                return e;
        if (application != STORE_SQLITE_APPLICATION || version < 1)
                return -EUCLEAN;
        return version > STORE_SQLITE_VERSION ? -EPROTONOSUPPORT : 0;
}

/* The mode is in the file since its creation; a tool may have changed it, and then the answer tells
   whether it could be changed back. */
static int set_wal(sqlite3 *db)
{
        sqlite3_stmt *statement = NULL;
        int result = sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
        bool is_wal = false;

        if (result == SQLITE_OK)
                result = sqlite3_step(statement);
        if (result == SQLITE_ROW)
                is_wal = view_equal_str(VIEW("wal"),
                                        (const char *)sqlite3_column_text(statement, 0));
        (void)sqlite3_finalize(statement);
        if (result != SQLITE_ROW)
                return store_sqlite_errno(db, result);
        return is_wal ? 0 : -EIO;
}

static void reader_clear(struct store_reader *r)
{
        for (unsigned i = 0; i < SQL_STATEMENTS; i++) {
                (void)sqlite3_finalize(r->statement[i]);
                r->statement[i] = NULL;
        }
        (void)sqlite3_close(r->db);
        r->db = NULL;
        free(r->path);
        r->path = NULL;
}

static int reader_fill(struct store_reader *r, const char *dir, const char *name, bool writable)
{
        struct store_freshness freshness;
        int e;

        e = store_sqlite_path(dir, name, &r->path);
        if (e == 0)
                e = check_files(r->path);
        if (e == 0)
                e = store_sqlite_connect(r->path, writable, &r->db);
        if (e == 0)
                e = check_identity(r->db);
        if (e < 0)
                return e;
        if (writable)
                e = set_wal(r->db);
        if (writable && e == 0)
                e = store_sqlite_run(r->db, "PRAGMA synchronous = FULL;"
                                            "PRAGMA wal_autocheckpoint = 1000;"
                                            "PRAGMA journal_size_limit = 4194304;");
        if (!writable)
                e = store_sqlite_run(r->db, "PRAGMA query_only = ON;");
        /* Its one row tells at once whether there is a store in the file. */
        return e < 0 ? e : store_freshness(r, &freshness);
}

struct store_reader *store_reader_close(struct store_reader *r)
{
        if (r)
                reader_clear(r);
        free(r);
        return NULL;
}

struct store_writer *store_writer_close(struct store_writer *w)
{
        if (w)
                reader_clear(&w->reader);
        free(w);
        return NULL;
}

DEFINE_CLEANUP(struct store_reader *, store_reader_close);
DEFINE_CLEANUP(struct store_writer *, store_writer_close);

int store_reader_open(const char *dir, struct store_reader **ret)
{
        _cleanup_(store_reader_closep) struct store_reader *r = calloc(1, sizeof(*r));
        int e;

        if (!r)
                return -ENOMEM;
        e = reader_fill(r, dir, STORE_FILE, false);
        if (e < 0)
                return e;
        *ret = steal_ptr(r);
        return 0;
}

int store_sqlite_writer_open(const char *dir, const char *name, struct store_writer **ret)
{
        _cleanup_(store_writer_closep) struct store_writer *w = calloc(1, sizeof(*w));
        int e;

        if (!w)
                return -ENOMEM;
        w->open = TRANSACTION_NONE;
        w->reader.is_writers = true;
        e = reader_fill(&w->reader, dir, name, true);
        if (e < 0)
                return e;
        *ret = steal_ptr(w);
        return 0;
}

/* Log and shared memory stay when the last connection closes, as after a kill: on a disk that is
   full they could not be made again, and nobody could log in after a restart. */
static int keep_log(struct store_writer *w)
{
        int keep = 1;

        return store_sqlite_errno(
                w->reader.db,
                sqlite3_file_control(w->reader.db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep));
}

int store_writer_open(const char *dir, struct store_writer **ret)
{
        struct store_writer *w = NULL;
        int e = store_sqlite_writer_open(dir, STORE_FILE, &w);

        if (e == 0)
                e = keep_log(w);
        if (e < 0)
                (void)store_writer_close(w);
        else
                *ret = w;
        return e;
}

struct store_reader *store_writer_reader(struct store_writer *w)
{
        return &w->reader;
}

static int run_fixed(struct store_reader *r, enum store_sql sql)
{
        _cleanup_(query_end) struct query q = query_begin(r, sql);

        return query_run(&q);
}

int store_read_begin(struct store_reader *r)
{
        int e;

        if (r->left_open) {
                r->left_open = false;
                store_read_end(r);
        }
        if (r->left_open)
                return -EIO;
        /* Nested, or inside a writer's transaction. */
        if (!sqlite3_get_autocommit(r->db))
                return -EINVAL;
        e = run_fixed(r, SQL_BEGIN);
        r->is_begun = e == 0;
        r->is_told = false;
        return e;
}

void store_read_end(struct store_reader *r)
{
        r->is_begun = r->is_told = false;
        if (!sqlite3_get_autocommit(r->db))
                (void)run_fixed(r, SQL_COMMIT);
        /* An error here is nobody's to answer, but it must not be every later request's. */
        r->left_open = !sqlite3_get_autocommit(r->db);
}

/* BEGIN chooses nothing yet; the first that is read does, and this reads next to nothing. */
static int choose_state(struct store_reader *r)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_DATA_VERSION);

        return query_row(&q);
}

int64_t store_state(struct store_reader *r)
{
        static _Atomic int64_t
                last; /* of all readers: one that is opened anew begins with a new one */
        unsigned version;

        if (!r->is_begun || r->is_writers)
                return 0;
        if (r->is_told)
                return r->state;
        if (sqlite3_txn_state(r->db, "main") == SQLITE_TXN_NONE && choose_state(r) < 0)
                return 0;
        if (sqlite3_file_control(r->db, "main", SQLITE_FCNTL_DATA_VERSION, &version) != SQLITE_OK)
                return 0;
        if (r->state == 0 || version != r->version) {
                r->version = version;
                r->state = ++last;
        }
        r->is_told = true;
        return r->state;
}

int store_freshness(struct store_reader *r, struct store_freshness *ret)
{
        _cleanup_(query_end) struct query q = query_begin(r, SQL_META);
        struct store_freshness freshness = {.authoritative = true};
        int e = query_row(&q);

        if (e < 0)
                return e == -ENOENT ? -EUCLEAN : e;
        freshness.revision = query_number(&q, 0, INT64_MAX);
        freshness.fingerprint = query_number(&q, 1, INT64_MAX);
        if (q.error < 0)
                return q.error;
        *ret = freshness;
        return 0;
}

/* The whole check, constraints included, where the reader is a writer's: a connection that may not
   write does not load them. */
int store_integrity(struct store_reader *r)
{
        return query_integrity(r, SQL_INTEGRITY);
}
