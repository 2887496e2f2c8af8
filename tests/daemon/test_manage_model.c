/*
 * Random verbs by random callers against a small independent model: see tests/support/model_run.h.
 * ORGTOKEN_MODEL_STEPS and ORGTOKEN_MODEL_SEED make it longer or another one. With
 * ORGTOKEN_MODEL_SOCKET the daemon is one that runs, and a new one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/model_run.h"

#define STEPS         100000
#define STEPS_A_WORLD 5000

void audit_write(const struct audit_record *record)
{
        manage_fixture_record(record);
}

static unsigned from_environment(const char *name, unsigned otherwise)
{
        const char *text = getenv(name);

        return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void test_model(void **state)
{
        unsigned steps = from_environment("ORGTOKEN_MODEL_STEPS", STEPS);
        unsigned seed = from_environment("ORGTOKEN_MODEL_SEED", 1);
        static struct model_run r;

        (void)state;
        r.socket = getenv("ORGTOKEN_MODEL_SOCKET");
        for (unsigned world = 0; world * STEPS_A_WORLD < steps; world++) {
                unsigned left = steps - world * STEPS_A_WORLD;

                r.random = UINT64_C(0x9e3779b97f4a7c15) * (seed + world);
                print_message("# seed %u\n", seed + world);
                model_run_world(&r, left < STEPS_A_WORLD ? left : STEPS_A_WORLD);
        }
        print_message("# %u done, %u refused\n", r.done, r.refused);
        /* A run in which nearly all is refused, or nothing, tests little. */
        assert_true(r.done > steps / 10 && r.refused > steps / 10);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_model),
        };

        return cmocka_run_group_tests_name("manage-model", tests, NULL, NULL);
}
