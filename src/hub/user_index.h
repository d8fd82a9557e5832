/* SPDX-License-Identifier: Apache-2.0 */
/* user_index.h: a user of a tenant to their sessions. */
#ifndef HUB_USER_INDEX_H
#define HUB_USER_INDEX_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"

struct session;
struct slab;

/* Whom a session's token speaks of: the user's key (audience_key_write), and behind it the token's
 * own id. One allocation: the user is what a session cannot share. */
struct subject {
    uint16_t key_size, token_id_size; /* of the id: 0 when there is none */
    char text[];
};

/* Open addressing with linear probing. A slot knows a session by its number in the slab, and by
 * half of its hash: eight bytes for each user, and a user who is not here costs no more than a
 * look at the slots. */
struct user_slot {
    uint32_t session; /* of the first, plus one; 0: empty */
    uint32_t hash;
};

struct user_index {
    const struct slab *sessions;
    struct user_slot *slots;
    uint32_t count, capacity; /* capacity is 0 or a power of two; count <= capacity * 3/4 */
    uint8_t seed[16];
};

void user_index_init(struct user_index *index, const struct slab *sessions, const uint8_t seed[16]);
void user_index_done(struct user_index *index); /* everybody must have left (assert) */
/* The first session under this key, or NULL; more of them by user_next. */
struct session *user_index_find(const struct user_index *index, struct bytes key);
struct session *user_next(const struct session *session);
/* By session->subject, which stays as long as it is in. MCP_AUTH_E_NOMEM. */
MUST_CHECK int user_index_enter(struct user_index *index, struct session *session);
void user_index_leave(struct user_index *index, struct session *session);

/* Copies. NULL: no memory. Freed by free(). */
struct subject *subject_new(struct bytes tenant, struct bytes user, struct bytes token_id);
struct bytes subject_key(const struct subject *subject);
struct bytes subject_token_id(const struct subject *subject); /* absent when there is none */

#endif
