#include "cli/pammodule.h"

#include <stddef.h>
#include <string.h>

enum sort {
        HERE,    /* asks, and checks on this host */
        AWAY,    /* asks, and hands it on */
        PASSES,  /* answers success */
        SILENT,  /* answers ignore in auth, success elsewhere */
        REFUSES, /* answers a failure */
        DEPENDS, /* on who calls */
        UNKNOWN,
        ROOT, /* success for root alone, and no ordinary caller is */
};

static const struct module {
        const char *name;
        enum sort sort;
        bool looks; /* at the account, in the account phase */
} modules[] = {
        {"pam_unix", HERE, true},           {"pam_userdb", HERE, false},
        {"pam_pwdfile", HERE, false},       {"pam_systemd_home", HERE, true},
        {"pam_oath", HERE, false},          {"pam_google_authenticator", HERE, false},
        {"pam_otpw", HERE, false},          {"pam_sss", AWAY, true},
        {"pam_ldap", AWAY, true},           {"pam_krb5", AWAY, true},
        {"pam_winbind", AWAY, true},        {"pam_radius_auth", AWAY, false},
        {"pam_tacplus", AWAY, false},       {"pam_mysql", AWAY, false},
        {"pam_pgsql", AWAY, false},         {"pam_yubico", AWAY, false},
        {"pam_kanidm", AWAY, true},         {"pam_himmelblau", AWAY, true},
        {"pam_authd", AWAY, true},          {"pam_authd_exec", AWAY, true},
        {"pam_ccreds", HERE, false},        {"pam_gnome_keyring", PASSES, false},
        {"pam_kwallet5", PASSES, false},    {"pam_mount", HERE, false},
        {"pam_ecryptfs", PASSES, false},    {"pam_fscrypt", HERE, false},
        {"pam_permit", PASSES, false},      {"pam_deny", REFUSES, false},
        {"pam_warn", SILENT, false},        {"pam_debug", PASSES, false},
        {"pam_env", SILENT, false},         {"pam_nologin", SILENT, false},
        {"pam_faildelay", SILENT, false},   {"pam_group", SILENT, false},
        {"pam_issue", SILENT, false},       {"pam_cap", SILENT, false},
        {"pam_echo", SILENT, false},        {"pam_motd", SILENT, false},
        {"pam_mail", PASSES, false},        {"pam_shells", PASSES, false},
        {"pam_securetty", PASSES, false},   {"pam_limits", PASSES, false},
        {"pam_umask", PASSES, false},       {"pam_loginuid", PASSES, false},
        {"pam_keyinit", PASSES, false},     {"pam_selinux", PASSES, false},
        {"pam_systemd", PASSES, false},     {"pam_lastlog", PASSES, false},
        {"pam_mkhomedir", PASSES, false},   {"pam_namespace", PASSES, false},
        {"pam_tty_audit", PASSES, false},   {"pam_ck_connector", PASSES, false},
        {"pam_setquota", PASSES, false},    {"pam_rootok", ROOT, false},
        {"pam_succeed_if", DEPENDS, false}, {"pam_sepermit", DEPENDS, false},
        {"pam_u2f", DEPENDS, false},        {"pam_wheel", DEPENDS, false},
        {"pam_listfile", DEPENDS, false},   {"pam_access", DEPENDS, false},
        {"pam_time", DEPENDS, false},       {"pam_localuser", DEPENDS, false},
        {"pam_usertype", DEPENDS, false},   {"pam_faillock", DEPENDS, false},
        {"pam_tally2", DEPENDS, false},     {"pam_abl", DEPENDS, false},
        {"pam_exec", DEPENDS, false},       {"pam_script", DEPENDS, false},
};

static bool has_argument(const struct pamstack_line *l, const char *argument)
{
        for (size_t i = 0; i < l->arg_count; i++)
                if (strcmp(l->args[i], argument) == 0)
                        return true;
        return false;
}

static struct module module_of(const struct pamstack_line *l)
{
        struct module unknown = {"", UNKNOWN, false};

        if (l->kind != PAMSTACK_MODULE)
                return (struct module){"", REFUSES, false};
        for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
                if (!pamstack_is_module(l, modules[i].name))
                        continue;
                if (has_argument(l, "expose_authtok"))
                        return (struct module){modules[i].name, AWAY, false};
                return modules[i];
        }
        return unknown;
}

bool pammodule_asks(const struct pamstack_line *l)
{
        enum sort sort = module_of(l).sort;

        return sort == HERE || sort == AWAY;
}

bool pammodule_is_known(const struct pamstack_line *l)
{
        return module_of(l).sort != UNKNOWN;
}

bool pammodule_asks_elsewhere(const struct pamstack_line *l)
{
        return module_of(l).sort == AWAY;
}

bool pammodule_looks_at_account(const struct pamstack_line *l)
{
        return l->phase == PAMSTACK_ACCOUNT && module_of(l).looks;
}

int pammodule_answer(const struct pamstack_line *l, int depends)
{
        /* pam_faillock and its like count there, and say no. */
        if (has_argument(l, "authfail"))
                return PAMSTACK_AUTH_ERR;
        switch (module_of(l).sort) {
        case HERE:
        case AWAY:
        case UNKNOWN:
        case PASSES: return PAMSTACK_SUCCESS;
        case SILENT: return l->phase == PAMSTACK_AUTH ? PAMSTACK_IGNORE : PAMSTACK_SUCCESS;
        case REFUSES: return PAMSTACK_AUTH_ERR;
        case DEPENDS: return depends;
        case ROOT: return PAMSTACK_AUTH_ERR;
        }
        return PAMSTACK_AUTH_ERR;
}
