/*
 * Every n-th operation on the disk fails, once or from then on, under every verb. Each answer is
 * done or a failure said in words; what was done is there, what was not is wholly there or wholly
 * absent; verification of what was there before goes on; and when the disk is back so is
 * everything, on the connections that are open. ORGTOKEN_LONG=1: all n, all kinds.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/verify.h"
#include "tests/support/fault_vfs.h"
#include "tests/support/files.h"
#include "tests/support/manage_fixture.h"
#include "tests/support/valgrind.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CASES_MAX    2000 /* far more than any verb has operations */

#ifdef __SANITIZE_ADDRESS__
#define STRIDE 5
#else
#define STRIDE 2
#endif

void audit_write(const struct audit_record *record)
{
        manage_fixture_record(record);
}

/* A store as every verb finds it, kept as a file to begin from. */
struct scene {
        struct manage_fixture *f;
        char store[512], wal[520], kept[512], backup[512];
        char pat_text[TOKEN_TEXT_MAX + 1], key_text[TOKEN_TEXT_MAX + 1];
        char pat_id[TOKEN_KEY_ID_SIZE], key_id[TOKEN_KEY_ID_SIZE]; /* others than these two */
        int64_t revision, cases, faults;
};

static void open_store(struct scene *s)
{
        fixture_open(s->f->store);
        s->f->manage.sealed = s->f->store->sealed;
}

static void begin_anew(struct scene *s)
{
        fixture_close(s->f->store);
        (void)unlink(s->wal);
        (void)unlink(s->backup);
        files_copy(s->kept, s->store);
        open_store(s);
}

static int setup(void **state)
{
        struct scene *s = calloc(1, sizeof(*s));
        struct store_fixture *store;
        int64_t org;

        assert_non_null(s);
        fault_vfs_install();
        s->f = manage_fixture_new();
        store = s->f->store;
        make_org(s->f, "acme");
        make_org(s->f, "globex");
        make_member(s->f, "acme", "alice", ROLE_ADMIN);
        make_member(s->f, "acme", "bob", ROLE_MEMBER);
        make_member(s->f, "globex", "bob", ROLE_ADMIN);
        bind_account(s->f, "acme", "acme-deploy");
        (void)make_key(s->f, PERSON_ALICE, "acme", "other", 5000, s->key_id);
        (void)make_pat(s->f, PERSON_BOB, "other", 5000, s->pat_id);
        org = 1;
        (void)fixture_token(store, TOKEN_AK, org, NULL, s->key_text);
        (void)fixture_token(store, TOKEN_PAT, 1, NULL, s->pat_text);
        s->revision = revision(s->f);
        (void)snprintf(s->store, sizeof(s->store), "%s/%s", store->dir, STORE_FILE);
        (void)snprintf(s->wal, sizeof(s->wal), "%s-wal", s->store);
        (void)snprintf(s->kept, sizeof(s->kept), "%s/kept", store->dir);
        (void)snprintf(s->backup, sizeof(s->backup), "%s/backup", store->dir);
        fixture_close(store);
        files_copy(s->store, s->kept);
        open_store(s);
        *state = s;
        return 0;
}

static int teardown(void **state)
{
        struct scene *s = *state;

        s->f = manage_fixture_free(s->f);
        fault_vfs_remove();
        free(s);
        return 0;
}

/* ---- the verbs ---- */

struct verb {
        enum wire_verb verb;
        int64_t uid;
        const char *org, *user, *account, *name;
        int64_t role;
        enum { NONE, KEY, PAT, BACKUP, TOKEN } token;
        bool changes;
};

static const struct verb verbs[] = {
        {.verb = WIRE_V_ORG_CREATE, .org = "initech", .changes = true},
        {.verb = WIRE_V_ORG_SET, .org = "acme", .role = -1, .changes = true},
        {.verb = WIRE_V_ORG_SUSPEND, .org = "globex", .changes = true},
        {.verb = WIRE_V_ORG_DELETE, .org = "globex", .changes = true},
        {.verb = WIRE_V_USER_SUSPEND, .user = "bob", .changes = true},
        {.verb = WIRE_V_USER_REMOVE, .user = "bob", .changes = true},
        {.verb = WIRE_V_MEMBER_ADD,
         .org = "globex",
         .user = "carol",
         .role = ROLE_MEMBER,
         .changes = true},
        {.verb = WIRE_V_MEMBER_SET,
         .org = "acme",
         .user = "bob",
         .role = ROLE_ADMIN,
         .changes = true},
        {.verb = WIRE_V_MEMBER_REMOVE, .org = "acme", .user = "bob", .changes = true},
        {.verb = WIRE_V_ACCOUNT_BIND,
         .org = "acme",
         .account = "postgres",
         .role = -2,
         .changes = true},
        {.verb = WIRE_V_ACCOUNT_UNBIND, .org = "acme", .account = "acme-deploy", .changes = true},
        {.verb = WIRE_V_KEY_CREATE, .org = "acme", .name = "new", .changes = true},
        {.verb = WIRE_V_PAT_CREATE, .uid = PERSON_ALICE, .name = "new", .changes = true},
        {.verb = WIRE_V_KEY_REVOKE, .token = KEY, .changes = true},
        {.verb = WIRE_V_PAT_REVOKE, .uid = PERSON_BOB, .token = PAT, .changes = true},
        {.verb = WIRE_V_PAT_RENAME,
         .uid = PERSON_BOB,
         .token = PAT,
         .name = "renamed",
         .changes = true},
        {.verb = WIRE_V_ROTATE, .token = KEY, .changes = true},
        {.verb = WIRE_V_REVOKE_ALL, .org = "globex", .user = "bob", .changes = true},
        {.verb = WIRE_V_HOST_SET, .role = -1, .changes = true},
        {.verb = WIRE_V_CLOCK_RESET},
        {.verb = WIRE_V_BACKUP, .token = BACKUP},
        {.verb = WIRE_V_STATUS},
        {.verb = WIRE_V_WHOAMI, .uid = PERSON_ALICE},
        {.verb = WIRE_V_ORG_LIST},
        {.verb = WIRE_V_ORG_SHOW, .org = "acme"},
        {.verb = WIRE_V_USER_LIST},
        {.verb = WIRE_V_MEMBER_LIST, .org = "acme"},
        {.verb = WIRE_V_ACCOUNT_LIST},
        {.verb = WIRE_V_KEY_LIST, .org = "acme"},
        {.verb = WIRE_V_PAT_LIST, .uid = PERSON_BOB},
        {.verb = WIRE_V_CHECK, .account = "acme-deploy", .token = TOKEN},
};

static void put_token(struct scene *s, const struct verb *v)
{
        switch (v->token) {
        case KEY: set_text(s->f, WIRE_F_KEY_ID, s->key_id); break;
        case PAT: set_text(s->f, WIRE_F_KEY_ID, s->pat_id); break;
        case BACKUP: set_text(s->f, WIRE_F_PATH, s->backup); break;
        case TOKEN: set_text(s->f, WIRE_F_TOKEN, s->key_text); break;
        case NONE: break;
        }
}

static uint32_t run(struct scene *s, const struct verb *v)
{
        struct manage_fixture *f = s->f;
        uint32_t magic;

        ask(f, v->verb);
        put_token(s, v);
        if (v->org && v->verb != WIRE_V_REVOKE_ALL)
                set_text(f, WIRE_F_ORG, v->org);
        if (v->user)
                set_text(f, WIRE_F_USER, v->user);
        if (v->account)
                set_text(f, WIRE_F_ACCOUNT, v->account);
        if (v->name)
                set_text(f, WIRE_F_NAME, v->name);
        if (v->role > 0)
                set_number(f, WIRE_F_ROLE, v->role);
        if (v->role == -1)
                set_number(f, WIRE_F_MAX_LIFE, EXPIRY_DAY);
        if (v->role == -2)
                set_number(f, WIRE_F_ALLOW_SYSTEM, true);
        magic = run_as(f, v->uid);
        /* The token counts from its acknowledgement on. */
        return magic == WIRE_NEW_TOKEN ? acknowledge(f, true, true) : magic;
}

static bool is_answer_of_success(uint32_t magic)
{
        return magic == WIRE_DONE || magic == WIRE_END;
}

/* ---- what must hold ---- */

static int decide(const struct scene *s, const char *token, const char *account, const char *org,
                  enum verdict *ret)
{
        struct verify_input in = {.token = view_of(token),
                                  .account = view_of(account),
                                  .service = VIEW("sshd"),
                                  .org_option = org ? view_of(org) : VIEW_ABSENT};
        struct verify_output out;
        int e = verify_token(&s->f->store->sealed, &in, s->f->now, NULL, &out);

        if (e == 0)
                *ret = out.verdict;
        return e;
}

/* What was good before, is good: for the verbs that leave it alone. */
static void assert_verifies(const struct scene *s, const struct verb *v)
{
        enum verdict verdict = VERDICT_UNKNOWN;

        if (v->verb != WIRE_V_ACCOUNT_UNBIND) {
                assert_int_equal(decide(s, s->key_text, "acme-deploy", NULL, &verdict), 0);
                assert_int_equal(verdict, VERDICT_ALLOW);
        }
        assert_int_equal(decide(s, s->pat_text, "alice", "acme", &verdict), 0);
        assert_int_equal(verdict, VERDICT_ALLOW);
}

static void tell(const struct scene *s, const struct verb *v, unsigned n, const char *what)
{
        print_error("%s, operation %u: %s (%s: %s)\n", wire_verb_to_string(v->verb), n, what,
                    reason(s->f), text_of(answer(s->f), WIRE_F_MESSAGE));
        fail();
}

/* How a failure may be answered: no refusal that means something else. */
static void assert_answer(const struct scene *s, const struct verb *v, unsigned n, uint32_t magic)
{
        const char *why = reason(s->f);

        if (is_answer_of_success(magic) || magic == WIRE_UNAVAILABLE || magic == 0)
                return;
        if (magic != WIRE_REFUSED)
                tell(s, v, n, "no answer that there is");
        if (strcmp(why, "store-full") != 0 && strcmp(why, "read-only") != 0 &&
            strcmp(why, "not-delivered") != 0 && strcmp(why, "bad-path") != 0)
                tell(s, v, n, "refused for a reason that is not so");
}

/* What a backup that failed had begun is gone. */
static bool is_tidy(const struct scene *s)
{
        DIR *d = opendir(s->f->store->dir);
        bool tidy = true;

        assert_non_null(d);
        for (struct dirent *entry; (entry = readdir(d));)
                tidy = tidy && strncmp(entry->d_name, ".backup-", 8) != 0;
        (void)closedir(d);
        return tidy;
}

static void assert_store(struct scene *s, const struct verb *v, unsigned n, uint32_t magic)
{
        struct store_freshness freshness;
        int64_t most = v->changes ? s->revision + 2 : s->revision;
        struct stat st;

        assert_int_equal(store_check(s->f->store->managed.reader), 0);
        assert_int_equal(store_freshness(s->f->store->reader, &freshness), 0);
        if (freshness.revision < s->revision || freshness.revision > most)
                tell(s, v, n, "a revision that cannot be");
        if (v->changes && is_answer_of_success(magic) && freshness.revision == s->revision)
                tell(s, v, n, "acknowledged, and not there");
        if (v->verb == WIRE_V_BACKUP)
                assert_int_equal(lstat(s->backup, &st) == 0, is_answer_of_success(magic));
        assert_true(is_tidy(s));
        assert_verifies(s, v);
}

struct plan {
        unsigned operations;
        enum fault_kind kind;
        bool for_ever;
};

/* One case. False where the verb had fewer operations. */
static bool fails_at(struct scene *s, const struct verb *v, const struct plan *p, unsigned n)
{
        static const struct verb other = {
                .verb = WIRE_V_ORG_CREATE, .org = "umbrella", .changes = true};
        unsigned failed;
        uint32_t magic;

        begin_anew(s);
        fault_vfs_fail(p->operations, p->kind, n, p->for_ever);
        magic = run(s, v);
        failed = fault_vfs_failed();
        assert_answer(s, v, n, magic);
        /* A full disk stops no login. */
        if (p->kind == FAULT_FULL && p->operations == FAULT_WRITES)
                assert_verifies(s, v);
        fault_vfs_fail(0, FAULT_EIO, 0, false);
        if (failed == 0) {
                assert_true(is_answer_of_success(magic));
                return false;
        }
        s->cases++;
        s->faults += failed;
        assert_verifies(s, v);
        /* On the same connections, without a restart. */
        if (!is_answer_of_success(run(s, &other)))
                tell(s, v, n, "the store did not come back");
        s->revision++;
        fixture_close(s->f->store);
        open_store(s);
        assert_store(s, v, n, magic);
        s->revision--;
        return true;
}

static void test_every_verb(void **state)
{
        static const struct plan plans[] = {
                {FAULT_ALL, FAULT_EIO, false},    {FAULT_WRITES, FAULT_FULL, true},
                {FAULT_ALL, FAULT_EIO, true},     {FAULT_WRITES, FAULT_TORN, false},
                {FAULT_SYNCS, FAULT_EIO, false},  {FAULT_WRITES, FAULT_FULL, false},
                {FAULT_WRITES, FAULT_TORN, true},
        };
        struct scene *s = *state;
        bool is_long = getenv("ORGTOKEN_LONG") != NULL;
        size_t kinds = is_long ? COUNT(plans) : 3;
        unsigned stride = is_long ? 1 : valgrind_is_here() ? 20 * STRIDE : STRIDE;

        for (size_t v = 0; v < COUNT(verbs); v++) {
                for (size_t p = 0; p < kinds; p++) {
                        unsigned n = 1;

                        while (fails_at(s, &verbs[v], &plans[p], n)) {
                                assert_true(n < CASES_MAX);
                                n += stride;
                        }
                }
        }
        print_message("# %lld cases, %lld faults, %zu verbs\n", (long long)s->cases,
                      (long long)s->faults, COUNT(verbs));
        /* A pass over each verb at the least. */
        assert_true(s->cases > (is_long ? 2000 : 600 / stride));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_every_verb, setup, teardown),
        };

        return cmocka_run_group_tests_name("io_errors", tests, NULL, NULL);
}
