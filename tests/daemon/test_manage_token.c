/* Tokens: making, naming, revoking, rotating and delivering them, and everything that is no name,
   no key id, no end and no limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/verify.h"
#include "tests/support/manage_fixture.h"

void audit_write(const struct audit_record *record)
{
        manage_fixture_record(record);
}

static int setup(void **state)
{
        struct manage_fixture *f = manage_fixture_new();

        make_org(f, "acme");
        make_member(f, "acme", "alice", ROLE_ADMIN);
        make_member(f, "acme", "bob", ROLE_MEMBER);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        *state = manage_fixture_free(*state);
        return 0;
}

static void ask_pat(struct manage_fixture *f, const char *name)
{
        ask(f, WIRE_V_PAT_CREATE);
        set_text(f, WIRE_F_NAME, name);
}

static void ask_key(struct manage_fixture *f, const char *org, const char *name)
{
        ask(f, WIRE_V_KEY_CREATE);
        set_text(f, WIRE_F_ORG, org);
        set_text(f, WIRE_F_NAME, name);
}

static void ask_id(struct manage_fixture *f, enum wire_verb verb, const char *key_id)
{
        ask(f, verb);
        set_text(f, WIRE_F_KEY_ID, key_id);
}

static void ask_rename(struct manage_fixture *f, const char *key_id, const char *name)
{
        ask_id(f, WIRE_V_PAT_RENAME, key_id);
        set_text(f, WIRE_F_NAME, name);
}

/* What a real verification makes of a token's text, as alice's own. */
static enum verdict judge(struct manage_fixture *f, const char *text)
{
        struct verify_input in = {.token = view_of(text),
                                  .account = VIEW("alice"),
                                  .service = VIEW("sshd"),
                                  .org_option = VIEW("acme")};
        struct verify_output out;

        assert_int_equal(verify_token(&f->store->sealed, &in, f->now, NULL, &out), 0);
        return out.verdict;
}

static void test_create(void **state)
{
        struct manage_fixture *f = *state;
        char text[128];
        struct token token;

        ask_pat(f, "laptop");
        set_number(f, WIRE_F_EXPIRES_AT, f->now + 60);
        assert_true(is_done(f, PERSON_ALICE));
        assert_int_equal(f->reply.replaced, -1);
        assert_int_equal(wire_number(answer(f), WIRE_F_EXPIRES_AT, 0), f->now + 60);
        assert_int_equal(wire_number(answer(f), WIRE_F_CREATED_AT, 0), f->now);
        assert_string_equal(text_of(answer(f), WIRE_F_NAME), "laptop");
        (void)strcpy(text, text_of(answer(f), WIRE_F_TOKEN));
        assert_int_equal(token_parse(view_of(text), &token), 0);
        assert_int_equal(token.id, f->reply.new_token);
        assert_int_equal(token.kind, TOKEN_PAT);
        assert_memory_equal(text, text_of(answer(f), WIRE_F_KEY_ID), 10);
        assert_string_equal(manage_records.verb, "pat create");
        assert_string_equal(manage_records.user, "alice");
        assert_null(strstr(manage_records.message, token.secret.ptr));
        assert_int_equal(acknowledge(f, true, true), WIRE_DONE);
        assert_int_equal(judge(f, text), VERDICT_ALLOW);
        f->now += 60;
        assert_int_equal(judge(f, text), VERDICT_EXPIRED);
}

static void test_names(void **state)
{
        static const char *const bad[] = {
                " ",
                "   ",
                "\xe2\x80\xae"
                "evil",
                "a\xe2\x80\x8b"
                "b",
                "\xff\xfe",
                "\xc0\x80",
                "\xed\xa0\x80",
                "a\xc2\x85"
                "b",
                "\xe2\x80\xa8",
                "\xc2\xa0\xc2\xa0",
        };
        struct manage_fixture *f = *state;
        char name[NAME_LABEL_BYTES + 1], id[TOKEN_KEY_ID_SIZE];

        (void)make_pat(f, PERSON_ALICE, "x", 0, id);
        memset(name, 'n', 101);
        name[101] = '\0';
        for (size_t i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
                const char *tried = i < sizeof(bad) / sizeof(bad[0]) ? bad[i] : name;

                ask_pat(f, tried);
                assert_true(is_refused(f, PERSON_ALICE, "bad-name"));
                ask_key(f, "acme", tried);
                assert_true(is_refused(f, PERSON_ALICE, "bad-name"));
                ask_rename(f, id, tried);
                assert_true(is_refused(f, PERSON_ALICE, "bad-name"));
        }
        name[100] = '\0';
        ask_pat(f, name);
        assert_true(is_done(f, PERSON_ALICE));
        for (size_t i = 0; i < 100; i++)
                memcpy(name + 4 * i, "\xf0\x9f\x94\x91", 4);
        name[400] = '\0';
        ask_rename(f, id, name);
        assert_true(is_done(f, PERSON_ALICE));
        assert_string_equal(text_of(answer(f), WIRE_F_NAME), name);
}

static void test_ends(void **state)
{
        static const int64_t past[] = {0, 1, -1, INT64_MIN, FIXTURE_NOW, FIXTURE_NOW + 1000};
        struct manage_fixture *f = *state;

        for (size_t i = 0; i < sizeof(past) / sizeof(past[0]); i++) {
                ask_pat(f, "x");
                set_number(f, WIRE_F_EXPIRES_AT, past[i]);
                assert_true(is_refused(f, PERSON_ALICE, "expired-already"));
        }
        ask_pat(f, "x");
        set_number(f, WIRE_F_EXPIRES_AT, EXPIRY_MAX + 1);
        assert_true(is_refused(f, PERSON_ALICE, "bad-expiry"));
        set_number(f, WIRE_F_EXPIRES_AT, INT64_MAX);
        assert_true(is_refused(f, PERSON_ALICE, "bad-expiry"));
        set_number(f, WIRE_F_EXPIRES_AT, EXPIRY_MAX);
        assert_true(is_done(f, PERSON_ALICE));
        /* The clock went back: judged by the mark. */
        f->mark = f->now + 500;
        ask_pat(f, "x");
        set_number(f, WIRE_F_EXPIRES_AT, f->now + 400);
        assert_true(is_refused(f, PERSON_ALICE, "expired-already"));
        set_number(f, WIRE_F_EXPIRES_AT, f->now + 501);
        assert_true(is_done(f, PERSON_ALICE));
}

static void test_limits(void **state)
{
        static const struct {
                enum wire_field field;
                const char *entry, *reason;
        } bad[] = {
                {WIRE_F_LIMIT_SERVICE, "su/su", "bad-service"},
                {WIRE_F_LIMIT_SERVICE, "-su", "bad-service"},
                {WIRE_F_LIMIT_SOURCE, "10.0.0.1/8", "bad-source"},
                {WIRE_F_LIMIT_SOURCE, "host.example", "bad-source"},
                {WIRE_F_LIMIT_SOURCE, "10.0.0.0/33", "bad-source"},
                {WIRE_F_LIMIT_SOURCE, "fe80::1%eth0", "bad-source"},
                {WIRE_F_LIMIT_ACCOUNT, "a b", "bad-account"},
                {WIRE_F_LIMIT_ACCOUNT, "*", "bad-account"},
        };
        struct manage_fixture *f = *state;
        size_t len;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                ask_pat(f, "x");
                set_list(f, bad[i].field, bad[i].entry);
                assert_true(is_refused(f, PERSON_ALICE, bad[i].reason));
                ask_key(f, "acme", "x");
                set_list(f, bad[i].field, bad[i].entry);
                assert_true(is_refused(f, PERSON_ALICE, bad[i].reason));
        }
        ask_pat(f, "limited");
        set_list(f, WIRE_F_LIMIT_SERVICE, "sshd");
        set_list(f, WIRE_F_LIMIT_SERVICE, "sshd");
        set_list(f, WIRE_F_LIMIT_SOURCE, "fd00::/8");
        assert_true(is_done(f, PERSON_ALICE));
        ask(f, WIRE_V_PAT_LIST);
        assert_true(is_done(f, PERSON_ALICE));
        assert_true(view_equal_str(wire_list(row(f, 0), WIRE_F_LIMIT_SOURCE, &len)[0], "fd00::/8"));
        (void)wire_list(row(f, 0), WIRE_F_LIMIT_SERVICE, &len);
        assert_int_equal(len, 1);
}

static void test_policies(void **state)
{
        struct manage_fixture *f = *state;
        char id[TOKEN_KEY_ID_SIZE];

        (void)make_pat(f, PERSON_ALICE, "old", 0, id);
        ask(f, WIRE_V_HOST_SET);
        set_number(f, WIRE_F_MAX_LIFE, 30 * EXPIRY_DAY);
        assert_true(is_done(f, 0));
        ask_pat(f, "x");
        assert_true(is_refused(f, PERSON_ALICE, "policy"));
        assert_non_null(strstr(text_of(answer(f), WIRE_F_MESSAGE), "--expires with 30d"));
        assert_true(is_refused(f, 0, "policy"));
        set_number(f, WIRE_F_EXPIRES_AT, f->now + 30 * EXPIRY_DAY + 1);
        assert_true(is_refused(f, PERSON_ALICE, "policy"));
        set_number(f, WIRE_F_EXPIRES_AT, f->now + 30 * EXPIRY_DAY);
        assert_true(is_done(f, PERSON_ALICE));
        /* A rotation does not lengthen what the policy has shortened. */
        ask_id(f, WIRE_V_ROTATE, id);
        assert_true(is_refused(f, PERSON_ALICE, "policy"));
        set_number(f, WIRE_F_NEVER, 1);
        assert_true(is_refused(f, PERSON_ALICE, "policy"));
        ask_id(f, WIRE_V_ROTATE, id);
        set_number(f, WIRE_F_EXPIRES_AT, f->now + EXPIRY_DAY);
        assert_true(is_done(f, PERSON_ALICE));

        ask(f, WIRE_V_HOST_SET);
        set_number(f, WIRE_F_MAX_LIFE, 0);
        assert_true(is_done(f, 0));
        ask(f, WIRE_V_ORG_SET);
        set_text(f, WIRE_F_ORG, "acme");
        set_number(f, WIRE_F_NEVER_OK, 0);
        assert_true(is_done(f, 0));
        ask_key(f, "acme", "x");
        assert_true(is_refused(f, PERSON_ALICE, "policy"));
        set_number(f, WIRE_F_EXPIRES_AT, EXPIRY_MAX);
        assert_true(is_done(f, PERSON_ALICE));
        ask_pat(f, "x"); /* an org's policy is about its keys */
        assert_true(is_done(f, PERSON_ALICE));
}

static void test_self_service(void **state)
{
        struct manage_fixture *f = *state;
        char id[TOKEN_KEY_ID_SIZE];

        (void)make_pat(f, PERSON_ALICE, "mine", 0, id);
        ask(f, WIRE_V_HOST_SET);
        set_number(f, WIRE_F_SELF_SERVICE, SELF_SERVICE_OFF);
        assert_true(is_done(f, 0));
        ask_pat(f, "x");
        assert_true(is_refused(f, PERSON_ALICE, "self-service-off"));
        ask_key(f, "acme", "x");
        assert_true(is_refused(f, PERSON_ALICE, "self-service-off"));
        ask_id(f, WIRE_V_ROTATE, id);
        assert_true(is_refused(f, PERSON_ALICE, "self-service-off"));
        assert_true(is_done(f, 0));
        assert_int_equal(acknowledge(f, false, true), WIRE_DONE);
        ask_rename(f, id, "still mine");
        assert_true(is_done(f, PERSON_ALICE));
        ask_id(f, WIRE_V_PAT_REVOKE, id);
        assert_true(is_done(f, PERSON_ALICE));
        /* limited: bounded by the longest life, never is none. */
        ask(f, WIRE_V_HOST_SET);
        set_number(f, WIRE_F_SELF_SERVICE, SELF_SERVICE_LIMITED);
        set_number(f, WIRE_F_MAX_LIFE, 3600);
        assert_true(is_done(f, 0));
        ask_key(f, "acme", "x");
        assert_true(is_refused(f, PERSON_ALICE, "policy"));
        set_number(f, WIRE_F_EXPIRES_AT, f->now + 3601);
        assert_true(is_refused(f, PERSON_ALICE, "policy"));
        set_number(f, WIRE_F_EXPIRES_AT, f->now + 3600);
        assert_true(is_done(f, PERSON_ALICE));
}

static void test_owner(void **state)
{
        struct manage_fixture *f = *state;

        ask_pat(f, "x");
        set_text(f, WIRE_F_USER, "alice");
        assert_true(is_done(f, PERSON_ALICE));
        set_text(f, WIRE_F_USER, "bob");
        assert_true(is_refused(f, PERSON_ALICE, "not-allowed"));
        set_text(f, WIRE_F_USER, "nosuch");
        assert_true(is_refused(f, PERSON_ALICE, "not-allowed"));
        assert_true(is_done(f, 0));
        assert_string_equal(manage_records.user, "nosuch");
        /* Root without a name of its own must say whose. */
        person(f, "root", -1);
        ask_pat(f, "x");
        assert_true(is_refused(f, 0, "no-name"));
}

static void test_key_ids(void **state)
{
        static const char *const bad[] = {"ak",
                                          "ak_",
                                          "pat_",
                                          "AK_abc",
                                          "xx_abc",
                                          "pat_abc!",
                                          "4fK9aQ",
                                          "pat_12345678901",
                                          "pat_abc\xc3\xa9",
                                          "*",
                                          "%"};
        struct manage_fixture *f = *state;
        char first[TOKEN_KEY_ID_SIZE], second[TOKEN_KEY_ID_SIZE], key[TOKEN_KEY_ID_SIZE];
        char text[TOKEN_TEXT_MAX + 1];
        struct record_user alice, bob;

        assert_int_equal(sealed_find_user_by_name(&f->store->sealed, VIEW("alice"), &alice), 0);
        assert_int_equal(sealed_find_user_by_name(&f->store->sealed, VIEW("bob"), &bob), 0);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                ask_id(f, WIRE_V_PAT_REVOKE, bad[i]);
                assert_true(is_refused(f, PERSON_ALICE, "bad-key-id"));
                ask_rename(f, bad[i], "x");
                assert_true(is_refused(f, PERSON_ALICE, "bad-key-id"));
        }
        /* Three that share seven characters; the third is bob's. */
        for (int64_t i = 0; i < 3; i++) {
                struct fixture_token_options o = {.id = INT64_C(500000000000000000) + i * 62 * 62};

                (void)fixture_token(f->store, TOKEN_PAT, i < 2 ? alice.id : bob.id, &o, text);
                token_key_id(TOKEN_PAT, o.id, 10, i == 0 ? first : i == 1 ? second : key);
        }
        ask_id(f, WIRE_V_PAT_REVOKE, "pat_a");
        (void)strncpy(text, first, 11);
        text[11] = '\0';
        set_text(f, WIRE_F_KEY_ID, text);
        assert_true(is_refused(f, PERSON_ALICE, "ambiguous"));
        assert_true(is_refused(f, PERSON_DAVE, "not-found"));
        /* Of bob's there is only one, among those that bob may see. */
        assert_true(is_done(f, PERSON_BOB));
        assert_string_equal(text_of(answer(f), WIRE_F_KEY_ID), manage_records.key_id);
        ask_id(f, WIRE_V_PAT_REVOKE, second);
        assert_true(is_done(f, PERSON_ALICE));
        assert_true(is_refused(f, PERSON_ALICE, "revoked"));
        ask_id(f, WIRE_V_PAT_REVOKE, key);
        assert_true(is_refused(f, PERSON_ALICE, "not-found"));
}

static void test_kinds(void **state)
{
        struct manage_fixture *f = *state;
        char key[TOKEN_KEY_ID_SIZE], pat[TOKEN_KEY_ID_SIZE];

        (void)make_key(f, PERSON_ALICE, "acme", "ci", 0, key);
        (void)make_pat(f, PERSON_ALICE, "laptop", 0, pat);
        ask_rename(f, key, "x");
        assert_true(is_refused(f, PERSON_ALICE, "not-renamable"));
        assert_non_null(
                strstr(text_of(answer(f), WIRE_F_MESSAGE), "organisation keys cannot be renamed"));
        assert_true(is_refused(f, PERSON_DAVE, "not-renamable"));
        ask_id(f, WIRE_V_KEY_REVOKE, pat);
        assert_true(is_refused(f, PERSON_ALICE, "wrong-kind"));
        ask_id(f, WIRE_V_PAT_REVOKE, key);
        assert_true(is_refused(f, PERSON_ALICE, "wrong-kind"));
        ask_id(f, WIRE_V_KEY_REVOKE, key);
        set_number(f, WIRE_F_END_SESSIONS, 0);
        assert_true(is_done(f, PERSON_ALICE));
        assert_true(f->reply.changed_rights);
        assert_true(is_refused(f, PERSON_ALICE, "revoked"));
}

static void test_rename(void **state)
{
        struct manage_fixture *f = *state;
        char pat[TOKEN_KEY_ID_SIZE];
        int64_t before;

        (void)make_pat(f, PERSON_ALICE, "laptop", 60, pat);
        ask_rename(f, pat, "desk");
        assert_true(is_done(f, PERSON_ALICE));
        assert_string_equal(text_of(answer(f), WIRE_F_NAME), "desk");
        before = revision(f);
        assert_true(is_done(f, PERSON_ALICE));
        assert_int_equal(revision(f), before);
        f->now += 100; /* an expired one too */
        ask_rename(f, pat, "gone");
        assert_true(is_done(f, PERSON_ALICE));
        ask_id(f, WIRE_V_PAT_REVOKE, pat);
        assert_true(is_done(f, PERSON_ALICE));
        ask_rename(f, pat, "buried");
        assert_true(is_refused(f, PERSON_ALICE, "revoked"));
}

static void test_delivery(void **state)
{
        struct manage_fixture *f = *state;
        char text[128];
        int64_t before;

        /* Given back by the client, late, and a connection that went away. */
        for (unsigned i = 0; i < 3; i++) {
                ask_pat(f, "x");
                assert_true(is_done(f, PERSON_ALICE));
                (void)strcpy(text, text_of(answer(f), WIRE_F_TOKEN));
                assert_int_equal(judge(f, text), VERDICT_ALLOW);
                before = revision(f);
                if (i == 0)
                        assert_int_equal(acknowledge(f, false, true), WIRE_DONE);
                else
                        assert_int_equal(acknowledge(f, i == 1, false), 0);
                assert_int_equal(revision(f), before + 1);
                assert_int_equal(judge(f, text), VERDICT_REVOKED);
                assert_string_equal(manage_records.verb, "ack");
                assert_true(f->reply.changed_rights);
        }
        ask(f, WIRE_V_PAT_LIST);
        assert_true(is_done(f, PERSON_ALICE));
        assert_int_equal(row_count(f), 3);
        assert_string_equal(text_of(row(f, 0), WIRE_F_ENDED_REASON), "not-delivered");
        before = revision(f);
        f->reply.new_token = -1;
        assert_int_equal(acknowledge(f, true, true), WIRE_REFUSED);
        assert_int_equal(revision(f), before);
}

static void test_rotate(void **state)
{
        struct manage_fixture *f = *state;
        char old[TOKEN_KEY_ID_SIZE], new_id[TOKEN_KEY_ID_SIZE], text[128];
        struct record_token token;
        int64_t first = make_pat(f, PERSON_ALICE, "laptop", 30 * EXPIRY_DAY, old), before;

        f->now += 10 * EXPIRY_DAY;
        ask_id(f, WIRE_V_ROTATE, old);
        assert_true(is_done(f, PERSON_ALICE));
        assert_int_equal(f->reply.replaced, first);
        assert_string_equal(text_of(answer(f), WIRE_F_SUCCESSOR), old);
        assert_string_equal(text_of(answer(f), WIRE_F_NAME), "laptop");
        assert_int_equal(wire_number(answer(f), WIRE_F_EXPIRES_AT, 0), f->now + 30 * EXPIRY_DAY);
        (void)strcpy(new_id, text_of(answer(f), WIRE_F_KEY_ID));
        (void)strcpy(text, text_of(answer(f), WIRE_F_TOKEN));
        /* Until it is acknowledged the old one stands. */
        fixture_find_token(f->store, first, &token);
        assert_int_equal(token.ends_at, EXPIRY_NEVER);
        before = revision(f);
        assert_int_equal(acknowledge(f, true, true), WIRE_DONE);
        assert_int_equal(revision(f), before + 1);
        assert_true(f->reply.changed_rights);
        fixture_find_token(f->store, first, &token);
        assert_true(token.revoked_at > 0);
        assert_string_equal(token.end_reason, "rotated");
        assert_int_equal(judge(f, text), VERDICT_ALLOW);
        ask_id(f, WIRE_V_ROTATE, old);
        assert_true(is_refused(f, PERSON_ALICE, "revoked"));
        ask(f, WIRE_V_PAT_LIST);
        assert_true(is_done(f, PERSON_ALICE));
        assert_string_equal(text_of(row(f, 0), WIRE_F_SUCCESSOR), new_id);
        assert_int_equal(wire_number(row(f, 1), WIRE_F_STATE, 0), WIRE_STATE_LIVE);
}

static void test_rotate_keeps_limits(void **state)
{
        struct manage_fixture *f = *state;
        size_t len;

        ask_pat(f, "limited");
        set_list(f, WIRE_F_LIMIT_SERVICE, "sshd");
        set_list(f, WIRE_F_LIMIT_SOURCE, "10.0.0.0/8");
        assert_true(is_done(f, PERSON_ALICE));
        assert_int_equal(acknowledge(f, true, true), WIRE_DONE);
        ask_id(f, WIRE_V_ROTATE, manage_records.key_id);
        assert_true(is_done(f, PERSON_ALICE));
        ask(f, WIRE_V_PAT_LIST);
        assert_true(is_done(f, PERSON_ALICE));
        for (size_t i = 0; i < 2; i++) {
                assert_true(view_equal_str(wire_list(row(f, i), WIRE_F_LIMIT_SERVICE, &len)[0],
                                           "sshd"));
                assert_true(view_equal_str(wire_list(row(f, i), WIRE_F_LIMIT_SOURCE, &len)[0],
                                           "10.0.0.0/8"));
        }
}

static void test_rotate_overlap(void **state)
{
        struct manage_fixture *f = *state;
        char old[TOKEN_KEY_ID_SIZE];
        struct record_token token;
        int64_t first = make_key(f, PERSON_ALICE, "acme", "ci", 0, old);

        ask_id(f, WIRE_V_ROTATE, old);
        set_number(f, WIRE_F_OVERLAP, -1);
        assert_true(is_refused(f, PERSON_ALICE, "bad-overlap"));
        set_number(f, WIRE_F_OVERLAP, DURATION_MAX + 1);
        assert_true(is_refused(f, PERSON_ALICE, "bad-overlap"));
        set_number(f, WIRE_F_OVERLAP, 3600);
        set_number(f, WIRE_F_NEVER, 1);
        set_number(f, WIRE_F_EXPIRES_AT, f->now + 50);
        assert_true(is_refused(f, PERSON_ALICE, "bad-expiry"));
        ask_id(f, WIRE_V_ROTATE, old);
        set_number(f, WIRE_F_EXPIRES_AT, f->now);
        assert_true(is_refused(f, PERSON_ALICE, "expired-already"));
        ask_id(f, WIRE_V_ROTATE, old);
        set_number(f, WIRE_F_OVERLAP, 3600);
        assert_true(is_done(f, PERSON_ALICE));
        assert_false(wire_has(answer(f), WIRE_F_EXPIRES_AT));
        assert_int_equal(acknowledge(f, true, true), WIRE_DONE);
        fixture_find_token(f->store, first, &token);
        assert_int_equal(token.ends_at, f->now + 3600);
        assert_int_equal(token.revoked_at, 0);
        /* One successor is enough; a rename and a revocation still work. */
        ask_id(f, WIRE_V_ROTATE, old);
        assert_true(is_refused(f, PERSON_ALICE, "rotated"));
        f->now += 3600;
        assert_true(is_refused(f, PERSON_ALICE, "revoked"));
        ask_id(f, WIRE_V_KEY_REVOKE, old);
        assert_true(is_refused(f, PERSON_ALICE, "revoked"));
}

/* Not delivered: the old one lives on. Ended meanwhile: the new one does not. */
static void test_rotate_not_delivered(void **state)
{
        struct manage_fixture *f = *state;
        struct manage_reply first;
        struct record_token token;
        char old[TOKEN_KEY_ID_SIZE];
        int64_t id = make_pat(f, PERSON_ALICE, "laptop", 0, old);

        ask_id(f, WIRE_V_ROTATE, old);
        assert_true(is_done(f, PERSON_ALICE));
        assert_int_equal(acknowledge(f, false, false), 0);
        fixture_find_token(f->store, id, &token);
        assert_int_equal(token.ends_at, EXPIRY_NEVER);
        ask_id(f, WIRE_V_ROTATE, old);
        assert_true(is_done(f, PERSON_ALICE));
        first = f->reply;
        f->reply = (struct manage_reply){.new_token = -1};
        ask_id(f, WIRE_V_PAT_REVOKE, old);
        assert_true(is_done(f, PERSON_ALICE));
        manage_reply_wipe(&f->reply);
        f->reply = first;
        assert_int_equal(acknowledge(f, true, true), WIRE_REFUSED);
        assert_string_equal(reason(f), "not-delivered");
        fixture_find_token(f->store, first.new_token, &token);
        assert_true(token.revoked_at > 0);
}

static void test_expired_rotates(void **state)
{
        struct manage_fixture *f = *state;
        char old[TOKEN_KEY_ID_SIZE];

        (void)make_pat(f, PERSON_ALICE, "laptop", 60, old);
        f->now += 1000;
        ask_id(f, WIRE_V_ROTATE, old);
        assert_true(is_done(f, PERSON_ALICE));
        assert_int_equal(wire_number(answer(f), WIRE_F_EXPIRES_AT, 0), f->now + 60);
        assert_int_equal(acknowledge(f, true, true), WIRE_DONE);
}

static void test_revoke_token(void **state)
{
        struct manage_fixture *f = *state;
        char key[TOKEN_KEY_ID_SIZE], id[TOKEN_ID_LEN + 1];

        token_id_to_text(make_key(f, PERSON_ALICE, "acme", "ci", 0, key), id);
        ask(f, WIRE_V_REVOKE_TOKEN);
        set_number(f, WIRE_F_KIND, TOKEN_PAT);
        set_text(f, WIRE_F_ID, id);
        assert_true(is_refused(f, 0, "not-found"));
        set_number(f, WIRE_F_KIND, 3);
        assert_true(is_refused(f, 0, "bad-key-id"));
        set_number(f, WIRE_F_KIND, TOKEN_AK);
        set_text(f, WIRE_F_ID, "short");
        assert_true(is_refused(f, 0, "bad-key-id"));
        set_text(f, WIRE_F_ID, "ten--chars");
        assert_true(is_refused(f, 0, "bad-key-id"));
        set_text(f, WIRE_F_ID, "zzzzzzzzzz");
        assert_true(is_refused(f, 0, "not-found"));
        set_text(f, WIRE_F_ID, id);
        assert_true(is_done(f, 0));
        assert_string_equal(text_of(answer(f), WIRE_F_NAME), "ci");
        assert_true(is_refused(f, 0, "revoked"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_create),
                TEST(test_names),
                TEST(test_ends),
                TEST(test_limits),
                TEST(test_policies),
                TEST(test_self_service),
                TEST(test_owner),
                TEST(test_key_ids),
                TEST(test_kinds),
                TEST(test_rename),
                TEST(test_delivery),
                TEST(test_rotate),
                TEST(test_rotate_overlap),
                TEST(test_rotate_not_delivered),
                TEST(test_expired_rotates),
                TEST(test_rotate_keeps_limits),
                TEST(test_revoke_token),
        };

        return cmocka_run_group_tests_name("manage-token", tests, NULL, NULL);
}
