#include "common/name.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#define DISTANCE_MAX 64

struct range {
        uint32_t first, last;
};

/* What a label must not hold: Unicode's Default_Ignorable_Code_Point (nothing to be seen of them),
   the controls, and what ends lines, marks up text or changes its direction. Two labels that look
   alike in a list must be alike, or somebody revokes the wrong token. Non-characters and
   surrogates: elsewhere. As of Unicode 15. Characters that are not assigned yet are let through: a
   label in next year's script is better than a table that has to follow every release. */
static const struct range unprintable[] = {
        {0x0000, 0x001f},   {0x007f, 0x009f},   {0x00ad, 0x00ad},   {0x034f, 0x034f},
        {0x0600, 0x0605},   {0x061c, 0x061c},   {0x06dd, 0x06dd},   {0x070f, 0x070f},
        {0x0890, 0x0891},   {0x08e2, 0x08e2},   {0x115f, 0x1160},   {0x17b4, 0x17b5},
        {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},
        {0x3164, 0x3164},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
        {0xfff0, 0xfffb},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f},
        {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

/* Space separators, and the Braille pattern without dots. Fine in a label, but not alone. */
static const struct range blanks[] = {
        {0x0020, 0x0020}, {0x00a0, 0x00a0}, {0x1680, 0x1680}, {0x2000, 0x200a},
        {0x202f, 0x202f}, {0x205f, 0x205f}, {0x2800, 0x2800}, {0x3000, 0x3000},
};

/* A walk through all of them, and no search: some thirty comparisons at the making of a token. */
#define IN_RANGES(ranges, c) is_in_ranges(ranges, sizeof(ranges) / sizeof((ranges)[0]), c)

static bool is_in_ranges(const struct range *ranges, size_t count, uint32_t c)
{
        for (size_t i = 0; i < count; i++)
                if (c >= ranges[i].first && c <= ranges[i].last)
                        return true;
        return false;
}

/* <ctype.h> follows the application's locale, in which a name must not change its validity. */
static bool is_lower(char c)
{
        return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* Letters, digits and what is in `others`, 1 to max bytes. */
static bool is_made_of(struct view v, size_t max, const char *others)
{
        if (view_is_empty(v) || v.len > max)
                return false;
        for (size_t i = 0; i < v.len; i++) {
                char c = v.ptr[i];

                if (is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z'))
                        continue;
                /* strchr() would find a NUL. */
                if (c == '\0' || !strchr(others, c))
                        return false;
        }
        return true;
}

bool name_is_org(struct view v)
{
        if (view_is_empty(v) || v.len > NAME_ORG_MAX)
                return false;
        /* A letter first, so that no org reads as a number or as an option. */
        if (!is_lower(v.ptr[0]) || v.ptr[v.len - 1] == '-')
                return false;
        for (size_t i = 1; i < v.len; i++)
                if (!is_lower(v.ptr[i]) && !is_digit(v.ptr[i]) && v.ptr[i] != '-')
                        return false;
        return true;
}

bool name_is_user(struct view v)
{
        size_t digits = 0;

        if (!is_made_of(v, NAME_USER_MAX, "._@+$-"))
                return false;
        /* A leading dash reads as an option; a number reads as a uid, and to some tools is one. */
        if (v.ptr[0] == '-' || v.ptr[0] == '+')
                return false;
        /* Counted from the front: a name of digits only ends there. */
        while (digits < v.len && is_digit(v.ptr[digits]))
                digits++;
        /* As a path component both would be another directory. */
        return digits < v.len && !view_equal_str(v, ".") && !view_equal_str(v, "..");
}

bool name_is_service(struct view v)
{
        /* libpam opens a file of this name: no slash, and no way to a hidden file or to "..". */
        return is_made_of(v, NAME_SERVICE_MAX, "._@+-") && v.ptr[0] != '-' && v.ptr[0] != '.';
}

/* The length of a sequence by its first byte, with that byte's share of the code point and the
   least code point that needs so many bytes. 0 for a byte that begins none (RFC 3629). */
static size_t utf8_lead(unsigned char byte, uint32_t *ret_bits, uint32_t *ret_least)
{
        static const struct {
                unsigned char mask, mark;
                uint32_t least;
        } leads[] = {
                {0x80, 0x00, 0x0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

        for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
                if ((byte & leads[i].mask) != leads[i].mark)
                        continue;
                *ret_bits = byte & (unsigned char)~leads[i].mask;
                *ret_least = leads[i].least;
                return i + 1;
        }
        return 0;
}

/* Takes one code point from the front. False where there is none in its one right spelling:
   overlong forms get round filters, surrogates and what is over U+10FFFF are no UTF-8. */
static bool take_code_point(struct view *v, uint32_t *ret)
{
        uint32_t c, least;
        size_t len = v->len > 0 ? utf8_lead((unsigned char)v->ptr[0], &c, &least) : 0;

        if (len == 0 || len > v->len)
                return false;
        /* Every byte that follows carries six bits and the mark 10. */
        for (size_t i = 1; i < len; i++) {
                unsigned char byte = (unsigned char)v->ptr[i];

                if ((byte & 0xc0) != 0x80)
                        return false;
                c = c << 6 | (byte & 0x3fu);
        }
        /* "/" has one spelling, 2f, and neither c0 af nor e0 80 af. */
        if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return false;
        v->ptr += len;
        v->len -= len;
        *ret = c;
        return true;
}

/* U+xxFFFE, U+xxFFFF and U+FDD0..U+FDEF: for a program's own use, never for interchange. */
static bool is_noncharacter(uint32_t c)
{
        return (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef);
}

bool name_is_label(struct view v)
{
        size_t count = 0;
        bool has_ink = false;
        uint32_t c;

        /* Bounded before it is read: labels come from other people's packets. */
        if (view_is_empty(v) || v.len > NAME_LABEL_BYTES)
                return false;
        for (; v.len > 0; count++) {
                if (!take_code_point(&v, &c) || is_noncharacter(c) || IN_RANGES(unprintable, c))
                        return false;
                /* Only blanks would be a row of a list that nobody can point at. */
                if (!IN_RANGES(blanks, c))
                        has_ink = true;
        }
        /* Counted to the end and judged here; the bound in bytes kept the loop short. */
        return has_ink && count <= NAME_LABEL_MAX;
}

bool name_is_item(struct view v)
{
        /* No more than that: PAM says nothing of an item's encoding; names are judged elsewhere. */
        if (view_is_empty(v) || v.len > NAME_ITEM_MAX)
                return false;
        for (size_t i = 0; i < v.len; i++) {
                unsigned char c = (unsigned char)v.ptr[i];

                if (c < 0x20 || c == 0x7f)
                        return false;
        }
        return true;
}

const char *name_org_rule(void)
{
        return "1 to 32 characters of a-z, 0-9 and '-', beginning with a letter and not ending "
               "with '-'";
}

const char *name_user_rule(void)
{
        return "1 to 64 characters of A-Z, a-z, 0-9 and ._@+$-, not beginning with '-' or '+' and "
               "not all digits";
}

const char *name_service_rule(void)
{
        return "1 to 64 characters of A-Z, a-z, 0-9 and ._@+-, not beginning with '-' or '.'";
}

const char *name_label_rule(void)
{
        return "1 to 100 printable characters in UTF-8, not only blanks, and none that are "
               "invisible or change the direction of text";
}

int role_parse(struct view v, enum role *ret)
{
        /* "none" is not offered: an option that asks for no role is a slip, not a wish. */
        if (view_equal_str(v, "member"))
                *ret = ROLE_MEMBER;
        else if (view_equal_str(v, "admin"))
                *ret = ROLE_ADMIN;
        else
                return -EINVAL;
        return 0;
}

const char *role_to_string(enum role role)
{
        switch (role) {
        case ROLE_MEMBER: return "member";
        case ROLE_ADMIN: return "admin";
        /* Falls to the word that grants least, as does a number that is no role. */
        case ROLE_NONE: break;
        }
        return "none";
}

bool name_is_utf8(struct view v)
{
        uint32_t c;

        /* NUL is well-formed, but no C string holds it: what follows would be lost on the way. */
        while (v.len > 0)
                if (!take_code_point(&v, &c) || c == 0)
                        return false;
        return true;
}

/* Of the three ways to come to a place in the table of distances: leave out, put in, change. */
static unsigned least_of(unsigned a, unsigned b, unsigned c)
{
        unsigned least = a < b ? a : b;

        return least < c ? least : c;
}

unsigned name_distance(struct view a, struct view b)
{
        /* Distances from the part of a that was read to each beginning of b. */
        unsigned row[DISTANCE_MAX + 1];

        /* Cut, not refused: who mistyped so much gets no useful suggestion anyhow, and the row
           stays on the stack. */
        if (a.len > DISTANCE_MAX)
                a.len = DISTANCE_MAX;
        if (b.len > DISTANCE_MAX)
                b.len = DISTANCE_MAX;
        for (unsigned j = 0; j <= b.len; j++)
                row[j] = j;
        for (unsigned i = 1; i <= a.len; i++) {
                unsigned diagonal = row[0]; /* of the row above, before it is overwritten */

                row[0] = i;
                for (unsigned j = 1; j <= b.len; j++) {
                        unsigned change = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);

                        diagonal = row[j];
                        row[j] = least_of(row[j] + 1, row[j - 1] + 1, change);
                }
        }
        return row[b.len];
}
