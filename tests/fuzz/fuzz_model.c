/*
 * Sequences of management verbs by different callers, chosen by the input, against the model that
 * shares no code with the daemon: both must come to the same, refusal by refusal and row by row.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tests/support/model_run.h"

#define STEPS_MAX 50

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void audit_write(const struct audit_record *record)
{
        manage_fixture_record(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct model_run r;

        if (size == 0)
                return 0;
        memset(&r, 0, sizeof(r));
        r.chosen = data;
        r.left = size;
        model_run_world(&r, STEPS_MAX);
        return 0;
}
