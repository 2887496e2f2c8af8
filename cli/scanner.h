/*
 * Finds real tokens in a stream of bytes: by their form, and by their checksum, so that nothing but
 * a token is found (one false in 2^32 of those that look alike). Any text around it is fine, for
 * leaks come as
 * "\npat_..." and "Bearer ak_..." too. Pure: bytes go in piece by piece, finds come out.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/token.h"

#define SCANNER_CHUNK 65536

struct scanner_find {
        enum token_kind kind;
        int64_t id;
        uint64_t line; /* from 1 */
};

/* Returns 0 to go on; anything else ends the scan. */
typedef int (*scanner_found)(void *context, const struct scanner_find *find);

struct scanner {
        scanner_found found;
        void *context;
        uint64_t line;
        size_t kept; /* bytes at the front of the buffer, of the piece before */
        size_t next; /* of them, the first that was not looked at */
        unsigned char buffer[TOKEN_TEXT_MAX + SCANNER_CHUNK];
};

void scanner_init(struct scanner *s, scanner_found found, void *context);

/* Where the next bytes go, up to SCANNER_CHUNK of them. */
unsigned char *scanner_room(struct scanner *s);
/* Takes len bytes that were put there; 0 is the end of the stream. 0, or what found returned. */
int scanner_take(struct scanner *s, size_t len);

/* Wipes: the bytes may hold tokens. */
void scanner_wipe(struct scanner *s);
