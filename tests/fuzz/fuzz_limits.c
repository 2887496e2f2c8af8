/*
 * Limits in both directions. As stored bytes: what is called valid has exactly one encoding, and
 * what is not allows nothing. As a request: what is accepted is valid, and says the same when it is
 * asked again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t nonce[WIRE_NONCE_LEN];
static const enum wire_field fields[LIMITS_KINDS] = {WIRE_F_LIMIT_SERVICE, WIRE_F_LIMIT_SOURCE,
                                                     WIRE_F_LIMIT_ACCOUNT};

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void require_same_again(const struct record_limits *l)
{
        struct wire_message m;
        struct record_limits again;
        struct view bad;
        enum limits_kind kind;

        wire_init(&m, WIRE_ROW, WIRE_V_KEY_LIST, nonce);
        limits_put(l, &m);
        require(limits_from_request(&m, &again, &bad, &kind) == 0);
        require(again.len == l->len && memcmp(again.bytes, l->bytes, l->len) == 0);
}

/* Every entry of a list is within it; a source needs an address, which a network with a length is
 * not. */
static void require_allows_its_own(const struct record_limits *l)
{
        for (unsigned kind = 0; kind < LIMITS_KINDS; kind++) {
                unsigned count = limits_count(l, (enum limits_kind)kind);

                require(count <= WIRE_LIST_MAX);
                require(limits_allow(l, (enum limits_kind)kind, VIEW_ABSENT) == (count == 0));
                for (unsigned i = 0; i < count; i++) {
                        struct view entry = limits_entry(l, (enum limits_kind)kind, i);

                        require(!view_is_empty(entry));
                        if (!memchr(entry.ptr, '/', entry.len))
                                require(limits_allow(l, (enum limits_kind)kind, entry));
                }
                require(!limits_entry(l, (enum limits_kind)kind, count).ptr);
        }
}

static void as_stored(const uint8_t *data, size_t size)
{
        struct record_limits l = {0};

        l.len = (uint16_t)(size < sizeof(l.bytes) ? size : sizeof(l.bytes));
        if (l.len > 0)
                memcpy(l.bytes, data, l.len);
        if (!limits_is_valid(&l)) {
                for (unsigned kind = 0; kind < LIMITS_KINDS; kind++)
                        require(!limits_allow(&l, (enum limits_kind)kind, VIEW("10.0.0.1")));
                return;
        }
        require_same_again(&l);
        require_allows_its_own(&l);
}

/* One entry a line, the kinds in turn. */
static void as_request(const uint8_t *data, size_t size)
{
        struct wire_message m;
        struct record_limits l;
        struct view bad = VIEW_ABSENT, left = view_of_bytes(data, size);
        enum limits_kind kind = LIMITS_KINDS;

        wire_init(&m, WIRE_REQUEST, WIRE_V_KEY_CREATE, nonce);
        for (unsigned i = 0; left.len > 0; i++) {
                const char *end = memchr(left.ptr, '\n', left.len);
                size_t len = end ? (size_t)(end - left.ptr) : left.len;

                (void)wire_put_list(&m, fields[i % LIMITS_KINDS], view_of_bytes(left.ptr, len));
                left.ptr += end ? len + 1 : len;
                left.len -= end ? len + 1 : len;
        }
        if (limits_from_request(&m, &l, &bad, &kind) < 0) {
                require(bad.ptr && kind < LIMITS_KINDS);
                return;
        }
        require(limits_is_valid(&l));
        require_same_again(&l);
        require_allows_its_own(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        as_stored(data, size);
        as_request(data, size);
        return 0;
}
