/*
 * What `check` is told of a decision, sentence by sentence, and that asking for it changes nothing:
 * not the verdict, and not what a store that cannot be read comes to.
 */
#include "tests/daemon/verify_scene.h"

/* Decides twice, told and not told: the same. Gives the trace. */
static const struct verify_trace *trace(const struct scene *s, const struct verify_input *in,
                                        enum verdict verdict)
{
        static struct verify_trace t;
        struct verify_output out, untold = decide(s, in);

        t.count = 0;
        assert_int_equal(verify_token(&s->w->sealed, in, NOW, &t, &out), 0);
        assert_int_equal(out.verdict, verdict);
        assert_int_equal(untold.verdict, verdict);
        assert_string_equal(untold.reason, out.reason);
        return &t;
}

/* The last sentences, in order. */
static void expect_end(const struct verify_trace *t, const char *const *sentences, unsigned count)
{
        assert_true(t->count >= count);
        for (unsigned i = 0; i < count; i++)
                assert_string_equal(t->step[t->count - count + i], sentences[i]);
}

#define EXPECT_END(trace, ...)                                                                     \
        expect_end(trace, (const char *const[]){__VA_ARGS__},                                      \
                   sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static struct world_token limited(const struct scene *s, enum wire_field field, const char *first,
                                  const char *second)
{
        struct record_token t = world_template(TOKEN_PAT, s->alice);

        t.limits = world_limit(field, first, second);
        return world_token(s->w, &t);
}

static void test_limits(void **state)
{
        const struct scene *s = *state;
        struct verify_input in = own(s);
        struct world_token token = limited(s, WIRE_F_LIMIT_SERVICE, "cron", NULL);

        in.source = VIEW("192.0.2.1");
        in.token = world_type(&token, "@acme");
        EXPECT_END(trace(s, &in, VERDICT_LIMITED), "the token is not for the service sshd",
                   "its services: cron");
        in.service = VIEW_ABSENT;
        EXPECT_END(trace(s, &in, VERDICT_LIMITED),
                   "the token is not for the service (none is named)", "its services: cron");
        in.service = VIEW("sshd");
        token = limited(s, WIRE_F_LIMIT_SERVICE, "cron", "su");
        in.token = world_type(&token, "@acme");
        EXPECT_END(trace(s, &in, VERDICT_LIMITED), "the token is not for the service sshd",
                   "its services: cron, su");
        token = limited(s, WIRE_F_LIMIT_SOURCE, "10.0.0.0/8", "2001:db8::/32");
        in.token = world_type(&token, "@acme");
        EXPECT_END(trace(s, &in, VERDICT_LIMITED), "the token is not for the source 192.0.2.1",
                   "its networks: 10.0.0.0/8, 2001:db8::/32");
        token = limited(s, WIRE_F_LIMIT_ACCOUNT, "deploy", NULL);
        in.token = world_type(&token, "@acme");
        EXPECT_END(trace(s, &in, VERDICT_LIMITED), "the token is not for the account alice",
                   "its accounts: deploy");
}

/* More than a sentence holds: as much as there is room for, and dots. */
static void test_many_limits(void **state)
{
        const struct scene *s = *state;
        struct record_token t = world_template(TOKEN_PAT, s->alice);
        struct verify_input in = own(s);
        struct world_token token;
        struct wire_message m;
        const char *told;
        char entry[12][32];
        enum limits_kind kind;
        struct view bad;

        memset(&m, 0, sizeof(m));
        for (int i = 0; i < 12; i++) {
                (void)snprintf(entry[i], sizeof(entry[i]), "service-number-%02d-of-many", i);
                assert_int_equal(wire_put_list(&m, WIRE_F_LIMIT_SERVICE, view_of(entry[i])), 0);
        }
        assert_int_equal(limits_from_request(&m, &t.limits, &bad, &kind), 0);
        token = world_token(s->w, &t);
        in.token = world_type(&token, "@acme");
        told = trace(s, &in, VERDICT_LIMITED)->step[trace(s, &in, VERDICT_LIMITED)->count - 1];
        assert_int_equal(strncmp(told, "its services: service-number-00-of-many, service-number-01",
                                 strlen("its services: service-number-00-of-many, service")),
                         0);
        assert_string_equal(told + strlen(told) - 3, "...");
        assert_int_equal(strlen(told), strlen("its services: ") + 159 + 3);
}

static void test_sources(void **state)
{
        const struct scene *s = *state;
        struct verify_input in = own(s);

        in.account = VIEW("deploy");
        in.actor = VIEW("alice");
        in.token = world_type(&s->pat, "@globex");
        in.org_option = VIEW("acme");
        in.org_answer = VIEW("ini\ntech");
        EXPECT_END(trace(s, &in, VERDICT_ORG_MISMATCH), "different organisations are named",
                   "the suffix of the token names globex", "the stack names acme",
                   "the account is bound to acme", "the prompt was answered with ini\\x0atech");
        in = by_key(s);
        in.org_option = VIEW("globex");
        in.account = VIEW("alice");
        EXPECT_END(trace(s, &in, VERDICT_ORG_MISMATCH), "different organisations are named",
                   "the key is of acme", "the stack names globex");
}

/* The row of the org that the account is bound to is gone: nothing is told of it, and no more. */
static void test_source_gone(void **state)
{
        const struct scene *s = *state;
        struct verify_input in = elevation(s);
        struct record_org *org = memory_store_row(s->w->reader, MEMORY_ORG, 0);

        assert_int_equal(org->id, s->acme);
        org->id = 4711;
        in.token = world_type(&s->pat, "@globex");
        in.org_option = VIEW("acme");
        EXPECT_END(trace(s, &in, VERDICT_ORG_MISMATCH), "different organisations are named",
                   "the suffix of the token names globex", "the stack names acme");
}

static bool is_not(void *hidden, int64_t org_id)
{
        return org_id != *(const int64_t *)hidden;
}

/* What is told to somebody who may not see one org; the verdict is the same. */
static void expect_told(const struct scene *s, const char *suffix, int64_t hidden,
                        const char *sentence, const char *org)
{
        struct verify_trace t = {.may_name = is_not, .context = &hidden};
        struct verify_input in = elevation(s);
        struct verify_output out, plain;
        bool told = false;

        in.token = world_type(&s->pat, suffix);
        plain = decide(s, &in);
        assert_int_equal(verify_token(&s->w->sealed, &in, NOW, &t, &out), 0);
        assert_int_equal(out.verdict, plain.verdict);
        assert_string_equal(out.org, org);
        for (unsigned i = 0; i < t.count; i++)
                told |= strcmp(t.step[i], sentence) == 0;
        assert_true(told);
}

/* Only where nobody but the account names it: what the asker named is theirs to hear. */
static void test_hidden_org(void **state)
{
        const struct scene *s = *state;

        expect_told(s, "", s->acme, "the organisation is another organisation, named by: account",
                    "");
        expect_told(s, "", s->globex, "the organisation is acme, named by: account", "acme");
        expect_told(s, "@acme", s->acme, "the organisation is acme, named by: suffix", "acme");
        expect_told(s, "@globex", s->acme, "the account is bound to another organisation", "");
        expect_told(s, "@globex", s->globex, "the account is bound to acme", "");
}

static const char *last_step(const struct verify_trace *t)
{
        return t->step[t->count - 1];
}

static void test_whose_policy(void **state)
{
        const struct scene *s = *state;
        struct record_token t = world_template(TOKEN_AK, s->acme);
        struct verify_input in = by_key(s);
        struct world_token token;

        t.expires_at = NOW - 1;
        token = world_token(s->w, &t);
        in.token = world_type(&token, "");
        assert_int_equal(strncmp(last_step(trace(s, &in, VERDICT_EXPIRED)), "it ended at ", 12), 0);
        in = by_key(s);
        world_org_policy(s->w, s->acme, (struct policy){.max_life = 1, .never_ok = true});
        assert_int_equal(strncmp(last_step(trace(s, &in, VERDICT_EXPIRED)),
                                 "by the policy of acme it ended at ", 34),
                         0);
        world_org_policy(s->w, s->acme, world_free_policy);
        world_host_policy(s->w, (struct policy){.max_life = 1, .never_ok = true});
        assert_int_equal(strncmp(last_step(trace(s, &in, VERDICT_EXPIRED)),
                                 "by the policy of this host it ended at ", 39),
                         0);
}

/* Made anew each time: world_type() has room for four. */
static struct verify_input make_input(const struct scene *s, unsigned which,
                                      const struct world_token *rotated)
{
        struct verify_input in = which == 2 || which == 5   ? by_key(s)
                                 : which == 1 || which == 3 ? elevation(s)
                                                            : own(s);

        if (which == 3)
                in.org_option = VIEW("globex");
        if (which == 4)
                in.token = world_type(rotated, "@acme");
        if (which == 5)
                in.account = VIEW("nosuch");
        return in;
}

/* A look-up that fails, each in turn, with and without a trace: no decision, whatever was asked. */
static void test_every_lookup_fails(void **state)
{
        const struct scene *s = *state;
        struct world_token next = world_pat(s->w, s->alice), old = world_pat(s->w, s->alice);
        const struct policy unused = {.never_ok = true, .max_unused = 1000 * EXPIRY_DAY};

        world_rotate(s->w, old.id, NOW - 5);
        memory_store_token(s->w->reader, old.id)->successor = next.id;
        for (unsigned i = 0; i < 36; i++) {
                struct verify_input in = make_input(s, i / 2 % 6, &old);
                struct verify_output out, clean;
                struct verify_trace t = {.count = 0};
                unsigned n = 0, lookups;
                int r;

                /* The last use is looked up where a policy asks for it: the host's, the org's. */
                world_host_policy(s->w, i / 12 == 1 ? unused : world_free_policy);
                world_org_policy(s->w, s->acme, i / 12 == 2 ? unused : world_free_policy);
                clean = decide(s, &in);
                lookups = s->w->reader->lookups;
                assert_int_equal(verify_token(&s->w->sealed, &in, NOW, i % 2 ? &t : NULL, &out), 0);
                lookups = s->w->reader->lookups - lookups;
                do {
                        t.count = 0;
                        memory_store_fail(s->w->reader, ++n, -EIO);
                        r = verify_token(&s->w->sealed, &in, NOW, i % 2 ? &t : NULL, &out);
                } while (r == -EIO);
                memory_store_fail(s->w->reader, 0, 0);
                assert_int_equal(r, 0);
                assert_int_equal(out.verdict, clean.verdict);
                assert_int_equal(n, lookups + 1);
        }
}

static unsigned count_lookups(const struct scene *s, const struct verify_input *in, int64_t again,
                              enum verdict expected)
{
        unsigned before = s->w->reader->lookups;
        struct verify_output out;

        if (again < 0)
                assert_int_equal(verify_token(&s->w->sealed, in, NOW, NULL, &out), 0);
        else
                assert_int_equal(verify_again(&s->w->sealed, again, in, NOW, NULL, &out), 0);
        assert_int_equal(out.verdict, expected);
        return s->w->reader->lookups - before;
}

/* While the store is in one state, only a token that is presented is looked up again; in another
   state everything is. The answer is the same. */
static void test_rows_kept(void **state)
{
        const struct scene *s = *state;
        struct verify_input in[] = {own(s), by_key(s), elevation(s)};
        const int64_t ids[] = {s->pat.id, s->key.id, s->pat.id};

        assert_int_equal(rowcache_new(&s->w->sealed.rows), 0);
        for (size_t i = 0; i < COUNT(in); i++) {
                unsigned all = count_lookups(s, &in[i], -1, VERDICT_ALLOW);

                assert_true(all > 4);
                assert_int_equal(count_lookups(s, &in[i], -1, VERDICT_ALLOW), all);
                s->w->reader->state++;
                assert_int_equal(count_lookups(s, &in[i], -1, VERDICT_ALLOW), all);
                assert_int_equal(count_lookups(s, &in[i], -1, VERDICT_ALLOW), 1);
                in[i].org_option = VIEW("acme");
                (void)count_lookups(s, &in[i], ids[i], VERDICT_ALLOW);
                assert_int_equal(count_lookups(s, &in[i], ids[i], VERDICT_ALLOW), 0);
                s->w->reader->state++;
                assert_true(count_lookups(s, &in[i], ids[i], VERDICT_ALLOW) > 4);
                s->w->reader->state = 0;
        }
        /* Of an account that is bound, another service is another question. */
        s->w->reader->state = 9;
        (void)count_lookups(s, &in[1], -1, VERDICT_ALLOW);
        in[1].service = VIEW("su");
        assert_true(count_lookups(s, &in[1], -1, VERDICT_ALLOW) > 1);
        s->w->sealed.rows = rowcache_free(s->w->sealed.rows);
}

static void test_no_such_org(void **state)
{
        const struct scene *s = *state;
        const struct resolve_sources sources = {.suffix = VIEW("nosuch")};
        enum resolve_result result = RESOLVE_FOUND;
        struct record_org org;
        const char *named_by;

        assert_int_equal(resolve_org(&s->w->sealed, &sources, &result, &org, &named_by), 0);
        assert_int_equal(result, RESOLVE_NO_SUCH);
}

/* The same for the state that lists show. */
static void test_state_lookups_fail(void **state)
{
        const struct scene *s = *state;
        const struct world_token *tokens[] = {&s->pat, &s->key};
        const char *reason;
        enum wire_state shown;
        int64_t end;

        for (size_t i = 0; i < 4; i++) {
                const struct record_token *t = memory_store_token(s->w->reader, tokens[i % 2]->id);
                unsigned n = 0;
                int r;

                /* With a policy that asks for it the last use is read as well. */
                world_host_policy(s->w, (struct policy){.never_ok = true,
                                                        .max_unused = i < 2 ? 0 : EXPIRY_MAX});
                do {
                        memory_store_fail(s->w->reader, ++n, -EIO);
                        r = verify_token_state(&s->w->sealed, t, NOW, &shown, &end, &reason);
                } while (r == -EIO);
                memory_store_fail(s->w->reader, 0, 0);
                assert_int_equal(r, 0);
                assert_int_equal(shown, WIRE_STATE_LIVE);
                /* A key's org is read as well. */
                assert_int_equal(n, 2 + i % 2 + i / 2);
        }
        /* A key's org ends it, a PAT's owner is no org whatever its number. */
        world_org_policy(s->w, s->acme, (struct policy){.max_life = 1, .never_ok = true});
        for (size_t i = 0; i < 2; i++) {
                assert_int_equal(verify_token_state(&s->w->sealed,
                                                    memory_store_token(s->w->reader, tokens[i]->id),
                                                    NOW, &shown, &end, &reason),
                                 0);
                assert_int_equal(shown, i == 0 ? WIRE_STATE_LIVE : WIRE_STATE_EXPIRED);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(test_limits),
                CASE(test_many_limits),
                CASE(test_sources),
                CASE(test_whose_policy),
                CASE(test_every_lookup_fails),
                CASE(test_state_lookups_fail),
                CASE(test_rows_kept),
                CASE(test_no_such_org),
                CASE(test_source_gone),
                CASE(test_hidden_org),
        };

        return cmocka_run_group_tests_name("verify_trace", tests, NULL, NULL);
}
