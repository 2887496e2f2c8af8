/*
 * Sessions: which request is one, whose token it names, what has taken away what it stands on, and
 * the question to whoever may end it, with every answer that may come back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/token.h"
#include "daemon/session.h"
#include "tests/support/files.h"
#include "tests/support/store_fixture.h"

#define LATER (FIXTURE_NOW + 1000)

struct scene {
        struct store_fixture *f;
        int64_t acme, globex, alice, key, pat;
        char key_id[TOKEN_KEY_ID_SIZE];
        struct wire_message request;
};

static void key_id_of(enum token_kind kind, int64_t id, char ret[static TOKEN_KEY_ID_SIZE])
{
        token_key_id(kind, id, TOKEN_KEY_ID_MIN, ret);
}

static int setup(void **state)
{
        struct scene *s = calloc(1, sizeof(*s));
        char text[TOKEN_TEXT_MAX + 1];

        assert_non_null(s);
        s->f = fixture_new();
        s->acme = fixture_org(s->f, "acme");
        s->globex = fixture_org(s->f, "globex");
        s->alice = fixture_user(s->f, "alice", 1000);
        fixture_member(s->f, s->acme, s->alice, ROLE_MEMBER);
        fixture_account(s->f, "acme-deploy", s->acme, ROLE_NONE, NULL);
        s->key = fixture_token(s->f, TOKEN_AK, s->acme, NULL, text);
        s->pat = fixture_token(s->f, TOKEN_PAT, s->alice,
                               &(struct fixture_token_options){.expires_at = FIXTURE_NOW + 100},
                               text);
        key_id_of(TOKEN_AK, s->key, s->key_id);
        *state = s;
        return 0;
}

static int teardown(void **state)
{
        struct scene *s = *state;

        s->f = fixture_free(s->f);
        free(s);
        return 0;
}

/* ---- which request is one ---- */

struct asked {
        const char *id, *account, *service, *key_id, *org;
        int64_t leader;
};

static int from(struct scene *s, const struct asked *a, struct record_session *ret)
{
        static const uint8_t nonce[WIRE_NONCE_LEN] = "0123456789abcde";

        wire_init(&s->request, WIRE_REQUEST, WIRE_V_SESSION, nonce);
        wire_put_text(&s->request, WIRE_F_SESSION, view_of(a->id));
        wire_put_text(&s->request, WIRE_F_ACCOUNT, view_of(a->account));
        wire_put_text(&s->request, WIRE_F_SERVICE, view_of(a->service));
        wire_put_text(&s->request, WIRE_F_KEY_ID, view_of(a->key_id));
        wire_put_text(&s->request, WIRE_F_ORG, view_of(a->org));
        return session_from_request(&s->f->sealed, &s->request, a->leader, LATER, ret);
}

static struct asked good(const struct scene *s)
{
        return (struct asked){"c2", "acme-deploy", "sshd", s->key_id, "acme", 42};
}

static void test_from_request(void **state)
{
        struct scene *s = *state;
        struct asked a = good(s);
        struct record_session session;

        a.id = "aZ09";
        assert_int_equal(from(s, &a, &session), 0);
        assert_string_equal(session.id, "aZ09");
        assert_string_equal(session.account, "acme-deploy");
        assert_string_equal(session.service, "sshd");
        assert_int_equal(session.token_id, s->key);
        assert_int_equal(session.org_id, s->acme);
        assert_int_equal(session.leader, 42);
        assert_int_equal(session.opened_at, LATER);
}

static void test_no_request(void **state)
{
        static const char *const ids[] = {"",    "c 2", "../c2", "c/2",       "c:2", "c@2",
                                          "c[2", "c`2", "c{2",   "c\xc3\xa4", "-"};
        struct scene *s = *state;
        struct record_session session;
        struct asked a;
        char longest[RECORD_SESSION_ID_MAX + 2], service[1200];

        for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
                a = good(s);
                a.id = ids[i];
                assert_int_equal(from(s, &a, &session), -EPROTO);
        }
        memset(longest, 'a', sizeof(longest));
        longest[RECORD_SESSION_ID_MAX + 1] = '\0';
        a = good(s);
        a.id = longest;
        assert_int_equal(from(s, &a, &session), -EPROTO);
        longest[RECORD_SESSION_ID_MAX] = '\0';
        assert_int_equal(from(s, &a, &session), 0);
        a = good(s);
        a.leader = 0;
        assert_int_equal(from(s, &a, &session), -EPROTO);
        a = good(s);
        a.account = "no such name!";
        assert_int_equal(from(s, &a, &session), -EPROTO);
        a = good(s);
        a.service = "";
        assert_int_equal(from(s, &a, &session), -EPROTO);
        memset(service, 's', sizeof(service));
        service[sizeof(service) - 1] = '\0';
        a.service = service;
        assert_int_equal(from(s, &a, &session), -EPROTO);
        a = good(s);
        a.key_id = "no key id";
        assert_int_equal(from(s, &a, &session), -EPROTO);
        a = good(s);
        a.org = "initech";
        assert_int_equal(from(s, &a, &session), -ENOENT);
}

/* A key id is shorter than an id: what means two tokens means none, and so does what means none. */
static void test_whose_token(void **state)
{
        struct scene *s = *state;
        struct asked a = good(s);
        struct record_session session;
        char text[TOKEN_TEXT_MAX + 1], other[TOKEN_KEY_ID_SIZE];
        enum token_kind kind;
        int64_t first, last;

        assert_int_equal(token_parse_key_id(view_of(s->key_id), &kind, &first, &last), 0);
        assert_true(first < last);
        (void)fixture_token(
                s->f, TOKEN_AK, s->acme,
                &(struct fixture_token_options){.id = s->key == last ? first : s->key + 1}, text);
        assert_int_equal(from(s, &a, &session), -ENOENT);
        key_id_of(TOKEN_AK, s->key ^ (INT64_C(1) << 50), other);
        a.key_id = other;
        assert_int_equal(from(s, &a, &session), -ENOENT);
}

/* ---- what it stands on ---- */

static bool is_over(const struct scene *s, int64_t token, const char *account)
{
        struct record_session session = {.token_id = token,
                                         .org_id = s->acme,
                                         .opened_at = FIXTURE_NOW + 1,
                                         .service = "sshd"};
        bool over = false;

        (void)view_copy(view_of(account), session.account, sizeof(session.account));
        assert_int_equal(session_is_over(&s->f->sealed, &session, &over), 0);
        return over;
}

static void test_taken_away(void **state)
{
        struct scene *s = *state;
        struct record_org org;
        int64_t revision;

        assert_false(is_over(s, s->key, "acme-deploy"));
        assert_false(is_over(s, s->pat, "alice"));
        assert_true(is_over(s, s->pat, "bob"));
        assert_true(is_over(s, s->key, "another"));
        fixture_revoke(s->f, s->pat, LATER, "stolen");
        assert_true(is_over(s, s->pat, "alice"));
        /* Its successor goes on. */
        fixture_revoke(s->f, s->key, LATER, "rotated");
        assert_false(is_over(s, s->key, "acme-deploy"));
        assert_int_equal(store_write_begin(s->f->writer), 0);
        assert_int_equal(sealed_find_org(&s->f->managed, s->acme, &org), 0);
        org.deleted_at = LATER;
        assert_int_equal(sealed_put_org(&s->f->managed, &org), 0);
        assert_int_equal(store_write_commit(s->f->writer, &revision), 0);
        assert_true(is_over(s, s->key, "acme-deploy"));
}

/* What cannot be read is not taken for taken away: nobody's session is ended for it. */
static void test_not_known(void **state)
{
        struct scene *s = *state;
        struct record_session session = {.id = "c2",
                                         .token_id = s->key,
                                         .org_id = 4711,
                                         .account = "acme-deploy",
                                         .service = "sshd",
                                         .opened_at = FIXTURE_NOW + 1};
        bool over = false;

        assert_int_equal(session_is_over(&s->f->sealed, &session, &over), -ENOENT);
        session.org_id = s->acme;
        fixture_tamper(s->f, "UPDATE token SET created_at = -1");
        assert_int_equal(session_is_over(&s->f->sealed, &session, &over), -EUCLEAN);
        assert_false(over);
}

/* ---- who may end it ---- */

struct reply {
        uint32_t magic;
        const char *word; /* NULL: none */
};

/* Answers one request so, and says by its exit whether it was the one that is due. */
static pid_t answer_once(int listener, enum wire_verb verb, const struct reply *r)
{
        unsigned char packet[WIRE_PACKET_MAX];
        struct wire_message request, reply;
        pid_t pid = fork();
        int fd, good = 0;
        size_t len;
        ssize_t n;

        assert_true(pid >= 0);
        if (pid > 0)
                return pid;
        fd = accept(listener, NULL, NULL);
        n = fd >= 0 ? recv(fd, packet, sizeof(packet), 0) : -1;
        if (n > 0 && wire_decode(packet, (size_t)n, &request) == 0)
                good = request.verb == verb &&
                       view_equal_str(wire_text(&request, WIRE_F_SESSION), "c2") &&
                       view_equal_str(wire_text(&request, WIRE_F_ACCOUNT), "alice") &&
                       wire_number(&request, WIRE_F_CREATED_AT, 0) == LATER &&
                       wire_number(&request, WIRE_F_LEADER, 0) == 42;
        wire_init(&reply, r->magic, request.verb, request.nonce);
        if (r->word)
                wire_put_text(&reply, WIRE_F_REASON, view_of(r->word));
        if (r->magic == WIRE_REFUSED)
                wire_put_text(&reply, WIRE_F_MESSAGE, VIEW("no"));
        if (wire_encode(&reply, packet, sizeof(packet), &len) == 0)
                (void)send(fd, packet, len, MSG_NOSIGNAL);
        _exit(good ? 0 : 1);
}

static int ask(bool end, const struct reply *r, enum session_fate *ret)
{
        const struct record_session session = {
                .id = "c2", .account = "alice", .leader = 42, .opened_at = LATER};
        char dir[] = "/tmp/orgtoken-test-XXXXXX";
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), e, status;
        pid_t pid;

        assert_non_null(mkdtemp(dir));
        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/" SESSION_SOCKET, dir);
        assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(listener, 1), 0);
        pid = answer_once(listener, end ? WIRE_V_SESSION_END : WIRE_V_SESSION_STATE, r);
        e = session_ask(address.sun_path, &session, end, ret);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        (void)close(listener);
        (void)unlink(address.sun_path);
        (void)rmdir(dir);
        return e;
}

static void test_fates(void **state)
{
        static const enum session_fate fates[] = {SESSION_ENDED, SESSION_OPEN, SESSION_GONE,
                                                  SESSION_OTHER};
        enum session_fate fate;

        (void)state;
        for (size_t i = 0; i < sizeof(fates) / sizeof(fates[0]); i++) {
                const struct reply r = {WIRE_DONE, session_fate_to_string(fates[i])};

                fate = 0;
                assert_int_equal(ask(i % 2, &r, &fate), 0);
                assert_int_equal(fate, fates[i]);
        }
        assert_string_equal(session_fate_to_string(0), "invalid");
        assert_string_equal(session_fate_to_string(SESSION_OTHER + 1), "invalid");
}

/* Nothing that does not say "ended" in so many words is an end. */
static void test_no_fate(void **state)
{
        static const struct {
                struct reply reply;
                int error;
        } cases[] = {
                {{WIRE_UNAVAILABLE, NULL}, -EBUSY},
                {{WIRE_DONE, "end"}, -EBADMSG},
                {{WIRE_DONE, NULL}, -EBADMSG},
                {{WIRE_REFUSED, "ended"}, -EBADMSG},
        };
        const struct record_session session = {.id = "c2", .account = "alice"};
        enum session_fate fate = 0;

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_int_equal(ask(true, &cases[i].reply, &fate), cases[i].error);
                assert_int_equal(fate, 0);
        }
        assert_int_equal(session_ask("/nowhere/session.sock", &session, true, &fate), -ENOENT);
        assert_int_equal(fate, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_from_request),        TEST(test_no_request), TEST(test_whose_token),
                TEST(test_taken_away),          TEST(test_not_known),  cmocka_unit_test(test_fates),
                cmocka_unit_test(test_no_fate),
        };

        fixture_in_memory();
        return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
