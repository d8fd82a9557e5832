/* SPDX-License-Identifier: Apache-2.0 */
/* address.h: the server's URL, taken apart: where to connect and what to ask for. */
#ifndef CLIENT_ADDRESS_H
#define CLIENT_ADDRESS_H

#include "base/bytes.h"
#include "base/compiler.h"

#define CLIENT_URL_SIZE_MAX 1024u

struct client_address {
    char connect[CLIENT_URL_SIZE_MAX]; /* "host:port", "[::1]:port", "unix:/path": socket_parse's */
    char host[256], port[6];           /* for a name look-up; host without brackets */
    char authority[CLIENT_URL_SIZE_MAX]; /* the Host field (RFC 9112 section 3.2) */
    char path[CLIENT_URL_SIZE_MAX];      /* "/ws" */
};

/* ws://, http:// and unix: only, no user, query or fragment: credentials go in the token.
 * MCP_AUTH_E_UNSUPPORTED for wss:// and https://, else MCP_AUTH_E_INVALID. */
MUST_CHECK int client_address_read(const char *url, struct client_address *ret);

#endif
