#include "tests/support/memory_store.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/token.h"

struct store_writer {
        struct store_reader *reader;
};

static const size_t row_sizes[MEMORY_KINDS] = {
        [MEMORY_ORG] = sizeof(struct record_org),
        [MEMORY_USER] = sizeof(struct record_user),
        [MEMORY_MEMBER] = sizeof(struct record_member),
        [MEMORY_TOKEN] = sizeof(struct record_token),
        [MEMORY_ACCOUNT] = sizeof(struct record_account),
        [MEMORY_GUARDED] = sizeof(struct record_guarded),
        [MEMORY_USE] = sizeof(struct record_last_use),
};

struct store_reader *memory_store_new(int64_t fingerprint)
{
        struct store_reader *r = calloc(1, sizeof(*r));

        if (!r)
                abort();
        r->fingerprint = fingerprint;
        r->writer = calloc(1, sizeof(*r->writer));
        if (!r->writer)
                abort();
        r->writer->reader = r;
        for (int k = 0; k < MEMORY_KINDS; k++)
                r->table[k].row_size = row_sizes[k];
        return r;
}

struct store_reader *memory_store_free(struct store_reader *r)
{
        if (!r)
                return NULL;
        for (int k = 0; k < MEMORY_KINDS; k++)
                free(r->table[k].rows);
        free(r->writer);
        free(r);
        return NULL;
}

void *memory_store_row(struct store_reader *r, enum memory_kind kind, size_t i)
{
        struct memory_table *t = &r->table[kind];

        assert(i < t->count);
        return t->rows + i * t->row_size;
}

struct record_token *memory_store_token(struct store_reader *r, int64_t id)
{
        for (size_t i = 0; i < r->table[MEMORY_TOKEN].count; i++) {
                struct record_token *t = memory_store_row(r, MEMORY_TOKEN, i);

                if (t->id == id)
                        return t;
        }
        abort();
}

void memory_store_clear(struct store_reader *r)
{
        for (int k = 0; k < MEMORY_KINDS; k++)
                r->table[k].count = 0;
        r->has_host = false;
        r->mark = 0;
}

void memory_store_fail(struct store_reader *r, unsigned nth, int error)
{
        r->fail_at = nth > 0 ? r->lookups + nth : 0;
        r->fail_with = error;
}

/* Counts a look-up; a negative errno where this is the one that fails. */
static int look(struct store_reader *r)
{
        r->lookups++;
        if (!r->in_transaction)
                r->outside++;
        return r->lookups == r->fail_at ? r->fail_with : 0;
}

typedef bool (*matcher)(const void *row, const void *wanted);

static void *find(struct store_reader *r, enum memory_kind kind, matcher matches,
                  const void *wanted)
{
        for (size_t i = 0; i < r->table[kind].count; i++) {
                void *row = memory_store_row(r, kind, i);

                if (matches(row, wanted))
                        return row;
        }
        return NULL;
}

/* Replaces the row that matches, or adds one. */
static int put(struct store_reader *r, enum memory_kind kind, matcher matches, const void *row)
{
        struct memory_table *t = &r->table[kind];
        void *old = find(r, kind, matches, row);

        if (!old && t->count == t->size) {
                t->size = t->size * 2 + 8;
                t->rows = reallocarray(t->rows, t->size, t->row_size);
                if (!t->rows)
                        abort();
        }
        if (!old)
                old = t->rows + t->count++ * t->row_size;
        memcpy(old, row, t->row_size);
        return 0;
}

static int delete (struct store_reader *r, enum memory_kind kind, matcher matches,
                   const void *wanted)
{
        struct memory_table *t = &r->table[kind];
        unsigned char *row = find(r, kind, matches, wanted);

        if (!row)
                return -ENOENT;
        memmove(row, row + t->row_size,
                (size_t)(t->rows + t->count * t->row_size - row) - t->row_size);
        t->count--;
        return 0;
}

/* Matchers by key, one a kind; the wanted row has only its key filled in. */
static bool is_org(const void *row, const void *wanted)
{
        return ((const struct record_org *)row)->id == ((const struct record_org *)wanted)->id;
}

static bool is_org_named(const void *row, const void *wanted)
{
        const struct record_org *org = row;

        return org->deleted_at == 0 && view_equal_str(*(const struct view *)wanted, org->name);
}

static bool is_user(const void *row, const void *wanted)
{
        return ((const struct record_user *)row)->id == ((const struct record_user *)wanted)->id;
}

static bool is_user_named(const void *row, const void *wanted)
{
        const struct record_user *user = row;

        return user->removed_at == 0 && view_equal_str(*(const struct view *)wanted, user->name);
}

static bool is_member(const void *row, const void *wanted)
{
        const struct record_member *a = row, *b = wanted;

        return a->org_id == b->org_id && a->user_id == b->user_id;
}

static bool is_token(const void *row, const void *wanted)
{
        return ((const struct record_token *)row)->id == ((const struct record_token *)wanted)->id;
}

static bool is_account(const void *row, const void *wanted)
{
        const struct record_account *a = row, *b = wanted;

        return a->org_id == b->org_id && strcmp(a->name, b->name) == 0;
}

static bool is_guarded(const void *row, const void *wanted)
{
        const struct record_guarded *a = row, *b = wanted;

        return strcmp(a->name, b->name) == 0;
}

static bool is_use(const void *row, const void *wanted)
{
        const struct record_last_use *a = row, *b = wanted;

        return a->token_id == b->token_id;
}

/* Look-ups that go through an index, which may be bent; those by id do not. */
static bool is_by_name(enum memory_kind kind, matcher matches)
{
        return matches == is_org_named || matches == is_user_named || kind == MEMORY_MEMBER ||
               kind == MEMORY_ACCOUNT;
}

/* A look-up by key: a copy of the row, or -ENOENT. */
static int get(struct store_reader *r, enum memory_kind kind, matcher matches, const void *wanted,
               void *ret)
{
        int error = look(r);
        const void *row = find(r, kind, matches, wanted);

        if ((r->misplace & 1u << kind) && is_by_name(kind, matches))
                row = memory_store_row(r, kind, 0);
        if (error < 0)
                return error;
        if (!row)
                return -ENOENT;
        memcpy(ret, row, row_sizes[kind]);
        return 0;
}

int store_read_begin(struct store_reader *r)
{
        int error = look(r);

        assert(!r->in_transaction);
        r->outside--;
        if (error < 0)
                return error;
        r->begun++;
        r->in_transaction = true;
        return 0;
}

void store_read_end(struct store_reader *r)
{
        assert(r->in_transaction);
        r->in_transaction = false;
}

int64_t store_state(struct store_reader *r)
{
        return r->state;
}

int store_freshness(struct store_reader *r, struct store_freshness *ret)
{
        *ret = (struct store_freshness){
                .revision = 1, .fingerprint = r->fingerprint, .authoritative = true};
        return look(r);
}

int store_find_org(struct store_reader *r, int64_t id, struct record_org *ret)
{
        return get(r, MEMORY_ORG, is_org, &(struct record_org){.id = id}, ret);
}

int store_find_org_by_name(struct store_reader *r, struct view name, struct record_org *ret)
{
        return get(r, MEMORY_ORG, is_org_named, &name, ret);
}

int store_find_user(struct store_reader *r, int64_t id, struct record_user *ret)
{
        return get(r, MEMORY_USER, is_user, &(struct record_user){.id = id}, ret);
}

int store_find_user_by_name(struct store_reader *r, struct view name, struct record_user *ret)
{
        return get(r, MEMORY_USER, is_user_named, &name, ret);
}

int store_find_member(struct store_reader *r, int64_t org_id, int64_t user_id,
                      struct record_member *ret)
{
        const struct record_member wanted = {.org_id = org_id, .user_id = user_id};

        return get(r, MEMORY_MEMBER, is_member, &wanted, ret);
}

int store_find_token(struct store_reader *r, int64_t id, struct record_token *ret)
{
        struct record_token *wanted = calloc(1, sizeof(*wanted));
        int error;

        if (!wanted)
                abort();
        wanted->id = id;
        error = get(r, MEMORY_TOKEN, is_token, wanted, ret);
        free(wanted);
        return error;
}

int store_find_account(struct store_reader *r, struct view name, int64_t org_id,
                       struct record_account *ret)
{
        struct record_account wanted = {.org_id = org_id};

        if (!view_copy(name, wanted.name, sizeof(wanted.name)))
                return -ENOENT;
        return get(r, MEMORY_ACCOUNT, is_account, &wanted, ret);
}

int store_find_guarded(struct store_reader *r, struct view name, struct record_guarded *ret)
{
        struct record_guarded wanted = {.since = 0};

        if (!view_copy(name, wanted.name, sizeof(wanted.name)))
                return -ENOENT;
        return get(r, MEMORY_GUARDED, is_guarded, &wanted, ret);
}

int store_find_host_policy(struct store_reader *r, struct policy *ret,
                           uint8_t ret_mac[static RECORD_MAC_LEN])
{
        int error = look(r);

        if (error < 0)
                return error;
        if (!r->has_host)
                return -ENOENT;
        *ret = r->host;
        memcpy(ret_mac, r->host_mac, RECORD_MAC_LEN);
        return 0;
}

int store_find_last_use(struct store_reader *r, int64_t token_id, struct record_last_use *ret)
{
        const struct record_last_use wanted = {.token_id = token_id};
        int error = get(r, MEMORY_USE, is_use, &wanted, ret);

        if (error == -ENOENT)
                *ret = wanted;
        return error == -ENOENT ? 0 : error;
}

int store_find_clock_mark(struct store_reader *r, int64_t *ret,
                          uint8_t ret_mac[static RECORD_MAC_LEN])
{
        *ret = r->mark;
        memcpy(ret_mac, r->mark_mac, RECORD_MAC_LEN);
        return look(r);
}

/* How many leading characters two ids share. */
static unsigned shared_prefix(int64_t a, int64_t b)
{
        char first[TOKEN_ID_LEN + 1], second[TOKEN_ID_LEN + 1];
        unsigned n = 0;

        token_id_to_text(a, first);
        token_id_to_text(b, second);
        while (n < TOKEN_ID_LEN && first[n] == second[n])
                n++;
        return n;
}

int store_key_id_length(struct store_reader *r, int64_t id, unsigned *ret)
{
        unsigned shown = TOKEN_KEY_ID_MIN;
        int error = look(r);

        if (error < 0)
                return error;
        for (size_t i = 0; i < r->table[MEMORY_TOKEN].count; i++) {
                const struct record_token *t = memory_store_row(r, MEMORY_TOKEN, i);

                if (t->id != id && shared_prefix(t->id, id) >= shown)
                        shown = shared_prefix(t->id, id) + 1;
        }
        *ret = shown;
        return 0;
}

int store_list_token_range(struct store_reader *r, enum token_kind kind, int64_t first,
                           int64_t last, store_token_visitor visit, void *context)
{
        int e = look(r);

        for (size_t i = 0; i < r->table[MEMORY_TOKEN].count && e == 0; i++) {
                const struct record_token *t = memory_store_row(r, MEMORY_TOKEN, i);

                if (t->kind == kind && t->id >= first && t->id <= last)
                        e = visit(context, t);
        }
        return e;
}

int store_list_bindings(struct store_reader *r, struct view name, store_account_visitor visit,
                        void *context)
{
        bool misplaced = r->misplace & 1u << MEMORY_ACCOUNT;
        int error = look(r);

        if (error < 0)
                return error;
        for (size_t i = 0; i < r->table[MEMORY_ACCOUNT].count; i++) {
                const struct record_account *a = memory_store_row(r, MEMORY_ACCOUNT, i);

                error = misplaced || view_equal_str(name, a->name) ? visit(context, a) : 0;
                if (error != 0)
                        return error;
        }
        return 0;
}

struct store_reader *store_writer_reader(struct store_writer *w)
{
        return w->reader;
}

/* Rows are never deleted from these two tables, so the last id is the highest. */
int store_next_org_id(struct store_writer *w, int64_t *ret)
{
        *ret = (int64_t)w->reader->table[MEMORY_ORG].count + 1;
        return 0;
}

int store_next_user_id(struct store_writer *w, int64_t *ret)
{
        *ret = (int64_t)w->reader->table[MEMORY_USER].count + 1;
        return 0;
}

int store_put_org(struct store_writer *w, const struct record_org *org)
{
        return put(w->reader, MEMORY_ORG, is_org, org);
}

int store_put_user(struct store_writer *w, const struct record_user *user)
{
        return put(w->reader, MEMORY_USER, is_user, user);
}

int store_put_member(struct store_writer *w, const struct record_member *member)
{
        return put(w->reader, MEMORY_MEMBER, is_member, member);
}

int store_delete_member(struct store_writer *w, int64_t org_id, int64_t user_id)
{
        const struct record_member wanted = {.org_id = org_id, .user_id = user_id};

        return delete (w->reader, MEMORY_MEMBER, is_member, &wanted);
}

int store_put_account(struct store_writer *w, const struct record_account *account)
{
        return put(w->reader, MEMORY_ACCOUNT, is_account, account);
}

int store_delete_account(struct store_writer *w, struct view name, int64_t org_id)
{
        struct record_account wanted = {.org_id = org_id};

        if (!view_copy(name, wanted.name, sizeof(wanted.name)))
                return -ENOENT;
        return delete (w->reader, MEMORY_ACCOUNT, is_account, &wanted);
}

int store_put_guarded(struct store_writer *w, const struct record_guarded *guarded)
{
        return put(w->reader, MEMORY_GUARDED, is_guarded, guarded);
}

int store_delete_guarded(struct store_writer *w, struct view name)
{
        struct record_guarded wanted = {.since = 0};

        if (!view_copy(name, wanted.name, sizeof(wanted.name)))
                return -ENOENT;
        return delete (w->reader, MEMORY_GUARDED, is_guarded, &wanted);
}

int store_put_host_policy(struct store_writer *w, const struct policy *policy,
                          const uint8_t mac[static RECORD_MAC_LEN])
{
        w->reader->host = *policy;
        w->reader->has_host = true;
        memcpy(w->reader->host_mac, mac, RECORD_MAC_LEN);
        return 0;
}

int store_insert_token(struct store_writer *w, const struct record_token *token)
{
        if (find(w->reader, MEMORY_TOKEN, is_token, token))
                return -EEXIST;
        return put(w->reader, MEMORY_TOKEN, is_token, token);
}

int store_update_token(struct store_writer *w, const struct record_token *token)
{
        const struct record_token *old = find(w->reader, MEMORY_TOKEN, is_token, token);

        if (!old)
                return -ENOENT;
        if (token->ends_at > old->ends_at || (old->revoked_at != 0 && token->revoked_at == 0))
                return -EPERM;
        return put(w->reader, MEMORY_TOKEN, is_token, token);
}

int store_put_last_use(struct store_writer *w, const struct record_last_use *use)
{
        return put(w->reader, MEMORY_USE, is_use, use);
}

int store_put_clock_mark(struct store_writer *w, int64_t mark,
                         const uint8_t mac[static RECORD_MAC_LEN])
{
        w->reader->mark = mark;
        memcpy(w->reader->mark_mac, mac, RECORD_MAC_LEN);
        return 0;
}
