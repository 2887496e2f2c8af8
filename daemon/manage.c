#include "daemon/manage.h"

#include <errno.h>
#include <stdlib.h>

#include "common/wirebuf.h"
#include "daemon/manage_internal.h"

enum mode {
        MODE_READ = 1, /* one consistent state of the store */
        MODE_WRITE,    /* one transaction: all of it, or nothing */
        MODE_MINT,     /* the same, not synced: its token counts only once it is acknowledged */
        MODE_PLAIN,    /* neither: the verb does without */
};

struct verb {
        int (*handler)(struct manage_op *op);
        enum mode mode;
        enum wire_field noun; /* the field whose name the user database is asked about; 0: none */
};

/* A verb without a row is refused: those of the other socket, and ACK, which only follows a
 * NEW_TOKEN. */
static const struct verb verbs[WIRE_VERB_COUNT] = {
        [WIRE_V_STATUS] = {manage_status, MODE_READ, 0},
        [WIRE_V_WHOAMI] = {manage_whoami, MODE_READ, 0},
        [WIRE_V_CHECK] = {manage_check, MODE_READ, 0},
        [WIRE_V_ORG_CREATE] = {manage_org_create, MODE_WRITE, 0},
        [WIRE_V_ORG_LIST] = {manage_org_list, MODE_READ, 0},
        [WIRE_V_ORG_SHOW] = {manage_org_show, MODE_READ, 0},
        [WIRE_V_ORG_DELETE] = {manage_org_delete, MODE_WRITE, 0},
        [WIRE_V_ORG_SET] = {manage_org_set, MODE_WRITE, 0},
        [WIRE_V_ORG_SUSPEND] = {manage_org_suspend, MODE_WRITE, 0},
        [WIRE_V_ORG_RESUME] = {manage_org_resume, MODE_WRITE, 0},
        [WIRE_V_USER_LIST] = {manage_user_list, MODE_READ, 0},
        [WIRE_V_USER_SUSPEND] = {manage_user_suspend, MODE_WRITE, 0},
        [WIRE_V_USER_RESUME] = {manage_user_resume, MODE_WRITE, 0},
        [WIRE_V_USER_REASSIGN] = {manage_user_reassign, MODE_WRITE, WIRE_F_USER},
        [WIRE_V_USER_REMOVE] = {manage_user_remove, MODE_WRITE, 0},
        [WIRE_V_MEMBER_ADD] = {manage_member_add, MODE_WRITE, WIRE_F_USER},
        [WIRE_V_MEMBER_SET] = {manage_member_set, MODE_WRITE, 0},
        [WIRE_V_MEMBER_REMOVE] = {manage_member_remove, MODE_WRITE, 0},
        [WIRE_V_MEMBER_LIST] = {manage_member_list, MODE_READ, 0},
        [WIRE_V_ACCOUNT_BIND] = {manage_account_bind, MODE_WRITE, WIRE_F_ACCOUNT},
        [WIRE_V_ACCOUNT_UNBIND] = {manage_account_unbind, MODE_WRITE, 0},
        [WIRE_V_ACCOUNT_RELEASE] = {manage_account_release, MODE_WRITE, 0},
        [WIRE_V_ACCOUNT_LIST] = {manage_account_list, MODE_READ, 0},
        [WIRE_V_KEY_CREATE] = {manage_key_create, MODE_MINT, 0},
        [WIRE_V_KEY_LIST] = {manage_key_list, MODE_READ, 0},
        [WIRE_V_KEY_REVOKE] = {manage_token_revoke, MODE_WRITE, 0},
        [WIRE_V_PAT_CREATE] = {manage_pat_create, MODE_MINT, WIRE_F_USER},
        [WIRE_V_PAT_LIST] = {manage_pat_list, MODE_READ, 0},
        [WIRE_V_PAT_RENAME] = {manage_pat_rename, MODE_WRITE, 0},
        [WIRE_V_PAT_REVOKE] = {manage_token_revoke, MODE_WRITE, 0},
        [WIRE_V_ROTATE] = {manage_rotate, MODE_MINT, 0},
        [WIRE_V_REVOKE_ALL] = {manage_revoke_all, MODE_WRITE, 0},
        [WIRE_V_HOST_SHOW] = {manage_host_show, MODE_READ, 0},
        [WIRE_V_HOST_SET] = {manage_host_set, MODE_WRITE, 0},
        [WIRE_V_CLOCK_RESET] = {manage_clock_reset, MODE_WRITE, 0},
        [WIRE_V_BACKUP] = {manage_backup, MODE_PLAIN, 0},
        [WIRE_V_GUARDED_LIST] = {manage_guarded_list, MODE_READ, 0},
        [WIRE_V_REVOKE_TOKEN] = {manage_revoke_token, MODE_WRITE, 0},
        [WIRE_V_NOTIFY] = {manage_notify, MODE_PLAIN, 0},
};

/* What can be refused without knowing more of the caller than the uid. */
static int check_verb(struct manage_op *op, const struct verb *verb)
{
        if (access_uid_is_nobody(op->call->uid))
                return manage_refuse(op, MANAGE_NOT_ALLOWED,
                                     "your uid is nobody's on this host: nothing is done for it");
        if (!verb->handler || access_roles(op->request.verb) == 0)
                return manage_refuse(
                        op, MANAGE_BAD_REQUEST,
                        "that is no request of this socket: is orgtoken as new as the daemon?");
        /* Said before anything is looked up, so that the answer is the same whether the noun
         * exists. */
        if (access_roles(op->request.verb) == ACCESS_ROOT && !op->is_root)
                return manage_refuse(op, MANAGE_NOT_ALLOWED,
                                     "only root may do that: try again with sudo");
        return 0;
}

/* Asks about the name in the request, where it can be one at all: the verb says what is wrong with
 * it. */
static int ask_about_noun(struct manage_op *op, enum wire_field noun)
{
        struct view name = wire_text(&op->request, noun);
        char copy[NAME_USER_MAX + 1];

        op->passwd = (struct manage_passwd){.uid = -1};
        if (noun == 0 || !wire_has(&op->request, noun))
                return 0;
        if (!name_is_user(name) || !view_copy(name, copy, sizeof(copy)))
                return 0;
        return op->m->user_by_name(op->m->context, copy, &op->passwd);
}

/* The user database may be a directory on the network: it is asked before a transaction is open,
   and STATUS, which must answer when all else is broken, does not need it. */
static int ask_user_database(struct manage_op *op, const struct verb *verb)
{
        int r;

        if (op->request.verb == WIRE_V_STATUS)
                return 0;
        r = op->m->user_by_uid(op->m->context, op->call->uid, op->name);
        if (r < 0 && r != -ENOENT)
                return r;
        /* A login name that is none of ours ("DOM\\alice") is none. */
        op->has_name = r == 0 && name_is_user(view_of(op->name));
        return ask_about_noun(op, verb->noun);
}

/* Pages of a list are each of one moment, not all of the same. */
static int run_read(struct manage_op *op, const struct verb *verb)
{
        int r = store_read_begin(op->s.reader);

        if (r < 0)
                return r;
        r = verb->handler(op);
        store_read_end(op->s.reader);
        return r;
}

/* The handler sees its own changes; the reply is true only when the commit has returned. */
static int run_write(struct manage_op *op, const struct verb *verb)
{
        struct store_reader *outside = op->s.reader;
        int64_t revision = 0;
        int r;

        if (!op->s.writer)
                return -EROFS;
        r = verb->mode == MODE_MINT ? store_write_begin_unsynced(op->s.writer)
                                    : store_write_begin(op->s.writer);
        if (r < 0)
                return r;
        op->s.reader = store_writer_reader(op->s.writer);
        r = verb->handler(op);
        if (r == 0)
                r = store_write_commit(op->s.writer, &revision);
        if (r != 0)
                store_write_rollback(op->s.writer);
        op->s.reader = outside;
        if (r == 0 && op->changed)
                op->reply->revision = revision;
        return r;
}

static int run_verb(struct manage_op *op)
{
        const struct verb *verb = &verbs[op->request.verb];
        int r = check_verb(op, verb);

        if (r == 0)
                r = ask_user_database(op, verb);
        if (r == 0)
                r = manage_identify(op);
        if (r != 0)
                return r;
        switch (verb->mode) {
        case MODE_READ: return run_read(op, verb);
        case MODE_WRITE:
        case MODE_MINT:
                r = run_write(op, verb);
                if (r == 0)
                        manage_end_sessions(op);
                return r;
        case MODE_PLAIN: return verb->handler(op);
        }
        return -EINVAL;
}

/* A store that cannot be written is no secret and no verdict: said in words, since verification
 * goes on. */
static int refuse_unwritable(struct manage_op *op, int error)
{
        if (error == -ENOSPC || error == -EDQUOT)
                return manage_refuse(
                        op, MANAGE_STORE_FULL,
                        "the disk of the store is full: nothing was changed, tokens go on being "
                        "accepted; make room and try again");
        if (error == -EROFS)
                return manage_refuse(
                        op, MANAGE_READ_ONLY,
                        "the store cannot be written: nothing was changed, tokens go on being "
                        "accepted; make its file system writable and try again");
        return error;
}

/* The answer where the verb gave none. */
static int answer_failure(struct manage_op *op, int result)
{
        struct wire_message m;

        /* What the verb had put together, a token even, is not true now. */
        manage_reply_wipe(op->reply);
        manage_reply_init(op->reply);
        if (result < 0) {
                manage_answer(op, WIRE_UNAVAILABLE, &m);
                return manage_reply_add(op->reply, &m);
        }
        manage_answer(op, WIRE_REFUSED, &m);
        manage_put(&m, WIRE_F_REASON, manage_reason_to_string(op->reason));
        manage_put(&m, WIRE_F_MESSAGE, op->message);
        return manage_reply_add(op->reply, &m);
}

/* Records what came of it, and answers where that is still to be done. */
static int finish(struct manage_op *op, int result)
{
        free(op->memberships);
        op->memberships = NULL;
        free(op->sessions);
        op->sessions = NULL;
        if (result < 0)
                result = refuse_unwritable(op, result);
        if (result == 0) {
                if (op->changed || op->noted)
                        manage_audit_change(op);
                return 0;
        }
        if (result < 0)
                manage_audit_failure(op, result);
        else
                manage_audit_refusal(op);
        return answer_failure(op, result);
}

/* A packet that is no request. Where at least its header can be read, an older or newer command
   gets a sentence; what is no packet of ours gets nothing, and the reply stays empty. */
static int answer_undecodable(struct manage_op *op)
{
        struct wirebuf_reader r;
        struct view nonce;
        unsigned verb;

        wirebuf_reader_init(&r, op->call->packet.ptr, op->call->packet.len);
        (void)wirebuf_get_u32(&r);
        verb = wirebuf_get_u16(&r);
        (void)wirebuf_get_u16(&r);
        nonce = wirebuf_get_bytes(&r, WIRE_NONCE_LEN);
        if (r.failed || !wire_verb_is_valid(verb))
                return 0;
        wire_init(&op->request, WIRE_REQUEST, (enum wire_verb)verb, (const uint8_t *)nonce.ptr);
        return finish(op,
                      manage_refuse(op, MANAGE_BAD_REQUEST,
                                    "this daemon does not understand that request: is orgtoken as "
                                    "new as the daemon?"));
}

int manage_run(struct manage *m, const struct manage_call *call, struct manage_reply *ret)
{
        struct manage_op op = {
                .m = m,
                .call = call,
                .reply = ret,
                .s = m->sealed,
                .is_root = call->uid == 0 || (m->private_uid >= 0 && call->uid == m->private_uid),
        };

        manage_reply_init(ret);
        if (wire_decode(call->packet.ptr, call->packet.len, &op.request) < 0 ||
            op.request.magic != WIRE_REQUEST)
                return answer_undecodable(&op);
        return finish(&op, run_verb(&op));
}
