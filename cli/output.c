#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/json.h"
#include "cli/text.h"

#define LONG_OUTPUT   32768
#define WIDTH_DEFAULT 80
#define WIDTH_MAX     1000

int error_set(struct error *e, int status, const char *reason, const char *format, ...)
{
        va_list arguments;

        /* The first error is the cause; what fails after it follows from it. */
        if (e->status != STATUS_DONE)
                return e->status;
        e->status = status;
        (void)snprintf(e->reason, sizeof(e->reason), "%s", reason);
        va_start(arguments, format);
        (void)vsnprintf(e->message, sizeof(e->message), format, arguments);
        va_end(arguments);
        return status;
}

int error_hint(struct error *e, const char *format, ...)
{
        va_list arguments;

        if (e->hint[0] != '\0')
                return e->status;
        va_start(arguments, format);
        (void)vsnprintf(e->hint, sizeof(e->hint), format, arguments);
        va_end(arguments);
        return e->status;
}

int error_memory(struct error *e)
{
        return error_set(e, STATUS_UNAVAILABLE, "no-memory", "out of memory");
}

void output_prepare(void)
{
        static const int modes[] = {O_RDWR, O_RDONLY, O_RDWR};

        /* A token "printed" to /dev/null would be acknowledged and lost: standard output that was
           closed is opened for reading, so that every write to it fails. */
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
                        (void)open("/dev/null", modes[fd]); /* takes the lowest free one: fd */
        /* A write that fails must come back as one: a made token is then given back. */
        (void)signal(SIGPIPE, SIG_IGN);
        (void)signal(SIGXFSZ, SIG_IGN);
}

/* COLUMNS comes from anybody: what is no sensible number is as if it were not set. */
static unsigned parse_width(const char *text)
{
        unsigned width = 0;

        if (!text || text[0] == '\0')
                return 0;
        for (; *text; text++) {
                if (*text < '0' || *text > '9' || width > WIDTH_MAX)
                        return 0;
                width = width * 10 + (unsigned)(*text - '0');
        }
        return width <= WIDTH_MAX ? width : 0;
}

/* COLUMNS first: who sets it for one command wants another width than the terminal's. */
static unsigned terminal_width(void)
{
        struct winsize size = {0};
        unsigned width = parse_width(getenv("COLUMNS"));

        if (width > 0)
                return width;
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
                return size.ws_col;
        return WIDTH_DEFAULT;
}

void output_init(struct output *o, bool json)
{
        const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
        bool terminal = isatty(STDOUT_FILENO) == 1;

        o->json = json;
        o->width = terminal ? terminal_width() : 0;
        /* no-color.org: set and not empty. */
        o->colour = terminal && !(no_color && no_color[0]) && !(term && strcmp(term, "dumb") == 0);
}

/* write(2) may take less than it was given, on a pipe or a disk that is nearly full. */
int output_write(struct view bytes)
{
        size_t written = 0;

        while (written < bytes.len) {
                ssize_t n = write(STDOUT_FILENO, bytes.ptr + written, bytes.len - written);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        written += (size_t)n;
        }
        return 0;
}

int output_flush(struct output *o, struct error *e)
{
        int r;

        if (o->to.failed)
                return error_memory(e);
        r = output_write(buffer_view(&o->to));
        buffer_clear(&o->to);
        if (r == 0)
                return STATUS_DONE;
        /* `orgtoken pat list | head`: whoever closed the pipe knows why. */
        if (r == -EPIPE)
                return error_set(e, STATUS_REFUSED, "output", "%s", "");
        return error_set(e, STATUS_REFUSED, "output", "the output could not be written: %s",
                         strerror(-r));
}

int output_flush_long(struct output *o, struct error *e)
{
        return o->to.len < LONG_OUTPUT && !o->to.failed ? STATUS_DONE : output_flush(o, e);
}

/* One write, so that the lines of two commands on one terminal do not mix. What cannot be said on
   standard error cannot be said at all. */
static void write_error(struct buffer *line)
{
        if (!line->failed && write(STDERR_FILENO, line->bytes, line->len) < 0)
                line->failed = true;
        buffer_wipe(line);
}

/* Notes hold names too, so they are made safe like everything else. */
void output_note(const struct output *o, const char *format, ...)
{
        struct buffer text = {0}, line = {0};
        va_list arguments;

        if (o->json)
                return;
        va_start(arguments, format);
        buffer_vprintf(&text, format, arguments);
        va_end(arguments);
        text_put_safe(&line, buffer_view(&text));
        buffer_puts(&line, "\n");
        write_error(&line);
        buffer_wipe(&text);
}

void output_error(const struct error *e, bool json)
{
        struct buffer line = {0};

        if (e->message[0] == '\0')
                return;
        if (json) {
                struct json j = {.out = &line};

                json_begin_object(&j, NULL);
                json_begin_object(&j, "error");
                json_text(&j, "reason", view_of(e->reason));
                json_text(&j, "message", view_of(e->message));
                if (e->hint[0] != '\0')
                        json_text(&j, "hint", view_of(e->hint));
                json_end_object(&j);
                json_end_object(&j);
        } else {
                buffer_puts(&line, "orgtoken: ");
                text_put_safe(&line, view_of(e->message));
                buffer_puts(&line, "\n");
                if (e->hint[0] != '\0') {
                        text_put_safe(&line, view_of(e->hint));
                        buffer_puts(&line, "\n");
                }
        }
        write_error(&line);
}
