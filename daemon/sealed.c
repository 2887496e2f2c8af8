#include "daemon/sealed.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/secret.h"
#include "common/wirebuf.h"

/* A row as it stands under its seal: every column in fixed order, numbers as 8 bytes, texts behind
   their length. The table is the domain of the MAC. */
#define ENCODED_SIZE (RECORD_LIMITS_MAX + 512)

struct encoding {
        struct wirebuf_writer writer;
        uint8_t bytes[ENCODED_SIZE];
};

static void start(struct encoding *e)
{
        wirebuf_writer_init(&e->writer, e->bytes, sizeof(e->bytes));
}

static void put_number(struct encoding *e, int64_t number)
{
        wirebuf_put_u64(&e->writer, (uint64_t)number);
}

static void put_bytes(struct encoding *e, const void *bytes, size_t len)
{
        wirebuf_put_u16(&e->writer, (uint16_t)len);
        wirebuf_put_bytes(&e->writer, bytes, len);
}

static void put_text(struct encoding *e, const char *text)
{
        put_bytes(e, text, strlen(text));
}

static void put_policy(struct encoding *e, const struct policy *policy)
{
        put_number(e, policy->max_life);
        put_number(e, policy->max_unused);
        put_number(e, policy->never_ok);
        put_number(e, policy->end_sessions);
        put_number(e, policy->self_service);
}

/* ---- the seals computed last ---- */

#define MEMO_SLOTS 256
#define MEMO_BYTES 224 /* longer rows, those with many services, are not kept */

struct seal_memo {
        struct memo_slot {
                const char *domain; /* NULL: free */
                size_t len;
                uint8_t bytes[MEMO_BYTES];
                uint8_t mac[RECORD_MAC_LEN];
        } slot[MEMO_SLOTS];
};

int seal_memo_new(struct seal_memo **ret)
{
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

struct seal_memo *seal_memo_free(struct seal_memo *m)
{
        free(m);
        return NULL;
}

/* Where this row's seal would be. Who can choose rows to meet in one slot gains a hash computed
 * twice. */
static struct memo_slot *memo_slot_of(struct seal_memo *m, const struct encoding *e)
{
        uint32_t sum = 2166136261U; /* FNV-1a */

        if (!m || e->writer.used > MEMO_BYTES)
                return NULL;
        for (size_t i = 0; i < e->writer.used; i++)
                sum = (sum ^ e->bytes[i]) * 16777619U;
        return &m->slot[(sum ^ sum >> 16) % MEMO_SLOTS];
}

/* Every byte is compared, and the domain: another row is another seal. */
static bool memo_slot_is_of(const struct memo_slot *slot, const char *domain,
                            const struct encoding *e)
{
        return slot->domain && strcmp(slot->domain, domain) == 0 && slot->len == e->writer.used &&
               memcmp(slot->bytes, e->bytes, slot->len) == 0;
}

/* The seal of what was put. An encoding that did not fit seals nothing: -EINVAL, and on the way in
   from the store, whose columns all fit, it cannot be. */
static int seal(const struct sealed *s, const char *domain, const struct encoding *e,
                uint8_t ret[static RECORD_MAC_LEN])
{
        struct memo_slot *slot;

        if (e->writer.failed)
                return -EINVAL;
        slot = memo_slot_of(s->memo, e);
        if (slot && memo_slot_is_of(slot, domain, e)) {
                memcpy(ret, slot->mac, RECORD_MAC_LEN);
                return 0;
        }
        keyhash_mac(s->key, domain, view_of_bytes(e->bytes, e->writer.used), ret);
        if (slot) {
                slot->domain = domain;
                slot->len = e->writer.used;
                memcpy(slot->bytes, e->bytes, slot->len);
                memcpy(slot->mac, ret, RECORD_MAC_LEN);
        }
        return 0;
}

static int compare(const uint8_t expected[static RECORD_MAC_LEN],
                   const uint8_t found[static RECORD_MAC_LEN])
{
        return secret_equal(expected, found, RECORD_MAC_LEN) ? 0 : -EBADMSG;
}

/* ---- the seal of each table ---- */

static int seal_org(const struct sealed *s, const struct record_org *org,
                    uint8_t ret[static RECORD_MAC_LEN])
{
        struct policy policy = org->policy;
        _unfilled_ struct encoding e;

        /* The host's alone, and no column of an org. */
        policy.self_service = 0;
        start(&e);
        put_number(&e, org->id);
        put_text(&e, org->name);
        put_number(&e, org->created_at);
        put_number(&e, org->deleted_at);
        put_number(&e, org->suspended);
        put_policy(&e, &policy);
        return seal(s, "row-org", &e, ret);
}

static int seal_user(const struct sealed *s, const struct record_user *user,
                     uint8_t ret[static RECORD_MAC_LEN])
{
        _unfilled_ struct encoding e;

        start(&e);
        put_number(&e, user->id);
        put_text(&e, user->name);
        put_number(&e, user->uid);
        put_number(&e, user->created_at);
        put_number(&e, user->removed_at);
        put_number(&e, user->suspended);
        return seal(s, "row-user", &e, ret);
}

static int seal_member(const struct sealed *s, const struct record_member *member,
                       uint8_t ret[static RECORD_MAC_LEN])
{
        _unfilled_ struct encoding e;

        start(&e);
        put_number(&e, member->org_id);
        put_number(&e, member->user_id);
        put_number(&e, member->role);
        put_number(&e, member->created_at);
        return seal(s, "row-member", &e, ret);
}

static int seal_account(const struct sealed *s, const struct record_account *account,
                        uint8_t ret[static RECORD_MAC_LEN])
{
        _unfilled_ struct encoding e;

        if (account->services.len > sizeof(account->services.bytes))
                return -EINVAL;
        start(&e);
        put_text(&e, account->name);
        put_number(&e, account->org_id);
        put_number(&e, account->role);
        put_bytes(&e, account->services.bytes, account->services.len);
        put_number(&e, account->created_at);
        return seal(s, "row-account", &e, ret);
}

static int seal_guarded(const struct sealed *s, const struct record_guarded *guarded,
                        uint8_t ret[static RECORD_MAC_LEN])
{
        _unfilled_ struct encoding e;

        start(&e);
        put_text(&e, guarded->name);
        put_number(&e, guarded->since);
        return seal(s, "row-guarded", &e, ret);
}

static int seal_host_policy(const struct sealed *s, const struct policy *policy,
                            uint8_t ret[static RECORD_MAC_LEN])
{
        _unfilled_ struct encoding e;

        start(&e);
        put_policy(&e, policy);
        return seal(s, "row-host-policy", &e, ret);
}

static int seal_clock_mark(const struct sealed *s, int64_t mark, uint8_t ret[static RECORD_MAC_LEN])
{
        _unfilled_ struct encoding e;

        start(&e);
        put_number(&e, mark);
        return seal(s, "row-clock-mark", &e, ret);
}

/* ---- checks of rows that are at hand ---- */

static int check_org(const struct sealed *s, const struct record_org *org)
{
        uint8_t mac[RECORD_MAC_LEN];
        int e = seal_org(s, org, mac);

        return e < 0 ? e : compare(mac, org->mac);
}

static int check_user(const struct sealed *s, const struct record_user *user)
{
        uint8_t mac[RECORD_MAC_LEN];
        int e = seal_user(s, user, mac);

        return e < 0 ? e : compare(mac, user->mac);
}

int sealed_check_member(const struct sealed *s, const struct record_member *member)
{
        uint8_t mac[RECORD_MAC_LEN];
        int e = seal_member(s, member, mac);

        return e < 0 ? e : compare(mac, member->mac);
}

int sealed_check_account(const struct sealed *s, const struct record_account *account)
{
        uint8_t mac[RECORD_MAC_LEN];
        int e = seal_account(s, account, mac);

        return e < 0 ? e : compare(mac, account->mac);
}

static int check_guarded(const struct sealed *s, const struct record_guarded *guarded)
{
        uint8_t mac[RECORD_MAC_LEN];
        int e = seal_guarded(s, guarded, mac);

        return e < 0 ? e : compare(mac, guarded->mac);
}

/* ---- look-ups ---- */

bool sealed_is_kept(const struct sealed *s, const struct rowcache_key *key, void *ret, size_t size)
{
        const struct rowcache_value value = {.head = ret, .head_len = size};

        return s->rows && rowcache_find(s->rows, store_state(s->reader), key, &value);
}

void sealed_keep(const struct sealed *s, const struct rowcache_key *key, const void *row,
                 size_t size)
{
        const struct rowcache_value value = {.head = (void *)row, .head_len = size};

        if (s->rows)
                rowcache_keep(s->rows, store_state(s->reader), key, &value);
}

/* The end of a look-up: a row that was found and whose seal holds is kept, and given to the caller.
 */
static int hand_out(const struct sealed *s, const struct rowcache_key *key, int e, const void *row,
                    void *ret, size_t size)
{
        if (e < 0)
                return e;
        sealed_keep(s, key, row, size);
        memcpy(ret, row, size);
        return 0;
}

int sealed_find_org(const struct sealed *s, int64_t id, struct record_org *ret)
{
        const struct rowcache_key key = {.kind = ROWCACHE_ORG, .first = id};
        struct record_org org;
        int e;

        if (sealed_is_kept(s, &key, ret, sizeof(*ret)))
                return 0;
        e = store_find_org(s->reader, id, &org);
        if (e == 0)
                e = check_org(s, &org);
        return hand_out(s, &key, e, &org, ret, sizeof(*ret));
}

int sealed_find_org_by_name(const struct sealed *s, struct view name, struct record_org *ret)
{
        const struct rowcache_key key = {.kind = ROWCACHE_ORG_NAME, .name = name};
        struct record_org org;
        int e;

        if (sealed_is_kept(s, &key, ret, sizeof(*ret)))
                return 0;
        e = store_find_org_by_name(s->reader, name, &org);
        if (e == 0)
                e = check_org(s, &org);
        return hand_out(s, &key, e, &org, ret, sizeof(*ret));
}

int sealed_find_user(const struct sealed *s, int64_t id, struct record_user *ret)
{
        const struct rowcache_key key = {.kind = ROWCACHE_USER, .first = id};
        struct record_user user;
        int e;

        if (sealed_is_kept(s, &key, ret, sizeof(*ret)))
                return 0;
        e = store_find_user(s->reader, id, &user);
        if (e == 0)
                e = check_user(s, &user);
        return hand_out(s, &key, e, &user, ret, sizeof(*ret));
}

int sealed_find_user_by_name(const struct sealed *s, struct view name, struct record_user *ret)
{
        struct record_user user;
        int e = store_find_user_by_name(s->reader, name, &user);

        if (e == 0)
                e = check_user(s, &user);
        if (e == 0)
                *ret = user;
        return e;
}

int sealed_find_member(const struct sealed *s, int64_t org_id, int64_t user_id,
                       struct record_member *ret)
{
        const struct rowcache_key key = {
                .kind = ROWCACHE_MEMBER, .first = org_id, .second = user_id};
        struct record_member member;
        int e;

        if (sealed_is_kept(s, &key, ret, sizeof(*ret)))
                return 0;
        e = store_find_member(s->reader, org_id, user_id, &member);
        if (e == 0)
                e = sealed_check_member(s, &member);
        return hand_out(s, &key, e, &member, ret, sizeof(*ret));
}

/* Around the part of its services that is not used, which is nearly all of it. */
static struct rowcache_value account_value(struct record_account *account, size_t services)
{
        return (struct rowcache_value){
                .head = account,
                .head_len = offsetof(struct record_account, services.bytes) + services,
                .tail = &account->created_at,
                .tail_len = sizeof(*account) - offsetof(struct record_account, created_at)};
}

int sealed_find_account(const struct sealed *s, struct view name, int64_t org_id,
                        struct record_account *ret)
{
        const struct rowcache_key key = {.kind = ROWCACHE_ACCOUNT, .first = org_id, .name = name};
        _unfilled_ struct record_account account;
        struct rowcache_value value = account_value(ret, sizeof(ret->services.bytes));
        int e;

        if (s->rows && rowcache_find(s->rows, store_state(s->reader), &key, &value))
                return 0;
        e = store_find_account(s->reader, name, org_id, &account);
        if (e == 0)
                e = sealed_check_account(s, &account);
        if (e < 0)
                return e;
        value = account_value(&account, account.services.len);
        if (s->rows)
                rowcache_keep(s->rows, store_state(s->reader), &key, &value);
        *ret = account;
        return 0;
}

/* That there is no such row is kept as well: of a user's own account it is asked at every login. */
int sealed_find_guarded(const struct sealed *s, struct view name, struct record_guarded *ret)
{
        const struct rowcache_key key = {.kind = ROWCACHE_GUARDED, .name = name};
        struct {
                int e;
                struct record_guarded row;
        } found = {.e = 0};

        if (!sealed_is_kept(s, &key, &found, sizeof(found))) {
                found.e = store_find_guarded(s->reader, name, &found.row);
                if (found.e == 0)
                        found.e = check_guarded(s, &found.row);
                if (found.e == 0 || found.e == -ENOENT)
                        sealed_keep(s, &key, &found, sizeof(found));
        }
        if (found.e == 0)
                *ret = found.row;
        return found.e;
}

int sealed_find_host_policy(const struct sealed *s, struct policy *ret)
{
        const struct rowcache_key key = {.kind = ROWCACHE_HOST_POLICY};
        uint8_t found[RECORD_MAC_LEN], mac[RECORD_MAC_LEN];
        struct policy policy;
        int e;

        if (sealed_is_kept(s, &key, ret, sizeof(*ret)))
                return 0;
        e = store_find_host_policy(s->reader, &policy, found);
        if (e == -ENOENT) {
                /* Nobody has set one. */
                policy = (struct policy){.never_ok = true, .self_service = SELF_SERVICE_FULL};
                e = 0;
        } else if (e == 0) {
                e = seal_host_policy(s, &policy, mac);
                if (e == 0)
                        e = compare(mac, found);
        }
        return hand_out(s, &key, e, &policy, ret, sizeof(*ret));
}

int sealed_find_clock_mark(const struct sealed *s, int64_t *ret)
{
        static const uint8_t none[RECORD_MAC_LEN];
        uint8_t found[RECORD_MAC_LEN], mac[RECORD_MAC_LEN];
        int64_t mark;
        int e = store_find_clock_mark(s->reader, &mark, found);

        if (e < 0)
                return e;
        /* No mark yet: nothing is there that could be sealed. */
        if (mark != 0 || !secret_equal(found, none, sizeof(none))) {
                e = seal_clock_mark(s, mark, mac);
                if (e == 0)
                        e = compare(mac, found);
        }
        if (e == 0)
                *ret = mark;
        return e;
}

/* ---- puts ---- */

int sealed_put_org(const struct sealed *s, struct record_org *org)
{
        struct record_org sealed = *org;
        int e = 0;

        if (!s->writer)
                return -EROFS;
        if (sealed.id == 0)
                e = store_next_org_id(s->writer, &sealed.id);
        if (e == 0)
                e = seal_org(s, &sealed, sealed.mac);
        if (e == 0)
                e = store_put_org(s->writer, &sealed);
        if (e == 0)
                *org = sealed;
        return e;
}

int sealed_put_user(const struct sealed *s, struct record_user *user)
{
        struct record_user sealed = *user;
        int e = 0;

        if (!s->writer)
                return -EROFS;
        if (sealed.id == 0)
                e = store_next_user_id(s->writer, &sealed.id);
        if (e == 0)
                e = seal_user(s, &sealed, sealed.mac);
        if (e == 0)
                e = store_put_user(s->writer, &sealed);
        if (e == 0)
                *user = sealed;
        return e;
}

int sealed_put_member(const struct sealed *s, struct record_member *member)
{
        int e = s->writer ? seal_member(s, member, member->mac) : -EROFS;

        return e < 0 ? e : store_put_member(s->writer, member);
}

int sealed_put_account(const struct sealed *s, struct record_account *account)
{
        int e = s->writer ? seal_account(s, account, account->mac) : -EROFS;

        return e < 0 ? e : store_put_account(s->writer, account);
}

int sealed_put_guarded(const struct sealed *s, struct record_guarded *guarded)
{
        int e = s->writer ? seal_guarded(s, guarded, guarded->mac) : -EROFS;

        return e < 0 ? e : store_put_guarded(s->writer, guarded);
}

int sealed_put_host_policy(const struct sealed *s, const struct policy *policy)
{
        uint8_t mac[RECORD_MAC_LEN];
        int e = s->writer ? seal_host_policy(s, policy, mac) : -EROFS;

        return e < 0 ? e : store_put_host_policy(s->writer, policy, mac);
}

int sealed_put_clock_mark(const struct sealed *s, int64_t mark)
{
        uint8_t mac[RECORD_MAC_LEN];
        int e = s->writer ? seal_clock_mark(s, mark, mac) : -EROFS;

        return e < 0 ? e : store_put_clock_mark(s->writer, mark, mac);
}
