#include "cli/session.h"

#include <errno.h>
#include <string.h>

#define CONNECT_TIMEOUT_MS 10000

int session_begin(struct session *s, struct call *call, enum wire_verb verb)
{
        uint8_t nonce[WIRE_NONCE_LEN];
        int r = client_nonce(nonce);

        session_end(s);
        s->call = call;
        if (r < 0)
                return error_set(&call->error, STATUS_UNAVAILABLE, "no-randomness",
                                 "no random bytes yet: %s", strerror(-r));
        wire_init(&s->request, WIRE_REQUEST, verb, nonce);
        return STATUS_DONE;
}

int session_begin_with_args(struct session *s, struct call *call)
{
        int status = session_begin(s, call, call->args.command->wire);

        return status == STATUS_DONE ? args_put(&call->args, &s->request, &call->error) : status;
}

/* Verbs that change nothing, so that asking twice does no harm. */
static bool is_read(enum wire_verb verb)
{
        static const enum wire_verb reads[] = {
                WIRE_V_STATUS,   WIRE_V_WHOAMI,       WIRE_V_CHECK,     WIRE_V_ORG_LIST,
                WIRE_V_ORG_SHOW, WIRE_V_USER_LIST,    WIRE_V_KEY_LIST,  WIRE_V_MEMBER_LIST,
                WIRE_V_PAT_LIST, WIRE_V_ACCOUNT_LIST, WIRE_V_HOST_SHOW, WIRE_V_GUARDED_LIST,
        };

        for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++)
                if (reads[i] == verb)
                        return true;
        return false;
}

/* Not reachable at all: nothing was done. */
static int unreachable(struct session *s, int r)
{
        struct error *e = &s->call->error;
        const char *path = s->call->socket;

        if (r == -EPERM) {
                (void)error_set(e, STATUS_UNAVAILABLE, "impostor",
                                "who listens at %.200s is neither root nor yourself; nothing was "
                                "sent to it",
                                path);
                return error_hint(e, "tell your administrator");
        }
        (void)error_set(e, STATUS_UNAVAILABLE, "not-reachable", "no answer at %.200s: %s", path,
                        strerror(-r));
        if (r == -ENOENT || r == -ECONNREFUSED)
                return error_hint(e, "is the daemon's socket there? "
                                     "systemctl status orgtokend-manage.socket");
        if (r == -EACCES)
                return error_hint(e, "this user may not reach that socket; see orgtokend(8)");
        return e->status;
}

/* Lost on the way: for a change nobody knows whether it was made. */
static int lost(struct session *s, int r)
{
        struct error *e = &s->call->error;

        (void)error_set(e, STATUS_UNAVAILABLE, r == -ETIMEDOUT ? "timeout" : "connection-lost",
                        "the daemon did not answer: %s", strerror(-r));
        if (is_read(s->request.verb))
                return e->status;
        return error_hint(e, "it may have been done or not: look before you repeat it");
}

int session_failure(struct session *s, int r)
{
        struct error *e = &s->call->error;

        switch (-r) {
        case EINVAL:
                return error_set(e, STATUS_REFUSED, "bad-request",
                                 "a value cannot be sent: it is empty, too long, or holds a "
                                 "control character");
        case EMSGSIZE:
                return error_set(e, STATUS_REFUSED, "too-large",
                                 "all of this together is too large for one request; give fewer "
                                 "or shorter limits");
        case EPROTO:
        case EBADMSG:
                return error_set(e, STATUS_UNAVAILABLE, "bad-answer",
                                 "what listens at %.200s gave no answer that this orgtoken "
                                 "understands; are both of one version?",
                                 s->call->socket);
        case ETIMEDOUT:
        case EPIPE:
        case ECONNRESET: return lost(s, r);
        default: return unreachable(s, r);
        }
}

/* The reply is in the client's buffer, and the error outlives it. */
static void copy_text(struct view text, const char *fallback, char *to, size_t size)
{
        if (view_is_empty(text) || !view_copy(text, to, size))
                (void)view_copy(view_of(fallback), to, size);
}

/* The daemon's own words: it knows what was wrong, what is accepted and what to type. */
static int refused(struct session *s)
{
        struct error *e = &s->call->error;
        char reason[64], message[WIRE_TEXT_MAX + 1];

        copy_text(wire_text(&s->reply, WIRE_F_REASON), "refused", reason, sizeof(reason));
        copy_text(wire_text(&s->reply, WIRE_F_MESSAGE), "the daemon refuses this", message,
                  sizeof(message));
        return error_set(e, STATUS_REFUSED, reason, "%s", message);
}

/* What the reply in s->reply means. */
static int judge(struct session *s)
{
        struct error *e = &s->call->error;

        if (!wire_is_answer_to(&s->reply, &s->request))
                return session_failure(s, -EBADMSG);
        if (s->reply.magic == WIRE_REFUSED)
                return refused(s);
        if (s->reply.magic == WIRE_UNAVAILABLE) {
                (void)error_set(e, STATUS_UNAVAILABLE, "unavailable",
                                "the daemon cannot answer now: overload, shutting down, or a "
                                "store that it cannot read or write");
                return error_hint(e, "the reason is in its log: journalctl -u orgtokend");
        }
        return STATUS_DONE;
}

/* The client's 0 is our STATUS_DONE; its errors stay negative until somebody gives them a meaning.
 */
static int receive(struct session *s)
{
        int r = client_receive(&s->client, &s->reply);

        return r < 0 ? r : STATUS_DONE;
}

/* At most what the run has patience for. */
static unsigned bounded(const struct session *s, unsigned timeout_ms)
{
        unsigned patience = s->call->patience_ms;

        return patience > 0 && patience < timeout_ms ? patience : timeout_ms;
}

/* What walks through the whole store takes as long as that takes. */
static unsigned answer_timeout(enum wire_verb verb)
{
        bool is_long = verb == WIRE_V_REVOKE_ALL || verb == WIRE_V_BACKUP ||
                       verb == WIRE_V_ORG_DELETE || verb == WIRE_V_USER_REMOVE;

        return is_long ? SESSION_TIMEOUT_LONG_MS : SESSION_TIMEOUT_MS;
}

/* 0 or negative errno; connected tells how far it came. */
static int ask_once(struct session *s, bool *connected)
{
        int r = client_connect(&s->client, s->call->socket, bounded(s, CONNECT_TIMEOUT_MS));

        *connected = r == 0;
        if (r == 0)
                r = client_send(&s->client, &s->request);
        if (r == 0) {
                client_set_timeout(&s->client, bounded(s, answer_timeout(s->request.verb)));
                r = receive(s);
        }
        return r;
}

int session_ask(struct session *s)
{
        bool connected = false;
        int r = ask_once(s, &connected);

        if ((r == -ECONNRESET || r == -EPIPE) && is_read(s->request.verb))
                r = ask_once(s, &connected);
        if (r == 0)
                return judge(s);
        /* EPERM from a listener that is not ours, ETIMEDOUT from a full backlog: nothing was sent.
         */
        return connected ? session_failure(s, r) : unreachable(s, r);
}

int session_rows(struct session *s, session_row row, void *context)
{
        while (s->reply.magic == WIRE_ROW) {
                int r, status = row(context, &s->reply);

                if (status != STATUS_DONE)
                        return status;
                client_set_timeout(&s->client, bounded(s, SESSION_TIMEOUT_MS));
                r = receive(s);
                status = r < 0 ? session_failure(s, r) : judge(s);
                if (status != STATUS_DONE)
                        return status;
        }
        return s->reply.magic == WIRE_END ? STATUS_DONE : session_failure(s, -EPROTO);
}

int session_list(struct call *call, session_row row, void *context)
{
        _cleanup_session_ struct session s = SESSION_INIT;
        int status = session_begin_with_args(&s, call);

        if (status == STATUS_DONE)
                status = session_ask(&s);
        return status == STATUS_DONE ? session_rows(&s, row, context) : status;
}

/* It hung up before the acknowledgement was on its way: what it never got it never took. */
static int not_waited_for(struct session *s)
{
        return error_set(&s->call->error, STATUS_REFUSED, "not-delivered",
                         "the token was not acknowledged in time: the daemon waits no longer "
                         "and has revoked it");
}

/* On the same connection, as a request of its own with its own nonce. */
int session_acknowledge(struct session *s, bool accepted)
{
        uint8_t nonce[WIRE_NONCE_LEN];
        int r = client_nonce(nonce);

        if (r == 0) {
                wire_init(&s->request, WIRE_REQUEST, WIRE_V_ACK, nonce);
                wire_put_number(&s->request, WIRE_F_ACCEPTED, accepted);
                client_set_timeout(&s->client, SESSION_TIMEOUT_MS);
                r = client_send(&s->client, &s->request);
                if (r == -EPIPE || r == -ECONNRESET)
                        return not_waited_for(s);
        }
        if (r == 0)
                r = receive(s);
        return r < 0 ? session_failure(s, r) : judge(s);
}

void session_end(struct session *s)
{
        client_close(&s->client);
}
