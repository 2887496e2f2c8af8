/*
 * The verbs of verify.sock, from decoded request to encoded answer: the decision, the ticket,
 * the grants. Reads only; what has to be written or logged is left in `verifier_after` and done
 * when the answer has been sent. Runs on the event loop's thread.
 */
#pragma once

#include "daemon/clockmark.h"
#include "daemon/grant.h"
#include "daemon/ticket.h"
#include "daemon/usage.h"
#include "daemon/verify.h"

struct verifier {
        struct sealed sealed; /* reader only; borrowed */
        struct grant_table *grants;
        struct usage *usage;
        int64_t private_uid;  /* the uid that counts as root besides 0; -1: none */
        int64_t verdicts[16]; /* counters by enum verdict; [0] unavailable */
};

struct verifier_call {
        int64_t uid; /* the kernel's word for who is calling */
        int64_t pid;
        int64_t now;   /* judging time */
        int64_t clock; /* the clock itself, recorded as the time of use */
};

/* What to do after the reply. Plain data: texts are copied out of the request. */
struct verifier_after {
        bool audit;
        enum wire_verb verb;
        struct verify_output output;
        int error; /* negative: answered "unavailable" for this reason */
        bool note_use;
        struct record_last_use use;
        bool write_grant;
        struct record_grant grant;
        bool drop_grant;
        bool keep_session;
        struct record_session session;
        char account[NAME_ITEM_MAX + 1];
        char actor[NAME_ITEM_MAX + 1];
        char service[NAME_ITEM_MAX + 1];
        char source[64];
        char tty[64];
        char reference[WIRE_REFERENCE_SIZE];
        int64_t uid;
        int64_t pid;
};

/* Fills the answer, and what is to be done after it. *reply is UNAVAILABLE until the one line that
   says otherwise. Texts in the reply point into `texts`. */
struct verifier_texts {
        struct verify_output output;
        uint8_t ticket[TICKET_LEN];
};
void verifier_handle(struct verifier *v, const struct verifier_call *call,
                     const struct wire_message *request, struct wire_message *reply,
                     struct verifier_texts *texts, struct verifier_after *after);

/* Writes the audit record and notes the use. Grants and sessions are the caller's to hand to the
 * worker.
 */
void verifier_finish(struct verifier *v, const struct verifier_after *after);
