/* SPDX-License-Identifier: Apache-2.0 */
/* conn_close.c: the end of a WebSocket: last output, the close frames, the half-closed rest. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "net/conn.h"

#define CLOSE_LOST 1006 /* never on the wire: its name for no close frame (section 7.4.1) */

static void count(const struct conn *conn, enum closer by, uint16_t code)
{
    char id[SESSION_NAME_SIZE] = "", text[PEER_TEXT_SIZE];
    struct peer peer;

    close_count(&conn_net(conn)->config->counters->closes, by, code);
    if (!log_wanted(LOG_DEBUG))
        return;
    if (conn->session)
        session_name(conn->session, id);
    peer = conn_peer(conn);
    log_write(LOG_DEBUG, "connection closed", LOG_TEXT("connection_id", bytes_of(id)),
              LOG_INT("code", code), LOG_TEXT("by", bytes_of(closer_text(by))),
              LOG_TEXT("peer", peer_text(&peer, text)));
}

void conn_ws_lost(struct conn *conn)
{
    count(conn, CLOSER_NOBODY, CLOSE_LOST);
}

void conn_ws_close(struct conn *conn, enum closer by, uint16_t code, struct bytes text,
                   int64_t linger_ms)
{
    if (conn->state == CONN_CLOSED || conn->state == CONN_CLOSING || conn->state == CONN_LINGER)
        return;                  /* the first reason stands */
    if (!conn_need_work(conn)) { /* then without words */
        conn_close(conn);
        return;
    }
    count(conn, by, code);
    conn->work->close_code = code;
    conn->work->close_text = text;
    if (linger_ms < 0)
        linger_ms = 0;
    if (linger_ms > CLOSE_LINGER_MS)
        linger_ms = CLOSE_LINGER_MS;
    conn_become_within(conn, CONN_CLOSING, linger_ms);
    conn_wants_flush(conn);
}

void conn_ws_close_reason(struct conn *conn, enum close_reason reason, int64_t linger_ms)
{
    conn_ws_close(conn, CLOSER_SERVER, (uint16_t)close_reason_code(reason),
                  close_reason_text(reason), linger_ms);
}

/* All of the session has left, so its place is free; our close frame follows. */
void conn_put_close_frame(struct conn *conn)
{
    uint8_t frame[WS_CLOSE_FRAME_MAX];
    size_t size = ws_close_frame(frame, conn->work->close_code, conn->work->close_text);

    assert(conn->state == CONN_CLOSING && !conn->work->close_sent);
    conn->work->close_sent = true;
    if (conn->session) {
        hub_disconnect(conn->session);
        conn->session = NULL;
    }
    conn_leave_admission(conn);
    if (conn_put(conn, (struct bytes){(const char *)frame, size}) < 0)
        conn_close(conn);
}

/* Closing a socket with unread bytes in it makes the kernel send a reset, which can destroy our
 * last words before the peer has read them. So we say that nothing follows, and read on. */
void conn_finish(struct conn *conn)
{
    stream_finish(&conn->stream);
    exchange_free(conn->work->exchange);
    conn->work->exchange = NULL;
    conn_leave_admission(conn);
    conn_become(conn, CONN_LINGER);
}

void conn_linger_ready(struct conn *conn)
{
    (void)conn_read(conn); /* thrown away; closes at the peer's end, or at the deadline */
}
