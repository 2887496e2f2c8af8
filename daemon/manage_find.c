#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/audit.h"
#include "daemon/manage_internal.h"

#define NEAR_DISTANCE 2

/* ---- the caller ---- */

/* Writes down the uid that a name was first seen with, in a transaction of its
   own, so that it holds whatever becomes of the verb. On a full or read-only disk it is left for
   the next time: reading goes on there, and the verb itself says it if it wanted to write. */
static int adopt_uid(struct manage_op *op)
{
        struct sealed writing = op->s;
        struct record_user user = op->user;
        int64_t revision;
        int r;

        if (!op->s.writer)
                return 0;
        user.uid = op->call->uid;
        r = store_write_begin(op->s.writer);
        if (r == 0) {
                writing.reader = store_writer_reader(op->s.writer);
                r = sealed_put_user(&writing, &user);
                if (r == 0)
                        r = store_write_commit(op->s.writer, &revision);
                if (r < 0)
                        store_write_rollback(op->s.writer);
        }
        if (r == -ENOSPC || r == -EDQUOT || r == -EROFS)
                return 0;
        if (r == 0) {
                op->user = user;
                op->reply->revision = revision;
        }
        return r;
}

/* The caller's own record. For root a damaged one is none: root must be able to mend things. */
static int load_caller(struct manage_op *op)
{
        int r = sealed_find_user_by_name(&op->s, view_of(op->name), &op->user);

        if (r == -ENOENT || (r == -EBADMSG && op->is_root))
                return 0;
        if (r < 0)
                return r;
        op->has_user = true;
        return op->user.uid < 0 ? adopt_uid(op) : 0;
}

int manage_identify(struct manage_op *op)
{
        int r;

        if (op->request.verb == WIRE_V_STATUS)
                return 0;
        r = op->has_name ? load_caller(op) : 0;
        if (r < 0 || op->is_root)
                return r;
        if (!op->has_name)
                return manage_refuse(
                        op, MANAGE_NO_NAME,
                        "your uid %lld has no login name on this host that orgtoken can use",
                        (long long)op->call->uid);
        if (!op->has_user)
                return 0;
        /* A login name given to somebody new must not come with its predecessor's rights. */
        if (op->user.uid >= 0 && op->user.uid != op->call->uid)
                return manage_refuse(
                        op, MANAGE_UID_MISMATCH,
                        "%s had uid %lld here and you have %lld: nothing is done for you until "
                        "root says 'orgtoken user reassign %s'",
                        op->name, (long long)op->user.uid, (long long)op->call->uid, op->name);
        if (op->user.suspended && op->request.verb != WIRE_V_WHOAMI)
                return manage_refuse(op, MANAGE_SUSPENDED,
                                     "%s is suspended: ask root for 'orgtoken user resume %s'",
                                     op->name, op->name);
        return 0;
}

int manage_roles(struct manage_op *op, int64_t org_id, unsigned *ret)
{
        unsigned roles = ACCESS_CALLER | (op->is_root ? ACCESS_ROOT : 0);
        struct record_member member;
        int r;

        /* Root needs no membership, and a damaged one must not stop root. */
        if (op->has_user && !op->is_root) {
                r = sealed_find_member(&op->s, org_id, op->user.id, &member);
                if (r < 0 && r != -ENOENT)
                        return r;
                if (r == 0)
                        roles |= ACCESS_MEMBER | (member.role == ROLE_ADMIN ? ACCESS_ADMIN : 0);
        }
        *ret = roles;
        return 0;
}

/* Few: a person is in some orgs, not in thousands. */
static int take_membership(struct manage_op *op, const struct manage_list *list _unused_,
                           const void *item)
{
        const struct record_member *member = item;
        struct manage_membership *grown;
        int r = sealed_check_member(&op->s, member);

        if (r < 0)
                return r;
        grown = realloc(op->memberships, (op->membership_count + 1) * sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        op->memberships = grown;
        grown[op->membership_count++] = (struct manage_membership){member->org_id, member->role};
        return 0;
}

int manage_load_memberships(struct manage_op *op)
{
        struct manage_list list = {.item_size = sizeof(struct record_member),
                                   .fetch = manage_fetch_memberships,
                                   .take = take_membership,
                                   .owner = op->user.id};

        if (!op->has_user || op->memberships)
                return 0;
        return manage_walk(op, &list);
}

enum role manage_role_in(const struct manage_op *op, int64_t org_id)
{
        for (size_t i = 0; i < op->membership_count; i++)
                if (op->memberships[i].org_id == org_id)
                        return op->memberships[i].role;
        return ROLE_NONE;
}

/* ---- organisations ---- */

struct nearest {
        struct view wanted;
        unsigned distance;
        char name[NAME_ORG_MAX + 1];
};

static void consider(struct nearest *n, const struct record_org *org)
{
        unsigned distance = name_distance(n->wanted, view_of(org->name));

        /* Of a name of three letters two are not a slip. */
        if (distance >= n->distance || distance * 2 > n->wanted.len)
                return;
        n->distance = distance;
        (void)view_copy(view_of(org->name), n->name, sizeof(n->name));
}

/* Names of orgs alone, so the seal does not matter: nothing is granted by a suggestion. */
static int consider_visitor(void *context, const struct record_org *org)
{
        consider(context, org);
        return 0;
}

/* The org that the caller may have meant, among those that the caller may see: a suggestion must
   not tell of any other. */
static int find_nearest(struct manage_op *op, struct nearest *n)
{
        struct store_cursor cursor = {0};
        struct record_org org;
        int r;

        n->distance = NEAR_DISTANCE + 1;
        if (op->is_root) {
                r = store_list_orgs(op->s.reader, &cursor, MANAGE_SCAN_MAX, consider_visitor, n);
                return r < 0 ? r : 0;
        }
        r = manage_load_memberships(op);
        for (size_t i = 0; r == 0 && i < op->membership_count; i++) {
                r = sealed_find_org(&op->s, op->memberships[i].org_id, &org);
                if (r == 0)
                        consider(n, &org);
        }
        return r;
}

/* One answer for "not there" and "not yours". */
static int refuse_org(struct manage_op *op, struct view name)
{
        struct nearest n = {.wanted = name};
        char safe[MANAGE_SAFE_SIZE];
        int r = find_nearest(op, &n);

        if (r < 0)
                return r;
        if (n.name[0])
                return manage_refuse(
                        op, MANAGE_NOT_FOUND,
                        "there is no organisation '%s' that you may see; did you mean '%s'?",
                        manage_safe(name, safe), n.name);
        return manage_refuse(
                op, MANAGE_NOT_FOUND,
                "there is no organisation '%s' that you may see; 'orgtoken org list' shows "
                "yours",
                manage_safe(name, safe));
}

/* Look-up, then sight, then right: only who sees an org is told that it takes an admin. */
int manage_find_org(struct manage_op *op, struct record_org *ret)
{
        struct view name = wire_text(&op->request, WIRE_F_ORG);
        char safe[MANAGE_SAFE_SIZE];
        unsigned roles = 0;
        int r;

        if (!name_is_org(name))
                return manage_refuse(op, MANAGE_BAD_ORG, "'%s' is no organisation name: it is %s",
                                     manage_safe(name, safe), name_org_rule());
        r = sealed_find_org_by_name(&op->s, name, ret);
        if (r == 0)
                r = manage_roles(op, ret->id, &roles);
        if (r < 0 && r != -ENOENT)
                return r;
        if (!(roles & (ACCESS_MEMBER | ACCESS_ADMIN | ACCESS_ROOT)))
                return refuse_org(op, name);
        (void)view_copy(name, op->note.org, sizeof(op->note.org));
        if (!access_is_allowed(op->request.verb, roles))
                return manage_refuse(
                        op, MANAGE_NOT_ALLOWED,
                        "only an admin of %s, or root, may do that; 'orgtoken member list %s' "
                        "shows who is",
                        ret->name, ret->name);
        return 0;
}

int manage_check_org_is_active(struct manage_op *op, const struct record_org *org)
{
        if (!org->suspended || op->is_root)
                return 0;
        return manage_refuse(op, MANAGE_SUSPENDED,
                             "%s is suspended: ask root for 'orgtoken org resume %s'", org->name,
                             org->name);
}

/* ---- users ---- */

static int check_user_name(struct manage_op *op, struct view name)
{
        char safe[MANAGE_SAFE_SIZE];

        if (!manage_is_user_name(name))
                return manage_refuse(op, MANAGE_BAD_USER, "'%s' is no user name: it is %s",
                                     manage_safe(name, safe), name_user_rule());
        (void)view_copy(name, op->note.user, sizeof(op->note.user));
        return 0;
}

int manage_find_user(struct manage_op *op, struct record_user *ret)
{
        struct view name = wire_text(&op->request, WIRE_F_USER);
        char safe[MANAGE_SAFE_SIZE];
        int r = check_user_name(op, name);

        if (r != 0)
                return r;
        r = sealed_find_user_by_name(&op->s, name, ret);
        if (r == -ENOENT)
                return manage_refuse(
                        op, MANAGE_NOT_FOUND,
                        "there is no user '%s' that you may see; a login name becomes a user "
                        "with its first membership or token",
                        manage_safe(name, safe));
        return r;
}

/* An account that an org's credentials may become, or once might, is nobody's user. */
static int check_is_no_account(struct manage_op *op, struct view name)
{
        struct record_guarded guarded;
        char safe[MANAGE_SAFE_SIZE];
        int r = sealed_find_guarded(&op->s, name, &guarded);

        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        return manage_refuse(
                op, MANAGE_IS_ACCOUNT,
                "'%s' is an organisation's account and nobody's user; name a person's login, "
                "or let root say 'orgtoken account release %s'",
                manage_safe(name, safe), safe);
}

/* A name that is a user already: is it still the same person, and may it act? */
static int check_known_user(struct manage_op *op, const struct manage_passwd *passwd,
                            struct record_user *user)
{
        if (user->suspended)
                return manage_refuse(op, MANAGE_SUSPENDED,
                                     "%s is suspended; 'orgtoken user resume %s' comes first",
                                     user->name, user->name);
        if (!passwd->exists || user->uid == passwd->uid)
                return 0;
        if (user->uid >= 0)
                return manage_refuse(
                        op, MANAGE_UID_MISMATCH,
                        "%s had uid %lld here and has %lld now: nothing is done for that name "
                        "until root says 'orgtoken user reassign %s'",
                        user->name, (long long)user->uid, (long long)passwd->uid, user->name);
        user->uid = passwd->uid;
        op->changed = true;
        return sealed_put_user(&op->s, user);
}

static int create_user(struct manage_op *op, struct view name, const struct manage_passwd *passwd,
                       struct record_user *ret)
{
        struct record_user user = {.created_at = op->call->clock};
        int r = store_next_user_id(op->s.writer, &user.id);

        if (r < 0)
                return r;
        (void)view_copy(name, user.name, sizeof(user.name));
        /* A name without an account on this host is a user too: services like PostgreSQL need none.
         */
        user.uid = passwd->exists ? passwd->uid : -1;
        r = sealed_put_user(&op->s, &user);
        if (r < 0)
                return r;
        op->changed = true;
        *ret = user;
        return 0;
}

int manage_make_user(struct manage_op *op, struct view name, const struct manage_passwd *passwd,
                     struct record_user *ret)
{
        int r = check_user_name(op, name);

        if (r == 0)
                r = check_is_no_account(op, name);
        if (r != 0)
                return r;
        r = sealed_find_user_by_name(&op->s, name, ret);
        if (r == -ENOENT)
                return create_user(op, name, passwd, ret);
        return r < 0 ? r : check_known_user(op, passwd, ret);
}

/* ---- tokens ---- */

int manage_key_id(struct manage_op *op, enum token_kind kind, int64_t id,
                  char ret[static TOKEN_KEY_ID_SIZE])
{
        unsigned shown;
        int r = store_key_id_length(op->s.reader, id, &shown);

        if (r == 0)
                token_key_id(kind, id, shown, ret);
        return r;
}

/* Any prefix is accepted as long as it is unique: scripts have the whole id, people have six
 * characters. */
static int parse_key_id(struct manage_op *op, enum token_kind *ret_kind, int64_t *ret_first,
                        int64_t *ret_last)
{
        struct view text = wire_text(&op->request, WIRE_F_KEY_ID);
        char safe[MANAGE_SAFE_SIZE];

        if (token_parse_key_id(text, ret_kind, ret_first, ret_last) == 0)
                return 0;
        return manage_refuse(
                op, MANAGE_BAD_KEY_ID,
                "'%s' is no key id: it is 'ak_' or 'pat_' and the first characters of the "
                "id, as lists show it, such as pat_4fK9aQ",
                manage_safe(text, safe));
}

int manage_key_id_kind(struct manage_op *op, enum token_kind *ret)
{
        int64_t first, last;

        return parse_key_id(op, ret, &first, &last);
}

struct search {
        const struct manage_op *op;
        unsigned found;
        unsigned scanned;
        struct record_token *token;
};

/* May the caller do with this token what the verb does? Those that the caller may only not touch do
   not count: they are not there. */
static bool may_manage(const struct manage_op *op, const struct record_token *token)
{
        unsigned roles = op->is_root ? ACCESS_ROOT : ACCESS_CALLER;

        if (token->kind == TOKEN_PAT && op->has_user && token->owner == op->user.id)
                roles |= ACCESS_OWNER;
        if (token->kind == TOKEN_AK && manage_role_in(op, token->owner) == ROLE_ADMIN)
                roles |= ACCESS_ADMIN;
        return access_is_allowed(op->request.verb, roles);
}

static int search_visitor(void *context, const struct record_token *token)
{
        struct search *s = context;

        /* A prefix so short that looking on would be work for its own sake: as good as ambiguous.
         */
        if (++s->scanned > MANAGE_SCAN_MAX)
                return 1;
        if (!may_manage(s->op, token))
                return 0;
        if (++s->found > 1)
                return 1;
        *s->token = *token;
        return 0;
}

/* Among those that the caller may manage: what others have makes no prefix ambiguous, and tells
 * nothing. */
int manage_find_token(struct manage_op *op, enum token_kind kind, struct record_token *ret)
{
        struct search search = {.op = op, .token = ret};
        enum token_kind named;
        int64_t first, last;
        char safe[MANAGE_SAFE_SIZE];
        int r = parse_key_id(op, &named, &first, &last);

        if (r == 0 && kind != 0 && named != kind)
                return manage_refuse(op, MANAGE_WRONG_KIND, "'%s' is %s; use 'orgtoken %s' for it",
                                     manage_safe(wire_text(&op->request, WIRE_F_KEY_ID), safe),
                                     named == TOKEN_PAT ? "a personal access token"
                                                        : "an org's key",
                                     named == TOKEN_PAT ? "pat" : "key");
        if (r == 0)
                r = manage_load_memberships(op);
        if (r != 0)
                return r;
        r = store_list_token_range(op->s.reader, named, first, last, search_visitor, &search);
        if (r < 0)
                return r;
        (void)manage_safe(wire_text(&op->request, WIRE_F_KEY_ID), safe);
        if (search.found > 1 || search.scanned > MANAGE_SCAN_MAX)
                return manage_refuse(
                        op, MANAGE_AMBIGUOUS,
                        "'%s' means more than one token: give more characters of the id", safe);
        if (search.found == 0)
                return manage_refuse(
                        op, MANAGE_NOT_FOUND,
                        "there is no token '%s' that you may manage; 'orgtoken pat list' and "
                        "'orgtoken key list ORG' show yours",
                        safe);
        return manage_key_id(op, ret->kind, ret->id, op->note.key_id);
}
