#include "cli/cmd.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/text.h"
#include "cli/timewords.h"
#include "common/expiry.h"
#include "common/name.h"
#include "common/token.h"

/* What is told of a new token after it was delivered; the answer itself is gone by then. */
struct made {
        char key_id[TOKEN_KEY_ID_SIZE];
        char name[NAME_LABEL_BYTES + 1];
        char replaces[TOKEN_KEY_ID_SIZE];
        int64_t expires_at;
};

/* The document or the line with the token; the one place outside the packet where its bytes are. */
static void put_token(struct buffer *b, const struct wire_message *reply, bool as_json)
{
        struct json j = {.out = b};

        if (!as_json) {
                buffer_put_view(b, wire_text(reply, WIRE_F_TOKEN));
                buffer_puts(b, "\n");
                return;
        }
        json_begin_object(&j, NULL);
        json_text(&j, "pat_key", wire_text(reply, WIRE_F_TOKEN));
        json_text(&j, "key_id", wire_text(reply, WIRE_F_KEY_ID));
        json_text(&j, "name", wire_text(reply, WIRE_F_NAME));
        json_time(&j, "expires_at", wire_number(reply, WIRE_F_EXPIRES_AT, EXPIRY_NEVER));
        json_number(&j, "created_at", wire_number(reply, WIRE_F_CREATED_AT, 0));
        if (wire_has(reply, WIRE_F_SUCCESSOR))
                json_text(&j, "replaces", wire_text(reply, WIRE_F_SUCCESSOR));
        json_end_object(&j);
}

/* Straight to the descriptor: stdio would keep the token in a buffer of its own, and could not say
   before the end of the program that the disk is full. */
static int print_token(const struct wire_message *reply, bool as_json)
{
        _cleanup_(buffer_wipe) struct buffer b = {0};

        put_token(&b, reply, as_json);
        return b.failed ? -ENOMEM : output_write(buffer_view(&b));
}

static int not_printed(struct session *s, int r)
{
        struct error failed = {0};
        struct call *call = s->call;
        int status;

        /* Revoked by saying so; silence and a closed connection would come to the same. */
        status = session_acknowledge(s, false);
        failed.status = STATUS_DONE;
        call->error = failed;
        return error_set(&call->error, STATUS_REFUSED, "not-delivered",
                         "the token could not be printed (%s), so it %s revoked; nobody has it",
                         strerror(-r), status == STATUS_DONE ? "was" : "is being");
}

/* The text is out and cannot be taken back; what can be said is that it is worth nothing. */
static int not_kept(struct call *call)
{
        struct error *e = &call->error;

        /* Whatever happened, the printed token is nothing to rely on: that before all else that
           could be said. */
        e->hint[0] = '\0';
        if (e->status == STATUS_REFUSED)
                return error_hint(e, "the token just printed does not work; make another one");
        return error_hint(e, "the token just printed may not work: orgtoken pat list or key list "
                             "tells");
}

/* Both in words and as a date: the one to be understood, the other to be written down. */
static void note_end(const struct call *call, int64_t expires_at)
{
        char words[TIMEWORDS_SIZE], date[EXPIRY_TEXT_SIZE];

        if (expires_at == EXPIRY_NEVER) {
                output_note(&call->out, "It never expires.");
                return;
        }
        expiry_format(expires_at, date);
        output_note(&call->out, "It expires %s (%s).",
                    timewords_relative(expires_at, call->now, words), date);
}

/* What one has to know before the old one is thrown away. */
static void note_replaced(const struct call *call, const struct made *made)
{
        int64_t overlap = 0;
        char words[TIMEWORDS_SIZE];

        if (made->replaces[0] == '\0')
                return;
        for (size_t i = 0; i < call->args.count; i++)
                if (call->args.given[i].field == WIRE_F_OVERLAP)
                        overlap = call->args.given[i].number;
        if (overlap == 0)
                output_note(&call->out, "%s, which it replaces, has ended.", made->replaces);
        else
                output_note(&call->out,
                            "%s, which it replaces, still works for %s; the list tells when it was "
                            "last used.",
                            made->replaces, timewords_span(overlap, words));
}

/* Behind sudo one is root, and rarely means a token of root's. */
static void note_roots_own(const struct call *call)
{
        const struct command *c = call->args.command;

        if (geteuid() == 0 && c->wire == WIRE_V_PAT_CREATE && !args_has(&call->args, "--user"))
                output_note(&call->out, "note: it is root's own; for a person say --user NAME, or "
                                        "let them make it without sudo");
}

static void note_made(const struct call *call, const struct made *made)
{
        output_note(&call->out,
                    "This is the token of %s \"%s\". It is shown once and cannot be shown again.",
                    made->key_id, made->name);
        note_end(call, made->expires_at);
        note_replaced(call, made);
        note_roots_own(call);
        cmd_note_services(call);
}

/* Prints first and acknowledges then: the daemon keeps a token only where somebody has it. */
static int deliver(struct session *s)
{
        struct call *call = s->call;
        struct made made = {.expires_at = wire_number(&s->reply, WIRE_F_EXPIRES_AT, EXPIRY_NEVER)};
        int r;

        (void)view_copy(wire_text(&s->reply, WIRE_F_KEY_ID), made.key_id, sizeof(made.key_id));
        (void)view_copy(wire_text(&s->reply, WIRE_F_NAME), made.name, sizeof(made.name));
        (void)view_copy(wire_text(&s->reply, WIRE_F_SUCCESSOR), made.replaces,
                        sizeof(made.replaces));
        r = print_token(&s->reply, call->out.json);
        if (r < 0)
                return not_printed(s, r);
        if (session_acknowledge(s, true) != STATUS_DONE)
                return not_kept(call);
        note_made(call, &made);
        return STATUS_DONE;
}

/* For every verb that is answered by a token. */
int cmd_create(struct call *call)
{
        _cleanup_session_ struct session s = SESSION_INIT;
        int status = session_begin_with_args(&s, call);

        if (status == STATUS_DONE)
                status = session_ask(&s);
        if (status != STATUS_DONE)
                return status;
        if (s.reply.magic != WIRE_NEW_TOKEN)
                return session_failure(&s, -EPROTO);
        return deliver(&s);
}
