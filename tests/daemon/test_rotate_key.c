/* orgtokend --rotate-key: every row under the new key, none that was not rightly under the old one.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "daemon/hostkey.h"
#include "daemon/offline.h"
#include "tests/support/captured.h"
#include "tests/support/faulty_calls.h"
#include "tests/support/files.h"
#include "tests/support/killed.h"
#include "tests/support/store_fixture.h"
#include "tests/support/valgrind.h"

#define LATER (FIXTURE_NOW + 1000)
#define MANY  150 /* tokens: more than are read at once */

#ifdef __SANITIZE_ADDRESS__
#define STRIDE 29
#else
#define STRIDE 5
#endif

struct scene {
        struct store_fixture *f;
        char credentials[512];
        int64_t acme, globex, alice;
        int64_t live[MANY], revoked, ended;
        char live_text[MANY][TOKEN_TEXT_MAX + 1], revoked_text[TOKEN_TEXT_MAX + 1],
                ended_text[TOKEN_TEXT_MAX + 1];
};

static void path_in(const struct scene *s, const char *name, char ret[static 512])
{
        files_path(s->f->dir, name, ret);
}

static int setup(void **state)
{
        struct scene *s = calloc(1, sizeof(*s));
        struct policy policy = {.never_ok = true, .self_service = SELF_SERVICE_LIMITED};
        struct record_org org;
        int64_t revision;

        assert_non_null(s);
        s->f = fixture_new();
        fixture_write_key(s->f);
        s->acme = fixture_org(s->f, "acme");
        s->globex = fixture_org(s->f, "globex");
        s->alice = fixture_user(s->f, "alice", 1000);
        fixture_member(s->f, s->acme, s->alice, ROLE_ADMIN);
        fixture_account(s->f, "acme-deploy", s->acme, ROLE_MEMBER, "sshd su");
        for (size_t i = 0; i < MANY; i++)
                s->live[i] = fixture_token(
                        s->f, i % 2 ? TOKEN_AK : TOKEN_PAT, i % 2 ? s->acme : s->alice,
                        &(struct fixture_token_options){.services = i % 3 ? NULL : "sshd"},
                        s->live_text[i]);
        s->revoked = fixture_token(s->f, TOKEN_PAT, s->alice, NULL, s->revoked_text);
        fixture_revoke(s->f, s->revoked, LATER, "stolen");
        s->ended = fixture_token(s->f, TOKEN_AK, s->acme, NULL, s->ended_text);
        fixture_end(s->f, s->ended, LATER, "rotated", s->live[1]);
        assert_int_equal(store_write_begin(s->f->writer), 0);
        assert_int_equal(sealed_put_host_policy(&s->f->managed, &policy), 0);
        assert_int_equal(sealed_put_clock_mark(&s->f->managed, LATER), 0);
        assert_int_equal(sealed_find_org(&s->f->managed, s->globex, &org), 0);
        org.deleted_at = LATER;
        assert_int_equal(sealed_put_org(&s->f->managed, &org), 0);
        assert_int_equal(store_write_commit(s->f->writer, &revision), 0);
        path_in(s, "credentials", s->credentials);
        assert_int_equal(mkdir(s->credentials, 0700), 0);
        *state = s;
        return 0;
}

static int teardown(void **state)
{
        struct scene *s = *state;
        char path[600];

        (void)snprintf(path, sizeof(path), "%s/%s", s->credentials, HOSTKEY_CREDENTIAL);
        (void)unlink(path);
        s->f = fixture_free(s->f);
        free(s);
        return 0;
}

static int rotate(const struct scene *s, const char *key_file, bool credentials)
{
        struct offline o = {.state_dir = s->f->dir,
                            .credentials_dir = credentials ? s->credentials : NULL,
                            .now = FIXTURE_NOW + 600};
        int fd = key_file ? open(key_file, O_RDONLY) : -1, e;

        e = offline_rotate_key(&o, fd);
        close_fdp(&fd);
        return e;
}

static int load(const struct scene *s, bool credentials, struct keyhash **ret, const char **ret_why)
{
        return hostkey_load(s->f->dir, credentials ? s->credentials : NULL, LATER, ret, ret_why);
}

/* Opens the store as a daemon would, with whatever key is the right one now. */
static void reopen(struct scene *s, bool credentials)
{
        struct keyhash *key = NULL;
        const char *why = "";

        assert_int_equal(load(s, credentials, &key, &why), 0);
        s->f->key = keyhash_free(s->f->key);
        s->f->key = key;
        fixture_open(s->f);
}

static int judge(const struct scene *s, int64_t id, const char *text, enum sealed_token_state *ret)
{
        struct record_token token;
        struct token parsed;

        assert_int_equal(token_parse(view_of(text), &parsed), 0);
        fixture_find_token(s->f, id, &token);
        return sealed_judge_token(&s->f->sealed, &token, parsed.secret, ret);
}

static void assert_state(const struct scene *s, int64_t id, const char *text,
                         enum sealed_token_state expected)
{
        enum sealed_token_state is = 0;

        assert_int_equal(judge(s, id, text, &is), 0);
        assert_int_equal(is, expected);
}

/* Everything as before, under this key. revoked: how the right secret of the revoked token reads.
 */
static void assert_all_well(const struct scene *s, enum sealed_token_state revoked)
{
        const struct sealed *r = &s->f->sealed;
        enum sealed_token_state is;
        struct record_account account;
        struct record_guarded guarded;
        struct record_member member;
        struct record_token token;
        struct record_user user;
        struct record_org org;
        struct policy policy;
        int64_t mark;

        for (size_t i = 0; i < MANY; i++)
                assert_state(s, s->live[i], s->live_text[i], SEALED_LIVE);
        assert_state(s, s->ended, s->ended_text, SEALED_LIVE);
        fixture_find_token(s->f, s->ended, &token);
        assert_int_equal(token.ends_at, LATER);
        assert_state(s, s->revoked, s->revoked_text, revoked);
        fixture_find_token(s->f, s->revoked, &token);
        assert_int_equal(token.revoked_at, LATER);
        assert_false(token.has_proof);
        assert_int_equal(sealed_judge_stored(r, &token, &is), 0);
        assert_int_equal(is, SEALED_REVOKED);
        assert_int_equal(sealed_find_org(r, s->acme, &org), 0);
        assert_int_equal(sealed_find_org(r, s->globex, &org), 0);
        assert_int_equal(org.deleted_at, LATER);
        assert_int_equal(sealed_find_user(r, s->alice, &user), 0);
        assert_int_equal(sealed_find_member(r, s->acme, s->alice, &member), 0);
        assert_int_equal(sealed_find_account(r, VIEW("acme-deploy"), s->acme, &account), 0);
        assert_int_equal(sealed_find_guarded(r, VIEW("acme-deploy"), &guarded), 0);
        assert_int_equal(sealed_find_host_policy(r, &policy), 0);
        assert_int_equal(policy.self_service, SELF_SERVICE_LIMITED);
        assert_int_equal(sealed_find_clock_mark(r, &mark), 0);
        assert_int_equal(mark, LATER);
        assert_int_equal(store_check(store_writer_reader(s->f->writer)), 0);
}

static bool is_there(const struct scene *s, const char *name)
{
        return files_are_there(s->f->dir, name);
}

static void read_key(const struct scene *s, const char *name, uint8_t ret[static KEYHASH_KEY_LEN])
{
        char path[512];
        int fd;

        path_in(s, name, path);
        fd = open(path, O_RDONLY);
        assert_true(fd >= 0);
        assert_int_equal(hostkey_read_file(fd, ret), 0);
        (void)close(fd);
}

static void write_key(const char *path, const uint8_t key[static KEYHASH_KEY_LEN])
{
        files_write(path, key, KEYHASH_KEY_LEN);
}

static int count_tokens(void *context, int64_t revision, char kind, struct view key)
{
        (void)revision;
        (void)key;
        if (kind == 't')
                ++*(unsigned *)context;
        return 0;
}

static void test_rotated(void **state)
{
        struct scene *s = *state;
        uint8_t key[KEYHASH_KEY_LEN];
        struct store_freshness before, after;
        unsigned tokens = 0;
        char path[512];
        struct stat st;

        assert_all_well(s, SEALED_REVOKED);
        assert_int_equal(store_freshness(s->f->reader, &before), 0);
        fixture_close(s->f);
        assert_int_equal(rotate(s, NULL, false), 0);
        read_key(s, HOSTKEY_FILE, key);
        assert_memory_not_equal(key, s->f->key_bytes, sizeof(key));
        path_in(s, HOSTKEY_FILE, path);
        assert_int_equal(lstat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_false(is_there(s, HOSTKEY_NEXT));
        reopen(s, false);
        /* What made it read "revoked" was under the old key, and nothing is left to make it anew.
         */
        assert_all_well(s, SEALED_WRONG);
        assert_int_equal(store_freshness(s->f->reader, &after), 0);
        assert_int_equal(after.revision, before.revision + 1);
        /* A copy learns of every token. */
        assert_int_equal(
                store_list_changes(s->f->reader, before.revision, 10000, count_tokens, &tokens), 0);
        assert_int_equal(tokens, MANY + 2);
        fixture_close(s->f);
        assert_int_equal(rotate(s, NULL, false), 0);
        reopen(s, false);
        assert_all_well(s, SEALED_WRONG);
        /* The triggers are back: what is revoked is left as it is. */
        {
                struct record_token token;

                fixture_find_token(s->f, s->revoked, &token);
                assert_int_equal(store_write_begin(s->f->writer), 0);
                assert_int_equal(store_remake_token(s->f->writer, &token), -EINVAL);
                assert_int_equal(store_update_token(s->f->writer, &token), -EPERM);
                store_write_rollback(s->f->writer);
        }
}

/* A row that somebody changed is not made good by it. */
static void test_tampered(void **state)
{
        struct scene *s = *state;
        enum sealed_token_state is;
        struct record_member member;
        struct record_account account;
        struct record_org org;
        char sql[512];
        int64_t mark;

        (void)snprintf(sql, sizeof(sql),
                       "UPDATE token SET expires_at = 9999999999 WHERE id = %lld;"
                       "UPDATE token SET revoked_at = NULL, end_reason = NULL,"
                       " proof = randomblob(32) WHERE id = %lld;"
                       "UPDATE token SET ends_at = ends_at + 9999 WHERE id = %lld;"
                       "UPDATE org SET deleted_at = NULL WHERE id = %lld;"
                       "UPDATE member SET role = 3 - role; UPDATE account SET role = 0;"
                       "UPDATE clock_mark SET mark = 1",
                       (long long)s->live[0], (long long)s->revoked, (long long)s->ended,
                       (long long)s->globex);
        fixture_tamper(s->f, sql);
        fixture_close(s->f);
        assert_int_equal(rotate(s, NULL, false), 0);
        reopen(s, false);
        assert_int_equal(judge(s, s->live[0], s->live_text[0], &is), -EBADMSG);
        assert_int_equal(judge(s, s->revoked, s->revoked_text, &is), -EBADMSG);
        assert_int_equal(judge(s, s->ended, s->ended_text, &is), -EBADMSG);
        assert_int_equal(sealed_find_org(&s->f->sealed, s->globex, &org), -EBADMSG);
        assert_int_equal(sealed_find_member(&s->f->sealed, s->acme, s->alice, &member), -EBADMSG);
        assert_int_equal(sealed_find_account(&s->f->sealed, VIEW("acme-deploy"), s->acme, &account),
                         -EBADMSG);
        assert_int_equal(sealed_find_clock_mark(&s->f->sealed, &mark), -EBADMSG);
        assert_state(s, s->live[1], s->live_text[1], SEALED_LIVE);
}

static void test_key_given(void **state)
{
        struct scene *s = *state;
        uint8_t mine[KEYHASH_KEY_LEN] = {7, 7, 7}, key[KEYHASH_KEY_LEN];
        char path[512];

        path_in(s, "mine", path);
        write_key(path, mine);
        fixture_close(s->f);
        assert_int_equal(rotate(s, path, false), 0);
        read_key(s, HOSTKEY_FILE, key);
        assert_memory_equal(key, mine, sizeof(key));
        reopen(s, false);
        assert_all_well(s, SEALED_WRONG);
        fixture_close(s->f);
        /* The one it has. */
        assert_int_equal(rotate(s, path, false), -EINVAL);
        path_in(s, STORE_FILE, path);
        assert_int_equal(rotate(s, path, false), -EINVAL);
        reopen(s, false);
        assert_all_well(s, SEALED_WRONG);
}

static void move_key_to_credential(const struct scene *s)
{
        char file[512], credential[600];

        path_in(s, HOSTKEY_FILE, file);
        (void)snprintf(credential, sizeof(credential), "%s/%s", s->credentials, HOSTKEY_CREDENTIAL);
        assert_int_equal(rename(file, credential), 0);
}

static void test_credential(void **state)
{
        struct scene *s = *state;
        uint8_t next[KEYHASH_KEY_LEN];
        struct keyhash *key = NULL;
        const char *why = NULL;
        char credential[600], path[512];

        fixture_close(s->f);
        move_key_to_credential(s);
        assert_int_equal(rotate(s, NULL, true), 0);
        assert_false(is_there(s, HOSTKEY_FILE));
        assert_int_equal(load(s, true, &key, &why), -EKEYREJECTED);
        assert_non_null(strstr(why, "key.next"));
        read_key(s, HOSTKEY_NEXT, next);
        (void)snprintf(credential, sizeof(credential), "%s/%s", s->credentials, HOSTKEY_CREDENTIAL);
        write_key(credential, next);
        path_in(s, HOSTKEY_NEXT, path);
        assert_int_equal(unlink(path), 0);
        reopen(s, true);
        assert_all_well(s, SEALED_WRONG);
        fixture_close(s->f);
        /* One that was made beforehand leaves nothing behind. */
        next[0] ^= 1;
        path_in(s, "mine", path);
        write_key(path, next);
        assert_int_equal(rotate(s, path, true), 0);
        assert_false(is_there(s, HOSTKEY_FILE));
        assert_false(is_there(s, HOSTKEY_NEXT));
        write_key(credential, next);
        reopen(s, true);
        assert_all_well(s, SEALED_WRONG);
}

static void test_refused(void **state)
{
        struct scene *s = *state;
        uint8_t other[KEYHASH_KEY_LEN] = {9}, key[KEYHASH_KEY_LEN];
        char path[512];

        fixture_close(s->f);
        path_in(s, HOSTKEY_FILE, path);
        read_key(s, HOSTKEY_FILE, key);
        write_key(path, other);
        assert_int_equal(rotate(s, NULL, false), -EKEYREJECTED);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rotate(s, NULL, false), -ENOKEY);
        write_key(path, key);
        fixture_tamper(s->f, "DROP TRIGGER token_kept");
        assert_int_equal(rotate(s, NULL, false), -EUCLEAN);
        path_in(s, STORE_FILE, path);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rotate(s, NULL, false), -ENOENT);
        assert_false(is_there(s, STORE_FILE));
}

static int work(void *context)
{
        return rotate(context, NULL, false);
}

/* Key and store are of one kind, all rows with them, and another change goes through: whether this
   one was the new. */
static bool assert_old_or_new(struct scene *s)
{
        uint8_t key[KEYHASH_KEY_LEN];
        bool rotated;

        reopen(s, false);
        read_key(s, HOSTKEY_FILE, key);
        rotated = memcmp(key, s->f->key_bytes, sizeof(key)) != 0;
        assert_all_well(s, rotated ? SEALED_WRONG : SEALED_REVOKED);
        fixture_close(s->f);
        assert_int_equal(rotate(s, NULL, false), 0);
        reopen(s, false);
        assert_all_well(s, SEALED_WRONG);
        fixture_close(s->f);
        return rotated;
}

/* Killed anywhere: key and store are of one kind at the next start, and a second try goes through.
 */
static void test_interrupted(void **state)
{
        struct scene *s = *state;
        unsigned stride = getenv("ORGTOKEN_LONG") ? 1 : valgrind_is_here() ? 20 * STRIDE : STRIDE;
        unsigned before = 0, after = 0;
        /* Static, so that valgrind finds it in a child that ends, whose registers it is in no more.
         */
        static struct files *kept;
        int ended = 0;

        fixture_close(s->f);
        kept = files_keep(s->f->dir);
        for (unsigned n = 1; ended == 0; n += stride) {
                bool rotated;

                files_put_back(kept, s->f->dir);
                ended = killed_at(work, s, n);
                if (ended < 0)
                        skip();
                rotated = assert_old_or_new(s);
                before += !rotated;
                after += rotated;
        }
        assert_true(before > 0 && after > 0);
        kept = files_free(kept);
}

/* Whatever fails: said, or done without; every token as before under one of the two keys; and a
   second try goes through. */
static void test_every_call(void **state)
{
        struct scene *s = *state;
        const unsigned *places;
        unsigned done = 0, failed = 0;
        struct files *kept;
        size_t count;

        fixture_close(s->f);
        kept = files_keep(s->f->dir);
        faulty_calls_begin(0);
        assert_int_equal(rotate(s, NULL, false), 0);
        assert_false(faulty_calls_end());
        count = faulty_calls_places(&places);
        for (size_t i = 0; i < count; i += faulty_calls_step()) {
                const char *said;
                int e;

                files_put_back(kept, s->f->dir);
                captured_begin();
                faulty_calls_begin(places[i]);
                e = rotate(s, NULL, false);
                assert_true(faulty_calls_end());
                said = captured_end();
                if ((e == 0) != (strstr(said, "the host key was changed") != NULL) ||
                    !strstr(said, "orgtokend: "))
                        fail_msg("call %u: %s, and what is said is: %s", places[i], strerror(-e),
                                 said);
                done += e == 0;
                failed += e < 0;
                captured_begin();
                assert_true(assert_old_or_new(s) || e < 0);
                (void)captured_end();
        }
        print_message("# %zu places: %u failures, %u done all the same\n", count, failed, done);
        assert_true(failed > 100 / faulty_calls_step());
        kept = files_free(kept);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_rotated),    TEST(test_tampered), TEST(test_key_given),
                TEST(test_credential), TEST(test_refused),  TEST(test_interrupted),
                TEST(test_every_call),
        };

        fixture_in_memory();
        return cmocka_run_group_tests_name("rotate_key", tests, NULL, NULL);
}
