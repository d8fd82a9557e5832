/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_stream.c: effects, announcements and answers of the past, in each hub's own order. */
#include <stdlib.h>
#include <string.h>

#include "oracle_state.h"

bool oracle_has_fence(const struct plain_config *config, const struct plain_event *event)
{
    struct rule_fence fence;

    return rule_fence_of(config, event, &fence);
}

void oracle_entry(struct oracle *o, uint64_t n, const struct plain_event *event)
{
    if (n != o->entries_count + 1)
        oracle_fail(o, "the stream is not dense: %llu", (unsigned long long)n);
    if (n + 1 >= o->entries_room) {
        uint64_t room = o->entries_room ? 2 * o->entries_room : 256;

        o->entries = realloc(o->entries, room * sizeof *o->entries);
        o->checks = realloc(o->checks, room * sizeof *o->checks);
        if (!o->entries || !o->checks)
            abort();
        memset(o->entries + o->entries_room, 0, (room - o->entries_room) * sizeof *o->entries);
        memset(o->checks + o->entries_room, 0, (room - o->entries_room) * sizeof *o->checks);
        o->entries_room = room;
    }
    o->entries_count = n;
    o->entries[n].event = event;
    o->entries[n].has_fence = oracle_has_fence(o->config, event);
}

/* Up to where every effect is applied at every hub. */
static void safe_advance(struct oracle *o)
{
    while (o->safe_n < o->entries_count) {
        const struct oracle_entry *next = &o->entries[o->safe_n + 1];

        if (next->has_fence && next->applied < o->config->hubs)
            return;
        o->safe_n++;
    }
}

void oracle_bus_announced(struct oracle *o, uint64_t n)
{
    safe_advance(o);
    if (n != o->bus_head + 1)
        oracle_fail(o, "the bus announced %llu after %llu", (unsigned long long)n,
                    (unsigned long long)o->bus_head);
    if (n > o->safe_n)
        oracle_fail(o, "news before effect: %llu announced", (unsigned long long)n);
    o->bus_head = n;
}

void oracle_bus_answered(struct oracle *o, unsigned client, bool check_good, uint64_t from_n,
                         enum plain_outcome outcome, uint64_t upto_n)
{
    uint64_t kept = o->config->history_events;
    uint64_t anchor = o->bus_head > kept ? o->bus_head - kept : 0;
    bool here = check_good && from_n >= anchor && from_n <= o->bus_head;

    if (here != (outcome == PLAIN_SLICE))
        oracle_fail(o,
                    "client %u asked history for what follows %llu (kept: after %llu to %llu, "
                    "check %s) and was told %s",
                    client, (unsigned long long)from_n, (unsigned long long)anchor,
                    (unsigned long long)o->bus_head, check_good ? "right" : "wrong",
                    outcome == PLAIN_SLICE ? "here" : "lost");
    if (outcome == PLAIN_SLICE &&
        (upto_n > o->bus_head || upto_n < from_n || (upto_n == from_n && upto_n < o->bus_head)))
        oracle_fail(o, "client %u: a slice from %llu speaks for %llu", client,
                    (unsigned long long)from_n, (unsigned long long)upto_n);
}

static bool in(const struct oracle_session *s)
{
    return s->state == O_CATCHUP || s->state == O_LIVE || s->state == O_LEAVING;
}

static bool same_authority(const struct rule_identity *a, const struct rule_identity *b)
{
    return a->roles_count == b->roles_count && a->permissions_count == b->permissions_count;
}

static void take_from(struct oracle *o, struct oracle_session *s, const struct rule_fence *fence,
                      uint64_t n)
{
    struct oracle_hub *hub = &o->hubs[s->hub];
    struct rule_identity less;

    if (!in(s) || s->state == O_LEAVING || !rule_fence_covers(o->config, fence, &s->token))
        return;
    if (fence->scope == PLAIN_EVERYTHING) {
        s->was_live = s->state == O_LIVE;
        s->state = O_LEAVING;
        s->leaving_n = n;
        s->leaving_due = hub->mono + 10000;
        return;
    }
    rule_identity(o->config, &s->token, hub->fences, hub->fences_count, &less);
    if (same_authority(&less, &s->who))
        return;
    s->who = less;
    s->must_ask = s->must_ask || (s->state == O_CATCHUP && s->waiting);
    oracle_want_control(o, s, rule_scope_text(&s->who), 0);
}

void oracle_effect(struct oracle *o, unsigned hub_index, uint64_t n)
{
    struct oracle_hub *hub = &o->hubs[hub_index];
    struct rule_fence fence;

    if (!rule_fence_of(o->config, o->entries[n].event, &fence)) {
        oracle_fail(o, "hub %u was told an effect of %llu, which has none", hub_index,
                    (unsigned long long)n);
        return;
    }
    if (hub->fences_count == ORACLE_FENCES_MAX)
        abort();
    hub->fences[hub->fences_count++] = fence;
    for (unsigned i = 0; i < o->sessions_count; i++)
        if (o->sessions[i].hub == hub_index)
            take_from(o, &o->sessions[i], &fence, n);
    o->entries[n].applied++;
    safe_advance(o);
}

static void leave_with(struct oracle *o, struct oracle_session *s, uint64_t n)
{
    enum rule_view view = s->was_live && n > s->skip_to ? oracle_view(o, s, n) : RULE_NOT;
    const struct oracle_hub *hub = &o->hubs[s->hub];

    if (s->expires <= hub->wall) {
        oracle_due(s, 4101);
        return;
    }
    if (view != RULE_NOT)
        oracle_want_event(o, s, n, view, false);
    if (s->due_count == 0)
        oracle_due(s, 4002);
}

void oracle_announce(struct oracle *o, unsigned hub_index, uint64_t n)
{
    struct oracle_hub *hub = &o->hubs[hub_index];

    if (n != hub->head + 1)
        oracle_fail(o, "hub %u was told %llu after %llu", hub_index, (unsigned long long)n,
                    (unsigned long long)hub->head);
    if (n > o->safe_n)
        oracle_fail(o,
                    "news before effect: hub %u was told %llu, but %llu is not applied "
                    "everywhere",
                    hub_index, (unsigned long long)n, (unsigned long long)o->safe_n + 1);
    hub->head = n;
    for (unsigned i = 0; i < o->sessions_count; i++) {
        struct oracle_session *s = &o->sessions[i];
        enum rule_view view;

        if (s->hub != hub_index)
            continue;
        if (s->state == O_LEAVING && s->leaving_n == n)
            leave_with(o, s, n);
        if (s->state != O_LIVE || n <= s->skip_to)
            continue;
        view = oracle_view(o, s, n);
        if (view != RULE_NOT)
            oracle_want_event(o, s, n, view, false);
    }
}

/* Below this the next slice is asked for, so that a slow reader is not buried in its past. */
bool oracle_has_room(const struct oracle *o, const struct oracle_session *s)
{
    uint64_t half = o->config->outbox_bytes_max / 2;

    return s->owed < (half < 64 * 1024 ? half : 64 * 1024);
}

static void answered_lost(struct oracle *o, struct oracle_session *s)
{
    if (!s->first || !s->control) {
        oracle_due(s, 4301);
        return;
    }
    s->state = O_LIVE;
    s->skip_to = 0;
    oracle_want_control(o, s, rule_auth_ok_text(o->config, s->expires, &s->who, false),
                        o->hubs[s->hub].head);
}

void oracle_answer(struct oracle *o, unsigned client, uint32_t serial, enum plain_outcome outcome,
                   uint64_t upto_n)
{
    struct oracle_session *s = oracle_session(o, client);

    if (s->state != O_CATCHUP || serial != s->serial)
        return;
    s->waiting = false;
    if (outcome == PLAIN_LOST) {
        answered_lost(o, s);
        return;
    }
    if (s->first)
        oracle_want_control(o, s, rule_auth_ok_text(o->config, s->expires, &s->who, true),
                            s->asked_n);
    s->first = false;
    for (uint64_t n = s->cursor + 1; n <= upto_n && s->due_count == 0; n++) {
        enum rule_view view = oracle_view(o, s, n);

        if (view != RULE_NOT)
            oracle_want_event(o, s, n, view, true);
    }
    s->cursor = upto_n;
    if (s->due_count > 0)
        return;
    if (upto_n >= o->hubs[s->hub].head && oracle_has_room(o, s)) {
        s->state = O_LIVE;
        s->skip_to = upto_n;
    } else {
        s->must_ask = oracle_has_room(o, s);
    }
}

void oracle_asked(struct oracle *o, unsigned client, uint32_t serial, bool first, uint64_t from_n)
{
    struct oracle_session *s = oracle_session(o, client);

    if (s->state != O_CATCHUP || !s->must_ask || first != s->first || from_n != s->cursor)
        oracle_fail(o, "client %u (state %d) asks history from %llu%s; expected %s from %llu",
                    client, (int)s->state, (unsigned long long)from_n, first ? ", first" : "",
                    s->must_ask ? "that" : "nothing", (unsigned long long)s->cursor);
    s->serial = serial;
    s->must_ask = false;
    s->waiting = true;
}

void oracle_quiet(struct oracle *o)
{
    for (unsigned i = 0; i < o->sessions_count; i++)
        if (o->sessions[i].state == O_CATCHUP || o->sessions[i].state == O_LEAVING)
            oracle_fail(o, "client %u of hub %u is still in state %d when all is quiet", i,
                        o->sessions[i].hub, (int)o->sessions[i].state);
    for (unsigned h = 0; h < o->config->hubs; h++)
        if (o->hubs[h].head != o->entries_count)
            oracle_fail(o, "hub %u is at %llu of %llu when all is quiet", h,
                        (unsigned long long)o->hubs[h].head, (unsigned long long)o->entries_count);
}
