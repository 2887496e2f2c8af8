#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/cmd.h"
#include "cli/help.h"
#include "cli/suggest.h"
#include "cli/text.h"
#include "common/expiry.h"
#include "common/name.h"
#include "common/token.h"

#define NOW       INT64_C(1795428000) /* 2026-11-23T10:00:00Z */
#define WORDS_MAX 80

static struct args args;
static struct error error;

/* Parses a line of words between blanks; "''" is an empty word, '~' a blank in one. */
static int parse(const char *line)
{
        static char copy[4096];
        char *words[WORDS_MAX];
        int count = 0;

        args_free(&args);
        error = (struct error){0};
        assert_true(strlen(line) < sizeof(copy));
        (void)strncpy(copy, line, sizeof(copy) - 1);
        for (char *save = NULL, *w = strtok_r(copy, " ", &save); w;
             w = strtok_r(NULL, " ", &save)) {
                assert_true(count < WORDS_MAX);
                if (strcmp(w, "''") == 0)
                        w[0] = '\0';
                for (char *c = w; *c; c++)
                        *c = (char)(*c == '~' ? ' ' : *c);
                words[count++] = w;
        }
        return args_parse(count, words, NOW, &args, &error);
}

/* Parses, which must go well, and makes the request. */
static int request(const char *line, struct wire_message *ret)
{
        static const uint8_t nonce[WIRE_NONCE_LEN];

        assert_int_equal(parse(line), STATUS_DONE);
        wire_init(ret, WIRE_REQUEST, args.command->wire, nonce);
        return args_put(&args, ret, &error);
}

static void expect_usage(const char *line, const char *message, const char *hint)
{
        assert_int_equal(parse(line), STATUS_USAGE);
        assert_int_equal(error.status, STATUS_USAGE);
        if (!strstr(error.message, message))
                fail_msg("%s: %s", line, error.message);
        if (hint && !strstr(error.hint, hint))
                fail_msg("%s: %s", line, error.hint);
}

/* A line for each row that has all that it must: every verb of orgtoken(1) is one. */
static const char *const good[] = {
        "org create acme",
        "org list",
        "org show acme",
        "org delete acme --dry-run",
        "org set acme max-life=90d never=no max-unused=none end-sessions=yes",
        "org suspend acme",
        "org resume acme",
        "user list",
        "user suspend alice",
        "user resume alice",
        "user reassign alice",
        "user remove alice",
        "whoami",
        "member add acme alice --role admin",
        "member set acme alice --role member",
        "member remove acme alice",
        "member list acme",
        "account bind acme acme-deploy --service su --service su-l --role admin --allow-system",
        "account unbind acme acme-deploy",
        "account release acme-deploy",
        "account list",
        "account list acme",
        "key create acme --name ci --expires 30d --service sshd --source 10.0.0.0/8 --account a",
        "key list acme --expiring 14d --unused 90d --state live --name ci",
        "key revoke ak_4fK9aQ --end-sessions",
        "pat create --name laptop --expires never --user alice --source ::1 --source 10.0.0.1",
        "pat list --user alice",
        "pat rename pat_4fK9aQ my~laptop",
        "pat revoke pat_4fK9aQ",
        "rotate ak_4fK9aQ --overlap 2h --expires 2027-01-31",
        "revoke --all --org acme --user alice --used-since 7d --dry-run",
        "check --account a --org acme --service sudo --source ::1 --actor alice",
        "scan f g - --revoke",
        "doctor sshd su --root /x",
        "sudoers",
        "status --openmetrics",
        "host show",
        "host set self-service=limited max-life=30d",
        "clock reset",
        "notify",
        "backup f.db",
};

static void test_every_command_has_a_line(void **state)
{
        static const uint8_t nonce[WIRE_NONCE_LEN];
        size_t seen = 0, rows = 0;
        const struct command *last = NULL;

        (void)state;
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                struct wire_message m;
                unsigned char packet[WIRE_PACKET_MAX];
                size_t len;

                if (parse(good[i]) != STATUS_DONE)
                        fail_msg("%s: %s", good[i], error.message);
                seen += args.command != last;
                last = args.command;
                if (!args.command->wire || args.command->wire == WIRE_V_CHECK)
                        continue;
                /* What it makes is a request that the protocol allows. */
                wire_init(&m, WIRE_REQUEST, args.command->wire, nonce);
                assert_int_equal(args_put(&args, &m, &error), STATUS_DONE);
                assert_int_equal(wire_encode(&m, packet, sizeof(packet), &len), 0);
        }
        COMMAND_FOR_EACH(c)
        {
                rows += !c->absent && !c->hidden;
        }
        assert_int_equal(seen, rows);
}

/* Without any one of its needed words a line is refused, and with one too many. */
static void test_every_command_needs_its_words(void **state)
{
        (void)state;
        COMMAND_FOR_EACH(c)
        {
                char line[256];
                size_t positionals = 0;
                bool repeats = false;

                if (c->absent || c->hidden)
                        continue;
                (void)snprintf(line, sizeof(line), "%s %s", c->noun, c->verb ? c->verb : "");
                ARG_FOR_EACH(a, c)
                {
                        positionals += !arg_is_option(a) && !(a->flags & ARG_OPTIONAL);
                        repeats |= !arg_is_option(a) && (a->flags & ARG_REPEATS);
                        positionals += arg_is_option(a) && (a->flags & ARG_REQUIRED);
                }
                if (positionals > 0)
                        expect_usage(line, "is missing", "--help");
                (void)strncat(line, " --no-such-option", sizeof(line) - strlen(line) - 1);
                expect_usage(line, "is no option", NULL);
                if (repeats)
                        continue;
                (void)snprintf(line, sizeof(line), "%s %s w w w w", c->noun,
                               c->verb ? c->verb : "");
                expect_usage(line, "one word too many", NULL);
        }
}

static void test_usage_errors(void **state)
{
        static const struct {
                const char *line, *message, *hint;
        } rows[] = {
                {"", "a command is missing", "--help"},
                {"org", "'org' needs a verb: create, list", "org --help"},
                {"ogr list", "no command 'ogr'", "orgtoken org"},
                {"token create", "no command 'token'", "orgtoken pat"},
                {"create org acme", "no command 'create'", "orgtoken org create"},
                {"xyzzyxyzzy", "no command", "--help"},
                {"key crate acme", "no verb 'crate'", "orgtoken key create"},
                {"key delete ak_1", "no verb 'delete'", "orgtoken key revoke"},
                {"pat ls", "no verb 'ls'", "orgtoken pat list"},
                {"org rm acme", "no verb 'rm'", "orgtoken org delete"},
                {"key rename ak_1 x", "organisation keys cannot be renamed", "pat rename"},
                {"key rotate ak_1", "one command for both", "orgtoken rotate"},
                {"key create acme --nmae x", "'--nmae' is no option", "--name"},
                {"key create acme --nmae=secretvalue", "'--nmae' is no option", "--name"},
                {"pat create --name", "--name needs a value", NULL},
                {"pat create --name --expires 30d", "--name needs a value", NULL},
                {"pat create --name x --name y", "--name is given twice", NULL},
                {"org delete a --dry-run --dry-run", "--dry-run is given twice", NULL},
                {"org delete a --dry-run=yes", "--dry-run takes no value", NULL},
                {"org list --json=yes", "--json takes no value", NULL},
                {"org list --socket", "--socket needs a value", NULL},
                {"pat create", "--name is missing", "pat create --help"},
                {"member set a b", "--role is missing", NULL},
                {"member set a b --role owner", "accepted: member or admin", NULL},
                {"member add a b --role ''", "accepted: member or admin", NULL},
                {"pat create --name x --expires 0d", "accepted: 1d to 365d", NULL},
                {"pat create --name x --expires 366d", "is out of range", NULL},
                {"pat create --name x --expires 2026-11-23", "not lie in the future", NULL},
                {"pat create --name x --expires ''", "accepted: 1d to 365d", NULL},
                {"pat create --name x --expires tomorrow", "accepted: 1d to 365d", NULL},
                {"rotate ak_1 --overlap 91d", "at most 90d", NULL},
                {"rotate ak_1 --overlap 5", "at most 90d", NULL},
                {"pat create --name x --source 10.0.0.1/8", "bits set behind", NULL},
                {"pat create --name x --source ''", "accepted: a numeric network", NULL},
                {"pat create --name x --source host", "accepted: a numeric network", NULL},
                {"check --source 10.0.0.0/8", "accepted: a numeric address", NULL},
                {"pat list --state dead", "live, expired or revoked", NULL},
                {"pat list --unused soon", "from 1s to 3650d", NULL},
                {"revoke --all --used-since 2030-01-01", "lies in the future", NULL},
                {"revoke --all --used-since never", "accepted: 1d to 365d (ago)", NULL},
                {"revoke pat_4fK9aQ", "one word too many", "orgtoken pat revoke"},
                {"pat rename pat_1 my laptop", "one word too many", "in quotes"},
                {"org set acme", "POLICY is missing", NULL},
                {"org set acme max-life", "is no policy", NULL},
                {"org set acme self-service=off", "is no policy", NULL},
                {"host set end-sessions=yes", "is no policy", NULL},
                {"host set max-life=forever", "max-life: 'forever'", NULL},
                {"host set never=maybe", "never: 'maybe'", NULL},
                {"host set self-service=", "full, limited or off", NULL},
                {"host set max-life=1d max-life=2d", "contradict each other", NULL},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                expect_usage(rows[i].line, rows[i].message, rows[i].hint);
}

/* Wherever it stands; and no word of it is said again. */
static void test_tokens_are_refused(void **state)
{
        static const char *const lines[] = {
                "check %s", "pat revoke %s",         "pat create --name=%s", "scan %s",
                "%s",       "--json check --org %s", "check -- %s"};
        char token[TOKEN_TEXT_MAX + 1], line[200];

        (void)state;
        token_format(TOKEN_PAT, 4711, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ", token);
        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
                const char *hole = strstr(lines[i], "%s");

                (void)snprintf(line, sizeof(line), "%.*s%s", (int)(hole - lines[i]), lines[i],
                               token);
                expect_usage(line, "never given as arguments", "revoke it");
                assert_string_equal(error.reason, "token-in-argument");
                assert_null(strstr(error.message, "abc"));
                assert_null(strstr(error.hint, "abc"));
        }
}

static void test_options_stand_anywhere(void **state)
{
        static const char *const lines[] = {
                "--json --socket /s org show acme", "org --json show --socket=/s acme",
                "org show acme --json --socket /s", "org show --socket /s --json -- acme"};

        (void)state;
        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
                assert_int_equal(parse(lines[i]), STATUS_DONE);
                assert_true(args.json);
                assert_string_equal(args.socket, "/s");
                assert_string_equal(args_text(&args, WIRE_F_ORG), "acme");
        }
        /* How the error is told is known even where the line ends before the option. */
        assert_int_equal(parse("nonsense --json"), STATUS_USAGE);
        assert_true(args.json);
        assert_int_equal(parse("org show -- --json"), STATUS_DONE);
        assert_false(args.json);
        assert_string_equal(args_text(&args, WIRE_F_ORG), "--json");
        assert_int_equal(parse("pat create --name=--expires"), STATUS_DONE);
        assert_string_equal(args_text(&args, WIRE_F_NAME), "--expires");
}

static void test_requests(void **state)
{
        struct wire_message m;
        size_t len;

        (void)state;
        assert_int_equal(request("pat create --name x --expires 30d", &m), STATUS_DONE);
        assert_int_equal(wire_number(&m, WIRE_F_EXPIRES_AT, 0), NOW + 30 * EXPIRY_DAY);
        assert_int_equal(request("pat create --name x --expires never", &m), STATUS_DONE);
        assert_false(wire_has(&m, WIRE_F_EXPIRES_AT));
        assert_false(wire_has(&m, WIRE_F_NEVER));
        assert_int_equal(request("rotate ak_1 --expires never --overlap 2h", &m), STATUS_DONE);
        assert_int_equal(wire_number(&m, WIRE_F_NEVER, 0), 1);
        assert_int_equal(wire_number(&m, WIRE_F_OVERLAP, 0), 7200);
        assert_int_equal(request("member add a b --role admin", &m), STATUS_DONE);
        assert_int_equal(wire_number(&m, WIRE_F_ROLE, 0), ROLE_ADMIN);
        assert_int_equal(request("host set max-life=none self-service=off never=no", &m),
                         STATUS_DONE);
        assert_int_equal(wire_number(&m, WIRE_F_MAX_LIFE, -1), 0);
        assert_int_equal(wire_number(&m, WIRE_F_SELF_SERVICE, -1), 3);
        assert_int_equal(wire_number(&m, WIRE_F_NEVER_OK, -1), 0);
        assert_false(wire_has(&m, WIRE_F_MAX_UNUSED));
        assert_int_equal(request("revoke --all --used-since 7d", &m), STATUS_DONE);
        assert_int_equal(wire_number(&m, WIRE_F_USED_SINCE, 0), NOW - 7 * EXPIRY_DAY);
        assert_int_equal(request("key create a --name n --service s --service t", &m), STATUS_DONE);
        (void)wire_list(&m, WIRE_F_LIMIT_SERVICE, &len);
        assert_int_equal(len, 2);
}

/* What cannot travel is refused as the daemon would: status 1, its word, its rule. */
static void test_what_cannot_travel(void **state)
{
        static const struct {
                const char *line, *reason;
        } rows[] = {
                {"org create ''", "bad-org"},
                {"org create a\001b", "bad-org"},
                {"user suspend ''", "bad-user"},
                {"account release a\177", "bad-account"},
                {"pat create --name ''", "bad-name"},
                {"pat create --name a\nb", "bad-name"},
                {"pat create --name x --service ''", "bad-service"},
                {"pat create --name x --account ''", "bad-account"},
                {"pat revoke ''", "bad-key-id"},
        };
        struct wire_message m;
        char line[2000] = "org create ";

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                assert_int_equal(request(rows[i].line, &m), STATUS_REFUSED);
                assert_string_equal(error.reason, rows[i].reason);
                assert_non_null(strstr(error.message, "accepted: "));
        }
        for (int i = 0; i < 256; i++)
                (void)strncat(line, "a", sizeof(line) - strlen(line) - 1);
        assert_int_equal(request(line, &m), STATUS_REFUSED);
        (void)strncpy(line, "pat create --name x", sizeof(line) - 1);
        for (int i = 0; i < 16; i++)
                (void)strncat(line, " --service s", sizeof(line) - strlen(line) - 1);
        assert_int_equal(request(line, &m), STATUS_DONE);
        (void)strncat(line, " --service s", sizeof(line) - strlen(line) - 1);
        assert_int_equal(request(line, &m), STATUS_REFUSED);
        assert_string_equal(error.reason, "too-many-limits");
        /* What a name may be is the daemon's business. */
        assert_int_equal(request("org create NOT~A~NAME", &m), STATUS_DONE);
}

static void test_many_limits(void **state)
{
        enum { MANY = 10000 };
        static char *words[2 * MANY + 4];
        static char pat[] = "pat", create[] = "create", name[] = "--name", x[] = "x";
        static char service[] = "--service";
        static const uint8_t nonce[WIRE_NONCE_LEN];
        struct wire_message m;

        (void)state;
        words[0] = pat;
        words[1] = create;
        words[2] = name;
        words[3] = x;
        for (int i = 0; i < MANY; i++) {
                words[4 + 2 * i] = service;
                words[5 + 2 * i] = x;
        }
        args_free(&args);
        error = (struct error){0};
        assert_int_equal(args_parse(2 * MANY + 4, words, NOW, &args, &error), STATUS_DONE);
        wire_init(&m, WIRE_REQUEST, WIRE_V_PAT_CREATE, nonce);
        assert_int_equal(args_put(&args, &m, &error), STATUS_REFUSED);
}

static void test_help_at_every_level(void **state)
{
        struct buffer b = {0};

        (void)state;
        assert_int_equal(parse("--help"), STATUS_DONE);
        help_put(&b, &args, 80);
        COMMAND_FOR_EACH(c)
        {
                char line[64];
                size_t before;

                (void)snprintf(line, sizeof(line), "  %s", c->noun);
                buffer_put(&b, "", 1);
                assert_true(c->hidden == !strstr(b.bytes, line));
                b.len--;
                if (c->absent)
                        continue;
                /* Needed words may be missing where help is asked for. */
                (void)snprintf(line, sizeof(line), "%s %s -h", c->noun, c->verb ? c->verb : "");
                assert_int_equal(parse(line), STATUS_DONE);
                assert_ptr_equal(args.command, c);
                assert_true(args.help);
                before = b.len;
                for (unsigned width = 0; width < 100; width += 40)
                        help_put(&b, &args, width);
                assert_true(b.len > before);
                b.len = before;
        }
        buffer_wipe(&b);
        assert_int_equal(parse("help key create"), STATUS_DONE);
        assert_string_equal(args.command->verb, "create");
        assert_int_equal(parse("key --help"), STATUS_DONE);
        assert_null(args.command);
        assert_string_equal(args.noun, "key");
}

static void test_help_fits(void **state)
{
        (void)state;
        COMMAND_FOR_EACH(c)
        {
                struct args asked = {.command = c, .noun = c->noun};

                for (unsigned width = 40; width <= 80; width += 20) {
                        struct buffer b = {0};

                        if (c->absent || c->hidden)
                                continue;
                        help_put(&b, &asked, width);
                        for (char *line = b.bytes, *end; line < b.bytes + b.len; line = end + 1) {
                                end = memchr(line, '\n', b.len - (size_t)(line - b.bytes));
                                assert_non_null(end);
                                assert_true(end - line <= (ptrdiff_t)width);
                        }
                        buffer_wipe(&b);
                }
        }
}

static int setup(void **state)
{
        (void)state;
        text_init();
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        args_free(&args);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_command_has_a_line),
                cmocka_unit_test(test_every_command_needs_its_words),
                cmocka_unit_test(test_usage_errors),
                cmocka_unit_test(test_tokens_are_refused),
                cmocka_unit_test(test_options_stand_anywhere),
                cmocka_unit_test(test_requests),
                cmocka_unit_test(test_what_cannot_travel),
                cmocka_unit_test(test_many_limits),
                cmocka_unit_test(test_help_at_every_level),
                cmocka_unit_test(test_help_fits),
        };

        return cmocka_run_group_tests_name("cli_args", tests, setup, teardown);
}
