#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table.h"
#include "cli/text.h"

static struct buffer out;

static const struct table_column columns[] = {
        {"KEY ID", 0, false}, {"NAME", 4, false}, {"LAST USE", 5, false}, {"LIMITS", 6, true}};

static int setup(void **state)
{
        (void)state;
        text_init();
        return 0;
}

static struct table *start(unsigned width, bool colour)
{
        return table_new(columns, 4, width, colour, &out);
}

static void put_row(struct table *t, const char *id, const char *name, const char *use,
                    const char *limits)
{
        table_cell_str(t, STYLE_PLAIN, id);
        table_cell_str(t, STYLE_PLAIN, name);
        table_cell_str(t, STYLE_GOOD, use);
        table_cell_str(t, STYLE_PLAIN, limits);
}

static void expect(struct table *t, const char *text)
{
        table_end(t);
        assert_false(out.failed);
        buffer_put(&out, "", 1);
        assert_string_equal(out.bytes, text);
        buffer_wipe(&out);
        assert_null(table_free(t));
}

static void test_nothing(void **state)
{
        (void)state;
        expect(start(80, false), "");
}

static void test_pipe_is_never_cut(void **state)
{
        struct table *t = start(0, false);

        (void)state;
        put_row(t, "ak_1", "a name that is rather long for any terminal, and then some more of it",
                "never", "by su");
        put_row(t, "ak_22", "b", "now", "");
        expect(t, "KEY ID  NAME                                                                   "
                  "LAST USE  LIMITS\n"
                  "ak_1    a name that is rather long for any terminal, and then some more of it  "
                  "never     by su\n"
                  "ak_22   b                                                                      "
                  "now\n");
}

static void test_empty_column_vanishes(void **state)
{
        struct table *t = start(80, false);

        (void)state;
        put_row(t, "ak_1", "", "never", "");
        expect(t, "KEY ID  NAME  LAST USE\nak_1          never\n");
}

static void test_cut_to_width(void **state)
{
        struct table *t = start(30, false);

        (void)state;
        put_row(t, "ak_123456", "deploy of production", "3 min ago", "");
        /* 9 + 2 + 8 + 2 + 9: the widest gave way, the key id did not */
        expect(t, "KEY ID     NAME      LAST USE\n"
                  "ak_123456  deploy …  3 min ago\n");
}

static void test_narrow_makes_blocks(void **state)
{
        struct table *t = start(20, false);

        (void)state;
        put_row(t, "ak_123456", "deploy of production", "3 min ago", "");
        put_row(t, "ak_2", "x", "never", "");
        expect(t, "KEY ID    ak_123456\n"
                  "NAME      deploy of\n"
                  "          production\n"
                  "LAST USE  3 min ago\n"
                  "\n"
                  "KEY ID    ak_2\n"
                  "NAME      x\n"
                  "LAST USE  never\n");
}

/* No line is wider than the terminal, at any width that has room for a block. */
static void test_every_width(void **state)
{
        (void)state;
        for (unsigned width = 24; width <= 120; width++) {
                struct table *t = start(width, false);

                put_row(t, "ak_123456", "日本語 の 名前 です", "3 min ago from 10.0.0.7 by sshd",
                        "by su, su-l; from 10.0.0.0/8");
                put_row(t, "ak_7", "été à la plage", "never", "");
                table_end(t);
                for (const char *line = out.bytes, *end; line < out.bytes + out.len;
                     line = end + 1) {
                        end = memchr(line, '\n', out.len - (size_t)(line - out.bytes));
                        assert_non_null(end);
                        assert_true(text_width((struct view){line, (size_t)(end - line)}) <= width);
                        assert_true(end == line || end[-1] != ' ');
                }
                buffer_wipe(&out);
                (void)table_free(t);
        }
}

static void test_wide_characters_align(void **state)
{
        struct table *t = start(0, false);

        (void)state;
        put_row(t, "ak_1", "中文", "a", "x");
        put_row(t, "ak_2", "e\xcc\x81t\xc3\xa9", "b", "x"); /* a combining accent takes no column */
        put_row(t, "ak_3", "abcd", "c", "x");
        expect(t, "KEY ID  NAME  LAST USE  LIMITS\n"
                  "ak_1    中文  a         x\n"
                  "ak_2    e\xcc\x81t\xc3\xa9   b         x\n"
                  "ak_3    abcd  c         x\n");
}

/* A name is somebody else's text: it moves no cursor and starts no line. */
static void test_foreign_text_is_tamed(void **state)
{
        struct table *t = start(0, false);

        (void)state;
        put_row(t, "ak_1",
                "a\033[2Jb\nc\xe2\x80\xae"
                "d\xff",
                "never", "");
        expect(t, "KEY ID  NAME                             LAST USE\n"
                  "ak_1    a\\x1b[2Jb\\x0ac\\xe2\\x80\\xaed\\xff  never\n");
}

static void test_colour_only_where_asked(void **state)
{
        struct table *t = start(80, true);

        (void)state;
        put_row(t, "ak_1", "x", "live", "");
        expect(t, "\033[1mKEY ID\033[0m  \033[1mNAME\033[0m  \033[1mLAST USE\033[0m\n"
                  "ak_1    x     \033[32mlive\033[0m\n");
}

/* Behind the first rows every one is written at once, and nothing is kept. */
static void test_long_lists_stream(void **state)
{
        struct table *t = start(0, false);
        size_t settled = 0;

        (void)state;
        for (int i = 0; i < 5000; i++) {
                char id[16];

                (void)snprintf(id, sizeof(id), "ak_%06d", i);
                put_row(t, id, "n", "never", "");
                if (i == 499)
                        settled = out.len;
                if (i < 499)
                        assert_int_equal(out.len, 0);
        }
        /* All columns, since what is to come is not known. */
        assert_int_equal(settled, (9 + 2 + 4 + 2 + 8 + 2 + 6 + 1) + 500 * (9 + 2 + 4 + 2 + 5 + 1));
        assert_int_equal(out.len, settled + 4500 * (9 + 2 + 4 + 2 + 5 + 1));
        buffer_wipe(&out);
        (void)table_free(t);
}

static void test_wrap(void **state)
{
        static const struct {
                const char *text, *wrapped;
                unsigned columns;
        } rows[] = {
                {"one two three", "one two three", 0},
                {"one two three", "one two\n  three", 7},
                {"one two three", "one\n  two\n  three", 6},
                {"verylongword x", "verylongword\n  x", 5},
                {"", "", 5},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                text_put_wrapped(&out, view_of(rows[i].text), 2, rows[i].columns);
                buffer_put(&out, "", 1);
                assert_string_equal(out.bytes, rows[i].wrapped);
                buffer_wipe(&out);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nothing),
                cmocka_unit_test(test_pipe_is_never_cut),
                cmocka_unit_test(test_empty_column_vanishes),
                cmocka_unit_test(test_cut_to_width),
                cmocka_unit_test(test_narrow_makes_blocks),
                cmocka_unit_test(test_every_width),
                cmocka_unit_test(test_wide_characters_align),
                cmocka_unit_test(test_foreign_text_is_tamed),
                cmocka_unit_test(test_colour_only_where_asked),
                cmocka_unit_test(test_long_lists_stream),
                cmocka_unit_test(test_wrap),
        };

        return cmocka_run_group_tests_name("cli_table", tests, setup, NULL);
}
