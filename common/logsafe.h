/*
 * Untrusted text made fit for a log line: escapes everything that is not plain printable ASCII or
 * valid printable UTF-8, bounds the length, and replaces anything token-shaped by its key id, since
 * people paste tokens at the user-name prompt. Every foreign string passes here before it is
 * logged.
 */
#pragma once

#include "common/view.h"

#define LOGSAFE_SIZE 320

/* Writes the safe form of text into buf (always NUL-terminated, "..." at the end where cut) and
   returns buf. An absent view gives "-". */
const char *logsafe(struct view text, char *buf, size_t size);
