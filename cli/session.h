/*
 * One run of the command against the daemon: the connection, the exchange, and what each way of
 * failing means as an exit status. Prints nothing.
 */
#pragma once

#include <stdint.h>

#include "cli/args.h"
#include "cli/output.h"
#include "common/client.h"
#include "common/wire.h"

/* One run, from the parsed line to the exit status. */
struct call {
        struct args args;
        struct output out;
        struct error error;
        const char *socket;
        int64_t now;          /* the clock, once for the whole run */
        unsigned patience_ms; /* how long to wait for the daemon at most; 0: as long as it may take
                               */
};

struct session {
        struct call *call;
        struct client client;
        struct wire_message request;
        struct wire_message reply; /* the last one; its texts are in the client's buffer */
};
#define SESSION_INIT                                                                               \
        {                                                                                          \
                .client = CLIENT_INIT                                                              \
        }

/* How long the daemon may take over one answer, and over one that works through the whole store. */
#define SESSION_TIMEOUT_MS      60000
#define SESSION_TIMEOUT_LONG_MS 600000

/* Every function that returns a status gives STATUS_DONE, or another with call->error set. */

/* A request without fields, or with those of the command line. Nothing is sent yet. */
int session_begin(struct session *s, struct call *call, enum wire_verb verb);
int session_begin_with_args(struct session *s, struct call *call);

/* Sends the request and receives the first answer. Refusals and "unavailable" are statuses; what is
   left in s->reply is DONE, ROW, END or NEW_TOKEN. A read whose connection was reset is asked once
   more. */
int session_ask(struct session *s);

/* Calls row for each row of a list, after session_ask(); ends with its END, or with the first
   status that is not STATUS_DONE. */
typedef int (*session_row)(void *context, const struct wire_message *row);
int session_rows(struct session *s, session_row row, void *context);

/* session_begin_with_args(), session_ask() and session_rows() in one. */
int session_list(struct call *call, session_row row, void *context);

/* Tells the daemon whether the token it made was written out. STATUS_DONE where it is kept
   (accepted) or revoked (not accepted). */
int session_acknowledge(struct session *s, bool accepted);

/* Closes and wipes; any state. */
void session_end(struct session *s);
#define _cleanup_session_ _cleanup_(session_end)

/* Says in words what a negative errno of the client means, into call->error. Returns its status. */
int session_failure(struct session *s, int r);
