#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "common/logsafe.h"
#include "daemon/audit.h"
#include "daemon/manage_internal.h"

static const char *const reasons[MANAGE_REASON_COUNT] = {
        [MANAGE_NOT_ALLOWED] = "not-allowed",
        [MANAGE_NOT_FOUND] = "not-found",
        [MANAGE_NO_NAME] = "no-name",
        [MANAGE_UID_MISMATCH] = "uid-mismatch",
        [MANAGE_SUSPENDED] = "suspended",
        [MANAGE_BAD_REQUEST] = "bad-request",
        [MANAGE_BAD_ORG] = "bad-org",
        [MANAGE_BAD_USER] = "bad-user",
        [MANAGE_BAD_ACCOUNT] = "bad-account",
        [MANAGE_BAD_SERVICE] = "bad-service",
        [MANAGE_BAD_SOURCE] = "bad-source",
        [MANAGE_BAD_NAME] = "bad-name",
        [MANAGE_BAD_ROLE] = "bad-role",
        [MANAGE_BAD_KEY_ID] = "bad-key-id",
        [MANAGE_BAD_EXPIRY] = "bad-expiry",
        [MANAGE_BAD_OVERLAP] = "bad-overlap",
        [MANAGE_BAD_FILTER] = "bad-filter",
        [MANAGE_BAD_POLICY] = "bad-policy",
        [MANAGE_BAD_PATH] = "bad-path",
        [MANAGE_EXPIRED_ALREADY] = "expired-already",
        [MANAGE_EXISTS] = "exists",
        [MANAGE_AMBIGUOUS] = "ambiguous",
        [MANAGE_REVOKED] = "revoked",
        [MANAGE_ROTATED] = "rotated",
        [MANAGE_WRONG_KIND] = "wrong-kind",
        [MANAGE_NOT_RENAMABLE] = "not-renamable",
        [MANAGE_POLICY] = "policy",
        [MANAGE_SELF_SERVICE_OFF] = "self-service-off",
        [MANAGE_LAST_ADMIN] = "last-admin",
        [MANAGE_ACCOUNTS_BOUND] = "accounts-bound",
        [MANAGE_STILL_BOUND] = "still-bound",
        [MANAGE_IS_ACCOUNT] = "is-account",
        [MANAGE_IS_USER] = "is-user",
        [MANAGE_ROOT_ACCOUNT] = "root-account",
        [MANAGE_SYSTEM_ACCOUNT] = "system-account",
        [MANAGE_SHARED_UID] = "shared-uid",
        [MANAGE_NO_ACCOUNT] = "no-account",
        [MANAGE_NOTHING_TO_SET] = "nothing-to-set",
        [MANAGE_NOT_A_TOKEN] = "not-a-token",
        [MANAGE_NOT_DELIVERED] = "not-delivered",
        [MANAGE_STORE_FULL] = "store-full",
        [MANAGE_READ_ONLY] = "read-only",
};

const char *manage_reason_to_string(enum manage_reason reason)
{
        unsigned number = (unsigned)reason;

        return number < MANAGE_REASON_COUNT && reasons[number] ? reasons[number] : "invalid";
}

int manage_refuse(struct manage_op *op, enum manage_reason reason, const char *format, ...)
{
        size_t len;
        va_list ap;

        op->reason = reason;
        va_start(ap, format);
        (void)vsnprintf(op->message, sizeof(op->message), format, ap);
        va_end(ap);
        /* A label that was cut in the middle of a character would make the whole line unreadable.
         */
        len = strlen(op->message);
        while (len > 0 && !name_is_utf8(view_of(op->message)))
                op->message[--len] = '\0';
        return MANAGE_REFUSED;
}

const char *manage_safe(struct view text, char buf[static MANAGE_SAFE_SIZE])
{
        return logsafe(text, buf, MANAGE_SAFE_SIZE);
}

bool manage_is_user_name(struct view name)
{
        return name_is_user(name) && !token_is_shaped(name);
}

/* The largest unit that fits without a rest, so that it can be typed back. */
const char *manage_life(int64_t seconds, char buf[static MANAGE_LIFE_SIZE])
{
        static const struct {
                int64_t seconds;
                char unit;
        } units[] = {{EXPIRY_DAY, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
        size_t i = 0;

        while (seconds % units[i].seconds != 0)
                i++;
        (void)snprintf(buf, MANAGE_LIFE_SIZE, "%lld%c", (long long)(seconds / units[i].seconds),
                       units[i].unit);
        return buf;
}

/* "ORG_CREATE" as people type it: "org create". */
static void verb_words(enum wire_verb verb, char *buf, size_t size)
{
        size_t i = 0;

        for (const char *p = wire_verb_to_string(verb); *p && i + 1 < size; p++)
                buf[i++] = *p == '_' ? ' ' : (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
        buf[i] = '\0';
}

/* An empty field would read as a name that is empty. */
static struct view view_or_absent(const char *text)
{
        return text[0] ? view_of(text) : VIEW_ABSENT;
}

/* What all three records say of the request. */
static void write_record(const struct manage_op *op, const char *id, int priority,
                         const char *reason, const char *text)
{
        char verb[48], message[512], reference[WIRE_REFERENCE_SIZE];
        struct audit_record record = {
                .message_id = id,
                .priority = priority,
                .key_id = view_or_absent(op->note.key_id),
                .org = view_or_absent(op->note.org),
                .user = view_or_absent(op->note.user),
                .account = view_or_absent(op->note.account),
                .actor = op->has_name ? view_of(op->name) : VIEW_ABSENT,
                .reason = view_of(reason),
                .caller_uid = op->call->uid,
                .caller_pid = op->call->pid,
        };

        verb_words(op->request.verb, verb, sizeof(verb));
        wire_reference(op->request.nonce, reference);
        if (op->call->uid < 0)
                (void)snprintf(message, sizeof(message), "%s by the daemon: %s", verb, text);
        else
                (void)snprintf(message, sizeof(message), "%s by uid %lld: %s", verb,
                               (long long)op->call->uid, text);
        record.verb = view_of(verb);
        record.reference = view_of(reference);
        record.message = view_of(message);
        audit_write(&record);
}

/* The things that a change touched, where the verb has no words of its own for it. */
static void describe(const struct manage_note *note, char *buf, size_t size)
{
        const char *parts[] = {note->org, note->user, note->account, note->key_id, note->text};
        size_t used = 0;

        (void)snprintf(buf, size, "done");
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
                if (!parts[i][0] || used >= size)
                        continue;
                used += (size_t)snprintf(buf + used, size - used, "%s%s", used > 0 ? " " : "",
                                         parts[i]);
        }
}

/* NOTICE: a change of rights is worth more than the decisions around it. */
void manage_audit_change(const struct manage_op *op)
{
        char text[480];

        describe(&op->note, text, sizeof(text));
        write_record(op, AUDIT_ID_CHANGE, LOG_NOTICE, NULL, text);
}

void manage_audit_refusal(const struct manage_op *op)
{
        char text[480];

        (void)snprintf(text, sizeof(text), "refused (%s): %s", manage_reason_to_string(op->reason),
                       op->message);
        /* A full or read-only disk is for whoever watches the host, whoever asked. */
        if (op->reason == MANAGE_STORE_FULL || op->reason == MANAGE_READ_ONLY)
                write_record(op, AUDIT_ID_STORE, LOG_ERR, manage_reason_to_string(op->reason),
                             text);
        else
                write_record(op, AUDIT_ID_CHANGE, LOG_INFO, manage_reason_to_string(op->reason),
                             text);
}

void manage_audit_failure(const struct manage_op *op, int error)
{
        const char *why = strerrordesc_np(-error);
        char text[480];

        if (error == -EBADMSG)
                why = "a row's seal does not hold: somebody wrote the store behind the daemon's "
                      "back, or the "
                      "disk is failing";
        (void)snprintf(text, sizeof(text), "unavailable: %s", why ? why : "unknown error");
        write_record(op, AUDIT_ID_STORE, LOG_ERR, "unavailable", text);
}
