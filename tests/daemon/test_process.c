/*
 * The real daemon as systemd starts it (sockets, watchdog, credentials, journal), with nothing on
 * its standard descriptors, and as a command that works on the store without serving.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/hostkey.h"
#include "daemon/store.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/files.h"

#define PATIENCE_MS 60000

static int setup(void **state)
{
        *state = daemon_fixture_new();
        return 0;
}

static int teardown(void **state)
{
        struct daemon_fixture *f = *state;

        for (size_t i = 0; i < 2; i++)
                if (f->sockets[i] > 0)
                        (void)close(f->sockets[i]);
        daemon_fixture_free(f);
        return 0;
}

static void assert_logged(const struct daemon_fixture *f, const char *text)
{
        if (!daemon_fixture_has_logged(f, text))
                fail_msg("not said: %s; see %s", text, f->log);
}

/* ---- as systemd starts it ---- */

static int make_socket(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_in_range(snprintf(address.sun_path, sizeof(address.sun_path), "%s", path), 1,
                        sizeof(address.sun_path) - 1);
        assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 16), 0);
        return fd;
}

static void make_sockets(struct daemon_fixture *f)
{
        assert_int_equal(mkdir(f->runtime, 0755), 0);
        f->sockets[0] = make_socket(f->manage);
        f->sockets[1] = make_socket(f->verify);
        f->socket_names = "manage:verify";
}

static void test_sockets_passed(void **state)
{
        struct daemon_fixture *f = *state;
        char token[TOKEN_TEXT_MAX + 1];

        make_sockets(f);
        daemon_fixture_start(f);
        daemon_fixture_make_org(f, "acme");
        assert_int_equal(daemon_fixture_make_key(f, "acme", ACK_YES, token), WIRE_DONE);
        assert_int_equal(daemon_fixture_verify(f, token), WIRE_ALLOW);
        assert_int_equal(daemon_fixture_stop(f, SIGTERM), 0);
        /* They are systemd's: not taken away, and whoever connects now is served by the next. */
        assert_int_equal(access(f->verify, F_OK), 0);
        daemon_fixture_start(f);
        assert_int_equal(daemon_fixture_verify(f, token), WIRE_ALLOW);
        assert_int_equal(daemon_fixture_stop(f, SIGTERM), 0);
}

static void test_sockets_refused(void **state)
{
        struct daemon_fixture *f = *state;
        const char *const by_hand[] = {"--state-dir", f->state, "--runtime-dir", f->runtime, NULL};
        const char *const passed[] = {"--state-dir", f->state, NULL};
        const char *const no_number[] = {"LISTEN_FDS=two", NULL};

        make_sockets(f);
        assert_int_equal(daemon_fixture_run(f, by_hand), EXIT_FAILURE);
        assert_logged(f, "--runtime-dir: the sockets come from systemd");
        f->socket_names = "manage:unknown";
        assert_int_equal(daemon_fixture_run(f, passed), EXIT_FAILURE);
        assert_logged(f, "unknown: a socket of this name is not ours");
        f->environment = no_number;
        assert_int_equal(daemon_fixture_run(f, passed), EXIT_FAILURE);
        assert_logged(f, "the sockets of systemd cannot be taken over");
        assert_false(files_are_there(f->root, "state"));
        f->environment = NULL;
}

/* Alive as long as the loop turns: told often enough. */
static void test_watchdog(void **state)
{
        struct daemon_fixture *f = *state;
        const char *const watched[] = {"WATCHDOG_USEC=200000", NULL};
        struct pollfd p = {.fd = f->notify, .events = POLLIN};
        unsigned told = 0;

        f->environment = watched;
        daemon_fixture_start(f);
        while (told < 3) {
                char text[512];
                ssize_t n;

                assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
                n = recv(f->notify, text, sizeof(text) - 1, 0);
                assert_true(n > 0);
                text[n] = '\0';
                told += strstr(text, "WATCHDOG=1") != NULL;
        }
        assert_int_equal(daemon_fixture_stop(f, SIGTERM), 0);
        f->environment = NULL;
}

static void test_credential(void **state)
{
        struct daemon_fixture *f = *state;
        uint8_t key[KEYHASH_KEY_LEN] = {7, 7, 7};
        char path[FILES_PATH_SIZE], variable[FILES_PATH_SIZE + 32], token[TOKEN_TEXT_MAX + 1];
        const char *const environment[] = {variable, NULL};

        files_path(f->root, "credentials", path);
        assert_int_equal(mkdir(path, 0700), 0);
        (void)snprintf(variable, sizeof(variable), "CREDENTIALS_DIRECTORY=%s", path);
        files_path(f->root, "credentials/" HOSTKEY_CREDENTIAL, path);
        files_write(path, key, sizeof(key));
        f->environment = environment;
        daemon_fixture_start(f);
        daemon_fixture_make_org(f, "acme");
        assert_int_equal(daemon_fixture_make_key(f, "acme", ACK_YES, token), WIRE_DONE);
        assert_int_equal(daemon_fixture_stop(f, SIGTERM), 0);
        assert_false(files_are_there(f->state, HOSTKEY_FILE));
        /* Another one opens nothing. */
        key[0] = 8;
        files_write(path, key, sizeof(key));
        daemon_fixture_start(f);
        assert_int_equal(daemon_fixture_verify(f, token), WIRE_UNAVAILABLE);
        assert_int_equal(daemon_fixture_stop(f, SIGTERM), 0);
        key[0] = 7;
        files_write(path, key, sizeof(key));
        daemon_fixture_start(f);
        assert_int_equal(daemon_fixture_verify(f, token), WIRE_ALLOW);
        assert_int_equal(daemon_fixture_stop(f, SIGTERM), 0);
        f->environment = NULL;
}

/* A line tells the journal its priority, where standard error is the journal and nowhere else. */
static void test_stderr_is_journal(void **state)
{
        struct daemon_fixture *f = *state;
        const char *const arguments[] = {"--state-dir", f->state, "--user", "", NULL};
        char variable[64];
        const char *const environment[] = {variable, NULL};
        struct stat st;

        files_write(f->log, "", 0);
        assert_int_equal(stat(f->log, &st), 0);
        f->environment = environment;
        for (unsigned other = 0; other < 4; other++) {
                files_write(f->log, "", 0);
                (void)snprintf(variable, sizeof(variable), "JOURNAL_STREAM=%ju:%ju",
                               (uintmax_t)st.st_dev + (other == 1),
                               (uintmax_t)st.st_ino + (other == 2));
                if (other == 3)
                        (void)snprintf(variable, sizeof(variable), "JOURNAL_STREAM=none");
                assert_int_equal(daemon_fixture_run(f, arguments), 2);
                assert_logged(f, other == 0 ? "<3>" : "orgtokend: ");
                assert_true(daemon_fixture_has_logged(f, "<3>") == (other == 0));
        }
        f->environment = NULL;
}

/* ---- without serving ---- */

struct scene {
        struct daemon_fixture *f;
        char backup[FILES_PATH_SIZE], key[FILES_PATH_SIZE];
        char kept[TOKEN_TEXT_MAX + 1], revoked[TOKEN_TEXT_MAX + 1];
};

static void ask_for_backup(const struct scene *s)
{
        struct wire_message m;

        daemon_fixture_request(&m, WIRE_V_BACKUP);
        wire_put_text(&m, WIRE_F_PATH, view_of(s->backup));
        assert_int_equal(daemon_fixture_do(s->f, &m), WIRE_DONE);
}

static void revoke_key(const struct scene *s, const char *text)
{
        char key_id[TOKEN_KEY_ID_SIZE];
        struct wire_message m;
        struct token token;

        assert_int_equal(token_parse(view_of(text), &token), 0);
        token_key_id(token.kind, token.id, TOKEN_ID_LEN, key_id);
        daemon_fixture_request(&m, WIRE_V_KEY_REVOKE);
        wire_put_text(&m, WIRE_F_KEY_ID, view_of(key_id));
        assert_int_equal(daemon_fixture_do(s->f, &m), WIRE_DONE);
}

/* A backup, and a revocation since. */
static void make_scene(struct scene *s, struct daemon_fixture *f)
{
        *s = (struct scene){.f = f};
        files_path(f->root, "backup", s->backup);
        files_path(f->root, "key-that-was", s->key);
        daemon_fixture_start(f);
        daemon_fixture_make_org(f, "acme");
        assert_int_equal(daemon_fixture_make_key(f, "acme", ACK_YES, s->kept), WIRE_DONE);
        assert_int_equal(daemon_fixture_make_key(f, "acme", ACK_YES, s->revoked), WIRE_DONE);
        ask_for_backup(s);
        revoke_key(s, s->revoked);
}

static int work(const struct scene *s, const char *a, const char *b, const char *c, const char *d)
{
        const char *const arguments[] = {"--state-dir", s->f->state, a, b, c, d, NULL};

        return daemon_fixture_run(s->f, arguments);
}

static void assert_as_revoked(const struct scene *s)
{
        daemon_fixture_start(s->f);
        assert_int_equal(daemon_fixture_verify(s->f, s->kept), WIRE_ALLOW);
        assert_int_equal(daemon_fixture_verify(s->f, s->revoked), WIRE_VERDICT);
        assert_int_equal(daemon_fixture_stop(s->f, SIGTERM), 0);
}

static void test_restore(void **state)
{
        struct scene s;

        make_scene(&s, *state);
        assert_int_equal(work(&s, "--restore", s.backup, NULL, NULL), EXIT_FAILURE);
        assert_logged(s.f, "another orgtokend is using this state directory");
        assert_int_equal(daemon_fixture_stop(s.f, SIGTERM), 0);
        assert_int_equal(work(&s, "--restore", "/nowhere/backup", NULL, NULL), EXIT_FAILURE);
        assert_logged(s.f, "/nowhere/backup: cannot be opened");
        assert_int_equal(work(&s, "--restore", s.backup, "--revoke-older-than", "soon"), 2);
        assert_logged(s.f, "--revoke-older-than: 1d to 365d");
        assert_int_equal(work(&s, "--restore", s.backup, "--backup-key", "/nowhere/key"),
                         EXIT_FAILURE);
        assert_logged(s.f, "/nowhere/key: cannot be opened");
        assert_as_revoked(&s);
        assert_int_equal(work(&s, "--restore", s.backup, NULL, NULL), EXIT_SUCCESS);
        assert_logged(s.f, "restored revision");
        assert_as_revoked(&s);
        /* Older than yesterday there is nothing. What was put aside may be of this second. */
        files_remove(s.f->state, ".old-");
        assert_int_equal(work(&s, "--restore", s.backup, "--revoke-older-than", "1d"),
                         EXIT_SUCCESS);
        assert_as_revoked(&s);
}

/* A copy of a store that was not closed is not all of it. */
static void test_restore_no_copy(void **state)
{
        static const char *const beside[] = {"backup-wal", "backup-journal"};
        struct scene s;

        make_scene(&s, *state);
        assert_int_equal(daemon_fixture_stop(s.f, SIGTERM), 0);
        for (size_t i = 0; i < 2; i++) {
                char path[FILES_PATH_SIZE], sentence[FILES_PATH_SIZE + 64];

                files_path(s.f->root, beside[i], path);
                files_write(path, "changes", 7);
                assert_int_equal(work(&s, "--restore", s.backup, NULL, NULL), EXIT_FAILURE);
                (void)snprintf(sentence, sizeof(sentence), "%s is there: that is a store", path);
                assert_logged(s.f, sentence);
                /* One with nothing in it is no change. */
                files_write(path, "", 0);
        }
        assert_as_revoked(&s);
        assert_int_equal(work(&s, "--restore", s.backup, NULL, NULL), EXIT_SUCCESS);
        assert_as_revoked(&s);
}

static void test_rotate_key(void **state)
{
        uint8_t mine[KEYHASH_KEY_LEN] = {9, 9, 9};
        char path[FILES_PATH_SIZE], given[FILES_PATH_SIZE];
        unsigned char *now;
        struct scene s;
        size_t len;

        make_scene(&s, *state);
        assert_int_equal(daemon_fixture_stop(s.f, SIGTERM), 0);
        files_path(s.f->state, HOSTKEY_FILE, path);
        files_copy(path, s.key);
        assert_int_equal(work(&s, "--rotate-key", NULL, NULL, NULL), EXIT_SUCCESS);
        assert_logged(s.f, "the host key was changed");
        assert_as_revoked(&s);
        files_path(s.f->root, "mine", given);
        assert_int_equal(work(&s, "--rotate-key", "--new-key", given, NULL), EXIT_FAILURE);
        assert_logged(s.f, "cannot be opened");
        files_write(given, mine, sizeof(mine));
        assert_int_equal(work(&s, "--rotate-key", "--new-key", given, NULL), EXIT_SUCCESS);
        now = files_read(path, &len);
        assert_int_equal(len, sizeof(mine));
        assert_memory_equal(now, mine, len);
        free(now);
        assert_as_revoked(&s);
        /* The backup is from before both. */
        assert_int_equal(work(&s, "--restore", s.backup, NULL, NULL), EXIT_FAILURE);
        assert_logged(s.f, "give it with --backup-key");
        assert_int_equal(work(&s, "--restore", s.backup, "--backup-key", s.key), EXIT_SUCCESS);
        assert_as_revoked(&s);
}

/* What it opens first is none of the three that its sentences go to: not the store, not the key. */
static void test_nothing_open(void **state)
{
        struct scene s;
        unsigned char *key;
        char path[FILES_PATH_SIZE];
        size_t len;

        make_scene(&s, *state);
        assert_int_equal(daemon_fixture_stop(s.f, SIGTERM), 0);
        s.f->is_bare = true;
        /* It can be written to: there is something that is no file. */
        assert_int_equal(work(&s, "--version", NULL, NULL, NULL), EXIT_SUCCESS);
        files_path(s.f->state, HOSTKEY_FILE, path);
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(work(&s, "--rotate-key", NULL, NULL, NULL), EXIT_SUCCESS);
                key = files_read(path, &len);
                assert_int_equal(len, KEYHASH_KEY_LEN);
                free(key);
                assert_as_revoked(&s);
        }
        files_path(s.f->root, "no-key", path);
        files_write(path, "x", 1);
        assert_int_equal(work(&s, "--rotate-key", "--new-key", path, NULL), EXIT_FAILURE);
        key = files_read(path, &len);
        assert_int_equal(len, 1);
        free(key);
        assert_as_revoked(&s);
}

/* A directory that is not only ours: nothing is read or written there. */
static void test_not_our_directory(void **state)
{
        char path[FILES_PATH_SIZE];
        struct scene s;

        make_scene(&s, *state);
        assert_int_equal(daemon_fixture_stop(s.f, SIGTERM), 0);
        assert_int_equal(chmod(s.f->state, 0770), 0);
        assert_int_equal(work(&s, "--restore", s.backup, NULL, NULL), EXIT_FAILURE);
        assert_logged(s.f, "the state directory must be our own, and 0700");
        assert_int_equal(chmod(s.f->state, 0700), 0);
        assert_as_revoked(&s);
        files_path(s.f->state, STORE_FILE, path);
        {
                const char *const arguments[] = {"--state-dir", path, "--rotate-key", NULL};

                assert_int_equal(daemon_fixture_run(s.f, arguments), EXIT_FAILURE);
                assert_logged(s.f, "the state directory cannot be used");
        }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_sockets_passed),    TEST(test_sockets_refused), TEST(test_watchdog),
                TEST(test_credential),        TEST(test_nothing_open),    TEST(test_restore),
                TEST(test_stderr_is_journal), TEST(test_restore_no_copy), TEST(test_rotate_key),
                TEST(test_not_our_directory),
        };

        daemon_fixture_drop_root();
        return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
