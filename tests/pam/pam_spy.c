/*
 * A PAM module that looks on: for the tests of stacks. Appends to the file of its argument to= a
 * line for each call, with what a module in its place finds, and returns PAM_IGNORE, or PAM_SUCCESS
 * with the argument succeed. With authtok= it puts a password there, as an earlier module does;
 * with user= it changes PAM_USER. Never installed.
 */
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdio.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

static const char *argument(const char *name, int argc, const char **argv)
{
        size_t len = strlen(name);

        for (int i = 0; i < argc; i++)
                if (strncmp(argv[i], name, len) == 0)
                        return argv[i] + len;
        return NULL;
}

static const char *or_none(const char *s)
{
        return s ? s : "(none)";
}

static int look_on(pam_handle_t *pamh, const char *phase, int argc, const char **argv)
{
        const char *to = argument("to=", argc, argv);
        const char *authtok = argument("authtok=", argc, argv);
        const char *user = argument("user=", argc, argv);
        const void *typed = NULL;
        FILE *f = to ? fopen(to, "ae") : NULL;

        if (!f)
                return PAM_SYSTEM_ERR;
        (void)pam_get_item(pamh, PAM_AUTHTOK, &typed);
        (void)fprintf(f, "%s authtok=%s org=%s key=%s user=%s\n", phase, or_none(typed),
                      or_none(pam_getenv(pamh, "ORGTOKEN_ORG")),
                      or_none(pam_getenv(pamh, "ORGTOKEN_KEY_ID")),
                      or_none(pam_getenv(pamh, "ORGTOKEN_USER")));
        (void)fclose(f);
        if (authtok)
                (void)pam_set_item(pamh, PAM_AUTHTOK, authtok);
        if (user)
                (void)pam_set_item(pamh, PAM_USER, user);
        return argument("succeed", argc, argv) ? PAM_SUCCESS : PAM_IGNORE;
}

EXPORT int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        (void)flags;
        return look_on(pamh, "auth", argc, argv);
}

EXPORT int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        (void)flags;
        return look_on(pamh, "setcred", argc, argv);
}

EXPORT int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        (void)flags;
        return look_on(pamh, "account", argc, argv);
}

EXPORT int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        (void)flags;
        return look_on(pamh, "open", argc, argv);
}

EXPORT int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        (void)flags;
        return look_on(pamh, "close", argc, argv);
}
