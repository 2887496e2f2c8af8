#include "daemon/verifier.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "common/cidr.h"
#include "common/cleanup.h"
#include "common/logsafe.h"
#include "daemon/audit.h"
#include "daemon/resolve.h"
#include "daemon/session.h"

/* One request on its way to its answer. */
struct exchange {
        struct verifier *v;
        const struct verifier_call *call;
        const struct wire_message *request;
        struct verifier_texts *texts;
        struct verifier_after *after;
        struct verify_input in;
        int64_t real_uid;
        bool unguarded; /* a session check of an account that is none of ours */
        bool noted;     /* SESSION: it will be remembered */
};

/* The kernel's word for who is calling; nothing that the caller says of himself. */
static bool is_root(const struct exchange *x)
{
        int64_t uid = x->call->uid;

        return uid == 0 || (x->v->private_uid >= 0 && uid == x->v->private_uid);
}

/* A source that is no numeric address is no source at all, here and in everything that is kept of
   it. */
static struct view numeric_source(const struct wire_message *request)
{
        struct view source = wire_text(request, WIRE_F_SOURCE);
        struct cidr address;

        return cidr_parse_address(source, &address) == 0 ? source : VIEW_ABSENT;
}

/* Reads what all three verbs have in common. -EPROTO for a number outside its range: a role or a
   uid is not cut down to what fits. */
static int read_input(struct exchange *x)
{
        const struct wire_message *m = x->request;
        int64_t role = wire_number(m, WIRE_F_ROLE, ROLE_NONE);
        int64_t bound_only = wire_number(m, WIRE_F_BOUND_ONLY, 0);

        x->real_uid = wire_number(m, WIRE_F_REAL_UID, 0);
        if (role < ROLE_NONE || role > ROLE_ADMIN || bound_only < 0 || bound_only > 1)
                return -EPROTO;
        /* -1 is nobody's uid, and as 32 bits it is what functions take for "leave it". */
        if (x->real_uid < 0 || x->real_uid >= UINT32_MAX)
                return -EPROTO;
        x->in = (struct verify_input){
                .token = wire_text(m, WIRE_F_TOKEN),
                .account = wire_text(m, WIRE_F_ACCOUNT),
                .actor = wire_text(m, WIRE_F_ACTOR),
                .service = wire_text(m, WIRE_F_SERVICE),
                .source = numeric_source(m),
                .org_option = wire_text(m, WIRE_F_ORG),
                .org_answer = wire_text(m, WIRE_F_ORG_ANSWER),
                .role = (enum role)role,
                .bound_only = bound_only == 1,
                /* A use of a minute ago may not be in the store yet, and must keep the token from
                   counting as unused. */
                .usage = x->v->usage,
        };
        return 0;
}

/* Is this one of the exchanges by which sudo, su or doas prove an actor (doc/ELEVATION.md)? */
static bool may_grant(const struct exchange *x)
{
        return is_root(x) && wire_number(x->request, WIRE_F_REMOTE, 0) == 0 && x->real_uid != 0 &&
               grant_service_is_eligible(x->in.service) && !view_is_empty(x->in.actor);
}

/* A PAT's grant is for every account of the org, a key's for the one that it was shown for. */
static void add_grant(struct exchange *x)
{
        const struct verify_output *out = &x->texts->output;
        struct record_grant grant = {.real_uid = x->real_uid,
                                     .org_id = out->org_id,
                                     .token_id = out->token_id,
                                     .first_at = x->call->now,
                                     .renewed_at = x->call->now};

        if (!may_grant(x) || !view_copy(x->in.actor, grant.actor, sizeof(grant.actor)))
                return;
        (void)view_copy(x->in.source, grant.source, sizeof(grant.source));
        /* Never left empty for a key: that would stand for every account. */
        if (out->kind == TOKEN_AK &&
            !view_copy(x->in.account, grant.account, sizeof(grant.account)))
                return;
        /* Without memory there is no grant, and the session will be refused: the safe side. */
        x->after->write_grant = grant_add(x->v->grants, &grant, &x->after->grant) == 0;
}

/* The time is the clock's own and not the judging time: people read it. */
static void note_use(struct exchange *x)
{
        struct record_last_use *use = &x->after->use;

        x->after->note_use = true;
        use->token_id = x->texts->output.token_id;
        use->at = x->call->clock;
        (void)view_copy(x->in.source, use->source, sizeof(use->source));
        (void)view_copy(x->in.account, use->account, sizeof(use->account));
        (void)view_copy(view_of(x->texts->output.org), use->org, sizeof(use->org));
        /* The one name here that the decision has not compared with one of ours. */
        (void)logsafe(x->in.service, use->service, sizeof(use->service));
}

/* VERIFY. Ticket, note and grant come behind the one condition that the verdict is "allow". */
static int handle_verify(struct exchange *x)
{
        struct verify_output *out = &x->texts->output;
        int r = verify_token(&x->v->sealed, &x->in, x->call->now, NULL, out);
        if (r < 0 || out->verdict != VERDICT_ALLOW)
                return r;
        ticket_make(x->v->sealed.key, out->token_id, &x->in, view_of(out->org), x->call->now,
                    x->texts->ticket);
        note_use(x);
        add_grant(x);
        return 0;
}

/* A no of our own, about something other than a token's row. */
static int refuse(struct exchange *x, enum verdict verdict, const char *reason)
{
        struct verify_output *out = &x->texts->output;

        *out = (struct verify_output){
                .verdict = verdict, .token_id = -1, .expires_at = EXPIRY_NEVER};
        (void)snprintf(out->reason, sizeof(out->reason), "%s", reason);
        return 0;
}

/* ACCOUNT_CHECK. The ticket says which token it was and that the facts are the same; whether it is
   still allowed is decided on the rows of this moment. */
static int handle_account(struct exchange *x)
{
        int64_t token_id;
        int r = ticket_check(x->v->sealed.key, wire_text(x->request, WIRE_F_TICKET), &x->in,
                             x->call->now, &token_id);

        if (r == -ETIME)
                return refuse(x, VERDICT_EXPIRED, "ticket-over");
        if (r < 0)
                return refuse(x, VERDICT_UNKNOWN, "ticket-not-ours");
        return verify_again(&x->v->sealed, token_id, &x->in, x->call->now, NULL, &x->texts->output);
}

/* Is this grant for the account, and for the org where one is named? 0 with its org; -ENOENT: no.
 */
static int find_grant_org(const struct exchange *x, const struct record_grant *grant,
                          struct record_org *ret)
{
        struct view named = wire_text(x->request, WIRE_F_ORG);
        int r;

        if (grant->account[0] != '\0' && !view_equal_str(x->in.account, grant->account))
                return -ENOENT;
        r = sealed_find_org(&x->v->sealed, grant->org_id, ret);
        if (r < 0)
                return r;
        return named.ptr && !view_equal_str(named, ret->name) ? -ENOENT : 0;
}

/* The decision once more, on the grant's token. 0 with the outcome; -ENOENT: this grant is not for
   that. */
static int judge_grant(const struct exchange *x, const struct record_grant *grant,
                       struct verify_output *ret)
{
        struct verify_input in = x->in;
        struct record_org org;
        int r = find_grant_org(x, grant, &org);

        if (r < 0)
                return r;
        in.org_option = view_of(org.name);
        in.source = grant->source[0] != '\0' ? view_of(grant->source) : VIEW_ABSENT;
        r = verify_again(&x->v->sealed, grant->token_id, &in, x->call->now, NULL, ret);
        if (r < 0)
                return r;
        /* A deleted org's name may have been given to another since. The grant has not. */
        return ret->org_id != 0 && ret->org_id != grant->org_id ? -ENOENT : 0;
}

/* Is this the end of the token itself, for whatever account? */
static bool is_for_good(enum verdict verdict)
{
        return verdict == VERDICT_UNKNOWN || verdict == VERDICT_REVOKED ||
               verdict == VERDICT_EXPIRED;
}

/* Grants end with their token: what is over for good is not met again at the next session. */
static void drop_grant(struct exchange *x, const struct record_grant *grant)
{
        grant_drop(x->v->grants, grant);
        x->after->drop_grant = true;
        x->after->grant = *grant;
}

static void renew_grant(struct exchange *x, const struct record_grant *grant)
{
        /* One place for a grant to be written: what was dropped on the way is dropped again when it
           is met after a restart. */
        x->after->drop_grant = false;
        x->after->write_grant =
                grant_renew(x->v->grants, grant, x->call->now, &x->after->grant) == 0;
}

/* Looks through the actor's grants for one on which the account may be opened. */
static int search_grants(struct exchange *x)
{
        struct verify_output out;
        const struct record_grant *next;
        const char *reason = "no-grant";
        size_t index = 0;

        while ((next = grant_next(x->v->grants, x->in.actor, x->real_uid, x->call->now, &index))) {
                struct record_grant grant = *next; /* the table may change below */
                int r = judge_grant(x, &grant, &out);

                if (r == -ENOENT)
                        continue;
                if (r < 0)
                        return r;
                if (out.verdict == VERDICT_ALLOW) {
                        renew_grant(x, &grant);
                        x->texts->output = out;
                        return 0;
                }
                reason = verdict_to_string(out.verdict);
                if (!is_for_good(out.verdict))
                        continue;
                drop_grant(x, &grant);
                index--; /* one fewer has been seen */
        }
        return refuse(x, VERDICT_ACCOUNT_DENIED, reason);
}

/* SESSION_CHECK: the answer is "not ours", or that of a grant. Whether the account is guarded is
   found out with its seals checked: a row that was changed must not read as "not ours". */
static int handle_session(struct exchange *x)
{
        struct resolve_bindings bindings;
        bool guarded;
        int r;

        /* What others have proved is nobody's business but root's. */
        if (!is_root(x))
                return -EPERM;
        r = resolve_find_bindings(&x->v->sealed, x->in.account, x->in.service, &bindings);
        if (r < 0)
                return r;
        r = resolve_is_guarded(&x->v->sealed, x->in.account, &bindings, &guarded);
        if (r < 0)
                return r;
        x->unguarded = !guarded;
        return guarded ? search_grants(x) : 0;
}

/* SESSION. It is written, and looked at, by the worker: what was revoked since the account phase
   may not stay open. */
static int handle_opened(struct exchange *x)
{
        int r;

        if (!is_root(x))
                return -EPERM;
        r = session_from_request(&x->v->sealed, x->request, x->call->pid, x->call->clock,
                                 &x->after->session);
        x->noted = x->after->keep_session = r == 0;
        return r == -ENOENT ? 0 : r;
}

static int handle_verb(struct exchange *x)
{
        int r;

        if (x->request->verb == WIRE_V_SESSION)
                return handle_opened(x);
        r = read_input(x);

        if (r < 0)
                return r;
        if (x->request->verb == WIRE_V_VERIFY)
                return handle_verify(x);
        if (x->request->verb == WIRE_V_ACCOUNT_CHECK)
                return handle_account(x);
        if (x->request->verb == WIRE_V_SESSION_CHECK)
                return handle_session(x);
        return -EPROTO;
}

/* One state of the store for all of a decision's look-ups: a change falls before it or behind it.
 */
static int handle_consistently(struct exchange *x)
{
        int r = store_read_begin(x->v->sealed.reader);

        if (r < 0)
                return r;
        r = handle_verb(x);
        store_read_end(x->v->sealed.reader);
        return r;
}

static void put_allow(const struct exchange *x, struct wire_message *reply)
{
        const struct verify_output *out = &x->texts->output;

        wire_put_text(reply, WIRE_F_ORG, view_of(out->org));
        wire_put_text(reply, WIRE_F_KEY_ID, view_of(out->key_id));
        if (out->user[0] != '\0')
                wire_put_text(reply, WIRE_F_USER, view_of(out->user));
        if (x->request->verb != WIRE_V_SESSION_CHECK && out->expires_at != EXPIRY_NEVER)
                wire_put_number(reply, WIRE_F_EXPIRES_AT, out->expires_at);
        if (x->request->verb == WIRE_V_VERIFY)
                wire_put_text(reply, WIRE_F_TICKET, view_of_bytes(x->texts->ticket, TICKET_LEN));
        /* The one line that says yes. */
        reply->magic = WIRE_ALLOW;
}

/* From outcome to answer. A no carries its verdict and nothing else. */
static void put_answer(const struct exchange *x, struct wire_message *reply)
{
        enum verdict verdict = x->texts->output.verdict;

        if (x->request->verb == WIRE_V_SESSION) {
                wire_put_number(reply, WIRE_F_ACCEPTED, x->noted);
                reply->magic = WIRE_DONE;
                return;
        }
        if (x->unguarded) {
                wire_put_number(reply, WIRE_F_GUARDED, 0);
                reply->magic = WIRE_DONE;
                return;
        }
        wire_put_number(reply, WIRE_F_VERDICT, verdict);
        if (verdict == VERDICT_ALLOW)
                put_allow(x, reply);
        else
                reply->magic = WIRE_VERDICT;
}

/* Copies a text for the record. People paste tokens at the user-name prompt, and no more of one
   than its key id may stay behind; what is too long is cut in the way that shows. */
static void keep_text(struct view text, char *to, size_t size)
{
        if (text.ptr && (token_is_shaped(text) || !view_copy(text, to, size)))
                (void)logsafe(text, to, size);
}

/* The request's texts are gone when the record is written, so what it needs is copied. */
static void after_init(struct verifier_after *after, const struct verifier_call *call,
                       const struct wire_message *request)
{
        const struct {
                enum wire_field field;
                char *to;
                size_t size;
        } texts[] = {
                {WIRE_F_ACCOUNT, after->account, sizeof(after->account)},
                {WIRE_F_ACTOR, after->actor, sizeof(after->actor)},
                {WIRE_F_SERVICE, after->service, sizeof(after->service)},
                {WIRE_F_SOURCE, after->source, sizeof(after->source)},
                {WIRE_F_TTY, after->tty, sizeof(after->tty)},
        };

        *after = (struct verifier_after){
                .audit = true, .verb = request->verb, .uid = call->uid, .pid = call->pid};
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                keep_text(wire_text(request, texts[i].field), texts[i].to, texts[i].size);
        wire_reference(request->nonce, after->reference);
}

void verifier_handle(struct verifier *v, const struct verifier_call *call,
                     const struct wire_message *request, struct wire_message *reply,
                     struct verifier_texts *texts, struct verifier_after *after)
{
        struct exchange x = {
                .v = v, .call = call, .request = request, .texts = texts, .after = after};
        int r;

        wire_init(reply, WIRE_UNAVAILABLE, request->verb, request->nonce);
        *texts = (struct verifier_texts){.output = {.token_id = -1}};
        after_init(after, call, request);
        r = handle_consistently(&x);
        if (r < 0) {
                after->error = r;
                v->verdicts[0]++;
                return;
        }
        put_answer(&x, reply);
        after->output = texts->output;
        /* Neither is a decision. */
        after->audit = !x.unguarded && request->verb != WIRE_V_SESSION;
        if (after->audit)
                v->verdicts[texts->output.verdict]++;
}

/* Absent rather than empty, so that a record has no fields that say nothing. */
static struct view text_or_absent(const char *text)
{
        return text[0] != '\0' ? view_of(text) : VIEW_ABSENT;
}

/* A sentence in the making. */
struct line {
        char text[1024];
        size_t len;
};

/* Appends; what does not fit is cut off. */
static void put(struct line *l, const char *text)
{
        size_t len = strlen(text), room = sizeof(l->text) - 1 - l->len;

        if (len > room)
                len = room;
        memcpy(l->text + l->len, text, len);
        l->len += len;
}

/* "alice as acme-deploy for acme by pat_4fK9aQ", as far as the parts are known. */
static void put_subject(const struct verifier_after *a, struct line *l)
{
        const struct verify_output *out = &a->output;

        if (out->user[0] != '\0' && strcmp(out->user, a->account) != 0) {
                put(l, out->user);
                put(l, " as ");
        }
        put(l, a->account);
        if (out->org[0] != '\0') {
                put(l, " for ");
                put(l, out->org);
        }
        if (out->key_id[0] != '\0') {
                put(l, " by ");
                put(l, out->key_id);
        }
}

/* "(sudo, /dev/pts/3, from 10.0.0.7)" */
static void put_place(const struct verifier_after *a, struct line *l)
{
        char uid[48];

        put(l, " (");
        put(l, a->service);
        if (a->tty[0] != '\0') {
                put(l, ", ");
                put(l, a->tty);
        }
        if (a->source[0] != '\0') {
                put(l, ", from ");
                put(l, a->source);
        }
        /* Service, account and source are the caller's words; only root's are facts. */
        if (a->uid != 0) {
                (void)snprintf(uid, sizeof(uid), ", says uid %" PRId64, a->uid);
                put(l, uid);
        }
        put(l, ")");
}

static const char *error_to_string(int error)
{
        if (error == -EBADMSG)
                return "the seal of a row does not hold: the store was changed by somebody else";
        if (error == -EPERM)
                return "only root may ask this";
        return strerror(-error);
}

static void make_message(const struct verifier_after *a, struct line *l)
{
        const struct verify_output *out = &a->output;
        bool allowed = a->error == 0 && out->verdict == VERDICT_ALLOW;

        l->len = 0;
        put(l, a->error < 0 ? "unavailable: " : allowed ? "allowed: " : "refused: ");
        put_subject(a, l);
        if (a->error < 0) {
                put(l, ": ");
                put(l, error_to_string(a->error));
        } else if (!allowed) {
                put(l, ": ");
                put(l, verdict_to_string(out->verdict));
                put(l, ", ");
                put(l, out->reason);
        }
        put_place(a, l);
}

static void write_record(const struct verifier_after *a)
{
        const struct verify_output *out = &a->output;
        _unfilled_ struct line line;

        make_message(a, &line);
        audit_write(&(struct audit_record){
                .message_id =
                        a->verb == WIRE_V_SESSION_CHECK ? AUDIT_ID_SESSION : AUDIT_ID_DECISION,
                .priority = a->error < 0 ? LOG_WARNING : LOG_NOTICE,
                .message = view_of_bytes(line.text, line.len),
                .key_id = text_or_absent(out->key_id),
                .org = text_or_absent(out->org),
                .user = text_or_absent(out->user),
                .account = text_or_absent(a->account),
                .service = text_or_absent(a->service),
                .source = text_or_absent(a->source),
                .actor = text_or_absent(a->actor),
                .verdict = view_of(a->error < 0 ? "unavailable" : verdict_to_string(out->verdict)),
                .reason = a->error < 0 ? view_of(error_to_string(a->error))
                                       : text_or_absent(out->reason),
                .reference = view_of(a->reference),
                .tty = text_or_absent(a->tty),
                .caller_uid = a->uid,
                .caller_pid = a->pid,
        });
}

void verifier_finish(struct verifier *v, const struct verifier_after *after)
{
        if (after->audit)
                write_record(after);
        if (after->note_use)
                usage_note(v->usage, &after->use);
}
