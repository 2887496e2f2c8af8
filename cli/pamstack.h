/*
 * What /etc/pam.d says, as libpam reads it: the file of a service with everything it includes, as
 * the lines that run in each phase, in their order. Owns the grammar; runs nothing and judges
 * nothing (pamwalk.h runs it). The rules are those of pam.d(5) and of libpam 1.5.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pamstack_phase {
        PAMSTACK_AUTH,
        PAMSTACK_ACCOUNT,
        PAMSTACK_SESSION,
        PAMSTACK_PASSWORD,
        PAMSTACK_PHASES,
};

/* What modules answer, by the words of pam.d(5) and with libpam's numbers. */
enum pamstack_code {
        PAMSTACK_SUCCESS = 0,
        PAMSTACK_SERVICE_ERR = 3,
        PAMSTACK_SYSTEM_ERR = 4,
        PAMSTACK_BUF_ERR = 5,
        PAMSTACK_PERM_DENIED = 6,
        PAMSTACK_AUTH_ERR = 7,
        PAMSTACK_AUTHINFO_UNAVAIL = 9,
        PAMSTACK_USER_UNKNOWN = 10,
        PAMSTACK_NEW_AUTHTOK_REQD = 12,
        PAMSTACK_ACCT_EXPIRED = 13,
        PAMSTACK_CONV_ERR = 19,
        PAMSTACK_AUTHTOK_ERR = 20,
        PAMSTACK_IGNORE = 25,
        PAMSTACK_MODULE_UNKNOWN = 28,
        PAMSTACK_INCOMPLETE = 31,
        PAMSTACK_CODES = 32,
};

/* What a line does with an answer; above 0: jumps over so many. */
enum pamstack_action {
        PAMSTACK_DO_IGNORE = 0,
        PAMSTACK_DO_OK = -1,
        PAMSTACK_DO_DONE = -2,
        PAMSTACK_DO_BAD = -3,
        PAMSTACK_DO_DIE = -4,
        PAMSTACK_DO_RESET = -5,
        PAMSTACK_DO_UNDEFINED = -6,
};

enum pamstack_kind {
        PAMSTACK_MODULE,
        PAMSTACK_SUBSTACK, /* the line that opens one; its own lines are one level further in */
        PAMSTACK_BROKEN,   /* libpam lets it fail always */
};

#define PAMSTACK_ARGS_MAX  64
#define PAMSTACK_LINES_MAX 512
#define PAMSTACK_DEPTH_MAX 16
#define PAMSTACK_READS_MAX 256

/* Texts are the stack's own. */
struct pamstack_line {
        enum pamstack_phase phase;
        enum pamstack_kind kind;
        unsigned level;      /* of substacks; 0 for the service's own */
        bool quiet;          /* written with '-': may be missing */
        const char *file;    /* as PAM knows it: /etc/pam.d/sshd */
        unsigned number;     /* of the line there, from 1 */
        const char *control; /* as written, without brackets */
        const char *module;  /* as written; NULL for a broken line without one */
        const char *wrong;   /* why it is broken, or what of its control libpam does not know; NULL:
                                nothing */
        int actions[PAMSTACK_CODES];
        size_t arg_count;
        const char *args[PAMSTACK_ARGS_MAX];
};

struct pamstack {
        const char *service;
        size_t count;
        struct pamstack_line *lines; /* of all phases, in the order of reading */
        /* The first file that could not be read, and where it was asked for: libpam then fails the
           whole service. NULL: none. */
        const char *missing, *missing_from;
        /* Phases for which the service has no lines, so that those of "other" count. */
        bool from_other[PAMSTACK_PHASES];
        unsigned reads; /* of files: those that include each other end somewhere */
        void *texts;    /* owns every text above */
};

/* Reads the service below root ("" for the host's own). 0; -ENOENT: there is no such file, so that
   libpam takes "other"; -EINVAL: no name of a service; -E2BIG: too many lines or files; -ENOMEM;
   other errno of reading. */
int pamstack_read(const char *root, const char *service, struct pamstack **ret);
struct pamstack *pamstack_free(struct pamstack *s);

/* The name of a module alone: "pam_unix" for /lib/security/pam_unix.so. Into buf, which it returns.
 */
const char *pamstack_module_name(const struct pamstack_line *l, char *buf, size_t size);
bool pamstack_is_module(const struct pamstack_line *l, const char *name);

/* "auth" … */
const char *pamstack_phase_word(enum pamstack_phase phase);
/* "auth_err" …; "?" for a number that is none. */
const char *pamstack_code_word(int code);

/* The actions of a control ("required", "success=1 default=ignore"). False, and all of them bad,
   where libpam does not know a word of it. */
bool pamstack_parse_control(const char *control, int ret[static PAMSTACK_CODES]);
