/*
 * A database file that somebody has written to: refused, or read, and no row comes back under a
 * good seal that was not put there. The input is a whole file where it begins as one does, else a
 * list of places and bytes that are changed in a good store.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/store_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_MAX (256U << 10)

static struct store_fixture *fixture;
static char path[512], log_path[520], shared_path[520], token_text[TOKEN_TEXT_MAX + 1];
static int64_t token_id;
static uint8_t good[FILE_MAX], bytes[FILE_MAX];
static size_t good_len;

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void remove_fixture(void)
{
        fixture = fixture_free(fixture);
}

static void make_good(void)
{
        int64_t org, user;
        ssize_t len;
        int fd;

        fixture = fixture_new();
        require(atexit(remove_fixture) == 0);
        org = fixture_org(fixture, "acme");
        user = fixture_user(fixture, "alice", 1000);
        fixture_member(fixture, org, user, ROLE_MEMBER);
        fixture_account(fixture, "acme-deploy", org, ROLE_ADMIN, "sshd");
        token_id = fixture_token(fixture, TOKEN_PAT, user, NULL, token_text);
        fixture_close(fixture);
        (void)snprintf(path, sizeof(path), "%s/%s", fixture->dir, STORE_FILE);
        (void)snprintf(log_path, sizeof(log_path), "%s-wal", path);
        (void)snprintf(shared_path, sizeof(shared_path), "%s-shm", path);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        require(fd >= 0);
        len = read(fd, good, sizeof(good));
        require(len > 0 && (size_t)len < sizeof(good));
        good_len = (size_t)len;
        (void)close(fd);
}

/* What the input makes of the good file, in `bytes`. */
static size_t mutate(const uint8_t *data, size_t size)
{
        if (size >= 16 && memcmp(data, "SQLite format 3", 16) == 0) {
                size_t len = size < sizeof(bytes) ? size : sizeof(bytes);

                memcpy(bytes, data, len);
                return len;
        }
        memcpy(bytes, good, good_len);
        /* Page, place in it and value: what is near the start of a page is structure. */
        for (; size >= 4; data += 4, size -= 4) {
                size_t at = data[0] % (good_len / 4096) * 4096 + (data[1] % 16) * 256U + data[2];

                bytes[at % good_len] = data[3];
        }
        return size > 0 ? good_len - data[0] * 512U % good_len : good_len;
}

static void write_file(size_t len)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        require(fd >= 0);
        require(write(fd, bytes, len) == (ssize_t)len);
        (void)close(fd);
}

static int see_account(void *context, const struct record_account *account)
{
        /* The only one there is. */
        if (sealed_check_account(context, account) == 0)
                require(strcmp(account->name, "acme-deploy") == 0 && account->org_id == 1 &&
                        account->role == ROLE_ADMIN);
        return 0;
}

static int see_token(void *context, const struct record_token *token)
{
        const struct sealed *s = context;
        enum sealed_token_state judged;
        struct token parsed;

        require(token_parse(view_of(token_text), &parsed) == 0);
        if (sealed_judge_token(s, token, parsed.secret, &judged) == 0 && judged == SEALED_LIVE)
                require(token->id == token_id && token->owner == 1 && token->kind == TOKEN_PAT &&
                        token->expires_at == EXPIRY_NEVER && token->limits.len == 0);
        return 0;
}

static void look_around(struct sealed *s)
{
        struct store_cursor accounts = {0}, tokens = {0};
        struct store_counts counts;
        struct record_member member;
        struct record_user user;
        struct record_token token;
        struct record_org org;
        unsigned shown;

        if (sealed_find_org_by_name(s, VIEW("acme"), &org) == 0)
                require(org.id == 1 && !org.suspended && org.deleted_at == 0);
        if (sealed_find_user_by_name(s, VIEW("alice"), &user) == 0)
                require(user.id == 1 && user.uid == 1000);
        if (sealed_find_member(s, 1, 1, &member) == 0)
                require(member.role == ROLE_MEMBER);
        if (store_find_token(s->reader, token_id, &token) == 0)
                (void)see_token(s, &token);
        (void)store_list_accounts(s->reader, 0, &accounts, 50, see_account, s);
        (void)store_list_tokens(s->reader, TOKEN_PAT, 1, &tokens, 50, see_token, s);
        (void)store_count(s->reader, 1, &counts);
        (void)store_key_id_length(s->reader, token_id, &shown);
        (void)store_integrity(s->reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct store_reader *reader = NULL;
        struct sealed s = {0};

        if (!fixture)
                make_good();
        (void)unlink(log_path);
        (void)unlink(shared_path);
        write_file(mutate(data, size));
        if (store_reader_open(fixture->dir, &reader) < 0)
                return 0;
        s = (struct sealed){.reader = reader,
                            .key = fixture->key,
                            .fingerprint = keyhash_fingerprint(fixture->key)};
        look_around(&s);
        (void)store_reader_close(reader);
        return 0;
}
