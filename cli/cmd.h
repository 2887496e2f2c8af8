/*
 * The verbs: one set of rows a noun, each in its cmd_*.c, and the handlers that several of them
 * share. A handler gets a parsed line and ends with an exit status; it never exits by itself.
 */
#pragma once

#include "cli/command.h"
#include "cli/json.h"
#include "cli/session.h"
#include "cli/table.h"

extern const struct command cmd_org[], cmd_user[], cmd_whoami[], cmd_member[], cmd_account[],
        cmd_key[], cmd_pat[], cmd_rotate[], cmd_revoke[], cmd_check[], cmd_scan[], cmd_sudoers[],
        cmd_status[], cmd_doctor[], cmd_host[], cmd_clock[], cmd_notify[], cmd_backup[],
        cmd_complete[];

/* One request, one DONE, and the sentence of the row's `done` (with --dry-run its `dry`). In it
   {org} and the like stand for what the answer, or else the request, says, {count key keys} for a
   number with its noun. With --json the same as members of an object. */
int cmd_change(struct call *call);

/* Expands such a sentence from an answer and its request; NULL: nothing. cmd_change.c */
void cmd_expand(struct buffer *b, const char *sentence, const struct wire_message *answer,
                const struct wire_message *request);

/* Says it where a service is named without its login-shell twin: `su -` is the service su-l. */
void cmd_note_services(const struct call *call);

/* A list: what it is called in JSON, its columns, and how a row fills both. */
struct cmd_list {
        const char *json_name;
        const struct table_column *columns;
        size_t column_count;
        void (*put_cells)(const struct call *call, struct table *t, const struct wire_message *row);
        void (*put_json)(struct json *j, const struct wire_message *row);
        const char *empty; /* what to say of an empty list, expanded from the request */
};

/* The command's own list from the daemon, row by row to standard output. */
int cmd_list(struct call *call, const struct cmd_list *form);

/* Texts of a list field, joined by ", ". */
void cmd_put_joined(struct buffer *b, const struct wire_message *m, enum wire_field field);
/* The same as a JSON list. */
void cmd_put_json_list(struct json *j, const char *name, const struct wire_message *m,
                       enum wire_field field);
/* A time in words as a cell, and behind it the rest of the line's facts: see cmd_token.c. */
void cmd_put_last_use(struct buffer *b, const struct wire_message *row, int64_t now);
/* A cell with a time in words. */
void cmd_cell_time(struct table *t, enum style style, int64_t when, int64_t now);

/* Tokens, for key, pat and rotate. cmd_token.c */
extern const struct cmd_list cmd_key_list_form, cmd_pat_list_form;
int cmd_key_list(struct call *call);
int cmd_pat_list(struct call *call);
/* A row of a token's JSON, without the braces. */
void cmd_put_token_json(struct json *j, const struct wire_message *row);
/* "live", "expired", "revoked"; "?" for another number. */
const char *cmd_state_word(int64_t state);

/* Makes a token: the request of the line, the token on standard output, and only then the
   acknowledgement that keeps it. cmd_create.c */
int cmd_create(struct call *call);
