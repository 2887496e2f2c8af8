/*
 * One connection, from accept to close: who it is by the kernel's word, one request within a
 * second, its answer. A verification is answered on the spot; a management request goes to the
 * worker and its packets out as fast as the caller reads. Whatever a caller does or leaves undone
 * ends his connection and nobody else's. Keeps nothing from one connection to the next, and wipes
 * what held a token.
 */
#pragma once

#include <systemd/sd-event.h>

#include "common/secret.h"
#include "daemon/backend.h"
#include "daemon/dispatch.h"
#include "daemon/jobs.h"
#include "daemon/quota.h"

#define PEER_REQUEST_USEC (1 * UINT64_C(1000000))  /* from accept to the request */
#define PEER_ACK_USEC     (1 * UINT64_C(1000000))  /* from a new token to its acknowledgement */
#define PEER_STALL_USEC   (10 * UINT64_C(1000000)) /* how long a caller may read nothing */

#define PEER_PRIORITY_VERIFY (-10) /* before everything else that waits */

struct peer;

/* What all connections share. Everything but the list and the buffer is borrowed. */
struct peer_set {
        sd_event *event;
        struct quota *quota;
        struct backend *backend;
        struct worker *worker;
        struct job_notes *notes;
        int64_t private_uid; /* the only one served; -1: whoever can connect */
        int64_t started_at;
        struct peer *first;
        unsigned sessions;             /* on their way to be remembered */
        bool is_ending;                /* by peer_end_all(): nothing is waited for any more */
        void (*on_end)(void *context); /* a connection has ended; NULL: nobody asks */
        void *context;
        struct secret_buffer buffer; /* the one place where a request's bytes stand */
};

#define PEER_REFUSED 2

/* Takes one connection from the listener and does for it what can be done now. 1, or PEER_REFUSED
   for one that was closed because its caller has its share, or is nobody; 0 where none waits;
   -EMFILE and the like where none can be taken now: come back a little later, or when one
   has ended. */
int peer_accept(struct peer_set *set, enum dispatch_socket socket, int listener);

/* Ends every connection that no job is running for, and makes those with one end with it; a token
   that was not acknowledged yet is revoked. For the end: the worker must still be there, and is
   freed next. */
void peer_end_all(struct peer_set *set);
