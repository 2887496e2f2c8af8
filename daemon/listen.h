/*
 * The two listening sockets: taken over from systemd by their names, or made by hand in a runtime
 * directory. Owns their descriptors and, where it made them, their paths. Never accepts, and
 * decides about nobody: who may connect at all is the mode of the socket's file
 * (orgtokend(8), SOCKETS).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LISTEN_BACKLOG 512
#define LISTEN_GROUP   "orgtoken-verify" /* whose members may verify, beside root */

struct listen_sockets {
        int verify;
        int manage;
        int directory;   /* of what was made by hand, for taking it away again; -1 */
        int64_t made_by; /* uid of whoever called listen(2): what clients see as their peer */
};
#define LISTEN_INIT                                                                                \
        {                                                                                          \
                .verify = -1, .manage = -1, .directory = -1, .made_by = -1                         \
        }

/* What a failure says to people: one sentence. */
#define LISTEN_ERROR_SIZE 512

/* Takes over what systemd passed: `count` descriptors from `first` on, with their names; one
   `verify` and one `manage`, each a listening SOCK_SEQPACKET socket. 0, or a negative errno and the
   sentence. */
int listen_adopt(int first, int count, char *const *names, struct listen_sockets *ret,
                 char error[static LISTEN_ERROR_SIZE]);

/* Makes DIR/verify.sock and DIR/manage.sock, the directory too where it is missing. Run by root:
   verify.sock 0660 and LISTEN_GROUP's, manage.sock 0666; by others: both 0600. A socket that nobody
   listens on is replaced. 0, or a negative errno and the sentence: -EADDRINUSE somebody listens
   there; -EPERM others can write the directory; -ESRCH there is no such group; -EEXIST the path is
   no socket; …. */
int listen_by_hand(const char *dir, struct listen_sockets *ret,
                   char error[static LISTEN_ERROR_SIZE]);

/* Makes a directory, and those above it that are missing (0755); an existing one is fine. 0 or
   negative errno. */
int listen_make_directory(const char *path, unsigned mode);

/* Closes both; takes the paths away that were made by hand, as far as that is still allowed. */
void listen_close(struct listen_sockets *s);
