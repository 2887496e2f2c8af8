#include "common/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"

#define US_PER_MS  1000
#define US_PER_SEC 1000000
#define NS_PER_US  1000

/* Pauses before asking a full backlog again: these, then the last for as long as it takes. */
static const unsigned char pause_ms[] = {1, 2, 4, 8, 16, 20};

/* What the system says of a socket, without the words that have a meaning of their own here: a
   filter of system calls (seccomp, an LSM) answers EPERM, and that is no impostor. */
static int system_error(void)
{
        switch (errno) {
        case EPERM: return -EACCES;
        case EPROTO:
        case EBADMSG: return -EIO;
        default: return -errno;
        }
}

/* Without a clock every deadline is over: waiting for ever is what must not be. */
#define NO_CLOCK INT64_MAX

static int64_t now_us(void)
{
        struct timespec now;

        if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
                return NO_CLOCK;
        return (int64_t)now.tv_sec * US_PER_SEC + now.tv_nsec / NS_PER_US;
}

static int64_t deadline_after(unsigned timeout_ms)
{
        int64_t now = now_us();

        return now == NO_CLOCK ? 0 : now + (int64_t)timeout_ms * US_PER_MS;
}

/* Waits for events on fd, or just waits where fd is negative, until the deadline and for at most
   max_us. 0: ready, interrupted or max_us over, so try again; -ETIMEDOUT past the deadline, or
   poll's errno. */
static int wait_until(int fd, short events, int64_t deadline_us, int64_t max_us)
{
        struct pollfd poll_fd = {.fd = fd, .events = events};
        int64_t left = deadline_us - now_us();
        struct timespec timeout;

        if (left <= 0)
                return -ETIMEDOUT;
        if (left > max_us)
                left = max_us;
        timeout.tv_sec = left / US_PER_SEC;
        timeout.tv_nsec = left % US_PER_SEC * NS_PER_US;
        if (ppoll(&poll_fd, 1, &timeout, NULL) < 0 && errno != EINTR)
                return system_error();
        return 0;
}

/* A descriptor above 2: the application may have closed its standard ones and may print to them. */
static int open_socket(int *ret_fd)
{
        _cleanup_(close_fdp) int fd = -1;

        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return system_error();
        if (fd <= STDERR_FILENO) {
                int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

                if (moved < 0)
                        return system_error();
                (void)close(fd);
                fd = moved;
        }
        *ret_fd = steal_fd(&fd);
        return 0;
}

/* A unix socket never connects in the background: with a full backlog it says EAGAIN, and only
   asking again helps. */
static int connect_until(int fd, const struct sockaddr_un *address, int64_t deadline_us)
{
        size_t tries = 0;
        int r = 0;

        while (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
                if (errno != EAGAIN && errno != EINTR)
                        return system_error();
                r = wait_until(-1, 0, deadline_us, (int64_t)pause_ms[tries] * US_PER_MS);
                if (r < 0)
                        return r;
                if (tries < sizeof(pause_ms) - 1)
                        tries++;
        }
        return 0;
}

/* Who called listen(): with socket activation root, whoever serves. An impostor's socket gets
 * nothing. */
static int check_listener(int fd)
{
        struct ucred listener = {.pid = 0, .uid = (uid_t)-1, .gid = (gid_t)-1};
        socklen_t len = sizeof(listener);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &listener, &len) < 0)
                return system_error();
        if (len != sizeof(listener))
                return -EPERM;
        if (listener.uid == 0 || listener.uid == geteuid())
                return 0;
        return -EPERM;
}

static int connect_by(struct client *c, const char *path, int64_t deadline_us)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_(close_fdp) int fd = -1;
        int r;

        client_close(c);
        if (!view_copy(view_of(path), address.sun_path, sizeof(address.sun_path)))
                return -ENAMETOOLONG;
        /* To connect() an empty path is a name that anybody may listen at. */
        if (address.sun_path[0] == '\0')
                return -ENOENT;
        r = open_socket(&fd);
        if (r < 0)
                return r;
        r = connect_until(fd, &address, deadline_us);
        if (r < 0)
                return r;
        r = check_listener(fd);
        if (r < 0)
                return r;
        c->fd = steal_fd(&fd);
        c->deadline_us = deadline_us;
        return 0;
}

int client_connect(struct client *c, const char *path, unsigned timeout_ms)
{
        return connect_by(c, path, deadline_after(timeout_ms));
}

void client_set_timeout(struct client *c, unsigned timeout_ms)
{
        c->deadline_us = deadline_after(timeout_ms);
}

static int send_packet(const struct client *c)
{
        ssize_t n;

        for (;;) {
                int r;

                n = send(c->fd, c->buffer.bytes, c->buffer.len, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n >= 0)
                        return (size_t)n == c->buffer.len ? 0 : -EPIPE;
                if (errno != EAGAIN && errno != EINTR)
                        return system_error();
                r = wait_until(c->fd, POLLOUT, c->deadline_us, INT64_MAX);
                if (r < 0)
                        return r;
        }
}

/* The packet alone: behind it stands what was there before, which is nothing but zeros. */
static void wipe_packet(struct client *c)
{
        secret_wipe(c->buffer.bytes, c->buffer.len);
        c->buffer.len = 0;
}

int client_send(struct client *c, const struct wire_message *m)
{
        int r;

        if (c->fd < 0)
                return -EPIPE;
        if (now_us() >= c->deadline_us)
                return -ETIMEDOUT;
        wipe_packet(c);
        r = wire_encode(m, c->buffer.bytes, sizeof(c->buffer.bytes), &c->buffer.len);
        if (r < 0) {
                /* How much of it was written is not known. */
                secret_buffer_wipe(&c->buffer);
                return r;
        }
        r = send_packet(c);
        wipe_packet(c);
        return r;
}

static int receive_packet(struct client *c)
{
        struct iovec space = {.iov_base = c->buffer.bytes, .iov_len = sizeof(c->buffer.bytes)};
        struct msghdr header = {.msg_iov = &space, .msg_iovlen = 1};

        for (;;) {
                ssize_t n;
                int r = wait_until(c->fd, POLLIN, c->deadline_us, INT64_MAX);

                if (r < 0)
                        return r;
                n = recvmsg(c->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        continue;
                if (n < 0)
                        return system_error();
                /* The end, or a packet of nothing: no daemon of ours sends one. */
                if (n == 0)
                        return -ECONNRESET;
                c->buffer.len = (size_t)n;
                /* Too long, or with a descriptor, which the kernel has dropped for want of room. */
                return header.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EPROTO : 0;
        }
}

int client_receive(struct client *c, struct wire_message *ret)
{
        int r;

        wipe_packet(c);
        if (c->fd < 0)
                return -ECONNRESET;
        r = receive_packet(c);
        if (r == 0 && wire_decode(c->buffer.bytes, c->buffer.len, ret) < 0)
                r = -EPROTO;
        if (r < 0)
                secret_buffer_wipe(&c->buffer);
        return r;
}

void client_close(struct client *c)
{
        close_fdp(&c->fd);
        wipe_packet(c);
}

int client_nonce(uint8_t ret[static WIRE_NONCE_LEN])
{
        ssize_t n;

        /* Early at boot getrandom() would wait without regard for anybody's deadline. */
        do
                n = getrandom(ret, WIRE_NONCE_LEN, GRND_NONBLOCK);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return system_error();
        return n == WIRE_NONCE_LEN ? 0 : -EIO;
}

static int exchange_once(struct client *c, const char *path, int64_t deadline_us,
                         const struct wire_message *request, struct wire_message *ret_reply)
{
        int r = connect_by(c, path, deadline_us);

        if (r == 0)
                r = client_send(c, request);
        if (r == 0)
                r = client_receive(c, ret_reply);
        if (r == 0 && !wire_is_answer_to(ret_reply, request))
                r = -EBADMSG;
        return r;
}

int client_exchange(struct client *c, const char *path, unsigned timeout_ms,
                    const struct wire_message *request, struct wire_message *ret_reply)
{
        int64_t deadline_us = deadline_after(timeout_ms);
        int r = exchange_once(c, path, deadline_us, request, ret_reply);

        /* A daemon that is being replaced drops what it had accepted; its sockets stay. */
        if (r == -ECONNRESET || r == -EPIPE)
                r = exchange_once(c, path, deadline_us, request, ret_reply);
        if (r == 0) {
                close_fdp(&c->fd);
                return 0;
        }
        /* What came may read as ALLOW to one who forgets to look at r. */
        wire_init(ret_reply, WIRE_UNAVAILABLE, request->verb, request->nonce);
        client_close(c);
        return r;
}
