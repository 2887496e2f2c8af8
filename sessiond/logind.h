/*
 * logind over the system bus: looking a session up, and ending it. Owns the connection, which is
 * made for each question: a bus that was restarted is simply a new one. Decides nothing.
 */
#pragma once

#include "sessiond/confirm.h"

struct logind;

#define LOGIND_WAIT_USEC (UINT64_C(700) * 1000) /* for one answer */

/* 0, or a negative errno: there is no bus. */
int logind_open(struct logind **ret);
struct logind *logind_close(struct logind *l);

/* The session of that id, or that the process is in. 0; -ENOENT: there is none; or a negative
   errno: logind does not answer. */
int logind_find(struct logind *l, const char *id, struct session *ret);
int logind_find_by_pid(struct logind *l, int64_t pid, struct session *ret);

/* Has logind end it, as `loginctl terminate-session` does; kill: by SIGKILL. 0; -ENOENT: it is gone
   already; or a negative errno. */
int logind_end(struct logind *l, const char *id, bool kill);
