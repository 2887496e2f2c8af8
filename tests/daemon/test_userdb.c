/*
 * The system's user database, which is played (--wrap): answers of every kind, errors that mean
 * "no" and errors that mean nothing, entries too long for a buffer, and two names of one uid.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/userdb.h"

#define ENTRIES 4

static struct {
        struct {
                const char *name;
                uid_t uid;
        } entry[ENTRIES];     /* in the order of the file */
        size_t needs;         /* bytes for an entry */
        int by_name, by_uid;  /* errors; 0: it answers */
        unsigned interrupted; /* so many calls, before it does */
        bool ignores_case;
        size_t walked;
} db;

static int answer(int error, const char *name, uid_t uid, struct passwd *entry, size_t size,
                  struct passwd **ret)
{
        *ret = NULL;
        if (db.interrupted > 0) {
                db.interrupted--;
                return EINTR;
        }
        if (error != 0)
                return error;
        if (size < db.needs)
                return ERANGE;
        for (size_t i = 0; i < ENTRIES && db.entry[i].name; i++) {
                bool is = !name             ? db.entry[i].uid == uid
                          : db.ignores_case ? strcasecmp(db.entry[i].name, name) == 0
                                            : strcmp(db.entry[i].name, name) == 0;

                if (!is)
                        continue;
                *entry = (struct passwd){.pw_name = (char *)(uintptr_t)db.entry[i].name,
                                         .pw_uid = db.entry[i].uid};
                *ret = entry;
                return 0;
        }
        return 0;
}

int __wrap_getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size,
                      struct passwd **ret);
int __wrap_getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size,
                      struct passwd **ret)
{
        assert_non_null(buffer);
        return answer(db.by_name, name, 0, entry, size, ret);
}

int __wrap_getpwuid_r(uid_t uid, struct passwd *entry, char *buffer, size_t size,
                      struct passwd **ret);
int __wrap_getpwuid_r(uid_t uid, struct passwd *entry, char *buffer, size_t size,
                      struct passwd **ret)
{
        assert_non_null(buffer);
        return answer(db.by_uid, NULL, uid, entry, size, ret);
}

void __wrap_setpwent(void);
void __wrap_setpwent(void)
{
        db.walked = 0;
}

struct passwd *__wrap_getpwent(void);
struct passwd *__wrap_getpwent(void)
{
        static struct passwd entry;
        size_t i = db.walked++;

        if (i >= ENTRIES || !db.entry[i].name)
                return NULL;
        entry = (struct passwd){.pw_name = (char *)(uintptr_t)db.entry[i].name,
                                .pw_uid = db.entry[i].uid};
        return &entry;
}

static int setup(void **state)
{
        (void)state;
        memset(&db, 0, sizeof(db));
        db.entry[0].name = "root";
        db.entry[1].name = "alice";
        db.entry[1].uid = 1000;
        return 0;
}

static void assert_name(int64_t uid, int expected, const char *name)
{
        char is[NAME_USER_MAX + 1] = "";

        assert_int_equal(userdb_by_uid(NULL, uid, is), expected);
        assert_string_equal(is, name);
}

static void test_by_uid(void **state)
{
        (void)state;
        assert_name(1000, 0, "alice");
        assert_name(0, 0, "root");
        assert_name(1001, -ENOENT, "");
        /* What is no uid, is nobody's: not even of whom it would be after a cast. */
        assert_name(-1, -ENOENT, "");
        assert_name(INT64_C(0xffffffff), -ENOENT, "");
        assert_name(INT64_C(0x100000000), -ENOENT, "");
        assert_name(INT64_C(0x1000003e8), -ENOENT, "");
        /* A name that is none for us. */
        db.entry[1].name = "alice smith";
        assert_name(1000, -ENOENT, "");
        db.entry[1].name = "";
        assert_name(1000, -ENOENT, "");
}

static void test_errors(void **state)
{
        static const int absent[] = {ENOENT, ESRCH, EBADF, EPERM};
        static const int failed[] = {EIO, EMFILE, ENFILE, ENOMEM};
        struct manage_passwd is;

        (void)state;
        for (size_t i = 0; i < 4; i++) {
                db.by_name = db.by_uid = absent[i];
                assert_name(1000, -ENOENT, "");
                assert_int_equal(userdb_by_name(NULL, "alice", &is), 0);
                assert_false(is.exists);
                assert_int_equal(is.uid, -1);
                assert_false(is.uid_is_shared);
                /* A database that fails has not said that there is nobody. */
                db.by_name = db.by_uid = failed[i];
                assert_name(1000, -failed[i], "");
                assert_int_equal(userdb_by_name(NULL, "alice", &is), -failed[i]);
                db.by_name = 0;
                assert_int_equal(userdb_by_name(NULL, "alice", &is), -failed[i]);
        }
}

static void test_interrupted(void **state)
{
        (void)state;
        db.interrupted = 3;
        assert_name(1000, 0, "alice");
        assert_int_equal(db.interrupted, 0);
}

static void test_long_entries(void **state)
{
        struct manage_passwd is;

        (void)state;
        db.needs = 500000;
        assert_name(1000, 0, "alice");
        assert_int_equal(userdb_by_name(NULL, "alice", &is), 0);
        assert_int_equal(is.uid, 1000);
        db.needs = 10 * 1024 * 1024;
        assert_name(1000, -ERANGE, "");
        assert_int_equal(userdb_by_name(NULL, "alice", &is), -ERANGE);
}

static void assert_shared(const char *name, bool shared)
{
        struct manage_passwd is;

        assert_int_equal(userdb_by_name(NULL, name, &is), 0);
        assert_true(is.exists);
        assert_int_equal(is.uid_is_shared, shared);
}

/* Whichever stands first in the file. */
static void test_shared(void **state)
{
        (void)state;
        assert_shared("alice", false);
        db.entry[2].name = "toor";
        assert_shared("root", true);
        assert_shared("toor", true);
        assert_shared("alice", false);
        db.entry[3].name = "al";
        db.entry[3].uid = 1000;
        assert_shared("alice", true);
        assert_shared("al", true);
        /* A second entry of one name is no second name. */
        db.entry[3].name = "alice";
        assert_shared("alice", false);
}

/* A directory that ignores case: "Alice" is an alias of alice. */
static void test_another_case(void **state)
{
        (void)state;
        db.ignores_case = true;
        assert_shared("alice", false);
        assert_shared("ALICE", true);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
        const struct CMUnitTest tests[] = {
                TEST(test_by_uid),       TEST(test_errors), TEST(test_interrupted),
                TEST(test_long_entries), TEST(test_shared), TEST(test_another_case),
        };

        return cmocka_run_group_tests_name("userdb", tests, NULL, NULL);
}
