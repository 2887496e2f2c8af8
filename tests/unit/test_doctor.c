/* The mistakes that people make in /etc/pam.d, each seen; and stacks that are right, in which
 * nothing is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/doctor.h"

#define AUTH    "auth [success=2 user_unknown=ignore default=die] pam_orgtoken.so"
#define ACCOUNT "account required pam_orgtoken.so\n"
#define SESSION "session required pam_orgtoken.so\n"
#define COMMON  "@include common-auth\n@include common-account\n@include common-session\n"
#define GOOD    AUTH "\n" ACCOUNT COMMON SESSION

static char root[] = "/tmp/orgtoken-doctor.XXXXXX";

static void write_file(const char *path, const char *text)
{
        char whole[256];
        FILE *f;

        (void)snprintf(whole, sizeof(whole), "%s%s", root, path);
        for (char *c = strchr(whole + strlen(root) + 1, '/'); c; c = strchr(c + 1, '/')) {
                *c = '\0';
                (void)mkdir(whole, 0755);
                *c = '/';
        }
        f = fopen(whole, "we");
        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

static void remove_file(const char *path)
{
        char whole[256];

        (void)snprintf(whole, sizeof(whole), "%s%s", root, path);
        (void)unlink(whole);
}

static int make_root(void **state)
{
        (void)state;
        if (!mkdtemp(root))
                return -1;
        /* As Debian 12 ships them. */
        write_file("/etc/pam.d/common-auth", "auth [success=1 default=ignore] pam_unix.so nullok\n"
                                             "auth requisite pam_deny.so\n"
                                             "auth required pam_permit.so\n"
                                             "auth optional pam_cap.so\n");
        write_file("/etc/pam.d/common-account",
                   "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n"
                   "account requisite pam_deny.so\n"
                   "account required pam_permit.so\n");
        write_file("/etc/pam.d/common-session", "session [default=1] pam_permit.so\n"
                                                "session requisite pam_deny.so\n"
                                                "session required pam_permit.so\n"
                                                "session required pam_unix.so\n");
        write_file("/etc/passwd", "root:x:0:0::/root:/bin/sh\npostgres:x:101:101::/:/bin/sh\n"
                                  "www-data:x:33:33::/:/bin/sh\nfreerad:x:105:105::/:/bin/sh\n");
        write_file("/etc/group", "orgtoken-verify:x:200:freerad,other\n");
        return 0;
}

static int remove_root(void **state)
{
        char command[64];

        (void)state;
        (void)snprintf(command, sizeof(command), "rm -rf %s", root);
        return system(command);
}

/* What is found in a service with this file. */
static void examine(struct doctor *d, const char *service, const char *text)
{
        struct pamstack *s = NULL;
        char path[128];

        *d = (struct doctor){.root = root};
        (void)snprintf(path, sizeof(path), "/etc/pam.d/%s", service);
        write_file(path, text);
        assert_int_equal(hostfiles_read(root, &d->files), 0);
        assert_int_equal(pamstack_read(root, service, &s), 0);
        doctor_service(d, s, true);
        (void)pamstack_free(s);
        remove_file(path);
}

static void forget(struct doctor *d)
{
        findings_free(&d->found);
        d->files = hostfiles_free(d->files);
}

static void show(const struct doctor *d)
{
        for (size_t i = 0; i < d->found.count; i++) {
                const struct finding *x = &d->found.list[i];

                (void)fprintf(stderr, "# %d %s: %s [%s:%u] -> %s\n", (int)x->level, x->code,
                              x->message, x->file, x->line, x->mend);
        }
}

/* Codes: all of those that are worth more than "ok", in order, separated by blanks. */
static void finds(const char *service, const char *text, const char *codes)
{
        char found[512] = "";
        struct doctor d;

        examine(&d, service, text);
        for (size_t i = 0; i < d.found.count; i++)
                if (d.found.list[i].level != FINDING_GOOD)
                        (void)snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%s",
                                       found[0] ? " " : "", d.found.list[i].code);
        if (strcmp(found, codes) != 0)
                show(&d);
        assert_string_equal(found, codes);
        forget(&d);
}

/* The sentence behind "mend" of the first finding of that code. */
static void mends(const char *service, const char *text, const char *code, const char *mend)
{
        struct doctor d;
        size_t i = 0;

        examine(&d, service, text);
        while (i < d.found.count && strcmp(d.found.list[i].code, code) != 0)
                i++;
        if (i == d.found.count || strcmp(d.found.list[i].mend, mend) != 0)
                show(&d);
        assert_true(i < d.found.count);
        assert_string_equal(d.found.list[i].mend, mend);
        forget(&d);
}

static void test_right_ones(void **state)
{
        (void)state;
        finds("sshd", GOOD, "");
        finds("su", "auth sufficient pam_rootok.so\n" GOOD, "");
        finds("sudo", "session required pam_limits.so\n" GOOD, "");
        /* As pam-auth-update writes it. */
        finds("login",
              "auth [success=2 user_unknown=ignore default=die] pam_orgtoken.so\n"
              "auth [success=1 default=ignore] pam_unix.so nullok try_first_pass\n"
              "auth requisite pam_deny.so\nauth required pam_permit.so\n"
              "@include common-account\naccount required pam_orgtoken.so\n"
              "@include common-session\nsession required pam_orgtoken.so\n",
              "");
        /* Tokens alone, for a program that asks about no account. */
        finds("git",
              "auth required pam_orgtoken.so org=acme token_only\n"
              "account required pam_orgtoken.so require_token\n",
              "account-not-asked");
        /* Words that end the phase, with a tail that is not shared. */
        finds("ftp",
              "auth [success=done user_unknown=ignore default=die] pam_orgtoken.so\n" ACCOUNT
                      COMMON,
              "");
}

static void test_auth_that_fails_open(void **state)
{
        (void)state;
        finds("sshd",
              "auth optional pam_orgtoken.so\nauth required pam_permit.so\n" ACCOUNT
              "@include common-account\n",
              "fails-open");
        finds("sshd",
              "auth [success=1 default=ignore] pam_orgtoken.so\nauth required "
              "pam_permit.so\n" ACCOUNT "@include common-account\n",
              "jump-wrong fails-open");
        /* The daemon's silence taken for "no opinion". */
        finds("sshd",
              "auth [success=ok user_unknown=ignore authinfo_unavail=ignore default=die] "
              "pam_orgtoken.so\n"
              "auth required pam_permit.so\n" ACCOUNT "@include common-account\n",
              "fails-open");
        /* Tokens only, but whatever is no token passes. */
        finds("app",
              "auth [success=ok user_unknown=ignore default=die] pam_orgtoken.so\n"
              "auth required pam_permit.so\n" ACCOUNT,
              "fails-open account-not-asked");
        mends("app",
              "auth [success=ok user_unknown=ignore default=die] pam_orgtoken.so\n"
              "auth required pam_permit.so\n" ACCOUNT,
              "fails-open", "/etc/pam.d/app line 1: auth required pam_orgtoken.so token_only");
        /* In another module's word, behind ours. */
        finds("sshd",
              "auth optional pam_orgtoken.so\n"
              "auth sufficient pam_succeed_if.so user ingroup wheel\nauth required pam_deny.so\n",
              "fails-open account-missing account-not-asked");
}

static void test_tokens_that_leak(void **state)
{
        (void)state;
        finds("sshd", "auth sufficient pam_orgtoken.so\n" ACCOUNT COMMON, "token-leak");
        finds("sshd", COMMON ACCOUNT AUTH "\n", "token-leak token-refused");
        finds("sshd",
              "auth sufficient pam_unix.so\nauth required pam_orgtoken.so\n" ACCOUNT
              "@include common-account\n",
              "token-leak");
        mends("sshd",
              "auth sufficient pam_unix.so\nauth required pam_orgtoken.so\n" ACCOUNT
              "@include common-account\n",
              "token-leak", "move the line of pam_orgtoken.so to before /etc/pam.d/sshd line 1");
        finds("sshd", "auth [success=1 default=ignore] pam_krb5.so\n" GOOD, "token-leak");
        finds("sshd",
              "auth sufficient pam_orgtoken.so\nauth sufficient pam_ldap.so\nauth required "
              "pam_deny.so\n" ACCOUNT "@include common-account\n",
              "token-leak");
        /* A dead daemon alone. */
        finds("sshd",
              "auth [success=2 user_unknown=ignore authinfo_unavail=ignore default=die] "
              "pam_orgtoken.so\n" ACCOUNT COMMON,
              "token-leak");
        finds("sshd", "auth required pam_exec.so expose_authtok /x\n" GOOD,
              "token-leak token-refused");
        /* A module that nobody knows. */
        finds("sshd", "auth required pam_of_theirs.so\n" GOOD, "module-unknown");
        finds("sshd",
              "auth [success=3 user_unknown=ignore default=die] pam_orgtoken.so\n"
              "auth [success=2 default=ignore] pam_unix.so\n"
              "auth [success=1 default=ignore] pam_of_theirs.so\nauth requisite pam_deny.so\n"
              "auth required pam_permit.so\n" ACCOUNT "@include common-account\n",
              "");
        finds("sshd",
              "auth [success=1 user_unknown=ignore default=die] pam_orgtoken.so\n"
              "auth [success=2 default=ignore] pam_unix.so\n"
              "auth [success=1 default=ignore] pam_of_theirs.so\nauth requisite pam_deny.so\n"
              "auth required pam_permit.so\n" ACCOUNT "@include common-account\n",
              "module-unknown");
        /* Required, so that pam_unix has to agree. */
        finds("sshd",
              "auth required pam_orgtoken.so\nauth required pam_unix.so\n" ACCOUNT
              "@include common-account\n",
              "token-refused token-leak passwords-refused");
}

static void test_jumps(void **state)
{
        static const struct {
                const char *line, *code;
        } wrong[] = {
                {"auth [success=1 user_unknown=ignore default=die] pam_orgtoken.so\n",
                 "jump-wrong"},
                {"auth [success=9 user_unknown=ignore default=die] pam_orgtoken.so\n",
                 "jump-wrong"},
                {"auth [success=end user_unknown=ignore default=die] pam_orgtoken.so\n",
                 "line-broken token-refused token-leak passwords-refused"},
                {"auth [success=2 user_unkown=ignore default=die] pam_orgtoken.so\n",
                 "line-broken token-refused token-leak passwords-refused"},
        };
        char text[512];

        (void)state;
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                (void)snprintf(text, sizeof(text), "# a comment\n%s%s%s", wrong[i].line, ACCOUNT,
                               COMMON);
                if (i < 3)
                        finds("sshd", text, wrong[i].code);
                mends("sshd", text, i < 2 ? "jump-wrong" : "token-refused",
                      "/etc/pam.d/sshd line 2: auth [success=2 user_unknown=ignore default=die] "
                      "pam_orgtoken.so");
        }
        /* Over a substack, which is one line; and with the options kept. */
        write_file("/etc/pam.d/theirs", "auth sufficient pam_sss.so\nauth required pam_deny.so\n");
        mends("sshd",
              "auth [success=2 user_unknown=ignore default=die] pam_orgtoken.so org=acme\n"
              "auth substack theirs\nauth required pam_permit.so\n" ACCOUNT
              "@include common-account\n",
              "jump-wrong",
              "/etc/pam.d/sshd line 1: auth [success=1 user_unknown=ignore default=die] "
              "pam_orgtoken.so org=acme");
        remove_file("/etc/pam.d/theirs");
}

static void test_account_lines(void **state)
{
        static const char *const ignored[] = {
                "account optional pam_orgtoken.so\n",
                "account [success=ok default=ignore] pam_orgtoken.so\n",
                ("account [success=ok ignore=ignore perm_denied=bad default=ignore] "
                 "pam_orgtoken.so\n"),
                "account sufficient pam_unix.so\naccount required pam_orgtoken.so\n",
        };
        char text[512];

        (void)state;
        for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
                (void)snprintf(text, sizeof(text), "%s\n%s%s", AUTH, ignored[i], COMMON);
                finds("sshd", text, "account-ignored");
        }
        finds("sshd", AUTH "\naccount sufficient pam_orgtoken.so\n" COMMON,
              "account-ignored expiry-hidden");
        mends("sshd", AUTH "\naccount sufficient pam_orgtoken.so\n" COMMON, "expiry-hidden",
              "/etc/pam.d/sshd line 2: account required pam_orgtoken.so");
        finds("sshd", AUTH "\n" COMMON, "account-missing");
        finds("sshd", AUTH "\n@include common-auth\n" ACCOUNT,
              "account-not-asked account-refuses-others");
        finds("sshd",
              AUTH "\n@include common-auth\naccount optional pam_unix.so\naccount required "
                   "pam_permit.so\n" ACCOUNT,
              "expiry-ignored");
        finds("sshd",
              AUTH "\n@include common-auth\naccount required pam_orgtoken.so require_token\n"
                   "@include common-account\n",
              "account-refuses-others");
}

/* What else has a say in the account phase, and is not heard where the token ends it. */
static void test_account_line_that_skips(void **state)
{
        (void)state;
        finds("sshd",
              AUTH "\n@include common-auth\n@include common-account\n"
                   "account [success=done ignore=ignore default=die] pam_orgtoken.so\n"
                   "account required pam_access.so\n",
              "account-skips");
        finds("sshd",
              AUTH "\n@include common-auth\n@include common-account\n"
                   "account required pam_access.so\n"
                   "account [success=done ignore=ignore default=die] pam_orgtoken.so\n",
              "");
}

static void test_sshd_config(void **state)
{
        (void)state;
        write_file("/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\n"
                                           "KbdInteractiveAuthentication no\n");
        finds("sshd", GOOD, "");
        write_file("/etc/ssh/sshd_config.d/50-x.conf", "PasswordAuthentication no\n");
        finds("sshd", GOOD, "sshd-without-passwords");
        /* The first that is read counts. */
        write_file("/etc/ssh/sshd_config.d/10-x.conf", "passwordauthentication yes\n");
        finds("sshd", GOOD, "");
        finds("sshd", AUTH " prompt_org\n" ACCOUNT COMMON, "prompt-org");
        write_file("/etc/ssh/sshd_config.d/10-x.conf", "KbdInteractiveAuthentication yes\n");
        finds("sshd", AUTH " prompt_org\n" ACCOUNT COMMON, "");
        write_file("/etc/ssh/sshd_config.d/10-x.conf",
                   "# UsePAM yes\nMatch User bob\nUsePAM yes\n");
        write_file("/etc/ssh/sshd_config.d/50-x.conf", "UsePAM=no\n");
        finds("sshd", GOOD, "sshd-without-pam");
        remove_file("/etc/ssh/sshd_config.d/10-x.conf");
        remove_file("/etc/ssh/sshd_config.d/50-x.conf");
        remove_file("/etc/ssh/sshd_config");
}

/* Programs that are told to write passwords into their log. */
static void test_logged_tokens(void **state)
{
        struct doctor d;

        (void)state;
        write_file("/etc/dovecot/conf.d/10-logging.conf",
                   "#auth_debug_passwords = yes\nauth_verbose_passwords = no\n");
        examine(&d, "dovecot", AUTH "\n" ACCOUNT COMMON);
        assert_false(findings_has(&d.found, NULL, "token-logged"));
        forget(&d);
        write_file("/etc/dovecot/conf.d/10-logging.conf", "auth_debug_passwords = yes\n");
        examine(&d, "dovecot", AUTH "\n" ACCOUNT COMMON);
        assert_true(findings_has(&d.found, "dovecot", "token-logged"));
        forget(&d);
        examine(&d, "login", AUTH "\n" ACCOUNT COMMON);
        assert_false(findings_has(&d.found, NULL, "token-logged"));
        forget(&d);
        write_file("/etc/freeradius/3.0/radiusd.conf", "log {\n\tauth_badpass = yes\n}\n");
        examine(&d, "radiusd", AUTH "\n" ACCOUNT COMMON);
        assert_true(findings_has(&d.found, "radiusd", "token-logged"));
        forget(&d);
        remove_file("/etc/freeradius/3.0/radiusd.conf");
        remove_file("/etc/dovecot/conf.d/10-logging.conf");
}

static void test_session_lines(void **state)
{
        static const char *const services[] = {"su", "su-l", "sudo", "sudo-i", "doas"};

        (void)state;
        for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
                finds(services[i], AUTH "\n" ACCOUNT COMMON, "session-missing");
                finds(services[i], AUTH "\n" ACCOUNT COMMON "session optional pam_orgtoken.so\n",
                      "session-ignored");
                finds(services[i],
                      AUTH "\n" ACCOUNT "session sufficient pam_permit.so\n" SESSION COMMON,
                      "session-ignored");
                finds(services[i], GOOD, "");
        }
        finds("sshd", AUTH "\n" ACCOUNT COMMON, "");
}

static void test_options(void **state)
{
        (void)state;
        finds("sshd", AUTH " orgg=acme\n" ACCOUNT COMMON, "option-unknown");
        finds("sshd", AUTH " org=Acme\n" ACCOUNT COMMON, "option-unknown");
        finds("sshd", AUTH "\naccount required pam_orgtoken.so debugg\n" COMMON, "option-unknown");
        finds("sudo", AUTH "\n" ACCOUNT COMMON "session required pam_orgtoken.so any_ruser\n",
              "option-unknown");
        finds("sshd", AUTH " org=acme role=admin timeout=500 quiet prompt_org\n" ACCOUNT COMMON,
              "");
}

static void test_passwords(void **state)
{
        (void)state;
        finds("sshd", "auth [success=2 default=die] pam_orgtoken.so\n" ACCOUNT COMMON,
              "passwords-refused");
        finds("sshd", AUTH " token_only\n" ACCOUNT COMMON, "passwords-refused");
        finds("sshd", "auth requisite pam_orgtoken.so\n" ACCOUNT COMMON,
              "token-refused token-leak passwords-refused");
}

static void test_includes_missing(void **state)
{
        struct doctor d;

        (void)state;
        examine(&d, "sshd", GOOD "@include common-nothing\n");
        assert_true(findings_has(&d.found, "sshd", "include-missing"));
        forget(&d);
        examine(&d, "sshd", GOOD "account include nothing\n");
        assert_true(findings_has(&d.found, "sshd", "include-missing"));
        assert_true(findings_has(&d.found, "sshd", "line-broken"));
        forget(&d);
        examine(&d, "sshd", GOOD "acount required pam_unix.so\n");
        assert_true(findings_has(&d.found, "sshd", "line-broken"));
        forget(&d);
}

/* Programs that answer every question with the user's name, or die of one; and those in no group.
 */
static void test_programs(void **state)
{
        static const char *const named[] = {"dovecot", "imap",       "pop3",   "nginx",
                                            "httpd",   "radiusd",    "smtp",   "vsftpd",
                                            "openvpn", "freeradius", "proftpd"};
        struct doctor d;

        (void)state;
        for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
                examine(&d, named[i], AUTH " prompt_org\n" ACCOUNT COMMON);
                assert_true(findings_has(&d.found, named[i], "prompt-org"));
                forget(&d);
                examine(&d, named[i], AUTH " org=acme\n" ACCOUNT COMMON);
                assert_false(findings_has(&d.found, named[i], "prompt-org"));
                forget(&d);
        }
        /* By what their configuration names. */
        write_file("/etc/postgresql/15/main/pg_hba.conf",
                   "#host all all all pam pamservice=orgno\nhost all all 127.0.0.1/32 pam "
                   "pamservice=orgpg\n");
        write_file("/etc/nginx/sites-enabled/site",
                   "location / {\n auth_pam_service_name \"orgweb\";\n}\n");
        write_file("/etc/freeradius/3.0/mods-enabled/pam", "pam {\n\tpam_auth = orgrad\n}\n");
        finds("orgpg", "auth required pam_orgtoken.so org=acme token_only\n" ACCOUNT,
              "account-not-asked user-not-in-group");
        mends("orgpg", "auth required pam_orgtoken.so org=acme token_only\n" ACCOUNT,
              "user-not-in-group", "adduser postgres orgtoken-verify, and restart PostgreSQL");
        finds("orgp", "auth required pam_orgtoken.so org=acme token_only\n" ACCOUNT,
              "account-not-asked");
        finds("orgno", "auth required pam_orgtoken.so org=acme token_only\n" ACCOUNT,
              "account-not-asked");
        finds("orgweb", "auth required pam_orgtoken.so prompt_org token_only\n" ACCOUNT,
              "account-not-asked prompt-org user-not-in-group");
        finds("orgrad", "auth required pam_orgtoken.so org=acme token_only\n" ACCOUNT,
              "account-not-asked");
        /* There, but only because every service is. */
        write_file("/etc/pam.d/shared", "auth required pam_orgtoken.so token_only\n");
        examine(&d, "nginx", "@include shared\n" ACCOUNT);
        for (size_t i = 0; i < d.found.count; i++)
                assert_int_not_equal(d.found.list[i].level, FINDING_WRONG);
        assert_true(findings_has(&d.found, "nginx", "user-not-in-group"));
        forget(&d);
}

static void test_other(void **state)
{
        struct pamstack *s = NULL;

        (void)state;
        finds("cron", COMMON, "no-tokens");
        assert_int_equal(pamstack_read(root, "nothing-here", &s), -2);
        assert_int_equal(pamstack_read(root, "../pam.d/common-auth", &s), -22);
        /* Files that include each other many times over. */
        write_file("/etc/pam.d/round", "@include round\n@include round\n@include round\n");
        assert_int_equal(pamstack_read(root, "round", &s), -7);
        remove_file("/etc/pam.d/round");
        /* Phases that a service has not are those of "other". */
        write_file("/etc/pam.d/other", "account required pam_deny.so\n");
        finds("sshd", AUTH "\n@include common-auth\n", "account-missing account-not-asked");
        remove_file("/etc/pam.d/other");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_right_ones),
                cmocka_unit_test(test_auth_that_fails_open),
                cmocka_unit_test(test_tokens_that_leak),
                cmocka_unit_test(test_jumps),
                cmocka_unit_test(test_account_lines),
                cmocka_unit_test(test_session_lines),
                cmocka_unit_test(test_account_line_that_skips),
                cmocka_unit_test(test_sshd_config),
                cmocka_unit_test(test_logged_tokens),
                cmocka_unit_test(test_options),
                cmocka_unit_test(test_passwords),
                cmocka_unit_test(test_includes_missing),
                cmocka_unit_test(test_programs),
                cmocka_unit_test(test_other),
        };

        return cmocka_run_group_tests_name("doctor", tests, make_root, remove_root);
}
