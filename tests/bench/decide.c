/*
 * One process that does with a request what orgtokend does between recv() and the next accept():
 * decode, decide, encode, and after the answer the record and the note of the use. For counting
 * instructions and for profiles: nothing here waits, and the same run takes the same instructions.
 * The journal is a connect() and a send() that go nowhere.
 *
 *   decide STATE_DIR FILE TIMES
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/hostkey.h"
#include "daemon/verifier.h"
#include "tests/bench/bench.h"

#define NOW        INT64_C(1767312000)
#define GRANT_LIFE 900
#define WARM_UP    1000

int connect(int fd, const struct sockaddr *address, socklen_t len)
{
        (void)fd;
        (void)address;
        (void)len;
        return 0;
}

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
        (void)fd;
        (void)bytes;
        (void)flags;
        return (ssize_t)len;
}

struct packet {
        unsigned char bytes[WIRE_PACKET_MAX];
        size_t len;
};

static void make_request(const struct bench_credential *c, struct packet *ret)
{
        static const uint8_t nonce[WIRE_NONCE_LEN] = {1, 2, 3};
        struct wire_message m;

        wire_init(&m, WIRE_REQUEST, WIRE_V_VERIFY, nonce);
        wire_put_text(&m, WIRE_F_TOKEN, view_of(c->password));
        wire_put_text(&m, WIRE_F_ACCOUNT, view_of(c->user));
        wire_put_text(&m, WIRE_F_SERVICE, VIEW("sshd"));
        wire_put_text(&m, WIRE_F_SOURCE, VIEW("192.0.2.7"));
        wire_put_number(&m, WIRE_F_REAL_UID, 0);
        wire_put_number(&m, WIRE_F_REMOTE, 1);
        wire_put_text(&m, WIRE_F_TTY, VIEW("ssh"));
        bench_must(wire_encode(&m, ret->bytes, sizeof(ret->bytes), &ret->len), "wire_encode");
}

static void verify_once(struct verifier *v, const struct packet *request, struct packet *reply)
{
        const struct verifier_call call = {.uid = 0, .pid = 4711, .now = NOW, .clock = NOW};
        struct verifier_texts texts;
        struct verifier_after after;
        struct wire_message in, out;

        bench_must(wire_decode(request->bytes, request->len, &in), "wire_decode");
        verifier_handle(v, &call, &in, &out, &texts, &after);
        if (out.magic != WIRE_ALLOW)
                bench_die("no ALLOW", EPROTO);
        bench_must(wire_encode(&out, reply->bytes, sizeof(reply->bytes), &reply->len),
                   "wire_encode");
        verifier_finish(v, &after);
}

/* The counted function. Visible and never inlined: callgrind is told its name. */
void bench_verification(struct verifier *v, const struct packet *request, struct packet *reply);
__attribute__((noinline)) void bench_verification(struct verifier *v, const struct packet *request,
                                                  struct packet *reply)
{
        verify_once(v, request, reply);
}

int main(int argc, char **argv)
{
        struct verifier v = {.private_uid = -1};
        struct bench_credentials credentials;
        struct keyhash *key = NULL;
        struct store_reader *reader;
        static struct packet request, reply;
        const char *why = "";
        int64_t start;
        int n;

        if (argc != 4)
                bench_die("usage: decide STATE_DIR FILE TIMES", EINVAL);
        n = atoi(argv[3]);
        bench_must(keyhash_init(), "keyhash_init");
        bench_must(hostkey_load(argv[1], NULL, NOW, &key, &why), why);
        bench_must(store_reader_open(argv[1], &reader), "store_reader_open");
        bench_must(grant_table_new(GRANT_LIFE, &v.grants), "grant_table_new");
        bench_must(usage_new(&v.usage), "usage_new");
        v.sealed = (struct sealed){
                .reader = reader, .key = key, .fingerprint = keyhash_fingerprint(key)};
        bench_must(seal_memo_new(&v.sealed.memo), "seal_memo_new");
        bench_must(rowcache_new(&v.sealed.rows), "rowcache_new");
        bench_read_credentials(argv[2], &credentials);
        /* A daemon that has run for a while has met its orgs and accounts. */
        for (int i = 0; i < WARM_UP; i++) {
                make_request(bench_next_credential(&credentials), &request);
                verify_once(&v, &request, &reply);
        }
        start = bench_now();
        for (int i = 0; i < n; i++) {
                make_request(bench_next_credential(&credentials), &request);
                bench_verification(&v, &request, &reply);
        }
        (void)printf("{\"times\": %d, \"each\": %.3f}\n", n,
                     (double)(bench_now() - start) / 1e3 / n);
        (void)rowcache_free(v.sealed.rows);
        (void)seal_memo_free(v.sealed.memo);
        (void)usage_free(v.usage);
        (void)grant_table_free(v.grants);
        (void)store_reader_close(reader);
        (void)keyhash_free(key);
        return 0;
}
