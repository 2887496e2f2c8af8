/*
 * The fixture of the management verbs against a daemon that runs: requests go over its socket, each
 * from the uid that it is said to come from, and the user database is this host's. Needs root, on a
 * throw-away copy of a host: it rewrites /etc/passwd. Test code only: what fails here ends the
 * program.
 */
#pragma once

#include "tests/support/manage_fixture.h"

/* A fixture that asks the daemon at this socket. Its store, its clock and its records are the
   daemon's: `now`, `mark` and manage_records say nothing. */
struct manage_fixture *manage_remote_new(const char *socket);

/* The steps behind manage_fixture.h where the fixture is remote. */
void manage_remote_person(struct manage_fixture *f);
void manage_remote_run(struct manage_fixture *f, int64_t uid);
uint32_t manage_remote_acknowledge(struct manage_fixture *f, bool accepted, bool with_packet);
int64_t manage_remote_revision(struct manage_fixture *f);
void manage_remote_close(struct manage_fixture *f);
