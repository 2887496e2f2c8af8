/*
 * What test_client and test_client_process share: a directory with a fake daemon in it, a request,
 * and an exchange with all that must hold after every one.
 */
#pragma once

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/client.h"
#include "tests/support/fake_daemon.h"

#define ENOUGH_MS 20000 /* for what is to succeed, on the slowest machine */
#define SHORT_MS  60    /* for what is to run out */
#define LATE_MS   10000 /* more than SHORT_MS took, whatever the machine */
#define SECRET    "pat_0123456789.secret-of-the-test"

static char directory[] = "/tmp/orgtoken-client-XXXXXX";
static char path[sizeof(directory) + 8];
static struct fake_daemon *fake;

static inline int make_directory(void **state)
{
        (void)state;
        if (!mkdtemp(directory) || chmod(directory, 0755) < 0)
                return -1;
        (void)snprintf(path, sizeof(path), "%s/s", directory);
        return 0;
}

static inline int remove_directory(void **state)
{
        (void)state;
        return rmdir(directory);
}

static inline int stop_fake(void **state)
{
        (void)state;
        fake = fake_daemon_stop(fake);
        return 0;
}

static inline int64_t now_ms(void)
{
        struct timespec now;

        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void start_request(struct wire_message *m, enum wire_verb verb)
{
        uint8_t nonce[WIRE_NONCE_LEN];

        assert_int_equal(client_nonce(nonce), 0);
        wire_init(m, WIRE_REQUEST, verb, nonce);
}

static inline void make_request(struct wire_message *m)
{
        start_request(m, WIRE_V_VERIFY);
        wire_put_text(m, WIRE_F_TOKEN, VIEW(SECRET));
        wire_put_text(m, WIRE_F_ACCOUNT, VIEW("deploy"));
        wire_put_text(m, WIRE_F_SERVICE, VIEW("sshd"));
        wire_put_number(m, WIRE_F_REAL_UID, 0);
}

static inline bool holds_secret(const struct client *c)
{
        return memmem(c->buffer.bytes, sizeof(c->buffer.bytes), SECRET, 8) != NULL;
}

static inline bool is_wiped(const struct client *c)
{
        static const struct secret_buffer zeros;

        return memcmp(c->buffer.bytes, zeros.bytes, sizeof(zeros.bytes)) == 0;
}

/* How many descriptors are open: whatever happened, an exchange leaves none behind. */
static inline unsigned count_open(void)
{
        unsigned n = 0;

        for (int fd = 0; fd < 256; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

/* One exchange and all that holds after every one. */
static inline int exchange(struct client *c, unsigned timeout_ms, struct wire_message *reply)
{
        unsigned before = count_open();
        struct wire_message request;
        int r;

        make_request(&request);
        r = client_exchange(c, path, timeout_ms, &request, reply);
        assert_int_equal(c->fd, -1);
        assert_int_equal(count_open(), before);
        assert_false(holds_secret(c));
        if (r < 0) {
                assert_true(is_wiped(c));
                assert_int_equal(reply->magic, WIRE_UNAVAILABLE);
        } else {
                assert_true(wire_is_answer_to(reply, &request));
        }
        return r;
}

/* The answer that one behaviour leads to. */
static inline int play(const struct fake_script *script, unsigned timeout_ms, struct client *c,
                       struct wire_message *reply)
{
        fake = fake_daemon_stop(fake);
        fake = fake_daemon_start(path, script);
        return exchange(c, timeout_ms, reply);
}

#define TEST(f) cmocka_unit_test_teardown(f, stop_fake)
