/*
 * The facts that PAM holds about a login, and the requests made from them. Owns what is read of
 * PAM's items and environment and which of it goes to the daemon; decides nothing. Reads no process
 * environment and looks up no name: what PAM does not say is not known.
 */
#pragma once

#include <security/pam_modules.h>
#include <stdbool.h>

#include "common/pamoptions.h"
#include "common/view.h"
#include "common/wire.h"
#include "pam/memo.h"

/* Views of PAM's items, good until the next conversation or pam_set_item(). */
struct request_facts {
        struct view account; /* PAM_USER */
        struct view actor;   /* PAM_RUSER; absent where there is none */
        struct view service;
        struct view source; /* numeric address; absent where none is known */
        struct view tty;    /* absent where there is none, or none fit to be sent */
        bool remote;        /* PAM_RHOST says something, numeric or not */
};

/* Reads the facts. NULL and *ret where they may be sent; otherwise the name of the item that is
   absent, over 255 bytes or holds control characters ("PAM_USER"). *ret is filled in either case,
   for the log. Source: PAM_RHOST where it is a numeric address, else, where PAM_TTY is "ssh", the
   first word of the PAM variable SSH_CONNECTION. */
const char *request_facts_from_pam(pam_handle_t *pamh, struct request_facts *ret);

/* True where the session is of nobody's account but root's or one's own, or of no actor at all, so
   that no grant could be asked for (doc/ELEVATION.md). */
bool request_is_no_elevation(const struct request_facts *facts);

/* VERIFY of a token, with the answer to the org prompt or absent. Views stay borrowed. 0, or the
   negative errno of a missing nonce, and then *ret is a message too, but not to be sent. */
int request_verify(const struct request_facts *facts, const struct pamoptions *options,
                   struct view token, struct view org_answer, struct wire_message *ret);

/* ACCOUNT_CHECK of what an authentication in this handle was allowed. The role and bound_only are
   those of both lines together; the actor is left out where the auth line left it out, since the
   ticket has none either. 0 or negative errno as above. */
int request_account_check(const struct request_facts *facts, const struct pamoptions *options,
                          const struct memo *memo, struct wire_message *ret);

/* SESSION: logind's session `id` is that of this login, with the token of key_id for org. 0 or
   negative errno as above. */
int request_session(const struct request_facts *facts, struct view org, struct view key_id,
                    struct view id, struct wire_message *ret);

/* SESSION_CHECK. 0 or negative errno as above. */
int request_session_check(const struct request_facts *facts, const struct pamoptions *options,
                          struct wire_message *ret);
