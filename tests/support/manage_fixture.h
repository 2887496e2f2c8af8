/*
 * The management verbs in one process: a store, a user database of a few names, a clock that only
 * the test moves, and requests that go through the wire's encoding both ways. A program that uses
 * this defines audit_write() as a call of manage_fixture_record(): here it would take the place of
 * the real one in every test. Test code only: what fails here ends the test program.
 */
#pragma once

#include "daemon/audit.h"
#include "daemon/manage.h"
#include "tests/support/store_fixture.h"

#define MANAGE_PEOPLE_MAX  64
#define MANAGE_PACKETS_MAX 4096

/* Uids of the people that every fixture has. */
enum manage_person {
        PERSON_ROOT = 0,
        PERSON_ALICE = 1001, /* "alice" */
        PERSON_BOB = 1002,
        PERSON_CAROL = 1003,
        PERSON_DAVE = 1004,
        PERSON_NAMELESS = 4000, /* no login name */
        PERSON_NOBODY = 65534,
};

struct manage_person_entry {
        char name[NAME_USER_MAX + 1];
        int64_t uid;
};

/* A copy of the last record written, and how many there were. */
struct manage_records {
        unsigned changes, refusals, failures;
        char message[600];
        char verb[64], org[64], user[128], account[128], key_id[32], reason[64];
        int64_t uid;
};

struct manage_remote;

struct manage_fixture {
        struct store_fixture *store;
        struct manage_remote *remote; /* NULL: in this process; see manage_remote.h */
        struct manage manage;
        int64_t now; /* clock and judging time, unless mark is later */
        int64_t mark;
        struct manage_status status;
        const struct manage_uses *uses; /* noted and not stored yet; NULL: none */
        void (*faults)(bool on);        /* called around each call of what is tested; NULL: not */
        struct manage_person_entry people[MANAGE_PEOPLE_MAX];
        size_t people_count;
        int database_error; /* what the user database answers; 0: it works */
        unsigned repeats;   /* so many draws of the random source are all the same */
        uint64_t random;    /* its state */

        struct wire_message request; /* the one in the making */
        struct manage_reply reply;   /* of the last page */
        size_t pages, longest_page;

        /* The answer, decoded: rows first, then the packet that ends it. Views live until the next
         * call. */
        size_t packet_count;
        struct wire_message *packets;
        unsigned char *bytes;
        size_t bytes_len, bytes_size;
};

extern struct manage_records manage_records;
void manage_fixture_record(const struct audit_record *record);

struct manage_fixture *manage_fixture_new(void);
/* For manage_remote_new(): the people and room for an answer. */
struct manage_fixture *manage_fixture_new_without_store(void);
void manage_fixture_decode(struct manage_fixture *f);
struct manage_fixture *manage_fixture_free(struct manage_fixture *f);

/* Adds a name to the user database, or gives it another uid; uid -1 removes it. */
void person(struct manage_fixture *f, const char *name, int64_t uid);

/* Begins a request; set adds fields to it. */
void ask(struct manage_fixture *f, enum wire_verb verb);
void set_text(struct manage_fixture *f, enum wire_field field, const char *text);
void set_number(struct manage_fixture *f, enum wire_field field, int64_t number);
void set_list(struct manage_fixture *f, enum wire_field field, const char *entry);
/* Runs it as that uid, all pages of it. Gives the magic of the packet that ends the answer. */
uint32_t run_as(struct manage_fixture *f, int64_t uid);
/* The packet that ends the answer, or a row of it. */
const struct wire_message *answer(const struct manage_fixture *f);
const struct wire_message *row(const struct manage_fixture *f, size_t i);
size_t row_count(const struct manage_fixture *f);
/* The reason of a refusal as a string, "" for none. Static storage. */
const char *reason(const struct manage_fixture *f);
/* A text field as a string, "" where it is not there. Static storage, of the last eight calls. */
const char *text_of(const struct wire_message *m, enum wire_field field);
int64_t revision(struct manage_fixture *f);

/* Runs it, and says whether all is as it should be: done (DONE, END or NEW_TOKEN), or refused for
   exactly that reason, with a sentence of one line, the revision as it was, and a record of it.
   Prints what is not. */
bool is_done(struct manage_fixture *f, int64_t uid);
bool is_refused(struct manage_fixture *f, int64_t uid, const char *expected_reason);

/* Acknowledges the token of the last answer, as the client does, or (packet false) as a connection
   that went away. Gives the magic of the answer, 0 for none. */
uint32_t acknowledge(struct manage_fixture *f, bool accepted, bool with_packet);

/* ---- whole verbs, for setting the scene; each ends the program where it is refused ---- */

void make_org(struct manage_fixture *f, const char *org);
void make_member(struct manage_fixture *f, const char *org, const char *user, enum role role);
void bind_account(struct manage_fixture *f, const char *org, const char *account);
/* Makes a token and acknowledges it; gives its id, and its key id where wanted. life 0: never. */
int64_t make_key(struct manage_fixture *f, int64_t uid, const char *org, const char *name,
                 int64_t life, char ret_key_id[static TOKEN_KEY_ID_SIZE]);
int64_t make_pat(struct manage_fixture *f, int64_t uid, const char *name, int64_t life,
                 char ret_key_id[static TOKEN_KEY_ID_SIZE]);
