#include "daemon/jobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/cleanup.h"
#include "common/secret.h"
#include "daemon/grant.h"
#include "daemon/log.h"

/* ---- one management request ---- */

static void request_run(void *data)
{
        struct job_request *r = data;

        if (r->is_acknowledgement)
                r->result = manage_acknowledge(r->manage, &r->call, &r->created, r->accepted,
                                               &r->reply);
        else
                r->result = manage_run(r->manage, &r->call, &r->reply);
}

/* Each acknowledgement waits for the disk: those that came while it was waited for the last time
   wait together. */
static void acknowledge_together(void *const data[], size_t count)
{
        struct manage_reply *created[WORKER_TOGETHER_MAX];
        struct job_request *r = NULL;
        size_t n = 0;

        for (size_t i = 0; i < count; i++) {
                r = data[i];
                if (r->accepted)
                        created[n++] = &r->created;
        }
        if (n > 1)
                manage_keep_together(r->manage, created, n);
}

static void request_done(void *data)
{
        struct job_request *r = data;

        r->finished(r->context);
}

static void set_packet(struct job_request *r, struct view packet)
{
        secret_wipe(r->packet, r->packet_len);
        r->packet_len = packet.len;
        if (packet.len > 0)
                memcpy(r->packet, packet.ptr, packet.len);
        r->call.packet = packet.len > 0 ? view_of_bytes(r->packet, packet.len) : VIEW_ABSENT;
}

int job_request_new(struct worker *worker, struct manage *manage, struct view packet,
                    void (*finished)(void *context), void *context, struct job_request **ret)
{
        struct job_request *r;

        if (packet.len > WIRE_PACKET_MAX)
                return -EMSGSIZE;
        r = calloc(1, sizeof(*r));
        if (!r)
                return -ENOMEM;
        r->worker = worker;
        r->manage = manage;
        r->finished = finished;
        r->context = context;
        r->reply.new_token = r->created.new_token = -1;
        r->job = (struct worker_job){.run = request_run, .done = request_done, .data = r};
        set_packet(r, packet);
        *ret = r;
        return 0;
}

struct job_request *job_request_free(struct job_request *r)
{
        if (!r)
                return NULL;
        manage_reply_wipe(&r->reply);
        free(r->uses.uses);
        /* `check` carries a token. */
        secret_wipe(r->packet, sizeof(r->packet));
        free(r);
        return NULL;
}

static void submit(struct job_request *r)
{
        r->call.status = &r->status;
        r->call.uses = r->uses.uses ? &r->uses : NULL;
        worker_submit(r->worker, &r->job);
}

void job_request_run(struct job_request *r)
{
        r->call.cursor = r->reply.cursor;
        manage_reply_wipe(&r->reply);
        submit(r);
}

void job_request_acknowledge(struct job_request *r, struct view packet, bool accepted)
{
        /* The token's bytes have done their duty; its id is what is acknowledged. */
        r->is_acknowledgement = true;
        r->job.together = acknowledge_together;
        r->accepted = accepted;
        manage_reply_wipe(&r->reply);
        r->created = r->reply;
        set_packet(r, packet);
        submit(r);
}

/* ---- a session that was opened ---- */

struct job_session {
        struct worker_job job;
        struct manage *manage;
        struct record_session session;
        unsigned *pending;
};

static void session_run(void *data)
{
        struct job_session *j = data;

        manage_keep_session(j->manage, &j->session);
}

static void session_done(void *data)
{
        struct job_session *j = data;

        (*j->pending)--;
        free(j);
}

void job_session_run(struct worker *worker, struct manage *manage,
                     const struct record_session *session, unsigned *pending)
{
        struct job_session *j = *pending < JOB_SESSIONS_MAX ? calloc(1, sizeof(*j)) : NULL;

        if (!j) {
                log_line(LOG_WARNING, "session %s of %s is not remembered: too much to do",
                         session->id, session->account);
                return;
        }
        *j = (struct job_session){
                .job = {.run = session_run, .done = session_done, .data = j},
                .manage = manage,
                .session = *session,
                .pending = pending,
        };
        (*pending)++;
        worker_submit(worker, &j->job);
}

/* ---- notes ---- */

struct grant_note {
        struct record_grant grant;
        bool gone;
};

struct notes {
        struct record_last_use uses[JOB_NOTES_USES];
        size_t use_count;
        struct grant_note grants[JOB_NOTES_GRANTS];
        size_t grant_count;
        bool has_mark;
        int64_t mark;
        int64_t prune_before; /* renewed before: over; 0: no pruning now */
        int64_t prune_first;  /* made before: over */
        const struct sealed *sealed;
        int result;
};

struct job_notes {
        struct worker *worker;
        const struct sealed *sealed;
        struct usage *usage;
        sd_event_source *timer;
        bool armed;
        bool is_ending;
        bool failing; /* said once, until it goes again */
        bool writing; /* `written` is the worker's */
        struct worker_job job;
        struct notes written;
        /* What came since. */
        struct grant_note grants[JOB_NOTES_GRANTS];
        size_t grant_count;
        bool has_mark;
        int64_t mark;
        int64_t prune_before;
        int64_t prune_first;
};

/* Grants that are over, found first and deleted after: not while the rows are being walked. */
struct prune {
        const struct notes *notes;
        struct record_grant found[JOB_NOTES_GRANTS];
        size_t count;
};

static int find_over(void *context, const struct record_grant *g)
{
        struct prune *p = context;

        if (p->count < JOB_NOTES_GRANTS &&
            (g->renewed_at <= p->notes->prune_before || g->first_at <= p->notes->prune_first))
                p->found[p->count++] = *g;
        return 0;
}

static int write_prune(const struct notes *n, struct store_writer *w)
{
        _cleanup_(freep) struct prune *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->notes = n;
        r = store_list_grants(store_writer_reader(w), find_over, p);
        for (size_t i = 0; r == 0 && i < p->count; i++) {
                r = store_delete_grant(w, &p->found[i]);
                if (r == -ENOENT)
                        r = 0;
        }
        return r;
}

static int write_grants(const struct notes *n, struct store_writer *w)
{
        for (size_t i = 0; i < n->grant_count; i++) {
                int r = n->grants[i].gone ? store_delete_grant(w, &n->grants[i].grant)
                                          : store_put_grant(w, &n->grants[i].grant);

                if (r < 0 && r != -ENOENT)
                        return r;
        }
        return 0;
}

static int write_uses(const struct notes *n, struct store_writer *w)
{
        for (size_t i = 0; i < n->use_count; i++) {
                int r = store_put_last_use(w, &n->uses[i]);

                /* A token that is gone needs no last use. */
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        return 0;
}

static int write_notes(const struct notes *n)
{
        struct store_writer *w = n->sealed->writer;
        int r = store_local_begin(w);

        if (r < 0)
                return r;
        r = write_uses(n, w);
        if (r == 0)
                r = write_grants(n, w);
        if (r == 0 && n->has_mark)
                r = sealed_put_clock_mark(n->sealed, n->mark);
        if (r == 0 && n->prune_before > 0)
                r = write_prune(n, w);
        if (r == 0)
                r = store_local_commit(w);
        if (r < 0)
                store_write_rollback(w);
        return r;
}

static void notes_run(void *data)
{
        struct job_notes *n = data;

        n->written.result = write_notes(&n->written);
}

/* Puts back what was not written. The newer note stays where there is one: usage_note() sees to
   uses, and of two notes about a grant the later one is written later. */
static void put_back(struct job_notes *n)
{
        const struct notes *lost = &n->written;
        size_t room = JOB_NOTES_GRANTS - n->grant_count;
        size_t count = lost->grant_count < room ? lost->grant_count : room;

        for (size_t i = 0; i < lost->use_count; i++)
                usage_note(n->usage, &lost->uses[i]);
        memmove(n->grants + count, n->grants, n->grant_count * sizeof(n->grants[0]));
        memcpy(n->grants, lost->grants + lost->grant_count - count, count * sizeof(n->grants[0]));
        n->grant_count += count;
        if (!n->has_mark && lost->has_mark) {
                n->has_mark = true;
                n->mark = lost->mark;
        }
}

static void notes_done(void *data)
{
        struct job_notes *n = data;
        int r = n->written.result;

        n->writing = false;
        if (r < 0)
                put_back(n);
        if (r < 0 && !n->failing)
                log_line(LOG_WARNING,
                         "uses cannot be recorded now, they are kept and tried again: %s",
                         strerror(-r));
        if (r == 0 && n->failing)
                log_line(LOG_INFO, "uses are recorded again");
        n->failing = r < 0;
        /* At the end no further try would find another disk. */
        if (n->is_ending && r == 0)
                job_notes_flush(n);
        else if (job_notes_are_pending(n))
                job_notes_touch(n);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *data)
{
        struct job_notes *n = data;

        (void)s;
        (void)usec;
        n->armed = false;
        job_notes_flush(n);
        return 0;
}

DEFINE_CLEANUP(struct job_notes *, job_notes_free);

int job_notes_new(sd_event *event, struct worker *worker, const struct sealed *sealed,
                  struct usage *usage, struct job_notes **ret)
{
        _cleanup_(job_notes_freep) struct job_notes *n = calloc(1, sizeof(*n));
        int r;

        if (!n)
                return -ENOMEM;
        n->worker = worker;
        n->sealed = sealed;
        n->usage = usage;
        n->job = (struct worker_job){.run = notes_run, .done = notes_done, .data = n};
        r = sd_event_add_time_relative(event, &n->timer, CLOCK_MONOTONIC, JOB_NOTES_DELAY_USEC, 0,
                                       on_timer, n);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(n->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = steal_ptr(n);
        return 0;
}

struct job_notes *job_notes_free(struct job_notes *n)
{
        if (!n)
                return NULL;
        (void)sd_event_source_disable_unref(n->timer);
        free(n);
        return NULL;
}

void job_notes_touch(struct job_notes *n)
{
        if (n->armed)
                return;
        /* Where it cannot be armed the next note tries again. */
        n->armed = sd_event_source_set_time_relative(n->timer, JOB_NOTES_DELAY_USEC) >= 0 &&
                   sd_event_source_set_enabled(n->timer, SD_EVENT_ONESHOT) >= 0;
}

void job_notes_put_grant(struct job_notes *n, const struct record_grant *grant, bool gone)
{
        if (n->grant_count == JOB_NOTES_GRANTS)
                memmove(n->grants, n->grants + 1, --n->grant_count * sizeof(n->grants[0]));
        n->grants[n->grant_count++] = (struct grant_note){.grant = *grant, .gone = gone};
        job_notes_touch(n);
}

void job_notes_put_mark(struct job_notes *n, int64_t mark)
{
        n->has_mark = true;
        n->mark = mark;
        job_notes_touch(n);
}

void job_notes_prune(struct job_notes *n, int64_t life, int64_t now)
{
        n->prune_before = now - life;
        n->prune_first = now - GRANT_TOTAL;
        job_notes_touch(n);
}

bool job_notes_are_pending(const struct job_notes *n)
{
        return n->writing || n->grant_count > 0 || n->has_mark || n->prune_before > 0 ||
               usage_count(n->usage) > 0;
}

void job_notes_flush(struct job_notes *n)
{
        struct notes *w = &n->written;

        if (n->writing || !n->sealed->writer || !job_notes_are_pending(n))
                return;
        /* Copied, so that notes can come in while the worker writes these. */
        w->sealed = n->sealed;
        w->use_count = usage_take(n->usage, w->uses, JOB_NOTES_USES);
        memcpy(w->grants, n->grants, n->grant_count * sizeof(n->grants[0]));
        w->grant_count = n->grant_count;
        w->has_mark = n->has_mark;
        w->mark = n->mark;
        w->prune_before = n->prune_before;
        w->prune_first = n->prune_first;
        n->grant_count = 0;
        n->has_mark = false;
        n->prune_before = n->prune_first = 0;
        n->writing = true;
        worker_submit(n->worker, &n->job);
}

void job_notes_finish(struct job_notes *n)
{
        n->is_ending = true;
        job_notes_flush(n);
}

static void copy_use(void *context, const struct record_last_use *use)
{
        struct manage_uses *uses = context;

        uses->uses[uses->count++] = (struct manage_use){use->token_id, use->at};
}

/* Of two uses of one token the later stands first. */
static int compare_uses(const void *a, const void *b)
{
        const struct manage_use *x = a, *y = b;

        if (x->token_id != y->token_id)
                return x->token_id < y->token_id ? -1 : 1;
        return x->at > y->at ? -1 : x->at < y->at;
}

int job_notes_copy_uses(const struct job_notes *n, struct job_request *r)
{
        size_t writing = n->writing ? n->written.use_count : 0, kept = 0;
        struct manage_uses *uses = &r->uses;

        uses->uses = calloc(usage_count(n->usage) + writing + 1, sizeof(uses->uses[0]));
        if (!uses->uses)
                return -ENOMEM;
        usage_each(n->usage, copy_use, uses);
        /* The worker writes these before it comes to the request, but may fail to. */
        for (size_t i = 0; i < writing; i++)
                copy_use(uses, &n->written.uses[i]);
        qsort(uses->uses, uses->count, sizeof(uses->uses[0]), compare_uses);
        for (size_t i = 0; i < uses->count; i++)
                if (kept == 0 || uses->uses[i].token_id != uses->uses[kept - 1].token_id)
                        uses->uses[kept++] = uses->uses[i];
        uses->count = kept;
        return 0;
}
