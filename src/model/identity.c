/* SPDX-License-Identifier: Apache-2.0 */
/* identity.c: claims minus fences, in one allocation, and what such an identity may do. */
#include "model/identity.h"

#include <assert.h>
#include <stdlib.h>

#include "mcp_auth/error.h"
#include "model/fence.h"

/* What all the lists of one identity are filtered by. */
struct fencing {
    const struct fence *fences;
    unsigned count;
    int64_t issued_at_ms, skew_ms;
};

bool permission_covers(struct bytes held, struct bytes permission)
{
    if (bytes_equal(held, permission))
        return true;
    return held.size > 0 && held.data[held.size - 1] == '*' &&
           bytes_starts_with(permission, (struct bytes){held.data, held.size - 1});
}

static bool fence_takes(const struct fence *fence, enum fence_scope scope, struct bytes held)
{
    if (fence->scope != scope)
        return false;
    return scope == FENCE_PERMISSION ? fence_covers_permission(fence->name, held)
                                     : bytes_equal(fence->name, held);
}

static bool taken_away(const struct fencing *fencing, enum fence_scope scope, struct bytes held)
{
    for (unsigned i = 0; i < fencing->count; i++)
        if (fence_takes(&fencing->fences[i], scope, held) &&
            fence_covers_token(&fencing->fences[i], fencing->issued_at_ms, fencing->skew_ms))
            return true;
    return false;
}

static bool list_holds(const struct bytes *list, unsigned count, struct bytes wanted)
{
    for (unsigned i = 0; i < count; i++)
        if (bytes_equal(list[i], wanted))
            return true;
    return false;
}

static size_t list_size(const struct bytes *list, unsigned count)
{
    size_t size = count * sizeof list[0];

    for (unsigned i = 0; i < count; i++)
        size += list[i].size;
    return size;
}

/* Copies what is held once and not fenced. The count kept. Folding compares each with each: a
 * list is bounded by CLAIM_ITEMS_MAX and comes from our own issuer. */
static unsigned copy_list(struct bytes *to, char **at, const struct bytes *from, unsigned count,
                          enum fence_scope scope, const struct fencing *fencing)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < count; i++)
        if (!list_holds(to, kept, from[i]) && !taken_away(fencing, scope, from[i]))
            to[kept++] = bytes_copy(at, from[i]);
    return kept;
}

static bool is_admin(const struct identity *identity, const struct authority_rules *rules)
{
    for (unsigned i = 0; i < rules->admin_roles_count; i++)
        if (claims_hold_role(&identity->claims, rules->admin_roles[i]))
            return true;
    return false;
}

/* Room for all that is claimed; what is folded or fenced leaves a little of it unused. */
static size_t identity_size(const struct claims *claims)
{
    return sizeof(struct identity) + list_size(claims->roles, claims->roles_count) +
           list_size(claims->permissions, claims->permissions_count) + claims->tenant.size +
           claims->user.size + claims->name.size + claims->token_id.size;
}

int identity_new(struct identity **ret, const struct claims *claims, const struct fence *fences,
                 unsigned fences_count, const struct authority_rules *rules)
{
    const struct bytes right_to_publish = BYTES("realtime:publish");
    struct fencing fencing = {fences, fences_count, claims->issued_at_ms, rules->fence_skew_ms};
    struct identity *identity;
    struct bytes *lists;
    char *at;

    for (unsigned i = 0; i < fences_count; i++) {
        assert(bytes_equal(fences[i].tenant, claims->tenant));
        assert(bytes_equal(fences[i].user, claims->user));
        if (fences[i].scope == FENCE_EVERYTHING &&
            fence_covers_token(&fences[i], claims->issued_at_ms, rules->fence_skew_ms))
            return MCP_AUTH_E_REFUSED;
    }

    identity = malloc(identity_size(claims));
    if (!identity)
        return MCP_AUTH_E_NOMEM;
    lists = (struct bytes *)(identity + 1);
    at = (char *)(lists + claims->roles_count + claims->permissions_count);

    *identity = (struct identity){.refs = 1, .claims = *claims};
    identity->claims.tenant = bytes_copy(&at, claims->tenant);
    identity->claims.user = bytes_copy(&at, claims->user);
    identity->claims.name = bytes_copy(&at, claims->name);
    identity->claims.token_id = bytes_copy(&at, claims->token_id);
    identity->claims.roles = lists;
    identity->claims.roles_count =
        copy_list(lists, &at, claims->roles, claims->roles_count, FENCE_ROLE, &fencing);
    lists += identity->claims.roles_count;
    identity->claims.permissions = lists;
    identity->claims.permissions_count =
        copy_list(lists, &at, claims->permissions, claims->permissions_count, FENCE_PERMISSION,
                  &fencing);
    assert((size_t)(at - (char *)identity) <= identity_size(claims));

    identity->admin = is_admin(identity, rules);
    identity->publisher = identity->admin ||
                          claims_hold_role(&identity->claims, right_to_publish) ||
                          claims_hold_permission(&identity->claims, right_to_publish);
    *ret = identity;
    return 0;
}

struct identity *identity_ref(struct identity *identity)
{
    assert(identity->refs > 0);
    identity->refs++;
    return identity;
}

void identity_unref(struct identity *identity)
{
    if (!identity)
        return;
    assert(identity->refs > 0);
    if (--identity->refs == 0)
        free(identity);
}

bool claims_hold_role(const struct claims *claims, struct bytes role)
{
    return list_holds(claims->roles, claims->roles_count, role);
}

bool claims_hold_permission(const struct claims *claims, struct bytes permission)
{
    for (unsigned i = 0; i < claims->permissions_count; i++)
        if (permission_covers(claims->permissions[i], permission))
            return true;
    return false;
}

/* Without doubles, lists of one length are the same set when one holds all of the other. */
static bool list_same(const struct bytes *a, unsigned a_count, const struct bytes *b,
                      unsigned b_count)
{
    if (a_count != b_count)
        return false;
    for (unsigned i = 0; i < a_count; i++)
        if (!list_holds(b, b_count, a[i]))
            return false;
    return true;
}

bool claims_same_authority(const struct claims *a, const struct claims *b)
{
    return list_same(a->roles, a->roles_count, b->roles, b->roles_count) &&
           list_same(a->permissions, a->permissions_count, b->permissions, b->permissions_count);
}
