/* SPDX-License-Identifier: Apache-2.0 */
/* conn_work.c: what a connection has only while something is in progress, and gives back at rest. */
#include <assert.h>
#include <stdlib.h>

#include "net/conn.h"

struct conn_work *conn_need_work(struct conn *conn)
{
    struct conn_work *work;

    if (conn->work)
        return conn->work;
    assert(conn->state == CONN_OPEN || conn->state == CONN_HEAD);
    work = slab_take(&conn_net(conn)->works);
    if (!work)
        return NULL;
    work->conn = conn;
    work->deadline_ms = INT64_MAX;
    list_init(&work->in_state);
    list_init(&work->in_again);
    ws_reader_init(&work->reading.reader, WS_SERVER, FIRST_MESSAGE_SIZE_MAX);
    conn->work = work;
    return work;
}

void conn_rest(struct conn *conn)
{
    struct conn_work *work = conn->work;

    if (!work || conn->state != CONN_OPEN || work->exchange || work->out || work->pong ||
        !list_empty(&work->in_again) || !ws_reader_is_idle(&work->reading.reader) ||
        work->reading.quiet_bytes > 0)
        return;
    conn->work = NULL;
    slab_give(work);
}

void conn_work_free(struct conn_work *work)
{
    if (!work)
        return;
    exchange_free(work->exchange);
    ws_reader_done(&work->reading.reader);
    list_unlink(&work->in_state);
    list_unlink(&work->in_again);
    free(work->out);
    free(work->pong);
    slab_give(work);
}
