/*
 * A store's rows under another host key: each row whose seal holds is sealed anew, each other is
 * left as it is and so stays refused. Owns nothing; one transaction, so that a store is under one
 * key or the other.
 */
#pragma once

#include "daemon/sealed.h"

struct remake_report {
        int64_t remade;
        int64_t left; /* their seal did not hold before, and does not now */
};

/* Does it to the writer's store, which nobody else has open, and commits. Errors are the store's;
   then nothing was changed. */
int remake_store(struct store_writer *w, const struct keyhash *from, const struct keyhash *to,
                 struct remake_report *ret);
