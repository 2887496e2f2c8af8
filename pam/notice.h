/*
 * The one line that a login may be told about its token: that it ends soon. Said in the session
 * phase of sshd only, where a person reads it behind the prompt; text before or at a password
 * prompt breaks scripts, and sudo is asked too often. What it says comes from PAM's environment,
 * where the auth phase has put it, because sshd authenticates in a child of which nothing else is
 * left.
 */
#pragma once

#include <security/pam_modules.h>

#include "pam/request.h"

#define NOTICE_DAYS 14

/* Tells the user where the token of this login ends within NOTICE_DAYS. Nothing depends on it. */
void notice_expiry(pam_handle_t *pamh, const struct request_facts *facts);
