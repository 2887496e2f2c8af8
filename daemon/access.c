#include "daemon/access.h"

#define OVERFLOW_UID 65534
#define UID_LIMIT    INT64_C(0xffffffff) /* (uid_t)-1, "no uid", and all that is no uid_t */

#define MEMBERS (ACCESS_MEMBER | ACCESS_ADMIN | ACCESS_ROOT)
#define ADMINS  (ACCESS_ADMIN | ACCESS_ROOT)
#define OWNERS  (ACCESS_OWNER | ACCESS_ROOT)

/* No default: a verb without a row must not compile (kanidm, GHSA-xxwr-vvr3-2g9f: a new verb
   fell into the wildcard of the access check). */
unsigned access_roles(enum wire_verb verb)
{
        switch (verb) {
        /* Of the other sockets. */
        case WIRE_V_VERIFY:
        case WIRE_V_ACCOUNT_CHECK:
        case WIRE_V_SESSION_CHECK:
        case WIRE_V_SESSION:
        case WIRE_V_SESSION_STATE: /* session.sock, the daemon's own uid */
        case WIRE_V_SESSION_END: return 0;
        /* ACK speaks of the token that this very connection made. The lists of orgs and accounts
           show each row by what the caller is to that row's org. */
        case WIRE_V_ACK:
        case WIRE_V_STATUS:
        case WIRE_V_WHOAMI: return ACCESS_CALLER | ACCESS_ROOT;

        case WIRE_V_ORG_LIST:
        case WIRE_V_ORG_SHOW:
        case WIRE_V_MEMBER_LIST:
        case WIRE_V_ACCOUNT_LIST: return MEMBERS;

        case WIRE_V_MEMBER_ADD:
        case WIRE_V_MEMBER_SET:
        case WIRE_V_MEMBER_REMOVE:
        case WIRE_V_KEY_CREATE:
        case WIRE_V_KEY_LIST:
        case WIRE_V_KEY_REVOKE: return ADMINS;

        case WIRE_V_PAT_CREATE:
        case WIRE_V_PAT_LIST:
        case WIRE_V_PAT_RENAME:
        case WIRE_V_PAT_REVOKE: return OWNERS;

        /* Of either kind: the owner of a PAT, an admin of a key's org. */
        case WIRE_V_ROTATE:
        case WIRE_V_CHECK: return OWNERS | ADMINS;

        case WIRE_V_ORG_CREATE:
        case WIRE_V_ORG_DELETE:
        case WIRE_V_ORG_SET:
        case WIRE_V_ORG_SUSPEND:
        case WIRE_V_ORG_RESUME:
        case WIRE_V_USER_LIST:
        case WIRE_V_USER_SUSPEND:
        case WIRE_V_USER_RESUME:
        case WIRE_V_USER_REASSIGN:
        case WIRE_V_USER_REMOVE:
        case WIRE_V_ACCOUNT_BIND:
        case WIRE_V_ACCOUNT_UNBIND:
        case WIRE_V_ACCOUNT_RELEASE:
        case WIRE_V_REVOKE_ALL:
        case WIRE_V_HOST_SHOW:
        case WIRE_V_HOST_SET:
        case WIRE_V_CLOCK_RESET:
        case WIRE_V_BACKUP:
        case WIRE_V_GUARDED_LIST:
        case WIRE_V_REVOKE_TOKEN:
        case WIRE_V_NOTIFY: return ACCESS_ROOT;

        case WIRE_VERB_COUNT: break;
        }
        return 0;
}

bool access_is_allowed(enum wire_verb verb, unsigned roles)
{
        return (access_roles(verb) & roles) != 0;
}

bool access_uid_is_nobody(int64_t uid)
{
        return uid < 0 || uid >= UID_LIMIT || uid == OVERFLOW_UID;
}
