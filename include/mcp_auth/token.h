/* SPDX-License-Identifier: Apache-2.0 */
/* token.h: makes tokens for development, and shows what one says. */
#ifndef MCP_AUTH_TOKEN_H
#define MCP_AUTH_TOKEN_H

#include <stdint.h>

#include "mcp_auth/options.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What to put in; NULL members are left out. Claim names are those of `options`. */
typedef struct mcp_auth_token_claims {
    size_t size; /* sizeof this struct, so that it may grow */
    const char *user, *name, *tenant;
    const char *const *roles;       /* NULL-terminated, or NULL */
    const char *const *permissions; /* NULL-terminated, or NULL */
    int64_t issued_at, expires_at;  /* Unix seconds */
} mcp_auth_token_claims;

/* A token signed by HS256 with the secret of `options` (iss and aud as configured there).
 * Ownership  *ret is yours: mcp_auth_text_free.
 * Errors     MCP_AUTH_E_INVALID (no secret, no user), MCP_AUTH_E_NOMEM. */
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_token_mint(mcp_auth_options *options,
                                                         const mcp_auth_token_claims *claims,
                                                         char **ret);
/* Header and claims as JSON, {"header":{},"claims":{},"signature":"valid|invalid|not checked",
 * "accepted":bool,"why":"..."}; checked against the keys in `options` when there are any.
 * Errors     MCP_AUTH_E_INVALID when it is not a compact JWS at all, MCP_AUTH_E_NOMEM. */
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_token_inspect(mcp_auth_options *options,
                                                            const char *token, char **ret);
MCP_AUTH_API void mcp_auth_text_free(char *text); /* wipes; NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
