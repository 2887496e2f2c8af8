/*
 * Policies as words: "max-life=90d", "never=no", "max-unused=none", "end-sessions=yes",
 * "self-service=limited". Both directions. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/buffer.h"
#include "cli/json.h"
#include "cli/output.h"
#include "common/view.h"
#include "common/wire.h"

/* Parses one word of an org's or (host) the host's policy into the field that it sets. STATUS_DONE,
   or STATUS_USAGE with the error set. */
int policy_parse(struct view word, bool host, enum wire_field *ret_field, int64_t *ret_number,
                 struct error *e);

/* The words for a shell to complete: "max-life=", … NULL behind the last. */
const char *policy_word(bool host, size_t number);

/* "max-life=90d never=no", what a policy's answer says, in the words that set it. */
void policy_put_words(struct buffer *b, const struct wire_message *answer);
/* The same in a JSON object: seconds or null, true or false, a word. */
void policy_put_json(struct json *j, const struct wire_message *answer);
