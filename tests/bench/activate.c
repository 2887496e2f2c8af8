/*
 * From activation to the first answer: makes the two sockets as systemd does, and for each round
 * starts the daemon with them while a request already waits, until it is answered. Prints one line
 * of JSON, times in microseconds. The daemon runs as the owner of the state directory.
 *
 *   activate ORGTOKEND STATE_DIR FILE ROUNDS [evict]
 *
 * evict: the store's pages are put out of the page cache before each start.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/client.h"
#include "tests/bench/bench.h"

#define FIRST_FD   3
#define BACKLOG    64
#define TIMEOUT_MS 10000

static char socket_path[64];

static int listen_at(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        (void)unlink(path);
        if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
            listen(fd, BACKLOG) < 0)
                bench_die(path, errno);
        return fd;
}

static void make_sockets(const char *dir)
{
        char manage[64];
        int verify_fd, manage_fd;

        (void)snprintf(socket_path, sizeof(socket_path), "%s/verify.sock", dir);
        (void)snprintf(manage, sizeof(manage), "%s/manage.sock", dir);
        verify_fd = listen_at(socket_path);
        manage_fd = listen_at(manage);
        if (verify_fd != FIRST_FD || manage_fd != FIRST_FD + 1)
                bench_die("descriptors 3 and 4 are taken", EBADF);
}

static _Noreturn void become_daemon(const char *program, const char *state, const struct stat *st)
{
        char pid[16];

        (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
        (void)setenv("LISTEN_PID", pid, 1);
        (void)setenv("LISTEN_FDS", "2", 1);
        (void)setenv("LISTEN_FDNAMES", "verify:manage", 1);
        if (geteuid() == 0 &&
            (setgroups(0, NULL) < 0 || setgid(st->st_gid) < 0 || setuid(st->st_uid) < 0))
                _exit(126);
        (void)execl(program, "orgtokend", "--state-dir", state, (char *)NULL);
        _exit(127);
}

static void evict(const char *state)
{
        char path[4096];
        int fd;

        (void)snprintf(path, sizeof(path), "%s/orgtoken.db", state);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                bench_die(path, errno);
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        (void)close(fd);
}

static void ask(const struct bench_credential *credential)
{
        struct client c = CLIENT_INIT;
        uint8_t nonce[WIRE_NONCE_LEN];
        struct wire_message m, reply;

        bench_must(client_nonce(nonce), "nonce");
        wire_init(&m, WIRE_REQUEST, WIRE_V_VERIFY, nonce);
        wire_put_text(&m, WIRE_F_TOKEN, view_of(credential->password));
        wire_put_text(&m, WIRE_F_ACCOUNT, view_of(credential->user));
        wire_put_text(&m, WIRE_F_SERVICE, VIEW("sshd"));
        wire_put_number(&m, WIRE_F_REAL_UID, 0);
        bench_must(client_exchange(&c, socket_path, TIMEOUT_MS, &m, &reply), "the first answer");
        if (reply.magic != WIRE_ALLOW)
                bench_die("the first answer is no ALLOW", EPROTO);
        client_close(&c);
}

int main(int argc, char **argv)
{
        char dir[] = "/tmp/orgtoken-bench.XXXXXX";
        struct bench_credentials credentials;
        struct bench_series times = {0};
        struct stat st;

        if (argc < 5)
                bench_die("usage: activate ORGTOKEND STATE_DIR FILE ROUNDS [evict]", EINVAL);
        if (!mkdtemp(dir) || stat(argv[2], &st) < 0)
                bench_die(argv[2], errno);
        make_sockets(dir);
        bench_read_credentials(argv[3], &credentials);
        for (int i = 0; i < atoi(argv[4]); i++) {
                int64_t start;
                pid_t pid;

                if (argc > 5)
                        evict(argv[2]);
                start = bench_now();
                pid = fork();
                if (pid < 0)
                        bench_die("fork", errno);
                if (pid == 0)
                        become_daemon(argv[1], argv[2], &st);
                ask(bench_next_credential(&credentials));
                bench_add(&times, bench_now() - start);
                (void)kill(pid, SIGTERM);
                (void)waitpid(pid, NULL, 0);
        }
        (void)printf("{\"p50\": %.2f, \"worst\": %.2f}\n",
                     (double)bench_quantile(&times, 0, .5) / 1e3,
                     (double)bench_quantile(&times, 0, 1) / 1e3);
        (void)unlink(socket_path);
        return 0;
}
