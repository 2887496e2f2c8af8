/*
 * The questions of ssh(1): which of them ask for a login's password, and for whom on which host.
 * Only what ssh itself wrote is believed; what a server wrote comes behind it. Pure.
 */
#pragma once

#include "common/view.h"

/* Views into the text of the prompt. */
struct prompt {
        struct view user, host;
};

/* "USER@HOST's password: " (method password) and "(USER@HOST) Password: " (keyboard-interactive,
   where the server chose what stands behind the blank). 0 and *ret; -ENOMSG for every other
   question: host keys, passphrases, PINs, a change of password, another server text. */
int prompt_parse(struct view text, struct prompt *ret);
