/*
 * A hostile caller, as some uid: keeps a number of connections in one bad state, taking a new one
 * for each that the daemon ends, or comes and goes as often as it can. Prints one line of JSON: how
 * many connections there were, how many the daemon had no room for, and how many it held at once.
 *
 *   hostile UID GID MODE SOCKET NUMBER MILLISECONDS [RATE]
 *
 * RATE: how many connections a second those take that hold some; without it as many as they can.
 *
 * MODE      what it does                                               NUMBER
 * silent    connects and sends nothing                                 connections
 * byte      sends one byte, and the next a second later                connections
 * header    sends half a header                                        connections
 * half      shuts its sending side down                                connections
 * deaf      asks for what has a long answer and never reads            connections
 * ask       asks for the status, again as soon as it is answered        ignored
 * flood     connects, sends rubbish or a request or nothing, leaves    connections a second
 * forks     floods from as many processes                              processes
 */
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/client.h"
#include "tests/bench/bench.h"

#define HELD_MAX    2048
#define PATIENCE_MS 5000
#define NS_MS       INT64_C(1000000)

struct packet {
        unsigned char bytes[512];
        size_t len;
};

struct attack {
        const char *mode;
        struct sockaddr_un address;
        struct packet status; /* well-formed, of a verb that everybody may use */
        unsigned number;
        size_t rate; /* connections a second; 0: as many as it can */
        int64_t started, until;
        size_t connections, refused;
        unsigned held_most;
};

static void make_status(struct packet *p)
{
        uint8_t nonce[WIRE_NONCE_LEN];
        struct wire_message m;

        bench_must(client_nonce(nonce), "nonce");
        wire_init(&m, WIRE_REQUEST, WIRE_V_STATUS, nonce);
        bench_must(wire_encode(&m, p->bytes, sizeof(p->bytes), &p->len), "wire_encode");
}

/* A connection, or -1 where there is no room for one. */
static int come(struct attack *a)
{
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd < 0)
                bench_die("socket", errno);
        if (connect(fd, (const struct sockaddr *)&a->address, sizeof(a->address)) == 0) {
                a->connections++;
                return fd;
        }
        if (errno != EAGAIN && errno != EINTR)
                bench_die(a->address.sun_path, errno);
        a->refused++;
        (void)close(fd);
        return -1;
}

static void say(int fd, const void *bytes, size_t len)
{
        /* Who was thrown out already cannot: that is for poll() to tell. */
        if (send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
                errno = 0;
}

static void misbehave(const struct attack *a, int fd)
{
        if (strcmp(a->mode, "byte") == 0)
                say(fd, "x", 1);
        else if (strcmp(a->mode, "header") == 0)
                say(fd, a->status.bytes, WIRE_HEADER_LEN / 2);
        else if (strcmp(a->mode, "half") == 0)
                (void)shutdown(fd, SHUT_WR);
        else if (strcmp(a->mode, "deaf") == 0)
                for (int i = 0; i < 64; i++)
                        say(fd, a->status.bytes, a->status.len);
}

/* Whether it is time for another connection, after so many. */
static bool is_due(const struct attack *a, size_t tries)
{
        return a->rate == 0 ||
               tries < (size_t)((bench_now() - a->started) / 1000) * a->rate / 1000000;
}

/* ---- holding ---- */

static void hold(struct attack *a)
{
        static struct pollfd held[HELD_MAX];
        unsigned n = 0;

        while (bench_now() < a->until) {
                bool due = is_due(a, a->connections + a->refused);
                int fd = due && n < a->number ? come(a) : -1;

                if (fd >= 0) {
                        held[n++] = (struct pollfd){.fd = fd, .events = POLLHUP};
                        misbehave(a, fd);
                        if (poll(held, n, 0) <= 0 && n < a->number)
                                continue;
                } else if (poll(held, n, due ? 10 : 1) <= 0) {
                        continue;
                }
                for (unsigned i = 0; i < n;) {
                        if (held[i].revents == 0) {
                                i++;
                                continue;
                        }
                        (void)close(held[i].fd);
                        held[i] = held[--n];
                }
                if (n > a->held_most)
                        a->held_most = n;
        }
}

/* ---- asking ---- */

/* Everything as it should be, but as much of it as there is to get: counts answers. */
static void ask(struct attack *a)
{
        unsigned char reply[WIRE_PACKET_MAX];

        while (bench_now() < a->until) {
                int fd = come(a);
                struct pollfd p = {.fd = fd, .events = POLLIN};

                if (fd < 0)
                        continue;
                a->connections--;
                say(fd, a->status.bytes, a->status.len);
                if (poll(&p, 1, PATIENCE_MS) > 0 && recv(fd, reply, sizeof(reply), 0) > 0)
                        a->connections++;
                (void)close(fd);
        }
}

/* ---- coming and going ---- */

static void visit(struct attack *a)
{
        static const unsigned char rubbish[WIRE_PACKET_MAX + 100];
        int fd = come(a);

        if (fd < 0)
                return;
        switch (a->connections % 4) {
        case 0: break;
        case 1: say(fd, rubbish, a->connections % sizeof(rubbish)); break;
        case 2: say(fd, a->status.bytes, a->status.len); break;
        default: (void)shutdown(fd, SHUT_RDWR); break;
        }
        (void)close(fd);
}

static void flood(struct attack *a)
{
        size_t tries = 0;

        a->rate = a->number;
        while (bench_now() < a->until) {
                if (!is_due(a, tries)) {
                        (void)nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
                        continue;
                }
                tries++;
                visit(a);
        }
}

static void forks(struct attack *a)
{
        unsigned n = 0;

        while (bench_now() < a->until) {
                pid_t pid = n < a->number ? fork() : -1;

                if (pid == 0) {
                        visit(a);
                        _exit(0);
                }
                if (pid > 0) {
                        n++;
                        a->connections++;
                } else if (n > 0 && waitpid(-1, NULL, 0) > 0) {
                        n--;
                }
        }
        while (wait(NULL) > 0)
                continue;
}

/* ---- ---- */

static void become(const char *uid, const char *gid)
{
        struct rlimit limit = {HELD_MAX + 100, HELD_MAX + 100};
        gid_t group = (gid_t)atoi(gid);
        uid_t user = (uid_t)atoi(uid);

        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
                bench_die("setrlimit", errno);
        if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(group, group, group) < 0 ||
                               setresuid(user, user, user) < 0))
                bench_die("changing uid", errno);
}

int main(int argc, char **argv)
{
        struct attack a = {.address.sun_family = AF_UNIX};

        if (argc < 7 || argc > 8 || strlen(argv[4]) >= sizeof(a.address.sun_path))
                bench_die("usage: hostile UID GID MODE SOCKET NUMBER MILLISECONDS [RATE]", EINVAL);
        a.mode = argv[3];
        memcpy(a.address.sun_path, argv[4], strlen(argv[4]) + 1);
        a.number = (unsigned)atoi(argv[5]);
        make_status(&a.status);
        become(argv[1], argv[2]);
        a.rate = argc > 7 ? (size_t)atoi(argv[7]) : 0;
        a.started = bench_now();
        a.until = a.started + atoi(argv[6]) * NS_MS;
        if (strcmp(a.mode, "flood") == 0)
                flood(&a);
        else if (strcmp(a.mode, "ask") == 0)
                ask(&a);
        else if (strcmp(a.mode, "forks") == 0)
                forks(&a);
        else if (a.number <= HELD_MAX)
                hold(&a);
        else
                bench_die("too many connections", E2BIG);
        (void)printf("{\"mode\": \"%s\", \"connections\": %zu, \"refused\": %zu, \"held\": %u}\n",
                     a.mode, a.connections, a.refused, a.held_most);
        return 0;
}
