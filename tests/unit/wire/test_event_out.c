/* SPDX-License-Identifier: Apache-2.0 */
/* test_event_out.c: frames have the protocol's order, and each view leaves out what it must. */
#include "wire/event_out.h"

#include "codec/json.h"
#include "unit.h"

static struct event_fields all_given(void)
{
    struct event_fields fields = {
        .type = EVENT_ROLE_REVOKED,
        .id = BYTES("e1"),
        .tenant = BYTES("acme"),
        .time_ms = 1700000000123,
        .data = BYTES("{\"why\":\"left\"}"),
        .members =
            {
                [MEMBER_MESSAGE] = BYTES("A \"role\"\nwas revoked"),
                [MEMBER_SECURITY_LEVEL] = BYTES("high"),
                [MEMBER_USER_ID] = BYTES("alice"),
                [MEMBER_USER_NAME] = BYTES("Alice"),
                [MEMBER_TARGET_USER_ID] = BYTES("bob"),
                [MEMBER_RESOURCE] = BYTES("docs"),
                [MEMBER_RESOURCE_ID] = BYTES("7"),
                [MEMBER_ACTION] = BYTES("read"),
                [MEMBER_ROLE_NAME] = BYTES("editor"),
                [MEMBER_PERMISSION] = BYTES("docs:read"),
                [MEMBER_TENANT_ID] = BYTES("acme"),
            },
    };

    return fields;
}

#define HEAD                                                             \
    "{\"type\":\"event\",\"id\":\"e1\",\"event_type\":\"role_revoked\"," \
    "\"timestamp\":\"2023-11-14T22:13:20.123Z\","                        \
    "\"message\":\"A \\\"role\\\"\\nwas revoked\",\"security_level\":\"high\","
#define TAIL                                                                        \
    "\"resource\":\"docs\",\"resource_id\":\"7\",\"action\":\"read\","              \
    "\"role_name\":\"editor\",\"permission\":\"docs:read\",\"tenant_id\":\"acme\"," \
    "\"data\":{\"why\":\"left\"}}"
#define FULL HEAD "\"user_id\":\"alice\",\"user_name\":\"Alice\",\"target_user_id\":\"bob\"," TAIL

static void check_view(const struct event *event, struct privacy_cut cut, const char *expected)
{
    struct strbuf out;

    strbuf_init(&out, EVENT_SIZE_MAX);
    event_out_view(&out, event, &cut);
    CHECK_EQ(strbuf_terminate(&out), 0);
    assert_string_equal(out.data, expected);
    strbuf_done(&out);
}

TEST(a_frame_has_every_given_member_in_the_order_of_the_protocol)
{
    struct event_fields fields = all_given();
    const struct privacy_cut nothing = {0};
    struct strbuf out;

    strbuf_init(&out, EVENT_SIZE_MAX);
    event_out_compose(&out, &fields, &nothing);
    CHECK_TEXT(strbuf_bytes(&out), FULL);
    strbuf_done(&out);
}

TEST(absent_members_are_left_out_and_empty_ones_are_not)
{
    struct event_fields fields = {.type = EVENT_USER_CREATED, .id = BYTES("e1")};
    const struct privacy_cut nothing = {0};
    struct strbuf out;

    fields.members[MEMBER_MESSAGE] = BYTES("");
    strbuf_init(&out, EVENT_SIZE_MAX);
    event_out_compose(&out, &fields, &nothing);
    CHECK_TEXT(strbuf_bytes(&out),
               "{\"type\":\"event\",\"id\":\"e1\",\"event_type\":\"user_created\","
               "\"timestamp\":\"1970-01-01T00:00:00.000Z\",\"message\":\"\"}");
    strbuf_done(&out);
}

TEST(a_view_leaves_out_exactly_what_is_cut)
{
    struct event_fields fields = all_given();
    struct event *event;

    CHECK_EQ(event_new(&event, &fields, BYTES(FULL), 0, &policy_default), 0);
    check_view(event, (struct privacy_cut){0}, FULL);
    check_view(event, (struct privacy_cut){.user_name = true},
               HEAD "\"user_id\":\"alice\",\"target_user_id\":\"bob\"," TAIL);
    check_view(event, (struct privacy_cut){.target_user_id = true},
               HEAD "\"user_id\":\"alice\",\"user_name\":\"Alice\"," TAIL);
    check_view(event, (struct privacy_cut){true, true, false},
               HEAD "\"target_user_id\":\"bob\"," TAIL);
    check_view(event, (struct privacy_cut){true, true, true}, HEAD TAIL);
    event_unref(event);
}

TEST(a_position_is_the_last_member_and_changes_nothing_else)
{
    const struct position position = {1, 2, 3};
    char text[POSITION_SIZE], room[sizeof FULL - 1 + EVENT_POSITION_SIZE];

    position_write(&position, text);
    event_out_with_position(room, BYTES(FULL), text);
    CHECK_EQ(memcmp(room, FULL, sizeof FULL - 2), 0);
    CHECK_TEXT(((struct bytes){room + sizeof FULL - 2, EVENT_POSITION_SIZE + 1}),
               ",\"position\":\"AAAAAAAAAAEAAAAAAAAAAgAAAAAAAAAD\"}");
}

TEST(a_frame_larger_than_its_room_is_noticed)
{
    struct event_fields fields = all_given();
    const struct privacy_cut nothing = {0};
    struct strbuf out;

    strbuf_init(&out, sizeof FULL - 2);
    event_out_compose(&out, &fields, &nothing);
    CHECK(out.error != 0);
    strbuf_done(&out);
}
