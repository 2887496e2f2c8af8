#include "cli/cmd.h"

#include <inttypes.h>

#include "cli/text.h"
#include "cli/timewords.h"
#include "common/expiry.h"
#include "common/name.h"
#include "common/token.h"

enum section {
        SECTION_USER,
        SECTION_ORG,
        SECTION_ACCOUNT,
        SECTION_TOKEN,
        SECTION_RECENT,
        SECTIONS
};

/* The word in the row, the heading for people, the member of the document, and how to say "none".
 */
static const struct {
        const char *word, *heading, *member, *none;
} texts[SECTIONS] = {
        {"user", NULL, NULL, NULL},
        {"org", "organisations", "orgs",
         "none; an admin of one adds you: orgtoken member add ORG USER"},
        {"account", "accounts you may become", "accounts", "none but your own"},
        {"token", "your tokens", "tokens", "none; make one with: orgtoken pat create --name NAME"},
        {"recent", "made in your name lately", "recent", "none"},
};

/* Rows come in the order of the sections, but for the last two, which alternate: each has a buffer.
 */
struct whoami {
        struct call *call;
        struct buffer text[SECTIONS];
        struct json json[SECTIONS];
        bool suspended;
        int64_t uid; /* -1: not said */
};

/* -1 for a section of a newer daemon. */
static int section_of(struct view word)
{
        for (int i = 0; i < SECTIONS; i++)
                if (view_equal_str(word, texts[i].word))
                        return i;
        return -1;
}

static const char *role_word(const struct wire_message *row)
{
        return role_to_string(wire_number(row, WIRE_F_ROLE, 0) == ROLE_ADMIN ? ROLE_ADMIN
                                                                             : ROLE_MEMBER);
}

static void put_user(struct whoami *w, const struct wire_message *row)
{
        w->suspended = wire_number(row, WIRE_F_SUSPENDED, 0) != 0;
        w->uid = wire_number(row, WIRE_F_UID, -1);
        buffer_put_view(&w->text[SECTION_USER], wire_text(row, WIRE_F_USER));
}

static void put_org(struct buffer *b, const struct wire_message *row)
{
        buffer_put_view(b, wire_text(row, WIRE_F_ORG));
        buffer_printf(b, ", %s%s", role_word(row),
                      wire_number(row, WIRE_F_SUSPENDED, 0) ? ", suspended" : "");
}

/* Which organisation a token has to name for it is what one needs to know. */
static void put_account(struct buffer *b, const struct wire_message *row)
{
        buffer_put_view(b, wire_text(row, WIRE_F_ACCOUNT));
        buffer_puts(b, " with a token for ");
        buffer_put_view(b, wire_text(row, WIRE_F_ORG));
        if (!wire_has(row, WIRE_F_LIMIT_SERVICE))
                return;
        buffer_puts(b, ", only by ");
        cmd_put_joined(b, row, WIRE_F_LIMIT_SERVICE);
}

static void put_token(struct buffer *b, const struct wire_message *row, int64_t now)
{
        int64_t expires = wire_number(row, WIRE_F_EXPIRES_AT, EXPIRY_NEVER);
        char words[TIMEWORDS_SIZE];

        buffer_put_view(b, wire_text(row, WIRE_F_KEY_ID));
        buffer_puts(b, " \"");
        buffer_put_view(b, wire_text(row, WIRE_F_NAME));
        buffer_printf(b, "\", %s", cmd_state_word(wire_number(row, WIRE_F_STATE, 0)));
        if (wire_number(row, WIRE_F_STATE, 0) == WIRE_STATE_LIVE)
                buffer_printf(b, expires == EXPIRY_NEVER ? ", never expires" : ", expires %s",
                              timewords_relative(expires, now, words));
        buffer_puts(b, ", last used ");
        cmd_put_last_use(b, row, now);
}

/* With the time first of all that could be said: "was that me?" is answered by it. */
static void put_recent(struct buffer *b, const struct wire_message *row, int64_t now)
{
        char words[TIMEWORDS_SIZE];

        buffer_put_view(b, wire_text(row, WIRE_F_KEY_ID));
        buffer_puts(b, " \"");
        buffer_put_view(b, wire_text(row, WIRE_F_NAME));
        buffer_printf(b, "\", %s",
                      timewords_relative(wire_number(row, WIRE_F_CREATED_AT, 0), now, words));
}

static void put_line(struct whoami *w, enum section section, const struct wire_message *row)
{
        unsigned width = w->call->out.width;
        struct buffer line = {0}, safe = {0};

        switch (section) {
        case SECTION_ORG: put_org(&line, row); break;
        case SECTION_ACCOUNT: put_account(&line, row); break;
        case SECTION_TOKEN: put_token(&line, row, w->call->now); break;
        case SECTION_RECENT: put_recent(&line, row, w->call->now); break;
        case SECTION_USER:
        case SECTIONS: break;
        }
        text_put_safe(&safe, buffer_view(&line));
        buffer_puts(&w->text[section], "  ");
        text_put_wrapped(&w->text[section], buffer_view(&safe), 4, width > 24 ? width - 4 : 0);
        buffer_puts(&w->text[section], "\n");
        buffer_wipe(&line);
        buffer_wipe(&safe);
}

static void put_row_json(struct json *j, enum section section, const struct wire_message *row)
{
        json_begin_object(j, NULL);
        if (section == SECTION_ORG) {
                json_text(j, "org", wire_text(row, WIRE_F_ORG));
                json_text(j, "role", view_of(role_word(row)));
                json_bool(j, "suspended", wire_number(row, WIRE_F_SUSPENDED, 0) != 0);
        } else if (section == SECTION_ACCOUNT) {
                json_text(j, "account", wire_text(row, WIRE_F_ACCOUNT));
                json_text(j, "org", wire_text(row, WIRE_F_ORG));
                cmd_put_json_list(j, "services", row, WIRE_F_LIMIT_SERVICE);
        } else {
                cmd_put_token_json(j, row);
        }
        json_end_object(j);
}

static int take_row(void *context, const struct wire_message *row)
{
        struct whoami *w = context;
        int section = section_of(wire_text(row, WIRE_F_REASON));

        /* A section of a newer daemon: nothing is known of its rows. */
        if (section < 0)
                return STATUS_DONE;
        if (section == SECTION_USER)
                put_user(w, row);
        else if (w->call->out.json)
                put_row_json(&w->json[section], (enum section)section, row);
        else
                put_line(w, (enum section)section, row);
        return STATUS_DONE;
}

static void put_none(struct output *out, const char *words)
{
        buffer_puts(&out->to, "  ");
        text_put_wrapped(&out->to, view_of(words), 4, out->width > 24 ? out->width - 4 : 0);
        buffer_puts(&out->to, "\n");
}

static void finish_text(struct whoami *w)
{
        struct output *out = &w->call->out;

        if (w->text[SECTION_USER].len > 0)
                text_put_safe(&out->to, buffer_view(&w->text[SECTION_USER]));
        else
                buffer_printf(&out->to, "uid %" PRId64 ", which has no login name on this host",
                              w->uid);
        buffer_puts(&out->to, w->suspended ? ": suspended, none of your tokens works\n" : "\n");
        for (int i = SECTION_ORG; i < SECTIONS; i++) {
                table_put_styled(&out->to, out->colour, STYLE_TITLE, view_of(texts[i].heading));
                buffer_puts(&out->to, "\n");
                if (w->text[i].len > 0)
                        buffer_put_view(&out->to, buffer_view(&w->text[i]));
                else
                        put_none(out, texts[i].none);
        }
}

/* Each section's rows were written into a buffer of their own; here they get their brackets. */
static void finish_json(struct whoami *w)
{
        struct json j = {.out = &w->call->out.to};

        json_begin_object(&j, NULL);
        json_text(&j, "user",
                  w->text[SECTION_USER].len > 0 ? buffer_view(&w->text[SECTION_USER])
                                                : VIEW_ABSENT);
        json_number(&j, "uid", w->uid);
        json_bool(&j, "suspended", w->suspended);
        for (int i = SECTION_ORG; i < SECTIONS; i++) {
                json_begin_list(&j, texts[i].member);
                buffer_put_view(j.out, buffer_view(&w->text[i]));
                json_end_list(&j);
        }
        json_end_object(&j);
}

static int whoami(struct call *call)
{
        struct whoami w = {.call = call, .uid = -1};
        int status;

        /* As elements of a list in a document, which is where they will stand. */
        for (int i = 0; i < SECTIONS; i++)
                w.json[i] = (struct json){.out = &w.text[i], .depth = 2};
        status = session_list(call, take_row, &w);
        if (status == STATUS_DONE && call->out.json)
                finish_json(&w);
        else if (status == STATUS_DONE)
                finish_text(&w);
        for (int i = 0; i < SECTIONS; i++) {
                if (w.text[i].failed)
                        call->out.to.failed = true;
                buffer_wipe(&w.text[i]);
        }
        return status == STATUS_DONE ? output_flush(&call->out, &call->error) : status;
}

const struct command cmd_whoami[] = {
        {
                .noun = "whoami",
                .wire = WIRE_V_WHOAMI,
                .run = whoami,
                .summary = "Shows your organisations, roles, accounts and tokens.",
                .details = "And what was made in your name lately: a token that you do not "
                           "remember making "
                           "is a reason to revoke it and to ask who else reaches your login.",
        },
        {0},
};
