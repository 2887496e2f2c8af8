/*
 * Between SQLite and the disk, for tests: a file layer that lets the n-th operation fail, and one
 * that remembers what was written and synced, so that a loss of power can be played at any moment.
 * Stands before the real one as the default of the process, so that the product's own code runs
 * through it. One thread. Test code only: what fails here ends the test program.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every connection that is opened from here on goes through it, until it is removed. */
void fault_vfs_install(void);
void fault_vfs_remove(void);

/* ---- failing ---- */

/* Which operations count, and may fail. */
enum {
        FAULT_READS = 1,
        FAULT_WRITES = 2, /* truncations, deletions and new files too */
        FAULT_SYNCS = 4,
        FAULT_LOCKS = 8, /* files opened and locked, and the shared memory of the log */
        FAULT_ALL = 15,
};
enum fault_kind {
        FAULT_EIO = 1,
        FAULT_FULL, /* no space left */
        FAULT_TORN, /* a write is half done before it fails; anything else fails at once */
};

/* The n-th of these operations (from 1) fails, and for_ever each after it. n 0: none. Forgets how
   many there were. */
void fault_vfs_fail(unsigned operations, enum fault_kind kind, unsigned n, bool for_ever);
/* How many have failed since. */
unsigned fault_vfs_failed(void);

/* ---- losing power ---- */

/* From here on: what is in the directory is on the disk, and every operation on a file in it is
   remembered. Begin before the files are opened. */
void fault_vfs_record(const char *dir);
/* Operations so far: a crash may come behind each of them. */
size_t fault_vfs_recorded(void);
/* Which kind the operation behind which that crash comes is: 'w'rite, 's'ync, 't'runcate, 'd'elete;
   and whether on the main file. */
char fault_vfs_operation(size_t at, bool *ret_main);
/* Writes into an empty directory what the disk may hold where the power is lost behind `at`
   operations: all that was synced, and of the rest some, none, or parts, as seed decides: in any
   order, torn within a write, replaced by rubbish. */
void fault_vfs_crash(size_t at, uint64_t seed, const char *dir);
/* Records another directory meanwhile, and then goes back to the first, which must not change in
   between: for a crash during the recovery from a crash. */
void fault_vfs_record_again(const char *dir);
void fault_vfs_record_back(void);
/* Forgets all of it. */
void fault_vfs_record_end(void);
