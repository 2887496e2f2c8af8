/*
 * The module's entry points, each a list of steps: what the line asks for, what PAM knows, one
 * question to the daemon, its answer as a PAM code. All rules about tokens are the daemon's. What
 * is decided here is only what must not depend on it: whether something is a token at all, and that
 * no failure is ever a success.
 */
#include <errno.h>
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <syslog.h>

#include "common/cleanup.h"
#include "common/client.h"
#include "common/logsafe.h"
#include "common/pamoptions.h"
#include "common/secret.h"
#include "common/token.h"
#include "pam/converse.h"
#include "pam/memo.h"
#include "pam/notice.h"
#include "pam/outcome.h"
#include "pam/request.h"
#include "pam/tell.h"

#define EXPORT __attribute__((visibility("default")))

DEFINE_CLEANUP(char *, secret_free_string);

static int read_options(pam_handle_t *pamh, enum phase phase, int argc, const char **argv,
                        struct pamoptions *ret)
{
        char text[LOGSAFE_SIZE];
        const char *refused = NULL;

        if (pamoptions_parse(phase, argc, argv, ret, &refused) == 0)
                return PAM_SUCCESS;
        pam_syslog(pamh, LOG_ERR, "option \"%s\" is unknown, malformed, or not for this line",
                   logsafe(view_of(refused), text, sizeof(text)));
        return PAM_SERVICE_ERR;
}

static void log_unfit(pam_handle_t *pamh, const char *item, const struct request_facts *facts)
{
        char account[LOGSAFE_SIZE], actor[LOGSAFE_SIZE], service[LOGSAFE_SIZE];

        pam_syslog(pamh, LOG_NOTICE,
                   "%s is absent, too long or has control characters: refused, nobody asked; "
                   "account=%s actor=%s service=%s",
                   item, logsafe(facts->account, account, sizeof(account)),
                   logsafe(facts->actor, actor, sizeof(actor)),
                   logsafe(facts->service, service, sizeof(service)));
}

/* One question: built is what came of making the request. The reply's views point into the client.
 */
static struct outcome ask(struct client *client, const struct pamoptions *options, int built,
                          const struct wire_message *request, struct wire_message *reply)
{
        int r = built;

        if (r == 0)
                r = client_exchange(client, options->socket, options->timeout_ms, request, reply);
        return outcome_of(r, request, reply);
}

/* VERIFY, and the memo of what was allowed. */
static struct outcome ask_verify(pam_handle_t *pamh, const struct pamoptions *options,
                                 const struct request_facts *facts, const struct token *token,
                                 struct view typed, struct view org_answer)
{
        _cleanup_(client_close) struct client client = CLIENT_INIT;
        struct wire_message request, reply;
        char key_id[TOKEN_KEY_ID_SIZE];
        struct outcome outcome;
        int r = request_verify(facts, options, typed, org_answer, &request);

        outcome = ask(&client, options, r, &request, &reply);
        if (outcome_is_allow(&outcome))
                outcome.error = memo_save(pamh, options, &reply);
        token_key_id(token->kind, token->id, TOKEN_KEY_ID_MIN, key_id);
        outcome_log(pamh, PHASE_AUTH, options, &outcome, facts, view_of(key_id), &request);
        return outcome;
}

/* Judges the token in PAM_AUTHTOK. Takes everything from PAM anew: a conversation may have gone
   before, in which the application can have changed any item. */
static int judge_token(pam_handle_t *pamh, const struct pamoptions *options, struct view org_answer,
                       struct outcome *ret)
{
        struct request_facts facts;
        struct token token;
        const void *typed = NULL;
        const char *unfit = request_facts_from_pam(pamh, &facts);

        *ret = (struct outcome)OUTCOME_INIT;
        if (unfit) {
                log_unfit(pamh, unfit, &facts);
                return PAM_AUTH_ERR;
        }
        (void)pam_get_item(pamh, PAM_AUTHTOK, &typed);
        if (token_parse(view_of(typed), &token) == 0) {
                *ret = ask_verify(pamh, options, &facts, &token, view_of(typed), org_answer);
        } else {
                *ret = (struct outcome){.verdict = VERDICT_MALFORMED};
                outcome_log(pamh, PHASE_AUTH, options, ret, &facts, VIEW_ABSENT, NULL);
        }
        return outcome_to_pam(PHASE_AUTH, ret);
}

static bool is_org_required(const struct outcome *o)
{
        return o->error == 0 && o->verdict == VERDICT_ORG_REQUIRED;
}

static int authenticate_token(pam_handle_t *pamh, int flags, const struct pamoptions *options)
{
        _cleanup_(secret_free_stringp) char *org = NULL;
        struct outcome outcome;
        int code = judge_token(pamh, options, VIEW_ABSENT, &outcome);

        if (is_org_required(&outcome) && options->prompt_org) {
                org = converse_ask_org(pamh);
                if (org)
                        code = judge_token(pamh, options, view_of(org), &outcome);
        }
        if (is_org_required(&outcome) && !options->quiet && !((unsigned)flags & PAM_SILENT))
                converse_tell_org_required(pamh);
        return code;
}

static int authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        struct pamoptions options;
        struct view typed;
        int code;

        memo_clear(pamh);
        code = read_options(pamh, PHASE_AUTH, argc, argv, &options);
        if (code != PAM_SUCCESS)
                return code;
        code = converse_get_user(pamh);
        if (code != PAM_SUCCESS)
                return code;
        code = converse_get_token(pamh, &typed);
        if (code != PAM_SUCCESS)
                return code;
        /* Shape before everything else: sshd passes strange things for an unknown user, and a
           password must reach the module that can read it, whatever the name beside it. */
        if (!token_is_shaped(typed)) {
                if (options.debug)
                        pam_syslog(pamh, LOG_DEBUG, "not a token, not ours");
                return options.token_only ? PAM_AUTH_ERR : PAM_USER_UNKNOWN;
        }
        return authenticate_token(pamh, flags, &options);
}

/* Whatever came of it, a mistyped option and one that an earlier module asked for included: no
   keyring, mount or LDAP module after us gets a token. libpam overwrites its copy. */
static void drop_token(pam_handle_t *pamh)
{
        const void *typed = NULL;

        if (pam_get_item(pamh, PAM_AUTHTOK, &typed) == PAM_SUCCESS &&
            token_is_shaped(view_of(typed)))
                (void)pam_set_item(pamh, PAM_AUTHTOK, NULL);
}

/* Is what was allowed in this handle still allowed? */
static int check_account(pam_handle_t *pamh, const struct pamoptions *options,
                         const struct memo *memo)
{
        _cleanup_(client_close) struct client client = CLIENT_INIT;
        struct wire_message request, reply;
        struct request_facts facts;
        struct outcome outcome;
        const char *unfit = request_facts_from_pam(pamh, &facts);
        int r;

        if (unfit) {
                log_unfit(pamh, unfit, &facts);
                return PAM_PERM_DENIED;
        }
        r = request_account_check(&facts, options, memo, &request);
        outcome = ask(&client, options, r, &request, &reply);
        outcome_log(pamh, PHASE_ACCOUNT, options, &outcome, &facts, view_of(memo->key_id),
                    &request);
        return outcome_to_pam(PHASE_ACCOUNT, &outcome);
}

static int account(pam_handle_t *pamh, int argc, const char **argv)
{
        const struct memo *memo;
        struct pamoptions options;
        int code = read_options(pamh, PHASE_ACCOUNT, argc, argv, &options);

        if (code != PAM_SUCCESS)
                return code;
        memo = memo_find(pamh);
        if (!memo) {
                /* An ssh key, cron, a cached sudo ticket, a password: nothing of ours to ask about.
                 */
                if (!options.require_token)
                        return PAM_IGNORE;
                pam_syslog(pamh, LOG_NOTICE, "no token was given, and this line requires one");
                return PAM_PERM_DENIED;
        }
        /* The request has room for the ticket's organisation only, so a line that stands for
           another one is answered here. */
        if (options.org.ptr && !view_equal_str(options.org, memo->org)) {
                pam_syslog(pamh, LOG_NOTICE,
                           "a token for %s, and this line has another org=", memo->org);
                return PAM_PERM_DENIED;
        }
        return check_account(pamh, &options, memo);
}

static int check_session(pam_handle_t *pamh, const struct pamoptions *options,
                         const struct request_facts *facts)
{
        _cleanup_(client_close) struct client client = CLIENT_INIT;
        struct wire_message request, reply;
        struct view key_id = VIEW_ABSENT;
        struct outcome outcome;
        int r = request_session_check(facts, options, &request);

        outcome = ask(&client, options, r, &request, &reply);
        if (outcome_is_allow(&outcome)) {
                key_id = wire_text(&reply, WIRE_F_KEY_ID);
                outcome.error = memo_publish(pamh, &reply);
        }
        outcome_log(pamh, PHASE_SESSION, options, &outcome, facts, key_id, &request);
        if (outcome_is_allow(&outcome))
                tell_session(pamh, options, facts, wire_text(&reply, WIRE_F_ORG), key_id);
        return outcome_to_pam(PHASE_SESSION, &outcome);
}

/* A login, and not a change of account: the token is the one that it was given. */
static void tell_login(pam_handle_t *pamh, const struct pamoptions *options,
                       const struct request_facts *facts)
{
        struct view org, key_id;

        memo_origin(pamh, &org, &key_id);
        tell_session(pamh, options, facts, org, key_id);
}

static int session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        struct request_facts facts;
        struct pamoptions options;
        const char *unfit;
        int code = read_options(pamh, PHASE_SESSION, argc, argv, &options);

        if (code != PAM_SUCCESS)
                return code;
        unfit = request_facts_from_pam(pamh, &facts);
        if (!options.quiet && !((unsigned)flags & PAM_SILENT))
                notice_expiry(pamh, &facts);
        if (request_is_no_elevation(&facts)) {
                if (!unfit)
                        tell_login(pamh, &options, &facts);
                return PAM_IGNORE;
        }
        if (unfit) {
                log_unfit(pamh, unfit, &facts);
                return PAM_PERM_DENIED;
        }
        return check_session(pamh, &options, &facts);
}

/* The application's errno is its own, as far as this is concerned. */

EXPORT int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        int saved = errno;
        int code = authenticate(pamh, flags, argc, argv);

        drop_token(pamh);
        errno = saved;
        return code;
}

EXPORT int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        int saved = errno;
        int code = account(pamh, argc, argv);

        (void)flags;
        errno = saved;
        return code;
}

EXPORT int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        int saved = errno;
        int code = session(pamh, flags, argc, argv);

        errno = saved;
        return code;
}

/* Always a success, the options unread: anything else stops ssh keys and cron at `default=die`,
   which never authenticate here. */
EXPORT int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        int saved = errno;

        memo_adopt(pamh);
        (void)flags;
        (void)argc;
        (void)argv;
        errno = saved;
        return PAM_SUCCESS;
}

/* Nothing was opened. */
EXPORT int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        (void)pamh;
        (void)flags;
        (void)argc;
        (void)argv;
        return PAM_SUCCESS;
}
