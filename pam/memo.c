#include "pam/memo.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/secret.h"

#define MEMO_NAME   "orgtoken_memo"
#define ORIGIN_NAME "orgtoken_origin"
#define EXPIRES_AT  "ORGTOKEN_EXPIRES_AT"
/* Name, '=', value and NUL: a user's name is the longest that the answer may hold. */
#define VARIABLE_SIZE (sizeof("ORGTOKEN_KEY_ID=") + NAME_ITEM_MAX)

static const struct {
        const char *name;
        enum wire_field field;
} variables[] = {
        {"ORGTOKEN_ORG", WIRE_F_ORG},
        {"ORGTOKEN_KEY_ID", WIRE_F_KEY_ID},
        {"ORGTOKEN_USER", WIRE_F_USER},
};

static struct memo *memo_free(struct memo *memo)
{
        /* The ticket is no credential, but there is no reason to leave it lying about either. */
        if (memo)
                secret_wipe(memo, sizeof(*memo) + memo->ticket_len);
        free(memo);
        return NULL;
}
DEFINE_CLEANUP(struct memo *, memo_free);

/* libpam's signature. It is called by pam_end() and by pam_set_data(), both before the module goes.
 */
static void memo_cleanup(pam_handle_t *pamh, void *data, int error_status)
{
        (void)pamh;
        (void)error_status;
        (void)memo_free(data);
}

static int memo_new(const struct pamoptions *options, const struct wire_message *allow,
                    struct memo **ret)
{
        struct view ticket = wire_text(allow, WIRE_F_TICKET);
        _cleanup_(memo_freep) struct memo *memo = calloc(1, sizeof(*memo) + ticket.len);

        if (!memo)
                return -ENOMEM;
        memo->role = options->role;
        memo->bound_only = options->bound_only;
        memo->any_ruser = options->any_ruser;
        memo->ticket_len = ticket.len;
        memcpy(memo->ticket, ticket.ptr, ticket.len);
        /* They fit: outcome_of() has looked at them. */
        if (!view_copy(wire_text(allow, WIRE_F_ORG), memo->org, sizeof(memo->org)) ||
            !view_copy(wire_text(allow, WIRE_F_KEY_ID), memo->key_id, sizeof(memo->key_id)))
                return -EBADMSG;
        *ret = steal_ptr(memo);
        return 0;
}

int memo_save(pam_handle_t *pamh, const struct pamoptions *options,
              const struct wire_message *allow)
{
        _cleanup_(memo_freep) struct memo *memo = NULL;
        int r = memo_new(options, allow, &memo);

        if (r < 0)
                return r;
        if (pam_set_data(pamh, MEMO_NAME, memo, memo_cleanup) != PAM_SUCCESS)
                return -ENOMEM;
        memo = NULL; /* libpam's now */
        r = memo_publish(pamh, allow);
        if (r < 0)
                memo_clear(pamh);
        return r;
}

const struct memo *memo_find(pam_handle_t *pamh)
{
        const void *data = NULL;

        /* One that was cleared is found, and is NULL. */
        return pam_get_data(pamh, MEMO_NAME, &data) == PAM_SUCCESS ? data : NULL;
}

struct view memo_ticket(const struct memo *memo)
{
        return view_of_bytes(memo->ticket, memo->ticket_len);
}

struct origin {
        char org[NAME_ORG_MAX + 1];
        char key_id[TOKEN_KEY_ID_SIZE];
};

static void origin_cleanup(pam_handle_t *pamh, void *data, int error_status)
{
        (void)pamh;
        (void)error_status;
        free(data);
}

static const struct origin *origin_find(pam_handle_t *pamh)
{
        const void *data = NULL;

        return pam_get_data(pamh, ORIGIN_NAME, &data) == PAM_SUCCESS ? data : NULL;
}

void memo_adopt(pam_handle_t *pamh)
{
        struct view org = view_of(pam_getenv(pamh, "ORGTOKEN_ORG"));
        struct view key_id = view_of(pam_getenv(pamh, "ORGTOKEN_KEY_ID"));
        struct origin *origin;

        if (!org.ptr || !key_id.ptr || memo_find(pamh) || origin_find(pamh))
                return;
        origin = calloc(1, sizeof(*origin));
        if (!origin)
                return;
        if (!view_copy(org, origin->org, sizeof(origin->org)) ||
            !view_copy(key_id, origin->key_id, sizeof(origin->key_id)) ||
            pam_set_data(pamh, ORIGIN_NAME, origin, origin_cleanup) != PAM_SUCCESS)
                free(origin);
}

void memo_origin(pam_handle_t *pamh, struct view *ret_org, struct view *ret_key_id)
{
        const struct memo *memo = memo_find(pamh);
        const struct origin *origin = memo ? NULL : origin_find(pamh);

        *ret_org = memo ? view_of(memo->org) : origin ? view_of(origin->org) : VIEW_ABSENT;
        *ret_key_id = memo ? view_of(memo->key_id) : origin ? view_of(origin->key_id) : VIEW_ABSENT;
}

/* An absent value takes the variable away. libpam logs an error for taking away what is not there.
 */
static int set_variable(pam_handle_t *pamh, const char *name, struct view value)
{
        char text[VARIABLE_SIZE];
        size_t len = strlen(name);

        if (!value.ptr) {
                if (pam_getenv(pamh, name))
                        (void)pam_putenv(pamh, name);
                return 0;
        }
        memcpy(text, name, len);
        text[len++] = '=';
        if (!view_copy(value, text + len, sizeof(text) - len))
                return -ENOMEM;
        return pam_putenv(pamh, text) == PAM_SUCCESS ? 0 : -ENOMEM;
}

/* When the token ends, in seconds since the epoch; taken away for one that never does. */
static int set_expiry(pam_handle_t *pamh, const struct wire_message *allow)
{
        char text[24];

        if (!wire_has(allow, WIRE_F_EXPIRES_AT))
                return set_variable(pamh, EXPIRES_AT, VIEW_ABSENT);
        (void)snprintf(text, sizeof(text), "%" PRId64, wire_number(allow, WIRE_F_EXPIRES_AT, 0));
        return set_variable(pamh, EXPIRES_AT, view_of(text));
}

int memo_publish(pam_handle_t *pamh, const struct wire_message *allow)
{
        int r = set_expiry(pamh, allow);

        for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]) && r == 0; i++)
                r = set_variable(pamh, variables[i].name, wire_text(allow, variables[i].field));
        return r;
}

void memo_clear(pam_handle_t *pamh)
{
        /* pam_set_data() calls the old memo's cleanup. Without one there is nothing to replace, and
           an entry of its own would be made for nothing at every password. */
        if (memo_find(pamh))
                (void)pam_set_data(pamh, MEMO_NAME, NULL, NULL);
        if (origin_find(pamh))
                (void)pam_set_data(pamh, ORIGIN_NAME, NULL, NULL);
        for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
                (void)set_variable(pamh, variables[i].name, VIEW_ABSENT);
        (void)set_variable(pamh, EXPIRES_AT, VIEW_ABSENT);
}
