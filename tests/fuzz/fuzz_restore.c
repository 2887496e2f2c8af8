/*
 * A restore from a file that somebody has written to, or over a store that somebody has: refused,
 * or a whole store comes of it in which no token is live that was revoked, and none is other than
 * it was. The first byte says which of the two is changed; then as in fuzz_store_open: a whole
 * file, or places and bytes.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/audit.h"
#include "daemon/log.h"
#include "daemon/offline.h"
#include "tests/support/store_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_MAX (256U << 10)

/* A file as it was, and its length. */
struct whole {
        uint8_t bytes[FILE_MAX];
        size_t len;
};

static struct store_fixture *fixture;
static char store[512], backup[512];
static char kept_text[TOKEN_TEXT_MAX + 1], revoked_text[TOKEN_TEXT_MAX + 1];
static int64_t kept, revoked;
static struct whole good_store, good_backup, changed;

/* In the place of the daemon's own: it has a sentence for each of a million files. */
void log_line(int priority, const char *format, ...)
{
        (void)priority;
        (void)format;
}

bool log_has_journal(void)
{
        return false;
}

bool log_is_journal(void)
{
        return false;
}

void audit_write(const struct audit_record *record)
{
        (void)record;
}

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void remove_fixture(void)
{
        fixture = fixture_free(fixture);
}

static void read_whole(const char *path, struct whole *ret)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t len;

        require(fd >= 0);
        len = read(fd, ret->bytes, sizeof(ret->bytes));
        require(len > 0 && (size_t)len < sizeof(ret->bytes));
        ret->len = (size_t)len;
        (void)close(fd);
}

static void write_whole(const char *path, const struct whole *whole)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        require(fd >= 0);
        require(write(fd, whole->bytes, whole->len) == (ssize_t)whole->len);
        (void)close(fd);
}

static void make_good(void)
{
        int64_t org, revision;

        fixture = fixture_new();
        require(atexit(remove_fixture) == 0);
        fixture_write_key(fixture);
        org = fixture_org(fixture, "acme");
        kept = fixture_token(fixture, TOKEN_AK, org, NULL, kept_text);
        revoked = fixture_token(fixture, TOKEN_AK, org, NULL, revoked_text);
        (void)snprintf(store, sizeof(store), "%s/%s", fixture->dir, STORE_FILE);
        (void)snprintf(backup, sizeof(backup), "%s/backup", fixture->dir);
        require(store_backup(fixture->reader, backup, &revision) == 0);
        fixture_revoke(fixture, revoked, FIXTURE_NOW, "stolen");
        fixture_close(fixture);
        read_whole(store, &good_store);
        read_whole(backup, &good_backup);
}

/* What the input makes of a good file, in `changed`. */
static void mutate(const struct whole *good, const uint8_t *data, size_t size)
{
        if (size >= 16 && memcmp(data, "SQLite format 3", 16) == 0) {
                changed.len = size < sizeof(changed.bytes) ? size : sizeof(changed.bytes);
                memcpy(changed.bytes, data, changed.len);
                return;
        }
        changed = *good;
        for (; size >= 4; data += 4, size -= 4) {
                size_t at = data[0] % (good->len / 4096) * 4096 + (data[1] % 16) * 256U + data[2];

                changed.bytes[at % good->len] = data[3];
        }
        if (size > 0)
                changed.len = good->len - data[0] * 512U % good->len;
}

static void remove_beside(void)
{
        static const char *const suffixes[] = {"-wal", "-shm", ".old-20231114T221320Z",
                                               ".old-20231114T221320Z-wal",
                                               ".old-20231114T221320Z-shm"};
        char path[600];

        for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
                (void)snprintf(path, sizeof(path), "%s%s", store, suffixes[i]);
                (void)unlink(path);
        }
}

static enum sealed_token_state judge(const struct sealed *s, int64_t id, const char *text)
{
        enum sealed_token_state state = SEALED_WRONG;
        struct record_token token;
        struct token parsed;

        require(token_parse(view_of(text), &parsed) == 0);
        if (store_find_token(s->reader, id, &token) < 0 ||
            sealed_judge_token(s, &token, parsed.secret, &state) < 0)
                return SEALED_WRONG;
        if (state == SEALED_LIVE)
                require(token.owner == 1 && token.expires_at == EXPIRY_NEVER &&
                        token.limits.len == 0);
        return state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct offline o = {.now = FIXTURE_NOW};
        struct offline_restore r = {.key_file = -1, .older_than = -1};
        bool of_store;
        int e;

        if (!fixture)
                make_good();
        if (size < 1)
                return 0;
        of_store = data[0] & 1;
        remove_beside();
        mutate(of_store ? &good_store : &good_backup, data + 1, size - 1);
        write_whole(store, of_store ? &changed : &good_store);
        write_whole(backup, of_store ? &good_backup : &changed);
        o.state_dir = fixture->dir;
        r.file = open(backup, O_RDONLY | O_CLOEXEC);
        require(r.file >= 0);
        e = offline_restore(&o, &r);
        (void)close(r.file);
        if (e < 0)
                return 0;
        fixture_open(fixture);
        require(store_check(fixture->managed.reader) == 0);
        (void)judge(&fixture->sealed, kept, kept_text);
        require(judge(&fixture->sealed, revoked, revoked_text) != SEALED_LIVE);
        fixture_close(fixture);
        return 0;
}
