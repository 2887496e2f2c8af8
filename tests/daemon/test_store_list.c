#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/daemon/store_scene.h"

/* ---- lists ---- */

struct ids {
        unsigned count, stop_at;
        int64_t id[400];
};

static int take(struct ids *ids, int64_t id)
{
        if (ids->stop_at && ids->count + 1 == ids->stop_at)
                return -ECANCELED;
        assert_true(ids->count < COUNT(ids->id));
        ids->id[ids->count++] = id;
        return 0;
}

static int take_token(void *context, const struct record_token *token)
{
        return take(context, token->id);
}

static int take_org(void *context, const struct record_org *org)
{
        return take(context, org->id);
}

static int take_user(void *context, const struct record_user *user)
{
        return take(context, user->id);
}

static int take_member(void *context, const struct record_member *member)
{
        return take(context, member->org_id * 1000 + member->user_id);
}

static int take_account(void *context, const struct record_account *account)
{
        return take(context, account->org_id * 1000 + account->name[0]);
}

static int take_guarded(void *context, const struct record_guarded *guarded)
{
        return take(context, guarded->name[0]);
}

/* Walks a list in pages: how many pages it took. */
#define WALK(ids, max, call)                                                                       \
        do {                                                                                       \
                struct store_cursor cursor = {0};                                                  \
                int more_;                                                                         \
                memset((ids), 0, sizeof(*(ids)));                                                  \
                do                                                                                 \
                        more_ = (call);                                                            \
                while (more_ == 1);                                                                \
                assert_int_equal(more_, 0);                                                        \
        } while (0)

/* 300 tokens of one second in 43 revisions, with ids that are in another order than their making.
   The clock goes back under way: created_at is no order. */
static void make_tokens(struct store_fixture *f, int64_t org, int64_t user)
{
        begin(f);
        for (int i = 0; i < 300; i++) {
                if (i % 7 == 6) {
                        commit(f);
                        begin(f);
                }
                struct record_token token =
                        token_of((i * 7919 + 13) % 100000, i % 3 == 0 ? TOKEN_AK : TOKEN_PAT,
                                 i % 3 == 0 ? org : user);

                token.created_at = i < 200 ? NOW : NOW - 1;
                assert_int_equal(store_insert_token(f->writer, &token), 0);
        }
        commit(f);
}

static void assert_oldest_first(struct store_fixture *f, const struct ids *ids, unsigned count)
{
        struct record_token before = {0}, token;

        assert_int_equal(ids->count, count);
        for (unsigned i = 0; i < count; i++) {
                fixture_find_token(f, ids->id[i], &token);
                if (i > 0)
                        assert_true(before.made < token.made ||
                                    (before.made == token.made && before.id < token.id));
                before = token;
        }
}

static void test_list_tokens(void **state)
{
        struct store_fixture *f = *state;
        int64_t org = fixture_org(f, "acme"), user = fixture_user(f, "alice", 1);
        struct ids ids;

        make_tokens(f, org, user);
        for (unsigned max = 1; max < 320; max = max * 2 + 1) {
                WALK(&ids, max,
                     store_list_tokens(f->reader, TOKEN_AK, org, &cursor, max, take_token, &ids));
                assert_oldest_first(f, &ids, 100);
                WALK(&ids, max,
                     store_list_tokens(f->reader, TOKEN_PAT, user, &cursor, max, take_token, &ids));
                assert_oldest_first(f, &ids, 200);
                WALK(&ids, max,
                     store_list_tokens(f->reader, TOKEN_PAT, 0, &cursor, max, take_token, &ids));
                assert_oldest_first(f, &ids, 200);
        }
        WALK(&ids, 10,
             store_list_tokens(f->reader, TOKEN_AK, org + 1, &cursor, 10, take_token, &ids));
        assert_int_equal(ids.count, 0);
        /* A range, by id. */
        memset(&ids, 0, sizeof(ids));
        assert_int_equal(store_list_token_range(f->reader, TOKEN_PAT, 0, 50000, take_token, &ids),
                         0);
        for (unsigned i = 1; i < ids.count; i++)
                assert_true(ids.id[i - 1] < ids.id[i]);
        assert_in_range(ids.count, 50, 150);
        assert_in_range(ids.id[ids.count - 1], 0, 50000);
        memset(&ids, 0, sizeof(ids));
        assert_int_equal(store_list_token_range(f->reader, TOKEN_AK, 13, 13, take_token, &ids), 0);
        assert_int_equal(ids.count, 1);
        assert_int_equal(store_list_token_range(f->reader, TOKEN_PAT, 13, 13, take_token, &ids), 0);
        assert_int_equal(ids.count, 1);
}

/* A visitor that has no room ends the walk, and gets the same row again. */
static void test_list_stopped(void **state)
{
        struct store_fixture *f = *state;
        int64_t org = fixture_org(f, "acme"), user = fixture_user(f, "alice", 1);
        struct store_cursor place = {0};
        struct ids all, ids = {.stop_at = 6};

        make_tokens(f, org, user);
        WALK(&all, 400,
             store_list_tokens(f->reader, TOKEN_AK, org, &cursor, 400, take_token, &all));
        assert_int_equal(store_list_tokens(f->reader, TOKEN_AK, org, &place, 50, take_token, &ids),
                         -ECANCELED);
        assert_int_equal(ids.count, 5);
        ids.stop_at = 0;
        assert_int_equal(store_list_tokens(f->reader, TOKEN_AK, org, &place, 200, take_token, &ids),
                         0);
        assert_int_equal(ids.count, 100);
        assert_memory_equal(ids.id, all.id, 100 * sizeof(ids.id[0]));
}

static void test_list_others(void **state)
{
        struct store_fixture *f = *state;
        struct record_org gone;
        struct record_user removed;
        struct ids ids;

        for (int i = 0; i < 7; i++) {
                char name[16];

                (void)snprintf(name, sizeof(name), "%c-name", 'z' - i);
                fixture_org(f, name);
                fixture_user(f, name, i);
        }
        for (int i = 1; i <= 7; i++) {
                char name[16];

                (void)snprintf(name, sizeof(name), "%c", 'p' - i);
                fixture_member(f, 1, i, ROLE_MEMBER);
                fixture_member(f, i, 7, ROLE_ADMIN);
                fixture_account(f, name, 1, ROLE_NONE, NULL);
                fixture_account(f, "a", i, ROLE_NONE, NULL);
        }
        assert_int_equal(store_find_org(f->reader, 3, &gone), 0);
        assert_int_equal(store_find_user(f->reader, 4, &removed), 0);
        gone.deleted_at = removed.removed_at = NOW;
        begin(f);
        assert_int_equal(store_put_org(f->writer, &gone), 0);
        assert_int_equal(store_put_user(f->writer, &removed), 0);
        commit(f);
        for (unsigned max = 1; max < 16; max++) {
                WALK(&ids, max, store_list_orgs(f->reader, &cursor, max, take_org, &ids));
                assert_int_equal(ids.count, 6);
                assert_int_equal(ids.id[2], 4);
                WALK(&ids, max, store_list_users(f->reader, &cursor, max, take_user, &ids));
                assert_int_equal(ids.count, 6);
                assert_int_equal(ids.id[3], 5);
                WALK(&ids, max, store_list_members(f->reader, 1, &cursor, max, take_member, &ids));
                assert_int_equal(ids.count, 7);
                /* The seventh came second; its role was changed later, which is no new membership.
                 */
                assert_int_equal(ids.id[0], 1001);
                assert_int_equal(ids.id[1], 1007);
                for (unsigned i = 2; i < 7; i++)
                        assert_int_equal(ids.id[i], 1000 + i);
                WALK(&ids, max,
                     store_list_memberships(f->reader, 7, &cursor, max, take_member, &ids));
                assert_int_equal(ids.count, 7);
                for (unsigned i = 0; i < 7; i++)
                        assert_int_equal(ids.id[i], (i + 1) * 1000 + 7);
                WALK(&ids, max,
                     store_list_accounts(f->reader, 1, &cursor, max, take_account, &ids));
                assert_int_equal(ids.count, 8);
                /* As they were bound: o, a, n, m, … */
                assert_int_equal(ids.id[0], 1000 + 'o');
                assert_int_equal(ids.id[1], 1000 + 'a');
                for (unsigned i = 2; i < 8; i++)
                        assert_int_equal(ids.id[i], 1000 + 'p' - (int)i);
                WALK(&ids, max,
                     store_list_accounts(f->reader, 0, &cursor, max, take_account, &ids));
                assert_int_equal(ids.count, 14);
                for (unsigned i = 0; i < 7; i++) {
                        assert_int_equal(ids.id[2 * i], 1000 + 'o' - (int)i);
                        assert_int_equal(ids.id[2 * i + 1], (i + 1) * 1000 + 'a');
                }
                WALK(&ids, max, store_list_guarded(f->reader, &cursor, max, take_guarded, &ids));
                assert_int_equal(ids.count, 8);
                assert_int_equal(ids.id[0], 'a');
        }
        memset(&ids, 0, sizeof(ids));
        assert_int_equal(store_list_bindings(f->reader, VIEW("a"), take_account, &ids), 0);
        assert_int_equal(ids.count, 7);
        assert_int_equal(store_list_bindings(f->reader, VIEW("b"), take_account, &ids), 0);
        assert_int_equal(ids.count, 7);
}

/* A visitor may look up what it likes, but not walk the list that it is in. */
static int visit_deep(void *context, const struct record_token *token)
{
        struct store_reader *r = context;
        struct record_token same;
        struct store_cursor cursor = {0};
        struct ids ids = {0};
        unsigned shown;

        assert_int_equal(store_find_token(r, token->id, &same), 0);
        assert_int_equal(store_key_id_length(r, token->id, &shown), 0);
        assert_int_equal(
                store_list_tokens(r, token->kind, token->owner, &cursor, 5, take_token, &ids),
                -EBUSY);
        return 0;
}

static void test_list_nested(void **state)
{
        struct store_fixture *f = *state;
        int64_t org = fixture_org(f, "acme"), user = fixture_user(f, "alice", 1);
        struct ids ids;

        make_tokens(f, org, user);
        WALK(&ids, 40,
             store_list_tokens(f->reader, TOKEN_AK, org, &cursor, 40, visit_deep, f->reader));
}

static void test_key_id_length(void **state)
{
        static const struct {
                const char *id;
                unsigned shown;
        } cases[] = {
                {"0000000000", 6}, {"aaaaaabbbb", 7}, {"aaaaaacbbb", 10}, {"aaaaaacbbc", 10},
                {"bbbbbbbbbb", 9}, {"bbbbbbbbcb", 9}, {"zzzzzzzzzz", 6},
        };
        struct store_fixture *f = *state;
        int64_t org = fixture_org(f, "acme");
        unsigned shown;

        begin(f);
        for (size_t i = 0; i < COUNT(cases); i++) {
                struct record_token token = token_of(0, TOKEN_AK, org);

                for (unsigned j = 0; j < TOKEN_ID_LEN; j++)
                        token.id = token.id * TOKEN_BASE + token_digit(cases[i].id[j]);
                assert_int_equal(store_insert_token(f->writer, &token), 0);
        }
        commit(f);
        for (size_t i = 0; i < COUNT(cases); i++) {
                int64_t id = 0;

                for (unsigned j = 0; j < TOKEN_ID_LEN; j++)
                        id = id * TOKEN_BASE + token_digit(cases[i].id[j]);
                assert_int_equal(store_key_id_length(f->reader, id, &shown), 0);
                assert_int_equal(shown, cases[i].shown);
        }
}

static void test_counts(void **state)
{
        struct store_fixture *f = *state;
        char text[TOKEN_TEXT_MAX + 1];
        const struct fixture_token_options soon = {.expires_at = NOW + 10};
        int64_t org, user, other, ak, all, admins, live;
        struct store_counts counts;

        org = fixture_org(f, "acme");
        user = fixture_user(f, "alice", 1);
        other = fixture_user(f, "bob", 2);
        fixture_member(f, org, user, ROLE_ADMIN);
        fixture_member(f, org, other, ROLE_MEMBER);
        fixture_account(f, "x", org, ROLE_NONE, NULL);
        ak = fixture_token(f, TOKEN_AK, org, NULL, text);
        fixture_end(f, ak, NOW + 5, "rotated", -1);
        fixture_token(f, TOKEN_AK, org, &soon, text);
        fixture_revoke(f, fixture_token(f, TOKEN_AK, org, &soon, text), NOW, "x");
        fixture_token(f, TOKEN_PAT, user, &soon, text);
        fixture_token(f, TOKEN_PAT, user, NULL, text);
        fixture_token(f, TOKEN_PAT, other, NULL, text);
        assert_int_equal(store_count_members(f->reader, org, &all, &admins), 0);
        assert_true(all == 2 && admins == 1);
        assert_int_equal(store_count_members(f->reader, org + 1, &all, &admins), 0);
        assert_true(all == 0 && admins == 0);
        assert_int_equal(store_count(f->reader, NOW, &counts), 0);
        assert_true(counts.orgs == 1 && counts.users == 2 && counts.members == 2 &&
                    counts.accounts == 1);
        assert_true(counts.bytes >= 4096);
        assert_int_equal(counts.tokens[TOKEN_AK][WIRE_STATE_LIVE], 2);
        assert_int_equal(counts.tokens[TOKEN_AK][WIRE_STATE_REVOKED], 1);
        assert_int_equal(counts.tokens[TOKEN_AK][WIRE_STATE_EXPIRED], 0);
        assert_int_equal(counts.tokens[TOKEN_PAT][WIRE_STATE_LIVE], 3);
        /* At the very second of each end. */
        assert_int_equal(store_count(f->reader, NOW + 5, &counts), 0);
        assert_int_equal(counts.tokens[TOKEN_AK][WIRE_STATE_LIVE], 1);
        assert_int_equal(counts.tokens[TOKEN_AK][WIRE_STATE_REVOKED], 2);
        assert_int_equal(store_count(f->reader, NOW + 10, &counts), 0);
        assert_int_equal(counts.tokens[TOKEN_AK][WIRE_STATE_LIVE], 0);
        assert_int_equal(counts.tokens[TOKEN_AK][WIRE_STATE_EXPIRED], 1);
        assert_int_equal(counts.tokens[TOKEN_AK][WIRE_STATE_REVOKED], 2);
        assert_int_equal(counts.tokens[TOKEN_PAT][WIRE_STATE_LIVE], 2);
        assert_int_equal(counts.tokens[TOKEN_PAT][WIRE_STATE_EXPIRED], 1);
        assert_int_equal(store_count_tokens(f->reader, TOKEN_AK, org, NOW + 4, &live), 0);
        assert_int_equal(live, 2);
        assert_int_equal(store_count_tokens(f->reader, TOKEN_AK, org, NOW + 5, &live), 0);
        assert_int_equal(live, 1);
        assert_int_equal(store_count_tokens(f->reader, TOKEN_PAT, user, NOW + 10, &live), 0);
        assert_int_equal(live, 1);
        assert_int_equal(store_count_tokens(f->reader, TOKEN_PAT, 0, NOW, &live), 0);
        assert_int_equal(live, 3);
        assert_int_equal(store_count_tokens(f->reader, TOKEN_PAT, 99, NOW, &live), 0);
        assert_int_equal(live, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_list_tokens), TEST(test_list_stopped),  TEST(test_list_others),
                TEST(test_list_nested), TEST(test_key_id_length), TEST(test_counts),
        };

        return cmocka_run_group_tests_name("store lists", tests, NULL, NULL);
}
