/* SPDX-License-Identifier: Apache-2.0 */
/* event_out.c: composes an event's JSON in the protocol's order, and puts a position in. */
#include "wire/event_out.h"

#include <assert.h>

#include "base/clock.h"
#include "codec/json.h"
#include "codec/json_plain.h"

/* What stands before a text, from the comma to its quote. */
#define START(name) ",\"" name "\":\""

static const struct bytes member_starts[EVENT_MEMBERS] = {
#define MEMBER_START(name, text, size_max) [MEMBER_##name] = {START(text), sizeof START(text) - 1},
    EVENT_MEMBER_LIST(MEMBER_START)
#undef MEMBER_START
};

/* `start` ends in the quote before the text. */
static void put_text(struct strbuf *out, struct bytes start, struct bytes text)
{
    char *to;

    if (json_plain_size(text.data, text.size) < text.size) {
        strbuf_put(out, start.data, start.size - 1);
        json_put_string(out, text);
        return;
    }
    to = strbuf_reserve(out, start.size + text.size + 1);
    if (!to)
        return;
    memcpy(to, start.data, start.size);
    memcpy(to + start.size, text.data, text.size);
    to[start.size + text.size] = '"';
    strbuf_added(out, start.size + text.size + 1);
}

static bool is_cut(const struct privacy_cut *cut, enum event_member member)
{
    switch (member) {
    case MEMBER_USER_ID:
        return cut->user_id;
    case MEMBER_USER_NAME:
        return cut->user_name;
    case MEMBER_TARGET_USER_ID:
        return cut->target_user_id;
    default:
        return false;
    }
}

/* Of a whole frame without escapes. */
static size_t plain_size(const struct event_fields *fields)
{
    size_t size = 128 + fields->id.size + event_type_text(fields->type).size + fields->data.size;

    for (int i = 0; i < EVENT_MEMBERS; i++)
        if (bytes_present(fields->members[i]))
            size += member_starts[i].size + fields->members[i].size + 1;
    return size;
}

void event_out_compose(struct strbuf *out, const struct event_fields *fields,
                       const struct privacy_cut *cut)
{
    size_t size = plain_size(fields);
    char timestamp[CLOCK_RFC3339_SIZE];

    /* At once, when it is not over the ceiling: that is said by the member with which it is. */
    if (!out->error && size <= out->size_max - out->size)
        (void)!strbuf_reserve(out, size);
    clock_rfc3339(fields->time_ms, timestamp);
    put_text(out, BYTES("{\"type\":\"event\"" START("id")), fields->id);
    put_text(out, BYTES(START("event_type")), event_type_text(fields->type));
    put_text(out, BYTES(START("timestamp")), (struct bytes){timestamp, sizeof timestamp - 1});
    for (int i = 0; i < EVENT_MEMBERS; i++) { /* the list is in the order of the frame */
        enum event_member member = (enum event_member)i;

        if (bytes_present(fields->members[i]) && !is_cut(cut, member))
            put_text(out, member_starts[i], fields->members[i]);
    }
    if (bytes_present(fields->data)) {
        json_put_name(out, "data");
        strbuf_put_bytes(out, fields->data);
    }
    strbuf_putc(out, '}');
}

void event_out_view(struct strbuf *out, const struct event *event, const struct privacy_cut *cut)
{
    struct event_fields fields = {
        .type = event->type,
        .id = event->id,
        .data = event->data,
        .time_ms = event->time_ms,
    };

    if (!cut->user_id && !cut->user_name && !cut->target_user_id) {
        strbuf_put_bytes(out, event->json);
        return;
    }
    memcpy(fields.members, event->members, sizeof fields.members);
    event_out_compose(out, &fields, cut);
}

void event_out_stamp(struct event *event, int64_t wall_ms)
{
    /* The members before the timestamp have no escapes: see event_out_compose. */
    size_t at = sizeof "{\"type\":\"event\",\"id\":\"\",\"event_type\":\"" - 1 + event->id.size +
                event_type_text(event->type).size;
    static const char name[] = "\",\"timestamp\":\"";
    char timestamp[CLOCK_RFC3339_SIZE], *to = (char *)(uintptr_t)event->json.data + at;

    assert(event->control == CONTROL_NONE && memcmp(to, name, sizeof name - 1) == 0);
    clock_rfc3339(wall_ms, timestamp);
    memcpy(to + sizeof name - 1, timestamp, sizeof timestamp - 1);
    event->time_ms = wall_ms;
    if (event->has_fence)
        event->fence.not_before_ms = wall_ms;
}

void event_out_with_position(char *ret, struct bytes json, const char position[POSITION_SIZE])
{
    static const char before[] = ",\"position\":\"", after[] = "\"}";
    char *at = ret;

    assert(json.size >= 2 && json.data[json.size - 1] == '}');
    memcpy(at, json.data, json.size - 1);
    at += json.size - 1;
    memcpy(at, before, sizeof before - 1);
    at += sizeof before - 1;
    memcpy(at, position, POSITION_SIZE);
    at += POSITION_SIZE;
    memcpy(at, after, sizeof after - 1);
    at += sizeof after - 1;
    assert((size_t)(at - ret) == json.size + EVENT_POSITION_SIZE);
}
