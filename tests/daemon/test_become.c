/*
 * How the daemon stops being root, on a host that is played: who we are, what belongs to whom, and
 * every call that gives something away or up (--wrap). The directories are real ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/become.h"
#include "daemon/hostkey.h"
#include "daemon/store.h"
#include "tests/support/files.h"

#define USER     "orgtoken-test"
#define USER_UID 4711
#define USER_GID 4712
#define GIVEN    16

static struct {
        uid_t euid;
        bool has_no_user, user_is_root;
        bool comes_back;    /* setuid(0) works */
        bool stays;         /* setresuid() says yes and does nothing */
        const char *fails;  /* the call that does */
        int error;          /* with that */
        char calls[256];    /* in their order, each with a blank behind it */
        ino_t given[GIVEN]; /* to the user */
        size_t given_count;
        uid_t owner; /* of everything else */
        struct passwd user;
} host;

/* ---- the host ---- */

static int call(const char *name)
{
        size_t used = strlen(host.calls);

        assert_in_range(snprintf(host.calls + used, sizeof(host.calls) - used, "%s ", name), 1,
                        sizeof(host.calls) - used - 1);
        if (!host.fails || strcmp(host.fails, name) != 0)
                return 0;
        errno = host.error;
        return -1;
}

static bool is_given(ino_t inode)
{
        for (size_t i = 0; i < host.given_count; i++)
                if (host.given[i] == inode)
                        return true;
        return false;
}

uid_t __wrap_geteuid(void);
uid_t __wrap_geteuid(void)
{
        return host.euid;
}

struct passwd *__wrap_getpwnam(const char *name);
struct passwd *__wrap_getpwnam(const char *name)
{
        assert_string_equal(name, USER);
        host.user = (struct passwd){.pw_uid = host.user_is_root ? 0 : USER_UID, .pw_gid = USER_GID};
        return host.has_no_user ? NULL : &host.user;
}

int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st)
{
        if (host.fails && strcmp(host.fails, "fstat") == 0) {
                errno = host.error;
                return -1;
        }
        if (__real_fstat(fd, st) < 0)
                return -1;
        st->st_uid = is_given(st->st_ino) ? USER_UID : host.owner;
        return 0;
}

int __wrap_fchown(int fd, uid_t uid, gid_t gid);
int __wrap_fchown(int fd, uid_t uid, gid_t gid)
{
        struct stat st;

        assert_int_equal(uid, USER_UID);
        assert_int_equal(gid, USER_GID);
        assert_int_equal(__real_fstat(fd, &st), 0);
        if (call(S_ISDIR(st.st_mode) ? "give-directory" : "give-file") < 0)
                return -1;
        assert_true(host.given_count < GIVEN);
        host.given[host.given_count++] = st.st_ino;
        return 0;
}

int __wrap_setgroups(size_t n, const gid_t *groups);
int __wrap_setgroups(size_t n, const gid_t *groups)
{
        assert_int_equal(n, 0);
        assert_null(groups);
        return call("groups");
}

int __wrap_setresgid(gid_t r, gid_t e, gid_t s);
int __wrap_setresgid(gid_t r, gid_t e, gid_t s)
{
        assert_true(r == USER_GID && e == USER_GID && s == USER_GID);
        return call("gid");
}

int __wrap_setresuid(uid_t r, uid_t e, uid_t s);
int __wrap_setresuid(uid_t r, uid_t e, uid_t s)
{
        assert_true(r == USER_UID && e == USER_UID && s == USER_UID);
        if (call("uid") < 0)
                return -1;
        if (!host.stays)
                host.euid = e;
        return 0;
}

int __wrap_setuid(uid_t uid);
int __wrap_setuid(uid_t uid)
{
        assert_int_equal(uid, 0);
        (void)call("back");
        errno = EPERM;
        return host.comes_back ? 0 : -1;
}

int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode)
{
        return call("close") < 0 ? -1 : __real_fchmod(fd, mode);
}

int __wrap_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int __wrap_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
        (void)a;
        (void)b;
        (void)c;
        (void)d;
        return call(option == PR_SET_NO_NEW_PRIVS ? "no-new-privs" : "no-dump");
}

int __wrap_setrlimit(__rlimit_resource_t resource, const struct rlimit *limit);
int __wrap_setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
        assert_int_equal(resource, RLIMIT_CORE);
        assert_true(limit->rlim_cur == 0 && limit->rlim_max == 0);
        return call("no-core");
}

/* ---- scenes ---- */

struct scene {
        char dir[FILES_PATH_SIZE];
        char error[512];
};

static void forget(void)
{
        memset(&host, 0, sizeof(host));
}

static void put(const struct scene *s, const char *name)
{
        char path[FILES_PATH_SIZE];

        files_path(s->dir, name, path);
        files_write(path, "x", 1);
}

static int setup(void **state)
{
        struct scene *s = calloc(1, sizeof(*s));

        assert_non_null(s);
        forget();
        (void)snprintf(s->dir, sizeof(s->dir), "/tmp/orgtoken-test-XXXXXX");
        assert_non_null(mkdtemp(s->dir));
        put(s, HOSTKEY_FILE);
        put(s, STORE_FILE);
        put(s, STORE_TEMPORARY STORE_FILE);
        *state = s;
        return 0;
}

static int teardown(void **state)
{
        struct scene *s = *state;

        forget();
        (void)chmod(s->dir, 0700);
        files_remove(s->dir, "");
        (void)rmdir(s->dir);
        free(s);
        return 0;
}

static int become(struct scene *s)
{
        int r;

        s->error[0] = '\0';
        r = become_user(USER, s->dir, s->error, sizeof(s->error));
        /* A failure says what is wrong and of what. */
        if (r < 0)
                assert_true(strstr(s->error, s->dir) || strstr(s->error, USER));
        else
                assert_string_equal(s->error, "");
        return r;
}

static mode_t mode_of(const struct scene *s)
{
        struct stat st;

        assert_int_equal(lstat(s->dir, &st), 0);
        return st.st_mode & 07777;
}

/* ---- from root ---- */

static const char all_of_it[] = "give-file give-file give-file give-directory groups gid uid back ";

static void test_from_root(void **state)
{
        struct scene *s = *state;

        assert_int_equal(become(s), 0);
        assert_string_equal(host.calls, all_of_it);
        assert_int_equal(host.euid, USER_UID);
        assert_int_equal(host.given_count, 4);
}

/* Each ends the start, and what comes behind it is not done. */
static void test_every_step_fails(void **state)
{
        static const char *const steps[] = {"give-file", "give-directory", "groups", "gid", "uid"};
        struct scene *s = *state;

        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
                size_t len;

                forget();
                host.fails = steps[i];
                host.error = EINVAL;
                assert_int_equal(become(s), -EINVAL);
                len = strlen(host.calls);
                assert_memory_equal(host.calls, all_of_it, len);
                assert_string_equal(host.calls + len - strlen(steps[i]) - 1,
                                    strstr(host.calls, steps[i]));
                assert_int_equal(host.euid, 0);
        }
}

/* Root that can come back, and a change that was none. */
static void test_not_for_good(void **state)
{
        struct scene *s = *state;

        host.comes_back = true;
        assert_int_equal(become(s), -EPERM);
        forget();
        host.stays = true;
        assert_int_equal(become(s), -EPERM);
}

static void test_no_such_user(void **state)
{
        struct scene *s = *state;

        host.has_no_user = true;
        assert_int_equal(become(s), -ESRCH);
        assert_non_null(strstr(s->error, "no such user"));
        forget();
        host.user_is_root = true;
        assert_int_equal(become(s), -EPERM);
        assert_non_null(strstr(s->error, "never serves as root"));
        assert_string_equal(host.calls, "");
}

/* /root named by mistake, or something that leads elsewhere under one of our names. */
static void test_not_handed_over(void **state)
{
        struct scene *s = *state;
        char path[FILES_PATH_SIZE], key[FILES_PATH_SIZE];

        put(s, "letter");
        assert_int_equal(become(s), -ENOTEMPTY);
        assert_string_equal(host.calls, "");
        files_path(s->dir, "letter", path);
        assert_int_equal(unlink(path), 0);
        files_path(s->dir, HOSTKEY_FILE, key);
        files_path(s->dir, HOSTKEY_FILE ".old", path);
        assert_int_equal(link(key, path), 0);
        assert_int_equal(become(s), -ENOTEMPTY);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(become(s), -ENOTEMPTY);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink("/etc/passwd", path), 0);
        assert_int_equal(become(s), -ELOOP);
        assert_null(strstr(host.calls, "give-directory"));
        assert_null(strstr(host.calls, "uid"));
        assert_int_equal(host.euid, 0);
}

/* What is in a directory of the user's own is not touched as root. */
static void test_already_his(void **state)
{
        struct scene *s = *state;

        put(s, "letter");
        host.owner = USER_UID;
        assert_int_equal(become(s), 0);
        assert_string_equal(host.calls, "groups gid uid back ");
        forget();
        host.fails = "fstat";
        host.error = EIO;
        assert_int_equal(become(s), -EIO);
        assert_string_equal(host.calls, "");
}

/* ---- as somebody else ---- */

static void test_closed_to_readers(void **state)
{
        struct scene *s = *state;

        host.euid = host.owner = USER_UID;
        assert_int_equal(chmod(s->dir, 0755), 0);
        assert_int_equal(become(s), 0);
        assert_string_equal(host.calls, "close ");
        assert_int_equal(mode_of(s), 0700);
        /* Closed already. */
        assert_int_equal(become(s), 0);
        assert_string_equal(host.calls, "close ");
        assert_int_equal(chmod(s->dir, 0750), 0);
        host.fails = "close";
        host.error = EPERM;
        assert_int_equal(become(s), -EPERM);
        host.error = EACCES;
        assert_int_equal(become(s), -EACCES);
        assert_non_null(strstr(s->error, "look at the owner"));
}

/* Another directory named by mistake, or one whose content may be others'. */
static void test_left_as_it_is(void **state)
{
        struct scene *s = *state;

        host.euid = USER_UID;
        host.owner = USER_UID + 1;
        assert_int_equal(chmod(s->dir, 0755), 0);
        assert_int_equal(become(s), 0);
        host.owner = USER_UID;
        assert_int_equal(chmod(s->dir, 0775), 0);
        assert_int_equal(become(s), 0);
        assert_int_equal(chmod(s->dir, 0755), 0);
        put(s, "letter");
        assert_int_equal(become(s), 0);
        assert_string_equal(host.calls, "");
        assert_int_equal(mode_of(s), 0755);
        host.fails = "fstat";
        host.error = EIO;
        assert_int_equal(become(s), -EIO);
}

static void test_no_directory(void **state)
{
        struct scene *s = *state, other = {0};

        host.euid = host.owner = USER_UID;
        files_path(s->dir, HOSTKEY_FILE, other.dir);
        assert_int_equal(become(&other), -ENOTDIR);
        files_path(s->dir, HOSTKEY_FILE "/below", other.dir);
        assert_int_equal(become(&other), -ENOTDIR);
        assert_non_null(strstr(other.error, "cannot be made"));
        host.euid = 0;
        files_path(s->dir, HOSTKEY_FILE, other.dir);
        assert_int_equal(become(&other), -ENOTDIR);
        assert_non_null(strstr(other.error, "cannot be given"));
}

static void test_guarded(void **state)
{
        static const char *const steps[] = {"no-new-privs", "no-dump", "no-core"};

        (void)state;
        assert_int_equal(become_guarded(), 0);
        assert_string_equal(host.calls, "no-new-privs no-dump no-core ");
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
                host.fails = steps[i];
                host.error = EPERM;
                host.calls[0] = '\0';
                assert_int_equal(become_guarded(), -EPERM);
        }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_from_root),         TEST(test_every_step_fails), TEST(test_not_for_good),
                TEST(test_no_such_user),      TEST(test_not_handed_over),  TEST(test_already_his),
                TEST(test_closed_to_readers), TEST(test_left_as_it_is),    TEST(test_no_directory),
                TEST(test_guarded),
        };

        return cmocka_run_group_tests_name("become", tests, NULL, NULL);
}
