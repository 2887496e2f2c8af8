/*
 * Who is on a host, from its own files below a root: /etc/passwd, /etc/group and, where it may be
 * read, /etc/shadow. Directory services are not asked. No password is kept, only whether there is
 * one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum host_password {
        HOST_PASSWORD_UNKNOWN, /* /etc/shadow could not be read */
        HOST_PASSWORD_NONE,    /* "*" or "!" alone: there never was one */
        HOST_PASSWORD_LOCKED,  /* passwd -l: "!" before it */
        HOST_PASSWORD_EMPTY,
        HOST_PASSWORD_SET,
};

struct host_user {
        char name[256];
        uid_t uid;
        gid_t gid;
        char home[256];
        enum host_password password;
        int64_t expires_day; /* chage -E, in days since the epoch; -1: never */
};

struct host_group {
        char name[256];
        gid_t gid;
        char *members; /* "a,b" */
};

struct hostfiles {
        struct host_user *users;
        size_t user_count;
        struct host_group *groups;
        size_t group_count;
        bool has_shadow;
};

/* Reads them. Missing files are empty. 0 or -ENOMEM. */
int hostfiles_read(const char *root, struct hostfiles **ret);
struct hostfiles *hostfiles_free(struct hostfiles *h);

/* NULL where there is none in the files. */
const struct host_user *hostfiles_user(const struct hostfiles *h, const char *name);
const struct host_user *hostfiles_uid(const struct hostfiles *h, uid_t uid);
const struct host_group *hostfiles_group(const struct hostfiles *h, const char *name);
/* As a member, or with the group as its own. */
bool hostfiles_is_member(const struct host_user *u, const struct host_group *g);
