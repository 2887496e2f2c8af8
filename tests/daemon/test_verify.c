/*
 * The decision, case by case: what goes with a verdict, boundaries, seals, and a store that fails. All
 * combinations of the conditions are in test_verify_table.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/limits.h"
#include "daemon/resolve.h"
#include "daemon/verify.h"
#include "tests/support/world.h"

#define NOW   WORLD_NOW
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* acme and globex; alice, a member of both; deploy bound to acme. */
struct scene {
        struct world *w;
        int64_t acme, globex, alice, bob;
        struct world_token pat, key;
};

static int setup(void **state)
{
        static struct scene s;

        s.w = world_new();
        s.acme = world_org(s.w, "acme");
        s.globex = world_org(s.w, "globex");
        s.alice = world_user(s.w, "alice");
        s.bob = world_user(s.w, "bob");
        world_member(s.w, s.acme, s.alice, ROLE_MEMBER);
        world_member(s.w, s.globex, s.alice, ROLE_ADMIN);
        world_bind(s.w, "deploy", s.acme, ROLE_NONE, NULL);
        s.pat = world_pat(s.w, s.alice);
        s.key = world_key(s.w, s.acme);
        *state = &s;
        return 0;
}

static int teardown(void **state)
{
        struct scene *s = *state;

        s->w = world_free(s->w);
        return 0;
}

/* alice's own login, org by suffix. */
static struct verify_input own(const struct scene *s)
{
        return (struct verify_input){.token = world_type(&s->pat, "@acme"),
                                     .account = VIEW("alice"),
                                     .service = VIEW("sshd")};
}

/* alice becomes deploy. */
static struct verify_input elevation(const struct scene *s)
{
        struct verify_input in = own(s);

        in.account = VIEW("deploy");
        in.actor = VIEW("alice");
        in.service = VIEW("su");
        return in;
}

static struct verify_input by_key(const struct scene *s)
{
        return (struct verify_input){.token = world_type(&s->key, ""),
                                     .account = VIEW("deploy"),
                                     .service = VIEW("sshd"),
                                     .source = VIEW("10.0.0.7")};
}

static struct verify_output decide_at(const struct scene *s, const struct verify_input *in,
                                      int64_t now)
{
        struct verify_output out;

        memset(&out, 0x5a, sizeof(out));
        assert_int_equal(verify_token(&s->w->sealed, in, now, NULL, &out), 0);
        return out;
}

static struct verify_output decide(const struct scene *s, const struct verify_input *in)
{
        return decide_at(s, in, NOW);
}

static void expect_at(const struct scene *s, const struct verify_input *in, int64_t now,
                      enum verdict verdict, const char *reason)
{
        struct verify_output out = decide_at(s, in, now);

        assert_string_equal(verdict_to_string(out.verdict), verdict_to_string(verdict));
        assert_string_equal(out.reason, reason);
}

static void expect(const struct scene *s, const struct verify_input *in, enum verdict verdict,
                   const char *reason)
{
        expect_at(s, in, NOW, verdict, reason);
}

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
                {NULL, true, true},    {"", true, true},      {"alice", true, true},
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

/* ---- ends ---- */

static void test_expiry_boundary(void **state)
{
        struct scene *s = *state;
        struct record_token t = world_template(TOKEN_PAT, s->alice);
        struct verify_input in = own(s);
        struct world_token token;
        struct verify_output out;

        t.expires_at = NOW;
        token = world_token(s->w, &t);
        in.token = world_type(&token, "@acme");
        expect_at(s, &in, NOW - 1, VERDICT_ALLOW, "");
        expect_at(s, &in, NOW, VERDICT_EXPIRED, "expired");
        expect_at(s, &in, NOW + 1, VERDICT_EXPIRED, "expired");
        out = decide(s, &in);
        assert_int_equal(out.ended_at, NOW);
        assert_string_equal(out.ended_reason, "expired");
        assert_int_equal(out.expires_at, NOW);
        assert_int_equal(decide_at(s, &in, NOW - 1).expires_at, NOW);
        assert_int_equal(decide_at(s, &in, NOW - 1).ended_at, 0);
}

/* SECURITY: CLK. Odd expiries under odd clocks: expired where now >= expires_at, and only there. */
static void test_odd_expiries(void **state)
{
        static const int64_t times[] = {INT64_MIN,     -1,  0, 1, INT64_C(2147483647),
                                        INT64_C(2147483648), INT64_C(4294967296),
                                        INT64_C(9007199254740993), EXPIRY_MAX, NOW};
        struct scene *s = *state;

        for (size_t e = 0; e < COUNT(times); e++) {
                struct record_token t = world_template(TOKEN_PAT, s->alice);
                struct verify_input in = own(s);
                struct world_token token;

                t.expires_at = times[e];
                token = world_token(s->w, &t);
                in.token = world_type(&token, "@acme");
                for (size_t n = 0; n < COUNT(times); n++)
                        expect_at(s, &in, times[n],
                                  times[n] >= times[e] ? VERDICT_EXPIRED : VERDICT_ALLOW,
                                  times[n] >= times[e] ? "expired" : "");
        }
        /* Never is never, whatever the clock. */
        struct verify_input in = own(s);
        for (size_t n = 0; n < COUNT(times); n++)
                expect_at(s, &in, times[n], VERDICT_ALLOW, "");
        expect_at(s, &in, INT64_MAX, VERDICT_ALLOW, "");
}

static void test_revoked(void **state)
{
        struct scene *s = *state;
        struct verify_input in = own(s), wrong = own(s);
        struct verify_output out;

        world_revoke(s->w, s->pat.id, "org-deleted");
        out = decide(s, &in);
        assert_int_equal(out.verdict, VERDICT_REVOKED);
        assert_string_equal(out.reason, "revoked");
        assert_string_equal(out.ended_reason, "org-deleted");
        assert_int_equal(out.ended_at, NOW - 5);
        assert_int_equal(out.org_id, 0);
        /* Flags turned back change nothing: the mac is what says so. */
        memory_store_token(s->w->reader, s->pat.id)->revoked_at = 0;
        assert_int_equal(decide(s, &in).verdict, VERDICT_REVOKED);
        s->pat.text[40] ^= 1;
        wrong.token = world_type(&s->pat, "@acme");
        assert_int_equal(decide(s, &wrong).verdict, VERDICT_MALFORMED);
}

static void test_rotated(void **state)
{
        struct scene *s = *state;
        struct verify_input in = own(s);
        struct verify_output out;

        world_rotate(s->w, s->pat.id, NOW + 10);
        out = decide(s, &in);
        assert_int_equal(out.verdict, VERDICT_ALLOW);
        assert_int_equal(out.expires_at, NOW + 10);
        expect_at(s, &in, NOW + 9, VERDICT_ALLOW, "");
        out = decide_at(s, &in, NOW + 10);
        assert_int_equal(out.verdict, VERDICT_REVOKED);
        assert_string_equal(out.reason, "rotated");
        assert_string_equal(out.ended_reason, "rotated");
        assert_int_equal(out.ended_at, NOW + 10);
}

/* ---- policies ---- */

static void expect_end(const struct scene *s, const struct verify_input *in, int64_t end,
                       enum verdict verdict, const char *reason)
{
        assert_int_equal(decide_at(s, in, end - 1).verdict, VERDICT_ALLOW);
        assert_int_equal(decide_at(s, in, end - 1).expires_at, end);
        expect_at(s, in, end, verdict, reason);
}

static void test_host_policy(void **state)
{
        struct scene *s = *state;
        struct verify_input in = own(s), key = by_key(s);
        struct policy p = world_free_policy;
        int64_t made = NOW - EXPIRY_DAY;

        p.max_life = 30 * EXPIRY_DAY;
        world_host_policy(s->w, p);
        expect_end(s, &in, made + 30 * EXPIRY_DAY, VERDICT_EXPIRED, "host-max-life");
        expect_end(s, &key, made + 30 * EXPIRY_DAY, VERDICT_EXPIRED, "host-max-life");
        /* It bounds tokens without expiry too, whether or not new ones may be made. */
        p.never_ok = false;
        world_host_policy(s->w, p);
        expect_end(s, &in, made + 30 * EXPIRY_DAY, VERDICT_EXPIRED, "host-max-life");
        p.max_life = 0;
        world_host_policy(s->w, p);
        expect(s, &in, VERDICT_EXPIRED, "host-no-never");
        assert_int_equal(decide(s, &in).ended_at, made);
        /* Also where the clock says that it is not made yet. */
        expect_at(s, &in, made - 100, VERDICT_EXPIRED, "host-no-never");
        p.never_ok = true;
        p.max_life = INT64_MAX;
        world_host_policy(s->w, p);
        expect(s, &in, VERDICT_ALLOW, "");
        p.max_life = -1;
        world_host_policy(s->w, p);
        expect(s, &in, VERDICT_EXPIRED, "host-max-life");
}

static void test_policy_and_expiry(void **state)
{
        struct scene *s = *state;
        struct record_token t = world_template(TOKEN_PAT, s->alice);
        struct policy p = world_free_policy;
        struct verify_input in = own(s);
        struct world_token token;

        /* The earlier of the two; a token with an expiry is none without. */
        t.expires_at = NOW + 50;
        token = world_token(s->w, &t);
        in.token = world_type(&token, "@acme");
        p.never_ok = false;
        world_host_policy(s->w, p);
        expect_end(s, &in, NOW + 50, VERDICT_EXPIRED, "expired");
        p.max_life = EXPIRY_DAY + 20;
        world_host_policy(s->w, p);
        expect_end(s, &in, NOW + 20, VERDICT_EXPIRED, "host-max-life");
}

static void test_unused(void **state)
{
        struct scene *s = *state;
        struct record_last_use use = {.token_id = s->pat.id, .at = NOW};
        struct policy p = world_free_policy;
        struct verify_input in = own(s);

        p.max_unused = 10 * EXPIRY_DAY;
        world_host_policy(s->w, p);
        expect_end(s, &in, NOW + 9 * EXPIRY_DAY, VERDICT_EXPIRED, "host-max-unused");
        assert_int_equal(store_put_last_use(s->w->sealed.writer, &use), 0);
        expect_end(s, &in, NOW + 10 * EXPIRY_DAY, VERDICT_EXPIRED, "host-max-unused");
        /* Used, but not written yet. */
        in.noted_use = NOW + EXPIRY_DAY;
        expect_end(s, &in, NOW + 11 * EXPIRY_DAY, VERDICT_EXPIRED, "host-max-unused");
        in.noted_use = NOW - EXPIRY_DAY;
        expect_end(s, &in, NOW + 10 * EXPIRY_DAY, VERDICT_EXPIRED, "host-max-unused");
}

static void test_org_policy(void **state)
{
        struct scene *s = *state;
        struct verify_input in = own(s), there = own(s), key = by_key(s);
        struct policy p = {.never_ok = true, .max_life = 30 * EXPIRY_DAY};
        int64_t end = NOW + 29 * EXPIRY_DAY;

        there.token = world_type(&s->pat, "@globex");
        world_org_policy(s->w, s->acme, p);
        /* A key ends by it; a PAT is only no longer good for that org. */
        expect_end(s, &key, end, VERDICT_EXPIRED, "org-max-life");
        expect_end(s, &in, end, VERDICT_LIMITED, "org-max-life");
        expect_at(s, &there, end, VERDICT_ALLOW, "");
        p = (struct policy){.never_ok = true, .max_unused = 5 * EXPIRY_DAY};
        world_org_policy(s->w, s->acme, p);
        expect_end(s, &key, NOW + 4 * EXPIRY_DAY, VERDICT_EXPIRED, "org-max-unused");
        expect_end(s, &in, NOW + 4 * EXPIRY_DAY, VERDICT_LIMITED, "org-max-unused");
        p = (struct policy){.never_ok = false};
        world_org_policy(s->w, s->acme, p);
        expect(s, &key, VERDICT_EXPIRED, "org-no-never");
        expect(s, &in, VERDICT_LIMITED, "org-no-never");
        expect(s, &there, VERDICT_ALLOW, "");
}

/* ---- secrets ---- */

static void test_malformed(void **state)
{
        static const char *const texts[] = {"", "password", "pat_", "ak_0123456789.x"};
        struct scene *s = *state;
        struct verify_input in = own(s);
        unsigned before = s->w->reader->lookups;

        for (size_t i = 0; i < COUNT(texts); i++) {
                in.token = view_of(texts[i]);
                expect(s, &in, VERDICT_MALFORMED, "malformed");
        }
        in.token = world_type(&s->pat, "@");
        expect(s, &in, VERDICT_MALFORMED, "malformed");
        in.token = VIEW_ABSENT;
        expect(s, &in, VERDICT_MALFORMED, "malformed");
        assert_int_equal(s->w->reader->lookups, before);
}

/* The same characters behind the other prefix, with a checksum of their own. */
static struct view with(const struct world_token *t, enum token_kind kind, int64_t id, int change)
{
        static char text[TOKEN_TEXT_MAX + 1];
        char random[TOKEN_RANDOM_LEN];
        struct token parsed;

        assert_int_equal(token_parse(view_of(t->text), &parsed), 0);
        memcpy(random, parsed.secret.ptr, sizeof(random));
        if (change >= 0)
                random[change] = random[change] == 'x' ? 'y' : 'x';
        token_format(kind, id, random, text);
        return view_of(text);
}

static void test_wrong_secret(void **state)
{
        struct scene *s = *state;
        struct verify_input in = own(s);
        struct verify_output out;

        in.org_option = VIEW("acme");
        for (int i = 0; i < TOKEN_RANDOM_LEN; i++) {
                in.token = with(&s->pat, TOKEN_PAT, s->pat.id, i);
                expect(s, &in, VERDICT_UNKNOWN, "wrong-secret");
        }
        in.token = with(&s->pat, TOKEN_PAT, s->key.id, -1);
        expect(s, &in, VERDICT_UNKNOWN, "wrong-kind");
        in.token = with(&s->pat, TOKEN_AK, s->pat.id, -1);
        expect(s, &in, VERDICT_UNKNOWN, "wrong-kind");
        in.token = with(&s->pat, TOKEN_PAT, s->pat.id + 1, -1);
        out = decide(s, &in);
        assert_int_equal(out.verdict, VERDICT_UNKNOWN);
        assert_string_equal(out.reason, "no-such-id");
        assert_int_equal(out.token_id, -1);
        assert_string_equal(out.user, "");
        assert_string_equal(out.org, "");
        assert_int_equal(strlen(out.key_id), 4 + 6);
        in.token = with(&s->pat, TOKEN_PAT, s->pat.id, -1);
        expect(s, &in, VERDICT_ALLOW, "");
}

/* A row made with the secret as typed behind one prefix is no token behind the other. */
static void test_right_secret_of_the_other_kind(void **state)
{
        struct scene *s = *state;
        struct record_token row = world_template(TOKEN_AK, s->acme);
        struct verify_input in = by_key(s);
        struct token parsed;

        row.id = s->pat.id + 2;
        in.token = with(&s->pat, TOKEN_PAT, row.id, -1);
        assert_int_equal(token_parse(in.token, &parsed), 0);
        assert_int_equal(sealed_insert_token(&s->w->sealed, &row, parsed.secret), 0);
        expect(s, &in, VERDICT_UNKNOWN, "wrong-kind");
}

static void test_unknown_costs_the_same_lookups(void **state)
{
        struct scene *s = *state;
        struct verify_input in = own(s);
        unsigned known, before = s->w->reader->lookups;

        in.token = with(&s->pat, TOKEN_PAT, s->pat.id, 3);
        expect(s, &in, VERDICT_UNKNOWN, "wrong-secret");
        known = s->w->reader->lookups - before;
        in.token = with(&s->pat, TOKEN_PAT, s->pat.id + 1, 3);
        expect(s, &in, VERDICT_UNKNOWN, "no-such-id");
        assert_int_equal(s->w->reader->lookups - before, 2 * known);
}

/* ---- rows that somebody else wrote ---- */

/* Runs a case once with each byte-flip that `damage` makes; every one must be no answer. */
static void expect_broken(const struct scene *s, const struct verify_input *in, void *byte)
{
        struct verify_output out = {.verdict = (enum verdict)99};
        unsigned char *p = byte;

        *p ^= 1;
        assert_int_equal(verify_token(&s->w->sealed, in, NOW, NULL, &out), -EBADMSG);
        assert_int_equal(out.verdict, 99);
        *p ^= 1;
        assert_int_equal(verify_token(&s->w->sealed, in, NOW, NULL, &out), 0);
        assert_int_equal(out.verdict, VERDICT_ALLOW);
}

static void test_bad_seals(void **state)
{
        struct scene *s = *state;
        struct verify_input a = own(s), b = elevation(s), key = by_key(s);
        struct store_reader *r = s->w->reader;
        struct record_org *org = memory_store_row(r, MEMORY_ORG, 0);
        struct record_user *user = memory_store_row(r, MEMORY_USER, 0);
        struct record_member *member = memory_store_row(r, MEMORY_MEMBER, 0);
        struct record_account *account = memory_store_row(r, MEMORY_ACCOUNT, 0);
        struct record_guarded *guarded;
        struct record_token *token;

        expect_broken(s, &a, &org->suspended);
        expect_broken(s, &a, &org->policy.max_life);
        expect_broken(s, &key, org->mac);
        expect_broken(s, &key, &org->created_at);
        expect_broken(s, &a, &user->suspended);
        expect_broken(s, &a, user->name);
        expect_broken(s, &a, &member->created_at);
        expect_broken(s, &b, member->mac);
        expect_broken(s, &b, &account->role);
        expect_broken(s, &key, account->mac);
        expect_broken(s, &key, &r->host.max_life);
        expect_broken(s, &a, &r->host_mac[31]);
        /* Own account: whether it is guarded is asked, so a guard row counts. */
        world_bind(s->w, "alice", s->acme, ROLE_NONE, NULL);
        guarded = memory_store_row(r, MEMORY_GUARDED, 1);
        expect_broken(s, &a, &guarded->since);
        world_rotate(s->w, s->pat.id, NOW + 10);
        token = memory_store_token(r, s->pat.id);
        expect_broken(s, &a, &token->ends_at);
        expect_broken(s, &a, &token->end_mac[5]);
        expect_broken(s, &a, &token->key_fingerprint);
}

/* What a row claims stands under its mac: edited, the right secret fits no more. */
static void test_edited_claims(void **state)
{
        struct scene *s = *state;
        struct verify_input in = own(s);
        struct record_token *t = memory_store_token(s->w->reader, s->pat.id);
        struct record_token good = *t;

        t->expires_at--;
        expect(s, &in, VERDICT_UNKNOWN, "wrong-secret");
        *t = good;
        t->owner = s->bob;
        expect(s, &in, VERDICT_UNKNOWN, "wrong-secret");
        *t = good;
        t->created_at++;
        expect(s, &in, VERDICT_UNKNOWN, "wrong-secret");
        *t = good;
        t->mac[0] ^= 1;
        expect(s, &in, VERDICT_UNKNOWN, "wrong-secret");
        *t = good;
        (void)snprintf(t->name, sizeof(t->name), "renamed");
        expect(s, &in, VERDICT_ALLOW, "");
}

/* Rows with good seals in places where they do not belong: an index bent by hand. */
static void test_rows_in_wrong_places(void **state)
{
        struct scene *s = *state;
        struct record_account deploy = *(struct record_account *)memory_store_row(
                s->w->reader, MEMORY_ACCOUNT, 0);
        struct resolve_bindings found;
        struct record_account ret;

        /* Wrong limits under a right seal: unusable, and not "any service". */
        deploy.services.len = 3;
        assert_int_equal(sealed_put_account(&s->w->sealed, &deploy), 0);
        assert_int_equal(resolve_find_bindings(&s->w->sealed, VIEW("deploy"), VIEW("su"), &found),
                         -EBADMSG);
        assert_int_equal(resolve_find_binding(&s->w->sealed, VIEW("deploy"), s->acme, VIEW("su"),
                                              &ret),
                         -EBADMSG);
        s->w->reader->misplace = true;
        deploy.services.len = 0;
        assert_int_equal(sealed_put_account(&s->w->sealed, &deploy), 0);
        assert_int_equal(resolve_find_bindings(&s->w->sealed, VIEW("other"), VIEW("su"), &found),
                         -EBADMSG);
        assert_int_equal(resolve_find_binding(&s->w->sealed, VIEW("other"), s->acme, VIEW("su"),
                                              &ret),
                         -EBADMSG);
        assert_int_equal(resolve_find_binding(&s->w->sealed, VIEW("deploy"), s->globex, VIEW("su"),
                                              &ret),
                         -EBADMSG);
}

/* ---- a store that fails ---- */

/* Each look-up in turn fails; each time there is no answer, and never a verdict. */
static unsigned fail_each(const struct scene *s, const struct verify_input *in, bool again)
{
        static const int errors[] = {-EIO, -EUCLEAN, -EBUSY, -ENOMEM, -EBADMSG};
        struct verify_output out;
        unsigned before = s->w->reader->lookups, all;

        assert_int_equal(verify_token(&s->w->sealed, in, NOW, NULL, &out), 0);
        all = s->w->reader->lookups - before;
        for (unsigned nth = 1; nth <= all; nth++)
                for (size_t e = 0; e < COUNT(errors); e++) {
                        int r;

                        memset(&out, 0, sizeof(out));
                        memory_store_fail(s->w->reader, nth, errors[e]);
                        r = again ? verify_again(&s->w->sealed, s->pat.id, in, NOW, NULL, &out)
                                  : verify_token(&s->w->sealed, in, NOW, NULL, &out);
                        memory_store_fail(s->w->reader, 0, 0);
                        assert_int_equal(r, errors[e]);
                        assert_int_equal(out.verdict, 0);
                }
        return all;
}

static void test_failing_store(void **state)
{
        struct scene *s = *state;
        struct verify_input a = own(s), b = elevation(s), key = by_key(s), again = elevation(s);

        assert_true(fail_each(s, &a, false) >= 8);
        assert_true(fail_each(s, &b, false) >= 8);
        assert_true(fail_each(s, &key, false) >= 6);
        again.org_option = VIEW("acme");
        assert_true(fail_each(s, &again, true) >= 8);
}

/* ---- again, without the secret ---- */

static void test_again(void **state)
{
        struct scene *s = *state;
        struct verify_input in = elevation(s);
        struct verify_output out;

        in.token = VIEW_ABSENT;
        assert_int_equal(verify_again(&s->w->sealed, s->pat.id, &in, NOW, NULL, &out), 0);
        assert_int_equal(out.verdict, VERDICT_ALLOW);
        assert_string_equal(out.org_named_by, "account");
        assert_int_equal(out.token_id, s->pat.id);
        assert_int_equal(out.kind, TOKEN_PAT);
        in.org_option = VIEW("globex");
        assert_int_equal(verify_again(&s->w->sealed, s->pat.id, &in, NOW, NULL, &out), 0);
        assert_int_equal(out.verdict, VERDICT_ORG_MISMATCH);
        assert_int_equal(verify_again(&s->w->sealed, s->pat.id + 1, &in, NOW, NULL, &out), 0);
        assert_int_equal(out.verdict, VERDICT_UNKNOWN);
        assert_int_equal(out.token_id, -1);
        memory_store_token(s->w->reader, s->pat.id)->owner = s->bob;
        assert_int_equal(verify_again(&s->w->sealed, s->pat.id, &in, NOW, NULL, &out), -EBADMSG);
        memory_store_token(s->w->reader, s->pat.id)->owner = s->alice;
        world_revoke(s->w, s->pat.id, "revoked");
        assert_int_equal(verify_again(&s->w->sealed, s->pat.id, &in, NOW, NULL, &out), 0);
        assert_int_equal(out.verdict, VERDICT_REVOKED);
}

/* ---- the trace ---- */

static void test_trace(void **state)
{
        struct scene *s = *state;
        struct verify_input in = elevation(s);
        struct verify_trace trace = {.count = 0};
        struct verify_output out;

        assert_int_equal(verify_token(&s->w->sealed, &in, NOW, &trace, &out), 0);
        assert_int_equal(trace.count, 6);
        assert_non_null(strstr(trace.step[0], out.key_id));
        assert_string_equal(trace.step[1], "it belongs to the user alice");
        assert_string_equal(trace.step[2], "it is live; its end: never");
        assert_string_equal(trace.step[3], "the organisation is acme, named by: suffix");
        assert_string_equal(trace.step[4], "alice is member of acme");
        assert_string_equal(trace.step[5], "deploy is bound to the organisation");
        in.actor = VIEW("bo\x1b");
        trace.count = 0;
        assert_int_equal(verify_token(&s->w->sealed, &in, NOW, &trace, &out), 0);
        assert_string_equal(trace.step[5],
                            "the one acting is bo\\x1b, and the token is that of alice");
        /* A full trace takes no more, and does no harm. */
        trace.count = WIRE_LIST_MAX - 1;
        assert_int_equal(verify_token(&s->w->sealed, &in, NOW, &trace, &out), 0);
        assert_int_equal(trace.count, WIRE_LIST_MAX);
        in = own(s);
        trace.count = 0;
        assert_int_equal(verify_token(&s->w->sealed, &in, NOW, &trace, &out), 0);
        assert_string_equal(trace.step[5], "alice is the user's own account");
}

/* ---- states for lists ---- */

static void expect_state(const struct scene *s, int64_t id, int64_t now, enum wire_state state,
                         int64_t end, const char *reason)
{
        const struct record_token *t = memory_store_token(s->w->reader, id);
        enum wire_state got;
        int64_t got_end;
        const char *got_reason;

        assert_int_equal(verify_token_state(&s->w->sealed, t, now, &got, &got_end, &got_reason), 0);
        assert_int_equal(got, state);
        assert_int_equal(got_end, end);
        assert_string_equal(got_reason, reason);
}

static void test_states(void **state)
{
        struct scene *s = *state;
        struct policy p = world_free_policy;
        struct record_token t = world_template(TOKEN_AK, 99);
        struct world_token orphan = world_token(s->w, &t);

        expect_state(s, s->pat.id, NOW, WIRE_STATE_LIVE, EXPIRY_NEVER, "");
        expect_state(s, orphan.id, NOW, WIRE_STATE_LIVE, EXPIRY_NEVER, "");
        world_rotate(s->w, s->pat.id, NOW + 10);
        expect_state(s, s->pat.id, NOW + 9, WIRE_STATE_LIVE, NOW + 10, "rotated");
        expect_state(s, s->pat.id, NOW + 10, WIRE_STATE_REVOKED, NOW + 10, "rotated");
        world_revoke(s->w, s->pat.id, "revoked");
        expect_state(s, s->pat.id, NOW, WIRE_STATE_REVOKED, NOW - 5, "revoked");
        p.max_life = 2 * EXPIRY_DAY;
        world_host_policy(s->w, p);
        expect_state(s, s->key.id, NOW, WIRE_STATE_LIVE, NOW + EXPIRY_DAY, "host-max-life");
        expect_state(s, s->key.id, NOW + EXPIRY_DAY, WIRE_STATE_EXPIRED, NOW + EXPIRY_DAY,
                     "host-max-life");
        world_org_policy(s->w, s->acme, (struct policy){.never_ok = true, .max_unused = EXPIRY_DAY});
        expect_state(s, s->key.id, NOW, WIRE_STATE_EXPIRED, NOW, "org-max-unused");
}

static void test_states_of_a_failing_store(void **state)
{
        struct scene *s = *state;
        const struct record_token t = *memory_store_token(s->w->reader, s->key.id);
        enum wire_state got = (enum wire_state)77;
        const char *reason;
        int64_t end;

        for (unsigned nth = 1; nth <= 3; nth++) {
                memory_store_fail(s->w->reader, nth, -EIO);
                assert_int_equal(verify_token_state(&s->w->sealed, &t, NOW, &got, &end, &reason),
                                 -EIO);
                assert_int_equal(got, 77);
        }
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

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
                CASE(test_expiry_boundary),
                CASE(test_odd_expiries),
                CASE(test_revoked),
                CASE(test_rotated),
                CASE(test_host_policy),
                CASE(test_policy_and_expiry),
                CASE(test_unused),
                CASE(test_org_policy),
                CASE(test_malformed),
                CASE(test_wrong_secret),
                CASE(test_right_secret_of_the_other_kind),
                CASE(test_unknown_costs_the_same_lookups),
                CASE(test_bad_seals),
                CASE(test_edited_claims),
                CASE(test_rows_in_wrong_places),
                CASE(test_failing_store),
                CASE(test_again),
                CASE(test_trace),
                CASE(test_states),
                CASE(test_states_of_a_failing_store),
        };

        return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
