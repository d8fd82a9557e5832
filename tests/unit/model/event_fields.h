/* SPDX-License-Identifier: Apache-2.0 */
/* event_fields.h: small events for the tests of this room. */
#ifndef EVENT_FIELDS_H
#define EVENT_FIELDS_H

#include "model/event.h"
#include "unit.h"

static inline struct event_fields fields_of(enum event_type type, const char *tenant)
{
    struct event_fields fields = {
        .type = type,
        .id = BYTES("e1"),
        .tenant = bytes_of(tenant),
        .publisher = BYTES("publisher"),
        .time_ms = 1234,
    };

    fields.members[MEMBER_MESSAGE] = BYTES("Something");
    fields.members[MEMBER_SECURITY_LEVEL] = BYTES("high");
    return fields;
}

/* By the default policy; NULL names nobody. */
static inline struct event *event_about(enum event_type type, const char *tenant,
                                        const char *subject, const char *target)
{
    struct event_fields fields = fields_of(type, tenant);
    struct event *event;

    fields.members[MEMBER_USER_ID] = bytes_of(subject);
    fields.members[MEMBER_TARGET_USER_ID] = bytes_of(target);
    CHECK_EQ(event_new(&event, &fields, BYTES("{}"), 0, &policy_default), 0);
    return event;
}

#endif
