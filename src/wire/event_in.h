/* SPDX-License-Identifier: Apache-2.0 */
/* event_in.h: what a publisher gives to a checked, stamped, redacted and composed event. */
#ifndef WIRE_EVENT_IN_H
#define WIRE_EVENT_IN_H

#include "base/random.h"
#include "codec/json.h"
#include "model/codes.h"
#include "model/event.h"

/* Who publishes, and by which rules; all borrowed. */
struct event_context {
    bool any_tenant;        /* the API key and the host program may name any tenant */
    struct bytes tenant;    /* the publisher's own: used when none is named */
    struct bytes publisher; /* user id, or "" */
    bool no_effects;        /* what it publishes withdraws nothing */
    int64_t wall_ms;
    const struct policy *policy;
    const struct redaction *redaction;
    const struct random *random; /* for ids */
};

/* Why an event was refused: for the one who sent it. */
struct event_problem {
    enum error_code
        code; /* unknown_member, missing_member, invalid_member, wrong_tenant, too_large */
    char member[REDACT_KEY_SIZE_MAX];
    char reason[160];
};

/* Takes one JSON object, as text that json_check has found good (borrowed). *ret_redacted counts the
 * members of `data` that are left out. MCP_AUTH_E_INVALID or _REFUSED (wrong tenant) or _TOO_BIG
 * with *ret_problem filled, or MCP_AUTH_E_NOMEM. */
MUST_CHECK int event_in(struct event **ret, struct bytes object,
                        const struct event_context *context, unsigned *ret_redacted,
                        struct event_problem *ret_problem);

/* An event that its publisher holds in texts, of UTF-8; absent ones are left out. */
struct event_texts {
    struct bytes type, id;
    struct bytes members[EVENT_MEMBERS];
    struct bytes data; /* as json_walk_value gives what json_check has found good */
};

/* The same for texts. */
MUST_CHECK int event_in_texts(struct event **ret, const struct event_texts *texts,
                              const struct event_context *context, unsigned *ret_redacted,
                              struct event_problem *ret_problem);

#endif
