#include "common/wire.h"

#include <errno.h>
#include <string.h>

#include "common/verdict.h"
#include "common/wire_schema.h"
#include "common/wirebuf.h"

#define NUMBER_LEN 8

/* No field has number 0: its bit marks a message that was put together wrongly and encodes no more.
 */
#define MISUSED UINT64_C(1)

struct field_set {
        uint64_t word[2];
};

static void set_add(struct field_set *set, unsigned field)
{
        set->word[field / 64] |= UINT64_C(1) << (field % 64);
}

static void set_remove(struct field_set *set, unsigned field)
{
        set->word[field / 64] &= ~(UINT64_C(1) << (field % 64));
}

static bool is_present(const struct wire_message *m, unsigned field)
{
        return m->present[field / 64] >> (field % 64) & 1;
}

static void mark_present(struct wire_message *m, unsigned field)
{
        m->present[field / 64] |= UINT64_C(1) << (field % 64);
}

/* The least field from `from` on that is there; WIRE_FIELD_COUNT where there is none. */
static unsigned next_present(const struct wire_message *m, unsigned from)
{
        for (; from < WIRE_FIELD_COUNT; from = (from / 64 + 1) * 64) {
                uint64_t rest = m->present[from / 64] >> (from % 64);

                if (rest)
                        return from + (unsigned)__builtin_ctzll(rest);
        }
        return WIRE_FIELD_COUNT;
}

static bool is_text_kind(enum wire_kind kind)
{
        switch (kind) {
        case WIRE_KIND_TEXT:
        case WIRE_KIND_SECRET:
        case WIRE_KIND_BYTES: return true;
        case WIRE_KIND_NONE:
        case WIRE_KIND_NUMBER:
        case WIRE_KIND_LIST: return false;
        }
        return false;
}

void wire_init(struct wire_message *m, uint32_t magic, enum wire_verb verb,
               const uint8_t nonce[static WIRE_NONCE_LEN])
{
        /* The values stay as they are, 2 KiB that only present and list_len give a meaning to. */
        m->magic = magic;
        m->verb = verb;
        memcpy(m->nonce, nonce, WIRE_NONCE_LEN);
        m->present[0] = 0;
        m->present[1] = 0;
        for (size_t i = 0; i < WIRE_LISTS; i++)
                m->list_len[i] = 0;
}

bool wire_has(const struct wire_message *m, enum wire_field field)
{
        return wire_field_rule(field)->kind != WIRE_KIND_NONE && is_present(m, field);
}

struct view wire_text(const struct wire_message *m, enum wire_field field)
{
        if (!wire_has(m, field) || !is_text_kind(wire_field_rule(field)->kind))
                return VIEW_ABSENT;
        return m->value[field].text;
}

int64_t wire_number(const struct wire_message *m, enum wire_field field, int64_t fallback)
{
        if (!wire_has(m, field) || wire_field_rule(field)->kind != WIRE_KIND_NUMBER)
                return fallback;
        return m->value[field].number;
}

const struct view *wire_list(const struct wire_message *m, enum wire_field field, size_t *ret_len)
{
        const struct wire_field_rule *rule = wire_field_rule(field);

        *ret_len = 0;
        if (!wire_has(m, field) || rule->kind != WIRE_KIND_LIST)
                return NULL;
        *ret_len = m->list_len[rule->list];
        return m->list[rule->list];
}

void wire_put_text(struct wire_message *m, enum wire_field field, struct view text)
{
        if (!is_text_kind(wire_field_rule(field)->kind)) {
                m->present[0] |= MISUSED;
                return;
        }
        if (!text.ptr)
                return;
        m->value[field].text = text;
        mark_present(m, field);
}

void wire_put_number(struct wire_message *m, enum wire_field field, int64_t number)
{
        if (wire_field_rule(field)->kind != WIRE_KIND_NUMBER) {
                m->present[0] |= MISUSED;
                return;
        }
        m->value[field].number = number;
        mark_present(m, field);
}

int wire_put_list(struct wire_message *m, enum wire_field field, struct view entry)
{
        const struct wire_field_rule *rule = wire_field_rule(field);
        uint8_t *len = &m->list_len[rule->list];

        if (rule->kind != WIRE_KIND_LIST) {
                m->present[0] |= MISUSED;
                return -EINVAL;
        }
        if (!entry.ptr)
                return 0;
        if (*len >= WIRE_LIST_MAX)
                return -E2BIG;
        m->list[rule->list][(*len)++] = entry;
        mark_present(m, field);
        return 0;
}

static bool has_control_character(struct view text)
{
        unsigned found = 0;

        /* No early end: whole texts are the rule, and how far a token got is nobody's business. */
        for (size_t i = 0; i < text.len; i++) {
                unsigned char c = (unsigned char)text.ptr[i];

                found |= (unsigned)(c < 0x20) | (unsigned)(c == 0x7f);
        }
        return found != 0;
}

static bool text_is_valid(const struct wire_field_rule *rule, struct view text)
{
        if (view_is_empty(text) || text.len > rule->max)
                return false;
        return rule->kind == WIRE_KIND_BYTES || !has_control_character(text);
}

/* Is all there that must be, and nothing that may not? */
static bool fields_are_allowed(const struct wire_message *m, const struct wire_fields *fields)
{
        struct field_set allowed = {{0, 0}};

        if (fields->open) {
                allowed = (struct field_set){{UINT64_MAX, UINT64_MAX}};
                set_remove(&allowed, WIRE_F_TOKEN);
                set_remove(&allowed, WIRE_F_TICKET);
        }
        for (size_t i = 0; i < WIRE_NEEDS_MAX && fields->needs[i]; i++) {
                if (!is_present(m, fields->needs[i]))
                        return false;
                set_add(&allowed, fields->needs[i]);
        }
        for (size_t i = 0; i < WIRE_TAKES_MAX && fields->takes[i]; i++)
                set_add(&allowed, fields->takes[i]);
        return !(m->present[0] & ~allowed.word[0]) && !(m->present[1] & ~allowed.word[1]);
}

/* ALLOW's magic and the number of any other verdict, or the reverse, is no answer at all. */
static bool verdict_fits_magic(const struct wire_message *m)
{
        int64_t number = wire_number(m, WIRE_F_VERDICT, 0);

        if (m->magic == WIRE_ALLOW)
                return number == VERDICT_ALLOW;
        if (m->magic == WIRE_VERDICT)
                return verdict_is_valid(number) && number != VERDICT_ALLOW;
        return !wire_has(m, WIRE_F_VERDICT) || verdict_is_valid(number);
}

/* What holds for a message in either direction, apart from the form of its fields. 0, -EBADR for
   the fields of a request, -EPROTO for the rest. */
static int check_message(const struct wire_message *m)
{
        const struct wire_verb_rule *verb = wire_verb_rule(m->verb);
        const struct wire_answer_rule *answer = wire_answer_rule(m->magic);

        if (!verb->name || (m->present[0] & MISUSED))
                return -EPROTO;
        if (m->magic == WIRE_REQUEST)
                return fields_are_allowed(m, &verb->request) ? 0 : -EBADR;
        if (!answer || (answer->answers && !(answer->answers & verb->answers)))
                return -EPROTO;
        if (!fields_are_allowed(m, &answer->fields) || !verdict_fits_magic(m))
                return -EPROTO;
        return 0;
}

/* Each entry of a list is a field of its own on the wire. */
static uint16_t count_fields(const struct wire_message *m)
{
        unsigned count = 0;

        for (unsigned field = 1; (field = next_present(m, field)) < WIRE_FIELD_COUNT; field++) {
                const struct wire_field_rule *rule = wire_field_rule(field);

                count += rule->kind == WIRE_KIND_LIST ? m->list_len[rule->list] : 1;
        }
        return (uint16_t)count;
}

static int put_text(struct wirebuf_writer *w, unsigned field, struct view text)
{
        if (!text_is_valid(wire_field_rule(field), text))
                return -EINVAL;
        wirebuf_put_u16(w, (uint16_t)field);
        wirebuf_put_u16(w, (uint16_t)text.len);
        wirebuf_put_bytes(w, text.ptr, text.len);
        return 0;
}

static int put_field(struct wirebuf_writer *w, const struct wire_message *m, unsigned field)
{
        const struct wire_field_rule *rule = wire_field_rule(field);
        int r = 0;

        switch (rule->kind) {
        case WIRE_KIND_TEXT:
        case WIRE_KIND_SECRET:
        case WIRE_KIND_BYTES: return put_text(w, field, m->value[field].text);
        case WIRE_KIND_NUMBER:
                wirebuf_put_u16(w, (uint16_t)field);
                wirebuf_put_u16(w, NUMBER_LEN);
                wirebuf_put_u64(w, (uint64_t)m->value[field].number);
                return 0;
        case WIRE_KIND_LIST:
                for (size_t i = 0; i < m->list_len[rule->list] && r == 0; i++)
                        r = put_text(w, field, m->list[rule->list][i]);
                return r;
        case WIRE_KIND_NONE: break;
        }
        return -EINVAL;
}

int wire_encode(const struct wire_message *m, void *buf, size_t size, size_t *ret_len)
{
        struct wirebuf_writer w;

        if (check_message(m) < 0)
                return -EINVAL;
        wirebuf_writer_init(&w, buf, size < WIRE_PACKET_MAX ? size : WIRE_PACKET_MAX);
        wirebuf_put_u32(&w, m->magic);
        wirebuf_put_u16(&w, (uint16_t)m->verb);
        wirebuf_put_u16(&w, count_fields(m));
        wirebuf_put_bytes(&w, m->nonce, WIRE_NONCE_LEN);
        for (unsigned field = 1; (field = next_present(m, field)) < WIRE_FIELD_COUNT; field++) {
                if (put_field(&w, m, field) < 0)
                        return -EINVAL;
        }
        if (w.failed)
                return -EMSGSIZE;
        *ret_len = w.used;
        return 0;
}

static int get_list_entry(const struct wire_field_rule *rule, struct view entry,
                          struct wire_message *m)
{
        uint8_t *len = &m->list_len[rule->list];

        if (!text_is_valid(rule, entry) || *len >= WIRE_LIST_MAX)
                return -EPROTO;
        m->list[rule->list][(*len)++] = entry;
        return 0;
}

static int get_value(struct wirebuf_reader *r, unsigned field, size_t len, struct wire_message *m)
{
        const struct wire_field_rule *rule = wire_field_rule(field);

        switch (rule->kind) {
        case WIRE_KIND_TEXT:
        case WIRE_KIND_SECRET:
        case WIRE_KIND_BYTES:
                m->value[field].text = wirebuf_get_bytes(r, len);
                return text_is_valid(rule, m->value[field].text) ? 0 : -EPROTO;
        case WIRE_KIND_NUMBER:
                m->value[field].number = (int64_t)wirebuf_get_u64(r);
                return len == NUMBER_LEN ? 0 : -EPROTO;
        case WIRE_KIND_LIST: return get_list_entry(rule, wirebuf_get_bytes(r, len), m);
        case WIRE_KIND_NONE: break;
        }
        return -EPROTO;
}

/* *last is the tag before this one: ascending, and the same again only for the next entry of a
 * list. */
static int get_field(struct wirebuf_reader *r, unsigned *last, struct wire_message *m)
{
        unsigned field = wirebuf_get_u16(r);
        size_t len = wirebuf_get_u16(r);

        if (field < *last)
                return -EPROTO;
        if (field == *last && wire_field_rule(field)->kind != WIRE_KIND_LIST)
                return -EPROTO;
        if (get_value(r, field, len, m) < 0 || r->failed)
                return -EPROTO;
        mark_present(m, field);
        *last = field;
        return 0;
}

int wire_decode(const void *buf, size_t len, struct wire_message *ret)
{
        struct wirebuf_reader r;
        unsigned verb, fields, last = 0;
        uint32_t magic;
        struct view nonce;

        if (len > WIRE_PACKET_MAX)
                return -EPROTO;
        wirebuf_reader_init(&r, buf, len);
        magic = wirebuf_get_u32(&r);
        verb = wirebuf_get_u16(&r);
        fields = wirebuf_get_u16(&r);
        nonce = wirebuf_get_bytes(&r, WIRE_NONCE_LEN);
        if (r.failed || !wire_verb_is_valid(verb))
                return -EPROTO;
        wire_init(ret, magic, (enum wire_verb)verb, (const uint8_t *)nonce.ptr);
        for (unsigned i = 0; i < fields; i++) {
                if (get_field(&r, &last, ret) < 0)
                        return -EPROTO;
        }
        if (!wirebuf_reader_is_done(&r))
                return -EPROTO;
        return check_message(ret);
}

bool wire_is_answer_to(const struct wire_message *reply, const struct wire_message *request)
{
        return wire_answer_rule(reply->magic) && reply->verb == request->verb &&
               memcmp(reply->nonce, request->nonce, WIRE_NONCE_LEN) == 0;
}

void wire_reference(const uint8_t nonce[static WIRE_NONCE_LEN],
                    char ret[static WIRE_REFERENCE_SIZE])
{
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < (WIRE_REFERENCE_SIZE - 1) / 2; i++) {
                ret[2 * i] = digits[nonce[i] >> 4];
                ret[2 * i + 1] = digits[nonce[i] & 0xf];
        }
        ret[WIRE_REFERENCE_SIZE - 1] = '\0';
}

const char *wire_verb_to_string(enum wire_verb verb)
{
        const char *name = wire_verb_rule(verb)->name;

        return name ? name : "invalid";
}

bool wire_verb_is_valid(unsigned number)
{
        return wire_verb_rule(number)->name != NULL;
}
