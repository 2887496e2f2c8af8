/*
 * Asks a daemon as many verifications as it answers, without PAM: connect, send a ready-made
 * request, receive, close. Prints one line of JSON. What the daemon spent on them is for the caller
 * to read from /proc.
 *
 *   flood SOCKET FILE MILLISECONDS
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/client.h"
#include "common/wire.h"
#include "tests/bench/bench.h"

#define REQUESTS_MAX 4096

struct request {
        unsigned char bytes[512];
        size_t len;
};

/* The fields that the module sends for a login through sshd. */
static void make_request(const struct bench_credential *c, struct request *ret)
{
        uint8_t nonce[WIRE_NONCE_LEN];
        struct wire_message m;

        bench_must(client_nonce(nonce), "nonce");
        wire_init(&m, WIRE_REQUEST, WIRE_V_VERIFY, nonce);
        wire_put_text(&m, WIRE_F_TOKEN, view_of(c->password));
        wire_put_text(&m, WIRE_F_ACCOUNT, view_of(c->user));
        wire_put_text(&m, WIRE_F_SERVICE, VIEW("orgtoken"));
        wire_put_text(&m, WIRE_F_SOURCE, VIEW("192.0.2.7"));
        wire_put_number(&m, WIRE_F_REAL_UID, 0);
        wire_put_number(&m, WIRE_F_REMOTE, 1);
        wire_put_text(&m, WIRE_F_TTY, VIEW("ssh"));
        bench_must(wire_encode(&m, ret->bytes, sizeof(ret->bytes), &ret->len), "wire_encode");
}

static int ask(const char *path, const struct request *request)
{
        unsigned char reply[WIRE_PACKET_MAX];
        int fd = bench_connect(path), good;
        uint32_t magic = 0;

        good = send(fd, request->bytes, request->len, MSG_NOSIGNAL) == (ssize_t)request->len &&
               recv(fd, reply, sizeof(reply), 0) >= WIRE_HEADER_LEN;
        if (good)
                memcpy(&magic, reply, sizeof(magic));
        (void)close(fd);
        return magic == WIRE_ALLOW;
}

int main(int argc, char **argv)
{
        static struct request requests[REQUESTS_MAX];
        struct bench_credentials credentials;
        struct bench_series times = {0};
        int64_t start, until, at;
        size_t n, failures = 0;

        if (argc != 4)
                bench_die("usage: flood SOCKET FILE MILLISECONDS", EINVAL);
        bench_read_credentials(argv[2], &credentials);
        n = credentials.len < REQUESTS_MAX ? credentials.len : REQUESTS_MAX;
        for (size_t i = 0; i < n; i++)
                make_request(bench_next_credential(&credentials), &requests[i]);
        start = at = bench_now();
        until = start + atoi(argv[3]) * INT64_C(1000000);
        while (at < until) {
                int64_t before = at;

                if (!ask(argv[1], &requests[times.len % n]))
                        failures++;
                at = bench_now();
                bench_add(&times, at - before);
        }
        (void)printf("{\"asked\": %zu, \"failures\": %zu, \"seconds\": %.3f, \"p50\": %.2f, "
                     "\"p99\": %.2f}\n",
                     times.len, failures, (double)(at - start) / 1e9,
                     (double)bench_quantile(&times, 0, .5) / 1e3,
                     (double)bench_quantile(&times, 0, .99) / 1e3);
        return 0;
}
