/*
 * Help, printed from the table of commands: about everything, about a noun, about one command.
 */
#pragma once

#include "cli/args.h"
#include "cli/buffer.h"

/* What args asks about. width 0: 80 columns. */
void help_put(struct buffer *b, const struct args *args, unsigned width);

/* The line "orgtoken key create ORG --name NAME [--expires WHEN] …" without a newline. */
void help_put_usage(struct buffer *b, const struct command *c);
