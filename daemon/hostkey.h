/*
 * Where the host key comes from and what a first start is (orgtokend(8), FILES). Owns the state
 * directory: its lock, its key file, and the one moment in which key and store are made. Makes
 * nothing beside what is already there.
 */
#pragma once

#include <stdbool.h>

#include "daemon/keyhash.h"

#define HOSTKEY_FILE       "key"
#define HOSTKEY_CREDENTIAL "orgtoken.key"
/* The key that a rotation is going over to; whose turn it is tells the store's fingerprint. */
#define HOSTKEY_NEXT "key.next"

/* Opens and locks the state directory, which must exist and be ours alone (0700, our uid). 0 and a
   descriptor that holds the lock until it is closed; -EWOULDBLOCK: another daemon has it; -EPERM:
   others can write it; -ENOTDIR, -ENOENT, …. */
int hostkey_lock_directory(const char *dir, int *ret_fd);

/* Loads the key from the credentials directory (NULL: none) or the key file; on a first start (no
   store, and nothing in the directory but the key or an interrupted first start's temporaries)
   makes key and store, each synced, the store renamed into place last. 0; or an errno with *ret_why
   a sentence that says what is wrong and what to do (static storage): -ENOKEY a store without its
   key; -EKEYREJECTED the key is not the store's, or credential and file differ; -ENOTEMPTY no
   store, but other files; -EINVAL a key file that is not 32 bytes or is readable by others; -EIO ….
 */
int hostkey_load(const char *dir, const char *credentials_dir, int64_t now, struct keyhash **ret,
                 const char **ret_why);

/* ---- while no daemon runs, under the directory's lock ---- */

/* The key as hostkey_load() finds it, without a store and without making anything: -ENOKEY where
   there is none. *ret_in_file: there is a key file, and not only a credential. */
int hostkey_read(const char *dir, const char *credentials_dir, struct keyhash **ret,
                 bool *ret_in_file, const char **ret_why);
/* The 32 bytes of what fd is open on, the caller's to wipe. -EINVAL: it is not just these. */
int hostkey_read_file(int fd, uint8_t ret[static KEYHASH_KEY_LEN]);
/* Makes the file key.next, synced; an earlier one is replaced. */
int hostkey_write_next(const char *dir, const uint8_t key[static KEYHASH_KEY_LEN]);
/* Makes key.next the key. Where this is interrupted the next hostkey_load() does it. */
int hostkey_take_next(const char *dir);
