/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.c: answers one request, now or later, and lets go of it. */
#include "net/exchange.h"

#include <assert.h>
#include <stdlib.h>

#include "codec/http_response.h"
#include "mcp_auth/error.h"
#include "net/conn.h"
#include "net/cors.h"

int exchange_new(struct exchange **ret, struct conn *conn)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);

    if (!exchange)
        return MCP_AUTH_E_NOMEM;
    exchange->conn = conn;
    strbuf_init_secret(&exchange->in, HTTP_HEAD_SIZE_MAX + READ_BUFFER_SIZE);
    strbuf_init_secret(&exchange->rest, HTTP_HEAD_SIZE_MAX + READ_BUFFER_SIZE);
    strbuf_init(&exchange->content, 0);
    *ret = exchange;
    return 0;
}

void exchange_free(struct exchange *exchange)
{
    if (!exchange)
        return;
    slots_remove(&conn_net(exchange->conn)->exchanges, exchange->handle);
    if (exchange->counts_as_body)
        conn_net(exchange->conn)->bodies--;
    if (exchange->taken)
        exchange->taken_free(exchange->taken);
    identity_unref(exchange->identity);
    cors_done(exchange);
    strbuf_done(&exchange->in);
    strbuf_done(&exchange->rest);
    strbuf_done(&exchange->content);
    free(exchange);
}

struct net *exchange_net(const struct exchange *exchange)
{
    return conn_net(exchange->conn);
}

void *exchange_owner(const struct exchange *exchange)
{
    return conn_net(exchange->conn)->config->owner;
}

struct now exchange_now(const struct exchange *exchange)
{
    return conn_net(exchange->conn)->now;
}

int exchange_later(struct exchange *exchange, slot_handle *ret)
{
    int r;

    assert(exchange->handle == 0 && !exchange->answered);
    r = slots_put(&conn_net(exchange->conn)->exchanges, exchange, &exchange->handle);
    if (r >= 0)
        *ret = exchange->handle;
    return r;
}

struct exchange *exchange_find(struct net *net, slot_handle handle)
{
    struct exchange *exchange = slots_get(&net->exchanges, handle);

    if (!exchange || exchange->answered || exchange->conn->state == CONN_CLOSED)
        return NULL;
    return exchange;
}

void exchange_put_headers(const struct exchange *exchange, struct strbuf *out)
{
    strbuf_puts(out, "X-Content-Type-Options: nosniff\r\n");
    cors_put(exchange, out);
}

static void answer_compose(struct strbuf *out, const struct exchange *exchange, int status,
                           const char *content_type, struct bytes headers, struct bytes body)
{
    struct strbuf all;

    strbuf_init(&all, ANSWER_HEAD_MAX);
    exchange_put_headers(exchange, &all);
    strbuf_put_bytes(&all, headers);
    if (all.error)
        out->error = all.error; /* sticky: the caller checks once */
    http_response_head(out, status, conn_net(exchange->conn)->now.wall_ms, content_type, body.size,
                       exchange->keep_alive, strbuf_bytes(&all));
    strbuf_done(&all);
    if (exchange->request.method != HTTP_HEAD) /* RFC 9110 section 9.3.2 */
        strbuf_put_bytes(out, body);
}

void exchange_answer(struct exchange *exchange, int status, const char *content_type,
                     struct bytes headers, struct bytes body)
{
    struct conn *conn = exchange->conn;
    struct net_counters *counters = conn_net(conn)->config->counters;
    struct strbuf out;
    size_t size;
    char *data;

    assert(!exchange->answered && status >= 200 && status <= 599);
    exchange->answered = true;
    if (conn_net(conn)->draining)
        exchange->keep_alive = false;
    conn->work->finish = !exchange->keep_alive;
    atomic_fetch_add_explicit(&counters->answers[status / 100], 1, memory_order_relaxed);

    strbuf_init(&out, ANSWER_HEAD_MAX + 512 + body.size);
    answer_compose(&out, exchange, status, content_type, headers, body);
    data = strbuf_steal(&out, &size);
    if (!data) {
        strbuf_done(&out);
        conn_close(conn);
        return;
    }
    if (conn->work->out) { /* a 100 Continue that has not left yet */
        int r = conn_put(conn, (struct bytes){data, size});

        free(data);
        if (r < 0) {
            conn_close(conn);
            return;
        }
    } else {
        conn_give(conn, data, size);
    }
    conn_become(conn, CONN_REPLY);
}

void exchange_hang_up(struct exchange *exchange)
{
    assert(!exchange->answered);
    exchange->answered = true;
    conn_close(exchange->conn);
}

void exchange_answer_json(struct exchange *exchange, int status, struct bytes headers,
                          struct strbuf *json)
{
    if (json->error)
        exchange_refuse(exchange, ERROR_OVERLOADED, (struct bytes){0}, NULL, 1000);
    else
        exchange_answer(exchange, status, "application/json", headers, strbuf_bytes(json));
    strbuf_done(json);
}

void exchange_refuse_with(struct exchange *exchange, enum error_code code, struct bytes message,
                          const struct refusal_details *details, struct bytes headers)
{
    struct net_counters *counters = conn_net(exchange->conn)->config->counters;
    struct strbuf json;

    atomic_fetch_add_explicit(&counters->refusals[code], 1, memory_order_relaxed);
    strbuf_init(&json, REFUSAL_SIZE_MAX);
    refusal_write(&json, code, message, details);
    exchange_answer(exchange, error_code_status(code), "application/json", headers,
                    json.error ? (struct bytes){0} : strbuf_bytes(&json));
    strbuf_done(&json);
}

void exchange_refuse(struct exchange *exchange, enum error_code code, struct bytes message,
                     const struct refusal_details *details, int64_t retry_after_ms)
{
    struct strbuf header;

    strbuf_init(&header, 64);
    if (retry_after_ms >= 0) /* whole seconds (RFC 9110 section 10.2.3), never too early */
        strbuf_printf(&header, "Retry-After: %lld\r\n", (long long)((retry_after_ms + 999) / 1000));
    exchange_refuse_with(exchange, code, message, details,
                         header.error ? (struct bytes){0} : strbuf_bytes(&header));
    strbuf_done(&header);
}
