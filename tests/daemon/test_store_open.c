#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/daemon/closed_scene.h"
#include "tests/support/valgrind.h"

#define NOBODY 65534

static int open_reader(const struct closed *c)
{
        struct store_reader *r = NULL;
        int e = store_reader_open(c->f->dir, &r);

        (void)store_reader_close(r);
        return e;
}

static int open_writer(const struct closed *c)
{
        struct store_writer *w = NULL;
        int e = store_writer_open(c->f->dir, &w);

        (void)store_writer_close(w);
        return e;
}

static void assert_refused(const struct closed *c, int e)
{
        assert_int_equal(open_reader(c), e);
        assert_int_equal(open_writer(c), e);
}

static void test_opens(void **state)
{
        struct closed *c = *state;
        char link[600];

        assert_int_equal(open_reader(c), 0);
        assert_int_equal(open_writer(c), 0);
        /* A link in the way to the directory is somebody's disk layout. */
        (void)snprintf(link, sizeof(link), "%s-link", c->f->dir);
        assert_int_equal(symlink(c->f->dir, link), 0);
        {
                struct store_reader *r = NULL;

                assert_int_equal(store_reader_open(link, &r), 0);
                (void)store_reader_close(r);
        }
        assert_int_equal(unlink(link), 0);
        assert_null(store_reader_close(NULL));
        assert_null(store_writer_close(NULL));
}

static void test_missing(void **state)
{
        struct closed *c = *state;
        struct store_reader *r = NULL;

        assert_int_equal(unlink(c->path), 0);
        assert_refused(c, -ENOENT);
        assert_int_equal(access(c->path, F_OK), -1);
        assert_int_equal(store_reader_open("/nonexistent/dir", &r), -ENOENT);
        assert_int_equal(store_reader_open("/dev/null", &r), -ENOTDIR);
}

static void test_not_a_file(void **state)
{
        struct closed *c = *state;
        char aside[512];

        path_in(c, "aside", aside);
        assert_int_equal(rename(c->path, aside), 0);
        assert_int_equal(symlink("aside", c->path), 0);
        assert_refused(c, -EUCLEAN);
        assert_int_equal(unlink(c->path), 0);
        assert_int_equal(symlink("nowhere", c->path), 0);
        assert_refused(c, -EUCLEAN);
        assert_int_equal(unlink(c->path), 0);
        assert_int_equal(mkfifo(c->path, 0600), 0);
        assert_refused(c, -EUCLEAN);
        assert_int_equal(unlink(c->path), 0);
        assert_int_equal(mkdir(c->path, 0700), 0);
        assert_refused(c, -EUCLEAN);
        assert_int_equal(rmdir(c->path), 0);
        assert_int_equal(rename(aside, c->path), 0);
        assert_int_equal(open_reader(c), 0);
}

/* What SQLite would open by itself beside the file. */
static void test_beside_not_a_file(void **state)
{
        static const char *const names[] = {STORE_FILE "-wal", STORE_FILE "-shm",
                                            STORE_FILE "-journal"};
        struct closed *c = *state;

        for (size_t i = 0; i < COUNT(names); i++) {
                char path[512];

                path_in(c, names[i], path);
                (void)unlink(path);
                assert_int_equal(symlink("/dev/null", path), 0);
                assert_refused(c, -EUCLEAN);
                assert_int_equal(unlink(path), 0);
                assert_int_equal(mkfifo(path, 0600), 0);
                assert_refused(c, -EUCLEAN);
                assert_int_equal(unlink(path), 0);
        }
        assert_int_equal(open_writer(c), 0);
}

static void test_foreign(void **state)
{
        static const char text[] = "This is a letter to somebody and not a database.\n";
        struct closed *c = *state;

        files_write(c->path, "", 0);
        assert_refused(c, -EUCLEAN);
        assert_untouched(c, "", 0);
        files_write(c->path, text, sizeof(text));
        assert_refused(c, -EUCLEAN);
        assert_untouched(c, text, sizeof(text));
        /* Only the first 100 bytes of a right one. */
        files_write(c->path, c->bytes, 100);
        assert_refused(c, -EUCLEAN);
        assert_untouched(c, c->bytes, 100);
}

static void test_other_application(void **state)
{
        static const struct {
                const char *sql;
                int e;
        } cases[] = {
                {"PRAGMA application_id = 0", -EUCLEAN},
                {"PRAGMA application_id = 0x6f726775", -EUCLEAN},
                {"PRAGMA user_version = 0", -EUCLEAN},
                {"PRAGMA user_version = -1", -EUCLEAN},
                {"PRAGMA user_version = 2", -EPROTONOSUPPORT},
                {"PRAGMA user_version = 2147483647", -EPROTONOSUPPORT},
                {"DELETE FROM meta", -EUCLEAN},
                {"DROP TABLE meta", -EUCLEAN},
                {"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE meta"
                 " (' WHERE name = 'meta'",
                 -EUCLEAN},
        };
        struct closed *c = *state;

        for (size_t i = 0; i < COUNT(cases); i++) {
                size_t len;
                unsigned char *bytes;

                files_write(c->path, c->bytes, c->len);
                fixture_tamper(c->f, cases[i].sql);
                bytes = files_read(c->path, &len);
                assert_refused(c, cases[i].e);
                assert_untouched(c, bytes, len);
                free(bytes);
        }
}

static void test_unreadable(void **state)
{
        struct closed *c = *state;
        bool is_root = geteuid() == 0;

        /* Root reads everything. */
        if (is_root) {
                assert_int_equal(chown(c->f->dir, NOBODY, NOBODY), 0);
                assert_int_equal(chown(c->path, NOBODY, NOBODY), 0);
                assert_int_equal(seteuid(NOBODY), 0);
        }
        assert_int_equal(chmod(c->path, 0), 0);
        assert_refused(c, -EACCES);
        assert_int_equal(chmod(c->path, 0400), 0);
        assert_int_equal(open_writer(c), -EROFS);
        if (is_root)
                assert_int_equal(seteuid(0), 0);
}

static void assert_mode(const struct closed *c, const char *name, mode_t mode)
{
        char path[512];
        struct stat st;

        path_in(c, name, path);
        assert_int_equal(lstat(path, &st), 0);
        assert_true(S_ISREG(st.st_mode));
        assert_int_equal(st.st_mode & 07777, mode);
}

static void test_modes(void **state)
{
        struct closed *c = *state;
        mode_t before = umask(0);
        char copy[512];
        int64_t revision;

        path_in(c, "copy.db", copy);
        assert_int_equal(unlink(c->path), 0);
        assert_int_equal(store_create(c->f->dir, 7, 1), 0);
        fixture_open(c->f);
        fixture_org(c->f, "acme");
        assert_mode(c, STORE_FILE, 0600);
        assert_mode(c, STORE_FILE "-wal", 0600);
        assert_mode(c, STORE_FILE "-shm", 0600);
        assert_int_equal(store_backup(c->f->reader, copy, &revision), 0);
        assert_mode(c, "copy.db", 0600);
        (void)umask(before);
}

/* ---- creation ---- */

static void test_create(void **state)
{
        struct closed *c = *state;
        struct store_freshness freshness;
        struct store_reader *r = NULL;
        char left[512], inside[520];

        assert_int_equal(store_create(c->f->dir, 5, 1), -EEXIST);
        assert_untouched(c, c->bytes, c->len);
        assert_int_equal(unlink(c->path), 0);
        assert_int_equal(symlink("nowhere", c->path), 0);
        assert_int_equal(store_create(c->f->dir, 5, 1), -EEXIST);
        assert_int_equal(unlink(c->path), 0);
        /* What an interrupted one left: half a file, a journal that is another's. */
        path_in(c, STORE_TEMPORARY STORE_FILE, left);
        files_write(left, c->bytes, c->len / 2);
        (void)snprintf(inside, sizeof(inside), "%s-journal", left);
        files_write(inside, c->bytes, c->len);
        (void)snprintf(inside, sizeof(inside), "%s-wal", left);
        files_write(inside, c->bytes, c->len);
        assert_int_equal(store_create(c->f->dir, 5, 1), 0);
        assert_int_equal(access(left, F_OK), -1);
        assert_int_equal(access(inside, F_OK), -1);
        /* In WAL mode from its first moment, which is two bytes of the header. */
        {
                size_t len;
                unsigned char *bytes = files_read(c->path, &len);

                assert_true(len % PAGE == 0 && bytes[18] == 2 && bytes[19] == 2);
                free(bytes);
        }
        assert_int_equal(store_reader_open(c->f->dir, &r), 0);
        assert_int_equal(store_freshness(r, &freshness), 0);
        assert_true(freshness.fingerprint == 5 && freshness.revision == 0 &&
                    freshness.authoritative);
        assert_int_equal(store_integrity(r), 0);
        (void)store_reader_close(r);
        assert_int_equal(store_create("/nonexistent", 5, 1), -ENOENT);
        /* No such host key there can be. */
        assert_int_equal(unlink(c->path), 0);
        assert_int_equal(store_create(c->f->dir, 0, 1), -EINVAL);
        assert_int_equal(access(c->path, F_OK), -1);
        assert_int_equal(access(left, F_OK), -1);
}

/* Runs the creation in a child and kills it behind its n-th system call. 1: it was not so long. -1:
   nothing can be traced here. */
static int create_killed_at(const char *dir, unsigned n)
{
        int status;
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) {
                if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
                        _exit(77);
                (void)raise(SIGSTOP);
                _exit(store_create(dir, 5, 1) == 0 ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFEXITED(status))
                return WEXITSTATUS(status) == 77 ? -1 : 1;
        /* Each call stops twice, before and after; between calls nothing changes on the disk. */
        for (unsigned i = 0; i < 2 * n; i++) {
                assert_int_equal(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
                assert_int_equal(waitpid(child, &status, 0), child);
                if (WIFEXITED(status)) {
                        assert_int_equal(WEXITSTATUS(status), 0);
                        return 1;
                }
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        return 0;
}

static void test_create_interrupted(void **state)
{
        struct closed *c = *state;
        unsigned stride = valgrind_is_here() ? 20 * STRIDE : STRIDE;
        unsigned whole = 0, nothing = 0;

        for (unsigned n = 1;; n += stride) {
                int ended;

                (void)unlink(c->path);
                ended = create_killed_at(c->f->dir, n);
                if (ended < 0)
                        skip(); /* somebody traces us already */
                /* All of it, or nothing under its name; and the next attempt ends it. */
                if (access(c->path, F_OK) == 0) {
                        assert_int_equal(open_writer(c), 0);
                        whole++;
                } else {
                        assert_int_equal(open_writer(c), -ENOENT);
                        assert_int_equal(store_create(c->f->dir, 5, 1), 0);
                        nothing++;
                }
                assert_int_equal(open_writer(c), 0);
                if (ended)
                        break;
        }
        assert_true(nothing > 50 / stride && whole > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_opens),      TEST(test_missing),
                TEST(test_not_a_file), TEST(test_beside_not_a_file),
                TEST(test_foreign),    TEST(test_other_application),
                TEST(test_unreadable), TEST(test_modes),
                TEST(test_create),     TEST(test_create_interrupted),
        };

        return cmocka_run_group_tests_name("store open", tests, NULL, NULL);
}
