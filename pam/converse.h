/*
 * What passes between the module and the person: the user name, the password, the organisation, and
 * the one sentence that is ever said. Goes through libpam's conversation only. Never keeps a copy
 * of what was typed: the password stays where libpam has it, the answer to the prompt is the
 * caller's to wipe.
 */
#pragma once

#include <security/pam_modules.h>

#include "common/view.h"

/* Has libpam ask for the user name where the application did not set one (login does not), before
   the password is asked for. That the name is any good is not checked here. PAM_SUCCESS, or
   libpam's code for a conversation that failed, which is never PAM_SUCCESS or PAM_IGNORE. */
int converse_get_user(pam_handle_t *pamh);

/* Finds the password that an earlier module got, or asks for it with libpam's own prompt (OpenVPN
   looks for the word "password" in it). PAM_SUCCESS and a view of PAM's own copy, which may be
   empty; or libpam's code, as above: PAM_AUTHTOK_ERR, PAM_CONV_ERR, PAM_AUTH_ERR for use_first_pass
   with none. */
int converse_get_token(pam_handle_t *pamh, struct view *ret);

/* Asks "Organization: " with echo. Returns what was typed, for secret_free_string(), since people
   type tokens here; or NULL where there is no answer that names an organisation: refused by the
   application, empty, over 255 bytes, with control characters, token-shaped, or PAM_USER, with
   which nginx and dovecot answer every question. */
char *converse_ask_org(pam_handle_t *pamh);

/* Says "organisation required: append @org". Nothing depends on whether it is shown. */
void converse_tell_org_required(pam_handle_t *pamh);
