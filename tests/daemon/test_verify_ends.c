/* The decision on time: expiry, revocation, rotation, policies, and what lists show of them. */
#include "tests/daemon/verify_scene.h"

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
        static const int64_t times[] = {INT64_MIN,
                                        -1,
                                        0,
                                        1,
                                        INT64_C(2147483647),
                                        INT64_C(2147483648),
                                        INT64_C(4294967296),
                                        INT64_C(9007199254740993),
                                        EXPIRY_MAX,
                                        NOW};
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
        struct usage *usage;

        p.max_unused = 10 * EXPIRY_DAY;
        world_host_policy(s->w, p);
        expect_end(s, &in, NOW + 9 * EXPIRY_DAY, VERDICT_EXPIRED, "host-max-unused");
        assert_int_equal(store_put_last_use(s->w->sealed.writer, &use), 0);
        expect_end(s, &in, NOW + 10 * EXPIRY_DAY, VERDICT_EXPIRED, "host-max-unused");
        /* Used, but not written yet. */
        assert_int_equal(usage_new(&usage), 0);
        in.usage = usage;
        use.at = NOW - EXPIRY_DAY;
        usage_note(usage, &use);
        expect_end(s, &in, NOW + 10 * EXPIRY_DAY, VERDICT_EXPIRED, "host-max-unused");
        use.at = NOW + EXPIRY_DAY;
        usage_note(usage, &use);
        expect_end(s, &in, NOW + 11 * EXPIRY_DAY, VERDICT_EXPIRED, "host-max-unused");
        (void)usage_free(usage);
}

/* The last use is looked up once, however many policies ask for it. */
static void test_one_lookup(void **state)
{
        struct scene *s = *state;
        const struct policy p = {.never_ok = true, .max_unused = 10 * EXPIRY_DAY};
        struct verify_input key = by_key(s);
        unsigned lookups[3];

        for (unsigned policies = 0; policies < 3; policies++) {
                world_host_policy(s->w, policies > 0 ? p : world_free_policy);
                world_org_policy(s->w, s->acme, policies > 1 ? p : world_free_policy);
                lookups[policies] = s->w->reader->lookups;
                expect(s, &key, VERDICT_ALLOW, "");
                lookups[policies] = s->w->reader->lookups - lookups[policies];
        }
        assert_int_equal(lookups[1], lookups[0] + 1);
        assert_int_equal(lookups[2], lookups[1]);
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
        world_org_policy(s->w, s->acme,
                         (struct policy){.never_ok = true, .max_unused = EXPIRY_DAY});
        expect_state(s, s->key.id, NOW, WIRE_STATE_EXPIRED, NOW, "org-max-unused");
}

static void test_states_of_a_failing_store(void **state)
{
        struct scene *s = *state;
        const struct record_token t = *memory_store_token(s->w->reader, s->key.id);
        enum wire_state got = (enum wire_state)77;
        const char *reason;
        int64_t end;

        world_host_policy(s->w, (struct policy){.never_ok = true, .max_unused = EXPIRY_DAY});
        for (unsigned nth = 1; nth <= 3; nth++) {
                memory_store_fail(s->w->reader, nth, -EIO);
                assert_int_equal(verify_token_state(&s->w->sealed, &t, NOW, &got, &end, &reason),
                                 -EIO);
                assert_int_equal(got, 77);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(test_expiry_boundary),
                CASE(test_odd_expiries),
                CASE(test_revoked),
                CASE(test_rotated),
                CASE(test_host_policy),
                CASE(test_policy_and_expiry),
                CASE(test_unused),
                CASE(test_one_lookup),
                CASE(test_org_policy),
                CASE(test_states),
                CASE(test_states_of_a_failing_store),
        };

        return cmocka_run_group_tests_name("verify ends", tests, NULL, NULL);
}
