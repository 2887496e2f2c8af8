/*
 * What the worker is given to do: management requests, with their pages and acknowledgements, and
 * the notes that verification leaves behind (uses, grants, the clock's mark), written together and
 * later. Owns the memory of both while they are on their way. Never decides and never talks to a
 * socket.
 */
#pragma once

#include "daemon/manage.h"
#include "daemon/usage.h"
#include "daemon/worker.h"

/* ---- one management request ---- */

struct job_request {
        struct worker_job job;
        struct worker *worker;
        struct manage *manage;
        struct manage_call call;
        struct manage_status status;
        struct manage_uses uses;     /* of job_notes_copy_uses() */
        struct manage_reply reply;   /* what is to be sent, once finished() was called */
        struct manage_reply created; /* the delivery that the acknowledgement is about */
        bool is_acknowledgement;
        bool accepted;
        int result; /* negative: there is no reply */
        void (*finished)(void *context);
        void *context;
        size_t packet_len;
        unsigned char packet[WIRE_PACKET_MAX];
};

/* A request with a copy of its packet; uid, pid, times and status are the caller's to set. finished
   is called with context on the event loop's thread, after each of the calls below. 0 or -ENOMEM.
 */
int job_request_new(struct worker *worker, struct manage *manage, struct view packet,
                    void (*finished)(void *context), void *context, struct job_request **ret);
/* Not while it is on its way. Wipes what it held; returns NULL. */
struct job_request *job_request_free(struct job_request *r);

/* Runs the request; called again where the reply said `more`, its next page. */
void job_request_run(struct job_request *r);
/* Ends the delivery of a new token. packet is the ACK, or absent where none came. */
void job_request_acknowledge(struct job_request *r, struct view packet, bool accepted);

/* ---- a session that was opened ---- */

/* manage_keep_session() on the worker's thread, before every request that comes after it: a change
   either sees the session, or is seen when the session is written. *pending is counted up, and down
   again when it is done; event loop's thread. Dropped where there are JOB_SESSIONS_MAX already or
   no memory: it then cannot be ended. */
#define JOB_SESSIONS_MAX 256
void job_session_run(struct worker *worker, struct manage *manage,
                     const struct record_session *session, unsigned *pending);

/* ---- notes ---- */

#define JOB_NOTES_DELAY_USEC (2 * UINT64_C(1000000))
#define JOB_NOTES_USES       512 /* in one transaction */
#define JOB_NOTES_GRANTS     256

struct job_notes;

/* sealed is where they are written, as long as it has a writer; usage where uses wait. Both
   borrowed, as are event and worker. 0 or negative errno. */
int job_notes_new(sd_event *event, struct worker *worker, const struct sealed *sealed,
                  struct usage *usage, struct job_notes **ret);
struct job_notes *job_notes_free(struct job_notes *n);

/* There is something to write: it will be, a little later, together with what comes until then. */
void job_notes_touch(struct job_notes *n);
/* A grant that was made or renewed, or (gone) dropped. Beyond JOB_NOTES_GRANTS the oldest is lost,
   which after a restart only refuses. */
void job_notes_put_grant(struct job_notes *n, const struct record_grant *grant, bool gone);
/* The clock's mark; 0 after a reset, so that one on its way does not come back. */
void job_notes_put_mark(struct job_notes *n, int64_t mark);
/* Forgets grants of the store that are over. */
void job_notes_prune(struct job_notes *n, int64_t life, int64_t now);
/* Writes now, unless that is being done already. What cannot be written is kept and tried again. */
void job_notes_flush(struct job_notes *n);
/* The same at the end: goes on until all is written, or cannot be. worker_free() comes next. */
void job_notes_finish(struct job_notes *n);
bool job_notes_are_pending(const struct job_notes *n);
/* Gives a request that asks by use what is noted and not in the store yet. 0 or -ENOMEM. */
int job_notes_copy_uses(const struct job_notes *n, struct job_request *r);
