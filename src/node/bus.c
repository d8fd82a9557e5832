/* SPDX-License-Identifier: Apache-2.0 */
/* bus.c: the thread that owns the broker, the history and the order of events. */
#include "node/bus.h"

#include <signal.h>

#include "mcp_auth/error.h"

#define TICK_MS 1000 /* expiry of events, allowances, fences */
#define STOP_MS 2000 /* for Redis to take what waits for it */
/* Notes run before the loop looks at its clock again. */
#define NOTES_PER_TURN 256u

int bus_on_entry(void *owner, const struct entry *entry)
{
    struct node *node = owner;

    if (entry->event->has_fence)
        bus_add_fence(node, &entry->event->fence);
    atomic_store_explicit(&node->stream_n, entry->n, memory_order_relaxed);
    broadcast_entry(node->broadcast, entry);
    return 0;
}

void bus_add_fence(struct node *node, const struct fence *fence)
{
    if (fence_table_add(&node->fences, fence) < 0)
        log_write(LOG_ERROR, "a fence could not be counted: out of memory");
}

static void tell_counters(struct node *node)
{
    struct broker_usage usage = broker_usage(node->broker);

    if (!node->degraded) { /* else redis_bus.c told them */
        atomic_store_explicit(&node->dedupe_ids, usage.ids, memory_order_relaxed);
        atomic_store_explicit(&node->dedupe_bytes, usage.bytes, memory_order_relaxed);
    }
    atomic_store_explicit(&node->fence_bytes, fence_table_bytes(&node->fences),
                          memory_order_relaxed);
    atomic_store_explicit(&node->history_events, history_count(node->history),
                          memory_order_relaxed);
    atomic_store_explicit(&node->history_bytes, history_bytes(node->history), memory_order_relaxed);
    atomic_store_explicit(&node->waiting, broadcast_waiting(node->broadcast), memory_order_relaxed);
}

static void tick(struct node *node)
{
    const struct token_rules *tokens = &node->settings->tokens;

    fence_table_expire(&node->fences, node->now.wall_ms - tokens->age_max_ms - tokens->leeway_ms -
                                          tokens->authority.fence_skew_ms);
    atomic_store_explicit(&node->fences_counted, fence_table_count(&node->fences),
                          memory_order_relaxed);
    history_expire(node->history, node->now.wall_ms);
    publish_rate_expire(&node->rate, node->now.mono_ms);
}

/* The bell is only there to end the sleep; the turn runs the notes. */
static void rung(struct watch *watch __attribute__((unused)),
                 uint32_t events __attribute__((unused)))
{
}

static void *bus_thread(void *argument)
{
    struct node *node = argument;
    int64_t tick_ms = clock_now().mono_ms + TICK_MS, due_ms = 0;
    bool more = false;

    /* What it accepted is still announced after the stop was asked for. */
    while (!node->stopping || more || broadcast_waiting(node->broadcast) > 0 ||
           redis_bus_waits(node)) {
        int64_t until_ms = due_ms < tick_ms ? due_ms : tick_ms;
        int64_t sleep_ms = until_ms - node->now.mono_ms;

        if (loop_turn(&node->loop, more ? 0 : sleep_ms > 0 ? sleep_ms : 0) < 0)
            log_write(LOG_ERROR, "the bus could not wait for events");
        node->now = clock_now();
        more = mailbox_run(&node->mailbox, node, NOTES_PER_TURN);
        due_ms = node->degraded ? redis_bus_advance(node) : broker_advance(node->broker, node->now);
        if (node->now.mono_ms >= tick_ms) {
            tick(node);
            tick_ms = node->now.mono_ms + TICK_MS;
        }
        tell_counters(node);
    }
    redis_bus_left(node);
    return NULL;
}

static int start_thread(struct node *node)
{
    sigset_t all, before;
    int r;

    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&node->thread, NULL, bus_thread, node);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r == 0 ? 0 : MCP_AUTH_E_SYSTEM;
}

int bus_start(struct node *node)
{
    int r = loop_init(&node->loop);

    if (r < 0)
        return r;
    node->bell = (struct watch){.fd = mailbox_fd(&node->mailbox)};
    r = loop_watch(&node->loop, &node->bell, rung, EPOLLIN);
    if (r == 0)
        r = start_thread(node);
    if (r < 0) {
        loop_done(&node->loop);
        return r;
    }
    node->running = true;
    return 0;
}

static void stop_run(struct note *note __attribute__((unused)), void *context)
{
    struct node *node = context;

    node->stopping = true;
    node->stop_ms = clock_now().mono_ms + STOP_MS;
}

void bus_stop(struct node *node)
{
    if (!node->running)
        return;
    node->stop_note.run = stop_run;
    mailbox_put(&node->mailbox, &node->stop_note);
    pthread_join(node->thread, NULL);
    loop_unwatch(&node->loop, &node->bell);
    broker_free(node->broker); /* its connections are watched by the loop */
    node->broker = NULL;
    loop_done(&node->loop);
    node->running = false;
}
