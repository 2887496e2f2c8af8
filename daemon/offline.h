/*
 * What orgtokend does to a store while no daemon runs: put a backup in its place, and bring it
 * under another host key. Runs as the daemon's user, under the lock of the state directory, and
 * tells what it did and what it could not (log.h). Neither destroys anything: a store that was
 * there stays beside the new one, and until the last step it is in its place.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct offline {
        const char *state_dir;
        const char *credentials_dir; /* NULL: none */
        int64_t caller_uid;          /* who started it, for the record */
        int64_t now;
};

struct offline_restore {
        int file;           /* the backup, open for reading */
        int key_file;       /* the host key it was made under, where that is another; -1 */
        bool accept_lost;   /* go on where revocations may be lost */
        int64_t older_than; /* go on and end all tokens made before; -1: do not */
};

/* 0; or a negative errno, told: -ESTALE where revocations may be lost and nobody said that this is
   accepted. Then the store in place is as it was. */
int offline_restore(const struct offline *o, const struct offline_restore *r);

/* Brings the store under a new key: the one that key_file is open on, or (-1) a new random one. A
   key file in the state directory is replaced with it; where the key comes from a credential only,
   a random one is left in the file key.next. 0 or a negative errno, told. Interrupted at any point
   the next start of the daemon finds store and key of one kind. */
int offline_rotate_key(const struct offline *o, int key_file);
