#include "cli/doctor.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/name.h"

#define UNIT   "orgtoken-sessiond.socket"
#define SOCKET ORGTOKEN_RUNTIME_DIR "/session.sock"
#define ENABLE "systemctl enable --now " UNIT
#define OWNER  "orgtoken"
#define MODE   0600

/* The first organisation whose policy ends sessions. */
struct wish {
        struct call *call;
        char org[NAME_ORG_MAX + 1];
};

static int take_org(void *context, const struct wire_message *row)
{
        _cleanup_session_ struct session s = SESSION_INIT;
        struct wish *w = context;
        char org[NAME_ORG_MAX + 1];
        int status;

        if (w->org[0] || !view_copy(wire_text(row, WIRE_F_ORG), org, sizeof(org)))
                return STATUS_DONE;
        status = session_begin(&s, w->call, WIRE_V_ORG_SHOW);
        if (status == STATUS_DONE) {
                wire_put_text(&s.request, WIRE_F_ORG, view_of(org));
                status = session_ask(&s);
        }
        if (status == STATUS_DONE && wire_number(&s.reply, WIRE_F_END_SESSIONS, 0) != 0)
                (void)snprintf(w->org, sizeof(w->org), "%s", org);
        return status;
}

/* That the daemon does not say is told by others. */
static void ask_policies(struct doctor *d, struct wish *w)
{
        _cleanup_session_ struct session s = SESSION_INIT;
        int status;

        if (!d->asked)
                return;
        status = session_begin(&s, d->call, WIRE_V_ORG_LIST);
        if (status == STATUS_DONE)
                status = session_ask(&s);
        if (status == STATUS_DONE)
                status = session_rows(&s, take_org, w);
        if (status != STATUS_DONE)
                d->call->error = (struct error){0};
}

static void check_socket(struct doctor *d, const struct wish *w)
{
        const struct host_user *u = hostfiles_user(d->files, OWNER);
        struct finding *x;
        struct stat st;

        if (doctor_look(d, SOCKET, &st) < 0 || !S_ISSOCK(st.st_mode)) {
                if (w->org[0])
                        x = findings_add(&d->found, FINDING_WRONG, "sessions-socket",
                                         "the policy of %s says end-sessions=yes, and no session "
                                         "is ended: orgtoken-sessiond's socket is not there",
                                         w->org);
                else
                        x = findings_add(&d->found, FINDING_WRONG, "sessions-socket",
                                         UNIT " is enabled, and its socket is not there: no "
                                              "session is ended");
                finding_mend(finding_in(x, SOCKET), "%s",
                             doctor_is_masked(d, UNIT) ? "systemctl unmask " UNIT " && " ENABLE
                                                       : ENABLE);
                return;
        }
        if ((u && st.st_uid != u->uid) || (st.st_mode & 0777) != MODE)
                finding_mend(finding_in(findings_add(&d->found, FINDING_WRONG, "sessions-socket",
                                                     "this socket is the daemon's alone, " OWNER
                                                     "'s with mode %04o; it is uid %u's with %04o",
                                                     MODE, (unsigned)st.st_uid,
                                                     (unsigned)st.st_mode & 0777),
                                        SOCKET),
                             "chown " OWNER ":" OWNER " " SOCKET " && chmod 0600 " SOCKET
                             ", and look for a drop-in of " UNIT);
}

void doctor_sessions_note(struct doctor *d, const struct pamstack *s)
{
        bool ours = false, behind = false, logind = false;

        for (size_t i = 0; i < s->count; i++) {
                const struct pamstack_line *l = &s->lines[i];

                if (l->phase != PAMSTACK_SESSION || l->kind != PAMSTACK_MODULE)
                        continue;
                logind = logind || pamstack_is_module(l, "pam_systemd");
                ours = ours || doctor_is_ours(l);
                behind = behind || (logind && doctor_is_ours(l));
        }
        /* Within somebody's session these make none of their own. */
        if (ours && logind && !behind && !doctor_is_elevation(s->service) && !d->early[0])
                (void)snprintf(d->early, sizeof(d->early), "%s", s->service);
}

void doctor_sessions(struct doctor *d)
{
        bool live = d->root[0] == '\0', enabled;
        struct wish w = {.call = d->call};
        struct stat st;
        size_t before;

        if (live)
                ask_policies(d, &w);
        enabled = doctor_is_there(d, "/etc/systemd/system/*.wants/" UNIT) ||
                  (live && doctor_look(d, SOCKET, &st) == 0);
        if (!enabled && !w.org[0])
                return;
        d->found.subject = "sessions";
        before = findings_count(&d->found, FINDING_WRONG);
        if (live)
                check_socket(d, &w);
        if (d->early[0])
                finding_mend(findings_add(&d->found, FINDING_WRONG, "session-early",
                                          "in %s the session line stands before pam_systemd, which "
                                          "makes the session: what a token opens there is not "
                                          "known, and not ended",
                                          d->early),
                             "behind it: session optional pam_orgtoken.so quiet; in common-session "
                             "with pam-auth-update --enable orgtoken-sessions");
        if (findings_count(&d->found, FINDING_WRONG) == before)
                (void)findings_add(&d->found, FINDING_GOOD, "sessions-end",
                                   "open sessions can be ended: --end-sessions, and "
                                   "end-sessions=yes of an organisation");
}
