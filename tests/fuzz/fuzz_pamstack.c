/*
 * The file of a service, and behind a NUL one that it includes: whatever is in them, orgtoken
 * doctor reads them, runs them with every answer, and judges them without falling over; and what
 * decided is a line that ran.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/pamwalk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char root[64];
static int folder = -1;

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void remove_root(void)
{
        static const char *const names[] = {"/etc/pam.d/s", "/etc/pam.d/i", "/etc/pam.d", "/etc",
                                            ""};
        char path[128];

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                (void)snprintf(path, sizeof(path), "%s%s", root, names[i]);
                (void)remove(path);
        }
}

static void make_root(void)
{
        char path[128];

        (void)snprintf(root, sizeof(root), "/tmp/orgtoken-fuzz-pamstack.XXXXXX");
        require(mkdtemp(root) != NULL);
        (void)snprintf(path, sizeof(path), "%s/etc", root);
        require(mkdir(path, 0755) == 0);
        (void)snprintf(path, sizeof(path), "%s/etc/pam.d", root);
        require(mkdir(path, 0755) == 0);
        folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        require(folder >= 0 && atexit(remove_root) == 0);
}

static void write_file(const char *name, const uint8_t *data, size_t size)
{
        int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        require(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0);
}

static int answer(void *context, const struct pamstack_line *l)
{
        unsigned *state = context;

        *state = *state * 1103515245 + 12345 + l->number;
        return (int)(*state >> 16) % PAMSTACK_CODES;
}

static void walk(const struct pamstack *s)
{
        for (int phase = 0; phase < PAMSTACK_PHASES; phase++)
                for (unsigned i = 0; i < 8; i++) {
                        struct pamwalk w;
                        unsigned state = i;

                        pamwalk_run(s, (enum pamstack_phase)phase, answer, &state, &w);
                        require(w.status >= 0 && w.status < PAMSTACK_CODES);
                        require(w.status != PAMSTACK_SUCCESS || w.decided);
                        require(!w.decided || (pamwalk_ran(&w, s, w.decided) &&
                                               w.decided->phase == (enum pamstack_phase)phase));
                }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
        size_t first = end ? (size_t)(end - data) : size;
        struct doctor d = {.root = root};
        struct pamstack *s = NULL;

        if (folder < 0)
                make_root();
        write_file("s", data, first);
        write_file("i", data + first, size - first);
        if (pamstack_read(root, "s", &s) == 0) {
                walk(s);
                require(hostfiles_read(root, &d.files) == 0);
                doctor_service(&d, s, true);
                for (size_t i = 0; i < d.found.count; i++)
                        require(d.found.list[i].message[0] != '\0');
                findings_free(&d.found);
                (void)hostfiles_free(d.files);
                (void)pamstack_free(s);
        }
        return 0;
}
