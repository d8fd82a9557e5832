/* SPDX-License-Identifier: Apache-2.0 */
/* push.c: an event, a control frame's text, a ping: as the bytes of one WebSocket frame. */
#include "wire/push.h"

#include <assert.h>

#include "codec/ws_frame.h"
#include "wire/event_out.h"
#include "wire/push_stream.h"

static size_t header_size(size_t payload_size)
{
    uint8_t header[WS_SERVER_HEADER_MAX];

    return ws_frame_write_header(header, WS_TEXT, false, payload_size);
}

size_t push_text_size(struct bytes json)
{
    return header_size(json.size) + json.size;
}

void push_text_write(char *ret, struct bytes json)
{
    size_t header = ws_frame_write_header((uint8_t *)ret, WS_TEXT, false, json.size);

    memcpy(ret + header, json.data, json.size);
}

size_t push_event_size(struct bytes json)
{
    size_t payload = json.size + EVENT_POSITION_SIZE;

    return header_size(payload) + payload;
}

void push_event_write(char *ret, struct bytes json, const char position[POSITION_SIZE])
{
    size_t header =
        ws_frame_write_header((uint8_t *)ret, WS_TEXT, false, json.size + EVENT_POSITION_SIZE);

    event_out_with_position(ret + header, json, position);
}

void push_ping_write(char ret[PUSH_PING_SIZE])
{
    uint8_t header[WS_SERVER_HEADER_MAX];

    memcpy(ret, header, ws_frame_write_header(header, WS_PING, false, 0));
}

size_t push_frame_text(struct bytes frames, struct bytes *ret_text)
{
    struct ws_frame_header header;
    int size = ws_frame_read_header(frames.data, frames.size, &header);

    assert(size > 0 && header.opcode == WS_TEXT && !header.masked);
    assert(header.payload_size <= frames.size - (size_t)size);
    *ret_text = (struct bytes){frames.data + size, (size_t)header.payload_size};
    return (size_t)size + ret_text->size;
}

size_t push_frame_size(struct bytes frames)
{
    struct ws_frame_header header;
    int size;

    /* A WebSocket frame of ours is a whole message, so its first bit is set (RFC 6455 section 5.2);
     * a stream is of UTF-8 text, and its lines begin with field names in ASCII. */
    if (frames.size > 0 && !((unsigned char)frames.data[0] & 0x80))
        return push_stream_frame_size(frames);
    size = ws_frame_read_header(frames.data, frames.size, &header);

    return size > 0 ? (size_t)size + (size_t)header.payload_size : frames.size;
}
