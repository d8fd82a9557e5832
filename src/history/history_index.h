/* SPDX-License-Identifier: Apache-2.0 */
/* history_index.h: audience key to the numbers of the events it finds, oldest first. */
#ifndef HISTORY_HISTORY_INDEX_H
#define HISTORY_HISTORY_INDEX_H

#include "base/map.h"

/* One key's chain: ascending numbers in a ring that grows by doubling. */
struct history_chain {
    uint64_t *numbers;
    size_t first, count, capacity; /* capacity is 0 or a power of two */
    size_t key_size;
    char key[];
};

struct history_index {
    struct map chains;
};

void history_index_init(struct history_index *index, const uint8_t seed[16]);
void history_index_done(struct history_index *index);
/* n is larger than any before it. MCP_AUTH_E_NOMEM: nothing changed. */
MUST_CHECK int history_index_add(struct history_index *index, struct bytes key, uint64_t n);
/* Forgets this key's oldest number if it is n; an empty chain goes. */
void history_index_drop_first(struct history_index *index, struct bytes key, uint64_t n);
/* Takes back the newest number of this key if it is n (an append that failed half-way). */
void history_index_drop_last(struct history_index *index, struct bytes key, uint64_t n);
/* NULL when the key finds nothing. Borrowed until the next change. */
const struct history_chain *history_index_find(const struct history_index *index, struct bytes key);
/* The place of the first number > n; chain->count when there is none. */
size_t history_chain_after(const struct history_chain *chain, uint64_t n);
uint64_t history_chain_at(const struct history_chain *chain, size_t place);
size_t history_index_bytes(const struct history_index *index);

#endif
