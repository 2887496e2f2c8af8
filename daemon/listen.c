#include "daemon/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "common/cleanup.h"
#include "common/logsafe.h"

#define VERIFY_NAME "verify.sock"
#define MANAGE_NAME "manage.sock"

/* Writes the sentence; gives the error back. */
static int fail(char *error, int r, const char *sentence, const char *what)
{
        char safe[LOGSAFE_SIZE];

        (void)snprintf(error, LISTEN_ERROR_SIZE, "%s: %s",
                       logsafe(view_of(what), safe, sizeof(safe)), sentence);
        return r;
}

/* The same where only the system knows why. */
static int fail_errno(char *error, int r, const char *sentence, const char *what)
{
        char reason[128];

        (void)snprintf(reason, sizeof(reason), "%s: %s", sentence, strerror(-r));
        return fail(error, r, reason, what);
}

/* ---- from systemd ---- */

/* The credentials that clients of this socket see, which are those of listen(2)'s caller. */
static int64_t listener_uid(int fd)
{
        struct ucred c = {.uid = (uid_t)-1};
        socklen_t len = sizeof(c);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len) < 0 || len != sizeof(c))
                return -1;
        return c.uid == (uid_t)-1 ? -1 : (int64_t)c.uid;
}

static int adopt_one(int fd, const char *name, struct listen_sockets *s, char *error)
{
        int *place = strcmp(name, "verify") == 0   ? &s->verify
                     : strcmp(name, "manage") == 0 ? &s->manage
                                                   : NULL;

        if (!place)
                return fail(error, -EINVAL, "a socket of this name is not ours", name);
        if (*place >= 0)
                return fail(error, -EINVAL, "two sockets of this name were passed", name);
        if (sd_is_socket_unix(fd, SOCK_SEQPACKET, 1, NULL, 0) <= 0)
                return fail(error, -EPROTOTYPE, "not a listening sequential packet socket", name);
        if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
                return fail_errno(error, -errno, "cannot be used without waiting", name);
        *place = fd;
        return 0;
}

int listen_adopt(int first, int count, char *const *names, struct listen_sockets *ret,
                 char error[static LISTEN_ERROR_SIZE])
{
        struct listen_sockets s = LISTEN_INIT;
        int r;

        for (int i = 0; i < count; i++) {
                r = adopt_one(first + i, names[i], &s, error);
                if (r < 0)
                        return r;
        }
        if (s.verify < 0 || s.manage < 0)
                return fail(error, -ENOTSOCK, "systemd did not pass this socket",
                            s.verify < 0 ? "verify" : "manage");
        s.made_by = listener_uid(s.verify);
        *ret = s;
        return 0;
}

/* ---- by hand ---- */

int listen_make_directory(const char *path, unsigned mode)
{
        char part[4096];
        size_t len = strlen(path);

        if (len >= sizeof(part))
                return -ENAMETOOLONG;
        memcpy(part, path, len + 1);
        while (len > 1 && part[len - 1] == '/')
                part[--len] = '\0';
        for (size_t i = 1; i <= len; i++) {
                if (part[i] != '/' && part[i] != '\0')
                        continue;
                part[i] = '\0';
                if (mkdir(part, i == len ? mode : 0755) == 0) {
                        /* The umask is that of whoever started us. */
                        if (chmod(part, i == len ? mode : 0755) < 0)
                                return -errno;
                } else if (errno != EEXIST) {
                        return -errno;
                }
                part[i] = i < len ? '/' : '\0';
        }
        return 0;
}

/* Whoever can write the directory can put a socket of his own there, and would be sent tokens. */
static int open_directory(const char *dir, int *ret, char *error)
{
        _cleanup_(close_fdp) int fd = -1;
        struct stat st;
        int r = listen_make_directory(dir, 0755);

        if (r < 0)
                return fail_errno(error, r, "the runtime directory cannot be made", dir);
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return fail_errno(error, -errno, "the runtime directory cannot be opened", dir);
        if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022))
                return fail(error, -EPERM, "others can write the runtime directory", dir);
        *ret = steal_fd(&fd);
        return 0;
}

static int make_address(const char *dir, const char *name, struct sockaddr_un *ret)
{
        int n;

        *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
        n = snprintf(ret->sun_path, sizeof(ret->sun_path), "%s/%s", dir, name);
        return n > 0 && (size_t)n < sizeof(ret->sun_path) ? 0 : -ENAMETOOLONG;
}

/* Takes a socket away that nobody listens on. 0 where the path is free then; -EADDRINUSE, -EEXIST.
 */
static int clear_path(int directory, const char *name, const struct sockaddr_un *address)
{
        _cleanup_(close_fdp) int fd = -1;
        struct stat st;

        if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISSOCK(st.st_mode))
                return -EEXIST;
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        /* Only a refusal proves that nobody is there: a full backlog (EAGAIN) or a socket of
           another kind (EPROTOTYPE) has an owner. */
        if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
            errno != ECONNREFUSED)
                return -EADDRINUSE;
        return unlinkat(directory, name, 0) < 0 ? -errno : 0;
}

/* Bound under a mode that lets nobody in, opened to those meant, and only then listened on. */
static int bind_one(int directory, const char *name, const struct sockaddr_un *address, gid_t group,
                    mode_t mode, int *ret)
{
        _cleanup_(close_fdp) int fd =
                socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        mode_t saved;
        int r;

        if (fd < 0)
                return -errno;
        r = clear_path(directory, name, address);
        if (r < 0)
                return r;
        saved = umask(0177);
        r = bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
        (void)umask(saved);
        if (r < 0)
                return r;
        if ((group != (gid_t)-1 && fchownat(directory, name, (uid_t)-1, group, 0) < 0) ||
            fchmodat(directory, name, mode, 0) < 0 || listen(fd, LISTEN_BACKLOG) < 0) {
                r = -errno;
                (void)unlinkat(directory, name, 0);
                return r;
        }
        *ret = steal_fd(&fd);
        return 0;
}

static int bind_named(const char *dir, const char *name, gid_t group, mode_t mode, int directory,
                      int *ret, char *error)
{
        struct sockaddr_un address;
        int r = make_address(dir, name, &address);

        if (r == 0)
                r = bind_one(directory, name, &address, group, mode, ret);
        if (r == 0)
                return 0;
        if (r == -EADDRINUSE)
                return fail(error, r, "another program listens there", address.sun_path);
        if (r == -EEXIST)
                return fail(error, r, "is in the way: not a socket", address.sun_path);
        return fail_errno(error, r, "the socket cannot be made", address.sun_path);
}

int listen_by_hand(const char *dir, struct listen_sockets *ret,
                   char error[static LISTEN_ERROR_SIZE])
{
        _cleanup_(listen_close) struct listen_sockets s = LISTEN_INIT;
        bool is_root = geteuid() == 0;
        gid_t group = (gid_t)-1;
        int r;

        if (is_root) {
                const struct group *g = getgrnam(LISTEN_GROUP);

                if (!g)
                        return fail(error, -ESRCH,
                                    "there is no such group: see systemd-sysusers(8)",
                                    LISTEN_GROUP);
                group = g->gr_gid;
        }
        r = open_directory(dir, &s.directory, error);
        if (r < 0)
                return r;
        r = bind_named(dir, VERIFY_NAME, group, is_root ? 0660 : 0600, s.directory, &s.verify,
                       error);
        if (r < 0)
                return r;
        r = bind_named(dir, MANAGE_NAME, (gid_t)-1, is_root ? 0666 : 0600, s.directory, &s.manage,
                       error);
        if (r < 0)
                return r;
        s.made_by = (int64_t)geteuid();
        *ret = s;
        s = (struct listen_sockets)LISTEN_INIT;
        return 0;
}

void listen_close(struct listen_sockets *s)
{
        /* The path first: nobody is to find a socket there that nobody listens on. As another user
           than root this fails in root's directory, and the next start replaces what is left. */
        if (s->directory >= 0 && s->verify >= 0)
                (void)unlinkat(s->directory, VERIFY_NAME, 0);
        if (s->directory >= 0 && s->manage >= 0)
                (void)unlinkat(s->directory, MANAGE_NAME, 0);
        close_fdp(&s->verify);
        close_fdp(&s->manage);
        close_fdp(&s->directory);
}
