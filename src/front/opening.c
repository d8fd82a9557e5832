/* SPDX-License-Identifier: Apache-2.0 */
/* opening.c: a connection comes: who it is by its handshake, and whether it may stay. */
#include <assert.h>

#include "codec/http_request.h"
#include "front/front_private.h"
#include "model/limits.h"
#include "net/origin.h"
#include "wire/reply.h"

static void outlet_wake(struct outlet *outlet)
{
    front_conn_wants_flush(container_of(outlet, struct front_conn, outlet));
}

/* Who does not take what it has gets its last words nevertheless: they are all that is left. */
static void outlet_close(struct outlet *outlet, enum close_reason reason, int64_t linger_ms)
{
    struct front_conn *conn = container_of(outlet, struct front_conn, outlet);

    conn->hurried = reason == CLOSE_SLOW_CONSUMER;
    front_conn_close(conn, (unsigned)close_reason_code(reason), close_reason_text(reason),
                     linger_ms);
}

static void log_peer(const struct front_conn *conn, const char *words, const char *why)
{
    char text[PEER_TEXT_SIZE];

    log_write(LOG_WARNING, words, LOG_TEXT("peer", peer_text(&conn->peer, text)),
              LOG_TEXT("why", bytes_of(why)));
}

static void outlet_refused(struct outlet *outlet, const char *why)
{
    log_peer(container_of(outlet, struct front_conn, outlet), "authentication failed", why);
}

static struct bytes outlet_address(struct outlet *outlet, char ret[OUTLET_ADDRESS_SIZE])
{
    _Static_assert(PEER_TEXT_SIZE <= OUTLET_ADDRESS_SIZE, "an address fits");
    return peer_text(&container_of(outlet, struct front_conn, outlet)->peer, ret);
}

static const struct outlet_operations operations = {
    .wake = outlet_wake,
    .close = outlet_close,
    .refused = outlet_refused,
    .address = outlet_address,
};

static void open_taken(struct note *note, void *context)
{
    loop_take_item(context, container_of(note, struct front_conn, open_note), FRONT_OPEN);
}

static void refused_taken(struct note *note, void *context)
{
    loop_take_item(context, container_of(note, struct front_conn, open_note), FRONT_REFUSED);
}

static void refuse(struct front_conn *conn, enum error_code code)
{
    conn->code = (unsigned)error_code_status(code);
    conn->reason = error_code_text(code);
    front_conn_end(conn);
    conn->open_note.run = refused_taken;
    loop_post(conn->loop, &conn->open_note);
}

static void admit(struct front_conn *conn)
{
    conn->stage = CONN_SERVED;
    conn->open_note.run = open_taken;
    loop_post(conn->loop, &conn->open_note);
}

/* The token of the handshake, where there is one. *ret is yours, or NULL. */
static bool identify(struct front_conn *conn, struct bytes authorization, struct identity **ret)
{
    enum auth_result result = AUTH_FAILED;
    const char *why = "the Authorization header is not one Bearer token";
    struct bytes token;

    *ret = NULL;
    if (!bytes_present(authorization))
        return true;
    token = http_bearer(authorization);
    if (bytes_present(token))
        result = hub_authenticate(front_conn_core(conn)->hub, token, ret, &why);
    if (result == AUTH_OK)
        return true;
    if (result == AUTH_NOMEM) {
        refuse(conn, ERROR_OVERLOADED);
        return false;
    }
    log_peer(conn, "authentication failed", why);
    refuse(conn, result == AUTH_EXPIRED ? ERROR_TOKEN_EXPIRED : ERROR_UNAUTHORIZED);
    return false;
}

/* A browser can read why only after the handshake (R24). */
static void forbid(struct front_conn *conn, enum session_kind kind)
{
    struct strbuf json;
    struct front_text *text = NULL;

    log_peer(conn, "connection refused", "its Origin is not an allowed one");
    strbuf_init(&json, 512);
    reply_closing(&json, CLOSE_FORBIDDEN, -1);
    if (!json.error && kind == SESSION_CONTROL)
        text = text_table_take(&front_conn_core(conn)->texts, strbuf_bytes(&json));
    if (text && loop_give(conn->loop, conn, text) < 0)
        text_table_give_back(text);
    strbuf_done(&json);
    front_conn_close(conn, (unsigned)close_reason_code(CLOSE_FORBIDDEN),
                     close_reason_text(CLOSE_FORBIDDEN), CLOSE_LINGER_MS);
}

static bool is_forbidden(const struct front_conn *conn, struct bytes origin)
{
    const struct settings *settings = conn->loop->front->start.settings;

    return settings->origins_restricted && bytes_present(origin) &&
           !origin_is_among(origin, settings->allowed_origins.items,
                            settings->allowed_origins.count);
}

static bool take_place(struct front_conn *conn)
{
    struct core *core = front_conn_core(conn);

    if (core->draining) {
        refuse(conn, ERROR_SHUTTING_DOWN);
        return false;
    }
    conn->admitted = admission_enter(core->admission, &conn->peer);
    if (!conn->admitted)
        refuse(conn, ERROR_OVERLOADED);
    return conn->admitted;
}

void front_conn_opens(struct front_conn *conn, struct bytes authorization, struct bytes origin,
                      enum session_kind kind)
{
    struct core *core = front_conn_core(conn);
    struct identity *identity;

    assert(conn->stage == CONN_COMING);
    pace_loop_opens(conn->loop);
    if (!take_place(conn) || !identify(conn, authorization, &identity))
        return;
    if (is_forbidden(conn, origin)) {
        identity_unref(identity);
        admit(conn);
        forbid(conn, kind);
        return;
    }
    conn->outlet.operations = &operations;
    conn->stage = CONN_SERVED; /* the session may close at once */
    if (hub_connect(core->hub, kind, &conn->outlet, identity, &conn->session) < 0) {
        identity_unref(identity);
        conn->session = NULL;
        refuse(conn, ERROR_OVERLOADED);
        return;
    }
    session_is_watched(conn->session);
    if (session_signed_in(conn->session))
        front_conn_leave_admission(conn);
    conn->open_note.run = open_taken;
    loop_post(conn->loop, &conn->open_note);
}
