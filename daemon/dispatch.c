#include "daemon/dispatch.h"

/* The verifier's verbs are all that verify.sock knows; manage.sock does not know them, so that
   neither socket can be used for what the other is guarded for. */
/* clang-format off */
static enum dispatch_target verb_target(enum wire_verb verb)
{
        switch (verb) {
        case WIRE_V_VERIFY: case WIRE_V_ACCOUNT_CHECK: case WIRE_V_SESSION_CHECK:
        case WIRE_V_SESSION: return DISPATCH_VERIFIER;
        case WIRE_V_ACK: return DISPATCH_ACKNOWLEDGED;
        case WIRE_V_STATUS: case WIRE_V_WHOAMI: case WIRE_V_CHECK: case WIRE_V_ORG_CREATE:
        case WIRE_V_ORG_LIST: case WIRE_V_ORG_SHOW: case WIRE_V_ORG_DELETE: case WIRE_V_ORG_SET:
        case WIRE_V_ORG_SUSPEND: case WIRE_V_ORG_RESUME: case WIRE_V_USER_LIST:
        case WIRE_V_USER_SUSPEND: case WIRE_V_USER_RESUME: case WIRE_V_USER_REASSIGN:
        case WIRE_V_USER_REMOVE: case WIRE_V_MEMBER_ADD: case WIRE_V_MEMBER_SET:
        case WIRE_V_MEMBER_REMOVE: case WIRE_V_MEMBER_LIST: case WIRE_V_ACCOUNT_BIND:
        case WIRE_V_ACCOUNT_UNBIND: case WIRE_V_ACCOUNT_RELEASE: case WIRE_V_ACCOUNT_LIST:
        case WIRE_V_KEY_CREATE: case WIRE_V_KEY_LIST: case WIRE_V_KEY_REVOKE:
        case WIRE_V_PAT_CREATE: case WIRE_V_PAT_LIST: case WIRE_V_PAT_RENAME:
        case WIRE_V_PAT_REVOKE: case WIRE_V_ROTATE: case WIRE_V_REVOKE_ALL: case WIRE_V_HOST_SHOW:
        case WIRE_V_HOST_SET: case WIRE_V_CLOCK_RESET: case WIRE_V_BACKUP:
        case WIRE_V_GUARDED_LIST: case WIRE_V_REVOKE_TOKEN: case WIRE_V_NOTIFY:
                return DISPATCH_MANAGER;
        /* The daemon asks these, of orgtoken-sessiond. */
        case WIRE_V_SESSION_STATE: case WIRE_V_SESSION_END: case WIRE_VERB_COUNT: break;
        }
        return DISPATCH_NOBODY;
}
/* clang-format on */

enum dispatch_target dispatch_request(enum dispatch_socket socket,
                                      const struct wire_message *request)
{
        enum dispatch_target target = verb_target(request->verb);

        /* An answer is well-formed too, and nobody's request. */
        if (request->magic != WIRE_REQUEST)
                return DISPATCH_NOBODY;
        if ((socket == DISPATCH_VERIFY) != (target == DISPATCH_VERIFIER))
                return DISPATCH_NOBODY;
        return target;
}
