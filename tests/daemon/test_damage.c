/*
 * A damaged store decides: what was not due is never granted, whatever byte has changed; nothing
 * hangs or crashes, and nothing is made anew beside it. ORGTOKEN_LONG=1: 5 000 bytes, 500 cuts, all
 * pairs of pages.
 */
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

#include "daemon/hostkey.h"
#include "daemon/verify.h"
#include "tests/support/store_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PAGE         4096
#define NOW          (FIXTURE_NOW + 1000)

/* A question, and whether the answer may be yes. */
struct question {
        char token[TOKEN_TEXT_MAX + 1];
        const char *account, *org, *service;
        bool due;
};

struct scene {
        struct store_fixture *f;
        char path[512];
        unsigned char *bytes;
        size_t len;
        struct question question[16];
        size_t questions;
        unsigned long cases, granted, refused, unavailable;
        uint32_t random;
};

static uint32_t next_random(struct scene *s)
{
        s->random = s->random * 1664525U + 1013904223U;
        return s->random >> 8;
}

static void put_question(struct scene *s, const char *token, const char *account, const char *org,
                         const char *service, bool due)
{
        struct question *q = &s->question[s->questions++];

        assert_true(s->questions <= COUNT(s->question));
        assert_true(view_copy(view_of(token), q->token, sizeof(q->token)));
        q->account = account;
        q->org = org;
        q->service = service;
        q->due = due;
}

/* One of each that must not pass, beside some that may. */
static void ask_all_kinds(struct scene *s, int64_t acme, int64_t globex, int64_t alice, int64_t bob)
{
        char text[TOKEN_TEXT_MAX + 1];
        int64_t id;

        (void)fixture_token(s->f, TOKEN_AK, acme, NULL, text);
        put_question(s, text, "acme-deploy", NULL, "sshd", true);
        put_question(s, text, "globex-db", NULL, "sshd", false);
        id = fixture_token(s->f, TOKEN_AK, acme, NULL, text);
        fixture_revoke(s->f, id, NOW, "stolen");
        put_question(s, text, "acme-deploy", NULL, "sshd", false);
        (void)fixture_token(s->f, TOKEN_AK, acme,
                            &(struct fixture_token_options){.expires_at = NOW - 1}, text);
        put_question(s, text, "acme-deploy", NULL, "sshd", false);
        id = fixture_token(s->f, TOKEN_AK, acme, NULL, text);
        fixture_end(s->f, id, NOW - 1, "rotated", -1);
        put_question(s, text, "acme-deploy", NULL, "sshd", false);
        (void)fixture_token(s->f, TOKEN_AK, acme, &(struct fixture_token_options){.services = "su"},
                            text);
        put_question(s, text, "acme-deploy", NULL, "sshd", false);
        put_question(s, text, "acme-deploy", NULL, "su", true);
        (void)fixture_token(s->f, TOKEN_AK, globex, NULL, text);
        put_question(s, text, "acme-deploy", NULL, "sshd", false);
        (void)fixture_token(s->f, TOKEN_PAT, alice, NULL, text);
        put_question(s, text, "alice", "acme", "sshd", true);
        put_question(s, text, "acme-deploy", "acme", "sshd", true);
        put_question(s, text, "alice", "globex", "sshd", false);
        put_question(s, text, "acme-db", "acme", "sshd", false); /* for admins */
        (void)fixture_token(s->f, TOKEN_PAT, bob, NULL, text);
        put_question(s, text, "bob", "acme", "sshd", false);
        put_question(s, text, "acme-deploy", "acme", "sshd", false);
}

static int setup(void **state)
{
        struct scene *s = calloc(1, sizeof(*s));
        int64_t acme, globex, alice, bob;
        struct stat st;
        int fd;

        assert_non_null(s);
        s->random = 20231114;
        s->f = fixture_new();
        fixture_write_key(s->f);
        acme = fixture_org(s->f, "acme");
        globex = fixture_org(s->f, "globex");
        alice = fixture_user(s->f, "alice", 1000);
        bob = fixture_user(s->f, "bob", 1001);
        fixture_member(s->f, acme, alice, ROLE_MEMBER);
        fixture_member(s->f, globex, bob, ROLE_ADMIN);
        fixture_account(s->f, "acme-deploy", acme, ROLE_NONE, NULL);
        fixture_account(s->f, "acme-db", acme, ROLE_ADMIN, NULL);
        fixture_account(s->f, "globex-db", globex, ROLE_NONE, NULL);
        ask_all_kinds(s, acme, globex, alice, bob);
        fixture_close(s->f);
        assert_in_range(snprintf(s->path, sizeof(s->path), "%s/%s", s->f->dir, STORE_FILE), 1,
                        sizeof(s->path) - 1);
        fd = open(s->path, O_RDONLY);
        assert_true(fd >= 0 && fstat(fd, &st) == 0);
        s->len = (size_t)st.st_size;
        s->bytes = malloc(s->len);
        assert_non_null(s->bytes);
        assert_int_equal(read(fd, s->bytes, s->len), (ssize_t)s->len);
        (void)close(fd);
        *state = s;
        return 0;
}

static int teardown(void **state)
{
        struct scene *s = *state;

        print_message("# %lu damaged stores: %lu granted that were due, %lu refused, "
                      "%lu unavailable\n",
                      s->cases, s->granted, s->refused, s->unavailable);
        s->f = fixture_free(s->f);
        free(s->bytes);
        free(s);
        return 0;
}

static void write_store(const struct scene *s, const unsigned char *bytes, size_t len)
{
        static const char *const beside[] = {"-wal", "-shm", "-journal"};
        char path[600];
        int fd;

        for (size_t i = 0; i < COUNT(beside); i++) {
                (void)snprintf(path, sizeof(path), "%s%s", s->path, beside[i]);
                (void)unlink(path);
        }
        fd = open(s->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, bytes, len), (ssize_t)len);
        assert_int_equal(close(fd), 0);
}

static void decide(struct scene *s, const struct sealed *sealed, const struct question *q)
{
        struct verify_input in = {.token = view_of(q->token),
                                  .account = view_of(q->account),
                                  .service = view_of(q->service),
                                  .org_option = q->org ? view_of(q->org) : VIEW_ABSENT};
        struct verify_output out;

        if (verify_token(sealed, &in, NOW, NULL, &out) < 0) {
                s->unavailable++;
        } else if (out.verdict == VERDICT_ALLOW) {
                assert_true(q->due);
                s->granted++;
        } else {
                s->refused++;
        }
}

/* As the daemon finds it: the key first, which would make a store where there is none. */
static void use(struct scene *s)
{
        struct sealed sealed = {.writer = NULL};
        struct store_reader *reader = NULL;
        struct keyhash *key = NULL;
        const char *why = "";

        s->cases++;
        if (hostkey_load(s->f->dir, NULL, NOW, &key, &why) < 0) {
                s->unavailable += s->questions;
                return;
        }
        if (store_reader_open(s->f->dir, &reader) == 0) {
                sealed.reader = reader;
                sealed.key = key;
                sealed.fingerprint = keyhash_fingerprint(key);
                for (size_t i = 0; i < s->questions; i++)
                        decide(s, &sealed, &s->question[i]);
        }
        (void)store_reader_close(reader);
        (void)keyhash_free(key);
}

static bool is_long(void)
{
        return getenv("ORGTOKEN_LONG") != NULL;
}

static void test_whole(void **state)
{
        struct scene *s = *state;

        for (size_t i = 0; i < s->questions; i++)
                s->granted += s->question[i].due;
        {
                unsigned long due = s->granted;

                s->granted = 0;
                use(s);
                assert_int_equal(s->granted, due);
                assert_int_equal(s->unavailable, 0);
        }
}

static void test_bytes(void **state)
{
        struct scene *s = *state;
        unsigned char *bytes = malloc(s->len);
        size_t pages = s->len / PAGE;

        assert_non_null(bytes);
        for (unsigned i = 0; i < (is_long() ? 5000 : 900); i++) {
                /* As often near the head of a page as anywhere: there is what leads to the rest. */
                size_t at = next_random(s) % s->len;

                if (i % 2)
                        at = next_random(s) % pages * PAGE + next_random(s) % 120;
                memcpy(bytes, s->bytes, s->len);
                bytes[at] ^= (unsigned char)(1 + next_random(s) % 255);
                write_store(s, bytes, s->len);
                use(s);
        }
        free(bytes);
}

static void test_cuts(void **state)
{
        struct scene *s = *state;
        unsigned cuts = is_long() ? 500 : 60;

        for (unsigned i = 0; i < cuts; i++) {
                write_store(s, s->bytes,
                            i % 5 == 0 ? s->len / PAGE * i / cuts * PAGE : next_random(s) % s->len);
                use(s);
        }
}

/* Two pages in each other's place, or one of them twice. */
static void test_pages(void **state)
{
        struct scene *s = *state;
        unsigned char *bytes = malloc(s->len);
        size_t pages = s->len / PAGE;

        assert_non_null(bytes);
        for (size_t a = 0; a < pages; a++) {
                for (size_t b = 0; b < pages; b++) {
                        if (a == b || (!is_long() && next_random(s) % 6 != 0))
                                continue;
                        memcpy(bytes, s->bytes, s->len);
                        memcpy(bytes + a * PAGE, s->bytes + b * PAGE, PAGE);
                        if (a < b)
                                memcpy(bytes + b * PAGE, s->bytes + a * PAGE, PAGE);
                        write_store(s, bytes, s->len);
                        use(s);
                }
        }
        free(bytes);
}

/* Whatever else has its name, and whatever is beside it: never made anew. */
static void test_others(void **state)
{
        static const char text[] = "SQLite format 3";
        struct scene *s = *state;
        struct stat st;

        write_store(s, (const unsigned char *)"", 0);
        use(s);
        assert_int_equal(stat(s->path, &st), 0);
        assert_int_equal(st.st_size, 0);
        write_store(s, (const unsigned char *)text, sizeof(text));
        use(s);
        assert_int_equal(unlink(s->path), 0);
        assert_int_equal(symlink("/dev/null", s->path), 0);
        use(s);
        assert_int_equal(lstat(s->path, &st), 0);
        assert_true(S_ISLNK(st.st_mode));
        assert_int_equal(unlink(s->path), 0);
        assert_int_equal(mkfifo(s->path, 0600), 0);
        use(s);
        assert_int_equal(unlink(s->path), 0);
        assert_int_equal(mkdir(s->path, 0700), 0);
        use(s);
        assert_int_equal(rmdir(s->path), 0);
        /* Gone, with its log still there. */
        {
                char log[600];
                int fd;

                (void)snprintf(log, sizeof(log), "%s-wal", s->path);
                fd = open(log, O_WRONLY | O_CREAT, 0600);
                assert_true(fd >= 0);
                (void)close(fd);
                use(s);
                assert_int_equal(lstat(s->path, &st), -1);
        }
        assert_int_equal(s->granted, 0);
        assert_int_equal(s->refused, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_whole), TEST(test_bytes),  TEST(test_cuts),
                TEST(test_pages), TEST(test_others),
        };

        return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
