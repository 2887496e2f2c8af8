/* Management requests from anybody against a store: up to 50 packets an input, by different uids.
   Each answer must be a message that answers its request, never UNAVAILABLE; what is refused must
   change nothing; and no token may be left in an answer of any verb but those that make one. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/manage_fixture.h"

#define REQUESTS_MAX   50
#define INPUTS_A_STORE 2000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void audit_write(const struct audit_record *record)
{
        manage_fixture_record(record);
}

static void must(bool holds)
{
        if (!holds)
                abort();
}

static struct manage_fixture *make_fixture(void)
{
        struct manage_fixture *f = manage_fixture_new();
        char id[TOKEN_KEY_ID_SIZE];

        make_org(f, "acme");
        make_org(f, "globex");
        make_member(f, "acme", "alice", ROLE_ADMIN);
        make_member(f, "acme", "bob", ROLE_MEMBER);
        bind_account(f, "acme", "acme-deploy");
        (void)make_key(f, PERSON_ALICE, "acme", "ci", 0, id);
        (void)make_pat(f, PERSON_ALICE, "laptop", 3600, id);
        return f;
}

static int64_t pick_uid(uint8_t byte)
{
        static const int64_t uids[] = {0,           PERSON_ALICE, PERSON_BOB,      PERSON_CAROL,
                                       PERSON_DAVE, 2001,         PERSON_NAMELESS, PERSON_NOBODY};

        return uids[byte % 8];
}

static void check_answer(const struct manage_fixture *f, const struct wire_message *request)
{
        struct wire_message m;
        uint16_t len;

        for (size_t at = 0; at < f->reply.len; at += sizeof(len) + len) {
                memcpy(&len, f->reply.bytes + at, sizeof(len));
                must(at + sizeof(len) + len <= f->reply.len);
                must(wire_decode(f->reply.bytes + at + sizeof(len), len, &m) == 0);
                must(m.magic != WIRE_UNAVAILABLE);
                must(wire_has(&m, WIRE_F_TOKEN) == (m.magic == WIRE_NEW_TOKEN));
                if (request)
                        must(wire_is_answer_to(&m, request));
        }
}

/* One packet: the header is put right, so that what is fuzzed is behind it. */
static void run_one(struct manage_fixture *f, int64_t uid, uint8_t *packet, size_t len)
{
        static const uint8_t magic[4] = {0x4f, 0x4b, 0x54, 0x31};
        struct manage_call call = {.uid = uid,
                                   .now = f->now,
                                   .clock = f->now,
                                   .packet = view_of_bytes(packet, len),
                                   .status = &f->status};
        int64_t before = revision(f);
        struct wire_message request;
        bool good;

        if (len >= 6) {
                memcpy(packet, magic, sizeof(magic));
                packet[4] = (uint8_t)(packet[4] % WIRE_VERB_COUNT);
                packet[5] = 0;
        }
        good = wire_decode(packet, len, &request) == 0;
        /* Its path is root's to choose: here it would be the fuzzer's. */
        if (good && request.verb == WIRE_V_BACKUP)
                return;
        manage_reply_wipe(&f->reply);
        must(manage_run(&f->manage, &call, &f->reply) == 0);
        must(!good || f->reply.len > 0);
        check_answer(f, good ? &request : NULL);
        must(f->reply.revision != 0 || revision(f) == before);
        must(good || revision(f) == before);
        if (f->reply.new_token >= 0)
                (void)acknowledge(f, (uid & 1) == 0, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct manage_fixture *f;
        static unsigned inputs;
        uint8_t packet[WIRE_PACKET_MAX];

        if (inputs++ % INPUTS_A_STORE == 0) {
                (void)manage_fixture_free(f);
                f = make_fixture();
        }
        for (unsigned i = 0; i < REQUESTS_MAX && size >= 3; i++) {
                size_t len = (size_t)data[1] | (size_t)(data[2] & 0x0f) << 8;
                int64_t uid = pick_uid(data[0]);

                data += 3;
                size -= 3;
                if (len > size)
                        len = size;
                memcpy(packet, data, len);
                run_one(f, uid, packet, len);
                data += len;
                size -= len;
                f->now++;
        }
        return 0;
}
