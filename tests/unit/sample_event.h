/* SPDX-License-Identifier: Apache-2.0 */
/* sample_event.h: an event made from a few words, for the tests of the rooms that pass it on. */
#ifndef SAMPLE_EVENT_H
#define SAMPLE_EVENT_H

#include <stdio.h>
#include <stdlib.h>

#include "model/event.h"
#include "unit.h"

/* What is NULL or 0 is absent; the tenant is "" then, and the policy the default one. */
struct sample {
    enum event_type type;
    const char *id, *tenant, *user, *user_name, *target, *resource, *action, *role, *permission;
    const char *level;
    bool id_given;
    int64_t time_ms;
    size_t json_size; /* pads the JSON to this size */
    const struct policy *policy;
};

/* A short JSON of its own, since most rooms do not look into it. Yours. */
static inline char *sample_json(const struct sample *sample, const struct event_fields *fields)
{
    size_t room = 512 + sample->json_size;
    char *json = calloc(1, room);
    int size;

    CHECK(json);
    size = snprintf(json, room, "{\"type\":\"event\",\"id\":\"%s\",\"event_type\":\"%s\"",
                    fields->id.data, event_type_text(sample->type).data);
    if (sample->user)
        size += snprintf(json + size, room - (size_t)size, ",\"user_id\":\"%s\"", sample->user);
    if (sample->user_name)
        size +=
            snprintf(json + size, room - (size_t)size, ",\"user_name\":\"%s\"", sample->user_name);
    if ((size_t)size + 16 < sample->json_size) {
        size += snprintf(json + size, room - (size_t)size, ",\"message\":\"");
        memset(json + size, 'm', sample->json_size - (size_t)size - 2);
        size = (int)sample->json_size - 2;
        json[size++] = '"';
    }
    json[size] = '}';
    return json;
}

static inline struct event *sample_event(struct sample sample)
{
    struct event_fields fields = {
        .type = sample.type,
        .id = bytes_of(sample.id ? sample.id : "sample"),
        .id_given = sample.id_given,
        .tenant = bytes_of(sample.tenant ? sample.tenant : ""),
        .publisher = BYTES(""),
        .time_ms = sample.time_ms,
    };
    struct event *event;
    char *json = sample_json(&sample, &fields);

    fields.members[MEMBER_MESSAGE] = BYTES("something happened");
    fields.members[MEMBER_SECURITY_LEVEL] = sample.level ? bytes_of(sample.level) : level_default();
    fields.members[MEMBER_USER_ID] = bytes_of(sample.user);
    fields.members[MEMBER_USER_NAME] = bytes_of(sample.user_name);
    fields.members[MEMBER_TARGET_USER_ID] = bytes_of(sample.target);
    fields.members[MEMBER_RESOURCE] = bytes_of(sample.resource);
    fields.members[MEMBER_ACTION] = bytes_of(sample.action);
    fields.members[MEMBER_ROLE_NAME] = bytes_of(sample.role);
    fields.members[MEMBER_PERMISSION] = bytes_of(sample.permission);
    CHECK_EQ(event_new(&event, &fields, bytes_of(json), event_fingerprint(&fields),
                       sample.policy ? sample.policy : &policy_default),
             0);
    free(json);
    return event;
}

/* Of tenant "" and by nobody; its id is "c" unless it has another. */
static inline struct event *sample_control(struct control_fields fields)
{
    struct event *event;

    fields.id = bytes_present(fields.id) ? fields.id : BYTES("c");
    fields.tenant = fields.publisher = BYTES("");
    CHECK_EQ(event_new_control(&event, &fields, BYTES("{}")), 0);
    return event;
}

/* security_violation is also seen by who holds role "watch", or the permission over its resource
 * and action; the rest is as by default. */
static inline struct policy sample_policy(void)
{
    static const struct receiver receivers[] = {
        {.kind = RECEIVER_ADMINS},
        {.kind = RECEIVER_SUBJECT},
        {.kind = RECEIVER_ROLE, .name = {"watch", 5}},
        {.kind = RECEIVER_PERMISSION, .name = {"{resource}:{action}", 19}},
    };
    struct policy policy = policy_default;

    policy.rules[EVENT_SECURITY_VIOLATION].receivers = receivers;
    policy.rules[EVENT_SECURITY_VIOLATION].receivers_count = ARRAY_COUNT(receivers);
    return policy;
}

#endif
