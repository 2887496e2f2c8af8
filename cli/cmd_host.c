#include "cli/cmd.h"

#include <errno.h>

#include "cli/policy.h"

static int host_show(struct call *call)
{
        _cleanup_session_ struct session s = SESSION_INIT;
        struct json j = {.out = &call->out.to};
        int status = session_begin_with_args(&s, call);

        if (status == STATUS_DONE)
                status = session_ask(&s);
        if (status != STATUS_DONE)
                return status;
        if (s.reply.magic != WIRE_DONE)
                return session_failure(&s, -EPROTO);
        if (call->out.json) {
                json_begin_object(&j, NULL);
                json_begin_object(&j, "policy");
                policy_put_json(&j, &s.reply);
                json_end_object(&j);
                json_end_object(&j);
        } else {
                policy_put_words(&call->out.to, &s.reply);
                buffer_puts(&call->out.to, "\n");
        }
        return output_flush(&call->out, &call->error);
}

const struct command cmd_host[] = {
        {
                .noun = "host",
                .verb = "show",
                .wire = WIRE_V_HOST_SHOW,
                .run = host_show,
                .summary = "Shows the policy of this host.",
        },
        {
                .noun = "host",
                .verb = "set",
                .wire = WIRE_V_HOST_SET,
                .run = cmd_change,
                .summary = "Sets the policy of this host (root).",
                .details =
                        "POLICY is max-life=90d or none, never=yes or no, max-unused=30d or none, "
                        "self-service=full, limited or off. limited wants max-life to be set, and "
                        "to stay so; with off, only root makes and rotates tokens. What is not "
                        "named stays as it is.",
                .done = "policy of this host set",
                .args = {{"POLICY", NULL, ARG_HOST_POLICY, ARG_REPEATS, 0, "such as max-life=90d"}},
        },
        {0},
};

const struct command cmd_clock[] = {
        {
                .noun = "clock",
                .verb = "reset",
                .wire = WIRE_V_CLOCK_RESET,
                .run = cmd_change,
                .summary = "Lets expiry go by the clock again, after it was set back (root).",
                .details = "The daemon keeps the latest time that it trusted, so that a clock that "
                           "jumps "
                           "back revives no token. Where the clock was wrong in the future and is "
                           "right "
                           "now, this forgets that time. It is recorded in the journal.",
                .done = "the clock mark was reset: expiry goes by the clock again",
        },
        {0},
};

const struct command cmd_notify[] = {
        {
                .noun = "notify",
                .wire = WIRE_V_NOTIFY,
                .run = cmd_change,
                .summary = "Writes a journal record for each token that ends soon (root).",
                .details = "One record 14, 7 and 1 days before the end, once each. A timer of "
                           "systemd runs it every day: orgtoken-notify.timer.",
                .done = "{count token tokens} told of in the journal",
        },
        {0},
};
