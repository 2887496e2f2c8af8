#include "cli/suggest.h"

#include "common/name.h"

#include <stdbool.h>

/* Words that people bring along from other programs; each row is one meaning. */
static const char *const same[][8] = {
        {"create", "add", "new", "make", "mint", "generate", "bind"},
        {"revoke", "delete", "remove", "rm", "del", "unbind", "destroy", "drop"},
        {"list", "ls", "all", "show"},
        {"show", "get", "info", "describe", "cat"},
        {"set", "edit", "update", "modify", "change", "config"},
        {"suspend", "disable", "lock", "pause"},
        {"resume", "enable", "unlock", "unsuspend"},
        {"rename", "mv", "title"},
        {"rotate", "renew", "roll", "refresh"},
        {"org", "orgs", "organisation", "organization", "group"},
        {"key", "ak", "apikey", "api-key", "keys"},
        {"pat", "token", "tokens", "personal", "pats"},
        {"check", "verify", "explain", "test", "why"},
        {"user", "users"},
        {"account", "accounts", "role"},
        {"member", "members", "membership"},
        {"whoami", "me", "id"},
};

static bool row_has(const char *const *row, struct view word)
{
        for (size_t i = 0; i < 8 && row[i]; i++)
                if (view_equal_str(word, row[i]))
                        return true;
        return false;
}

static bool means_the_same(struct view a, struct view b)
{
        for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
                if (row_has(same[i], a) && row_has(same[i], b))
                        return true;
        return false;
}

struct suggest suggest_for(const char *word)
{
        struct suggest s = {.word = view_of(word)};

        /* One slip in four letters, two in longer words: more is another word. */
        s.distance = (s.word.len <= 2 ? 1 : s.word.len <= 4 ? 2 : 3);
        return s;
}

void suggest_offer(struct suggest *s, const char *candidate)
{
        unsigned distance = name_distance(s->word, view_of(candidate));

        if (means_the_same(s->word, view_of(candidate)))
                distance = distance > 1 ? 1 : distance;
        if (distance >= s->distance)
                return;
        s->distance = distance;
        s->best = candidate;
}
