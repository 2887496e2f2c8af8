#include "daemon/takeover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "daemon/takeover_internal.h"

/* ---- tokens ---- */

static int keep_token(void *context, const struct record_token *token)
{
        struct takeover_page *page = context;

        page->token[page->count++] = *token;
        return 0;
}

/* Visits every token, both kinds; what is visited may be written by the visitor. */
static int each_token(struct store_reader *reader, store_token_visitor visit, void *context)
{
        _cleanup_(freep) struct takeover_page *page = malloc(sizeof(*page));
        int more = page ? 0 : -ENOMEM;

        for (int kind = TOKEN_AK; more >= 0 && kind <= TOKEN_PAT; kind++) {
                struct store_cursor cursor = {0};

                do {
                        page->count = 0;
                        more = store_list_tokens(reader, (enum token_kind)kind, 0, &cursor,
                                                 TAKEOVER_PAGE, keep_token, page);
                        for (size_t i = 0; more >= 0 && i < page->count; i++) {
                                int e = visit(context, &page->token[i]);

                                if (e < 0)
                                        return e;
                        }
                } while (more > 0);
        }
        return more;
}

/* When it was last used is no right, but an org may end tokens that are not. */
static int take_last_use(struct takeover *t, int64_t id)
{
        struct record_last_use use;
        int e = store_find_last_use(t->from.reader, id, &use);

        if (e == -ENOMEM)
                return e;
        if (e < 0)
                t->report.unjudged++;
        return e == 0 && use.at != 0 ? store_put_last_use(t->to.writer, &use) : 0;
}

static int take_end(struct takeover *t, struct record_token *token, const struct record_token *old,
                    bool revoked)
{
        const char *reason = old->end_reason[0] != '\0' ? old->end_reason : "revoked";

        t->report.tokens++;
        if (!revoked)
                return sealed_end_token(&t->to, token, old->ends_at, reason, old->successor);
        token->successor = old->successor;
        return sealed_revoke_token(&t->to, token, old->revoked_at > 0 ? old->revoked_at : t->now,
                                   reason);
}

static int take_token(void *context, const struct record_token *visited)
{
        struct takeover *t = context;
        struct record_token token = *visited, old;
        enum sealed_token_state state;
        int e;

        if (token.revoked_at != 0)
                return 0;
        e = store_find_token(t->from.reader, token.id, &old);
        if (e == 0)
                e = sealed_judge_stored(&t->from, &old, &state);
        if (e == -ENOMEM)
                return e;
        /* An id is random and never used twice: the same id is the same token. */
        if (e < 0 || (state == SEALED_LIVE && memcmp(old.mac, token.mac, RECORD_MAC_LEN) != 0)) {
                t->report.unjudged++;
                return 0;
        }
        if (state == SEALED_REVOKED)
                return take_end(t, &token, &old, true);
        if (old.ends_at < token.ends_at)
                e = take_end(t, &token, &old, false);
        return e < 0 ? e : take_last_use(t, token.id);
}

static int count_newer(void *context, const struct record_token *old)
{
        struct takeover *t = context;
        struct record_token token;
        int e = store_find_token(t->to.reader, old->id, &token);

        if (e == -ENOENT && old->revoked_at == 0)
                t->report.newer++;
        return e == -ENOENT ? 0 : e;
}

struct ending {
        const struct sealed *to;
        int64_t before;
        int64_t now;
        int64_t count;
};

static int end_older(void *context, const struct record_token *visited)
{
        struct ending *ending = context;
        struct record_token token = *visited;

        if (token.revoked_at != 0 || token.created_at >= ending->before)
                return 0;
        ending->count++;
        return sealed_revoke_token(ending->to, &token, ending->now, "restored");
}

int takeover_end_older(const struct sealed *to, int64_t before, int64_t now, int64_t *ret)
{
        struct ending ending = {.to = to, .before = before, .now = now};
        int e = each_token(to->reader, end_older, &ending);

        if (e == 0)
                *ret = ending.count;
        return e;
}

/* ---- are they of one history? ---- */

/* FNV-1a over the changes up to a revision: enough to see two histories part. */
struct history {
        int64_t until;
        uint64_t sum;
};

static void add(struct history *h, const void *bytes, size_t len)
{
        for (size_t i = 0; i < len; i++)
                h->sum = (h->sum ^ ((const unsigned char *)bytes)[i]) * UINT64_C(1099511628211);
}

static int add_change(void *context, int64_t revision, char kind, struct view key)
{
        struct history *h = context;

        if (revision > h->until)
                return 1;
        add(h, &revision, sizeof(revision));
        add(h, &kind, sizeof(kind));
        add(h, &key.len, sizeof(key.len));
        add(h, key.ptr, key.len);
        return 0;
}

static int sum_history(struct store_reader *reader, int64_t until, uint64_t *ret)
{
        struct history h = {.until = until, .sum = UINT64_C(14695981039346656037)};
        int e = store_list_changes(reader, 0, UINT32_MAX, add_change, &h);

        if (e >= 0)
                *ret = h.sum;
        return e < 0 ? e : 0;
}

/* The store in place holds all that the backup holds, and went on from there. */
static bool goes_on(const struct takeover *t, int64_t revision)
{
        uint64_t here, there;

        return t->report.old_revision >= revision &&
               sum_history(t->to.reader, revision, &here) == 0 &&
               sum_history(t->from.reader, revision, &there) == 0 && here == there &&
               takeover_is_of_same(t);
}

/* ---- all of it ---- */

static const char *why_unreadable(int error)
{
        switch (-error) {
        case ENOENT: return "there is no store in place";
        case EPROTONOSUPPORT: return "the store in place was written by a newer orgtokend";
        case EUCLEAN: return "the store in place is damaged, or is not orgtoken's";
        default: return "the store in place cannot be read";
        }
}

static int take(struct takeover *t, int64_t revision)
{
        bool whole = store_check(t->from.reader) == 0, related = goes_on(t, revision);
        int e = 0;

        /* Numbers of orgs and users mean the same in one history only, and a row that is not there
           was taken away only where the table can be trusted. */
        if (whole && related)
                e = takeover_rights(t);
        if (e == 0)
                e = each_token(t->to.reader, take_token, t);
        if (e < 0)
                return e;
        (void)each_token(t->from.reader, count_newer, t);
        if (!whole)
                t->report.gap = "the store in place is damaged";
        else if (!related)
                t->report.gap = t->report.old_revision < revision
                                        ? "the store in place is older than the backup"
                                        : "the store in place is not what the backup became";
        else if (t->report.unjudged > 0)
                t->report.gap = "the store in place has rows whose seal does not hold";
        return 0;
}

int takeover_run(const struct sealed *to, const char *dir, int64_t revision, int64_t now,
                 struct takeover_report *ret)
{
        struct takeover t = {.to = *to, .from = *to, .now = now, .report = {.old_revision = -1}};
        struct store_reader *reader = NULL;
        struct store_freshness freshness;
        int e = store_reader_open(dir, &reader);

        if (e == 0)
                e = store_freshness(reader, &freshness);
        if (e < 0) {
                t.report.gap = why_unreadable(e);
                e = 0;
        } else {
                t.report.old_revision = freshness.revision;
                t.from.reader = reader;
                t.from.writer = NULL;
                if (freshness.fingerprint == to->fingerprint)
                        e = take(&t, revision);
                else
                        t.report.gap = "the store in place is another host key's";
        }
        (void)store_reader_close(reader);
        /* So that nothing has to be moved but the one file. A damaged store is left to the last
           byte as it is. */
        if (e == 0 && !t.report.gap)
                (void)store_settle(dir);
        if (e == 0)
                *ret = t.report;
        return e;
}
