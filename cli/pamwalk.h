/*
 * Runs one phase of a stack as libpam would, with the answers of the modules passed in: what comes
 * out, which lines ran, and which of them decided. Calls no module and reads no file.
 */
#pragma once

#include "cli/pamstack.h"

/* What the module of this line answers, 0 to PAMSTACK_CODES - 1. */
typedef int (*pamwalk_answer)(void *context, const struct pamstack_line *l);

struct pamwalk {
        int status; /* what the application gets; PAMSTACK_PERM_DENIED where no line decides */
        const struct pamstack_line *decided;  /* whose answer that is; NULL: nobody's */
        const struct pamstack_line *bad_jump; /* one that jumps behind the end; NULL: none */
        bool ran[PAMSTACK_LINES_MAX];         /* by the line's place in the stack */
};

void pamwalk_run(const struct pamstack *s, enum pamstack_phase phase, pamwalk_answer answer,
                 void *context, struct pamwalk *ret);

static inline bool pamwalk_ran(const struct pamwalk *w, const struct pamstack *s,
                               const struct pamstack_line *l)
{
        return w->ran[l - s->lines];
}
