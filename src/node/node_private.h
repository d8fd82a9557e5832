/* SPDX-License-Identifier: Apache-2.0 */
/* node_private.h: what the files of this room share about an instance, and nobody else. */
#ifndef NODE_NODE_PRIVATE_H
#define NODE_NODE_PRIVATE_H

#include <pthread.h>
#include <semaphore.h>

#include "base/list.h"
#include "base/map.h"
#include "broker/redis_url.h"
#include "history/history.h"
#include "io/loop.h"
#include "node/broadcast.h"
#include "node/degraded.h"
#include "node/follow.h"
#include "node/node.h"

#define NODE_HUBS_MAX 256u

/* One event loop as the bus sees it. */
struct node_hub {
    struct node *node;
    unsigned index;
    struct hub *hub; /* the loop's thread only */
    struct mailbox *mailbox;
    struct latency latency; /* written by the loop's thread */
    struct note bus_note;   /* says what the bus is now (bus_state.c) */
    atomic_uint bus_noted;  /* what that says, while it is on its way */
};

/* What hubs and statistics are told of a bus that can be away; written by the bus thread. */
struct node_bus {
    atomic_bool ok, connected, isolated;
    atomic_llong since_wall_ms;
    atomic_ullong epoch, told_n, last_n, outbox_events, outbox_bytes, alone, sent, caught_up,
        reconnects, outages;
};

/* One publisher's allowance; may go below zero by one batch. */
struct publish_rate {
    struct map buckets;
};

struct node {
    const struct settings *settings;
    struct hub_settings hub_settings;
    struct issuers *issuers;
    struct redaction redaction;
    struct node_hub hubs[NODE_HUBS_MAX];
    unsigned hubs_count;
    atomic_uint admitted;                      /* places taken under WEBSOCKET_MAX_CONNECTIONS */
    atomic_uint max_connections, publish_rate; /* as last reloaded */
    atomic_uint keys_count, keys_awaited;      /* of the issuers, the same */
    _Atomic(const struct policy *) policy;     /* one reference; node_policy takes another */
    atomic_uint policy_takers;                 /* in the middle of taking one */
    int64_t started_wall_ms;

    pthread_t thread;
    bool running;
    struct mailbox mailbox; /* the bus thread's door */

    /* The bus thread's own. */
    struct loop loop;
    struct watch bell;
    struct now now;
    bool stopping, stopped;
    int64_t stop_ms; /* what was not sent by then is left */
    struct note stop_note;
    struct broker *broker;
    /* With Redis (redis_bus.c); else NULL and not used. */
    struct degraded *degraded;
    struct follow follow;
    struct redis_url redis_url;
    struct tls_context *redis_tls;
    struct fence_table fences_there; /* that Redis has told of since the stand */
    sem_t met;                       /* the first attempt is over, well or not */
    bool met_told;
    struct history *history;
    struct broadcast *broadcast;
    struct publish_rate rate;
    struct list spare_deliveries;
    size_t spare_deliveries_count;
    struct delivery *delivering; /* while the hubs are being told */
    struct resume_note *answering;
    struct publication *publishing;                   /* while its answer comes */
    struct publication *waiting_first, *waiting_last; /* by last_n, linked by note.next */
    uint64_t announced_n;
    struct map seats;        /* of users with connections (seats.c) */
    node_observe_fn observe; /* NULL: nobody looks */
    void *observe_owner;
    struct fence_table fences; /* all in force: to count them, and for what joins later */

    /* Written by the bus thread (backlog_bytes by publishers too), read by any. */
    atomic_ullong published, duplicates, security_events, effects;
    atomic_ullong history_events, history_bytes, fences_counted, fence_bytes, waiting;
    atomic_ullong dedupe_ids, dedupe_bytes;
    atomic_ullong stream_n; /* the last entry that came from the broker */
    struct latency enforcement;
    struct node_bus bus;
    /* By whoever refuses. */
    atomic_ullong refused_by[PUBLICATION_RESULTS], bodies_refused[ERROR_CODES];
    atomic_size_t backlog_bytes;

    /* plain.c: when a warning was last written, and how many were not since. */
    atomic_llong plain_warned_ms;
    atomic_ullong plain_unsaid;
};

/* delivery.c: what all hubs are told, and an effect's way back. Reserved beforehand, so that it cannot
 * fail: two for each turn of the broadcast that has an event (its effect, and itself), one for any
 * other and for what is enforced out of turn. */
MUST_CHECK int deliveries_reserve(struct node *node, size_t count);
void deliveries_done(struct node *node);
extern const struct broadcast_port delivery_port; /* owner to be filled in */

/* reload.c: the policy in force, for one event; policy_unref. Thread any, never waits. */
const struct policy *node_policy(struct node *node);

/* resume.c: a hub's question to the history, and the answer, in one note. */
bool resume_ask(void *owner, const struct resume_request *request);
void resume_answer_put(void *owner, unsigned hub, const struct resume_answer *answer);

/* publication.c: a batch in the bus thread. */
void publication_run(struct note *note, void *context);
void publications_announced(struct node *node, uint64_t n);
/* For redis_bus.c: with the results of each event; and whose effects are counted meanwhile. */
void publication_settle(struct node *node, struct publication *publication,
                        enum publication_result result);
void publication_take_answer(struct node *node, struct publication *publication, unsigned index,
                             const struct publish_answer *answer);
void publication_wait(struct node *node, struct publication *publication);
void publication_wait_ends(struct node *node, struct publication *publication);
bool publication_is_control(const struct publication *publication);
/* One hub has applied what this event takes away. */
void publications_effect(struct node *node, const struct event *event, int closed);
void publication_on_answer(void *owner, const struct batch_answer *answer);

/* bus_log.c: what is told of an event, once. */
void bus_log_event(struct node *node, const struct entry *entry);

/* redis_bus.c: a broker that can be away, what it says, and what is done without it. */
MUST_CHECK int redis_bus_new(struct node *node);
MUST_CHECK int redis_bus_start(struct node *node); /* after the broadcast */
void redis_bus_done(struct node *node);
/* Does what is due; returns when it is to be called next. */
int64_t redis_bus_advance(struct node *node);
/* Is something left that a stop waits for? */
bool redis_bus_waits(const struct node *node);
void redis_bus_left(const struct node *node); /* what was left behind by the stop, to the log */
/* A publication that `check` let pass; it is settled some time, or by this. */
void redis_bus_publish(struct node *node, struct publication *publication);
/* Waits until the first attempt to meet Redis is over, for a few seconds at most. */
void redis_bus_wait(struct node *node);
void redis_bus_stats(const struct node *node, struct bus_stats *ret);

/* bus_state.c: the state of the bus to every hub. */
void bus_state_tell(struct node *node);

/* seats.c: for hub_port. Whoever joins parts. */
void seats_init(struct map *users, const uint8_t seed[16]);
void seats_done(struct map *users);
bool seats_join(void *owner, slot_handle session, const struct claims *claims, struct seat **ret);
void seats_part(void *owner, struct seat *seat);

/* publish_rate.c */
void publish_rate_init(struct publish_rate *rate, const uint8_t seed[16]);
void publish_rate_done(struct publish_rate *rate);
/* True when `count` events may be published now by this key; else the wait. */
bool publish_rate_take(struct publish_rate *rate, struct bytes key, unsigned count,
                       unsigned per_second, int64_t now_ms, int64_t *ret_wait_ms);
void publish_rate_expire(struct publish_rate *rate, int64_t now_ms);

#endif
