#include "cli/doctor.h"

#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What decides here; the first value of each counts, as sshd_config(5) says. */
enum setting { USE_PAM, PASSWORDS, QUESTIONS, SETTINGS };

struct sshd {
        const char *root;
        int value[SETTINGS]; /* 1 yes, 0 no, -1 not set */
        char file[SETTINGS][160];
        unsigned depth;
};

static const char *const names[SETTINGS] = {
        [USE_PAM] = "UsePAM",
        [PASSWORDS] = "PasswordAuthentication",
        [QUESTIONS] = "KbdInteractiveAuthentication",
};

static void read_file(struct sshd *s, const char *path);

static void include(struct sshd *s, const char *pattern)
{
        char whole[PATH_MAX];
        glob_t g = {0};

        if (s->depth > 3)
                return;
        s->depth++;
        (void)snprintf(whole, sizeof(whole), "%s%s%s", s->root,
                       pattern[0] == '/' ? "" : "/etc/ssh/", pattern);
        if (glob(whole, 0, NULL, &g) == 0)
                for (size_t i = 0; i < g.gl_pathc; i++)
                        read_file(s, g.gl_pathv[i]);
        globfree(&g);
        s->depth--;
}

/* Behind "Match" stands what counts for some people only: that is left to its author. */
static void read_file(struct sshd *s, const char *path)
{
        FILE *f = fopen(path, "re");
        char *line = NULL;
        size_t size = 0;

        while (f && getline(&line, &size, f) >= 0) {
                char *rest = line + strspn(line, " \t"), *word, *value;

                line[strcspn(line, "\r\n")] = '\0';
                word = strsep(&rest, " \t=");
                value = rest ? rest + strspn(rest, " \t=") : NULL;
                if (strcasecmp(word, "Match") == 0)
                        break;
                if (!value || word[0] == '#')
                        continue;
                value[strcspn(value, " \t")] = '\0';
                if (strcasecmp(word, "Include") == 0)
                        include(s, value);
                for (int i = 0; i < SETTINGS; i++)
                        if (s->value[i] < 0 && strcasecmp(word, names[i]) == 0) {
                                s->value[i] = strcasecmp(value, "yes") == 0;
                                (void)snprintf(s->file[i], sizeof(s->file[i]), "%s",
                                               path + strlen(s->root));
                        }
        }
        free(line);
        if (f)
                (void)fclose(f);
}

void doctor_sshd(struct doctor *d, const struct pamstack *stack)
{
        const struct pamstack_line *ours = doctor_our_line(stack, PAMSTACK_AUTH);
        struct sshd s = {.root = d->root, .value = {-1, -1, -1}};
        struct findings *f = &d->found;
        char path[PATH_MAX];

        (void)snprintf(path, sizeof(path), "%s/etc/ssh/sshd_config", d->root);
        read_file(&s, path);
        if (!ours)
                return;
        if (s.value[USE_PAM] == 0)
                finding_mend(finding_in(findings_add(f, FINDING_WRONG, "sshd-without-pam",
                                                     "sshd does not ask PAM: no token gets in"),
                                        s.file[USE_PAM]),
                             "UsePAM yes, and restart sshd");
        else if (s.value[PASSWORDS] == 0 && s.value[QUESTIONS] == 0)
                finding_mend(finding_in(findings_add(f, FINDING_WRONG, "sshd-without-passwords",
                                                     "sshd takes neither passwords nor answers: "
                                                     "no token can be typed"),
                                        s.file[PASSWORDS]),
                             "KbdInteractiveAuthentication yes, and restart sshd");
        else if (doctor_has_option(ours, "prompt_org") && s.value[QUESTIONS] == 0)
                finding_mend(finding_in(findings_add(f, FINDING_BEWARE, "prompt-org",
                                                     "prompt_org asks for the organisation only "
                                                     "where sshd asks questions, and here it takes "
                                                     "passwords alone"),
                                        s.file[QUESTIONS]),
                             "KbdInteractiveAuthentication yes, and restart sshd");
}
