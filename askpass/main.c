#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "askpass/config.h"
#include "askpass/prompt.h"
#include "askpass/source.h"

static const char usage[] =
        "Usage: SSH_ASKPASS=orgtoken-askpass SSH_ASKPASS_REQUIRE=force ssh HOST ...\n"
        "\n"
        "Answers the password prompts of ssh with the token that is kept for the host, as\n"
        "~/.config/orgtoken/askpass says (or the file in ORGTOKEN_ASKPASS_CONFIG), a line a host:\n"
        "\n"
        "  HOST[:USER] [org=ORG] file=PATH | credential=NAME | keyring=NAME |\n"
        "                        command=COMMAND LINE\n"
        "\n"
        "The manual is orgtoken-askpass(1).\n";

/* Only to a reader that takes it on: not to a terminal, where people look on, and not to a file,
   where it would stay. */
static int check_output(struct complaint *why)
{
        struct stat st;

        if (fstat(STDOUT_FILENO, &st) < 0)
                return complain(why, -errno, "standard output is closed");
        if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))
                return 0;
        return complain(why, -EACCES,
                        "a token goes to ssh, through a pipe: never to a terminal or a file");
}

static int check_question(const char *text, struct prompt *ret, struct complaint *why)
{
        const char *kind = getenv("SSH_ASKPASS_PROMPT");

        /* "confirm" and "none": a question or a notice about keys. */
        if ((kind && kind[0] != '\0') || prompt_parse(view_of(text), ret) < 0)
                return complain(why, -ENOMSG,
                                "this is no question for a login's password: left unanswered");
        return 0;
}

static int find_config(char path[static PATH_MAX], struct complaint *why)
{
        const char *given = getenv("ORGTOKEN_ASKPASS_CONFIG"), *home = getenv("HOME");
        int n;

        if (given && given[0] != '\0')
                n = snprintf(path, PATH_MAX, "%s", given);
        else if (home && home[0] == '/')
                n = snprintf(path, PATH_MAX, "%s/.config/orgtoken/askpass", home);
        else
                return complain(why, -ENOENT,
                                "neither HOME nor ORGTOKEN_ASKPASS_CONFIG says where the "
                                "configuration is");
        return n < PATH_MAX ? 0 : complain(why, -ENAMETOOLONG, "that path is too long");
}

static int print_secret(struct secret_buffer *b, struct complaint *why)
{
        size_t done = 0;

        b->bytes[b->len++] = '\n';
        while (done < b->len) {
                ssize_t n = write(STDOUT_FILENO, b->bytes + done, b->len - done);

                if (n < 0 && errno != EINTR)
                        return complain(why, -errno, "ssh does not take it: %s", strerror(errno));
                done += n > 0 ? (size_t)n : 0;
        }
        return 0;
}

static int answer(const char *question, struct complaint *why)
{
        _cleanup_(secret_buffer_wipe) struct secret_buffer secret = {0};
        _cleanup_(freep) char *text = NULL;
        struct prompt p = {0};
        struct entry e = {0};
        char path[PATH_MAX];
        size_t len = 0;
        int r = check_output(why);

        if (r == 0)
                r = check_question(question, &p, why);
        if (r == 0)
                r = find_config(path, why);
        if (r == 0)
                r = source_read_config(path, &text, &len, why);
        if (r == 0)
                r = config_find((struct view){text, len}, path, &p, &e, why);
        if (r == 0)
                r = source_read(&e, &p, &secret, why);
        return r == 0 ? print_secret(&secret, why) : r;
}

/* Names of hosts and files come from elsewhere, and this is somebody's terminal. */
static void tell(const struct complaint *why)
{
        fputs("orgtoken-askpass: ", stderr);
        for (const char *c = why->text; *c; c++)
                fputc((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c, stderr);
        fputc('\n', stderr);
}

int main(int argc, char **argv)
{
        struct complaint why = {0};

        if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
                return fputs(usage, stdout) < 0;
        if (argc == 2 && strcmp(argv[1], "--version") == 0)
                return puts("orgtoken-askpass " PACKAGE_VERSION) < 0;
        if (argc != 2) {
                fputs(usage, stderr);
                return 2;
        }
        /* No core file and no look from outside; a reader that went away is an error, no signal. */
        (void)prctl(PR_SET_DUMPABLE, 0);
        (void)signal(SIGPIPE, SIG_IGN);
        if (answer(argv[1], &why) < 0) {
                tell(&why);
                return 1;
        }
        return 0;
}
