/*
 * A host in which every call of the module can fail: libpam, the clock, memory and the socket are
 * played here, in one process and without waiting. The program is linked with --wrap for the libc
 * calls (tests/local.mk), and without libpam. Owns the module's entry points, which it compiles in.
 * Test code only.
 */
#pragma once

#include <security/pam_modules.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire.h"

enum fake_call {
        CALL_CALLOC,
        CALL_CLOCK,
        CALL_CONNECT,
        CALL_FCNTL,
        CALL_GETRANDOM,
        CALL_GETSOCKOPT,
        CALL_INET_NTOP,
        CALL_PPOLL,
        CALL_RECVMSG,
        CALL_SEND,
        CALL_SOCKET,
        CALL_GET_USER,
        CALL_GET_AUTHTOK,
        CALL_GET_ITEM,
        CALL_SET_ITEM,
        CALL_SET_DATA,
        CALL_GETENV,
        CALL_PUTENV,
        CALL_PROMPT,
};

#define FAKE_FAULTS 5 /* ways to fail, 1 to 4; 0 is none */
#define FAKE_ENV    8
#define FAKE_DATA   4

struct fake_host {
        /* What the application set. */
        const char *user, *ruser, *service, *tty, *rhost;
        char authtok[128];
        bool has_authtok;
        const char *org; /* the answer to a prompt */

        /* Says for each call whether and how it fails. */
        unsigned (*choose)(struct fake_host *h, enum fake_call call);
        void *context;
        /* Writes the answer to a request as it was sent and gives its length; 0: never answers. */
        size_t (*reply)(struct fake_host *h, const uint8_t *request, size_t len,
                        uint8_t packet[static WIRE_PACKET_MAX + 1]);

        /* What came of it. */
        int64_t now_us;
        unsigned descriptors; /* open */
        unsigned requests;
        bool has_sent, low, interrupted;
        bool stranger; /* who listens is not known to be root: gets nothing */
        /* Since the entry point was called: the module has read a packet with ALLOW's magic, its
           verb and its nonce; the same with DONE's magic. */
        bool allowed, done;
        uint8_t request[WIRE_PACKET_MAX];
        size_t request_len;
        char *env[FAKE_ENV];
        struct fake_data {
                const char *name;
                void *data;
                void (*cleanup)(pam_handle_t *pamh, void *data, int status);
        } data[FAKE_DATA];
        unsigned kept;   /* pam_set_data() calls */
        char said[256];  /* the last information for the person */
        char log[2048];  /* the last line logged */
        void *allocated; /* what calloc() gave last, until it is freed */
        size_t allocated_size;
        unsigned unwiped; /* freed with something still in it */
};

enum fake_entry {
        FAKE_AUTHENTICATE,
        FAKE_SETCRED,
        FAKE_ACCT_MGMT,
        FAKE_OPEN_SESSION,
};

/* The handle to call a part of the module with; the host is played until fake_host_end(). */
pam_handle_t *fake_host_open(struct fake_host *h);
/* Calls the entry point with these arguments, NULL behind the last. */
int fake_host_enter(struct fake_host *h, enum fake_entry entry, const char *const *arguments);
/* What the module keeps of a login that it allowed, or NULL. */
const void *fake_host_memo(const struct fake_host *h);
/* Releases data and environment, as pam_end() does. */
void fake_host_end(struct fake_host *h);

/* For a reply callback: an answer to the request, which must decode, with the fields that the
   verdict asks for: ALLOW with org, key id, ticket and user. */
size_t fake_host_answer(const uint8_t *request, size_t len, int64_t verdict,
                        uint8_t packet[static WIRE_PACKET_MAX + 1]);
