/*
 * A table for people: columns aligned, cut where the terminal is too narrow, and turned into one
 * block a row where even that is not enough. Rows go into a buffer as soon as the widths are
 * settled, so that a list of a million rows begins at once and is never held in memory. Owns layout
 * only: no terminal is asked here and nothing is written.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cli/buffer.h"
#include "common/view.h"

#define TABLE_COLUMNS_MAX 8

enum style { STYLE_PLAIN = 0, STYLE_TITLE, STYLE_GOOD, STYLE_WARN, STYLE_BAD, STYLE_DIM };

struct table_column {
        const char *title;
        unsigned least; /* may be cut to so many columns; 0: never cut */
        bool optional;  /* left out of a short table where no row has anything in it */
};

struct table;

/* width 0: as wide as it gets (a pipe). columns (up to TABLE_COLUMNS_MAX) and out are borrowed.
   NULL without memory. */
struct table *table_new(const struct table_column *columns, size_t count, unsigned width,
                        bool colour, struct buffer *out);
struct table *table_free(struct table *t);
DEFINE_CLEANUP(struct table *, table_free);

/* The next cell of the row; any text, it is made safe here. A row has as many cells as columns. */
void table_cell(struct table *t, enum style style, struct view text);
void table_cell_str(struct table *t, enum style style, const char *text);

/* The end of the list: whatever was kept for the layout is written. Nothing at all for no rows. */
void table_end(struct table *t);

/* Appends text in a style; colour false: plainly. */
void table_put_styled(struct buffer *out, bool colour, enum style style, struct view safe);
