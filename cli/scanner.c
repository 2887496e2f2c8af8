#include "cli/scanner.h"

#include <stdbool.h>
#include <string.h>

#include "common/secret.h"

#define PREFIX_MAX 3 /* "pat" */
/* From the '_' to the end of a token. */
#define BEHIND (1 + TOKEN_ID_LEN + 1 + TOKEN_SECRET_LEN)

void scanner_init(struct scanner *s, scanner_found found, void *context)
{
        s->found = found;
        s->context = context;
        s->line = 1;
        s->kept = 0;
        s->next = 0;
}

unsigned char *scanner_room(struct scanner *s)
{
        return s->buffer + s->kept;
}

/* The token whose prefix ends with the '_' at position `at`, if there is one. */
static bool token_at(struct view bytes, size_t at, struct token *ret)
{
        size_t behind = at + BEHIND, start;

        if (at >= 3 && memcmp(bytes.ptr + at - 3, "pat", 3) == 0)
                start = at - 3;
        else if (at >= 2 && memcmp(bytes.ptr + at - 2, "ak", 2) == 0)
                start = at - 2;
        else
                return false;
        if (behind > bytes.len)
                return false;
        return token_parse((struct view){bytes.ptr + start, behind - start}, ret) == 0;
}

static void count_lines(struct scanner *s, const char *from, const char *to)
{
        while (from < to) {
                const char *newline = memchr(from, '\n', (size_t)(to - from));

                if (!newline)
                        return;
                s->line++;
                from = newline + 1;
        }
}

/* Keeps what was not looked at, and before it as much of a prefix as there may be. */
static void keep(struct scanner *s, size_t from, size_t total)
{
        size_t start = from > PREFIX_MAX ? from - PREFIX_MAX : 0;

        s->next = from - start;
        s->kept = total - start;
        memmove(s->buffer, s->buffer + start, s->kept);
}

/* Reports the tokens whose '_' lies in [s->next, until), and counts the lines up to there. */
static int search(struct scanner *s, struct view bytes, size_t until)
{
        const char *counted = bytes.ptr;
        size_t end = until > PREFIX_MAX ? until - PREFIX_MAX : 0;

        for (size_t at = s->next; at < until; at++) {
                const char *underscore = memchr(bytes.ptr + at, '_', until - at);
                struct token token;
                int r;

                if (!underscore)
                        break;
                at = (size_t)(underscore - bytes.ptr);
                if (!token_at(bytes, at, &token))
                        continue;
                count_lines(s, counted, underscore);
                counted = underscore;
                r = s->found(s->context, &(struct scanner_find){token.kind, token.id, s->line});
                if (r != 0)
                        return r;
        }
        /* A prefix that is kept has no newline in it: nothing is counted twice. */
        count_lines(s, counted, bytes.ptr + end);
        return 0;
}

int scanner_take(struct scanner *s, size_t len)
{
        size_t total = s->kept + len, until = total;
        int r;

        /* Before the end of the stream the last bytes wait for what follows: every token has as
           much behind its '_' as any other, and only where all of it is there is it looked at,
           once. */
        if (len > 0)
                until = total >= BEHIND ? total - BEHIND + 1 : 0;
        r = search(s, view_of_bytes(s->buffer, total), until);
        if (r == 0)
                keep(s, until, total);
        return r;
}

void scanner_wipe(struct scanner *s)
{
        secret_wipe(s->buffer, sizeof(s->buffer));
}
