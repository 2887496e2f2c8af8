/*
 * A token in the kernel's keyring: found by name, judged by who else may read it, and read. Calls
 * the kernel itself, so that no library and no program sees the token.
 */
#pragma once

#include "askpass/complaint.h"
#include "common/secret.h"

/* Reads the key of type "user" with this name from the keyrings that the process has, its session's
   and its user's, into *ret; at most max bytes. 0; -EACCES: somebody else may read or change it;
   -EBADMSG: longer than max; -ENOKEY, -EKEYEXPIRED, -EKEYREVOKED: there is none that is good; other
   negative errno. All of them complain. */
int keyring_read(const char *name, size_t max, struct secret_buffer *ret, struct complaint *why);
