/* SPDX-License-Identifier: Apache-2.0 */
/* lane.c: one connection that publishes: a request, its answer, and again when it broke. */
#include <assert.h>
#include <errno.h>

#include "base/clock.h"
#include "io/socket_connect.h"
#include "load/load_private.h"

/* A request whose connection broke goes once more over a new one: its events have ids, so what had
 * arrived after all counts once. */
#define ATTEMPTS_MAX 2u
#define RETRY_NS UINT64_C(100000000)

static void ready(struct watch *watch, uint32_t events);

static void close_socket(struct lane *lane)
{
    loop_unwatch(&lane->load->loop, &lane->watch);
    if (lane->stream.kind)
        stream_close(&lane->stream);
    lane->stream.kind = STREAM_NONE;
    lane->state = LANE_CLOSED;
    answer_reset(&lane->answer);
}

void lane_close(struct lane *lane)
{
    close_socket(lane);
    lane->events = 0;
    lane->attempts = 0;
}

/* The connection is gone. An idle one is nobody's loss: a server lets go of those. */
static void broke(struct lane *lane)
{
    const bool had_come_up = lane->state > LANE_CONNECTING;

    close_socket(lane);
    if (!had_come_up) {
        lane->retry_ns = lane->load->now_ns + RETRY_NS;
        lane->attempts = ATTEMPTS_MAX;
    }
    if (lane->events == 0) {
        lane->attempts = 0;
        return;
    }
    if (lane->attempts >= ATTEMPTS_MAX) {
        publish_unanswered(lane);
        return;
    }
    lane->load->result.resent++;
    lane_open(lane);
}

static void flush(struct lane *lane)
{
    ssize_t n = 0;

    while (lane->out_at < lane->out.size) {
        n = stream_write(&lane->stream, lane->out.data + lane->out_at,
                         lane->out.size - lane->out_at);
        if (n < 0)
            break;
        lane->out_at += (size_t)n;
    }
    /* An answer may stand in the socket although it takes no more: 413, for one. */
    loop_change(&lane->load->loop, &lane->watch,
                n == STREAM_WOULD_BLOCK ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void begin(struct lane *lane)
{
    lane->state = LANE_WAITING;
    lane->attempts++;
    lane->out_at = 0;
    answer_reset(&lane->answer);
    flush(lane);
}

void lane_open(struct lane *lane)
{
    struct load *load = lane->load;
    int fd;

    assert(lane->state == LANE_CLOSED);
    lane->watch = (struct watch){.fd = -1};
    /* Numbered behind the receivers, so that their source addresses are shared evenly. */
    if (target_connect(load, load->plan.connections + (unsigned)(lane - load->lanes), &fd) < 0) {
        lane->state = LANE_CONNECTING;
        broke(lane);
        return;
    }
    stream_plain_init(&lane->stream, fd);
    lane->watch.fd = fd;
    lane->state = LANE_CONNECTING;
    if (loop_watch(&load->loop, &lane->watch, ready, EPOLLOUT) < 0)
        broke(lane);
}

void lane_send(struct lane *lane)
{
    assert(lane->events > 0 && (lane->state == LANE_IDLE || lane->state == LANE_CLOSED));
    lane->attempts = 0;
    lane->load->result.requests++;
    if (lane->state == LANE_IDLE)
        begin(lane);
    else
        lane_open(lane);
}

static void take_answer(struct lane *lane, struct bytes data)
{
    struct load *load = lane->load;
    size_t used = 0;

    if (lane->state != LANE_WAITING) {
        broke(lane); /* bytes that nobody asked for */
        return;
    }
    switch (answer_feed(&lane->answer, data, &used)) {
    case ANSWER_NEED_MORE:
        return;
    case ANSWER_BAD:
        load_stop(load, "%s does not answer POST %s as a server of this protocol", load->plan.url,
                  load->events_path.data);
        broke(lane);
        return;
    case ANSWER_WHOLE:
        break;
    }
    lane->state = LANE_IDLE;
    publish_answered(lane);
    lane->events = 0;
    if (lane->answer.last || used < data.size)
        close_socket(lane);
}

static void ready(struct watch *watch, uint32_t events)
{
    struct lane *lane = container_of(watch, struct lane, watch);
    struct load *load = lane->load;
    ssize_t n;

    load->now_ns = clock_mono_ns();
    if (lane->state == LANE_CONNECTING) {
        if (socket_connect_result(watch->fd) < 0) {
            broke(lane);
            return;
        }
        lane->state = LANE_IDLE;
        loop_change(&load->loop, watch, EPOLLIN);
        if (lane->events > 0)
            begin(lane);
        return;
    }
    if (events & EPOLLOUT)
        flush(lane);
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    n = stream_read(&lane->stream, load->in_buffer, LOAD_READ_SIZE);
    if (n == STREAM_WOULD_BLOCK)
        return;
    if (n <= 0)
        broke(lane);
    else
        take_answer(lane, (struct bytes){load->in_buffer, (size_t)n});
}
