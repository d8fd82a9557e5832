/* SPDX-License-Identifier: Apache-2.0 */
/* broker.h: events between instances: what goes in comes back to everyone in one order. */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include "model/event.h"

enum publish_outcome {
    PUBLISH_TAKEN,     /* in the stream at `at`; comes back by on_entry */
    PUBLISH_DUPLICATE, /* this id is there already, at `at`; nothing happens again */
    PUBLISH_CONFLICT,  /* this id is there with another body */
    PUBLISH_FAILED,    /* no room */
};

/* Called in the bus thread, never from within another broker call's caller's lock. */
struct broker_port {
    void (*on_outcome)(void *owner, uint64_t ticket, enum publish_outcome outcome,
                       const struct position *at);
    void (*on_entry)(void *owner, const struct entry *entry); /* n dense, in order */
    void *owner;
};

/* One thread's own. */
struct broker {
    const struct broker_operations *operations;
};

/* What it remembers, to know an event that comes again. */
struct broker_usage {
    size_t ids, bytes;
};

struct broker_operations {
    void (*publish)(struct broker *broker, struct event *event, uint64_t ticket, int64_t wall_ms);
    /* Is there another body under this event's id, as far as this instance knows? */
    bool (*conflicts)(const struct broker *broker, const struct event *event, int64_t wall_ms);
    void (*tick)(struct broker *broker, int64_t wall_ms); /* forgets ids beyond the dedupe window */
    struct broker_usage (*usage)(const struct broker *broker);
    void (*free)(struct broker *broker);
};

/* Hands `event` (borrowed) in. The outcome comes by on_outcome under `ticket`, before the entry
 * comes by on_entry; the memory broker calls both before it returns. */
static inline void broker_publish(struct broker *broker, struct event *event, uint64_t ticket,
                                  int64_t wall_ms)
{
    broker->operations->publish(broker, event, ticket, wall_ms);
}

static inline bool broker_conflicts(const struct broker *broker, const struct event *event,
                                    int64_t wall_ms)
{
    return broker->operations->conflicts(broker, event, wall_ms);
}

static inline void broker_tick(struct broker *broker, int64_t wall_ms)
{
    broker->operations->tick(broker, wall_ms);
}

static inline struct broker_usage broker_usage(const struct broker *broker)
{
    return broker->operations->usage(broker);
}

static inline void broker_free(struct broker *broker)
{
    if (broker)
        broker->operations->free(broker);
}

/* One instance alone: gives every event straight back, numbered from 1. */
MUST_CHECK int broker_memory_new(struct broker **ret, uint64_t epoch, int64_t dedupe_ms,
                                 const uint8_t seed[16], const struct broker_port *port);

#endif
