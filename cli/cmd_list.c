#include "cli/cmd.h"

#include "cli/text.h"
#include "cli/timewords.h"
#include "common/expiry.h"

struct listing {
        struct call *call;
        const struct cmd_list *form;
        struct table *table;
        struct json json;
        size_t rows;
};

/* Written as they come: a list of a million rows begins at once. */
static int take_row(void *context, const struct wire_message *row)
{
        struct listing *l = context;

        l->rows++;
        if (l->call->out.json) {
                json_begin_object(&l->json, NULL);
                l->form->put_json(&l->json, row);
                json_end_object(&l->json);
        } else {
                l->form->put_cells(l->call, l->table, row);
        }
        return output_flush_long(&l->call->out, &l->call->error);
}

static bool is_filtered(const struct args *a)
{
        return args_has(a, "--expiring") || args_has(a, "--unused") || args_has(a, "--state") ||
               args_has(a, "--name");
}

/* An empty list says how to make the first one; a filter that let nothing through says that. */
static void note_empty(const struct listing *l)
{
        struct wire_message request;
        struct error unused = {0};
        struct buffer text = {0};
        static const uint8_t nonce[WIRE_NONCE_LEN];

        if (is_filtered(&l->call->args)) {
                output_note(&l->call->out, "none matches; without a filter there may be others");
                return;
        }
        wire_init(&request, WIRE_REQUEST, l->call->args.command->wire, nonce);
        (void)args_put(&l->call->args, &request, &unused);
        cmd_expand(&text, l->form->empty, &request, &request);
        output_note(&l->call->out, "%.*s", (int)text.len, buffer_view(&text).ptr);
        buffer_wipe(&text);
}

/* Where it fails nothing of the document that was not sent out yet is printed: an error comes with
   a document or with none, and the exit status says which. */
int cmd_list(struct call *call, const struct cmd_list *form)
{
        _cleanup_(table_freep) struct table *table = NULL;
        struct listing l = {.call = call, .form = form, .json.out = &call->out.to};
        int status;

        table = table_new(form->columns, form->column_count, call->out.width, call->out.colour,
                          &call->out.to);
        if (!table)
                return error_memory(&call->error);
        l.table = table;
        if (call->out.json) {
                json_begin_object(&l.json, NULL);
                json_begin_list(&l.json, form->json_name);
        }
        status = session_list(call, take_row, &l);
        if (status != STATUS_DONE)
                return status;
        if (call->out.json) {
                json_end_list(&l.json);
                json_end_object(&l.json);
        } else {
                table_end(table);
        }
        status = output_flush(&call->out, &call->error);
        if (status == STATUS_DONE && l.rows == 0)
                note_empty(&l);
        return status;
}

void cmd_put_joined(struct buffer *b, const struct wire_message *m, enum wire_field field)
{
        size_t len;
        const struct view *list = wire_list(m, field, &len);

        for (size_t i = 0; i < len; i++) {
                buffer_puts(b, i > 0 ? ", " : "");
                buffer_put_view(b, list[i]);
        }
}

void cmd_put_json_list(struct json *j, const char *name, const struct wire_message *m,
                       enum wire_field field)
{
        size_t len;
        const struct view *list = wire_list(m, field, &len);

        json_begin_list(j, name);
        for (size_t i = 0; i < len; i++)
                json_text(j, NULL, list[i]);
        json_end_list(j);
}

void cmd_cell_time(struct table *t, enum style style, int64_t when, int64_t now)
{
        char words[TIMEWORDS_SIZE];

        table_cell_str(t, style, timewords_relative(when, now, words));
}
