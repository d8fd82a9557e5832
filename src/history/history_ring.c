/* SPDX-License-Identifier: Apache-2.0 */
/* history_ring.c: the past in memory: a ring of entries, bounded by count, bytes and age. */
#include <assert.h>
#include <stdlib.h>

#include "history/history.h"
#include "history/history_index.h"
#include "mcp_auth/error.h"

#define RING_CAPACITY_FIRST 64u

/* Retained: anchor.n < n <= head.n; the entry at n lies in ring[n & (capacity - 1)]. */
struct history {
    uint64_t epoch;
    struct history_limits limits;
    struct entry *ring;
    size_t capacity; /* 0 or a power of two; head.n - anchor.n <= capacity */
    size_t bytes;
    struct position head, anchor;
    struct history_index index;
};

/* What an event costs here besides itself: its slot in the ring and in its chains. */
static size_t entry_cost(const struct event *event)
{
    return event->size + sizeof(struct entry) + event->audience_count * sizeof(uint64_t);
}

int history_new(struct history **ret, uint64_t epoch, const struct history_limits *limits,
                const uint8_t seed[16])
{
    struct history *history = calloc(1, sizeof *history);

    if (!history)
        return MCP_AUTH_E_NOMEM;
    history->epoch = epoch;
    history->limits = *limits;
    history->head.epoch = history->anchor.epoch = epoch;
    history_index_init(&history->index, seed);
    *ret = history;
    return 0;
}

size_t history_count(const struct history *history)
{
    return (size_t)(history->head.n - history->anchor.n);
}

size_t history_bytes(const struct history *history)
{
    return history->bytes;
}

struct position history_head(const struct history *history)
{
    return history->head;
}

const struct entry *history_at(const struct history *history, uint64_t n)
{
    if (n <= history->anchor.n || n > history->head.n)
        return NULL;
    return &history->ring[n & (history->capacity - 1)];
}

/* The chain that a holder of a wildcard permission walks; see audience.h. */
static bool has_permission_key(const struct event *event, char *key, size_t *ret_size)
{
    for (unsigned i = 0; i < event->audience_count; i++)
        if (event->audience[i].kind == AUDIENCE_PERMISSION) {
            *ret_size = audience_key_write(key, AUDIENCE_ANY_PERMISSION, event->tenant, BYTES(""));
            return true;
        }
    return false;
}

static void index_drop(struct history *history, const struct entry *entry, unsigned keys_count,
                       void (*drop)(struct history_index *, struct bytes, uint64_t))
{
    for (unsigned i = 0; i < keys_count; i++)
        drop(&history->index, entry->event->audience[i].text, entry->n);
}

static int index_entry(struct history *history, const struct entry *entry)
{
    const struct event *event = entry->event;
    char any[AUDIENCE_KEY_MAX];
    size_t any_size;
    unsigned i;
    int r = 0;

    for (i = 0; i < event->audience_count && r == 0; i++)
        r = history_index_add(&history->index, event->audience[i].text, entry->n);
    if (r == 0 && has_permission_key(event, any, &any_size))
        r = history_index_add(&history->index, (struct bytes){any, any_size}, entry->n);
    else if (r < 0)
        i--; /* the one that failed has nothing to take back */
    if (r < 0)
        index_drop(history, entry, i, history_index_drop_last);
    return r;
}

static void evict_oldest(struct history *history)
{
    uint64_t n = history->anchor.n + 1;
    struct entry *entry = &history->ring[n & (history->capacity - 1)];
    char any[AUDIENCE_KEY_MAX];
    size_t any_size;

    assert(entry->n == n);
    index_drop(history, entry, entry->event->audience_count, history_index_drop_first);
    if (has_permission_key(entry->event, any, &any_size))
        history_index_drop_first(&history->index, (struct bytes){any, any_size}, n);
    history->bytes -= entry_cost(entry->event);
    history->anchor.n = n;
    history->anchor.check = entry->check;
    event_unref(entry->event);
    *entry = (struct entry){0};
}

static void evict_all(struct history *history)
{
    while (history_count(history) > 0)
        evict_oldest(history);
}

void history_free(struct history *history)
{
    if (!history)
        return;
    evict_all(history);
    history_index_done(&history->index);
    free(history->ring);
    free(history);
}

void history_reset(struct history *history, const struct position *head)
{
    evict_all(history);
    history->epoch = head->epoch;
    history->head = history->anchor = *head;
}

static int ring_grow(struct history *history)
{
    size_t capacity = history->capacity ? history->capacity * 2 : RING_CAPACITY_FIRST;
    struct entry *ring = calloc(capacity, sizeof *ring);

    if (!ring)
        return MCP_AUTH_E_NOMEM;
    for (uint64_t n = history->anchor.n + 1; n <= history->head.n; n++)
        ring[n & (capacity - 1)] = *history_at(history, n);
    free(history->ring);
    history->ring = ring;
    history->capacity = capacity;
    return 0;
}

static int store(struct history *history, const struct entry *entry)
{
    int r;

    if (history_count(history) == history->capacity) {
        r = ring_grow(history);
        if (r < 0)
            return r;
    }
    r = index_entry(history, entry);
    if (r < 0)
        return r;
    history->ring[entry->n & (history->capacity - 1)] = *entry;
    event_ref(entry->event);
    history->bytes += entry_cost(entry->event);
    return 0;
}

int history_append(struct history *history, const struct entry *entry)
{
    int r;

    assert(entry->n == history->head.n + 1);
    r = store(history, entry);
    if (r < 0)
        evict_all(history);
    history->head.n = entry->n;
    history->head.check = entry->check;
    if (r < 0) {
        history->anchor = history->head;
        return r;
    }
    while (history_count(history) > history->limits.events_max ||
           (history->bytes > history->limits.bytes_max && history_count(history) > 0))
        evict_oldest(history);
    return 0;
}

void history_expire(struct history *history, int64_t wall_ms)
{
    const struct entry *oldest;

    while ((oldest = history_at(history, history->anchor.n + 1)) &&
           oldest->event->time_ms < wall_ms - history->limits.age_max_ms)
        evict_oldest(history);
}

enum history_place history_locate(const struct history *history, const struct position *position)
{
    const struct entry *entry;
    uint64_t check;

    if (position->epoch != history->epoch || position->n < history->anchor.n)
        return HISTORY_LOST;
    if (position->n > history->head.n)
        return HISTORY_AHEAD;
    if (position->n == history->anchor.n) {
        check = history->anchor.check;
    } else {
        entry = history_at(history, position->n);
        check = entry->check;
    }
    return check == position->check ? HISTORY_HERE : HISTORY_LOST;
}

size_t history_count_after(const struct history *history, const struct history_query *query)
{
    size_t count = 0;

    for (unsigned i = 0; i < query->keys_count; i++) {
        const struct history_chain *chain = history_index_find(&history->index, query->keys[i]);

        if (chain)
            count += chain->count - history_chain_after(chain, query->after_n);
    }
    return count;
}

/* The smallest number > after_n that any key finds, or 0. Each step is a binary search per key:
 * a session has a handful of keys, and the answer is at most a slice. */
static uint64_t next_number(const struct history *history, const struct history_query *query,
                            uint64_t after_n)
{
    uint64_t next = 0;

    for (unsigned i = 0; i < query->keys_count; i++) {
        const struct history_chain *chain = history_index_find(&history->index, query->keys[i]);
        size_t place = chain ? history_chain_after(chain, after_n) : 0;

        if (chain && place < chain->count) {
            uint64_t n = history_chain_at(chain, place);

            if (next == 0 || n < next)
                next = n;
        }
    }
    return next;
}

unsigned history_read(const struct history *history, const struct history_query *query,
                      unsigned count_max, struct entry *ret_entries, uint64_t *ret_upto)
{
    uint64_t at = query->after_n;
    unsigned count = 0;

    while (count < count_max) {
        uint64_t n = next_number(history, query, at);

        if (n == 0) {
            *ret_upto = history->head.n > at ? history->head.n : at;
            return count;
        }
        ret_entries[count++] = *history_at(history, n);
        at = n;
    }
    *ret_upto = at;
    return count;
}
