/* SPDX-License-Identifier: Apache-2.0 */
/* conn_ws.c: an open WebSocket: messages to its session, the session's output to the socket. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "net/conn.h"

#define PONG_SIZE_MAX (2 + WS_CONTROL_PAYLOAD_MAX)
#define CLIENT_CONTROL_HEADER 6 /* two bytes and the mask */

static void outlet_wake(struct outlet *outlet)
{
    conn_wants_flush(container_of(outlet, struct conn, outlet));
}

static void outlet_close(struct outlet *outlet, enum close_reason reason, int64_t linger_ms)
{
    conn_ws_close_reason(container_of(outlet, struct conn, outlet), reason, linger_ms);
}

static void outlet_refused(struct outlet *outlet, const char *why)
{
    conn_log(container_of(outlet, struct conn, outlet), LOG_WARNING, "authentication failed", why);
}

static const struct outlet_operations outlet_operations = {
    .wake = outlet_wake,
    .close = outlet_close,
    .refused = outlet_refused,
    .address = conn_outlet_address,
};

void conn_ws_open(struct conn *conn, enum session_kind kind, struct identity *identity)
{
    struct net *net = conn_net(conn);
    struct session *session;

    conn->outlet.operations = &outlet_operations;
    conn_become(conn, CONN_OPEN); /* before the session is there: it may close at once */
    if (hub_connect(net->hub, kind, &conn->outlet, identity, &session) < 0) {
        identity_unref(identity);
        conn_close(conn);
        return;
    }
    conn->session = session;
    if (conn->deflates)
        session_deflates(session);
    if (session_signed_in(session))
        conn_leave_admission(conn);
}

/* Are these more pings and pongs than anybody needs? */
static bool control_flood(struct conn *conn)
{
    uint16_t second = (uint16_t)(conn_net(conn)->now.mono_ms / 1000);

    if (second != conn->control_second) {
        conn->control_second = second;
        conn->control_frames = 0;
    }
    return ++conn->control_frames > CONTROL_FRAMES_PER_SECOND_MAX; /* then it ends */
}

/* Only the newest is answered when the socket is full (RFC 6455 section 5.5.3). */
static void take_ping(struct conn *conn, struct bytes payload)
{
    uint8_t header[WS_SERVER_HEADER_MAX];
    size_t header_size = ws_frame_write_header(header, WS_PONG, false, payload.size);
    struct conn_work *work = conn_need_work(conn);

    assert(header_size + payload.size <= PONG_SIZE_MAX);
    if (work && !work->pong)
        work->pong = malloc(PONG_SIZE_MAX);
    if (!work || !work->pong)
        return; /* the peer asks again, or goes */
    memcpy(work->pong, header, header_size);
    memcpy(work->pong + header_size, payload.data, payload.size);
    conn_wants_flush(conn);
}

static void take_control(struct conn *conn, struct ws_reading *reading, enum ws_result result,
                         struct bytes payload)
{
    uint32_t size = (uint32_t)payload.size + CLIENT_CONTROL_HEADER;

    /* They may stand between the pieces of a message, and are not bytes of it. */
    reading->quiet_bytes = reading->quiet_bytes > size ? reading->quiet_bytes - size : 0;
    if (control_flood(conn))
        conn_ws_close_reason(conn, CLOSE_RATE_LIMIT, CLOSE_LINGER_MS);
    else if (result == WS_GOT_PONG)
        session_pong(conn->session);
    else
        take_ping(conn, payload);
}

static void take_message(struct conn *conn, struct ws_reading *reading,
                         const struct ws_output *message)
{
    reading->quiet_bytes = 0;
    if (message->opcode == WS_TEXT)
        session_receive(conn->session, message->payload);
    else
        session_receive_binary(conn->session);
    if (conn->admitted && session_signed_in(conn->session))
        conn_leave_admission(conn);
}

static void take_close(struct conn *conn, enum ws_result result, const struct ws_output *output)
{
    if (result == WS_GOT_ERROR) {
        conn_log(conn, LOG_INFO, "protocol error", output->why);
        conn_ws_close(conn, CLOSER_SERVER, output->close_code, bytes_of(output->why),
                      CLOSE_LINGER_MS);
    } else {
        /* RFC 6455 section 5.5.1: echo the code. */
        conn_ws_close(conn, CLOSER_CLIENT, output->close_code, (struct bytes){0}, CLOSE_LINGER_MS);
    }
    if (conn->state != CONN_CLOSED)
        conn->work->close_seen = true; /* after an error nothing of the peer can be read any more */
}

/* What it says may be no larger than if it had come as it is. */
static void take_compressed(struct conn *conn, struct ws_reading *reading,
                            const struct ws_output *compressed)
{
    const struct ws_inflate_limits limits = {.size_max = reading->reader.message_size_max,
                                             .ratio_max = WS_INFLATE_RATIO_MAX};
    struct ws_output output = *compressed;
    enum ws_result result = ws_inflate_message(conn_net(conn)->inflater, &limits, NULL, &output);

    if (result == WS_GOT_MESSAGE)
        take_message(conn, reading, &output);
    else
        take_close(conn, result, &output);
}

static void take_output(struct conn *conn, struct ws_reading *reading, enum ws_result result,
                        const struct ws_output *output)
{
    if (result == WS_GOT_CLOSE || result == WS_GOT_ERROR) {
        take_close(conn, result, output);
        return;
    }
    if (conn->state != CONN_OPEN) /* closing: only the peer's close is still of interest */
        return;
    if (result == WS_GOT_MESSAGE && reading->reader.compressed)
        take_compressed(conn, reading, output);
    else if (result == WS_GOT_MESSAGE)
        take_message(conn, reading, output);
    else
        take_control(conn, reading, result, output->payload);
}

/* A message in pieces costs at most 7 bytes for each of its own; a peer that sends more than that
 * without ever finishing sends empty pieces. */
static bool quiet_flood(const struct ws_reading *reading)
{
    return reading->quiet_bytes > 8 * reading->reader.message_size_max + READ_BUFFER_SIZE;
}

/* What was begun where there was no work is in pieces now. */
static void keep_reading(struct conn *conn, struct ws_reading *reading)
{
    struct conn_work *work;

    if (ws_reader_is_idle(&reading->reader))
        return;
    work = conn->state == CONN_CLOSED ? NULL : conn_need_work(conn);
    if (work) {
        work->reading = *reading;
        return;
    }
    ws_reader_done(&reading->reader);
    conn_close(conn);
}

static void read_messages(struct conn *conn, struct ws_reading *reading, char *data, size_t size)
{
    size_t at = 0;

    reading->quiet_bytes += (uint32_t)size;
    while (conn->state != CONN_CLOSED && conn->state != CONN_LINGER) {
        struct ws_output output;
        enum ws_result result;
        size_t used = 0;

        if (conn->session)
            reading->reader.message_size_max = session_message_size_max(conn->session);
        result = ws_reader_feed(&reading->reader, data + at, size - at, &used, &output);
        at += used;
        assert(at <= size);
        if (result == WS_NEED_MORE)
            break;
        take_output(conn, reading, result, &output);
    }
    if (conn->state == CONN_OPEN && quiet_flood(reading))
        conn_ws_close_reason(conn, CLOSE_RATE_LIMIT, CLOSE_LINGER_MS);
}

/* Most messages come whole, and leave nothing: those are read without work. */
void conn_ws_take(struct conn *conn, char *data, size_t size)
{
    if (conn->work) {
        conn->work->reading.reader.rsv1_allowed = conn->deflates;
        read_messages(conn, &conn->work->reading, data, size);
    } else {
        struct ws_reading reading = {0};

        ws_reader_init(&reading.reader, WS_SERVER, FIRST_MESSAGE_SIZE_MAX);
        reading.reader.rsv1_allowed = conn->deflates;
        read_messages(conn, &reading, data, size);
        keep_reading(conn, &reading);
    }
    if (conn->state == CONN_CLOSING && conn->work->close_seen)
        conn_wants_flush(conn);
}

void conn_ws_ready(struct conn *conn)
{
    struct net *net = conn_net(conn);
    size_t size = conn_read(conn);

    if (size == 0)
        return;
    conn_ws_take(conn, net->buffer, size);
    explicit_bzero(net->buffer, size); /* a token may have been in it */
}

/* As much of the session's output as the socket takes. True when there is no more. */
static bool session_flush(struct conn *conn)
{
    struct net *net = conn_net(conn);

    while (conn->session) {
        struct bytes run = session_output(conn->session, net->scratch, sizeof net->scratch);
        ssize_t size;

        if (run.size == 0)
            return true;
        size = stream_write(&conn->stream, run.data, run.size);
        if (size == STREAM_WOULD_BLOCK) {
            conn->blocked = true;
            loop_change(net->loop, &conn->watch, EPOLLIN | conn->stream.blocked_on);
            return false;
        }
        if (size < 0) {
            conn_close(conn);
            return false;
        }
        conn_count_written(conn, (size_t)size);
        session_sent(conn->session, (size_t)size);
        if (conn->state == CONN_CLOSED)
            return false;
    }
    return true;
}

/* `out` has left. A pong goes between frames, so only when no frame of the session is begun:
 * when all its output has gone. */
bool conn_ws_flush(struct conn *conn)
{
    struct conn_work *work = conn->work;

    assert(!work || !work->out);
    if (!session_flush(conn))
        return false;
    if (work && work->pong && conn->state == CONN_OPEN) {
        size_t size = 2 + ((size_t)(uint8_t)work->pong[1] & 0x7f);
        char *pong = work->pong;

        work->pong = NULL;
        conn_give(conn, pong, size);
    }
    return true;
}
