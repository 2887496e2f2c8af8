#include "cli/cmd.h"

/* --all has to be said: "orgtoken revoke --user alice" may come from somebody who has one token in
   mind and would find out too late. */
static int revoke_all(struct call *call)
{
        if (args_has(&call->args, "--all"))
                return cmd_change(call);
        (void)error_set(&call->error, STATUS_USAGE, "usage",
                        "--all is missing: this command revokes every token that the other options "
                        "select");
        return error_hint(&call->error,
                          "one token: orgtoken key revoke KEY_ID, or orgtoken pat revoke KEY_ID");
}

const struct command cmd_revoke[] = {
        {
                .noun = "revoke",
                .wire = WIRE_V_REVOKE_ALL,
                .run = revoke_all,
                .summary = "Revokes every token that the options select (root).",
                .details =
                        "For the hour after a leak. --org selects the keys of an organisation, "
                        "--user the "
                        "personal tokens of a user, both together both, and neither every token of "
                        "this host; --used-since leaves of these only what was used at or after "
                        "that "
                        "time. Nothing is asked: see what it would do with --dry-run first.",
                .done = "{count token tokens} revoked: {keys key keys}, {pats PAT PATs}",
                .dry = "would revoke {count token tokens}: {keys key keys}, {pats PAT PATs}",
                .surplus = "one token: orgtoken key revoke KEY_ID, or orgtoken pat revoke KEY_ID",
                .args = {{"--all", NULL, ARG_FLAG, 0, 0, "has to be said"},
                         {"--org", "ORG", ARG_NAME, 0, WIRE_F_ORG, "keys of this organisation"},
                         {"--user", "USER", ARG_NAME, 0, WIRE_F_USER,
                          "personal tokens of this user"},
                         {"--used-since", "SINCE", ARG_SINCE, 0, WIRE_F_USED_SINCE,
                          "only what was used at or after it"},
                         ARG_DRY_RUN,
                         ARG_SESSIONS},
        },
        {0},
};
