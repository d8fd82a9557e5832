/* SPDX-License-Identifier: Apache-2.0 */
/* degraded_private.h: what the files of degraded share, and nobody else. */
#ifndef NODE_DEGRADED_PRIVATE_H
#define NODE_DEGRADED_PRIVATE_H

#include "broker/known_ids.h"
#include "node/bus_outbox.h"
#include "node/degraded.h"

struct degraded {
    struct degraded_settings settings;
    struct broadcast *broadcast;
    struct broker *broker;
    struct degraded_port port;
    struct bus_outbox outbox;
    struct known_ids known; /* given ids of the stream */
    int64_t wall_ms;        /* as last told */
    struct list unanswered; /* batches, in order of acceptance */
    /* Invariant: while ok, what of the outbox was delivered alone was sent, or is sent again after
     * a refusal of others; else all of it was delivered alone. */
    bool ok, ready, isolated;
    bool told;                  /* of the outage at hand */
    bool following;             /* from the stand to ready: entries are read late */
    bool holding;               /* batches are not answered while their list is walked */
    bool sending;               /* the broker may answer before it returns */
    int64_t away_ms, outage_ms; /* since when */
    int64_t retry_ms;           /* nothing is sent before then */
    int64_t slow_ms;            /* when an event last came back late */
    int64_t look_ms;            /* when to see again whether it is quick */
    uint64_t drain_serial;      /* what is in the outbox up to here comes back before it is ok */
    struct list flights;        /* batches given to the broker, in order */
    size_t flights_bytes, flights_count;
    uint64_t ticket, epoch, seen_n, alone_serial;
    uint64_t turns, turns_announced; /* of the broadcast: given, and over */
    uint64_t alone, sent, caught_up, reconnects, outages;
    uint64_t outage_sent, outage_caught_up; /* of before this outage */
};

/* degraded.c */
void degraded_begin(struct degraded *d, struct bytes why, struct now now);
void degraded_try_end(struct degraded *d, struct now now);
void degraded_delivered(struct degraded *d, struct outbox_item *item);
void degraded_answer_ready(struct degraded *d);
void degraded_answer(struct degraded *d, struct outbox_batch *batch, int error,
                     unsigned failed_index);
/* The same, and nothing of it is sent or delivered. */
void degraded_refuse(struct degraded *d, struct outbox_batch *batch, int error,
                     unsigned failed_index);
void degraded_deliver_alone(struct degraded *d, struct outbox_batch *batch);
/* It will not come back. */
void degraded_drop(struct degraded *d, struct outbox_item *item);
/* What had waited for one of this batch, which was refused, goes its own way. */
void degraded_untwin(struct degraded *d, struct outbox_batch *refused);

/* degraded_known.c: given ids that the stream is known to have. */
/* Is it a duplicate, whatever Redis will say? Then it is answered as one, and goes nowhere. */
bool degraded_is_known(struct degraded *d, struct outbox_item *item);
/* Is its id there with another body? */
bool degraded_conflicts(const struct degraded *d, const struct event *event);
void degraded_remember(struct degraded *d, const struct entry *entry, int64_t wall_ms);

/* degraded_send.c: the outbox to the broker. */
void degraded_send(struct degraded *d, struct now now);
void degraded_forget_flights(struct degraded *d);
/* Since when the oldest is awaited; INT64_MAX: none is. */
int64_t degraded_flight_ms(const struct degraded *d);

#endif
