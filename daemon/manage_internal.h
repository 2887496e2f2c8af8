/*
 * What the files of the management verbs share: the request in hand, the reasons of refusals, and
 * the steps that every verb is made of (find, refuse, answer, walk a list). Nothing outside
 * daemon/manage*.c and its tests includes this.
 */
#pragma once

#include "common/cleanup.h"
#include "daemon/access.h"
#include "daemon/manage.h"

/* Why a verb was refused. Each has a word for scripts that never changes (WIRE_F_REASON, `--json`),
   and a sentence (WIRE_F_MESSAGE) that says what was wrong, what is accepted, and what to type. */
enum manage_reason {
        MANAGE_NOT_ALLOWED = 1, /* not-allowed: "only root may …", "only an admin of ORG may …" */
        MANAGE_NOT_FOUND, /* not-found: "there is no X … that you may see": absent or not yours */
        MANAGE_NO_NAME,   /* no-name: "your uid N has no login name on this host" */
        MANAGE_UID_MISMATCH, /* uid-mismatch: "… until root says orgtoken user reassign NAME" */
        MANAGE_SUSPENDED,    /* suspended: the caller, or the user or org that is named */
        MANAGE_BAD_REQUEST,  /* bad-request: not a request that this daemon understands */
        MANAGE_BAD_ORG,      /* bad-org: "… is no organisation name: …" with the rule */
        MANAGE_BAD_USER,     /* bad-user: the same of a user */
        MANAGE_BAD_ACCOUNT,  /* bad-account: the same of an account */
        MANAGE_BAD_SERVICE,  /* bad-service: the same of a PAM service */
        MANAGE_BAD_SOURCE,   /* bad-source: the same of a source network */
        MANAGE_BAD_NAME,     /* bad-name: the same of a token's name */
        MANAGE_BAD_ROLE,     /* bad-role: "a role is member or admin" */
        MANAGE_BAD_KEY_ID,   /* bad-key-id: "… is no key id: …" */
        MANAGE_BAD_EXPIRY,   /* bad-expiry: after the year 9999, or two ends at once */
        MANAGE_BAD_OVERLAP,  /* bad-overlap: "an overlap is 0s to 90d" */
        MANAGE_BAD_FILTER,   /* bad-filter: a list's filter that is out of range */
        MANAGE_BAD_POLICY,   /* bad-policy: a policy's value that is out of range */
        MANAGE_BAD_PATH,     /* bad-path: a backup cannot be written there */
        MANAGE_EXPIRED_ALREADY, /* expired-already: the end asked for is not in the future */
        MANAGE_EXISTS,          /* exists: "there is … already" */
        MANAGE_AMBIGUOUS,     /* ambiguous: "… means more than one token: give more characters" */
        MANAGE_REVOKED,       /* revoked: "KEY_ID was revoked on DATE (reason)" */
        MANAGE_ROTATED,       /* rotated: "KEY_ID was rotated already, … successor is KEY_ID" */
        MANAGE_WRONG_KIND,    /* wrong-kind: a PAT where a key is meant, or the reverse */
        MANAGE_NOT_RENAMABLE, /* not-renamable: "organisation keys cannot be renamed" */
        MANAGE_POLICY,        /* policy: "… allows at most 30d: give --expires 30d or less" */
        MANAGE_SELF_SERVICE_OFF, /* self-service-off: "only root makes tokens on this host" */
        MANAGE_LAST_ADMIN,       /* last-admin: "… is the last admin of …" */
        MANAGE_ACCOUNTS_BOUND,   /* accounts-bound: "… unbind them first" */
        MANAGE_STILL_BOUND,      /* still-bound: an account that is to be released */
        MANAGE_IS_ACCOUNT,       /* is-account: "… is an organisation's account, nobody's user" */
        MANAGE_IS_USER,          /* is-user: the reverse */
        MANAGE_ROOT_ACCOUNT,     /* root-account: "root can never be bound" */
        MANAGE_SYSTEM_ACCOUNT,   /* system-account: uid below 1000 without --allow-system */
        MANAGE_SHARED_UID,       /* shared-uid: "the uid of … has another name too" */
        MANAGE_NO_ACCOUNT,       /* no-account: the host has no account of that name */
        MANAGE_NOTHING_TO_SET,   /* nothing-to-set: a policy verb without a policy */
        MANAGE_NOT_A_TOKEN,      /* not-a-token: what was given to `check` */
        MANAGE_NOT_DELIVERED,    /* not-delivered: the acknowledgement came too late */
        MANAGE_STORE_FULL,       /* store-full: the disk is; verification goes on */
        MANAGE_READ_ONLY,        /* read-only: the store's file system is */
        MANAGE_REASON_COUNT,
};
/* "not-allowed"; "invalid" for a number that is none. Static storage. */
const char *manage_reason_to_string(enum manage_reason reason);

/* The third result of a step, beside 0 and an errno: refused, op->reason and op->message say why.
 */
#define MANAGE_REFUSED      1
#define MANAGE_MESSAGE_SIZE 301

#define MANAGE_SCAN_MAX  20000 /* rows that one request looks at, at most */
#define MANAGE_PAGE_ROWS 256
#define MANAGE_PAGE_LEN  (48u * 1024)
#define MANAGE_BATCH     16 /* rows fetched at once: a page is longer by at most so many */
#define MANAGE_RECENT    (30 * EXPIRY_DAY) /* `whoami`: made lately */

/* What the record of a change says besides the verb; texts are copied here. */
struct manage_note {
        char org[NAME_ORG_MAX + 1];
        char user[NAME_USER_MAX + 1];
        char account[NAME_USER_MAX + 1];
        char key_id[TOKEN_KEY_ID_SIZE];
        char text[200]; /* for people, on one line */
};

struct manage_session {
        struct record_session record;
        bool is_ending;
};

struct manage_membership {
        int64_t org_id;
        enum role role;
};

/* One request while it is worked on. */
struct manage_op {
        struct manage *m;
        const struct manage_call *call;
        struct manage_reply *reply;
        struct sealed s; /* the reader sees the transaction where there is one */
        struct wire_message request;

        /* From the user database, asked before the transaction: no call out of the process while
         * one is open. */
        bool has_name;
        char name[NAME_USER_MAX + 1]; /* of the caller */
        struct manage_passwd passwd;  /* of the user or account that the verb names */

        bool is_root;
        bool has_user; /* the caller has a record as a user */
        struct record_user user;
        struct manage_membership *memberships; /* of the caller; see manage_load_memberships() */
        size_t membership_count;

        enum manage_reason reason;
        char message[MANAGE_MESSAGE_SIZE];
        bool changed;  /* something was put: there is a revision and a record of it */
        bool noted;    /* to be recorded though no revision was taken */
        unsigned rows; /* of this page, so far */
        struct manage_note note;

        /* Open sessions, by token; see manage_sessions.c. */
        struct manage_session *sessions;
        size_t session_count;
        bool has_sessions; /* they were looked up */
};

/* ---- refusing and recording: manage_refuse.c ---- */

/* Refuses: sets reason and message and gives MANAGE_REFUSED. Foreign texts pass manage_safe()
 * first. */
int manage_refuse(struct manage_op *op, enum manage_reason reason, const char *format, ...)
        _format_(3, 4);
#define MANAGE_SAFE_SIZE 72
/* A foreign text for a message, as logsafe makes it, cut to fit. Returns buf. */
const char *manage_safe(struct view text, char buf[static MANAGE_SAFE_SIZE]);
/* A user's or account's name: as name_is_user(), and no token. One that was pasted at the wrong
   prompt fits the rule of names, and would then stand in the store and in every list. */
bool manage_is_user_name(struct view name);
/* "30d", "36h", "90s": a life as one types it. */
#define MANAGE_LIFE_SIZE 24
const char *manage_life(int64_t seconds, char buf[static MANAGE_LIFE_SIZE]);

/* The records (orgtokend(8), JOURNAL): a change that was made, a refusal, a store that failed. */
void manage_audit_change(const struct manage_op *op);
void manage_audit_refusal(const struct manage_op *op);
void manage_audit_failure(const struct manage_op *op, int error);

/* ---- packets: manage_reply.c ---- */

void manage_reply_init(struct manage_reply *r);
/* Appends one packet. 0, -ENOMEM, or wire_encode()'s errors. */
int manage_reply_add(struct manage_reply *r, const struct wire_message *m);
/* An answer to the request in hand. */
void manage_answer(const struct manage_op *op, uint32_t magic, struct wire_message *ret);
/* As wire_put_text(), and leaves an empty text out. */
void manage_put(struct wire_message *m, enum wire_field field, const char *text);
/* The answer without fields. */
int manage_done(struct manage_op *op, uint32_t magic);
/* Appends one row of a list. */
int manage_row(struct manage_op *op, const struct wire_message *m);
/* Adds what came of ending sessions to an answer that is one DONE. message may be "". 0, -EINVAL
   for another answer, or wire_encode()'s errors, and then the answer is as it was. */
int manage_amend_sessions(struct manage_op *op, int64_t ended, int64_t left, const char *message);
/* DONE with one number. */
int manage_done_count(struct manage_op *op, int64_t count);

/* ---- lists: manage_walk.c ---- */

/* Rows fetched in one go, so that no look-up happens in the middle of a walk. */
struct manage_batch {
        size_t item_size;
        size_t count;
        unsigned char *items;
};
/* What the visitors of a list call. */
int manage_batch_add(struct manage_batch *batch, const void *item);

struct manage_list {
        size_t item_size;
        /* One store_list_*() call that fills the batch; its result. */
        int (*fetch)(struct manage_op *op, const struct manage_list *list,
                     struct store_cursor *cursor, struct manage_batch *batch);
        /* What is done with a row: 0, or an errno, which ends the walk. */
        int (*take)(struct manage_op *op, const struct manage_list *list, const void *item);
        int64_t owner; /* whose rows */
        enum token_kind kind;
        void *context;
};
/* Takes every row of a list. */
int manage_walk(struct manage_op *op, const struct manage_list *list);
/* Takes the rows of one page, from the call's cursor on; ends the answer with END, or marks it as
   one that goes on. A page may hold no row at all where a filter let none through. */
int manage_page(struct manage_op *op, const struct manage_list *list);
/* fetch for tokens (kind, owner), members and accounts (owner is the org). */
int manage_fetch_tokens(struct manage_op *op, const struct manage_list *list,
                        struct store_cursor *cursor, struct manage_batch *batch);
int manage_fetch_members(struct manage_op *op, const struct manage_list *list,
                         struct store_cursor *cursor, struct manage_batch *batch);
int manage_fetch_accounts(struct manage_op *op, const struct manage_list *list,
                          struct store_cursor *cursor, struct manage_batch *batch);
/* fetch for all orgs. */
int manage_fetch_orgs(struct manage_op *op, const struct manage_list *list,
                      struct store_cursor *cursor, struct manage_batch *batch);
/* fetch for memberships (owner is the user). */
int manage_fetch_memberships(struct manage_op *op, const struct manage_list *list,
                             struct store_cursor *cursor, struct manage_batch *batch);
/* How many memberships a user has, how many bindings an org has. */
int manage_count_memberships(struct manage_op *op, int64_t user_id, int64_t *ret);
int manage_count_accounts(struct manage_op *op, int64_t org_id, int64_t *ret);

/* ---- finding: manage_find.c. 0, MANAGE_REFUSED, or an errno ---- */

/* Who is calling: the caller's record, and whether it may act. Outside any transaction. */
int manage_identify(struct manage_op *op);
/* What the caller is to an org: bits of enum access_role. */
int manage_roles(struct manage_op *op, int64_t org_id, unsigned *ret);
/* The org of WIRE_F_ORG, where the caller may do this verb to it. */
int manage_find_org(struct manage_op *op, struct record_org *ret);
/* The user of WIRE_F_USER. For verbs of root, and of those who know the name anyway. */
int manage_find_user(struct manage_op *op, struct record_user *ret);
/* The user of that name, made where there is none yet; refused where it is an account, suspended,
   or somebody else's name now. In a transaction. */
int manage_make_user(struct manage_op *op, struct view name, const struct manage_passwd *passwd,
                     struct record_user *ret);
/* Refuses where an org is suspended and the caller is not root. */
int manage_check_org_is_active(struct manage_op *op, const struct record_org *org);
/* Fills op->memberships, once. */
int manage_load_memberships(struct manage_op *op);
/* The role there; ROLE_NONE. After manage_load_memberships(). */
enum role manage_role_in(const struct manage_op *op, int64_t org_id);
/* The one token that WIRE_F_KEY_ID means among those that the caller may see. kind 0: either. */
int manage_find_token(struct manage_op *op, enum token_kind kind, struct record_token *ret);
/* The kind that WIRE_F_KEY_ID names by its prefix. */
int manage_key_id_kind(struct manage_op *op, enum token_kind *ret);
/* The key id of a token, as long as it takes to be unique. */
int manage_key_id(struct manage_op *op, enum token_kind kind, int64_t id,
                  char ret[static TOKEN_KEY_ID_SIZE]);

/* ---- policies: manage_policy.c ---- */

/* Overwrites what the request names. Refused: out of range, or nothing named. */
int manage_read_policy(struct manage_op *op, struct policy *policy);
void manage_put_policy(struct wire_message *m, const struct policy *policy);
/* May the caller make tokens by themselves? */
int manage_check_self_service(struct manage_op *op, const struct policy *host);
/* May a token live so long? whose is "acme" or "this host". */
int manage_check_life(struct manage_op *op, const struct policy *policy, const char *whose,
                      int64_t expires_at);

/* ---- sessions: manage_sessions.c ---- */

/* Is this a revocation that ends sessions, whatever the policies? */
bool manage_ends_sessions(const struct manage_op *op);
/* A token that this request means: where it ends sessions, those of the token will be. */
int manage_mark_sessions(struct manage_op *op, int64_t token_id);
/* After the commit: ends what was marked, and what the change has taken the ground from where the
   policy of its org says so. The answer in the reply gets the numbers. Never fails: the change was
   made, and what could not be ended is said in the answer. */
void manage_end_sessions(struct manage_op *op);

/* ---- tokens ---- */

/* Whether one of the two ends of a token has come: refused `revoked` with the date. manage_token.c
 */
int manage_check_not_revoked(struct manage_op *op, const struct record_token *token);
/* Makes the token (id and secret; the rest of it is set) and answers with it. manage_token.c */
int manage_mint(struct manage_op *op, struct record_token *token, const char *replaces);
/* The owner's side of a creation: suspended, is an account, self-service, policies. manage_token.c
 */
int manage_check_creation(struct manage_op *op, const struct record_org *org, int64_t expires_at);
/* Limits as the request's lists say, refused bad-service, bad-source or bad-account. manage_token.c
 */
int manage_read_limits(struct manage_op *op, struct record_limits *ret);
/* Revokes, and remembers that rights have changed. manage_revoke.c */
int manage_revoke(struct manage_op *op, struct record_token *token, const char *reason);
/* What a sweep does: revokes all of an owner (0: of everybody) that are not revoked yet, expired
 * ones too. */
struct manage_sweep {
        enum token_kind kind;
        int64_t owner;
        int64_t used_since; /* 0: whenever */
        bool dry_run;
        const char *reason;
        int64_t count; /* how many it did, or would do */
};
int manage_sweep(struct manage_op *op, struct manage_sweep *sweep);

/* One token as a row's fields, and the storage of their texts. manage_token_list.c */
struct manage_token_row {
        struct wire_message message;
        char key_id[TOKEN_KEY_ID_SIZE];
        char successor[TOKEN_KEY_ID_SIZE];
        char reason[RECORD_REASON_MAX + 1];
        char user[NAME_USER_MAX + 1];
        struct record_last_use last_use;
        enum wire_state state;
        int64_t end;
};
int manage_token_row(struct manage_op *op, const struct record_token *token,
                     struct manage_token_row *ret);

/* ---- the verbs ---- */

int manage_status(struct manage_op *op);
int manage_whoami(struct manage_op *op);
int manage_check(struct manage_op *op);
int manage_org_create(struct manage_op *op);
int manage_org_list(struct manage_op *op);
int manage_org_show(struct manage_op *op);
int manage_org_delete(struct manage_op *op);
int manage_org_set(struct manage_op *op);
int manage_org_suspend(struct manage_op *op);
int manage_org_resume(struct manage_op *op);
int manage_user_list(struct manage_op *op);
int manage_user_suspend(struct manage_op *op);
int manage_user_resume(struct manage_op *op);
int manage_user_reassign(struct manage_op *op);
int manage_user_remove(struct manage_op *op);
int manage_member_add(struct manage_op *op);
int manage_member_set(struct manage_op *op);
int manage_member_remove(struct manage_op *op);
int manage_member_list(struct manage_op *op);
int manage_account_bind(struct manage_op *op);
int manage_account_unbind(struct manage_op *op);
int manage_account_release(struct manage_op *op);
int manage_account_list(struct manage_op *op);
int manage_guarded_list(struct manage_op *op);
int manage_key_create(struct manage_op *op);
int manage_key_list(struct manage_op *op);
int manage_pat_create(struct manage_op *op);
int manage_pat_list(struct manage_op *op);
int manage_pat_rename(struct manage_op *op);
int manage_token_revoke(struct manage_op *op);
int manage_rotate(struct manage_op *op);
int manage_revoke_all(struct manage_op *op);
int manage_revoke_token(struct manage_op *op);
int manage_host_show(struct manage_op *op);
int manage_host_set(struct manage_op *op);
int manage_clock_reset(struct manage_op *op);
int manage_backup(struct manage_op *op);
int manage_notify(struct manage_op *op);
