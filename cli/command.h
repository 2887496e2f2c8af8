/*
 * The table that the command is made of: one row a verb, with everything that parsing, help,
 * completion and the request need to know about it. A row that is right makes most verbs; the rest
 * is in cmd_*.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/output.h"
#include "common/wire.h"

enum arg_kind {
        ARG_FLAG,
        ARG_NAME,        /* text that the daemon judges: an org, a user, a label, a key id */
        ARG_ROLE,        /* member or admin */
        ARG_STATE,       /* live, expired or revoked */
        ARG_WHEN,        /* a time to come */
        ARG_SINCE,       /* a time past */
        ARG_DURATION,    /* at most 90d */
        ARG_SPAN,        /* at most 3650d */
        ARG_NETWORK,     /* CIDR */
        ARG_ADDRESS,     /* numeric */
        ARG_ORG_POLICY,  /* max-life=90d … */
        ARG_HOST_POLICY, /* and self-service= */
        ARG_FILE,
};

enum arg_flags {
        ARG_OPTIONAL = 1, /* a positional that may be left out */
        ARG_REPEATS = 2,
        ARG_REQUIRED = 4, /* an option that may not be left out */
};

/* A positional ("ORG") or an option ("--expires"). */
struct arg {
        const char *name;
        const char *value; /* what stands for an option's value in help; NULL for a flag */
        enum arg_kind kind;
        unsigned flags;
        enum wire_field field; /* where it goes in the request; 0: the handler's own */
        const char *help;
};

#define ARGS_MAX 12

struct call;

struct command {
        const char *noun;
        const char *verb;    /* NULL: the noun is the whole command */
        enum wire_verb wire; /* the request it makes; 0: none, or several */
        int (*run)(struct call *call);
        const char *summary;
        const char *details; /* further paragraphs of help, or NULL */
        const char *done;    /* what cmd_change() says; {org} and the like stand for fields */
        const char *dry;     /* the same with --dry-run, or NULL */
        const char *next;    /* what to do next, said as a note, or NULL */
        const char *absent;  /* there is no such verb, and this says why */
        const char *surplus; /* what to say where there are too many words, or NULL */
        bool hidden;         /* not in help or completion */
        struct arg args[ARGS_MAX];
};

/* Every row, in the order of help. Sets end with a row without a noun, the list with NULL. */
extern const struct command *const command_sets[];

#define COMMAND_FOR_EACH(c)                                                                        \
        for (const struct command *const *set_ = command_sets; *set_; set_++)                      \
                for (const struct command *c = *set_; c->noun; c++)

/* One line about a noun with verbs, for the list of all; NULL where it has none of its own. */
const char *command_noun_summary(const char *noun);

static inline bool arg_is_option(const struct arg *a)
{
        return a->name[0] == '-';
}

#define ARG_FOR_EACH(a, command)                                                                   \
        for (const struct arg *a = (command)->args; a < (command)->args + ARGS_MAX && a->name; a++)

/* The rows' recurring arguments. */
#define ARG_ORG                                                                                    \
        {                                                                                          \
                "ORG", NULL, ARG_NAME, 0, WIRE_F_ORG, "the organisation"                           \
        }
#define ARG_USER                                                                                   \
        {                                                                                          \
                "USER", NULL, ARG_NAME, 0, WIRE_F_USER, "a login name"                             \
        }
#define ARG_ACCOUNT                                                                                \
        {                                                                                          \
                "ACCOUNT", NULL, ARG_NAME, 0, WIRE_F_ACCOUNT, "a login name or database role"      \
        }
#define ARG_KEY_ID                                                                                 \
        {                                                                                          \
                "KEY_ID", NULL, ARG_NAME, 0, WIRE_F_KEY_ID, "as lists show it: pat_4fK9aQ"         \
        }
#define ARG_DRY_RUN                                                                                \
        {                                                                                          \
                "--dry-run", NULL, ARG_FLAG, 0, WIRE_F_DRY_RUN,                                    \
                        "say what would be done, do nothing"                                       \
        }
#define ARG_SESSIONS                                                                               \
        {                                                                                          \
                "--end-sessions", NULL, ARG_FLAG, 0, WIRE_F_END_SESSIONS, "end open sessions too"  \
        }
#define ARG_OPT_ROLE                                                                               \
        {                                                                                          \
                "--role", "ROLE", ARG_ROLE, 0, WIRE_F_ROLE, "member (the default) or admin"        \
        }
#define ARG_LABEL                                                                                  \
        {                                                                                          \
                "--name", "NAME", ARG_NAME, ARG_REQUIRED, WIRE_F_NAME,                             \
                        "what it is for, up to 100 characters"                                     \
        }
#define ARG_EXPIRES                                                                                \
        {                                                                                          \
                "--expires", "WHEN", ARG_WHEN, 0, WIRE_F_EXPIRES_AT,                               \
                        "when it ends; never is the default"                                       \
        }
#define ARG_LIMIT_SERVICE                                                                          \
        {                                                                                          \
                "--service", "S", ARG_NAME, ARG_REPEATS, WIRE_F_LIMIT_SERVICE,                     \
                        "only for this PAM service"                                                \
        }
#define ARG_LIMIT_SOURCE                                                                           \
        {                                                                                          \
                "--source", "CIDR", ARG_NETWORK, ARG_REPEATS, WIRE_F_LIMIT_SOURCE,                 \
                        "only from this network"                                                   \
        }
#define ARG_LIMIT_ACCOUNT                                                                          \
        {                                                                                          \
                "--account", "A", ARG_NAME, ARG_REPEATS, WIRE_F_LIMIT_ACCOUNT,                     \
                        "only to become this account"                                              \
        }
#define ARG_FILTERS                                                                                \
        {"--expiring", "SPAN", ARG_SPAN, 0, WIRE_F_EXPIRING, "those that end within it: 14d"},     \
                {"--unused", "SPAN", ARG_SPAN, 0, WIRE_F_UNUSED, "those not used for it: 90d"},    \
                {"--state", "STATE", ARG_STATE, 0, WIRE_F_STATE, "live, expired or revoked"},      \
        {                                                                                          \
                "--name", "TEXT", ARG_NAME, 0, WIRE_F_NAME, "those with TEXT in their name"        \
        }
