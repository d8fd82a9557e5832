/* SPDX-License-Identifier: Apache-2.0 */
/* observe.c: what the host program sees of its server: events, authority withdrawn, counters. */
#include "mcp_auth/observe.h"

#include <assert.h>
#include <stdlib.h>

#include "model/limits.h"
#include "server/host.h"
#include "wire/event_out.h"

#define OBSERVER_SIZE_MIN (offsetof(mcp_auth_observer, on_authority) + sizeof(void (*)(void)))
#define TEXTS_SIZE_MAX (2u * EVENT_SIZE_MAX)

_Static_assert((int)MCP_AUTH_AUTHORITY_EVERYTHING == (int)FENCE_EVERYTHING &&
                   (int)MCP_AUTH_AUTHORITY_ROLE == (int)FENCE_ROLE &&
                   (int)MCP_AUTH_AUTHORITY_PERMISSION == (int)FENCE_PERMISSION,
               "the public scopes are the model's");

struct observer {
    mcp_auth_observer calls;
    struct strbuf texts; /* the bus thread's: what is borrowed to the callbacks, each terminated */
};

void observer_free(struct observer *observer)
{
    if (!observer)
        return;
    strbuf_done(&observer->texts);
    free(observer);
}

/* Where the text begins, which is behind all that were put before: growing may move them. */
static size_t put_text(struct strbuf *texts, struct bytes text)
{
    size_t at = texts->size;

    strbuf_put_bytes(texts, text);
    strbuf_putc(texts, '\0');
    return at;
}

static bool tell_authority(struct observer *observer, const struct event *event)
{
    const struct fence *fence = &event->fence;
    struct strbuf *texts = &observer->texts;
    size_t tenant, user, name, id;
    mcp_auth_authority_withdrawn withdrawn;

    strbuf_reset(texts);
    tenant = put_text(texts, fence->tenant);
    user = put_text(texts, fence->user);
    name = put_text(texts, fence->name);
    id = put_text(texts, event->id);
    if (texts->error)
        return false;
    withdrawn = (mcp_auth_authority_withdrawn){
        .size = sizeof withdrawn,
        .tenant_id = texts->data + tenant,
        .user_id = texts->data + user,
        .scope = (enum mcp_auth_authority_scope)fence->scope,
        .name = texts->data + name,
        .not_before_ms = fence->not_before_ms,
        .event_id = texts->data + id,
    };
    observer->calls.on_authority(observer->calls.owner, &withdrawn);
    return true;
}

static bool tell_event(struct observer *observer, const struct event *event,
                       const struct position *at)
{
    struct strbuf *texts = &observer->texts;
    size_t json_size = event->json.size + EVENT_POSITION_SIZE, id, tenant, type, place;
    char position[POSITION_SIZE], *json;
    mcp_auth_observed_event observed;

    position_write(at, position);
    strbuf_reset(texts);
    json = strbuf_reserve(texts, json_size);
    if (!json)
        return false;
    event_out_with_position(json, event->json, position);
    strbuf_added(texts, json_size);
    strbuf_putc(texts, '\0');
    id = put_text(texts, event->id);
    tenant = put_text(texts, event->tenant);
    type = put_text(texts, event_type_text(event->type));
    place = put_text(texts, (struct bytes){position, sizeof position});
    if (texts->error)
        return false;
    observed = (mcp_auth_observed_event){
        .size = sizeof observed,
        .json = texts->data,
        .json_size = json_size,
        .id = texts->data + id,
        .event_type = texts->data + type,
        .tenant_id = texts->data + tenant,
        .position = texts->data + place,
    };
    observer->calls.on_event(observer->calls.owner, &observed);
    return true;
}

/* In the bus thread, when what the entry takes away is gone on every worker. */
static void observe(void *owner, const struct event *event, const struct position *at)
{
    struct observer *observer = owner;
    bool ok = true;

    if (event->has_fence && observer->calls.on_authority)
        ok = tell_authority(observer, event);
    if (ok && observer->calls.on_event)
        ok = tell_event(observer, event, at);
    if (!ok)
        log_write(LOG_ERROR, "the host program was not told of an event: out of memory",
                  LOG_TEXT("event_id", event->id));
}

int mcp_auth_server_observe(mcp_auth_server *server, const mcp_auth_observer *observer)
{
    struct observer *made;
    int r;

    assert(server && observer);
    if (observer->size < OBSERVER_SIZE_MIN)
        return MCP_AUTH_E_INVALID;
    made = calloc(1, sizeof *made);
    if (!made)
        return MCP_AUTH_E_NOMEM;
    memcpy(&made->calls, observer,
           observer->size < sizeof made->calls ? observer->size : sizeof made->calls);
    strbuf_init(&made->texts, TEXTS_SIZE_MAX);
    r = server_take_observer(server, made);
    if (r < 0) {
        observer_free(made);
        return r;
    }
    node_observe(server_node(server), observe, made);
    return 0;
}

int mcp_auth_server_stats(const mcp_auth_server *server, mcp_auth_stats *ret)
{
    struct node_stats stats;
    mcp_auth_stats told;
    size_t size = ret->size;

    if (size < offsetof(mcp_auth_stats, started_ms) + sizeof ret->started_ms)
        return MCP_AUTH_E_INVALID;
    node_stats(server_node(server), &stats);
    told = (mcp_auth_stats){
        .size = size,
        .active_connections = stats.active_connections,
        .total_connections = stats.total_connections,
        .messages_sent = stats.total_messages_sent,
        .messages_received = stats.total_messages_received,
        .sign_ins = stats.sign_ins,
        .auth_failures = stats.auth_failures,
        .renewals = stats.renewals,
        .resumes = stats.resumes,
        .resumes_lost = stats.resumes_lost,
        .events_published = stats.events_published,
        .events_duplicate = stats.events_duplicate,
        .publish_refused = stats.publish_refused,
        .effects = stats.effects,
        .scope_changes = stats.scope_changes,
        .fences = stats.fences,
        .history_events = stats.history_events,
        .history_bytes = stats.history_bytes,
        .frame_log_bytes = stats.frame_log_bytes,
        .backlog = stats.backlog,
        .started_ms = stats.started_wall_ms,
        .degraded = stats.bus == BUS_DEGRADED,
    };
    memcpy(ret, &told, size < sizeof told ? size : sizeof told);
    return 0;
}
