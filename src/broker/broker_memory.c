/* SPDX-License-Identifier: Apache-2.0 */
/* broker_memory.c: one instance alone: every event comes straight back, numbered, once per id. */
#include <assert.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/map.h"
#include "broker/broker.h"
#include "mcp_auth/error.h"
#include "model/limits.h"

/* An id that was given by a publisher, for as long as the dedupe window. */
struct known {
    struct list by_age;
    uint64_t n, check, fingerprint;
    int64_t wall_ms;
    size_t key_size;
    char key[]; /* tenant, unit separator, id */
};

struct broker_memory {
    struct broker broker; /* first */
    struct broker_port port;
    uint64_t epoch, n;
    int64_t dedupe_ms;
    struct map known;
    size_t known_bytes; /* without the map */
    struct list by_age;
    int64_t expire_ms;              /* when to look for old ones next, by mono_ms */
    struct publish_answer *answers; /* of the batch at hand */
    unsigned answers_room;
};

#define EXPIRE_MS 1000

#define KNOWN_KEY_MAX (TENANT_SIZE_MAX + 1u + EVENT_ID_SIZE_MAX)

static struct broker_memory *memory_of(struct broker *broker)
{
    return container_of(broker, struct broker_memory, broker);
}

static struct bytes known_key(const void *item)
{
    const struct known *known = item;

    return (struct bytes){known->key, known->key_size};
}

static struct bytes key_write(char ret[KNOWN_KEY_MAX], const struct event *event)
{
    assert(event->tenant.size <= TENANT_SIZE_MAX && event->id.size <= EVENT_ID_SIZE_MAX);
    memcpy(ret, event->tenant.data, event->tenant.size);
    ret[event->tenant.size] = '\x1f';
    memcpy(ret + event->tenant.size + 1, event->id.data, event->id.size);
    return (struct bytes){ret, event->tenant.size + 1 + event->id.size};
}

static void forget(struct broker_memory *memory, struct known *known)
{
    map_remove(&memory->known, known_key(known));
    list_unlink(&known->by_age);
    memory->known_bytes -= sizeof *known + known->key_size;
    free(known);
}

static void forget_older(struct broker_memory *memory, int64_t before_ms)
{
    while (!list_empty(&memory->by_age)) {
        struct known *oldest = container_of(memory->by_age.next, struct known, by_age);

        if (oldest->wall_ms >= before_ms && memory->known.count <= DEDUPE_ENTRIES_MAX)
            return;
        forget(memory, oldest);
    }
}

/* An id that the server made cannot come twice, so only given ones are looked up and kept. */
static struct known *find(const struct broker_memory *memory, const struct event *event,
                          int64_t wall_ms)
{
    char key[KNOWN_KEY_MAX];
    struct known *known = event->id_given ? map_find(&memory->known, key_write(key, event)) : NULL;

    return known && known->wall_ms >= wall_ms - memory->dedupe_ms ? known : NULL;
}

static int remember(struct broker_memory *memory, const struct event *event,
                    const struct position *at, int64_t wall_ms)
{
    char text[KNOWN_KEY_MAX];
    struct bytes key = key_write(text, event);
    struct known *known = map_find(&memory->known, key);
    int r;

    if (known) /* from before the window */
        forget(memory, known);
    known = malloc(sizeof *known + key.size);
    if (!known)
        return MCP_AUTH_E_NOMEM;
    known->n = at->n;
    known->check = at->check;
    known->fingerprint = event->fingerprint;
    known->wall_ms = wall_ms;
    known->key_size = key.size;
    memcpy(known->key, key.data, key.size);
    r = map_insert(&memory->known, known);
    if (r < 0) {
        free(known);
        return r;
    }
    list_append(&memory->by_age, &known->by_age);
    memory->known_bytes += sizeof *known + known->key_size;
    return 0;
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
static enum batch_result take(struct broker_memory *memory, const struct event *event,
                              uint64_t *last_n, int64_t wall_ms, struct publish_answer *ret)
{
    const struct known *known = find(memory, event, wall_ms);
    struct position *at = &ret->at;

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
    if (event->id_given && remember(memory, event, at, wall_ms) < 0)
        return BATCH_FAILED;
    *last_n = at->n;
    return BATCH_TAKEN;
}

/* What was remembered of a batch that is not stored. */
static void forget_beyond(struct broker_memory *memory, uint64_t n)
{
    while (!list_empty(&memory->by_age)) {
        struct known *newest = container_of(memory->by_age.prev, struct known, by_age);

        if (newest->n <= n)
            return;
        forget(memory, newest);
    }
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
        forget_beyond(memory, memory->n);
        memory->port.on_answer(memory->port.owner, &answer);
        return;
    }
    memory->n = last_n;
    forget_older(memory, wall_ms - memory->dedupe_ms);
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
        forget_older(memory, now.wall_ms - memory->dedupe_ms);
        memory->expire_ms = now.mono_ms + EXPIRE_MS;
    }
    return memory->expire_ms;
}

static struct broker_usage memory_usage(const struct broker *broker)
{
    const struct broker_memory *memory =
        container_of((struct broker *)(uintptr_t)broker, struct broker_memory, broker);

    return (struct broker_usage){
        .ids = memory->known.count,
        .bytes = memory->known_bytes + memory->known.capacity * sizeof *memory->known.slots,
        .round_trip_ms = -1,
    };
}

static void memory_free(struct broker *broker)
{
    struct broker_memory *memory = memory_of(broker);

    while (!list_empty(&memory->by_age))
        forget(memory, container_of(memory->by_age.next, struct known, by_age));
    map_done(&memory->known);
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
    map_init(&memory->known, known_key, seed);
    list_init(&memory->by_age);
    *ret = &memory->broker;
    return 0;
}
