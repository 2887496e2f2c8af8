#include "askpass/config.h"

#include <errno.h>
#include <stdbool.h>
#include <strings.h>

#include "common/name.h"

/* One line on its way: what is left of it, and where it is. */
struct line {
        struct view rest;
        const char *file;
        unsigned number;
        struct complaint *why;
};

static bool is_blank(char c)
{
        return c == ' ' || c == '\t' || c == '\r';
}

static struct view trim(struct view v)
{
        while (v.len > 0 && is_blank(v.ptr[0])) {
                v.ptr++;
                v.len--;
        }
        while (v.len > 0 && is_blank(v.ptr[v.len - 1]))
                v.len--;
        return v;
}

static struct view next_word(struct view *rest)
{
        struct view word;

        *rest = trim(*rest);
        word = (struct view){rest->ptr, 0};
        while (word.len < rest->len && !is_blank(word.ptr[word.len]))
                word.len++;
        rest->ptr += word.len;
        rest->len -= word.len;
        return word;
}

/* False where v does not begin so; else what is behind. */
static bool has_prefix(struct view v, struct view prefix, struct view *ret_behind)
{
        if (v.len < prefix.len || !view_equal((struct view){v.ptr, prefix.len}, prefix))
                return false;
        *ret_behind = (struct view){v.ptr + prefix.len, v.len - prefix.len};
        return true;
}

static int wrong(const struct line *l, const char *what)
{
        return complain(l->why, -EINVAL, "%s line %u: %s", l->file, l->number, what);
}

/* HOST, HOST:USER, [ADDRESS] or [ADDRESS]:USER. No patterns: a token goes to a host that was named.
 */
static int parse_place(struct line *l, struct view word, struct view *ret_host,
                       struct view *ret_user)
{
        const char *end;
        struct view user;

        if (memchr(word.ptr, '*', word.len) || memchr(word.ptr, '?', word.len))
                return wrong(l, "a host is named whole: there are no patterns");
        *ret_user = VIEW_ABSENT;
        if (word.ptr[0] == '[') {
                end = memchr(word.ptr, ']', word.len);
                if (!end || end == word.ptr + 1)
                        return wrong(l, "an address in brackets is written [fd00::1]");
                *ret_host = (struct view){word.ptr + 1, (size_t)(end - word.ptr - 1)};
                end++;
        } else {
                end = memchr(word.ptr, ':', word.len);
                if (!end)
                        end = word.ptr + word.len;
                *ret_host = (struct view){word.ptr, (size_t)(end - word.ptr)};
        }
        user = (struct view){end, (size_t)(word.ptr + word.len - end)};
        if (user.len == 0)
                return ret_host->len > 0 ? 0 : wrong(l, "the line names no host");
        user.ptr++;
        user.len--;
        if (end[0] != ':' || user.len == 0 || ret_host->len == 0)
                return wrong(l, "the line begins with HOST or HOST:USER");
        if (memchr(user.ptr, ':', user.len))
                return wrong(l, "an IPv6 address stands in brackets: [fd00::1]");
        *ret_user = user;
        return 0;
}

static int parse_org(struct line *l, struct view value, struct entry *e)
{
        if (e->org.ptr)
                return wrong(l, "org= is given twice");
        if (!name_is_org(value))
                return wrong(l, "org= names no organisation");
        e->org = value;
        return 0;
}

static int set_source(struct line *l, struct entry *e, enum source_kind kind, struct view value)
{
        if (e->kind)
                return wrong(l, "one line has one of file=, credential=, keyring= and command=");
        if (value.len == 0)
                return wrong(l, "there is nothing behind the '='");
        if (memchr(value.ptr, '\0', value.len))
                return wrong(l, "the line holds a NUL");
        if (kind == SOURCE_FILE && value.ptr[0] != '/')
                return wrong(l, "file= takes a path that begins with '/'");
        if (kind == SOURCE_CREDENTIAL && (memchr(value.ptr, '/', value.len) || value.ptr[0] == '.'))
                return wrong(l, "credential= takes a name, not a path");
        e->kind = kind;
        e->value = value;
        return 0;
}

static int parse_words(struct line *l, struct entry *e)
{
        struct view value;
        int r = 0;

        while (r == 0 && (l->rest = trim(l->rest)).len > 0) {
                struct view whole = l->rest, word = next_word(&l->rest);

                if (has_prefix(whole, VIEW("command="), &value)) {
                        r = set_source(l, e, SOURCE_COMMAND, trim(value));
                        l->rest.len = 0;
                } else if (has_prefix(word, VIEW("org="), &value)) {
                        r = parse_org(l, value, e);
                } else if (has_prefix(word, VIEW("file="), &value)) {
                        r = set_source(l, e, SOURCE_FILE, value);
                } else if (has_prefix(word, VIEW("credential="), &value)) {
                        r = set_source(l, e, SOURCE_CREDENTIAL, value);
                } else if (has_prefix(word, VIEW("keyring="), &value)) {
                        r = set_source(l, e, SOURCE_KEYRING, value);
                } else {
                        r = wrong(l, "behind the host come org=, and file=, credential=, keyring= "
                                     "or command=");
                }
        }
        if (r == 0 && !e->kind)
                return wrong(l, "the line has no file=, credential=, keyring= or command=");
        return r;
}

static bool is_same_host(struct view a, struct view b)
{
        return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

int config_find(struct view text, const char *file, const struct prompt *p, struct entry *ret,
                struct complaint *why)
{
        struct line l = {.file = file, .why = why};
        bool found = false;

        while (text.len > 0) {
                const char *newline = memchr(text.ptr, '\n', text.len);
                size_t len = newline ? (size_t)(newline - text.ptr) : text.len;
                struct view word, host = VIEW_ABSENT, user = VIEW_ABSENT;
                struct entry e = {0};

                l.number++;
                l.rest = trim((struct view){text.ptr, len});
                len += newline ? 1 : 0;
                text = (struct view){text.ptr + len, text.len - len};
                if (l.rest.len == 0 || l.rest.ptr[0] == '#')
                        continue;
                word = next_word(&l.rest);
                if (parse_place(&l, word, &host, &user) < 0 || parse_words(&l, &e) < 0)
                        return -EINVAL;
                if (found || !is_same_host(host, p->host) ||
                    (user.ptr && !view_equal(user, p->user)))
                        continue;
                *ret = e;
                found = true;
        }
        return found ? 0
                     : complain(why, -ENOENT, "%s has no line for %.*s:%.*s", file,
                                (int)p->host.len, p->host.ptr, (int)p->user.len, p->user.ptr);
}
