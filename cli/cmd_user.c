#include "cli/cmd.h"

#include <inttypes.h>

#include "cli/text.h"

static const struct table_column columns[] = {
        {"USER", 0, false}, {"UID", 0, false},  {"STATE", 0, true},
        {"ORGS", 0, false}, {"PATS", 0, false}, {"SINCE", 0, false},
};

/* A dash where nothing was seen yet: a uid of 0 would be root's. */
static void cell_number(struct table *t, const struct wire_message *row, enum wire_field field)
{
        struct buffer b = {0};

        if (wire_has(row, field))
                buffer_printf(&b, "%" PRId64, wire_number(row, field, 0));
        else
                buffer_puts(&b, "-");
        table_cell(t, STYLE_PLAIN, buffer_view(&b));
        buffer_wipe(&b);
}

static void put_cells(const struct call *call, struct table *t, const struct wire_message *row)
{
        bool suspended = wire_number(row, WIRE_F_SUSPENDED, 0) != 0;

        table_cell(t, STYLE_PLAIN, wire_text(row, WIRE_F_USER));
        cell_number(t, row, WIRE_F_UID);
        table_cell_str(t, STYLE_BAD, suspended ? "suspended" : "");
        cell_number(t, row, WIRE_F_COUNT);
        cell_number(t, row, WIRE_F_PATS);
        cmd_cell_time(t, STYLE_PLAIN, wire_number(row, WIRE_F_CREATED_AT, 0), call->now);
}

static void put_json(struct json *j, const struct wire_message *row)
{
        json_text(j, "user", wire_text(row, WIRE_F_USER));
        if (wire_has(row, WIRE_F_UID))
                json_number(j, "uid", wire_number(row, WIRE_F_UID, -1));
        else
                json_null(j, "uid");
        json_bool(j, "suspended", wire_number(row, WIRE_F_SUSPENDED, 0) != 0);
        json_number(j, "created_at", wire_number(row, WIRE_F_CREATED_AT, 0));
        json_number(j, "orgs", wire_number(row, WIRE_F_COUNT, 0));
        json_number(j, "pats", wire_number(row, WIRE_F_PATS, 0));
}

static int user_list(struct call *call)
{
        static const struct cmd_list form = {
                .json_name = "users",
                .columns = columns,
                .column_count = sizeof(columns) / sizeof(columns[0]),
                .put_cells = put_cells,
                .put_json = put_json,
                .empty = "nobody yet; a user comes with the first membership or token: "
                         "orgtoken member add ORG USER",
        };

        return cmd_list(call, &form);
}

const struct command cmd_user[] = {
        {
                .noun = "user",
                .verb = "list",
                .wire = WIRE_V_USER_LIST,
                .run = user_list,
                .summary = "Lists everybody with a membership or a token (root).",
        },
        {
                .noun = "user",
                .verb = "suspend",
                .wire = WIRE_V_USER_SUSPEND,
                .run = cmd_change,
                .summary = "Stops all tokens of a user until resumed (root).",
                .done = "user {user} suspended; {count token tokens} stopped",
                .next = "undo: orgtoken user resume {user}",
                .args = {ARG_USER},
        },
        {
                .noun = "user",
                .verb = "resume",
                .wire = WIRE_V_USER_RESUME,
                .run = cmd_change,
                .summary = "Ends a suspension (root).",
                .done = "user {user} resumed",
                .args = {ARG_USER},
        },
        {
                .noun = "user",
                .verb = "reassign",
                .wire = WIRE_V_USER_REASSIGN,
                .run = cmd_change,
                .summary = "Accepts the uid that the login name has now (root).",
                .details = "A user is a login name with the uid that was seen first. When the name "
                           "has "
                           "another uid, whoever has it is refused until this is said: it may be "
                           "another person.",
                .done = "user {user} is the one who has that login name now",
                .args = {ARG_USER},
        },
        {
                .noun = "user",
                .verb = "remove",
                .wire = WIRE_V_USER_REMOVE,
                .run = cmd_change,
                .summary = "Ends memberships and tokens of a user (root).",
                .done = "user {user} removed; {count token tokens} revoked",
                .dry = "would remove user {user} and revoke {count token tokens}",
                .args = {ARG_USER, ARG_DRY_RUN},
        },
        {0},
};
