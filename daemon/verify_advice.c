#include <string.h>

#include "daemon/verify.h"

#define BY_POLICY(whose)                                                                           \
        "a token that keeps to the policy, or another policy: orgtoken " whose " show tells which"

/* In the order of the verdicts. What it takes to get past the rule, and who does it. */
static const struct {
        const char *reason;
        const char *advice;
} table[] = {
        {"malformed", "the whole token, as it was shown when it was made"},
        {"no-such-id", "a token that was made on this host"},
        {"wrong-kind", "the token as it was shown when it was made"},
        {"wrong-secret", "the token as it was shown when it was made"},
        {"revoked", "another token: nothing brings a revoked one back"},
        {"rotated", "the token that took its place"},
        {"expired", "another token: orgtoken rotate makes one with the same name and limits"},
        {"host-max-life", BY_POLICY("host")},
        {"host-max-unused", BY_POLICY("host")},
        {"host-no-never", BY_POLICY("host")},
        {"org-max-life", BY_POLICY("org")},
        {"org-max-unused", BY_POLICY("org")},
        {"org-no-never", BY_POLICY("org")},
        {"no-org-named", "@ORG behind the token, org=ORG on the PAM line, or an account that is "
                         "bound to one organisation"},
        {"org-conflict", "one organisation, wherever one is named"},
        {"no-such-org", "the name of an organisation of this host"},
        {"org-suspended", "root resumes it: orgtoken org resume ORG"},
        {"key-has-no-role", "a personal token of a member with that role"},
        {"user-removed", "a token of a user who is there: this one stays dead"},
        {"user-suspended", "root resumes them: orgtoken user resume USER"},
        {"not-a-member", "an admin of the organisation adds them: orgtoken member add ORG USER"},
        {"role-too-low", "an admin of the organisation raises the role: orgtoken member set ORG "
                         "USER --role admin"},
        {"no-account", "an account: --account A"},
        {"bound-only", "an account that is bound to the organisation"},
        {"account-not-bound",
         "root binds it: orgtoken account bind ORG ACCOUNT, with every --service "
         "that it is for"},
        {"wrong-actor", "the token's own user runs su or sudo"},
        {"limit-service", "one of these services; limits are fixed when a token is made"},
        {"limit-source", "an address in one of these networks; limits are fixed when a token is "
                         "made"},
        {"limit-account", "one of these accounts; limits are fixed when a token is made"},
};

const char *verify_advice(const char *reason)
{
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
                if (strcmp(table[i].reason, reason) == 0)
                        return table[i].advice;
        return "";
}
