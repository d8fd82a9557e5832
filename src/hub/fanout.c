/* SPDX-License-Identifier: Apache-2.0 */
/* fanout.c: one event to every session that may see it, composed once a view and form. */
#include <assert.h>
#include <string.h>

#include "hub/session.h"
#include "mcp_auth/error.h"
#include "wire/event_out.h"
#include "wire/push.h"
#include "wire/push_stream.h"

int fanout_view_json(const struct hub *hub, const struct event *event, enum view view,
                     struct strbuf *scratch, struct bytes *ret)
{
    struct privacy_cut cut = privacy_cut(hub->settings.privacy, view, event->same_person);

    if (!cut.user_id && !cut.user_name && !cut.target_user_id) {
        *ret = event->json;
        return 0;
    }
    event_out_view(scratch, event, &cut);
    *ret = strbuf_bytes(scratch);
    return scratch->error;
}

size_t fanout_frame_size(enum push_form form, struct bytes json)
{
    assert(form != PUSH_DEFLATED);
    return form == PUSH_STREAM ? push_stream_event_size(json) : push_event_size(json);
}

void fanout_frame_write(char *ret, enum push_form form, struct bytes json,
                        const char position[POSITION_SIZE])
{
    if (form == PUSH_STREAM)
        push_stream_event_write(ret, json, position);
    else
        push_event_write(ret, json, position);
}

static int compose_deflated(struct hub *hub, struct frame_log *log, struct bytes json,
                            const char position[POSITION_SIZE], struct run *ret)
{
    struct bytes frame;
    char *to;
    int r = push_deflate_event(hub->deflater, json, position, &frame);

    if (r < 0)
        return r;
    to = frame_log_append(log, frame.size, ret);
    if (!to)
        return MCP_AUTH_E_NOMEM;
    memcpy(to, frame.data, frame.size);
    return 0;
}

static int compose_plain(struct frame_log *log, enum push_form form, struct bytes json,
                         const char position[POSITION_SIZE], struct run *ret)
{
    char *frame = frame_log_append(log, fanout_frame_size(form, json), ret);

    if (!frame)
        return MCP_AUTH_E_NOMEM;
    fanout_frame_write(frame, form, json, position);
    return 0;
}

static int compose(struct hub *hub, const struct entry *entry, enum push_form form, enum view view,
                   struct run *ret)
{
    struct frame_log *log = &hub->views[form][view];
    char position[POSITION_SIZE];
    struct strbuf scratch;
    struct bytes json;
    int r;

    strbuf_init(&scratch, EVENT_SIZE_MAX);
    r = fanout_view_json(hub, entry->event, view, &scratch, &json);
    if (r == 0) {
        position_write(&hub->head, position); /* of this entry, unless it has none */
        r = form == PUSH_DEFLATED ? compose_deflated(hub, log, json, position, ret)
                                  : compose_plain(log, form, json, position, ret);
    }
    if (r == 0)
        counter_add(&hub->counters.encodings, 1);
    strbuf_done(&scratch);
    return r;
}

const struct run *fanout_frame(struct hub *hub, struct fanout_frames *frames, enum push_form form,
                               enum view view)
{
    view = privacy_view(hub->settings.privacy, view);
    /* A short one is shared with those who did not ask for it deflated. */
    if (form == PUSH_DEFLATED && !push_deflate_pays(frames->entry->event->json))
        form = PUSH_WEBSOCKET;
    if (!frames->composed[form][view]) {
        if (compose(hub, frames->entry, form, view, &frames->runs[form][view]) < 0)
            return NULL;
        frames->composed[form][view] = true;
        /* Held until the fan-out ends: if its first receiver is closed at once, the log must not
         * start over while others still get the same run. */
        segment_ref(frames->runs[form][view].segment);
    }
    return &frames->runs[form][view];
}

static inline void give(struct session *s, struct fanout_frames *frames, enum view view)
{
    struct hub *hub = session_hub(s);
    const struct run *run = fanout_frame(hub, frames, session_live_form(s), view);

    if (!run) {
        session_close(s, CLOSE_INTERNAL, 0); /* never a silent hole */
        return;
    }
    if (session_push(s, run, false))
        counter_add(&hub->counters.frames_sent, 1);
}

/* What is delivered alone, or gone. What a session client was told is so no more, and it fetches
 * fresh state; a plain one has none to fetch, and stays. */
static void give_numberless(struct session *s, struct fanout_frames *frames, enum view view)
{
    if (frames->gone) {
        if (s->kind != SESSION_PLAIN)
            session_close(s, CLOSE_EPOCH_CHANGED, -1);
    } else if (!session_is_ahead(s)) {
        give(s, frames, view);
    } else if (session_push_event(s, frames->entry, view, false)) { /* its position is its own */
        counter_add(&session_hub(s)->counters.frames_sent, 1);
    }
}

void fanout_give(struct session *s, struct fanout_frames *frames, enum view view)
{
    if (frames->number == UINT64_MAX)
        give_numberless(s, frames, view);
    else
        give(s, frames, view);
}

static void frames_done(struct fanout_frames *frames)
{
    for (unsigned form = 0; form < PUSH_FORMS; form++)
        for (unsigned view = 0; view < VIEWS; view++)
            if (frames->composed[form][view])
                segment_unref(frames->runs[form][view].segment);
}

/* The audience of a key belongs to the event's tenant, so no tenant is compared here. */
static void deliver(struct session *s, struct fanout_frames *frames, enum view view)
{
    const struct event *event = frames->entry->event;

    if (s->state != SESSION_LIVE || session_has_had(s, frames->number))
        return;
    if (!filter_passes(session_filter(s), event->type, event->level,
                       event->members[MEMBER_RESOURCE]))
        return;
    if (session_expired(s))
        return;
    fanout_give(s, frames, s->authority->admin ? VIEW_FULL : view);
}

/* Once, however many of its keys the event names; from the end, where a session that is closed by
 * its delivery is replaced by one that was served. */
static void deliver_authority(struct hub *hub, struct authority *authority,
                              struct fanout_frames *frames, enum view view)
{
    if (authority->visited == hub->fanout_serial)
        return;
    authority->visited = hub->fanout_serial;
    authority_hold(authority);
    for (uint32_t i = authority->sessions_count; i-- > 0;)
        if (!authority->sessions[i]->met)
            deliver(authority->sessions[i], frames, view);
    authority_release(authority);
}

/* Ten thousand authorities lie anywhere in memory: the two lines that are needed of each are asked
 * for while others are served. */
static void prefetch(const struct audience *audience, uint32_t i)
{
    if (i >= 8)
        __builtin_prefetch(audience->places[i - 8].authority);
    if (i >= 4)
        __builtin_prefetch(audience->places[i - 4].authority->sessions[0]);
}

/* From the end: an authority whose sessions are all closed by their delivery leaves, and one that
 * was served takes its place. While any is left to serve, the audience stays. */
static void deliver_all(struct hub *hub, struct audience *audience, struct fanout_frames *frames,
                        enum view view)
{
    for (uint32_t i = audience->count; i-- > 0;) {
        prefetch(audience, i);
        deliver_authority(hub, audience->places[i].authority, frames, view);
    }
}

/* Who is met by the last key is met by no other. */
static void deliver_user(struct hub *hub, struct bytes key, struct fanout_frames *frames,
                         enum view view, bool last)
{
    struct session *s = user_index_find(&hub->users, key), *next;

    for (; s; s = next) {
        next = user_next(s);
        if (s->met || s->authority->visited == hub->fanout_serial)
            continue;
        s->met = !last;
        deliver(s, frames, view);
    }
}

static void deliver_key(struct hub *hub, const struct audience_key *key,
                        struct fanout_frames *frames, bool last)
{
    struct audience *audience;
    size_t size = 0;

    if (key->kind == AUDIENCE_USER) {
        deliver_user(hub, key->text, frames, key->view, last);
        return;
    }
    audience = audience_index_find(&hub->audience, key->text);
    if (audience)
        deliver_all(hub, audience, frames, key->view);
    if (key->kind != AUDIENCE_PERMISSION)
        return;
    while ((audience = audience_index_next_wildcard(&hub->audience, frames->entry->event->tenant,
                                                    key->name, &size)))
        deliver_all(hub, audience, frames, key->view);
}

/* Those who were met and are still here. */
static void forget_met(const struct hub *hub, const struct event *event)
{
    for (unsigned i = 0; i + 1 < event->audience_count; i++) {
        struct session *s = event->audience[i].kind == AUDIENCE_USER
                                ? user_index_find(&hub->users, event->audience[i].text)
                                : NULL;

        for (; s; s = user_next(s))
            s->met = false;
    }
}

static void fan_out(struct hub *hub, struct fanout_frames *frames)
{
    const struct event *event = frames->entry->event;

    hub->fanout_serial++;
    for (unsigned i = 0; i < event->audience_count; i++)
        deliver_key(hub, &event->audience[i], frames, i + 1 == event->audience_count);
    forget_met(hub, event);
}

static void move_head(struct hub *hub, const struct entry *entry)
{
    assert(entry->n == hub->head.n + 1);
    if (entry->n >= hub->ahead_n)
        ahead_reached(hub, entry);
    hub->head.n = entry->n;
    hub->head.check = entry->check;
    atomic_store_explicit(&hub->counters.head_n, entry->n, memory_order_relaxed);
}

/* Without memory to keep it for those who come, everybody goes, and has not had it: so it is
 * announced to all when it is in its place. */
static bool keep_alone(struct hub *hub, const struct entry *entry)
{
    int r = 0;

    assert(entry->alone == hub->alones.serial + 1);
    hub->alones.serial = entry->alone;
    if (entry->event->audience_count > 0)
        r = alones_put(&hub->alones, entry);
    if (r < 0)
        hub_close_all(hub, CLOSE_INTERNAL);
    return r == 0;
}

void hub_announce(struct hub *hub, const struct entry *entry)
{
    struct fanout_frames frames = {.entry = entry, .number = entry->n};

    hub_meet_tenant(hub, entry->event->tenant);
    if (entry->n == 0) {
        frames.number = UINT64_MAX;
        if (!keep_alone(hub, entry))
            return;
    } else {
        move_head(hub, entry);
    }
    if (entry->n && entry->alone && alones_take(&hub->alones, entry->alone)) {
        frames.number = 0; /* all have had it, and who is leaving by it as well */
    } else {
        counter_add(&hub->counters.events_announced, 1);
        fan_out(hub, &frames);
    }
    enforce_announced(hub, &frames);
    frames_done(&frames);
    hub_relieve(hub);
}

void hub_forget_alone(struct hub *hub, uint64_t alone)
{
    (void)alones_take(&hub->alones, alone);
}

void hub_gone(struct hub *hub, const struct entry *entry)
{
    struct fanout_frames frames = {.entry = entry, .number = UINT64_MAX, .gone = true};

    hub->gone = true;
    fan_out(hub, &frames);
}
