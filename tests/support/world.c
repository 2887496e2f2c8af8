#include "tests/support/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/limits.h"

const struct policy world_free_policy = {.never_ok = true, .self_service = SELF_SERVICE_FULL};

#define MUST(call)                                                                                 \
        do {                                                                                       \
                if ((call) < 0) {                                                                  \
                        fprintf(stderr, "%s:%d: %s failed\n", __FILE__, __LINE__, #call);          \
                        abort();                                                                   \
                }                                                                                  \
        } while (0)

struct world *world_new(void)
{
        static const uint8_t key[KEYHASH_KEY_LEN] = {1, 2, 3};
        struct world *w = calloc(1, sizeof(*w));

        if (!w)
                abort();
        MUST(keyhash_init());
        MUST(keyhash_new(key, &w->key));
        w->sealed.key = w->key;
        w->sealed.fingerprint = keyhash_fingerprint(w->key);
        w->reader = memory_store_new(w->sealed.fingerprint);
        w->sealed.reader = w->reader;
        w->sealed.writer = w->reader->writer;
        w->next_token = INT64_C(123456789012345678);
        world_host_policy(w, world_free_policy);
        return w;
}

struct world *world_free(struct world *w)
{
        if (w) {
                memory_store_free(w->reader);
                keyhash_free(w->key);
        }
        free(w);
        return NULL;
}

int64_t world_org(struct world *w, const char *name)
{
        struct record_org org = {.created_at = WORLD_NOW - 1000, .policy = {.never_ok = true}};

        (void)snprintf(org.name, sizeof(org.name), "%s", name);
        MUST(sealed_put_org(&w->sealed, &org));
        return org.id;
}

int64_t world_user(struct world *w, const char *name)
{
        struct record_user user = {.uid = -1, .created_at = WORLD_NOW - 1000};

        (void)snprintf(user.name, sizeof(user.name), "%s", name);
        MUST(sealed_put_user(&w->sealed, &user));
        return user.id;
}

void world_member(struct world *w, int64_t org, int64_t user, enum role role)
{
        struct record_member member = {
                .org_id = org, .user_id = user, .role = role, .created_at = WORLD_NOW - 1000};

        MUST(sealed_put_member(&w->sealed, &member));
}

void world_guard(struct world *w, const char *account)
{
        struct record_guarded guarded = {.since = WORLD_NOW - 1000};

        (void)snprintf(guarded.name, sizeof(guarded.name), "%s", account);
        MUST(sealed_put_guarded(&w->sealed, &guarded));
}

void world_bind(struct world *w, const char *account, int64_t org, enum role role,
                const char *service)
{
        struct record_account binding = {
                .org_id = org, .role = role, .created_at = WORLD_NOW - 1000};

        (void)snprintf(binding.name, sizeof(binding.name), "%s", account);
        if (service)
                binding.services = world_limit(WIRE_F_LIMIT_SERVICE, service, NULL);
        MUST(sealed_put_account(&w->sealed, &binding));
        world_guard(w, account);
}

void world_host_policy(struct world *w, struct policy policy)
{
        MUST(sealed_put_host_policy(&w->sealed, &policy));
}

void world_org_policy(struct world *w, int64_t id, struct policy policy)
{
        struct record_org org;

        MUST(sealed_find_org(&w->sealed, id, &org));
        org.policy = policy;
        org.policy.self_service = 0;
        MUST(sealed_put_org(&w->sealed, &org));
}

void world_suspend_org(struct world *w, int64_t id)
{
        struct record_org org;

        MUST(sealed_find_org(&w->sealed, id, &org));
        org.suspended = true;
        MUST(sealed_put_org(&w->sealed, &org));
}

void world_delete_org(struct world *w, int64_t id)
{
        struct record_org org;

        MUST(sealed_find_org(&w->sealed, id, &org));
        org.deleted_at = WORLD_NOW - 10;
        MUST(sealed_put_org(&w->sealed, &org));
}

void world_suspend_user(struct world *w, int64_t id)
{
        struct record_user user;

        MUST(sealed_find_user(&w->sealed, id, &user));
        user.suspended = true;
        MUST(sealed_put_user(&w->sealed, &user));
}

void world_remove_user(struct world *w, int64_t id)
{
        struct record_user user;

        MUST(sealed_find_user(&w->sealed, id, &user));
        user.removed_at = WORLD_NOW - 10;
        MUST(sealed_put_user(&w->sealed, &user));
}

struct record_token world_template(enum token_kind kind, int64_t owner)
{
        return (struct record_token){.kind = kind,
                                     .owner = owner,
                                     .name = "test",
                                     .created_at = WORLD_NOW - EXPIRY_DAY,
                                     .expires_at = EXPIRY_NEVER,
                                     .ends_at = EXPIRY_NEVER,
                                     .successor = -1};
}

struct world_token world_token(struct world *w, const struct record_token *template)
{
        char random[TOKEN_RANDOM_LEN];
        struct record_token row = *template;
        struct world_token t = {.kind = row.kind};
        struct token parsed;

        /* Far apart in the leading characters, so that six of them are unique. */
        w->next_token += INT64_C(9876543210123);
        t.id = row.id = w->next_token;
        for (size_t i = 0; i < sizeof(random); i++)
                random[i] =
                        token_character((unsigned)((uint64_t)t.id * (i + 7) >> 13) % TOKEN_BASE);
        token_format(t.kind, t.id, random, t.text);
        MUST(token_parse(view_of(t.text), &parsed));
        MUST(sealed_insert_token(&w->sealed, &row, parsed.secret));
        return t;
}

struct world_token world_key(struct world *w, int64_t org)
{
        struct record_token template = world_template(TOKEN_AK, org);

        return world_token(w, &template);
}

struct world_token world_pat(struct world *w, int64_t user)
{
        struct record_token template = world_template(TOKEN_PAT, user);

        return world_token(w, &template);
}

void world_revoke(struct world *w, int64_t token, const char *reason)
{
        struct record_token row = *memory_store_token(w->reader, token);

        MUST(sealed_revoke_token(&w->sealed, &row, WORLD_NOW - 5, reason));
}

void world_rotate(struct world *w, int64_t token, int64_t ends_at)
{
        struct record_token row = *memory_store_token(w->reader, token);

        MUST(sealed_end_token(&w->sealed, &row, ends_at, "rotated", 77));
}

struct record_limits world_limit(enum wire_field field, const char *first, const char *second)
{
        static const uint8_t nonce[WIRE_NONCE_LEN];
        struct wire_message m;
        struct record_limits limits;
        enum limits_kind kind;
        struct view bad;

        wire_init(&m, WIRE_REQUEST, WIRE_V_PAT_CREATE, nonce);
        MUST(wire_put_list(&m, field, view_of(first)));
        if (second)
                MUST(wire_put_list(&m, field, view_of(second)));
        MUST(limits_from_request(&m, &limits, &bad, &kind));
        return limits;
}

struct view world_type(const struct world_token *token, const char *suffix)
{
        static char typed[4][2 * TOKEN_INPUT_MAX];
        static unsigned next;
        char *buffer = typed[next++ % 4];

        (void)snprintf(buffer, sizeof(typed[0]), "%s%s", token->text, suffix);
        return view_of(buffer);
}
