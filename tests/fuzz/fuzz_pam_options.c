/*
 * The arguments of a pam.d line, split at blanks: whatever they are, what is taken keeps every
 * promise that options.h makes, and what is refused is named and leaves nothing behind.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "common/pamoptions.h"

#define ARGUMENTS_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void check_taken(enum phase phase, const struct pamoptions *o)
{
        struct sockaddr_un address;

        require(o->socket[0] == '/' && strlen(o->socket) < sizeof(address.sun_path));
        require(!o->org.ptr || name_is_org(o->org));
        require(o->role == ROLE_NONE || o->role == ROLE_MEMBER || o->role == ROLE_ADMIN);
        require(o->timeout_ms >= 1 && o->timeout_ms <= PAMOPTIONS_TIMEOUT_MAX_MS);
        require(phase != PHASE_SESSION || !o->any_ruser);
}

static bool is_one_of(const char *word, int argc, const char *const *argv)
{
        for (int i = 0; i < argc; i++)
                if (argv[i] == word)
                        return true;
        return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *argv[ARGUMENTS_MAX];
        char *text = malloc(size + 1), *rest = NULL;
        int argc = 0;

        require(text != NULL);
        memcpy(text, data, size);
        text[size] = '\0';
        for (char *word = strtok_r(text, " ", &rest); word && argc < ARGUMENTS_MAX;
             word = strtok_r(NULL, " ", &rest))
                argv[argc++] = word;
        for (enum phase phase = PHASE_AUTH; phase <= PHASE_SESSION; phase++) {
                const char *refused = NULL;
                struct pamoptions o = {.timeout_ms = 77};
                int r = pamoptions_parse(phase, argc, argv, &o, &refused);

                require(r == 0 || r == -EINVAL);
                if (r == 0)
                        check_taken(phase, &o);
                else
                        require(is_one_of(refused, argc, argv) && o.timeout_ms == 77);
        }
        free(text);
        return 0;
}
