/* What fails around the verbs: packets that are none, a store that is damaged, locked or cannot be
   written, a user database that does not answer, a random source that repeats itself. Nothing is
   ever half done. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "daemon/manage_internal.h"
#include "tests/daemon/manage_scene.h"

void audit_write(const struct audit_record *record)
{
        manage_fixture_record(record);
}

static bool is_unavailable(struct manage_fixture *f, int64_t uid)
{
        unsigned failures = manage_records.failures;
        int64_t before = revision(f);

        return run_as(f, uid) == WIRE_UNAVAILABLE && manage_records.failures == failures + 1 &&
               revision(f) == before && f->reply.new_token == -1 && f->packet_count == 1;
}

/* Every reason has a word of its own. */
static void test_reasons(void **state)
{
        (void)state;
        for (unsigned i = 1; i < MANAGE_REASON_COUNT; i++) {
                const char *word = manage_reason_to_string((enum manage_reason)i);

                assert_string_not_equal(word, "invalid");
                assert_int_equal(strspn(word, "abcdefghijklmnopqrstuvwxyz-"), strlen(word));
                for (unsigned j = 1; j < i; j++)
                        assert_string_not_equal(word,
                                                manage_reason_to_string((enum manage_reason)j));
        }
        assert_string_equal(manage_reason_to_string((enum manage_reason)0), "invalid");
        assert_string_equal(manage_reason_to_string(MANAGE_REASON_COUNT), "invalid");
}

static void run_packet(struct manage_fixture *f, const void *packet, size_t len)
{
        struct manage_call call = {
                .uid = 0, .now = f->now, .clock = f->now, .packet = view_of_bytes(packet, len)};

        manage_reply_wipe(&f->reply);
        assert_int_equal(manage_run(&f->manage, &call, &f->reply), 0);
}

static void test_bad_packets(void **state)
{
        struct manage_fixture *f = *state;
        unsigned char packet[WIRE_PACKET_MAX];
        struct wire_message m;
        int64_t before = revision(f);
        uint16_t prefix;
        size_t len;

        run_packet(f, "", 0);
        assert_int_equal(f->reply.len, 0);
        run_packet(f, "rubbish that is no packet at all, but long", 42);
        assert_int_equal(f->reply.len, 0);
        ask(f, WIRE_V_ORG_CREATE);
        set_text(f, WIRE_F_ORG, "globex");
        assert_int_equal(wire_encode(&f->request, packet, sizeof(packet), &len), 0);
        for (size_t cut = 0; cut < len; cut++) {
                run_packet(f, packet, cut);
                assert_int_equal(f->reply.len > 0, cut >= WIRE_HEADER_LEN);
        }
        /* A field too many: the header can be read, so there is an answer to it. */
        packet[len] = 0;
        run_packet(f, packet, len + 1);
        memcpy(&prefix, f->reply.bytes, sizeof(prefix));
        assert_int_equal(wire_decode(f->reply.bytes + 2, prefix, &m), 0);
        assert_int_equal(m.magic, WIRE_REFUSED);
        assert_true(view_equal_str(wire_text(&m, WIRE_F_REASON), "bad-request"));
        assert_true(wire_is_answer_to(&m, &f->request));
        /* An answer is no request. */
        wire_init(&m, WIRE_END, WIRE_V_ORG_LIST, f->request.nonce);
        assert_int_equal(wire_encode(&m, packet, sizeof(packet), &len), 0);
        run_packet(f, packet, len);
        memcpy(&prefix, f->reply.bytes, sizeof(prefix));
        assert_int_equal(wire_decode(f->reply.bytes + 2, prefix, &m), 0);
        assert_int_equal(m.magic, WIRE_REFUSED);
        assert_int_equal(revision(f), before);
}

/* The verbs of the other socket are none here, whoever asks. */
static void test_other_socket(void **state)
{
        struct manage_fixture *f = *state;

        ask(f, WIRE_V_VERIFY);
        set_text(f, WIRE_F_TOKEN, "x");
        set_text(f, WIRE_F_ACCOUNT, "alice");
        set_text(f, WIRE_F_SERVICE, "sshd");
        set_number(f, WIRE_F_REAL_UID, 0);
        assert_true(is_refused(f, 0, "bad-request"));
        ask(f, WIRE_V_ACK);
        set_number(f, WIRE_F_ACCEPTED, 1);
        assert_true(is_refused(f, 0, "bad-request"));
}

static void test_user_database(void **state)
{
        struct manage_fixture *f = *state;

        f->database_error = -EIO;
        ask(f, WIRE_V_ORG_LIST);
        assert_true(is_unavailable(f, PERSON_ALICE));
        assert_true(is_unavailable(f, 0));
        ask(f, WIRE_V_PAT_CREATE);
        set_text(f, WIRE_F_NAME, "x");
        assert_true(is_unavailable(f, PERSON_ALICE));
        f->database_error = 0;
        /* A login name that is none of ours. */
        person(f, "DOM\\eve", 1500);
        ask(f, WIRE_V_ORG_LIST);
        assert_true(is_refused(f, 1500, "no-name"));
}

static void test_read_only(void **state)
{
        static const enum wire_verb writing[] = {WIRE_V_ORG_SUSPEND, WIRE_V_ORG_DELETE};
        struct manage_fixture *f = *state;
        struct store_writer *writer = f->manage.sealed.writer;
        unsigned failures;

        make_member(f, "acme", "frank", ROLE_MEMBER);
        person(f, "frank", 1700);
        f->manage.sealed.writer = NULL;
        for (size_t i = 0; i < 2; i++) {
                ask(f, writing[i]);
                set_text(f, WIRE_F_ORG, "acme");
                failures = manage_records.failures;
                assert_int_equal(run_as(f, 0), WIRE_REFUSED);
                assert_string_equal(reason(f), "read-only");
                assert_int_equal(manage_records.failures, failures + 1);
        }
        ask(f, WIRE_V_ORG_LIST);
        assert_true(is_done(f, 0));
        /* First seen while nothing can be written: he may look all the same. */
        assert_true(is_done(f, 1700));
        assert_int_equal(row_count(f), 1);
        f->manage.sealed.writer = writer;
}

static void test_tampered_rows(void **state)
{
        struct manage_fixture *f = *state;

        ask(f, WIRE_V_HOST_SET);
        set_number(f, WIRE_F_SELF_SERVICE, SELF_SERVICE_OFF);
        assert_true(is_done(f, 0));
        make_member(f, "acme", "bob", ROLE_MEMBER);
        fixture_tamper(f->store, "UPDATE member SET role = 2 WHERE user_id = 2");
        ask(f, WIRE_V_KEY_LIST);
        set_text(f, WIRE_F_ORG, "acme");
        assert_true(is_unavailable(f, PERSON_BOB));
        assert_true(is_done(f, 0));
        ask(f, WIRE_V_WHOAMI);
        assert_true(is_unavailable(f, PERSON_BOB));
        ask(f, WIRE_V_MEMBER_LIST);
        set_text(f, WIRE_F_ORG, "acme");
        assert_true(is_unavailable(f, PERSON_ALICE));
        fixture_tamper(f->store, "UPDATE member SET role = 1 WHERE user_id = 2;"
                                 "UPDATE user SET suspended = 1 WHERE id = 1");
        assert_true(is_unavailable(f, PERSON_ALICE));
        fixture_tamper(f->store, "UPDATE user SET suspended = 0 WHERE id = 1;"
                                 "UPDATE host_policy SET self_service = 1");
        ask(f, WIRE_V_PAT_CREATE);
        set_text(f, WIRE_F_NAME, "x");
        assert_true(is_unavailable(f, PERSON_ALICE));
}

/* A row that was edited must not become a true one by being rotated; but it can be revoked. */
static void test_tampered_token(void **state)
{
        struct manage_fixture *f = *state;
        char id[TOKEN_KEY_ID_SIZE];

        (void)make_pat(f, PERSON_ALICE, "laptop", 3600, id);
        fixture_tamper(f->store, "UPDATE token SET expires_at = NULL");
        ask(f, WIRE_V_ROTATE);
        set_text(f, WIRE_F_KEY_ID, id);
        assert_true(is_unavailable(f, PERSON_ALICE));
        ask(f, WIRE_V_PAT_REVOKE);
        set_text(f, WIRE_F_KEY_ID, id);
        assert_true(is_done(f, PERSON_ALICE));
}

/* An id that exists is drawn again; a source that only repeats itself is given up. */
static void test_same_ids(void **state)
{
        struct manage_fixture *f = *state;

        f->repeats = 2; /* id and secret */
        ask(f, WIRE_V_PAT_CREATE);
        set_text(f, WIRE_F_NAME, "x");
        assert_true(is_done(f, PERSON_ALICE));
        f->repeats = 4;
        assert_true(is_done(f, PERSON_ALICE));
        f->repeats = 1000;
        assert_true(is_unavailable(f, PERSON_ALICE));
        f->repeats = 0;
        assert_true(is_done(f, PERSON_ALICE));
}

/* A damaged record of its own must not lock root out. */
static void test_damaged_root(void **state)
{
        struct manage_fixture *f = *state;

        ask(f, WIRE_V_PAT_CREATE);
        set_text(f, WIRE_F_NAME, "x");
        assert_true(is_done(f, 0));
        fixture_tamper(f->store, "UPDATE user SET suspended = 1 WHERE name = 'root'");
        assert_true(is_unavailable(f, 0));
        ask(f, WIRE_V_ORG_LIST);
        assert_true(is_done(f, 0));
}

/* A revoked row that was put back as it was before, but for its mac. */
static void test_raised_token(void **state)
{
        struct manage_fixture *f = *state;
        char id[TOKEN_KEY_ID_SIZE];

        (void)make_pat(f, PERSON_ALICE, "laptop", 0, id);
        fixture_tamper(f->store, "CREATE TABLE keep AS SELECT proof FROM token");
        ask(f, WIRE_V_PAT_REVOKE);
        set_text(f, WIRE_F_KEY_ID, id);
        assert_true(is_done(f, PERSON_ALICE));
        fixture_tamper(f->store, "UPDATE token SET revoked_at = NULL, end_reason = NULL,"
                                 " proof = (SELECT proof FROM keep)");
        ask(f, WIRE_V_ROTATE);
        set_text(f, WIRE_F_KEY_ID, id);
        assert_true(is_unavailable(f, PERSON_ALICE));
}

/* No name and no message can make more than one line of at most 300 bytes, in UTF-8. */
static void test_messages(void **state)
{
        struct manage_fixture *f = *state;
        char name[NAME_ITEM_MAX + 1];
        struct view message;

        for (unsigned shift = 0; shift < 4; shift++) {
                memset(name, 'a', sizeof(name));
                for (size_t i = shift; i + 4 < sizeof(name); i += 4)
                        memcpy(name + i, "\xf0\x9f\x94\x91", 4);
                name[NAME_ITEM_MAX] = '\0';
                ask(f, WIRE_V_ORG_CREATE);
                set_text(f, WIRE_F_ORG, name);
                assert_true(is_refused(f, 0, "bad-org"));
                message = wire_text(answer(f), WIRE_F_MESSAGE);
                assert_true(name_is_utf8(message));
        }
}

/* What a person pasted at the wrong prompt is in no message and no record. */
static void test_pasted_token(void **state)
{
        static const struct {
                enum wire_verb verb;
                enum wire_field field;
                const char *reason;
        } cases[] = {
                {WIRE_V_ORG_CREATE, WIRE_F_ORG, "bad-org"},
                {WIRE_V_USER_SUSPEND, WIRE_F_USER, "bad-user"},
                {WIRE_V_MEMBER_ADD, WIRE_F_USER, "bad-user"},
                {WIRE_V_MEMBER_SET, WIRE_F_USER, "bad-user"},
                {WIRE_V_PAT_CREATE, WIRE_F_USER, "bad-user"},
                {WIRE_V_PAT_CREATE, WIRE_F_NAME, "bad-name"},
                {WIRE_V_PAT_CREATE, WIRE_F_LIMIT_SERVICE, "bad-service"},
                {WIRE_V_PAT_CREATE, WIRE_F_LIMIT_ACCOUNT, "bad-account"},
                {WIRE_V_ACCOUNT_BIND, WIRE_F_ACCOUNT, "bad-account"},
                {WIRE_V_ACCOUNT_RELEASE, WIRE_F_ACCOUNT, "bad-account"},
                {WIRE_V_PAT_REVOKE, WIRE_F_KEY_ID, "bad-key-id"},
        };
        struct manage_fixture *f = *state;
        char text[TOKEN_TEXT_MAX + 1];

        token_format(TOKEN_PAT, 4242, "abcdefghijabcdefghijabcdefghijabcdefghijabc", text);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                ask(f, cases[i].verb);
                if (cases[i].verb == WIRE_V_PAT_CREATE && cases[i].field != WIRE_F_NAME)
                        set_text(f, WIRE_F_NAME, "x");
                if (cases[i].verb == WIRE_V_MEMBER_ADD || cases[i].verb == WIRE_V_MEMBER_SET ||
                    cases[i].verb == WIRE_V_ACCOUNT_BIND)
                        set_text(f, WIRE_F_ORG, "acme");
                if (cases[i].verb == WIRE_V_MEMBER_SET)
                        set_number(f, WIRE_F_ROLE, ROLE_ADMIN);
                if (cases[i].field == WIRE_F_LIMIT_SERVICE ||
                    cases[i].field == WIRE_F_LIMIT_ACCOUNT)
                        set_list(f, cases[i].field, text);
                else
                        set_text(f, cases[i].field, text);
                assert_true(is_refused(f, 0, cases[i].reason));
                assert_null(strstr(text_of(answer(f), WIRE_F_MESSAGE), "abcdefghij"));
                assert_null(strstr(manage_records.message, "abcdefghij"));
                assert_null(strstr(manage_records.org, "abcdefghij"));
                assert_null(strstr(manage_records.user, "abcdefghij"));
                assert_null(strstr(manage_records.account, "abcdefghij"));
        }
}

static void test_backup(void **state)
{
        struct manage_fixture *f = *state;
        char path[256];
        struct stat st;

        ask(f, WIRE_V_BACKUP);
        set_text(f, WIRE_F_PATH, "relative");
        assert_true(is_refused(f, 0, "bad-path"));
        (void)snprintf(path, sizeof(path), "%s/absent/backup", f->store->dir);
        set_text(f, WIRE_F_PATH, path);
        assert_true(is_refused(f, 0, "bad-path"));
        (void)snprintf(path, sizeof(path), "%s/backup", f->store->dir);
        set_text(f, WIRE_F_PATH, path);
        assert_true(is_done(f, 0));
        assert_int_equal(wire_number(answer(f), WIRE_F_COUNT, -1), revision(f));
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_string_equal(manage_records.verb, "backup");
        assert_true(is_refused(f, 0, "exists"));
}

static void test_clock_reset(void **state)
{
        struct manage_fixture *f = *state;
        unsigned changes = manage_records.changes;
        int64_t mark = 0, before = revision(f);

        f->mark = f->now + EXPIRY_DAY;
        ask(f, WIRE_V_CLOCK_RESET);
        assert_true(is_done(f, 0));
        assert_true(f->reply.clock_reset);
        assert_int_equal(revision(f), before);
        assert_int_equal(manage_records.changes, changes + 1);
        assert_int_equal(sealed_find_clock_mark(&f->store->sealed, &mark), 0);
        assert_int_equal(mark, f->now);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_reasons),
                TEST(test_bad_packets),
                TEST(test_other_socket),
                TEST(test_user_database),
                TEST(test_read_only),
                TEST(test_tampered_rows),
                TEST(test_tampered_token),
                TEST(test_same_ids),
                TEST(test_damaged_root),
                TEST(test_raised_token),
                TEST(test_messages),
                TEST(test_pasted_token),
                TEST(test_backup),
                TEST(test_clock_reset),
        };

        return cmocka_run_group_tests_name("manage-failure", tests, NULL, NULL);
}
