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
    loop_change(conn_net(conn)->loop, &conn->watch, events);
}

/* Each list is in order of deadline, so that what is due is at its head. A state's deadlines are
 * all equally far away, so the place is the end, except for the few that got less time. */
static void list_by_deadline(struct list *head, struct conn_work *work)
{
    struct list *before = head->prev;

    while (before != head &&
           container_of(before, struct conn_work, in_state)->deadline_ms > work->deadline_ms)
        before = before->prev;
    work->in_state.prev = before;
    work->in_state.next = before->next;
    before->next->prev = &work->in_state;
    before->next = &work->in_state;
}

void conn_become_within(struct conn *conn, enum conn_state next, int64_t timeout_ms)
{
    struct net *net = conn_net(conn);
    struct conn_work *work = conn->work;

    assert(conn_may_become[conn->state] & BIT(next));
    assert(timeout_ms >= 0 && (work || conn_timeout_ms[next] == 0));
    if (work)
        list_unlink(&work->in_state);
    conn->state = (uint8_t)next;
    if (conn_timeout_ms[next] > 0) {
        work->deadline_ms = net->now.mono_ms + timeout_ms;
        list_by_deadline(&net->states[next], work);
    }
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
    loop_unwatch(conn_net(conn)->loop, &conn->watch);
    if (conn->work)
        list_unlink(&conn->work->in_again);
    conn_become(conn, CONN_CLOSED);
    if (!conn->in_flush) /* else it is found there */
        conn_queue_push(&conn_net(conn)->closed, conn);
}

void conn_free(struct conn *conn)
{
    struct net *net = conn_net(conn);

    assert(!watch_is_on(&conn->watch) && !conn->in_flush && !conn->prompt);
    if (conn->session)
        hub_disconnect(conn->session);
    conn_work_free(conn->work);
    conn_leave_admission(conn);
    stream_close(&conn->stream);
    net->metrics_count -= conn->metrics;
    peer_note_give(&conn->peer, &net->far);
    slab_give(conn);
    net->freed = true;
    atomic_fetch_sub_explicit(&net->config->counters->open, 1, memory_order_relaxed);
}

/* Who said something waits for the answer and for nothing else; and an HTTP connection has nothing
 * but answers. */
static bool is_answer(const struct net *net, const struct conn *conn)
{
    return conn == net->reading || (conn->state != CONN_OPEN && conn->state != CONN_CLOSING);
}

void conn_wants_flush(struct conn *conn)
{
    struct net *net = conn_net(conn);

    if (conn->state == CONN_CLOSED || conn->blocked || conn->prompt)
        return;
    if (is_answer(net, conn) && net->prompt_count < PROMPT_MAX) {
        conn->prompt = true;
        net->prompt[net->prompt_count++] = conn;
    } else if (!conn->in_flush) {
        conn->in_flush = true;
        net->queued++;
        conn_queue_push(&net->flush, conn);
    }
}

void conn_wants_again(struct conn *conn)
{
    struct conn_work *work;

    if (conn->state == CONN_CLOSED)
        return;
    work = conn_need_work(conn);
    if (!work) /* what it holds would be forgotten */
        conn_close(conn);
    else if (list_empty(&work->in_again))
        list_append(&conn_net(conn)->again, &work->in_again);
}

static void read_some(struct conn *conn)
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

void conn_read_more(struct conn *conn, bool again)
{
    struct net *net = conn_net(conn);

    net->reading = conn;
    if (again && conn->state == CONN_HEAD && conn->work->exchange)
        conn_http_again(conn);
    else
        read_some(conn);
    /* What stands behind the news that wait for it tells nobody that it is there. */
    if (conn->in_flush)
        conn_wants_flush(conn);
    net->reading = NULL;
}

static void conn_ready(struct watch *watch, uint32_t events)
{
    struct conn *conn = container_of(watch, struct conn, watch);

    (void)net_begin(conn_net(conn)); /* may close sessions, this one's too */
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
            loop_change(conn_net(conn)->loop, &conn->watch, wanted_events(conn));
        return;
    }
    /* What it sent before is looked at first, at the end of this turn: nothing is read on top. */
    if (conn->work && !list_empty(&conn->work->in_again) && !(events & (EPOLLERR | EPOLLHUP)))
        return;
    /* Who is not in yet waits in the socket; epoll tells of it again in the next turn. */
    if (conn->admitted && net_has_verified_enough(conn_net(conn))) {
        atomic_fetch_add_explicit(&conn_net(conn)->config->counters->reads_postponed, 1,
                                  memory_order_relaxed);
        return;
    }
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        conn_read_more(conn, false);
    conn_rest(conn);
}

size_t conn_read(struct conn *conn)
{
    struct net *net = conn_net(conn);
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
    struct conn_work *work = conn_need_work(conn);
    size_t waiting;
    char *data;

    if (!work)
        return MCP_AUTH_E_NOMEM;
    waiting = work->out_size - work->out_at;
    if (bytes.size > UINT32_MAX - waiting)
        return MCP_AUTH_E_TOO_BIG;
    data = malloc(waiting + bytes.size);
    if (!data)
        return MCP_AUTH_E_NOMEM;
    if (waiting > 0)
        memcpy(data, work->out + work->out_at, waiting);
    memcpy(data + waiting, bytes.data, bytes.size);
    free(work->out);
    work->out = NULL;
    conn_give(conn, data, waiting + bytes.size);
    return 0;
}

void conn_give(struct conn *conn, char *data, size_t size)
{
    struct conn_work *work = conn->work;

    assert(work && !work->out && size > 0 && size <= UINT32_MAX);
    work->out = data;
    work->out_size = (uint32_t)size;
    work->out_at = 0;
    conn_wants_flush(conn);
}

void conn_count_written(struct conn *conn, size_t size)
{
    struct net *net = conn_net(conn);

    net->written += size;
    atomic_fetch_add_explicit(&net->config->counters->bytes_sent, (unsigned long long)size,
                              memory_order_relaxed);
}

/* Our own bytes. True when they have left. */
static bool out_flush(struct conn *conn)
{
    struct conn_work *work = conn->work;

    while (work && work->out) {
        ssize_t size =
            stream_write(&conn->stream, work->out + work->out_at, work->out_size - work->out_at);

        if (size == STREAM_WOULD_BLOCK) {
            conn->blocked = true;
            watch_as_wanted(conn);
            return false;
        }
        if (size < 0) {
            conn_close(conn);
            return false;
        }
        conn_count_written(conn, (size_t)size);
        work->out_at += (uint32_t)size;
        if (work->out_at == work->out_size) {
            free(work->out);
            work->out = NULL;
            work->out_size = work->out_at = 0;
        }
    }
    return true;
}

void conn_flush(struct conn *conn)
{
    assert(!conn->blocked && conn->state != CONN_CLOSED);
    if (!conn->work) { /* open: most are, and have nothing of ours to send */
        (void)conn_ws_flush(conn);
        return;
    }
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
        if (!conn->work->close_sent) {
            conn_put_close_frame(conn);
            if (conn->state == CONN_CLOSED || !out_flush(conn))
                return;
        }
        if (conn->work->close_seen)
            conn_finish(conn);
        return; /* else the peer's is awaited (RFC 6455 section 7.1.1), until the deadline */
    default:
        return; /* a 100 Continue has left */
    }
}

void conn_expire(struct conn *conn)
{
    atomic_fetch_add_explicit(&conn_net(conn)->config->counters->timeouts, 1, memory_order_relaxed);
    if (conn->state == CONN_HEAD || conn->state == CONN_BODY || conn->state == CONN_BUSY)
        conn_http_expire(conn);
    else
        conn_close(conn);
}

/* A word to somebody who finds no place, as far as the socket takes it at once. */
static void turn_away(struct net *net, int fd, const struct peer *peer, enum net_door door)
{
    struct net_counters *counters = net->config->counters;
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
                                 "Retry-After: 5\r\nContent-Length: 0\r\n\r\n";
    char text[PEER_TEXT_SIZE];
    struct bytes address = peer_text(peer, text);

    (void)!send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
    atomic_fetch_add_explicit(door == NET_DOOR_METRICS ? &counters->refused_metrics
                                                       : &counters->refused,
                              1, memory_order_relaxed);
    log_write(LOG_WARNING,
              door == NET_DOOR_METRICS
                  ? "connection refused: too many at an address of MCP_AUTH_METRICS_LISTEN"
                  : "connection refused: too many that have not signed in",
              LOG_TEXT("peer", address));
}

static bool find_place(const struct net *net, const struct peer *peer, enum net_door door)
{
    if (door == NET_DOOR_METRICS)
        return net->metrics_count < METRICS_CONNECTIONS_MAX;
    return admission_enter(net->config->admission, peer);
}

/* A connection that is not watched yet, with its place taken; NULL without memory. */
static struct conn *conn_new(struct net *net, int fd, const struct peer *peer)
{
    struct conn *conn = slab_take(&net->conns);

    if (!conn)
        return NULL;
    if (peer_note_take(&conn->peer, &net->far, peer) < 0) {
        slab_give(conn);
        return NULL;
    }
    conn->state = CONN_HEAD;
    if (!conn_need_work(conn)) {
        peer_note_give(&conn->peer, &net->far);
        slab_give(conn);
        return NULL;
    }
    conn->watch = (struct watch){.fd = fd};
    stream_plain_init(&conn->stream, fd);
    return conn;
}

void conn_accept(struct net *net, int fd, const struct sockaddr_storage *address,
                 enum net_door door)
{
    struct conn *conn;
    struct peer peer;

    peer_init(&peer, address);
    if (net->draining && door == NET_DOOR_CLIENTS) {
        atomic_fetch_add_explicit(&net->config->counters->refused_draining, 1,
                                  memory_order_relaxed);
        close(fd);
        return;
    }
    if (!find_place(net, &peer, door)) {
        turn_away(net, fd, &peer, door);
        return;
    }
    conn = conn_new(net, fd, &peer);
    if (!conn) {
        if (door == NET_DOOR_CLIENTS)
            admission_leave(net->config->admission, &peer);
        atomic_fetch_add_explicit(&net->config->counters->refused_no_memory, 1,
                                  memory_order_relaxed);
        close(fd);
        return;
    }
    conn->metrics = door == NET_DOOR_METRICS;
    conn->admitted = door == NET_DOOR_CLIENTS;
    net->metrics_count += conn->metrics;
    atomic_fetch_add_explicit(&net->config->counters->open, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&net->config->counters->accepted, 1, memory_order_relaxed);
    if (loop_watch(net->loop, &conn->watch, conn_ready, EPOLLIN) < 0) {
        conn_free(conn);
        return;
    }
    conn->work->deadline_ms = net->now.mono_ms + HTTP_HEAD_MS;
    list_by_deadline(&net->states[CONN_HEAD], conn->work);
}
