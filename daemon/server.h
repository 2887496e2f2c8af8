/*
 * The running daemon: the event loop, the two listeners, the timers, and the way from start to end.
 * Takes connections in small batches, verifications first, so that a flood on one socket starves
 * neither the other nor root. Owns everything that peers share. Signals come through the event
 * loop; there is no handler.
 */
#pragma once

#include "daemon/listen.h"
#include "daemon/options.h"

#define SERVER_BATCH_VERIFY 16
#define SERVER_BATCH_MANAGE 4
#define SERVER_RETRY_USEC   (30 * UINT64_C(1000000)) /* a store that cannot be opened */
#define SERVER_BACKOFF_USEC (50 * UINT64_C(1000))    /* no descriptor left to accept with */
/* No look at manage.sock for so long after a refusal: those who are refused come back at once, and
   each that wakes the daemon takes the processor from somebody who logs in. */
#define SERVER_PAUSE_USEC (1 * UINT64_C(1000))
#define SERVER_DRAIN_USEC (3 * UINT64_C(1000000)) /* for what is in hand at the end */

struct server;

/* sockets are borrowed, as are the texts of options. credentials_dir: $CREDENTIALS_DIRECTORY, or
   NULL. private_uid: serve this uid only, and as root; -1: whoever can connect. SIGTERM and SIGINT
   must be blocked. A store that cannot be opened is no error. 0 or negative errno. */
int server_new(const struct options *options, const struct listen_sockets *sockets,
               const char *credentials_dir, int64_t private_uid, struct server **ret);
/* Serves until SIGTERM or SIGINT; then what is in hand is finished, and what was noted is written.
   0 or negative errno. */
int server_run(struct server *s);
struct server *server_free(struct server *s);
