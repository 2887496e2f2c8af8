#include "daemon/keyhash.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/secret.h"
#include "common/token.h"

#define PROOF_TAG       "orgtoken-proof-1"
#define MAC_TAG         "orgtoken-mac-1"
#define FINGERPRINT_TAG "orgtoken-fingerprint-1"
#define TICKET_TAG      "orgtoken-ticket-1"

/* In memory of libsodium's own: locked where the limit allows it, left out of core dumps, between
   guard pages, and read-only once it is made. */
struct keyhash {
        uint8_t key[KEYHASH_KEY_LEN];
        uint8_t ticket_key[KEYHASH_LEN];
        crypto_auth_hmacsha256_state
                start; /* of every MAC: the key and the tag are in it already */
};

_Static_assert(KEYHASH_LEN == crypto_hash_sha256_BYTES, "a proof is a SHA-256");
_Static_assert(KEYHASH_LEN == crypto_auth_hmacsha256_BYTES, "a mac is an HMAC-SHA-256");
_Static_assert(KEYHASH_LEN == crypto_generichash_BYTES &&
                       KEYHASH_LEN == crypto_generichash_KEYBYTES,
               "a ticket's too");
_Static_assert(KEYHASH_KEY_LEN == crypto_auth_hmacsha256_KEYBYTES, "the key fits the HMAC");

/* A hash that fails has no answer that could be told from a right one. It never does; were it to, a
   daemon that is gone refuses everybody, and that is the safe side. */
static void must(int result)
{
        if (result != 0)
                abort();
}

int keyhash_init(void)
{
        /* 1: it was initialised before. */
        return sodium_init() < 0 ? -ENOSYS : 0;
}

struct keyhash *keyhash_free(struct keyhash *k)
{
        /* Wipes it as well. */
        sodium_free(k);
        return NULL;
}

DEFINE_CLEANUP(struct keyhash *, keyhash_free);

/* A length as 8 bytes, the least significant first. */
static void length_bytes(size_t len, unsigned char ret[static 8])
{
        for (unsigned i = 0; i < 8; i++)
                ret[i] = (unsigned char)((uint64_t)len >> (8 * i));
}

static const unsigned char *bytes_of(struct view v)
{
        static const unsigned char none[1] = {0};

        return v.ptr ? (const unsigned char *)v.ptr : none;
}

static void hash_put(crypto_hash_sha256_state *state, struct view v)
{
        unsigned char len[8];

        length_bytes(v.len, len);
        must(crypto_hash_sha256_update(state, len, sizeof(len)));
        must(crypto_hash_sha256_update(state, bytes_of(v), v.len));
}

static void mac_put(crypto_auth_hmacsha256_state *state, struct view v)
{
        unsigned char len[8];

        length_bytes(v.len, len);
        must(crypto_auth_hmacsha256_update(state, len, sizeof(len)));
        must(crypto_auth_hmacsha256_update(state, bytes_of(v), v.len));
}

/* What all MACs under a key begin with is computed once: two blocks of the hash, of the five that a
   short one takes. */
static void start_mac(struct keyhash *k)
{
        must(crypto_auth_hmacsha256_init(&k->start, k->key, sizeof(k->key)));
        mac_put(&k->start, VIEW(MAC_TAG));
}

int keyhash_new(const uint8_t key[static KEYHASH_KEY_LEN], struct keyhash **ret)
{
        _cleanup_(keyhash_freep) struct keyhash *k = sodium_malloc(sizeof(*k));

        if (!k)
                return -ENOMEM;
        memcpy(k->key, key, sizeof(k->key));
        must(crypto_auth_hmacsha256(k->ticket_key, (const unsigned char *)TICKET_TAG,
                                    sizeof(TICKET_TAG) - 1, k->key));
        start_mac(k);
        /* -1 where a platform cannot; on Linux it cannot fail for memory that is its own. */
        if (sodium_mprotect_readonly(k) != 0)
                return -ENOMEM;
        *ret = steal_ptr(k);
        return 0;
}

int64_t keyhash_fingerprint(const struct keyhash *k)
{
        unsigned char mac[KEYHASH_LEN];
        uint64_t number = 0;

        must(crypto_auth_hmacsha256(mac, (const unsigned char *)FINGERPRINT_TAG,
                                    sizeof(FINGERPRINT_TAG) - 1, k->key));
        for (unsigned i = 0; i < 8; i++)
                number = number << 8 | mac[i];
        number &= INT64_MAX;
        /* 0 stands for "none" in the store. */
        return number == 0 ? 1 : (int64_t)number;
}

void keyhash_proof(struct view claims, struct view secret, uint8_t ret[static KEYHASH_LEN])
{
        crypto_hash_sha256_state state;

        must(crypto_hash_sha256_init(&state));
        hash_put(&state, VIEW(PROOF_TAG));
        hash_put(&state, claims);
        hash_put(&state, secret);
        must(crypto_hash_sha256_final(&state, ret));
        /* It holds up to a block of the secret. */
        secret_wipe(&state, sizeof(state));
}

void keyhash_mac(const struct keyhash *k, const char *domain, struct view message,
                 uint8_t ret[static KEYHASH_LEN])
{
        crypto_auth_hmacsha256_state state = k->start;

        mac_put(&state, view_of(domain));
        mac_put(&state, message);
        must(crypto_auth_hmacsha256_final(&state, ret));
        /* It began with the key. */
        secret_wipe(&state, sizeof(state));
}

void keyhash_ticket(const struct keyhash *k, struct view message, uint8_t ret[static KEYHASH_LEN])
{
        must(crypto_generichash(ret, KEYHASH_LEN, bytes_of(message), message.len, k->ticket_key,
                                sizeof(k->ticket_key)));
}

void keyhash_random(void *bytes, size_t len)
{
        randombytes_buf(bytes, len);
}

uint64_t keyhash_random_below(uint64_t limit)
{
        uint64_t uneven, n;

        if (limit < 2)
                return 0;
        /* 2^64 modulo limit: so many numbers at the lower end would come up once too often. */
        uneven = (UINT64_MAX - limit + 1) % limit;
        do
                randombytes_buf(&n, sizeof(n));
        while (n < uneven);
        return n % limit;
}

void keyhash_random_text(char *ret, size_t len)
{
        unsigned char pool[64];
        size_t at = sizeof(pool);

        for (size_t i = 0; i < len;) {
                unsigned value;

                if (at == sizeof(pool)) {
                        randombytes_buf(pool, sizeof(pool));
                        at = 0;
                }
                /* Six bits, thrown away where they are none of the 62. */
                value = pool[at++] & 63U;
                if (value < TOKEN_BASE)
                        ret[i++] = token_character(value);
        }
        secret_wipe(pool, sizeof(pool));
}
