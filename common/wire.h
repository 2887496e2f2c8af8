/*
 * THE protocol between module or command and daemon: its limits, numbers and messages. One request
 * is one SOCK_SEQPACKET packet; so is one answer (a list is several: rows, then an end). Every
 * message has one form, a header and fields in ascending order of their tag, and every verb has its
 * list of the fields that it takes: a field that is not on it is an error. Golden bytes of each
 * message are in the tests.
 *
 *   header: magic u32 · verb u16 · fields u16 · nonce[16]         integers little-endian
 *   field:  tag u16 · length u16 · bytes                          numbers are 8 bytes, two's
 * complement
 *
 * In a request the magic is WIRE_REQUEST; in an answer it is the status, one of the widely spaced
 * values below, and the verb and the nonce are the request's own. Success is what carries the right
 * magic, the right verb and this request's random nonce; everything else is failure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/view.h"

#define WIRE_PACKET_MAX 4096
#define WIRE_NONCE_LEN  16
#define WIRE_HEADER_LEN 24
#define WIRE_LIST_MAX   16 /* entries of one list: limits of one kind */
#define WIRE_TEXT_MAX   1024

enum wire_magic {
        WIRE_REQUEST = 0x31544b4f,     /* "OKT1": version 1 of the protocol */
        WIRE_ALLOW = 0x5ca3e196,       /* a verification: yes, and nothing else means yes */
        WIRE_VERDICT = 0x693c1ad2,     /* a verification: no, WIRE_F_VERDICT says why */
        WIRE_DONE = 0x0fd5a84b,        /* done; the fields are the result */
        WIRE_ROW = 0x36e94f70,         /* one row of a list, more follows */
        WIRE_END = 0x47923db5,         /* the end of a list; carries totals */
        WIRE_NEW_TOKEN = 0x1b46d3ec,   /* a created token: must be acknowledged (WIRE_V_ACK) */
        WIRE_REFUSED = 0x7298b60d,     /* refused: WIRE_F_REASON and WIRE_F_MESSAGE */
        WIRE_UNAVAILABLE = 0x2475c9aa, /* no answer can be given now */
};

/* Verbs. Numbers are fixed for ever; new ones go to the end. */
enum wire_verb {
        /* verify.sock */
        WIRE_V_VERIFY = 1,    /* token, account, … -> ALLOW or VERDICT */
        WIRE_V_ACCOUNT_CHECK, /* the ticket of an earlier ALLOW: still allowed? */
        WIRE_V_SESSION_CHECK, /* is there a live grant for this account? (root) */
        /* manage.sock */
        WIRE_V_ACK, /* after NEW_TOKEN, same connection: WIRE_F_ACCEPTED 1 keeps it, 0 revokes it */
        WIRE_V_STATUS,
        WIRE_V_WHOAMI,
        WIRE_V_CHECK,
        WIRE_V_ORG_CREATE,
        WIRE_V_ORG_LIST,
        WIRE_V_ORG_SHOW,
        WIRE_V_ORG_DELETE,
        WIRE_V_ORG_SET,
        WIRE_V_ORG_SUSPEND,
        WIRE_V_ORG_RESUME,
        WIRE_V_USER_LIST,
        WIRE_V_USER_SUSPEND,
        WIRE_V_USER_RESUME,
        WIRE_V_USER_REASSIGN,
        WIRE_V_USER_REMOVE,
        WIRE_V_MEMBER_ADD,
        WIRE_V_MEMBER_SET,
        WIRE_V_MEMBER_REMOVE,
        WIRE_V_MEMBER_LIST,
        WIRE_V_ACCOUNT_BIND,
        WIRE_V_ACCOUNT_UNBIND,
        WIRE_V_ACCOUNT_RELEASE,
        WIRE_V_ACCOUNT_LIST,
        WIRE_V_KEY_CREATE,
        WIRE_V_KEY_LIST,
        WIRE_V_KEY_REVOKE,
        WIRE_V_PAT_CREATE,
        WIRE_V_PAT_LIST,
        WIRE_V_PAT_RENAME,
        WIRE_V_PAT_REVOKE,
        WIRE_V_ROTATE,
        WIRE_V_REVOKE_ALL,
        WIRE_V_HOST_SHOW,
        WIRE_V_HOST_SET,
        WIRE_V_CLOCK_RESET,
        WIRE_V_BACKUP,
        WIRE_V_GUARDED_LIST, /* every account that is or was bound, for `sudoers` (root) */
        WIRE_V_REVOKE_TOKEN, /* by the whole id of either kind (`scan --revoke`, root) */
        WIRE_V_NOTIFY,       /* one record for each token that is about to end (the timer, root) */
        WIRE_V_SESSION, /* verify.sock: a session of logind was opened with this token (root) */
        /* session.sock, from the daemon to orgtoken-sessiond */
        WIRE_V_SESSION_STATE, /* is it there, and that account's? */
        WIRE_V_SESSION_END,   /* if so, end it */
        WIRE_VERB_COUNT,
};

/* Fields. Numbers are fixed for ever; new ones go to the end. Kind in brackets. */
enum wire_field {
        WIRE_F_TOKEN = 1,  /* [secret text] what was typed, a whole token with its suffix */
        WIRE_F_ACCOUNT,    /* [text] PAM_USER, or the account to bind */
        WIRE_F_ACTOR,      /* [text] PAM_RUSER */
        WIRE_F_SERVICE,    /* [text] PAM service */
        WIRE_F_SOURCE,     /* [text] numeric address */
        WIRE_F_ORG,        /* [text] the org named by an option, or the noun of a command */
        WIRE_F_ORG_ANSWER, /* [text] the answer to the org prompt */
        WIRE_F_ROLE,       /* [number] enum role */
        WIRE_F_BOUND_ONLY, /* [number] 1: refuse a token for its own user's account */
        WIRE_F_REAL_UID,   /* [number] getuid() of the application */
        WIRE_F_REMOTE,     /* [number] 1: PAM_RHOST was set, so no grant is made */
        WIRE_F_TTY,        /* [text] PAM_TTY, for the record */
        WIRE_F_TICKET,     /* [bytes] opaque, from ALLOW, back in ACCOUNT_CHECK */
        WIRE_F_ACCEPTED,   /* [number] of ACK */
        WIRE_F_USER,       /* [text] a user's login name */
        WIRE_F_NAME,       /* [text] label of a token */
        WIRE_F_KEY_ID,     /* [text] a key id or a prefix of one */
        WIRE_F_EXPIRES_AT, /* [number] epoch; absent: never (or, for ROTATE, as long as the old one)
                            */
        WIRE_F_NEVER,      /* [number] 1: ROTATE with --expires never */
        WIRE_F_OVERLAP,    /* [number] seconds */
        WIRE_F_LIMIT_SERVICE, /* [list of text] also the services of a binding */
        WIRE_F_LIMIT_SOURCE,  /* [list of text] CIDR */
        WIRE_F_LIMIT_ACCOUNT, /* [list of text] */
        WIRE_F_ALLOW_SYSTEM,  /* [number] 1: bind an account of a uid below 1000 */
        WIRE_F_MAX_LIFE,      /* [number] policy: longest life in seconds; 0: no bound */
        WIRE_F_NEVER_OK,      /* [number] policy: 1 tokens without expiry are allowed */
        WIRE_F_MAX_UNUSED,    /* [number] policy: end after so many seconds unused; 0: never */
        WIRE_F_SELF_SERVICE,  /* [number] policy of the host: 1 full, 2 limited, 3 off */
        WIRE_F_END_SESSIONS,  /* [number] policy of an org, or revoke: 1 ends open sessions */
        WIRE_F_USED_SINCE,    /* [number] epoch */
        WIRE_F_DRY_RUN,       /* [number] 1: say what would be done */
        WIRE_F_PATH,          /* [text] absolute path, BACKUP */
        WIRE_F_EXPIRING,      /* [number] list filter: ends within so many seconds */
        WIRE_F_UNUSED,        /* [number] list filter: not used for so many seconds */
        WIRE_F_STATE,         /* [number] list filter or row: enum wire_state */
        WIRE_F_UID,           /* [number] */
        /* answers */
        WIRE_F_VERDICT,      /* [number] enum verdict */
        WIRE_F_REASON,       /* [text] a short fixed word for scripts: "last-admin" */
        WIRE_F_MESSAGE,      /* [text] the sentence for people */
        WIRE_F_REFERENCE,    /* [text] joins module's and daemon's records */
        WIRE_F_CREATED_AT,   /* [number] epoch */
        WIRE_F_ENDED_AT,     /* [number] epoch: revoked, rotated out, or will be */
        WIRE_F_ENDED_REASON, /* [text] "revoked", "rotated", "org-deleted", "not-delivered", … */
        WIRE_F_SUCCESSOR,    /* [text] key id of the token that replaced this one */
        WIRE_F_LAST_USED_AT, /* [number] epoch */
        WIRE_F_LAST_SOURCE,  /* [text] */
        WIRE_F_LAST_SERVICE, /* [text] */
        WIRE_F_LAST_ACCOUNT, /* [text] */
        WIRE_F_LAST_ORG,     /* [text] */
        WIRE_F_KIND,         /* [number] enum token_kind */
        WIRE_F_SUSPENDED,    /* [number] 1 */
        WIRE_F_COUNT,        /* [number] how many (rows, tokens ended, members, …) */
        WIRE_F_KEYS,         /* [number] live keys of an org, or of the host */
        WIRE_F_PATS,         /* [number] live PATs */
        WIRE_F_MEMBERS,      /* [number] */
        WIRE_F_ACCOUNTS,     /* [number] */
        WIRE_F_EXPLANATION,  /* [list of text] `check`: the steps, in order */
        WIRE_F_ORG_NAMED_BY, /* [text] `check`: who named the org: "key", "suffix", "option", … */
        WIRE_F_METRIC,       /* [text] STATUS row: name of the metric, with WIRE_F_VALUE */
        WIRE_F_VALUE,        /* [number] */
        WIRE_F_GUARDED,      /* [number] 1: an account under guard */
        WIRE_F_ID,           /* [text] the ten id characters of a token, REVOKE_TOKEN */
        WIRE_F_SESSION,      /* [text] logind's id of a session */
        WIRE_F_LEADER,       /* [number] the process that opened it */
        WIRE_F_SESSIONS,     /* [number] sessions that were ended, or (dry run) would be */
        WIRE_F_SESSIONS_LEFT, /* [number] sessions that could not be; WIRE_F_MESSAGE says why */
        WIRE_FIELD_COUNT,
};

enum wire_state { WIRE_STATE_LIVE = 1, WIRE_STATE_EXPIRED, WIRE_STATE_REVOKED };

/* One message, decoded, or about to be encoded. Texts are borrowed: from the packet after
   wire_decode(), from the caller before wire_encode(). */
#define WIRE_LISTS 4
struct wire_message {
        uint32_t magic;
        enum wire_verb verb;
        uint8_t nonce[WIRE_NONCE_LEN];
        uint64_t present[2]; /* bit per field */
        union {
                struct view text;
                int64_t number;
        } value[WIRE_FIELD_COUNT];
        struct view list[WIRE_LISTS][WIRE_LIST_MAX];
        uint8_t list_len[WIRE_LISTS];
};

/* An empty message. nonce is copied. */
void wire_init(struct wire_message *m, uint32_t magic, enum wire_verb verb,
               const uint8_t nonce[static WIRE_NONCE_LEN]);

bool wire_has(const struct wire_message *m, enum wire_field field);
/* The value of a field; absent, 0 or fallback where it is not there. Asking a field for what is not
   its kind is our own mistake and answers as not there. */
struct view wire_text(const struct wire_message *m, enum wire_field field);
int64_t wire_number(const struct wire_message *m, enum wire_field field, int64_t fallback);
/* The entries of a list field; *ret_len 0 where it is not there. */
const struct view *wire_list(const struct wire_message *m, enum wire_field field, size_t *ret_len);

/* Setting: an absent view leaves the field out. A list entry over WIRE_LIST_MAX is -E2BIG. */
void wire_put_text(struct wire_message *m, enum wire_field field, struct view text);
void wire_put_number(struct wire_message *m, enum wire_field field, int64_t number);
int wire_put_list(struct wire_message *m, enum wire_field field, struct view entry);

/* Encodes into buf. 0 and *ret_len; -EMSGSIZE where it does not fit size or WIRE_PACKET_MAX;
   -EINVAL for a request with a field that its verb does not take or without one that it needs, or
   with a text that its kind does not allow. */
int wire_encode(const struct wire_message *m, void *buf, size_t size, size_t *ret_len);

/* Decodes a packet. 0; -EPROTO for anything that is not exactly one well-formed message: length,
   magic, verb, field order, duplicates, unknown tags, kinds, a text over WIRE_TEXT_MAX or with
   control characters (list entries and labels alike), an empty list entry; -EBADR where a request
   has a field that its verb does not take, or lacks one that it needs. The views point into buf. A
   token is never copied. *ret is unspecified on failure. */
int wire_decode(const void *buf, size_t len, struct wire_message *ret);

/* True where reply is an answer to request: a status magic, same verb, same nonce. */
bool wire_is_answer_to(const struct wire_message *reply, const struct wire_message *request);

/* The reference that joins the module's log line and the daemon's record: 16 hexadecimal digits of
   the request's nonce, and a NUL. */
#define WIRE_REFERENCE_SIZE 17
void wire_reference(const uint8_t nonce[static WIRE_NONCE_LEN],
                    char ret[static WIRE_REFERENCE_SIZE]);

/* "KEY_CREATE"; "invalid". Static storage. For logs and tests. */
const char *wire_verb_to_string(enum wire_verb verb);
bool wire_verb_is_valid(unsigned number);
