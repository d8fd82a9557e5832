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
};

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

static int remember(struct broker_memory *memory, const struct entry *entry, int64_t wall_ms)
{
    char text[KNOWN_KEY_MAX];
    struct bytes key = key_write(text, entry->event);
    struct known *known = map_find(&memory->known, key);
    int r;

    if (known) /* from before the window */
        forget(memory, known);
    known = malloc(sizeof *known + key.size);
    if (!known)
        return MCP_AUTH_E_NOMEM;
    known->n = entry->n;
    known->check = entry->check;
    known->fingerprint = entry->event->fingerprint;
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

static bool memory_conflicts(const struct broker *broker, const struct event *event,
                             int64_t wall_ms)
{
    const struct broker_memory *memory =
        container_of((struct broker *)(uintptr_t)broker, struct broker_memory, broker);
    const struct known *known = find(memory, event, wall_ms);

    return known && known->fingerprint != event->fingerprint;
}

static void memory_publish(struct broker *broker, struct event *event, uint64_t ticket,
                           int64_t wall_ms)
{
    struct broker_memory *memory = memory_of(broker);
    const struct known *known = find(memory, event, wall_ms);
    struct position at = {.epoch = memory->epoch};
    struct entry entry = {.event = event};
    enum publish_outcome outcome = PUBLISH_TAKEN;

    if (known) {
        at.n = known->n;
        at.check = known->check;
        outcome = known->fingerprint == event->fingerprint ? PUBLISH_DUPLICATE : PUBLISH_CONFLICT;
        memory->port.on_outcome(memory->port.owner, ticket, outcome, &at);
        return;
    }
    entry.n = at.n = memory->n + 1;
    entry.check = at.check = position_check(memory->epoch, entry.n, event->tenant, event->id);
    if (event->id_given && remember(memory, &entry, wall_ms) < 0) {
        memory->port.on_outcome(memory->port.owner, ticket, PUBLISH_FAILED, &at);
        return;
    }
    memory->n = entry.n;
    forget_older(memory, wall_ms - memory->dedupe_ms);
    memory->port.on_outcome(memory->port.owner, ticket, outcome, &at);
    memory->port.on_entry(memory->port.owner, &entry);
}

static void memory_tick(struct broker *broker, int64_t wall_ms)
{
    struct broker_memory *memory = memory_of(broker);

    forget_older(memory, wall_ms - memory->dedupe_ms);
}

static struct broker_usage memory_usage(const struct broker *broker)
{
    const struct broker_memory *memory =
        container_of((struct broker *)(uintptr_t)broker, struct broker_memory, broker);

    return (struct broker_usage){
        .ids = memory->known.count,
        .bytes = memory->known_bytes + memory->known.capacity * sizeof *memory->known.slots,
    };
}

static void memory_free(struct broker *broker)
{
    struct broker_memory *memory = memory_of(broker);

    while (!list_empty(&memory->by_age))
        forget(memory, container_of(memory->by_age.next, struct known, by_age));
    map_done(&memory->known);
    free(memory);
}

static const struct broker_operations memory_operations = {
    .publish = memory_publish,
    .conflicts = memory_conflicts,
    .tick = memory_tick,
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
