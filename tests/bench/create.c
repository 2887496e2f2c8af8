/*
 * Creates org keys through manage.sock as the command does, each acknowledged and so durable.
 * Prints one line of JSON.
 *
 *   create SOCKET ORG MILLISECONDS [A_SECOND]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/client.h"
#include "tests/bench/bench.h"

#define TIMEOUT_MS 10000

static int exchange(struct client *c, const struct wire_message *request, uint32_t magic)
{
        struct wire_message reply;
        int r = client_send(c, request);

        if (r == 0)
                r = client_receive(c, &reply);
        if (r == 0 && reply.magic != magic)
                r = -EPROTO;
        return r;
}

static void create_one(const char *path, const char *org)
{
        _cleanup_(client_close) struct client c = CLIENT_INIT;
        uint8_t nonce[WIRE_NONCE_LEN];
        struct wire_message m;

        bench_must(client_nonce(nonce), "nonce");
        bench_must(client_connect(&c, path, TIMEOUT_MS), path);
        wire_init(&m, WIRE_REQUEST, WIRE_V_KEY_CREATE, nonce);
        wire_put_text(&m, WIRE_F_ORG, view_of(org));
        wire_put_text(&m, WIRE_F_NAME, VIEW("made by the benchmark"));
        bench_must(exchange(&c, &m, WIRE_NEW_TOKEN), "KEY_CREATE");
        wire_init(&m, WIRE_REQUEST, WIRE_V_ACK, nonce);
        wire_put_number(&m, WIRE_F_ACCEPTED, 1);
        bench_must(exchange(&c, &m, WIRE_DONE), "ACK");
}

static void wait_until(int64_t at)
{
        int64_t left = at - bench_now();
        struct timespec t = {.tv_sec = left / INT64_C(1000000000),
                             .tv_nsec = left % INT64_C(1000000000)};

        if (left > 0)
                (void)nanosleep(&t, NULL);
}

int main(int argc, char **argv)
{
        struct bench_series times = {0};
        int64_t start = bench_now(), until, rate, before;

        if (argc < 4)
                bench_die("usage: create SOCKET ORG MILLISECONDS [A_SECOND]", EINVAL);
        until = start + atoi(argv[3]) * INT64_C(1000000);
        rate = argc > 4 ? atoi(argv[4]) : 0;
        while ((before = bench_now()) < until) {
                create_one(argv[1], argv[2]);
                bench_add(&times, bench_now() - before);
                if (rate > 0)
                        wait_until(start + (int64_t)times.len * INT64_C(1000000000) / rate);
        }
        (void)printf("{\"created\": %zu, \"seconds\": %.3f, \"p50\": %.2f, \"p99\": %.2f}\n",
                     times.len, (double)(bench_now() - start) / 1e9,
                     (double)bench_quantile(&times, 0, .5) / 1e3,
                     (double)bench_quantile(&times, 0, .99) / 1e3);
        return 0;
}
