/* SPDX-License-Identifier: Apache-2.0 */
/* event_out.h: an event as the JSON that clients see (protocol, "Event frame"), without position. */
#ifndef WIRE_EVENT_OUT_H
#define WIRE_EVENT_OUT_H

#include "base/strbuf.h"
#include "model/event.h"
#include "model/privacy.h"

/* Appends {"type":"event","id":...} in the protocol's order. */
void event_out_compose(struct strbuf *out, const struct event_fields *fields,
                       const struct privacy_cut *cut);
/* The same for an event that exists: another view of it. */
void event_out_view(struct strbuf *out, const struct event *event, const struct privacy_cut *cut);
/* Gives an event that nobody else knows yet another time: its own, its fence's and its text's. */
void event_out_stamp(struct event *event, int64_t wall_ms);

/* The frame's text is the JSON with the position put in before its last brace. */
#define EVENT_POSITION_SIZE (sizeof(",\"position\":\"\"") - 1 + POSITION_SIZE)
/* Writes json with position to ret, which holds json.size + EVENT_POSITION_SIZE bytes. */
void event_out_with_position(char *ret, struct bytes json, const char position[POSITION_SIZE]);

#endif
