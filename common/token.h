/*
 * The token grammar: shape, checksum, ids and key ids (orgtoken(1), TOKENS). Pure functions
 * without I/O or allocation; what they return points into what they were given. Knows nothing of
 * the store.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/view.h"

#define TOKEN_ID_LEN       10
#define TOKEN_RANDOM_LEN   43
#define TOKEN_CHECKSUM_LEN 6
#define TOKEN_SECRET_LEN   (TOKEN_RANDOM_LEN + TOKEN_CHECKSUM_LEN)
#define TOKEN_TEXT_MAX     64 /* a PAT without its suffix; an org key is one shorter */
#define TOKEN_INPUT_MAX    97 /* with "@org" */
#define TOKEN_BASE         62
#define TOKEN_ID_LIMIT     INT64_C(839299365868340224) /* 62^10: ids are 0 <= id < this */
#define TOKEN_KEY_ID_MIN   6 /* id characters shown in a key id; more where six are not unique */
#define TOKEN_KEY_ID_SIZE  (4 + TOKEN_ID_LEN + 1)

enum token_kind {
        TOKEN_AK = 1, /* organisation API key, "ak_" */
        TOKEN_PAT,    /* personal access token, "pat_" */
};

/* A whole token, as views into the text it was parsed from. */
struct token {
        enum token_kind kind;
        int64_t id;
        struct view text;   /* the token without its "@org" */
        struct view secret; /* the 49 characters behind the dot */
        struct view org;    /* absent where no "@org" was given */
};

/* True where "ak_" or "pat_", ten id characters and a dot stand anywhere in the text, whatever is
   around them. Such input never goes to another PAM module. Any length, any bytes. */
bool token_is_shaped(struct view text);

/* Parses a whole token with its optional "@org" (whose spelling must be a valid org name). 0 and
   *ret; -ENOMSG: not token-shaped, a password; -EBADMSG: token-shaped, but no token (length,
   character, checksum, suffix). Output only on success. */
int token_parse(struct view text, struct token *ret);

/* "ak_" or "pat_". */
const char *token_kind_prefix(enum token_kind kind);

/* Writes the ten characters of an id and a NUL. id must be in range. */
void token_id_to_text(int64_t id, char ret[static TOKEN_ID_LEN + 1]);

/* Builds the text of a token from its parts and adds the checksum. random is TOKEN_RANDOM_LEN
   characters of the alphabet. ret gets the text and a NUL; the caller wipes it. */
void token_format(enum token_kind kind, int64_t id, const char random[static TOKEN_RANDOM_LEN],
                  char ret[static TOKEN_TEXT_MAX + 1]);

/* The key id: prefix and the first `shown` (6 to 10) characters of the id, and a NUL. */
void token_key_id(enum token_kind kind, int64_t id, unsigned shown,
                  char ret[static TOKEN_KEY_ID_SIZE]);

/* Parses a key id (prefix and 1 to 10 id characters) into the range of ids it may mean, both ends
   inclusive. 0, or -EINVAL. Fewer than six characters are accepted: a prefix is a prefix. */
int token_parse_key_id(struct view text, enum token_kind *ret_kind, int64_t *ret_first,
                       int64_t *ret_last);

/* CRC-32 (zlib polynomial) of len bytes, as the checksum uses it. */
uint32_t token_crc32(const void *bytes, size_t len);

/* Digit value of an alphabet character (0-9A-Za-z = 0..61), or -1. */
int token_digit(char c);

/* The alphabet's character of a value 0..61. */
char token_character(unsigned value);
