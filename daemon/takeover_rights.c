#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "daemon/takeover_internal.h"

/* What to do about a row of the backup, by what was found of it in the store in place: 1 compare
   the two; 0 nothing, since the row's seal does not hold in one of them; or an error. */
static int judge(struct takeover *t, int of_backup, int of_old)
{
        if (of_backup < 0)
                return of_backup == -EBADMSG || of_backup == -ENOENT ? 0 : of_backup;
        if (of_old == -ENOMEM)
                return of_old;
        if (of_old < 0) {
                t->report.unjudged++;
                return 0;
        }
        return 1;
}

/* The org and the user of a number, as far as they never change. */
static bool is_same_org(const struct takeover *t, int64_t id)
{
        struct record_org org, old;
        int e = store_find_org(t->to.reader, id, &org);

        if (e == -ENOENT)
                return true;
        return e == 0 && store_find_org(t->from.reader, id, &old) == 0 &&
               strcmp(org.name, old.name) == 0 && org.created_at == old.created_at;
}

static bool is_same_user(const struct takeover *t, int64_t id)
{
        struct record_user user, old;
        int e = store_find_user(t->to.reader, id, &user);

        if (e == -ENOENT)
                return true;
        return e == 0 && store_find_user(t->from.reader, id, &old) == 0 &&
               strcmp(user.name, old.name) == 0 && user.created_at == old.created_at;
}

bool takeover_is_of_same(const struct takeover *t)
{
        int64_t last_org, last_user;
        bool same = store_last_ids(t->to.reader, &last_org, &last_user) == 0;

        for (int64_t id = 1; same && id <= last_org; id++)
                same = is_same_org(t, id);
        for (int64_t id = 1; same && id <= last_user; id++)
                same = is_same_user(t, id);
        return same;
}

static bool is_same_policy(const struct policy *a, const struct policy *b)
{
        return a->max_life == b->max_life && a->max_unused == b->max_unused &&
               a->never_ok == b->never_ok && a->end_sessions == b->end_sessions &&
               a->self_service == b->self_service;
}

static int take_org(struct takeover *t, int64_t id)
{
        struct record_org org, old;
        int here = sealed_find_org(&t->to, id, &org);
        int e = judge(t, here, here == 0 ? sealed_find_org(&t->from, id, &old) : 0);

        if (e <= 0)
                return e;
        if ((org.deleted_at != 0 || old.deleted_at == 0) && (org.suspended || !old.suspended) &&
            is_same_policy(&org.policy, &old.policy))
                return 0;
        if (org.deleted_at == 0)
                org.deleted_at = old.deleted_at;
        org.suspended = org.suspended || old.suspended;
        org.policy = old.policy;
        t->report.rights++;
        return sealed_put_org(&t->to, &org);
}

static int take_user(struct takeover *t, int64_t id)
{
        struct record_user user, old;
        int here = sealed_find_user(&t->to, id, &user);
        int e = judge(t, here, here == 0 ? sealed_find_user(&t->from, id, &old) : 0);

        if (e <= 0)
                return e;
        if ((user.removed_at != 0 || old.removed_at == 0) && (user.suspended || !old.suspended) &&
            user.uid == old.uid)
                return 0;
        if (user.removed_at == 0)
                user.removed_at = old.removed_at;
        user.suspended = user.suspended || old.suspended;
        /* Given to another uid since: the first one is somebody else's now. */
        user.uid = old.uid;
        t->report.rights++;
        return sealed_put_user(&t->to, &user);
}

static int keep_member(void *context, const struct record_member *member)
{
        struct takeover_page *page = context;

        page->member[page->count++] = *member;
        return 0;
}

static int take_member(struct takeover *t, struct record_member *member)
{
        struct record_member old;
        int here = sealed_check_member(&t->to, member);
        int there = sealed_find_member(&t->from, member->org_id, member->user_id, &old), e;

        if (there == -ENOENT) {
                t->report.rights++;
                return store_delete_member(t->to.writer, member->org_id, member->user_id);
        }
        e = judge(t, here, there);
        if (e <= 0 || old.role >= member->role)
                return e < 0 ? e : 0;
        member->role = old.role;
        t->report.rights++;
        return sealed_put_member(&t->to, member);
}

static int take_members(struct takeover *t, struct takeover_page *page, int64_t org_id)
{
        struct store_cursor cursor = {0};
        int more;

        do {
                page->count = 0;
                more = store_list_members(t->to.reader, org_id, &cursor, TAKEOVER_PAGE, keep_member,
                                          page);
                for (size_t i = 0; more >= 0 && i < page->count; i++) {
                        int e = take_member(t, &page->member[i]);

                        if (e < 0)
                                return e;
                }
        } while (more > 0);
        return more;
}

static int keep_account(void *context, const struct record_account *account)
{
        struct takeover_page *page = context;

        page->account[page->count++] = *account;
        return 0;
}

/* Bound otherwise since: as it is bound now. */
static int take_account(struct takeover *t, const struct record_account *account)
{
        struct record_account old;
        int here = sealed_check_account(&t->to, account);
        int there = sealed_find_account(&t->from, view_of(account->name), account->org_id, &old), e;

        if (there == -ENOENT) {
                t->report.rights++;
                return store_delete_account(t->to.writer, view_of(account->name), account->org_id);
        }
        e = judge(t, here, there);
        if (e <= 0)
                return e;
        if (old.role == account->role && old.services.len == account->services.len &&
            memcmp(old.services.bytes, account->services.bytes, old.services.len) == 0)
                return 0;
        t->report.rights++;
        return sealed_put_account(&t->to, &old);
}

static int take_accounts(struct takeover *t, struct takeover_page *page)
{
        struct store_cursor cursor = {0};
        int more;

        do {
                page->count = 0;
                more = store_list_accounts(t->to.reader, 0, &cursor, TAKEOVER_PAGE, keep_account,
                                           page);
                for (size_t i = 0; more >= 0 && i < page->count; i++) {
                        int e = take_account(t, &page->account[i]);

                        if (e < 0)
                                return e;
                }
        } while (more > 0);
        return more;
}

static int keep_guarded(void *context, const struct record_guarded *guarded)
{
        struct takeover_page *page = context;

        page->guarded[page->count++] = *guarded;
        return 0;
}

/* Guarded since. What was released since stays guarded, which opens nothing. */
static int take_guard(struct takeover *t, const struct record_guarded *visited)
{
        struct view name = view_of(visited->name);
        struct record_guarded old, guarded;
        int e = store_find_guarded(t->to.reader, name, &guarded);

        if (e != -ENOENT)
                return e;
        e = judge(t, 0, sealed_find_guarded(&t->from, name, &old));
        if (e <= 0)
                return e;
        t->report.rights++;
        return sealed_put_guarded(&t->to, &old);
}

static int take_guards(struct takeover *t, struct takeover_page *page)
{
        struct store_cursor cursor = {0};
        int more;

        do {
                page->count = 0;
                more = store_list_guarded(t->from.reader, &cursor, TAKEOVER_PAGE, keep_guarded,
                                          page);
                for (size_t i = 0; more >= 0 && i < page->count; i++) {
                        int e = take_guard(t, &page->guarded[i]);

                        if (e < 0)
                                return e;
                }
        } while (more > 0);
        return more;
}

static int take_host_policy(struct takeover *t)
{
        struct policy policy, old;
        int here = sealed_find_host_policy(&t->to, &policy);
        int e = judge(t, here, sealed_find_host_policy(&t->from, &old));

        if (e <= 0 || is_same_policy(&policy, &old))
                return e < 0 ? e : 0;
        t->report.rights++;
        return sealed_put_host_policy(&t->to, &old);
}

/* What was past stays past. */
static int take_clock_mark(struct takeover *t)
{
        int64_t mark, old;
        int here = sealed_find_clock_mark(&t->to, &mark);
        int e = judge(t, here, sealed_find_clock_mark(&t->from, &old));

        return e > 0 && old > mark ? sealed_put_clock_mark(&t->to, old) : e < 0 ? e : 0;
}

static int take_all(struct takeover *t, struct takeover_page *page)
{
        int64_t last_org, last_user;
        int e = store_last_ids(t->to.reader, &last_org, &last_user);

        for (int64_t id = 1; e == 0 && id <= last_org; id++) {
                e = take_org(t, id);
                if (e == 0)
                        e = take_members(t, page, id);
        }
        for (int64_t id = 1; e == 0 && id <= last_user; id++)
                e = take_user(t, id);
        if (e == 0)
                e = take_accounts(t, page);
        if (e == 0)
                e = take_guards(t, page);
        if (e == 0)
                e = take_host_policy(t);
        return e < 0 ? e : take_clock_mark(t);
}

int takeover_rights(struct takeover *t)
{
        _cleanup_(freep) struct takeover_page *page = malloc(sizeof(*page));

        return page ? take_all(t, page) : -ENOMEM;
}
