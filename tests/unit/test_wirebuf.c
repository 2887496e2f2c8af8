/* The cursors: every size, both byte ends, and the error that sticks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/wirebuf.h"

static const uint8_t bytes[] = {0x01, 0x02, 0x83, 0x04, 0x05, 0x06, 0x07, 0x88,
                                0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0xff};

static uint64_t get(struct wirebuf_reader *r, unsigned width)
{
        switch (width) {
        case 1: return wirebuf_get_u8(r);
        case 2: return wirebuf_get_u16(r);
        case 4: return wirebuf_get_u32(r);
        default: return wirebuf_get_u64(r);
        }
}

static void put(struct wirebuf_writer *w, unsigned width, uint64_t v)
{
        switch (width) {
        case 1: wirebuf_put_u8(w, (uint8_t)v); break;
        case 2: wirebuf_put_u16(w, (uint16_t)v); break;
        case 4: wirebuf_put_u32(w, (uint32_t)v); break;
        default: wirebuf_put_u64(w, v); break;
        }
}

static const struct {
        unsigned width;
        uint64_t value; /* of the first bytes */
} integers[] = {
        {1, 0x01},
        {2, 0x0201},
        {4, 0x04830201},
        {8, UINT64_C(0x8807060504830201)},
};
#define INTEGERS (sizeof(integers) / sizeof(integers[0]))

static void test_get_is_little_endian(void **state)
{
        (void)state;
        for (size_t i = 0; i < INTEGERS; i++) {
                struct wirebuf_reader r;

                wirebuf_reader_init(&r, bytes, integers[i].width);
                assert_false(wirebuf_reader_is_done(&r));
                assert_int_equal(get(&r, integers[i].width), integers[i].value);
                assert_true(wirebuf_reader_is_done(&r));
        }
}

/* One byte too few for each width: 0, and nothing works any more, not even what there would be room
 * for. */
static void test_get_fails_for_good(void **state)
{
        (void)state;
        for (size_t i = 0; i < INTEGERS; i++) {
                struct wirebuf_reader r;

                wirebuf_reader_init(&r, bytes, integers[i].width - 1);
                assert_int_equal(get(&r, integers[i].width), 0);
                assert_true(r.failed);
                assert_false(wirebuf_reader_is_done(&r));
                assert_int_equal(r.left, integers[i].width - 1);
                assert_int_equal(wirebuf_get_u8(&r), 0);
                assert_null(wirebuf_get_bytes(&r, 0).ptr);
                assert_false(wirebuf_reader_is_done(&r));
        }
}

static void test_get_bytes(void **state)
{
        struct wirebuf_reader r;
        struct view v;

        (void)state;
        wirebuf_reader_init(&r, bytes, sizeof(bytes));
        assert_int_equal(wirebuf_get_u16(&r), 0x0201);
        v = wirebuf_get_bytes(&r, 3);
        assert_ptr_equal(v.ptr, bytes + 2);
        assert_int_equal(v.len, 3);
        v = wirebuf_get_bytes(&r, 0);
        assert_non_null(v.ptr);
        assert_int_equal(v.len, 0);
        v = wirebuf_get_bytes(&r, sizeof(bytes) - 5);
        assert_int_equal(v.len, sizeof(bytes) - 5);
        assert_true(wirebuf_reader_is_done(&r));
        assert_null(wirebuf_get_bytes(&r, 1).ptr);
        assert_true(r.failed);
}

static void test_get_bytes_of_absurd_length(void **state)
{
        static const size_t lengths[] = {sizeof(bytes) + 1, SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2};

        (void)state;
        for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
                struct wirebuf_reader r;

                wirebuf_reader_init(&r, bytes, sizeof(bytes));
                assert_null(wirebuf_get_bytes(&r, lengths[i]).ptr);
                assert_true(r.failed);
                assert_ptr_equal(r.next, bytes);
        }
}

static void test_nothing_to_read(void **state)
{
        struct wirebuf_reader r;

        (void)state;
        wirebuf_reader_init(&r, NULL, 0);
        assert_true(wirebuf_reader_is_done(&r));
        assert_int_equal(wirebuf_get_bytes(&r, 0).len, 0);
        assert_true(wirebuf_reader_is_done(&r));
        assert_int_equal(wirebuf_get_u8(&r), 0);
        assert_false(wirebuf_reader_is_done(&r));
}

static void test_put_is_little_endian(void **state)
{
        (void)state;
        for (size_t i = 0; i < INTEGERS; i++) {
                uint8_t buf[8] = {0};
                struct wirebuf_writer w;

                wirebuf_writer_init(&w, buf, integers[i].width);
                put(&w, integers[i].width, integers[i].value);
                assert_false(w.failed);
                assert_int_equal(w.used, integers[i].width);
                assert_memory_equal(buf, bytes, integers[i].width);
        }
}

/* What does not fit writes nothing, and what would fit after it neither. */
static void test_put_fails_for_good(void **state)
{
        static const uint8_t untouched[9] = {0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee};

        (void)state;
        for (size_t i = 0; i < INTEGERS; i++) {
                uint8_t buf[9];
                struct wirebuf_writer w;

                memset(buf, 0xee, sizeof(buf));
                wirebuf_writer_init(&w, buf, integers[i].width - 1);
                put(&w, integers[i].width, 1);
                assert_true(w.failed);
                wirebuf_put_u8(&w, 1);
                wirebuf_put_bytes(&w, bytes, 0);
                assert_true(w.failed);
                assert_int_equal(w.used, 0);
                assert_memory_equal(buf, untouched, sizeof(buf));
        }
}

static void test_put_bytes(void **state)
{
        uint8_t buf[sizeof(bytes)] = {0};
        struct wirebuf_writer w;

        (void)state;
        wirebuf_writer_init(&w, buf, sizeof(buf));
        wirebuf_put_bytes(&w, NULL, 0);
        wirebuf_put_bytes(&w, bytes, 5);
        wirebuf_put_bytes(&w, bytes + 5, sizeof(bytes) - 5);
        assert_false(w.failed);
        assert_int_equal(w.used, sizeof(bytes));
        assert_memory_equal(buf, bytes, sizeof(bytes));
        wirebuf_put_bytes(&w, bytes, 1);
        assert_true(w.failed);
        assert_int_equal(w.used, sizeof(bytes));
}

static void test_put_bytes_of_absurd_length(void **state)
{
        uint8_t buf[4] = {1, 2, 3, 4};
        struct wirebuf_writer w;

        (void)state;
        wirebuf_writer_init(&w, buf, sizeof(buf));
        wirebuf_put_u8(&w, 1);
        wirebuf_put_bytes(&w, bytes, SIZE_MAX / 2);
        assert_true(w.failed);
        assert_int_equal(w.used, 1);
        assert_int_equal(buf[1], 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_get_is_little_endian),
                cmocka_unit_test(test_get_fails_for_good),
                cmocka_unit_test(test_get_bytes),
                cmocka_unit_test(test_get_bytes_of_absurd_length),
                cmocka_unit_test(test_nothing_to_read),
                cmocka_unit_test(test_put_is_little_endian),
                cmocka_unit_test(test_put_fails_for_good),
                cmocka_unit_test(test_put_bytes),
                cmocka_unit_test(test_put_bytes_of_absurd_length),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests_name("wirebuf", tests, NULL, NULL);
}
