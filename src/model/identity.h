/* SPDX-License-Identifier: Apache-2.0 */
/* identity.h: who a connection is: what its token claims, less what fences have taken away. */
#ifndef MODEL_IDENTITY_H
#define MODEL_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"

struct fence;

#define NO_TIME INT64_MIN

/* What a verified token says, after the claims mapping. All borrowed. */
struct claims {
    struct bytes tenant, user, name, token_id; /* name and token_id may be absent */
    int64_t issued_at_ms;                      /* NO_TIME: the token has no iat */
    int64_t expires_at_ms;
    const struct bytes *roles, *permissions;
    unsigned roles_count, permissions_count;
    uint64_t key_fingerprint; /* of the key that verified the token; 0: of none */
    uint64_t issuer_mark;     /* of the name it says it is from; 0: none (auth/issuers.h) */
};

/* Which roles make an administrator. Borrowed; lives as long as the settings. */
struct authority_rules {
    const struct bytes *admin_roles;
    unsigned admin_roles_count;
    int64_t fence_skew_ms;
};

/* One allocation; `claims` points into it. Immutable; counted within one thread. */
struct identity {
    unsigned refs;
    bool admin;     /* holds an administrator's role */
    bool publisher; /* admin, or holds role or permission realtime:publish (exact or by a "*") */
    struct claims claims;
};

/* Claims minus what `fences` cover for a token of that age (protocol, "Effects and fences").
 * Fences of other users or tenants must not be passed (assert). MCP_AUTH_E_REFUSED when a fence
 * over everything covers the token; MCP_AUTH_E_NOMEM. Doubled roles and permissions are folded. */
MUST_CHECK int identity_new(struct identity **ret, const struct claims *claims,
                            const struct fence *fences, unsigned fences_count,
                            const struct authority_rules *rules);
struct identity *identity_ref(struct identity *identity);
void identity_unref(struct identity *identity); /* NULL is fine */

bool claims_hold_role(const struct claims *claims, struct bytes role);
/* Holds this very permission, or a wildcard "prefix*" over it. */
bool claims_hold_permission(const struct claims *claims, struct bytes permission);
/* The same roles and permissions, in whatever order. */
bool claims_same_authority(const struct claims *a, const struct claims *b);

/* Does the held permission, exact or ending in '*', cover this exact one? */
bool permission_covers(struct bytes held, struct bytes permission);

#endif
