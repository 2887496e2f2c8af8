#include "tests/support/daemon_fixture.h"

#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX    16
#define DESCRIPTORS_FREE 10    /* the lower ones are the daemon's */
#define PATIENCE_MS      60000 /* for what has to come; a slow machine is no failure */

/* Opened while we are still root: the build tree may be closed to others. */
static int program_fd = -1;

static _Noreturn void die(const char *what)
{
        perror(what);
        abort();
}

static void open_program(void)
{
        const char *path = getenv("ORGTOKEND"), *top = getenv("top_builddir");
        char buffer[PATH_MAX];
        int fd;

        if (program_fd >= 0)
                return;
        if (!path) {
                (void)snprintf(buffer, sizeof(buffer), "%s/daemon/orgtokend", top ? top : ".");
                path = buffer;
        }
        fd = open(path, O_PATH | O_CLOEXEC);
        /* Out of the way of what is passed to it. */
        program_fd = fcntl(fd, F_DUPFD_CLOEXEC, DESCRIPTORS_FREE);
        if (fd < 0 || program_fd < 0 || close(fd) < 0)
                die(path);
}

void daemon_fixture_drop_root(void)
{
        const struct passwd *pw;

        open_program();
        if (geteuid() != 0)
                return;
        pw = getpwnam("daemon");
        if (!pw || pw->pw_uid == 0 || setgroups(0, NULL) < 0 || setgid(pw->pw_gid) < 0 ||
            setuid(pw->pw_uid) < 0 || chdir("/") < 0)
                die("becoming the user daemon");
        /* For the sanitizers, which look at their own process. */
        (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

/* ---- directories ---- */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        (void)st;
        (void)type;
        (void)ftw;
        return remove(path);
}

struct daemon_fixture *daemon_fixture_new(void)
{
        struct daemon_fixture *f = calloc(1, sizeof(*f));
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        open_program();
        if (!f)
                die("calloc");
        (void)snprintf(f->root, sizeof(f->root), "/tmp/orgtokend-test-XXXXXX");
        if (!mkdtemp(f->root))
                die("mkdtemp");
        (void)snprintf(f->state, sizeof(f->state), "%s/state", f->root);
        (void)snprintf(f->runtime, sizeof(f->runtime), "%s/run", f->root);
        (void)snprintf(f->verify, sizeof(f->verify), "%s/verify.sock", f->runtime);
        (void)snprintf(f->manage, sizeof(f->manage), "%s/manage.sock", f->runtime);
        (void)snprintf(f->log, sizeof(f->log), "%s/log", f->root);
        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", f->root);
        f->pid = -1;
        f->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (f->notify < 0 ||
            bind(f->notify, (const struct sockaddr *)&address, sizeof(address)) < 0)
                die("notify socket");
        return f;
}

void daemon_fixture_free(struct daemon_fixture *f)
{
        if (!f)
                return;
        if (f->pid > 0)
                (void)daemon_fixture_stop(f, SIGKILL);
        (void)close(f->notify);
        (void)chmod(f->runtime, 0700);
        (void)chmod(f->state, 0700);
        (void)nftw(f->root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        free(f);
}

/* ---- the process ---- */

static void pass_sockets(const struct daemon_fixture *f)
{
        char pid[24];
        int first = fcntl(f->sockets[0], F_DUPFD_CLOEXEC, DESCRIPTORS_FREE);
        int second = fcntl(f->sockets[1], F_DUPFD_CLOEXEC, DESCRIPTORS_FREE);

        (void)snprintf(pid, sizeof(pid), "%d", getpid());
        if (dup2(first, 3) < 0 || dup2(second, 4) < 0 || setenv("LISTEN_PID", pid, 1) < 0 ||
            setenv("LISTEN_FDS", "2", 1) < 0 || setenv("LISTEN_FDNAMES", f->socket_names, 1) < 0)
                _exit(126);
}

static void set_environment(const char *const *environment)
{
        for (size_t i = 0; environment && environment[i]; i++)
                if (putenv((char *)(uintptr_t)environment[i]) != 0)
                        _exit(126);
}

static _Noreturn void exec_daemon(const struct daemon_fixture *f, const char *const *arguments)
{
        char *argv[ARGUMENTS_MAX + 2] = {(char *)(uintptr_t) "orgtokend"};
        char notify[128];
        int n = 1, fd = open(f->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        struct rlimit limit = {f->nofile, f->nofile};

        for (; arguments[n - 1] && n <= ARGUMENTS_MAX; n++)
                argv[n] = (char *)(uintptr_t)arguments[n - 1];
        (void)snprintf(notify, sizeof(notify), "%s/notify", f->root);
        (void)setenv("NOTIFY_SOCKET", notify, 1);
        (void)unsetenv("JOURNAL_STREAM");
        (void)unsetenv("LISTEN_FDS");
        (void)unsetenv("WATCHDOG_USEC");
        (void)unsetenv("CREDENTIALS_DIRECTORY");
        /* A test that dies takes its daemon along. */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (fd < 0 || dup2(fd, STDERR_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
                _exit(126);
        if (f->nofile > 0 && setrlimit(RLIMIT_NOFILE, &limit) < 0)
                _exit(126);
        if (f->socket_names)
                pass_sockets(f);
        set_environment(f->environment);
        for (int i = 0; f->is_bare && i <= STDERR_FILENO; i++)
                (void)close(i);
        (void)fexecve(program_fd, argv, environ);
        _exit(127);
}

static pid_t spawn(const struct daemon_fixture *f, const char *const *arguments)
{
        pid_t pid = fork();

        if (pid < 0)
                die("fork");
        if (pid == 0)
                exec_daemon(f, arguments);
        return pid;
}

static bool wait_for_ready(const struct daemon_fixture *f)
{
        struct pollfd p = {.fd = f->notify, .events = POLLIN};
        char text[512];

        while (poll(&p, 1, PATIENCE_MS) == 1) {
                ssize_t n = recv(f->notify, text, sizeof(text) - 1, 0);

                text[n > 0 ? n : 0] = '\0';
                if (strstr(text, "READY=1"))
                        return true;
        }
        return false;
}

static void spawn_ours(struct daemon_fixture *f)
{
        const char *const arguments[] = {"--state-dir", f->state,
                                         f->socket_names ? NULL : "--runtime-dir", f->runtime,
                                         NULL};
        char stale[512];

        while (recv(f->notify, stale, sizeof(stale), MSG_DONTWAIT) >= 0)
                continue;
        assert_int_equal(f->pid, -1);
        f->pid = spawn(f, arguments);
}

void daemon_fixture_start(struct daemon_fixture *f)
{
        spawn_ours(f);
        assert_true(wait_for_ready(f));
}

/* Ended: there, and not reaped yet. */
static bool has_ended(pid_t pid)
{
        siginfo_t info = {.si_pid = 0};

        return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid != 0;
}

bool daemon_fixture_try_start(struct daemon_fixture *f)
{
        char text[512];

        spawn_ours(f);
        for (int waited = 0; waited < PATIENCE_MS; waited += 2) {
                ssize_t n = recv(f->notify, text, sizeof(text) - 1, MSG_DONTWAIT);

                if (n >= 0) {
                        text[n] = '\0';
                        if (strstr(text, "READY=1"))
                                return true;
                } else if (has_ended(f->pid)) {
                        return false;
                } else {
                        (void)nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
                }
        }
        fail_msg("neither ready nor ended");
        return false;
}

static int reap(pid_t pid)
{
        int status;

        for (int waited = 0; waited < PATIENCE_MS; waited += 5) {
                pid_t r = waitpid(pid, &status, WNOHANG);

                if (r == pid)
                        return status;
                (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        }
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, &status, 0);
        fail_msg("the daemon did not end");
        return -1;
}

int daemon_fixture_run(struct daemon_fixture *f, const char *const *arguments)
{
        int status = reap(spawn(f, arguments));

        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

int daemon_fixture_stop(struct daemon_fixture *f, int signal)
{
        pid_t pid = f->pid;

        f->pid = -1;
        assert_true(pid > 0);
        assert_int_equal(kill(pid, signal), 0);
        return reap(pid);
}

bool daemon_fixture_has_logged(const struct daemon_fixture *f, const char *text)
{
        static char log[256 * 1024];
        int fd = open(f->log, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, log, sizeof(log) - 1) : 0;

        if (fd >= 0)
                (void)close(fd);
        log[n > 0 ? n : 0] = '\0';
        return strstr(log, text) != NULL;
}

/* ---- exchanges ---- */

static bool is_alone(const char *name, uid_t uid)
{
        static char others[64 * 1024];
        struct passwd entry, *found;
        unsigned count = 0;

        setpwent();
        while (getpwent_r(&entry, others, sizeof(others), &found) == 0)
                count += found->pw_uid == uid || strcmp(found->pw_name, name) == 0;
        return count == 1;
}

const char *daemon_fixture_account(void)
{
        static const char *const candidates[] = {"games", "mail", "bin", "sync", "lp", "nobody"};

        for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
                const struct passwd *pw = getpwnam(candidates[i]);

                if (pw && pw->pw_uid != geteuid() && is_alone(candidates[i], pw->pw_uid))
                        return candidates[i];
        }
        fail_msg("this host has no account that could be bound");
        return NULL;
}

void daemon_fixture_request(struct wire_message *m, enum wire_verb verb)
{
        uint8_t nonce[WIRE_NONCE_LEN];

        assert_int_equal(client_nonce(nonce), 0);
        wire_init(m, WIRE_REQUEST, verb, nonce);
}

uint32_t daemon_fixture_ask(const struct daemon_fixture *f, const struct wire_message *request,
                            struct client *c, struct wire_message *reply)
{
        const char *path = request->verb <= WIRE_V_SESSION_CHECK ? f->verify : f->manage;
        int r = client_exchange(c, path, PATIENCE_MS, request, reply);

        if (r < 0)
                fail_msg("%s: %s", wire_verb_to_string(request->verb), strerror(-r));
        if (reply->magic == WIRE_REFUSED)
                print_message("# %s refused: %.*s\n", wire_verb_to_string(request->verb),
                              (int)wire_text(reply, WIRE_F_MESSAGE).len,
                              wire_text(reply, WIRE_F_MESSAGE).ptr);
        return reply->magic;
}

uint32_t daemon_fixture_do(const struct daemon_fixture *f, const struct wire_message *request)
{
        struct client c = CLIENT_INIT;
        struct wire_message reply;
        uint32_t magic = daemon_fixture_ask(f, request, &c, &reply);

        client_close(&c);
        return magic;
}

void daemon_fixture_make_org(const struct daemon_fixture *f, const char *org)
{
        struct wire_message m;

        daemon_fixture_request(&m, WIRE_V_ORG_CREATE);
        wire_put_text(&m, WIRE_F_ORG, view_of(org));
        assert_int_equal(daemon_fixture_do(f, &m), WIRE_DONE);
        daemon_fixture_request(&m, WIRE_V_ACCOUNT_BIND);
        wire_put_text(&m, WIRE_F_ORG, view_of(org));
        wire_put_text(&m, WIRE_F_ACCOUNT, view_of(daemon_fixture_account()));
        wire_put_number(&m, WIRE_F_ALLOW_SYSTEM, 1);
        assert_int_equal(daemon_fixture_do(f, &m), WIRE_DONE);
}

/* What the client says to a new token; false where it says nothing and waits. */
static bool say(struct client *c, enum daemon_fixture_ack ack)
{
        struct wire_message m;

        switch (ack) {
        case ACK_YES:
        case ACK_NO:
                daemon_fixture_request(&m, WIRE_V_ACK);
                wire_put_number(&m, WIRE_F_ACCEPTED, ack == ACK_YES);
                assert_int_equal(client_send(c, &m), 0);
                return true;
        case ACK_GARBAGE: assert_int_equal(send(c->fd, "yes", 3, MSG_NOSIGNAL), 3); return true;
        case ACK_CLOSE: client_close(c); return false;
        case ACK_SILENCE: return true;
        }
        return false;
}

uint32_t daemon_fixture_make_key(const struct daemon_fixture *f, const char *org,
                                 enum daemon_fixture_ack ack, char ret[static TOKEN_TEXT_MAX + 1])
{
        struct client c = CLIENT_INIT;
        struct wire_message m, reply;
        uint32_t magic = 0;

        daemon_fixture_request(&m, WIRE_V_KEY_CREATE);
        wire_put_text(&m, WIRE_F_ORG, view_of(org));
        wire_put_text(&m, WIRE_F_NAME, VIEW("made by a test"));
        assert_int_equal(client_connect(&c, f->manage, PATIENCE_MS), 0);
        assert_int_equal(client_send(&c, &m), 0);
        assert_int_equal(client_receive(&c, &reply), 0);
        assert_true(wire_is_answer_to(&reply, &m));
        assert_int_equal(reply.magic, WIRE_NEW_TOKEN);
        assert_true(view_copy(wire_text(&reply, WIRE_F_TOKEN), ret, TOKEN_TEXT_MAX + 1));
        if (say(&c, ack) && client_receive(&c, &reply) == 0)
                magic = reply.magic;
        client_close(&c);
        return magic;
}

uint32_t daemon_fixture_verify(const struct daemon_fixture *f, const char *token)
{
        struct wire_message m;

        daemon_fixture_request(&m, WIRE_V_VERIFY);
        wire_put_text(&m, WIRE_F_TOKEN, view_of(token));
        wire_put_text(&m, WIRE_F_ACCOUNT, view_of(daemon_fixture_account()));
        wire_put_text(&m, WIRE_F_SERVICE, VIEW("sshd"));
        wire_put_text(&m, WIRE_F_SOURCE, VIEW("192.0.2.7"));
        wire_put_number(&m, WIRE_F_REAL_UID, 0);
        return daemon_fixture_do(f, &m);
}

unsigned daemon_fixture_count(const struct daemon_fixture *f, const struct wire_message *request,
                              enum wire_field field, int64_t *ret_last)
{
        struct client c = CLIENT_INIT;
        struct wire_message row;
        unsigned count = 0;

        assert_int_equal(client_connect(&c, f->manage, PATIENCE_MS), 0);
        assert_int_equal(client_send(&c, request), 0);
        for (;;) {
                assert_int_equal(client_receive(&c, &row), 0);
                if (row.magic == WIRE_END)
                        break;
                assert_int_equal(row.magic, WIRE_ROW);
                *ret_last = wire_number(&row, field, 0);
                count++;
        }
        client_close(&c);
        return count;
}
