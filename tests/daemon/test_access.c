/* The table of verb and role, cell by cell: a second statement of who may do what, written as
 * words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/access.h"

/* r root, a admin, m member, o owner, c any caller. */
static const char *const who[WIRE_VERB_COUNT] = {
        [WIRE_V_VERIFY] = "",          [WIRE_V_ACCOUNT_CHECK] = "",
        [WIRE_V_SESSION_CHECK] = "",   [WIRE_V_ACK] = "rc",
        [WIRE_V_STATUS] = "rc",        [WIRE_V_WHOAMI] = "rc",
        [WIRE_V_CHECK] = "roa",        [WIRE_V_ORG_CREATE] = "r",
        [WIRE_V_ORG_LIST] = "ram",     [WIRE_V_ORG_SHOW] = "ram",
        [WIRE_V_ORG_DELETE] = "r",     [WIRE_V_ORG_SET] = "r",
        [WIRE_V_ORG_SUSPEND] = "r",    [WIRE_V_ORG_RESUME] = "r",
        [WIRE_V_USER_LIST] = "r",      [WIRE_V_USER_SUSPEND] = "r",
        [WIRE_V_USER_RESUME] = "r",    [WIRE_V_USER_REASSIGN] = "r",
        [WIRE_V_USER_REMOVE] = "r",    [WIRE_V_MEMBER_ADD] = "ra",
        [WIRE_V_MEMBER_SET] = "ra",    [WIRE_V_MEMBER_REMOVE] = "ra",
        [WIRE_V_MEMBER_LIST] = "ram",  [WIRE_V_ACCOUNT_BIND] = "r",
        [WIRE_V_ACCOUNT_UNBIND] = "r", [WIRE_V_ACCOUNT_RELEASE] = "r",
        [WIRE_V_ACCOUNT_LIST] = "ram", [WIRE_V_KEY_CREATE] = "ra",
        [WIRE_V_KEY_LIST] = "ra",      [WIRE_V_KEY_REVOKE] = "ra",
        [WIRE_V_PAT_CREATE] = "ro",    [WIRE_V_PAT_LIST] = "ro",
        [WIRE_V_PAT_RENAME] = "ro",    [WIRE_V_PAT_REVOKE] = "ro",
        [WIRE_V_ROTATE] = "roa",       [WIRE_V_REVOKE_ALL] = "r",
        [WIRE_V_HOST_SHOW] = "r",      [WIRE_V_HOST_SET] = "r",
        [WIRE_V_CLOCK_RESET] = "r",    [WIRE_V_BACKUP] = "r",
        [WIRE_V_GUARDED_LIST] = "r",   [WIRE_V_REVOKE_TOKEN] = "r",
        [WIRE_V_NOTIFY] = "r",         [WIRE_V_SESSION] = "",
        [WIRE_V_SESSION_STATE] = "",   [WIRE_V_SESSION_END] = "",
};

static const struct {
        char letter;
        unsigned role;
} letters[] = {{'r', ACCESS_ROOT},
               {'a', ACCESS_ADMIN},
               {'m', ACCESS_MEMBER},
               {'o', ACCESS_OWNER},
               {'c', ACCESS_CALLER}};
#define LETTERS (sizeof(letters) / sizeof(letters[0]))

static void test_every_cell(void **state)
{
        (void)state;
        for (unsigned verb = 1; verb < WIRE_VERB_COUNT; verb++) {
                assert_non_null(who[verb]);
                for (size_t i = 0; i < LETTERS; i++) {
                        bool expected = strchr(who[verb], letters[i].letter) != NULL;
                        bool allowed = access_is_allowed((enum wire_verb)verb, letters[i].role);

                        if (allowed != expected)
                                print_error("%s, %c\n", wire_verb_to_string((enum wire_verb)verb),
                                            letters[i].letter);
                        assert_int_equal(allowed, expected);
                }
        }
}

/* Every set of roles: one that suffices suffices in company too, and none never does. */
static void test_every_set(void **state)
{
        (void)state;
        for (unsigned verb = 1; verb < WIRE_VERB_COUNT; verb++) {
                assert_false(access_is_allowed((enum wire_verb)verb, 0));
                for (unsigned set = 1; set < 32; set++) {
                        bool expected = false;

                        for (size_t i = 0; i < LETTERS; i++)
                                if ((set & letters[i].role) && strchr(who[verb], letters[i].letter))
                                        expected = true;
                        assert_int_equal(access_is_allowed((enum wire_verb)verb, set), expected);
                }
        }
}

static void test_no_verb(void **state)
{
        (void)state;
        assert_int_equal(access_roles((enum wire_verb)0), 0);
        assert_int_equal(access_roles(WIRE_VERB_COUNT), 0);
        assert_int_equal(access_roles((enum wire_verb)65535), 0);
}

static void test_nobody(void **state)
{
        static const int64_t nobody[] = {-1,         -2,         INT64_MIN, 65534,
                                         4294967295, 4294967296, INT64_MAX};
        static const int64_t somebody[] = {0, 1, 999, 1000, 65533, 65535, 4294967294};

        (void)state;
        for (size_t i = 0; i < 7; i++)
                assert_true(access_uid_is_nobody(nobody[i]));
        for (size_t i = 0; i < 7; i++)
                assert_false(access_uid_is_nobody(somebody[i]));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_cell),
                cmocka_unit_test(test_every_set),
                cmocka_unit_test(test_no_verb),
                cmocka_unit_test(test_nobody),
        };

        return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
