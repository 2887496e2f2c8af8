/*
 * Where a token is kept: a file of one's own, a credential that systemd gave, a key of the
 * kernel's, or what a command prints. Owns the judgement of who else could read it. The secret is
 * in the caller's self-wiping buffer and nowhere else.
 */
#pragma once

#include "askpass/complaint.h"
#include "askpass/config.h"
#include "common/secret.h"

#define SOURCE_CONFIG_MAX 65536

/* Reads the token of an entry into *ret, with "@ORG" behind it where the entry names one.
   prompt is told to a command, as ORGTOKEN_ASKPASS_HOST and ORGTOKEN_ASKPASS_USER. 0; -EACCES:
   somebody else could read or choose it; -EBADMSG: what is there is no token, or is one for another
   org; other negative errno. All of them complain; then *ret is wiped. */
int source_read(const struct entry *e, const struct prompt *prompt, struct secret_buffer *ret,
                struct complaint *why);

/* Reads the configuration into memory that the caller frees. It must belong to the caller or root
   and be writable by nobody else, for it names commands. 0 or negative errno, with a complaint. */
int source_read_config(const char *path, char **ret, size_t *ret_len, struct complaint *why);
