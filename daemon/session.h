/*
 * Sessions of logind that were opened with a token: which token's a session is, when a change has
 * made an end of what it stands on, and the question to orgtoken-sessiond, which alone may end one.
 * Decides nothing about a login: a session is ended or not, never opened, by what is known here.
 */
#pragma once

#include "common/verdict.h"
#include "common/wire.h"
#include "daemon/record.h"
#include "daemon/sealed.h"

#define SESSION_MAX         4096 /* remembered; the oldest is forgotten first */
#define SESSION_PRUNE       3072 /* from so many on it is looked which are gone */
#define SESSION_PRUNE_EVERY 256
#define SESSION_SOCKET      "session.sock" /* in the runtime directory */

/* What became of a session. */
enum session_fate {
        SESSION_ENDED = 1,
        SESSION_OPEN, /* it is there, and that account's */
        SESSION_GONE,
        SESSION_OTHER, /* there is one of that id, but logind says that it is another's */
};
/* "ended", as it goes over the wire; "invalid". Static storage. */
const char *session_fate_to_string(enum session_fate fate);
/* 0 and *ret, or -EINVAL. */
int session_fate_from_string(struct view word, enum session_fate *ret);

/* The record of a SESSION request by the process `leader`. 0; -EPROTO: an id that logind does not
   give, or a name that is none; -ENOENT: there is no such org, or not exactly one token of that key
   id; or an errno of sealed.h. */
int session_from_request(const struct sealed *s, const struct wire_message *request, int64_t leader,
                         int64_t clock, struct record_session *ret);

/* Has a change taken away what the session stands on: the token revoked, the user out of the org or
   suspended, the account unbound, the org gone? Not by time alone (expiry, rotation). 0 and *ret,
   or an errno of sealed.h. */
int session_is_over(const struct sealed *s, const struct record_session *session, bool *ret);

/* Asks orgtoken-sessiond on this socket (end: to end it). Waits for at most SESSION_WAIT_MS. 0 and
 *ret; -EBUSY: there is no logind to ask; or an errno of client_exchange(): nobody is there. */
#define SESSION_WAIT_MS 2000
int session_ask(const char *socket, const struct record_session *session, bool end,
                enum session_fate *ret);
