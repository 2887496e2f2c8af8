#include "tests/support/fake_host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <security/pam_ext.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/verdict.h"

/* Compiled in: the entry points are in no library. */
#include "pam/pam_orgtoken.c"

#define FIRST_FD 100000 /* no descriptor of this process */
#define TICK_US  200    /* what every look at the clock takes */

static struct fake_host *host; /* while the module runs */

static unsigned fault(enum fake_call call)
{
        return host->choose ? host->choose(host, call) % FAKE_FAULTS : 0;
}

static int fail(int error)
{
        errno = error;
        return -1;
}

/* ---- libc ---- */

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
        void *p;

        if (!host)
                return __real_calloc(n, size);
        p = fault(CALL_CALLOC) ? NULL : __real_calloc(n, size);
        if (p) {
                host->allocated = p;
                host->allocated_size = n * size;
        }
        return p;
}

void __real_free(void *p);
void __wrap_free(void *p);
void __wrap_free(void *p)
{
        if (host && p && p == host->allocated) {
                for (size_t i = 0; i < host->allocated_size; i++) {
                        if (((const char *)p)[i] != 0) {
                                host->unwiped++;
                                break;
                        }
                }
                host->allocated = NULL;
        }
        __real_free(p);
}

int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
        if (!host)
                return __real_clock_gettime(clock, ret);
        if (fault(CALL_CLOCK))
                return fail(EINVAL);
        host->now_us += TICK_US;
        ret->tv_sec = host->now_us / 1000000 + (clock == CLOCK_REALTIME ? 1800000000 : 0);
        ret->tv_nsec = host->now_us % 1000000 * 1000;
        return 0;
}

int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol)
{
        unsigned f;

        if (!host)
                return __real_socket(domain, type, protocol);
        f = fault(CALL_SOCKET);
        if (f == 1)
                return fail(EMFILE);
        host->descriptors++;
        host->has_sent = host->stranger = false;
        /* Where the application has closed its standard descriptors. */
        host->low = f > 1 && !host->low;
        return host->low ? (int)f - 2 : FIRST_FD;
}

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
        if (!host || (fd < FIRST_FD && !(host->low && fd <= 2)))
                return __real_close(fd);
        if (fd < FIRST_FD)
                host->low = false;
        host->descriptors--;
        return 0;
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, int argument);
int __wrap_fcntl(int fd, int command, int argument)
{
        if (!host)
                return __real_fcntl(fd, command, argument);
        if (fault(CALL_FCNTL) || command != F_DUPFD_CLOEXEC)
                return fail(EMFILE);
        host->descriptors++;
        return FIRST_FD + 1;
}

int __real_connect(int fd, const struct sockaddr *address, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len)
{
        static const int errors[FAKE_FAULTS] = {0, ECONNREFUSED, EAGAIN, EINTR, EACCES};
        unsigned f;

        if (!host)
                return __real_connect(fd, address, len);
        f = fault(CALL_CONNECT);
        return f ? fail(errors[f]) : 0;
}

int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
        struct ucred listener = {.pid = 1, .uid = 0, .gid = 0};

        if (!host)
                return __real_getsockopt(fd, level, name, value, len);
        switch (fault(CALL_GETSOCKOPT)) {
        case 1: return fail(EBADF);
        case 2:
                *len = sizeof(listener) - 1;
                host->stranger = true;
                return 0;
        case 3:
                listener.uid = geteuid() + 4711;
                host->stranger = true;
                break;
        case 4: listener.uid = geteuid(); break;
        default: break;
        }
        memcpy(value, &listener, sizeof(listener));
        return 0;
}

ssize_t __real_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags)
{
        if (!host)
                return __real_send(fd, bytes, len, flags);
        if (host->stranger)
                abort();
        switch (fault(CALL_SEND)) {
        case 1: return fail(EPIPE);
        case 2: return fail(EAGAIN);
        case 3: return (ssize_t)len - 1;
        case 4: return fail(EINTR);
        default: break;
        }
        memcpy(host->request, bytes, len);
        host->request_len = len;
        host->has_sent = true;
        host->requests++;
        return (ssize_t)len;
}

int __real_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
                 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
                 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
        if (!host)
                return __real_ppoll(fds, n, timeout, mask);
        switch (fault(CALL_PPOLL)) {
        case 1: return fail(ENOMEM);
        case 2: return fail(EINTR);
        case 3:
        case 4: break;
        default:
                if (fds[0].fd >= 0)
                        return 1;
        }
        host->now_us += (int64_t)timeout->tv_sec * 1000000 + timeout->tv_nsec / 1000;
        return 0;
}

/* Is it, by its bytes alone, an answer of that magic to what was sent last? */
static bool answers(const uint8_t *packet, size_t len, const char *magic)
{
        return len >= WIRE_HEADER_LEN && memcmp(packet, magic, 4) == 0 &&
               memcmp(packet + 4, host->request + 4, 2) == 0 &&
               memcmp(packet + 8, host->request + 8, WIRE_NONCE_LEN) == 0;
}

ssize_t __real_recvmsg(int fd, struct msghdr *header, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *header, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *header, int flags)
{
        uint8_t packet[WIRE_PACKET_MAX + 1];
        size_t len, room;

        if (!host)
                return __real_recvmsg(fd, header, flags);
        header->msg_flags = 0;
        switch (fault(CALL_RECVMSG)) {
        case 1: return fail(ECONNRESET);
        case 2: return fail(EINTR);
        case 3: return 0;
        case 4: header->msg_flags = MSG_CTRUNC; break;
        default: break;
        }
        len = host->has_sent ? host->reply(host, host->request, host->request_len, packet) : 0;
        if (len == 0) {
                host->now_us += 100000;
                return fail(EAGAIN);
        }
        room = header->msg_iov[0].iov_len;
        if (len > room)
                header->msg_flags |= MSG_TRUNC;
        memcpy(header->msg_iov[0].iov_base, packet, len < room ? len : room);
        if (header->msg_flags == 0) {
                host->allowed = host->allowed || answers(packet, len, "\x96\xe1\xa3\x5c");
                host->done = host->done || answers(packet, len, "\x4b\xa8\xd5\x0f");
        }
        return (ssize_t)(len < room ? len : room);
}

ssize_t __real_getrandom(void *bytes, size_t len, unsigned flags);
ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags);
ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags)
{
        unsigned f;

        if (!host)
                return __real_getrandom(bytes, len, flags);
        f = fault(CALL_GETRANDOM);
        if (f == 1)
                return fail(EAGAIN);
        /* Once: nothing interrupts sixteen bytes for ever. */
        if (f == 2 && !host->interrupted) {
                host->interrupted = true;
                return fail(EINTR);
        }
        memset(bytes, (int)host->requests + 1, len);
        return (ssize_t)(f == 3 ? len - 1 : len);
}

const char *__real_inet_ntop(int family, const void *address, char *text, socklen_t size);
const char *__wrap_inet_ntop(int family, const void *address, char *text, socklen_t size);
const char *__wrap_inet_ntop(int family, const void *address, char *text, socklen_t size)
{
        return host && fault(CALL_INET_NTOP) ? NULL : __real_inet_ntop(family, address, text, size);
}

/* ---- libpam ---- */

int pam_get_user(pam_handle_t *pamh, const char **user, const char *prompt)
{
        (void)pamh;
        (void)prompt;
        *user = host->user;
        switch (fault(CALL_GET_USER)) {
        case 1: return PAM_CONV_ERR;
        case 2: return PAM_IGNORE;
        case 3: *user = NULL; return PAM_SUCCESS;
        default: return PAM_SUCCESS;
        }
}

int pam_get_authtok(pam_handle_t *pamh, int item, const char **token, const char *prompt)
{
        (void)pamh;
        (void)item;
        (void)prompt;
        switch (fault(CALL_GET_AUTHTOK)) {
        case 1: return PAM_AUTHTOK_ERR;
        case 2: return PAM_IGNORE;
        case 3: *token = NULL; return PAM_SUCCESS;
        default: *token = host->has_authtok ? host->authtok : ""; return PAM_SUCCESS;
        }
}

int pam_get_item(const pam_handle_t *pamh, int type, const void **ret)
{
        unsigned f = fault(CALL_GET_ITEM);

        (void)pamh;
        switch (type) {
        case PAM_USER: *ret = host->user; break;
        case PAM_RUSER: *ret = host->ruser; break;
        case PAM_SERVICE: *ret = host->service; break;
        case PAM_TTY: *ret = host->tty; break;
        case PAM_RHOST: *ret = host->rhost; break;
        case PAM_AUTHTOK: *ret = host->has_authtok ? host->authtok : NULL; break;
        default: abort();
        }
        if (f > 1)
                *ret = NULL;
        return f == 1 ? PAM_BAD_ITEM : PAM_SUCCESS;
}

int pam_set_item(pam_handle_t *pamh, int type, const void *value)
{
        (void)pamh;
        if (type != PAM_AUTHTOK || value)
                abort();
        if (fault(CALL_SET_ITEM))
                return PAM_SYSTEM_ERR;
        host->has_authtok = false;
        return PAM_SUCCESS;
}

/* The place of that name, or a free one. */
static struct fake_data *find_data(struct fake_host *h, const char *name)
{
        for (size_t i = 0; i < FAKE_DATA; i++)
                if (!h->data[i].name || strcmp(h->data[i].name, name) == 0)
                        return &h->data[i];
        abort();
}

int pam_get_data(const pam_handle_t *pamh, const char *name, const void **ret)
{
        (void)pamh;
        *ret = find_data(host, name)->data;
        return *ret ? PAM_SUCCESS : PAM_NO_MODULE_DATA;
}

int pam_set_data(pam_handle_t *pamh, const char *name, void *data,
                 void (*cleanup)(pam_handle_t *pamh, void *data, int status))
{
        struct fake_data *place = find_data(host, name);

        host->kept++;
        /* Putting nothing in the place of something needs no memory. */
        if (data && fault(CALL_SET_DATA))
                return PAM_BUF_ERR;
        if (place->data)
                place->cleanup(pamh, place->data, PAM_DATA_REPLACE);
        *place = (struct fake_data){name, data, cleanup};
        return PAM_SUCCESS;
}

static char **find_variable(const char *name, size_t len)
{
        for (size_t i = 0; i < FAKE_ENV; i++)
                if (host->env[i] && strncmp(host->env[i], name, len) == 0 &&
                    host->env[i][len] == '=')
                        return &host->env[i];
        return NULL;
}

const char *pam_getenv(pam_handle_t *pamh, const char *name)
{
        char **found = find_variable(name, strlen(name));

        (void)pamh;
        return found && !fault(CALL_GETENV) ? *found + strlen(name) + 1 : NULL;
}

int pam_putenv(pam_handle_t *pamh, const char *text)
{
        size_t len = strcspn(text, "=");
        char **place = find_variable(text, len);

        (void)pamh;
        if (text[len] == '=' && fault(CALL_PUTENV))
                return PAM_BUF_ERR;
        for (size_t i = 0; !place && i < FAKE_ENV; i++)
                place = host->env[i] ? NULL : &host->env[i];
        free(*place);
        *place = text[len] == '=' ? strdup(text) : NULL;
        return PAM_SUCCESS;
}

int pam_prompt(pam_handle_t *pamh, int style, char **response, const char *format, ...)
{
        unsigned f = fault(CALL_PROMPT);
        va_list arguments;

        (void)pamh;
        va_start(arguments, format);
        if (style == PAM_TEXT_INFO)
                (void)vsnprintf(host->said, sizeof(host->said), format, arguments);
        va_end(arguments);
        if (f == 1)
                return PAM_CONV_ERR;
        if (f == 2)
                return PAM_IGNORE;
        if (response)
                *response = f == 0 && host->org ? strdup(host->org) : NULL;
        return PAM_SUCCESS;
}

void pam_syslog(const pam_handle_t *pamh, int priority, const char *format, ...)
{
        va_list arguments;

        (void)pamh;
        (void)priority;
        va_start(arguments, format);
        /* Nothing of a token's secret is ever logged. */
        if (vsnprintf(host->log, sizeof(host->log), format, arguments) < 0 ||
            (strlen(host->authtok) >= 60 &&
             strstr(host->log, host->authtok + strlen(host->authtok) - 20)))
                abort();
        va_end(arguments);
}

/* ---- the test's side ---- */

pam_handle_t *fake_host_open(struct fake_host *h)
{
        host = h;
        return (pam_handle_t *)h;
}

int fake_host_enter(struct fake_host *h, enum fake_entry entry, const char *const *arguments)
{
        pam_handle_t *pamh = (pam_handle_t *)h;
        int argc = 0, code = PAM_SYSTEM_ERR;

        while (arguments[argc])
                argc++;
        h->allowed = h->done = h->interrupted = false;
        host = h;
        errno = ENOTNAM; /* the application's, which the module must leave as it was */
        switch (entry) {
        case FAKE_AUTHENTICATE:
                code = pam_sm_authenticate(pamh, 0, argc, (const char **)(uintptr_t)arguments);
                break;
        case FAKE_SETCRED:
                code = pam_sm_setcred(pamh, 0, argc, (const char **)(uintptr_t)arguments);
                break;
        case FAKE_ACCT_MGMT:
                code = pam_sm_acct_mgmt(pamh, 0, argc, (const char **)(uintptr_t)arguments);
                break;
        case FAKE_OPEN_SESSION:
                code = pam_sm_open_session(pamh, 0, argc, (const char **)(uintptr_t)arguments);
                break;
        }
        host = NULL;
        if (errno != ENOTNAM)
                abort();
        return code;
}

const void *fake_host_memo(const struct fake_host *h)
{
        for (size_t i = 0; i < FAKE_DATA; i++)
                if (h->data[i].name && strcmp(h->data[i].name, "orgtoken_memo") == 0)
                        return h->data[i].data;
        return NULL;
}

void fake_host_end(struct fake_host *h)
{
        host = h;
        for (size_t i = 0; i < FAKE_DATA; i++)
                if (h->data[i].data)
                        h->data[i].cleanup((pam_handle_t *)h, h->data[i].data, PAM_SUCCESS);
        host = NULL;
        memset(h->data, 0, sizeof(h->data));
        for (size_t i = 0; i < FAKE_ENV; i++) {
                free(h->env[i]);
                h->env[i] = NULL;
        }
}

size_t fake_host_answer(const uint8_t *request, size_t len, int64_t verdict,
                        uint8_t packet[static WIRE_PACKET_MAX + 1])
{
        struct wire_message asked, m;
        size_t used;

        if (wire_decode(request, len, &asked) < 0)
                abort();
        wire_init(&m, verdict == VERDICT_ALLOW ? WIRE_ALLOW : WIRE_VERDICT, asked.verb,
                  asked.nonce);
        wire_put_number(&m, WIRE_F_VERDICT, verdict);
        if (verdict == VERDICT_ALLOW) {
                wire_put_text(&m, WIRE_F_ORG, VIEW("acme"));
                wire_put_text(&m, WIRE_F_KEY_ID, VIEW("pat_4fK9aQ"));
                wire_put_text(&m, WIRE_F_USER, VIEW("alice"));
                wire_put_number(&m, WIRE_F_EXPIRES_AT, 1800000000 + 86400);
                if (asked.verb == WIRE_V_VERIFY)
                        wire_put_text(&m, WIRE_F_TICKET, VIEW("a ticket"));
        }
        if (wire_encode(&m, packet, WIRE_PACKET_MAX, &used) < 0)
                abort();
        return used;
}
