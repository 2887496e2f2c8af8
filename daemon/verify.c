#include "daemon/verify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/logsafe.h"
#include "daemon/limits.h"
#include "daemon/resolve.h"

/* One decision on its way through the steps at the end of this file. */
struct decision {
        const struct sealed *s;
        const struct verify_input *in;
        int64_t now;
        struct verify_trace *trace;
        struct verify_output out;
        bool refused;

        struct view suffix;
        struct record_token token;
        bool revoked;
        bool has_owner; /* false where the owner's row is gone */
        struct record_user user;
        struct record_org key_org;
        struct resolve_sign sign;
        struct resolve_end end;
        struct resolve_bindings bindings; /* of the account wanted */
        struct record_org org;
        const char *org_word; /* its name, or what stands for it in sentences */
        bool own;             /* the account is that of the PAT's user */
        bool bound;           /* the account is bound to the org, for this service */
        struct record_account binding;
};

/* Adds a sentence to the trace. Words of strangers in it have passed logsafe. */
static _format_(2, 0) void explain_list(struct decision *d, const char *format, va_list args)
{
        struct verify_trace *t = d->trace;

        if (!t || t->count >= WIRE_LIST_MAX)
                return;
        (void)vsnprintf(t->step[t->count], sizeof(t->step[0]), format, args);
        t->count++;
}

static _format_(2, 3) void tell(struct decision *d, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        explain_list(d, format, args);
        va_end(args);
}

/* The words are made only where somebody asks. */
#define explain(d, ...) ((d)->trace ? tell(d, __VA_ARGS__) : (void)0)

/* Ends the decision with a no. reason is for the log, the sentence for `check`. */
static _format_(4, 5) int refuse(struct decision *d, enum verdict verdict, const char *reason,
                                 const char *format, ...)
{
        va_list args;

        d->refused = true;
        d->out.verdict = verdict;
        (void)snprintf(d->out.reason, sizeof(d->out.reason), "%s", reason);
        va_start(args, format);
        explain_list(d, format, args);
        va_end(args);
        return 0;
}

/* Short enough that a sentence with two of them is not cut in the middle of what matters. */
struct safe {
        char text[72];
};
#define SAFE(view) logsafe(view, (struct safe){{0}}.text, sizeof(struct safe))
/* Where there is none, that is what is told. */
#define SAFE_OR_NONE(view) (view_is_empty(view) ? "(none is named)" : SAFE(view))

static bool is_key(const struct decision *d)
{
        return d->token.kind == TOKEN_AK;
}

static void set_ended(struct decision *d, int64_t at, const char *reason)
{
        d->out.ended_at = at;
        (void)snprintf(d->out.ended_reason, sizeof(d->out.ended_reason), "%s", reason);
}

/* Which token took its place. Only where somebody asks why: it costs look-ups of its own. */
static int explain_successor(struct decision *d)
{
        char key_id[TOKEN_KEY_ID_SIZE];
        unsigned shown;
        int r;

        if (!d->trace || d->token.successor < 0)
                return 0;
        r = store_key_id_length(d->s->reader, d->token.successor, &shown);
        if (r < 0)
                return r;
        token_key_id(d->token.kind, d->token.successor, shown, key_id);
        tell(d, "its successor is %s", key_id);
        return 0;
}

/* `revoked`: for good, or rotated out with its overlap over. That it was revoked is the mac's word;
   when and why are the row's own, told and not relied on. */
static int step_ended(struct decision *d)
{
        const struct record_token *t = &d->token;
        char when[EXPIRY_TEXT_SIZE];

        if (d->revoked) {
                set_ended(d, t->revoked_at, t->end_reason);
                expiry_format(t->revoked_at, when);
                refuse(d, VERDICT_REVOKED, "revoked", "it was revoked at %s (%s)", when,
                       SAFE(view_of(t->end_reason)));
                return explain_successor(d);
        }
        if (expiry_is_past(t->ends_at, d->now)) {
                set_ended(d, t->ends_at, t->end_reason);
                expiry_format(t->ends_at, when);
                refuse(d, VERDICT_REVOKED, "rotated",
                       "another token took its place and it ended at %s", when);
                return explain_successor(d);
        }
        return 0;
}

/* Loads whose token it is: from here on a record can name the user, and a key's org has its say in
   the expiry. A row that is not there decides nothing yet: its verdict is further down. */
static int step_owner(struct decision *d)
{
        int r = is_key(d) ? sealed_find_org(d->s, d->token.owner, &d->key_org)
                          : sealed_find_user(d->s, d->token.owner, &d->user);

        if (r < 0 && r != -ENOENT)
                return r;
        d->has_owner = r == 0;
        if (d->has_owner && !is_key(d)) {
                (void)snprintf(d->out.user, sizeof(d->out.user), "%s", d->user.name);
                explain(d, "it belongs to the user %s", SAFE(view_of(d->user.name)));
        }
        return 0;
}

/* Whose policy it was that ended it, for the sentence; "" where it was the token's own expiry. */
static void policy_words(const struct decision *d, char *buf, size_t size)
{
        bool host = strncmp(d->end.reason, "host-", strlen("host-")) == 0;
        bool org = strncmp(d->end.reason, "org-", strlen("org-")) == 0;

        buf[0] = '\0';
        if (host || org)
                (void)snprintf(buf, size, "by the policy of %s ",
                               host ? "this host" : d->key_org.name);
}

/* `expired`: its own expiry, the host's policy, and for a key its org's. A PAT is not any org's to
   end, so what an org's policy says of it comes last, as a limit (step_org_policy). */
static int step_expired(struct decision *d)
{
        const struct record_org *org = is_key(d) && d->has_owner ? &d->key_org : NULL;
        char when[EXPIRY_TEXT_SIZE], policy[NAME_ORG_MAX + 32];
        int r;

        d->sign = (struct resolve_sign){.token = &d->token, .usage = d->in->usage};
        r = resolve_find_end(d->s, &d->sign, org, d->now, &d->end);
        if (r < 0)
                return r;
        d->out.expires_at = d->end.at;
        if (expiry_is_past(d->end.at, d->now)) {
                expiry_format(d->end.at, when);
                set_ended(d, d->end.at, d->end.reason);
                policy_words(d, policy, sizeof(policy));
                return refuse(d, VERDICT_EXPIRED, d->end.reason, "%sit ended at %s (%s)", policy,
                              when, d->end.reason);
        }
        if (d->trace) {
                expiry_format(d->end.at, when);
                tell(d, "it is live; its end: %s", when);
        }
        return 0;
}

/* Only the account names it, and the asker may not see it. */
static bool is_hidden(const struct decision *d, int64_t org_id)
{
        return d->trace && d->trace->may_name && !d->trace->may_name(d->trace->context, org_id);
}

static int found_org(struct decision *d, const char *named_by)
{
        bool hidden = strcmp(named_by, "account") == 0 && is_hidden(d, d->org.id);

        d->org_word = hidden ? "another organisation" : d->org.name;
        d->out.org_id = d->org.id;
        (void)snprintf(d->out.org, sizeof(d->out.org), "%s", hidden ? "" : d->org.name);
        (void)snprintf(d->out.org_named_by, sizeof(d->out.org_named_by), "%s", named_by);
        explain(d, "the organisation is %s, named by: %s", d->org_word, named_by);
        return 0;
}

/* Everything that names an org, and which: a conflict is seen only where all of them are told. */
static int explain_sources(struct decision *d)
{
        const struct verify_input *in = d->in;
        struct record_org bound = {.name = ""};
        int r = 0;

        if (!d->trace)
                return 0;
        if (d->bindings.org_id != 0)
                r = sealed_find_org(d->s, d->bindings.org_id, &bound);
        if (r < 0 && r != -ENOENT)
                return r;
        if (is_key(d))
                tell(d, "the key is of %s", d->key_org.name);
        if (!view_is_empty(d->suffix))
                tell(d, "the suffix of the token names %s", SAFE(d->suffix));
        if (!view_is_empty(in->org_option))
                tell(d, "the stack names %s", SAFE(in->org_option));
        if (bound.name[0])
                tell(d, "the account is bound to %s",
                     is_hidden(d, bound.id) ? "another organisation" : bound.name);
        if (!view_is_empty(in->org_answer))
                tell(d, "the prompt was answered with %s", SAFE(in->org_answer));
        return 0;
}

/* `org-required` and `org-mismatch`. The account's bindings come first, since one of them may name
   the org; a key always has its own, so it never gets `org-required`. */
static int step_org(struct decision *d)
{
        const struct verify_input *in = d->in;
        struct resolve_sources sources = {
                .suffix = d->suffix, .option = in->org_option, .answer = in->org_answer};
        enum resolve_result result;
        const char *named_by;
        int r = resolve_find_bindings(d->s, in->account, in->service, &d->bindings);

        if (r < 0)
                return r;
        if (is_key(d) && !d->has_owner)
                return refuse(d, VERDICT_ORG_MISMATCH, "no-such-org",
                              "the organisation of this key is gone");
        sources.key_org = is_key(d) ? &d->key_org : NULL;
        sources.account_org = d->bindings.org_id;
        r = resolve_org(d->s, &sources, &result, &d->org, &named_by);
        if (r < 0)
                return r;
        if (result == RESOLVE_FOUND)
                return found_org(d, named_by);
        if (result == RESOLVE_NONE)
                return refuse(d, VERDICT_ORG_REQUIRED, "no-org-named",
                              "no organisation is named, and a personal token needs one");
        if (result == RESOLVE_CONFLICT)
                refuse(d, VERDICT_ORG_MISMATCH, "org-conflict",
                       "different organisations are named");
        else
                refuse(d, VERDICT_ORG_MISMATCH, "no-such-org",
                       "the organisation named does not exist");
        return explain_sources(d);
}

/* Is the account the user's own? A guarded one is nobody's: management refuses to make such a pair,
   and should there be one all the same, only the binding counts, which asks no less of anybody. */
static int find_own(struct decision *d)
{
        bool guarded;
        int r;

        if (is_key(d) || !d->has_owner || !view_equal_str(d->in->account, d->user.name))
                return 0;
        r = resolve_is_guarded(d->s, d->in->account, &d->bindings, &guarded);
        if (r < 0)
                return r;
        d->own = !guarded;
        return 0;
}

/* Is the account bound to the org for this service? Looked up by the org that was found and not
   taken from the walk over the bindings, which may have met several. */
static int find_binding(struct decision *d)
{
        int r;

        if (d->bindings.here == 0)
                return 0;
        r = resolve_find_binding(d->s, d->in->account, d->org.id, d->in->service, &d->binding);
        if (r < 0 && r != -ENOENT)
                return r;
        d->bound = r == 0;
        return 0;
}

/* A key is nobody's, and a role is somebody's: where one is asked for, by the stack or by the
   account, no key will do, however much its org may. */
static int judge_key_roles(struct decision *d)
{
        if (d->in->role != ROLE_NONE)
                return refuse(d, VERDICT_NOT_MEMBER, "key-has-no-role",
                              "a role is asked for, and an organisation's key has none");
        if (d->bound && d->binding.role != ROLE_NONE)
                return refuse(d, VERDICT_NOT_MEMBER, "key-has-no-role",
                              "the account is for the role %s, and an organisation's key has none",
                              role_to_string(d->binding.role));
        return 0;
}

/* The highest of what is asked for. Never less than a member, whatever a row says. */
static enum role needed_role(const struct decision *d)
{
        enum role need = ROLE_MEMBER;

        if (d->in->role > need)
                need = d->in->role;
        if (d->bound && d->binding.role > need)
                need = d->binding.role;
        return need;
}

/* A seal says that a row is ours and not that it is the one that was asked for: by an index that
   was bent, another member's row could come back, and so its keys are compared. */
static int judge_membership(struct decision *d)
{
        struct record_member member;
        enum role need = needed_role(d);
        int r = sealed_find_member(d->s, d->org.id, d->user.id, &member);

        if (r < 0 && r != -ENOENT)
                return r;
        if (r == -ENOENT)
                return refuse(d, VERDICT_NOT_MEMBER, "not-a-member", "%s is no member of %s",
                              SAFE(view_of(d->user.name)), d->org_word);
        if (member.org_id != d->org.id || member.user_id != d->user.id)
                return -EBADMSG;
        if (member.role < need)
                return refuse(d, VERDICT_NOT_MEMBER, "role-too-low",
                              "%s is %s of %s, and %s is needed", SAFE(view_of(d->user.name)),
                              role_to_string(member.role), d->org.name, role_to_string(need));
        explain(d, "%s is %s of %s", SAFE(view_of(d->user.name)), role_to_string(member.role),
                d->org.name);
        return 0;
}

/* A user who is suspended or gone is a member of nothing. His uid is not compared: at a login there
   is nothing to compare it with, and management did so when the token was made. */
static int judge_user(struct decision *d)
{
        if (!d->has_owner || d->user.removed_at != 0)
                return refuse(d, VERDICT_NOT_MEMBER, "user-removed",
                              "the token's user was removed");
        if (d->user.suspended)
                return refuse(d, VERDICT_NOT_MEMBER, "user-suspended", "the user %s is suspended",
                              SAFE(view_of(d->user.name)));
        return judge_membership(d);
}

/* `not-member`. What the account asks for counts here too, so the account is looked up first. */
static int step_member(struct decision *d)
{
        int r = find_own(d);

        if (r < 0)
                return r;
        r = find_binding(d);
        if (r < 0)
                return r;
        if (d->org.suspended)
                return refuse(d, VERDICT_NOT_MEMBER, "org-suspended",
                              "the organisation %s is suspended", d->org_word);
        return is_key(d) ? judge_key_roles(d) : judge_user(d);
}

/* Does the application name somebody as acting who is not the token's user? Also for one's own
   account: bob may not become alice in su by a token of alice's that he got hold of. One that
   equals the account is what dovecot and vsftpd set for want of an actor. A key is nobody's, so
   there is nothing to compare. */
static bool is_wrong_actor(const struct decision *d)
{
        struct view actor = d->in->actor;

        return !is_key(d) && !view_is_empty(actor) && !view_equal(actor, d->in->account) &&
               !view_equal_str(actor, d->user.name);
}

/* What would have to be different: the list that the value is not in. */
static void explain_entries(struct decision *d, const struct record_limits *l,
                            enum limits_kind kind, const char *what)
{
        char list[160] = "";
        size_t len = 0;

        for (unsigned i = 0; i < limits_count(l, kind) && len < sizeof(list); i++) {
                struct view entry = limits_entry(l, kind, i);

                len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%.*s", i > 0 ? ", " : "",
                                        (int)entry.len, entry.ptr);
        }
        explain(d, "its %s: %s%s", what, list, len < sizeof(list) ? "" : "...");
}

/* Bound to the org it may be all the same, for other services: su and su-l are two. */
static int refuse_unbound(struct decision *d)
{
        struct record_account binding;
        int r = -ENOENT;

        refuse(d, VERDICT_ACCOUNT_DENIED, "account-not-bound",
               "the account %s is not bound to %s for the service %s", SAFE(d->in->account),
               d->org.name, SAFE_OR_NONE(d->in->service));
        if (d->trace && d->bindings.all > 0)
                r = sealed_find_account(d->s, d->in->account, d->org.id, &binding);
        if (r == 0)
                explain_entries(d, &binding.services, LIMITS_SERVICE, "services");
        return r == -ENOENT ? 0 : r;
}

/* `account-denied`. The user's own account asks for nothing more than the membership; any other has
   to be bound. */
static int step_account(struct decision *d)
{
        const struct verify_input *in = d->in;

        if (view_is_empty(in->account))
                return refuse(d, VERDICT_ACCOUNT_DENIED, "no-account", "no account was named");
        if (d->own && in->bound_only)
                return refuse(d, VERDICT_ACCOUNT_DENIED, "bound-only",
                              "only bound accounts are accepted here, not the user's own");
        if (!d->own && !d->bound)
                return refuse_unbound(d);
        if (is_wrong_actor(d))
                return refuse(d, VERDICT_ACCOUNT_DENIED, "wrong-actor",
                              "the one acting is %s, and the token is that of %s", SAFE(in->actor),
                              SAFE(view_of(d->user.name)));
        d->out.elevation = !is_key(d) && !d->own;
        explain(d, d->own ? "%s is the user's own account" : "%s is bound to the organisation",
                SAFE(in->account));
        return 0;
}

/* `limited`: the token's own limits. Behind everything else, so that the answer does not tell what
   a token could do elsewhere. A source limit with no numeric address refuses (limits_allow). */
static int step_limits(struct decision *d)
{
        const struct record_limits *l = &d->token.limits;
        const struct verify_input *in = d->in;

        if (!limits_allow(l, LIMITS_SERVICE, in->service)) {
                refuse(d, VERDICT_LIMITED, "limit-service", "the token is not for the service %s",
                       SAFE_OR_NONE(in->service));
                explain_entries(d, l, LIMITS_SERVICE, "services");
        } else if (!limits_allow(l, LIMITS_SOURCE, in->source)) {
                refuse(d, VERDICT_LIMITED, "limit-source", "the token is not for the source %s",
                       SAFE_OR_NONE(in->source));
                explain_entries(d, l, LIMITS_SOURCE, "networks");
        } else if (!limits_allow(l, LIMITS_ACCOUNT, in->account)) {
                refuse(d, VERDICT_LIMITED, "limit-account", "the token is not for the account %s",
                       SAFE(in->account));
                explain_entries(d, l, LIMITS_ACCOUNT, "accounts");
        }
        return 0;
}

/* The org's policy on a PAT. It ends the token there and nowhere else, so it is a limit and no
   expiry. For a key it was applied with the expiry, and once more changes nothing. */
static int step_org_policy(struct decision *d)
{
        char when[EXPIRY_TEXT_SIZE];
        int r = resolve_end_by_policy(d->s, &d->sign, &d->org.policy, &resolve_org_words, d->now,
                                      &d->end);

        if (r < 0)
                return r;
        d->out.expires_at = d->end.at;
        if (!expiry_is_past(d->end.at, d->now))
                return 0;
        expiry_format(d->end.at, when);
        return refuse(d, VERDICT_LIMITED, d->end.reason,
                      "by the policy of %s it ended there at %s (%s)", d->org.name, when,
                      d->end.reason);
}

/* The rules in the order of the verdicts: the first that refuses is the answer. A negative result
   is no answer at all. */
static int decide(struct decision *d)
{
        static int (*const steps[])(struct decision *) = {
                step_ended,  step_owner,   step_expired, step_org,
                step_member, step_account, step_limits,  step_org_policy,
        };

        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
                int r = steps[i](d);

                if (r < 0)
                        return r;
                if (d->refused)
                        return 0;
        }
        d->out.verdict = VERDICT_ALLOW;
        return 0;
}

/* Every field says "not known" and the verdict is a no, until a step has found better. */
static void decision_init(struct decision *d, const struct sealed *s, const struct verify_input *in,
                          int64_t now, struct verify_trace *trace)
{
        *d = (struct decision){.s = s, .in = in, .now = now, .trace = trace};
        d->out.verdict = VERDICT_UNKNOWN;
        d->out.token_id = -1;
        d->out.expires_at = EXPIRY_NEVER;
}

/* The id is told with as many characters as make it unique, and only once the secret was right. */
static int set_key_id(struct decision *d)
{
        unsigned shown;
        int r = sealed_key_id_length(d->s, d->token.id, &shown);

        if (r < 0)
                return r;
        token_key_id(d->token.kind, d->token.id, shown, d->out.key_id);
        d->out.token_id = d->token.id;
        explain(d, "the token is genuine: %s", d->out.key_id);
        return 0;
}

/* Goes on with a row whose seal has been judged. Only the two states named are a right secret. */
static int decide_judged(struct decision *d, enum sealed_token_state state)
{
        int r;

        if (state != SEALED_LIVE && state != SEALED_REVOKED)
                return refuse(d, VERDICT_UNKNOWN, "wrong-secret",
                              "the secret is not that of this token, or its row was changed");
        d->revoked = state == SEALED_REVOKED;
        r = set_key_id(d);
        if (r < 0)
                return r;
        return decide(d);
}

/* Finds the row of an id, or puts in its place one that no secret fits, so that an id that is known
   and one that is not cost the same work. */
static int find_row(struct decision *d, enum token_kind kind, int64_t id, bool *ret_found)
{
        int r = store_find_token(d->s->reader, id, &d->token);

        if (r < 0 && r != -ENOENT)
                return r;
        *ret_found = r == 0;
        if (r == -ENOENT)
                d->token = (struct record_token){.id = id,
                                                 .kind = kind,
                                                 .expires_at = EXPIRY_NEVER,
                                                 .ends_at = EXPIRY_NEVER,
                                                 .key_fingerprint = d->s->fingerprint,
                                                 .successor = -1};
        return 0;
}

/* What only a token in hand is asked: is there such a row, and is this its secret? */
static int decide_presented(struct decision *d, const struct token *token)
{
        enum sealed_token_state state;
        bool found = false;
        int r;

        d->suffix = token->org;
        d->out.kind = token->kind;
        /* For the log, of a token that may be no token here: the id is public, and so is its kind.
         */
        token_key_id(token->kind, token->id, TOKEN_KEY_ID_MIN, d->out.key_id);
        r = find_row(d, token->kind, token->id, &found);
        if (r < 0)
                return r;
        r = sealed_judge_token(d->s, &d->token, token->secret, &state);
        if (r < 0)
                return r;
        if (!found)
                return refuse(d, VERDICT_UNKNOWN, "no-such-id", "there is no token of this id");
        /* The secret goes with one kind: the same characters behind the other prefix are no token.
         */
        if (d->token.kind != token->kind)
                return refuse(d, VERDICT_UNKNOWN, "wrong-kind",
                              "the token of this id is of the other kind");
        return decide_judged(d, state);
}

int verify_token(const struct sealed *s, const struct verify_input *in, int64_t now,
                 struct verify_trace *trace, struct verify_output *ret)
{
        struct decision d;
        struct token token;
        int r;

        decision_init(&d, s, in, now, trace);
        /* What is not token-shaped is malformed too: the module never sends it. */
        if (token_parse(in->token, &token) < 0)
                r = refuse(&d, VERDICT_MALFORMED, "malformed",
                           "it is no whole token: length, character, checksum or suffix");
        else
                r = decide_presented(&d, &token);
        if (r < 0)
                return r;
        *ret = d.out;
        return 0;
}

int verify_again(const struct sealed *s, int64_t token_id, const struct verify_input *in,
                 int64_t now, struct verify_trace *trace, struct verify_output *ret)
{
        enum sealed_token_state state;
        struct decision d;
        int r;

        decision_init(&d, s, in, now, trace);
        r = sealed_find_token(s, token_id, &d.token);
        if (r == -ENOENT) {
                (void)refuse(&d, VERDICT_UNKNOWN, "no-such-id", "there is no token of this id");
                *ret = d.out;
                return 0;
        }
        if (r < 0)
                return r;
        r = sealed_judge_stored(s, &d.token, &state);
        if (r < 0)
                return r;
        d.out.kind = d.token.kind;
        r = decide_judged(&d, state);
        if (r < 0)
                return r;
        *ret = d.out;
        return 0;
}
