#include <errno.h>
#include <stdio.h>

#include "common/cidr.h"
#include "common/cleanup.h"
#include "common/secret.h"
#include "daemon/limits.h"
#include "daemon/manage_internal.h"

/* Of random ids in 62^10 two are the same once in 10^9 pairs of a store of 10^9: more tries than
   these mean that the random source is broken. */
#define MINT_TRIES 8

int manage_check_not_revoked(struct manage_op *op, const struct record_token *token)
{
        int64_t at = token->revoked_at != 0 ? token->revoked_at : token->ends_at;
        char when[EXPIRY_TEXT_SIZE];

        if (token->revoked_at == 0 && !expiry_is_past(token->ends_at, op->call->now))
                return 0;
        expiry_format(at, when);
        return manage_refuse(op, MANAGE_REVOKED,
                             "%s was revoked at %s (%s): nothing brings it back", op->note.key_id,
                             when, token->end_reason);
}

/* ---- making one ---- */

struct fresh {
        char text[TOKEN_TEXT_MAX + 1];
        char random[TOKEN_RANDOM_LEN + 1];
};

static void fresh_wipe(struct fresh *f)
{
        secret_wipe(f, sizeof(*f));
}

/* Ten characters, each uniform, are a uniform number below 62^10. */
static int64_t random_id(struct manage_op *op)
{
        char text[TOKEN_ID_LEN];
        int64_t id = 0;

        op->m->random_text(op->m->context, text, sizeof(text));
        for (size_t i = 0; i < sizeof(text); i++)
                id = id * TOKEN_BASE + token_digit(text[i]);
        return id;
}

/* Draws an id and a secret and inserts; draws again where the id exists or ever existed. */
static int insert_fresh(struct manage_op *op, struct record_token *token, struct fresh *f)
{
        struct token parsed;
        int r = -EEXIST;

        for (unsigned i = 0; i < MINT_TRIES && r == -EEXIST; i++) {
                token->id = random_id(op);
                op->m->random_text(op->m->context, f->random, TOKEN_RANDOM_LEN);
                token_format(token->kind, token->id, f->random, f->text);
                r = token_parse(view_of(f->text), &parsed);
                if (r == 0)
                        r = sealed_insert_token(&op->s, token, parsed.secret);
        }
        /* No name is taken here: a random source that repeats itself is a broken machine. */
        return r == -EEXIST ? -EIO : r;
}

/* The one moment in which a secret leaves the daemon: from f into the reply, which is wiped when it
   is sent. It must be acknowledged (manage_acknowledge()). */
static int answer_token(struct manage_op *op, const struct record_token *token,
                        const struct fresh *f, const char *replaces)
{
        struct wire_message m;
        int r = manage_key_id(op, token->kind, token->id, op->note.key_id);

        if (r < 0)
                return r;
        manage_answer(op, WIRE_NEW_TOKEN, &m);
        manage_put(&m, WIRE_F_TOKEN, f->text);
        manage_put(&m, WIRE_F_NAME, token->name);
        manage_put(&m, WIRE_F_KEY_ID, op->note.key_id);
        if (token->expires_at != EXPIRY_NEVER)
                wire_put_number(&m, WIRE_F_EXPIRES_AT, token->expires_at);
        wire_put_number(&m, WIRE_F_CREATED_AT, token->created_at);
        if (replaces)
                manage_put(&m, WIRE_F_SUCCESSOR, replaces);
        op->reply->new_token = token->id;
        return manage_reply_add(op->reply, &m);
}

int manage_mint(struct manage_op *op, struct record_token *token, const char *replaces)
{
        _cleanup_(fresh_wipe) struct fresh f = {0};
        char end[EXPIRY_TEXT_SIZE];
        int r;

        token->created_at = op->call->clock;
        token->ends_at = EXPIRY_NEVER;
        token->successor = -1;
        r = insert_fresh(op, token, &f);
        if (r == 0)
                r = store_put_undelivered(op->s.writer, token->id);
        if (r == 0)
                r = answer_token(op, token, &f, replaces);
        if (r < 0)
                return r;
        op->changed = true;
        expiry_format(token->expires_at, end);
        (void)snprintf(op->note.text, sizeof(op->note.text), "made, expires: %s%s%s", end,
                       replaces ? ", in place of " : "", replaces ? replaces : "");
        return 0;
}

/* The host's policy is for everybody's tokens, an org's for its keys. */
int manage_check_creation(struct manage_op *op, const struct record_org *org, int64_t expires_at)
{
        struct policy host;
        int r = sealed_find_host_policy(&op->s, &host);

        if (r == 0)
                r = manage_check_self_service(op, &host);
        if (r == 0)
                r = manage_check_life(op, &host, "this host", expires_at);
        if (r == 0 && org)
                r = manage_check_life(op, &org->policy, org->name, expires_at);
        return r;
}

/* ---- what the request says of it ---- */

static int read_name(struct manage_op *op, struct record_token *token)
{
        struct view name = wire_text(&op->request, WIRE_F_NAME);
        char safe[MANAGE_SAFE_SIZE];

        if (!name_is_label(name) || token_is_shaped(name) ||
            !view_copy(name, token->name, sizeof(token->name)))
                return manage_refuse(op, MANAGE_BAD_NAME, "'%s' is no name for a token: it is %s",
                                     manage_safe(name, safe), name_label_rule());
        return 0;
}

/* Against the judging time, the later of clock and mark: before it, the token would be dead on
 * arrival. */
static int read_expiry(struct manage_op *op, struct record_token *token)
{
        int64_t at = wire_number(&op->request, WIRE_F_EXPIRES_AT, EXPIRY_NEVER);
        char when[EXPIRY_TEXT_SIZE];

        if (wire_has(&op->request, WIRE_F_EXPIRES_AT) && at > EXPIRY_MAX)
                return manage_refuse(op, MANAGE_BAD_EXPIRY,
                                     "the end is after the year 9999: give --expires %s",
                                     expiry_rule());
        if (expiry_is_past(at, op->call->now)) {
                expiry_format(op->call->now, when);
                return manage_refuse(op, MANAGE_EXPIRED_ALREADY,
                                     "the end is not in the future (it is %s): give --expires %s",
                                     when, expiry_rule());
        }
        token->expires_at = at;
        return 0;
}

/* An entry that is a token's text, pasted at the wrong place, would be shown by every list. */
static bool find_pasted(const struct wire_message *request, struct view *ret_bad,
                        enum limits_kind *ret_kind)
{
        static const enum wire_field fields[LIMITS_KINDS] = {
                [LIMITS_SERVICE] = WIRE_F_LIMIT_SERVICE,
                [LIMITS_SOURCE] = WIRE_F_LIMIT_SOURCE,
                [LIMITS_ACCOUNT] = WIRE_F_LIMIT_ACCOUNT,
        };
        const struct view *entries;
        size_t len;

        for (unsigned kind = 0; kind < LIMITS_KINDS; kind++) {
                entries = wire_list(request, fields[kind], &len);
                for (size_t i = 0; i < len; i++) {
                        if (!token_is_shaped(entries[i]))
                                continue;
                        *ret_bad = entries[i];
                        *ret_kind = (enum limits_kind)kind;
                        return true;
                }
        }
        return false;
}

int manage_read_limits(struct manage_op *op, struct record_limits *ret)
{
        static const struct {
                enum manage_reason reason;
                const char *what;
                const char *(*rule)(void);
        } kinds[LIMITS_KINDS] = {
                [LIMITS_SERVICE] = {MANAGE_BAD_SERVICE, "service name", name_service_rule},
                [LIMITS_SOURCE] = {MANAGE_BAD_SOURCE, "source network", cidr_rule},
                [LIMITS_ACCOUNT] = {MANAGE_BAD_ACCOUNT, "account name", name_user_rule},
        };
        char safe[MANAGE_SAFE_SIZE];
        enum limits_kind kind;
        struct view bad;

        if (!find_pasted(&op->request, &bad, &kind) &&
            limits_from_request(&op->request, ret, &bad, &kind) == 0)
                return 0;
        return manage_refuse(op, kinds[kind].reason, "'%s' is no %s: it is %s",
                             manage_safe(bad, safe), kinds[kind].what, kinds[kind].rule());
}

static int read_token(struct manage_op *op, struct record_token *token)
{
        int r = read_name(op, token);

        if (r == 0)
                r = read_expiry(op, token);
        if (r == 0)
                r = manage_read_limits(op, &token->limits);
        return r;
}

/* ---- the verbs ---- */

int manage_key_create(struct manage_op *op)
{
        struct record_token token = {.kind = TOKEN_AK};
        struct record_org org;
        int r = manage_find_org(op, &org);

        if (r == 0)
                r = manage_check_org_is_active(op, &org);
        if (r == 0)
                r = read_token(op, &token);
        if (r == 0)
                r = manage_check_creation(op, &org, token.expires_at);
        if (r != 0)
                return r;
        token.owner = org.id;
        return manage_mint(op, &token, NULL);
}

/* Whose PAT it is to be: the caller's, or for root whoever is named. What the caller says of itself
   is only ever compared with the kernel's word. */
static int find_new_owner(struct manage_op *op, struct record_user *ret)
{
        struct manage_passwd self = {.exists = true, .uid = op->call->uid};
        struct view named = wire_text(&op->request, WIRE_F_USER);
        bool own = !wire_has(&op->request, WIRE_F_USER) ||
                   (op->has_name && view_equal_str(named, op->name));

        if (!access_is_allowed(WIRE_V_PAT_CREATE, (op->is_root ? ACCESS_ROOT : ACCESS_CALLER) |
                                                          (own ? ACCESS_OWNER : 0u)))
                return manage_refuse(op, MANAGE_NOT_ALLOWED,
                                     "only root makes tokens for somebody else: leave --user out");
        if (!own)
                return manage_make_user(op, named, &op->passwd, ret);
        if (!op->has_name)
                return manage_refuse(
                        op, MANAGE_NO_NAME,
                        "your uid %lld has no login name here: say whose token it is with "
                        "--user NAME",
                        (long long)op->call->uid);
        return manage_make_user(op, view_of(op->name), &self, ret);
}

int manage_pat_create(struct manage_op *op)
{
        struct record_token token = {.kind = TOKEN_PAT};
        struct record_user user;
        int r = read_token(op, &token);

        if (r == 0)
                r = manage_check_creation(op, NULL, token.expires_at);
        if (r == 0)
                r = find_new_owner(op, &user);
        if (r != 0)
                return r;
        token.owner = user.id;
        return manage_mint(op, &token, NULL);
}

/* Says which token it was: the caller may have typed a prefix. */
static int done_token(struct manage_op *op, const struct record_token *token)
{
        struct wire_message m;

        manage_answer(op, WIRE_DONE, &m);
        manage_put(&m, WIRE_F_KEY_ID, op->note.key_id);
        manage_put(&m, WIRE_F_NAME, token->name);
        return manage_reply_add(op->reply, &m);
}

/* An expired one too: it still stands in the list. The kind is judged before anything is looked up,
   so the answer for a key is the same whoever's it is. */
int manage_pat_rename(struct manage_op *op)
{
        struct record_token token, named = {0};
        enum token_kind kind;
        int r = manage_key_id_kind(op, &kind);

        if (r != 0)
                return r;
        if (kind == TOKEN_AK)
                return manage_refuse(
                        op, MANAGE_NOT_RENAMABLE,
                        "organisation keys cannot be renamed: make a new one with 'orgtoken "
                        "key create ORG --name NAME', then revoke this one");
        r = read_name(op, &named);
        if (r == 0)
                r = manage_find_token(op, TOKEN_PAT, &token);
        if (r == 0)
                r = manage_check_not_revoked(op, &token);
        if (r != 0)
                return r;
        if (!view_equal_str(view_of(named.name), token.name)) {
                (void)view_copy(view_of(named.name), token.name, sizeof(token.name));
                /* No seal is touched: the name is no claim. */
                r = store_update_token(op->s.writer, &token);
                if (r < 0)
                        return r;
                op->changed = true;
        }
        return done_token(op, &token);
}

/* KEY_REVOKE and PAT_REVOKE: the same, with the kind that the verb says. One that is revoked is
   refused, so that nobody believes to have stopped something just now. */
int manage_token_revoke(struct manage_op *op)
{
        enum token_kind kind = op->request.verb == WIRE_V_KEY_REVOKE ? TOKEN_AK : TOKEN_PAT;
        struct record_token token;
        int r = manage_find_token(op, kind, &token);

        /* Who revoked it first and thought of its sessions then is not too late. */
        if (r == 0 && !(token.revoked_at != 0 && manage_ends_sessions(op)))
                r = manage_check_not_revoked(op, &token);
        if (r == 0)
                r = manage_mark_sessions(op, token.id);
        if (r == 0 && token.revoked_at == 0)
                r = manage_revoke(op, &token, "revoked");
        return r != 0 ? r : done_token(op, &token);
}

/* By the whole id, as it stands in a token that leaked (`scan --revoke`). */
int manage_revoke_token(struct manage_op *op)
{
        int64_t kind = wire_number(&op->request, WIRE_F_KIND, 0), first, last;
        struct view id = wire_text(&op->request, WIRE_F_ID);
        char text[TOKEN_KEY_ID_SIZE], safe[MANAGE_SAFE_SIZE];
        struct record_token token;
        enum token_kind parsed;
        int r;

        if ((kind != TOKEN_AK && kind != TOKEN_PAT) || id.len != TOKEN_ID_LEN)
                return manage_refuse(
                        op, MANAGE_BAD_KEY_ID,
                        "a token is meant by its kind and the ten characters of its id");
        (void)snprintf(text, sizeof(text), "%s%.*s", token_kind_prefix((enum token_kind)kind),
                       (int)id.len, id.ptr);
        if (token_parse_key_id(view_of(text), &parsed, &first, &last) < 0)
                return manage_refuse(op, MANAGE_BAD_KEY_ID, "'%s' is no token's id",
                                     manage_safe(view_of(text), safe));
        r = store_find_token(op->s.reader, first, &token);
        if (r == -ENOENT || (r == 0 && token.kind != parsed))
                return manage_refuse(op, MANAGE_NOT_FOUND, "there is no token '%s' on this host",
                                     manage_safe(view_of(text), safe));
        if (r == 0)
                r = manage_key_id(op, token.kind, token.id, op->note.key_id);
        if (r == 0)
                r = manage_check_not_revoked(op, &token);
        if (r == 0)
                r = manage_revoke(op, &token, "leaked");
        return r != 0 ? r : done_token(op, &token);
}
