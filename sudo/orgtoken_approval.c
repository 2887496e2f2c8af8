/*
 * sudo's approval plugin: before each command that sudoers allowed it asks the daemon whether the
 * caller may act as what the command will run as, by uid and gid, sudoedit included. So it holds
 * where a PAM session line does not: sudo -e, sudo -g, a second name for the uid, `!pam_session`, a
 * stack somebody changed. It can only refuse. Whoever may not be asked about is refused; root, and
 * accounts never bound, are not ours.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sudo_plugin.h>
#include <syslog.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/client.h"
#include "common/logsafe.h"
#include "common/name.h"
#include "common/verdict.h"

/* How many accounts may share the uid or gid of one command. Beyond it the command is refused. */
#define NAMES_MAX 256

#define APPROVE 1
#define REFUSE  0
#define FAILED  (-1)

/* sudo runs one command per process: this is the state of its one session with us. */
static struct {
        char actor[NAME_USER_MAX + 1];
        char tty[NAME_USER_MAX + 1];
        int64_t uid;
        const char *service;
        const char *socket;
        unsigned timeout_ms;
        sudo_printf_t print;
        char message[512]; /* for sudo's audit; it keeps the pointer */
} session;

/* The value of NAME= in one of sudo's lists; NULL where it is not there. */
static const char *setting(char *const list[], const char *name)
{
        size_t len = strlen(name);

        for (size_t i = 0; list && list[i]; i++)
                if (strncmp(list[i], name, len) == 0 && list[i][len] == '=')
                        return list[i] + len + 1;
        return NULL;
}

/* A user or group id as sudo writes it. -1 is "no such id" everywhere else and is no id here
 * either. */
static int parse_id(const char *text, int64_t *ret)
{
        char *end = NULL;
        unsigned long long n;

        if (!text || text[0] < '0' || text[0] > '9')
                return -EINVAL;
        errno = 0;
        n = strtoull(text, &end, 10);
        if (errno != 0 || *end != '\0' || n >= UINT32_MAX)
                return -EINVAL;
        *ret = (int64_t)n;
        return 0;
}

static int read_options(char *const options[])
{
        session.socket = ORGTOKEN_VERIFY_SOCKET;
        session.timeout_ms = CLIENT_TIMEOUT_DEFAULT_MS;
        for (size_t i = 0; options && options[i]; i++) {
                int64_t ms;

                if (strncmp(options[i], "socket=/", 8) == 0) {
                        session.socket = options[i] + 7;
                } else if (strncmp(options[i], "timeout=", 8) == 0 &&
                           parse_id(options[i] + 8, &ms) == 0 && ms >= 1 && ms <= 60000) {
                        session.timeout_ms = (unsigned)ms;
                } else {
                        return -EINVAL;
                }
        }
        return 0;
}

static int approval_open(unsigned int version, sudo_conv_t conversation _unused_,
                         sudo_printf_t print, char *const settings[], char *const user_info[],
                         int submit_optind _unused_, char *const submit_argv[] _unused_,
                         char *const submit_envp[] _unused_, char *const plugin_options[],
                         const char **errstr)
{
        const char *actor = setting(user_info, "user"), *tty = setting(user_info, "tty");
        const char *login = setting(settings, "login_shell");

        if (SUDO_API_VERSION_GET_MAJOR(version) != SUDO_API_VERSION_MAJOR) {
                *errstr = "orgtoken: this sudo speaks another version of the plugin interface";
                return FAILED;
        }
        if (read_options(plugin_options) < 0) {
                *errstr = "orgtoken: the plugin takes socket=/PATH and timeout=MILLISECONDS only";
                return FAILED;
        }
        if (parse_id(setting(user_info, "uid"), &session.uid) < 0 ||
            !view_copy(view_of(actor), session.actor, sizeof(session.actor)) ||
            session.actor[0] == '\0') {
                *errstr = "orgtoken: sudo did not say who is calling";
                return FAILED;
        }
        if (!view_copy(view_of(tty), session.tty, sizeof(session.tty)))
                session.tty[0] = '\0';
        /* sudo's two PAM services, which an account may be bound for one by one. */
        session.print = print;
        session.service = login && strcmp(login, "true") == 0 ? "sudo-i" : "sudo";
        return 1;
}

/* May the actor act as this account? 0: yes, or it is not ours to decide. */
static int ask(const char *account)
{
        _cleanup_(client_close) struct client client = CLIENT_INIT;
        struct wire_message request, reply;
        uint8_t nonce[WIRE_NONCE_LEN];
        int r = client_nonce(nonce);

        if (r < 0)
                return r;
        wire_init(&request, WIRE_REQUEST, WIRE_V_SESSION_CHECK, nonce);
        wire_put_text(&request, WIRE_F_ACCOUNT, view_of(account));
        wire_put_text(&request, WIRE_F_ACTOR, view_of(session.actor));
        wire_put_text(&request, WIRE_F_SERVICE, view_of(session.service));
        wire_put_number(&request, WIRE_F_REAL_UID, session.uid);
        if (session.tty[0] != '\0')
                wire_put_text(&request, WIRE_F_TTY, view_of(session.tty));
        r = client_exchange(&client, session.socket, session.timeout_ms, &request, &reply);
        if (r < 0)
                return r;
        if (reply.magic == WIRE_ALLOW && wire_number(&reply, WIRE_F_VERDICT, 0) == VERDICT_ALLOW)
                return 0;
        if (reply.magic == WIRE_DONE && wire_number(&reply, WIRE_F_GUARDED, -1) == 0)
                return 0;
        return reply.magic == WIRE_VERDICT ? -EACCES : -EAGAIN;
}

static int refuse(const char *account, int error, const char **errstr)
{
        char text[LOGSAFE_SIZE];

        logsafe(view_of(account), text, sizeof(text));
        if (error == -EACCES)
                (void)snprintf(session.message, sizeof(session.message),
                               "orgtoken: %s may not act as %s now: prove it with an organisation "
                               "token first (sudo -k, then again)",
                               session.actor, text);
        else
                (void)snprintf(session.message, sizeof(session.message),
                               "orgtoken: nobody can say now whether %s may act as %s (%s)",
                               session.actor, text, strerror(-error));
        *errstr = session.message;
        /* sudo itself shows nobody why (sudo_plugin(5), "Approval plugin API"). */
        if (session.print)
                (void)session.print(SUDO_CONV_ERROR_MSG, "%s\n", session.message);
        syslog(LOG_AUTHPRIV | LOG_NOTICE, "%s", session.message);
        return REFUSE;
}

/* The accounts that one command acts as. */
struct names {
        size_t count;
        char name[NAMES_MAX][NAME_USER_MAX + 1];
};

static int add_name(struct names *names, const char *name)
{
        for (size_t i = 0; i < names->count; i++)
                if (strcmp(names->name[i], name) == 0)
                        return 0;
        if (names->count == NAMES_MAX)
                return -E2BIG;
        /* One that is longer than any that can be bound is none of ours. */
        if (view_copy(view_of(name), names->name[names->count], NAME_USER_MAX + 1))
                names->count++;
        return 0;
}

/* Every other name of the uid, and with other_gid every account whose own group it is. A directory
   that does not list its users shows none of them here. */
static int add_listed(struct names *names, int64_t uid, int64_t gid, bool other_gid)
{
        const struct passwd *p;
        int r = 0;

        setpwent();
        while (r == 0 && (p = getpwent()))
                if (p->pw_uid == (uid_t)uid || (other_gid && p->pw_gid == (gid_t)gid))
                        r = add_name(names, p->pw_name);
        endpwent();
        return r;
}

/* Adds each name of the uid, and, where the group is not that of the target itself, each account
   whose own group it is or that is called like it. -E2BIG where there are too many. */
static int collect(struct names *names, int64_t uid, int64_t gid)
{
        const struct passwd *p = getpwuid((uid_t)uid);
        bool other_gid = !p || p->pw_gid != (gid_t)gid;
        const struct group *g;
        int r = p ? add_name(names, p->pw_name) : 0;

        if (r < 0)
                return r;
        g = other_gid ? getgrgid((gid_t)gid) : NULL;
        r = g ? add_name(names, g->gr_name) : 0;
        return r < 0 ? r : add_listed(names, uid, gid, other_gid);
}

/* The uid and gid that the command runs as. sudo uses the effective ones where it is given any. */
static int target_of(char *const command_info[], const char *uid_name, const char *gid_name,
                     int64_t *ret_uid, int64_t *ret_gid)
{
        if (setting(command_info, uid_name) &&
            parse_id(setting(command_info, uid_name), ret_uid) < 0)
                return -EINVAL;
        if (setting(command_info, gid_name) &&
            parse_id(setting(command_info, gid_name), ret_gid) < 0)
                return -EINVAL;
        return *ret_uid < 0 || *ret_gid < 0 ? -EINVAL : 0;
}

static int approval_check(char *const command_info[], char *const run_argv[] _unused_,
                          char *const run_envp[] _unused_, const char **errstr)
{
        static struct names names;
        int64_t uid = -1, gid = -1, euid, egid;
        int r;

        names.count = 0;
        r = target_of(command_info, "runas_uid", "runas_gid", &uid, &gid);
        euid = uid;
        egid = gid;
        if (r == 0)
                r = target_of(command_info, "runas_euid", "runas_egid", &euid, &egid);
        if (r < 0) {
                *errstr = "orgtoken: sudo did not say what the command runs as";
                return FAILED;
        }
        /* Root can become anybody without us, and nobody is ever bound to root. */
        if (session.uid == 0 || (uid == 0 && euid == 0))
                return APPROVE;
        r = collect(&names, uid, gid);
        if (r == 0 && (euid != uid || egid != gid))
                r = collect(&names, euid, egid);
        if (r < 0)
                return refuse("an id that too many accounts share", r, errstr);
        for (size_t i = 0; i < names.count; i++) {
                if (strcmp(names.name[i], session.actor) == 0)
                        continue;
                r = ask(names.name[i]);
                if (r < 0)
                        return refuse(names.name[i], r, errstr);
        }
        return APPROVE;
}

static int approval_show_version(int verbose _unused_)
{
        return 1;
}

__attribute__((visibility("default"))) extern struct approval_plugin orgtoken_approval;
struct approval_plugin orgtoken_approval = {
        .type = SUDO_APPROVAL_PLUGIN,
        .version = SUDO_API_VERSION,
        .open = approval_open,
        .check = approval_check,
        .show_version = approval_show_version,
};
