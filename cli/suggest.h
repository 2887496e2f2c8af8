/*
 * What a mistyped word was meant to be: near by spelling, or another program's word for the same.
 * Pure.
 */
#pragma once

#include "common/view.h"

/* The best of some candidates, offered one by one. */
struct suggest {
        struct view word;
        const char *best; /* NULL: nothing is near */
        unsigned distance;
};

struct suggest suggest_for(const char *word);
/* Takes the candidate where it is nearer than what came before. */
void suggest_offer(struct suggest *s, const char *candidate);
