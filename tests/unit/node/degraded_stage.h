/* SPDX-License-Identifier: Apache-2.0 */
/* degraded_stage.h: a bus by script, with one hub, that writes down what happens to events. */
#ifndef DEGRADED_STAGE_H
#define DEGRADED_STAGE_H

#include "node/degraded.h"

#include <stdio.h>

#include "mcp_auth/error.h"
#include "sample_event.h"

#define EPOCH UINT64_C(12)
#define DEADLINE_MS 100
#define ISOLATION_MS 5000
#define DEDUPE_MS 60000
#define HELD_MAX 64

/* Everything that happened, in words: what was sent, told to the hub, answered. */
static struct {
    struct broker broker;
    struct history *history;
    struct broadcast *broadcast;
    struct degraded *degraded;
    struct now now;
    char trace[4096];
    int64_t round_trip_ms;
    uint64_t tickets[HELD_MAX]; /* given and not answered */
    unsigned counts[HELD_MAX], tickets_count;
    uint64_t n;
    unsigned stored; /* a test's own count */
    bool no_memory;
} bus;

static const uint8_t seed[16] = {3};

static inline void say(const char *what, struct bytes id, const char *more)
{
    size_t used = strlen(bus.trace);

    snprintf(bus.trace + used, sizeof bus.trace - used, "%s%s%.*s%s", used ? " " : "", what,
             (int)id.size, bytes_present(id) ? id.data : "", more);
}

/* What happened since the last look. */
static inline const char *happened(void)
{
    static char seen[sizeof bus.trace];

    memcpy(seen, bus.trace, sizeof seen);
    bus.trace[0] = '\0';
    return seen;
}

#define CHECK_HAPPENED(text) CHECK_TEXT(bytes_of(happened()), text)

static inline void broker_takes(struct broker *broker, const struct broker_batch *batch,
                                int64_t wall_ms)
{
    (void)broker;
    (void)wall_ms;
    for (unsigned i = 0; i < batch->count; i++)
        say(i == 0 ? "send:" : "+", batch->events[i]->id, "");
    CHECK(bus.tickets_count < HELD_MAX);
    bus.tickets[bus.tickets_count] = batch->ticket;
    bus.counts[bus.tickets_count++] = batch->count;
}

static inline struct broker_usage usage(const struct broker *broker)
{
    (void)broker;
    return (struct broker_usage){.round_trip_ms = bus.round_trip_ms};
}

static const struct broker_operations scripted = {.publish = broker_takes, .usage = usage};

static inline void on_effect(void *owner, unsigned hub, const struct entry *entry, uint64_t serial,
                             bool urgent)
{
    (void)owner;
    (void)hub;
    (void)urgent;
    say(serial ? "effect:" : "enforce:", entry->event->id, "");
    if (serial)
        broadcast_effect_done(bus.broadcast, hub, serial);
}

static inline void on_announce(void *owner, unsigned hub, const struct entry *entry)
{
    char place[48];

    (void)owner;
    (void)hub;
    snprintf(place, sizeof place, "@%llu/%llu", (unsigned long long)entry->n,
             (unsigned long long)entry->alone);
    say("news:", entry->event->id, place);
}

static inline void on_forget(void *owner, unsigned hub, uint64_t alone)
{
    char text[32];

    (void)owner;
    (void)hub;
    snprintf(text, sizeof text, "forget:%llu", (unsigned long long)alone);
    say(text, BYTES(""), "");
}

static inline void on_announced(void *owner, const struct entry *entry)
{
    (void)owner;
    (void)entry;
    degraded_announced(bus.degraded);
}

static inline int reserve(void *owner, size_t count)
{
    (void)owner;
    return bus.no_memory ? MCP_AUTH_E_NOMEM : broadcast_reserve(bus.broadcast, count);
}

static inline void on_withdrawn(void *owner, const struct fence *fence)
{
    (void)owner;
    say("withdrawn:", fence->user, "");
}

static inline void on_answered(void *owner, void *asker, const struct degraded_answer *answer)
{
    char text[48];

    (void)owner;
    snprintf(text, sizeof text, "%s=%s%s", (const char *)asker,
             answer->error == MCP_AUTH_E_CONFLICT              ? "conflict"
             : answer->answers[0].outcome == PUBLISH_DUPLICATE ? "dup"
                                                               : "ok",
             answer->degraded ? "-alone" : "");
    if (answer->error == 0 && answer->answers[0].at.n > 0) {
        CHECK_EQ(answer->answers[0].at.epoch, EPOCH);
        snprintf(text + strlen(text), sizeof text - strlen(text), "@%llu",
                 (unsigned long long)answer->answers[0].at.n);
    }
    say(text, BYTES(""), "");
}

static inline void on_changed(void *owner, const struct degraded_change *change)
{
    char text[64];

    (void)owner;
    snprintf(text, sizeof text, "BACK(%llu,%llu)", (unsigned long long)change->sent,
             (unsigned long long)change->caught_up);
    say(!change->ok ? "AWAY" : change->first ? "OK" : text, BYTES(""), "");
}

static inline void on_isolate(void *owner, bool isolated)
{
    (void)owner;
    say(isolated ? "ISOLATED" : "JOINED", BYTES(""), "");
}

static inline void on_refused(void *owner, const struct event *event)
{
    (void)owner;
    say("refused:", event->id, "");
}

static inline void stand(enum stand_kind kind)
{
    degraded_stand(bus.degraded, &(struct broker_stand){.kind = kind, .after = {EPOCH, bus.n, 0}});
}

static inline void ready(void)
{
    degraded_ready(bus.degraded, bus.now);
}

static inline void away(void)
{
    bus.tickets_count = 0;
    degraded_away(bus.degraded, BYTES("gone"), bus.now);
}

static inline void begin(size_t bytes_max)
{
    struct broadcast_port hubs = {.effect = on_effect,
                                  .announce = on_announce,
                                  .forget_alone = on_forget,
                                  .announced = on_announced};
    struct degraded_port port = {.reserve = reserve,
                                 .withdrawn = on_withdrawn,
                                 .answered = on_answered,
                                 .changed = on_changed,
                                 .isolate = on_isolate,
                                 .refused = on_refused};
    struct degraded_settings settings = {DEADLINE_MS, ISOLATION_MS, DEDUPE_MS, bytes_max, {4}};
    struct history_limits limits = {1000, SIZE_MAX, INT64_MAX / 4};

    memset(&bus, 0, sizeof bus);
    bus.broker.operations = &scripted;
    bus.round_trip_ms = -1;
    bus.now = (struct now){1000, 1000000};
    CHECK_EQ(history_new(&bus.history, EPOCH, &limits, seed), 0);
    CHECK_EQ(broadcast_new(&bus.broadcast, 1, bus.history, &hubs), 0);
    CHECK_EQ(degraded_new(&bus.degraded, &settings, bus.broadcast, &port), 0);
    degraded_use(bus.degraded, &bus.broker, bus.now);
    stand(STAND_FIRST);
    ready();
    CHECK_HAPPENED("OK");
}

static inline void end(void)
{
    degraded_free(bus.degraded);
    broadcast_free(bus.broadcast);
    history_free(bus.history);
}

static inline void pass(int64_t ms)
{
    bus.now.mono_ms += ms;
    bus.now.wall_ms += ms;
    degraded_advance(bus.degraded, bus.now);
}

static inline struct sample plain(const char *id)
{
    return (struct sample){.type = EVENT_USER_UPDATED, .id = id, .id_given = true, .user = "ann"};
}

static inline int publish_all(const char *asker, const struct sample *samples, unsigned count)
{
    struct event *events[8];
    unsigned failed;
    int r;

    for (unsigned i = 0; i < count; i++)
        events[i] = sample_event(samples[i]);
    r = degraded_publish(bus.degraded, events, count, (void *)(uintptr_t)asker, bus.now, &failed);
    for (unsigned i = 0; i < count; i++)
        event_unref(events[i]);
    return r;
}

/* Asked for under its id. */
static inline void publish(const char *id)
{
    struct sample sample = plain(id);

    CHECK_EQ(publish_all(id, &sample, 1), 0);
}

/* The stream gives this event, as read. */
static inline void entry_of(struct sample sample)
{
    struct event *event = sample_event(sample), *own;
    struct entry entry = {.n = ++bus.n};

    entry.check = entry.n + 7;
    own = degraded_own(bus.degraded, event->tenant, event->id);
    entry.event = own ? own : event;
    CHECK_EQ(degraded_entry(bus.degraded, &entry, bus.now), 0);
    event_unref(event);
}

static inline void entry(const char *id)
{
    entry_of(plain(id));
}

/* The oldest batch is answered: stored from n on. */
static inline void taken(enum publish_outcome outcome, uint64_t n)
{
    struct publish_answer answers[16];
    struct batch_answer answer = {.ticket = bus.tickets[0],
                                  .result = BATCH_TAKEN,
                                  .answers = answers,
                                  .count = bus.counts[0]};

    CHECK(bus.tickets_count > 0 && answer.count <= 16);
    for (unsigned i = 0; i < answer.count; i++)
        answers[i] = (struct publish_answer){outcome, {EPOCH, n + i, n + i + 7}};
    bus.tickets_count--;
    memmove(bus.tickets, bus.tickets + 1, bus.tickets_count * sizeof *bus.tickets);
    memmove(bus.counts, bus.counts + 1, bus.tickets_count * sizeof *bus.counts);
    degraded_answered(bus.degraded, &answer, bus.now);
}

static inline void not_taken(enum batch_result result, unsigned failed_index)
{
    struct batch_answer answer = {.ticket = bus.tickets[0],
                                  .result = result,
                                  .failed_index = failed_index};

    CHECK(bus.tickets_count > 0);
    bus.tickets_count--;
    memmove(bus.tickets, bus.tickets + 1, bus.tickets_count * sizeof *bus.tickets);
    memmove(bus.counts, bus.counts + 1, bus.tickets_count * sizeof *bus.counts);
    degraded_answered(bus.degraded, &answer, bus.now);
}

#endif
