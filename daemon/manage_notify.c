/*
 * One record in the journal for each token that is about to end: 14, 7 and 1 days before. A timer
 * asks for it once a day. What was told is remembered by the time of the last run, so that a day
 * without the timer is made up for and a second run on a day says nothing twice.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <syslog.h>

#include "daemon/audit.h"
#include "daemon/manage_internal.h"

static const int64_t days_before[] = {14, 7, 1};

struct notify {
        int64_t since; /* the last run */
        int64_t count;
        bool is_free[TOKEN_PAT + 1]; /* by kind: no policy ends such a token before its time */
};

/* Has one of the days before this end come since the last run? */
static bool is_due(int64_t since, int64_t now, int64_t end)
{
        for (size_t i = 0; i < sizeof(days_before) / sizeof(days_before[0]); i++) {
                int64_t due = end - days_before[i] * EXPIRY_DAY;

                if (since < due && due <= now)
                        return true;
        }
        return false;
}

static void write_record(const struct manage_op *op, const struct record_token *token,
                         const char *key_id, const char *owner, int64_t end)
{
        char text[200], when[EXPIRY_TEXT_SIZE];
        int64_t hours = (end - op->call->now) / 3600;
        struct audit_record record = {
                .message_id = AUDIT_ID_EXPIRING,
                .priority = LOG_NOTICE,
                .key_id = view_of(key_id),
                .caller_uid = -1,
        };

        expiry_format(end, when);
        (void)snprintf(text, sizeof(text),
                       "%s of %s ends in %" PRId64 " %s (%s): make another with orgtoken rotate",
                       key_id, owner, hours >= 48 ? hours / 24 : hours,
                       hours >= 48 ? "days" : "hours", when);
        record.message = view_of(text);
        if (token->kind == TOKEN_AK)
                record.org = view_of(owner);
        else
                record.user = view_of(owner);
        audit_write(&record);
}

/* An org or a user that cannot be found any more has no tokens that live. */
static int find_owner(struct manage_op *op, const struct record_token *token,
                      char ret[static NAME_USER_MAX + 1])
{
        struct record_org org;
        struct record_user user;
        int r;

        if (token->kind == TOKEN_AK) {
                r = sealed_find_org(&op->s, token->owner, &org);
                if (r == 0)
                        (void)view_copy(view_of(org.name), ret, NAME_USER_MAX + 1);
        } else {
                r = sealed_find_user(&op->s, token->owner, &user);
                if (r == 0)
                        (void)view_copy(view_of(user.name), ret, NAME_USER_MAX + 1);
        }
        return r;
}

static bool ends_nothing(const struct policy *p)
{
        return p->max_life == 0 && p->max_unused == 0 && p->never_ok;
}

static int take_org(struct manage_op *op, const struct manage_list *list, const void *item)
{
        struct notify *notify = list->context;
        struct record_org org;
        int r = sealed_find_org(&op->s, ((const struct record_org *)item)->id, &org);

        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (!ends_nothing(&org.policy))
                notify->is_free[TOKEN_AK] = false;
        return 0;
}

static int find_policies(struct manage_op *op, struct notify *notify)
{
        struct manage_list orgs = {.item_size = sizeof(struct record_org),
                                   .fetch = manage_fetch_orgs,
                                   .take = take_org,
                                   .context = notify};
        struct policy host;
        int r = sealed_find_host_policy(&op->s, &host);

        if (r < 0)
                return r;
        notify->is_free[TOKEN_AK] = notify->is_free[TOKEN_PAT] = ends_nothing(&host);
        return manage_walk(op, &orgs);
}

/* Nearly every token of 10^6, told without a look at anything but its row: the worker, which serves
   everybody, has this to do in one go. */
static bool is_far(const struct manage_op *op, const struct notify *notify,
                   const struct record_token *token)
{
        int64_t end = token->ends_at < token->expires_at ? token->ends_at : token->expires_at;

        return notify->is_free[token->kind] && end > op->call->now + days_before[0] * EXPIRY_DAY;
}

static int take_token(struct manage_op *op, const struct manage_list *list, const void *item)
{
        struct notify *notify = list->context;
        const struct record_token *token = item;
        char key_id[TOKEN_KEY_ID_SIZE], owner[NAME_USER_MAX + 1] = "";
        const char *reason;
        enum wire_state state;
        int64_t end;
        int r;

        if (token->revoked_at != 0 || is_far(op, notify, token))
                return 0;
        r = verify_token_state(&op->s, token, op->call->now, &state, &end, &reason);

        if (r < 0 || state != WIRE_STATE_LIVE || !is_due(notify->since, op->call->now, end))
                return r;
        /* Whoever rotated it knows, and has the new one. */
        if (token->successor >= 0)
                return 0;
        r = manage_key_id(op, token->kind, token->id, key_id);
        if (r == 0)
                r = find_owner(op, token, owner);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        write_record(op, token, key_id, owner, end);
        notify->count++;
        return 0;
}

static int remember(struct manage_op *op)
{
        struct store_writer *w = op->m->sealed.writer;
        int r = w ? store_local_begin(w) : -EROFS;

        if (r < 0)
                return r;
        r = store_put_notified(w, op->call->now);
        if (r == 0)
                r = store_local_commit(w);
        if (r < 0)
                store_write_rollback(w);
        return r;
}

int manage_notify(struct manage_op *op)
{
        struct notify notify = {0};
        struct manage_list list = {.item_size = sizeof(struct record_token),
                                   .fetch = manage_fetch_tokens,
                                   .take = take_token,
                                   .context = &notify};
        int r = store_find_notified(op->s.reader, &notify.since);

        /* Of what came due before there was anybody to tell, only the last day. */
        if (r == 0 && (notify.since == 0 || notify.since > op->call->now))
                notify.since = op->call->now - EXPIRY_DAY;
        if (r == 0)
                r = find_policies(op, &notify);
        for (int kind = TOKEN_AK; r == 0 && kind <= TOKEN_PAT; kind++) {
                list.kind = (enum token_kind)kind;
                r = manage_walk(op, &list);
        }
        if (r == 0)
                r = remember(op);
        return r == 0 ? manage_done_count(op, notify.count) : r;
}
