/* SPDX-License-Identifier: Apache-2.0 */
/* broker.h: events between instances: what goes in comes back to everyone in one order. */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include "base/clock.h"
#include "model/event.h"

enum publish_outcome {
    PUBLISH_TAKEN,     /* in the stream at `at`; comes back by on_entry */
    PUBLISH_DUPLICATE, /* this id is there already, at `at`; nothing happens again */
};

struct publish_answer {
    enum publish_outcome outcome;
    struct position at; /* n == 0: not known */
};

/* Events that are stored together or not at all, in this order. All borrowed until the call
 * returns. */
struct broker_batch {
    struct event *const *events;
    unsigned count;
    uint64_t ticket;
};

enum batch_result {
    BATCH_TAKEN,    /* each event has its own answer */
    BATCH_CONFLICT, /* events[failed_index]: its id is there with another body; none was stored */
    BATCH_FAILED,   /* no room here or there; none was stored */
};

struct batch_answer {
    uint64_t ticket;
    enum batch_result result;
    unsigned failed_index;
    const struct publish_answer *answers; /* borrowed until the call returns */
    unsigned count;                       /* of answers: that of the batch when it was taken */
};

/* Where this instance stands when it has met the stream (again). */
enum stand_kind {
    STAND_FIRST,     /* the first time */
    STAND_SAME,      /* it goes on after the last entry it had */
    STAND_GAP,       /* what was between is trimmed: lost here */
    STAND_LOST_TAIL, /* the stream lost the end of what was given here, beyond common_n */
};

struct broker_stand {
    enum stand_kind kind;
    /* Entries follow from after.n + 1. When they were not had here (all but SAME), its check may be
     * 0: not known. LOST_TAIL: those up to common_n are told again. */
    struct position after;
    uint64_t common_n; /* LOST_TAIL: the last entry that is in both; 0: none */
    uint64_t upto_n;   /* the last number there was at the attach; on_ready comes behind it */
};

struct stored_fields; /* model/stored_fields.h */

/* Called in the bus thread. What returns an int has not taken what it was told when it is negative
 * (want of memory): a broker that can then goes away and comes again for it.
 *
 * A broker that can be away: on_stand, then in any order entries, fences and on_fences_end, then
 * on_ready; only from then until on_away it may be given batches. on_away comes once for each time
 * that it was ready, and for each attempt that failed. */
struct broker_port {
    /* In the order of publishing; none comes for what was on its way at on_away. */
    void (*on_answer)(void *owner, const struct batch_answer *answer);
    int (*on_stand)(void *owner, const struct broker_stand *stand);
    int (*on_entry)(void *owner, const struct entry *entry); /* n dense after the stand */
    int (*on_fence)(void *owner, const struct fence *fence); /* each that is stored there */
    void (*on_fences_end)(void *owner); /* now write_fences may be given what it lacks */
    void (*on_ready)(void *owner);
    void (*on_away)(void *owner, struct bytes why);
    void (*on_plain)(void *owner, struct bytes json); /* of a program that only publishes */
    /* What broker_read asked for: numbers rise; fewer, or none, when there are no more. Borrowed.
     * None comes for what was on its way at on_away. */
    void (*on_read)(void *owner, uint64_t ticket, const struct entry *entries, unsigned count);
    /* Which check had the entry at n here? False: not known any more. */
    bool (*known)(void *owner, uint64_t n, uint64_t *ret_check);
    /* An accepted event that waits for its return, so that its entry needs no reading; borrowed;
     * NULL when there is none. */
    struct event *(*own)(void *owner, struct bytes tenant, struct bytes id);
    /* An entry's texts to the event and back (wire/event_stored.h, which a broker does not know):
     * MCP_AUTH_E_INVALID for what cannot be read, MCP_AUTH_E_NOMEM. `fields` borrows from event. */
    int (*make)(void *owner, const struct stored_fields *fields, struct event **ret);
    void (*fields)(void *owner, const struct event *event, struct stored_fields *ret);
    void *owner;
};

/* One thread's own. */
struct broker {
    const struct broker_operations *operations;
};

struct broker_usage {
    size_t ids, bytes; /* remembered here, to know an event that comes again */
    /* How long the last answer took, whatever was asked; -1: there was none, or it was not asked
     * through a network. */
    int64_t round_trip_ms;
};

struct broker_operations {
    void (*publish)(struct broker *broker, const struct broker_batch *batch, int64_t wall_ms);
    void (*write_fences)(struct broker *broker, const struct fence *fences, size_t count);
    /* NULL: it stores nothing that is not here. */
    bool (*read)(struct broker *broker, uint64_t from_n, unsigned count, uint64_t ticket);
    int64_t (*advance)(struct broker *broker, struct now now);
    struct broker_usage (*usage)(const struct broker *broker);
    void (*free)(struct broker *broker);
};

/* Hands a batch in. Its answer comes by on_answer, its entries by on_entry; which of them is first
 * is not said. The memory broker gives the answer and then the entries before it returns. */
static inline void broker_publish(struct broker *broker, const struct broker_batch *batch,
                                  int64_t wall_ms)
{
    broker->operations->publish(broker, batch, wall_ms);
}

/* Stores what is newer than what is there. Borrowed until it returns; nothing is answered. */
static inline void broker_write_fences(struct broker *broker, const struct fence *fences,
                                       size_t count)
{
    broker->operations->write_fences(broker, fences, count);
}

#define BROKER_READ_MAX 500u

/* Asks for `count` entries at most that are stored from the number from_n on, at most
 * BROKER_READ_MAX; they come by on_read. False: it cannot be asked now. */
MUST_CHECK static inline bool broker_read(struct broker *broker, uint64_t from_n, unsigned count,
                                          uint64_t ticket)
{
    return broker->operations->read && broker->operations->read(broker, from_n, count, ticket);
}

/* Does what is due (the first call begins) and returns when it wants to be called next, by mono_ms;
 * INT64_MAX: not by itself. To be called after each turn of the loop. */
static inline int64_t broker_advance(struct broker *broker, struct now now)
{
    return broker->operations->advance(broker, now);
}

static inline struct broker_usage broker_usage(const struct broker *broker)
{
    return broker->operations->usage(broker);
}

static inline void broker_free(struct broker *broker) /* calls nothing back */
{
    if (broker)
        broker->operations->free(broker);
}

/* One instance alone: gives every event straight back, numbered from 1. It is always ready and
 * calls only on_answer and on_entry; on_entry must take what it is given (room for it is made
 * before the batch is handed in). */
MUST_CHECK int broker_memory_new(struct broker **ret, uint64_t epoch, int64_t dedupe_ms,
                                 const uint8_t seed[16], const struct broker_port *port);

#endif
