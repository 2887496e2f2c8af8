#include "pam/outcome.h"

#include <errno.h>
#include <security/pam_ext.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/logsafe.h"
#include "common/name.h"
#include "common/token.h"

/* The fields of an ALLOW, each of the form that it must have: they go into the session's
   environment and into the next request. */
static bool is_whole_allow(const struct wire_message *request, const struct wire_message *reply)
{
        enum token_kind kind;
        int64_t first, last;

        if (wire_number(reply, WIRE_F_VERDICT, 0) != VERDICT_ALLOW)
                return false;
        if (!name_is_org(wire_text(reply, WIRE_F_ORG)))
                return false;
        if (token_parse_key_id(wire_text(reply, WIRE_F_KEY_ID), &kind, &first, &last) < 0)
                return false;
        if (wire_has(reply, WIRE_F_USER) && !name_is_user(wire_text(reply, WIRE_F_USER)))
                return false;
        return request->verb != WIRE_V_VERIFY || !view_is_empty(wire_text(reply, WIRE_F_TICKET));
}

/* A refusal that says VERDICT_ALLOW is neither. */
static bool is_whole_verdict(const struct wire_message *reply)
{
        int64_t number = wire_number(reply, WIRE_F_VERDICT, 0);

        return verdict_is_valid(number) && number != VERDICT_ALLOW;
}

static bool is_unguarded(const struct wire_message *request, const struct wire_message *reply)
{
        return request->verb == WIRE_V_SESSION_CHECK && wire_number(reply, WIRE_F_GUARDED, -1) == 0;
}

struct outcome outcome_of(int error, const struct wire_message *request,
                          const struct wire_message *reply)
{
        struct outcome o = OUTCOME_INIT;

        if (error < 0) {
                o.error = error;
                return o;
        }
        if (!wire_is_answer_to(reply, request))
                return o;
        if (reply->magic == WIRE_UNAVAILABLE)
                o.error = -EBUSY;
        else if (reply->magic == WIRE_REFUSED)
                o.error = -EACCES;
        else if (reply->magic == WIRE_DONE && is_unguarded(request, reply))
                o = (struct outcome){.unguarded = true};
        else if (reply->magic == WIRE_VERDICT && is_whole_verdict(reply))
                o = (struct outcome){.verdict =
                                             (enum verdict)wire_number(reply, WIRE_F_VERDICT, 0)};
        else if (reply->magic == WIRE_ALLOW && is_whole_allow(request, reply))
                o = (struct outcome){.verdict = VERDICT_ALLOW};
        return o;
}

bool outcome_is_allow(const struct outcome *o)
{
        return o->error == 0 && !o->unguarded && o->verdict == VERDICT_ALLOW;
}

static int verdict_to_pam(enum verdict verdict, int denied)
{
        int code = denied;

        switch (verdict) {
        case VERDICT_MALFORMED:
        case VERDICT_UNKNOWN:
        case VERDICT_REVOKED:
        case VERDICT_EXPIRED:
        case VERDICT_ORG_REQUIRED:
        case VERDICT_ORG_MISMATCH:
        case VERDICT_NOT_MEMBER:
        case VERDICT_ACCOUNT_DENIED:
        case VERDICT_LIMITED: break;
        case VERDICT_ALLOW: code = PAM_SUCCESS; break;
        }
        return code;
}

static int error_to_pam(int error)
{
        switch (error) {
        case -EPERM:
        case -EPROTO:
        case -EBADMSG: return PAM_SYSTEM_ERR;
        case -ENOMEM: return PAM_BUF_ERR;
        default:
                /* errno values without number, all of them an exchange that did not take place. */
                return PAM_AUTHINFO_UNAVAIL;
        }
}

int outcome_to_pam(enum phase phase, const struct outcome *o)
{
        int denied = phase == PHASE_AUTH ? PAM_AUTH_ERR : PAM_PERM_DENIED;

        if (o->error != 0)
                return phase == PHASE_SESSION ? denied : error_to_pam(o->error);
        if (o->unguarded)
                return phase == PHASE_SESSION ? PAM_IGNORE : denied;
        return verdict_to_pam(o->verdict, denied);
}

/* The failures to answer, each with what to do about it. */
static void log_error(pam_handle_t *pamh, const struct pamoptions *options, int error,
                      const char *facts)
{
        switch (error) {
        case -EPERM:
                pam_syslog(
                        pamh, LOG_ALERT,
                        "%s is listened on by neither root nor our own uid: nothing was sent; %s",
                        options->socket, facts);
                return;
        case -EPROTO:
        case -EBADMSG:
                pam_syslog(pamh, LOG_ALERT,
                           "%s answered with what is no answer to this request: refused; %s",
                           options->socket, facts);
                return;
        case -EACCES:
                pam_syslog(pamh, LOG_ERR,
                           "uid %u may not use %s: add this service's user to the group "
                           "orgtoken-verify and restart the service; %s",
                           (unsigned)geteuid(), options->socket, facts);
                return;
        case -ENOMEM: pam_syslog(pamh, LOG_ERR, "out of memory; %s", facts); return;
        case -EBUSY:
                pam_syslog(pamh, LOG_ERR, "orgtokend cannot answer now, its own log says why; %s",
                           facts);
                return;
        default:
                errno = -error; /* for %m, which needs no static buffer as strerror() does */
                pam_syslog(pamh, LOG_ERR, "no answer from %s: %m; %s", options->socket, facts);
                return;
        }
}

/* A success under `quiet`, and what was not ours to answer: no line, so none is made. */
static bool is_unsaid(const struct pamoptions *options, const struct outcome *o)
{
        if (o->unguarded)
                return !options->debug;
        return outcome_is_allow(o) && options->quiet;
}

static void log_answer(pam_handle_t *pamh, enum phase phase, const struct outcome *o,
                       const char *facts)
{
        static const char *const allowed[] = {
                [PHASE_AUTH] = "token accepted",
                [PHASE_ACCOUNT] = "still allowed",
                [PHASE_SESSION] = "session allowed",
        };
        static const char *const refused[] = {
                [PHASE_AUTH] = "token rejected",
                [PHASE_ACCOUNT] = "no longer allowed",
                [PHASE_SESSION] = "session refused",
        };

        if (o->unguarded)
                pam_syslog(pamh, LOG_DEBUG, "account not guarded, not ours; %s", facts);
        else if (!outcome_is_allow(o))
                pam_syslog(pamh, LOG_NOTICE, "%s: %s; %s", refused[phase],
                           verdict_to_string(o->verdict), facts);
        else
                pam_syslog(pamh, LOG_INFO, "%s; %s", allowed[phase], facts);
}

#define FACTS      5
#define NAMES_SIZE 64 /* of the facts, all together, and the end of the line */

/* "name=value", with what is unsafe in the value escaped: at most LOGSAFE_SIZE besides the name.
   Returns the end, where a NUL stands. */
static char *put_fact(char *at, const char *name, struct view value)
{
        size_t len = strlen(name);

        memcpy(at, name, len);
        at += len;
        (void)logsafe(value, at, LOGSAFE_SIZE);
        return at + strlen(at);
}

/* Copied and not formatted: libpam and syslog() do that with the line twice already. */
void outcome_log(pam_handle_t *pamh, enum phase phase, const struct pamoptions *options,
                 const struct outcome *o, const struct request_facts *facts, struct view key_id,
                 const struct wire_message *request)
{
        _unfilled_ char line[FACTS * LOGSAFE_SIZE + NAMES_SIZE];
        char reference[WIRE_REFERENCE_SIZE] = "-";
        char *at = line;

        if (is_unsaid(options, o))
                return;
        if (request)
                wire_reference(request->nonce, reference);
        at = put_fact(at, "account=", facts->account);
        at = put_fact(at, " actor=", facts->actor);
        at = put_fact(at, " source=", facts->source);
        at = put_fact(at, " key=", key_id);
        (void)put_fact(at, " reference=", view_of(reference));
        if (o->error != 0)
                log_error(pamh, options, o->error, line);
        else
                log_answer(pamh, phase, o, line);
}
