/* SPDX-License-Identifier: Apache-2.0 */
/* event.h: one thing that happened, checked, stamped and composed; immutable and shared. */
#ifndef MODEL_EVENT_H
#define MODEL_EVENT_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "model/audience.h"
#include "model/event_type.h"
#include "model/fence.h"
#include "model/policy.h"
#include "model/position.h"
#include "model/privacy.h"

/* The members a publisher may give, in the order of the frame. X(NAME, "json_name", max size) */
#define EVENT_MEMBER_LIST(X)                              \
    X(MESSAGE, "message", MESSAGE_SIZE_MAX)               \
    X(SECURITY_LEVEL, "security_level", 16)               \
    X(USER_ID, "user_id", USER_ID_SIZE_MAX)               \
    X(USER_NAME, "user_name", NAME_SIZE_MAX)              \
    X(TARGET_USER_ID, "target_user_id", USER_ID_SIZE_MAX) \
    X(RESOURCE, "resource", RESOURCE_SIZE_MAX)            \
    X(RESOURCE_ID, "resource_id", RESOURCE_SIZE_MAX)      \
    X(ACTION, "action", ACTION_SIZE_MAX)                  \
    X(ROLE_NAME, "role_name", ROLE_SIZE_MAX)              \
    X(PERMISSION, "permission", PERMISSION_SIZE_MAX)      \
    X(TENANT_ID, "tenant_id", TENANT_SIZE_MAX)

#define EVENT_MEMBER_ENTRY(name, text, size_max) MEMBER_##name,
enum event_member { EVENT_MEMBER_LIST(EVENT_MEMBER_ENTRY) EVENT_MEMBERS };
#undef EVENT_MEMBER_ENTRY

struct bytes event_member_text(enum event_member member);
size_t event_member_size_max(enum event_member member);
int event_member_find(struct bytes text); /* MCP_AUTH_E_NOT_FOUND */

/* What an event is made of; all borrowed. Absent members have data == NULL. */
struct event_fields {
    enum event_type type;
    struct bytes id;                     /* always present here: given, or made by ingest */
    bool id_given;                       /* by the publisher: then it takes part in dedupe */
    struct bytes members[EVENT_MEMBERS]; /* MESSAGE and SECURITY_LEVEL always present */
    struct bytes data;                   /* compact JSON object, redacted; absent when none */
    struct bytes tenant;                 /* "" is a tenant */
    struct bytes publisher;              /* user id of who published, "" for the API key or host */
    int64_t time_ms;                     /* wall clock of the accepting instance; also not_before */
    bool no_effects;                     /* it withdraws nothing, whatever its type */
};

/* Entries of the stream that are no events: they take their number and do what they say on every
 * hub, and nobody is shown them. */
enum event_control {
    CONTROL_NONE,
    CONTROL_REVOCATION, /* its fence: everything of a user, or one token */
    CONTROL_DISCONNECT, /* of the connections of MEMBER_USER_ID */
    CONTROL_UNREADABLE, /* of a version that is not ours: it takes its number and does nothing */
    CONTROL_FENCE,      /* read from where fences are kept: for the hubs, never of the stream */
};

/* The type of a control entry in the stream ("$revocation"); absent when there is no such entry. */
struct bytes event_control_text(enum event_control control);
enum event_control event_control_find(struct bytes text); /* CONTROL_NONE: no such entry */

/* One allocation. Immutable after event_new; counted by atomics, so any thread may hold it. */
struct event {
    atomic_uint refs;
    enum event_control control;
    enum event_type type; /* EVENT_TYPES for a control entry */
    int level;            /* rank */
    bool id_given;
    bool same_person; /* user_id equals target_user_id */
    bool has_fence;
    bool no_effects;        /* as its publisher may say: see event_fields */
    bool withdraws_nothing; /* though its type does: it names nobody, or not what */
    struct fence fence;     /* what it takes away; text points into this event */
    int64_t time_ms;
    struct bytes id, tenant, publisher, data;
    struct bytes members[EVENT_MEMBERS];
    struct bytes json;    /* the full view, "{...}", without position */
    uint64_t fingerprint; /* of all the publisher gave: equal id, other body = 409; 0: id not given,
                        or it was read from the stream */
    unsigned audience_count;
    struct audience_key *audience; /* administrators first, then subject, target, others */
    size_t size;                   /* of the whole allocation, for memory sums */
    uint64_t accepted_ns;          /* by clock_mono_ns, when node took it in; 0: not here */
    bool enforced;                 /* on every hub here; the bus thread's own */
};

/* A hash of all that the publisher gave: type, tenant, members, data; not id, time or publisher. A
 * default counts like a given value, and data as it is after redaction. Equal on every instance. */
uint64_t event_fingerprint(const struct event_fields *fields);

/* Decides audience and effect by the policy and copies everything into one allocation. `json` is
 * the full view as wire/event_out composed it. MCP_AUTH_E_NOMEM. */
MUST_CHECK int event_new(struct event **ret, const struct event_fields *fields, struct bytes json,
                         uint64_t fingerprint, const struct policy *policy);
/* What a control entry is made of; all borrowed. One of user and token_id is present, but for
 * CONTROL_UNREADABLE. */
struct control_fields {
    enum event_control control;
    struct bytes id, tenant, publisher, user, token_id;
    int64_t time_ms; /* also not_before */
};

/* Without audience: an entry of the stream that nobody is shown. `json` is what goes to other
 * instances. MCP_AUTH_E_NOMEM. */
MUST_CHECK int event_new_control(struct event **ret, const struct control_fields *fields,
                                 struct bytes json);
/* A fence that was set before, or elsewhere, on its way to the hubs: it takes away what it says and
 * names no event. Copies. MCP_AUTH_E_NOMEM. */
MUST_CHECK int event_new_fence(struct event **ret, const struct fence *fence);

/* Must every hub do something before this is announced? */
static inline bool event_has_effect(const struct event *event)
{
    return event->has_fence || event->control == CONTROL_DISCONNECT;
}
struct event *event_ref(struct event *event);
void event_unref(struct event *event);

/* One place in the stream. Whoever stores it holds a reference on event. */
struct entry {
    struct event *event;
    uint64_t n, check; /* 0: it has no place yet, this instance delivers it alone */
    uint64_t alone;    /* the how-manieth this instance delivered alone, from 1; 0: it did not */
};

#endif
