#include "daemon/usage.h"

#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"

#define USAGE_BUCKETS 2048

/* A note in two chains: its bucket's, to be found, and the queue's, in the order in which the first
   note of a token was made. A token in constant use keeps its place, so that it is written as soon
   as others. */
struct note {
        struct record_last_use use;
        int64_t since; /* when it began to wait */
        struct note *next_in_bucket;
        struct note *newer;
};

struct usage {
        size_t count;
        int64_t lost;
        struct note *oldest, *newest;
        struct note *buckets[USAGE_BUCKETS];
};

DEFINE_CLEANUP(struct usage *, usage_free);

int usage_new(struct usage **ret)
{
        _cleanup_(usage_freep) struct usage *u = calloc(1, sizeof(*u));

        if (!u)
                return -ENOMEM;
        *ret = steal_ptr(u);
        return 0;
}

struct usage *usage_free(struct usage *u)
{
        struct note *next;

        for (struct note *n = u ? u->oldest : NULL; n; n = next) {
                next = n->newer;
                free(n);
        }
        free(u);
        return NULL;
}

/* The link that points at this token's note, or the end of its bucket's chain. Ids are random, so
   the buckets fill evenly, and nobody outside chooses them. */
static struct note **find_link(struct usage *u, int64_t token_id)
{
        struct note **link = &u->buckets[(uint64_t)token_id % USAGE_BUCKETS];

        while (*link && (*link)->use.token_id != token_id)
                link = &(*link)->next_in_bucket;
        return link;
}

static void append(struct usage *u, struct note **link, struct note *n)
{
        *link = n;
        if (u->newest)
                u->newest->newer = n;
        else
                u->oldest = n;
        u->newest = n;
        u->count++;
}

/* Takes the oldest out of both chains. */
static struct note *take_oldest(struct usage *u)
{
        struct note *n = u->oldest;

        *find_link(u, n->use.token_id) = n->next_in_bucket;
        u->oldest = n->newer;
        if (!u->oldest)
                u->newest = NULL;
        u->count--;
        return n;
}

/* Memory for one more: fresh, or that of the oldest, which gives way. NULL: there is neither. */
static struct note *new_note(struct usage *u)
{
        struct note *n = u->count < USAGE_MAX ? calloc(1, sizeof(*n)) : NULL;

        if (n)
                return n;
        u->lost++;
        if (!u->oldest)
                return NULL;
        n = take_oldest(u);
        *n = (struct note){0};
        return n;
}

void usage_note(struct usage *u, const struct record_last_use *use)
{
        struct note *n = *find_link(u, use->token_id);

        if (n) {
                if (use->at >= n->use.at)
                        n->use = *use;
                if (use->at < n->since)
                        n->since = use->at;
                return;
        }
        n = new_note(u);
        if (!n)
                return;
        n->use = *use;
        n->since = use->at;
        /* Looked for again: making room may have changed this very chain. */
        append(u, find_link(u, use->token_id), n);
}

size_t usage_take(struct usage *u, struct record_last_use *ret, size_t max)
{
        size_t taken = 0;

        while (taken < max && u->oldest) {
                struct note *n = take_oldest(u);

                ret[taken++] = n->use;
                free(n);
        }
        return taken;
}

void usage_each(const struct usage *u, usage_visitor visit, void *context)
{
        for (const struct note *n = u->oldest; n; n = n->newer)
                visit(context, &n->use);
}

size_t usage_count(const struct usage *u)
{
        return u->count;
}

int64_t usage_lost(const struct usage *u)
{
        return u->lost;
}

int64_t usage_oldest(const struct usage *u)
{
        int64_t oldest = 0;

        /* All of them: a note that was put back stands behind newer ones. */
        for (const struct note *n = u->oldest; n; n = n->newer)
                if (oldest == 0 || n->since < oldest)
                        oldest = n->since;
        return oldest;
}

int usage_find(const struct usage *u, int64_t token_id, struct record_last_use *ret)
{
        /* The walk writes nothing; what it gives is only read here. */
        const struct note *n = *find_link((struct usage *)u, token_id);

        if (!n)
                return -ENOENT;
        *ret = n->use;
        return 0;
}
