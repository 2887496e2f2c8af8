#include "sessiond/serve.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/logsafe.h"
#include "common/wire.h"
#include "sessiond/logind.h"

#define STUBBORN_MAX 64
#define PASSWD_SIZE  16384

DEFINE_CLEANUP(struct logind *, logind_close);

/* Told to end, and not looked at since. */
struct stubborn {
        struct wanted wanted;
        int64_t due; /* CLOCK_MONOTONIC, seconds */
};

struct server {
        int listener;
        int64_t uid;
        struct stubborn stubborn[STUBBORN_MAX]; /* in the order in which they are due */
        size_t count;
};

static int64_t now_seconds(void)
{
        struct timespec t = {0};

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec;
}

/* ---- what is wanted ---- */

/* -1 where the host has no such account. A user database that fails is not "no such account". */
static int find_uid(const char *account, int64_t *ret)
{
        _cleanup_(freep) char *buffer = malloc(PASSWD_SIZE);
        struct passwd pw, *found = NULL;
        int e;

        if (!buffer)
                return -ENOMEM;
        e = getpwnam_r(account, &pw, buffer, PASSWD_SIZE, &found);
        if (!found && e != 0 && e != ENOENT && e != ESRCH)
                return -e;
        *ret = found ? (int64_t)found->pw_uid : -1;
        return 0;
}

static int read_wanted(const struct wire_message *request, struct wanted *ret)
{
        struct wanted w = {
                .leader = wire_number(request, WIRE_F_LEADER, 0),
                .opened_at = wire_number(request, WIRE_F_CREATED_AT, 0),
        };

        if (w.leader <= 0 || w.opened_at <= 0)
                return -EPROTO;
        if (!view_copy(wire_text(request, WIRE_F_SESSION), w.id, sizeof(w.id)) ||
            !name_is_user(wire_text(request, WIRE_F_ACCOUNT)) ||
            !view_copy(wire_text(request, WIRE_F_ACCOUNT), w.account, sizeof(w.account)))
                return -EPROTO;
        *ret = w;
        return find_uid(w.account, &ret->uid);
}

/* Finds it by its id, or by the process that opened it. 0; -ENOENT: gone; -EPERM: there is one of
   that id, and it is another's; or another errno. */
static int find(struct logind *l, const struct wanted *wanted, struct session *ret)
{
        int named = logind_find(l, wanted->id, ret), led;

        if (named == 0 && confirm_is_same(wanted, ret))
                return 0;
        if (named < 0 && named != -ENOENT)
                return named;
        led = logind_find_by_pid(l, wanted->leader, ret);
        if (led == 0 && confirm_is_same(wanted, ret))
                return 0;
        if (led < 0 && led != -ENOENT)
                return led;
        return named == 0 ? -EPERM : -ENOENT;
}

/* ---- those that do not go ---- */

static void kill_first(struct server *s)
{
        _cleanup_(logind_closep) struct logind *l = NULL;
        struct wanted wanted = s->stubborn[0].wanted;
        struct session session;

        memmove(s->stubborn, s->stubborn + 1, --s->count * sizeof(s->stubborn[0]));
        if (logind_open(&l) == 0 && find(l, &wanted, &session) == 0)
                (void)logind_end(l, session.id, true);
}

static void remember(struct server *s, const struct wanted *wanted)
{
        if (s->count == STUBBORN_MAX)
                kill_first(s);
        s->stubborn[s->count++] =
                (struct stubborn){.wanted = *wanted, .due = now_seconds() + SERVE_PATIENCE_SECONDS};
}

/* ---- one question ---- */

/* The word of the answer, or a negative errno. */
static int judge(struct server *s, const struct wire_message *request, const char **ret)
{
        _cleanup_(logind_closep) struct logind *l = NULL;
        struct session session;
        struct wanted wanted;
        int r = read_wanted(request, &wanted);

        if (r == 0)
                r = logind_open(&l);
        if (r == 0)
                r = find(l, &wanted, &session);
        if (r == 0 && request->verb == WIRE_V_SESSION_END) {
                r = logind_end(l, session.id, false);
                if (r == 0)
                        remember(s, &wanted);
                *ret = "ended";
        } else if (r == 0) {
                *ret = "open";
        }
        if (r == -ENOENT || r == -EPERM) {
                *ret = r == -ENOENT ? "gone" : "other";
                r = 0;
        }
        return r;
}

static void log_answer(const struct wire_message *request, int r, const char *word)
{
        char account[LOGSAFE_SIZE], id[LOGSAFE_SIZE];

        /* sd-daemon's prefix is the priority in the journal. */
        (void)fprintf(stderr, "%s%s session %s of %s: %s\n", r < 0 ? SD_WARNING : SD_INFO,
                      request->verb == WIRE_V_SESSION_END ? "end" : "look at",
                      logsafe(wire_text(request, WIRE_F_SESSION), id, sizeof(id)),
                      logsafe(wire_text(request, WIRE_F_ACCOUNT), account, sizeof(account)),
                      r < 0 ? strerrordesc_np(-r) : word);
}

static void answer(struct server *s, int fd, const void *packet, size_t len)
{
        _unfilled_ unsigned char bytes[WIRE_PACKET_MAX];
        struct wire_message request, reply;
        const char *word = "";
        size_t reply_len;
        int r;

        if (wire_decode(packet, len, &request) < 0 || request.magic != WIRE_REQUEST ||
            (request.verb != WIRE_V_SESSION_STATE && request.verb != WIRE_V_SESSION_END))
                return;
        r = judge(s, &request, &word);
        log_answer(&request, r, word);
        wire_init(&reply, r < 0 ? WIRE_UNAVAILABLE : WIRE_DONE, request.verb, request.nonce);
        if (r == 0)
                wire_put_text(&reply, WIRE_F_REASON, view_of(word));
        if (wire_encode(&reply, bytes, sizeof(bytes), &reply_len) == 0)
                (void)send(fd, bytes, reply_len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The kernel's word for who is calling, and nobody else's. */
static bool is_from(int fd, int64_t uid)
{
        struct ucred c = {.uid = (uid_t)-1};
        socklen_t len = sizeof(c);

        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len) == 0 && len == sizeof(c) &&
               (int64_t)c.uid == uid;
}

static void serve_one(struct server *s)
{
        _unfilled_ unsigned char packet[WIRE_PACKET_MAX];
        _cleanup_(close_fdp) int fd =
                accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t n;

        if (fd < 0 || !is_from(fd, s->uid) || poll(&p, 1, SERVE_REQUEST_MS) <= 0)
                return;
        n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);
        if (n > 0 && n <= WIRE_PACKET_MAX)
                answer(s, fd, packet, (size_t)n);
}

static int wait_ms(const struct server *s)
{
        int64_t left = s->count > 0 ? s->stubborn[0].due - now_seconds() : SERVE_IDLE_SECONDS;

        return left > 0 ? (int)left * 1000 : 0;
}

int serve(int listener, int64_t uid)
{
        struct server s = {.listener = listener, .uid = uid};
        int r;

        for (;;) {
                struct pollfd p = {.fd = listener, .events = POLLIN};

                r = poll(&p, 1, wait_ms(&s));
                if (r < 0 && errno != EINTR)
                        return -errno;
                if (r > 0 && p.revents & (POLLERR | POLLNVAL))
                        return -EBADF;
                if (r > 0)
                        serve_one(&s);
                else if (r == 0 && s.count == 0)
                        return 0;
                while (s.count > 0 && s.stubborn[0].due <= now_seconds())
                        kill_first(&s);
        }
}
