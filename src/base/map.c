/* SPDX-License-Identifier: Apache-2.0 */
/* map.c: a hash table of items found by bytes, safe against keys chosen by a stranger. */
#include "base/map.h"

#include <assert.h>
#include <stdlib.h>

#include "base/siphash.h"
#include "mcp_auth/error.h"

#define MAP_CAPACITY_MIN 8u

void map_init(struct map *map, struct bytes (*key_of)(const void *item), const uint8_t seed[16])
{
    assert(map && key_of);
    *map = (struct map){.key_of = key_of};
    memcpy(map->seed, seed, sizeof map->seed);
}

void map_done(struct map *map)
{
    if (!map)
        return;
    free(map->slots);
    map->slots = NULL;
    map->count = map->capacity = 0;
}

/* The slot of this key, or the empty slot that ends its probe. Needs capacity > 0; the load
 * limit keeps at least a quarter of the slots empty, so the walk ends. */
static size_t map_probe(const struct map *map, uint64_t hash, struct bytes key)
{
    size_t mask = map->capacity - 1;
    size_t i = hash & mask;

    while (map->slots[i].item) {
        if (map->slots[i].hash == hash && bytes_equal(map->key_of(map->slots[i].item), key))
            break;
        i = (i + 1) & mask;
    }
    return i;
}

static int map_resize(struct map *map, size_t capacity)
{
    struct map_slot *slots;
    size_t mask = capacity - 1;

    assert(capacity >= MAP_CAPACITY_MIN && (capacity & mask) == 0);
    assert(map->count <= capacity / 4 * 3);
    slots = calloc(capacity, sizeof *slots);
    if (!slots)
        return MCP_AUTH_E_NOMEM;

    for (size_t i = 0; i < map->capacity; i++) {
        size_t to = map->slots[i].hash & mask;

        if (!map->slots[i].item)
            continue;
        while (slots[to].item)
            to = (to + 1) & mask;
        slots[to] = map->slots[i];
    }
    free(map->slots);
    map->slots = slots;
    map->capacity = capacity;
    return 0;
}

void *map_find(const struct map *map, struct bytes key)
{
    if (map->count == 0)
        return NULL;
    return map->slots[map_probe(map, siphash(map->seed, key.data, key.size), key)].item;
}

int map_insert(struct map *map, void *item)
{
    struct bytes key;
    uint64_t hash;
    size_t i;

    assert(item);
    if (map->count + 1 > map->capacity / 4 * 3) {
        int r = map_resize(map, map->capacity ? map->capacity * 2 : MAP_CAPACITY_MIN);

        if (r < 0)
            return r;
    }

    key = map->key_of(item);
    hash = siphash(map->seed, key.data, key.size);
    i = map_probe(map, hash, key);
    assert(!map->slots[i].item); /* a second item of one key is our mistake */
    map->slots[i] = (struct map_slot){hash, item};
    map->count++;
    return 0;
}

void *map_remove(struct map *map, struct bytes key)
{
    size_t mask = map->capacity - 1, hole, i;
    void *item;

    if (map->count == 0)
        return NULL;
    hole = map_probe(map, siphash(map->seed, key.data, key.size), key);
    item = map->slots[hole].item;
    if (!item)
        return NULL;

    /* Close the hole: an item behind it moves in unless its home lies after the hole, since
     * a probe must never meet an empty slot before its item. Distances are taken round the
     * table: from home to where it is, and from the hole to where it is. */
    for (i = (hole + 1) & mask; map->slots[i].item; i = (i + 1) & mask) {
        if (((i - map->slots[i].hash) & mask) < ((i - hole) & mask))
            continue;
        map->slots[hole] = map->slots[i];
        hole = i;
    }
    map->slots[hole] = (struct map_slot){0};
    map->count--;

    /* At an eighth, so that growing again needs six times the items: no flapping. A failure
     * leaves the larger table, which is as right. */
    if (map->capacity > MAP_CAPACITY_MIN && map->count <= map->capacity / 8)
        (void)!map_resize(map, map->capacity / 2);
    return item;
}

void *map_next(const struct map *map, size_t *cursor)
{
    while (*cursor < map->capacity) {
        void *item = map->slots[(*cursor)++].item;

        if (item)
            return item;
    }
    return NULL;
}
