/* The ticket holds for exactly what it was made for, and for an hour. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/ticket.h"

#define NOW INT64_C(1800000000)
#define ID  INT64_C(123456789012345)

static int setup(void **state)
{
        static const uint8_t key[KEYHASH_KEY_LEN] = {9};

        return keyhash_init() < 0 ? -1 : keyhash_new(key, (struct keyhash **)state);
}

static int teardown(void **state)
{
        *state = keyhash_free(*state);
        return 0;
}

static struct verify_input facts(void)
{
        return (struct verify_input){.account = VIEW("acme-deploy"),
                                     .actor = VIEW("alice"),
                                     .service = VIEW("su"),
                                     .source = VIEW("10.0.0.7"),
                                     .org_option = VIEW("acme")};
}

static int check(const struct keyhash *key, const uint8_t *ticket, const struct verify_input *in,
                 int64_t now)
{
        int64_t id = -2;
        int r = ticket_check(key, view_of_bytes(ticket, TICKET_LEN), in, now, &id);

        assert_int_equal(id, r == 0 ? ID : -2);
        return r;
}

static void test_holds(void **state)
{
        struct verify_input in = facts();
        uint8_t ticket[TICKET_LEN];

        ticket_make(*state, ID, &in, VIEW("acme"), NOW, ticket);
        assert_int_equal(check(*state, ticket, &in, NOW), 0);
        /* What was typed and what is asked besides is not under it. */
        in.token = VIEW("x");
        in.role = ROLE_ADMIN;
        in.bound_only = true;
        in.org_answer = VIEW("y");
        assert_int_equal(check(*state, ticket, &in, NOW), 0);
}

static void test_time(void **state)
{
        struct verify_input in = facts();
        uint8_t ticket[TICKET_LEN];

        ticket_make(*state, ID, &in, VIEW("acme"), NOW, ticket);
        assert_int_equal(check(*state, ticket, &in, NOW + TICKET_SECONDS - 1), 0);
        assert_int_equal(check(*state, ticket, &in, NOW + TICKET_SECONDS), -ETIME);
        assert_int_equal(check(*state, ticket, &in, INT64_MAX), -ETIME);
        assert_int_equal(check(*state, ticket, &in, NOW - 1), -ETIME);
}

/* Every text changed in its last byte, cut short and left out; and the same bytes cut elsewhere. */
static void test_other_facts(void **state)
{
        static const char *const others[] = {"acme-deplox", "alicf", "sv", "10.0.0.8", "acmf"};
        uint8_t ticket[TICKET_LEN];
        struct verify_input in = facts();
        struct view *const texts[] = {&in.account, &in.actor, &in.service, &in.source,
                                      &in.org_option};

        ticket_make(*state, ID, &in, VIEW("acme"), NOW, ticket);
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct view right = *texts[i];

                *texts[i] = view_of(others[i]);
                assert_int_equal(texts[i]->len, right.len);
                assert_int_equal(check(*state, ticket, &in, NOW), -EBADMSG);
                *texts[i] = (struct view){right.ptr, right.len - 1};
                assert_int_equal(check(*state, ticket, &in, NOW), -EBADMSG);
                *texts[i] = VIEW_ABSENT;
                assert_int_equal(check(*state, ticket, &in, NOW), -EBADMSG);
                *texts[i] = right;
                assert_int_equal(check(*state, ticket, &in, NOW), 0);
        }
        in.account = VIEW("acme-deploys");
        in.service = VIEW("u");
        assert_int_equal(check(*state, ticket, &in, NOW), -EBADMSG);
        in.account = VIEW("acme-deploysu");
        in.service = VIEW("");
        assert_int_equal(check(*state, ticket, &in, NOW), -EBADMSG);
}

static void test_every_bit(void **state)
{
        struct verify_input in = facts();
        uint8_t ticket[TICKET_LEN];

        ticket_make(*state, ID, &in, VIEW("acme"), NOW, ticket);
        for (unsigned bit = 0; bit < 8 * TICKET_LEN; bit++) {
                ticket[bit / 8] ^= (uint8_t)(1u << bit % 8);
                assert_int_equal(check(*state, ticket, &in, NOW), -EBADMSG);
                ticket[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_int_equal(check(*state, ticket, &in, NOW), 0);
}

static void test_lengths(void **state)
{
        struct verify_input in = facts();
        uint8_t ticket[TICKET_LEN + 1] = {0};
        int64_t id;

        ticket_make(*state, ID, &in, VIEW("acme"), NOW, ticket);
        for (size_t len = 0; len <= sizeof(ticket); len++)
                if (len != TICKET_LEN)
                        assert_int_equal(
                                ticket_check(*state, view_of_bytes(ticket, len), &in, NOW, &id),
                                -EBADMSG);
        assert_int_equal(ticket_check(*state, VIEW_ABSENT, &in, NOW, &id), -EBADMSG);
}

static void test_another_key(void **state)
{
        static const uint8_t bytes[KEYHASH_KEY_LEN] = {10};
        struct verify_input in = facts();
        uint8_t ticket[TICKET_LEN];
        struct keyhash *other;

        assert_int_equal(keyhash_new(bytes, &other), 0);
        ticket_make(other, ID, &in, VIEW("acme"), NOW, ticket);
        assert_int_equal(check(*state, ticket, &in, NOW), -EBADMSG);
        assert_int_equal(check(other, ticket, &in, NOW), 0);
        keyhash_free(other);
}

/* Absent and empty are the same nothing, and the longest texts of a packet fit. */
static void test_extremes(void **state)
{
        static char text[WIRE_TEXT_MAX + 1];
        struct verify_input in = {.account = VIEW("a"), .service = VIEW("s")};
        uint8_t ticket[TICKET_LEN];

        ticket_make(*state, ID, &in, VIEW_ABSENT, NOW, ticket);
        in.actor = VIEW("");
        assert_int_equal(check(*state, ticket, &in, NOW), 0);

        memset(text, 'x', sizeof(text));
        in.account = in.actor = in.service = in.source = in.org_option =
                view_of_bytes(text, WIRE_TEXT_MAX);
        ticket_make(*state, ID, &in, in.org_option, NOW, ticket);
        assert_int_equal(check(*state, ticket, &in, NOW), 0);

        /* Longer than any packet: no ticket at all, not one over the beginning. */
        in.account.len++;
        ticket_make(*state, ID, &in, in.org_option, NOW, ticket);
        assert_int_equal(check(*state, ticket, &in, NOW), -EBADMSG);
        in.account.len--;
        assert_int_equal(check(*state, ticket, &in, NOW), -EBADMSG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_holds),       cmocka_unit_test(test_time),
                cmocka_unit_test(test_other_facts), cmocka_unit_test(test_every_bit),
                cmocka_unit_test(test_lengths),     cmocka_unit_test(test_another_key),
                cmocka_unit_test(test_extremes),
        };

        return cmocka_run_group_tests_name("ticket", tests, setup, teardown);
}
