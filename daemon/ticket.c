#include "daemon/ticket.h"

#include <errno.h>
#include <string.h>

#include "common/secret.h"
#include "common/wirebuf.h"

#define TICKET_HEAD    16 /* token id and time, in the clear: the daemon keeps no table of tickets */
#define TICKET_TEXTS   5
#define TICKET_MESSAGE (TICKET_HEAD + TICKET_TEXTS * (2 + WIRE_TEXT_MAX))

/* What stands under the MAC: everything of fixed length first, then each text behind its length,
   which 16 bits hold where the text fits at all. False for texts that no packet can carry. */
static bool put_message(struct wirebuf_writer *w, int64_t token_id, int64_t when,
                        const struct verify_input *in, struct view org)
{
        const struct view texts[TICKET_TEXTS] = {org, in->account, in->service, in->actor,
                                                 in->source};

        wirebuf_put_u64(w, (uint64_t)token_id);
        wirebuf_put_u64(w, (uint64_t)when);
        for (size_t i = 0; i < TICKET_TEXTS; i++) {
                wirebuf_put_u16(w, (uint16_t)texts[i].len);
                wirebuf_put_bytes(w, texts[i].ptr, texts[i].len);
        }
        return !w->failed;
}

/* Writes the MAC over these facts. False where they cannot be put under one. */
static bool seal(const struct keyhash *key, int64_t token_id, int64_t when,
                 const struct verify_input *in, struct view org, uint8_t ret[static KEYHASH_LEN])
{
        uint8_t message[TICKET_MESSAGE];
        struct wirebuf_writer w;

        wirebuf_writer_init(&w, message, sizeof(message));
        if (!put_message(&w, token_id, when, in, org))
                return false;
        keyhash_ticket(key, view_of_bytes(message, w.used), ret);
        return true;
}

void ticket_make(const struct keyhash *key, int64_t token_id, const struct verify_input *in,
                 struct view org, int64_t now, uint8_t ret[static TICKET_LEN])
{
        struct wirebuf_writer w;

        secret_wipe(ret, TICKET_LEN);
        wirebuf_writer_init(&w, ret, TICKET_HEAD);
        wirebuf_put_u64(&w, (uint64_t)token_id);
        wirebuf_put_u64(&w, (uint64_t)now);
        /* Zeros are left where it does not work out: such a ticket is refused, and nothing is lost
           but the account check of a request that nobody could have sent. */
        (void)seal(key, token_id, now, in, org, ret + TICKET_HEAD);
}

int ticket_check(const struct keyhash *key, struct view ticket, const struct verify_input *in,
                 int64_t now, int64_t *ret_token_id)
{
        uint8_t mac[KEYHASH_LEN];
        struct wirebuf_reader reader;
        int64_t token_id, when;

        if (ticket.len != TICKET_LEN)
                return -EBADMSG;
        wirebuf_reader_init(&reader, ticket.ptr, ticket.len);
        token_id = (int64_t)wirebuf_get_u64(&reader);
        when = (int64_t)wirebuf_get_u64(&reader);
        if (!seal(key, token_id, when, in, in->org_option, mac))
                return -EBADMSG;
        if (!secret_equal(mac, ticket.ptr + TICKET_HEAD, KEYHASH_LEN))
                return -EBADMSG;
        /* One from the future is over too: the clock went back, and how old it is nobody knows.
           Behind the MAC both numbers are ours, so the difference does not overflow. */
        if (when > now || now - when >= TICKET_SECONDS)
                return -ETIME;
        *ret_token_id = token_id;
        return 0;
}
