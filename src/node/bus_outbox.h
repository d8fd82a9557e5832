/* SPDX-License-Identifier: Apache-2.0 */
/* bus_outbox.h: accepted events that have not come back from the stream, in the order they came. */
#ifndef NODE_BUS_OUTBOX_H
#define NODE_BUS_OUTBOX_H

#include "base/list.h"
#include "base/map.h"
#include "broker/broker.h"

/* One event of a batch. */
struct outbox_item {
    struct list in_order; /* in unsent or sent, while it is in */
    struct event *event;  /* a reference */
    struct outbox_batch *batch;
    struct outbox_item *twin; /* the same event, accepted before this one: it is answered like it */
    uint64_t serial;          /* of acceptance */
    uint64_t alone;           /* under which it was delivered alone; 0: it was not */
    int64_t sent_ms;          /* the last time */
    bool in;                  /* it has not come back */
    bool sent, delivered;
    struct bytes key;
};

/* A batch that was accepted. Lives until it is answered, and its events are out of the outbox, and
 * nothing else holds it. */
struct outbox_batch {
    struct list unanswered; /* in order of acceptance */
    void *asker;
    unsigned count, held;
    unsigned undelivered;
    bool answered, degraded;
    int64_t due_ms;
    uint64_t turn; /* of the broadcast: with it the last of the batch is announced */
    struct publish_answer *answers;
    struct outbox_item items[]; /* then the answers, then the keys' text */
};

struct bus_outbox {
    struct list unsent, sent; /* items, each by serial */
    struct map by_key;
    size_t count, bytes; /* of what is in */
    size_t not_alone;    /* of what is in and was not delivered alone */
    uint64_t serial;
};

void bus_outbox_init(struct bus_outbox *outbox, const uint8_t seed[16]);
void bus_outbox_done(struct bus_outbox *outbox); /* every batch must be gone */

/* All of it in, unsent; one that is in already becomes a twin of that, and is not in itself.
 * MCP_AUTH_E_NOMEM. */
MUST_CHECK int outbox_batch_new(struct outbox_batch **ret, struct bus_outbox *outbox,
                                struct event *const *events, unsigned count);
void outbox_batch_hold(struct outbox_batch *batch);
void outbox_batch_release(struct outbox_batch *batch);

struct outbox_item *bus_outbox_find(const struct bus_outbox *outbox, struct bytes tenant,
                                    struct bytes id);
/* It has come back, or never will. Its batch may be gone when this returns. */
void bus_outbox_out(struct bus_outbox *outbox, struct outbox_item *item);
void bus_outbox_sent(struct bus_outbox *outbox, struct outbox_item *item, int64_t mono_ms);
void bus_outbox_unsent(struct bus_outbox *outbox, struct outbox_item *item);
void bus_outbox_all_unsent(struct bus_outbox *outbox);
/* The one that was accepted first; or NULL. */
const struct outbox_item *bus_outbox_oldest_sent(const struct bus_outbox *outbox);
/* A twin whose like was refused for something else: it goes its own way.
 * MCP_AUTH_E_NOMEM: it is not in. */
MUST_CHECK int bus_outbox_untwin(struct bus_outbox *outbox, struct outbox_item *item);

#endif
