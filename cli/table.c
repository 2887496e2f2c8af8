#include "cli/table.h"

#include <stdlib.h>

#include "cli/text.h"

#define GAP        2   /* blanks between columns */
#define LOOK_ROWS  500 /* rows looked at before the widths are settled */
#define CARD_LEAST 12  /* columns of a block's value, however narrow the terminal */

struct cell {
        size_t start, len;
        unsigned width;
        enum style style;
};

struct table {
        const struct table_column *columns;
        size_t count;
        unsigned width; /* of the terminal; 0: no bound */
        bool colour;
        struct buffer *out;
        /* Cells whose rows are not written yet, and their texts behind each other. */
        struct buffer text;
        struct buffer cells; /* of struct cell */
        size_t cell_count;
        bool settled;
        bool cards;
        bool shown[TABLE_COLUMNS_MAX];
        unsigned widths[TABLE_COLUMNS_MAX];
        size_t rows_written;
};

struct table *table_new(const struct table_column *columns, size_t count, unsigned width,
                        bool colour, struct buffer *out)
{
        struct table *t = calloc(1, sizeof(*t));

        if (!t)
                return NULL;
        t->columns = columns;
        t->count = count < TABLE_COLUMNS_MAX ? count : TABLE_COLUMNS_MAX;
        t->width = width;
        t->colour = colour;
        t->out = out;
        return t;
}

struct table *table_free(struct table *t)
{
        if (!t)
                return NULL;
        buffer_wipe(&t->text);
        buffer_wipe(&t->cells);
        free(t);
        return NULL;
}

static const struct cell *cell_at(const struct table *t, size_t row, size_t column)
{
        return (const struct cell *)(const void *)t->cells.bytes + row * t->count + column;
}

static struct view cell_text(const struct table *t, const struct cell *c)
{
        return c->len > 0 ? (struct view){t->text.bytes + c->start, c->len} : VIEW("");
}

void table_put_styled(struct buffer *out, bool colour, enum style style, struct view safe)
{
        /* Bold, green, yellow, red, dim: the first eight colours only, which every theme can set.
         */
        static const char *const codes[] = {
                [STYLE_TITLE] = "1", [STYLE_GOOD] = "32", [STYLE_WARN] = "33",
                [STYLE_BAD] = "31",  [STYLE_DIM] = "2",
        };

        if (!colour || style == STYLE_PLAIN) {
                buffer_put_view(out, safe);
                return;
        }
        buffer_printf(out, "\033[%sm", codes[style]);
        buffer_put_view(out, safe);
        buffer_puts(out, "\033[0m");
}

/* Each column as wide as its widest cell or its title; a column that says nothing is left out, but
   only while the whole list is known. */
static void measure(struct table *t, size_t rows, bool complete)
{
        for (size_t i = 0; i < t->count; i++) {
                unsigned width = 0;

                for (size_t row = 0; row < rows; row++)
                        if (cell_at(t, row, i)->width > width)
                                width = cell_at(t, row, i)->width;
                t->shown[i] = width > 0 || !complete || !t->columns[i].optional;
                t->widths[i] = text_width(view_of(t->columns[i].title));
                if (width > t->widths[i])
                        t->widths[i] = width;
        }
}

static unsigned total_width(const struct table *t)
{
        unsigned total = 0;

        for (size_t i = 0; i < t->count; i++)
                if (t->shown[i])
                        total += t->widths[i] + (total > 0 ? GAP : 0);
        return total;
}

/* Takes one column of the terminal from the widest that may give one. False where none may. */
static bool shrink_widest(struct table *t)
{
        size_t widest = t->count;

        for (size_t i = 0; i < t->count; i++) {
                if (!t->shown[i] || t->columns[i].least == 0 || t->widths[i] <= t->columns[i].least)
                        continue;
                if (widest == t->count || t->widths[i] > t->widths[widest])
                        widest = i;
        }
        if (widest == t->count)
                return false;
        t->widths[widest]--;
        return true;
}

/* The widest title, for the left side of the blocks. */
static unsigned title_width(const struct table *t)
{
        unsigned most = 0;

        for (size_t i = 0; i < t->count; i++) {
                unsigned width = text_width(view_of(t->columns[i].title));

                if (t->shown[i] && width > most)
                        most = width;
        }
        return most;
}

static void put_padded(struct table *t, enum style style, struct view safe, unsigned columns,
                       bool last)
{
        struct buffer cut = {0};
        unsigned width;

        if (t->width > 0)
                text_put_cut(&cut, safe, columns);
        else
                buffer_put_view(&cut, safe);
        width = text_width(buffer_view(&cut));
        table_put_styled(t->out, t->colour, style, buffer_view(&cut));
        if (!last)
                buffer_fill(t->out, ' ', (width < columns ? columns - width : 0) + GAP);
        buffer_wipe(&cut);
}

static size_t last_shown(const struct table *t)
{
        size_t last = 0;

        for (size_t i = 0; i < t->count; i++)
                if (t->shown[i])
                        last = i;
        return last;
}

static void put_titles(struct table *t)
{
        size_t last = last_shown(t);

        for (size_t i = 0; i < t->count; i++)
                if (t->shown[i])
                        put_padded(t, STYLE_TITLE, view_of(t->columns[i].title), t->widths[i],
                                   i == last);
        buffer_puts(t->out, "\n");
}

/* The last cell of a row with something in it: behind it no blanks are written. */
static size_t last_filled(const struct table *t, size_t row)
{
        size_t last = 0;

        for (size_t i = 0; i < t->count; i++)
                if (t->shown[i] && cell_at(t, row, i)->len > 0)
                        last = i;
        return last;
}

static void put_line(struct table *t, size_t row)
{
        size_t last = last_filled(t, row);

        for (size_t i = 0; i <= last; i++) {
                const struct cell *c = cell_at(t, row, i);

                if (t->shown[i])
                        put_padded(t, c->style, cell_text(t, c), t->widths[i], i == last);
        }
        buffer_puts(t->out, "\n");
}

/* One row as a block of its own, nothing cut: the way out for a narrow terminal. */
static void put_card(struct table *t, size_t row)
{
        unsigned indent = title_width(t) + GAP;
        unsigned room = t->width > indent + CARD_LEAST ? t->width - indent : CARD_LEAST;

        if (t->rows_written > 0)
                buffer_puts(t->out, "\n");
        for (size_t i = 0; i < t->count; i++) {
                const struct cell *c = cell_at(t, row, i);
                struct buffer wrapped = {0};

                if (!t->shown[i] || c->len == 0)
                        continue;
                put_padded(t, STYLE_TITLE, view_of(t->columns[i].title), indent - GAP, false);
                text_put_wrapped(&wrapped, cell_text(t, c), indent, room);
                table_put_styled(t->out, t->colour, c->style, buffer_view(&wrapped));
                buffer_puts(t->out, "\n");
                buffer_wipe(&wrapped);
        }
}

static void put_row(struct table *t, size_t row)
{
        if (t->cards)
                put_card(t, row);
        else
                put_line(t, row);
        t->rows_written++;
}

/* Settles the widths from the rows seen so far and writes them. */
static void settle(struct table *t, bool complete)
{
        size_t rows = t->count > 0 ? t->cell_count / t->count : 0;

        measure(t, rows, complete);
        while (t->width > 0 && total_width(t) > t->width && !t->cards)
                t->cards = !shrink_widest(t);
        t->settled = true;
        if (!t->cards && rows > 0)
                put_titles(t);
        for (size_t row = 0; row < rows; row++)
                put_row(t, row);
        buffer_clear(&t->text);
        buffer_clear(&t->cells);
        t->cell_count = 0;
}

static void end_row(struct table *t)
{
        if (t->settled) {
                put_row(t, 0);
                buffer_clear(&t->text);
                buffer_clear(&t->cells);
                t->cell_count = 0;
        } else if (t->cell_count == LOOK_ROWS * t->count) {
                settle(t, false);
        }
}

void table_cell(struct table *t, enum style style, struct view text)
{
        struct cell c = {.start = t->text.len, .style = style};

        text_put_safe(&t->text, text);
        c.len = t->text.len - c.start;
        if (t->text.failed) {
                t->out->failed = true;
                return;
        }
        c.width = text_width(cell_text(t, &c));
        buffer_put(&t->cells, &c, sizeof(c));
        if (t->cells.failed) {
                t->out->failed = true;
                return;
        }
        t->cell_count++;
        if (t->cell_count % t->count == 0)
                end_row(t);
}

void table_cell_str(struct table *t, enum style style, const char *text)
{
        table_cell(t, style, view_of(text));
}

void table_end(struct table *t)
{
        if (!t->settled && !t->out->failed)
                settle(t, true);
}
