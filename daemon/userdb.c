#include "daemon/userdb.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

#define BUFFER_START 1024
#define BUFFER_MAX   (1024 * 1024) /* one entry with a very long list of words in it */

/* One of the two questions, with a buffer that grows until the answer fits: 0 and *ret_found NULL
   where there is no such entry. The entry points into *buffer, which the caller frees. */
static int ask(const char *name, uid_t uid, struct passwd *entry, struct passwd **ret_found,
               char **buffer)
{
        for (size_t size = BUFFER_START; size <= BUFFER_MAX; size *= 4) {
                int r;

                free(*buffer);
                *buffer = malloc(size);
                if (!*buffer)
                        return -ENOMEM;
                do
                        r = name ? getpwnam_r(name, entry, *buffer, size, ret_found)
                                 : getpwuid_r(uid, entry, *buffer, size, ret_found);
                while (r == EINTR);
                if (r == ERANGE)
                        continue;
                /* What getpwnam(3) lists as other ways to say "not found". */
                if (r == ENOENT || r == ESRCH || r == EBADF || r == EPERM)
                        *ret_found = NULL;
                else if (r > 0)
                        return -r;
                return 0;
        }
        return -ERANGE;
}

int userdb_by_uid(void *context, int64_t uid, char ret[static NAME_USER_MAX + 1])
{
        _cleanup_(freep) char *buffer = NULL;
        struct passwd entry, *found = NULL;
        int r;

        (void)context;
        if (uid < 0 || uid >= (int64_t)(uid_t)-1)
                return -ENOENT;
        r = ask(NULL, (uid_t)uid, &entry, &found, &buffer);
        if (r < 0)
                return r;
        if (!found || !name_is_user(view_of(found->pw_name)))
                return -ENOENT;
        return view_copy(view_of(found->pw_name), ret, NAME_USER_MAX + 1) ? 0 : -ENOENT;
}

/* Has another name this uid? The first answer to the number tells it mostly; an alias that stands
   behind the name in its file is only found by going through all of them. */
static int find_alias(const char *name, uid_t uid, bool *ret)
{
        _cleanup_(freep) char *buffer = NULL;
        struct passwd entry, *found = NULL;
        int r = ask(NULL, uid, &entry, &found, &buffer);

        if (r < 0)
                return r;
        *ret = found && strcmp(found->pw_name, name) != 0;
        setpwent();
        while (!*ret && (errno = 0, found = getpwent()))
                *ret = found->pw_uid == uid && strcmp(found->pw_name, name) != 0;
        endpwent();
        return 0;
}

int userdb_by_name(void *context, const char *name, struct manage_passwd *ret)
{
        _cleanup_(freep) char *buffer = NULL;
        struct passwd entry, *found = NULL;
        bool shared = false;
        int r;

        (void)context;
        r = ask(name, 0, &entry, &found, &buffer);
        if (r < 0)
                return r;
        if (found) {
                /* Databases that ignore case answer to more names than the one they hold: aliases
                 * too. */
                r = find_alias(found->pw_name, found->pw_uid, &shared);
                if (r < 0)
                        return r;
                shared |= strcmp(found->pw_name, name) != 0;
        }
        *ret = (struct manage_passwd){
                .exists = found != NULL,
                .uid = found ? (int64_t)found->pw_uid : -1,
                .uid_is_shared = shared,
        };
        return 0;
}
