/* SPDX-License-Identifier: Apache-2.0 */
/* request.c: what the head of a request decides before its body is read: route, access, size. */
#include "net/conn.h"
#include "net/cors.h"
#include "net/origin.h"

/* Equal, in a time that does not tell how much of it is (the length is no secret). */
static bool secret_equal(struct bytes secret, struct bytes given)
{
    volatile unsigned char difference = given.size != secret.size;

    if (secret.size == 0)
        return false;
    for (size_t i = 0; i < given.size; i++)
        difference |= (unsigned char)(given.data[i] ^ secret.data[i % secret.size]);
    return difference == 0;
}

/* A proxy on this machine makes every stranger look local, so what it adds takes that away. */
static bool came_by_proxy(const struct http_request *request)
{
    return http_request_header_count(request, BYTES("Forwarded")) > 0 ||
           http_request_header_count(request, BYTES("X-Forwarded-For")) > 0 ||
           http_request_header_count(request, BYTES("X-Real-IP")) > 0 ||
           http_request_header_count(request, BYTES("Via")) > 0;
}

static bool unauthorized(struct exchange *exchange, enum error_code code, bool had_token)
{
    /* RFC 6750 section 3: an error is named only when there were credentials. */
    exchange_refuse_with(exchange, code, (struct bytes){0}, NULL,
                         had_token ? BYTES("WWW-Authenticate: Bearer error=\"invalid_token\"\r\n")
                                   : BYTES("WWW-Authenticate: Bearer\r\n"));
    return false;
}

static bool authenticate_peer(struct exchange *exchange, struct bytes token)
{
    struct conn *conn = exchange->conn;
    const char *why = "";

    switch (hub_authenticate(conn_net(conn)->hub, token, &exchange->identity, &why)) {
    case AUTH_OK:
        conn_leave_admission(conn);
        return true;
    case AUTH_NOMEM:
        exchange_refuse(exchange, ERROR_OVERLOADED, (struct bytes){0}, NULL, 1000);
        return false;
    case AUTH_EXPIRED:
        conn_log(conn, LOG_WARNING, "authentication failed", why);
        return unauthorized(exchange, ERROR_TOKEN_EXPIRED, true);
    case AUTH_FAILED:
    case AUTH_FENCED:
        break;
    }
    conn_log(conn, LOG_WARNING, "authentication failed", why);
    return unauthorized(exchange, ERROR_UNAUTHORIZED, true);
}

static bool may_ask(struct exchange *exchange)
{
    enum access access = exchange->route->access;

    if (access == ACCESS_USER ||
        (access == ACCESS_ADMIN ? exchange->identity->admin : exchange->identity->publisher))
        return true;
    exchange_refuse(exchange, ERROR_FORBIDDEN, (struct bytes){0}, NULL, -1);
    return false;
}

bool request_readmit(struct exchange *exchange)
{
    struct identity *now;

    if (!exchange->identity)
        return true;
    switch (hub_evaluate(conn_net(exchange->conn)->hub, exchange->identity, &now)) {
    case AUTH_OK:
        identity_unref(exchange->identity);
        exchange->identity = now;
        return may_ask(exchange);
    case AUTH_EXPIRED:
        return unauthorized(exchange, ERROR_TOKEN_EXPIRED, true);
    case AUTH_NOMEM:
        exchange_refuse(exchange, ERROR_OVERLOADED, (struct bytes){0}, NULL, 1000);
        return false;
    case AUTH_FAILED:
    case AUTH_FENCED:
        break;
    }
    return unauthorized(exchange, ERROR_UNAUTHORIZED, true);
}

static bool may_enter(struct exchange *exchange)
{
    struct conn *conn = exchange->conn;
    const struct settings *settings = conn_net(conn)->config->settings;
    struct bytes token = http_request_bearer(&exchange->request);
    enum access access = exchange->route->access;
    struct peer peer = conn_peer(conn);

    exchange->is_local =
        conn->metrics || (peer_is_local(&peer) && !came_by_proxy(&exchange->request));
    exchange->has_api_key = bytes_present(token) && bytes_present(settings->api_key) &&
                            secret_equal(settings->api_key, token);
    if (exchange->has_api_key)
        conn_leave_admission(conn);
    if (access == ACCESS_USER && exchange->has_api_key) {
        exchange_refuse(exchange, ERROR_FORBIDDEN,
                        BYTES("The API key is nobody: this needs a user's token"), NULL, -1);
        return false;
    }
    if (access == ACCESS_OPEN || exchange->has_api_key)
        return true;
    if (access == ACCESS_LOCAL)
        return exchange->is_local ||
               unauthorized(exchange, ERROR_UNAUTHORIZED, bytes_present(token));
    if (!bytes_present(token))
        return unauthorized(exchange, ERROR_UNAUTHORIZED, false);
    return authenticate_peer(exchange, token) && may_ask(exchange);
}

/* RFC 9110 section 9.3.7; a browser asks so before what a page may not ask by itself. Needs no
 * token, for a preflight has none. */
static void answer_options(struct exchange *exchange, unsigned allow)
{
    char allow_line[ROUTE_ALLOW_SIZE];
    struct strbuf headers;

    allow |= BIT(HTTP_OPTIONS);
    strbuf_init(&headers, 1024);
    strbuf_put_bytes(&headers, route_allow(allow, allow_line));
    cors_put_preflight(exchange, allow, &headers);
    exchange_answer(exchange, 204, NULL, headers.error ? (struct bytes){0} : strbuf_bytes(&headers),
                    (struct bytes){0});
    strbuf_done(&headers);
}

static bool find_route(struct exchange *exchange)
{
    const struct net_config *config = conn_net(exchange->conn)->config;
    unsigned count = exchange->conn->metrics ? config->metrics_routes_count : config->routes_count;
    char allow_line[ROUTE_ALLOW_SIZE];
    unsigned allow = 0;

    switch (route_find(config->routes, count, exchange->request.method, exchange->request.path,
                       &exchange->route, &allow)) {
    case ROUTE_FOUND:
        return true;
    case ROUTE_NO_METHOD:
        if (exchange->request.method == HTTP_OPTIONS) {
            answer_options(exchange, allow);
            return false;
        }
        exchange_refuse_with(exchange, ERROR_METHOD_NOT_ALLOWED, (struct bytes){0}, NULL,
                             route_allow(allow | BIT(HTTP_OPTIONS), allow_line));
        return false;
    case ROUTE_NO_PATH:
        break;
    }
    exchange_refuse(exchange, ERROR_NOT_FOUND, (struct bytes){0}, NULL, -1);
    return false;
}

bool request_admit(struct exchange *exchange)
{
    const struct http_request *request = &exchange->request;
    struct net *net = conn_net(exchange->conn);
    bool has_body = request->chunked || request->content_length > 0;

    /* Until the body has been read it stands between this request and the next. */
    exchange->keep_alive = request->keep_alive && !request->http_1_0 && !has_body;
    cors_begin(exchange);
    if (net->draining && !exchange->conn->metrics) {
        exchange_refuse(exchange, ERROR_SHUTTING_DOWN, (struct bytes){0}, NULL, 1000);
        return false;
    }
    if (net->config->settings->dev &&
        !origin_host_is_local(http_request_header(request, BYTES("Host")))) {
        exchange->keep_alive = false;
        exchange_refuse(exchange, ERROR_FORBIDDEN,
                        BYTES("In development the server answers to localhost only: the Host "
                              "header named something else"),
                        NULL, -1);
        return false;
    }
    if (!find_route(exchange) || !may_enter(exchange))
        return false;
    if (has_body &&
        (exchange->route->body_max == 0 || request->content_length > exchange->route->body_max)) {
        exchange_refuse(exchange, exchange->route->body_too_large, (struct bytes){0}, NULL, -1);
        return false;
    }
    return true;
}
