/*
 * Logs in through PAM as sshd does, over and over: pam_start, pam_authenticate, pam_acct_mgmt,
 * pam_end, each time with a fresh handle. Takes several stacks in turn, round by round, so that
 * whatever else the machine does falls on all of them alike. Prints one line of JSON a stack.
 *
 *   login [-r ROUNDS] [-s SLICE_MS] [-n LOGINS] [-p] CONFDIR STACK=FILE [STACK!=FILE …]
 * [raw=SOCKET]
 *
 * FILE has lines "USER PASSWORD"; STACK!= is one that refuses. raw= is no PAM at all: connect, send
 * 64 bytes, receive them, close. -p: a process of its own for each login, forked and waited for.
 * -n: so many, whatever the time.
 */
#include <errno.h>
#include <security/pam_appl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bench.h"

#define STACKS_MAX 32
#define RAW_LEN    64
#define LEAST      3 /* logins a round, however slow */

struct stack {
        char *name;
        const char *raw; /* socket; NULL: a PAM stack */
        bool refuses;
        struct bench_credentials credentials;
        struct bench_series whole, auth, frame; /* frame: pam_start and pam_end alone */
        size_t failures;
        size_t round; /* where this round's values begin */
};

struct options {
        unsigned rounds;
        int64_t slice;
        size_t logins;
        bool process;
        const char *confdir;
        struct stack stack[STACKS_MAX];
        size_t stacks;
};

static int converse(int n, const struct pam_message **m, struct pam_response **ret, void *data)
{
        struct pam_response *r = calloc((size_t)n, sizeof(*r));
        const char *password = data;

        if (!r)
                return PAM_BUF_ERR;
        for (int i = 0; i < n; i++)
                if (m[i]->msg_style == PAM_PROMPT_ECHO_OFF)
                        r[i].resp = strdup(password);
        *ret = r;
        return PAM_SUCCESS;
}

struct times {
        int64_t start, started, authenticated, judged, end;
};

/* What sshd sets, and in this order of calls. True where the outcome was the one expected. */
static bool log_in(const struct options *o, const struct stack *s,
                   const struct bench_credential *credential, struct times *t)
{
        const struct pam_conv conv = {converse, credential->password};
        pam_handle_t *pamh = NULL;
        int code, account;

        t->start = bench_now();
        if (pam_start_confdir(s->name, credential->user, &conv, o->confdir, &pamh) != PAM_SUCCESS)
                bench_die(s->name, EINVAL);
        (void)pam_set_item(pamh, PAM_RHOST, "192.0.2.7");
        (void)pam_set_item(pamh, PAM_TTY, "ssh");
        t->started = bench_now();
        code = pam_authenticate(pamh, 0);
        t->authenticated = bench_now();
        account = pam_acct_mgmt(pamh, 0);
        t->judged = bench_now();
        (void)pam_end(pamh, code);
        t->end = bench_now();
        return s->refuses ? code != PAM_SUCCESS : code == PAM_SUCCESS && account == PAM_SUCCESS;
}

static bool log_in_forked(const struct options *o, struct stack *s,
                          const struct bench_credential *credential, struct times *t)
{
        int status;
        pid_t pid;

        *t = (struct times){.start = bench_now()};
        pid = fork();
        if (pid < 0)
                bench_die("fork", errno);
        if (pid == 0) {
                struct times unused;

                _exit(log_in(o, s, credential, &unused) ? 0 : 1);
        }
        if (waitpid(pid, &status, 0) != pid)
                bench_die("waitpid", errno);
        t->end = bench_now();
        return status == 0;
}

static void echo_raw(struct stack *s)
{
        char bytes[RAW_LEN] = "raw";
        int64_t start = bench_now(), end;
        int fd = bench_connect(s->raw);

        if (send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) != RAW_LEN ||
            recv(fd, bytes, sizeof(bytes), 0) != RAW_LEN)
                s->failures++;
        (void)close(fd);
        end = bench_now();
        bench_add(&s->whole, end - start);
        bench_add(&s->auth, end - start);
        bench_add(&s->frame, 0);
}

static void do_once(const struct options *o, struct stack *s)
{
        const struct bench_credential *credential;
        struct times t;
        bool good;

        if (s->raw) {
                echo_raw(s);
                return;
        }
        credential = bench_next_credential(&s->credentials);
        good = o->process ? log_in_forked(o, s, credential, &t) : log_in(o, s, credential, &t);
        if (!good)
                s->failures++;
        bench_add(&s->whole, t.end - t.start);
        bench_add(&s->auth, t.authenticated - t.started);
        bench_add(&s->frame, t.started - t.start + t.end - t.judged);
}

static void do_round(const struct options *o, struct stack *s)
{
        int64_t until = bench_now() + o->slice;

        s->round = s->whole.len;
        do
                do_once(o, s);
        while (o->logins > 0 ? s->whole.len - s->round < o->logins
                             : bench_now() < until || s->whole.len - s->round < LEAST);
}

static void print_quantiles(const char *name, const struct bench_series *s)
{
        (void)printf(", \"%s\": {\"p50\": %.2f, \"p90\": %.2f, \"p99\": %.2f}", name,
                     (double)bench_quantile(s, 0, .5) / 1e3, (double)bench_quantile(s, 0, .9) / 1e3,
                     (double)bench_quantile(s, 0, .99) / 1e3);
}

static void print_round(const struct stack *s, unsigned round)
{
        (void)printf("{\"stack\": \"%s\", \"round\": %u, \"whole\": %.2f, \"auth\": %.2f, "
                     "\"frame\": %.2f, \"p99\": %.2f}\n",
                     s->name, round, (double)bench_quantile(&s->whole, s->round, .5) / 1e3,
                     (double)bench_quantile(&s->auth, s->round, .5) / 1e3,
                     (double)bench_quantile(&s->frame, s->round, .5) / 1e3,
                     (double)bench_quantile(&s->whole, s->round, .99) / 1e3);
}

static void print_all(const struct stack *s)
{
        (void)printf("{\"stack\": \"%s\", \"logins\": %zu, \"failures\": %zu", s->name,
                     s->whole.len, s->failures);
        print_quantiles("whole", &s->whole);
        print_quantiles("auth", &s->auth);
        print_quantiles("frame", &s->frame);
        (void)puts("}");
}

static void add_stack(struct options *o, char *word)
{
        char *value = strchr(word, '=');
        struct stack *s = &o->stack[o->stacks++];

        if (!value || value == word || o->stacks == STACKS_MAX)
                bench_die(word, EINVAL);
        *value++ = '\0';
        s->name = word;
        if (strncmp(word, "raw", 3) == 0) {
                s->raw = value;
                return;
        }
        s->refuses = word[strlen(word) - 1] == '!';
        if (s->refuses)
                word[strlen(word) - 1] = '\0';
        bench_read_credentials(value, &s->credentials);
}

static void parse(int argc, char **argv, struct options *o)
{
        int c;

        *o = (struct options){.rounds = 1, .slice = 100 * INT64_C(1000000)};
        while ((c = getopt(argc, argv, "r:s:n:p")) >= 0) {
                switch (c) {
                case 'r': o->rounds = (unsigned)atoi(optarg); break;
                case 's': o->slice = atoi(optarg) * INT64_C(1000000); break;
                case 'n': o->logins = (size_t)atoi(optarg); break;
                case 'p': o->process = true; break;
                default: exit(2);
                }
        }
        if (optind >= argc)
                bench_die("CONFDIR", EINVAL);
        o->confdir = argv[optind++];
        while (optind < argc)
                add_stack(o, argv[optind++]);
}

int main(int argc, char **argv)
{
        static struct options o;

        parse(argc, argv, &o);
        for (unsigned round = 0; round < o.rounds; round++)
                for (size_t i = 0; i < o.stacks; i++) {
                        /* Another one begins each round, so that none always follows the same. */
                        struct stack *s = &o.stack[(i + round) % o.stacks];

                        do_round(&o, s);
                        print_round(s, round);
                }
        for (size_t i = 0; i < o.stacks; i++)
                print_all(&o.stack[i]);
        return fflush(stdout) == 0 ? 0 : 1;
}
