/*
 * The system's user database, as the management verbs ask it: the callbacks of struct manage. May
 * take as long as a directory service takes, so for the worker's thread alone, outside any
 * transaction; verification never comes here. Numbers and names are given back as the database says
 * them, nothing is cached.
 */
#pragma once

#include "daemon/manage.h"

/* The login name of a uid: 0; -ENOENT where there is none, or none that orgtoken can hold; another
   errno where the database failed. context is not used. */
int userdb_by_uid(void *context, int64_t uid, char ret[static NAME_USER_MAX + 1]);

/* What the database says of a name. 0, also for one that does not exist; or a negative errno. */
int userdb_by_name(void *context, const char *name, struct manage_passwd *ret);
