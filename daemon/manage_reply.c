#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/secret.h"
#include "daemon/manage_internal.h"

#define LENGTH_SIZE sizeof(uint16_t)
#define FIRST_SIZE  (LENGTH_SIZE + WIRE_PACKET_MAX)

void manage_reply_init(struct manage_reply *r)
{
        *r = (struct manage_reply){.new_token = -1, .replaced = -1};
}

/* Only the bytes: what the acknowledgement needs to know stays. */
void manage_reply_wipe(struct manage_reply *r)
{
        secret_wipe(r->bytes, r->size);
        free(r->bytes);
        r->bytes = NULL;
        r->len = 0;
        r->size = 0;
}

/* Room for one more packet. Not realloc(), which would leave a token's bytes behind. */
static int make_room(struct manage_reply *r)
{
        size_t size = r->size > 0 ? 2 * r->size : FIRST_SIZE;
        unsigned char *bytes;

        if (r->size - r->len >= FIRST_SIZE)
                return 0;
        bytes = malloc(size);
        if (!bytes)
                return -ENOMEM;
        if (r->len > 0)
                memcpy(bytes, r->bytes, r->len);
        secret_wipe(r->bytes, r->size);
        free(r->bytes);
        r->bytes = bytes;
        r->size = size;
        return r->size - r->len >= FIRST_SIZE ? 0 : make_room(r);
}

int manage_reply_add(struct manage_reply *r, const struct wire_message *m)
{
        size_t len = 0;
        uint16_t prefix;
        int e = make_room(r);

        if (e < 0)
                return e;
        e = wire_encode(m, r->bytes + r->len + LENGTH_SIZE, WIRE_PACKET_MAX, &len);
        if (e < 0)
                return e;
        prefix = (uint16_t)len;
        memcpy(r->bytes + r->len, &prefix, LENGTH_SIZE);
        r->len += LENGTH_SIZE + len;
        return 0;
}

/* With the request's verb and nonce, or the client takes it for somebody else's. */
void manage_answer(const struct manage_op *op, uint32_t magic, struct wire_message *ret)
{
        wire_init(ret, magic, op->request.verb, op->request.nonce);
}

void manage_put(struct wire_message *m, enum wire_field field, const char *text)
{
        if (text[0])
                wire_put_text(m, field, view_of(text));
}

/* Also the END of a list. */
int manage_done(struct manage_op *op, uint32_t magic)
{
        struct wire_message m;

        manage_answer(op, magic, &m);
        return manage_reply_add(op->reply, &m);
}

/* Counted, so that a page ends. */
int manage_row(struct manage_op *op, const struct wire_message *m)
{
        int r = manage_reply_add(op->reply, m);

        if (r == 0)
                op->rows++;
        return r;
}

int manage_done_count(struct manage_op *op, int64_t count)
{
        struct wire_message m;

        manage_answer(op, WIRE_DONE, &m);
        wire_put_number(&m, WIRE_F_COUNT, count);
        return manage_reply_add(op->reply, &m);
}

int manage_amend_sessions(struct manage_op *op, int64_t ended, int64_t left, const char *message)
{
        _cleanup_(manage_reply_wipe) struct manage_reply amended = {0};
        struct manage_reply *r = op->reply;
        struct wire_message m;
        uint16_t len = 0;
        int e;

        if (r->len < LENGTH_SIZE)
                return -EINVAL;
        memcpy(&len, r->bytes, LENGTH_SIZE);
        if (LENGTH_SIZE + len != r->len || wire_decode(r->bytes + LENGTH_SIZE, len, &m) < 0 ||
            m.magic != WIRE_DONE)
                return -EINVAL;
        wire_put_number(&m, WIRE_F_SESSIONS, ended);
        wire_put_number(&m, WIRE_F_SESSIONS_LEFT, left);
        manage_put(&m, WIRE_F_MESSAGE, message);
        e = manage_reply_add(&amended, &m);
        if (e < 0)
                return e;
        manage_reply_wipe(r);
        r->bytes = amended.bytes;
        r->len = amended.len;
        r->size = amended.size;
        amended = (struct manage_reply){0};
        return 0;
}
