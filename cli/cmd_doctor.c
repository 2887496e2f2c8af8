#include "cli/cmd.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/doctor.h"
#include "cli/text.h"
#include "common/name.h"

#define SERVICES_MAX 256

static bool is_named(const struct call *call, const char *service)
{
        const char *given;

        for (size_t i = 0; (given = args_nth_text(&call->args, "SERVICE", i)); i++)
                if (strcmp(given, service) == 0)
                        return true;
        return false;
}

static bool takes_tokens(const struct pamstack *s)
{
        return doctor_our_line(s, PAMSTACK_AUTH) != NULL;
}

/* Reads a service and judges it. Returns whether it takes tokens. */
static bool examine(struct doctor *d, const char *service, bool wanted)
{
        struct pamstack *s = NULL;
        int r = pamstack_read(d->root, service, &s);
        bool takes;

        if (r < 0) {
                d->found.subject = service;
                if (wanted)
                        finding_mend(findings_add(&d->found, FINDING_WRONG, "no-service",
                                                  "there is no such service in /etc/pam.d (%s): "
                                                  "PAM goes by 'other', which refuses",
                                                  strerror(-r)),
                                     "ls /etc/pam.d");
                return false;
        }
        doctor_service(d, s, wanted);
        takes = takes_tokens(s);
        (void)pamstack_free(s);
        return takes;
}

static int by_name(const void *a, const void *b)
{
        return strcmp(a, b);
}

/* Parts that services include, and what editors and dpkg leave lying about, are no services. */
static bool is_service_file(const char *name)
{
        return name_is_service(view_of(name)) && strncmp(name, "common-", 7) != 0 &&
               !strchr(name, '~') && !strstr(name, ".dpkg-") && !strstr(name, ".bak");
}

static size_t list_services(const char *root, char (*names)[NAME_SERVICE_MAX + 1])
{
        char path[PATH_MAX];
        size_t count = 0;
        struct dirent *e;
        DIR *dir;

        (void)snprintf(path, sizeof(path), "%s/etc/pam.d", root);
        dir = opendir(path);
        while (dir && count < SERVICES_MAX && (e = readdir(dir)))
                if (is_service_file(e->d_name))
                        (void)view_copy(view_of(e->d_name), names[count++], sizeof(names[0]));
        if (dir)
                (void)closedir(dir);
        qsort(names, count, sizeof(names[0]), by_name);
        return count;
}

/* A login shell is another service, and easily forgotten. */
static void check_twin(struct doctor *d, const char *one, const char *other)
{
        struct pamstack *a = NULL, *b = NULL;

        if (pamstack_read(d->root, one, &a) == 0 && pamstack_read(d->root, other, &b) == 0 &&
            takes_tokens(a) && !takes_tokens(b)) {
                d->found.subject = other;
                finding_mend(findings_add(&d->found, FINDING_BEWARE, "twin-missing",
                                          "%s takes tokens and %s does not: they are two services, "
                                          "and the session line of %s guards nothing in %s",
                                          one, other, one, other),
                             "put the same lines into /etc/pam.d/%s", other);
        }
        (void)pamstack_free(a);
        (void)pamstack_free(b);
}

static bool examine_services(struct doctor *d)
{
        char(*names)[NAME_SERVICE_MAX + 1] = calloc(SERVICES_MAX, sizeof(*names));
        size_t count = names ? list_services(d->root, names) : 0, taking = 0;
        const char *given;
        bool sudo = false;

        for (size_t i = 0; (given = args_nth_text(&d->call->args, "SERVICE", i)); i++) {
                bool takes = examine(d, given, true);

                sudo = sudo || (takes && strncmp(given, "sudo", 4) == 0);
        }
        for (size_t i = 0; i < count && !args_has(&d->call->args, "SERVICE"); i++) {
                bool takes = examine(d, names[i], false);

                taking += takes;
                sudo = sudo || (takes && strncmp(names[i], "sudo", 4) == 0);
        }
        if (!args_has(&d->call->args, "SERVICE") || is_named(d->call, "sudo"))
                check_twin(d, "sudo", "sudo-i");
        if (!args_has(&d->call->args, "SERVICE") || is_named(d->call, "su"))
                check_twin(d, "su", "su-l");
        if (taking == 0 && !args_has(&d->call->args, "SERVICE")) {
                d->found.subject = "services";
                finding_mend(findings_add(&d->found, FINDING_BEWARE, "no-services",
                                          "no service takes tokens yet"),
                             "pam-auth-update --enable orgtoken, for all of them; or the lines of "
                             "man pam_orgtoken, for one");
        }
        free(names);
        return sudo;
}

/* --- what is printed */

static const char *const words[] = {
        [FINDING_GOOD] = "ok", [FINDING_BEWARE] = "beware", [FINDING_WRONG] = "wrong"};

static void put_json(struct call *call, const struct doctor *d)
{
        struct json j = {.out = &call->out.to};

        json_begin_object(&j, NULL);
        json_text(&j, "root", view_of(d->root[0] ? d->root : "/"));
        json_bool(&j, "daemon", d->asked);
        json_number(&j, "wrong", (int64_t)findings_count(&d->found, FINDING_WRONG));
        json_number(&j, "beware", (int64_t)findings_count(&d->found, FINDING_BEWARE));
        json_begin_list(&j, "findings");
        for (size_t i = 0; i < d->found.count; i++) {
                const struct finding *x = &d->found.list[i];

                json_begin_object(&j, NULL);
                json_text(&j, "level", view_of(words[x->level]));
                json_text(&j, "subject", view_of(x->subject));
                json_text(&j, "code", view_of(x->code));
                json_text(&j, "file", x->file[0] ? view_of(x->file) : VIEW_ABSENT);
                if (x->line > 0)
                        json_number(&j, "line", x->line);
                else
                        json_null(&j, "line");
                json_text(&j, "message", view_of(x->message));
                json_text(&j, "mend", x->mend[0] ? view_of(x->mend) : VIEW_ABSENT);
                json_end_object(&j);
        }
        json_end_list(&j);
        json_end_object(&j);
}

#define INDENT 10

/* A sentence behind its word, wrapped to the terminal. */
static void put_sentence(struct call *call, const char *word, enum style style, const char *text)
{
        struct buffer *b = &call->out.to;
        unsigned width = call->out.width > INDENT + 20 ? call->out.width - INDENT : 0;
        struct buffer safe = {0};

        buffer_puts(b, "  ");
        table_put_styled(b, call->out.colour, style, view_of(word));
        buffer_fill(b, ' ', INDENT - 2 - strlen(word));
        text_put_safe(&safe, view_of(text));
        text_put_wrapped(b, buffer_view(&safe), INDENT, width);
        buffer_puts(b, "\n");
        buffer_wipe(&safe);
}

static void put_finding(struct call *call, const struct finding *x)
{
        static const enum style styles[] = {STYLE_GOOD, STYLE_WARN, STYLE_BAD};
        char place[200];

        put_sentence(call, words[x->level], styles[x->level], x->message);
        if (x->line > 0)
                (void)snprintf(place, sizeof(place), "%s line %u", x->file, x->line);
        else
                (void)snprintf(place, sizeof(place), "%s", x->file);
        if (place[0])
                put_sentence(call, "at", STYLE_DIM, place);
        if (x->mend[0])
                put_sentence(call, "mend", STYLE_DIM, x->mend);
}

static void put_text(struct call *call, const struct doctor *d)
{
        struct buffer *b = &call->out.to;
        size_t bad = findings_count(&d->found, FINDING_WRONG),
               beware = findings_count(&d->found, FINDING_BEWARE);
        const char *subject = "";

        for (size_t i = 0; i < d->found.count; i++) {
                const struct finding *x = &d->found.list[i];

                if (strcmp(x->subject, subject) != 0) {
                        struct buffer safe = {0};

                        subject = x->subject;
                        text_put_safe(&safe, view_of(subject));
                        table_put_styled(b, call->out.colour, STYLE_TITLE, buffer_view(&safe));
                        buffer_puts(b, "\n");
                        buffer_wipe(&safe);
                }
                put_finding(call, x);
        }
        buffer_printf(b, "%s%zu wrong, %zu to beware of\n", d->found.count ? "\n" : "", bad,
                      beware);
}

/* A folder is given without a '/' at its end, since paths are put behind it. */
static int find_root(struct call *call, char *buf, size_t size)
{
        const char *given = args_text_of(&call->args, "--root");
        struct stat st;
        size_t len;

        buf[0] = '\0';
        if (!given)
                return STATUS_DONE;
        len = (size_t)snprintf(buf, size, "%s", given);
        if (len >= size)
                return error_set(&call->error, STATUS_USAGE, "usage", "--root: too long");
        while (len > 0 && buf[len - 1] == '/')
                buf[--len] = '\0';
        if (stat(given, &st) < 0 || !S_ISDIR(st.st_mode))
                return error_set(&call->error, STATUS_USAGE, "usage", "--root %.200s: %s", given,
                                 strerror(errno ? errno : ENOTDIR));
        return STATUS_DONE;
}

static int doctor(struct call *call)
{
        char root[1024];
        struct doctor d = {.call = call, .root = root};
        int status = find_root(call, root, sizeof(root));
        bool bad, failed;

        if (status != STATUS_DONE)
                return status;
        if (hostfiles_read(root, &d.files) < 0)
                return error_memory(&call->error);
        doctor_people(&d, examine_services(&d));
        doctor_host(&d);
        doctor_sessions(&d);
        if (call->out.json)
                put_json(call, &d);
        else
                put_text(call, &d);
        bad = findings_count(&d.found, FINDING_WRONG) > 0;
        failed = d.found.failed;
        findings_free(&d.found);
        d.files = hostfiles_free(d.files);
        if (failed)
                return error_memory(&call->error);
        status = output_flush(&call->out, &call->error);
        return status == STATUS_DONE && bad ? STATUS_REFUSED : status;
}

const struct command cmd_doctor[] = {
        {
                .noun = "doctor",
                .run = doctor,
                .summary = "Looks over this host's PAM files, sockets, units and accounts.",
                .details = "Without SERVICE every service that takes tokens. Says of each what "
                           "works, what would let people in, what would give a token away, and "
                           "what to type to mend it; changes nothing. Works without a daemon, and "
                           "sees most as root. Exit status 0: nothing is wrong; 1: something is.",
                .args = {{"SERVICE", NULL, ARG_NAME, ARG_OPTIONAL | ARG_REPEATS, WIRE_F_SERVICE,
                          "a PAM service: sshd"},
                         {"--root", "DIR", ARG_FILE, 0, 0,
                          "look at the files of another host or image below DIR"}},
        },
        {0},
};
