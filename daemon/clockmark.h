/*
 * The clock's high-water mark (orgtokend(8), TROUBLE): judging time is the later of the clock
 * and the mark, so that a step back revives nothing; the mark follows the clock only after realtime
 * and boottime have agreed for five minutes, so that one wild forward jump ends nothing for good.
 * Time is passed in. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CLOCKMARK_AGREE_SECONDS 300
#define CLOCKMARK_SAVE_SECONDS  60
#define CLOCKMARK_SLACK_SECONDS 2

struct clockmark {
        int64_t mark;       /* 0: none yet */
        int64_t saved;      /* the mark as stored */
        int64_t saved_boot; /* boottime of the last save */
        int64_t base_real;  /* where the present agreement began */
        int64_t base_boot;
        bool started;
};

void clockmark_init(struct clockmark *c, int64_t stored_mark);
/* A store was opened anew: its mark where that is the later one, else the one in memory, to be
   saved in it. */
void clockmark_adopt(struct clockmark *c, int64_t stored_mark);
/* Tells the two clocks (seconds); call at each request and each minute. Gives the judging time. */
int64_t clockmark_tick(struct clockmark *c, int64_t realtime, int64_t boottime);
/* True where the mark should be saved now; *ret is what to save. */
bool clockmark_wants_save(struct clockmark *c, int64_t boottime, int64_t *ret);
/* Forgets the mark: `clock reset`. */
void clockmark_reset(struct clockmark *c, int64_t realtime, int64_t boottime);
