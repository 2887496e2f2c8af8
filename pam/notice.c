#include "pam/notice.h"

#include <errno.h>
#include <inttypes.h>
#include <security/pam_ext.h>
#include <stdlib.h>
#include <time.h>

#include "common/expiry.h"
#include "common/token.h"

/* A decimal number of seconds; -1 where it is none. The variable is ours, but environments are
 * edited. */
static int64_t parse_seconds(const char *text)
{
        char *end = NULL;
        long long n;

        if (!text || text[0] < '0' || text[0] > '9')
                return -1;
        errno = 0;
        n = strtoll(text, &end, 10);
        return errno == 0 && *end == '\0' && n <= EXPIRY_MAX ? n : -1;
}

/* "in 3 days", "within the hour": rounded down, so that nobody counts on more than there is. */
static void say(pam_handle_t *pamh, const char *key_id, int64_t left)
{
        int64_t hours = left / 3600, days = left / EXPIRY_DAY;

        if (days > 1)
                (void)pam_info(pamh, "orgtoken: %s ends in %" PRId64 " days", key_id, days);
        else if (hours > 1)
                (void)pam_info(pamh, "orgtoken: %s ends in %" PRId64 " hours", key_id, hours);
        else
                (void)pam_info(pamh, "orgtoken: %s ends within two hours", key_id);
}

void notice_expiry(pam_handle_t *pamh, const struct request_facts *facts)
{
        const char *key_id = pam_getenv(pamh, "ORGTOKEN_KEY_ID");
        int64_t ends_at = parse_seconds(pam_getenv(pamh, "ORGTOKEN_EXPIRES_AT"));
        int64_t first, last;
        enum token_kind kind;
        struct timespec now;

        if (!view_equal_str(facts->tty, "ssh") || ends_at < 0 ||
            token_parse_key_id(view_of(key_id), &kind, &first, &last) < 0 ||
            clock_gettime(CLOCK_REALTIME, &now) < 0)
                return;
        if (ends_at > now.tv_sec && ends_at - now.tv_sec <= NOTICE_DAYS * EXPIRY_DAY)
                say(pamh, key_id, ends_at - now.tv_sec);
}
