/* SPDX-License-Identifier: Apache-2.0 */
/* audience_index.c: administrators, role, permission to the authorities they find. */
#include "hub/audience_index.h"

#include <assert.h>
#include <stdlib.h>

#include "hub/authority.h"
#include "mcp_auth/error.h"

#define ROOM_MIN 2u

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

static struct audience *audience_new(struct audience_index *index, struct bytes key)
{
    struct audience *audience = calloc(1, sizeof *audience + key.size);

    if (!audience)
        return NULL;
    audience->key_size = key.size;
    memcpy(audience->key, key.data, key.size);
    if (map_insert(&index->audiences, audience) < 0) {
        free(audience);
        return NULL;
    }
    return audience;
}

static void go_if_empty(struct audience_index *index, struct audience *audience)
{
    if (audience->count > 0)
        return;
    map_remove(&index->audiences, audience_key_of(audience));
    free(audience->places);
    free(audience);
}

static int resize(struct audience *audience, uint32_t room)
{
    struct audience_place *places = realloc(audience->places, room * sizeof *places);

    if (!places)
        return MCP_AUTH_E_NOMEM;
    audience->places = places;
    audience->room = room;
    return 0;
}

static int make_room(struct audience *audience)
{
    if (audience->count < audience->room)
        return 0;
    return resize(audience, audience->room ? audience->room + audience->room / 2 : ROOM_MIN);
}

int audience_index_enter(struct audience_index *index, struct authority *authority, uint32_t member,
                         enum audience_kind kind, struct bytes tenant, struct bytes name)
{
    struct bytes key = {index->scratch, 0};
    struct audience *audience;
    unsigned *wildcards;

    assert(2 + tenant.size + name.size <= index->scratch_size);
    key.size = audience_key_write(index->scratch, kind, tenant, name);
    audience = map_find(&index->audiences, key);
    if (!audience)
        audience = audience_new(index, key);
    if (!audience)
        return MCP_AUTH_E_NOMEM;
    if (make_room(audience) < 0) {
        go_if_empty(index, audience);
        return MCP_AUTH_E_NOMEM;
    }
    authority->members[member] = (struct member){audience, audience->count};
    audience->places[audience->count++] = (struct audience_place){authority, member};
    wildcards = wildcard_count(index, audience);
    if (wildcards)
        ++*wildcards;
    return 0;
}

void audience_index_leave(struct audience_index *index, struct authority *authority,
                          uint32_t number)
{
    struct member *member = &authority->members[number];
    struct audience *audience = member->audience;
    struct audience_place *last;
    unsigned *wildcards;

    if (!audience)
        return;
    wildcards = wildcard_count(index, audience);
    if (wildcards)
        --*wildcards;
    assert(audience->places[member->place].authority == authority);
    last = &audience->places[audience->count - 1];
    last->authority->members[last->member].place = member->place;
    audience->places[member->place] = *last;
    audience->count--;
    member->audience = NULL;
    /* Without memory for the smaller one the larger stays. */
    if (audience->room > ROOM_MIN && audience->count <= audience->room / 4)
        (void)!resize(audience, audience->room / 2);
    go_if_empty(index, audience);
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
