/* SPDX-License-Identifier: Apache-2.0 */
/* test_push_deflate.c: a deflated frame says what the plain one says, alone, and is never longer. */
#include "wire/push_deflate.h"

#include <stdlib.h>

#include "base/random.h"
#include "codec/ws_deflate.h"
#include "unit.h"
#include "wire/push.h"

static const struct position place = {1, 2, 3};

/* {"x":"..."} of this many bytes: a word that repeats, or noise. Yours. */
static char *json_of(size_t size, bool noise)
{
    static const char letters[] = "letters";
    uint64_t state = size + 1;
    struct random random = random_seeded(&state);
    char *json = malloc(size);

    CHECK(json && size >= 8);
    memcpy(json, "{\"x\":\"", 6);
    for (size_t i = 6; i < size - 2; i++) {
        uint8_t byte;

        random.fill(random.owner, &byte, 1);
        json[i] = noise ? (char)byte : letters[i % 7];
    }
    memcpy(json + size - 2, "\"}", 2);
    return json;
}

static struct bytes plain_frame(struct bytes json, const char position[POSITION_SIZE])
{
    size_t size = push_event_size(json);
    char *frame = malloc(size);

    CHECK(frame);
    push_event_write(frame, json, position);
    return (struct bytes){frame, size};
}

/* What a client with the least window that suits reads. True when the frame was deflated. */
static bool check_reads_as(struct bytes frame, struct bytes plain)
{
    const struct ws_inflate_limits limits = {.size_max = 1u << 20};
    struct ws_frame_header header, plain_header;
    struct ws_inflater *inflater;
    struct ws_output message;
    size_t text_size;
    int at = ws_frame_read_header(frame.data, frame.size, &header);
    int plain_at = ws_frame_read_header(plain.data, plain.size, &plain_header);

    CHECK(at > 0 && plain_at > 0);
    CHECK(header.fin && header.opcode == WS_TEXT && !header.masked && !header.rsv2 && !header.rsv3);
    CHECK_EQ(push_frame_size(frame), frame.size); /* the outbox finds its end */
    CHECK_EQ((size_t)at + header.payload_size, frame.size);
    text_size = plain.size - (size_t)plain_at;
    message = (struct ws_output){
        .opcode = WS_BINARY, /* noise is no UTF-8 */
        .payload = {frame.data + at, (size_t)header.payload_size},
    };
    CHECK_EQ(ws_inflater_new(&inflater), 0);
    if (header.rsv1)
        CHECK_EQ(ws_inflate_message(inflater, &limits, NULL, &message), WS_GOT_MESSAGE);
    CHECK_EQ(message.payload.size, text_size);
    assert_memory_equal(message.payload.data, plain.data + plain_at, text_size);
    ws_inflater_free(inflater);
    return header.rsv1;
}

TEST(a_deflated_event_says_the_same_and_refers_to_no_other)
{
    static const size_t sizes[] = {64, 80, 127, 128, 300, 5000, 65536, 300, 70000, 100};
    struct push_deflater *deflater;
    char position[POSITION_SIZE];

    position_write(&place, position);
    CHECK_EQ(push_deflater_new(&deflater), 0);
    for (size_t i = 0; i < ARRAY_COUNT(sizes) * 2; i++) {
        struct bytes json = {json_of(sizes[i / 2], false), sizes[i / 2]}, frame;
        struct bytes plain = plain_frame(json, position);

        CHECK_EQ(push_deflate_event(deflater, json, position, &frame), 0);
        CHECK(frame.size < plain.size);
        CHECK(check_reads_as(frame, plain)); /* each by an inflater of its own */
        free((char *)(uintptr_t)plain.data);
        free((char *)(uintptr_t)json.data);
    }
    push_deflater_free(deflater);
}

TEST(an_event_that_cannot_be_deflated_is_sent_as_it_is)
{
    struct push_deflater *deflater;
    char position[POSITION_SIZE];
    unsigned as_it_is = 0;

    position_write(&place, position);
    CHECK_EQ(push_deflater_new(&deflater), 0);
    for (size_t size = 8; size < 3000; size += 61) {
        struct bytes json = {json_of(size, true), size}, frame;
        struct bytes plain = plain_frame(json, position);

        CHECK_EQ(push_deflate_event(deflater, json, position, &frame), 0);
        CHECK(frame.size <= plain.size);
        as_it_is += !check_reads_as(frame, plain);
        free((char *)(uintptr_t)plain.data);
        free((char *)(uintptr_t)json.data);
    }
    CHECK(as_it_is > 0);
    push_deflater_free(deflater);
}

TEST(only_events_of_some_length_are_worth_it)
{
    char json[PUSH_DEFLATE_SIZE_MIN] = {0};
    size_t position = push_event_size((struct bytes){json, 10}) - 2 - 10;

    CHECK(!push_deflate_pays((struct bytes){json, PUSH_DEFLATE_SIZE_MIN - position - 1}));
    CHECK(push_deflate_pays((struct bytes){json, PUSH_DEFLATE_SIZE_MIN - position}));
}

TEST(no_deflater_is_freed_as_well)
{
    push_deflater_free(NULL);
}
