#include "daemon/rowcache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROWS        1024 /* powers of two, both */
#define TOKENS      256
#define TEXT        96  /* longer names are looked up every time */
#define ROW_BYTES   256 /* an account with services of some eighty characters, */
#define TOKEN_BYTES 704 /* and a token */

struct slot {
        int64_t state; /* 0: free */
        enum rowcache_kind kind;
        int64_t first, second;
        uint16_t name_len, other_len, head_len, tail_len;
        char text[TEXT];
};

struct rowcache {
        struct slot slot[ROWS + TOKENS];
        unsigned char row[ROWS][ROW_BYTES];
        unsigned char token[TOKENS][TOKEN_BYTES];
};

int rowcache_new(struct rowcache **ret)
{
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

struct rowcache *rowcache_free(struct rowcache *c)
{
        free(c);
        return NULL;
}

static uint64_t mix(uint64_t sum, uint64_t value)
{
        /* The odd number nearest to 2^64 divided by the golden ratio. */
        sum = (sum ^ value) * UINT64_C(0x9e3779b97f4a7c15);
        return sum ^ sum >> 32;
}

static uint64_t mix_text(uint64_t sum, struct view text)
{
        uint64_t word = 0;

        for (size_t i = 0; i < text.len; i++) {
                word = word << 8 | (unsigned char)text.ptr[i];
                if (i % 8 == 7)
                        sum = mix(sum, word);
        }
        return mix(mix(sum, word), text.len);
}

/* There are many more tokens than orgs and accounts: they take each other's place alone. Who can
   choose names that meet in one slot gains a row that is looked up twice. */
static size_t slot_of(const struct rowcache_key *key)
{
        uint64_t sum = mix((uint64_t)key->kind, (uint64_t)key->first);

        sum = mix(sum, (uint64_t)key->second);
        sum = mix_text(mix_text(sum, key->name), key->other);
        return key->kind < ROWCACHE_TOKEN ? sum % ROWS : ROWS + sum % TOKENS;
}

static bool fits(const struct rowcache_key *key)
{
        return key->name.len <= TEXT && key->other.len <= TEXT - key->name.len;
}

static bool slot_is_of(const struct slot *slot, int64_t state, const struct rowcache_key *key)
{
        return slot->state == state && slot->kind == key->kind && slot->first == key->first &&
               slot->second == key->second &&
               view_equal(view_of_bytes(slot->text, slot->name_len), key->name) &&
               view_equal(view_of_bytes(slot->text + slot->name_len, slot->other_len), key->other);
}

/* Where a slot's value is. */
static unsigned char *bytes_of(struct rowcache *c, size_t at)
{
        return at < ROWS ? c->row[at] : c->token[at - ROWS];
}

bool rowcache_find(const struct rowcache *c, int64_t state, const struct rowcache_key *key,
                   const struct rowcache_value *ret)
{
        const unsigned char *bytes;
        const struct slot *slot;
        size_t at;

        if (state == 0 || !fits(key))
                return false;
        at = slot_of(key);
        if (!slot_is_of(&c->slot[at], state, key))
                at ^= 1;
        slot = &c->slot[at];
        if (!slot_is_of(slot, state, key) || slot->head_len > ret->head_len ||
            slot->tail_len != ret->tail_len)
                return false;
        /* Only read here. */
        bytes = bytes_of((struct rowcache *)c, at);
        memcpy(ret->head, bytes, slot->head_len);
        if (ret->tail)
                memcpy(ret->tail, bytes + slot->head_len, slot->tail_len);
        return true;
}

/* Its own slot, or the one beside it where that has what is of use to somebody else, so that two
   which meet do not drive each other out. */
static size_t place_for(const struct rowcache *c, int64_t state, const struct rowcache_key *key)
{
        size_t at = slot_of(key);

        return c->slot[at].state != state || slot_is_of(&c->slot[at], state, key) ? at : at ^ 1;
}

static void copy_text(char *to, struct view text)
{
        if (text.len > 0)
                memcpy(to, text.ptr, text.len);
}

void rowcache_keep(struct rowcache *c, int64_t state, const struct rowcache_key *key,
                   const struct rowcache_value *value)
{
        size_t room = key->kind < ROWCACHE_TOKEN ? ROW_BYTES : TOKEN_BYTES, at;
        unsigned char *bytes;

        if (state == 0 || !fits(key) || value->head_len > room ||
            value->tail_len > room - value->head_len)
                return;
        at = place_for(c, state, key);
        bytes = bytes_of(c, at);
        c->slot[at] = (struct slot){.state = state,
                                    .kind = key->kind,
                                    .first = key->first,
                                    .second = key->second,
                                    .name_len = (uint16_t)key->name.len,
                                    .other_len = (uint16_t)key->other.len,
                                    .head_len = (uint16_t)value->head_len,
                                    .tail_len = (uint16_t)value->tail_len};
        copy_text(c->slot[at].text, key->name);
        copy_text(c->slot[at].text + key->name.len, key->other);
        memcpy(bytes, value->head, value->head_len);
        if (value->tail)
                memcpy(bytes + value->head_len, value->tail, value->tail_len);
}
