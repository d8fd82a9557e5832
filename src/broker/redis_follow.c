/* SPDX-License-Identifier: Apache-2.0 */
/* redis_follow.c: reads the stream entry by entry and gives each under its number, without holes. */
#include "broker/redis_fleet.h"

#include "base/log.h"
#include "model/limits.h"

#define READ_WAIT "500" /* FLEET_WATCH_MS */
#define READ_COUNT_MAX 1000u
/* What a read may bring: 1,000 events of 4 KiB, or 64 of the largest. At the least one of these. */
#define READ_BYTES_MAX (4u * 1024u * 1024u)
#define READ_BYTES_MIN EVENT_SIZE_MAX
#define READ_BYTES_FIRST (512u * 1024u)
/* Full reads that are faster grow, slower ones shrink: far from where the link gives up. */
#define READ_FAST_MS 200
#define READ_SLOW_MS 600

_Static_assert(FLEET_WATCH_MS == 500, "READ_WAIT says the same");

static void give(struct redis_fleet *fleet, const struct stored_entry *stored)
{
    const struct stored_fields *fields = &stored->fields;
    struct entry entry = {
        .n = stored->n,
        .check =
            position_check(fleet->epoch, stored->n, fields->tenant, fields->id, stored->stored_by),
    };
    int r = fleet_entry_event(fleet, stored, &entry.event);

    if (r == 0) {
        r = fleet->port.on_entry(fleet->port.owner, &entry);
        event_unref(entry.event);
    }
    if (r < 0) {
        fleet_fall_for_error(fleet, r);
        return;
    }
    fleet->last_n = fleet->read_n = stored->n;
    fleet->read_part = 0;
    fleet->last_check = entry.check;
    fleet->has_check = true;
}

static void on_first(void *owner, uint64_t tag, const struct redis_reply *reply)
{
    struct redis_fleet *fleet = fleet_answered(owner);
    struct stored_entry first;

    (void)tag;
    if (!fleet)
        return;
    if (reply->type != REDIS_ARRAY || reply->count != 1 ||
        fleet_entry_in(&reply->elements[0], &first) < 0) {
        fleet_fall_for(fleet, reply);
        return;
    }
    if (first.n > fleet->last_n) {
        fleet_fall(fleet, BYTES("the stream was trimmed beyond our place"));
        return;
    }
    fleet->hole_upto_n = fleet->hole_end_n;
    fleet->reading = false;
    fleet_follow(fleet);
}

static void on_last(void *owner, uint64_t tag, const struct redis_reply *reply)
{
    struct redis_fleet *fleet = fleet_answered(owner);
    uint64_t n;

    (void)tag;
    if (!fleet)
        return;
    if (reply->type != REDIS_STRING || fleet_number_read(reply->text, &n) < 0) {
        fleet_fall_for(fleet, reply);
        return;
    }
    if (fleet->hole_end_n > n) /* attach.lua removes it */
        fleet_fall(fleet, BYTES("somebody has put an entry behind the stream's end"));
}

/* Is what lies before `end_n` trimmed, or was it taken out by hand? Trimming takes from the front, so
 * what is missing behind something that is there was taken out. Asked after the hole was seen: what
 * is trimmed from now on does not matter. */
static void ask_about_hole(struct redis_fleet *fleet, uint64_t end_n)
{
    struct bytes last[] = {BYTES("HGET"), fleet->keys.epoch, BYTES("n")};
    struct bytes first[] = {
        BYTES("XRANGE"), fleet->keys.stream, BYTES("-"), BYTES("+"), BYTES("COUNT"), BYTES("1"),
    };

    fleet->hole_end_n = end_n;
    fleet_send(fleet, FLEET_COMMAND, last, ARRAY_COUNT(last), fleet_patience_ms(fleet), on_last, 0);
    fleet_send(fleet, FLEET_COMMAND, first, ARRAY_COUNT(first), fleet_patience_ms(fleet), on_first,
               0);
}

static void fill_hole(struct redis_fleet *fleet, uint64_t upto_n)
{
    while (fleet->last_n + 1 < upto_n && !fleet->fallen) {
        struct stored_entry nothing = {.n = fleet->last_n + 1, .fields = {.id = {"", 0}}};

        nothing.fields.tenant = BYTES("");
        give(fleet, &nothing);
    }
}

/* False: what follows is not to be read now. */
static bool take(struct redis_fleet *fleet, const struct redis_reply *reply)
{
    struct stored_entry entry;

    if (fleet_entry_in(reply, &entry) < 0) {
        fleet_fall_for(fleet, reply);
        return false;
    }
    if (entry.part != 0 || entry.n <= fleet->last_n) {
        /* XADD by hand between two of ours: it has no number. */
        log_write(LOG_WARNING, "passed over an entry of the stream in Redis that is not ours",
                  LOG_INT("after_n", (long long)fleet->last_n));
        fleet->read_n = entry.n;
        fleet->read_part = entry.part;
        return true;
    }
    if (entry.n > fleet->last_n + 1) {
        if (entry.n > fleet->hole_upto_n) {
            ask_about_hole(fleet, entry.n);
            return false;
        }
        fill_hole(fleet, entry.n);
    }
    if (!fleet->fallen)
        give(fleet, &entry);
    return !fleet->fallen;
}

/* Sizes vary little within a while: the next read is sized by this one. */
static void read_count_set(struct redis_fleet *fleet, const struct redis_reply *entries,
                           int64_t took_ms)
{
    size_t bytes = 0, count;

    if (entries->count >= fleet->read_count && took_ms < READ_FAST_MS &&
        fleet->read_bytes < READ_BYTES_MAX)
        fleet->read_bytes *= 2;
    else if (took_ms > READ_SLOW_MS && fleet->read_bytes / 2 >= READ_BYTES_MIN)
        fleet->read_bytes /= 2;
    for (size_t i = 0; i < entries->count; i++) {
        const struct redis_reply *entry = &entries->elements[i];

        if (entry->type != REDIS_ARRAY || entry->count != 2)
            return;
        for (size_t j = 0; j < entry->elements[1].count; j++)
            bytes += entry->elements[1].elements[j].text.size;
    }
    count = fleet->read_bytes / (bytes / entries->count + 1);
    fleet->read_count = count > READ_COUNT_MAX ? READ_COUNT_MAX : count < 1 ? 1 : (unsigned)count;
}

void fleet_read_less(struct redis_fleet *fleet)
{
    fleet->read_bytes /= 4;
    if (fleet->read_bytes < READ_BYTES_MIN)
        fleet->read_bytes = READ_BYTES_MIN;
    fleet->read_count = 0;
}

static void on_read(void *owner, uint64_t tag, const struct redis_reply *reply)
{
    struct redis_fleet *fleet = fleet_answered(owner);
    const struct redis_reply *entries = NULL;

    if (!fleet)
        return;
    if (reply->type == REDIS_ARRAY && reply->count == 1 && reply->elements[0].type == REDIS_ARRAY &&
        reply->elements[0].count == 2)
        entries = &reply->elements[0].elements[1];
    if (reply->type != REDIS_NIL &&
        (!entries || entries->type != REDIS_ARRAY || entries->count == 0)) {
        fleet_fall_for(fleet, reply);
        return;
    }
    if (entries) {
        read_count_set(fleet, entries, (int64_t)((clock_mono_ns() - tag) / 1000000));
        for (size_t i = 0; i < entries->count; i++)
            if (!take(fleet, &entries->elements[i]))
                return;
        fleet_look(fleet);
    }
    fleet->reading = false;
    fleet_follow(fleet);
}

void fleet_follow(struct redis_fleet *fleet)
{
    char id[FLEET_ID_SIZE], count[FLEET_NUMBER_SIZE];

    if (fleet->fallen || fleet->reading || !fleet->standing ||
        !redis_link_is_up(fleet->ends[FLEET_FOLLOWER].link))
        return;
    if (fleet->read_bytes == 0)
        fleet->read_bytes = READ_BYTES_FIRST;
    if (fleet->read_count == 0)
        fleet->read_count = (unsigned)(fleet->read_bytes / EVENT_SIZE_MAX);
    struct bytes args[] = {
        BYTES("XREAD"),
        BYTES("COUNT"),
        fleet_number(count, fleet->read_count),
        BYTES("BLOCK"),
        BYTES(READ_WAIT),
        BYTES("STREAMS"),
        fleet->keys.stream,
        fleet_id(id, fleet->read_n, fleet->read_part),
    };
    fleet->reading = true;
    fleet_send(fleet, FLEET_FOLLOWER, args, ARRAY_COUNT(args), FLEET_WATCH_MS + FLEET_ANSWER_MS,
               on_read, clock_mono_ns());
}
