#include "daemon/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/expiry.h"
#include "common/logsafe.h"
#include "common/name.h"
#include "daemon/grant.h"

/* What the build defines; a compiler run by hand may not. */
#ifndef ORGTOKEN_STATE_DIR
#define ORGTOKEN_STATE_DIR "/var/lib/orgtoken"
#endif
#ifndef ORGTOKEN_RUNTIME_DIR
#define ORGTOKEN_RUNTIME_DIR "/run/orgtoken"
#endif

enum option {
        STATE_DIR,
        RUNTIME_DIR,
        USER,
        GRANT_LIFE,
        RESTORE,
        BACKUP_KEY,
        ACCEPT_LOST,
        OLDER_THAN,
        ROTATE_KEY,
        NEW_KEY,
        HELP,
        VERSION,
        OPTION_COUNT
};

static const struct {
        const char *name;
        bool takes_value;
} known[OPTION_COUNT] = {
        [STATE_DIR] = {"--state-dir", true},
        [RUNTIME_DIR] = {"--runtime-dir", true},
        [USER] = {"--user", true},
        [GRANT_LIFE] = {"--grant-life", true},
        [RESTORE] = {"--restore", true},
        [BACKUP_KEY] = {"--backup-key", true},
        [ACCEPT_LOST] = {"--accept-lost-revocations", false},
        [OLDER_THAN] = {"--revoke-older-than", true},
        [ROTATE_KEY] = {"--rotate-key", false},
        [NEW_KEY] = {"--new-key", true},
        [HELP] = {"--help", false},
        [VERSION] = {"--version", false},
};

const char *options_help(void)
{
        return "usage: orgtokend [--state-dir DIR] [--runtime-dir DIR] [--user NAME]\n"
               "                 [--grant-life SECONDS|DURATION] [--help] [--version]\n"
               "       orgtokend --restore FILE [--backup-key FILE] [--accept-lost-revocations]\n"
               "                 [--revoke-older-than WHEN] [--state-dir DIR] [--user NAME]\n"
               "       orgtokend --rotate-key [--new-key FILE] [--state-dir DIR] [--user NAME]\n"
               "\n"
               "Decides about organisation tokens for pam_orgtoken(8), and keeps them. Normally "
               "started by\n"
               "systemd, which passes its two sockets; by hand it makes them itself:\n"
               "\n"
               "  --state-dir DIR     store and host key (" ORGTOKEN_STATE_DIR ")\n"
               "  --runtime-dir DIR   verify.sock and manage.sock (" ORGTOKEN_RUNTIME_DIR ")\n"
               "  --user NAME         whom to become where started by root (" OPTIONS_USER ")\n"
               "  --grant-life TIME   how long an elevation lasts: seconds, 30s 10m 2h (15m)\n"
               "\n"
               "While no daemon runs, to the store:\n"
               "\n"
               "  --restore FILE      put a backup in its place; what was revoked since stays "
               "revoked\n"
               "  --backup-key FILE   the host key it was made under, where that has changed\n"
               "  --accept-lost-revocations\n"
               "                      go on where the store in place cannot tell what was revoked\n"
               "  --revoke-older-than WHEN\n"
               "                      go on, and end all tokens made before: 30d (ago), a date, "
               "@EPOCH\n"
               "  --rotate-key        make a new host key, and seal every row anew\n"
               "  --new-key FILE      use these 32 bytes instead of making some\n";
}

static int fail(char *error, size_t size, const char *sentence, const char *value)
{
        char safe[LOGSAFE_SIZE];

        (void)snprintf(error, size, "%s: %s", logsafe(view_of(value), safe, sizeof(safe)),
                       sentence);
        return -EINVAL;
}

static int parse_grant_life(const char *value, int64_t *ret)
{
        size_t len = strlen(value);
        char text[32];
        int r;

        if (len == 0 || len + 2 > sizeof(text))
                return -EINVAL;
        memcpy(text, value, len + 1);
        /* Bare seconds, as in other daemons' options. */
        if (strspn(text, "0123456789") == len) {
                text[len] = 's';
                text[len + 1] = '\0';
        }
        r = duration_parse(view_of(text), ret);
        if (r < 0)
                return r;
        /* No grant lives longer in all, so that a longer life would be a promise not kept. */
        return *ret >= 1 && *ret <= GRANT_TOTAL ? 0 : -ERANGE;
}

static int take_file(const char **ret, const char *value, char *error, size_t size)
{
        if (value[0] == '\0')
                return fail(error, size, "not the name of a file", value);
        *ret = value;
        return 0;
}

static int take(struct options *o, enum option option, const char *value, char *error, size_t size)
{
        switch (option) {
        case STATE_DIR:
        case RUNTIME_DIR:
                if (value[0] != '/')
                        return fail(error, size, "a directory is an absolute path",
                                    value[0] ? value : known[option].name);
                if (option == STATE_DIR)
                        o->state_dir = value;
                else
                        o->runtime_dir = value;
                o->has_runtime_dir |= option == RUNTIME_DIR;
                return 0;
        case USER:
                /* By name only: a number would become whoever has it on this host. */
                if (!name_is_user(view_of(value)))
                        return fail(error, size, "not a user's name",
                                    value[0] ? value : known[option].name);
                o->user = value;
                o->has_user = true;
                return 0;
        case GRANT_LIFE:
                if (parse_grant_life(value, &o->grant_life) < 0)
                        return fail(error, size, "a grant lives seconds, or 30s 10m 2h, at most 8h",
                                    value);
                return 0;
        case RESTORE: return take_file(&o->restore, value, error, size);
        case BACKUP_KEY: return take_file(&o->backup_key, value, error, size);
        case NEW_KEY: return take_file(&o->new_key, value, error, size);
        case OLDER_THAN: o->older_than = value; return 0;
        case ACCEPT_LOST: o->accept_lost = true; return 0;
        case ROTATE_KEY: o->rotate_key = true; return 0;
        case HELP: o->help = true; return 0;
        case VERSION: o->version = true; return 0;
        case OPTION_COUNT: break;
        }
        return -EINVAL;
}

/* Each of these words has a meaning beside certain others only; elsewhere it is a mistake. */
static int check_together(const bool seen[static OPTION_COUNT], char *error, size_t size)
{
        static const enum option of_restore[] = {BACKUP_KEY, ACCEPT_LOST, OLDER_THAN};
        static const enum option of_serving[] = {RUNTIME_DIR, GRANT_LIFE};

        for (size_t i = 0; i < sizeof(of_restore) / sizeof(of_restore[0]); i++)
                if (seen[of_restore[i]] && !seen[RESTORE])
                        return fail(error, size, "only with --restore", known[of_restore[i]].name);
        if (seen[NEW_KEY] && !seen[ROTATE_KEY])
                return fail(error, size, "only with --rotate-key", known[NEW_KEY].name);
        if (seen[ACCEPT_LOST] && seen[OLDER_THAN])
                return fail(error, size, "one of the two", known[OLDER_THAN].name);
        if (seen[RESTORE] && seen[ROTATE_KEY])
                return fail(error, size, "not together with --restore", known[ROTATE_KEY].name);
        for (size_t i = 0; i < sizeof(of_serving) / sizeof(of_serving[0]); i++)
                if (seen[of_serving[i]] && (seen[RESTORE] || seen[ROTATE_KEY]))
                        return fail(error, size, "only for serving", known[of_serving[i]].name);
        return 0;
}

/* Which option an argument is; *ret_value what stands behind its '=', or NULL. */
static enum option find(const char *argument, const char **ret_value)
{
        size_t len = strcspn(argument, "=");

        *ret_value = argument[len] == '=' ? argument + len + 1 : NULL;
        for (unsigned i = 0; i < OPTION_COUNT; i++)
                if (strlen(known[i].name) == len && strncmp(known[i].name, argument, len) == 0)
                        return (enum option)i;
        return OPTION_COUNT;
}

int options_parse(int argc, char *const *argv, struct options *ret, char *error, size_t size)
{
        struct options o = {
                .state_dir = ORGTOKEN_STATE_DIR,
                .runtime_dir = ORGTOKEN_RUNTIME_DIR,
                .user = OPTIONS_USER,
                .grant_life = GRANT_LIFE_SECONDS,
        };
        bool seen[OPTION_COUNT] = {false};
        int r;

        /* Not getopt_long(): it takes abbreviations, and a new option would change what an old unit
         * means. */
        for (int i = 1; i < argc; i++) {
                const char *argument = argv[i], *value;
                enum option option = find(argument, &value);

                if (option == OPTION_COUNT)
                        return fail(error, size, "no such option; see --help", argument);
                if (seen[option])
                        return fail(error, size, "given twice", known[option].name);
                seen[option] = true;
                if (known[option].takes_value && !value)
                        value = ++i < argc ? argv[i] : NULL;
                if (known[option].takes_value != (value != NULL))
                        return fail(error, size, value ? "takes no value" : "needs a value",
                                    known[option].name);
                r = take(&o, option, value, error, size);
                if (r < 0)
                        return r;
        }
        r = check_together(seen, error, size);
        if (r == 0)
                *ret = o;
        return r;
}
