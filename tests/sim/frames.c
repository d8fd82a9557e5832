/* SPDX-License-Identifier: Apache-2.0 */
/* frames.c: a strict little reader of server frames (RFC 6455 section 5.2), for the simulation. */
#include "frames.h"

#include <stdlib.h>
#include <string.h>

void frames_feed(struct frames *frames, const char *bytes, size_t size)
{
    if (frames->size + size > frames->room) {
        frames->room = 2 * (frames->size + size);
        frames->bytes = realloc(frames->bytes, frames->room);
        if (!frames->bytes)
            abort();
    }
    memcpy(frames->bytes + frames->size, bytes, size);
    frames->size += size;
}

enum frame_kind frames_next(const struct frames *frames, char **ret_text, size_t *ret_text_size,
                            size_t *ret_frame_size)
{
    const unsigned char *at = (const unsigned char *)frames->bytes;
    size_t header = 2, size;

    if (frames->size < 2)
        return FRAME_NONE;
    if ((at[0] != 0x81 && at[0] != 0x89) || (at[1] & 0x80))
        return FRAME_BROKEN; /* whole text or ping, no reserved bit, never masked */
    size = at[1];
    if (size == 126) {
        if (frames->size < 4)
            return FRAME_NONE;
        header = 4;
        size = (size_t)at[2] << 8 | at[3];
        if (size < 126)
            return FRAME_BROKEN;
    } else if (size == 127) {
        if (frames->size < 10)
            return FRAME_NONE;
        header = 10;
        size = 0;
        for (int i = 2; i < 10; i++)
            size = size << 8 | at[i];
        if (size < 65536 || size > 1u << 20)
            return FRAME_BROKEN;
    }
    if (at[0] == 0x89 && size != 0)
        return FRAME_BROKEN; /* ours carry nothing */
    if (frames->size < header + size)
        return FRAME_NONE;
    *ret_text = frames->bytes + header;
    *ret_text_size = size;
    *ret_frame_size = header + size;
    return at[0] == 0x81 ? FRAME_TEXT : FRAME_PING;
}

void frames_drop(struct frames *frames, size_t frame_size)
{
    frames->size -= frame_size;
    memmove(frames->bytes, frames->bytes + frame_size, frames->size);
}

void frames_done(struct frames *frames)
{
    free(frames->bytes);
    *frames = (struct frames){0};
}
