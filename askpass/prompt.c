#include "askpass/prompt.h"

#include <errno.h>
#include <stdbool.h>
#include <strings.h>

static struct view front(struct view v, size_t len)
{
        return (struct view){v.ptr, len};
}

static struct view behind(struct view v, size_t len)
{
        return (struct view){v.ptr + len, v.len - len};
}

static bool ends_with(struct view v, struct view end)
{
        return v.len >= end.len && view_equal(behind(v, v.len - end.len), end);
}

/* Printable and no blank: a name with one could make another question look like ours. */
static bool is_word(struct view v)
{
        for (size_t i = 0; i < v.len; i++)
                if ((unsigned char)v.ptr[i] <= 0x20 || v.ptr[i] == 0x7f)
                        return false;
        return v.len > 0;
}

/* A host holds no '@', but a user may (a login by mail address): the last one divides. */
static int split(struct view login, struct prompt *ret)
{
        const char *at = login.len > 0 ? memrchr(login.ptr, '@', login.len) : NULL;
        struct prompt p;

        if (!at)
                return -ENOMSG;
        p.user = front(login, (size_t)(at - login.ptr));
        p.host = behind(login, p.user.len + 1);
        if (!is_word(p.user) || !is_word(p.host))
                return -ENOMSG;
        *ret = p;
        return 0;
}

/* What sshd's PAM asks unless a module changed it; nothing else a server may think of. */
static bool is_password_question(struct view text)
{
        static const struct view word = VIEW("password:");

        while (text.len > 0 && text.ptr[text.len - 1] == ' ')
                text.len--;
        return text.len == word.len && strncasecmp(text.ptr, word.ptr, word.len) == 0;
}

int prompt_parse(struct view text, struct prompt *ret)
{
        static const struct view tail = VIEW("'s password: ");
        const char *end;

        if (view_is_empty(text))
                return -ENOMSG;
        if (text.ptr[0] != '(')
                return ends_with(text, tail) ? split(front(text, text.len - tail.len), ret)
                                             : -ENOMSG;
        /* The first ") " is ssh's own: whatever the server writes comes later. */
        end = memmem(text.ptr, text.len, ") ", 2);
        if (!end || !is_password_question(behind(text, (size_t)(end + 2 - text.ptr))))
                return -ENOMSG;
        return split((struct view){text.ptr + 1, (size_t)(end - text.ptr - 1)}, ret);
}
