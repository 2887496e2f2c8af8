/* Organisations, members, users and accounts: what each verb does, refuses and records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/manage_fixture.h"

void audit_write(const struct audit_record *record)
{
        manage_fixture_record(record);
}

static int setup(void **state)
{
        *state = manage_fixture_new();
        return 0;
}

static int teardown(void **state)
{
        *state = manage_fixture_free(*state);
        return 0;
}

static void ask_org(struct manage_fixture *f, enum wire_verb verb, const char *org)
{
        ask(f, verb);
        set_text(f, WIRE_F_ORG, org);
}

static void ask_member(struct manage_fixture *f, enum wire_verb verb, const char *org,
                       const char *user, int64_t role)
{
        ask_org(f, verb, org);
        set_text(f, WIRE_F_USER, user);
        if (role >= 0)
                set_number(f, WIRE_F_ROLE, role);
}

static void ask_user(struct manage_fixture *f, enum wire_verb verb, const char *user)
{
        ask(f, verb);
        set_text(f, WIRE_F_USER, user);
}

static void ask_account(struct manage_fixture *f, enum wire_verb verb, const char *org,
                        const char *account)
{
        ask_org(f, verb, org);
        set_text(f, WIRE_F_ACCOUNT, account);
}

static void test_org_create(void **state)
{
        struct manage_fixture *f = *state;
        int64_t before = revision(f);

        ask_org(f, WIRE_V_ORG_CREATE, "acme");
        assert_true(is_done(f, 0));
        assert_int_equal(f->reply.revision, before + 1);
        assert_int_equal(revision(f), before + 1);
        assert_int_equal(manage_records.changes, 1);
        assert_string_equal(manage_records.verb, "org create");
        assert_string_equal(manage_records.org, "acme");
        assert_true(is_refused(f, 0, "exists"));
}

static void test_org_names(void **state)
{
        static const char *const bad[] = {"A",
                                          "1a",
                                          "a-",
                                          "-a",
                                          "a_b",
                                          "a b",
                                          "acm\xc3\xa9",
                                          "aaaaaaaaaabbbbbbbbbbccccccccccddd",
                                          "\xff\xfe",
                                          "a.b",
                                          "*"};
        static const enum wire_verb verbs[] = {WIRE_V_ORG_CREATE, WIRE_V_ORG_SHOW,
                                               WIRE_V_ORG_DELETE, WIRE_V_KEY_LIST,
                                               WIRE_V_MEMBER_LIST};
        struct manage_fixture *f = *state;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                for (size_t v = 0; v < sizeof(verbs) / sizeof(verbs[0]); v++) {
                        ask_org(f, verbs[v], bad[i]);
                        assert_true(is_refused(f, 0, "bad-org"));
                }
        ask_org(f, WIRE_V_ORG_CREATE, "aaaaaaaaaabbbbbbbbbbccccccccccdd");
        assert_true(is_done(f, 0));
}

/* A near miss is named, but only to those who may see it. */
static void test_org_suggestion(void **state)
{
        struct manage_fixture *f = *state;

        make_org(f, "acme");
        make_member(f, "acme", "alice", ROLE_MEMBER);
        ask_org(f, WIRE_V_ORG_SHOW, "amce");
        assert_true(is_refused(f, 0, "not-found"));
        assert_non_null(strstr(text_of(answer(f), WIRE_F_MESSAGE), "'acme'?"));
        assert_true(is_refused(f, PERSON_ALICE, "not-found"));
        assert_non_null(strstr(text_of(answer(f), WIRE_F_MESSAGE), "'acme'?"));
        assert_true(is_refused(f, PERSON_BOB, "not-found"));
        assert_null(strstr(text_of(answer(f), WIRE_F_MESSAGE), "'acme'"));
        ask_org(f, WIRE_V_ORG_SHOW, "globex");
        assert_true(is_refused(f, 0, "not-found"));
        assert_null(strstr(text_of(answer(f), WIRE_F_MESSAGE), "'acme'"));
        make_org(f, "acne");
        ask_org(f, WIRE_V_ORG_SHOW, "acmee");
        assert_true(is_refused(f, 0, "not-found"));
        assert_non_null(strstr(text_of(answer(f), WIRE_F_MESSAGE), "'acme'?"));
}

static void test_org_show_and_set(void **state)
{
        struct manage_fixture *f = *state;

        make_org(f, "acme");
        make_member(f, "acme", "alice", ROLE_ADMIN);
        make_member(f, "acme", "bob", ROLE_MEMBER);
        bind_account(f, "acme", "acme-deploy");
        ask_org(f, WIRE_V_ORG_SET, "acme");
        assert_true(is_refused(f, 0, "nothing-to-set"));
        set_number(f, WIRE_F_MAX_LIFE, 30 * EXPIRY_DAY);
        set_number(f, WIRE_F_NEVER_OK, 0);
        set_number(f, WIRE_F_MAX_UNUSED, 90 * EXPIRY_DAY);
        assert_true(is_done(f, 0));
        assert_true(f->reply.changed_rights);
        ask_org(f, WIRE_V_ORG_SHOW, "acme");
        assert_true(is_done(f, PERSON_BOB));
        assert_int_equal(wire_number(answer(f), WIRE_F_MAX_LIFE, -1), 30 * EXPIRY_DAY);
        assert_int_equal(wire_number(answer(f), WIRE_F_NEVER_OK, -1), 0);
        assert_int_equal(wire_number(answer(f), WIRE_F_MAX_UNUSED, -1), 90 * EXPIRY_DAY);
        assert_int_equal(wire_number(answer(f), WIRE_F_MEMBERS, -1), 2);
        assert_int_equal(wire_number(answer(f), WIRE_F_ACCOUNTS, -1), 1);
        assert_int_equal(wire_number(answer(f), WIRE_F_KEYS, -1), 0);
        assert_int_equal(wire_number(answer(f), WIRE_F_ROLE, -1), ROLE_MEMBER);
}

static void test_policy_values(void **state)
{
        static const struct {
                enum wire_field field;
                int64_t value;
                const char *reason;
        } bad[] = {
                {WIRE_F_MAX_LIFE, -1, "bad-policy"},
                {WIRE_F_MAX_LIFE, INT64_MAX, "bad-policy"},
                {WIRE_F_MAX_LIFE, INT64_MIN, "bad-policy"},
                {WIRE_F_NEVER_OK, 2, "bad-policy"},
                {WIRE_F_NEVER_OK, -1, "bad-policy"},
                {WIRE_F_MAX_UNUSED, -5, "bad-policy"},
                {WIRE_F_END_SESSIONS, 2, "bad-policy"},
                {WIRE_F_END_SESSIONS, -1, "bad-policy"},
        };
        struct manage_fixture *f = *state;

        make_org(f, "acme");
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                ask_org(f, WIRE_V_ORG_SET, "acme");
                set_number(f, bad[i].field, bad[i].value);
                assert_true(is_refused(f, 0, bad[i].reason));
        }
        for (int64_t v = -1; v < 6; v++) {
                ask(f, WIRE_V_HOST_SET);
                set_number(f, WIRE_F_SELF_SERVICE, v);
                if (v == SELF_SERVICE_FULL || v == SELF_SERVICE_OFF)
                        assert_true(is_done(f, 0));
                else
                        assert_true(is_refused(f, 0, "bad-policy"));
        }
        /* `limited` needs a bound, in the same request or before. */
        ask(f, WIRE_V_HOST_SET);
        set_number(f, WIRE_F_SELF_SERVICE, SELF_SERVICE_LIMITED);
        set_number(f, WIRE_F_MAX_LIFE, 3600);
        assert_true(is_done(f, 0));
        ask(f, WIRE_V_HOST_SET);
        set_number(f, WIRE_F_MAX_LIFE, 0);
        assert_true(is_refused(f, 0, "bad-policy"));
        ask(f, WIRE_V_HOST_SHOW);
        assert_true(is_done(f, 0));
        assert_int_equal(wire_number(answer(f), WIRE_F_SELF_SERVICE, 0), SELF_SERVICE_LIMITED);
        assert_int_equal(wire_number(answer(f), WIRE_F_MAX_LIFE, 0), 3600);
}

static void test_org_suspend(void **state)
{
        struct manage_fixture *f = *state;
        char id[TOKEN_KEY_ID_SIZE];
        int64_t before;

        make_org(f, "acme");
        make_member(f, "acme", "alice", ROLE_ADMIN);
        (void)make_key(f, PERSON_ALICE, "acme", "ci", 0, id);
        ask_org(f, WIRE_V_ORG_SUSPEND, "acme");
        assert_true(is_done(f, 0));
        assert_int_equal(wire_number(answer(f), WIRE_F_COUNT, -1), 1);
        assert_true(f->reply.changed_rights);
        before = revision(f);
        assert_true(is_done(f, 0));
        assert_int_equal(revision(f), before);
        assert_int_equal(f->reply.revision, 0);
        /* Its admin may look and revoke, and make nothing new. */
        ask_org(f, WIRE_V_KEY_CREATE, "acme");
        set_text(f, WIRE_F_NAME, "new");
        assert_true(is_refused(f, PERSON_ALICE, "suspended"));
        ask(f, WIRE_V_ROTATE);
        set_text(f, WIRE_F_KEY_ID, id);
        assert_true(is_refused(f, PERSON_ALICE, "suspended"));
        ask_member(f, WIRE_V_MEMBER_ADD, "acme", "bob", -1);
        assert_true(is_refused(f, PERSON_ALICE, "suspended"));
        ask_org(f, WIRE_V_MEMBER_LIST, "acme");
        assert_true(is_done(f, PERSON_ALICE));
        ask(f, WIRE_V_KEY_REVOKE);
        set_text(f, WIRE_F_KEY_ID, id);
        assert_true(is_done(f, PERSON_ALICE));
        ask_org(f, WIRE_V_ORG_RESUME, "acme");
        assert_true(is_done(f, 0));
        ask_member(f, WIRE_V_MEMBER_ADD, "acme", "bob", -1);
        assert_true(is_done(f, PERSON_ALICE));
}

static void test_org_delete(void **state)
{
        struct manage_fixture *f = *state;
        char id[TOKEN_KEY_ID_SIZE], pat[TOKEN_KEY_ID_SIZE];
        struct record_token token;
        int64_t key;

        make_org(f, "acme");
        make_member(f, "acme", "alice", ROLE_ADMIN);
        key = make_key(f, PERSON_ALICE, "acme", "ci", 0, id);
        (void)make_pat(f, PERSON_ALICE, "laptop", 0, pat);
        bind_account(f, "acme", "acme-deploy");
        ask_org(f, WIRE_V_ORG_DELETE, "acme");
        assert_true(is_refused(f, 0, "accounts-bound"));
        ask_account(f, WIRE_V_ACCOUNT_UNBIND, "acme", "acme-deploy");
        assert_true(is_done(f, 0));
        ask_org(f, WIRE_V_ORG_DELETE, "acme");
        set_number(f, WIRE_F_DRY_RUN, 1);
        int64_t before = revision(f);
        assert_true(is_done(f, 0));
        assert_int_equal(wire_number(answer(f), WIRE_F_COUNT, -1), 1);
        assert_int_equal(revision(f), before);
        ask_org(f, WIRE_V_ORG_DELETE, "acme");
        assert_true(is_done(f, 0));
        assert_int_equal(wire_number(answer(f), WIRE_F_COUNT, -1), 1);
        assert_int_equal(revision(f), before + 1);
        assert_true(f->reply.changed_rights);
        fixture_find_token(f->store, key, &token);
        assert_string_equal(token.end_reason, "org-deleted");
        assert_false(token.has_proof);
        assert_true(is_refused(f, 0, "not-found"));
        assert_true(is_refused(f, PERSON_ALICE, "not-allowed"));
        /* The name again: another org, with nobody in it. */
        make_org(f, "acme");
        ask_org(f, WIRE_V_ORG_SHOW, "acme");
        assert_true(is_refused(f, PERSON_ALICE, "not-found"));
        assert_true(is_done(f, 0));
        assert_int_equal(wire_number(answer(f), WIRE_F_MEMBERS, -1), 0);
        ask_org(f, WIRE_V_KEY_LIST, "acme");
        assert_true(is_done(f, 0));
        assert_int_equal(row_count(f), 0);
}

static void test_members(void **state)
{
        struct manage_fixture *f = *state;
        int64_t before;

        make_org(f, "acme");
        ask_member(f, WIRE_V_MEMBER_ADD, "acme", "alice", ROLE_ADMIN);
        assert_true(is_done(f, 0));
        assert_true(is_refused(f, 0, "exists"));
        ask_member(f, WIRE_V_MEMBER_ADD, "acme", "bob", -1);
        assert_true(is_done(f, PERSON_ALICE));
        ask_member(f, WIRE_V_MEMBER_ADD, "acme", "carol", ROLE_NONE);
        assert_true(is_refused(f, PERSON_ALICE, "bad-role"));
        ask_member(f, WIRE_V_MEMBER_ADD, "acme", "carol", 3);
        assert_true(is_refused(f, PERSON_ALICE, "bad-role"));
        ask_member(f, WIRE_V_MEMBER_SET, "acme", "bob", ROLE_MEMBER);
        before = revision(f);
        assert_true(is_done(f, PERSON_ALICE));
        assert_int_equal(revision(f), before);
        ask_member(f, WIRE_V_MEMBER_SET, "acme", "carol", ROLE_MEMBER);
        assert_true(is_refused(f, PERSON_ALICE, "not-found"));
        ask_member(f, WIRE_V_MEMBER_SET, "acme", "bob", ROLE_NONE);
        assert_true(is_refused(f, PERSON_ALICE, "bad-role"));
        ask_member(f, WIRE_V_MEMBER_REMOVE, "acme", "carol", -1);
        assert_true(is_refused(f, PERSON_ALICE, "not-found"));
        ask_member(f, WIRE_V_MEMBER_REMOVE, "acme", "bob", -1);
        assert_true(is_done(f, PERSON_ALICE));
        assert_true(is_refused(f, PERSON_ALICE, "not-found"));
}

static void test_last_admin(void **state)
{
        struct manage_fixture *f = *state;

        make_org(f, "acme");
        make_member(f, "acme", "alice", ROLE_ADMIN);
        make_member(f, "acme", "bob", ROLE_MEMBER);
        ask_member(f, WIRE_V_MEMBER_SET, "acme", "alice", ROLE_MEMBER);
        assert_true(is_refused(f, PERSON_ALICE, "last-admin"));
        ask_member(f, WIRE_V_MEMBER_REMOVE, "acme", "alice", -1);
        assert_true(is_refused(f, PERSON_ALICE, "last-admin"));
        ask_member(f, WIRE_V_MEMBER_SET, "acme", "bob", ROLE_ADMIN);
        assert_true(is_done(f, PERSON_ALICE));
        ask_member(f, WIRE_V_MEMBER_SET, "acme", "alice", ROLE_MEMBER);
        assert_true(is_done(f, PERSON_BOB));
        ask_member(f, WIRE_V_MEMBER_REMOVE, "acme", "bob", -1);
        assert_true(is_refused(f, PERSON_BOB, "last-admin"));
        assert_true(is_done(f, 0));
}

static void test_user_names(void **state)
{
        static const char *const bad[] = {"-x",
                                          "+x",
                                          "123",
                                          ".",
                                          "..",
                                          "a b",
                                          "a/b",
                                          "a:b",
                                          "b\xc3\xb6",
                                          ("\xe2\x80\xae"
                                           "bob"),
                                          "\xff"};
        struct manage_fixture *f = *state;
        char longname[NAME_USER_MAX + 2];

        memset(longname, 'a', sizeof(longname) - 1);
        longname[sizeof(longname) - 1] = '\0';
        make_org(f, "acme");
        for (size_t i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
                const char *name = i < sizeof(bad) / sizeof(bad[0]) ? bad[i] : longname;

                ask_member(f, WIRE_V_MEMBER_ADD, "acme", name, -1);
                assert_true(is_refused(f, 0, "bad-user"));
                ask_user(f, WIRE_V_USER_SUSPEND, name);
                assert_true(is_refused(f, 0, "bad-user"));
                ask(f, WIRE_V_PAT_CREATE);
                set_text(f, WIRE_F_NAME, "x");
                set_text(f, WIRE_F_USER, name);
                assert_true(is_refused(f, 0, "bad-user"));
                ask_account(f, WIRE_V_ACCOUNT_BIND, "acme", name);
                assert_true(is_refused(f, 0, "bad-account"));
        }
        longname[NAME_USER_MAX] = '\0';
        ask_member(f, WIRE_V_MEMBER_ADD, "acme", longname, -1);
        assert_true(is_done(f, 0));
}

/* The uid seen first stays, until root says otherwise. */
static void test_uid_of_a_user(void **state)
{
        struct manage_fixture *f = *state;
        int64_t before;

        make_org(f, "acme");
        make_member(f, "acme", "alice", ROLE_ADMIN);
        make_member(f, "acme", "frank", ROLE_ADMIN); /* no account yet */
        ask(f, WIRE_V_USER_LIST);
        assert_true(is_done(f, 0));
        assert_int_equal(row_count(f), 2);
        assert_int_equal(wire_number(row(f, 0), WIRE_F_UID, -1), PERSON_ALICE);
        assert_false(wire_has(row(f, 1), WIRE_F_UID));
        ask_user(f, WIRE_V_USER_REASSIGN, "frank");
        assert_true(is_refused(f, 0, "no-account"));

        person(f, "frank", 1700);
        before = revision(f);
        ask(f, WIRE_V_WHOAMI);
        assert_true(is_done(f, 1700));
        assert_int_equal(revision(f), before + 1); /* written down */
        assert_true(is_done(f, 1700));
        assert_int_equal(revision(f), before + 1);

        person(f, "frank", 1701);
        assert_true(is_refused(f, 1701, "uid-mismatch"));
        ask(f, WIRE_V_STATUS);
        assert_true(is_done(f, 1701));
        ask_member(f, WIRE_V_MEMBER_ADD, "acme", "frank", -1);
        assert_true(is_refused(f, PERSON_ALICE, "uid-mismatch"));
        ask(f, WIRE_V_PAT_CREATE);
        set_text(f, WIRE_F_NAME, "x");
        set_text(f, WIRE_F_USER, "frank");
        assert_true(is_refused(f, 0, "uid-mismatch"));
        ask_user(f, WIRE_V_USER_REASSIGN, "frank");
        assert_true(is_done(f, 0));
        ask_org(f, WIRE_V_MEMBER_LIST, "acme");
        assert_true(is_done(f, 1701));
        ask_user(f, WIRE_V_USER_REASSIGN, "frank");
        before = revision(f);
        assert_true(is_done(f, 0));
        assert_int_equal(revision(f), before);
        ask_user(f, WIRE_V_USER_REASSIGN, "ghost");
        assert_true(is_refused(f, 0, "not-found"));
}

static void test_user_suspend_and_remove(void **state)
{
        struct manage_fixture *f = *state;
        char id[TOKEN_KEY_ID_SIZE];
        struct record_token token;
        int64_t pat;

        make_org(f, "acme");
        make_member(f, "acme", "alice", ROLE_ADMIN);
        pat = make_pat(f, PERSON_ALICE, "laptop", 0, id);
        ask_user(f, WIRE_V_USER_SUSPEND, "alice");
        assert_true(is_done(f, 0));
        assert_int_equal(wire_number(answer(f), WIRE_F_COUNT, -1), 1);
        ask(f, WIRE_V_PAT_LIST);
        assert_true(is_refused(f, PERSON_ALICE, "suspended"));
        ask(f, WIRE_V_WHOAMI);
        assert_true(is_done(f, PERSON_ALICE));
        assert_int_equal(wire_number(row(f, 0), WIRE_F_SUSPENDED, -1), 1);
        ask(f, WIRE_V_PAT_CREATE);
        set_text(f, WIRE_F_NAME, "x");
        set_text(f, WIRE_F_USER, "alice");
        assert_true(is_refused(f, 0, "suspended"));
        ask_user(f, WIRE_V_USER_RESUME, "alice");
        assert_true(is_done(f, 0));
        ask(f, WIRE_V_PAT_LIST);
        assert_true(is_done(f, PERSON_ALICE));

        /* Root may remove the last admin of an org. */
        ask_user(f, WIRE_V_USER_REMOVE, "alice");
        set_number(f, WIRE_F_DRY_RUN, 1);
        assert_true(is_done(f, 0));
        assert_int_equal(wire_number(answer(f), WIRE_F_COUNT, -1), 1);
        ask_user(f, WIRE_V_USER_REMOVE, "alice");
        assert_true(is_done(f, 0));
        assert_true(f->reply.changed_rights);
        fixture_find_token(f->store, pat, &token);
        assert_string_equal(token.end_reason, "user-removed");
        assert_true(is_refused(f, 0, "not-found"));
        ask_org(f, WIRE_V_ORG_SHOW, "acme");
        assert_true(is_refused(f, PERSON_ALICE, "not-found"));
        /* The name again: somebody new. */
        (void)make_pat(f, PERSON_ALICE, "laptop", 0, id);
        ask(f, WIRE_V_PAT_LIST);
        assert_true(is_done(f, PERSON_ALICE));
        assert_int_equal(row_count(f), 1);
}

static void test_bind(void **state)
{
        struct manage_fixture *f = *state;

        make_org(f, "acme");
        make_org(f, "globex");
        person(f, "toor", 0);
        person(f, "twin-a", 3000);
        person(f, "twin-b", 3000);
        ask_account(f, WIRE_V_ACCOUNT_BIND, "acme", "root");
        assert_true(is_refused(f, 0, "root-account"));
        person(f, "root", -1); /* by its name alone, too */
        assert_true(is_refused(f, 0, "root-account"));
        person(f, "root", 0);
        person(f, "just-system", 999);
        person(f, "just-not", 1000);
        ask_account(f, WIRE_V_ACCOUNT_BIND, "acme", "just-system");
        assert_true(is_refused(f, 0, "system-account"));
        ask_account(f, WIRE_V_ACCOUNT_BIND, "globex", "just-not");
        assert_true(is_done(f, 0));
        ask_account(f, WIRE_V_ACCOUNT_BIND, "acme", "toor");
        set_number(f, WIRE_F_ALLOW_SYSTEM, 1);
        assert_true(is_refused(f, 0, "root-account"));
        ask_account(f, WIRE_V_ACCOUNT_BIND, "acme", "twin-a");
        assert_true(is_refused(f, 0, "shared-uid"));
        ask_account(f, WIRE_V_ACCOUNT_BIND, "acme", "postgres");
        assert_true(is_refused(f, 0, "system-account"));
        set_number(f, WIRE_F_ALLOW_SYSTEM, 1);
        assert_true(is_done(f, 0));
        ask_account(f, WIRE_V_ACCOUNT_BIND, "acme", "pgrole"); /* no account of the host */
        set_list(f, WIRE_F_LIMIT_SERVICE, "postgresql");
        set_number(f, WIRE_F_ROLE, ROLE_ADMIN);
        assert_true(is_done(f, 0));
        ask_account(f, WIRE_V_ACCOUNT_BIND, "acme", "pgrole");
        set_list(f, WIRE_F_LIMIT_SERVICE, "su su");
        assert_true(is_refused(f, 0, "bad-service"));
        ask_account(f, WIRE_V_ACCOUNT_BIND, "acme", "pgrole");
        set_number(f, WIRE_F_ROLE, 7);
        assert_true(is_refused(f, 0, "bad-role"));
        set_number(f, WIRE_F_ROLE, 0);
        assert_true(is_refused(f, 0, "bad-role"));
        ask_account(f, WIRE_V_ACCOUNT_BIND, "globex", "pgrole");
        assert_true(is_done(f, 0));
        /* Again: services and role are what this request says. */
        ask_account(f, WIRE_V_ACCOUNT_BIND, "acme", "pgrole");
        assert_true(is_done(f, 0));
        ask_org(f, WIRE_V_ACCOUNT_LIST, "acme");
        assert_true(is_done(f, 0));
        assert_int_equal(row_count(f), 2);
        assert_false(wire_has(row(f, 0), WIRE_F_LIMIT_SERVICE));
        assert_false(wire_has(row(f, 0), WIRE_F_ROLE));
}

static void test_unbind_and_release(void **state)
{
        struct manage_fixture *f = *state;

        make_org(f, "acme");
        make_org(f, "globex");
        ask_account(f, WIRE_V_ACCOUNT_UNBIND, "acme", "acme-deploy");
        assert_true(is_refused(f, 0, "not-found"));
        bind_account(f, "acme", "acme-deploy");
        bind_account(f, "globex", "acme-deploy");
        ask(f, WIRE_V_ACCOUNT_RELEASE);
        set_text(f, WIRE_F_ACCOUNT, "acme-deploy");
        assert_true(is_refused(f, 0, "still-bound"));
        ask_account(f, WIRE_V_ACCOUNT_UNBIND, "acme", "acme-deploy");
        assert_true(is_done(f, 0));
        assert_true(f->reply.changed_rights);
        ask(f, WIRE_V_ACCOUNT_RELEASE);
        set_text(f, WIRE_F_ACCOUNT, "acme-deploy");
        assert_true(is_refused(f, 0, "still-bound"));
        ask_account(f, WIRE_V_ACCOUNT_UNBIND, "globex", "acme-deploy");
        assert_true(is_done(f, 0));
        /* Unbound, and still nobody's user. */
        ask_member(f, WIRE_V_MEMBER_ADD, "acme", "acme-deploy", -1);
        assert_true(is_refused(f, 0, "is-account"));
        ask(f, WIRE_V_GUARDED_LIST);
        assert_true(is_done(f, 0));
        assert_int_equal(row_count(f), 1);
        assert_false(wire_has(row(f, 0), WIRE_F_ORG));
        ask(f, WIRE_V_ACCOUNT_RELEASE);
        set_text(f, WIRE_F_ACCOUNT, "acme-deploy");
        assert_true(is_done(f, 0));
        assert_true(is_refused(f, 0, "not-found"));
        ask_member(f, WIRE_V_MEMBER_ADD, "acme", "acme-deploy", -1);
        assert_true(is_done(f, 0));
}

/* A bound account is nobody's user: each of the verbs refuses the other. */
static void test_account_or_user(void **state)
{
        struct manage_fixture *f = *state;
        char id[TOKEN_KEY_ID_SIZE];

        make_org(f, "acme");
        make_member(f, "acme", "alice", ROLE_ADMIN);
        (void)make_pat(f, PERSON_BOB, "laptop", 3600, id);
        ask_account(f, WIRE_V_ACCOUNT_BIND, "acme", "alice");
        assert_true(is_refused(f, 0, "is-user"));
        ask_account(f, WIRE_V_ACCOUNT_BIND, "acme", "bob");
        assert_true(is_refused(f, 0, "is-user"));
        /* Only a live token makes a user of it, and then the expired one cannot be brought back. */
        f->now += 4000;
        assert_true(is_done(f, 0));
        ask(f, WIRE_V_ROTATE);
        set_text(f, WIRE_F_KEY_ID, id);
        assert_true(is_refused(f, PERSON_BOB, "is-account"));
        ask(f, WIRE_V_PAT_CREATE);
        set_text(f, WIRE_F_NAME, "x");
        assert_true(is_refused(f, PERSON_BOB, "is-account"));
        set_text(f, WIRE_F_USER, "bob");
        assert_true(is_refused(f, 0, "is-account"));
        ask_member(f, WIRE_V_MEMBER_ADD, "acme", "bob", -1);
        assert_true(is_refused(f, PERSON_ALICE, "is-account"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_org_create),
                TEST(test_org_names),
                TEST(test_org_suggestion),
                TEST(test_org_show_and_set),
                TEST(test_policy_values),
                TEST(test_org_suspend),
                TEST(test_org_delete),
                TEST(test_members),
                TEST(test_last_admin),
                TEST(test_user_names),
                TEST(test_uid_of_a_user),
                TEST(test_user_suspend_and_remove),
                TEST(test_bind),
                TEST(test_unbind_and_release),
                TEST(test_account_or_user),
        };

        return cmocka_run_group_tests_name("manage-org", tests, NULL, NULL);
}
