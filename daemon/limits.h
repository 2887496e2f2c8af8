/*
 * Limits of a token (and the services of a binding): from a request's lists to the canonical,
 * sorted form that stands under the MAC, and the question whether something lies within. Pure.
 */
#pragma once

#include <stdbool.h>

#include "common/wire.h"
#include "daemon/record.h"

enum limits_kind { LIMITS_SERVICE = 0, LIMITS_SOURCE, LIMITS_ACCOUNT, LIMITS_KINDS };

/* Builds canonical limits from the LIMIT_* lists of a request: checks each entry (service name,
   CIDR made canonical, account name), sorts, drops doubles. 0; -EINVAL with *ret_bad the entry that
   is wrong and *ret_kind its kind. No lists at all: len 0. */
int limits_from_request(const struct wire_message *request, struct record_limits *ret,
                        struct view *ret_bad, enum limits_kind *ret_kind);

/* True where stored bytes are well-formed and canonical. What is not makes the row unusable. */
bool limits_is_valid(const struct record_limits *l);

/* How many entries of a kind, and one of them (a view into l). */
unsigned limits_count(const struct record_limits *l, enum limits_kind kind);
struct view limits_entry(const struct record_limits *l, enum limits_kind kind, unsigned index);

/* Is it allowed by this kind's list? No list: yes. A list and an empty or (source) non-numeric
 * value: no. */
bool limits_allow(const struct record_limits *l, enum limits_kind kind, struct view value);

/* Puts the lists into an answer's LIMIT_* fields. Views point into l. */
void limits_put(const struct record_limits *l, struct wire_message *answer);
