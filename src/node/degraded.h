/* SPDX-License-Identifier: Apache-2.0 */
/* degraded.h: accepted events on their way through a bus that may not answer, and around it. */
#ifndef NODE_DEGRADED_H
#define NODE_DEGRADED_H

#include "broker/broker.h"
#include "node/broadcast.h"

/* The bus thread's own, and no I/O: it is told the time, so that the same code runs in the
 * simulation. Only for a broker that can be away; the one in memory needs none of it.
 *
 * An accepted event waits in the outbox until it comes back from the stream. What it takes away is
 * gone from this instance at once. While the bus is ok it is delivered when it comes back; when one
 * has not by its deadline, or the broker goes away, this and all that waits is delivered by this
 * instance alone, and so is everything accepted from then on, at once. The outbox still gives all of
 * it to the stream, in order, when and as fast as that can take it. The bus is ok again when it is
 * ready and quick, what had waited for that is back, and nothing waits to be sent: what was accepted
 * last may still be on its way, and comes back as one that was delivered alone. */
struct degraded;

struct degraded_settings {
    int64_t deadline_ms;  /* for an event to come back */
    int64_t isolation_ms; /* not ready for longer: isolated; 0: never */
    int64_t dedupe_ms;    /* a given id within is a duplicate */
    size_t bytes_max;     /* of the outbox; control entries have as much again */
    uint8_t seed[16];
};

struct degraded_answer {
    /* 0; or none was delivered: MCP_AUTH_E_CONFLICT (events[failed_index]), MCP_AUTH_E_NOMEM. */
    int error;
    unsigned failed_index;
    bool degraded; /* some of it was delivered by this instance alone: at.n may be 0 */
    const struct publish_answer *answers;
};

struct degraded_change {
    bool ok;
    struct bytes why;  /* of a bus that is not ok any more */
    bool first;        /* it has never been ok before, and nothing was wrong since the start */
    int64_t outage_ms; /* of one that is ok again, as these: */
    uint64_t sent, caught_up;
};

struct degraded_port {
    /* Makes sure that `count` events more can be enforced and delivered. MCP_AUTH_E_NOMEM. */
    int (*reserve)(void *owner, size_t count);
    /* What an accepted event takes away; hubs are told of it right after. */
    void (*withdrawn)(void *owner, const struct fence *fence);
    /* All of a batch is on its way to every hub, or none of it will be. */
    void (*answered)(void *owner, void *asker, const struct degraded_answer *answer);
    void (*changed)(void *owner, const struct degraded_change *change);
    void (*isolate)(void *owner, bool isolated);
    /* Delivered alone, and the stream has its id with another body. */
    void (*refused)(void *owner, const struct event *event);
    void *owner;
};

struct degraded_stats {
    bool ok, ready, isolated;
    bool unanswered; /* some batch is */
    size_t outbox_events, outbox_bytes;
    /* In all: events delivered alone; of those, come back; entries of others, read late. */
    uint64_t alone, sent, caught_up;
    uint64_t reconnects, outages;
    size_t ids, ids_bytes; /* remembered, to know an event that comes again */
};

MUST_CHECK int degraded_new(struct degraded **ret, const struct degraded_settings *settings,
                            struct broadcast *broadcast, const struct degraded_port *port);
/* Before anything else but degraded_new; borrowed. */
void degraded_use(struct degraded *degraded, struct broker *broker, struct now now);
/* What waits for its answer is answered to nobody. Not after the broadcast. */
void degraded_free(struct degraded *degraded);

/* Takes its own references; the answer comes by port.answered with `asker`, perhaps before this
 * returns. On error none comes: MCP_AUTH_E_FULL (the outbox), MCP_AUTH_E_NOMEM,
 * MCP_AUTH_E_CONFLICT (with what waits in the outbox; *ret_failed_index). */
MUST_CHECK int degraded_publish(struct degraded *degraded, struct event *const *events,
                                unsigned count, void *asker, struct now now,
                                unsigned *ret_failed_index);

/* What the broker says, and the broadcast. */
void degraded_answered(struct degraded *degraded, const struct batch_answer *answer,
                       struct now now);
void degraded_stand(struct degraded *degraded, const struct broker_stand *stand);
/* An entry that is only history here. */
void degraded_past(struct degraded *degraded, const struct entry *entry);
/* An entry of the stream, to broadcast_entry. MCP_AUTH_E_NOMEM: not taken. */
MUST_CHECK int degraded_entry(struct degraded *degraded, const struct entry *entry, struct now now);
struct event *degraded_own(const struct degraded *degraded, struct bytes tenant, struct bytes id);
void degraded_ready(struct degraded *degraded, struct now now);
void degraded_away(struct degraded *degraded, struct bytes why, struct now now);
void degraded_announced(struct degraded *degraded);

/* Does what is due. */
void degraded_advance(struct degraded *degraded, struct now now);
/* When to call that next, by mono_ms; INT64_MAX: not by itself. */
int64_t degraded_due(const struct degraded *degraded);
void degraded_stats(const struct degraded *degraded, struct degraded_stats *ret);

#endif
