/*
 * The golden messages of test_wire_golden and test_wire_rules: every verb's request and every kind
 * of answer, with all the fields that PROTOCOL.md gives it, and the bytes that it must be for ever.
 * The bytes were made from PROTOCOL.md and the numbers in wire.h by another program than wire.c,
 * and read over.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/verdict.h"
#include "common/wire.h"
#include "common/wire_schema.h"

#define NONCE "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"

static const uint8_t nonce[WIRE_NONCE_LEN] = {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
                                              0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf};

/* What each field holds here, a text or a number. A list has "2nd" as well; a verdict suits its
 * magic. */
static const struct {
        const char *text;
        int64_t number;
} samples[WIRE_FIELD_COUNT] = {
        [WIRE_F_TOKEN] = {"pat_x", 0},
        [WIRE_F_ACCOUNT] = {"deploy", 0},
        [WIRE_F_ACTOR] = {"alice", 0},
        [WIRE_F_SERVICE] = {"sshd", 0},
        [WIRE_F_SOURCE] = {"::1", 0},
        [WIRE_F_ORG] = {"acme", 0},
        [WIRE_F_ORG_ANSWER] = {"globex", 0},
        [WIRE_F_ROLE] = {NULL, 1008},
        [WIRE_F_BOUND_ONLY] = {NULL, 1009},
        [WIRE_F_REAL_UID] = {NULL, 1010},
        [WIRE_F_REMOTE] = {NULL, 1011},
        [WIRE_F_TTY] = {"ssh", 0},
        [WIRE_F_TICKET] = {"\x01\xff", 0},
        [WIRE_F_ACCEPTED] = {NULL, 1014},
        [WIRE_F_USER] = {"bob", 0},
        [WIRE_F_NAME] = {"ci k\xc3\xa9y", 0},
        [WIRE_F_KEY_ID] = {"ak_0", 0},
        [WIRE_F_EXPIRES_AT] = {NULL, INT64_C(0x0102030405060708)},
        [WIRE_F_NEVER] = {NULL, 1019},
        [WIRE_F_OVERLAP] = {NULL, 1020},
        [WIRE_F_LIMIT_SERVICE] = {"su", 0},
        [WIRE_F_LIMIT_SOURCE] = {"::/0", 0},
        [WIRE_F_LIMIT_ACCOUNT] = {"db", 0},
        [WIRE_F_ALLOW_SYSTEM] = {NULL, 1024},
        [WIRE_F_MAX_LIFE] = {NULL, 1025},
        [WIRE_F_NEVER_OK] = {NULL, 1026},
        [WIRE_F_MAX_UNUSED] = {NULL, 1027},
        [WIRE_F_SELF_SERVICE] = {NULL, 1028},
        [WIRE_F_END_SESSIONS] = {NULL, 1029},
        [WIRE_F_USED_SINCE] = {NULL, 1030},
        [WIRE_F_DRY_RUN] = {NULL, 1031},
        [WIRE_F_PATH] = {"/b", 0},
        [WIRE_F_EXPIRING] = {NULL, 1033},
        [WIRE_F_UNUSED] = {NULL, 1034},
        [WIRE_F_STATE] = {NULL, 1035},
        [WIRE_F_UID] = {NULL, 1036},
        [WIRE_F_REASON] = {"no", 0},
        [WIRE_F_MESSAGE] = {"No.", 0},
        [WIRE_F_REFERENCE] = {"a0", 0},
        [WIRE_F_CREATED_AT] = {NULL, 1041},
        [WIRE_F_ENDED_AT] = {NULL, 1042},
        [WIRE_F_ENDED_REASON] = {"revoked", 0},
        [WIRE_F_SUCCESSOR] = {"ak_1", 0},
        [WIRE_F_LAST_USED_AT] = {NULL, 1045},
        [WIRE_F_LAST_SOURCE] = {"::2", 0},
        [WIRE_F_LAST_SERVICE] = {"sudo", 0},
        [WIRE_F_LAST_ACCOUNT] = {"web", 0},
        [WIRE_F_LAST_ORG] = {"zoo", 0},
        [WIRE_F_KIND] = {NULL, 1050},
        [WIRE_F_SUSPENDED] = {NULL, 1051},
        [WIRE_F_COUNT] = {NULL, 1052},
        [WIRE_F_KEYS] = {NULL, 1053},
        [WIRE_F_PATS] = {NULL, 1054},
        [WIRE_F_MEMBERS] = {NULL, 1055},
        [WIRE_F_ACCOUNTS] = {NULL, 1056},
        [WIRE_F_EXPLANATION] = {"step", 0},
        [WIRE_F_ORG_NAMED_BY] = {"key", 0},
        [WIRE_F_METRIC] = {"up", 0},
        [WIRE_F_VALUE] = {NULL, -2},
        [WIRE_F_GUARDED] = {NULL, 1061},
        [WIRE_F_ID] = {"0123456789", 0},
        [WIRE_F_SESSION] = {"c7", 0},
        [WIRE_F_LEADER] = {NULL, 1064},
        [WIRE_F_SESSIONS] = {NULL, 1065},
        [WIRE_F_SESSIONS_LEFT] = {NULL, 1066},
};

struct golden {
        uint32_t magic;
        enum wire_verb verb;
        uint8_t needs[6];
        uint8_t takes[20];
        const char *hex; /* magic, verb, count, nonce; tag, length, bytes; blanks for the eye */
};

static const struct golden requests[] = {
        {WIRE_REQUEST,
         WIRE_V_VERIFY,
         {WIRE_F_TOKEN, WIRE_F_ACCOUNT, WIRE_F_SERVICE, WIRE_F_REAL_UID},
         {WIRE_F_ACTOR, WIRE_F_SOURCE, WIRE_F_ORG, WIRE_F_ORG_ANSWER, WIRE_F_ROLE,
          WIRE_F_BOUND_ONLY, WIRE_F_REMOTE, WIRE_F_TTY},
         "4f4b5431 0100 0c00 " NONCE
         " 0100 0500 7061745f78  0200 0600 6465706c6f79  0300 0500 616c696365"
         " 0400 0400 73736864  0500 0300 3a3a31  0600 0400 61636d65"
         " 0700 0600 676c6f626578  0800 0800 f003000000000000"
         " 0900 0800 f103000000000000  0a00 0800 f203000000000000"
         " 0b00 0800 f303000000000000  0c00 0300 737368"},
        {WIRE_REQUEST,
         WIRE_V_ACCOUNT_CHECK,
         {WIRE_F_TICKET, WIRE_F_ACCOUNT, WIRE_F_SERVICE, WIRE_F_ORG},
         {WIRE_F_ACTOR, WIRE_F_SOURCE, WIRE_F_ROLE, WIRE_F_BOUND_ONLY},
         "4f4b5431 0200 0800 " NONCE
         " 0200 0600 6465706c6f79  0300 0500 616c696365  0400 0400 73736864"
         " 0500 0300 3a3a31  0600 0400 61636d65  0800 0800 f003000000000000"
         " 0900 0800 f103000000000000  0d00 0200 01ff"},
        {WIRE_REQUEST,
         WIRE_V_SESSION_CHECK,
         {WIRE_F_ACCOUNT, WIRE_F_ACTOR, WIRE_F_SERVICE, WIRE_F_REAL_UID},
         {WIRE_F_ORG, WIRE_F_ROLE, WIRE_F_TTY},
         "4f4b5431 0300 0700 " NONCE
         " 0200 0600 6465706c6f79  0300 0500 616c696365  0400 0400 73736864"
         " 0600 0400 61636d65  0800 0800 f003000000000000  0a00 0800 f203000000000000"
         " 0c00 0300 737368"},
        {WIRE_REQUEST,
         WIRE_V_ACK,
         {WIRE_F_ACCEPTED},
         {0},
         "4f4b5431 0400 0100 " NONCE " 0e00 0800 f603000000000000"},
        {WIRE_REQUEST, WIRE_V_STATUS, {0}, {0}, "4f4b5431 0500 0000 " NONCE},
        {WIRE_REQUEST, WIRE_V_WHOAMI, {0}, {0}, "4f4b5431 0600 0000 " NONCE},
        {WIRE_REQUEST,
         WIRE_V_CHECK,
         {WIRE_F_TOKEN},
         {WIRE_F_ACCOUNT, WIRE_F_SERVICE, WIRE_F_ORG, WIRE_F_SOURCE, WIRE_F_ACTOR},
         "4f4b5431 0700 0600 " NONCE
         " 0100 0500 7061745f78  0200 0600 6465706c6f79  0300 0500 616c696365"
         " 0400 0400 73736864  0500 0300 3a3a31  0600 0400 61636d65"},
        {WIRE_REQUEST,
         WIRE_V_ORG_CREATE,
         {WIRE_F_ORG},
         {0},
         "4f4b5431 0800 0100 " NONCE " 0600 0400 61636d65"},
        {WIRE_REQUEST, WIRE_V_ORG_LIST, {0}, {0}, "4f4b5431 0900 0000 " NONCE},
        {WIRE_REQUEST,
         WIRE_V_ORG_SHOW,
         {WIRE_F_ORG},
         {0},
         "4f4b5431 0a00 0100 " NONCE " 0600 0400 61636d65"},
        {WIRE_REQUEST,
         WIRE_V_ORG_DELETE,
         {WIRE_F_ORG},
         {WIRE_F_DRY_RUN},
         "4f4b5431 0b00 0200 " NONCE " 0600 0400 61636d65  1f00 0800 0704000000000000"},
        {WIRE_REQUEST,
         WIRE_V_ORG_SET,
         {WIRE_F_ORG},
         {WIRE_F_MAX_LIFE, WIRE_F_NEVER_OK, WIRE_F_MAX_UNUSED, WIRE_F_END_SESSIONS},
         "4f4b5431 0c00 0500 " NONCE
         " 0600 0400 61636d65  1900 0800 0104000000000000  1a00 0800 0204000000000000"
         " 1b00 0800 0304000000000000  1d00 0800 0504000000000000"},
        {WIRE_REQUEST,
         WIRE_V_ORG_SUSPEND,
         {WIRE_F_ORG},
         {0},
         "4f4b5431 0d00 0100 " NONCE " 0600 0400 61636d65"},
        {WIRE_REQUEST,
         WIRE_V_ORG_RESUME,
         {WIRE_F_ORG},
         {0},
         "4f4b5431 0e00 0100 " NONCE " 0600 0400 61636d65"},
        {WIRE_REQUEST, WIRE_V_USER_LIST, {0}, {0}, "4f4b5431 0f00 0000 " NONCE},
        {WIRE_REQUEST,
         WIRE_V_USER_SUSPEND,
         {WIRE_F_USER},
         {0},
         "4f4b5431 1000 0100 " NONCE " 0f00 0300 626f62"},
        {WIRE_REQUEST,
         WIRE_V_USER_RESUME,
         {WIRE_F_USER},
         {0},
         "4f4b5431 1100 0100 " NONCE " 0f00 0300 626f62"},
        {WIRE_REQUEST,
         WIRE_V_USER_REASSIGN,
         {WIRE_F_USER},
         {0},
         "4f4b5431 1200 0100 " NONCE " 0f00 0300 626f62"},
        {WIRE_REQUEST,
         WIRE_V_USER_REMOVE,
         {WIRE_F_USER},
         {WIRE_F_DRY_RUN},
         "4f4b5431 1300 0200 " NONCE " 0f00 0300 626f62  1f00 0800 0704000000000000"},
        {WIRE_REQUEST,
         WIRE_V_MEMBER_ADD,
         {WIRE_F_ORG, WIRE_F_USER},
         {WIRE_F_ROLE},
         "4f4b5431 1400 0300 " NONCE
         " 0600 0400 61636d65  0800 0800 f003000000000000  0f00 0300 626f62"},
        {WIRE_REQUEST,
         WIRE_V_MEMBER_SET,
         {WIRE_F_ORG, WIRE_F_USER, WIRE_F_ROLE},
         {0},
         "4f4b5431 1500 0300 " NONCE
         " 0600 0400 61636d65  0800 0800 f003000000000000  0f00 0300 626f62"},
        {WIRE_REQUEST,
         WIRE_V_MEMBER_REMOVE,
         {WIRE_F_ORG, WIRE_F_USER},
         {0},
         "4f4b5431 1600 0200 " NONCE " 0600 0400 61636d65  0f00 0300 626f62"},
        {WIRE_REQUEST,
         WIRE_V_MEMBER_LIST,
         {WIRE_F_ORG},
         {0},
         "4f4b5431 1700 0100 " NONCE " 0600 0400 61636d65"},
        {WIRE_REQUEST,
         WIRE_V_ACCOUNT_BIND,
         {WIRE_F_ORG, WIRE_F_ACCOUNT},
         {WIRE_F_LIMIT_SERVICE, WIRE_F_ROLE, WIRE_F_ALLOW_SYSTEM},
         "4f4b5431 1800 0600 " NONCE
         " 0200 0600 6465706c6f79  0600 0400 61636d65  0800 0800 f003000000000000"
         " 1500 0200 7375  1500 0300 326e64  1800 0800 0004000000000000"},
        {WIRE_REQUEST,
         WIRE_V_ACCOUNT_UNBIND,
         {WIRE_F_ORG, WIRE_F_ACCOUNT},
         {0},
         "4f4b5431 1900 0200 " NONCE " 0200 0600 6465706c6f79  0600 0400 61636d65"},
        {WIRE_REQUEST,
         WIRE_V_ACCOUNT_RELEASE,
         {WIRE_F_ACCOUNT},
         {0},
         "4f4b5431 1a00 0100 " NONCE " 0200 0600 6465706c6f79"},
        {WIRE_REQUEST,
         WIRE_V_ACCOUNT_LIST,
         {0},
         {WIRE_F_ORG},
         "4f4b5431 1b00 0100 " NONCE " 0600 0400 61636d65"},
        {WIRE_REQUEST,
         WIRE_V_KEY_CREATE,
         {WIRE_F_ORG, WIRE_F_NAME},
         {WIRE_F_EXPIRES_AT, WIRE_F_LIMIT_SERVICE, WIRE_F_LIMIT_SOURCE, WIRE_F_LIMIT_ACCOUNT},
         "4f4b5431 1c00 0900 " NONCE
         " 0600 0400 61636d65  1000 0700 6369206bc3a979  1200 0800 0807060504030201"
         " 1500 0200 7375  1500 0300 326e64  1600 0400 3a3a2f30  1600 0300 326e64"
         " 1700 0200 6462  1700 0300 326e64"},
        {WIRE_REQUEST,
         WIRE_V_KEY_LIST,
         {WIRE_F_ORG},
         {WIRE_F_EXPIRING, WIRE_F_UNUSED, WIRE_F_STATE, WIRE_F_NAME},
         "4f4b5431 1d00 0500 " NONCE
         " 0600 0400 61636d65  1000 0700 6369206bc3a979  2100 0800 0904000000000000"
         " 2200 0800 0a04000000000000  2300 0800 0b04000000000000"},
        {WIRE_REQUEST,
         WIRE_V_KEY_REVOKE,
         {WIRE_F_KEY_ID},
         {WIRE_F_END_SESSIONS},
         "4f4b5431 1e00 0200 " NONCE " 1100 0400 616b5f30  1d00 0800 0504000000000000"},
        {WIRE_REQUEST,
         WIRE_V_PAT_CREATE,
         {WIRE_F_NAME},
         {WIRE_F_USER, WIRE_F_EXPIRES_AT, WIRE_F_LIMIT_SERVICE, WIRE_F_LIMIT_SOURCE,
          WIRE_F_LIMIT_ACCOUNT},
         "4f4b5431 1f00 0900 " NONCE
         " 0f00 0300 626f62  1000 0700 6369206bc3a979  1200 0800 0807060504030201"
         " 1500 0200 7375  1500 0300 326e64  1600 0400 3a3a2f30  1600 0300 326e64"
         " 1700 0200 6462  1700 0300 326e64"},
        {WIRE_REQUEST,
         WIRE_V_PAT_LIST,
         {0},
         {WIRE_F_USER, WIRE_F_EXPIRING, WIRE_F_UNUSED, WIRE_F_STATE, WIRE_F_NAME},
         "4f4b5431 2000 0500 " NONCE
         " 0f00 0300 626f62  1000 0700 6369206bc3a979  2100 0800 0904000000000000"
         " 2200 0800 0a04000000000000  2300 0800 0b04000000000000"},
        {WIRE_REQUEST,
         WIRE_V_PAT_RENAME,
         {WIRE_F_KEY_ID, WIRE_F_NAME},
         {0},
         "4f4b5431 2100 0200 " NONCE " 1000 0700 6369206bc3a979  1100 0400 616b5f30"},
        {WIRE_REQUEST,
         WIRE_V_PAT_REVOKE,
         {WIRE_F_KEY_ID},
         {WIRE_F_END_SESSIONS},
         "4f4b5431 2200 0200 " NONCE " 1100 0400 616b5f30  1d00 0800 0504000000000000"},
        {WIRE_REQUEST,
         WIRE_V_ROTATE,
         {WIRE_F_KEY_ID},
         {WIRE_F_OVERLAP, WIRE_F_EXPIRES_AT, WIRE_F_NEVER},
         "4f4b5431 2300 0400 " NONCE
         " 1100 0400 616b5f30  1200 0800 0807060504030201  1300 0800 fb03000000000000"
         " 1400 0800 fc03000000000000"},
        {WIRE_REQUEST,
         WIRE_V_REVOKE_ALL,
         {0},
         {WIRE_F_ORG, WIRE_F_USER, WIRE_F_USED_SINCE, WIRE_F_DRY_RUN, WIRE_F_END_SESSIONS},
         "4f4b5431 2400 0500 " NONCE
         " 0600 0400 61636d65  0f00 0300 626f62  1d00 0800 0504000000000000"
         " 1e00 0800 0604000000000000  1f00 0800 0704000000000000"},
        {WIRE_REQUEST, WIRE_V_HOST_SHOW, {0}, {0}, "4f4b5431 2500 0000 " NONCE},
        {WIRE_REQUEST,
         WIRE_V_HOST_SET,
         {0},
         {WIRE_F_MAX_LIFE, WIRE_F_NEVER_OK, WIRE_F_MAX_UNUSED, WIRE_F_SELF_SERVICE},
         "4f4b5431 2600 0400 " NONCE " 1900 0800 0104000000000000  1a00 0800 0204000000000000"
         " 1b00 0800 0304000000000000  1c00 0800 0404000000000000"},
        {WIRE_REQUEST, WIRE_V_CLOCK_RESET, {0}, {0}, "4f4b5431 2700 0000 " NONCE},
        {WIRE_REQUEST,
         WIRE_V_BACKUP,
         {WIRE_F_PATH},
         {0},
         "4f4b5431 2800 0100 " NONCE " 2000 0200 2f62"},
        {WIRE_REQUEST, WIRE_V_GUARDED_LIST, {0}, {0}, "4f4b5431 2900 0000 " NONCE},
        {WIRE_REQUEST,
         WIRE_V_REVOKE_TOKEN,
         {WIRE_F_KIND, WIRE_F_ID},
         {0},
         "4f4b5431 2a00 0200 " NONCE " 3200 0800 1a04000000000000  3e00 0a00 30313233343536373839"},
        {WIRE_REQUEST, WIRE_V_NOTIFY, {0}, {0}, "4f4b5431 2b00 0000 " NONCE},
        {WIRE_REQUEST,
         WIRE_V_SESSION,
         {WIRE_F_ACCOUNT, WIRE_F_SERVICE, WIRE_F_ORG, WIRE_F_KEY_ID, WIRE_F_SESSION},
         {0},
         "4f4b5431 2c00 0500 " NONCE " 0200 0600 6465706c6f79  0400 0400 73736864"
         " 0600 0400 61636d65  1100 0400 616b5f30"
         " 3f00 0200 6337"},
        {WIRE_REQUEST,
         WIRE_V_SESSION_STATE,
         {WIRE_F_ACCOUNT, WIRE_F_CREATED_AT, WIRE_F_SESSION, WIRE_F_LEADER},
         {0},
         "4f4b5431 2d00 0400 " NONCE " 0200 0600 6465706c6f79  2900 0800 1104000000000000"
         " 3f00 0200 6337  4000 0800 2804000000000000"},
        {WIRE_REQUEST,
         WIRE_V_SESSION_END,
         {WIRE_F_ACCOUNT, WIRE_F_CREATED_AT, WIRE_F_SESSION, WIRE_F_LEADER},
         {0},
         "4f4b5431 2e00 0400 " NONCE " 0200 0600 6465706c6f79  2900 0800 1104000000000000"
         " 3f00 0200 6337  4000 0800 2804000000000000"},
};
#define REQUESTS (sizeof(requests) / sizeof(requests[0]))

static const struct golden answers[] = {
        {WIRE_ALLOW,
         WIRE_V_VERIFY,
         {WIRE_F_VERDICT, WIRE_F_ORG, WIRE_F_KEY_ID},
         {WIRE_F_TICKET, WIRE_F_USER, WIRE_F_EXPIRES_AT},
         "96e1a35c 0100 0600 " NONCE
         " 0600 0400 61636d65  0d00 0200 01ff  0f00 0300 626f62  1100 0400 616b5f30"
         " 1200 0800 0807060504030201  2500 0800 0a00000000000000"},
        {WIRE_ALLOW,
         WIRE_V_ACCOUNT_CHECK,
         {WIRE_F_VERDICT, WIRE_F_ORG, WIRE_F_KEY_ID},
         {0},
         "96e1a35c 0200 0300 " NONCE
         " 0600 0400 61636d65  1100 0400 616b5f30  2500 0800 0a00000000000000"},
        {WIRE_ALLOW,
         WIRE_V_SESSION_CHECK,
         {WIRE_F_VERDICT, WIRE_F_ORG, WIRE_F_KEY_ID},
         {WIRE_F_USER},
         "96e1a35c 0300 0400 " NONCE " 0600 0400 61636d65  0f00 0300 626f62  1100 0400 616b5f30"
         " 2500 0800 0a00000000000000"},
        {WIRE_VERDICT,
         WIRE_V_VERIFY,
         {WIRE_F_VERDICT},
         {0},
         "d21a3c69 0100 0100 " NONCE " 2500 0800 0200000000000000"},
        {WIRE_DONE,
         WIRE_V_SESSION_CHECK,
         {0},
         {WIRE_F_GUARDED},
         "4ba8d50f 0300 0100 " NONCE " 3d00 0800 2504000000000000"},
        {WIRE_DONE, WIRE_V_ACK, {0}, {0}, "4ba8d50f 0400 0000 " NONCE},
        {WIRE_DONE,
         WIRE_V_CHECK,
         {0},
         {WIRE_F_VERDICT, WIRE_F_EXPLANATION, WIRE_F_ORG, WIRE_F_ORG_NAMED_BY, WIRE_F_KEY_ID,
          WIRE_F_USER, WIRE_F_EXPIRES_AT, WIRE_F_ENDED_REASON, WIRE_F_ENDED_AT},
         "4ba8d50f 0700 0a00 " NONCE " 0600 0400 61636d65  0f00 0300 626f62  1100 0400 616b5f30"
         " 1200 0800 0807060504030201  2500 0800 0200000000000000"
         " 2a00 0800 1204000000000000  2b00 0700 7265766f6b6564  3900 0400 73746570"
         " 3900 0300 326e64  3a00 0300 6b6579"},
        {WIRE_DONE,
         WIRE_V_ORG_SHOW,
         {0},
         {WIRE_F_ORG, WIRE_F_CREATED_AT, WIRE_F_SUSPENDED, WIRE_F_MEMBERS, WIRE_F_KEYS,
          WIRE_F_ACCOUNTS, WIRE_F_ROLE, WIRE_F_MAX_LIFE, WIRE_F_NEVER_OK, WIRE_F_MAX_UNUSED,
          WIRE_F_END_SESSIONS},
         "4ba8d50f 0a00 0b00 " NONCE
         " 0600 0400 61636d65  0800 0800 f003000000000000  1900 0800 0104000000000000"
         " 1a00 0800 0204000000000000  1b00 0800 0304000000000000"
         " 1d00 0800 0504000000000000  2900 0800 1104000000000000"
         " 3300 0800 1b04000000000000  3500 0800 1d04000000000000"
         " 3700 0800 1f04000000000000  3800 0800 2004000000000000"},
        {WIRE_DONE,
         WIRE_V_HOST_SHOW,
         {0},
         {WIRE_F_MAX_LIFE, WIRE_F_NEVER_OK, WIRE_F_MAX_UNUSED, WIRE_F_SELF_SERVICE},
         "4ba8d50f 2500 0400 " NONCE " 1900 0800 0104000000000000  1a00 0800 0204000000000000"
         " 1b00 0800 0304000000000000  1c00 0800 0404000000000000"},
        {WIRE_DONE,
         WIRE_V_REVOKE_ALL,
         {0},
         {WIRE_F_COUNT, WIRE_F_KEYS, WIRE_F_PATS},
         "4ba8d50f 2400 0300 " NONCE " 3400 0800 1c04000000000000  3500 0800 1d04000000000000"
         " 3600 0800 1e04000000000000"},
        {WIRE_ROW,
         WIRE_V_STATUS,
         {0},
         {WIRE_F_METRIC, WIRE_F_VALUE},
         "704fe936 0500 0200 " NONCE " 3b00 0200 7570  3c00 0800 feffffffffffffff"},
        {WIRE_ROW,
         WIRE_V_USER_LIST,
         {0},
         {WIRE_F_USER, WIRE_F_UID, WIRE_F_SUSPENDED, WIRE_F_CREATED_AT, WIRE_F_COUNT, WIRE_F_PATS},
         "704fe936 0f00 0600 " NONCE
         " 0f00 0300 626f62  2400 0800 0c04000000000000  2900 0800 1104000000000000"
         " 3300 0800 1b04000000000000  3400 0800 1c04000000000000"
         " 3600 0800 1e04000000000000"},
        {WIRE_ROW,
         WIRE_V_ACCOUNT_LIST,
         {0},
         {WIRE_F_ORG, WIRE_F_ACCOUNT, WIRE_F_LIMIT_SERVICE, WIRE_F_ROLE, WIRE_F_CREATED_AT},
         "704fe936 1b00 0600 " NONCE
         " 0200 0600 6465706c6f79  0600 0400 61636d65  0800 0800 f003000000000000"
         " 1500 0200 7375  1500 0300 326e64  2900 0800 1104000000000000"},
        {WIRE_ROW,
         WIRE_V_PAT_LIST,
         {0},
         {WIRE_F_KEY_ID, WIRE_F_KIND, WIRE_F_NAME, WIRE_F_CREATED_AT, WIRE_F_EXPIRES_AT,
          WIRE_F_STATE, WIRE_F_ENDED_AT, WIRE_F_ENDED_REASON, WIRE_F_SUCCESSOR, WIRE_F_LAST_USED_AT,
          WIRE_F_LAST_SOURCE, WIRE_F_LAST_SERVICE, WIRE_F_LAST_ACCOUNT, WIRE_F_LAST_ORG,
          WIRE_F_LIMIT_SERVICE, WIRE_F_LIMIT_SOURCE, WIRE_F_LIMIT_ACCOUNT, WIRE_F_USER},
         "704fe936 2000 1500 " NONCE
         " 0f00 0300 626f62  1000 0700 6369206bc3a979  1100 0400 616b5f30"
         " 1200 0800 0807060504030201  1500 0200 7375  1500 0300 326e64"
         " 1600 0400 3a3a2f30  1600 0300 326e64  1700 0200 6462  1700 0300 326e64"
         " 2300 0800 0b04000000000000  2900 0800 1104000000000000"
         " 2a00 0800 1204000000000000  2b00 0700 7265766f6b6564  2c00 0400 616b5f31"
         " 2d00 0800 1504000000000000  2e00 0300 3a3a32  2f00 0400 7375646f"
         " 3000 0300 776562  3100 0300 7a6f6f  3200 0800 1a04000000000000"},
        {WIRE_END, WIRE_V_KEY_LIST, {0}, {0}, "b53d9247 1d00 0000 " NONCE},
        {WIRE_NEW_TOKEN,
         WIRE_V_KEY_CREATE,
         {WIRE_F_TOKEN, WIRE_F_KEY_ID, WIRE_F_NAME, WIRE_F_CREATED_AT},
         {WIRE_F_EXPIRES_AT},
         "ecd3461b 1c00 0500 " NONCE
         " 0100 0500 7061745f78  1000 0700 6369206bc3a979  1100 0400 616b5f30"
         " 1200 0800 0807060504030201  2900 0800 1104000000000000"},
        {WIRE_NEW_TOKEN,
         WIRE_V_ROTATE,
         {WIRE_F_TOKEN, WIRE_F_KEY_ID, WIRE_F_NAME, WIRE_F_CREATED_AT},
         {WIRE_F_SUCCESSOR},
         "ecd3461b 2300 0500 " NONCE
         " 0100 0500 7061745f78  1000 0700 6369206bc3a979  1100 0400 616b5f30"
         " 2900 0800 1104000000000000  2c00 0400 616b5f31"},
        {WIRE_REFUSED,
         WIRE_V_ORG_DELETE,
         {WIRE_F_REASON, WIRE_F_MESSAGE},
         {WIRE_F_REFERENCE},
         "0db69872 0b00 0300 " NONCE " 2600 0200 6e6f  2700 0300 4e6f2e  2800 0200 6130"},
        {WIRE_UNAVAILABLE, WIRE_V_VERIFY, {0}, {0}, "aac97524 0100 0000 " NONCE},
        {WIRE_DONE,
         WIRE_V_SESSION,
         {0},
         {WIRE_F_ACCEPTED},
         "4ba8d50f 2c00 0100 " NONCE " 0e00 0800 f603000000000000"},
        {WIRE_DONE,
         WIRE_V_SESSION_END,
         {0},
         {WIRE_F_REASON},
         "4ba8d50f 2e00 0100 " NONCE " 2600 0200 6e6f"},
        {WIRE_DONE,
         WIRE_V_PAT_REVOKE,
         {0},
         {WIRE_F_KEY_ID, WIRE_F_MESSAGE, WIRE_F_SESSIONS, WIRE_F_SESSIONS_LEFT},
         "4ba8d50f 2200 0400 " NONCE " 1100 0400 616b5f30  2700 0300 4e6f2e"
         " 4100 0800 2904000000000000  4200 0800 2a04000000000000"},
};
#define ANSWERS (sizeof(answers) / sizeof(answers[0]))

static inline unsigned digit(char c)
{
        return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;
}

static inline size_t unhex(const char *hex, uint8_t *bytes)
{
        size_t len = 0;

        for (; *hex; hex++) {
                if (*hex == ' ')
                        continue;
                bytes[len++] = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));
                hex++;
        }
        return len;
}

static inline void put_sample(struct wire_message *m, unsigned number)
{
        enum wire_field field = (enum wire_field)number;
        enum wire_kind kind = wire_field_rule(number)->kind;

        if (field == WIRE_F_VERDICT) {
                wire_put_number(m, field, m->magic == WIRE_ALLOW ? VERDICT_ALLOW : VERDICT_UNKNOWN);
        } else if (kind == WIRE_KIND_NUMBER) {
                wire_put_number(m, field, samples[number].number);
        } else if (kind == WIRE_KIND_LIST) {
                assert_int_equal(wire_put_list(m, field, view_of(samples[number].text)), 0);
                assert_int_equal(wire_put_list(m, field, VIEW("2nd")), 0);
        } else {
                wire_put_text(m, field, view_of(samples[number].text));
        }
}

/* All that the golden message has, but for one field. */
static inline void build(const struct golden *g, unsigned without, struct wire_message *m)
{
        memset(m, 0xff, sizeof(*m));
        wire_init(m, g->magic, g->verb, nonce);
        for (size_t i = 0; i < sizeof(g->needs) && g->needs[i]; i++)
                if (g->needs[i] != without)
                        put_sample(m, g->needs[i]);
        for (size_t i = 0; i < sizeof(g->takes) && g->takes[i]; i++)
                if (g->takes[i] != without)
                        put_sample(m, g->takes[i]);
}

static inline bool is_listed(const uint8_t *fields, size_t size, unsigned field)
{
        return memchr(fields, (int)field, size) != NULL;
}
