/* SPDX-License-Identifier: Apache-2.0 */
/* fence_table.h: all fences in force, by tenant and user; merged by maximum. One thread's own. */
#ifndef AUTH_FENCE_TABLE_H
#define AUTH_FENCE_TABLE_H

#include "base/map.h"
#include "model/fence.h"

struct fence_table {
    struct map users;
    size_t fences_count;
    size_t bytes; /* of all users, without the map */
};

void fence_table_init(struct fence_table *table, const uint8_t seed[16]);
void fence_table_done(struct fence_table *table);
/* Copies. A fenced token stands under its id, not under a user. Same tenant, user, scope and name: the later not_before stays. More than
 * FENCE_SCOPES_MAX scopes of one user collapse into one over everything with the latest time
 * (fail closed). MCP_AUTH_E_FULL beyond FENCE_USERS_MAX users, MCP_AUTH_E_TOO_BIG for texts over
 * their limits, MCP_AUTH_E_INVALID for a role, permission or token without a name or a
 * user of no bytes, MCP_AUTH_E_NOMEM: then nothing changed. */
MUST_CHECK int fence_table_add(struct fence_table *table, const struct fence *fence);
/* The fences of one user, borrowed until the next change; *ret_count 0 and NULL when none. */
const struct fence *fence_table_find(const struct fence_table *table, struct bytes tenant,
                                     struct bytes user, unsigned *ret_count);
/* Was the token with this id (jti) revoked by itself? An absent id: no. */
bool fence_table_has_token(const struct fence_table *table, struct bytes tenant,
                           struct bytes token_id);
/* Would adding it change nothing? */
bool fence_table_holds(const struct fence_table *table, const struct fence *fence);
/* Walks all users, and revoked tokens: start with *cursor == 0, ends with NULL. No change while
 * walking. */
const struct fence *fence_table_next(const struct fence_table *table, size_t *cursor,
                                     unsigned *ret_count);
/* Forgets fences with not_before_ms < before_ms. */
void fence_table_expire(struct fence_table *table, int64_t before_ms);
size_t fence_table_bytes(const struct fence_table *table); /* of memory asked for */
size_t fence_table_count(const struct fence_table *table); /* fences, not users */

#endif
