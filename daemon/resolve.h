/*
 * What the decision is about: which org is meant, whose the account is, until when a token lives.
 * Finds facts and judges none of them; verdicts are made in verify.c alone. Reads sealed rows,
 * writes nothing. Errors are sealed.h's; every function that can fail leaves its outputs alone
 * then.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/view.h"
#include "daemon/sealed.h"
#include "daemon/usage.h"

/* An account's bindings, as they look from one service. */
struct resolve_bindings {
        unsigned all;   /* to any org, for any service */
        unsigned here;  /* of these, for this service */
        int64_t org_id; /* of the one that is for this service, where `here` is 1; else 0 */
};

/* Walks the bindings of an account name. None for an empty name. */
int resolve_find_bindings(const struct sealed *s, struct view account, struct view service,
                          struct resolve_bindings *ret);

/* Is this account under guard: bound to any org, or bound once and not released since? */
int resolve_is_guarded(const struct sealed *s, struct view account,
                       const struct resolve_bindings *bindings, bool *ret);

/* The binding of an account to this org, for this service. -ENOENT: there is none. */
int resolve_find_binding(const struct sealed *s, struct view account, int64_t org_id,
                         struct view service, struct record_account *ret);

/* Everything that may name the org (pam_orgtoken(8), "Which organisation"). Empty and 0: does not.
 */
struct resolve_sources {
        const struct record_org *key_org; /* an org key's own; NULL for a PAT */
        struct view suffix;
        struct view option;
        int64_t account_org;
        struct view answer;
};

enum resolve_result {
        RESOLVE_NONE = 1, /* nothing names one */
        RESOLVE_FOUND,
        RESOLVE_NO_SUCH, /* the name of no org, or of a deleted one */
        RESOLVE_CONFLICT,
};

/* Which org. 0, *ret_result and, where one was found, *ret and by what it was first named. */
int resolve_org(const struct sealed *s, const struct resolve_sources *sources,
                enum resolve_result *ret_result, struct record_org *ret, const char **ret_named_by);

/* When a token ends, and by which rule: the earliest of all that were applied. */
struct resolve_end {
        int64_t at;         /* EXPIRY_NEVER: none of them ends it */
        const char *reason; /* a fixed word, or "" */
};

/* Expiry and earlier end of the row itself. */
void resolve_end_of_row(const struct record_token *token, struct resolve_end *ret);

/* The latest sign of a token's life: its creation, the stored last use, or a use that is noted in
   `usage` and not stored yet. Looked up only where a policy asks for it; zeroed beforehand but for
   what is borrowed. */
struct resolve_sign {
        const struct record_token *token;
        const struct usage *usage; /* NULL: none is noted */
        bool known;
        int64_t at;
};

/* The words for the rules of one policy: whose it is. */
struct resolve_words {
        const char *life, *unused, *never;
};
extern const struct resolve_words resolve_host_words, resolve_org_words;

/* Shortens *end to what a policy allows this token. */
int resolve_end_by_policy(const struct sealed *s, struct resolve_sign *sign,
                          const struct policy *policy, const struct resolve_words *words,
                          int64_t now, struct resolve_end *end);

/* The end of a token wherever it is used: its row's, the host's policy, and for a key its org's.
   key_org is NULL for a PAT, and for a key whose org is gone. */
int resolve_find_end(const struct sealed *s, struct resolve_sign *sign,
                     const struct record_org *key_org, int64_t now, struct resolve_end *ret);
