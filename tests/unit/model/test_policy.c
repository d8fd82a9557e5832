/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy.c: the default policy is the protocol's two tables, and one on the heap is counted. */
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

TEST(a_policy_on_the_heap_is_a_copy_that_lives_as_long_as_somebody_holds_it)
{
    char name[] = "auditor";
    struct receiver receivers[] = {{RECEIVER_ROLE, {name, 7}}, {RECEIVER_ADMINS, {0}}};
    struct policy made = {.privacy_given = true, .privacy = PRIVACY_NONE};
    const struct policy *policy;

    made.rules[EVENT_USER_CREATED] = (struct policy_rule){receivers, 2, EFFECT_FENCE_ROLE};
    CHECK_EQ(policy_new(&policy, &made), 0);
    name[0] = 'x';
    receivers[1].kind = RECEIVER_TARGET;
    CHECK(policy_ref(policy) == policy);
    policy_unref(policy);
    CHECK(policy->privacy_given && policy->privacy == PRIVACY_NONE);
    CHECK_EQ(policy->rules[EVENT_USER_CREATED].receivers_count, 2);
    CHECK_TEXT(policy->rules[EVENT_USER_CREATED].receivers[0].name, "auditor");
    CHECK_EQ(policy->rules[EVENT_USER_CREATED].receivers[1].kind, RECEIVER_ADMINS);
    CHECK_EQ(policy->rules[EVENT_USER_CREATED].effect, EFFECT_FENCE_ROLE);
    CHECK_EQ(policy->rules[EVENT_USER_DELETED].receivers_count, 0);
    policy_unref(policy);
}

TEST(the_default_is_nobodys_to_free)
{
    CHECK(policy_ref(&policy_default) == &policy_default);
    policy_unref(&policy_default);
    policy_unref(&policy_default);
    policy_unref(NULL);
}

TEST(an_effect_enforces_a_type_when_it_takes_as_much_as_the_types_own)
{
    CHECK(policy_enforces(EVENT_ROLE_REVOKED, EFFECT_FENCE_ROLE));
    CHECK(policy_enforces(EVENT_ROLE_REVOKED, EFFECT_FENCE_EVERYTHING));
    CHECK(!policy_enforces(EVENT_ROLE_REVOKED, EFFECT_FENCE_PERMISSION));
    CHECK(!policy_enforces(EVENT_ROLE_REVOKED, EFFECT_NONE));
    CHECK(!policy_enforces(EVENT_USER_DELETED, EFFECT_FENCE_ROLE));
    CHECK(policy_enforces(EVENT_USER_CREATED, EFFECT_NONE));
    CHECK(policy_enforces(EVENT_USER_CREATED, EFFECT_FENCE_ROLE));
}
