#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "daemon/worker.h"

#define JOBS 1000

struct task {
        struct worker_job job;
        struct fixture *f;
        unsigned number;
        struct task *follow_up; /* submitted by done */
};

struct fixture {
        sd_event *event;
        struct worker *worker;
        pthread_t loop;
        atomic_uint ran;
        unsigned done;
        bool in_order;
        bool on_other_thread;
        bool on_loop_thread;
        sem_t gate;
        struct task tasks[JOBS];
};

static void run(void *data)
{
        struct task *t = data;

        t->f->in_order &= atomic_fetch_add(&t->f->ran, 1) == t->number;
        t->f->on_other_thread &= !pthread_equal(pthread_self(), t->f->loop);
}

static void done(void *data)
{
        struct task *t = data;

        t->f->in_order &= t->f->done++ == t->number;
        t->f->on_loop_thread &= pthread_equal(pthread_self(), t->f->loop) != 0;
        if (t->follow_up)
                worker_submit(t->f->worker, &t->follow_up->job);
        if (t->f->done == JOBS)
                (void)sd_event_exit(t->f->event, 0);
}

static void run_gated(void *data)
{
        struct task *t = data;

        assert_int_equal(sem_wait(&t->f->gate), 0);
        run(data);
}

static int setup(void **state)
{
        static struct fixture f;

        f = (struct fixture){
                .in_order = true,
                .on_other_thread = true,
                .on_loop_thread = true,
                .loop = pthread_self(),
        };
        assert_int_equal(sem_init(&f.gate, 0, 0), 0);
        for (unsigned i = 0; i < JOBS; i++) {
                struct task *t = &f.tasks[i];

                *t = (struct task){.f = &f, .number = i};
                t->job = (struct worker_job){.run = run, .done = done, .data = t};
        }
        assert_true(sd_event_new(&f.event) >= 0);
        assert_int_equal(worker_new(f.event, &f.worker), 0);
        *state = &f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        worker_free(f->worker);
        sd_event_unref(f->event);
        (void)sem_destroy(&f->gate);
        return 0;
}

static void check(const struct fixture *f, unsigned count)
{
        assert_int_equal(f->ran, count);
        assert_int_equal(f->done, count);
        assert_true(f->in_order);
        assert_true(f->on_other_thread);
        assert_true(f->on_loop_thread);
}

/* In order, each once, run over there and done over here. */
static void test_order(void **state)
{
        struct fixture *f = *state;

        for (unsigned i = 0; i < JOBS; i++)
                worker_submit(f->worker, &f->tasks[i].job);
        assert_int_equal(worker_pending(f->worker), JOBS);
        assert_int_equal(sd_event_loop(f->event), 0);
        assert_int_equal(worker_pending(f->worker), 0);
        check(f, JOBS);
}

/* A job that takes its time holds up those behind it, not the loop. */
static void test_slow_job(void **state)
{
        struct fixture *f = *state;

        f->tasks[0].job.run = run_gated;
        for (unsigned i = 0; i < 10; i++)
                worker_submit(f->worker, &f->tasks[i].job);
        assert_int_equal(sd_event_run(f->event, 0), 0);
        assert_int_equal(f->done, 0);
        assert_int_equal(worker_pending(f->worker), 10);
        assert_int_equal(sem_post(&f->gate), 0);
        while (f->done < 10)
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
        check(f, 10);
}

/* Freed with everything still to do, it does everything. */
static void test_free_runs_all(void **state)
{
        struct fixture *f = *state;

        for (unsigned i = 0; i < 100; i++)
                worker_submit(f->worker, &f->tasks[i].job);
        f->worker = worker_free(f->worker);
        check(f, 100);
}

/* Also what the jobs' ends submit while it is being freed: the revocation of a token not delivered.
 */
static void test_free_runs_follow_ups(void **state)
{
        struct fixture *f = *state;

        f->tasks[0].follow_up = &f->tasks[1];
        f->tasks[1].follow_up = &f->tasks[2];
        worker_submit(f->worker, &f->tasks[0].job);
        f->worker = worker_free(f->worker);
        assert_int_equal(f->ran, 3);
        assert_int_equal(f->done, 3);
        assert_true(f->in_order);
}

/* The same job may be submitted again by its own end. */
static void test_again(void **state)
{
        struct fixture *f = *state;

        f->tasks[0].follow_up = &f->tasks[0];
        worker_submit(f->worker, &f->tasks[0].job);
        assert_int_equal(sd_event_loop(f->event), 0);
        f->tasks[0].follow_up = NULL;
        assert_true(f->done >= JOBS);
}

/* ---- together ---- */

struct group {
        unsigned count;
        size_t sizes[JOBS];
        unsigned first[JOBS]; /* number of the first task */
        unsigned ran_before[JOBS];
};
static struct group groups;

static void together(void *const data[], size_t count)
{
        const struct task *t = data[0];

        groups.first[groups.count] = t->number;
        groups.ran_before[groups.count] = t->f->ran;
        groups.sizes[groups.count++] = count;
        for (size_t i = 0; i < count; i++) {
                t = data[i];
                assert_ptr_equal(t->job.together, together);
        }
}

static unsigned turn[JOBS]; /* the place in which each was run */

static void run_noting(void *data)
{
        struct task *t = data;

        turn[t->number] = atomic_fetch_add(&t->f->ran, 1);
}

/* Behind a job that takes its time: every third of the others is of those. */
static void submit_thirds(struct fixture *f, unsigned count)
{
        groups = (struct group){.count = 0};
        f->tasks[0].job.run = run_gated;
        for (unsigned i = 1; i < count; i++) {
                f->tasks[i].job.run = run_noting;
                f->tasks[i].job.together = i % 3 == 0 ? together : NULL;
        }
        for (unsigned i = 0; i < count; i++)
                worker_submit(f->worker, &f->tasks[i].job);
        assert_int_equal(sem_post(&f->gate), 0);
        while (worker_pending(f->worker) > 0)
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
        assert_int_equal(f->ran, count);
        assert_int_equal(f->done, count);
}

/* Those that wait and have the same are looked at first, once, and run one behind the other; the
   rest stays in order. */
static void test_together(void **state)
{
        static const unsigned expected[] = {0, 1, 2, 3, 6, 7, 4, 8, 9, 5};
        struct fixture *f = *state;
        unsigned gathered = WORKER_TOGETHER_MAX * 2 + 1; /* and no more than fit at once */

        submit_thirds(f, 10);
        assert_int_equal(groups.count, 1);
        assert_int_equal(groups.sizes[0], 3);
        assert_int_equal(groups.first[0], 3);
        assert_int_equal(groups.ran_before[0], 3);
        for (unsigned i = 1; i < 10; i++)
                assert_int_equal(turn[i], expected[i]);
        f->ran = f->done = 0;
        submit_thirds(f, gathered * 3 + 1);
        /* The last of them had nobody to be with. */
        assert_int_equal(groups.count, 2);
        assert_int_equal(groups.sizes[0], WORKER_TOGETHER_MAX);
        assert_int_equal(groups.sizes[1], WORKER_TOGETHER_MAX);
        /* The queue ends where it should. */
        f->ran = f->done = 0;
        submit_thirds(f, 4);
        assert_int_equal(groups.count, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_order, setup, teardown),
                cmocka_unit_test_setup_teardown(test_slow_job, setup, teardown),
                cmocka_unit_test_setup_teardown(test_free_runs_all, setup, teardown),
                cmocka_unit_test_setup_teardown(test_free_runs_follow_ups, setup, teardown),
                cmocka_unit_test_setup_teardown(test_again, setup, teardown),
                cmocka_unit_test_setup_teardown(test_together, setup, teardown),
        };

        return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
