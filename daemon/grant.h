/*
 * Grants (doc/ELEVATION.md): who proved an org a moment ago with sudo, su or doas, so that the
 * session phase can decide again. Owns the table in memory; what changed is handed to the worker
 * after the reply. Never decides: a grant only names the token that the decision is then run on.
 */
#pragma once

#include "daemon/record.h"

#define GRANT_LIFE_SECONDS 900
#define GRANT_TOTAL        28800
#define GRANT_PER_ACTOR    32
#define GRANT_MAX          4096

struct grant_table;

int grant_table_new(int64_t life, struct grant_table **ret);
struct grant_table *grant_table_free(struct grant_table *t);

/* The services that may make a grant: sudo, sudo-i, su, su-l, doas. */
bool grant_service_is_eligible(struct view service);

/* Adds or renews one, keyed by actor, real uid, org, token and account; the oldest of the actor
   gives way where there are too many. *ret is what to write. */
int grant_add(struct grant_table *t, const struct record_grant *grant, struct record_grant *ret);

/* The next live grant of this actor (real uid compared unless real_uid is 0), behind *index; 0 to
   start. The one proved or used last comes first: a session is that of the token that was just
   given for it. NULL: no more. Valid until the table changes; after grant_drop() of it, *index is
   one less. */
const struct record_grant *grant_next(const struct grant_table *t, struct view actor,
                                      int64_t real_uid, int64_t now, size_t *index);

/* Marks one as renewed (never beyond GRANT_TOTAL in all); *ret is what to write. -ENOENT. */
int grant_renew(struct grant_table *t, const struct record_grant *grant, int64_t now,
                struct record_grant *ret);

/* Drops one, and all that are over; how many are left. */
void grant_drop(struct grant_table *t, const struct record_grant *grant);
size_t grant_expire(struct grant_table *t, int64_t now);
size_t grant_count(const struct grant_table *t);
/* Loads one from the store at the start. */
int grant_load(struct grant_table *t, const struct record_grant *grant);
