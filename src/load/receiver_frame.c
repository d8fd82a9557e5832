/* SPDX-License-Identifier: Apache-2.0 */
/* receiver_frame.c: what a frame means to a load: an event of ours, or something else. */
#include <stdio.h>

#include "codec/json.h"
#include "load/load_private.h"

/* How every event frame of a server of ours begins. Its id is then at a fixed place, and the rest
 * of the text need not be read: that halves what a frame costs this program. */
#define EVENT_START "{\"type\":\"event\",\"id\":\""

static void take_event(struct receiver *receiver, struct bytes id)
{
    struct load *load = receiver->load;
    struct load_result *result = &load->result;
    const uint64_t since_start_ns = load->now_ns - load->start_ns;
    struct mark mark;

    if (!mark_read(load->mark_prefix, id, &mark) ||
        !tally_knows(&load->tally, mark.lane, mark.audience, mark.ordinal) ||
        mark.due_ns > since_start_ns) {
        result->foreign++;
        return;
    }
    if (mark.audience != receiver->audience) {
        /* With one event for all, every connection is of audience 0. */
        result->misdelivered++;
        return;
    }
    switch (tally_receive(&load->tally, receiver_index(receiver), mark.lane, mark.ordinal)) {
    case TALLY_DOUBLE:
        result->doubled++;
        return;
    case TALLY_LATE:
        result->late++;
        break;
    case TALLY_NEW:
        break;
    }
    result->received++;
    result->receiving_ns = since_start_ns;
    histogram_add(&result->delivery, since_start_ns - mark.due_ns);
}

static void take_control(struct receiver *receiver, const json_t *json, struct bytes type)
{
    struct load_result *result = &receiver->load->result;
    const json_t *code = json_object_get(json, "code");

    if (bytes_equal(type, BYTES("heartbeat"))) {
        result->heartbeats++;
        return;
    }
    result->others++;
    if (bytes_equal(type, BYTES("auth_ok")) && receiver->state == RECEIVER_SIGNING_IN)
        receiver_in(receiver);
    else if (bytes_equal(type, BYTES("closing")) && json_is_integer(code) &&
             json_integer_value(code) > 0 && json_integer_value(code) < 5000)
        receiver->closing_code = (unsigned)json_integer_value(code);
}

void receiver_message(struct receiver *receiver, struct bytes text)
{
    const size_t start = sizeof EVENT_START - 1;
    json_t *json = NULL;
    struct bytes type;

    if (receiver->load->result.phase >= LOAD_LEAVING)
        return; /* the accounts are closed */
    if (text.size > start + MARK_SIZE && text.data[start + MARK_SIZE] == '"' &&
        memcmp(text.data, EVENT_START, start) == 0 && receiver->state == RECEIVER_IN) {
        take_event(receiver, (struct bytes){text.data + start, MARK_SIZE});
        return;
    }
    if (json_read(text, &json, NULL) < 0) {
        receiver->load->result.others++;
        return;
    }
    type = json_member_text(json, "type");
    if (!bytes_equal(type, BYTES("event")))
        take_control(receiver, json, type);
    else if (receiver->state == RECEIVER_IN)
        take_event(receiver, json_member_text(json, "id"));
    else
        receiver->load->result.foreign++;
    json_decref(json);
}
