/* orgtoken-sessiond: has logind end sessions that the daemon names. The one part of orgtoken that
   runs as root; it takes a session's particulars from the daemon's uid and nothing from anybody
   else, and ends only what logind confirms to be that account's (confirm.h). */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "sessiond/serve.h"

#define DAEMON_USER "orgtoken"
#define EXIT_USAGE  2

static const char help[] = "orgtoken-sessiond [--user NAME] [--help] [--version]\n"
                           "\n"
                           "Ends sessions of logind for orgtokend. Started by systemd with the "
                           "socket orgtoken-sessiond.socket.\n"
                           "  --user NAME   who may ask: the daemon's user (orgtoken)\n";

/* The daemon's uid; -1: there is no such user, or it is root, whom no daemon runs as. */
static int64_t find_daemon(const char *name)
{
        const struct passwd *pw = getpwnam(name);

        return pw && pw->pw_uid != 0 ? (int64_t)pw->pw_uid : -1;
}

static int run(const char *user)
{
        int64_t uid = find_daemon(user);
        int n = sd_listen_fds(1), r;

        if (uid < 0) {
                (void)fprintf(stderr, SD_ERR "there is no user %s that orgtokend could run as\n",
                              user);
                return EXIT_FAILURE;
        }
        if (n != 1 || sd_is_socket(SD_LISTEN_FDS_START, AF_UNIX, SOCK_SEQPACKET, 1) <= 0) {
                (void)fprintf(stderr, SD_ERR "one listening socket of systemd is needed\n");
                return EXIT_FAILURE;
        }
        r = fcntl(SD_LISTEN_FDS_START, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
        (void)sd_notify(0, "READY=1");
        if (r == 0)
                r = serve(SD_LISTEN_FDS_START, uid);
        if (r < 0)
                (void)fprintf(stderr, SD_ERR "cannot go on: %s\n", strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
        const char *user = DAEMON_USER;

        for (int i = 1; i < argc; i++) {
                if (strcmp(argv[i], "--user") == 0 && i + 1 < argc) {
                        user = argv[++i];
                } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "--version") == 0) {
                        (void)fputs(argv[i][2] == 'h' ? help
                                                      : "orgtoken-sessiond " PACKAGE_VERSION "\n",
                                    stdout);
                        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
                } else {
                        (void)fprintf(stderr, "orgtoken-sessiond: unknown option: %s\n", argv[i]);
                        return EXIT_USAGE;
                }
        }
        return run(user);
}
