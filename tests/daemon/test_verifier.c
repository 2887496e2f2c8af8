/*
 * The three verbs of verify.sock, from packet to packet: answers, tickets, grants, records. The decision's
 * own cases are in test_verify.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include <cmocka.h>

#include "daemon/audit.h"
#include "daemon/verifier.h"
#include "tests/support/world.h"

#define NOW   WORLD_NOW
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* In place of the journal. */
static struct {
        unsigned count;
        struct audit_record record;
        char text[1024];
        char key_id[32], org[64], user[80], account[300], actor[300], verdict[32], reason[200];
        char service[300], source[80], tty[80], reference[32];
} journal;

#define KEEP(field) (void)view_copy(record->field, journal.field, sizeof(journal.field))

void audit_write(const struct audit_record *record)
{
        journal.count++;
        journal.record = *record;
        (void)view_copy(record->message, journal.text, sizeof(journal.text));
        KEEP(key_id);
        KEEP(org);
        KEEP(user);
        KEEP(account);
        KEEP(actor);
        KEEP(verdict);
        KEEP(reason);
        KEEP(service);
        KEEP(source);
        KEEP(tty);
        KEEP(reference);
}

struct scene {
        struct world *w;
        int64_t acme, globex, alice;
        struct world_token pat, key;
        struct verifier v;
        struct verifier_call call;
        /* the exchange at hand */
        struct wire_message request;
        uint8_t packet[WIRE_PACKET_MAX];
        struct wire_message reply;
        struct verifier_texts texts;
        struct verifier_after after;
        uint8_t answer[WIRE_PACKET_MAX];
        struct wire_message got;
};

static int setup(void **state)
{
        static struct scene s;

        s = (struct scene){.w = world_new()};
        s.acme = world_org(s.w, "acme");
        s.globex = world_org(s.w, "globex");
        s.alice = world_user(s.w, "alice");
        world_member(s.w, s.acme, s.alice, ROLE_MEMBER);
        world_member(s.w, s.globex, s.alice, ROLE_MEMBER);
        world_bind(s.w, "acme-deploy", s.acme, ROLE_NONE, NULL);
        world_bind(s.w, "acme-ops", s.acme, ROLE_NONE, NULL);
        world_bind(s.w, "globex-db", s.globex, ROLE_NONE, NULL);
        s.pat = world_pat(s.w, s.alice);
        s.key = world_key(s.w, s.acme);
        s.v.sealed = s.w->sealed;
        s.v.private_uid = -1;
        if (grant_table_new(GRANT_LIFE_SECONDS, &s.v.grants) < 0 || usage_new(&s.v.usage) < 0)
                return -1;
        s.call = (struct verifier_call){.uid = 0, .pid = 42, .now = NOW, .clock = NOW - 3};
        memset(&journal, 0, sizeof(journal));
        *state = &s;
        return 0;
}

static int teardown(void **state)
{
        struct scene *s = *state;

        s->v.grants = grant_table_free(s->v.grants);
        s->v.usage = usage_free(s->v.usage);
        s->w = world_free(s->w);
        return 0;
}

/* ---- making requests ---- */

static void request(struct scene *s, enum wire_verb verb)
{
        static const uint8_t nonce[WIRE_NONCE_LEN] = {0xab, 0xcd, 3, 4, 5, 6, 7, 0xef, 9};

        wire_init(&s->request, WIRE_REQUEST, verb, nonce);
}

static void text(struct scene *s, enum wire_field field, const char *value)
{
        wire_put_text(&s->request, field, view_of(value));
}

static void number(struct scene *s, enum wire_field field, int64_t value)
{
        wire_put_number(&s->request, field, value);
}

/* su by alice, with her token for acme. */
static void su(struct scene *s, const char *account)
{
        request(s, WIRE_V_VERIFY);
        wire_put_text(&s->request, WIRE_F_TOKEN, world_type(&s->pat, "@acme"));
        text(s, WIRE_F_ACCOUNT, account);
        text(s, WIRE_F_ACTOR, "alice");
        text(s, WIRE_F_SERVICE, "su");
        number(s, WIRE_F_REAL_UID, 1000);
}

/* The end of sudo: may the session be opened? */
static void session(struct scene *s, const char *account, const char *actor)
{
        request(s, WIRE_V_SESSION_CHECK);
        text(s, WIRE_F_ACCOUNT, account);
        text(s, WIRE_F_ACTOR, actor);
        text(s, WIRE_F_SERVICE, "sudo");
        number(s, WIRE_F_REAL_UID, 1000);
}

/* Sends it and takes the answer, both as packets. Every reply has to fit, decode and be the answer. */
static uint32_t send(struct scene *s)
{
        struct wire_message decoded;
        size_t len;

        assert_int_equal(wire_encode(&s->request, s->packet, sizeof(s->packet), &len), 0);
        assert_int_equal(wire_decode(s->packet, len, &decoded), 0);
        memset(&s->reply, 0x5a, sizeof(s->reply));
        memset(&s->texts, 0x5a, sizeof(s->texts));
        memset(&s->after, 0x5a, sizeof(s->after));
        unsigned outside = s->w->reader->outside;
        verifier_handle(&s->v, &s->call, &decoded, &s->reply, &s->texts, &s->after);
        assert_false(s->w->reader->in_transaction);
        assert_int_equal(s->w->reader->outside, outside);
        assert_int_equal(wire_encode(&s->reply, s->answer, sizeof(s->answer), &len), 0);
        assert_int_equal(wire_decode(s->answer, len, &s->got), 0);
        assert_true(wire_is_answer_to(&s->got, &s->request));
        verifier_finish(&s->v, &s->after);
        return s->got.magic;
}

static void expect_refused(struct scene *s, enum verdict verdict)
{
        assert_int_equal(send(s), WIRE_VERDICT);
        assert_int_equal(wire_number(&s->got, WIRE_F_VERDICT, 0), verdict);
        /* And not a word more. */
        assert_false(wire_has(&s->got, WIRE_F_ORG));
        assert_false(wire_has(&s->got, WIRE_F_KEY_ID));
        assert_false(wire_has(&s->got, WIRE_F_TICKET));
        assert_false(wire_has(&s->got, WIRE_F_USER));
}

static void expect_unavailable(struct scene *s, int error)
{
        int64_t before = s->v.verdicts[0];

        assert_int_equal(send(s), WIRE_UNAVAILABLE);
        assert_int_equal(s->got.present[0], 0);
        assert_int_equal(s->after.error, error);
        assert_int_equal(s->v.verdicts[0], before + 1);
        assert_string_equal(journal.verdict, "unavailable");
        assert_int_equal(journal.record.priority, LOG_WARNING);
        assert_false(s->after.note_use || s->after.write_grant);
}

static const char *got_text(struct scene *s, enum wire_field field)
{
        static char texts[4][WIRE_TEXT_MAX];
        static unsigned next;
        char *buffer = texts[next++ % 4];

        assert_true(view_copy(wire_text(&s->got, field), buffer, sizeof(texts[0])));
        return buffer;
}

/* ---- VERIFY ---- */

static void test_allow(void **state)
{
        struct scene *s = *state;
        struct record_last_use use;

        su(s, "acme-deploy");
        text(s, WIRE_F_TTY, "/dev/pts/3");
        text(s, WIRE_F_SOURCE, "10.0.0.7");
        assert_int_equal(send(s), WIRE_ALLOW);
        assert_int_equal(wire_number(&s->got, WIRE_F_VERDICT, 0), VERDICT_ALLOW);
        assert_string_equal(got_text(s, WIRE_F_ORG), "acme");
        assert_string_equal(got_text(s, WIRE_F_USER), "alice");
        assert_string_equal(got_text(s, WIRE_F_KEY_ID), s->texts.output.key_id);
        assert_int_equal(wire_text(&s->got, WIRE_F_TICKET).len, TICKET_LEN);
        assert_false(wire_has(&s->got, WIRE_F_EXPIRES_AT));
        assert_int_equal(s->v.verdicts[VERDICT_ALLOW], 1);
        assert_int_equal(usage_find(s->v.usage, s->pat.id, &use), 0);
        assert_int_equal(use.at, NOW - 3);
        assert_string_equal(use.source, "10.0.0.7");
        assert_string_equal(use.service, "su");
        assert_string_equal(use.account, "acme-deploy");
        assert_string_equal(use.org, "acme");
}

static void test_expiry_is_told(void **state)
{
        struct scene *s = *state;

        world_rotate(s->w, s->pat.id, NOW + 7);
        su(s, "acme-deploy");
        assert_int_equal(send(s), WIRE_ALLOW);
        assert_int_equal(wire_number(&s->got, WIRE_F_EXPIRES_AT, 0), NOW + 7);
}

static void test_record(void **state)
{
        struct scene *s = *state;
        char line[200];

        su(s, "acme-deploy");
        text(s, WIRE_F_TTY, "/dev/pts/3");
        text(s, WIRE_F_SOURCE, "10.0.0.7");
        s->call.uid = 0;
        (void)send(s);
        (void)snprintf(line, sizeof(line),
                       "allowed: alice as acme-deploy for acme by %s (su, /dev/pts/3, from 10.0.0.7)",
                       s->texts.output.key_id);
        assert_string_equal(journal.text, line);
        assert_int_equal(journal.count, 1);
        assert_string_equal(journal.record.message_id, AUDIT_ID_DECISION);
        assert_int_equal(journal.record.priority, LOG_NOTICE);
        assert_int_equal(journal.record.caller_uid, 0);
        assert_int_equal(journal.record.caller_pid, 42);
        assert_string_equal(journal.key_id, s->texts.output.key_id);
        assert_string_equal(journal.org, "acme");
        assert_string_equal(journal.user, "alice");
        assert_string_equal(journal.account, "acme-deploy");
        assert_string_equal(journal.actor, "alice");
        assert_string_equal(journal.service, "su");
        assert_string_equal(journal.source, "10.0.0.7");
        assert_string_equal(journal.tty, "/dev/pts/3");
        assert_string_equal(journal.verdict, "allow");
        assert_string_equal(journal.reference, "abcd0304050607ef");
        assert_null(journal.record.reason.ptr);
}

static void test_record_of_a_refusal(void **state)
{
        struct scene *s = *state;
        char line[200];

        su(s, "root");
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
        (void)snprintf(line, sizeof(line),
                       "refused: alice as root for acme by %s: account-denied, account-not-bound (su)",
                       s->texts.output.key_id);
        assert_string_equal(journal.text, line);
        assert_int_equal(journal.record.priority, LOG_NOTICE);
        assert_string_equal(journal.verdict, "account-denied");
        assert_string_equal(journal.reason, "account-not-bound");
        assert_int_equal(usage_count(s->v.usage), 0);
        assert_int_equal(s->v.verdicts[VERDICT_ACCOUNT_DENIED], 1);
        su(s, "alice");
        (void)send(s);
        (void)snprintf(line, sizeof(line), "allowed: alice for acme by %s (su)",
                       s->texts.output.key_id);
        assert_string_equal(journal.text, line);
        request(s, WIRE_V_VERIFY);
        text(s, WIRE_F_TOKEN, "pat_0123456789.broken");
        text(s, WIRE_F_ACCOUNT, "alice");
        text(s, WIRE_F_SERVICE, "sshd");
        number(s, WIRE_F_REAL_UID, 0);
        expect_refused(s, VERDICT_MALFORMED);
        assert_string_equal(journal.text, "refused: alice: malformed, malformed (sshd)");
        assert_null(journal.record.key_id.ptr);
}

/* People paste tokens at the user-name prompt; a PAM item may be long. */
static void test_no_secret_in_a_record(void **state)
{
        struct scene *s = *state;
        char service[NAME_ITEM_MAX + 1] = {0};
        const char *secret = strchr(s->pat.text, '.') + 1;

        memset(service, 's', NAME_ITEM_MAX);
        request(s, WIRE_V_VERIFY);
        text(s, WIRE_F_TOKEN, s->pat.text);
        text(s, WIRE_F_ACCOUNT, s->pat.text);
        text(s, WIRE_F_ACTOR, s->pat.text);
        text(s, WIRE_F_SERVICE, service);
        number(s, WIRE_F_REAL_UID, 1000);
        expect_refused(s, VERDICT_ORG_REQUIRED);
        assert_null(memmem(&s->after, sizeof(s->after), secret, 12));
        assert_null(memmem(&journal, sizeof(journal), secret, 12));
        assert_non_null(strstr(journal.account, "..."));
        /* What fits is as it was. */
        su(s, "DOM\\alice");
        (void)send(s);
        assert_string_equal(s->after.account, "DOM\\alice");
}

static void test_long_service(void **state)
{
        struct scene *s = *state;
        char service[NAME_ITEM_MAX + 1] = {0};
        struct record_last_use use;

        memset(service, '-', NAME_ITEM_MAX);
        request(s, WIRE_V_VERIFY);
        wire_put_text(&s->request, WIRE_F_TOKEN, world_type(&s->pat, "@acme"));
        text(s, WIRE_F_ACCOUNT, "alice");
        text(s, WIRE_F_SERVICE, service);
        number(s, WIRE_F_REAL_UID, 0);
        assert_int_equal(send(s), WIRE_ALLOW);
        assert_int_equal(usage_find(s->v.usage, s->pat.id, &use), 0);
        assert_int_equal(strlen(use.service), NAME_SERVICE_MAX);
        assert_string_equal(use.service + NAME_SERVICE_MAX - 3, "...");
}

static void test_numbers_out_of_range(void **state)
{
        static const struct {
                enum wire_field field;
                int64_t value;
        } bad[] = {
                {WIRE_F_ROLE, -1},          {WIRE_F_ROLE, 3},
                {WIRE_F_ROLE, INT64_C(4294967296)}, {WIRE_F_BOUND_ONLY, 2},
                {WIRE_F_BOUND_ONLY, -1},    {WIRE_F_REAL_UID, -1},
                {WIRE_F_REAL_UID, UINT32_MAX}, {WIRE_F_REAL_UID, INT64_C(1) << 40},
        };
        struct scene *s = *state;

        for (size_t i = 0; i < COUNT(bad); i++) {
                su(s, "acme-deploy");
                number(s, bad[i].field, bad[i].value);
                expect_unavailable(s, -EPROTO);
        }
}

static void test_options_reach_the_decision(void **state)
{
        struct scene *s = *state;

        su(s, "alice");
        number(s, WIRE_F_BOUND_ONLY, 1);
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
        su(s, "alice");
        number(s, WIRE_F_ROLE, ROLE_ADMIN);
        expect_refused(s, VERDICT_NOT_MEMBER);
        su(s, "alice");
        text(s, WIRE_F_ORG, "globex");
        expect_refused(s, VERDICT_ORG_MISMATCH);
        su(s, "alice");
        text(s, WIRE_F_ORG_ANSWER, "globex");
        expect_refused(s, VERDICT_ORG_MISMATCH);
}

static void test_source_must_be_numeric(void **state)
{
        struct scene *s = *state;
        struct record_token t = world_template(TOKEN_PAT, s->alice);

        t.limits = world_limit(WIRE_F_LIMIT_SOURCE, "10.0.0.0/8", NULL);
        s->pat = world_token(s->w, &t);
        su(s, "acme-deploy");
        text(s, WIRE_F_SOURCE, "10.1.1.1");
        assert_int_equal(send(s), WIRE_ALLOW);
        su(s, "acme-deploy");
        text(s, WIRE_F_SOURCE, "10.1.1.1.example");
        expect_refused(s, VERDICT_LIMITED);
        su(s, "acme-deploy");
        expect_refused(s, VERDICT_LIMITED);
}

static void test_unused_but_just_used(void **state)
{
        struct scene *s = *state;
        struct record_last_use use = {.token_id = s->pat.id, .at = NOW - 5};
        struct policy p = world_free_policy;

        p.max_unused = 3600;
        world_host_policy(s->w, p);
        su(s, "acme-deploy");
        expect_refused(s, VERDICT_EXPIRED);
        usage_note(s->v.usage, &use);
        su(s, "acme-deploy");
        assert_int_equal(send(s), WIRE_ALLOW);
}

static void test_failing_store(void **state)
{
        struct scene *s = *state;
        unsigned before = s->w->reader->lookups, all;

        su(s, "acme-deploy");
        assert_int_equal(send(s), WIRE_ALLOW);
        all = s->w->reader->lookups - before;
        assert_true(all >= 9);
        (void)grant_expire(s->v.grants, NOW + GRANT_TOTAL);
        for (unsigned nth = 1; nth <= all; nth++) {
                su(s, "acme-deploy");
                memory_store_fail(s->w->reader, nth, -EIO);
                expect_unavailable(s, -EIO);
                assert_int_equal(grant_count(s->v.grants), 0);
        }
        memory_store_fail(s->w->reader, 0, 0);
        assert_string_equal(journal.text,
                            "unavailable: acme-deploy: Input/output error (su)");
}

static void test_bad_seal(void **state)
{
        struct scene *s = *state;

        ((struct record_user *)memory_store_row(s->w->reader, MEMORY_USER, 0))->suspended = true;
        su(s, "acme-deploy");
        expect_unavailable(s, -EBADMSG);
        assert_non_null(strstr(journal.reason, "seal"));
}

static void test_other_verbs(void **state)
{
        struct scene *s = *state;

        request(s, WIRE_V_STATUS);
        expect_unavailable(s, -EPROTO);
}

/* ---- ACCOUNT_CHECK ---- */

static void account_check(struct scene *s, struct view ticket)
{
        static uint8_t copy[TICKET_LEN];

        memcpy(copy, ticket.ptr, TICKET_LEN);
        request(s, WIRE_V_ACCOUNT_CHECK);
        wire_put_text(&s->request, WIRE_F_TICKET, view_of_bytes(copy, TICKET_LEN));
        text(s, WIRE_F_ACCOUNT, "acme-deploy");
        text(s, WIRE_F_ACTOR, "alice");
        text(s, WIRE_F_SERVICE, "su");
        text(s, WIRE_F_ORG, "acme");
}

static void test_account_check(void **state)
{
        struct scene *s = *state;
        struct view ticket;

        su(s, "acme-deploy");
        assert_int_equal(send(s), WIRE_ALLOW);
        (void)grant_expire(s->v.grants, NOW + GRANT_TOTAL);
        ticket = view_of_bytes(s->texts.ticket, TICKET_LEN);
        account_check(s, ticket);
        assert_int_equal(send(s), WIRE_ALLOW);
        assert_string_equal(got_text(s, WIRE_F_ORG), "acme");
        assert_false(wire_has(&s->got, WIRE_F_TICKET));
        assert_string_equal(journal.record.message_id, AUDIT_ID_DECISION);
        /* It is no use of the token, and proves no actor. */
        assert_false(s->after.note_use);
        assert_false(s->after.write_grant);
        assert_int_equal(grant_count(s->v.grants), 0);
}

static void test_account_check_decides_again(void **state)
{
        struct scene *s = *state;
        uint8_t ticket[TICKET_LEN];

        su(s, "acme-deploy");
        assert_int_equal(send(s), WIRE_ALLOW);
        memcpy(ticket, s->texts.ticket, TICKET_LEN);
        account_check(s, view_of_bytes(ticket, TICKET_LEN));
        number(s, WIRE_F_ROLE, ROLE_ADMIN);
        expect_refused(s, VERDICT_NOT_MEMBER);
        account_check(s, view_of_bytes(ticket, TICKET_LEN));
        text(s, WIRE_F_ACCOUNT, "acme-ops");
        expect_refused(s, VERDICT_UNKNOWN);
        assert_string_equal(journal.reason, "ticket-not-ours");
        s->call.now += TICKET_SECONDS;
        account_check(s, view_of_bytes(ticket, TICKET_LEN));
        expect_refused(s, VERDICT_EXPIRED);
        assert_string_equal(journal.reason, "ticket-over");
        s->call.now = NOW + 1;
        account_check(s, view_of_bytes(ticket, TICKET_LEN));
        assert_int_equal(send(s), WIRE_ALLOW);
        world_revoke(s->w, s->pat.id, "revoked");
        account_check(s, view_of_bytes(ticket, TICKET_LEN));
        expect_refused(s, VERDICT_REVOKED);
        ticket[20] ^= 1;
        account_check(s, view_of_bytes(ticket, TICKET_LEN));
        expect_refused(s, VERDICT_UNKNOWN);
}

/* ---- grants: who gets one ---- */

static bool makes_grant(struct scene *s)
{
        size_t before = grant_count(s->v.grants);
        bool made;

        assert_int_equal(send(s), WIRE_ALLOW);
        made = grant_count(s->v.grants) > before;
        assert_int_equal(s->after.write_grant, made);
        if (made)
                grant_drop(s->v.grants, &s->after.grant);
        return made;
}

static void test_grant_is_made(void **state)
{
        static const char *const services[] = {"su", "su-l", "sudo", "sudo-i", "doas"};
        struct scene *s = *state;

        for (size_t i = 0; i < COUNT(services); i++) {
                su(s, "acme-deploy");
                text(s, WIRE_F_SERVICE, services[i]);
                assert_true(makes_grant(s));
                assert_string_equal(s->after.grant.actor, "alice");
                assert_int_equal(s->after.grant.real_uid, 1000);
                assert_int_equal(s->after.grant.org_id, s->acme);
                assert_int_equal(s->after.grant.token_id, s->pat.id);
                assert_string_equal(s->after.grant.account, "");
                assert_int_equal(s->after.grant.first_at, NOW);
        }
        /* sudo without targetpw: the caller proves himself. */
        su(s, "alice");
        assert_true(makes_grant(s));
        /* A key's is for the account that it was shown for. */
        su(s, "acme-deploy");
        wire_put_text(&s->request, WIRE_F_TOKEN, world_type(&s->key, ""));
        assert_true(makes_grant(s));
        assert_string_equal(s->after.grant.account, "acme-deploy");
}

static void test_no_grant(void **state)
{
        struct scene *s = *state;
        char long_name[NAME_USER_MAX + 2] = {0};

        memset(long_name, 'x', NAME_USER_MAX + 1);
        su(s, "acme-deploy");
        text(s, WIRE_F_SERVICE, "sshd");
        assert_false(makes_grant(s));
        su(s, "acme-deploy");
        number(s, WIRE_F_REMOTE, 1);
        assert_false(makes_grant(s));
        su(s, "acme-deploy");
        number(s, WIRE_F_REAL_UID, 0);
        assert_false(makes_grant(s));
        su(s, "acme-deploy");
        s->call.uid = 1000;
        assert_false(makes_grant(s));
        s->v.private_uid = 1001;
        su(s, "acme-deploy");
        assert_false(makes_grant(s));
        /* A verifier without a private uid has none that is called -1. */
        s->v.private_uid = -1;
        s->call.uid = -1;
        su(s, "acme-deploy");
        assert_false(makes_grant(s));
        s->call.uid = 0;
        /* No actor, and one whose name no grant can hold. */
        su(s, "acme-deploy");
        s->request.present[0] &= ~(UINT64_C(1) << WIRE_F_ACTOR);
        assert_false(makes_grant(s));
        su(s, "acme-deploy");
        wire_put_text(&s->request, WIRE_F_TOKEN, world_type(&s->key, ""));
        text(s, WIRE_F_ACTOR, long_name);
        assert_false(makes_grant(s));
        /* A refusal makes none either. */
        su(s, "root");
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
        assert_int_equal(grant_count(s->v.grants), 0);
        /* What stands for root in an unprivileged daemon does. */
        s->call.uid = s->v.private_uid = 1000;
        su(s, "acme-deploy");
        assert_true(makes_grant(s));
}

/* ---- SESSION_CHECK ---- */

static void prove(struct scene *s, const char *suffix)
{
        su(s, "alice");
        text(s, WIRE_F_SERVICE, "sudo");
        wire_put_text(&s->request, WIRE_F_TOKEN, world_type(&s->pat, suffix));
        assert_int_equal(send(s), WIRE_ALLOW);
        assert_true(s->after.write_grant);
}

static void test_session(void **state)
{
        struct scene *s = *state;

        session(s, "acme-deploy", "alice");
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
        assert_string_equal(journal.reason, "no-grant");
        prove(s, "@acme");
        s->call.now += 60;
        session(s, "acme-deploy", "alice");
        text(s, WIRE_F_TTY, "/dev/pts/1");
        assert_int_equal(send(s), WIRE_ALLOW);
        assert_string_equal(got_text(s, WIRE_F_ORG), "acme");
        assert_string_equal(got_text(s, WIRE_F_USER), "alice");
        assert_string_equal(journal.record.message_id, AUDIT_ID_SESSION);
        assert_false(s->after.note_use);
        assert_true(s->after.write_grant);
        assert_int_equal(s->after.grant.renewed_at, NOW + 60);
        assert_int_equal(s->after.grant.first_at, NOW);
        session(s, "acme-ops", "alice");
        assert_int_equal(send(s), WIRE_ALLOW);
        session(s, "globex-db", "alice");
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
        assert_string_equal(journal.reason, "org-mismatch");
        /* A no for one account is not the end of the grant. */
        assert_int_equal(grant_count(s->v.grants), 1);
        assert_false(s->after.drop_grant);
}

static void test_session_unguarded(void **state)
{
        struct scene *s = *state;
        unsigned before;

        prove(s, "@acme");
        before = journal.count;
        session(s, "postgres", "alice");
        assert_int_equal(send(s), WIRE_DONE);
        assert_int_equal(wire_number(&s->got, WIRE_F_GUARDED, 7), 0);
        assert_false(wire_has(&s->got, WIRE_F_VERDICT));
        assert_int_equal(journal.count, before);
        /* Under guard without a binding: nobody's, until it is released. */
        world_guard(s->w, "postgres");
        session(s, "postgres", "alice");
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
        /* Bound with the guard's row lost: guarded all the same. */
        assert_int_equal(store_delete_guarded(s->w->sealed.writer, VIEW("acme-deploy")), 0);
        session(s, "acme-deploy", "mallory");
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
}

static void test_session_is_roots(void **state)
{
        struct scene *s = *state;

        prove(s, "@acme");
        s->call.uid = 1000;
        session(s, "acme-deploy", "alice");
        expect_unavailable(s, -EPERM);
        assert_non_null(strstr(journal.reason, "root"));
        session(s, "postgres", "alice");
        expect_unavailable(s, -EPERM);
        s->v.private_uid = 1000;
        session(s, "acme-deploy", "alice");
        assert_int_equal(send(s), WIRE_ALLOW);
}

static void test_session_of_others(void **state)
{
        struct scene *s = *state;

        prove(s, "@acme");
        session(s, "acme-deploy", "bob");
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
        session(s, "acme-deploy", "alice");
        number(s, WIRE_F_REAL_UID, 1001);
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
        /* sudo -e: its real uid is 0 by then. */
        session(s, "acme-deploy", "alice");
        number(s, WIRE_F_REAL_UID, 0);
        assert_int_equal(send(s), WIRE_ALLOW);
}

static void test_session_with_org_and_role(void **state)
{
        struct scene *s = *state;

        prove(s, "@acme");
        session(s, "acme-deploy", "alice");
        text(s, WIRE_F_ORG, "acme");
        assert_int_equal(send(s), WIRE_ALLOW);
        session(s, "acme-deploy", "alice");
        text(s, WIRE_F_ORG, "globex");
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
        session(s, "acme-deploy", "alice");
        number(s, WIRE_F_ROLE, ROLE_ADMIN);
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
        assert_string_equal(journal.reason, "not-member");
        prove(s, "@globex");
        session(s, "globex-db", "alice");
        assert_int_equal(send(s), WIRE_ALLOW);
        assert_string_equal(got_text(s, WIRE_F_ORG), "globex");
}

static void test_session_by_key(void **state)
{
        struct scene *s = *state;

        su(s, "acme-deploy");
        wire_put_text(&s->request, WIRE_F_TOKEN, world_type(&s->key, ""));
        assert_int_equal(send(s), WIRE_ALLOW);
        session(s, "acme-deploy", "alice");
        assert_int_equal(send(s), WIRE_ALLOW);
        assert_false(wire_has(&s->got, WIRE_F_USER));
        session(s, "acme-ops", "alice");
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
        assert_string_equal(journal.reason, "no-grant");
}

static void test_session_limits(void **state)
{
        struct scene *s = *state;
        struct record_token t = world_template(TOKEN_PAT, s->alice);

        t.limits = world_limit(WIRE_F_LIMIT_SOURCE, "10.0.0.0/8", NULL);
        s->pat = world_token(s->w, &t);
        su(s, "alice");
        text(s, WIRE_F_SOURCE, "10.0.0.7");
        assert_int_equal(send(s), WIRE_ALLOW);
        /* The session has no source of its own: the grant's counts. */
        session(s, "acme-deploy", "alice");
        assert_int_equal(send(s), WIRE_ALLOW);
        /* This service, not that of the grant. */
        t.limits = world_limit(WIRE_F_LIMIT_SERVICE, "su", NULL);
        s->pat = world_token(s->w, &t);
        (void)grant_expire(s->v.grants, NOW + GRANT_TOTAL);
        su(s, "alice");
        assert_int_equal(send(s), WIRE_ALLOW);
        session(s, "acme-deploy", "alice");
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
        assert_string_equal(journal.reason, "limited");
}

static void test_session_ends(void **state)
{
        struct scene *s = *state;

        prove(s, "@acme");
        s->call.now = NOW + GRANT_LIFE_SECONDS;
        session(s, "acme-deploy", "alice");
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
        s->call.now = NOW;
        /* The membership ends, and comes back. */
        (void)store_delete_member(s->w->sealed.writer, s->acme, s->alice);
        session(s, "acme-deploy", "alice");
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
        assert_string_equal(journal.reason, "not-member");
        world_member(s->w, s->acme, s->alice, ROLE_MEMBER);
        /* The binding ends: guarded still, and nobody's. */
        (void)store_delete_account(s->w->sealed.writer, VIEW("acme-deploy"), s->acme);
        session(s, "acme-deploy", "alice");
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
        session(s, "acme-ops", "alice");
        assert_int_equal(send(s), WIRE_ALLOW);
        /* The token ends, and with it the grant. */
        world_revoke(s->w, s->pat.id, "revoked");
        session(s, "acme-ops", "alice");
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
        assert_string_equal(journal.reason, "revoked");
        assert_true(s->after.drop_grant);
        assert_int_equal(s->after.grant.token_id, s->pat.id);
        assert_int_equal(grant_count(s->v.grants), 0);
}

/* Dead grants in front of a live one are dropped and do not hide it. */
static void test_session_looks_at_all_grants(void **state)
{
        struct scene *s = *state;
        struct world_token first = s->pat;

        prove(s, "@acme");
        s->pat = world_pat(s->w, s->alice);
        prove(s, "@acme");
        prove(s, "@globex");
        world_revoke(s->w, first.id, "revoked");
        session(s, "globex-db", "alice");
        assert_int_equal(send(s), WIRE_ALLOW);
        assert_string_equal(got_text(s, WIRE_F_ORG), "globex");
        assert_int_equal(grant_count(s->v.grants), 2);
        assert_true(s->after.write_grant);
        assert_false(s->after.drop_grant);
        assert_int_equal(s->after.grant.org_id, s->globex);
}

static void test_session_and_a_new_org_of_the_name(void **state)
{
        struct scene *s = *state;
        int64_t again;

        prove(s, "@acme");
        world_delete_org(s->w, s->acme);
        session(s, "acme-deploy", "alice");
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
        again = world_org(s->w, "acme");
        world_member(s->w, again, s->alice, ROLE_MEMBER);
        (void)store_delete_account(s->w->sealed.writer, VIEW("acme-deploy"), s->acme);
        world_bind(s->w, "acme-deploy", again, ROLE_NONE, NULL);
        session(s, "acme-deploy", "alice");
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
        assert_string_equal(journal.reason, "no-grant");
        /* An org that is not in the store at all. */
        s->w->reader->table[MEMORY_ORG].count = 0;
        session(s, "acme-deploy", "alice");
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
}

static void test_session_failing_store(void **state)
{
        struct scene *s = *state;
        unsigned before, all;

        prove(s, "@acme");
        before = s->w->reader->lookups;
        session(s, "acme-deploy", "alice");
        assert_int_equal(send(s), WIRE_ALLOW);
        all = s->w->reader->lookups - before;
        for (unsigned nth = 1; nth <= all; nth++) {
                session(s, "acme-deploy", "alice");
                memory_store_fail(s->w->reader, nth, -EBADMSG);
                expect_unavailable(s, -EBADMSG);
                assert_int_equal(grant_count(s->v.grants), 1);
        }
        memory_store_fail(s->w->reader, 0, 0);
        /* A guard whose seal does not hold is no "not ours". */
        ((struct record_guarded *)memory_store_row(s->w->reader, MEMORY_GUARDED, 0))->since++;
        session(s, "acme-deploy", "alice");
        expect_unavailable(s, -EBADMSG);
}

static void test_session_unused_token(void **state)
{
        struct scene *s = *state;
        struct policy p = world_free_policy;

        prove(s, "@acme");
        p.max_unused = 600;
        world_host_policy(s->w, p);
        session(s, "acme-deploy", "alice");
        assert_int_equal(send(s), WIRE_ALLOW);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(test_allow),
                CASE(test_expiry_is_told),
                CASE(test_record),
                CASE(test_record_of_a_refusal),
                CASE(test_no_secret_in_a_record),
                CASE(test_long_service),
                CASE(test_numbers_out_of_range),
                CASE(test_options_reach_the_decision),
                CASE(test_source_must_be_numeric),
                CASE(test_unused_but_just_used),
                CASE(test_failing_store),
                CASE(test_bad_seal),
                CASE(test_other_verbs),
                CASE(test_account_check),
                CASE(test_account_check_decides_again),
                CASE(test_grant_is_made),
                CASE(test_no_grant),
                CASE(test_session),
                CASE(test_session_unguarded),
                CASE(test_session_is_roots),
                CASE(test_session_of_others),
                CASE(test_session_with_org_and_role),
                CASE(test_session_by_key),
                CASE(test_session_limits),
                CASE(test_session_ends),
                CASE(test_session_looks_at_all_grants),
                CASE(test_session_and_a_new_org_of_the_name),
                CASE(test_session_failing_store),
                CASE(test_session_unused_token),
        };

        return cmocka_run_group_tests_name("verifier", tests, NULL, NULL);
}
