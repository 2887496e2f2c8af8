#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/scanner.h"

#define FINDS_MAX 64

static struct scanner scanner;
static struct scanner_find finds[FINDS_MAX];
static size_t find_count;

static int keep(void *context, const struct scanner_find *find)
{
        (void)context;
        assert_true(find_count < FINDS_MAX);
        finds[find_count++] = *find;
        return 0;
}

/* A real token of that id, its checksum right. */
static void make(enum token_kind kind, int64_t id, char ret[static TOKEN_TEXT_MAX + 1])
{
        token_format(kind, id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ", ret);
}

/* Runs it through in pieces of `piece` bytes. */
static void scan(const char *bytes, size_t len, size_t piece)
{
        find_count = 0;
        scanner_init(&scanner, keep, NULL);
        while (len > 0) {
                size_t n = len < piece ? len : piece;

                memcpy(scanner_room(&scanner), bytes, n);
                assert_int_equal(scanner_take(&scanner, n), 0);
                bytes += n;
                len -= n;
        }
        assert_int_equal(scanner_take(&scanner, 0), 0);
}

static void test_finds_in_any_pieces(void **state)
{
        char a[TOKEN_TEXT_MAX + 1], b[TOKEN_TEXT_MAX + 1], text[1024];
        int len;

        (void)state;
        make(TOKEN_AK, 12345678, a);
        make(TOKEN_PAT, TOKEN_ID_LIMIT - 1, b);
        len = snprintf(text, sizeof(text),
                       "\n_pat_ ak_ pat_x\n\ntoken=%s\n%s%s@acme rubbish\\n%s\nak_\n", a, b, a, b);
        for (size_t piece = 1; piece <= (size_t)len; piece++) {
                scan(text, (size_t)len, piece);
                assert_int_equal(find_count, 4);
                assert_int_equal(finds[0].kind, TOKEN_AK);
                assert_int_equal(finds[0].id, 12345678);
                assert_int_equal(finds[0].line, 4);
                assert_int_equal(finds[1].kind, TOKEN_PAT);
                assert_int_equal(finds[1].id, TOKEN_ID_LIMIT - 1);
                assert_int_equal(finds[1].line, 5);
                assert_int_equal(finds[2].id, 12345678);
                assert_int_equal(finds[2].line, 5);
                assert_int_equal(finds[3].line, 5);
        }
}

static void test_at_both_ends(void **state)
{
        char token[TOKEN_TEXT_MAX + 1];

        (void)state;
        make(TOKEN_PAT, 7, token);
        for (size_t piece = 1; piece <= TOKEN_TEXT_MAX; piece++) {
                scan(token, strlen(token), piece);
                assert_int_equal(find_count, 1);
                assert_int_equal(finds[0].line, 1);
        }
        scan(token, strlen(token) - 1, 8);
        assert_int_equal(find_count, 0);
        scan("", 0, 1);
        assert_int_equal(find_count, 0);
}

/* Every character counts: whichever is changed, it is no token any more. */
static void test_only_real_ones(void **state)
{
        char token[TOKEN_TEXT_MAX + 1];

        (void)state;
        make(TOKEN_AK, 99, token);
        for (size_t i = 0; i < strlen(token); i++) {
                char changed[TOKEN_TEXT_MAX + 1];

                memcpy(changed, token, sizeof(token));
                changed[i] = changed[i] == 'x' ? 'y' : 'x';
                scan(changed, strlen(changed), SCANNER_CHUNK);
                assert_int_equal(find_count, 0);
        }
}

static void test_across_large_pieces(void **state)
{
        size_t size = 3 * (size_t)SCANNER_CHUNK;
        char token[TOKEN_TEXT_MAX + 1], *bytes = malloc(size);

        (void)state;
        assert_non_null(bytes);
        make(TOKEN_PAT, 5, token);
        for (size_t at = SCANNER_CHUNK - 70; at <= SCANNER_CHUNK + 3; at++) {
                for (size_t i = 0; i < size; i++)
                        bytes[i] = i % 50 == 49 ? '\n' : '_';
                memcpy(bytes + at, token, strlen(token));
                scan(bytes, size, SCANNER_CHUNK);
                assert_int_equal(find_count, 1);
                assert_int_equal(finds[0].line, 1 + at / 50);
        }
        free(bytes);
}

static int stop(void *context, const struct scanner_find *find)
{
        (void)context;
        (void)find;
        return 3;
}

static void test_found_may_stop(void **state)
{
        char token[TOKEN_TEXT_MAX + 1];

        (void)state;
        make(TOKEN_PAT, 5, token);
        scanner_init(&scanner, stop, NULL);
        memcpy(scanner_room(&scanner), token, strlen(token));
        assert_int_equal(scanner_take(&scanner, strlen(token)), 3);
        scanner_wipe(&scanner);
        for (size_t i = 0; i < sizeof(scanner.buffer); i++)
                assert_int_equal(scanner.buffer[i], 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_finds_in_any_pieces),
                cmocka_unit_test(test_at_both_ends),
                cmocka_unit_test(test_only_real_ones),
                cmocka_unit_test(test_across_large_pieces),
                cmocka_unit_test(test_found_may_stop),
        };

        return cmocka_run_group_tests_name("cli_scanner", tests, NULL, NULL);
}
