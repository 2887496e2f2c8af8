/*
 * The store's two interfaces, small enough for a second engine. Reading: look-ups, lists, and how
 * fresh they are; each thread has a reader of its own and verification uses nothing else. Writing:
 * one writer, on a connection of its own, whose transactions each take the next revision and list
 * the rows they touched; it lives on the worker's thread (worker.h), so that an fsync never stalls
 * a verification. Checks no MAC and knows no key: see sealed.h. An engine is a set of files that
 * implement this header.
 *
 * Every function answers 0 or a negative errno: -ENOENT no such row; -EIO the disk; -EUCLEAN the
 * store is corrupt or not ours; -ENOSPC; -EROFS; -EBUSY; -EEXIST a unique value is taken; -ENOMEM.
 * Outputs are written only on success.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/view.h"
#include "daemon/record.h"

struct store_reader;
struct store_writer;

#define STORE_FILE "orgtoken.db"
/* How the names of files begin that a first start makes and renames at its end. */
#define STORE_TEMPORARY ".new-"

/* Makes a new, empty store at DIR/STORE_FILE: built under a temporary name, synced, renamed into
   place last. -EEXIST where one is there. fingerprint is the host key's. */
int store_create(const char *dir, int64_t fingerprint, int64_t now);

/* Opens for reading, or for writing. Refuses links, other files, other applications' databases
   (-EUCLEAN), and newer versions (-EPROTONOSUPPORT). The writer migrates older versions, one
   transaction each. Never creates anything. */
int store_reader_open(const char *dir, struct store_reader **ret);
struct store_reader *store_reader_close(struct store_reader *r);
int store_writer_open(const char *dir, struct store_writer **ret);
struct store_writer *store_writer_close(struct store_writer *w);

/* Quick integrity check of the whole store. 0 or -EUCLEAN. */
int store_integrity(struct store_reader *r);
/* All that can be checked without a key: pages, indexes, constraints, references; that the tables
   have their triggers, and no others; that the changes have no gap. Takes its time. A writer's
   reader checks most. 0 or -EUCLEAN. */
int store_check(struct store_reader *r);

/* One consistent state for all look-ups between the two; nesting is an error. Look-ups outside are
   each consistent by themselves. */
int store_read_begin(struct store_reader *r);
void store_read_end(struct store_reader *r);

/* A number for the state that store_read_begin() chose: of all readers in this process, and at any
   time, only the same state has the same number. 0: it cannot be told, because no such pair is
   open, or because this reader belongs to a writer, which changes what it reads. */
int64_t store_state(struct store_reader *r);

struct store_freshness {
        int64_t revision;    /* of the last change it contains */
        int64_t fingerprint; /* of the host key the store belongs to */
        bool authoritative;  /* this store is the truth itself, not a copy */
};
int store_freshness(struct store_reader *r, struct store_freshness *ret);

/* Look-ups by key. Deleted orgs and removed users are found by id only. */
int store_find_org(struct store_reader *r, int64_t id, struct record_org *ret);
int store_find_org_by_name(struct store_reader *r, struct view name, struct record_org *ret);
int store_find_user(struct store_reader *r, int64_t id, struct record_user *ret);
int store_find_user_by_name(struct store_reader *r, struct view name, struct record_user *ret);
int store_find_member(struct store_reader *r, int64_t org_id, int64_t user_id,
                      struct record_member *ret);
int store_find_token(struct store_reader *r, int64_t id, struct record_token *ret);
int store_find_account(struct store_reader *r, struct view name, int64_t org_id,
                       struct record_account *ret);
int store_find_guarded(struct store_reader *r, struct view name, struct record_guarded *ret);
int store_find_host_policy(struct store_reader *r, struct policy *ret,
                           uint8_t ret_mac[static RECORD_MAC_LEN]);
/* A token never used answers 0 with at == 0. */
int store_find_last_use(struct store_reader *r, int64_t token_id, struct record_last_use *ret);
/* The stored clock mark and its MAC; 0 where there is none yet (mark 0). */
int store_find_clock_mark(struct store_reader *r, int64_t *ret,
                          uint8_t ret_mac[static RECORD_MAC_LEN]);

/* When tokens about to end were last told of; 0: never yet. */
int store_find_notified(struct store_reader *r, int64_t *ret);

/* Tokens that were made and not acknowledged. */
typedef int (*store_id_visitor)(void *context, int64_t id);
int store_list_undelivered(struct store_reader *r, store_id_visitor visit, void *context);

/* The last ids given to an org and to a user, the deleted ones included. */
int store_last_ids(struct store_reader *r, int64_t *ret_org, int64_t *ret_user);

/* How many characters of this id a key id must show (6 to 10) to be unique in the store. */
int store_key_id_length(struct store_reader *r, int64_t id, unsigned *ret);

/* Visitors: called once a row; a return other than 0 ends the walk and is returned. */
typedef int (*store_org_visitor)(void *context, const struct record_org *org);
typedef int (*store_user_visitor)(void *context, const struct record_user *user);
typedef int (*store_member_visitor)(void *context, const struct record_member *member);
typedef int (*store_account_visitor)(void *context, const struct record_account *account);
typedef int (*store_guarded_visitor)(void *context, const struct record_guarded *guarded);
typedef int (*store_token_visitor)(void *context, const struct record_token *token);
typedef int (*store_grant_visitor)(void *context, const struct record_grant *grant);
typedef int (*store_session_visitor)(void *context, const struct record_session *session);

/* Where a list goes on. Zeroed: at its start. */
struct store_cursor {
        int64_t made; /* of the last row visited */
        int64_t id;
        char name[NAME_USER_MAX + 1];
        bool started;
};

/* Lists, in the order in which the rows were made (what is guarded: by name). Each visits at most
   max rows behind the cursor and moves it. 0: that was the end; 1: there may be more. */
int store_list_orgs(struct store_reader *r, struct store_cursor *cursor, unsigned max,
                    store_org_visitor visit, void *context);
int store_list_users(struct store_reader *r, struct store_cursor *cursor, unsigned max,
                     store_user_visitor visit, void *context);
int store_list_members(struct store_reader *r, int64_t org_id, struct store_cursor *cursor,
                       unsigned max, store_member_visitor visit, void *context);
int store_list_memberships(struct store_reader *r, int64_t user_id, struct store_cursor *cursor,
                           unsigned max, store_member_visitor visit, void *context);
/* All bindings; org_id 0: of every org. */
int store_list_accounts(struct store_reader *r, int64_t org_id, struct store_cursor *cursor,
                        unsigned max, store_account_visitor visit, void *context);
/* All bindings of one account name. */
int store_list_bindings(struct store_reader *r, struct view name, store_account_visitor visit,
                        void *context);
int store_list_guarded(struct store_reader *r, struct store_cursor *cursor, unsigned max,
                       store_guarded_visitor visit, void *context);
/* Tokens of one owner, or (owner 0) of every owner of that kind. */
int store_list_tokens(struct store_reader *r, enum token_kind kind, int64_t owner,
                      struct store_cursor *cursor, unsigned max, store_token_visitor visit,
                      void *context);
/* Tokens of that kind with first <= id <= last, in the order of their ids. */
int store_list_token_range(struct store_reader *r, enum token_kind kind, int64_t first,
                           int64_t last, store_token_visitor visit, void *context);
int store_list_grants(struct store_reader *r, store_grant_visitor visit, void *context);
/* Oldest first. */
int store_list_sessions(struct store_reader *r, store_session_visitor visit, void *context);
int store_count_sessions(struct store_reader *r, int64_t *ret);

/* Numbers for `status`. now decides what is live. */
struct store_counts {
        int64_t orgs, users, members, accounts;
        int64_t tokens[3][4]; /* [enum token_kind][enum wire_state] */
        int64_t bytes;        /* size of the store's files */
};
int store_count(struct store_reader *r, int64_t now, struct store_counts *ret);
int store_count_members(struct store_reader *r, int64_t org_id, int64_t *ret_all,
                        int64_t *ret_admins);
int store_count_tokens(struct store_reader *r, enum token_kind kind, int64_t owner, int64_t now,
                       int64_t *ret_live);

/* ---- writing ---- */

/* A transaction that changes state; everything below happens inside one. Commit is durable when it
   returns and gives the revision that it took; a transaction that put nothing takes none and gives
   the current. Roll back is fine after a failed commit, and without a transaction. */
int store_write_begin(struct store_writer *w);
int store_write_commit(struct store_writer *w, int64_t *ret_revision);
void store_write_rollback(struct store_writer *w);
/* The same for what nobody is told of as done: its commit does not wait for the disk, and the next
   one that does takes it along. */
int store_write_begin_unsynced(struct store_writer *w);
/* A reader on the writer's own connection: sees the open transaction. Owned by the writer. */
struct store_reader *store_writer_reader(struct store_writer *w);

/* Insert or replace by key. id 0 in an org or user: the next id, never one used before, set in the
   record by store_next_*_id() first, because it goes into the row's MAC. -EEXIST: the name is taken
   by another. */
int store_next_org_id(struct store_writer *w, int64_t *ret);
int store_next_user_id(struct store_writer *w, int64_t *ret);
int store_put_org(struct store_writer *w, const struct record_org *org);
int store_put_user(struct store_writer *w, const struct record_user *user);
int store_put_member(struct store_writer *w, const struct record_member *member);
int store_delete_member(struct store_writer *w, int64_t org_id, int64_t user_id);
int store_put_account(struct store_writer *w, const struct record_account *account);
int store_delete_account(struct store_writer *w, struct view name, int64_t org_id);
int store_put_guarded(struct store_writer *w, const struct record_guarded *guarded);
int store_delete_guarded(struct store_writer *w, struct view name);
int store_put_host_policy(struct store_writer *w, const struct policy *policy,
                          const uint8_t mac[static RECORD_MAC_LEN]);
/* Inserts; -EEXIST where the id exists or ever existed. */
int store_insert_token(struct store_writer *w, const struct record_token *token);
/* Updates what may change: name, proof, mac, ends_at, end_mac, revoked_at, end_reason, successor.
   The store itself refuses to undo a revocation or lengthen an earlier end (-EPERM). */
int store_update_token(struct store_writer *w, const struct record_token *token);

/* Local facts: outside the revisions and the change table. Each is allowed inside the transactions
   above or one that store_local_begin() opened, which is not synced to the disk for itself. */
int store_local_begin(struct store_writer *w);
int store_local_commit(struct store_writer *w);
int store_put_last_use(struct store_writer *w, const struct record_last_use *use);
int store_put_clock_mark(struct store_writer *w, int64_t mark,
                         const uint8_t mac[static RECORD_MAC_LEN]);
int store_put_notified(struct store_writer *w, int64_t at);
int store_put_undelivered(struct store_writer *w, int64_t token_id);
int store_delete_undelivered(struct store_writer *w, int64_t token_id);
int store_put_grant(struct store_writer *w, const struct record_grant *grant);
int store_delete_grant(struct store_writer *w, const struct record_grant *grant);
/* By leader and logind's id. The oldest beyond max are forgotten. */
int store_put_session(struct store_writer *w, const struct record_session *session, int64_t max);
/* -ENOENT where there is none of that id, leader and account. */
int store_delete_session(struct store_writer *w, const struct record_session *session);
int store_delete_grants(struct store_writer *w);

/* A transaction that brings the rows under another host key, and the store with them. In it, and in
   no other, store_remake_token() may change the key that a token's mac was made with. */
int store_remake_begin(struct store_writer *w, int64_t fingerprint);
int store_remake_token(struct store_writer *w, const struct record_token *token);

/* What changed after a revision, oldest first: for a copy of the store. kind is one of 'o' org, 'u'
   user, 'm' member, 'a' account, 'g' guarded, 't' token, 'p' policy; key is that row's key as text
   ("12", "3/17", "acme-deploy/3"). */
typedef int (*store_change_visitor)(void *context, int64_t revision, char kind, struct view key);
int store_list_changes(struct store_reader *r, int64_t after, unsigned max,
                       store_change_visitor visit, void *context);

/* Copies the store, as of one moment, to a new file (0600; -EEXIST where it is there). Runs in
   steps beside other readers. Gives the revision that the copy holds. */
int store_backup(struct store_reader *r, const char *path, int64_t *ret_revision);

/* ---- one store in the place of another, while no daemon has it open ---- */

/* How the name begins of a file that will be the store. Not STORE_TEMPORARY: a first start takes
   that for its own. */
#define STORE_STAGED ".restore-"

/* Copies what fd is open on, a regular file, to a file of its own beside the store (0600). -EUCLEAN
   where it is none, or too short for a store. What an interrupted call left is replaced. */
int store_stage(const char *dir, int fd);
/* Opens that file as store_writer_open() opens the store. */
int store_staged_open(const char *dir, struct store_writer **ret);
/* Puts it, closed by everybody, into the store's place, which it takes whole or not at all. What
   was there, damaged or not, stays beside it as STORE_FILE with `aside` behind the name, and what
   lay beside that likewise. -EEXIST where that name is taken. Where it was interrupted there may be
   no store, but never a mixture; what was there has then its new name already. */
int store_install(const char *dir, const char *aside);
/* Plays the log of the store in place into its file, so that nothing is left beside it. */
int store_settle(const char *dir);
/* Removes what store_stage() made, and all traces of it. */
void store_unstage(const char *dir);
