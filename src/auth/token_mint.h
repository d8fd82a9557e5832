/* SPDX-License-Identifier: Apache-2.0 */
/* token_mint.h: makes a signed token, for `mcp-auth token` and the development server. */
#ifndef AUTH_TOKEN_MINT_H
#define AUTH_TOKEN_MINT_H

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/strbuf.h"

/* Appends the compact HS256 token whose payload is this text, unchanged. MCP_AUTH_E_INVALID when
 * the secret has under 32 bytes or the payload is not a JSON object, MCP_AUTH_E_TOO_BIG when we
 * would refuse the token for its size, MCP_AUTH_E_NOMEM, or the failure of `out`. On error nothing
 * is appended. */
MUST_CHECK int token_mint(struct strbuf *out, struct bytes secret, struct bytes payload_json);

#endif
