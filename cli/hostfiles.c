#include "cli/hostfiles.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/secret.h"

/* More than these files hold in a line. */
#define FIELDS_MAX 16

static void close_filep(FILE **f)
{
        if (*f)
                (void)fclose(*f);
}

/* Calls take for each line of a file, cut at its colons. -ENOENT and the like where there is none.
 */
static int read_lines(const char *root, const char *path,
                      int (*take)(struct hostfiles *h, char **fields, size_t count),
                      struct hostfiles *h)
{
        char whole[PATH_MAX], *line = NULL;
        _cleanup_(close_filep) FILE *f = NULL;
        size_t size = 0;
        ssize_t n;
        int r = 0;

        (void)snprintf(whole, sizeof(whole), "%s%s", root, path);
        f = fopen(whole, "re");
        if (!f)
                return -errno;
        while (r == 0 && (n = getline(&line, &size, f)) >= 0) {
                char *fields[FIELDS_MAX], *rest = line;
                size_t count = 0;

                line[strcspn(line, "\n")] = '\0';
                while (count < FIELDS_MAX && (fields[count] = strsep(&rest, ":")))
                        count++;
                if (line[0] != '#' && line[0] != '\0')
                        r = take(h, fields, count);
        }
        /* /etc/shadow goes through here. */
        if (line)
                secret_wipe(line, size);
        free(line);
        return r;
}

static bool to_number(const char *text, int64_t *ret)
{
        char *end = NULL;

        errno = 0;
        *ret = strtoll(text, &end, 10);
        return errno == 0 && end != text && *end == '\0';
}

static int take_user(struct hostfiles *h, char **fields, size_t count)
{
        struct host_user *list, *u;
        int64_t uid, gid;

        if (count < 7 || !to_number(fields[2], &uid) || !to_number(fields[3], &gid))
                return 0;
        list = realloc(h->users, (h->user_count + 1) * sizeof(*list));
        if (!list)
                return -ENOMEM;
        h->users = list;
        u = &list[h->user_count++];
        *u = (struct host_user){.uid = (uid_t)uid, .gid = (gid_t)gid, .expires_day = -1};
        (void)snprintf(u->name, sizeof(u->name), "%s", fields[0]);
        (void)snprintf(u->home, sizeof(u->home), "%s", fields[5]);
        return 0;
}

static int take_group(struct hostfiles *h, char **fields, size_t count)
{
        struct host_group *list, *g;
        int64_t gid;

        if (count < 4 || !to_number(fields[2], &gid))
                return 0;
        list = realloc(h->groups, (h->group_count + 1) * sizeof(*list));
        if (!list)
                return -ENOMEM;
        h->groups = list;
        g = &list[h->group_count];
        *g = (struct host_group){.gid = (gid_t)gid, .members = strdup(fields[3])};
        if (!g->members)
                return -ENOMEM;
        (void)snprintf(g->name, sizeof(g->name), "%s", fields[0]);
        h->group_count++;
        return 0;
}

static enum host_password judge(const char *field)
{
        if (field[0] == '\0')
                return HOST_PASSWORD_EMPTY;
        if (field[0] == '!')
                return strspn(field, "!*") == strlen(field) ? HOST_PASSWORD_NONE
                                                            : HOST_PASSWORD_LOCKED;
        return field[0] == '*' ? HOST_PASSWORD_NONE : HOST_PASSWORD_SET;
}

static int take_shadow(struct hostfiles *h, char **fields, size_t count)
{
        for (size_t i = 0; count >= 8 && i < h->user_count; i++) {
                struct host_user *u = &h->users[i];
                int64_t day;

                if (strcmp(u->name, fields[0]) != 0)
                        continue;
                u->password = judge(fields[1]);
                if (to_number(fields[7], &day) && day >= 0)
                        u->expires_day = day;
        }
        return 0;
}

int hostfiles_read(const char *root, struct hostfiles **ret)
{
        struct hostfiles *h = calloc(1, sizeof(*h));
        int r, shadow;

        if (!h)
                return -ENOMEM;
        r = read_lines(root, "/etc/passwd", take_user, h);
        if (r != -ENOMEM)
                r = read_lines(root, "/etc/group", take_group, h);
        if (r != -ENOMEM) {
                shadow = read_lines(root, "/etc/shadow", take_shadow, h);
                h->has_shadow = shadow == 0;
        }
        if (r == -ENOMEM) {
                (void)hostfiles_free(h);
                return r;
        }
        *ret = h;
        return 0;
}

struct hostfiles *hostfiles_free(struct hostfiles *h)
{
        if (!h)
                return NULL;
        for (size_t i = 0; i < h->group_count; i++)
                free(h->groups[i].members);
        free(h->groups);
        free(h->users);
        free(h);
        return NULL;
}

const struct host_user *hostfiles_user(const struct hostfiles *h, const char *name)
{
        for (size_t i = 0; i < h->user_count; i++)
                if (strcmp(h->users[i].name, name) == 0)
                        return &h->users[i];
        return NULL;
}

const struct host_user *hostfiles_uid(const struct hostfiles *h, uid_t uid)
{
        for (size_t i = 0; i < h->user_count; i++)
                if (h->users[i].uid == uid)
                        return &h->users[i];
        return NULL;
}

const struct host_group *hostfiles_group(const struct hostfiles *h, const char *name)
{
        for (size_t i = 0; i < h->group_count; i++)
                if (strcmp(h->groups[i].name, name) == 0)
                        return &h->groups[i];
        return NULL;
}

bool hostfiles_is_member(const struct host_user *u, const struct host_group *g)
{
        const char *c = g->members;
        size_t len = strlen(u->name);

        if (u->gid == g->gid)
                return true;
        while (*c) {
                size_t n = strcspn(c, ",");

                if (n == len && strncmp(c, u->name, len) == 0)
                        return true;
                c += n + (c[n] == ',');
        }
        return false;
}
