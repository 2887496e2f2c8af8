/* Every verb, asked for by everybody, against a store: who may, and that a refusal changes nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/audit.h"
#include "tests/support/manage_fixture.h"

void audit_write(const struct audit_record *record)
{
        manage_fixture_record(record);
}

enum caller {
        ROOT,
        ADMIN,
        MEMBER,
        OTHER,
        STRANGER,
        SUSPENDED,
        MISMATCHED,
        NAMELESS,
        NOBODY,
        CALLERS
};

static const struct {
        const char *name;
        int64_t uid;
} callers[CALLERS] = {
        [ROOT] = {"root", 0},
        [ADMIN] = {"admin of acme", PERSON_ALICE},
        [MEMBER] = {"member of acme", PERSON_BOB},
        [OTHER] = {"admin of globex", PERSON_CAROL},
        [STRANGER] = {"stranger", PERSON_DAVE},
        [SUSPENDED] = {"suspended admin of acme", 1010},
        [MISMATCHED] = {"another erin", 1099},
        [NAMELESS] = {"nameless", PERSON_NAMELESS},
        [NOBODY] = {"nobody", PERSON_NOBODY},
};

/* One column a caller, in the order above. "." allowed; N not-allowed, F not-found, S suspended,
   M uid-mismatch, - no-name, R bad-request (no verb of this socket), U answered as unknown. */
struct line {
        enum wire_verb verb;
        const char *expected;
};

static const struct line lines[] = {
        {WIRE_V_ACK, "RRRRRRRRN"},
        {WIRE_V_STATUS, "........N"},
        {WIRE_V_WHOAMI, "......M-N"},
        {WIRE_V_CHECK, "..UUUSM-N"},
        {WIRE_V_ORG_CREATE, ".NNNNNNNN"},
        {WIRE_V_ORG_LIST, ".....SM-N"},
        {WIRE_V_ORG_SHOW, "...FFSM-N"},
        {WIRE_V_ORG_DELETE, ".NNNNNNNN"},
        {WIRE_V_ORG_SET, ".NNNNNNNN"},
        {WIRE_V_ORG_SUSPEND, ".NNNNNNNN"},
        {WIRE_V_ORG_RESUME, ".NNNNNNNN"},
        {WIRE_V_USER_LIST, ".NNNNNNNN"},
        {WIRE_V_USER_SUSPEND, ".NNNNNNNN"},
        {WIRE_V_USER_RESUME, ".NNNNNNNN"},
        {WIRE_V_USER_REASSIGN, ".NNNNNNNN"},
        {WIRE_V_USER_REMOVE, ".NNNNNNNN"},
        {WIRE_V_MEMBER_ADD, "..NFFSM-N"},
        {WIRE_V_MEMBER_SET, "..NFFSM-N"},
        {WIRE_V_MEMBER_REMOVE, "..NFFSM-N"},
        {WIRE_V_MEMBER_LIST, "...FFSM-N"},
        {WIRE_V_ACCOUNT_BIND, ".NNNNNNNN"},
        {WIRE_V_ACCOUNT_UNBIND, ".NNNNNNNN"},
        {WIRE_V_ACCOUNT_RELEASE, ".NNNNNNNN"},
        {WIRE_V_ACCOUNT_LIST, "...FFSM-N"},
        {WIRE_V_KEY_CREATE, "..NFFSM-N"},
        {WIRE_V_KEY_LIST, "..NFFSM-N"},
        {WIRE_V_KEY_REVOKE, "..FFFSM-N"},
        /* Of bob, the member. */
        {WIRE_V_PAT_CREATE, ".N.NNSM-N"},
        {WIRE_V_PAT_LIST, ".F.FFSM-N"},
        {WIRE_V_PAT_RENAME, ".F.FFSM-N"},
        {WIRE_V_PAT_REVOKE, ".F.FFSM-N"},
        {WIRE_V_ROTATE, "..FFFSM-N"},
        {WIRE_V_REVOKE_ALL, ".NNNNNNNN"},
        {WIRE_V_HOST_SHOW, ".NNNNNNNN"},
        {WIRE_V_HOST_SET, ".NNNNNNNN"},
        {WIRE_V_CLOCK_RESET, ".NNNNNNNN"},
        {WIRE_V_BACKUP, ".NNNNNNNN"},
        {WIRE_V_GUARDED_LIST, ".NNNNNNNN"},
        {WIRE_V_REVOKE_TOKEN, ".NNNNNNNN"},
        {WIRE_V_NOTIFY, ".NNNNNNNN"},
        {WIRE_V_SESSION, "RRRRRRRRN"},
        {WIRE_V_SESSION_STATE, "RRRRRRRRN"},
        {WIRE_V_SESSION_END, "RRRRRRRRN"},
};
#define LINES (sizeof(lines) / sizeof(lines[0]))

struct scene {
        struct manage_fixture *f;
        char key[TOKEN_KEY_ID_SIZE], pat[TOKEN_KEY_ID_SIZE];
        char key_text[TOKEN_TEXT_MAX + 1];
        int64_t key_number;
};

static void make_checked_key(struct scene *s)
{
        struct manage_fixture *f = s->f;

        ask(f, WIRE_V_KEY_CREATE);
        set_text(f, WIRE_F_ORG, "acme");
        set_text(f, WIRE_F_NAME, "ci");
        assert_int_equal(run_as(f, 0), WIRE_NEW_TOKEN);
        (void)strcpy(s->key, text_of(answer(f), WIRE_F_KEY_ID));
        (void)strcpy(s->key_text, text_of(answer(f), WIRE_F_TOKEN));
        s->key_number = f->reply.new_token;
        assert_int_equal(acknowledge(f, true, true), WIRE_DONE);
}

static void suspend(struct manage_fixture *f, const char *user)
{
        ask(f, WIRE_V_USER_SUSPEND);
        set_text(f, WIRE_F_USER, user);
        assert_int_equal(run_as(f, 0), WIRE_DONE);
}

static struct scene scene_new(void)
{
        struct scene s = {.f = manage_fixture_new()};

        person(s.f, "sally", 1010);
        person(s.f, "erin", 1098);
        make_org(s.f, "acme");
        make_org(s.f, "globex");
        make_org(s.f, "empty");
        make_member(s.f, "acme", "alice", ROLE_ADMIN);
        make_member(s.f, "acme", "bob", ROLE_MEMBER);
        make_member(s.f, "acme", "sally", ROLE_ADMIN);
        make_member(s.f, "acme", "erin", ROLE_ADMIN);
        make_member(s.f, "globex", "carol", ROLE_ADMIN);
        suspend(s.f, "sally");
        person(s.f, "erin", 1099);
        bind_account(s.f, "acme", "acme-deploy");
        make_checked_key(&s);
        (void)make_pat(s.f, PERSON_BOB, "laptop", 0, s.pat);
        return s;
}

/* Fields by which the verb would succeed for who may. */
static void fill(struct scene *s, enum wire_verb verb)
{
        struct manage_fixture *f = s->f;
        static char text[128]; /* the request points to it */

        ask(f, verb);
        switch ((int)verb) {
        case WIRE_V_ACK: set_number(f, WIRE_F_ACCEPTED, 1); return;
        case WIRE_V_CHECK: set_text(f, WIRE_F_TOKEN, s->key_text); return;
        case WIRE_V_ORG_CREATE: set_text(f, WIRE_F_ORG, "newone"); return;
        case WIRE_V_ORG_DELETE: set_text(f, WIRE_F_ORG, "empty"); return;
        case WIRE_V_USER_SUSPEND:
        case WIRE_V_USER_RESUME:
        case WIRE_V_USER_REASSIGN:
        case WIRE_V_USER_REMOVE: set_text(f, WIRE_F_USER, "bob"); return;
        case WIRE_V_MEMBER_ADD:
        case WIRE_V_MEMBER_SET:
        case WIRE_V_MEMBER_REMOVE:
                set_text(f, WIRE_F_ORG, "acme");
                set_text(f, WIRE_F_USER, verb == WIRE_V_MEMBER_ADD ? "dave" : "bob");
                if (verb == WIRE_V_MEMBER_SET)
                        set_number(f, WIRE_F_ROLE, ROLE_ADMIN);
                return;
        case WIRE_V_ACCOUNT_BIND:
        case WIRE_V_ACCOUNT_UNBIND:
                set_text(f, WIRE_F_ORG, "acme");
                set_text(f, WIRE_F_ACCOUNT,
                         verb == WIRE_V_ACCOUNT_BIND ? "acme-db" : "acme-deploy");
                return;
        case WIRE_V_ACCOUNT_RELEASE: set_text(f, WIRE_F_ACCOUNT, "acme-old"); return;
        case WIRE_V_KEY_CREATE:
                set_text(f, WIRE_F_ORG, "acme");
                set_text(f, WIRE_F_NAME, "second");
                return;
        case WIRE_V_ORG_SET:
                set_number(f, WIRE_F_MAX_LIFE, 1000000000);
                set_text(f, WIRE_F_ORG, "acme");
                return;
        case WIRE_V_ORG_SHOW:
        case WIRE_V_ORG_SUSPEND:
        case WIRE_V_ORG_RESUME:
        case WIRE_V_MEMBER_LIST:
        case WIRE_V_ACCOUNT_LIST:
        case WIRE_V_KEY_LIST: set_text(f, WIRE_F_ORG, "acme"); return;
        case WIRE_V_KEY_REVOKE:
        case WIRE_V_ROTATE: set_text(f, WIRE_F_KEY_ID, s->key); return;
        case WIRE_V_PAT_CREATE:
                set_text(f, WIRE_F_NAME, "another");
                set_text(f, WIRE_F_USER, "bob");
                return;
        case WIRE_V_PAT_LIST: set_text(f, WIRE_F_USER, "bob"); return;
        case WIRE_V_PAT_RENAME:
                set_text(f, WIRE_F_NAME, "renamed");
                set_text(f, WIRE_F_KEY_ID, s->pat);
                return;
        case WIRE_V_PAT_REVOKE: set_text(f, WIRE_F_KEY_ID, s->pat); return;
        case WIRE_V_HOST_SET: set_number(f, WIRE_F_MAX_UNUSED, 0); return;
        case WIRE_V_BACKUP:
                (void)snprintf(text, sizeof(text), "%s/backup", f->store->dir);
                set_text(f, WIRE_F_PATH, text);
                return;
        case WIRE_V_REVOKE_TOKEN:
                token_id_to_text(s->key_number, text);
                set_number(f, WIRE_F_KIND, TOKEN_AK);
                set_text(f, WIRE_F_ID, text);
                return;
        case WIRE_V_SESSION:
        case WIRE_V_SESSION_STATE:
        case WIRE_V_SESSION_END:
                set_text(f, WIRE_F_ACCOUNT, "acme-deploy");
                set_text(f, WIRE_F_SESSION, "1");
                if (verb != WIRE_V_SESSION) {
                        set_number(f, WIRE_F_CREATED_AT, 1);
                        set_number(f, WIRE_F_LEADER, 1);
                        return;
                }
                set_text(f, WIRE_F_SERVICE, "sshd");
                set_text(f, WIRE_F_ORG, "acme");
                set_text(f, WIRE_F_KEY_ID, s->key);
                return;
        default: return; /* no fields */
        }
}

static char outcome_of(struct manage_fixture *f, uint32_t magic)
{
        static const struct {
                const char *reason;
                char letter;
        } letters[] = {{"not-allowed", 'N'},  {"not-found", 'F'}, {"suspended", 'S'},
                       {"uid-mismatch", 'M'}, {"no-name", '-'},   {"bad-request", 'R'}};

        if (f->request.verb == WIRE_V_CHECK && magic == WIRE_DONE &&
            wire_number(answer(f), WIRE_F_VERDICT, 0) == VERDICT_UNKNOWN) {
                /* Nothing but the verdict. */
                assert_int_equal(answer(f)->present[1] == 0 || !wire_has(answer(f), WIRE_F_KEY_ID),
                                 1);
                assert_false(wire_has(answer(f), WIRE_F_EXPLANATION));
                return 'U';
        }
        if (magic != WIRE_REFUSED)
                return magic == WIRE_UNAVAILABLE ? '!' : '.';
        for (size_t i = 0; i < 6; i++)
                if (strcmp(reason(f), letters[i].reason) == 0)
                        return letters[i].letter;
        print_error("%s: %s\n", reason(f), text_of(answer(f), WIRE_F_MESSAGE));
        return '?';
}

static void check_cell(const struct line *line, enum caller caller)
{
        struct scene s = scene_new();
        int64_t before;
        unsigned refusals;
        char outcome;

        if (line->verb == WIRE_V_ACCOUNT_RELEASE) {
                bind_account(s.f, "acme", "acme-old");
                ask(s.f, WIRE_V_ACCOUNT_UNBIND);
                set_text(s.f, WIRE_F_ORG, "acme");
                set_text(s.f, WIRE_F_ACCOUNT, "acme-old");
                assert_int_equal(run_as(s.f, 0), WIRE_DONE);
        }
        before = revision(s.f);
        refusals = manage_records.refusals;
        fill(&s, line->verb);
        outcome = outcome_of(s.f, run_as(s.f, callers[caller].uid));
        if (outcome != line->expected[caller])
                print_error("%s by %s: %c, expected %c (%s)\n", wire_verb_to_string(line->verb),
                            callers[caller].name, outcome, line->expected[caller],
                            text_of(answer(s.f), WIRE_F_MESSAGE));
        assert_int_equal(outcome, line->expected[caller]);
        if (outcome != '.' && outcome != 'U') {
                assert_int_equal(revision(s.f), before);
                assert_int_equal(manage_records.refusals, refusals + 1);
                assert_int_equal(manage_records.uid, callers[caller].uid);
                assert_true(strlen(text_of(answer(s.f), WIRE_F_MESSAGE)) <= 300);
        }
        (void)manage_fixture_free(s.f);
}

static void test_every_verb_by_everybody(void **state)
{
        bool seen[WIRE_VERB_COUNT] = {0};

        (void)state;
        for (size_t i = 0; i < LINES; i++) {
                assert_int_equal(strlen(lines[i].expected), CALLERS);
                seen[lines[i].verb] = true;
                for (unsigned c = 0; c < CALLERS; c++)
                        check_cell(&lines[i], (enum caller)c);
        }
        for (unsigned v = WIRE_V_ACK; v < WIRE_VERB_COUNT; v++)
                assert_true(seen[v]);
}

/* "Not there" and "not yours" are one answer, to the byte. */
static void test_not_there_is_not_yours(void **state)
{
        struct scene s = scene_new();
        char there[400], absent[400];

        (void)state;
        ask(s.f, WIRE_V_ORG_SHOW);
        set_text(s.f, WIRE_F_ORG, "acme");
        assert_int_equal(run_as(s.f, PERSON_CAROL), WIRE_REFUSED);
        (void)strcpy(there, text_of(answer(s.f), WIRE_F_MESSAGE));
        ask(s.f, WIRE_V_ORG_SHOW);
        set_text(s.f, WIRE_F_ORG, "acma");
        assert_int_equal(run_as(s.f, PERSON_CAROL), WIRE_REFUSED);
        (void)strcpy(absent, text_of(answer(s.f), WIRE_F_MESSAGE));
        assert_string_equal(strstr(there, "' that"), strstr(absent, "' that"));

        ask(s.f, WIRE_V_PAT_REVOKE);
        set_text(s.f, WIRE_F_KEY_ID, s.pat);
        assert_int_equal(run_as(s.f, PERSON_CAROL), WIRE_REFUSED);
        (void)strcpy(there, text_of(answer(s.f), WIRE_F_MESSAGE));
        ask(s.f, WIRE_V_PAT_REVOKE);
        set_text(s.f, WIRE_F_KEY_ID, "pat_zzzzzz");
        assert_int_equal(run_as(s.f, PERSON_CAROL), WIRE_REFUSED);
        (void)strcpy(absent, text_of(answer(s.f), WIRE_F_MESSAGE));
        assert_string_equal(strstr(there, "' that"), strstr(absent, "' that"));
        (void)manage_fixture_free(s.f);
}

/* The daemon that a user runs for their own: its uid is root there. */
static void test_private_uid(void **state)
{
        struct manage_fixture *f = manage_fixture_new();

        (void)state;
        f->manage.private_uid = PERSON_ALICE;
        ask(f, WIRE_V_ORG_CREATE);
        set_text(f, WIRE_F_ORG, "acme");
        assert_int_equal(run_as(f, PERSON_BOB), WIRE_REFUSED);
        assert_int_equal(run_as(f, PERSON_ALICE), WIRE_DONE);
        /* Nobody stays nobody. */
        f->manage.private_uid = PERSON_NOBODY;
        ask(f, WIRE_V_ORG_CREATE);
        set_text(f, WIRE_F_ORG, "globex");
        assert_int_equal(run_as(f, PERSON_NOBODY), WIRE_REFUSED);
        f->manage.private_uid = -1;
        assert_int_equal(run_as(f, -1), WIRE_REFUSED);
        assert_int_equal(run_as(f, 4294967295), WIRE_REFUSED);
        (void)manage_fixture_free(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_verb_by_everybody),
                cmocka_unit_test(test_not_there_is_not_yours),
                cmocka_unit_test(test_private_uid),
        };

        return cmocka_run_group_tests_name("manage-roles", tests, NULL, NULL);
}
