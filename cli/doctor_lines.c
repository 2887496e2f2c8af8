#include <string.h>

#include "cli/doctor.h"
#include "cli/pammodule.h"

bool doctor_has_option(const struct pamstack_line *l, const char *word)
{
        for (size_t i = 0; i < l->arg_count; i++)
                if (strcmp(l->args[i], word) == 0)
                        return true;
        return false;
}

bool doctor_is_elevation(const char *service)
{
        static const char *const names[] = {"su", "su-l", "sudo", "sudo-i", "doas"};

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (strcmp(service, names[i]) == 0)
                        return true;
        return false;
}

const struct pamstack_line *doctor_our_line(const struct pamstack *s, enum pamstack_phase phase)
{
        for (size_t i = 0; i < s->count; i++)
                if (s->lines[i].phase == phase && doctor_is_ours(&s->lines[i]))
                        return &s->lines[i];
        return NULL;
}

int doctor_answer(void *context, const struct pamstack_line *l)
{
        const struct doctor_scenario *a = context;

        if (l == a->refuses)
                return PAMSTACK_PERM_DENIED;
        if (doctor_is_ours(l)) {
                if (l->phase == PAMSTACK_AUTH && a->ours == PAMSTACK_USER_UNKNOWN &&
                    doctor_has_option(l, "token_only"))
                        return PAMSTACK_AUTH_ERR;
                if (l->phase == PAMSTACK_ACCOUNT && a->ours == PAMSTACK_IGNORE &&
                    doctor_has_option(l, "require_token"))
                        return PAMSTACK_PERM_DENIED;
                return a->ours;
        }
        if (l->phase == PAMSTACK_AUTH && pammodule_asks(l))
                return a->password;
        if (l->phase == PAMSTACK_AUTH && !pammodule_is_known(l))
                return a->unknown;
        if (pammodule_looks_at_account(l))
                return a->account;
        return pammodule_answer(l, a->depends);
}
