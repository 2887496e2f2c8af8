#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json.h"
#include "cli/text.h"
#include "common/expiry.h"

static struct buffer out;

static int setup(void **state)
{
        (void)state;
        text_init();
        return 0;
}

static void expect(const char *text)
{
        assert_false(out.failed);
        assert_int_equal(out.len, strlen(text));
        assert_memory_equal(out.bytes, text, out.len);
        buffer_wipe(&out);
}

/* The one element of a list, as it is written. */
static void put_text(struct view text)
{
        struct json j = {.out = &out};

        json_text(&j, NULL, text);
}

static void test_document(void **state)
{
        struct json j = {.out = &out};

        (void)state;
        json_begin_object(&j, NULL);
        json_text(&j, "a", VIEW("x"));
        json_number(&j, "b", INT64_MIN);
        json_bool(&j, "c", true);
        json_null(&j, "d");
        json_time(&j, "e", 7);
        json_time(&j, "f", EXPIRY_NEVER);
        json_begin_object(&j, "g");
        json_begin_list(&j, "h");
        json_text(&j, NULL, VIEW("1"));
        json_text(&j, NULL, VIEW("2"));
        json_end_list(&j);
        json_begin_list(&j, "i");
        json_end_list(&j);
        json_end_object(&j);
        json_bool(&j, "k", false);
        json_end_object(&j);
        expect("{\"a\": \"x\", \"b\": -9223372036854775808, \"c\": true, \"d\": null, \"e\": 7, "
               "\"f\": null, \"g\": {\"h\": [\"1\", \"2\"], \"i\": []}, \"k\": false}\n");
}

static void test_rows_have_lines(void **state)
{
        struct json j = {.out = &out};

        (void)state;
        json_begin_object(&j, NULL);
        json_begin_list(&j, "rows");
        for (int i = 0; i < 2; i++) {
                json_begin_object(&j, NULL);
                json_number(&j, "n", i);
                json_end_object(&j);
        }
        json_end_list(&j);
        json_end_object(&j);
        expect("{\"rows\": [\n{\"n\": 0},\n{\"n\": 1}]}\n");
}

static void test_text(void **state)
{
        static const struct {
                struct view text;
                const char *json;
        } rows[] = {
                {VIEW(""), "\"\""},
                {VIEW("a\"b\\c/d"), "\"a\\\"b\\\\c/d\""},
                {VIEW("tab\tline\nreturn\r"), "\"tab\\tline\\nreturn\\u000d\""},
                {VIEW("\x01\x1f\x7f"), "\"\\u0001\\u001f\\u007f\""},
                {VIEW("a\0b"), "\"a\\u0000b\""},
                {VIEW("é中😀"), "\"é中😀\""},
                /* C1 controls, a change of direction, nothing to be seen, a line separator */
                {VIEW("\xc2\x9b"), "\"\\u009b\""},
                {VIEW("\xe2\x80\xae"), "\"\\u202e\""},
                {VIEW("\xef\xbb\xbf"), "\"\\ufeff\""},
                {VIEW("\xe2\x80\xa8"), "\"\\u2028\""},
                {VIEW("\xf3\xa0\x80\x81"), "\"\\udb40\\udc01\""},
                /* no UTF-8: a lone byte, a cut sequence, an overlong one, a surrogate */
                {VIEW("\xff"), "\"\\ufffd\""},
                {VIEW("x\xe4\xb8"), "\"x\\ufffd\\ufffd\""},
                {VIEW("\xc0\xaf"), "\"\\ufffd\\ufffd\""},
                {VIEW("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\""},
                {VIEW("\xe4\xb8\"x"), "\"\\ufffd\\ufffd\\\"x\""},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                put_text(rows[i].text);
                expect(rows[i].json);
        }
        put_text(VIEW_ABSENT);
        expect("null");
}

/* Whatever comes in, there is no control character in what goes out, and it is UTF-8. */
static void test_text_random(void **state)
{
        unsigned seed = 1;

        (void)state;
        for (int round = 0; round < 20000; round++) {
                char bytes[24];
                size_t len = (size_t)(rand_r(&seed) % 24);

                for (size_t i = 0; i < len; i++)
                        bytes[i] = (char)(rand_r(&seed) >> 7);
                put_text((struct view){bytes, len});
                assert_true(out.len >= 2 && out.bytes[0] == '"' && out.bytes[out.len - 1] == '"');
                for (size_t i = 0; i < out.len; i++)
                        assert_true((unsigned char)out.bytes[i] >= 0x20 && out.bytes[i] != 0x7f);
                for (struct view rest = buffer_view(&out); rest.len > 0;) {
                        struct view character;
                        bool printable = false;

                        (void)text_next(&rest, &character, &printable);
                        assert_true(printable);
                }
                buffer_wipe(&out);
        }
}

static void test_buffer_keeps_bytes(void **state)
{
        struct buffer b = {0};

        (void)state;
        assert_int_equal(buffer_view(&b).len, 0);
        assert_non_null(buffer_view(&b).ptr);
        for (int i = 0; i < 10000; i++)
                buffer_printf(&b, "%04d", i);
        assert_false(b.failed);
        assert_int_equal(b.len, 40000);
        for (int i = 0; i < 10000; i++)
                assert_int_equal((b.bytes[4 * i] - '0') * 1000 + (b.bytes[4 * i + 1] - '0') * 100 +
                                         (b.bytes[4 * i + 2] - '0') * 10 + b.bytes[4 * i + 3] - '0',
                                 i);
        buffer_wipe(&b);
        assert_null(b.bytes);
        assert_int_equal(b.len, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_document),
                cmocka_unit_test(test_rows_have_lines),
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_text_random),
                cmocka_unit_test(test_buffer_keeps_bytes),
        };

        return cmocka_run_group_tests_name("cli_json", tests, setup, NULL);
}
