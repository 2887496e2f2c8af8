#include "tests/support/manage_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/keyhash.h"
#include "tests/support/manage_remote.h"

struct manage_records manage_records;

static void must(bool good, const char *what)
{
        if (good)
                return;
        (void)fprintf(stderr, "manage fixture: %s\n", what);
        abort();
}

/* ---- what the daemon's other files would do ---- */

static void keep(struct view text, char *buf, size_t size)
{
        buf[0] = '\0';
        if (text.ptr)
                (void)snprintf(buf, size, "%.*s", (int)text.len, text.ptr);
}

void manage_fixture_record(const struct audit_record *record)
{
        struct manage_records *r = &manage_records;

        if (strcmp(record->message_id, AUDIT_ID_STORE) == 0)
                r->failures++;
        else if (record->reason.ptr)
                r->refusals++;
        else
                r->changes++;
        keep(record->message, r->message, sizeof(r->message));
        keep(record->verb, r->verb, sizeof(r->verb));
        keep(record->org, r->org, sizeof(r->org));
        keep(record->user, r->user, sizeof(r->user));
        keep(record->account, r->account, sizeof(r->account));
        keep(record->key_id, r->key_id, sizeof(r->key_id));
        keep(record->reason, r->reason, sizeof(r->reason));
        r->uid = record->caller_uid;
}

static int user_by_uid(void *context, int64_t uid, char ret[static NAME_USER_MAX + 1])
{
        const struct manage_fixture *f = context;

        if (f->database_error < 0)
                return f->database_error;
        for (size_t i = 0; i < f->people_count; i++) {
                if (f->people[i].uid != uid)
                        continue;
                (void)strcpy(ret, f->people[i].name);
                return 0;
        }
        return -ENOENT;
}

static int user_by_name(void *context, const char *name, struct manage_passwd *ret)
{
        const struct manage_fixture *f = context;

        *ret = (struct manage_passwd){.uid = -1};
        if (f->database_error < 0)
                return f->database_error;
        for (size_t i = 0; i < f->people_count; i++)
                if (f->people[i].uid >= 0 && strcmp(f->people[i].name, name) == 0)
                        *ret = (struct manage_passwd){.exists = true, .uid = f->people[i].uid};
        for (size_t i = 0; i < f->people_count && ret->exists; i++)
                if (f->people[i].uid == ret->uid && strcmp(f->people[i].name, name) != 0)
                        ret->uid_is_shared = true;
        return 0;
}

/* Repeatable: a failing run can be run again. xorshift64* */
static uint64_t next_random(struct manage_fixture *f)
{
        f->random ^= f->random >> 12;
        f->random ^= f->random << 25;
        f->random ^= f->random >> 27;
        return f->random * UINT64_C(2685821657736338717);
}

static void random_text(void *context, char *ret, size_t len)
{
        struct manage_fixture *f = context;
        bool repeat = f->repeats > 0;

        f->repeats -= repeat;
        for (size_t i = 0; i < len; i++)
                ret[i] = repeat ? '7'
                                : token_character((unsigned)((next_random(f) >> 33) % TOKEN_BASE));
}

/* ---- the fixture ---- */

static void put_person(struct manage_fixture *f, const char *name, int64_t uid)
{
        for (size_t i = 0; i < f->people_count; i++)
                if (strcmp(f->people[i].name, name) == 0) {
                        f->people[i].uid = uid;
                        return;
                }
        must(f->people_count < MANAGE_PEOPLE_MAX, "too many people");
        (void)snprintf(f->people[f->people_count].name, sizeof(f->people[0].name), "%s", name);
        f->people[f->people_count++].uid = uid;
}

void person(struct manage_fixture *f, const char *name, int64_t uid)
{
        put_person(f, name, uid);
        if (f->remote)
                manage_remote_person(f);
}

struct manage_fixture *manage_fixture_new_without_store(void)
{
        struct manage_fixture *f = calloc(1, sizeof(*f));

        must(f != NULL, "memory");
        f->packets = calloc(MANAGE_PACKETS_MAX, sizeof(*f->packets));
        must(f->packets != NULL, "memory");
        put_person(f, "root", 0);
        put_person(f, "alice", PERSON_ALICE);
        put_person(f, "bob", PERSON_BOB);
        put_person(f, "carol", PERSON_CAROL);
        put_person(f, "dave", PERSON_DAVE);
        put_person(f, "acme-deploy", 2001);
        put_person(f, "postgres", 115);
        memset(&manage_records, 0, sizeof(manage_records));
        return f;
}

struct manage_fixture *manage_fixture_new(void)
{
        struct manage_fixture *f = manage_fixture_new_without_store();

        fixture_in_memory();
        f->store = fixture_new();
        f->now = FIXTURE_NOW + 1000;
        f->random = 88172645463325252;
        f->manage = (struct manage){.sealed = f->store->sealed,
                                    .context = f,
                                    .user_by_uid = user_by_uid,
                                    .user_by_name = user_by_name,
                                    .random_text = random_text,
                                    .private_uid = -1};
        f->status.started_at = f->now - 60;
        return f;
}

struct manage_fixture *manage_fixture_free(struct manage_fixture *f)
{
        if (!f)
                return NULL;
        manage_reply_wipe(&f->reply);
        if (f->remote)
                manage_remote_close(f);
        else
                (void)fixture_free(f->store);
        free(f->packets);
        free(f->bytes);
        free(f);
        return NULL;
}

/* ---- asking ---- */

void ask(struct manage_fixture *f, enum wire_verb verb)
{
        static const uint8_t nonce[WIRE_NONCE_LEN] = "0123456789abcde";

        wire_init(&f->request, WIRE_REQUEST, verb, nonce);
}

void set_text(struct manage_fixture *f, enum wire_field field, const char *text)
{
        wire_put_text(&f->request, field, view_of(text));
}

void set_number(struct manage_fixture *f, enum wire_field field, int64_t number)
{
        wire_put_number(&f->request, field, number);
}

void set_list(struct manage_fixture *f, enum wire_field field, const char *entry)
{
        must(wire_put_list(&f->request, field, view_of(entry)) == 0, "list");
}

/* Copies what a page holds, so that all pages can be read at the end. */
static void keep_page(struct manage_fixture *f)
{
        size_t need = f->bytes_len + f->reply.len;

        if (f->reply.len > f->longest_page)
                f->longest_page = f->reply.len;

        if (need > f->bytes_size) {
                f->bytes_size = 2 * need;
                f->bytes = realloc(f->bytes, f->bytes_size);
                must(f->bytes != NULL, "memory");
        }
        if (f->reply.len > 0)
                memcpy(f->bytes + f->bytes_len, f->reply.bytes, f->reply.len);
        f->bytes_len = need;
}

void manage_fixture_decode(struct manage_fixture *f)
{
        uint16_t len;

        f->packet_count = 0;
        for (size_t at = 0; at < f->bytes_len; at += sizeof(len) + len) {
                struct wire_message *m = &f->packets[f->packet_count];

                must(f->packet_count < MANAGE_PACKETS_MAX, "too many packets");
                memcpy(&len, f->bytes + at, sizeof(len));
                must(wire_decode(f->bytes + at + sizeof(len), len, m) == 0, "answer: bad packet");
                must(wire_is_answer_to(m, &f->request), "answer: not to this request");
                f->packet_count++;
        }
}

static struct manage_call make_call(const struct manage_fixture *f, int64_t uid, struct view packet)
{
        return (struct manage_call){
                .uid = uid,
                .pid = 42,
                .now = f->mark > f->now ? f->mark : f->now,
                .clock = f->now,
                .packet = packet,
                .status = &f->status,
                .uses = f->uses,
        };
}

static void set_faults(const struct manage_fixture *f, bool on)
{
        if (f->faults)
                f->faults(on);
}

uint32_t run_as(struct manage_fixture *f, int64_t uid)
{
        unsigned char packet[WIRE_PACKET_MAX];
        struct manage_call call;
        size_t len;

        if (f->remote) {
                manage_remote_run(f, uid);
                return answer(f)->magic;
        }
        must(wire_encode(&f->request, packet, sizeof(packet), &len) == 0,
             "the request does not encode");
        call = make_call(f, uid, view_of_bytes(packet, len));
        f->bytes_len = f->pages = f->longest_page = 0;
        do {
                int r;

                manage_reply_wipe(&f->reply);
                set_faults(f, true);
                r = manage_run(&f->manage, &call, &f->reply);
                set_faults(f, false);
                if (r == -ENOMEM && f->faults)
                        return 0;
                must(r == 0, "manage_run");
                keep_page(f);
                call.cursor = f->reply.cursor;
                f->pages++;
        } while (f->reply.more);
        manage_fixture_decode(f);
        must(f->packet_count > 0, "no answer");
        return answer(f)->magic;
}

uint32_t acknowledge(struct manage_fixture *f, bool accepted, bool with_packet)
{
        struct manage_reply created = f->reply;
        unsigned char packet[WIRE_PACKET_MAX];
        struct manage_call call;
        size_t len = 0;
        int r;

        if (f->remote)
                return manage_remote_acknowledge(f, accepted, with_packet);
        ask(f, WIRE_V_ACK);
        set_number(f, WIRE_F_ACCEPTED, accepted);
        must(wire_encode(&f->request, packet, sizeof(packet), &len) == 0, "encode");
        call = make_call(f, 0, with_packet ? view_of_bytes(packet, len) : VIEW_ABSENT);
        f->bytes_len = 0;
        set_faults(f, true);
        r = manage_acknowledge(&f->manage, &call, &created, accepted && with_packet, &f->reply);
        set_faults(f, false);
        manage_reply_wipe(&created);
        if (r == -ENOMEM && f->faults)
                return 0;
        must(r == 0, "manage_acknowledge");
        keep_page(f);
        manage_fixture_decode(f);
        return f->packet_count > 0 ? answer(f)->magic : 0;
}

const struct wire_message *answer(const struct manage_fixture *f)
{
        return &f->packets[f->packet_count - 1];
}

size_t row_count(const struct manage_fixture *f)
{
        return f->packet_count - 1;
}

const struct wire_message *row(const struct manage_fixture *f, size_t i)
{
        must(i < row_count(f), "no such row");
        return &f->packets[i];
}

const char *text_of(const struct wire_message *m, enum wire_field field)
{
        static char texts[8][1100];
        static unsigned next;
        char *text = texts[next++ % 8];

        must(view_copy(wire_text(m, field), text, sizeof(texts[0])) || !wire_has(m, field), "text");
        return text;
}

const char *reason(const struct manage_fixture *f)
{
        return text_of(answer(f), WIRE_F_REASON);
}

int64_t revision(struct manage_fixture *f)
{
        struct store_freshness fresh;

        if (f->remote)
                return manage_remote_revision(f);
        must(store_freshness(f->store->reader, &fresh) == 0, "store_freshness");
        return fresh.revision;
}

static bool complain(struct manage_fixture *f, const char *expected)
{
        (void)fprintf(stderr, "%s: expected %s, got %08x %s: %s\n",
                      wire_verb_to_string(f->request.verb), expected, answer(f)->magic, reason(f),
                      text_of(answer(f), WIRE_F_MESSAGE));
        return false;
}

bool is_done(struct manage_fixture *f, int64_t uid)
{
        uint32_t magic = run_as(f, uid);

        return magic == WIRE_DONE || magic == WIRE_END || magic == WIRE_NEW_TOKEN ||
               complain(f, "done");
}

bool is_refused(struct manage_fixture *f, int64_t uid, const char *expected_reason)
{
        int64_t before = revision(f);
        unsigned refusals = manage_records.refusals;
        uint32_t magic = run_as(f, uid);
        size_t len = wire_text(answer(f), WIRE_F_MESSAGE).len;

        if (magic != WIRE_REFUSED || strcmp(reason(f), expected_reason) != 0)
                return complain(f, expected_reason);
        if (len < 10 || len > 300)
                return complain(f, "a sentence");
        if (revision(f) != before || f->reply.revision != 0)
                return complain(f, "nothing changed");
        return manage_records.refusals == refusals + 1 || complain(f, "a record");
}

/* ---- scenes ---- */

static void must_be(struct manage_fixture *f, int64_t uid, uint32_t magic)
{
        if (run_as(f, uid) == magic)
                return;
        (void)fprintf(stderr, "%s: %s: %s\n", wire_verb_to_string(f->request.verb), reason(f),
                      text_of(answer(f), WIRE_F_MESSAGE));
        must(false, "the scene could not be set");
}

void make_org(struct manage_fixture *f, const char *org)
{
        ask(f, WIRE_V_ORG_CREATE);
        set_text(f, WIRE_F_ORG, org);
        must_be(f, PERSON_ROOT, WIRE_DONE);
}

void make_member(struct manage_fixture *f, const char *org, const char *user, enum role role)
{
        ask(f, WIRE_V_MEMBER_ADD);
        set_text(f, WIRE_F_ORG, org);
        set_text(f, WIRE_F_USER, user);
        set_number(f, WIRE_F_ROLE, role);
        must_be(f, PERSON_ROOT, WIRE_DONE);
}

void bind_account(struct manage_fixture *f, const char *org, const char *account)
{
        ask(f, WIRE_V_ACCOUNT_BIND);
        set_text(f, WIRE_F_ORG, org);
        set_text(f, WIRE_F_ACCOUNT, account);
        must_be(f, PERSON_ROOT, WIRE_DONE);
}

static int64_t finish_token(struct manage_fixture *f, int64_t uid, const char *name, int64_t life,
                            char ret_key_id[static TOKEN_KEY_ID_SIZE])
{
        struct token token;

        set_text(f, WIRE_F_NAME, name);
        if (life > 0)
                set_number(f, WIRE_F_EXPIRES_AT, f->now + life);
        must_be(f, uid, WIRE_NEW_TOKEN);
        must(token_parse(wire_text(answer(f), WIRE_F_TOKEN), &token) == 0, "no token");
        (void)view_copy(wire_text(answer(f), WIRE_F_KEY_ID), ret_key_id, TOKEN_KEY_ID_SIZE);
        must(acknowledge(f, true, true) == WIRE_DONE, "not acknowledged");
        return token.id;
}

int64_t make_key(struct manage_fixture *f, int64_t uid, const char *org, const char *name,
                 int64_t life, char ret_key_id[static TOKEN_KEY_ID_SIZE])
{
        ask(f, WIRE_V_KEY_CREATE);
        set_text(f, WIRE_F_ORG, org);
        return finish_token(f, uid, name, life, ret_key_id);
}

int64_t make_pat(struct manage_fixture *f, int64_t uid, const char *name, int64_t life,
                 char ret_key_id[static TOKEN_KEY_ID_SIZE])
{
        ask(f, WIRE_V_PAT_CREATE);
        return finish_token(f, uid, name, life, ret_key_id);
}
