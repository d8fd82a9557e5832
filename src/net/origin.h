/* SPDX-License-Identifier: Apache-2.0 */
/* origin.h: which web pages may connect, and which names we answer to in development. */
#ifndef NET_ORIGIN_H
#define NET_ORIGIN_H

#include <stdbool.h>

#include "base/bytes.h"
#include "codec/http_request.h"

/* Is the page that sent this among the allowed ones (RFC 6454: scheme, host and port, without
 * case; a scheme's own port may be written or not)? A request without Origin comes from no page
 * and is allowed; one with several is not. "*" allows every page, "null" only itself. */
bool origin_allowed(const struct http_request *request, const struct bytes *allowed,
                    unsigned allowed_count);
/* The same for one Origin. */
bool origin_is_among(struct bytes origin, const struct bytes *allowed, unsigned allowed_count);
bool origin_equal(struct bytes a, struct bytes b);

/* Is this Host header one of localhost, 127.0.0.1 and [::1], with any port or none? A page whose
 * name was made to point here (DNS rebinding) brings its own name. */
bool origin_host_is_local(struct bytes host);

#endif
