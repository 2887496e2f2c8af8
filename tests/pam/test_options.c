/* The arguments of a line: every option, every way to get one wrong. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/client.h"
#include "common/pamoptions.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* 107 bytes behind each other are the longest path that sun_path holds with its NUL. */
#define TEN      "/123456789"
#define PATH_100 TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static int parse_one(enum phase phase, const char *argument, struct pamoptions *ret)
{
        const char *refused = NULL;
        int r = pamoptions_parse(phase, 1, &argument, ret, &refused);

        assert_ptr_equal(refused, r < 0 ? argument : NULL);
        return r;
}

static void test_defaults(void **state)
{
        const char *refused = NULL;
        struct pamoptions o;

        (void)state;
        assert_int_equal(pamoptions_parse(PHASE_AUTH, 0, NULL, &o, &refused), 0);
        assert_string_equal(o.socket, ORGTOKEN_VERIFY_SOCKET);
        assert_int_equal(o.timeout_ms, CLIENT_TIMEOUT_DEFAULT_MS);
        assert_null(o.org.ptr);
        assert_int_equal(o.role, ROLE_NONE);
        assert_false(o.prompt_org || o.bound_only || o.token_only || o.require_token);
        assert_false(o.any_ruser || o.quiet || o.debug);
        assert_null(refused);
}

/* Each word sets its own field and no other one. */
static void test_words(void **state)
{
        static const struct {
                const char *word;
                size_t offset;
        } words[] = {
                {"prompt_org", offsetof(struct pamoptions, prompt_org)},
                {"bound_only", offsetof(struct pamoptions, bound_only)},
                {"token_only", offsetof(struct pamoptions, token_only)},
                {"require_token", offsetof(struct pamoptions, require_token)},
                {"any_ruser", offsetof(struct pamoptions, any_ruser)},
                {"quiet", offsetof(struct pamoptions, quiet)},
                {"debug", offsetof(struct pamoptions, debug)},
        };

        (void)state;
        for (size_t i = 0; i < COUNT(words); i++) {
                struct pamoptions o;

                assert_int_equal(parse_one(PHASE_AUTH, words[i].word, &o), 0);
                for (size_t k = 0; k < COUNT(words); k++)
                        assert_int_equal(*(bool *)((char *)&o + words[k].offset), i == k);
        }
}

static void test_words_of_libpam(void **state)
{
        struct pamoptions o;

        (void)state;
        assert_int_equal(parse_one(PHASE_AUTH, "try_first_pass", &o), 0);
        assert_int_equal(parse_one(PHASE_AUTH, "use_first_pass", &o), 0);
}

static void test_values(void **state)
{
        const char *argv[] = {"socket=/run/x/y.sock", "org=acme-2", "role=admin",
                              "timeout=60000",        "quiet",      "quiet"};
        const char *refused = NULL;
        struct pamoptions o;

        (void)state;
        assert_int_equal(pamoptions_parse(PHASE_ACCOUNT, COUNT(argv), argv, &o, &refused), 0);
        assert_string_equal(o.socket, "/run/x/y.sock");
        assert_true(view_equal_str(o.org, "acme-2"));
        assert_int_equal(o.role, ROLE_ADMIN);
        assert_int_equal(o.timeout_ms, 60000);
        assert_true(o.quiet);
        assert_int_equal(parse_one(PHASE_AUTH, "timeout=1", &o), 0);
        assert_int_equal(o.timeout_ms, 1);
        assert_int_equal(parse_one(PHASE_AUTH, "timeout=0100", &o), 0);
        assert_int_equal(o.timeout_ms, 100);
        assert_int_equal(parse_one(PHASE_AUTH, "role=member", &o), 0);
        assert_int_equal(o.role, ROLE_MEMBER);
        assert_int_equal(parse_one(PHASE_AUTH, "socket=" PATH_100 "1234567", &o), 0);
}

static void test_refused(void **state)
{
        static const char *const wrong[] = {
                "",
                " ",
                "=",
                "orgs=acme",
                "Org=acme",
                "ORG=acme",
                " org=acme",
                "org",
                "org=",
                "org=Acme",
                "org=acme-",
                "org=-acme",
                "org=9acme",
                "org=a_b",
                "org=acme ",
                "org=a23456789012345678901234567890123",
                "org=*",
                "role",
                "role=",
                "role=none",
                "role=Admin",
                "role=owner",
                "role=admin ",
                "timeout",
                "timeout=",
                "timeout=0",
                "timeout=60001",
                "timeout=-1",
                "timeout=+5",
                "timeout= 5",
                "timeout=5ms",
                "timeout=0x10",
                "timeout=4294967297",
                "timeout=99999999999999999999",
                "timeout=1e3",
                "timeout=1/",
                "timeout=10 ",
                "socket",
                "socket=",
                "socket=run/x",
                "socket=./x",
                "socket=@x",
                "socket=" PATH_100 "12345678",
                "prompt_org=1",
                "prompt_orgs",
                "prompt",
                "bound_only=yes",
                "bound-only",
                "token_only=",
                "no_token_only",
                "quiet=1",
                "debug=2",
                "any_ruser=alice",
                "try_first_pass=1",
                "use_first_pass=",
                "nullok",
                "use_authtok",
                "require_tokens",
                "QUIET",
        };

        (void)state;
        for (size_t i = 0; i < COUNT(wrong); i++) {
                struct pamoptions o = {.timeout_ms = 77};

                if (parse_one(PHASE_AUTH, wrong[i], &o) != -EINVAL)
                        fail_msg("\"%s\" was taken", wrong[i]);
                /* Output only on success. */
                assert_int_equal(o.timeout_ms, 77);
        }
}

/* Neither the first nor the last of two may win, equal or not. */
static void test_given_twice(void **state)
{
        static const char *const twice[][2] = {
                {"org=acme", "org=globex"},    {"org=acme", "org=acme"},
                {"role=admin", "role=member"}, {"socket=/a", "socket=/b"},
                {"timeout=1", "timeout=2"},
        };

        (void)state;
        for (size_t i = 0; i < COUNT(twice); i++) {
                const char *refused = NULL;
                struct pamoptions o;

                assert_int_equal(pamoptions_parse(PHASE_AUTH, 2, twice[i], &o, &refused), -EINVAL);
                assert_ptr_equal(refused, twice[i][1]);
        }
}

/* A good one behind a bad one heals nothing. */
static void test_first_wrong_is_named(void **state)
{
        const char *argv[] = {"org=acme", "rol=admin", "debug", "nonsense"};
        const char *refused = NULL;
        struct pamoptions o;

        (void)state;
        assert_int_equal(pamoptions_parse(PHASE_SESSION, COUNT(argv), argv, &o, &refused), -EINVAL);
        assert_string_equal(refused, "rol=admin");
}

static void test_any_ruser_on_session_line(void **state)
{
        struct pamoptions o;

        (void)state;
        assert_int_equal(parse_one(PHASE_AUTH, "any_ruser", &o), 0);
        assert_int_equal(parse_one(PHASE_ACCOUNT, "any_ruser", &o), 0);
        assert_int_equal(parse_one(PHASE_SESSION, "any_ruser", &o), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_words),
                cmocka_unit_test(test_words_of_libpam),
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_given_twice),
                cmocka_unit_test(test_first_wrong_is_named),
                cmocka_unit_test(test_any_ruser_on_session_line),
        };

        return cmocka_run_group_tests_name("pam_options", tests, NULL, NULL);
}
