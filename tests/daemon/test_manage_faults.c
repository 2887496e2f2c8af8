/*
 * Every management verb while the N-th call into SQLite fails, each N until none is left: answered
 * as "unavailable" with nothing changed, or done all the same where what failed was not needed. The
 * calls are turned over by the linker (--wrap).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "tests/support/manage_fixture.h"

void audit_write(const struct audit_record *record)
{
        manage_fixture_record(record);
}

static struct {
        unsigned at, calls; /* the call that fails; 0: none */
        bool hit;
} fault;

static bool fails(void)
{
        if (fault.at == 0 || ++fault.calls != fault.at)
                return false;
        fault.hit = true;
        return true;
}

/* clang-format off */
#define WRAP(name, parameters, arguments, error)                                                   \
        int __real_##name parameters;                                                              \
        int __wrap_##name parameters;                                                              \
        int __wrap_##name parameters { return fails() ? (error) : __real_##name arguments; }

WRAP(sqlite3_step, (sqlite3_stmt *s), (s), SQLITE_IOERR)
WRAP(sqlite3_prepare_v3, (sqlite3 *d, const char *t, int n, unsigned f, sqlite3_stmt **s, const char **r), (d, t, n, f, s, r), SQLITE_NOMEM)
WRAP(sqlite3_bind_int64, (sqlite3_stmt *s, int i, sqlite3_int64 v), (s, i, v), SQLITE_NOMEM)
WRAP(sqlite3_bind_null, (sqlite3_stmt *s, int i), (s, i), SQLITE_NOMEM)
WRAP(sqlite3_bind_text64, (sqlite3_stmt *s, int i, const char *t, sqlite3_uint64 n, void (*f)(void *), unsigned char e), (s, i, t, n, f, e), SQLITE_NOMEM)
WRAP(sqlite3_bind_blob64, (sqlite3_stmt *s, int i, const void *b, sqlite3_uint64 n, void (*f)(void *)), (s, i, b, n, f), SQLITE_NOMEM)
WRAP(sqlite3_backup_step, (sqlite3_backup *b, int n), (b, n), SQLITE_IOERR)
/* clang-format on */

/* ---- the verbs, in an order in which each is done ---- */

struct request {
        enum wire_verb verb;
        int64_t uid;
        const char *org, *user, *account, *name;
        char *key_id; /* of the fixture's tokens */
        enum wire_field field;
        int64_t number;
        bool changes;
};

static char ci[TOKEN_KEY_ID_SIZE], laptop[TOKEN_KEY_ID_SIZE], spare[TOKEN_KEY_ID_SIZE];

/* clang-format off */
static const struct request requests[] = {
        {WIRE_V_STATUS, .uid = 0},
        {WIRE_V_STATUS, .uid = PERSON_CAROL},
        {WIRE_V_WHOAMI, .uid = 0},
        {WIRE_V_WHOAMI, .uid = PERSON_ALICE},
        {WIRE_V_ORG_LIST, .uid = 0},
        {WIRE_V_ORG_LIST, .uid = PERSON_BOB},
        {WIRE_V_ORG_SHOW, .uid = 0, .org = "acme"},
        {WIRE_V_ORG_SHOW, .uid = PERSON_BOB, .org = "acme"},
        {WIRE_V_MEMBER_LIST, .uid = PERSON_BOB, .org = "acme"},
        {WIRE_V_ACCOUNT_LIST, .uid = 0, .org = "acme"},
        {WIRE_V_ACCOUNT_LIST, .uid = PERSON_ALICE, .org = "acme"},
        {WIRE_V_GUARDED_LIST, .uid = 0},
        {WIRE_V_HOST_SHOW, .uid = 0},
        {WIRE_V_USER_LIST, .uid = 0},
        {WIRE_V_KEY_LIST, .uid = PERSON_ALICE, .org = "acme"},
        {WIRE_V_PAT_LIST, .uid = 0},
        {WIRE_V_PAT_LIST, .uid = PERSON_ALICE},
        {WIRE_V_PAT_LIST, .uid = 0, .user = "alice"},
        {WIRE_V_REVOKE_ALL, .uid = 0, .org = "acme", .field = WIRE_F_DRY_RUN, .number = 1},
        {WIRE_V_REVOKE_ALL, .uid = 0, .user = "alice", .field = WIRE_F_DRY_RUN, .number = 1},
        {WIRE_V_USER_REMOVE, .uid = 0, .user = "alice", .field = WIRE_F_DRY_RUN, .number = 1},
        {WIRE_V_ORG_DELETE, .uid = 0, .org = "globex", .field = WIRE_F_DRY_RUN, .number = 1},
        {WIRE_V_NOTIFY, .uid = 0},
        {WIRE_V_ORG_CREATE, .uid = 0, .org = "initech", .changes = true},
        {WIRE_V_ORG_SET, .uid = 0, .org = "acme", .field = WIRE_F_MAX_LIFE, .number = 90 * EXPIRY_DAY, .changes = true},
        {WIRE_V_HOST_SET, .uid = 0, .field = WIRE_F_MAX_LIFE, .number = 100 * EXPIRY_DAY, .changes = true},
        {WIRE_V_MEMBER_ADD, .uid = PERSON_ALICE, .org = "acme", .user = "carol", .field = WIRE_F_ROLE, .number = ROLE_MEMBER, .changes = true},
        {WIRE_V_MEMBER_SET, .uid = PERSON_ALICE, .org = "acme", .user = "carol", .field = WIRE_F_ROLE, .number = ROLE_ADMIN, .changes = true},
        {WIRE_V_ACCOUNT_BIND, .uid = 0, .org = "acme", .account = "dave", .changes = true},
        {WIRE_V_ACCOUNT_UNBIND, .uid = 0, .org = "acme", .account = "dave", .changes = true},
        {WIRE_V_ACCOUNT_RELEASE, .uid = 0, .account = "dave", .changes = true},
        {WIRE_V_KEY_CREATE, .uid = PERSON_ALICE, .org = "acme", .name = "new", .field = WIRE_F_EXPIRES_AT, .number = FIXTURE_NOW + EXPIRY_DAY, .changes = true},
        {WIRE_V_PAT_CREATE, .uid = PERSON_ALICE, .name = "new", .field = WIRE_F_EXPIRES_AT, .number = FIXTURE_NOW + EXPIRY_DAY, .changes = true},
        {WIRE_V_PAT_RENAME, .uid = PERSON_ALICE, .key_id = laptop, .name = "other", .changes = true},
        {WIRE_V_ROTATE, .uid = PERSON_ALICE, .key_id = laptop, .field = WIRE_F_OVERLAP, .number = 100, .changes = true},
        {WIRE_V_ROTATE, .uid = PERSON_ALICE, .key_id = ci, .field = WIRE_F_OVERLAP, .number = 100, .changes = true},
        {WIRE_V_KEY_REVOKE, .uid = PERSON_ALICE, .key_id = ci, .changes = true},
        {WIRE_V_PAT_REVOKE, .uid = 0, .key_id = spare, .changes = true},
        {WIRE_V_USER_SUSPEND, .uid = 0, .user = "bob", .changes = true},
        {WIRE_V_USER_RESUME, .uid = 0, .user = "bob", .changes = true},
        {WIRE_V_ORG_SUSPEND, .uid = 0, .org = "acme", .changes = true},
        {WIRE_V_ORG_RESUME, .uid = 0, .org = "acme", .changes = true},
        {WIRE_V_MEMBER_REMOVE, .uid = 0, .org = "acme", .user = "carol", .changes = true},
        {WIRE_V_REVOKE_ALL, .uid = 0, .user = "alice", .changes = true},
        {WIRE_V_USER_REMOVE, .uid = 0, .user = "bob", .changes = true},
        {WIRE_V_CLOCK_RESET, .uid = 0, .changes = true},
        {WIRE_V_ORG_DELETE, .uid = 0, .org = "globex", .changes = true},
};
/* clang-format on */

static void put(struct manage_fixture *f, const struct request *q)
{
        ask(f, q->verb);
        if (q->org)
                set_text(f, WIRE_F_ORG, q->org);
        if (q->user)
                set_text(f, WIRE_F_USER, q->user);
        if (q->account)
                set_text(f, WIRE_F_ACCOUNT, q->account);
        if (q->name)
                set_text(f, WIRE_F_NAME, q->name);
        if (q->key_id)
                set_text(f, WIRE_F_KEY_ID, q->key_id);
        if (q->field)
                set_number(f, q->field, q->number);
}

/* One run. True: go on with the next call. */
static bool run(struct manage_fixture *f, const struct request *q, unsigned at)
{
        int64_t before = revision(f);
        uint32_t magic;
        bool done;

        put(f, q);
        memset(&fault, 0, sizeof(fault));
        fault.at = at;
        magic = run_as(f, q->uid);
        fault.at = 0;
        done = magic == WIRE_DONE || magic == WIRE_END || magic == WIRE_NEW_TOKEN;
        if (!done && !(fault.hit && magic == WIRE_UNAVAILABLE))
                fail_msg("%s, call %u: magic %x, %s", wire_verb_to_string(q->verb), at, magic,
                         reason(f));
        if (!done) {
                assert_int_equal(revision(f), before);
                assert_int_equal(f->reply.new_token, -1);
        }
        if (f->reply.new_token >= 0)
                (void)acknowledge(f, true, true);
        return fault.hit && !(done && q->changes);
}

static void test_every_call(void **state)
{
        struct manage_fixture *f = manage_fixture_new();
        unsigned runs = 0;

        (void)state;
        make_org(f, "acme");
        make_org(f, "globex");
        make_member(f, "acme", "alice", ROLE_ADMIN);
        make_member(f, "acme", "bob", ROLE_MEMBER);
        bind_account(f, "acme", "acme-deploy");
        (void)make_key(f, PERSON_ALICE, "acme", "ci", EXPIRY_DAY, ci);
        (void)make_pat(f, PERSON_ALICE, "laptop", EXPIRY_DAY, laptop);
        (void)make_pat(f, PERSON_BOB, "spare", EXPIRY_DAY, spare);
        for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
                for (unsigned at = 1; run(f, &requests[i], at); at++)
                        runs++;
        print_message("# %u runs, each with a call that failed\n", runs);
        assert_true(runs > 1000);
        (void)manage_fixture_free(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_call),
        };

        return cmocka_run_group_tests_name("manage_faults", tests, NULL, NULL);
}
