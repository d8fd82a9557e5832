/* SPDX-License-Identifier: Apache-2.0 */
/* test_event_control.c: an entry that withdraws has its fence and its audience is nobody. */
#include "model/event.h"

#include "unit.h"

TEST(a_revoked_user_is_fenced_from_everything_and_nobody_is_shown_it)
{
    struct control_fields fields = {.control = CONTROL_REVOCATION,
                                    .id = BYTES("c1"),
                                    .tenant = BYTES("acme"),
                                    .publisher = BYTES("root"),
                                    .user = BYTES("ann"),
                                    .time_ms = 77};
    struct event *event;

    CHECK_EQ(event_new_control(&event, &fields, BYTES("{}")), 0);
    CHECK(event->has_fence && event_has_effect(event));
    CHECK_EQ(event->fence.scope, FENCE_EVERYTHING);
    CHECK_EQ(event->fence.not_before_ms, 77);
    CHECK_TEXT(event->fence.user, "ann");
    CHECK_TEXT(event->fence.tenant, "acme");
    CHECK(!bytes_present(event->fence.name));
    CHECK_EQ(event->audience_count, 0);
    CHECK_EQ(event->type, EVENT_TYPES);
    event_unref(event);
}

TEST(a_revoked_token_is_fenced_by_its_id_alone)
{
    struct control_fields fields = {.control = CONTROL_REVOCATION,
                                    .id = BYTES("c1"),
                                    .tenant = BYTES(""),
                                    .publisher = BYTES(""),
                                    .token_id = BYTES("jti-1")};
    struct event *event;

    CHECK_EQ(event_new_control(&event, &fields, BYTES("{}")), 0);
    CHECK_EQ(event->fence.scope, FENCE_TOKEN);
    CHECK_TEXT(event->fence.name, "jti-1");
    CHECK(!bytes_present(event->fence.user));
    CHECK(!bytes_present(event->members[MEMBER_USER_ID]));
    event_unref(event);
}

TEST(a_disconnection_takes_nothing_away_and_is_an_effect_all_the_same)
{
    struct control_fields fields = {.control = CONTROL_DISCONNECT,
                                    .id = BYTES("c1"),
                                    .tenant = BYTES(""),
                                    .publisher = BYTES(""),
                                    .user = BYTES("ann")};
    struct event *event;

    CHECK_EQ(event_new_control(&event, &fields, BYTES("{}")), 0);
    CHECK(!event->has_fence && event_has_effect(event));
    CHECK_TEXT(event->members[MEMBER_USER_ID], "ann");
    event_unref(event);
}

TEST(a_fence_on_its_way_to_the_hubs_is_a_control_entry_of_its_own_text)
{
    char tenant[] = "acme", user[] = "ann", role[] = "editor";
    struct fence fence = {bytes_of(tenant), bytes_of(user), FENCE_ROLE, bytes_of(role), 77};
    struct event *event;

    CHECK_EQ(event_new_fence(&event, &fence), 0);
    tenant[0] = user[0] = role[0] = 'x';
    CHECK_EQ(event->control, CONTROL_FENCE);
    CHECK(event_has_effect(event) && event->audience_count == 0);
    CHECK_EQ(event->fence.scope, FENCE_ROLE);
    CHECK_EQ(event->fence.not_before_ms, 77);
    CHECK_TEXT(event->fence.tenant, "acme");
    CHECK_TEXT(event->fence.user, "ann");
    CHECK_TEXT(event->fence.name, "editor");
    CHECK_TEXT(event->tenant, "acme");
    event_unref(event);
}

TEST(a_fence_over_a_token_names_no_user)
{
    struct fence fence = {BYTES(""), {0}, FENCE_TOKEN, BYTES("jti-1"), 1};
    struct event *event;

    CHECK_EQ(event_new_fence(&event, &fence), 0);
    CHECK(!bytes_present(event->fence.user));
    CHECK_TEXT(event->fence.name, "jti-1");
    event_unref(event);
}

TEST(an_entry_that_cannot_be_read_does_nothing_to_anybody)
{
    struct control_fields fields = {.control = CONTROL_UNREADABLE, .id = BYTES("")};
    struct event *event;

    CHECK_EQ(event_new_control(&event, &fields, BYTES("{}")), 0);
    CHECK(!event_has_effect(event));
    CHECK_EQ(event->audience_count, 0);
    event_unref(event);
}

TEST(the_type_of_a_control_entry_names_it)
{
    CHECK_EQ(event_control_find(event_control_text(CONTROL_REVOCATION)), CONTROL_REVOCATION);
    CHECK_EQ(event_control_find(event_control_text(CONTROL_DISCONNECT)), CONTROL_DISCONNECT);
    CHECK(!bytes_present(event_control_text(CONTROL_UNREADABLE)));
    CHECK_EQ(event_control_find(BYTES("")), CONTROL_NONE);
    CHECK_EQ(event_control_find(BYTES("$tomorrow")), CONTROL_NONE);
}
