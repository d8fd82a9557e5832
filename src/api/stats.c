/* SPDX-License-Identifier: Apache-2.0 */
/* stats.c: GET /v1/stats: the counters of this instance as one JSON object, for whom they are. */
#include <stdlib.h>

#include "api/api.h"
#include "codec/json.h"
#include "net/exchange.h"
#include "node/roster.h"

#define STATS_SIZE_MAX 16384u

static void put_count(struct strbuf *out, const char *name, unsigned long long count)
{
    json_put_name(out, name);
    strbuf_printf(out, "%llu", count);
}

static void put_sessions(struct strbuf *out, const struct node_stats *stats)
{
    put_count(out, "active_connections", stats->active_connections);
    put_count(out, "waiting_connections", stats->waiting_connections);
    put_count(out, "total_connections", stats->total_connections);
    put_count(out, "total_messages_sent", stats->total_messages_sent);
    put_count(out, "total_messages_received", stats->total_messages_received);
    put_count(out, "auth_failures", stats->auth_failures);
    put_count(out, "sign_ins", stats->sign_ins);
    put_count(out, "renewals", stats->renewals);
    put_count(out, "resumes", stats->resumes);
    put_count(out, "resumes_lost", stats->resumes_lost);
}

static void put_events(struct strbuf *out, const struct node_stats *stats)
{
    put_count(out, "events_published", stats->events_published);
    put_count(out, "events_duplicate", stats->events_duplicate);
    put_count(out, "publish_refused", stats->publish_refused);
    put_count(out, "security_events", stats->security_events);
    put_count(out, "effects", stats->effects);
    put_count(out, "scope_changes", stats->scope_changes);
    put_count(out, "fences", stats->fences);
    put_count(out, "history_events", stats->history_events);
    put_count(out, "history_bytes", stats->history_bytes);
    put_count(out, "frame_log_bytes", stats->frame_log_bytes);
    put_count(out, "backlog", stats->backlog);
}

/* {"4001 Authentication failed":2}: a code may have several reasons. */
static void put_closes(struct strbuf *out, const struct node_stats *stats)
{
    bool first = true;

    json_put_name(out, "closes");
    strbuf_putc(out, '{');
    for (unsigned i = 0; i < CLOSE_REASONS; i++) {
        struct bytes text = close_reason_text(i);

        if (stats->closes[i] == 0)
            continue;
        strbuf_printf(out, "%s\"%d %.*s\":%llu", first ? "" : ",", close_reason_code(i),
                      (int)text.size, text.data, stats->closes[i]);
        first = false;
    }
    strbuf_putc(out, '}');
}

/* Sums over tenants too. */
static void put_redis(struct strbuf *out, const struct bus_stats *redis)
{
    json_put_name(out, "redis");
    strbuf_printf(out, "{\"connected\":%s,\"isolated\":%s", redis->connected ? "true" : "false",
                  redis->isolated ? "true" : "false");
    json_put_name(out, "epoch");
    strbuf_printf(out, "\"%016llx\"", redis->epoch);
    put_count(out, "last_n", redis->last_n);
    put_count(out, "stream_n", redis->stream_n);
    put_count(out, "outbox_events", redis->outbox_events);
    put_count(out, "outbox_bytes", redis->outbox_bytes);
    put_count(out, "alone", redis->alone);
    put_count(out, "sent", redis->sent);
    put_count(out, "caught_up", redis->caught_up);
    put_count(out, "reconnects", redis->reconnects);
    put_count(out, "outages", redis->outages);
    strbuf_putc(out, '}');
}

static void put_time(struct strbuf *out, const char *name, int64_t wall_ms)
{
    char text[CLOCK_RFC3339_SIZE];

    json_put_name(out, name);
    clock_rfc3339(wall_ms, text);
    json_put_string(out, bytes_of(text));
}

static const char *bus_text(enum bus_state state)
{
    return state == BUS_OK ? "ok" : state == BUS_DEGRADED ? "degraded" : "none";
}

/* What tells nothing about any tenant. */
static void put_instance(struct strbuf *out, const struct node_stats *stats, int64_t now_ms)
{
    json_put_name(out, "bus");
    json_put_string(out, bytes_of(bus_text(stats->bus)));
    if (stats->bus != BUS_NONE)
        put_time(out, "bus_since", stats->redis.since_wall_ms);
    if (stats->bus == BUS_DEGRADED) {
        json_put_name(out, "bus_reason");
        json_put_string(out, BYTES("Redis unavailable")); /* these very words (R102) */
    }
    put_count(out, "workers", stats->workers);
    put_time(out, "started", stats->started_wall_ms);
    json_put_name(out, "uptime_seconds");
    json_put_int(out,
                 now_ms > stats->started_wall_ms ? (now_ms - stats->started_wall_ms) / 1000 : 0);
}

/* The tenant: absent for the API key. */
static void answer_all(struct exchange *exchange, struct bytes tenant,
                       const struct node_stats *stats)
{
    const struct api *api = exchange_owner(exchange);
    struct strbuf json;

    strbuf_init(&json, STATS_SIZE_MAX);
    strbuf_putc(&json, '{');
    if (bytes_present(tenant)) {
        json_put_name(&json, "tenant_id");
        json_put_string(&json, tenant);
    }
    put_sessions(&json, stats);
    put_count(&json, "max_connections", node_max_connections(api->node));
    put_count(&json, "unauthenticated_connections", admission_count(api->net->admission));
    put_events(&json, stats);
    put_instance(&json, stats, exchange_now(exchange).wall_ms);
    if (stats->bus != BUS_NONE)
        put_redis(&json, &stats->redis);
    put_closes(&json, stats);
    strbuf_putc(&json, '}');
    exchange_answer_json(exchange, 200, (struct bytes){0}, &json);
}

static void answer_tenant(struct exchange *exchange, const struct roster *roster,
                          const struct node_stats *stats)
{
    const struct api *api = exchange_owner(exchange);
    struct strbuf json;

    strbuf_init(&json, STATS_SIZE_MAX);
    strbuf_putc(&json, '{');
    json_put_name(&json, "tenant_id");
    json_put_string(&json, roster->tenant);
    put_count(&json, "active_connections", roster->count);
    put_count(&json, "max_connections", node_max_connections(api->node));
    put_instance(&json, stats, exchange_now(exchange).wall_ms);
    strbuf_putc(&json, '}');
    exchange_answer_json(exchange, 200, (struct bytes){0}, &json);
}

/* What an administrator asked for. */
struct asked {
    struct net *net;
    struct node_stats stats; /* as they stood before any hub was asked whom it has met */
};

static void asked_free(struct roster *roster)
{
    free(roster->owner);
    roster_free(roster);
}

/* In the asker's thread, by its mailbox. */
static void counted(struct roster *roster, void *owner)
{
    const struct asked *asked = owner;
    struct exchange *exchange;

    (void)net_begin(asked->net);
    exchange = exchange_find(asked->net, roster->asker);
    if (exchange && roster->others)
        answer_tenant(exchange, roster, &asked->stats);
    else if (exchange)
        answer_all(exchange, roster->tenant, &asked->stats);
    asked_free(roster);
}

/* The counters are sums over all tenants, which are nobody's business but the operator's, unless
 * there has been one tenant only: then they are its own. Every hub is asked after they were summed,
 * so that nothing of a tenant that comes meanwhile is in them. Of one tenant among several its
 * connections are counted when they are asked for. */
static void count_tenant(struct exchange *exchange, struct bytes tenant)
{
    const struct api *api = exchange_owner(exchange);
    struct asked *asked = malloc(sizeof *asked);
    struct roster *roster = NULL;

    if (asked && roster_new(&roster, tenant, (struct bytes){0}) == 0)
        roster->owner = asked;
    if (!roster || exchange_later(exchange, &roster->asker) < 0) {
        roster_free(roster);
        free(asked);
        exchange_refuse(exchange, ERROR_OVERLOADED, (struct bytes){0}, NULL, 1000);
        return;
    }
    asked->net = exchange_net(exchange);
    node_stats(api->node, &asked->stats);
    roster->only_count = true;
    roster->hub = hub_index(net_hub(asked->net));
    roster->done = counted;
    node_roster(api->node, roster);
}

void stats_get(struct exchange *exchange)
{
    const struct api *api = exchange_owner(exchange);
    struct node_stats stats;

    if (exchange->identity) {
        count_tenant(exchange, exchange->identity->claims.tenant);
        return;
    }
    node_stats(api->node, &stats); /* the API key */
    answer_all(exchange, (struct bytes){0}, &stats);
}
