/* SPDX-License-Identifier: Apache-2.0 */
/* ws_handshake.h: is a request a valid WebSocket upgrade, and the answer (RFC 6455 section 4.2). */
#ifndef CODEC_WS_HANDSHAKE_H
#define CODEC_WS_HANDSHAKE_H

#include "codec/http_request.h"

enum ws_upgrade {
    WS_UPGRADE_OK,
    WS_UPGRADE_NOT_ASKED, /* no Upgrade: websocket; 426 with Upgrade, Sec-WebSocket-Version */
    WS_UPGRADE_VERSION,   /* not version 13; 426 with Sec-WebSocket-Version: 13 */
    WS_UPGRADE_BAD,       /* 400; *ret_why says what */
};

/* Method GET, HTTP/1.1, Host, Upgrade has token websocket, Connection has token Upgrade, one
 * Sec-WebSocket-Key of 16 bytes in canonical base64, no body. Unless OK, *ret_why is a static
 * sentence. */
enum ws_upgrade ws_handshake_check(const struct http_request *request, const char **ret_why);

/* Does the client offer this subprotocol? (any of several Sec-WebSocket-Protocol headers) */
bool ws_handshake_offers(const struct http_request *request, struct bytes protocol);

/* Base64 of SHA-1 of key and the GUID; 28 characters, not terminated. The key is one that passed
 * the check. MCP_AUTH_E_NOMEM when OpenSSL cannot. */
#define WS_ACCEPT_SIZE 28
MUST_CHECK int ws_handshake_accept(struct bytes key, char ret[WS_ACCEPT_SIZE]);

/* Appends the whole 101 answer. protocol absent: none chosen; extensions absent: none agreed on,
 * else the value of the header (ws_deflate_answer). A failure sticks to `out`. */
void ws_handshake_answer(struct strbuf *out, struct bytes key, struct bytes protocol,
                         struct bytes extensions);

#endif
