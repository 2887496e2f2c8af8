/*
 * The floor of a refusal: a module that asks for the password and says that it is not its own, and
 * nothing else. What pam_orgtoken.so does with a password must cost hardly more. Benchmarks only;
 * never installed.
 */
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stddef.h>

__attribute__((visibility("default"))) int pam_sm_authenticate(pam_handle_t *pamh, int flags,
                                                               int argc, const char **argv)
{
        const char *typed = NULL;
        int code = pam_get_authtok(pamh, PAM_AUTHTOK, &typed, NULL);

        (void)flags;
        (void)argc;
        (void)argv;
        return code == PAM_SUCCESS ? PAM_USER_UNKNOWN : code;
}

__attribute__((visibility("default"))) int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc,
                                                          const char **argv)
{
        (void)pamh;
        (void)flags;
        (void)argc;
        (void)argv;
        return PAM_SUCCESS;
}
