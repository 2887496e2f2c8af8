/*
 * The floor: a daemon with the event loop of orgtokend (sd-event over epoll, accept and read at
 * once in batches, close after the reply) that decides nothing. A request of the protocol gets the
 * ALLOW that orgtokend would give, made once, with the request's nonce copied in; anything else
 * comes back as it was sent. Benchmarks only.
 *
 *   echo SOCKET
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "common/verdict.h"
#include "common/wire.h"
#include "tests/bench/bench.h"

#define BATCH      16
#define BACKLOG    512
#define TICKET_LEN 48
#define NONCE_AT   8 /* in a packet's header */
#define VERB_AT    4

struct packet {
        unsigned char bytes[WIRE_PACKET_MAX];
        size_t len;
};

static struct packet verified, checked; /* the answers to VERIFY and to ACCOUNT_CHECK */

static void make_answer(enum wire_verb verb, struct packet *ret)
{
        static const uint8_t nonce[WIRE_NONCE_LEN], ticket[TICKET_LEN] = {1};
        struct wire_message m;

        wire_init(&m, WIRE_ALLOW, verb, nonce);
        wire_put_number(&m, WIRE_F_VERDICT, VERDICT_ALLOW);
        wire_put_text(&m, WIRE_F_ORG, VIEW("acme"));
        wire_put_text(&m, WIRE_F_KEY_ID, VIEW("ak_0A1b2C"));
        if (verb == WIRE_V_VERIFY)
                wire_put_text(&m, WIRE_F_TICKET, view_of_bytes(ticket, sizeof(ticket)));
        bench_must(wire_encode(&m, ret->bytes, sizeof(ret->bytes), &ret->len), "wire_encode");
}

static void answer(int fd, unsigned char *bytes, size_t len)
{
        static const unsigned char ours[] = {'O', 'K', 'T', '1'};
        struct packet *reply;

        if (len < WIRE_HEADER_LEN || memcmp(bytes, ours, sizeof(ours)) != 0) {
                (void)send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
                return;
        }
        reply = bytes[VERB_AT] == WIRE_V_VERIFY ? &verified : &checked;
        memcpy(reply->bytes + NONCE_AT, bytes + NONCE_AT, WIRE_NONCE_LEN);
        (void)send(fd, reply->bytes, reply->len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int on_request(sd_event_source *source, int fd, uint32_t revents, void *data)
{
        unsigned char bytes[WIRE_PACKET_MAX];
        ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC);

        (void)revents;
        (void)data;
        if (n > 0)
                answer(fd, bytes, (size_t)n);
        (void)sd_event_source_disable_unref(source);
        (void)close(fd);
        return 0;
}

static int on_connect(sd_event_source *source, int listener, uint32_t revents, void *data)
{
        unsigned char bytes[WIRE_PACKET_MAX];
        ssize_t n;
        int fd;

        (void)revents;
        (void)data;
        for (unsigned i = 0; i < BATCH; i++) {
                fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (fd < 0)
                        break;
                n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC);
                if (n < 0 && errno == EAGAIN) {
                        bench_must(sd_event_add_io(sd_event_source_get_event(source), NULL, fd,
                                                   EPOLLIN, on_request, NULL),
                                   "sd_event_add_io");
                        continue;
                }
                if (n > 0)
                        answer(fd, bytes, (size_t)n);
                (void)close(fd);
        }
        return 0;
}

int main(int argc, char **argv)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        sd_event *event = NULL;

        if (argc != 2 || fd < 0)
                bench_die("usage: echo SOCKET", EINVAL);
        make_answer(WIRE_V_VERIFY, &verified);
        make_answer(WIRE_V_ACCOUNT_CHECK, &checked);
        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[1]);
        if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
            listen(fd, BACKLOG) < 0)
                bench_die(argv[1], errno);
        bench_must(sd_event_default(&event), "sd_event_default");
        bench_must(sd_event_add_io(event, NULL, fd, EPOLLIN, on_connect, NULL), "sd_event_add_io");
        return sd_event_loop(event) < 0;
}
