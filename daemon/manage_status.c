#include <stdio.h>

#include "common/verdict.h"
#include "daemon/manage_internal.h"

/* Names are for scripts (`--json`, `--openmetrics`) and never change; the man page lists them. */
static int put_metric(struct manage_op *op, const char *name, int64_t value)
{
        struct wire_message m;

        manage_answer(op, WIRE_ROW, &m);
        manage_put(&m, WIRE_F_METRIC, name);
        wire_put_number(&m, WIRE_F_VALUE, value);
        return manage_row(op, &m);
}

struct metric {
        const char *name;
        int64_t value;
};

static int put_metrics(struct manage_op *op, const struct metric *metrics, size_t count)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < count; i++)
                r = put_metric(op, metrics[i].name, metrics[i].value);
        return r;
}
#define PUT_METRICS(op, metrics) put_metrics(op, metrics, sizeof(metrics) / sizeof((metrics)[0]))

/* "verifications_org_required": one a verdict, with the underscores that OpenMetrics asks for. */
static int put_verdicts(struct manage_op *op, const struct manage_status *status)
{
        char name[64];
        int r = put_metric(op, "verifications_unavailable", status->verdicts[0]);

        for (unsigned v = VERDICT_MALFORMED; r == 0 && v < VERDICT_COUNT; v++) {
                (void)snprintf(name, sizeof(name), "verifications_%s",
                               verdict_to_string((enum verdict)v));
                for (char *p = name; *p; p++)
                        if (*p == '-')
                                *p = '_';
                r = put_metric(op, name, status->verdicts[v]);
        }
        return r;
}

/* What binds everybody, so everybody sees it. */
static int put_policy(struct manage_op *op)
{
        struct policy p = {.max_life = 0};
        int r = sealed_find_host_policy(&op->s, &p);
        const struct metric metrics[] = {
                {"policy_max_life_seconds", p.max_life},
                {"policy_never_ok", p.never_ok},
                {"policy_max_unused_seconds", p.max_unused},
                {"policy_self_service", p.self_service},
        };

        return r < 0 ? r : PUT_METRICS(op, metrics);
}

/* How the daemon itself is doing: for root, for it tells when others log in. */
static int put_daemon(struct manage_op *op, const struct manage_status *status)
{
        int64_t oldest = status->oldest_pending_use;
        const struct metric metrics[] = {
                {"pending_uses", status->pending_uses},
                {"oldest_pending_use_seconds",
                 oldest > 0 && oldest < op->call->clock ? op->call->clock - oldest : 0},
                {"connections", status->connections},
                {"grants", status->grants},
        };

        return PUT_METRICS(op, metrics);
}

/* One walk over the tokens: for root, who does not ask in a loop. */
static int put_counts(struct manage_op *op)
{
        struct store_counts c;
        int r = store_count(op->s.reader, op->call->now, &c);
        const struct metric metrics[] = {
                {"orgs", c.orgs},
                {"users", c.users},
                {"members", c.members},
                {"accounts", c.accounts},
                {"keys_live", c.tokens[TOKEN_AK][WIRE_STATE_LIVE]},
                {"keys_expired", c.tokens[TOKEN_AK][WIRE_STATE_EXPIRED]},
                {"keys_revoked", c.tokens[TOKEN_AK][WIRE_STATE_REVOKED]},
                {"pats_live", c.tokens[TOKEN_PAT][WIRE_STATE_LIVE]},
                {"pats_expired", c.tokens[TOKEN_PAT][WIRE_STATE_EXPIRED]},
                {"pats_revoked", c.tokens[TOKEN_PAT][WIRE_STATE_REVOKED]},
                {"store_bytes", c.bytes},
        };

        return r < 0 ? r : PUT_METRICS(op, metrics);
}

/* Who is not root sees that the service is there and what it does, but no count of what it holds.
 */
int manage_status(struct manage_op *op)
{
        const struct manage_status *status = op->call->status;
        struct store_freshness fresh;
        int r = store_freshness(op->s.reader, &fresh);

        if (r == 0)
                r = put_metric(op, "store_revision", fresh.revision);
        if (r == 0 && status)
                r = put_metric(op, "uptime_seconds", op->call->clock - status->started_at);
        if (r == 0 && status)
                r = put_verdicts(op, status);
        if (r == 0)
                r = put_policy(op);
        if (r == 0 && op->is_root)
                r = put_counts(op);
        if (r == 0 && op->is_root && status)
                r = put_daemon(op, status);
        return r < 0 ? r : manage_done(op, WIRE_END);
}
