/* SPDX-License-Identifier: Apache-2.0 */
/* broker_memory.c: one instance alone: every event comes straight back, numbered, once per id. */
#include <assert.h>
#include <stdlib.h>

#include "broker/broker.h"
#include "broker/known_ids.h"
#include "mcp_auth/error.h"

struct broker_memory {
    struct broker broker; /* first */
    struct broker_port port;
    uint64_t epoch, n;
    int64_t dedupe_ms;
    struct known_ids known;
    int64_t expire_ms;              /* when to look for old ones next, by mono_ms */
    struct publish_answer *answers; /* of the batch at hand */
    unsigned answers_room;
};

#define EXPIRE_MS 1000

static struct broker_memory *memory_of(struct broker *broker)
{
    return container_of(broker, struct broker_memory, broker);
}

static int answers_reserve(struct broker_memory *memory, unsigned count)
{
    struct publish_answer *answers;

    if (count <= memory->answers_room)
        return 0;
    answers = realloc(memory->answers, count * sizeof *answers);
    if (!answers)
        return MCP_AUTH_E_NOMEM;
    memory->answers = answers;
    memory->answers_room = count;
    return 0;
}

/* Gives the next number, which counts only when all of the batch was taken. */
static enum batch_result take(struct broker_memory *memory, struct event *event, uint64_t *last_n,
                              int64_t wall_ms, struct publish_answer *ret)
{
    const struct known_id *known =
        known_ids_find(&memory->known, event, wall_ms - memory->dedupe_ms);
    struct position *at = &ret->at;
    struct entry entry = {.event = event};

    at->epoch = memory->epoch;
    if (known) {
        ret->outcome = PUBLISH_DUPLICATE;
        at->n = known->n;
        at->check = known->check;
        return known->fingerprint == event->fingerprint ? BATCH_TAKEN : BATCH_CONFLICT;
    }
    ret->outcome = PUBLISH_TAKEN;
    at->n = *last_n + 1;
    at->check = position_check(memory->epoch, at->n, event->tenant, event->id, BYTES(""));
    entry.n = at->n;
    entry.check = at->check;
    if (event->id_given && known_ids_put(&memory->known, &entry, wall_ms) < 0)
        return BATCH_FAILED;
    *last_n = at->n;
    return BATCH_TAKEN;
}

static void give_back(struct broker_memory *memory, const struct broker_batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++) {
        const struct publish_answer *answer = &memory->answers[i];
        struct entry entry = {.event = batch->events[i],
                              .n = answer->at.n,
                              .check = answer->at.check};
        int r;

        if (answer->outcome != PUBLISH_TAKEN)
            continue;
        r = memory->port.on_entry(memory->port.owner, &entry);
        assert(r == 0); /* there is nowhere to come again for it */
        (void)r;
    }
}

static void memory_publish(struct broker *broker, const struct broker_batch *batch, int64_t wall_ms)
{
    struct broker_memory *memory = memory_of(broker);
    struct batch_answer answer = {.ticket = batch->ticket, .result = BATCH_TAKEN};
    uint64_t last_n = memory->n;

    if (answers_reserve(memory, batch->count) < 0)
        answer.result = BATCH_FAILED;
    for (unsigned i = 0; i < batch->count && answer.result == BATCH_TAKEN; i++) {
        answer.result = take(memory, batch->events[i], &last_n, wall_ms, &memory->answers[i]);
        answer.failed_index = i;
    }
    if (answer.result != BATCH_TAKEN) {
        known_ids_forget_beyond(&memory->known, memory->n);
        memory->port.on_answer(memory->port.owner, &answer);
        return;
    }
    memory->n = last_n;
    known_ids_expire(&memory->known, wall_ms - memory->dedupe_ms);
    answer.answers = memory->answers;
    answer.count = batch->count;
    memory->port.on_answer(memory->port.owner, &answer);
    give_back(memory, batch);
}

/* They live as long as this process anyway. */
static void memory_write_fences(struct broker *broker __attribute__((unused)),
                                const struct fence *fences __attribute__((unused)),
                                size_t count __attribute__((unused)))
{
}

static int64_t memory_advance(struct broker *broker, struct now now)
{
    struct broker_memory *memory = memory_of(broker);

    if (now.mono_ms >= memory->expire_ms) {
        known_ids_expire(&memory->known, now.wall_ms - memory->dedupe_ms);
        memory->expire_ms = now.mono_ms + EXPIRE_MS;
    }
    return memory->expire_ms;
}

static struct broker_usage memory_usage(const struct broker *broker)
{
    const struct broker_memory *memory =
        container_of((struct broker *)(uintptr_t)broker, struct broker_memory, broker);

    return (struct broker_usage){
        .ids = known_ids_count(&memory->known),
        .bytes = known_ids_bytes(&memory->known),
        .round_trip_ms = -1,
    };
}

static void memory_free(struct broker *broker)
{
    struct broker_memory *memory = memory_of(broker);

    known_ids_done(&memory->known);
    free(memory->answers);
    free(memory);
}

static const struct broker_operations memory_operations = {
    .publish = memory_publish,
    .write_fences = memory_write_fences,
    .advance = memory_advance,
    .usage = memory_usage,
    .free = memory_free,
};

int broker_memory_new(struct broker **ret, uint64_t epoch, int64_t dedupe_ms,
                      const uint8_t seed[16], const struct broker_port *port)
{
    struct broker_memory *memory = calloc(1, sizeof *memory);

    if (!memory)
        return MCP_AUTH_E_NOMEM;
    memory->broker.operations = &memory_operations;
    memory->port = *port;
    memory->epoch = epoch;
    memory->dedupe_ms = dedupe_ms;
    known_ids_init(&memory->known, seed);
    *ret = &memory->broker;
    return 0;
}
