#include "pam/converse.h"

#include <security/pam_ext.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/cleanup.h"
#include "common/name.h"
#include "common/secret.h"
#include "common/token.h"

DEFINE_CLEANUP(char *, secret_free_string);

/* pam_get_user() hands on whatever the application's conversation returned, and its PAM_IGNORE
   would be ours, beside another module's success. */
static int never_ignore(int code)
{
        return code == PAM_IGNORE ? PAM_CONV_ERR : code;
}

int converse_get_user(pam_handle_t *pamh)
{
        const char *user = NULL;

        return never_ignore(pam_get_user(pamh, &user, NULL));
}

int converse_get_token(pam_handle_t *pamh, struct view *ret)
{
        const char *typed = NULL;
        int code = pam_get_authtok(pamh, PAM_AUTHTOK, &typed, NULL);

        if (code != PAM_SUCCESS)
                return never_ignore(code);
        /* Himmelblau and others: success, and a NULL pointer. */
        if (!typed)
                return PAM_AUTHTOK_ERR;
        *ret = view_of(typed);
        return PAM_SUCCESS;
}

/* Whether an answer is worth a question to the daemon. */
static bool is_org_answer(pam_handle_t *pamh, const char *answer)
{
        const void *user = NULL;

        if (!name_is_item(view_of(answer)) || token_is_shaped(view_of(answer)))
                return false;
        return pam_get_item(pamh, PAM_USER, &user) == PAM_SUCCESS &&
               !view_equal(view_of(answer), view_of(user));
}

char *converse_ask_org(pam_handle_t *pamh)
{
        _cleanup_(secret_free_stringp) char *answer = NULL;

        if (pam_prompt(pamh, PAM_PROMPT_ECHO_ON, &answer, "Organization: ") != PAM_SUCCESS)
                return NULL;
        if (!is_org_answer(pamh, answer))
                return NULL;
        return steal_ptr(answer);
}

void converse_tell_org_required(pam_handle_t *pamh)
{
        /* Information, not an error: FreeRADIUS and vsftpd give up the conversation at an error. */
        (void)pam_info(pamh, "organisation required: append @org");
}
