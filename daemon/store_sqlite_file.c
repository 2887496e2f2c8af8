#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "daemon/store_sqlite.h"

#define BACKUP_PAGES 1024 /* copied in one step */

static const char schema[] =
#include "daemon/schema.inc"
        ;

const char *const store_sqlite_beside[STORE_SQLITE_BESIDE] = {"", "-journal", "-wal", "-shm"};

const char *store_sqlite_schema(void)
{
        return schema;
}

static inline void sqlite3_closep(sqlite3 **db)
{
        (void)sqlite3_close(*db);
}

int store_sqlite_rename_new(const char *from, const char *to)
{
        if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
                return 0;
        if (errno != EINVAL)
                return -errno;
        /* A file system that does not know the flag; a link does not replace either. */
        if (link(from, to) < 0)
                return -errno;
        return unlink(from) < 0 ? -errno : 0;
}

int store_sqlite_sync(const char *path, int flags)
{
        _cleanup_(close_fdp) int fd = open(path, flags | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

        if (fd < 0)
                return -errno;
        return fsync(fd) < 0 ? -errno : 0;
}

/* The directory that a whole path lies in. */
static int sync_parent(const char *path)
{
        _cleanup_(freep) char *dir = strdup(path);

        if (!dir)
                return -ENOMEM;
        *strrchr(dir, '/') = '\0';
        return store_sqlite_sync(dir[0] ? dir : "/", O_DIRECTORY);
}

/* Puts a finished file where it belongs, so that it is there whole or not at all, power loss
 * included. */
static int publish(const char *temporary, const char *path)
{
        int e = store_sqlite_sync(temporary, 0);

        if (e == 0)
                e = store_sqlite_rename_new(temporary, path);
        if (e < 0)
                return e;
        e = sync_parent(path);
        /* Said not to be done, so it must not be in the way of another try. */
        if (e < 0)
                (void)unlink(path);
        return e;
}

int store_sqlite_remove(const char *path)
{
        for (size_t i = 0; i < STORE_SQLITE_BESIDE; i++) {
                _cleanup_(freep) char *whole = NULL;

                if (asprintf(&whole, "%s%s", path, store_sqlite_beside[i]) < 0) {
                        whole = NULL;
                        return -ENOMEM;
                }
                if (unlink(whole) < 0 && errno != ENOENT)
                        return -errno;
        }
        return 0;
}

static int is_absent(const char *path)
{
        struct stat st;

        if (lstat(path, &st) == 0)
                return -EEXIST;
        return errno == ENOENT ? 0 : -errno;
}

/* ---- creation ---- */

static int fill_meta(sqlite3 *db, int64_t fingerprint, int64_t now)
{
        sqlite3_stmt *statement = NULL;
        int result = sqlite3_prepare_v2(db,
                                        "INSERT INTO meta (id, revision, fingerprint, created_at,"
                                        " last_org_id, last_user_id) VALUES (1, 0, ?, ?, 0, 0)",
                                        -1, &statement, NULL);

        if (result == SQLITE_OK)
                result = sqlite3_bind_int64(statement, 1, fingerprint);
        if (result == SQLITE_OK)
                result = sqlite3_bind_int64(statement, 2, now);
        if (result == SQLITE_OK)
                result = sqlite3_step(statement);
        (void)sqlite3_finalize(statement);
        return store_sqlite_errno(db, result);
}

/* Into the empty file at path, which SQLite takes for an empty database. */
static int build(const char *path, int64_t fingerprint, int64_t now)
{
        _cleanup_(sqlite3_closep) sqlite3 *db = NULL;
        int e = store_sqlite_connect(path, true, &db);

        if (e == 0)
                e = store_sqlite_run(db, "PRAGMA synchronous = EXTRA; BEGIN IMMEDIATE;");
        if (e == 0)
                e = store_sqlite_run(db, schema);
        if (e == 0)
                e = fill_meta(db, fingerprint, now);
        if (e == 0)
                e = store_sqlite_run(db, "COMMIT; PRAGMA journal_mode = WAL;");
        return e;
}

static int make_empty(const char *path)
{
        _cleanup_(close_fdp) int fd =
                open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

        return fd < 0 ? -errno : 0;
}

/* The file must stand alone before it is renamed: what is still in its log would stay behind. */
int store_sqlite_check_alone(const char *path)
{
        for (size_t i = 1; i < STORE_SQLITE_BESIDE; i++) {
                _cleanup_(freep) char *whole = NULL;

                if (asprintf(&whole, "%s%s", path, store_sqlite_beside[i]) < 0) {
                        whole = NULL;
                        return -ENOMEM;
                }
                if (is_absent(whole) < 0)
                        return -EIO;
        }
        return 0;
}

int store_create(const char *dir, int64_t fingerprint, int64_t now)
{
        _cleanup_(freep) char *path = NULL;
        _cleanup_(freep) char *temporary = NULL;
        int e = store_sqlite_path(dir, STORE_FILE, &path);

        if (e == 0)
                e = is_absent(path);
        if (e == 0)
                e = store_sqlite_path(dir, STORE_TEMPORARY STORE_FILE, &temporary);
        /* What an interrupted creation left. A journal of it would be played back into the new
         * file. */
        if (e == 0)
                e = store_sqlite_remove(temporary);
        if (e == 0)
                e = make_empty(temporary);
        if (e < 0)
                return e;
        e = build(temporary, fingerprint, now);
        if (e == 0)
                e = store_sqlite_check_alone(temporary);
        if (e == 0)
                e = publish(temporary, path);
        if (e < 0)
                (void)store_sqlite_remove(temporary);
        return e;
}

/* ---- backup ---- */

static int copy_pages(sqlite3 *from, sqlite3 *to)
{
        sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
        int result;

        if (!backup)
                return store_sqlite_errno(to, sqlite3_extended_errcode(to));
        do
                result = sqlite3_backup_step(backup, BACKUP_PAGES);
        while (result == SQLITE_OK);
        (void)sqlite3_backup_finish(backup);
        return store_sqlite_errno(to, result);
}

static int copy_to(struct store_reader *r, const char *path)
{
        _cleanup_(sqlite3_closep) sqlite3 *db = NULL;
        int e = store_sqlite_connect(path, true, &db);

        /* No journal on disk: until it is renamed nobody needs the file back as it was. */
        if (e == 0)
                e = store_sqlite_run(db,
                                     "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = FULL;");
        return e < 0 ? e : copy_pages(r->db, db);
}

/* As of the moment of the first look-up: the transaction keeps all steps on it. */
static int copy_moment(struct store_reader *r, const char *path, int64_t *ret_revision)
{
        struct store_freshness freshness;
        int e = store_read_begin(r);

        if (e < 0)
                return e;
        e = store_freshness(r, &freshness);
        if (e == 0)
                e = copy_to(r, path);
        store_read_end(r);
        if (e == 0)
                *ret_revision = freshness.revision;
        return e;
}

/* "DIR/FILE" of the copy and a new file beside it, in a directory without links. */
static int prepare_backup(const char *path, char **ret_path, char **ret_temporary)
{
        _cleanup_(freep) char *dir = strdup(path);
        _cleanup_(freep) char *whole = NULL;
        _cleanup_(freep) char *temporary = NULL;
        _cleanup_(close_fdp) int fd = -1;
        char *slash = dir ? strrchr(dir, '/') : NULL;
        const char *name = slash ? slash + 1 : path;
        int e;

        if (!dir)
                return -ENOMEM;
        if (slash)
                *slash = '\0';
        if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                return -EISDIR;
        e = store_sqlite_path(!slash ? "." : dir[0] ? dir : "/", name, &whole);
        if (e == 0)
                e = is_absent(whole);
        if (e == 0)
                e = store_sqlite_path(!slash   ? "."
                                      : dir[0] ? dir
                                               : "/",
                                      ".backup-XXXXXX", &temporary);
        if (e < 0)
                return e;
        fd = mkostemp(temporary, O_CLOEXEC);
        if (fd < 0)
                return -errno;
        *ret_path = steal_ptr(whole);
        *ret_temporary = steal_ptr(temporary);
        return 0;
}

int store_backup(struct store_reader *r, const char *path, int64_t *ret_revision)
{
        _cleanup_(freep) char *whole = NULL;
        _cleanup_(freep) char *temporary = NULL;
        int64_t revision = 0;
        int e = prepare_backup(path, &whole, &temporary);

        if (e < 0)
                return e;
        e = copy_moment(r, temporary, &revision);
        if (e == 0)
                e = publish(temporary, whole);
        if (e < 0) {
                (void)store_sqlite_remove(temporary);
                return e;
        }
        *ret_revision = revision;
        return 0;
}
