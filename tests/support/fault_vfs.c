#include "tests/support/fault_vfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR    512
#define FILES_MAX 8
#define NAME_SIZE 64

static void must(bool ok, const char *what)
{
        if (ok)
                return;
        (void)fprintf(stderr, "fault vfs: %s\n", what);
        abort();
}

/* ---- what is counted ---- */

static struct {
        unsigned operations, at, n, failed;
        enum fault_kind kind;
        bool for_ever;
} plan;

void fault_vfs_fail(unsigned operations, enum fault_kind kind, unsigned n, bool for_ever)
{
        plan.operations = operations;
        plan.kind = kind;
        plan.n = n;
        plan.for_ever = for_ever;
        plan.at = plan.failed = 0;
}

unsigned fault_vfs_failed(void)
{
        return plan.failed;
}

static bool fails(unsigned operation)
{
        if (plan.n == 0 || !(plan.operations & operation))
                return false;
        plan.at++;
        if (plan.at != plan.n && !(plan.for_ever && plan.at > plan.n))
                return false;
        plan.failed++;
        return true;
}

static int fault(int eio)
{
        return plan.kind == FAULT_FULL ? SQLITE_FULL : eio;
}

/* ---- what is remembered ---- */

struct operation {
        char kind;
        unsigned char file;
        int64_t at; /* offset, or the size to truncate to */
        size_t len;
        unsigned char *bytes;
};

static struct record {
        char dir[512];
        size_t dir_len; /* 0: nothing is remembered */
        char name[FILES_MAX][NAME_SIZE];
        unsigned files;
        unsigned char *base[FILES_MAX]; /* what was there at first */
        size_t base_len[FILES_MAX];
        bool base_there[FILES_MAX];
        struct operation *operation;
        size_t count, room;
} record, first;

static int find_file(const char *path)
{
        const char *name;

        if (record.dir_len == 0 || !path || strncmp(path, record.dir, record.dir_len) != 0 ||
            path[record.dir_len] != '/')
                return -1;
        name = path + record.dir_len + 1;
        for (unsigned i = 0; i < record.files; i++)
                if (strcmp(record.name[i], name) == 0)
                        return (int)i;
        must(record.files < FILES_MAX && strlen(name) < NAME_SIZE, "too many files");
        (void)snprintf(record.name[record.files], NAME_SIZE, "%s", name);
        return (int)record.files++;
}

static void note(int file, char kind, int64_t at, const void *bytes, size_t len)
{
        struct operation *o;

        if (file < 0 || record.dir_len == 0)
                return;
        if (record.count == record.room) {
                record.room = record.room ? 2 * record.room : 1024;
                record.operation =
                        realloc(record.operation, record.room * sizeof(*record.operation));
                must(record.operation != NULL, "memory");
        }
        o = &record.operation[record.count++];
        *o = (struct operation){.kind = kind, .file = (unsigned char)file, .at = at, .len = len};
        if (len > 0) {
                o->bytes = malloc(len);
                must(o->bytes != NULL, "memory");
                memcpy(o->bytes, bytes, len);
        }
}

/* ---- the layer itself ---- */

struct fault_file {
        sqlite3_file base;
        int file; /* which of record.name, or -1 */
        sqlite3_file *real;
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs vfs;
static bool installed;

static struct fault_file *of(sqlite3_file *f)
{
        return (struct fault_file *)(void *)f;
}

static int do_close(sqlite3_file *f)
{
        return of(f)->real->pMethods->xClose(of(f)->real);
}

static int do_read(sqlite3_file *f, void *bytes, int len, sqlite3_int64 at)
{
        if (fails(FAULT_READS))
                return SQLITE_IOERR_READ;
        return of(f)->real->pMethods->xRead(of(f)->real, bytes, len, at);
}

static int do_write(sqlite3_file *f, const void *bytes, int len, sqlite3_int64 at)
{
        bool bad = fails(FAULT_WRITES);
        int part = bad ? plan.kind == FAULT_TORN ? len / 2 : 0 : len, r = SQLITE_OK;

        if (part > 0) {
                r = of(f)->real->pMethods->xWrite(of(f)->real, bytes, part, at);
                note(of(f)->file, 'w', at, bytes, (size_t)part);
        }
        return bad ? fault(SQLITE_IOERR_WRITE) : r;
}

static int do_truncate(sqlite3_file *f, sqlite3_int64 size)
{
        if (fails(FAULT_WRITES))
                return SQLITE_IOERR_TRUNCATE;
        note(of(f)->file, 't', size, NULL, 0);
        return of(f)->real->pMethods->xTruncate(of(f)->real, size);
}

static int do_sync(sqlite3_file *f, int flags)
{
        if (fails(FAULT_SYNCS))
                return SQLITE_IOERR_FSYNC;
        note(of(f)->file, 's', 0, NULL, 0);
        return of(f)->real->pMethods->xSync(of(f)->real, flags);
}

static int do_size(sqlite3_file *f, sqlite3_int64 *ret)
{
        if (fails(FAULT_READS))
                return SQLITE_IOERR_FSTAT;
        return of(f)->real->pMethods->xFileSize(of(f)->real, ret);
}

static int do_lock(sqlite3_file *f, int level)
{
        if (fails(FAULT_LOCKS))
                return SQLITE_IOERR_LOCK;
        return of(f)->real->pMethods->xLock(of(f)->real, level);
}

static int do_unlock(sqlite3_file *f, int level)
{
        return of(f)->real->pMethods->xUnlock(of(f)->real, level);
}

static int do_check_lock(sqlite3_file *f, int *ret)
{
        return of(f)->real->pMethods->xCheckReservedLock(of(f)->real, ret);
}

static int do_control(sqlite3_file *f, int operation, void *argument)
{
        return of(f)->real->pMethods->xFileControl(of(f)->real, operation, argument);
}

static int do_sector(sqlite3_file *f)
{
        return of(f)->real->pMethods->xSectorSize(of(f)->real);
}

static int do_traits(sqlite3_file *f)
{
        return of(f)->real->pMethods->xDeviceCharacteristics(of(f)->real);
}

static int do_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
        if (fails(FAULT_LOCKS))
                return SQLITE_IOERR_SHMMAP;
        return of(f)->real->pMethods->xShmMap(of(f)->real, page, size, extend, ret);
}

static int do_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
        if ((flags & SQLITE_SHM_LOCK) && fails(FAULT_LOCKS))
                return SQLITE_IOERR_SHMLOCK;
        return of(f)->real->pMethods->xShmLock(of(f)->real, offset, n, flags);
}

static void do_shm_barrier(sqlite3_file *f)
{
        of(f)->real->pMethods->xShmBarrier(of(f)->real);
}

static int do_shm_unmap(sqlite3_file *f, int delete)
{
        return of(f)->real->pMethods->xShmUnmap(of(f)->real, delete);
}

static const sqlite3_io_methods methods = {
        .iVersion = 2,
        .xClose = do_close,
        .xRead = do_read,
        .xWrite = do_write,
        .xTruncate = do_truncate,
        .xSync = do_sync,
        .xFileSize = do_size,
        .xLock = do_lock,
        .xUnlock = do_unlock,
        .xCheckReservedLock = do_check_lock,
        .xFileControl = do_control,
        .xSectorSize = do_sector,
        .xDeviceCharacteristics = do_traits,
        .xShmMap = do_shm_map,
        .xShmLock = do_shm_lock,
        .xShmBarrier = do_shm_barrier,
        .xShmUnmap = do_shm_unmap,
};

static int do_open(sqlite3_vfs *v, const char *path, sqlite3_file *f, int flags, int *ret_flags)
{
        struct fault_file *file = of(f);
        int r;

        (void)v;
        file->base.pMethods = NULL;
        file->real = (sqlite3_file *)(void *)(file + 1);
        file->file = find_file(path);
        if (fails(flags & SQLITE_OPEN_CREATE ? FAULT_WRITES : FAULT_LOCKS))
                return SQLITE_CANTOPEN;
        r = real_vfs->xOpen(real_vfs, path, file->real, flags, ret_flags);
        if (r == SQLITE_OK)
                file->base.pMethods = &methods;
        return r;
}

static int do_delete(sqlite3_vfs *v, const char *path, int sync)
{
        (void)v;
        if (fails(FAULT_WRITES))
                return SQLITE_IOERR_DELETE;
        note(find_file(path), 'd', sync, NULL, 0);
        return real_vfs->xDelete(real_vfs, path, sync);
}

static int do_access(sqlite3_vfs *v, const char *path, int flags, int *ret)
{
        (void)v;
        if (fails(FAULT_READS))
                return SQLITE_IOERR_ACCESS;
        return real_vfs->xAccess(real_vfs, path, flags, ret);
}

static int do_full_path(sqlite3_vfs *v, const char *path, int size, char *ret)
{
        (void)v;
        return real_vfs->xFullPathname(real_vfs, path, size, ret);
}

static int do_random(sqlite3_vfs *v, int len, char *ret)
{
        (void)v;
        return real_vfs->xRandomness(real_vfs, len, ret);
}

static int do_sleep(sqlite3_vfs *v, int usec)
{
        (void)v;
        return real_vfs->xSleep(real_vfs, usec);
}

static int do_time(sqlite3_vfs *v, double *ret)
{
        (void)v;
        return real_vfs->xCurrentTime(real_vfs, ret);
}

static int do_error(sqlite3_vfs *v, int size, char *ret)
{
        (void)v;
        return real_vfs->xGetLastError(real_vfs, size, ret);
}

void fault_vfs_install(void)
{
        must(!installed, "installed twice");
        real_vfs = sqlite3_vfs_find(NULL);
        must(real_vfs != NULL, "no file layer");
        vfs = (sqlite3_vfs){
                .iVersion = 1,
                .szOsFile = (int)sizeof(struct fault_file) + real_vfs->szOsFile,
                .mxPathname = real_vfs->mxPathname,
                .zName = "fault",
                .xOpen = do_open,
                .xDelete = do_delete,
                .xAccess = do_access,
                .xFullPathname = do_full_path,
                .xRandomness = do_random,
                .xSleep = do_sleep,
                .xCurrentTime = do_time,
                .xGetLastError = do_error,
        };
        must(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK, "cannot be registered");
        installed = true;
        fault_vfs_fail(0, FAULT_EIO, 0, false);
}

void fault_vfs_remove(void)
{
        must(installed, "not installed");
        must(sqlite3_vfs_unregister(&vfs) == SQLITE_OK, "cannot be unregistered");
        must(sqlite3_vfs_register(real_vfs, 1) == SQLITE_OK, "the real one cannot come back");
        installed = false;
}

/* ---- losing power ---- */

/* A file as the crash finds it: what is on the disk, and what came after the last sync. */
struct image {
        bool there; /* on the disk */
        unsigned char *bytes;
        size_t len, room;
        size_t pending[16384]; /* numbers of operations */
        unsigned pending_count;
};

/* How far the operations were played, so that crashes in order cost each operation once. */
static struct {
        struct image *image[FILES_MAX];
        size_t at;
} player;

static void grow(struct image *image, size_t len)
{
        if (len > image->room) {
                image->room = 2 * len;
                image->bytes = realloc(image->bytes, image->room);
                must(image->bytes != NULL, "memory");
        }
        if (len > image->len) {
                memset(image->bytes + image->len, 0, len - image->len);
                image->len = len;
        }
}

static void put_bytes(struct image *image, int64_t at, const unsigned char *bytes, size_t len)
{
        grow(image, (size_t)at + len);
        if (len > 0)
                memcpy(image->bytes + at, bytes, len);
        image->there = true;
}

static void apply(struct image *image, const struct operation *o)
{
        switch (o->kind) {
        case 'w': put_bytes(image, o->at, o->bytes, o->len); break;
        case 't':
                grow(image, (size_t)o->at);
                image->len = (size_t)o->at;
                break;
        case 'd':
                image->there = false;
                image->len = 0;
                break;
        default: break;
        }
}

static void player_reset(void)
{
        for (unsigned i = 0; i < FILES_MAX; i++) {
                if (player.image[i])
                        free(player.image[i]->bytes);
                free(player.image[i]);
                player.image[i] = NULL;
        }
        player.at = 0;
}

static void player_start(void)
{
        player_reset();
        for (unsigned i = 0; i < FILES_MAX; i++) {
                player.image[i] = calloc(1, sizeof(*player.image[i]));
                must(player.image[i] != NULL, "memory");
                if (!record.base_there[i])
                        continue;
                put_bytes(player.image[i], 0, record.base[i], record.base_len[i]);
        }
}

static void player_go(size_t at)
{
        if (!player.image[0] || at < player.at)
                player_start();
        for (; player.at < at; player.at++) {
                const struct operation *o = &record.operation[player.at];
                struct image *image = player.image[o->file];

                if (o->kind != 's') {
                        must(image->pending_count < 16384, "too much that is not synced");
                        image->pending[image->pending_count++] = player.at;
                        continue;
                }
                for (unsigned i = 0; i < image->pending_count; i++)
                        apply(image, &record.operation[image->pending[i]]);
                image->pending_count = 0;
                image->there = true;
        }
}

static uint64_t next_random(uint64_t *seed)
{
        *seed ^= *seed >> 12;
        *seed ^= *seed << 25;
        *seed ^= *seed >> 27;
        return (*seed * UINT64_C(2685821657736338717)) >> 16;
}

/* One sector of a write, as it was meant, or as rubbish where the head was over it. */
static void put_sectors(struct image *image, const struct operation *o, uint64_t *seed,
                        bool rubbish)
{
        for (size_t from = 0; from < o->len;) {
                size_t to = from + SECTOR - ((size_t)o->at + from) % SECTOR;
                unsigned char bytes[SECTOR];

                if (to > o->len)
                        to = o->len;
                switch (next_random(seed) % (rubbish ? 3 : 2)) {
                case 0: break;
                case 1: put_bytes(image, o->at + (int64_t)from, o->bytes + from, to - from); break;
                default:
                        for (size_t i = 0; i < to - from; i++)
                                bytes[i] = (unsigned char)next_random(seed);
                        put_bytes(image, o->at + (int64_t)from, bytes, to - from);
                }
                from = to;
        }
}

/* What becomes of what was not synced. */
static void damage(struct image *image, const size_t *pending, unsigned count, uint64_t *seed)
{
        unsigned kind = (unsigned)(next_random(seed) % 7);
        unsigned until = count > 0 ? (unsigned)(next_random(seed) % (count + 1)) : 0;

        for (unsigned i = 0; i < count; i++) {
                /* In any order: kind 3 takes them from the back. */
                const struct operation *o =
                        &record.operation[pending[kind == 3 ? count - 1 - i : i]];

                switch (kind) {
                case 0: return; /* nothing came to the disk */
                case 1: apply(image, o); break;
                case 2:
                case 3:
                        if (next_random(seed) % 2)
                                apply(image, o);
                        break;
                case 4: /* in order, and the last one torn */
                        if (i < until)
                                apply(image, o);
                        else if (i == until && o->kind == 'w')
                                put_sectors(image, o, seed, false);
                        break;
                default:
                        if (o->kind == 'w')
                                put_sectors(image, o, seed, kind == 6);
                        else if (next_random(seed) % 2)
                                apply(image, o);
                }
        }
}

static void write_image(const struct image *image, const char *dir, const char *name)
{
        char path[1024];
        int fd;

        must(snprintf(path, sizeof(path), "%s/%s", dir, name) < (int)sizeof(path), "path");
        (void)unlink(path);
        if (!image->there)
                return;
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
        must(fd >= 0, "a file of the crash cannot be made");
        must(write(fd, image->bytes, image->len) == (ssize_t)image->len, "a file of the crash");
        must(close(fd) == 0, "a file of the crash");
}

void fault_vfs_crash(size_t at, uint64_t seed, const char *dir)
{
        must(at <= record.count, "no such moment");
        player_go(at);
        seed = seed * UINT64_C(0x9e3779b97f4a7c15) + at + 1;
        for (unsigned i = 0; i < record.files; i++) {
                struct image copy = {.there = player.image[i]->there};

                if (player.image[i]->len > 0)
                        put_bytes(&copy, 0, player.image[i]->bytes, player.image[i]->len);
                copy.there = player.image[i]->there;
                damage(&copy, player.image[i]->pending, player.image[i]->pending_count, &seed);
                write_image(&copy, dir, record.name[i]);
                free(copy.bytes);
        }
}

static void take_base(const char *dir, const char *name)
{
        char path[1024];
        struct stat st;
        int file, fd;

        must(snprintf(path, sizeof(path), "%s/%s", dir, name) < (int)sizeof(path), "path");
        must(lstat(path, &st) == 0, path);
        if (!S_ISREG(st.st_mode))
                return;
        file = find_file(path);
        must(file >= 0, path);
        fd = open(path, O_RDONLY);
        record.base[file] = malloc((size_t)st.st_size + 1);
        must(fd >= 0 && record.base[file] != NULL, path);
        must(read(fd, record.base[file], (size_t)st.st_size) == st.st_size, path);
        (void)close(fd);
        record.base_len[file] = (size_t)st.st_size;
        record.base_there[file] = true;
}

static void start_record(const char *dir)
{
        DIR *d;
        char *real = realpath(dir, NULL);

        must(real != NULL, dir);
        record.dir_len = strlen(real);
        must(record.dir_len < sizeof(record.dir), dir);
        memcpy(record.dir, real, record.dir_len + 1);
        d = opendir(dir);
        must(d != NULL, dir);
        for (struct dirent *entry; (entry = readdir(d));)
                if (entry->d_name[0] != '.' && !strstr(entry->d_name, "-shm"))
                        take_base(real, entry->d_name);
        (void)closedir(d);
        free(real);
}

void fault_vfs_record(const char *dir)
{
        fault_vfs_record_end();
        start_record(dir);
}

void fault_vfs_record_again(const char *dir)
{
        must(first.dir_len == 0, "two at a time");
        first = record;
        memset(&record, 0, sizeof(record));
        player_reset();
        start_record(dir);
}

void fault_vfs_record_back(void)
{
        fault_vfs_record_end();
        record = first;
        memset(&first, 0, sizeof(first));
}

size_t fault_vfs_recorded(void)
{
        return record.count;
}

char fault_vfs_operation(size_t at, bool *ret_main)
{
        const struct operation *o = &record.operation[at - 1];

        must(at >= 1 && at <= record.count, "no such moment");
        *ret_main = strchr(record.name[o->file], '-') == NULL;
        return o->kind;
}

void fault_vfs_record_end(void)
{
        player_reset();
        for (size_t i = 0; i < record.count; i++)
                free(record.operation[i].bytes);
        for (unsigned i = 0; i < FILES_MAX; i++)
                free(record.base[i]);
        free(record.operation);
        memset(&record, 0, sizeof(record));
}
