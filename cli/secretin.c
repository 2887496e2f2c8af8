#include "cli/secretin.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* Signals that would leave the terminal without echo. Their handler only notes them: reading stops,
   the terminal is put right, and then they do what they would have done. */
static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM, SIGTSTP};
#define CAUGHT (sizeof(caught) / sizeof(caught[0]))

static volatile sig_atomic_t came;

static void note_signal(int number)
{
        came = number;
}

static void catch_signals(struct sigaction old[static CAUGHT])
{
        struct sigaction action = {.sa_handler = note_signal};

        (void)sigemptyset(&action.sa_mask);
        came = 0;
        for (size_t i = 0; i < CAUGHT; i++)
                (void)sigaction(caught[i], &action, &old[i]);
}

static void release_signals(const struct sigaction old[static CAUGHT])
{
        for (size_t i = 0; i < CAUGHT; i++)
                (void)sigaction(caught[i], &old[i], NULL);
        if (came)
                (void)raise(came);
}

static bool has_line(const struct secret_buffer *b)
{
        return b->len > 0 && memchr(b->bytes, '\n', b->len) != NULL;
}

static int read_line(struct secret_buffer *ret)
{
        ret->len = 0;
        while (ret->len < sizeof(ret->bytes) && !has_line(ret)) {
                ssize_t n =
                        read(STDIN_FILENO, ret->bytes + ret->len, sizeof(ret->bytes) - ret->len);

                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                ret->len += (size_t)n;
        }
        return ret->len > 0 ? 0 : -ENODATA;
}

/* Cuts it at the end of the line; "\r\n" comes from files that were made elsewhere. */
static int trim(struct secret_buffer *b)
{
        unsigned char *end = memchr(b->bytes, '\n', b->len);

        if (end)
                b->len = (size_t)(end - b->bytes);
        if (b->len > 0 && b->bytes[b->len - 1] == '\r')
                b->len--;
        return b->len > 0 ? 0 : -ENODATA;
}

static void say(const char *text)
{
        /* Where the prompt cannot be seen, whoever types finds out. */
        if (write(STDERR_FILENO, text, strlen(text)) < 0)
                return;
}

static int read_terminal(const char *prompt, struct secret_buffer *ret)
{
        struct sigaction old[CAUGHT];
        struct termios saved, silent;
        int r;

        if (tcgetattr(STDIN_FILENO, &saved) < 0)
                return -errno;
        catch_signals(old);
        silent = saved;
        silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
        silent.c_lflag |= ICANON;
        if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) < 0) {
                r = -errno;
        } else {
                say(prompt);
                r = read_line(ret);
                (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
                say("\n");
        }
        release_signals(old);
        return r;
}

int secretin_read(const char *prompt, struct secret_buffer *ret)
{
        int r = isatty(STDIN_FILENO) == 1 ? read_terminal(prompt, ret) : read_line(ret);

        return r < 0 ? r : trim(ret);
}
