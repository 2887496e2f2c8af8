/*
 * Reading a token from standard input: a line of a pipe, or from a terminal without echo. The
 * terminal is put right again whatever ends the wait, a signal included.
 */
#pragma once

#include "common/secret.h"

/* Reads the first line, without its end, into ret, whose size bounds it: what is longer comes cut,
   and is no token. prompt is printed on the terminal only. 0; -ENODATA: nothing came; -EINTR: a
   signal that was not fatal; another errno of read(2). */
int secretin_read(const char *prompt, struct secret_buffer *ret);
