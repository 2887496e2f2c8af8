#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/daemon/closed_scene.h"

/* ---- damage ---- */

/* Uses whatever can be opened. Nobody must crash, and no row may come back whose seal holds and
   that is not as it was: with the right secret the token is live, or refused, or cannot be judged.
 */
static void use(struct closed *c)
{
        struct store_reader *r = NULL;
        struct sealed s = {.key = c->f->key, .fingerprint = keyhash_fingerprint(c->f->key)};
        enum sealed_token_state judged;
        struct record_account account;
        struct record_member member;
        struct record_token token;
        struct store_counts counts;
        struct record_user user;
        struct record_org org;
        struct token parsed;

        if (store_reader_open(c->f->dir, &r) < 0)
                return;
        s.reader = r;
        assert_int_equal(token_parse(view_of(c->token_text), &parsed), 0);
        if (store_find_token(r, c->token, &token) == 0 &&
            sealed_judge_token(&s, &token, parsed.secret, &judged) == 0 && judged == SEALED_LIVE)
                assert_true(token.owner == 1 && token.expires_at == EXPIRY_NEVER &&
                            token.limits.len == 0);
        if (sealed_find_org_by_name(&s, VIEW("acme"), &org) == 0)
                assert_true(org.id == 1 && !org.suspended);
        if (sealed_find_user_by_name(&s, VIEW("alice"), &user) == 0)
                assert_true(user.id == 1 && user.uid == 1000);
        if (sealed_find_member(&s, 1, 1, &member) == 0)
                assert_int_equal(member.role, ROLE_ADMIN);
        if (sealed_find_account(&s, VIEW("acme-deploy"), 1, &account) == 0)
                assert_int_equal(account.services.len, 0);
        (void)store_count(r, 1, &counts);
        (void)store_integrity(r);
        (void)store_reader_close(r);
}

static uint32_t next_random(uint32_t *seed)
{
        *seed = *seed * 1664525U + 1013904223U;
        return *seed >> 8;
}

static void test_bytes_changed(void **state)
{
        struct closed *c = *state;
        uint32_t seed = 20231114;

        for (unsigned i = 0; i < 1500; i++) {
                unsigned char *bytes = malloc(c->len);
                unsigned changes = 1 + next_random(&seed) % 3;

                assert_non_null(bytes);
                memcpy(bytes, c->bytes, c->len);
                /* Headers of file and pages more often than what is between them. */
                for (unsigned j = 0; j < changes; j++) {
                        size_t at = next_random(&seed) % c->len;

                        if (next_random(&seed) % 2)
                                at = at / PAGE * PAGE + next_random(&seed) % 110;
                        bytes[at] = (unsigned char)next_random(&seed);
                }
                files_write(c->path, bytes, c->len);
                free(bytes);
                use(c);
        }
}

static void test_truncated(void **state)
{
        struct closed *c = *state;

        for (size_t len = 0; len < c->len; len += len < 200 ? 7 : 1531) {
                files_write(c->path, c->bytes, len);
                use(c);
                assert_untouched(c, c->bytes, len);
        }
        /* Whole pages, so that only the header's count tells. */
        for (size_t len = PAGE; len < c->len; len += PAGE) {
                struct store_reader *r = NULL;

                files_write(c->path, c->bytes, len);
                if (store_reader_open(c->f->dir, &r) == 0)
                        assert_int_equal(store_integrity(r), -EUCLEAN);
                (void)store_reader_close(r);
        }
}

static void test_pages_swapped(void **state)
{
        struct closed *c = *state;
        size_t pages = c->len / PAGE;

        for (size_t a = 1; a < pages; a++) {
                for (size_t b = a + 1; b < pages; b++) {
                        unsigned char *bytes = malloc(c->len);

                        assert_non_null(bytes);
                        memcpy(bytes, c->bytes, c->len);
                        memcpy(bytes + a * PAGE, c->bytes + b * PAGE, PAGE);
                        memcpy(bytes + b * PAGE, c->bytes + a * PAGE, PAGE);
                        files_write(c->path, bytes, c->len);
                        free(bytes);
                        use(c);
                }
        }
}

/* An index that leads from one name to another's row, which is whole and rightly sealed. */
static void test_index_misleads(void **state)
{
        struct closed *c = *state;
        struct record_org org;
        unsigned char *bytes, *entry;
        size_t len;
        int e;

        fixture_open(c->f);
        fixture_org(c->f, "globex");
        fixture_org(c->f, "initech");
        fixture_close(c->f);
        bytes = files_read(c->path, &len);
        /* In the index the name is followed by the number of its row. */
        entry = memmem(bytes, len, "globex\2", 7);
        assert_non_null(entry);
        entry[6] = 3;
        files_write(c->path, bytes, len);
        free(bytes);
        fixture_open(c->f);
        assert_int_equal(sealed_find_org(&c->f->sealed, 3, &org), 0);
        e = sealed_find_org_by_name(&c->f->sealed, VIEW("globex"), &org);
        assert_true(e == -EUCLEAN || e == -EBADMSG);
}

/* The disk is full: what was there can be read, what is asked for is refused or was already done.
 */
static void fill_up(const struct closed *c, int report)
{
        struct rlimit limit = {.rlim_cur = c->len + 20000, .rlim_max = RLIM_INFINITY};
        struct store_writer *w = NULL;
        struct record_org org;
        int64_t acknowledged = 0, revision;
        int e = store_writer_open(c->f->dir, &w);

        (void)signal(SIGXFSZ, SIG_IGN);
        if (e == 0 && setrlimit(RLIMIT_FSIZE, &limit) < 0)
                _exit(1);
        for (int i = 0; e == 0 && i < 10000; i++) {
                org = (struct record_org){.created_at = 1};
                e = store_write_begin(w);
                if (e == 0)
                        e = store_next_org_id(w, &org.id);
                (void)snprintf(org.name, sizeof(org.name), "o%d", i);
                if (e == 0)
                        e = store_put_org(w, &org);
                if (e == 0)
                        e = store_write_commit(w, &revision);
                if (e == 0)
                        acknowledged = revision;
        }
        store_write_rollback(w);
        if (e != -EIO && e != -ENOSPC)
                _exit(2);
        if (store_find_org_by_name(store_writer_reader(w), VIEW("acme"), &org) < 0)
                _exit(3);
        if (write(report, &acknowledged, sizeof(acknowledged)) != sizeof(acknowledged))
                _exit(4);
        (void)store_writer_close(w);
        _exit(0);
}

static void test_disk_full(void **state)
{
        struct closed *c = *state;
        struct store_freshness freshness;
        int64_t acknowledged = 0;
        int pipes[2], status;
        pid_t child;

        assert_int_equal(pipe(pipes), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0)
                fill_up(c, pipes[1]);
        (void)close(pipes[1]);
        assert_int_equal(read(pipes[0], &acknowledged, sizeof(acknowledged)), sizeof(acknowledged));
        (void)close(pipes[0]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        fixture_open(c->f);
        assert_int_equal(store_freshness(c->f->reader, &freshness), 0);
        assert_int_equal(freshness.revision, acknowledged);
        assert_int_equal(store_integrity(c->f->managed.reader), 0);
        fixture_org(c->f, "again");
}

/* ---- backup ---- */

static int count_org(void *context, const struct record_org *org)
{
        (void)org;
        ++*(unsigned *)context;
        return 0;
}

static void test_backup(void **state)
{
        struct closed *c = *state;
        struct store_cursor cursor = {0};
        struct store_reader *r = NULL;
        struct store_freshness freshness;
        char dir[512], copy[560], aside[600];
        int64_t revision = 0;
        unsigned orgs = 0;
        struct stat st;

        path_in(c, "sub", dir);
        assert_int_equal(mkdir(dir, 0700), 0);
        (void)snprintf(copy, sizeof(copy), "%s/%s", dir, STORE_FILE);
        fixture_open(c->f);
        assert_int_equal(store_backup(c->f->reader, copy, &revision), 0);
        /* Acme, alice, member, account, token: as of then, whatever comes next. */
        assert_int_equal(revision, 5);
        fixture_org(c->f, "later");
        assert_int_equal(store_reader_open(dir, &r), 0);
        assert_int_equal(store_integrity(r), 0);
        assert_int_equal(store_freshness(r, &freshness), 0);
        assert_int_equal(freshness.revision, 5);
        assert_true(freshness.fingerprint == keyhash_fingerprint(c->f->key));
        assert_int_equal(store_list_orgs(r, &cursor, 10, count_org, &orgs), 0);
        assert_int_equal(orgs, 1);
        r = store_reader_close(r);
        /* Never over anything. */
        revision = 77;
        assert_int_equal(store_backup(c->f->reader, copy, &revision), -EEXIST);
        assert_int_equal(store_backup(c->f->reader, c->path, &revision), -EEXIST);
        (void)snprintf(aside, sizeof(aside), "%s/aside", dir);
        assert_int_equal(symlink("nowhere", aside), 0);
        assert_int_equal(store_backup(c->f->reader, aside, &revision), -EEXIST);
        assert_int_equal(unlink(aside), 0);
        assert_int_equal(store_backup(c->f->reader, dir, &revision), -EEXIST);
        assert_int_equal(store_backup(c->f->reader, "/nonexistent/x", &revision), -ENOENT);
        (void)snprintf(aside, sizeof(aside), "%s/", dir);
        assert_int_equal(store_backup(c->f->reader, aside, &revision), -EISDIR);
        assert_int_equal(revision, 77);
        /* Inside a transaction of the same connection there is no one moment. */
        assert_int_equal(store_write_begin(c->f->writer), 0);
        (void)snprintf(aside, sizeof(aside), "%s/aside", dir);
        assert_int_equal(store_backup(c->f->managed.reader, aside, &revision), -EINVAL);
        store_write_rollback(c->f->writer);
        assert_int_equal(lstat(aside, &st), -1);
        /* By the writer's own reader as well. */
        assert_int_equal(store_backup(c->f->managed.reader, aside, &revision), 0);
        assert_int_equal(revision, 6);
        assert_int_equal(unlink(aside), 0);
        assert_int_equal(unlink(copy), 0);
        /* A reader's log stays when it closes. Nothing else was left, neither of what failed nor
           beside the copies. */
        (void)snprintf(aside, sizeof(aside), "%s-wal", copy);
        assert_int_equal(unlink(aside), 0);
        (void)snprintf(aside, sizeof(aside), "%s-shm", copy);
        assert_int_equal(unlink(aside), 0);
        assert_int_equal(rmdir(dir), 0);
}

/* The secret is nowhere in the files, deleted pages and the log included; the key is not either. */
static void test_no_secret(void **state)
{
        struct closed *c = *state;
        static const char *const names[] = {STORE_FILE, STORE_FILE "-wal"};
        struct token parsed;

        assert_int_equal(token_parse(view_of(c->token_text), &parsed), 0);
        fixture_open(c->f);
        fixture_revoke(c->f, c->token, FIXTURE_NOW, "x");
        for (size_t i = 0; i < COUNT(names); i++) {
                char path[512];
                unsigned char *bytes;
                size_t len;

                path_in(c, names[i], path);
                bytes = files_read(path, &len);
                assert_null(memmem(bytes, len, parsed.secret.ptr, 12));
                free(bytes);
        }
}

/* A proof that was erased is gone from the file, once the log is. */
static void test_proof_erased(void **state)
{
        struct closed *c = *state;
        struct record_token token;
        unsigned char *bytes;
        size_t len;

        fixture_open(c->f);
        fixture_find_token(c->f, c->token, &token);
        assert_non_null(memmem(c->bytes, c->len, token.proof, sizeof(token.proof)));
        fixture_revoke(c->f, c->token, FIXTURE_NOW, "x");
        fixture_close(c->f);
        bytes = files_read(c->path, &len);
        assert_null(memmem(bytes, len, token.proof, sizeof(token.proof)));
        assert_null(memmem(bytes, len, token.mac, sizeof(token.mac)));
        free(bytes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_bytes_changed),  TEST(test_truncated),    TEST(test_pages_swapped),
                TEST(test_index_misleads), TEST(test_disk_full),    TEST(test_backup),
                TEST(test_no_secret),      TEST(test_proof_erased),
        };

        return cmocka_run_group_tests_name("store damage", tests, NULL, NULL);
}
