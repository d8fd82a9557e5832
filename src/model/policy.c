/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c: the policy in force when no file replaces it, and the life of one that does. */
#include "model/policy.h"

#include <assert.h>
#include <stdlib.h>

#include "mcp_auth/error.h"

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

static size_t policy_size(const struct policy *policy)
{
    size_t size = sizeof *policy;

    for (int type = 0; type < EVENT_TYPES; type++)
        for (unsigned i = 0; i < policy->rules[type].receivers_count; i++)
            size += sizeof(struct receiver) + policy->rules[type].receivers[i].name.size;
    return size;
}

static unsigned receivers_in_all(const struct policy *policy)
{
    unsigned count = 0;

    for (int type = 0; type < EVENT_TYPES; type++)
        count += policy->rules[type].receivers_count;
    return count;
}

/* The receivers of all types stand together, then their names. */
int policy_new(const struct policy **ret, const struct policy *from)
{
    struct policy *policy = malloc(policy_size(from));
    struct receiver *to;
    char *at;

    if (!policy)
        return MCP_AUTH_E_NOMEM;
    *policy = (struct policy){
        .privacy_given = from->privacy_given,
        .privacy = from->privacy,
        .counted = true,
    };
    atomic_init(&policy->refs, 1);
    to = (struct receiver *)(policy + 1);
    at = (char *)(to + receivers_in_all(from));
    for (int type = 0; type < EVENT_TYPES; type++) {
        const struct policy_rule *rule = &from->rules[type];

        policy->rules[type] = (struct policy_rule){to, rule->receivers_count, rule->effect};
        for (unsigned i = 0; i < rule->receivers_count; i++, to++) {
            *to = rule->receivers[i];
            if (to->name.size == 0)
                continue;
            memcpy(at, to->name.data, to->name.size);
            to->name.data = at;
            at += to->name.size;
        }
    }
    assert((size_t)(at - (char *)policy) == policy_size(from));
    *ret = policy;
    return 0;
}

/* What is counted was allocated here, so it is no constant. */
static struct policy *counted_policy(const struct policy *policy)
{
    return policy && policy->counted ? (struct policy *)(uintptr_t)policy : NULL;
}

const struct policy *policy_ref(const struct policy *policy)
{
    struct policy *counted = counted_policy(policy);

    if (counted)
        atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
    return policy;
}

void policy_unref(const struct policy *policy)
{
    struct policy *counted = counted_policy(policy);

    if (counted && atomic_fetch_sub_explicit(&counted->refs, 1, memory_order_acq_rel) == 1)
        free(counted);
}

bool policy_enforces(enum event_type type, enum effect effect)
{
    enum effect expected = policy_default.rules[type].effect;

    return expected == EFFECT_NONE || effect == expected || effect == EFFECT_FENCE_EVERYTHING;
}
