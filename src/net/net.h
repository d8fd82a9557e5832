/* SPDX-License-Identifier: Apache-2.0 */
/* net.h: all connections of one event loop, and what they share: buffers, routes, counters. */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/clock.h"
#include "hub/hub.h"
#include "io/loop.h"
#include "net/admission.h"
#include "net/close_count.h"
#include "net/route.h"
#include "node/settings.h"

/* Sums over all workers; thread any. */
struct net_counters {
    atomic_ullong accepted;
    atomic_ullong refused; /* by admission, which counts why */
    atomic_ullong refused_no_memory, refused_draining, refused_metrics;
    atomic_ullong accept_pauses; /* times a listener ran out of descriptors or memory */
    atomic_llong open;           /* connections of any state, now */
    atomic_ullong upgrades, requests;
    atomic_ullong answers[6];            /* by hundreds of the status; [0] is not used */
    atomic_ullong refusals[ERROR_CODES]; /* answers that are an error, by its code */
    struct close_counts closes;
    atomic_ullong bytes_sent, bytes_received;
    atomic_ullong reads_postponed; /* to another turn, of who is not signed in */
    atomic_ullong timeouts;        /* closed by a deadline of ours */
};

/* Shared by all workers, borrowed, outlives every net. */
struct net_config {
    const struct settings *settings;
    const struct route *routes;
    unsigned routes_count, metrics_routes_count; /* the first ones are all that metrics have */
    void *owner;                                 /* of the handlers */
    struct admission *admission;
    struct net_counters *counters;
};

/* One thread's own. */
struct net;

/* loop and hub are borrowed and outlive it. */
MUST_CHECK int net_new(struct net **ret, struct loop *loop, struct hub *hub,
                       const struct net_config *config);
void net_free(struct net *net); /* every connection must be closed (net_close_all); NULL is fine */
/* Who comes in by a listener: clients; or who watches the server (MCP_AUTH_METRICS_LISTEN). The
 * operator decides who reaches that address, so what is there asks for no key, also from afar; and
 * it stays while the server drains, so that one sees it drain. */
enum net_door { NET_DOOR_CLIENTS, NET_DOOR_METRICS };
/* Accepts from this listening, non-blocking descriptor, which it takes over on success. At most
 * NET_LISTENERS_MAX. MCP_AUTH_E_NOMEM, MCP_AUTH_E_SYSTEM, MCP_AUTH_E_FULL. */
#define NET_LISTENERS_MAX 40u
MUST_CHECK int net_listen(struct net *net, int fd, enum net_door door);

/* A turn of the loop: net_sleep before it waits; net_begin at the top of every callback, so that
 * the hub and we know the time before anything happens in this turn; net_turn_end after it, which
 * answers, flushes, frees, and returns when to turn again at the latest (mono_ms). Who asked is
 * answered in each turn; of the others, who have news, it `serves` a bounded number, first come,
 * first served, and then the turn to come is at once. */
void net_sleep(struct net *net);
struct now net_begin(struct net *net);
/* A signature of a public key costs 60 to 115 us of arithmetic: with all 512 events of a turn being
 * newcomers, 59 ms in which nobody else of this worker is served. 32 are 4 ms, and enough to keep
 * the turn's own cost small beside them. */
#define VERIFICATIONS_TURN_MAX 32u
/* Then who is not signed in is read in another turn. */
bool net_has_verified_enough(const struct net *net);
int64_t net_turn_end(struct net *net, bool serves);
/* How many ever had news to be told, and whether the first so many of them were told: that is how
 * long a burst has to wait, lest it overflows the outbox of a client that reads well. */
uint64_t net_queued(const struct net *net);
bool net_has_served(const struct net *net, uint64_t upto);
/* All that waits, as far as the sockets take it. Not from inside a call of the hub. */
void net_flush(struct net *net);

/* No more are taken in, idle ones are closed, requests are answered 503, sessions close 4200. */
void net_drain(struct net *net);
/* Closes what is left at once, and frees it. Between two turns. */
void net_close_all(struct net *net);
unsigned net_count(const struct net *net); /* of clients: nobody waits for who only watches */
bool net_is_draining(const struct net *net);
bool net_is_pausing(const struct net *net); /* a listener rests for want of descriptors */
struct hub *net_hub(const struct net *net);

#endif
