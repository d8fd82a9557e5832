/* SPDX-License-Identifier: Apache-2.0 */
/* token_compose.h: a new token: its claims under the configured names, signed with the secret. */
#ifndef SERVER_TOKEN_COMPOSE_H
#define SERVER_TOKEN_COMPOSE_H

#include "base/strbuf.h"
#include "mcp_auth/token.h"
#include "node/settings.h"

/* Appends it. MCP_AUTH_E_INVALID: no secret, no user, names of claims that lie within each other,
 * or text that is not UTF-8; MCP_AUTH_E_UNSUPPORTED: HS256 is not among the algorithms. */
MUST_CHECK int token_compose(const struct settings *settings, const mcp_auth_token_claims *claims,
                             struct strbuf *out);

#endif
