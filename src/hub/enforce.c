/* SPDX-License-Identifier: Apache-2.0 */
/* enforce.c: what an event takes away is gone from the live connections before it is announced. */
#include <assert.h>

#include "hub/session.h"
#include "mcp_auth/error.h"

/* Removed from the index at once; it may still receive the event that removed it, and nothing
 * else, then it is closed. */
static void take_everything(struct session *s, struct event *event)
{
    if (!session_needs_extras(s)) {
        session_close(s, CLOSE_INTERNAL, 0);
        return;
    }
    s->extras->leaving_live = s->state == SESSION_LIVE;
    s->extras->leaving_for = event_ref(event);
    catchup_drop(s);
    session_leave_with_authority(s);
    session_become(s, SESSION_LEAVING);
    list_append(&session_hub(s)->leaving, &s->extras->in_leaving);
    session_leaves_soon(s);
}

static void take_some(struct session *s, const struct fence *fence)
{
    struct claims claims = session_claims(s);
    struct strbuf json;
    struct identity *less;
    int r = identity_new(&less, &claims, fence, 1, &session_hub(s)->settings.tokens->authority);

    if (r == 0 && claims_same_authority(&less->claims, &claims)) {
        identity_unref(less);
        return;
    }
    if (r == 0) {
        r = session_enter(s, less);
        identity_unref(less);
    }
    if (r < 0) { /* without memory for the smaller identity, none at all */
        session_close(s, CLOSE_INTERNAL, 0);
        return;
    }
    counter_add(&session_hub(s)->counters.scope_changes, 1);
    catchup_again(s);
    if (!session_is_in(s)) /* it could not ask, and so is closed */
        return;
    claims = session_claims(s);
    strbuf_init(&json, MESSAGE_FROM_CLIENT_SIZE_MAX);
    reply_scope_changed(&json, &claims);
    session_push_json(s, &json);
    strbuf_done(&json);
}

/* A control entry is never shown, so there is nothing to wait for. True: it closed the session. */
static bool control_one(struct session *s, const struct event *event)
{
    const struct authority_rules *rules = &session_hub(s)->settings.tokens->authority;

    if (!session_is_in(s))
        return false;
    if (event->control == CONTROL_DISCONNECT) {
        session_close(s, CLOSE_DISCONNECTED, -1);
        return true;
    }
    if (!fence_covers_token(&event->fence, s->issued_at_ms, rules->fence_skew_ms))
        return false;
    if (event->fence.scope == FENCE_ROLE || event->fence.scope == FENCE_PERMISSION) {
        take_some(s, &event->fence);
        return s->state == SESSION_CLOSED; /* for want of memory */
    }
    session_close(s, CLOSE_TOKEN_REVOKED, -1);
    return true;
}

/* Tokens have no index: it would cost every connection, and one token is rarely revoked. */
static int control_token(struct hub *hub, const struct event *event)
{
    struct session *s;
    uint32_t place = 0;
    int closed = 0;

    while ((s = slab_next(&hub->sessions, &place)))
        if (s->subject && bytes_equal(subject_token_id(s->subject), event->fence.name) &&
            bytes_equal(s->authority->claims.tenant, event->tenant))
            closed += control_one(s, event);
    return closed;
}

static int enforce_one(struct session *s, struct event *event, bool stored)
{
    const struct authority_rules *rules = &session_hub(s)->settings.tokens->authority;

    if (event->control != CONTROL_NONE)
        return control_one(s, event);
    if (!session_is_in(s) || s->state == SESSION_LEAVING ||
        !fence_covers_token(&event->fence, s->issued_at_ms, rules->fence_skew_ms))
        return 0;
    if (!stored)
        session_close(s, CLOSE_INTERNAL, 0);
    else if (event->fence.scope == FENCE_EVERYTHING)
        take_everything(s, event);
    else
        take_some(s, &event->fence);
    return 0;
}

/* What happens to a session may take it out of the index, and no other one. */
static int enforce_user(struct hub *hub, struct event *event, bool stored)
{
    struct bytes user = event->has_fence ? event->fence.user : event->members[MEMBER_USER_ID];
    char key[AUDIENCE_KEY_MAX];
    size_t size = audience_key_write(key, AUDIENCE_USER, event->tenant, user);
    struct session *s = user_index_find(&hub->users, (struct bytes){key, size}), *next;
    int closed = 0;

    for (; s; s = next) {
        next = user_next(s);
        closed += enforce_one(s, event, stored);
    }
    return closed;
}

int hub_effect(struct hub *hub, struct event *event)
{
    int r = 0, closed;

    assert(event_has_effect(event));
    hub_meet_tenant(hub, event->tenant); /* a control entry is never announced */
    if (event->has_fence)
        r = fence_table_add(&hub->fences, &event->fence);
    counter_add(&hub->counters.effects, 1);
    if (event->has_fence && event->fence.scope == FENCE_TOKEN)
        closed = control_token(hub, event);
    else
        closed = enforce_user(hub, event, r == 0);
    return r < 0 ? r : closed;
}

void enforce_drop(struct session *s)
{
    list_unlink(&s->extras->in_leaving);
    event_unref(s->extras->leaving_for);
    s->extras->leaving_for = NULL;
    session_forget(s);
}

void enforce_close(struct session *s)
{
    bool removed = s->extras->leaving_for->type == EVENT_USER_DELETED;

    session_close(s, removed ? CLOSE_ACCOUNT_REMOVED : CLOSE_TOKEN_REVOKED, -1);
}

/* One event that was given to two instances is an object of each, with a time of each; its id and
 * what it takes away are the same. */
static bool is_same_removal(const struct event *event, const struct event *other)
{
    return other->has_fence && other->fence.scope == FENCE_EVERYTHING &&
           bytes_equal(event->id, other->id) &&
           bytes_equal(event->fence.tenant, other->fence.tenant) &&
           bytes_equal(event->fence.user, other->fence.user);
}

void enforce_announced(struct hub *hub, struct fanout_frames *frames)
{
    const struct entry *entry = frames->entry;

    list_for_each_safe (it, &hub->leaving) {
        struct extras *extras = container_of(it, struct extras, in_leaving);
        struct session *s = extras->session;
        enum view view;

        if (!is_same_removal(extras->leaving_for, entry->event) || session_expired(s))
            continue;
        if (extras->leaving_live && frames->number > extras->skip_to &&
            session_may_see(s, entry->event, &view))
            fanout_give(s, frames, view);
        enforce_close(s);
    }
}
