/* SPDX-License-Identifier: Apache-2.0 */
/* slots.h: handles for things that may be gone when an answer comes back for them. */
#ifndef BASE_SLOTS_H
#define BASE_SLOTS_H

#include <stdint.h>

#include "base/compiler.h"

/* A handle is (generation << 32 | index); a freed index gets a new generation, so a late
 * answer for what is gone finds nothing. 0 is never a handle. An index whose generations are
 * all used (after 2^32 - 1 of them) is retired, so that no handle ever comes back. */
typedef uint64_t slot_handle;

struct slots {
    struct slot *slots;
    uint32_t count, capacity, first_free;
};

void slots_init(struct slots *slots);
void slots_done(struct slots *slots);
/* The item must not be NULL. MCP_AUTH_E_NOMEM, MCP_AUTH_E_FULL. */
MUST_CHECK int slots_put(struct slots *slots, void *item, slot_handle *ret);
void *slots_get(const struct slots *slots, slot_handle handle); /* or NULL */
/* The next item whose index is at least *cursor, which is moved behind it; NULL at the end. */
void *slots_next(const struct slots *slots, uint32_t *cursor);
void slots_remove(struct slots *slots, slot_handle handle); /* already gone: fine */

#endif
