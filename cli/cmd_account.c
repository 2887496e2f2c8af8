#include "cli/cmd.h"

#include <string.h>

#include "common/name.h"

static const struct table_column columns[] = {
        {"ORG", 0, false},       {"ACCOUNT", 0, false}, {"SERVICES", 12, false},
        {"LEAST ROLE", 0, true}, {"SINCE", 0, false},
};

/* Without a least role there is nothing to show: keys are allowed too. */
static const char *role_word(const struct wire_message *row)
{
        int64_t role = wire_number(row, WIRE_F_ROLE, ROLE_NONE);

        return role == ROLE_MEMBER || role == ROLE_ADMIN ? role_to_string((enum role)role) : NULL;
}

/* No services means every service; an empty cell would look like none. */
static void put_cells(const struct call *call, struct table *t, const struct wire_message *row)
{
        struct buffer services = {0};

        cmd_put_joined(&services, row, WIRE_F_LIMIT_SERVICE);
        table_cell(t, STYLE_PLAIN, wire_text(row, WIRE_F_ORG));
        table_cell(t, STYLE_PLAIN, wire_text(row, WIRE_F_ACCOUNT));
        table_cell(t, STYLE_PLAIN, services.len > 0 ? buffer_view(&services) : VIEW("all"));
        table_cell_str(t, STYLE_PLAIN, role_word(row));
        cmd_cell_time(t, STYLE_PLAIN, wire_number(row, WIRE_F_CREATED_AT, 0), call->now);
        buffer_wipe(&services);
}

static void put_json(struct json *j, const struct wire_message *row)
{
        json_text(j, "org", wire_text(row, WIRE_F_ORG));
        json_text(j, "account", wire_text(row, WIRE_F_ACCOUNT));
        cmd_put_json_list(j, "services", row, WIRE_F_LIMIT_SERVICE);
        json_text(j, "role", view_of(role_word(row)));
        json_number(j, "created_at", wire_number(row, WIRE_F_CREATED_AT, 0));
}

static int account_list(struct call *call)
{
        static const struct cmd_list form = {
                .json_name = "accounts",
                .columns = columns,
                .column_count = sizeof(columns) / sizeof(columns[0]),
                .put_cells = put_cells,
                .put_json = put_json,
                .empty = "no account is bound yet; root binds one with: orgtoken account bind ORG "
                         "ACCOUNT",
        };

        return cmd_list(call, &form);
}

/* What holds now, in full: binding again replaces, and less on the line may be more allowed. */
static int account_bind(struct call *call)
{
        const char *service, *role = args_text_of(&call->args, "--role");
        struct buffer services = {0};
        int status = cmd_change(call);

        for (size_t i = 0; (service = args_nth_text(&call->args, "--service", i)); i++)
                buffer_printf(&services, "%s%s", i > 0 ? ", " : "", service);
        if (status == STATUS_DONE)
                output_note(&call->out,
                            "it is bound through %.*s, for %s; binding again replaces that",
                            services.len > 0 ? (int)services.len : (int)strlen("every service"),
                            services.len > 0 ? buffer_view(&services).ptr : "every service",
                            !role                        ? "keys and members"
                            : strcmp(role, "admin") == 0 ? "admins"
                                                         : "members");
        buffer_wipe(&services);
        return status;
}

const struct command cmd_account[] = {
        {
                .noun = "account",
                .verb = "bind",
                .wire = WIRE_V_ACCOUNT_BIND,
                .run = account_bind,
                .summary = "Lets an organisation's tokens become an account (root).",
                .details =
                        "With --service only through these PAM services; their names are compared "
                        "whole, so that su and su-l are two. With --role only for members of that "
                        "role: "
                        "keys have none and are refused there. Binding again replaces services and "
                        "role: what is not named then is not limited. root is never bound.",
                .done = "tokens of {org} may become {account}",
                .next = "for sudo: orgtoken sudoers prints the lines that belong into "
                        "/etc/sudoers.d",
                .args = {ARG_ORG,
                         ARG_ACCOUNT,
                         {"--service", "S", ARG_NAME, ARG_REPEATS, WIRE_F_LIMIT_SERVICE,
                          "only through this PAM service"},
                         {"--role", "ROLE", ARG_ROLE, 0, WIRE_F_ROLE,
                          "the least role, member or admin"},
                         {"--allow-system", NULL, ARG_FLAG, 0, WIRE_F_ALLOW_SYSTEM,
                          "even where its uid is below 1000"}},
        },
        {
                .noun = "account",
                .verb = "unbind",
                .wire = WIRE_V_ACCOUNT_UNBIND,
                .run = cmd_change,
                .summary = "Ends a binding; the account stays guarded (root).",
                .done = "tokens of {org} no longer become {account}",
                .next = "{account} stays guarded for sudo until: orgtoken account release "
                        "{account}",
                .args = {ARG_ORG, ARG_ACCOUNT},
        },
        {
                .noun = "account",
                .verb = "release",
                .wire = WIRE_V_ACCOUNT_RELEASE,
                .run = cmd_change,
                .summary = "Ends the guard over an account that is bound no more (root).",
                .details = "An account once bound is guarded: the session phase refuses to open it "
                           "without "
                           "a token's grant. Released, sudo's own rules alone decide again.",
                .done = "{account} is guarded no more",
                .args = {ARG_ACCOUNT},
        },
        {
                .noun = "account",
                .verb = "list",
                .wire = WIRE_V_ACCOUNT_LIST,
                .run = account_list,
                .summary = "Lists the accounts that tokens may become.",
                .args = {{"ORG", NULL, ARG_NAME, ARG_OPTIONAL, WIRE_F_ORG,
                          "of this organisation only"}},
        },
        {0},
};
