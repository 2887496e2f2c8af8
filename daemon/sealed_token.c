/* Tokens, whose seal is the mac over their proof: the other half of sealed.h. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/secret.h"
#include "common/wirebuf.h"
#include "daemon/limits.h"
#include "daemon/sealed.h"

#define CLAIMS_VERSION 1
#define CLAIMS_SIZE    (RECORD_LIMITS_MAX + 64)
#define DOMAIN_LIVE    "token-mac"
#define DOMAIN_REVOKED "revoked"
#define DOMAIN_END     "token-end"
/* of a token revoked under an earlier host key */
#define DOMAIN_BURIED "revoked-before"

struct claims {
        size_t len;
        uint8_t bytes[CLAIMS_SIZE];
};

/* What a token is, for ever. Not its name: a rename must not need the secret. -EINVAL where the
   limits are none. */
static int encode_claims(const struct record_token *token, struct claims *ret)
{
        struct wirebuf_writer w;

        if (!limits_is_valid(&token->limits))
                return -EINVAL;
        wirebuf_writer_init(&w, ret->bytes, sizeof(ret->bytes));
        wirebuf_put_u8(&w, CLAIMS_VERSION);
        wirebuf_put_u8(&w, (uint8_t)token->kind);
        wirebuf_put_u64(&w, (uint64_t)token->id);
        wirebuf_put_u64(&w, (uint64_t)token->owner);
        wirebuf_put_u64(&w, (uint64_t)token->created_at);
        wirebuf_put_u64(&w, (uint64_t)token->expires_at);
        wirebuf_put_u16(&w, token->limits.len);
        wirebuf_put_bytes(&w, token->limits.bytes, token->limits.len);
        ret->len = w.used;
        return w.failed ? -EINVAL : 0;
}

/* The mac of a live token: over the proof, and over the claims once more, so that an edited claim
   shows without the secret too (sealed_judge_stored()). */
static void mac_live(const struct sealed *s, const struct claims *claims,
                     const uint8_t proof[static RECORD_MAC_LEN], uint8_t ret[static RECORD_MAC_LEN])
{
        _unfilled_ uint8_t message[RECORD_MAC_LEN + CLAIMS_SIZE];

        memcpy(message, proof, RECORD_MAC_LEN);
        memcpy(message + RECORD_MAC_LEN, claims->bytes, claims->len);
        keyhash_mac(s->key, DOMAIN_LIVE, view_of_bytes(message, RECORD_MAC_LEN + claims->len), ret);
}

static void mac_revoked(const struct sealed *s, const uint8_t live[static RECORD_MAC_LEN],
                        uint8_t ret[static RECORD_MAC_LEN])
{
        keyhash_mac(s->key, DOMAIN_REVOKED, view_of_bytes(live, RECORD_MAC_LEN), ret);
}

/* The seal of an earlier end; zeros where there is none. */
static void mac_end(const struct sealed *s, const struct record_token *token,
                    uint8_t ret[static RECORD_MAC_LEN])
{
        static const uint8_t none[RECORD_MAC_LEN];
        uint8_t message[8 + 8 + 2 + RECORD_REASON_MAX];
        size_t len = strlen(token->end_reason);
        struct wirebuf_writer w;

        if (token->ends_at == EXPIRY_NEVER) {
                memcpy(ret, none, sizeof(none));
                return;
        }
        wirebuf_writer_init(&w, message, sizeof(message));
        wirebuf_put_u64(&w, (uint64_t)token->id);
        wirebuf_put_u64(&w, (uint64_t)token->ends_at);
        wirebuf_put_u16(&w, (uint16_t)len);
        wirebuf_put_bytes(&w, token->end_reason, len);
        keyhash_mac(s->key, DOMAIN_END, view_of_bytes(message, w.used), ret);
}

static bool end_holds(const struct sealed *s, const struct record_token *token)
{
        uint8_t mac[RECORD_MAC_LEN];

        mac_end(s, token, mac);
        return secret_equal(mac, token->end_mac, sizeof(mac));
}

/* ---- a token that was judged before ---- */

/* Around the part of its limits that is not used. */
static struct rowcache_value token_value(struct record_token *token, size_t limits)
{
        return (struct rowcache_value){
                .head = token,
                .head_len = offsetof(struct record_token, limits.bytes) + limits,
                .tail = &token->has_proof,
                .tail_len = sizeof(*token) - offsetof(struct record_token, has_proof)};
}

/* The row, and that it was found to be live, by the mac that says so. */
static void keep_live(const struct sealed *s, const struct record_token *token)
{
        const struct rowcache_key row = {.kind = ROWCACHE_TOKEN, .first = token->id},
                                  live = {.kind = ROWCACHE_LIVE, .first = token->id};
        const struct rowcache_value value =
                token_value((struct record_token *)token, token->limits.len);

        if (!s->rows)
                return;
        rowcache_keep(s->rows, store_state(s->reader), &row, &value);
        sealed_keep(s, &live, token->mac, sizeof(token->mac));
}

static bool is_kept_live(const struct sealed *s, const struct record_token *token)
{
        const struct rowcache_key key = {.kind = ROWCACHE_LIVE, .first = token->id};
        uint8_t mac[RECORD_MAC_LEN];

        return sealed_is_kept(s, &key, mac, sizeof(mac)) &&
               secret_equal(mac, token->mac, sizeof(mac));
}

int sealed_find_token(const struct sealed *s, int64_t id, struct record_token *ret)
{
        const struct rowcache_key key = {.kind = ROWCACHE_TOKEN, .first = id};
        const struct rowcache_value value = token_value(ret, sizeof(ret->limits.bytes));

        if (s->rows && rowcache_find(s->rows, store_state(s->reader), &key, &value))
                return 0;
        return store_find_token(s->reader, id, ret);
}

int sealed_key_id_length(const struct sealed *s, int64_t id, unsigned *ret)
{
        const struct rowcache_key key = {.kind = ROWCACHE_KEY_ID, .first = id};
        int e;

        if (sealed_is_kept(s, &key, ret, sizeof(*ret)))
                return 0;
        e = store_key_id_length(s->reader, id, ret);
        if (e == 0)
                sealed_keep(s, &key, ret, sizeof(*ret));
        return e;
}

/* ---- judging ---- */

/* What a row says of itself must fit the mac that was found on it. */
static bool is_marked_live(const struct record_token *token,
                           const uint8_t proof[static RECORD_MAC_LEN])
{
        return token->has_proof && token->revoked_at == 0 &&
               secret_equal(proof, token->proof, RECORD_MAC_LEN);
}

int sealed_judge_token(const struct sealed *s, const struct record_token *token, struct view secret,
                       enum sealed_token_state *ret)
{
        uint8_t proof[RECORD_MAC_LEN], live[RECORD_MAC_LEN], revoked[RECORD_MAC_LEN];
        _unfilled_ struct claims claims;
        bool is_live, is_revoked = false;

        if (token->key_fingerprint != s->fingerprint || encode_claims(token, &claims) < 0)
                return -EBADMSG;
        keyhash_proof(view_of_bytes(claims.bytes, claims.len), secret, proof);
        mac_live(s, &claims, proof, live);
        is_live = secret_equal(live, token->mac, sizeof(live));
        if (!is_live) {
                /* Whatever the row says of itself: nobody without the secret is told by the time
                   whether the token lives. */
                mac_revoked(s, live, revoked);
                is_revoked = secret_equal(revoked, token->mac, sizeof(revoked));
        }
        if (!is_live && !is_revoked) {
                *ret = SEALED_WRONG;
                return 0;
        }
        if (!end_holds(s, token))
                return -EBADMSG;
        if (is_revoked) {
                /* By its mac alone: flags that were flipped back change nothing. */
                *ret = SEALED_REVOKED;
                return 0;
        }
        if (!is_marked_live(token, proof))
                return -EBADMSG;
        keep_live(s, token);
        *ret = SEALED_LIVE;
        return 0;
}

int sealed_judge_stored(const struct sealed *s, const struct record_token *token,
                        enum sealed_token_state *ret)
{
        uint8_t live[RECORD_MAC_LEN], revoked[RECORD_MAC_LEN];
        _unfilled_ struct claims claims;

        if (is_kept_live(s, token)) {
                *ret = SEALED_LIVE;
                return 0;
        }
        if (token->key_fingerprint != s->fingerprint || encode_claims(token, &claims) < 0 ||
            !end_holds(s, token))
                return -EBADMSG;
        if (!token->has_proof) {
                /* Nothing can be computed any more, and nothing needs to be. */
                *ret = SEALED_REVOKED;
                return 0;
        }
        mac_live(s, &claims, token->proof, live);
        mac_revoked(s, live, revoked);
        if (secret_equal(revoked, token->mac, sizeof(revoked))) {
                *ret = SEALED_REVOKED;
                return 0;
        }
        if (!secret_equal(live, token->mac, sizeof(live)) || token->revoked_at != 0)
                return -EBADMSG;
        *ret = SEALED_LIVE;
        return 0;
}

int sealed_insert_token(const struct sealed *s, struct record_token *token, struct view secret)
{
        struct record_token sealed = *token;
        _unfilled_ struct claims claims;
        int e;

        if (!s->writer)
                return -EROFS;
        if (secret.len != TOKEN_SECRET_LEN || encode_claims(&sealed, &claims) < 0)
                return -EINVAL;
        keyhash_proof(view_of_bytes(claims.bytes, claims.len), secret, sealed.proof);
        mac_live(s, &claims, sealed.proof, sealed.mac);
        sealed.has_proof = true;
        sealed.key_fingerprint = s->fingerprint;
        /* Nothing has ended yet, whatever a zeroed record says. */
        sealed.ends_at = EXPIRY_NEVER;
        mac_end(s, &sealed, sealed.end_mac);
        sealed.revoked_at = 0;
        sealed.end_reason[0] = '\0';
        sealed.successor = -1;
        e = store_insert_token(s->writer, &sealed);
        if (e == 0)
                *token = sealed;
        return e;
}

static int set_reason(struct record_token *token, const char *reason)
{
        struct view v = view_of(reason);

        if (view_is_empty(v) || !view_copy(v, token->end_reason, sizeof(token->end_reason)))
                return -EINVAL;
        return 0;
}

int sealed_revoke_token(const struct sealed *s, struct record_token *token, int64_t now,
                        const char *reason)
{
        struct record_token sealed = *token;
        int e;

        if (!s->writer)
                return -EROFS;
        if (token->revoked_at != 0)
                return 0;
        e = set_reason(&sealed, reason);
        if (e < 0)
                return e;
        mac_revoked(s, token->mac, sealed.mac);
        sealed.has_proof = false;
        secret_wipe(sealed.proof, sizeof(sealed.proof));
        /* A clock before 1970 must not keep anything alive. */
        sealed.revoked_at = now > 0 ? now : 1;
        /* The reason stands under the seal of an earlier end as well. */
        mac_end(s, &sealed, sealed.end_mac);
        e = store_update_token(s->writer, &sealed);
        if (e == 0)
                *token = sealed;
        return e;
}

int sealed_end_token(const struct sealed *s, struct record_token *token, int64_t ends_at,
                     const char *reason, int64_t successor)
{
        struct record_token sealed = *token;
        int e;

        if (!s->writer)
                return -EROFS;
        if (token->revoked_at != 0 || ends_at > token->ends_at)
                return -EPERM;
        e = set_reason(&sealed, reason);
        if (e < 0)
                return e;
        sealed.ends_at = ends_at > 0 ? ends_at : 1;
        sealed.successor = successor;
        mac_end(s, &sealed, sealed.end_mac);
        e = store_update_token(s->writer, &sealed);
        if (e == 0)
                *token = sealed;
        return e;
}

int sealed_remake_token(const struct sealed *from, const struct sealed *to,
                        struct record_token *token)
{
        struct record_token remade = *token;
        enum sealed_token_state state;
        _unfilled_ struct claims claims;
        int e = sealed_judge_stored(from, token, &state);

        if (e < 0)
                return e;
        if (state == SEALED_LIVE) {
                e = encode_claims(token, &claims);
                if (e < 0)
                        return e;
                mac_live(to, &claims, token->proof, remade.mac);
        } else {
                /* A proof beside a revoked mac: the row was given back what it had lost. */
                if (token->has_proof || token->revoked_at == 0)
                        return -EBADMSG;
                keyhash_mac(to->key, DOMAIN_BURIED, view_of_bytes(token->mac, RECORD_MAC_LEN),
                            remade.mac);
        }
        remade.key_fingerprint = to->fingerprint;
        mac_end(to, &remade, remade.end_mac);
        *token = remade;
        return 0;
}
