#include "tests/support/manage_remote.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/client.h"

#define TIMEOUT_MS    20000
#define NOBODY        65534
#define PASSWD        "/etc/passwd"
#define PASSWD_NEW    "/etc/passwd.new"
#define REVISION_WAIT 2000 /* times 5 ms */

struct manage_remote {
        const char *socket;
        struct client client;
        char *system; /* the lines of passwd that the host itself needs */
};

static void must(bool good, const char *what)
{
        if (good)
                return;
        (void)fprintf(stderr, "remote fixture: %s: %s\n", what, strerror(errno));
        abort();
}

/* ---- the user database ---- */

static bool is_system_line(const char *line)
{
        static const char *const names[] = {"root:", "nobody:", "orgtoken:"};

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (strncmp(line, names[i], strlen(names[i])) == 0)
                        return true;
        return false;
}

static char *read_system_lines(void)
{
        FILE *in = fopen(PASSWD, "re"), *out;
        char line[1024], *text = NULL;
        size_t size;

        must(in != NULL, PASSWD);
        out = open_memstream(&text, &size);
        must(out != NULL, "memory");
        while (fgets(line, sizeof(line), in))
                if (is_system_line(line))
                        (void)fputs(line, out);
        (void)fclose(in);
        must(fclose(out) == 0, "memory");
        return text;
}

/* The whole file, renamed into place, so that nobody reads half of it. */
void manage_remote_person(struct manage_fixture *f)
{
        FILE *out = fopen(PASSWD_NEW, "we");

        must(out != NULL, PASSWD_NEW);
        (void)fputs(f->remote->system, out);
        for (size_t i = 0; i < f->people_count; i++)
                if (f->people[i].uid > 0)
                        (void)fprintf(out, "%s:x:%lld:%lld::/:/bin/sh\n", f->people[i].name,
                                      (long long)f->people[i].uid, (long long)f->people[i].uid);
        must(fchmod(fileno(out), 0644) == 0 && fclose(out) == 0, PASSWD_NEW);
        must(rename(PASSWD_NEW, PASSWD) == 0, PASSWD);
}

/* ---- asking ---- */

static void keep_packet(struct manage_fixture *f, const void *bytes, size_t len)
{
        uint16_t prefix = (uint16_t)len;

        must(f->bytes_len + sizeof(prefix) + len <= f->bytes_size, "an answer that is too long");
        memcpy(f->bytes + f->bytes_len, &prefix, sizeof(prefix));
        memcpy(f->bytes + f->bytes_len + sizeof(prefix), bytes, len);
        f->bytes_len += sizeof(prefix) + len;
}

/* The credentials of a socket are those of the moment it connects. */
static void connect_as(struct manage_fixture *f, int64_t uid)
{
        struct manage_remote *remote = f->remote;
        int r;

        client_close(&remote->client);
        must(seteuid((uid_t)uid) == 0, "seteuid");
        r = client_connect(&remote->client, remote->socket, TIMEOUT_MS);
        must(seteuid(0) == 0, "seteuid");
        errno = -r;
        must(r == 0, remote->socket);
}

/* A uid that is nobody's is hung up on; in one process the same is a refusal. */
static void answer_for_nobody(struct manage_fixture *f)
{
        unsigned char packet[WIRE_PACKET_MAX];
        struct wire_message m;
        size_t len;

        wire_init(&m, WIRE_REFUSED, f->request.verb, f->request.nonce);
        wire_put_text(&m, WIRE_F_REASON, VIEW("not-allowed"));
        wire_put_text(&m, WIRE_F_MESSAGE, VIEW("hung up"));
        must(wire_encode(&m, packet, sizeof(packet), &len) == 0, "encode");
        keep_packet(f, packet, len);
}

/* All packets of one answer. */
static int receive_answer(struct manage_fixture *f)
{
        struct client *c = &f->remote->client;
        struct wire_message m;
        int r;

        do {
                r = client_receive(c, &m);
                if (r < 0)
                        return r;
                keep_packet(f, c->buffer.bytes, c->buffer.len);
        } while (m.magic == WIRE_ROW);
        return 0;
}

static void note_new_token(struct manage_fixture *f, const struct wire_message *m)
{
        struct token token;

        f->reply.new_token = -1;
        if (m->magic != WIRE_NEW_TOKEN)
                return;
        must(token_parse(wire_text(m, WIRE_F_TOKEN), &token) == 0, "no token");
        f->reply.new_token = token.id;
}

void manage_remote_run(struct manage_fixture *f, int64_t uid)
{
        struct manage_remote *remote = f->remote;
        int r;

        f->bytes_len = 0;
        connect_as(f, uid);
        r = client_send(&remote->client, &f->request);
        if (r == 0)
                r = receive_answer(f);
        if (uid == NOBODY) {
                must(r == -ECONNRESET || r == -EPIPE, "nobody was served");
                answer_for_nobody(f);
        } else {
                errno = -r;
                must(r == 0, "no answer");
        }
        manage_fixture_decode(f);
        note_new_token(f, answer(f));
        if (f->reply.new_token < 0)
                client_close(&remote->client);
}

/* Somebody who goes away is noticed a moment later. */
static void wait_for_change(struct manage_fixture *f, int64_t before)
{
        const struct timespec pause = {.tv_nsec = 5000000};

        for (unsigned i = 0; i < REVISION_WAIT; i++) {
                if (manage_remote_revision(f) != before)
                        return;
                (void)nanosleep(&pause, NULL);
        }
        errno = ETIMEDOUT;
        must(false, "a token that was not acknowledged is not revoked");
}

uint32_t manage_remote_acknowledge(struct manage_fixture *f, bool accepted, bool with_packet)
{
        struct client c = f->remote->client;
        int64_t before;
        int r;

        f->remote->client = (struct client)CLIENT_INIT;
        if (!with_packet) {
                before = manage_remote_revision(f);
                client_close(&c);
                wait_for_change(f, before);
                return 0;
        }
        f->remote->client = c;
        ask(f, WIRE_V_ACK);
        set_number(f, WIRE_F_ACCEPTED, accepted);
        f->bytes_len = 0;
        r = client_send(&f->remote->client, &f->request);
        if (r == 0)
                r = receive_answer(f);
        errno = -r;
        must(r == 0, "the acknowledgement was not answered");
        client_close(&f->remote->client);
        manage_fixture_decode(f);
        return answer(f)->magic;
}

/* By a connection of its own: the answer in hand stays as it is. */
int64_t manage_remote_revision(struct manage_fixture *f)
{
        struct client c = CLIENT_INIT;
        struct wire_message request, m;
        static const uint8_t nonce[WIRE_NONCE_LEN] = "revision";
        int64_t found = -1;
        int r = client_connect(&c, f->remote->socket, TIMEOUT_MS);

        wire_init(&request, WIRE_REQUEST, WIRE_V_STATUS, nonce);
        if (r == 0)
                r = client_send(&c, &request);
        while (r == 0 && (r = client_receive(&c, &m)) == 0 && m.magic == WIRE_ROW)
                if (view_equal_str(wire_text(&m, WIRE_F_METRIC), "store_revision"))
                        found = wire_number(&m, WIRE_F_VALUE, -1);
        client_close(&c);
        errno = -r;
        must(r == 0 && found >= 0, "status");
        return found;
}

/* ---- the fixture ---- */

struct manage_fixture *manage_remote_new(const char *socket)
{
        struct manage_fixture *f = manage_fixture_new_without_store();

        f->remote = calloc(1, sizeof(*f->remote));
        f->bytes_size = (size_t)MANAGE_PACKETS_MAX * 512;
        f->bytes = malloc(f->bytes_size);
        must(f->remote && f->bytes, "memory");
        *f->remote = (struct manage_remote){
                .socket = socket, .client = CLIENT_INIT, .system = read_system_lines()};
        manage_remote_person(f);
        return f;
}

void manage_remote_close(struct manage_fixture *f)
{
        client_close(&f->remote->client);
        free(f->remote->system);
        free(f->remote);
}
