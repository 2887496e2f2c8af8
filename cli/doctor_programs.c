#include "cli/doctor.h"

#include <ctype.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/name.h"
#include "common/pamoptions.h"

#define VERIFY_GROUP "orgtoken-verify"

/* What becomes of a question beside that for the password. */
enum answer {
        ANSWERS,       /* a person sees it */
        ANSWERS_USER,  /* the program answers with the user's name */
        ANSWERS_NOT,   /* the conversation fails */
        ANSWERS_CRASH, /* the program dies of it */
};

/* Programs that call PAM through a service of their own, or through one that their configuration
   names. */
static const struct program {
        const char *name;
        const char *services[4]; /* known by their name alone */
        const char *files;       /* its configuration, as patterns, separated by blanks; or NULL */
        const char *word;        /* behind this word there stands the name of the service */
        const char *user;        /* as whom it asks; NULL: root */
        enum answer answer;
} programs[] = {
        {"PostgreSQL",
         {"postgresql"},
         "/etc/postgresql/*/*/pg_hba.conf",
         "pamservice",
         "postgres",
         ANSWERS_NOT},
        {"nginx",
         {"nginx"},
         "/etc/nginx/nginx.conf /etc/nginx/conf.d/* /etc/nginx/sites-enabled/* "
         "/etc/nginx/snippets/*",
         "auth_pam_service_name",
         "www-data",
         ANSWERS_USER},
        {"Apache",
         {"httpd", "apache2"},
         "/etc/apache2/*.conf /etc/apache2/conf-enabled/* /etc/apache2/sites-enabled/* "
         "/etc/apache2/mods-enabled/*.conf",
         "AuthPAMService",
         "www-data",
         ANSWERS_NOT},
        {"FreeRADIUS",
         {"radiusd", "freeradius"},
         "/etc/freeradius/*/mods-enabled/pam",
         "pam_auth",
         "freerad",
         ANSWERS_USER},
        {"dovecot",
         {"dovecot", "imap", "pop3"},
         "/etc/dovecot/conf.d/auth-system.conf.ext /etc/dovecot/local.conf",
         "service",
         NULL,
         ANSWERS_USER},
        {"saslauthd", {"smtp", "smtpd", "ldap"}, NULL, NULL, NULL, ANSWERS_CRASH},
        {"OpenVPN",
         {"openvpn"},
         "/etc/openvpn/*.conf /etc/openvpn/server/*.conf",
         "openvpn-plugin-auth-pam.so",
         NULL,
         ANSWERS_NOT},
        {"vsftpd", {"vsftpd", "ftp"}, "/etc/vsftpd.conf", "pam_service_name", NULL, ANSWERS_NOT},
        {"proftpd", {"proftpd"}, "/etc/proftpd/*.conf", "AuthPAMConfig", NULL, ANSWERS_NOT},
};

static bool is_part_of_word(char c)
{
        return isalnum((unsigned char)c) || strchr("._+@/-", c);
}

/* Is this word on the line, and behind it, past blanks, '=' and quotes, the service? */
static bool line_names(const char *line, const char *word, const char *service)
{
        const char *at = line + strspn(line, " \t");
        size_t len = strlen(service);

        if (*at == '#' || *at == ';')
                return false;
        for (at = strstr(at, word); at; at = strstr(at, word)) {
                at += strlen(word);
                const char *value = at + strspn(at, " \t=\"'");

                if (value > at && strncmp(value, service, len) == 0 && !is_part_of_word(value[len]))
                        return true;
        }
        return false;
}

static bool file_names(const char *path, const char *word, const char *service)
{
        FILE *f = fopen(path, "re");
        char *line = NULL;
        size_t size = 0;
        bool found = false;

        if (!f)
                return false;
        while (!found && getline(&line, &size, f) >= 0)
                found = line_names(line, word, service);
        free(line);
        (void)fclose(f);
        return found;
}

/* The file of the program's configuration that names the service, into buf; false: none does. */
static bool configuration_names(const char *root, const struct program *p, const char *service,
                                char buf[static PATH_MAX])
{
        const char *c = p->files;
        bool found = false;

        while (c && *c && !found) {
                size_t len = strcspn(c, " ");
                char pattern[PATH_MAX];
                glob_t g = {0};

                (void)snprintf(pattern, sizeof(pattern), "%s%.*s", root, (int)len, c);
                c += len + (c[len] == ' ');
                if (glob(pattern, GLOB_NOSORT, NULL, &g) == 0)
                        for (size_t i = 0; i < g.gl_pathc && !found; i++) {
                                found = file_names(g.gl_pathv[i], p->word, service);
                                if (found)
                                        (void)snprintf(buf, PATH_MAX, "%s",
                                                       g.gl_pathv[i] + strlen(root));
                        }
                globfree(&g);
        }
        return found;
}

/* Programs that write the passwords that they are given into their log, where they are told to. */
static const struct logger {
        const char *program, *files, *word, *value;
} loggers[] = {
        {"dovecot", "/etc/dovecot/conf.d/10-logging.conf /etc/dovecot/local.conf",
         "auth_debug_passwords", "yes"},
        {"dovecot", "/etc/dovecot/conf.d/10-logging.conf /etc/dovecot/local.conf",
         "auth_verbose_passwords", "plain"},
        {"FreeRADIUS", "/etc/freeradius/*/radiusd.conf", "auth_badpass", "yes"},
        {"FreeRADIUS", "/etc/freeradius/*/radiusd.conf", "auth_goodpass", "yes"},
};

static void check_logging(struct doctor *d, const struct program *p)
{
        char file[PATH_MAX];

        for (size_t i = 0; i < sizeof(loggers) / sizeof(loggers[0]); i++) {
                const struct logger *l = &loggers[i];
                const struct program as = {.files = l->files, .word = l->word};

                if (strcmp(l->program, p->name) == 0 &&
                    configuration_names(d->root, &as, l->value, file))
                        finding_mend(
                                finding_in(findings_add(&d->found, FINDING_WRONG, "token-logged",
                                                        "%s writes every token that it is "
                                                        "given into its log (%s)",
                                                        p->name, l->word),
                                           file),
                                "set %s = no, and revoke what is in the log: orgtoken scan "
                                "--revoke FILE",
                                l->word);
        }
}

static bool is_known_by_name(const struct program *p, const char *service)
{
        for (size_t i = 0; i < sizeof(p->services) / sizeof(p->services[0]) && p->services[i]; i++)
                if (strcmp(p->services[i], service) == 0)
                        return true;
        return false;
}

static void check_prompt(struct doctor *d, const struct pamstack *s, const struct program *p)
{
        static const char *const what[] = {
                [ANSWERS_USER] = "answers it with the user's name, which is then taken for the "
                                 "organisation",
                [ANSWERS_NOT] = "cannot ask it, and the login fails",
                [ANSWERS_CRASH] = "crashes on it: anybody can stop it so",
        };
        const struct pamstack_line *ours = doctor_our_line(s, PAMSTACK_AUTH);

        if (!ours || p->answer == ANSWERS || !doctor_has_option(ours, "prompt_org"))
                return;
        finding_mend(finding_at(findings_add(&d->found, FINDING_WRONG, "prompt-org",
                                             "prompt_org asks for the organisation, and %s %s",
                                             p->name, what[p->answer]),
                                ours),
                     "take prompt_org out; name the organisation by org= on the line, or by @ORG "
                     "behind the token");
}

/* A service that only goes along with the others, through common-auth, may be there unused. */
static bool is_meant(const struct pamstack *s)
{
        const char *own = doctor_our_line(s, PAMSTACK_AUTH)->file;

        return strcmp(strrchr(own, '/') + 1, s->service) == 0;
}

/* file: of the program's configuration, that names the service; NULL: it goes by the name. */
static void check_member(struct doctor *d, const struct pamstack *s, const struct program *p,
                         const char *file)
{
        const struct host_user *u = p->user ? hostfiles_user(d->files, p->user) : NULL;
        const struct host_group *g = hostfiles_group(d->files, VERIFY_GROUP);
        struct finding *x;

        if (!u || !g)
                return;
        if (hostfiles_is_member(u, g)) {
                (void)findings_add(&d->found, FINDING_GOOD, "user-in-group",
                                   "%s, which asks as %s, may ask the daemon", p->name, u->name);
                return;
        }
        x = findings_add(&d->found, file || is_meant(s) ? FINDING_WRONG : FINDING_BEWARE,
                         "user-not-in-group",
                         "%s asks as %s, who is not in the group " VERIFY_GROUP
                         ": every token is refused",
                         p->name, u->name);
        if (file)
                (void)finding_in(x, file);
        finding_mend(x, "adduser %s " VERIFY_GROUP ", and restart %s", u->name, p->name);
}

void doctor_programs(struct doctor *d, const struct pamstack *s)
{
        for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
                const struct program *p = &programs[i];
                char file[PATH_MAX];
                bool named = configuration_names(d->root, p, s->service, file);

                if (!named && !is_known_by_name(p, s->service))
                        continue;
                check_prompt(d, s, p);
                check_logging(d, p);
                if (doctor_our_line(s, PAMSTACK_AUTH))
                        check_member(d, s, p, named ? file : NULL);
        }
}
