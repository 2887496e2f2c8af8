/* orgtokend: from the command line to the loop. Each step either is done or ends the program with a
 * sentence. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>

#include "common/cleanup.h"
#include "daemon/become.h"
#include "daemon/hostkey.h"
#include "daemon/log.h"
#include "daemon/options.h"
#include "daemon/server.h"

#define EXIT_USAGE         2
#define DESCRIPTORS_WANTED 4096

static void strv_freep(char ***names)
{
        if (!*names)
                return;
        for (char **n = *names; *n; n++)
                free(*n);
        free(*names);
}

/* A store opened as descriptor 2 would have error messages written into it. */
static int fill_standard_descriptors(void)
{
        int fd;

        do
                fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        while (fd >= 0 && fd <= STDERR_FILENO);
        if (fd < 0)
                return -errno;
        (void)close(fd);
        return 0;
}

static void raise_descriptor_limit(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= DESCRIPTORS_WANTED)
                return;
        limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
        /* Serving fewer at a time is no reason not to serve. */
        (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* SIGTERM comes through the loop. SIGPIPE is for standard error, whose reader may end: sockets are
   written to without it. */
static int block_signals(void)
{
        sigset_t set;

        (void)signal(SIGPIPE, SIG_IGN);
        (void)sigemptyset(&set);
        (void)sigaddset(&set, SIGTERM);
        (void)sigaddset(&set, SIGINT);
        return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -errno : 0;
}

static int open_sockets(const struct options *o, struct listen_sockets *ret)
{
        _cleanup_(strv_freep) char **names = NULL;
        char error[LISTEN_ERROR_SIZE];
        int n = sd_listen_fds_with_names(1, &names), r;

        if (n < 0) {
                log_line(LOG_ERR, "the sockets of systemd cannot be taken over: %s", strerror(-n));
                return n;
        }
        if (n > 0 && o->has_runtime_dir) {
                log_line(LOG_ERR, "--runtime-dir: the sockets come from systemd");
                return -EINVAL;
        }
        r = n > 0 ? listen_adopt(SD_LISTEN_FDS_START, n, names, ret, error)
                  : listen_by_hand(o->runtime_dir, ret, error);
        if (r < 0)
                log_line(LOG_ERR, "%s", error);
        return r;
}

/* Whom to serve: sockets that root listens on, everybody they let in; one's own, oneself. */
static int find_private_uid(const struct listen_sockets *sockets, int64_t *ret)
{
        if (sockets->made_by != 0 && sockets->made_by != (int64_t)geteuid()) {
                log_line(LOG_ERR, "the sockets are neither root's nor our own");
                return -EPERM;
        }
        *ret = sockets->made_by == 0 ? -1 : sockets->made_by;
        return 0;
}

static int lock_state(const char *dir, int *ret_fd)
{
        int r = hostkey_lock_directory(dir, ret_fd);

        if (r == -EWOULDBLOCK)
                log_line(LOG_ERR, "%s: another orgtokend is using this state directory", dir);
        else if (r == -EPERM)
                log_line(LOG_ERR, "%s: the state directory must be our own, and 0700", dir);
        else if (r < 0)
                log_line(LOG_ERR, "%s: the state directory cannot be used: %s", dir, strerror(-r));
        return r;
}

static int run(const struct options *o)
{
        _cleanup_(listen_close) struct listen_sockets sockets = LISTEN_INIT;
        _cleanup_(close_fdp) int lock_fd = -1;
        struct server *server = NULL;
        int64_t private_uid;
        char error[512];
        int r;

        /* Bound and listened on while we may still be root; every secret is read after we are not.
         */
        raise_descriptor_limit();
        r = block_signals();
        if (r == 0)
                r = open_sockets(o, &sockets);
        if (r < 0)
                return r;
        r = become_user(o->user, o->state_dir, error, sizeof(error));
        if (r < 0) {
                log_line(LOG_ERR, "%s", error);
                return r;
        }
        r = find_private_uid(&sockets, &private_uid);
        if (r == 0)
                r = lock_state(o->state_dir, &lock_fd);
        if (r < 0)
                return r;
        r = become_guarded();
        if (r == 0)
                r = keyhash_init();
        if (r == 0)
                r = server_new(o, &sockets, getenv("CREDENTIALS_DIRECTORY"), private_uid, &server);
        if (r == 0)
                r = server_run(server);
        (void)server_free(server);
        if (r < 0)
                log_line(LOG_ERR, "cannot go on: %s", strerror(-r));
        return r;
}

int main(int argc, char **argv)
{
        struct options o;
        char error[512];

        if (fill_standard_descriptors() < 0)
                return EXIT_FAILURE;
        if (options_parse(argc, argv, &o, error, sizeof(error)) < 0) {
                log_line(LOG_ERR, "%s", error);
                return EXIT_USAGE;
        }
        if (o.help || o.version) {
                (void)fputs(o.help ? options_help() : "orgtokend " PACKAGE_VERSION "\n", stdout);
                return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
        }
        return run(&o) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
