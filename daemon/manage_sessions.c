#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "daemon/audit.h"
#include "daemon/manage_internal.h"

#define SESSIONS_STEP 64

/* What came of ending, for the answer. */
struct ending {
        int64_t ended;
        int64_t left;
        char message[WIRE_TEXT_MAX / 2]; /* why some are left; "" for none */
};

/* ---- looking them up ---- */

static int add_session(void *context, const struct record_session *session)
{
        struct manage_op *op = context;
        struct manage_session *sessions = op->sessions;

        if (op->session_count % SESSIONS_STEP == 0) {
                sessions = reallocarray(sessions, op->session_count + SESSIONS_STEP,
                                        sizeof(*sessions));
                if (!sessions)
                        return -ENOMEM;
                op->sessions = sessions;
        }
        sessions[op->session_count++] = (struct manage_session){.record = *session};
        return 0;
}

static int compare_tokens(const void *a, const void *b)
{
        const struct manage_session *x = a, *y = b;

        return x->record.token_id < y->record.token_id ? -1
                                                       : x->record.token_id > y->record.token_id;
}

/* Once, and by token, since `revoke --all` asks for every token of the host. */
static int load_sessions(struct manage_op *op)
{
        int r;

        if (op->has_sessions)
                return 0;
        r = store_list_sessions(op->s.reader, add_session, op);
        if (r < 0)
                return r;
        op->has_sessions = true;
        if (op->session_count > 0)
                qsort(op->sessions, op->session_count, sizeof(op->sessions[0]), compare_tokens);
        return 0;
}

/* END_SESSIONS of ORG_SET is a policy, and no wish of this request. */
bool manage_ends_sessions(const struct manage_op *op)
{
        enum wire_verb verb = op->request.verb;

        return (verb == WIRE_V_KEY_REVOKE || verb == WIRE_V_PAT_REVOKE ||
                verb == WIRE_V_REVOKE_ALL) &&
               wire_number(&op->request, WIRE_F_END_SESSIONS, 0) != 0;
}

int manage_mark_sessions(struct manage_op *op, int64_t token_id)
{
        size_t first = 0, last;
        int r;

        if (!manage_ends_sessions(op))
                return 0;
        r = load_sessions(op);
        if (r < 0)
                return r;
        last = op->session_count;
        while (first < last) {
                size_t middle = first + (last - first) / 2;

                if (op->sessions[middle].record.token_id < token_id)
                        first = middle + 1;
                else
                        last = middle;
        }
        for (; first < op->session_count; first++) {
                if (op->sessions[first].record.token_id != token_id)
                        break;
                op->sessions[first].is_ending = true;
        }
        return 0;
}

/* What the change has taken the ground from, of the orgs that want it so. A row that cannot be read
   now is left as it is: the next change looks again. */
static void mark_by_policy(struct manage_op *op)
{
        for (size_t i = 0; i < op->session_count; i++) {
                struct manage_session *session = &op->sessions[i];
                struct record_org org;
                bool is_over;

                if (session->is_ending ||
                    sealed_find_org(&op->s, session->record.org_id, &org) < 0 ||
                    !org.policy.end_sessions)
                        continue;
                if (session_is_over(&op->s, &session->record, &is_over) == 0)
                        session->is_ending = is_over;
        }
}

/* ---- ending them ---- */

static const char *why_not(int error)
{
        switch (-error) {
        case ENOENT:
        case ECONNREFUSED:
                return "nobody is there to end them: systemctl enable --now "
                       "orgtoken-sessiond.socket, on a host with logind";
        case EBUSY: return "this host has no logind that answers";
        default: return strerrordesc_np(-error);
        }
}

/* One record for each: who was logged in is told why the terminal closed. */
static void audit_ended(struct manage *m, const struct record_session *session,
                        enum session_fate fate)
{
        char line[256], key_id[TOKEN_KEY_ID_SIZE] = "";
        bool ended = fate == SESSION_ENDED;
        struct record_org org;
        struct record_token token;
        struct audit_record record = {.message_id = AUDIT_ID_ENDED,
                                      .priority = ended ? LOG_NOTICE : LOG_WARNING,
                                      .account = view_of(session->account),
                                      .service = view_of(session->service),
                                      .reason = view_of(session_fate_to_string(fate)),
                                      .caller_uid = -1};

        if (store_find_token(m->sealed.reader, session->token_id, &token) == 0) {
                token_key_id(token.kind, token.id, TOKEN_KEY_ID_MIN, key_id);
                record.key_id = view_of(key_id);
        }
        if (sealed_find_org(&m->sealed, session->org_id, &org) == 0)
                record.org = view_of(org.name);
        (void)snprintf(line, sizeof(line), "session %s of %s by %s (%s): %s", session->id,
                       session->account, key_id, session->service,
                       ended ? "ended" : "logind says that it is not that account's: left alone");
        record.message = view_of(line);
        audit_write(&record);
}

/* Ends one. What is known to be gone, or not to be what was remembered, is forgotten. */
static int end_one(struct manage *m, const struct record_session *session, enum session_fate *ret)
{
        int r = m->ask_session ? m->ask_session(m->session_socket, session, true, ret) : -ENOENT;

        if (r < 0)
                return r;
        if (*ret == SESSION_ENDED || *ret == SESSION_OTHER)
                audit_ended(m, session, *ret);
        return 0;
}

/* Best effort, and local: a row that stays is found gone the next time. */
static void forget(struct manage *m, const struct record_session *session)
{
        struct store_writer *w = m->sealed.writer;

        if (!w || store_local_begin(w) < 0)
                return;
        if (store_delete_session(w, session) < 0 || store_local_commit(w) < 0)
                store_write_rollback(w);
}

/* A helper that does not answer is asked once and not for each. */
static void end_marked(struct manage_op *op, struct ending *e)
{
        int error = 0;

        for (size_t i = 0; i < op->session_count; i++) {
                const struct record_session *session = &op->sessions[i].record;
                enum session_fate fate = SESSION_OPEN;

                if (!op->sessions[i].is_ending)
                        continue;
                if (error == 0)
                        error = end_one(op->m, session, &fate);
                if (error == 0 && fate != SESSION_OPEN)
                        forget(op->m, session);
                e->ended += error == 0 && fate == SESSION_ENDED;
                e->left += error < 0 || fate == SESSION_OPEN;
        }
        if (e->left > 0)
                (void)snprintf(e->message, sizeof(e->message), "%lld sessions are still open: %s",
                               (long long)e->left,
                               error < 0 ? why_not(error) : "logind did not end them");
}

/* Nothing is known to be open; but where nobody could have said so, that is not nothing. */
static void probe(struct manage_op *op, struct ending *e)
{
        struct record_session nothing = {.id = "0", .account = "root", .leader = 1, .opened_at = 1};
        enum session_fate fate;
        int r = op->m->ask_session
                        ? op->m->ask_session(op->m->session_socket, &nothing, false, &fate)
                        : -ENOENT;

        if (r < 0)
                (void)snprintf(e->message, sizeof(e->message),
                               "no session is known, and none could be ended: %s", why_not(r));
}

static void count_marked(struct manage_op *op, struct ending *e)
{
        for (size_t i = 0; i < op->session_count; i++)
                e->ended += op->sessions[i].is_ending;
}

static void report(struct manage_op *op, const struct ending *e)
{
        size_t used = strlen(op->note.text);

        if (manage_amend_sessions(op, e->ended, e->left, e->message) < 0)
                return;
        op->noted |= e->ended > 0;
        (void)snprintf(op->note.text + used, sizeof(op->note.text) - used, "%s%lld sessions ended",
                       used > 0 ? ", " : "", (long long)e->ended);
}

void manage_end_sessions(struct manage_op *op)
{
        bool asked_for = manage_ends_sessions(op);
        bool dry = wire_number(&op->request, WIRE_F_DRY_RUN, 0) != 0;
        struct ending e = {0};

        if ((!asked_for && !op->reply->changed_rights) || load_sessions(op) < 0)
                return;
        if (!dry)
                mark_by_policy(op);
        if (dry)
                count_marked(op, &e);
        else
                end_marked(op, &e);
        if (asked_for && !dry && op->session_count == 0)
                probe(op, &e);
        if (asked_for || e.ended > 0 || e.left > 0)
                report(op, &e);
}

/* ---- remembering them ---- */

/* Nobody tells of a session's end. Once the table fills up it is looked which are gone, at every
   SESSION_PRUNE_EVERYth that comes. */
static void prune(struct manage *m)
{
        struct manage_op op = {.m = m, .s = m->sealed};
        enum session_fate fate;
        int64_t count;

        if (++m->sessions_kept % SESSION_PRUNE_EVERY != 0 || !m->ask_session ||
            store_count_sessions(m->sealed.reader, &count) < 0 || count < SESSION_PRUNE)
                return;
        if (load_sessions(&op) == 0)
                for (size_t i = 0; i < op.session_count; i++) {
                        const struct record_session *session = &op.sessions[i].record;

                        if (m->ask_session(m->session_socket, session, false, &fate) < 0)
                                break;
                        if (fate == SESSION_GONE || fate == SESSION_OTHER)
                                forget(m, session);
                }
        free(op.sessions);
}

static int write_session(struct manage *m, const struct record_session *session)
{
        struct store_writer *w = m->sealed.writer;
        int r = w ? store_local_begin(w) : -EROFS;

        if (r < 0)
                return r;
        r = store_put_session(w, session, SESSION_MAX);
        if (r == 0)
                r = store_local_commit(w);
        if (r < 0)
                store_write_rollback(w);
        return r;
}

void manage_keep_session(struct manage *m, const struct record_session *session)
{
        enum session_fate fate;
        bool is_over = false;

        /* One that cannot be written cannot be ended later. It is no reason to refuse a login. */
        if (write_session(m, session) < 0)
                return;
        if (session_is_over(&m->sealed, session, &is_over) == 0 && is_over &&
            end_one(m, session, &fate) == 0)
                forget(m, session);
        prune(m);
}
