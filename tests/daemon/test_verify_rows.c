/*
 * The decision and its rows: the secret, seals that do not hold, a store that fails, deciding again
 * without the secret, and the trace.
 */
#include "tests/daemon/verify_scene.h"

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
        assert_true(out.expires_at == EXPIRY_NEVER);
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
        /* A binding to another org takes part in naming the org. */
        world_bind(s->w, "deploy", s->globex, ROLE_NONE, NULL);
        account = memory_store_row(r, MEMORY_ACCOUNT, 1);
        expect_broken(s, &b, &account->created_at);
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
        struct record_account deploy =
                *(struct record_account *)memory_store_row(s->w->reader, MEMORY_ACCOUNT, 0);
        struct resolve_bindings found;
        struct record_account ret;

        /* Wrong limits under a right seal: unusable, and not "any service". */
        deploy.services.len = 3;
        assert_int_equal(sealed_put_account(&s->w->sealed, &deploy), 0);
        assert_int_equal(resolve_find_bindings(&s->w->sealed, VIEW("deploy"), VIEW("su"), &found),
                         -EBADMSG);
        assert_int_equal(
                resolve_find_binding(&s->w->sealed, VIEW("deploy"), s->acme, VIEW("su"), &ret),
                -EBADMSG);
        s->w->reader->misplace = 1u << MEMORY_ACCOUNT;
        deploy.services.len = 0;
        assert_int_equal(sealed_put_account(&s->w->sealed, &deploy), 0);
        assert_int_equal(resolve_find_bindings(&s->w->sealed, VIEW("other"), VIEW("su"), &found),
                         -EBADMSG);
        assert_int_equal(
                resolve_find_binding(&s->w->sealed, VIEW("other"), s->acme, VIEW("su"), &ret),
                -EBADMSG);
        assert_int_equal(
                resolve_find_binding(&s->w->sealed, VIEW("deploy"), s->globex, VIEW("su"), &ret),
                -EBADMSG);
}

/* Not allowed as things are; and with rows of that table in the wrong place, no answer. */
static void expect_misplaced(const struct scene *s, const struct verify_input *in,
                             enum memory_kind kind)
{
        struct verify_output out;

        assert_int_not_equal(decide(s, in).verdict, VERDICT_ALLOW);
        s->w->reader->misplace = 1u << kind;
        assert_int_equal(verify_token(&s->w->sealed, in, NOW, NULL, &out), -EBADMSG);
        s->w->reader->misplace = 0;
}

static void test_misplaced_members_and_orgs(void **state)
{
        struct scene *s = *state;
        struct world_token pat = world_pat(s->w, s->bob);
        struct verify_input in = own(s);

        /* bob is no member of acme, and alice's membership must not do for him. */
        in.account = VIEW("bob");
        in.token = world_type(&pat, "@acme");
        expect_misplaced(s, &in, MEMORY_MEMBER);
        /* Nor hers in acme for globex, whatever stands in the place of globex. */
        in = own(s);
        (void)store_delete_member(s->w->sealed.writer, s->globex, s->alice);
        in.token = world_type(&s->pat, "@globex");
        expect_misplaced(s, &in, MEMORY_MEMBER);
        expect_misplaced(s, &in, MEMORY_ORG);
        in.token = world_type(&s->pat, "@nosuch");
        expect_misplaced(s, &in, MEMORY_ORG);
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
        assert_string_equal(out.reason, "no-such-id");
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

static void expect_last_step(const struct scene *s, const struct verify_input *in, int64_t now,
                             unsigned count, const char *sentence)
{
        struct verify_trace trace = {.count = 0};
        struct verify_output out;

        assert_int_equal(verify_token(&s->w->sealed, in, now, &trace, &out), 0);
        assert_int_equal(trace.count, count);
        assert_string_equal(trace.step[count - 1], sentence);
}

static void test_trace_of_ends(void **state)
{
        struct scene *s = *state;
        struct verify_input in = own(s), key = by_key(s);
        struct policy p = world_free_policy;

        expect_last_step(s, &key, NOW, 4, "deploy is bound to the organisation");
        world_org_policy(s->w, s->acme, (struct policy){.never_ok = true, .max_life = EXPIRY_DAY});
        expect_last_step(s, &in, NOW, 7,
                         "by the policy of acme it ended there at 2027-01-15T08:00:00Z "
                         "(org-max-life)");
        p.max_life = EXPIRY_DAY;
        world_host_policy(s->w, p);
        expect_last_step(
                s, &in, NOW, 3,
                "by the policy of this host it ended at 2027-01-15T08:00:00Z (host-max-life)");
        world_rotate(s->w, s->pat.id, NOW);
        memory_store_token(s->w->reader, s->pat.id)->successor = -1;
        expect_last_step(s, &in, NOW, 2,
                         "another token took its place and it ended at 2027-01-15T08:00:00Z");
        world_revoke(s->w, s->pat.id, "org-deleted");
        expect_last_step(s, &in, NOW, 2, "it was revoked at 2027-01-15T07:59:55Z (org-deleted)");
}

/* A conflict is explained by everything that names an org, and by whom. */
static void test_trace_of_sources(void **state)
{
        struct scene *s = *state;
        struct verify_input in = elevation(s), key = by_key(s);
        struct verify_trace trace = {.count = 0};
        struct verify_output out;

        in.org_option = VIEW("globex");
        in.org_answer = VIEW("initech");
        assert_int_equal(verify_token(&s->w->sealed, &in, NOW, &trace, &out), 0);
        assert_string_equal(out.reason, "org-conflict");
        assert_int_equal(trace.count, 8);
        assert_string_equal(trace.step[3], "different organisations are named");
        assert_string_equal(trace.step[4], "the suffix of the token names acme");
        assert_string_equal(trace.step[5], "the stack names globex");
        assert_string_equal(trace.step[6], "the account is bound to acme");
        assert_string_equal(trace.step[7], "the prompt was answered with initech");
        key.org_option = VIEW("globex");
        trace.count = 0;
        assert_int_equal(verify_token(&s->w->sealed, &key, NOW, &trace, &out), 0);
        assert_string_equal(trace.step[3], "the key is of acme");
        in = own(s);
        in.token = world_type(&s->pat, "@nope");
        expect_last_step(s, &in, NOW, 5, "the suffix of the token names nope");
}

static void test_trace_of_services(void **state)
{
        struct scene *s = *state;
        struct verify_input in = by_key(s);
        struct record_token template = world_template(TOKEN_AK, s->acme);
        struct world_token key;

        world_bind(s->w, "db", s->acme, ROLE_NONE, "postgresql");
        in.account = VIEW("db");
        expect_last_step(s, &in, NOW, 5, "its services: postgresql");
        in.account = VIEW("nobody-bound");
        in.service = VIEW("");
        expect_last_step(s, &in, NOW, 4,
                         "the account nobody-bound is not bound to acme for the service (none is "
                         "named)");
        template.limits = world_limit(WIRE_F_LIMIT_SOURCE, "10.0.0.0/8", NULL);
        key = world_token(s->w, &template);
        in = by_key(s);
        in.token = world_type(&key, "");
        in.source = VIEW("");
        expect_last_step(s, &in, NOW, 6, "its networks: 10.0.0.0/8");
}

static void test_trace_of_successor(void **state)
{
        struct scene *s = *state;
        struct verify_input in = own(s);
        struct verify_trace trace = {.count = 0};
        struct verify_output out;

        world_rotate(s->w, s->pat.id, NOW);
        memory_store_token(s->w->reader, s->pat.id)->successor = s->key.id;
        assert_int_equal(verify_token(&s->w->sealed, &in, NOW, &trace, &out), 0);
        assert_int_equal(trace.count, 3);
        assert_memory_equal(trace.step[2], "its successor is pat_", 21);
        world_revoke(s->w, s->pat.id, "rotated");
        trace.count = 0;
        assert_int_equal(verify_token(&s->w->sealed, &in, NOW, &trace, &out), 0);
        assert_string_equal(out.reason, "revoked");
        assert_memory_equal(trace.step[2], "its successor is pat_", 21);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(test_malformed),
                CASE(test_wrong_secret),
                CASE(test_right_secret_of_the_other_kind),
                CASE(test_unknown_costs_the_same_lookups),
                CASE(test_bad_seals),
                CASE(test_edited_claims),
                CASE(test_rows_in_wrong_places),
                CASE(test_misplaced_members_and_orgs),
                CASE(test_failing_store),
                CASE(test_again),
                CASE(test_trace),
                CASE(test_trace_of_ends),
                CASE(test_trace_of_sources),
                CASE(test_trace_of_services),
                CASE(test_trace_of_successor),
        };

        return cmocka_run_group_tests_name("verify rows", tests, NULL, NULL);
}
