/* SPDX-License-Identifier: Apache-2.0 */
/* frames.h: the client's side of WebSocket: what arrives in pieces, as whole frames. */
#ifndef SIM_FRAMES_H
#define SIM_FRAMES_H

#include <stdbool.h>
#include <stddef.h>

struct frames {
    char *bytes;
    size_t size, room;
};

enum frame_kind { FRAME_NONE, FRAME_TEXT, FRAME_PING, FRAME_BROKEN };

void frames_feed(struct frames *frames, const char *bytes, size_t size);
/* The next whole frame; *ret_text is terminated, and valid until frames_drop. */
enum frame_kind frames_next(const struct frames *frames, char **ret_text, size_t *ret_text_size,
                            size_t *ret_frame_size);
/* Drops a frame from the front. */
void frames_drop(struct frames *frames, size_t frame_size);
void frames_done(struct frames *frames);

#endif
