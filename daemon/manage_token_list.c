#include <errno.h>

#include "daemon/limits.h"
#include "daemon/manage_internal.h"

/* What a list leaves out. 0 in a field: no such filter. */
struct filter {
        bool has_expiring, has_unused;
        int64_t expiring, unused;
        int64_t state;
        struct view name;
};

/* Filters that say nothing are refused and not ignored: an empty list must mean that there is
 * nothing. */
static int read_filter(struct manage_op *op, struct filter *f)
{
        *f = (struct filter){
                .has_expiring = wire_has(&op->request, WIRE_F_EXPIRING),
                .has_unused = wire_has(&op->request, WIRE_F_UNUSED),
                .expiring = wire_number(&op->request, WIRE_F_EXPIRING, 0),
                .unused = wire_number(&op->request, WIRE_F_UNUSED, 0),
                .state = wire_number(&op->request, WIRE_F_STATE, 0),
                .name = wire_text(&op->request, WIRE_F_NAME),
        };
        if (f->expiring < 0 || f->expiring > EXPIRY_MAX || f->unused < 0 || f->unused > EXPIRY_MAX)
                return manage_refuse(op, MANAGE_BAD_FILTER,
                                     "--expiring and --unused are durations: %s", duration_rule());
        if (wire_has(&op->request, WIRE_F_STATE) &&
            (f->state < WIRE_STATE_LIVE || f->state > WIRE_STATE_REVOKED))
                return manage_refuse(op, MANAGE_BAD_FILTER, "--state is live, expired or revoked");
        return 0;
}

static char fold(char c)
{
        return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* ASCII letters of either case are the same; every other byte is itself. */
static bool contains(const char *text, struct view part)
{
        size_t len = strlen(text);

        for (size_t at = 0; at + part.len <= len; at++) {
                size_t i = 0;

                while (i < part.len && fold(text[at + i]) == fold(part.ptr[i]))
                        i++;
                if (i == part.len)
                        return true;
        }
        return false;
}

static bool passes(const struct manage_op *op, const struct filter *f,
                   const struct record_token *token, const struct manage_token_row *row)
{
        int64_t now = op->call->now;
        int64_t used = row->last_use.at > 0 ? row->last_use.at : token->created_at;

        if (f->state != 0 && f->state != (int64_t)row->state)
                return false;
        /* Warned of is only what can still end. */
        if (f->has_expiring && (row->state != WIRE_STATE_LIVE || row->end == EXPIRY_NEVER ||
                                row->end - now > f->expiring))
                return false;
        /* Never used counts from the creation. */
        return !f->has_unused || now - used >= f->unused;
}

static void put_last_use(struct wire_message *m, const struct record_last_use *use)
{
        if (use->at == 0)
                return;
        wire_put_number(m, WIRE_F_LAST_USED_AT, use->at);
        manage_put(m, WIRE_F_LAST_SOURCE, use->source);
        manage_put(m, WIRE_F_LAST_SERVICE, use->service);
        manage_put(m, WIRE_F_LAST_ACCOUNT, use->account);
        manage_put(m, WIRE_F_LAST_ORG, use->org);
}

/* What is needed beside the token's own row. */
static int load_row(struct manage_op *op, const struct record_token *token,
                    struct manage_token_row *row)
{
        const char *reason;
        struct record_user user;
        int r = verify_token_state(&op->s, token, op->call->now, &row->state, &row->end, &reason);

        if (r < 0)
                return r;
        (void)view_copy(view_of(reason), row->reason, sizeof(row->reason));
        r = manage_key_id(op, token->kind, token->id, row->key_id);
        if (r == 0 && token->successor >= 0)
                r = manage_key_id(op, token->kind, token->successor, row->successor);
        if (r == 0)
                r = store_find_last_use(op->s.reader, token->id, &row->last_use);
        if (r == 0 && token->kind == TOKEN_PAT) {
                r = sealed_find_user(&op->s, token->owner, &user);
                if (r == 0)
                        (void)view_copy(view_of(user.name), row->user, sizeof(row->user));
        }
        return r;
}

int manage_token_row(struct manage_op *op, const struct record_token *token,
                     struct manage_token_row *row)
{
        struct wire_message *m = &row->message;
        int r;

        *row = (struct manage_token_row){.end = EXPIRY_NEVER};
        r = load_row(op, token, row);
        if (r < 0)
                return r;
        manage_answer(op, WIRE_ROW, m);
        manage_put(m, WIRE_F_KEY_ID, row->key_id);
        wire_put_number(m, WIRE_F_KIND, token->kind);
        manage_put(m, WIRE_F_NAME, token->name);
        manage_put(m, WIRE_F_USER, row->user);
        wire_put_number(m, WIRE_F_CREATED_AT, token->created_at);
        if (token->expires_at != EXPIRY_NEVER)
                wire_put_number(m, WIRE_F_EXPIRES_AT, token->expires_at);
        wire_put_number(m, WIRE_F_STATE, row->state);
        /* Where the end is another than the expiry that was given: by hand, by rotation, by a
         * policy. */
        if (row->end != token->expires_at || row->state != WIRE_STATE_LIVE) {
                wire_put_number(m, WIRE_F_ENDED_AT, row->end);
                manage_put(m, WIRE_F_ENDED_REASON, row->reason);
        }
        manage_put(m, WIRE_F_SUCCESSOR, row->successor);
        put_last_use(m, &row->last_use);
        limits_put(&token->limits, m);
        return 0;
}

static int take_token(struct manage_op *op, const struct manage_list *list, const void *item)
{
        const struct filter *f = list->context;
        const struct record_token *token = item;
        struct manage_token_row row;
        int r;

        /* The cheap one first: a search by name through 10^6 tokens looks nothing else up. */
        if (f->name.ptr && !contains(token->name, f->name))
                return 0;
        r = manage_token_row(op, token, &row);
        if (r < 0 || !passes(op, f, token, &row))
                return r;
        return manage_row(op, &row.message);
}

static int list_tokens(struct manage_op *op, enum token_kind kind, int64_t owner)
{
        struct filter filter;
        struct manage_list list = {.item_size = sizeof(struct record_token),
                                   .fetch = manage_fetch_tokens,
                                   .take = take_token,
                                   .owner = owner,
                                   .kind = kind,
                                   .context = &filter};
        int r = read_filter(op, &filter);

        return r != 0 ? r : manage_page(op, &list);
}

/* For admins: who has which key is not every member's business. */
int manage_key_list(struct manage_op *op)
{
        struct record_org org;
        int r = manage_find_org(op, &org);

        return r != 0 ? r : list_tokens(op, TOKEN_AK, org.id);
}

/* Without a name: one's own, and for root everybody's. */
int manage_pat_list(struct manage_op *op)
{
        struct view named = wire_text(&op->request, WIRE_F_USER);
        bool own = op->has_name && view_equal_str(named, op->name);
        char safe[MANAGE_SAFE_SIZE];
        struct record_user user;
        int r;

        if (op->is_root && !wire_has(&op->request, WIRE_F_USER))
                return list_tokens(op, TOKEN_PAT, 0);
        if (op->is_root) {
                r = manage_find_user(op, &user);
                return r != 0 ? r : list_tokens(op, TOKEN_PAT, user.id);
        }
        /* Not looked up: the answer is the same whether there is such a user. */
        if (wire_has(&op->request, WIRE_F_USER) && !own)
                return manage_refuse(
                        op, MANAGE_NOT_FOUND,
                        "there is no user '%s' whose tokens you may see; 'orgtoken pat list' "
                        "shows yours",
                        manage_safe(named, safe));
        /* Who is no user yet has none; owner 0 would mean everybody's. */
        return op->has_user ? list_tokens(op, TOKEN_PAT, op->user.id) : manage_done(op, WIRE_END);
}
