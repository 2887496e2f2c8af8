/*
 * The rows of the store as C values, shared by the store, the seals and the rules. Plain data, no
 * pointers: a record can be copied and needs no release. A MAC is carried, not judged, here: see
 * sealed.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/expiry.h"
#include "common/name.h"
#include "common/token.h"
#include "common/wire.h"

#define RECORD_MAC_LEN 32
/* Bytes of canonical limits: what WIRE_LIST_MAX entries of each kind can take. */
#define RECORD_LIMITS_MAX 3072
#define RECORD_REASON_MAX 31

struct policy {
        int64_t max_life;   /* seconds; 0: no bound */
        int64_t max_unused; /* seconds; 0: no bound */
        bool never_ok;      /* tokens without an expiry are allowed */
        bool end_sessions;  /* org: revoking ends open sessions */
        int self_service;   /* host: enum self_service; 0 in an org's policy */
};

enum self_service { SELF_SERVICE_FULL = 1, SELF_SERVICE_LIMITED, SELF_SERVICE_OFF };

struct record_org {
        int64_t id; /* never used again, not even after deletion */
        char name[NAME_ORG_MAX + 1];
        int64_t created_at;
        int64_t deleted_at; /* 0: it exists */
        bool suspended;
        struct policy policy;
        uint8_t mac[RECORD_MAC_LEN];
};

struct record_user {
        int64_t id;
        char name[NAME_USER_MAX + 1];
        int64_t uid; /* the first uid seen under this name; -1: none yet */
        int64_t created_at;
        int64_t removed_at; /* 0: it exists */
        bool suspended;
        uint8_t mac[RECORD_MAC_LEN];
};

struct record_member {
        int64_t org_id;
        int64_t user_id;
        enum role role;
        int64_t created_at;
        uint8_t mac[RECORD_MAC_LEN];
        int64_t made; /* the revision it was made in, the store's own to set */
};

/* Canonical limits: of each kind a sorted list of distinct texts, u16 count, then u16 length and
   bytes for each; kinds in the order services, sources, accounts. len 0: no limits at all. A kind
   with count 0 is not limited. See limits.h. */
struct record_limits {
        uint16_t len;
        uint8_t bytes[RECORD_LIMITS_MAX];
};

struct record_account {
        char name[NAME_USER_MAX + 1];
        int64_t org_id;
        enum role role; /* least role of a PAT's user; ROLE_NONE: any member, and keys */
        struct record_limits services; /* only its services are used; len 0: every service */
        int64_t created_at;
        uint8_t mac[RECORD_MAC_LEN];
        int64_t made; /* as a member's */
};

struct record_guarded {
        char name[NAME_USER_MAX + 1];
        int64_t since;
        uint8_t mac[RECORD_MAC_LEN];
};

struct record_token {
        int64_t id;
        enum token_kind kind;
        int64_t owner; /* org id of an AK, user id of a PAT */
        char name[NAME_LABEL_BYTES + 1];
        int64_t created_at;
        int64_t expires_at; /* EXPIRY_NEVER */
        struct record_limits limits;
        bool has_proof; /* false once revoked */
        uint8_t proof[RECORD_MAC_LEN];
        uint8_t mac[RECORD_MAC_LEN];
        int64_t key_fingerprint;
        int64_t ends_at; /* an earlier end (rotation with overlap); EXPIRY_NEVER: none. Only
                            shortens */
        uint8_t end_mac[RECORD_MAC_LEN];
        int64_t revoked_at;                     /* 0: not revoked */
        char end_reason[RECORD_REASON_MAX + 1]; /* why revoked_at or ends_at; "" for neither */
        int64_t successor;                      /* id of the token that replaced it; -1: none */
        int64_t made;                           /* as a member's */
};

struct record_last_use {
        int64_t token_id;
        int64_t at; /* 0: never used */
        char source[48];
        char service[NAME_SERVICE_MAX + 1];
        char account[NAME_USER_MAX + 1];
        char org[NAME_ORG_MAX + 1];
};

/* A session of logind that was opened with a token. */
#define RECORD_SESSION_ID_MAX 32
struct record_session {
        char id[RECORD_SESSION_ID_MAX + 1]; /* logind's; letters and digits */
        int64_t leader;                     /* the process that opened it */
        char account[NAME_USER_MAX + 1];
        char service[NAME_SERVICE_MAX + 1];
        int64_t org_id;
        int64_t token_id;
        int64_t opened_at; /* of the clock */
};

struct record_grant {
        char actor[NAME_USER_MAX + 1];
        int64_t real_uid;
        int64_t org_id;
        int64_t token_id;
        char account[NAME_USER_MAX +
                     1]; /* a key's grant covers this account only; "" for a PAT's */
        char source[48];
        int64_t first_at; /* boot-independent wall seconds */
        int64_t renewed_at;
};
