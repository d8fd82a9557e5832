/* SPDX-License-Identifier: Apache-2.0 */
/* http.h: calls of a server's HTTP API from a program: publish events, read statistics. */
#ifndef MCP_AUTH_HTTP_H
#define MCP_AUTH_HTTP_H

#include <stddef.h>

#include "mcp_auth/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mcp_auth_http mcp_auth_http;

typedef struct mcp_auth_http_answer {
    int status;       /* 0: no answer came; `body` then says why */
    const char *body; /* NUL-terminated, borrowed until the next call */
    size_t body_size;
    long retry_after_ms; /* -1: none given */
} mcp_auth_http_answer;

/* `url` is the server's ("http://localhost:8000"), `token` a bearer token or API key (copied).
 * Ownership  *ret is yours: mcp_auth_http_close.
 * Thread     one at a time; calls wait up to timeout_ms. Connections are kept and reused.
 * Errors     MCP_AUTH_E_INVALID, MCP_AUTH_E_NOMEM. */
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_http_open(mcp_auth_http **ret, const char *url,
                                                        const char *token, int timeout_ms);
MCP_AUTH_API void mcp_auth_http_close(mcp_auth_http *http); /* NULL is fine; wipes the token */
/* Errors     MCP_AUTH_E_IO when no answer came; ret->body says why. */
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_http_get(mcp_auth_http *http, const char *path,
                                                       mcp_auth_http_answer *ret);
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_http_post(mcp_auth_http *http, const char *path,
                                                        const char *content_type, const char *body,
                                                        size_t body_size,
                                                        mcp_auth_http_answer *ret);

#ifdef __cplusplus
}
#endif
#endif
