/* The module's side of the wire: any bytes as the reply to a VERIFY whose verb and nonce the
   attacker knows. An allow is one only with all that an allow has. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/verdict.h"
#include "common/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
        if (!holds)
                abort();
}

static void check_allow(const struct wire_message *m)
{
        must(wire_number(m, WIRE_F_VERDICT, 0) == VERDICT_ALLOW);
        must(!view_is_empty(wire_text(m, WIRE_F_ORG)));
        must(!view_is_empty(wire_text(m, WIRE_F_KEY_ID)));
        must(!wire_has(m, WIRE_F_TOKEN));
}

static void check_reply(const struct wire_message *reply, const struct wire_message *request)
{
        if (reply->magic == WIRE_ALLOW)
                check_allow(reply);
        else if (reply->magic == WIRE_VERDICT)
                must(wire_number(reply, WIRE_F_VERDICT, VERDICT_ALLOW) != VERDICT_ALLOW);
        must(wire_is_answer_to(reply, request) ==
             (reply->magic != WIRE_REQUEST && reply->verb == WIRE_V_VERIFY));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const uint8_t nonce[WIRE_NONCE_LEN] = "the nonce we use";
        uint8_t *packet, again[WIRE_PACKET_MAX];
        struct wire_message request, reply;
        size_t len;

        wire_init(&request, WIRE_REQUEST, WIRE_V_VERIFY, nonce);
        if (size < WIRE_HEADER_LEN || size > sizeof(again)) {
                must(wire_decode(data, size, &reply) < 0);
                return 0;
        }
        /* Of just that length: a step beyond it is seen. */
        packet = malloc(size);
        must(packet != NULL);
        memcpy(packet, data, size);
        memcpy(packet + WIRE_HEADER_LEN - WIRE_NONCE_LEN, nonce, sizeof(nonce));
        if (wire_decode(packet, size, &reply) == 0) {
                check_reply(&reply, &request);
                must(wire_encode(&reply, again, sizeof(again), &len) == 0);
                must(len == size && memcmp(again, packet, size) == 0);
        }
        free(packet);
        return 0;
}
