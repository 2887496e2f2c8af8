#include "tests/support/killed.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(int ok, const char *what)
{
        if (ok)
                return;
        perror(what);
        abort();
}

int killed_at(int (*work)(void *context), void *context, unsigned n)
{
        int status;
        pid_t child = fork();

        must(child >= 0, "fork");
        if (child == 0) {
                if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
                        _exit(77);
                (void)raise(SIGSTOP);
                _exit(work(context) == 0 ? 0 : 1);
        }
        must(waitpid(child, &status, 0) == child, "waitpid");
        if (WIFEXITED(status))
                return WEXITSTATUS(status) == 77 ? -1 : 1;
        for (unsigned i = 0; i < 2 * n; i++) {
                must(ptrace(PTRACE_SYSCALL, child, NULL, NULL) == 0, "ptrace");
                must(waitpid(child, &status, 0) == child, "waitpid");
                if (WIFEXITED(status)) {
                        must(WEXITSTATUS(status) == 0, "the work failed by itself");
                        return 1;
                }
        }
        must(kill(child, SIGKILL) == 0, "kill");
        must(waitpid(child, &status, 0) == child, "waitpid");
        return 0;
}
