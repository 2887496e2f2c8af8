#include "cli/suggest.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "common/name.h"

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

/* "ogr" for "org": one slip of the fingers, though two characters are wrong. */
static bool is_swapped(struct view a, struct view b)
{
        size_t i = 0;

        if (a.len != b.len)
                return false;
        while (i < a.len && a.ptr[i] == b.ptr[i])
                i++;
        return i + 1 < a.len && a.ptr[i] == b.ptr[i + 1] && a.ptr[i + 1] == b.ptr[i] &&
               memcmp(a.ptr + i + 2, b.ptr + i + 2, a.len - i - 2) == 0;
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

        if (means_the_same(s->word, view_of(candidate)) || is_swapped(s->word, view_of(candidate)))
                distance = 0;
        if (distance >= s->distance)
                return;
        s->distance = distance;
        s->best = candidate;
}
