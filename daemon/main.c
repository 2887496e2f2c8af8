/* orgtokend: from the command line to the loop. Each step either is done or ends the program with a
 * sentence. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/expiry.h"
#include "daemon/become.h"
#include "daemon/hostkey.h"
#include "daemon/log.h"
#include "daemon/offline.h"
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

/* ---- without serving ---- */

/* A file that the caller names, opened while we may still be root: the daemon's own user need not
   be able to read it. *ret -1 where there is no name. */
static int open_named(const char *name, int *ret)
{
        int fd;

        *ret = -1;
        if (!name)
                return 0;
        /* Not to hang on a FIFO before it is found to be one. */
        fd = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0) {
                log_line(LOG_ERR, "%s: cannot be opened: %s", name, strerror(errno));
                return -errno;
        }
        *ret = fd;
        return 0;
}

/* A store that was not closed has changes beside it that a copy of the one file would not have. */
static int check_no_log(const char *name)
{
        static const char *const beside[] = {"-wal", "-journal"};

        for (size_t i = 0; name && i < sizeof(beside) / sizeof(beside[0]); i++) {
                char path[PATH_MAX];
                struct stat st;
                int len = snprintf(path, sizeof(path), "%s%s", name, beside[i]);

                if (len > 0 && (size_t)len < sizeof(path) && stat(path, &st) == 0 &&
                    st.st_size > 0) {
                        log_line(LOG_ERR,
                                 "%s is there: that is a store with changes not yet in its file, "
                                 "and "
                                 "no backup",
                                 path);
                        return -EUCLEAN;
                }
        }
        return 0;
}

static int work_offline(const struct options *o, int64_t older_than, int64_t caller)
{
        struct offline place = {.state_dir = o->state_dir,
                                .credentials_dir = getenv("CREDENTIALS_DIRECTORY"),
                                .caller_uid = caller,
                                .now = time(NULL)};
        _cleanup_(close_fdp) int file = -1, key = -1, lock_fd = -1;
        char error[512];
        int r = check_no_log(o->restore);

        if (r == 0)
                r = open_named(o->restore, &file);
        if (r == 0)
                r = open_named(o->rotate_key ? o->new_key : o->backup_key, &key);
        if (r < 0)
                return r;
        r = become_user(o->user, o->state_dir, error, sizeof(error));
        if (r < 0) {
                log_line(LOG_ERR, "%s", error);
                return r;
        }
        r = lock_state(o->state_dir, &lock_fd);
        if (r == 0)
                r = become_guarded();
        if (r == 0)
                r = keyhash_init();
        if (r < 0)
                return r;
        if (o->rotate_key)
                return offline_rotate_key(&place, key);
        return offline_restore(&place, &(struct offline_restore){.file = file,
                                                                 .key_file = key,
                                                                 .accept_lost = o->accept_lost,
                                                                 .older_than = older_than});
}

static int run_offline(const struct options *o)
{
        int64_t older_than = -1;

        if (o->older_than &&
            expiry_parse_past(view_of(o->older_than), time(NULL), &older_than) < 0) {
                log_line(LOG_ERR, "--revoke-older-than: %s", expiry_past_rule());
                return EXIT_USAGE;
        }
        return work_offline(o, older_than, getuid()) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
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
        if (o.has_user && become_is_possible(o.user, error, sizeof(error)) < 0) {
                log_line(LOG_ERR, "%s", error);
                return EXIT_FAILURE;
        }
        if (o.restore || o.rotate_key)
                return run_offline(&o);
        return run(&o) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
