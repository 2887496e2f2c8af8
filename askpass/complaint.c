#include "askpass/complaint.h"

#include <stdarg.h>
#include <stdio.h>

int complain(struct complaint *c, int r, const char *format, ...)
{
        va_list arguments;

        if (c->text[0] != '\0')
                return r;
        va_start(arguments, format);
        (void)vsnprintf(c->text, sizeof(c->text), format, arguments);
        va_end(arguments);
        return r;
}
