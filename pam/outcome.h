/*
 * What came of asking the daemon: an answer or a failure to get one, the PAM code of each, and its
 * one line in the log. The only place where an answer becomes a PAM code. Everything starts out as
 * a failure; PAM_SUCCESS for a token is written in one line of it.
 */
#pragma once

#include <security/pam_modules.h>
#include <stdbool.h>

#include "common/pamoptions.h"
#include "common/verdict.h"
#include "common/wire.h"
#include "pam/request.h"

struct outcome {
        int error; /* 0, or why there is no answer: what client_exchange() said, or -EBUSY: the
                      daemon cannot answer now, -EACCES: this process may not ask, -EBADMSG: no
                      answer to this request */
        enum verdict verdict; /* where error is 0 and unguarded is not set */
        bool unguarded;       /* a session that is not the daemon's to decide */
};
/* No answer yet, which is no success either. */
#define OUTCOME_INIT                                                                               \
        {                                                                                          \
                .error = -EBADMSG                                                                  \
        }

/* Judges a reply to request; error is the exchange's own result and reply is looked at only where
   it is 0. An ALLOW counts only with everything that an ALLOW to this verb must have. */
struct outcome outcome_of(int error, const struct wire_message *request,
                          const struct wire_message *reply);

/* True for a token, or a session, that the daemon allowed. */
bool outcome_is_allow(const struct outcome *o);

/* The table of pam_orgtoken(8), RETURN CODES. A session line has two codes for everything but its
   success, PAM_IGNORE and PAM_PERM_DENIED: sudo goes on after PAM_SESSION_ERR. */
int outcome_to_pam(enum phase phase, const struct outcome *o);

/* Writes the line: facts, key id (or absent) and reference, never a token. request is NULL where
   none was made: nobody was asked. */
void outcome_log(pam_handle_t *pamh, enum phase phase, const struct pamoptions *options,
                 const struct outcome *o, const struct request_facts *facts, struct view key_id,
                 const struct wire_message *request);
