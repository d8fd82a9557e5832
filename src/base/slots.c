/* SPDX-License-Identifier: Apache-2.0 */
/* slots.c: handles for things that may be gone when an answer comes back for them. */
#include "base/slots.h"

#include <assert.h>
#include <stdlib.h>

#include "mcp_auth/error.h"

/* The last index is kept to mean "no free slot". */
#define SLOT_NONE UINT32_MAX
#define SLOTS_CAPACITY_FIRST 16u

struct slot {
    void *item;          /* NULL: free or retired */
    uint32_t generation; /* of the item, or of the next one; 0: retired */
    uint32_t next_free;
};

void slots_init(struct slots *slots)
{
    *slots = (struct slots){.first_free = SLOT_NONE};
}

void slots_done(struct slots *slots)
{
    if (!slots)
        return;
    free(slots->slots);
    slots_init(slots);
}

static int slots_grow(struct slots *slots)
{
    uint32_t capacity = slots->capacity ? slots->capacity : SLOTS_CAPACITY_FIRST / 2;
    struct slot *grown;

    if (slots->capacity >= SLOT_NONE)
        return MCP_AUTH_E_FULL;
    capacity = capacity > SLOT_NONE / 2 ? SLOT_NONE : capacity * 2;
    grown = reallocarray(slots->slots, capacity, sizeof *grown);
    if (!grown)
        return MCP_AUTH_E_NOMEM;

    /* Freed indexes are used again last in, first out, so the low ones stay warm. */
    for (uint32_t i = capacity; i-- > slots->capacity;) {
        grown[i] = (struct slot){NULL, 1, slots->first_free};
        slots->first_free = i;
    }
    slots->slots = grown;
    slots->capacity = capacity;
    return 0;
}

int slots_put(struct slots *slots, void *item, slot_handle *ret)
{
    struct slot *slot;
    uint32_t index;

    assert(item && ret);
    if (slots->first_free == SLOT_NONE) {
        int r = slots_grow(slots);

        if (r < 0)
            return r;
    }

    index = slots->first_free;
    slot = &slots->slots[index];
    assert(!slot->item && slot->generation != 0);
    slots->first_free = slot->next_free;
    slot->item = item;
    slots->count++;
    *ret = (slot_handle)slot->generation << 32 | index;
    return 0;
}

void *slots_get(const struct slots *slots, slot_handle handle)
{
    uint32_t index = (uint32_t)handle, generation = (uint32_t)(handle >> 32);

    if (index >= slots->capacity || slots->slots[index].generation != generation)
        return NULL;
    return slots->slots[index].item;
}

void slots_remove(struct slots *slots, slot_handle handle)
{
    uint32_t index = (uint32_t)handle;
    struct slot *slot;

    if (!slots_get(slots, handle))
        return;
    slot = &slots->slots[index];
    slot->item = NULL;
    slots->count--;
    if (++slot->generation == 0)
        return; /* retired */
    slot->next_free = slots->first_free;
    slots->first_free = index;
}

void *slots_next(const struct slots *slots, uint32_t *cursor)
{
    while (*cursor < slots->capacity) {
        void *item = slots->slots[(*cursor)++].item;

        if (item)
            return item;
    }
    return NULL;
}
