/*
 * The two listening sockets: what systemd may pass and what it may not, and those made by hand, by
 * root too, as far as that can be played (--wrap): who we are and which groups there are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "daemon/listen.h"
#include "tests/support/files.h"

#define SOMEBODY 4711 /* whom root plays, where it runs the test */
#define FIRST    100  /* descriptors as systemd numbers them: in a row */

static struct {
        bool is_root, has_no_group, hides_owner, refuses_flags, refuses_group;
        uid_t owner; /* of directories; (uid_t)-1: who made them */
        gid_t given; /* the group that verify.sock got */
} host;

uid_t __real_geteuid(void);
uid_t __wrap_geteuid(void);
uid_t __wrap_geteuid(void)
{
        uid_t uid = __real_geteuid();

        return host.is_root ? 0 : uid == 0 ? SOMEBODY : uid;
}

struct group *__wrap_getgrnam(const char *name);
struct group *__wrap_getgrnam(const char *name)
{
        static struct group group = {.gr_gid = 4712};

        assert_string_equal(name, LISTEN_GROUP);
        return host.has_no_group ? NULL : &group;
}

int __wrap_fchownat(int dir, const char *name, uid_t uid, gid_t gid, int flags);
int __wrap_fchownat(int dir, const char *name, uid_t uid, gid_t gid, int flags)
{
        struct stat st;

        (void)flags;
        assert_string_equal(name, "verify.sock");
        assert_int_equal(uid, (uid_t)-1);
        /* Nobody gets in before it is the group's. */
        assert_int_equal(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_int_equal(st.st_mode & 0177, 0);
        host.given = gid;
        errno = EPERM;
        return host.refuses_group ? -1 : 0;
}

int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st)
{
        int r = __real_fstat(fd, st);

        if (r == 0 && (host.owner != (uid_t)-1 || st->st_uid == __real_geteuid()))
                st->st_uid = host.owner != (uid_t)-1 ? host.owner : __wrap_geteuid();
        return r;
}

int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
        if (!host.hides_owner)
                return __real_getsockopt(fd, level, name, value, len);
        errno = ENOPROTOOPT;
        return -1;
}

int __real_fcntl(int fd, int command, int argument);
int __wrap_fcntl(int fd, int command, int argument);
int __wrap_fcntl(int fd, int command, int argument)
{
        if (!host.refuses_flags)
                return __real_fcntl(fd, command, argument);
        errno = EBADF;
        return -1;
}

struct scene {
        char dir[FILES_PATH_SIZE];
        struct listen_sockets sockets;
        char error[LISTEN_ERROR_SIZE];
};

static int setup(void **state)
{
        struct scene *s = calloc(1, sizeof(*s));

        assert_non_null(s);
        memset(&host, 0, sizeof(host));
        host.owner = (uid_t)-1;
        s->sockets = (struct listen_sockets)LISTEN_INIT;
        (void)snprintf(s->dir, sizeof(s->dir), "/tmp/orgtoken-test-XXXXXX");
        assert_non_null(mkdtemp(s->dir));
        *state = s;
        return 0;
}

static int teardown(void **state)
{
        struct scene *s = *state;

        host.is_root = host.hides_owner = host.refuses_flags = false;
        listen_close(&s->sockets);
        (void)chmod(s->dir, 0700);
        files_remove(s->dir, "");
        (void)rmdir(s->dir);
        free(s);
        return 0;
}

/* ---- from systemd ---- */

/* A socket of that type at the descriptor; it listens or not. */
static void put_socket(const struct scene *s, int at, int type, bool listens)
{
        static unsigned number;
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_in_range(
                snprintf(address.sun_path, sizeof(address.sun_path), "%s/%u", s->dir, number++), 1,
                sizeof(address.sun_path) - 1);
        assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
        if (listens)
                assert_int_equal(listen(fd, 1), 0);
        assert_int_equal(dup2(fd, at), at);
        assert_int_equal(close(fd), 0);
}

static int adopt(struct scene *s, const char *first, const char *second)
{
        char *names[] = {(char *)(uintptr_t)first, (char *)(uintptr_t)second, NULL};

        s->error[0] = '\0';
        return listen_adopt(FIRST, second ? 2 : first ? 1 : 0, names, &s->sockets, s->error);
}

/* Refused, with a sentence that has this in it; nothing is taken over. */
static void assert_refused(struct scene *s, int r, int expected, const char *sentence)
{
        assert_int_equal(r, expected);
        if (!strstr(s->error, sentence))
                fail_msg("%s", s->error);
        assert_int_equal(s->sockets.verify, -1);
        assert_int_equal(s->sockets.manage, -1);
}

static void test_adopted(void **state)
{
        struct scene *s = *state;

        put_socket(s, FIRST, SOCK_SEQPACKET, true);
        put_socket(s, FIRST + 1, SOCK_SEQPACKET, true);
        /* By name, whichever comes first. */
        assert_int_equal(adopt(s, "manage", "verify"), 0);
        assert_int_equal(s->sockets.manage, FIRST);
        assert_int_equal(s->sockets.verify, FIRST + 1);
        assert_int_equal(s->sockets.made_by, __real_geteuid());
        assert_true(__real_fcntl(s->sockets.verify, F_GETFL, 0) & O_NONBLOCK);
        assert_true(__real_fcntl(s->sockets.manage, F_GETFL, 0) & O_NONBLOCK);
        /* Where the kernel doesn't tell, they are nobody's: not root's, nor our own. */
        host.hides_owner = true;
        s->sockets = (struct listen_sockets)LISTEN_INIT;
        assert_int_equal(adopt(s, "manage", "verify"), 0);
        assert_int_equal(s->sockets.made_by, -1);
}

static void test_not_adopted(void **state)
{
        struct scene *s = *state;

        put_socket(s, FIRST, SOCK_SEQPACKET, true);
        put_socket(s, FIRST + 1, SOCK_SEQPACKET, true);
        assert_refused(s, adopt(s, "verify", NULL), -ENOTSOCK, "manage: systemd did not pass");
        assert_refused(s, adopt(s, "manage", NULL), -ENOTSOCK, "verify: systemd did not pass");
        assert_refused(s, adopt(s, NULL, NULL), -ENOTSOCK, "verify: systemd did not pass");
        assert_refused(s, adopt(s, "verify", "verify"), -EINVAL, "two sockets of this name");
        assert_refused(s, adopt(s, "verify", "admin"), -EINVAL, "admin: a socket of this name");
        host.refuses_flags = true;
        assert_refused(s, adopt(s, "verify", "manage"), -EBADF, "cannot be used without waiting");
        host.refuses_flags = false;
        put_socket(s, FIRST + 1, SOCK_STREAM, true);
        assert_refused(s, adopt(s, "verify", "manage"), -EPROTOTYPE, "manage: not a listening");
        put_socket(s, FIRST + 1, SOCK_SEQPACKET, false);
        assert_refused(s, adopt(s, "verify", "manage"), -EPROTOTYPE, "manage: not a listening");
        assert_int_equal(close(FIRST), 0);
        assert_int_equal(close(FIRST + 1), 0);
        assert_refused(s, adopt(s, "verify", "manage"), -EPROTOTYPE, "verify: not a listening");
}

/* ---- by hand ---- */

static int by_hand(struct scene *s, const char *dir)
{
        s->error[0] = '\0';
        return listen_by_hand(dir, &s->sockets, s->error);
}

static void assert_mode(const struct scene *s, const char *name, mode_t mode)
{
        char path[FILES_PATH_SIZE];
        struct stat st;

        files_path(s->dir, name, path);
        assert_int_equal(lstat(path, &st), 0);
        assert_true(S_ISSOCK(st.st_mode));
        assert_int_equal(st.st_mode & 07777, mode);
}

static void test_by_root(void **state)
{
        struct scene *s = *state;

        host.is_root = true;
        host.has_no_group = true;
        assert_refused(s, by_hand(s, s->dir), -ESRCH, "there is no such group");
        host.has_no_group = false;
        host.refuses_group = true;
        host.owner = 0;
        assert_refused(s, by_hand(s, s->dir), -EPERM, "the socket cannot be made");
        assert_false(files_are_there(s->dir, "verify.sock"));
        host.refuses_group = false;
        assert_int_equal(by_hand(s, s->dir), 0);
        assert_int_equal(host.given, 4712);
        assert_mode(s, "verify.sock", 0660);
        assert_mode(s, "manage.sock", 0666);
        assert_int_equal(s->sockets.made_by, 0);
        listen_close(&s->sockets);
        assert_false(files_are_there(s->dir, "verify.sock"));
        assert_false(files_are_there(s->dir, "manage.sock"));
}

static void test_by_another(void **state)
{
        struct scene *s = *state;

        assert_int_equal(by_hand(s, s->dir), 0);
        assert_mode(s, "verify.sock", 0600);
        assert_mode(s, "manage.sock", 0600);
        assert_int_equal(host.given, 0);
        /* While they are there. */
        {
                struct listen_sockets first = s->sockets;

                s->sockets = (struct listen_sockets)LISTEN_INIT;
                assert_refused(s, by_hand(s, s->dir), -EADDRINUSE, "another program listens there");
                s->sockets = first;
        }
        assert_int_equal(s->sockets.made_by, geteuid());
}

/* Whoever can write the directory could put a socket of his own there. */
static void test_writable_directory(void **state)
{
        struct scene *s = *state;

        host.owner = geteuid() + 1;
        assert_refused(s, by_hand(s, s->dir), -EPERM, "others can write");
        host.owner = (uid_t)-1;
        assert_int_equal(chmod(s->dir, 0770), 0);
        assert_refused(s, by_hand(s, s->dir), -EPERM, "others can write");
        assert_int_equal(chmod(s->dir, 0702), 0);
        assert_refused(s, by_hand(s, s->dir), -EPERM, "others can write");
        assert_int_equal(chmod(s->dir, 0755), 0);
        host.owner = 0;
        assert_int_equal(by_hand(s, s->dir), 0);
}

static void test_bad_directory(void **state)
{
        struct scene *s = *state;
        char path[FILES_PATH_SIZE], *longest = malloc(5000);

        assert_non_null(longest);
        memset(longest, 'd', 4999);
        longest[0] = '/';
        longest[4999] = '\0';
        assert_refused(s, by_hand(s, longest), -ENAMETOOLONG, "cannot be made");
        free(longest);
        files_path(s->dir, "file", path);
        files_write(path, "x", 1);
        assert_refused(s, by_hand(s, path), -ENOTDIR, "cannot be opened");
        files_path(s->dir, "file/below", path);
        assert_refused(s, by_hand(s, path), -ENOTDIR, "cannot be made");
        /* A socket's address is short. */
        files_path(s->dir,
                   "a-directory-with-a-name-of-more-than-a-hundred-and-eight-characters-which-is-"
                   "what-an-address-has-room-for",
                   path);
        assert_refused(s, by_hand(s, path), -ENAMETOOLONG, "the socket cannot be made");
        assert_int_equal(rmdir(path), 0);
        /* Slashes at the end are none of the name. */
        files_path(s->dir, "made/here//", path);
        assert_int_equal(by_hand(s, path), 0);
        assert_true(files_are_there(s->dir, "made/here/verify.sock"));
        listen_close(&s->sockets);
        assert_int_equal(rmdir(path), 0);
        files_path(s->dir, "made", path);
        assert_int_equal(rmdir(path), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_adopted),    TEST(test_not_adopted),        TEST(test_by_root),
                TEST(test_by_another), TEST(test_writable_directory), TEST(test_bad_directory),
        };

        return cmocka_run_group_tests_name("listen", tests, NULL, NULL);
}
