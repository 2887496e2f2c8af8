/*
 * Reading and writing rows under their seals. Every row that grants something carries an HMAC over
 * its table, key and columns; look-ups here give only rows whose seal holds, and puts seal the row
 * first. The rules (verify, resolve, manage) use this and never the store's own look-ups for rows
 * that grant.
 *
 * Errors are the store's; a seal that does not hold is -EBADMSG, which every caller answers as
 * "unavailable" and logs: somebody wrote the store behind the daemon's back, or the disk did.
 */
#pragma once

#include "daemon/keyhash.h"
#include "daemon/rowcache.h"
#include "daemon/store.h"

/* The seals computed last, so that the rows which every login asks for (its org, its account) cost
   a comparison of bytes and not a hash. It knows what a seal must be, never that a row is good:
   that is compared each time. For one key and one thread. */
struct seal_memo;
int seal_memo_new(struct seal_memo **ret);
struct seal_memo *seal_memo_free(struct seal_memo *m);

/* A reader with the key; borrowed both. Cheap to make on the stack. */
struct sealed {
        struct store_reader *reader;
        struct store_writer *writer; /* NULL: read only */
        const struct keyhash *key;
        int64_t fingerprint;
        struct seal_memo *memo; /* NULL: every seal is computed */
        struct rowcache *rows;  /* NULL: every row is read */
};

/* What was found before in the state of the store that is being read, or is kept for it. A row of
   this kind is a struct that is kept whole. */
bool sealed_is_kept(const struct sealed *s, const struct rowcache_key *key, void *ret, size_t size);
void sealed_keep(const struct sealed *s, const struct rowcache_key *key, const void *row,
                 size_t size);

int sealed_find_org(const struct sealed *s, int64_t id, struct record_org *ret);
int sealed_find_org_by_name(const struct sealed *s, struct view name, struct record_org *ret);
int sealed_find_user(const struct sealed *s, int64_t id, struct record_user *ret);
int sealed_find_user_by_name(const struct sealed *s, struct view name, struct record_user *ret);
int sealed_find_member(const struct sealed *s, int64_t org_id, int64_t user_id,
                       struct record_member *ret);
int sealed_find_account(const struct sealed *s, struct view name, int64_t org_id,
                        struct record_account *ret);
int sealed_find_guarded(const struct sealed *s, struct view name, struct record_guarded *ret);
int sealed_find_host_policy(const struct sealed *s, struct policy *ret);
int sealed_find_clock_mark(const struct sealed *s, int64_t *ret);
/* Is a visited row's seal good? For lists. 0 or -EBADMSG. */
int sealed_check_account(const struct sealed *s, const struct record_account *account);
int sealed_check_member(const struct sealed *s, const struct record_member *member);

/* A token's row as it stands, and how many characters of its id are unique (store.h). Unlike the
   rows above it is judged by whoever finds it, below. For a token that was judged before: one that
   is presented is looked up in the store itself each time, so that the time tells nothing of who
   was here lately. */
int sealed_find_token(const struct sealed *s, int64_t id, struct record_token *ret);
int sealed_key_id_length(const struct sealed *s, int64_t id, unsigned *ret);

/* What the right secret of this row makes of it. A token row's seal is the mac over its proof, so
   it can be judged only with the secret in hand. */
enum sealed_token_state {
        SEALED_WRONG = 1, /* not the secret, or a claim was edited */
        SEALED_LIVE,
        SEALED_REVOKED,
};
/* Recomputes proof and mac from the secret presented and the row's claims; constant time in the
   secret. -EBADMSG: the row's earlier end carries a bad seal, or it was made with another host key.
 */
int sealed_judge_token(const struct sealed *s, const struct record_token *token, struct view secret,
                       enum sealed_token_state *ret);
/* The same without the secret, for a token that was judged before (a ticket, a grant): the mac is
   checked against the stored proof. */
int sealed_judge_stored(const struct sealed *s, const struct record_token *token,
                        enum sealed_token_state *ret);

/* Sealed writing; errors as the store's puts. The records' mac fields are filled in. */
int sealed_put_org(const struct sealed *s, struct record_org *org);
int sealed_put_user(const struct sealed *s, struct record_user *user);
int sealed_put_member(const struct sealed *s, struct record_member *member);
int sealed_put_account(const struct sealed *s, struct record_account *account);
int sealed_put_guarded(const struct sealed *s, struct record_guarded *guarded);
int sealed_put_host_policy(const struct sealed *s, const struct policy *policy);
int sealed_put_clock_mark(const struct sealed *s, int64_t mark);
/* Fills proof, mac and fingerprint from the claims and the 49 characters of the secret, and
 * inserts. */
int sealed_insert_token(const struct sealed *s, struct record_token *token, struct view secret);
/* Revokes: erases the proof, turns the mac, writes time and reason. 0 also where it was revoked
   before (nothing changes then). */
int sealed_revoke_token(const struct sealed *s, struct record_token *token, int64_t now,
                        const char *reason);
/* Sets an earlier end; only ever shortens. */
int sealed_end_token(const struct sealed *s, struct record_token *token, int64_t ends_at,
                     const char *reason, int64_t successor);

/* Brings a token's row under another key, where its seal under the first one holds: mac, end_mac
   and fingerprint become those of `to`; nothing is written. A live token's new mac is computed from
   its proof, so that its secret works as before. Of a revoked one nothing is left to compute from:
   its mac becomes a hash of the old one, which no secret leads to, so that its secret reads
   "unknown" from then on. -EBADMSG: the seal does not hold, and must not be mended. */
int sealed_remake_token(const struct sealed *from, const struct sealed *to,
                        struct record_token *token);
