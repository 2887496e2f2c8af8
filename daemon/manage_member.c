#include <errno.h>

#include "daemon/manage_internal.h"

/* What WIRE_F_ROLE says; fallback where it says nothing (ROLE_NONE: it must). */
static int read_role(struct manage_op *op, enum role fallback, enum role *ret)
{
        int64_t number = wire_number(&op->request, WIRE_F_ROLE, fallback);

        if (number != ROLE_MEMBER && number != ROLE_ADMIN)
                return manage_refuse(op, MANAGE_BAD_ROLE, "a role is member or admin");
        *ret = (enum role)number;
        return 0;
}

/* The first admin is made by root: nobody else is an admin of a new org. An admin adds whoever is a
   login name or may become one, without asking that person: a membership gives, and takes nothing
   (a PAT works only where its user names the org). */
int manage_member_add(struct manage_op *op)
{
        struct record_member member = {.created_at = op->call->clock};
        struct record_member there;
        struct record_user user;
        struct record_org org;
        int r = manage_find_org(op, &org);

        if (r == 0)
                r = manage_check_org_is_active(op, &org);
        if (r == 0)
                r = read_role(op, ROLE_MEMBER, &member.role);
        if (r == 0)
                r = manage_make_user(op, wire_text(&op->request, WIRE_F_USER), &op->passwd, &user);
        if (r != 0)
                return r;
        r = sealed_find_member(&op->s, org.id, user.id, &there);
        if (r == 0)
                return manage_refuse(
                        op, MANAGE_EXISTS,
                        "%s is %s of %s already; 'orgtoken member set %s %s --role ROLE' "
                        "changes it",
                        user.name, role_to_string(there.role), org.name, org.name, user.name);
        if (r != -ENOENT)
                return r;
        member.org_id = org.id;
        member.user_id = user.id;
        r = sealed_put_member(&op->s, &member);
        if (r < 0)
                return r;
        op->changed = true;
        op->reply->changed_rights = true;
        return manage_done(op, WIRE_DONE);
}

/* The member that the request names. Whether there is such a user elsewhere is nobody's business
 * here. */
static int find_member(struct manage_op *op, struct record_org *ret_org,
                       struct record_user *ret_user, struct record_member *ret)
{
        struct view name = wire_text(&op->request, WIRE_F_USER);
        char safe[MANAGE_SAFE_SIZE];
        int r = manage_find_org(op, ret_org);

        if (r != 0)
                return r;
        if (!manage_is_user_name(name))
                return manage_refuse(op, MANAGE_BAD_USER, "'%s' is no user name: it is %s",
                                     manage_safe(name, safe), name_user_rule());
        r = sealed_find_user_by_name(&op->s, name, ret_user);
        if (r == 0)
                r = sealed_find_member(&op->s, ret_org->id, ret_user->id, ret);
        if (r == -ENOENT)
                return manage_refuse(
                        op, MANAGE_NOT_FOUND,
                        "'%s' is no member of %s; 'orgtoken member list %s' shows who is",
                        manage_safe(name, safe), ret_org->name, ret_org->name);
        if (r == 0)
                (void)view_copy(name, op->note.user, sizeof(op->note.user));
        return r;
}

/* An org without an admin can only be helped by root: so only root makes one. */
static int check_not_last_admin(struct manage_op *op, const struct record_org *org,
                                const struct record_user *user, const struct record_member *member)
{
        int64_t members, admins;
        int r;

        if (op->is_root || member->role != ROLE_ADMIN)
                return 0;
        r = store_count_members(op->s.reader, org->id, &members, &admins);
        if (r < 0 || admins > 1)
                return r;
        return manage_refuse(
                op, MANAGE_LAST_ADMIN,
                "%s is the last admin of %s: make another one first with 'orgtoken member "
                "set %s USER --role admin'",
                user->name, org->name, org->name);
}

/* Takes effect with the next verification: nothing is copied into a token. */
int manage_member_set(struct manage_op *op)
{
        struct record_member member;
        struct record_user user;
        struct record_org org;
        enum role role = ROLE_NONE;
        int r = find_member(op, &org, &user, &member);

        if (r == 0)
                r = read_role(op, ROLE_NONE, &role);
        if (r == 0)
                r = manage_check_org_is_active(op, &org);
        if (r != 0)
                return r;
        if (role == member.role)
                return manage_done(op, WIRE_DONE);
        r = check_not_last_admin(op, &org, &user, &member);
        if (r != 0)
                return r;
        member.role = role;
        r = sealed_put_member(&op->s, &member);
        if (r < 0)
                return r;
        op->changed = true;
        op->reply->changed_rights = true;
        return manage_done(op, WIRE_DONE);
}

/* Their PATs stay, and open nothing here any more. Allowed in a suspended org, as all that only
 * takes away. */
int manage_member_remove(struct manage_op *op)
{
        struct record_member member;
        struct record_user user;
        struct record_org org;
        int r = find_member(op, &org, &user, &member);

        if (r == 0)
                r = check_not_last_admin(op, &org, &user, &member);
        if (r == 0)
                r = store_delete_member(op->s.writer, org.id, user.id);
        if (r != 0)
                return r;
        op->changed = true;
        op->reply->changed_rights = true;
        return manage_done(op, WIRE_DONE);
}

/* A row whose seal is broken ends the list: a list with a member left out would read as if all were
 * well. */
static int take_member(struct manage_op *op, const struct manage_list *list _unused_,
                       const void *item)
{
        const struct record_member *member = item;
        struct record_user user;
        struct wire_message m;
        int r = sealed_check_member(&op->s, member);

        if (r == 0)
                r = sealed_find_user(&op->s, member->user_id, &user);
        if (r < 0)
                return r;
        manage_answer(op, WIRE_ROW, &m);
        manage_put(&m, WIRE_F_USER, user.name);
        wire_put_number(&m, WIRE_F_ROLE, member->role);
        wire_put_number(&m, WIRE_F_CREATED_AT, member->created_at);
        wire_put_number(&m, WIRE_F_SUSPENDED, user.suspended);
        return manage_row(op, &m);
}

/* Members see each other, so that everybody knows whom to ask. */
int manage_member_list(struct manage_op *op)
{
        struct manage_list list = {.item_size = sizeof(struct record_member),
                                   .fetch = manage_fetch_members,
                                   .take = take_member};
        struct record_org org;
        int r = manage_find_org(op, &org);

        if (r != 0)
                return r;
        list.owner = org.id;
        return manage_page(op, &list);
}
