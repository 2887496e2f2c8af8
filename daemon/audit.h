/*
 * The record of a decision or a change: what it holds, and where it goes (the journal, or stderr
 * where there is none). Every field passes logsafe; no secret has a type that fits in here.
 */
#pragma once

#include <stdint.h>

#include "common/view.h"

/* Fixed for ever; documented in orgtokend(8). */
#define AUDIT_ID_DECISION "6f1d2a0c5b8e4c7f9a3d1e5b7c90f214"
#define AUDIT_ID_CHANGE   "b2c47e19d06a4f58a1c3e8f70d924b6e"
#define AUDIT_ID_SESSION  "0d9e6c52b7134e0fb8a64d13f2a7c985"
#define AUDIT_ID_ENDED    "7a41c0de95b24f3c8e6d2b19f0a3c586"
#define AUDIT_ID_STORE    "e84a1f7730cd4d6c9b25a06e5d18f3c1"
#define AUDIT_ID_EXPIRING "3c5f9b24e1a84760b7d28c0f64ea1d93"

/* One record; texts are borrowed and may be absent. */
struct audit_record {
        const char *message_id;
        int priority; /* syslog(3) level */
        struct view
                message; /* one line for people; made by the writer of the record, logsafe inside */
        struct view verb;   /* ORGTOKEN_VERB, a change: "org create" */
        struct view key_id; /* ORGTOKEN_KEY_ID … */
        struct view org;
        struct view user;
        struct view account;
        struct view service;
        struct view source;
        struct view actor;
        struct view verdict;
        struct view reason;
        struct view reference;
        struct view tty;
        int64_t caller_uid; /* -1: none */
        int64_t caller_pid; /* 0: none */
};

/* Writes it. Never fails: what cannot be logged is counted and told with the next. Any thread. */
void audit_write(const struct audit_record *record);
