#include "askpass/source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "askpass/keyring.h"
#include "common/token.h"

extern char **environ;

/* A lone token and the line end behind it; what is longer is none. */
#define TOKEN_FILE_MAX 1024

/* Non-blocking, so that a FIFO put in place of a file holds nobody. */
static int open_file(const char *path, struct stat *st, struct complaint *why)
{
        _cleanup_(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

        if (fd < 0 || fstat(fd, st) < 0) {
                int saved = errno;

                return complain(why, -saved, "%s: %s", path, strerror(saved));
        }
        if (!S_ISREG(st->st_mode))
                return complain(why, -EACCES, "%s is no regular file", path);
        return steal_fd(&fd);
}

/* Reads to the end, at most size bytes. The number, or negative errno. */
static ssize_t read_all(int fd, void *to, size_t size)
{
        size_t len = 0;

        while (len < size) {
                ssize_t n = read(fd, (char *)to + len, size - len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                len += (size_t)n;
        }
        return (ssize_t)len;
}

static int read_secret(int fd, const char *what, struct secret_buffer *ret, struct complaint *why)
{
        ssize_t n = read_all(fd, ret->bytes, TOKEN_FILE_MAX + 1);

        if (n < 0)
                return complain(why, (int)n, "%s: %s", what, strerror((int)-n));
        if (n > TOKEN_FILE_MAX)
                return complain(why, -EBADMSG, "%s holds more than a token", what);
        ret->len = (size_t)n;
        return 0;
}

static int read_file(const char *path, struct secret_buffer *ret, struct complaint *why)
{
        _cleanup_(close_fdp) int fd = -1;
        struct stat st;

        fd = open_file(path, &st, why);
        if (fd < 0)
                return fd;
        if (st.st_uid != geteuid())
                return complain(why, -EACCES, "%s belongs to uid %u, not to you: refused", path,
                                (unsigned)st.st_uid);
        if (st.st_mode & 077)
                return complain(why, -EACCES,
                                "others can use %s (mode %04o): refused; chmod 600 it, and revoke "
                                "the token if somebody may have read it",
                                path, (unsigned)st.st_mode & 07777);
        return read_secret(fd, path, ret, why);
}

/* systemd gives a service with User= its credentials by an ACL on a file of root's, which looks
   like one that a group may read. */
static int read_credential(const char *name, struct secret_buffer *ret, struct complaint *why)
{
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_(close_fdp) int fd = -1;
        char path[PATH_MAX];
        struct stat st;

        if (!directory || directory[0] != '/')
                return complain(why, -ENOENT,
                                "credential=%s: there is no $CREDENTIALS_DIRECTORY; the unit needs "
                                "LoadCredential=%s:PATH",
                                name, name);
        if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
                return complain(why, -ENAMETOOLONG, "credential=%s: the path is too long", name);
        fd = open_file(path, &st, why);
        if (fd < 0)
                return fd;
        if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 007) ||
            ((st.st_mode & 070) && st.st_uid != 0) || (st.st_mode & 022))
                return complain(why, -EACCES,
                                "%s is no credential of systemd's (uid %u, mode %04o): refused",
                                path, (unsigned)st.st_uid, (unsigned)st.st_mode & 07777);
        return read_secret(fd, path, ret, why);
}

/* Its standard output is ours to read; standard error is the caller's, so that it may say what is
   wrong. Standard input is empty: it belongs to whatever ssh runs. */
static int spawn(char *command, int output, pid_t *ret)
{
        static char sh[] = "sh", dash_c[] = "-c";
        char *words[] = {sh, dash_c, command, NULL};
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t pipe_signal;
        int r = posix_spawn_file_actions_init(&actions);

        if (r != 0)
                return -r;
        r = posix_spawnattr_init(&attributes);
        if (r != 0) {
                (void)posix_spawn_file_actions_destroy(&actions);
                return -r;
        }
        /* We ignore it, and what is ignored stays so across exec; programs count on it. */
        (void)sigemptyset(&pipe_signal);
        (void)sigaddset(&pipe_signal, SIGPIPE);
        (void)posix_spawnattr_setsigdefault(&attributes, &pipe_signal);
        (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
        r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn(ret, "/bin/sh", &actions, &attributes, words, environ);
        (void)posix_spawnattr_destroy(&attributes);
        (void)posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static int wait_for(pid_t pid)
{
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}

/* The command line itself is never told: people write secrets into such lines. */
static int read_command(char *command, struct secret_buffer *ret, struct complaint *why)
{
        int ends[2], r;
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return complain(why, -errno, "no pipe: %s", strerror(errno));
        r = spawn(command, ends[1], &pid);
        (void)close(ends[1]);
        if (r < 0) {
                (void)close(ends[0]);
                return complain(why, r, "/bin/sh: %s", strerror(-r));
        }
        r = read_secret(ends[0], "what command= printed", ret, why);
        /* A command that prints without end gets a closed pipe, not a reader that waits for it. */
        (void)close(ends[0]);
        if (wait_for(pid) < 0)
                return complain(why, -ECHILD, "the command that is named for this host failed");
        return r;
}

static int set_variable(const char *name, struct view value)
{
        char text[512];

        return view_copy(value, text, sizeof(text)) && setenv(name, text, 1) == 0 ? 0 : -EINVAL;
}

static int read_from(const struct entry *e, const struct prompt *prompt, char *value,
                     struct secret_buffer *ret, struct complaint *why)
{
        switch (e->kind) {
        case SOURCE_FILE: return read_file(value, ret, why);
        case SOURCE_CREDENTIAL: return read_credential(value, ret, why);
        case SOURCE_KEYRING: return keyring_read(value, TOKEN_FILE_MAX, ret, why);
        case SOURCE_COMMAND:
                if (set_variable("ORGTOKEN_ASKPASS_HOST", prompt->host) < 0 ||
                    set_variable("ORGTOKEN_ASKPASS_USER", prompt->user) < 0)
                        return complain(why, -EINVAL, "the name of the user or host is too long");
                return read_command(value, ret, why);
        }
        return complain(why, -EINVAL, "no source");
}

/* One line with one token: whatever else is there was put there by mistake, and is not for the
   host that asks. */
static int check_token(const struct entry *e, struct secret_buffer *b, struct complaint *why)
{
        struct token t;

        if (b->len > 0 && b->bytes[b->len - 1] == '\n')
                b->len--;
        if (b->len > 0 && b->bytes[b->len - 1] == '\r')
                b->len--;
        if (token_parse(view_of_bytes(b->bytes, b->len), &t) < 0)
                return complain(why, -EBADMSG, "what is kept for this host is no token");
        if (!e->org.ptr || view_equal(t.org, e->org))
                return 0;
        if (t.org.ptr)
                return complain(why, -EBADMSG,
                                "the token that is kept for this host names another organisation "
                                "than org=%.*s",
                                (int)e->org.len, e->org.ptr);
        b->bytes[b->len++] = '@';
        memcpy(b->bytes + b->len, e->org.ptr, e->org.len);
        b->len += e->org.len;
        return 0;
}

int source_read(const struct entry *e, const struct prompt *prompt, struct secret_buffer *ret,
                struct complaint *why)
{
        _cleanup_(freep) char *value = strndup(e->value.ptr, e->value.len);
        int r = value ? read_from(e, prompt, value, ret, why)
                      : complain(why, -ENOMEM, "out of memory");

        if (r == 0)
                r = check_token(e, ret, why);
        if (r < 0)
                secret_buffer_wipe(ret);
        return r;
}

int source_read_config(const char *path, char **ret, size_t *ret_len, struct complaint *why)
{
        _cleanup_(close_fdp) int fd = -1;
        _cleanup_(freep) char *text = NULL;
        struct stat st;
        ssize_t n;

        fd = open_file(path, &st, why);
        if (fd < 0)
                return fd;
        if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022))
                return complain(why, -EACCES,
                                "somebody else can write %s (uid %u, mode %04o): refused", path,
                                (unsigned)st.st_uid, (unsigned)st.st_mode & 07777);
        text = malloc(SOURCE_CONFIG_MAX + 1);
        if (!text)
                return complain(why, -ENOMEM, "out of memory");
        n = read_all(fd, text, SOURCE_CONFIG_MAX + 1);
        if (n < 0)
                return complain(why, (int)n, "%s: %s", path, strerror((int)-n));
        if (n > SOURCE_CONFIG_MAX)
                return complain(why, -EFBIG, "%s is too long", path);
        *ret = steal_ptr(text);
        *ret_len = (size_t)n;
        return 0;
}
