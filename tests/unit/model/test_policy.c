/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy.c: the default policy is the protocol's two tables, type by type. */
#include "model/policy.h"

#include "unit.h"

TEST(system_events_are_for_administrators_and_all_others_for_the_people_concerned_too)
{
    for (int i = 0; i < EVENT_TYPES; i++) {
        const struct policy_rule *rule = &policy_default.rules[i];
        unsigned seen = 0;

        for (unsigned j = 0; j < rule->receivers_count; j++)
            seen |= BIT(rule->receivers[j].kind);
        if (event_type_family((enum event_type)i) == FAMILY_SYSTEM)
            CHECK_EQ(seen, BIT(RECEIVER_ADMINS));
        else
            CHECK_EQ(seen, BIT(RECEIVER_ADMINS) | BIT(RECEIVER_SUBJECT) | BIT(RECEIVER_TARGET));
    }
}

TEST(three_types_take_something_away_and_no_other)
{
    for (int i = 0; i < EVENT_TYPES; i++) {
        enum effect expected = i == EVENT_USER_DELETED         ? EFFECT_FENCE_EVERYTHING
                               : i == EVENT_ROLE_REVOKED       ? EFFECT_FENCE_ROLE
                               : i == EVENT_PERMISSION_REVOKED ? EFFECT_FENCE_PERMISSION
                                                               : EFFECT_NONE;

        CHECK_EQ(policy_default.rules[i].effect, expected);
    }
}
