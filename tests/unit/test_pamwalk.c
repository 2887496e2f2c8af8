/* What the command makes of a stack against what libpam makes of it: made-up stacks of pam_debug,
   which answers as its line says and tells of each call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include "cli/pamwalk.h"
#include "tests/support/pam_harness.h"
#include "tests/support/valgrind.h"

#define STACKS 1000
#define FILES  4

static char root[] = "/tmp/orgtoken-walk.XXXXXX";
static uint64_t seed = 0x9e3779b97f4a7c15;

static unsigned below(unsigned n)
{
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return (unsigned)((seed >> 33) % n);
}

static const char *any_code(void)
{
        /* The likely ones often. */
        static const int often[] = {0, 0, 0, 6, 7, 9, 10, 12, 13, 25};

        return pamstack_code_word(below(4) ? often[below(10)] : (int)below(PAMSTACK_CODES));
}

static void put_action(FILE *f)
{
        static const char *const words[] = {"ignore", "ok", "done", "bad", "die", "reset"};

        if (below(3) == 0)
                (void)fprintf(f, "%u", 1 + below(4));
        else
                (void)fputs(words[below(6)], f);
}

static void put_control(FILE *f)
{
        static const char *const words[] = {"required", "Requisite", "optional", "sufficient"};
        static const char *const odd[] = {"[success=ok,default=bad]",
                                          "[succes=ok]",
                                          "[success=]",
                                          "[success]",
                                          "mandatory",
                                          "[]",
                                          "[default=0]"};

        if (below(30) == 0) {
                (void)fputs(odd[below(7)], f);
                return;
        }
        if (below(2)) {
                (void)fputs(words[below(4)], f);
                return;
        }
        (void)fputc('[', f);
        for (unsigned n = below(4); n > 0; n--) {
                (void)fprintf(f, "%s=", any_code());
                put_action(f);
                (void)fputc(' ', f);
        }
        if (below(2)) {
                (void)fputs("default=", f);
                put_action(f);
        }
        (void)fputc(']', f);
}

/* A file includes those behind it only, so there are no circles. */
static void put_line(FILE *f, int file, const char *phase, const char *argument)
{
        int next = file + 1 + (int)below(2);

        if (next < FILES && below(5) == 0) {
                static const char *const how[] = {"include", "substack", "@"};
                const char *word = how[below(3)];

                if (word[0] == '@')
                        (void)fprintf(f, "@include f%d\n", next);
                else
                        (void)fprintf(f, "%s %s f%d\n", phase, word, next);
                return;
        }
        (void)fprintf(f, "%s ", phase);
        put_control(f);
        (void)fprintf(f, below(8) ? " pam_debug.so %s=%s\n" : " \\\n pam_debug.so %s=%s # why\n",
                      argument, any_code());
}

/* libpam looks for included files in /etc/pam.d, wherever the service's file is, so that its copy
   of the files has whole paths. */
static void copy_for_libpam(int i)
{
        char from[64], to[64], line[1024];
        FILE *in, *out;

        (void)snprintf(from, sizeof(from), "%s/etc/pam.d/f%d", root, i);
        (void)snprintf(to, sizeof(to), "%s/f%d", root, i);
        in = fopen(from, "re");
        out = fopen(to, "we");
        assert_non_null(in);
        assert_non_null(out);
        while (fgets(line, sizeof(line), in)) {
                char *name = strstr(line, "include f");

                if (!name)
                        name = strstr(line, "substack f");
                if (name) {
                        name = strchr(name, ' ') + 1;
                        (void)fprintf(out, "%.*s%s/%s", (int)(name - line), line, root, name);
                } else {
                        (void)fputs(line, out);
                }
        }
        (void)fclose(in);
        (void)fclose(out);
}

static void write_stack(void)
{
        char path[64];

        for (int i = 0; i < FILES; i++) {
                FILE *f;

                (void)snprintf(path, sizeof(path), "%s/etc/pam.d/f%d", root, i);
                f = fopen(path, "we");
                assert_non_null(f);
                for (unsigned n = 1 + below(4); n > 0; n--) {
                        put_line(f, i, "auth", "auth");
                        put_line(f, i, "account", "acct");
                }
                (void)fclose(f);
                copy_for_libpam(i);
        }
}

static void show_files(void)
{
        char command[128];

        (void)snprintf(command, sizeof(command), "cd %s/etc/pam.d && grep -n . f? >&2", root);
        (void)!system(command);
}

/* pam_debug says what it returns, once a call. */
static int count_calls(int n, const struct pam_message **m, struct pam_response **ret, void *data)
{
        (void)m;
        *(int *)data += n;
        *ret = calloc((size_t)n, sizeof(**ret));
        return *ret ? PAM_SUCCESS : PAM_BUF_ERR;
}

static int run_libpam(int *ret_auth_calls, int *ret_account, int *ret_account_calls)
{
        int calls = 0, auth;
        const struct pam_conv conv = {count_calls, &calls};
        pam_handle_t *pamh = NULL;
        if (pam_start_confdir("f0", "alice", &conv, root, &pamh) != PAM_SUCCESS) {
                show_files();
                fail_msg("%s", harness_log());
        }
        auth = pam_authenticate(pamh, 0);
        *ret_auth_calls = calls;
        calls = 0;
        *ret_account = pam_acct_mgmt(pamh, 0);
        *ret_account_calls = calls;
        (void)pam_end(pamh, 0);
        return auth;
}

static int answer(void *context, const struct pamstack_line *l)
{
        const char *word = strchr(l->args[0], '=') + 1;
        int code = 0;

        ++*(int *)context;
        while (strcmp(pamstack_code_word(code), word) != 0)
                code++;
        return code;
}

static void test_as_libpam_does(void **state)
{
        /* valgrind takes its time, and the same lines with fewer. */
        int stacks = valgrind_is_here() ? STACKS / 20 : STACKS;

        (void)state;
        for (int i = 0; i < stacks; i++) {
                int auth_calls, account, account_calls, calls = 0;
                int auth;
                struct pamstack *s = NULL;
                struct pamwalk w;

                write_stack();
                auth = run_libpam(&auth_calls, &account, &account_calls);
                assert_int_equal(pamstack_read(root, "f0", &s), 0);
                pamwalk_run(s, PAMSTACK_AUTH, answer, &calls, &w);
                if (w.status != auth || calls != auth_calls) {
                        show_files();
                        fail_msg("auth of stack %d: %s after %d calls, libpam: %s after %d", i,
                                 pamstack_code_word(w.status), calls, pamstack_code_word(auth),
                                 auth_calls);
                }
                calls = 0;
                pamwalk_run(s, PAMSTACK_ACCOUNT, answer, &calls, &w);
                /* Behind an "incomplete" libpam wants the same call again. */
                if (auth != PAM_INCOMPLETE && (w.status != account || calls != account_calls)) {
                        show_files();
                        fail_msg("account of stack %d: %s after %d calls, libpam: %s after %d", i,
                                 pamstack_code_word(w.status), calls, pamstack_code_word(account),
                                 account_calls);
                }
                (void)pamstack_free(s);
        }
}

static int make_root(void **state)
{
        char path[64];

        (void)state;
        if (!mkdtemp(root))
                return -1;
        (void)snprintf(path, sizeof(path), "%s/etc", root);
        (void)mkdir(path, 0755);
        (void)snprintf(path, sizeof(path), "%s/etc/pam.d", root);
        return mkdir(path, 0755);
}

static int remove_root(void **state)
{
        char command[128];

        (void)state;
        (void)snprintf(command, sizeof(command), "rm -rf %s", root);
        return system(command);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_as_libpam_does),
        };

        return cmocka_run_group_tests_name("pamwalk", tests, make_root, remove_root);
}
