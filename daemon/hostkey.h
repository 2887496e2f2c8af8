/*
 * Where the host key comes from and what a first start is (DESIGN: "Host key"). Owns the state
 * directory: its lock, its key file, and the one moment in which key and store are made. Makes
 * nothing beside what is already there.
 */
#pragma once

#include "daemon/keyhash.h"

#define HOSTKEY_FILE       "key"
#define HOSTKEY_CREDENTIAL "orgtoken.key"

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
