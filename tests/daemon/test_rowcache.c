/* The cache by itself, and the numbers of the store's states, and that what is kept for one is used
   in that one and in no other. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/resolve.h"
#include "daemon/rowcache.h"
#include "tests/support/store_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct rowcache_value value_of(void *bytes, size_t len)
{
        return (struct rowcache_value){.head = bytes, .head_len = len};
}

static bool holds(struct rowcache *c, int64_t state, const struct rowcache_key *key, int64_t number)
{
        int64_t found = 0;
        struct rowcache_value value = value_of(&found, sizeof(found));

        return rowcache_find(c, state, key, &value) && found == number;
}

static void keep(struct rowcache *c, int64_t state, const struct rowcache_key *key, int64_t number)
{
        struct rowcache_value value = value_of(&number, sizeof(number));

        rowcache_keep(c, state, key, &value);
}

static void test_keys(void **state)
{
        const struct rowcache_key key = {.kind = ROWCACHE_MEMBER,
                                         .first = 1,
                                         .second = 2,
                                         .name = VIEW("ab"),
                                         .other = VIEW("c")};
        struct rowcache_key others[] = {key, key, key, key, key, key, key, key};
        struct rowcache *c;

        (void)state;
        others[0].kind = ROWCACHE_USER;
        others[1].first = 2;
        others[2].second = 1;
        others[3].name = VIEW("ac");
        others[4].name = VIEW("a");
        others[5].other = VIEW_ABSENT;
        /* The same characters, divided elsewhere. */
        others[6].name = VIEW("a");
        others[6].other = VIEW("bc");
        others[7].name = VIEW("abc");
        others[7].other = VIEW_ABSENT;
        assert_int_equal(rowcache_new(&c), 0);
        assert_false(holds(c, 5, &key, 0));
        keep(c, 5, &key, 42);
        assert_true(holds(c, 5, &key, 42));
        assert_false(holds(c, 4, &key, 42));
        assert_false(holds(c, 6, &key, 42));
        for (size_t i = 0; i < COUNT(others); i++) {
                assert_false(holds(c, 5, &others[i], 42));
                keep(c, 5, &others[i], 100 + (int64_t)i);
                assert_true(holds(c, 5, &others[i], 100 + (int64_t)i));
        }
        /* Whatever shares its slot: what is found is its own, or nothing. */
        keep(c, 6, &key, 43);
        assert_false(holds(c, 5, &key, 42));
        assert_true(holds(c, 6, &key, 43));
        c = rowcache_free(c);
        assert_null(c);
}

/* Many more than there is room for: no one is ever given another's. */
static void test_full(void **state)
{
        struct rowcache_key key = {.kind = ROWCACHE_ORG};
        unsigned found = 0;
        struct rowcache *c;

        (void)state;
        assert_int_equal(rowcache_new(&c), 0);
        for (int64_t i = 1; i <= 5000; i++) {
                key.first = i;
                keep(c, 1, &key, i * 3);
                assert_true(holds(c, 1, &key, i * 3));
        }
        for (int64_t i = 1; i <= 5000; i++) {
                int64_t number;
                struct rowcache_value value = value_of(&number, sizeof(number));

                key.first = i;
                if (rowcache_find(c, 1, &key, &value)) {
                        assert_int_equal(number, i * 3);
                        found++;
                }
        }
        assert_in_range(found, 600, 1024);
        (void)rowcache_free(c);
}

static void test_bounds(void **state)
{
        static char longest[97];
        struct rowcache_key key = {.kind = ROWCACHE_BINDINGS};
        unsigned char bytes[1000], back[1000], tail[8] = "tail", tail_back[8];
        struct rowcache_value value;
        struct rowcache *c;

        (void)state;
        memset(longest, 'x', sizeof(longest));
        memset(bytes, 7, sizeof(bytes));
        assert_int_equal(rowcache_new(&c), 0);
        /* Of no known state. */
        keep(c, 0, &key, 1);
        assert_false(holds(c, 0, &key, 1));
        /* Names beyond the room for them, one or both together. */
        key.name = view_of_bytes(longest, 96);
        keep(c, 1, &key, 2);
        assert_true(holds(c, 1, &key, 2));
        key.other = VIEW("x");
        keep(c, 1, &key, 3);
        assert_false(holds(c, 1, &key, 3));
        key.name = view_of_bytes(longest, 97);
        key.other = VIEW_ABSENT;
        keep(c, 1, &key, 4);
        assert_false(holds(c, 1, &key, 4));
        /* Values likewise: so much of a token, less of others. */
        key.name = VIEW_ABSENT;
        value = value_of(bytes, 257);
        rowcache_keep(c, 1, &key, &value);
        value = value_of(back, sizeof(back));
        assert_false(rowcache_find(c, 1, &key, &value));
        value = value_of(bytes, 256);
        rowcache_keep(c, 1, &key, &value);
        value = value_of(back, sizeof(back));
        assert_true(rowcache_find(c, 1, &key, &value));
        key.kind = ROWCACHE_TOKEN;
        value = value_of(bytes, 705);
        rowcache_keep(c, 1, &key, &value);
        value = value_of(back, sizeof(back));
        assert_false(rowcache_find(c, 1, &key, &value));
        value = (struct rowcache_value){bytes, 700, tail, 5};
        rowcache_keep(c, 1, &key, &value);
        value = (struct rowcache_value){back, sizeof(back), tail_back, 5};
        assert_false(rowcache_find(c, 1, &key, &value));
        value = (struct rowcache_value){bytes, 696, tail, 8};
        rowcache_keep(c, 1, &key, &value);
        value = (struct rowcache_value){back, sizeof(back), tail_back, 8};
        assert_true(rowcache_find(c, 1, &key, &value));
        assert_memory_equal(back, bytes, 696);
        assert_memory_equal(tail_back, tail, 8);
        /* Into less room than it needs, and with another tail: nothing. */
        value = (struct rowcache_value){back, 695, tail_back, 8};
        assert_false(rowcache_find(c, 1, &key, &value));
        value = (struct rowcache_value){back, sizeof(back), tail_back, 7};
        assert_false(rowcache_find(c, 1, &key, &value));
        value = value_of(back, sizeof(back));
        assert_false(rowcache_find(c, 1, &key, &value));
        (void)rowcache_free(c);
}

/* ---- states of a store ---- */

struct scene {
        struct store_fixture *f;
        struct sealed s;
        int64_t acme;
};

static int setup(void **state)
{
        struct scene *c = calloc(1, sizeof(*c));

        assert_non_null(c);
        c->f = fixture_new();
        c->acme = fixture_org(c->f, "acme");
        c->s = c->f->sealed;
        assert_int_equal(rowcache_new(&c->s.rows), 0);
        *state = c;
        return 0;
}

static int teardown(void **state)
{
        struct scene *c = *state;

        (void)rowcache_free(c->s.rows);
        (void)fixture_free(c->f);
        free(c);
        return 0;
}

static int64_t state_now(struct store_reader *r)
{
        int64_t state;

        assert_int_equal(store_read_begin(r), 0);
        state = store_state(r);
        assert_int_equal(store_state(r), state);
        store_read_end(r);
        assert_int_equal(store_state(r), 0);
        return state;
}

static void test_states(void **state)
{
        const struct scene *c = *state;
        struct store_reader *r = c->f->reader, *other;
        struct record_org org;
        int64_t first = state_now(r), chosen;

        assert_true(first > 0);
        assert_int_equal(state_now(r), first);
        /* Each change is a new one, those of local facts and of strangers too. */
        (void)fixture_org(c->f, "globex");
        assert_true(state_now(r) > first);
        first = state_now(r);
        fixture_tamper(c->f, "UPDATE org SET suspended = 1");
        assert_true(state_now(r) > first);
        first = state_now(r);
        assert_int_equal(store_local_begin(c->f->writer), 0);
        assert_int_equal(store_put_notified(c->f->writer, 5), 0);
        assert_int_equal(store_local_commit(c->f->writer), 0);
        assert_true(state_now(r) > first);
        /* It is that of what is read: a change after it was chosen is not in it, and one before
           is. */
        assert_int_equal(store_read_begin(r), 0);
        chosen = store_state(r);
        fixture_tamper(c->f, "UPDATE org SET suspended = 0");
        assert_int_equal(store_state(r), chosen);
        assert_int_equal(store_find_org(r, c->acme, &org), 0);
        assert_true(org.suspended);
        store_read_end(r);
        assert_int_equal(store_read_begin(r), 0);
        fixture_tamper(c->f, "UPDATE org SET suspended = 1");
        assert_int_equal(store_find_org(r, c->acme, &org), 0);
        assert_true(org.suspended);
        assert_true(store_state(r) > chosen);
        store_read_end(r);
        /* Another reader of the same store has numbers of its own. */
        assert_int_equal(store_reader_open(c->f->dir, &other), 0);
        assert_true(state_now(other) > state_now(r));
        (void)store_reader_close(other);
        /* A writer changes what it reads. */
        assert_int_equal(state_now(store_writer_reader(c->f->writer)), 0);
}

/* What was kept is given, which shows by a row that the store never had, and only there. */
static void test_kept(void **state)
{
        const struct scene *c = *state;
        const struct rowcache_key key = {.kind = ROWCACHE_ORG, .first = c->acme};
        struct record_org org, false_one;

        assert_int_equal(store_read_begin(c->s.reader), 0);
        assert_int_equal(sealed_find_org(&c->s, c->acme, &false_one), 0);
        assert_string_equal(false_one.name, "acme");
        memcpy(false_one.name, "kept", 5);
        sealed_keep(&c->s, &key, &false_one, sizeof(false_one));
        assert_int_equal(sealed_find_org(&c->s, c->acme, &org), 0);
        assert_string_equal(org.name, "kept");
        store_read_end(c->s.reader);
        assert_int_equal(store_read_begin(c->s.reader), 0);
        assert_int_equal(sealed_find_org(&c->s, c->acme, &org), 0);
        assert_string_equal(org.name, "kept");
        store_read_end(c->s.reader);
        /* Outside a read transaction, and after any change, it is looked up. */
        assert_int_equal(sealed_find_org(&c->s, c->acme, &org), 0);
        assert_string_equal(org.name, "acme");
        (void)fixture_org(c->f, "globex");
        assert_int_equal(store_read_begin(c->s.reader), 0);
        assert_int_equal(sealed_find_org(&c->s, c->acme, &org), 0);
        assert_string_equal(org.name, "acme");
        store_read_end(c->s.reader);
}

/* A token that was judged with its secret is judged live without it in the same state, and anew in
   the next; the cache knows a token by its mac, whatever row it is shown. */
static void test_judged(void **state)
{
        const struct scene *c = *state;
        char text[TOKEN_TEXT_MAX + 1];
        enum sealed_token_state judged;
        struct record_token token, edited;
        int64_t id = fixture_token(c->f, TOKEN_AK, c->acme, NULL, text);
        struct token parsed;
        unsigned shown = 0;

        assert_int_equal(token_parse(view_of(text), &parsed), 0);
        assert_int_equal(store_read_begin(c->s.reader), 0);
        assert_int_equal(store_find_token(c->s.reader, id, &token), 0);
        assert_int_equal(sealed_judge_token(&c->s, &token, parsed.secret, &judged), 0);
        assert_int_equal(judged, SEALED_LIVE);
        assert_int_equal(sealed_key_id_length(&c->s, id, &shown), 0);
        assert_int_equal(shown, TOKEN_KEY_ID_MIN);
        store_read_end(c->s.reader);

        assert_int_equal(store_read_begin(c->s.reader), 0);
        memset(&edited, 0, sizeof(edited));
        assert_int_equal(sealed_find_token(&c->s, id, &edited), 0);
        assert_int_equal(edited.created_at, token.created_at);
        assert_int_equal(edited.made, token.made);
        assert_memory_equal(edited.mac, token.mac, sizeof(token.mac));
        assert_int_equal(sealed_judge_stored(&c->s, &edited, &judged), 0);
        assert_int_equal(judged, SEALED_LIVE);
        edited.mac[31] ^= 1;
        assert_int_equal(sealed_judge_stored(&c->s, &edited, &judged), -EBADMSG);
        store_read_end(c->s.reader);

        fixture_tamper(c->f, "UPDATE token SET expires_at = 1900000000");
        assert_int_equal(store_read_begin(c->s.reader), 0);
        assert_int_equal(sealed_find_token(&c->s, id, &edited), 0);
        assert_int_equal(edited.expires_at, 1900000000);
        assert_int_equal(sealed_judge_stored(&c->s, &edited, &judged), -EBADMSG);
        store_read_end(c->s.reader);
}

/* With limits as long as they may be a row is too long to be kept, and found all the same. */
static void test_long_limits(void **state)
{
        const struct scene *c = *state;
        struct fixture_token_options options = {.services = NULL};
        char services[1200] = "", text[TOKEN_TEXT_MAX + 1];
        enum sealed_token_state judged;
        struct record_token token, again;
        struct token parsed;
        int64_t id;

        for (unsigned i = 0; i < WIRE_LIST_MAX; i++) {
                char word[62];

                memset(word, 'a' + (int)i, 60);
                word[60] = ' ';
                word[61] = '\0';
                strcat(services, word);
        }
        options.services = services;
        id = fixture_token(c->f, TOKEN_AK, c->acme, &options, text);
        assert_int_equal(token_parse(view_of(text), &parsed), 0);
        assert_int_equal(store_read_begin(c->s.reader), 0);
        assert_int_equal(store_find_token(c->s.reader, id, &token), 0);
        assert_true(token.limits.len > 900);
        assert_int_equal(sealed_judge_token(&c->s, &token, parsed.secret, &judged), 0);
        assert_int_equal(judged, SEALED_LIVE);
        assert_int_equal(sealed_find_token(&c->s, id, &again), 0);
        assert_int_equal(again.limits.len, token.limits.len);
        assert_memory_equal(again.limits.bytes, token.limits.bytes, token.limits.len);
        assert_int_equal(sealed_judge_stored(&c->s, &again, &judged), 0);
        assert_int_equal(judged, SEALED_LIVE);
        store_read_end(c->s.reader);
}

/* Bindings are kept for an account and a service, and that an account is free. */
static void test_bindings(void **state)
{
        const struct scene *c = *state;
        const struct rowcache_key key = {
                .kind = ROWCACHE_BINDINGS, .name = VIEW("deploy"), .other = VIEW("sshd")};
        struct resolve_bindings found;
        struct record_account account;
        struct record_guarded guarded;

        fixture_account(c->f, "deploy", c->acme, ROLE_NONE, "sshd");
        for (int i = 0; i < 2; i++) {
                assert_int_equal(store_read_begin(c->s.reader), 0);
                assert_int_equal(resolve_find_bindings(&c->s, VIEW("deploy"), VIEW("sshd"), &found),
                                 0);
                assert_int_equal(found.here, 1);
                assert_int_equal(found.org_id, c->acme);
                assert_int_equal(resolve_find_bindings(&c->s, VIEW("deploy"), VIEW("su"), &found),
                                 0);
                assert_int_equal(found.here, 0);
                assert_int_equal(found.all, 1);
                assert_int_equal(sealed_find_account(&c->s, VIEW("deploy"), c->acme, &account), 0);
                assert_string_equal(account.name, "deploy");
                assert_int_equal(account.org_id, c->acme);
                assert_int_equal(account.made, 2);
                assert_int_equal(sealed_find_guarded(&c->s, VIEW("free"), &guarded), -ENOENT);
                assert_int_equal(sealed_find_guarded(&c->s, VIEW("deploy"), &guarded), 0);
                assert_string_equal(guarded.name, "deploy");
                store_read_end(c->s.reader);
        }
        /* Kept, and not walked again, which shows by one that there never was. */
        assert_int_equal(store_read_begin(c->s.reader), 0);
        assert_int_equal(sealed_is_kept(&c->s, &key, &found, sizeof(found)), true);
        found.here = 7;
        sealed_keep(&c->s, &key, &found, sizeof(found));
        assert_int_equal(resolve_find_bindings(&c->s, VIEW("deploy"), VIEW("sshd"), &found), 0);
        assert_int_equal(found.here, 7);
        store_read_end(c->s.reader);
        fixture_account(c->f, "free", c->acme, ROLE_NONE, NULL);
        assert_int_equal(store_read_begin(c->s.reader), 0);
        assert_int_equal(sealed_find_guarded(&c->s, VIEW("free"), &guarded), 0);
        assert_int_equal(resolve_find_bindings(&c->s, VIEW("free"), VIEW("su"), &found), 0);
        assert_int_equal(found.here, 1);
        store_read_end(c->s.reader);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_keys),
                cmocka_unit_test(test_full),
                cmocka_unit_test(test_bounds),
                TEST(test_states),
                TEST(test_kept),
                TEST(test_judged),
                TEST(test_long_limits),
                TEST(test_bindings),
        };

        return cmocka_run_group_tests_name("rowcache", tests, NULL, NULL);
}
