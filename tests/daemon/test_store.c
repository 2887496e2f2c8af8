#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store_sqlite.h"
#include "tests/daemon/store_scene.h"

/* Field by field: what lies between the fields is not part of a record. */
static void same_org(const struct record_org *a, const struct record_org *b)
{
        assert_int_equal(a->id, b->id);
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->created_at, b->created_at);
        assert_int_equal(a->deleted_at, b->deleted_at);
        assert_int_equal(a->suspended, b->suspended);
        assert_int_equal(a->policy.max_life, b->policy.max_life);
        assert_int_equal(a->policy.max_unused, b->policy.max_unused);
        assert_int_equal(a->policy.never_ok, b->policy.never_ok);
        assert_int_equal(a->policy.end_sessions, b->policy.end_sessions);
        assert_int_equal(a->policy.self_service, b->policy.self_service);
        assert_memory_equal(a->mac, b->mac, sizeof(a->mac));
}

static void same_user(const struct record_user *a, const struct record_user *b)
{
        assert_int_equal(a->id, b->id);
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->uid, b->uid);
        assert_int_equal(a->created_at, b->created_at);
        assert_int_equal(a->removed_at, b->removed_at);
        assert_int_equal(a->suspended, b->suspended);
        assert_memory_equal(a->mac, b->mac, sizeof(a->mac));
}

static void same_token(const struct record_token *a, const struct record_token *b)
{
        assert_int_equal(a->id, b->id);
        assert_int_equal(a->kind, b->kind);
        assert_int_equal(a->owner, b->owner);
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->created_at, b->created_at);
        assert_int_equal(a->expires_at, b->expires_at);
        assert_int_equal(a->limits.len, b->limits.len);
        assert_memory_equal(a->limits.bytes, b->limits.bytes, sizeof(a->limits.bytes));
        assert_int_equal(a->has_proof, b->has_proof);
        assert_memory_equal(a->proof, b->proof, sizeof(a->proof));
        assert_memory_equal(a->mac, b->mac, sizeof(a->mac));
        assert_int_equal(a->key_fingerprint, b->key_fingerprint);
        assert_int_equal(a->ends_at, b->ends_at);
        assert_memory_equal(a->end_mac, b->end_mac, sizeof(a->end_mac));
        assert_int_equal(a->revoked_at, b->revoked_at);
        assert_string_equal(a->end_reason, b->end_reason);
        assert_int_equal(a->successor, b->successor);
}

static void same_grant(const struct record_grant *a, const struct record_grant *b)
{
        assert_string_equal(a->actor, b->actor);
        assert_int_equal(a->real_uid, b->real_uid);
        assert_int_equal(a->org_id, b->org_id);
        assert_int_equal(a->token_id, b->token_id);
        assert_string_equal(a->account, b->account);
        assert_string_equal(a->source, b->source);
        assert_int_equal(a->first_at, b->first_at);
        assert_int_equal(a->renewed_at, b->renewed_at);
}

/* ---- rows come back as they were put ---- */

static void test_org(void **state)
{
        struct store_fixture *f = *state;
        struct record_org org = {.id = 4,
                                 .name = "acme",
                                 .created_at = NOW,
                                 .suspended = true,
                                 .policy = {.max_life = 1, .max_unused = 2, .end_sessions = true},
                                 .mac = {1, 2, 3}};
        struct record_org found;

        begin(f);
        assert_int_equal(store_put_org(f->writer, &org), 0);
        commit(f);
        assert_int_equal(store_find_org(f->reader, 4, &found), 0);
        same_org(&found, &org);
        assert_int_equal(store_find_org_by_name(f->reader, VIEW("acme"), &found), 0);
        same_org(&found, &org);
        /* Found by its id alone once it is deleted, and its name is free. */
        org.deleted_at = NOW + 1;
        begin(f);
        assert_int_equal(store_put_org(f->writer, &org), 0);
        commit(f);
        assert_int_equal(store_find_org_by_name(f->reader, VIEW("acme"), &found), -ENOENT);
        assert_int_equal(store_find_org(f->reader, 4, &found), 0);
        assert_int_equal(found.deleted_at, NOW + 1);
        assert_int_not_equal(fixture_org(f, "acme"), 4);
        /* Nothing undeletes it. */
        org.deleted_at = 0;
        (void)view_copy(VIEW("other"), org.name, sizeof(org.name));
        begin(f);
        assert_int_equal(store_put_org(f->writer, &org), -EPERM);
        store_write_rollback(f->writer);
}

static void test_user(void **state)
{
        struct store_fixture *f = *state;
        struct record_user user = {
                .id = 9, .name = "Alice.B@x+y$", .uid = -1, .created_at = NOW, .mac = {1}};
        struct record_user found;

        begin(f);
        assert_int_equal(store_put_user(f->writer, &user), 0);
        commit(f);
        assert_int_equal(store_find_user(f->reader, 9, &found), 0);
        same_user(&found, &user);
        user.uid = 0;
        user.suspended = true;
        begin(f);
        assert_int_equal(store_put_user(f->writer, &user), 0);
        commit(f);
        assert_int_equal(store_find_user_by_name(f->reader, VIEW("Alice.B@x+y$"), &found), 0);
        same_user(&found, &user);
        user.removed_at = NOW;
        begin(f);
        assert_int_equal(store_put_user(f->writer, &user), 0);
        commit(f);
        assert_int_equal(store_find_user_by_name(f->reader, VIEW("Alice.B@x+y$"), &found), -ENOENT);
        assert_int_equal(store_find_user(f->reader, 9, &found), 0);
        user.removed_at = 0;
        begin(f);
        assert_int_equal(store_put_user(f->writer, &user), -EPERM);
        store_write_rollback(f->writer);
}

static void test_token(void **state)
{
        struct store_fixture *f = *state;
        int64_t org = fixture_org(f, "acme"), user = fixture_user(f, "alice", 1);
        struct record_token token = {.id = TOKEN_ID_LIMIT - 1,
                                     .kind = TOKEN_AK,
                                     .owner = org,
                                     .created_at = NOW,
                                     .expires_at = EXPIRY_MAX,
                                     .limits = {.len = 3, .bytes = {1, 2, 3}},
                                     .has_proof = true,
                                     .proof = {4},
                                     .mac = {5},
                                     .key_fingerprint = INT64_MAX,
                                     .ends_at = NOW + 5,
                                     .end_mac = {6},
                                     .end_reason = "rotated",
                                     .successor = 0};
        struct record_token least = token_of(0, TOKEN_PAT, user), found;

        memset(token.name, 'n', 100);
        begin(f);
        assert_int_equal(store_insert_token(f->writer, &token), 0);
        assert_int_equal(store_insert_token(f->writer, &least), 0);
        assert_int_equal(store_insert_token(f->writer, &least), -EEXIST);
        commit(f);
        assert_int_equal(store_find_token(f->reader, token.id, &found), 0);
        same_token(&found, &token);
        assert_int_equal(store_find_token(f->reader, 0, &found), 0);
        same_token(&found, &least);
        assert_int_equal(store_find_token(f->reader, 1, &found), -ENOENT);
        /* What may change does, and nothing else: not the owner, for one. */
        token.owner = 77;
        token.ends_at = NOW + 4;
        token.revoked_at = NOW;
        token.has_proof = false;
        memset(token.proof, 0, sizeof(token.proof));
        (void)view_copy(VIEW("new"), token.name, sizeof(token.name));
        begin(f);
        assert_int_equal(store_update_token(f->writer, &token), 0);
        commit(f);
        assert_int_equal(store_find_token(f->reader, token.id, &found), 0);
        assert_int_equal(found.owner, org);
        assert_int_equal(found.revoked_at, NOW);
        assert_int_equal(found.ends_at, NOW + 4);
        assert_string_equal(found.name, "new");
        token.id = 55;
        begin(f);
        assert_int_equal(store_update_token(f->writer, &token), -ENOENT);
        /* A row of nobody, or of two. */
        least.id = 56;
        least.owner = 99;
        assert_int_equal(store_insert_token(f->writer, &least), -ENOENT);
        least.kind = (enum token_kind)3;
        assert_int_equal(store_insert_token(f->writer, &least), -EINVAL);
        least = token_of(TOKEN_ID_LIMIT, TOKEN_PAT, user);
        assert_int_equal(store_insert_token(f->writer, &least), -EINVAL);
        least = token_of(-1, TOKEN_PAT, user);
        assert_int_equal(store_insert_token(f->writer, &least), -EINVAL);
        store_write_rollback(f->writer);
}

static void test_small_tables(void **state)
{
        struct store_fixture *f = *state;
        int64_t org = fixture_org(f, "acme"), user = fixture_user(f, "alice", 1);
        const struct record_member member = {
                .org_id = org, .user_id = user, .role = ROLE_ADMIN, .created_at = NOW, .mac = {1}};
        const struct record_account account = {.name = "acme-deploy",
                                               .org_id = org,
                                               .role = ROLE_MEMBER,
                                               .services = {.len = 2, .bytes = {7, 8}},
                                               .created_at = NOW,
                                               .mac = {2}};
        const struct record_guarded guarded = {.name = "acme-deploy", .since = NOW, .mac = {3}};
        const struct policy policy = {
                .max_life = 1, .max_unused = 2, .never_ok = true, .self_service = SELF_SERVICE_OFF};
        static const uint8_t mac[RECORD_MAC_LEN] = {4};
        uint8_t found_mac[RECORD_MAC_LEN];
        struct record_account found_account;
        struct record_guarded found_guarded;
        struct record_member found_member;
        struct policy found_policy;

        assert_int_equal(store_find_host_policy(f->reader, &found_policy, found_mac), -ENOENT);
        begin(f);
        assert_int_equal(store_put_member(f->writer, &member), 0);
        assert_int_equal(store_put_account(f->writer, &account), 0);
        assert_int_equal(store_put_guarded(f->writer, &guarded), 0);
        assert_int_equal(store_put_host_policy(f->writer, &policy, mac), 0);
        commit(f);
        assert_int_equal(store_find_member(f->reader, org, user, &found_member), 0);
        assert_true(found_member.org_id == org && found_member.user_id == user);
        assert_int_equal(found_member.role, ROLE_ADMIN);
        assert_int_equal(found_member.created_at, NOW);
        assert_memory_equal(found_member.mac, member.mac, sizeof(member.mac));
        assert_int_equal(store_find_account(f->reader, VIEW("acme-deploy"), org, &found_account),
                         0);
        assert_string_equal(found_account.name, "acme-deploy");
        assert_int_equal(found_account.org_id, org);
        assert_int_equal(found_account.role, ROLE_MEMBER);
        assert_int_equal(found_account.services.len, 2);
        assert_memory_equal(found_account.services.bytes, account.services.bytes, 2);
        assert_int_equal(found_account.created_at, NOW);
        assert_memory_equal(found_account.mac, account.mac, sizeof(account.mac));
        assert_int_equal(store_find_guarded(f->reader, VIEW("acme-deploy"), &found_guarded), 0);
        assert_string_equal(found_guarded.name, "acme-deploy");
        assert_int_equal(found_guarded.since, NOW);
        assert_memory_equal(found_guarded.mac, guarded.mac, sizeof(guarded.mac));
        assert_int_equal(store_find_host_policy(f->reader, &found_policy, found_mac), 0);
        assert_true(found_policy.max_life == 1 && found_policy.max_unused == 2);
        assert_true(found_policy.never_ok && !found_policy.end_sessions);
        assert_int_equal(found_policy.self_service, SELF_SERVICE_OFF);
        assert_memory_equal(found_mac, mac, sizeof(mac));
        begin(f);
        assert_int_equal(store_delete_member(f->writer, org, user), 0);
        assert_int_equal(store_delete_member(f->writer, org, user), -ENOENT);
        assert_int_equal(store_delete_account(f->writer, VIEW("acme-deploy"), org + 1), -ENOENT);
        assert_int_equal(store_delete_account(f->writer, VIEW("acme-deploy"), org), 0);
        assert_int_equal(store_delete_guarded(f->writer, VIEW("acme-deploy")), 0);
        assert_int_equal(store_delete_guarded(f->writer, VIEW("acme-deploy")), -ENOENT);
        commit(f);
        assert_int_equal(store_find_member(f->reader, org, user, &found_member), -ENOENT);
        assert_int_equal(store_find_guarded(f->reader, VIEW("acme-deploy"), &found_guarded),
                         -ENOENT);
}

static void test_names_are_unique(void **state)
{
        struct store_fixture *f = *state;
        struct record_user user = {.id = 50, .name = "alice", .uid = 7, .created_at = NOW};
        int64_t acme = fixture_org(f, "acme");
        struct record_org org = org_named(acme + 1, "acme");

        fixture_user(f, "alice", 1);
        begin(f);
        assert_int_equal(store_put_org(f->writer, &org), -EEXIST);
        assert_int_equal(store_put_user(f->writer, &user), -EEXIST);
        /* What was refused left nothing behind, and the transaction is good. */
        org = org_named(acme + 1, "globex");
        assert_int_equal(store_put_org(f->writer, &org), 0);
        commit(f);
        assert_int_equal(store_find_org(f->reader, acme, &org), 0);
        assert_string_equal(org.name, "acme");
        assert_int_equal(store_find_user(f->reader, 50, &user), -ENOENT);
}

static void test_ids_grow(void **state)
{
        struct store_fixture *f = *state;
        int64_t first, second, third;
        struct record_org org;

        begin(f);
        assert_int_equal(store_next_org_id(f->writer, &first), 0);
        assert_int_equal(store_next_org_id(f->writer, &second), 0);
        assert_true(first == 1 && second == 2);
        commit(f);
        begin(f);
        assert_int_equal(store_next_org_id(f->writer, &third), 0);
        assert_int_equal(third, 3);
        /* Never below an id that is in use, however it came there. */
        org = org_named(700, "far");
        assert_int_equal(store_put_org(f->writer, &org), 0);
        assert_int_equal(store_next_org_id(f->writer, &third), 0);
        assert_int_equal(third, 701);
        commit(f);
        begin(f);
        assert_int_equal(store_next_user_id(f->writer, &first), 0);
        assert_int_equal(first, 1);
        commit(f);
}

/* ---- revisions ---- */

struct changes {
        unsigned count;
        char text[64][40];
};

static int note(void *context, int64_t revision, char kind, struct view key)
{
        struct changes *changes = context;

        assert_true(changes->count < COUNT(changes->text));
        (void)snprintf(changes->text[changes->count++], sizeof(changes->text[0]), "%lld %c %.*s",
                       (long long)revision, kind, (int)key.len, key.ptr);
        return 0;
}

static void test_revisions(void **state)
{
        struct store_fixture *f = *state;
        static const char *const expected[] = {"1 o 1",   "2 u 1", "3 m 1/1",   "4 a dep/1",
                                               "4 g dep", "5 t 7", "6 a dep/1", "6 g dep",
                                               "6 m 1/1", "6 o 1", "6 p host",  "6 t 7"};
        static const uint8_t mac[RECORD_MAC_LEN];
        const struct policy policy = {.self_service = SELF_SERVICE_FULL};
        struct changes changes = {0};
        struct record_token token;
        struct record_org org;
        int64_t id;

        assert_int_equal(revision_of(f->reader), 0);
        fixture_org(f, "acme");
        fixture_user(f, "alice", 1);
        fixture_member(f, 1, 1, ROLE_MEMBER);
        fixture_account(f, "dep", 1, ROLE_NONE, NULL);
        begin(f);
        token = token_of(7, TOKEN_AK, 1);
        assert_int_equal(store_insert_token(f->writer, &token), 0);
        assert_int_equal(commit(f), 5);
        /* A transaction that put nothing takes none, nor does one that was rolled back or refused.
         */
        begin(f);
        assert_int_equal(store_next_org_id(f->writer, &id), 0);
        assert_int_equal(store_delete_guarded(f->writer, VIEW("nobody")), -ENOENT);
        assert_int_equal(store_insert_token(f->writer, &token), -EEXIST);
        assert_int_equal(commit(f), 5);
        begin(f);
        assert_int_equal(store_find_org(f->reader, 1, &org), 0);
        org.suspended = true;
        assert_int_equal(store_put_org(f->writer, &org), 0);
        store_write_rollback(f->writer);
        assert_int_equal(revision_of(f->reader), 5);
        /* Everything at once is one; a row touched twice is named once. */
        begin(f);
        assert_int_equal(store_put_org(f->writer, &org), 0);
        assert_int_equal(store_put_org(f->writer, &org), 0);
        assert_int_equal(store_update_token(f->writer, &token), 0);
        assert_int_equal(store_delete_member(f->writer, 1, 1), 0);
        assert_int_equal(store_delete_account(f->writer, VIEW("dep"), 1), 0);
        assert_int_equal(store_delete_guarded(f->writer, VIEW("dep")), 0);
        assert_int_equal(store_put_host_policy(f->writer, &policy, mac), 0);
        assert_int_equal(revision_of(f->reader), 5);
        assert_int_equal(commit(f), 6);
        assert_int_equal(revision_of(f->reader), 6);
        assert_int_equal(store_list_changes(f->reader, 0, 100, note, &changes), 0);
        assert_int_equal(changes.count, COUNT(expected));
        for (unsigned i = 0; i < changes.count; i++)
                assert_string_equal(changes.text[i], expected[i]);
        /* A page ends where a revision does: 3 were asked for, 5 is where the fourth's end is. */
        changes.count = 0;
        assert_int_equal(store_list_changes(f->reader, 1, 3, note, &changes), 1);
        assert_int_equal(changes.count, 4);
        assert_string_equal(changes.text[3], "4 g dep");
        changes.count = 0;
        assert_int_equal(store_list_changes(f->reader, 5, 1, note, &changes), 0);
        assert_int_equal(changes.count, 6);
        changes.count = 0;
        assert_int_equal(store_list_changes(f->reader, 6, 1, note, &changes), 0);
        assert_int_equal(changes.count, 0);
}

static void test_transactions(void **state)
{
        struct store_fixture *f = *state;
        struct record_org org = org_named(1, "acme");
        const struct record_last_use use = {.token_id = 1, .at = 1};
        static const uint8_t mac[RECORD_MAC_LEN];
        int64_t revision = 77;

        /* Outside one. */
        assert_int_equal(store_put_org(f->writer, &org), -EINVAL);
        assert_int_equal(store_next_org_id(f->writer, &revision), -EINVAL);
        assert_int_equal(store_put_last_use(f->writer, &use), -EINVAL);
        assert_int_equal(store_write_commit(f->writer, &revision), -EINVAL);
        assert_int_equal(store_local_commit(f->writer), -EINVAL);
        assert_int_equal(revision, 77);
        store_write_rollback(f->writer);
        begin(f);
        assert_int_equal(store_write_begin(f->writer), -EINVAL);
        assert_int_equal(store_local_begin(f->writer), -EINVAL);
        assert_int_equal(store_local_commit(f->writer), -EINVAL);
        assert_int_equal(store_put_last_use(f->writer, &use), 0);
        assert_int_equal(store_read_begin(store_writer_reader(f->writer)), -EINVAL);
        commit(f);
        /* A local one takes local facts only, and no revision. */
        assert_int_equal(store_local_begin(f->writer), 0);
        assert_int_equal(store_put_org(f->writer, &org), -EINVAL);
        assert_int_equal(store_write_commit(f->writer, &revision), -EINVAL);
        assert_int_equal(store_put_clock_mark(f->writer, NOW, mac), 0);
        assert_int_equal(store_local_commit(f->writer), 0);
        assert_int_equal(revision_of(f->reader), 0);
        assert_int_equal(store_local_begin(f->writer), 0);
        store_write_rollback(f->writer);
        begin(f);
        commit(f);
}

static int synchronous_of(struct store_writer *w)
{
        sqlite3_stmt *statement;
        int value;

        assert_int_equal(
                sqlite3_prepare_v2(w->reader.db, "PRAGMA synchronous", -1, &statement, NULL),
                SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        value = sqlite3_column_int(statement, 0);
        assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
        return value;
}

/* 2 is FULL, 1 NORMAL: a change is always synced, whatever local facts came before it. */
static void test_synced(void **state)
{
        struct store_fixture *f = *state;

        assert_int_equal(synchronous_of(f->writer), 2);
        assert_int_equal(store_local_begin(f->writer), 0);
        assert_int_equal(synchronous_of(f->writer), 1);
        assert_int_equal(store_local_commit(f->writer), 0);
        assert_int_equal(synchronous_of(f->writer), 2);
        assert_int_equal(store_local_begin(f->writer), 0);
        store_write_rollback(f->writer);
        assert_int_equal(synchronous_of(f->writer), 2);
        begin(f);
        assert_int_equal(synchronous_of(f->writer), 2);
        commit(f);
}

/* ---- local facts ---- */

static int count_session(void *context, const struct record_session *session)
{
        struct record_session *last = context;

        assert_true(last->opened_at <= session->opened_at);
        *last = *session;
        return 0;
}

static void test_sessions(void **state)
{
        struct store_fixture *f = *state;
        struct record_session s = {.id = "c1",
                                   .leader = 10,
                                   .account = "acme-deploy",
                                   .service = "sshd",
                                   .org_id = 3,
                                   .token_id = TOKEN_ID_LIMIT - 1,
                                   .opened_at = NOW};
        struct record_session last = {0};
        struct store_freshness before, after;
        int64_t count = -1;

        assert_int_equal(store_put_session(f->writer, &s, 3), -EINVAL);
        assert_int_equal(store_freshness(f->reader, &before), 0);
        assert_int_equal(store_local_begin(f->writer), 0);
        assert_int_equal(store_put_session(f->writer, &s, 3), 0);
        s.service[0] = 'x';
        assert_int_equal(store_put_session(f->writer, &s, 3), 0);
        assert_int_equal(store_local_commit(f->writer), 0);
        assert_int_equal(store_count_sessions(f->reader, &count), 0);
        assert_int_equal(count, 1);
        assert_int_equal(store_list_sessions(f->reader, count_session, &last), 0);
        assert_memory_equal(&last, &s, sizeof(s));
        /* Four where three may be: the oldest goes, and of one second the lower leader. */
        assert_int_equal(store_local_begin(f->writer), 0);
        for (int i = 0; i < 3; i++) {
                s.leader++;
                assert_int_equal(store_put_session(f->writer, &s, 3), 0);
        }
        s.leader = 10;
        assert_int_equal(store_delete_session(f->writer, &s), -ENOENT);
        s.leader = 13;
        s.account[0] = 'b';
        assert_int_equal(store_delete_session(f->writer, &s), -ENOENT);
        s.account[0] = 'a';
        assert_int_equal(store_delete_session(f->writer, &s), 0);
        assert_int_equal(store_local_commit(f->writer), 0);
        assert_int_equal(store_count_sessions(f->reader, &count), 0);
        assert_int_equal(count, 2);
        /* No change that a copy would have to take over. */
        assert_int_equal(store_freshness(f->reader, &after), 0);
        assert_int_equal(after.revision, before.revision);
}

static int count_grant(void *context, const struct record_grant *grant)
{
        struct record_grant *last = context;

        *last = *grant;
        return 0;
}

static void test_local_facts(void **state)
{
        struct store_fixture *f = *state;
        struct record_last_use use = {.token_id = 5,
                                      .at = NOW,
                                      .source = "10.0.0.1",
                                      .service = "sshd",
                                      .account = "acme-deploy",
                                      .org = "acme"};
        struct record_last_use found = {.at = 9};
        struct record_grant grant = {.actor = "alice",
                                     .real_uid = 1000,
                                     .org_id = 1,
                                     .token_id = 5,
                                     .source = "::1",
                                     .first_at = NOW,
                                     .renewed_at = NOW};
        struct record_grant last = {0};
        uint8_t mac[RECORD_MAC_LEN] = {9}, found_mac[RECORD_MAC_LEN];
        int64_t mark = 1;

        assert_int_equal(store_find_last_use(f->reader, 5, &found), 0);
        assert_int_equal(found.at, 0);
        assert_int_equal(store_find_clock_mark(f->reader, &mark, found_mac), 0);
        assert_int_equal(mark, 0);
        assert_int_equal(store_local_begin(f->writer), 0);
        assert_int_equal(store_put_last_use(f->writer, &use), 0);
        /* An older one, written later, is no newer use. */
        use.at = NOW - 1;
        use.org[0] = '\0';
        assert_int_equal(store_put_last_use(f->writer, &use), 0);
        assert_int_equal(store_put_clock_mark(f->writer, NOW, mac), 0);
        assert_int_equal(store_put_grant(f->writer, &grant), 0);
        grant.renewed_at = NOW + 1;
        assert_int_equal(store_put_grant(f->writer, &grant), 0);
        assert_int_equal(store_local_commit(f->writer), 0);
        assert_int_equal(store_find_last_use(f->reader, 5, &found), 0);
        assert_int_equal(found.at, NOW);
        assert_string_equal(found.org, "acme");
        assert_string_equal(found.source, "10.0.0.1");
        assert_int_equal(store_find_clock_mark(f->reader, &mark, found_mac), 0);
        assert_true(mark == NOW);
        assert_memory_equal(mac, found_mac, sizeof(mac));
        assert_int_equal(store_list_grants(f->reader, count_grant, &last), 0);
        same_grant(&last, &grant);
        assert_int_equal(store_local_begin(f->writer), 0);
        assert_int_equal(store_delete_grant(f->writer, &grant), 0);
        assert_int_equal(store_delete_grant(f->writer, &grant), -ENOENT);
        assert_int_equal(store_local_commit(f->writer), 0);
        last.org_id = 0;
        assert_int_equal(store_list_grants(f->reader, count_grant, &last), 0);
        assert_int_equal(last.org_id, 0);
        assert_int_equal(revision_of(f->reader), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_org),
                TEST(test_user),
                TEST(test_token),
                TEST(test_small_tables),
                TEST(test_names_are_unique),
                TEST(test_ids_grow),
                TEST(test_revisions),
                TEST(test_transactions),
                TEST(test_synced),
                TEST(test_local_facts),
                TEST(test_sessions),
        };

        return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
