/*
 * Source networks: parsing, canonical text, membership. Numeric only, no resolver is ever asked. A
 * v4-mapped v6 address counts as v4; an address with a zone is no address.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/view.h"

#define CIDR_TEXT_SIZE 50

struct cidr {
        uint8_t family; /* 4 or 6 */
        uint8_t bits;   /* prefix length, 0..32 or 0..128 */
        uint8_t addr[16];
};

/* "10.0.0.0/8", "fd00::/8", or a bare address (all its bits). 0; -EINVAL: neither; -ERANGE: prefix
   too long; -EDOM: bits set behind the prefix (10.0.0.1/8), which is nearly always a slip. */
int cidr_parse(struct view text, struct cidr *ret);

/* A numeric address as inet_pton(3) reads it, without a zone. 0 or -EINVAL. */
int cidr_parse_address(struct view text, struct cidr *ret);

/* Canonical text and a NUL; a bare address where all bits count. */
void cidr_format(const struct cidr *c, char ret[static CIDR_TEXT_SIZE]);

/* True where the address (all bits) lies in the network; families must agree. */
bool cidr_contains(const struct cidr *network, const struct cidr *address);

const char *cidr_rule(void);
