#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "askpass/config.h"
#include "askpass/prompt.h"
#include "askpass/source.h"
#include "common/token.h"

static char directory[] = "/tmp/orgtoken-askpass-XXXXXX";
static char path[sizeof(directory) + 8];
static char token[TOKEN_TEXT_MAX + 1];

static int setup(void **state)
{
        char random[TOKEN_RANDOM_LEN + 1];

        (void)state;
        if (!mkdtemp(directory))
                return -1;
        (void)snprintf(path, sizeof(path), "%s/token", directory);
        (void)snprintf(random, sizeof(random), "%.*s", TOKEN_RANDOM_LEN,
                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
        token_format(TOKEN_PAT, 4711, random, token);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        (void)unlink(path);
        return rmdir(directory);
}

static void put_file(const char *text, mode_t mode)
{
        FILE *f;

        (void)unlink(path);
        f = fopen(path, "w");
        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(chmod(path, mode), 0);
}

static void test_prompts_that_are_answered(void **state)
{
        static const struct {
                const char *text, *user, *host;
        } rows[] = {
                {"alice@host's password: ", "alice", "host"},
                {"(alice@host) Password: ", "alice", "host"},
                {"(alice@host) Password:", "alice", "host"},
                {"(alice@host) password: ", "alice", "host"},
                {"alice@corp.example@host's password: ", "alice@corp.example", "host"},
                {"alice@fd00::1's password: ", "alice", "fd00::1"},
                {"(alice@fd00::1) Password: ", "alice", "fd00::1"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct prompt p;

                assert_int_equal(prompt_parse(view_of(rows[i].text), &p), 0);
                assert_true(view_equal_str(p.user, rows[i].user));
                assert_true(view_equal_str(p.host, rows[i].host));
        }
}

/* Every other question that ssh, scp, ssh-add and git ask, and those that a server may invent. */
static void test_prompts_that_are_not(void **state)
{
        static const char *const rows[] = {
                "",
                "Password: ",
                ("The authenticity of host 'host (10.0.0.1)' can't be established.\n"
                 "Are you sure you want to continue connecting (yes/no/[fingerprint])? "),
                "Please type 'yes', 'no' or the fingerprint: ",
                "Enter passphrase for key '/home/alice/.ssh/id_ed25519': ",
                "Enter passphrase for /home/alice/.ssh/id_rsa: ",
                "Enter PIN for ED25519-SK key /home/alice/.ssh/id_sk: ",
                "Enter alice@host's old password: ",
                "Enter alice@host's new password: ",
                "Retype alice@host's new password: ",
                "Allow use of key alice@host?\nKey fingerprint SHA256:x.",
                "Username for 'https://host': ",
                "Password for 'https://alice@host': ",
                "[sudo] password for alice: ",
                "alice@host's password:",
                "alice@host's password: x",
                "@host's password: ",
                "alice@'s password: ",
                "alice's password: ",
                "al ice@host's password: ",
                "alice@host\n's password: ",
                "(alice@host) Verification code: ",
                "(alice@host) Organization: ",
                "(alice@host) Current password: ",
                "(alice@host) New password: ",
                "(alice@host) bob@other's password: ",
                "(alice@host) (bob@other) Password: ",
                "(alice@host) Enter passphrase for key 'x': ",
                "(alice@host)Password: ",
                "(alice) Password: ",
                "(@host) Password: ",
                "() Password: ",
                "(alice@host Password: ",
                "(",
        };
        struct prompt p;

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                if (prompt_parse(view_of(rows[i]), &p) != -ENOMSG)
                        fail_msg("answered: %s", rows[i]);
        assert_int_equal(prompt_parse(VIEW_ABSENT, &p), -ENOMSG);
}

static int find(const char *text, const char *user, const char *host, struct entry *ret,
                struct complaint *why)
{
        const struct prompt p = {view_of(user), view_of(host)};

        *ret = (struct entry){0};
        *why = (struct complaint){0};
        return config_find(view_of(text), "file", &p, ret, why);
}

static void test_config_finds_by_host_and_user(void **state)
{
        static const char text[] = "# comment\n"
                                   "\n"
                                   "  host:bob   file=/b \n"
                                   "host org=acme file=/any\r\n"
                                   "host file=/never\n"
                                   "Other.Example\tcredential=ci\n"
                                   "ring keyring=ci-token\n"
                                   "[fd00::1]:alice command=pass show  a=b file=/x # all of it \n"
                                   "[10.0.0.1] file=/v4";
        static const struct {
                const char *user, *host, *org;
                enum source_kind kind;
                const char *value;
        } rows[] = {
                {"bob", "host", NULL, SOURCE_FILE, "/b"},
                {"alice", "host", "acme", SOURCE_FILE, "/any"},
                {"alice", "HOST", "acme", SOURCE_FILE, "/any"},
                {"alice", "other.example", NULL, SOURCE_CREDENTIAL, "ci"},
                {"alice", "fd00::1", NULL, SOURCE_COMMAND, "pass show  a=b file=/x # all of it"},
                {"alice", "ring", NULL, SOURCE_KEYRING, "ci-token"},
                {"x", "10.0.0.1", NULL, SOURCE_FILE, "/v4"},
        };
        struct complaint why;
        struct entry e;

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                assert_int_equal(find(text, rows[i].user, rows[i].host, &e, &why), 0);
                assert_int_equal(e.kind, rows[i].kind);
                assert_true(view_equal_str(e.value, rows[i].value));
                assert_true(view_equal(e.org, view_of(rows[i].org)));
        }
        /* A name that begins or ends as another is another. */
        assert_int_equal(find(text, "alice", "hos", &e, &why), -ENOENT);
        assert_int_equal(find(text, "alice", "host.evil.example", &e, &why), -ENOENT);
        assert_int_equal(find(text, "bob", "fd00::1", &e, &why), -ENOENT);
        assert_non_null(strstr(why.text, "fd00::1:bob"));
}

static void test_config_refuses_mistakes(void **state)
{
        static const char *const rows[] = {
                "host",
                "host org=acme",
                "host /etc/token",
                "host fil=/x",
                "host file=",
                "host file=relative",
                "host file=~/token",
                "host file=/a file=/b",
                "host file=/a credential=b",
                "host keyring=a credential=b",
                "host keyring=",
                "host credential=../x",
                "host credential=.x",
                "host command=",
                "host org=acme org=acme file=/a",
                "host org=Acme file=/a",
                "host org= file=/a",
                "* file=/a",
                "*.example file=/a",
                "host? file=/a",
                "host: file=/a",
                ":bob file=/a",
                "fd00::1 file=/a",
                "[fd00::1 file=/a",
                "[] file=/a",
                "[fd00::1]x file=/a",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct complaint why;
                struct entry e;
                char text[128];

                /* Behind a line that fits: a mistake is told before its line is needed. */
                (void)snprintf(text, sizeof(text), "good file=/good\n%s\n", rows[i]);
                if (find(text, "alice", "good", &e, &why) != -EINVAL)
                        fail_msg("accepted: %s", rows[i]);
                assert_non_null(strstr(why.text, "file line 2: "));
        }
}

static int read_entry(struct entry e, struct secret_buffer *ret, struct complaint *why)
{
        static const struct prompt p = {{"alice", 5}, {"host", 4}};

        *ret = (struct secret_buffer){0};
        *why = (struct complaint){0};
        return source_read(&e, &p, ret, why);
}

static struct entry entry_of(enum source_kind kind, const char *value, const char *org)
{
        return (struct entry){view_of(org), kind, view_of(value)};
}

static void assert_gives(struct entry e, const char *expected)
{
        struct secret_buffer b;
        struct complaint why;

        if (read_entry(e, &b, &why) != 0)
                fail_msg("%s", why.text);
        assert_true(view_equal_str(view_of_bytes(b.bytes, b.len), expected));
}

/* Refused, and nothing left of it: neither in the buffer nor in what is told. */
static void assert_refused(struct entry e, int r)
{
        static const struct secret_buffer empty;
        struct secret_buffer b;
        struct complaint why;

        assert_int_equal(read_entry(e, &b, &why), r);
        assert_memory_equal(&b, &empty, sizeof(b));
        assert_true(why.text[0] != '\0');
        assert_null(strstr(why.text, token + 15));
}

static void test_file(void **state)
{
        struct entry e = entry_of(SOURCE_FILE, path, NULL);
        char text[3000];

        (void)state;
        put_file(token, 0600);
        assert_gives(e, token);
        (void)snprintf(text, sizeof(text), "%s\n", token);
        put_file(text, 0400);
        assert_gives(e, token);
        (void)snprintf(text, sizeof(text), "%s\r\n", token);
        put_file(text, 0600);
        assert_gives(e, token);
        for (mode_t bit = 01; bit <= 040; bit <<= 1) {
                put_file(token, 0600 | bit);
                assert_refused(e, -EACCES);
        }
        put_file("", 0600);
        assert_refused(e, -EBADMSG);
        put_file("correct horse battery\n", 0600);
        assert_refused(e, -EBADMSG);
        (void)snprintf(text, sizeof(text), "%s\nsecond line\n", token);
        put_file(text, 0600);
        assert_refused(e, -EBADMSG);
        (void)snprintf(text, sizeof(text), "%s%2000s", token, "");
        put_file(text, 0600);
        assert_refused(e, -EBADMSG);
        assert_refused(entry_of(SOURCE_FILE, directory, NULL), -EACCES);
        assert_refused(entry_of(SOURCE_FILE, "/dev/zero", NULL), -EACCES);
        (void)unlink(path);
        assert_refused(e, -ENOENT);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_refused(e, -EACCES);
        if (geteuid() == 0) {
                put_file(token, 0600);
                assert_int_equal(chown(path, 1, 1), 0);
                assert_refused(e, -EACCES);
        }
}

static void test_org_is_appended(void **state)
{
        char text[128], expected[128];

        (void)state;
        (void)snprintf(expected, sizeof(expected), "%s@acme", token);
        put_file(token, 0600);
        assert_gives(entry_of(SOURCE_FILE, path, "acme"), expected);
        (void)snprintf(text, sizeof(text), "%s@acme\n", token);
        put_file(text, 0600);
        assert_gives(entry_of(SOURCE_FILE, path, "acme"), expected);
        assert_gives(entry_of(SOURCE_FILE, path, NULL), expected);
        assert_refused(entry_of(SOURCE_FILE, path, "globex"), -EBADMSG);
}

static void test_credential(void **state)
{
        struct entry e = entry_of(SOURCE_CREDENTIAL, "token", NULL);

        (void)state;
        put_file(token, 0400);
        (void)unsetenv("CREDENTIALS_DIRECTORY");
        assert_refused(e, -ENOENT);
        (void)setenv("CREDENTIALS_DIRECTORY", "relative", 1);
        assert_refused(e, -ENOENT);
        (void)setenv("CREDENTIALS_DIRECTORY", directory, 1);
        assert_gives(e, token);
        put_file(token, 0404);
        assert_refused(e, -EACCES);
        put_file(token, 0420);
        assert_refused(e, -EACCES);
        put_file(token, 0440);
        if (geteuid() == 0) {
                assert_gives(e, token);
                assert_int_equal(chown(path, 1, 0), 0);
        }
        assert_refused(e, -EACCES);
        assert_refused(entry_of(SOURCE_CREDENTIAL, "absent", NULL), -ENOENT);
}

static long keyring_call(int operation, long a, unsigned long b)
{
        return syscall(SYS_keyctl, operation, a, b, 0, 0);
}

static long put_key(const char *text, size_t len)
{
        return syscall(SYS_add_key, "user", "orgtoken-askpass-test", text, len,
                       KEY_SPEC_SESSION_KEYRING);
}

static void test_keyring(void **state)
{
        struct entry e = entry_of(SOURCE_KEYRING, "orgtoken-askpass-test", NULL);
        char text[2000];
        long key;

        (void)state;
        /* A session of our own, that ends with this program. Some containers have no keyrings. */
        if (keyring_call(KEYCTL_JOIN_SESSION_KEYRING, 0, 0) < 0)
                skip();
        assert_refused(e, -ENOKEY);
        key = put_key(token, strlen(token));
        assert_true(key > 0);
        assert_gives(e, token);
        assert_refused(entry_of(SOURCE_KEYRING, "orgtoken-askpass-tes", NULL), -ENOKEY);
        (void)snprintf(text, sizeof(text), "%s\n", token);
        assert_true(put_key(text, strlen(text)) > 0);
        assert_gives(e, token);
        /* Each right of the group's and of the others' but that to see it. */
        for (unsigned bit = 0x02; bit <= 0x20; bit <<= 1) {
                assert_int_equal(keyring_call(KEYCTL_SETPERM, key, 0x3f010000 | bit), 0);
                assert_refused(e, -EACCES);
                assert_int_equal(keyring_call(KEYCTL_SETPERM, key, 0x3f010000 | (bit << 8)), 0);
                assert_refused(e, -EACCES);
        }
        assert_int_equal(keyring_call(KEYCTL_SETPERM, key, 0x3f010101), 0);
        assert_gives(e, token);
        assert_true(put_key("correct horse", 13) > 0);
        assert_refused(e, -EBADMSG);
        (void)snprintf(text, sizeof(text), "%s%1500s", token, "");
        assert_true(put_key(text, strlen(text)) > 0);
        assert_refused(e, -EBADMSG);
        assert_true(put_key(token, strlen(token)) > 0);
        assert_int_equal(keyring_call(KEYCTL_REVOKE, key, 0), 0);
        assert_refused(e, -EKEYREVOKED);
}

static void test_command(void **state)
{
        char line[256];

        (void)state;
        (void)snprintf(line, sizeof(line), "echo %s", token);
        assert_gives(entry_of(SOURCE_COMMAND, line, NULL), token);
        (void)snprintf(line, sizeof(line),
                       "read x; test -z \"$x$1\" && test $ORGTOKEN_ASKPASS_USER@"
                       "$ORGTOKEN_ASKPASS_HOST = alice@host && echo %s",
                       token);
        assert_gives(entry_of(SOURCE_COMMAND, line, NULL), token);
        (void)snprintf(line, sizeof(line), "echo %s; exit 1", token);
        assert_refused(entry_of(SOURCE_COMMAND, line, NULL), -ECHILD);
        (void)snprintf(line, sizeof(line), "echo %s; kill -9 $$", token);
        assert_refused(entry_of(SOURCE_COMMAND, line, NULL), -ECHILD);
        assert_refused(entry_of(SOURCE_COMMAND, "true", NULL), -EBADMSG);
        /* The program itself ignores SIGPIPE, and what it runs must not. */
        (void)signal(SIGPIPE, SIG_IGN);
        (void)snprintf(line, sizeof(line),
                       "grep -q '^SigIgn:.*[13579bdf]...$' /proc/self/status || echo %s", token);
        assert_gives(entry_of(SOURCE_COMMAND, line, NULL), token);
        (void)signal(SIGPIPE, SIG_DFL);
        (void)snprintf(line, sizeof(line), "trap '' PIPE; echo %s; yes 2>/dev/null; true", token);
        assert_refused(entry_of(SOURCE_COMMAND, line, NULL), -EBADMSG);
}

static void test_config_file_is_ones_own(void **state)
{
        struct complaint why = {0};
        char *text = NULL;
        size_t len = 0;

        (void)state;
        put_file("host file=/x\n", 0644);
        assert_int_equal(source_read_config(path, &text, &len, &why), 0);
        assert_true(view_equal_str((struct view){text, len}, "host file=/x\n"));
        free(text);
        put_file("host file=/x\n", 0664);
        assert_int_equal(source_read_config(path, &text, &len, &why), -EACCES);
        put_file("host file=/x\n", 0646);
        assert_int_equal(source_read_config(path, &text, &len, &why), -EACCES);
        if (geteuid() == 0) {
                put_file("host file=/x\n", 0600);
                assert_int_equal(chown(path, 1, 0), 0);
                assert_int_equal(source_read_config(path, &text, &len, &why), -EACCES);
        }
        put_file("", 0600);
        assert_int_equal(truncate(path, SOURCE_CONFIG_MAX + 1), 0);
        assert_int_equal(source_read_config(path, &text, &len, &why), -EFBIG);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_prompts_that_are_answered),
                cmocka_unit_test(test_prompts_that_are_not),
                cmocka_unit_test(test_config_finds_by_host_and_user),
                cmocka_unit_test(test_config_refuses_mistakes),
                cmocka_unit_test(test_file),
                cmocka_unit_test(test_org_is_appended),
                cmocka_unit_test(test_credential),
                cmocka_unit_test(test_keyring),
                cmocka_unit_test(test_command),
                cmocka_unit_test(test_config_file_is_ones_own),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
