#include "cli/doctor.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAEMON_USER  "orgtoken"
#define VERIFY_GROUP "orgtoken-verify"
#define ENABLE       "systemctl enable --now orgtokend-verify.socket orgtokend-manage.socket"

int doctor_look(const struct doctor *d, const char *path, struct stat *ret)
{
        char whole[PATH_MAX];

        (void)snprintf(whole, sizeof(whole), "%s%s", d->root, path);
        return lstat(whole, ret) < 0 ? -errno : 0;
}

bool doctor_is_there(const struct doctor *d, const char *pattern)
{
        char whole[PATH_MAX];
        glob_t g = {0};
        bool found;

        (void)snprintf(whole, sizeof(whole), "%s%s", d->root, pattern);
        found = glob(whole, GLOB_NOSORT, NULL, &g) == 0 && g.gl_pathc > 0;
        globfree(&g);
        return found;
}

/* "root", "uid 1000" … */
static const char *name_uid(const struct doctor *d, uid_t uid, char buf[static 64])
{
        const struct host_user *u = hostfiles_uid(d->files, uid);

        if (u)
                (void)snprintf(buf, 64, "%.60s", u->name);
        else
                (void)snprintf(buf, 64, "uid %u", (unsigned)uid);
        return buf;
}

static void check_module(struct doctor *d)
{
        static const char *const places[] = {
                "/lib/*/security/pam_orgtoken.so", "/usr/lib/*/security/pam_orgtoken.so",
                "/lib/security/pam_orgtoken.so",   "/usr/lib/security/pam_orgtoken.so",
                "/lib64/security/pam_orgtoken.so", "/usr/lib64/security/pam_orgtoken.so",
        };

        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
                if (doctor_is_there(d, places[i]))
                        return;
        finding_mend(findings_add(&d->found, FINDING_WRONG, "module-missing",
                                  "pam_orgtoken.so is in none of PAM's folders: services that name "
                                  "it refuse tokens, and passwords where its line is required"),
                     "install it where PAM looks: ./configure --prefix=/usr, or --with-pammoddir=");
}

static void check_names(struct doctor *d)
{
        if (!hostfiles_user(d->files, DAEMON_USER))
                finding_mend(findings_add(&d->found, FINDING_WRONG, "user-missing",
                                          "there is no user " DAEMON_USER
                                          ", as whom the daemon runs"),
                             "systemd-sysusers");
        if (!hostfiles_group(d->files, VERIFY_GROUP))
                finding_mend(findings_add(&d->found, FINDING_WRONG, "group-missing",
                                          "there is no group " VERIFY_GROUP
                                          ", whose members may have tokens checked"),
                             "systemd-sysusers");
}

/* One of the two sockets, as its unit makes it. */
static void check_socket(struct doctor *d, const char *path, mode_t mode, const char *group)
{
        const struct host_group *g = hostfiles_group(d->files, group);
        struct findings *f = &d->found;
        struct stat st;
        char owner[64];
        int r = doctor_look(d, path, &st);

        if (r < 0) {
                finding_mend(
                        finding_in(findings_add(f, FINDING_WRONG, "socket-missing",
                                                "the socket is not there (%s): %s", strerror(-r),
                                                mode == 0660 ? "no token gets in anywhere"
                                                             : "the command reaches nobody"),
                                   path),
                        ENABLE);
                return;
        }
        if (!S_ISSOCK(st.st_mode)) {
                finding_mend(finding_in(findings_add(f, FINDING_WRONG, "socket-missing",
                                                     "this is no socket"),
                                        path),
                             "remove it, then: " ENABLE);
                return;
        }
        if (st.st_uid != 0 || (g && st.st_gid != g->gid))
                finding_mend(finding_in(findings_add(f, FINDING_WRONG, "socket-owner",
                                                     "it belongs to %s and the group %u, not to "
                                                     "root and %s",
                                                     name_uid(d, st.st_uid, owner),
                                                     (unsigned)st.st_gid, group),
                                        path),
                             "chown root:%s %s, and look for SocketGroup= in a drop-in of the unit",
                             group, path);
        if ((st.st_mode & 0777) != mode)
                finding_mend(finding_in(findings_add(f, FINDING_WRONG, "socket-mode",
                                                     "its mode is %04o, not %04o: %s",
                                                     (unsigned)st.st_mode & 0777, (unsigned)mode,
                                                     (st.st_mode & 0777 & ~mode)
                                                             ? "people can ask who should not"
                                                             : "some cannot ask who should"),
                                        path),
                             "chmod %04o %s, and look for SocketMode= in a drop-in of the unit",
                             (unsigned)mode, path);
}

static void check_sockets(struct doctor *d)
{
        struct stat st;

        if (doctor_look(d, ORGTOKEN_RUNTIME_DIR, &st) == 0 &&
            (st.st_uid != 0 || (st.st_mode & 022)))
                finding_mend(finding_in(findings_add(&d->found, FINDING_WRONG, "run-directory",
                                                     "others than root can put a socket of their "
                                                     "own here, and be asked with every token "
                                                     "(mode %04o)",
                                                     (unsigned)st.st_mode & 07777),
                                        ORGTOKEN_RUNTIME_DIR),
                             "chown root:root " ORGTOKEN_RUNTIME_DIR
                             " && chmod 0755 " ORGTOKEN_RUNTIME_DIR);
        check_socket(d, ORGTOKEN_VERIFY_SOCKET, 0660, VERIFY_GROUP);
        check_socket(d, ORGTOKEN_MANAGE_SOCKET, 0666, "root");
}

bool doctor_is_masked(const struct doctor *d, const char *unit)
{
        char path[PATH_MAX], to[64];
        ssize_t n;

        (void)snprintf(path, sizeof(path), "%s/etc/systemd/system/%s", d->root, unit);
        n = readlink(path, to, sizeof(to) - 1);
        return n == 9 && strncmp(to, "/dev/null", 9) == 0;
}

static void check_unit(struct doctor *d, const char *unit, bool is_socket)
{
        static const char *const folders[] = {"/etc/systemd/system/", "/usr/lib/systemd/system/",
                                              "/lib/systemd/system/",
                                              "/usr/local/lib/systemd/system/"};
        struct findings *f = &d->found;
        char path[PATH_MAX];
        bool there = false;

        for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
                struct stat st;

                (void)snprintf(path, sizeof(path), "%s%s", folders[i], unit);
                there = there || doctor_look(d, path, &st) == 0;
        }
        if (!there) {
                finding_mend(findings_add(f, FINDING_WRONG, "unit-missing",
                                          "%s is not installed: nothing starts the daemon", unit),
                             "install it, then systemctl daemon-reload");
                return;
        }
        if (doctor_is_masked(d, unit)) {
                finding_mend(findings_add(f, FINDING_WRONG, "unit-masked",
                                          "%s is masked: it never starts", unit),
                             "systemctl unmask %s && systemctl start %s", unit, unit);
                return;
        }
        (void)snprintf(path, sizeof(path), "/etc/systemd/system/*.wants/%s", unit);
        if (is_socket && !doctor_is_there(d, path))
                finding_mend(findings_add(f, FINDING_WRONG, "unit-disabled",
                                          "%s is not enabled: behind the next start of the host no "
                                          "token gets in",
                                          unit),
                             ENABLE);
}

/* One file of the state directory: the daemon's, and nobody else's. */
static void check_private(struct doctor *d, const char *path, mode_t mode, const char *what)
{
        const struct host_user *u = hostfiles_user(d->files, DAEMON_USER);
        struct findings *f = &d->found;
        struct stat st;
        char owner[64];

        if (doctor_look(d, path, &st) < 0)
                return;
        if (st.st_mode & 0777 & ~mode)
                finding_mend(finding_in(findings_add(f, FINDING_WRONG, "store-mode",
                                                     "others can get at %s (mode %04o)", what,
                                                     (unsigned)st.st_mode & 07777),
                                        path),
                             "chmod %04o %s; whoever had the host key could make tokens: see "
                             "orgtokend(8)",
                             (unsigned)mode, path);
        if (u && st.st_uid != u->uid)
                finding_mend(finding_in(findings_add(f, FINDING_WRONG, "store-owner",
                                                     "%s belongs to %s, not to " DAEMON_USER
                                                     ": the daemon answers 'unavailable'",
                                                     what, name_uid(d, st.st_uid, owner)),
                                        path),
                             "chown " DAEMON_USER ":" DAEMON_USER " %s", path);
}

static bool has_credential(const struct doctor *d)
{
        return doctor_is_there(d, "/etc/credstore*/orgtoken.key") ||
               doctor_is_there(d, "/run/credstore*/orgtoken.key") ||
               doctor_is_there(d, "/etc/systemd/system/orgtokend.service.d/*.conf");
}

static void check_store(struct doctor *d)
{
        struct findings *f = &d->found;
        struct stat st;
        int db = doctor_look(d, ORGTOKEN_STATE_DIR "/orgtoken.db", &st),
            key = doctor_look(d, ORGTOKEN_STATE_DIR "/key", &st);

        if (db == -EACCES) {
                finding_mend(findings_add(f, FINDING_BEWARE, "not-root",
                                          "the store and the host key cannot be looked at as this "
                                          "user"),
                             "run orgtoken doctor as root");
                return;
        }
        if (db == -ENOENT) {
                (void)findings_add(f, FINDING_BEWARE, "store-absent",
                                   "there is no store yet; the daemon makes it, and the host key, "
                                   "when it first starts");
                return;
        }
        check_private(d, ORGTOKEN_STATE_DIR, 0700, "the state directory");
        check_private(d, ORGTOKEN_STATE_DIR "/orgtoken.db", 0600, "the store");
        check_private(d, ORGTOKEN_STATE_DIR "/orgtoken.db-wal", 0600, "the store's journal");
        check_private(d, ORGTOKEN_STATE_DIR "/orgtoken.db-shm", 0600, "the store's index");
        check_private(d, ORGTOKEN_STATE_DIR "/key", 0600, "the host key");
        if (key == -ENOENT && !has_credential(d))
                finding_mend(finding_in(findings_add(f, FINDING_WRONG, "key-missing",
                                                     "there is a store and no host key: no token "
                                                     "verifies, and none is ever made anew"),
                                        ORGTOKEN_STATE_DIR "/key"),
                             "bring the key back from where it is kept: see orgtokend(8), 'Host "
                             "key'");
}

void doctor_host(struct doctor *d)
{
        size_t before;
        struct stat st;

        d->found.subject = "host";
        before = findings_count(&d->found, FINDING_WRONG);
        check_module(d);
        check_names(d);
        /* Of a folder only what does not come and go with the running system. */
        if (d->root[0] == '\0')
                check_sockets(d);
        if (d->root[0] != '\0' || doctor_look(d, "/run/systemd/system", &st) == 0) {
                check_unit(d, "orgtokend.service", false);
                check_unit(d, "orgtokend-verify.socket", true);
                check_unit(d, "orgtokend-manage.socket", true);
        } else {
                (void)findings_add(&d->found, FINDING_BEWARE, "no-systemd",
                                   "systemd does not run here: the daemon has to be started by "
                                   "hand, as orgtokend(8) says");
        }
        check_store(d);
        if (findings_count(&d->found, FINDING_WRONG) == before)
                (void)findings_add(&d->found, FINDING_GOOD, "host-works",
                                   findings_has(&d->found, "host", "not-root")
                                           ? "module, group, sockets and units are as they should "
                                             "be"
                                           : "module, group, sockets, units, store and key are as "
                                             "they should be");
}
