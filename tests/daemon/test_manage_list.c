/* Lists, filters, pages, `status`, `whoami`, `check` and the sweeps of `revoke --all`. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/manage_fixture.h"

void audit_write(const struct audit_record *record)
{
        manage_fixture_record(record);
}

static int setup(void **state)
{
        struct manage_fixture *f = manage_fixture_new();

        make_org(f, "acme");
        make_org(f, "globex");
        make_member(f, "acme", "alice", ROLE_ADMIN);
        make_member(f, "acme", "bob", ROLE_MEMBER);
        make_member(f, "globex", "carol", ROLE_ADMIN);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        *state = manage_fixture_free(*state);
        return 0;
}

static void ask_list(struct manage_fixture *f, const char *org)
{
        ask(f, org ? WIRE_V_KEY_LIST : WIRE_V_PAT_LIST);
        if (org)
                set_text(f, WIRE_F_ORG, org);
}

static void note_use(struct manage_fixture *f, int64_t token_id, int64_t at)
{
        struct record_last_use use = {.token_id = token_id,
                                      .at = at,
                                      .source = "10.0.0.7",
                                      .service = "sshd",
                                      .account = "alice",
                                      .org = "acme"};

        assert_int_equal(store_local_begin(f->store->writer), 0);
        assert_int_equal(store_put_last_use(f->store->writer, &use), 0);
        assert_int_equal(store_local_commit(f->store->writer), 0);
}

static size_t count_rows(struct manage_fixture *f, int64_t uid)
{
        assert_true(is_done(f, uid));
        return row_count(f);
}

static void test_what_a_row_says(void **state)
{
        struct manage_fixture *f = *state;
        char id[TOKEN_KEY_ID_SIZE];
        int64_t pat;
        const struct wire_message *r;

        pat = make_pat(f, PERSON_ALICE, "laptop", 100, id);
        note_use(f, pat, f->now + 5);
        ask_list(f, NULL);
        assert_int_equal(count_rows(f, PERSON_ALICE), 1);
        r = row(f, 0);
        assert_string_equal(text_of(r, WIRE_F_KEY_ID), id);
        assert_int_equal(wire_number(r, WIRE_F_KIND, 0), TOKEN_PAT);
        assert_string_equal(text_of(r, WIRE_F_NAME), "laptop");
        assert_string_equal(text_of(r, WIRE_F_USER), "alice");
        assert_int_equal(wire_number(r, WIRE_F_STATE, 0), WIRE_STATE_LIVE);
        assert_int_equal(wire_number(r, WIRE_F_EXPIRES_AT, 0), f->now + 100);
        assert_false(wire_has(r, WIRE_F_ENDED_AT));
        assert_int_equal(wire_number(r, WIRE_F_LAST_USED_AT, 0), f->now + 5);
        assert_string_equal(text_of(r, WIRE_F_LAST_SOURCE), "10.0.0.7");
        assert_string_equal(text_of(r, WIRE_F_LAST_SERVICE), "sshd");
        assert_string_equal(text_of(r, WIRE_F_LAST_ORG), "acme");
        f->now += 100;
        assert_int_equal(count_rows(f, PERSON_ALICE), 1);
        assert_int_equal(wire_number(row(f, 0), WIRE_F_STATE, 0), WIRE_STATE_EXPIRED);
        assert_int_equal(wire_number(row(f, 0), WIRE_F_ENDED_AT, 0), f->now);
        ask(f, WIRE_V_PAT_REVOKE);
        set_text(f, WIRE_F_KEY_ID, id);
        assert_true(is_done(f, PERSON_ALICE));
        ask_list(f, NULL);
        assert_int_equal(count_rows(f, PERSON_ALICE), 1);
        assert_int_equal(wire_number(row(f, 0), WIRE_F_STATE, 0), WIRE_STATE_REVOKED);
        assert_string_equal(text_of(row(f, 0), WIRE_F_ENDED_REASON), "revoked");
}

static void test_whose(void **state)
{
        struct manage_fixture *f = *state;
        char id[TOKEN_KEY_ID_SIZE];

        (void)make_pat(f, PERSON_ALICE, "a", 0, id);
        (void)make_pat(f, PERSON_BOB, "b", 0, id);
        (void)make_key(f, PERSON_ALICE, "acme", "k", 0, id);
        ask_list(f, NULL);
        assert_int_equal(count_rows(f, PERSON_ALICE), 1);
        assert_int_equal(count_rows(f, PERSON_DAVE), 0); /* no user yet: not everybody's */
        assert_int_equal(count_rows(f, 0), 2);
        set_text(f, WIRE_F_USER, "bob");
        assert_int_equal(count_rows(f, 0), 1);
        assert_true(is_refused(f, PERSON_ALICE, "not-found"));
        set_text(f, WIRE_F_USER, "nosuch");
        assert_true(is_refused(f, PERSON_ALICE, "not-found"));
        assert_true(is_refused(f, 0, "not-found"));
        ask(f, WIRE_V_ORG_LIST);
        assert_int_equal(count_rows(f, 0), 2);
        assert_int_equal(count_rows(f, PERSON_BOB), 1);
        assert_string_equal(text_of(row(f, 0), WIRE_F_ORG), "acme");
        assert_int_equal(wire_number(row(f, 0), WIRE_F_ROLE, 0), ROLE_MEMBER);
        assert_int_equal(count_rows(f, PERSON_DAVE), 0);
        bind_account(f, "acme", "acme-deploy");
        bind_account(f, "globex", "globex-db");
        ask(f, WIRE_V_ACCOUNT_LIST);
        assert_int_equal(count_rows(f, 0), 2);
        assert_int_equal(count_rows(f, PERSON_BOB), 1);
        assert_string_equal(text_of(row(f, 0), WIRE_F_ACCOUNT), "acme-deploy");
        assert_int_equal(count_rows(f, PERSON_DAVE), 0);
        ask(f, WIRE_V_MEMBER_LIST);
        set_text(f, WIRE_F_ORG, "acme");
        assert_int_equal(count_rows(f, PERSON_BOB), 2);
        assert_string_equal(text_of(row(f, 0), WIRE_F_USER), "alice");
}

static void test_filters(void **state)
{
        struct manage_fixture *f = *state;
        char id[TOKEN_KEY_ID_SIZE];
        int64_t used = make_key(f, PERSON_ALICE, "acme", "CI Runner", 100, id);

        (void)make_key(f, PERSON_ALICE, "acme", "backup", 10000, id);
        (void)make_key(f, PERSON_ALICE, "acme", "never", 0, id);
        ask_list(f, "acme");
        set_text(f, WIRE_F_NAME, "ci r");
        assert_int_equal(count_rows(f, PERSON_ALICE), 1);
        set_text(f, WIRE_F_NAME, "e");
        assert_int_equal(count_rows(f, PERSON_ALICE), 2);
        set_text(f, WIRE_F_NAME, "%");
        assert_int_equal(count_rows(f, PERSON_ALICE), 0);
        ask_list(f, "acme");
        set_number(f, WIRE_F_EXPIRING, 100);
        assert_int_equal(count_rows(f, PERSON_ALICE), 1);
        set_number(f, WIRE_F_EXPIRING, 99);
        assert_int_equal(count_rows(f, PERSON_ALICE), 0);
        set_number(f, WIRE_F_EXPIRING, EXPIRY_MAX);
        assert_int_equal(count_rows(f, PERSON_ALICE), 2);
        f->now += 200;
        assert_int_equal(count_rows(f, PERSON_ALICE), 1); /* what is over is not about to end */
        note_use(f, used, f->now - 10);
        ask_list(f, "acme");
        set_number(f, WIRE_F_UNUSED, 100);
        assert_int_equal(count_rows(f, PERSON_ALICE), 2);
        set_number(f, WIRE_F_UNUSED, 200);
        assert_int_equal(count_rows(f, PERSON_ALICE), 2);
        set_number(f, WIRE_F_UNUSED, 201);
        assert_int_equal(count_rows(f, PERSON_ALICE), 0);
        ask_list(f, "acme");
        set_number(f, WIRE_F_STATE, WIRE_STATE_EXPIRED);
        assert_int_equal(count_rows(f, PERSON_ALICE), 1);
        set_number(f, WIRE_F_STATE, WIRE_STATE_LIVE);
        assert_int_equal(count_rows(f, PERSON_ALICE), 2);
        set_number(f, WIRE_F_STATE, WIRE_STATE_REVOKED);
        assert_int_equal(count_rows(f, PERSON_ALICE), 0);
        set_number(f, WIRE_F_STATE, 0);
        assert_true(is_refused(f, PERSON_ALICE, "bad-filter"));
        set_number(f, WIRE_F_STATE, 4);
        assert_true(is_refused(f, PERSON_ALICE, "bad-filter"));
        ask_list(f, "acme");
        set_number(f, WIRE_F_EXPIRING, -1);
        assert_true(is_refused(f, PERSON_ALICE, "bad-filter"));
        ask_list(f, "acme");
        set_number(f, WIRE_F_UNUSED, INT64_MAX);
        assert_true(is_refused(f, PERSON_ALICE, "bad-filter"));
}

/* 700 tokens over several pages: each once, oldest first, and the page bounded. */
static void test_pages(void **state)
{
        struct manage_fixture *f = *state;
        struct record_user alice;
        char text[TOKEN_TEXT_MAX + 1], name[32];

        assert_int_equal(sealed_find_user_by_name(&f->store->sealed, VIEW("alice"), &alice), 0);
        for (unsigned i = 0; i < 700; i++) {
                struct fixture_token_options o = {.name = name, .created_at = FIXTURE_NOW + i / 3};

                (void)snprintf(name, sizeof(name), "token %u", i / 3);
                (void)fixture_token(f->store, TOKEN_PAT, alice.id, &o, text);
        }
        ask_list(f, NULL);
        assert_int_equal(count_rows(f, PERSON_ALICE), 700);
        assert_true(f->pages >= 3);
        assert_true(f->reply.len < MANAGE_PACKETS_MAX * 40);
        for (unsigned i = 0; i < 700; i++) {
                (void)snprintf(name, sizeof(name), "token %u", i / 3);
                assert_string_equal(text_of(row(f, i), WIRE_F_NAME), name);
        }
        /* Whoami says each of them twice, once as recent. */
        ask(f, WIRE_V_WHOAMI);
        assert_int_equal(count_rows(f, PERSON_ALICE), 1 + 1 + 1400);
        set_text(f, WIRE_F_NAME, "");
        ask(f, WIRE_V_REVOKE_ALL);
        assert_true(is_done(f, 0));
        assert_int_equal(wire_number(answer(f), WIRE_F_PATS, 0), 700);
}

/* Long rows make short pages. */
static void test_long_rows(void **state)
{
        struct manage_fixture *f = *state;
        char name[NAME_LABEL_BYTES + 1], account[NAME_USER_MAX + 1];

        for (size_t i = 0; i < 100; i++)
                memcpy(name + 4 * i, "\xf0\x9f\x94\x91", 4);
        name[400] = '\0';
        for (unsigned i = 0; i < 100; i++) {
                ask(f, WIRE_V_PAT_CREATE);
                set_text(f, WIRE_F_NAME, name);
                static char entries[2 * WIRE_LIST_MAX][NAME_USER_MAX + 1];

                for (unsigned e = 0; e < 2 * WIRE_LIST_MAX; e++) {
                        (void)snprintf(account, sizeof(account), "%02u", e);
                        memset(entries[e], 'a', NAME_USER_MAX);
                        memcpy(entries[e] + 62, account, 2);
                        set_list(f, e % 2 ? WIRE_F_LIMIT_ACCOUNT : WIRE_F_LIMIT_SERVICE,
                                 entries[e]);
                }
                assert_true(is_done(f, PERSON_ALICE));
                assert_int_equal(acknowledge(f, true, true), WIRE_DONE);
        }
        ask_list(f, NULL);
        assert_int_equal(count_rows(f, PERSON_ALICE), 100);
        assert_true(f->pages >= 3);
        assert_true(f->longest_page < (48 + 16 * 4) * 1024);
}

/* A search that finds nothing looks at so many rows at a time and no more; a prefix that so many
   others' tokens have is not looked through to its end. */
static void test_scan_is_bounded(void **state)
{
        struct manage_fixture *f = *state;
        struct record_user alice, bob;
        char text[TOKEN_TEXT_MAX + 1], id[TOKEN_KEY_ID_SIZE];
        const int64_t first = INT64_C(600000000000000000);

        assert_int_equal(sealed_find_user_by_name(&f->store->sealed, VIEW("alice"), &alice), 0);
        assert_int_equal(sealed_find_user_by_name(&f->store->sealed, VIEW("bob"), &bob), 0);
        for (int64_t i = 0; i < 20100; i++) {
                struct fixture_token_options o = {.id = first + i};

                (void)fixture_token(f->store, TOKEN_PAT, i < 20050 ? alice.id : bob.id, &o, text);
        }
        ask_list(f, NULL);
        set_text(f, WIRE_F_NAME, "nothing of that name");
        assert_int_equal(count_rows(f, PERSON_ALICE), 0);
        assert_int_equal(f->pages, 2);
        token_key_id(TOKEN_PAT, first, 6, id);
        ask(f, WIRE_V_PAT_REVOKE);
        set_text(f, WIRE_F_KEY_ID, id);
        assert_true(is_refused(f, PERSON_CAROL, "ambiguous"));
        token_key_id(TOKEN_PAT, first, 10, id);
        set_text(f, WIRE_F_KEY_ID, id);
        assert_true(is_refused(f, PERSON_CAROL, "not-found"));
}

static int64_t metric(struct manage_fixture *f, const char *name)
{
        for (size_t i = 0; i < row_count(f); i++)
                if (strcmp(text_of(row(f, i), WIRE_F_METRIC), name) == 0)
                        return wire_number(row(f, i), WIRE_F_VALUE, -2);
        return -1;
}

static void test_status(void **state)
{
        static const char *const everybodys[] = {"store_revision",
                                                 "uptime_seconds",
                                                 "verifications_allow",
                                                 "verifications_unknown",
                                                 "verifications_org_required",
                                                 "verifications_unavailable",
                                                 "policy_self_service",
                                                 "policy_max_life_seconds"};
        static const char *const roots[] = {"orgs",
                                            "users",
                                            "members",
                                            "accounts",
                                            "keys_live",
                                            "keys_expired",
                                            "keys_revoked",
                                            "pats_live",
                                            "pats_expired",
                                            "pats_revoked",
                                            "store_bytes",
                                            "pending_uses",
                                            "oldest_pending_use_seconds",
                                            "connections",
                                            "grants"};
        struct manage_fixture *f = *state;
        char id[TOKEN_KEY_ID_SIZE];

        (void)make_key(f, PERSON_ALICE, "acme", "k", 0, id);
        f->status.verdicts[VERDICT_ALLOW] = 7;
        f->status.verdicts[0] = 3;
        f->status.oldest_pending_use = f->now - 9;
        ask(f, WIRE_V_STATUS);
        assert_true(is_done(f, PERSON_DAVE));
        for (size_t i = 0; i < sizeof(everybodys) / sizeof(everybodys[0]); i++)
                assert_true(metric(f, everybodys[i]) >= 0);
        for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
                assert_int_equal(metric(f, roots[i]), -1);
        assert_true(is_done(f, 0));
        assert_int_equal(metric(f, "verifications_allow"), 7);
        assert_int_equal(metric(f, "verifications_unavailable"), 3);
        assert_int_equal(metric(f, "oldest_pending_use_seconds"), 9);
        assert_int_equal(metric(f, "uptime_seconds"), 60);
        assert_int_equal(metric(f, "store_revision"), revision(f));
        assert_int_equal(metric(f, "orgs"), 2);
        assert_int_equal(metric(f, "users"), 3);
        assert_int_equal(metric(f, "members"), 3);
        assert_int_equal(metric(f, "keys_live"), 1);
        for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
                assert_true(metric(f, roots[i]) >= 0);
        /* It answers when the user database does not. */
        f->database_error = -EIO;
        assert_true(is_done(f, PERSON_DAVE));
}

static size_t section(struct manage_fixture *f, const char *name)
{
        size_t count = 0;

        for (size_t i = 0; i < row_count(f); i++)
                count += strcmp(text_of(row(f, i), WIRE_F_REASON), name) == 0;
        return count;
}

static void test_whoami(void **state)
{
        struct manage_fixture *f = *state;
        char id[TOKEN_KEY_ID_SIZE];

        bind_account(f, "acme", "acme-deploy");
        ask(f, WIRE_V_ACCOUNT_BIND);
        set_text(f, WIRE_F_ORG, "acme");
        set_text(f, WIRE_F_ACCOUNT, "acme-admin");
        set_number(f, WIRE_F_ROLE, ROLE_ADMIN);
        assert_true(is_done(f, 0));
        bind_account(f, "globex", "globex-db");
        (void)make_pat(f, PERSON_BOB, "old", 0, id);
        f->now += 31 * EXPIRY_DAY;
        (void)make_pat(f, PERSON_BOB, "new", 0, id);
        ask(f, WIRE_V_WHOAMI);
        assert_true(is_done(f, PERSON_BOB));
        assert_int_equal(section(f, "user"), 1);
        assert_int_equal(section(f, "org"), 1);
        assert_int_equal(section(f, "account"), 1); /* not the admins' */
        assert_int_equal(section(f, "token"), 2);
        assert_int_equal(section(f, "recent"), 1);
        assert_true(is_done(f, PERSON_ALICE));
        assert_int_equal(section(f, "account"), 2);
        assert_true(is_done(f, PERSON_DAVE));
        assert_int_equal(row_count(f), 1);
        assert_string_equal(text_of(row(f, 0), WIRE_F_USER), "dave");
}

static void ask_check(struct manage_fixture *f, const char *token)
{
        ask(f, WIRE_V_CHECK);
        set_text(f, WIRE_F_TOKEN, token);
}

static int64_t verdict(struct manage_fixture *f, int64_t uid)
{
        assert_true(is_done(f, uid));
        return wire_number(answer(f), WIRE_F_VERDICT, 0);
}

static void test_check_pat(void **state)
{
        struct manage_fixture *f = *state;
        struct record_last_use use;
        char text[128], wrong[128];
        int64_t id;

        ask(f, WIRE_V_PAT_CREATE);
        set_text(f, WIRE_F_NAME, "laptop");
        assert_true(is_done(f, PERSON_ALICE));
        (void)strcpy(text, text_of(answer(f), WIRE_F_TOKEN));
        id = f->reply.new_token;
        assert_int_equal(acknowledge(f, true, true), WIRE_DONE);
        ask_check(f, text);
        assert_int_equal(verdict(f, PERSON_ALICE), VERDICT_ORG_REQUIRED);
        assert_string_equal(text_of(answer(f), WIRE_F_REASON), "no-org-named");
        assert_non_null(strstr(text_of(answer(f), WIRE_F_MESSAGE), "@ORG"));
        set_text(f, WIRE_F_ORG, "acme");
        assert_int_equal(verdict(f, PERSON_ALICE), VERDICT_ALLOW);
        assert_false(wire_has(answer(f), WIRE_F_REASON));
        assert_false(wire_has(answer(f), WIRE_F_MESSAGE));
        assert_true(wire_has(answer(f), WIRE_F_EXPLANATION));
        assert_string_equal(text_of(answer(f), WIRE_F_USER), "alice");
        assert_string_equal(text_of(answer(f), WIRE_F_ORG), "acme");
        assert_string_equal(text_of(answer(f), WIRE_F_ORG_NAMED_BY), "option");
        assert_int_equal(verdict(f, 0), VERDICT_ALLOW);
        /* Somebody else's, and one that is not there, to the byte. */
        assert_int_equal(verdict(f, PERSON_BOB), VERDICT_UNKNOWN);
        assert_false(wire_has(answer(f), WIRE_F_EXPLANATION));
        assert_false(wire_has(answer(f), WIRE_F_KEY_ID));
        char theirs[4096];
        size_t len = f->bytes_len;
        memcpy(theirs, f->bytes, len);
        ask(f, WIRE_V_CHECK);
        token_format(TOKEN_PAT, 12345, "0123456789012345678901234567890123456789012", wrong);
        set_text(f, WIRE_F_TOKEN, wrong);
        assert_int_equal(verdict(f, PERSON_BOB), VERDICT_UNKNOWN);
        assert_int_equal(f->bytes_len, len);
        assert_memory_equal(f->bytes, theirs, len);
        token_format(TOKEN_PAT, id, "0123456789012345678901234567890123456789012", wrong);
        ask_check(f, wrong);
        assert_int_equal(verdict(f, PERSON_ALICE), VERDICT_UNKNOWN);
        text[20] ^= 1;
        ask_check(f, text);
        assert_int_equal(verdict(f, PERSON_BOB), VERDICT_MALFORMED);
        ask_check(f, "hunter2");
        assert_true(is_refused(f, PERSON_ALICE, "not-a-token"));
        assert_null(strstr(manage_records.message, "hunter2"));
        assert_int_equal(store_find_last_use(f->store->reader, id, &use), 0);
        assert_int_equal(use.at, 0);
}

static void test_check_key(void **state)
{
        struct manage_fixture *f = *state;
        char text[128];

        bind_account(f, "acme", "acme-deploy");
        ask(f, WIRE_V_KEY_CREATE);
        set_text(f, WIRE_F_ORG, "acme");
        set_text(f, WIRE_F_NAME, "ci");
        assert_true(is_done(f, PERSON_ALICE));
        (void)strcpy(text, text_of(answer(f), WIRE_F_TOKEN));
        assert_int_equal(acknowledge(f, true, true), WIRE_DONE);
        ask_check(f, text);
        assert_int_equal(verdict(f, PERSON_ALICE), VERDICT_ALLOW); /* its one account */
        assert_int_equal(verdict(f, 0), VERDICT_ALLOW);
        assert_int_equal(verdict(f, PERSON_BOB), VERDICT_UNKNOWN); /* a member, no admin */
        assert_int_equal(verdict(f, PERSON_CAROL), VERDICT_UNKNOWN);
        bind_account(f, "acme", "acme-db");
        ask_check(f, text);
        assert_int_equal(verdict(f, PERSON_ALICE), VERDICT_ACCOUNT_DENIED); /* which one? */
        set_text(f, WIRE_F_ACCOUNT, "acme-db");
        assert_int_equal(verdict(f, PERSON_ALICE), VERDICT_ALLOW);
}

static void ask_sweep(struct manage_fixture *f, const char *org, const char *user, int64_t since)
{
        ask(f, WIRE_V_REVOKE_ALL);
        if (org)
                set_text(f, WIRE_F_ORG, org);
        if (user)
                set_text(f, WIRE_F_USER, user);
        if (since >= 0)
                set_number(f, WIRE_F_USED_SINCE, since);
}

static void check_sweep(struct manage_fixture *f, int64_t keys, int64_t pats)
{
        int64_t before = revision(f);

        set_number(f, WIRE_F_DRY_RUN, 1);
        for (unsigned wet = 0; wet < 2; wet++) {
                if (wet)
                        set_number(f, WIRE_F_DRY_RUN, 0);
                assert_true(is_done(f, 0));
                assert_int_equal(wire_number(answer(f), WIRE_F_KEYS, -1), keys);
                assert_int_equal(wire_number(answer(f), WIRE_F_PATS, -1), pats);
                assert_int_equal(wire_number(answer(f), WIRE_F_COUNT, -1), keys + pats);
                assert_int_equal(revision(f), before + (wet && keys + pats > 0));
        }
}

/* What is noted and not stored yet counts like what is stored, and an older note takes nothing
 * away. */
static void test_revoke_all_by_waiting_uses(void **state)
{
        struct manage_fixture *f = *state;
        char id[TOKEN_KEY_ID_SIZE];
        int64_t stored = make_key(f, PERSON_ALICE, "acme", "stored", 0, id);
        int64_t noted = make_key(f, PERSON_ALICE, "acme", "noted", 0, id);
        struct record_last_use use = {.token_id = stored, .at = f->now};
        struct manage_use waiting[] = {{stored, f->now - 5000}, {noted, f->now - 10}};
        struct manage_uses uses = {waiting, 2};

        (void)make_key(f, PERSON_ALICE, "acme", "unused", 0, id);
        assert_int_equal(store_local_begin(f->store->writer), 0);
        assert_int_equal(store_put_last_use(f->store->writer, &use), 0);
        assert_int_equal(store_local_commit(f->store->writer), 0);
        if (noted < stored) {
                waiting[0] = (struct manage_use){noted, f->now - 10};
                waiting[1] = (struct manage_use){stored, f->now - 5000};
        }
        ask_sweep(f, "acme", NULL, f->now - 100);
        set_number(f, WIRE_F_DRY_RUN, 1);
        assert_true(is_done(f, 0));
        assert_int_equal(wire_number(answer(f), WIRE_F_COUNT, -1), 1);
        f->uses = &uses;
        assert_true(is_done(f, 0));
        assert_int_equal(wire_number(answer(f), WIRE_F_COUNT, -1), 2);
        ask_sweep(f, "acme", NULL, f->now - 5);
        check_sweep(f, 1, 0);
}

static void test_revoke_all(void **state)
{
        struct manage_fixture *f = *state;
        char id[TOKEN_KEY_ID_SIZE];
        int64_t a1 = make_key(f, PERSON_ALICE, "acme", "a1", 0, id);

        (void)make_key(f, PERSON_ALICE, "acme", "a2", 10, id);
        (void)make_key(f, PERSON_CAROL, "globex", "g1", 0, id);
        (void)make_pat(f, PERSON_ALICE, "pa", 0, id);
        int64_t pb = make_pat(f, PERSON_BOB, "pb", 0, id);
        (void)make_pat(f, PERSON_CAROL, "pc", 0, id);
        f->now += 100; /* a2 has expired: a clock that is reset could bring it back */
        note_use(f, a1, f->now);
        note_use(f, pb, f->now - 1);
        ask_sweep(f, NULL, NULL, 0);
        assert_true(is_refused(f, 0, "bad-filter"));
        ask_sweep(f, "nosuch", NULL, -1);
        assert_true(is_refused(f, 0, "not-found"));
        ask_sweep(f, NULL, "nosuch", -1);
        assert_true(is_refused(f, 0, "not-found"));
        ask_sweep(f, NULL, NULL, f->now + 1);
        check_sweep(f, 0, 0);
        ask_sweep(f, "acme", "bob", f->now);
        check_sweep(f, 1, 0);
        assert_non_null(strstr(manage_records.message, "1 keys and 0 tokens"));
        ask_sweep(f, NULL, NULL, f->now - 1);
        check_sweep(f, 0, 1);
        ask_sweep(f, "acme", NULL, -1);
        check_sweep(f, 1, 0);
        ask_sweep(f, "globex", "alice", -1);
        check_sweep(f, 1, 1);
        ask_sweep(f, NULL, NULL, -1);
        check_sweep(f, 0, 1);
        check_sweep(f, 0, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_what_a_row_says), TEST(test_whose),
                TEST(test_filters),         TEST(test_pages),
                TEST(test_long_rows),       TEST(test_scan_is_bounded),
                TEST(test_status),          TEST(test_whoami),
                TEST(test_check_pat),       TEST(test_check_key),
                TEST(test_revoke_all),      TEST(test_revoke_all_by_waiting_uses),
        };

        return cmocka_run_group_tests_name("manage-list", tests, NULL, NULL);
}
