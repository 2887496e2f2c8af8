#include "daemon/session.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/client.h"
#include "daemon/verify.h"

/* Indexed by enum session_fate. */
static const char *const fates[] = {NULL, "ended", "open", "gone", "other"};
#define FATES (sizeof(fates) / sizeof(fates[0]))

const char *session_fate_to_string(enum session_fate fate)
{
        return fate >= SESSION_ENDED && fate < FATES ? fates[fate] : "invalid";
}

int session_fate_from_string(struct view word, enum session_fate *ret)
{
        for (unsigned i = SESSION_ENDED; i < FATES; i++)
                if (view_equal_str(word, fates[i])) {
                        *ret = (enum session_fate)i;
                        return 0;
                }
        return -EINVAL;
}

/* ---- which token's ---- */

static bool is_id(struct view id)
{
        if (view_is_empty(id) || id.len > RECORD_SESSION_ID_MAX)
                return false;
        for (size_t i = 0; i < id.len; i++) {
                char c = id.ptr[i];

                if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z'))
                        return false;
        }
        return true;
}

struct match {
        int64_t id;
        unsigned count;
};

static int match_token(void *context, const struct record_token *token)
{
        struct match *m = context;

        m->id = token->id;
        /* Two are as many as a thousand. */
        return ++m->count > 1;
}

/* The one token that a key id means. What another means as well is nobody's: a session must not be
   ended for somebody else's token. */
static int find_token(const struct sealed *s, struct view key_id, int64_t *ret)
{
        int64_t first, last;
        struct match m = {0};
        enum token_kind kind;
        int r = token_parse_key_id(key_id, &kind, &first, &last);

        if (r < 0)
                return -EPROTO;
        r = store_list_token_range(s->reader, kind, first, last, match_token, &m);
        if (r < 0)
                return r;
        if (m.count != 1)
                return -ENOENT;
        *ret = m.id;
        return 0;
}

int session_from_request(const struct sealed *s, const struct wire_message *request, int64_t leader,
                         int64_t clock, struct record_session *ret)
{
        struct view id = wire_text(request, WIRE_F_SESSION);
        struct view account = wire_text(request, WIRE_F_ACCOUNT);
        struct view service = wire_text(request, WIRE_F_SERVICE);
        struct record_session session = {.leader = leader, .opened_at = clock};
        struct record_org org;
        int r;

        if (leader <= 0 || !is_id(id) || !name_is_user(account) || view_is_empty(service))
                return -EPROTO;
        if (!view_copy(id, session.id, sizeof(session.id)) ||
            !view_copy(account, session.account, sizeof(session.account)) ||
            !view_copy(service, session.service, sizeof(session.service)))
                return -EPROTO;
        r = find_token(s, wire_text(request, WIRE_F_KEY_ID), &session.token_id);
        if (r < 0)
                return r;
        r = sealed_find_org_by_name(s, wire_text(request, WIRE_F_ORG), &org);
        if (r < 0)
                return r;
        session.org_id = org.id;
        *ret = session;
        return 0;
}

/* ---- what it stands on ---- */

/* A limit by source or service held when it was opened, and what only time has ended is no change
   that anybody made: sessions do not end by themselves. */
static bool is_taken_away(const struct verify_output *out)
{
        switch (out->verdict) {
        case VERDICT_REVOKED: return strcmp(out->ended_reason, "rotated") != 0;
        case VERDICT_ORG_MISMATCH:
        case VERDICT_NOT_MEMBER:
        case VERDICT_ACCOUNT_DENIED: return true;
        case VERDICT_MALFORMED:
        case VERDICT_UNKNOWN:
        case VERDICT_EXPIRED:
        case VERDICT_ORG_REQUIRED:
        case VERDICT_LIMITED:
        case VERDICT_ALLOW: break;
        }
        return false;
}

/* The decision once more, as of when it was opened: an expiry since must not hide that the user has
   left. A deleted org's name may have been given to another since; the session is
   not that one's. */
int session_is_over(const struct sealed *s, const struct record_session *session, bool *ret)
{
        struct verify_input in = {.account = view_of(session->account),
                                  .service = view_of(session->service)};
        struct verify_output out;
        struct record_org org;
        int r = sealed_find_org(s, session->org_id, &org);

        if (r < 0)
                return r;
        in.org_option = view_of(org.name);
        r = verify_again(s, session->token_id, &in, session->opened_at, NULL, &out);
        if (r < 0)
                return r;
        *ret = org.deleted_at != 0 || (out.org_id != 0 && out.org_id != session->org_id) ||
               is_taken_away(&out);
        return 0;
}

/* ---- who may end one ---- */

int session_ask(const char *socket, const struct record_session *session, bool end,
                enum session_fate *ret)
{
        _cleanup_(client_close) struct client client = CLIENT_INIT;
        struct wire_message request, reply;
        uint8_t nonce[WIRE_NONCE_LEN];
        int r = client_nonce(nonce);

        if (r < 0)
                return r;
        wire_init(&request, WIRE_REQUEST, end ? WIRE_V_SESSION_END : WIRE_V_SESSION_STATE, nonce);
        wire_put_text(&request, WIRE_F_ACCOUNT, view_of(session->account));
        wire_put_number(&request, WIRE_F_CREATED_AT, session->opened_at);
        wire_put_text(&request, WIRE_F_SESSION, view_of(session->id));
        wire_put_number(&request, WIRE_F_LEADER, session->leader);
        r = client_exchange(&client, socket, SESSION_WAIT_MS, &request, &reply);
        if (r < 0)
                return r;
        if (reply.magic == WIRE_UNAVAILABLE)
                return -EBUSY;
        if (reply.magic != WIRE_DONE ||
            session_fate_from_string(wire_text(&reply, WIRE_F_REASON), ret) < 0)
                return -EBADMSG;
        return 0;
}
