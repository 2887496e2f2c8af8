/* Which sessions a change ends: those of the token, where it is asked for, and those that have lost
 * what they stand on, where the org's policy says so. logind is played by the test. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/manage_fixture.h"

static unsigned ended_records;

void audit_write(const struct audit_record *record)
{
        if (strcmp(record->message_id, AUDIT_ID_ENDED) == 0)
                ended_records++;
        else
                manage_fixture_record(record);
}

/* ---- logind ---- */

static struct {
        int error;              /* what asking gives */
        enum session_fate fate; /* of every session; 0: open, or ended */
        char ended[16][40];     /* in the order in which they were */
        unsigned end_count, looks;
} logind;

static int ask_session(const char *socket, const struct record_session *s, bool end,
                       enum session_fate *ret)
{
        assert_string_equal(socket, "/session.sock");
        if (logind.error < 0)
                return logind.error;
        if (!end)
                logind.looks++;
        *ret = logind.fate ? logind.fate : end ? SESSION_ENDED : SESSION_OPEN;
        if (end && *ret == SESSION_ENDED) {
                assert_true(logind.end_count < 16);
                (void)snprintf(logind.ended[logind.end_count++], 40, "%s", s->id);
        }
        return 0;
}

/* "1 2": the ids that were ended, sorted; forgotten with this. */
static const char *ended(void)
{
        static char text[256];

        text[0] = '\0';
        for (char c = 'a'; c <= 'z'; c++)
                for (unsigned i = 0; i < logind.end_count; i++)
                        if (logind.ended[i][0] == c) {
                                (void)strncat(text, text[0] ? " " : "", 2);
                                (void)strncat(text, logind.ended[i], 40);
                        }
        logind.end_count = 0;
        return text;
}

/* ---- the scene: alice and bob in acme and globex, an account of each ---- */

struct scene {
        struct manage_fixture *f;
        int64_t acme, globex;
        int64_t key, alice1, alice2, bob;
        char key_id[TOKEN_KEY_ID_SIZE], alice1_id[TOKEN_KEY_ID_SIZE], alice2_id[TOKEN_KEY_ID_SIZE],
                bob_id[TOKEN_KEY_ID_SIZE];
};

static int64_t org_id(struct manage_fixture *f, const char *name)
{
        struct record_org org;

        assert_int_equal(sealed_find_org_by_name(&f->manage.sealed, view_of(name), &org), 0);
        return org.id;
}

static void open_session(struct scene *s, const char *id, const char *account, int64_t org,
                         int64_t token)
{
        struct record_session session = {
                .leader = 100 + id[0], .org_id = org, .token_id = token, .opened_at = s->f->now};

        (void)snprintf(session.id, sizeof(session.id), "%s", id);
        (void)snprintf(session.account, sizeof(session.account), "%s", account);
        (void)snprintf(session.service, sizeof(session.service), "sshd");
        manage_keep_session(&s->f->manage, &session);
}

static int setup(void **state)
{
        static struct scene s;
        struct manage_fixture *f = s.f = manage_fixture_new();

        memset(&logind, 0, sizeof(logind));
        ended_records = 0;
        f->manage.ask_session = ask_session;
        f->manage.session_socket = "/session.sock";
        person(f, "globex-deploy", 2002);
        for (int i = 0; i < 2; i++) {
                const char *org = i ? "globex" : "acme";

                make_org(f, org);
                make_member(f, org, "alice", ROLE_ADMIN);
                make_member(f, org, "bob", ROLE_MEMBER);
                bind_account(f, org, i ? "globex-deploy" : "acme-deploy");
        }
        s.acme = org_id(f, "acme");
        s.globex = org_id(f, "globex");
        s.key = make_key(f, PERSON_ALICE, "acme", "ci", 0, s.key_id);
        s.alice1 = make_pat(f, PERSON_ALICE, "one", 0, s.alice1_id);
        s.alice2 = make_pat(f, PERSON_ALICE, "two", 0, s.alice2_id);
        s.bob = make_pat(f, PERSON_BOB, "one", 0, s.bob_id);
        open_session(&s, "a", "acme-deploy", s.acme, s.key);
        open_session(&s, "b", "acme-deploy", s.acme, s.alice1);
        open_session(&s, "c", "alice", s.globex, s.alice1);
        open_session(&s, "d", "alice", s.acme, s.alice2);
        open_session(&s, "e", "bob", s.acme, s.bob);
        open_session(&s, "f", "bob", s.globex, s.bob);
        *state = &s;
        return 0;
}

static int teardown(void **state)
{
        struct scene *s = *state;

        s->f = manage_fixture_free(s->f);
        return 0;
}

static void set_policy(struct scene *s, const char *org)
{
        ask(s->f, WIRE_V_ORG_SET);
        set_text(s->f, WIRE_F_ORG, org);
        set_number(s->f, WIRE_F_END_SESSIONS, 1);
        assert_true(is_done(s->f, 0));
}

static void ask_revoke(struct scene *s, enum wire_verb verb, const char *key_id, bool end)
{
        ask(s->f, verb);
        set_text(s->f, WIRE_F_KEY_ID, key_id);
        if (end)
                set_number(s->f, WIRE_F_END_SESSIONS, 1);
}

static int64_t sessions(struct scene *s)
{
        return wire_number(answer(s->f), WIRE_F_SESSIONS, -1);
}

static int64_t left(struct scene *s)
{
        return wire_number(answer(s->f), WIRE_F_SESSIONS_LEFT, -1);
}

static int64_t remembered(struct scene *s)
{
        int64_t count = -1;

        assert_int_equal(store_count_sessions(s->f->manage.sealed.reader, &count), 0);
        return count;
}

/* ---- asked for ---- */

static void test_asked_for(void **state)
{
        struct scene *s = *state;

        ask_revoke(s, WIRE_V_PAT_REVOKE, s->alice1_id, true);
        assert_true(is_done(s->f, PERSON_ALICE));
        assert_string_equal(ended(), "b c");
        assert_int_equal(sessions(s), 2);
        assert_int_equal(left(s), 0);
        assert_false(wire_has(answer(s->f), WIRE_F_MESSAGE));
        assert_string_equal(text_of(answer(s->f), WIRE_F_KEY_ID), s->alice1_id);
        assert_int_equal(ended_records, 2);
        assert_non_null(strstr(manage_records.message, "2 sessions ended"));
        assert_int_equal(remembered(s), 4);
        ask_revoke(s, WIRE_V_KEY_REVOKE, s->key_id, true);
        assert_true(is_done(s->f, PERSON_ALICE));
        assert_string_equal(ended(), "a");
}

static void test_not_asked_for(void **state)
{
        struct scene *s = *state;

        ask_revoke(s, WIRE_V_PAT_REVOKE, s->alice1_id, false);
        assert_true(is_done(s->f, PERSON_ALICE));
        assert_string_equal(ended(), "");
        assert_int_equal(sessions(s), -1);
        assert_int_equal(logind.looks, 0);
        /* Thought of afterwards. */
        ask_revoke(s, WIRE_V_PAT_REVOKE, s->alice1_id, false);
        assert_true(is_refused(s->f, PERSON_ALICE, "revoked"));
        ask_revoke(s, WIRE_V_PAT_REVOKE, s->alice1_id, true);
        assert_true(is_done(s->f, PERSON_ALICE));
        assert_string_equal(ended(), "b c");
        /* Somebody else's is not there, as ever. */
        ask_revoke(s, WIRE_V_PAT_REVOKE, s->bob_id, true);
        assert_true(is_refused(s->f, PERSON_ALICE, "not-found"));
        assert_string_equal(ended(), "");
}

static void test_revoke_all(void **state)
{
        struct scene *s = *state;

        ask(s->f, WIRE_V_REVOKE_ALL);
        set_text(s->f, WIRE_F_USER, "alice");
        set_number(s->f, WIRE_F_END_SESSIONS, 1);
        set_number(s->f, WIRE_F_DRY_RUN, 1);
        assert_true(is_done(s->f, 0));
        assert_int_equal(sessions(s), 3);
        assert_string_equal(ended(), "");
        set_number(s->f, WIRE_F_DRY_RUN, 0);
        assert_true(is_done(s->f, 0));
        assert_string_equal(ended(), "b c d");
        assert_int_equal(wire_number(answer(s->f), WIRE_F_PATS, -1), 2);
        ask(s->f, WIRE_V_REVOKE_ALL);
        set_number(s->f, WIRE_F_END_SESSIONS, 1);
        assert_true(is_done(s->f, 0));
        assert_string_equal(ended(), "a e f");
        assert_int_equal(remembered(s), 0);
}

/* ---- nobody to end them ---- */

static void test_nobody_there(void **state)
{
        static const struct {
                int error;
                const char *words;
        } rows[] = {{-ENOENT, "orgtoken-sessiond.socket"},
                    {-ECONNREFUSED, "orgtoken-sessiond.socket"},
                    {-EBUSY, "no logind that answers"},
                    {-ETIMEDOUT, "timed out"}};
        struct scene *s = *state;

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                logind.error = rows[i].error;
                ask_revoke(s, WIRE_V_PAT_REVOKE, s->alice1_id, true);
                assert_true(is_done(s->f, PERSON_ALICE));
                assert_int_equal(sessions(s), 0);
                assert_int_equal(left(s), 2);
                assert_non_null(strcasestr(text_of(answer(s->f), WIRE_F_MESSAGE), rows[i].words));
                assert_int_equal(remembered(s), 6);
        }
        /* It is revoked all the same, and can be said again. */
        logind.error = 0;
        ask_revoke(s, WIRE_V_PAT_REVOKE, s->alice1_id, true);
        assert_true(is_done(s->f, PERSON_ALICE));
        assert_string_equal(ended(), "b c");
        /* Nothing is known to be open: whether anybody could have known is said too. */
        (void)make_pat(s->f, PERSON_DAVE, "x", 0, s->bob_id);
        assert_int_equal(wire_number(answer(s->f), WIRE_F_SESSIONS, -1), -1);
}

static void test_none_known(void **state)
{
        char key_id[TOKEN_KEY_ID_SIZE];
        struct scene *s = *state;

        ask(s->f, WIRE_V_REVOKE_ALL);
        set_number(s->f, WIRE_F_END_SESSIONS, 1);
        assert_true(is_done(s->f, 0));
        assert_int_equal(remembered(s), 0);
        (void)make_key(s->f, 0, "acme", "again", 0, key_id);
        ask_revoke(s, WIRE_V_KEY_REVOKE, key_id, true);
        assert_true(is_done(s->f, 0));
        assert_false(wire_has(answer(s->f), WIRE_F_MESSAGE));
        assert_int_equal(logind.looks, 1);
        logind.error = -EBUSY;
        assert_true(is_done(s->f, 0));
        assert_non_null(strstr(text_of(answer(s->f), WIRE_F_MESSAGE), "no session is known"));
}

/* What a policy could not end stays, and is no part of what a dry run tells of. */
static void test_dry_run_tells_its_own(void **state)
{
        struct scene *s = *state;

        set_policy(s, "acme");
        logind.error = -EBUSY;
        ask_revoke(s, WIRE_V_PAT_REVOKE, s->alice2_id, false);
        assert_true(is_done(s->f, PERSON_ALICE));
        assert_int_equal(left(s), 1);
        logind.error = 0;
        ask(s->f, WIRE_V_REVOKE_ALL);
        set_text(s->f, WIRE_F_USER, "bob");
        set_number(s->f, WIRE_F_END_SESSIONS, 1);
        set_number(s->f, WIRE_F_DRY_RUN, 1);
        assert_true(is_done(s->f, 0));
        assert_int_equal(sessions(s), 2);
        set_number(s->f, WIRE_F_DRY_RUN, 0);
        assert_true(is_done(s->f, 0));
        assert_string_equal(ended(), "d e f");
}

/* What logind says is gone, or another's, is forgotten and not counted. */
static void test_gone(void **state)
{
        struct scene *s = *state;

        logind.fate = SESSION_GONE;
        ask_revoke(s, WIRE_V_PAT_REVOKE, s->alice1_id, true);
        assert_true(is_done(s->f, PERSON_ALICE));
        assert_int_equal(sessions(s), 0);
        assert_int_equal(left(s), 0);
        assert_int_equal(remembered(s), 4);
        assert_int_equal(ended_records, 0);
        logind.fate = SESSION_OTHER;
        ask_revoke(s, WIRE_V_PAT_REVOKE, s->alice2_id, true);
        assert_true(is_done(s->f, PERSON_ALICE));
        assert_int_equal(sessions(s), 0);
        assert_int_equal(ended_records, 1);
        assert_int_equal(remembered(s), 3);
}

/* ---- the policy ---- */

static void ask_member_remove(struct scene *s, const char *org, const char *user)
{
        ask(s->f, WIRE_V_MEMBER_REMOVE);
        set_text(s->f, WIRE_F_ORG, org);
        set_text(s->f, WIRE_F_USER, user);
        assert_true(is_done(s->f, 0));
}

static void ask_noun(struct scene *s, enum wire_verb verb, enum wire_field field, const char *noun)
{
        ask(s->f, verb);
        set_text(s->f, field, noun);
        assert_true(is_done(s->f, 0));
}

static void test_policy(void **state)
{
        struct scene *s = *state;

        ask_member_remove(s, "acme", "bob");
        assert_string_equal(ended(), "");
        /* What has lost its ground before ends with the policy. */
        set_policy(s, "acme");
        assert_string_equal(ended(), "e");
        ask_member_remove(s, "globex", "bob");
        assert_string_equal(ended(), "");
        ask_revoke(s, WIRE_V_PAT_REVOKE, s->alice1_id, false);
        assert_true(is_done(s->f, PERSON_ALICE));
        /* c is for globex, which has no such policy. */
        assert_string_equal(ended(), "b");
        assert_int_equal(sessions(s), 1);
        ask_noun(s, WIRE_V_USER_SUSPEND, WIRE_F_USER, "alice");
        assert_string_equal(ended(), "d");
        ask_noun(s, WIRE_V_ORG_SUSPEND, WIRE_F_ORG, "acme");
        assert_string_equal(ended(), "a");
        set_policy(s, "globex");
        assert_string_equal(ended(), "c f");
}

static void test_policy_other_events(void **state)
{
        struct scene *s = *state;

        set_policy(s, "acme");
        set_policy(s, "globex");
        assert_string_equal(ended(), "");
        /* The word is the policy's here, and no wish to end anything now. */
        assert_int_equal(sessions(s), -1);
        ask_noun(s, WIRE_V_USER_REMOVE, WIRE_F_USER, "bob");
        assert_string_equal(ended(), "e f");
        ask(s->f, WIRE_V_ACCOUNT_UNBIND);
        set_text(s->f, WIRE_F_ORG, "acme");
        set_text(s->f, WIRE_F_ACCOUNT, "acme-deploy");
        assert_true(is_done(s->f, 0));
        assert_string_equal(ended(), "a b");
        ask_noun(s, WIRE_V_ORG_DELETE, WIRE_F_ORG, "acme");
        assert_string_equal(ended(), "d");
        /* Its name given to another org: that is not the one. */
        make_org(s->f, "acme");
        assert_string_equal(ended(), "");
}

/* An end that only time has brought ends no session, and hides no other. */
static void test_time_is_no_revocation(void **state)
{
        struct scene *s = *state;
        char key_id[TOKEN_KEY_ID_SIZE];
        int64_t pat = make_pat(s->f, PERSON_BOB, "short", 60, key_id);

        set_policy(s, "acme");
        open_session(s, "g", "bob", s->acme, pat);
        s->f->now += 120;
        set_policy(s, "acme");
        assert_string_equal(ended(), "");
        ask(s->f, WIRE_V_ROTATE);
        set_text(s->f, WIRE_F_KEY_ID, s->key_id);
        assert_int_equal(run_as(s->f, PERSON_ALICE), WIRE_NEW_TOKEN);
        assert_int_equal(acknowledge(s->f, true, true), WIRE_DONE);
        set_policy(s, "acme");
        assert_string_equal(ended(), "");
        ask_member_remove(s, "acme", "bob");
        assert_string_equal(ended(), "e g");
}

/* A refused change ends nothing, whatever it asked for. */
static void test_refused(void **state)
{
        struct scene *s = *state;

        ask_revoke(s, WIRE_V_PAT_REVOKE, s->alice1_id, true);
        assert_true(is_refused(s->f, PERSON_BOB, "not-found"));
        ask(s->f, WIRE_V_REVOKE_ALL);
        set_number(s->f, WIRE_F_END_SESSIONS, 1);
        assert_true(is_refused(s->f, PERSON_ALICE, "not-allowed"));
        assert_string_equal(ended(), "");
        assert_int_equal(remembered(s), 6);
}

/* ---- remembering ---- */

/* Revoked between the account phase and here: the revocation did not know of the session. */
static void test_too_late(void **state)
{
        struct scene *s = *state;

        ask_revoke(s, WIRE_V_PAT_REVOKE, s->alice1_id, false);
        assert_true(is_done(s->f, PERSON_ALICE));
        open_session(s, "g", "acme-deploy", s->acme, s->alice1);
        assert_string_equal(ended(), "g");
        open_session(s, "h", "acme-deploy", s->acme, s->alice2);
        assert_string_equal(ended(), "");
}

/* An id is what somebody's environment said, so it takes no other session's place. */
static void test_same_id_again(void **state)
{
        struct scene *s = *state;
        struct record_session session = {.id = "a",
                                         .leader = 7,
                                         .account = "alice",
                                         .service = "sshd",
                                         .org_id = s->acme,
                                         .token_id = s->alice2,
                                         .opened_at = s->f->now};

        manage_keep_session(&s->f->manage, &session);
        assert_int_equal(remembered(s), 7);
        ask_revoke(s, WIRE_V_KEY_REVOKE, s->key_id, true);
        assert_true(is_done(s->f, PERSON_ALICE));
        assert_string_equal(ended(), "a");
        assert_int_equal(remembered(s), 6);
        /* The same process again: another login of a pid that was counted up to before. */
        open_session(s, "d", "acme-deploy", s->acme, s->alice1);
        assert_int_equal(remembered(s), 6);
}

static void test_bounded(void **state)
{
        struct scene *s = *state;
        struct record_session session = {.leader = 1,
                                         .account = "acme-deploy",
                                         .service = "sshd",
                                         .org_id = s->acme,
                                         .token_id = s->key,
                                         .opened_at = s->f->now};
        struct store_writer *w = s->f->manage.sealed.writer;

        assert_int_equal(store_local_begin(w), 0);
        for (int i = 0; i < SESSION_MAX + 10; i++) {
                (void)snprintf(session.id, sizeof(session.id), "x%d", i);
                session.opened_at++;
                assert_int_equal(store_put_session(w, &session, SESSION_MAX), 0);
        }
        assert_int_equal(store_local_commit(w), 0);
        assert_int_equal(remembered(s), SESSION_MAX);
        /* The table is nearly full: who is gone makes room, all of them asked about now and then.
         */
        logind.fate = SESSION_GONE;
        for (int i = 0; i < SESSION_PRUNE_EVERY && remembered(s) == SESSION_MAX; i++) {
                (void)snprintf(session.id, sizeof(session.id), "y%d", i);
                manage_keep_session(&s->f->manage, &session);
        }
        assert_int_equal(remembered(s), 0);
        assert_int_equal(logind.looks, SESSION_MAX);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(test_asked_for),
                CASE(test_not_asked_for),
                CASE(test_revoke_all),
                CASE(test_nobody_there),
                CASE(test_none_known),
                CASE(test_gone),
                CASE(test_policy),
                CASE(test_policy_other_events),
                CASE(test_time_is_no_revocation),
                CASE(test_refused),
                CASE(test_too_late),
                CASE(test_same_id_again),
                CASE(test_bounded),
                CASE(test_dry_run_tells_its_own),
        };

        return cmocka_run_group_tests_name("manage_sessions", tests, NULL, NULL);
}
