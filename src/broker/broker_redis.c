/* SPDX-License-Identifier: Apache-2.0 */
/* broker_redis.c: three connections to Redis that stand and fall together, and the way back. */
#include "broker/broker_redis.h"

#include <assert.h>
#include <stdlib.h>

#include "broker/redis_fleet.h"
#include "mcp_auth/error.h"

#define HOUSE_EVERY_MS 3600000

struct redis_fleet *fleet_of(struct broker *broker)
{
    return container_of(broker, struct redis_fleet, broker);
}

struct redis_fleet *fleet_answered(void *owner)
{
    struct fleet_end *end = owner;

    /* Nothing that was said to a connection that is to be closed counts any more. */
    return end->fleet->fallen ? NULL : end->fleet;
}

void fleet_fall(struct redis_fleet *fleet, struct bytes why)
{
    if (fleet->fallen || fleet->away)
        return;
    fleet->fallen = true;
    fleet->why_size = why.size < FLEET_WHY_SIZE ? why.size : FLEET_WHY_SIZE;
    memcpy(fleet->why, why.data, fleet->why_size);
}

void fleet_fall_for(struct redis_fleet *fleet, const struct redis_reply *reply)
{
    fleet_fall(fleet, reply->type == REDIS_ERROR && reply->text.size > 0
                          ? reply->text
                          : BYTES("an answer that is not Redis'"));
}

void fleet_fall_for_error(struct redis_fleet *fleet, int error)
{
    fleet_fall(fleet, bytes_of(mcp_auth_strerror(error)));
}

void fleet_send(struct redis_fleet *fleet, enum fleet_link which, const struct bytes *args,
                unsigned count, int64_t answer_within_ms, redis_answer_fn *answer, uint64_t tag)
{
    int r;

    if (fleet->fallen)
        return;
    assert(fleet->ends[which].link);
    r = redis_link_send(fleet->ends[which].link, args, count, answer_within_ms, answer, tag);
    if (r < 0)
        fleet_fall_for_error(fleet, r);
}

void fleet_look(struct redis_fleet *fleet)
{
    if (fleet->ready || fleet->fallen || !fleet->standing || !fleet->fences_known ||
        (fleet->plain && !fleet->listening) || fleet->last_n < fleet->seen_n)
        return;
    fleet->ready = true;
    backoff_reset(&fleet->backoff);
    fleet->port.on_ready(fleet->port.owner);
}

int64_t fleet_patience_ms(const struct redis_fleet *fleet)
{
    return FLEET_ANSWER_MS + (int64_t)(fleet->flying_bytes / FLEET_BYTES_PER_MS);
}

static void on_up(void *owner)
{
    struct fleet_end *end = owner;
    struct redis_fleet *fleet = fleet_answered(owner);

    if (!fleet)
        return;
    if (end == &fleet->ends[FLEET_LISTENER])
        fleet_listen(fleet);
    /* Both before the attach: a follower that connects after it may have met a server that was
     * restarted since, with less than the attach has seen. */
    else if (redis_link_is_up(fleet->ends[FLEET_COMMAND].link) &&
             redis_link_is_up(fleet->ends[FLEET_FOLLOWER].link))
        fleet_attach(fleet);
}

static void on_down(void *owner, struct bytes why)
{
    struct fleet_end *end = owner;

    if (end == &end->fleet->ends[FLEET_FOLLOWER])
        fleet_read_less(end->fleet);
    fleet_fall(end->fleet, why);
}

static void links_close(struct redis_fleet *fleet)
{
    for (unsigned i = 0; i < FLEET_LINKS; i++) {
        redis_link_close(fleet->ends[i].link);
        fleet->ends[i].link = NULL;
    }
    fleet_batches_forget(fleet);
}

static void links_open(struct redis_fleet *fleet)
{
    unsigned count = fleet->plain ? FLEET_LINKS : FLEET_LINKS - 1;

    fleet->away = fleet->standing = fleet->listening = fleet->fences_known = fleet->ready = false;
    fleet->reading = fleet->watching = fleet->expiring = fleet->scanning = false;
    fleet->round_trip_ms = -1;
    for (unsigned i = 0; i < count && !fleet->fallen; i++) {
        struct redis_link_port port = {on_up, on_down, &fleet->ends[i]};
        int r = redis_link_open(&fleet->ends[i].link, fleet->loop, &fleet->url, fleet->tls, &port,
                                fleet->now);

        if (r < 0)
            fleet_fall_for_error(fleet, r);
    }
}

static void come_down(struct redis_fleet *fleet)
{
    links_close(fleet);
    fleet->fallen = fleet->ready = false;
    fleet->away = true;
    fleet->retry_at_ms = fleet->now.mono_ms + backoff_next(&fleet->backoff, fleet->random, -1);
    fleet->port.on_away(fleet->port.owner, (struct bytes){fleet->why, fleet->why_size});
}

/* What the clock asks for on the command link once everything stands. */
static int64_t look_at_the_clock(struct redis_fleet *fleet)
{
    uint32_t jitter;

    if (!fleet->standing)
        return INT64_MAX;
    if (!fleet->watching && fleet->now.mono_ms >= fleet->watch_at_ms) {
        fleet->watch_at_ms = fleet->now.mono_ms + FLEET_WATCH_MS;
        fleet_watch_epoch(fleet);
    }
    if (fleet->ready && !fleet->expiring && fleet->now.mono_ms >= fleet->house_at_ms) {
        bool first = fleet->house_at_ms == 0; /* not at once: a fleet may have started together */

        fleet->random->fill(fleet->random->owner, &jitter, sizeof jitter);
        fleet->house_at_ms = fleet->now.mono_ms + HOUSE_EVERY_MS / 2 + jitter % HOUSE_EVERY_MS;
        if (!first)
            fleet_keep_house(fleet);
    }
    return fleet->watching ? INT64_MAX
                           : fleet->watch_at_ms; /* never later than house_at_ms + 500 */
}

static int64_t fleet_advance(struct broker *broker, struct now now)
{
    struct redis_fleet *fleet = fleet_of(broker);
    int64_t next = INT64_MAX, due;

    fleet->now = now;
    if (fleet->away && now.mono_ms >= fleet->retry_at_ms)
        links_open(fleet);
    if (!fleet->away && !fleet->fallen)
        next = look_at_the_clock(fleet);
    for (unsigned i = 0; i < FLEET_LINKS && !fleet->fallen; i++) {
        if (!fleet->ends[i].link)
            continue;
        due = redis_link_advance(fleet->ends[i].link, now);
        next = due < next ? due : next;
    }
    if (fleet->fallen)
        come_down(fleet);
    return fleet->away ? fleet->retry_at_ms : next;
}

static struct broker_usage fleet_usage(const struct broker *broker)
{
    const struct redis_fleet *fleet =
        container_of((struct broker *)(uintptr_t)broker, struct redis_fleet, broker);
    struct broker_usage usage = {.bytes = fleet->batches_bytes,
                                 .round_trip_ms = fleet->round_trip_ms};

    for (unsigned i = 0; i < FLEET_LINKS; i++)
        if (fleet->ends[i].link)
            usage.bytes += redis_link_bytes(fleet->ends[i].link);
    return usage;
}

static void fleet_free(struct broker *broker)
{
    struct redis_fleet *fleet = fleet_of(broker);

    links_close(fleet);
    redis_url_wipe(&fleet->url);
    free(fleet);
}

static const struct broker_operations fleet_operations = {
    .publish = fleet_publish,
    .write_fences = fleet_fences_write,
    .advance = fleet_advance,
    .usage = fleet_usage,
    .free = fleet_free,
};

/* Writes "before" + prefix + "middle" + last at *at and moves behind it. */
static struct bytes key_put(char **at, struct bytes before, struct bytes prefix,
                            struct bytes middle, struct bytes last)
{
    char *begin = *at;

    bytes_copy(at, before);
    bytes_copy(at, prefix);
    bytes_copy(at, middle);
    bytes_copy(at, last);
    return (struct bytes){begin, (size_t)(*at - begin)};
}

#define KEY_SIZE_MAX (sizeof "{rbac:events}:writer:") /* without prefix and instance */

int broker_redis_new(struct broker **ret, struct loop *loop,
                     const struct broker_redis_settings *settings, const struct broker_port *port,
                     const struct random *random)
{
    struct bytes prefix = settings->prefix;
    struct redis_fleet *fleet =
        calloc(1, sizeof *fleet + 5 * (KEY_SIZE_MAX + prefix.size) + settings->instance.size);
    char *at = (char *)(fleet + 1);

    if (!fleet)
        return MCP_AUTH_E_NOMEM;
    assert(settings->history_events > 0 && settings->dedupe_ms > 0);
    fleet->broker.operations = &fleet_operations;
    fleet->port = *port;
    fleet->loop = loop;
    fleet->random = random;
    fleet->tls = settings->tls;
    fleet->url = *settings->url;
    fleet->history_events = settings->history_events;
    fleet->history_ms = settings->history_ms;
    fleet->dedupe_ms = settings->dedupe_ms;
    fleet->fence_ms = settings->fence_ms;
    fleet->plain = settings->plain;
    fleet->keys.stream = key_put(&at, BYTES(""), prefix, BYTES("rbac:events"), BYTES(""));
    fleet->keys.epoch = key_put(&at, BYTES("{"), prefix, BYTES("rbac:events}:epoch"), BYTES(""));
    fleet->keys.fences = key_put(&at, BYTES("{"), prefix, BYTES("rbac:events}:fences"), BYTES(""));
    fleet->keys.ids = key_put(&at, BYTES("{"), prefix, BYTES("rbac:events}:ids:"), BYTES(""));
    fleet->keys.writer =
        key_put(&at, BYTES("{"), prefix, BYTES("rbac:events}:writer:"), settings->instance);
    fleet->keys.instance = (struct bytes){
        fleet->keys.writer.data + fleet->keys.writer.size - settings->instance.size,
        settings->instance.size < FLEET_INSTANCE_SIZE ? settings->instance.size
                                                      : FLEET_INSTANCE_SIZE,
    };
    for (unsigned i = 0; i < FLEET_LINKS; i++)
        fleet->ends[i].fleet = fleet;
    fleet->backoff = (struct backoff){FLEET_BACKOFF_FIRST_MS, FLEET_BACKOFF_MAX_MS, 0};
    fleet->away = true;
    fleet->retry_at_ms = INT64_MIN;
    fleet->round_trip_ms = -1;
    list_init(&fleet->batches);
    *ret = &fleet->broker;
    return 0;
}
