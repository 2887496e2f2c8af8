#include "tests/support/pam_harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#define LOG_ROOM  (256 * 1024)
#define PATH_ROOM 512

/* The log. These three stand in the program, so libpam's calls of syslog(3) end here and not in the
   journal of the machine that runs the tests; there is no other place to see what a module logs. */

static struct {
        pthread_mutex_t lock;
        size_t used;
        unsigned lines[LOG_DEBUG + 1];
        char text[LOG_ROOM];
} journal = {.lock = PTHREAD_MUTEX_INITIALIZER};

__attribute__((format(printf, 2, 0))) static void keep(int priority, const char *format,
                                                       va_list arguments)
{
        int n;

        (void)pthread_mutex_lock(&journal.lock);
        journal.lines[LOG_PRI(priority)]++;
        n = vsnprintf(journal.text + journal.used, LOG_ROOM - journal.used, format, arguments);
        if (n > 0 && (size_t)n < LOG_ROOM - journal.used - 1) {
                journal.used += (size_t)n;
                journal.text[journal.used++] = '\n';
                journal.text[journal.used] = '\0';
        }
        (void)pthread_mutex_unlock(&journal.lock);
}

void __syslog_chk(int priority, int flag, const char *format, ...);

__attribute__((visibility("default"), format(printf, 3, 4))) void
__syslog_chk(int priority, int flag, const char *format, ...)
{
        va_list arguments;

        (void)flag;
        va_start(arguments, format);
        keep(priority, format, arguments);
        va_end(arguments);
}

#undef syslog
__attribute__((visibility("default"), format(printf, 2, 3))) void syslog(int priority,
                                                                         const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        keep(priority, format, arguments);
        va_end(arguments);
}

void harness_log_clear(void)
{
        journal.used = 0;
        journal.text[0] = '\0';
        memset(journal.lines, 0, sizeof(journal.lines));
}

const char *harness_log(void)
{
        return journal.text;
}

unsigned harness_log_lines(int priority)
{
        return journal.lines[priority];
}

/* The conversation. */

static const char *answer_to(struct harness *h, const struct pam_message *m)
{
        if (m->msg_style == PAM_PROMPT_ECHO_OFF) {
                h->passwords_asked++;
                (void)snprintf(h->prompt, sizeof(h->prompt), "%s", m->msg);
                return h->password;
        }
        if (strcmp(m->msg, "Organization: ") != 0) {
                h->logins_asked++;
                return h->login;
        }
        h->orgs_asked++;
        if (h->on_org)
                h->on_org(h);
        return h->org;
}

static void show(struct harness *h, const struct pam_message *m)
{
        h->messages++;
        h->message_style = m->msg_style;
        (void)snprintf(h->message, sizeof(h->message), "%s", m->msg);
}

static int converse(int n, const struct pam_message **m, struct pam_response **ret, void *data)
{
        struct harness *h = data;
        struct pam_response *r = calloc((size_t)n, sizeof(*r));

        if (!r)
                return PAM_BUF_ERR;
        for (int i = 0; i < n; i++) {
                const char *answer;

                if (m[i]->msg_style == PAM_TEXT_INFO || m[i]->msg_style == PAM_ERROR_MSG) {
                        show(h, m[i]);
                        continue;
                }
                answer = answer_to(h, m[i]);
                if (answer)
                        r[i].resp = strdup(answer);
                if (!r[i].resp && h->conv_code) {
                        /* A reply and a code: libpam hands such a code on. */
                        *ret = r;
                        return h->conv_code;
                }
                if (!r[i].resp) {
                        free(r);
                        return PAM_CONV_ERR;
                }
        }
        *ret = r;
        return PAM_SUCCESS;
}

/* Files. */

/* libpam looks for a relative path among the system's modules, so an absolute one. path is static
   storage of PATH_MAX bytes, empty at the first call. */
static const char *path_of(const char *variable, const char *in_build, char *path)
{
        const char *given = getenv(variable), *top = getenv("top_builddir");
        char relative[PATH_ROOM];

        if (given)
                return given;
        if (path[0] == '\0') {
                (void)snprintf(relative, sizeof(relative), "%s/%s", top ? top : ".", in_build);
                assert_non_null(realpath(relative, path));
        }
        return path;
}

const char *harness_module(void)
{
        static char path[PATH_MAX];

        return path_of("ORGTOKEN_MODULE", "pam/.libs/pam_orgtoken.so", path);
}

static const char *spy(void)
{
        static char path[PATH_MAX];

        return path_of("ORGTOKEN_SPY", "tests/pam/.libs/pam_spy.so", path);
}

struct harness *harness_new_alone(void)
{
        struct harness *h = calloc(1, sizeof(*h));

        assert_non_null(h);
        (void)snprintf(h->dir, sizeof(h->dir), "/tmp/otpam.XXXXXX");
        assert_non_null(mkdtemp(h->dir));
        (void)snprintf(h->socket, sizeof(h->socket), "%s/s", h->dir);
        (void)snprintf(h->spied, sizeof(h->spied), "%s/spied", h->dir);
        (void)snprintf(h->service, sizeof(h->service), "svc");
        harness_log_clear();
        return h;
}

struct harness *harness_new(const struct fake_script *script)
{
        struct harness *h = harness_new_alone();

        harness_script(h, script);
        return h;
}

void harness_script(struct harness *h, const struct fake_script *script)
{
        harness_stop_daemon(h);
        h->daemon = fake_daemon_start(h->socket, script);
}

void harness_stop_daemon(struct harness *h)
{
        h->daemon = fake_daemon_stop(h->daemon);
}

struct harness *harness_free(struct harness *h)
{
        struct dirent *e;
        DIR *d;

        harness_end(h);
        harness_stop_daemon(h);
        d = opendir(h->dir);
        assert_non_null(d);
        while ((e = readdir(d)))
                if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
                    unlinkat(dirfd(d), e->d_name, 0) < 0)
                        (void)unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
        (void)closedir(d);
        (void)rmdir(h->dir);
        free(h);
        return NULL;
}

static void put_line(FILE *f, const struct harness *h, const char *lines)
{
        for (const char *c = lines; *c; c++) {
                if (strncmp(c, "@M", 2) == 0) {
                        (void)fprintf(f, "%s socket=%s", harness_module(), h->socket);
                        c += 1;
                } else if (strncmp(c, "@RAW", 4) == 0) {
                        (void)fputs(harness_module(), f);
                        c += 3;
                } else if (strncmp(c, "@SPY", 4) == 0) {
                        (void)fprintf(f, "%s to=%s", spy(), h->spied);
                        c += 3;
                } else {
                        (void)fputc(*c, f);
                }
        }
}

static void write_service(const struct harness *h, const char *service, const char *lines)
{
        char path[PATH_ROOM];
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/%s", h->dir, service);
        f = fopen(path, "we");
        assert_non_null(f);
        put_line(f, h, lines);
        (void)fputc('\n', f);
        assert_int_equal(fclose(f), 0);
}

void harness_stack(struct harness *h, const char *lines)
{
        /* libpam wants this one at each start, and logs its absence. */
        write_service(h, "other", "auth required pam_deny.so");
        write_service(h, h->service, lines);
}

void harness_start(struct harness *h, const char *user)
{
        const struct pam_conv conv = {converse, h};

        harness_end(h);
        assert_int_equal(pam_start_confdir(h->service, user, &conv, h->dir, &h->pamh), PAM_SUCCESS);
}

void harness_item(struct harness *h, int type, const char *value)
{
        assert_int_equal(pam_set_item(h->pamh, type, value), PAM_SUCCESS);
}

void harness_end(struct harness *h)
{
        if (h->pamh)
                (void)pam_end(h->pamh, PAM_SUCCESS);
        h->pamh = NULL;
}

int harness_login(struct harness *h, const char *lines, const char *password)
{
        harness_stack(h, lines);
        harness_start(h, "alice");
        h->password = password;
        return pam_authenticate(h->pamh, 0);
}

char *harness_spied(const struct harness *h)
{
        char *text = calloc(1, PATH_ROOM * 8);
        FILE *f = fopen(h->spied, "re");

        assert_non_null(text);
        if (f) {
                size_t len = fread(text, 1, PATH_ROOM * 8 - 1, f);

                text[len] = '\0';
                (void)fclose(f);
        }
        return text;
}

unsigned harness_connections(const struct harness *h)
{
        return fake_daemon_connections(h->daemon);
}

void harness_request(const struct harness *h, struct wire_message *ret)
{
        assert_int_equal(fake_daemon_last_request(h->daemon, ret), 0);
}

const char *harness_token(enum token_kind kind, const char *org)
{
        static char texts[2][2][TOKEN_INPUT_MAX + 32];
        char *text = texts[kind == TOKEN_PAT][org != NULL];

        token_format(kind, INT64_C(123456789012345678),
                     "abcdefghijABCDEFGHIJ0123456789abcdefghij012", text);
        if (org)
                (void)snprintf(text + strlen(text), 32, "@%s", org);
        return text;
}
