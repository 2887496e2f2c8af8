/*
 * logsafe(): the first two bytes are the size of the buffer. The output is one line of UTF-8, and
 * no token can be found in it, nor a run long enough to be a secret.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/logsafe.h"
#include "common/name.h"
#include "common/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void check_output(struct view out)
{
        size_t run = 0;

        /* An escape may end in the "a" of a prefix by chance: "\\xba" and "k_0123456789.". */
        require(name_is_utf8(out) && (!token_is_shaped(out) || memchr(out.ptr, '\\', out.len)));
        for (size_t i = 0; i < out.len; i++) {
                unsigned char c = (unsigned char)out.ptr[i];

                require(c >= 0x20 && c != 0x7f);
                run = token_digit(out.ptr[i]) >= 0 ? run + 1 : 0;
                require(run < TOKEN_RANDOM_LEN + 3);
        }
}

/* A token set into the input: none of its secret may come out. */
static void check_planted(const uint8_t *data, size_t size, size_t at)
{
        static const char token[] =
                "pat_4fK9aQ7bX2.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0OWGbm";
        char *text = malloc(size + sizeof(token)), out[LOGSAFE_SIZE];
        const char *secret = strchr(token, '.') + 1;

        require(text != NULL);
        memcpy(text, data, at);
        memcpy(text + at, token, sizeof(token) - 1);
        memcpy(text + at + sizeof(token) - 1, data + at, size - at);
        logsafe((struct view){text, size + sizeof(token) - 1}, out, sizeof(out));
        check_output(view_of(out));
        for (size_t i = 0; i + 12 <= TOKEN_SECRET_LEN; i++) {
                char piece[13] = "";

                memcpy(piece, secret + i, 12);
                /* But for its first two: these can be the end of an escape before what was there.
                 */
                if (!memmem(data, size, piece + 2, 10))
                        require(strstr(out, piece) == NULL);
        }
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        size_t room;
        char *out;

        if (size < 3)
                return 0;
        room = (size_t)(data[0] | data[1] << 8) % 2048 + 1;
        data += 2;
        size -= 2;
        out = malloc(room);
        require(out != NULL);
        require(logsafe(view_of_bytes(data, size), out, room) == out);
        require(strnlen(out, room) < room);
        check_output(view_of(out));
        free(out);
        check_planted(data, size, data[0] % size);
        return 0;
}
