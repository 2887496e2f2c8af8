/*
 * The client's end of the protocol: connect within a deadline, make sure who listens, exchange
 * packets. Used by the PAM module inside foreign processes, so: no signals, no threads, no
 * environment, no descriptor on 0 to 2, poll() rather than select(), every buffer that held a token
 * wiped.
 */
#pragma once

#include <stdint.h>

#include "common/secret.h"
#include "common/wire.h"

#define CLIENT_TIMEOUT_DEFAULT_MS 3000

/* One connection. Initialise with CLIENT_INIT; client_close() is fine on any state, twice too. */
struct client {
        int fd;
        int64_t deadline_us; /* CLOCK_MONOTONIC, for everything that follows */
        struct secret_buffer buffer;
};
#define CLIENT_INIT                                                                                \
        {                                                                                          \
                .fd = -1                                                                           \
        }

/* Connects to the SOCK_SEQPACKET socket at path and checks the listener. The deadline, timeout_ms
   from now, holds for every later call too. 0, or -EPERM: the listener's effective uid is neither 0
   nor our own: an impostor, nothing was sent; -ETIMEDOUT, -ECONNREFUSED, -ENOENT, -EACCES, … : not
   reachable (the socket's own errno, but -EACCES for its EPERM); -ENAMETOOLONG: no such path fits a
   socket address. */
int client_connect(struct client *c, const char *path, unsigned timeout_ms);

/* Gives a connection more time, for what a person waits for. */
void client_set_timeout(struct client *c, unsigned timeout_ms);

/* Sends one message. 0, -ETIMEDOUT, -EPIPE, -ECONNRESET, or wire_encode()'s errors. The packet's
   buffer is wiped before it returns. */
int client_send(struct client *c, const struct wire_message *m);

/* Receives one message; its views point into c->buffer until the next call. 0; -ETIMEDOUT;
   -ECONNRESET or -EPIPE where the peer went away; -EPROTO where the packet is too long, or is no
   message. */
int client_receive(struct client *c, struct wire_message *ret);

/* Closes and wipes. */
void client_close(struct client *c);

/* Random bytes for a nonce, from getrandom(2). 0 or negative errno. */
int client_nonce(uint8_t ret[static WIRE_NONCE_LEN]);

/* One whole exchange as the module does it: connect, send, receive, and the answer must be one to
   this request (wire_is_answer_to); a connection that was reset is tried once more within the
   deadline. On success the connection is closed already and the reply's views point into c->buffer,
   until client_close(). 0; the errors of the calls above; -EBADMSG for a well-formed packet that is
   not the answer to this request. */
int client_exchange(struct client *c, const char *path, unsigned timeout_ms,
                    const struct wire_message *request, struct wire_message *ret_reply);
