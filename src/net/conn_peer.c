/* SPDX-License-Identifier: Apache-2.0 */
/* conn_peer.c: who is at a connection's other end: for admission, for the log and for the hub. */
#include "net/conn.h"

void conn_leave_admission(struct conn *conn)
{
    struct peer peer;

    if (!conn->admitted)
        return;
    conn->admitted = false;
    peer = conn_peer(conn);
    admission_leave(conn_net(conn)->config->admission, &peer);
}

struct peer conn_peer(const struct conn *conn)
{
    return peer_note_read(&conn->peer, &conn_net(conn)->far);
}

void conn_log(const struct conn *conn, enum log_level level, const char *words, const char *why)
{
    struct peer peer = conn_peer(conn);
    char text[PEER_TEXT_SIZE];

    log_write(level, words, LOG_TEXT("peer", peer_text(&peer, text)),
              LOG_TEXT("why", bytes_of(why)));
}

struct bytes conn_outlet_address(struct outlet *outlet, char ret[OUTLET_ADDRESS_SIZE])
{
    struct peer peer = conn_peer(container_of(outlet, struct conn, outlet));

    _Static_assert(PEER_TEXT_SIZE <= OUTLET_ADDRESS_SIZE, "an address fits");
    return peer_text(&peer, ret);
}
