/* SPDX-License-Identifier: Apache-2.0 */
/* history_index.c: audience key to the numbers of the events it finds, oldest first. */
#include "history/history_index.h"

#include <assert.h>
#include <stdlib.h>

#include "mcp_auth/error.h"

#define CHAIN_CAPACITY_FIRST 4u

static struct bytes chain_key(const void *item)
{
    const struct history_chain *chain = item;

    return (struct bytes){chain->key, chain->key_size};
}

void history_index_init(struct history_index *index, const uint8_t seed[16])
{
    map_init(&index->chains, chain_key, seed);
}

static void chain_free(struct history_chain *chain)
{
    free(chain->numbers);
    free(chain);
}

void history_index_done(struct history_index *index)
{
    size_t cursor = 0;
    struct history_chain *chain;

    while ((chain = map_next(&index->chains, &cursor)))
        chain_free(chain);
    map_done(&index->chains);
}

static int chain_resize(struct history_chain *chain, size_t capacity)
{
    uint64_t *numbers = malloc(capacity * sizeof *numbers);

    if (!numbers)
        return MCP_AUTH_E_NOMEM;
    for (size_t i = 0; i < chain->count; i++)
        numbers[i] = history_chain_at(chain, i);
    free(chain->numbers);
    chain->numbers = numbers;
    chain->first = 0;
    chain->capacity = capacity;
    return 0;
}

static int chain_push(struct history_chain *chain, uint64_t n)
{
    if (chain->count == chain->capacity) {
        int r = chain_resize(chain, chain->capacity ? chain->capacity * 2 : CHAIN_CAPACITY_FIRST);

        if (r < 0)
            return r;
    }
    assert(chain->count == 0 || history_chain_at(chain, chain->count - 1) < n);
    chain->numbers[(chain->first + chain->count++) & (chain->capacity - 1)] = n;
    return 0;
}

int history_index_add(struct history_index *index, struct bytes key, uint64_t n)
{
    struct history_chain *chain = map_find(&index->chains, key);
    int r;

    if (chain)
        return chain_push(chain, n);
    chain = calloc(1, sizeof *chain + key.size);
    if (!chain)
        return MCP_AUTH_E_NOMEM;
    memcpy(chain->key, key.data, key.size);
    chain->key_size = key.size;
    r = chain_push(chain, n);
    if (r == 0)
        r = map_insert(&index->chains, chain);
    if (r < 0)
        chain_free(chain);
    return r;
}

static void chain_drop_if_empty(struct history_index *index, struct history_chain *chain)
{
    if (chain->count > 0)
        return;
    map_remove(&index->chains, chain_key(chain));
    chain_free(chain);
}

void history_index_drop_first(struct history_index *index, struct bytes key, uint64_t n)
{
    struct history_chain *chain = map_find(&index->chains, key);

    if (!chain || history_chain_at(chain, 0) != n)
        return;
    chain->first = (chain->first + 1) & (chain->capacity - 1);
    chain->count--;
    /* Gives memory back after a peak; without memory for the smaller ring the larger one serves. */
    if (chain->capacity > 4 * CHAIN_CAPACITY_FIRST && chain->count < chain->capacity / 4)
        (void)!chain_resize(chain, chain->capacity / 2);
    chain_drop_if_empty(index, chain);
}

void history_index_drop_last(struct history_index *index, struct bytes key, uint64_t n)
{
    struct history_chain *chain = map_find(&index->chains, key);

    if (!chain || history_chain_at(chain, chain->count - 1) != n)
        return;
    chain->count--;
    chain_drop_if_empty(index, chain);
}

const struct history_chain *history_index_find(const struct history_index *index, struct bytes key)
{
    return map_find(&index->chains, key);
}

uint64_t history_chain_at(const struct history_chain *chain, size_t place)
{
    assert(place < chain->count);
    return chain->numbers[(chain->first + place) & (chain->capacity - 1)];
}

size_t history_chain_after(const struct history_chain *chain, uint64_t n)
{
    size_t low = 0, high = chain->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (history_chain_at(chain, middle) <= n)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t history_index_bytes(const struct history_index *index)
{
    size_t bytes = index->chains.capacity * sizeof(struct map_slot), cursor = 0;
    const struct history_chain *chain;

    while ((chain = map_next(&index->chains, &cursor)))
        bytes += sizeof *chain + chain->key_size + chain->capacity * sizeof *chain->numbers;
    return bytes;
}
