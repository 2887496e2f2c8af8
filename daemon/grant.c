#include "daemon/grant.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#define GRANT_STEP 64 /* the table grows by so many */

/* In the order of their renewal, and searched from end to end: elevations are few, and 4096 rows
   are soon looked through. */
struct grant_table {
        int64_t life;
        struct record_grant *rows;
        size_t count;
        size_t size;
};

DEFINE_CLEANUP(struct grant_table *, grant_table_free);

int grant_table_new(int64_t life, struct grant_table **ret)
{
        _cleanup_(grant_table_freep) struct grant_table *t = calloc(1, sizeof(*t));

        if (!t)
                return -ENOMEM;
        t->life = life;
        *ret = steal_ptr(t);
        return 0;
}

struct grant_table *grant_table_free(struct grant_table *t)
{
        if (t)
                free(t->rows);
        free(t);
        return NULL;
}

bool grant_service_is_eligible(struct view service)
{
        static const char *const services[] = {"sudo", "sudo-i", "su", "su-l", "doas"};

        for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
                if (view_equal_str(service, services[i]))
                        return true;
        return false;
}

/* Where a grant is from the future, the clock went back. By a little, and it is kept for when the
   time has come again; by more, and nobody can say how old it is. */
static bool is_over(const struct grant_table *t, const struct record_grant *g, int64_t now)
{
        int64_t latest = g->first_at > g->renewed_at ? g->first_at : g->renewed_at;

        return now - g->renewed_at >= t->life || now - g->first_at >= GRANT_TOTAL ||
               latest - now >= t->life;
}

/* One from the future is not live in any case: to refuse is the safe side. */
static bool is_live(const struct grant_table *t, const struct record_grant *g, int64_t now)
{
        return !is_over(t, g, now) && now >= g->first_at && now >= g->renewed_at;
}

static bool is_same(const struct record_grant *a, const struct record_grant *b)
{
        return a->real_uid == b->real_uid && a->org_id == b->org_id && a->token_id == b->token_id &&
               strcmp(a->actor, b->actor) == 0 && strcmp(a->account, b->account) == 0;
}

static struct record_grant *find(const struct grant_table *t, const struct record_grant *grant)
{
        for (size_t i = 0; i < t->count; i++)
                if (is_same(&t->rows[i], grant))
                        return &t->rows[i];
        return NULL;
}

/* The one renewed longest ago, of this actor or (NULL) of all; how many there are. */
static size_t find_oldest(const struct grant_table *t, const char *actor, struct record_grant **ret)
{
        size_t count = 0;

        *ret = NULL;
        for (size_t i = 0; i < t->count; i++) {
                if (actor && strcmp(t->rows[i].actor, actor) != 0)
                        continue;
                count++;
                if (!*ret || t->rows[i].renewed_at < (*ret)->renewed_at)
                        *ret = &t->rows[i];
        }
        return count;
}

static int grow(struct grant_table *t)
{
        size_t size = t->size + GRANT_STEP;
        struct record_grant *rows;

        if (t->count < t->size)
                return 0;
        rows = reallocarray(t->rows, size, sizeof(*rows));
        if (!rows)
                return -ENOMEM;
        t->rows = rows;
        t->size = size;
        return 0;
}

static void remove_row(struct grant_table *t, struct record_grant *g)
{
        size_t behind = (size_t)(t->rows + t->count - g) - 1;

        memmove(g, g + 1, behind * sizeof(*g));
        t->count--;
}

/* Behind all that are as old, so that what came last is found first. There must be room. */
static void insert_row(struct grant_table *t, const struct record_grant *grant)
{
        size_t i = t->count++;

        for (; i > 0 && t->rows[i - 1].renewed_at > grant->renewed_at; i--)
                t->rows[i] = t->rows[i - 1];
        t->rows[i] = *grant;
}

/* Room for a new grant. One actor who asks much pushes out his own; only many of them together
   reach those of others, and what is lost so is refused and asked for again. */
static int make_room(struct grant_table *t, const char *actor)
{
        struct record_grant *oldest;

        if (find_oldest(t, actor, &oldest) >= GRANT_PER_ACTOR ||
            find_oldest(t, NULL, &oldest) >= GRANT_MAX) {
                remove_row(t, oldest);
                return 0;
        }
        return grow(t);
}

int grant_load(struct grant_table *t, const struct record_grant *grant)
{
        struct record_grant *old = find(t, grant);
        int r = 0;

        if (old)
                remove_row(t, old);
        else
                r = make_room(t, grant->actor);
        if (r < 0)
                return r;
        insert_row(t, grant);
        return 0;
}

int grant_add(struct grant_table *t, const struct record_grant *grant, struct record_grant *ret)
{
        int r;

        /* First those that are over, so that no live one gives way to them. The token was presented
           anew, so a grant that was there begins anew as well, its eight hours included. */
        (void)grant_expire(t, grant->renewed_at);
        r = grant_load(t, grant);
        if (r < 0)
                return r;
        *ret = *grant;
        return 0;
}

const struct record_grant *grant_next(const struct grant_table *t, struct view actor,
                                      int64_t real_uid, int64_t now, size_t *index)
{
        while (*index < t->count) {
                const struct record_grant *g = &t->rows[t->count - 1 - (*index)++];

                if (!view_equal_str(actor, g->actor) || !is_live(t, g, now))
                        continue;
                /* sudo -e opens its session as root all through, so there the uid says nothing. */
                if (real_uid != 0 && real_uid != g->real_uid)
                        continue;
                return g;
        }
        return NULL;
}

int grant_renew(struct grant_table *t, const struct record_grant *grant, int64_t now,
                struct record_grant *ret)
{
        struct record_grant *g = find(t, grant);
        struct record_grant renewed;

        /* What is over is not woken up again. first_at stays, and bounds all renewals together. */
        if (!g || !is_live(t, g, now))
                return -ENOENT;
        renewed = *g;
        renewed.renewed_at = now;
        remove_row(t, g);
        insert_row(t, &renewed);
        *ret = renewed;
        return 0;
}

void grant_drop(struct grant_table *t, const struct record_grant *grant)
{
        struct record_grant *g = find(t, grant);

        if (g)
                remove_row(t, g);
}

size_t grant_expire(struct grant_table *t, int64_t now)
{
        size_t left = 0;

        for (size_t i = 0; i < t->count; i++)
                if (!is_over(t, &t->rows[i], now))
                        t->rows[left++] = t->rows[i];
        t->count = left;
        return left;
}

size_t grant_count(const struct grant_table *t)
{
        return t->count;
}
