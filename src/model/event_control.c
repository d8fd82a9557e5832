/* SPDX-License-Identifier: Apache-2.0 */
/* event_control.c: an entry that withdraws or disconnects and is never shown, in one allocation. */
#include <assert.h>
#include <stdlib.h>

#include "mcp_auth/error.h"
#include "model/event.h"

static const struct bytes control_texts[] = {
    [CONTROL_NONE] = {NULL, 0},
    [CONTROL_REVOCATION] = {"$revocation", 11},
    [CONTROL_DISCONNECT] = {"$disconnect", 11},
    [CONTROL_UNREADABLE] = {NULL, 0},
};

struct bytes event_control_text(enum event_control control)
{
    return control < ARRAY_COUNT(control_texts) ? control_texts[control] : (struct bytes){0};
}

enum event_control event_control_find(struct bytes text)
{
    for (unsigned i = 0; i < ARRAY_COUNT(control_texts); i++)
        if (bytes_present(control_texts[i]) && bytes_equal(control_texts[i], text))
            return (enum event_control)i;
    return CONTROL_NONE;
}

static void fence_fill(struct event *event, struct bytes token_id)
{
    event->has_fence = true;
    event->fence = (struct fence){
        .tenant = event->tenant,
        .user = event->members[MEMBER_USER_ID],
        .scope = bytes_present(token_id) ? FENCE_TOKEN : FENCE_EVERYTHING,
        .name = token_id,
        .not_before_ms = event->time_ms,
    };
}

int event_new_fence(struct event **ret, const struct fence *fence)
{
    size_t size = sizeof(struct event) + fence->tenant.size + fence->user.size + fence->name.size;
    struct event *event = calloc(1, size);
    char *at;

    if (!event)
        return MCP_AUTH_E_NOMEM;
    atomic_init(&event->refs, 1);
    event->size = size;
    event->control = CONTROL_FENCE;
    event->type = EVENT_TYPES;
    event->time_ms = fence->not_before_ms;
    at = (char *)(event + 1);
    event->audience = (struct audience_key *)(event + 1); /* of none */
    event->id = event->publisher = BYTES("");
    event->json = BYTES("{}");
    event->tenant = bytes_copy(&at, fence->tenant);
    event->members[MEMBER_USER_ID] = bytes_copy(&at, fence->user);
    event->has_fence = true;
    event->fence = *fence;
    event->fence.tenant = event->tenant;
    event->fence.user = event->members[MEMBER_USER_ID];
    event->fence.name = bytes_copy(&at, fence->name);
    assert((size_t)(at - (char *)event) == size);
    *ret = event;
    return 0;
}

int event_new_control(struct event **ret, const struct control_fields *fields, struct bytes json)
{
    size_t size = sizeof(struct event) + fields->id.size + fields->tenant.size +
                  fields->publisher.size + fields->user.size + fields->token_id.size + json.size;
    struct event *event;
    struct bytes token_id;
    char *at;

    assert(fields->control != CONTROL_NONE && fields->control != CONTROL_FENCE);
    assert(bytes_present(fields->id));
    if (fields->control != CONTROL_UNREADABLE) {
        assert((fields->user.size > 0) != (fields->token_id.size > 0));
        assert(fields->control == CONTROL_REVOCATION || fields->user.size > 0);
    }

    event = calloc(1, size);
    if (!event)
        return MCP_AUTH_E_NOMEM;
    atomic_init(&event->refs, 1);
    event->size = size;
    event->control = fields->control;
    event->type = EVENT_TYPES;
    event->time_ms = fields->time_ms;
    at = (char *)(event + 1);
    event->audience = (struct audience_key *)(event + 1); /* of none */
    event->id = bytes_copy(&at, fields->id);
    event->tenant = bytes_copy(&at, fields->tenant);
    event->publisher = bytes_copy(&at, fields->publisher);
    event->members[MEMBER_USER_ID] = bytes_copy(&at, fields->user);
    token_id = bytes_copy(&at, fields->token_id);
    event->json = bytes_copy(&at, json);
    assert((size_t)(at - (char *)event) == size);
    if (fields->control == CONTROL_REVOCATION)
        fence_fill(event, token_id);
    *ret = event;
    return 0;
}
