/*
 * A small model of what the management verbs do, written from the rules alone and
 * sharing no code with the daemon: a few orgs and names in arrays, and for each step the reason for
 * which it must be refused, or "". Test code only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire.h"

#define MODEL_ORGS       4
#define MODEL_NAMES      9
#define MODEL_TOKENS_MAX 4096
#define MODEL_FOREVER    INT64_MAX

extern const char *const model_orgs[MODEL_ORGS];
extern const char *const model_names[MODEL_NAMES]; /* 0 is root; people, then accounts */

struct model_policy {
        int64_t max_life;
        bool never_ok;
        int self_service;
};

struct model_org {
        bool exists, suspended;
        struct model_policy policy;
        int role[MODEL_NAMES]; /* 0 none, 1 member, 2 admin */
        bool bound[MODEL_NAMES];
        int life; /* which org of that name it is */
};

struct model_user {
        bool exists, suspended;
        int64_t uid; /* -1: none seen */
        int life;
};

struct model_token {
        int64_t id;
        bool is_pat;
        int owner, owner_life; /* index of the org or name, and which of that name */
        int label;
        int64_t created, expires, ends;
        bool revoked;
        int64_t successor;
};

struct model {
        int64_t now;
        int64_t revision;
        int64_t uid[MODEL_NAMES]; /* what the host's user database says; -1: no account */
        struct model_org org[MODEL_ORGS];
        struct model_user user[MODEL_NAMES];
        bool guarded[MODEL_NAMES];
        struct model_policy host;
        struct model_token token[MODEL_TOKENS_MAX];
        size_t token_count;
        int lives;
};

/* One step: who asks for what. Which fields count depends on the verb. */
struct model_step {
        enum wire_verb verb;
        int caller; /* index of a name; -1: a uid without one; -2: nobody */
        int org, name, role, label;
        bool names_user; /* PAT_CREATE, PAT_LIST, REVOKE_ALL: --user is given */
        bool names_org;  /* REVOKE_ALL */
        bool dry_run, allow_system;
        size_t token; /* index */
        int64_t life; /* 0: none given */
        int64_t overlap;
        struct model_policy policy;
        bool accept; /* the client acknowledges */
};

struct model_result {
        const char *reason; /* "" where it is done */
        int64_t count;      /* where the answer says one; -1 */
        bool makes_token;   /* the id of it is set by model_made() */
};

void model_init(struct model *m, int64_t now, int64_t revision);
/* What must come of it; changes the model. */
struct model_result model_take(struct model *m, const struct model_step *step);
/* After a step that makes a token: its id, and whether it was acknowledged. */
void model_made(struct model *m, const struct model_step *step, int64_t id, bool accepted);

/* 1 live, 2 expired, 3 revoked: enum wire_state. */
int model_state(const struct model *m, const struct model_token *token);
/* Not revoked, not rotated out, not past its own expiry; policies aside. */
bool model_is_live(const struct model *m, const struct model_token *token);
int model_count(const struct model *m, bool is_pat, int owner, bool live_only);
