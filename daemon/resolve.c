#include "daemon/resolve.h"

#include <errno.h>
#include <stddef.h>

#include "daemon/limits.h"

const struct resolve_words resolve_host_words = {
        .life = "host-max-life", .unused = "host-max-unused", .never = "host-no-never"};
const struct resolve_words resolve_org_words = {
        .life = "org-max-life", .unused = "org-max-unused", .never = "org-no-never"};

/* Services are compared whole: su and su-l are two. */
static bool is_for_service(const struct record_account *binding, struct view service)
{
        return limits_allow(&binding->services, LIMITS_SERVICE, service);
}

/* One visit of the walk over an account's bindings. */
struct binding_walk {
        const struct sealed *s;
        struct view account;
        struct view service;
        struct resolve_bindings found;
};

static int visit_binding(void *context, const struct record_account *binding)
{
        struct binding_walk *walk = context;
        int r = sealed_check_account(walk->s, binding);

        if (r < 0)
                return r;
        /* A seal says that the row is ours, not that it is the one that was asked for: an index
           that was bent towards another account's row would get past it. */
        if (!view_equal_str(walk->account, binding->name) || !limits_is_valid(&binding->services))
                return -EBADMSG;
        walk->found.all++;
        if (!is_for_service(binding, walk->service))
                return 0;
        walk->found.here++;
        walk->found.org_id = walk->found.here == 1 ? binding->org_id : 0;
        return 0;
}

int resolve_find_bindings(const struct sealed *s, struct view account, struct view service,
                          struct resolve_bindings *ret)
{
        const struct rowcache_key key = {
                .kind = ROWCACHE_BINDINGS, .name = account, .other = service};
        struct binding_walk walk = {.s = s, .account = account, .service = service};
        int r = 0;

        if (sealed_is_kept(s, &key, ret, sizeof(*ret)))
                return 0;
        if (!view_is_empty(account))
                r = store_list_bindings(s->reader, account, visit_binding, &walk);
        if (r < 0)
                return r;
        sealed_keep(s, &key, &walk.found, sizeof(walk.found));
        *ret = walk.found;
        return 0;
}

int resolve_is_guarded(const struct sealed *s, struct view account,
                       const struct resolve_bindings *bindings, bool *ret)
{
        struct record_guarded guarded;
        int r = sealed_find_guarded(s, account, &guarded);

        if (r < 0 && r != -ENOENT)
                return r;
        /* Binding guards, so the row is there for every bound account. Should it be missing, the
           bindings still speak: of the two answers the wrong "no" is the one that opens a door. */
        *ret = r == 0 || bindings->all > 0;
        return 0;
}

int resolve_find_binding(const struct sealed *s, struct view account, int64_t org_id,
                         struct view service, struct record_account *ret)
{
        struct record_account binding;
        int r = sealed_find_account(s, account, org_id, &binding);

        if (r < 0)
                return r;
        if (!view_equal_str(account, binding.name) || binding.org_id != org_id ||
            !limits_is_valid(&binding.services))
                return -EBADMSG;
        if (!is_for_service(&binding, service))
                return -ENOENT;
        *ret = binding;
        return 0;
}

/* One thing that names an org: by id, by name, or (a key) by the row itself. */
struct source {
        const char *word;
        const struct record_org *row;
        int64_t id;
        struct view name;
};

static bool source_is_present(const struct source *source)
{
        return source->row || source->id != 0 || !view_is_empty(source->name);
}

/* -ENOENT also for a deleted org: its name may be shown, but it is no place to go to. */
static int source_find_org(const struct sealed *s, const struct source *source,
                           struct record_org *ret)
{
        struct record_org org;
        int r = 0;

        if (source->row)
                org = *source->row;
        else if (source->id != 0)
                r = sealed_find_org(s, source->id, &org);
        else if (!name_is_org(source->name))
                r = -ENOENT;
        else
                r = sealed_find_org_by_name(s, source->name, &org);
        if (r < 0)
                return r;
        if (!view_is_empty(source->name) && !view_equal_str(source->name, org.name))
                return -EBADMSG;
        if (org.deleted_at != 0)
                return -ENOENT;
        *ret = org;
        return 0;
}

/* Without another look-up: names are unique among the orgs that exist, so a name that is not this
   org's is another's or nobody's, and either is a conflict. */
static bool source_agrees(const struct source *source, const struct record_org *org)
{
        if (source->id != 0)
                return source->id == org->id;
        return view_equal_str(source->name, org->name);
}

int resolve_org(const struct sealed *s, const struct resolve_sources *sources,
                enum resolve_result *ret_result, struct record_org *ret, const char **ret_named_by)
{
        const struct source all[] = {
                {.word = "key", .row = sources->key_org},
                {.word = "suffix", .name = sources->suffix},
                {.word = "option", .name = sources->option},
                {.word = "account", .id = sources->account_org},
                {.word = "prompt", .name = sources->answer},
        };
        struct record_org org;
        const char *named_by = NULL;
        bool conflict = false;
        int r;

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                if (!source_is_present(&all[i]))
                        continue;
                if (named_by) {
                        conflict = conflict || !source_agrees(&all[i], &org);
                        continue;
                }
                r = source_find_org(s, &all[i], &org);
                if (r == -ENOENT) {
                        *ret_result = RESOLVE_NO_SUCH;
                        return 0;
                }
                if (r < 0)
                        return r;
                named_by = all[i].word;
        }
        *ret_result = !named_by ? RESOLVE_NONE : conflict ? RESOLVE_CONFLICT : RESOLVE_FOUND;
        if (*ret_result == RESOLVE_FOUND) {
                *ret = org;
                *ret_named_by = named_by;
        }
        return 0;
}

/* start + seconds; what lies beyond all time never comes. */
static int64_t add_seconds(int64_t start, int64_t seconds)
{
        int64_t sum;

        return __builtin_add_overflow(start, seconds, &sum) ? EXPIRY_NEVER : sum;
}

/* Only ever earlier: the order in which rules are applied does not matter. */
static void end_no_later(struct resolve_end *end, int64_t at, const char *reason)
{
        if (at < end->at)
                *end = (struct resolve_end){at, reason};
}

void resolve_end_of_row(const struct record_token *token, struct resolve_end *ret)
{
        *ret = (struct resolve_end){EXPIRY_NEVER, ""};
        end_no_later(ret, token->expires_at, "expired");
        end_no_later(ret, token->ends_at, "rotated");
}

static int find_sign(const struct sealed *s, struct resolve_sign *sign)
{
        struct record_last_use use;
        int64_t last = sign->token->created_at;
        int r;

        if (sign->known)
                return 0;
        r = store_find_last_use(s->reader, sign->token->id, &use);
        if (r < 0)
                return r;
        if (use.at > last)
                last = use.at;
        /* Uses are written a while after they happened; one that waits for it is as good. */
        if (sign->usage && usage_find(sign->usage, sign->token->id, &use) == 0 && use.at > last)
                last = use.at;
        sign->at = last;
        sign->known = true;
        return 0;
}

int resolve_end_by_policy(const struct sealed *s, struct resolve_sign *sign,
                          const struct policy *policy, const struct resolve_words *words,
                          int64_t now, struct resolve_end *end)
{
        const struct record_token *token = sign->token;

        /* Not "> 0": a negative bound, which nobody can set, then ends the token at once. */
        if (policy->max_life != 0)
                end_no_later(end, add_seconds(token->created_at, policy->max_life), words->life);
        if (policy->max_unused != 0) {
                int r = find_sign(s, sign);

                if (r < 0)
                        return r;
                end_no_later(end, add_seconds(sign->at, policy->max_unused), words->unused);
        }
        /* A longest life bounds a token without expiry by itself. Where there is none, no moment
           can be named from which it is over: it is over since it was made, and in any case by
           now. */
        if (!policy->never_ok && policy->max_life == 0 && token->expires_at == EXPIRY_NEVER)
                end_no_later(end, token->created_at < now ? token->created_at : now, words->never);
        return 0;
}

int resolve_find_end(const struct sealed *s, struct resolve_sign *sign,
                     const struct record_org *key_org, int64_t now, struct resolve_end *ret)
{
        struct policy host;
        struct resolve_end end;
        int r = sealed_find_host_policy(s, &host);

        if (r < 0)
                return r;
        resolve_end_of_row(sign->token, &end);
        r = resolve_end_by_policy(s, sign, &host, &resolve_host_words, now, &end);
        if (r == 0 && key_org)
                r = resolve_end_by_policy(s, sign, &key_org->policy, &resolve_org_words, now, &end);
        if (r < 0)
                return r;
        *ret = end;
        return 0;
}
