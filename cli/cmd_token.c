#include "cli/cmd.h"

#include <unistd.h>

#include "cli/text.h"
#include "cli/timewords.h"
#include "common/expiry.h"
#include "common/token.h"

#define SOON (14 * EXPIRY_DAY) /* an end that is shown in another colour */

const char *cmd_state_word(int64_t state)
{
        switch (state) {
        case WIRE_STATE_LIVE: return "live";
        case WIRE_STATE_EXPIRED: return "expired";
        case WIRE_STATE_REVOKED: return "revoked";
        default: return "?";
        }
}

/* A state that is not known is shown as if it were bad news. */
static enum style state_style(int64_t state)
{
        switch (state) {
        case WIRE_STATE_LIVE: return STYLE_GOOD;
        case WIRE_STATE_EXPIRED: return STYLE_WARN;
        default: return STYLE_BAD;
        }
}

static void put_reason(struct buffer *b, const struct wire_message *row)
{
        struct view reason = wire_text(row, WIRE_F_ENDED_REASON);
        struct view successor = wire_text(row, WIRE_F_SUCCESSOR);

        /* "revoked: revoked" says nothing. */
        if (reason.ptr && !view_equal_str(reason, "revoked") &&
            !view_equal_str(reason, "expired")) {
                buffer_puts(b, ", ");
                buffer_put_view(b, reason);
        }
        if (successor.ptr) {
                buffer_puts(b, ", now ");
                buffer_put_view(b, successor);
        }
}

/* "live", "live, ends in 2 h, rotated, now ak_7xYz01", "revoked 3 days ago". */
static void put_state(struct buffer *b, const struct wire_message *row, int64_t now)
{
        int64_t state = wire_number(row, WIRE_F_STATE, 0);
        int64_t ended = wire_number(row, WIRE_F_ENDED_AT, EXPIRY_NEVER);
        char words[TIMEWORDS_SIZE];

        buffer_puts(b, cmd_state_word(state));
        /* Not where it only repeats the expiry, which has a column of its own. */
        if (ended != EXPIRY_NEVER && (state == WIRE_STATE_REVOKED ||
                                      ended != wire_number(row, WIRE_F_EXPIRES_AT, EXPIRY_NEVER)))
                buffer_printf(b, "%s %s", state == WIRE_STATE_LIVE ? ", ends" : "",
                              timewords_relative(ended, now, words));
        put_reason(b, row);
}

/* "3 min ago from 10.0.0.7 by sshd as acme-deploy in acme" */
void cmd_put_last_use(struct buffer *b, const struct wire_message *row, int64_t now)
{
        static const struct {
                const char *word;
                enum wire_field field;
        } parts[] = {
                {" from ", WIRE_F_LAST_SOURCE},
                {" by ", WIRE_F_LAST_SERVICE},
                {" as ", WIRE_F_LAST_ACCOUNT},
                {" in ", WIRE_F_LAST_ORG},
        };
        int64_t at = wire_number(row, WIRE_F_LAST_USED_AT, 0);
        bool is_key = wire_number(row, WIRE_F_KIND, TOKEN_PAT) == TOKEN_AK;
        char words[TIMEWORDS_SIZE];

        if (at == 0) {
                buffer_puts(b, "never");
                return;
        }
        buffer_puts(b, timewords_relative(at, now, words));
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
                struct view text = wire_text(row, parts[i].field);

                /* A key's org is the list's own. */
                if (!text.ptr || (is_key && parts[i].field == WIRE_F_LAST_ORG))
                        continue;
                buffer_puts(b, parts[i].word);
                buffer_put_view(b, text);
        }
}

/* "by su; from 10.0.0.0/8; as deploy": the words of the last use, so that the two can be compared.
 */
static void put_limits(struct buffer *b, const struct wire_message *row)
{
        static const struct {
                const char *word;
                enum wire_field field;
        } kinds[] = {
                {"by ", WIRE_F_LIMIT_SERVICE},
                {"from ", WIRE_F_LIMIT_SOURCE},
                {"as ", WIRE_F_LIMIT_ACCOUNT},
        };

        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                if (!wire_has(row, kinds[i].field))
                        continue;
                buffer_puts(b, b->len > 0 ? "; " : "");
                buffer_puts(b, kinds[i].word);
                cmd_put_joined(b, row, kinds[i].field);
        }
}

static void cell_of(struct table *t, enum style style, struct buffer *b)
{
        table_cell(t, style, buffer_view(b));
        buffer_clear(b);
}

/* The cells that keys and PATs share, from the name on. */
static void put_common_cells(const struct call *call, struct table *t,
                             const struct wire_message *row)
{
        int64_t state = wire_number(row, WIRE_F_STATE, 0);
        int64_t expires = wire_number(row, WIRE_F_EXPIRES_AT, EXPIRY_NEVER);
        bool live = state == WIRE_STATE_LIVE;
        enum style end_style = !live                        ? STYLE_DIM
                               : expires - call->now < SOON ? STYLE_WARN
                                                            : STYLE_PLAIN;
        struct buffer b = {0};

        table_cell(t, STYLE_PLAIN, wire_text(row, WIRE_F_NAME));
        put_state(&b, row, call->now);
        cell_of(t, state_style(state), &b);
        cmd_cell_time(t, STYLE_PLAIN, wire_number(row, WIRE_F_CREATED_AT, 0), call->now);
        cmd_cell_time(t, end_style, expires, call->now);
        cmd_put_last_use(&b, row, call->now);
        cell_of(t, STYLE_PLAIN, &b);
        put_limits(&b, row);
        cell_of(t, STYLE_PLAIN, &b);
        buffer_wipe(&b);
}

static void put_key_cells(const struct call *call, struct table *t, const struct wire_message *row)
{
        table_cell(t, STYLE_PLAIN, wire_text(row, WIRE_F_KEY_ID));
        put_common_cells(call, t, row);
}

/* The user only where the list may hold several. */
static void put_pat_cells(const struct call *call, struct table *t, const struct wire_message *row)
{
        bool everybodys = geteuid() == 0 && !args_has(&call->args, "--user");

        table_cell(t, STYLE_PLAIN, wire_text(row, WIRE_F_KEY_ID));
        table_cell(t, STYLE_PLAIN, everybodys ? wire_text(row, WIRE_F_USER) : VIEW_ABSENT);
        put_common_cells(call, t, row);
}

static void put_limits_json(struct json *j, const struct wire_message *row)
{
        json_begin_object(j, "limits");
        cmd_put_json_list(j, "services", row, WIRE_F_LIMIT_SERVICE);
        cmd_put_json_list(j, "sources", row, WIRE_F_LIMIT_SOURCE);
        cmd_put_json_list(j, "accounts", row, WIRE_F_LIMIT_ACCOUNT);
        json_end_object(j);
}

/* A number that is null where it is not there, or 0, which no time is. */
static void put_time_or_null(struct json *j, const char *name, const struct wire_message *row,
                             enum wire_field field)
{
        int64_t when = wire_number(row, field, 0);

        json_time(j, name, when == 0 ? EXPIRY_NEVER : when);
}

void cmd_put_token_json(struct json *j, const struct wire_message *row)
{
        int64_t state = wire_number(row, WIRE_F_STATE, 0);
        int64_t kind = wire_number(row, WIRE_F_KIND, 0);

        json_text(j, "key_id", wire_text(row, WIRE_F_KEY_ID));
        json_text(j, "kind", view_of(kind == TOKEN_AK ? "ak" : kind == TOKEN_PAT ? "pat" : NULL));
        if (wire_has(row, WIRE_F_USER))
                json_text(j, "user", wire_text(row, WIRE_F_USER));
        json_text(j, "name", wire_text(row, WIRE_F_NAME));
        put_time_or_null(j, "created_at", row, WIRE_F_CREATED_AT);
        put_time_or_null(j, "expires_at", row, WIRE_F_EXPIRES_AT);
        json_text(j, "state", view_of(cmd_state_word(state)));
        put_time_or_null(j, "ended_at", row, WIRE_F_ENDED_AT);
        json_text(j, "ended_reason", wire_text(row, WIRE_F_ENDED_REASON));
        json_text(j, "successor", wire_text(row, WIRE_F_SUCCESSOR));
        put_time_or_null(j, "last_used_at", row, WIRE_F_LAST_USED_AT);
        json_text(j, "last_source", wire_text(row, WIRE_F_LAST_SOURCE));
        json_text(j, "last_service", wire_text(row, WIRE_F_LAST_SERVICE));
        json_text(j, "last_account", wire_text(row, WIRE_F_LAST_ACCOUNT));
        json_text(j, "last_org", wire_text(row, WIRE_F_LAST_ORG));
        put_limits_json(j, row);
}

static const struct table_column key_columns[] = {
        {"KEY ID", 0, false},  {"NAME", 10, false},     {"STATE", 12, false}, {"CREATED", 0, false},
        {"EXPIRES", 0, false}, {"LAST USE", 14, false}, {"LIMITS", 12, true},
};
static const struct table_column pat_columns[] = {
        {"KEY ID", 0, false},  {"USER", 6, true},     {"NAME", 10, false},     {"STATE", 12, false},
        {"CREATED", 0, false}, {"EXPIRES", 0, false}, {"LAST USE", 14, false}, {"LIMITS", 12, true},
};

const struct cmd_list cmd_key_list_form = {
        .json_name = "keys",
        .columns = key_columns,
        .column_count = sizeof(key_columns) / sizeof(key_columns[0]),
        .put_cells = put_key_cells,
        .put_json = cmd_put_token_json,
        .empty = "{org} has no keys yet; make one with: orgtoken key create {org} --name NAME",
};

const struct cmd_list cmd_pat_list_form = {
        .json_name = "pats",
        .columns = pat_columns,
        .column_count = sizeof(pat_columns) / sizeof(pat_columns[0]),
        .put_cells = put_pat_cells,
        .put_json = cmd_put_token_json,
        .empty = "there are no personal tokens yet; make one with: orgtoken pat create --name NAME",
};

int cmd_key_list(struct call *call)
{
        return cmd_list(call, &cmd_key_list_form);
}

int cmd_pat_list(struct call *call)
{
        return cmd_list(call, &cmd_pat_list_form);
}
