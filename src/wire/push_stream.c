/* SPDX-License-Identifier: Apache-2.0 */
/* push_stream.c: events and control frames as server-sent events. */
#include "wire/push_stream.h"

#include <assert.h>

#include "wire/event_out.h"

#define EVENT_HEAD "event: event\nid: "
#define DATA "data: "

static char *put(char *to, const char *text, size_t size)
{
    memcpy(to, text, size);
    return to + size;
}

#define PUT(to, literal) put(to, literal, sizeof(literal) - 1)

size_t push_stream_event_size(struct bytes json)
{
    return sizeof EVENT_HEAD - 1 + POSITION_SIZE + sizeof "\n" DATA - 1 + json.size +
           EVENT_POSITION_SIZE + 2;
}

void push_stream_event_write(char *ret, struct bytes json, const char position[POSITION_SIZE])
{
    char *to = PUT(ret, EVENT_HEAD);

    to = put(to, position, POSITION_SIZE);
    to = PUT(to, "\n" DATA);
    event_out_with_position(to, json, position);
    to = PUT(to + json.size + EVENT_POSITION_SIZE, "\n\n");
    assert((size_t)(to - ret) == push_stream_event_size(json));
}

/* What reply.c composes begins with its type. */
static struct bytes name_of(struct bytes json)
{
    const struct bytes before = BYTES("{\"type\":\"");
    const char *end;

    assert(bytes_starts_with(json, before));
    json.data += before.size;
    json.size -= before.size;
    end = memchr(json.data, '"', json.size);
    assert(end);
    return (struct bytes){json.data, (size_t)(end - json.data)};
}

size_t push_stream_text_size(struct bytes json, const struct position *position)
{
    return sizeof "event: \n" - 1 + name_of(json).size +
           (position ? sizeof "id: \n" - 1 + POSITION_SIZE : 0) + sizeof DATA - 1 + json.size + 2;
}

void push_stream_text_write(char *ret, struct bytes json, const struct position *position)
{
    struct bytes name = name_of(json);
    char *to = PUT(ret, "event: ");

    to = put(to, name.data, name.size);
    to = PUT(to, "\n");
    if (position) {
        to = PUT(to, "id: ");
        position_write(position, to);
        to = PUT(to + POSITION_SIZE, "\n");
    }
    to = PUT(to, DATA);
    to = put(to, json.data, json.size);
    to = PUT(to, "\n\n");
    assert((size_t)(to - ret) == push_stream_text_size(json, position));
}

void push_stream_ping_write(char ret[PUSH_STREAM_PING_SIZE])
{
    memcpy(ret, ":\n\n", PUSH_STREAM_PING_SIZE);
}

size_t push_stream_frame_size(struct bytes frames)
{
    const char *end = memmem(frames.data, frames.size, "\n\n", 2);

    return end ? (size_t)(end - frames.data) + 2 : frames.size;
}
