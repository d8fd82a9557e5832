/* SPDX-License-Identifier: Apache-2.0 */
/* cors.c: tells browsers which pages may read our answers. */
#include "net/cors.h"

#include <stdlib.h>
#include <string.h>

#include "net/conn.h"
#include "net/origin.h"

static bool any_is_allowed(const struct text_list *allowed)
{
    for (unsigned i = 0; i < allowed->count; i++)
        if (bytes_equal(allowed->items[i], BYTES("*")))
            return true;
    return false;
}

void cors_begin(struct exchange *exchange)
{
    const struct text_list *allowed = &conn_net(exchange->conn)->config->settings->allowed_origins;
    const struct http_request *request = &exchange->request;
    struct bytes origin = http_request_header(request, BYTES("Origin"));

    if (allowed->count == 0 || !bytes_starts_with(request->path, BYTES("/v1/")))
        return;
    exchange->varies = true;
    if (!bytes_present(origin) || !origin_allowed(request, allowed->items, allowed->count))
        return;
    /* "*" and not what any page calls itself, which may be of any length. Without memory the page
     * is not let in. */
    if (any_is_allowed(allowed))
        origin = BYTES("*");
    exchange->origin = strndup(origin.data, origin.size);
}

void cors_done(struct exchange *exchange)
{
    free(exchange->origin);
    exchange->origin = NULL;
}

void cors_put(const struct exchange *exchange, struct strbuf *out)
{
    if (exchange->varies) /* a cache must not show one page what was meant for another */
        strbuf_puts(out, "Vary: Origin\r\n");
    if (exchange->origin)
        strbuf_printf(out,
                      "Access-Control-Allow-Origin: %s\r\n"
                      "Access-Control-Expose-Headers: Retry-After, WWW-Authenticate\r\n",
                      exchange->origin);
}

void cors_put_preflight(const struct exchange *exchange, unsigned methods, struct strbuf *out)
{
    char line[ROUTE_ALLOW_SIZE];
    struct bytes allow = route_allow(methods, line), before = BYTES("Allow: ");

    if (!exchange->origin ||
        http_request_header_count(&exchange->request, BYTES("Access-Control-Request-Method")) == 0)
        return;
    strbuf_puts(out, "Access-Control-Allow-Methods: ");
    strbuf_put(out, allow.data + before.size, allow.size - before.size);
    strbuf_puts(out, "Access-Control-Allow-Headers: Authorization, Content-Type, Last-Event-ID\r\n"
                     "Access-Control-Max-Age: 600\r\n");
}
