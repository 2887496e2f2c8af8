#include "daemon/backend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "daemon/hostkey.h"
#include "daemon/userdb.h"

static int64_t seconds(clockid_t clock)
{
        struct timespec t = {0};

        (void)clock_gettime(clock, &t);
        return t.tv_sec;
}

static void random_text(void *context, char *ret, size_t len)
{
        (void)context;
        keyhash_random_text(ret, len);
}

int backend_init(struct backend *b, const struct options *options, const char *credentials_dir,
                 int64_t private_uid)
{
        int r;

        *b = (struct backend){.state_dir = options->state_dir, .credentials_dir = credentials_dir};
        clockmark_init(&b->clock, 0);
        if (asprintf(&b->session_socket, "%s/" SESSION_SOCKET, options->runtime_dir) < 0) {
                b->session_socket = NULL;
                return -ENOMEM;
        }
        r = grant_table_new(options->grant_life, &b->grants);
        if (r < 0)
                return r;
        r = usage_new(&b->usage);
        if (r < 0)
                return r;
        b->verifier = (struct verifier){
                .grants = b->grants,
                .usage = b->usage,
                .private_uid = private_uid,
        };
        b->manage = (struct manage){
                .user_by_uid = userdb_by_uid,
                .user_by_name = userdb_by_name,
                .random_text = random_text,
                .private_uid = private_uid,
                .ask_session = session_ask,
                .session_socket = b->session_socket,
        };
        return 0;
}

/* The store and its key, not the tables: what is noted waits for a store to be written to. */
static void close_store(struct backend *b)
{
        b->can_verify = b->can_manage = b->is_recovered = false;
        b->verifier.sealed = b->manage.sealed = (struct sealed){0};
        b->reader = store_reader_close(b->reader);
        b->worker_reader = store_reader_close(b->worker_reader);
        b->writer = store_writer_close(b->writer);
        b->memo = seal_memo_free(b->memo);
        b->rows = rowcache_free(b->rows);
        b->key = keyhash_free(b->key);
}

void backend_close(struct backend *b)
{
        close_store(b);
        b->grants = grant_table_free(b->grants);
        b->usage = usage_free(b->usage);
        free(b->session_socket);
        b->session_socket = NULL;
}

/* The sentence for a store that does not open; hostkey_load() has its own for a key. */
static const char *store_advice(int error)
{
        switch (-error) {
        case EUCLEAN:
                return "the store is damaged, or is not orgtoken's: restore a backup over it; "
                       "nothing is repaired or made anew";
        case EPROTONOSUPPORT:
                return "the store was written by a newer orgtoken: install that version, "
                       "or restore a backup made by this one";
        case ENOENT: return "the store is missing beside its key: restore a backup";
        case EACCES:
        case EPERM:
        case ELOOP:
                return "the store cannot be opened: it must be a plain file, 0600 and the daemon's "
                       "own";
        case EROFS:
        case ENOSPC:
        case EDQUOT:
                return "the store cannot be written: its file system is read-only or full; "
                       "verification goes on";
        case EBADMSG:
                return "the seal of the stored clock mark does not hold, somebody changed the "
                       "store: "
                       "look at who did, then run: orgtoken clock reset";
        case ENOKEY:
        case EKEYREJECTED:
                return "the store is not this host key's: restore the key that belongs to it";
        case ENOMEM: return "there is no memory to open the store";
        default: return "the store cannot be read: see what the kernel says of its disk";
        }
}

static int load_grant(void *context, const struct record_grant *grant)
{
        return grant_load(context, grant);
}

/* The mark first: without it, what is past could count as present again. */
static int start_verifying(struct backend *b)
{
        int64_t mark;
        int r = sealed_find_clock_mark(&b->verifier.sealed, &mark);

        if (r < 0)
                return r;
        clockmark_adopt(&b->clock, mark);
        /* Grants that cannot be read are lost ones: they only refuse. */
        (void)store_list_grants(b->reader, load_grant, b->grants);
        (void)grant_expire(b->grants, backend_now(b, &mark));
        b->can_verify = true;
        return 0;
}

/* The writer comes first, because it is what brings an older store up to date; but a store that can
   only be read serves logins all the same. */
static int open_store(struct backend *b)
{
        int writing = 0, r;

        if (!b->writer)
                writing = store_writer_open(b->state_dir, &b->writer);
        b->writer_error = writing;
        if (!b->reader) {
                r = store_reader_open(b->state_dir, &b->reader);
                if (r < 0)
                        return writing < 0 ? writing : r;
        }
        if (!b->worker_reader) {
                r = store_reader_open(b->state_dir, &b->worker_reader);
                if (r < 0)
                        return r;
        }
        /* No writer there: verification only reads, whatever a mistake in it might try. */
        b->verifier.sealed = (struct sealed){
                .reader = b->reader,
                .key = b->key,
                .fingerprint = keyhash_fingerprint(b->key),
        };
        b->manage.sealed = b->verifier.sealed;
        b->manage.sealed.reader = b->worker_reader;
        b->manage.sealed.writer = b->writer;
        /* Without memory for it verification is slower, and that is all. */
        if (!b->memo)
                (void)seal_memo_new(&b->memo);
        if (!b->rows)
                (void)rowcache_new(&b->rows);
        b->verifier.sealed.memo = b->memo;
        b->verifier.sealed.rows = b->rows;
        b->can_manage = true;
        return writing;
}

/* hostkey_load() compares too, but a store that was replaced since is another one. */
static int check_fingerprint(const struct backend *b)
{
        struct store_freshness f;
        int r = store_freshness(b->reader, &f);

        if (r < 0)
                return r;
        return f.fingerprint == keyhash_fingerprint(b->key) ? 0 : -EKEYREJECTED;
}

/* Where it fails, the disk is full perhaps, it is tried again. */
static void recover(struct backend *b)
{
        int64_t clock, now;

        if (b->is_recovered || !b->can_manage || !b->writer)
                return;
        now = backend_now(b, &clock);
        b->is_recovered = manage_recover(&b->manage, now, clock) == 0;
}

/* All connections of a process share what they know of the log, and those that were opened on a
   file system that could only be read keep a later writer from writing: it has come back, and so do
   we. */
static bool was_read_only(const struct backend *b)
{
        return !b->writer && b->writer_error == -EROFS && access(b->state_dir, W_OK) == 0;
}

int backend_open(struct backend *b, const char **ret_why)
{
        int r, writing;

        /* From the start: the files may be others than those that are open, which is how a store is
         * mended. */
        if (!b->can_verify || was_read_only(b))
                close_store(b);
        if (!b->key) {
                r = hostkey_load(b->state_dir, b->credentials_dir, seconds(CLOCK_REALTIME), &b->key,
                                 ret_why);
                if (r < 0)
                        return r;
        }
        writing = open_store(b);
        r = b->can_manage ? check_fingerprint(b) : writing;
        if (r == 0 && !b->can_verify)
                r = start_verifying(b);
        if (r == 0)
                r = writing;
        /* Nothing may be served from a store that is another key's. */
        if (r == -EKEYREJECTED)
                b->can_manage = b->can_verify = false;
        recover(b);
        if (r < 0)
                *ret_why = store_advice(r);
        return r;
}

int64_t backend_now(struct backend *b, int64_t *ret_clock)
{
        *ret_clock = seconds(CLOCK_REALTIME);
        return clockmark_tick(&b->clock, *ret_clock, seconds(CLOCK_BOOTTIME));
}

bool backend_wants_mark(struct backend *b, int64_t *ret_mark)
{
        int64_t clock;

        (void)backend_now(b, &clock);
        return b->writer && clockmark_wants_save(&b->clock, seconds(CLOCK_BOOTTIME), ret_mark);
}

void backend_reset_clock(struct backend *b)
{
        if (b->can_manage && !b->can_verify)
                (void)start_verifying(b);
        clockmark_reset(&b->clock, seconds(CLOCK_REALTIME), seconds(CLOCK_BOOTTIME));
}
