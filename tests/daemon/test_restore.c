/* orgtokend --restore: what a backup gets from the store it replaces, and what it must not do. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "daemon/hostkey.h"
#include "daemon/limits.h"
#include "daemon/offline.h"
#include "tests/support/captured.h"
#include "tests/support/faulty_calls.h"
#include "tests/support/files.h"
#include "tests/support/killed.h"
#include "tests/support/store_fixture.h"
#include "tests/support/valgrind.h"

#define LATER (FIXTURE_NOW + 1000)
#define ASIDE ".old-20231114T222320Z" /* how FIXTURE_NOW + 600 is written */

/* Which system calls a child is killed at in the short form: all in the long one. */
#ifdef __SANITIZE_ADDRESS__
#define STRIDE 29
#else
#define STRIDE 5
#endif

/* A store, a backup of it, and rows that both know. */
struct scene {
        struct store_fixture *f;
        char backup[512];
        int64_t acme, globex, alice, bob, carol;
        int64_t kept, revoked, ended, young;
        char kept_text[TOKEN_TEXT_MAX + 1], revoked_text[TOKEN_TEXT_MAX + 1];
        int64_t revision;
};

static void path_in(const struct scene *s, const char *name, char ret[static 512])
{
        files_path(s->f->dir, name, ret);
}

static void make_backup(struct scene *s, const char *name)
{
        path_in(s, name, s->backup);
        assert_int_equal(store_backup(s->f->reader, s->backup, &s->revision), 0);
}

static int setup(void **state)
{
        struct scene *s = calloc(1, sizeof(*s));
        char text[TOKEN_TEXT_MAX + 1];

        assert_non_null(s);
        s->f = fixture_new();
        fixture_write_key(s->f);
        s->acme = fixture_org(s->f, "acme");
        s->globex = fixture_org(s->f, "globex");
        s->alice = fixture_user(s->f, "alice", 1000);
        s->bob = fixture_user(s->f, "bob", 1001);
        s->carol = fixture_user(s->f, "carol", 1002);
        fixture_member(s->f, s->acme, s->alice, ROLE_ADMIN);
        fixture_member(s->f, s->acme, s->bob, ROLE_ADMIN);
        fixture_member(s->f, s->acme, s->carol, ROLE_MEMBER);
        fixture_account(s->f, "acme-deploy", s->acme, ROLE_NONE, NULL);
        fixture_account(s->f, "acme-db", s->acme, ROLE_NONE, NULL);
        s->kept = fixture_token(s->f, TOKEN_AK, s->acme, NULL, s->kept_text);
        s->revoked = fixture_token(s->f, TOKEN_PAT, s->alice, NULL, s->revoked_text);
        s->ended = fixture_token(s->f, TOKEN_AK, s->acme, NULL, text);
        s->young = fixture_token(s->f, TOKEN_AK, s->acme,
                                 &(struct fixture_token_options){.created_at = FIXTURE_NOW + 500},
                                 text);
        make_backup(s, "backup");
        *state = s;
        return 0;
}

static int teardown(void **state)
{
        struct scene *s = *state;

        s->f = fixture_free(s->f);
        free(s);
        return 0;
}

struct how {
        const char *key_file;
        bool accept;
        int64_t older_than; /* 0: not */
        bool faulty;        /* see faulty_calls_begin() */
        unsigned fails;
};

static int restore_with(const struct scene *s, const struct how *how)
{
        struct offline o = {.state_dir = s->f->dir, .now = FIXTURE_NOW + 600};
        struct offline_restore r = {.file = open(s->backup, O_RDONLY | O_NONBLOCK),
                                    .key_file = how->key_file ? open(how->key_file, O_RDONLY) : -1,
                                    .accept_lost = how->accept,
                                    .older_than = how->older_than ? how->older_than : -1};
        int e;

        assert_true(r.file >= 0);
        if (how->faulty)
                faulty_calls_begin(how->fails);
        e = offline_restore(&o, &r);
        (void)close(r.file);
        close_fdp(&r.key_file);
        return e;
}

static int restore(const struct scene *s)
{
        return restore_with(s, &(struct how){0});
}

static bool is_there(const struct scene *s, const char *name)
{
        return files_are_there(s->f->dir, name);
}

/* What earlier restores of this test put aside. */
static void remove_aside(const struct scene *s)
{
        files_remove(s->f->dir, ASIDE);
}

static void make_backup_of(struct scene *s)
{
        fixture_open(s->f);
        (void)unlink(s->backup);
        make_backup(s, "backup");
        fixture_close(s->f);
}

static enum sealed_token_state judge(const struct scene *s, int64_t id)
{
        enum sealed_token_state state = SEALED_WRONG;
        struct record_token token;

        fixture_find_token(s->f, id, &token);
        assert_int_equal(sealed_judge_stored(&s->f->sealed, &token, &state), 0);
        return state;
}

static enum sealed_token_state judge_text(const struct scene *s, int64_t id, const char *text)
{
        enum sealed_token_state state = SEALED_WRONG;
        struct record_token token;
        struct token parsed;

        assert_int_equal(token_parse(view_of(text), &parsed), 0);
        fixture_find_token(s->f, id, &token);
        assert_int_equal(sealed_judge_token(&s->f->sealed, &token, parsed.secret, &state), 0);
        return state;
}

/* ---- what the store in place knows ---- */

/* All that can be taken away, taken away after the backup. */
static void take_away(struct scene *s)
{
        const struct sealed *w = &s->f->managed;
        struct record_org org;
        struct record_user user;
        struct record_member member;
        struct record_account account;
        struct record_guarded guarded = {.name = "later", .since = FIXTURE_NOW};
        struct policy policy = {.max_life = 86400, .self_service = SELF_SERVICE_OFF};
        struct record_last_use use = {.token_id = s->kept, .at = LATER};
        int64_t revision;

        fixture_revoke(s->f, s->revoked, LATER, "stolen");
        fixture_end(s->f, s->ended, LATER + 60, "rotated", s->kept);
        assert_int_equal(store_write_begin(s->f->writer), 0);
        assert_int_equal(sealed_find_org(w, s->globex, &org), 0);
        org.deleted_at = LATER;
        assert_int_equal(sealed_put_org(w, &org), 0);
        assert_int_equal(sealed_find_org(w, s->acme, &org), 0);
        org.policy.max_life = 3600;
        assert_int_equal(sealed_put_org(w, &org), 0);
        assert_int_equal(sealed_find_user(w, s->carol, &user), 0);
        user.suspended = true;
        assert_int_equal(sealed_put_user(w, &user), 0);
        assert_int_equal(sealed_find_user(w, s->alice, &user), 0);
        user.uid = 2000;
        assert_int_equal(sealed_put_user(w, &user), 0);
        assert_int_equal(sealed_find_member(w, s->acme, s->bob, &member), 0);
        member.role = ROLE_MEMBER;
        assert_int_equal(sealed_put_member(w, &member), 0);
        assert_int_equal(store_delete_member(s->f->writer, s->acme, s->carol), 0);
        assert_int_equal(store_delete_account(s->f->writer, VIEW("acme-db"), s->acme), 0);
        assert_int_equal(sealed_find_account(w, VIEW("acme-deploy"), s->acme, &account), 0);
        account.role = ROLE_ADMIN;
        assert_int_equal(sealed_put_account(w, &account), 0);
        assert_int_equal(sealed_put_guarded(w, &guarded), 0);
        assert_int_equal(sealed_put_host_policy(w, &policy), 0);
        assert_int_equal(sealed_put_clock_mark(w, LATER), 0);
        assert_int_equal(store_put_last_use(s->f->writer, &use), 0);
        assert_int_equal(store_write_commit(s->f->writer, &revision), 0);
}

static void assert_taken_away(const struct scene *s)
{
        const struct sealed *r = &s->f->sealed;
        struct record_token token;
        struct record_org org;
        struct record_user user;
        struct record_member member;
        struct record_account account;
        struct record_guarded guarded;
        struct record_last_use use;
        struct policy policy;
        int64_t mark;

        assert_int_equal(judge_text(s, s->kept, s->kept_text), SEALED_LIVE);
        assert_int_equal(judge_text(s, s->revoked, s->revoked_text), SEALED_REVOKED);
        fixture_find_token(s->f, s->revoked, &token);
        assert_int_equal(token.revoked_at, LATER);
        assert_string_equal(token.end_reason, "stolen");
        assert_int_equal(judge(s, s->ended), SEALED_LIVE);
        fixture_find_token(s->f, s->ended, &token);
        assert_int_equal(token.ends_at, LATER + 60);
        assert_int_equal(token.successor, s->kept);
        assert_int_equal(sealed_find_org_by_name(r, VIEW("globex"), &org), -ENOENT);
        assert_int_equal(sealed_find_org(r, s->acme, &org), 0);
        assert_int_equal(org.policy.max_life, 3600);
        assert_int_equal(sealed_find_user(r, s->carol, &user), 0);
        assert_true(user.suspended);
        assert_int_equal(sealed_find_user(r, s->alice, &user), 0);
        assert_int_equal(user.uid, 2000);
        assert_int_equal(sealed_find_member(r, s->acme, s->bob, &member), 0);
        assert_int_equal(member.role, ROLE_MEMBER);
        assert_int_equal(sealed_find_member(r, s->acme, s->carol, &member), -ENOENT);
        assert_int_equal(sealed_find_member(r, s->acme, s->alice, &member), 0);
        assert_int_equal(member.role, ROLE_ADMIN);
        assert_int_equal(sealed_find_account(r, VIEW("acme-db"), s->acme, &account), -ENOENT);
        assert_int_equal(sealed_find_account(r, VIEW("acme-deploy"), s->acme, &account), 0);
        assert_int_equal(account.role, ROLE_ADMIN);
        assert_int_equal(sealed_find_guarded(r, VIEW("later"), &guarded), 0);
        assert_int_equal(sealed_find_host_policy(r, &policy), 0);
        assert_int_equal(policy.self_service, SELF_SERVICE_OFF);
        assert_int_equal(sealed_find_clock_mark(r, &mark), 0);
        assert_int_equal(mark, LATER);
        assert_int_equal(store_find_last_use(s->f->reader, s->kept, &use), 0);
        assert_int_equal(use.at, LATER);
}

static void test_taken_over(void **state)
{
        struct scene *s = *state;
        struct store_freshness freshness;
        struct record_token token;
        char text[TOKEN_TEXT_MAX + 1], path[512];
        int64_t since = fixture_token(s->f, TOKEN_AK, s->acme, NULL, text);
        struct stat st;

        take_away(s);
        fixture_close(s->f);
        assert_int_equal(restore(s), 0);
        assert_false(is_there(s, STORE_STAGED STORE_FILE));
        /* What was there is beside it, whole. */
        path_in(s, STORE_FILE ASIDE, path);
        assert_int_equal(lstat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        path_in(s, STORE_FILE, path);
        assert_int_equal(lstat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(st.st_nlink, 1);
        fixture_open(s->f);
        assert_int_equal(store_check(store_writer_reader(s->f->writer)), 0);
        assert_taken_away(s);
        /* Made since: not in the backup, and lost. */
        assert_int_equal(store_find_token(s->f->reader, since, &token), -ENOENT);
        assert_int_equal(store_freshness(s->f->reader, &freshness), 0);
        assert_int_equal(freshness.revision, s->revision + 1);
}

/* A second one, of the same backup over what the first one made, gives nothing back either. */
static void test_twice(void **state)
{
        struct scene *s = *state;

        take_away(s);
        fixture_close(s->f);
        assert_int_equal(restore(s), 0);
        /* In the same second the name is taken: nothing is written over. */
        assert_int_equal(restore(s), -EEXIST);
        remove_aside(s);
        assert_int_equal(restore(s), 0);
        fixture_open(s->f);
        assert_taken_away(s);
}

static void test_grants_end(void **state)
{
        struct scene *s = *state;
        struct record_grant grant = {.actor = "alice",
                                     .real_uid = 1000,
                                     .org_id = s->acme,
                                     .token_id = s->kept,
                                     .first_at = 1,
                                     .renewed_at = 1};
        struct store_counts counts;

        assert_int_equal(store_local_begin(s->f->writer), 0);
        assert_int_equal(store_put_grant(s->f->writer, &grant), 0);
        assert_int_equal(store_local_commit(s->f->writer), 0);
        make_backup(s, "with-grant");
        fixture_close(s->f);
        assert_int_equal(restore(s), 0);
        fixture_open(s->f);
        assert_int_equal(store_count(s->f->reader, LATER, &counts), 0);
        fixture_tamper(s->f, "INSERT INTO grants SELECT actor, real_uid, org_id, token_id, account,"
                             " source, first_at, renewed_at FROM grants");
        fixture_tamper(s->f, "CREATE TEMP TABLE t (n CHECK (n = 0));"
                             "INSERT INTO t SELECT count(*) FROM grants");
}

/* ---- where it does not know ---- */

/* Refused, and all as it was; then done, with each of the two words. */
static void assert_gap(struct scene *s)
{
        char path[512];
        unsigned char *before, *after;
        size_t len, len_after;
        bool there = is_there(s, STORE_FILE);
        struct record_token token;

        path_in(s, STORE_FILE, path);
        before = there ? files_read(path, &len) : NULL;
        assert_int_equal(restore(s), -ESTALE);
        assert_false(is_there(s, STORE_STAGED STORE_FILE));
        assert_false(is_there(s, STORE_FILE ASIDE));
        assert_true(is_there(s, STORE_FILE) == there);
        if (there) {
                after = files_read(path, &len_after);
                assert_int_equal(len, len_after);
                assert_memory_equal(before, after, len);
                free(after);
        }
        assert_int_equal(restore_with(s, &(struct how){.older_than = FIXTURE_NOW + 100}), 0);
        if (there) {
                path_in(s, STORE_FILE ASIDE, path);
                after = files_read(path, &len_after);
                assert_int_equal(len, len_after);
                assert_memory_equal(before, after, len);
                free(after);
        }
        free(before);
        fixture_open(s->f);
        assert_int_equal(judge_text(s, s->kept, s->kept_text), SEALED_REVOKED);
        fixture_find_token(s->f, s->kept, &token);
        assert_string_equal(token.end_reason, "restored");
        assert_int_equal(judge(s, s->revoked), SEALED_REVOKED);
        assert_int_equal(judge(s, s->young), SEALED_LIVE);
        assert_int_equal(store_check(store_writer_reader(s->f->writer)), 0);
        fixture_close(s->f);
}

static void remove_store(const struct scene *s)
{
        files_remove(s->f->dir, STORE_FILE);
}

static void test_no_store(void **state)
{
        struct scene *s = *state;

        fixture_close(s->f);
        remove_store(s);
        assert_gap(s);
        remove_store(s);
        assert_int_equal(restore_with(s, &(struct how){.accept = true}), 0);
        fixture_open(s->f);
        assert_int_equal(judge_text(s, s->kept, s->kept_text), SEALED_LIVE);
        assert_int_equal(judge_text(s, s->revoked, s->revoked_text), SEALED_LIVE);
}

static void test_damaged(void **state)
{
        struct scene *s = *state;
        unsigned char *bytes;
        char path[512];
        size_t len;

        fixture_revoke(s->f, s->revoked, LATER, "stolen");
        fixture_close(s->f);
        path_in(s, STORE_FILE, path);
        bytes = files_read(path, &len);
        memset(bytes + len - 4096, 0x5a, 4096);
        files_write(path, bytes, len);
        assert_gap(s);
        /* No database any more. */
        memset(bytes, 0x5a, 100);
        files_write(path, bytes, len);
        free(bytes);
        remove_aside(s);
        assert_gap(s);
}

/* What can still be read of it counts, whatever word is given. */
static void test_damaged_tells_what_it_can(void **state)
{
        struct scene *s = *state;

        fixture_revoke(s->f, s->revoked, LATER, "stolen");
        /* A row less than an index has, so that the check complains. */
        fixture_tamper(s->f, "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema"
                             " WHERE name = 'change_kept'");
        fixture_close(s->f);
        assert_int_equal(restore(s), -ESTALE);
        assert_int_equal(restore_with(s, &(struct how){.accept = true}), 0);
        fixture_open(s->f);
        assert_int_equal(judge_text(s, s->kept, s->kept_text), SEALED_LIVE);
        assert_int_equal(judge_text(s, s->revoked, s->revoked_text), SEALED_REVOKED);
}

/* Its log goes aside with it, and not into the new store. */
static void test_damaged_with_log(void **state)
{
        struct scene *s = *state;
        char path[512], aside[512];
        unsigned char *bytes, *moved;
        size_t len, moved_len;

        fixture_close(s->f);
        path_in(s, STORE_FILE, path);
        files_write(path,
                    "not a database, but longer than anything that is too short to be one,"
                    " and so on and so on and so on",
                    90);
        path_in(s, STORE_FILE "-wal", path);
        bytes = files_read(s->backup, &len);
        files_write(path, bytes, 4096);
        assert_int_equal(restore_with(s, &(struct how){.accept = true}), 0);
        path_in(s, STORE_FILE ASIDE "-wal", aside);
        moved = files_read(aside, &moved_len);
        assert_int_equal(moved_len, 4096);
        assert_memory_equal(moved, bytes, 4096);
        free(moved);
        free(bytes);
        fixture_open(s->f);
        assert_int_equal(judge_text(s, s->kept, s->kept_text), SEALED_LIVE);
}

/* Made anew under the same key, or before the backup, or gone another way since: its silence says
   nothing. */
static void test_other_history(void **state)
{
        struct scene *s = *state;
        struct record_member member;
        char path[512], older[512];

        path_in(s, "older", older);
        assert_int_equal(store_backup(s->f->reader, older, &s->revision), 0);
        fixture_org(s->f, "initech");
        make_backup(s, "newer");
        fixture_close(s->f);
        path_in(s, STORE_FILE, path);
        /* The store before the backup. */
        assert_int_equal(rename(older, path), 0);
        assert_int_equal(restore(s), -ESTALE);
        /* The same number of changes, and others. */
        fixture_open(s->f);
        fixture_org(s->f, "umbrella");
        fixture_revoke(s->f, s->revoked, LATER, "stolen");
        fixture_close(s->f);
        assert_int_equal(restore(s), -ESTALE);
        /* An id is a token for ever, whichever way it went; a member may be another one's. */
        assert_int_equal(restore_with(s, &(struct how){.accept = true}), 0);
        fixture_open(s->f);
        assert_int_equal(judge(s, s->revoked), SEALED_REVOKED);
        fixture_close(s->f);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(store_create(s->f->dir, keyhash_fingerprint(s->f->key), FIXTURE_NOW), 0);
        remove_aside(s);
        assert_int_equal(restore(s), -ESTALE);
        assert_int_equal(restore_with(s, &(struct how){.accept = true}), 0);
        fixture_open(s->f);
        assert_int_equal(sealed_find_member(&s->f->sealed, s->acme, s->alice, &member), 0);
}

/* Somebody made a revoked token live again behind the daemon's back, or took the row away. */
static void test_tampered(void **state)
{
        struct scene *s = *state;
        char sql[256];

        fixture_revoke(s->f, s->revoked, LATER, "stolen");
        (void)snprintf(sql, sizeof(sql), "DELETE FROM token WHERE id = %lld",
                       (long long)s->revoked);
        fixture_tamper(s->f, sql);
        fixture_close(s->f);
        assert_int_equal(restore(s), -ESTALE);
        fixture_open(s->f);
        (void)snprintf(sql, sizeof(sql),
                       "UPDATE token SET ends_at = 1, end_mac = zeroblob(32),"
                       " end_reason = 'x' WHERE id = %lld",
                       (long long)s->kept);
        fixture_tamper(s->f, sql);
        fixture_close(s->f);
        assert_int_equal(restore(s), -ESTALE);
}

/* ---- what is no backup ---- */

static void assert_refused(struct scene *s, int expected)
{
        assert_int_equal(restore_with(s, &(struct how){.accept = true}), expected);
        assert_false(is_there(s, STORE_STAGED STORE_FILE));
        assert_false(is_there(s, STORE_FILE ASIDE));
        fixture_open(s->f);
        assert_int_equal(judge_text(s, s->kept, s->kept_text), SEALED_LIVE);
        fixture_close(s->f);
}

static void test_no_backup(void **state)
{
        struct scene *s = *state;
        unsigned char *bytes;
        size_t len;

        fixture_close(s->f);
        bytes = files_read(s->backup, &len);
        for (size_t cut = 0; cut < len; cut += cut < 600 ? 97 : 4096) {
                files_write(s->backup, bytes, cut);
                assert_refused(s, -EUCLEAN);
        }
        for (size_t page = 0; page < len / 4096; page++) {
                unsigned char kept[4096];
                int e;

                memcpy(kept, bytes + page * 4096, sizeof(kept));
                memset(bytes + page * 4096, 0xa5, 200);
                files_write(s->backup, bytes, len);
                e = restore_with(s, &(struct how){.accept = true});
                assert_int_equal(e, -EUCLEAN);
                memcpy(bytes + page * 4096, kept, sizeof(kept));
        }
        assert_int_equal(unlink(s->backup), 0);
        assert_int_equal(mkfifo(s->backup, 0600), 0);
        assert_refused(s, -EUCLEAN);
        assert_int_equal(unlink(s->backup), 0);
        assert_int_equal(mkdir(s->backup, 0700), 0);
        assert_refused(s, -EUCLEAN);
        free(bytes);
}

/* A store to all appearances, in which a trigger is missing, or there is one too many. */
static void test_other_schema(void **state)
{
        static const char *const changes[] = {
                "DROP TRIGGER token_stays_revoked",
                "CREATE TRIGGER x AFTER INSERT ON token BEGIN DELETE FROM member; END",
                "CREATE VIEW v AS SELECT 1",
                "DROP INDEX token_by_org",
                "UPDATE meta SET revision = revision + 1",
                "DELETE FROM change WHERE revision = 3",
                "DELETE FROM user WHERE id = 1",
                "PRAGMA user_version = 0",
        };
        struct scene *s = *state;

        for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
                struct store_fixture *other = s->f;
                char store[512], kept[512];

                /* Changed in place, taken as the backup, and put back. */
                path_in(s, STORE_FILE, store);
                path_in(s, "kept", kept);
                fixture_close(other);
                files_copy(store, kept);
                fixture_tamper(other, changes[i]);
                assert_int_equal(rename(store, s->backup), 0);
                assert_int_equal(rename(kept, store), 0);
                assert_refused(s, -EUCLEAN);
        }
}

/* By a version that is yet to come. */
static void test_newer(void **state)
{
        struct scene *s = *state;
        char store[512], kept[512];

        path_in(s, STORE_FILE, store);
        path_in(s, "kept", kept);
        fixture_close(s->f);
        files_copy(store, kept);
        fixture_tamper(s->f, "PRAGMA user_version = 2");
        assert_int_equal(rename(store, s->backup), 0);
        assert_int_equal(rename(kept, store), 0);
        assert_refused(s, -EPROTONOSUPPORT);
        /* The store in place: nothing can be taken over from it. */
        make_backup_of(s);
        fixture_tamper(s->f, "PRAGMA user_version = 2");
        assert_int_equal(restore(s), -ESTALE);
}

static void test_other_key(void **state)
{
        struct scene *s = *state;
        struct store_fixture *other = fixture_new();
        int64_t revision;
        char path[512];

        assert_int_equal(unlink(s->backup), 0);
        assert_int_equal(store_backup(other->reader, s->backup, &revision), 0);
        fixture_close(s->f);
        assert_refused(s, -EKEYREJECTED);
        /* Not with a key that is not it either, nor with what is no key. */
        path_in(s, HOSTKEY_FILE, path);
        assert_int_equal(restore_with(s, &(struct how){.accept = true, .key_file = path}),
                         -EKEYREJECTED);
        assert_int_equal(restore_with(s, &(struct how){.accept = true, .key_file = s->backup}),
                         -EINVAL);
        /* Without the host's own key there is nothing to restore for. */
        assert_int_equal(unlink(path), 0);
        assert_refused(s, -ENOKEY);
        other = fixture_free(other);
}

/* A backup from before a rotation: with the key that was. */
static void test_backup_key(void **state)
{
        struct scene *s = *state;
        struct store_fixture *before = fixture_new();
        char text[TOKEN_TEXT_MAX + 1], dead_text[TOKEN_TEXT_MAX + 1], key[512], path[512];
        int64_t org = fixture_org(before, "initech"), revision;
        int64_t token = fixture_token(before, TOKEN_AK, org, NULL, text);
        int64_t dead = fixture_token(before, TOKEN_AK, org, NULL, dead_text);

        fixture_revoke(before, dead, LATER, "stolen");
        fixture_write_key(before);
        assert_int_equal(unlink(s->backup), 0);
        assert_int_equal(store_backup(before->reader, s->backup, &revision), 0);
        assert_in_range(snprintf(key, sizeof(key), "%s/key", before->dir), 1, sizeof(key) - 1);
        fixture_close(s->f);
        path_in(s, STORE_FILE, path);
        assert_int_equal(restore_with(s, &(struct how){.accept = true, .key_file = key}), 0);
        fixture_open(s->f);
        assert_int_equal(judge_text(s, token, text), SEALED_LIVE);
        assert_int_equal(judge(s, dead), SEALED_REVOKED);
        assert_int_equal(judge_text(s, dead, dead_text), SEALED_WRONG);
        before = fixture_free(before);
}

/* ---- each right alone ---- */

enum change {
        ORG_SUSPENDED,
        ORG_DELETED,
        ORG_MAX_LIFE,
        ORG_MAX_UNUSED,
        ORG_NEVER,
        ORG_END_SESSIONS,
        ORG_RESUMED, /* and changed otherwise, so that the row is written */
        USER_SUSPENDED,
        USER_REMOVED,
        USER_UID,
        USER_RESUMED,
        ACCOUNT_ROLE,
        ACCOUNT_SERVICES,
        ACCOUNT_OTHER_SERVICES,
        CHANGES,
};

struct rights {
        struct record_org org;
        struct record_user user;
        struct record_account account;
};

static void read_rights(const struct scene *s, struct rights *ret)
{
        const struct sealed *r = &s->f->managed;

        assert_int_equal(sealed_find_org(r, s->globex, &ret->org), 0);
        assert_int_equal(sealed_find_user(r, s->bob, &ret->user), 0);
        assert_int_equal(sealed_find_account(r, VIEW("acme-su"), s->acme, &ret->account), 0);
}

static void limit_account(struct record_account *account, const char *service)
{
        enum limits_kind kind;
        struct wire_message m;
        struct view bad;

        wire_init(&m, WIRE_REQUEST, WIRE_V_ACCOUNT_BIND, (const uint8_t[WIRE_NONCE_LEN]){0});
        assert_int_equal(wire_put_list(&m, WIRE_F_LIMIT_SERVICE, view_of(service)), 0);
        assert_int_equal(limits_from_request(&m, &account->services, &bad, &kind), 0);
}

static void change_rights(enum change change, struct rights *x)
{
        switch (change) {
        case ORG_SUSPENDED: x->org.suspended = true; break;
        case ORG_RESUMED:
                x->org.suspended = false;
                x->org.policy.max_unused = 90;
                break;
        case ORG_DELETED: x->org.deleted_at = LATER; break;
        case ORG_MAX_LIFE: x->org.policy.max_life = 60; break;
        case ORG_MAX_UNUSED: x->org.policy.max_unused = 60; break;
        case ORG_NEVER: x->org.policy.never_ok = !x->org.policy.never_ok; break;
        case ORG_END_SESSIONS: x->org.policy.end_sessions = true; break;
        case USER_SUSPENDED: x->user.suspended = true; break;
        case USER_RESUMED:
                x->user.suspended = false;
                x->user.uid = 2002;
                break;
        case USER_REMOVED: x->user.removed_at = LATER; break;
        case USER_UID: x->user.uid = 2001; break;
        case ACCOUNT_ROLE: x->account.role = ROLE_ADMIN; break;
        case ACCOUNT_SERVICES: limit_account(&x->account, "su-l"); break;
        case ACCOUNT_OTHER_SERVICES: limit_account(&x->account, "cr"); break;
        case CHANGES: break;
        }
}

static void write_rights(const struct scene *s, struct rights *x)
{
        const struct sealed *w = &s->f->managed;
        int64_t revision;

        assert_int_equal(store_write_begin(s->f->writer), 0);
        assert_int_equal(sealed_put_org(w, &x->org), 0);
        assert_int_equal(sealed_put_user(w, &x->user), 0);
        assert_int_equal(sealed_put_account(w, &x->account), 0);
        assert_int_equal(store_write_commit(s->f->writer, &revision), 0);
}

static void assert_same_rights(enum change change, const struct rights *a, const struct rights *b)
{
        const struct policy *p = &a->org.policy, *q = &b->org.policy;

        if (a->org.suspended != b->org.suspended || a->org.deleted_at != b->org.deleted_at ||
            p->max_life != q->max_life || p->max_unused != q->max_unused ||
            p->never_ok != q->never_ok || p->end_sessions != q->end_sessions ||
            a->user.suspended != b->user.suspended || a->user.removed_at != b->user.removed_at ||
            a->user.uid != b->user.uid || a->account.role != b->account.role ||
            a->account.services.len != b->account.services.len ||
            memcmp(a->account.services.bytes, b->account.services.bytes, a->account.services.len) !=
                    0)
                fail_msg("change %d was not taken over", (int)change);
}

static void test_each_right(void **state)
{
        struct scene *s = *state;
        struct rights rights;
        struct files *kept;

        fixture_account(s->f, "acme-su", s->acme, ROLE_MEMBER, "su");
        read_rights(s, &rights);
        fixture_close(s->f);
        for (int suspended = 0; suspended < 2; suspended++) {
                fixture_open(s->f);
                rights.org.suspended = rights.user.suspended = suspended;
                write_rights(s, &rights);
                fixture_close(s->f);
                make_backup_of(s);
                kept = files_keep(s->f->dir);
                for (enum change change = 0; change < CHANGES; change++) {
                        struct rights expected = rights, is;

                        files_put_back(kept, s->f->dir);
                        fixture_open(s->f);
                        change_rights(change, &expected);
                        write_rights(s, &expected);
                        fixture_close(s->f);
                        assert_int_equal(restore(s), 0);
                        fixture_open(s->f);
                        read_rights(s, &is);
                        fixture_close(s->f);
                        /* What was away when the backup was made comes back by hand only. */
                        expected.org.suspended |= suspended;
                        expected.user.suspended |= suspended;
                        assert_same_rights(change, &is, &expected);
                }
                kept = files_free(kept);
                remove_aside(s);
        }
}

/* More than are read at once, and the last of them is among what was taken away. */
static void test_many(void **state)
{
        struct scene *s = *state;
        struct record_member member;
        struct record_account account;
        struct record_guarded guarded;
        int64_t last = 0, revision;
        char name[32];

        for (int i = 0; i < 70; i++) {
                (void)snprintf(name, sizeof(name), "user%03d", i);
                last = fixture_user(s->f, name, 5000 + i);
                fixture_member(s->f, s->acme, last, ROLE_MEMBER);
                (void)snprintf(name, sizeof(name), "zz-account%03d", i);
                fixture_account(s->f, name, s->acme, ROLE_NONE, NULL);
        }
        fixture_close(s->f);
        make_backup_of(s);
        fixture_open(s->f);
        assert_int_equal(store_write_begin(s->f->writer), 0);
        assert_int_equal(store_delete_member(s->f->writer, s->acme, last), 0);
        assert_int_equal(store_delete_account(s->f->writer, VIEW("zz-account069"), s->acme), 0);
        guarded = (struct record_guarded){.name = "zzz-later", .since = FIXTURE_NOW};
        assert_int_equal(sealed_put_guarded(&s->f->managed, &guarded), 0);
        assert_int_equal(store_write_commit(s->f->writer, &revision), 0);
        fixture_close(s->f);
        assert_int_equal(restore(s), 0);
        fixture_open(s->f);
        assert_int_equal(sealed_find_member(&s->f->sealed, s->acme, last, &member), -ENOENT);
        assert_int_equal(sealed_find_member(&s->f->sealed, s->acme, last - 1, &member), 0);
        assert_int_equal(
                sealed_find_account(&s->f->sealed, VIEW("zz-account069"), s->acme, &account),
                -ENOENT);
        assert_int_equal(
                sealed_find_account(&s->f->sealed, VIEW("zz-account068"), s->acme, &account), 0);
        assert_int_equal(sealed_find_guarded(&s->f->sealed, VIEW("zzz-later"), &guarded), 0);
}

/* ---- interrupted ---- */

struct interrupted {
        struct scene *s;
        bool accept;
};

static int work(void *context)
{
        const struct interrupted *i = context;

        return restore_with(i->s, &(struct how){.accept = i->accept});
}

static unsigned stride(void)
{
        return getenv("ORGTOKEN_LONG") ? 1 : valgrind_is_here() ? 20 * STRIDE : STRIDE;
}

/* At every moment there is the old store or the new one, and in both the revocation. */
static void test_interrupted(void **state)
{
        struct scene *s = *state;
        struct interrupted i = {.s = s};
        struct files *kept;
        unsigned before = 0, after = 0;
        int ended = 0;

        take_away(s);
        fixture_close(s->f);
        kept = files_keep(s->f->dir);
        for (unsigned n = 1; ended == 0; n += stride()) {
                struct store_freshness freshness;

                files_put_back(kept, s->f->dir);
                ended = killed_at(work, &i, n);
                if (ended < 0)
                        skip();
                fixture_open(s->f);
                assert_int_equal(store_check(store_writer_reader(s->f->writer)), 0);
                assert_taken_away(s);
                assert_int_equal(store_freshness(s->f->reader, &freshness), 0);
                before += freshness.revision != s->revision + 1;
                after += freshness.revision == s->revision + 1;
                fixture_close(s->f);
                /* And again, to its end. */
                remove_aside(s);
                assert_int_equal(restore(s), 0);
                fixture_open(s->f);
                assert_taken_away(s);
                fixture_close(s->f);
        }
        kept = files_free(kept);
        assert_true(before > 0 && after > 0);
}

/* With a log beside it the damaged one cannot be exchanged in one step. Meanwhile there may be no
   store, and then no daemon makes one. */
static void test_interrupted_with_log(void **state)
{
        struct scene *s = *state;
        struct interrupted i = {.s = s, .accept = true};
        struct files *kept;
        char path[FILES_PATH_SIZE];
        unsigned none = 0;
        int ended = 0;

        fixture_close(s->f);
        path_in(s, STORE_FILE, path);
        files_write(path, "rubbish", 7);
        path_in(s, STORE_FILE "-wal", path);
        files_write(path, "rubbish that was its log", 24);
        kept = files_keep(s->f->dir);
        for (unsigned n = 1; ended == 0; n += stride()) {
                struct keyhash *key = NULL;
                const char *why = NULL;
                int e;

                files_put_back(kept, s->f->dir);
                ended = killed_at(work, &i, n);
                if (ended < 0)
                        skip();
                e = hostkey_load(s->f->dir, NULL, LATER, &key, &why);
                none += e == -ENOTEMPTY;
                assert_true(e == 0 || e == -EUCLEAN || e == -ENOTEMPTY);
                assert_true((e == 0) ==
                            (is_there(s, STORE_FILE ASIDE "-wal") && is_there(s, STORE_FILE)));
                key = keyhash_free(key);
                if (e < 0) {
                        remove_aside(s);
                        assert_int_equal(restore_with(s, &(struct how){.accept = true}), 0);
                }
                fixture_open(s->f);
                assert_int_equal(judge_text(s, s->kept, s->kept_text), SEALED_LIVE);
                fixture_close(s->f);
        }
        kept = files_free(kept);
        assert_true(none > 0 || stride() > 1);
}

/* ---- every call that can fail ---- */

/* The backup is from before a rotation, so that every part of the work has its turn. */
static void rotate_after_backup(struct scene *s, char ret_old_key[static FILES_PATH_SIZE])
{
        struct offline o = {.state_dir = s->f->dir, .now = FIXTURE_NOW + 300};
        const char *why;
        char path[FILES_PATH_SIZE];

        path_in(s, HOSTKEY_FILE, path);
        path_in(s, "key-that-was", ret_old_key);
        files_copy(path, ret_old_key);
        fixture_close(s->f);
        assert_int_equal(offline_rotate_key(&o, -1), 0);
        s->f->key = keyhash_free(s->f->key);
        assert_int_equal(hostkey_load(s->f->dir, NULL, LATER, &s->f->key, &why), 0);
        fixture_open(s->f);
}

struct faulty {
        struct scene *s;
        struct files *kept;
        char old_key[FILES_PATH_SIZE];
        unsigned failed, done;
};

static int restore_faulty(const struct faulty *f, unsigned n)
{
        struct how how = {.key_file = f->old_key, .faulty = true, .fails = n};

        files_put_back(f->kept, f->s->f->dir);
        return restore_with(f->s, &how);
}

/* All that was taken away is so: in the store that was, or in the one that is now in its place. */
static void assert_nothing_given_back(const struct scene *s)
{
        fixture_open(s->f);
        assert_int_equal(store_check(store_writer_reader(s->f->writer)), 0);
        assert_taken_away(s);
        fixture_close(s->f);
}

static void fail_at(struct faulty *f, unsigned n)
{
        const char *said;
        int e;

        captured_begin();
        e = restore_faulty(f, n);
        assert_true(faulty_calls_end());
        said = captured_end();
        /* What was done without is no failure; any other has a reason that is said. */
        if ((e == 0) != (strstr(said, "restored revision") != NULL) || !strstr(said, "orgtokend: "))
                fail_msg("call %u: %s, and what is said is: %s", n, strerror(-e), said);
        f->done += e == 0;
        f->failed += e < 0;
        assert_nothing_given_back(f->s);
        remove_aside(f->s);
        captured_begin();
        e = restore_with(f->s, &(struct how){.key_file = f->old_key});
        said = captured_end();
        if (e < 0)
                fail_msg("call %u: not the second time either: %s", n, said);
        assert_false(is_there(f->s, STORE_STAGED STORE_FILE));
        assert_nothing_given_back(f->s);
}

/* Whatever fails: done, or said why not; nothing that was revoked lives again; and once it no
   longer fails, a second try goes through. */
static void test_every_call(void **state)
{
        struct faulty f = {.s = *state};
        const unsigned *places;
        size_t count;

        rotate_after_backup(f.s, f.old_key);
        take_away(f.s);
        fixture_close(f.s->f);
        f.kept = files_keep(f.s->f->dir);
        assert_int_equal(restore_faulty(&f, 0), 0);
        assert_false(faulty_calls_end());
        count = faulty_calls_places(&places);
        for (size_t i = 0; i < count; i += faulty_calls_step())
                fail_at(&f, places[i]);
        print_message("# %zu places: %u failures, %u done all the same\n", count, f.failed, f.done);
        assert_true(f.failed > 100 / faulty_calls_step());
        f.kept = files_free(f.kept);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_taken_over),
                TEST(test_twice),
                TEST(test_grants_end),
                TEST(test_no_store),
                TEST(test_damaged),
                TEST(test_damaged_tells_what_it_can),
                TEST(test_damaged_with_log),
                TEST(test_other_history),
                TEST(test_tampered),
                TEST(test_no_backup),
                TEST(test_other_schema),
                TEST(test_newer),
                TEST(test_other_key),
                TEST(test_backup_key),
                TEST(test_interrupted),
                TEST(test_interrupted_with_log),
                TEST(test_every_call),
                TEST(test_each_right),
                TEST(test_many),
        };

        fixture_in_memory();
        return cmocka_run_group_tests_name("restore", tests, NULL, NULL);
}
