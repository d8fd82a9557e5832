/* SPDX-License-Identifier: Apache-2.0 */
/* assets.c: GET / and the files of the page, from memory, asked again only when they change. */
#include <string.h>

#include "api/api.h"
#include "api/embedded.h"
#include "codec/http_grammar.h"
#include "net/exchange.h"

/* Only our own files run in the page; it may talk to this server, and by WebSocket to others. */
#define PAGE_HEADERS                                                             \
    "Cache-Control: no-cache\r\n"                                                \
    "Content-Security-Policy: default-src 'self'; connect-src 'self' ws: wss:; " \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"            \
    "Referrer-Policy: no-referrer\r\n"

static const struct embedded_asset *find(struct bytes path)
{
    struct bytes name = {path.data + 1, path.size - 1};

    if (name.size == 0)
        name = BYTES("index.html");
    for (unsigned i = 0; i < embedded_assets_count; i++)
        if (bytes_equal(bytes_of(embedded_assets[i].name), name))
            return &embedded_assets[i];
    return NULL;
}

/* RFC 9110 section 13.1.2: a list of tags, compared weakly, or "*". */
static bool has_it_already(const struct http_request *request, struct bytes etag)
{
    for (unsigned i = 0; i < request->headers_count; i++) {
        struct bytes rest = request->headers[i].value, tag;

        if (!bytes_equal_nocase(request->headers[i].name, BYTES("If-None-Match")))
            continue;
        while (http_list_next(&rest, &tag)) {
            if (bytes_equal(tag, BYTES("*")))
                return true;
            if (bytes_starts_with(tag, BYTES("W/")))
                tag = (struct bytes){tag.data + 2, tag.size - 2};
            if (bytes_equal(tag, etag))
                return true;
        }
    }
    return false;
}

void asset_get(struct exchange *exchange)
{
    const struct embedded_asset *asset = find(exchange->request.path);
    struct strbuf headers;

    if (!asset) {
        exchange_refuse(exchange, ERROR_NOT_FOUND, (struct bytes){0}, NULL, -1);
        return;
    }
    strbuf_init(&headers, 1024);
    strbuf_printf(&headers, PAGE_HEADERS "ETag: %s\r\n", asset->etag);
    if (headers.error)
        exchange_refuse(exchange, ERROR_OVERLOADED, (struct bytes){0}, NULL, 1000);
    else if (has_it_already(&exchange->request, bytes_of(asset->etag)))
        exchange_answer(exchange, 304, NULL, strbuf_bytes(&headers), (struct bytes){0});
    else
        exchange_answer(exchange, 200, asset->content_type, strbuf_bytes(&headers), asset->body);
    strbuf_done(&headers);
}
