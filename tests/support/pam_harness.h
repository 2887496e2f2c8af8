/*
 * Runs stacks through the real libpam, with a service file of its own in a temporary folder, a
 * person who answers from a script, and the log kept instead of sent. The module is the built one,
 * the file named by ORGTOKEN_MODULE. Test code only: it fails the running cmocka test on its own
 * failures.
 */
#pragma once

#include <security/pam_appl.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/token.h"
#include "tests/support/fake_daemon.h"

struct harness {
        char dir[32];
        char socket[48];  /* where the module asks */
        char spied[48];   /* what pam_spy.so wrote */
        char service[32]; /* "svc" unless changed before harness_start() */
        pam_handle_t *pamh;
        struct fake_daemon *daemon;
        /* The person's answers; NULL: the application refuses to ask. */
        const char *password;              /* to a prompt without echo */
        const char *org;                   /* to "Organization: " */
        const char *login;                 /* to any other prompt with echo */
        int conv_code;                     /* what it returns when it refuses; 0: PAM_CONV_ERR */
        void (*on_org)(struct harness *h); /* called in the org prompt */
        /* What was shown. */
        unsigned passwords_asked, orgs_asked, logins_asked, messages;
        char message[256]; /* the last one, and its style */
        int message_style;
        char prompt[64]; /* the last prompt without echo */
};

/* A folder, and a daemon that plays the script (NULL: allows everything). */
struct harness *harness_new(const struct fake_script *script);
/* A folder and no daemon. */
struct harness *harness_new_alone(void);
/* Another script; the count of connections begins anew. */
void harness_script(struct harness *h, const struct fake_script *script);
/* Stops the daemon where there is one. */
void harness_stop_daemon(struct harness *h);
/* Ends the handle and the daemon, removes the folder; returns NULL. */
struct harness *harness_free(struct harness *h);

/* Writes the service file. In it "@M" is the module and a socket= for it, "@RAW" the module alone,
   "@SPY" tests/pam/pam_spy.c and the place where it writes. */
void harness_stack(struct harness *h, const char *lines);
/* pam_start; user may be NULL. An open handle is ended first. */
void harness_start(struct harness *h, const char *user);
void harness_item(struct harness *h, int type, const char *value);
void harness_end(struct harness *h);

/* stack, start for alice, and pam_authenticate with that password. */
int harness_login(struct harness *h, const char *lines, const char *password);

/* What pam_spy.so wrote so far, for the caller to free(). */
char *harness_spied(const struct harness *h);
/* Connections to the daemon. */
unsigned harness_connections(const struct harness *h);
/* The last request; fails the test where it does not decode. */
void harness_request(const struct harness *h, struct wire_message *ret);

/* A whole token of that kind, the same at each call, with "@org" where org is not NULL. Static
   storage, one for each kind and call with or without org. */
const char *harness_token(enum token_kind kind, const char *org);
/* The path of the module. */
const char *harness_module(void);

/* The log of this process: everything that reached syslog(3) since the last clear. */
void harness_log_clear(void);
const char *harness_log(void);
/* Lines of that priority (LOG_INFO …). */
unsigned harness_log_lines(int priority);
