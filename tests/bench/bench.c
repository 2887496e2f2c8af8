#include "tests/bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define NS_PER_SEC INT64_C(1000000000)
#define STRIDE     1597 /* a prime */

_Noreturn void bench_die(const char *what, int error)
{
        (void)fprintf(stderr, "bench: %s: %s\n", what, strerror(error < 0 ? -error : error));
        exit(1);
}

void bench_must(int error, const char *what)
{
        if (error < 0)
                bench_die(what, error);
}

int64_t bench_now(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * NS_PER_SEC + now.tv_nsec;
}

static void *grow(void *list, size_t len, size_t *size, size_t width)
{
        if (len < *size)
                return list;
        *size = *size ? *size * 2 : 1024;
        list = realloc(list, *size * width);
        if (!list)
                bench_die("memory", ENOMEM);
        return list;
}

void bench_add(struct bench_series *s, int64_t value)
{
        s->value = grow(s->value, s->len, &s->size, sizeof(*s->value));
        s->value[s->len++] = value;
}

static int compare(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return x < y ? -1 : x > y;
}

int64_t bench_quantile(const struct bench_series *s, size_t from, double part)
{
        size_t n = s->len - from;
        int64_t *copy, result;

        if (s->len <= from)
                return 0;
        copy = malloc(n * sizeof(*copy));
        if (!copy)
                bench_die("memory", ENOMEM);
        memcpy(copy, s->value + from, n * sizeof(*copy));
        qsort(copy, n, sizeof(*copy), compare);
        result = copy[(size_t)((double)(n - 1) * part)];
        free(copy);
        return result;
}

void bench_read_credentials(const char *path, struct bench_credentials *ret)
{
        FILE *f = fopen(path, "re");
        char *line = NULL;
        size_t room = 0, size = 0;

        *ret = (struct bench_credentials){0};
        if (!f)
                bench_die(path, errno);
        while (getline(&line, &room, f) > 0) {
                char *blank = strchr(line, ' ');

                line[strcspn(line, "\n")] = '\0';
                if (!blank)
                        bench_die(path, EINVAL);
                *blank = '\0';
                ret->list = grow(ret->list, ret->len, &size, sizeof(*ret->list));
                ret->list[ret->len++] = (struct bench_credential){.user = strdup(line),
                                                                  .password = strdup(blank + 1)};
        }
        free(line);
        (void)fclose(f);
        if (ret->len == 0)
                bench_die(path, ENODATA);
}

const struct bench_credential *bench_next_credential(struct bench_credentials *c)
{
        /* Not one after the other: neighbours in the list are neighbours in the store. */
        c->next = (c->next + STRIDE) % c->len;
        return &c->list[c->next];
}

int bench_connect(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        if (fd < 0)
                bench_die("socket", errno);
        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        while (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                if (errno != EINTR && errno != EAGAIN)
                        bench_die(path, errno);
        return fd;
}
