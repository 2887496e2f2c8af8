/*
 * Every management verb while the N-th call into SQLite or libc fails: each N until none is left on
 * the connections that are open, and the first from each place in the code on connections that were
 * just opened. Answered as "unavailable" with nothing changed, or done all the same where what
 * failed was not needed; and once nothing fails any more, done.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "tests/support/faulty_calls.h"
#include "tests/support/files.h"
#include "tests/support/manage_fixture.h"
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void audit_write(const struct audit_record *record)
{
        manage_fixture_record(record);
}

/* ---- the verbs, in an order in which each is done ---- */

struct request {
        enum wire_verb verb;
        int64_t uid;
        const char *org, *user, *account, *name;
        char *key_id; /* of the fixture's tokens */
        enum wire_field field;
        int64_t number;
        bool changes;
};

static char ci[TOKEN_KEY_ID_SIZE], laptop[TOKEN_KEY_ID_SIZE], spare[TOKEN_KEY_ID_SIZE];
static char whole[TOKEN_TEXT_MAX + 1]; /* a whole one, to be checked */

/* clang-format off */
static const struct request requests[] = {
        {WIRE_V_STATUS, .uid = 0},
        {WIRE_V_STATUS, .uid = PERSON_CAROL},
        {WIRE_V_WHOAMI, .uid = 0},
        {WIRE_V_WHOAMI, .uid = PERSON_ALICE},
        {WIRE_V_ORG_LIST, .uid = 0},
        {WIRE_V_ORG_LIST, .uid = PERSON_BOB},
        {WIRE_V_ORG_SHOW, .uid = 0, .org = "acme"},
        {WIRE_V_ORG_SHOW, .uid = PERSON_BOB, .org = "acme"},
        {WIRE_V_MEMBER_LIST, .uid = PERSON_BOB, .org = "acme"},
        {WIRE_V_ACCOUNT_LIST, .uid = 0, .org = "acme"},
        {WIRE_V_ACCOUNT_LIST, .uid = PERSON_ALICE, .org = "acme"},
        {WIRE_V_GUARDED_LIST, .uid = 0},
        {WIRE_V_HOST_SHOW, .uid = 0},
        {WIRE_V_CHECK, .uid = 0, .account = "acme-deploy"},
        {WIRE_V_CHECK, .uid = PERSON_ALICE},
        {WIRE_V_BACKUP, .uid = 0},
        {WIRE_V_USER_LIST, .uid = 0},
        {WIRE_V_KEY_LIST, .uid = PERSON_ALICE, .org = "acme"},
        {WIRE_V_PAT_LIST, .uid = 0},
        {WIRE_V_PAT_LIST, .uid = PERSON_ALICE},
        {WIRE_V_PAT_LIST, .uid = 0, .user = "alice"},
        {WIRE_V_REVOKE_ALL, .uid = 0, .org = "acme", .field = WIRE_F_DRY_RUN, .number = 1},
        {WIRE_V_REVOKE_ALL, .uid = 0, .user = "alice", .field = WIRE_F_DRY_RUN, .number = 1},
        {WIRE_V_USER_REMOVE, .uid = 0, .user = "alice", .field = WIRE_F_DRY_RUN, .number = 1},
        {WIRE_V_ORG_DELETE, .uid = 0, .org = "globex", .field = WIRE_F_DRY_RUN, .number = 1},
        {WIRE_V_NOTIFY, .uid = 0},
        {WIRE_V_ORG_CREATE, .uid = 0, .org = "initech", .changes = true},
        {WIRE_V_ORG_SET, .uid = 0, .org = "acme", .field = WIRE_F_MAX_LIFE, .number = 90 * EXPIRY_DAY, .changes = true},
        {WIRE_V_HOST_SET, .uid = 0, .field = WIRE_F_MAX_LIFE, .number = 100 * EXPIRY_DAY, .changes = true},
        {WIRE_V_MEMBER_ADD, .uid = PERSON_ALICE, .org = "acme", .user = "carol", .field = WIRE_F_ROLE, .number = ROLE_MEMBER, .changes = true},
        {WIRE_V_MEMBER_SET, .uid = PERSON_ALICE, .org = "acme", .user = "carol", .field = WIRE_F_ROLE, .number = ROLE_ADMIN, .changes = true},
        {WIRE_V_ACCOUNT_BIND, .uid = 0, .org = "acme", .account = "dave", .changes = true},
        {WIRE_V_ACCOUNT_UNBIND, .uid = 0, .org = "acme", .account = "dave", .changes = true},
        {WIRE_V_ACCOUNT_RELEASE, .uid = 0, .account = "dave", .changes = true},
        {WIRE_V_KEY_CREATE, .uid = PERSON_ALICE, .org = "acme", .name = "new", .field = WIRE_F_EXPIRES_AT, .number = FIXTURE_NOW + EXPIRY_DAY, .changes = true},
        {WIRE_V_PAT_CREATE, .uid = PERSON_ALICE, .name = "new", .field = WIRE_F_EXPIRES_AT, .number = FIXTURE_NOW + EXPIRY_DAY, .changes = true},
        {WIRE_V_PAT_RENAME, .uid = PERSON_ALICE, .key_id = laptop, .name = "other", .changes = true},
        {WIRE_V_ROTATE, .uid = PERSON_ALICE, .key_id = laptop, .field = WIRE_F_OVERLAP, .number = 100, .changes = true},
        {WIRE_V_ROTATE, .uid = PERSON_ALICE, .key_id = ci, .field = WIRE_F_OVERLAP, .number = 100, .changes = true},
        {WIRE_V_KEY_REVOKE, .uid = PERSON_ALICE, .key_id = ci, .changes = true},
        {WIRE_V_PAT_REVOKE, .uid = 0, .key_id = spare, .changes = true},
        {WIRE_V_USER_SUSPEND, .uid = 0, .user = "bob", .changes = true},
        {WIRE_V_USER_RESUME, .uid = 0, .user = "bob", .changes = true},
        {WIRE_V_ORG_SUSPEND, .uid = 0, .org = "acme", .changes = true},
        {WIRE_V_ORG_RESUME, .uid = 0, .org = "acme", .changes = true},
        {WIRE_V_MEMBER_REMOVE, .uid = 0, .org = "acme", .user = "carol", .changes = true},
        {WIRE_V_REVOKE_ALL, .uid = 0, .user = "alice", .changes = true},
        {WIRE_V_USER_REMOVE, .uid = 0, .user = "bob", .changes = true},
        {WIRE_V_CLOCK_RESET, .uid = 0, .changes = true},
        {WIRE_V_ORG_DELETE, .uid = 0, .org = "globex", .changes = true},
};
/* clang-format on */

static void put(struct manage_fixture *f, const struct request *q)
{
        ask(f, q->verb);
        if (q->org)
                set_text(f, WIRE_F_ORG, q->org);
        if (q->user)
                set_text(f, WIRE_F_USER, q->user);
        if (q->account)
                set_text(f, WIRE_F_ACCOUNT, q->account);
        if (q->name)
                set_text(f, WIRE_F_NAME, q->name);
        if (q->key_id)
                set_text(f, WIRE_F_KEY_ID, q->key_id);
        if (q->field)
                set_number(f, q->field, q->number);
        if (q->verb == WIRE_V_CHECK)
                set_text(f, WIRE_F_TOKEN, whole);
        if (q->verb == WIRE_V_BACKUP) {
                /* The request borrows it. */
                static char path[FILES_PATH_SIZE];

                files_path(f->store->dir, "backups", path);
                files_remove(path, "");
                files_path(f->store->dir, "backups/backup", path);
                set_text(f, WIRE_F_PATH, path);
        }
}

/* A backup is there, or it is not. Without an answer either may be. */
static void check_backup(const struct manage_fixture *f, unsigned at, bool done)
{
        if (files_are_there(f->store->dir, "backups/backup") != done)
                fail_msg("BACKUP, call %u: %s", at,
                         done ? "done, and is not there" : "failed, and is there");
}

static bool is_success(uint32_t magic)
{
        return magic == WIRE_DONE || magic == WIRE_END || magic == WIRE_NEW_TOKEN;
}

/* What may be said where a call failed; 0 is no answer. A disk that is full is a reason against
   the place of a backup. */
static bool is_failure(const struct manage_fixture *f, const struct request *q, uint32_t magic)
{
        return magic == WIRE_UNAVAILABLE || magic == 0 ||
               (q->verb == WIRE_V_BACKUP && magic == WIRE_REFUSED &&
                strcmp(reason(f), "bad-path") == 0);
}

/* One run. True: go on with the next call. */
static bool run(struct manage_fixture *f, const struct request *q, unsigned at)
{
        int64_t before = revision(f);
        uint32_t magic;
        bool hit;

        put(f, q);
        faulty_calls_begin(at);
        faulty_calls_turn(false);
        magic = run_as(f, q->uid);
        hit = faulty_calls_end();
        if (!is_success(magic) && !(hit && is_failure(f, q, magic)))
                fail_msg("%s, call %u: magic %x, %s", wire_verb_to_string(q->verb), at, magic,
                         reason(f));
        if (q->verb == WIRE_V_BACKUP && magic != 0)
                check_backup(f, at, is_success(magic));
        if (magic == WIRE_UNAVAILABLE) {
                assert_int_equal(revision(f), before);
                assert_int_equal(f->reply.new_token, -1);
        }
        if (f->reply.new_token >= 0)
                (void)acknowledge(f, true, true);
        return hit && !(is_success(magic) && q->changes);
}

static struct manage_fixture *new_scene(void)
{
        struct manage_fixture *f = manage_fixture_new();
        char path[FILES_PATH_SIZE];

        files_path(f->store->dir, "backups", path);
        assert_int_equal(mkdir(path, 0700), 0);
        make_org(f, "acme");
        make_org(f, "globex");
        make_member(f, "acme", "alice", ROLE_ADMIN);
        make_member(f, "acme", "bob", ROLE_MEMBER);
        bind_account(f, "acme", "acme-deploy");
        ask(f, WIRE_V_KEY_CREATE);
        set_text(f, WIRE_F_ORG, "acme");
        set_text(f, WIRE_F_NAME, "whole");
        assert_int_equal(run_as(f, PERSON_ALICE), WIRE_NEW_TOKEN);
        (void)strcpy(whole, text_of(answer(f), WIRE_F_TOKEN));
        assert_int_equal(acknowledge(f, true, true), WIRE_DONE);
        (void)make_key(f, PERSON_ALICE, "acme", "ci", EXPIRY_DAY, ci);
        (void)make_pat(f, PERSON_ALICE, "laptop", EXPIRY_DAY, laptop);
        (void)make_pat(f, PERSON_BOB, "spare", EXPIRY_DAY, spare);
        f->faults = faulty_calls_turn;
        return f;
}

static void test_every_call(void **state)
{
        struct manage_fixture *f = new_scene();
        unsigned runs = 0;

        (void)state;
        for (size_t i = 0; i < COUNT(requests); i++)
                for (unsigned at = 1; run(f, &requests[i], at); at++)
                        runs++;
        print_message("# %u runs, each with a call that failed\n", runs);
        assert_true(runs > 1000);
        (void)manage_fixture_free(f);
}

/* ---- on connections that were just opened, up to the acknowledgement ---- */

struct outcome {
        uint32_t magic, told; /* told: to the acknowledgement; 0: no answer */
        int64_t token, replaced;
        int64_t before;
};

static void open_anew(struct manage_fixture *f, const struct files *kept)
{
        fixture_close(f->store);
        if (kept)
                files_put_back(kept, f->store->dir);
        fixture_open(f->store);
        f->manage.sealed = f->store->sealed;
}

static struct outcome go(struct manage_fixture *f, const struct request *q, unsigned at)
{
        struct outcome o = {.before = revision(f), .told = WIRE_DONE};

        put(f, q);
        faulty_calls_begin(at);
        faulty_calls_turn(false);
        o.magic = run_as(f, q->uid);
        o.token = f->reply.new_token;
        o.replaced = f->reply.replaced;
        if (o.magic == WIRE_NEW_TOKEN)
                o.told = acknowledge(f, true, true);
        return o;
}

static void fail_here(const struct request *q, unsigned at, const char *what)
{
        fail_msg("%s, call %u: %s", wire_verb_to_string(q->verb), at, what);
}

/* What was said to be kept is; anything else is revoked at the next start, and what it was to
   replace is as it was. Without an answer either may be. */
static void check_token(struct manage_fixture *f, const struct request *q, unsigned at,
                        const struct outcome *o)
{
        struct record_token token, old;
        bool kept;

        assert_int_equal(manage_recover(&f->manage, f->now, f->now), 0);
        fixture_find_token(f->store, o->token, &token);
        kept = token.revoked_at == 0;
        if (o->told != 0 && kept != (o->told == WIRE_DONE))
                fail_here(q, at, kept ? "not acknowledged, and lives" : "acknowledged, and gone");
        if (o->replaced < 0)
                return;
        fixture_find_token(f->store, o->replaced, &old);
        if ((old.ends_at != EXPIRY_NEVER) != kept || old.revoked_at != 0)
                fail_here(q, at, "half a rotation");
}

static void check_outcome(struct manage_fixture *f, const struct request *q, unsigned at,
                          const struct outcome *o)
{
        if (!is_success(o->magic) && !is_failure(f, q, o->magic))
                fail_here(q, at, reason(f));
        if (q->verb == WIRE_V_BACKUP && o->magic != 0)
                check_backup(f, at, is_success(o->magic));
        open_anew(f, NULL);
        assert_int_equal(store_check(f->store->managed.reader), 0);
        if (is_success(o->magic) && q->changes && revision(f) <= o->before &&
            q->verb != WIRE_V_CLOCK_RESET)
                fail_here(q, at, "said to be done, and is not");
        if (o->magic == WIRE_UNAVAILABLE && revision(f) != o->before)
                fail_here(q, at, "said not to be done, and is");
        if (o->magic == WIRE_NEW_TOKEN)
                check_token(f, q, at, o);
        else if (o->magic == WIRE_UNAVAILABLE && (put(f, q), !is_success(run_as(f, q->uid))))
                fail_here(q, at, "not done when nothing failed any more");
}

static void test_every_place(void **state)
{
        struct manage_fixture *f = new_scene();
        unsigned runs = 0;

        (void)state;
        for (size_t i = 0; i < COUNT(requests); i++) {
                const struct request *q = &requests[i];
                struct files *before, *after;
                const unsigned *places;
                struct outcome o;
                size_t count;

                fixture_close(f->store);
                before = files_keep(f->store->dir);
                open_anew(f, NULL);
                o = go(f, q, 0);
                assert_false(faulty_calls_end());
                check_outcome(f, q, 0, &o);
                count = faulty_calls_places(&places);
                fixture_close(f->store);
                after = files_keep(f->store->dir);
                for (size_t n = 0; n < count; n += faulty_calls_step(), runs++) {
                        open_anew(f, before);
                        o = go(f, q, places[n]);
                        assert_true(faulty_calls_end());
                        check_outcome(f, q, places[n], &o);
                }
                open_anew(f, after);
                before = files_free(before);
                after = files_free(after);
        }
        print_message("# %u places, each with a call that failed\n", runs);
        assert_true(runs > 1000 / faulty_calls_step());
        (void)manage_fixture_free(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_call),
                cmocka_unit_test(test_every_place),
        };

        return cmocka_run_group_tests_name("manage_faults", tests, NULL, NULL);
}
