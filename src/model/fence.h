/* SPDX-License-Identifier: Apache-2.0 */
/* fence.h: "no token of this user from before then": one withdrawal of authority. */
#ifndef MODEL_FENCE_H
#define MODEL_FENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum fence_scope { FENCE_EVERYTHING, FENCE_ROLE, FENCE_PERMISSION, FENCE_TOKEN };

struct fence {
    struct bytes tenant, user; /* a token is fenced whoever it belongs to: user is absent then */
    enum fence_scope scope;
    struct bytes name; /* the role, the permission or the token's id (jti); absent for everything */
    int64_t not_before_ms;
};

/* A token is covered if it has no iat, or iat <= not_before + skew. One that is fenced by its own id
 * always is: there is no newer token of that id. */
bool fence_covers_token(const struct fence *fence, int64_t issued_at_ms, int64_t skew_ms);
/* A fence's permission covers what a token holds when they are equal, or when the fence ends in
 * '*' and the held one starts with what stands before it. A held wildcard is wider than one exact
 * permission and is not taken away by it. */
bool fence_covers_permission(struct bytes fenced, struct bytes held);

#endif
