/*
 * Tells the daemon of the session that pam_systemd has just opened, so that a revocation can end
 * it. Information and no question: whatever comes of it, the login goes on, and nothing is allowed
 * by it. Only for root's processes, and only for a login with a token.
 */
#pragma once

#include <security/pam_modules.h>

#include "common/pamoptions.h"
#include "common/view.h"
#include "pam/request.h"

/* One exchange where there is a session (XDG_SESSION_ID of PAM's environment) and a token (org and
   key_id, absent for none). The daemon takes the caller for the session's leader, as logind does;
   what the variable says is believed by nobody else. */
void tell_session(pam_handle_t *pamh, const struct pamoptions *options,
                  const struct request_facts *facts, struct view org, struct view key_id);
