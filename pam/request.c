#include "pam/request.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "common/cidr.h"
#include "common/client.h"
#include "common/name.h"

/* Absent for an item that is not set and for one that is set to nothing, as login does with
 * PAM_RHOST. */
static struct view item(pam_handle_t *pamh, int type)
{
        const void *value = NULL;

        if (pam_get_item(pamh, type, &value) != PAM_SUCCESS || view_is_empty(view_of(value)))
                return VIEW_ABSENT;
        return view_of(value);
}

static bool is_address(struct view v)
{
        struct cidr unused;

        return cidr_parse_address(v, &unused) == 0;
}

/* sshd with UseDNS puts a host name into PAM_RHOST; who connected is then in SSH_CONNECTION. Only
   sshd may say so: nginx puts the words of a stranger into the PAM environment. */
static struct view source_of(pam_handle_t *pamh, struct view host, struct view tty)
{
        struct view address;

        if (is_address(host))
                return host;
        if (!view_equal_str(tty, "ssh"))
                return VIEW_ABSENT;
        address = view_of(pam_getenv(pamh, "SSH_CONNECTION"));
        if (address.ptr)
                address.len = strcspn(address.ptr, " ");
        return is_address(address) ? address : VIEW_ABSENT;
}

const char *request_facts_from_pam(pam_handle_t *pamh, struct request_facts *ret)
{
        struct view host = item(pamh, PAM_RHOST);
        struct view tty = item(pamh, PAM_TTY);

        *ret = (struct request_facts){
                .account = item(pamh, PAM_USER),
                .actor = item(pamh, PAM_RUSER),
                .service = item(pamh, PAM_SERVICE),
                .source = source_of(pamh, host, tty),
                /* For the record only: a strange one is no reason to refuse anybody. */
                .tty = name_is_item(tty) ? tty : VIEW_ABSENT,
                .remote = host.ptr != NULL,
        };
        if (!name_is_item(ret->account))
                return "PAM_USER";
        if (ret->actor.ptr && !name_is_item(ret->actor))
                return "PAM_RUSER";
        if (!name_is_item(ret->service))
                return "PAM_SERVICE";
        return NULL;
}

bool request_is_no_elevation(const struct request_facts *facts)
{
        if (view_equal_str(facts->account, "root") || !facts->actor.ptr)
                return true;
        if (view_equal(facts->account, facts->actor))
                return true;
        /* root with sudo, su or runuser. The name alone would do for a program that takes PAM_RUSER
           from the network, and the real uid alone for sudo -e, where it is 0 and alice the actor.
           An actor of uid 0 by another name is the daemon's to see: no name is looked up here. */
        return view_equal_str(facts->actor, "root") && getuid() == 0;
}

static int start(struct wire_message *m, enum wire_verb verb, const struct request_facts *facts)
{
        uint8_t nonce[WIRE_NONCE_LEN] = {0};
        int r = client_nonce(nonce);

        /* A message in any case: it is what the log takes its reference from. */
        wire_init(m, WIRE_REQUEST, verb, nonce);
        wire_put_text(m, WIRE_F_ACCOUNT, facts->account);
        wire_put_text(m, WIRE_F_SERVICE, facts->service);
        return r;
}

/* What a line of the stack asks for beyond the token. */
static void put_demands(struct wire_message *m, enum role role, bool bound_only)
{
        if (role != ROLE_NONE)
                wire_put_number(m, WIRE_F_ROLE, role);
        if (bound_only)
                wire_put_number(m, WIRE_F_BOUND_ONLY, 1);
}

int request_verify(const struct request_facts *facts, const struct pamoptions *options,
                   struct view token, struct view org_answer, struct wire_message *ret)
{
        int r = start(ret, WIRE_V_VERIFY, facts);

        if (r < 0)
                return r;
        wire_put_text(ret, WIRE_F_TOKEN, token);
        wire_put_text(ret, WIRE_F_ACTOR, options->any_ruser ? VIEW_ABSENT : facts->actor);
        wire_put_text(ret, WIRE_F_SOURCE, facts->source);
        wire_put_text(ret, WIRE_F_ORG, options->org);
        wire_put_text(ret, WIRE_F_ORG_ANSWER, org_answer);
        put_demands(ret, options->role, options->bound_only);
        wire_put_number(ret, WIRE_F_REAL_UID, getuid());
        if (facts->remote)
                wire_put_number(ret, WIRE_F_REMOTE, 1);
        wire_put_text(ret, WIRE_F_TTY, facts->tty);
        return 0;
}

int request_account_check(const struct request_facts *facts, const struct pamoptions *options,
                          const struct memo *memo, struct wire_message *ret)
{
        int r = start(ret, WIRE_V_ACCOUNT_CHECK, facts);

        if (r < 0)
                return r;
        wire_put_text(ret, WIRE_F_TICKET, memo_ticket(memo));
        wire_put_text(ret, WIRE_F_ORG, view_of(memo->org));
        wire_put_text(ret, WIRE_F_ACTOR, memo->any_ruser ? VIEW_ABSENT : facts->actor);
        wire_put_text(ret, WIRE_F_SOURCE, facts->source);
        put_demands(ret, options->role > memo->role ? options->role : memo->role,
                    options->bound_only || memo->bound_only);
        return 0;
}

int request_session_check(const struct request_facts *facts, const struct pamoptions *options,
                          struct wire_message *ret)
{
        int r = start(ret, WIRE_V_SESSION_CHECK, facts);

        if (r < 0)
                return r;
        wire_put_text(ret, WIRE_F_ACTOR, facts->actor);
        wire_put_text(ret, WIRE_F_ORG, options->org);
        put_demands(ret, options->role, false);
        wire_put_number(ret, WIRE_F_REAL_UID, getuid());
        wire_put_text(ret, WIRE_F_TTY, facts->tty);
        return 0;
}

int request_session(const struct request_facts *facts, struct view org, struct view key_id,
                    struct view id, struct wire_message *ret)
{
        int r = start(ret, WIRE_V_SESSION, facts);

        if (r < 0)
                return r;
        wire_put_text(ret, WIRE_F_ORG, org);
        wire_put_text(ret, WIRE_F_KEY_ID, key_id);
        wire_put_text(ret, WIRE_F_SESSION, id);
        return 0;
}
