/*
 * What a successful authentication leaves behind in its PAM handle: a memo for the account phase,
 * and three variables in the PAM environment, which are information for the session and never
 * authority. A memo holds no token. sshd authenticates in a child for keyboard-interactive, where
 * the memo is lost and only the variables survive; the account phase runs in that child too.
 */
#pragma once

#include <security/pam_modules.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/name.h"
#include "common/pamoptions.h"
#include "common/token.h"
#include "common/view.h"
#include "common/wire.h"

struct memo {
        char org[NAME_ORG_MAX + 1];
        char key_id[TOKEN_KEY_ID_SIZE];
        enum role role; /* these three as the auth line had them */
        bool bound_only;
        bool any_ruser;
        size_t ticket_len;
        unsigned char ticket[];
};

/* Keeps an allowing answer to VERIFY and publishes it. 0, or -ENOMEM, and then nothing was kept. */
int memo_save(pam_handle_t *pamh, const struct pamoptions *options,
              const struct wire_message *allow);

/* The memo of this handle, or NULL. libpam keeps owning it. */
const struct memo *memo_find(pam_handle_t *pamh);

/* The ticket, as the daemon gave it. */
struct view memo_ticket(const struct memo *memo);

/* Which token this login is by. sshd's keyboard-interactive leaves no memo but these variables, and
   they are kept as they are before any session module could let a person change them: called from
   setcred. Without memory nothing is kept. */
void memo_adopt(pam_handle_t *pamh);
/* Org and key id of the memo, or of what memo_adopt() kept; absent for neither. */
void memo_origin(pam_handle_t *pamh, struct view *ret_org, struct view *ret_key_id);

/* Sets ORGTOKEN_ORG, ORGTOKEN_KEY_ID and, for a PAT, ORGTOKEN_USER from an allowing answer, and
   takes back what an earlier one set. 0 or -ENOMEM. */
int memo_publish(pam_handle_t *pamh, const struct wire_message *allow);

/* Forgets both, so that a failed authentication does not stand on an earlier one. */
void memo_clear(pam_handle_t *pamh);
