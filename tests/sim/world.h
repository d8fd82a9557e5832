/* SPDX-License-Identifier: Apache-2.0 */
/* world.h: the hubs, history, broadcast and broker under test, with mailboxes that dawdle. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "auth/authenticate.h"
#include "broker/broker.h"
#include "dice.h"
#include "frames.h"
#include "history/history.h"
#include "hub/hub.h"
#include "mail.h"
#include "node/broadcast.h"
#include "oracle.h"
#include "oracle_plain.h"

#define CLIENTS_MAX 48
#define POSITIONS_MAX 512
#define EVENTS_MAX 8192
#define ASKS_MAX (4 * CLIENTS_MAX)

struct client {
    struct outlet outlet;
    struct world *world;
    struct session *session; /* NULL: no such client now */
    slot_handle handle;      /* 0: not known yet */
    unsigned index, hub, life;
    bool control, woken, closed, closed_now, stalled, deaf;
    enum close_reason reason;
    struct frames frames;
    struct plain_position asked; /* what it resumed from */
    bool asked_check_good;
};

struct ask {
    unsigned client;
    uint32_t serial;
    bool first;
    uint64_t from_n;
};

/* A position that some client was told. */
struct seen {
    char text[SIM_POSITION_SIZE + 1];
    uint64_t n;
};

/* One published id, for what a second use of it must answer. */
struct published {
    const struct plain_event *plain;
    char *body; /* what was published, as text */
    uint64_t n;
    int64_t wall_ms;
};

struct hub_owner {
    struct world *world;
    unsigned index;
};

struct world {
    struct dice dice;
    uint64_t random_state, seed;
    struct random random;
    struct plain_config config;
    struct policy policy;
    struct receiver receivers[SIM_TYPES][SIM_RECEIVERS_MAX];
    struct token_rules tokens;
    struct hub_settings settings;
    struct issuers *issuers;
    struct oracle *oracle;
    struct hub *hubs[SIM_HUBS_MAX];
    struct hub_owner owners[SIM_HUBS_MAX];
    struct history *history;
    struct broadcast *broadcast;
    struct broker *broker;
    struct list to_hub[SIM_HUBS_MAX], to_bus[SIM_HUBS_MAX]; /* of mail */
    struct now now;
    struct client clients[CLIENTS_MAX];
    struct client *current; /* whose call is running */
    unsigned lives, places_taken, publish_permille, connect_permille;
    bool place_refused;
    struct ask asks[ASKS_MAX];
    unsigned asks_count;
    const struct mail *asking; /* the question that broadcast_resume is answering */
    struct seen seen[POSITIONS_MAX];
    unsigned seen_count;
    struct plain_event *plains[EVENTS_MAX];
    struct published published[EVENTS_MAX];
    unsigned published_count, plains_count;
    struct plain_event *publishing;
    enum batch_result batch_result;
    struct publish_answer outcome; /* when it was taken */
    unsigned outcomes;
    char problem[512];
    bool failed;
};

/* What the whole program reached; every one of these must be more than 0 in the end. */
#define STATS(X)              \
    X(sessions)               \
    X(sign_ins)               \
    X(plain)                  \
    X(control)                \
    X(handshakes)             \
    X(events)                 \
    X(frames)                 \
    X(effects)                \
    X(scope_changes)          \
    X(resumes)                \
    X(slices)                 \
    X(resumes_lost)           \
    X(resumes_ahead)          \
    X(renewals)               \
    X(renewed_catching_up)    \
    X(stalls)                 \
    X(partial_sends)          \
    X(heartbeats)             \
    X(filters)                \
    X(duplicates)             \
    X(conflicts)              \
    X(ids_after_window)       \
    X(redactions)             \
    X(evictions)              \
    X(late_answers)           \
    X(second_slices)          \
    X(asked_after_reading)    \
    X(relieved)               \
    X(wildcards)              \
    X(policies)               \
    X(privacies)              \
    X(waiting_behind_effects) \
    X(closed_4001)            \
    X(closed_4002)            \
    X(closed_4003)            \
    X(closed_4005)            \
    X(closed_4101)            \
    X(closed_4102)            \
    X(closed_4200)            \
    X(closed_4201)            \
    X(closed_4202)            \
    X(closed_4203)            \
    X(closed_4204)            \
    X(closed_4205)            \
    X(closed_4301)

struct stats {
#define STAT_FIELD(name) unsigned long name;
    STATS(STAT_FIELD)
#undef STAT_FIELD
};
extern struct stats stats;

void world_fail(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *world_problem(const struct world *w);

/* world.c */
void world_open(struct world *w, uint64_t seed);
void world_close(struct world *w);
/* Tells a hub the time, before anything else happens there. */
void world_begin_turn(struct world *w, unsigned hub);
/* Tells the oracle what the hub did by itself, and lets it judge. */
void world_end_turn(struct world *w, unsigned hub);
/* bus.c */
bool world_deliver_to_hub(struct world *w, unsigned hub); /* false: nothing there */
bool world_deliver_to_bus(struct world *w, unsigned hub);
bool world_ask(void *owner, const struct resume_request *request);
void world_bus_ports(struct broadcast_port *broadcast, struct broker_port *broker, struct world *w);

/* clients.c */
void client_connect(struct world *w);
void client_speak(struct client *c);
/* Reads up to `size` bytes of what waits for it. False: nothing did. */
bool client_drain(struct client *c, size_t size);
void client_disconnect(struct client *c);
void client_say(struct client *c, const char *text);

/* publish.c */
void publish_something(struct world *w);

/* scenario.c: what chance offers. */
void scenario_config(struct world *w);
void scenario_token(struct world *w, struct plain_token *ret, char text[], const char *user,
                    const char *tenant);
/* Writes `"position":"..."`'s value, or leaves it empty. *ret_readable: of this epoch. */
void scenario_position(struct world *w, unsigned hub, char text[64], struct plain_position *ret,
                       bool *ret_readable, bool *ret_check_good);
/* Has this hub a bus that may be away? A place that it has not come to may exist then. */
static inline bool world_has_bus(unsigned hub)
{
    return hub % 2 == 1;
}
/* The members of a subscribe, without braces. */
void scenario_filter(struct world *w, struct plain_filter *ret, char text[2048]);
extern const char *const scenario_users[],
    *const scenario_tenants[], *const scenario_roles[], *const scenario_permissions[];
#define SCENARIO_USERS 4
#define SCENARIO_TENANTS 3
#define SCENARIO_ROLES 6
#define SCENARIO_PERMISSIONS 9

#endif
