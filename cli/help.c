#include "cli/help.h"

#include <string.h>

#include "cli/text.h"
#include "cli/timewords.h"
#include "common/expiry.h"

#define WIDTH       80
#define INDENT      2
#define NAME_COLUMN 26
#define NARROW      60 /* below it a description goes under what it describes */

static const char *const everywhere[][2] = {
        {"--json", "one JSON document instead of text; errors too, on standard error"},
        {"--socket PATH", "the daemon's management socket"},
        {"--help", "this text; behind a command, about it"},
        {"--version", "the version"},
};

/* Brackets for what may be left out, dots for what may come again, as everywhere. */
static void put_usage_arg(struct buffer *b, const struct arg *a)
{
        bool optional = arg_is_option(a) ? !(a->flags & ARG_REQUIRED) : a->flags & ARG_OPTIONAL;

        buffer_printf(b, " %s%s", optional ? "[" : "", a->name);
        if (a->value)
                buffer_printf(b, " %s", a->value);
        buffer_printf(b, "%s%s", optional ? "]" : "", a->flags & ARG_REPEATS ? "..." : "");
}

void help_put_usage(struct buffer *b, const struct command *c)
{
        buffer_printf(b, "orgtoken %s%s%s", c->noun, c->verb ? " " : "", c->verb ? c->verb : "");
        ARG_FOR_EACH(a, c)
        {
                put_usage_arg(b, a);
        }
}

/* "  NAME    what it is", the description beside the name or, in a narrow terminal, under it. */
static void put_entry(struct buffer *b, const char *name, const char *description, unsigned width)
{
        unsigned column = width < NARROW ? 2 * INDENT : NAME_COLUMN;
        unsigned used = INDENT + text_width(view_of(name));

        buffer_fill(b, ' ', INDENT);
        buffer_puts(b, name);
        if (used + 1 >= column) {
                buffer_puts(b, "\n");
                used = 0;
        }
        buffer_fill(b, ' ', column - used);
        text_put_wrapped(b, view_of(description), column, width - column);
        buffer_puts(b, "\n");
}

static void put_paragraph(struct buffer *b, const char *text, unsigned width)
{
        text_put_wrapped(b, view_of(text), 0, width);
        buffer_puts(b, "\n");
}

/* Said on the pages that list commands; on a command's own page they would hide its own options. */
static void put_everywhere(struct buffer *b, unsigned width)
{
        buffer_puts(b, "\nWith every command:\n");
        for (size_t i = 0; i < sizeof(everywhere) / sizeof(everywhere[0]); i++)
                put_entry(b, everywhere[i][0], everywhere[i][1], width);
}

/* One line a noun, though most have several rows. */
static void put_all(struct buffer *b, unsigned width)
{
        const char *last = "";

        put_paragraph(b, "orgtoken manages organisation tokens on this host.", width);
        buffer_puts(b, "\nUsage: orgtoken COMMAND ...\n\nCommands:\n");
        COMMAND_FOR_EACH(c)
        {
                const char *summary = command_noun_summary(c->noun);

                if (c->hidden || strcmp(c->noun, last) == 0)
                        continue;
                put_entry(b, c->noun, c->verb && summary ? summary : c->summary, width);
                last = c->noun;
        }
        put_everywhere(b, width);
        buffer_puts(b, "\n");
        put_paragraph(b, "orgtoken COMMAND --help tells more; the manual is orgtoken(1).", width);
}

static void put_noun(struct buffer *b, const char *noun, unsigned width)
{
        if (command_noun_summary(noun))
                put_paragraph(b, command_noun_summary(noun), width);
        buffer_printf(b, "\nUsage: orgtoken %s VERB ...\n\nVerbs:\n", noun);
        COMMAND_FOR_EACH(c)
        {
                if (strcmp(c->noun, noun) == 0 && !c->absent)
                        put_entry(b, c->verb, c->summary, width);
        }
        put_everywhere(b, width);
}

/* First what must be there, in its order; then the options. */
static void put_args(struct buffer *b, const struct command *c, bool options, unsigned width)
{
        bool any = false;

        ARG_FOR_EACH(a, c)
        {
                struct buffer name = {0};

                if (arg_is_option(a) != options)
                        continue;
                if (!any)
                        buffer_puts(b, options ? "\nOptions:\n" : "\n");
                any = true;
                buffer_printf(&name, "%s%s%s%s", a->name, a->value ? " " : "",
                              a->value ? a->value : "", a->flags & ARG_REPEATS ? "..." : "");
                buffer_put(&name, "", 1);
                put_entry(b, name.failed ? a->name : name.bytes, a->help, width);
                buffer_wipe(&name);
        }
}

/* The forms of a value that some argument of the command takes. */
static void put_forms(struct buffer *b, const struct command *c, unsigned width)
{
        static const struct {
                enum arg_kind kind;
                const char *name;
                const char *(*rule)(void);
        } forms[] = {
                {ARG_WHEN, "WHEN", expiry_rule},
                {ARG_SINCE, "SINCE", expiry_past_rule},
                {ARG_DURATION, "DURATION", duration_rule},
                {ARG_SPAN, "SPAN", timewords_span_rule},
        };
        bool any = false;

        for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
                ARG_FOR_EACH(a, c)
                {
                        if (a->kind != forms[i].kind)
                                continue;
                        buffer_puts(b, any ? "" : "\n");
                        any = true;
                        put_entry(b, forms[i].name, forms[i].rule(), width);
                        break;
                }
}

/* From the general to the particular: what it does, how it is typed, each word, each form of a
   value, and then what one has to know. */
static void put_command(struct buffer *b, const struct command *c, unsigned width)
{
        struct buffer usage = {0};

        put_paragraph(b, c->summary, width);
        buffer_puts(&usage, "Usage: ");
        help_put_usage(&usage, c);
        buffer_puts(b, "\n");
        text_put_wrapped(b, buffer_view(&usage), 2 * INDENT, width - 2 * INDENT);
        buffer_puts(b, "\n");
        buffer_wipe(&usage);
        put_args(b, c, false, width);
        put_args(b, c, true, width);
        put_forms(b, c, width);
        if (c->details) {
                buffer_puts(b, "\n");
                put_paragraph(b, c->details, width);
        }
}

void help_put(struct buffer *b, const struct args *args, unsigned width)
{
        if (width == 0 || width > WIDTH)
                width = WIDTH;
        if (width < NAME_COLUMN)
                width = NAME_COLUMN;
        if (args->command)
                put_command(b, args->command, width);
        else if (args->noun)
                put_noun(b, args->noun, width);
        else
                put_all(b, width);
}
