/*
 * The daemon's own lines, about itself: on standard error, in the foreground as a sentence behind
 * the program's name, under systemd with the level that the journal reads. Decisions and changes
 * are not lines but records: audit.h. Never takes foreign text that has not passed logsafe, and no
 * secret at all.
 */
#pragma once

#include <stdbool.h>

#include "common/cleanup.h"

/* One line; priority is a syslog(3) level. errno is kept. Any thread. */
void log_line(int priority, const char *format, ...) _format_(2, 3);

/* True where standard error is the journal itself (JOURNAL_STREAM, systemd.exec(5)). */
bool log_is_journal(void);
/* True where a journal runs, to which records go. */
bool log_has_journal(void);
#define LOG_JOURNAL_SOCKET "/run/systemd/journal/socket"
