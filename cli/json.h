/*
 * One JSON document, written front to back into a buffer (RFC 8259). Whatever bytes a text holds,
 * the result is valid, and harmless where it is shown on a terminal: what could not be printed is
 * escaped.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/buffer.h"
#include "common/view.h"

struct json {
        struct buffer *out;
        unsigned depth;
        bool comma; /* something stands before, on this level */
};

/* In all of these, name is the member's name, or NULL for an element of a list and for the
 * document. */
void json_begin_object(struct json *j, const char *name);
void json_end_object(struct json *j);
void json_begin_list(struct json *j, const char *name);
void json_end_list(struct json *j);

/* An absent view gives null. */
void json_text(struct json *j, const char *name, struct view text);
void json_number(struct json *j, const char *name, int64_t number);
void json_bool(struct json *j, const char *name, bool value);
void json_null(struct json *j, const char *name);
/* Seconds since the epoch; null for EXPIRY_NEVER. */
void json_time(struct json *j, const char *name, int64_t when);
