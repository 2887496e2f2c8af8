#include "cli/doctor.h"

#include <string.h>

#include "cli/pammodule.h"
#include "cli/pamwalk.h"

static const int refusals[] = {PAMSTACK_PERM_DENIED, PAMSTACK_AUTHINFO_UNAVAIL, PAMSTACK_SYSTEM_ERR,
                               PAMSTACK_SERVICE_ERR, PAMSTACK_BUF_ERR};

static int outcome(const struct pamstack *s, enum pamstack_phase phase, int ours, int account,
                   struct pamwalk *w)
{
        struct doctor_scenario scenario = {.ours = ours, .account = account};

        pamwalk_run(s, phase, doctor_answer, &scenario, w);
        return w->status;
}

/* The first refusal of ours that the phase makes a success of; 0: none. */
static int passed_over(const struct pamstack *s, enum pamstack_phase phase, struct pamwalk *w)
{
        for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
                if (outcome(s, phase, refusals[i], PAMSTACK_SUCCESS, w) == PAMSTACK_SUCCESS)
                        return refusals[i];
        return 0;
}

static bool looks_at_account(const struct pamstack *s)
{
        for (size_t i = 0; i < s->count; i++)
                if (s->lines[i].phase == PAMSTACK_ACCOUNT &&
                    pammodule_looks_at_account(&s->lines[i]))
                        return true;
        return false;
}

/* An expired account, and whether it is our line that lets it through. */
static void check_expiry(struct doctor *d, const struct pamstack *s,
                         const struct pamstack_line *ours)
{
        struct pamwalk w;

        if (!looks_at_account(s)) {
                finding_mend(findings_add(&d->found, FINDING_BEWARE, "account-not-asked",
                                          "nothing looks at the account: behind userdel, and with "
                                          "an expired account, a token still opens this service "
                                          "until it is revoked"),
                             "when somebody leaves: orgtoken user remove NAME");
                return;
        }
        if (outcome(s, PAMSTACK_ACCOUNT, PAMSTACK_SUCCESS, PAMSTACK_ACCT_EXPIRED, &w) !=
            PAMSTACK_SUCCESS)
                return;
        if (outcome(s, PAMSTACK_ACCOUNT, PAMSTACK_IGNORE, PAMSTACK_ACCT_EXPIRED, &w) ==
            PAMSTACK_SUCCESS) {
                (void)findings_add(&d->found, FINDING_BEWARE, "expiry-ignored",
                                   "an expired account gets in, with a token and without: the "
                                   "account lines pass over the answer of who looks at it");
                return;
        }
        finding_mend(finding_at(findings_add(&d->found, FINDING_WRONG, "expiry-hidden",
                                             "with a token an expired account gets in: the answer "
                                             "of pam_orgtoken ends the account phase"),
                                ours),
                     "%.100s line %u: account required pam_orgtoken.so", ours->file, ours->number);
}

/* A line whose refusal is heard of who comes without a token, and not of who comes with one:
   pam_nologin, pam_access, pam_time. */
static void check_skipped(struct doctor *d, const struct pamstack *s,
                          const struct pamstack_line *ours)
{
        for (size_t i = 0; i < s->count; i++) {
                const struct pamstack_line *l = &s->lines[i];
                struct doctor_scenario scenario = {.ours = PAMSTACK_IGNORE, .refuses = l};
                struct pamwalk without, with;
                char other[64];

                if (l->phase != PAMSTACK_ACCOUNT || l->kind != PAMSTACK_MODULE ||
                    doctor_is_ours(l) || pammodule_looks_at_account(l) ||
                    pamstack_is_module(l, "pam_permit") || pamstack_is_module(l, "pam_deny"))
                        continue;
                pamwalk_run(s, PAMSTACK_ACCOUNT, doctor_answer, &scenario, &without);
                scenario.ours = PAMSTACK_SUCCESS;
                pamwalk_run(s, PAMSTACK_ACCOUNT, doctor_answer, &scenario, &with);
                if (without.status == PAMSTACK_SUCCESS || with.status != PAMSTACK_SUCCESS)
                        continue;
                finding_mend(
                        finding_at(findings_add(&d->found, FINDING_WRONG, "account-skips",
                                                "with a token nobody hears %s: the answer of "
                                                "pam_orgtoken ends the account phase before it",
                                                pamstack_module_name(l, other, sizeof(other))),
                                   ours),
                        "%.100s line %u: account required pam_orgtoken.so", ours->file,
                        ours->number);
                return;
        }
}

void doctor_account(struct doctor *d, const struct pamstack *s, bool takes_passwords)
{
        const struct pamstack_line *ours = doctor_our_line(s, PAMSTACK_ACCOUNT);
        struct findings *f = &d->found;
        struct pamwalk w;
        int code;

        if (!doctor_our_line(s, PAMSTACK_AUTH) && !ours)
                return;
        if (!ours) {
                finding_mend(findings_add(f, FINDING_BEWARE, "account-missing",
                                          "there is no account line: nothing looks again whether "
                                          "the token is still allowed when its login goes on"),
                             "add the line: account required pam_orgtoken.so");
                check_expiry(d, s, NULL);
                return;
        }
        code = passed_over(s, PAMSTACK_ACCOUNT, &w);
        if (code != 0)
                finding_mend(
                        finding_at(findings_add(f, FINDING_WRONG, "account-ignored",
                                                pamwalk_ran(&w, s, ours)
                                                        ? "a refusal in the account phase is "
                                                          "passed over (%s)"
                                                        : "the account line is never reached "
                                                          "(its %s would not be heard)",
                                                pamstack_code_word(code)),
                                   ours),
                        "account required pam_orgtoken.so, before any line that ends the phase");
        check_expiry(d, s, ours);
        check_skipped(d, s, ours);
        if (takes_passwords &&
            outcome(s, PAMSTACK_ACCOUNT, PAMSTACK_IGNORE, PAMSTACK_SUCCESS, &w) != PAMSTACK_SUCCESS)
                finding_mend(finding_at(findings_add(f, FINDING_BEWARE, "account-refuses-others",
                                                     "who comes without a token, with a password "
                                                     "or an ssh key, is refused in the account "
                                                     "phase: no other line there says yes"),
                                        ours),
                             "where that is not meant: @include common-account, and no "
                             "require_token");
}

void doctor_session(struct doctor *d, const struct pamstack *s)
{
        const struct pamstack_line *ours = doctor_our_line(s, PAMSTACK_SESSION);
        bool elevation = doctor_is_elevation(s->service);
        struct findings *f = &d->found;
        struct pamwalk w;

        doctor_sessions_note(d, s);
        if (!ours) {
                if (elevation)
                        finding_mend(
                                findings_add(f, FINDING_WRONG, "session-missing",
                                             "there is no session line: who may become one "
                                             "organisation's account, or has a ticket or NOPASSWD, "
                                             "may become another's without its token"),
                                "add at the end: session required pam_orgtoken.so");
                return;
        }
        if (passed_over(s, PAMSTACK_SESSION, &w) == 0) {
                if (elevation)
                        (void)findings_add(f, FINDING_GOOD, "session-holds",
                                           "the session line holds: a bound account opens only to "
                                           "who has a live grant for it");
                return;
        }
        finding_mend(finding_at(findings_add(f, elevation ? FINDING_WRONG : FINDING_BEWARE,
                                             "session-ignored",
                                             "the session line's refusal is passed over, so that "
                                             "it guards nothing"),
                                ours),
                     "%.100s line %u: session required pam_orgtoken.so", ours->file, ours->number);
}
