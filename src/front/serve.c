/* SPDX-License-Identifier: Apache-2.0 */
/* serve.c: what is given of a session's output to the host, by its credit, and how it ends. */
#include <assert.h>
#include <stdlib.h>

#include "front/front_private.h"
#include "mcp_auth/error.h"
#include "model/limits.h"
#include "wire/push.h"

void front_conn_wants_flush(struct front_conn *conn)
{
    if (list_empty(&conn->in_flush))
        list_append(&front_conn_core(conn)->flush, &conn->in_flush);
}

void front_conn_leave_admission(struct front_conn *conn)
{
    if (!conn->admitted)
        return;
    conn->admitted = false;
    admission_leave(front_conn_core(conn)->admission, &conn->peer);
}

static void let_go_of_session(struct front_conn *conn)
{
    if (conn->session)
        hub_disconnect(conn->session);
    conn->session = NULL;
    front_conn_leave_admission(conn);
}

void front_conn_end(struct front_conn *conn)
{
    let_go_of_session(conn);
    list_unlink(&conn->in_flush);
    list_unlink(&conn->in_closing);
    conn->stage = CONN_OVER;
}

void front_conn_close(struct front_conn *conn, unsigned code, struct bytes reason,
                      int64_t linger_ms)
{
    struct core *core = front_conn_core(conn);

    if (conn->stage != CONN_SERVED)
        return;
    conn->stage = CONN_CLOSING;
    conn->code = code;
    conn->reason = reason;
    conn->deadline_ms = core->now.mono_ms + linger_ms;
    list_append(&core->closing, &conn->in_closing);
    front_conn_wants_flush(conn);
}

/* Everything that was there has been given, or time is over. */
static void finish(struct front_conn *conn)
{
    assert(conn->stage == CONN_CLOSING);
    front_conn_end(conn);
    list_append(&front_conn_core(conn)->finished, &conn->in_closing);
}

static void close_taken(struct note *note, void *context)
{
    loop_take_item(context, container_of(note, struct front_conn, close_note), FRONT_CLOSE);
}

void conns_tell_finished(struct core *core)
{
    list_for_each_safe (it, &core->finished) {
        struct front_conn *conn = container_of(it, struct front_conn, in_closing);

        list_unlink(it);
        conn->close_note.run = close_taken;
        loop_post(conn->loop, &conn->close_note);
    }
}

/* All linger for the same time, so the first is the next. */
int64_t conns_close_due(struct core *core)
{
    list_for_each_safe (it, &core->closing) {
        struct front_conn *conn = container_of(it, struct front_conn, in_closing);

        if (conn->deadline_ms > core->now.mono_ms)
            return conn->deadline_ms;
        finish(conn);
    }
    return INT64_MAX;
}

/* What the host has and has not sent. It counts itself, so it is not trusted to be right. */
static size_t owed(size_t given, const atomic_size_t *sent)
{
    size_t left = given - atomic_load(sent);

    return left <= given ? left : 0;
}

static bool has_credit(const struct front_conn *conn)
{
    return conn->hurried ||
           (owed(conn->given_messages, &conn->sent_messages) < FRONT_CREDIT_MESSAGES &&
            owed(conn->given_bytes, &conn->sent_bytes) < FRONT_CREDIT_BYTES);
}

/* The frames of one run, while there is credit; *ret_used: how much of it was given. */
static int give_run(struct front_conn *conn, struct bytes run, size_t *ret_used)
{
    struct core *core = front_conn_core(conn);

    *ret_used = 0;
    while (*ret_used < run.size && has_credit(conn)) {
        struct bytes payload;
        size_t size =
            push_frame_text((struct bytes){run.data + *ret_used, run.size - *ret_used}, &payload);
        struct front_text *text = text_table_take(&core->texts, payload);

        if (!text)
            return MCP_AUTH_E_NOMEM;
        if (loop_give(conn->loop, conn, text) < 0) {
            text_table_give_back(text);
            return MCP_AUTH_E_NOMEM;
        }
        conn->given_messages++;
        conn->given_bytes += payload.size;
        *ret_used += size;
    }
    return 0;
}

/* True: credit came meanwhile. Sequentially consistent on both sides: front_sent adds and then asks
 * whether we wait; we say that we wait and then look at what was added. */
static bool wait_for_credit(struct front_conn *conn)
{
    atomic_store(&conn->starved, true);
    return has_credit(conn) && atomic_exchange(&conn->starved, false);
}

/* As much as there is credit for. True when nothing is left. */
static bool give_all(struct front_conn *conn)
{
    for (;;) {
        struct bytes run = {0};
        size_t used;
        int r;

        if (conn->session)
            run = session_output(conn->session, NULL, 0);
        if (run.size == 0)
            return true;
        r = give_run(conn, run, &used);
        if (used > 0)
            session_sent(conn->session, used);
        if (r < 0) {
            front_conn_wants_flush(conn); /* in another turn */
            return false;
        }
        if (!has_credit(conn) && !wait_for_credit(conn))
            return false;
    }
}

void front_conn_flush(struct front_conn *conn)
{
    list_unlink(&conn->in_flush);
    if (give_all(conn) && conn->stage == CONN_CLOSING)
        finish(conn);
}
