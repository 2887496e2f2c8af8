#include "cli/value.h"

#include <errno.h>

#include "cli/policy.h"
#include "cli/timewords.h"
#include "common/cidr.h"
#include "common/expiry.h"
#include "common/name.h"

/* The wire has numbers for these, so a word that is none cannot even be asked about. */
static int parse_role(struct view text, int64_t *ret)
{
        enum role role;
        int r = role_parse(text, &role);

        if (r == 0)
                *ret = role;
        return r;
}

static int parse_state(struct view text, int64_t *ret)
{
        static const char *const names[] = {
                [WIRE_STATE_LIVE] = "live",
                [WIRE_STATE_EXPIRED] = "expired",
                [WIRE_STATE_REVOKED] = "revoked",
        };

        for (int i = WIRE_STATE_LIVE; i <= WIRE_STATE_REVOKED; i++) {
                if (!view_equal_str(text, names[i]))
                        continue;
                *ret = i;
                return 0;
        }
        return -EINVAL;
}

/* Networks and addresses are only looked at here: they travel as they were written, and the daemon
   makes them canonical. */
static int parse_number(enum arg_kind kind, struct view text, int64_t now, int64_t *ret)
{
        struct cidr network;

        switch (kind) {
        case ARG_ROLE: return parse_role(text, ret);
        case ARG_STATE: return parse_state(text, ret);
        case ARG_WHEN: return expiry_parse(text, now, ret);
        case ARG_SINCE: return expiry_parse_past(text, now, ret);
        case ARG_DURATION: return duration_parse(text, ret);
        case ARG_SPAN: return timewords_parse_span(text, ret);
        case ARG_NETWORK: return cidr_parse(text, &network);
        case ARG_ADDRESS: return cidr_parse_address(text, &network);
        case ARG_FILE: return text.len > 0 ? 0 : -EINVAL;
        case ARG_FLAG:
        case ARG_NAME:
        case ARG_ORG_POLICY:
        case ARG_HOST_POLICY: break;
        }
        return 0;
}

/* What is accepted, in the words of whoever parses it: the two cannot come apart. */
static const char *rule(enum arg_kind kind)
{
        switch (kind) {
        case ARG_ROLE: return "member or admin";
        case ARG_STATE: return "live, expired or revoked";
        case ARG_WHEN: return expiry_rule();
        case ARG_SINCE: return expiry_past_rule();
        case ARG_DURATION: return duration_rule();
        case ARG_SPAN: return timewords_span_rule();
        case ARG_NETWORK: return cidr_rule();
        case ARG_ADDRESS: return "a numeric address, such as 192.0.2.7 or 2001:db8::1";
        case ARG_FILE: return "the name of a file";
        case ARG_FLAG:
        case ARG_NAME:
        case ARG_ORG_POLICY:
        case ARG_HOST_POLICY: break;
        }
        return "a value";
}

/* What is wrong with it, where more can be said than that it is none. */
static const char *complaint(enum arg_kind kind, int r)
{
        if (r == -ETIME)
                return kind == ARG_SINCE ? "lies in the future" : "does not lie in the future";
        if (r == -EDOM)
                return "has bits set behind the prefix";
        if (r == -ERANGE)
                return "is out of range";
        return "is not understood";
}

int value_parse(struct arg_given *given, int64_t now, struct error *e)
{
        enum arg_kind kind = given->arg->kind;
        int r;

        if (kind == ARG_ORG_POLICY || kind == ARG_HOST_POLICY)
                return policy_parse(view_of(given->text), kind == ARG_HOST_POLICY, &given->field,
                                    &given->number, e);
        r = parse_number(kind, view_of(given->text), now, &given->number);
        if (r == 0)
                return STATUS_DONE;
        return error_set(e, STATUS_USAGE, "usage", "%s: '%.200s' %s; accepted: %s",
                         given->arg->name, given->text, complaint(kind, r), rule(kind));
}

static const char *key_id_rule(void)
{
        return "ak_ or pat_ and 1 to 10 letters and digits, as lists show them";
}

static const char *path_rule(void)
{
        return "the name of a file";
}

/* The word for scripts and the rule, as the daemon would say them of the same field. */
static const struct name_kind {
        enum wire_field field;
        const char *reason;
        const char *(*rule)(void);
} name_kinds[] = {
        {WIRE_F_ORG, "bad-org", name_org_rule},
        {WIRE_F_USER, "bad-user", name_user_rule},
        {WIRE_F_ACTOR, "bad-user", name_user_rule},
        {WIRE_F_ACCOUNT, "bad-account", name_user_rule},
        {WIRE_F_LIMIT_ACCOUNT, "bad-account", name_user_rule},
        {WIRE_F_SERVICE, "bad-service", name_service_rule},
        {WIRE_F_LIMIT_SERVICE, "bad-service", name_service_rule},
        {WIRE_F_NAME, "bad-name", name_label_rule},
        {WIRE_F_KEY_ID, "bad-key-id", key_id_rule},
        {WIRE_F_PATH, "bad-path", path_rule},
        {WIRE_F_SOURCE, "bad-source", cidr_rule},
        {WIRE_F_LIMIT_SOURCE, "bad-source", cidr_rule},
};

/* Of the fields only these are names; for another one the first will do. */
static const struct name_kind *name_kind_of(enum wire_field field)
{
        for (size_t i = 0; i < sizeof(name_kinds) / sizeof(name_kinds[0]); i++)
                if (name_kinds[i].field == field)
                        return &name_kinds[i];
        return &name_kinds[0];
}

/* The bounds of the protocol, not those of a name: what can be sent is sent, and the daemon judges
 * it. */
static size_t longest(enum wire_field field)
{
        if (field == WIRE_F_NAME)
                return NAME_LABEL_BYTES;
        return field == WIRE_F_PATH ? WIRE_TEXT_MAX : NAME_ITEM_MAX;
}

int value_travels(const struct arg_given *given, struct error *e)
{
        struct view text = view_of(given->text);
        const struct name_kind *kind = name_kind_of(given->field);
        const char *wrong = NULL;

        if (text.len == 0)
                wrong = given->arg->flags & ARG_REPEATS ? "is empty, which never means any"
                                                        : "is empty";
        else if (text.len > longest(given->field))
                wrong = "is too long";
        for (size_t i = 0; i < text.len && !wrong; i++)
                if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
                        wrong = "holds a control character";
        if (!wrong)
                return STATUS_DONE;
        return error_set(e, STATUS_REFUSED, kind->reason, "%s %s; accepted: %s", given->arg->name,
                         wrong, kind->rule());
}
