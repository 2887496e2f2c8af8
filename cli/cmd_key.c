#include "cli/cmd.h"

const struct command cmd_key[] = {
        {
                .noun = "key",
                .verb = "create",
                .wire = WIRE_V_KEY_CREATE,
                .run = cmd_create,
                .summary = "Makes a key of an organisation.",
                .details = "The token is printed once, alone on standard output; nobody can show "
                           "it again. "
                           "A limit given several times allows each; a limit not given allows all.",
                .args = {ARG_ORG, ARG_LABEL, ARG_EXPIRES, ARG_LIMIT_SERVICE, ARG_LIMIT_SOURCE,
                         ARG_LIMIT_ACCOUNT},
        },
        {
                .noun = "key",
                .verb = "list",
                .wire = WIRE_V_KEY_LIST,
                .run = cmd_key_list,
                .summary = "Lists the keys of an organisation, oldest first.",
                .args = {ARG_ORG, ARG_FILTERS},
        },
        {
                .noun = "key",
                .verb = "revoke",
                .wire = WIRE_V_KEY_REVOKE,
                .run = cmd_change,
                .summary = "Ends a key at once and for ever.",
                .done = "{key_id} \"{name}\" revoked",
                .args = {ARG_KEY_ID, ARG_SESSIONS},
        },
        {
                .noun = "key",
                .verb = "rename",
                .absent = "organisation keys cannot be renamed: a key's name is fixed when it is "
                          "made",
                .next = "make another with 'orgtoken key create' and revoke this one; personal "
                        "tokens can "
                        "be renamed: orgtoken pat rename",
        },
        {
                .noun = "key",
                .verb = "rotate",
                .absent = "'key' has no verb 'rotate': rotating is one command for both kinds of "
                          "token",
                .next = "type: orgtoken rotate KEY_ID",
        },
        {0},
};
