#include "daemon/offline.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/expiry.h"
#include "common/secret.h"
#include "daemon/audit.h"
#include "daemon/hostkey.h"
#include "daemon/log.h"
#include "daemon/remake.h"
#include "daemon/takeover.h"

DEFINE_CLEANUP(struct keyhash *, keyhash_free);
DEFINE_CLEANUP(struct store_writer *, store_writer_close);

struct key_bytes {
        uint8_t bytes[KEYHASH_KEY_LEN];
};

static void key_bytes_wipe(struct key_bytes *k)
{
        secret_wipe(k, sizeof(*k));
}

/* A sentence on the terminal, and where there is a journal a record in it too. */
static void tell_done(const struct offline *o, const char *verb, const char *sentence)
{
        log_line(LOG_NOTICE, "%s", sentence);
        if (!log_has_journal())
                return;
        audit_write(&(struct audit_record){
                .message_id = AUDIT_ID_CHANGE,
                .priority = LOG_NOTICE,
                .message = view_of(sentence),
                .verb = view_of(verb),
                .caller_uid = o->caller_uid,
        });
}

static int tell(int e, const char *sentence)
{
        log_line(LOG_ERR, "%s", sentence);
        return e;
}

static int tell_errno(int e, const char *sentence)
{
        log_line(LOG_ERR, "%s: %s", sentence, strerror(-e));
        return e;
}

static int read_host_key(const struct offline *o, struct keyhash **ret, bool *ret_in_file)
{
        const char *why = "the host key cannot be read";
        int e = hostkey_read(o->state_dir, o->credentials_dir, ret, ret_in_file, &why);

        return e < 0 ? tell(e, why) : 0;
}

static int read_key_file(int fd, struct key_bytes *ret)
{
        int e = hostkey_read_file(fd, ret->bytes);

        return e < 0 ? tell(e, "the key file given is not a file of 32 bytes") : 0;
}

/* ---- restore ---- */

struct restore {
        const struct offline *o;
        const struct offline_restore *r;
        struct keyhash *key;
        struct store_writer *writer; /* of the staged copy */
        int64_t revision;            /* of the backup */
        int64_t ended;               /* by --revoke-older-than */
        struct takeover_report report;
};

static void restore_clear(struct restore *s)
{
        s->writer = store_writer_close(s->writer);
        s->key = keyhash_free(s->key);
        /* After an install there is nothing left to remove. */
        store_unstage(s->o->state_dir);
}

/* The copy is what is checked from here on, whatever becomes of the file that was given. */
static int stage(struct restore *s)
{
        struct store_freshness freshness;
        int e = store_stage(s->o->state_dir, s->r->file);

        if (e == -EUCLEAN)
                return tell(e, "the file given is no store of orgtoken");
        if (e < 0)
                return tell_errno(e, "the backup cannot be copied into the state directory");
        e = store_staged_open(s->o->state_dir, &s->writer);
        if (e == -EPROTONOSUPPORT)
                return tell(e, "the backup was made by a newer orgtokend: install that version");
        if (e == 0)
                e = store_check(store_writer_reader(s->writer));
        if (e == 0)
                e = store_freshness(store_writer_reader(s->writer), &freshness);
        if (e == -EUCLEAN)
                return tell(e,
                            "the backup is damaged, or no store of orgtoken: nothing was changed");
        if (e < 0)
                return tell_errno(e, "the backup cannot be read");
        s->revision = freshness.revision;
        return 0;
}

/* A backup from before a rotation is brought under today's key, by the one it was made under. */
static int remake(struct restore *s)
{
        _cleanup_(key_bytes_wipe) struct key_bytes bytes = {0};
        _cleanup_(keyhash_freep) struct keyhash *from = NULL;
        struct store_freshness freshness;
        struct remake_report report;
        int e = read_key_file(s->r->key_file, &bytes);

        if (e < 0)
                return e;
        e = keyhash_new(bytes.bytes, &from);
        if (e == 0)
                e = store_freshness(store_writer_reader(s->writer), &freshness);
        if (e < 0)
                return tell_errno(e, "the backup cannot be brought under the host key");
        if (keyhash_fingerprint(from) != freshness.fingerprint)
                return tell(-EKEYREJECTED, "the backup was not made under the key given");
        e = remake_store(s->writer, from, s->key, &report);
        if (e < 0)
                return tell_errno(e, "the backup cannot be brought under the host key");
        if (report.left > 0)
                log_line(
                        LOG_WARNING,
                        "%lld rows of the backup have a seal that does not hold: they stay refused",
                        (long long)report.left);
        return 0;
}

static int match_key(struct restore *s)
{
        struct store_freshness freshness;
        bool in_file;
        int e = read_host_key(s->o, &s->key, &in_file);

        if (e < 0)
                return e;
        e = store_freshness(store_writer_reader(s->writer), &freshness);
        if (e < 0)
                return tell_errno(e, "the backup cannot be read");
        if (freshness.fingerprint == keyhash_fingerprint(s->key))
                return 0;
        if (s->r->key_file < 0)
                return tell(-EKEYREJECTED,
                            "the backup was made under another host key: put that key back, or "
                            "give it with --backup-key");
        return remake(s);
}

/* What the backup lacks, for whoever has to decide. */
static void tell_gap(const struct restore *s)
{
        char when[EXPIRY_TEXT_SIZE] = "?";
        struct stat st;

        if (fstat(s->r->file, &st) == 0)
                expiry_format(st.st_mtim.tv_sec, when);
        log_line(LOG_WARNING, "the backup ends with revision %lld; its file is of %s",
                 (long long)s->revision, when);
        if (s->report.old_revision > s->revision)
                log_line(LOG_WARNING, "the store in place was at revision %lld: %lld changes more",
                         (long long)s->report.old_revision,
                         (long long)(s->report.old_revision - s->revision));
        if (s->report.unjudged > 0)
                log_line(LOG_WARNING, "of %lld rows nobody can say whether they were taken away",
                         (long long)s->report.unjudged);
        log_line(LOG_WARNING,
                 "%s: what was revoked since, and is not in the backup, would open doors again",
                 s->report.gap);
}

static int decide(const struct restore *s)
{
        if (!s->report.gap)
                return 0;
        tell_gap(s);
        if (s->r->accept_lost || s->r->older_than >= 0)
                return 0;
        return tell(-ESTALE,
                    "nothing was changed: go on with --revoke-older-than WHEN, which ends every "
                    "token made before that, or with --accept-lost-revocations");
}

/* In one transaction: the copy is either as it was or all of it. */
static int bring_up_to_date(struct restore *s)
{
        struct sealed to = {.reader = store_writer_reader(s->writer),
                            .writer = s->writer,
                            .key = s->key,
                            .fingerprint = keyhash_fingerprint(s->key)};
        int64_t revision;
        int e = store_write_begin(s->writer);

        if (e == 0)
                e = takeover_run(&to, s->o->state_dir, s->revision, s->o->now, &s->report);
        if (e == 0)
                e = decide(s);
        if (e == -ESTALE)
                return e;
        if (e == 0 && s->r->older_than >= 0)
                e = takeover_end_older(&to, s->r->older_than, s->o->now, &s->ended);
        /* Elevations that were open when the backup was made are not open now. */
        if (e == 0)
                e = store_delete_grants(s->writer);
        if (e == 0)
                e = store_write_commit(s->writer, &revision);
        return e < 0 ? tell_errno(e, "the backup cannot be brought up to date") : 0;
}

static int install(const struct restore *s)
{
        char aside[32], sentence[512];
        struct tm tm;
        time_t now = (time_t)s->o->now;
        int e = gmtime_r(&now, &tm) &&
                                strftime(aside, sizeof(aside), ".old-%Y%m%dT%H%M%SZ", &tm) > 0
                        ? 0
                        : -EOVERFLOW;

        if (e == 0)
                e = store_install(s->o->state_dir, aside);
        if (e == -EEXIST)
                return tell(e, "a store was put aside in this very second: try again");
        if (e < 0)
                return tell_errno(e, "the backup cannot be put in the store's place");
        (void)snprintf(sentence, sizeof(sentence),
                       "restored revision %lld; taken over since: %lld tokens ended, %lld rights "
                       "taken away; %lld tokens ended by age; %lld live tokens were made since and "
                       "are not in it; a store that was there is now orgtoken.db%s",
                       (long long)s->revision, (long long)s->report.tokens,
                       (long long)s->report.rights, (long long)s->ended, (long long)s->report.newer,
                       aside);
        tell_done(s->o, "restore", sentence);
        return 0;
}

int offline_restore(const struct offline *o, const struct offline_restore *r)
{
        _cleanup_(restore_clear) struct restore s = {.o = o, .r = r};
        int e = stage(&s);

        if (e == 0)
                e = match_key(&s);
        if (e == 0)
                e = bring_up_to_date(&s);
        if (e < 0)
                return e;
        /* Closed, so that nothing of it is left in its log. */
        s.writer = store_writer_close(s.writer);
        return install(&s);
}

/* ---- the host key ---- */

static int open_its_store(const struct offline *o, const struct keyhash *key,
                          struct store_writer **ret)
{
        _cleanup_(store_writer_closep) struct store_writer *w = NULL;
        struct store_freshness freshness;
        int e = store_writer_open(o->state_dir, &w);

        if (e == 0)
                e = store_check(store_writer_reader(w));
        if (e == 0)
                e = store_freshness(store_writer_reader(w), &freshness);
        if (e == -ENOENT)
                return tell(e, "there is no store in the state directory");
        if (e == -EUCLEAN)
                return tell(e, "the store is damaged: restore a backup first");
        if (e < 0)
                return tell_errno(e, "the store cannot be opened");
        if (freshness.fingerprint != keyhash_fingerprint(key))
                return tell(-EKEYREJECTED, "the host key is not the store's");
        *ret = steal_ptr(w);
        return 0;
}

static void tell_rotated(const struct offline *o, const struct remake_report *report,
                         const char *where)
{
        char sentence[512];

        (void)snprintf(sentence, sizeof(sentence),
                       "the host key was changed: %lld rows were sealed anew, %lld left as they "
                       "were because their seal did not hold; %s; backups made until now need "
                       "the key that was",
                       (long long)report->remade, (long long)report->left, where);
        tell_done(o, "rotate-key", sentence);
}

/* The new key is on the disk before the store needs it; the store goes over in one transaction; and
   which of the two keys is right tells the store's fingerprint, whenever it ends in between. */
static int rotate(const struct offline *o, const struct keyhash *key, const struct keyhash *next,
                  bool in_file, bool is_kept)
{
        _cleanup_(store_writer_closep) struct store_writer *w = NULL;
        struct remake_report report;
        int e = open_its_store(o, key, &w);

        if (e < 0)
                return e;
        e = remake_store(w, key, next, &report);
        if (e < 0)
                return tell_errno(e, "the store cannot be brought under the new key: nothing was "
                                     "changed");
        if (!in_file) {
                tell_rotated(o, &report,
                             is_kept ? "make the key given the credential orgtoken.key"
                                     : "make the file key.next of the state directory the "
                                       "credential orgtoken.key, then remove it");
                return 0;
        }
        e = hostkey_take_next(o->state_dir);
        if (e < 0)
                return tell_errno(e, "the store is under the new key, which is still the file "
                                     "key.next: the daemon will rename it when it starts");
        tell_rotated(o, &report, "the file key in the state directory is the new one");
        return 0;
}

int offline_rotate_key(const struct offline *o, int key_file)
{
        _cleanup_(key_bytes_wipe) struct key_bytes bytes = {0};
        _cleanup_(keyhash_freep) struct keyhash *key = NULL;
        _cleanup_(keyhash_freep) struct keyhash *next = NULL;
        bool in_file, is_kept = key_file >= 0;
        int e = read_host_key(o, &key, &in_file);

        if (e == 0 && is_kept)
                e = read_key_file(key_file, &bytes);
        if (e < 0)
                return e;
        if (!is_kept)
                keyhash_random(bytes.bytes, sizeof(bytes.bytes));
        e = keyhash_new(bytes.bytes, &next);
        if (e < 0)
                return tell_errno(e, "the new key cannot be taken");
        if (keyhash_fingerprint(next) == keyhash_fingerprint(key))
                return tell(-EINVAL, "the key given is the one that the store has already");
        if (in_file || !is_kept) {
                e = hostkey_write_next(o->state_dir, bytes.bytes);
                if (e < 0)
                        return tell_errno(e,
                                          "the new key cannot be written to the state directory");
        }
        return rotate(o, key, next, in_file, is_kept);
}
