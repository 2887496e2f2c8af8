#include "cli/cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli/text.h"
#include "common/name.h"

/* Fields that sentences and JSON call by name. */
static const struct fact {
        const char *name;
        enum wire_field field;
        bool number;
} facts[] = {
        {"org", WIRE_F_ORG, false},
        {"user", WIRE_F_USER, false},
        {"account", WIRE_F_ACCOUNT, false},
        {"key_id", WIRE_F_KEY_ID, false},
        {"name", WIRE_F_NAME, false},
        {"path", WIRE_F_PATH, false},
        {"count", WIRE_F_COUNT, true},
        {"keys", WIRE_F_KEYS, true},
        {"pats", WIRE_F_PATS, true},
        {"sessions", WIRE_F_SESSIONS, true},
        {"sessions_left", WIRE_F_SESSIONS_LEFT, true},
};
#define FACTS (sizeof(facts) / sizeof(facts[0]))

/* The answer knows better: a request may have only the beginning of a key id. */
static const struct wire_message *who_has(const struct fact *f, const struct wire_message *answer,
                                          const struct wire_message *request)
{
        if (wire_has(answer, f->field))
                return answer;
        return wire_has(request, f->field) ? request : NULL;
}

static void put_role(struct buffer *b, const struct wire_message *answer,
                     const struct wire_message *request)
{
        int64_t role =
                wire_number(answer, WIRE_F_ROLE, wire_number(request, WIRE_F_ROLE, ROLE_MEMBER));

        buffer_puts(b, role_to_string(role == ROLE_ADMIN ? ROLE_ADMIN : ROLE_MEMBER));
}

/* "3 keys" for "count key keys". */
static void put_number(struct buffer *b, int64_t number, struct view words)
{
        const char *blank = words.len > 0 ? memchr(words.ptr, ' ', words.len) : NULL;

        buffer_printf(b, "%" PRId64, number);
        if (!blank)
                return;
        buffer_puts(b, " ");
        if (number == 1)
                buffer_put(b, words.ptr, (size_t)(blank - words.ptr));
        else
                buffer_put(b, blank + 1, words.len - (size_t)(blank - words.ptr) - 1);
}

/* What stands between the braces. */
static void put_placeholder(struct buffer *b, struct view word, const struct wire_message *answer,
                            const struct wire_message *request)
{
        const char *blank = memchr(word.ptr, ' ', word.len);
        struct view name = {word.ptr, blank ? (size_t)(blank - word.ptr) : word.len};
        struct view words = {word.ptr + name.len + (blank != NULL),
                             word.len - name.len - (blank != NULL)};

        if (view_equal_str(name, "role")) {
                put_role(b, answer, request);
                return;
        }
        for (size_t i = 0; i < FACTS; i++) {
                const struct wire_message *m = who_has(&facts[i], answer, request);

                if (!view_equal_str(name, facts[i].name))
                        continue;
                if (facts[i].number)
                        put_number(b, m ? wire_number(m, facts[i].field, 0) : 0, words);
                else if (m)
                        buffer_put_view(b, wire_text(m, facts[i].field));
        }
}

void cmd_expand(struct buffer *b, const char *sentence, const struct wire_message *answer,
                const struct wire_message *request)
{
        while (sentence && *sentence) {
                const char *open = strchr(sentence, '{'), *close = open ? strchr(open, '}') : NULL;

                if (!close) {
                        buffer_puts(b, sentence);
                        return;
                }
                buffer_put(b, sentence, (size_t)(open - sentence));
                put_placeholder(b, (struct view){open + 1, (size_t)(close - open) - 1}, answer,
                                request);
                sentence = close + 1;
        }
}

/* What was asked for and what came of it, under the same names as in the lists. */
static void put_json(struct call *call, const struct session *s, bool dry)
{
        struct json j = {.out = &call->out.to};

        json_begin_object(&j, NULL);
        json_bool(&j, "done", !dry);
        for (size_t i = 0; i < FACTS; i++) {
                const struct wire_message *m = who_has(&facts[i], &s->reply, &s->request);

                if (m && facts[i].number)
                        json_number(&j, facts[i].name, wire_number(m, facts[i].field, 0));
                else if (m)
                        json_text(&j, facts[i].name, wire_text(m, facts[i].field));
        }
        json_end_object(&j);
}

static void put_sentence(struct call *call, const struct session *s, const char *sentence)
{
        struct buffer text = {0};

        cmd_expand(&text, sentence, &s->reply, &s->request);
        text_put_safe(&call->out.to, buffer_view(&text));
        buffer_puts(&call->out.to, "\n");
        buffer_wipe(&text);
}

static void note_next(const struct call *call, const struct session *s)
{
        struct buffer text = {0};

        if (!call->args.command->next)
                return;
        cmd_expand(&text, call->args.command->next, &s->reply, &s->request);
        output_note(&call->out, "%.*s", (int)text.len, buffer_view(&text).ptr);
        buffer_wipe(&text);
}

/* What came of the sessions that the change was to end. Where that was asked for and could not be
   done, half of the command has failed: the change stands all the same. */
static int tell_sessions(struct call *call, const struct session *s, bool dry)
{
        int64_t ended = wire_number(&s->reply, WIRE_F_SESSIONS, -1);
        struct view message = wire_text(&s->reply, WIRE_F_MESSAGE);

        if (ended >= 0)
                output_note(&call->out, "%s%" PRId64 " open session%s%s", dry ? "would end " : "",
                            ended, ended == 1 ? "" : "s", dry ? "" : " ended");
        if (!message.ptr)
                return STATUS_DONE;
        if (wire_number(&s->request, WIRE_F_END_SESSIONS, 0) != 0)
                return error_set(&call->error, STATUS_REFUSED, "sessions-left", "revoked, but %.*s",
                                 (int)message.len, message.ptr);
        output_note(&call->out, "warning: %.*s", (int)message.len, message.ptr);
        return STATUS_DONE;
}

int cmd_change(struct call *call)
{
        _cleanup_session_ struct session s = SESSION_INIT;
        const struct command *c = call->args.command;
        int status = session_begin_with_args(&s, call);
        bool dry;

        if (status == STATUS_DONE)
                status = session_ask(&s);
        if (status != STATUS_DONE)
                return status;
        if (s.reply.magic != WIRE_DONE)
                return session_failure(&s, -EPROTO);
        dry = wire_number(&s.request, WIRE_F_DRY_RUN, 0) != 0;
        if (call->out.json)
                put_json(call, &s, dry);
        else
                put_sentence(call, &s, dry && c->dry ? c->dry : c->done);
        status = output_flush(&call->out, &call->error);
        if (status == STATUS_DONE && !dry)
                note_next(call, &s);
        if (status == STATUS_DONE)
                status = tell_sessions(call, &s, dry);
        cmd_note_services(call);
        return status;
}

/* Names are compared whole by the daemon, and so here. */
static bool has_service(const struct args *a, const char *service)
{
        const char *given;

        for (size_t i = 0; (given = args_nth_text(a, "--service", i)); i++)
                if (strcmp(given, service) == 0)
                        return true;
        return false;
}

void cmd_note_services(const struct call *call)
{
        static const char *const twins[][3] = {
                {"su", "su-l", "su -"},
                {"sudo", "sudo-i", "sudo -i"},
        };

        for (size_t i = 0; i < sizeof(twins) / sizeof(twins[0]); i++)
                if (has_service(&call->args, twins[i][0]) && !has_service(&call->args, twins[i][1]))
                        output_note(&call->out,
                                    "note: '%s' is the PAM service %s, which %s does not include; "
                                    "add --service %s to have both",
                                    twins[i][2], twins[i][1], twins[i][0], twins[i][1]);
}
