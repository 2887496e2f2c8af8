/*
 * How a daemon that root started stops being root, for good: the state directory is handed to the
 * system user, and the process becomes that user. Also what every daemon does to itself before it
 * holds a secret.
 */
#pragma once

#include <stddef.h>

/* Makes the state directory where it is missing (0700). As root also gives it to the user, with the
   key and store of an interrupted or foreign start in it, but only as long as it holds nothing
   else: whoever names /root by mistake loses nothing. Then becomes the user, groups and all. As
   anybody else it stays who it is. Closes the directory to others that can only read it, under the
   same condition. 0, or a negative errno and a sentence in error: -ESRCH no such
   user; -EPERM the user is root; -EACCES the user does not get there. */
int become_user(const char *user, const char *state_dir, char *error, size_t size);

/* Whether this process may be asked to run as the user: root may, and the user. 0; -EPERM, and a
   sentence in error, for anybody else. */
int become_is_possible(const char *user, char *error, size_t size);

/* No new privileges, no core dumps, no ptrace by our own uid, files for nobody else. 0 or negative
 * errno. */
int become_guarded(void);
