/*
 * Text for people's terminals: what of foreign text may be printed as it is, how many columns it
 * takes, where a line may be broken. Names come from other people; nothing here lets a control
 * character, a change of direction or a broken sequence through.
 */
#pragma once

#include <stdbool.h>

#include "cli/buffer.h"
#include "common/view.h"

/* Prepares the widths of characters; once, at the start. Changes nothing that other code can see
   but the character classification of the C library. */
void text_init(void);

/* One character from the front of *rest: its bytes (one byte where they are no UTF-8) and whether
   it may be printed as it is. False at the end. */
bool text_next(struct view *rest, struct view *ret_bytes, bool *ret_printable);

/* Appends text with everything that may not be printed as "\xNN", byte by byte. */
void text_put_safe(struct buffer *b, struct view text);

/* Columns that safe text takes. */
unsigned text_width(struct view safe);

/* Appends safe text cut to `columns`, with "…" as its last character where something was left out.
 */
void text_put_cut(struct buffer *b, struct view safe, unsigned columns);

/* Appends safe text broken at blanks to lines of `columns` (0: never broken), each but the first
   behind `indent` blanks; the first is already that far. A word that is too long stands alone. No
   newline at the end. */
void text_put_wrapped(struct buffer *b, struct view safe, unsigned indent, unsigned columns);
