/* SPDX-License-Identifier: Apache-2.0 */
/* hub.c: makes and ends a hub, tells it the time, and keeps its memory under a ceiling. */
#include <assert.h>
#include <stdlib.h>

#include "hub/session.h"
#include "mcp_auth/error.h"
#include "wire/push.h"
#include "wire/push_stream.h"

#define HOUSEKEEPING_MS 60000

static int make_pings(struct hub *hub)
{
    struct run run;
    char *frames = frame_log_append(&hub->direct, PUSH_PING_SIZE + PUSH_STREAM_PING_SIZE, &run);

    if (!frames)
        return MCP_AUTH_E_NOMEM;
    push_ping_write(frames);
    push_stream_ping_write(frames + PUSH_PING_SIZE);
    /* The segment stays ours, so that no frame follows the pings and none overwrites them. */
    hub->ping = run.segment;
    hub->direct.open = NULL;
    return 0;
}

int hub_new(struct hub **ret, unsigned index, const struct hub_settings *settings,
            struct issuers *issuers, const struct hub_port *port, const struct random *random,
            struct position head, struct now now)
{
    struct hub *hub = calloc(1, sizeof *hub);
    uint8_t seed[16];
    int r;

    if (!hub)
        return MCP_AUTH_E_NOMEM;
    hub->index = index;
    hub->settings = *settings;
    hub->issuers = issuers_ref(issuers);
    hub->port = *port;
    hub->random = random;
    hub->head = head;
    atomic_store_explicit(&hub->counters.head_n, head.n, memory_order_relaxed);
    hub->now = now;
    hub->bus = BUS_NONE;
    random->fill(random->owner, &hub->nonce, sizeof hub->nonce);
    random->fill(random->owner, seed, sizeof seed);
    slab_init(&hub->sessions, sizeof(struct session), hub);
    list_init(&hub->leaving);
    list_init(&hub->ahead);
    hub->ahead_n = UINT64_MAX;
    hub->judge_ms = INT64_MAX;
    timer_wheel_init(&hub->wheel, now.mono_ms, &hub->sessions, offsetof(struct session, timer),
                     session_deadline);
    hub->housekeeping_ms = now.mono_ms + HOUSEKEEPING_MS;
    fence_table_init(&hub->fences, seed);
    frame_pool_init(&hub->pool);
    for (unsigned view = 0; view < PUSH_FORMS * VIEWS; view++)
        frame_log_init(&hub->views[view / VIEWS][view % VIEWS], &hub->pool);
    frame_log_init(&hub->direct, &hub->pool);
    user_index_init(&hub->users, &hub->sessions, seed);
    r = audience_index_init(&hub->audience, seed);
    if (r == 0)
        r = authority_table_init(&hub->authorities, &hub->audience, seed);
    if (r == 0)
        r = push_deflater_new(&hub->deflater);
    if (r == 0)
        r = make_pings(hub);
    if (r < 0) {
        hub_free(hub);
        return r;
    }
    *ret = hub;
    return 0;
}

void hub_free(struct hub *hub)
{
    if (!hub)
        return;
    if (hub->ping)
        segment_unref(hub->ping);
    for (unsigned view = 0; view < PUSH_FORMS * VIEWS; view++)
        frame_log_done(&hub->views[view / VIEWS][view % VIEWS]);
    frame_log_done(&hub->direct);
    alones_done(&hub->alones);
    push_deflater_free(hub->deflater);
    frame_pool_done(&hub->pool);
    authority_table_done(&hub->authorities);
    audience_index_done(&hub->audience);
    user_index_done(&hub->users);
    fence_table_done(&hub->fences);
    slab_done(&hub->sessions); /* asserts that all are gone */
    issuers_unref(hub->issuers);
    free(hub);
}

/* Tokens older than the maximum age are refused anyway, so older fences have nothing to do. */
static void housekeeping(struct hub *hub)
{
    const struct token_rules *tokens = hub->settings.tokens;

    fence_table_expire(&hub->fences, hub->now.wall_ms - tokens->age_max_ms - tokens->leeway_ms -
                                         tokens->authority.fence_skew_ms);
    hub->housekeeping_ms = hub->now.mono_ms + HOUSEKEEPING_MS;
}

int64_t hub_advance(struct hub *hub, struct now now)
{
    struct timer *timer;

    hub->now = now;
    timer_wheel_advance(&hub->wheel, now.mono_ms);
    while ((timer = timer_wheel_take(&hub->wheel)))
        session_due(container_of(timer, struct session, timer));
    if (hub->housekeeping_ms <= now.mono_ms)
        housekeeping(hub);
    if (hub->hurrying && hub->hurry_ms <= now.mono_ms)
        heartbeats_hurry(hub);
    if (hub->judge_ms <= now.mono_ms)
        ahead_due(hub);
    atomic_store_explicit(&hub->counters.frame_log_bytes, hub->pool.bytes, memory_order_relaxed);
    atomic_store_explicit(&hub->counters.fence_bytes, fence_table_bytes(&hub->fences),
                          memory_order_relaxed);
    return hub_deadline(hub);
}

int64_t hub_deadline(const struct hub *hub)
{
    int64_t next_ms = timer_wheel_next(&hub->wheel);

    if (hub->hurrying && hub->hurry_ms < next_ms)
        next_ms = hub->hurry_ms;
    if (hub->judge_ms < next_ms)
        next_ms = hub->judge_ms;
    return next_ms < hub->housekeeping_ms ? next_ms : hub->housekeeping_ms;
}

const struct hub_counters *hub_counters(const struct hub *hub)
{
    return &hub->counters;
}

unsigned hub_index(const struct hub *hub)
{
    return hub->index;
}

void hub_bus_state(struct hub *hub, enum bus_state state)
{
    enum bus_state before = hub->bus;

    hub->bus = state;
    if (state == BUS_OK) {
        ahead_judge(hub);
    } else if (before == BUS_OK) {
        hub->hurrying = true;
        hub->hurry_place = 0;
        heartbeats_hurry(hub);
    }
}

void hub_isolate(struct hub *hub, bool isolated)
{
    hub->isolated = isolated;
    if (isolated)
        hub_close_all(hub, CLOSE_BUS_GAP);
}

void hub_close_session(struct hub *hub, slot_handle session, enum close_reason reason)
{
    struct session *s = slab_find(&hub->sessions, session);

    if (s)
        session_close(s, reason, -1);
}

void hub_close_all(struct hub *hub, enum close_reason reason)
{
    struct session *s;
    uint32_t place = 0;

    while ((s = slab_next(&hub->sessions, &place)))
        session_close(s, reason, 0);
}
