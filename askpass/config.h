/*
 * The file that says where the token of a host is kept: one line a host,
 *
 *     HOST[:USER] [org=ORG] file=PATH | credential=NAME | keyring=NAME | command=COMMAND LINE
 *
 * Holds no secret itself. Parsing is pure.
 */
#pragma once

#include "askpass/complaint.h"
#include "askpass/prompt.h"
#include "common/view.h"

enum source_kind {
        SOURCE_FILE = 1,
        SOURCE_CREDENTIAL, /* of systemd, by name */
        SOURCE_KEYRING,    /* of the kernel, a key of type "user", by name */
        SOURCE_COMMAND,    /* the rest of the line, for sh */
};

/* Views into the text of the file. */
struct entry {
        struct view org; /* absent: none is appended */
        enum source_kind kind;
        struct view value;
};

/* The first line for this host and user. The whole text is judged first, so that a mistake does not
   wait for the day its line is needed. 0 and *ret; -ENOENT: no line; -EINVAL: a wrong line. Both
   complain, naming file. */
int config_find(struct view text, const char *file, const struct prompt *p, struct entry *ret,
                struct complaint *why);
