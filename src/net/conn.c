/* SPDX-License-Identifier: Apache-2.0 */
/* conn.c: a connection's states, the one function that moves it between them, birth and end. */
#include "net/conn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mcp_auth/error.h"

static const unsigned conn_may_become[CONN_STATES] = {
    [CONN_HEAD] = BIT(CONN_BODY) | BIT(CONN_BUSY) | BIT(CONN_REPLY) | BIT(CONN_OPEN) |
                  BIT(CONN_CLOSING) | BIT(CONN_CLOSED),
    [CONN_BODY] = BIT(CONN_BUSY) | BIT(CONN_REPLY) | BIT(CONN_CLOSED),
    [CONN_BUSY] = BIT(CONN_REPLY) | BIT(CONN_OPEN) | BIT(CONN_CLOSED),
    [CONN_REPLY] = BIT(CONN_HEAD) | BIT(CONN_IDLE) | BIT(CONN_LINGER) | BIT(CONN_CLOSED),
    [CONN_IDLE] = BIT(CONN_HEAD) | BIT(CONN_CLOSED),
    [CONN_OPEN] = BIT(CONN_CLOSING) | BIT(CONN_CLOSED),
    [CONN_CLOSING] = BIT(CONN_LINGER) | BIT(CONN_CLOSED),
    [CONN_LINGER] = BIT(CONN_CLOSED),
};

/* 0: the state has no deadline of ours. The hub keeps those of an open session. */
static const int conn_timeout_ms[CONN_STATES] = {
    [CONN_HEAD] = HTTP_HEAD_MS,       [CONN_BODY] = HTTP_BODY_MS,     [CONN_BUSY] = HTTP_ANSWER_MS,
    [CONN_REPLY] = HTTP_REPLY_MS,     [CONN_IDLE] = HTTP_IDLE_MS,     [CONN_OPEN] = 0,
    [CONN_CLOSING] = CLOSE_LINGER_MS, [CONN_LINGER] = HTTP_LINGER_MS, [CONN_CLOSED] = 0,
};

/* Which events of the socket a state waits for besides its output. While an answer is awaited or
 * leaves, nothing is read: that is how a peer that sends without reading is held back. */
static uint32_t wanted_events(const struct conn *conn)
{
    const unsigned reading = BIT(CONN_HEAD) | BIT(CONN_BODY) | BIT(CONN_IDLE) | BIT(CONN_OPEN) |
                             BIT(CONN_CLOSING) | BIT(CONN_LINGER);
    uint32_t events = reading & BIT(conn->state) ? EPOLLIN : 0;

    return conn->blocked ? events | conn->stream.blocked_on : events;
}

static void watch_as_wanted(struct conn *conn)
{
    uint32_t events = wanted_events(conn);

    if (conn->state == CONN_CLOSED)
        return;
    /* Most who wait for an answer send nothing meanwhile: reading is turned off by the first byte
     * of one that does (conn_ready), which saves the others two system calls a request. */
    if (BIT(conn->state) & (BIT(CONN_BUSY) | BIT(CONN_REPLY)))
        events |= conn->watch.mask & EPOLLIN;
    loop_change(conn->net->loop, &conn->watch, events);
}

/* Each list is in order of deadline, so that what is due is at its head. A state's deadlines are
 * all equally far away, so the place is the end, except for the few that got less time. */
static void list_by_deadline(struct list *head, struct conn *conn)
{
    struct list *before = head->prev;

    while (before != head &&
           container_of(before, struct conn, in_state)->deadline_ms > conn->deadline_ms)
        before = before->prev;
    conn->in_state.prev = before;
    conn->in_state.next = before->next;
    before->next->prev = &conn->in_state;
    before->next = &conn->in_state;
}

void conn_become_within(struct conn *conn, enum conn_state next, int64_t timeout_ms)
{
    struct net *net = conn->net;

    assert(conn_may_become[conn->state] & BIT(next));
    assert(timeout_ms >= 0);
    list_unlink(&conn->in_state);
    conn->state = (uint8_t)next;
    conn->deadline_ms = conn_timeout_ms[next] > 0 ? net->now.mono_ms + timeout_ms : INT64_MAX;
    list_by_deadline(&net->states[next], conn);
    watch_as_wanted(conn);
}

void conn_become(struct conn *conn, enum conn_state next)
{
    conn_become_within(conn, next, conn_timeout_ms[next]);
}

void conn_close(struct conn *conn)
{
    if (conn->state == CONN_CLOSED) /* closing twice is fine */
        return;
    if (conn->state == CONN_OPEN && !conn->streams)
        conn_ws_lost(conn);
    loop_unwatch(conn->net->loop, &conn->watch);
    list_unlink(&conn->in_flush);
    list_unlink(&conn->in_again);
    conn_become(conn, CONN_CLOSED);
}

void conn_free(struct conn *conn)
{
    struct net *net = conn->net;

    assert(!watch_is_on(&conn->watch));
    if (conn->session)
        hub_disconnect(conn->session);
    exchange_free(conn->exchange);
    ws_reader_done(&conn->reader);
    admission_leave(net->config->admission, &conn->place);
    stream_close(&conn->stream);
    list_unlink(&conn->in_state);
    list_unlink(&conn->in_flush);
    list_unlink(&conn->in_again);
    free(conn->out);
    free(conn->pong);
    free(conn);
    net->freed = true;
    net->count--;
    atomic_fetch_sub_explicit(&net->config->counters->open, 1, memory_order_relaxed);
}

void conn_wants_flush(struct conn *conn)
{
    if (conn->state != CONN_CLOSED && !conn->blocked && list_empty(&conn->in_flush))
        list_append(&conn->net->flush, &conn->in_flush);
}

void conn_wants_again(struct conn *conn)
{
    if (conn->state != CONN_CLOSED && list_empty(&conn->in_again))
        list_append(&conn->net->again, &conn->in_again);
}

void conn_read_again(struct conn *conn)
{
    switch ((enum conn_state)conn->state) {
    case CONN_HEAD:
    case CONN_BODY:
    case CONN_IDLE:
        conn_http_ready(conn);
        return;
    case CONN_OPEN:
    case CONN_CLOSING:
        if (conn->streams)
            conn_stream_ready(conn);
        else
            conn_ws_ready(conn);
        return;
    case CONN_LINGER:
        conn_linger_ready(conn);
        return;
    case CONN_BUSY:
    case CONN_REPLY:
    case CONN_CLOSED:
    case CONN_STATES:
        return;
    }
}

static void conn_ready(struct watch *watch, uint32_t events)
{
    struct conn *conn = container_of(watch, struct conn, watch);

    (void)net_begin(conn->net); /* may close sessions, this one's too */
    if (conn->state == CONN_CLOSED)
        return;
    if (conn->blocked && events & (conn->stream.blocked_on | EPOLLERR | EPOLLHUP)) {
        conn->blocked = false;
        watch_as_wanted(conn);
        conn_wants_flush(conn);
    }
    if (conn->state == CONN_BUSY || conn->state == CONN_REPLY) {
        if (events & (EPOLLERR | EPOLLHUP)) /* nobody is there for the answer */
            conn_close(conn);
        else
            loop_change(conn->net->loop, &conn->watch, wanted_events(conn));
        return;
    }
    /* What it sent before is looked at first, at the end of this turn: nothing is read on top. */
    if (!list_empty(&conn->in_again) && !(events & (EPOLLERR | EPOLLHUP)))
        return;
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        conn_read_again(conn);
}

size_t conn_read(struct conn *conn)
{
    struct net *net = conn->net;
    ssize_t size = stream_read(&conn->stream, net->buffer, sizeof net->buffer);

    if (size > 0) {
        atomic_fetch_add_explicit(&net->config->counters->bytes_received, (unsigned long long)size,
                                  memory_order_relaxed);
        if (stream_holds(&conn->stream))
            conn_wants_again(conn);
        return (size_t)size;
    }
    if (size != STREAM_WOULD_BLOCK)
        conn_close(conn);
    return 0;
}

int conn_put(struct conn *conn, struct bytes bytes)
{
    size_t waiting = conn->out_size - conn->out_at;
    char *data;

    if (bytes.size > UINT32_MAX - waiting)
        return MCP_AUTH_E_TOO_BIG;
    data = malloc(waiting + bytes.size);
    if (!data)
        return MCP_AUTH_E_NOMEM;
    if (waiting > 0)
        memcpy(data, conn->out + conn->out_at, waiting);
    memcpy(data + waiting, bytes.data, bytes.size);
    free(conn->out);
    conn->out = data;
    conn->out_size = (uint32_t)(waiting + bytes.size);
    conn->out_at = 0;
    conn_wants_flush(conn);
    return 0;
}

void conn_give(struct conn *conn, char *data, size_t size)
{
    assert(!conn->out && size > 0 && size <= UINT32_MAX);
    conn->out = data;
    conn->out_size = (uint32_t)size;
    conn->out_at = 0;
    conn_wants_flush(conn);
}

/* Our own bytes. True when they have left. */
static bool out_flush(struct conn *conn)
{
    while (conn->out) {
        ssize_t size =
            stream_write(&conn->stream, conn->out + conn->out_at, conn->out_size - conn->out_at);

        if (size == STREAM_WOULD_BLOCK) {
            conn->blocked = true;
            watch_as_wanted(conn);
            return false;
        }
        if (size < 0) {
            conn_close(conn);
            return false;
        }
        atomic_fetch_add_explicit(&conn->net->config->counters->bytes_sent,
                                  (unsigned long long)size, memory_order_relaxed);
        conn->out_at += (uint32_t)size;
        if (conn->out_at == conn->out_size) {
            free(conn->out);
            conn->out = NULL;
            conn->out_size = conn->out_at = 0;
        }
    }
    return true;
}

void conn_flush(struct conn *conn)
{
    assert(!conn->blocked && conn->state != CONN_CLOSED);
    if (!out_flush(conn))
        return;
    switch ((enum conn_state)conn->state) {
    case CONN_REPLY:
        conn_http_sent(conn);
        return;
    case CONN_OPEN:
        if (conn_ws_flush(conn)) /* perhaps with a pong in `out` */
            (void)out_flush(conn);
        return;
    case CONN_CLOSING:
        if (!conn_ws_flush(conn))
            return;
        if (conn->streams) {
            conn_stream_end(conn);
            return;
        }
        if (!conn->close_sent) {
            conn_put_close_frame(conn);
            if (conn->state == CONN_CLOSED || !out_flush(conn))
                return;
        }
        if (conn->close_seen)
            conn_finish(conn);
        return; /* else the peer's is awaited (RFC 6455 section 7.1.1), until the deadline */
    default:
        return; /* a 100 Continue has left */
    }
}

void conn_expire(struct conn *conn)
{
    atomic_fetch_add_explicit(&conn->net->config->counters->timeouts, 1, memory_order_relaxed);
    if (conn->state == CONN_HEAD || conn->state == CONN_BODY || conn->state == CONN_BUSY)
        conn_http_expire(conn);
    else
        conn_close(conn);
}

void conn_log(const struct conn *conn, enum log_level level, const char *words, const char *why)
{
    char text[PEER_TEXT_SIZE];

    log_write(level, words, LOG_TEXT("peer", peer_text(&conn->peer, text)),
              LOG_TEXT("why", bytes_of(why)));
}

struct bytes conn_outlet_address(struct outlet *outlet, char ret[OUTLET_ADDRESS_SIZE])
{
    _Static_assert(PEER_TEXT_SIZE <= OUTLET_ADDRESS_SIZE, "an address fits");

    return peer_text(&container_of(outlet, struct conn, outlet)->peer, ret);
}

/* A word to somebody who finds no place, as far as the socket takes it at once. */
static void turn_away(struct net *net, int fd, const struct peer *peer)
{
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
                                 "Retry-After: 5\r\nContent-Length: 0\r\n\r\n";
    char text[PEER_TEXT_SIZE];
    struct bytes address = peer_text(peer, text);

    (void)!send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
    atomic_fetch_add_explicit(&net->config->counters->refused, 1, memory_order_relaxed);
    log_write(LOG_WARNING, "connection refused: too many that have not signed in",
              LOG_TEXT("peer", address));
}

void conn_accept(struct net *net, int fd, const struct sockaddr_storage *address)
{
    struct admission_place place = {0};
    struct conn *conn;
    struct peer peer;

    peer_init(&peer, address);
    if (net->draining) {
        atomic_fetch_add_explicit(&net->config->counters->refused_draining, 1,
                                  memory_order_relaxed);
        close(fd);
        return;
    }
    if (!admission_enter(net->config->admission, &peer, &place)) {
        turn_away(net, fd, &peer);
        return;
    }
    conn = calloc(1, sizeof *conn);
    if (!conn) {
        admission_leave(net->config->admission, &place);
        atomic_fetch_add_explicit(&net->config->counters->refused_no_memory, 1,
                                  memory_order_relaxed);
        close(fd);
        return;
    }
    conn->net = net;
    conn->place = place;
    conn->peer = peer;
    conn->state = CONN_HEAD;
    conn->deadline_ms = net->now.mono_ms + HTTP_HEAD_MS;
    list_init(&conn->in_state);
    list_init(&conn->in_flush);
    list_init(&conn->in_again);
    stream_plain_init(&conn->stream, fd);
    net->count++;
    atomic_fetch_add_explicit(&net->config->counters->open, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&net->config->counters->accepted, 1, memory_order_relaxed);
    conn->watch = (struct watch){.fd = fd, .ready = conn_ready};
    if (loop_watch(net->loop, &conn->watch, EPOLLIN) < 0) {
        conn_free(conn);
        return;
    }
    list_by_deadline(&net->states[CONN_HEAD], conn);
}
