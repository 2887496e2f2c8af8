#include "daemon/quota.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "common/cleanup.h"

/* A request costs this many of a bucket's units, which grow by one a microsecond: no division, no
 * rounding. */
#define REQUEST_COST (INT64_C(1000000) / QUOTA_RATE)
#define BUCKET_FULL  (REQUEST_COST * QUOTA_BURST)

struct entry {
        int64_t uid;
        unsigned connections[DISPATCH_MANAGE + 1];
        int64_t bucket; /* units left at `filled`; negative: owed by requests that wait */
        int64_t filled;
};

struct quota {
        int64_t private_uid;
        unsigned total;
        unsigned ordinary_max;
        unsigned connections;
        unsigned ordinary;
        unsigned used;
        struct entry entries[QUOTA_UIDS];
};

DEFINE_CLEANUP(struct quota *, quota_free);

int quota_new(unsigned total, int64_t private_uid, struct quota **ret)
{
        _cleanup_(quota_freep) struct quota *q = calloc(1, sizeof(*q));

        if (!q)
                return -ENOMEM;
        q->private_uid = private_uid;
        q->total = total;
        q->ordinary_max = total - total / 4;
        *ret = steal_ptr(q);
        return 0;
}

struct quota *quota_free(struct quota *q)
{
        free(q);
        return NULL;
}

static bool is_exempt(const struct quota *q, int64_t uid)
{
        return uid == 0 || (q->private_uid >= 0 && uid == q->private_uid);
}

static void refill(struct entry *e, int64_t now)
{
        int64_t passed = now - e->filled;

        /* Bounded before it is added: an idle year must not overflow. */
        if (passed > BUCKET_FULL - e->bucket)
                passed = BUCKET_FULL - e->bucket;
        if (passed > 0)
                e->bucket += passed;
        e->filled = now;
}

static struct entry *find(struct quota *q, int64_t uid)
{
        for (unsigned i = 0; i < q->used; i++)
                if (q->entries[i].uid == uid)
                        return &q->entries[i];
        return NULL;
}

/* Forgets whoever has no connection and a full bucket: one who comes back is treated the same as if
   he had been remembered. */
static void forget_idle(struct quota *q, int64_t now)
{
        for (unsigned i = 0; i < q->used;) {
                struct entry *e = &q->entries[i];

                refill(e, now);
                if (e->bucket == BUCKET_FULL && e->connections[DISPATCH_VERIFY] == 0 &&
                    e->connections[DISPATCH_MANAGE] == 0)
                        *e = q->entries[--q->used];
                else
                        i++;
        }
}

static struct entry *find_or_add(struct quota *q, int64_t uid, int64_t now)
{
        struct entry *e = find(q, uid);

        if (e)
                return e;
        if (q->used == QUOTA_UIDS)
                forget_idle(q, now);
        if (q->used == QUOTA_UIDS)
                return NULL;
        e = &q->entries[q->used++];
        *e = (struct entry){.uid = uid, .bucket = BUCKET_FULL, .filled = now};
        return e;
}

int quota_connect(struct quota *q, enum dispatch_socket socket, int64_t uid, int64_t now)
{
        struct entry *e;

        if (quota_is_full(q))
                return -EAGAIN;
        /* Refused before anything is counted: a refusal leaves no trace to undo. */
        if (!is_exempt(q, uid)) {
                if (q->ordinary >= q->ordinary_max)
                        return -EUSERS;
                e = find_or_add(q, uid, now);
                if (!e || e->connections[socket] >= QUOTA_CONNECTIONS)
                        return -EUSERS;
                e->connections[socket]++;
                q->ordinary++;
        }
        q->connections++;
        return 0;
}

void quota_disconnect(struct quota *q, enum dispatch_socket socket, int64_t uid)
{
        struct entry *e = is_exempt(q, uid) ? NULL : find(q, uid);

        if (e && e->connections[socket] > 0) {
                e->connections[socket]--;
                q->ordinary--;
        }
        q->connections--;
}

int64_t quota_delay(struct quota *q, int64_t uid, int64_t now)
{
        struct entry *e = is_exempt(q, uid) ? NULL : find(q, uid);

        if (!e)
                return 0;
        refill(e, now);
        /* Below zero is a debt that later requests wait for too; the connections bound it. */
        e->bucket -= REQUEST_COST;
        return e->bucket < 0 ? -e->bucket : 0;
}

unsigned quota_connections(const struct quota *q)
{
        return q->connections;
}

bool quota_is_full(const struct quota *q)
{
        return q->connections >= q->total;
}
