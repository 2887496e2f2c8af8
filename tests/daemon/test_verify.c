/*
 * The decision, case by case: who may become whom, in which org, within which limits. All
 * combinations of the conditions are in test_verify_table.c.
 */
#include "tests/daemon/verify_scene.h"

/* ---- what goes with an answer ---- */

static void test_own_login(void **state)
{
        struct scene *s = *state;
        struct verify_input in = own(s);
        struct verify_output out = decide(s, &in);
        char key_id[TOKEN_KEY_ID_SIZE];

        token_key_id(TOKEN_PAT, s->pat.id, 6, key_id);
        assert_int_equal(out.verdict, VERDICT_ALLOW);
        assert_string_equal(out.reason, "");
        assert_int_equal(out.token_id, s->pat.id);
        assert_int_equal(out.kind, TOKEN_PAT);
        assert_string_equal(out.key_id, key_id);
        assert_int_equal(out.org_id, s->acme);
        assert_string_equal(out.org, "acme");
        assert_string_equal(out.org_named_by, "suffix");
        assert_string_equal(out.user, "alice");
        assert_true(out.expires_at == EXPIRY_NEVER);
        assert_int_equal(out.ended_at, 0);
        assert_string_equal(out.ended_reason, "");
        assert_false(out.elevation);
}

static void test_elevation(void **state)
{
        struct scene *s = *state;
        struct verify_input in = elevation(s);
        struct verify_output out = decide(s, &in);

        assert_int_equal(out.verdict, VERDICT_ALLOW);
        assert_true(out.elevation);
        assert_string_equal(out.user, "alice");
}

static void test_key_login(void **state)
{
        struct scene *s = *state;
        struct verify_input in = by_key(s);
        struct verify_output out = decide(s, &in);

        assert_int_equal(out.verdict, VERDICT_ALLOW);
        assert_int_equal(out.kind, TOKEN_AK);
        assert_string_equal(out.org, "acme");
        assert_string_equal(out.org_named_by, "key");
        assert_string_equal(out.user, "");
        assert_false(out.elevation);
        in.token = world_type(&s->key, "@acme");
        expect(s, &in, VERDICT_ALLOW, "");
        in.token = world_type(&s->key, "@globex");
        expect(s, &in, VERDICT_ORG_MISMATCH, "org-conflict");
}

static void test_key_id_length(void **state)
{
        struct scene *s = *state;
        struct verify_input in = own(s);
        struct world_token other;
        struct verify_output out;

        /* The next token's id differs in the last character alone. */
        s->w->next_token = s->pat.id + 1 - INT64_C(9876543210123);
        other = world_pat(s->w, s->bob);
        assert_int_equal(other.id, s->pat.id + 1);
        out = decide(s, &in);
        assert_int_equal(strlen(out.key_id), 4 + TOKEN_ID_LEN);
        /* For an unknown one nothing is said of how many there are. */
        in.token = world_type(&(struct world_token){.kind = TOKEN_PAT}, "");
        out = decide(s, &in);
        assert_int_equal(out.verdict, VERDICT_MALFORMED);
        assert_string_equal(out.key_id, "");
}

/* ---- every way to name the org ---- */

static void test_org_sources(void **state)
{
        struct scene *s = *state;
        struct verify_input in = own(s);
        struct verify_output out;

        in.token = world_type(&s->pat, "");
        expect(s, &in, VERDICT_ORG_REQUIRED, "no-org-named");
        in.org_option = VIEW("acme");
        out = decide(s, &in);
        assert_string_equal(out.org_named_by, "option");
        in.org_option = VIEW_ABSENT;
        in.org_answer = VIEW("acme");
        out = decide(s, &in);
        assert_string_equal(out.org_named_by, "prompt");
        in.org_answer = VIEW("");
        in.org_option = VIEW("");
        expect(s, &in, VERDICT_ORG_REQUIRED, "no-org-named");
        in.account = VIEW("deploy");
        out = decide(s, &in);
        assert_int_equal(out.verdict, VERDICT_ALLOW);
        assert_string_equal(out.org_named_by, "account");
}

static void test_org_conflicts(void **state)
{
        struct scene *s = *state;
        struct verify_input in = elevation(s);

        in.org_option = VIEW("acme");
        in.org_answer = VIEW("acme");
        expect(s, &in, VERDICT_ALLOW, "");
        in.org_answer = VIEW("globex");
        expect(s, &in, VERDICT_ORG_MISMATCH, "org-conflict");
        in.org_answer = VIEW_ABSENT;
        in.org_option = VIEW("nosuch");
        expect(s, &in, VERDICT_ORG_MISMATCH, "org-conflict");
        /* deploy is acme's: its binding speaks as well. */
        in.token = world_type(&s->pat, "@globex");
        in.org_option = VIEW_ABSENT;
        expect(s, &in, VERDICT_ORG_MISMATCH, "org-conflict");
        in.token = world_type(&s->pat, "@nosuch");
        expect(s, &in, VERDICT_ORG_MISMATCH, "no-such-org");
        in.token = world_type(&s->pat, "");
        in.org_option = VIEW("Not An Org");
        expect(s, &in, VERDICT_ORG_MISMATCH, "no-such-org");
        /* A first conflict is not made good by what follows. */
        in.org_option = VIEW("globex");
        in.account = VIEW("alice");
        in.token = world_type(&s->pat, "@acme");
        in.org_answer = VIEW("acme");
        expect(s, &in, VERDICT_ORG_MISMATCH, "org-conflict");
}

static void test_binding_as_source(void **state)
{
        struct scene *s = *state;
        struct verify_input in = elevation(s);

        in.token = world_type(&s->pat, "");
        /* For another service it names nothing. */
        world_bind(s->w, "night", s->acme, ROLE_NONE, "cron");
        in.account = VIEW("night");
        expect(s, &in, VERDICT_ORG_REQUIRED, "no-org-named");
        /* Two for this service name nothing either, but each can be chosen. */
        world_bind(s->w, "shared", s->acme, ROLE_NONE, NULL);
        world_bind(s->w, "shared", s->globex, ROLE_NONE, "su");
        in.account = VIEW("shared");
        expect(s, &in, VERDICT_ORG_REQUIRED, "no-org-named");
        in.org_option = VIEW("globex");
        expect(s, &in, VERDICT_ALLOW, "");
        in.org_option = VIEW("acme");
        expect(s, &in, VERDICT_ALLOW, "");
        /* One for this service: it is the one. */
        in.org_option = VIEW_ABSENT;
        in.service = VIEW("su-l");
        expect(s, &in, VERDICT_ALLOW, "");
        in.org_option = VIEW("globex");
        expect(s, &in, VERDICT_ORG_MISMATCH, "org-conflict");
}

/* Others may use the account here, and the org named may use it elsewhere. */
static void test_binding_for_another_service(void **state)
{
        struct scene *s = *state;
        struct verify_input in = elevation(s), key = by_key(s);
        int64_t initech = world_org(s->w, "initech");

        world_bind(s->w, "shared", s->acme, ROLE_NONE, "cron");
        world_bind(s->w, "shared", s->globex, ROLE_NONE, NULL);
        world_bind(s->w, "shared", initech, ROLE_NONE, NULL);
        in.account = key.account = VIEW("shared");
        expect(s, &in, VERDICT_ACCOUNT_DENIED, "account-not-bound");
        expect(s, &key, VERDICT_ACCOUNT_DENIED, "account-not-bound");
}

static void test_deleted_and_suspended_org(void **state)
{
        struct scene *s = *state;
        struct verify_input in = own(s), key = by_key(s), bound = elevation(s);
        int64_t again;

        world_suspend_org(s->w, s->acme);
        expect(s, &in, VERDICT_NOT_MEMBER, "org-suspended");
        expect(s, &key, VERDICT_NOT_MEMBER, "org-suspended");
        world_delete_org(s->w, s->acme);
        expect(s, &in, VERDICT_ORG_MISMATCH, "no-such-org");
        expect(s, &key, VERDICT_ORG_MISMATCH, "no-such-org");
        bound.token = world_type(&s->pat, "");
        expect(s, &bound, VERDICT_ORG_MISMATCH, "no-such-org");
        /* The name in other hands is another org: neither key nor membership goes with it. */
        again = world_org(s->w, "acme");
        assert_true(again != s->acme);
        expect(s, &key, VERDICT_ORG_MISMATCH, "no-such-org");
        expect(s, &in, VERDICT_NOT_MEMBER, "not-a-member");
}

static void test_missing_owner(void **state)
{
        struct scene *s = *state;
        struct verify_input in = own(s), key = by_key(s), expired = own(s);
        struct record_token t = world_template(TOKEN_PAT, 99);
        struct world_token lost = world_token(s->w, &t);
        struct verify_output out;

        in.token = world_type(&lost, "@acme");
        out = decide(s, &in);
        assert_int_equal(out.verdict, VERDICT_NOT_MEMBER);
        assert_string_equal(out.reason, "user-removed");
        assert_string_equal(out.user, "");
        t.kind = TOKEN_AK;
        lost = world_token(s->w, &t);
        key.token = world_type(&lost, "");
        expect(s, &key, VERDICT_ORG_MISMATCH, "no-such-org");
        t.expires_at = NOW;
        lost = world_token(s->w, &t);
        expired.token = world_type(&lost, "");
        expect(s, &expired, VERDICT_EXPIRED, "expired");
}

/* ---- members and roles ---- */

static void test_role_orderings(void **state)
{
        struct scene *s = *state;

        for (int has = ROLE_NONE; has <= ROLE_ADMIN; has++)
                for (int stack = ROLE_NONE; stack <= ROLE_ADMIN; stack++)
                        for (int account = ROLE_NONE; account <= ROLE_ADMIN; account++) {
                                struct verify_input in = elevation(s);
                                int need = stack > account ? stack : account;

                                world_member(s->w, s->acme, s->alice, (enum role)has);
                                world_bind(s->w, "deploy", s->acme, (enum role)account, NULL);
                                in.role = (enum role)stack;
                                /* A member row without a role makes nobody a member. */
                                if (has >= need && has >= ROLE_MEMBER)
                                        expect(s, &in, VERDICT_ALLOW, "");
                                else
                                        expect(s, &in, VERDICT_NOT_MEMBER, "role-too-low");
                        }
}

static void test_keys_have_no_role(void **state)
{
        struct scene *s = *state;
        struct verify_input in = by_key(s);

        in.role = ROLE_MEMBER;
        expect(s, &in, VERDICT_NOT_MEMBER, "key-has-no-role");
        in.role = ROLE_NONE;
        world_bind(s->w, "deploy", s->acme, ROLE_MEMBER, NULL);
        expect(s, &in, VERDICT_NOT_MEMBER, "key-has-no-role");
        /* A role on a binding for another service is nobody's business here. */
        world_bind(s->w, "deploy", s->acme, ROLE_ADMIN, "cron");
        expect(s, &in, VERDICT_ACCOUNT_DENIED, "account-not-bound");
}

static void test_not_a_member(void **state)
{
        struct scene *s = *state;
        struct verify_input in = own(s);

        (void)store_delete_member(s->w->sealed.writer, s->acme, s->alice);
        expect(s, &in, VERDICT_NOT_MEMBER, "not-a-member");
        in.token = world_type(&s->pat, "@globex");
        expect(s, &in, VERDICT_ALLOW, "");
}

static void test_suspended_and_removed_user(void **state)
{
        struct scene *s = *state;
        struct verify_input in = own(s), key = by_key(s);

        world_suspend_user(s->w, s->alice);
        expect(s, &in, VERDICT_NOT_MEMBER, "user-suspended");
        world_remove_user(s->w, s->alice);
        expect(s, &in, VERDICT_NOT_MEMBER, "user-removed");
        expect(s, &key, VERDICT_ALLOW, "");
}

/* ---- accounts and actors ---- */

static void test_accounts(void **state)
{
        struct scene *s = *state;
        struct verify_input in = own(s), key = by_key(s);

        in.account = VIEW("bob");
        expect(s, &in, VERDICT_ACCOUNT_DENIED, "account-not-bound");
        in.account = VIEW("Alice");
        expect(s, &in, VERDICT_ACCOUNT_DENIED, "account-not-bound");
        in.account = VIEW("alic");
        expect(s, &in, VERDICT_ACCOUNT_DENIED, "account-not-bound");
        in.account = VIEW("");
        expect(s, &in, VERDICT_ACCOUNT_DENIED, "no-account");
        in.account = VIEW_ABSENT;
        expect(s, &in, VERDICT_ACCOUNT_DENIED, "no-account");
        key.account = VIEW_ABSENT;
        expect(s, &key, VERDICT_ACCOUNT_DENIED, "no-account");
        key.account = VIEW("alice");
        expect(s, &key, VERDICT_ACCOUNT_DENIED, "account-not-bound");
}

static void test_actor(void **state)
{
        static const struct {
                const char *actor;
                bool own, other;
        } cases[] = {
                {NULL, true, true},    {"", true, true},       {"alice", true, true},
                {"bob", false, false}, {"root", false, false}, {"deploy", false, true},
        };
        struct scene *s = *state;

        for (size_t i = 0; i < COUNT(cases); i++) {
                struct verify_input a = own(s), b = elevation(s), key = by_key(s);

                a.actor = b.actor = key.actor = view_of(cases[i].actor);
                expect(s, &a, cases[i].own ? VERDICT_ALLOW : VERDICT_ACCOUNT_DENIED,
                       cases[i].own ? "" : "wrong-actor");
                expect(s, &b, cases[i].other ? VERDICT_ALLOW : VERDICT_ACCOUNT_DENIED,
                       cases[i].other ? "" : "wrong-actor");
                expect(s, &key, VERDICT_ALLOW, "");
        }
}

static void test_bound_only(void **state)
{
        struct scene *s = *state;
        struct verify_input a = own(s), b = elevation(s), key = by_key(s);

        a.bound_only = b.bound_only = key.bound_only = true;
        expect(s, &a, VERDICT_ACCOUNT_DENIED, "bound-only");
        expect(s, &b, VERDICT_ALLOW, "");
        expect(s, &key, VERDICT_ALLOW, "");
}

/* Management refuses to make such a pair. Where it is there, only the binding counts. */
static void test_user_with_the_name_of_an_account(void **state)
{
        struct scene *s = *state;
        struct verify_input in = own(s);

        world_guard(s->w, "alice");
        expect(s, &in, VERDICT_ACCOUNT_DENIED, "account-not-bound");
        world_bind(s->w, "alice", s->acme, ROLE_ADMIN, NULL);
        expect(s, &in, VERDICT_NOT_MEMBER, "role-too-low");
        world_bind(s->w, "alice", s->acme, ROLE_NONE, NULL);
        expect(s, &in, VERDICT_ALLOW, "");
        assert_true(decide(s, &in).elevation);
        /* The binding guards on its own, whatever became of the other row. */
        assert_int_equal(store_delete_guarded(s->w->sealed.writer, VIEW("alice")), 0);
        in.token = world_type(&s->pat, "@globex");
        expect(s, &in, VERDICT_ORG_MISMATCH, "org-conflict");
        world_bind(s->w, "alice", s->acme, ROLE_NONE, "cron");
        assert_int_equal(store_delete_guarded(s->w->sealed.writer, VIEW("alice")), 0);
        expect(s, &in, VERDICT_ACCOUNT_DENIED, "account-not-bound");
}

static void test_services_of_a_binding(void **state)
{
        static const char *const services[] = {"su", "su-l", "sudo", "s", "SU", ""};
        struct scene *s = *state;

        world_bind(s->w, "deploy", s->acme, ROLE_NONE, "su");
        for (size_t i = 0; i < COUNT(services); i++) {
                struct verify_input in = elevation(s), key = by_key(s);

                in.service = key.service = view_of(services[i]);
                expect(s, &in, i == 0 ? VERDICT_ALLOW : VERDICT_ACCOUNT_DENIED,
                       i == 0 ? "" : "account-not-bound");
                expect(s, &key, i == 0 ? VERDICT_ALLOW : VERDICT_ACCOUNT_DENIED,
                       i == 0 ? "" : "account-not-bound");
        }
}

/* ---- limits ---- */

static void test_limits(void **state)
{
        static const struct {
                enum wire_field field;
                const char *limit, *reason;
        } cases[] = {
                {WIRE_F_LIMIT_SERVICE, "su", "limit-service"},
                {WIRE_F_LIMIT_SOURCE, "10.0.0.0/8", "limit-source"},
                {WIRE_F_LIMIT_ACCOUNT, "deploy", "limit-account"},
        };
        struct scene *s = *state;

        for (size_t i = 0; i < COUNT(cases); i++) {
                struct record_token t = world_template(TOKEN_PAT, s->alice);
                struct verify_input in = elevation(s), no = own(s);
                struct world_token token;

                t.limits = world_limit(cases[i].field, cases[i].limit, NULL);
                token = world_token(s->w, &t);
                in.token = no.token = world_type(&token, "@acme");
                in.source = VIEW("::ffff:10.9.8.7");
                expect(s, &in, VERDICT_ALLOW, "");
                no.source = VIEW("192.0.2.1");
                expect(s, &no, VERDICT_LIMITED, cases[i].reason);
                no.source = VIEW_ABSENT;
                expect(s, &no, VERDICT_LIMITED, cases[i].reason);
                no.source = VIEW("localhost");
                expect(s, &no, VERDICT_LIMITED, cases[i].reason);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(test_own_login),
                CASE(test_elevation),
                CASE(test_key_login),
                CASE(test_key_id_length),
                CASE(test_org_sources),
                CASE(test_org_conflicts),
                CASE(test_binding_as_source),
                CASE(test_binding_for_another_service),
                CASE(test_deleted_and_suspended_org),
                CASE(test_missing_owner),
                CASE(test_role_orderings),
                CASE(test_keys_have_no_role),
                CASE(test_not_a_member),
                CASE(test_suspended_and_removed_user),
                CASE(test_accounts),
                CASE(test_actor),
                CASE(test_bound_only),
                CASE(test_user_with_the_name_of_an_account),
                CASE(test_services_of_a_binding),
                CASE(test_limits),
        };

        return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
