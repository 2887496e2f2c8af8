/* Many clients that acknowledge, or give back, at the same moment: each gets what it asked for. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "tests/support/daemon_fixture.h"

#define CLIENTS 12
#define TRIES   20

struct delivery {
        struct client client;
        char text[TOKEN_TEXT_MAX + 1];
        bool accepts;
        uint32_t answer;
};

static void make_one(struct daemon_fixture *f, struct delivery *d)
{
        struct wire_message m, reply;

        d->client = (struct client)CLIENT_INIT;
        assert_int_equal(client_connect(&d->client, f->manage, 20000), 0);
        daemon_fixture_request(&m, WIRE_V_KEY_CREATE);
        wire_put_text(&m, WIRE_F_ORG, VIEW("acme"));
        wire_put_text(&m, WIRE_F_NAME, VIEW("at once"));
        assert_int_equal(client_send(&d->client, &m), 0);
        assert_int_equal(client_receive(&d->client, &reply), 0);
        assert_int_equal(reply.magic, WIRE_NEW_TOKEN);
        assert_true(view_copy(wire_text(&reply, WIRE_F_TOKEN), d->text, sizeof(d->text)));
}

static void send_answer(struct delivery *d)
{
        struct wire_message m;

        daemon_fixture_request(&m, WIRE_V_ACK);
        wire_put_number(&m, WIRE_F_ACCEPTED, d->accepts);
        assert_int_equal(client_send(&d->client, &m), 0);
}

static void take_answer(struct delivery *d)
{
        struct wire_message reply;

        assert_int_equal(client_receive(&d->client, &reply), 0);
        d->answer = reply.magic;
        client_close(&d->client);
}

/* The daemon stands still while all of them answer, and so finds all of it at once. */
static void deliver_all(struct daemon_fixture *f, struct delivery d[CLIENTS])
{
        for (size_t i = 0; i < CLIENTS; i++) {
                d[i].accepts = i % 4 != 2;
                make_one(f, &d[i]);
        }
        assert_int_equal(kill(f->pid, SIGSTOP), 0);
        for (size_t i = 0; i < CLIENTS; i++)
                send_answer(&d[i]);
        assert_int_equal(kill(f->pid, SIGCONT), 0);
        for (size_t i = 0; i < CLIENTS; i++)
                take_answer(&d[i]);
}

/* Live is what was accepted and confirmed, and nothing else. Returns how many were too late, which
   on a busy machine they may be. */
static unsigned check_all(struct daemon_fixture *f, const struct delivery d[CLIENTS])
{
        unsigned late = 0;

        for (size_t i = 0; i < CLIENTS; i++) {
                bool live = d[i].accepts && d[i].answer == WIRE_DONE;

                assert_int_equal(daemon_fixture_verify(f, d[i].text),
                                 live ? WIRE_ALLOW : WIRE_VERDICT);
                if (!d[i].accepts)
                        assert_int_equal(d[i].answer, WIRE_DONE);
                else if (!live)
                        late++;
        }
        return late;
}

static void test_at_once(void **state)
{
        struct daemon_fixture *f = *state;
        struct delivery d[CLIENTS];
        unsigned tries = 0, in_time = 0;

        while (in_time < 3) {
                assert_true(tries++ < TRIES);
                deliver_all(f, d);
                in_time += check_all(f, d) == 0;
        }
        /* And after a restart it is no different. */
        daemon_fixture_stop(f, SIGKILL);
        daemon_fixture_start(f);
        assert_int_equal(check_all(f, d), 0);
}

static int setup(void **state)
{
        struct daemon_fixture *f = daemon_fixture_new();

        daemon_fixture_start(f);
        daemon_fixture_make_org(f, "acme");
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        daemon_fixture_free(*state);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_at_once, setup, teardown),
        };

        daemon_fixture_drop_root();
        return cmocka_run_group_tests_name("acknowledge", tests, NULL, NULL);
}
