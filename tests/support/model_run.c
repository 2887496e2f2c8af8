#include "tests/support/model_run.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/support/manage_remote.h"

#define FALL_THROUGH  __attribute__((fallthrough))
#define COMPARE_EVERY 250
#define NAMELESS_UID  4000
#define NOBODY_UID    65534
#define CLOCK_SLACK   30 /* seconds that a step may take on a host under load */

/* From the input, two bytes a draw, where the run is one of choices; and 0 past its end. */
static uint64_t next_random(struct model_run *r)
{
        if (r->chosen) {
                uint64_t draw = 0;

                for (unsigned i = 0; i < 2 && r->left > 0; i++, r->left--)
                        draw |= (uint64_t)*r->chosen++ << 8 * i;
                return draw;
        }
        r->random ^= r->random >> 12;
        r->random ^= r->random << 25;
        r->random ^= r->random >> 27;
        return (r->random * UINT64_C(2685821657736338717)) >> 16;
}

static int below(struct model_run *r, unsigned limit)
{
        return (int)(next_random(r) % limit);
}

static bool one_in(struct model_run *r, unsigned n)
{
        return below(r, n) == 0;
}

/* ---- making a step ---- */

/* How often each verb comes; what destroys much comes seldom. */
static const struct {
        enum wire_verb verb;
        int weight;
} weights[] = {
        {WIRE_V_ORG_CREATE, 12},   {WIRE_V_ORG_DELETE, 3},      {WIRE_V_ORG_SET, 3},
        {WIRE_V_ORG_SUSPEND, 3},   {WIRE_V_ORG_RESUME, 6},      {WIRE_V_USER_SUSPEND, 3},
        {WIRE_V_USER_RESUME, 6},   {WIRE_V_USER_REASSIGN, 4},   {WIRE_V_USER_REMOVE, 3},
        {WIRE_V_MEMBER_ADD, 40},   {WIRE_V_MEMBER_SET, 20},     {WIRE_V_MEMBER_REMOVE, 12},
        {WIRE_V_ACCOUNT_BIND, 16}, {WIRE_V_ACCOUNT_UNBIND, 16}, {WIRE_V_ACCOUNT_RELEASE, 16},
        {WIRE_V_KEY_CREATE, 20},   {WIRE_V_PAT_CREATE, 20},     {WIRE_V_KEY_REVOKE, 10},
        {WIRE_V_PAT_REVOKE, 10},   {WIRE_V_PAT_RENAME, 20},     {WIRE_V_ROTATE, 30},
        {WIRE_V_REVOKE_ALL, 2},    {WIRE_V_HOST_SET, 4},        {WIRE_V_PAT_LIST, 6},
        {WIRE_V_KEY_LIST, 6},      {WIRE_V_MEMBER_LIST, 6},     {WIRE_V_ORG_SHOW, 6},
        {WIRE_V_ORG_LIST, 4},      {WIRE_V_WHOAMI, 3},          {WIRE_V_STATUS, 2},
        {WIRE_V_USER_LIST, 2},     {WIRE_V_ACCOUNT_LIST, 3},    {WIRE_V_HOST_SHOW, 2},
        {WIRE_V_GUARDED_LIST, 2},  {WIRE_V_CLOCK_RESET, 1},
};
#define WEIGHTS (sizeof(weights) / sizeof(weights[0]))

static enum wire_verb draw_verb(struct model_run *r)
{
        int total = 0, at;

        for (size_t i = 0; i < WEIGHTS; i++)
                total += weights[i].weight;
        at = below(r, (unsigned)total);
        for (size_t i = 0; i < WEIGHTS; i++) {
                at -= weights[i].weight;
                if (at < 0)
                        return weights[i].verb;
        }
        return WIRE_V_STATUS;
}

static int draw_caller(struct model_run *r)
{
        int caller;

        if (one_in(r, 3))
                return 0;
        if (one_in(r, 40))
                return one_in(r, 2) ? -1 : -2;
        caller = below(r, MODEL_NAMES);
        return r->m.uid[caller] < 0 ? 0 : caller;
}

/* The clock of a daemon that runs goes on between our look at it and the daemon's: there nothing is
   to end while it is looked at. */
static int64_t draw_life(struct model_run *r)
{
        static const int64_t lives[] = {0, 0, 50, 500, 5000, EXPIRY_DAY, 30 * EXPIRY_DAY};
        int64_t life = lives[below(r, 7)];

        return r->socket && life > 0 && life < 5000 ? 5000 : life;
}

static int64_t draw_overlap(struct model_run *r)
{
        int64_t overlap = one_in(r, 2) ? 0 : 1 + below(r, 2000);

        return r->socket && overlap > 0 ? overlap + EXPIRY_DAY : overlap;
}

static struct model_policy draw_policy(struct model_run *r)
{
        return (struct model_policy){.max_life = one_in(r, 2)   ? 0
                                                 : one_in(r, 2) ? 3000
                                                                : EXPIRY_DAY,
                                     .never_ok = !one_in(r, 4),
                                     .self_service = 1 + below(r, 3)};
}

static struct model_step draw_step(struct model_run *r)
{
        struct model_step s = {.verb = draw_verb(r)};

        /* No token yet: then there is nothing to do with one. */
        if (r->m.token_count == 0 && (s.verb == WIRE_V_KEY_REVOKE || s.verb == WIRE_V_PAT_REVOKE ||
                                      s.verb == WIRE_V_PAT_RENAME || s.verb == WIRE_V_ROTATE))
                s.verb = WIRE_V_PAT_CREATE;
        s.caller = draw_caller(r);
        s.org = below(r, MODEL_ORGS);
        s.name = below(r, MODEL_NAMES);
        s.role = 1 + below(r, 2);
        s.label = below(r, 5);
        s.names_user = one_in(r, 3);
        s.names_org = one_in(r, 2);
        s.dry_run = one_in(r, 3);
        s.allow_system = one_in(r, 2);
        if (r->m.token_count > 0)
                s.token = (size_t)below(r, (unsigned)r->m.token_count);
        /* Mostly the young ones: the old are dead. */
        if (r->m.token_count > 20 && !one_in(r, 4))
                s.token = r->m.token_count - 1 - (size_t)below(r, 20);
        s.life = draw_life(r);
        s.overlap = draw_overlap(r);
        s.policy = draw_policy(r);
        s.accept = !one_in(r, 8);
        return s;
}

/* ---- asking the daemon the same ---- */

static const char *label(int number)
{
        static const char *const labels[] = {"laptop", "CI", "b\xc3\xbcro", "x", "prod deploy"};

        return labels[number];
}

static void put_owner(struct model_run *r, const struct model_step *s)
{
        struct manage_fixture *f = r->f;
        bool by_verb = s->verb == WIRE_V_PAT_CREATE || s->verb == WIRE_V_PAT_LIST ||
                       s->verb == WIRE_V_REVOKE_ALL;

        if (by_verb && s->names_user)
                set_text(f, WIRE_F_USER, model_names[s->name]);
        if (s->verb == WIRE_V_REVOKE_ALL && s->names_org)
                set_text(f, WIRE_F_ORG, model_orgs[s->org]);
}

static void put_policy(struct model_run *r, const struct model_step *s)
{
        set_number(r->f, WIRE_F_MAX_LIFE, s->policy.max_life);
        set_number(r->f, WIRE_F_NEVER_OK, s->policy.never_ok);
        if (s->verb == WIRE_V_HOST_SET)
                set_number(r->f, WIRE_F_SELF_SERVICE, s->policy.self_service);
}

static void put_token(struct model_run *r, const struct model_step *s)
{
        const struct model_token *t = &r->m.token[s->token];
        static char key_id[TOKEN_KEY_ID_SIZE]; /* the request points to it */

        token_key_id(t->is_pat ? TOKEN_PAT : TOKEN_AK, t->id, TOKEN_ID_LEN, key_id);
        set_text(r->f, WIRE_F_KEY_ID, key_id);
        if (s->verb == WIRE_V_PAT_RENAME)
                set_text(r->f, WIRE_F_NAME, label(s->label));
        if (s->verb != WIRE_V_ROTATE)
                return;
        if (s->overlap > 0)
                set_number(r->f, WIRE_F_OVERLAP, s->overlap);
        if (s->life > 0)
                set_number(r->f, WIRE_F_EXPIRES_AT, r->m.now + s->life);
}

static void put_fields(struct model_run *r, const struct model_step *s)
{
        struct manage_fixture *f = r->f;

        ask(f, s->verb);
        put_owner(r, s);
        switch ((int)s->verb) {
        case WIRE_V_ORG_SET: put_policy(r, s); FALL_THROUGH;
        case WIRE_V_ORG_CREATE:
        case WIRE_V_ORG_SHOW:
        case WIRE_V_ORG_SUSPEND:
        case WIRE_V_ORG_RESUME:
        case WIRE_V_MEMBER_LIST:
        case WIRE_V_KEY_LIST: set_text(f, WIRE_F_ORG, model_orgs[s->org]); return;
        case WIRE_V_HOST_SET: put_policy(r, s); return;
        case WIRE_V_ORG_DELETE: set_text(f, WIRE_F_ORG, model_orgs[s->org]); FALL_THROUGH;
        case WIRE_V_REVOKE_ALL: set_number(f, WIRE_F_DRY_RUN, s->dry_run); return;
        case WIRE_V_USER_REMOVE: set_number(f, WIRE_F_DRY_RUN, s->dry_run); FALL_THROUGH;
        case WIRE_V_USER_SUSPEND:
        case WIRE_V_USER_RESUME:
        case WIRE_V_USER_REASSIGN: set_text(f, WIRE_F_USER, model_names[s->name]); return;
        case WIRE_V_MEMBER_ADD:
        case WIRE_V_MEMBER_SET: set_number(f, WIRE_F_ROLE, s->role); FALL_THROUGH;
        case WIRE_V_MEMBER_REMOVE:
                set_text(f, WIRE_F_ORG, model_orgs[s->org]);
                set_text(f, WIRE_F_USER, model_names[s->name]);
                return;
        case WIRE_V_ACCOUNT_BIND: set_number(f, WIRE_F_ALLOW_SYSTEM, s->allow_system); FALL_THROUGH;
        case WIRE_V_ACCOUNT_UNBIND: set_text(f, WIRE_F_ORG, model_orgs[s->org]); FALL_THROUGH;
        case WIRE_V_ACCOUNT_RELEASE: set_text(f, WIRE_F_ACCOUNT, model_names[s->name]); return;
        case WIRE_V_KEY_CREATE: set_text(f, WIRE_F_ORG, model_orgs[s->org]); FALL_THROUGH;
        case WIRE_V_PAT_CREATE:
                set_text(f, WIRE_F_NAME, label(s->label));
                if (s->life > 0)
                        set_number(f, WIRE_F_EXPIRES_AT, r->m.now + s->life);
                return;
        case WIRE_V_KEY_REVOKE:
        case WIRE_V_PAT_REVOKE:
        case WIRE_V_PAT_RENAME:
        case WIRE_V_ROTATE: put_token(r, s); return;
        default: return;
        }
}

static int64_t uid_of(const struct model_run *r, const struct model_step *s)
{
        return s->caller == -1 ? NAMELESS_UID : s->caller == -2 ? NOBODY_UID : r->m.uid[s->caller];
}

static void fail_step(struct model_run *r, const struct model_step *s, const char *what)
{
        print_error("%s by %s: org %s, name %s: %s (daemon: %s %s)\n", wire_verb_to_string(s->verb),
                    s->caller >= 0 ? model_names[s->caller] : "nobody", model_orgs[s->org],
                    model_names[s->name], what, reason(r->f),
                    text_of(answer(r->f), WIRE_F_MESSAGE));
        fail();
}

/* What the model did by a clock of its own, and the daemon by its: as near as that is. */
static void adjust(int64_t *modelled, int64_t real)
{
        assert_true(real - *modelled <= CLOCK_SLACK && *modelled - real <= CLOCK_SLACK);
        *modelled = real;
}

static void make_token(struct model_run *r, const struct model_step *s)
{
        int64_t created = wire_number(answer(r->f), WIRE_F_CREATED_AT, 0);
        int64_t expires = wire_number(answer(r->f), WIRE_F_EXPIRES_AT, MODEL_FOREVER);
        int64_t id = r->f->reply.new_token;
        struct model_token *t;

        (void)acknowledge(r->f, s->accept, s->accept);
        model_made(&r->m, s, id, s->accept);
        if (!r->socket)
                return;
        t = &r->m.token[r->m.token_count - 1];
        adjust(&t->created, created);
        if (t->expires != MODEL_FOREVER)
                adjust(&t->expires, expires);
}

static void take_step(struct model_run *r, const struct model_step *s)
{
        struct model_result expected;
        uint32_t magic;

        r->f->now = r->m.now;
        put_fields(r, s);
        magic = run_as(r->f, uid_of(r, s));
        expected = model_take(&r->m, s);
        if (strcmp(reason(r->f), expected.reason) != 0 ||
            (magic == WIRE_REFUSED) != (expected.reason[0] != '\0') || magic == WIRE_UNAVAILABLE)
                fail_step(r, s, expected.reason[0] ? expected.reason : "should be done");
        if (expected.count >= 0 && wire_number(answer(r->f), WIRE_F_COUNT, -1) != expected.count)
                fail_step(r, s, "another count");
        *(expected.reason[0] ? &r->refused : &r->done) += 1;
        if (expected.makes_token)
                make_token(r, s);
        if (revision(r->f) != r->m.revision)
                fail_step(r, s, "another revision");
}

/* ---- comparing the whole state ---- */

static void list_all(struct model_run *r, enum wire_verb verb, const char *org)
{
        ask(r->f, verb);
        if (org)
                set_text(r->f, WIRE_F_ORG, org);
        assert_true(is_done(r->f, 0));
}

static const struct wire_message *find_row(struct model_run *r, enum wire_field field,
                                           const char *text)
{
        for (size_t i = 0; i < row_count(r->f); i++)
                if (view_equal_str(wire_text(row(r->f, i), field), text))
                        return row(r->f, i);
        return NULL;
}

static void compare_orgs(struct model_run *r)
{
        size_t count = 0;

        list_all(r, WIRE_V_ORG_LIST, NULL);
        for (int o = 0; o < MODEL_ORGS; o++) {
                const struct wire_message *found = find_row(r, WIRE_F_ORG, model_orgs[o]);

                assert_int_equal(found != NULL, r->m.org[o].exists);
                if (!found)
                        continue;
                count++;
                assert_int_equal(wire_number(found, WIRE_F_SUSPENDED, -1), r->m.org[o].suspended);
                assert_int_equal(wire_number(found, WIRE_F_KEYS, -1),
                                 model_count(&r->m, false, o, true));
        }
        assert_int_equal(row_count(r->f), count);
}

static void compare_members(struct model_run *r, int o)
{
        size_t count = 0;

        list_all(r, WIRE_V_MEMBER_LIST, model_orgs[o]);
        for (int n = 0; n < MODEL_NAMES; n++) {
                const struct wire_message *found = find_row(r, WIRE_F_USER, model_names[n]);

                assert_int_equal(found ? wire_number(found, WIRE_F_ROLE, -1) : 0,
                                 r->m.org[o].role[n]);
                count += found != NULL;
        }
        assert_int_equal(row_count(r->f), count);
        count = 0;
        list_all(r, WIRE_V_ACCOUNT_LIST, model_orgs[o]);
        for (int n = 0; n < MODEL_NAMES; n++) {
                assert_int_equal(find_row(r, WIRE_F_ACCOUNT, model_names[n]) != NULL,
                                 r->m.org[o].bound[n]);
                count += r->m.org[o].bound[n];
        }
        assert_int_equal(row_count(r->f), count);
}

static void compare_users(struct model_run *r)
{
        list_all(r, WIRE_V_USER_LIST, NULL);
        for (int n = 0; n < MODEL_NAMES; n++) {
                const struct wire_message *found = find_row(r, WIRE_F_USER, model_names[n]);
                const struct model_user *u = &r->m.user[n];

                assert_int_equal(found != NULL, u->exists);
                if (!found)
                        continue;
                assert_int_equal(wire_number(found, WIRE_F_UID, -1), u->uid);
                assert_int_equal(wire_number(found, WIRE_F_SUSPENDED, -1), u->suspended);
                assert_int_equal(wire_number(found, WIRE_F_PATS, -1),
                                 model_count(&r->m, true, n, true));
        }
        list_all(r, WIRE_V_GUARDED_LIST, NULL);
        for (int n = 0; n < MODEL_NAMES; n++)
                assert_int_equal(find_row(r, WIRE_F_ACCOUNT, model_names[n]) != NULL,
                                 r->m.guarded[n]);
}

static const struct model_token *find_token(const struct model_run *r, const struct wire_message *m)
{
        enum token_kind kind;
        int64_t first, last;

        assert_int_equal(token_parse_key_id(wire_text(m, WIRE_F_KEY_ID), &kind, &first, &last), 0);
        for (size_t i = 0; i < r->m.token_count; i++)
                if (r->m.token[i].id >= first && r->m.token[i].id <= last &&
                    r->m.token[i].is_pat == (kind == TOKEN_PAT))
                        return &r->m.token[i];
        print_error("%s is no token of the model\n", text_of(m, WIRE_F_KEY_ID));
        abort();
}

static void compare_rows(struct model_run *r, size_t expected)
{
        int64_t before = 0;

        assert_int_equal(row_count(r->f), expected);
        for (size_t i = 0; i < row_count(r->f); i++) {
                const struct wire_message *m = row(r->f, i);
                const struct model_token *t = find_token(r, m);

                assert_int_equal(wire_number(m, WIRE_F_STATE, 0), model_state(&r->m, t));
                assert_string_equal(text_of(m, WIRE_F_NAME), label(t->label));
                assert_int_equal(wire_number(m, WIRE_F_CREATED_AT, 0), t->created);
                assert_int_equal(wire_number(m, WIRE_F_EXPIRES_AT, MODEL_FOREVER), t->expires);
                assert_int_equal(wire_has(m, WIRE_F_SUCCESSOR), t->successor >= 0);
                assert_true(t->created >= before);
                before = t->created;
        }
}

static void compare(struct model_run *r)
{
        size_t pats = 0;

        compare_orgs(r);
        compare_users(r);
        for (int o = 0; o < MODEL_ORGS; o++) {
                if (!r->m.org[o].exists)
                        continue;
                compare_members(r, o);
                list_all(r, WIRE_V_KEY_LIST, model_orgs[o]);
                compare_rows(r, (size_t)model_count(&r->m, false, o, false));
        }
        for (size_t i = 0; i < r->m.token_count; i++)
                pats += r->m.token[i].is_pat;
        list_all(r, WIRE_V_PAT_LIST, NULL);
        compare_rows(r, pats);
        assert_int_equal(revision(r->f), r->m.revision);
}

/* ---- the run ---- */

/* A name gets another uid on the host now and then: a person left, and another came. */
static void move_uids(struct model_run *r)
{
        int n = 1 + below(r, MODEL_NAMES - 1);
        int64_t uid = n == 7 ? 100 + below(r, 50) : 10000 + below(r, 50000);

        if (n == 8 || !one_in(r, 60))
                return;
        for (int other = 0; other < MODEL_NAMES; other++)
                if (r->m.uid[other] == uid)
                        return;
        r->m.uid[n] = uid;
        person(r->f, model_names[n], uid);
}

static void move_clock(struct model_run *r)
{
        if (r->socket)
                r->m.now = time(NULL);
        else
                r->m.now += one_in(r, 3) ? below(r, 100) : 0;
}

void model_run_world(struct model_run *r, unsigned steps)
{
        struct model_step step;

        r->f = r->socket ? manage_remote_new(r->socket) : manage_fixture_new();
        model_init(&r->m, r->socket ? time(NULL) : r->f->now, revision(r->f));
        for (unsigned i = 0; i < steps && r->m.token_count < MODEL_TOKENS_MAX - 1; i++) {
                if (r->chosen && r->left == 0)
                        break;
                move_uids(r);
                move_clock(r);
                step = draw_step(r);
                take_step(r, &step);
                if (i % COMPARE_EVERY == 0)
                        compare(r);
        }
        compare(r);
        r->f = manage_fixture_free(r->f);
}
