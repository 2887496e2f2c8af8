/*
 * Verbs by changing callers, drawn from a generator or from a fuzzer's input: the daemon and the
 * model (manage_model.h) must agree on every refusal and its reason, on every revision, and,
 * compared row by row every now and then, on the whole state. Test code only: ends the program, or
 * fails the running cmocka test, where they do not.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tests/support/manage_fixture.h"
#include "tests/support/manage_model.h"

struct model_run {
        struct manage_fixture *f;
        struct model m;
        uint64_t random;       /* the generator's state, not 0 */
        const uint8_t *chosen; /* or the choices of an input, with which it ends */
        size_t left;
        const char
                *socket; /* of a daemon that runs, a new one (manage_remote.h); NULL: in process */
        unsigned done, refused;
};

/* A new world, so many steps, and the last comparison. */
void model_run_world(struct model_run *r, unsigned steps);
