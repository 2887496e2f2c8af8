#include "daemon/hostkey.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/secret.h"
#include "daemon/store.h"
#include "daemon/writeall.h"

#define KEY_TEMPORARY STORE_TEMPORARY HOSTKEY_FILE

/* The key from both places it may be in; wiped at the end of its scope. */
struct keys {
        bool has_credential, has_file, has_next;
        uint8_t credential[KEYHASH_KEY_LEN];
        uint8_t file[KEYHASH_KEY_LEN];
        uint8_t next[KEYHASH_KEY_LEN];
};

static void keys_wipe(struct keys *k)
{
        secret_wipe(k, sizeof(*k));
}

DEFINE_CLEANUP(struct keyhash *, keyhash_free);
DEFINE_CLEANUP(struct store_reader *, store_reader_close);

static inline void closedirp(DIR **d)
{
        if (*d)
                (void)closedir(*d);
}

/* An error and the sentence that goes with it. */
static int because(const char **ret_why, int e, const char *why)
{
        *ret_why = why;
        return e;
}

static int open_directory(const char *dir)
{
        int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

int hostkey_lock_directory(const char *dir, int *ret_fd)
{
        _cleanup_(close_fdp) int fd = open_directory(dir);
        struct stat st;

        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
                return -EPERM;
        /* On the directory itself: a lock file would be one more thing to find there. */
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return -errno;
        *ret_fd = steal_fd(&fd);
        return 0;
}

/* ---- reading ---- */

static int read_open(int fd, mode_t refused, uint8_t ret[static KEYHASH_KEY_LEN])
{
        struct stat st;
        ssize_t len;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || (st.st_mode & refused) != 0 || st.st_size != KEYHASH_KEY_LEN)
                return -EINVAL;
        len = pread(fd, ret, KEYHASH_KEY_LEN, 0);
        if (len < 0)
                return -errno;
        return len == KEYHASH_KEY_LEN ? 0 : -EINVAL;
}

int hostkey_read_file(int fd, uint8_t ret[static KEYHASH_KEY_LEN])
{
        return read_open(fd, 0, ret);
}

/* Exactly the 32 bytes of a regular file. -ENOENT; -EINVAL for everything else that it may be. */
static int read_key(int dir, const char *name, mode_t refused, uint8_t ret[static KEYHASH_KEY_LEN])
{
        /* Not to hang on a FIFO before it is found to be one. */
        _cleanup_(close_fdp) int fd =
                openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

        if (fd < 0)
                return errno == ELOOP ? -EINVAL : -errno;
        return read_open(fd, refused, ret);
}

static int read_credential(const char *credentials_dir, struct keys *keys)
{
        _cleanup_(close_fdp) int dir = -1;
        int e;

        if (!credentials_dir)
                return 0;
        dir = open_directory(credentials_dir);
        if (dir < 0)
                return dir == -ENOENT ? 0 : dir;
        /* Its mode is the service manager's: with an ACL it shows bits of the group. */
        e = read_key(dir, HOSTKEY_CREDENTIAL, 0, keys->credential);
        keys->has_credential = e == 0;
        return e == -ENOENT ? 0 : e;
}

static int read_keys(int dir, const char *credentials_dir, struct keys *keys, const char **ret_why)
{
        int e = read_credential(credentials_dir, keys);

        if (e == -EINVAL)
                return because(
                        ret_why, e,
                        "the credential orgtoken.key is not a file of 32 bytes: give the unit "
                        "the host key this store was made with");
        if (e < 0)
                return because(ret_why, e, "the credential orgtoken.key cannot be read");
        e = read_key(dir, HOSTKEY_FILE, 077, keys->file);
        keys->has_file = e == 0;
        if (e == -EINVAL)
                return because(
                        ret_why, e,
                        "the file key in the state directory is not a regular file of 32 bytes "
                        "that only its owner can read: put the right key back, mode 0600");
        if (e < 0 && e != -ENOENT)
                return because(ret_why, e, "the file key in the state directory cannot be read");
        /* Only looked at where the store asks for it: else it is a rotation's that never was. */
        keys->has_next = read_key(dir, HOSTKEY_NEXT, 077, keys->next) == 0;
        if (keys->has_credential && keys->has_file &&
            !secret_equal(keys->credential, keys->file, KEYHASH_KEY_LEN))
                return because(
                        ret_why, -EKEYREJECTED,
                        "the credential orgtoken.key and the file key in the state directory "
                        "differ: keep the one this store was made with, move the other away");
        return 0;
}

/* ---- first start ---- */

/* What a first start may find: the key, and what an interrupted one left. */
static bool is_first_start_file(const char *name)
{
        static const char store[] = STORE_TEMPORARY STORE_FILE;

        return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
               strcmp(name, HOSTKEY_FILE) == 0 || strcmp(name, KEY_TEMPORARY) == 0 ||
               strncmp(name, store, sizeof(store) - 1) == 0;
}

/* 0; -ENOTEMPTY where there is anything else. */
static int check_fresh(const char *dir)
{
        _cleanup_(closedirp) DIR *d = opendir(dir);
        struct dirent *entry;

        if (!d)
                return -errno;
        errno = 0;
        while ((entry = readdir(d)) != NULL) {
                if (!is_first_start_file(entry->d_name))
                        return -ENOTEMPTY;
        }
        return -errno;
}

/* What an interrupted start or rotation left. */
static int remove_temporary(int dir)
{
        return unlinkat(dir, KEY_TEMPORARY, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static int rename_synced(int dir, const char *from, const char *to)
{
        return renameat(dir, from, dir, to) < 0 || fsync(dir) < 0 ? -errno : 0;
}

static int write_temporary(int dir, const uint8_t key[static KEYHASH_KEY_LEN])
{
        _cleanup_(close_fdp) int fd = openat(
                dir, KEY_TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        int e;

        if (fd < 0)
                return -errno;
        e = writeall(fd, key, KEYHASH_KEY_LEN);
        if (e < 0)
                return e;
        return fsync(fd) < 0 ? -errno : 0;
}

/* Puts a key into a file of that name, whole and synced, or not at all. Under the directory's lock.
 */
static int put_key(int dir, const char *name, const uint8_t key[static KEYHASH_KEY_LEN])
{
        int e = remove_temporary(dir);

        if (e == 0)
                e = write_temporary(dir, key);
        /* On the disk before there is a store that needs it. */
        return e < 0 ? e : rename_synced(dir, KEY_TEMPORARY, name);
}

/* Makes the key file. That none is there was found under the directory's lock. */
static int make_key(int dir, struct keys *keys)
{
        int e;

        keyhash_random(keys->file, sizeof(keys->file));
        e = put_key(dir, HOSTKEY_FILE, keys->file);
        keys->has_file = e == 0;
        return e;
}

static int first_start(const char *path, int dir, struct keys *keys, const char **ret_why)
{
        int e = check_fresh(path);

        if (e == -ENOTEMPTY)
                return because(
                        ret_why, e,
                        "there is no store, but the state directory is not empty: put "
                        "orgtoken.db back from a backup, or empty the directory to begin anew");
        if (e < 0)
                return because(ret_why, e, "the state directory cannot be read");
        e = remove_temporary(dir);
        if (e < 0)
                return because(ret_why, e, "the rest of an interrupted first start is in the way");
        if (keys->has_credential || keys->has_file)
                return 0;
        e = make_key(dir, keys);
        return e < 0 ? because(ret_why, e, "the host key cannot be written to the state directory")
                     : 0;
}

/* ---- the store ---- */

static int check_store(const char *dir, const struct keyhash *key, const char **ret_why)
{
        _cleanup_(store_reader_closep) struct store_reader *reader = NULL;
        struct store_freshness freshness;
        int e = store_reader_open(dir, &reader);

        if (e == 0)
                e = store_freshness(reader, &freshness);
        if (e == -EPROTONOSUPPORT)
                return because(ret_why, e,
                               "the store was written by a newer orgtokend: install that version");
        if (e == -EUCLEAN)
                return because(
                        ret_why, e,
                        "orgtoken.db is damaged or no store of orgtoken: put a backup in its "
                        "place; it is left as it is");
        if (e < 0)
                return because(ret_why, e, "the store cannot be opened");
        if (freshness.fingerprint != keyhash_fingerprint(key))
                return because(
                        ret_why, -EKEYREJECTED,
                        "the host key is not the one this store was made with: put the right "
                        "key, or the right orgtoken.db, back");
        return 0;
}

static int has_store(int dir)
{
        struct stat st;

        /* In whatever form: a link that leads nowhere is no reason to begin anew. */
        if (fstatat(dir, STORE_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0)
                return 1;
        return errno == ENOENT ? 0 : -errno;
}

/* The store is not the present key's: a rotation that was interrupted after it had changed the
   store, or whose new key has yet to become the credential, left the right one. */
static int load_next(const char *path, int dir, const struct keys *keys, struct keyhash **ret,
                     const char **ret_why)
{
        _cleanup_(keyhash_freep) struct keyhash *next = NULL;
        const char *ignored;

        if (!keys->has_next || keyhash_new(keys->next, &next) < 0 ||
            check_store(path, next, &ignored) < 0)
                return -EKEYREJECTED;
        if (keys->has_credential)
                return because(ret_why, -EKEYREJECTED,
                               "the host key was changed: make the file key.next of the state "
                               "directory the credential orgtoken.key, then remove it");
        /* Where it cannot be renamed now it will be at another start. */
        (void)rename_synced(dir, HOSTKEY_NEXT, HOSTKEY_FILE);
        *ret = steal_ptr(next);
        return 0;
}

static int no_key(const char **ret_why)
{
        return because(ret_why, -ENOKEY,
                       "the store is there but its host key is not: put the file key back into "
                       "the state directory, or give the unit the credential orgtoken.key");
}

static int make_hash(const struct keys *keys, struct keyhash **ret, const char **ret_why)
{
        int e = keyhash_new(keys->has_credential ? keys->credential : keys->file, ret);

        return e < 0 ? because(ret_why, e, "there is no memory for the host key") : 0;
}

/* Of a store that is there. */
static int load_its_key(const char *path, int dir, const struct keys *keys, struct keyhash **ret,
                        const char **ret_why)
{
        _cleanup_(keyhash_freep) struct keyhash *key = NULL;
        int e;

        if (!keys->has_credential && !keys->has_file)
                return load_next(path, dir, keys, ret, ret_why) == 0 ? 0 : no_key(ret_why);
        e = make_hash(keys, &key, ret_why);
        if (e == 0)
                e = check_store(path, key, ret_why);
        if (e == -EKEYREJECTED)
                return load_next(path, dir, keys, ret, ret_why);
        if (e == 0)
                *ret = steal_ptr(key);
        return e;
}

static int load(const char *path, int dir, struct keys *keys, int64_t now, struct keyhash **ret,
                const char **ret_why)
{
        _cleanup_(keyhash_freep) struct keyhash *key = NULL;
        int there = has_store(dir), e;

        if (there < 0)
                return because(ret_why, there, "the state directory cannot be searched");
        if (there)
                return load_its_key(path, dir, keys, ret, ret_why);
        e = first_start(path, dir, keys, ret_why);
        if (e == 0)
                e = make_hash(keys, &key, ret_why);
        if (e < 0)
                return e;
        e = store_create(path, keyhash_fingerprint(key), now);
        if (e < 0)
                return because(ret_why, e, "the store cannot be made in the state directory");
        e = check_store(path, key, ret_why);
        if (e == 0)
                *ret = steal_ptr(key);
        return e;
}

int hostkey_load(const char *dir, const char *credentials_dir, int64_t now, struct keyhash **ret,
                 const char **ret_why)
{
        _cleanup_(keys_wipe) struct keys keys = {0};
        _cleanup_(close_fdp) int fd = open_directory(dir);
        int e;

        if (fd < 0)
                return because(ret_why, fd, "the state directory cannot be opened");
        e = read_keys(fd, credentials_dir, &keys, ret_why);
        if (e < 0)
                return e;
        return load(dir, fd, &keys, now, ret, ret_why);
}

/* ---- while no daemon runs ---- */

int hostkey_read(const char *dir, const char *credentials_dir, struct keyhash **ret,
                 bool *ret_in_file, const char **ret_why)
{
        _cleanup_(keys_wipe) struct keys keys = {0};
        _cleanup_(close_fdp) int fd = open_directory(dir);
        const char *ignored;
        int e;

        if (fd < 0)
                return because(ret_why, fd, "the state directory cannot be opened");
        e = read_keys(fd, credentials_dir, &keys, ret_why);
        if (e < 0)
                return e;
        *ret_in_file = keys.has_file;
        /* A rotation that was interrupted at its last step has changed the key already. */
        if (keys.has_next && !keys.has_credential &&
            load_its_key(dir, fd, &keys, ret, &ignored) == 0)
                return 0;
        if (!keys.has_credential && !keys.has_file)
                return because(ret_why, -ENOKEY,
                               "there is no host key: put the file key back into the state "
                               "directory first, 0600, or give the credential orgtoken.key");
        return make_hash(&keys, ret, ret_why);
}

int hostkey_write_next(const char *dir, const uint8_t key[static KEYHASH_KEY_LEN])
{
        _cleanup_(close_fdp) int fd = open_directory(dir);

        return fd < 0 ? fd : put_key(fd, HOSTKEY_NEXT, key);
}

int hostkey_take_next(const char *dir)
{
        _cleanup_(close_fdp) int fd = open_directory(dir);

        return fd < 0 ? fd : rename_synced(fd, HOSTKEY_NEXT, HOSTKEY_FILE);
}
