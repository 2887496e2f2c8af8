#include "tests/support/fake_daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/wirebuf.h"

#define BACKLOG     16
#define FILLERS_MAX 8
#define PACKET_ROOM (WIRE_PACKET_MAX + 64)

/* What the child saw, shared with the test. */
struct record {
        atomic_uint connections;
        atomic_uint requests;
        struct {
                size_t len;
                uint8_t bytes[PACKET_ROOM];
        } request[FAKE_REQUESTS_MAX];
};

struct fake_daemon {
        char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
        struct fake_script script;
        int listener;
        pid_t child;
        struct record *record;
        int fillers[FILLERS_MAX];
        size_t fillers_len;
};

/* An answer in the making. */
struct answer {
        uint32_t magic;
        unsigned verb;
        uint8_t nonce[WIRE_NONCE_LEN];
        enum verdict verdict; /* 0: none in it */
        bool with_extra;      /* a field of unknown tag as well */
};

static void must(bool holds, const char *what)
{
        if (holds)
                return;
        fprintf(stderr, "fake_daemon: %s: %s\n", what, strerror(errno));
        abort();
}

static void sleep_ms(unsigned ms)
{
        struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

        while (nanosleep(&t, &t) < 0 && errno == EINTR)
                ;
}

static void put_text(struct wirebuf_writer *w, unsigned tag, const char *text)
{
        wirebuf_put_u16(w, (uint16_t)tag);
        wirebuf_put_u16(w, (uint16_t)strlen(text));
        wirebuf_put_bytes(w, text, strlen(text));
}

static void put_number(struct wirebuf_writer *w, unsigned tag, int64_t number)
{
        wirebuf_put_u16(w, (uint16_t)tag);
        wirebuf_put_u16(w, sizeof(number));
        wirebuf_put_u64(w, (uint64_t)number);
}

static void put_header(struct wirebuf_writer *w, const struct answer *a, unsigned fields)
{
        wirebuf_put_u32(w, a->magic);
        wirebuf_put_u16(w, (uint16_t)a->verb);
        wirebuf_put_u16(w, (uint16_t)fields);
        wirebuf_put_bytes(w, a->nonce, sizeof(a->nonce));
}

/* The fields of an ALLOW, in the order of their tags. */
static size_t build_allow(const struct fake_script *s, const struct answer *a, uint8_t *packet)
{
        bool with_ticket = a->verb == WIRE_V_VERIFY;
        unsigned fields = 2U + with_ticket + (s->user != NULL) + (s->expires_at != 0) +
                          (a->verdict != 0) + a->with_extra;
        struct wirebuf_writer w;

        wirebuf_writer_init(&w, packet, PACKET_ROOM);
        put_header(&w, a, fields);
        put_text(&w, WIRE_F_ORG, s->org ? s->org : "acme");
        if (with_ticket)
                put_text(&w, WIRE_F_TICKET, s->ticket ? s->ticket : "ticket-of-the-fake");
        if (s->user)
                put_text(&w, WIRE_F_USER, s->user);
        put_text(&w, WIRE_F_KEY_ID, s->key_id ? s->key_id : "ak_0A1b2C");
        if (s->expires_at)
                put_number(&w, WIRE_F_EXPIRES_AT, s->expires_at);
        if (a->verdict)
                put_number(&w, WIRE_F_VERDICT, (int64_t)a->verdict);
        if (a->with_extra)
                put_number(&w, 999, 1);
        must(!w.failed, "an answer too long");
        return w.used;
}

static size_t build_number(const struct answer *a, unsigned tag, int64_t number, uint8_t *packet)
{
        struct wirebuf_writer w;

        wirebuf_writer_init(&w, packet, PACKET_ROOM);
        put_header(&w, a, 1);
        put_number(&w, tag, number);
        return w.used;
}

static size_t build_bare(const struct answer *a, uint8_t *packet)
{
        struct wirebuf_writer w;

        wirebuf_writer_init(&w, packet, PACKET_ROOM);
        put_header(&w, a, 0);
        return w.used;
}

static size_t build_refused(const struct answer *a, uint8_t *packet)
{
        struct wirebuf_writer w;

        wirebuf_writer_init(&w, packet, PACKET_ROOM);
        put_header(&w, a, 2);
        put_text(&w, WIRE_F_REASON, "not-allowed");
        put_text(&w, WIRE_F_MESSAGE, "the fake refuses");
        return w.used;
}

static void send_bytes(int fd, const void *bytes, size_t len)
{
        /* The client may be gone by now: that is its business. */
        (void)!send(fd, bytes, len, MSG_NOSIGNAL);
}

static void send_with_descriptor(int fd, void *bytes, size_t len)
{
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(int))];
        } control = {.room = {0}};
        struct iovec part = {.iov_base = bytes, .iov_len = len};
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = &control,
                                 .msg_controllen = sizeof(control.room)};
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);

        must(header != NULL, "no room for a descriptor");
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(int));
        (void)!sendmsg(fd, &message, MSG_NOSIGNAL);
}

/* Whole and well-formed answers. */
static bool play_honest(const struct fake_script *s, const struct fake_step *step, int fd,
                        struct answer *a)
{
        uint8_t packet[PACKET_ROOM];
        size_t len = 0;

        switch ((int)step->behaviour) {
        case FAKE_ALLOW: len = build_allow(s, a, packet); break;
        case FAKE_LATE:
                sleep_ms(step->delay_ms);
                len = build_allow(s, a, packet);
                break;
        case FAKE_VERDICT:
                a->magic = WIRE_VERDICT;
                len = build_number(a, WIRE_F_VERDICT,
                                   step->verdict ? (int64_t)step->verdict : VERDICT_UNKNOWN,
                                   packet);
                break;
        case FAKE_UNAVAILABLE:
                a->magic = WIRE_UNAVAILABLE;
                len = build_bare(a, packet);
                break;
        case FAKE_REFUSED:
                a->magic = WIRE_REFUSED;
                len = build_refused(a, packet);
                break;
        case FAKE_NOT_GUARDED:
        case FAKE_DONE_GUARDED:
                a->magic = WIRE_DONE;
                len = build_number(a, WIRE_F_GUARDED, step->behaviour == FAKE_DONE_GUARDED, packet);
                break;
        case FAKE_DONE:
                a->magic = WIRE_DONE;
                len = build_bare(a, packet);
                break;
        default: return false;
        }
        send_bytes(fd, packet, len);
        return true;
}

/* Answers whose contents lie. */
static bool play_liar(const struct fake_script *s, const struct fake_step *step, int fd,
                      struct answer *a)
{
        uint8_t packet[PACKET_ROOM];
        size_t len;

        switch ((int)step->behaviour) {
        case FAKE_WRONG_NONCE: a->nonce[WIRE_NONCE_LEN - 1] ^= 1; break;
        case FAKE_REPLAY: break; /* the nonce is another's already */
        case FAKE_WRONG_VERB:
                a->verb = a->verb == WIRE_V_VERIFY ? WIRE_V_SESSION_CHECK : WIRE_V_VERIFY;
                break;
        case FAKE_ALLOW_BAD_VERDICT:
                a->verdict = step->verdict ? step->verdict : VERDICT_UNKNOWN;
                break;
        case FAKE_ALLOW_BARE:
                len = build_bare(a, packet);
                send_bytes(fd, packet, len);
                return true;
        case FAKE_VERDICT_ALLOW:
                a->magic = WIRE_VERDICT;
                len = build_number(a, WIRE_F_VERDICT, VERDICT_ALLOW, packet);
                send_bytes(fd, packet, len);
                return true;
        case FAKE_NO_THEN_YES:
                a->magic = WIRE_VERDICT;
                len = build_number(a, WIRE_F_VERDICT, VERDICT_UNKNOWN, packet);
                send_bytes(fd, packet, len);
                a->magic = WIRE_ALLOW;
                break;
        case FAKE_NOT_UNARY:
                a->magic = WIRE_ROW;
                len = build_allow(s, a, packet);
                send_bytes(fd, packet, len);
                a->magic = WIRE_END;
                len = build_bare(a, packet);
                send_bytes(fd, packet, len);
                return true;
        case FAKE_UNKNOWN_FIELD: a->with_extra = true; break;
        default: return false;
        }
        len = build_allow(s, a, packet);
        send_bytes(fd, packet, len);
        return true;
}

/* Answers whose packets are broken. */
static bool play_broken(const struct fake_script *s, const struct fake_step *step, int fd,
                        const struct answer *a)
{
        uint8_t packet[PACKET_ROOM] = {0};
        size_t len = build_allow(s, a, packet);

        switch ((int)step->behaviour) {
        case FAKE_SHORT: len = step->length < len ? step->length : len; break;
        case FAKE_LONG: len = WIRE_PACKET_MAX + 1; break;
        case FAKE_TRAILING: len++; break;
        case FAKE_TWICE: send_bytes(fd, packet, len); break;
        case FAKE_GARBAGE:
                len = 64;
                memset(packet, 0xa5, len);
                break;
        case FAKE_EMPTY: len = 0; break;
        case FAKE_BIT_FLIP: packet[step->bit / 8 % len] ^= (uint8_t)(1U << (step->bit % 8)); break;
        case FAKE_DESCRIPTOR: send_with_descriptor(fd, packet, len); return true;
        default: return false;
        }
        send_bytes(fd, packet, len);
        return true;
}

static const struct fake_step *step_for(const struct fake_script *s, unsigned connection)
{
        static const struct fake_step allow = {.behaviour = FAKE_ALLOW};
        const struct fake_step *last = &allow;

        for (unsigned i = 0; i < FAKE_STEPS_MAX && s->steps[i].behaviour; i++) {
                last = &s->steps[i];
                if (i == connection)
                        break;
        }
        return last->behaviour == FAKE_NO_ACCEPT && connection > 0 ? &allow : last;
}

static const struct fake_step *step_for_verb(const struct fake_script *s, unsigned verb,
                                             const struct fake_step *otherwise)
{
        const struct fake_step *own = otherwise;

        if (verb == WIRE_V_VERIFY)
                own = &s->verify;
        else if (verb == WIRE_V_ACCOUNT_CHECK)
                own = &s->account_check;
        else if (verb == WIRE_V_SESSION_CHECK)
                own = &s->session_check;
        return own->behaviour ? own : otherwise;
}

/* Reads and records one request. False at the end of the connection. */
static bool read_request(struct record *record, int fd, uint8_t *bytes, size_t *ret_len)
{
        unsigned n = atomic_load(&record->requests);
        ssize_t len = recv(fd, bytes, PACKET_ROOM, 0);

        if (len <= 0)
                return false;
        *ret_len = (size_t)len;
        if (n < FAKE_REQUESTS_MAX) {
                memcpy(record->request[n].bytes, bytes, *ret_len);
                record->request[n].len = *ret_len;
        }
        atomic_store(&record->requests, n + 1);
        return true;
}

/* True where the connection is to stay open. */
static bool serve(const struct fake_daemon *d, int fd, const struct fake_step *step)
{
        uint8_t request[PACKET_ROOM];
        size_t len = 0;
        struct answer a = {.magic = WIRE_ALLOW, .verdict = VERDICT_ALLOW};
        struct wirebuf_reader r;
        struct view nonce;

        if (step->behaviour == FAKE_CLOSE || !read_request(d->record, fd, request, &len))
                return false;
        wirebuf_reader_init(&r, request, len);
        (void)wirebuf_get_u32(&r);
        a.verb = wirebuf_get_u16(&r);
        (void)wirebuf_get_u16(&r);
        step = step_for_verb(&d->script, a.verb, step);
        if (step->behaviour == FAKE_REPLAY) {
                wirebuf_reader_init(&r, d->record->request[0].bytes, d->record->request[0].len);
                (void)wirebuf_get_bytes(&r, WIRE_HEADER_LEN - WIRE_NONCE_LEN);
        }
        nonce = wirebuf_get_bytes(&r, WIRE_NONCE_LEN);
        if (nonce.ptr)
                memcpy(a.nonce, nonce.ptr, WIRE_NONCE_LEN);
        if (step->behaviour == FAKE_ECHO)
                send_bytes(fd, request, len);
        else if (!play_honest(&d->script, step, fd, &a) && !play_liar(&d->script, step, fd, &a))
                (void)play_broken(&d->script, step, fd, &a);
        return step->behaviour == FAKE_SILENT;
}

static void __attribute__((noreturn)) run_child(struct fake_daemon *d)
{
        const struct fake_step *first = step_for(&d->script, 0);
        unsigned connection = 0;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (first->behaviour == FAKE_NO_ACCEPT) {
                while (first->delay_ms == 0)
                        pause();
                sleep_ms(first->delay_ms);
                /* The fillers were first in the queue: they are no connections of the test's. */
                for (size_t i = 0; i < d->fillers_len; i++)
                        (void)close(accept(d->listener, NULL, NULL));
                connection = 1;
        }
        for (;; connection++) {
                int fd = accept(d->listener, NULL, NULL);

                if (fd < 0)
                        continue;
                atomic_fetch_add(&d->record->connections, 1);
                if (!serve(d, fd, step_for(&d->script, connection)))
                        (void)close(fd);
        }
}

static struct sockaddr_un address_of(const struct fake_daemon *d)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        memcpy(address.sun_path, d->path, sizeof(address.sun_path));
        return address;
}

/* Connections until there is no room for one more. */
static void fill_backlog(struct fake_daemon *d)
{
        struct sockaddr_un address = address_of(d);

        for (;;) {
                int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

                must(fd >= 0, "socket");
                if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
                        must(errno == EAGAIN, "connect");
                        (void)close(fd);
                        return;
                }
                must(d->fillers_len < FILLERS_MAX, "a backlog that takes no end of connections");
                d->fillers[d->fillers_len++] = fd;
        }
}

/* Whoever calls listen() is whom the client sees. */
static void listen_as(struct fake_daemon *d, uid_t uid)
{
        bool is_full = d->script.steps[0].behaviour == FAKE_NO_ACCEPT;
        struct sockaddr_un address = address_of(d);
        uid_t own = geteuid();

        d->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        must(d->listener >= 0, "socket");
        (void)unlink(d->path);
        must(bind(d->listener, (struct sockaddr *)&address, sizeof(address)) == 0, "bind");
        must(chmod(d->path, 0666) == 0, "chmod");
        must(uid == own || seteuid(uid) == 0, "seteuid");
        must(listen(d->listener, is_full ? 0 : BACKLOG) == 0, "listen");
        must(uid == own || seteuid(own) == 0, "seteuid back");
        if (is_full)
                fill_backlog(d);
}

struct fake_daemon *fake_daemon_start_as(const char *path, const struct fake_script *script,
                                         uid_t uid)
{
        struct fake_daemon *d = calloc(1, sizeof(*d));

        must(d != NULL, "calloc");
        must(view_copy(view_of(path), d->path, sizeof(d->path)), "a path too long");
        if (script)
                d->script = *script;
        d->record = mmap(NULL, sizeof(*d->record), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        must(d->record != MAP_FAILED, "mmap");
        listen_as(d, uid);
        d->child = fork();
        must(d->child >= 0, "fork");
        if (d->child == 0)
                run_child(d);
        /* Only the child listens: with it dead, a connection is refused. */
        (void)close(d->listener);
        return d;
}

struct fake_daemon *fake_daemon_start(const char *path, const struct fake_script *script)
{
        return fake_daemon_start_as(path, script, geteuid());
}

struct fake_daemon *fake_daemon_stop(struct fake_daemon *d)
{
        int status = 0;

        if (!d)
                return NULL;
        must(kill(d->child, SIGKILL) == 0, "kill");
        while (waitpid(d->child, &status, 0) < 0)
                must(errno == EINTR, "waitpid");
        must(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the child died by itself");
        for (size_t i = 0; i < d->fillers_len; i++)
                (void)close(d->fillers[i]);
        (void)unlink(d->path);
        (void)munmap(d->record, sizeof(*d->record));
        free(d);
        return NULL;
}

unsigned fake_daemon_connections(const struct fake_daemon *d)
{
        return atomic_load(&d->record->connections);
}

unsigned fake_daemon_requests(const struct fake_daemon *d)
{
        return atomic_load(&d->record->requests);
}

struct view fake_daemon_request_bytes(const struct fake_daemon *d, unsigned n)
{
        if (n >= fake_daemon_requests(d) || n >= FAKE_REQUESTS_MAX)
                return VIEW_ABSENT;
        return view_of_bytes(d->record->request[n].bytes, d->record->request[n].len);
}

int fake_daemon_request(const struct fake_daemon *d, unsigned n, struct wire_message *ret)
{
        struct view bytes = fake_daemon_request_bytes(d, n);

        return bytes.ptr ? wire_decode(bytes.ptr, bytes.len, ret) : -ENOENT;
}

int fake_daemon_last_request(const struct fake_daemon *d, struct wire_message *ret)
{
        unsigned n = fake_daemon_requests(d);

        return n > 0 ? fake_daemon_request(d, n - 1, ret) : -ENOENT;
}
