/*
 * Makes a store of many tokens through the store's own interface, in large transactions, and a list
 * of some of them for the drivers. Every row is sealed as the daemon seals it. Benchmarks only.
 *
 *   store DIR TOKENS SAMPLE_FILE [SAMPLES]
 *
 * Org keys of ORGS organisations, each with one bound account "bench-N"; every eighth token is the
 * personal token of one of USERS users, each a member of one organisation. The sample has org keys
 * only, and SAMPLE_FILE.pat the personal ones, each for its user's own account and with its "@org".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/hostkey.h"
#include "daemon/sealed.h"
#include "tests/bench/bench.h"

#define ORGS      100
#define USERS     1000
#define PAT_EVERY 8
#define BATCH     50000
#define DAY       86400
#define NOW       INT64_C(1767225600) /* 2026-01-01 */

struct maker {
        struct keyhash *key;
        struct store_writer *writer;
        struct sealed sealed;
        int64_t org[ORGS], user[USERS];
        int64_t *id;
        size_t tokens;
        size_t samples[2];
        FILE *sample[2]; /* org keys, personal tokens */
};

static void open_store(struct maker *m, const char *dir)
{
        const char *why = "";
        struct store_reader *reader;
        int r = hostkey_load(dir, NULL, NOW, &m->key, &why);

        if (r < 0)
                bench_die(why, r);
        bench_must(store_writer_open(dir, &m->writer), "store_writer_open");
        reader = store_writer_reader(m->writer);
        m->sealed = (struct sealed){.reader = reader,
                                    .writer = m->writer,
                                    .key = m->key,
                                    .fingerprint = keyhash_fingerprint(m->key)};
}

static void commit(struct maker *m)
{
        int64_t revision;

        bench_must(store_write_commit(m->writer, &revision), "store_write_commit");
}

static void make_org(struct maker *m, size_t i)
{
        struct record_org org = {.created_at = NOW, .policy = {.never_ok = true}};
        struct record_account account = {.created_at = NOW};
        struct record_guarded guarded = {.since = NOW};

        (void)snprintf(org.name, sizeof(org.name), "org-%zu", i);
        (void)snprintf(account.name, sizeof(account.name), "bench-%zu", i);
        memcpy(guarded.name, account.name, sizeof(guarded.name));
        bench_must(store_next_org_id(m->writer, &org.id), "store_next_org_id");
        bench_must(sealed_put_org(&m->sealed, &org), "sealed_put_org");
        account.org_id = m->org[i] = org.id;
        bench_must(sealed_put_account(&m->sealed, &account), "sealed_put_account");
        bench_must(sealed_put_guarded(&m->sealed, &guarded), "sealed_put_guarded");
}

static void make_user(struct maker *m, size_t i)
{
        struct record_user user = {.created_at = NOW, .uid = -1};
        struct record_member member = {.role = ROLE_MEMBER, .created_at = NOW};

        (void)snprintf(user.name, sizeof(user.name), "user-%zu", i);
        bench_must(store_next_user_id(m->writer, &user.id), "store_next_user_id");
        bench_must(sealed_put_user(&m->sealed, &user), "sealed_put_user");
        member.user_id = m->user[i] = user.id;
        member.org_id = m->org[i % ORGS];
        bench_must(sealed_put_member(&m->sealed, &member), "sealed_put_member");
}

static int compare(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return x < y ? -1 : x > y;
}

/* In ascending order, so that the tree is built from left to right instead of all over the disk. */
static void choose_ids(struct maker *m)
{
        size_t kept = 0;

        m->id = calloc(m->tokens, sizeof(*m->id));
        if (!m->id)
                bench_die("memory", ENOMEM);
        for (size_t i = 0; i < m->tokens; i++)
                m->id[i] = (int64_t)keyhash_random_below(TOKEN_ID_LIMIT);
        qsort(m->id, m->tokens, sizeof(*m->id), compare);
        for (size_t i = 0; i < m->tokens; i++)
                if (kept == 0 || m->id[i] != m->id[kept - 1])
                        m->id[kept++] = m->id[i];
        m->tokens = kept;
}

static void make_token(struct maker *m, size_t i)
{
        bool is_pat = i % PAT_EVERY == PAT_EVERY - 1;
        /* Owners in blocks: the indexes by owner grow at one place then. */
        size_t owner = i * (is_pat ? USERS : ORGS) / m->tokens;
        char random[TOKEN_RANDOM_LEN], text[TOKEN_TEXT_MAX + 1];
        struct record_token token = {.id = m->id[i],
                                     .kind = is_pat ? TOKEN_PAT : TOKEN_AK,
                                     .owner = is_pat ? m->user[owner] : m->org[owner],
                                     .created_at = NOW + (int64_t)i % DAY,
                                     .expires_at = EXPIRY_NEVER};
        size_t every = m->tokens / m->samples[is_pat];
        struct token parsed;

        (void)snprintf(token.name, sizeof(token.name), "bench %zu", i);
        keyhash_random_text(random, sizeof(random));
        token_format(token.kind, token.id, random, text);
        bench_must(token_parse(view_of(text), &parsed), "token_parse");
        bench_must(sealed_insert_token(&m->sealed, &token, parsed.secret), "sealed_insert_token");
        if (every > 0 && i % every >= PAT_EVERY)
                return;
        if (is_pat)
                (void)fprintf(m->sample[1], "user-%zu %s@org-%zu\n", owner, text, owner % ORGS);
        else if (every <= PAT_EVERY || i % every == 0)
                (void)fprintf(m->sample[0], "bench-%zu %s\n", owner, text);
}

static void make_tokens(struct maker *m)
{
        choose_ids(m);
        for (size_t i = 0; i < m->tokens; i++) {
                if (i % BATCH == 0)
                        bench_must(store_write_begin(m->writer), "store_write_begin");
                make_token(m, i);
                if (i % BATCH == BATCH - 1 || i == m->tokens - 1)
                        commit(m);
        }
}

static FILE *open_sample(const char *path, const char *suffix)
{
        char whole[4096];
        FILE *f;

        (void)snprintf(whole, sizeof(whole), "%s%s", path, suffix);
        f = fopen(whole, "we");
        if (!f)
                bench_die(whole, errno);
        return f;
}

static void close_sample(FILE *f)
{
        if (fclose(f) != 0)
                bench_die("sample", errno);
}

int main(int argc, char **argv)
{
        static struct maker m;

        if (argc < 4)
                bench_die("usage: store DIR TOKENS SAMPLE_FILE [SAMPLES]", EINVAL);
        m.tokens = strtoul(argv[2], NULL, 10);
        m.samples[0] = m.samples[1] = argc > 4 ? strtoul(argv[4], NULL, 10) : 4096;
        bench_must(keyhash_init(), "keyhash_init");
        open_store(&m, argv[1]);
        m.sample[0] = open_sample(argv[3], "");
        m.sample[1] = open_sample(argv[3], ".pat");
        bench_must(store_write_begin(m.writer), "store_write_begin");
        for (size_t i = 0; i < ORGS; i++)
                make_org(&m, i);
        for (size_t i = 0; i < USERS; i++)
                make_user(&m, i);
        commit(&m);
        make_tokens(&m);
        close_sample(m.sample[0]);
        close_sample(m.sample[1]);
        (void)store_writer_close(m.writer);
        (void)keyhash_free(m.key);
        return 0;
}
