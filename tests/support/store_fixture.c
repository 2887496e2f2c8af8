#include "tests/support/store_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/limits.h"

static void must(int e, const char *what)
{
        if (e >= 0)
                return;
        (void)fprintf(stderr, "store fixture: %s: %s\n", what, strerror(-e));
        abort();
}

static void must_have(const void *p)
{
        must(p ? 0 : -ENOMEM, "memory");
}

/* Directories one deep: a test that made more removes it itself. */
static void remove_tree(const char *dir)
{
        DIR *d = opendir(dir);

        for (struct dirent *entry; d && (entry = readdir(d));) {
                if (unlinkat(dirfd(d), entry->d_name, 0) < 0)
                        (void)unlinkat(dirfd(d), entry->d_name, AT_REMOVEDIR);
        }
        if (d)
                (void)closedir(d);
        (void)rmdir(dir);
}

void fixture_close(struct store_fixture *f)
{
        f->reader = store_reader_close(f->reader);
        f->writer = store_writer_close(f->writer);
        f->sealed.reader = f->managed.reader = NULL;
        f->sealed.writer = f->managed.writer = NULL;
}

void fixture_open(struct store_fixture *f)
{
        must(store_writer_open(f->dir, &f->writer), "store_writer_open");
        must(store_reader_open(f->dir, &f->reader), "store_reader_open");
        f->sealed = (struct sealed){.reader = f->reader,
                                    .writer = f->writer,
                                    .key = f->key,
                                    .fingerprint = keyhash_fingerprint(f->key)};
        f->managed = f->sealed;
        f->managed.reader = store_writer_reader(f->writer);
}

void fixture_in_memory(void)
{
        if (access("/dev/shm", W_OK) == 0)
                (void)setenv("TMPDIR", "/dev/shm", 0);
}

struct store_fixture *fixture_new(void)
{
        struct store_fixture *f = calloc(1, sizeof(*f));
        const char *base = getenv("TMPDIR");

        must_have(f);
        must(keyhash_init(), "keyhash_init");
        /* In memory where there is such a place: every commit is synced, and a disk makes tests
         * wait. */
        if (!base)
                base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        if (asprintf(&f->dir, "%s/orgtoken-test-XXXXXX", base) < 0)
                f->dir = NULL;
        must_have(f->dir);
        must_have(mkdtemp(f->dir));
        keyhash_random(f->key_bytes, sizeof(f->key_bytes));
        must(keyhash_new(f->key_bytes, &f->key), "keyhash_new");
        must(store_create(f->dir, keyhash_fingerprint(f->key), FIXTURE_NOW), "store_create");
        fixture_open(f);
        return f;
}

struct store_fixture *fixture_free(struct store_fixture *f)
{
        if (!f)
                return NULL;
        fixture_close(f);
        (void)keyhash_free(f->key);
        remove_tree(f->dir);
        free(f->dir);
        free(f);
        return NULL;
}

void fixture_write_key(const struct store_fixture *f)
{
        char *path = NULL;
        int fd;

        if (asprintf(&path, "%s/key", f->dir) < 0)
                path = NULL;
        must_have(path);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        must(fd < 0 ? -errno : 0, path);
        must(write(fd, f->key_bytes, sizeof(f->key_bytes)) < 0 ? -errno : 0, path);
        must(close(fd) < 0 ? -errno : 0, path);
        free(path);
}

static void commit(struct store_fixture *f)
{
        int64_t revision;

        must(store_write_commit(f->writer, &revision), "store_write_commit");
}

int64_t fixture_org(struct store_fixture *f, const char *name)
{
        struct record_org org = {.created_at = FIXTURE_NOW, .policy = {.never_ok = true}};

        must(view_copy(view_of(name), org.name, sizeof(org.name)) ? 0 : -EINVAL, name);
        must(store_write_begin(f->writer), "store_write_begin");
        must(store_next_org_id(f->writer, &org.id), "store_next_org_id");
        must(sealed_put_org(&f->managed, &org), "sealed_put_org");
        commit(f);
        return org.id;
}

int64_t fixture_user(struct store_fixture *f, const char *name, int64_t uid)
{
        struct record_user user = {.created_at = FIXTURE_NOW, .uid = uid};

        must(view_copy(view_of(name), user.name, sizeof(user.name)) ? 0 : -EINVAL, name);
        must(store_write_begin(f->writer), "store_write_begin");
        must(store_next_user_id(f->writer, &user.id), "store_next_user_id");
        must(sealed_put_user(&f->managed, &user), "sealed_put_user");
        commit(f);
        return user.id;
}

void fixture_member(struct store_fixture *f, int64_t org_id, int64_t user_id, enum role role)
{
        struct record_member member = {
                .org_id = org_id, .user_id = user_id, .role = role, .created_at = FIXTURE_NOW};

        must(store_write_begin(f->writer), "store_write_begin");
        must(sealed_put_member(&f->managed, &member), "sealed_put_member");
        commit(f);
}

/* Words with a blank between into a list of a request. */
static void put_words(struct wire_message *m, enum wire_field field, const char *words)
{
        while (words && *words) {
                size_t len = strcspn(words, " ");

                must(wire_put_list(m, field, view_of_bytes(words, len)), "wire_put_list");
                words += len + strspn(words + len, " ");
        }
}

static struct record_limits make_limits(const char *services, const char *sources,
                                        const char *accounts)
{
        static const uint8_t nonce[WIRE_NONCE_LEN];
        struct record_limits limits;
        struct wire_message m;
        struct view bad;
        enum limits_kind kind;

        wire_init(&m, WIRE_REQUEST, WIRE_V_KEY_CREATE, nonce);
        put_words(&m, WIRE_F_LIMIT_SERVICE, services);
        put_words(&m, WIRE_F_LIMIT_SOURCE, sources);
        put_words(&m, WIRE_F_LIMIT_ACCOUNT, accounts);
        must(limits_from_request(&m, &limits, &bad, &kind), "limits_from_request");
        return limits;
}

void fixture_account(struct store_fixture *f, const char *name, int64_t org_id, enum role role,
                     const char *services)
{
        struct record_account account = {.org_id = org_id,
                                         .role = role,
                                         .services = make_limits(services, NULL, NULL),
                                         .created_at = FIXTURE_NOW};
        struct record_guarded guarded = {.since = FIXTURE_NOW};

        must(view_copy(view_of(name), account.name, sizeof(account.name)) ? 0 : -EINVAL, name);
        must(view_copy(view_of(name), guarded.name, sizeof(guarded.name)) ? 0 : -EINVAL, name);
        must(store_write_begin(f->writer), "store_write_begin");
        must(sealed_put_account(&f->managed, &account), "sealed_put_account");
        must(sealed_put_guarded(&f->managed, &guarded), "sealed_put_guarded");
        commit(f);
}

int64_t fixture_token(struct store_fixture *f, enum token_kind kind, int64_t owner,
                      const struct fixture_token_options *options,
                      char ret_text[static TOKEN_TEXT_MAX + 1])
{
        static const struct fixture_token_options defaults;
        const struct fixture_token_options *o = options ? options : &defaults;
        char random[TOKEN_RANDOM_LEN];
        struct token parsed;
        struct record_token token = {
                .id = o->id ? o->id : (int64_t)keyhash_random_below(TOKEN_ID_LIMIT),
                .kind = kind,
                .owner = owner,
                .created_at = o->created_at ? o->created_at : FIXTURE_NOW,
                .expires_at = o->expires_at ? o->expires_at : EXPIRY_NEVER,
                .limits = make_limits(o->services, o->sources, o->accounts),
        };

        (void)view_copy(view_of(o->name ? o->name : "token"), token.name, sizeof(token.name));
        keyhash_random_text(random, sizeof(random));
        token_format(kind, token.id, random, ret_text);
        must(token_parse(view_of(ret_text), &parsed), "token_parse");
        must(store_write_begin(f->writer), "store_write_begin");
        must(sealed_insert_token(&f->managed, &token, parsed.secret), "sealed_insert_token");
        commit(f);
        return token.id;
}

void fixture_find_token(struct store_fixture *f, int64_t token_id, struct record_token *ret)
{
        must(store_find_token(f->reader, token_id, ret), "store_find_token");
}

void fixture_revoke(struct store_fixture *f, int64_t token_id, int64_t at, const char *reason)
{
        struct record_token token;

        fixture_find_token(f, token_id, &token);
        must(store_write_begin(f->writer), "store_write_begin");
        must(sealed_revoke_token(&f->managed, &token, at, reason), "sealed_revoke_token");
        commit(f);
}

void fixture_end(struct store_fixture *f, int64_t token_id, int64_t ends_at, const char *reason,
                 int64_t successor)
{
        struct record_token token;

        fixture_find_token(f, token_id, &token);
        must(store_write_begin(f->writer), "store_write_begin");
        must(sealed_end_token(&f->managed, &token, ends_at, reason, successor), "sealed_end_token");
        commit(f);
}

void fixture_tamper(struct store_fixture *f, const char *sql)
{
        sqlite3 *db = NULL;
        char *path = NULL, *complaint = NULL;

        if (asprintf(&path, "%s/%s", f->dir, STORE_FILE) < 0)
                path = NULL;
        must_have(path);
        must(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK ? 0 : -EIO, path);
        (void)sqlite3_busy_timeout(db, 5000);
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
        if (sqlite3_exec(db, "PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF;",
                         NULL, NULL, NULL) != SQLITE_OK ||
            sqlite3_exec(db, sql, NULL, NULL, &complaint) != SQLITE_OK) {
                (void)fprintf(stderr, "store fixture: %s: %s\n", sql, complaint ? complaint : "?");
                abort();
        }
        must(sqlite3_close(db) == SQLITE_OK ? 0 : -EIO, "sqlite3_close");
        free(path);
}
