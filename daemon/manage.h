/*
 * The management verbs: what each does to the store, for whom. Runs on the worker's thread, one
 * request at a time, in one transaction each; the user database is asked before the transaction
 * opens. Never talks to a socket: it fills a reply that the peer sends. Synchronous, with time,
 * randomness and the user database passed in, so that a test can drive it in one process.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/wire.h"
#include "daemon/sealed.h"
#include "daemon/session.h"
#include "daemon/verify.h"

/* What the system's user database says of a name. */
struct manage_passwd {
        bool exists;
        int64_t uid;        /* -1 where it does not exist */
        bool uid_is_shared; /* another name has the same uid */
};

/* What the worker is given, borrowed for its whole life. */
struct manage {
        struct sealed sealed; /* with a writer */
        void *context;
        /* Login name of a uid: 0, -ENOENT, or another errno where the database failed. */
        int (*user_by_uid)(void *context, int64_t uid, char ret[static NAME_USER_MAX + 1]);
        int (*user_by_name)(void *context, const char *name, struct manage_passwd *ret);
        /* Uniform random characters of the token alphabet. */
        void (*random_text)(void *context, char *ret, size_t len);
        int64_t private_uid; /* the uid that counts as root besides 0; -1: none */
        /* Looks at a session, or ends it: session_ask(). */
        int (*ask_session)(const char *socket, const struct record_session *session, bool end,
                           enum session_fate *ret);
        const char *session_socket;
        unsigned sessions_kept; /* so far */
};

/* Uses that are not in the store yet, by ascending token. */
struct manage_use {
        int64_t token_id;
        int64_t at;
};

struct manage_uses {
        struct manage_use *uses;
        size_t count;
};

/* One request and its circumstances. */
struct manage_call {
        int64_t uid; /* the kernel's word; 65534 and -1 never get here */
        int64_t pid;
        int64_t now;                /* judging time: the later of clock and mark */
        int64_t clock;              /* the clock itself, what is written as "created" */
        struct view packet;         /* the request, encoded */
        struct store_cursor cursor; /* where a list goes on; zeroed at first */
        const struct manage_status *status;
        const struct manage_uses *uses; /* REVOKE_ALL by use; NULL: none wait */
};

/* Facts only the running daemon knows, for STATUS. */
struct manage_status {
        int64_t started_at;
        int64_t verdicts[16]; /* by enum verdict; [0] unavailable */
        int64_t pending_uses;
        int64_t oldest_pending_use; /* epoch; 0: none */
        int64_t connections;
        int64_t grants;
};

/* The answer: packets one behind the other, ready to send. */
struct manage_reply {
        unsigned char *bytes; /* packets, each behind a u16 length in host order */
        size_t len;
        size_t size;
        bool more; /* a list: call again with `cursor` for the next page */
        struct store_cursor cursor;
        int64_t new_token;   /* id of a created token that awaits its ACK; -1: none */
        int64_t replaced;    /* ROTATE: the old one, to be ended at the ACK; -1: none */
        int64_t replace_end; /* when it ends */
        bool kept;           /* the new token is kept already: manage_keep_together() */
        int64_t revision;    /* of the change; 0: none was made */
        bool changed_rights; /* grants must be looked at again */
        bool clock_reset;    /* the mark was reset: the clock starts anew */
};

/* Answers one request. Always fills the reply (REFUSED and UNAVAILABLE are replies); only -ENOMEM
   leaves none. The reply holds a token's bytes after *_CREATE and ROTATE: manage_reply_wipe() it.
 */
int manage_run(struct manage *m, const struct manage_call *call, struct manage_reply *ret);
void manage_reply_wipe(struct manage_reply *r);

/* Revokes what an earlier daemon made and did not hear of again before it ended. Before the first
   request is taken. 0, or an errno where it could not be done: what is left is found again. */
int manage_recover(struct manage *m, int64_t now, int64_t clock);
/* Remembers a session that was opened with a token, and ends it at once where what it stands on was
   taken away meanwhile: the change that did so did not know of it yet. */
void manage_keep_session(struct manage *m, const struct record_session *session);

/* The end of a delivery: keeps the new token (and ends the one it replaces), or revokes it. The
   reply is DONE, or REFUSED where it was too late. */
int manage_acknowledge(struct manage *m, const struct manage_call *call,
                       const struct manage_reply *created, bool accepted, struct manage_reply *ret);

/* Keeps new tokens that were accepted, all of them in one transaction, so that they wait for the
   disk once; those that replace another are left out. Sets `kept` in those that are, for
   manage_acknowledge(), which does the rest; in none where it came to nothing. */
void manage_keep_together(struct manage *m, struct manage_reply *const created[], size_t count);
