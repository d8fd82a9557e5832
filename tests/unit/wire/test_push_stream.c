/* SPDX-License-Identifier: Apache-2.0 */
/* test_push_stream.c: frames as server-sent events, byte for byte, and where one ends. */
#include "wire/push_stream.h"

#include "unit.h"
#include "wire/push.h"

static const struct position place = {1, 2, 3};
#define PLACE "AAAAAAAAAAEAAAAAAAAAAgAAAAAAAAAD"

TEST(an_event_has_its_position_as_id)
{
    const char expected[] =
        "event: event\nid: " PLACE "\ndata: {\"a\":1,\"position\":\"" PLACE "\"}\n\n";
    char frame[512], position[POSITION_SIZE];

    position_write(&place, position);
    CHECK_EQ(push_stream_event_size(BYTES("{\"a\":1}")), sizeof expected - 1);
    push_stream_event_write(frame, BYTES("{\"a\":1}"), position);
    assert_memory_equal(frame, expected, sizeof expected - 1);
}

TEST(a_control_frame_is_named_by_its_type)
{
    const struct bytes json = BYTES("{\"type\":\"heartbeat\",\"x\":\"\\n\"}");
    const char with[] =
        "event: heartbeat\nid: " PLACE "\ndata: {\"type\":\"heartbeat\",\"x\":\"\\n\"}\n\n";
    const char without[] = "event: heartbeat\ndata: {\"type\":\"heartbeat\",\"x\":\"\\n\"}\n\n";
    char frame[512];

    CHECK_EQ(push_stream_text_size(json, &place), sizeof with - 1);
    push_stream_text_write(frame, json, &place);
    assert_memory_equal(frame, with, sizeof with - 1);
    CHECK_EQ(push_stream_text_size(json, NULL), sizeof without - 1);
    push_stream_text_write(frame, json, NULL);
    assert_memory_equal(frame, without, sizeof without - 1);
}

TEST(the_end_of_a_frame_is_found_in_either_form)
{
    char frames[512], position[POSITION_SIZE];
    size_t first = push_stream_event_size(BYTES("{}")), size = first;

    position_write(&place, position);
    push_stream_event_write(frames, BYTES("{}"), position);
    push_stream_ping_write(frames + size);
    size += PUSH_STREAM_PING_SIZE;
    CHECK_EQ(push_frame_size((struct bytes){frames, size}), first);
    CHECK_EQ(push_frame_size((struct bytes){frames + first, size - first}), PUSH_STREAM_PING_SIZE);
    push_text_write(frames, BYTES("{\"a\":\"\\n\\n\"}"));
    CHECK_EQ(push_frame_size((struct bytes){frames, 400}),
             push_text_size(BYTES("{\"a\":\"\\n\\n\"}")));
}
