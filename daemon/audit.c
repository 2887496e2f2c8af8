#include "daemon/audit.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/logsafe.h"
#include "daemon/log.h"

/* sd_journal_sendv(3) waits for as long as the journal does not read, and every login with it. So
   the records are sent in the same form (systemd.io/JOURNAL_NATIVE_PROTOCOL) from here, with an end
   to the waiting. */
#define JOURNAL_WAIT_MS 50
#define RECORD_SIZE     8192
#define MESSAGE_SIZE    1024

/* The connection to the journal and what it did not take; one for all threads. */
static struct {
        pthread_mutex_t lock;
        int fd;
        bool stuck;    /* the last record was not taken: not waited for again until one is */
        time_t absent; /* when there was none: not looked for again in the same second */
        uint64_t lost;
} journal = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

/* A record in the making, in one of two forms: "NAME=value\n", or " name=value" for people. */
struct text {
        char bytes[RECORD_SIZE];
        size_t len;
        bool full;
};

static void append(struct text *t, const char *format, ...) _format_(2, 3);
static void append(struct text *t, const char *format, ...)
{
        size_t room = sizeof(t->bytes) - t->len;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vsnprintf(t->bytes + t->len, room, format, ap);
        va_end(ap);
        /* A field is there whole or not at all. */
        if (n < 0 || (size_t)n >= room)
                t->full = true;
        else
                t->len += (size_t)n;
}

/* "NAME=value\n". Copied and not formatted: a record has a dozen of them. */
static void append_field(struct text *t, const char *prefix, const char *name, const char *value)
{
        const char *const parts[] = {prefix, name, "=", value, "\n"};
        size_t len[5], sum = 0;

        for (size_t i = 0; i < 5; i++)
                sum += len[i] = strlen(parts[i]);
        if (sum >= sizeof(t->bytes) - t->len) {
                t->full = true;
                return;
        }
        for (size_t i = 0; i < 5; i++) {
                memcpy(t->bytes + t->len, parts[i], len[i]);
                t->len += len[i];
        }
}

static void append_number(struct text *t, const char *name, int64_t number)
{
        uint64_t rest = number < 0 ? 0 : (uint64_t)number;
        char digits[21], *first = digits + sizeof(digits) - 1;

        *first = '\0';
        do
                *--first = (char)('0' + rest % 10);
        while ((rest /= 10) > 0);
        append_field(t, name, "", first);
}

struct field {
        const char *name;
        struct view value;
};
#define FIELDS 12

static void list_fields(const struct audit_record *r, struct field ret[static FIELDS])
{
        const struct field fields[FIELDS] = {
                {"VERDICT", r->verdict}, {"VERB", r->verb},           {"KEY_ID", r->key_id},
                {"ORG", r->org},         {"USER", r->user},           {"ACCOUNT", r->account},
                {"SERVICE", r->service}, {"SOURCE", r->source},       {"ACTOR", r->actor},
                {"REASON", r->reason},   {"REFERENCE", r->reference}, {"TTY", r->tty},
        };

        for (size_t i = 0; i < FIELDS; i++)
                ret[i] = fields[i];
}

static void format_journal(const struct audit_record *r, uint64_t lost, struct text *t)
{
        char safe[MESSAGE_SIZE];
        struct field fields[FIELDS];

        append_field(t, "MESSAGE_ID", "", r->message_id ? r->message_id : AUDIT_ID_STORE);
        append_number(t, "PRIORITY", r->priority);
        append_field(t, "SYSLOG_IDENTIFIER", "", "orgtokend");
        append_field(t, "MESSAGE", "", logsafe(r->message, safe, sizeof(safe)));
        list_fields(r, fields);
        for (size_t i = 0; i < FIELDS; i++)
                if (!view_is_empty(fields[i].value))
                        append_field(t, "ORGTOKEN_", fields[i].name,
                                     logsafe(fields[i].value, safe, LOGSAFE_SIZE));
        if (r->caller_uid >= 0)
                append_number(t, "ORGTOKEN_CALLER_UID", r->caller_uid);
        if (r->caller_pid > 0)
                append_number(t, "ORGTOKEN_CALLER_PID", r->caller_pid);
        if (lost > 0)
                append_number(t, "ORGTOKEN_LOST_RECORDS", (int64_t)lost);
}

/* Lower case: these stand beside a sentence, not under an index. */
static void append_word(struct text *t, const char *name, const char *value)
{
        char word[16];
        size_t i;

        for (i = 0; name[i] && i < sizeof(word) - 1; i++)
                word[i] = name[i] == '_' ? '_' : (char)(name[i] | 0x20);
        word[i] = '\0';
        append(t, "%s=%s ", word, value);
}

static void write_line(const struct audit_record *r, uint64_t lost)
{
        struct text t = {.len = 0};
        struct field fields[FIELDS];
        char safe[MESSAGE_SIZE];

        list_fields(r, fields);
        for (size_t i = 0; i < FIELDS; i++)
                if (!view_is_empty(fields[i].value))
                        append_word(&t, fields[i].name,
                                    logsafe(fields[i].value, safe, LOGSAFE_SIZE));
        if (r->caller_uid >= 0)
                append(&t, "caller_uid=%" PRId64 " ", r->caller_uid);
        if (lost > 0)
                append(&t, "lost_records=%" PRIu64 " ", lost);
        (void)logsafe(r->message, safe, sizeof(safe));
        if (t.len > 0)
                log_line(r->priority, "%s [%.*s]", safe, (int)t.len - 1, t.bytes);
        else
                log_line(r->priority, "%s", safe);
}

/* Connected, so that poll() tells whether the journal has room. 0 or negative errno. */
static int connect_journal(void)
{
        static const struct sockaddr_un address = {AF_UNIX, LOG_JOURNAL_SOCKET};
        _cleanup_(close_fdp) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int size = 1024 * 1024;

        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        /* Room for a journal that is busy for a moment; less is no reason to go without. */
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        journal.fd = steal_fd(&fd);
        return 0;
}

static int send_once(const struct text *t)
{
        struct pollfd p = {.events = POLLOUT};

        if (journal.fd < 0) {
                time_t now = time(NULL);
                int r = journal.absent == now ? -ENOENT : connect_journal();

                if (r < 0) {
                        journal.absent = now;
                        return r;
                }
        }
        if (send(journal.fd, t->bytes, t->len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
                return 0;
        if (errno != EAGAIN || journal.stuck)
                return -errno;
        p.fd = journal.fd;
        if (poll(&p, 1, JOURNAL_WAIT_MS) != 1)
                return -EAGAIN;
        return send(journal.fd, t->bytes, t->len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 ? 0 : -errno;
}

/* 0; -EAGAIN: the journal does not read; another errno: there is none. */
static int send_record(const struct text *t)
{
        bool was_connected = journal.fd >= 0;
        int r = send_once(t);

        if (r == 0 || r == -EAGAIN || r == -EMSGSIZE || !was_connected)
                return r;
        /* A journal that was restarted listens on a new socket. */
        close_fdp(&journal.fd);
        return send_once(t);
}

void audit_write(const struct audit_record *record)
{
        _unfilled_ struct text t;
        uint64_t lost;
        int r;

        t.len = 0;
        t.full = false;
        (void)pthread_mutex_lock(&journal.lock);
        lost = journal.lost;
        format_journal(record, lost, &t);
        r = send_record(&t);
        journal.stuck = r == -EAGAIN;
        if (journal.stuck || r == -EMSGSIZE)
                journal.lost++;
        else
                journal.lost = 0;
        (void)pthread_mutex_unlock(&journal.lock);
        if (r < 0 && r != -EAGAIN && r != -EMSGSIZE)
                write_line(record, lost);
}
