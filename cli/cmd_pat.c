#include "cli/cmd.h"

const struct command cmd_pat[] = {
        {
                .noun = "pat",
                .verb = "create",
                .wire = WIRE_V_PAT_CREATE,
                .run = cmd_create,
                .summary = "Makes a personal access token, your own.",
                .details = "It works in every organisation that you are a member of when you use "
                           "it, and "
                           "that you name then: write @ORG behind it. It is printed once, alone on "
                           "standard "
                           "output. A limit given several times allows each; a limit not given "
                           "allows all.",
                .args = {ARG_LABEL,
                         ARG_EXPIRES,
                         {"--user", "USER", ARG_NAME, 0, WIRE_F_USER, "for somebody else (root)"},
                         ARG_LIMIT_SERVICE,
                         ARG_LIMIT_SOURCE,
                         ARG_LIMIT_ACCOUNT},
        },
        {
                .noun = "pat",
                .verb = "list",
                .wire = WIRE_V_PAT_LIST,
                .run = cmd_pat_list,
                .summary = "Lists your tokens, oldest first; root sees everybody's.",
                .args = {{"--user", "USER", ARG_NAME, 0, WIRE_F_USER, "of this user (root)"},
                         ARG_FILTERS},
        },
        {
                .noun = "pat",
                .verb = "rename",
                .wire = WIRE_V_PAT_RENAME,
                .run = cmd_change,
                .summary = "Gives a token another name.",
                .done = "{key_id} is now \"{name}\"",
                .args = {ARG_KEY_ID,
                         {"NAME", NULL, ARG_NAME, 0, WIRE_F_NAME, "up to 100 characters"}},
                .surplus = "a name of several words is written in quotes: 'my laptop'",
        },
        {
                .noun = "pat",
                .verb = "revoke",
                .wire = WIRE_V_PAT_REVOKE,
                .run = cmd_change,
                .summary = "Ends a token at once and for ever.",
                .done = "{key_id} \"{name}\" revoked",
                .args = {ARG_KEY_ID, ARG_SESSIONS},
        },
        {
                .noun = "pat",
                .verb = "rotate",
                .absent = "'pat' has no verb 'rotate': rotating is one command for both kinds of "
                          "token",
                .next = "type: orgtoken rotate KEY_ID",
        },
        {0},
};
