/* SPDX-License-Identifier: Apache-2.0 */
/* map.h: a hash table of items found by bytes, safe against keys chosen by a stranger. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"

/* Open addressing with linear probing and backward-shift removal; 16 bytes a slot. The item
 * owns its key: key_of must return the same bytes as long as the item is in the map. */
struct map_slot {
    uint64_t hash;
    void *item; /* NULL: empty */
};

struct map {
    struct map_slot *slots;
    size_t count, capacity; /* capacity is 0 or a power of two; count <= capacity * 3/4 */
    struct bytes (*key_of)(const void *item);
    uint8_t seed[16];
};

void map_init(struct map *map, struct bytes (*key_of)(const void *item), const uint8_t seed[16]);
void map_done(struct map *map); /* frees the table, not the items */
void *map_find(const struct map *map, struct bytes key);
/* Puts a new item; its key must not be in the map. MCP_AUTH_E_NOMEM. */
MUST_CHECK int map_insert(struct map *map, void *item);
/* Takes out the item with this key and returns it, or NULL. Shrinks when mostly empty. */
void *map_remove(struct map *map, struct bytes key);
/* Walks all items: start with *cursor == 0, ends with NULL. No change while walking. */
void *map_next(const struct map *map, size_t *cursor);

#endif
