#include "cli/cmd.h"

#include <string.h>

#include "cli/text.h"
#include "common/name.h"

#define TICKET_MINUTES 5

struct sudoers {
        struct call *call;
        struct json json;
        struct buffer text;
        char account[NAME_USER_MAX + 1]; /* of the rows gathered */
        struct buffer orgs;              /* theirs, joined */
        size_t accounts;
};

/* A name that sudoers would read as something else even in quotes: ALL is everybody. */
static bool is_reserved(const char *account)
{
        return strcmp(account, "ALL") == 0;
}

/* In double quotes, so that no character of a name means anything to sudoers and a name in capitals
   is no alias (sudoers(5), "Other special characters and reserved words"). Names hold no quote and
   no backslash; a store that says otherwise gets no line. */
static void put_lines(struct sudoers *s)
{
        struct buffer *b = &s->text;

        if (!name_is_user(view_of(s->account)) || is_reserved(s->account)) {
                buffer_puts(b, "# left out, since sudoers cannot name it: ");
                text_put_safe(b, view_of(s->account));
                buffer_puts(b, "\n\n");
                return;
        }
        if (s->orgs.len > 0)
                buffer_printf(b, "# %s: bound to %.*s\n", s->account, (int)s->orgs.len,
                              s->orgs.bytes);
        else
                buffer_printf(b, "# %s: bound to no organisation any more, still guarded\n",
                              s->account);
        buffer_printf(b, "Defaults>\"%s\" targetpw, timestamp_timeout=%d\n\n", s->account,
                      TICKET_MINUTES);
}

/* The rows of one account come together; the next account's ends them. */
static void end_account(struct sudoers *s)
{
        if (s->account[0] == '\0')
                return;
        s->accounts++;
        put_lines(s);
        if (s->call->out.json) {
                json_end_list(&s->json);
                json_end_object(&s->json);
        }
        s->account[0] = '\0';
        buffer_clear(&s->orgs);
}

static void begin_account(struct sudoers *s, struct view account)
{
        (void)view_copy(account, s->account, sizeof(s->account));
        if (!s->call->out.json)
                return;
        json_begin_object(&s->json, NULL);
        json_text(&s->json, "account", account);
        json_begin_list(&s->json, "orgs");
}

static int take_row(void *context, const struct wire_message *row)
{
        struct sudoers *s = context;
        struct view account = wire_text(row, WIRE_F_ACCOUNT);

        if (!view_equal_str(account, s->account)) {
                end_account(s);
                begin_account(s, account);
        }
        if (wire_has(row, WIRE_F_ORG)) {
                if (s->call->out.json)
                        json_text(&s->json, NULL, wire_text(row, WIRE_F_ORG));
                buffer_puts(&s->orgs, s->orgs.len > 0 ? ", " : "");
                text_put_safe(&s->orgs, wire_text(row, WIRE_F_ORG));
        }
        return STATUS_DONE;
}

/* The file is read years later by somebody who has never heard of this command. */
static void put_head(struct buffer *b)
{
        buffer_printf(
                b,
                "# Made by: orgtoken sudoers\n"
                "# Goes into /etc/sudoers.d/orgtoken (owner root, mode 0440); check it with visudo "
                "-c.\n"
                "#\n"
                "# targetpw: sudo asks for the password of the account, and so tells PAM which\n"
                "# account it is about; the answer is one's own token with @ORG behind it.\n"
                "# timestamp_timeout=%d: after so many minutes sudo asks again.\n"
                "# Who may use sudo for these accounts is still said by rules of your own, such "
                "as:\n"
                "#   %%deployers ALL = (acme-deploy) ALL\n\n",
                TICKET_MINUTES);
}

static int sudoers(struct call *call)
{
        struct sudoers s = {.call = call, .json.out = &call->out.to};
        int status;

        put_head(&s.text);
        if (call->out.json) {
                json_begin_object(&s.json, NULL);
                json_begin_list(&s.json, "accounts");
        }
        status = session_list(call, take_row, &s);
        end_account(&s);
        if (s.accounts == 0)
                buffer_puts(&s.text,
                            "# No account is bound yet: orgtoken account bind ORG ACCOUNT\n");
        if (call->out.json) {
                json_end_list(&s.json);
                json_text(&s.json, "sudoers", buffer_view(&s.text));
                json_end_object(&s.json);
        } else {
                buffer_put_view(&call->out.to, buffer_view(&s.text));
        }
        if (s.text.failed || s.orgs.failed)
                call->out.to.failed = true;
        buffer_wipe(&s.text);
        buffer_wipe(&s.orgs);
        return status == STATUS_DONE ? output_flush(&call->out, &call->error) : status;
}

const struct command cmd_sudoers[] = {
        {
                .noun = "sudoers",
                .wire = WIRE_V_GUARDED_LIST,
                .run = sudoers,
                .summary = "Prints the sudoers lines for the bound accounts (root).",
                .details = "Write them to /etc/sudoers.d/orgtoken, and again whenever accounts "
                           "were bound. "
                           "Without them a token proves only who calls sudo, not which account it "
                           "is for.",
        },
        {0},
};
