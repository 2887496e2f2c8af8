/*
 * The judgements of `orgtoken doctor`, each about one part of the host, all by looking: files, and
 * what the daemon lists. Nothing is changed, no module is loaded, nobody is logged in.
 */
#pragma once

#include <sys/stat.h>

#include "cli/findings.h"
#include "cli/hostfiles.h"
#include "cli/pamstack.h"
#include "cli/session.h"
#include "common/name.h"

struct doctor {
        struct call *call;
        const char *root; /* "" for this host, else a folder that looks like one */
        struct hostfiles *files;
        struct findings found;
        bool asked;                       /* the daemon answered */
        char early[NAME_SERVICE_MAX + 1]; /* doctor_sessions_note() */
};

/* The stack of one service: does a good token get in, does a bad one not, does another module get
   to see it, do passwords go on, does the session line hold. wanted: it was named, so that a
   service without our module is worth a word. doctor_service.c */
void doctor_service(struct doctor *d, const struct pamstack *s, bool wanted);
/* What sshd's own configuration makes of PAM. doctor_sshd.c */
void doctor_sshd(struct doctor *d, const struct pamstack *s);
/* Its account and session lines. doctor_phases.c */
void doctor_account(struct doctor *d, const struct pamstack *s, bool takes_passwords);
void doctor_session(struct doctor *d, const struct pamstack *s);
/* Which program asks through this service, as which user, and what comes of that.
   doctor_programs.c */
void doctor_programs(struct doctor *d, const struct pamstack *s);
/* Module, user, group, sockets, units, store and key. doctor_host.c */
void doctor_host(struct doctor *d);
/* Whether open sessions can be ended, where that is wanted. note: of each service, whether its
   session line comes too early for that; before the other. doctor_sessions.c */
void doctor_sessions_note(struct doctor *d, const struct pamstack *s);
void doctor_sessions(struct doctor *d);
/* Bound accounts, people with tokens, shared uids, sudo. Asks the daemon. doctor_people.c */
void doctor_people(struct doctor *d, bool sudo_takes_tokens);

/* Files of the host, by their paths below its root. look: 0 or negative errno, of the file itself
   and not of what a link leads to; is_there: whether the pattern matches any. doctor_host.c */
int doctor_look(const struct doctor *d, const char *path, struct stat *ret);
bool doctor_is_there(const struct doctor *d, const char *pattern);
bool doctor_is_masked(const struct doctor *d, const char *unit);

/* Shared by those that run a stack. */
struct doctor_scenario {
        int ours;     /* what pam_orgtoken answers */
        int password; /* what modules that ask answer in auth */
        int account;  /* what those that look at the account answer in account */
        int depends;  /* those that go by who calls */
        int unknown;  /* those that this command does not know, in auth */
        const struct pamstack_line *refuses; /* answers perm_denied, whatever it is; NULL: none */
};
/* A pamwalk_answer; context is a scenario. This and the next two: doctor_lines.c */
int doctor_answer(void *context, const struct pamstack_line *l);

static inline bool doctor_is_ours(const struct pamstack_line *l)
{
        return pamstack_is_module(l, "pam_orgtoken");
}

/* Our first line in a phase; NULL. */
const struct pamstack_line *doctor_our_line(const struct pamstack *s, enum pamstack_phase phase);
/* Whether a line has this word. */
bool doctor_has_option(const struct pamstack_line *l, const char *word);

/* su, sudo and the like: where somebody becomes somebody else. */
bool doctor_is_elevation(const char *service);
