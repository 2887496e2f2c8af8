/* The high-water mark under clocks that jump (SECURITY: CLK). Time is simulated: no test sleeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/expiry.h"
#include "daemon/clockmark.h"

#define START INT64_C(1800000000)
#define YEAR  (365 * EXPIRY_DAY)

/* A machine with two clocks. */
struct machine {
        struct clockmark c;
        int64_t real, boot;
};

static struct machine boot_machine(int64_t stored)
{
        struct machine m = {.real = START, .boot = 1000};

        clockmark_init(&m.c, stored);
        return m;
}

static int64_t tick(struct machine *m)
{
        return clockmark_tick(&m->c, m->real, m->boot);
}

/* Both clocks go on, with a tick a minute. */
static int64_t run(struct machine *m, int64_t seconds)
{
        int64_t end = m->boot + seconds, now = tick(m);

        while (m->boot < end) {
                int64_t step = end - m->boot < 60 ? end - m->boot : 60;

                m->real += step;
                m->boot += step;
                now = tick(m);
        }
        return now;
}

static void test_follows_after_five_minutes(void **state)
{
        struct machine m = boot_machine(0);
        int64_t now;

        (void)state;
        now = run(&m, CLOCKMARK_AGREE_SECONDS - 1);
        assert_int_equal(now, m.real);
        assert_int_equal(m.c.mark, 0);
        now = run(&m, 1);
        assert_int_equal(now, m.real);
        assert_int_equal(m.c.mark, m.real);
        now = run(&m, YEAR / 365);
        assert_int_equal(now, m.real);
        assert_int_equal(m.c.mark, m.real);
}

static void test_step_back_revives_nothing(void **state)
{
        static const int64_t backs[] = {3, 60, EXPIRY_DAY, 10 * YEAR, START, START + YEAR};

        (void)state;
        for (size_t i = 0; i < sizeof(backs) / sizeof(backs[0]); i++) {
                struct machine m = boot_machine(0);
                int64_t before = run(&m, 400), now;

                m.real -= backs[i];
                assert_int_equal(tick(&m), before);
                now = run(&m, 299);
                assert_int_equal(now, before > m.real ? before : m.real);
                /* However long the wrong clock agrees with itself, the mark does not go back. */
                assert_true(run(&m, 3600) >= before);
        }
}

static void test_wild_jump_ends_nothing_for_good(void **state)
{
        static const int64_t jumps[] = {3, 60, YEAR, 10 * YEAR, 80 * YEAR};

        (void)state;
        for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
                struct machine m = boot_machine(0);
                int64_t before = run(&m, 400);

                m.real += jumps[i];
                /* At once the clock is believed, as it is ahead. */
                assert_int_equal(tick(&m), before + jumps[i]);
                (void)run(&m, 240);
                m.real -= jumps[i];
                assert_int_equal(tick(&m), m.real);
                assert_int_equal(m.c.mark, before);
        }
}

static void test_jump_that_stays_is_believed(void **state)
{
        struct machine m = boot_machine(0);

        (void)state;
        (void)run(&m, 400);
        m.real += YEAR;
        (void)run(&m, CLOCKMARK_AGREE_SECONDS);
        assert_int_equal(m.c.mark, m.real);
}

static void test_slack(void **state)
{
        (void)state;
        for (int64_t apart = -4; apart <= 4; apart++) {
                struct machine m = boot_machine(0);

                (void)tick(&m);
                m.boot += CLOCKMARK_AGREE_SECONDS;
                m.real += CLOCKMARK_AGREE_SECONDS + apart;
                (void)tick(&m);
                assert_int_equal(m.c.mark != 0, apart >= -2 && apart <= 2);
        }
}

/* A clock that creeps is caught by the sum: the base stays where the agreement began. */
static void test_creeping_clock(void **state)
{
        struct machine m = boot_machine(0);

        (void)state;
        for (int i = 0; i < 20; i++) {
                (void)tick(&m);
                m.boot += 60;
                m.real += 61;
        }
        assert_int_equal(m.c.mark, 0);
}

static void test_sleep_is_no_jump(void **state)
{
        struct machine m = boot_machine(0);

        (void)state;
        (void)tick(&m);
        m.boot += 8 * 3600;
        m.real += 8 * 3600;
        assert_int_equal(tick(&m), m.real);
        assert_int_equal(m.c.mark, m.real);
}

static void test_stored_mark(void **state)
{
        struct machine m = boot_machine(START + YEAR);

        (void)state;
        assert_int_equal(run(&m, 3600), START + YEAR);
        assert_int_equal(m.c.mark, START + YEAR);
        m.real = START + YEAR + 5;
        assert_int_equal(tick(&m), START + YEAR + 5);
}

static void test_extreme_clocks(void **state)
{
        static const int64_t reals[] = {INT64_MIN,           -1,        0,         1,
                                        INT64_C(2147483648), INT64_MAX, EXPIRY_MAX};

        (void)state;
        for (size_t i = 0; i < sizeof(reals) / sizeof(reals[0]); i++) {
                struct machine m = boot_machine(0);

                (void)run(&m, 400);
                m.real = reals[i];
                assert_true(tick(&m) >= START + 400);
                m.boot = i % 2 ? INT64_MIN : INT64_MAX;
                assert_true(tick(&m) >= START + 400);
                assert_int_equal(m.c.mark, START + 400);
        }
}

static void test_boottime_backwards_is_no_agreement(void **state)
{
        struct machine m = boot_machine(0);

        (void)state;
        (void)tick(&m);
        m.boot -= 400;
        m.real -= 400;
        (void)tick(&m);
        assert_int_equal(m.c.base_boot, m.boot);
        assert_int_equal(m.c.mark, 0);
}

static void test_saving(void **state)
{
        struct machine m = boot_machine(0);
        int64_t mark = -1;

        (void)state;
        (void)run(&m, 299);
        assert_false(clockmark_wants_save(&m.c, m.boot, &mark));
        assert_int_equal(mark, -1);
        (void)run(&m, 1);
        assert_true(clockmark_wants_save(&m.c, m.boot, &mark));
        assert_int_equal(mark, m.real);
        assert_false(clockmark_wants_save(&m.c, m.boot, &mark));
        (void)run(&m, CLOCKMARK_SAVE_SECONDS - 1);
        assert_false(clockmark_wants_save(&m.c, m.boot, &mark));
        (void)run(&m, 1);
        assert_true(clockmark_wants_save(&m.c, m.boot, &mark));
        assert_int_equal(mark, m.real);
        /* A mark that stands still is saved once. */
        m.boot += 10 * CLOCKMARK_SAVE_SECONDS;
        assert_false(clockmark_wants_save(&m.c, m.boot, &mark));
}

static void test_reset(void **state)
{
        struct machine m = boot_machine(START + 10 * YEAR);
        int64_t mark, now;

        (void)state;
        assert_int_equal(run(&m, 400), START + 10 * YEAR);
        clockmark_reset(&m.c, m.real, m.boot);
        assert_int_equal(tick(&m), m.real);
        assert_false(clockmark_wants_save(&m.c, m.boot, &mark));
        now = run(&m, 299);
        assert_int_equal(now, m.real);
        assert_int_equal(m.c.mark, 0);
        (void)run(&m, 1);
        assert_true(clockmark_wants_save(&m.c, m.boot, &mark));
        assert_int_equal(mark, m.real);
}

/* Two hundred times: a random history of steps, and after each the rule itself. */
static void test_random_histories(void **state)
{
        uint64_t random = 1;

        (void)state;
        for (int h = 0; h < 200; h++) {
                struct machine m = boot_machine(0);
                int64_t mark = 0;

                for (int i = 0; i < 100; i++) {
                        random = random * 6364136223846793005u + 1442695040888963407u;
                        int64_t step = (int64_t)(random >> 56);
                        int64_t now;

                        m.boot += step;
                        m.real += step;
                        if (random >> 32 & 1)
                                m.real += (int64_t)(random >> 40 & 0xfffff) - 0x80000;
                        now = tick(&m);
                        assert_true(now >= m.real && now >= mark && m.c.mark >= mark);
                        assert_true(now == m.real || now == m.c.mark);
                        mark = m.c.mark;
                }
        }
}

/* A store that was opened anew, or is another one, takes nothing back. */
static void test_adopted(void **state)
{
        struct clockmark c;
        int64_t save = 0;

        (void)state;
        clockmark_init(&c, 5000);
        clockmark_adopt(&c, 7000);
        assert_int_equal(clockmark_tick(&c, 1, 1), 7000);
        assert_false(clockmark_wants_save(&c, 1, &save));
        clockmark_adopt(&c, 3000);
        assert_int_equal(clockmark_tick(&c, 1, 1), 7000);
        assert_true(clockmark_wants_save(&c, 1, &save));
        assert_int_equal(save, 7000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_adopted),
                cmocka_unit_test(test_follows_after_five_minutes),
                cmocka_unit_test(test_step_back_revives_nothing),
                cmocka_unit_test(test_wild_jump_ends_nothing_for_good),
                cmocka_unit_test(test_jump_that_stays_is_believed),
                cmocka_unit_test(test_slack),
                cmocka_unit_test(test_creeping_clock),
                cmocka_unit_test(test_sleep_is_no_jump),
                cmocka_unit_test(test_stored_mark),
                cmocka_unit_test(test_extreme_clocks),
                cmocka_unit_test(test_boottime_backwards_is_no_agreement),
                cmocka_unit_test(test_saving),
                cmocka_unit_test(test_reset),
                cmocka_unit_test(test_random_histories),
        };

        return cmocka_run_group_tests_name("clockmark", tests, NULL, NULL);
}
