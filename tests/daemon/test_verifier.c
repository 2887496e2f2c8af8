/*
 * VERIFY and ACCOUNT_CHECK, from packet to packet: answers, records, tickets, and who gets a grant.
 * The decision's own cases are in test_verify.c.
 */
#include "tests/daemon/verifier_scene.h"

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
        (void)snprintf(
                line, sizeof(line),
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

/* Who is not root may claim any account, service and source: the sentence says whose word it is. */
static void test_record_of_a_claim(void **state)
{
        struct scene *s = *state;
        char line[200];

        s->call.uid = 33;
        su(s, "alice");
        text(s, WIRE_F_SOURCE, "10.0.0.7");
        (void)send(s);
        (void)snprintf(line, sizeof(line),
                       "allowed: alice for acme by %s (su, from 10.0.0.7, says uid 33)",
                       s->texts.output.key_id);
        assert_string_equal(journal.text, line);
        assert_int_equal(journal.record.caller_uid, 33);
}

static void test_record_of_a_refusal(void **state)
{
        struct scene *s = *state;
        char line[200];

        su(s, "root");
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
        (void)snprintf(
                line, sizeof(line),
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
                {WIRE_F_ROLE, -1},
                {WIRE_F_ROLE, 3},
                {WIRE_F_ROLE, INT64_C(4294967296)},
                {WIRE_F_BOUND_ONLY, 2},
                {WIRE_F_BOUND_ONLY, -1},
                {WIRE_F_REAL_UID, -1},
                {WIRE_F_REAL_UID, UINT32_MAX},
                {WIRE_F_REAL_UID, INT64_C(1) << 40},
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
        assert_string_equal(journal.text, "unavailable: acme-deploy: Input/output error (su)");
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

/* The use that the ticket comes from need not be written yet. */
static void test_account_check_of_an_unused_token(void **state)
{
        struct scene *s = *state;
        struct policy p = world_free_policy;

        su(s, "acme-deploy");
        assert_int_equal(send(s), WIRE_ALLOW);
        p.max_unused = 600;
        world_host_policy(s->w, p);
        account_check(s, view_of_bytes(s->texts.ticket, TICKET_LEN));
        assert_int_equal(send(s), WIRE_ALLOW);
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(test_allow),
                CASE(test_expiry_is_told),
                CASE(test_record),
                CASE(test_record_of_a_claim),
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
                CASE(test_account_check_of_an_unused_token),
                CASE(test_account_check_decides_again),
                CASE(test_grant_is_made),
                CASE(test_no_grant),
        };

        return cmocka_run_group_tests_name("verifier", tests, NULL, NULL);
}
