#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/store_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define END          (FIXTURE_NOW + 1000)

/* acme with alice, its admin, and bob; a bound account; a PAT of alice, a key of acme. */
struct world {
        struct store_fixture *f;
        int64_t acme, globex, alice, bob, pat, ak;
        char pat_text[TOKEN_TEXT_MAX + 1], ak_text[TOKEN_TEXT_MAX + 1];
};

static int setup(void **state)
{
        static const struct fixture_token_options pat = {
                .expires_at = END, .services = "sshd su", .sources = "10.0.0.0/8"};
        struct world *w = calloc(1, sizeof(*w));

        assert_non_null(w);
        w->f = fixture_new();
        w->acme = fixture_org(w->f, "acme");
        w->globex = fixture_org(w->f, "globex");
        w->alice = fixture_user(w->f, "alice", 1000);
        w->bob = fixture_user(w->f, "bob", -1);
        fixture_member(w->f, w->acme, w->alice, ROLE_ADMIN);
        fixture_member(w->f, w->acme, w->bob, ROLE_MEMBER);
        fixture_account(w->f, "acme-deploy", w->acme, ROLE_MEMBER, "sshd");
        fixture_account(w->f, "acme-any", w->acme, ROLE_NONE, NULL);
        w->pat = fixture_token(w->f, TOKEN_PAT, w->alice, &pat, w->pat_text);
        w->ak = fixture_token(w->f, TOKEN_AK, w->acme, NULL, w->ak_text);
        *state = w;
        return 0;
}

static int teardown(void **state)
{
        struct world *w = *state;

        w->f = fixture_free(w->f);
        free(w);
        return 0;
}

static struct view secret_of(const char *text)
{
        struct token t;

        assert_int_equal(token_parse(view_of(text), &t), 0);
        return t.secret;
}

/* What the right secret makes of a token's row: a state, or an error of the look-up or the
 * judgement. */
static int judge(struct world *w, int64_t id, const char *text)
{
        enum sealed_token_state judged = (enum sealed_token_state)99;
        struct record_token token;
        int e = store_find_token(w->f->reader, id, &token);

        if (e == 0)
                e = sealed_judge_token(&w->f->sealed, &token, secret_of(text), &judged);
        return e < 0 ? e : (int)judged;
}

static int judge_stored(struct world *w, int64_t id)
{
        enum sealed_token_state judged = (enum sealed_token_state)99;
        struct record_token token;
        int e = store_find_token(w->f->reader, id, &token);

        if (e == 0)
                e = sealed_judge_stored(&w->f->sealed, &token, &judged);
        return e < 0 ? e : (int)judged;
}

__attribute__((format(printf, 2, 3))) static void tamper(struct world *w, const char *format, ...)
{
        char sql[512];
        va_list ap;

        va_start(ap, format);
        assert_in_range(vsnprintf(sql, sizeof(sql), format, ap), 1, sizeof(sql) - 1);
        va_end(ap);
        fixture_tamper(w->f, sql);
}

static void test_as_written(void **state)
{
        struct world *w = *state;
        const struct sealed *s = &w->f->sealed;
        struct record_account account;
        struct record_guarded guarded;
        struct record_member member;
        struct record_user user;
        struct record_org org;

        assert_int_equal(sealed_find_org(s, w->acme, &org), 0);
        assert_string_equal(org.name, "acme");
        assert_true(org.policy.never_ok);
        assert_int_equal(sealed_find_org_by_name(s, VIEW("globex"), &org), 0);
        assert_int_equal(org.id, w->globex);
        assert_int_equal(sealed_find_user(s, w->bob, &user), 0);
        assert_int_equal(user.uid, -1);
        assert_int_equal(sealed_find_user_by_name(s, VIEW("alice"), &user), 0);
        assert_int_equal(user.uid, 1000);
        assert_int_equal(sealed_find_member(s, w->acme, w->alice, &member), 0);
        assert_int_equal(member.role, ROLE_ADMIN);
        assert_int_equal(sealed_find_account(s, VIEW("acme-deploy"), w->acme, &account), 0);
        assert_int_equal(account.role, ROLE_MEMBER);
        assert_int_not_equal(account.services.len, 0);
        assert_int_equal(sealed_find_guarded(s, VIEW("acme-any"), &guarded), 0);
        assert_int_equal(guarded.since, FIXTURE_NOW);
        assert_int_equal(sealed_find_org(s, 99, &org), -ENOENT);
        assert_int_equal(sealed_find_org_by_name(s, VIEW("acm"), &org), -ENOENT);
        assert_int_equal(sealed_find_user(s, 99, &user), -ENOENT);
        assert_int_equal(sealed_find_user_by_name(s, VIEW("Alice"), &user), -ENOENT);
        assert_int_equal(sealed_find_member(s, w->globex, w->alice, &member), -ENOENT);
        assert_int_equal(sealed_find_account(s, VIEW("acme-deploy"), w->globex, &account), -ENOENT);
        assert_int_equal(sealed_find_guarded(s, VIEW("bob"), &guarded), -ENOENT);
        assert_int_equal(judge(w, w->pat, w->pat_text), SEALED_LIVE);
        assert_int_equal(judge(w, w->ak, w->ak_text), SEALED_LIVE);
        assert_int_equal(judge_stored(w, w->pat), SEALED_LIVE);
}

/* All look-ups of the rows that the cases below edit: the first error, or 0. */
static int find_everything(struct world *w)
{
        const struct sealed *s = &w->f->sealed;
        struct record_account account;
        struct record_guarded guarded;
        struct record_member member;
        struct record_user user;
        struct record_org org;
        struct policy policy;
        int64_t mark;
        int e;

        e = sealed_find_org(s, w->acme, &org);
        if (e == 0)
                e = sealed_find_user(s, w->alice, &user);
        if (e == 0)
                e = sealed_find_member(s, w->acme, w->alice, &member);
        if (e == 0)
                e = sealed_find_account(s, VIEW("acme-deploy"), w->acme, &account);
        if (e == 0)
                e = sealed_find_guarded(s, VIEW("acme-deploy"), &guarded);
        if (e == 0)
                e = sealed_find_host_policy(s, &policy);
        if (e == 0)
                e = sealed_find_clock_mark(s, &mark);
        return e;
}

/* Each column of each sealed table, edited to another value that the store itself would take. */
static const char *const edits[] = {
        "UPDATE org SET name = 'acmf' WHERE id = 1",
        "UPDATE org SET created_at = created_at + 1 WHERE id = 1",
        "UPDATE org SET deleted_at = 1 WHERE id = 1",
        "UPDATE org SET suspended = 1 WHERE id = 1",
        "UPDATE org SET max_life = 1 WHERE id = 1",
        "UPDATE org SET max_unused = 1 WHERE id = 1",
        "UPDATE org SET never_ok = 0 WHERE id = 1",
        "UPDATE org SET end_sessions = 1 WHERE id = 1",
        "UPDATE org SET mac = zeroblob(32) WHERE id = 1",
        "UPDATE org SET mac = (SELECT mac FROM org WHERE id = 2) WHERE id = 1",
        "UPDATE org SET id = id + 10; UPDATE org SET id = 1 WHERE id = 12",
        "UPDATE user SET name = 'alicf' WHERE id = 1",
        "UPDATE user SET uid = 0 WHERE id = 1",
        "UPDATE user SET uid = NULL WHERE id = 1",
        "UPDATE user SET created_at = created_at + 1 WHERE id = 1",
        "UPDATE user SET removed_at = 1 WHERE id = 1",
        "UPDATE user SET suspended = 1 WHERE id = 1",
        "UPDATE user SET mac = zeroblob(32) WHERE id = 1",
        "UPDATE user SET mac = (SELECT mac FROM user WHERE id = 2) WHERE id = 1",
        "UPDATE member SET role = 1 WHERE user_id = 1",
        "UPDATE member SET created_at = created_at + 1 WHERE user_id = 1",
        "UPDATE member SET mac = (SELECT mac FROM member WHERE user_id = 2) WHERE user_id = 1",
        "DELETE FROM member WHERE user_id = 1; UPDATE member SET user_id = 1",
        "UPDATE account SET role = 0 WHERE name = 'acme-deploy'",
        "UPDATE account SET services = NULL WHERE name = 'acme-deploy'",
        "UPDATE account SET services = X'01000200737500000000' WHERE name = 'acme-deploy'",
        "UPDATE account SET created_at = created_at + 1 WHERE name = 'acme-deploy'",
        "UPDATE account SET mac = zeroblob(32) WHERE name = 'acme-deploy'",
        "DELETE FROM account WHERE name = 'acme-deploy'; UPDATE account SET name = 'acme-deploy'",
        "UPDATE guarded SET since = since + 1 WHERE name = 'acme-deploy'",
        "UPDATE guarded SET mac = zeroblob(32) WHERE name = 'acme-deploy'",
        "DELETE FROM guarded WHERE name = 'acme-deploy'; UPDATE guarded SET name = 'acme-deploy'",
        "UPDATE host_policy SET max_life = max_life + 1",
        "UPDATE host_policy SET max_unused = max_unused + 1",
        "UPDATE host_policy SET never_ok = 1",
        "UPDATE host_policy SET end_sessions = 0",
        "UPDATE host_policy SET self_service = 1",
        "UPDATE host_policy SET mac = zeroblob(32)",
        "UPDATE clock_mark SET mark = mark + 1",
        "UPDATE clock_mark SET mark = 0",
        "UPDATE clock_mark SET mac = zeroblob(32)",
};

/* Between the same two calls as a decision, which is where rows are kept. */
static int find_in_one_state(struct world *w)
{
        int e = store_read_begin(w->f->sealed.reader);

        if (e < 0)
                return e;
        e = find_everything(w);
        store_read_end(w->f->sealed.reader);
        return e;
}

/* With the seals remembered and without, with rows kept and without: whatever is remembered, an
   edit shows at once. */
static void test_edited_rows(void **state)
{
        (void)state;
        for (size_t i = 0; i < 4 * COUNT(edits); i++) {
                const struct policy policy = {.max_life = 5,
                                              .max_unused = 6,
                                              .end_sessions = true,
                                              .self_service = SELF_SERVICE_LIMITED};
                void *own = NULL;
                struct world *w;
                int64_t revision;
                int e;

                assert_int_equal(setup(&own), 0);
                w = own;
                if (i % 2 == 1)
                        assert_int_equal(seal_memo_new(&w->f->sealed.memo), 0);
                if (i % 4 >= 2)
                        assert_int_equal(rowcache_new(&w->f->sealed.rows), 0);
                assert_int_equal(store_write_begin(w->f->writer), 0);
                assert_int_equal(sealed_put_host_policy(&w->f->managed, &policy), 0);
                assert_int_equal(sealed_put_clock_mark(&w->f->managed, FIXTURE_NOW), 0);
                assert_int_equal(store_write_commit(w->f->writer, &revision), 0);
                assert_int_equal(find_in_one_state(w), 0);
                assert_int_equal(find_in_one_state(w), 0);
                fixture_tamper(w->f, edits[i / 4]);
                e = find_in_one_state(w);
                if (e != -EBADMSG)
                        print_error("%s: %d\n", edits[i / 4], e);
                assert_int_equal(e, -EBADMSG);
                w->f->sealed.rows = rowcache_free(w->f->sealed.rows);
                w->f->sealed.memo = seal_memo_free(w->f->sealed.memo);
                assert_int_equal(teardown(&own), 0);
        }
}

/* Columns of other types and lengths than the schema's: refused before they are judged. */
static void test_wrong_types(void **state)
{
        static const char *const cases[] = {
                "UPDATE org SET mac = zeroblob(31) WHERE id = 1",
                "UPDATE org SET mac = X'' WHERE id = 1",
                "UPDATE org SET suspended = 2 WHERE id = 1",
                "UPDATE org SET created_at = -1 WHERE id = 1",
                "UPDATE org SET name = 'acme-acme-acme-acme-acme-acme-acme' WHERE id = 1",
                "UPDATE org SET name = CAST(X'61006d65' AS TEXT) WHERE id = 1",
                "UPDATE org SET max_life = -1 WHERE id = 1",
                "UPDATE user SET uid = -5 WHERE id = 1",
                "UPDATE member SET role = 3 WHERE user_id = 1",
                "UPDATE account SET role = -1 WHERE name = 'acme-deploy'",
                "UPDATE account SET services = zeroblob(3073) WHERE name = 'acme-deploy'",
                "UPDATE account SET services = X'' WHERE name = 'acme-deploy'",
        };

        (void)state;
        for (size_t i = 0; i < COUNT(cases); i++) {
                void *own = NULL;
                struct world *w;
                int e;

                assert_int_equal(setup(&own), 0);
                w = own;
                fixture_tamper(w->f, cases[i]);
                e = find_everything(w);
                if (e != -EUCLEAN)
                        print_error("%s: %d\n", cases[i], e);
                assert_int_equal(e, -EUCLEAN);
                assert_int_equal(teardown(&own), 0);
        }
}

static int visit_member(void *context, const struct record_member *member)
{
        return sealed_check_member(context, member);
}

static int visit_account(void *context, const struct record_account *account)
{
        return sealed_check_account(context, account);
}

static void test_visited_rows(void **state)
{
        struct world *w = *state;
        struct sealed *s = &w->f->sealed;
        struct store_cursor all = {0}, again = {0};

        assert_int_equal(store_list_members(s->reader, w->acme, &all, 10, visit_member, s), 0);
        assert_int_equal(store_list_bindings(s->reader, VIEW("acme-any"), visit_account, s), 0);
        fixture_tamper(w->f, "UPDATE member SET role = 2; UPDATE account SET role = 2");
        assert_int_equal(store_list_members(s->reader, w->acme, &again, 10, visit_member, s),
                         -EBADMSG);
        assert_int_equal(store_list_bindings(s->reader, VIEW("acme-any"), visit_account, s),
                         -EBADMSG);
}

/* An id that was left at 0 is the next one. */
static void test_next_id(void **state)
{
        struct world *w = *state;
        struct record_org org = {.name = "third", .created_at = FIXTURE_NOW};
        struct record_user user = {.name = "carol", .uid = -1, .created_at = FIXTURE_NOW};
        int64_t revision;

        assert_int_equal(store_write_begin(w->f->writer), 0);
        assert_int_equal(sealed_put_org(&w->f->managed, &org), 0);
        assert_int_equal(sealed_put_user(&w->f->managed, &user), 0);
        assert_int_equal(store_write_commit(w->f->writer, &revision), 0);
        assert_int_equal(org.id, w->globex + 1);
        assert_int_equal(user.id, w->bob + 1);
        assert_int_equal(sealed_find_org(&w->f->sealed, org.id, &org), 0);
        assert_int_equal(sealed_find_user(&w->f->sealed, user.id, &user), 0);
}

static void test_policy_absent(void **state)
{
        struct world *w = *state;
        struct policy policy = {.max_life = 7};
        int64_t mark = 7;

        assert_int_equal(sealed_find_host_policy(&w->f->sealed, &policy), 0);
        assert_true(policy.never_ok && !policy.end_sessions);
        assert_int_equal(policy.max_life, 0);
        assert_int_equal(policy.max_unused, 0);
        assert_int_equal(policy.self_service, SELF_SERVICE_FULL);
        assert_int_equal(sealed_find_clock_mark(&w->f->sealed, &mark), 0);
        assert_int_equal(mark, 0);
}

/* ---- tokens ---- */

static void test_wrong_secret(void **state)
{
        struct world *w = *state;
        char text[TOKEN_TEXT_MAX + 1];
        struct record_token token;
        enum sealed_token_state judged;

        fixture_find_token(w->f, w->pat, &token);
        for (unsigned i = 0; i < TOKEN_SECRET_LEN; i++) {
                struct view right = secret_of(w->pat_text);

                memcpy(text, right.ptr, right.len);
                text[i] = text[i] == 'a' ? 'b' : 'a';
                assert_int_equal(sealed_judge_token(&w->f->sealed, &token,
                                                    view_of_bytes(text, right.len), &judged),
                                 0);
                assert_int_equal(judged, SEALED_WRONG);
        }
        assert_int_equal(sealed_judge_token(&w->f->sealed, &token, VIEW_ABSENT, &judged), 0);
        assert_int_equal(judged, SEALED_WRONG);
        /* Another token's right secret. */
        assert_int_equal(judge(w, w->pat, w->ak_text), SEALED_WRONG);
}

/* Every claim, and what goes with the mac. The right secret is in hand, and still no token. */
static void test_edited_tokens(void **state)
{
        static const char *const cases[] = {
                "kind = 1, org_id = 1, user_id = NULL",
                "user_id = 2",
                "created_at = created_at + 1",
                "expires_at = NULL",
                "expires_at = expires_at + 1",
                "limits = NULL",
                "limits = X'01000200737500000000'",
                "limits = X'ff'",
                "proof = zeroblob(32)",
                "proof = (SELECT proof FROM token t WHERE t.kind = 1)",
                "proof = NULL",
                "mac = zeroblob(32)",
                "mac = (SELECT mac FROM token t WHERE t.kind = 1)",
                ("proof = (SELECT proof FROM token t WHERE t.kind = 1),"
                 " mac = (SELECT mac FROM token t WHERE t.kind = 1)"),
                "key_fingerprint = key_fingerprint - 1",
                "ends_at = 1800000000, end_mac = zeroblob(32), end_reason = 'rotated'",
                "ends_at = 1800000000",
                "end_mac = zeroblob(32)",
                "revoked_at = 5, end_reason = 'revoked'",
                "id = 5",
        };

        (void)state;
        for (size_t i = 0; i < COUNT(cases); i++) {
                void *own = NULL;
                struct world *w;
                int e, stored;

                assert_int_equal(setup(&own), 0);
                w = own;
                tamper(w, "UPDATE token SET %s WHERE id = %lld", cases[i], (long long)w->pat);
                /* A row that was moved is not found, or is another's. */
                e = judge(w, strstr(cases[i], "id = 5") ? 5 : w->pat, w->pat_text);
                stored = judge_stored(w, strstr(cases[i], "id = 5") ? 5 : w->pat);
                if (e != SEALED_WRONG && e != -EBADMSG && e != -EUCLEAN)
                        print_error("%s: %d\n", cases[i], e);
                assert_true(e == SEALED_WRONG || e == -EBADMSG || e == -EUCLEAN);
                if (stored != -EBADMSG && stored != -EUCLEAN && stored != SEALED_REVOKED)
                        print_error("stored: %s: %d\n", cases[i], stored);
                /* A proof taken away reads as revoked, which only its writer has from it. */
                assert_true(stored == -EBADMSG || stored == -EUCLEAN ||
                            (stored == SEALED_REVOKED && strcmp(cases[i], "proof = NULL") == 0));
                assert_int_equal(teardown(&own), 0);
        }
}

static void test_renamed(void **state)
{
        struct world *w = *state;
        struct record_token token;
        int64_t revision;

        fixture_find_token(w->f, w->pat, &token);
        (void)view_copy(VIEW("another name"), token.name, sizeof(token.name));
        assert_int_equal(store_write_begin(w->f->writer), 0);
        assert_int_equal(store_update_token(w->f->writer, &token), 0);
        assert_int_equal(store_write_commit(w->f->writer, &revision), 0);
        assert_int_equal(judge(w, w->pat, w->pat_text), SEALED_LIVE);
        fixture_find_token(w->f, w->pat, &token);
        assert_string_equal(token.name, "another name");
}

static void test_revoked(void **state)
{
        struct world *w = *state;
        struct record_token before, after;
        int64_t revision;

        fixture_find_token(w->f, w->pat, &before);
        fixture_revoke(w->f, w->pat, FIXTURE_NOW + 5, "lost");
        fixture_find_token(w->f, w->pat, &after);
        assert_false(after.has_proof);
        assert_int_equal(after.revoked_at, FIXTURE_NOW + 5);
        assert_string_equal(after.end_reason, "lost");
        assert_memory_not_equal(before.mac, after.mac, sizeof(after.mac));
        assert_int_equal(judge(w, w->pat, w->pat_text), SEALED_REVOKED);
        assert_int_equal(judge_stored(w, w->pat), SEALED_REVOKED);
        assert_int_equal(judge(w, w->pat, w->ak_text), SEALED_WRONG);
        /* Once more: nothing changes, no revision is taken. */
        assert_int_equal(store_write_begin(w->f->writer), 0);
        assert_int_equal(sealed_revoke_token(&w->f->managed, &after, FIXTURE_NOW + 9, "again"), 0);
        assert_int_equal(sealed_end_token(&w->f->managed, &after, FIXTURE_NOW, "rotated", -1),
                         -EPERM);
        assert_int_equal(store_write_commit(w->f->writer, &revision), 0);
        fixture_find_token(w->f, w->pat, &after);
        assert_int_equal(after.revoked_at, FIXTURE_NOW + 5);
        /* A stale copy of the row does not bring it back either. */
        assert_int_equal(store_write_begin(w->f->writer), 0);
        assert_int_equal(store_update_token(w->f->writer, &before), -EPERM);
        store_write_rollback(w->f->writer);
        assert_int_equal(judge(w, w->pat, w->pat_text), SEALED_REVOKED);
}

/* Whoever can write the database cannot undo a revocation with what is in it. */
static void test_revocation_undone(void **state)
{
        struct world *w = *state;
        struct record_token before;
        char proof[2 * RECORD_MAC_LEN + 1];

        fixture_find_token(w->f, w->pat, &before);
        for (unsigned i = 0; i < RECORD_MAC_LEN; i++)
                (void)snprintf(proof + 2 * i, 3, "%02x", before.proof[i]);
        fixture_revoke(w->f, w->pat, FIXTURE_NOW + 5, "lost");
        tamper(w, "UPDATE token SET revoked_at = NULL, end_reason = NULL WHERE id = %lld",
               (long long)w->pat);
        assert_int_equal(judge(w, w->pat, w->pat_text), SEALED_REVOKED);
        assert_int_equal(judge_stored(w, w->pat), SEALED_REVOKED);
        /* Not even with the proof, kept from a backup. */
        tamper(w, "UPDATE token SET proof = X'%s' WHERE id = %lld", proof, (long long)w->pat);
        assert_int_equal(judge(w, w->pat, w->pat_text), SEALED_REVOKED);
        assert_int_equal(judge_stored(w, w->pat), SEALED_REVOKED);
        /* The live mac under the domain of the revoked one is no way round. */
        tamper(w, "UPDATE token SET mac = zeroblob(32) WHERE id = %lld", (long long)w->pat);
        assert_int_equal(judge(w, w->pat, w->pat_text), SEALED_WRONG);
        assert_int_equal(judge_stored(w, w->pat), -EBADMSG);
}

static void test_ended(void **state)
{
        struct world *w = *state;
        struct record_token token;

        fixture_end(w->f, w->ak, END, "rotated", w->pat);
        fixture_find_token(w->f, w->ak, &token);
        assert_int_equal(token.ends_at, END);
        assert_string_equal(token.end_reason, "rotated");
        assert_true(token.successor == w->pat);
        assert_true(token.has_proof);
        /* When it ends is for others to judge; the seal holds. */
        assert_int_equal(judge(w, w->ak, w->ak_text), SEALED_LIVE);
        fixture_end(w->f, w->ak, END - 1, "rotated", w->pat);
        fixture_find_token(w->f, w->ak, &token);
        assert_int_equal(token.ends_at, END - 1);
        assert_int_equal(store_write_begin(w->f->writer), 0);
        assert_int_equal(sealed_end_token(&w->f->managed, &token, END, "rotated", -1), -EPERM);
        assert_int_equal(sealed_end_token(&w->f->managed, &token, EXPIRY_NEVER, "rotated", -1),
                         -EPERM);
        assert_int_equal(token.ends_at, END - 1);
        /* The store says so too, to whom has an older copy of the row. */
        token.ends_at = END;
        assert_int_equal(store_update_token(w->f->writer, &token), -EPERM);
        token.ends_at = EXPIRY_NEVER;
        token.end_reason[0] = '\0';
        assert_int_equal(store_update_token(w->f->writer, &token), -EPERM);
        store_write_rollback(w->f->writer);
        /* Revoked with an earlier end on it: both hold. */
        fixture_revoke(w->f, w->ak, FIXTURE_NOW + 1, "lost");
        fixture_find_token(w->f, w->ak, &token);
        assert_int_equal(token.ends_at, END - 1);
        assert_string_equal(token.end_reason, "lost");
        assert_int_equal(judge(w, w->ak, w->ak_text), SEALED_REVOKED);
}

static void test_edited_end(void **state)
{
        static const char *const cases[] = {
                "ends_at = ends_at + 1",
                "end_reason = 'revoked'",
                "end_mac = zeroblob(32)",
                "end_mac = mac",
        };

        (void)state;
        for (size_t i = 0; i < COUNT(cases); i++) {
                void *own = NULL;
                struct world *w;

                assert_int_equal(setup(&own), 0);
                w = own;
                fixture_end(w->f, w->ak, END, "rotated", -1);
                assert_int_equal(judge(w, w->ak, w->ak_text), SEALED_LIVE);
                tamper(w, "UPDATE token SET %s WHERE id = %lld", cases[i], (long long)w->ak);
                assert_int_equal(judge(w, w->ak, w->ak_text), -EBADMSG);
                assert_int_equal(judge_stored(w, w->ak), -EBADMSG);
                /* And one who has not the secret learns nothing of it. */
                assert_int_equal(judge(w, w->ak, w->pat_text), SEALED_WRONG);
                assert_int_equal(teardown(&own), 0);
        }
}

static void test_insert(void **state)
{
        struct world *w = *state;
        struct record_token token = {
                .id = 7, .kind = TOKEN_AK, .owner = w->acme, .created_at = 1, .expires_at = 2};
        struct record_token given;
        const struct sealed *s = &w->f->managed;

        (void)view_copy(VIEW("x"), token.name, sizeof(token.name));
        given = token;
        assert_int_equal(store_write_begin(w->f->writer), 0);
        assert_int_equal(sealed_insert_token(s, &token, VIEW("short")), -EINVAL);
        token.limits.len = 1;
        assert_int_equal(sealed_insert_token(s, &token, secret_of(w->ak_text)), -EINVAL);
        token = given;
        /* An expiry that was forgotten is none, and no "never". */
        token.expires_at = 0;
        assert_int_equal(sealed_insert_token(s, &token, secret_of(w->ak_text)), -EINVAL);
        token = given;
        token.owner = 0;
        assert_int_equal(sealed_insert_token(s, &token, secret_of(w->ak_text)), -EINVAL);
        token.owner = 99;
        assert_int_equal(sealed_insert_token(s, &token, secret_of(w->ak_text)), -ENOENT);
        token = given;
        token.id = w->ak;
        assert_int_equal(sealed_insert_token(s, &token, secret_of(w->ak_text)), -EEXIST);
        token = given;
        assert_int_equal(sealed_insert_token(s, &token, secret_of(w->ak_text)), 0);
        assert_int_equal(token.ends_at, EXPIRY_NEVER);
        assert_int_equal(token.successor, -1);
        assert_int_equal(token.revoked_at, 0);
        assert_true(token.has_proof);
        assert_true(token.key_fingerprint == s->fingerprint);
        /* A reason that does not fit is no reason. */
        assert_int_equal(sealed_revoke_token(s, &token, 5, ""), -EINVAL);
        assert_int_equal(sealed_revoke_token(s, &token, 5, "12345678901234567890123456789012"),
                         -EINVAL);
        assert_int_equal(sealed_revoke_token(s, &token, -5, "1234567890123456789012345678901"), 0);
        assert_int_equal(token.revoked_at, 1);
        store_write_rollback(w->f->writer);
}

static void test_other_key(void **state)
{
        struct world *w = *state;
        static const uint8_t bytes[KEYHASH_KEY_LEN] = {1};
        struct record_token token;
        struct record_org org;
        struct sealed other = w->f->sealed;
        enum sealed_token_state judged;
        struct keyhash *key = NULL;

        assert_int_equal(keyhash_new(bytes, &key), 0);
        other.key = key;
        assert_int_equal(sealed_find_org(&other, w->acme, &org), -EBADMSG);
        fixture_find_token(w->f, w->pat, &token);
        assert_int_equal(sealed_judge_token(&other, &token, secret_of(w->pat_text), &judged), 0);
        assert_int_equal(judged, SEALED_WRONG);
        other.fingerprint = keyhash_fingerprint(key);
        assert_int_equal(sealed_judge_token(&other, &token, secret_of(w->pat_text), &judged),
                         -EBADMSG);
        assert_int_equal(sealed_judge_stored(&other, &token, &judged), -EBADMSG);
        (void)keyhash_free(key);
}

static void test_read_only(void **state)
{
        struct world *w = *state;
        struct sealed s = w->f->sealed;
        struct record_account account = {0};
        struct record_guarded guarded = {0};
        struct record_member member = {0};
        struct record_token token = {0};
        struct record_user user = {0};
        struct record_org org = {0};
        struct policy policy = {0};

        s.writer = NULL;
        assert_int_equal(sealed_put_org(&s, &org), -EROFS);
        assert_int_equal(sealed_put_user(&s, &user), -EROFS);
        assert_int_equal(sealed_put_member(&s, &member), -EROFS);
        assert_int_equal(sealed_put_account(&s, &account), -EROFS);
        assert_int_equal(sealed_put_guarded(&s, &guarded), -EROFS);
        assert_int_equal(sealed_put_host_policy(&s, &policy), -EROFS);
        assert_int_equal(sealed_put_clock_mark(&s, 1), -EROFS);
        assert_int_equal(sealed_insert_token(&s, &token, VIEW("")), -EROFS);
        assert_int_equal(sealed_revoke_token(&s, &token, 1, "x"), -EROFS);
        assert_int_equal(sealed_end_token(&s, &token, 1, "x", -1), -EROFS);
}

/* A remembered seal is compared with what the row carries, each time: it lets nothing through. */
static void test_memo(void **state)
{
        struct world *w = *state;
        struct sealed s = w->f->sealed;
        struct record_account account;
        struct record_org org;

        assert_int_equal(seal_memo_new(&s.memo), 0);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(sealed_find_org(&s, w->acme, &org), 0);
                assert_int_equal(sealed_find_account(&s, VIEW("acme-any"), w->acme, &account), 0);
        }
        for (int i = 0; i < 2; i++) {
                fixture_tamper(w->f, "UPDATE account SET role = 2; UPDATE org SET suspended = 1");
                for (int again = 0; again < 2; again++) {
                        assert_int_equal(sealed_find_org(&s, w->acme, &org), -EBADMSG);
                        assert_int_equal(
                                sealed_find_account(&s, VIEW("acme-any"), w->acme, &account),
                                -EBADMSG);
                }
                fixture_tamper(w->f, "UPDATE account SET role = 0; UPDATE org SET suspended = 0");
                assert_int_equal(sealed_find_org(&s, w->acme, &org), 0);
                assert_int_equal(sealed_find_account(&s, VIEW("acme-any"), w->acme, &account), 0);
        }
        /* The same columns with another row's seal. */
        fixture_tamper(w->f, "UPDATE account SET mac = (SELECT mac FROM org LIMIT 1)");
        assert_int_equal(sealed_find_account(&s, VIEW("acme-any"), w->acme, &account), -EBADMSG);
        s.memo = seal_memo_free(s.memo);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_as_written),
                cmocka_unit_test(test_edited_rows),
                cmocka_unit_test(test_wrong_types),
                TEST(test_visited_rows),
                TEST(test_next_id),
                TEST(test_policy_absent),
                TEST(test_wrong_secret),
                cmocka_unit_test(test_edited_tokens),
                TEST(test_renamed),
                TEST(test_revoked),
                TEST(test_revocation_undone),
                TEST(test_ended),
                cmocka_unit_test(test_edited_end),
                TEST(test_insert),
                TEST(test_other_key),
                TEST(test_read_only),
                TEST(test_memo),
        };

        return cmocka_run_group_tests_name("sealed", tests, NULL, NULL);
}
