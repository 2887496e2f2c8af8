#include "cli/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct finding *next_place(struct findings *f)
{
        if (f->count == f->size) {
                size_t size = f->size ? f->size * 2 : 32;
                struct finding *list = realloc(f->list, size * sizeof(*list));

                if (!list) {
                        f->failed = true;
                        return &f->spare;
                }
                f->list = list;
                f->size = size;
        }
        return &f->list[f->count++];
}

struct finding *findings_add(struct findings *f, enum finding_level level, const char *code,
                             const char *format, ...)
{
        struct finding *x = next_place(f);
        va_list arguments;

        *x = (struct finding){.level = level};
        (void)snprintf(x->subject, sizeof(x->subject), "%s", f->subject ? f->subject : "");
        (void)snprintf(x->code, sizeof(x->code), "%s", code);
        va_start(arguments, format);
        (void)vsnprintf(x->message, sizeof(x->message), format, arguments);
        va_end(arguments);
        return x;
}

struct finding *finding_in(struct finding *x, const char *file)
{
        (void)snprintf(x->file, sizeof(x->file), "%s", file);
        return x;
}

struct finding *finding_at(struct finding *x, const struct pamstack_line *l)
{
        if (!l)
                return x;
        x->line = l->number;
        return finding_in(x, l->file);
}

void finding_mend(struct finding *x, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(x->mend, sizeof(x->mend), format, arguments);
        va_end(arguments);
}

size_t findings_count(const struct findings *f, enum finding_level level)
{
        size_t n = 0;

        for (size_t i = 0; i < f->count; i++)
                n += f->list[i].level == level;
        return n;
}

bool findings_has(const struct findings *f, const char *subject, const char *code)
{
        for (size_t i = 0; i < f->count; i++)
                if (strcmp(f->list[i].code, code) == 0 &&
                    (!subject || strcmp(f->list[i].subject, subject) == 0))
                        return true;
        return false;
}

void findings_free(struct findings *f)
{
        free(f->list);
        *f = (struct findings){0};
}
