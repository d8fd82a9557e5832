/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.c: GET /metrics: the counters as Prometheus text (format 0.0.4). */
#include "api/api.h"
#include "net/exchange.h"

#define METRICS_SIZE_MAX 32768u
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
        "WebSocket connections that are signed in.");
    put(out, "connections_waiting", "gauge", stats->waiting_connections,
        "WebSocket connections that have not signed in yet.");
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
    put(out, "frame_log_bytes", "gauge", stats->frame_log_bytes,
        "Bytes of frames kept for clients that have not read them yet.");
}

static void put_events(struct strbuf *out, const struct node_stats *stats)
{
    put(out, "events_published_total", "counter", stats->events_published, "Events accepted.");
    put(out, "events_duplicate_total", "counter", stats->events_duplicate,
        "Events whose id was there already.");
    put(out, "events_refused_total", "counter", stats->publish_refused,
        "Events refused by a limit or a conflict.");
    put(out, "security_events_total", "counter", stats->security_events,
        "Events of the security family.");
    put(out, "effects_total", "counter", stats->effects, "Events that took authority away.");
    put(out, "fences", "gauge", stats->fences, "Fences in force.");
    put(out, "history_events", "gauge", stats->history_events, "Events kept for resuming.");
    put(out, "history_bytes", "gauge", stats->history_bytes, "Bytes of the events kept.");
    put(out, "backlog_events", "gauge", stats->backlog, "Events accepted and not yet announced.");
    put(out, "bus_ok", "gauge", stats->bus != BUS_DEGRADED, "0 while the bus is unavailable.");
}

static void put_closes(struct strbuf *out, const struct node_stats *stats)
{
    put_head(out, "closes_total", "counter", "Sessions closed by the server, by code and reason.");
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

static void put_net(struct strbuf *out, const struct net_config *net)
{
    const struct net_counters *counters = net->counters;
    long long open = atomic_load_explicit(&counters->open, memory_order_relaxed);

    put(out, "sockets_open", "gauge", open > 0 ? (unsigned long long)open : 0,
        "Accepted sockets of any kind.");
    put(out, "sockets_unauthenticated", "gauge", admission_count(net->admission),
        "Sockets that have not shown who they are.");
    put(out, "sockets_accepted_total", "counter", load(&counters->accepted), "Sockets accepted.");
    put(out, "sockets_refused_total", "counter", load(&counters->refused),
        "Sockets refused because too many were not signed in.");
    put(out, "accept_pauses_total", "counter", load(&counters->accept_pauses),
        "Times accepting paused for want of descriptors or memory.");
    put(out, "socket_timeouts_total", "counter", load(&counters->timeouts),
        "Sockets closed because they were too slow.");
    put(out, "sent_bytes_total", "counter", load(&counters->bytes_sent), "Bytes sent.");
    put(out, "received_bytes_total", "counter", load(&counters->bytes_received), "Bytes received.");
    put(out, "upgrades_total", "counter", load(&counters->upgrades), "WebSocket handshakes done.");
    put(out, "http_requests_total", "counter", load(&counters->requests), "HTTP requests.");
    put_head(out, "http_answers_total", "counter", "HTTP answers by class of status.");
    for (unsigned i = 2; i < ARRAY_COUNT(counters->answers); i++)
        strbuf_printf(out, PREFIX "http_answers_total{status=\"%uxx\"} %llu\n", i,
                      load(&counters->answers[i]));
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
