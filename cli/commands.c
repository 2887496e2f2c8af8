#include "cli/cmd.h"

#include <string.h>

const struct command *const command_sets[] = {
        cmd_org,    cmd_user,   cmd_whoami, cmd_member, cmd_account,  cmd_key,    cmd_pat,
        cmd_rotate, cmd_revoke, cmd_check,  cmd_scan,   cmd_sudoers,  cmd_status, cmd_doctor,
        cmd_host,   cmd_clock,  cmd_notify, cmd_backup, cmd_complete, NULL,
};

/* Nouns that are the whole command speak for themselves, by their row. */
const char *command_noun_summary(const char *noun)
{
        static const char *const summaries[][2] = {
                {"org", "Organisations: create, list, show, delete, set a policy, suspend."},
                {"user", "People who hold personal tokens: list, suspend, remove (root)."},
                {"member", "Who belongs to an organisation, and as what."},
                {"account", "Which login names an organisation's tokens may become (root)."},
                {"key", "An organisation's own keys (ak_): for servers, jobs and services."},
                {"pat", "Personal access tokens (pat_): one for all of a person's organisations."},
                {"host", "The policy of this host."},
                {"clock", "The clock mark that expiry goes by (root)."},
        };

        for (size_t i = 0; i < sizeof(summaries) / sizeof(summaries[0]); i++)
                if (strcmp(summaries[i][0], noun) == 0)
                        return summaries[i][1];
        return NULL;
}
