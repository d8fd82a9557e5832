/* SPDX-License-Identifier: Apache-2.0 */
/* conn_stream.c: an answer that does not end: the session's output as server-sent events. */
#include <assert.h>

#include "codec/http_response.h"
#include "mcp_auth/error.h"
#include "net/conn.h"

/* The body ends with the connection (RFC 9112 section 6.3), which frames of any size may share with
 * all others of their form. No proxy shall wait for more of it. */
static int put_head(struct exchange *exchange)
{
    struct conn *conn = exchange->conn;
    struct strbuf out, headers;
    int r;

    strbuf_init(&out, ANSWER_HEAD_MAX + 512);
    strbuf_init(&headers, ANSWER_HEAD_MAX);
    exchange_put_headers(exchange, &headers);
    strbuf_puts(&headers, "X-Accel-Buffering: no\r\n");
    r = headers.error;
    if (r == 0)
        http_response_head(&out, 200, conn_net(conn)->now.wall_ms, "text/event-stream",
                           HTTP_LENGTH_UNKNOWN, false, strbuf_bytes(&headers));
    if (r == 0)
        r = out.error ? out.error : conn_put(conn, strbuf_bytes(&out));
    strbuf_done(&headers);
    strbuf_done(&out);
    return r;
}

static void outlet_wake(struct outlet *outlet)
{
    conn_wants_flush(container_of(outlet, struct conn, outlet));
}

/* The session's last frame says why. */
static void outlet_close(struct outlet *outlet, enum close_reason reason __attribute__((unused)),
                         int64_t linger_ms)
{
    struct conn *conn = container_of(outlet, struct conn, outlet);

    if (conn->state != CONN_OPEN)
        return;
    if (!conn_need_work(conn)) {
        conn_close(conn);
        return;
    }
    conn_become_within(conn, CONN_CLOSING,
                       linger_ms < 0                 ? 0
                       : linger_ms > CLOSE_LINGER_MS ? CLOSE_LINGER_MS
                                                     : linger_ms);
    conn_wants_flush(conn);
}

static const struct outlet_operations stream_operations = {
    .wake = outlet_wake,
    .close = outlet_close,
    .address = conn_outlet_address,
};

static void open_session(struct exchange *exchange, struct filter *filter, struct bytes position)
{
    struct conn *conn = exchange->conn;
    struct identity *identity = exchange->identity;
    struct session *session;

    exchange->identity = NULL; /* the session's now */
    conn->streams = true;
    conn->outlet.operations = &stream_operations;
    conn_become(conn, CONN_OPEN); /* before the session is there: it may close at once */
    if (hub_connect_stream(conn_net(conn)->hub, &conn->outlet, identity, filter, position,
                           &session) < 0) {
        conn_close(conn);
        return;
    }
    conn->session = session;
    conn->work->exchange = NULL;
    exchange_free(exchange);
}

void exchange_stream(struct exchange *exchange, struct filter *filter, struct bytes position)
{
    struct conn *conn = exchange->conn;

    assert(!exchange->answered && exchange->identity);
    exchange->answered = true;
    atomic_fetch_add_explicit(&conn_net(conn)->config->counters->answers[2], 1,
                              memory_order_relaxed);
    if (put_head(exchange) < 0) {
        filter_free(filter);
        conn_close(conn);
        return;
    }
    if (exchange->request.method == HTTP_HEAD) {
        filter_free(filter);
        conn->work->finish = true;
        conn_become(conn, CONN_REPLY);
        return;
    }
    open_session(exchange, filter, position);
}

/* Nothing is expected, and a little is thrown away. The peer's end closes. */
void conn_stream_ready(struct conn *conn)
{
    size_t size = conn_read(conn);
    struct conn_work *work;

    if (size == 0)
        return;
    work = conn_need_work(conn); /* it counts, from the first byte to the end */
    if (work)
        work->reading.quiet_bytes += (uint32_t)size;
    if (!work || work->reading.quiet_bytes > READ_BUFFER_SIZE)
        conn_close(conn);
}

void conn_stream_end(struct conn *conn)
{
    if (conn->session) {
        hub_disconnect(conn->session);
        conn->session = NULL;
    }
    conn_finish(conn);
}
