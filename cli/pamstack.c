#include "cli/pamstack.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

/* More than this is no file of PAM's. */
#define FILE_MAX 262144
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const phase_words[PAMSTACK_PHASES] = {"auth", "account", "session", "password"};

static const char *const code_words[PAMSTACK_CODES] = {
        "success",
        "open_err",
        "symbol_err",
        "service_err",
        "system_err",
        "buf_err",
        "perm_denied",
        "auth_err",
        "cred_insufficient",
        "authinfo_unavail",
        "user_unknown",
        "maxtries",
        "new_authtok_reqd",
        "acct_expired",
        "session_err",
        "cred_unavail",
        "cred_expired",
        "cred_err",
        "no_module_data",
        "conv_err",
        "authtok_err",
        "authtok_recover_err",
        "authtok_lock_busy",
        "authtok_disable_aging",
        "try_again",
        "ignore",
        "abort",
        "authtok_expired",
        "module_unknown",
        "bad_item",
        "conv_again",
        "incomplete",
};

static const char *const action_words[] = {"ignore", "ok", "done", "bad", "die", "reset"};

const char *pamstack_phase_word(enum pamstack_phase phase)
{
        return phase_words[phase];
}

const char *pamstack_code_word(int code)
{
        return code >= 0 && code < PAMSTACK_CODES ? code_words[code] : "?";
}

/* The texts of a stack, each in front of the one before, so that all of them end together. */
struct text {
        struct text *next;
        char bytes[];
};

static char *keep_text(struct pamstack *s, const char *bytes, size_t len)
{
        struct text *t = malloc(sizeof(*t) + len + 1);

        if (!t)
                return NULL;
        if (len > 0)
                memcpy(t->bytes, bytes, len);
        t->bytes[len] = '\0';
        t->next = s->texts;
        s->texts = t;
        return t->bytes;
}

struct pamstack *pamstack_free(struct pamstack *s)
{
        if (!s)
                return NULL;
        for (struct text *t = s->texts, *next; t; t = next) {
                next = t->next;
                free(t);
        }
        free(s->lines);
        free(s);
        return NULL;
}
DEFINE_CLEANUP(struct pamstack *, pamstack_free);

static void set_undefined(int actions[static PAMSTACK_CODES], int action)
{
        for (int i = 0; i < PAMSTACK_CODES; i++)
                if (actions[i] == PAMSTACK_DO_UNDEFINED)
                        actions[i] = action;
}

static void set_all(int actions[static PAMSTACK_CODES], int action)
{
        for (int i = 0; i < PAMSTACK_CODES; i++)
                actions[i] = action;
}

/* The words of a control that is none of brackets; as pam.d(5) spells them out. */
static bool parse_word(const char *word, int ret[static PAMSTACK_CODES])
{
        static const struct {
                const char *word;
                int success, otherwise;
                bool ignores; /* an answer of "ignore" */
        } words[] = {
                {"required", PAMSTACK_DO_OK, PAMSTACK_DO_BAD, true},
                {"requisite", PAMSTACK_DO_OK, PAMSTACK_DO_DIE, true},
                {"optional", PAMSTACK_DO_OK, PAMSTACK_DO_IGNORE, true},
                {"sufficient", PAMSTACK_DO_DONE, PAMSTACK_DO_IGNORE, true},
        };

        for (size_t i = 0; i < COUNT(words); i++) {
                if (strcasecmp(word, words[i].word) != 0)
                        continue;
                set_all(ret, words[i].otherwise);
                ret[PAMSTACK_SUCCESS] = ret[PAMSTACK_NEW_AUTHTOK_REQD] = words[i].success;
                ret[PAMSTACK_IGNORE] = PAMSTACK_DO_IGNORE;
                return true;
        }
        return false;
}

static const char *skip_blanks(const char *c)
{
        while (isspace((unsigned char)*c))
                c++;
        return c;
}

/* "ok" or a number of lines. NULL where it is neither; else what is behind it. */
static const char *parse_action(const char *c, int *ret)
{
        int jump = 0;

        for (size_t i = 0; i < COUNT(action_words); i++) {
                size_t len = strlen(action_words[i]);

                if (strncmp(c, action_words[i], len) == 0) {
                        *ret = -(int)i;
                        return c + len;
                }
        }
        for (; isdigit((unsigned char)*c); c++) {
                if (jump > PAMSTACK_LINES_MAX)
                        return NULL;
                jump = jump * 10 + (*c - '0');
        }
        *ret = jump;
        return jump > 0 ? c : NULL;
}

/* The number of a word of code_words, PAMSTACK_CODES for "default", and what is behind it. */
static const char *parse_code(const char *c, size_t *ret)
{
        for (size_t i = 0; i <= PAMSTACK_CODES; i++) {
                const char *word = i < PAMSTACK_CODES ? code_words[i] : "default";
                size_t len = strlen(word);

                if (strncmp(c, word, len) == 0) {
                        *ret = i;
                        return c + len;
                }
        }
        return NULL;
}

static bool parse_brackets(const char *c, int ret[static PAMSTACK_CODES])
{
        set_all(ret, PAMSTACK_DO_UNDEFINED);
        for (c = skip_blanks(c); *c; c = skip_blanks(c)) {
                size_t code = 0;
                int action = 0;

                c = parse_code(c, &code);
                if (!c)
                        return false;
                c = skip_blanks(c);
                if (*c++ != '=')
                        return false;
                c = parse_action(skip_blanks(c), &action);
                if (!c)
                        return false;
                if (code < PAMSTACK_CODES)
                        ret[code] = action;
                else
                        set_undefined(ret, action);
        }
        /* What is not mentioned is a failure. */
        set_undefined(ret, PAMSTACK_DO_BAD);
        return true;
}

bool pamstack_parse_control(const char *control, int ret[static PAMSTACK_CODES])
{
        if (parse_word(control, ret) || parse_brackets(control, ret))
                return true;
        set_all(ret, PAMSTACK_DO_BAD);
        return false;
}

/* The next word; one in brackets is taken whole, without them, and "\]" in it is "]". Cuts the text
   up. */
static char *next_word(char **text)
{
        char *c = *text, *word, *to;

        while (isspace((unsigned char)*c))
                c++;
        if (*c == '\0')
                return NULL;
        word = to = c;
        if (*c == '[') {
                for (c++; *c && *c != ']'; c++) {
                        if (c[0] == '\\' && c[1] == ']')
                                c++;
                        *to++ = *c;
                }
                c += *c == ']';
        } else {
                while (*c && !isspace((unsigned char)*c))
                        c++;
                to = c;
        }
        *text = *c ? c + 1 : c;
        *to = '\0';
        return word;
}

/* A file that is being read, and on whose behalf. */
struct reading {
        struct pamstack *stack;
        const char *root;
        const char *file; /* as PAM knows it */
        unsigned depth;   /* of includes */
        unsigned level;   /* of substacks */
        bool all;         /* every phase, or only this one */
        bool other;       /* only phases that the service has not */
        enum pamstack_phase phase;
};

static int read_file(const char *name, struct reading *r);

static struct pamstack_line *add_line(struct reading *r, enum pamstack_phase phase, unsigned number)
{
        struct pamstack *s = r->stack;
        struct pamstack_line *l;

        if (s->count == PAMSTACK_LINES_MAX)
                return NULL;
        l = &s->lines[s->count++];
        *l = (struct pamstack_line){
                .phase = phase, .level = r->level, .file = r->file, .number = number};
        set_all(l->actions, PAMSTACK_DO_BAD);
        return l;
}

static int add_broken(struct reading *r, enum pamstack_phase phase, unsigned number,
                      const char *why)
{
        struct pamstack_line *l = add_line(r, phase, number);

        if (!l)
                return -E2BIG;
        l->kind = PAMSTACK_BROKEN;
        l->wrong = why;
        return 0;
}

/* libpam lets the whole service fail where an @include is missing, and a line where an include is.
 */
static void note_missing(struct reading *r, const char *name)
{
        if (r->stack->missing)
                return;
        r->stack->missing = name;
        r->stack->missing_from = r->file;
}

static int include_file(struct reading *r, const char *name, bool all, enum pamstack_phase phase,
                        bool substack)
{
        struct reading inner = *r;

        inner.depth++;
        inner.level += substack;
        inner.all = r->all && all;
        if (!all)
                inner.phase = phase;
        if (inner.depth >= PAMSTACK_DEPTH_MAX || inner.level >= PAMSTACK_DEPTH_MAX)
                return -ELOOP;
        return read_file(name, &inner);
}

static int add_include(struct reading *r, enum pamstack_phase phase, unsigned number,
                       const char *name, bool substack)
{
        int k;

        if (!name)
                return add_broken(r, phase, number, "it names no file to include");
        if (substack) {
                struct pamstack_line *l = add_line(r, phase, number);

                if (!l)
                        return -E2BIG;
                l->kind = PAMSTACK_SUBSTACK;
                l->control = "substack";
                l->module = name;
        }
        k = include_file(r, name, false, phase, substack);
        if (k != -ENOENT && k != -ELOOP)
                return k;
        note_missing(r, name);
        return add_broken(r, phase, number, "what it includes cannot be read");
}

static int add_module(struct reading *r, enum pamstack_phase phase, unsigned number, bool quiet,
                      const char *control, char *rest)
{
        struct pamstack_line *l = add_line(r, phase, number);
        char *word;

        if (!l)
                return -E2BIG;
        l->quiet = quiet;
        l->control = control;
        l->module = next_word(&rest);
        if (!l->module) {
                l->kind = PAMSTACK_BROKEN;
                l->wrong = "it names no module";
                return 0;
        }
        if (!pamstack_parse_control(control, l->actions))
                l->wrong = "libpam does not know a word of its control, and takes every answer as "
                           "a failure";
        while ((word = next_word(&rest)) && l->arg_count < PAMSTACK_ARGS_MAX)
                l->args[l->arg_count++] = word;
        return 0;
}

static bool is_wanted(const struct reading *r, enum pamstack_phase phase)
{
        if (!r->all && phase != r->phase)
                return false;
        return !r->other || r->stack->from_other[phase];
}

/* text is one line of the file, continued lines joined, without its comment. */
static int take_line(struct reading *r, char *text, unsigned number)
{
        char *type = next_word(&text), *control;
        enum pamstack_phase phase = 0;
        bool quiet = type && type[0] == '-';

        if (!type)
                return 0;
        if (strcasecmp(type, "@include") == 0) {
                char *name = next_word(&text);
                int k = name ? include_file(r, name, true, r->phase, false) : -ENOENT;

                if (k == -ENOENT || k == -ELOOP) {
                        note_missing(r, name ? name : "");
                        return 0;
                }
                return k;
        }
        while (phase < PAMSTACK_PHASES && strcasecmp(type + quiet, phase_words[phase]) != 0)
                phase++;
        if (phase == PAMSTACK_PHASES) {
                /* libpam puts a line that fails there, so that nothing is left out in silence. */
                phase = r->all ? PAMSTACK_AUTH : r->phase;
                return is_wanted(r, phase) ? add_broken(r, phase, number, "it begins with no phase")
                                           : 0;
        }
        if (!is_wanted(r, phase))
                return 0;
        control = next_word(&text);
        if (!control)
                return add_broken(r, phase, number, "it ends behind the phase");
        if (strcasecmp(control, "include") == 0 || strcasecmp(control, "substack") == 0)
                return add_include(r, phase, number, next_word(&text),
                                   strcasecmp(control, "substack") == 0);
        return add_module(r, phase, number, quiet, control, text);
}

/* Takes the file apart in place: comments end, a backslash at the end of a line joins the next. */
static int take_text(struct reading *r, char *text)
{
        unsigned number = 0;

        while (*text) {
                char *line = text, *to = text;
                unsigned first = ++number;
                bool comment = false;
                int k;

                for (; *text && *text != '\n'; text++) {
                        if (text[0] == '\\' && text[1] == '\n' && !comment) {
                                *to++ = ' ';
                                text++;
                                number++;
                                continue;
                        }
                        comment = comment || *text == '#';
                        if (!comment)
                                *to++ = *text;
                }
                text += *text == '\n';
                *to = '\0';
                k = take_line(r, line, first);
                if (k < 0)
                        return k;
        }
        return 0;
}

static ssize_t read_whole(const char *path, char *to, size_t size)
{
        _cleanup_(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;
        size_t len = 0;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -ENOENT;
        while (len < size) {
                ssize_t n = read(fd, to + len, size - len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return (ssize_t)len;
                len += (size_t)n;
        }
        return -E2BIG;
}

/* The administrator's folder, and behind it the distribution's. An include may be a path. */
static int read_file(const char *name, struct reading *r)
{
        static const char *const places[] = {"/etc/pam.d/", "/usr/lib/pam.d/"};
        _cleanup_(freep) char *bytes = malloc(FILE_MAX + 1);
        char path[PATH_MAX];
        ssize_t n = -ENOENT;
        char *text;

        if (!bytes)
                return -ENOMEM;
        if (r->stack->reads++ == PAMSTACK_READS_MAX)
                return -E2BIG;
        for (size_t i = 0; n == -ENOENT && i < (name[0] == '/' ? 1 : COUNT(places)); i++) {
                const char *place = name[0] == '/' ? "" : places[i];

                if (snprintf(path, sizeof(path), "%s%s%s", r->root, place, name) >=
                    (int)sizeof(path))
                        return -ENAMETOOLONG;
                n = read_whole(path, bytes, FILE_MAX);
        }
        if (n < 0)
                return (int)n;
        r->file = keep_text(r->stack, path + strlen(r->root), strlen(path) - strlen(r->root));
        text = keep_text(r->stack, bytes, (size_t)n);
        if (!r->file || !text)
                return -ENOMEM;
        return take_text(r, text);
}

static bool has_phase(const struct pamstack *s, enum pamstack_phase phase)
{
        for (size_t i = 0; i < s->count; i++)
                if (s->lines[i].phase == phase)
                        return true;
        return false;
}

int pamstack_read(const char *root, const char *service, struct pamstack **ret)
{
        _cleanup_(pamstack_freep) struct pamstack *s = calloc(1, sizeof(*s));
        struct reading r = {.root = root, .all = true};
        int k;

        if (service[0] == '\0' || strchr(service, '/') || service[0] == '.')
                return -EINVAL;
        if (!s)
                return -ENOMEM;
        r.stack = s;
        s->lines = calloc(PAMSTACK_LINES_MAX, sizeof(*s->lines));
        s->service = keep_text(s, service, strlen(service));
        if (!s->lines || !s->service)
                return -ENOMEM;
        k = read_file(service, &r);
        if (k < 0)
                return k;
        for (int phase = 0; phase < PAMSTACK_PHASES; phase++)
                s->from_other[phase] = !has_phase(s, (enum pamstack_phase)phase);
        r.other = true;
        k = strcmp(service, "other") == 0 ? 0 : read_file("other", &r);
        if (k < 0 && k != -ENOENT)
                return k;
        *ret = steal_ptr(s);
        return 0;
}

const char *pamstack_module_name(const struct pamstack_line *l, char *buf, size_t size)
{
        const char *base = l->module ? strrchr(l->module, '/') : NULL, *end;

        base = base ? base + 1 : l->module ? l->module : "";
        end = strstr(base, ".so");
        (void)snprintf(buf, size, "%.*s", end ? (int)(end - base) : (int)strlen(base), base);
        return buf;
}

bool pamstack_is_module(const struct pamstack_line *l, const char *name)
{
        char own[64];

        return l->kind == PAMSTACK_MODULE &&
               strcmp(pamstack_module_name(l, own, sizeof(own)), name) == 0;
}
