/* One store in the place of another: the copy beside it, and the exchange. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "daemon/store_sqlite.h"
#include "daemon/writeall.h"

#define STAGED     STORE_STAGED STORE_FILE
#define COPY_BYTES 65536
#define LEAST_SIZE 512 /* of a page: whatever is shorter is no database */

static int check_source(int fd)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        return S_ISREG(st.st_mode) && st.st_size >= LEAST_SIZE ? 0 : -EUCLEAN;
}

/* Read from its start by position: where the descriptor stands is nobody's business. */
static int copy_bytes(int from, int to)
{
        _cleanup_(freep) char *buffer = malloc(COPY_BYTES);
        off_t at = 0;

        if (!buffer)
                return -ENOMEM;
        for (;;) {
                ssize_t n = pread(from, buffer, COPY_BYTES, at);
                int e;

                if (n < 0)
                        return -errno;
                if (n == 0)
                        return fsync(to) < 0 ? -errno : 0;
                e = writeall(to, buffer, (size_t)n);
                if (e < 0)
                        return e;
                at += n;
        }
}

int store_stage(const char *dir, int fd)
{
        _cleanup_(freep) char *path = NULL;
        _cleanup_(close_fdp) int to = -1;
        int e = check_source(fd);

        if (e == 0)
                e = store_sqlite_path(dir, STAGED, &path);
        if (e == 0)
                e = store_sqlite_remove(path);
        if (e < 0)
                return e;
        to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (to < 0)
                return -errno;
        e = copy_bytes(fd, to);
        if (e < 0)
                (void)store_sqlite_remove(path);
        return e;
}

int store_staged_open(const char *dir, struct store_writer **ret)
{
        return store_sqlite_writer_open(dir, STAGED, ret);
}

int store_settle(const char *dir)
{
        struct store_writer *w = NULL;
        /* Opened by itself it is the last to close, and takes the log with it. */
        int e = store_sqlite_writer_open(dir, STORE_FILE, &w);

        (void)store_writer_close(w);
        return e;
}

void store_unstage(const char *dir)
{
        _cleanup_(freep) char *path = NULL;

        if (store_sqlite_path(dir, STAGED, &path) == 0)
                (void)store_sqlite_remove(path);
}

/* ---- the exchange ---- */

/* 1 where anything has the name, 0 where nothing has. */
static int is_there(const char *path)
{
        struct stat st;

        if (lstat(path, &st) == 0)
                return 1;
        return errno == ENOENT ? 0 : -errno;
}

/* The name of what is beside the store, now or afterwards. */
static int beside_path(const char *path, const char *aside, size_t i, char **ret)
{
        if (asprintf(ret, "%s%s%s", path, aside, store_sqlite_beside[i]) < 0) {
                *ret = NULL;
                return -ENOMEM;
        }
        return 0;
}

static int check_aside_free(const char *path, const char *aside)
{
        for (size_t i = 0; i < STORE_SQLITE_BESIDE; i++) {
                _cleanup_(freep) char *to = NULL;
                int e = beside_path(path, aside, i, &to);

                if (e == 0)
                        e = is_there(to);
                if (e != 0)
                        return e < 0 ? e : -EEXIST;
        }
        return 0;
}

/* With nothing beside it the old store gets a second name, and then loses its first one in the same
   moment in which the new one takes it. */
static int exchange(const char *dir, const char *path, const char *staged, const char *aside)
{
        _cleanup_(freep) char *to = NULL;
        int e = beside_path(path, aside, 0, &to);

        if (e < 0)
                return e;
        if (linkat(AT_FDCWD, path, AT_FDCWD, to, 0) < 0)
                return -errno;
        e = store_sqlite_sync(dir, O_DIRECTORY);
        if (e == 0 && rename(staged, path) < 0)
                e = -errno;
        if (e < 0)
                (void)unlink(to);
        return e;
}

/* A log beside it belongs to the old one and would be played back into the new. The store goes
   first, so that it never stands there without its log: until the new one takes the name there is
   none, which no start of a daemon takes for a first one. */
static int move_aside(const char *dir, const char *path, const char *aside)
{
        for (size_t i = 0; i < STORE_SQLITE_BESIDE; i++) {
                _cleanup_(freep) char *from = NULL;
                _cleanup_(freep) char *to = NULL;
                int e = beside_path(path, "", i, &from);

                if (e == 0)
                        e = beside_path(path, aside, i, &to);
                if (e == 0)
                        e = is_there(from);
                if (e < 0)
                        return e;
                if (e == 0)
                        continue;
                e = store_sqlite_rename_new(from, to);
                if (e == 0)
                        e = store_sqlite_sync(dir, O_DIRECTORY);
                if (e < 0)
                        return e;
        }
        return 0;
}

/* An empty log, and the memory that was shared about it, are what every store leaves that was
   closed, and tell nothing. */
static void drop_empty_log(const char *path)
{
        char log[PATH_MAX], shared[PATH_MAX];
        struct stat st;
        int a = snprintf(log, sizeof(log), "%s-wal", path);
        int b = snprintf(shared, sizeof(shared), "%s-shm", path);

        if (a < 0 || b < 0 || (size_t)a >= sizeof(log) || (size_t)b >= sizeof(shared))
                return;
        if (lstat(log, &st) == 0 && (!S_ISREG(st.st_mode) || st.st_size > 0))
                return;
        (void)unlink(log);
        (void)unlink(shared);
}

static int install(const char *dir, const char *path, const char *staged, const char *aside)
{
        int there = is_there(path), e;

        drop_empty_log(path);

        if (there > 0 && store_sqlite_check_alone(path) == 0) {
                e = exchange(dir, path, staged, aside);
                /* A directory under that name, or a file system without links. */
                if (e != -EPERM && e != -EISDIR)
                        return e;
        }
        e = there < 0 ? there : move_aside(dir, path, aside);
        return e < 0 ? e : store_sqlite_rename_new(staged, path);
}

int store_install(const char *dir, const char *aside)
{
        _cleanup_(freep) char *path = NULL;
        _cleanup_(freep) char *staged = NULL;
        int e = store_sqlite_path(dir, STORE_FILE, &path);

        if (e == 0)
                e = store_sqlite_path(dir, STAGED, &staged);
        if (e == 0)
                e = store_sqlite_check_alone(staged);
        if (e == 0)
                e = store_sqlite_sync(staged, 0);
        if (e == 0)
                e = check_aside_free(path, aside);
        if (e == 0)
                e = install(dir, path, staged, aside);
        return e < 0 ? e : store_sqlite_sync(dir, O_DIRECTORY);
}
