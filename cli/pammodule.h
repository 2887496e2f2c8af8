/*
 * What is known of other people's PAM modules, as far as it matters to ours: which of them ask for
 * the password or read the one that was typed, which look whether an account may be used, and what
 * they answer. A table; nothing is loaded.
 */
#pragma once

#include <stdbool.h>

#include "cli/pamstack.h"

/* Asks for the password. One that only takes what another has asked for gets no token. */
bool pammodule_asks(const struct pamstack_line *l);
/* The same, and hands it to another host or to a program. */
bool pammodule_asks_elsewhere(const struct pamstack_line *l);
/* False: nobody knows whether it asks. */
bool pammodule_is_known(const struct pamstack_line *l);
/* Says in the account phase whether the account is there and has not expired. */
bool pammodule_looks_at_account(const struct pamstack_line *l);

/* What it answers in this phase to an ordinary caller, where the password does not matter. Those
   that go by who calls and from where say `depends`. */
int pammodule_answer(const struct pamstack_line *l, int depends);
