/* SPDX-License-Identifier: Apache-2.0 */
/* node.c: makes an instance, attaches its event loops, and sums up what they count. */
#include "node/node.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

#include "mcp_auth/error.h"
#include "node/bus.h"
#include "node/node_private.h"

/* Until it meets Redis, what it delivers alone is behind no place that another instance knows, nor
 * this one after a restart. */
static void begin_apart(struct node *node)
{
    struct position head = {0};

    random_kernel.fill(random_kernel.owner, &head.check, sizeof head.check);
    history_reset(node->history, &head);
}

static int make_parts(struct node *node)
{
    const struct settings *settings = node->settings;
    struct history_limits limits = {
        .events_max = settings->history_events,
        .bytes_max = HISTORY_BYTES_MAX,
        .age_max_ms = settings->history_ms,
    };
    struct broker_port port = {
        .on_answer = publication_on_answer,
        .on_entry = bus_on_entry,
        .owner = node,
    };
    bool alone = !bytes_present(settings->redis_url);
    uint64_t epoch = 0; /* Redis has it */
    uint8_t seed[16];
    int r;

    if (alone)
        random_kernel.fill(random_kernel.owner, &epoch, sizeof epoch);
    random_kernel.fill(random_kernel.owner, seed, sizeof seed);
    publish_rate_init(&node->rate, seed);
    seats_init(&node->seats, seed);
    fence_table_init(&node->fences, seed);
    fence_table_init(&node->fences_there, seed);
    r = history_new(&node->history, epoch, &limits, seed);
    if (r < 0)
        return r;
    if (!alone)
        begin_apart(node);
    return alone ? broker_memory_new(&node->broker, epoch, settings->dedupe_ms, seed, &port)
                 : redis_bus_new(node);
}

int node_new(struct node **ret, const struct settings *settings, struct issuers *issuers)
{
    struct node *node = calloc(1, sizeof *node);
    int r;

    if (!node)
        return MCP_AUTH_E_NOMEM;
    node->settings = settings;
    node->issuers = issuers_ref(issuers);
    atomic_init(&node->policy, &policy_default);
    atomic_init(&node->max_connections, settings->max_connections);
    atomic_init(&node->publish_rate, settings->publish_rate);
    node->redaction = (struct redaction){settings->redact_keys.items, settings->redact_keys.count};
    node->hub_settings = (struct hub_settings){
        .tokens = &settings->tokens,
        .privacy = settings->privacy,
        .heartbeat_ms = settings->heartbeat_ms,
        .auth_timeout_ms = settings->auth_timeout_ms,
        .rate_messages = settings->rate_messages,
        .rate_window_ms = settings->rate_window_ms,
        .outbox_bytes_max = OUTBOX_BYTES_MAX,
        .frame_log_bytes_max = FRAME_LOG_BYTES_MAX,
    };
    list_init(&node->spare_deliveries);
    node->mailbox.bell = -1;
    node->loop.epoll_fd = -1;
    node->now = clock_now();
    node->started_wall_ms = node->now.wall_ms;
    r = mailbox_init(&node->mailbox);
    if (r == 0)
        r = make_parts(node);
    if (r < 0) {
        node_free(node);
        return r;
    }
    *ret = node;
    return 0;
}

static bool admit(void *owner)
{
    struct node *node = ((struct node_hub *)owner)->node;
    unsigned before = atomic_fetch_add_explicit(&node->admitted, 1, memory_order_relaxed);

    if (before < node_max_connections(node))
        return true;
    atomic_fetch_sub_explicit(&node->admitted, 1, memory_order_relaxed);
    return false;
}

static uint64_t stream_n(void *owner)
{
    return atomic_load(&((struct node_hub *)owner)->node->bus.told_n);
}

static void leave(void *owner)
{
    atomic_fetch_sub_explicit(&((struct node_hub *)owner)->node->admitted, 1, memory_order_relaxed);
}

int node_attach(struct node *node, struct mailbox *mailbox, struct hub **ret)
{
    struct node_hub *hub = &node->hubs[node->hubs_count];
    struct hub_port port = {.resume = resume_ask, .admit = admit, .leave = leave, .owner = hub};
    int r;

    assert(!node->running && node->hubs_count < NODE_HUBS_MAX);
    if (node->settings->user_connections > 0) {
        port.join = seats_join;
        port.part = seats_part;
    }
    if (bytes_present(node->settings->redis_url))
        port.stream_n = stream_n;
    *hub = (struct node_hub){.node = node, .index = node->hubs_count, .mailbox = mailbox};
    r = hub_new(&hub->hub, hub->index, &node->hub_settings, node->issuers, &port, &random_kernel,
                history_head(node->history), node->now);
    if (r < 0)
        return r;
    node->hubs_count++;
    *ret = hub->hub;
    return 0;
}

void node_observe(struct node *node, node_observe_fn observe, void *owner)
{
    assert(!node->running);
    node->observe = observe;
    node->observe_owner = owner;
}

int node_start(struct node *node)
{
    struct broadcast_port port = delivery_port;
    int r;

    port.owner = node;
    r = broadcast_new(&node->broadcast, node->hubs_count, node->history, &port);
    if (r == 0 && bytes_present(node->settings->redis_url))
        r = redis_bus_start(node);
    if (r == 0)
        r = bus_start(node);
    if (r == 0 && node->degraded)
        redis_bus_wait(node);
    return r;
}

void node_stop(struct node *node)
{
    bus_stop(node);
}

void node_free(struct node *node)
{
    if (!node)
        return;
    bus_stop(node);
    node->stopped = true; /* what is left has nobody to be answered to */
    while (mailbox_fd(&node->mailbox) >= 0 && mailbox_run(&node->mailbox, node, UINT_MAX))
        ;
    mailbox_done(&node->mailbox);
    broadcast_free(node->broadcast);
    deliveries_done(node);
    redis_bus_done(node);
    broker_free(node->broker);
    history_free(node->history);
    publish_rate_done(&node->rate);
    seats_done(&node->seats);
    fence_table_done(&node->fences);
    fence_table_done(&node->fences_there);
    for (unsigned i = 0; i < node->hubs_count; i++)
        hub_free(node->hubs[i].hub);
    issuers_unref(node->issuers);
    policy_unref(atomic_load(&node->policy));
    free(node);
}

const struct settings *node_settings(const struct node *node)
{
    return node->settings;
}

static unsigned long long count_of(const atomic_ullong *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add_hub(const struct node_hub *hub, struct node_stats *ret)
{
    const struct hub_counters *counters = hub_counters(hub->hub);

    latency_sum(&hub->latency, &ret->latency);
    ret->active_connections += count_of(&counters->sessions);
    ret->waiting_connections += count_of(&counters->waiting);
    ret->sign_ins += count_of(&counters->sign_ins);
    ret->total_connections += count_of(&counters->sign_ins);
    ret->auth_failures += count_of(&counters->auth_failures);
    ret->renewals += count_of(&counters->renewals);
    ret->resumes += count_of(&counters->resumes);
    ret->resumes_lost += count_of(&counters->resumes_lost);
    ret->total_messages_sent += count_of(&counters->frames_sent);
    ret->total_messages_received += count_of(&counters->messages_received);
    ret->scope_changes += count_of(&counters->scope_changes);
    ret->frame_log_bytes += count_of(&counters->frame_log_bytes);
    ret->fence_bytes += count_of(&counters->fence_bytes);
    for (unsigned reason = 0; reason < CLOSE_REASONS; reason++)
        ret->closes[reason] += count_of(&counters->closes[reason]);
}

void node_stats(const struct node *node, struct node_stats *ret)
{
    *ret = (struct node_stats){
        .events_published = count_of(&node->published),
        .events_duplicate = count_of(&node->duplicates),
        .security_events = count_of(&node->security_events),
        .effects = count_of(&node->effects),
        .fences = count_of(&node->fences_counted),
        .history_events = count_of(&node->history_events),
        .history_bytes = count_of(&node->history_bytes),
        .fence_bytes = count_of(&node->fence_bytes),
        .dedupe_ids = count_of(&node->dedupe_ids),
        .dedupe_bytes = count_of(&node->dedupe_bytes),
        .backlog = count_of(&node->waiting),
        .backlog_bytes = atomic_load_explicit(&node->backlog_bytes, memory_order_relaxed),
        .bus = !node->degraded              ? BUS_NONE
               : atomic_load(&node->bus.ok) ? BUS_OK
                                            : BUS_DEGRADED,
        .started_wall_ms = node->started_wall_ms,
        .workers = node->hubs_count,
        .keys = atomic_load_explicit(&node->keys_count, memory_order_relaxed),
        .keys_awaited = atomic_load_explicit(&node->keys_awaited, memory_order_relaxed),
    };
    latency_sum(&node->enforcement, &ret->enforcement);
    if (node->degraded)
        redis_bus_stats(node, &ret->redis);
    for (unsigned i = 0; i < node->hubs_count; i++)
        add_hub(&node->hubs[i], ret);
    for (unsigned i = 0; i < PUBLICATION_RESULTS; i++) {
        ret->refused_by[i] = count_of(&node->refused_by[i]);
        ret->publish_refused += ret->refused_by[i];
    }
    for (unsigned i = 0; i < ERROR_CODES; i++)
        ret->bodies_refused[i] = count_of(&node->bodies_refused[i]);
}

unsigned long long node_hub_lag(const struct node *node, unsigned hub)
{
    unsigned long long there, here;

    assert(hub < node->hubs_count);
    /* The hub first: what comes between the two looks makes the lag longer, never negative. */
    there = count_of(&hub_counters(node->hubs[hub].hub)->head_n);
    here = count_of(&node->stream_n);
    return here > there ? here - there : 0;
}
