/* SPDX-License-Identifier: Apache-2.0 */
/* health.c: GET /healthz, GET /readyz: alive; and ready for clients, or why not. */
#include "api/api.h"
#include "codec/json.h"
#include "model/limits.h"
#include "net/exchange.h"

void health_get(struct exchange *exchange)
{
    exchange_answer(exchange, 200, "application/json", (struct bytes){0},
                    BYTES("{\"status\":\"ok\"}"));
}

static void put_reason(struct strbuf *out, bool *some, const char *text)
{
    if (*some)
        strbuf_putc(out, ',');
    *some = true;
    json_put_string(out, bytes_of(text));
}

/* Appends the reasons as an array. */
static void put_reasons(struct strbuf *out, const struct api *api, const struct exchange *exchange,
                        const struct node_stats *stats)
{
    bool some = false;

    strbuf_putc(out, '[');
    if (stats->bus == BUS_DEGRADED)
        put_reason(out, &some, "Redis unavailable"); /* these very words (R102) */
    if (stats->redis.isolated)
        put_reason(out, &some, "MCP_AUTH_MAX_ISOLATION reached");
    if (net_is_draining(exchange_net(exchange)))
        put_reason(out, &some, "shutting down");
    if (net_is_pausing(exchange_net(exchange)))
        put_reason(out, &some, "out of file descriptors");
    if (stats->keys_awaited > 0)
        put_reason(out, &some, "signing keys not fetched yet: their issuer's tokens are refused");
    if (stats->active_connections >= node_max_connections(api->node))
        put_reason(out, &some, "WEBSOCKET_MAX_CONNECTIONS reached");
    strbuf_putc(out, ']');
}

/* Without its bus an instance still serves who is here (R74): a reason, not a refusal, unless it
 * was set to serve nobody then. So is an issuer whose keys have not come, as long as there are
 * others'. */
static bool is_ready(const struct api *api, const struct exchange *exchange,
                     const struct node_stats *stats)
{
    return !net_is_draining(exchange_net(exchange)) && !net_is_pausing(exchange_net(exchange)) &&
           !stats->redis.isolated && stats->active_connections < node_max_connections(api->node) &&
           (stats->keys_awaited == 0 || stats->keys > 0);
}

void ready_get(struct exchange *exchange)
{
    const struct api *api = exchange_owner(exchange);
    struct node_stats stats;
    struct strbuf json, reasons;
    bool ready;

    node_stats(api->node, &stats);
    strbuf_init(&json, 4096);
    strbuf_init(&reasons, 2048);
    put_reasons(&reasons, api, exchange, &stats);
    ready = is_ready(api, exchange, &stats);
    strbuf_puts(&json, ready ? "{\"status\":\"ready\"" : "{\"status\":\"not ready\"");
    if (exchange->is_local || exchange->has_api_key) {
        static const char *const bus[] = {"ok", "degraded", "none"};

        strbuf_puts(&json, ",\"reasons\":");
        strbuf_put_bytes(&json, strbuf_bytes(&reasons));
        json_put_name(&json, "bus");
        json_put_string(&json, bytes_of(bus[stats.bus]));
        json_put_name(&json, "workers");
        json_put_int(&json, stats.workers);
    }
    strbuf_putc(&json, '}');
    if (reasons.error)
        json.error = reasons.error;
    strbuf_done(&reasons);
    exchange_answer_json(exchange, ready ? 200 : 503, (struct bytes){0}, &json);
}
