/* SPDX-License-Identifier: Apache-2.0 */
/* push_stream.h: the same frames as fields of a stream of server-sent events. */
#ifndef WIRE_PUSH_STREAM_H
#define WIRE_PUSH_STREAM_H

#include "base/bytes.h"
#include "model/position.h"

/* Our JSON has no line breaks outside of escapes, so its text is one `data` field, and an empty line
 * ends the frame (WHATWG HTML, "Server-sent events", section 9.2.5). */

/* The size of the frame that carries this event with a position put in, which is its `id` too. */
size_t push_stream_event_size(struct bytes json);
/* Writes exactly that many bytes. */
void push_stream_event_write(char *ret, struct bytes json, const char position[POSITION_SIZE]);

/* A control frame, named by its own `type`. With a position it moves the client's Last-Event-ID;
 * position NULL: it does not. */
size_t push_stream_text_size(struct bytes json, const struct position *position);
void push_stream_text_write(char *ret, struct bytes json, const struct position *position);

/* A comment: keeps proxies from ending a quiet connection. */
#define PUSH_STREAM_PING_SIZE 3
void push_stream_ping_write(char ret[PUSH_STREAM_PING_SIZE]);

/* The size of the first frame of `frames`, which begin at a frame's start. */
size_t push_stream_frame_size(struct bytes frames);

#endif
