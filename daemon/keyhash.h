/*
 * The host key and everything computed with a hash; the only door to libsodium. Owns the key, in
 * locked memory, and the system's random source. A keyhash is immutable after it is made: any
 * thread may use it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/view.h"

#define KEYHASH_KEY_LEN 32
#define KEYHASH_LEN     32

struct keyhash;

/* Initialises the library. 0, or -ENOSYS: the daemon must not start. */
int keyhash_init(void);

/* Takes a copy of the key into locked, guarded memory; the caller wipes its own. 0 or -ENOMEM. */
int keyhash_new(const uint8_t key[static KEYHASH_KEY_LEN], struct keyhash **ret);
struct keyhash *keyhash_free(struct keyhash *k);

/* A public number that tells host keys apart: the first 8 bytes of HMAC(key,
   "orgtoken-fingerprint-1"), as a positive integer. */
int64_t keyhash_fingerprint(const struct keyhash *k);

/* SHA-256 over claims and secret, each behind its length and all behind a version tag. */
void keyhash_proof(struct view claims, struct view secret, uint8_t ret[static KEYHASH_LEN]);

/* HMAC-SHA-256 under the host key over a domain word and a message, each behind its length.
   Different domains never collide. */
void keyhash_mac(const struct keyhash *k, const char *domain, struct view message,
                 uint8_t ret[static KEYHASH_LEN]);

/* BLAKE2b-256, keyed, for what does not outlive a login. Its key is made from the host key and used
   for nothing else; no domain is needed. An HMAC of two facts takes three or four times as long. */
void keyhash_ticket(const struct keyhash *k, struct view message, uint8_t ret[static KEYHASH_LEN]);

/* Random bytes of the system source. */
void keyhash_random(void *bytes, size_t len);
/* Uniform in 0 <= n < limit, without modulo bias. */
uint64_t keyhash_random_below(uint64_t limit);
/* len characters of the token alphabet, uniform. */
void keyhash_random_text(char *ret, size_t len);
