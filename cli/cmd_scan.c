#include "cli/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/scanner.h"
#include "cli/text.h"

enum end_of { NOT_ENDED, ENDED_NOW, ENDED_BEFORE };

/* What became of a token that was found before; one that stands in a log a thousand times is
   revoked once. */
struct ended {
        int64_t id;
        enum token_kind kind;
        enum end_of end;
};

struct scan {
        struct call *call;
        struct json json;
        const char *file; /* the one being read */
        bool revoke;
        uint64_t found;
        bool unread;         /* a file could not be read: nothing can be said of it */
        struct buffer ended; /* of struct ended */
};

/* A walk through all of them: a file with thousands of different tokens has other troubles. */
static bool find_ended(const struct scan *scan, const struct scanner_find *find,
                       enum end_of *ret_end)
{
        const struct ended *e = (const void *)scan->ended.bytes;

        for (size_t i = 0; i < scan->ended.len / sizeof(*e); i++)
                if (e[i].id == find->id && e[i].kind == find->kind) {
                        *ret_end = e[i].end;
                        return true;
                }
        return false;
}

/* Asks the daemon to end it. A refusal (not of this host, ended before) is no reason to stop. */
static int revoke_token(struct scan *scan, const struct scanner_find *find, enum end_of *ret_end)
{
        _cleanup_session_ struct session s = SESSION_INIT;
        struct call *call = scan->call;
        char id[TOKEN_ID_LEN + 1], key_id[TOKEN_KEY_ID_SIZE];
        int status = session_begin(&s, call, WIRE_V_REVOKE_TOKEN);

        if (status != STATUS_DONE)
                return status;
        token_id_to_text(find->id, id);
        wire_put_number(&s.request, WIRE_F_KIND, find->kind);
        wire_put_text(&s.request, WIRE_F_ID, view_of(id));
        status = session_ask(&s);
        *ret_end = status == STATUS_DONE ? ENDED_NOW : NOT_ENDED;
        if (status != STATUS_REFUSED)
                return status;
        if (strcmp(call->error.reason, "revoked") == 0) {
                *ret_end = ENDED_BEFORE;
                call->error = (struct error){0};
                return STATUS_DONE;
        }
        token_key_id(find->kind, find->id, TOKEN_KEY_ID_MIN, key_id);
        output_note(&call->out, "%s: %s", key_id, call->error.message);
        /* Who may not revoke at all need not be told so for every token. */
        if (strcmp(call->error.reason, "not-allowed") == 0)
                return status;
        call->error = (struct error){0};
        return STATUS_DONE;
}

static int end_token(struct scan *scan, const struct scanner_find *find, enum end_of *ret_end)
{
        struct ended ended = {.id = find->id, .kind = find->kind};
        int status;

        if (find_ended(scan, find, ret_end))
                return STATUS_DONE;
        status = revoke_token(scan, find, ret_end);
        ended.end = *ret_end;
        if (status == STATUS_DONE)
                buffer_put(&scan->ended, &ended, sizeof(ended));
        return status;
}

/* The key id, and never more of what was found: this goes into logs of its own. */
static void put_find(struct scan *scan, const struct scanner_find *find, enum end_of end)
{
        static const char *const words[] = {"", " revoked", " revoked already"};
        struct buffer *b = &scan->call->out.to;
        char key_id[TOKEN_KEY_ID_SIZE];

        token_key_id(find->kind, find->id, TOKEN_KEY_ID_MIN, key_id);
        if (!scan->call->out.json) {
                text_put_safe(b, view_of(scan->file));
                buffer_printf(b, ":%" PRIu64 ": %s%s\n", find->line, key_id, words[end]);
                return;
        }
        json_begin_object(&scan->json, NULL);
        json_text(&scan->json, "file", view_of(scan->file));
        json_number(&scan->json, "line", (int64_t)find->line);
        json_text(&scan->json, "key_id", view_of(key_id));
        json_text(&scan->json, "kind", view_of(find->kind == TOKEN_AK ? "ak" : "pat"));
        if (scan->revoke)
                json_bool(&scan->json, "revoked", end != NOT_ENDED);
        json_end_object(&scan->json);
}

static int take_find(void *context, const struct scanner_find *find)
{
        struct scan *scan = context;
        enum end_of end = NOT_ENDED;
        int status = STATUS_DONE;

        scan->found++;
        if (scan->revoke)
                status = end_token(scan, find, &end);
        put_find(scan, find, end);
        if (status != STATUS_DONE)
                return status;
        return output_flush_long(&scan->call->out, &scan->call->error);
}

static void cannot_read(struct scan *scan, int error)
{
        scan->unread = true;
        output_note(&scan->call->out, "orgtoken: %s: %s", scan->file, strerror(error));
        if (error == EISDIR)
                output_note(&scan->call->out,
                            "a directory: find %s -type f -exec orgtoken scan {} +", scan->file);
}

/* The status of a find that ended the scan; files that cannot be read are noted and passed over. */
static int scan_descriptor(struct scan *scan, struct scanner *scanner, int fd)
{
        ssize_t n;
        int status;

        scanner_init(scanner, take_find, scan);
        do {
                n = read(fd, scanner_room(scanner), SCANNER_CHUNK);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        cannot_read(scan, errno);
                        return STATUS_DONE;
                }
                status = scanner_take(scanner, (size_t)n);
                if (status != STATUS_DONE)
                        return status;
        } while (n != 0);
        return STATUS_DONE;
}

/* O_NOCTTY: a path may name a terminal, which must not become ours. */
static int scan_file(struct scan *scan, struct scanner *scanner, const char *file)
{
        _cleanup_(close_fdp) int fd = -1;

        scan->file = file;
        if (strcmp(file, "-") == 0) {
                scan->file = "(standard input)";
                return scan_descriptor(scan, scanner, STDIN_FILENO);
        }
        fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0) {
                cannot_read(scan, errno);
                return STATUS_DONE;
        }
        return scan_descriptor(scan, scanner, fd);
}

static int scan_files(struct scan *scan)
{
        struct scanner *scanner = malloc(sizeof(*scanner));
        const char *file;
        int status = STATUS_DONE;

        if (!scanner)
                return error_memory(&scan->call->error);
        for (size_t i = 0; status == STATUS_DONE; i++) {
                file = args_nth_text(&scan->call->args, "FILE", i);
                if (!file)
                        break;
                status = scan_file(scan, scanner, file);
        }
        scanner_wipe(scanner);
        free(scanner);
        return status;
}

/* As grep does: what was not read can hold anything, so it is not "none found". */
static int conclude(const struct scan *scan)
{
        const struct output *out = &scan->call->out;

        if (scan->found > 0) {
                if (!scan->revoke)
                        output_note(out,
                                    "%" PRIu64 " found; end them with: orgtoken scan --revoke "
                                    "FILE... (root)",
                                    scan->found);
                return STATUS_REFUSED;
        }
        if (scan->unread)
                return STATUS_USAGE;
        output_note(out, "no tokens found");
        return STATUS_DONE;
}

static int scan(struct call *call)
{
        struct scan scan = {
                .call = call,
                .json.out = &call->out.to,
                .revoke = args_has(&call->args, "--revoke"),
        };
        int status, flushed;

        if (call->out.json) {
                json_begin_object(&scan.json, NULL);
                json_begin_list(&scan.json, "tokens");
        }
        status = scan_files(&scan);
        if (call->out.json) {
                json_end_list(&scan.json);
                json_bool(&scan.json, "complete", !scan.unread && status == STATUS_DONE);
                json_end_object(&scan.json);
        }
        flushed = output_flush(&call->out, &call->error);
        buffer_wipe(&scan.ended);
        if (status == STATUS_DONE)
                status = flushed;
        return status == STATUS_DONE ? conclude(&scan) : status;
}

const struct command cmd_scan[] = {
        {
                .noun = "scan",
                .run = scan,
                .summary = "Finds tokens in files, by their form and checksum, without a daemon.",
                .details = "Prints FILE:LINE: KEY_ID for each, never the token; - is standard "
                           "input. Exit "
                           "status 0: none found; 1: some were found; 2: none found, but a file "
                           "could not be "
                           "read. With --revoke (root) each is ended at once.",
                .args = {{"FILE", NULL, ARG_FILE, ARG_REPEATS, 0, "a file to search, or -"},
                         {"--revoke", NULL, ARG_FLAG, 0, 0, "revoke what is found (root)"}},
        },
        {0},
};
