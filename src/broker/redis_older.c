/* SPDX-License-Identifier: Apache-2.0 */
/* redis_older.c: reads a slice of the stream from before the place of the one who follows it. */
#include <assert.h>

#include "broker/redis_fleet.h"

static void on_range(void *owner, uint64_t ticket, const struct redis_reply *reply)
{
    struct redis_fleet *fleet = fleet_answered(owner);
    struct entry entries[BROKER_READ_MAX];
    struct stored_entry stored;
    unsigned count = 0;

    if (!fleet)
        return;
    if (reply->type != REDIS_ARRAY || reply->count > BROKER_READ_MAX) {
        fleet_fall_for(fleet, reply);
        return;
    }
    for (size_t i = 0; i < reply->count; i++) {
        struct entry *entry = &entries[count];

        if (fleet_entry_in(&reply->elements[i], &stored) < 0)
            break;
        if (stored.part != 0) /* XADD by hand between two of ours */
            continue;
        *entry = (struct entry){.n = stored.n, .check = fleet_entry_check(fleet, &stored)};
        if (fleet_entry_event(fleet, &stored, &entry->event) < 0)
            break;
        count++;
    }
    fleet->port.on_read(fleet->port.owner, ticket, entries, count);
    while (count > 0)
        event_unref(entries[--count].event);
}

bool fleet_read(struct broker *broker, uint64_t from_n, unsigned count, uint64_t ticket)
{
    struct redis_fleet *fleet = fleet_of(broker);
    char id[FLEET_ID_SIZE], number[FLEET_NUMBER_SIZE];

    assert(count > 0 && count <= BROKER_READ_MAX);
    if (fleet->fallen || !fleet->ready)
        return false;
    /* Never more than the link is known to bring in one bite, but what it takes to go on. */
    if (fleet->read_count > 1 && count > fleet->read_count)
        count = fleet->read_count;
    struct bytes args[] = {
        BYTES("XRANGE"), fleet->keys.stream, fleet_id(id, from_n, 0),
        BYTES("+"),      BYTES("COUNT"),     fleet_number(number, count),
    };
    fleet_send(fleet, FLEET_COMMAND, args, ARRAY_COUNT(args), fleet_patience_ms(fleet), on_range,
               ticket);
    return !fleet->fallen;
}
