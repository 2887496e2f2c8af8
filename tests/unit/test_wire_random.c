/* Random messages: what was encoded decodes to the same, and mutated packets do no harm and have
   one form. The seed is fixed: a failure repeats. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/verdict.h"
#include "common/wire.h"
#include "common/wire_schema.h"

#define MUTATIONS 100000

static uint64_t random_state = 0x9e3779b97f4a7c15;

static unsigned pick(unsigned below)
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (unsigned)((random_state >> 11) % below);
}

static char random_texts[64][WIRE_TEXT_MAX];

static struct view random_text(const struct wire_field_rule *rule, size_t *used)
{
        char *text = random_texts[(*used)++ % 64];
        size_t longest = rule->max < 24 || pick(20) == 0 ? rule->max : 24;
        size_t len = 1 + pick((unsigned)longest);

        for (size_t i = 0; i < len; i++) {
                unsigned c = rule->kind == WIRE_KIND_BYTES ? pick(256) : 0x20 + pick(224);

                text[i] = (char)(c == 0x7f ? '~' : c);
        }
        return view_of_bytes(text, len);
}

static void put_random(struct wire_message *m, unsigned f, size_t *texts_used)
{
        const struct wire_field_rule *rule = wire_field_rule(f);
        unsigned n = 1 + pick(4);

        if (rule->kind == WIRE_KIND_NUMBER)
                wire_put_number(m, (enum wire_field)f,
                                (int64_t)pick(UINT32_MAX) - (INT64_C(1) << 31));
        else if (rule->kind != WIRE_KIND_LIST)
                wire_put_text(m, (enum wire_field)f, random_text(rule, texts_used));
        for (unsigned i = 0; rule->kind == WIRE_KIND_LIST && i < n; i++)
                assert_int_equal(
                        wire_put_list(m, (enum wire_field)f, random_text(rule, texts_used)), 0);
}

/* Some valid request or answer, of few enough fields to fit. */
static void make_random(struct wire_message *m)
{
        static const struct {
                uint32_t magic;
                enum wire_verb verb;
        } answers[] = {{WIRE_ALLOW, WIRE_V_VERIFY},
                       {WIRE_VERDICT, WIRE_V_ACCOUNT_CHECK},
                       {WIRE_DONE, WIRE_V_CHECK},
                       {WIRE_ROW, WIRE_V_KEY_LIST},
                       {WIRE_END, WIRE_V_PAT_LIST},
                       {WIRE_NEW_TOKEN, WIRE_V_PAT_CREATE},
                       {WIRE_REFUSED, WIRE_V_MEMBER_REMOVE},
                       {WIRE_UNAVAILABLE, WIRE_V_STATUS}};
        unsigned which = pick(16);
        enum wire_verb verb = (enum wire_verb)(1 + pick(WIRE_VERB_COUNT - 1));
        uint32_t magic = which < 8 ? answers[which].magic : WIRE_REQUEST;
        const struct wire_fields *fields =
                which < 8 ? &wire_answer_rule(magic)->fields : &wire_verb_rule(verb)->request;
        uint8_t nonce[WIRE_NONCE_LEN];
        size_t used = 0;

        for (size_t i = 0; i < WIRE_NONCE_LEN; i++)
                nonce[i] = (uint8_t)pick(256);
        wire_init(m, magic, which < 8 ? answers[which].verb : verb, nonce);
        for (size_t i = 0; i < WIRE_NEEDS_MAX && fields->needs[i]; i++)
                put_random(m, fields->needs[i], &used);
        for (size_t i = 0; i < WIRE_TAKES_MAX && fields->takes[i]; i++)
                if (pick(2))
                        put_random(m, fields->takes[i], &used);
        for (unsigned f = WIRE_F_TICKET + 1; fields->open && f < WIRE_FIELD_COUNT; f++)
                if (pick(6) == 0 && !wire_has(m, (enum wire_field)f))
                        put_random(m, f, &used);
        if (wire_has(m, WIRE_F_VERDICT))
                wire_put_number(m, WIRE_F_VERDICT,
                                magic == WIRE_ALLOW ? VERDICT_ALLOW
                                                    : 1 + (int)pick(VERDICT_ALLOW - 1));
}

static void assert_same(const struct wire_message *a, const struct wire_message *b)
{
        assert_int_equal(a->magic, b->magic);
        assert_int_equal(a->verb, b->verb);
        assert_memory_equal(a->nonce, b->nonce, WIRE_NONCE_LEN);
        for (unsigned i = 0; i < WIRE_FIELD_COUNT; i++) {
                enum wire_field f = (enum wire_field)i;
                const struct view *x, *y;
                size_t x_len, y_len;

                assert_int_equal(wire_has(a, f), wire_has(b, f));
                assert_true(view_equal(wire_text(a, f), wire_text(b, f)));
                assert_true(wire_number(a, f, 7) == wire_number(b, f, 7));
                x = wire_list(a, f, &x_len);
                y = wire_list(b, f, &y_len);
                assert_int_equal(x_len, y_len);
                for (size_t j = 0; j < x_len; j++)
                        assert_true(view_equal(x[j], y[j]));
        }
}

static void test_round_trip(void **state)
{
        (void)state;
        for (unsigned i = 0; i < 20000; i++) {
                uint8_t buf[WIRE_PACKET_MAX];
                struct wire_message m, back;
                size_t len;
                int r;

                make_random(&m);
                r = wire_encode(&m, buf, sizeof(buf), &len);
                if (r == -EMSGSIZE)
                        continue;
                assert_int_equal(r, 0);
                memset(&back, 0xff, sizeof(back));
                assert_int_equal(wire_decode(buf, len, &back), 0);
                assert_same(&m, &back);
        }
}

/* A step of a hostile peer: a few bytes changed, cut, or doubled. */
static size_t mutate(uint8_t *bytes, size_t len)
{
        for (unsigned n = 1 + pick(3); n > 0; n--) {
                size_t at = pick((unsigned)len);

                switch (pick(5)) {
                case 0: bytes[at] = (uint8_t)pick(256); break;
                case 1: bytes[at] ^= (uint8_t)(1U << pick(8)); break;
                case 2: len = at + 1; break;
                case 3: bytes[at] = pick(2) ? 0 : 0xff; break;
                case 4:
                        if (2 * len - at <= WIRE_PACKET_MAX) {
                                memcpy(bytes + len, bytes + at, len - at);
                                len += len - at;
                        }
                        break;
                }
        }
        return len;
}

/* Nothing crashes, every refusal is one of two, and what is accepted has one form: encoding it
   gives the very bytes again, so no two packets mean the same. */
static void test_mutations(void **state)
{
        unsigned accepted = 0;

        (void)state;
        for (unsigned i = 0; i < MUTATIONS; i++) {
                uint8_t buf[WIRE_PACKET_MAX], again[WIRE_PACKET_MAX];
                struct wire_message m;
                uint8_t *copy;
                size_t len, again_len;
                int r;

                make_random(&m);
                if (wire_encode(&m, buf, sizeof(buf), &len) < 0)
                        continue;
                len = mutate(buf, len);
                copy = test_malloc(len);
                memcpy(copy, buf, len);
                r = wire_decode(copy, len, &m);
                if (r == 0) {
                        accepted++;
                        assert_int_equal(wire_encode(&m, again, sizeof(again), &again_len), 0);
                        assert_int_equal(again_len, len);
                        assert_memory_equal(again, buf, len);
                } else {
                        assert_true(r == -EPROTO || (r == -EBADR && m.magic == WIRE_REQUEST));
                }
                test_free(copy);
        }
        /* Both outcomes must have been seen for this to have shown anything. */
        assert_in_range(accepted, MUTATIONS / 100, MUTATIONS * 9 / 10);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_mutations),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests_name("wire_random", tests, NULL, NULL);
}
