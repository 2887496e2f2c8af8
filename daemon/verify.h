/*
 * The decision (orgtoken(1), VERDICTS): one function over the sealed rows and the time passed in.
 * No I/O beyond the store it is handed, no log, no clock. Whoever wants to know why gives it a
 * trace.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/verdict.h"
#include "daemon/sealed.h"
#include "daemon/usage.h"

struct verify_input {
        struct view token;      /* what was typed, suffix included; unused by verify_again() */
        struct view account;    /* PAM_USER */
        struct view actor;      /* PAM_RUSER; absent, empty or equal to account: none */
        struct view service;    /* PAM service */
        struct view source;     /* numeric address; absent: unknown */
        struct view org_option; /* `org=`, or what an earlier decision resolved */
        struct view org_answer; /* the org prompt's answer */
        enum role role;         /* least role the stack asks for */
        bool bound_only;
        const struct usage *usage; /* uses that are not in the store yet; NULL: none */
};

#define VERIFY_REASON_MAX 127
/* The outcome. Only the fields that the verdict has reached are set; the rest is empty. */
struct verify_output {
        enum verdict verdict;
        char reason[VERIFY_REASON_MAX + 1]; /* for the log and `check`: which rule decided */
        int64_t token_id;                   /* -1: not known */
        enum token_kind kind;
        char key_id[TOKEN_KEY_ID_SIZE];
        int64_t org_id; /* 0: not resolved */
        char org[NAME_ORG_MAX + 1];
        char org_named_by[16];        /* "key", "suffix", "option", "account", "prompt" */
        char user[NAME_USER_MAX + 1]; /* the PAT's user */
        int64_t expires_at;           /* the effective end: expiry, earlier end, policies */
        int64_t ended_at;             /* revoked or expired at; 0 */
        char ended_reason[RECORD_REASON_MAX + 1];
        bool elevation; /* a PAT for another account than its user's own */
};

/* Collects the steps of a decision as sentences, for `check`. NULL where nobody asks. */
struct verify_trace {
        unsigned count;
        char step[WIRE_LIST_MAX][200];
        /* May the asker be told the name of this org, which they did not name themselves? Where
           not, neither sentences nor the output have it. NULL: of any. */
        bool (*may_name)(void *context, int64_t org_id);
        void *context;
};

/* Decides. 0 and *ret, whatever the verdict; a negative errno (sealed.h) where no decision can be
   made, which callers answer as "unavailable". now is the later of the clock and the mark. */
int verify_token(const struct sealed *s, const struct verify_input *in, int64_t now,
                 struct verify_trace *trace, struct verify_output *ret);

/* Decides again for a token that verify_token() allowed before, without its secret: everything but
   the secret is judged anew. The org is in->org_option. */
int verify_again(const struct sealed *s, int64_t token_id, const struct verify_input *in,
                 int64_t now, struct verify_trace *trace, struct verify_output *ret);

/* The state and effective end of a token for lists, host policy and last use considered. */
int verify_token_state(const struct sealed *s, const struct record_token *token, int64_t now,
                       enum wire_state *ret_state, int64_t *ret_end, const char **ret_reason);

/* What would have to be different for a rule not to refuse, for people: reason is that of an
   output. "" for a decision that refused nothing. Static storage. */
const char *verify_advice(const char *reason);
