/* SPDX-License-Identifier: Apache-2.0 */
/* policy.h: per event type: who may see it, and what it takes away. The only place that decides. */
#ifndef MODEL_POLICY_H
#define MODEL_POLICY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "model/audience.h"
#include "model/event_type.h"
#include "model/privacy.h"

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

/* Immutable. A policy on the heap is one allocation, shared by threads, and replaced whole. */
struct policy {
    struct policy_rule rules[EVENT_TYPES];
    bool privacy_given; /* else the setting decides */
    enum privacy privacy;
    bool counted; /* on the heap; policy_default is not, and lives for ever */
    atomic_uint refs;
};

/* The table "Who may see an event" and the one of effects in protocol/. Static. */
extern const struct policy policy_default;

/* Copies, with all that the rules borrow. MCP_AUTH_E_NOMEM. */
MUST_CHECK int policy_new(const struct policy **ret, const struct policy *from);
const struct policy *policy_ref(const struct policy *policy);
void policy_unref(const struct policy *policy); /* NULL is fine, and so is policy_default */

/* Does this effect withdraw at least what the type's name says is withdrawn? True of any effect
 * for a type that by default has none. */
bool policy_enforces(enum event_type type, enum effect effect);

#endif
