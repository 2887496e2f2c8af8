#include "daemon/worker.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/cleanup.h"

struct queue {
        struct worker_job *first;
        struct worker_job **end;
};

struct worker {
        pthread_mutex_t lock;
        pthread_cond_t wake;
        pthread_t thread;
        bool started;
        bool stop;
        struct queue waiting;
        struct queue finished;
        size_t pending; /* submitted and not yet done; the event loop's thread alone */
        int event_fd;
        sd_event_source *source;
};

DEFINE_CLEANUP(struct worker *, worker_free);

static void queue_init(struct queue *q)
{
        q->first = NULL;
        q->end = &q->first;
}

static void queue_append(struct queue *q, struct worker_job *job)
{
        job->next = NULL;
        *q->end = job;
        q->end = &job->next;
}

static struct worker_job *queue_take(struct queue *q)
{
        struct worker_job *job = q->first;

        if (job) {
                q->first = job->next;
                if (!q->first)
                        q->end = &q->first;
        }
        return job;
}

/* Those that wait and have the same `together`, out of their turn. Returns how many there are in
   `jobs` then. */
static size_t queue_take_same(struct queue *q, struct worker_job *jobs[], size_t count)
{
        struct worker_job **at = &q->first;

        while (*at && count < WORKER_TOGETHER_MAX) {
                struct worker_job *job = *at;

                if (job->together == jobs[0]->together) {
                        jobs[count++] = job;
                        *at = job->next;
                } else {
                        at = &job->next;
                }
        }
        if (!*at)
                q->end = at;
        return count;
}

/* The next job, once there is one, and what it may be looked at together with. 0 when there will be
   none any more. */
static size_t wait_for_jobs(struct worker *w, struct worker_job *ret[static WORKER_TOGETHER_MAX])
{
        size_t count = 0;

        (void)pthread_mutex_lock(&w->lock);
        while (!(ret[0] = queue_take(&w->waiting)) && !w->stop)
                (void)pthread_cond_wait(&w->wake, &w->lock);
        if (ret[0])
                count = ret[0]->together ? queue_take_same(&w->waiting, ret, 1) : 1;
        (void)pthread_mutex_unlock(&w->lock);
        return count;
}

static void look_together(struct worker_job *const jobs[], size_t count)
{
        void *data[WORKER_TOGETHER_MAX];

        for (size_t i = 0; i < count; i++)
                data[i] = jobs[i]->data;
        jobs[0]->together(data, count);
}

/* Who is woken comes for the lock: neither side wakes the other while it holds it. */
static void run_job(struct worker *w, struct worker_job *job)
{
        job->run(job->data);
        (void)pthread_mutex_lock(&w->lock);
        queue_append(&w->finished, job);
        (void)pthread_mutex_unlock(&w->lock);
        /* Only fails where the counter is full, and then the loop is awake already. */
        (void)eventfd_write(w->event_fd, 1);
}

static void *run_jobs(void *data)
{
        struct worker_job *jobs[WORKER_TOGETHER_MAX];
        struct worker *w = data;
        size_t count;

        while ((count = wait_for_jobs(w, jobs)) > 0) {
                if (count > 1)
                        look_together(jobs, count);
                for (size_t i = 0; i < count; i++)
                        run_job(w, jobs[i]);
        }
        return NULL;
}

static void finish_jobs(struct worker *w)
{
        struct worker_job *job;

        for (;;) {
                (void)pthread_mutex_lock(&w->lock);
                job = queue_take(&w->finished);
                (void)pthread_mutex_unlock(&w->lock);
                if (!job)
                        return;
                /* Before it, so that `done` sees a worker that is idle if it is. */
                w->pending--;
                /* Last: `done` may free the job. */
                job->done(job->data);
        }
}

static int on_finished(sd_event_source *s, int fd, uint32_t revents, void *data)
{
        eventfd_t count;

        (void)s;
        (void)revents;
        (void)eventfd_read(fd, &count);
        finish_jobs(data);
        return 0;
}

int worker_new(sd_event *event, struct worker **ret)
{
        _cleanup_(worker_freep) struct worker *w = calloc(1, sizeof(*w));
        int r;

        if (!w)
                return -ENOMEM;
        queue_init(&w->waiting);
        queue_init(&w->finished);
        (void)pthread_mutex_init(&w->lock, NULL);
        (void)pthread_cond_init(&w->wake, NULL);
        w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (w->event_fd < 0)
                return -errno;
        r = sd_event_add_io(event, &w->source, w->event_fd, EPOLLIN, on_finished, w);
        if (r < 0)
                return r;
        r = pthread_create(&w->thread, NULL, run_jobs, w);
        if (r > 0)
                return -r;
        w->started = true;
        *ret = steal_ptr(w);
        return 0;
}

static void stop_thread(struct worker *w)
{
        (void)pthread_mutex_lock(&w->lock);
        /* Seen only when nothing waits any more: what was submitted is run. */
        w->stop = true;
        (void)pthread_cond_signal(&w->wake);
        (void)pthread_mutex_unlock(&w->lock);
        (void)pthread_join(w->thread, NULL);
        w->started = false;
}

struct worker *worker_free(struct worker *w)
{
        struct worker_job *job;

        if (!w)
                return NULL;
        if (w->started)
                stop_thread(w);
        finish_jobs(w);
        /* What the last `done`s submitted: there is no other thread any more, so it may run here.
         */
        while ((job = queue_take(&w->waiting))) {
                job->run(job->data);
                w->pending--;
                job->done(job->data);
        }
        assert(w->pending == 0);
        w->source = sd_event_source_disable_unref(w->source);
        close_fdp(&w->event_fd);
        (void)pthread_cond_destroy(&w->wake);
        (void)pthread_mutex_destroy(&w->lock);
        free(w);
        return NULL;
}

void worker_submit(struct worker *w, struct worker_job *job)
{
        w->pending++;
        (void)pthread_mutex_lock(&w->lock);
        queue_append(&w->waiting, job);
        (void)pthread_mutex_unlock(&w->lock);
        (void)pthread_cond_signal(&w->wake);
}

size_t worker_pending(const struct worker *w)
{
        return w->pending;
}
