/*
 * sudo's approval plugin: before each command that sudoers allowed it asks the daemon whether the
 * caller may act as what the command will run as, by uid and gid, sudoedit included. So it holds
 * where a PAM session line does not: sudo -e, sudo -g, a second name for the uid, `!pam_session`, a
 * stack somebody changed. It can only refuse. Whoever may not be asked about is refused; root, and
 * accounts never bound, are not ours.
 */
#include <errno.h>
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
        const char *socket;
        unsigned timeout_ms;
        char message[512]; /* what sudo prints; it keeps the pointer */
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
                         sudo_printf_t print _unused_, char *const settings[] _unused_,
                         char *const user_info[], int submit_optind _unused_,
                         char *const submit_argv[] _unused_, char *const submit_envp[] _unused_,
                         char *const plugin_options[], const char **errstr)
{
        const char *actor = setting(user_info, "user"), *tty = setting(user_info, "tty");

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
        wire_put_text(&request, WIRE_F_SERVICE, VIEW("sudo"));
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
        syslog(LOG_AUTHPRIV | LOG_NOTICE, "%s", session.message);
        return REFUSE;
}

/* Collects the names of the accounts that a command acts as: each name of the uid, and, where the
   group is not that of the target itself, each account whose own group it is. -E2BIG where there
   are too many. */
static int collect(int64_t uid, int64_t gid, char names[][NAME_USER_MAX + 1], size_t *ret_count)
{
        size_t count = 0;
        int64_t own_gid = -1;
        const struct passwd *p;
        int r = 0;

        p = getpwuid((uid_t)uid);
        if (p)
                own_gid = p->pw_gid;
        setpwent();
        while (r == 0 && (p = getpwent())) {
                if (p->pw_uid != (uid_t)uid && (gid == own_gid || p->pw_gid != (gid_t)gid))
                        continue;
                if (count == NAMES_MAX)
                        r = -E2BIG;
                else if (view_copy(view_of(p->pw_name), names[count], NAME_USER_MAX + 1))
                        count++;
        }
        endpwent();
        *ret_count = count;
        return r;
}

static int approval_check(char *const command_info[], char *const run_argv[] _unused_,
                          char *const run_envp[] _unused_, const char **errstr)
{
        static char names[NAMES_MAX][NAME_USER_MAX + 1];
        size_t count = 0;
        int64_t uid, gid;
        int r;

        if (parse_id(setting(command_info, "runas_uid"), &uid) < 0 ||
            parse_id(setting(command_info, "runas_gid"), &gid) < 0) {
                *errstr = "orgtoken: sudo did not say what the command runs as";
                return FAILED;
        }
        /* Root can become anybody without us, and nobody is ever bound to root. */
        if (session.uid == 0 || uid == 0)
                return APPROVE;
        r = collect(uid, gid, names, &count);
        if (r < 0)
                return refuse("an id that too many accounts share", r, errstr);
        for (size_t i = 0; i < count; i++) {
                if (strcmp(names[i], session.actor) == 0)
                        continue;
                r = ask(names[i]);
                if (r < 0)
                        return refuse(names[i], r, errstr);
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
