/* Tokens that were made and never acknowledged, because the daemon ended in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/verify.h"
#include "tests/support/fault_vfs.h"
#include "tests/support/manage_fixture.h"

/* More than are looked for at once. */
#define MANY 150

void audit_write(const struct audit_record *record)
{
        manage_fixture_record(record);
}

static int setup(void **state)
{
        struct manage_fixture *f;

        fault_vfs_install();
        f = manage_fixture_new();
        make_org(f, "acme");
        make_member(f, "acme", "alice", ROLE_ADMIN);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        *state = manage_fixture_free(*state);
        fault_vfs_remove();
        return 0;
}

static int recover(struct manage_fixture *f)
{
        return manage_recover(&f->manage, f->now, f->now);
}

static void make_unacknowledged(struct manage_fixture *f, char text[static 128])
{
        ask(f, WIRE_V_PAT_CREATE);
        set_text(f, WIRE_F_NAME, "unseen");
        assert_true(is_done(f, PERSON_ALICE));
        (void)strcpy(text, text_of(answer(f), WIRE_F_TOKEN));
}

static enum verdict judge(struct manage_fixture *f, const char *token)
{
        struct verify_input in = {.token = view_of(token),
                                  .account = VIEW("alice"),
                                  .service = VIEW("sshd"),
                                  .org_option = VIEW("acme")};
        struct verify_output out;

        assert_int_equal(verify_token(&f->manage.sealed, &in, f->now, NULL, &out), 0);
        return out.verdict;
}

static int count(void *context, int64_t id)
{
        assert_true(id >= 0);
        ++*(unsigned *)context;
        return 0;
}

static unsigned waiting(struct manage_fixture *f)
{
        unsigned n = 0;

        assert_int_equal(store_list_undelivered(f->store->reader, count, &n), 0);
        return n;
}

static void test_recover(void **state)
{
        struct manage_fixture *f = *state;
        char kept[TOKEN_KEY_ID_SIZE], text[128];
        unsigned changes;
        int64_t before;

        (void)make_pat(f, PERSON_ALICE, "kept", 0, kept);
        assert_int_equal(waiting(f), 0);
        before = revision(f);
        assert_int_equal(recover(f), 0);
        assert_int_equal(revision(f), before);
        make_unacknowledged(f, text);
        assert_int_equal(waiting(f), 1);
        assert_int_equal(judge(f, text), VERDICT_ALLOW);
        changes = manage_records.changes;
        assert_int_equal(recover(f), 0);
        assert_int_equal(judge(f, text), VERDICT_REVOKED);
        assert_int_equal(manage_records.changes, changes + 1);
        assert_non_null(strstr(manage_records.message, "by the daemon"));
        assert_int_equal(waiting(f), 0);
        /* Should its acknowledgement come all the same, it is too late. */
        assert_int_equal(acknowledge(f, true, true), WIRE_REFUSED);
        assert_string_equal(reason(f), "not-delivered");
        ask(f, WIRE_V_PAT_LIST);
        assert_true(is_done(f, PERSON_ALICE));
        assert_int_equal(row_count(f), 2);
        assert_int_equal(wire_number(row(f, 0), WIRE_F_STATE, 0), WIRE_STATE_LIVE);
        assert_string_equal(text_of(row(f, 1), WIRE_F_ENDED_REASON), "not-delivered");
}

/* The old one goes on as if nothing had been asked. */
static void test_recover_rotation(void **state)
{
        struct manage_fixture *f = *state;
        char old[TOKEN_KEY_ID_SIZE];
        struct record_token token;
        int64_t id = make_pat(f, PERSON_ALICE, "laptop", 0, old);

        ask(f, WIRE_V_ROTATE);
        set_text(f, WIRE_F_KEY_ID, old);
        assert_true(is_done(f, PERSON_ALICE));
        assert_int_equal(recover(f), 0);
        assert_int_equal(acknowledge(f, true, true), WIRE_REFUSED);
        assert_int_equal(store_find_token(f->store->reader, id, &token), 0);
        assert_int_equal(token.revoked_at, 0);
        assert_int_equal(token.ends_at, EXPIRY_NEVER);
        ask(f, WIRE_V_ROTATE);
        set_text(f, WIRE_F_KEY_ID, old);
        assert_true(is_done(f, PERSON_ALICE));
        assert_int_equal(acknowledge(f, true, true), WIRE_DONE);
        assert_int_equal(waiting(f), 0);
        assert_int_equal(store_find_token(f->store->reader, id, &token), 0);
        assert_int_not_equal(token.revoked_at, 0);
}

static void test_recover_many(void **state)
{
        struct manage_fixture *f = *state;
        char text[128];

        for (unsigned i = 0; i < MANY; i++)
                make_unacknowledged(f, text);
        assert_int_equal(waiting(f), MANY);
        assert_int_equal(recover(f), 0);
        assert_int_equal(waiting(f), 0);
        ask(f, WIRE_V_PAT_LIST);
        set_number(f, WIRE_F_STATE, WIRE_STATE_REVOKED);
        assert_true(is_done(f, PERSON_ALICE));
        assert_int_equal(row_count(f), MANY);
}

/* What was revoked before the acknowledgement came stays so, and is not waited for. */
static void test_revoked_meanwhile(void **state)
{
        struct manage_fixture *f = *state;
        char text[128];

        make_unacknowledged(f, text);
        ask(f, WIRE_V_REVOKE_ALL);
        assert_true(is_done(f, 0));
        assert_int_equal(judge(f, text), VERDICT_REVOKED);
        assert_int_equal(recover(f), 0);
        assert_int_equal(waiting(f), 0);
}

/* ---- several acknowledgements at once ---- */

#define TOGETHER 3

struct deliveries {
        struct manage_reply created[TOGETHER];
        char text[TOGETHER][128];
};

static void make_deliveries(struct manage_fixture *f, struct deliveries *ret)
{
        for (size_t i = 0; i < TOGETHER; i++) {
                make_unacknowledged(f, ret->text[i]);
                manage_reply_wipe(&f->reply);
                ret->created[i] = f->reply;
        }
}

static void keep_together(struct manage_fixture *f, struct deliveries *d)
{
        struct manage_reply *created[TOGETHER];

        for (size_t i = 0; i < TOGETHER; i++)
                created[i] = &d->created[i];
        manage_keep_together(&f->manage, created, TOGETHER);
}

static uint32_t acknowledge_one(struct manage_fixture *f, const struct manage_reply *created)
{
        manage_reply_wipe(&f->reply);
        f->reply = *created;
        return acknowledge(f, true, true);
}

/* On the disk with one sync, and from then on the answer is all that is left to do. */
static void test_together(void **state)
{
        struct manage_fixture *f = *state;
        struct deliveries d;
        int64_t before;

        make_deliveries(f, &d);
        before = revision(f);
        fault_vfs_fail(FAULT_SYNCS, FAULT_EIO, 2, true);
        keep_together(f, &d);
        assert_int_equal(waiting(f), 0);
        assert_int_equal(recover(f), 0);
        for (size_t i = 0; i < TOGETHER; i++) {
                assert_true(d.created[i].kept);
                assert_int_equal(acknowledge_one(f, &d.created[i]), WIRE_DONE);
                assert_int_equal(judge(f, d.text[i]), VERDICT_ALLOW);
        }
        assert_int_equal(fault_vfs_failed(), 0);
        /* And it was one: the next would have failed. */
        fault_vfs_fail(FAULT_SYNCS, FAULT_EIO, 1, true);
        make_deliveries(f, &d);
        keep_together(f, &d);
        assert_int_not_equal(fault_vfs_failed(), 0);
        fault_vfs_fail(0, FAULT_EIO, 0, false);
        assert_int_equal(revision(f), before + TOGETHER);
}

/* What is on the list no more is refused by itself, and takes no other with it. */
static void test_together_but_one(void **state)
{
        struct manage_fixture *f = *state;
        struct deliveries d;
        char text[128];

        make_unacknowledged(f, text);
        manage_reply_wipe(&f->reply);
        d.created[0] = f->reply;
        assert_int_equal(recover(f), 0);
        for (size_t i = 1; i < TOGETHER; i++) {
                make_unacknowledged(f, d.text[i]);
                manage_reply_wipe(&f->reply);
                d.created[i] = f->reply;
        }
        keep_together(f, &d);
        assert_false(d.created[0].kept);
        assert_int_equal(waiting(f), 0);
        assert_int_equal(acknowledge_one(f, &d.created[0]), WIRE_REFUSED);
        assert_string_equal(reason(f), "not-delivered");
        assert_int_equal(judge(f, text), VERDICT_REVOKED);
        for (size_t i = 1; i < TOGETHER; i++) {
                assert_true(d.created[i].kept);
                assert_int_equal(acknowledge_one(f, &d.created[i]), WIRE_DONE);
                assert_int_equal(judge(f, d.text[i]), VERDICT_ALLOW);
        }
}

/* A rotation ends another token too, and is left to do that. */
static void test_together_not_a_rotation(void **state)
{
        struct manage_fixture *f = *state;
        struct deliveries d;
        struct record_token token;
        char old[TOKEN_KEY_ID_SIZE];
        int64_t id = make_pat(f, PERSON_ALICE, "laptop", 0, old);

        make_deliveries(f, &d);
        ask(f, WIRE_V_ROTATE);
        set_text(f, WIRE_F_KEY_ID, old);
        assert_true(is_done(f, PERSON_ALICE));
        manage_reply_wipe(&f->reply);
        d.created[1] = f->reply;
        keep_together(f, &d);
        assert_true(d.created[0].kept && !d.created[1].kept && d.created[2].kept);
        assert_int_equal(store_find_token(f->store->reader, id, &token), 0);
        assert_int_equal(token.revoked_at, 0);
        assert_int_equal(acknowledge_one(f, &d.created[1]), WIRE_DONE);
        assert_int_equal(store_find_token(f->store->reader, id, &token), 0);
        assert_int_not_equal(token.revoked_at, 0);
}

/* Where it fails together none is kept, and each is still there to be kept alone. */
static void test_together_fails(void **state)
{
        static const unsigned operations[] = {FAULT_SYNCS, FAULT_WRITES, FAULT_LOCKS};
        struct manage_fixture *f = *state;
        struct deliveries d;

        for (size_t k = 0; k < sizeof(operations) / sizeof(operations[0]); k++) {
                make_deliveries(f, &d);
                fault_vfs_fail(operations[k], FAULT_EIO, 1, true);
                keep_together(f, &d);
                assert_int_not_equal(fault_vfs_failed(), 0);
                fault_vfs_fail(0, FAULT_EIO, 0, false);
                assert_int_equal(waiting(f), TOGETHER);
                for (size_t i = 0; i < TOGETHER; i++) {
                        assert_false(d.created[i].kept);
                        assert_int_equal(acknowledge_one(f, &d.created[i]), WIRE_DONE);
                        assert_int_equal(judge(f, d.text[i]), VERDICT_ALLOW);
                }
                assert_int_equal(waiting(f), 0);
        }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_recover),
                TEST(test_recover_rotation),
                TEST(test_recover_many),
                TEST(test_revoked_meanwhile),
                TEST(test_together),
                TEST(test_together_but_one),
                TEST(test_together_not_a_rotation),
                TEST(test_together_fails),
        };

        return cmocka_run_group_tests_name("manage-deliver", tests, NULL, NULL);
}
