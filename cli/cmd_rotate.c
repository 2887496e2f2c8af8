#include "cli/cmd.h"

const struct command cmd_rotate[] = {
        {
                .noun = "rotate",
                .wire = WIRE_V_ROTATE,
                .run = cmd_create,
                .summary = "Replaces a token, of either kind, by a new one.",
                .details = "The new one has the same owner, name and limits, and lives as long "
                           "from now as "
                           "the old one did from its creation, unless --expires says otherwise. "
                           "The old "
                           "one ends at once, or after --overlap; the list tells when it was last "
                           "used, so "
                           "that one knows when it is safe to let go. It ends only once the new "
                           "token was "
                           "printed.",
                .args = {ARG_KEY_ID,
                         {"--overlap", "DURATION", ARG_DURATION, 0, WIRE_F_OVERLAP,
                          "how long the old one still works; 0s is the default"},
                         {"--expires", "WHEN", ARG_WHEN, 0, WIRE_F_EXPIRES_AT,
                          "when the new one ends"}},
        },
        {0},
};
