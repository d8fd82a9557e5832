/* SPDX-License-Identifier: Apache-2.0 */
/* alone.c: what this instance delivered alone and the stream does not have, for those who come. */
#include <assert.h>
#include <stdlib.h>

#include "hub/session.h"
#include "mcp_auth/error.h"

#define ALONES_ROOM_FIRST 16u
/* Looked at for one session in one turn. */
#define ALONE_SLICE 256u

void alones_done(struct alones *alones)
{
    for (size_t i = 0; i < alones->count; i++)
        event_unref(alones->items[alones->first + i].event);
    free(alones->items);
    *alones = (struct alones){0};
}

/* To the front of as much room as is needed, or of what is there. */
static int make_room(struct alones *alones)
{
    size_t room = alones->room ? alones->room : ALONES_ROOM_FIRST;
    struct entry *items;

    if (alones->first + alones->count < alones->room)
        return 0;
    while (alones->count > room / 2)
        room *= 2;
    items = malloc(room * sizeof *items);
    if (!items)
        return MCP_AUTH_E_NOMEM;
    if (alones->count > 0)
        memcpy(items, alones->items + alones->first, alones->count * sizeof *items);
    free(alones->items);
    alones->items = items;
    alones->first = 0;
    alones->room = room;
    return 0;
}

int alones_put(struct alones *alones, const struct entry *entry)
{
    int r = make_room(alones);

    if (r < 0)
        return r;
    alones->items[alones->first + alones->count++] = *entry;
    event_ref(entry->event);
    return 0;
}

/* The place, from first on, of the first one after this serial. */
static size_t place_after(const struct alones *alones, uint64_t serial)
{
    size_t low = 0, high = alones->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (alones->items[alones->first + middle].alone <= serial)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool alones_take(struct alones *alones, uint64_t serial)
{
    size_t place = place_after(alones, serial - 1);
    struct entry *items;

    if (place == alones->count || alones->items[alones->first + place].alone != serial)
        return false;
    items = alones->items + alones->first;
    event_unref(items[place].event);
    alones->count--;
    if (place == 0) /* they come back in the order they were sent */
        alones->first++;
    else
        memmove(items + place, items + place + 1, (alones->count - place) * sizeof *items);
    if (alones->count == 0) { /* an outage's memory ends with it */
        free(alones->items);
        *alones = (struct alones){.serial = alones->serial};
    }
    return true;
}

enum alone_given alone_give(struct session *s)
{
    struct catchup *catchup = session_catchup(s);
    const struct alones *alones = &session_hub(s)->alones;
    size_t place = place_after(alones, catchup->alone_upto);

    for (unsigned looked_at = 0; place < alones->count; looked_at++, place++) {
        const struct entry *entry = &alones->items[alones->first + place];
        enum view view;

        if (looked_at == ALONE_SLICE || !catchup_has_room(s))
            return ALONE_SOME;
        if (session_may_see(s, entry->event, &view)) {
            if (!session_push_event(s, entry, view, true))
                return ALONE_CLOSED;
            counter_add(&session_hub(s)->counters.frames_sent, 1);
        }
        catchup->alone_upto = entry->alone;
    }
    return ALONE_ALL;
}
