/* SPDX-License-Identifier: Apache-2.0 */
/* audience_index.c: administrators, role, permission to the authorities they find. */
#include "hub/audience_index.h"

#include <assert.h>
#include <stdlib.h>

#include "mcp_auth/error.h"

/* Tenant and name come out of one token, so together they are no longer than it. */
#define KEY_SIZE_MAX (3u + 2u * TOKEN_SIZE_MAX)

static struct bytes audience_key_of(const void *item)
{
    const struct audience *audience = item;

    return (struct bytes){audience->key, audience->key_size};
}

int audience_index_init(struct audience_index *index, const uint8_t seed[16])
{
    map_init(&index->audiences, audience_key_of, seed);
    index->scratch_size = KEY_SIZE_MAX;
    index->scratch = malloc(index->scratch_size);
    index->wildcard_size_max = PERMISSION_SIZE_MAX + 1;
    index->wildcards_by_size = calloc(index->wildcard_size_max, sizeof *index->wildcards_by_size);
    if (!index->scratch || !index->wildcards_by_size) {
        audience_index_done(index);
        return MCP_AUTH_E_NOMEM;
    }
    return 0;
}

void audience_index_done(struct audience_index *index)
{
    assert(index->audiences.count == 0);
    map_done(&index->audiences);
    free(index->scratch);
    free(index->wildcards_by_size);
    index->scratch = NULL;
    index->wildcards_by_size = NULL;
}

struct audience *audience_index_find(const struct audience_index *index, struct bytes key)
{
    return map_find(&index->audiences, key);
}

/* The count of members with a wildcard of this size, or NULL when the name is none. A prefix longer
 * than any event's permission can cover nothing and is not counted. */
static unsigned *wildcard_count(const struct audience_index *index, const struct audience *audience)
{
    struct bytes name = {audience->key, audience->key_size};
    const char *separator = memchr(name.data, '\x1f', name.size);
    size_t size;

    if (name.data[0] != AUDIENCE_PERMISSION || name.data[name.size - 1] != '*')
        return NULL;
    assert(separator);
    size = name.size - (size_t)(separator + 1 - name.data) - 1; /* without the '*' */
    return size < index->wildcard_size_max ? &index->wildcards_by_size[size] : NULL;
}

int audience_index_enter(struct audience_index *index, struct member *member,
                         struct authority *authority, enum audience_kind kind, struct bytes tenant,
                         struct bytes name)
{
    struct bytes key = {index->scratch, 0};
    struct audience *audience;
    unsigned *wildcards;

    assert(2 + tenant.size + name.size <= index->scratch_size);
    key.size = audience_key_write(index->scratch, kind, tenant, name);
    audience = map_find(&index->audiences, key);
    if (!audience) {
        int r;

        audience = malloc(sizeof *audience + key.size);
        if (!audience)
            return MCP_AUTH_E_NOMEM;
        list_init(&audience->members);
        audience->key_size = key.size;
        memcpy(audience->key, key.data, key.size);
        r = map_insert(&index->audiences, audience);
        if (r < 0) {
            free(audience);
            return r;
        }
    }
    member->audience = audience;
    member->authority = authority;
    list_append(&audience->members, &member->in_audience);
    wildcards = wildcard_count(index, audience);
    if (wildcards)
        ++*wildcards;
    return 0;
}

void audience_index_leave(struct audience_index *index, struct member *member)
{
    struct audience *audience = member->audience;
    unsigned *wildcards;

    if (!audience)
        return;
    wildcards = wildcard_count(index, audience);
    if (wildcards)
        --*wildcards;
    list_unlink(&member->in_audience);
    member->audience = NULL;
    if (list_empty(&audience->members)) {
        map_remove(&index->audiences, audience_key_of(audience));
        free(audience);
    }
}

struct audience *audience_index_next_wildcard(const struct audience_index *index,
                                              struct bytes tenant, struct bytes permission,
                                              size_t *size)
{
    for (; *size <= permission.size && *size < index->wildcard_size_max; ++*size) {
        struct bytes key = {index->scratch, 0};
        struct audience *audience;

        if (index->wildcards_by_size[*size] == 0)
            continue;
        key.size = audience_key_write(index->scratch, AUDIENCE_PERMISSION, tenant,
                                      (struct bytes){permission.data, *size});
        index->scratch[key.size++] = '*';
        audience = map_find(&index->audiences, key);
        if (audience) {
            ++*size;
            return audience;
        }
    }
    return NULL;
}
