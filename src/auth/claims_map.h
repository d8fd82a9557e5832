/* SPDX-License-Identifier: Apache-2.0 */
/* claims_map.h: which claim of a token means what, and reading them. */
#ifndef AUTH_CLAIMS_MAP_H
#define AUTH_CLAIMS_MAP_H

#include "codec/json.h"
#include "model/identity.h"

/* Names: a top-level member, or a JSON Pointer (RFC 6901) when it starts with '/'. */
struct claims_map {
    struct bytes user, name, roles, permissions, tenant;
};

/* What claims_read fills; the arrays are bounded by CLAIM_ITEMS_MAX. */
struct claims_room {
    struct claims claims;
    struct bytes *items; /* yours: free() */
};

/* The user id is a string of 1..256 bytes without control characters; roles and permissions an
 * array of strings or one string (absent: none; empty strings are left out; control characters,
 * names over their limits and more than CLAIM_ITEMS_MAX together refused); tenant a string
 * (absent: ""), without control characters; name a string (absent: none). A mapped claim of
 * another JSON type, null too: MCP_AUTH_E_INVALID, *ret_why names it. jti: a string, else INVALID.
 * MCP_AUTH_E_NOMEM. Times are not read here: issued_at_ms is NO_TIME, expires_at_ms 0. Borrowed
 * from payload. A map whose name is absent maps nothing; `user` must be mapped. */
MUST_CHECK int claims_read(const json_t *payload, const struct claims_map *map,
                           struct claims_room *ret, const char **ret_why);
/* RFC 6901. NULL when the pointer is malformed or leads nowhere, as does one with a step of more
 * than CLAIM_NAME_SIZE_MAX bytes. */
#define CLAIM_NAME_SIZE_MAX 255u
const json_t *claims_find(const json_t *payload, struct bytes name);

#endif
