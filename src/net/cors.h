/* SPDX-License-Identifier: Apache-2.0 */
/* cors.h: which web pages may read our answers (WHATWG Fetch, "CORS protocol"). */
#ifndef NET_CORS_H
#define NET_CORS_H

#include "base/strbuf.h"
#include "net/exchange.h"

/* Only /v1, and only when MCP_AUTH_ALLOWED_ORIGINS says who: nothing is sent otherwise. Nothing
 * ambient signs in, so credentials in the sense of Fetch are never allowed. */

/* As the head comes: keeps what later answers need of it. */
void cors_begin(struct exchange *exchange);
void cors_done(struct exchange *exchange);
/* The headers of any answer, whatever its status. */
void cors_put(const struct exchange *exchange, struct strbuf *out);
/* Those of a preflight, besides; `methods` as route_find counts them. */
void cors_put_preflight(const struct exchange *exchange, unsigned methods, struct strbuf *out);

#endif
