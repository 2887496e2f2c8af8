#include "daemon/manage_internal.h"

int manage_host_show(struct manage_op *op)
{
        struct policy policy;
        struct wire_message m;
        int r = sealed_find_host_policy(&op->s, &policy);

        if (r < 0)
                return r;
        manage_answer(op, WIRE_DONE, &m);
        manage_put_policy(&m, &policy);
        wire_put_number(&m, WIRE_F_SELF_SERVICE, policy.self_service);
        return manage_reply_add(op->reply, &m);
}

int manage_host_set(struct manage_op *op)
{
        struct policy policy;
        int r = sealed_find_host_policy(&op->s, &policy);

        if (r == 0)
                r = manage_read_policy(op, &policy);
        if (r == 0)
                r = sealed_put_host_policy(&op->s, &policy);
        if (r != 0)
                return r;
        op->changed = true;
        op->reply->changed_rights = true;
        return manage_done(op, WIRE_DONE);
}

/* Back to the clock as it is now, and not to none: a later step into the past still revives
   nothing. A local fact, so it takes no revision; but it is recorded. */
int manage_clock_reset(struct manage_op *op)
{
        int r = sealed_put_clock_mark(&op->s, op->call->clock);

        if (r < 0)
                return r;
        op->noted = true;
        op->reply->clock_reset = true;
        op->reply->changed_rights = true;
        return manage_done(op, WIRE_DONE);
}
