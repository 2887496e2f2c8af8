#include "askpass/keyring.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The rights of keys(7): a byte each for the possessor, the owner, the group and the others. */
#define RIGHTS_OF_OTHERS 0x3f3fu
#define RIGHT_TO_VIEW    0x0101u

static long keyctl(int operation, unsigned long a, unsigned long b, unsigned long c,
                   unsigned long d)
{
        long r = syscall(SYS_keyctl, operation, a, b, c, d);

        return r < 0 ? -errno : r;
}

/* The session's keyring, and what it links, comes first: it is the one of this login. */
static long find_key(const char *name)
{
        static const int keyrings[] = {KEY_SPEC_PROCESS_KEYRING, KEY_SPEC_SESSION_KEYRING,
                                       KEY_SPEC_USER_KEYRING};
        long r = -ENOKEY;

        for (size_t i = 0; i < sizeof(keyrings) / sizeof(keyrings[0]) && r < 0; i++) {
                long found = keyctl(KEYCTL_SEARCH, (unsigned long)keyrings[i],
                                    (unsigned long)"user", (unsigned long)name, 0);

                /* One that has expired says more than one that is not there. */
                if (found >= 0 || found == -EKEYEXPIRED || found == -EKEYREVOKED || r == -ENOKEY)
                        r = found;
        }
        return r;
}

/* "user;UID;GID;RIGHTS;NAME" */
static int check_rights(long key, const char *name, struct complaint *why)
{
        char text[4096];
        unsigned uid = 0, gid = 0, rights = 0;
        long n = keyctl(KEYCTL_DESCRIBE, (unsigned long)key, (unsigned long)text, sizeof(text), 0);

        if (n < 0)
                return complain(why, (int)n, "the key %s: %s", name, strerror((int)-n));
        if (n > (long)sizeof(text) || sscanf(text, "user;%u;%u;%x;", &uid, &gid, &rights) != 3)
                return complain(why, -EACCES, "the key %s is no key of type user", name);
        if (uid != geteuid())
                return complain(why, -EACCES, "the key %s belongs to uid %u, not to you: refused",
                                name, uid);
        if (rights & RIGHTS_OF_OTHERS & ~RIGHT_TO_VIEW)
                return complain(why, -EACCES,
                                "others can use the key %s (rights %08x): refused; keyctl setperm "
                                "%ld 0x3f010000, and revoke the token if somebody may have read it",
                                name, rights, key);
        return 0;
}

int keyring_read(const char *name, size_t max, struct secret_buffer *ret, struct complaint *why)
{
        long key = find_key(name), n;
        int r;

        if (key < 0)
                return complain(why, (int)key, "the key %s is in none of your keyrings: %s", name,
                                strerror((int)-key));
        r = check_rights(key, name, why);
        if (r < 0)
                return r;
        n = keyctl(KEYCTL_READ, (unsigned long)key, (unsigned long)ret->bytes, max, 0);
        if (n < 0)
                return complain(why, (int)n, "the key %s: %s", name, strerror((int)-n));
        /* The kernel says how long it is, and gives nothing of what does not fit. */
        if ((size_t)n > max)
                return complain(why, -EBADMSG, "the key %s holds more than a token", name);
        ret->len = (size_t)n;
        return 0;
}
