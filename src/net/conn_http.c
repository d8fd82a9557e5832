/* SPDX-License-Identifier: Apache-2.0 */
/* conn_http.c: collects a request from what arrives, hands it to its handler, and goes on. */
#include <assert.h>

#include "mcp_auth/error.h"
#include "net/conn.h"

/* Every byte that is thrown away with an answer makes the rest of the stream meaningless. */
static void refuse_and_finish(struct exchange *exchange, enum error_code code, const char *why)
{
    exchange->keep_alive = false;
    exchange_refuse(exchange, code, bytes_of(why), NULL, -1);
}

/* Bytes not yet read of what has been kept. */
static struct bytes kept(const struct exchange *exchange)
{
    return (struct bytes){exchange->in.data + exchange->in_at, exchange->in.size - exchange->in_at};
}

/* What came behind is the next request's: it is read when this one is answered, so that the
 * answers are in order (RFC 9112 section 9.3.2). Of many requests that came together it stays where
 * it stands: moving it for each of them would cost the square of their number. */
static bool keep_rest(struct exchange *exchange, struct bytes rest)
{
    const struct strbuf *in = &exchange->in;

    if (rest.size > 0 && in->size > 0 && rest.data + rest.size == in->data + in->size) {
        exchange->rest_at = in->size - rest.size;
        return true;
    }
    strbuf_put_bytes(&exchange->rest, rest);
    if (!exchange->rest.error)
        return true;
    conn_close(exchange->conn);
    return false;
}

static void handle(struct exchange *exchange, struct bytes rest)
{
    struct conn *conn = exchange->conn;

    if (exchange->counts_as_body) {
        exchange->counts_as_body = false;
        conn_net(conn)->bodies--;
    }
    if (!keep_rest(exchange, rest))
        return;
    exchange->keep_alive = exchange->request.keep_alive && !exchange->request.http_1_0;
    exchange->body = strbuf_bytes(&exchange->content);
    if (conn->state == CONN_BODY && !request_readmit(exchange))
        return;
    conn_become(conn, CONN_BUSY);
    exchange->route->handle(exchange);
}

static void body_feed(struct exchange *exchange, struct bytes input)
{
    const char *why = NULL;
    size_t used = 0;
    int r;

    r = http_body_feed(&exchange->decoder, input, &exchange->content, &used, &why);
    if (r >= 0 && exchange->decoder.total > exchange->route->body_max)
        r = -413; /* the handler took some of it, so that `content` alone does not tell */
    if (r == -413)
        refuse_and_finish(exchange, exchange->route->body_too_large, NULL);
    else if (r < 0)
        refuse_and_finish(exchange, refusal_code(-r), why);
    else if (r > 0)
        handle(exchange, (struct bytes){input.data + used, input.size - used});
    else if (exchange->route->body_arrives)
        exchange->route->body_arrives(exchange);
}

/* The body is still on its way, so the head must stay: the worker's buffer is for the next. */
static int keep_head(struct exchange *exchange, struct bytes head)
{
    const char *why;
    int r;

    if (exchange->in.size == 0)
        strbuf_put_bytes(&exchange->in, head);
    else /* it is there already, and then some of the body */
        exchange->in.size = exchange->in_at + head.size;
    if (exchange->in.error)
        return exchange->in.error;
    exchange->seen = 0;
    r = http_request_parse(kept(exchange), &exchange->seen, &exchange->request, &why);
    assert(r == (int)head.size); /* it was whole and good before */
    (void)r;
    return 0;
}

static void body_begin(struct exchange *exchange, struct bytes head, struct bytes rest)
{
    static const struct bytes go_on = {"HTTP/1.1 100 Continue\r\n\r\n", 25};
    struct conn *conn = exchange->conn;
    bool wants_word = exchange->request.expect_continue && !exchange->request.http_1_0;

    http_body_init(&exchange->decoder, &exchange->request);
    strbuf_init(&exchange->content, exchange->route->body_max);
    if (conn_net(conn)->bodies >= HTTP_BODIES_MAX) {
        exchange->keep_alive = false;
        exchange_refuse(exchange, ERROR_OVERLOADED, (struct bytes){0}, NULL, 1000);
        return;
    }
    conn_net(conn)->bodies++;
    exchange->counts_as_body = true;
    conn_become(conn, CONN_BODY);
    body_feed(exchange, rest);
    if (conn->state != CONN_BODY)
        return;
    if (keep_head(exchange, head) < 0) {
        conn_close(conn);
        return;
    }
    /* RFC 9110 section 10.1.1: not when some of the content has already come. */
    if (wants_word && rest.size == 0 && conn_put(conn, go_on) < 0)
        conn_close(conn);
}

/* Reads what is there of a head; `input` is exchange->in, or all that has come so far. */
static void head_take(struct exchange *exchange, struct bytes input)
{
    struct conn *conn = exchange->conn;
    struct bytes head, rest;
    const char *why = NULL;
    int r;

    r = http_request_parse(input, &exchange->seen, &exchange->request, &why);
    if (r == 0) {
        if (exchange->in.size == 0)
            strbuf_put_bytes(&exchange->in, input);
        if (exchange->in.error)
            conn_close(conn);
        return;
    }
    atomic_fetch_add_explicit(&conn_net(conn)->config->counters->requests, 1, memory_order_relaxed);
    if (r < 0) {
        refuse_and_finish(exchange, refusal_code(-r), why);
        return;
    }
    head = (struct bytes){input.data, (size_t)r};
    rest = (struct bytes){input.data + r, input.size - (size_t)r};
    if (!request_admit(exchange))
        (void)keep_rest(exchange, rest); /* for the case that the connection is kept */
    else if (!exchange->route->handle)
        conn_upgrade(exchange, rest);
    else if (exchange->request.chunked || exchange->request.content_length > 0)
        body_begin(exchange, head, rest);
    else
        handle(exchange, rest);
}

static void head_feed(struct conn *conn, struct bytes input)
{
    if (!conn->work->exchange) {
        if (exchange_new(&conn->work->exchange, conn) < 0) {
            conn_close(conn);
            return;
        }
        if (conn->state == CONN_IDLE)
            conn_become(conn, CONN_HEAD);
    }
    if (conn->work->exchange->in.size > 0) {
        strbuf_drop_front(&conn->work->exchange->in, conn->work->exchange->in_at);
        conn->work->exchange->in_at = 0;
        strbuf_put_bytes(&conn->work->exchange->in, input);
        if (conn->work->exchange->in.error) {
            conn_close(conn);
            return;
        }
        input = kept(conn->work->exchange);
    }
    head_take(conn->work->exchange, input);
}

void conn_http_ready(struct conn *conn)
{
    struct net *net = conn_net(conn);
    size_t size = conn_read(conn);
    struct bytes input = {net->buffer, size};

    if (size == 0)
        return;
    if (conn->state == CONN_BODY)
        body_feed(conn->work->exchange, input);
    else
        head_feed(conn, input);
    explicit_bzero(net->buffer, size); /* a token may have been in it */
}

void conn_http_again(struct conn *conn)
{
    assert(conn->state == CONN_HEAD && conn->work->exchange);
    if (conn->work->exchange->in.size > 0)
        head_take(conn->work->exchange, kept(conn->work->exchange));
    if (conn->state == CONN_HEAD && stream_holds(&conn->stream))
        conn_http_ready(conn);
}

/* What came behind the one that is done becomes what the next has to read. */
static void hand_on(struct exchange *done, struct exchange *next)
{
    struct strbuf *from = done->rest_at > 0 ? &done->in : &done->rest, nothing = next->in;

    next->in = *from;
    next->in_at = done->rest_at;
    *from = nothing;
}

void conn_http_sent(struct conn *conn)
{
    struct exchange *done = conn->work->exchange, *next = NULL;
    bool more = done->rest_at > 0 || done->rest.size > 0;

    if (conn->work->finish || conn_net(conn)->draining) {
        conn_finish(conn);
        return;
    }
    conn->work->exchange = NULL;
    if (more && exchange_new(&next, conn) >= 0)
        hand_on(done, next);
    if (more && !next) { /* no memory: its next request would be lost */
        exchange_free(done);
        conn_close(conn);
        return;
    }
    exchange_free(done);
    conn->work->exchange = next;
    if (next) {
        conn_become(conn, CONN_HEAD);
        conn_wants_again(conn);
    } else {
        conn_become(conn, CONN_IDLE);
    }
}

void conn_http_expire(struct conn *conn)
{
    struct exchange *exchange = conn->work->exchange;

    if (conn->state == CONN_HEAD && (!exchange || exchange->in.size == 0))
        conn_close(conn); /* it never began: nobody waits for an answer */
    else if (conn->state == CONN_BUSY)
        refuse_and_finish(exchange, ERROR_INTERNAL, "the answer did not come in time");
    else
        refuse_and_finish(exchange, ERROR_TIMEOUT, NULL);
}
