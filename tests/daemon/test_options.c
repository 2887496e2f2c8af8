#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "daemon/grant.h"
#include "daemon/options.h"

#define ARGS_MAX 8

/* Parses a NULL-ended list of arguments. */
static int parse(const char *const *arguments, struct options *ret, char error[static 512])
{
        char *argv[ARGS_MAX + 2] = {(char *)(uintptr_t) "orgtokend"};
        int argc = 1;

        for (; arguments[argc - 1]; argc++) {
                assert_in_range(argc, 1, ARGS_MAX);
                argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
        }
        error[0] = '\0';
        return options_parse(argc, argv, ret, error, 512);
}

static void test_defaults(void **state)
{
        struct options o;
        char error[512];

        (void)state;
        assert_int_equal(parse((const char *[]){NULL}, &o, error), 0);
        assert_string_equal(o.state_dir, "/var/lib/orgtoken");
        assert_string_equal(o.runtime_dir, "/run/orgtoken");
        assert_string_equal(o.user, "orgtoken");
        assert_int_equal(o.grant_life, GRANT_LIFE_SECONDS);
        assert_false(o.has_runtime_dir);
        assert_false(o.has_user);
        assert_false(o.help);
        assert_false(o.version);
}

static void test_all(void **state)
{
        struct options o;
        char error[512];

        (void)state;
        assert_int_equal(parse((const char *[]){"--state-dir", "/s", "--runtime-dir=/r", "--user",
                                                "tokens", "--grant-life", "2h", NULL},
                               &o, error),
                         0);
        assert_string_equal(o.state_dir, "/s");
        assert_string_equal(o.runtime_dir, "/r");
        assert_string_equal(o.user, "tokens");
        assert_true(o.has_user);
        assert_int_equal(o.grant_life, 7200);
        assert_true(o.has_runtime_dir);
        assert_int_equal(parse((const char *[]){"--help", NULL}, &o, error), 0);
        assert_true(o.help);
        assert_int_equal(parse((const char *[]){"--version", NULL}, &o, error), 0);
        assert_true(o.version);
        assert_non_null(strstr(options_help(), "--grant-life"));
}

static void test_work_on_the_store(void **state)
{
        struct options o;
        char error[512];

        (void)state;
        assert_int_equal(parse((const char *[]){NULL}, &o, error), 0);
        assert_null(o.restore);
        assert_false(o.rotate_key || o.accept_lost);
        assert_int_equal(
                parse((const char *[]){"--restore", "b", "--state-dir=/s", "--backup-key=/k",
                                       "--revoke-older-than", "30d", NULL},
                      &o, error),
                0);
        assert_string_equal(o.restore, "b");
        assert_string_equal(o.backup_key, "/k");
        assert_string_equal(o.older_than, "30d");
        assert_int_equal(parse((const char *[]){"--restore=b", "--accept-lost-revocations", NULL},
                               &o, error),
                         0);
        assert_true(o.accept_lost);
        assert_int_equal(
                parse((const char *[]){"--rotate-key", "--new-key", "/n", NULL}, &o, error), 0);
        assert_true(o.rotate_key);
        assert_string_equal(o.new_key, "/n");
        assert_non_null(strstr(options_help(), "--revoke-older-than"));
}

static void test_grant_life(void **state)
{
        static const struct {
                const char *text;
                int64_t life; /* 0: refused */
        } cases[] = {
                {"1", 1},      {"900", 900}, {"15m", 900}, {"28800", GRANT_TOTAL},
                {"8h", 28800}, {"28801", 0}, {"9h", 0},    {"1d", 0},
                {"0", 0},      {"0s", 0},    {"", 0},      {"-5", 0},
                {"5x", 0},     {" 5", 0},    {"five", 0},  {"99999999999999999999", 0},
                {"1e3", 0},    {"30s", 30},  {"+5", 0},    {"111111111111111111111111111111111", 0},
        };
        struct options o;
        char error[512];

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const char *const arguments[] = {"--grant-life", cases[i].text, NULL};
                int r = parse(arguments, &o, error);

                assert_int_equal(r, cases[i].life > 0 ? 0 : -EINVAL);
                if (r == 0)
                        assert_int_equal(o.grant_life, cases[i].life);
                else
                        assert_non_null(strstr(error, "8h"));
        }
}

/* Every mistake is an error with the word that is wrong in it, and nothing is given out. */
static void test_refused(void **state)
{
        static const struct {
                const char *arguments[5];
                const char *word;
        } cases[] = {
                {{"--state-dir"}, "--state-dir: needs a value"},
                {{"--user"}, "--user: needs a value"},
                {{"--state-dir", "relative"}, "relative"},
                {{"--state-dir", ""}, "absolute"},
                {{"--runtime-dir=run"}, "run"},
                {{"--user", "a b"}, "a b"},
                {{"--user="}, "--user: not a user's name"},
                {{"--state-dir="}, "--state-dir: a directory is an absolute path"},
                {{"--user", "0"}, "0"},
                {{"--help=yes"}, "--help: takes no value"},
                {{"--state-dir", "/a", "--state-dir=/b"}, "--state-dir: given twice"},
                {{"--state"}, "--state"},
                {{"--state-directory", "/a"}, "--state-directory"},
                {{"-h"}, "-h"},
                {{"serve"}, "serve"},
                {{""}, "no such option"},
                {{"--restore"}, "--restore: needs a value"},
                {{"--restore="}, "not the name of a file"},
                {{"--accept-lost-revocations"}, "only with --restore"},
                {{"--revoke-older-than", "30d"}, "only with --restore"},
                {{"--backup-key=/k"}, "only with --restore"},
                {{"--new-key=/k"}, "only with --rotate-key"},
                {{"--rotate-key=yes"}, "takes no value"},
                {{"--restore=/b", "--rotate-key"}, "not together"},
                {{"--restore=/b", "--runtime-dir=/r"}, "only for serving"},
                {{"--rotate-key", "--grant-life=1h"}, "only for serving"},
                {{"--restore=/b", "--accept-lost-revocations", "--revoke-older-than=1d"},
                 "one of the two"},
                {{"--"}, "--"},
        };
        char error[512];

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct options o = {.user = "untouched"};

                assert_int_equal(parse(cases[i].arguments, &o, error), -EINVAL);
                assert_non_null(strstr(error, cases[i].word));
                assert_string_equal(o.user, "untouched");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),          cmocka_unit_test(test_all),
                cmocka_unit_test(test_work_on_the_store), cmocka_unit_test(test_grant_life),
                cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
