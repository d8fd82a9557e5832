/* SPDX-License-Identifier: Apache-2.0 */
/* policy.h: per event type: who may see it, and what it takes away. The only place that decides. */
#ifndef MODEL_POLICY_H
#define MODEL_POLICY_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "model/audience.h"
#include "model/event_type.h"

enum receiver_kind {
    RECEIVER_SUBJECT,
    RECEIVER_TARGET,
    RECEIVER_ADMINS,
    RECEIVER_ROLE,
    RECEIVER_PERMISSION
};

/* `name` of a role, or a permission's template with {resource} and {action}. */
struct receiver {
    enum receiver_kind kind;
    struct bytes name;
};

enum effect { EFFECT_NONE, EFFECT_FENCE_EVERYTHING, EFFECT_FENCE_ROLE, EFFECT_FENCE_PERMISSION };

struct policy_rule {
    const struct receiver *receivers;
    unsigned receivers_count;
    enum effect effect;
};

struct policy {
    struct policy_rule rules[EVENT_TYPES];
};

/* The table "Who may see an event" and the one of effects in protocol/. Static. */
extern const struct policy policy_default;

#endif
