#include "cli/pamwalk.h"

#include <string.h>

enum impression { UNDEFINED, POSITIVE, NEGATIVE };

/* What is known on the way. */
struct state {
        enum impression impression;
        int status;
        const struct pamstack_line *decided;
};

struct walker {
        const struct pamstack *stack;
        enum pamstack_phase phase;
        struct state now;
        struct state outside[PAMSTACK_DEPTH_MAX + 1]; /* where a substack began */
        struct pamwalk *result;
};

/* The next line of the phase behind `at`; the stack's count behind the last. */
static size_t next_line(const struct walker *w, size_t at)
{
        do
                at++;
        while (at < w->stack->count && w->stack->lines[at].phase != w->phase);
        return at;
}

static unsigned level_of(const struct walker *w, size_t at)
{
        return w->stack->lines[at].level;
}

static bool is_inside(const struct walker *w, size_t at, unsigned level)
{
        return at < w->stack->count && level_of(w, at) >= level;
}

/* Over `count` lines of this level, each substack counted as its one line. The last line that is
   passed over, or *ret_bad where there are not so many. */
static size_t jump(const struct walker *w, size_t at, int count, bool *ret_bad)
{
        unsigned level = level_of(w, at);

        while (count > 0 && is_inside(w, next_line(w, at), level)) {
                do
                        at = next_line(w, at);
                while (is_inside(w, next_line(w, at), level + 1));
                count--;
        }
        *ret_bad = count > 0;
        return at;
}

/* A decision ends the substack that it is made in, and the whole where it is made in none. */
static size_t end_of_level(const struct walker *w, size_t at)
{
        unsigned level = level_of(w, at);

        while (is_inside(w, next_line(w, at), level))
                at = next_line(w, at);
        return at;
}

static void take_good(struct walker *w, const struct pamstack_line *l, int code)
{
        struct state *s = &w->now;

        if (s->impression != UNDEFINED &&
            !(s->impression == POSITIVE && s->status == PAMSTACK_SUCCESS))
                return;
        *s = (struct state){POSITIVE, code, l};
}

static void take_bad(struct walker *w, const struct pamstack_line *l, int code)
{
        if (w->now.impression == NEGATIVE)
                return;
        w->now = (struct state){NEGATIVE, code == PAMSTACK_IGNORE ? PAMSTACK_PERM_DENIED : code, l};
}

/* What the line does with its answer; returns the line to go on behind. */
static size_t act(struct walker *w, size_t at, int code, int action)
{
        const struct pamstack_line *l = &w->stack->lines[at];
        bool bad = false;
        size_t to;

        switch (action) {
        case PAMSTACK_DO_IGNORE: return at;
        case PAMSTACK_DO_OK: take_good(w, l, code); return at;
        case PAMSTACK_DO_DONE:
                take_good(w, l, code);
                return w->now.impression == POSITIVE ? end_of_level(w, at) : at;
        case PAMSTACK_DO_BAD: take_bad(w, l, code); return at;
        case PAMSTACK_DO_DIE: take_bad(w, l, code); return end_of_level(w, at);
        case PAMSTACK_DO_RESET: w->now = w->outside[l->level]; return at;
        default: break;
        }
        to = jump(w, at, action, &bad);
        if (bad) {
                w->now = (struct state){NEGATIVE, PAMSTACK_PERM_DENIED, l};
                w->result->bad_jump = l;
        }
        return to;
}

void pamwalk_run(const struct pamstack *s, enum pamstack_phase phase, pamwalk_answer answer,
                 void *context, struct pamwalk *ret)
{
        const struct state nothing = {UNDEFINED, PAMSTACK_PERM_DENIED, NULL};
        struct walker w = {.stack = s, .phase = phase, .now = nothing, .result = ret};
        unsigned level = 0;

        *ret = (struct pamwalk){.status = PAMSTACK_PERM_DENIED};
        w.outside[0] = nothing;
        for (size_t at = next_line(&w, (size_t)-1); at < s->count; at = next_line(&w, at)) {
                const struct pamstack_line *l = &s->lines[at];
                int code = PAMSTACK_PERM_DENIED;

                if (l->level > level)
                        w.outside[l->level] = w.now;
                level = l->level;
                ret->ran[at] = true;
                if (l->kind == PAMSTACK_SUBSTACK)
                        continue;
                if (l->kind == PAMSTACK_MODULE)
                        code = answer(context, l);
                /* Asked again later: libpam hands it up at once. */
                if (code == PAMSTACK_INCOMPLETE) {
                        ret->status = code;
                        ret->decided = l;
                        return;
                }
                at = act(&w, at, code, l->actions[code]);
        }
        ret->status = w.now.status;
        ret->decided = w.now.decided;
        if (ret->status == PAMSTACK_SUCCESS && w.now.impression != POSITIVE)
                ret->status = PAMSTACK_PERM_DENIED;
}
