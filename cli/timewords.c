#include "cli/timewords.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "common/expiry.h"

#define SPAN_MAX (3650 * EXPIRY_DAY)

/* From `until` seconds on a unit is too small to read well and the next one is used: 89 min and 47
   h are still said so, 3 days are days. */
static const struct unit {
        const char *one, *many;
        int64_t seconds;
        int64_t until;
} units[] = {
        {"s", "s", 1, 60},
        {"min", "min", 60, 90 * 60},
        {"h", "h", 3600, 2 * EXPIRY_DAY},
        {"day", "days", EXPIRY_DAY, 90 * EXPIRY_DAY},
        {"month", "months", 30 * EXPIRY_DAY, 730 * EXPIRY_DAY},
        {"year", "years", 365 * EXPIRY_DAY, INT64_MAX},
};
#define UNITS (sizeof(units) / sizeof(units[0]))

static const char *unit_name(const struct unit *u, int64_t count)
{
        return count == 1 ? u->one : u->many;
}

/* The unit for a span and how many of it. The unit goes by the span itself, so that rounding up
   never changes it: what was just made for two days reads "in 48 h" a second later, and not "in 2
   days". */
static const struct unit *pick_unit(int64_t seconds, bool nearest, int64_t *ret_count)
{
        size_t i = 0;
        int64_t count;

        while (i + 1 < UNITS && seconds >= units[i].until)
                i++;
        count = seconds / units[i].seconds;
        if (nearest && seconds % units[i].seconds * 2 >= units[i].seconds)
                count++;
        *ret_count = count;
        return &units[i];
}

const char *timewords_relative(int64_t when, int64_t now, char ret[static TIMEWORDS_SIZE])
{
        const struct unit *u;
        int64_t span, count;
        bool ahead = when > now;

        if (when == EXPIRY_NEVER) {
                (void)snprintf(ret, TIMEWORDS_SIZE, "never");
                return ret;
        }
        /* A number that no clock gives comes from a damaged row; it may be odd, but not overflow.
         */
        if (__builtin_sub_overflow(ahead ? when : now, ahead ? now : when, &span))
                span = INT64_MAX / 2;
        u = pick_unit(span, ahead, &count);
        if (count == 0)
                (void)snprintf(ret, TIMEWORDS_SIZE, "just now");
        else if (ahead)
                (void)snprintf(ret, TIMEWORDS_SIZE, "in %lld %s", (long long)count,
                               unit_name(u, count));
        else
                (void)snprintf(ret, TIMEWORDS_SIZE, "%lld %s ago", (long long)count,
                               unit_name(u, count));
        return ret;
}

const char *timewords_span(int64_t seconds, char ret[static TIMEWORDS_SIZE])
{
        const struct unit *u = &units[0];

        /* Days at most: months and years are not the same number of days everywhere. */
        for (size_t i = 0; i < UNITS && units[i].seconds <= EXPIRY_DAY; i++)
                if (seconds % units[i].seconds == 0)
                        u = &units[i];
        if (seconds == 0)
                u = &units[0];
        (void)snprintf(ret, TIMEWORDS_SIZE, "%lld %s", (long long)(seconds / u->seconds),
                       unit_name(u, seconds / u->seconds));
        return ret;
}

const char *timewords_about(int64_t seconds, char ret[static TIMEWORDS_SIZE])
{
        size_t i = 0;
        int64_t first, second;

        while (i < UNITS && units[i].seconds < EXPIRY_DAY && seconds >= units[i + 1].seconds)
                i++;
        first = seconds / units[i].seconds;
        second = i > 0 ? seconds % units[i].seconds / units[i - 1].seconds : 0;
        if (second > 0)
                (void)snprintf(ret, TIMEWORDS_SIZE, "%lld %s %lld %s", (long long)first,
                               unit_name(&units[i], first), (long long)second,
                               unit_name(&units[i - 1], second));
        else
                (void)snprintf(ret, TIMEWORDS_SIZE, "%lld %s", (long long)first,
                               unit_name(&units[i], first));
        return ret;
}

static int64_t unit_of_letter(char letter)
{
        switch (letter) {
        case 's': return 1;
        case 'm': return 60;
        case 'h': return 3600;
        case 'd': return EXPIRY_DAY;
        default: return 0;
        }
}

int timewords_parse_span(struct view text, int64_t *ret)
{
        int64_t number = 0, unit = text.len > 1 ? unit_of_letter(text.ptr[text.len - 1]) : 0;

        if (unit == 0)
                return -EINVAL;
        for (size_t i = 0; i + 1 < text.len; i++) {
                if (text.ptr[i] < '0' || text.ptr[i] > '9')
                        return -EINVAL;
                /* Stops growing once it is too large: no number of digits overflows it. */
                if (number <= SPAN_MAX)
                        number = number * 10 + (text.ptr[i] - '0');
        }
        if (number == 0 || number > SPAN_MAX || number * unit > SPAN_MAX)
                return -ERANGE;
        *ret = number * unit;
        return 0;
}

const char *timewords_span_rule(void)
{
        return "a number and s, m, h or d, such as 12h or 90d, from 1s to 3650d";
}
