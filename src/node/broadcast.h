/* SPDX-License-Identifier: Apache-2.0 */
/* broadcast.h: an entry of the stream to every hub: first what it takes away, then the news. */
#ifndef NODE_BROADCAST_H
#define NODE_BROADCAST_H

#include "history/history.h"
#include "hub/hub.h"

/* One thread's own (the bus thread), and no I/O: it speaks through its port, so that the same code
 * runs in the simulation. All that hubs must see in one order stands in one queue; what has an
 * effect waits until every hub has answered it, and everything behind it waits with it. */
struct broadcast;

struct broadcast_port {
    /* To one hub's mailbox, in order with the other calls for that hub; for hub 0, 1, ... without
     * another call between. A hub answers an effect by broadcast_effect_done with its serial; with
     * serial 0 nobody waits for the answer. One that is urgent may pass the news that wait there. */
    void (*effect)(void *owner, unsigned hub, const struct entry *entry, uint64_t serial,
                   bool urgent);
    void (*announce)(void *owner, unsigned hub, const struct entry *entry);
    void (*forget_alone)(void *owner, unsigned hub, uint64_t alone);
    void (*gone)(void *owner, unsigned hub, const struct entry *entry);
    void (*rebase)(void *owner, unsigned hub, const struct position *head, enum rebase_kind kind);
    void (*answer)(void *owner, unsigned hub, const struct resume_answer *answer);
    /* The history does not have it any more. True: somebody else answers it, later. NULL: nobody. */
    bool (*older)(void *owner, const struct resume_request *request);
    /* The entry is on its way to every hub: its publisher may be told. */
    void (*announced)(void *owner, const struct entry *entry);
    void *owner;
};

MUST_CHECK int broadcast_new(struct broadcast **ret, unsigned hubs_count, struct history *history,
                             const struct broadcast_port *port);
void broadcast_free(struct broadcast *broadcast);
/* Makes sure that the next `count` turns find memory; to be asked before entries get their numbers,
 * since a number that was given must be announced. MCP_AUTH_E_NOMEM. */
MUST_CHECK int broadcast_reserve(struct broadcast *broadcast, size_t count);

/* Each of these takes one reserved turn, and its own reference on the event. */
/* entry->n is the one after the last. One that this instance delivered alone is put in its place:
 * it disconnects nobody a second time. */
void broadcast_entry(struct broadcast *broadcast, const struct entry *entry);
/* The same for one that another instance accepted. What it takes away is gone here in its turn, and
 * not before: whoever loses it has been shown all that stands before it in the stream. */
void broadcast_entry_in_turn(struct broadcast *broadcast, const struct entry *entry);
/* What the stream does not have yet: n is 0, and alone the one after the last. */
void broadcast_alone(struct broadcast *broadcast, const struct entry *entry);
/* The event delivered alone under this serial will not come back. */
void broadcast_forget_alone(struct broadcast *broadcast, uint64_t alone);
/* The stream has lost this entry, which was announced. */
void broadcast_gone(struct broadcast *broadcast, const struct entry *entry);
/* The history forgets all: `head` is before what broadcast_past appends until broadcast_rebase. Who
 * asks meanwhile is told RESUME_REBASE. */
void broadcast_reset(struct broadcast *broadcast, const struct position *head);
/* History only: nobody is told, and it has no effect. After broadcast_reset. */
void broadcast_past(struct broadcast *broadcast, const struct entry *entry);
/* Every hub goes on behind `head`, and so does the history: after broadcast_reset this is where the
 * past has come to, else it forgets all. */
void broadcast_rebase(struct broadcast *broadcast, const struct position *head,
                      enum rebase_kind kind);

/* The effect alone, on all hubs at once, out of turn and unanswered. */
void broadcast_enforce(struct broadcast *broadcast, struct event *event);
/* This hub has applied the effect with this serial. */
void broadcast_effect_done(struct broadcast *broadcast, unsigned hub, uint64_t serial);
/* Looks into the history and answers at once through the port, or leaves it to port.older. */
void broadcast_resume(struct broadcast *broadcast, const struct resume_request *request);
size_t broadcast_waiting(const struct broadcast *broadcast); /* turns not yet taken */
/* The entry at n: of the history, or waiting for its turn; or NULL. Borrowed until the next call. */
const struct entry *broadcast_at(const struct broadcast *broadcast, uint64_t n);

#endif
