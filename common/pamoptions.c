#include "common/pamoptions.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "common/client.h"

#ifndef ORGTOKEN_VERIFY_SOCKET
#error "the build says where verify.sock is: -DORGTOKEN_VERIFY_SOCKET"
#endif

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A word without a value. */
struct flag {
        const char *name;
        size_t offset; /* of its bool in struct pamoptions */
};

static const struct flag flags[] = {
        {"prompt_org", offsetof(struct pamoptions, prompt_org)},
        {"bound_only", offsetof(struct pamoptions, bound_only)},
        {"token_only", offsetof(struct pamoptions, token_only)},
        {"require_token", offsetof(struct pamoptions, require_token)},
        {"any_ruser", offsetof(struct pamoptions, any_ruser)},
        {"quiet", offsetof(struct pamoptions, quiet)},
        {"debug", offsetof(struct pamoptions, debug)},
};

/* libpam's own: it looks for them in the line by itself. */
static const char *const of_libpam[] = {"try_first_pass", "use_first_pass"};

/* A socket that can't be connected to would only show at the first login, and then as a dead
 * daemon. */
static int set_socket(struct pamoptions *o, const char *value)
{
        if (value[0] != '/' || strlen(value) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
                return -EINVAL;
        o->socket = value;
        return 0;
}

static int set_org(struct pamoptions *o, const char *value)
{
        if (!name_is_org(view_of(value)))
                return -EINVAL;
        o->org = view_of(value);
        return 0;
}

static int set_role(struct pamoptions *o, const char *value)
{
        return role_parse(view_of(value), &o->role);
}

/* Digits alone: strtoul() would take blanks, signs and, under some locales, more. */
static int set_timeout(struct pamoptions *o, const char *value)
{
        unsigned ms = 0;

        for (const char *c = value; *c; c++) {
                if (*c < '0' || *c > '9')
                        return -EINVAL;
                ms = ms * 10 + (unsigned)(*c - '0');
                if (ms > PAMOPTIONS_TIMEOUT_MAX_MS)
                        return -EINVAL;
        }
        if (ms == 0)
                return -EINVAL;
        o->timeout_ms = ms;
        return 0;
}

/* A word with a value. */
struct setting {
        const char *name; /* with its '=' */
        int (*set)(struct pamoptions *o, const char *value);
};

static const struct setting settings[] = {
        {"socket=", set_socket},
        {"org=", set_org},
        {"role=", set_role},
        {"timeout=", set_timeout},
};

/* One argument. *seen has a bit for each setting that was given already: of `org=acme org=globex`
   neither may win. */
static int parse_one(struct pamoptions *o, const char *argument, unsigned *seen)
{
        for (size_t i = 0; i < COUNT(settings); i++) {
                size_t len = strlen(settings[i].name);

                if (strncmp(argument, settings[i].name, len) != 0)
                        continue;
                if (*seen & (1u << i))
                        return -EINVAL;
                *seen |= 1u << i;
                return settings[i].set(o, argument + len);
        }
        for (size_t i = 0; i < COUNT(flags); i++) {
                if (strcmp(argument, flags[i].name) == 0) {
                        *(bool *)((char *)o + flags[i].offset) = true;
                        return 0;
                }
        }
        for (size_t i = 0; i < COUNT(of_libpam); i++)
                if (strcmp(argument, of_libpam[i]) == 0)
                        return 0;
        return -EINVAL;
}

int pamoptions_parse(enum phase phase, int argc, const char *const *argv, struct pamoptions *ret,
                     const char **ret_refused)
{
        struct pamoptions o = {
                .socket = ORGTOKEN_VERIFY_SOCKET,
                .timeout_ms = CLIENT_TIMEOUT_DEFAULT_MS,
        };
        unsigned seen = 0;

        for (int i = 0; i < argc; i++) {
                if (parse_one(&o, argv[i], &seen) < 0 || (o.any_ruser && phase == PHASE_SESSION)) {
                        *ret_refused = argv[i];
                        return -EINVAL;
                }
        }
        *ret = o;
        return 0;
}
