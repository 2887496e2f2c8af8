/* SESSION_CHECK: what a grant opens, for whom, and how long (doc/ELEVATION.md). */
#include "tests/daemon/verifier_scene.h"

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
        assert_int_equal(s->v.verdicts[0], 0);
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

/* A token that is over takes its grant with it, however it came to be over. */
static void test_session_of_dead_tokens(void **state)
{
        struct scene *s = *state;
        struct record_token t = world_template(TOKEN_PAT, s->alice);

        t.expires_at = NOW + 5;
        s->pat = world_token(s->w, &t);
        prove(s, "@acme");
        s->call.now = NOW + 5;
        session(s, "acme-deploy", "alice");
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
        assert_string_equal(journal.reason, "expired");
        assert_true(s->after.drop_grant);
        s->call.now = NOW;
        s->pat = world_pat(s->w, s->alice);
        prove(s, "@acme");
        s->w->reader->table[MEMORY_TOKEN].count = 0;
        session(s, "acme-deploy", "alice");
        expect_refused(s, VERDICT_ACCOUNT_DENIED);
        assert_string_equal(journal.reason, "unknown");
        assert_int_equal(grant_count(s->v.grants), 0);
}

/* Dead grants in front of a live one are dropped and do not hide it. */
static void test_session_looks_at_all_grants(void **state)
{
        struct scene *s = *state;
        struct world_token first = s->pat;

        s->pat = world_pat(s->w, s->alice);
        prove(s, "@globex");
        prove(s, "@acme");
        s->pat = first;
        prove(s, "@acme");
        /* The last one proved is looked at first, and is dropped on the way. */
        world_revoke(s->w, first.id, "revoked");
        session(s, "globex-db", "alice");
        assert_int_equal(send(s), WIRE_ALLOW);
        assert_string_equal(got_text(s, WIRE_F_ORG), "globex");
        assert_int_equal(grant_count(s->v.grants), 2);
        assert_true(s->after.write_grant);
        assert_false(s->after.drop_grant);
        assert_int_equal(s->after.grant.org_id, s->globex);
}

static void test_session_is_of_the_token_given_last(void **state)
{
        struct scene *s = *state;
        struct world_token first = s->pat, second = world_pat(s->w, s->alice);
        int64_t id[] = {first.id, second.id};

        for (size_t i = 0; i < 4; i++) {
                s->pat = i % 2 == 0 ? first : second;
                prove(s, "@acme");
                session(s, "acme-deploy", "alice");
                assert_int_equal(send(s), WIRE_ALLOW);
                assert_int_equal(s->after.grant.token_id, id[i % 2]);
        }
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

/* ---- SESSION ---- */

static void opened(struct scene *s, const char *key_id, const char *id)
{
        request(s, WIRE_V_SESSION);
        text(s, WIRE_F_ACCOUNT, "acme-deploy");
        text(s, WIRE_F_SERVICE, "sshd");
        text(s, WIRE_F_ORG, "acme");
        text(s, WIRE_F_KEY_ID, key_id);
        text(s, WIRE_F_SESSION, id);
}

static void key_id_of(const struct world_token *token, enum token_kind kind,
                      char ret[static TOKEN_KEY_ID_SIZE])
{
        token_key_id(kind, token->id, TOKEN_KEY_ID_MIN, ret);
}

static void test_opened(void **state)
{
        char key_id[TOKEN_KEY_ID_SIZE];
        struct scene *s = *state;

        key_id_of(&s->key, TOKEN_AK, key_id);
        opened(s, key_id, "c12");
        assert_int_equal(send(s), WIRE_DONE);
        assert_int_equal(wire_number(&s->got, WIRE_F_ACCEPTED, 0), 1);
        assert_true(s->after.keep_session);
        assert_string_equal(s->after.session.id, "c12");
        assert_string_equal(s->after.session.account, "acme-deploy");
        assert_string_equal(s->after.session.service, "sshd");
        assert_int_equal(s->after.session.leader, 42);
        assert_int_equal(s->after.session.opened_at, NOW - 3);
        assert_int_equal(s->after.session.org_id, s->acme);
        assert_int_equal(s->after.session.token_id, s->key.id);
        /* It is no decision. */
        assert_int_equal(journal.count, 0);
        for (size_t i = 0; i < COUNT(s->v.verdicts); i++)
                assert_int_equal(s->v.verdicts[i], 0);
}

static void test_opened_is_roots(void **state)
{
        char key_id[TOKEN_KEY_ID_SIZE];
        struct scene *s = *state;

        key_id_of(&s->pat, TOKEN_PAT, key_id);
        s->call.uid = 1000;
        opened(s, key_id, "1");
        expect_unavailable(s, -EPERM);
        assert_false(s->after.keep_session);
        s->call.uid = 0;
        assert_int_equal(send(s), WIRE_DONE);
        assert_int_equal(s->after.session.token_id, s->pat.id);
}

/* Whose it is must be beyond doubt, or somebody's session would be ended for another's token. */
static void test_opened_by_nobody(void **state)
{
        char key_id[TOKEN_KEY_ID_SIZE];
        struct scene *s = *state;
        struct record_token twin;

        opened(s, "ak_zzzzzz", "1");
        assert_int_equal(send(s), WIRE_DONE);
        assert_int_equal(wire_number(&s->got, WIRE_F_ACCEPTED, 7), 0);
        assert_false(s->after.keep_session);
        key_id_of(&s->key, TOKEN_AK, key_id);
        opened(s, key_id, "1");
        text(s, WIRE_F_ORG, "initech");
        assert_int_equal(send(s), WIRE_DONE);
        assert_int_equal(wire_number(&s->got, WIRE_F_ACCEPTED, 7), 0);
        /* A second token of the same six characters. */
        assert_int_equal(store_find_token(s->w->reader, s->key.id, &twin), 0);
        twin.id += twin.id % 62 == 61 ? -1 : 1;
        assert_int_equal(store_insert_token(s->w->sealed.writer, &twin), 0);
        opened(s, key_id, "1");
        assert_int_equal(send(s), WIRE_DONE);
        assert_int_equal(wire_number(&s->got, WIRE_F_ACCEPTED, 7), 0);
        assert_false(s->after.keep_session);
}

static void test_opened_bad(void **state)
{
        static const char *const ids[] = {
                "../1", "a b", "1;2", "-1", "c1\xc3\xa9", "123456789012345678901234567890123"};
        char key_id[TOKEN_KEY_ID_SIZE];
        struct scene *s = *state;

        key_id_of(&s->key, TOKEN_AK, key_id);
        for (size_t i = 0; i < COUNT(ids); i++) {
                opened(s, key_id, ids[i]);
                expect_unavailable(s, -EPROTO);
                assert_false(s->after.keep_session);
        }
        opened(s, "ak_", "1");
        expect_unavailable(s, -EPROTO);
        opened(s, key_id, "1");
        text(s, WIRE_F_ACCOUNT, "a b");
        expect_unavailable(s, -EPROTO);
        opened(s, key_id, "1");
        s->call.pid = 0;
        expect_unavailable(s, -EPROTO);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(test_session),
                CASE(test_session_unguarded),
                CASE(test_session_is_roots),
                CASE(test_session_of_others),
                CASE(test_session_with_org_and_role),
                CASE(test_session_by_key),
                CASE(test_session_limits),
                CASE(test_session_ends),
                CASE(test_session_of_dead_tokens),
                CASE(test_session_looks_at_all_grants),
                CASE(test_session_is_of_the_token_given_last),
                CASE(test_session_and_a_new_org_of_the_name),
                CASE(test_session_failing_store),
                CASE(test_session_unused_token),
                CASE(test_opened),
                CASE(test_opened_is_roots),
                CASE(test_opened_by_nobody),
                CASE(test_opened_bad),
        };

        return cmocka_run_group_tests_name("verifier session", tests, NULL, NULL);
}
