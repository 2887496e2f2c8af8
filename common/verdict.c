#include "common/verdict.h"

#include <errno.h>
#include <stddef.h>

const char *verdict_to_string(enum verdict verdict)
{
        /* No default, so that the compiler names the verdict that is missing here. */
        switch (verdict) {
        case VERDICT_MALFORMED: return "malformed";
        case VERDICT_UNKNOWN: return "unknown";
        case VERDICT_REVOKED: return "revoked";
        case VERDICT_EXPIRED: return "expired";
        case VERDICT_ORG_REQUIRED: return "org-required";
        case VERDICT_ORG_MISMATCH: return "org-mismatch";
        case VERDICT_NOT_MEMBER: return "not-member";
        case VERDICT_ACCOUNT_DENIED: return "account-denied";
        case VERDICT_LIMITED: return "limited";
        case VERDICT_ALLOW: return "allow";
        }
        /* A number that is none, from a damaged row: no crash, and not a word that grants. */
        return "invalid";
}

int verdict_from_string(struct view name, enum verdict *ret)
{
        /* By way of the other direction: one list of names, so they cannot drift apart. Ten
           comparisons are nothing beside the request that asks. */
        /* *ret stays as it was on a name that is none: the caller's own, closed answer. */
        for (int v = VERDICT_MALFORMED; v < VERDICT_COUNT; v++) {
                if (!view_equal_str(name, verdict_to_string((enum verdict)v)))
                        continue;
                *ret = (enum verdict)v;
                return 0;
        }
        return -EINVAL;
}

bool verdict_is_valid(long long number)
{
        /* Checked as the wide number of the wire: after a cast 2^32 + 10 would read "allow". */
        return number >= VERDICT_MALFORMED && number < VERDICT_COUNT;
}
