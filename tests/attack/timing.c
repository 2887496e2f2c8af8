/*
 * Does the time of a refusal tell anything about the secret (SECURITY: TIME)? Two classes, measured
 * in random order and compared by Welch's t when the slowest are dropped. In a process the same
 * token is judged against rows that differ in what it must not find out; over the socket two tokens
 * are presented that are alike in all that could slow down their parsing.
 *
 *   timing STATE_DIR SAMPLES            in this process: the judging of one row
 *   timing STATE_DIR SAMPLES SOCKET     over verify.sock, to a daemon that serves STATE_DIR
 *
 * STATE_DIR is a store with its key. SAMPLES is of each class. Prints a line of JSON for each pair
 * of classes; nothing is judged here.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/client.h"
#include "daemon/hostkey.h"
#include "daemon/sealed.h"
#include "tests/bench/bench.h"

#define PRESENTED "Zm3kQ9x0Lr7TbVw5YcNd2HfJp8GsKa4UeXi6RoMqBtA"
#define NOW       INT64_C(1767312000)
/* Of the times, the fastest: in a process nearly all are alike, over a socket half of them tell
   more of the machine than of the daemon. */
#define KEPT_HERE   0.95
#define KEPT_SOCKET 0.5

struct stand {
        struct keyhash *key;
        struct store_reader *reader;
        struct store_writer *writer;
        struct sealed sealed;
        const char *socket; /* NULL: in this process */
        struct record_token row;
        struct view secret; /* what is presented */
        char text[TOKEN_TEXT_MAX + 1];
        size_t samples;
        unsigned owners;
};

/* ---- rows ---- */

static void open_stand(struct stand *s, const char *dir)
{
        const char *why = "";

        bench_must(keyhash_init(), "keyhash_init");
        bench_must(hostkey_load(dir, NULL, NOW, &s->key, &why), why);
        bench_must(store_writer_open(dir, &s->writer), "store_writer_open");
        bench_must(store_reader_open(dir, &s->reader), "store_reader_open");
        s->sealed = (struct sealed){.reader = s->reader,
                                    .writer = s->writer,
                                    .key = s->key,
                                    .fingerprint = keyhash_fingerprint(s->key)};
}

static void commit(struct stand *s)
{
        int64_t revision;

        bench_must(store_write_commit(s->writer, &revision), "store_write_commit");
}

/* The row whose secret begins with so many characters of PRESENTED: made by the product, and rolled
   back. */
static struct record_token make_row(struct stand *s, size_t shared, bool revoked)
{
        struct record_token row = {.id = s->row.id,
                                   .kind = TOKEN_AK,
                                   .owner = s->row.owner,
                                   .created_at = NOW,
                                   .expires_at = EXPIRY_NEVER};
        char random[TOKEN_RANDOM_LEN], text[TOKEN_TEXT_MAX + 1];
        struct token token;

        memcpy(random, PRESENTED, sizeof(random));
        for (size_t i = shared; i < sizeof(random); i++)
                random[i] = token_character(((unsigned)token_digit(random[i]) + 7) % 62);
        token_format(row.kind, row.id, random, text);
        bench_must(token_parse(view_of(text), &token), "token_parse");
        (void)snprintf(row.name, sizeof(row.name), "timing");
        bench_must(store_write_begin(s->writer), "store_write_begin");
        bench_must(sealed_insert_token(&s->sealed, &row, token.secret), "sealed_insert_token");
        if (revoked)
                bench_must(sealed_revoke_token(&s->sealed, &row, NOW, "revoked"), "revoke");
        store_write_rollback(s->writer);
        return row;
}

/* An org to own it, an id, and the text that is presented. */
static void make_owner(struct stand *s)
{
        struct record_org org = {.created_at = NOW, .policy = {.never_ok = true}};
        struct token token;

        (void)snprintf(org.name, sizeof(org.name), "timing-%u", ++s->owners);
        bench_must(store_write_begin(s->writer), "store_write_begin");
        bench_must(store_next_org_id(s->writer, &org.id), "store_next_org_id");
        bench_must(sealed_put_org(&s->sealed, &org), "sealed_put_org");
        commit(s);
        s->row = (struct record_token){.id = (int64_t)keyhash_random_below(TOKEN_ID_LIMIT),
                                       .owner = org.id};
        token_format(TOKEN_AK, s->row.id, PRESENTED, s->text);
        bench_must(token_parse(view_of(s->text), &token), "token_parse");
        s->secret = token.secret;
}

/* ---- one measurement ---- */

static int64_t judge_here(struct stand *s, const struct record_token *row)
{
        static struct record_token same_place;
        enum sealed_token_state state;
        int64_t start;

        same_place = *row;
        /* Once beforehand, so that the copying of this row or that leaves no trace. */
        bench_must(sealed_judge_token(&s->sealed, &same_place, s->secret, &state), "judge");
        start = bench_now();
        bench_must(sealed_judge_token(&s->sealed, &same_place, s->secret, &state), "judge");
        start = bench_now() - start;
        if (state != SEALED_WRONG)
                bench_die("not refused", EPROTO);
        return start;
}

static int64_t ask(const struct stand *s, const char *text)
{
        uint8_t nonce[WIRE_NONCE_LEN];
        unsigned char request[512], reply[WIRE_PACKET_MAX];
        struct wire_message m;
        uint32_t magic = 0;
        int64_t start;
        size_t len;
        int fd;

        bench_must(client_nonce(nonce), "nonce");
        wire_init(&m, WIRE_REQUEST, WIRE_V_VERIFY, nonce);
        wire_put_text(&m, WIRE_F_TOKEN, view_of(text));
        wire_put_text(&m, WIRE_F_ACCOUNT, VIEW("somebody"));
        wire_put_text(&m, WIRE_F_SERVICE, VIEW("timing"));
        wire_put_number(&m, WIRE_F_REAL_UID, 0);
        bench_must(wire_encode(&m, request, sizeof(request), &len), "wire_encode");
        fd = bench_connect(s->socket);
        start = bench_now();
        if (send(fd, request, len, MSG_NOSIGNAL) != (ssize_t)len ||
            recv(fd, reply, sizeof(reply), 0) < WIRE_HEADER_LEN)
                bench_die("no answer", errno);
        start = bench_now() - start;
        memcpy(&magic, reply, sizeof(magic));
        if (magic != WIRE_VERDICT)
                bench_die("not refused", EPROTO);
        (void)close(fd);
        return start;
}

/* ---- two classes ---- */

struct mean {
        double n, mean, squares; /* Welford's */
};

static void take(struct mean *m, double value)
{
        double before = value - m->mean;

        m->n++;
        m->mean += before / m->n;
        m->squares += before * (value - m->mean);
}

static void report(const struct stand *s, const char *what, const struct bench_series times[2])
{
        struct bench_series all = {0};
        struct mean m[2] = {0};
        int64_t most;
        double t;

        for (int c = 0; c < 2; c++)
                for (size_t i = 0; i < times[c].len; i++)
                        bench_add(&all, times[c].value[i]);
        most = bench_quantile(&all, 0, s->socket ? KEPT_SOCKET : KEPT_HERE);
        for (int c = 0; c < 2; c++)
                for (size_t i = 0; i < times[c].len; i++)
                        if (times[c].value[i] <= most)
                                take(&m[c], (double)times[c].value[i]);
        t = (m[1].mean - m[0].mean) /
            sqrt(m[0].squares / (m[0].n - 1) / m[0].n + m[1].squares / (m[1].n - 1) / m[1].n);
        (void)printf("{\"where\": \"%s\", \"what\": \"%s\", \"samples\": %zu, \"mean\": %.1f, "
                     "\"difference\": %.2f, \"t\": %.2f}\n",
                     s->socket ? "socket" : "process", what, times[0].len, m[0].mean,
                     m[1].mean - m[0].mean, t);
        (void)fflush(stdout);
        free(all.value);
}

/* ---- in this process ---- */

static void compare_rows(struct stand *s, const char *what, const struct record_token row[2])
{
        struct bench_series times[2] = {0};

        while (times[0].len < s->samples || times[1].len < s->samples) {
                unsigned c = (unsigned)keyhash_random_below(2);

                bench_add(&times[c], judge_here(s, &row[c]));
        }
        report(s, what, times);
        free(times[0].value);
        free(times[1].value);
}

static void measure_here(struct stand *s)
{
        static struct record_token beginning[2], mac[2], over[2];

        beginning[0] = make_row(s, 0, false);
        beginning[1] = over[0] = make_row(s, TOKEN_RANDOM_LEN - 1, false);
        over[1] = make_row(s, TOKEN_RANDOM_LEN - 1, true);
        mac[0] = mac[1] = make_row(s, TOKEN_RANDOM_LEN, false);
        mac[0].mac[0] ^= 0x40;
        mac[1].mac[RECORD_MAC_LEN - 1] ^= 0x40;
        compare_rows(s, "the secret's first 0 or 42 characters right", beginning);
        compare_rows(s, "the mac's first 0 or 31 bytes right", mac);
        compare_rows(s, "a live token, a revoked one", over);
}

/* ---- over the socket ---- */

static int class_of(char c)
{
        int digit = token_digit(c);

        return digit < 10 ? 0 : digit < 36 ? 1 : 2;
}

/* Another character of the same kind: a digit for a digit. */
static char another(char c)
{
        char other;

        do
                other = token_character((unsigned)keyhash_random_below(62));
        while (other == c || class_of(other) != class_of(c));
        return other;
}

/* A token of that id, of which every character of the secret is another one of the same kind, those
   of the checksum included. */
static void make_twin(int64_t id, const char random[static TOKEN_RANDOM_LEN], const char *text,
                      char ret[static TOKEN_TEXT_MAX + 1])
{
        char twin[TOKEN_RANDOM_LEN];
        bool alike;

        do {
                for (size_t i = 0; i < sizeof(twin); i++)
                        twin[i] = another(random[i]);
                token_format(TOKEN_AK, id, twin, ret);
                alike = true;
                for (size_t i = 0; text[i]; i++)
                        alike = alike && class_of(text[i]) == class_of(ret[i]);
        } while (!alike);
}

static void keep(struct stand *s, const struct record_token *row)
{
        bench_must(store_write_begin(s->writer), "store_write_begin");
        bench_must(store_insert_token(s->writer, row), "store_insert_token");
        commit(s);
}

static void compare_tokens(struct stand *s, const char *what, const char *first, const char *second)
{
        const char *const text[2] = {first, second};
        struct bench_series times[2] = {0};

        while (times[0].len < s->samples || times[1].len < s->samples) {
                unsigned c = (unsigned)keyhash_random_below(2);

                bench_add(&times[c], ask(s, text[c]));
        }
        report(s, what, times);
        free(times[0].value);
        free(times[1].value);
}

static void measure_socket(struct stand *s)
{
        char presented[TOKEN_RANDOM_LEN + 1] = PRESENTED, text[TOKEN_TEXT_MAX + 1],
                                          twin[TOKEN_TEXT_MAX + 1], gone[TOKEN_TEXT_MAX + 1];
        struct record_token row;

        /* Of this row's secret the one has all characters but the last, and the twin none. */
        make_owner(s);
        row = make_row(s, TOKEN_RANDOM_LEN, false);
        keep(s, &row);
        presented[TOKEN_RANDOM_LEN - 1] = another(presented[TOKEN_RANDOM_LEN - 1]);
        token_format(TOKEN_AK, row.id, presented, text);
        make_twin(row.id, presented, text, twin);
        compare_tokens(s, "the secret's first 0 or 42 characters right", twin, text);

        /* This row has the mac of the one, but for the last byte. */
        make_owner(s);
        row = make_row(s, TOKEN_RANDOM_LEN, false);
        row.mac[RECORD_MAC_LEN - 1] ^= 0x40;
        keep(s, &row);
        token_format(TOKEN_AK, row.id, PRESENTED, text);
        make_twin(row.id, PRESENTED, text, twin);
        compare_tokens(s, "the mac's first 0 or 31 bytes right", twin, text);

        /* Ids are public, and looking one up may tell; but not that no mac was computed. */
        token_format(TOKEN_AK, row.id ^ 1, PRESENTED, gone);
        compare_tokens(s, "a known id, an unknown one", text, gone);
}

int main(int argc, char **argv)
{
        static struct stand s;

        if (argc != 3 && argc != 4)
                bench_die("usage: timing STATE_DIR SAMPLES [SOCKET]", EINVAL);
        s.samples = strtoul(argv[2], NULL, 10);
        s.socket = argv[3];
        open_stand(&s, argv[1]);
        if (s.socket) {
                measure_socket(&s);
        } else {
                make_owner(&s);
                measure_here(&s);
        }
        return 0;
}
