#include "daemon/limits.h"

#include <errno.h>
#include <string.h>

#include "common/cidr.h"
#include "common/name.h"
#include "common/wirebuf.h"

/* Three counts, and in each list no more than so many texts, each behind its length. */
_Static_assert(6 + WIRE_LIST_MAX * (6 + NAME_SERVICE_MAX + CIDR_TEXT_SIZE + NAME_USER_MAX) <=
                       RECORD_LIMITS_MAX,
               "whatever a request can hold fits a record");

/* One list, checked and sorted: what is built from a request before it is encoded. Sources are held
   in the text that cidr_format() gives, the others as they came. */
struct list {
        unsigned count;
        struct view entry[WIRE_LIST_MAX];
        char source[WIRE_LIST_MAX][CIDR_TEXT_SIZE];
};

static const enum wire_field field_of[LIMITS_KINDS] = {
        [LIMITS_SERVICE] = WIRE_F_LIMIT_SERVICE,
        [LIMITS_SOURCE] = WIRE_F_LIMIT_SOURCE,
        [LIMITS_ACCOUNT] = WIRE_F_LIMIT_ACCOUNT,
};

/* Byte order; a text before every longer one that it begins. */
static int compare(struct view a, struct view b)
{
        size_t shorter = a.len < b.len ? a.len : b.len;
        int difference = shorter > 0 ? memcmp(a.ptr, b.ptr, shorter) : 0;

        if (difference != 0)
                return difference;
        return (a.len > b.len) - (a.len < b.len);
}

/* Sorted in, once. */
static void insert(struct list *list, struct view entry)
{
        unsigned at = 0;

        while (at < list->count && compare(list->entry[at], entry) < 0)
                at++;
        if (at < list->count && compare(list->entry[at], entry) == 0)
                return;
        memmove(&list->entry[at + 1], &list->entry[at],
                (list->count - at) * sizeof(list->entry[0]));
        list->entry[at] = entry;
        list->count++;
}

/* The canonical text of a source; -EINVAL where it is none. */
static int canonical_source(struct view text, char ret[static CIDR_TEXT_SIZE])
{
        struct cidr network;

        if (cidr_parse(text, &network) < 0)
                return -EINVAL;
        cidr_format(&network, ret);
        return 0;
}

static bool is_entry(enum limits_kind kind, struct view entry)
{
        char text[CIDR_TEXT_SIZE];

        switch (kind) {
        case LIMITS_SERVICE: return name_is_service(entry);
        case LIMITS_SOURCE:
                return canonical_source(entry, text) == 0 && view_equal_str(entry, text);
        case LIMITS_ACCOUNT: return name_is_user(entry);
        case LIMITS_KINDS: break;
        }
        return false;
}

static int collect(enum limits_kind kind, const struct view *given, size_t len, struct list *list,
                   struct view *ret_bad)
{
        *list = (struct list){0};
        for (size_t i = 0; i < len && i < WIRE_LIST_MAX; i++) {
                struct view entry = given[i];

                if (kind == LIMITS_SOURCE && canonical_source(entry, list->source[i]) == 0)
                        entry = view_of(list->source[i]);
                if (!is_entry(kind, entry)) {
                        *ret_bad = given[i];
                        return -EINVAL;
                }
                insert(list, entry);
        }
        return 0;
}

static void encode(struct wirebuf_writer *w, const struct list *list)
{
        wirebuf_put_u16(w, (uint16_t)list->count);
        for (unsigned i = 0; i < list->count; i++) {
                wirebuf_put_u16(w, (uint16_t)list->entry[i].len);
                wirebuf_put_bytes(w, list->entry[i].ptr, list->entry[i].len);
        }
}

int limits_from_request(const struct wire_message *request, struct record_limits *ret,
                        struct view *ret_bad, enum limits_kind *ret_kind)
{
        struct record_limits limits = {0};
        struct wirebuf_writer w;
        bool any = false;

        wirebuf_writer_init(&w, limits.bytes, sizeof(limits.bytes));
        for (unsigned kind = 0; kind < LIMITS_KINDS; kind++) {
                struct list list;
                struct view bad = VIEW_ABSENT;
                size_t len;
                const struct view *given = wire_list(request, field_of[kind], &len);

                /* Named and empty is an error and never "any"; the protocol has no such list. */
                if (collect((enum limits_kind)kind, given, len, &list, &bad) < 0) {
                        *ret_bad = bad;
                        *ret_kind = (enum limits_kind)kind;
                        return -EINVAL;
                }
                encode(&w, &list);
                any = any || list.count > 0;
        }
        limits.len = any ? (uint16_t)w.used : 0;
        *ret = limits;
        return 0;
}

/* Reads one list: how many entries it has, and the one at index where there is such. Ends a reader
   that is not at the start of a list with `failed`. */
static unsigned read_list(struct wirebuf_reader *r, unsigned index, struct view *ret_entry)
{
        unsigned count = wirebuf_get_u16(r);

        if (count > WIRE_LIST_MAX)
                r->failed = true;
        for (unsigned i = 0; i < count && !r->failed; i++) {
                struct view entry = wirebuf_get_bytes(r, wirebuf_get_u16(r));

                if (i == index && ret_entry)
                        *ret_entry = entry;
        }
        return r->failed ? 0 : count;
}

static unsigned find_list(const struct record_limits *l, enum limits_kind kind, unsigned index,
                          struct view *ret_entry)
{
        struct wirebuf_reader r;

        if (l->len == 0 || l->len > sizeof(l->bytes))
                return 0;
        wirebuf_reader_init(&r, l->bytes, l->len);
        for (unsigned before = 0; before < (unsigned)kind; before++)
                (void)read_list(&r, 0, NULL);
        return read_list(&r, index, ret_entry);
}

bool limits_is_valid(const struct record_limits *l)
{
        struct wirebuf_reader r;
        unsigned entries = 0;

        if (l->len == 0)
                return true;
        if (l->len > sizeof(l->bytes))
                return false;
        wirebuf_reader_init(&r, l->bytes, l->len);
        for (unsigned kind = 0; kind < LIMITS_KINDS; kind++) {
                unsigned count = wirebuf_get_u16(&r);
                struct view before = VIEW_ABSENT;

                if (count > WIRE_LIST_MAX)
                        return false;
                for (unsigned i = 0; i < count; i++) {
                        struct view entry = wirebuf_get_bytes(&r, wirebuf_get_u16(&r));

                        if (r.failed || !is_entry((enum limits_kind)kind, entry))
                                return false;
                        /* Sorted and distinct, or the same limits would have two encodings. */
                        if (i > 0 && compare(before, entry) >= 0)
                                return false;
                        before = entry;
                }
                entries += count;
        }
        return wirebuf_reader_is_done(&r) && entries > 0;
}

unsigned limits_count(const struct record_limits *l, enum limits_kind kind)
{
        return find_list(l, kind, 0, NULL);
}

struct view limits_entry(const struct record_limits *l, enum limits_kind kind, unsigned index)
{
        struct view entry = VIEW_ABSENT;

        return index < find_list(l, kind, index, &entry) ? entry : VIEW_ABSENT;
}

static bool matches(enum limits_kind kind, struct view entry, struct view value,
                    const struct cidr *address)
{
        struct cidr network;

        if (kind != LIMITS_SOURCE)
                return view_equal(entry, value);
        return cidr_parse(entry, &network) == 0 && cidr_contains(&network, address);
}

bool limits_allow(const struct record_limits *l, enum limits_kind kind, struct view value)
{
        struct cidr address = {0};
        unsigned count;

        if (l->len == 0)
                return true;
        /* What cannot be read might have said no. */
        if (!limits_is_valid(l))
                return false;
        count = limits_count(l, kind);
        if (count == 0)
                return true;
        if (view_is_empty(value))
                return false;
        if (kind == LIMITS_SOURCE && cidr_parse_address(value, &address) < 0)
                return false;
        for (unsigned i = 0; i < count; i++) {
                if (matches(kind, limits_entry(l, kind, i), value, &address))
                        return true;
        }
        return false;
}

void limits_put(const struct record_limits *l, struct wire_message *answer)
{
        for (unsigned kind = 0; kind < LIMITS_KINDS; kind++) {
                unsigned count = limits_count(l, (enum limits_kind)kind);

                /* Never more than a message takes: read_list() allows no longer list. */
                for (unsigned i = 0; i < count; i++)
                        (void)wire_put_list(answer, field_of[kind],
                                            limits_entry(l, (enum limits_kind)kind, i));
        }
}
