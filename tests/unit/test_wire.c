/* The protocol's encoding: what it carries comes out as it went in, and everything else is refused
   in both directions. The bytes themselves are fixed by test_wire_golden. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/name.h"
#include "common/verdict.h"
#include "common/wire.h"
#include "common/wire_schema.h"
#include "common/wirebuf.h"

static const uint8_t nonce[WIRE_NONCE_LEN] = {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
                                              0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf};

/* A packet made by hand. */
struct raw {
        struct wirebuf_writer w;
        uint8_t bytes[WIRE_PACKET_MAX + 128];
};

static void raw_begin(struct raw *raw, uint32_t magic, unsigned verb, unsigned fields)
{
        wirebuf_writer_init(&raw->w, raw->bytes, sizeof(raw->bytes));
        wirebuf_put_u32(&raw->w, magic);
        wirebuf_put_u16(&raw->w, (uint16_t)verb);
        wirebuf_put_u16(&raw->w, (uint16_t)fields);
        wirebuf_put_bytes(&raw->w, nonce, sizeof(nonce));
}

static void raw_bytes(struct raw *raw, unsigned tag, const void *bytes, size_t len)
{
        wirebuf_put_u16(&raw->w, (uint16_t)tag);
        wirebuf_put_u16(&raw->w, (uint16_t)len);
        wirebuf_put_bytes(&raw->w, bytes, len);
}

static void raw_text(struct raw *raw, unsigned tag, const char *text)
{
        raw_bytes(raw, tag, text, strlen(text));
}

static void raw_number(struct raw *raw, unsigned tag, int64_t number)
{
        wirebuf_put_u16(&raw->w, (uint16_t)tag);
        wirebuf_put_u16(&raw->w, 8);
        wirebuf_put_u64(&raw->w, (uint64_t)number);
}

/* From a heap copy of just that length, so that a sanitizer sees one byte too far. */
static int decode_copy(const uint8_t *bytes, size_t len, struct wire_message *m)
{
        uint8_t *copy = test_malloc(len ? len : 1);
        int r;

        memcpy(copy, bytes, len);
        r = wire_decode(copy, len, m);
        test_free(copy);
        return r;
}

static int raw_decode(const struct raw *raw)
{
        struct wire_message m;

        assert_false(raw->w.failed);
        return decode_copy(raw->bytes, raw->w.used, &m);
}

static void test_tables_are_whole(void **state)
{
        bool lists[WIRE_LISTS] = {false};

        (void)state;
        assert_int_equal(wire_field_rule(0)->kind, WIRE_KIND_NONE);
        assert_int_equal(wire_field_rule(WIRE_FIELD_COUNT)->kind, WIRE_KIND_NONE);
        for (unsigned f = 1; f < WIRE_FIELD_COUNT; f++) {
                const struct wire_field_rule *rule = wire_field_rule(f);

                assert_int_not_equal(rule->kind, WIRE_KIND_NONE);
                assert_in_range(rule->max, 1, WIRE_TEXT_MAX);
                if (rule->kind != WIRE_KIND_LIST)
                        continue;
                assert_in_range(rule->list, 0, WIRE_LISTS - 1);
                assert_false(lists[rule->list]);
                lists[rule->list] = true;
        }
        assert_false(wire_verb_is_valid(0));
        assert_false(wire_verb_is_valid(WIRE_VERB_COUNT));
        assert_false(wire_verb_is_valid(UINT32_MAX));
        assert_string_equal(wire_verb_to_string((enum wire_verb)0), "invalid");
        assert_string_equal(wire_verb_to_string(WIRE_VERB_COUNT), "invalid");
        assert_string_equal(wire_verb_to_string(WIRE_V_KEY_CREATE), "KEY_CREATE");
        for (unsigned v = 1; v < WIRE_VERB_COUNT; v++) {
                assert_true(wire_verb_is_valid(v));
                assert_int_not_equal(wire_verb_rule(v)->answers, 0);
        }
}

/* Widely spaced: no single bit, nor any three of them, turns one magic into another. */
static void test_magics_are_far_apart(void **state)
{
        static const uint32_t magics[] = {WIRE_REQUEST,   WIRE_ALLOW,   WIRE_VERDICT,
                                          WIRE_DONE,      WIRE_ROW,     WIRE_END,
                                          WIRE_NEW_TOKEN, WIRE_REFUSED, WIRE_UNAVAILABLE};
        const size_t count = sizeof(magics) / sizeof(magics[0]);

        (void)state;
        for (size_t i = 0; i < count; i++)
                for (size_t j = 0; j < i; j++)
                        assert_true(__builtin_popcount(magics[i] ^ magics[j]) >= 8);
}

/* A message whose memory held anything before. */
static void start(struct wire_message *m, uint32_t magic, enum wire_verb verb)
{
        memset(m, 0xff, sizeof(*m));
        wire_init(m, magic, verb, nonce);
}

static void test_empty_message_has_nothing(void **state)
{
        struct wire_message m;
        size_t len = 7;

        (void)state;
        start(&m, WIRE_REQUEST, WIRE_V_STATUS);
        for (unsigned f = 0; f <= WIRE_FIELD_COUNT + 70; f++) {
                assert_false(wire_has(&m, (enum wire_field)f));
                assert_null(wire_text(&m, (enum wire_field)f).ptr);
                assert_int_equal(wire_number(&m, (enum wire_field)f, -5), -5);
                assert_null(wire_list(&m, (enum wire_field)f, &len));
                assert_int_equal(len, 0);
        }
}

static void test_wrong_kind_reads_as_absent(void **state)
{
        struct wire_message m;
        size_t len = 7;

        (void)state;
        start(&m, WIRE_REQUEST, WIRE_V_PAT_CREATE);
        wire_put_text(&m, WIRE_F_NAME, VIEW("x"));
        wire_put_number(&m, WIRE_F_EXPIRES_AT, 3);
        assert_int_equal(wire_put_list(&m, WIRE_F_LIMIT_SERVICE, VIEW("sshd")), 0);
        assert_int_equal(wire_number(&m, WIRE_F_NAME, 9), 9);
        assert_null(wire_list(&m, WIRE_F_NAME, &len));
        assert_int_equal(len, 0);
        assert_null(wire_text(&m, WIRE_F_EXPIRES_AT).ptr);
        assert_null(wire_text(&m, WIRE_F_LIMIT_SERVICE).ptr);
        assert_int_equal(wire_number(&m, WIRE_F_LIMIT_SERVICE, 9), 9);
}

/* Our own mistakes must not send a message with something left out: a limit, say. */
static void test_misuse_spoils_the_message(void **state)
{
        uint8_t buf[WIRE_PACKET_MAX];
        size_t len;

        (void)state;
        for (int mistake = 0; mistake < 12; mistake++) {
                struct wire_message m;

                /* A request, and an answer that takes any field. */
                if (mistake % 2 == 0)
                        start(&m, WIRE_REQUEST, WIRE_V_PAT_CREATE);
                else
                        start(&m, WIRE_DONE, WIRE_V_PAT_RENAME);
                wire_put_text(&m, WIRE_F_NAME, VIEW("x"));
                assert_int_equal(wire_encode(&m, buf, sizeof(buf), &len), 0);
                switch (mistake / 2) {
                case 0: wire_put_text(&m, WIRE_F_EXPIRES_AT, VIEW("1")); break;
                case 1: wire_put_text(&m, WIRE_F_LIMIT_SERVICE, VIEW("sshd")); break;
                case 2: wire_put_number(&m, WIRE_F_USER, 1); break;
                case 3: assert_int_equal(wire_put_list(&m, WIRE_F_USER, VIEW("x")), -EINVAL); break;
                case 4: wire_put_text(&m, WIRE_FIELD_COUNT, VIEW("x")); break;
                case 5: wire_put_number(&m, (enum wire_field)0, 1); break;
                }
                assert_int_equal(wire_encode(&m, buf, sizeof(buf), &len), -EINVAL);
        }
}

static void test_absent_leaves_out(void **state)
{
        struct wire_message m;
        size_t len;

        (void)state;
        start(&m, WIRE_REQUEST, WIRE_V_PAT_CREATE);
        wire_put_text(&m, WIRE_F_NAME, VIEW_ABSENT);
        assert_int_equal(wire_put_list(&m, WIRE_F_LIMIT_SOURCE, VIEW_ABSENT), 0);
        assert_false(wire_has(&m, WIRE_F_NAME));
        assert_null(wire_list(&m, WIRE_F_LIMIT_SOURCE, &len));
}

/* A message with what its verb or magic needs, and nothing else. */
static void put_sample(struct wire_message *m, unsigned field)
{
        const struct wire_field_rule *rule = wire_field_rule(field);

        if (rule->kind == WIRE_KIND_NUMBER)
                wire_put_number(m, (enum wire_field)field, 1);
        else if (rule->kind == WIRE_KIND_LIST)
                assert_int_equal(wire_put_list(m, (enum wire_field)field, VIEW("entry")), 0);
        else
                wire_put_text(m, (enum wire_field)field, VIEW("text"));
}

static void start_with_needs(struct wire_message *m, uint32_t magic, enum wire_verb verb)
{
        const struct wire_fields *fields = magic == WIRE_REQUEST ? &wire_verb_rule(verb)->request
                                                                 : &wire_answer_rule(magic)->fields;

        start(m, magic, verb);
        for (size_t i = 0; i < WIRE_NEEDS_MAX && fields->needs[i]; i++)
                put_sample(m, fields->needs[i]);
        if (magic == WIRE_ALLOW)
                wire_put_number(m, WIRE_F_VERDICT, VERDICT_ALLOW);
}

/* Every text field at its bounds, through a request or answer that takes it. */
static void check_text_field(uint32_t magic, enum wire_verb verb, enum wire_field field)
{
        const struct wire_field_rule *rule = wire_field_rule(field);
        char text[WIRE_TEXT_MAX + 2];
        const struct {
                size_t len;
                int r;
        } cases[] = {{0, -EINVAL}, {1, 0}, {rule->max, 0}, {rule->max + 1U, -EINVAL}};

        memset(text, 'x', sizeof(text));
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                uint8_t buf[WIRE_PACKET_MAX];
                struct wire_message m, back;
                size_t len, entries;

                start_with_needs(&m, magic, verb);
                if (rule->kind == WIRE_KIND_LIST)
                        assert_int_equal(
                                wire_put_list(&m, field, view_of_bytes(text, cases[i].len)), 0);
                else
                        wire_put_text(&m, field, view_of_bytes(text, cases[i].len));
                assert_int_equal(wire_encode(&m, buf, sizeof(buf), &len), cases[i].r);
                if (cases[i].r < 0)
                        continue;
                assert_int_equal(wire_decode(buf, len, &back), 0);
                if (rule->kind == WIRE_KIND_LIST)
                        assert_int_equal(wire_list(&back, field, &entries)->len, cases[i].len);
                else
                        assert_int_equal(wire_text(&back, field).len, cases[i].len);
        }
}

/* Each byte value alone in a text: control characters are refused by both ends, all others pass. */
static void check_text_bytes(uint32_t magic, enum wire_verb verb, enum wire_field field)
{
        const struct wire_field_rule *rule = wire_field_rule(field);

        for (unsigned c = 0; c < 256; c++) {
                bool refused = rule->kind != WIRE_KIND_BYTES && (c < 0x20 || c == 0x7f);
                char text[3] = {'a', 'Z', 'b'};
                uint8_t buf[WIRE_PACKET_MAX];
                struct wire_message m;
                uint8_t *in_packet;
                size_t len;

                start_with_needs(&m, magic, verb);
                if (rule->kind == WIRE_KIND_LIST)
                        assert_int_equal(wire_put_list(&m, field, view_of_bytes(text, 3)), 0);
                else
                        wire_put_text(&m, field, view_of_bytes(text, 3));
                assert_int_equal(wire_encode(&m, buf, sizeof(buf), &len), 0);
                in_packet = memmem(buf, len, "aZb", 3);
                assert_non_null(in_packet);
                in_packet[1] = (uint8_t)c;
                assert_int_equal(decode_copy(buf, len, &m), refused ? -EPROTO : 0);
                text[1] = (char)c;
                start_with_needs(&m, magic, verb);
                if (rule->kind == WIRE_KIND_LIST)
                        assert_int_equal(wire_put_list(&m, field, view_of_bytes(text, 3)), 0);
                else
                        wire_put_text(&m, field, view_of_bytes(text, 3));
                assert_int_equal(wire_encode(&m, buf, sizeof(buf), &len), refused ? -EINVAL : 0);
        }
}

/* A message that carries a field: an open answer, or for a token or ticket its own. */
static void carrier_of(enum wire_field field, uint32_t *ret_magic, enum wire_verb *ret_verb)
{
        *ret_magic = WIRE_DONE;
        *ret_verb = WIRE_V_CHECK;
        if (field == WIRE_F_TOKEN) {
                *ret_magic = WIRE_NEW_TOKEN;
                *ret_verb = WIRE_V_ROTATE;
        } else if (field == WIRE_F_TICKET) {
                *ret_magic = WIRE_REQUEST;
                *ret_verb = WIRE_V_ACCOUNT_CHECK;
        }
}

static void test_texts(void **state)
{
        (void)state;
        for (unsigned f = 1; f < WIRE_FIELD_COUNT; f++) {
                enum wire_verb verb;
                uint32_t magic;

                if (wire_field_rule(f)->kind == WIRE_KIND_NUMBER)
                        continue;
                carrier_of((enum wire_field)f, &magic, &verb);
                check_text_field(magic, verb, (enum wire_field)f);
                check_text_bytes(magic, verb, (enum wire_field)f);
        }
}

static void test_numbers(void **state)
{
        static const int64_t numbers[] = {0, 1, -1, 255, 256, INT64_MAX, INT64_MIN, UINT32_MAX};

        (void)state;
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
                uint8_t buf[WIRE_PACKET_MAX];
                struct wire_message m, back;
                size_t len;

                start(&m, WIRE_DONE, WIRE_V_ORG_DELETE);
                wire_put_number(&m, WIRE_F_COUNT, numbers[i]);
                assert_int_equal(wire_encode(&m, buf, sizeof(buf), &len), 0);
                assert_int_equal(wire_decode(buf, len, &back), 0);
                assert_true(wire_number(&back, WIRE_F_COUNT, 77) == numbers[i]);
        }
        /* The length said, and the bytes there; 8 are there whatever is said. */
        for (size_t len = 0; len <= 16; len++) {
                struct raw raw;

                raw_begin(&raw, WIRE_DONE, WIRE_V_ORG_DELETE, 1);
                raw_bytes(&raw, WIRE_F_COUNT, nonce, len);
                assert_int_equal(raw_decode(&raw), len == 8 ? 0 : -EPROTO);
                raw_begin(&raw, WIRE_DONE, WIRE_V_ORG_DELETE, 1);
                raw_number(&raw, WIRE_F_COUNT, 1);
                raw.bytes[WIRE_HEADER_LEN + 2] = (uint8_t)len;
                assert_int_equal(raw_decode(&raw), len == 8 ? 0 : -EPROTO);
        }
}

static void test_lists(void **state)
{
        uint8_t buf[WIRE_PACKET_MAX];
        struct wire_message m, back;
        const struct view *entries;
        char texts[WIRE_LIST_MAX][4];
        struct raw raw;
        size_t len;

        (void)state;
        start_with_needs(&m, WIRE_REQUEST, WIRE_V_PAT_CREATE);
        for (unsigned i = 0; i < WIRE_LIST_MAX; i++) {
                (void)snprintf(texts[i], sizeof(texts[i]), "s%02u", i);
                assert_int_equal(wire_put_list(&m, WIRE_F_LIMIT_SERVICE, view_of(texts[i])), 0);
        }
        assert_int_equal(wire_put_list(&m, WIRE_F_LIMIT_SERVICE, VIEW("x")), -E2BIG);
        assert_int_equal(wire_put_list(&m, WIRE_F_LIMIT_ACCOUNT, VIEW("one")), 0);
        assert_int_equal(wire_encode(&m, buf, sizeof(buf), &len), 0);
        assert_int_equal(wire_decode(buf, len, &back), 0);
        entries = wire_list(&back, WIRE_F_LIMIT_SERVICE, &len);
        assert_int_equal(len, WIRE_LIST_MAX);
        for (unsigned i = 0; i < WIRE_LIST_MAX; i++)
                assert_true(view_equal_str(entries[i], texts[i]));
        assert_null(wire_list(&back, WIRE_F_LIMIT_SOURCE, &len));
        entries = wire_list(&back, WIRE_F_LIMIT_ACCOUNT, &len);
        assert_int_equal(len, 1);
        assert_true(view_equal_str(entries[0], "one"));

        for (unsigned n = WIRE_LIST_MAX; n <= WIRE_LIST_MAX + 1; n++) {
                raw_begin(&raw, WIRE_DONE, WIRE_V_CHECK, n);
                for (unsigned i = 0; i < n; i++)
                        raw_text(&raw, WIRE_F_EXPLANATION, "step");
                assert_int_equal(raw_decode(&raw), n <= WIRE_LIST_MAX ? 0 : -EPROTO);
        }
        /* Two runs of one list with another field between them: descending tags. */
        raw_begin(&raw, WIRE_DONE, WIRE_V_CHECK, 3);
        raw_text(&raw, WIRE_F_EXPLANATION, "step");
        raw_text(&raw, WIRE_F_ORG_NAMED_BY, "key");
        raw_text(&raw, WIRE_F_EXPLANATION, "step");
        assert_int_equal(raw_decode(&raw), -EPROTO);
        raw_begin(&raw, WIRE_DONE, WIRE_V_CHECK, 1);
        raw_text(&raw, WIRE_F_EXPLANATION, "");
        assert_int_equal(raw_decode(&raw), -EPROTO);
}

static void test_header(void **state)
{
        struct raw raw;

        (void)state;
        for (size_t len = 0; len <= WIRE_HEADER_LEN; len++) {
                raw_begin(&raw, WIRE_REQUEST, WIRE_V_STATUS, 0);
                raw.w.used = len;
                assert_int_equal(raw_decode(&raw), len == WIRE_HEADER_LEN ? 0 : -EPROTO);
        }
        for (unsigned bit = 0; bit < 64; bit++) {
                raw_begin(&raw, WIRE_UNAVAILABLE, WIRE_V_STATUS, 0);
                raw.bytes[bit / 8] ^= (uint8_t)(1U << (bit % 8));
                /* Of magic, verb and count only the verb's low bits lead to another message. */
                if (bit < 32 || bit >= 48)
                        assert_int_equal(raw_decode(&raw), -EPROTO);
        }
        for (unsigned verb = 0; verb <= UINT16_MAX; verb++) {
                raw_begin(&raw, WIRE_UNAVAILABLE, verb, 0);
                assert_int_equal(raw_decode(&raw),
                                 verb > 0 && verb < WIRE_VERB_COUNT ? 0 : -EPROTO);
        }
}

static void test_field_order_and_count(void **state)
{
        static const struct {
                const char *what;
                unsigned count, tags[3];
                int r;
        } cases[] = {
                {"as it should be", 2, {WIRE_F_COUNT, WIRE_F_KEYS}, 0},
                {"one more said", 3, {WIRE_F_COUNT, WIRE_F_KEYS}, -EPROTO},
                {"one fewer said", 1, {WIRE_F_COUNT, WIRE_F_KEYS}, -EPROTO},
                {"most said", UINT16_MAX, {WIRE_F_COUNT, WIRE_F_KEYS}, -EPROTO},
                {"descending", 2, {WIRE_F_KEYS, WIRE_F_COUNT}, -EPROTO},
                {"twice", 2, {WIRE_F_COUNT, WIRE_F_COUNT}, -EPROTO},
                {"unknown", 2, {WIRE_F_COUNT, WIRE_FIELD_COUNT}, -EPROTO},
                {"unknown, far", 2, {WIRE_F_COUNT, UINT16_MAX}, -EPROTO},
        };
        struct raw raw;

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                raw_begin(&raw, WIRE_DONE, WIRE_V_REVOKE_ALL, cases[i].count);
                for (size_t j = 0; j < 3 && cases[i].tags[j]; j++)
                        raw_number(&raw, cases[i].tags[j], 1);
                if (raw_decode(&raw) != cases[i].r)
                        fail_msg("%s", cases[i].what);
        }
        raw_begin(&raw, WIRE_DONE, WIRE_V_REVOKE_ALL, 1);
        raw_number(&raw, 0, 1);
        assert_int_equal(raw_decode(&raw), -EPROTO);
        raw_begin(&raw, WIRE_DONE, WIRE_V_REVOKE_ALL, 0);
        wirebuf_put_u8(&raw.w, 0);
        assert_int_equal(raw_decode(&raw), -EPROTO);
        /* A length that reaches past the end. */
        raw_begin(&raw, WIRE_REQUEST, WIRE_V_ORG_SHOW, 1);
        raw_text(&raw, WIRE_F_ORG, "acme");
        raw.w.used--;
        assert_int_equal(raw_decode(&raw), -EPROTO);
}

static void test_packet_sizes(void **state)
{
        uint8_t buf[2 * WIRE_PACKET_MAX] = {0};
        char entry[NAME_ITEM_MAX];
        struct wire_message m;
        struct raw raw;
        size_t len, full;

        (void)state;
        memset(entry, 'x', sizeof(entry));
        start(&m, WIRE_REQUEST, WIRE_V_ORG_SHOW);
        wire_put_text(&m, WIRE_F_ORG, VIEW("acme"));
        assert_int_equal(wire_encode(&m, buf, sizeof(buf), &full), 0);
        for (size_t size = 0; size < full; size++)
                assert_int_equal(wire_encode(&m, buf, size, &len), -EMSGSIZE);
        assert_int_equal(wire_encode(&m, buf, full, &len), 0);

        /* 15 entries of 259 bytes, and one that just fills the packet, or is one too long. */
        for (size_t more = 0; more <= 1; more++) {
                size_t last = WIRE_PACKET_MAX - WIRE_HEADER_LEN - 15 * (4 + sizeof(entry)) - 4;

                start(&m, WIRE_DONE, WIRE_V_CHECK);
                for (unsigned i = 0; i < 15; i++)
                        assert_int_equal(wire_put_list(&m, WIRE_F_EXPLANATION,
                                                       view_of_bytes(entry, sizeof(entry))),
                                         0);
                assert_int_equal(
                        wire_put_list(&m, WIRE_F_EXPLANATION, view_of_bytes(entry, last + more)),
                        0);
                assert_int_equal(wire_encode(&m, buf, sizeof(buf), &len), more ? -EMSGSIZE : 0);
        }
        assert_int_equal(len, WIRE_PACKET_MAX);
        /* Whole and well-formed, but a byte too long. */
        raw_begin(&raw, WIRE_DONE, WIRE_V_CHECK, WIRE_LIST_MAX);
        for (unsigned i = 0; i < 15; i++)
                raw_bytes(&raw, WIRE_F_EXPLANATION, entry, sizeof(entry));
        raw_bytes(&raw, WIRE_F_EXPLANATION, entry, WIRE_PACKET_MAX + 1 - raw.w.used - 4);
        assert_int_equal(raw.w.used, WIRE_PACKET_MAX + 1);
        assert_int_equal(raw_decode(&raw), -EPROTO);
}

/* What the fullest row of a key list can be with the names that the daemon makes (common/name.h).
 */
static void test_fullest_row_fits(void **state)
{
        static const unsigned texts[] = {WIRE_F_USER, WIRE_F_LAST_SERVICE, WIRE_F_LAST_ACCOUNT};
        static const unsigned numbers[] = {WIRE_F_EXPIRES_AT,   WIRE_F_STATE,
                                           WIRE_F_CREATED_AT,   WIRE_F_ENDED_AT,
                                           WIRE_F_LAST_USED_AT, WIRE_F_KIND};
        char text[NAME_LABEL_BYTES];
        const struct view user = view_of_bytes(text, NAME_USER_MAX);
        const struct view cidr = VIEW("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff/128");
        uint8_t buf[WIRE_PACKET_MAX];
        struct wire_message m;
        size_t len;

        (void)state;
        memset(text, 'x', sizeof(text));
        start(&m, WIRE_ROW, WIRE_V_PAT_LIST);
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                wire_put_text(&m, (enum wire_field)texts[i], user);
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
                wire_put_number(&m, (enum wire_field)numbers[i], 1);
        wire_put_text(&m, WIRE_F_NAME, view_of_bytes(text, NAME_LABEL_BYTES));
        wire_put_text(&m, WIRE_F_KEY_ID, VIEW("pat_0123456789"));
        wire_put_text(&m, WIRE_F_SUCCESSOR, VIEW("pat_0123456789"));
        wire_put_text(&m, WIRE_F_ENDED_REASON, VIEW("not-delivered"));
        wire_put_text(&m, WIRE_F_LAST_SOURCE, cidr);
        wire_put_text(&m, WIRE_F_LAST_ORG, view_of_bytes(text, NAME_ORG_MAX));
        for (unsigned i = 0; i < WIRE_LIST_MAX; i++) {
                assert_int_equal(wire_put_list(&m, WIRE_F_LIMIT_SERVICE, user), 0);
                assert_int_equal(wire_put_list(&m, WIRE_F_LIMIT_SOURCE, cidr), 0);
                assert_int_equal(wire_put_list(&m, WIRE_F_LIMIT_ACCOUNT, user), 0);
        }
        assert_int_equal(wire_encode(&m, buf, sizeof(buf), &len), 0);
}

static void test_answer_to(void **state)
{
        struct wire_message request, reply;

        (void)state;
        start(&request, WIRE_REQUEST, WIRE_V_VERIFY);
        start(&reply, WIRE_ALLOW, WIRE_V_VERIFY);
        assert_true(wire_is_answer_to(&reply, &request));
        for (unsigned bit = 0; bit < 8 * WIRE_NONCE_LEN; bit++) {
                reply.nonce[bit / 8] ^= (uint8_t)(1U << (bit % 8));
                assert_false(wire_is_answer_to(&reply, &request));
                reply.nonce[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        }
        reply.verb = WIRE_V_SESSION_CHECK;
        assert_false(wire_is_answer_to(&reply, &request));
        reply.verb = WIRE_V_VERIFY;
        for (unsigned bit = 0; bit < 32; bit++) {
                reply.magic = WIRE_ALLOW ^ UINT32_C(1) << bit;
                assert_false(wire_is_answer_to(&reply, &request));
        }
        assert_false(wire_is_answer_to(&request, &request));
}

static void test_reference(void **state)
{
        char text[WIRE_REFERENCE_SIZE];

        (void)state;
        wire_reference(nonce, text);
        assert_string_equal(text, "a0a1a2a3a4a5a6a7");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tables_are_whole),
                cmocka_unit_test(test_magics_are_far_apart),
                cmocka_unit_test(test_empty_message_has_nothing),
                cmocka_unit_test(test_wrong_kind_reads_as_absent),
                cmocka_unit_test(test_misuse_spoils_the_message),
                cmocka_unit_test(test_absent_leaves_out),
                cmocka_unit_test(test_texts),
                cmocka_unit_test(test_numbers),
                cmocka_unit_test(test_lists),
                cmocka_unit_test(test_header),
                cmocka_unit_test(test_field_order_and_count),
                cmocka_unit_test(test_packet_sizes),
                cmocka_unit_test(test_fullest_row_fits),
                cmocka_unit_test(test_answer_to),
                cmocka_unit_test(test_reference),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
