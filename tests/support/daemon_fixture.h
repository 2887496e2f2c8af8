/*
 * The real orgtokend, started by hand on directories of its own as whoever runs the tests (a test
 * run by root becomes an ordinary user first), and the exchanges that tests have with it. Test code
 * only: it fails the test, or aborts, on its own failures.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/client.h"
#include "common/token.h"

struct daemon_fixture {
        char root[64]; /* a directory under /tmp, with all the others in it */
        char state[96];
        char runtime[96];
        char verify[128];
        char manage[128];
        char log[96];    /* its standard error, all starts together */
        pid_t pid;       /* -1: not running */
        int notify;      /* where it says READY=1 */
        unsigned nofile; /* RLIMIT_NOFILE of the next start; 0: as it is */
        /* As systemd starts it: sockets passed, with these names; NULL: it makes its own. */
        const char *socket_names;
        int sockets[2];
        const char *const *environment; /* "NAME=VALUE" each, NULL-ended; NULL: none */
        bool is_bare; /* with the descriptors 0 to 2 closed: there is no log then */
};

/* Call first in main(): as root becomes an ordinary user, for good. */
void daemon_fixture_drop_root(void);

/* Directories, nothing started. Free stops and removes everything. */
struct daemon_fixture *daemon_fixture_new(void);
void daemon_fixture_free(struct daemon_fixture *f);

/* Starts it and waits until it says that it is ready. */
void daemon_fixture_start(struct daemon_fixture *f);
/* The same, for one that may end instead: false. Either way daemon_fixture_stop() is due. */
bool daemon_fixture_try_start(struct daemon_fixture *f);
/* Starts it with these arguments (NULL-ended) and waits for its end: its exit status. */
int daemon_fixture_run(struct daemon_fixture *f, const char *const *arguments);
/* Sends the signal and waits: the status of waitpid(2). */
int daemon_fixture_stop(struct daemon_fixture *f, int signal);
/* True where the log has this text. */
bool daemon_fixture_has_logged(const struct daemon_fixture *f, const char *text);

/* A login name that can be bound: neither root's nor ours. Static storage. */
const char *daemon_fixture_account(void);

/* A request with a fresh nonce. */
void daemon_fixture_request(struct wire_message *m, enum wire_verb verb);
/* One exchange on the socket that the verb belongs to: the answer's magic. Its texts are c's. */
uint32_t daemon_fixture_ask(const struct daemon_fixture *f, const struct wire_message *request,
                            struct client *c, struct wire_message *reply);
/* The same, for answers nobody looks into. */
uint32_t daemon_fixture_do(const struct daemon_fixture *f, const struct wire_message *request);

/* An organisation with an account bound to it. */
void daemon_fixture_make_org(const struct daemon_fixture *f, const char *org);
/* What the client does about a new key. */
enum daemon_fixture_ack { ACK_YES = 1, ACK_NO, ACK_CLOSE, ACK_SILENCE, ACK_GARBAGE };
/* Makes a key and answers so; the answer to the ACK, or 0 where none came. */
uint32_t daemon_fixture_make_key(const struct daemon_fixture *f, const char *org,
                                 enum daemon_fixture_ack ack, char ret[static TOKEN_TEXT_MAX + 1]);
/* VERIFY of the token for the bound account: the answer's magic. */
uint32_t daemon_fixture_verify(const struct daemon_fixture *f, const char *token);
/* The number of rows of a list; *ret_last the last one's number of that field. */
unsigned daemon_fixture_count(const struct daemon_fixture *f, const struct wire_message *request,
                              enum wire_field field, int64_t *ret_last);
