/*
 * The command line, one word a line of the input: what is taken can be freed and makes a request
 * that the protocol allows; what is refused says why, with a status of its own, and repeats nothing
 * of a token.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/cmd.h"
#include "common/token.h"
#include "common/wire.h"

#define WORDS_MAX 64
#define NOW       INT64_C(1795428000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void check_error(const struct error *e, int status)
{
        require(e->status == status);
        require(e->reason[0] != '\0' && e->message[0] != '\0');
        require(!token_is_shaped(view_of(e->message)) && !token_is_shaped(view_of(e->hint)));
}

/* A request lacks at most what does not come from the line: the token of `check`. */
static void check_request(const struct args *args)
{
        static const uint8_t nonce[WIRE_NONCE_LEN];
        unsigned char bytes[WIRE_PACKET_MAX];
        struct wire_message request;
        struct error e = {0};
        size_t len;
        int status;

        wire_init(&request, WIRE_REQUEST, args->command->wire, nonce);
        status = args_put(args, &request, &e);
        require(status == STATUS_DONE || status == STATUS_REFUSED);
        if (status == STATUS_REFUSED) {
                check_error(&e, status);
                return;
        }
        if (args->command->wire == WIRE_V_CHECK)
                wire_put_text(&request, WIRE_F_TOKEN, VIEW("x"));
        require(wire_encode(&request, bytes, sizeof(bytes), &len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = malloc(size + 1), *next = text, *words[WORDS_MAX];
        struct error e = {0};
        struct args args;
        int count = 0, status;

        require(text != NULL);
        if (size > 0)
                memcpy(text, data, size);
        text[size] = '\0';
        while (count < WORDS_MAX && next)
                words[count++] = strsep(&next, "\n");
        status = args_parse(count, words, NOW, &args, &e);
        require(status == STATUS_DONE || status == STATUS_USAGE);
        if (status == STATUS_USAGE)
                check_error(&e, status);
        else if (args.command && args.command->wire && !args.help && !args.version)
                check_request(&args);
        args_free(&args);
        free(text);
        return 0;
}
