/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.c: GET /metrics: the counters as Prometheus text (format 0.0.4). */
#include "api/api.h"
#include "net/exchange.h"

#define METRICS_SIZE_MAX 65536u /* 256 workers, each with a line of some 60 bytes */
#define PREFIX "mcp_auth_"

static void put_head(struct strbuf *out, const char *name, const char *type, const char *help)
{
    strbuf_printf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name, type);
}

static void put(struct strbuf *out, const char *name, const char *type, unsigned long long value,
                const char *help)
{
    put_head(out, name, type, help);
    strbuf_printf(out, PREFIX "%s %llu\n", name, value);
}

static void put_sessions(struct strbuf *out, const struct node_stats *stats)
{
    put(out, "connections_active", "gauge", stats->active_connections,
        "Sessions that are signed in: WebSocket connections and event streams.");
    put(out, "connections_waiting", "gauge", stats->waiting_connections,
        "Sessions that have not signed in yet.");
    put(out, "sign_ins_total", "counter", stats->sign_ins, "Successful sign-ins.");
    put(out, "auth_failures_total", "counter", stats->auth_failures,
        "Tokens that were not accepted.");
    put(out, "renewals_total", "counter", stats->renewals, "Tokens renewed on live connections.");
    put(out, "resumes_total", "counter", stats->resumes, "Sessions resumed from a position.");
    put(out, "resumes_lost_total", "counter", stats->resumes_lost,
        "Positions that could not be resumed from.");
    put(out, "frames_sent_total", "counter", stats->total_messages_sent,
        "Event frames queued to clients.");
    put(out, "messages_received_total", "counter", stats->total_messages_received,
        "Messages received from clients.");
    put(out, "scope_changes_total", "counter", stats->scope_changes,
        "Live identities made smaller by a fence.");
}

/* A mean and percentiles are the reader's to compute; the buckets are cumulative, as the format
 * wants them. */
static void put_latency(struct strbuf *out, const char *short_name,
                        const struct latency_sums *latency, const char *help)
{
    unsigned long long count = 0;
    char name[64];

    (void)snprintf(name, sizeof name, PREFIX "%s", short_name);
    put_head(out, short_name, "histogram", help);
    for (unsigned i = 0; i < LATENCY_BOUNDS; i++) {
        count += latency->buckets[i];
        strbuf_printf(out, "%s_bucket{le=\"%g\"} %llu\n", name, (double)latency_bound_ns(i) / 1e9,
                      count);
    }
    count += latency->buckets[LATENCY_BOUNDS];
    strbuf_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.9f\n%s_count %llu\n", name, count,
                  name, (double)latency->sum_ns / 1e9, name, count);
}

static void put_events(struct strbuf *out, const struct node_stats *stats)
{
    put(out, "events_published_total", "counter", stats->events_published, "Events accepted.");
    put(out, "events_duplicate_total", "counter", stats->events_duplicate,
        "Events whose id was there already.");
    put(out, "security_events_total", "counter", stats->security_events,
        "Events of the security family.");
    put(out, "effects_total", "counter", stats->effects, "Events that took authority away.");
    put(out, "fences", "gauge", stats->fences, "Fences in force.");
    put(out, "signing_keys", "gauge", stats->keys, "Keys that tokens are verified by.");
    put(out, "issuers_awaiting_keys", "gauge", stats->keys_awaited,
        "Issuers whose keys have not been fetched yet.");
    put(out, "history_events", "gauge", stats->history_events, "Events kept for resuming.");
    put(out, "dedupe_ids", "gauge", stats->dedupe_ids, "Ids kept to know an event again.");
    put(out, "backlog_events", "gauge", stats->backlog,
        "Entries of the stream not yet announced: they wait for an effect to be applied.");
    put(out, "backlog_bytes", "gauge", stats->backlog_bytes,
        "Bytes of events given to the bus whose publisher has no answer yet.");
    put(out, "bus_ok", "gauge", stats->bus != BUS_DEGRADED, "0 while the bus is unavailable.");
}

/* Without REDIS_URL they are not there, rather than 0: nobody is to be woken by them. */
static void put_redis(struct strbuf *out, const struct node_stats *stats, int64_t now_ms)
{
    const struct bus_stats *redis = &stats->redis;
    unsigned long long lag = redis->stream_n > redis->last_n ? redis->stream_n - redis->last_n : 0;
    int64_t degraded_ms = stats->bus == BUS_DEGRADED ? now_ms - redis->since_wall_ms : 0;

    put(out, "bus_connected", "gauge", redis->connected,
        "1 while the stream of Redis is followed; the bus is ok once nothing waits to be sent.");
    put(out, "bus_isolated", "gauge", redis->isolated,
        "1 when nobody is served because of MCP_AUTH_MAX_ISOLATION.");
    put_head(out, "bus_degraded_seconds", "gauge", "For how long the bus has not been ok; or 0.");
    strbuf_printf(out, PREFIX "bus_degraded_seconds %.3f\n",
                  degraded_ms > 0 ? (double)degraded_ms / 1000.0 : 0.0);
    put(out, "bus_last_n", "gauge", redis->last_n,
        "Number of the last entry taken from the stream.");
    put(out, "bus_lag_events", "gauge", lag,
        "Entries of the stream known of and not yet taken from it.");
    put(out, "outbox_events", "gauge", redis->outbox_events,
        "Accepted events that are not back from Redis yet.");
    put(out, "outbox_bytes", "gauge", redis->outbox_bytes, "Bytes of these.");
    put(out, "events_alone_total", "counter", redis->alone,
        "Events delivered by this instance alone, without Redis.");
    put(out, "events_sent_late_total", "counter", redis->sent,
        "Of these, how many Redis has taken since.");
    put(out, "events_caught_up_total", "counter", redis->caught_up,
        "Events of others, read after an outage.");
    put(out, "redis_reconnects_total", "counter", redis->reconnects,
        "Times Redis was attached to again.");
    put(out, "redis_outages_total", "counter", redis->outages, "Times the bus stopped being ok.");
}

/* What grows with use; what a connection costs by itself is not among it. */
static void put_memory(struct strbuf *out, const struct node_stats *stats)
{
    put(out, "frame_log_bytes", "gauge", stats->frame_log_bytes,
        "Bytes of frames kept for clients that have not read them yet.");
    put(out, "history_bytes", "gauge", stats->history_bytes, "Bytes of the events kept.");
    put(out, "fence_bytes", "gauge", stats->fence_bytes,
        "Bytes of the fences in force, in the bus and in each worker.");
    put(out, "dedupe_bytes", "gauge", stats->dedupe_bytes,
        "Bytes of the ids kept to know an event again.");
}

static void put_lag(struct strbuf *out, const struct node *node, unsigned workers)
{
    put_head(out, "worker_lag_events", "gauge",
             "Entries of the stream that a worker has not announced yet.");
    for (unsigned i = 0; i < workers; i++)
        strbuf_printf(out, PREFIX "worker_lag_events{worker=\"%u\"} %llu\n", i,
                      node_hub_lag(node, i));
}

static void put_error(struct strbuf *out, const char *name, enum error_code code,
                      unsigned long long count)
{
    struct bytes text = error_code_text(code);

    strbuf_printf(out, PREFIX "%s{code=\"%.*s\",status=\"%d\"} %llu\n", name, (int)text.size,
                  text.data, error_code_status(code), count);
}

static void put_refused(struct strbuf *out, const struct node_stats *stats)
{
    static const char *const reasons[PUBLICATION_RESULTS] = {
        [PUBLICATION_CONFLICT] = "conflict",
        [PUBLICATION_RATE_LIMITED] = "rate_limited",
        [PUBLICATION_OVERLOADED] = "overloaded",
        [PUBLICATION_STOPPING] = "stopping",
    };

    put_head(out, "events_refused_total", "counter",
             "Well-formed events refused, by reason; a batch is refused whole.");
    for (unsigned i = 0; i < PUBLICATION_RESULTS; i++)
        if (reasons[i])
            strbuf_printf(out, PREFIX "events_refused_total{reason=\"%s\"} %llu\n", reasons[i],
                          stats->refused_by[i]);
    put_head(out, "publish_bodies_refused_total", "counter",
             "Bodies of publish requests refused for what is in them, by error code.");
    for (unsigned code = 0; code < ERROR_CODES; code++)
        put_error(out, "publish_bodies_refused_total", code, stats->bodies_refused[code]);
}

static void put_closes(struct strbuf *out, const struct node_stats *stats)
{
    put_head(out, "closes_total", "counter",
             "Sessions closed by the server, event streams too, by code and reason.");
    for (unsigned i = 0; i < CLOSE_REASONS; i++) {
        struct bytes text = close_reason_text(i);

        strbuf_printf(out, PREFIX "closes_total{code=\"%d\",reason=\"%.*s\"} %llu\n",
                      close_reason_code(i), (int)text.size, text.data, stats->closes[i]);
    }
}

static unsigned long long load(const atomic_ullong *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void put_reason(struct strbuf *out, const char *reason, unsigned long long count)
{
    strbuf_printf(out, PREFIX "sockets_refused_total{reason=\"%s\"} %llu\n", reason, count);
}

static void put_websockets(struct strbuf *out, const struct net_counters *counters)
{
    put(out, "upgrades_total", "counter", load(&counters->upgrades), "WebSocket handshakes done.");
    put_head(out, "websocket_closes_total", "counter",
             "WebSocket connections ended, by who closed first and the code; 1006: lost or cut "
             "without a close frame.");
    for (unsigned i = 0; i < CLOSE_COUNT_ROWS; i++) {
        struct close_counted row;

        if (close_counted(&counters->closes, i, &row))
            strbuf_printf(out, PREFIX "websocket_closes_total{by=\"%s\",code=\"%s\"} %llu\n",
                          row.by, row.code, row.count);
    }
}

static void put_http(struct strbuf *out, const struct net_counters *counters)
{
    put(out, "http_requests_total", "counter", load(&counters->requests), "HTTP requests.");
    put_head(out, "http_answers_total", "counter", "HTTP answers by class of status.");
    for (unsigned i = 2; i < ARRAY_COUNT(counters->answers); i++)
        strbuf_printf(out, PREFIX "http_answers_total{status=\"%uxx\"} %llu\n", i,
                      load(&counters->answers[i]));
    put_head(out, "http_refusals_total", "counter", "HTTP answers that are an error, by its code.");
    for (unsigned code = 0; code < ERROR_CODES; code++)
        put_error(out, "http_refusals_total", code, load(&counters->refusals[code]));
}

static void put_net(struct strbuf *out, const struct net_config *net)
{
    const struct net_counters *counters = net->counters;
    long long open = atomic_load_explicit(&counters->open, memory_order_relaxed);

    put(out, "sockets_open", "gauge", open > 0 ? (unsigned long long)open : 0,
        "Accepted sockets of any kind.");
    put(out, "sockets_unauthenticated", "gauge", admission_count(net->admission),
        "Sockets that have not shown who they are.");
    put(out, "sockets_accepted_total", "counter", load(&counters->accepted), "Sockets accepted.");
    put_head(out, "sockets_refused_total", "counter", "Sockets turned away at once, by reason.");
    put_reason(out, "unauthenticated", admission_refused_total(net->admission));
    put_reason(out, "unauthenticated_address", admission_refused_address(net->admission));
    put_reason(out, "no_memory", load(&counters->refused_no_memory));
    put_reason(out, "draining", load(&counters->refused_draining));
    put_reason(out, "metrics", load(&counters->refused_metrics));
    put(out, "accept_pauses_total", "counter", load(&counters->accept_pauses),
        "Times accepting paused for want of descriptors or memory.");
    put(out, "socket_timeouts_total", "counter", load(&counters->timeouts),
        "Sockets closed because they were too slow.");
    put(out, "sent_bytes_total", "counter", load(&counters->bytes_sent), "Bytes sent.");
    put(out, "reads_postponed_total", "counter", load(&counters->reads_postponed),
        "Reads of connections not signed in that waited for a turn with fewer signatures.");
    put(out, "received_bytes_total", "counter", load(&counters->bytes_received), "Bytes received.");
    put_websockets(out, counters);
    put_http(out, counters);
}

void metrics_get(struct exchange *exchange)
{
    const struct api *api = exchange_owner(exchange);
    struct node_stats stats;
    struct strbuf text;

    node_stats(api->node, &stats);
    strbuf_init(&text, METRICS_SIZE_MAX);
    put_sessions(&text, &stats);
    put_events(&text, &stats);
    if (stats.bus != BUS_NONE)
        put_redis(&text, &stats, exchange_now(exchange).wall_ms);
    put_refused(&text, &stats);
    put_latency(&text, "delivery_latency_seconds", &stats.latency,
                "From an event's acceptance until it was queued to its live receivers of one "
                "worker; counts deliveries, replays excepted.");
    put_latency(&text, "enforcement_latency_seconds", &stats.enforcement,
                "From an event that withdraws, wherever it was accepted, until every worker of "
                "this instance has applied it; once an event.");
    put_lag(&text, api->node, stats.workers);
    put_memory(&text, &stats);
    put_closes(&text, &stats);
    put_net(&text, api->net);
    put(&text, "workers", "gauge", stats.workers, "Event loops.");
    put(&text, "connections_max", "gauge", node_max_connections(api->node),
        "WEBSOCKET_MAX_CONNECTIONS.");
    put_head(&text, "start_time_seconds", "gauge", "When the server started, in Unix time.");
    strbuf_printf(&text, PREFIX "start_time_seconds %lld.%03lld\n",
                  (long long)stats.started_wall_ms / 1000, (long long)stats.started_wall_ms % 1000);
    if (text.error)
        exchange_refuse(exchange, ERROR_OVERLOADED, (struct bytes){0}, NULL, 1000);
    else
        exchange_answer(exchange, 200, "text/plain; version=0.0.4; charset=utf-8",
                        (struct bytes){0}, strbuf_bytes(&text));
    strbuf_done(&text);
}
