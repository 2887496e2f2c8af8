/*
 * The values on the command line, kind by kind: text to number, and what to say where it is none.
 * Names are not judged here, the daemon does that; only that they can travel at all. Pure.
 */
#pragma once

#include "cli/args.h"

/* Parses given->text by the kind of given->arg into number and field. STATUS_DONE, or STATUS_USAGE
   with the error set. */
int value_parse(struct arg_given *given, int64_t now, struct error *e);

/* STATUS_DONE where the text fits a message, else STATUS_REFUSED with the error set. */
int value_travels(const struct arg_given *given, struct error *e);
