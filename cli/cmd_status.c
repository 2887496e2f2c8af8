#include "cli/cmd.h"

#include <inttypes.h>
#include <string.h>

#include "cli/policy.h"
#include "cli/text.h"
#include "cli/timewords.h"

enum unit { UNIT_COUNT, UNIT_SECONDS, UNIT_BYTES, UNIT_POLICY };

/* What the daemon's metrics mean. Those that are not here (a newer daemon's) are still shown, by
 * name. */
static const struct metric {
        const char *name; /* on the wire; one that ends with '_' stands for all that begin so */
        const char *section, *label;
        enum unit unit;
        const char *family; /* of OpenMetrics, behind "orgtoken_"; NULL: the name itself */
        const char *type;
        const char *labels; /* %s is what comes behind the prefix; NULL: none */
        enum wire_field policy;
} metrics[] = {
        {"store_revision", "store", "revision", UNIT_COUNT, NULL, "gauge", NULL, 0},
        {"store_bytes", "store", "size", UNIT_BYTES, NULL, "gauge", NULL, 0},
        {"uptime_seconds", "daemon", "running for", UNIT_SECONDS, NULL, "gauge", NULL, 0},
        {"connections", "daemon", "connections", UNIT_COUNT, NULL, "gauge", NULL, 0},
        {"grants", "daemon", "grants", UNIT_COUNT, NULL, "gauge", NULL, 0},
        {"pending_uses", "daemon", "uses to record", UNIT_COUNT, NULL, "gauge", NULL, 0},
        {"oldest_pending_use_seconds", "daemon", "oldest of them", UNIT_SECONDS, NULL, "gauge",
         NULL, 0},
        {"orgs", "store", "organisations", UNIT_COUNT, NULL, "gauge", NULL, 0},
        {"users", "store", "users", UNIT_COUNT, NULL, "gauge", NULL, 0},
        {"members", "store", "memberships", UNIT_COUNT, NULL, "gauge", NULL, 0},
        {"accounts", "store", "accounts bound", UNIT_COUNT, NULL, "gauge", NULL, 0},
        {"keys_", "keys", NULL, UNIT_COUNT, "tokens", "gauge", "kind=\"ak\",state=\"%s\"", 0},
        {"pats_", "personal tokens", NULL, UNIT_COUNT, "tokens", "gauge",
         "kind=\"pat\",state=\"%s\"", 0},
        {"verifications_", "verifications since the start", NULL, UNIT_COUNT, "verifications",
         "counter", "verdict=\"%s\"", 0},
        {"policy_max_life_seconds", "policy", NULL, UNIT_POLICY, NULL, "gauge", NULL,
         WIRE_F_MAX_LIFE},
        {"policy_never_ok", "policy", NULL, UNIT_POLICY, NULL, "gauge", NULL, WIRE_F_NEVER_OK},
        {"policy_max_unused_seconds", "policy", NULL, UNIT_POLICY, NULL, "gauge", NULL,
         WIRE_F_MAX_UNUSED},
        {"policy_self_service", "policy", NULL, UNIT_POLICY, NULL, "gauge", NULL,
         WIRE_F_SELF_SERVICE},
};
static const struct metric other = {"", "other", NULL, UNIT_COUNT, NULL, "gauge", NULL, 0};

static const char *const sections[] = {
        "daemon", "verifications since the start", "keys", "personal tokens", "store", "policy",
        "other",
};

#define NAME_MAX_LEN 63
#define VALUES_MAX   128

struct value {
        const struct metric *metric;
        char name[NAME_MAX_LEN + 1];
        const char *rest; /* of the name, behind a metric's prefix */
        int64_t number;
};

struct sample_set {
        size_t count;
        struct value values[VALUES_MAX];
};

static const struct metric *find_metric(const char *name, const char **ret_rest)
{
        for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
                size_t len = strlen(metrics[i].name);
                bool prefix = metrics[i].name[len - 1] == '_';

                if (prefix ? strncmp(name, metrics[i].name, len) != 0
                           : strcmp(name, metrics[i].name) != 0)
                        continue;
                *ret_rest = prefix ? name + len : "";
                return &metrics[i];
        }
        *ret_rest = name;
        return &other;
}

/* Names become labels and members of a document: only those that are harmless as such are taken. */
static int take_row(void *context, const struct wire_message *row)
{
        struct sample_set *s = context;
        struct value *v = &s->values[s->count];

        /* More than there is room for comes from a daemon that is much newer. */
        if (s->count == VALUES_MAX ||
            !view_copy(wire_text(row, WIRE_F_METRIC), v->name, sizeof(v->name)))
                return STATUS_DONE;
        for (const char *p = v->name; *p; p++)
                if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_", *p))
                        return STATUS_DONE;
        v->metric = find_metric(v->name, &v->rest);
        v->number = wire_number(row, WIRE_F_VALUE, 0);
        s->count++;
        return STATUS_DONE;
}

/* Two digits at least, so that growth can be seen. */
static void put_bytes(struct buffer *b, int64_t bytes)
{
        static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
        size_t i = 0;

        while (bytes >= 10240 && i + 1 < sizeof(units) / sizeof(units[0])) {
                bytes /= 1024;
                i++;
        }
        buffer_printf(b, "%" PRId64 " %s", bytes, units[i]);
}

/* The policy of the host, in the words that set it. */
static void put_policy(struct buffer *b, const struct value *v)
{
        static const uint8_t nonce[WIRE_NONCE_LEN];
        struct wire_message m;

        wire_init(&m, WIRE_DONE, WIRE_V_HOST_SHOW, nonce);
        wire_put_number(&m, v->metric->policy, v->number);
        policy_put_words(b, &m);
}

/* The name of a verdict as it is documented, from its spelling in a metric. */
static void put_word(struct buffer *b, const char *word)
{
        for (; *word; word++)
                buffer_fill(b, *word == '_' ? '-' : *word, 1);
}

static void put_value(struct buffer *b, const struct value *v)
{
        char words[TIMEWORDS_SIZE];
        struct buffer label = {0};

        buffer_puts(b, "  ");
        if (v->metric->unit == UNIT_POLICY) {
                put_policy(b, v);
                buffer_puts(b, "\n");
                return;
        }
        put_word(&label, v->metric->label ? v->metric->label : v->rest);
        buffer_put_view(b, buffer_view(&label));
        buffer_fill(b, ' ', label.len < 18 ? 18 - label.len : 1);
        buffer_wipe(&label);
        if (v->metric->unit == UNIT_SECONDS)
                buffer_puts(b, timewords_about(v->number, words));
        else if (v->metric->unit == UNIT_BYTES)
                put_bytes(b, v->number);
        else
                buffer_printf(b, "%" PRId64, v->number);
        buffer_puts(b, "\n");
}

/* How long the oldest waits, where none waits. */
static bool says_nothing(const struct value *v)
{
        return v->number == 0 && strcmp(v->name, "oldest_pending_use_seconds") == 0;
}

static void put_text(struct call *call, const struct sample_set *s)
{
        struct buffer *b = &call->out.to;

        for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
                bool first = true;

                for (size_t k = 0; k < s->count; k++) {
                        if (strcmp(s->values[k].metric->section, sections[i]) != 0 ||
                            says_nothing(&s->values[k]))
                                continue;
                        if (first) {
                                table_put_styled(b, call->out.colour, STYLE_TITLE,
                                                 view_of(sections[i]));
                                buffer_puts(b, "\n");
                        }
                        first = false;
                        put_value(b, &s->values[k]);
                }
        }
}

static void put_json(struct call *call, const struct sample_set *s)
{
        struct json j = {.out = &call->out.to};

        json_begin_object(&j, NULL);
        for (size_t i = 0; i < s->count; i++)
                json_number(&j, s->values[i].name, s->values[i].number);
        json_end_object(&j);
}

static const char *family_of(const struct value *v)
{
        return v->metric->family ? v->metric->family : v->name;
}

/* A family may come in several places of the answer, but stands in one of the text. */
static bool is_first_of_family(const struct sample_set *s, size_t at)
{
        for (size_t i = 0; i < at; i++)
                if (strcmp(family_of(&s->values[i]), family_of(&s->values[at])) == 0)
                        return false;
        return true;
}

static void put_sample(struct buffer *b, const struct value *v)
{
        bool counter = strcmp(v->metric->type, "counter") == 0;

        buffer_printf(b, "orgtoken_%s%s", family_of(v), counter ? "_total" : "");
        if (v->metric->labels) {
                const char *hole = strstr(v->metric->labels, "%s");

                buffer_puts(b, "{");
                buffer_put(b, v->metric->labels, (size_t)(hole - v->metric->labels));
                put_word(b, v->rest);
                buffer_puts(b, hole + 2);
                buffer_puts(b, "}");
        }
        buffer_printf(b, " %" PRId64 "\n", v->number);
}

/* OpenMetrics 1.0: all samples of a family stand together behind its type, and "# EOF" ends it. */
static void put_openmetrics(struct call *call, const struct sample_set *s)
{
        struct buffer *b = &call->out.to;

        for (size_t i = 0; i < s->count; i++) {
                if (!is_first_of_family(s, i))
                        continue;
                buffer_printf(b, "# TYPE orgtoken_%s %s\n", family_of(&s->values[i]),
                              s->values[i].metric->type);
                for (size_t k = i; k < s->count; k++)
                        if (strcmp(family_of(&s->values[k]), family_of(&s->values[i])) == 0)
                                put_sample(b, &s->values[k]);
        }
        buffer_puts(b, "# EOF\n");
}

static int status(struct call *call)
{
        struct sample_set s = {0};
        int r;

        if (call->out.json && args_has(&call->args, "--openmetrics"))
                return error_set(&call->error, STATUS_USAGE, "usage",
                                 "--json and --openmetrics are two different forms: choose one");
        r = session_list(call, take_row, &s);
        if (r != STATUS_DONE)
                return r;
        if (args_has(&call->args, "--openmetrics"))
                put_openmetrics(call, &s);
        else if (call->out.json)
                put_json(call, &s);
        else
                put_text(call, &s);
        return output_flush(&call->out, &call->error);
}

const struct command cmd_status[] = {
        {
                .noun = "status",
                .wire = WIRE_V_STATUS,
                .run = status,
                .summary = "Shows the daemon's state, its store and what it has decided.",
                .details = "Everybody sees that it runs, its verdicts and the host's policy; root "
                           "sees the "
                           "counts too. With --openmetrics for a textfile collector.",
                .args = {{"--openmetrics", NULL, ARG_FLAG, 0, 0, "in the OpenMetrics text format"}},
        },
        {0},
};
