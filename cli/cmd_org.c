#include "cli/cmd.h"

#include <errno.h>
#include <inttypes.h>

#include "cli/policy.h"
#include "cli/text.h"
#include "cli/timewords.h"
#include "common/name.h"

static const struct table_column columns[] = {
        {"ORG", 0, false},  {"YOU ARE", 0, true},   {"STATE", 0, true},    {"MEMBERS", 0, false},
        {"KEYS", 0, false}, {"ACCOUNTS", 0, false}, {"CREATED", 0, false},
};

static void cell_number(struct table *t, int64_t number)
{
        struct buffer b = {0};

        buffer_printf(&b, "%" PRId64, number);
        table_cell(t, STYLE_PLAIN, buffer_view(&b));
        buffer_wipe(&b);
}

/* NULL, and so an empty column, for root who is no member. */
static const char *role_word(const struct wire_message *row)
{
        int64_t role = wire_number(row, WIRE_F_ROLE, ROLE_NONE);

        if (role != ROLE_MEMBER && role != ROLE_ADMIN)
                return NULL;
        return role_to_string((enum role)role);
}

/* The word, not only the colour, says that it is suspended. */
static void put_cells(const struct call *call, struct table *t, const struct wire_message *row)
{
        bool suspended = wire_number(row, WIRE_F_SUSPENDED, 0) != 0;

        table_cell(t, STYLE_PLAIN, wire_text(row, WIRE_F_ORG));
        table_cell_str(t, STYLE_PLAIN, role_word(row));
        table_cell_str(t, STYLE_BAD, suspended ? "suspended" : "");
        cell_number(t, wire_number(row, WIRE_F_MEMBERS, 0));
        cell_number(t, wire_number(row, WIRE_F_KEYS, 0));
        cell_number(t, wire_number(row, WIRE_F_ACCOUNTS, 0));
        cmd_cell_time(t, STYLE_PLAIN, wire_number(row, WIRE_F_CREATED_AT, 0), call->now);
}

static void put_json(struct json *j, const struct wire_message *row)
{
        json_text(j, "org", wire_text(row, WIRE_F_ORG));
        json_text(j, "role", view_of(role_word(row)));
        json_bool(j, "suspended", wire_number(row, WIRE_F_SUSPENDED, 0) != 0);
        json_number(j, "created_at", wire_number(row, WIRE_F_CREATED_AT, 0));
        json_number(j, "members", wire_number(row, WIRE_F_MEMBERS, 0));
        json_number(j, "keys", wire_number(row, WIRE_F_KEYS, 0));
        json_number(j, "accounts", wire_number(row, WIRE_F_ACCOUNTS, 0));
}

static int org_list(struct call *call)
{
        static const struct cmd_list form = {
                .json_name = "orgs",
                .columns = columns,
                .column_count = sizeof(columns) / sizeof(columns[0]),
                .put_cells = put_cells,
                .put_json = put_json,
                .empty = "no organisation yet, or none of yours; root makes one with: "
                         "orgtoken org create ORG",
        };

        return cmd_list(call, &form);
}

/* The policy in the words that set it, so that it can be copied. */
static void put_shown(struct call *call, const struct wire_message *m)
{
        struct buffer *b = &call->out.to, policy = {0};
        struct view org = wire_text(m, WIRE_F_ORG);
        unsigned width = call->out.width;
        char words[TIMEWORDS_SIZE];

        table_put_styled(b, call->out.colour, STYLE_TITLE, org);
        buffer_printf(b, "%s\n",
                      wire_number(m, WIRE_F_SUSPENDED, 0) ? ": suspended, nothing of it works"
                                                          : "");
        buffer_printf(b, "  made      %s\n",
                      timewords_relative(wire_number(m, WIRE_F_CREATED_AT, 0), call->now, words));
        buffer_printf(b, "  members   %" PRId64 "\n", wire_number(m, WIRE_F_MEMBERS, 0));
        buffer_printf(b, "  keys      %" PRId64 " live\n", wire_number(m, WIRE_F_KEYS, 0));
        buffer_printf(b, "  accounts  %" PRId64 "\n", wire_number(m, WIRE_F_ACCOUNTS, 0));
        if (role_word(m))
                buffer_printf(b, "  you are   %s\n", role_word(m));
        buffer_puts(b, "  policy    ");
        policy_put_words(&policy, m);
        text_put_wrapped(b, buffer_view(&policy), 12, width > 24 ? width - 12 : 0);
        buffer_wipe(&policy);
        buffer_puts(b, "\n");
}

static int org_show(struct call *call)
{
        _cleanup_session_ struct session s = SESSION_INIT;
        struct json j = {.out = &call->out.to};
        int status = session_begin_with_args(&s, call);

        if (status == STATUS_DONE)
                status = session_ask(&s);
        if (status != STATUS_DONE)
                return status;
        if (s.reply.magic != WIRE_DONE)
                return session_failure(&s, -EPROTO);
        if (call->out.json) {
                json_begin_object(&j, NULL);
                put_json(&j, &s.reply);
                json_begin_object(&j, "policy");
                policy_put_json(&j, &s.reply);
                json_end_object(&j);
                json_end_object(&j);
        } else {
                put_shown(call, &s.reply);
        }
        return output_flush(&call->out, &call->error);
}

const struct command cmd_org[] = {
        {
                .noun = "org",
                .verb = "create",
                .wire = WIRE_V_ORG_CREATE,
                .run = cmd_change,
                .summary = "Makes an organisation (root).",
                .details = "A name is 1 to 32 characters of a-z, 0-9 and '-', beginning with a "
                           "letter. "
                           "It is what people write behind their token: pat_...@ORG.",
                .done = "organisation {org} made",
                .next = "next: orgtoken member add {org} USER --role admin",
                .args = {ARG_ORG},
        },
        {
                .noun = "org",
                .verb = "list",
                .wire = WIRE_V_ORG_LIST,
                .run = org_list,
                .summary = "Lists your organisations; root sees all.",
        },
        {
                .noun = "org",
                .verb = "show",
                .wire = WIRE_V_ORG_SHOW,
                .run = org_show,
                .summary = "Shows an organisation and its policy.",
                .args = {ARG_ORG},
        },
        {
                .noun = "org",
                .verb = "delete",
                .wire = WIRE_V_ORG_DELETE,
                .run = cmd_change,
                .summary = "Deletes an organisation and revokes its keys (root).",
                .details = "Refused while accounts are bound to it. Nothing brings it back; a new "
                           "one of "
                           "the same name is another one.",
                .done = "organisation {org} deleted; {count key keys} revoked",
                .dry = "would delete organisation {org} and revoke {count key keys}",
                .args = {ARG_ORG, ARG_DRY_RUN},
        },
        {
                .noun = "org",
                .verb = "set",
                .wire = WIRE_V_ORG_SET,
                .run = cmd_change,
                .summary = "Sets an organisation's policy (root).",
                .details =
                        "POLICY is max-life=90d or none, never=yes or no, max-unused=30d or none, "
                        "end-sessions=yes or no. What is not named stays as it is; orgtoken org "
                        "show "
                        "prints what holds, in the same words.",
                .done = "policy of {org} set",
                .args = {ARG_ORG,
                         {"POLICY", NULL, ARG_ORG_POLICY, ARG_REPEATS, 0, "such as max-life=90d"}},
        },
        {
                .noun = "org",
                .verb = "suspend",
                .wire = WIRE_V_ORG_SUSPEND,
                .run = cmd_change,
                .summary = "Stops everything of an organisation until resumed (root).",
                .done = "organisation {org} suspended; {count key keys} of it stopped, and every "
                        "token used in its name",
                .next = "undo: orgtoken org resume {org}",
                .args = {ARG_ORG},
        },
        {
                .noun = "org",
                .verb = "resume",
                .wire = WIRE_V_ORG_RESUME,
                .run = cmd_change,
                .summary = "Ends a suspension (root).",
                .done = "organisation {org} resumed",
                .args = {ARG_ORG},
        },
        {0},
};
