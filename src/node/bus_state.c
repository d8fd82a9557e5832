/* SPDX-License-Identifier: Apache-2.0 */
/* bus_state.c: what the bus is now, to every hub: the latest counts, and telling cannot fail. */
#include "node/node_private.h"

/* What a hub's note says. */
enum {
    NOTED = 1, /* it is on its way */
    AGAIN = 2, /* and something else was told since */
    OK = 4,
    ISOLATED = 8,
};

static void look(struct note *note, void *context);

static void put(struct node_hub *hub)
{
    hub->bus_note.run = look;
    mailbox_put(hub->mailbox, &hub->bus_note);
}

/* In the hub's thread. What was told while the note was on its way may speak of a rebase that stands
 * behind it: so it goes there once more, and the hub learns both in that order. */
static void look(struct note *note, void *context __attribute__((unused)))
{
    struct node_hub *hub = container_of(note, struct node_hub, bus_note);
    unsigned said = atomic_exchange(&hub->bus_noted, 0), none = 0;

    if (said & AGAIN) {
        if (atomic_compare_exchange_strong(&hub->bus_noted, &none, said & ~(unsigned)AGAIN))
            put(hub);
        return; /* else there is newer news on its way */
    }
    hub_bus_state(hub->hub, said & OK ? BUS_OK : BUS_DEGRADED);
    hub_isolate(hub->hub, said & ISOLATED);
}

void bus_state_tell(struct node *node)
{
    unsigned state = NOTED | (atomic_load(&node->bus.ok) ? OK : 0) |
                     (atomic_load(&node->bus.isolated) ? ISOLATED : 0);

    for (unsigned i = 0; i < node->hubs_count; i++) {
        struct node_hub *hub = &node->hubs[i];
        unsigned before = atomic_load(&hub->bus_noted);

        while (!atomic_compare_exchange_weak(&hub->bus_noted, &before,
                                             state | (before & NOTED ? AGAIN : 0)))
            ;
        if (!(before & NOTED))
            put(hub);
    }
}
