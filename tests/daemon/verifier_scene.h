/*
 * verify.sock without a socket: a verifier over a small world, to which packets go and from which
 * they come. Static, as each test program includes it once; a program need not use all of it.
 */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "daemon/audit.h"
#include "daemon/verifier.h"
#include "tests/support/world.h"

#define NOW          WORLD_NOW
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

static _unused_ int setup(void **state)
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

static _unused_ int teardown(void **state)
{
        struct scene *s = *state;

        s->v.grants = grant_table_free(s->v.grants);
        s->v.usage = usage_free(s->v.usage);
        s->w = world_free(s->w);
        return 0;
}

/* ---- making requests ---- */

static _unused_ void request(struct scene *s, enum wire_verb verb)
{
        static const uint8_t nonce[WIRE_NONCE_LEN] = {0xab, 0xcd, 3, 4, 5, 6, 7, 0xef, 9};

        wire_init(&s->request, WIRE_REQUEST, verb, nonce);
}

static _unused_ void text(struct scene *s, enum wire_field field, const char *value)
{
        wire_put_text(&s->request, field, view_of(value));
}

static _unused_ void number(struct scene *s, enum wire_field field, int64_t value)
{
        wire_put_number(&s->request, field, value);
}

/* su by alice, with her token for acme. */
static _unused_ void su(struct scene *s, const char *account)
{
        request(s, WIRE_V_VERIFY);
        wire_put_text(&s->request, WIRE_F_TOKEN, world_type(&s->pat, "@acme"));
        text(s, WIRE_F_ACCOUNT, account);
        text(s, WIRE_F_ACTOR, "alice");
        text(s, WIRE_F_SERVICE, "su");
        number(s, WIRE_F_REAL_UID, 1000);
}

/* The end of sudo: may the session be opened? */
static _unused_ void session(struct scene *s, const char *account, const char *actor)
{
        request(s, WIRE_V_SESSION_CHECK);
        text(s, WIRE_F_ACCOUNT, account);
        text(s, WIRE_F_ACTOR, actor);
        text(s, WIRE_F_SERVICE, "sudo");
        number(s, WIRE_F_REAL_UID, 1000);
}

/* Sends it and takes the answer, both as packets. Every reply has to fit, decode and be the
   answer. */
static _unused_ uint32_t send(struct scene *s)
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

static _unused_ void expect_refused(struct scene *s, enum verdict verdict)
{
        assert_int_equal(send(s), WIRE_VERDICT);
        assert_int_equal(wire_number(&s->got, WIRE_F_VERDICT, 0), verdict);
        /* And not a word more. */
        assert_false(wire_has(&s->got, WIRE_F_ORG));
        assert_false(wire_has(&s->got, WIRE_F_KEY_ID));
        assert_false(wire_has(&s->got, WIRE_F_TICKET));
        assert_false(wire_has(&s->got, WIRE_F_USER));
}

static _unused_ void expect_unavailable(struct scene *s, int error)
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

static _unused_ const char *got_text(struct scene *s, enum wire_field field)
{
        static char texts[4][WIRE_TEXT_MAX];
        static unsigned next;
        char *buffer = texts[next++ % 4];

        assert_true(view_copy(wire_text(&s->got, field), buffer, sizeof(texts[0])));
        return buffer;
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
