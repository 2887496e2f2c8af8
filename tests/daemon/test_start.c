/*
 * The daemon from its start to its end in this process, while each call in turn fails that it makes
 * by itself: the sockets by hand, the state directory, the host key, the store, the loop. Whatever
 * fails: it says why, or serves without; it comes to its end; the key is never another than the
 * store's, a store that was there is as it was; and an unharmed start goes through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "daemon/become.h"
#include "daemon/hostkey.h"
#include "daemon/offline.h"
#include "daemon/server.h"
#include "tests/support/captured.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/faulty_calls.h"
#include "tests/support/files.h"
#include "tests/support/store_fixture.h"

#define PATIENCE_S 120 /* for what has to end by itself; the default of SIGALRM is loud enough */

struct scene {
        struct store_fixture *f; /* closed while the daemon runs */
        char runtime[FILES_PATH_SIZE], credentials[FILES_PATH_SIZE];
        bool has_credential;
        int64_t token; /* -1: there was no store */
        char text[TOKEN_TEXT_MAX + 1];
        struct files *kept;
        unsigned failed, served;
};

static int setup(void **state)
{
        struct scene *s = calloc(1, sizeof(*s));
        int64_t org;

        assert_non_null(s);
        s->f = fixture_new();
        fixture_write_key(s->f);
        org = fixture_org(s->f, "acme");
        s->token = fixture_token(s->f, TOKEN_AK, org, NULL, s->text);
        fixture_close(s->f);
        (void)snprintf(s->runtime, sizeof(s->runtime), "/tmp/orgtoken-test-XXXXXX");
        assert_non_null(mkdtemp(s->runtime));
        files_path(s->runtime, "credentials", s->credentials);
        assert_int_equal(mkdir(s->credentials, 0700), 0);
        *state = s;
        return 0;
}

static int teardown(void **state)
{
        struct scene *s = *state;

        files_remove(s->credentials, "");
        (void)rmdir(s->credentials);
        files_remove(s->runtime, "");
        (void)rmdir(s->runtime);
        s->kept = files_free(s->kept);
        s->f = fixture_free(s->f);
        free(s);
        return 0;
}

/* ---- what main() does, in its order ---- */

static int serve(const struct scene *s, const struct listen_sockets *sockets)
{
        struct options o = {.state_dir = s->f->dir, .runtime_dir = s->runtime, .grant_life = 60};
        struct server *server = NULL;
        int r = server_new(&o, sockets, s->has_credential ? s->credentials : NULL,
                           (int64_t)geteuid(), &server);

        /* Asked to end before it has begun, it ends at once. */
        if (r == 0)
                assert_int_equal(raise(SIGTERM), 0);
        if (r == 0)
                r = server_run(server);
        (void)server_free(server);
        return r;
}

/* Nothing of it is left over for the next. */
static void forget_signal(void)
{
        sigset_t set;

        (void)sigemptyset(&set);
        (void)sigaddset(&set, SIGTERM);
        (void)sigtimedwait(&set, NULL, &(struct timespec){0});
}

static int start(const struct scene *s, char *error, size_t size)
{
        _cleanup_(listen_close) struct listen_sockets sockets = LISTEN_INIT;
        _cleanup_(close_fdp) int lock = -1;
        int r = listen_by_hand(s->runtime, &sockets, error);

        if (r == 0)
                r = become_user("nobody", s->f->dir, error, size);
        if (r < 0)
                return r;
        r = hostkey_lock_directory(s->f->dir, &lock);
        if (r == 0)
                r = serve(s, &sockets);
        if (r < 0)
                (void)snprintf(error, size, "%s", strerror(-r));
        return r;
}

static int start_faulty(struct scene *s, unsigned n, char *error, size_t size)
{
        int r;

        files_put_back(s->kept, s->f->dir);
        error[0] = '\0';
        (void)alarm(PATIENCE_S);
        faulty_calls_begin(n);
        r = start(s, error, size);
        faulty_calls_turn(false);
        (void)alarm(0);
        forget_signal();
        return r;
}

/* ---- what must hold ---- */

/* The token of the store that was there is good under the key that is there now. */
static void assert_token_good(const struct scene *s)
{
        enum sealed_token_state is = SEALED_WRONG;
        struct keyhash *key = NULL;
        struct record_token token;
        struct token parsed;
        const char *why = "";
        int e = hostkey_load(s->f->dir, s->has_credential ? s->credentials : NULL, FIXTURE_NOW,
                             &key, &why);

        if (e < 0)
                fail_msg("an unharmed start: %s (%s)", why, strerror(-e));
        s->f->key = keyhash_free(s->f->key);
        s->f->key = key;
        fixture_open(s->f);
        assert_int_equal(store_check(store_writer_reader(s->f->writer)), 0);
        if (s->token >= 0) {
                assert_int_equal(token_parse(view_of(s->text), &parsed), 0);
                fixture_find_token(s->f, s->token, &token);
                assert_int_equal(sealed_judge_token(&s->f->sealed, &token, parsed.secret, &is), 0);
                assert_int_equal(is, SEALED_LIVE);
        }
        fixture_close(s->f);
}

static void fail_at(struct scene *s, unsigned n)
{
        char error[LISTEN_ERROR_SIZE];
        const char *said;
        int r;

        captured_begin();
        r = start_faulty(s, n, error, sizeof(error));
        said = captured_end();
        if (r < 0 && error[0] == '\0')
                fail_msg("call %u: %s, without a word: %s", n, strerror(-r), said);
        s->failed += r < 0;
        s->served += r == 0;
        captured_begin();
        r = start(s, error, sizeof(error));
        said = captured_end();
        if (r < 0)
                fail_msg("call %u: the next start: %s, %s", n, error, said);
        assert_false(files_are_there(s->runtime, "verify.sock"));
        assert_token_good(s);
}

static void fail_everywhere(struct scene *s)
{
        char error[LISTEN_ERROR_SIZE];
        const unsigned *places;
        size_t count;

        s->kept = files_keep(s->f->dir);
        captured_begin();
        assert_int_equal(start_faulty(s, 0, error, sizeof(error)), 0);
        (void)captured_end();
        count = faulty_calls_places(&places);
        for (size_t i = 0; i < count; i += faulty_calls_step())
                fail_at(s, places[i]);
        print_message("# %zu places: %u starts failed, %u served\n", count, s->failed, s->served);
        assert_true(s->served > 0 && (s->failed > 0 || faulty_calls_step() > 1));
}

static void test_store_there(void **state)
{
        fail_everywhere(*state);
}

static void test_first(void **state)
{
        struct scene *s = *state;

        files_remove(s->f->dir, "");
        s->token = -1;
        fail_everywhere(s);
}

/* A rotation that was killed between its two last steps. */
static void test_after_half_a_rotation(void **state)
{
        struct scene *s = *state;
        struct offline o = {.state_dir = s->f->dir, .now = FIXTURE_NOW};
        char key[FILES_PATH_SIZE], next[FILES_PATH_SIZE];

        captured_begin();
        assert_int_equal(offline_rotate_key(&o, -1), 0);
        (void)captured_end();
        files_path(s->f->dir, HOSTKEY_FILE, key);
        files_path(s->f->dir, HOSTKEY_NEXT, next);
        assert_int_equal(rename(key, next), 0);
        fixture_write_key(s->f);
        fail_everywhere(s);
}

static void test_credential(void **state)
{
        struct scene *s = *state;
        char key[FILES_PATH_SIZE], credential[FILES_PATH_SIZE];

        files_path(s->f->dir, HOSTKEY_FILE, key);
        files_path(s->credentials, HOSTKEY_CREDENTIAL, credential);
        files_copy(key, credential);
        assert_int_equal(unlink(key), 0);
        s->has_credential = true;
        fail_everywhere(s);
        assert_false(files_are_there(s->f->dir, HOSTKEY_FILE));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_store_there),
                TEST(test_first),
                TEST(test_after_half_a_rotation),
                TEST(test_credential),
        };
        sigset_t set;

        daemon_fixture_drop_root();
        fixture_in_memory();
        (void)unsetenv("NOTIFY_SOCKET");
        (void)sigemptyset(&set);
        (void)sigaddset(&set, SIGTERM);
        (void)sigaddset(&set, SIGINT);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return 1;
        return cmocka_run_group_tests_name("start", tests, NULL, NULL);
}
