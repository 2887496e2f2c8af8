/*
 * What orgtoken-askpass reads: ssh's question, and the file that says where tokens are. The input
 * is the question, a line end, and the file. What comes out are views into what went in.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "askpass/config.h"
#include "common/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
        if (!holds)
                abort();
}

static bool is_within(struct view part, struct view whole)
{
        return part.ptr >= whole.ptr && part.len <= whole.len &&
               (size_t)(part.ptr - whole.ptr) <= whole.len - part.len;
}

static void check_entry(const struct entry *e, struct view text)
{
        require(e->kind == SOURCE_FILE || e->kind == SOURCE_CREDENTIAL ||
                e->kind == SOURCE_KEYRING || e->kind == SOURCE_COMMAND);
        require(!view_is_empty(e->value) && is_within(e->value, text));
        require(!e->org.ptr || (is_within(e->org, text) && name_is_org(e->org)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *copy = malloc(size + 1);
        struct view question = {copy, size}, file = {copy + size, 0};
        struct complaint why = {""};
        struct prompt prompt;
        struct entry entry;
        char *end;
        int r;

        require(copy != NULL);
        if (size > 0)
                memcpy(copy, data, size);
        copy[size] = '\0';
        end = memchr(copy, '\n', size);
        if (end) {
                question.len = (size_t)(end - copy);
                file = (struct view){end + 1, size - question.len - 1};
        }
        r = prompt_parse(question, &prompt);
        require(r == 0 || r == -ENOMSG);
        if (r == 0) {
                require(!view_is_empty(prompt.user) && is_within(prompt.user, question));
                require(!view_is_empty(prompt.host) && is_within(prompt.host, question));
                r = config_find(file, "file", &prompt, &entry, &why);
                require(r == 0 || r == -ENOENT || r == -EINVAL);
                require((r == 0) == (why.text[0] == '\0'));
                if (r == 0)
                        check_entry(&entry, file);
        }
        free(copy);
        return 0;
}
