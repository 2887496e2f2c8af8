/* The bytes of every message: what is built becomes them, and they decode to what was built. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire.h"
#include "common/wire_schema.h"
#include "tests/unit/wire_golden.h"

static void check_sample(const struct wire_message *m, unsigned number)
{
        enum wire_field field = (enum wire_field)number;
        const struct view *entries;
        size_t len;

        assert_true(wire_has(m, field));
        switch (wire_field_rule(number)->kind) {
        case WIRE_KIND_TEXT:
        case WIRE_KIND_SECRET:
        case WIRE_KIND_BYTES:
                assert_true(view_equal_str(wire_text(m, field), samples[number].text));
                break;
        case WIRE_KIND_NUMBER:
                if (field != WIRE_F_VERDICT)
                        assert_true(wire_number(m, field, 0) == samples[number].number);
                break;
        case WIRE_KIND_LIST:
                entries = wire_list(m, field, &len);
                assert_int_equal(len, 2);
                assert_true(view_equal_str(entries[0], samples[number].text));
                assert_true(view_equal_str(entries[1], "2nd"));
                break;
        case WIRE_KIND_NONE: fail();
        }
}

static void check_golden(const struct golden *g)
{
        uint8_t want[WIRE_PACKET_MAX], have[WIRE_PACKET_MAX];
        size_t want_len = unhex(g->hex, want), have_len;
        struct wire_message m, back;

        build(g, 0, &m);
        assert_int_equal(wire_encode(&m, have, sizeof(have), &have_len), 0);
        assert_int_equal(have_len, want_len);
        assert_memory_equal(have, want, want_len);

        assert_int_equal(wire_decode(want, want_len, &back), 0);
        assert_int_equal(back.magic, g->magic);
        assert_int_equal(back.verb, g->verb);
        assert_memory_equal(back.nonce, nonce, sizeof(nonce));
        for (unsigned f = 1; f < WIRE_FIELD_COUNT; f++) {
                if (is_listed(g->needs, sizeof(g->needs), f) ||
                    is_listed(g->takes, sizeof(g->takes), f))
                        check_sample(&back, f);
                else
                        assert_false(wire_has(&back, (enum wire_field)f));
        }
}

static void test_requests(void **state)
{
        (void)state;
        for (size_t i = 0; i < REQUESTS; i++)
                check_golden(&requests[i]);
}

static void test_answers(void **state)
{
        (void)state;
        for (size_t i = 0; i < ANSWERS; i++)
                check_golden(&answers[i]);
}

static void test_every_verb_and_magic_is_here(void **state)
{
        static const uint32_t magics[] = {WIRE_ALLOW,   WIRE_VERDICT,    WIRE_DONE,
                                          WIRE_ROW,     WIRE_END,        WIRE_NEW_TOKEN,
                                          WIRE_REFUSED, WIRE_UNAVAILABLE};

        (void)state;
        assert_int_equal(REQUESTS, WIRE_VERB_COUNT - 1);
        for (unsigned i = 0; i < REQUESTS; i++)
                assert_int_equal(requests[i].verb, i + 1);
        for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
                size_t at = 0;

                while (at < ANSWERS && answers[at].magic != magics[i])
                        at++;
                assert_true(at < ANSWERS);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_requests),
                cmocka_unit_test(test_answers),
                cmocka_unit_test(test_every_verb_and_magic_is_here),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests_name("wire_golden", tests, NULL, NULL);
}
