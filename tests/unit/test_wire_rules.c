/* What each verb and answer takes: what PROTOCOL.md lists is accepted, anything more or less
   refused, in both directions. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/verdict.h"
#include "common/wire.h"
#include "tests/unit/wire_golden.h"

/* Encodes what wire_encode() refuses: under a verb and magic that carry the fields, then renamed.
   An answer of DONE to CHECK takes them all but a token and a ticket. */
static int decode_as(const struct wire_message *m, uint32_t magic, enum wire_verb verb)
{
        uint8_t buf[WIRE_PACKET_MAX], head[WIRE_HEADER_LEN];
        struct wire_message carrier = *m, empty;
        size_t len, head_len;

        carrier.magic = wire_has(m, WIRE_F_TOKEN) ? WIRE_NEW_TOKEN : WIRE_DONE;
        carrier.verb = wire_has(m, WIRE_F_TOKEN) ? WIRE_V_ROTATE : WIRE_V_CHECK;
        assert_int_equal(wire_encode(&carrier, buf, sizeof(buf), &len), 0);
        wire_init(&empty, WIRE_UNAVAILABLE, verb, nonce);
        assert_int_equal(wire_encode(&empty, head, sizeof(head), &head_len), 0);
        for (unsigned i = 0; i < 4; i++)
                buf[i] = (uint8_t)(magic >> (8 * i));
        memcpy(buf + 4, head + 4, 2);
        return wire_decode(buf, len, &empty);
}

/* True where decode_as() can carry it. */
static bool can_be_carried(const struct wire_message *m)
{
        return !wire_has(m, WIRE_F_TICKET) &&
               (!wire_has(m, WIRE_F_TOKEN) ||
                (wire_has(m, WIRE_F_KEY_ID) && wire_has(m, WIRE_F_NAME) &&
                 wire_has(m, WIRE_F_CREATED_AT)));
}

/* g is refused without each field that it needs, and accepted without each that it only takes. */
static void check_without(const struct golden *g, int refusal)
{
        uint8_t buf[WIRE_PACKET_MAX];
        struct wire_message m;
        size_t len;

        for (size_t i = 0; i < sizeof(g->needs) && g->needs[i]; i++) {
                build(g, g->needs[i], &m);
                assert_int_equal(wire_encode(&m, buf, sizeof(buf), &len), -EINVAL);
                if (can_be_carried(&m))
                        assert_int_equal(decode_as(&m, g->magic, g->verb), refusal);
        }
        for (size_t i = 0; i < sizeof(g->takes) && g->takes[i]; i++) {
                build(g, g->takes[i], &m);
                assert_int_equal(wire_encode(&m, buf, sizeof(buf), &len), 0);
                assert_int_equal(wire_decode(buf, len, &m), 0);
        }
}

/* g with one field more is refused. */
static void check_with(const struct golden *g, unsigned field, int refusal)
{
        uint8_t buf[WIRE_PACKET_MAX];
        struct wire_message m;
        size_t len;

        build(g, 0, &m);
        put_sample(&m, field);
        assert_int_equal(wire_encode(&m, buf, sizeof(buf), &len), -EINVAL);
        if (can_be_carried(&m))
                assert_int_equal(decode_as(&m, g->magic, g->verb), refusal);
}

static void check_closed(const struct golden *g, int refusal)
{
        for (unsigned f = 1; f < WIRE_FIELD_COUNT; f++) {
                if (!is_listed(g->needs, sizeof(g->needs), f) &&
                    !is_listed(g->takes, sizeof(g->takes), f))
                        check_with(g, f, refusal);
        }
}

static void test_request_takes_its_fields_only(void **state)
{
        (void)state;
        for (size_t i = 0; i < REQUESTS; i++) {
                check_without(&requests[i], -EBADR);
                check_closed(&requests[i], -EBADR);
        }
}

static void test_answer_takes_its_fields_only(void **state)
{
        (void)state;
        /* The first is ALLOW with all that it may have; the verdict itself is
         * test_verdict_fits_magic's. */
        check_closed(&answers[0], -EPROTO);
        for (size_t i = 0; i < ANSWERS; i++) {
                const struct golden *g = &answers[i];

                check_without(g, -EPROTO);
                if (g->magic == WIRE_VERDICT || g->magic == WIRE_REFUSED ||
                    g->magic == WIRE_UNAVAILABLE)
                        check_closed(g, -EPROTO);
                if (g->magic != WIRE_NEW_TOKEN)
                        check_with(g, WIRE_F_TOKEN, -EPROTO);
                if (g->magic != WIRE_ALLOW)
                        check_with(g, WIRE_F_TICKET, -EPROTO);
        }
}

/* Which answers a verb may get, said once more; UNAVAILABLE and REFUSED any may. */
static bool may_answer(uint32_t magic, enum wire_verb verb)
{
        const char *name = wire_verb_to_string(verb);
        bool is_check = verb <= WIRE_V_SESSION_CHECK;
        bool is_list = strstr(name, "_LIST") || verb == WIRE_V_STATUS || verb == WIRE_V_WHOAMI;
        bool makes_token = strcmp(name, "KEY_CREATE") == 0 || strcmp(name, "PAT_CREATE") == 0 ||
                           strcmp(name, "ROTATE") == 0;

        switch (magic) {
        case WIRE_REFUSED:
        case WIRE_UNAVAILABLE: return true;
        case WIRE_ALLOW:
        case WIRE_VERDICT: return is_check;
        case WIRE_ROW:
        case WIRE_END: return is_list;
        case WIRE_NEW_TOKEN: return makes_token;
        default: return verb == WIRE_V_SESSION_CHECK || (!is_check && !is_list && !makes_token);
        }
}

static void test_answer_suits_its_verb(void **state)
{
        (void)state;
        for (size_t i = 1; i < ANSWERS; i++) {
                for (unsigned v = 1; v < WIRE_VERB_COUNT; v++) {
                        bool may = may_answer(answers[i].magic, (enum wire_verb)v);
                        uint8_t buf[WIRE_PACKET_MAX];
                        size_t len = unhex(answers[i].hex, buf);
                        struct wire_message m;

                        buf[4] = (uint8_t)v;
                        assert_int_equal(wire_decode(buf, len, &m), may ? 0 : -EPROTO);
                        build(&answers[i], 0, &m);
                        m.verb = (enum wire_verb)v;
                        assert_int_equal(wire_encode(&m, buf, sizeof(buf), &len),
                                         may ? 0 : -EINVAL);
                }
        }
}

/* A message whose verdict is number, in both directions. */
static int code_verdict(uint32_t magic, enum wire_verb verb, int64_t number)
{
        uint8_t buf[WIRE_PACKET_MAX];
        struct wire_message m, back;
        size_t len;
        int encoded, decoded;

        wire_init(&m, magic, verb, nonce);
        if (magic == WIRE_ALLOW) {
                put_sample(&m, WIRE_F_ORG);
                put_sample(&m, WIRE_F_KEY_ID);
        }
        /* Encoded with a number that fits, and then changed: it stands last. */
        put_sample(&m, WIRE_F_VERDICT);
        assert_int_equal(wire_encode(&m, buf, sizeof(buf), &len), 0);
        for (unsigned i = 0; i < 8; i++)
                buf[len - 8 + i] = (uint8_t)((uint64_t)number >> (8 * i));
        decoded = wire_decode(buf, len, &back);
        wire_put_number(&m, WIRE_F_VERDICT, number);
        encoded = wire_encode(&m, buf, sizeof(buf), &len);
        assert_int_equal(encoded, decoded == 0 ? 0 : -EINVAL);
        return decoded;
}

static void check_verdict(int64_t number)
{
        bool is_verdict = number >= VERDICT_MALFORMED && number <= VERDICT_ALLOW;
        bool is_allow = number == VERDICT_ALLOW;

        assert_int_equal(code_verdict(WIRE_ALLOW, WIRE_V_VERIFY, number), is_allow ? 0 : -EPROTO);
        assert_int_equal(code_verdict(WIRE_VERDICT, WIRE_V_VERIFY, number),
                         is_verdict && !is_allow ? 0 : -EPROTO);
        assert_int_equal(code_verdict(WIRE_DONE, WIRE_V_CHECK, number), is_verdict ? 0 : -EPROTO);
}

static void test_verdict_fits_magic(void **state)
{
        static const int64_t far[] = {INT64_MIN, INT64_MAX, INT64_C(0x10000000a), UINT32_MAX};

        (void)state;
        for (int number = -300; number <= 300; number++)
                check_verdict(number);
        for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++)
                check_verdict(far[i]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_request_takes_its_fields_only),
                cmocka_unit_test(test_answer_takes_its_fields_only),
                cmocka_unit_test(test_answer_suits_its_verb),
                cmocka_unit_test(test_verdict_fits_magic),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests_name("wire_rules", tests, NULL, NULL);
}
