#include "common/cidr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAPPED_BITS 96 /* of ::ffff:0:0/96, before the v4 address */

/* The struct has 4 and 6, and not AF_INET and AF_INET6, since it is stored: numbers of ours do not
   change with the platform. */
static unsigned family_bits(unsigned family)
{
        return family == 4 ? 32 : 128;
}

/* Takes the address as written, a v4-mapped one still as v6, so that a prefix length behind it can
   be judged by the family that the person wrote. */
static int parse_raw(struct view text, struct cidr *ret)
{
        struct cidr c = {0}; /* zeros behind a v4 address: equal networks are equal bytes */
        char copy[INET6_ADDRSTRLEN];

        /* Too long for any address, or with a NUL, which inet_pton() would take for the end. */
        if (!view_copy(text, copy, sizeof(copy)))
                return -EINVAL;
        /* inet_pton() and not getaddrinfo(): no name, no octal, no zone, and nobody is asked. */
        if (inet_pton(AF_INET, copy, c.addr) == 1)
                c.family = 4;
        else if (inet_pton(AF_INET6, copy, c.addr) == 1)
                c.family = 6;
        else
                return -EINVAL;
        c.bits = (uint8_t)family_bits(c.family);
        *ret = c;
        return 0;
}

/* Turns a v4-mapped address into the v4 one. A listener on both families sees every v4 client
   mapped, and a limit to 10.0.0.0/8 must hold for it. Only called where no bit is set behind the
   prefix, so a mapped address has at least MAPPED_BITS. */
static void unmap(struct cidr *c)
{
        static const uint8_t mapped[MAPPED_BITS / 8] = {[10] = 0xff, [11] = 0xff};
        struct cidr v4 = {.family = 4};

        if (c->family != 6 || memcmp(c->addr, mapped, sizeof(mapped)) != 0)
                return;
        v4.bits = (uint8_t)(c->bits - MAPPED_BITS);
        memcpy(v4.addr, c->addr + sizeof(mapped), 4);
        *c = v4;
}

/* A prefix length: decimal digits alone. -ERANGE over max, however many digits it has. */
static int parse_bits(struct view text, unsigned max, uint8_t *ret)
{
        unsigned bits = 0;

        /* No leading zero: to some programs 010 is eight. */
        if (text.len == 0 || (text.len > 1 && text.ptr[0] == '0'))
                return -EINVAL;
        for (size_t i = 0; i < text.len; i++) {
                if (text.ptr[i] < '0' || text.ptr[i] > '9')
                        return -EINVAL;
                /* Stops growing once it is too large, so that no number of digits overflows it. */
                if (bits <= max)
                        bits = bits * 10 + (unsigned)(text.ptr[i] - '0');
        }
        if (bits > max)
                return -ERANGE;
        *ret = (uint8_t)bits;
        return 0;
}

/* True where the first `bits` bits of both are the same. */
static bool prefix_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
        unsigned whole = bits / 8, rest = bits % 8;

        /* Whole bytes first; the one that the prefix cuts is read only where there is one. */
        if (memcmp(a, b, whole) != 0)
                return false;
        return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

/* 10.0.0.1/8 is either 10.0.0.1 or 10.0.0.0/8; a wrong guess widens a limit 16 million times. */
static bool has_bits_behind_prefix(const struct cidr *c)
{
        for (unsigned bit = c->bits; bit < family_bits(c->family); bit++)
                if (c->addr[bit / 8] & (0x80u >> (bit % 8)))
                        return true;
        return false;
}

int cidr_parse(struct view text, struct cidr *ret)
{
        const char *slash = text.len > 0 ? memchr(text.ptr, '/', text.len) : NULL;
        struct view address = text;
        struct cidr c;
        int r;

        if (slash)
                address.len = (size_t)(slash - text.ptr);
        r = parse_raw(address, &c);
        if (r < 0)
                return r;
        if (slash) {
                struct view bits = {slash + 1, text.len - address.len - 1};

                r = parse_bits(bits, family_bits(c.family), &c.bits);
                if (r < 0)
                        return r;
        }
        if (has_bits_behind_prefix(&c))
                return -EDOM;
        unmap(&c);
        *ret = c;
        return 0;
}

int cidr_parse_address(struct view text, struct cidr *ret)
{
        struct cidr c;
        int r = parse_raw(text, &c);

        if (r < 0)
                return r;
        unmap(&c);
        *ret = c;
        return 0;
}

void cidr_format(const struct cidr *c, char ret[static CIDR_TEXT_SIZE])
{
        char text[INET6_ADDRSTRLEN];

        /* No shortening of our own: inet_ntop() has the one canonical spelling (RFC 5952). */
        ret[0] = '\0';
        if (!inet_ntop(c->family == 4 ? AF_INET : AF_INET6, c->addr, text, sizeof(text)))
                return;
        if (c->bits >= family_bits(c->family))
                (void)snprintf(ret, CIDR_TEXT_SIZE, "%s", text);
        else
                (void)snprintf(ret, CIDR_TEXT_SIZE, "%s/%u", text, (unsigned)c->bits);
}

bool cidr_contains(const struct cidr *network, const struct cidr *address)
{
        /* 0.0.0.0/0 and ::/0 are two: who allowed every v4 address said nothing of v6. */
        if (network->family != address->family || (network->family != 4 && network->family != 6))
                return false;
        /* A value that no parser made, from a damaged row: it contains nothing rather than all. */
        if (network->bits > family_bits(network->family) ||
            address->bits != family_bits(address->family))
                return false;
        return prefix_equal(network->addr, address->addr, network->bits);
}

const char *cidr_rule(void)
{
        return "a numeric network or address, such as 10.0.0.0/8, 192.0.2.7 or fd00::/8, with no "
               "bits "
               "set behind the prefix";
}
