/* SPDX-License-Identifier: Apache-2.0 */
/* push.h: an event, a control frame's text, a ping: as the bytes of one WebSocket frame. */
#ifndef WIRE_PUSH_H
#define WIRE_PUSH_H

#include "base/bytes.h"
#include "model/position.h"

/* The size of the frame that carries this JSON with a position put in. */
size_t push_event_size(struct bytes json);
/* Writes exactly that many bytes. */
void push_event_write(char *ret, struct bytes json, const char position[POSITION_SIZE]);
size_t push_text_size(struct bytes json);
void push_text_write(char *ret, struct bytes json);

#define PUSH_PING_SIZE 2
void push_ping_write(char ret[PUSH_PING_SIZE]);

/* The size of the first frame of `frames`, which begin at a frame's start: of a WebSocket, or of a
 * stream (push_stream.h). */
size_t push_frame_size(struct bytes frames);

/* The same, and what it says: of a WebSocket frame that is not deflated the payload. */
size_t push_frame_text(struct bytes frames, struct bytes *ret_text);

#endif
