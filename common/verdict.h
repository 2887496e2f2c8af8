/*
 * The answers of the decision (orgtoken(1), VERDICTS), in order of precedence. A verdict is an
 * answer about a token; "unavailable" and every other failure to answer is an errno and never a
 * verdict. Switches over it have no default, so that a new verdict does not compile until it is
 * handled.
 */
#pragma once

#include <stdbool.h>

#include "common/view.h"

enum verdict {
        VERDICT_MALFORMED = 1, /* token-shaped, but no token */
        VERDICT_UNKNOWN,       /* no such id, or wrong secret */
        VERDICT_REVOKED,       /* right secret, token revoked or rotated out */
        VERDICT_EXPIRED,
        VERDICT_ORG_REQUIRED,   /* a PAT, and nothing names an org */
        VERDICT_ORG_MISMATCH,   /* two sources disagree, or no such org */
        VERDICT_NOT_MEMBER,     /* not in the org, role too low, org or user suspended */
        VERDICT_ACCOUNT_DENIED, /* the account is not theirs, or the actor is not the token's user
                                 */
        VERDICT_LIMITED,        /* outside the token's limits or the org's policy */
        VERDICT_ALLOW,
};
#define VERDICT_COUNT (VERDICT_ALLOW + 1)

/* The name as documented ("org-required"); "invalid" for a value that is none. Static storage. */
const char *verdict_to_string(enum verdict verdict);

/* Finds the verdict of that name. 0 and *ret, or -EINVAL. */
int verdict_from_string(struct view name, enum verdict *ret);

/* True for the numbers that are verdicts: what came off the wire is checked with it. */
bool verdict_is_valid(long long number);
