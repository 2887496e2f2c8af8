/*
 * What names may be: organisations, users and accounts, PAM services, labels of tokens, roles. One
 * predicate a kind, and beside each the sentence that tells a person what is accepted. Pure.
 */
#pragma once

#include <stdbool.h>

#include "common/view.h"

#define NAME_ORG_MAX     32
#define NAME_USER_MAX    64 /* users and accounts: login names, database roles, mail addresses */
#define NAME_SERVICE_MAX 64
#define NAME_LABEL_MAX   100 /* characters, not bytes */
#define NAME_LABEL_BYTES 400 /* what a label can take at most in UTF-8 */
#define NAME_ITEM_MAX    255 /* a PAM item: user, actor, service; longer is refused */

enum role {
        ROLE_NONE = 0, /* no role asked for */
        ROLE_MEMBER,
        ROLE_ADMIN,
};

/* [a-z][a-z0-9-]{0,31}, no trailing '-'. */
bool name_is_org(struct view v);
/* 1 to 64 of [A-Za-z0-9._@+$-], not starting with '-' or '+', not all digits, not "." or "..". */
bool name_is_user(struct view v);
/* 1 to 64 of [A-Za-z0-9._@+-], not starting with '-' or '.': a file name in /etc/pam.d. */
bool name_is_service(struct view v);
/* 1 to 100 characters of printable UTF-8, not only blanks: no control characters, none that change
   the direction of text or are invisible (bidi controls, zero-width, line separators, BOM), no
   surrogates or non-characters. */
bool name_is_label(struct view v);
/* A PAM item: 1 to 255 bytes, none of them a control character (below 0x20, or 0x7f). */
bool name_is_item(struct view v);

/* What is accepted, as the end of a sentence ("an organisation name is …"). Static storage. */
const char *name_org_rule(void);
const char *name_user_rule(void);
const char *name_service_rule(void);
const char *name_label_rule(void);

/* "member" or "admin". 0, or -EINVAL. */
int role_parse(struct view v, enum role *ret);
/* "member", "admin", or "none". */
const char *role_to_string(enum role role);

/* Well-formed UTF-8 throughout, without NUL. */
bool name_is_utf8(struct view v);

/* Edit distance of two short strings, for "did you mean". Capped at 64 characters each. */
unsigned name_distance(struct view a, struct view b);
