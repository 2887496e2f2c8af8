/*
 * A fake daemon for the tests of the client and of the PAM module: it listens on a SOCK_SEQPACKET
 * path in a forked child and plays a script of honest and hostile answers. It builds its packets by
 * hand, from the protocol's description, so that it can say what wire_encode() refuses to. Test
 * code only: it aborts on its own failures.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/verdict.h"
#include "common/wire.h"

enum fake_behaviour {
        FAKE_UNSET = 0,    /* not in the script: see struct fake_script */
        FAKE_ALLOW,        /* ALLOW, VERDICT_ALLOW, org, key id, ticket (to VERIFY), user, expiry */
        FAKE_VERDICT,      /* VERDICT with step.verdict */
        FAKE_UNAVAILABLE,  /* UNAVAILABLE, no fields */
        FAKE_REFUSED,      /* REFUSED with a reason and a message, as on manage.sock */
        FAKE_NOT_GUARDED,  /* DONE, GUARDED 0: the session is not ours to decide */
        FAKE_DONE_GUARDED, /* DONE, GUARDED 1: no answer the daemon ever gives */
        FAKE_DONE,         /* DONE without fields */
        FAKE_SILENT,       /* accepts, reads, never answers, keeps the connection */
        FAKE_NO_ACCEPT,    /* only as the first step: backlog full, accepts after delay_ms, 0 never;
                              then goes on with the next step (FAKE_ALLOW where there is none) */
        FAKE_CLOSE,        /* accepts and closes without reading */
        FAKE_CLOSE_AFTER,  /* reads the request, then closes */
        FAKE_WRONG_NONCE,  /* FAKE_ALLOW with another nonce */
        FAKE_WRONG_VERB,   /* FAKE_ALLOW with another verb */
        FAKE_REPLAY,       /* FAKE_ALLOW as it was the right answer to the first request of all */
        FAKE_SHORT,        /* only the first step.length bytes of FAKE_ALLOW */
        FAKE_LONG,         /* FAKE_ALLOW and zeros up to one byte over WIRE_PACKET_MAX */
        FAKE_TRAILING,     /* FAKE_ALLOW and one byte more */
        FAKE_TWICE,        /* FAKE_ALLOW, in two packets of which both are whole answers */
        FAKE_NO_THEN_YES,  /* VERDICT with VERDICT_UNKNOWN, and FAKE_ALLOW behind it */
        FAKE_LATE,         /* FAKE_ALLOW after step.delay_ms */
        FAKE_GARBAGE,      /* 64 bytes of 0xa5 */
        FAKE_EMPTY,        /* a packet of no bytes */
        FAKE_ECHO,         /* the request itself */
        FAKE_ALLOW_BAD_VERDICT, /* ALLOW's magic with step.verdict in it */
        FAKE_ALLOW_BARE,        /* ALLOW's magic without a field */
        FAKE_VERDICT_ALLOW,     /* VERDICT's magic with VERDICT_ALLOW in it */
        FAKE_BIT_FLIP,  /* FAKE_ALLOW with bit step.bit of the packet flipped; 0 to 31: the magic */
        FAKE_NOT_UNARY, /* a ROW with FAKE_ALLOW's fields, then END: a list where none was asked */
        FAKE_UNKNOWN_FIELD, /* FAKE_ALLOW and a field of tag 999 */
        FAKE_DESCRIPTOR,    /* FAKE_ALLOW with a descriptor passed along */
};

struct fake_step {
        enum fake_behaviour behaviour;
        enum verdict verdict; /* 0: VERDICT_UNKNOWN */
        unsigned bit;
        unsigned delay_ms;
        size_t length;
};

/* The option for a module that talks to it: short where no answer comes, so that the test does not
   wait, and long where one does, so that a busy machine is not taken for a silent daemon. */
static inline const char *fake_timeout(enum fake_behaviour behaviour)
{
        return behaviour == FAKE_SILENT || behaviour == FAKE_NO_ACCEPT || behaviour == FAKE_LATE
                       ? "timeout=100"
                       : "timeout=20000";
}

#define FAKE_STEPS_MAX 16

/* Connection n plays steps[n]; the last step that is set repeats; with none set, FAKE_ALLOW. A
   request of a verb that has a step of its own gets that one, whatever its connection was to play
   (which then must not be FAKE_CLOSE or FAKE_NO_ACCEPT, decided before the request is read). An
   all-zero script allows everything with the values after the "or". Copied, except the texts. */
struct fake_script {
        struct fake_step steps[FAKE_STEPS_MAX];
        struct fake_step verify;
        struct fake_step account_check;
        struct fake_step session_check;
        const char *org;    /* or "acme" */
        const char *key_id; /* or "ak_0A1b2C" */
        const char *user;   /* or no such field */
        const char *ticket; /* or "ticket-of-the-fake" */
        int64_t expires_at; /* or no such field */
};

struct fake_daemon;

/* Listens at path (made anew, mode 0666) and returns when connections are taken. script may be
 * NULL. */
struct fake_daemon *fake_daemon_start(const char *path, const struct fake_script *script);

/* The same with a listener that belongs to uid, as an impostor's would. Needs root. */
struct fake_daemon *fake_daemon_start_as(const char *path, const struct fake_script *script,
                                         uid_t uid);

/* Ends and reaps the child and removes the path; returns NULL. Fails the test program where the
   child had died by itself. NULL is fine. */
struct fake_daemon *fake_daemon_stop(struct fake_daemon *d);

/* How many connections were accepted, and how many requests read. */
unsigned fake_daemon_connections(const struct fake_daemon *d);
unsigned fake_daemon_requests(const struct fake_daemon *d);

/* The bytes of request n, from 0; FAKE_REQUESTS_MAX are kept. Absent where there is none. The view
   holds until fake_daemon_stop(). */
#define FAKE_REQUESTS_MAX 32
struct view fake_daemon_request_bytes(const struct fake_daemon *d, unsigned n);

/* Request n, decoded with wire_decode(); its result, or -ENOENT. */
int fake_daemon_request(const struct fake_daemon *d, unsigned n, struct wire_message *ret);
/* The last one. */
int fake_daemon_last_request(const struct fake_daemon *d, struct wire_message *ret);
