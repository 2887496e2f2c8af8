#include "tests/support/manage_model.h"

#include <string.h>

const char *const model_orgs[MODEL_ORGS] = {"acme", "globex", "initech", "umbrella"};
const char *const model_names[MODEL_NAMES] = {"root",  "alice",       "bob",      "carol",  "dave",
                                              "ghost", "acme-deploy", "postgres", "pg-role"};
static const int64_t first_uids[MODEL_NAMES] = {0, 1001, 1002, 1003, 1004, -1, 2001, 115, -1};

static const struct model_result done = {.reason = "", .count = -1};

static struct model_result refused(const char *reason)
{
        return (struct model_result){.reason = reason, .count = -1};
}

static struct model_result counted(int64_t count)
{
        return (struct model_result){.reason = "", .count = count};
}

void model_init(struct model *m, int64_t now, int64_t revision)
{
        *m = (struct model){.now = now, .revision = revision};
        m->host = (struct model_policy){.never_ok = true, .self_service = 1};
        memcpy(m->uid, first_uids, sizeof(first_uids));
}

/* ---- tokens ---- */

static bool owner_is(const struct model *m, const struct model_token *t, bool is_pat, int owner)
{
        int life = is_pat ? m->user[owner].life : m->org[owner].life;

        return t->is_pat == is_pat && t->owner == owner && t->owner_life == life;
}

bool model_is_live(const struct model *m, const struct model_token *t)
{
        return !t->revoked && t->ends > m->now && t->expires > m->now;
}

static bool is_cut(const struct model *m, const struct model_token *t, const struct model_policy *p)
{
        if (p->max_life > 0)
                return t->created + p->max_life <= m->now;
        return !p->never_ok && t->expires == MODEL_FOREVER;
}

int model_state(const struct model *m, const struct model_token *t)
{
        if (t->revoked || t->ends <= m->now)
                return WIRE_STATE_REVOKED;
        if (t->expires <= m->now || is_cut(m, t, &m->host))
                return WIRE_STATE_EXPIRED;
        if (!t->is_pat && is_cut(m, t, &m->org[t->owner].policy))
                return WIRE_STATE_EXPIRED;
        return WIRE_STATE_LIVE;
}

int model_count(const struct model *m, bool is_pat, int owner, bool live_only)
{
        int count = 0;

        for (size_t i = 0; i < m->token_count; i++)
                if (owner_is(m, &m->token[i], is_pat, owner) &&
                    (!live_only || model_is_live(m, &m->token[i])))
                        count++;
        return count;
}

/* Revokes what is not revoked; owner -1: everybody's. */
static int sweep(struct model *m, bool is_pat, int owner, bool dry_run)
{
        int count = 0;

        for (size_t i = 0; i < m->token_count; i++) {
                struct model_token *t = &m->token[i];

                if (t->revoked || t->is_pat != is_pat ||
                    (owner >= 0 && !owner_is(m, t, is_pat, owner)))
                        continue;
                count++;
                if (!dry_run)
                        t->revoked = true;
        }
        return count;
}

/* ---- who asks ---- */

static bool is_root(const struct model_step *s)
{
        return s->caller == 0;
}

static bool is_for_root(enum wire_verb verb)
{
        static const enum wire_verb verbs[] = {
                WIRE_V_ORG_CREATE,    WIRE_V_ORG_DELETE,      WIRE_V_ORG_SET,
                WIRE_V_ORG_SUSPEND,   WIRE_V_ORG_RESUME,      WIRE_V_USER_LIST,
                WIRE_V_USER_SUSPEND,  WIRE_V_USER_RESUME,     WIRE_V_USER_REMOVE,
                WIRE_V_USER_REASSIGN, WIRE_V_ACCOUNT_BIND,    WIRE_V_ACCOUNT_UNBIND,
                WIRE_V_HOST_SET,      WIRE_V_ACCOUNT_RELEASE, WIRE_V_REVOKE_ALL,
                WIRE_V_HOST_SHOW,     WIRE_V_GUARDED_LIST,    WIRE_V_CLOCK_RESET,
        };

        for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
                if (verbs[i] == verb)
                        return true;
        return false;
}

static const char *judge_caller(struct model *m, const struct model_step *s)
{
        struct model_user *u;

        if (s->caller == -2)
                return "not-allowed";
        if (is_for_root(s->verb) && !is_root(s))
                return "not-allowed";
        if (s->verb == WIRE_V_STATUS)
                return "";
        if (s->caller < 0)
                return "no-name";
        u = &m->user[s->caller];
        if (u->exists && u->uid < 0) {
                u->uid = m->uid[s->caller];
                m->revision++;
        }
        if (is_root(s) || !u->exists)
                return "";
        if (u->uid != m->uid[s->caller])
                return "uid-mismatch";
        return u->suspended && s->verb != WIRE_V_WHOAMI ? "suspended" : "";
}

static int role_in(const struct model *m, const struct model_step *s, int org)
{
        return m->user[s->caller].exists ? m->org[org].role[s->caller] : 0;
}

/* least 1: members see it; 2: it is for admins. */
static const char *judge_org(const struct model *m, const struct model_step *s, int least)
{
        const struct model_org *o = &m->org[s->org];

        if (!o->exists || (!is_root(s) && role_in(m, s, s->org) == 0))
                return "not-found";
        return !is_root(s) && role_in(m, s, s->org) < least ? "not-allowed" : "";
}

static bool is_frozen(const struct model *m, const struct model_step *s, int org)
{
        return m->org[org].suspended && !is_root(s);
}

/* ---- users ---- */

/* Makes the name a user, or says why not. uid is what the host says of it. */
static const char *judge_user(const struct model *m, int name, int64_t uid)
{
        const struct model_user *u = &m->user[name];

        if (m->guarded[name])
                return "is-account";
        if (u->exists && u->suspended)
                return "suspended";
        if (u->exists && uid >= 0 && u->uid >= 0 && u->uid != uid)
                return "uid-mismatch";
        return "";
}

static void make_user(struct model *m, int name, int64_t uid)
{
        struct model_user *u = &m->user[name];

        if (!u->exists)
                *u = (struct model_user){.exists = true, .uid = uid, .life = ++m->lives};
        else if (u->uid < 0)
                u->uid = uid;
}

static struct model_result take_user(struct model *m, const struct model_step *s)
{
        struct model_user *u = &m->user[s->name];
        int count;

        if (!u->exists)
                return refused("not-found");
        if (s->verb == WIRE_V_USER_REASSIGN) {
                if (m->uid[s->name] < 0)
                        return refused("no-account");
                m->revision += u->uid != m->uid[s->name];
                u->uid = m->uid[s->name];
                return done;
        }
        if (s->verb != WIRE_V_USER_REMOVE) {
                bool suspend = s->verb == WIRE_V_USER_SUSPEND;

                m->revision += u->suspended != suspend;
                u->suspended = suspend;
                return counted(model_count(m, true, s->name, true));
        }
        count = sweep(m, true, s->name, s->dry_run);
        if (s->dry_run)
                return counted(count);
        for (int org = 0; org < MODEL_ORGS; org++)
                m->org[org].role[s->name] = 0;
        u->exists = false;
        u->life = 0;
        m->revision++;
        return counted(count);
}

/* ---- orgs and members ---- */

static struct model_result take_org(struct model *m, const struct model_step *s)
{
        struct model_org *o = &m->org[s->org];
        bool suspend = s->verb == WIRE_V_ORG_SUSPEND;
        int count;

        if (s->verb == WIRE_V_ORG_CREATE) {
                if (o->exists)
                        return refused("exists");
                *o = (struct model_org){
                        .exists = true, .policy = {.never_ok = true}, .life = ++m->lives};
                m->revision++;
                return done;
        }
        if (!o->exists)
                return refused("not-found");
        if (s->verb == WIRE_V_ORG_SET) {
                o->policy.max_life = s->policy.max_life;
                o->policy.never_ok = s->policy.never_ok;
                m->revision++;
                return done;
        }
        if (s->verb != WIRE_V_ORG_DELETE) {
                m->revision += o->suspended != suspend;
                o->suspended = suspend;
                return counted(model_count(m, false, s->org, true));
        }
        for (int name = 0; name < MODEL_NAMES; name++)
                if (o->bound[name])
                        return refused("accounts-bound");
        count = sweep(m, false, s->org, s->dry_run);
        if (!s->dry_run) {
                *o = (struct model_org){.exists = false};
                m->revision++;
        }
        return counted(count);
}

static bool is_last_admin(const struct model_org *o, int name)
{
        int admins = 0;

        for (int i = 0; i < MODEL_NAMES; i++)
                admins += o->role[i] == 2;
        return o->role[name] == 2 && admins == 1;
}

static struct model_result take_member_add(struct model *m, const struct model_step *s)
{
        struct model_org *o = &m->org[s->org];
        const char *why;

        if (is_frozen(m, s, s->org))
                return refused("suspended");
        why = judge_user(m, s->name, m->uid[s->name]);
        if (why[0])
                return refused(why);
        if (m->user[s->name].exists && o->role[s->name] > 0)
                return refused("exists");
        make_user(m, s->name, m->uid[s->name]);
        o->role[s->name] = s->role;
        m->revision++;
        return done;
}

static struct model_result take_member(struct model *m, const struct model_step *s)
{
        struct model_org *o = &m->org[s->org];
        const char *why = judge_org(m, s, 2);
        int role = s->verb == WIRE_V_MEMBER_SET ? s->role : 0;

        if (why[0])
                return refused(why);
        if (s->verb == WIRE_V_MEMBER_ADD)
                return take_member_add(m, s);
        if (!m->user[s->name].exists || o->role[s->name] == 0)
                return refused("not-found");
        if (role > 0 && is_frozen(m, s, s->org))
                return refused("suspended");
        if (role == o->role[s->name])
                return done;
        if (is_last_admin(o, s->name) && !is_root(s))
                return refused("last-admin");
        o->role[s->name] = role;
        m->revision++;
        return done;
}

/* ---- accounts ---- */

static const char *judge_binding(const struct model *m, const struct model_step *s)
{
        const struct model_user *u = &m->user[s->name];

        if (s->name == 0)
                return "root-account";
        if (m->uid[s->name] >= 0 && m->uid[s->name] < 1000 && !s->allow_system)
                return "system-account";
        if (!u->exists)
                return "";
        for (int org = 0; org < MODEL_ORGS; org++)
                if (m->org[org].role[s->name] > 0)
                        return "is-user";
        return model_count(m, true, s->name, true) > 0 ? "is-user" : "";
}

static struct model_result take_account(struct model *m, const struct model_step *s)
{
        struct model_org *o = &m->org[s->org];
        const char *why;

        if (s->verb == WIRE_V_ACCOUNT_RELEASE) {
                for (int org = 0; org < MODEL_ORGS; org++)
                        if (m->org[org].bound[s->name])
                                return refused("still-bound");
                if (!m->guarded[s->name])
                        return refused("not-found");
                m->guarded[s->name] = false;
        } else if (!o->exists) {
                return refused("not-found");
        } else if (s->verb == WIRE_V_ACCOUNT_UNBIND) {
                if (!o->bound[s->name])
                        return refused("not-found");
                o->bound[s->name] = false;
        } else {
                why = judge_binding(m, s);
                if (why[0])
                        return refused(why);
                o->bound[s->name] = m->guarded[s->name] = true;
        }
        m->revision++;
        return done;
}

/* ---- making tokens ---- */

static const char *judge_life(const struct model_policy *p, int64_t life)
{
        if (p->max_life > 0 && (life == 0 || life > p->max_life))
                return "policy";
        return life == 0 && !p->never_ok ? "policy" : "";
}

/* org -1: a PAT */
static const char *judge_creation(const struct model *m, const struct model_step *s, int org,
                                  int64_t life)
{
        const char *why = "";

        if (m->host.self_service == 3 && !is_root(s))
                return "self-service-off";
        why = judge_life(&m->host, life);
        return why[0] || org < 0 ? why : judge_life(&m->org[org].policy, life);
}

static struct model_result take_create(struct model *m, const struct model_step *s)
{
        struct model_result made = {.reason = "", .count = -1, .makes_token = true};
        bool is_pat = s->verb == WIRE_V_PAT_CREATE;
        int owner = s->names_user ? s->name : s->caller;
        const char *why = is_pat ? "" : judge_org(m, s, 2);

        if (!why[0] && !is_pat && is_frozen(m, s, s->org))
                why = "suspended";
        if (!why[0])
                why = judge_creation(m, s, is_pat ? -1 : s->org, s->life);
        if (!why[0] && is_pat && owner != s->caller && !is_root(s))
                why = "not-allowed";
        if (!why[0] && is_pat)
                why = judge_user(m, owner, m->uid[owner]);
        if (why[0])
                return refused(why);
        if (is_pat)
                make_user(m, owner, m->uid[owner]);
        m->revision++;
        return made;
}

static bool may_manage(const struct model *m, const struct model_step *s,
                       const struct model_token *t)
{
        if (is_root(s))
                return true;
        if (t->is_pat)
                return m->user[s->caller].exists && owner_is(m, t, true, s->caller);
        return m->org[t->owner].exists && owner_is(m, t, false, t->owner) &&
               role_in(m, s, t->owner) == 2;
}

static const char *judge_rotation(const struct model *m, const struct model_step *s,
                                  const struct model_token *t)
{
        int64_t life = s->life;

        if (t->ends != MODEL_FOREVER)
                return "rotated";
        if (life == 0 && t->expires != MODEL_FOREVER)
                life = t->expires - t->created;
        if (!t->is_pat && is_frozen(m, s, t->owner))
                return "suspended";
        if (t->is_pat) {
                const char *why = judge_user(m, t->owner, -1);

                if (why[0])
                        return why;
        }
        return judge_creation(m, s, t->is_pat ? -1 : t->owner, life);
}

static struct model_result take_rotate(struct model *m, const struct model_step *s,
                                       struct model_token *t)
{
        struct model_result made = {.reason = "", .count = -1, .makes_token = true};
        const char *why = judge_rotation(m, s, t);

        if (why[0])
                return refused(why);
        m->revision++;
        return made;
}

static struct model_result take_token(struct model *m, const struct model_step *s)
{
        struct model_token *t = &m->token[s->token];

        if (s->verb == WIRE_V_PAT_RENAME && !t->is_pat)
                return refused("not-renamable");
        if ((s->verb == WIRE_V_PAT_REVOKE && !t->is_pat) ||
            (s->verb == WIRE_V_KEY_REVOKE && t->is_pat))
                return refused("wrong-kind");
        if (!may_manage(m, s, t))
                return refused("not-found");
        if (t->revoked || t->ends <= m->now)
                return refused("revoked");
        if (s->verb == WIRE_V_ROTATE)
                return take_rotate(m, s, t);
        if (s->verb == WIRE_V_PAT_RENAME) {
                m->revision += t->label != s->label;
                t->label = s->label;
        } else {
                t->revoked = true;
                m->revision++;
        }
        return done;
}

void model_made(struct model *m, const struct model_step *s, int64_t id, bool accepted)
{
        struct model_token *old = s->verb == WIRE_V_ROTATE ? &m->token[s->token] : NULL;
        struct model_token *t = &m->token[m->token_count++];
        int64_t life = s->life;

        *t = (struct model_token){.id = id, .label = s->label, .created = m->now, .successor = -1};
        t->ends = t->expires = MODEL_FOREVER;
        t->is_pat = old ? old->is_pat : s->verb == WIRE_V_PAT_CREATE;
        t->owner = old ? old->owner : !t->is_pat ? s->org : s->names_user ? s->name : s->caller;
        t->owner_life = t->is_pat ? m->user[t->owner].life : m->org[t->owner].life;
        if (old) {
                t->label = old->label;
                if (life == 0 && old->expires != MODEL_FOREVER)
                        life = old->expires - old->created;
        }
        if (life > 0)
                t->expires = m->now + life;
        t->revoked = !accepted;
        if (old && accepted) {
                old->ends = m->now + s->overlap;
                old->revoked = s->overlap == 0;
                old->successor = id;
        }
        m->revision += old || !accepted;
}

/* ---- all verbs ---- */

static struct model_result take_host_set(struct model *m, const struct model_step *s)
{
        if (s->policy.self_service == 2 && s->policy.max_life == 0)
                return refused("bad-policy");
        m->host = s->policy;
        m->revision++;
        return done;
}

static struct model_result take_revoke_all(struct model *m, const struct model_step *s)
{
        int count = 0;

        if (s->names_org && !m->org[s->org].exists)
                return refused("not-found");
        if (s->names_user && !m->user[s->name].exists)
                return refused("not-found");
        if (s->names_org || !s->names_user)
                count += sweep(m, false, s->names_org ? s->org : -1, s->dry_run);
        if (s->names_user || !s->names_org)
                count += sweep(m, true, s->names_user ? s->name : -1, s->dry_run);
        m->revision += count > 0 && !s->dry_run;
        return counted(count);
}

static struct model_result take_pat_list(const struct model *m, const struct model_step *s)
{
        if (!s->names_user)
                return done;
        if (!is_root(s) && s->name != s->caller)
                return refused("not-found");
        return is_root(s) && !m->user[s->name].exists ? refused("not-found") : done;
}

struct model_result model_take(struct model *m, const struct model_step *s)
{
        const char *why = judge_caller(m, s);

        if (why[0])
                return refused(why);
        switch ((int)s->verb) {
        case WIRE_V_ORG_CREATE:
        case WIRE_V_ORG_DELETE:
        case WIRE_V_ORG_SET:
        case WIRE_V_ORG_SUSPEND:
        case WIRE_V_ORG_RESUME: return take_org(m, s);
        case WIRE_V_USER_SUSPEND:
        case WIRE_V_USER_RESUME:
        case WIRE_V_USER_REASSIGN:
        case WIRE_V_USER_REMOVE: return take_user(m, s);
        case WIRE_V_MEMBER_ADD:
        case WIRE_V_MEMBER_SET:
        case WIRE_V_MEMBER_REMOVE: return take_member(m, s);
        case WIRE_V_ACCOUNT_BIND:
        case WIRE_V_ACCOUNT_UNBIND:
        case WIRE_V_ACCOUNT_RELEASE: return take_account(m, s);
        case WIRE_V_KEY_CREATE:
        case WIRE_V_PAT_CREATE: return take_create(m, s);
        case WIRE_V_KEY_REVOKE:
        case WIRE_V_PAT_REVOKE:
        case WIRE_V_PAT_RENAME:
        case WIRE_V_ROTATE: return take_token(m, s);
        case WIRE_V_HOST_SET: return take_host_set(m, s);
        case WIRE_V_REVOKE_ALL: return take_revoke_all(m, s);
        case WIRE_V_PAT_LIST: return take_pat_list(m, s);
        case WIRE_V_ORG_SHOW:
        case WIRE_V_MEMBER_LIST: return refused(judge_org(m, s, 1));
        case WIRE_V_KEY_LIST: return refused(judge_org(m, s, 2));
        default: return done; /* lists that show what one may see */
        }
}
