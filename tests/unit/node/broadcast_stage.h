/* SPDX-License-Identifier: Apache-2.0 */
/* broadcast_stage.h: hubs that write down what they are told, for the tests of the broadcast. */
#ifndef BROADCAST_STAGE_H
#define BROADCAST_STAGE_H

#include "node/broadcast.h"
#include "sample_event.h"

#define EPOCH UINT64_C(4711)
#define HUBS_MAX 5
#define ENTRIES_MAX 400

/* What was sent to whom, and what the rules are about it. */
struct stage {
    unsigned hubs;
    struct history *history;
    struct broadcast *broadcast;
    uint64_t n; /* given */
    bool fenced[ENTRIES_MAX];
    uint64_t effect_sent[ENTRIES_MAX][HUBS_MAX]; /* its serial */
    bool effect_done[ENTRIES_MAX][HUBS_MAX];
    uint64_t announced[HUBS_MAX], announced_all;
    struct resume_answer answer; /* the last one */
    struct entry entries[CATCHUP_SLICE_EVENTS];
    unsigned answers, answered_hub, tellings;
    uint64_t serial; /* of the last effect without a number */
    bool urgent;     /* the last effect with one */
    char told[256];
};

static struct stage stage;
static const uint8_t seed[16] = {9};

/* What else the hubs were told, in order: one letter and a number each, as hub 0 got it. */
static inline void note(unsigned hub, char letter, uint64_t number)
{
    size_t size = strlen(stage.told);

    CHECK(hub < stage.hubs);
    if (hub == 0)
        snprintf(stage.told + size, sizeof stage.told - size, "%c%llu ", letter,
                 (unsigned long long)number);
    stage.tellings++;
}

static inline void on_effect(void *owner, unsigned hub, const struct entry *entry, uint64_t serial,
                             bool urgent)
{
    CHECK(owner == &stage && hub < stage.hubs);
    if (entry->n == 0) {
        note(hub, serial ? 'e' : 'E', entry->alone);
        stage.serial = serial;
        return;
    }
    CHECK(serial > 0 && stage.fenced[entry->n]);
    CHECK(!stage.effect_sent[entry->n][hub]); /* once */
    stage.effect_sent[entry->n][hub] = serial;
    stage.urgent = urgent;
}

static inline void on_forget_alone(void *owner, unsigned hub, uint64_t alone)
{
    CHECK(owner == &stage);
    note(hub, 'f', alone);
}

static inline void on_gone(void *owner, unsigned hub, const struct entry *entry)
{
    CHECK(owner == &stage);
    note(hub, 'g', entry->n);
}

static inline void on_rebase(void *owner, unsigned hub, const struct position *head,
                             enum rebase_kind kind)
{
    CHECK(owner == &stage);
    note(hub, kind == REBASE_LOST ? 'R' : 'r', head->n);
    stage.announced[hub] = stage.announced_all = head->n;
}

static inline void on_announce(void *owner, unsigned hub, const struct entry *entry)
{
    CHECK(owner == &stage && hub < stage.hubs);
    if (entry->n == 0) {
        note(hub, 'a', entry->alone);
        return;
    }
    CHECK_EQ(entry->n, stage.announced[hub] + 1);
    stage.announced[hub] = entry->n;
    for (unsigned other = 0; other < stage.hubs; other++)
        CHECK(!entry->event->has_fence || stage.effect_done[entry->n][other]);
    CHECK_EQ(history_head(stage.history).n, entry->n); /* whoever resumes now finds it */
}

static inline void on_answer(void *owner, unsigned hub, const struct resume_answer *answer)
{
    CHECK(owner == &stage && answer->entries_count <= CATCHUP_SLICE_EVENTS);
    stage.answers++;
    stage.answered_hub = hub;
    stage.answer = *answer;
    if (answer->entries_count > 0)
        memcpy(stage.entries, answer->entries, answer->entries_count * sizeof *answer->entries);
}

static inline void on_announced(void *owner, const struct entry *entry)
{
    CHECK(owner == &stage);
    if (entry->n == 0)
        return;
    CHECK_EQ(entry->n, stage.announced_all + 1);
    stage.announced_all = entry->n;
    for (unsigned hub = 0; hub < stage.hubs; hub++)
        CHECK_EQ(stage.announced[hub], entry->n);
}

static inline void begin(unsigned hubs, struct history_limits limits)
{
    struct broadcast_port port = {.effect = on_effect,
                                  .announce = on_announce,
                                  .forget_alone = on_forget_alone,
                                  .gone = on_gone,
                                  .rebase = on_rebase,
                                  .answer = on_answer,
                                  .announced = on_announced,
                                  .owner = &stage};

    memset(&stage, 0, sizeof stage);
    stage.hubs = hubs;
    CHECK_EQ(history_new(&stage.history, EPOCH, &limits, seed), 0);
    CHECK_EQ(broadcast_new(&stage.broadcast, hubs, stage.history, &port), 0);
}

static inline void begin_wide(unsigned hubs)
{
    begin(hubs, (struct history_limits){1000000, SIZE_MAX, INT64_MAX / 4});
}

static inline void end(void)
{
    broadcast_free(stage.broadcast);
    history_free(stage.history);
}

static inline uint64_t check_of(uint64_t n)
{
    return n == 0 ? 0 : n ^ 0x5555;
}

static inline void put_entry(struct event *event, uint64_t alone,
                             void (*how)(struct broadcast *, const struct entry *))
{
    struct entry entry = {event, stage.n + 1, check_of(stage.n + 1), alone};

    if (entry.n < ENTRIES_MAX)
        stage.fenced[entry.n] = event->has_fence;
    stage.n = entry.n;
    CHECK_EQ(broadcast_reserve(stage.broadcast, 1), 0);
    how(stage.broadcast, &entry);
    event_unref(event);
}

static inline void put_back(struct sample sample, uint64_t alone)
{
    put_entry(sample_event(sample), alone, broadcast_entry);
}

static inline void put(struct sample sample)
{
    put_back(sample, 0);
}

/* One that another instance accepted. */
static inline void put_in_turn(struct event *event)
{
    put_entry(event, 0, broadcast_entry_in_turn);
}

static inline void put_news(void)
{
    put((struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
}

static inline void put_fence(void)
{
    put((struct sample){.type = EVENT_USER_DELETED, .target = "ann"});
}

static inline void answer_effect(unsigned hub, uint64_t n)
{
    CHECK(stage.effect_sent[n][hub]);
    stage.effect_done[n][hub] = true;
    broadcast_effect_done(stage.broadcast, hub, stage.effect_sent[n][hub]);
}

static inline void ask(uint64_t from_n, bool first, const char *user)
{
    char room[AUDIENCE_KEY_MAX];
    struct bytes key = {room, audience_key_write(room, AUDIENCE_USER, BYTES(""), bytes_of(user))};
    struct resume_request request = {
        .hub_index = 1,
        .session = 42,
        .serial = 7,
        .first = first,
        .from = {EPOCH, from_n, check_of(from_n)},
        .keys_count = 1,
        .keys = &key,
    };
    unsigned before = stage.answers;

    broadcast_resume(stage.broadcast, &request);
    CHECK_EQ(stage.answers, before + 1);
    CHECK_EQ(stage.answered_hub, 1);
    CHECK_EQ(stage.answer.session, 42);
    CHECK_EQ(stage.answer.serial, 7);
}

#endif
