#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/manage_internal.h"

/* What is wrong with the place, and not with the store. */
static bool is_about_path(int error)
{
        switch (-error) {
        case EACCES:
        case EPERM:
        case ENOENT:
        case ENOTDIR:
        case EISDIR:
        case ELOOP:
        case ENAMETOOLONG:
        case EROFS:
        case ENOSPC:
        case EDQUOT: return true;
        default: return false;
        }
}

/* The daemon writes it, so it must be a place that the daemon's sandbox can write. */
int manage_backup(struct manage_op *op)
{
        struct view path = wire_text(&op->request, WIRE_F_PATH);
        char copy[WIRE_TEXT_MAX + 1], safe[MANAGE_SAFE_SIZE];
        int64_t revision;
        int r;

        (void)manage_safe(path, safe);
        if (path.ptr[0] != '/' || !view_copy(path, copy, sizeof(copy)))
                return manage_refuse(
                        op, MANAGE_BAD_PATH,
                        "'%s' is no absolute path: the daemon writes the backup, and has no "
                        "directory of yours",
                        safe);
        r = store_backup(op->s.reader, copy, &revision);
        if (r == -EEXIST)
                return manage_refuse(op, MANAGE_EXISTS, "'%s' exists: name a file that does not",
                                     safe);
        if (is_about_path(r))
                return manage_refuse(
                        op, MANAGE_BAD_PATH,
                        "'%s' cannot be written by the daemon (%s): its sandbox lets it write "
                        "in /var/lib/orgtoken only",
                        safe, strerrordesc_np(-r));
        if (r < 0)
                return r;
        op->noted = true;
        (void)snprintf(op->note.text, sizeof(op->note.text), "%s", safe);
        r = manage_done_count(op, revision);
        /* Said not to be done, so it must not be in the way of another try. */
        if (r < 0)
                (void)unlink(copy);
        return r;
}
