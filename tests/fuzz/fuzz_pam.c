/*
 * The module's three phases with whatever a host, a daemon and a failing libc can do to them. The
 * input is the arguments, what PAM says, then choices: for each call whether it fails and how, and
 * for each request what is answered, from honest to made of the input. A success always has an
 * ALLOW to this very request, an authentication never answers PAM_IGNORE, nothing is left behind.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/token.h"
#include "common/verdict.h"
#include "tests/support/fake_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct choices {
        const uint8_t *next;
        size_t left;
} choices;

static void require(bool holds)
{
        if (!holds)
                abort();
}

static unsigned take(void)
{
        if (choices.left == 0)
                return 0;
        choices.left--;
        return *choices.next++;
}

/* One call in eight fails, while there is input. */
static unsigned choose(struct fake_host *h, enum fake_call call)
{
        unsigned c = take();

        (void)h;
        (void)call;
        return c >= 0xe0 ? 1 + c % 4 : 0;
}

/* A packet made of the input, behind the right header where the choice says so. */
static size_t make_packet(const uint8_t *request, uint8_t packet[static WIRE_PACKET_MAX + 1])
{
        static const uint32_t magics[] = {WIRE_ALLOW,   WIRE_VERDICT,     WIRE_DONE,
                                          WIRE_REFUSED, WIRE_UNAVAILABLE, WIRE_END};
        unsigned magic = take();
        size_t len = take() * (size_t)17;

        memcpy(packet, request, WIRE_HEADER_LEN);
        if (magic < 0xf0)
                memcpy(packet, &magics[magic % 6], 4);
        packet[6] = (uint8_t)take();
        packet[7] = 0;
        if (len > choices.left)
                len = choices.left;
        if (len > WIRE_PACKET_MAX + 1 - WIRE_HEADER_LEN)
                len = WIRE_PACKET_MAX + 1 - WIRE_HEADER_LEN;
        if (len > 0)
                memcpy(packet + WIRE_HEADER_LEN, choices.next, len);
        choices.next += len;
        choices.left -= len;
        return WIRE_HEADER_LEN + len;
}

static size_t reply(struct fake_host *h, const uint8_t *request, size_t len,
                    uint8_t packet[static WIRE_PACKET_MAX + 1])
{
        unsigned c = take(), at;

        (void)h;
        switch (c % 8) {
        case 0: return fake_host_answer(request, len, VERDICT_ALLOW, packet);
        case 1: return fake_host_answer(request, len, VERDICT_ORG_REQUIRED, packet);
        case 2: return fake_host_answer(request, len, 2 + c / 8 % 9, packet);
        case 3: return 0;
        case 4: return make_packet(request, packet);
        case 5: memcpy(packet, request, len); return len;
        default:
                /* An honest yes, with one byte changed, or cut. */
                len = fake_host_answer(request, len, VERDICT_ALLOW, packet);
                at = take();
                if (c % 8 == 6)
                        packet[at % len] ^= (uint8_t)(1U << take() % 8);
                return c % 8 == 6 ? len : 1 + at % len;
        }
}

/* Up to n words of a list. */
static void pick_arguments(const char *const *words, size_t count, const char **ret, size_t n)
{
        size_t used = 0;

        for (unsigned c = take() % (unsigned)(n + 1); c > 0; c--)
                ret[used++] = words[take() % count];
        ret[used] = NULL;
}

static const char *pick(const char *const *words, size_t count)
{
        return words[take() % count];
}

#define PICK(...)                                                                                  \
        pick((const char *const[]){__VA_ARGS__},                                                   \
             sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void type_password(struct fake_host *h)
{
        unsigned c = take(), id = take();
        static const char *const suffixes[] = {"", "", "@acme", "@", "@acme-corp", "x"};

        h->has_authtok = true;
        if (c % 4 == 0) {
                size_t len = take() % (sizeof(h->authtok) - 1);

                if (len > choices.left)
                        len = choices.left;
                if (len > 0)
                        memcpy(h->authtok, choices.next, len);
                choices.next += len;
                choices.left -= len;
                return;
        }
        token_format(c % 4 == 1 ? TOKEN_AK : TOKEN_PAT, (int64_t)id,
                     "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg", h->authtok);
        (void)strcat(h->authtok, suffixes[take() % 6]);
        if (c >= 0xe0)
                h->authtok[c % strlen(h->authtok)] ^= 1;
}

static bool holds_one(const char *const *arguments, const char *word)
{
        for (; *arguments; arguments++)
                if (strcmp(*arguments, word) == 0)
                        return true;
        return false;
}

static void check_account(const struct fake_host *h, bool had_memo, const char *const *arguments,
                          int code)
{
        require(code != PAM_SUCCESS || (had_memo && h->allowed));
        require(code != PAM_IGNORE || (!had_memo && !holds_one(arguments, "require_token")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const words[] = {
                "org=acme",      "org=globex", "role=admin",  "role=member", "prompt_org",
                "bound_only",    "token_only", "any_ruser",   "quiet",       "debug",
                "require_token", "timeout=1",  "timeout=500", "socket=/x",   "use_first_pass"};
        const char *arguments[5];
        struct fake_host h = {.choose = choose, .reply = reply};
        bool allowed;
        int code;

        choices = (struct choices){data, size};
        pick_arguments(words, sizeof(words) / sizeof(words[0]), arguments, 4);
        h.user = PICK("acme-deploy", "alice", "root", "", "a\nb", NULL);
        h.ruser = PICK(NULL, "alice", "root", "acme-deploy", "", "\x1b");
        h.service = PICK("sudo", "sshd", "", "su-l", NULL);
        h.tty = PICK("ssh", "pts/0", NULL, "\x7f");
        h.rhost = PICK(NULL, "192.0.2.7", "host.example", "", "fe80::1%eth0");
        h.org = PICK("acme", "", "acme-deploy", NULL, "pat_0000000000.", "a\nb");
        type_password(&h);
        require(size == 0 || (h.env[0] = strdup("SSH_CONNECTION=192.0.2.9 1 2 3")) != NULL);

        code = fake_host_enter(&h, FAKE_AUTHENTICATE, arguments);
        require(code != PAM_IGNORE);
        require(code != PAM_SUCCESS || (h.allowed && fake_host_memo(&h)));
        require(code == PAM_SUCCESS || !fake_host_memo(&h));
        require(h.descriptors == 0);
        /* What is no token never leaves. */
        require(h.requests == 0 || !h.has_authtok || token_is_shaped(view_of(h.authtok)));

        allowed = fake_host_memo(&h) != NULL;
        require(fake_host_enter(&h, FAKE_SETCRED, arguments) == PAM_SUCCESS);
        code = fake_host_enter(&h, FAKE_ACCT_MGMT, arguments);
        check_account(&h, allowed, arguments, code);
        require(h.descriptors == 0);

        code = fake_host_enter(&h, FAKE_OPEN_SESSION, arguments);
        require(code != PAM_SUCCESS || h.allowed);
        require(h.descriptors == 0);
        fake_host_end(&h);
        return 0;
}
