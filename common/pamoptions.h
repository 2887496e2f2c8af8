/*
 * The arguments of a line in /etc/pam.d (pam_orgtoken(8), OPTIONS). Owns the list of them
 * and what their values may be. Everything that is not on the list is an error, since a mistyped
 * `org=` must not widen access. Never logs, never looks anything up; pure.
 */
#pragma once

#include <stdbool.h>

#include "common/name.h"
#include "common/view.h"

#define PAMOPTIONS_TIMEOUT_MAX_MS 60000

/* Which line of the stack is running. */
enum phase {
        PHASE_AUTH = 1,
        PHASE_ACCOUNT,
        PHASE_SESSION,
};

/* Texts are borrowed from the arguments, or are string literals. */
struct pamoptions {
        const char *socket;
        struct view org; /* absent: this line names none */
        enum role role;  /* ROLE_NONE: this line asks for none */
        unsigned timeout_ms;
        bool prompt_org;
        bool bound_only;
        bool token_only;
        bool require_token;
        bool any_ruser;
        bool quiet;
        bool debug;
};

/* Reads the arguments of one line. try_first_pass and use_first_pass are accepted and not kept,
   because pam_get_authtok(3) reads them from the line itself. 0 and *ret; or -EINVAL and
   *ret_refused, the argument that is not listed, has a value that it may not have, is given twice
   with a value, or does not belong on a line of this phase (any_ruser on a session line would let
   an unnamed actor in). */
int pamoptions_parse(enum phase phase, int argc, const char *const *argv, struct pamoptions *ret,
                     const char **ret_refused);
