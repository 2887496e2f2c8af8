/*
 * What the store in place took away since a backup was made, taken away from the backup too, before
 * it is put in that store's place. Only ever takes: whatever cannot be read or judged is counted,
 * and nothing is given that the backup does not hold.
 */
#pragma once

#include "daemon/sealed.h"

struct takeover_report {
        const char *gap;      /* why something may be lost; NULL: nothing is. Static storage */
        int64_t old_revision; /* of the store in place; -1: it could not be read */
        int64_t tokens;       /* ended in the backup because they are there */
        int64_t rights;       /* members, accounts, … taken away or cut down */
        int64_t unjudged;     /* rows of which nobody can say whether they were taken away */
        int64_t newer;        /* live tokens there that the backup does not know */
};

/* Takes over from the store at DIR/STORE_FILE into the one that `to` writes, in its open
   transaction; revision is that one's own. An error is of writing, and the transaction must not
   commit; what is wrong with the store in place is in the report. */
int takeover_run(const struct sealed *to, const char *dir, int64_t revision, int64_t now,
                 struct takeover_report *ret);

/* Ends every token of the writer's store that was made before `before`. *ret: how many. */
int takeover_end_older(const struct sealed *to, int64_t before, int64_t now, int64_t *ret);
