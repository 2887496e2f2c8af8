#include "daemon/server.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "daemon/audit.h"
#include "daemon/log.h"
#include "daemon/peer.h"

#define MINUTE_USEC (60 * UINT64_C(1000000))
/* What the daemon itself has open: store, sockets, epoll, timers, journal; and some to spare. */
#define DESCRIPTORS_KEPT 64

struct listener {
        struct server *server;
        enum dispatch_socket socket;
        unsigned batch;
        bool has_refused; /* since its last pause */
        sd_event_source *source;
};

struct server {
        sd_event *event;
        int64_t grant_life;
        struct listener verify;
        struct listener manage;
        sd_event_source *minute;
        sd_event_source *backoff;
        sd_event_source *pause;
        sd_event_source *retry;
        sd_event_source *drain;
        struct quota *quota;
        struct worker *worker;
        struct job_notes *notes;
        struct backend backend;
        struct peer_set peers;
        bool is_draining;
        unsigned minutes;
        int store_error; /* the last that was told; 0: it is open */
};

DEFINE_CLEANUP(struct server *, server_free);

/* ---- accepting ---- */

static void set_listening(struct server *s, bool on)
{
        (void)sd_event_source_set_enabled(s->verify.source, on ? SD_EVENT_ON : SD_EVENT_OFF);
        (void)sd_event_source_set_enabled(s->manage.source, on ? SD_EVENT_ON : SD_EVENT_OFF);
}

/* Nothing to accept with: a listener left on would wake the loop without end. */
static void back_off(struct server *s)
{
        set_listening(s, false);
        if (sd_event_source_set_time_relative(s->backoff, SERVER_BACKOFF_USEC) < 0 ||
            sd_event_source_set_enabled(s->backoff, SD_EVENT_ONESHOT) < 0)
                set_listening(s, true);
}

static int on_backoff(sd_event_source *source, uint64_t usec, void *data)
{
        struct server *s = data;

        (void)source;
        (void)usec;
        if (!s->is_draining)
                set_listening(s, true);
        return 0;
}

/* What comes from now on waits a moment in the socket, and is then taken together. Only once all
   that waited has been taken: the pause costs a thousandth of a second and never a place. */
static void pause_manage(struct server *s)
{
        s->manage.has_refused = false;
        if (sd_event_source_set_time_relative(s->pause, SERVER_PAUSE_USEC) >= 0 &&
            sd_event_source_set_enabled(s->pause, SD_EVENT_ONESHOT) >= 0)
                (void)sd_event_source_set_enabled(s->manage.source, SD_EVENT_OFF);
}

static int on_pause(sd_event_source *source, uint64_t usec, void *data)
{
        struct server *s = data;

        (void)source;
        (void)usec;
        if (!s->is_draining)
                (void)sd_event_source_set_enabled(s->manage.source, SD_EVENT_ON);
        return 0;
}

static int on_connect(sd_event_source *source, int fd, uint32_t revents, void *data)
{
        struct listener *l = data;
        unsigned n;
        int r = 1;

        (void)revents;
        for (n = 0; n < l->batch && r > 0; n++) {
                r = peer_accept(&l->server->peers, l->socket, fd);
                l->has_refused = l->has_refused || r == PEER_REFUSED;
        }
        if (r < 0)
                back_off(l->server);
        else if (r == 0 && l->has_refused && l->socket == DISPATCH_MANAGE)
                pause_manage(l->server);
        /* Verification goes first while there is little of it. As long as batches are full it takes
           turns with all others, so that whoever floods it cannot keep root from revoking. */
        if (l->socket == DISPATCH_VERIFY)
                (void)sd_event_source_set_priority(source, r > 0 ? SD_EVENT_PRIORITY_NORMAL
                                                                 : PEER_PRIORITY_VERIFY);
        return 0;
}

/* ---- the store ---- */

static void tell_store(struct server *s, int r, const char *why)
{
        if (r == s->store_error)
                return;
        s->store_error = r;
        if (r == 0)
                why = "the store is open: serving";
        /* By hand there is somebody who looks at the terminal, where the record may not show. */
        if (r < 0 && !log_is_journal() && log_has_journal())
                log_line(LOG_ERR, "%s", why);
        audit_write(&(struct audit_record){
                .message_id = AUDIT_ID_STORE,
                .priority = r < 0 ? LOG_CRIT : LOG_NOTICE,
                .message = view_of(why),
                .reason = r < 0 ? view_of(strerror(-r)) : VIEW_ABSENT,
                .caller_uid = -1,
        });
        (void)sd_notifyf(0, "STATUS=%s", why);
}

static void try_store(struct server *s)
{
        const char *why = "the store cannot be opened";
        int r = 0;

        /* Opening changes what the worker uses. */
        if (worker_pending(s->worker) == 0) {
                r = backend_open(&s->backend, &why);
                tell_store(s, r, why);
        }
        if (r < 0 || !s->backend.is_recovered || !s->backend.can_verify) {
                (void)sd_event_source_set_time_relative(s->retry, SERVER_RETRY_USEC);
                (void)sd_event_source_set_enabled(s->retry, SD_EVENT_ONESHOT);
        }
        if (job_notes_are_pending(s->notes))
                job_notes_touch(s->notes);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *data)
{
        (void)source;
        (void)usec;
        try_store(data);
        return 0;
}

static void prune_grants(struct server *s)
{
        int64_t clock;
        int64_t now = backend_now(&s->backend, &clock);

        job_notes_prune(s->notes, s->grant_life, now);
}

static int on_minute(sd_event_source *source, uint64_t usec, void *data)
{
        struct server *s = data;
        int64_t clock, mark;

        (void)usec;
        (void)grant_expire(s->backend.grants, backend_now(&s->backend, &clock));
        if (backend_wants_mark(&s->backend, &mark))
                job_notes_put_mark(s->notes, mark);
        if (++s->minutes % 60 == 0)
                prune_grants(s);
        (void)sd_event_source_set_time_relative(source, MINUTE_USEC);
        return 0;
}

/* ---- ending ---- */

static void on_peer_end(void *context)
{
        struct server *s = context;

        if (s->is_draining && !s->peers.first)
                (void)sd_event_exit(s->event, 0);
}

static int on_drained(sd_event_source *source, uint64_t usec, void *data)
{
        struct server *s = data;

        (void)source;
        (void)usec;
        return sd_event_exit(s->event, 0);
}

/* Stops taking connections; those behind the ones in hand stay in the sockets, which systemd keeps.
 */
static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
        struct server *s = data;

        (void)source;
        (void)info;
        /* Asked twice, or nothing in hand. */
        if (s->is_draining || !s->peers.first)
                return sd_event_exit(s->event, 0);
        (void)sd_notify(0, "STOPPING=1");
        s->is_draining = true;
        set_listening(s, false);
        /* Without the timer nothing would end a peer that never does. */
        if (sd_event_source_set_time_relative(s->drain, SERVER_DRAIN_USEC) < 0 ||
            sd_event_source_set_enabled(s->drain, SD_EVENT_ONESHOT) < 0)
                return sd_event_exit(s->event, 0);
        return 0;
}

/* ---- starting ---- */

static int add_timer(struct server *s, sd_event_time_handler_t handler, uint64_t usec, bool on,
                     sd_event_source **ret)
{
        /* As exact as it is short; 0 would be a quarter of a second. */
        int r = sd_event_add_time_relative(s->event, ret, CLOCK_MONOTONIC, usec, usec / 8, handler,
                                           s);

        return r < 0 ? r : sd_event_source_set_enabled(*ret, on ? SD_EVENT_ON : SD_EVENT_OFF);
}

static int add_listener(struct server *s, struct listener *l, int fd, enum dispatch_socket socket,
                        unsigned batch)
{
        int r;

        *l = (struct listener){.server = s, .socket = socket, .batch = batch};
        r = sd_event_add_io(s->event, &l->source, fd, EPOLLIN, on_connect, l);
        if (r < 0 || socket != DISPATCH_VERIFY)
                return r;
        return sd_event_source_set_priority(l->source, PEER_PRIORITY_VERIFY);
}

static int add_sources(struct server *s, const struct listen_sockets *sockets)
{
        int r = sd_event_set_watchdog(s->event, true);

        if (r >= 0)
                r = sd_event_add_signal(s->event, NULL, SIGTERM, on_signal, s);
        if (r >= 0)
                r = sd_event_add_signal(s->event, NULL, SIGINT, on_signal, s);
        if (r >= 0)
                r = add_timer(s, on_minute, MINUTE_USEC, true, &s->minute);
        if (r >= 0)
                r = add_timer(s, on_backoff, SERVER_BACKOFF_USEC, false, &s->backoff);
        if (r >= 0)
                r = add_timer(s, on_pause, SERVER_PAUSE_USEC, false, &s->pause);
        if (r >= 0)
                r = add_timer(s, on_retry, SERVER_RETRY_USEC, false, &s->retry);
        if (r >= 0)
                r = add_timer(s, on_drained, SERVER_DRAIN_USEC, false, &s->drain);
        if (r >= 0)
                r = add_listener(s, &s->verify, sockets->verify, DISPATCH_VERIFY,
                                 SERVER_BATCH_VERIFY);
        if (r >= 0)
                r = add_listener(s, &s->manage, sockets->manage, DISPATCH_MANAGE,
                                 SERVER_BATCH_MANAGE);
        return r;
}

/* As many connections as there are descriptors for, so that running out of them is not how a flood
 * ends. */
static unsigned connection_limit(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
            limit.rlim_cur >= QUOTA_TOTAL + DESCRIPTORS_KEPT)
                return QUOTA_TOTAL;
        return limit.rlim_cur > 2 * DESCRIPTORS_KEPT ? (unsigned)limit.rlim_cur - DESCRIPTORS_KEPT
                                                     : (unsigned)limit.rlim_cur / 2;
}

static int start(struct server *s, const struct options *options, const char *credentials_dir,
                 int64_t private_uid)
{
        int64_t clock;
        int r = backend_init(&s->backend, options, credentials_dir, private_uid);

        if (r >= 0)
                r = quota_new(connection_limit(), private_uid, &s->quota);
        if (r >= 0)
                r = worker_new(s->event, &s->worker);
        if (r >= 0)
                r = job_notes_new(s->event, s->worker, &s->backend.manage.sealed, s->backend.usage,
                                  &s->notes);
        if (r < 0)
                return r;
        (void)backend_now(&s->backend, &clock);
        s->grant_life = options->grant_life;
        s->peers.event = s->event;
        s->peers.quota = s->quota;
        s->peers.backend = &s->backend;
        s->peers.worker = s->worker;
        s->peers.notes = s->notes;
        s->peers.private_uid = private_uid;
        s->peers.started_at = clock;
        s->peers.on_end = on_peer_end;
        s->peers.context = s;
        return 0;
}

int server_new(const struct options *options, const struct listen_sockets *sockets,
               const char *credentials_dir, int64_t private_uid, struct server **ret)
{
        _cleanup_(server_freep) struct server *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->store_error = 1; /* not told yet, whatever it will be */
        r = sd_event_default(&s->event);
        if (r >= 0)
                r = start(s, options, credentials_dir, private_uid);
        if (r >= 0)
                r = add_sources(s, sockets);
        if (r < 0)
                return r;
        /* Before READY=1, so that the first caller finds it open. */
        try_store(s);
        prune_grants(s);
        *ret = steal_ptr(s);
        return 0;
}

/* A service manager that is not told waits a minute and a half before it starts another: better to
   end at once. Where nobody listens, or nobody may, nobody waits. */
static int tell_ready(void)
{
        int r = sd_notify(0, "READY=1");

        return r == -ENOENT || r == -ECONNREFUSED || r == -EACCES || r == -EPERM || r > 0 ? 0 : r;
}

int server_run(struct server *s)
{
        int r = tell_ready();

        if (r < 0)
                return r;
        r = sd_event_loop(s->event);
        (void)sd_notify(0, "STOPPING=1");
        return r;
}

/* What was noted is written before the worker ends. */
static void finish_work(struct server *s)
{
        if (!s->worker)
                return;
        peer_end_all(&s->peers);
        if (s->notes)
                job_notes_finish(s->notes);
        s->worker = worker_free(s->worker);
}

struct server *server_free(struct server *s)
{
        if (!s)
                return NULL;
        /* There is no loop to end any more. */
        s->peers.on_end = NULL;
        finish_work(s);
        s->notes = job_notes_free(s->notes);
        backend_close(&s->backend);
        s->quota = quota_free(s->quota);
        (void)sd_event_source_disable_unref(s->verify.source);
        (void)sd_event_source_disable_unref(s->manage.source);
        (void)sd_event_source_disable_unref(s->minute);
        (void)sd_event_source_disable_unref(s->backoff);
        (void)sd_event_source_disable_unref(s->pause);
        (void)sd_event_source_disable_unref(s->retry);
        (void)sd_event_source_disable_unref(s->drain);
        s->event = sd_event_unref(s->event);
        free(s);
        return NULL;
}
