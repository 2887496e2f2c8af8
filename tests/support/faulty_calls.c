/*
 * Calls that fail, for a daemon that is linked with this file: its definitions stand before libc's
 * and the libraries', so SQLite, libsystemd and libsodium get them as well. ORGTOKEN_FAULT is
 * "KIND NUMBER once|ever": the call of that number, of the daemon's own calls ("own"), of
 * the libraries' ("theirs") or of the libraries' requests for memory ("memory"), fails; what failed
 * is told on standard error. With the number 0 nothing fails, and at its end the process writes the
 * number of the first call from each new place, one a line, to the file ORGTOKEN_FAULT_PLACES. A
 * test program says it by faulty_calls.h. Test code only.
 */
/* Its inline functions would stand in the way of ours. */
#undef _FORTIFY_SOURCE

#include "tests/support/faulty_calls.h"
#include "common/cleanup.h"
#include "tests/support/valgrind.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sodium.h>
#include <sqlite3.h>
#include <systemd/sd-event.h>

#define EXPORTED __attribute__((visibility("default"), noinline))

extern const char __executable_start[], etext[];

enum kind {
        KIND_NONE,
        KIND_OWN,
        KIND_THEIRS,
        KIND_MEMORY,
};

#define PLACES 8192
#define DEPTH  24

static struct {
        enum kind kind;
        unsigned at; /* 0: places are noted, and nothing fails */
        bool ever, hit, is_told;
        _Atomic unsigned calls;
} plan;

static _Thread_local bool is_noting;
static pthread_mutex_t places_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
        size_t count;
        unsigned first[PLACES];
        uint64_t seen[2 * PLACES]; /* hashes of the ways, each near its place */
} places;

static void write_places(void)
{
        const char *path = getenv("ORGTOKEN_FAULT_PLACES");
        FILE *file = path && plan.at == 0 ? fopen(path, "we") : NULL;

        if (!file)
                return;
        for (size_t i = 0; i < places.count; i++)
                (void)fprintf(file, "%u\n", places.first[i]);
        if (fclose(file) != 0)
                abort();
}

/* What runs when the process ends is the runtime's own: a build for gcov writes its counts. */
static void end_plan(void)
{
        plan.kind = KIND_NONE;
        write_places();
}

__attribute__((constructor)) static void read_plan(void)
{
        const char *text = getenv("ORGTOKEN_FAULT");
        char kind[16], how[16];
        void *first;
        unsigned at;

        if (!text || sscanf(text, "%15s %u %15s", kind, &at, how) != 3)
                return;
        if (atexit(end_plan) != 0)
                abort();
        /* The first one loads what it needs; and glibc 2.36 does not look whether there was memory
           for the first question to the user database, and dies (nss_database_get). */
        (void)backtrace(&first, 1);
        (void)getpwnam("");
        plan.is_told = true;
        plan.at = at;
        plan.ever = strcmp(how, "ever") == 0;
        plan.kind = strcmp(kind, "own") == 0      ? KIND_OWN
                    : strcmp(kind, "theirs") == 0 ? KIND_THEIRS
                                                  : KIND_MEMORY;
}

/* Without memory: this is where memory is asked for. */
static void tell(const char *name)
{
        char line[64] = "fault: ";
        size_t len = strlen(line), more = strlen(name);

        memcpy(line + len, name, more);
        line[len + more] = '\n';
        (void)syscall(SYS_write, STDERR_FILENO, line, len + more + 1);
}

/* ---- where they come from ---- */

static void note_place(unsigned n)
{
        void *callers[DEPTH];
        uint64_t hash = UINT64_C(14695981039346656037);
        size_t at;
        int depth;

        is_noting = true;
        depth = backtrace(callers, DEPTH);
        is_noting = false;
        for (int i = 0; i < depth; i++)
                hash = (hash ^ (uintptr_t)callers[i]) * UINT64_C(1099511628211);
        (void)pthread_mutex_lock(&places_lock);
        for (at = hash % (2 * PLACES); places.seen[at]; at = (at + 1) % (2 * PLACES))
                if (places.seen[at] == hash)
                        break;
        if (places.count == PLACES)
                abort();
        if (!places.seen[at])
                places.first[places.count++] = n;
        places.seen[at] = hash;
        (void)pthread_mutex_unlock(&places_lock);
}

void faulty_calls_begin(unsigned n)
{
        void *first;

        /* The first one loads what it needs. */
        (void)backtrace(&first, 1);
        if (n == 0)
                memset(&places, 0, sizeof(places));
        plan.at = n;
        plan.ever = plan.hit = false;
        atomic_store(&plan.calls, 0);
        plan.kind = KIND_OWN;
}

void faulty_calls_turn(bool on)
{
        plan.kind = on ? KIND_OWN : KIND_NONE;
}

bool faulty_calls_end(void)
{
        plan.kind = KIND_NONE;
        return plan.hit;
}

size_t faulty_calls_places(const unsigned **ret)
{
        *ret = places.first;
        return places.count;
}

unsigned faulty_calls_step(void)
{
#ifdef __SANITIZE_ADDRESS__
        return getenv("ORGTOKEN_LONG") ? 1 : 5;
#else
        return getenv("ORGTOKEN_LONG") || !valgrind_is_here() ? 1 : 20;
#endif
}

static bool fails(const char *name, enum kind kind)
{
        unsigned n;

        if (plan.kind == KIND_NONE || plan.kind != kind || is_noting)
                return false;
        n = atomic_fetch_add(&plan.calls, 1) + 1;
        if (plan.at == 0)
                note_place(n);
        if (plan.at == 0 || n < plan.at || (n > plan.at && !plan.ever))
                return false;
        if (n == plan.at && plan.is_told)
                tell(name);
        plan.hit = true;
        return true;
}

/* By where the call is from. */
static enum kind kind_of(const void *caller)
{
        return (const char *)caller >= __executable_start && (const char *)caller < etext
                       ? KIND_OWN
                       : KIND_THEIRS;
}

#define FAILS(name) fails(name, kind_of(__builtin_return_address(0)))

static void *find(const char *name)
{
        void *found = dlsym(RTLD_NEXT, name);

        if (!found)
                abort();
        return found;
}

/* A function of libc or a library, with what it answers when it fails. */
#define FAULTY(type, name, parameters, arguments, error, failure)                                  \
        EXPORTED type name parameters;                                                             \
        EXPORTED type name parameters                                                              \
        {                                                                                          \
                static type(*_Atomic real) parameters;                                             \
                                                                                                   \
                if (FAILS(#name)) {                                                                \
                        errno = error;                                                             \
                        return failure;                                                            \
                }                                                                                  \
                if (!real)                                                                         \
                        real = (type(*) parameters)find(#name);                                    \
                return real arguments;                                                             \
        }

/* ---- memory; a sanitizer has its own ---- */

#ifndef __SANITIZE_ADDRESS__
static enum kind kind_of_memory(const void *caller)
{
        return kind_of(caller) == KIND_OWN ? KIND_OWN : KIND_MEMORY;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

EXPORTED void *malloc(size_t size)
{
        if (!fails("malloc", kind_of_memory(__builtin_return_address(0))))
                return __libc_malloc(size);
        errno = ENOMEM;
        return NULL;
}

EXPORTED void *calloc(size_t n, size_t size)
{
        if (!fails("calloc", kind_of_memory(__builtin_return_address(0))))
                return __libc_calloc(n, size);
        errno = ENOMEM;
        return NULL;
}

EXPORTED void *realloc(void *old, size_t size)
{
        if (!fails("realloc", kind_of_memory(__builtin_return_address(0))))
                return __libc_realloc(old, size);
        errno = ENOMEM;
        return NULL;
}
#endif

/* ---- libc, which a sanitizer has definitions of its own of ---- */

#ifndef __SANITIZE_ADDRESS__

/* clang-format off */
FAULTY(int, access, (const char *a, int b), (a, b), EIO, -1)
FAULTY(int, accept4, (int a, struct sockaddr *b, socklen_t *c, int d), (a, b, c, d), EMFILE, -1)
FAULTY(int, bind, (int a, const struct sockaddr *b, socklen_t c), (a, b, c), EADDRNOTAVAIL, -1)
FAULTY(int, listen, (int a, int b), (a, b), EOPNOTSUPP, -1)
FAULTY(int, socket, (int a, int b, int c), (a, b, c), EMFILE, -1)
FAULTY(int, getsockopt, (int a, int b, int c, void *d, socklen_t *e), (a, b, c, d, e), ENOBUFS, -1)
FAULTY(int, setsockopt, (int a, int b, int c, const void *d, socklen_t e), (a, b, c, d, e), ENOBUFS, -1)
FAULTY(ssize_t, recv, (int a, void *b, size_t c, int d), (a, b, c, d), EIO, -1)
FAULTY(ssize_t, recvmsg, (int a, struct msghdr *b, int c), (a, b, c), EIO, -1)
FAULTY(ssize_t, send, (int a, const void *b, size_t c, int d), (a, b, c, d), EPIPE, -1)
FAULTY(int, chmod, (const char *a, mode_t b), (a, b), EPERM, -1)
FAULTY(int, fchmodat, (int a, const char *b, mode_t c, int d), (a, b, c, d), EPERM, -1)
FAULTY(int, fstat, (int a, struct stat *b), (a, b), EIO, -1)
FAULTY(int, fstatat, (int a, const char *b, struct stat *c, int d), (a, b, c, d), EIO, -1)
FAULTY(int, lstat, (const char *a, struct stat *b), (a, b), EIO, -1)
FAULTY(int, mkdir, (const char *a, mode_t b), (a, b), EROFS, -1)
FAULTY(int, renameat, (int a, const char *b, int c, const char *d), (a, b, c, d), EIO, -1)
FAULTY(int, renameat2, (int a, const char *b, int c, const char *d, unsigned e), (a, b, c, d, e), EIO, -1)
FAULTY(int, unlinkat, (int a, const char *b, int c), (a, b, c), EIO, -1)
FAULTY(int, unlink, (const char *a), (a), EIO, -1)
FAULTY(int, fsync, (int a), (a), EIO, -1)
FAULTY(int, fdatasync, (int a), (a), EIO, -1)
FAULTY(int, ftruncate64, (int a, off64_t b), (a, b), EIO, -1)
FAULTY(ssize_t, read, (int a, void *b, size_t c), (a, b, c), EIO, -1)
FAULTY(ssize_t, pread64, (int a, void *b, size_t c, off64_t d), (a, b, c, d), EIO, -1)
FAULTY(ssize_t, pwrite64, (int a, const void *b, size_t c, off64_t d), (a, b, c, d), ENOSPC, -1)
FAULTY(int, eventfd, (unsigned a, int b), (a, b), EMFILE, -1)
FAULTY(int, flock, (int a, int b), (a, b), EIO, -1)
FAULTY(char *, strdup, (const char *a), (a), ENOMEM, NULL)
FAULTY(int, pthread_create, (pthread_t *a, const pthread_attr_t *b, void *(*c)(void *), void *d), (a, b, c, d), 0, EAGAIN)
FAULTY(int, getpwnam_r, (const char *a, struct passwd *b, char *c, size_t d, struct passwd **e), (a, b, c, d, e), 0, EIO)
FAULTY(int, getpwuid_r, (uid_t a, struct passwd *b, char *c, size_t d, struct passwd **e), (a, b, c, d, e), 0, EIO)
FAULTY(struct passwd *, getpwnam, (const char *a), (a), 0, NULL)
FAULTY(struct group *, getgrnam, (const char *a), (a), 0, NULL)
FAULTY(DIR *, opendir, (const char *a), (a), EMFILE, NULL)
FAULTY(int, fchmod, (int a, mode_t b), (a, b), EPERM, -1)
FAULTY(int, link, (const char *a, const char *b), (a, b), EMLINK, -1)
FAULTY(int, linkat, (int a, const char *b, int c, const char *d, int e), (a, b, c, d, e), EMLINK, -1)
FAULTY(int, rename, (const char *a, const char *b), (a, b), EIO, -1)
FAULTY(int, mkostemp, (char *a, int b), (a, b), EMFILE, -1)
FAULTY(int, stat, (const char *a, struct stat *b), (a, b), EIO, -1)
FAULTY(int, connect, (int a, const struct sockaddr *b, socklen_t c), (a, b, c), EAGAIN, -1)
FAULTY(void *, reallocarray, (void *a, size_t b, size_t c), (a, b, c), ENOMEM, NULL)
FAULTY(char *, realpath, (const char *a, char *b), (a, b), EACCES, NULL)
FAULTY(ssize_t, pread, (int a, void *b, size_t c, off_t d), (a, b, c, d), EIO, -1)
FAULTY(int, getrlimit, (__rlimit_resource_t a, struct rlimit *b), (a, b), EPERM, -1)
FAULTY(int, setrlimit, (__rlimit_resource_t a, const struct rlimit *b), (a, b), EPERM, -1)
#endif

/* ---- libraries ---- */

FAULTY(int, sqlite3_open_v2, (const char *a, sqlite3 **b, int c, const char *d), (a, b, c, d), 0, SQLITE_CANTOPEN)
FAULTY(int, sqlite3_prepare_v2, (sqlite3 *a, const char *b, int c, sqlite3_stmt **d, const char **e), (a, b, c, d, e), 0, SQLITE_NOMEM)
FAULTY(int, sqlite3_prepare_v3, (sqlite3 *a, const char *b, int c, unsigned d, sqlite3_stmt **e, const char **f), (a, b, c, d, e, f), 0, SQLITE_NOMEM)
FAULTY(int, sqlite3_step, (sqlite3_stmt *a), (a), 0, SQLITE_IOERR)
FAULTY(int, sqlite3_bind_int64, (sqlite3_stmt *a, int b, sqlite3_int64 c), (a, b, c), 0, SQLITE_NOMEM)
FAULTY(int, sqlite3_bind_text64, (sqlite3_stmt *a, int b, const char *c, sqlite3_uint64 d, void (*e)(void *), unsigned char f), (a, b, c, d, e, f), 0, SQLITE_NOMEM)
FAULTY(int, sqlite3_bind_blob64, (sqlite3_stmt *a, int b, const void *c, sqlite3_uint64 d, void (*e)(void *)), (a, b, c, d, e), 0, SQLITE_NOMEM)
FAULTY(int, sqlite3_column_type, (sqlite3_stmt *a, int b), (a, b), 0, SQLITE_FLOAT)
FAULTY(const unsigned char *, sqlite3_column_text, (sqlite3_stmt *a, int b), (a, b), 0, NULL)
FAULTY(int, sqlite3_bind_null, (sqlite3_stmt *a, int b), (a, b), 0, SQLITE_NOMEM)
FAULTY(int, sqlite3_busy_timeout, (sqlite3 *a, int b), (a, b), 0, SQLITE_ERROR)
FAULTY(sqlite3_backup *, sqlite3_backup_init, (sqlite3 *a, const char *b, sqlite3 *c, const char *d), (a, b, c, d), 0, NULL)
FAULTY(int, sqlite3_backup_step, (sqlite3_backup *a, int b), (a, b), 0, SQLITE_IOERR)
FAULTY(void *, sodium_malloc, (size_t a), (a), ENOMEM, NULL)
FAULTY(int, sodium_mprotect_readonly, (void *a), (a), ENOMEM, -1)
FAULTY(int, sodium_init, (void), (), 0, -1)
FAULTY(int, sd_event_default, (sd_event **a), (a), 0, -ENOMEM)
FAULTY(int, sd_event_set_watchdog, (sd_event *a, int b), (a, b), 0, -ENOMEM)
FAULTY(int, sd_event_add_io, (sd_event *a, sd_event_source **b, int c, uint32_t d, sd_event_io_handler_t e, void *f), (a, b, c, d, e, f), 0, -ENOMEM)
FAULTY(int, sd_event_add_signal, (sd_event *a, sd_event_source **b, int c, sd_event_signal_handler_t d, void *e), (a, b, c, d, e), 0, -EBUSY)
FAULTY(int, sd_event_add_time_relative, (sd_event *a, sd_event_source **b, clockid_t c, uint64_t d, uint64_t e, sd_event_time_handler_t f, void *g), (a, b, c, d, e, f, g), 0, -ENOMEM)
FAULTY(int, sd_event_source_set_priority, (sd_event_source *a, int64_t b), (a, b), 0, -ENOMEM)
FAULTY(int, sd_event_source_set_time_relative, (sd_event_source *a, uint64_t b), (a, b), 0, -ENOMEM)
FAULTY(int, sd_event_source_set_io_events, (sd_event_source *a, uint32_t b), (a, b), 0, -ENOMEM)
/* clang-format on */

/* Turning off cannot fail. */
EXPORTED int sd_event_source_set_enabled(sd_event_source *source, int enabled)
{
        static int (*_Atomic real)(sd_event_source *, int);

        if (enabled != SD_EVENT_OFF && FAILS("sd_event_source_set_enabled"))
                return -ENOMEM;
        if (!real)
                real = (int (*)(sd_event_source *, int))find("sd_event_source_set_enabled");
        return real(source, enabled);
}

#ifndef __SANITIZE_ADDRESS__
/* But for what is said. */
EXPORTED ssize_t write(int fd, const void *bytes, size_t len)
{
        static ssize_t (*_Atomic real)(int, const void *, size_t);

        if (fd > STDERR_FILENO && FAILS("write")) {
                errno = ENOSPC;
                return -1;
        }
        if (!real)
                real = (ssize_t(*)(int, const void *, size_t))find("write");
        return real(fd, bytes, len);
}

/* The daemon's own alone: libsodium asks for ever, as a kernel that has started always answers. */
EXPORTED ssize_t getrandom(void *bytes, size_t len, unsigned flags)
{
        static ssize_t (*_Atomic real)(void *, size_t, unsigned);

        if (kind_of(__builtin_return_address(0)) == KIND_OWN && FAILS("getrandom")) {
                errno = EAGAIN;
                return -1;
        }
        if (!real)
                real = (ssize_t(*)(void *, size_t, unsigned))find("getrandom");
        return real(bytes, len, flags);
}

/* Their last argument is there for some commands and flags only. */

EXPORTED int asprintf(char **ret, const char *format, ...)
{
        va_list arguments;
        int n;

        if (FAILS("asprintf")) {
                errno = ENOMEM;
                return -1;
        }
        va_start(arguments, format);
        n = vasprintf(ret, format, arguments);
        va_end(arguments);
        return n;
}

/* What a build with _FORTIFY_SOURCE calls. */
int __asprintf_chk(char **ret, int flag, const char *format, ...) _format_(3, 4);
EXPORTED int __asprintf_chk(char **ret, int flag, const char *format, ...)
{
        va_list arguments;
        int n;

        (void)flag;
        if (FAILS("asprintf")) {
                errno = ENOMEM;
                return -1;
        }
        va_start(arguments, format);
        n = vasprintf(ret, format, arguments);
        va_end(arguments);
        return n;
}

EXPORTED int fcntl(int fd, int command, ...)
{
        static int (*_Atomic real)(int, int, ...);
        va_list arguments;
        long argument;

        va_start(arguments, command);
        argument = va_arg(arguments, long);
        va_end(arguments);
        if (FAILS("fcntl")) {
                errno = EMFILE;
                return -1;
        }
        if (!real)
                real = (int (*)(int, int, ...))find("fcntl");
        return real(fd, command, argument);
}

EXPORTED int open(const char *path, int flags, ...)
{
        static int (*_Atomic real)(const char *, int, ...);
        va_list arguments;
        unsigned mode;

        va_start(arguments, flags);
        mode = va_arg(arguments, unsigned);
        va_end(arguments);
        if (FAILS("open")) {
                errno = EMFILE;
                return -1;
        }
        if (!real)
                real = (int (*)(const char *, int, ...))find("open");
        return real(path, flags, mode);
}

EXPORTED int openat(int dir, const char *path, int flags, ...)
{
        static int (*_Atomic real)(int, const char *, int, ...);
        va_list arguments;
        unsigned mode;

        va_start(arguments, flags);
        mode = va_arg(arguments, unsigned);
        va_end(arguments);
        if (FAILS("openat")) {
                errno = EMFILE;
                return -1;
        }
        if (!real)
                real = (int (*)(int, const char *, int, ...))find("openat");
        return real(dir, path, flags, mode);
}
#endif
