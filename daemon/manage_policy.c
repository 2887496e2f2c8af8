#include "daemon/manage_internal.h"

/* 0 and 1 are yes and no; anything else is a slip of whoever wrote the request. */
static int read_flag(struct manage_op *op, enum wire_field field, const char *what, bool *flag)
{
        int64_t number = wire_number(&op->request, field, *flag);

        if (number != 0 && number != 1)
                return manage_refuse(op, MANAGE_BAD_POLICY, "%s is 1 for yes or 0 for no", what);
        *flag = number == 1;
        return 0;
}

static int read_seconds(struct manage_op *op, enum wire_field field, const char *what,
                        int64_t *seconds)
{
        int64_t number = wire_number(&op->request, field, *seconds);

        if (number < 0 || number > EXPIRY_MAX)
                return manage_refuse(op, MANAGE_BAD_POLICY,
                                     "%s is a number of seconds, 0 for no bound", what);
        *seconds = number;
        return 0;
}

/* `limited` says that nobody but root gets a longer life than the longest: without a longest life
   it would say nothing, and an empty bound must never read as "any". */
static int read_self_service(struct manage_op *op, struct policy *p)
{
        int64_t number = wire_number(&op->request, WIRE_F_SELF_SERVICE, p->self_service);

        if (wire_has(&op->request, WIRE_F_SELF_SERVICE) &&
            (number < SELF_SERVICE_FULL || number > SELF_SERVICE_OFF))
                return manage_refuse(op, MANAGE_BAD_POLICY, "self-service is full, limited or off");
        p->self_service = (int)number;
        if (p->self_service == SELF_SERVICE_LIMITED && p->max_life == 0)
                return manage_refuse(
                        op, MANAGE_BAD_POLICY,
                        "self-service=limited needs a longest life: set max-life too, such as "
                        "max-life=30d");
        return 0;
}

int manage_read_policy(struct manage_op *op, struct policy *policy)
{
        static const enum wire_field fields[] = {WIRE_F_MAX_LIFE, WIRE_F_NEVER_OK,
                                                 WIRE_F_MAX_UNUSED, WIRE_F_SELF_SERVICE,
                                                 WIRE_F_END_SESSIONS};
        struct policy p = *policy;
        bool any = false;
        int r;

        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
                any |= wire_has(&op->request, fields[i]);
        if (!any)
                return manage_refuse(
                        op, MANAGE_NOTHING_TO_SET,
                        "no policy was given: max-life, never and max-unused can be set, "
                        "end-sessions for an organisation and self-service for the host");
        r = read_seconds(op, WIRE_F_MAX_LIFE, "max-life", &p.max_life);
        if (r == 0)
                r = read_flag(op, WIRE_F_NEVER_OK, "never", &p.never_ok);
        if (r == 0)
                r = read_seconds(op, WIRE_F_MAX_UNUSED, "max-unused", &p.max_unused);
        if (r == 0)
                r = read_flag(op, WIRE_F_END_SESSIONS, "end-sessions", &p.end_sessions);
        if (r == 0)
                r = read_self_service(op, &p);
        if (r == 0)
                *policy = p;
        return r;
}

void manage_put_policy(struct wire_message *m, const struct policy *policy)
{
        wire_put_number(m, WIRE_F_MAX_LIFE, policy->max_life);
        wire_put_number(m, WIRE_F_NEVER_OK, policy->never_ok);
        wire_put_number(m, WIRE_F_MAX_UNUSED, policy->max_unused);
}

int manage_check_self_service(struct manage_op *op, const struct policy *host)
{
        if (op->is_root || host->self_service != SELF_SERVICE_OFF)
                return 0;
        return manage_refuse(op, MANAGE_SELF_SERVICE_OFF,
                             "only root makes and rotates tokens on this host (self-service=off)");
}

/* Holds for root as well: a life over the policy's would be cut at use, and who was promised a year
   would have a month. So `limited`, which binds everybody else, has no branch of its own here: it
   takes the way out in manage_read_policy(), a host without a longest life. */
int manage_check_life(struct manage_op *op, const struct policy *policy, const char *whose,
                      int64_t expires_at)
{
        char life[MANAGE_LIFE_SIZE];
        bool never = expires_at == EXPIRY_NEVER;

        if (policy->max_life > 0 && expires_at - op->call->clock > policy->max_life) {
                (void)manage_life(policy->max_life, life);
                return manage_refuse(
                        op, MANAGE_POLICY,
                        "the policy of %s allows a life of at most %s%s: give --expires with "
                        "%s or less",
                        whose, life, never ? ", and never is none" : "", life);
        }
        if (never && !policy->never_ok)
                return manage_refuse(
                        op, MANAGE_POLICY,
                        "the policy of %s allows no token without an end: give --expires, "
                        "such as --expires 90d",
                        whose);
        return 0;
}
