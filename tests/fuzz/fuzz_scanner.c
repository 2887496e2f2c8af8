/*
 * The scanner for leaked tokens: fed in pieces of any size it finds what a look at every position
 * of the whole text finds, on the same lines. The first byte says how large the pieces are; each
 * 0xff stands for a real token, which no fuzzer would come upon.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/scanner.h"
#include "common/token.h"

#define FINDS_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct finds {
        size_t count;
        struct scanner_find find[FINDS_MAX];
};

static void require(bool holds)
{
        if (!holds)
                abort();
}

static int keep(void *context, const struct scanner_find *find)
{
        struct finds *f = context;

        if (f->count == FINDS_MAX)
                return 1;
        f->find[f->count++] = *find;
        return 0;
}

static size_t expand(const uint8_t *data, size_t size, char *text)
{
        size_t len = 0;

        for (size_t i = 0; i < size; i++) {
                char token[TOKEN_TEXT_MAX + 1];

                if (data[i] != 0xff) {
                        text[len++] = (char)data[i];
                        continue;
                }
                token_format(i % 2 ? TOKEN_AK : TOKEN_PAT, (int64_t)i * 7919,
                             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ", token);
                memcpy(text + len, token, strlen(token));
                len += strlen(token);
        }
        return len;
}

static void look_everywhere(const char *text, size_t len, struct finds *ret)
{
        static const enum token_kind kinds[] = {TOKEN_PAT, TOKEN_AK};
        uint64_t line = 1;

        for (size_t at = 0; at < len; at++) {
                for (size_t k = 0; k < 2; k++) {
                        size_t whole = strlen(token_kind_prefix(kinds[k])) + TOKEN_ID_LEN + 1 +
                                       TOKEN_SECRET_LEN;
                        struct token token;

                        if (len - at >= whole &&
                            token_parse((struct view){text + at, whole}, &token) == 0 &&
                            token.kind == kinds[k] && !token.org.ptr)
                                (void)keep(ret, &(struct scanner_find){token.kind, token.id, line});
                }
                line += text[at] == '\n';
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct finds expected, found;
        static struct scanner scanner;
        size_t piece = size > 0 ? data[0] + 1U : 1, len, at = 0;
        char *text;

        if (size == 0 || size > 4096)
                return 0;
        text = malloc(size * TOKEN_TEXT_MAX + 1);
        require(text != NULL);
        len = expand(data + 1, size - 1, text);
        expected.count = found.count = 0;
        look_everywhere(text, len, &expected);
        scanner_init(&scanner, keep, &found);
        while (at < len) {
                size_t n = len - at < piece ? len - at : piece;

                memcpy(scanner_room(&scanner), text + at, n);
                require(scanner_take(&scanner, n) == 0);
                at += n;
        }
        require(scanner_take(&scanner, 0) == 0);
        require(found.count == expected.count);
        for (size_t i = 0; i < found.count; i++)
                require(found.find[i].kind == expected.find[i].kind &&
                        found.find[i].id == expected.find[i].id &&
                        found.find[i].line == expected.find[i].line);
        free(text);
        return 0;
}
