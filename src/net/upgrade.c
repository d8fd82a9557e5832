/* SPDX-License-Identifier: Apache-2.0 */
/* upgrade.c: GET /ws: from an HTTP request to an open WebSocket, or the reason why not. */
#include <assert.h>
#include <stdlib.h>

#include "codec/ws_deflate.h"
#include "codec/ws_handshake.h"
#include "mcp_auth/error.h"
#include "net/conn.h"
#include "net/origin.h"
#include "wire/push.h"
#include "wire/push_deflate.h"
#include "wire/reply.h"

#define SUBPROTOCOL BYTES("mcp-auth.v1")
#define HANDSHAKE_SIZE_MAX 512u

static void upgrade_required(struct exchange *exchange, const char *why)
{
    struct strbuf message;

    exchange->keep_alive = false; /* whoever meant frames sends no second request */
    strbuf_init(&message, 512);
    strbuf_put_bytes(&message, error_code_meaning(ERROR_UPGRADE_REQUIRED));
    strbuf_printf(&message,
                  " (%s; a proxy in front must pass the Upgrade and Connection headers on)", why);
    /* RFC 9110 section 15.5.22 and RFC 6455 section 4.4 */
    exchange_refuse_with(exchange, ERROR_UPGRADE_REQUIRED,
                         message.error ? (struct bytes){0} : strbuf_bytes(&message), NULL,
                         BYTES("Upgrade: websocket\r\nConnection: Upgrade\r\n"
                               "Sec-WebSocket-Version: 13\r\n"));
    strbuf_done(&message);
}

/* The token of the handshake, where there is one: a service's. The API key does not open /ws. */
static bool handshake_identity(struct exchange *exchange)
{
    const struct http_request *request = &exchange->request;
    struct conn *conn = exchange->conn;
    enum auth_result result = AUTH_FAILED;
    const char *why = "the Authorization header is not one Bearer token";
    struct bytes token;

    exchange->keep_alive = false;
    if (http_request_header_count(request, BYTES("Authorization")) == 0)
        return true;
    token = http_request_bearer(request);
    if (bytes_present(token))
        result = hub_authenticate(conn_net(conn)->hub, token, &exchange->identity, &why);
    if (result == AUTH_OK)
        return true;
    if (result == AUTH_NOMEM) {
        exchange_refuse(exchange, ERROR_OVERLOADED, (struct bytes){0}, NULL, 1000);
        return false;
    }
    conn_log(conn, LOG_WARNING, "authentication failed", why);
    exchange_refuse_with(exchange,
                         result == AUTH_EXPIRED ? ERROR_TOKEN_EXPIRED : ERROR_UNAUTHORIZED,
                         (struct bytes){0}, NULL,
                         BYTES("WWW-Authenticate: Bearer error=\"invalid_token\"\r\n"));
    return false;
}

/* The refusal that a browser can read: after the handshake (R24). */
static int put_closing(struct conn *conn, enum close_reason reason)
{
    struct strbuf json;
    char frame[512];
    size_t size;
    int r;

    strbuf_init(&json, sizeof frame - WS_SERVER_HEADER_MAX);
    reply_closing(&json, reason, -1);
    r = json.error;
    if (!r) {
        size = push_text_size(strbuf_bytes(&json));
        assert(size <= sizeof frame);
        push_text_write(frame, strbuf_bytes(&json));
        r = conn_put(conn, (struct bytes){frame, size});
    }
    strbuf_done(&json);
    return r;
}

/* 1 with *ret: what was agreed on; 0: nothing; negative: the handshake must fail. */
static int negotiate(const struct conn *conn, const struct http_request *request,
                     struct ws_deflate_params *ret, const char **ret_why)
{
    /* No context either way: a connection owns no window, and what another message said (a secret
     * beside what an attacker chose) cannot be told from the size of this one. */
    static const struct ws_deflate_config config = {.server_window_bits = WS_WINDOW_BITS_MAX};
    int r;

    if (!conn_net(conn)->inflater) /* off */
        return 0;
    r = ws_deflate_negotiate(request, &config, ret, ret_why);
    /* One frame is for all who agreed; those with a smaller window go on without compression. */
    if (r > 0 && ret->server_window_bits < PUSH_DEFLATE_WINDOW_BITS)
        return 0;
    return r;
}

static int put_handshake(struct conn *conn, const struct exchange *exchange, bool control,
                         const struct ws_deflate_params *deflate)
{
    struct strbuf out, extensions;
    int r;

    strbuf_init(&out, HANDSHAKE_SIZE_MAX);
    strbuf_init(&extensions, WS_DEFLATE_ANSWER_MAX);
    if (deflate)
        ws_deflate_answer(&extensions, deflate);
    ws_handshake_answer(&out, http_request_header(&exchange->request, BYTES("Sec-WebSocket-Key")),
                        control ? SUBPROTOCOL : (struct bytes){0},
                        deflate ? strbuf_bytes(&extensions) : (struct bytes){0});
    r = extensions.error ? extensions.error
        : out.error      ? out.error
                         : conn_put(conn, strbuf_bytes(&out));
    strbuf_done(&extensions);
    strbuf_done(&out);
    return r;
}

static void upgrade_open(struct exchange *exchange, const struct ws_deflate_params *deflate,
                         struct bytes rest)
{
    struct conn *conn = exchange->conn;
    const struct settings *settings = conn_net(conn)->config->settings;
    const struct http_request *request = &exchange->request;
    bool control = ws_handshake_offers(request, SUBPROTOCOL);
    bool forbidden =
        settings->origins_restricted &&
        !origin_allowed(request, settings->allowed_origins.items, settings->allowed_origins.count);

    if (put_handshake(conn, exchange, control, deflate) < 0 ||
        (forbidden && control && put_closing(conn, CLOSE_FORBIDDEN) < 0)) {
        conn_close(conn);
        return;
    }
    atomic_fetch_add_explicit(&conn_net(conn)->config->counters->upgrades, 1, memory_order_relaxed);
    conn->deflates = deflate != NULL;
    if (forbidden) {
        conn_log(conn, LOG_WARNING, "connection refused", "its Origin is not an allowed one");
        conn_ws_close_reason(conn, CLOSE_FORBIDDEN, CLOSE_LINGER_MS);
    } else {
        struct identity *identity = exchange->identity;

        exchange->identity = NULL; /* the session's now */
        conn_ws_open(conn, control ? SESSION_CONTROL : SESSION_PLAIN, identity);
    }
    /* Frames may follow the head in one packet. Both buffers they can be in are ours to write. */
    if (conn->state != CONN_CLOSED && rest.size > 0)
        conn_ws_take(conn, (char *)(uintptr_t)rest.data, rest.size);
}

void conn_upgrade(struct exchange *exchange, struct bytes rest)
{
    struct conn *conn = exchange->conn;
    struct ws_deflate_params deflate;
    const char *why = NULL;
    int agreed;

    switch (ws_handshake_check(&exchange->request, &why)) {
    case WS_UPGRADE_NOT_ASKED:
    case WS_UPGRADE_VERSION:
        upgrade_required(exchange, why);
        return;
    case WS_UPGRADE_BAD:
        exchange->keep_alive = false;
        exchange_refuse(exchange, ERROR_BAD_REQUEST, bytes_of(why), NULL, -1);
        return;
    case WS_UPGRADE_OK:
        break;
    }
    agreed = negotiate(conn, &exchange->request, &deflate, &why);
    if (agreed < 0) { /* RFC 6455 section 9.1 */
        exchange->keep_alive = false;
        exchange_refuse(exchange, ERROR_BAD_REQUEST, bytes_of(why), NULL, -1);
        return;
    }
    if (!handshake_identity(exchange)) /* a 401 is not kept alive: frames may follow it */
        return;
    upgrade_open(exchange, agreed > 0 ? &deflate : NULL, rest);
    conn->work->exchange = NULL;
    exchange_free(exchange);
}
