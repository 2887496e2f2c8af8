#include "sessiond/confirm.h"

#include <string.h>

static bool is_accounts(const struct wanted *wanted, const struct session *session)
{
        if (wanted->uid >= 0)
                return wanted->uid == session->uid;
        /* userdel while somebody is logged in. logind keeps the name that it was. */
        return wanted->account[0] != '\0' && strcmp(wanted->account, session->name) == 0;
}

bool confirm_is_same(const struct wanted *wanted, const struct session *session)
{
        int64_t since = session->since_us / 1000000;

        /* root's sessions are nobody's account: it can never be bound. */
        if (session->uid <= 0 || session->leader <= 0)
                return false;
        return is_accounts(wanted, session) && wanted->leader == session->leader &&
               wanted->opened_at - since <= CONFIRM_SECONDS &&
               since - wanted->opened_at <= CONFIRM_SECONDS;
}
