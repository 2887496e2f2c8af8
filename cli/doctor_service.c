#include "cli/doctor.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/pammodule.h"
#include "cli/pamwalk.h"
#include "common/pamoptions.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
/* Further than any stack of Debian's has lines. */
#define JUMP_MAX 20

/* What pam_orgtoken may answer to a token that does not get in. */
static const int refusals[] = {PAMSTACK_AUTH_ERR,    PAMSTACK_AUTHINFO_UNAVAIL, PAMSTACK_SYSTEM_ERR,
                               PAMSTACK_SERVICE_ERR, PAMSTACK_BUF_ERR,          PAMSTACK_CONV_ERR,
                               PAMSTACK_AUTHTOK_ERR, PAMSTACK_PERM_DENIED};

/* One service's auth phase under judgement. */
struct auth {
        struct doctor *d;
        const struct pamstack *s;
        const struct pamstack_line *ours;
        bool asks;      /* some line asks for a password */
        bool wrong;     /* something was found */
        char mend[400]; /* the line as it should be, or where to put it */
};

static void run(const struct auth *a, int ours, int password, int depends, struct pamwalk *ret)
{
        /* One that is not known must not be what refuses a good token, nor what lets a bad one in.
         */
        struct doctor_scenario scenario = {
                .ours = ours,
                .password = password,
                .account = PAMSTACK_SUCCESS,
                .depends = depends,
                .unknown = ours == PAMSTACK_SUCCESS ? PAMSTACK_SUCCESS : password,
        };

        pamwalk_run(a->s, PAMSTACK_AUTH, doctor_answer, &scenario, ret);
}

/* The first line that asks for a password among those that ran, before or behind ours. */
static const struct pamstack_line *asker(const struct auth *a, const struct pamwalk *w, bool before)
{
        for (size_t i = 0; i < a->s->count; i++) {
                const struct pamstack_line *l = &a->s->lines[i];

                if (l->phase != PAMSTACK_AUTH || !w->ran[i] || doctor_is_ours(l) ||
                    !pammodule_asks(l))
                        continue;
                if ((l < a->ours) == before)
                        return l;
        }
        return NULL;
}

/* Would the stack be right with this in place of our line's control? */
static bool is_right(const struct auth *a)
{
        struct pamwalk w;

        run(a, PAMSTACK_SUCCESS, PAMSTACK_AUTH_ERR, PAMSTACK_SUCCESS, &w);
        if (w.status != PAMSTACK_SUCCESS || asker(a, &w, false))
                return false;
        run(a, PAMSTACK_AUTH_ERR, PAMSTACK_AUTH_ERR, PAMSTACK_SUCCESS, &w);
        if (w.status == PAMSTACK_SUCCESS || asker(a, &w, false))
                return false;
        run(a, PAMSTACK_USER_UNKNOWN, PAMSTACK_AUTH_ERR, PAMSTACK_SUCCESS, &w);
        if (w.status == PAMSTACK_SUCCESS)
                return false;
        run(a, PAMSTACK_USER_UNKNOWN, PAMSTACK_SUCCESS, PAMSTACK_SUCCESS, &w);
        return !a->asks || w.status == PAMSTACK_SUCCESS;
}

static void put_options(const struct auth *a, char *to, size_t size)
{
        size_t used = 0;

        to[0] = '\0';
        for (size_t i = 0; i < a->ours->arg_count && used < size; i++)
                used += (size_t)snprintf(to + used, size - used, " %s", a->ours->args[i]);
}

/* Finds by trying how far the line has to jump, rather than by knowing what stacks look like. */
static void find_mend(struct auth *a)
{
        struct pamstack_line *l = &a->s->lines[a->ours - a->s->lines], kept = *l;
        char control[64], options[200];
        struct pamwalk w;

        put_options(a, options, sizeof(options));
        run(a, PAMSTACK_SUCCESS, PAMSTACK_AUTH_ERR, PAMSTACK_SUCCESS, &w);
        if (asker(a, &w, true)) {
                const struct pamstack_line *first = asker(a, &w, true);

                (void)snprintf(a->mend, sizeof(a->mend),
                               "move the line of pam_orgtoken.so to before %.100s line %u",
                               first->file, first->number);
                return;
        }
        (void)pamstack_parse_control("required", l->actions);
        if (!a->asks && is_right(a))
                (void)snprintf(a->mend, sizeof(a->mend),
                               "%.100s line %u: auth required pam_orgtoken.so%s%s", kept.file,
                               kept.number, options,
                               doctor_has_option(l, "token_only") ? "" : " token_only");
        for (int n = 1; n <= JUMP_MAX + 1 && a->mend[0] == '\0'; n++) {
                if (n <= JUMP_MAX)
                        (void)snprintf(control, sizeof(control),
                                       "success=%d user_unknown=ignore default=die", n);
                else
                        (void)snprintf(control, sizeof(control),
                                       "success=done user_unknown=ignore default=die");
                (void)pamstack_parse_control(control, l->actions);
                if (is_right(a))
                        (void)snprintf(a->mend, sizeof(a->mend),
                                       "%.100s line %u: auth [%s] pam_orgtoken.so%s", kept.file,
                                       kept.number, control, options);
        }
        *l = kept;
        if (a->mend[0] == '\0')
                (void)snprintf(a->mend, sizeof(a->mend),
                               "put 'auth [success=2 user_unknown=ignore default=die] "
                               "pam_orgtoken.so' right before the '@include common-auth' that "
                               "Debian ships, or take the service's file anew from its package");
}

static void wrong(struct auth *a, struct finding *x, const struct pamstack_line *at)
{
        a->wrong = true;
        finding_mend(finding_at(x, at), "%s", a->mend);
}

static const char *name_of(const struct pamstack_line *l, char buf[static 64])
{
        return l ? pamstack_module_name(l, buf, 64) : "nothing";
}

static void check_good_token(struct auth *a)
{
        struct findings *f = &a->d->found;
        const struct pamstack_line *before;
        char other[64];
        struct pamwalk w;

        run(a, PAMSTACK_SUCCESS, PAMSTACK_AUTH_ERR, PAMSTACK_SUCCESS, &w);
        before = asker(a, &w, true);
        if (before)
                wrong(a,
                      findings_add(f, FINDING_WRONG, "token-leak",
                                   "%s is asked before pam_orgtoken and is given every token, %s",
                                   name_of(before, other),
                                   pammodule_asks_elsewhere(before)
                                           ? "which may hand it to another host"
                                           : "and logs a failed login for each, for which others "
                                             "ban people"),
                      before);
        if (!pamwalk_ran(&w, a->s, a->ours)) {
                wrong(a,
                      findings_add(f, FINDING_WRONG, "token-refused",
                                   "pam_orgtoken is never asked: %s decides before it",
                                   name_of(w.decided, other)),
                      w.decided ? w.decided : a->ours);
                return;
        }
        if (w.status == PAMSTACK_SUCCESS)
                return;
        if (w.decided == a->ours && !w.bad_jump)
                wrong(a,
                      findings_add(f, FINDING_WRONG, "token-refused",
                                   "a good token does not get in: this line makes a failure of "
                                   "the answer success"),
                      a->ours);
        else if (w.bad_jump == a->ours)
                wrong(a,
                      findings_add(f, FINDING_WRONG, "jump-wrong",
                                   "a good token does not get in: pam_orgtoken jumps behind the "
                                   "end of the stack"),
                      a->ours);
        else if (a->ours->actions[PAMSTACK_SUCCESS] > 0 && !(w.decided && w.decided < a->ours))
                wrong(a,
                      findings_add(f, FINDING_WRONG, "jump-wrong",
                                   "a good token does not get in: where pam_orgtoken jumps to, %s "
                                   "says %s",
                                   name_of(w.decided, other), pamstack_code_word(w.status)),
                      a->ours);
        else
                wrong(a,
                      findings_add(f, FINDING_WRONG, "token-refused",
                                   "a good token does not get in: %s says %s",
                                   name_of(w.decided, other), pamstack_code_word(w.status)),
                      w.decided ? w.decided : a->ours);
}

/* A module behind ours that asks gets the token from programs that answer each question with the
   same password. */
static void check_leak_behind(struct auth *a)
{
        static const struct {
                int ours;
                const char *when;
        } cases[] = {{PAMSTACK_SUCCESS, "a token that was accepted"},
                     {PAMSTACK_AUTH_ERR, "a token that was refused"},
                     {PAMSTACK_AUTHINFO_UNAVAIL, "every token, while the daemon does not answer,"}};
        char other[64];

        for (size_t i = 0; i < COUNT(cases); i++) {
                const struct pamstack_line *behind;
                struct pamwalk w;

                run(a, cases[i].ours, PAMSTACK_AUTH_ERR, PAMSTACK_SUCCESS, &w);
                behind = pamwalk_ran(&w, a->s, a->ours) ? asker(a, &w, false) : NULL;
                if (!behind)
                        continue;
                wrong(a,
                      findings_add(&a->d->found, FINDING_WRONG, "token-leak",
                                   "%s goes on to %s, which asks again: sshd and PostgreSQL answer "
                                   "it with the token%s",
                                   cases[i].when, name_of(behind, other),
                                   pammodule_asks_elsewhere(behind)
                                           ? ", and it may hand it to another host"
                                           : ""),
                      a->ours);
                return;
        }
}

static void check_fails_open(struct auth *a)
{
        static const int depends[] = {PAMSTACK_SUCCESS, PAMSTACK_AUTH_ERR};
        char other[64];
        struct pamwalk w;

        for (size_t i = 0; i < COUNT(refusals) * COUNT(depends); i++) {
                int code = refusals[i / COUNT(depends)];

                run(a, code, PAMSTACK_AUTH_ERR, depends[i % COUNT(depends)], &w);
                if (w.status != PAMSTACK_SUCCESS || !pamwalk_ran(&w, a->s, a->ours))
                        continue;
                wrong(a,
                      findings_add(&a->d->found, FINDING_WRONG, "fails-open",
                                   "a token that is refused gets in all the same: the answer %s is "
                                   "passed over, and %s says yes",
                                   pamstack_code_word(code), name_of(w.decided, other)),
                      a->ours);
                return;
        }
        for (size_t i = 0; i < COUNT(depends); i++) {
                run(a, PAMSTACK_USER_UNKNOWN, PAMSTACK_AUTH_ERR, depends[i], &w);
                if (w.status != PAMSTACK_SUCCESS || !pamwalk_ran(&w, a->s, a->ours))
                        continue;
                wrong(a,
                      findings_add(&a->d->found, FINDING_WRONG, "fails-open",
                                   "whatever is typed that is no token gets in: nothing behind "
                                   "pam_orgtoken says no, and %s says yes",
                                   name_of(w.decided, other)),
                      a->ours);
                return;
        }
}

/* Modules that ran beside ours and that nobody here knows. */
static void check_unknown(struct auth *a)
{
        struct pamwalk good, bad;
        char other[64];

        run(a, PAMSTACK_SUCCESS, PAMSTACK_AUTH_ERR, PAMSTACK_SUCCESS, &good);
        run(a, PAMSTACK_AUTH_ERR, PAMSTACK_AUTH_ERR, PAMSTACK_SUCCESS, &bad);
        for (size_t i = 0; i < a->s->count; i++) {
                const struct pamstack_line *l = &a->s->lines[i];

                if (l->phase == PAMSTACK_AUTH && (good.ran[i] || bad.ran[i]) &&
                    l->kind == PAMSTACK_MODULE && !doctor_is_ours(l) && !pammodule_is_known(l))
                        (void)finding_at(
                                findings_add(&a->d->found, FINDING_BEWARE, "module-unknown",
                                             "this command does not know %s: if it asks for "
                                             "a password, it is given tokens",
                                             name_of(l, other)),
                                l);
        }
}

/* Returns whether a password gets in. */
static bool check_passwords(struct auth *a)
{
        struct findings *f = &a->d->found;
        struct pamwalk w;

        if (!a->asks) {
                (void)findings_add(f, FINDING_GOOD, "tokens-only",
                                   "only tokens get in: no line asks for a password");
                return false;
        }
        run(a, PAMSTACK_USER_UNKNOWN, PAMSTACK_SUCCESS, PAMSTACK_SUCCESS, &w);
        if (w.status == PAMSTACK_SUCCESS) {
                (void)findings_add(f, FINDING_GOOD, "passwords-work",
                                   "passwords go on as before, with the daemon stopped too");
                return true;
        }
        if (doctor_has_option(a->ours, "token_only"))
                (void)finding_at(findings_add(f, FINDING_BEWARE, "passwords-refused",
                                              "passwords do not get in, as token_only says, though "
                                              "there are lines that ask for one"),
                                 a->ours);
        else
                wrong(a,
                      findings_add(f, FINDING_WRONG, "passwords-refused",
                                   "passwords no longer get in: %s",
                                   w.decided == a->ours
                                           ? "what is no token ends at pam_orgtoken"
                                           : "with the answer of pam_orgtoken nothing says yes"),
                      a->ours);
        return false;
}

static bool has_asker(const struct pamstack *s)
{
        for (size_t i = 0; i < s->count; i++)
                if (s->lines[i].phase == PAMSTACK_AUTH && !doctor_is_ours(&s->lines[i]) &&
                    (pammodule_asks(&s->lines[i]) || !pammodule_is_known(&s->lines[i])))
                        return true;
        return false;
}

/* Returns whether a password gets in. */
static bool check_auth(struct doctor *d, const struct pamstack *s, bool wanted)
{
        struct auth a = {.d = d, .s = s, .ours = doctor_our_line(s, PAMSTACK_AUTH)};
        bool passwords;

        if (!a.ours) {
                if (!wanted)
                        return true;
                (void)findings_add(&d->found, FINDING_BEWARE, "no-tokens",
                                   "takes no tokens: its auth lines do not name pam_orgtoken");
                return true;
        }
        a.asks = has_asker(s);
        find_mend(&a);
        check_good_token(&a);
        check_leak_behind(&a);
        check_fails_open(&a);
        check_unknown(&a);
        passwords = check_passwords(&a);
        if (!a.wrong)
                (void)findings_add(
                        &d->found, FINDING_GOOD, "tokens-work",
                        "a good token gets in; a refused one does not, nor any while the "
                        "daemon is stopped, and no other module is given one");
        return passwords;
}

static enum phase phase_of(const struct pamstack_line *l)
{
        return l->phase == PAMSTACK_AUTH      ? PHASE_AUTH
               : l->phase == PAMSTACK_ACCOUNT ? PHASE_ACCOUNT
                                              : PHASE_SESSION;
}

/* socket= somewhere else: doctor_host() looks at the usual place only. */
static void check_socket(struct doctor *d, const struct pamstack_line *l, const char *path)
{
        struct stat st;

        if (strcmp(path, ORGTOKEN_VERIFY_SOCKET) == 0 || d->root[0] != '\0' ||
            (stat(path, &st) == 0 && S_ISSOCK(st.st_mode)))
                return;
        finding_mend(finding_at(findings_add(&d->found, FINDING_WRONG, "socket-missing",
                                             "nobody listens at the socket that this line names, "
                                             "%.110s: no token gets in",
                                             path),
                                l),
                     "take socket= out, or start the daemon that listens there");
}

static void check_options(struct doctor *d, const struct pamstack_line *l)
{
        struct pamoptions o;
        const char *refused = NULL;
        struct finding *x;

        if (pamoptions_parse(phase_of(l), (int)l->arg_count, l->args, &o, &refused) == 0) {
                check_socket(d, l, o.socket);
                return;
        }
        x = findings_add(&d->found, FINDING_WRONG, "option-unknown",
                         "the %s line has an option that pam_orgtoken does not take: %.100s; it "
                         "refuses everybody with service_err",
                         pamstack_phase_word(l->phase), refused);
        finding_mend(finding_at(x, l), "the options, and which lines take them: man pam_orgtoken");
}

static void check_lines(struct doctor *d, const struct pamstack *s)
{
        if (s->missing)
                finding_mend(finding_in(findings_add(&d->found, FINDING_WRONG, "include-missing",
                                                     "%.100s cannot be read, and PAM refuses "
                                                     "everybody for it",
                                                     s->missing),
                                        s->missing_from),
                             "take that line out, or bring the file back");
        for (size_t i = 0; i < s->count; i++) {
                const struct pamstack_line *l = &s->lines[i];

                if (l->wrong && l->phase != PAMSTACK_PASSWORD)
                        (void)finding_at(findings_add(&d->found, FINDING_WRONG, "line-broken",
                                                      "the %s line is wrong: %s%s%.60s",
                                                      pamstack_phase_word(l->phase), l->wrong,
                                                      l->control ? ": " : "",
                                                      l->control ? l->control : ""),
                                         l);
                if (doctor_is_ours(l) && l->phase != PAMSTACK_PASSWORD)
                        check_options(d, l);
        }
}

void doctor_service(struct doctor *d, const struct pamstack *s, bool wanted)
{
        bool named = false, passwords;

        d->found.subject = s->service;
        for (size_t i = 0; i < s->count; i++)
                named = named || doctor_is_ours(&s->lines[i]);
        if (!named) {
                if (wanted)
                        finding_mend(findings_add(&d->found, FINDING_BEWARE, "no-tokens",
                                                  "takes no tokens: no line names pam_orgtoken"),
                                     "man pam_orgtoken has the lines; pam-auth-update --enable "
                                     "orgtoken writes them for every service");
                return;
        }
        check_lines(d, s);
        passwords = check_auth(d, s, wanted);
        doctor_account(d, s, passwords);
        doctor_session(d, s);
        doctor_programs(d, s);
        if (strcmp(s->service, "sshd") == 0)
                doctor_sshd(d, s);
}
