/* SPDX-License-Identifier: Apache-2.0 */
/* bus_log.c: what the log and the counters are told of an event, once, when hubs are given it. */
#include "node/node_private.h"

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

void bus_log_event(struct node *node, const struct entry *entry)
{
    const struct event *event = entry->event;
    bool is_ours = event->accepted_ns > 0; /* else the instance that accepted it has told */

    if (event->control == CONTROL_REVOCATION || event->control == CONTROL_DISCONNECT)
        log_control(event);
    if (is_ours && event->control == CONTROL_NONE &&
        event_type_family(event->type) == FAMILY_SECURITY) {
        atomic_fetch_add_explicit(&node->security_events, 1, memory_order_relaxed);
        log_security_event(event);
    }
    if (event->has_fence) {
        atomic_fetch_add_explicit(&node->effects, 1, memory_order_relaxed);
        if (event->control == CONTROL_NONE)
            log_withdrawal(event);
    } else if (is_ours && event->withdraws_nothing) {
        log_nothing_withdrawn(event);
    }
}
