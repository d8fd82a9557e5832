/* SPDX-License-Identifier: Apache-2.0 */
/* bus_state.c: what the bus is now, to every hub: the latest counts, and telling cannot fail. */
#include "node/node_private.h"

/* In the hub's thread. */
static void look(struct note *note, void *context __attribute__((unused)))
{
    struct node_hub *hub = container_of(note, struct node_hub, bus_note);
    const struct node_bus *bus = &hub->node->bus;

    atomic_store(&hub->bus_noted, false); /* before it looks: what changes later is noted again */
    hub_bus_state(hub->hub, atomic_load(&bus->ok) ? BUS_OK : BUS_DEGRADED);
    hub_isolate(hub->hub, atomic_load(&bus->isolated));
}

void bus_state_tell(struct node *node)
{
    for (unsigned i = 0; i < node->hubs_count; i++) {
        struct node_hub *hub = &node->hubs[i];

        if (atomic_exchange(&hub->bus_noted, true))
            continue;
        hub->bus_note.run = look;
        mailbox_put(hub->mailbox, &hub->bus_note);
    }
}
