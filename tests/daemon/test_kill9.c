/*
 * kill -9 at any moment of a daemon that is making, revoking and rotating tokens: what was
 * acknowledged is there, no revocation is undone, and a rotation is whole or not at all.
 * ORGTOKEN_LONG=1: 10 000 kills; ORGTOKEN_KILLS=N: so many.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/hostkey.h"
#include "daemon/sealed.h"
#include "tests/support/daemon_fixture.h"

#define KILLS        30
#define KILLS_LONG   10000
#define A_GENERATION 50 /* kills of one store, before a new one is begun */
#define TOKENS_MAX   40000
#define PATIENCE_MS  10000
#define LONGEST_MS   200 /* of a daemon's life */

enum state {
        LIVE = 1,
        REVOKED,
        ENDED,  /* rotated out */
        UNSURE, /* the daemon was killed before it could answer: either is right */
};

struct fact {
        char text[TOKEN_TEXT_MAX + 1];
        int64_t id;
        enum state state;
};

struct scene {
        struct daemon_fixture *d;
        struct fact *token;
        size_t tokens;
        /* A rotation in hand: both rows, or none. */
        int64_t old_id, new_id; /* -1: none */
        uint64_t random;
        long kills, acknowledged;
};

static unsigned below(struct scene *s, unsigned limit)
{
        s->random ^= s->random >> 12;
        s->random ^= s->random << 25;
        s->random ^= s->random >> 27;
        return (unsigned)((s->random * UINT64_C(2685821657736338717)) >> 33) % limit;
}

/* ---- asking a daemon that may die in the middle ---- */

/* The answer's magic, or 0 where there came none. */
static uint32_t ask(const struct scene *s, const struct wire_message *m, struct client *c,
                    struct wire_message *reply)
{
        int r = client_connect(c, s->d->manage, PATIENCE_MS);

        if (r == 0)
                r = client_send(c, m);
        if (r == 0)
                r = client_receive(c, reply);
        /* A daemon that is there and does not answer is another defect. */
        assert_int_not_equal(r, -ETIMEDOUT);
        return r == 0 ? reply->magic : 0;
}

/* Takes the new token of an answer, and acknowledges it: DONE, or 0. */
static uint32_t take_new(struct scene *s, struct client *c, const struct wire_message *reply,
                         struct fact **ret)
{
        struct fact *t = &s->token[s->tokens];
        struct wire_message ack, answer;
        struct token parsed;

        assert_true(s->tokens + 1 < TOKENS_MAX);
        assert_true(view_copy(wire_text(reply, WIRE_F_TOKEN), t->text, sizeof(t->text)));
        assert_int_equal(token_parse(view_of(t->text), &parsed), 0);
        t->id = parsed.id;
        t->state = UNSURE;
        s->tokens++;
        *ret = t;
        daemon_fixture_request(&ack, WIRE_V_ACK);
        wire_put_number(&ack, WIRE_F_ACCEPTED, true);
        if (client_send(c, &ack) < 0 || client_receive(c, &answer) < 0)
                return 0;
        return answer.magic;
}

static bool create(struct scene *s)
{
        struct client c = CLIENT_INIT;
        struct wire_message m, reply;
        struct fact *t;
        uint32_t magic;

        daemon_fixture_request(&m, WIRE_V_KEY_CREATE);
        wire_put_text(&m, WIRE_F_ORG, VIEW("acme"));
        wire_put_text(&m, WIRE_F_NAME, VIEW("killed"));
        magic = ask(s, &m, &c, &reply);
        if (magic == WIRE_NEW_TOKEN)
                magic = take_new(s, &c, &reply, &t);
        client_close(&c);
        if (magic == 0)
                return false;
        assert_int_equal(magic, WIRE_DONE);
        t->state = LIVE;
        s->acknowledged++;
        return true;
}

static struct fact *pick(struct scene *s)
{
        for (unsigned i = 0; s->tokens > 0 && i < 20; i++) {
                struct fact *t = &s->token[below(s, (unsigned)s->tokens)];

                if (t->state == LIVE)
                        return t;
        }
        return NULL;
}

static void put_key_id(struct wire_message *m, const struct fact *t,
                       char buffer[static TOKEN_KEY_ID_SIZE])
{
        token_key_id(TOKEN_AK, t->id, TOKEN_ID_LEN, buffer);
        wire_put_text(m, WIRE_F_KEY_ID, view_of(buffer));
}

static bool revoke_one(struct scene *s, struct fact *t)
{
        struct client c = CLIENT_INIT;
        struct wire_message m, reply;
        char key_id[TOKEN_KEY_ID_SIZE];
        uint32_t magic;

        daemon_fixture_request(&m, WIRE_V_KEY_REVOKE);
        put_key_id(&m, t, key_id);
        t->state = UNSURE;
        magic = ask(s, &m, &c, &reply);
        client_close(&c);
        if (magic == 0)
                return false;
        assert_int_equal(magic, WIRE_DONE);
        t->state = REVOKED;
        s->acknowledged++;
        return true;
}

static bool rotate(struct scene *s, struct fact *old)
{
        struct client c = CLIENT_INIT;
        struct wire_message m, reply;
        char key_id[TOKEN_KEY_ID_SIZE];
        struct fact *t;
        uint32_t magic;

        daemon_fixture_request(&m, WIRE_V_ROTATE);
        put_key_id(&m, old, key_id);
        magic = ask(s, &m, &c, &reply);
        if (magic == WIRE_NEW_TOKEN) {
                old->state = UNSURE;
                magic = take_new(s, &c, &reply, &t);
                s->old_id = old->id;
                s->new_id = t->id;
        }
        client_close(&c);
        if (magic == 0)
                return false;
        assert_int_equal(magic, WIRE_DONE);
        old->state = ENDED;
        t->state = LIVE;
        s->old_id = s->new_id = -1;
        s->acknowledged++;
        return true;
}

/* False: the daemon is gone. */
static bool take_step(struct scene *s)
{
        unsigned what = below(s, 10);
        struct fact *t = pick(s);

        if (!t || what < 5)
                return create(s);
        return what < 8 ? revoke_one(s, t) : rotate(s, t);
}

/* ---- the daemon's end ---- */

static void sleep_ms(unsigned ms)
{
        struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

        (void)nanosleep(&t, NULL);
}

/* A child that kills it. Not reaped before by us, it keeps its number until then. */
static pid_t start_killer(const struct scene *s, unsigned ms)
{
        pid_t killer = fork();

        assert_true(killer >= 0);
        if (killer > 0)
                return killer;
        sleep_ms(ms);
        (void)kill(s->d->pid, SIGKILL);
        _exit(0);
}

static void live_until_killed(struct scene *s)
{
        pid_t killer;
        int status;

        daemon_fixture_start(s->d);
        killer = start_killer(s, 1 + below(s, LONGEST_MS));
        while (take_step(s))
                continue;
        assert_int_equal(waitpid(killer, &status, 0), killer);
        assert_int_equal(waitpid(s->d->pid, &status, 0), s->d->pid);
        s->d->pid = -1;
        /* By that, and by nothing else. */
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGKILL);
        s->kills++;
}

/* ---- what it left ---- */

static void assert_fact(const struct sealed *r, const struct fact *t)
{
        enum sealed_token_state state;
        struct record_token token;
        struct token parsed;

        if (t->state == UNSURE)
                return;
        assert_int_equal(token_parse(view_of(t->text), &parsed), 0);
        assert_int_equal(store_find_token(r->reader, t->id, &token), 0);
        assert_int_equal(sealed_judge_token(r, &token, parsed.secret, &state), 0);
        assert_int_equal(state, t->state == LIVE ? SEALED_LIVE : SEALED_REVOKED);
        assert_true((token.ends_at != EXPIRY_NEVER) == (t->state == ENDED));
}

struct undelivered {
        int64_t id;
        bool found;
};

static int find_id(void *context, int64_t id)
{
        struct undelivered *u = context;

        u->found = u->found || u->id == id;
        return 0;
}

/* The end of the old one and the delivery of the new one are one change. */
static void assert_rotation(const struct scene *s, struct store_reader *r)
{
        struct undelivered u = {.id = s->new_id};
        struct record_token old, new;
        bool delivered;

        if (s->new_id < 0)
                return;
        assert_int_equal(store_find_token(r, s->old_id, &old), 0);
        assert_int_equal(store_list_undelivered(r, find_id, &u), 0);
        delivered = store_find_token(r, s->new_id, &new) == 0 && !u.found && new.revoked_at == 0;
        assert_true(delivered == (old.ends_at != EXPIRY_NEVER));
}

static void assert_all(struct scene *s)
{
        struct sealed r = {.writer = NULL};
        struct keyhash *key = NULL;
        struct store_reader *reader = NULL;
        const char *why = "";

        assert_int_equal(hostkey_load(s->d->state, NULL, 1, &key, &why), 0);
        assert_int_equal(store_reader_open(s->d->state, &reader), 0);
        assert_int_equal(store_check(reader), 0);
        r.reader = reader;
        r.key = key;
        r.fingerprint = keyhash_fingerprint(key);
        for (size_t i = 0; i < s->tokens; i++)
                assert_fact(&r, &s->token[i]);
        assert_rotation(s, reader);
        s->old_id = s->new_id = -1;
        (void)store_reader_close(reader);
        (void)keyhash_free(key);
}

/* And so the daemon says, whose own start has recovered it. */
static void assert_answers(struct scene *s)
{
        daemon_fixture_start(s->d);
        for (size_t i = 0; i < s->tokens; i += s->tokens / 200 + 1) {
                const struct fact *t = &s->token[i];

                if (t->state != UNSURE)
                        assert_int_equal(daemon_fixture_verify(s->d, t->text),
                                         t->state == LIVE ? WIRE_ALLOW : WIRE_VERDICT);
        }
        assert_int_equal(daemon_fixture_stop(s->d, SIGTERM), 0);
}

static void begin_generation(struct scene *s)
{
        daemon_fixture_free(s->d);
        s->d = daemon_fixture_new();
        s->tokens = 0;
        s->old_id = s->new_id = -1;
        daemon_fixture_start(s->d);
        daemon_fixture_make_org(s->d, "acme");
        (void)daemon_fixture_stop(s->d, SIGKILL);
}

static long wanted(void)
{
        const char *kills = getenv("ORGTOKEN_KILLS");

        if (kills)
                return strtol(kills, NULL, 10);
        return getenv("ORGTOKEN_LONG") ? KILLS_LONG : KILLS;
}

static void test_killed(void **state)
{
        struct scene s = {.random = UINT64_C(88172645463325252) ^ (uint64_t)getpid()};
        long kills = wanted();

        (void)state;
        assert_int_equal(keyhash_init(), 0);
        s.token = calloc(TOKENS_MAX, sizeof(*s.token));
        assert_non_null(s.token);
        while (s.kills < kills) {
                begin_generation(&s);
                for (int i = 0; i < A_GENERATION && s.kills < kills; i++) {
                        live_until_killed(&s);
                        assert_all(&s);
                }
                assert_answers(&s);
        }
        print_message("# %ld kills, %ld acknowledged changes\n", s.kills, s.acknowledged);
        assert_true(s.acknowledged > kills);
        daemon_fixture_free(s.d);
        free(s.token);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_killed),
        };

        daemon_fixture_drop_root();
        return cmocka_run_group_tests_name("kill9", tests, NULL, NULL);
}
