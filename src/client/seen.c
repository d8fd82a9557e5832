/* SPDX-License-Identifier: Apache-2.0 */
/* seen.c: the ids of the last events, so that one that comes again is known. */
#include "client/seen.h"

#include <assert.h>
#include <stdlib.h>

#include "base/random.h"
#include "mcp_auth/error.h"

static struct bytes seen_key(const void *item)
{
    const struct seen_id *id = item;

    return (struct bytes){id->text, id->size};
}

int seen_init(struct seen *seen, unsigned count)
{
    uint8_t seed[16];

    assert(count > 0 && count <= SEEN_COUNT_MAX);
    random_kernel.fill(random_kernel.owner, seed, sizeof seed);
    map_init(&seen->map, seen_key, seed);
    seen->ring = calloc(count, sizeof *seen->ring);
    seen->count = count;
    seen->at = 0;
    return seen->ring ? 0 : MCP_AUTH_E_NOMEM;
}

void seen_done(struct seen *seen)
{
    map_done(&seen->map);
    free(seen->ring);
    seen->ring = NULL;
}

bool seen_before(struct seen *seen, struct bytes id)
{
    struct seen_id *place = &seen->ring[seen->at];

    if (id.size == 0 || id.size > SEEN_ID_SIZE_MAX)
        return false;
    if (map_find(&seen->map, id))
        return true;
    if (place->size > 0)
        (void)map_remove(&seen->map, seen_key(place));
    memcpy(place->text, id.data, id.size);
    place->size = (unsigned char)id.size;
    if (map_insert(&seen->map, place) < 0)
        place->size = 0;
    seen->at = (seen->at + 1) % seen->count;
    return false;
}
