/* SPDX-License-Identifier: Apache-2.0 */
/* broadcast.h: an entry of the stream to every hub: first what it takes away, then the news. */
#ifndef NODE_BROADCAST_H
#define NODE_BROADCAST_H

#include "history/history.h"
#include "hub/hub.h"

/* One thread's own (the bus thread), and no I/O: it speaks through its port, so that the same code
 * runs in the simulation. Entries are announced in order; one with a fence waits until every hub
 * has answered its effect, and everything behind it waits with it. */
struct broadcast;

struct broadcast_port {
    /* To one hub's mailbox, in order with the other calls for that hub. */
    void (*effect)(void *owner, unsigned hub, const struct entry *entry);
    void (*announce)(void *owner, unsigned hub, const struct entry *entry);
    void (*answer)(void *owner, unsigned hub, const struct resume_answer *answer);
    /* The entry at n is on its way to every hub: its publisher may be told. */
    void (*announced)(void *owner, uint64_t n);
    void *owner;
};

MUST_CHECK int broadcast_new(struct broadcast **ret, unsigned hubs_count, struct history *history,
                             const struct broadcast_port *port);
void broadcast_free(struct broadcast *broadcast);
/* Makes sure that the next `count` entries find memory; to be asked before they get their numbers,
 * since a number that was given must be announced. MCP_AUTH_E_NOMEM. */
MUST_CHECK int broadcast_reserve(struct broadcast *broadcast, size_t count);
/* entry->n is the one after the last that was given, and room was reserved. Takes its own
 * reference. */
void broadcast_entry(struct broadcast *broadcast, const struct entry *entry);
/* This hub has applied the effect of the entry at n. */
void broadcast_effect_done(struct broadcast *broadcast, unsigned hub, uint64_t n);
/* Looks into the history and answers at once through the port. */
void broadcast_resume(struct broadcast *broadcast, const struct resume_request *request);
size_t broadcast_waiting(const struct broadcast *broadcast); /* entries not yet announced */

#endif
