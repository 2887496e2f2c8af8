#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "daemon/manage_internal.h"

int manage_batch_add(struct manage_batch *batch, const void *item)
{
        /* The store was asked for no more than that: a store that gives more is broken. */
        if (batch->count >= MANAGE_BATCH)
                return -EUCLEAN;
        memcpy(batch->items + batch->count * batch->item_size, item, batch->item_size);
        batch->count++;
        return 0;
}

/* Fetches the next rows and takes each. 0 at the end, 1 where there may be more. */
static int take_batch(struct manage_op *op, const struct manage_list *list,
                      struct store_cursor *cursor, struct manage_batch *batch)
{
        int more, r;

        batch->count = 0;
        more = list->fetch(op, list, cursor, batch);
        if (more < 0)
                return more;
        for (size_t i = 0; i < batch->count; i++) {
                r = list->take(op, list, batch->items + i * batch->item_size);
                if (r < 0)
                        return r;
        }
        return more;
}

/* On the heap: a token's row is over 3 KiB. */
static int batch_new(const struct manage_list *list, struct manage_batch *ret)
{
        *ret = (struct manage_batch){.item_size = list->item_size};
        ret->items = calloc(MANAGE_BATCH, list->item_size);
        return ret->items ? 0 : -ENOMEM;
}

static void batch_release(struct manage_batch *batch)
{
        free(batch->items);
}

/* Rows may be changed or deleted by take(): the cursor goes by keys and not by position. */
int manage_walk(struct manage_op *op, const struct manage_list *list)
{
        _cleanup_(batch_release) struct manage_batch batch = {0};
        struct store_cursor cursor = {0};
        int r = batch_new(list, &batch);

        if (r < 0)
                return r;
        do
                r = take_batch(op, list, &cursor, &batch);
        while (r > 0);
        return r;
}

/* Bounded in rows seen as well as in rows given: the worker serves everybody, and a search that
   finds nothing in 10^6 tokens must let others in between. */
int manage_page(struct manage_op *op, const struct manage_list *list)
{
        _cleanup_(batch_release) struct manage_batch batch = {0};
        struct store_cursor cursor = op->call->cursor;
        size_t scanned = 0;
        int r = batch_new(list, &batch);

        if (r < 0)
                return r;
        do {
                r = take_batch(op, list, &cursor, &batch);
                scanned += batch.count;
        } while (r > 0 && scanned < MANAGE_SCAN_MAX && op->reply->len < MANAGE_PAGE_LEN &&
                 op->rows < MANAGE_PAGE_ROWS);
        if (r < 0)
                return r;
        if (r == 0)
                return manage_done(op, WIRE_END);
        op->reply->more = true;
        op->reply->cursor = cursor;
        return 0;
}

static int add_token(void *context, const struct record_token *token)
{
        return manage_batch_add(context, token);
}

static int add_member(void *context, const struct record_member *member)
{
        return manage_batch_add(context, member);
}

static int add_account(void *context, const struct record_account *account)
{
        return manage_batch_add(context, account);
}

int manage_fetch_tokens(struct manage_op *op, const struct manage_list *list,
                        struct store_cursor *cursor, struct manage_batch *batch)
{
        return store_list_tokens(op->s.reader, list->kind, list->owner, cursor, MANAGE_BATCH,
                                 add_token, batch);
}

static int add_org(void *context, const struct record_org *org)
{
        return manage_batch_add(context, org);
}

int manage_fetch_orgs(struct manage_op *op, const struct manage_list *list _unused_,
                      struct store_cursor *cursor, struct manage_batch *batch)
{
        return store_list_orgs(op->s.reader, cursor, MANAGE_BATCH, add_org, batch);
}

int manage_fetch_members(struct manage_op *op, const struct manage_list *list,
                         struct store_cursor *cursor, struct manage_batch *batch)
{
        return store_list_members(op->s.reader, list->owner, cursor, MANAGE_BATCH, add_member,
                                  batch);
}

int manage_fetch_accounts(struct manage_op *op, const struct manage_list *list,
                          struct store_cursor *cursor, struct manage_batch *batch)
{
        return store_list_accounts(op->s.reader, list->owner, cursor, MANAGE_BATCH, add_account,
                                   batch);
}

int manage_fetch_memberships(struct manage_op *op, const struct manage_list *list,
                             struct store_cursor *cursor, struct manage_batch *batch)
{
        return store_list_memberships(op->s.reader, list->owner, cursor, MANAGE_BATCH, add_member,
                                      batch);
}

static int count_one(struct manage_op *op _unused_, const struct manage_list *list,
                     const void *item _unused_)
{
        int64_t *count = list->context;

        (*count)++;
        return 0;
}

int manage_count_memberships(struct manage_op *op, int64_t user_id, int64_t *ret)
{
        int64_t count = 0;
        struct manage_list list = {.item_size = sizeof(struct record_member),
                                   .fetch = manage_fetch_memberships,
                                   .take = count_one,
                                   .owner = user_id,
                                   .context = &count};
        int r = manage_walk(op, &list);

        if (r == 0)
                *ret = count;
        return r;
}

int manage_count_accounts(struct manage_op *op, int64_t org_id, int64_t *ret)
{
        int64_t count = 0;
        struct manage_list list = {.item_size = sizeof(struct record_account),
                                   .fetch = manage_fetch_accounts,
                                   .take = count_one,
                                   .owner = org_id,
                                   .context = &count};
        int r = manage_walk(op, &list);

        if (r == 0)
                *ret = count;
        return r;
}
