#include "cli/cmd.h"

#include "common/name.h"

static const struct table_column columns[] = {
        {"USER", 0, false},
        {"ROLE", 0, false},
        {"STATE", 0, true},
        {"SINCE", 0, false},
};

/* Anything that is not plainly an admin is shown as the lesser role. */
static const char *role_word(const struct wire_message *row)
{
        return role_to_string(wire_number(row, WIRE_F_ROLE, 0) == ROLE_ADMIN ? ROLE_ADMIN
                                                                             : ROLE_MEMBER);
}

static void put_cells(const struct call *call, struct table *t, const struct wire_message *row)
{
        bool suspended = wire_number(row, WIRE_F_SUSPENDED, 0) != 0;

        table_cell(t, STYLE_PLAIN, wire_text(row, WIRE_F_USER));
        table_cell_str(t, STYLE_PLAIN, role_word(row));
        table_cell_str(t, STYLE_BAD, suspended ? "suspended" : "");
        cmd_cell_time(t, STYLE_PLAIN, wire_number(row, WIRE_F_CREATED_AT, 0), call->now);
}

static void put_json(struct json *j, const struct wire_message *row)
{
        json_text(j, "user", wire_text(row, WIRE_F_USER));
        json_text(j, "role", view_of(role_word(row)));
        json_bool(j, "suspended", wire_number(row, WIRE_F_SUSPENDED, 0) != 0);
        json_number(j, "created_at", wire_number(row, WIRE_F_CREATED_AT, 0));
}

static int member_list(struct call *call)
{
        static const struct cmd_list form = {
                .json_name = "members",
                .columns = columns,
                .column_count = sizeof(columns) / sizeof(columns[0]),
                .put_cells = put_cells,
                .put_json = put_json,
                .empty = "{org} has no members yet; add one with: orgtoken member add {org} USER",
        };

        return cmd_list(call, &form);
}

const struct command cmd_member[] = {
        {
                .noun = "member",
                .verb = "add",
                .wire = WIRE_V_MEMBER_ADD,
                .run = cmd_change,
                .summary = "Makes a user a member of an organisation.",
                .details = "For an admin of the organisation, and root.",
                .done = "{user} is {role} of {org}",
                .args = {ARG_ORG, ARG_USER, ARG_OPT_ROLE},
        },
        {
                .noun = "member",
                .verb = "set",
                .wire = WIRE_V_MEMBER_SET,
                .run = cmd_change,
                .summary = "Changes the role of a member.",
                .details = "The last admin of an organisation is demoted by root alone.",
                .done = "{user} is {role} of {org}",
                .args = {ARG_ORG,
                         ARG_USER,
                         {"--role", "ROLE", ARG_ROLE, ARG_REQUIRED, WIRE_F_ROLE,
                          "member or admin"}},
        },
        {
                .noun = "member",
                .verb = "remove",
                .wire = WIRE_V_MEMBER_REMOVE,
                .run = cmd_change,
                .summary = "Ends a membership.",
                .details = "The user's tokens stay and no longer open anything of this "
                           "organisation, from "
                           "the next use on. The last admin is removed by root alone.",
                .done = "{user} is no member of {org} any more",
                .args = {ARG_ORG, ARG_USER},
        },
        {
                .noun = "member",
                .verb = "list",
                .wire = WIRE_V_MEMBER_LIST,
                .run = member_list,
                .summary = "Lists the members of an organisation.",
                .args = {ARG_ORG},
        },
        {0},
};
