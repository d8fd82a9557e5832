/* SPDX-License-Identifier: Apache-2.0 */
/* broker_redis.h: the broker of a fleet: one stream in Redis, which every instance follows. */
#ifndef BROKER_BROKER_REDIS_H
#define BROKER_BROKER_REDIS_H

#include "base/random.h"
#include "broker/broker.h"
#include "broker/redis_url.h"
#include "io/loop.h"

struct tls_context;

/* All borrowed until broker_redis_new returns, but `tls`. */
struct broker_redis_settings {
    const struct redis_url *url;
    struct tls_context *tls; /* for a URL that asks for it; outlives the broker */
    struct bytes prefix;     /* in front of every key and the channel; without braces */
    struct bytes instance;   /* a name that no other instance has, and this one not from an earlier
                              * start: what is stuck from then must not pass for what is sent now */
    uint64_t history_events; /* entries kept in the stream, and read at the first stand; > 0 */
    int64_t history_ms;      /* ms to keep them there; 0: for ever */
    int64_t dedupe_ms;       /* > 0 */
    int64_t fence_ms;        /* after which a fence is of no use; 0: never */
    bool plain;              /* listen to the channel: on_plain */
};

/* Starts nothing: the first broker_advance does. A batch has at most BATCH_EVENTS_MAX events.
 * MCP_AUTH_E_NOMEM. */
MUST_CHECK int broker_redis_new(struct broker **ret, struct loop *loop,
                                const struct broker_redis_settings *settings,
                                const struct broker_port *port, const struct random *random);

#endif
