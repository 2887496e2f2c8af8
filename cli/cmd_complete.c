#include "cli/cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/policy.h"
#include "cli/text.h"

/* The words for a shell to complete the last of a line's words with, one a line, each with a tab
   and what it is. Asked for at every press of a key: whatever fails, fails in silence. */

#define ORGS_MAX    20   /* whose keys are looked up */
#define PATIENCE_MS 1000 /* somebody waits at the keyboard, and what comes then is cut off */

struct complete {
        struct call *call;
        const char *prefix; /* what is typed of the word */
        char orgs[ORGS_MAX][256];
        size_t org_count;
        struct timespec since;
        const char *org; /* the first word behind the command, where there is one */
};

/* What does not begin as typed is left out here, so that no shell has to. */
static void offer(struct complete *c, const char *word, const char *what)
{
        struct buffer *b = &c->call->out.to;

        if (strncmp(word, c->prefix, strlen(c->prefix)) != 0)
                return;
        text_put_safe(b, view_of(word));
        if (what && what[0]) {
                buffer_puts(b, "\t");
                text_put_safe(b, view_of(what));
        }
        buffer_puts(b, "\n");
}

static void offer_view(struct complete *c, struct view word, struct view what)
{
        char word_text[256], what_text[512];

        if (view_copy(word, word_text, sizeof(word_text)) && word_text[0] &&
            view_copy(what, what_text, sizeof(what_text)))
                offer(c, word_text, what_text);
}

/* The list of a store of 10^6 tokens is nothing to wait for, nor to choose from. */
static int go_on(const struct complete *c)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (now.tv_sec - c->since.tv_sec) * 1000 + (now.tv_nsec - c->since.tv_nsec) / 1000000 <
                               PATIENCE_MS
                       ? STATUS_DONE
                       : STATUS_UNAVAILABLE;
}

static int take_org(void *context, const struct wire_message *row)
{
        struct complete *c = context;

        offer_view(c, wire_text(row, WIRE_F_ORG), VIEW("organisation"));
        return go_on(c);
}

static int keep_org(void *context, const struct wire_message *row)
{
        struct complete *c = context;

        if (c->org_count < ORGS_MAX &&
            view_copy(wire_text(row, WIRE_F_ORG), c->orgs[c->org_count], sizeof(c->orgs[0])))
                c->org_count++;
        return go_on(c);
}

/* Revoked ones can be neither revoked nor rotated nor renamed. */
static int take_token(void *context, const struct wire_message *row)
{
        struct complete *c = context;

        if (wire_number(row, WIRE_F_STATE, 0) != WIRE_STATE_REVOKED)
                offer_view(c, wire_text(row, WIRE_F_KEY_ID), wire_text(row, WIRE_F_NAME));
        return go_on(c);
}

static int take_user(void *context, const struct wire_message *row)
{
        struct complete *c = context;

        offer_view(c, wire_text(row, WIRE_F_USER), VIEW("user"));
        return go_on(c);
}

static int take_account(void *context, const struct wire_message *row)
{
        struct complete *c = context;

        offer_view(c, wire_text(row, WIRE_F_ACCOUNT), wire_text(row, WIRE_F_ORG));
        return go_on(c);
}

/* One list from the daemon, of an org where one is named. */
static void from_list(struct complete *c, enum wire_verb verb, const char *org, session_row row)
{
        _cleanup_session_ struct session s = SESSION_INIT;

        if (session_begin(&s, c->call, verb) != STATUS_DONE)
                return;
        if (org)
                wire_put_text(&s.request, WIRE_F_ORG, view_of(org));
        if (session_ask(&s) == STATUS_DONE)
                (void)session_rows(&s, row, c);
        c->call->error = (struct error){0};
}

/* "rotate" takes either kind. The first organisations only: each costs a question. */
static void offer_key_ids(struct complete *c, const char *noun)
{
        if (strcmp(noun, "key") != 0)
                from_list(c, WIRE_V_PAT_LIST, NULL, take_token);
        if (strcmp(noun, "pat") == 0)
                return;
        from_list(c, WIRE_V_ORG_LIST, NULL, keep_org);
        for (size_t i = 0; i < c->org_count && go_on(c) == STATUS_DONE; i++)
                from_list(c, WIRE_V_KEY_LIST, c->orgs[i], take_token);
}

static void offer_words(struct complete *c, const char *const *words)
{
        for (; *words; words++)
                offer(c, *words, NULL);
}

/* Who is one already, for the admins; root, who may add whoever there is, sees all. */
static void offer_members(struct complete *c)
{
        size_t before = c->call->out.to.len;

        from_list(c, WIRE_V_USER_LIST, NULL, take_user);
        if (c->call->out.to.len == before)
                from_list(c, WIRE_V_MEMBER_LIST, c->org, take_user);
}

static void offer_names(struct complete *c, enum wire_field field, const char *noun)
{
        static const char *const services[] = {"sshd",   "su",    "su-l", "sudo",
                                               "sudo-i", "login", NULL};

        if (field == WIRE_F_ORG)
                from_list(c, WIRE_V_ORG_LIST, NULL, take_org);
        else if (field == WIRE_F_KEY_ID)
                offer_key_ids(c, noun);
        else if (field == WIRE_F_USER && strcmp(noun, "member") == 0 && c->org)
                offer_members(c);
        else if (field == WIRE_F_USER || field == WIRE_F_ACTOR)
                from_list(c, WIRE_V_USER_LIST, NULL, take_user);
        else if (field == WIRE_F_ACCOUNT || field == WIRE_F_LIMIT_ACCOUNT)
                from_list(c, WIRE_V_ACCOUNT_LIST, NULL, take_account);
        else if (field == WIRE_F_SERVICE || field == WIRE_F_LIMIT_SERVICE)
                offer_words(c, services);
}

static void offer_policies(struct complete *c, bool host)
{
        const char *word;

        for (size_t i = 0; (word = policy_word(host, i)); i++)
                offer(c, word, NULL);
}

/* What an argument may be. A line ":files" lets the shell complete files. */
static void offer_values(struct complete *c, const struct arg *a, const char *noun)
{
        static const char *const roles[] = {"member", "admin", NULL};
        static const char *const states[] = {"live", "expired", "revoked", NULL};
        static const char *const whens[] = {"1d", "7d", "30d", "90d", "365d", "never", NULL};
        static const char *const spans[] = {"1h", "1d", "7d", "14d", "30d", "90d", NULL};

        switch (a->kind) {
        case ARG_NAME: offer_names(c, a->field, noun); return;
        case ARG_ROLE: offer_words(c, roles); return;
        case ARG_STATE: offer_words(c, states); return;
        case ARG_WHEN: offer_words(c, whens); return;
        case ARG_SINCE:
        case ARG_DURATION:
        case ARG_SPAN: offer_words(c, spans); return;
        case ARG_ORG_POLICY: offer_policies(c, false); return;
        case ARG_HOST_POLICY: offer_policies(c, true); return;
        case ARG_FILE: buffer_puts(&c->call->out.to, ":files\n"); return;
        case ARG_FLAG:
        case ARG_NETWORK:
        case ARG_ADDRESS: return;
        }
}

static void offer_nouns(struct complete *c)
{
        const char *last = "";

        COMMAND_FOR_EACH(row)
        {
                if (row->hidden || strcmp(row->noun, last) == 0)
                        continue;
                last = row->noun;
                offer(c, row->noun,
                      row->verb && command_noun_summary(row->noun) ? command_noun_summary(row->noun)
                                                                   : row->summary);
        }
        offer(c, "help", "what the commands do");
}

static void offer_verbs(struct complete *c, const char *noun)
{
        COMMAND_FOR_EACH(row)
        {
                if (strcmp(row->noun, noun) == 0 && row->verb && !row->absent)
                        offer(c, row->verb, row->summary);
        }
}

static void offer_options(struct complete *c, const struct command *command)
{
        if (command)
                ARG_FOR_EACH(a, command)
                {
                        if (arg_is_option(a))
                                offer(c, a->name, a->help);
                }
        offer(c, "--json", "one JSON document");
        offer(c, "--socket", "the daemon's management socket");
        offer(c, "--help", "help");
}

static const struct arg *option_of(const struct command *command, const char *word)
{
        if (command)
                ARG_FOR_EACH(a, command)
                {
                        if (arg_is_option(a) && strcmp(a->name, word) == 0)
                                return a;
                }
        return NULL;
}

static const struct arg *positional_at(const struct command *command, size_t number)
{
        ARG_FOR_EACH(a, command)
        {
                if (arg_is_option(a))
                        continue;
                if (number-- == 0 || (a->flags & ARG_REPEATS))
                        return a;
        }
        return NULL;
}

/* What the words before the last one mean: the command, as far as it goes, and what is expected. */
struct place {
        const char *noun;
        const struct command *command;
        size_t positionals;
        const char *first;        /* of the positionals */
        const struct arg *awaits; /* an option whose value comes now */
        bool awaits_socket;
        bool lost; /* a word that is no command: nothing fits behind it */
};

static void take_plain_word(struct place *p, const char *word)
{
        if (p->command) {
                if (p->positionals++ == 0)
                        p->first = word;
                return;
        }
        COMMAND_FOR_EACH(row)
        {
                if (!p->noun && strcmp(row->noun, word) == 0) {
                        p->noun = row->noun;
                        p->command = row->verb ? NULL : row;
                        return;
                }
                if (p->noun && strcmp(row->noun, p->noun) == 0 && row->verb &&
                    strcmp(row->verb, word) == 0) {
                        p->command = row;
                        return;
                }
        }
        /* "help" stands before what it is to tell about. */
        p->lost = p->noun || strcmp(word, "help") != 0;
}

/* No value is looked at: it may be half typed, or wrong, and is the command's to judge. */
static void take_word(struct place *p, const char *word)
{
        const struct arg *option = option_of(p->command, word);

        if (p->awaits || p->awaits_socket) {
                p->awaits = NULL;
                p->awaits_socket = false;
        } else if (strcmp(word, "--socket") == 0) {
                p->awaits_socket = true;
        } else if (word[0] == '-') {
                p->awaits = option && option->value ? option : NULL;
        } else {
                take_plain_word(p, word);
        }
}

static void offer_at(struct complete *c, const struct place *p)
{
        const struct arg *positional;

        if (p->awaits_socket) {
                buffer_puts(&c->call->out.to, ":files\n");
        } else if (p->awaits) {
                offer_values(c, p->awaits, p->noun);
        } else if (c->prefix[0] == '-') {
                offer_options(c, p->command);
        } else if (p->command) {
                positional = positional_at(p->command, p->positionals);
                if (positional)
                        offer_values(c, positional, p->noun);
        } else if (p->lost) {
                return;
        } else if (p->noun) {
                offer_verbs(c, p->noun);
        } else {
                offer_nouns(c);
        }
}

/* The arguments are the words of the line behind "orgtoken", the last one being typed, behind "--".
 */
static int complete(struct call *call)
{
        struct complete c = {.call = call, .prefix = ""};
        struct place place = {0};
        const char *word, *next;

        call->patience_ms = PATIENCE_MS;
        (void)clock_gettime(CLOCK_MONOTONIC, &c.since);
        for (size_t i = 0; (word = args_nth_text(&call->args, "WORD", i)); i++) {
                next = args_nth_text(&call->args, "WORD", i + 1);
                if (next)
                        take_word(&place, word);
                else
                        c.prefix = word;
        }
        c.org = place.first;
        offer_at(&c, &place);
        (void)output_flush(&call->out, &call->error);
        call->error = (struct error){0};
        return STATUS_DONE;
}

const struct command cmd_complete[] = {
        {
                .noun = "__complete",
                .run = complete,
                .summary = "For the shells' completion: orgtoken __complete -- WORD...",
                .hidden = true,
                .args = {{"WORD", NULL, ARG_NAME, ARG_REPEATS | ARG_OPTIONAL, 0,
                          "the words typed so far"}},
        },
        {0},
};
