/*
 * The writer's thread: takes jobs in order (but see `together`), runs each to its end, and tells
 * the event loop that it is done. An fsync, a slow user database or a list of a million rows is
 * waited for here and never stalls a verification. Owns the thread and the queue; the store's
 * writer belongs to the jobs' contexts.
 */
#pragma once

#include <stddef.h>
#include <systemd/sd-event.h>

struct worker;

/* How many jobs are looked at together. */
#define WORKER_TOGETHER_MAX 32

struct worker_job {
        void (*run)(void *data); /* on the worker's thread */
        /* NULL, or called on that thread before run, with the jobs that wait and have the same:
           what each would do alone it may do once for all of them. run is called for each all the
           same, one behind the other, so those further back come before their turn. */
        void (*together)(void *const data[], size_t count);
        void (*done)(void *data); /* on the event loop's thread, after run */
        void *data;
        struct worker_job *next;
};

int worker_new(sd_event *event, struct worker **ret);
/* Runs what is queued to its end, then ends the thread; `done` is called for each. */
struct worker *worker_free(struct worker *w);
/* Queues a job; it stays the caller's memory and must live until `done`. */
void worker_submit(struct worker *w, struct worker_job *job);
size_t worker_pending(const struct worker *w);
