/* SPDX-License-Identifier: Apache-2.0 */
/* bus.c: the thread that owns the broker, the history and the order of events. */
#include "node/bus.h"

#include <signal.h>

#include "mcp_auth/error.h"

#define TICK_MS 1000 /* expiry of events, allowances, fences */
/* Notes run before the loop looks at its clock again. */
#define NOTES_PER_TURN 256u

static void log_security_event(const struct event *event)
{
    log_write(event->level >= 2 ? LOG_WARNING : LOG_INFO, "security event",
              LOG_TEXT("event_type", event_type_text(event->type)), LOG_TEXT("id", event->id),
              LOG_TEXT("security_level", event->members[MEMBER_SECURITY_LEVEL]),
              LOG_TEXT("tenant_id", event->tenant),
              LOG_TEXT("user_id", event->members[MEMBER_USER_ID]),
              LOG_TEXT("target_user_id", event->members[MEMBER_TARGET_USER_ID]));
}

static void log_withdrawal(const struct event *event)
{
    log_write(LOG_INFO, "authority withdrawn", LOG_TEXT("event_type", event_type_text(event->type)),
              LOG_TEXT("id", event->id), LOG_TEXT("tenant_id", event->tenant),
              LOG_TEXT("user_id", event->fence.user), LOG_TEXT("name", event->fence.name));
}

/* It was accepted and is shown, as only event_type is required; but who sent it believes that
 * something is gone. */
static void log_nothing_withdrawn(const struct event *event)
{
    log_write(LOG_WARNING, "an event withdraws nothing: it names no user, or no role or permission",
              LOG_TEXT("event_type", event_type_text(event->type)), LOG_TEXT("id", event->id),
              LOG_TEXT("tenant_id", event->tenant));
}

static void log_control(const struct event *event)
{
    log_write(LOG_INFO, event->control == CONTROL_REVOCATION ? "revoked" : "disconnected",
              LOG_TEXT("id", event->id), LOG_TEXT("tenant_id", event->tenant),
              LOG_TEXT("user_id", event->members[MEMBER_USER_ID]),
              LOG_TEXT("token_id", event->fence.name), LOG_TEXT("by", event->publisher));
}

int bus_on_entry(void *owner, const struct entry *entry)
{
    struct node *node = owner;
    bool is_control = entry->event->control != CONTROL_NONE;

    if (is_control)
        log_control(entry->event);
    else if (event_type_family(entry->event->type) == FAMILY_SECURITY) {
        atomic_fetch_add_explicit(&node->security_events, 1, memory_order_relaxed);
        log_security_event(entry->event);
    }
    if (entry->event->has_fence) {
        if (fence_table_add(&node->fences, &entry->event->fence) < 0)
            log_write(LOG_ERROR, "a fence could not be counted: out of memory");
        atomic_fetch_add_explicit(&node->effects, 1, memory_order_relaxed);
        if (!is_control)
            log_withdrawal(entry->event);
    } else if (entry->event->withdraws_nothing) {
        log_nothing_withdrawn(entry->event);
    }
    atomic_store_explicit(&node->stream_n, entry->n, memory_order_relaxed);
    broadcast_entry(node->broadcast, entry);
    return 0;
}

static void tell_counters(struct node *node)
{
    struct broker_usage usage = broker_usage(node->broker);

    atomic_store_explicit(&node->dedupe_ids, usage.ids, memory_order_relaxed);
    atomic_store_explicit(&node->dedupe_bytes, usage.bytes, memory_order_relaxed);
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
    while (!node->stopping || more || broadcast_waiting(node->broadcast) > 0) {
        int64_t until_ms = due_ms < tick_ms ? due_ms : tick_ms;
        int64_t sleep_ms = until_ms - node->now.mono_ms;

        if (loop_turn(&node->loop, more ? 0 : sleep_ms > 0 ? sleep_ms : 0) < 0)
            log_write(LOG_ERROR, "the bus could not wait for events");
        node->now = clock_now();
        more = mailbox_run(&node->mailbox, node, NOTES_PER_TURN);
        due_ms = broker_advance(node->broker, node->now);
        if (node->now.mono_ms >= tick_ms) {
            tick(node);
            tick_ms = node->now.mono_ms + TICK_MS;
        }
        tell_counters(node);
    }
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
}

void bus_stop(struct node *node)
{
    if (!node->running)
        return;
    node->stop_note.run = stop_run;
    mailbox_put(&node->mailbox, &node->stop_note);
    pthread_join(node->thread, NULL);
    loop_unwatch(&node->loop, &node->bell);
    loop_done(&node->loop);
    node->running = false;
}
