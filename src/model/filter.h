/* SPDX-License-Identifier: Apache-2.0 */
/* filter.h: what a client asked to see: event types, resources, a level. Narrows, never widens. */
#ifndef MODEL_FILTER_H
#define MODEL_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "model/event_type.h"

_Static_assert(EVENT_TYPES <= 32, "a filter's types are one word");
#define FILTER_ALL_TYPES ((uint32_t)((1ull << EVENT_TYPES) - 1))

/* One allocation, immutable. A session without a filter has NULL, which passes everything. */
struct filter {
    uint32_t types;     /* bit per event type */
    int level_min;      /* rank */
    bool has_resources; /* an empty list passes nothing */
    unsigned resources_count;
    struct bytes resources[]; /* exact, or a prefix when it ends in '*' */
};

MUST_CHECK int filter_new(struct filter **ret, uint32_t types, int level_min, bool has_resources,
                          const struct bytes *resources, unsigned resources_count);
void filter_free(struct filter *filter);
/* An event without resource (absent) does not pass a resource filter. NULL filter passes. */
bool filter_passes(const struct filter *filter, enum event_type type, int level,
                   struct bytes resource);

#endif
