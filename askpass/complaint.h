/*
 * Why nothing was answered: one sentence, set where it happens and printed once, by main. It may
 * name files, hosts and commands; it never holds anything of a secret.
 */
#pragma once

#include "common/cleanup.h"

struct complaint {
        char text[700];
};

/* Sets the sentence; an earlier one stays, for it is the cause. Returns r. */
int complain(struct complaint *c, int r, const char *format, ...) _format_(3, 4);
