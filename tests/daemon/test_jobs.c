/*
 * What verification leaves to be written later: kept when it cannot be written, written when it
 * can, the newer before the older, and bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "daemon/grant.h"
#include "daemon/jobs.h"
#include "tests/support/captured.h"
#include "tests/support/store_fixture.h"

struct scene {
        struct store_fixture *f;
        int64_t org, token, other;
        sd_event *event;
        struct worker *worker;
        struct usage *usage;
        struct job_notes *notes;
};

static int setup(void **state)
{
        struct scene *s = calloc(1, sizeof(*s));
        char text[TOKEN_TEXT_MAX + 1];

        assert_non_null(s);
        s->f = fixture_new();
        s->org = fixture_org(s->f, "acme");
        s->token = fixture_token(s->f, TOKEN_AK, s->org, NULL, text);
        s->other = fixture_token(s->f, TOKEN_AK, s->org, NULL, text);
        assert_int_equal(sd_event_new(&s->event), 0);
        assert_int_equal(worker_new(s->event, &s->worker), 0);
        assert_int_equal(usage_new(&s->usage), 0);
        assert_int_equal(job_notes_new(s->event, s->worker, &s->f->managed, s->usage, &s->notes),
                         0);
        *state = s;
        return 0;
}

static int teardown(void **state)
{
        struct scene *s = *state;

        s->worker = worker_free(s->worker);
        s->notes = job_notes_free(s->notes);
        s->usage = usage_free(s->usage);
        s->event = sd_event_unref(s->event);
        s->f = fixture_free(s->f);
        free(s);
        return 0;
}

/* Until the worker has nothing left and has said so. */
static void settle(const struct scene *s)
{
        while (worker_pending(s->worker) > 0)
                assert_true(sd_event_run(s->event, 1000000) >= 0);
}

static void flush(const struct scene *s)
{
        job_notes_flush(s->notes);
        settle(s);
}

/* While somebody else is in the middle of a transaction, nothing can be written. */
static void flush_in_vain(const struct scene *s)
{
        assert_int_equal(store_write_begin(s->f->writer), 0);
        flush(s);
        store_write_rollback(s->f->writer);
}

/* ---- grants ---- */

static struct record_grant grant_of(const struct scene *s, int64_t uid, int64_t at)
{
        return (struct record_grant){.actor = "alice",
                                     .real_uid = uid,
                                     .org_id = s->org,
                                     .token_id = s->token,
                                     .first_at = at,
                                     .renewed_at = at};
}

static void put_grant(const struct scene *s, int64_t uid, int64_t at, bool gone)
{
        const struct record_grant grant = grant_of(s, uid, at);

        job_notes_put_grant(s->notes, &grant, gone);
}

struct found {
        unsigned count;
        int64_t least, most; /* real_uid */
};

static int find(void *context, const struct record_grant *grant)
{
        struct found *f = context;

        if (f->count++ == 0 || grant->real_uid < f->least)
                f->least = grant->real_uid;
        if (f->count == 1 || grant->real_uid > f->most)
                f->most = grant->real_uid;
        return 0;
}

static struct found stored(const struct scene *s)
{
        struct found f = {0};

        assert_int_equal(store_list_grants(s->f->reader, find, &f), 0);
        return f;
}

static void test_grants(void **state)
{
        struct scene *s = *state;

        put_grant(s, 1, FIXTURE_NOW, false);
        put_grant(s, 2, FIXTURE_NOW, false);
        assert_true(job_notes_are_pending(s->notes));
        assert_int_equal(stored(s).count, 0);
        flush(s);
        assert_false(job_notes_are_pending(s->notes));
        assert_int_equal(stored(s).count, 2);
        put_grant(s, 1, FIXTURE_NOW, true);
        /* One that the store has not, and that stops nothing. */
        put_grant(s, 3, FIXTURE_NOW, true);
        put_grant(s, 4, FIXTURE_NOW, false);
        flush(s);
        assert_int_equal(stored(s).count, 2);
        assert_int_equal(stored(s).least, 2);
        assert_int_equal(stored(s).most, 4);
}

/* The oldest are lost, which only refuses. */
static void test_bounded(void **state)
{
        struct scene *s = *state;

        for (int64_t uid = 1; uid <= JOB_NOTES_GRANTS + 10; uid++)
                put_grant(s, uid, FIXTURE_NOW, false);
        flush(s);
        assert_int_equal(stored(s).count, JOB_NOTES_GRANTS);
        assert_int_equal(stored(s).least, 11);
        assert_int_equal(stored(s).most, JOB_NOTES_GRANTS + 10);
}

static void test_pruned(void **state)
{
        struct scene *s = *state;
        struct record_grant renewed;

        put_grant(s, 1, FIXTURE_NOW - 100, false);
        put_grant(s, 2, FIXTURE_NOW - 10, false);
        /* Renewed again and again, but for too long. */
        renewed = grant_of(s, 3, FIXTURE_NOW - GRANT_TOTAL);
        renewed.renewed_at = FIXTURE_NOW;
        job_notes_put_grant(s->notes, &renewed, false);
        flush(s);
        assert_int_equal(stored(s).count, 3);
        job_notes_prune(s->notes, 60, FIXTURE_NOW);
        flush(s);
        assert_int_equal(stored(s).count, 1);
        assert_int_equal(stored(s).least, 2);
        job_notes_prune(s->notes, 60, FIXTURE_NOW);
        flush(s);
        assert_int_equal(stored(s).count, 1);
}

/* ---- a disk that fails ---- */

static void note_use(const struct scene *s, int64_t token, int64_t at)
{
        const struct record_last_use use = {.token_id = token, .at = at, .service = "sshd"};

        usage_note(s->usage, &use);
}

static int64_t last_use(const struct scene *s, int64_t token)
{
        struct record_last_use use;

        assert_int_equal(store_find_last_use(s->f->reader, token, &use), 0);
        return use.at;
}

static void test_kept(void **state)
{
        struct scene *s = *state;
        const char *said;
        int64_t mark;

        note_use(s, s->token, 100);
        put_grant(s, 1, FIXTURE_NOW, false);
        job_notes_put_mark(s->notes, 100);
        captured_begin();
        flush_in_vain(s);
        flush_in_vain(s);
        said = captured_end();
        /* Said once. */
        said = strstr(said, "uses cannot be recorded now");
        assert_non_null(said);
        assert_null(strstr(said + 1, "uses cannot"));
        assert_true(job_notes_are_pending(s->notes));
        assert_int_equal(last_use(s, s->token), 0);
        assert_int_equal(stored(s).count, 0);
        captured_begin();
        flush(s);
        assert_non_null(strstr(captured_end(), "uses are recorded again"));
        assert_false(job_notes_are_pending(s->notes));
        assert_int_equal(last_use(s, s->token), 100);
        assert_int_equal(stored(s).count, 1);
        assert_int_equal(sealed_find_clock_mark(&s->f->sealed, &mark), 0);
        assert_int_equal(mark, 100);
}

/* What came in while the older could not be written. */
static void test_newer_stays(void **state)
{
        struct scene *s = *state;
        int64_t mark;

        note_use(s, s->token, 100);
        put_grant(s, 1, FIXTURE_NOW, false);
        job_notes_put_mark(s->notes, 100);
        assert_int_equal(store_write_begin(s->f->writer), 0);
        captured_begin();
        job_notes_flush(s->notes);
        note_use(s, s->token, 200);
        put_grant(s, 1, FIXTURE_NOW, true);
        job_notes_put_mark(s->notes, 200);
        settle(s);
        store_write_rollback(s->f->writer);
        flush(s);
        (void)captured_end();
        assert_int_equal(last_use(s, s->token), 200);
        assert_int_equal(stored(s).count, 0);
        assert_int_equal(sealed_find_clock_mark(&s->f->sealed, &mark), 0);
        assert_int_equal(mark, 200);
}

/* ---- for a request that asks by use ---- */

static void finished(void *context)
{
        (void)context;
}

static void test_copied_uses(void **state)
{
        struct scene *s = *state;
        struct manage manage = {.private_uid = -1};
        struct job_request *r = NULL;

        assert_int_equal(job_request_new(s->worker, &manage, VIEW("x"), finished, NULL, &r), 0);
        note_use(s, s->token, 100);
        note_use(s, s->other, 50);
        /* On its way to the store, and perhaps not there yet. */
        job_notes_flush(s->notes);
        note_use(s, s->token, 200);
        assert_int_equal(job_notes_copy_uses(s->notes, r), 0);
        assert_int_equal(r->uses.count, 2);
        for (size_t i = 0; i < 2; i++)
                assert_int_equal(r->uses.uses[i].at,
                                 r->uses.uses[i].token_id == s->token ? 200 : 50);
        settle(s);
        r = job_request_free(r);
}

/* ---- sessions ---- */

static void test_too_many_sessions(void **state)
{
        struct scene *s = *state;
        struct manage manage = {.private_uid = -1};
        const struct record_session session = {.id = "c2", .account = "alice"};
        unsigned pending = JOB_SESSIONS_MAX;

        captured_begin();
        job_session_run(s->worker, &manage, &session, &pending);
        assert_non_null(strstr(captured_end(), "session c2 of alice is not remembered"));
        assert_int_equal(pending, JOB_SESSIONS_MAX);
        assert_int_equal(worker_pending(s->worker), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_grants),
                TEST(test_bounded),
                TEST(test_pruned),
                TEST(test_kept),
                TEST(test_newer_stays),
                TEST(test_copied_uses),
                TEST(test_too_many_sessions),
        };

        fixture_in_memory();
        return cmocka_run_group_tests_name("jobs", tests, NULL, NULL);
}
