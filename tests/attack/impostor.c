/*
 * A daemon that is none, in the place of orgtokend, for real programs to meet: listens on a path,
 * plays one script (tests/support/fake_daemon.h) to all who come, until it is killed.
 *
 *   impostor SOCKET PLAY [UID]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/fake_daemon.h"

#define LATE_MS 4000 /* after the module's deadline */

static const struct {
        const char *name;
        struct fake_step step;
} plays[] = {
        {"silent", {.behaviour = FAKE_SILENT}},
        {"full", {.behaviour = FAKE_NO_ACCEPT}},
        {"late", {.behaviour = FAKE_LATE, .delay_ms = LATE_MS}},
        {"close", {.behaviour = FAKE_CLOSE}},
        {"close-after", {.behaviour = FAKE_CLOSE_AFTER}},
        {"unavailable", {.behaviour = FAKE_UNAVAILABLE}},
        {"no-then-yes", {.behaviour = FAKE_NO_THEN_YES}},
        {"replay", {.behaviour = FAKE_REPLAY}},
        {"wrong-nonce", {.behaviour = FAKE_WRONG_NONCE}},
        {"wrong-verb", {.behaviour = FAKE_WRONG_VERB}},
        {"short", {.behaviour = FAKE_SHORT, .length = 40}},
        {"long", {.behaviour = FAKE_LONG}},
        {"trailing", {.behaviour = FAKE_TRAILING}},
        {"garbage", {.behaviour = FAKE_GARBAGE}},
        {"empty", {.behaviour = FAKE_EMPTY}},
        {"echo", {.behaviour = FAKE_ECHO}},
        {"verdict-allow", {.behaviour = FAKE_VERDICT_ALLOW}},
        {"allow", {.behaviour = FAKE_ALLOW}},
};

int main(int argc, char **argv)
{
        struct fake_script script = {0};

        for (size_t i = 0; argc >= 3 && i < sizeof(plays) / sizeof(plays[0]); i++)
                if (strcmp(argv[2], plays[i].name) == 0)
                        script.steps[0] = plays[i].step;
        if (script.steps[0].behaviour == FAKE_UNSET) {
                (void)fprintf(stderr, "usage: impostor SOCKET PLAY [UID]\n");
                return 2;
        }
        if (argc > 3)
                (void)fake_daemon_start_as(argv[1], &script, (uid_t)atoi(argv[3]));
        else
                (void)fake_daemon_start(argv[1], &script);
        (void)printf("ready\n");
        (void)fflush(stdout);
        for (;;)
                (void)pause();
}
