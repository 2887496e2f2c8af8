#include "cli/policy.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli/timewords.h"

enum policy_kind { POLICY_SPAN, POLICY_SWITCH, POLICY_SELF_SERVICE };

static const struct policy_row {
        const char *name;
        enum wire_field field;
        enum policy_kind kind;
        bool org, host;
        const char *json;
        const char *rule;
} rows[] = {
        {"max-life", WIRE_F_MAX_LIFE, POLICY_SPAN, true, true, "max_life",
         "the longest life of a token, such as 90d, or none"},
        {"never", WIRE_F_NEVER_OK, POLICY_SWITCH, true, true, "never_ok",
         "yes or no: may a token be without an end"},
        {"max-unused", WIRE_F_MAX_UNUSED, POLICY_SPAN, true, true, "max_unused",
         "a token ends when it was not used for so long, such as 30d, or none"},
        {"end-sessions", WIRE_F_END_SESSIONS, POLICY_SWITCH, true, false, "end_sessions",
         "yes or no: does revoking end open sessions"},
        {"self-service", WIRE_F_SELF_SERVICE, POLICY_SELF_SERVICE, false, true, "self_service",
         "full, limited or off: what users may make for themselves"},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* Indexed by the number on the wire. */
static const char *const self_service[] = {NULL, "full", "limited", "off"};

static bool row_is_for(const struct policy_row *row, bool host)
{
        return host ? row->host : row->org;
}

/* "none" is a word of its own and 0 is not accepted: "max-life=0d" may be meant as either. */
static int parse_value(enum policy_kind kind, struct view value, int64_t *ret)
{
        switch (kind) {
        case POLICY_SPAN:
                if (!view_equal_str(value, "none"))
                        return timewords_parse_span(value, ret);
                *ret = 0;
                return 0;
        case POLICY_SWITCH:
                *ret = view_equal_str(value, "yes");
                return *ret || view_equal_str(value, "no") ? 0 : -EINVAL;
        case POLICY_SELF_SERVICE:
                for (int i = 1; i <= 3; i++)
                        if (view_equal_str(value, self_service[i])) {
                                *ret = i;
                                return 0;
                        }
                break;
        }
        return -EINVAL;
}

/* Which words there are, for who wrote another. */
static int unknown_word(struct view word, bool host, struct error *e)
{
        return error_set(e, STATUS_USAGE, "usage",
                         "'%.*s' is no policy; accepted: max-life=SPAN|none, never=yes|no, "
                         "max-unused=SPAN|none, %s",
                         (int)(word.len < 100 ? word.len : 100), word.ptr,
                         host ? "self-service=full|limited|off" : "end-sessions=yes|no");
}

int policy_parse(struct view word, bool host, enum wire_field *ret_field, int64_t *ret_number,
                 struct error *e)
{
        const char *equals = word.len > 0 ? memchr(word.ptr, '=', word.len) : NULL;
        struct view name, value;

        if (!equals)
                return unknown_word(word, host, e);
        name = (struct view){word.ptr, (size_t)(equals - word.ptr)};
        value = (struct view){equals + 1, word.len - name.len - 1};
        for (size_t i = 0; i < ROWS; i++) {
                if (!view_equal_str(name, rows[i].name) || !row_is_for(&rows[i], host))
                        continue;
                if (parse_value(rows[i].kind, value, ret_number) < 0)
                        return error_set(e, STATUS_USAGE, "usage",
                                         "%s: '%.*s' is not understood; accepted: %s", rows[i].name,
                                         (int)(value.len < 100 ? value.len : 100), value.ptr,
                                         rows[i].rule);
                *ret_field = rows[i].field;
                return STATUS_DONE;
        }
        return unknown_word(word, host, e);
}

const char *policy_word(bool host, size_t number)
{
        static const char *const words[][10] = {
                {"max-life=", "max-life=none", "never=yes", "never=no",
                 "max-unused=", "max-unused=none", "end-sessions=yes", "end-sessions=no"},
                {"max-life=", "max-life=none", "never=yes", "never=no",
                 "max-unused=", "max-unused=none", "self-service=full", "self-service=limited",
                 "self-service=off"},
        };

        return number < 10 ? words[host][number] : NULL;
}

/* A number of a newer daemon is shown as unknown rather than as the nearest. */
static const char *self_service_word(int64_t number)
{
        return number >= 1 && number <= 3 ? self_service[number] : "?";
}

/* A span as policy_parse() reads it back. */
static void put_span(struct buffer *b, int64_t seconds)
{
        if (seconds == 0)
                buffer_puts(b, "none");
        else if (seconds % 86400 == 0)
                buffer_printf(b, "%" PRId64 "d", seconds / 86400);
        else if (seconds % 3600 == 0)
                buffer_printf(b, "%" PRId64 "h", seconds / 3600);
        else
                buffer_printf(b, "%" PRId64 "s", seconds);
}

void policy_put_words(struct buffer *b, const struct wire_message *answer)
{
        bool first = true;

        for (size_t i = 0; i < ROWS; i++) {
                int64_t number = wire_number(answer, rows[i].field, 0);

                if (!wire_has(answer, rows[i].field))
                        continue;
                buffer_printf(b, "%s%s=", first ? "" : " ", rows[i].name);
                first = false;
                switch (rows[i].kind) {
                case POLICY_SPAN: put_span(b, number); break;
                case POLICY_SWITCH: buffer_puts(b, number ? "yes" : "no"); break;
                case POLICY_SELF_SERVICE: buffer_puts(b, self_service_word(number)); break;
                }
        }
}

/* For scripts null is what "none" is for people: a comparison with 0 would be wrong too easily. */
void policy_put_json(struct json *j, const struct wire_message *answer)
{
        for (size_t i = 0; i < ROWS; i++) {
                int64_t number = wire_number(answer, rows[i].field, 0);

                if (!wire_has(answer, rows[i].field))
                        continue;
                switch (rows[i].kind) {
                case POLICY_SPAN:
                        if (number == 0)
                                json_null(j, rows[i].json);
                        else
                                json_number(j, rows[i].json, number);
                        break;
                case POLICY_SWITCH: json_bool(j, rows[i].json, number != 0); break;
                case POLICY_SELF_SERVICE:
                        json_text(j, rows[i].json, view_of(self_service_word(number)));
                        break;
                }
        }
}
