#include "common/wire_schema.h"

#include <stddef.h>

#include "common/name.h"

/* Room for a whole token with its suffix (97) and for what the daemon puts into a ticket. */
#define TOKEN_BYTES_MAX  128
#define TICKET_BYTES_MAX 128

/* Names are bounded as PAM items are, not as the daemon bounds them: it is the daemon that tells a
   person what a name may be. */
#define ITEM                                                                                       \
        {                                                                                          \
                .kind = WIRE_KIND_TEXT, .max = NAME_ITEM_MAX                                       \
        }
#define TEXT(most)                                                                                 \
        {                                                                                          \
                .kind = WIRE_KIND_TEXT, .max = (most)                                              \
        }
#define NUMBER                                                                                     \
        {                                                                                          \
                .kind = WIRE_KIND_NUMBER, .max = sizeof(int64_t)                                   \
        }
#define LIST(n)                                                                                    \
        {                                                                                          \
                .kind = WIRE_KIND_LIST, .max = NAME_ITEM_MAX, .list = (n)                          \
        }

static const struct wire_field_rule field_rules[WIRE_FIELD_COUNT] = {
        [WIRE_F_TOKEN] = {.kind = WIRE_KIND_SECRET, .max = TOKEN_BYTES_MAX},
        [WIRE_F_ACCOUNT] = ITEM,
        [WIRE_F_ACTOR] = ITEM,
        [WIRE_F_SERVICE] = ITEM,
        [WIRE_F_SOURCE] = ITEM,
        [WIRE_F_ORG] = ITEM,
        [WIRE_F_ORG_ANSWER] = ITEM,
        [WIRE_F_ROLE] = NUMBER,
        [WIRE_F_BOUND_ONLY] = NUMBER,
        [WIRE_F_REAL_UID] = NUMBER,
        [WIRE_F_REMOTE] = NUMBER,
        [WIRE_F_TTY] = ITEM,
        [WIRE_F_TICKET] = {.kind = WIRE_KIND_BYTES, .max = TICKET_BYTES_MAX},
        [WIRE_F_ACCEPTED] = NUMBER,
        [WIRE_F_USER] = ITEM,
        [WIRE_F_NAME] = TEXT(NAME_LABEL_BYTES),
        [WIRE_F_KEY_ID] = ITEM,
        [WIRE_F_EXPIRES_AT] = NUMBER,
        [WIRE_F_NEVER] = NUMBER,
        [WIRE_F_OVERLAP] = NUMBER,
        [WIRE_F_LIMIT_SERVICE] = LIST(0),
        [WIRE_F_LIMIT_SOURCE] = LIST(1),
        [WIRE_F_LIMIT_ACCOUNT] = LIST(2),
        [WIRE_F_ALLOW_SYSTEM] = NUMBER,
        [WIRE_F_MAX_LIFE] = NUMBER,
        [WIRE_F_NEVER_OK] = NUMBER,
        [WIRE_F_MAX_UNUSED] = NUMBER,
        [WIRE_F_SELF_SERVICE] = NUMBER,
        [WIRE_F_END_SESSIONS] = NUMBER,
        [WIRE_F_USED_SINCE] = NUMBER,
        [WIRE_F_DRY_RUN] = NUMBER,
        [WIRE_F_PATH] = TEXT(WIRE_TEXT_MAX),
        [WIRE_F_EXPIRING] = NUMBER,
        [WIRE_F_UNUSED] = NUMBER,
        [WIRE_F_STATE] = NUMBER,
        [WIRE_F_UID] = NUMBER,
        [WIRE_F_VERDICT] = NUMBER,
        [WIRE_F_REASON] = ITEM,
        [WIRE_F_MESSAGE] = TEXT(WIRE_TEXT_MAX),
        [WIRE_F_REFERENCE] = ITEM,
        [WIRE_F_CREATED_AT] = NUMBER,
        [WIRE_F_ENDED_AT] = NUMBER,
        [WIRE_F_ENDED_REASON] = ITEM,
        [WIRE_F_SUCCESSOR] = ITEM,
        [WIRE_F_LAST_USED_AT] = NUMBER,
        [WIRE_F_LAST_SOURCE] = ITEM,
        [WIRE_F_LAST_SERVICE] = ITEM,
        [WIRE_F_LAST_ACCOUNT] = ITEM,
        [WIRE_F_LAST_ORG] = ITEM,
        [WIRE_F_KIND] = NUMBER,
        [WIRE_F_SUSPENDED] = NUMBER,
        [WIRE_F_COUNT] = NUMBER,
        [WIRE_F_KEYS] = NUMBER,
        [WIRE_F_PATS] = NUMBER,
        [WIRE_F_MEMBERS] = NUMBER,
        [WIRE_F_ACCOUNTS] = NUMBER,
        [WIRE_F_EXPLANATION] = LIST(3),
        [WIRE_F_ORG_NAMED_BY] = ITEM,
        [WIRE_F_METRIC] = ITEM,
        [WIRE_F_VALUE] = NUMBER,
        [WIRE_F_GUARDED] = NUMBER,
        [WIRE_F_ID] = ITEM,
        [WIRE_F_SESSION] = ITEM,
        [WIRE_F_LEADER] = NUMBER,
        [WIRE_F_SESSIONS] = NUMBER,
        [WIRE_F_SESSIONS_LEFT] = NUMBER,
};

#define NEEDS(...) .request.needs = {__VA_ARGS__}
#define TAKES(...) .request.takes = {__VA_ARGS__}
/* WIRE_V_<word> answered so; then its NEEDS() and TAKES(). */
#define VERB(word, ways) .name = #word, .answers = (ways)
#define VERDICT          WIRE_ANSWER_VERDICT
#define DONE             WIRE_ANSWER_DONE
#define ROWS             WIRE_ANSWER_ROWS
#define NEW_TOKEN        WIRE_ANSWER_TOKEN

/* clang-format off */
static const struct wire_verb_rule verb_rules[WIRE_VERB_COUNT] = {
        /* verify.sock */
        [WIRE_V_VERIFY] = {
                VERB(VERIFY, VERDICT),
                NEEDS(WIRE_F_TOKEN, WIRE_F_ACCOUNT, WIRE_F_SERVICE, WIRE_F_REAL_UID),
                TAKES(WIRE_F_ACTOR, WIRE_F_SOURCE, WIRE_F_ORG, WIRE_F_ORG_ANSWER, WIRE_F_ROLE,
                      WIRE_F_BOUND_ONLY, WIRE_F_REMOTE, WIRE_F_TTY)},
        [WIRE_V_ACCOUNT_CHECK] = {
                VERB(ACCOUNT_CHECK, VERDICT),
                NEEDS(WIRE_F_TICKET, WIRE_F_ACCOUNT, WIRE_F_SERVICE, WIRE_F_ORG),
                TAKES(WIRE_F_ACTOR, WIRE_F_SOURCE, WIRE_F_ROLE, WIRE_F_BOUND_ONLY)},
        [WIRE_V_SESSION_CHECK] = {
                VERB(SESSION_CHECK, VERDICT | DONE),
                NEEDS(WIRE_F_ACCOUNT, WIRE_F_ACTOR, WIRE_F_SERVICE, WIRE_F_REAL_UID),
                TAKES(WIRE_F_ORG, WIRE_F_ROLE, WIRE_F_TTY)},

        /* manage.sock */
        [WIRE_V_ACK] = {VERB(ACK, DONE), NEEDS(WIRE_F_ACCEPTED)},
        [WIRE_V_STATUS] = {VERB(STATUS, ROWS)},
        [WIRE_V_WHOAMI] = {VERB(WHOAMI, ROWS)},
        [WIRE_V_CHECK] = {
                VERB(CHECK, DONE), NEEDS(WIRE_F_TOKEN),
                TAKES(WIRE_F_ACCOUNT, WIRE_F_SERVICE, WIRE_F_ORG, WIRE_F_SOURCE, WIRE_F_ACTOR)},

        [WIRE_V_ORG_CREATE] = {VERB(ORG_CREATE, DONE), NEEDS(WIRE_F_ORG)},
        [WIRE_V_ORG_LIST] = {VERB(ORG_LIST, ROWS)},
        [WIRE_V_ORG_SHOW] = {VERB(ORG_SHOW, DONE), NEEDS(WIRE_F_ORG)},
        [WIRE_V_ORG_DELETE] = {VERB(ORG_DELETE, DONE), NEEDS(WIRE_F_ORG), TAKES(WIRE_F_DRY_RUN)},
        [WIRE_V_ORG_SET] = {
                VERB(ORG_SET, DONE), NEEDS(WIRE_F_ORG),
                TAKES(WIRE_F_MAX_LIFE, WIRE_F_NEVER_OK, WIRE_F_MAX_UNUSED, WIRE_F_END_SESSIONS)},
        [WIRE_V_ORG_SUSPEND] = {VERB(ORG_SUSPEND, DONE), NEEDS(WIRE_F_ORG)},
        [WIRE_V_ORG_RESUME] = {VERB(ORG_RESUME, DONE), NEEDS(WIRE_F_ORG)},

        [WIRE_V_USER_LIST] = {VERB(USER_LIST, ROWS)},
        [WIRE_V_USER_SUSPEND] = {VERB(USER_SUSPEND, DONE), NEEDS(WIRE_F_USER)},
        [WIRE_V_USER_RESUME] = {VERB(USER_RESUME, DONE), NEEDS(WIRE_F_USER)},
        [WIRE_V_USER_REASSIGN] = {VERB(USER_REASSIGN, DONE), NEEDS(WIRE_F_USER)},
        [WIRE_V_USER_REMOVE] = {VERB(USER_REMOVE, DONE), NEEDS(WIRE_F_USER), TAKES(WIRE_F_DRY_RUN)},

        [WIRE_V_MEMBER_ADD] = {
                VERB(MEMBER_ADD, DONE), NEEDS(WIRE_F_ORG, WIRE_F_USER), TAKES(WIRE_F_ROLE)},
        [WIRE_V_MEMBER_SET] = {VERB(MEMBER_SET, DONE), NEEDS(WIRE_F_ORG, WIRE_F_USER, WIRE_F_ROLE)},
        [WIRE_V_MEMBER_REMOVE] = {VERB(MEMBER_REMOVE, DONE), NEEDS(WIRE_F_ORG, WIRE_F_USER)},
        [WIRE_V_MEMBER_LIST] = {VERB(MEMBER_LIST, ROWS), NEEDS(WIRE_F_ORG)},

        [WIRE_V_ACCOUNT_BIND] = {
                VERB(ACCOUNT_BIND, DONE), NEEDS(WIRE_F_ORG, WIRE_F_ACCOUNT),
                TAKES(WIRE_F_LIMIT_SERVICE, WIRE_F_ROLE, WIRE_F_ALLOW_SYSTEM)},
        [WIRE_V_ACCOUNT_UNBIND] = {VERB(ACCOUNT_UNBIND, DONE), NEEDS(WIRE_F_ORG, WIRE_F_ACCOUNT)},
        [WIRE_V_ACCOUNT_RELEASE] = {VERB(ACCOUNT_RELEASE, DONE), NEEDS(WIRE_F_ACCOUNT)},
        [WIRE_V_ACCOUNT_LIST] = {VERB(ACCOUNT_LIST, ROWS), TAKES(WIRE_F_ORG)},

        [WIRE_V_KEY_CREATE] = {
                VERB(KEY_CREATE, NEW_TOKEN), NEEDS(WIRE_F_ORG, WIRE_F_NAME),
                TAKES(WIRE_F_EXPIRES_AT, WIRE_F_LIMIT_SERVICE, WIRE_F_LIMIT_SOURCE,
                      WIRE_F_LIMIT_ACCOUNT)},
        [WIRE_V_KEY_LIST] = {
                VERB(KEY_LIST, ROWS), NEEDS(WIRE_F_ORG),
                TAKES(WIRE_F_EXPIRING, WIRE_F_UNUSED, WIRE_F_STATE, WIRE_F_NAME)},
        [WIRE_V_KEY_REVOKE] = {
                VERB(KEY_REVOKE, DONE), NEEDS(WIRE_F_KEY_ID), TAKES(WIRE_F_END_SESSIONS)},
        [WIRE_V_PAT_CREATE] = {
                VERB(PAT_CREATE, NEW_TOKEN), NEEDS(WIRE_F_NAME),
                TAKES(WIRE_F_USER, WIRE_F_EXPIRES_AT, WIRE_F_LIMIT_SERVICE, WIRE_F_LIMIT_SOURCE,
                      WIRE_F_LIMIT_ACCOUNT)},
        [WIRE_V_PAT_LIST] = {
                VERB(PAT_LIST, ROWS),
                TAKES(WIRE_F_USER, WIRE_F_EXPIRING, WIRE_F_UNUSED, WIRE_F_STATE, WIRE_F_NAME)},
        [WIRE_V_PAT_RENAME] = {VERB(PAT_RENAME, DONE), NEEDS(WIRE_F_KEY_ID, WIRE_F_NAME)},
        [WIRE_V_PAT_REVOKE] = {
                VERB(PAT_REVOKE, DONE), NEEDS(WIRE_F_KEY_ID), TAKES(WIRE_F_END_SESSIONS)},
        [WIRE_V_ROTATE] = {
                VERB(ROTATE, NEW_TOKEN), NEEDS(WIRE_F_KEY_ID),
                TAKES(WIRE_F_OVERLAP, WIRE_F_EXPIRES_AT, WIRE_F_NEVER)},
        [WIRE_V_REVOKE_ALL] = {
                VERB(REVOKE_ALL, DONE),
                TAKES(WIRE_F_ORG, WIRE_F_USER, WIRE_F_USED_SINCE, WIRE_F_DRY_RUN,
                      WIRE_F_END_SESSIONS)},

        [WIRE_V_HOST_SHOW] = {VERB(HOST_SHOW, DONE)},
        [WIRE_V_HOST_SET] = {
                VERB(HOST_SET, DONE),
                TAKES(WIRE_F_MAX_LIFE, WIRE_F_NEVER_OK, WIRE_F_MAX_UNUSED, WIRE_F_SELF_SERVICE)},
        [WIRE_V_CLOCK_RESET] = {VERB(CLOCK_RESET, DONE)},
        [WIRE_V_BACKUP] = {VERB(BACKUP, DONE), NEEDS(WIRE_F_PATH)},
        [WIRE_V_GUARDED_LIST] = {VERB(GUARDED_LIST, ROWS)},
        [WIRE_V_REVOKE_TOKEN] = {VERB(REVOKE_TOKEN, DONE), NEEDS(WIRE_F_KIND, WIRE_F_ID)},
        [WIRE_V_NOTIFY] = {VERB(NOTIFY, DONE)},

        /* verify.sock again */
        [WIRE_V_SESSION] = {
                VERB(SESSION, DONE),
                NEEDS(WIRE_F_ACCOUNT, WIRE_F_SERVICE, WIRE_F_ORG, WIRE_F_KEY_ID, WIRE_F_SESSION)},

        /* session.sock */
        [WIRE_V_SESSION_STATE] = {
                VERB(SESSION_STATE, DONE),
                NEEDS(WIRE_F_ACCOUNT, WIRE_F_CREATED_AT, WIRE_F_SESSION, WIRE_F_LEADER)},
        [WIRE_V_SESSION_END] = {
                VERB(SESSION_END, DONE),
                NEEDS(WIRE_F_ACCOUNT, WIRE_F_CREATED_AT, WIRE_F_SESSION, WIRE_F_LEADER)},
};
/* clang-format on */

/* The answers that say who may enter are closed lists; the rows and results of the commands are
 * open. */
static const struct wire_answer_rule answer_rules[] = {
        {.magic = WIRE_ALLOW,
         .answers = VERDICT,
         .fields.needs = {WIRE_F_VERDICT, WIRE_F_ORG, WIRE_F_KEY_ID},
         .fields.takes = {WIRE_F_TICKET, WIRE_F_USER, WIRE_F_EXPIRES_AT}},
        {.magic = WIRE_VERDICT, .answers = VERDICT, .fields.needs = {WIRE_F_VERDICT}},
        {.magic = WIRE_DONE, .answers = DONE, .fields.open = true},
        {.magic = WIRE_ROW, .answers = ROWS, .fields.open = true},
        {.magic = WIRE_END, .answers = ROWS, .fields.open = true},
        {.magic = WIRE_NEW_TOKEN,
         .answers = NEW_TOKEN,
         .fields.needs = {WIRE_F_TOKEN, WIRE_F_KEY_ID, WIRE_F_NAME, WIRE_F_CREATED_AT},
         .fields.open = true},
        {.magic = WIRE_REFUSED,
         .fields.needs = {WIRE_F_REASON, WIRE_F_MESSAGE},
         .fields.takes = {WIRE_F_REFERENCE}},
        {.magic = WIRE_UNAVAILABLE},
};

const struct wire_field_rule *wire_field_rule(unsigned field)
{
        return &field_rules[field < WIRE_FIELD_COUNT ? field : 0];
}

const struct wire_verb_rule *wire_verb_rule(unsigned verb)
{
        return &verb_rules[verb < WIRE_VERB_COUNT ? verb : 0];
}

const struct wire_answer_rule *wire_answer_rule(uint32_t magic)
{
        for (size_t i = 0; i < sizeof(answer_rules) / sizeof(answer_rules[0]); i++)
                if (answer_rules[i].magic == magic)
                        return &answer_rules[i];
        return NULL;
}
