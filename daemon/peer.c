#include "daemon/peer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "daemon/access.h"

/* What the kernel keeps for a caller who does not read is counted as ours. */
#define SEND_BUFFER (32 * 1024)

enum peer_state {
        PEER_READING = 1,  /* its request has not come yet */
        PEER_DELAYED,      /* it has asked too much lately, and waits */
        PEER_RUNNING,      /* the worker has it */
        PEER_SENDING,      /* it has not read its answer yet */
        PEER_AWAITING_ACK, /* it has a new token and has not said so */
};

struct caller {
        int64_t uid;
        int64_t pid;
};

struct peer {
        struct peer_set *set;
        struct peer *next;
        struct peer *previous;
        enum dispatch_socket socket;
        enum peer_state state;
        struct caller caller;
        int fd;
        sd_event_source *io;
        sd_event_source *timer;
        struct job_request *request;
        size_t sent; /* bytes of the reply */
};

/* ---- the life of a connection ---- */

static void peer_free(struct peer *p)
{
        (void)sd_event_source_disable_unref(p->io);
        (void)sd_event_source_disable_unref(p->timer);
        close_fdp(&p->fd);
        (void)job_request_free(p->request);
        free(p);
}

static void peer_end(struct peer *p)
{
        struct peer_set *set = p->set;

        if (p->next)
                p->next->previous = p->previous;
        if (p->previous)
                p->previous->next = p->next;
        else
                set->first = p->next;
        quota_disconnect(set->quota, p->socket, p->caller.uid);
        peer_free(p);
        if (set->on_end)
                set->on_end(set->context);
}

static uint64_t now_usec(const struct peer_set *set)
{
        uint64_t now = 0;

        (void)sd_event_now(set->event, CLOCK_MONOTONIC, &now);
        return now;
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *data);
static int on_timer(sd_event_source *s, uint64_t usec, void *data);

/* Waits for the caller (events; 0: not for him) for at most so long. 0 or negative errno. */
static int peer_watch(struct peer *p, uint32_t events, uint64_t usec)
{
        sd_event *event = p->set->event;
        int r;

        if (!p->io) {
                r = sd_event_add_io(event, &p->io, p->fd, events, on_io, p);
                if (r < 0)
                        return r;
                if (p->socket == DISPATCH_VERIFY)
                        (void)sd_event_source_set_priority(p->io, PEER_PRIORITY_VERIFY);
        }
        if (!p->timer) {
                r = sd_event_add_time_relative(event, &p->timer, CLOCK_MONOTONIC, usec, 1000,
                                               on_timer, p);
                if (r < 0)
                        return r;
        }
        r = sd_event_source_set_io_events(p->io, events);
        if (r >= 0)
                r = sd_event_source_set_enabled(p->io, events ? SD_EVENT_ON : SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_source_set_time_relative(p->timer, usec);
        if (r >= 0)
                r = sd_event_source_set_enabled(p->timer, SD_EVENT_ONESHOT);
        return r < 0 ? r : 0;
}

/* While the worker has it: a caller who hangs up then would wake the loop for ever. */
static void peer_unwatch(struct peer *p)
{
        if (p->io)
                (void)sd_event_source_set_enabled(p->io, SD_EVENT_OFF);
        if (p->timer)
                (void)sd_event_source_set_enabled(p->timer, SD_EVENT_OFF);
}

/* ---- answering ---- */

/* 0, or a negative errno: -EAGAIN where the caller has not read what came before. */
static int send_packet(int fd, const void *bytes, size_t len)
{
        ssize_t n = send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

        return n < 0 ? -errno : 0;
}

/* One packet into the shared buffer: its length; 0 where the caller is gone, or sent what is no
   packet of ours; -EAGAIN where nothing has come yet. */
static ssize_t receive(struct peer_set *set, int fd)
{
        /* With MSG_TRUNC the length is the packet's own, so that a long one shows. */
        ssize_t n = recv(fd, set->buffer.bytes, WIRE_PACKET_MAX, MSG_DONTWAIT | MSG_TRUNC);

        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? -EAGAIN : 0;
        if (n > WIRE_PACKET_MAX) {
                secret_buffer_wipe(&set->buffer);
                return 0;
        }
        set->buffer.len = (size_t)n;
        return n;
}

static void send_message(int fd, const struct wire_message *m)
{
        _unfilled_ unsigned char bytes[WIRE_PACKET_MAX];
        size_t len;

        /* A caller who is gone, or does not read, has chosen not to know. */
        if (wire_encode(m, bytes, sizeof(bytes), &len) == 0)
                (void)send_packet(fd, bytes, len);
}

static void send_unavailable(int fd, const struct wire_message *request)
{
        struct wire_message reply;

        wire_init(&reply, WIRE_UNAVAILABLE, request->verb, request->nonce);
        send_message(fd, &reply);
}

/* What verification leaves to be written: after the answer, and not here. */
static void finish_verification(struct peer_set *set, const struct verifier_after *after)
{
        verifier_finish(&set->backend->verifier, after);
        if (after->write_grant || after->drop_grant)
                job_notes_put_grant(set->notes, &after->grant, after->drop_grant);
        if (after->note_use)
                job_notes_touch(set->notes);
        if (after->keep_session && set->backend->can_manage)
                job_session_run(set->worker, &set->backend->manage, &after->session,
                                &set->sessions);
}

/* Answers the verification in the shared buffer and closes. The order is the point: answer, close,
   wipe, and only then records and notes. */
static void serve_verification(struct peer_set *set, const struct caller *caller, int *fd)
{
        struct verifier_call call = {.uid = caller->uid, .pid = caller->pid};
        struct wire_message request, reply;
        struct verifier_texts texts;
        struct verifier_after after;
        bool served = false;

        if (wire_decode(set->buffer.bytes, set->buffer.len, &request) == 0 &&
            dispatch_request(DISPATCH_VERIFY, &request) == DISPATCH_VERIFIER) {
                served = set->backend->can_verify;
                if (served) {
                        call.now = backend_now(set->backend, &call.clock);
                        verifier_handle(&set->backend->verifier, &call, &request, &reply, &texts,
                                        &after);
                        send_message(*fd, &reply);
                } else {
                        set->backend->verifier.verdicts[0]++;
                        send_unavailable(*fd, &request);
                }
        }
        close_fdp(fd);
        secret_buffer_wipe(&set->buffer);
        if (served)
                finish_verification(set, &after);
}

/* ---- management ---- */

static void fill_call(struct peer *p)
{
        struct peer_set *set = p->set;
        const struct verifier *v = &set->backend->verifier;
        struct job_request *r = p->request;

        r->call.uid = p->caller.uid;
        r->call.pid = p->caller.pid;
        r->call.now = backend_now(set->backend, &r->call.clock);
        r->status = (struct manage_status){
                .started_at = set->started_at,
                .pending_uses = (int64_t)usage_count(v->usage),
                .oldest_pending_use = usage_oldest(v->usage),
                .connections = (int64_t)quota_connections(set->quota),
                .grants = (int64_t)grant_count(v->grants),
        };
        memcpy(r->status.verdicts, v->verdicts, sizeof(r->status.verdicts));
}

static void run_request(struct peer *p)
{
        peer_unwatch(p);
        fill_call(p);
        p->state = PEER_RUNNING;
        job_request_run(p->request);
}

/* Ends the delivery: the ACK stands in the shared buffer, or there is none. */
static void acknowledge(struct peer *p, bool has_packet)
{
        struct peer_set *set = p->set;
        struct wire_message m;
        struct view packet = VIEW_ABSENT;
        bool accepted = false;

        peer_unwatch(p);
        if (has_packet && wire_decode(set->buffer.bytes, set->buffer.len, &m) == 0 &&
            dispatch_request(DISPATCH_MANAGE, &m) == DISPATCH_ACKNOWLEDGED) {
                packet = view_of_bytes(set->buffer.bytes, set->buffer.len);
                accepted = wire_number(&m, WIRE_F_ACCEPTED, 0) == 1;
        }
        fill_call(p);
        p->state = PEER_RUNNING;
        job_request_acknowledge(p->request, packet, accepted);
        secret_buffer_wipe(&set->buffer);
}

/* The reply is out, or cannot be. */
static void after_reply(struct peer *p, bool sent)
{
        const struct job_request *r = p->request;

        if (!r->is_acknowledgement && r->reply.new_token >= 0) {
                p->state = PEER_AWAITING_ACK;
                /* Nobody to wait for, or no time left: revoked at once. */
                if (!sent || p->set->is_ending || peer_watch(p, EPOLLIN, PEER_ACK_USEC) < 0)
                        acknowledge(p, false);
        } else if (sent && !r->is_acknowledgement && r->reply.more && !p->set->is_ending) {
                run_request(p);
        } else {
                peer_end(p);
        }
}

/* Sends what is left of the reply, as far as the caller takes it. */
static void send_reply(struct peer *p)
{
        const struct manage_reply *reply = &p->request->reply;
        uint16_t len;
        int r;

        while (p->sent < reply->len) {
                memcpy(&len, reply->bytes + p->sent, sizeof(len));
                r = send_packet(p->fd, reply->bytes + p->sent + sizeof(len), len);
                if (r == -EAGAIN && !p->set->is_ending) {
                        p->state = PEER_SENDING;
                        if (peer_watch(p, EPOLLOUT, PEER_STALL_USEC) == 0)
                                return;
                }
                if (r < 0) {
                        after_reply(p, false);
                        return;
                }
                p->sent += sizeof(len) + len;
        }
        after_reply(p, true);
}

static void on_finished(void *context)
{
        struct peer *p = context;
        struct job_request *r = p->request;

        if (r->result < 0) {
                peer_end(p);
                return;
        }
        if (r->reply.clock_reset) {
                backend_reset_clock(p->set->backend);
                /* Over a higher one that still waits to be written. */
                job_notes_put_mark(p->set->notes, r->call.clock);
        }
        p->sent = 0;
        send_reply(p);
}

/* The request stands in the shared buffer. */
static void take_request(struct peer *p)
{
        struct peer_set *set = p->set;
        struct wire_message m;
        int r = wire_decode(set->buffer.bytes, set->buffer.len, &m);
        bool by_use = r == 0 && m.verb == WIRE_V_REVOKE_ALL && wire_has(&m, WIRE_F_USED_SINCE);
        int64_t delay;

        /* What cannot be decoded may come from an older or newer command: manage_run() tells it so.
         */
        if (r == 0 && dispatch_request(DISPATCH_MANAGE, &m) != DISPATCH_MANAGER) {
                r = -EPROTO;
        } else if (!set->backend->can_manage) {
                if (r == 0)
                        send_unavailable(p->fd, &m);
                r = -EIO;
        } else {
                r = job_request_new(set->worker, &set->backend->manage,
                                    view_of_bytes(set->buffer.bytes, set->buffer.len), on_finished,
                                    p, &p->request);
        }
        secret_buffer_wipe(&set->buffer);
        if (r == 0 && by_use)
                r = job_notes_copy_uses(set->notes, p->request);
        if (r < 0) {
                peer_end(p);
                return;
        }
        delay = quota_delay(set->quota, p->caller.uid, (int64_t)now_usec(set));
        p->state = PEER_DELAYED;
        if (delay == 0)
                run_request(p);
        else if (peer_watch(p, 0, (uint64_t)delay) < 0)
                peer_end(p);
}

/* ---- events ---- */

static void read_request(struct peer *p)
{
        ssize_t n = receive(p->set, p->fd);

        if (n == -EAGAIN) {
                if (!p->io && peer_watch(p, EPOLLIN, PEER_REQUEST_USEC) < 0)
                        peer_end(p);
                return;
        }
        if (n > 0 && p->socket == DISPATCH_MANAGE) {
                take_request(p);
                return;
        }
        if (n > 0) {
                /* The source goes before the descriptor that it watches is closed. */
                p->io = sd_event_source_disable_unref(p->io);
                serve_verification(p->set, &p->caller, &p->fd);
        }
        secret_buffer_wipe(&p->set->buffer);
        peer_end(p);
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *data)
{
        struct peer *p = data;
        ssize_t n;

        (void)s;
        (void)revents;
        switch (p->state) {
        case PEER_READING: read_request(p); break;
        case PEER_SENDING: send_reply(p); break;
        case PEER_AWAITING_ACK:
                n = receive(p->set, fd);
                if (n != -EAGAIN)
                        acknowledge(p, n > 0);
                break;
        case PEER_DELAYED:
        case PEER_RUNNING: break;
        }
        return 0;
}

static int on_timer(sd_event_source *s, uint64_t usec, void *data)
{
        struct peer *p = data;

        (void)s;
        (void)usec;
        switch (p->state) {
        case PEER_READING: peer_end(p); break;
        case PEER_DELAYED: run_request(p); break;
        case PEER_SENDING: after_reply(p, false); break;
        case PEER_AWAITING_ACK: acknowledge(p, false); break;
        case PEER_RUNNING: break;
        }
        return 0;
}

/* ---- accepting ---- */

/* Who it is, by the kernel's word. 0, or -EPERM for nobody. */
static int identify(int fd, struct caller *ret)
{
        struct ucred c = {.uid = (uid_t)-1, .gid = (gid_t)-1};
        socklen_t len = sizeof(c);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len) < 0 || len != sizeof(c))
                return -EPERM;
        if (access_uid_is_nobody((int64_t)c.uid))
                return -EPERM;
        *ret = (struct caller){.uid = (int64_t)c.uid, .pid = (int64_t)c.pid};
        return 0;
}

/* Makes the descriptor a connection that is waited for: 1, and *fd is handed on. PEER_REFUSED: it
 * is left to be closed. */
static int admit(struct peer_set *set, enum dispatch_socket socket, const struct caller *caller,
                 int *fd)
{
        struct peer *p;
        int size = SEND_BUFFER;

        /* First of all, and nothing has been read: whoever has his share costs little more than
           what the kernel has done for him already. */
        if (quota_connect(set->quota, socket, caller->uid, (int64_t)now_usec(set)) < 0)
                return PEER_REFUSED;
        p = calloc(1, sizeof(*p));
        if (!p) {
                quota_disconnect(set->quota, socket, caller->uid);
                return PEER_REFUSED;
        }
        *p = (struct peer){
                .set = set,
                .next = set->first,
                .socket = socket,
                .state = PEER_READING,
                .caller = *caller,
                .fd = steal_fd(fd),
        };
        if (set->first)
                set->first->previous = p;
        set->first = p;
        /* Only ever saves memory; without it there is as much as everybody gets. */
        if (socket == DISPATCH_MANAGE)
                (void)setsockopt(p->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        read_request(p);
        return 1;
}

static int accept_error(int error)
{
        if (error == EAGAIN)
                return 0;
        /* The caller's own trouble, and he is gone with it. */
        if (error == EINTR || error == ECONNABORTED || error == EPERM || error == EPROTO)
                return 1;
        return -error;
}

int peer_accept(struct peer_set *set, enum dispatch_socket socket, int listener)
{
        _cleanup_(close_fdp) int fd = -1;
        struct caller caller;
        ssize_t n;

        if (quota_is_full(set->quota))
                return -EMFILE;
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
                return accept_error(errno);
        if (identify(fd, &caller) < 0 || (set->private_uid >= 0 && caller.uid != set->private_uid))
                return PEER_REFUSED;
        if (socket == DISPATCH_MANAGE)
                return admit(set, socket, &caller, &fd);
        /* Mostly it has been sent already: no source, no timer, nothing to remember. */
        n = receive(set, fd);
        if (n == -EAGAIN)
                return admit(set, socket, &caller, &fd);
        if (n > 0)
                serve_verification(set, &caller, &fd);
        return 1;
}

/* ---- ending ---- */

void peer_end_all(struct peer_set *set)
{
        struct peer *next;

        set->is_ending = true;
        for (struct peer *p = set->first; p; p = next) {
                next = p->next;
                switch (p->state) {
                case PEER_READING:
                case PEER_DELAYED: peer_end(p); break;
                case PEER_SENDING: after_reply(p, false); break;
                case PEER_AWAITING_ACK: acknowledge(p, false); break;
                case PEER_RUNNING: break;
                }
        }
}
