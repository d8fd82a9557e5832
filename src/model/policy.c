/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c: the policy in force when no file replaces it, from the lists in protocol/. */
#include "model/policy.h"

static const struct receiver people_concerned[] = {
    {.kind = RECEIVER_SUBJECT},
    {.kind = RECEIVER_TARGET},
    {.kind = RECEIVER_ADMINS},
};

static const struct receiver administrators[] = {
    {.kind = RECEIVER_ADMINS},
};

#define RECEIVERS_PERMISSION people_concerned
#define RECEIVERS_ROLE people_concerned
#define RECEIVERS_USER people_concerned
#define RECEIVERS_SECURITY people_concerned
#define RECEIVERS_SYSTEM administrators

#define EFFECT_OF_NONE EFFECT_NONE
#define EFFECT_OF_EVERYTHING EFFECT_FENCE_EVERYTHING
#define EFFECT_OF_ROLE EFFECT_FENCE_ROLE
#define EFFECT_OF_PERMISSION EFFECT_FENCE_PERMISSION

#define FAMILY_RULE(name, text, family, message)   \
    [EVENT_##name].receivers = RECEIVERS_##family, \
    [EVENT_##name].receivers_count = ARRAY_COUNT(RECEIVERS_##family),
#define EFFECT_RULE(name, scope) [EVENT_##name].effect = EFFECT_OF_##scope,

const struct policy policy_default = {
    .rules = {EVENT_TYPE_LIST(FAMILY_RULE) EVENT_EFFECT_LIST(EFFECT_RULE)},
};
