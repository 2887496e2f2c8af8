#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/store_sqlite.h"
#include "tests/support/store_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW          FIXTURE_NOW

static int setup(void **state)
{
        *state = fixture_new();
        return 0;
}

static int teardown(void **state)
{
        *state = fixture_free(*state);
        return 0;
}

static int64_t revision_of(struct store_reader *r)
{
        struct store_freshness freshness = {0};

        assert_int_equal(store_freshness(r, &freshness), 0);
        assert_true(freshness.authoritative);
        return freshness.revision;
}

static void begin(struct store_fixture *f)
{
        assert_int_equal(store_write_begin(f->writer), 0);
}

static int64_t commit(struct store_fixture *f)
{
        int64_t revision = -1;

        assert_int_equal(store_write_commit(f->writer, &revision), 0);
        return revision;
}

static struct record_org org_named(int64_t id, const char *name)
{
        struct record_org org = {.id = id, .created_at = NOW};

        (void)view_copy(view_of(name), org.name, sizeof(org.name));
        return org;
}

/* A row for the store alone: its seal is none. */
static struct record_token token_of(int64_t id, enum token_kind kind, int64_t owner)
{
        struct record_token token = {.id = id,
                                     .kind = kind,
                                     .owner = owner,
                                     .name = "a name",
                                     .created_at = NOW,
                                     .expires_at = EXPIRY_NEVER,
                                     .has_proof = true,
                                     .key_fingerprint = 1,
                                     .ends_at = EXPIRY_NEVER,
                                     .successor = -1};

        return token;
}

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
        const struct policy policy = {.max_life = 1,
                                      .max_unused = 2,
                                      .never_ok = true,
                                      .self_service = SELF_SERVICE_OFF};
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
        static const char *const expected[] = {"1 o 1",   "2 u 1", "3 m 1/1",         "4 a dep/1",
                                               "4 g dep", "5 t 7", "6 a dep/1",       "6 g dep",
                                               "6 m 1/1", "6 o 1", "6 p host",        "6 t 7"};
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
        /* A transaction that put nothing takes none, nor does one that was rolled back or refused. */
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

        assert_int_equal(sqlite3_prepare_v2(w->reader.db, "PRAGMA synchronous", -1, &statement,
                                            NULL),
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

/* 300 tokens in three seconds, in an order that is neither that of their ids nor of their making. */
static void make_tokens(struct store_fixture *f, int64_t org, int64_t user)
{
        begin(f);
        for (int i = 0; i < 300; i++) {
                struct record_token token = token_of((i * 7919 + 13) % 100000,
                                                     i % 3 == 0 ? TOKEN_AK : TOKEN_PAT,
                                                     i % 3 == 0 ? org : user);

                token.created_at = NOW + (i / 7) % 3;
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
                        assert_true(before.created_at < token.created_at ||
                                    (before.created_at == token.created_at &&
                                     before.id < token.id));
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
        WALK(&all, 400, store_list_tokens(f->reader, TOKEN_AK, org, &cursor, 400, take_token, &all));
        assert_int_equal(
                store_list_tokens(f->reader, TOKEN_AK, org, &place, 50, take_token, &ids),
                -ECANCELED);
        assert_int_equal(ids.count, 5);
        ids.stop_at = 0;
        assert_int_equal(
                store_list_tokens(f->reader, TOKEN_AK, org, &place, 200, take_token, &ids), 0);
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
                for (unsigned i = 0; i < 7; i++)
                        assert_int_equal(ids.id[i], 1001 + i);
                WALK(&ids, max,
                     store_list_memberships(f->reader, 7, &cursor, max, take_member, &ids));
                assert_int_equal(ids.count, 7);
                for (unsigned i = 0; i < 7; i++)
                        assert_int_equal(ids.id[i], (i + 1) * 1000 + 7);
                WALK(&ids, max,
                     store_list_accounts(f->reader, 1, &cursor, max, take_account, &ids));
                assert_int_equal(ids.count, 8);
                for (unsigned i = 1; i < 8; i++)
                        assert_true(ids.id[i - 1] < ids.id[i]);
                WALK(&ids, max,
                     store_list_accounts(f->reader, 0, &cursor, max, take_account, &ids));
                assert_int_equal(ids.count, 14);
                for (unsigned i = 0; i < 7; i++)
                        assert_int_equal(ids.id[i], (i + 1) * 1000 + 'a');
                assert_int_equal(ids.id[7], 1000 + 'i');
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
        assert_int_equal(store_list_tokens(r, token->kind, token->owner, &cursor, 5, take_token,
                                           &ids),
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
                {"0000000000", 6}, {"aaaaaabbbb", 7},  {"aaaaaacbbb", 10}, {"aaaaaacbbc", 10},
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

/* ---- what holds without the program ---- */

/* SQL on a connection of its own, with the schema's checks and triggers: SQLite's extended result. */
static int run_sql(struct store_fixture *f, const char *sql)
{
        sqlite3 *db = NULL;
        char path[512];
        int result;

        (void)snprintf(path, sizeof(path), "%s/%s", f->dir, STORE_FILE);
        assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, "PRAGMA foreign_keys = ON", NULL, NULL, NULL), SQLITE_OK);
        (void)sqlite3_exec(db, sql, NULL, NULL, NULL);
        result = sqlite3_extended_errcode(db);
        (void)sqlite3_close(db);
        return result;
}

static const struct {
        int result;
        const char *sql;
} refused[] = {
        {SQLITE_CONSTRAINT_TRIGGER, "DELETE FROM token"},
        {SQLITE_CONSTRAINT_TRIGGER, "DELETE FROM org"},
        {SQLITE_CONSTRAINT_TRIGGER, "DELETE FROM user"},
        {SQLITE_CONSTRAINT_TRIGGER, "DELETE FROM change"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE change SET revision = 99"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE meta SET revision = revision"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE meta SET revision = revision - 1"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE meta SET revision = revision + 2"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET revoked_at = NULL WHERE id = 2"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET proof = zeroblob(32) WHERE id = 2"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET mac = zeroblob(32) WHERE id = 2"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET name = 'x' WHERE id = 2"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET ends_at = ends_at + 1 WHERE id = 3"},
        {SQLITE_CONSTRAINT_TRIGGER,
         "UPDATE token SET ends_at = NULL, end_mac = NULL, end_reason = NULL WHERE id = 3"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET expires_at = NULL"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET id = 9 WHERE id = 1"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET kind = 1"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET user_id = 1"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET org_id = 1"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET created_at = 1"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET limits = NULL"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE token SET key_fingerprint = 1"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE org SET deleted_at = NULL WHERE id = 2"},
        {SQLITE_CONSTRAINT_TRIGGER, "UPDATE user SET removed_at = NULL WHERE id = 2"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE token SET mac = zeroblob(31) WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE token SET proof = zeroblob(33) WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE token SET proof = NULL WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE token SET revoked_at = 1 WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK,
         "UPDATE token SET revoked_at = 0, proof = NULL, end_reason = 'x' WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE token SET revoked_at = 1, proof = NULL WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE token SET end_reason = 'x' WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE token SET ends_at = 5, end_reason = 'x' WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE token SET name = '' WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE token SET name = printf('%101s', '') WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE token SET successor = 1 WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE token SET successor = -1 WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "INSERT INTO token SELECT 839299365868340224, kind, org_id,"
                                  " user_id, name, 1, 2, NULL, proof, mac, 1, NULL, NULL, NULL,"
                                  " NULL, NULL FROM token WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "INSERT INTO token SELECT -1, kind, org_id, user_id, name, 1, 2,"
                                  " NULL, proof, mac, 1, NULL, NULL, NULL, NULL, NULL FROM token"
                                  " WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "INSERT INTO token SELECT 8, kind, org_id, user_id, name, 1, 0,"
                                  " NULL, proof, mac, 1, NULL, NULL, NULL, NULL, NULL FROM token"
                                  " WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "INSERT INTO token SELECT 8, kind, 1, user_id, name, 1, NULL,"
                                  " NULL, proof, mac, 1, NULL, NULL, NULL, NULL, NULL FROM token"
                                  " WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "INSERT INTO token SELECT 8, 1, org_id, user_id, name, 1, NULL,"
                                  " NULL, proof, mac, 1, NULL, NULL, NULL, NULL, NULL FROM token"
                                  " WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "INSERT INTO token SELECT 8, 3, NULL, NULL, name, 1, NULL, NULL,"
                                  " proof, mac, 1, NULL, NULL, NULL, NULL, NULL FROM token"
                                  " WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "INSERT INTO token SELECT 8, kind, org_id, user_id, name, 1,"
                                  " NULL, X'', proof, mac, 1, NULL, NULL, NULL, NULL, NULL"
                                  " FROM token WHERE id = 1"},
        {SQLITE_CONSTRAINT_DATATYPE, "UPDATE token SET mac = 'x' WHERE id = 1"},
        {SQLITE_CONSTRAINT_DATATYPE, "UPDATE org SET created_at = 'soon'"},
        {SQLITE_CONSTRAINT_NOTNULL, "UPDATE token SET mac = NULL WHERE id = 1"},
        {SQLITE_CONSTRAINT_NOTNULL, "UPDATE member SET mac = NULL"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE member SET role = 0"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE member SET mac = zeroblob(16)"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE account SET role = 3"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE account SET services = X''"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE account SET name = 'a/b'"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE guarded SET mac = X''"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE org SET name = 'Acme' WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE org SET name = '' WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE org SET name = 'a-' WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE org SET name = '1a' WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE org SET suspended = 2"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE org SET deleted_at = 0 WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE org SET max_life = -1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE user SET uid = -1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE user SET name = 'a b' WHERE id = 1"},
        {SQLITE_CONSTRAINT_CHECK, "UPDATE meta SET fingerprint = 0"},
        {SQLITE_CONSTRAINT_CHECK, "INSERT INTO change VALUES (1, 'x', 1)"},
        {SQLITE_CONSTRAINT_CHECK, "INSERT INTO change VALUES (1, 'o', X'00')"},
        {SQLITE_CONSTRAINT_CHECK, "INSERT INTO host_policy VALUES (2, 0, 0, 1, 0, 1, zeroblob(32))"},
        {SQLITE_CONSTRAINT_CHECK, "INSERT INTO host_policy VALUES (1, 0, 0, 1, 0, 0, zeroblob(32))"},
        {SQLITE_CONSTRAINT_FOREIGNKEY, "INSERT INTO member VALUES (9, 1, 1, 1, zeroblob(32))"},
        {SQLITE_CONSTRAINT_FOREIGNKEY, "INSERT INTO member VALUES (1, 9, 1, 1, zeroblob(32))"},
        {SQLITE_CONSTRAINT_FOREIGNKEY,
         "INSERT INTO account VALUES ('x', 9, 0, NULL, 1, zeroblob(32))"},
        {SQLITE_CONSTRAINT_UNIQUE, "UPDATE org SET name = 'third' WHERE id = 1"},
        {SQLITE_CONSTRAINT_UNIQUE, "UPDATE user SET name = 'carol' WHERE id = 1"},
};

static void test_constraints(void **state)
{
        struct store_fixture *f = *state;
        static const struct fixture_token_options options[] = {{.id = 1}, {.id = 2}, {.id = 3}};
        char text[TOKEN_TEXT_MAX + 1];
        struct record_org org;
        struct record_user user;

        fixture_org(f, "acme");
        fixture_org(f, "gone");
        fixture_org(f, "third");
        fixture_user(f, "alice", 1);
        fixture_user(f, "bob", 2);
        fixture_user(f, "carol", 3);
        fixture_member(f, 1, 1, ROLE_MEMBER);
        fixture_account(f, "x", 1, ROLE_NONE, NULL);
        for (size_t i = 0; i < COUNT(options); i++)
                fixture_token(f, TOKEN_PAT, 1, &options[i], text);
        fixture_revoke(f, 2, NOW, "x");
        fixture_end(f, 3, NOW, "rotated", 1);
        assert_int_equal(store_find_org(f->reader, 2, &org), 0);
        assert_int_equal(store_find_user(f->reader, 2, &user), 0);
        org.deleted_at = user.removed_at = NOW;
        begin(f);
        assert_int_equal(store_put_org(f->writer, &org), 0);
        assert_int_equal(store_put_user(f->writer, &user), 0);
        commit(f);
        for (size_t i = 0; i < COUNT(refused); i++) {
                int result = run_sql(f, refused[i].sql);

                if (result != refused[i].result)
                        print_error("%s: %d\n", refused[i].sql, result);
                assert_int_equal(result, refused[i].result);
        }
        assert_int_equal(store_integrity(f->reader), 0);
}

/* ---- two connections ---- */

static void test_one_moment(void **state)
{
        struct store_fixture *f = *state;
        struct record_org org;

        fixture_org(f, "acme");
        assert_int_equal(store_read_begin(f->reader), 0);
        assert_int_equal(store_read_begin(f->reader), -EINVAL);
        assert_int_equal(revision_of(f->reader), 1);
        fixture_org(f, "globex");
        assert_int_equal(revision_of(f->reader), 1);
        assert_int_equal(store_find_org_by_name(f->reader, VIEW("globex"), &org), -ENOENT);
        store_read_end(f->reader);
        store_read_end(f->reader);
        assert_int_equal(store_find_org_by_name(f->reader, VIEW("globex"), &org), 0);
        /* The writer's own reader sees what is not committed; the other does not. */
        begin(f);
        org.suspended = true;
        assert_int_equal(store_put_org(f->writer, &org), 0);
        assert_int_equal(store_find_org(f->reader, 2, &org), 0);
        assert_false(org.suspended);
        assert_int_equal(store_find_org(store_writer_reader(f->writer), 2, &org), 0);
        assert_true(org.suspended);
        store_write_rollback(f->writer);
        assert_int_equal(store_find_org(store_writer_reader(f->writer), 2, &org), 0);
        assert_false(org.suspended);
}

static void test_reader_cannot_write(void **state)
{
        struct store_fixture *f = *state;

        assert_int_equal(store_sqlite_run(f->reader->db, "DELETE FROM last_use"), -EROFS);
        assert_int_equal(store_sqlite_run(f->reader->db, "PRAGMA query_only = OFF;"
                                                         "DELETE FROM last_use"),
                         -EROFS);
        assert_int_equal(store_sqlite_run(f->reader->db, "ATTACH ':memory:' AS other"), -EUCLEAN);
        /* Nor can the writer do what no program of ours needs. */
        assert_int_not_equal(store_sqlite_run(f->writer->reader.db,
                                              "PRAGMA writable_schema = ON;"
                                              "DELETE FROM sqlite_schema"),
                             0);
        assert_int_not_equal(
                store_sqlite_run(f->writer->reader.db, "SELECT load_extension('libm.so.6')"), 0);
}

static void test_settings(void **state)
{
        static const struct {
                const char *sql;
                int value;
        } cases[] = {
                {"PRAGMA foreign_keys", 1},    {"PRAGMA trusted_schema", 0},
                {"PRAGMA cell_size_check", 1}, {"PRAGMA secure_delete", 1},
                {"PRAGMA mmap_size", 0},       {"PRAGMA cache_size", -2048},
                {"PRAGMA temp_store", 2},      {"PRAGMA user_version", STORE_SQLITE_VERSION},
                {"PRAGMA application_id", STORE_SQLITE_APPLICATION},
        };
        struct store_fixture *f = *state;
        sqlite3 *const connections[] = {f->reader->db, f->writer->reader.db};

        for (size_t i = 0; i < 2 * COUNT(cases); i++) {
                sqlite3_stmt *statement;

                assert_int_equal(sqlite3_prepare_v2(connections[i % 2], cases[i / 2].sql, -1,
                                                    &statement, NULL),
                                 SQLITE_OK);
                assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
                assert_int_equal(sqlite3_column_int(statement, 0), cases[i / 2].value);
                assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
        }
}

/* The log does not grow without end, however much is written beside an idle reader. */
static void test_log_is_bounded(void **state)
{
        struct store_fixture *f = *state;
        char path[512];
        struct stat st;
        int64_t org = fixture_org(f, "acme");

        for (int i = 0; i < 60; i++) {
                begin(f);
                for (int j = 0; j < 200; j++) {
                        struct record_token token = token_of(i * 200 + j, TOKEN_AK, org);

                        assert_int_equal(store_insert_token(f->writer, &token), 0);
                }
                commit(f);
        }
        (void)snprintf(path, sizeof(path), "%s/%s-wal", f->dir, STORE_FILE);
        assert_int_equal(stat(path, &st), 0);
        assert_in_range(st.st_size, 1, 6 << 20);
        assert_int_equal(store_integrity(f->reader), 0);
}

/* What was acknowledged is there, and nothing half: a writer is killed at any moment. */
static void run_until_killed(const char *dir, int acknowledge)
{
        struct store_writer *w;

        if (store_writer_open(dir, &w) < 0)
                _exit(1);
        for (int64_t i = 1;; i++) {
                struct record_org org = org_named(0, "x");
                int64_t revision;

                if (store_write_begin(w) < 0 || store_next_org_id(w, &org.id) < 0)
                        _exit(2);
                (void)snprintf(org.name, sizeof(org.name), "o%lld", (long long)org.id);
                if (store_put_org(w, &org) < 0 || store_write_commit(w, &revision) < 0 ||
                    revision != org.id ||
                    write(acknowledge, &revision, sizeof(revision)) != sizeof(revision))
                        _exit(3);
        }
}

static void test_killed(void **state)
{
        struct store_fixture *f = *state;

        fixture_close(f);
        for (unsigned i = 0; i < 12; i++) {
                int64_t acknowledged = 0, revision;
                int pipes[2], status;
                struct ids ids;
                pid_t child;

                assert_int_equal(pipe(pipes), 0);
                child = fork();
                assert_true(child >= 0);
                if (child == 0)
                        run_until_killed(f->dir, pipes[1]);
                (void)close(pipes[1]);
                /* After so many acknowledgements, with the next transaction somewhere under way. */
                for (unsigned n = 0; n < 1 + i; n++)
                        assert_int_equal(read(pipes[0], &acknowledged, sizeof(acknowledged)),
                                         sizeof(acknowledged));
                (void)usleep(i * 37);
                assert_int_equal(kill(child, SIGKILL), 0);
                while (read(pipes[0], &revision, sizeof(revision)) == sizeof(revision))
                        acknowledged = revision;
                (void)close(pipes[0]);
                assert_int_equal(waitpid(child, &status, 0), child);
                assert_true(WIFSIGNALED(status));
                /* A reader comes first at a start, and may have to read the log again by itself. */
                {
                        struct store_reader *r = NULL;

                        assert_int_equal(store_reader_open(f->dir, &r), 0);
                        assert_true(revision_of(r) >= acknowledged);
                        (void)store_reader_close(r);
                }
                fixture_open(f);
                assert_int_equal(store_integrity(f->reader), 0);
                revision = revision_of(f->reader);
                assert_true(revision >= acknowledged);
                WALK(&ids, 400, store_list_orgs(f->reader, &cursor, 400, take_org, &ids));
                assert_int_equal(ids.count, revision);
                fixture_close(f);
        }
}

static void test_integrity(void **state)
{
        struct store_fixture *f = *state;

        fixture_org(f, "acme");
        assert_int_equal(store_integrity(f->reader), 0);
        assert_int_equal(store_integrity(store_writer_reader(f->writer)), 0);
        /* Constraints are known to a connection that may write; see store_sqlite_open.c. */
        fixture_tamper(f, "UPDATE org SET mac = zeroblob(3)");
        assert_int_equal(store_integrity(store_writer_reader(f->writer)), -EUCLEAN);
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
                TEST(test_list_tokens),
                TEST(test_list_stopped),
                TEST(test_list_others),
                TEST(test_list_nested),
                TEST(test_key_id_length),
                TEST(test_counts),
                TEST(test_constraints),
                TEST(test_one_moment),
                TEST(test_reader_cannot_write),
                TEST(test_settings),
                TEST(test_log_is_bounded),
                TEST(test_killed),
                TEST(test_integrity),
        };

        return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
