#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>

#include "daemon/quota.h"

#define SECOND INT64_C(1000000)

static struct quota *make(unsigned total, int64_t private_uid)
{
        struct quota *q;

        assert_int_equal(quota_new(total, private_uid, &q), 0);
        return q;
}

/* 32 on each socket, counted by themselves, and 32 again once one has gone. */
static void test_connections_of_one_uid(void **state)
{
        struct quota *q = make(QUOTA_TOTAL, -1);

        (void)state;
        for (int i = 0; i < QUOTA_CONNECTIONS; i++) {
                assert_int_equal(quota_connect(q, DISPATCH_VERIFY, 1000, 0), 0);
                assert_int_equal(quota_connect(q, DISPATCH_MANAGE, 1000, 0), 0);
        }
        assert_int_equal(quota_connections(q), 2 * QUOTA_CONNECTIONS);
        assert_int_equal(quota_connect(q, DISPATCH_VERIFY, 1000, 0), -EUSERS);
        assert_int_equal(quota_connect(q, DISPATCH_MANAGE, 1000, 0), -EUSERS);
        assert_int_equal(quota_connections(q), 2 * QUOTA_CONNECTIONS);
        /* Somebody else has his own. */
        assert_int_equal(quota_connect(q, DISPATCH_MANAGE, 1001, 0), 0);
        quota_disconnect(q, DISPATCH_MANAGE, 1000);
        assert_int_equal(quota_connect(q, DISPATCH_VERIFY, 1000, 0), -EUSERS);
        assert_int_equal(quota_connect(q, DISPATCH_MANAGE, 1000, 0), 0);
        assert_int_equal(quota_connect(q, DISPATCH_MANAGE, 1000, 0), -EUSERS);
        quota_free(q);
}

/* Root, and the owner of a daemon started by hand, are not refused for their own number. */
static void test_exempt(void **state)
{
        struct quota *q = make(QUOTA_TOTAL, 1234);

        (void)state;
        for (int i = 0; i < 10 * QUOTA_CONNECTIONS; i++) {
                assert_int_equal(quota_connect(q, DISPATCH_VERIFY, 0, 0), 0);
                assert_int_equal(quota_connect(q, DISPATCH_MANAGE, 1234, 0), 0);
                assert_int_equal(quota_delay(q, 0, 0), 0);
                assert_int_equal(quota_delay(q, 1234, 0), 0);
        }
        quota_free(q);
        /* -1 is no private uid: it must not exempt the uid of that number. */
        q = make(QUOTA_TOTAL, -1);
        for (int i = 0; i < QUOTA_CONNECTIONS; i++)
                assert_int_equal(quota_connect(q, DISPATCH_VERIFY, 1234, 0), 0);
        assert_int_equal(quota_connect(q, DISPATCH_VERIFY, 1234, 0), -EUSERS);
        quota_free(q);
}

/* Ordinary callers together leave a quarter to root; then nobody is taken until one goes. */
static void test_total(void **state)
{
        struct quota *q = make(100, -1);
        int64_t uid;

        (void)state;
        for (uid = 1000; uid < 1075; uid++)
                assert_int_equal(quota_connect(q, DISPATCH_MANAGE, uid, 0), 0);
        assert_int_equal(quota_connect(q, DISPATCH_MANAGE, uid, 0), -EUSERS);
        assert_int_equal(quota_connect(q, DISPATCH_VERIFY, uid, 0), -EUSERS);
        for (int i = 0; i < 25; i++) {
                assert_false(quota_is_full(q));
                assert_int_equal(quota_connect(q, DISPATCH_VERIFY, 0, 0), 0);
        }
        assert_true(quota_is_full(q));
        assert_int_equal(quota_connect(q, DISPATCH_VERIFY, 0, 0), -EAGAIN);
        /* An ordinary one that goes makes room for either. */
        quota_disconnect(q, DISPATCH_MANAGE, 1000);
        assert_int_equal(quota_connect(q, DISPATCH_MANAGE, uid, 0), 0);
        quota_disconnect(q, DISPATCH_VERIFY, 0);
        assert_int_equal(quota_connect(q, DISPATCH_MANAGE, uid, 0), -EUSERS);
        assert_int_equal(quota_connect(q, DISPATCH_VERIFY, 0, 0), 0);
        quota_free(q);
}

/* 200 at once, then one in 20 ms; who waits, waits behind those that wait already. */
static void test_rate(void **state)
{
        struct quota *q = make(QUOTA_TOTAL, -1);
        int64_t now = 5 * SECOND;

        (void)state;
        assert_int_equal(quota_connect(q, DISPATCH_MANAGE, 1000, now), 0);
        assert_int_equal(quota_connect(q, DISPATCH_MANAGE, 1001, now), 0);
        for (int i = 0; i < QUOTA_BURST; i++)
                assert_int_equal(quota_delay(q, 1000, now), 0);
        assert_int_equal(quota_delay(q, 1000, now), SECOND / QUOTA_RATE);
        assert_int_equal(quota_delay(q, 1000, now), 2 * SECOND / QUOTA_RATE);
        /* Another's bucket is another's. */
        assert_int_equal(quota_delay(q, 1001, now), 0);
        now += 2 * SECOND / QUOTA_RATE;
        assert_int_equal(quota_delay(q, 1000, now), SECOND / QUOTA_RATE);
        now += SECOND / QUOTA_RATE - 1;
        assert_int_equal(quota_delay(q, 1000, now), SECOND / QUOTA_RATE + 1);
        quota_free(q);
}

/* In a minute 50 a second, however they fall; and idle time is not saved beyond the burst. */
static void test_rate_over_time(void **state)
{
        struct quota *q = make(QUOTA_TOTAL, -1);
        int64_t now = 0;
        unsigned passed = 0;

        (void)state;
        assert_int_equal(quota_connect(q, DISPATCH_MANAGE, 1000, now), 0);
        while (now < 60 * SECOND) {
                now += 7000;
                if (quota_delay(q, 1000, now) == 0)
                        passed++;
                else
                        now += SECOND / QUOTA_RATE;
        }
        assert_in_range(passed, QUOTA_BURST, QUOTA_BURST + 60 * QUOTA_RATE);
        now += 365 * 86400 * SECOND;
        for (int i = 0; i < QUOTA_BURST; i++)
                assert_int_equal(quota_delay(q, 1000, now), 0);
        assert_true(quota_delay(q, 1000, now) > 0);
        quota_free(q);
}

/* Reconnecting does not fill the bucket, and the table does not grow: uids give way once they are
 * idle. */
static void test_table(void **state)
{
        struct quota *q = make(QUOTA_TOTAL, -1);
        int64_t now = 0;

        (void)state;
        assert_int_equal(quota_connect(q, DISPATCH_MANAGE, 7, now), 0);
        for (int i = 0; i <= QUOTA_BURST; i++)
                (void)quota_delay(q, 7, now);
        quota_disconnect(q, DISPATCH_MANAGE, 7);
        for (int64_t uid = 1000; uid < 1000 + 10 * QUOTA_UIDS; uid++) {
                assert_int_equal(quota_connect(q, DISPATCH_MANAGE, uid, now), 0);
                quota_disconnect(q, DISPATCH_MANAGE, uid);
        }
        assert_int_equal(quota_connect(q, DISPATCH_MANAGE, 7, now), 0);
        assert_true(quota_delay(q, 7, now) > 0);
        assert_int_equal(quota_connections(q), 1);
        quota_free(q);
}

/* With every place taken by somebody who owes, a further uid is refused, and taken once they do
 * not. */
static void test_table_full(void **state)
{
        struct quota *q = make(QUOTA_TOTAL, -1);
        int64_t now = SECOND;

        (void)state;
        for (int64_t uid = 1000; uid < 1000 + QUOTA_UIDS; uid++) {
                assert_int_equal(quota_connect(q, DISPATCH_MANAGE, uid, now), 0);
                (void)quota_delay(q, uid, now);
                quota_disconnect(q, DISPATCH_MANAGE, uid);
        }
        assert_int_equal(quota_connect(q, DISPATCH_MANAGE, 7, now), -EUSERS);
        assert_int_equal(quota_connect(q, DISPATCH_MANAGE, 0, now), 0);
        assert_int_equal(quota_connect(q, DISPATCH_MANAGE, 7, now + SECOND), 0);
        quota_free(q);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_connections_of_one_uid),
                cmocka_unit_test(test_exempt),
                cmocka_unit_test(test_total),
                cmocka_unit_test(test_rate),
                cmocka_unit_test(test_rate_over_time),
                cmocka_unit_test(test_table),
                cmocka_unit_test(test_table_full),
        };

        return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
