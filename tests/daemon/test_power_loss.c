/*
 * The power goes at any moment of a long piece of work, and the disk keeps of what was not synced
 * whatever it likes. What is opened then is exactly what some revision was: the last one that was
 * acknowledged, or the one in hand. ORGTOKEN_LONG=1: 2 000 moments and 10 damages of each.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/fault_vfs.h"
#include "tests/support/store_fixture.h"

#define STEPS         450
#define TOKENS_MAX    1000
#define REVISIONS_MAX 1500
#define LATER         (FIXTURE_NOW + 1000)

/* A token, and in which revision what happened to it; 0: never. */
struct fact {
        int64_t id;
        int64_t created, revoked, ended, renamed;
        size_t delivered; /* after how many operations its delivery was acknowledged; 0: not yet */
};

struct work {
        struct store_fixture *f;
        int64_t org, user;
        struct fact token[TOKENS_MAX];
        size_t tokens;
        int64_t member_since[REVISIONS_MAX]; /* by revision: is the user a member? */
        int64_t revision;
        size_t begun[REVISIONS_MAX],
                acknowledged[REVISIONS_MAX]; /* by revision: after how many operations */
        uint64_t random;
        size_t at; /* the moment that is looked at */
        char crash_dir[512];
};

static unsigned below(struct work *w, unsigned limit)
{
        w->random ^= w->random >> 12;
        w->random ^= w->random << 25;
        w->random ^= w->random >> 27;
        return (unsigned)((w->random * UINT64_C(2685821657736338717)) >> 33) % limit;
}

/* ---- the work ---- */

static void begin(struct work *w)
{
        w->begun[w->revision + 1] = fault_vfs_recorded();
        assert_int_equal(store_write_begin(w->f->writer), 0);
        assert_true(w->revision + 2 < REVISIONS_MAX);
}

/* What was synced brings all with it that came before. */
static void note_synced(struct work *w)
{
        for (int64_t r = w->revision; r > 0 && w->acknowledged[r] == 0; r--)
                w->acknowledged[r] = fault_vfs_recorded();
}

static void commit_only(struct work *w)
{
        int64_t revision;

        assert_int_equal(store_write_commit(w->f->writer, &revision), 0);
        assert_int_equal(revision, w->revision + 1);
        w->member_since[revision] = w->member_since[w->revision];
        w->revision = revision;
}

static void commit(struct work *w)
{
        commit_only(w);
        note_synced(w);
}

static void insert(struct work *w)
{
        char secret[TOKEN_SECRET_LEN + 1];
        struct record_token token = {.id = (int64_t)keyhash_random_below(TOKEN_ID_LIMIT),
                                     .kind = TOKEN_AK,
                                     .owner = w->org,
                                     .name = "first",
                                     .created_at = FIXTURE_NOW,
                                     .expires_at = EXPIRY_NEVER};

        keyhash_random_text(secret, sizeof(secret));
        assert_int_equal(sealed_insert_token(&w->f->managed, &token,
                                             view_of_bytes(secret, TOKEN_SECRET_LEN)),
                         0);
        assert_true(w->tokens < TOKENS_MAX);
        w->token[w->tokens++] = (struct fact){.id = token.id, .created = w->revision + 1};
}

/* A token that is neither revoked nor ended, or NULL. */
static struct fact *pick(struct work *w)
{
        for (unsigned i = 0; w->tokens > 0 && i < 20; i++) {
                struct fact *t = &w->token[below(w, (unsigned)w->tokens)];

                if (t->revoked == 0 && t->ended == 0)
                        return t;
        }
        return NULL;
}

static void find(struct work *w, const struct fact *t, struct record_token *ret)
{
        assert_int_equal(store_find_token(store_writer_reader(w->f->writer), t->id, ret), 0);
}

static void change_token(struct work *w, struct fact *t, unsigned what)
{
        struct record_token token;

        begin(w);
        find(w, t, &token);
        if (what == 0) {
                assert_int_equal(sealed_revoke_token(&w->f->managed, &token, LATER, "revoked"), 0);
                t->revoked = w->revision + 1;
        } else if (what == 1) {
                /* Two rows in one: a successor, and the end of the old one. */
                size_t at = w->tokens;

                insert(w);
                assert_int_equal(
                        sealed_end_token(&w->f->managed, &token, LATER, "rotated", w->token[at].id),
                        0);
                t->ended = w->revision + 1;
        } else {
                (void)snprintf(token.name, sizeof(token.name), "second");
                assert_int_equal(store_update_token(w->f->writer, &token), 0);
                if (t->renamed == 0)
                        t->renamed = w->revision + 1;
        }
        commit(w);
}

static void change_member(struct work *w)
{
        begin(w);
        if (w->member_since[w->revision]) {
                assert_int_equal(store_delete_member(w->f->writer, w->org, w->user), 0);
                commit(w);
                w->member_since[w->revision] = 0;
        } else {
                struct record_member member = {.org_id = w->org,
                                               .user_id = w->user,
                                               .role = ROLE_MEMBER,
                                               .created_at = FIXTURE_NOW};

                assert_int_equal(sealed_put_member(&w->f->managed, &member), 0);
                commit(w);
                w->member_since[w->revision] = 1;
        }
}

/* Not synced for itself, and so the first to be lost; but never with what comes after it. */
static void use(struct work *w, const struct fact *t)
{
        struct record_last_use last = {.token_id = t->id, .at = LATER, .service = "sshd"};

        assert_int_equal(store_local_begin(w->f->writer), 0);
        assert_int_equal(store_put_last_use(w->f->writer, &last), 0);
        assert_int_equal(store_local_commit(w->f->writer), 0);
}

/* As the daemon makes a token: not synced, since nobody has it yet; then its holder's
   acknowledgement, which is, and which takes no revision. Others may come in between. */
static void take_step(struct work *w);
static void deliver(struct work *w)
{
        size_t at = w->tokens;
        int64_t revision;

        w->begun[w->revision + 1] = fault_vfs_recorded();
        assert_int_equal(store_write_begin_unsynced(w->f->writer), 0);
        insert(w);
        assert_int_equal(store_put_undelivered(w->f->writer, w->token[at].id), 0);
        commit_only(w);
        while (below(w, 3) == 0)
                take_step(w);
        assert_int_equal(store_write_begin(w->f->writer), 0);
        assert_int_equal(store_delete_undelivered(w->f->writer, w->token[at].id), 0);
        assert_int_equal(store_write_commit(w->f->writer, &revision), 0);
        assert_int_equal(revision, w->revision);
        note_synced(w);
        w->token[at].delivered = fault_vfs_recorded();
}

static void take_step(struct work *w)
{
        unsigned what = below(w, 100);
        struct fact *t = pick(w);

        if (what < 25) {
                deliver(w);
        } else if (what < 40 || !t) {
                begin(w);
                insert(w);
                commit(w);
        } else if (what < 60) {
                change_token(w, t, 0);
        } else if (what < 75) {
                change_token(w, t, 1);
        } else if (what < 80) {
                change_token(w, t, 2);
        } else if (what < 88) {
                change_member(w);
        } else if (what < 99) {
                use(w, t);
        } else {
                /* The log is played into the file, and removed. */
                fixture_close(w->f);
                fixture_open(w->f);
        }
}

/* ---- after the crash ---- */

static void assert_token(struct store_reader *r, const struct sealed *s, const struct fact *t,
                         int64_t revision)
{
        enum sealed_token_state state;
        struct record_token token;
        int e = store_find_token(r, t->id, &token);

        if (t->created > revision) {
                assert_int_equal(e, -ENOENT);
                return;
        }
        assert_int_equal(e, 0);
        assert_int_equal(sealed_judge_stored(s, &token, &state), 0);
        assert_int_equal(state,
                         t->revoked && t->revoked <= revision ? SEALED_REVOKED : SEALED_LIVE);
        assert_true((token.ends_at == LATER) == (t->ended && t->ended <= revision));
        assert_string_equal(token.name, t->renamed && t->renamed <= revision ? "second" : "first");
}

/* Whose delivery was acknowledged is not revoked for want of it. */
static int assert_undelivered(void *context, int64_t id)
{
        const struct work *w = context;

        for (size_t i = 0; i < w->tokens; i++)
                if (w->token[i].id == id)
                        assert_true(w->token[i].delivered == 0 || w->token[i].delivered > w->at);
        return 0;
}

/* Exactly one revision, no older than what was acknowledged, no newer than what was begun. */
static void assert_state(struct work *w, const char *dir, size_t at)
{
        struct sealed s = {.key = w->f->key, .fingerprint = keyhash_fingerprint(w->f->key)};
        struct store_writer *writer = NULL;
        struct store_freshness freshness;
        struct record_member member;
        int64_t least = 0, most;

        while (least < w->revision && w->acknowledged[least + 1] <= at)
                least++;
        most = least;
        while (most < w->revision && w->begun[most + 1] < at)
                most++;
        assert_int_equal(store_writer_open(dir, &writer), 0);
        s.reader = store_writer_reader(writer);
        assert_int_equal(store_check(s.reader), 0);
        assert_int_equal(store_freshness(s.reader, &freshness), 0);
        assert_in_range(freshness.revision, least, most);
        for (size_t i = 0; i < w->tokens; i++)
                assert_token(s.reader, &s, &w->token[i], freshness.revision);
        w->at = at;
        assert_int_equal(store_list_undelivered(s.reader, assert_undelivered, w), 0);
        assert_int_equal(sealed_find_member(&s, w->org, w->user, &member),
                         w->member_since[freshness.revision] ? 0 : -ENOENT);
        (void)store_writer_close(writer);
}

static void empty_dir(const char *dir)
{
        DIR *d = opendir(dir);

        assert_non_null(d);
        for (struct dirent *entry; (entry = readdir(d));)
                if (entry->d_name[0] != '.')
                        assert_int_equal(unlinkat(dirfd(d), entry->d_name, 0), 0);
        (void)closedir(d);
}

static int setup(void **state)
{
        struct work *w = calloc(1, sizeof(*w));
        struct store_freshness freshness;

        assert_non_null(w);
        w->f = fixture_new();
        w->random = UINT64_C(88172645463325252);
        w->org = fixture_org(w->f, "acme");
        w->user = fixture_user(w->f, "alice", 1000);
        assert_int_equal(store_freshness(w->f->reader, &freshness), 0);
        w->revision = freshness.revision;
        fixture_close(w->f);
        assert_in_range(snprintf(w->crash_dir, sizeof(w->crash_dir), "%s-crash", w->f->dir), 1,
                        sizeof(w->crash_dir) - 1);
        assert_int_equal(mkdir(w->crash_dir, 0700), 0);
        fault_vfs_install();
        fault_vfs_record(w->f->dir);
        fixture_open(w->f);
        *state = w;
        return 0;
}

static int teardown(void **state)
{
        struct work *w = *state;

        w->f = fixture_free(w->f);
        fault_vfs_record_end();
        fault_vfs_remove();
        empty_dir(w->crash_dir);
        assert_int_equal(rmdir(w->crash_dir), 0);
        free(w);
        return 0;
}

struct tally {
        size_t moments, in_checkpoints, crashes;
};

static void crash_at(struct work *w, size_t at, size_t damages, struct tally *t)
{
        bool main_file;

        (void)fault_vfs_operation(at, &main_file);
        t->moments++;
        t->in_checkpoints += main_file;
        for (size_t seed = 0; seed < damages; seed++) {
                empty_dir(w->crash_dir);
                fault_vfs_crash(at, seed, w->crash_dir);
                assert_state(w, w->crash_dir, at);
                t->crashes++;
        }
}

static void test_crashes(void **state)
{
        struct work *w = *state;
        bool is_long = getenv("ORGTOKEN_LONG") != NULL;
        size_t points = is_long ? 2000 : 120, damages = is_long ? 10 : 4, count, step;
        struct tally t = {0};

        for (unsigned i = 0; i < STEPS; i++)
                take_step(w);
        fixture_close(w->f);
        count = fault_vfs_recorded();
        assert_true(count > 1000);
        /* In order, since going on is cheaper than beginning anew. */
        step = count / points > 0 ? count / points : 1;
        for (size_t at = 1; at <= count; at += step)
                crash_at(w, at, damages, &t);
        /* The few in which the log is played into the file: all of them, or a part. */
        for (size_t at = 1; at <= count; at++) {
                bool main_file;

                (void)fault_vfs_operation(at, &main_file);
                if (main_file && (is_long || at % 4 == 0))
                        crash_at(w, at, damages, &t);
        }
        print_message("# %zu operations; %zu moments, %zu of them in checkpoints; %zu crashes\n",
                      count, t.moments, t.in_checkpoints, t.crashes);
        assert_true(t.in_checkpoints > 0);
}

/* Every moment of the recovery from one crash is the moment of a second one. */
static size_t crash_again(struct work *w, size_t at, const char *again)
{
        struct store_writer *writer = NULL;
        size_t count;

        fault_vfs_record_again(w->crash_dir);
        assert_int_equal(store_writer_open(w->crash_dir, &writer), 0);
        (void)store_writer_close(writer);
        count = fault_vfs_recorded();
        for (size_t i = 0; i <= count; i++) {
                fault_vfs_crash(i, i, again);
                assert_state(w, again, at);
                empty_dir(again);
        }
        fault_vfs_record_back();
        return count + 1;
}

static void test_crash_in_recovery(void **state)
{
        struct work *w = *state;
        size_t points = getenv("ORGTOKEN_LONG") ? 100 : 8, count, crashes = 0;
        char again[600];

        for (unsigned i = 0; i < STEPS / 3; i++)
                take_step(w);
        count = fault_vfs_recorded();
        fixture_close(w->f);
        (void)snprintf(again, sizeof(again), "%s-again", w->crash_dir);
        assert_int_equal(mkdir(again, 0700), 0);
        for (size_t i = 0; i < points; i++) {
                size_t at = 1 + i * (count - 1) / points;

                empty_dir(w->crash_dir);
                fault_vfs_crash(at, i, w->crash_dir);
                crashes += crash_again(w, at, again);
        }
        print_message("# %zu crashes in the recovery from %zu\n", crashes, points);
        assert_int_equal(rmdir(again), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_crashes),
                TEST(test_crash_in_recovery),
        };

        return cmocka_run_group_tests_name("power_loss", tests, NULL, NULL);
}
