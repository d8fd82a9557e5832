/* SPDX-License-Identifier: Apache-2.0 */
/* redis_bus.c: an instance of a fleet: what Redis says, and what is told of it. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>

#include "broker/broker_redis.h"
#include "io/tls_context.h"
#include "mcp_auth/error.h"
#include "node/bus.h"
#include "node/node_private.h"
#include "node/plain.h"
#include "wire/event_stored.h"

#define MEET_MS 3000        /* a start waits so long for Redis */
#define FENCES_AT_ONCE 128u /* written back */

static struct now look_at_clock(struct node *node)
{
    node->now = clock_now();
    return node->now;
}

static void count(atomic_ullong *counter, unsigned long long value)
{
    atomic_store_explicit(counter, value, memory_order_relaxed);
}

static void met(struct node *node)
{
    if (!node->met_told)
        sem_post(&node->met);
    node->met_told = true;
}

static void forget_fences_there(struct node *node)
{
    uint8_t seed[16];

    random_kernel.fill(random_kernel.owner, seed, sizeof seed);
    fence_table_done(&node->fences_there);
    fence_table_init(&node->fences_there, seed);
}

/* What the broker says. */

static void on_answer(void *owner, const struct batch_answer *answer)
{
    struct node *node = owner;

    for (unsigned i = 0; i < answer->count; i++)
        if (answer->answers[i].at.n > atomic_load(&node->bus.told_n))
            count(&node->bus.told_n, answer->answers[i].at.n);
    degraded_answered(node->degraded, answer, look_at_clock(node));
}

static void log_stand(const struct position *last, const struct broker_stand *stand)
{
    if (stand->kind == STAND_GAP)
        log_write(LOG_WARNING, "events were trimmed in Redis before this instance read them",
                  LOG_INT("after", (long long)last->n),
                  LOG_INT("before", (long long)stand->after.n + 1));
    if (stand->kind == STAND_LOST_TAIL)
        log_write(LOG_WARNING, "Redis lost events that this instance had read",
                  LOG_INT("after", (long long)stand->common_n),
                  LOG_INT("upto", (long long)last->n));
}

static int on_stand(void *owner, const struct broker_stand *stand)
{
    struct node *node = owner;
    struct position before = node->follow.last;
    int r = follow_stand(&node->follow, stand);

    if (r < 0)
        return r;
    log_stand(&before, stand);
    forget_fences_there(node);
    count(&node->bus.epoch, stand->after.epoch);
    count(&node->bus.told_n, stand->upto_n);
    count(&node->stream_n, node->follow.last.n);
    count(&node->bus.last_n, node->follow.last.n);
    return 0;
}

static int on_entry(void *owner, const struct entry *entry)
{
    struct node *node = owner;
    int r = follow_entry(&node->follow, entry, look_at_clock(node));

    if (r < 0)
        return r;
    if (entry->event->has_fence)
        bus_add_fence(node, &entry->event->fence);
    count(&node->stream_n, entry->n);
    count(&node->bus.last_n, entry->n);
    if (entry->n > atomic_load_explicit(&node->bus.told_n, memory_order_relaxed))
        count(&node->bus.told_n, entry->n);
    return 0;
}

static bool is_over(const struct node *node, const struct fence *fence)
{
    const struct token_rules *tokens = &node->settings->tokens;

    return fence->not_before_ms < node->now.wall_ms - tokens->age_max_ms - tokens->leeway_ms -
                                      tokens->authority.fence_skew_ms;
}

/* What is new here is gone from every hub, before anybody signs in by it. */
static int on_fence(void *owner, const struct fence *fence)
{
    struct node *node = owner;
    struct event *event;
    int r = fence_table_add(&node->fences_there, fence);

    if (r == MCP_AUTH_E_NOMEM)
        return r;
    if (r < 0 || is_over(node, fence) || fence_table_holds(&node->fences, fence))
        return 0;
    r = deliveries_reserve(node, 1);
    if (r == 0)
        r = event_new_fence(&event, fence);
    if (r < 0)
        return r;
    bus_add_fence(node, fence);
    broadcast_enforce(node->broadcast, event);
    event_unref(event);
    return 0;
}

/* What was withdrawn here while Redis was away, or before it lost it. */
static void on_fences_end(void *owner)
{
    struct node *node = owner;
    struct fence lacking[FENCES_AT_ONCE];
    const struct fence *fences;
    size_t cursor = 0, lacking_count = 0;
    unsigned fences_count;

    while ((fences = fence_table_next(&node->fences, &cursor, &fences_count)))
        for (unsigned i = 0; i < fences_count; i++) {
            if (fence_table_holds(&node->fences_there, &fences[i]))
                continue;
            lacking[lacking_count++] = fences[i];
            if (lacking_count == FENCES_AT_ONCE) {
                broker_write_fences(node->broker, lacking, lacking_count);
                lacking_count = 0;
            }
        }
    if (lacking_count > 0)
        broker_write_fences(node->broker, lacking, lacking_count);
    forget_fences_there(node);
}

static void on_ready(void *owner)
{
    struct node *node = owner;

    degraded_ready(node->degraded, look_at_clock(node));
    met(node);
}

static void on_away(void *owner, struct bytes why)
{
    struct node *node = owner;

    degraded_away(node->degraded, why, look_at_clock(node));
    met(node);
}

static bool known(void *owner, uint64_t n, uint64_t *ret_check)
{
    return follow_known(&((struct node *)owner)->follow, n, ret_check);
}

static struct event *own(void *owner, struct bytes tenant, struct bytes id)
{
    return degraded_own(((struct node *)owner)->degraded, tenant, id);
}

static int make(void *owner, const struct stored_fields *fields, struct event **ret)
{
    const struct policy *policy = node_policy(owner);
    int r = event_stored_in(ret, fields, policy);

    policy_unref(policy);
    return r;
}

static void fields(void *owner __attribute__((unused)), const struct event *event,
                   struct stored_fields *ret)
{
    event_stored_out(event, ret);
}

/* What is done meanwhile. */

static int reserve(void *owner, size_t count)
{
    struct node *node = owner;
    int r = broadcast_reserve(node->broadcast, count);

    /* What waits has yet to be announced; an event may be enforced, twice, and announced. */
    return r < 0 ? r : deliveries_reserve(node, 3 * count + 2 * broadcast_waiting(node->broadcast));
}

static void withdrawn(void *owner, const struct fence *fence)
{
    bus_add_fence(owner, fence);
}

static void answered(void *owner, void *asker, const struct degraded_answer *answer)
{
    struct node *node = owner;
    struct publication *publication = asker;

    if (publication_is_control(publication))
        publication_wait_ends(node, publication);
    publication->degraded = answer->degraded;
    publication->failed_index = answer->failed_index;
    for (unsigned i = 0; i < publication->count && answer->error == 0; i++)
        publication_take_answer(node, publication, i, &answer->answers[i]);
    publication_settle(node, publication,
                       answer->error == 0                     ? PUBLICATION_ACCEPTED
                       : answer->error == MCP_AUTH_E_CONFLICT ? PUBLICATION_CONFLICT
                                                              : PUBLICATION_OVERLOADED);
}

void redis_bus_publish(struct node *node, struct publication *publication)
{
    bool is_control = publication_is_control(publication);
    int r;

    if (is_control) /* its answer tells how many connections it closed */
        publication_wait(node, publication);
    r = degraded_publish(node->degraded, publication->events, publication->count, publication,
                         node->now, &publication->failed_index);
    if (r == 0) /* it may be gone already */
        return;
    if (is_control)
        publication_wait_ends(node, publication);
    publication_settle(node, publication,
                       r == MCP_AUTH_E_CONFLICT ? PUBLICATION_CONFLICT : PUBLICATION_OVERLOADED);
}

static struct bytes where(const struct node *node, char ret[REDIS_URL_TEXT_SIZE])
{
    redis_url_text(&node->redis_url, ret);
    return bytes_of(ret);
}

static void changed(void *owner, const struct degraded_change *change)
{
    struct node *node = owner;
    char text[REDIS_URL_TEXT_SIZE];

    if (!change->ok)
        log_write(LOG_WARNING, "Redis unavailable", LOG_TEXT("reason", change->why),
                  LOG_TEXT("redis", where(node, text)));
    else if (change->first)
        log_write(LOG_INFO, "connected to Redis", LOG_TEXT("redis", where(node, text)));
    else
        log_write(LOG_INFO, "Redis is back", LOG_INT("sent", (long long)change->sent),
                  LOG_INT("caught_up", (long long)change->caught_up),
                  LOG_INT("outage_ms", (long long)change->outage_ms),
                  LOG_TEXT("redis", where(node, text)));
    atomic_store(&node->bus.ok, change->ok);
    atomic_store(&node->bus.since_wall_ms, node->now.wall_ms);
    bus_state_tell(node);
}

static void isolate(void *owner, bool isolated)
{
    struct node *node = owner;

    if (isolated)
        log_write(LOG_WARNING,
                  "without Redis for too long: everybody is sent away until it is back",
                  LOG_INT("max_isolation_ms", (long long)node->settings->max_isolation_ms));
    atomic_store(&node->bus.isolated, isolated);
    bus_state_tell(node);
}

static void refused(void *owner __attribute__((unused)), const struct event *event)
{
    log_write(LOG_WARNING,
              "an event delivered without Redis is not stored: its id is there with another body",
              LOG_TEXT("event_id", event->id), LOG_TEXT("tenant_id", event->tenant));
}

static int broker_make(struct node *node, const uint8_t seed[16])
{
    const struct settings *settings = node->settings;
    const struct token_rules *tokens = &settings->tokens;
    struct broker_port port = {
        .on_answer = on_answer,
        .on_stand = on_stand,
        .on_entry = on_entry,
        .on_fence = on_fence,
        .on_fences_end = on_fences_end,
        .on_ready = on_ready,
        .on_away = on_away,
        .on_plain = plain_take,
        .known = known,
        .own = own,
        .make = make,
        .fields = fields,
        .owner = node,
    };
    char instance[33];

    for (unsigned i = 0; i < 16; i++)
        snprintf(instance + 2 * (size_t)i, 3, "%02x", seed[i]);
    return broker_redis_new(&node->broker, &node->loop,
                            &(struct broker_redis_settings){
                                .url = &node->redis_url,
                                .tls = node->redis_tls,
                                .prefix = settings->redis_prefix,
                                .instance = bytes_of(instance),
                                .history_events = settings->history_events,
                                .history_ms = settings->history_ms,
                                .dedupe_ms = settings->dedupe_ms,
                                .fence_ms = tokens->age_max_ms + tokens->leeway_ms +
                                            tokens->authority.fence_skew_ms,
                                .plain = settings->redis_plain != REDIS_PLAIN_OFF,
                            },
                            &port, &random_kernel);
}

int redis_bus_new(struct node *node)
{
    const struct settings *settings = node->settings;
    uint8_t seed[16];
    const char *why;
    int r = redis_url_read(settings->redis_url, settings->redis_password, &node->redis_url, &why);

    if (r == 0 && node->redis_url.tls)
        r = tls_context_client(&node->redis_tls,
                               bytes_present(settings->redis_ca_file) ? settings->redis_ca_file.data
                                                                      : NULL,
                               &why);
    if (r == MCP_AUTH_E_INVALID)
        log_write(LOG_ERROR, "Redis cannot be used", LOG_TEXT("reason", bytes_of(why)));
    if (r < 0)
        return r;
    random_kernel.fill(random_kernel.owner, seed, sizeof seed);
    return broker_make(node, seed);
}

int redis_bus_start(struct node *node)
{
    struct degraded_settings settings = {
        .deadline_ms = node->settings->bus_deadline_ms,
        .isolation_ms = node->settings->max_isolation_ms,
        .dedupe_ms = node->settings->dedupe_ms,
        .bytes_max = BUS_OUTBOX_BYTES_MAX,
    };
    struct degraded_port port = {
        .reserve = reserve,
        .withdrawn = withdrawn,
        .answered = answered,
        .changed = changed,
        .isolate = isolate,
        .refused = refused,
        .owner = node,
    };
    int r;

    random_kernel.fill(random_kernel.owner, settings.seed, sizeof settings.seed);
    if (sem_init(&node->met, 0, 0) < 0)
        return MCP_AUTH_E_SYSTEM;
    r = degraded_new(&node->degraded, &settings, node->broadcast, &port);
    if (r < 0)
        return r;
    degraded_use(node->degraded, node->broker, look_at_clock(node));
    node->follow = (struct follow){
        .broadcast = node->broadcast,
        .degraded = node->degraded,
        .reserve = reserve,
        .owner = node,
        .started_wall_ms = node->started_wall_ms,
    };
    atomic_store(&node->bus.since_wall_ms, node->now.wall_ms);
    bus_state_tell(node);
    return 0;
}

/* The hubs' threads do not run yet, so that what the first meeting told them is here. */
void redis_bus_wait(struct node *node)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += MEET_MS / 1000;
    while (sem_clockwait(&node->met, CLOCK_MONOTONIC, &until) < 0 && errno == EINTR)
        ;
    for (unsigned i = 0; i < node->hubs_count; i++)
        while (mailbox_run(node->hubs[i].mailbox, node->hubs[i].hub, UINT_MAX))
            ;
}

void redis_bus_done(struct node *node)
{
    degraded_free(node->degraded);
    tls_context_free(node->redis_tls);
    redis_url_wipe(&node->redis_url);
}

int64_t redis_bus_advance(struct node *node)
{
    int64_t due_ms, broker_ms;
    struct degraded_stats stats;

    degraded_advance(node->degraded, node->now);
    broker_ms = broker_advance(node->broker, node->now);
    due_ms = degraded_due(node->degraded);
    degraded_stats(node->degraded, &stats);
    atomic_store(&node->bus.connected, stats.ready);
    count(&node->bus.outbox_events, stats.outbox_events);
    count(&node->bus.outbox_bytes, stats.outbox_bytes);
    count(&node->bus.alone, stats.alone);
    count(&node->bus.sent, stats.sent);
    count(&node->bus.caught_up, stats.caught_up);
    count(&node->bus.reconnects, stats.reconnects > 0 ? stats.reconnects - 1 : 0);
    count(&node->bus.outages, stats.outages);
    count(&node->dedupe_ids, stats.ids);
    count(&node->dedupe_bytes, stats.ids_bytes);
    return broker_ms < due_ms ? broker_ms : due_ms;
}

bool redis_bus_waits(const struct node *node)
{
    struct degraded_stats stats;

    if (!node->degraded)
        return false;
    degraded_stats(node->degraded, &stats);
    return stats.unanswered ||
           (stats.ready && stats.outbox_events > 0 && node->now.mono_ms < node->stop_ms);
}

void redis_bus_left(const struct node *node)
{
    struct degraded_stats stats;

    if (!node->degraded)
        return;
    degraded_stats(node->degraded, &stats);
    if (stats.outbox_events > 0)
        log_write(LOG_WARNING, "events were delivered here, and Redis has not taken them",
                  LOG_INT("events", (long long)stats.outbox_events));
}

void redis_bus_stats(const struct node *node, struct bus_stats *ret)
{
    const struct node_bus *bus = &node->bus;

    *ret = (struct bus_stats){
        .connected = atomic_load(&bus->connected),
        .isolated = atomic_load(&bus->isolated),
        .since_wall_ms = atomic_load(&bus->since_wall_ms),
        .epoch = atomic_load(&bus->epoch),
        .last_n = atomic_load(&bus->last_n),
        .stream_n = atomic_load(&bus->told_n),
        .outbox_events = atomic_load(&bus->outbox_events),
        .outbox_bytes = atomic_load(&bus->outbox_bytes),
        .alone = atomic_load(&bus->alone),
        .sent = atomic_load(&bus->sent),
        .caught_up = atomic_load(&bus->caught_up),
        .reconnects = atomic_load(&bus->reconnects),
        .outages = atomic_load(&bus->outages),
    };
}
