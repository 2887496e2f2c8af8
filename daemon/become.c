#include "daemon/become.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "daemon/hostkey.h"
#include "daemon/listen.h"
#include "daemon/store.h"

static void close_dirp(DIR **d)
{
        if (*d)
                (void)closedir(*d);
}

static int fail(char *error, size_t size, int r, const char *what, const char *sentence)
{
        (void)snprintf(error, size, "%s: %s", what, sentence);
        return r;
}

/* The same where only the system knows why. */
static int fail_errno(char *error, size_t size, int r, const char *what, const char *sentence)
{
        (void)snprintf(error, size, "%s: %s: %s", what, sentence, strerror(-r));
        return r;
}

/* The key, the store and what SQLite keeps beside it, and the temporaries of both. */
static bool is_ours(const char *name)
{
        if (strncmp(name, STORE_TEMPORARY, strlen(STORE_TEMPORARY)) == 0)
                name += strlen(STORE_TEMPORARY);
        return strncmp(name, HOSTKEY_FILE, strlen(HOSTKEY_FILE)) == 0 ||
               strncmp(name, STORE_FILE, strlen(STORE_FILE)) == 0;
}

/* Visits every entry: 0, or -ENOTEMPTY where one is not ours. With a user, gives him each of
   root's. Plain files with one name only: a link could lead to anything. */
static int visit_files(DIR *d, const struct passwd *user)
{
        const struct dirent *e;

        rewinddir(d);
        while ((errno = 0, e = readdir(d))) {
                _cleanup_(close_fdp) int fd = -1;
                struct stat st;

                if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
                        continue;
                if (!is_ours(e->d_name))
                        return -ENOTEMPTY;
                if (!user)
                        continue;
                fd = openat(dirfd(d), e->d_name,
                            O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
                if (fd < 0 || fstat(fd, &st) < 0)
                        return -errno;
                if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
                        return -ENOTEMPTY;
                if (st.st_uid == 0 && fchown(fd, user->pw_uid, user->pw_gid) < 0)
                        return -errno;
        }
        return -errno;
}

static int give_directory(const char *state_dir, const struct passwd *user)
{
        _cleanup_(close_dirp) DIR *d = opendir(state_dir);
        struct stat st;
        int r;

        if (!d || fstat(dirfd(d), &st) < 0)
                return -errno;
        /* No longer root's: what is in it is the user's own doing and not to be touched as root. */
        if (st.st_uid != 0)
                return 0;
        r = visit_files(d, NULL);
        if (r == 0)
                r = visit_files(d, user);
        if (r < 0)
                return r;
        return fchown(dirfd(d), user->pw_uid, user->pw_gid) < 0 ? -errno : 0;
}

/* A directory that was made with the usual umask is closed to its readers. Only where it holds
   nothing but ours, so that no other directory named by mistake is changed, and not where others
   can write: what is in it may be theirs then, and hostkey_lock_directory() refuses it. */
static int close_to_readers(const char *state_dir)
{
        _cleanup_(close_dirp) DIR *d = opendir(state_dir);
        struct stat st;

        if (!d || fstat(dirfd(d), &st) < 0)
                return -errno;
        if (st.st_uid != geteuid() || (st.st_mode & 077) == 0 || (st.st_mode & 022) != 0)
                return 0;
        if (visit_files(d, NULL) < 0)
                return 0;
        return fchmod(dirfd(d), 0700) < 0 ? -errno : 0;
}

static int drop_root(const struct passwd *user)
{
        if (setgroups(0, NULL) < 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
            setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
                return -errno;
        /* Nothing may be left to go back with. */
        return setuid(0) == 0 || geteuid() != user->pw_uid ? -EPERM : 0;
}

/* From root to the user, with the state directory. */
static int leave_root(const char *user, const char *state_dir, char *error, size_t size)
{
        const struct passwd *pw = getpwnam(user);
        int r;

        if (!pw)
                return fail(error, size, -ESRCH, user,
                            "there is no such user: see systemd-sysusers(8)");
        if (pw->pw_uid == 0)
                return fail(error, size, -EPERM, user, "the daemon never serves as root");
        r = give_directory(state_dir, pw);
        if (r == -ENOTEMPTY)
                return fail(error, size, r, state_dir,
                            "holds other files than ours, and is root's: not handed over");
        if (r < 0)
                return fail_errno(error, size, r, state_dir,
                                  "cannot be given to the daemon's user");
        r = drop_root(pw);
        if (r < 0)
                return fail_errno(error, size, r, user, "cannot become this user");
        return 0;
}

int become_is_possible(const char *user, char *error, size_t size)
{
        const struct passwd *pw;

        if (geteuid() == 0)
                return 0;
        pw = getpwnam(user);
        if (pw && pw->pw_uid == geteuid())
                return 0;
        return fail(error, size, -EPERM, user, "only root starts a daemon as another user");
}

int become_user(const char *user, const char *state_dir, char *error, size_t size)
{
        int r = listen_make_directory(state_dir, 0700);

        if (r < 0)
                return fail_errno(error, size, r, state_dir, "the state directory cannot be made");
        if (geteuid() == 0)
                r = leave_root(user, state_dir, error, size);
        if (r < 0)
                return r;
        r = close_to_readers(state_dir);
        if (r == -EACCES)
                return fail(error, size, r, state_dir,
                            "the daemon's user cannot get there: look at the owner and mode of "
                            "this directory and of those above it");
        return r < 0 ? fail_errno(error, size, r, state_dir, "the state directory cannot be used")
                     : 0;
}

/* A leak check needs to look at its own process. */
#ifdef __SANITIZE_ADDRESS__
#define DUMPABLE 1
#else
#define DUMPABLE 0
#endif

int become_guarded(void)
{
        const struct rlimit none = {0, 0};

        (void)umask(077);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            prctl(PR_SET_DUMPABLE, DUMPABLE, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
                return -errno;
        return 0;
}
