#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/hostkey.h"
#include "daemon/store.h"
#include "tests/support/valgrind.h"

#define NOW 1700000000

/* Which system calls a child is killed at: all, or a sample where the sanitizers make each fork
 * slow. */
#ifdef __SANITIZE_ADDRESS__
#define STRIDE 7
#else
#define STRIDE 1
#endif

/* An empty state directory, and one for credentials, beside each other. */
struct dirs {
        char base[128];
        char state[160];
        char credentials[160];
};

static const uint8_t some_key[KEYHASH_KEY_LEN] = {1, 2, 3};
static const uint8_t other_key[KEYHASH_KEY_LEN] = {3, 2, 1};

static void empty_directory(const char *dir)
{
        DIR *d = opendir(dir);

        for (struct dirent *entry; d && (entry = readdir(d));) {
                if (unlinkat(dirfd(d), entry->d_name, 0) < 0)
                        (void)unlinkat(dirfd(d), entry->d_name, AT_REMOVEDIR);
        }
        if (d)
                (void)closedir(d);
}

static int setup(void **state)
{
        struct dirs *d = calloc(1, sizeof(*d));

        assert_non_null(d);
        (void)snprintf(d->base, sizeof(d->base), "%s/orgtoken-test-XXXXXX",
                       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        assert_non_null(mkdtemp(d->base));
        (void)snprintf(d->state, sizeof(d->state), "%s/state", d->base);
        (void)snprintf(d->credentials, sizeof(d->credentials), "%s/credentials", d->base);
        assert_int_equal(mkdir(d->state, 0700), 0);
        assert_int_equal(mkdir(d->credentials, 0700), 0);
        *state = d;
        return 0;
}

static int teardown(void **state)
{
        struct dirs *d = *state;

        empty_directory(d->state);
        empty_directory(d->credentials);
        empty_directory(d->base);
        assert_int_equal(rmdir(d->base), 0);
        free(d);
        return 0;
}

static void path_in(const char *dir, const char *name, char ret[static 256])
{
        assert_in_range(snprintf(ret, 256, "%s/%s", dir, name), 1, 255);
}

static void put(const char *dir, const char *name, const void *bytes, size_t len, mode_t mode)
{
        char path[256];
        int fd;

        path_in(dir, name, path);
        /* Anew: what is there may be a file that not even its owner may write. */
        (void)unlink(path);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, bytes, len), (ssize_t)len);
        assert_int_equal(fchmod(fd, mode), 0);
        assert_int_equal(close(fd), 0);
}

static bool is_there(const char *dir, const char *name)
{
        struct stat st;
        char path[256];

        path_in(dir, name, path);
        return lstat(path, &st) == 0;
}

static void drop(const char *dir, const char *name)
{
        char path[256];

        path_in(dir, name, path);
        assert_int_equal(unlink(path), 0);
}

/* How many entries a directory has, each a hidden one too. */
static unsigned count_files(const char *dir)
{
        DIR *d = opendir(dir);
        unsigned n = 0;

        assert_non_null(d);
        while (readdir(d))
                n++;
        (void)closedir(d);
        return n - 2;
}

/* The result, and the fingerprint of what was loaded. */
static int load(const struct dirs *d, bool credentials, int64_t *ret_fingerprint)
{
        struct keyhash *key = NULL;
        const char *why = NULL;
        int e = hostkey_load(d->state, credentials ? d->credentials : NULL, NOW, &key, &why);

        if (e < 0) {
                /* A sentence that says more than the errno, always. */
                assert_non_null(why);
                assert_true(strlen(why) > 20);
                assert_null(key);
                return e;
        }
        *ret_fingerprint = keyhash_fingerprint(key);
        (void)keyhash_free(key);
        return 0;
}

static int result(const struct dirs *d, bool credentials)
{
        int64_t fingerprint;

        return load(d, credentials, &fingerprint);
}

static int64_t fingerprint_of(const uint8_t key[static KEYHASH_KEY_LEN])
{
        struct keyhash *k = NULL;
        int64_t fingerprint;

        assert_int_equal(keyhash_new(key, &k), 0);
        fingerprint = keyhash_fingerprint(k);
        (void)keyhash_free(k);
        return fingerprint;
}

static void assert_mode(const char *dir, const char *name)
{
        struct stat st;
        char path[256];

        path_in(dir, name, path);
        assert_int_equal(lstat(path, &st), 0);
        assert_true(S_ISREG(st.st_mode));
        assert_int_equal(st.st_mode & 07777, 0600);
}

/* ---- the lock ---- */

static void test_lock(void **state)
{
        struct dirs *d = *state;
        char file[256];
        int fd = -7, second = -7;

        assert_int_equal(hostkey_lock_directory(d->state, &fd), 0);
        assert_true(fd >= 0);
        assert_int_equal(hostkey_lock_directory(d->state, &second), -EWOULDBLOCK);
        assert_int_equal(second, -7);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        assert_int_equal(close(fd), 0);
        assert_int_equal(hostkey_lock_directory(d->state, &fd), 0);
        assert_int_equal(close(fd), 0);
        assert_int_equal(chmod(d->state, 0710), 0);
        assert_int_equal(hostkey_lock_directory(d->state, &fd), -EPERM);
        assert_int_equal(chmod(d->state, 0702), 0);
        assert_int_equal(hostkey_lock_directory(d->state, &fd), -EPERM);
        assert_int_equal(chmod(d->state, 0700), 0);
        put(d->state, "file", "", 0, 0600);
        path_in(d->state, "file", file);
        assert_int_equal(hostkey_lock_directory(file, &fd), -ENOTDIR);
        assert_int_equal(hostkey_lock_directory("/nonexistent/state", &fd), -ENOENT);
}

static void test_lock_other_owner(void **state)
{
        struct dirs *d = *state;
        int fd;

        if (geteuid() != 0)
                skip();
        assert_int_equal(chown(d->state, 12345, 12345), 0);
        assert_int_equal(hostkey_lock_directory(d->state, &fd), -EPERM);
}

/* ---- first start ---- */

static void test_first_start(void **state)
{
        struct dirs *d = *state;
        int64_t first = 0, second = 0;
        mode_t before = umask(0);

        assert_int_equal(load(d, false, &first), 0);
        assert_mode(d->state, HOSTKEY_FILE);
        assert_mode(d->state, STORE_FILE);
        assert_false(is_there(d->state, STORE_TEMPORARY HOSTKEY_FILE));
        assert_int_equal(load(d, false, &second), 0);
        assert_true(first == second);
        (void)umask(before);
}

static void test_first_start_with_credential(void **state)
{
        struct dirs *d = *state;
        int64_t fingerprint;

        put(d->credentials, HOSTKEY_CREDENTIAL, some_key, sizeof(some_key), 0440);
        assert_int_equal(load(d, true, &fingerprint), 0);
        assert_true(fingerprint == fingerprint_of(some_key));
        /* The key is the service manager's to keep: no copy is made of it. */
        assert_false(is_there(d->state, HOSTKEY_FILE));
        assert_int_equal(load(d, true, &fingerprint), 0);
        assert_int_equal(result(d, false), -ENOKEY);
        /* The same in the file is no contradiction. */
        put(d->state, HOSTKEY_FILE, some_key, sizeof(some_key), 0600);
        assert_int_equal(load(d, true, &fingerprint), 0);
        assert_int_equal(load(d, false, &fingerprint), 0);
}

static void test_first_start_with_key_file(void **state)
{
        struct dirs *d = *state;
        int64_t fingerprint;

        put(d->state, HOSTKEY_FILE, some_key, sizeof(some_key), 0600);
        /* A credentials directory without our credential, and one that is not there. */
        assert_int_equal(load(d, true, &fingerprint), 0);
        assert_true(fingerprint == fingerprint_of(some_key));
        assert_int_equal(rmdir(d->credentials), 0);
        assert_int_equal(load(d, true, &fingerprint), 0);
}

static void test_leftovers(void **state)
{
        struct dirs *d = *state;
        int64_t fingerprint;

        put(d->state, STORE_TEMPORARY HOSTKEY_FILE, some_key, 7, 0600);
        put(d->state, STORE_TEMPORARY STORE_FILE, "rest", 4, 0600);
        put(d->state, STORE_TEMPORARY STORE_FILE "-journal", "rest", 4, 0600);
        assert_int_equal(load(d, false, &fingerprint), 0);
        assert_false(is_there(d->state, STORE_TEMPORARY HOSTKEY_FILE));
        assert_false(is_there(d->state, STORE_TEMPORARY STORE_FILE));
        assert_false(is_there(d->state, STORE_TEMPORARY STORE_FILE "-journal"));
}

static void test_not_empty(void **state)
{
        static const char *const names[] = {
                "orgtoken.db-wal", "orgtoken.db.bak", ".hidden", ".new-other", "key~", "backup"};
        struct dirs *d = *state;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                put(d->state, names[i], "x", 1, 0600);
                assert_int_equal(result(d, false), -ENOTEMPTY);
                assert_int_equal(count_files(d->state), 1);
                /* A key there makes no difference: no store is made beside what is there. */
                put(d->state, HOSTKEY_FILE, some_key, sizeof(some_key), 0600);
                assert_int_equal(result(d, false), -ENOTEMPTY);
                assert_int_equal(count_files(d->state), 2);
                drop(d->state, names[i]);
                drop(d->state, HOSTKEY_FILE);
        }
}

/* A directory, a link, anything under the store's name is a store that is there. */
static void test_store_is_no_file(void **state)
{
        struct dirs *d = *state;
        char path[256];

        path_in(d->state, STORE_FILE, path);
        assert_int_equal(symlink("nowhere", path), 0);
        assert_int_equal(result(d, false), -ENOKEY);
        put(d->state, HOSTKEY_FILE, some_key, sizeof(some_key), 0600);
        assert_int_equal(result(d, false), -EUCLEAN);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(result(d, false), -EUCLEAN);
        assert_int_equal(rmdir(path), 0);
        put(d->state, STORE_FILE, "", 0, 0600);
        assert_int_equal(result(d, false), -EUCLEAN);
        assert_int_equal(count_files(d->state), 2);
}

/* ---- a store that is there ---- */

static void test_key_missing(void **state)
{
        struct dirs *d = *state;

        assert_int_equal(result(d, false), 0);
        drop(d->state, HOSTKEY_FILE);
        assert_int_equal(result(d, false), -ENOKEY);
        assert_int_equal(result(d, true), -ENOKEY);
        assert_false(is_there(d->state, HOSTKEY_FILE));
}

static void test_key_wrong(void **state)
{
        struct dirs *d = *state;
        int64_t fingerprint;

        put(d->state, HOSTKEY_FILE, some_key, sizeof(some_key), 0600);
        assert_int_equal(load(d, false, &fingerprint), 0);
        put(d->state, HOSTKEY_FILE, other_key, sizeof(other_key), 0600);
        assert_int_equal(result(d, false), -EKEYREJECTED);
        /* Credential and file differ, whichever is right. */
        put(d->credentials, HOSTKEY_CREDENTIAL, some_key, sizeof(some_key), 0400);
        assert_int_equal(result(d, true), -EKEYREJECTED);
        put(d->state, HOSTKEY_FILE, some_key, sizeof(some_key), 0600);
        put(d->credentials, HOSTKEY_CREDENTIAL, other_key, sizeof(other_key), 0400);
        assert_int_equal(result(d, true), -EKEYREJECTED);
        drop(d->state, HOSTKEY_FILE);
        assert_int_equal(result(d, true), -EKEYREJECTED);
        put(d->credentials, HOSTKEY_CREDENTIAL, some_key, sizeof(some_key), 0400);
        assert_int_equal(load(d, true, &fingerprint), 0);
        assert_true(fingerprint == fingerprint_of(some_key));
}

/* Before there is a store, and with one: a bad key file is an error and never a reason to make one.
 */
static void test_key_file_bad(void **state)
{
        static const uint8_t longer[KEYHASH_KEY_LEN + 1];
        static const mode_t modes[] = {0640, 0604, 0620, 0602, 0644, 0660, 0610};
        struct dirs *d = *state;
        char path[256], link_path[256];

        path_in(d->state, HOSTKEY_FILE, path);
        for (unsigned with_store = 0; with_store < 2; with_store++) {
                put(d->state, HOSTKEY_FILE, longer, sizeof(longer), 0600);
                assert_int_equal(result(d, false), -EINVAL);
                put(d->state, HOSTKEY_FILE, some_key, KEYHASH_KEY_LEN - 1, 0600);
                assert_int_equal(result(d, false), -EINVAL);
                put(d->state, HOSTKEY_FILE, "", 0, 0600);
                assert_int_equal(result(d, false), -EINVAL);
                for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
                        put(d->state, HOSTKEY_FILE, some_key, sizeof(some_key), modes[i]);
                        assert_int_equal(result(d, false), -EINVAL);
                }
                /* A good credential does not excuse it. */
                put(d->credentials, HOSTKEY_CREDENTIAL, some_key, sizeof(some_key), 0400);
                assert_int_equal(result(d, true), -EINVAL);
                drop(d->credentials, HOSTKEY_CREDENTIAL);
                assert_int_equal(unlink(path), 0);
                assert_int_equal(mkfifo(path, 0600), 0);
                assert_int_equal(result(d, false), -EINVAL);
                assert_int_equal(unlink(path), 0);
                assert_int_equal(mkdir(path, 0700), 0);
                assert_int_equal(result(d, false), -EINVAL);
                assert_int_equal(rmdir(path), 0);
                put(d->credentials, "elsewhere", some_key, sizeof(some_key), 0600);
                path_in(d->credentials, "elsewhere", link_path);
                assert_int_equal(symlink(link_path, path), 0);
                assert_int_equal(result(d, false), -EINVAL);
                assert_int_equal(unlink(path), 0);
                assert_int_equal(is_there(d->state, STORE_FILE), with_store == 1);
                put(d->state, HOSTKEY_FILE, some_key, sizeof(some_key), 0600);
                assert_int_equal(result(d, false), 0);
        }
}

static void test_credential_bad(void **state)
{
        static const uint8_t longer[KEYHASH_KEY_LEN + 1];
        struct dirs *d = *state;
        char path[256];

        put(d->state, HOSTKEY_FILE, some_key, sizeof(some_key), 0600);
        put(d->credentials, HOSTKEY_CREDENTIAL, longer, sizeof(longer), 0400);
        assert_int_equal(result(d, true), -EINVAL);
        put(d->credentials, HOSTKEY_CREDENTIAL, "", 0, 0400);
        assert_int_equal(result(d, true), -EINVAL);
        drop(d->credentials, HOSTKEY_CREDENTIAL);
        path_in(d->credentials, HOSTKEY_CREDENTIAL, path);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(result(d, true), -EINVAL);
        assert_int_equal(rmdir(path), 0);
        assert_false(is_there(d->state, STORE_FILE));
}

static void test_directory_missing(void **state)
{
        struct dirs *d = *state;
        struct dirs gone = *d;

        (void)snprintf(gone.state, sizeof(gone.state), "/nonexistent/state");
        assert_int_equal(result(&gone, false), -ENOENT);
        (void)snprintf(gone.state, sizeof(gone.state), "/dev/null");
        assert_int_equal(result(&gone, false), -ENOTDIR);
}

/* ---- interrupted ---- */

/* A child that is killed behind its n-th system call. 1: it had ended by then; -1: nothing
   can be traced here. */
static int load_killed_at(const struct dirs *d, unsigned n)
{
        int status;
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) {
                struct keyhash *key;
                const char *why;

                if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
                        _exit(77);
                (void)raise(SIGSTOP);
                _exit(hostkey_load(d->state, NULL, NOW, &key, &why) == 0 ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFEXITED(status))
                return WEXITSTATUS(status) == 77 ? -1 : 1;
        for (unsigned i = 0; i < 2 * n; i++) {
                assert_int_equal(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
                assert_int_equal(waitpid(child, &status, 0), child);
                if (WIFEXITED(status)) {
                        assert_int_equal(WEXITSTATUS(status), 0);
                        return 1;
                }
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        return 0;
}

static void test_interrupted(void **state)
{
        struct dirs *d = *state;
        unsigned with_key = 0, with_store = 0;
        int ended = 0;

        for (unsigned n = 1; ended == 0; n += valgrind_is_here() ? 20 * STRIDE : STRIDE) {
                uint8_t before[KEYHASH_KEY_LEN] = {0}, after[KEYHASH_KEY_LEN] = {0};
                int64_t fingerprint = 0;
                char path[256];
                bool had_key;
                int fd;

                empty_directory(d->state);
                ended = load_killed_at(d, n);
                if (ended < 0)
                        skip();
                path_in(d->state, HOSTKEY_FILE, path);
                fd = open(path, O_RDONLY);
                had_key = fd >= 0;
                /* Never half a key, never a store without one. */
                if (had_key)
                        assert_int_equal(read(fd, before, sizeof(before)), sizeof(before));
                else
                        assert_false(is_there(d->state, STORE_FILE));
                if (fd >= 0)
                        (void)close(fd);
                with_key += had_key;
                with_store += is_there(d->state, STORE_FILE);
                /* The next start goes on from there. */
                assert_int_equal(load(d, false, &fingerprint), 0);
                fd = open(path, O_RDONLY);
                assert_true(fd >= 0);
                assert_int_equal(read(fd, after, sizeof(after)), sizeof(after));
                (void)close(fd);
                if (had_key)
                        assert_memory_equal(before, after, sizeof(after));
                assert_true(fingerprint == fingerprint_of(after));
                assert_false(is_there(d->state, STORE_TEMPORARY HOSTKEY_FILE));
        }
        assert_true(with_key > with_store && with_store > 0);
}

static int init(void **state)
{
        (void)state;
        return keyhash_init();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_lock),
                TEST(test_lock_other_owner),
                TEST(test_first_start),
                TEST(test_first_start_with_credential),
                TEST(test_first_start_with_key_file),
                TEST(test_leftovers),
                TEST(test_not_empty),
                TEST(test_store_is_no_file),
                TEST(test_key_missing),
                TEST(test_key_wrong),
                TEST(test_key_file_bad),
                TEST(test_credential_bad),
                TEST(test_directory_missing),
                TEST(test_interrupted),
        };

        return cmocka_run_group_tests_name("hostkey", tests, init, NULL);
}
