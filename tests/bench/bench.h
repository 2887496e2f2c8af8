/*
 * What the programs of the benchmark share: the clock, series of times, lists of credentials, and
 * dying with a sentence. A benchmark that cannot do what it was asked to measure must not print a
 * number.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Ends the program with a sentence; and the same where error is negative. */
_Noreturn void bench_die(const char *what, int error);
void bench_must(int error, const char *what);

/* Nanoseconds of CLOCK_MONOTONIC. */
int64_t bench_now(void);

/* Times in nanoseconds, in the order in which they were measured. */
struct bench_series {
        int64_t *value;
        size_t len;
        size_t size;
};
void bench_add(struct bench_series *s, int64_t value);
/* The value below which that part (0 to 1) of s->value[from…] lies; sorts a copy. 0 for none. */
int64_t bench_quantile(const struct bench_series *s, size_t from, double part);

/* Lines of "USER PASSWORD"; the password is the rest of the line. */
struct bench_credential {
        char *user;
        char *password;
};
struct bench_credentials {
        struct bench_credential *list;
        size_t len;
        size_t next;
};
void bench_read_credentials(const char *path, struct bench_credentials *ret);
/* All in turn, in an order that spreads the look-ups over the store. */
const struct bench_credential *bench_next_credential(struct bench_credentials *c);

/* A connection to a SOCK_SEQPACKET socket. Dies where there is none. */
int bench_connect(const char *path);
