#include "cli/doctor.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/name.h"

#define DAY_SECONDS 86400
#define PATIENCE_MS 5000 /* a sick daemon is what this is for */

/* The rows of an account come together. */
struct people {
        struct doctor *d;
        char last[NAME_ITEM_MAX + 1];
        bool sudo_takes_tokens;
};

/* --- sudoers, as far as a line tells by itself */

/* Calls take for each line of a file that is no comment, until it says true. */
static bool any_line(const char *path, bool (*take)(const char *line, const void *what),
                     const void *what)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        FILE *f = fd >= 0 ? fdopen(fd, "re") : NULL;
        char *line = NULL;
        size_t size = 0;
        bool found = false;
        struct stat st;

        if (!f) {
                if (fd >= 0)
                        (void)close(fd);
                return false;
        }
        while (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && !found &&
               getline(&line, &size, f) >= 0) {
                line[strcspn(line, "\n")] = '\0';
                found = line[strspn(line, " \t")] != '#' && take(line, what);
        }
        free(line);
        (void)fclose(f);
        return found;
}

static bool any_sudoers_line(const struct doctor *d,
                             bool (*take)(const char *line, const void *what), const void *what)
{
        char path[PATH_MAX];
        struct dirent *e;
        bool found;
        DIR *dir;

        (void)snprintf(path, sizeof(path), "%s/etc/sudoers", d->root);
        found = any_line(path, take, what);
        (void)snprintf(path, sizeof(path), "%s/etc/sudoers.d", d->root);
        dir = opendir(path);
        while (dir && !found && (e = readdir(dir))) {
                /* As sudo leaves them out. */
                if (strchr(e->d_name, '.') || strchr(e->d_name, '~'))
                        continue;
                (void)snprintf(path, sizeof(path), "%s/etc/sudoers.d/%s", d->root, e->d_name);
                found = any_line(path, take, what);
        }
        if (dir)
                (void)closedir(dir);
        return found;
}

/* "Defaults targetpw", or one for this account. */
static bool says_targetpw(const char *line, const void *account)
{
        const char *at = strstr(line, "targetpw"), *name;
        size_t len = strlen(account);

        if (strncmp(line, "Defaults", 8) != 0 || !at || at[-1] == '!')
                return false;
        if (line[8] == ' ' || line[8] == '\t')
                return true;
        for (name = strstr(line, account); line[8] == '>' && name && name < at;
             name = strstr(name + 1, account))
                if (strchr(">,\" \t", name[-1]) && strchr(",\" \t", name[len]))
                        return true;
        return false;
}

static bool says_no_session(const char *line, const void *what)
{
        (void)what;
        return strncmp(line, "Defaults", 8) == 0 && strstr(line, "!pam_session");
}

/* "Plugin orgtoken_approval …", which asks for itself before anything is opened. */
static bool says_approval(const char *line, const void *what)
{
        (void)what;
        return strncmp(line, "Plugin", 6) == 0 && strstr(line, "orgtoken_approval");
}

static bool has_approval(const struct doctor *d)
{
        char path[PATH_MAX];

        (void)snprintf(path, sizeof(path), "%s/etc/sudo.conf", d->root);
        return any_line(path, says_approval, NULL);
}

/* --- accounts */

static bool is_key(const char *line, const void *what)
{
        (void)what;
        return line[strspn(line, " \t\r")] != '\0';
}

static void check_ssh_keys(struct doctor *d, const struct host_user *u)
{
        static const char *const names[] = {"authorized_keys", "authorized_keys2"};

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                char path[PATH_MAX];

                (void)snprintf(path, sizeof(path), "%s%s/.ssh/%s", d->root, u->home, names[i]);
                if (!any_line(path, is_key, NULL))
                        continue;
                finding_mend(finding_in(findings_add(&d->found, FINDING_BEWARE, "account-ssh-keys",
                                                     "%s is bound, and these ssh keys open it "
                                                     "without a token; what ends tokens does not "
                                                     "end them",
                                                     u->name),
                                        path + strlen(d->root)),
                             "where they are not meant: rm %s", path + strlen(d->root));
        }
}

static void check_password(struct doctor *d, const struct host_user *u)
{
        struct finding *x;

        if (u->password == HOST_PASSWORD_SET)
                x = findings_add(&d->found, FINDING_BEWARE, "account-password",
                                 "%s is bound and has a password of its own, which opens it "
                                 "wherever passwords work and the session line does not ask",
                                 u->name);
        else if (u->password == HOST_PASSWORD_EMPTY)
                x = findings_add(&d->found, FINDING_WRONG, "account-password",
                                 "%s is bound and has an empty password", u->name);
        else
                return;
        finding_mend(x, "passwd -l %s", u->name);
}

static void check_names_of_uid(struct doctor *d, const struct host_user *u)
{
        for (size_t i = 0; i < d->files->user_count; i++) {
                const struct host_user *other = &d->files->users[i];

                if (other == u || other->uid != u->uid)
                        continue;
                finding_mend(findings_add(&d->found, FINDING_WRONG, "uid-shared",
                                          "%s is bound, and %s is another name for its uid %u: who "
                                          "becomes %s has everything of %s without its token",
                                          u->name, other->name, (unsigned)u->uid, other->name,
                                          u->name),
                             "usermod -u NEWUID %s", other->name);
        }
}

static void check_account(struct people *p, const char *name)
{
        struct doctor *d = p->d;
        const struct host_user *u = hostfiles_user(d->files, name);

        /* A database role, or of a directory service: nothing of it is here. */
        if (u) {
                check_password(d, u);
                check_ssh_keys(d, u);
                check_names_of_uid(d, u);
        }
        if (p->sudo_takes_tokens && !has_approval(d) && !any_sudoers_line(d, says_targetpw, name))
                finding_mend(findings_add(&d->found, FINDING_BEWARE, "sudo-targetpw",
                                          "sudo does not tell PAM about %s before it opens it "
                                          "(targetpw): a token proves who calls, and the session "
                                          "line alone holds the rest; it does not see sudo -e "
                                          "and sudo -g",
                                          name),
                             "orgtoken sudoers > /etc/sudoers.d/orgtoken && chmod 0440 "
                             "/etc/sudoers.d/orgtoken && visudo -c");
}

static int take_account(void *context, const struct wire_message *row)
{
        struct people *p = context;
        char name[NAME_ITEM_MAX + 1];

        if (view_copy(wire_text(row, WIRE_F_ACCOUNT), name, sizeof(name)) &&
            strcmp(name, p->last) != 0) {
                check_account(p, name);
                (void)snprintf(p->last, sizeof(p->last), "%s", name);
        }
        return STATUS_DONE;
}

/* --- people */

static void check_person(struct doctor *d, const char *name)
{
        const struct host_user *u = hostfiles_user(d->files, name);
        int64_t today = d->call->now / DAY_SECONDS;
        struct finding *x = NULL;

        if (!u && getpwnam(name))
                return;
        if (!u)
                x = findings_add(&d->found, FINDING_BEWARE, "user-gone",
                                 "%s is no user of this host any more, and tokens of theirs still "
                                 "open the services that do not look at the account",
                                 name);
        else if (u->expires_day >= 0 && u->expires_day <= today)
                x = findings_add(&d->found, FINDING_BEWARE, "user-expired",
                                 "the account of %s has expired, and tokens of theirs still open "
                                 "the services that do not look at the account",
                                 name);
        else if (u->password == HOST_PASSWORD_LOCKED)
                x = findings_add(&d->found, FINDING_BEWARE, "user-locked",
                                 "the password of %s is locked, and tokens of theirs still open "
                                 "everything that they opened before",
                                 name);
        if (x)
                finding_mend(x,
                             "if they left: orgtoken user remove %s; for a while: orgtoken user "
                             "suspend %s",
                             name, name);
}

/* Who has the name now is somebody else, or had their uid changed. A login has no uid to compare.
 */
static bool check_uid(struct doctor *d, const char *name, int64_t uid)
{
        const struct host_user *u = hostfiles_user(d->files, name);

        if (!u || uid < 0 || (int64_t)u->uid == uid)
                return false;
        finding_mend(findings_add(&d->found, FINDING_WRONG, "user-uid",
                                  "%s had the uid %" PRId64 " and has %u: if that is somebody "
                                  "else, tokens of whoever had the name before open this account",
                                  name, uid, (unsigned)u->uid),
                     "the same person: orgtoken user reassign %s; another: orgtoken user remove %s",
                     name, name);
        return true;
}

static int take_person(void *context, const struct wire_message *row)
{
        struct people *p = context;
        char name[NAME_ITEM_MAX + 1];

        if (wire_number(row, WIRE_F_SUSPENDED, 0) == 0 && wire_number(row, WIRE_F_PATS, 0) > 0 &&
            view_copy(wire_text(row, WIRE_F_USER), name, sizeof(name)) &&
            !check_uid(p->d, name, wire_number(row, WIRE_F_UID, -1)))
                check_person(p->d, name);
        return STATUS_DONE;
}

/* All rows of a list; its failure is told by the caller and is no failure of the run. */
static int list(struct people *p, enum wire_verb verb, session_row row)
{
        _cleanup_session_ struct session s = SESSION_INIT;
        struct call *call = p->d->call;
        int status = session_begin(&s, call, verb);

        if (status == STATUS_DONE)
                status = session_ask(&s);
        if (status == STATUS_DONE)
                status = session_rows(&s, row, p);
        return status;
}

static void tell_silence(struct doctor *d, int status)
{
        struct error *e = &d->call->error;

        if (status == STATUS_REFUSED) {
                d->asked = true;
                finding_mend(findings_add(&d->found, FINDING_BEWARE, "not-root",
                                          "the daemon tells only root of bound accounts and "
                                          "people: these were not looked at"),
                             "run orgtoken doctor as root");
        } else {
                finding_mend(findings_add(&d->found, FINDING_WRONG, "daemon-silent",
                                          "the daemon does not answer (%.300s): no token gets in; "
                                          "bound accounts and people were not looked at",
                                          e->message),
                             "systemctl status orgtokend.service; journalctl -u orgtokend");
        }
        *e = (struct error){0};
}

/* Two names for one uid, whoever it is. */
static void check_shared_uids(struct doctor *d)
{
        for (size_t i = 0; i < d->files->user_count; i++) {
                const struct host_user *u = &d->files->users[i],
                                       *first = hostfiles_uid(d->files, u->uid);

                if (first != u)
                        finding_mend(findings_add(&d->found, FINDING_BEWARE, "uid-shared",
                                                  "%s and %s are two names for uid %u; neither can "
                                                  "be bound, and each has what the other has",
                                                  first->name, u->name, (unsigned)u->uid),
                                     "usermod -u NEWUID %s", u->name);
        }
}

void doctor_people(struct doctor *d, bool sudo_takes_tokens)
{
        struct people p = {.d = d, .sudo_takes_tokens = sudo_takes_tokens};
        int status;

        d->found.subject = "accounts";
        if (sudo_takes_tokens && any_sudoers_line(d, says_no_session, NULL))
                finding_mend(findings_add(&d->found, FINDING_WRONG, "sudo-no-session",
                                          "sudoers says !pam_session: sudo then opens every bound "
                                          "account without asking for its token"),
                             "take it out with visudo");
        check_shared_uids(d);
        if (d->root[0] != '\0') {
                (void)findings_add(&d->found, FINDING_BEWARE, "daemon-not-asked",
                                   "with --root no daemon is asked: bound accounts and people "
                                   "were not looked at");
                return;
        }
        d->call->patience_ms = PATIENCE_MS;
        status = list(&p, WIRE_V_GUARDED_LIST, take_account);
        if (status == STATUS_DONE)
                status = list(&p, WIRE_V_USER_LIST, take_person);
        if (status == STATUS_DONE)
                d->asked = true;
        else
                tell_silence(d, status);
}
