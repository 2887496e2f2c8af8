#include "daemon/remake.h"

#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"

#define PAGE 64 /* rows read before the first of them is written */

struct remake {
        struct sealed from;
        struct sealed to;
        struct remake_report report;
        struct page *page;
};

/* Rows of one table: what is walked must not be written meanwhile. */
struct page {
        size_t count;
        union {
                struct record_member member[PAGE];
                struct record_account account[PAGE];
                struct record_guarded guarded[PAGE];
                struct record_token token[PAGE];
        };
};

/* Counts a row by what came of it; an error other than a bad seal ends the work. */
static int note(struct remake *m, int e)
{
        if (e == 0)
                m->report.remade++;
        else if (e == -EBADMSG)
                m->report.left++;
        else
                return e;
        return 0;
}

/* ---- rows that are found by number ---- */

static int remake_org(struct remake *m, int64_t id)
{
        struct record_org org;
        int e = sealed_find_org(&m->from, id, &org);

        if (e == 0)
                e = sealed_put_org(&m->to, &org);
        return e == -ENOENT ? 0 : note(m, e);
}

static int remake_user(struct remake *m, int64_t id)
{
        struct record_user user;
        int e = sealed_find_user(&m->from, id, &user);

        if (e == 0)
                e = sealed_put_user(&m->to, &user);
        return e == -ENOENT ? 0 : note(m, e);
}

static int remake_host(struct remake *m)
{
        struct policy policy;
        uint8_t mac[RECORD_MAC_LEN];
        int64_t mark = 0;
        int e = store_find_host_policy(m->from.reader, &policy, mac);

        if (e == 0)
                e = sealed_find_host_policy(&m->from, &policy);
        if (e == 0)
                e = sealed_put_host_policy(&m->to, &policy);
        /* Nobody has set one. */
        e = e == -ENOENT ? 0 : note(m, e);
        if (e < 0)
                return e;
        e = sealed_find_clock_mark(&m->from, &mark);
        if (e == 0 && mark != 0)
                e = sealed_put_clock_mark(&m->to, mark);
        return mark == 0 && e == 0 ? 0 : note(m, e);
}

/* ---- rows that are walked, a page at a time ---- */

static int keep_member(void *context, const struct record_member *member)
{
        struct page *page = context;

        page->member[page->count++] = *member;
        return 0;
}

static int remake_members(struct remake *m, int64_t org_id)
{
        struct store_cursor cursor = {0};
        int more;

        do {
                m->page->count = 0;
                more = store_list_members(m->from.reader, org_id, &cursor, PAGE, keep_member,
                                          m->page);
                for (size_t i = 0; more >= 0 && i < m->page->count; i++) {
                        struct record_member *member = &m->page->member[i];
                        int e = sealed_check_member(&m->from, member);

                        if (e == 0)
                                e = sealed_put_member(&m->to, member);
                        e = note(m, e);
                        if (e < 0)
                                return e;
                }
        } while (more > 0);
        return more;
}

static int keep_account(void *context, const struct record_account *account)
{
        struct page *page = context;

        page->account[page->count++] = *account;
        return 0;
}

static int remake_accounts(struct remake *m)
{
        struct store_cursor cursor = {0};
        int more;

        do {
                m->page->count = 0;
                more = store_list_accounts(m->from.reader, 0, &cursor, PAGE, keep_account, m->page);
                for (size_t i = 0; more >= 0 && i < m->page->count; i++) {
                        struct record_account *account = &m->page->account[i];
                        int e = sealed_check_account(&m->from, account);

                        if (e == 0)
                                e = sealed_put_account(&m->to, account);
                        e = note(m, e);
                        if (e < 0)
                                return e;
                }
        } while (more > 0);
        return more;
}

static int keep_guarded(void *context, const struct record_guarded *guarded)
{
        struct page *page = context;

        page->guarded[page->count++] = *guarded;
        return 0;
}

static int remake_guarded(struct remake *m)
{
        struct store_cursor cursor = {0};
        int more;

        do {
                m->page->count = 0;
                more = store_list_guarded(m->from.reader, &cursor, PAGE, keep_guarded, m->page);
                for (size_t i = 0; more >= 0 && i < m->page->count; i++) {
                        struct record_guarded guarded;
                        int e = sealed_find_guarded(&m->from, view_of(m->page->guarded[i].name),
                                                    &guarded);

                        if (e == 0)
                                e = sealed_put_guarded(&m->to, &guarded);
                        e = note(m, e);
                        if (e < 0)
                                return e;
                }
        } while (more > 0);
        return more;
}

static int keep_token(void *context, const struct record_token *token)
{
        struct page *page = context;

        page->token[page->count++] = *token;
        return 0;
}

static int remake_tokens(struct remake *m, enum token_kind kind)
{
        struct store_cursor cursor = {0};
        int more;

        do {
                m->page->count = 0;
                more = store_list_tokens(m->from.reader, kind, 0, &cursor, PAGE, keep_token,
                                         m->page);
                for (size_t i = 0; more >= 0 && i < m->page->count; i++) {
                        struct record_token *token = &m->page->token[i];
                        int e = sealed_remake_token(&m->from, &m->to, token);

                        if (e == 0)
                                e = store_remake_token(m->to.writer, token);
                        e = note(m, e);
                        if (e < 0)
                                return e;
                }
        } while (more > 0);
        return more;
}

/* ---- all of them ---- */

/* The deleted and removed ones too: they are what their names were once. */
static int remake_numbered(struct remake *m)
{
        int64_t last_org, last_user;
        int e = store_last_ids(m->from.reader, &last_org, &last_user);

        for (int64_t id = 1; e == 0 && id <= last_org; id++) {
                e = remake_org(m, id);
                if (e == 0)
                        e = remake_members(m, id);
        }
        for (int64_t id = 1; e == 0 && id <= last_user; id++)
                e = remake_user(m, id);
        return e;
}

static int remake_all(struct remake *m)
{
        int e = remake_numbered(m);

        if (e == 0)
                e = remake_accounts(m);
        if (e == 0)
                e = remake_guarded(m);
        if (e == 0)
                e = remake_tokens(m, TOKEN_AK);
        if (e == 0)
                e = remake_tokens(m, TOKEN_PAT);
        return e < 0 ? e : remake_host(m);
}

int remake_store(struct store_writer *w, const struct keyhash *from, const struct keyhash *to,
                 struct remake_report *ret)
{
        _cleanup_(freep) struct page *page = malloc(sizeof(*page));
        struct sealed sealed = {.reader = store_writer_reader(w), .writer = w};
        struct remake m = {.from = sealed, .to = sealed, .page = page};
        int64_t revision;
        int e;

        if (!page)
                return -ENOMEM;
        m.from.key = from;
        m.from.fingerprint = keyhash_fingerprint(from);
        m.to.key = to;
        m.to.fingerprint = keyhash_fingerprint(to);
        e = store_remake_begin(w, m.to.fingerprint);
        if (e == 0)
                e = remake_all(&m);
        if (e == 0)
                e = store_write_commit(w, &revision);
        store_write_rollback(w);
        if (e == 0)
                *ret = m.report;
        return e;
}
