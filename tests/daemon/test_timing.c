/* That judging a token takes the same steps whatever is wrong with it (SECURITY: TIME): not times,
 * which are for tests/attack/timing, but instructions, counted one by one by a tracer. A comparison
 * that stops at the first difference, which is what must not be, is the control: it is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/verify.h"
#include "tests/support/valgrind.h"
#include "tests/support/world.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- counting ---- */

/* Runs up to the next SIGUSR1, counting steps if asked to. */
static long run_to_mark(pid_t pid, bool step)
{
        long steps = 0;
        int status;

        do {
                assert_int_equal(ptrace(step ? PTRACE_SINGLESTEP : PTRACE_CONT, pid, NULL, NULL),
                                 0);
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_true(WIFSTOPPED(status));
                steps++;
        } while (WSTOPSIG(status) != SIGUSR1);
        return steps;
}

/* How many instructions function(data) takes, and a constant number around it. */
static long count(void (*function)(const void *data), const void *data)
{
        pid_t pid = fork();
        long steps;
        int status;

        if (pid == 0) {
                (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
                (void)raise(SIGSTOP);
                (void)raise(SIGUSR1);
                function(data);
                (void)raise(SIGUSR1);
                _exit(0);
        }
        assert_true(pid > 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSTOPPED(status));
        (void)run_to_mark(pid, false);
        steps = run_to_mark(pid, true);
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, &status, 0);
        return steps;
}

/* ---- what is judged ---- */

/* One presented secret, always the same: what its own characters cost is no secret. */
#define PRESENTED "Zm3kQ9x0Lr7TbVw5YcNd2HfJp8GsKa4UeXi6RoMqBtA"

struct attempt {
        struct world *w;
        struct record_token row;
        char text[TOKEN_TEXT_MAX + 1];
};

/* A token whose secret begins with so many characters of PRESENTED, from that template. */
static struct attempt token_sharing(struct world *w, const struct record_token *template,
                                    size_t shared)
{
        struct attempt a = {.w = w, .row = *template};
        char random[TOKEN_RANDOM_LEN], text[TOKEN_TEXT_MAX + 1];
        struct token t;

        memcpy(random, PRESENTED, sizeof(random));
        for (size_t i = shared; i < sizeof(random); i++)
                random[i] = token_character(((unsigned)token_digit(random[i]) + 7) % 62);
        a.row.id = w->next_token++;
        token_format(a.row.kind, a.row.id, random, text);
        assert_int_equal(token_parse(view_of(text), &t), 0);
        assert_int_equal(sealed_insert_token(&w->sealed, &a.row, t.secret), 0);
        token_format(a.row.kind, a.row.id, PRESENTED, a.text);
        return a;
}

static void judge(const void *data)
{
        static const char checksum[TOKEN_SECRET_LEN - TOKEN_RANDOM_LEN] = "000000";
        const struct attempt *a = data;
        enum sealed_token_state state;
        char secret[TOKEN_SECRET_LEN];

        memcpy(secret, PRESENTED, TOKEN_RANDOM_LEN);
        memcpy(secret + TOKEN_RANDOM_LEN, checksum, sizeof(checksum));
        if (sealed_judge_token(&a->w->sealed, &a->row, view_of_bytes(secret, sizeof(secret)),
                               &state) < 0 ||
            state != SEALED_WRONG)
                abort();
}

static void decide(const void *data)
{
        const struct attempt *a = data;
        const struct verify_input in = {
                .token = view_of(a->text), .account = VIEW("acme-deploy"), .service = VIEW("sshd")};
        struct verify_output out;

        if (verify_token(&a->w->sealed, &in, WORLD_NOW, NULL, &out) < 0 ||
            out.verdict != VERDICT_UNKNOWN)
                abort();
}

static int setup(void **state)
{
        struct world *w = world_new();

        (void)world_org(w, "acme");
        *state = w;
        return 0;
}

static int teardown(void **state)
{
        (void)world_free(*state);
        return 0;
}

/* ---- tests ---- */

static void test_shared_beginning(void **state)
{
        static const size_t shared[] = {0, 21, 42};
        const struct record_token key = world_template(TOKEN_AK, 1);
        long first = 0;

        for (size_t i = 0; i < COUNT(shared); i++) {
                struct attempt a = token_sharing(*state, &key, shared[i]);
                long n = count(judge, &a);

                if (i == 0)
                        first = n;
                assert_true(n > 1000);
                assert_int_equal(n, first);
        }
}

/* The mac that the presented secret leads to, but for one byte: what its own row would say. */
static struct attempt near_mac(struct world *w, size_t differs)
{
        const struct record_token key = world_template(TOKEN_AK, 1);
        struct attempt a = {.w = w, .row = key};
        char secret[TOKEN_SECRET_LEN + 1] = PRESENTED "000000";

        a.row.id = w->next_token++;
        assert_int_equal(
                sealed_insert_token(&w->sealed, &a.row, view_of_bytes(secret, TOKEN_SECRET_LEN)),
                0);
        a.row.mac[differs] ^= 0x40;
        return a;
}

static void test_shared_mac(void **state)
{
        static const size_t differs[] = {0, 1, 31};
        long first = 0;

        for (size_t i = 0; i < COUNT(differs); i++) {
                struct attempt a = near_mac(*state, differs[i]);
                long n = count(judge, &a);

                if (i == 0)
                        first = n;
                assert_int_equal(n, first);
        }
}

/* What memcmp() may do: stop at the first difference. */
static void compare_leaking(const void *data)
{
        const struct attempt *right = data, *a = right + 1;
        size_t i = 0;

        while (i < RECORD_MAC_LEN && ((const volatile uint8_t *)right->row.mac)[i] == a->row.mac[i])
                i++;
}

static void test_control(void **state)
{
        struct attempt pair[2];
        long first, last;

        pair[0] = pair[1] = near_mac(*state, 0);
        pair[1].row.mac[0] ^= 0x40;
        first = count(compare_leaking, pair);
        pair[0] = pair[1] = near_mac(*state, 31);
        pair[1].row.mac[31] ^= 0x40;
        last = count(compare_leaking, pair);
        assert_true(last >= first + 31);
}

/* Without the right secret a token that is over is as unknown as one that lives. */
static void test_state_of_the_token(void **state)
{
        struct record_token template = world_template(TOKEN_AK, 1);
        struct attempt live = token_sharing(*state, &template, 42), other;
        long n = count(judge, &live);

        template.expires_at = WORLD_NOW - 1;
        other = token_sharing(*state, &template, 42);
        assert_int_equal(count(judge, &other), n);
        world_revoke(*state, other.row.id, "revoked");
        assert_int_equal(store_find_token(live.w->sealed.reader, other.row.id, &other.row), 0);
        assert_int_equal(count(judge, &other), n);
}

/* An id that there is not costs the macs too. (Ids are public; looking one up may differ.) */
static void test_unknown_id(void **state)
{
        const struct record_token key = world_template(TOKEN_AK, 1);
        struct attempt known = token_sharing(*state, &key, 0), unknown = known;

        token_format(TOKEN_AK, TOKEN_ID_LIMIT - 1, PRESENTED, unknown.text);
        assert_true(count(decide, &unknown) > count(judge, &known));
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(test_shared_beginning),   CASE(test_shared_mac), CASE(test_control),
                CASE(test_state_of_the_token), CASE(test_unknown_id),
        };

        /* valgrind runs its own instructions, and has no tracing: there is nothing to count. */
        if (valgrind_is_here())
                return 0;
        return cmocka_run_group_tests_name("timing", tests, NULL, NULL);
}
