/*
 * A small world to decide about: orgs, users, members, bindings and tokens in the memory store,
 * under real seals. Everything aborts where it does not work out: a test that could not be set up
 * has no result.
 */
#pragma once

#include "daemon/sealed.h"
#include "tests/support/memory_store.h"

#define WORLD_NOW INT64_C(1800000000)

struct world {
        struct keyhash *key;
        struct store_reader *reader;
        struct sealed sealed;
        int64_t next_token;
};

/* What the user of a token has in hand. */
struct world_token {
        int64_t id;
        enum token_kind kind;
        char text[TOKEN_INPUT_MAX + 1]; /* without suffix */
};

struct world *world_new(void);
struct world *world_free(struct world *w);

int64_t world_org(struct world *w, const char *name);
int64_t world_user(struct world *w, const char *name);
void world_member(struct world *w, int64_t org, int64_t user, enum role role);
/* service NULL: every service. Guards the account, too. */
void world_bind(struct world *w, const char *account, int64_t org, enum role role,
                const char *service);
void world_guard(struct world *w, const char *account);
void world_host_policy(struct world *w, struct policy policy);
void world_org_policy(struct world *w, int64_t org, struct policy policy);
void world_suspend_org(struct world *w, int64_t org);
void world_delete_org(struct world *w, int64_t org);
void world_suspend_user(struct world *w, int64_t user);
void world_remove_user(struct world *w, int64_t user);

/* A policy that forbids nothing. */
extern const struct policy world_free_policy;

/* A record with the defaults of a live token without expiry or limits, made a day ago. */
struct record_token world_template(enum token_kind kind, int64_t owner);
struct world_token world_token(struct world *w, const struct record_token *template);
struct world_token world_key(struct world *w, int64_t org);
struct world_token world_pat(struct world *w, int64_t user);
void world_revoke(struct world *w, int64_t token, const char *reason);
void world_rotate(struct world *w, int64_t token, int64_t ends_at);

/* Adds an entry to limits: field is one of WIRE_F_LIMIT_SERVICE, _SOURCE, _ACCOUNT. */
struct record_limits world_limit(enum wire_field field, const char *first, const char *second);

/* token + suffix ("@acme" or "") in a static buffer of its own for each of the last four calls. */
struct view world_type(const struct world_token *token, const char *suffix);
