/*
 * An honest caller beside hostile ones: asks one verification after the other, as the module does,
 * and tells how they were answered and how long they took. Prints one line of JSON; times are
 * microseconds.
 *
 *   ask SOCKET FILE MILLISECONDS
 *
 * FILE has lines "ACCOUNT TOKEN". SIGTERM ends it before its time.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/client.h"
#include "tests/bench/bench.h"

#define SERVICE "attacked"

struct answers {
        size_t allowed;
        size_t unavailable; /* said so, or not reached in time */
        size_t other;
};

static void ask(const char *path, const struct bench_credential *credential, struct answers *a)
{
        uint8_t nonce[WIRE_NONCE_LEN];
        struct wire_message request, reply;
        struct client c = CLIENT_INIT;
        int r;

        bench_must(client_nonce(nonce), "nonce");
        wire_init(&request, WIRE_REQUEST, WIRE_V_VERIFY, nonce);
        wire_put_text(&request, WIRE_F_TOKEN, view_of(credential->password));
        wire_put_text(&request, WIRE_F_ACCOUNT, view_of(credential->user));
        wire_put_text(&request, WIRE_F_SERVICE, VIEW(SERVICE));
        wire_put_number(&request, WIRE_F_REAL_UID, 0);
        r = client_exchange(&c, path, CLIENT_TIMEOUT_DEFAULT_MS, &request, &reply);
        if (r < 0 || reply.magic == WIRE_UNAVAILABLE)
                a->unavailable++;
        else if (reply.magic == WIRE_ALLOW)
                a->allowed++;
        else
                a->other++;
        client_close(&c);
}

static volatile sig_atomic_t is_over;

static void on_signal(int number)
{
        (void)number;
        is_over = 1;
}

int main(int argc, char **argv)
{
        struct bench_credentials credentials;
        struct bench_series times = {0};
        struct answers answers = {0};
        int64_t until, at;

        if (argc != 4)
                bench_die("usage: ask SOCKET FILE MILLISECONDS", EINVAL);
        bench_read_credentials(argv[2], &credentials);
        at = bench_now();
        until = at + atoi(argv[3]) * INT64_C(1000000);
        if (signal(SIGTERM, on_signal) == SIG_ERR)
                bench_die("signal", errno);
        while (at < until && !is_over) {
                int64_t before = at;

                ask(argv[1], bench_next_credential(&credentials), &answers);
                at = bench_now();
                bench_add(&times, at - before);
        }
        (void)printf("{\"asked\": %zu, \"allowed\": %zu, \"unavailable\": %zu, \"other\": %zu, "
                     "\"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f}\n",
                     times.len, answers.allowed, answers.unavailable, answers.other,
                     (double)bench_quantile(&times, 0, .5) / 1e3,
                     (double)bench_quantile(&times, 0, .99) / 1e3,
                     (double)bench_quantile(&times, 0, 1) / 1e3);
        return 0;
}
