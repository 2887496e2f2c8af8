#include "cli/secretin.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* Signals that would leave the terminal without echo. Their handler only notes them: reading stops,
   the terminal is put right, and then they do what they would have done. They are let in only while
   input is waited for: one that came just before would be noted, and the wait begin all the same.
 */
static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM, SIGTSTP};
#define CAUGHT (sizeof(caught) / sizeof(caught[0]))

static volatile sig_atomic_t came;

static void note_signal(int number)
{
        came = number;
}

struct signals {
        struct sigaction action[CAUGHT];
        sigset_t mask;
};

static void catch_signals(struct signals *old)
{
        struct sigaction action = {.sa_handler = note_signal};
        sigset_t held;

        (void)sigemptyset(&action.sa_mask);
        (void)sigemptyset(&held);
        came = 0;
        for (size_t i = 0; i < CAUGHT; i++) {
                (void)sigaddset(&held, caught[i]);
                (void)sigaction(caught[i], &action, &old->action[i]);
        }
        (void)sigprocmask(SIG_BLOCK, &held, &old->mask);
}

/* One that has waited until now takes the old way too. */
static void release_signals(const struct signals *old)
{
        for (size_t i = 0; i < CAUGHT; i++)
                (void)sigaction(caught[i], &old->action[i], NULL);
        (void)sigprocmask(SIG_SETMASK, &old->mask, NULL);
        if (came)
                (void)raise(came);
}

static bool has_line(const struct secret_buffer *b)
{
        return b->len > 0 && memchr(b->bytes, '\n', b->len) != NULL;
}

/* Until there is something to read, or one of the caught signals comes. Others only interrupt. */
static int wait_for_input(const sigset_t *mask)
{
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

        while (!came) {
                if (ppoll(&input, 1, NULL, mask) >= 0)
                        return 0;
                if (errno != EINTR)
                        return -errno;
        }
        return -EINTR;
}

/* mask: of a terminal, while it is waited for; NULL: a file or a pipe, which is read as it comes.
 */
static int read_line(struct secret_buffer *ret, const sigset_t *mask)
{
        ret->len = 0;
        while (ret->len < sizeof(ret->bytes) && !has_line(ret)) {
                int r = mask ? wait_for_input(mask) : 0;
                ssize_t n;

                if (r < 0)
                        return r;
                n = read(STDIN_FILENO, ret->bytes + ret->len, sizeof(ret->bytes) - ret->len);
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
        struct signals old;
        struct termios saved, silent;
        int r;

        if (tcgetattr(STDIN_FILENO, &saved) < 0)
                return -errno;
        catch_signals(&old);
        silent = saved;
        silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
        silent.c_lflag |= ICANON;
        if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) < 0) {
                r = -errno;
        } else {
                say(prompt);
                r = read_line(ret, &old.mask);
                (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
                say("\n");
        }
        release_signals(&old);
        return r;
}

int secretin_read(const char *prompt, struct secret_buffer *ret)
{
        int r = isatty(STDIN_FILENO) == 1 ? read_terminal(prompt, ret) : read_line(ret, NULL);

        return r < 0 ? r : trim(ret);
}
