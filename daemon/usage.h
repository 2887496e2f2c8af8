/*
 * Last use of each token, noted after the reply and written later, coalesced: of many uses of a
 * token between two writes only the last is kept. Bounded; when it is full the oldest note gives
 * way and is counted.
 */
#pragma once

#include "daemon/record.h"

#define USAGE_MAX 8192

struct usage;

int usage_new(struct usage **ret);
struct usage *usage_free(struct usage *u);
/* Notes a use. Newer notes replace older ones of the token. */
void usage_note(struct usage *u, const struct record_last_use *use);
/* Takes up to max notes out, oldest first; how many. What cannot be written is put back with
   usage_note(), which keeps the newer. */
size_t usage_take(struct usage *u, struct record_last_use *ret, size_t max);
size_t usage_count(const struct usage *u);
/* How many notes had to give way since the start. */
int64_t usage_lost(const struct usage *u);
/* When the oldest note was made; 0 for none. */
int64_t usage_oldest(const struct usage *u);
/* Tells every note, oldest first, and leaves it. */
typedef void (*usage_visitor)(void *context, const struct record_last_use *use);
void usage_each(const struct usage *u, usage_visitor visit, void *context);
/* A note that is not written yet, for `unused` policies and lists: 0 or -ENOENT. */
int usage_find(const struct usage *u, int64_t token_id, struct record_last_use *ret);
