/* SPDX-License-Identifier: Apache-2.0 */
/* stored_fields.h: an entry of the stream as its store has it: the fields that an event becomes. */
#ifndef MODEL_STORED_FIELDS_H
#define MODEL_STORED_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* All borrowed. An absent text and an empty one are the same here. */
struct stored_fields {
    struct bytes id, tenant, user, target, type, by, json;
    int64_t time_ms; /* the event's; for whoever trims by age: the event has it from its json */
    bool given, no_effects;
};

#endif
