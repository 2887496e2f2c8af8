/*
 * verify.sock from request to reply: sequences of requests, raw or put together from choices,
 * against a small world in memory. Whatever comes: the reply is one, a yes has its cause earlier in
 * the sequence, a no says nothing else, and nothing is kept of an exchange that was none.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/audit.h"
#include "daemon/verifier.h"

/* Compiled in, so that these and not the daemon's own answer to daemon/store.h. */
#include "tests/support/memory_store.c"
#include "tests/support/world.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TOKENS  8
#define TICKETS 16

static struct world *world;
static struct world_token tokens[TOKENS];

/* What has happened in this sequence. */
static struct {
        struct verifier v;
        uint8_t tickets[TICKETS][TICKET_LEN];
        unsigned ticket_count;
        char proved[TICKETS][NAME_ITEM_MAX + 1];
        unsigned proved_count;
        int64_t now;
} run;

static void require(bool holds)
{
        if (!holds)
                abort();
}

/* A record has to be made of texts that are there, and of no secret. */
void audit_write(const struct audit_record *record)
{
        require(record->message.ptr && record->message.len > 0 && record->reference.len == 16);
        for (size_t i = 0; i < TOKENS; i++)
                require(!memmem(record->message.ptr, record->message.len,
                                strchr(tokens[i].text, '.') + 1, 12));
}

static void make_world(void)
{
        int64_t acme, globex, alice, bob;
        struct record_token t;

        world = world_new();
        acme = world_org(world, "acme");
        globex = world_org(world, "globex");
        alice = world_user(world, "alice");
        bob = world_user(world, "bob");
        world_member(world, acme, alice, ROLE_MEMBER);
        world_member(world, globex, alice, ROLE_ADMIN);
        world_member(world, acme, bob, ROLE_ADMIN);
        world_bind(world, "deploy", acme, ROLE_NONE, NULL);
        world_bind(world, "ops", acme, ROLE_ADMIN, "su");
        world_bind(world, "db", globex, ROLE_NONE, NULL);
        tokens[0] = world_pat(world, alice);
        tokens[1] = world_pat(world, bob);
        tokens[2] = world_key(world, acme);
        tokens[3] = world_key(world, globex);
        t = world_template(TOKEN_PAT, alice);
        t.expires_at = WORLD_NOW + 500;
        tokens[4] = world_token(world, &t);
        t.limits = world_limit(WIRE_F_LIMIT_SOURCE, "10.0.0.0/8", NULL);
        tokens[5] = world_token(world, &t);
        tokens[6] = world_pat(world, bob);
        world_revoke(world, tokens[6].id, "revoked");
        tokens[7] = world_pat(world, bob);
        world_rotate(world, tokens[7].id, WORLD_NOW + 50);
}

/* Bytes as choices; 0 where there are none left. */
struct choices {
        const uint8_t *next;
        size_t left;
};

static unsigned choose(struct choices *c, unsigned n)
{
        if (c->left == 0)
                return 0;
        c->left--;
        return *c->next++ % n;
}

static const char *const names[] = {"alice", "bob",      "deploy", "ops",   "db",
                                    "root",  "acme",     "globex", "su",    "sudo",
                                    "sshd",  "10.0.0.7", "x\\y",   "nosuch"};

static void put_token(struct wire_message *m, struct choices *c)
{
        static const char *const suffixes[] = {"", "@acme", "@globex", "@nosuch"};
        struct view text = world_type(&tokens[choose(c, TOKENS)], suffixes[choose(c, 4)]);
        unsigned change = choose(c, 128);

        /* Mostly left whole: a changed one is refused for its checksum. */
        if (change > 0 && change < text.len)
                ((char *)(uintptr_t)text.ptr)[change] ^= 1;
        wire_put_text(m, WIRE_F_TOKEN, text);
}

static void put_ticket(struct wire_message *m, struct choices *c)
{
        static uint8_t ticket[TICKET_LEN];
        unsigned which = choose(c, TICKETS), change = choose(c, 128);

        memcpy(ticket, run.tickets[which], TICKET_LEN);
        if (change > 0 && change < TICKET_LEN)
                ticket[change] ^= 1;
        wire_put_text(m, WIRE_F_TICKET, view_of_bytes(ticket, TICKET_LEN));
}

static void put_name(struct wire_message *m, enum wire_field field, struct choices *c)
{
        unsigned which = choose(c, sizeof(names) / sizeof(names[0]) + 1);

        if (which > 0)
                wire_put_text(m, field, view_of(names[which - 1]));
}

/* Any combination of fields; most are not what the verb takes, and then they are taken out again.
 */
static void put_fields(struct wire_message *m, struct choices *c)
{
        static const enum wire_field texts[] = {WIRE_F_ACCOUNT, WIRE_F_ACTOR, WIRE_F_SERVICE,
                                                WIRE_F_SOURCE,  WIRE_F_ORG,   WIRE_F_ORG_ANSWER,
                                                WIRE_F_TTY};
        static const int64_t numbers[] = {0, 1, 2, 3, 1000, -1, UINT32_MAX, INT64_MAX};

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                put_name(m, texts[i], c);
        wire_put_number(m, WIRE_F_REAL_UID, numbers[choose(c, 8)]);
        if (choose(c, 4) == 3)
                wire_put_number(m, WIRE_F_ROLE, numbers[choose(c, 8)]);
        if (choose(c, 4) == 3)
                wire_put_number(m, WIRE_F_BOUND_ONLY, numbers[choose(c, 8)]);
        if (choose(c, 4) == 3)
                wire_put_number(m, WIRE_F_REMOTE, numbers[choose(c, 8)]);
}

static void drop(struct wire_message *m, enum wire_field field)
{
        m->present[field / 64] &= ~(UINT64_C(1) << field % 64);
}

static void drop_what_is_not_taken(struct wire_message *m)
{
        if (m->verb != WIRE_V_VERIFY) {
                drop(m, WIRE_F_TOKEN);
                drop(m, WIRE_F_ORG_ANSWER);
                drop(m, WIRE_F_REMOTE);
        }
        if (m->verb != WIRE_V_ACCOUNT_CHECK)
                drop(m, WIRE_F_TICKET);
        if (m->verb == WIRE_V_ACCOUNT_CHECK) {
                drop(m, WIRE_F_REAL_UID);
                drop(m, WIRE_F_TTY);
        }
        if (m->verb == WIRE_V_SESSION_CHECK) {
                drop(m, WIRE_F_SOURCE);
                drop(m, WIRE_F_BOUND_ONLY);
        }
}

static bool is_known_token(struct view typed)
{
        struct token t;

        if (token_parse(typed, &t) < 0)
                return false;
        for (size_t i = 0; i < TOKENS; i++)
                if (i != 6 && view_equal_str(t.text, tokens[i].text))
                        return true;
        return false;
}

static bool is_known_ticket(struct view ticket)
{
        for (unsigned i = 0; i < run.ticket_count; i++)
                if (view_equal(ticket, view_of_bytes(run.tickets[i], TICKET_LEN)))
                        return true;
        return false;
}

static bool is_proved(struct view actor)
{
        for (unsigned i = 0; i < run.proved_count; i++)
                if (view_equal_str(actor, run.proved[i]))
                        return true;
        return false;
}

static void remember(const struct wire_message *request, const struct verifier_texts *texts,
                     const struct verifier_call *call)
{
        struct view actor = wire_text(request, WIRE_F_ACTOR);

        memcpy(run.tickets[run.ticket_count++ % TICKETS], texts->ticket, TICKET_LEN);
        if (run.ticket_count > TICKETS)
                run.ticket_count = TICKETS;
        if (call->uid == 0 && wire_number(request, WIRE_F_REAL_UID, 0) != 0 &&
            run.proved_count < TICKETS)
                (void)view_copy(actor, run.proved[run.proved_count++], sizeof(run.proved[0]));
}

/* A yes has its cause. */
static void check_allow(const struct wire_message *request, const struct verifier_call *call)
{
        if (request->verb == WIRE_V_VERIFY)
                require(is_known_token(wire_text(request, WIRE_F_TOKEN)));
        if (request->verb == WIRE_V_ACCOUNT_CHECK)
                require(is_known_ticket(wire_text(request, WIRE_F_TICKET)));
        if (request->verb == WIRE_V_SESSION_CHECK)
                require(call->uid == 0 && is_proved(wire_text(request, WIRE_F_ACTOR)));
}

static void check_after(const struct wire_message *request, const struct wire_message *reply,
                        const struct verifier_after *after)
{
        bool allowed = reply->magic == WIRE_ALLOW;

        require((after->error < 0) == (reply->magic == WIRE_UNAVAILABLE));
        require(after->note_use == (allowed && request->verb == WIRE_V_VERIFY));
        require(!after->write_grant || allowed);
        require(!after->drop_grant || !allowed);
        require(after->audit == (reply->magic != WIRE_DONE));
        if (reply->magic == WIRE_VERDICT)
                require(reply->present[0] == UINT64_C(1) << WIRE_F_VERDICT &&
                        wire_number(reply, WIRE_F_VERDICT, 0) != VERDICT_ALLOW);
        if (reply->magic == WIRE_DONE)
                require(request->verb == WIRE_V_SESSION_CHECK);
}

static void exchange(const uint8_t *packet, size_t len, const struct verifier_call *call)
{
        uint8_t answer[WIRE_PACKET_MAX];
        struct wire_message request, reply, got;
        struct verifier_texts texts;
        struct verifier_after after;
        size_t answer_len;

        if (wire_decode(packet, len, &request) < 0 || request.verb > WIRE_V_SESSION_CHECK)
                return;
        verifier_handle(&run.v, call, &request, &reply, &texts, &after);
        require(!world->reader->in_transaction);
        require(wire_encode(&reply, answer, sizeof(answer), &answer_len) == 0);
        require(wire_decode(answer, answer_len, &got) == 0 && wire_is_answer_to(&got, &request));
        check_after(&request, &got, &after);
        if (got.magic == WIRE_ALLOW)
                check_allow(&request, call);
        if (got.magic == WIRE_ALLOW && request.verb == WIRE_V_VERIFY)
                remember(&request, &texts, call);
        verifier_finish(&run.v, &after);
}

static void step(struct choices *c)
{
        static const uint8_t nonce[WIRE_NONCE_LEN] = {1};
        static const int64_t uids[] = {0, 0, 0, 1000, -1};
        struct verifier_call call = {.uid = uids[choose(c, 5)], .pid = 1};
        uint8_t packet[WIRE_PACKET_MAX];
        struct wire_message m;
        size_t len;

        run.now += (int64_t)choose(c, 255) * choose(c, 20) - choose(c, 10);
        call.now = call.clock = run.now;
        wire_init(&m, WIRE_REQUEST, (enum wire_verb)(1 + choose(c, 3)), nonce);
        put_token(&m, c);
        put_ticket(&m, c);
        put_fields(&m, c);
        drop_what_is_not_taken(&m);
        if (wire_encode(&m, packet, sizeof(packet), &len) == 0)
                exchange(packet, len, &call);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct verifier_call root = {.uid = 0, .now = WORLD_NOW, .clock = WORLD_NOW};
        struct choices c = {data, size};

        if (!world)
                make_world();
        memset(&run, 0, sizeof(run));
        run.now = WORLD_NOW;
        run.v.sealed = world->sealed;
        run.v.private_uid = -1;
        if (grant_table_new(GRANT_LIFE_SECONDS, &run.v.grants) < 0 || usage_new(&run.v.usage) < 0)
                abort();
        exchange(data, size, &root);
        for (int i = 0; i < 50 && c.left > 0; i++)
                step(&c);
        run.v.usage = usage_free(run.v.usage);
        run.v.grants = grant_table_free(run.v.grants);
        return 0;
}
