#include "daemon/clockmark.h"

/* Begins a new agreement at this moment. */
static void begin(struct clockmark *c, int64_t realtime, int64_t boottime)
{
        c->base_real = realtime;
        c->base_boot = boottime;
        c->started = true;
}

/* Have both clocks gone equally far since the agreement began? */
static bool agree(const struct clockmark *c, int64_t realtime, int64_t boottime)
{
        int64_t real, boot, apart;

        /* A distance that no number holds is certainly no agreement. */
        if (__builtin_sub_overflow(realtime, c->base_real, &real) ||
            __builtin_sub_overflow(boottime, c->base_boot, &boot) ||
            __builtin_sub_overflow(real, boot, &apart))
                return false;
        /* boottime never runs backwards; a caller's mistake must not make the mark follow. */
        return boot >= 0 && apart >= -CLOCKMARK_SLACK_SECONDS && apart <= CLOCKMARK_SLACK_SECONDS;
}

void clockmark_init(struct clockmark *c, int64_t stored_mark)
{
        *c = (struct clockmark){.mark = stored_mark, .saved = stored_mark};
}

void clockmark_adopt(struct clockmark *c, int64_t stored_mark)
{
        if (stored_mark >= c->mark)
                clockmark_init(c, stored_mark);
        else
                c->saved = stored_mark;
}

int64_t clockmark_tick(struct clockmark *c, int64_t realtime, int64_t boottime)
{
        /* boottime and not the monotonic clock: it goes on while the machine sleeps, as realtime
           does, so that waking up is no jump. */
        if (!c->started || !agree(c, realtime, boottime))
                begin(c, realtime, boottime);
        else if (boottime - c->base_boot >= CLOCKMARK_AGREE_SECONDS && realtime > c->mark)
                c->mark = realtime;
        /* The clock itself counts at once where it is ahead: only what is kept waits. */
        return realtime > c->mark ? realtime : c->mark;
}

bool clockmark_wants_save(struct clockmark *c, int64_t boottime, int64_t *ret)
{
        if (c->mark <= c->saved)
                return false;
        /* Counted by boottime, which nobody steps: a clock that is set to and fro costs no writes.
         */
        if (c->saved_boot != 0 && boottime - c->saved_boot < CLOCKMARK_SAVE_SECONDS)
                return false;
        c->saved = c->mark;
        c->saved_boot = boottime;
        *ret = c->mark;
        return true;
}

void clockmark_reset(struct clockmark *c, int64_t realtime, int64_t boottime)
{
        clockmark_init(c, 0);
        /* The clock that root has just declared right has to agree for its five minutes as well. */
        begin(c, realtime, boottime);
}
