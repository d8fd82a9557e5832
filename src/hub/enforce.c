/* SPDX-License-Identifier: Apache-2.0 */
/* enforce.c: what an event takes away is gone from the live connections before it is announced. */
#include <assert.h>

#include "hub/session.h"
#include "mcp_auth/error.h"

/* Removed from every list at once; it may still receive the event that removed it, and nothing
 * else, then it is closed. */
static void take_everything(struct session *s, struct event *event)
{
    s->leaving_live = s->state == SESSION_LIVE;
    s->leaving_for = event_ref(event);
    catchup_drop(s);
    session_leave(s);
    session_become(s, SESSION_LEAVING);
    list_append(&s->hub->leaving, &s->in_leaving);
}

static void take_some(struct session *s, const struct fence *fence)
{
    struct strbuf json;
    struct identity *less;
    int r;

    r = identity_new(&less, &s->identity->claims, fence, 1, &s->hub->settings.tokens->authority);
    if (r == 0 && identity_same_authority(less, s->identity)) {
        identity_unref(less);
        return;
    }
    if (r == 0) {
        r = session_enter(s, less);
        if (r < 0)
            identity_unref(less);
    }
    if (r < 0) { /* without memory for the smaller identity, none at all */
        session_close(s, CLOSE_INTERNAL, 0);
        return;
    }
    counter_add(&s->hub->counters.scope_changes, 1);
    catchup_again(s);
    strbuf_init(&json, MESSAGE_FROM_CLIENT_SIZE_MAX);
    reply_scope_changed(&json, s->identity);
    session_push_json(s, &json);
    strbuf_done(&json);
}

static void enforce_one(struct session *s, struct event *event, bool stored)
{
    const struct authority_rules *rules = &s->hub->settings.tokens->authority;

    if (!session_is_in(s) || s->state == SESSION_LEAVING ||
        !fence_covers_token(&event->fence, s->identity->claims.issued_at_ms, rules->fence_skew_ms))
        return;
    if (!stored)
        session_close(s, CLOSE_INTERNAL, 0);
    else if (event->fence.scope == FENCE_EVERYTHING)
        take_everything(s, event);
    else
        take_some(s, &event->fence);
}

int hub_effect(struct hub *hub, struct event *event)
{
    char key[AUDIENCE_KEY_MAX];
    struct audience *audience;
    int r;

    assert(event->has_fence);
    r = fence_table_add(&hub->fences, &event->fence);
    counter_add(&hub->counters.effects, 1);
    audience = audience_index_find(&hub->audience,
                                   (struct bytes){key, audience_key_write(key, AUDIENCE_USER,
                                                                          event->fence.tenant,
                                                                          event->fence.user)});
    if (!audience)
        return r;
    /* Each session leaves this list or goes to its end while it is served, so the walk stops at the
     * first that bears this walk's number. */
    hub->fanout_serial++;
    while (audience) {
        struct session *s =
            container_of(audience->members.next, struct member, in_audience)->session;

        if (s->visited == hub->fanout_serial)
            break;
        s->visited = hub->fanout_serial;
        /* To the end first, so that one that nothing happens to is not met again at once. */
        list_unlink(&s->members[0].in_audience);
        list_append(&audience->members, &s->members[0].in_audience);
        enforce_one(s, event, r == 0);
        audience = audience_index_find(&hub->audience,
                                       (struct bytes){key, audience_key_write(key, AUDIENCE_USER,
                                                                              event->fence.tenant,
                                                                              event->fence.user)});
    }
    return r;
}

void enforce_drop(struct session *s)
{
    list_unlink(&s->in_leaving);
    event_unref(s->leaving_for);
    s->leaving_for = NULL;
}

void enforce_announced(struct hub *hub, struct fanout_frames *frames)
{
    const struct entry *entry = frames->entry;

    list_for_each_safe (it, &hub->leaving) {
        struct session *s = container_of(it, struct session, in_leaving);
        enum view view;

        if (s->leaving_for != entry->event || session_expired(s))
            continue;
        if (s->leaving_live && entry->n > s->skip_to && session_may_see(s, entry->event, &view)) {
            const struct run *run = fanout_frame(hub, frames, view);

            if (run && session_push(s, run, false))
                counter_add(&hub->counters.frames_sent, 1);
        }
        session_close(s, CLOSE_ACCOUNT_REMOVED, -1);
    }
}
