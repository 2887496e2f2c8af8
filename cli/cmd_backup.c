#include "cli/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The daemon has a working directory of its own: a relative name would mean another file to it. */
static int absolute_path(struct call *call, const char *file, char *path, size_t size)
{
        char here[WIRE_TEXT_MAX];
        int len;

        if (file[0] == '/')
                len = snprintf(path, size, "%s", file);
        else if (!getcwd(here, sizeof(here)))
                return error_set(&call->error, STATUS_REFUSED, "bad-path",
                                 "the directory that FILE is relative to has no name: %s",
                                 strerror(errno));
        else
                len = snprintf(path, size, "%s/%s", strcmp(here, "/") == 0 ? "" : here, file);
        if (len < 0 || (size_t)len >= size)
                return error_set(&call->error, STATUS_REFUSED, "bad-path",
                                 "the name of FILE is too long: at most %d bytes", WIRE_TEXT_MAX);
        return STATUS_DONE;
}

/* The request is made from what was given, so the absolute name takes its place there. */
static int backup(struct call *call)
{
        char path[WIRE_TEXT_MAX + 1];
        int status = absolute_path(call, args_text_of(&call->args, "FILE"), path, sizeof(path));

        if (status != STATUS_DONE)
                return status;
        for (size_t i = 0; i < call->args.count; i++)
                if (strcmp(call->args.given[i].arg->name, "FILE") == 0)
                        call->args.given[i].text = path;
        return cmd_change(call);
}

const struct command cmd_backup[] = {
        {
                .noun = "backup",
                .wire = WIRE_V_BACKUP,
                .run = backup,
                .summary = "Writes a copy of the store (root).",
                .details = "The daemon writes it, as its own user, so FILE must lie where that "
                           "user may "
                           "write. The host key is not in it: without the key a copy opens "
                           "nothing, and "
                           "the key is kept elsewhere. \"orgtokend --restore FILE\" puts it back.",
                .done = "backup written to {path}, revision {count}",
                .args = {{"FILE", NULL, ARG_FILE, 0, WIRE_F_PATH,
                          "the file to write; it must not exist"}},
        },
        {0},
};
