/*
 * What one caller may take of the daemon (orgtokend(8), SOCKETS): connections at a time on each
 * socket, and requests a second on manage.sock. Owns a bounded table of the uids that have
 * something to count. Uid 0, and the owner of a daemon started by hand, are never refused for their
 * own number; a part of all connections is kept free for them. Time is passed in (microseconds,
 * monotonic). Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/dispatch.h"

#define QUOTA_CONNECTIONS 32 /* of one uid, on each socket */
#define QUOTA_TOTAL       1024
#define QUOTA_RATE        50 /* requests a second */
#define QUOTA_BURST       200
#define QUOTA_UIDS        1024 /* more at a time are refused until some are idle */

struct quota;

/* total: how many connections there may be at all; three quarters of them are for ordinary callers.
   private_uid: exempt besides 0; -1: none. 0 or -ENOMEM. */
int quota_new(unsigned total, int64_t private_uid, struct quota **ret);
struct quota *quota_free(struct quota *q);

/* Counts a connection in. 0; -EUSERS: this uid has its share; -EAGAIN: everybody has it, come back
   when one has gone. */
int quota_connect(struct quota *q, enum dispatch_socket socket, int64_t uid, int64_t now);
/* Counts one out that was counted in. */
void quota_disconnect(struct quota *q, enum dispatch_socket socket, int64_t uid);

/* Counts a request on manage.sock. How long it has to wait before it is run, in microseconds; 0:
   not at all. Only for a uid that is connected. */
int64_t quota_delay(struct quota *q, int64_t uid, int64_t now);

/* All connections now. */
unsigned quota_connections(const struct quota *q);
/* True where no further connection would be taken, whoever it is. */
bool quota_is_full(const struct quota *q);
