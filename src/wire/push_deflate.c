/* SPDX-License-Identifier: Apache-2.0 */
/* push_deflate.c: an event as one WebSocket frame that is deflated (RFC 7692), good for many. */
#include "wire/push_deflate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "codec/ws_deflate.h"
#include "codec/ws_frame.h"
#include "mcp_auth/error.h"
#include "wire/event_out.h"
#include "wire/push.h"

/* Events repeat few words: zlib's better levels cost time and win nothing (ws_deflate.h). */
#define LEVEL 1
/* What is kept between two events; a rare large one gives its memory back. */
#define KEPT_MAX (16u * 1024u)

_Static_assert(PUSH_DEFLATE_WINDOW_BITS >= WS_DEFLATE_BITS_MIN &&
                   PUSH_DEFLATE_WINDOW_BITS <= WS_WINDOW_BITS_MAX,
               "a window that zlib can write");

struct push_deflater {
    struct ws_deflater *deflater;
    struct strbuf text;  /* the event with its position */
    struct strbuf frame; /* room for the largest header, then the payload */
};

int push_deflater_new(struct push_deflater **ret)
{
    struct push_deflater *deflater = calloc(1, sizeof *deflater);
    int r;

    if (!deflater)
        return MCP_AUTH_E_NOMEM;
    r = ws_deflater_new(&deflater->deflater, LEVEL);
    if (r < 0) {
        free(deflater);
        return r;
    }
    strbuf_init(&deflater->text, SIZE_MAX / 4);
    strbuf_init(&deflater->frame, SIZE_MAX / 4);
    *ret = deflater;
    return 0;
}

void push_deflater_free(struct push_deflater *deflater)
{
    if (!deflater)
        return;
    ws_deflater_free(deflater->deflater);
    strbuf_done(&deflater->text);
    strbuf_done(&deflater->frame);
    free(deflater);
}

bool push_deflate_pays(struct bytes json)
{
    return json.size + EVENT_POSITION_SIZE >= PUSH_DEFLATE_SIZE_MIN;
}

/* Empty, and after a failure or a large event without memory. */
static void renew(struct strbuf *buffer)
{
    if (buffer->error || buffer->room > KEPT_MAX) {
        strbuf_done(buffer);
        strbuf_init(buffer, SIZE_MAX / 4);
    } else {
        strbuf_reset(buffer);
    }
}

static int put_text(struct strbuf *text, struct bytes json, const char position[POSITION_SIZE])
{
    char *to = strbuf_reserve(text, json.size + EVENT_POSITION_SIZE);

    if (!to)
        return text->error;
    event_out_with_position(to, json, position);
    strbuf_added(text, json.size + EVENT_POSITION_SIZE);
    return 0;
}

int push_deflate_event(struct push_deflater *deflater, struct bytes json,
                       const char position[POSITION_SIZE], struct bytes *ret)
{
    static const char room[WS_SERVER_HEADER_MAX];
    struct strbuf *frame = &deflater->frame;
    uint8_t header[WS_SERVER_HEADER_MAX];
    size_t size, header_size;
    struct bytes text;
    bool shorter;
    int r;

    renew(&deflater->text);
    renew(frame);
    r = put_text(&deflater->text, json, position);
    if (r < 0)
        return r;
    text = strbuf_bytes(&deflater->text);
    /* How long the header is depends on the result, which is not to be moved: it ends where the
     * payload begins. */
    strbuf_put(frame, room, sizeof room);
    r = ws_deflate_message(deflater->deflater, PUSH_DEFLATE_WINDOW_BITS, text, frame);
    if (r < 0)
        return r;
    shorter = frame->size - sizeof room < text.size;
    if (!shorter) {
        frame->size = sizeof room;
        strbuf_put_bytes(frame, text);
        if (frame->error)
            return frame->error;
    }
    size = frame->size - sizeof room;
    header_size = ws_frame_write_header(header, WS_TEXT, shorter, size);
    assert(header_size <= sizeof room);
    memcpy(frame->data + sizeof room - header_size, header, header_size);
    *ret = (struct bytes){frame->data + sizeof room - header_size, header_size + size};
    return 0;
}
