/*
 * The truth table of the decision (orgtoken(1), VERDICTS): every combination of its conditions,
 * and a draw from all the finer ones, against the rules stated once more, below, as a list of
 * sentences in another style: over what a row of the table says, with neither store nor order of
 * look-ups.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/verify.h"
#include "tests/support/world.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DRAWN        120000
#define YEARS(n)     ((n)*365 * EXPIRY_DAY)

/* ---- what there is in this world ---- */

enum life { LIVE, OVERLAP, REVOKED, ROTATED, EXPIRED, OLD, ANCIENT, LIVES };
enum limit { NO_LIMIT, BY_SERVICE, BY_SOURCE, BY_ACCOUNT, LIMITS };
enum secret { RIGHT, WRONG, UNKNOWN_ID, GARBLED, SECRETS };
enum standing { PRESENT, SUSPENDED, REMOVED, STANDINGS };

/* OLD is beyond acme's longest life, ANCIENT beyond the host's. */
#define ACME_MAX_LIFE YEARS(5)
#define HOST_MAX_LIFE YEARS(10)

static const char *const org_names[] = {"acme", "globex", "dormant", "gone"};
enum org { ACME, GLOBEX, DORMANT, GONE, ORGS };

/* Who bound what. An account that is not here is bound to nobody. */
static const struct bound {
        const char *account;
        enum org org;
        const char *service;
        enum role role;
} bindings[] = {
        {"a-any", ACME, NULL, ROLE_NONE},     {"a-sshd", ACME, "sshd", ROLE_NONE},
        {"a-admin", ACME, NULL, ROLE_ADMIN},  {"a-member", ACME, NULL, ROLE_MEMBER},
        {"g-any", GLOBEX, NULL, ROLE_NONE},   {"both", ACME, NULL, ROLE_NONE},
        {"both", GLOBEX, NULL, ROLE_NONE},    {"split", ACME, "sshd", ROLE_NONE},
        {"split", GLOBEX, "su", ROLE_NONE},   {"d-any", DORMANT, NULL, ROLE_NONE},
        {"three", ACME, "sshd", ROLE_NONE},   {"three", GLOBEX, "su", ROLE_NONE},
        {"three", DORMANT, "su", ROLE_ADMIN},
};

#define OWN "(own)" /* stands for the name of the token's user */
static const char *const accounts[] = {OWN,     "a-any", "a-sshd", "a-admin", "a-member",
                                       "g-any", "both",  "split",  "d-any",   "stray",
                                       "u00",   "three", NULL};
static const char *const services[] = {"sshd", "su"};
static const char *const sources[] = {NULL, "10.1.2.3", "192.0.2.1", "host.example"};
static const char *const actors[] = {NULL, "(account)", OWN, "mallory"};
static const char *const names[] = {NULL, "acme", "globex", "dormant", "gone", "nosuch", "No Org"};
static const enum role roles[] = {ROLE_NONE, ROLE_MEMBER, ROLE_ADMIN};

/* Everybody is an admin of dormant, so that only its suspension can be in the way there. */
static const struct person {
        enum role in_acme;
        bool in_globex;
        enum standing standing;
} persons[] = {
        {ROLE_NONE, false, PRESENT},   {ROLE_MEMBER, false, PRESENT}, {ROLE_ADMIN, false, PRESENT},
        {ROLE_NONE, true, PRESENT},    {ROLE_MEMBER, true, PRESENT},  {ROLE_ADMIN, true, PRESENT},
        {ROLE_ADMIN, true, SUSPENDED}, {ROLE_ADMIN, true, REMOVED},
};
#define PERSONS COUNT(persons)

static struct world *world;
static int64_t org_ids[ORGS];
static char person_names[PERSONS][8];
/* Owner: a person, or behind them an org for its keys. */
static struct world_token tokens[PERSONS + ORGS][LIVES][LIMITS];
static char garbled[TOKEN_INPUT_MAX + 1];

/* ---- one row of the table ---- */

struct row {
        size_t owner;
        enum life life;
        enum limit limit;
        enum secret secret;
        const char *suffix, *option, *answer;
        const char *account, *service, *source, *actor;
        enum role role;
        bool bound_only;
};

static bool is_key(const struct row *r)
{
        return r->owner >= PERSONS;
}

static const char *own_name(const struct row *r)
{
        return is_key(r) ? "somebody" : person_names[r->owner];
}

/* ---- the rules, stated once more ---- */

/* The binding of the row's account to an org, for the row's service. */
static const struct bound *bound_to(const struct row *r, enum org org)
{
        for (size_t i = 0; i < COUNT(bindings); i++)
                if (r->account && bindings[i].org == org &&
                    strcmp(bindings[i].account, r->account) == 0 &&
                    (!bindings[i].service || strcmp(bindings[i].service, r->service) == 0))
                        return &bindings[i];
        return NULL;
}

#define NOBODY ORGS
/* Which orgs are named, as a set; NOBODY is in it for the name of no org. */
static unsigned named(const struct row *r)
{
        const char *const said[] = {r->suffix, r->option, r->answer};
        unsigned set = is_key(r) ? 1u << (r->owner - PERSONS) : 0, by_account = 0;

        for (size_t i = 0; i < COUNT(said); i++)
                for (size_t o = 0; said[i] && o <= ORGS; o++)
                        if (o == NOBODY || strcmp(said[i], org_names[o]) == 0) {
                                set |= 1u << o;
                                break;
                        }
        for (unsigned o = 0; o < ORGS; o++)
                by_account |= bound_to(r, o) ? 1u << o : 0;
        return __builtin_popcount(by_account) == 1 ? set | by_account : set;
}

static enum org the_org(const struct row *r)
{
        return (enum org)__builtin_ctz(named(r));
}

static enum role role_in(const struct row *r, enum org org)
{
        const struct person *p = &persons[r->owner];

        return org == ACME     ? p->in_acme
               : org == GLOBEX ? (p->in_globex ? ROLE_MEMBER : ROLE_NONE)
                               : ROLE_ADMIN;
}

static bool is_own(const struct row *r)
{
        return !is_key(r) && r->account && strcmp(r->account, own_name(r)) == 0;
}

static bool malformed(const struct row *r)
{
        return r->secret == GARBLED || (r->suffix && strcmp(r->suffix, "No Org") == 0);
}

static bool unknown(const struct row *r)
{
        return r->secret != RIGHT;
}

static bool revoked(const struct row *r)
{
        return r->life == REVOKED || r->life == ROTATED;
}

static bool expired(const struct row *r)
{
        return r->life == EXPIRED || r->life == ANCIENT ||
               (r->life == OLD && r->owner == PERSONS + ACME);
}

static bool org_required(const struct row *r)
{
        return named(r) == 0;
}

static bool org_mismatch(const struct row *r)
{
        return __builtin_popcount(named(r)) > 1 || (named(r) & (1u << NOBODY | 1u << GONE));
}

static bool not_member(const struct row *r)
{
        const struct bound *b = bound_to(r, the_org(r));
        enum role least = b && b->role > r->role ? b->role : r->role;

        if (the_org(r) == DORMANT)
                return true;
        if (is_key(r))
                return least != ROLE_NONE;
        return persons[r->owner].standing != PRESENT || role_in(r, the_org(r)) < least ||
               role_in(r, the_org(r)) == ROLE_NONE;
}

static bool account_denied(const struct row *r)
{
        bool may = is_own(r) ? !r->bound_only : bound_to(r, the_org(r)) != NULL;
        bool acting = r->actor && !(r->account && strcmp(r->actor, r->account) == 0);

        return !may || (!is_key(r) && acting && strcmp(r->actor, own_name(r)) != 0);
}

static bool limited(const struct row *r)
{
        switch (r->limit) {
        case BY_SERVICE: return strcmp(r->service, "sshd") != 0;
        case BY_SOURCE: return !r->source || strcmp(r->source, "10.1.2.3") != 0;
        case BY_ACCOUNT: return !is_own(r) && strcmp(r->account, "a-any") != 0;
        case NO_LIMIT:
        case LIMITS: break;
        }
        return false;
}

static bool limited_there(const struct row *r)
{
        return r->life == OLD && the_org(r) == ACME;
}

static bool otherwise(const struct row *r)
{
        (void)r;
        return true;
}

static const struct rule {
        enum verdict verdict;
        bool (*when)(const struct row *r);
} rules[] = {
        {VERDICT_MALFORMED, malformed},       {VERDICT_UNKNOWN, unknown},
        {VERDICT_REVOKED, revoked},           {VERDICT_EXPIRED, expired},
        {VERDICT_ORG_REQUIRED, org_required}, {VERDICT_ORG_MISMATCH, org_mismatch},
        {VERDICT_NOT_MEMBER, not_member},     {VERDICT_ACCOUNT_DENIED, account_denied},
        {VERDICT_LIMITED, limited},           {VERDICT_LIMITED, limited_there},
        {VERDICT_ALLOW, otherwise},
};

static enum verdict expect(const struct row *r)
{
        const struct rule *rule = rules;

        while (!rule->when(r))
                rule++;
        return rule->verdict;
}

/* ---- asking the decision itself ---- */

static struct view typed(const struct row *r)
{
        static char text[2 * TOKEN_INPUT_MAX];
        struct world_token t = tokens[r->owner][r->life][r->limit];
        struct token parsed;
        char random[TOKEN_RANDOM_LEN];

        if (r->secret == WRONG || r->secret == UNKNOWN_ID) {
                assert_int_equal(token_parse(view_of(t.text), &parsed), 0);
                memcpy(random, parsed.secret.ptr, sizeof(random));
                random[r->life] = random[r->life] == 'x' ? 'y' : 'x';
                token_format(t.kind, r->secret == WRONG ? t.id : t.id + 1, random, t.text);
        }
        (void)snprintf(text, sizeof(text), "%s%s%s", r->secret == GARBLED ? garbled : t.text,
                       r->suffix ? "@" : "", r->suffix ? r->suffix : "");
        return view_of(text);
}

static uint64_t asked, by_verdict[VERDICT_COUNT];

static void print_row(const struct row *r, enum verdict got)
{
        fprintf(stderr,
                "owner %zu life %d limit %d secret %d suffix %s option %s answer %s account %s "
                "service %s source %s actor %s role %d bound_only %d: %s, expected %s\n",
                r->owner, (int)r->life, (int)r->limit, (int)r->secret, r->suffix, r->option,
                r->answer, r->account, r->service, r->source, r->actor, (int)r->role, r->bound_only,
                verdict_to_string(got), verdict_to_string(expect(r)));
}

/* What must go with a verdict, whatever the row. */
static void check_output(const struct row *r, const struct verify_output *out)
{
        bool known = out->verdict != VERDICT_MALFORMED && out->verdict != VERDICT_UNKNOWN;

        assert_int_equal(out->token_id, known ? tokens[r->owner][r->life][r->limit].id : -1);
        assert_int_equal(out->reason[0] == '\0', out->verdict == VERDICT_ALLOW);
        if (out->verdict > VERDICT_ORG_MISMATCH)
                assert_string_equal(out->org, org_names[the_org(r)]);
        else
                assert_int_equal(out->org_id, 0);
        if (out->verdict != VERDICT_ALLOW)
                return;
        assert_string_equal(out->user, is_key(r) ? "" : own_name(r));
        assert_int_equal(out->elevation, !is_key(r) && !is_own(r));
}

static void ask(struct row *r)
{
        struct verify_output out;
        struct verify_input in;

        if (r->account && strcmp(r->account, OWN) == 0)
                r->account = own_name(r);
        if (r->actor)
                r->actor = strcmp(r->actor, OWN) == 0           ? own_name(r)
                           : strcmp(r->actor, "(account)") == 0 ? r->account
                                                                : r->actor;
        in = (struct verify_input){
                .token = typed(r),
                .account = view_of(r->account),
                .actor = view_of(r->actor),
                .service = view_of(r->service),
                .source = view_of(r->source),
                .org_option = view_of(r->option),
                .org_answer = view_of(r->answer),
                .role = r->role,
                .bound_only = r->bound_only,
        };
        assert_int_equal(verify_token(&world->sealed, &in, WORLD_NOW, NULL, &out), 0);
        if (out.verdict != expect(r))
                print_row(r, out.verdict);
        assert_int_equal(out.verdict, expect(r));
        check_output(r, &out);
        asked++;
        by_verdict[out.verdict]++;
}

/* ---- the world ---- */

static struct record_token made(size_t owner, enum life life, enum limit limit,
                                const int64_t *person_ids)
{
        bool key = owner >= PERSONS;
        struct record_token t = world_template(key ? TOKEN_AK : TOKEN_PAT,
                                               key ? org_ids[owner - PERSONS] : person_ids[owner]);

        if (life == EXPIRED)
                t.expires_at = WORLD_NOW;
        if (life == OLD)
                t.created_at = WORLD_NOW - YEARS(6);
        if (life == ANCIENT)
                t.created_at = WORLD_NOW - YEARS(11);
        if (limit == BY_SERVICE)
                t.limits = world_limit(WIRE_F_LIMIT_SERVICE, "sshd", NULL);
        if (limit == BY_SOURCE)
                t.limits = world_limit(WIRE_F_LIMIT_SOURCE, "10.0.0.0/8", NULL);
        if (limit == BY_ACCOUNT)
                t.limits = world_limit(WIRE_F_LIMIT_ACCOUNT, "a-any",
                                       key ? NULL : person_names[owner]);
        return t;
}

static void make_tokens(const int64_t *person_ids)
{
        for (size_t o = 0; o < PERSONS + ORGS; o++)
                for (int life = 0; life < LIVES; life++)
                        for (int limit = 0; limit < LIMITS; limit++) {
                                struct record_token t =
                                        made(o, (enum life)life, (enum limit)limit, person_ids);
                                struct world_token made_one = world_token(world, &t);

                                tokens[o][life][limit] = made_one;
                                if (life == REVOKED)
                                        world_revoke(world, made_one.id, "revoked");
                                if (life == ROTATED || life == OVERLAP)
                                        world_rotate(world, made_one.id,
                                                     WORLD_NOW + (life == OVERLAP));
                        }
        (void)snprintf(garbled, sizeof(garbled), "%s", tokens[0][0][0].text);
        garbled[20] = garbled[20] == 'x' ? 'y' : 'x';
}

static int setup(void **state)
{
        int64_t person_ids[PERSONS];

        (void)state;
        world = world_new();
        world_host_policy(world, (struct policy){.never_ok = true,
                                                 .max_life = HOST_MAX_LIFE,
                                                 .self_service = SELF_SERVICE_FULL});
        for (size_t o = 0; o < ORGS; o++)
                org_ids[o] = world_org(world, org_names[o]);
        world_org_policy(world, org_ids[ACME],
                         (struct policy){.never_ok = true, .max_life = ACME_MAX_LIFE});
        for (size_t p = 0; p < PERSONS; p++) {
                (void)snprintf(person_names[p], sizeof(person_names[p]), "u%02zu", p);
                person_ids[p] = world_user(world, person_names[p]);
                if (persons[p].in_acme != ROLE_NONE)
                        world_member(world, org_ids[ACME], person_ids[p], persons[p].in_acme);
                if (persons[p].in_globex)
                        world_member(world, org_ids[GLOBEX], person_ids[p], ROLE_MEMBER);
                world_member(world, org_ids[DORMANT], person_ids[p], ROLE_ADMIN);
        }
        for (size_t b = 0; b < COUNT(bindings); b++)
                world_bind(world, bindings[b].account, org_ids[bindings[b].org], bindings[b].role,
                           bindings[b].service);
        make_tokens(person_ids);
        world_suspend_org(world, org_ids[DORMANT]);
        world_delete_org(world, org_ids[GONE]);
        for (size_t p = 0; p < PERSONS; p++) {
                if (persons[p].standing == SUSPENDED)
                        world_suspend_user(world, person_ids[p]);
                if (persons[p].standing == REMOVED)
                        world_remove_user(world, person_ids[p]);
        }
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        printf("# %llu rows:", (unsigned long long)asked);
        for (int v = VERDICT_MALFORMED; v < VERDICT_COUNT; v++)
                printf(" %s %llu", verdict_to_string((enum verdict)v),
                       (unsigned long long)by_verdict[v]);
        printf("\n");
        world = world_free(world);
        return 0;
}

/* ---- the tables ---- */

/* Takes the next digit of a number in mixed base: one choice out of n. */
static size_t choose(uint64_t *number, size_t n)
{
        size_t digit = (size_t)(*number % n);

        *number /= n;
        return digit;
}

/* All combinations of the conditions, each at its coarsest. False behind the last. */
static bool coarse_row(uint64_t number, struct row *ret)
{
        static const size_t owners[] = {3, 4, 5, 6, PERSONS + ACME, PERSONS + GLOBEX};
        static const enum life lives[] = {LIVE, REVOKED, EXPIRED, OLD};
        static const struct {
                const char *suffix, *option, *answer;
        } namings[] = {
                {NULL, NULL, NULL},     {"acme", NULL, NULL},     {NULL, "acme", NULL},
                {NULL, NULL, "acme"},   {"acme", "globex", NULL}, {"nosuch", NULL, NULL},
                {NULL, "globex", NULL}, {"acme", "acme", "acme"},
        };
        static const size_t some_accounts[] = {0, 1, 2, 3, 5, 9};
        static const size_t some_actors[] = {0, 2, 3};
        size_t naming;

        *ret = (struct row){.owner = owners[choose(&number, COUNT(owners))]};
        ret->secret = (enum secret)choose(&number, 2);
        ret->life = lives[choose(&number, COUNT(lives))];
        ret->limit = (enum limit)choose(&number, LIMITS);
        naming = choose(&number, COUNT(namings));
        ret->suffix = namings[naming].suffix;
        ret->option = namings[naming].option;
        ret->answer = namings[naming].answer;
        ret->account = accounts[some_accounts[choose(&number, COUNT(some_accounts))]];
        ret->actor = actors[some_actors[choose(&number, COUNT(some_actors))]];
        ret->role = roles[choose(&number, COUNT(roles))];
        ret->bound_only = choose(&number, 2) == 1;
        /* Both at once: a limit either holds or does not. */
        ret->service = services[choose(&number, 2)];
        ret->source = sources[ret->service[1] == 's' ? 1 : 2];
        return number == 0;
}

static void fine_row(uint64_t number, struct row *ret)
{
        *ret = (struct row){.owner = choose(&number, PERSONS + ORGS)};
        ret->life = (enum life)choose(&number, LIVES);
        ret->limit = (enum limit)choose(&number, LIMITS);
        ret->suffix = names[choose(&number, COUNT(names))];
        ret->option = names[choose(&number, COUNT(names))];
        ret->answer = names[choose(&number, COUNT(names))];
        ret->account = accounts[choose(&number, COUNT(accounts))];
        ret->service = services[choose(&number, COUNT(services))];
        ret->source = sources[choose(&number, COUNT(sources))];
        ret->actor = actors[choose(&number, COUNT(actors))];
        ret->role = roles[choose(&number, COUNT(roles))];
        ret->bound_only = choose(&number, 2) == 1;
        ret->secret = (enum secret)choose(&number, SECRETS);
}

static void test_all_combinations(void **state)
{
        struct row row;

        (void)state;
        for (uint64_t n = 0; coarse_row(n, &row); n++)
                ask(&row);
}

/* Late rules are reached by few rows of a plain draw, so half of them are drawn with the early ones
   met. */
static void test_drawn(void **state)
{
        uint64_t random = 20261123;
        struct row row;

        (void)state;
        for (int i = 0; i < DRAWN; i++) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                fine_row(random >> 16, &row);
                if (i % 2) {
                        row.secret = RIGHT;
                        row.life = random >> 60 ? LIVE : OVERLAP;
                        row.answer = NULL;
                        row.suffix =
                                row.suffix && strcmp(row.suffix, "No Org") == 0 ? NULL : row.suffix;
                        row.option = row.suffix ? NULL : "acme";
                }
                ask(&row);
        }
        for (int v = VERDICT_MALFORMED; v < VERDICT_COUNT; v++)
                assert_true(by_verdict[v] > 500);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all_combinations),
                cmocka_unit_test(test_drawn),
        };

        return cmocka_run_group_tests_name("verify table", tests, setup, teardown);
}
