/* What the daemon is told about a login: the fields of each request, by PAM's items and the
 * options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/name.h"
#include "tests/support/pam_harness.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct item {
        int type;
        const char *value;
};

/* One authentication for alice with these items and this PAM variable, and the request it made. */
static void ask(struct harness *h, const char *options, const struct item *items, size_t count,
                const char *variable, struct wire_message *ret)
{
        char line[128];

        (void)snprintf(line, sizeof(line), "auth required @M %s", options);
        harness_stack(h, line);
        harness_start(h, "alice");
        for (size_t i = 0; i < count; i++)
                harness_item(h, items[i].type, items[i].value);
        if (variable)
                assert_int_equal(pam_putenv(h->pamh, variable), PAM_SUCCESS);
        h->password = harness_token(TOKEN_PAT, "acme");
        assert_int_equal(pam_authenticate(h->pamh, 0), PAM_SUCCESS);
        harness_request(h, ret);
}

static void assert_text(const struct wire_message *m, enum wire_field field, const char *expected)
{
        if (expected)
                assert_true(view_equal_str(wire_text(m, field), expected));
        else
                assert_false(wire_has(m, field));
}

static void test_least(void **state)
{
        struct harness *h = harness_new(NULL);
        struct wire_message m;

        (void)state;
        ask(h, "", NULL, 0, NULL, &m);
        assert_int_equal(m.verb, WIRE_V_VERIFY);
        assert_int_equal(m.magic, WIRE_REQUEST);
        assert_text(&m, WIRE_F_TOKEN, harness_token(TOKEN_PAT, "acme"));
        assert_text(&m, WIRE_F_ACCOUNT, "alice");
        assert_text(&m, WIRE_F_SERVICE, "svc");
        assert_int_equal(wire_number(&m, WIRE_F_REAL_UID, -1), getuid());
        for (enum wire_field f = WIRE_F_TOKEN; f < WIRE_FIELD_COUNT; f++)
                if (f != WIRE_F_TOKEN && f != WIRE_F_ACCOUNT && f != WIRE_F_SERVICE &&
                    f != WIRE_F_REAL_UID)
                        assert_false(wire_has(&m, f));
        (void)harness_free(h);
}

static void test_most(void **state)
{
        const struct item items[] = {
                {PAM_RUSER, "carol"}, {PAM_RHOST, "192.0.2.7"}, {PAM_TTY, "/dev/pts/3"}};
        struct harness *h = harness_new(NULL);
        struct wire_message m;

        (void)state;
        ask(h, "org=acme role=admin bound_only", items, COUNT(items), NULL, &m);
        assert_text(&m, WIRE_F_ACTOR, "carol");
        assert_text(&m, WIRE_F_SOURCE, "192.0.2.7");
        assert_text(&m, WIRE_F_TTY, "/dev/pts/3");
        assert_text(&m, WIRE_F_ORG, "acme");
        assert_text(&m, WIRE_F_ORG_ANSWER, NULL);
        assert_int_equal(wire_number(&m, WIRE_F_ROLE, -1), ROLE_ADMIN);
        assert_int_equal(wire_number(&m, WIRE_F_BOUND_ONLY, -1), 1);
        assert_int_equal(wire_number(&m, WIRE_F_REMOTE, -1), 1);
        ask(h, "role=member", NULL, 0, NULL, &m);
        assert_int_equal(wire_number(&m, WIRE_F_ROLE, -1), ROLE_MEMBER);
        (void)harness_free(h);
}

/* The nonce is this request's own. */
static void test_nonces_differ(void **state)
{
        struct harness *h = harness_new(NULL);
        struct wire_message a, b;

        (void)state;
        ask(h, "", NULL, 0, NULL, &a);
        ask(h, "", NULL, 0, NULL, &b);
        assert_memory_not_equal(a.nonce, b.nonce, WIRE_NONCE_LEN);
        (void)harness_free(h);
}

static void test_actor(void **state)
{
        static const struct {
                const char *ruser, *options, *sent;
        } rows[] = {
                {"carol", "", "carol"}, {"alice", "", "alice"}, /* the daemon knows that this is no
                                                                   actor */
                {"", "", NULL},         {"root", "", "root"},   {"carol", "any_ruser", NULL},
        };
        struct harness *h = harness_new(NULL);

        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                const struct item item = {PAM_RUSER, rows[i].ruser};
                struct wire_message m;

                ask(h, rows[i].options, &item, 1, NULL, &m);
                assert_text(&m, WIRE_F_ACTOR, rows[i].sent);
        }
        (void)harness_free(h);
}

static void test_source(void **state)
{
        static const struct {
                const char *rhost, *tty, *variable, *sent;
                bool remote;
        } rows[] = {
                {"192.0.2.7", NULL, NULL, "192.0.2.7", true},
                {"2001:db8::1", NULL, NULL, "2001:db8::1", true},
                {"::ffff:192.0.2.7", NULL, NULL, "::ffff:192.0.2.7", true},
                {"host.example", NULL, NULL, NULL, true},
                {"", NULL, NULL, NULL, false},
                {NULL, "ssh", NULL, NULL, false},
                {"192.0.2.7 ", NULL, NULL, NULL, true},
                {"192.0.2", NULL, NULL, NULL, true},
                {"0xc0000207", NULL, NULL, NULL, true},
                {"192.0.2.0/24", NULL, NULL, NULL, true},
                {"fe80::1%eth0", NULL, NULL, NULL, true},
                /* sshd with UseDNS; the variable counts for it alone, and its first word. */
                {"host.example", "ssh", "SSH_CONNECTION=198.51.100.9 5 10.0.0.1 22", "198.51.100.9",
                 true},
                {NULL, "ssh", "SSH_CONNECTION=198.51.100.9 5 10.0.0.1 22", "198.51.100.9", false},
                {"192.0.2.7", "ssh", "SSH_CONNECTION=198.51.100.9 5 10.0.0.1 22", "192.0.2.7",
                 true},
                {"host.example", "/dev/ssh", "SSH_CONNECTION=198.51.100.9 5", NULL, true},
                {"host.example", NULL, "SSH_CONNECTION=198.51.100.9 5", NULL, true},
                {"host.example", "ssh", "SSH_CONNECTION=", NULL, true},
                {"host.example", "ssh", "SSH_CONNECTION= 198.51.100.9", NULL, true},
                {"host.example", "ssh", "SSH_CONNECTION=fe80::1%eth0 5", NULL, true},
                {"host.example", "ssh", "SSH_CONNECTION=UNKNOWN 65535", NULL, true},
                {"host.example", "ssh", "SSH_CLIENT=198.51.100.9 5 22", NULL, true},
        };
        struct harness *h = harness_new(NULL);

        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                const struct item items[] = {{PAM_RHOST, rows[i].rhost}, {PAM_TTY, rows[i].tty}};
                struct wire_message m;

                ask(h, "", items, COUNT(items), rows[i].variable, &m);
                assert_text(&m, WIRE_F_SOURCE, rows[i].sent);
                assert_int_equal(wire_number(&m, WIRE_F_REMOTE, 0), rows[i].remote);
        }
        (void)harness_free(h);
}

/* Over-long: unknown, and still a login from elsewhere, which makes no grant. */
static void test_long_rhost_and_odd_tty(void **state)
{
        char rhost[300];
        const struct item items[] = {{PAM_RHOST, rhost}, {PAM_TTY, "tty\n1"}};
        struct harness *h = harness_new(NULL);
        struct wire_message m;

        (void)state;
        memset(rhost, '1', sizeof(rhost) - 1);
        rhost[sizeof(rhost) - 1] = '\0';
        ask(h, "", items, COUNT(items), NULL, &m);
        assert_text(&m, WIRE_F_SOURCE, NULL);
        assert_text(&m, WIRE_F_TTY, NULL);
        assert_int_equal(wire_number(&m, WIRE_F_REMOTE, 0), 1);
        (void)harness_free(h);
}

/* Nothing of the environment counts, PAM's or the process's. */
static void test_environment_is_not_read(void **state)
{
        struct harness *h = harness_new(NULL);
        struct wire_message m;

        (void)state;
        assert_int_equal(setenv("SSH_CONNECTION", "198.51.100.9 1 2 3", 1), 0);
        assert_int_equal(setenv("ORGTOKEN_ORG", "globex", 1), 0);
        assert_int_equal(setenv("ORGTOKEN_SOCKET", "/nonexistent", 1), 0);
        ask(h, "", &(struct item){PAM_TTY, "ssh"}, 1, "ORGTOKEN_ORG=globex", &m);
        assert_text(&m, WIRE_F_SOURCE, NULL);
        assert_text(&m, WIRE_F_ORG, NULL);
        assert_string_equal(pam_getenv(h->pamh, "ORGTOKEN_ORG"), "acme");
        assert_int_equal(unsetenv("SSH_CONNECTION"), 0);
        assert_int_equal(unsetenv("ORGTOKEN_ORG"), 0);
        assert_int_equal(unsetenv("ORGTOKEN_SOCKET"), 0);
        (void)harness_free(h);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_least),
                cmocka_unit_test(test_most),
                cmocka_unit_test(test_nonces_differ),
                cmocka_unit_test(test_actor),
                cmocka_unit_test(test_source),
                cmocka_unit_test(test_long_rhost_and_odd_tty),
                cmocka_unit_test(test_environment_is_not_read),
        };

        return cmocka_run_group_tests_name("pam_request", tests, NULL, NULL);
}
