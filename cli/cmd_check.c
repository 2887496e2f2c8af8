#include "cli/cmd.h"

#include <errno.h>
#include <string.h>

#include "cli/secretin.h"
#include "cli/text.h"
#include "cli/timewords.h"
#include "common/expiry.h"
#include "common/name.h"
#include "common/token.h"
#include "common/verdict.h"

/* Facts that the verdict never came to are left out. */
static void put_line(struct buffer *b, const char *name, struct view value)
{
        if (view_is_empty(value))
                return;
        buffer_printf(b, "  %-8s ", name);
        text_put_safe(b, value);
        buffer_puts(b, "\n");
}

/* Which of the ways of naming an organisation it was: half of all questions are about that. */
static const char *named_by(struct view who)
{
        static const char *const words[][2] = {
                {"key", "the key's own"},
                {"suffix", "named by the @org behind the token"},
                {"option", "named by --org"},
                {"account", "the one that the account is bound to"},
                {"prompt", "named at the prompt"},
        };

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (view_equal_str(who, words[i][0]))
                        return words[i][1];
        return NULL;
}

static void put_org(struct buffer *b, const struct wire_message *m)
{
        struct view org = wire_text(m, WIRE_F_ORG);
        const char *by = named_by(wire_text(m, WIRE_F_ORG_NAMED_BY));
        struct buffer text = {0};

        if (!org.ptr)
                return;
        buffer_put_view(&text, org);
        if (by)
                buffer_printf(&text, ", %s", by);
        put_line(b, "org", buffer_view(&text));
        buffer_wipe(&text);
}

/* A dead token has one date that matters, a live one another. */
static void put_times(struct buffer *b, const struct wire_message *m, int64_t now)
{
        int64_t ended = wire_number(m, WIRE_F_ENDED_AT, 0);
        int64_t expires = wire_number(m, WIRE_F_EXPIRES_AT, EXPIRY_NEVER);
        struct view reason = wire_text(m, WIRE_F_ENDED_REASON);
        char words[TIMEWORDS_SIZE], date[EXPIRY_TEXT_SIZE];
        struct buffer text = {0};

        if (ended != 0) {
                expiry_format(ended, date);
                buffer_printf(&text, "%s (%s)", timewords_relative(ended, now, words), date);
                if (reason.ptr)
                        buffer_puts(&text, ", ");
                buffer_put_view(&text, reason);
                put_line(b, "ended", buffer_view(&text));
        } else if (wire_has(m, WIRE_F_KEY_ID)) {
                expiry_format(expires, date);
                buffer_puts(&text, timewords_relative(expires, now, words));
                if (expires != EXPIRY_NEVER)
                        buffer_printf(&text, " (%s)", date);
                put_line(b, "expires", buffer_view(&text));
        }
        buffer_wipe(&text);
}

/* What would have to be different; a token that is allowed needs nothing. */
static void put_advice(struct call *call, const struct wire_message *m)
{
        struct buffer *b = &call->out.to, safe = {0};
        struct view advice = wire_text(m, WIRE_F_MESSAGE);

        if (view_is_empty(advice))
                return;
        buffer_puts(b, "what it takes\n    ");
        text_put_safe(&safe, advice);
        text_put_wrapped(b, buffer_view(&safe), 4, call->out.width > 24 ? call->out.width - 4 : 0);
        buffer_puts(b, "\n");
        buffer_wipe(&safe);
}

/* The steps as the daemon took them, each numbered and broken at the width of the terminal. */
static void put_steps(struct call *call, const struct wire_message *m)
{
        struct buffer *b = &call->out.to, safe = {0};
        size_t len;
        const struct view *steps = wire_list(m, WIRE_F_EXPLANATION, &len);

        for (size_t i = 0; i < len; i++) {
                buffer_printf(b, "%s%2zu. ", i == 0 ? "why\n" : "", i + 1);
                text_put_safe(&safe, steps[i]);
                text_put_wrapped(b, buffer_view(&safe), 4,
                                 call->out.width > 24 ? call->out.width - 4 : 0);
                buffer_puts(b, "\n");
                buffer_clear(&safe);
        }
        buffer_wipe(&safe);
}

static void put_text(struct call *call, const struct wire_message *m, const char *verdict)
{
        struct buffer *b = &call->out.to;
        bool allow = wire_number(m, WIRE_F_VERDICT, 0) == VERDICT_ALLOW;

        table_put_styled(b, call->out.colour, allow ? STYLE_GOOD : STYLE_BAD, view_of(verdict));
        buffer_puts(b, "\n");
        put_line(b, "rule", wire_text(m, WIRE_F_REASON));
        put_line(b, "key id", wire_text(m, WIRE_F_KEY_ID));
        put_line(b, "user", wire_text(m, WIRE_F_USER));
        put_org(b, m);
        put_times(b, m, call->now);
        put_steps(call, m);
        put_advice(call, m);
}

static void put_json(struct call *call, const struct wire_message *m, const char *verdict)
{
        struct json j = {.out = &call->out.to};

        json_begin_object(&j, NULL);
        json_text(&j, "verdict", view_of(verdict));
        json_text(&j, "rule", wire_text(m, WIRE_F_REASON));
        json_text(&j, "org", wire_text(m, WIRE_F_ORG));
        json_text(&j, "org_named_by", wire_text(m, WIRE_F_ORG_NAMED_BY));
        json_text(&j, "key_id", wire_text(m, WIRE_F_KEY_ID));
        json_text(&j, "user", wire_text(m, WIRE_F_USER));
        json_time(&j, "expires_at", wire_number(m, WIRE_F_EXPIRES_AT, EXPIRY_NEVER));
        json_time(&j, "ended_at", wire_number(m, WIRE_F_ENDED_AT, EXPIRY_NEVER));
        json_text(&j, "ended_reason", wire_text(m, WIRE_F_ENDED_REASON));
        cmd_put_json_list(&j, "explanation", m, WIRE_F_EXPLANATION);
        json_text(&j, "advice", wire_text(m, WIRE_F_MESSAGE));
        json_end_object(&j);
}

static int print_answer(struct call *call, const struct wire_message *m, const char *verdict)
{
        int status;

        if (call->out.json)
                put_json(call, m, verdict);
        else
                put_text(call, m, verdict);
        status = output_flush(&call->out, &call->error);
        if (status != STATUS_DONE)
                return status;
        return wire_number(m, WIRE_F_VERDICT, 0) == VERDICT_ALLOW ? STATUS_DONE : STATUS_REFUSED;
}

/* What is wrong with token-shaped input, as far as that can be told without saying what it is. */
static const char *why_malformed(struct view text)
{
        const char *at = memchr(text.ptr, '@', text.len);
        size_t own = at ? (size_t)(at - text.ptr) : text.len;

        if (memcmp(text.ptr, "ak_", 3) != 0 && memcmp(text.ptr, "pat_", 4) != 0)
                return "it does not begin with ak_ or pat_: something stands before the token";
        if (own != (size_t)(text.ptr[0] == 'p' ? TOKEN_TEXT_MAX : TOKEN_TEXT_MAX - 1))
                return "it has the wrong length: something was cut off or added when it was copied";
        if (at && !name_is_org((struct view){at + 1, text.len - own - 1}))
                return "what stands behind the @ is no organisation name";
        return "a character of it is wrong: its checksum does not fit";
}

/* Answered here, as the PAM module does: what is no whole token is sent nowhere. */
static int answer_locally(struct call *call, struct view text, bool shaped)
{
        static const uint8_t nonce[WIRE_NONCE_LEN];
        struct wire_message m;

        wire_init(&m, WIRE_DONE, WIRE_V_CHECK, nonce);
        if (shaped) {
                wire_put_number(&m, WIRE_F_VERDICT, VERDICT_MALFORMED);
                wire_put_text(&m, WIRE_F_REASON, VIEW("malformed"));
                wire_put_text(&m, WIRE_F_MESSAGE,
                              VIEW("the whole token, as it was shown when it was made"));
                (void)wire_put_list(&m, WIRE_F_EXPLANATION, view_of(why_malformed(text)));
        } else {
                (void)wire_put_list(&m, WIRE_F_EXPLANATION,
                                    VIEW("it does not look like a token: to the PAM module it is a "
                                         "password, left to the modules behind it"));
        }
        (void)wire_put_list(&m, WIRE_F_EXPLANATION, VIEW("the daemon was not asked"));
        return print_answer(call, &m, shaped ? "malformed" : "not-a-token");
}

/* The token is put in last and by hand: it is no argument, and no table of arguments knows of it.
 */
static int ask(struct call *call, struct view token)
{
        _cleanup_session_ struct session s = SESSION_INIT;
        int64_t verdict;
        int status = session_begin_with_args(&s, call);

        if (status != STATUS_DONE)
                return status;
        wire_put_text(&s.request, WIRE_F_TOKEN, token);
        status = session_ask(&s);
        if (status != STATUS_DONE)
                return status;
        verdict = wire_number(&s.reply, WIRE_F_VERDICT, 0);
        if (s.reply.magic != WIRE_DONE || !verdict_is_valid(verdict))
                return session_failure(&s, -EPROTO);
        return print_answer(call, &s.reply, verdict_to_string((enum verdict)verdict));
}

/* Its buffer is the one copy in this process, but for the packet, and wipes itself. */
static int check(struct call *call)
{
        _cleanup_(secret_buffer_wipe) struct secret_buffer typed = {0};
        struct token token;
        struct view text;
        int r = secretin_read("Token: ", &typed);

        if (r == -ENODATA) {
                (void)error_set(&call->error, STATUS_USAGE, "usage",
                                "no token came on standard input");
                return error_hint(&call->error, "type: orgtoken check < FILE, or run it on a "
                                                "terminal, where it asks");
        }
        if (r < 0)
                return error_set(&call->error, STATUS_REFUSED, "input",
                                 "standard input cannot be read: %s", strerror(-r));
        text = view_of_bytes(typed.bytes, typed.len);
        r = token_parse(text, &token);
        return r < 0 ? answer_locally(call, text, r == -EBADMSG) : ask(call, text);
}

const struct command cmd_check[] = {
        {
                .noun = "check",
                .wire = WIRE_V_CHECK,
                .run = check,
                .summary = "Tells what would become of a token, and why.",
                .details = "The token is read from standard input, or asked for without echo on a "
                           "terminal. The answer is made by the same code as a login's, for the "
                           "account, "
                           "service and address that are given; nothing is recorded as a use. For "
                           "root, "
                           "and for the token's own user. Exit status 0 means allow.",
                .surplus = "a token is never an argument: type orgtoken check < FILE",
                .args = {{"--account", "A", ARG_NAME, 0, WIRE_F_ACCOUNT, "to become this account"},
                         {"--org", "ORG", ARG_NAME, 0, WIRE_F_ORG,
                          "as if the stack named this org"},
                         {"--service", "S", ARG_NAME, 0, WIRE_F_SERVICE,
                          "through this PAM service"},
                         {"--source", "ADDR", ARG_ADDRESS, 0, WIRE_F_SOURCE, "from this address"},
                         {"--actor", "U", ARG_NAME, 0, WIRE_F_ACTOR,
                          "on behalf of this user (su, sudo)"}},
        },
        {0},
};
