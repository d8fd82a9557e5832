/* SPDX-License-Identifier: Apache-2.0 */
/* fleet.h: two instances, one Redis that suffers, and people who move between them. */
#ifndef FLEET_FLEET_H
#define FLEET_FLEET_H

#include "../sim/dice.h"
#include "../sim/frames.h"
#include "../sim/mail.h"
#include "../sim/token.h"
#include "auth/authenticate.h"
#include "base/list.h"
#include "broker/broker.h"
#include "history/history.h"
#include "hub/hub.h"
#include "node/broadcast.h"
#include "node/degraded.h"
#include "node/follow.h"
#include "truth.h"

#define SKEW_MS 0

struct fleet;

/* A request on its way to Redis, and then its answer on its way back. */
struct request {
    struct list in_order;
    unsigned instance, life, starts; /* as it was when the link came up */
    uint64_t link, generation, epoch, next_epoch, last_n, ticket;
    enum {
        REQUEST_ATTACH,
        REQUEST_EPOCH,
        REQUEST_PUBLISH,
        REQUEST_PING,
        REQUEST_FENCES,
        REQUEST_WRITE_FENCES
    } kind;
    unsigned count;
    struct event **events; /* of a batch, or fences to write; references */
    bool refused;          /* the answer is an error */
    int tip;               /* where the stream ended when it ran */
    uint64_t first_n, fences_version;
    struct publish_answer *answers; /* of a batch; without checks */
};

struct stored_fence {
    struct event *event; /* a reference; its fence */
    int node;            /* which brought it, or was the last when it was written back */
};

/* Redis, as it is on its machine. */
struct redis {
    bool dead, frozen;
    unsigned starts;
    uint64_t epoch, first_n, fences_version;
    int tip;
    uint64_t generations[INSTANCES];
    unsigned writers[INSTANCES]; /* the life whose generation that is */
    struct list requests;
    struct event *events[NODES_MAX]; /* of each node; references */
    struct stored_fence fences[FENCES_MAX];
    unsigned fences_count;
};

/* An instance's side of it. */
struct broker_sim {
    struct broker broker;
    struct broker_port port;
    struct fleet *fleet;
    unsigned instance;
    bool up, standing, fences_read, fences_wanted, ready;
    unsigned starts; /* Redis' at the time of the connection */
    uint64_t link, generation, epoch, last_n, last_check, upto_n, fences_version;
    struct list answers;
};

struct instance {
    struct fleet *fleet;
    unsigned index, hubs_count;
    uint8_t seed[16];
    struct history *history;
    struct broadcast *broadcast;
    struct broker_sim *broker;
    struct degraded *degraded;
    struct follow follow;
    struct fence_table fences, fences_there;
    struct hub *hubs[HUBS_MAX];
    struct hub_place {
        struct instance *instance;
        unsigned hub;
        struct list urgent, mail; /* to the hub */
        uint64_t epoch;           /* of its head */
    } places[HUBS_MAX];
    struct list mail; /* to the bus thread */
    bool ok, isolated;
    uint64_t told_n; /* the last number that Redis has spoken of */
};

struct person {
    struct outlet outlet;
    struct fleet *fleet;
    struct session *session;
    unsigned index;
    bool woken, closed, resync, renew;
    enum close_reason reason;
    struct frames frames;
    struct plain_token token;
    char position[40];
};

struct asker {
    unsigned instance, life;
    int fact;
};

struct fleet {
    struct dice dice;
    struct random random;
    uint64_t random_state, seed;
    struct now now;
    struct token_rules tokens;
    struct hub_settings settings;
    struct issuers *issuers;
    struct redis redis;
    struct instance *instances[INSTANCES];
    struct person people[PEOPLE];
    struct asker askers[2 * FACTS_MAX];
    unsigned askers_count, history_events, deadline_ms, busy, repeats;
    int64_t isolation_ms;
    bool calm; /* nothing breaks any more */
    bool trace;
    char *bodies[FACTS_MAX];
    struct truth truth;
};

#define STATS(X)         \
    X(events)            \
    X(frames)            \
    X(degraded_answers)  \
    X(ok_answers)        \
    X(duplicates)        \
    X(repeated)          \
    X(first)             \
    X(same)              \
    X(gap)               \
    X(lost_tail)         \
    X(kills)             \
    X(lost_tails_killed) \
    X(freezes)           \
    X(late_requests)     \
    X(stale)             \
    X(restarts)          \
    X(trims)             \
    X(alone)             \
    X(returned)          \
    X(resumed)           \
    X(resumed_ahead)     \
    X(not_resumed)       \
    X(moved)             \
    X(fences)            \
    X(fences_back)       \
    X(fences_again)      \
    X(foreign_epochs)    \
    X(isolations)        \
    X(outages)           \
    X(quiets)            \
    X(settled)           \
    X(closed_4002)       \
    X(closed_4102)       \
    X(closed_4206)       \
    X(closed_4301)       \
    X(closed_4302)

struct stats {
#define STAT_FIELD(name) unsigned long name;
    STATS(STAT_FIELD)
#undef STAT_FIELD
};
extern struct stats stats;

void fleet_must(int r);
void fleet_trace(const struct fleet *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* redis.c */
void redis_open(struct fleet *f);
void redis_close(struct fleet *f);
bool redis_step(struct fleet *f); /* runs one request; false: there is none that can */
void redis_kill(struct fleet *f, bool lose_tail);
void redis_trim(struct fleet *f);
void redis_send(struct fleet *f, struct request *request);
void request_free(struct request *request);
void redis_forget(struct fleet *f, unsigned instance); /* its links are cut off */

/* broker_sim.c */
struct broker_sim *broker_sim_new(struct fleet *f, unsigned instance, const struct broker_port *);
bool broker_sim_step(struct broker_sim *b); /* false: nothing to do */
void broker_sim_answer(struct broker_sim *b, struct request *request);
void broker_sim_ping(struct broker_sim *b);
void broker_sim_give_up(struct broker_sim *b);

/* instance.c */
void instance_start(struct fleet *f, unsigned index);
void instance_stop(struct instance *i);
void instance_advance(struct instance *i);

/* mail.c */
bool instance_bus_mail(struct instance *i);
bool instance_hub_mail(struct instance *i, unsigned hub);
void instance_settle_hub(struct instance *i, unsigned hub); /* time, then everybody there reads */

/* people.c */
void person_step(struct fleet *f, struct person *p);
void person_read(struct person *p);
void person_leave(struct person *p);
bool person_is_at(const struct person *p, unsigned instance, unsigned hub);

/* publish.c */
void publish_something(struct fleet *f);
void publish_answered(void *owner, void *asker, const struct degraded_answer *answer);

#endif
