#include "common/expiry.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* The Gregorian calendar is computed here and not by timegm() and gmtime_r(): these read TZ, where
   a "right/" zone brings leap seconds, and a token's end must not depend on whose environment it
   is. */

#define YEAR_ZERO     INT64_C(-62167219200) /* 0000-01-01T00:00:00Z */
#define DAYS_PER_ERA  146097                /* 400 years */
#define DAYS_TO_1970  719468                /* from 0000-03-01 */
#define DAYS_TO_MARCH 60                    /* from 0000-01-01, and year 0 is a leap year */

/* Proleptic Gregorian, month and day from 1. */
struct date {
        int year, month, day;
};

/* The Gregorian rule for all years, also before it was made (RFC 3339 reads dates so). */
static bool is_leap_year(int year)
{
        return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
        static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

        return month == 2 && is_leap_year(year) ? 29 : days[month - 1];
}

/* Days since 1970-01-01 of a valid date. Years begin in March here, so that the leap day is the
   last of its year and (153 m + 2) / 5 gives the days before the m-th month. */
static int64_t days_from_date(struct date d)
{
        int year = d.month <= 2 ? d.year - 1 : d.year;
        int month = (d.month + 9) % 12;
        int era = (year >= 0 ? year : year - 399) / 400;
        int of_era = year - era * 400;
        int of_year = (153 * month + 2) / 5 + d.day - 1;

        return (int64_t)era * DAYS_PER_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
               DAYS_TO_1970;
}

/* The inverse, from the days since 0000-01-01: shifted into the era of 400 years before, so that
   every step of it is on numbers that are not negative. */
static struct date date_from_days(int64_t days)
{
        int64_t shifted = days + DAYS_PER_ERA - DAYS_TO_MARCH;
        int era = (int)(shifted / DAYS_PER_ERA) - 1;
        int of_era = (int)(shifted % DAYS_PER_ERA);
        /* Leap days are taken out (every 4 years, not 100, but 400), then years are even. */
        int year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
        int of_year = of_era - (365 * year + year / 4 - year / 100);
        int month = (5 * of_year + 2) / 153;
        struct date d;

        d.day = of_year - (153 * month + 2) / 5 + 1;
        d.month = month < 10 ? month + 3 : month - 9;
        d.year = year + era * 400 + (d.month <= 2);
        return d;
}

/* Takes exactly `count` digits from the front. */
static bool take_digits(struct view *v, size_t count, int *ret)
{
        int value = 0;

        /* No strtol(): it takes blanks and signs, and reads on to a NUL that need not be there. */
        if (v->len < count)
                return false;
        for (size_t i = 0; i < count; i++) {
                if (v->ptr[i] < '0' || v->ptr[i] > '9')
                        return false;
                value = value * 10 + (v->ptr[i] - '0');
        }
        v->ptr += count;
        v->len -= count;
        *ret = value;
        return true;
}

/* Takes one character that is in `set`; 0 where the front is none. */
static char take_one_of(struct view *v, const char *set)
{
        char c;

        /* strchr() would find the NUL at the end of the set. */
        if (v->len == 0 || v->ptr[0] == '\0' || !strchr(set, v->ptr[0]))
                return 0;
        c = v->ptr[0];
        v->ptr++;
        v->len--;
        return c;
}

static bool take_date(struct view *v, int64_t *ret_days)
{
        struct date d;

        if (!take_digits(v, 4, &d.year) || !take_one_of(v, "-") || !take_digits(v, 2, &d.month) ||
            !take_one_of(v, "-") || !take_digits(v, 2, &d.day))
                return false;
        /* 31 April is refused and not read as 1 May: who typed it meant some other day. */
        if (d.month < 1 || d.month > 12 || d.day < 1 || d.day > days_in_month(d.year, d.month))
                return false;
        *ret_days = days_from_date(d);
        return true;
}

/* "hh:mm", as a time of day or an offset, in seconds. */
static bool take_hours_and_minutes(struct view *v, int *ret)
{
        int hours, minutes;

        if (!take_digits(v, 2, &hours) || !take_one_of(v, ":") || !take_digits(v, 2, &minutes))
                return false;
        /* 24:00 is ISO 8601 but not RFC 3339. */
        if (hours > 23 || minutes > 59)
                return false;
        *ret = hours * 3600 + minutes * 60;
        return true;
}

/* "hh:mm:ss", with a fraction that is cut off: a token ends rather a moment earlier than later. A
   leap second (:60) is refused, since there is no number for it in seconds since the epoch. */
static bool take_time(struct view *v, int *ret)
{
        int minutes, seconds, digit;

        if (!take_hours_and_minutes(v, &minutes) || !take_one_of(v, ":") ||
            !take_digits(v, 2, &seconds) || seconds > 59)
                return false;
        if (take_one_of(v, ".")) {
                if (!take_digits(v, 1, &digit))
                        return false;
                while (take_digits(v, 1, &digit))
                        ;
        }
        *ret = minutes + seconds;
        return true;
}

/* "Z" or "+hh:mm"; seconds east of UTC. */
static bool take_offset(struct view *v, int *ret)
{
        int offset = 0;
        char sign = take_one_of(v, "Zz+-"); /* "z" is allowed in section 5.6 */

        if (!sign)
                return false;
        if ((sign == '+' || sign == '-') && !take_hours_and_minutes(v, &offset))
                return false;
        /* "-00:00", UTC at a place unknown (RFC 3339 section 4.3), comes out right by itself. */
        *ret = sign == '-' ? -offset : offset;
        return true;
}

/* A date, or an RFC 3339 time (section 5.6: lower case and a blank for the T are allowed). A time
   without an offset is refused: nobody could tell whose it is. */
static int parse_calendar(struct view text, int64_t *ret)
{
        int64_t days;
        int time = 0, offset = 0;

        if (!take_date(&text, &days))
                return -EINVAL;
        if (text.len > 0) {
                if (!take_one_of(&text, "Tt ") || !take_time(&text, &time) ||
                    !take_offset(&text, &offset) || text.len > 0)
                        return -EINVAL;
        }
        *ret = days * EXPIRY_DAY + time - offset;
        return 0;
}

/* A whole number without sign or leading zeros. What is over EXPIRY_MAX comes out as EXPIRY_MAX +
   1, however many digits it has, so that callers say "out of range" and not "no number". */
static int parse_number(struct view text, int64_t *ret)
{
        int64_t value = 0;

        if (text.len == 0 || (text.len > 1 && text.ptr[0] == '0'))
                return -EINVAL;
        for (size_t i = 0; i < text.len; i++) {
                if (text.ptr[i] < '0' || text.ptr[i] > '9')
                        return -EINVAL;
                if (value <= EXPIRY_MAX)
                        value = value * 10 + (text.ptr[i] - '0');
        }
        *ret = value <= EXPIRY_MAX ? value : EXPIRY_MAX + 1;
        return 0;
}

/* "30d" in seconds. */
static int parse_preset(struct view text, int64_t *ret)
{
        int64_t days;

        text.len--;
        if (parse_number(text, &days) < 0 || days == 0)
                return -EINVAL;
        /* A longer life is possible, but has to be said as a date. */
        if (days > EXPIRY_DAYS_MAX)
                return -ERANGE;
        *ret = days * EXPIRY_DAY;
        return 0;
}

/* Every form that both directions share. A preset counts from now, to the side of `direction`. */
static int parse_when(struct view text, int64_t now, int direction, int64_t *ret)
{
        int64_t when;
        int r;

        if (view_is_empty(text))
                return -EINVAL;
        /* No calendar form ends in a 'd', so the last character tells a preset from all others. */
        if (text.ptr[text.len - 1] == 'd') {
                r = parse_preset(text, &when);
                /* The clock is the machine's and may be anything: no overflow. */
                if (r == 0 && __builtin_add_overflow(now, direction * when, &when))
                        r = -ERANGE;
        } else if (text.ptr[0] == '@') {
                r = parse_number((struct view){text.ptr + 1, text.len - 1}, &when);
        } else {
                r = parse_calendar(text, &when);
        }
        if (r < 0)
                return r;
        if (when > EXPIRY_MAX)
                return -ERANGE;
        *ret = when;
        return 0;
}

int expiry_parse(struct view text, int64_t now, int64_t *ret)
{
        int64_t when;
        int r;

        /* Only in lower case, as everything here: one spelling in scripts and in the manual. */
        if (view_equal_str(text, "never")) {
                *ret = EXPIRY_NEVER;
                return 0;
        }
        r = parse_when(text, now, 1, &when);
        if (r < 0)
                return r;
        /* The end is exclusive (orgtokend judges alike), now >= expires_at is expired.
           The very second is refused too: the token would be dead on arrival. */
        if (when <= now)
                return -ETIME;
        *ret = when;
        return 0;
}

int expiry_parse_past(struct view text, int64_t now, int64_t *ret)
{
        int64_t when;
        int r = parse_when(text, now, -1, &when);

        if (r < 0)
                return r;
        /* A slip in the year would otherwise select nothing and revoke nothing, in silence. */
        if (when > now)
                return -ETIME;
        *ret = when;
        return 0;
}

int duration_parse(struct view text, int64_t *ret)
{
        int64_t number, unit;

        if (view_is_empty(text))
                return -EINVAL;
        /* The unit is required: "30" may be meant as seconds, minutes or days. */
        switch (text.ptr[text.len - 1]) {
        case 's': unit = 1; break;
        case 'm': unit = 60; break;
        case 'h': unit = 3600; break;
        case 'd': unit = EXPIRY_DAY; break;
        default: return -EINVAL;
        }
        text.len--;
        if (parse_number(text, &number) < 0)
                return -EINVAL;
        /* parse_number() bounds it, so the product cannot overflow. */
        if (number * unit > DURATION_MAX)
                return -ERANGE;
        *ret = number * unit;
        return 0;
}

const char *expiry_rule(void)
{
        return "1d to 365d, never, a date YYYY-MM-DD (its start, UTC), an RFC 3339 time such as "
               "2027-01-31T12:00:00Z, or @EPOCH in seconds; it must lie in the future";
}

const char *expiry_past_rule(void)
{
        return "1d to 365d (ago), a date YYYY-MM-DD (its start, UTC), an RFC 3339 time such as "
               "2026-01-31T12:00:00Z, or @EPOCH in seconds; it must not lie in the future";
}

const char *duration_rule(void)
{
        return "a number and s, m, h or d, such as 30s, 10m, 2h or 7d, at most 90d";
}

bool expiry_is_past(int64_t expires_at, int64_t now)
{
        /* Asked by name: a clock at its own maximum must not end what never ends. */
        return expires_at != EXPIRY_NEVER && now >= expires_at;
}

/* Appends exactly `count` digits and what separates them from the next. */
static void put_digits(char **to, int value, int count, char separator)
{
        for (int i = count - 1; i >= 0; i--) {
                (*to)[i] = (char)('0' + value % 10);
                value /= 10;
        }
        (*to)[count] = separator;
        *to += count + 1;
}

void expiry_format(int64_t when, char ret[static EXPIRY_TEXT_SIZE])
{
        int second;
        struct date d;

        if (when == EXPIRY_NEVER) {
                (void)snprintf(ret, EXPIRY_TEXT_SIZE, "never");
                return;
        }
        /* RFC 3339 has four digits for the year; what they cannot hold is shown as a number. */
        if (when < YEAR_ZERO || when > EXPIRY_MAX) {
                (void)snprintf(ret, EXPIRY_TEXT_SIZE, "@%lld", (long long)when);
                return;
        }
        d = date_from_days((when - YEAR_ZERO) / EXPIRY_DAY);
        second = (int)((when - YEAR_ZERO) % EXPIRY_DAY);
        put_digits(&ret, d.year, 4, '-');
        put_digits(&ret, d.month, 2, '-');
        put_digits(&ret, d.day, 2, 'T');
        put_digits(&ret, second / 3600, 2, ':');
        put_digits(&ret, second / 60 % 60, 2, ':');
        put_digits(&ret, second % 60, 2, 'Z');
        *ret = '\0';
}
