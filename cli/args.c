#include "cli/args.h"

#include <stdlib.h>
#include <string.h>

#include "cli/suggest.h"
#include "cli/value.h"
#include "common/expiry.h"
#include "common/token.h"

struct parser {
        char *const *words;
        int count;
        int at; /* the next word */
        int64_t now;
        struct args *ret;
        struct error *e;
        bool only_words; /* behind "--" */
        size_t positionals;
};

void args_free(struct args *a)
{
        free(a->given);
        a->given = NULL;
        a->count = 0;
}

/* A token on the line is in the shell's history and in everybody's list of processes. It is not
   said which word it was, and it is not repeated. */
static int refuse_tokens(struct parser *p)
{
        for (int i = 0; i < p->count; i++) {
                if (!token_is_shaped(view_of(p->words[i])))
                        continue;
                (void)error_set(p->e, STATUS_USAGE, "token-in-argument",
                                "an argument holds a token; tokens are never given as arguments, "
                                "only on standard input");
                return error_hint(p->e,
                                  "it is now in the shell's history and was visible to others: "
                                  "revoke it. Where a KEY_ID is asked for, give its first "
                                  "characters only, such as pat_4fK9aQ");
        }
        return STATUS_DONE;
}

/* Says what was probably meant: people come from other programs, or turn the two words around. */
static int unknown_noun(struct parser *p, const char *word)
{
        struct suggest s = suggest_for(word);

        COMMAND_FOR_EACH(c)
        {
                if (!c->hidden)
                        suggest_offer(&s, c->noun);
        }
        (void)error_set(p->e, STATUS_USAGE, "usage", "there is no command '%.100s'", word);
        /* "create org" for "org create". */
        if (p->at < p->count)
                COMMAND_FOR_EACH(c)
                {
                        if (c->verb && strcmp(c->verb, word) == 0 &&
                            strcmp(c->noun, p->words[p->at]) == 0)
                                return error_hint(p->e, "did you mean: orgtoken %s %s", c->noun,
                                                  c->verb);
                }
        if (s.best)
                return error_hint(p->e, "did you mean: orgtoken %s", s.best);
        return error_hint(p->e, "orgtoken --help lists the commands");
}

/* With the list of what there is: it is short, and saves the look into the help. */
static int unknown_verb(struct parser *p, const char *word)
{
        struct suggest s = suggest_for(word);
        struct buffer verbs = {0};

        COMMAND_FOR_EACH(c)
        {
                if (strcmp(c->noun, p->ret->noun) != 0 || c->absent)
                        continue;
                suggest_offer(&s, c->verb);
                buffer_printf(&verbs, "%s%s", verbs.len > 0 ? ", " : "", c->verb);
        }
        (void)error_set(p->e, STATUS_USAGE, "usage", "'%s' has no verb '%.100s'; it has %.*s",
                        p->ret->noun, word, (int)verbs.len, buffer_view(&verbs).ptr);
        buffer_wipe(&verbs);
        if (s.best)
                return error_hint(p->e, "did you mean: orgtoken %s %s", p->ret->noun, s.best);
        return error_hint(p->e, "orgtoken %s --help tells what each does", p->ret->noun);
}

/* "help" is a noun so that both "orgtoken help key" and "orgtoken key --help" do what one expects.
 */
static int take_noun(struct parser *p, const char *word)
{
        if (strcmp(word, "help") == 0) {
                p->ret->help = true;
                return STATUS_DONE;
        }
        COMMAND_FOR_EACH(c)
        {
                if (strcmp(c->noun, word) != 0)
                        continue;
                p->ret->noun = c->noun;
                if (!c->verb)
                        p->ret->command = c;
                return STATUS_DONE;
        }
        return unknown_noun(p, word);
}

/* A row may be there only to say why there is no such verb. */
static int take_verb(struct parser *p, const char *word)
{
        COMMAND_FOR_EACH(c)
        {
                if (strcmp(c->noun, p->ret->noun) != 0 || strcmp(c->verb, word) != 0)
                        continue;
                if (c->absent) {
                        (void)error_set(p->e, STATUS_USAGE, "usage", "%s", c->absent);
                        return c->next ? error_hint(p->e, "%s", c->next) : STATUS_USAGE;
                }
                p->ret->command = c;
                return STATUS_DONE;
        }
        return unknown_verb(p, word);
}

/* Compared by the row and not by the name: --name of another command is another thing. */
static bool was_given(const struct args *a, const struct arg *arg)
{
        for (size_t i = 0; i < a->count; i++)
                if (a->given[i].arg == arg)
                        return true;
        return false;
}

/* Adds a value. The field of a policy's word is known only now, hence the second look for doubles.
 */
static int give(struct parser *p, const struct arg *arg, const char *text)
{
        struct arg_given given = {.arg = arg, .text = text, .field = arg->field};
        bool repeats = (arg->flags & ARG_REPEATS) != 0;
        bool policy = arg->kind == ARG_ORG_POLICY || arg->kind == ARG_HOST_POLICY;
        int status;

        if (!repeats && was_given(p->ret, arg))
                return error_set(p->e, STATUS_USAGE, "usage", "%s is given twice", arg->name);
        status = value_parse(&given, p->now, p->e);
        if (status != STATUS_DONE)
                return status;
        for (size_t i = 0; policy && i < p->ret->count; i++)
                if (p->ret->given[i].field == given.field)
                        return error_set(p->e, STATUS_USAGE, "usage",
                                         "'%.100s' and '%.100s' contradict each other",
                                         p->ret->given[i].text, text);
        p->ret->given[p->ret->count++] = given;
        return STATUS_DONE;
}

/* The next positional of the row; the last one may take all that is left. */
static int take_positional(struct parser *p, const char *word)
{
        const struct command *c = p->ret->command;
        size_t number = 0;

        ARG_FOR_EACH(a, c)
        {
                if (arg_is_option(a))
                        continue;
                if (number == p->positionals || (a->flags & ARG_REPEATS)) {
                        p->positionals++;
                        return give(p, a, word);
                }
                number++;
        }
        (void)error_set(p->e, STATUS_USAGE, "usage", "'%.100s' is one word too many", word);
        if (c->surplus)
                return error_hint(p->e, "%s", c->surplus);
        return error_hint(p->e, "see: orgtoken %s%s%s --help", c->noun, c->verb ? " " : "",
                          c->verb ? c->verb : "");
}

/* What is no option, by how far the line has come. */
static int take_word(struct parser *p, const char *word)
{
        if (p->ret->command)
                return take_positional(p, word);
        return p->ret->noun ? take_verb(p, word) : take_noun(p, word);
}

/* True where word is the option, alone or with "=value", which goes to *ret_value (else NULL). */
static bool is_option_named(const char *word, const char *name, const char **ret_value)
{
        size_t len = strlen(name);

        if (strncmp(word, name, len) != 0 || (word[len] != '\0' && word[len] != '='))
                return false;
        *ret_value = word[len] == '=' ? word + len + 1 : NULL;
        return true;
}

/* Only what stands before the "=" is repeated: behind it may be something that must not be shown.
 */
static int unknown_option(struct parser *p, const char *word)
{
        const char *equals = strchr(word, '=');
        int len = (int)(equals ? equals - word : (ptrdiff_t)strlen(word));
        struct suggest s = {.word = {word, (size_t)len}, .distance = 4};

        if (len > 100)
                len = 100;
        if (p->ret->command)
                ARG_FOR_EACH(a, p->ret->command)
                {
                        if (arg_is_option(a))
                                suggest_offer(&s, a->name);
                }
        suggest_offer(&s, "--json");
        suggest_offer(&s, "--socket");
        suggest_offer(&s, "--help");
        (void)error_set(p->e, STATUS_USAGE, "usage", "'%.*s' is no option%s", len, word,
                        p->ret->command ? " of this command" : "");
        if (s.best)
                return error_hint(p->e, "did you mean: %s", s.best);
        if (!p->ret->noun)
                return error_hint(p->e, "orgtoken --help lists the commands");
        return error_hint(p->e, "see: orgtoken %s%s%s --help", p->ret->noun,
                          p->ret->command && p->ret->command->verb ? " " : "",
                          p->ret->command && p->ret->command->verb ? p->ret->command->verb : "");
}

/* The value behind an option. A word that is an option itself is none: "--name --expires 30d"
   forgot one. */
static int take_value(struct parser *p, const char *name, const char **value)
{
        if (*value)
                return STATUS_DONE;
        if (p->at >= p->count || strncmp(p->words[p->at], "--", 2) == 0)
                return error_set(p->e, STATUS_USAGE, "usage", "%s needs a value", name);
        *value = p->words[p->at++];
        return STATUS_DONE;
}

/* "--json=no" would otherwise read as --json. */
static int take_flag(struct parser *p, const char *name, const char *value, bool *flag)
{
        if (value)
                return error_set(p->e, STATUS_USAGE, "usage", "%s takes no value", name);
        *flag = true;
        return STATUS_DONE;
}

/* The options that stand anywhere. False where it is none of them. */
static bool take_global_option(struct parser *p, const char *word, int *ret_status)
{
        const char *value;

        if (is_option_named(word, "--json", &value))
                *ret_status = take_flag(p, "--json", value, &p->ret->json);
        else if (is_option_named(word, "--help", &value) || is_option_named(word, "-h", &value))
                *ret_status = take_flag(p, "--help", value, &p->ret->help);
        else if (is_option_named(word, "--version", &value))
                *ret_status = take_flag(p, "--version", value, &p->ret->version);
        else if (is_option_named(word, "--socket", &value)) {
                *ret_status = take_value(p, "--socket", &value);
                if (*ret_status == STATUS_DONE)
                        p->ret->socket = value;
        } else
                return false;
        return true;
}

/* The options that stand anywhere come first, so that no command can have one of the same name. */
static int take_option(struct parser *p, const char *word)
{
        const char *value;
        int status;

        if (take_global_option(p, word, &status))
                return status;
        if (!p->ret->command)
                return unknown_option(p, word);
        ARG_FOR_EACH(a, p->ret->command)
        {
                if (!arg_is_option(a) || !is_option_named(word, a->name, &value))
                        continue;
                if (!a->value)
                        return value ? error_set(p->e, STATUS_USAGE, "usage", "%s takes no value",
                                                 a->name)
                                     : give(p, a, "");
                status = take_value(p, a->name, &value);
                return status == STATUS_DONE ? give(p, a, value) : status;
        }
        return unknown_option(p, word);
}

/* Neither help nor a guess: a script that forgot a word must not go on. */
static int missing_command(struct parser *p)
{
        struct buffer verbs = {0};

        if (!p->ret->noun) {
                (void)error_set(p->e, STATUS_USAGE, "usage", "a command is missing");
                return error_hint(p->e, "orgtoken --help lists the commands");
        }
        COMMAND_FOR_EACH(c)
        {
                if (strcmp(c->noun, p->ret->noun) == 0 && !c->absent)
                        buffer_printf(&verbs, "%s%s", verbs.len > 0 ? ", " : "", c->verb);
        }
        (void)error_set(p->e, STATUS_USAGE, "usage", "'%s' needs a verb: %.*s", p->ret->noun,
                        (int)verbs.len, buffer_view(&verbs).ptr);
        buffer_wipe(&verbs);
        return error_hint(p->e, "orgtoken %s --help tells what each does", p->ret->noun);
}

/* Whatever must be there is. */
static int finish(struct parser *p)
{
        if (p->ret->help || p->ret->version)
                return STATUS_DONE;
        if (!p->ret->command)
                return missing_command(p);
        ARG_FOR_EACH(a, p->ret->command)
        {
                bool needed = arg_is_option(a) ? (a->flags & ARG_REQUIRED) != 0
                                               : (a->flags & ARG_OPTIONAL) == 0;

                if (!needed || was_given(p->ret, a))
                        continue;
                (void)error_set(p->e, STATUS_USAGE, "usage", "%s is missing: %s", a->name, a->help);
                return error_hint(p->e, "see: orgtoken %s%s%s --help", p->ret->noun,
                                  p->ret->command->verb ? " " : "",
                                  p->ret->command->verb ? p->ret->command->verb : "");
        }
        return STATUS_DONE;
}

/* --json decides how errors are told, so it is looked for before anything can be wrong. */
static bool has_json(int count, char *const *words)
{
        for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++)
                if (strcmp(words[i], "--json") == 0)
                        return true;
        return false;
}

int args_parse(int count, char *const *words, int64_t now, struct args *ret, struct error *e)
{
        struct parser p = {.words = words, .count = count, .now = now, .ret = ret, .e = e};
        int status;

        *ret = (struct args){.json = has_json(count, words)};
        ret->given = calloc((size_t)count + 1, sizeof(*ret->given));
        if (!ret->given)
                return error_memory(e);
        status = refuse_tokens(&p);
        while (status == STATUS_DONE && p.at < p.count) {
                const char *word = p.words[p.at++];

                if (p.only_words || word[0] != '-' || word[1] == '\0')
                        status = take_word(&p, word);
                else if (strcmp(word, "--") == 0)
                        p.only_words = true;
                else
                        status = take_option(&p, word);
        }
        return status == STATUS_DONE ? finish(&p) : status;
}

const char *args_text(const struct args *a, enum wire_field field)
{
        for (size_t i = 0; i < a->count; i++)
                if (a->given[i].field == field)
                        return a->given[i].text;
        return NULL;
}

const char *args_nth_text(const struct args *a, const char *name, size_t number)
{
        for (size_t i = 0; i < a->count; i++)
                if (strcmp(a->given[i].arg->name, name) == 0 && number-- == 0)
                        return a->given[i].text;
        return NULL;
}

const char *args_text_of(const struct args *a, const char *name)
{
        return args_nth_text(a, name, 0);
}

bool args_has(const struct args *a, const char *name)
{
        return args_text_of(a, name) != NULL;
}

/* A list of one kind holds a fixed number of entries; more are refused here, since they could not
   be put into the packet at all. */
static int put_text(const struct arg_given *g, struct wire_message *request, struct error *e)
{
        int status = value_travels(g, e);

        if (status != STATUS_DONE)
                return status;
        if (!(g->arg->flags & ARG_REPEATS)) {
                wire_put_text(request, g->field, view_of(g->text));
                return STATUS_DONE;
        }
        if (wire_put_list(request, g->field, view_of(g->text)) == 0)
                return STATUS_DONE;
        return error_set(e, STATUS_REFUSED, "too-many-limits",
                         "%s is given too often: at most %d of them make one list", g->arg->name,
                         WIRE_LIST_MAX);
}

/* From the kind of the argument to the kind of the field. No default: a new kind has to be thought
 * of. */
static int put_given(const struct arg_given *g, struct wire_message *request, struct error *e)
{
        switch (g->arg->kind) {
        case ARG_NAME:
        case ARG_NETWORK:
        case ARG_ADDRESS:
        case ARG_FILE: return put_text(g, request, e);
        case ARG_FLAG: wire_put_number(request, g->field, 1); return STATUS_DONE;
        case ARG_WHEN:
                /* No end is said by saying nothing, except where nothing means "as before". */
                if (g->number != EXPIRY_NEVER)
                        wire_put_number(request, g->field, g->number);
                else if (request->verb == WIRE_V_ROTATE)
                        wire_put_number(request, WIRE_F_NEVER, 1);
                return STATUS_DONE;
        case ARG_ROLE:
        case ARG_STATE:
        case ARG_SINCE:
        case ARG_DURATION:
        case ARG_SPAN:
        case ARG_ORG_POLICY:
        case ARG_HOST_POLICY: wire_put_number(request, g->field, g->number); return STATUS_DONE;
        }
        return STATUS_DONE;
}

int args_put(const struct args *a, struct wire_message *request, struct error *e)
{
        for (size_t i = 0; i < a->count; i++) {
                int status = a->given[i].field ? put_given(&a->given[i], request, e) : STATUS_DONE;

                if (status != STATUS_DONE)
                        return status;
        }
        return STATUS_DONE;
}
