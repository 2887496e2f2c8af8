/* The real daemon, on real files, under a clock that is wrong, jumps, or is a second of its own
 * (SECURITY: CLK). tests/daemon/test_clockmark.c has the rule alone, and every history of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "common/expiry.h"
#include "common/verdict.h"
#include "daemon/clockmark.h"
#include "daemon/keyhash.h"
#include "daemon/store.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/stepped_clock.h"

#define HOUR         INT64_C(3600)
#define YEAR         (365 * EXPIRY_DAY)
#define PATIENCE_MS  20000
#define LEAP_SECOND  INT64_C(1483228800) /* 2017-01-01, the second after the last leap second */
#define END_OF_31    (INT64_C(1) << 31)
#define END_OF_32    (INT64_C(1) << 32)
#define A_DAY_OF_NOW INT64_C(1800000000)

/* Where a clock can be, and where 32 bits end. */
static const int64_t moments[] = {
        100,
        A_DAY_OF_NOW,
        LEAP_SECOND - 2 * HOUR,
        END_OF_31 - HOUR,
        END_OF_32 - HOUR,
        INT64_C(32503680000) /* the year 3000 */,
};
#define MOMENTS (sizeof(moments) / sizeof(moments[0]))

struct host {
        struct daemon_fixture *f;
        struct stepped_clock *steps;
        char path[64];
};

/* ---- the clocks ---- */

static void set_real(const struct host *h, int64_t seconds)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_REALTIME, &now);
        h->steps->real = seconds - now.tv_sec;
}

/* The daemon's loop turns once. */
static void wake(const struct host *h)
{
        struct wire_message m;

        daemon_fixture_request(&m, WIRE_V_STATUS);
        int64_t ignored;

        (void)daemon_fixture_count(h->f, &m, WIRE_F_VALUE, &ignored);
}

/* Time goes by on all clocks alike, with a turn of the loop a minute. */
static void pass(const struct host *h, int64_t seconds)
{
        while (seconds > 0) {
                int64_t step = seconds < 60 ? seconds : 60;

                h->steps->real += step;
                h->steps->monotonic += step;
                h->steps->boot += step;
                seconds -= step;
                wake(h);
        }
}

/* Long enough for the mark to follow the clock. */
static void agree(const struct host *h)
{
        pass(h, CLOCKMARK_AGREE_SECONDS + 2 * CLOCKMARK_SAVE_SECONDS);
}

/* ---- the daemon ---- */

static int setup(void **state)
{
        struct host *h = calloc(1, sizeof(*h));
        int fd;

        assert_non_null(h);
        (void)snprintf(h->path, sizeof(h->path), "/tmp/orgtokend-clock-XXXXXX");
        fd = mkstemp(h->path);
        assert_true(fd >= 0);
        assert_int_equal(ftruncate(fd, sizeof(*h->steps)), 0);
        h->steps = mmap(NULL, sizeof(*h->steps), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        assert_ptr_not_equal(h->steps, MAP_FAILED);
        (void)close(fd);
        (void)setenv("STEPPED_CLOCK", h->path, 1);
        h->f = daemon_fixture_new();
        *state = h;
        return 0;
}

static int teardown(void **state)
{
        struct host *h = *state;

        daemon_fixture_free(h->f);
        (void)munmap(h->steps, sizeof(*h->steps));
        (void)unlink(h->path);
        free(h);
        return 0;
}

static void start_at(struct host *h, int64_t seconds)
{
        set_real(h, seconds);
        daemon_fixture_start(h->f);
        daemon_fixture_make_org(h->f, "acme");
}

static void begin_again(struct host *h)
{
        daemon_fixture_free(h->f);
        h->f = daemon_fixture_new();
}

static void restart(struct host *h, int signal)
{
        (void)daemon_fixture_stop(h->f, signal);
        daemon_fixture_start(h->f);
}

/* A key with that end; the answer's magic. */
static uint32_t make_key(const struct host *h, int64_t expires_at, char token[TOKEN_TEXT_MAX + 1])
{
        struct client c = CLIENT_INIT;
        struct wire_message m, reply;
        uint32_t magic;

        daemon_fixture_request(&m, WIRE_V_KEY_CREATE);
        wire_put_text(&m, WIRE_F_ORG, VIEW("acme"));
        wire_put_text(&m, WIRE_F_NAME, VIEW("under a clock"));
        wire_put_number(&m, WIRE_F_EXPIRES_AT, expires_at);
        assert_int_equal(client_connect(&c, h->f->manage, PATIENCE_MS), 0);
        assert_int_equal(client_send(&c, &m), 0);
        assert_int_equal(client_receive(&c, &reply), 0);
        magic = reply.magic;
        if (magic == WIRE_NEW_TOKEN) {
                assert_true(view_copy(wire_text(&reply, WIRE_F_TOKEN), token, TOKEN_TEXT_MAX + 1));
                daemon_fixture_request(&m, WIRE_V_ACK);
                wire_put_number(&m, WIRE_F_ACCEPTED, 1);
                assert_int_equal(client_send(&c, &m), 0);
                assert_int_equal(client_receive(&c, &reply), 0);
                assert_int_equal(reply.magic, WIRE_DONE);
        }
        client_close(&c);
        return magic;
}

static enum verdict verdict(const struct host *h, const char *token)
{
        struct client c = CLIENT_INIT;
        struct wire_message m, reply;
        enum verdict v;

        daemon_fixture_request(&m, WIRE_V_VERIFY);
        wire_put_text(&m, WIRE_F_TOKEN, view_of(token));
        wire_put_text(&m, WIRE_F_ACCOUNT, view_of(daemon_fixture_account()));
        wire_put_text(&m, WIRE_F_SERVICE, VIEW("sshd"));
        wire_put_number(&m, WIRE_F_REAL_UID, 0);
        v = daemon_fixture_ask(h->f, &m, &c, &reply) == WIRE_UNAVAILABLE
                    ? (enum verdict)0
                    : (enum verdict)wire_number(&reply, WIRE_F_VERDICT, 0);
        client_close(&c);
        return v;
}

#define check(h, token, wanted)                                                                    \
        assert_string_equal(verdict_to_string(verdict(h, token)), verdict_to_string(wanted))

static void reset_clock(const struct host *h)
{
        struct wire_message m;

        daemon_fixture_request(&m, WIRE_V_CLOCK_RESET);
        assert_int_equal(daemon_fixture_do(h->f, &m), WIRE_DONE);
}

/* The mark in the file: 0 for none. */
static int64_t stored_mark(const struct host *h)
{
        struct store_reader *r = NULL;
        uint8_t mac[KEYHASH_LEN];
        int64_t mark = 0;

        assert_int_equal(store_reader_open(h->f->state, &r), 0);
        assert_int_equal(store_find_clock_mark(r, &mark, mac), 0);
        (void)store_reader_close(r);
        return mark;
}

/* It is written a little after it was taken. */
static void wait_for_mark(const struct host *h, int64_t at_least)
{
        for (int waited = 0; stored_mark(h) < at_least; waited += 10) {
                assert_true(waited < PATIENCE_MS);
                pass(h, 3);
                (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        }
}

/* ---- tests ---- */

/* now >= expires_at, to the second, at every moment; and what is over stays over. */
static void test_end_to_the_second(void **state)
{
        struct host *h = *state;
        char token[TOKEN_TEXT_MAX + 1];

        for (size_t i = 0; i < MOMENTS; i++) {
                int64_t end = moments[i] + HOUR;

                start_at(h, moments[i]);
                assert_int_equal(make_key(h, end, token), WIRE_NEW_TOKEN);
                check(h, token, VERDICT_ALLOW);
                /* Nobody's second may pass between setting and asking. */
                set_real(h, end - 30);
                check(h, token, VERDICT_ALLOW);
                set_real(h, end);
                check(h, token, VERDICT_EXPIRED);
                set_real(h, end + 1);
                check(h, token, VERDICT_EXPIRED);
                set_real(h, end + 20 * YEAR);
                check(h, token, VERDICT_EXPIRED);
                begin_again(h);
        }
}

/* The clock has been past the end for five minutes: no step back, and no restart, revives. */
static void test_step_back(void **state)
{
        static const int64_t steps[] = {1, HOUR, YEAR, 10 * YEAR, 50 * YEAR};
        struct host *h = *state;
        char token[TOKEN_TEXT_MAX + 1], fresh[TOKEN_TEXT_MAX + 1];

        for (size_t i = 0; i < MOMENTS; i++) {
                int64_t end = moments[i] + HOUR;

                start_at(h, moments[i]);
                assert_int_equal(make_key(h, end, token), WIRE_NEW_TOKEN);
                set_real(h, end);
                agree(h);
                wait_for_mark(h, end);
                for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
                        set_real(h, end - steps[s]);
                        check(h, token, VERDICT_EXPIRED);
                        agree(h);
                        check(h, token, VERDICT_EXPIRED);
                }
                /* Made now, it would be dead on arrival by the same judgement. */
                assert_int_equal(make_key(h, end, fresh), WIRE_REFUSED);
                restart(h, i % 2 ? SIGKILL : SIGTERM);
                check(h, token, VERDICT_EXPIRED);
                begin_again(h);
        }
}

/* A wild clock, for less than five minutes: what it ended lives again when it comes back, and
   nothing of it was kept. */
static void test_wild_jump(void **state)
{
        static const int64_t places[] = {
                0, 1, END_OF_31, END_OF_32, A_DAY_OF_NOW + 10 * YEAR, EXPIRY_MAX};
        struct host *h = *state;
        char token[TOKEN_TEXT_MAX + 1];

        start_at(h, A_DAY_OF_NOW);
        assert_int_equal(make_key(h, A_DAY_OF_NOW + 2 * HOUR, token), WIRE_NEW_TOKEN);
        agree(h);
        wait_for_mark(h, A_DAY_OF_NOW);
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
                int64_t back = A_DAY_OF_NOW + HOUR, mark = stored_mark(h);

                set_real(h, places[i]);
                check(h, token, places[i] > back ? VERDICT_EXPIRED : VERDICT_ALLOW);
                pass(h, CLOCKMARK_AGREE_SECONDS - 120);
                set_real(h, back);
                check(h, token, VERDICT_ALLOW);
                assert_true(stored_mark(h) < back + HOUR && stored_mark(h) >= mark);
                restart(h, SIGKILL);
                check(h, token, VERDICT_ALLOW);
        }
}

/* A wrong clock that stayed is believed, until root says otherwise; and that holds. */
static void test_reset(void **state)
{
        struct host *h = *state;
        char token[TOKEN_TEXT_MAX + 1];

        for (int killed = 0; killed < 2; killed++) {
                start_at(h, A_DAY_OF_NOW);
                assert_int_equal(make_key(h, A_DAY_OF_NOW + YEAR, token), WIRE_NEW_TOKEN);
                set_real(h, A_DAY_OF_NOW + 10 * YEAR);
                agree(h);
                wait_for_mark(h, A_DAY_OF_NOW + 10 * YEAR);
                set_real(h, A_DAY_OF_NOW + HOUR);
                restart(h, SIGKILL);
                check(h, token, VERDICT_EXPIRED);
                reset_clock(h);
                check(h, token, VERDICT_ALLOW);
                pass(h, 120);
                check(h, token, VERDICT_ALLOW);
                restart(h, killed ? SIGKILL : SIGTERM);
                check(h, token, VERDICT_ALLOW);
                assert_true(stored_mark(h) < A_DAY_OF_NOW + YEAR);
                begin_again(h);
        }
}

/* 23:59:59 comes twice: the clock steps one second back at the end of it. */
static void test_leap_second(void **state)
{
        struct host *h = *state;
        char token[TOKEN_TEXT_MAX + 1], next[TOKEN_TEXT_MAX + 1];

        start_at(h, LEAP_SECOND - HOUR);
        assert_int_equal(make_key(h, LEAP_SECOND, token), WIRE_NEW_TOKEN);
        assert_int_equal(make_key(h, LEAP_SECOND + HOUR, next), WIRE_NEW_TOKEN);
        agree(h);
        set_real(h, LEAP_SECOND);
        check(h, token, VERDICT_EXPIRED);
        h->steps->real -= 1;
        check(h, next, VERDICT_ALLOW);
        agree(h);
        check(h, token, VERDICT_EXPIRED);
        check(h, next, VERDICT_ALLOW);
        /* The second too few did not stop the mark. */
        wait_for_mark(h, LEAP_SECOND + CLOCKMARK_AGREE_SECONDS);
}

/* Ends that are none are refused and those that are far away are kept as they are. */
static void test_odd_ends(void **state)
{
        static const struct {
                int64_t end;
                uint32_t magic;
        } cases[] = {
                {0, WIRE_REFUSED},
                {-1, WIRE_REFUSED},
                {INT64_MIN, WIRE_REFUSED},
                {A_DAY_OF_NOW, WIRE_REFUSED},
                {END_OF_31, WIRE_NEW_TOKEN},
                {END_OF_32, WIRE_NEW_TOKEN},
                {END_OF_32 + 1, WIRE_NEW_TOKEN},
                {EXPIRY_MAX, WIRE_NEW_TOKEN},
                {EXPIRY_MAX + 1, WIRE_REFUSED},
                {(INT64_C(1) << 53) + 1, WIRE_REFUSED},
                {INT64_MAX - 1, WIRE_REFUSED},
        };
        struct host *h = *state;
        char token[TOKEN_TEXT_MAX + 1];

        start_at(h, A_DAY_OF_NOW);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                set_real(h, A_DAY_OF_NOW);
                assert_int_equal(make_key(h, cases[i].end, token), cases[i].magic);
                if (cases[i].magic != WIRE_NEW_TOKEN)
                        continue;
                set_real(h, cases[i].end - 30);
                check(h, token, VERDICT_ALLOW);
                set_real(h, cases[i].end);
                check(h, token, VERDICT_EXPIRED);
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_end_to_the_second), TEST(test_step_back),
                TEST(test_wild_jump),         TEST(test_reset),
                TEST(test_leap_second),       TEST(test_odd_ends),
        };
        const char *top = getenv("top_builddir");
        char program[4096];

        (void)snprintf(program, sizeof(program), "%s/tests/support/stepped_orgtokend",
                       top ? top : ".");
        (void)setenv("ORGTOKEND", program, 1);
        daemon_fixture_drop_root();
        return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
