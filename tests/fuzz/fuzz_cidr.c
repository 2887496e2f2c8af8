/*
 * Networks: what is accepted has one canonical text that reads back to the same bytes, and its own
 * address lies in it. Addresses against inet_pton().
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/cidr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
        if (!holds)
                abort();
}

static bool library_reads(struct view v)
{
        unsigned char bytes[16];
        char text[256];

        return view_copy(v, text, sizeof(text)) &&
               (inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1);
}

static void check_network(const struct cidr *c)
{
        char text[CIDR_TEXT_SIZE];
        struct cidr again, address = *c;
        unsigned all = c->family == 4 ? 32 : 128;

        require((c->family == 4 || c->family == 6) && c->bits <= all);
        cidr_format(c, text);
        require(cidr_parse(view_of(text), &again) == 0 && memcmp(&again, c, sizeof(again)) == 0);
        address.bits = (uint8_t)all;
        require(cidr_contains(c, &address));
        /* One bit turned: inside it makes another network, behind the prefix it does not. */
        for (unsigned bit = 0; bit < all; bit++) {
                address.addr[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
                require(cidr_contains(c, &address) == (bit >= c->bits));
                address.addr[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct view v = view_of_bytes(data, size);
        struct cidr c, address, raw[2];
        int r = cidr_parse(v, &c), a = cidr_parse_address(v, &address);

        require(r == 0 || r == -EINVAL || r == -ERANGE || r == -EDOM);
        require((a == 0) == library_reads(v) && (a == 0 || a == -EINVAL));
        if (a == 0)
                require(r == 0 && memcmp(&c, &address, sizeof(c)) == 0);
        if (r == 0)
                check_network(&c);
        /* Values that no parser made: no harm, whatever they contain. */
        if (size >= sizeof(raw)) {
                char text[CIDR_TEXT_SIZE];

                memcpy(raw, data, sizeof(raw));
                (void)cidr_contains(&raw[0], &raw[1]);
                cidr_format(&raw[0], text);
                require(strlen(text) < sizeof(text));
        }
        return 0;
}
