/*
 * WHEN and DURATION: the first eight bytes are the clock. What is accepted lies on its side of the
 * clock, and comes back from expiry_format() as it was.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/expiry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void check_round_trip(int64_t when)
{
        char text[EXPIRY_TEXT_SIZE];
        int64_t again;

        expiry_format(when, text);
        require(strlen(text) < sizeof(text));
        if (when < INT64_C(-62167219200))
                return;
        require(expiry_parse(view_of(text), INT64_MIN, &again) == 0 && again == when);
        require(expiry_parse_past(view_of(text), INT64_MAX, &again) == 0 && again == when);
}

/* Of the clock, only whether it is past a time may depend: -EINVAL is -EINVAL at any time. */
static void check_when(struct view text, int64_t now)
{
        int64_t when = 0, past = 0;
        int r = expiry_parse(text, now, &when), p = expiry_parse_past(text, now, &past);

        require(r == 0 || r == -EINVAL || r == -ERANGE || r == -ETIME);
        require(p == 0 || p == -EINVAL || p == -ERANGE || p == -ETIME);
        require((r == -EINVAL) == (p == -EINVAL) || view_equal_str(text, "never"));
        if (r == 0)
                require(when > now && (when <= EXPIRY_MAX || when == EXPIRY_NEVER) &&
                        (when == EXPIRY_NEVER || !expiry_is_past(when, now)) &&
                        (when == EXPIRY_NEVER || expiry_is_past(when, when)));
        if (p == 0)
                require(past <= now && past <= EXPIRY_MAX);
        if (r == 0 && when != EXPIRY_NEVER)
                check_round_trip(when);
        if (p == 0)
                check_round_trip(past);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char text[EXPIRY_TEXT_SIZE];
        struct view v;
        int64_t now, duration;

        if (size < sizeof(now))
                return 0;
        memcpy(&now, data, sizeof(now));
        v = view_of_bytes(data + sizeof(now), size - sizeof(now));
        /* INT64_MAX would make never equal the clock, which no clock reaches. */
        if (now < INT64_MAX)
                check_when(v, now);
        check_when(v, INT64_C(1795428000));
        expiry_format(now, text);
        if (now >= INT64_C(-62167219200) && now <= EXPIRY_MAX)
                check_round_trip(now);
        if (duration_parse(v, &duration) == 0)
                require(duration >= 0 && duration <= DURATION_MAX);
        return 0;
}
